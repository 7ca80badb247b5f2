"""The two-sample Kolmogorov-Smirnov test of 16 columns, the first half of the year against the second."""

import pandas as pd
import scipy
from scipy.stats import ks_2samp


class SciPy:
    version = scipy.__version__

    def load(self, directory):
        frame = pd.read_parquet(directory / "numeric.parquet")
        half = len(frame) // 2
        self.columns = {name: (x[:half].dropna().to_numpy(), x[half:].dropna().to_numpy()) for name, x in frame.items()}
        return len(frame)

    def run(self):
        return {name: ks_2samp(a, b, method="asymp") for name, (a, b) in self.columns.items()}

    def outcome(self):
        found = {f"{name} D": found.statistic for name, found in self.output.items()}
        return found | {f"{name} p": found.pvalue for name, found in self.output.items()}, None


PEERS = {"scipy": SciPy}
EQUAL = dict(rtol=1e-9, atol=1e-300)
TARGET = {"scipy": 10.0}

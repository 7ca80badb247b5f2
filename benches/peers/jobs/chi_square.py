"""The chi-square test of independence of five columns and being late: the tables and the tests."""

import pandas as pd
import scipy
from scipy.stats import chi2_contingency

COLUMNS = ["carrier", "origin", "dest", "month", "hour"]


class PandasSciPy:
    version = f"{pd.__version__} + scipy {scipy.__version__}"

    def load(self, directory):
        self.frame = pd.read_parquet(directory / "flights.parquet")
        return len(self.frame)

    def run(self):
        late = self.frame.late
        return {name: chi2_contingency(pd.crosstab(self.frame[name], late), correction=False) for name in COLUMNS}

    def outcome(self):
        found = {f"{name} D": found.statistic for name, found in self.output.items()}
        return found | {f"{name} p": found.pvalue for name, found in self.output.items()}, None


PEERS = {"pandas": PandasSciPy}
EQUAL = dict(rtol=1e-9, atol=1e-300)
TARGET = {"pandas": 3.0}

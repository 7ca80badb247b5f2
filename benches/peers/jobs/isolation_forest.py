"""An isolation forest of 100 trees, 256 rows each, on 100,000 rows of 16 numbers, and the scores of all of them.

The scores are those of the paper, higher where odd. Trees are drawn, so quantiles may be a little apart.
"""

import os

import numpy as np
import pandas as pd
import sklearn
from sklearn.ensemble import IsolationForest


class ScikitLearn:
    version = sklearn.__version__

    def load(self, directory):
        frame = pd.read_parquet(directory / "resampling.parquet").iloc[:100_000]
        self.x = frame.drop(columns=["carrier", "origin", "dest", "late"]).to_numpy()
        self.threads = int(os.environ.get("OMP_NUM_THREADS", 1))
        return len(self.x)

    def run(self):
        model = IsolationForest(n_estimators=100, max_samples=256, n_jobs=self.threads, random_state=0).fit(self.x)
        return -model.score_samples(self.x)

    def outcome(self):
        found = {f"quantile {q}": np.quantile(self.output, q) for q in [0.01, 0.1, 0.5, 0.9, 0.99]}
        return found | {"mean": self.output.mean()}, None


PEERS = {"scikit-learn": ScikitLearn}
EQUAL = dict(rtol=0.0, atol=0.03)
TARGET = {"scikit-learn": 3.0}

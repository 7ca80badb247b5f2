"""Five text columns hashed to 2^18 columns. The peer wants lists of strings: made in the clock, and beforehand."""

import numpy as np
import pandas as pd
import sklearn
from sklearn.feature_extraction import FeatureHasher

COLUMNS = ["carrier", "origin", "dest", "tailnum", "manufacturer"]


def sparse_sums(matrix):
    """Sums that no other order of rows or columns would give."""
    matrix = matrix.tocsr()
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    sums = [np.count_nonzero(matrix.data), (matrix.data * (rows % 7 + 1)).sum(), (matrix.data * (matrix.indices % 1009)).sum()]
    return dict(zip(["entries", "by row", "by column"], map(float, sums)))


def lists(frame):
    columns = [[f"{name}={v}" if isinstance(v, str) else None for v in frame[name].tolist()] for name in COLUMNS]
    return [[v for v in row if v is not None] for row in zip(*columns)]


class ScikitLearn:
    version = sklearn.__version__

    def load(self, directory):
        self.frame = pd.read_parquet(directory / "flights.parquet", columns=COLUMNS)
        return len(self.frame)

    def rows(self):
        return lists(self.frame)

    def run(self):
        return FeatureHasher(n_features=1 << 18, input_type="string").transform(self.rows())

    def outcome(self):
        return sparse_sums(self.output), None


class Prepared(ScikitLearn):
    def load(self, directory):
        rows = super().load(directory)
        self.prepared = lists(self.frame)
        return rows

    def rows(self):
        return self.prepared


PEERS = {"scikit-learn": ScikitLearn, "prepared": Prepared}
EQUAL = dict(rtol=0.0, atol=0.0)
TARGET = {"scikit-learn": 20.0, "prepared": 5.0}

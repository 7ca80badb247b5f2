"""Fills 20,000 rows of 16 numbers from the five nearest rows each."""

import pandas as pd
import sklearn
from sklearn.impute import KNNImputer

from jobs import column_sums


class ScikitLearn:
    version = sklearn.__version__

    def load(self, directory):
        frame = pd.read_parquet(directory / "neighbors.parquet")
        self.names, self.x = list(frame.columns), frame.to_numpy()
        return len(self.x)

    def run(self):
        return KNNImputer(n_neighbors=5).fit_transform(self.x)

    def outcome(self):
        return column_sums(self.names, self.output.T), None


PEERS = {"scikit-learn": ScikitLearn}
EQUAL = dict(rtol=1e-9, atol=1e-6)
TARGET = {"scikit-learn": 20.0}

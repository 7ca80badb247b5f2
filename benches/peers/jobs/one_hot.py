"""Carrier, origin and destination as dense UInt8 columns."""

import numpy as np
import pandas as pd
import polars as pl
import sklearn
from sklearn.preprocessing import OneHotEncoder

from jobs import column_sums

COLUMNS = ["carrier", "origin", "dest"]


class ScikitLearn:
    version = sklearn.__version__

    def load(self, directory):
        self.frame = pd.read_parquet(directory / "flights.parquet", columns=COLUMNS)
        return len(self.frame)

    def run(self):
        self.encoder = OneHotEncoder(sparse_output=False, dtype=np.uint8)
        return self.encoder.fit_transform(self.frame)

    def outcome(self):
        names = [n.replace("_", "=", 1) for n in self.encoder.get_feature_names_out()]
        return column_sums(names, self.output.T), None


class Polars:
    version = pl.__version__

    def load(self, directory):
        self.frame = pl.read_parquet(directory / "flights.parquet", columns=COLUMNS).rechunk()
        return self.frame.height

    def run(self):
        return self.frame.to_dummies(separator="=")

    def outcome(self):
        return column_sums(self.output.columns, [c.to_numpy() for c in self.output]), None


PEERS = {"scikit-learn": ScikitLearn, "polars": Polars}
EQUAL = dict(rtol=0.0, atol=0.0)
TARGET = {"scikit-learn": 4.0}

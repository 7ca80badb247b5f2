"""A weighted sample of 300,000 of three million rows without replacement, as indices. Draws differ: their mean weight must not."""

import numpy as np
import pandas as pd


class Numpy:
    version = np.__version__

    def load(self, directory):
        self.weights = pd.read_parquet(directory / "flights_3m.parquet", columns=["distance"]).distance.to_numpy().astype("float64")
        self.rng = np.random.default_rng(1)
        return len(self.weights)

    def run(self):
        return self.rng.choice(len(self.weights), 300_000, replace=False, p=self.weights / self.weights.sum())

    def outcome(self):
        mean = self.weights[self.output].mean()
        return {"rows": len(self.output), "mean weight": mean}, mean


class NumpyKeys(Numpy):
    def run(self):
        keys = self.rng.standard_exponential(len(self.weights)) / self.weights
        return np.argpartition(keys, 300_000)[:300_000]


PEERS = {"numpy choice": Numpy, "numpy keys": NumpyKeys}
EQUAL = dict(rtol=0.005, atol=0.0)
TARGET = {"numpy choice": 10.0, "numpy keys": 1.3}

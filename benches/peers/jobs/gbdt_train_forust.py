"""As `gbdt_train`, against forust, which is Rust, through its Python package. It is given the most favourable of its histograms."""

import importlib.metadata

import numpy as np
from forust import GradientBooster

from jobs import Training


class Forust(Training):
    version, tiled = importlib.metadata.version("forust"), False

    def form(self, frame):
        # As it takes columns.
        return np.asfortranarray(frame.to_numpy())

    def fit(self, x, y):
        model = GradientBooster(
            objective_type="LogLoss", iterations=200, learning_rate=0.1, max_depth=1_000, max_leaves=63, grow_policy="LossGuide", nbins=255,
            num_threads=self.threads, tiled_histograms=self.tiled,
        )
        model.fit(x, y.astype("float64"))
        return model

    def p(self, x):
        return 1 / (1 + np.exp(-self.output.predict(x)))


class Tiled(Forust):
    tiled = True


PEERS = {"forust": Forust, "forust tiled": Tiled}
EQUAL = dict(rtol=0.0, atol=0.02, quality_above=0.02)
TARGET = {"forust": 2.0, "forust tiled": 2.0}

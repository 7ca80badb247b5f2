"""The flights of `gbdt_row` in batches of 100, one thread: 200 trees with 63 leaves, YDF's own and LightGBM's that mlsys reads.

YDF times itself (`benchmark`), without what turns a table into its form. Models differ, so nothing but the time is compared.
"""

import importlib.metadata

import numpy as np
import pandas as pd
import ydf

from jobs import flights_matrix

ydf.verbose(0)


class Ydf:
    version = importlib.metadata.version("ydf")

    def load(self, directory):
        x = flights_matrix(directory)
        self.model = ydf.load_model(str(directory / "flights_200x63.ydf"))
        self.x = pd.DataFrame(x[np.arange(20_000) * 7919 % len(x)], columns=self.model.input_feature_names())
        return len(self.x)

    def run(self):
        found = self.model.benchmark(self.x, benchmark_duration=1, warmup_duration=0.2, batch_size=100, num_threads=1)
        self.seconds = found.duration_per_example * len(self.x)
        self.figures = {"row_us": found.duration_per_example * 1e6}

    def outcome(self):
        return {}, None


PEERS = {"ydf": Ydf}
EQUAL = dict(rtol=0.0, atol=0.0)
TARGET = {"ydf": 1.0}

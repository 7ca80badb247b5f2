"""Raw scores of all 327,346 flights by LightGBM's model of 200 trees with 63 leaves, which mlsys reads."""

import os

import lightgbm

from jobs import column_sums, flights_matrix


class LightGbm:
    version = lightgbm.__version__

    def load(self, directory):
        self.x = flights_matrix(directory)
        self.booster = lightgbm.Booster(model_file=str(directory / "flights_200x63.txt"))
        self.threads = int(os.environ.get("OMP_NUM_THREADS", 1))
        return len(self.x)

    def run(self):
        return self.booster.predict(self.x, raw_score=True, num_threads=self.threads)

    def outcome(self):
        return column_sums(["raw score"], [self.output]), None


PEERS = {"lightgbm": LightGbm}
EQUAL = dict(rtol=1e-12, atol=1e-9)
TARGET = {"lightgbm": 4.0}

"""What each of 24 features adds to the raw scores of 10,000 flights of the test months, by LightGBM's model of 200 trees with 63 leaves."""

import os

import lightgbm

from jobs import column_sums, flights_matrix


class LightGbm:
    version = lightgbm.__version__

    def load(self, directory):
        self.x = flights_matrix(directory)[-10_000:]
        self.booster = lightgbm.Booster(model_file=str(directory / "flights_200x63.txt"))
        self.threads = int(os.environ.get("OMP_NUM_THREADS", 1))
        return len(self.x)

    def run(self):
        return self.booster.predict(self.x, pred_contrib=True, num_threads=self.threads)

    def outcome(self):
        return column_sums(self.booster.feature_name() + ["base"], self.output.T), None


PEERS = {"lightgbm": LightGbm}
EQUAL = dict(rtol=1e-6, atol=1e-6)
TARGET = {"lightgbm": 6.0}

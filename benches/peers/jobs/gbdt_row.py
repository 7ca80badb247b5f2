"""Raw scores of 20,000 flights, one call for a row, one thread: LightGBM's model of 200 trees with 63 leaves over 24 features.

The time is of all calls; `p50_us` and `p99_us` are of one call.
"""

from jobs import RowByRow, flights_matrix


class LightGbm(RowByRow):
    model = "flights_200x63.txt"

    def matrix(self, directory):
        return flights_matrix(directory)


PEERS = {"lightgbm": LightGbm}
EQUAL = dict(rtol=1e-12, atol=1e-9)
TARGET = {"lightgbm": 3.33}

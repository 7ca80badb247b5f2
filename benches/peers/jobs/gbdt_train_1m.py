"""Boosted trees on 1,000,000 synthetic rows of 28 numbers: 100 trees of 63 leaves, else as `gbdt_train`."""

from jobs import LightGbm, one_million


class Many(LightGbm):
    trees = 100

    def frames(self, directory):
        return one_million(directory)


PEERS = {"lightgbm": Many}
EQUAL = dict(rtol=0.0, atol=0.005, quality_above=0.005)
TARGET = {"lightgbm": 1.67}

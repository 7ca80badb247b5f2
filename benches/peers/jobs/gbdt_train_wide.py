"""Boosted trees on 35,000 synthetic rows of 1,738 numbers in single precision: 50 trees of 63 leaves, else as `gbdt_train`."""

import pandas as pd

from jobs import LightGbm


class Wide(LightGbm):
    trees = 50

    def frames(self, directory):
        frame = pd.read_parquet(directory / "boosting_wide.parquet")
        return frame.iloc[:35_000], frame.iloc[35_000:]


PEERS = {"lightgbm": Wide}
EQUAL = dict(rtol=0.0, atol=0.01, quality_above=0.01)
TARGET = {"lightgbm": 1.0}

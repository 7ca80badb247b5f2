"""As `gbdt_train`, on the first 10,000 rows."""

from jobs import LightGbm


class Few(LightGbm):
    rows = 10_000


PEERS = {"lightgbm": Few}
EQUAL = dict(rtol=0.0, atol=0.03, quality_above=0.05)
TARGET = {"lightgbm": 1.67}

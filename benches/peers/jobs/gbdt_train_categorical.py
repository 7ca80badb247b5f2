"""As `gbdt_train`, with carrier, origin, destination and tail number as categories: codes on the peer's side, dictionaries on mlsys's."""

from jobs import LightGbm


class Categorical(LightGbm):
    categories = ["carrier_code", "origin_code", "dest_code", "tailnum_code"]


PEERS = {"lightgbm": Categorical}
EQUAL = dict(rtol=0.0, atol=0.02, quality_above=0.02)
TARGET = {"lightgbm": 1.67}

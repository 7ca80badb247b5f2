"""As `gbdt_train`, against LightGBM with gradients quantised to four levels."""

from jobs import LightGbm


class Quantised(LightGbm):
    settings = dict(use_quantized_grad=True)


PEERS = {"lightgbm quantised": Quantised}
EQUAL = dict(rtol=0.0, atol=0.02, quality_above=0.02)
TARGET = {"lightgbm quantised": 1.0}

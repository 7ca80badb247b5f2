"""Five text columns as what `late` is like there, training rows out of fold: mlsys's five folds, handed to the peers."""

import numpy as np
import pandas as pd
import polars as pl
import sklearn
from sklearn.model_selection import PredefinedSplit
from sklearn.preprocessing import TargetEncoder

from jobs import column_sums

COLUMNS = ["carrier", "origin", "dest", "tailnum", "manufacturer"]
FOLDS = 5


def folds(n):
    """mlsys's default folds of n rows: ranked by the stable hash of the row id under the seed 0."""
    word = (1 << 64) - 1
    k0, k1 = 0xA0761D6478BD642F, 0xE7037ED1A0B428DB

    def fold(a, b):
        product = a * b
        return (product & word) ^ (product >> 64)

    def hashed(value):
        rotated = (value << 32 | value >> 32) & word
        return fold(fold(value ^ k0, k1) ^ k0, rotated ^ k1)

    rank = np.argsort(np.argsort(np.array([hashed(i) for i in range(n)], dtype=np.uint64)))
    return (rank % FOLDS).astype("int64")


class ScikitLearn:
    version = sklearn.__version__

    def load(self, directory):
        frame = pd.read_parquet(directory / "flights.parquet", columns=COLUMNS + ["late"])
        self.frame, self.y = frame[COLUMNS], frame["late"].to_numpy().astype("int64")
        self.folds = PredefinedSplit(folds(len(frame)))
        return len(frame)

    def run(self):
        return TargetEncoder(target_type="binary", cv=self.folds).fit_transform(self.frame, self.y)

    def outcome(self):
        return column_sums(COLUMNS, self.output.T), None


class Polars:
    version = pl.__version__

    def load(self, directory):
        frame = pl.read_parquet(directory / "flights.parquet", columns=COLUMNS + ["late"]).rechunk()
        fold = pl.Series("fold", folds(frame.height), dtype=pl.Int8)
        self.frame = frame.with_columns(fold, pl.col("late").cast(pl.Float64))
        return self.frame.height

    def run(self):
        late, n, s = pl.col("late"), pl.col("n"), pl.col("s")
        folds = self.frame.group_by("fold").agg(n=pl.len(), s=late.sum())
        folds = folds.select("fold", mean=(s.sum() - s) / (n.sum() - n))
        encoded = []
        for name in COLUMNS:
            cells = self.frame.group_by(name, "fold").agg(n=pl.len(), s=late.sum())
            cells = cells.with_columns(n=n.sum().over(name) - n, s=s.sum().over(name) - s).join(folds, on="fold")
            own, mean = s / n, pl.col("mean")
            known = mean * (1 - mean) * n
            share = known / (known + own * (1 - own))
            value = pl.when(n > 0).then(share * own + (1 - share) * mean).otherwise(mean)
            cells = cells.select(name, "fold", value=value)
            joined = self.frame.select(name, "fold").join(cells, on=[name, "fold"], how="left", nulls_equal=True, maintain_order="left")
            encoded.append(joined["value"].rename(name))
        return pl.DataFrame(encoded)

    def outcome(self):
        return column_sums(COLUMNS, [c.to_numpy() for c in self.output]), None


PEERS = {"scikit-learn": ScikitLearn, "polars": Polars}
EQUAL = dict(rtol=1e-9, atol=1e-6)
TARGET = {"scikit-learn": 10.0, "polars": 4.0}

"""A tenth of each of 229 strata of three million rows, as indices."""

import polars as pl


class Polars:
    version = pl.__version__

    def load(self, directory):
        self.frame = pl.read_parquet(directory / "flights_3m.parquet", columns=["origin"]).rechunk()
        self.seed = 0
        return self.frame.height

    def run(self):
        self.seed += 1
        rank = pl.int_range(pl.len()).shuffle(seed=self.seed).over("origin")
        return self.frame.lazy().select(pl.arg_where(rank < (pl.len().over("origin") / 10).round())).collect()

    def outcome(self):
        taken = self.frame[self.output.to_series()].group_by("origin").len()
        return {name: float(rows) for name, rows in taken.iter_rows()}, None


PEERS = {"polars": Polars}
# Shares are rounded one by one here, by the largest remainder there.
EQUAL = dict(rtol=0.0, atol=1.0)
TARGET = {"polars": 3.0}

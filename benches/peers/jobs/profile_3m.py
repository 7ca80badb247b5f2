"""The profile of `profile`, of a Parquet file of three million rows, from the file; without the most frequent of 214,000 times."""

import polars as pl

from jobs.profile import Polars as InMemory


class Polars(InMemory):
    no_top = ("date",)

    def load(self, directory):
        self.path = directory / "flights_3m.parquet"
        return pl.scan_parquet(self.path).select(pl.len()).collect().item()

    def run(self):
        self.frame = pl.read_parquet(self.path)
        return super().run()


PEERS = {"polars": Polars}
EQUAL = dict(rtol=1e-9, atol=1e-9)
TARGET = {"polars": 1.5}

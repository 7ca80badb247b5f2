"""The profile of `profile`, of a Parquet file of three million rows, from the file."""

import polars as pl

from jobs.profile import Polars as InMemory


class Polars(InMemory):
    def load(self, directory):
        self.path = directory / "flights_3m.parquet"
        return pl.scan_parquet(self.path).select(pl.len()).collect().item()

    def run(self):
        self.frame = pl.read_parquet(self.path)
        return super().run()


PEERS = {"polars": Polars}
EQUAL = dict(rtol=1e-9, atol=1e-9)
TARGET = {"polars": 1.5}

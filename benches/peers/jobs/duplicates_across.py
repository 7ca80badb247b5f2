"""Which of 84,194 test rows are among the other 252,582 flights, in all 20 columns, null equal to null.

Of the exact ways in Polars the semi-join is what people write, and the hashes are the fastest that holds for any table: what both parts
have the hash of is joined. Slower than the plain join are the streaming engine (2 times), structs by `is_in` or joined (2.5 times), and
a join with the distinct training rows (2.5 times).
"""

import polars as pl


class SemiJoin:
    version = pl.__version__

    def load(self, directory):
        self.train, self.test = (pl.read_parquet(directory / f"duplicates_{part}.parquet").rechunk() for part in ["train", "test"])
        return self.train.height + self.test.height

    def run(self):
        return self.among(self.test.with_row_index("row"), self.train)

    def among(self, test, train):
        return test.join(train, on=train.columns, how="semi", nulls_equal=True)["row"]

    def outcome(self):
        return {"rows": self.output.len(), "positions": self.output.cast(pl.Int64).sum()}, None


class Hashed(SemiJoin):
    def run(self):
        train, test = self.train.hash_rows(), self.test.hash_rows()
        there = test.is_in(train.implode())
        here = train.is_in(test.filter(there).implode())
        return self.among(self.test.with_row_index("row").filter(there), self.train.filter(here))


PEERS = {"polars": SemiJoin, "polars hashed": Hashed}
EQUAL = dict(rtol=0.0, atol=0.0)
TARGET = {"polars": 2.0, "polars hashed": 2.0}

"""Missing values, extremes, mean, deviation, three quantiles, distinct values and the most frequent of every column."""

import numpy as np
import pandas as pd
import polars as pl


class Pandas:
    version = pd.__version__

    def load(self, directory):
        self.frame = pd.read_parquet(directory / "flights.parquet")
        return len(self.frame)

    def run(self):
        out = {}
        for name, x in self.frame.items():
            numeric = pd.api.types.is_numeric_dtype(x)
            out[name] = dict(missing=x.isna().sum(), distinct=x.nunique(), min=x.dropna().min(), max=x.dropna().max())
            if numeric:
                y = x.astype("float64")
                out[name] |= {"mean": y.mean(), "std": y.std()}
                out[name] |= {f"q{q}": v for q, v in zip([0.25, 0.5, 0.75], y.quantile([0.25, 0.5, 0.75]))}
            else:
                out[name]["top"] = x.value_counts().iloc[0]
        return out

    def outcome(self):
        parts = {f"{name} {what}": v for name, found in self.output.items() for what, v in found.items()}
        return {k: float(v) for k, v in parts.items() if not k.endswith((" min", " max"))}, None


class Polars:
    version = pl.__version__
    no_top = ()

    def load(self, directory):
        self.frame = pl.read_parquet(directory / "flights.parquet").rechunk()
        return self.frame.height

    def run(self):
        parts = []
        for name, kind in self.frame.schema.items():
            x = pl.col(name)
            parts += [
                x.null_count().alias(f"{name} missing"), x.drop_nulls().n_unique().alias(f"{name} distinct"),
                x.min().alias(f"{name} min"), x.max().alias(f"{name} max"),
            ]
            if kind.is_numeric() or kind == pl.Boolean:
                y = x.cast(pl.Float64)
                parts += [y.mean().alias(f"{name} mean"), y.std().alias(f"{name} std")]
                parts += [y.quantile(q, interpolation="linear").alias(f"{name} q{q}") for q in [0.25, 0.5, 0.75]]
            elif name not in self.no_top:
                parts.append(x.drop_nulls().value_counts(sort=True).first().struct.field("count").alias(f"{name} top"))
        return self.frame.lazy().select(parts).collect()

    def outcome(self):
        found = self.output.row(0, named=True)
        return {k: float(v) for k, v in found.items() if not k.endswith((" min", " max"))}, None


PEERS = {"pandas": Pandas, "polars": Polars}
EQUAL = dict(rtol=1e-9, atol=1e-9)
TARGET = {"pandas": 4.0}

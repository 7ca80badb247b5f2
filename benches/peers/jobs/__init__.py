"""A file per job. Each has PEERS: a name and a class with load, run and outcome, and says what is compared how."""

import os

import numpy as np
import pandas as pd


def column_sums(names, columns):
    """Sums weighted by the row, missing values left out: what both sides can compute of an output table."""
    sums = {}
    for name, column in zip(names, columns):
        x = np.asarray(column, dtype="float64")
        sums[name] = float(np.nansum(x * (np.arange(len(x)) % 7 + 1)))
    return sums


class Resampling:
    """A resampler of imbalanced-learn on the first flights of the training rows. `exact` resamplers draw nothing: the rows that they
    keep must be the same. Of others the numbers of rows and of distinct ones are compared, and each class's means and deviations."""

    rows, categories, exact = 100_000, [], False

    def load(self, directory):
        frame = pd.read_parquet(directory / "resampling.parquet").iloc[: self.rows]
        self.y = frame.pop("late").to_numpy()
        self.x = frame if self.categories else frame.drop(columns=["carrier", "origin", "dest"]).to_numpy()
        self.names = [name for name in frame.columns if name not in ["carrier", "origin", "dest"]]
        return len(frame)

    def run(self):
        return self.resampler().fit_resample(self.x, self.y)

    def outcome(self):
        x, y = self.output
        x = (x[self.names] if self.categories else pd.DataFrame(x, columns=self.names)).to_numpy()
        late = np.asarray(y).astype(bool)
        found = {"rows": float(len(x)), "late": float(late.sum())}
        if self.exact:
            return found | dict(zip(self.names, x.sum(axis=0))), None
        found["distinct"] = float(len(np.unique(x, axis=0)))
        for c in [False, True]:
            for name, values in zip(self.names, x[late == c].T):
                found |= {f"mean of {name}, {c}": values.mean(), f"deviation of {name}, {c}": values.std()}
        return found, None


def resampling(make, **settings):
    """A peer of a job that resamples: `make` gives the resampler, given how many threads may search."""
    import imblearn

    threads = int(os.environ.get("OMP_NUM_THREADS", 1))
    settings |= dict(version=imblearn.__version__, resampler=lambda self: make(threads))
    return type("Peer", (Resampling,), settings)

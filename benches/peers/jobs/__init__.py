"""A file per job. Each has PEERS: a name and a class with load, run and outcome, and says what is compared how."""

import os
import time

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


class Training:
    """A learner of boosted trees or of a forest on `late`, 24 numbers with their gaps; the log loss of a test part is the quality. A peer
    gives `fit`, which fits x and y, and `p`, the probabilities of x. What it notes in `figures` is reported beside the time."""

    rows = None

    def load(self, directory):
        self.threads = int(os.environ.get("OMP_NUM_THREADS", 1))
        self.figures = {}
        train, test = self.frames(directory)
        self.x, self.y = self.form(train.iloc[:, :-1]), train.iloc[:, -1].to_numpy()
        self.test, self.truth = test.iloc[:, :-1], test.iloc[:, -1].to_numpy()
        return len(self.y)

    def frames(self, directory):
        def read(part):
            frame = pd.read_parquet(directory / f"boosting_{part}.parquet")
            return frame.drop(columns=["carrier", "origin", "dest", "tailnum"])

        return read("train").iloc[: self.rows], read("test")

    def form(self, frame):
        return np.ascontiguousarray(frame.to_numpy())

    def run(self):
        return self.fit(self.x, self.y)

    def outcome(self):
        from sklearn.metrics import log_loss, roc_auc_score

        p = self.p(self.form(self.test))
        return {"auc": roc_auc_score(self.truth, p)}, float(log_loss(self.truth, p))


class LightGbm(Training):
    """Trees and leaves as the job says; all else as LightGBM has it by default."""

    trees, categories, settings = 200, "auto", {}

    @property
    def version(self):
        import lightgbm

        return lightgbm.__version__

    def form(self, frame):
        import pyarrow as pa

        # What it bins fastest.
        return pa.Table.from_pandas(frame, preserve_index=False)

    def fit(self, x, y):
        import lightgbm

        parameters = dict(objective="binary", num_leaves=63, learning_rate=0.1, verbosity=-1, num_threads=self.threads) | self.settings
        clock = time.perf_counter()
        data = lightgbm.Dataset(x, y, categorical_feature=self.categories, params=parameters).construct()
        self.figures["prepare_s"] = time.perf_counter() - clock
        return lightgbm.train(parameters, data, self.trees)

    def p(self, x):
        return self.output.predict(x)


def one_million(directory):
    """The 1,000,000 x 28 synthetic rows, and 100,000 to test with."""
    frame = pd.read_parquet(directory / "boosting_1m.parquet")
    return frame.iloc[:1_000_000], frame.iloc[1_000_000:]


def flights_matrix(directory):
    """All 327,346 flights as 24 numbers: training rows, then test rows."""
    parts = [pd.read_parquet(directory / f"boosting_{part}.parquet").iloc[:, :24].to_numpy() for part in ["train", "test"]]
    return np.ascontiguousarray(np.concatenate(parts))


class RowByRow:
    """LightGBM's C API for single rows at one thread, called from C: raw scores of 20,000 rows, one call each. The k-th is row k * 7919 modulo
    the number of rows, since neighbours are alike and a processor learns their way."""

    @property
    def version(self):
        import lightgbm

        return lightgbm.__version__

    def load(self, directory):
        import ctypes
        import subprocess
        import tempfile

        import lightgbm
        from lightgbm.basic import _LIB

        x = self.matrix(directory)
        self.x = np.ascontiguousarray(x[np.arange(20_000) * 7919 % len(x)])
        self.booster = lightgbm.Booster(model_file=str(directory / self.model))
        with tempfile.TemporaryDirectory() as place:
            subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-x", "c", "-", "-o", f"{place}/rows.so"], input=ROWS, text=True, check=True)
            self.loop = ctypes.CDLL(f"{place}/rows.so").rows
        self.score = ctypes.cast(_LIB.LGBM_BoosterPredictForMatSingleRowFast, ctypes.c_void_p)
        self.config = ctypes.c_void_p()
        raw, double = 1, 1
        status = _LIB.LGBM_BoosterPredictForMatSingleRowFastInit(
            self.booster._handle, raw, 0, -1, double, self.x.shape[1], b"num_threads=1", ctypes.byref(self.config)
        )
        assert status == 0
        return len(self.x)

    def run(self):
        import ctypes

        rows, columns = self.x.shape
        scores, times = np.empty(rows), np.empty(rows)
        address = [ctypes.c_void_p(a.ctypes.data) for a in (self.x, scores, times)]
        status = self.loop(self.score, self.config, address[0], ctypes.c_long(rows), ctypes.c_long(columns), *address[1:])
        assert status == 0
        self.figures = {"p50_us": float(np.percentile(times, 50)), "p99_us": float(np.percentile(times, 99))}
        return scores

    def outcome(self):
        return column_sums(["raw score"], [self.output]), None


ROWS = """
#include <stdint.h>
#include <time.h>

typedef int (*score_t)(void *, const void *, int64_t *, double *);

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec * 1e-3;
}

int rows(score_t score, void *config, const double *x, long n, long columns, double *scores, double *microseconds) {
    int64_t length;
    double before = now();
    for (long i = 0; i < n; i++) {
        if (score(config, x + i * columns, &length, scores + i)) return 1;
        double after = now();
        microseconds[i] = after - before;
        before = after;
    }
    return 0;
}
"""

"""Golden folds and sizes for mlsys-sampling: scikit-learn and, for instants, pandas. Run: python testdata/gen/sampling.py"""

import warnings

import numpy as np
import pandas as pd
from sklearn.model_selection import (
    GroupKFold, KFold, LeaveOneGroupOut, LeavePGroupsOut, PredefinedSplit, StratifiedGroupKFold, StratifiedKFold,
    TimeSeriesSplit, train_test_split,
)

from golden import case, equally_frequent, repeated, write

warnings.simplefilter("error")
INDICES = dict(rtol=0, why="index arithmetic")
SIZES = dict(rtol=0, why="sizes; generators differ")


def add(item, name, inputs, expected, *, ties, why, **more):
    return case(f"{item}: {name}", why, inputs, {item: expected}, ties=ties, **more)


def validation(folds):
    return [{"train": train.tolist(), "validation": test.tolist()} for train, test in folds]


def counts(y, rows):
    """How many rows there are of each class, ascending."""
    return [int((np.asarray(y)[rows] == c).sum()) for c in np.unique(y)]


def k_fold(n, k, shuffle=False):
    folds = list(KFold(k, shuffle=shuffle, random_state=0 if shuffle else None).split(np.zeros(n)))
    inputs = {"n": n, "k": k, "shuffle": shuffle}
    if shuffle:
        return add("KFold", f"{n} rows, {k} shuffled folds", inputs, [len(test) for _, test in folds], ties=False, **SIZES)
    return add("KFold", f"{n} rows, {k} folds", inputs, validation(folds), ties=False, **INDICES)


def stratified(name, y, k, shuffle=False):
    y = np.asarray(y)
    folds = list(StratifiedKFold(k, shuffle=shuffle, random_state=0 if shuffle else None).split(np.zeros(len(y)), y))
    inputs, ties = {"y": y, "k": k, "shuffle": shuffle}, equally_frequent(y.tolist())
    if shuffle:
        return add("StratifiedKFold", name + ", shuffled", inputs, [counts(y, test) for _, test in folds], ties=ties, **SIZES)
    return add("StratifiedKFold", name, inputs, validation(folds), ties=ties, **INDICES)


def tied(groups):
    """Whether two groups have equally many rows, so that their order is not given by their size."""
    return equally_frequent(np.asarray(groups).tolist())


def of_groups(item, splitter, name, groups, k=None, y=None):
    groups = np.asarray(groups)
    folds = list(splitter.split(np.zeros(len(groups)), y, groups))
    inputs = {"groups": groups, **({} if k is None else {"k": k}), **({} if y is None else {"y": y})}
    return add(item, name, inputs, validation(folds), ties=tied(groups), **INDICES)


def group_folds(name, groups, k):
    return of_groups("GroupKFold", GroupKFold(k), name, groups, k)


def stratified_group_folds(name, groups, y, k):
    return of_groups("StratifiedGroupKFold", StratifiedGroupKFold(k), name, groups, k, np.asarray(y))


def predefined(name, folds):
    """Rows of fold -1 are never validated on."""
    return add("PredefinedFolds", name, {"folds": folds}, validation(PredefinedSplit(folds).split()),
               ties=repeated(folds), **INDICES)


def time_series(times, k, **kw):
    """scikit-learn takes the rows as they come: it gets them in order of time, equal times in order of rows."""
    times = np.asarray(times)
    order = np.argsort(times, kind="stable")
    folds = [(order[train], order[test]) for train, test in TimeSeriesSplit(k, **kw).split(times)]
    return add("TimeSeriesFolds", f"{len(times)} rows, {k} folds, {kw}", {"times": times, "k": k, **kw},
               validation((np.sort(train), np.sort(test)) for train, test in folds), ties=repeated(times), **INDICES)


def random_sizes(n, share):
    train, test = train_test_split(np.arange(n), test_size=share, random_state=0)
    return add("RandomSplit", f"{share} of {n}", {"n": n, "share": share}, {"train": len(train), "test": len(test)},
               ties=False, **SIZES)


def stratified_sizes(name, y, share):
    train, test = train_test_split(np.arange(len(y)), test_size=share, stratify=y, random_state=0)
    return add("StratifiedSplit", name, {"y": list(y), "share": share}, {"train": counts(y, train), "test": counts(y, test)},
               ties=equally_frequent(y), **SIZES)


def time_split(name, times, gap_seconds=0, at=None, last_share=None):
    """No splitter of scikit-learn reads instants; this is the definition in pandas. `times`: text, in UTC."""
    instants = pd.Series(pd.to_datetime(times, utc=True))
    if at is not None:
        text, _, zone = at.partition(" ")
        boundary = pd.Timestamp(text, tz=zone) if zone else pd.Timestamp(text)
        boundary = boundary.tz_localize("UTC") if boundary.tzinfo is None else boundary
    else:
        boundary = instants.sort_values().iloc[len(instants) - int(np.ceil(last_share * len(instants)))]
    train, test = instants < boundary - pd.Timedelta(seconds=gap_seconds), instants >= boundary
    inputs = {"seconds": [int(t.timestamp()) for t in instants], "gap": gap_seconds, "at": at, "last_share": last_share}
    return add("TimeSplit", name, inputs, {"train": np.flatnonzero(train), "test": np.flatnonzero(test)},
               ties=repeated(inputs["seconds"]), tool="pandas", version=pd.__version__, **INDICES)


rng = np.random.default_rng(0)
skewed = rng.choice(4, size=97, p=[0.55, 0.25, 0.12, 0.08]).tolist()
hours = lambda start, n: pd.date_range(start, periods=n, freq="h").astype(str).tolist()
targets = {
    "two classes, sorted": ([0] * 7 + [1] * 5, 3),
    "first appearance is not the order of the labels": ([2, 2, 0, 1, 0, 1, 2, 0, 1, 2, 1, 0, 2], 3),
    "skewed": (skewed, 5),
    "alternating": ([0, 1] * 10, 4),
}
published = [1, 2, 3, 3, 4, 4, 1, 1, 2, 2, 3, 4, 5, 5, 5, 6, 6, 6]
uneven = rng.zipf(1.6, 150).clip(max=25)
words = rng.choice(["N1", "N10", "N2", "é", "", "a b"], 40).tolist()
many_classes = rng.integers(0, 11, 400)
tied_times = rng.integers(0, 9, 24)
cases = [
    *[k_fold(n, k, shuffle) for shuffle in (False, True) for n, k in [(10, 3), (5, 5), (7, 2), (23, 4)]],
    *[stratified(name, y, k, shuffle) for shuffle in (False, True) for name, (y, k) in targets.items()],
    time_series(range(12), 3), time_series(range(13), 3), time_series(range(20), 4, gap=2),
    time_series(range(20), 4, test_size=3), time_series(range(20), 3, test_size=2, gap=1, max_train_size=5),
    time_series(rng.permutation(17), 4), time_series(tied_times, 3),
    time_series(tied_times, 4, gap=1, max_train_size=6),
    *[random_sizes(n, share) for n, share in [(10, 0.25), (327, 0.2), (70, 0.1), (2, 0.5)]],
    stratified_sizes("skewed", skewed, 0.25),
    stratified_sizes("two classes", [0] * 83 + [1] * 17, 0.3),
    stratified_sizes("three classes", [0] * 41 + [1] * 33 + [2] * 9, 0.2),
    # Equal classes whose shares are whole: no remainder is left for chance to give away.
    stratified_sizes("equal classes", [0, 1, 2] * 20, 0.25),
    time_split("at midnight in New York, with a gap", hours("2013-09-30T20:00Z", 14), 2 * 3600,
               at="2013-10-01T00:00 America/New_York"),
    time_split("equal times at the boundary", [t for t in hours("2013-11-03T03:00Z", 6) for _ in range(2)],
               at="2013-11-03T01:30:00-04:00"),
    time_split("a date is midnight in UTC", hours("1969-12-31T20:00Z", 9)[::-1], at="1970-01-01"),
    time_split("the last share takes equal times with it", ["2013-01-01", "2013-01-03", "2013-01-02", "2013-01-02", "2013-01-02"],
               last_share=0.4),
    time_split("the last share, with a gap", hours("2013-03-10T00:00Z", 11), 3600, last_share=0.3),
]
cases += [
    group_folds("the documentation's groups", published, 3),
    group_folds("groups of one size", np.repeat(np.arange(10), 3), 4),
    group_folds("groups of words", words, 3),
    group_folds("uneven groups", uneven, 5),
    group_folds("as many groups as folds, unordered", [7, -2, 7, 3, 3, 7, -2, 9], 4),
    stratified_group_folds("the documentation's", published, [1, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 0, 0], 3),
    stratified_group_folds("sixty groups of five, alike", np.repeat(np.arange(60), 5), [0, 0, 0, 0, 1] * 60, 5),
    stratified_group_folds("sixty groups of five, of one class each", np.repeat(np.arange(60), 5), np.repeat(np.arange(60) % 3 == 0, 5).astype(int), 5),
    stratified_group_folds("uneven groups, three classes", uneven, rng.choice(3, 150, p=[0.6, 0.3, 0.1]), 4),
    stratified_group_folds("groups of words", words, rng.choice(2, 40), 3),
    # numpy adds eight numbers and more in another order.
    stratified_group_folds("eleven classes", rng.integers(0, 40, 400), many_classes, 5),
    stratified_group_folds("eleven classes, ten folds", rng.integers(0, 23, 400), many_classes, 10),
    stratified_group_folds("a row per group", rng.permutation(60), rng.choice(2, 60, p=[0.8, 0.2]), 4),
]
write("sampling.json", cases)

"""Golden folds and sizes for mlsys-sampling: scikit-learn and, for instants, pandas. Run: python testdata/gen/sampling.py"""

import warnings
from itertools import combinations

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


def leave_out(name, groups):
    return [of_groups("LeaveOneGroupOut", LeaveOneGroupOut(), name, groups),
            of_groups("LeavePGroupsOut", LeavePGroupsOut(2), name, groups, 2)]


def multilabel(name, labels, k):
    """Sechidis et al. 2011, figure 1, as they wrote it, with ties to the first instead of a random one."""
    labels = np.asarray(labels)
    n, rows = len(labels), set(range(len(labels)))
    wanted = [n / k] * k
    wanted_of = [[labels[:, label].sum() / k for label in range(labels.shape[1])] for _ in range(k)]
    parts = np.zeros(n, dtype=int)
    while rows:
        remaining = labels[sorted(rows)].sum(axis=0)
        rarest = min((c, label) for label, c in enumerate(remaining) if c > 0)[1] if remaining.any() else None
        for row in sorted(r for r in rows if rarest is None or labels[r, rarest]):
            want = lambda j: wanted[j] if rarest is None else (wanted_of[j][rarest], wanted[j])
            part = max(range(k), key=want)
            parts[row], wanted[part] = part, wanted[part] - 1
            for label in np.flatnonzero(labels[row]):
                wanted_of[part][label] -= 1
            rows.remove(row)
    folds = [(np.flatnonzero(parts != fold), np.flatnonzero(parts == fold)) for fold in range(k)]
    return add("MultilabelKFold", name, {"labels": labels.tolist(), "k": k}, validation(folds), ties=repeated(list(map(str, labels.tolist()))),
               tool="numpy", version=np.__version__, **INDICES)


MASK = 2**64 - 1
K0, K1 = 0xA0761D6478BD642F, 0xE7037ED1A0B428DB


def fold64(a, b):
    return (a * b & MASK) ^ (a * b >> 64)


def hash_u64(value, seed):
    return fold64(fold64(value ^ K0, seed ^ K1) ^ K0, (value << 32 | value >> 32) & MASK ^ K1)


def hash_bytes(data, seed):
    state = hash_u64(seed, K0)
    whole = len(data) // 8 * 8
    for word in [data[at:at + 8] for at in range(0, whole, 8)] + [data[whole:]]:
        word = int.from_bytes(word, "little")
        state = (fold64(word ^ K1, state ^ K0) + ((state << 29 & MASK | state >> 35) ^ word)) & MASK
    return hash_u64(state, len(data))


def hash_split(name, keys, share, seed):
    """The stable hash written out: a split must be the same in every language that writes it out."""
    tag = lambda kind: seed ^ (kind << 40 & MASK | kind >> 24)
    value = lambda key: hash_u64(key & MASK, tag(2)) if isinstance(key, int) else hash_bytes(key.encode(), tag(5))
    hashes = [hash_u64(value(key), hash_u64(seed, 1)) for key in keys]
    test = np.array([h < int(share * 2**64) for h in hashes])
    return add("HashSplit", name, {"groups": keys, "share": share, "seed": seed},
               {"train": np.flatnonzero(~test), "test": np.flatnonzero(test)}, ties=repeated(keys),
               tool="numpy", version=np.__version__, **INDICES)


def windows(name, times, train, test, step=None, gap=0, expanding=False):
    """Windows in nanoseconds by the definition."""
    times, at, folds = np.asarray(times), min(times) + train + gap, []
    while at <= max(times):
        fit = (times < at - gap) & (expanding | (times >= at - gap - train))
        validate = (times >= at) & (times < at + test)
        if fit.any() and validate.any():
            folds.append((np.flatnonzero(fit), np.flatnonzero(validate)))
        at += step or test
    inputs = {"times": times, "window": [train, test, step or test, gap], "expanding": expanding}
    return add("WindowFolds", name, inputs, validation(folds), ties=repeated(times), tool="numpy", version=np.__version__, **INDICES)


def combinatorial(name, times, lengths, n_blocks, k, embargo=0):
    """Blocks by rank, every pair of rows compared: López de Prado 2018, sections 7.4 and 12.4."""
    times, lengths = np.asarray(times), np.asarray(lengths)
    n, order, ends = len(times), np.argsort(times, kind="stable"), times + lengths
    bounds = [b * n // n_blocks for b in range(n_blocks + 1)]
    for i, b in enumerate(bounds):
        while 0 < b < n and times[order[b]] == times[order[b - 1]]:
            b -= 1
        bounds[i] = b
    block = np.zeros(n, dtype=int)
    for b in range(n_blocks):
        block[order[bounds[b]:bounds[b + 1]]] = b
    folds = []
    for chosen in combinations(range(n_blocks), k):
        out = np.isin(block, chosen)
        overlaps = (times[:, None] <= ends[None, out] + embargo) & (ends[:, None] >= times[None, out])
        folds.append((np.flatnonzero(~out & ~overlaps.any(axis=1)), np.flatnonzero(out)))
    inputs = {"times": times, "lengths": lengths, "blocks": n_blocks, "k": k, "embargo": embargo}
    return add("CombinatorialPurgedFolds", name, inputs, validation(folds), ties=repeated(times), tool="numpy",
               version=np.__version__, **INDICES)


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
    *leave_out("the documentation's groups", published), *leave_out("words", ["b", "a", "c", "a", "é", "b", "a"]),
    *leave_out("unordered integers", [7, -2, 7, 3, 10, 7, -2, 9]),
    predefined("three folds", [0, 1, 2, 1, 0, 2, 2]), predefined("rows that are never validated on", [1, -1, 0, -1, 1, 4]),
    predefined("one fold", [-1, 3, 3, -1]),
    multilabel("two labels", rng.random((40, 2)) < 0.4, 3), multilabel("four labels, rare ones", rng.random((60, 4)) < [0.5, 0.3, 0.1, 0.05], 5),
    multilabel("rows without a label", np.array([[1, 0], [0, 0], [0, 0], [1, 1], [0, 1], [0, 0], [1, 0], [0, 0]], dtype=bool), 2),
    hash_split("integers", list(range(-20, 40)), 0.25, 0), hash_split("words", words, 0.5, 7),
    hash_split("longer words", [f"flight {i} of New York" for i in range(50)], 0.1, 2**63 + 11),
    windows("hours", list(range(24)), 6, 4), windows("uneven, with a gap", rng.integers(0, 60, 30), 10, 7, step=5, gap=3),
    windows("expanding over a hole", [0, 1, 2, 3, 20, 21, 22, 30], 3, 2, expanding=True),
    combinatorial("days", range(12), [1] * 12, 6, 2), combinatorial("uneven labels", rng.permutation(30), rng.integers(0, 5, 30), 5, 2, 1),
    combinatorial("equal times", sorted(rng.integers(0, 12, 30).tolist()), [2] * 30, 4, 1, 2),
    stratified_group_folds("a row per group", rng.permutation(60), rng.choice(2, 60, p=[0.8, 0.2]), 4),
]
write("sampling.json", cases)

"""Golden numbers of how much columns know of a target, of drift between parts, and of the Ladder: scikit-learn, scipy and numpy.

Run with the versions in requirements.txt: python testdata/gen/leakage.py

Columns are given as they are (`x`, null where missing) and as the codes of their levels in ascending order, -1 where missing, which is a
level as any other. Folds are given. `ABOUT` has the definitions; each case repeats those of its items.

Scores of two levels are equal or far apart, in floating point as in exact arithmetic, so that ties do not depend on rounding; so are what the
Ladder compares and rounds. Some levels are in one fold only, some have equally many rows of two classes, and one fold has a single class.
"""

from fractions import Fraction

import numpy as np
import scipy
import sklearn
from scipy.stats import chi2_contingency, ks_2samp, mannwhitneyu
from scipy.stats.contingency import association
from sklearn.metrics import f1_score, mean_absolute_error, mutual_info_score, roc_auc_score

from golden import case, write

ABOUT = {
    "out_of_fold_auc": "score of a row = (sum of y of its level in the other folds + 10 p) / (rows of its level in the other folds + 10), p = "
    "mean of y in the other folds; roc_auc_score of each fold's rows; mean over folds by their pairs n1 n0, so that folds of one class count "
    "nothing. `classes`: each class against the rest; `mean`: by the classes' shares of the rows",
    "predictive_power_score": "max(0, (F - B) / (1 - B)); F = f1_score(average='weighted') of all rows' classes and the most frequent class of "
    "their level in the other folds (of equally frequent ones the lowest; for a level they do not have, their most frequent class); B = the same "
    "of the most frequent class of all rows, the lowest of several",
    "predictive_power_score_of_numbers": "max(0, 1 - E / B); E = mean absolute error of the median of a row's level in the other folds (for a "
    "level they do not have, their median); B = that of the median of all rows; the median of an even number is the mean of both middle ones",
    "out_of_fold_r2": "1 - SSE / SST over all rows; SSE of the scores as in out_of_fold_auc, of numbers; SST about the mean of the other folds",
    "mutual_information": "of level and class over all rows, in nats",
    "information_value": "sum over levels of (p1 - p0) ln(p1 / p0), p = the level's share of all rows of a class; 0.5 is added to both counts of "
    "a level that lacks one of the classes, not to the totals",
    "stratified_auc": "of the codes (missing ones below all others), higher ones for yes: Mann and Whitney's U of each stratum, ties counting "
    "half, summed over strata and divided by the sum of n1 n0; strata of one class count nothing",
    "ks_from": "largest distance of the distribution functions of the codes of parts 0 and 1: with missing ones below all others, with missing "
    "ones above all others, without missing ones",
    "cramers_v": "of the table of levels and parts: uncorrected; corrected for bias (Bergsma 2013)",
    "Ladder": "with a step (Blum and Hardt 2015, algorithm 1): a loss below the best so far by more than the step is released, rounded to the "
    "nearest multiple of the step, and so becomes the best so far; else the best so far is released. The first loss is always released",
    "Ladder, no step": "(algorithm 2, and the authors' Ladder.jl): the step is s / sqrt(n), s = the standard deviation (n - 1) of the differences "
    "of the losses of each row, of this submission and of the one that is best so far; what is released is the mean loss, which for losses of 0 "
    "and 1 is a multiple of 1 / n already",
}
VERSIONS = dict(tool="scipy, scikit-learn", version=f"{scipy.__version__}, {sklearn.__version__}")
M = 10
rng = np.random.default_rng(9)


def others(codes, y, folds, fold, level):
    """The targets of a level in the other folds, and of all of them."""
    rest = folds != fold
    return y[rest & (codes == level)], y[rest]


def out_of_fold(codes, y, folds):
    """The score of each row; for targets 0 and 1 in exact arithmetic too, to see that ties are true ones."""
    scores = np.empty(len(y))
    for fold in np.unique(folds):
        exact = []
        for level in np.unique(codes[folds == fold]):
            own, rest = others(codes, y, folds, fold, level)
            score = (own.sum() + M * rest.mean()) / (len(own) + M)
            scores[(folds == fold) & (codes == level)] = score
            if set(y) <= {0, 1}:
                exact.append((Fraction(int(own.sum())) + M * Fraction(int(rest.sum()), len(rest))) / (len(own) + M))
                exact[-1] = exact[-1], score
        exact.sort()
        for (a, x), (b, z) in zip(exact, exact[1:]):
            assert x == z if a == b else z - x > 1e-9, "a tie that rounding decides: take another seed"
    return scores


def out_of_fold_auc(codes, y, folds):
    scores, sums, pairs = out_of_fold(codes, y, folds), 0.0, 0
    for fold in np.unique(folds):
        own = y[folds == fold]
        weight = int(own.sum() * (1 - own).sum())
        if weight:
            sums, pairs = sums + weight * roc_auc_score(own, scores[folds == fold]), pairs + weight
    return sums / pairs


def power_score(codes, y, folds):
    most = lambda values: np.bincount(values).argmax()
    said = np.empty(len(y), dtype=int)
    for row in range(len(y)):
        own, rest = others(codes, y, folds, folds[row], codes[row])
        said[row] = most(own) if len(own) else most(rest)
    f1 = lambda said: f1_score(y, said, average="weighted", zero_division=0)
    base = f1(np.full(len(y), most(y)))
    return max(0.0, (f1(said) - base) / (1 - base))


def power_score_of_numbers(codes, y, folds):
    said = np.empty(len(y))
    for row in range(len(y)):
        own, rest = others(codes, y, folds, folds[row], codes[row])
        said[row] = np.median(own if len(own) else rest)
    return max(0.0, 1 - mean_absolute_error(y, said) / mean_absolute_error(y, np.full(len(y), np.median(y))))


def out_of_fold_r2(codes, y, folds):
    means = np.array([y[folds != fold].mean() for fold in folds])
    return 1 - ((y - out_of_fold(codes, y, folds)) ** 2).sum() / ((y - means) ** 2).sum()


def table(codes, y):
    return np.array([[((codes == level) & (y == c)).sum() for c in np.unique(y)] for level in np.unique(codes)])


def information_value(codes, y):
    counts = table(codes, y)
    add = np.where((counts == 0).any(axis=1), 0.5, 0.0)[:, None]
    p = (counts + add) / counts.sum(axis=0)
    return ((p[:, 1] - p[:, 0]) * np.log(p[:, 1] / p[:, 0])).sum()


def stratified_auc(codes, strata, y):
    above, pairs = 0.0, 0
    for stratum in np.unique(strata):
        yes, no = (codes[(strata == stratum) & (y == c)] for c in (1, 0))
        if len(yes) and len(no):
            above, pairs = above + mannwhitneyu(yes, no).statistic, pairs + len(yes) * len(no)
    return above / pairs


def ks_from(codes, part):
    of = lambda codes, part: ks_2samp(codes[part == 0], codes[part == 1]).statistic
    last = np.where(codes < 0, codes.max() + 1, codes)
    return [of(codes, part), of(last, part), of(codes[codes >= 0], part[codes >= 0])]


def cramers_v(codes, part):
    counts = table(codes, part)
    n, r, k = counts.sum(), *counts.shape
    phi = chi2_contingency(counts, correction=False).statistic / n
    corrected = max(0.0, phi - (r - 1) * (k - 1) / (n - 1))
    room = min(r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)) - 1
    return [association(counts, method="cramer"), np.sqrt(corrected / room)]


def ladder(losses, step):
    best, released = np.inf, []
    for loss in losses:
        assert not abs(best - step - loss) < 1e-6 and abs(loss / step % 1 - 0.5) > 1e-6, "a comparison that rounding decides"
        if loss < best - step:
            best = round(loss / step) * step
        released.append(best)
    return released


def ladder_without_step(rows):
    best, leader, released = np.inf, np.zeros(rows.shape[1]), []
    for losses in rows:
        needed = best - np.std(losses - leader, ddof=1) / np.sqrt(len(losses))
        assert not abs(needed - losses.mean()) < 1e-6, "a comparison that rounding decides"
        if losses.mean() < needed:
            best, leader = losses.mean(), losses
        released.append(best)
    return released


def missing(x, share):
    return [None if rng.random() < share else value for value in x]


def coded(x):
    """Levels in ascending order from 0, -1 where missing."""
    levels = sorted({v for v in x if v is not None})
    return np.array([-1 if v is None else levels.index(v) for v in x])


def features(z):
    """Of a hidden number: a number of few values, a category of which some are rare, and names that most rows have alone."""
    n = len(z)
    minutes = np.clip(np.round((z + rng.normal(size=n)) * 1.5), -3, 4).astype(int) * 5 + 15
    letters = list("abcdefghijkl")
    spread = np.where(rng.random(n) < 0.7, np.round(z + 2 + rng.normal(size=n) * 0.7), rng.geometric(0.3, n) - 1)
    category = [letters[int(i)] for i in np.clip(spread, 0, 11)]
    names = [f"N{int(i):03}" for i in rng.integers(0, 2 * n, n)]
    return {"number": missing(minutes.tolist(), 0.08), "category": missing(category, 0.1), "names": missing(names, 0.02)}


def targets(kind, z):
    if kind == "numbers":
        return np.round(z * 10 + rng.normal(size=len(z)) * 5, 0) / 2
    cuts = [0.4] if kind == "two classes" else [-0.5, 0.7]
    return np.digitize(z + 0.5 * rng.normal(size=len(z)), cuts)


cases, seen = [], {"unseen": 0, "tied": 0, "single": 0}
for kind, n in [("two classes", 320), ("three classes", 240), ("numbers", 260)]:
    z = rng.normal(size=n)
    y, folds = targets(kind, z), rng.choice(4, n, p=[0.3, 0.3, 0.25, 0.15])
    strata, part = rng.integers(0, 9, n), (rng.random(n) < 0.3 + 0.1 * (z > 0)).astype(int)
    for name, x in features(z).items():
        codes, own = coded(x), y.copy()
        if (kind, name) == ("two classes", "names"):
            own[folds == 3] = 0
        inputs = {"x": x, "codes": codes, "y": own, "folds": folds, "part": part}
        expected = {"ks_from": ks_from(codes, part), "cramers_v": cramers_v(codes, part)}
        for fold in range(4):
            seen["single"] += kind == "two classes" and len(set(own[folds == fold])) == 1
            for level in np.unique(codes[folds == fold]):
                there, _ = others(codes, own, folds, fold, level)
                seen["unseen"] += len(there) == 0
                seen["tied"] += kind != "numbers" and len(there) > 0 and list(np.bincount(there)).count(np.bincount(there).max()) > 1
        if kind == "numbers":
            expected |= {
                "out_of_fold_r2": out_of_fold_r2(codes, own, folds),
                "predictive_power_score_of_numbers": power_score_of_numbers(codes, own, folds),
            }
        else:
            expected |= {"predictive_power_score": power_score(codes, own, folds), "mutual_information": mutual_info_score(codes, own)}
        if kind == "two classes":
            inputs["strata"] = strata
            expected |= {"information_value": information_value(codes, own), "stratified_auc": stratified_auc(codes, strata, own)}
        if kind != "numbers":
            each = [out_of_fold_auc(codes, (own == c).astype(int), folds) for c in np.unique(own)]
            expected["out_of_fold_auc"] = {"classes": each, "mean": np.average(each, weights=np.bincount(own))}
        cases.append(case(
            f"{kind}, {name}", "sums in another order", inputs, expected, ties=True, about={item: ABOUT[item] for item in expected},
            **VERSIONS))
assert min(seen.values()) > 0, seen

NUMPY = dict(tool="numpy, the definition", version=np.__version__)
downward = 0.45 - 0.004 * np.arange(30)
sequences = {
    "slowly better": downward + rng.normal(size=30) * 0.012,
    "noise": 0.31 + rng.normal(size=30) * 0.02,
    "leaps": np.repeat([0.9, 0.62, 0.64, 0.4, 0.39, 0.11], 5) + rng.normal(size=30) * 0.003,
}
for name, losses in sequences.items():
    # Neither a multiple of half a step nor one of the step below another.
    losses = np.round(np.round(losses, 4) + 0.00003, 5)
    losses[[7, 19]] = losses[[6, 3]]
    released = ladder(losses, 0.01)
    assert len(set(released)) > 1
    cases.append(case(
        f"ladder, {name}", "multiples of the step, rounded once", {"step": 0.01, "losses": losses}, {"Ladder": released}, ties=True,
        about={"Ladder": ABOUT["Ladder"]}, **NUMPY))
for name, rates in {"better": [0.5, 0.44, 0.4, 0.3, 0.29, 0.12], "coins": [0.5] * 6, "one good one": [0.4, 0.42, 0.1, 0.1, 0.12, 0.09]}.items():
    rows = (rng.random((6, 50)) < np.array(rates)[:, None]).astype(float)
    # The fourth is the third with another answer or two: paired, little is significant.
    rows[3] = rows[2]
    rows[3, np.flatnonzero(rows[2])[:2]] = 0.0
    released = ladder_without_step(rows)
    cases.append(case(
        f"ladder without a step, {name}", "means of the same numbers", {"rows": rows}, {"Ladder": released}, ties=True,
        about={"Ladder": ABOUT["Ladder, no step"]}, **NUMPY))
write("leakage.json", cases)

"""Golden folds and sizes for mlsys-sampling, from scikit-learn. Run from the repository: python testdata/gen/sampling.py"""

import json
import pathlib
import warnings

import numpy as np
import sklearn
from sklearn.model_selection import KFold, StratifiedKFold, TimeSeriesSplit, train_test_split

OUT = pathlib.Path(__file__).parent.parent / "golden" / "sampling.json"
warnings.simplefilter("error")


def case(name, tool, inputs, expected, why):
    return {
        "name": name, "tool": tool, "version": sklearn.__version__, "rtol": 0, "why": why,
        "input": inputs, "expected": expected,
    }


def validation(folds):
    return [{"train": train.tolist(), "validation": test.tolist()} for train, test in folds]


def k_fold(n, k):
    return case(f"{n} rows, {k} folds", "scikit-learn KFold", {"n": n, "k": k},
                validation(KFold(k).split(np.zeros(n))), "index arithmetic")


def stratified(name, y, k):
    y = np.asarray(y)
    return case(name, "scikit-learn StratifiedKFold", {"y": y.tolist(), "k": k},
                validation(StratifiedKFold(k).split(np.zeros(len(y)), y)), "index arithmetic")


def time_series(n, k, **kw):
    folds = TimeSeriesSplit(k, **kw).split(np.zeros(n))
    return case(f"{n} rows, {k} folds, {kw}", "scikit-learn TimeSeriesSplit", {"n": n, "k": k, **kw},
                validation(folds), "index arithmetic; rows are in order of time")


def random_sizes(n, share):
    train, test = train_test_split(np.arange(n), test_size=share, random_state=0)
    return case(f"{share} of {n}", "scikit-learn train_test_split", {"n": n, "share": share},
                {"train": len(train), "test": len(test)}, "sizes; generators differ")


def stratified_sizes(name, y, share):
    train, test = train_test_split(np.asarray(y), test_size=share, stratify=y, random_state=0)
    counts = lambda part: [int((part == c).sum()) for c in np.unique(y)]
    return case(name, "scikit-learn train_test_split(stratify)", {"y": list(y), "share": share},
                {"train": counts(train), "test": counts(test)}, "class counts without equal remainders")


def main():
    rng = np.random.default_rng(0)
    skewed = rng.choice(4, size=97, p=[0.55, 0.25, 0.12, 0.08])
    cases = {
        "k_fold": [k_fold(10, 3), k_fold(5, 5), k_fold(7, 2), k_fold(23, 4)],
        "stratified_k_fold": [
            stratified("two classes, sorted", [0] * 7 + [1] * 5, 3),
            stratified("first appearance is not the order of the labels", [2, 2, 0, 1, 0, 1, 2, 0, 1, 2, 1, 0, 2], 3),
            stratified("skewed", skewed.tolist(), 5),
            stratified("alternating", [0, 1] * 10, 4),
        ],
        "time_series_folds": [
            time_series(12, 3), time_series(13, 3), time_series(20, 4, gap=2), time_series(20, 4, test_size=3),
            time_series(20, 3, test_size=2, gap=1, max_train_size=5),
        ],
        "random_split": [random_sizes(10, 0.25), random_sizes(327, 0.2), random_sizes(70, 0.1), random_sizes(2, 0.5)],
        "stratified_split": [
            stratified_sizes("skewed", skewed.tolist(), 0.25),
            stratified_sizes("two classes", [0] * 83 + [1] * 17, 0.3),
            stratified_sizes("three classes", [0] * 41 + [1] * 33 + [2] * 9, 0.2),
        ],
    }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()

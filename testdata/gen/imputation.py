"""Golden numbers of imputers that look at other columns: scikit-learn.

Run with the versions in requirements.txt: python testdata/gen/imputation.py
"""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer

from golden import case, write

rng = np.random.default_rng(21)
nan = np.nan


def with_gaps(x, share):
    return np.where(rng.random(x.shape) < share, nan, x)


def differences(a, b, *, missing_values):
    """nan_euclidean by its definition: scikit-learn takes a² - 2ab + b², and loses the digits in which these agree."""
    both = ~(np.isnan(a) | np.isnan(b))
    return np.sqrt(len(a) / both.sum() * ((a - b)[both] ** 2).sum()) if both.any() else nan


def knn(train, rows, k, weights):
    """The output; equally near rows are taken in any order, so that no order of the training rows may change it."""
    output = KNNImputer(n_neighbors=k, weights=weights, metric=differences).fit(train).transform(rows)
    for _ in range(20):
        other = KNNImputer(n_neighbors=k, weights=weights).fit(rng.permutation(train)).transform(rows)
        np.testing.assert_allclose(other, output, rtol=1e-9)
    return output


normal = with_gaps(rng.normal(size=(120, 5)) * [1, 2, 5, 0.3, 1] + [0, 1, 0, 2, -1], 0.25)
halves = np.round(rng.normal(size=(40, 4)) * [4, 8, 2, 6]) / 2 + rng.random((40, 4)).round(3)
halves[:, 1] = np.round(halves[:, 1])
halves[:, 1:] = with_gaps(halves[:, 1:], 0.25)
same = np.array([[1, 2, 0.5], [1, 2, 1.5], [1, 2, nan], [3, 5, 4.5], [3, nan, 6.5], [nan, 5, 8.0], [3, 5, nan], [9, 9, nan]])
apart = np.array([[1, nan, nan, 4], [2, nan, nan, 8], [nan, 3, 5, nan], [nan, 4, 7.5, nan], [nan, nan, nan, nan], [1.25, nan, nan, nan]])
tables = [
    ("from the documentation", [[1, 2, nan], [3, 4, 3], [nan, 6, 5], [8, 8, 7]], None, False, [2, 3]),
    ("normal", normal, None, False, [1, 3, 5, 17]),
    ("other rows", normal[:80], normal[80:], False, [2, 5]),
    # The two rows of a pair are equally near, and equal.
    ("every row twice, one column of integers", np.repeat(halves, 2, axis=0), None, True, [2, 4, 5]),
    ("equal rows at no distance", same, None, True, [3]),
    ("nothing in common", apart, None, False, [1, 2, 5]),
    ("fewer values than neighbours", with_gaps(rng.normal(size=(12, 3)), 0.5), None, False, [5, 30]),
    ("one column", np.array([[1.0], [nan], [4.0], [nan], [7.0]]), None, False, [2]),
]

cases = []
for name, train, rows, ties, ks in tables:
    train = np.asarray(train, dtype=float)
    rows = train if rows is None else np.asarray(rows, dtype=float)
    for k in ks:
        for weights in ["uniform", "distance"]:
            cases.append(case(
                f"{name}, {k}, {weights}", "sums in another order; distances from differences",
                {"train": train, "rows": rows, "options": {"k_neighbors": k, "weights": weights}},
                {"KnnImputer": knn(train, rows, k, weights)}, ties=ties, rtol=1e-10))
write("neighbor_imputers.json", cases)


def iterative(train, rows, rounds, order, weights=None):
    """The output of a fixed number of rounds: scikit-learn stops by a rule of its own. Rows are repeated by their weights."""
    if weights is not None:
        train = np.repeat(train, np.asarray(weights, dtype=int), axis=0)
    imputer = IterativeImputer(max_iter=rounds, tol=0, imputation_order=order)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return imputer.fit(train).transform(rows)


def related(n, p, noise, share):
    x = rng.normal(size=(n, 3)) @ rng.normal(size=(3, p)) + noise * rng.normal(size=(n, p))
    return with_gaps(x * 10.0 ** rng.integers(-1, 2, p) + rng.integers(-5, 6, p), share)


mixed = related(60, 5, 0.5, 0.2)
mixed[:, 2] = np.where(np.isnan(mixed[:, 2]), nan, np.round(mixed[:, 2]))
sparse = related(90, 4, 0.7, 0.1)
sparse[:, 1] = np.where(rng.random(90) < 0.8, nan, sparse[:, 1])
tables = [
    ("from the documentation", np.array([[7, 2, 3], [4, nan, 6], [10, 5, 9.0]]), np.array([[nan, 2, 3], [4, nan, 6], [10, nan, 9]]), None),
    ("related columns", related(80, 5, 0.6, 0.15), None, None),
    ("other rows", related(120, 4, 0.4, 0.2), related(40, 4, 0.4, 0.4), None),
    ("a column of integers, equally many gaps", mixed, None, None),
    ("mostly missing", sparse, None, None),
    ("weights", related(50, 4, 0.8, 0.2), None, rng.integers(0, 4, 50)),
    ("a constant column, one without gaps", np.column_stack([related(40, 2, 0.5, 0.2), np.full(40, 3.0), rng.normal(size=40)]), with_gaps(rng.normal(size=(20, 4)), 0.3), None),
    ("one column", np.array([[1.0], [nan], [4.0], [nan], [7.0]]), None, None),
    ("fewer rows than columns", related(5, 7, 0.3, 0.15) + 20, None, None),
]
orders = {"fewest_missing": "ascending", "name": "roman"}

cases = []
for name, train, rows, weights in tables:
    rows = train if rows is None else rows
    for rounds, order in [(1, "fewest_missing"), (3, "name"), (10, "fewest_missing")]:
        inputs = {"train": train, "rows": rows, "options": {"max_iter": rounds, "order": order}}
        if weights is not None:
            inputs["weights"] = weights.astype(float)
        missing = np.isnan(train if weights is None else np.repeat(train, weights, axis=0)).sum(axis=0)
        cases.append(case(
            f"{name}, {rounds}, {order}", "from sums of products, where the reference decomposes rows", inputs,
            {"IterativeImputer": iterative(train, rows, rounds, orders[order], weights)},
            ties=len(set(missing)) < len(missing), rtol=1e-10))
write("iterative_imputers.json", cases)

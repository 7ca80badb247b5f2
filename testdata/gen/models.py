"""Golden numbers for mlsys-models, from scikit-learn. Run from the repository: python testdata/gen/models.py"""

import warnings

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from golden import case, write

# At its tightest tolerance lbfgs ends in its line search, at the rounding error of the loss; that is wanted here.
warnings.simplefilter("ignore", ConvergenceWarning)


def table(seed, rows, classes):
    """Columns of several kinds: standard, offset, large, rare and frequent indicators; rounded so that JSON is short."""
    rng = np.random.default_rng(seed)
    base = rng.normal(size=rows)
    x = np.column_stack([
        base,
        20 + 5 * rng.normal(size=rows),
        1000 * (0.6 * base + rng.normal(size=rows)),
        rng.random(rows) < 0.05,
        rng.random(rows) < 0.5,
        rng.integers(0, 4, size=rows),
    ]).round(3)
    scores = np.column_stack([(0.8 * k * base + 0.02 * (x[:, 1] - 20) - 0.5 * k * x[:, 4]) for k in range(classes)])
    scores += rng.gumbel(size=scores.shape)
    return x, scores.argmax(axis=1), rng.integers(1, 5, size=rows)


def separable(seed, rows):
    """The first column tells the classes apart, so that only the penalty keeps coefficients finite."""
    x, _, w = table(seed, rows, 2)
    return x, (x[:, 0] > 0).astype(int), w


def duplicated(seed, rows):
    """Each row several times, some of them with both classes."""
    x, y, w = table(seed, rows, 2)
    return np.repeat(x, 3, axis=0), np.concatenate([y, y, 1 - y]).reshape(3, rows).T.ravel(), np.repeat(w, 3)


def one_column(seed, rows):
    x, y, w = table(seed, rows, 2)
    return x[:, :1], y, w


def one_hot(seed, rows):
    """Two categories as indicators, of which some never occur, and a standard column."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 25, size=rows), (rng.random(rows) ** 2 * 12).astype(int)
    indicators = np.zeros((rows, 40))
    indicators[np.arange(rows), a] = 1
    indicators[np.arange(rows), 27 + b] = 1
    x = rng.normal(size=(rows, 1)).round(3)
    score = x[:, 0] + np.sin(a) - (b % 3) + rng.logistic(size=rows)
    return x, (score > 0).astype(int), rng.integers(1, 5, size=rows), indicators


def hashed(seed, rows, classes, columns):
    """Rows of none to six values of either sign, some twice as long as others."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, 50)).round(3) * (rng.random((rows, 50)) < 0.06)
    x = rng.normal(size=(rows, columns)).round(3)
    scores = values[:, :classes] + 0.3 * values[:, 10 : 10 + classes] + x.sum(axis=1, keepdims=True) * np.arange(classes)
    scores += rng.gumbel(size=scores.shape)
    return x, scores.argmax(axis=1), rng.integers(1, 5, size=rows), values


def logistic(name, data, l2, intercept=True, weighted=False, class_weight=None):
    x, y, w = data[:3]
    sparse = csr_matrix(data[3]) if len(data) == 4 else None
    # scikit-learn's lbfgs needs columns of like scale to get to its optimum. The penalty is on the coefficients of
    # the columns as given, so the same columns go into mlsys.
    x = (x / np.array([1, 10, 1000, 1, 1, 1])[: x.shape[1]]).round(6)
    given, dense = x, x
    if sparse is not None:
        given, dense = hstack([csr_matrix(x), sparse]).tocsr(), np.hstack([x, data[3]])
    model = LogisticRegression(
        C=1 / l2, tol=1e-12, max_iter=1_000_000, fit_intercept=intercept, class_weight=class_weight
    )
    model.fit(given, y, sample_weight=w if weighted else None)
    # Second-order steps get closer to the same optimum than lbfgs, which stops where the loss stops to change.
    newton = LogisticRegression(
        C=1 / l2, tol=1e-14, max_iter=1000, fit_intercept=intercept, class_weight=class_weight, solver="newton-cholesky"
    ).fit(dense, y, sample_weight=w if weighted else None)
    inputs = {
        "x": x.T, "y": y, "weights": w if weighted else None, "l2": l2, "intercept": intercept,
        "class_weight": None if class_weight is None
        else "balanced" if class_weight == "balanced" else [[int(k), v] for k, v in class_weight.items()],
    }
    if sparse is not None:
        inputs["sparse"] = {
            "width": sparse.shape[1], "offsets": sparse.indptr, "indices": sparse.indices, "values": sparse.data,
        }
    expected = {
        "coefficients": model.coef_,
        "intercepts": np.atleast_1d(model.intercept_) if intercept else [0.0] * len(model.coef_),
        "probabilities": model.predict_proba(given),
        "labels": model.predict(given),
        "newton_coefficients": newton.coef_,
    }
    return case(
        name, "two solvers of one strictly convex objective, each run to its rounding error", inputs,
        {"LogisticRegression": expected}, ties=len(np.unique(dense, axis=0)) < len(dense),
        tool="scikit-learn LogisticRegression(solver='lbfgs', tol=1e-12)", rtol=0, atol=1e-5, atol_probability=1e-6,
        atol_newton=1e-7,
    )


def zero_rule(name, y, weights=None):
    model = DummyClassifier(strategy="prior").fit(np.zeros((len(y), 1)), y, sample_weight=weights)
    expected = {
        "classes": model.classes_, "probabilities": model.predict_proba([[0.0]])[0], "label": model.predict([[0.0]])[0],
    }
    shares = expected["probabilities"].tolist()
    return case(
        name, "one division per class", {"y": y, "weights": weights}, {"ZeroRule": expected},
        ties=len(set(shares)) < len(shares), tool="scikit-learn DummyClassifier(strategy='prior')", rtol=1e-12,
    )


def zero_rule_regressor(name, y, weights=None):
    model = DummyRegressor(strategy="mean").fit(np.zeros((len(y), 1)), y, sample_weight=weights)
    return case(
        name, "one weighted mean", {"y": y, "weights": weights},
        {"ZeroRuleRegressor": {"value": np.ravel(model.constant_)[0]}}, ties=len(set(y)) < len(y),
        tool="scikit-learn DummyRegressor(strategy='mean')", rtol=1e-12,
    )


write("models.json", [
    logistic("binary", table(1, 300, 2), 1.0),
    logistic("binary, weak penalty", table(2, 300, 2), 0.01),
    logistic("binary, strong penalty", table(3, 120, 2), 30.0),
    logistic("binary, sample weights", table(4, 200, 2), 1.0, weighted=True),
    logistic("binary, balanced classes", table(5, 200, 2), 1.0, class_weight="balanced"),
    logistic("binary, balanced classes and sample weights", table(6, 200, 2), 0.5, weighted=True, class_weight="balanced"),
    logistic("binary, explicit class weights", table(7, 200, 2), 1.0, class_weight={0: 1.0, 1: 3.5}),
    logistic("binary, no intercept", table(8, 200, 2), 1.0, intercept=False),
    logistic("multinomial", table(9, 300, 3), 1.0),
    logistic("multinomial, sample weights, balanced classes", table(10, 300, 4), 2.0, weighted=True,
             class_weight="balanced"),
    logistic("multinomial, no intercept", table(11, 200, 3), 1.0, intercept=False),
    logistic("separable classes", separable(12, 150), 1.0),
    logistic("separable classes, weak penalty", separable(13, 150), 0.01),
    logistic("rows three times, not always of one class", duplicated(14, 60), 1.0),
    logistic("rows three times, sample weights", duplicated(15, 60), 0.1, weighted=True),
    logistic("one column", one_column(16, 100), 1.0),
    zero_rule("integers", [3, 1, 3, 2, 3]),
    zero_rule("ties go to the first class", [2, 1, 2, 1]),
    zero_rule("weights turn it around", [0, 0, 0, 1], [1.0, 0.5, 0.25, 4.0]),
    zero_rule("text", ["b", "a", "b"]),
    zero_rule_regressor("plain", [1.5, -2.0, 7.25]),
    zero_rule_regressor("weights", [1.5, -2.0, 7.25], [1.0, 0.0, 3.0]),
    zero_rule_regressor("offset", [1e9 + 1, 1e9 + 2, 1e9 + 4]),
    zero_rule_regressor("ties", [2.0, 2.0, 0.1, 0.1, 2.0], [0.5, 1.0, 1.0, 2.5, 0.0]),
    logistic("sparse indicators and a number", one_hot(17, 250), 1.0),
    logistic("sparse indicators, sample weights, balanced classes", one_hot(18, 200), 0.1, weighted=True,
             class_weight="balanced"),
    logistic("sparse values alone, no intercept", hashed(19, 200, 2, 0), 1.0, intercept=False),
    logistic("multinomial, sparse values and two numbers, sample weights", hashed(20, 200, 3, 2), 0.5, weighted=True),
])

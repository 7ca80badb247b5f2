"""Golden numbers for mlsys-models, from scikit-learn. Run from the repository: python testdata/gen/models.py"""

import json
import pathlib
import warnings

import numpy as np
import sklearn
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

OUT = pathlib.Path(__file__).parent.parent / "golden" / "models.json"
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


def logistic(name, seed, rows, classes, l2, intercept=True, weighted=False, class_weight=None):
    x, y, w = table(seed, rows, classes)
    # scikit-learn's lbfgs needs columns of like scale to get to its optimum. The penalty is on the coefficients of
    # the columns as given, so the same columns go into mlsys.
    x = (x / np.array([1, 10, 1000, 1, 1, 1])).round(6)
    model = LogisticRegression(
        C=1 / l2, tol=1e-12, max_iter=1_000_000, fit_intercept=intercept, class_weight=class_weight
    )
    model.fit(x, y, sample_weight=w if weighted else None)
    # Second-order steps get closer to the same optimum than lbfgs, which stops where the loss stops to change.
    newton = LogisticRegression(
        C=1 / l2, tol=1e-14, max_iter=1000, fit_intercept=intercept, class_weight=class_weight, solver="newton-cholesky"
    ).fit(x, y, sample_weight=w if weighted else None)
    return {
        "name": name,
        "tool": "scikit-learn LogisticRegression(solver='lbfgs', tol=1e-12)",
        "version": sklearn.__version__,
        "rtol": 0,
        "atol": 1e-5,
        "atol_probability": 1e-6,
        "atol_newton": 1e-7,
        "why": "two solvers of one strictly convex objective, each run to its rounding error",
        "input": {
            "x": x.T.tolist(),
            "y": y.tolist(),
            "weights": w.tolist() if weighted else None,
            "l2": l2,
            "intercept": intercept,
            "class_weight": None if class_weight is None
            else "balanced" if class_weight == "balanced" else [[int(k), v] for k, v in class_weight.items()],
        },
        "expected": {
            "coefficients": model.coef_.tolist(),
            "intercepts": np.atleast_1d(model.intercept_).tolist() if intercept else [0.0] * len(model.coef_),
            "probabilities": model.predict_proba(x).tolist(),
            "labels": model.predict(x).tolist(),
            "newton_coefficients": newton.coef_.tolist(),
        },
    }


def zero_rule(name, y, weights=None):
    model = DummyClassifier(strategy="prior").fit(np.zeros((len(y), 1)), y, sample_weight=weights)
    return {
        "name": name,
        "tool": "scikit-learn DummyClassifier(strategy='prior')",
        "version": sklearn.__version__,
        "rtol": 1e-12,
        "why": "one division per class",
        "input": {"y": y, "weights": weights},
        "expected": {
            "classes": model.classes_.tolist(),
            "probabilities": model.predict_proba([[0.0]])[0].tolist(),
            "label": model.predict([[0.0]])[0].item(),
        },
    }


def zero_rule_regressor(name, y, weights=None):
    model = DummyRegressor(strategy="mean").fit(np.zeros((len(y), 1)), y, sample_weight=weights)
    return {
        "name": name,
        "tool": "scikit-learn DummyRegressor(strategy='mean')",
        "version": sklearn.__version__,
        "rtol": 1e-12,
        "why": "one weighted mean",
        "input": {"y": y, "weights": weights},
        "expected": {"value": float(np.ravel(model.constant_)[0])},
    }


def main():
    cases = {
        "logistic_regression": [
            logistic("binary", 1, 300, 2, 1.0),
            logistic("binary, weak penalty", 2, 300, 2, 0.01),
            logistic("binary, strong penalty", 3, 120, 2, 30.0),
            logistic("binary, sample weights", 4, 200, 2, 1.0, weighted=True),
            logistic("binary, balanced classes", 5, 200, 2, 1.0, class_weight="balanced"),
            logistic("binary, balanced classes and sample weights", 6, 200, 2, 0.5, weighted=True,
                     class_weight="balanced"),
            logistic("binary, explicit class weights", 7, 200, 2, 1.0, class_weight={0: 1.0, 1: 3.5}),
            logistic("binary, no intercept", 8, 200, 2, 1.0, intercept=False),
            logistic("multinomial", 9, 300, 3, 1.0),
            logistic("multinomial, sample weights, balanced classes", 10, 300, 4, 2.0, weighted=True,
                     class_weight="balanced"),
            logistic("multinomial, no intercept", 11, 200, 3, 1.0, intercept=False),
        ],
        "zero_rule": [
            zero_rule("integers", [3, 1, 3, 2, 3]),
            zero_rule("ties go to the first class", [2, 1, 2, 1]),
            zero_rule("weights turn it around", [0, 0, 0, 1], [1.0, 0.5, 0.25, 4.0]),
            zero_rule("text", ["b", "a", "b"]),
        ],
        "zero_rule_regressor": [
            zero_rule_regressor("plain", [1.5, -2.0, 7.25]),
            zero_rule_regressor("weights", [1.5, -2.0, 7.25], [1.0, 0.0, 3.0]),
            zero_rule_regressor("offset", [1e9 + 1, 1e9 + 2, 1e9 + 4]),
        ],
    }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(cases, indent=None, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()

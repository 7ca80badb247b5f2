"""Golden numbers for the stochastic gradients of mlsys-models, from scikit-learn. Run from the repository: python testdata/gen/sgd.py

Rows come in their order, and there are no rows of weight 0, which the reference makes steps for. Where there are weights, or an L1 penalty,
the number of epochs is given: the reference decides when to end without weights, and by norms of before the L1 step.
Balanced class weights are there without the rows' own weights, which it does not count.
"""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDClassifier

from golden import case, write

warnings.simplefilter("ignore", ConvergenceWarning)


def table(seed, rows, classes, columns=4):
    """Rounded, so that some rows are equal in some columns."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns)).round(1)
    scores = np.column_stack([np.roll(x, k, axis=1) @ np.arange(1, columns + 1) * 0.5 for k in range(classes)])
    return x, (scores + rng.gumbel(size=scores.shape)).argmax(axis=1), rng.integers(1, 4, size=rows)


def run(x, y, w, epochs=5, **options):
    given = {"loss": "log_loss", "penalty": "l2", "alpha": 1e-2, "learning_rate": "optimal"} | options
    model = SGDClassifier(shuffle=False, max_iter=epochs, **({"tol": None} | given)).fit(x, y, sample_weight=w)
    fixed = {"epochs": epochs, "tol": None, "l1_ratio": None, "eta0": None, "power_t": None, "average": None, "class_weight": None}
    options = fixed | given
    if options["class_weight"] is not None and options["class_weight"] != "balanced":
        options["class_weight"] = sorted(options["class_weight"].items())
    out = {"options": options, "coef": model.coef_, "intercept": model.intercept_, "n_iter": model.n_iter_,
           "scores": model.decision_function(x[:10]).reshape(10, -1), "labels": model.predict(x[:10])}
    if given["loss"] == "log_loss":
        out["p"] = model.predict_proba(x[:10])
    return out


def again(x, y, chunks, **options):
    """Learning on, chunk by chunk."""
    given = {"loss": "log_loss", "penalty": "l2", "alpha": 1e-2, "learning_rate": "optimal"} | options
    model = SGDClassifier(shuffle=False, tol=None, **given)
    for x, y in zip(np.array_split(x, chunks), np.array_split(y, chunks)):
        model.partial_fit(x, y, classes=[0, 1])
    fixed = {"epochs": 1, "tol": None, "l1_ratio": None, "eta0": None, "power_t": None, "average": None, "class_weight": None}
    # Not with averages: the intercept that they are of is lost between two calls.
    return {"options": fixed | given, "chunks": chunks, "coef": model.coef_, "intercept": model.intercept_}


def expected(x, y, w):
    binary = len(np.unique(y)) == 2
    steps = [
        {}, {"loss": "hinge"}, {"learning_rate": "constant", "eta0": 0.05},
        {"loss": "hinge", "learning_rate": "invscaling", "eta0": 0.3, "power_t": 0.5},
        {"penalty": "l1"}, {"penalty": "elasticnet", "l1_ratio": 0.3, "loss": "hinge"}, {"average": 1}, {"average": 30, "loss": "hinge"},
        {"alpha": 1e-4, "epochs": 3}, {"fit_intercept": False},
    ]
    if w is None:
        steps += [{"tol": 1e-3, "epochs": 1000}, {"tol": 1e-3, "epochs": 1000, "loss": "hinge", "alpha": 1e-3}]
    if binary and w is None:
        steps += [{"class_weight": "balanced"}]
    if binary:
        steps += [{"class_weight": {0: 0.5, 1: 3.0}, "loss": "hinge"}]
    out = {"runs": [run(x, y, w, **options) for options in steps]}
    if binary and w is None:
        out["partial"] = [again(x, y, 3), again(x, y, 4, loss="hinge", learning_rate="invscaling", eta0=0.2, power_t=0.25), again(x, y, 2, penalty="l1", alpha=1e-3)]
    return {"SgdClassifier": out}


inputs = {
    "two classes": (*table(1, 60, 2)[:2], None),
    "two classes, weighted": table(2, 80, 2),
    "three classes": (*table(3, 90, 3, 9)[:2], None),
    "three classes, weighted": table(4, 70, 3),
    "one column": (*table(5, 40, 2, 1)[:2], None),
}
write("sgd.json", [
    case(name, "steps in the order of the rows, which add up rounding errors", {"x": x.T, "y": y, "weights": w}, expected(x, y, w),
         ties=True)
    for name, (x, y, w) in inputs.items()
])

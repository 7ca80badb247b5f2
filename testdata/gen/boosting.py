"""Golden numbers of boosting: scikit-learn's AdaBoostClassifier on classes that are as large, and imbalanced-learn's RUSBoostClassifier with the
rows that it drew. Rows have weights of their own, so that no two splits of a stump are equally good.

Run with the versions in requirements.txt: python testdata/gen/boosting.py
"""

import warnings

import imblearn
import numpy as np
import sklearn
from imblearn.ensemble import RUSBoostClassifier
from sklearn.ensemble import AdaBoostClassifier
from sklearn.tree import DecisionTreeClassifier

from golden import case, repeated, write

warnings.simplefilter("ignore")
rng = np.random.default_rng(7)
WHY = "sums in another order"


def cloud(sizes, spread):
    y = np.repeat(np.arange(len(sizes)), sizes)
    x = np.round(rng.normal(0, spread, (len(y), 3)) + np.column_stack([y, -y, 0 * y]), 3)
    order = rng.permutation(len(y))
    return x[order], y[order], np.round(rng.uniform(0.5, 2, len(y)), 4)


def said(model, x):
    votes = model.estimator_weights_[: len(model.estimators_)]
    return {"votes": votes, "probabilities": model.predict_proba(x).tolist()}


def same(models, x):
    """Whatever the order in which columns are tried: no ties decided."""
    first = models[0].predict_proba(x)
    assert all(np.array_equal(first, other.predict_proba(x)) for other in models[1:])
    return models[0]


cases = []
for name, sizes, spread, rate, rounds in [
    ("two classes", [30, 30], 1.0, 1.0, 12),
    ("three classes", [25, 25, 25], 0.8, 0.5, 15),
    ("four classes, a small step", [15, 15, 15, 15], 0.6, 0.1, 6),
    ("two that can be told", [8, 8], 0.05, 1.0, 5),
]:
    x, y, w = cloud(sizes, spread)
    model = same([AdaBoostClassifier(n_estimators=rounds, learning_rate=rate, random_state=s).fit(x, y, w) for s in range(5)], x)
    scores = model.decision_function(x)
    expected = {**said(model, x), "rounds": rounds, "scores": (scores[:, None] if scores.ndim == 1 else scores).tolist()}
    cases.append(case(name, WHY, {"x": x.T.tolist(), "y": y, "weights": w, "options": {"learning_rate": rate}}, {"EasyEnsemble": expected},
                      ties=repeated(x[:, 0]), tool="scikit-learn", version=sklearn.__version__))
for name, sizes, spread, rate, rounds in [
    ("two imbalanced classes", [60, 15], 0.9, 1.0, 10),
    ("three imbalanced classes", [50, 20, 12], 0.7, 0.5, 12),
    ("few rows", [20, 4], 0.5, 1.0, 4),
]:
    x, y, w = cloud(sizes, spread)
    model = RUSBoostClassifier(n_estimators=rounds, learning_rate=rate, random_state=1).fit(x, y, w)
    kept = [sampler.sample_indices_.tolist() for sampler in model.samplers_]
    # The round that was no better than guessing is not among them.
    expected = {**said(model, x), "kept": [sorted(rows) for rows in kept]}
    cases.append(case(name, WHY, {"x": x.T.tolist(), "y": y, "weights": w, "options": {"learning_rate": rate}}, {"RusBoost": expected},
                      ties=repeated(x[:, 0]), tool="imbalanced-learn", version=imblearn.__version__))
write("boosting.json", cases)

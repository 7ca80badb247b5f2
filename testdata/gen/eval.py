"""Writes testdata/golden/eval.json: what scikit-learn says about inputs with ties, weights and several classes.

    pip install -r testdata/gen/requirements.txt
    python testdata/gen/eval.py
"""

import json
import pathlib
import warnings

import numpy as np
import sklearn
from sklearn import metrics as m
from sklearn.calibration import calibration_curve

warnings.simplefilter("ignore")
OUT = pathlib.Path(__file__).parent.parent / "golden" / "eval.json"
# Three bins of ten rows have an edge on a row; numpy's percentage 33.3.. rounds to just below it.
QUANTILE_BINS = [4, 5, 10]
AVERAGES = ["macro", "micro", "weighted"]
cases = []


def case(name, why, inputs, expected):
    plain = lambda v: v.tolist() if isinstance(v, np.ndarray) else v
    cases.append(
        {"name": name, "tool": "scikit-learn", "version": sklearn.__version__, "rtol": 1e-10, "why": why}
        | {"input": {k: plain(v) for k, v in inputs.items()}, "expected": expected}
    )


def curves(y, s, w):
    fpr, tpr, at = m.roc_curve(y, s, sample_weight=w, drop_intermediate=False)
    precision, recall, thresholds = m.precision_recall_curve(y, s, sample_weight=w)
    return {
        "fpr": fpr.tolist(),
        "tpr": tpr.tolist(),
        "roc_thresholds": at[1:].tolist(),
        "precision": precision.tolist(),
        "recall": recall.tolist(),
        "pr_thresholds": thresholds.tolist(),
    }


def calibration(y, p, w, bins, strategy):
    """scikit-learn's bins; its curve takes no weights, so those are applied to its bin numbers here."""
    if strategy == "uniform":
        edges = np.linspace(0.0, 1.0, bins + 1)
    else:
        rows = np.repeat(p, w.astype(int)) if w is not None else p
        edges = np.percentile(rows, np.linspace(0, 1, bins + 1) * 100)
    ids = np.searchsorted(edges[1:-1], p)
    w = np.ones(len(p)) if w is None else w
    weight = np.bincount(ids, weights=w, minlength=bins)
    full = weight > 0
    true = np.bincount(ids, weights=w * y, minlength=bins)[full] / weight[full]
    pred = np.bincount(ids, weights=w * p, minlength=bins)[full] / weight[full]
    if (w == 1).all():
        sk_true, sk_pred = calibration_curve(y, p, n_bins=bins, strategy=strategy)
        assert np.allclose(true, sk_true, rtol=1e-14) and np.allclose(pred, sk_pred, rtol=1e-14)
    ece = float((weight[full] * np.abs(true - pred)).sum() / weight.sum())
    return {"bins": bins, "observed": true.tolist(), "predicted": pred.tolist(), "ece": ece}


def binary(name, why, y, p, w):
    hard = (p >= 0.5).astype(int)
    kw = {"sample_weight": w}
    expected = {
        "roc_auc": m.roc_auc_score(y, p, **kw),
        "average_precision": m.average_precision_score(y, p, **kw),
        "log_loss": m.log_loss(y, p, labels=[0, 1], **kw),
        "brier": m.brier_score_loss(y, p, **kw),
        "accuracy": m.accuracy_score(y, hard, **kw),
        "balanced_accuracy": m.balanced_accuracy_score(y, hard, **kw),
        "precision": m.precision_score(y, hard, **kw),
        "recall": m.recall_score(y, hard, **kw),
        "f1": m.f1_score(y, hard, **kw),
        "f2": m.fbeta_score(y, hard, beta=2, **kw),
        "f05": m.fbeta_score(y, hard, beta=0.5, **kw),
        "confusion": m.confusion_matrix(y, hard, **kw).tolist(),
        "curves": curves(y, p, w),
        "uniform": [calibration(y, p, w, b, "uniform") for b in (5, 10, 15)],
        "quantile": [calibration(y, p, w, b, "quantile") for b in QUANTILE_BINS],
    }
    case(name, why, {"kind": "binary", "truth": y, "probability": p, "weights": w}, expected)


def multiclass(name, why, y, p, w):
    hard = p.argmax(axis=1)
    labels = np.arange(p.shape[1])
    kw = {"sample_weight": w}
    onehot = (y[:, None] == labels).astype(int)
    expected = {
        "log_loss": m.log_loss(y, p, labels=labels, **kw),
        "brier": m.brier_score_loss(y, p, labels=labels, **kw),
        "brier_half": m.brier_score_loss(y, p, labels=labels, scale_by_half=True, **kw),
        "accuracy": m.accuracy_score(y, hard, **kw),
        "balanced_accuracy": m.balanced_accuracy_score(y, hard, **kw),
        "confusion": m.confusion_matrix(y, hard, labels=labels, **kw).tolist(),
        "top_label_ece": calibration((hard == y).astype(int), p.max(axis=1), w, 15, "uniform")["ece"],
    }
    for average in AVERAGES:
        expected[average] = {
            "roc_auc": m.roc_auc_score(y, p, multi_class="ovr", average=average, labels=labels, **kw),
            "average_precision": m.average_precision_score(onehot, p, average=average, **kw),
            "f1": m.f1_score(y, hard, average=average, **kw),
            "f2": m.fbeta_score(y, hard, beta=2, average=average, **kw),
        }
        for name_, score in [("precision", m.precision_score), ("recall", m.recall_score)]:
            expected[average][name_] = score(y, hard, average=average, zero_division=0, **kw)
            expected[average][name_ + "_one"] = score(y, hard, average=average, zero_division=1, **kw)
            expected[average][name_ + "_undefined"] = score(y, hard, average=average, zero_division=np.nan, **kw)
    case(name, why, {"kind": "multiclass", "truth": y, "probability": p, "weights": w}, expected)


def regression(name, why, y, p, w):
    kw = {"sample_weight": w}
    expected = {
        "mae": m.mean_absolute_error(y, p, **kw),
        "mse": m.mean_squared_error(y, p, **kw),
        "rmse": m.root_mean_squared_error(y, p, **kw),
        "r2": m.r2_score(y, p, **kw),
    }
    case(name, why, {"kind": "regression", "truth": y, "predicted": p, "weights": w}, expected)


rng = np.random.default_rng(20131001)

hand = np.array([0, 0, 1, 0, 0, 1, 1, 0, 1, 1])
binary("ten rows", "small enough to check by hand", hand,
       np.array([0.05, 0.15, 0.22, 0.35, 0.41, 0.55, 0.62, 0.71, 0.88, 0.95]), None)
y = rng.integers(0, 2, 120)
binary("ties", "probabilities on a grid of tenths: ties across classes, values on bin edges", y,
       np.round(np.clip(0.3 + 0.3 * y + rng.normal(0, 0.25, 120), 0, 1), 1), None)
y = (rng.random(150) < 0.15).astype(int)
binary("rare and weighted", "few positives, weights between 0 and 3 with whole repetitions", y,
       np.round(rng.beta(1 + y, 4), 2), rng.integers(0, 4, 150).astype(float))
y = rng.integers(0, 2, 80)
binary("certain", "probabilities of exactly 0 and 1, some of them wrong: log loss clips", y,
       np.where(rng.random(80) < 0.5, (rng.random(80) < 0.5 + 0.4 * (y - 0.5)).astype(float), rng.random(80)), None)
binary("never predicted", "no probability reaches one half: precision is 0/0", np.array([0, 1, 0, 0, 1, 0]),
       np.array([0.1, 0.3, 0.2, 0.2, 0.25, 0.45]), None)
y = rng.integers(0, 2, 100)
binary("weighted", "large weights of one repeated row each", y, np.round(rng.random(100), 2),
       rng.integers(1, 50, 100).astype(float))

for name, why, rows, k, weighted, grid in [
    ("three classes", "no weights, continuous probabilities", 90, 3, False, False),
    ("three classes weighted", "real-valued weights", 120, 3, True, False),
    ("five classes tied", "probabilities on a grid, so that rankings and the top label tie", 150, 5, True, True),
]:
    y = np.concatenate([np.arange(k), rng.choice(k, rows - k, p=np.arange(k, 0, -1) / (k * (k + 1) / 2))])
    logits = rng.normal(0, 1, (rows, k)) + 1.2 * (y[:, None] == np.arange(k))
    p = np.exp(logits)
    p /= p.sum(axis=1, keepdims=True)
    if grid:
        p = np.floor(p * 8) / 8
        p[:, 0] += 1 - p.sum(axis=1)
    multiclass(name, why, y, p, rng.gamma(2.0, 1.0, rows) if weighted else None)
y = np.array([0, 1, 2, 0, 1, 2, 3, 0])
p = np.full((8, 4), 0.1)
p[np.arange(8), [0, 1, 1, 0, 0, 1, 0, 1]] = 0.7
multiclass("a class that is never predicted", "zero_division decides its precision", y, p, None)

y = rng.normal(10, 3, 60)
regression("regression", "no weights", y, y + rng.normal(0, 1, 60), None)
y = rng.gamma(2, 10, 100)
regression("regression weighted", "skewed, real-valued weights with zeros", y, y * rng.uniform(0.5, 1.5, 100),
           rng.integers(0, 3, 100) * rng.random(100))
y = 1e6 + rng.normal(0, 1, 50)
regression("regression with an offset", "a large mean and a small spread", y, y + rng.normal(0, 2, 50), None)

OUT.write_text(json.dumps(cases, indent=1, allow_nan=False) + "\n")

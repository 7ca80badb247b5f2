"""Writes testdata/golden/eval.json: what scikit-learn says about inputs with ties, weights and several classes.

    pip install -r testdata/gen/requirements.txt
    python testdata/gen/eval.py
"""

import warnings
from fractions import Fraction

import numpy as np
import scipy
from scipy.stats import binomtest, norm
from sklearn import metrics as m
from sklearn.calibration import calibration_curve

from golden import case, repeated, write

warnings.simplefilter("ignore")
# Three bins of ten rows have an edge on a row; numpy's percentage 33.3.. rounds to just below it.
BINS = {"uniform": [5, 10, 15], "quantile": [4, 5, 10]}
AVERAGES = ["macro", "micro", "weighted"]
ZERO_DIVISION = {"zero": 0, "one": 1, "undefined": np.nan}
BETAS = [0.5, 1, 2]
cases = []


def add(kind, name, why, inputs, expected, ties, **more):
    cases.append(case(name, why, {"kind": kind} | inputs, expected, ties=ties, **more))


def wilson(hits, rows, level=0.95):
    """Without weights only: with them mlsys has Kish's effective number of rows, which need not be whole."""
    interval = binomtest(int(hits), int(rows)).proportion_ci(level, method="wilson")
    return [interval.low, interval.high]


def exact_delong(y, s):
    """The definition in rational arithmetic, over all pairs of a positive and a negative row."""
    positive, negative = [Fraction(float(v)) for v in s[y == 1]], [Fraction(float(v)) for v in s[y == 0]]
    beats = lambda a, b: Fraction(int(a > b)) + Fraction(int(a == b), 2)
    v10 = [sum(beats(a, b) for b in negative) / len(negative) for a in positive]
    v01 = [sum(beats(a, b) for a in positive) / len(positive) for b in negative]
    auc = sum(v10) / len(v10)
    spread = lambda v: sum((x - auc) ** 2 for x in v) / (len(v) - 1) / len(v)
    variance = float(spread(v10) + spread(v01))
    half = norm.ppf(0.975) * variance**0.5
    return {"auc": float(auc), "variance": variance, "interval": [max(float(auc) - half, 0), min(float(auc) + half, 1)]}


def confusion(y, hard, labels, kw):
    matrix = lambda normalize: m.confusion_matrix(y, hard, labels=labels, normalize=normalize, **kw)
    return {"counts": matrix(None), "truth": matrix("true"), "predicted": matrix("pred"), "all": matrix("all")}


def curves(y, s, w):
    fpr, tpr, at = m.roc_curve(y, s, sample_weight=w, drop_intermediate=False)
    precision, recall, thresholds = m.precision_recall_curve(y, s, sample_weight=w)
    return {
        # The first threshold is infinite, which JSON does not have.
        "roc_curve": {"fpr": fpr, "tpr": tpr, "thresholds": at[1:]},
        "precision_recall_curve": {"precision": precision, "recall": recall, "thresholds": thresholds},
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
    return {"strategy": strategy, "bins": bins, "observed": true, "predicted": pred}, ece


def binary(name, why, y, p, w):
    hard = (p >= 0.5).astype(int)
    kw = {"sample_weight": w}
    # Quantiles of rows with weights that are not whole are of no reference; a case by hand has them.
    whole = w is None or (w % 1 == 0).all()
    strategies = ["uniform", "quantile"] if whole else ["uniform"]
    binned = [calibration(y, p, w, bins, strategy) for strategy in strategies for bins in BINS[strategy]]
    share = lambda value, hits, rows: {"value": value, "interval": wilson(hits, rows) if w is None and rows else None}
    hits = int((hard * y).sum())
    expected = {
        "RocAuc": m.roc_auc_score(y, p, **kw),
        "AveragePrecision": m.average_precision_score(y, p, **kw),
        "LogLoss": m.log_loss(y, p, labels=[0, 1], **kw),
        "Brier": {"half": m.brier_score_loss(y, p, **kw), "full": m.brier_score_loss(y, p, scale_by_half=False, **kw)},
        "Accuracy": share(m.accuracy_score(y, hard, **kw), (hard == y).sum(), len(y)),
        "BalancedAccuracy": m.balanced_accuracy_score(y, hard, **kw),
        "Precision": share(m.precision_score(y, hard, **kw), hits, hard.sum()),
        "Recall": share(m.recall_score(y, hard, **kw), hits, y.sum()),
        "FBeta": [[beta, m.fbeta_score(y, hard, beta=beta, **kw)] for beta in BETAS],
        "ConfusionMatrix": confusion(y, hard, [0, 1], kw),
        "CalibrationBins": [bins for bins, _ in binned],
        "Ece": [{"strategy": bins["strategy"], "bins": bins["bins"], "value": ece} for bins, ece in binned],
    } | curves(y, p, w)
    if w is None:
        expected["delong"] = exact_delong(y, p)
    add("binary", name, why, {"truth": y, "probability": p, "weights": w}, expected, repeated(p))


def multiclass(name, why, y, p, w):
    hard = p.argmax(axis=1)
    labels = np.arange(p.shape[1])
    kw = {"sample_weight": w}
    onehot = (y[:, None] == labels).astype(int)

    def ratio(score):
        """By average and by what 0/0 is; then of each class alone."""
        of = lambda average, zero: score(y, hard, labels=labels, average=average, zero_division=zero, **kw)
        averaged = {a: {name: of(a, zero) for name, zero in ZERO_DIVISION.items()} for a in AVERAGES}
        return averaged | {"classes": of(None, 0)}

    def ranked(averaged, of_class):
        return {a: averaged(a) for a in AVERAGES} | {"classes": [of_class(onehot[:, k], p[:, k], **kw) for k in labels]}

    # The labels are what occurs, as in mlsys; naming them changes no mean here.
    assert set(labels) == set(y) | set(hard)
    expected = {
        "RocAuc": ranked(
            lambda a: m.roc_auc_score(y, p, multi_class="ovr", average=a, labels=labels, **kw), m.roc_auc_score),
        "AveragePrecision": ranked(
            lambda a: m.average_precision_score(onehot, p, average=a, **kw), m.average_precision_score),
        "LogLoss": m.log_loss(y, p, labels=labels, **kw),
        "Brier": {
            "full": m.brier_score_loss(y, p, labels=labels, **kw),
            "half": m.brier_score_loss(y, p, labels=labels, scale_by_half=True, **kw),
        },
        "Accuracy": m.accuracy_score(y, hard, **kw),
        "BalancedAccuracy": m.balanced_accuracy_score(y, hard, **kw),
        "Precision": ratio(m.precision_score),
        "Recall": ratio(m.recall_score),
        "FBeta": [[beta, ratio(lambda *a, **k: m.fbeta_score(*a, beta=beta, **k))] for beta in BETAS],
        "ConfusionMatrix": confusion(y, hard, labels, kw),
        # Of the top label: Guo and others, equation 3.
        "Ece": calibration((hard == y).astype(int), p.max(axis=1), w, 15, "uniform")[1],
    }
    # In each row, classes tie for a rank; among the rows, scores of one class do.
    add("multiclass", name, why, {"truth": y, "probability": p, "weights": w}, expected,
        any(repeated(p[:, k]) for k in labels))


def undefined_ratio(name, why, y, hard, w):
    """Labels for which a ratio is 0/0."""
    ratio = lambda score: {n: score(y, hard, zero_division=z, sample_weight=w) for n, z in ZERO_DIVISION.items()}
    expected = {
        "Accuracy": m.accuracy_score(y, hard, sample_weight=w),
        "Precision": ratio(m.precision_score),
        "Recall": ratio(m.recall_score),
        "FBeta": [[beta, ratio(lambda *a, **k: m.fbeta_score(*a, beta=beta, **k))] for beta in BETAS],
        "ConfusionMatrix": confusion(y, hard, [0, 1], {"sample_weight": w}),
    }
    add("labels", name, why, {"truth": y, "predicted": hard, "weights": w}, expected, False)


def regression(name, why, y, p, w):
    kw = {"sample_weight": w}
    expected = {
        "Mae": m.mean_absolute_error(y, p, **kw),
        "Mse": m.mean_squared_error(y, p, **kw),
        "Rmse": m.root_mean_squared_error(y, p, **kw),
        "R2": m.r2_score(y, p, **kw),
    }
    add("regression", name, why, {"truth": y, "predicted": p, "weights": w}, expected, repeated(y) and repeated(p))


def proportion(hits, rows, level):
    add("proportion", f"{hits} of {rows} at {level}", "a closed form", {"hits": hits, "rows": rows, "level": level},
        {"wilson_interval": wilson(hits, rows, level)}, False, tool="scipy.stats.binomtest", version=scipy.__version__)


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
y = rng.poisson(3, 80).astype(float)
regression("counts", "small whole numbers: tied truths, tied predictions, exact hits", y,
           np.maximum(y + rng.integers(-1, 2, 80), 0.0), None)
regression("counts weighted", "the same, with whole weights from 0", y, np.maximum(y + rng.integers(-2, 3, 80), 0.0),
           rng.integers(0, 4, 80).astype(float))

y = rng.integers(0, 2, 90)
binary("weights that are not whole", "ties, and real-valued weights with zeros", y,
       np.round(np.clip(0.4 + 0.2 * y + rng.normal(0, 0.25, 90), 0, 1), 1), rng.integers(0, 3, 90) * rng.gamma(2.0, 1.0, 90))
undefined_ratio("nothing positive", "precision, recall and F are 0/0", np.zeros(4, int), np.zeros(4, int), None)
undefined_ratio("nothing predicted", "precision is 0/0", np.array([0, 1, 1, 0]), np.zeros(4, int), np.array([1.0, 2, 0.5, 3]))
undefined_ratio("nothing true", "recall is 0/0", np.zeros(4, int), np.array([0, 1, 1, 0]), None)
for proportion_case in [(8, 10, 0.95), (0, 10, 0.95), (10, 10, 0.9), (1, 3, 0.5), (123, 45678, 0.99)]:
    proportion(*proportion_case)

write("eval.json", cases)

"""Golden numbers of chains that fill categories beside numbers, and of the logistic regressions in them.

scikit-learn has no such chain: it is written out here from its BayesianRidge and LogisticRegression.
Run with the versions in requirements.txt: python testdata/gen/chains.py
"""

import warnings

import numpy as np
from sklearn.linear_model import BayesianRidge, LogisticRegression

from golden import case, is_missing, write

rng = np.random.default_rng(77)
nan = np.nan
# The penalty of the chain's logistic regressions, of columns with deviation 1.
PENALTY = 0.25


def logit(x, y, l2, weights=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return LogisticRegression(C=1 / l2, solver="newton-cholesky", tol=1e-13, max_iter=1000).fit(x, y, sample_weight=weights)


def contrasts(model):
    """Against the first class, as a model of two classes is anyway."""
    b, a = model.coef_, model.intercept_
    return (b, a) if len(b) == 1 else (b[1:] - b[0], a[1:] - a[0])


def classes_of(x, k, noise, n):
    score = x @ rng.normal(size=(x.shape[1], k)) + noise * rng.gumbel(size=(n, k))
    y = score.argmax(axis=1)
    y[:k] = np.arange(k)
    return y


def logit_case(name, x, y, l2, weights=None):
    b, a = contrasts(logit(x, y, l2, weights))
    inputs = {"x": x.T, "y": y, "weights": weights, "l2": l2}
    return case(
        name, "two Newton solvers of one strictly convex objective", inputs,
        {"MultinomialLogit": {"coefficients": b, "intercepts": a}},
        ties=len(np.unique(x, axis=0)) < len(x), rtol=1e-10)


x = rng.normal(size=(200, 4)) + 0.1
near = np.column_stack([x[:, 0], x[:, 0] + 1e-3 * x[:, 1], x[:, 2] > 0])
line = np.arange(60.0)[:, None] / 20 - 1.5
cases = [
    logit_case("two classes", x, classes_of(x, 2, 1.0, 200), 0.25),
    logit_case("three classes", x, classes_of(x, 3, 1.0, 200), 0.25),
    logit_case("six classes, strong penalty", x, classes_of(x, 6, 0.5, 200), 5.0),
    logit_case("nearly collinear", near, classes_of(near, 3, 1.0, 200), 0.1),
    logit_case("two classes apart", line, (line[:, 0] > 0.1).astype(int), 0.25),
    logit_case("three classes apart", line, np.digitize(line[:, 0], [-0.5, 0.5]), 0.01),
    logit_case("weights", x, classes_of(x, 3, 1.0, 200), 1.0, np.round(rng.random(200) * 3 + 0.1, 2)),
    logit_case("every row twice", np.repeat(x[:60], 2, axis=0), classes_of(np.repeat(x[:60], 2, axis=0), 4, 1.0, 120), 0.5),
]
write("multinomial_logit.json", cases)


def design(column, classes):
    """Its columns in the regressions: itself, or an indicator for each class but the first."""
    if classes is None:
        return np.asarray(column, dtype=float)[:, None]
    return np.array([[float(v == c) for c in classes[1:]] for v in column]).reshape(len(column), -1)


class Ridge:
    def __init__(self, x, y, w):
        self.model = BayesianRidge().fit(x, y, sample_weight=w)

    def __call__(self, x):
        return self.model.predict(x)


class Logit:
    def __init__(self, x, y, w):
        w = np.ones(len(y)) if w is None else w
        self.mean = np.average(x, axis=0, weights=w)
        deviation = np.sqrt(np.average((x - self.mean) ** 2, axis=0, weights=w))
        self.scale = np.where(deviation > 1e-9, 1 / np.where(deviation > 1e-9, deviation, 1), 0)
        self.model = logit((x - self.mean) * self.scale, y, PENALTY, w)

    def __call__(self, x):
        return self.model.predict((x - self.mean) * self.scale)


class Only:
    def __init__(self, y):
        self.y = y

    def __call__(self, x):
        return [self.y] * len(x)


def most_frequent(values, classes, w):
    totals = [sum(wi for v, wi in zip(values, w) if v == c) for c in classes]
    return classes[int(np.argmax(totals))]


def chain(train, rows, rounds, weights=None):
    """The rows filled: what was learned in every round, in that order, of the training rows."""
    names = sorted(train)
    n = len(train[names[0]])
    w = np.ones(n) if weights is None else np.asarray(weights)
    missing = {c: np.array([is_missing(v) for v in train[c]]) for c in names}
    text = {c: any(isinstance(v, (str, bool)) for v in train[c]) for c in names}
    classes = {c: sorted({v for v in train[c] if not is_missing(v)}) if text[c] else None for c in names}
    there = {c: ~missing[c] for c in names}
    if weights is not None:
        assert (w > 0).all()

    def start(c):
        values = [v for v, m in zip(train[c], missing[c]) if not m]
        own = w[there[c]]
        return most_frequent(values, classes[c], own) if text[c] else np.average(np.array(values, dtype=float), weights=own)

    starts = {c: start(c) for c in names}

    def begin(table):
        return {c: [starts[c] if is_missing(v) else v for v in table[c]] for c in names}

    def others(table, c):
        return np.column_stack([design(table[k], classes[k]) for k in names if k != c])

    def fill(table, gaps, c, model):
        at = np.flatnonzero(gaps[c])
        if len(at):
            for row, value in zip(at, model(others(table, c)[at])):
                table[c][row] = value if text[c] else float(value)

    table, learned = begin(train), []
    order = sorted(names, key=lambda c: w[missing[c]].sum())
    for _ in range(rounds):
        for c in order:
            x = others(table, c)[there[c]]
            y = np.array([v for v, m in zip(train[c], missing[c]) if not m])
            own = None if weights is None else w[there[c]]
            if not text[c]:
                model = Ridge(x, y.astype(float), own)
            elif len(classes[c]) == 1:
                model = Only(classes[c][0])
            else:
                model = Logit(x, y, own)
            learned.append((c, model))
            fill(table, missing, c, model)
    if rows is train:
        return table
    gaps = {c: [is_missing(v) for v in rows[c]] for c in names}
    table = begin(rows)
    for c, model in learned:
        fill(table, gaps, c, model)
    return table


def gaps(values, share):
    return [None if rng.random() < share else v for v in values]


def mixed(n, share, words, scale=1.0):
    """Numbers and categories that know of each other."""
    hidden = rng.normal(size=(n, 2))
    kinds = np.array(words)[classes_of(hidden * 2, len(words), 0.7, n)]
    flag = hidden[:, 0] + 0.5 * rng.normal(size=n) > 0.2
    size = scale * (3 + hidden[:, 0] + 2 * (kinds == words[0]) + 0.3 * rng.normal(size=n))
    depth = hidden[:, 1] - flag + 0.4 * rng.normal(size=n)
    return {
        "depth": gaps(depth.tolist(), share), "flag": gaps([bool(f) for f in flag], share),
        "kind": gaps([str(k) for k in kinds], share), "size": gaps(size.tolist(), share / 2),
    }


def plain(table):
    """Column by column, in the order of their names."""
    value = lambda v: None if is_missing(v) else bool(v) if isinstance(v, np.bool_) else str(v) if isinstance(v, str) else v
    return [[value(v) for v in table[c]] for c in sorted(table)]


words = ["ash", "beech", "oak", "yew"]
many = [f"w{i}" for i in range(9)]
small = {
    "x": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, None, 2.5], "word": ["a", "a", None, "a", "b", "b", "b", None, "b", "a"],
    "one": ["only", None, "only", "only", "only", None, "only", "only", "only", "only"],
}
twins = mixed(120, 0.2, words)
twins["kind2"] = [v if v is None else v + "!" for v in twins["kind"]]
tables = [
    ("a small one, with a single class", small, None, None),
    ("two kinds of columns", mixed(150, 0.2, words), None, None),
    ("two classes each", mixed(90, 0.3, ["no", "yes"]), None, None),
    ("other rows", mixed(200, 0.15, words, 100.0), mixed(60, 0.5, words, 100.0), None),
    ("nine classes", mixed(400, 0.25, many), None, None),
    ("a column twice", twins, None, None),
    ("weights", mixed(120, 0.2, words), None, rng.integers(1, 4, 120).astype(float)),
    ("categories alone", {c: v for c, v in mixed(160, 0.2, words).items() if c in ("flag", "kind")}, None, None),
]
cases = []
for name, train, rows, weights in tables:
    rows = train if rows is None else rows
    for rounds in [1, 4]:
        inputs = {"columns": sorted(train), "train": plain(train), "rows": plain(rows), "options": {"max_iter": rounds}}
        if weights is not None:
            inputs["weights"] = weights
        missing = [sum((1 if weights is None else weights[i]) for i, v in enumerate(train[c]) if is_missing(v)) for c in train]
        cases.append(case(
            f"{name}, {rounds}", "a chain written out, of BayesianRidge and LogisticRegression", inputs,
            {"IterativeImputer": plain(chain(train, rows, rounds, weights))},
            ties=len(set(missing)) < len(missing), rtol=1e-10))
write("mixed_chains.json", cases)

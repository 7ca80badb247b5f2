"""Golden numbers of distances, associations and tables: scipy, scikit-learn, numpy and pandas.

Usage: python testdata/gen/relations.py
"""

import numpy as np
import pandas as pd
import scipy
from scipy import stats
from scipy.special import digamma
from scipy.stats.contingency import association
from sklearn.metrics import mutual_info_score

from golden import case, repeated, write

rng = np.random.default_rng(2026)
NAN = float("nan")


def with_gaps(x, share):
    x = np.array(x, dtype=float)
    x[rng.random(len(x)) < share] = NAN
    return x


def kept(*columns):
    """The rows where nothing is missing."""
    there = ~np.isnan(np.column_stack(columns)).any(axis=1)
    return [np.asarray(c)[there] for c in columns]


def exact_sum(values):
    import math
    return math.fsum(values)


def weighted_pearson(x, y, w):
    x, y, w = kept(x, y, w)
    c = np.cov(x, y, aweights=w, ddof=0)
    return c[0, 1] / np.sqrt(c[0, 0] * c[1, 1])


def ksg(x, y, k):
    """Kraskov's first estimator with all pairs, for data without ties."""
    x, y = kept(x, y)
    x, y = x / x.std(), y / y.std()
    n = len(x)
    dx, dy = np.abs(x[:, None] - x), np.abs(y[:, None] - y)
    d = np.maximum(dx, dy)
    np.fill_diagonal(d, np.inf)
    radius = np.sort(d, axis=1)[:, k - 1]
    nx, ny = (dx < radius[:, None]).sum(axis=1), (dy < radius[:, None]).sum(axis=1)
    return max(0.0, digamma(n) + digamma(k) - np.mean(digamma(nx) + digamma(ny)))


def ross(c, x, k):
    """Ross's estimator with all pairs, for data without ties."""
    there = ~np.isnan(x)
    c, x = np.asarray(c)[there], x[there]
    sizes = pd.Series(c).value_counts()
    keep = np.array([sizes[v] > 1 for v in c])
    c, x = c[keep], x[keep]
    x = x / x.std()
    d = np.abs(x[:, None] - x)
    total = []
    for i in range(len(x)):
        own = np.sort(d[i, (c == c[i]) & (np.arange(len(x)) != i)])
        ki = min(k, len(own))
        m = (d[i] < own[ki - 1]).sum()
        total.append(digamma(ki) - digamma(len(own) + 1) - digamma(m))
    return max(0.0, digamma(len(x)) + np.mean(total))


cases = []
SCIPY = dict(tool="scipy", version=scipy.__version__)

# Two numbers.
pairs = {
    "ties": (np.array([1, 2, 2, 3, 5, 5, 5, 8.0]), np.array([2, 2, 1, 4, 4, 6, 6, 7.0])),
    "line": (np.arange(30.0), 3 - 2 * np.arange(30.0) + rng.normal(size=30)),
    "offset": (1e6 + rng.normal(size=50), rng.normal(size=50)),
    "rounded": (np.round(rng.normal(size=200), 1), np.round(rng.normal(size=200), 1)),
    "gaps": (with_gaps(rng.integers(0, 9, 60), 0.2), with_gaps(rng.normal(size=60), 0.2)),
    "gaps without ties": (with_gaps(rng.normal(size=80), 0.1), with_gaps(rng.exponential(size=80), 0.1)),
}
pairs["curve"] = (rng.normal(size=120), None)
pairs["curve"] = (pairs["curve"][0], pairs["curve"][0] ** 2 + 0.3 * rng.normal(size=120))
for name, (x, y) in pairs.items():
    a, b = kept(x, y)
    tied = repeated(x) or repeated(y)
    expected = {
        "pearson": stats.pearsonr(a, b)[0],
        "spearman": stats.spearmanr(a, b)[0],
        "kendall": stats.kendalltau(a, b)[0],
    }
    if not tied:
        expected["mutual_information_knn"] = [[k, ksg(x, y, k)] for k in (1, 3, 5)]
    cases.append(case(name, "two numbers", dict(x=x, y=y), expected, ties=tied, **SCIPY))
    w = rng.integers(0, 4, len(x)).astype(float) if tied else rng.random(len(x))
    expected = {"pearson": weighted_pearson(x, y, w)}
    cases.append(case(f"{name} weighted", "two numbers", dict(x=x, y=y, weights=w), expected, ties=tied, tool="numpy", version=np.__version__))

# Covariance of several columns, rows with gaps left out.
for name, weighted in [("complete", False), ("gaps", False), ("weighted", True), ("tied", False), ("tied weighted", True), ("gaps weighted", True)]:
    m = rng.normal(size=(40, 4)) @ rng.normal(size=(4, 4)) + [0, 10, -1000, 1e5]
    if "tied" in name:
        m = np.round(m)
    if "gaps" in name:
        m[rng.random(m.shape) < 0.1] = NAN
    w = rng.integers(0, 4, 40).astype(float) if weighted else None
    there = ~np.isnan(m).any(axis=1)
    c = m[there]
    f = None if w is None else w[there].astype(int)
    expected = {"Covariance": dict(
        means=np.average(c, axis=0, weights=f), covariance=np.cov(c.T, fweights=f), correlation=np.corrcoef(np.repeat(c, f, axis=0).T if weighted else c.T))}
    cases.append(case(f"covariance {name}", "several columns", dict(columns=m.T, weights=w), expected, ties="tied" in name, tool="numpy", version=np.__version__))

# Two samples.
samples = {
    "ties": (rng.integers(0, 6, 40).astype(float), rng.integers(1, 9, 25).astype(float)),
    "normal": (rng.normal(size=60), rng.normal(0.5, 2, size=45)),
    "apart": (np.array([1.0, 2, 3]), np.array([10.0, 11, 12, 13])),
    "gaps": (with_gaps(rng.integers(0, 5, 50), 0.2), with_gaps(rng.exponential(size=50), 0.2)),
    "more gaps": (with_gaps(np.round(rng.normal(size=70), 1), 0.3), with_gaps(rng.normal(size=50), 0.1)),
    "few gaps": (with_gaps(rng.integers(0, 3, 30), 0.05), with_gaps(rng.integers(0, 4, 30), 0.05)),
}
for name, (x, y) in samples.items():
    for weighted in (False, True):
        u = rng.integers(1, 4, len(x)).astype(float) if weighted else None
        v = rng.integers(1, 4, len(y)).astype(float) if weighted else None
        a, b = x[~np.isnan(x)], y[~np.isnan(y)]
        ua, vb = (u[~np.isnan(x)], v[~np.isnan(y)]) if weighted else (None, None)
        ra, rb = (np.repeat(a, ua.astype(int)), np.repeat(b, vb.astype(int))) if weighted else (a, b)
        expected = {
            "wasserstein": stats.wasserstein_distance(a, b, ua, vb),
            "energy": stats.energy_distance(a, b, ua, vb),
            "ks_from": stats.ks_2samp(ra, rb).statistic,
        }
        cases.append(case(f"samples {name}{' weighted' if weighted else ''}", "two samples", dict(a=x, b=y, weights=[u, v] if weighted else None), expected, ties=repeated(x), **SCIPY))

# Weights per bin.
bins = {
    "equal": ([1, 2, 3, 4], [2, 2, 2, 4]), "empty bins": ([0, 5, 1, 0], [2, 3, 0, 0]), "shares": ([0.2, 0.3, 0.5], [0.1, 0.1, 0.8]),
    "many": (rng.integers(1, 100, 50), rng.integers(1, 100, 50)),
}
for name, (p, q) in bins.items():
    p, q = np.array(p, float), np.array(q, float)
    a, b = p / p.sum(), q / q.sum()
    def psi(floor):
        m = (a > 0) | (b > 0)
        x, y = np.maximum(a[m], floor), np.maximum(b[m], floor)
        return float(np.sum((y - x) * np.log(y / x)))
    expected = {
        "jensen_shannon": [stats.entropy(a, (a + b) / 2) / 2 + stats.entropy(b, (a + b) / 2) / 2, scipy.spatial.distance.jensenshannon(p, q, 2) ** 2],
        "hellinger": np.linalg.norm(np.sqrt(a) - np.sqrt(b)) / np.sqrt(2),
        "total_variation": np.abs(a - b).sum() / 2,
        "l_infinity": np.abs(a - b).max(),
        "psi": [[floor, psi(floor)] for floor in (1e-4, 0.01)],
    }
    if not ((a > 0) & (b == 0)).any():
        expected["kl_divergence"] = stats.entropy(p, q)
    cases.append(case(f"bins {name}", "weights per bin", dict(p=p, q=q), expected, ties=True, **SCIPY))

# Tables of two categories.
words = np.array(["a", "b", "c", "d", None], dtype=object)
for name, n, weighted in [("few", 12, False), ("many", 300, False), ("weighted", 60, True), ("gaps", 40, False), ("gaps weighted", 80, True), ("dependent", 200, False)]:
    gaps = "gaps" in name
    x = words[rng.integers(0, 5 if gaps else 4, n)]
    y = words[rng.integers(0, 5 if gaps else 3, n)] if name != "dependent" else np.where(rng.random(n) < 0.7, x, "a")
    w = rng.integers(0, 4, n).astype(float) if weighted else None
    frame = pd.DataFrame(dict(x=x, y=y, w=1.0 if w is None else w)).dropna()
    frame = frame[frame.w > 0]
    table = frame.pivot_table(index="x", columns="y", values="w", aggfunc="sum", fill_value=0.0)
    t = table.to_numpy()
    total, r, k = t.sum(), *t.shape
    phi = stats.chi2_contingency(t, correction=False).statistic / total
    corrected = max(0, phi - (k - 1) * (r - 1) / (total - 1))
    room = min(k - (k - 1) ** 2 / (total - 1), r - (r - 1) ** 2 / (total - 1)) - 1
    mi = mutual_info_score(None, None, contingency=t)
    expected = {
        "Contingency": dict(rows=list(table.index), columns=list(table.columns), weights=t),
        "cramers_v": [association(t.astype(int), method="cramer"), np.sqrt(corrected / room)],
        "mutual_information": mi,
        "theils_u": mi / stats.entropy(t.sum(axis=0)),
    }
    if t.shape[1] > 1:
        two = np.column_stack([t[:, 0], t[:, 1:].sum(axis=1)])
        add = np.where((two == 0).any(axis=1), 0.5, 0.0)[:, None]
        p = (two + add) / two.sum(axis=0)
        woe = np.log(p[:, 1] / p[:, 0])
        expected["information_value"] = [float(np.sum((p[:, 1] - p[:, 0]) * woe)), woe]
    cases.append(case(f"table {name}", "two categories", dict(rows=x, columns=y, weights=w), expected, ties=True, **SCIPY))

# A category and a number.
for name, n, tied in [("plain", 50, False), ("ties", 60, True), ("gaps", 60, True), ("gaps without ties", 90, False), ("separate", 40, False)]:
    c = words[rng.integers(0, 5 if "gaps" in name else 4, n)]
    x = rng.normal(size=n) + np.array([{"a": 0, "b": 1, "c": 2, "d": 3, None: 0}[v] for v in c]) * (5 if name == "separate" else 0.5)
    if tied:
        x = np.round(x)
    if "gaps" in name:
        x = with_gaps(x, 0.15)
    there = np.array([v is not None for v in c]) & ~np.isnan(x)
    a, b = c[there], x[there]
    groups = [b[a == v] for v in sorted(set(a))]
    between = sum(len(g) * (g.mean() - b.mean()) ** 2 for g in groups)
    expected = {"correlation_ratio": np.sqrt(between / ((b - b.mean()) ** 2).sum())}
    if not tied:
        expected["mutual_information_mixed"] = [[k, ross(a, b, k)] for k in (1, 3, 8)]
    cases.append(case(f"mixed {name}", "a category and a number", dict(categories=c, values=x), expected, ties=tied, **SCIPY))

# One column.
columns = {
    "ties": rng.integers(0, 5, 30).astype(float), "real": rng.normal(size=50), "gaps": with_gaps(rng.integers(0, 4, 40), 0.2),
    "real gaps": with_gaps(rng.normal(size=40), 0.2), "many gaps": with_gaps(np.round(rng.normal(size=60)), 0.5), "edges": np.array([0.0, 1, 1, 2, 2, 3, -1, 4]),
}
for name, x in columns.items():
    for weighted in (False, True):
        w = rng.integers(0, 4, len(x)).astype(float) if weighted else None
        there = ~np.isnan(x)
        v = x[there]
        u = np.ones(len(v)) if w is None else w[there]
        edges = np.array([-1.0, 0.0, 0.5, 1.0, 3.0])
        values, inverse = np.unique(v[u > 0], return_inverse=True)
        weights = np.bincount(inverse, u[u > 0])
        order = np.lexsort((values, -weights))
        expected = {
            "Histogram": dict(edges=edges, weights=np.histogram(v, edges, weights=u)[0].astype(float), below=float(u[v < -1].sum()), above=float(u[v > 3].sum())),
            "Distinct": len(values),
            "HeavyHitters": [[values[i], weights[i]] for i in order],
        }
        cases.append(case(f"column {name}{' weighted' if weighted else ''}", "one column", dict(x=x, weights=w), expected, ties=repeated(x), tool="numpy", version=np.__version__))

write("relations.json", cases)

"""Golden numbers of hypothesis tests: scipy, statsmodels, and scikit-posthocs.

Run with the versions in requirements.txt: python testdata/gen/hypothesis.py
"""

import warnings
from itertools import product

import numpy as np
import scipy
import scipy.special
import scipy.stats as st
import statsmodels
from statsmodels.stats import contingency_tables, multitest, proportion
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW
import scikit_posthocs

from golden import case as golden_case, repeated, write

warnings.filterwarnings("ignore")
rng = np.random.default_rng(11)
nan = np.nan
SIDES = ["two-sided", "less", "greater"]
METHODS = ["auto", "exact", "asymptotic"]
SM = dict(tool="statsmodels", version=statsmodels.__version__)
cases = []


def case(name, inputs, expected, ties, why="the options of a test on one input", **tool):
    tool = tool or dict(tool="scipy", version=scipy.__version__)
    cases.append(golden_case(name, why, inputs, expected, ties=ties, **tool))


def there(x):
    x = np.asarray(x, dtype=float)
    return x[~np.isnan(x)]


def gaps(x, share):
    return np.where(rng.random(len(x)) < share, nan, x)


def tied(*samples):
    return repeated(np.concatenate([there(x) for x in samples]))


def row(result, **more):
    return {"statistic": result.statistic, "p_value": result.pvalue, **more}


# Two samples

def ks(a, b):
    found = []
    for side, method in product(SIDES, METHODS):
        r = st.ks_2samp(a, b, alternative=side, method="asymp" if method == "asymptotic" else method)
        # Where the distributions nowhere differ in that direction, any place is as good.
        location = r.statistic_location if r.statistic > 0 else nan
        found.append(row(r, alternative=side, method=method, location=location))
    return found


def mann_whitney(a, b):
    found = []
    for side, method, correct in product(SIDES, METHODS, [True, False]):
        # Given ties scipy's exact p-value is that of samples without them.
        if method == "exact" and (tied(a, b) or len(a) * len(b) > 4000):
            continue
        r = st.mannwhitneyu(a, b, alternative=side, method=method, use_continuity=correct)
        effect = 2 * r.statistic / (len(a) * len(b)) - 1
        found.append(row(r, alternative=side, method=method, continuity=correct, effect=effect))
    return found


def t_tests(a, b, wa=None, wb=None):
    found = {"student_t": [], "welch_t": []}
    one, two = DescrStatsW(a, wa), DescrStatsW(b, wb)
    means = CompareMeans(one, two)
    for item, usevar in [("student_t", "pooled"), ("welch_t", "unequal")]:
        for side, word in zip(SIDES, ["two-sided", "smaller", "larger"]):
            t, p, df = means.ttest_ind(alternative=word, usevar=usevar)
            v, w, n, m = one.var_ddof(1), two.var_ddof(1), one.nobs, two.nobs
            sd = np.sqrt((v * (n - 1) + w * (m - 1)) / (n + m - 2) if usevar == "pooled" else (v + w) / 2)
            found[item].append({"statistic": t, "p_value": p, "df": df, "alternative": side, "effect": (one.mean - two.mean) / sd})
    return found


def cvm_sf(x, n=None):
    """scipy's series of Csörgő and Faraway, which scipy leaves at terms below 1e-7, to its end."""
    kv, gamma = scipy.special.kv, scipy.special.gamma
    limit = total = 0.0
    for k in range(60):
        y, q = 4 * k + 1, (4 * k + 1) ** 2 / (16 * x)
        limit += np.exp(scipy.special.gammaln(k + 0.5) - scipy.special.gammaln(k + 1)) / (np.pi**1.5 * np.sqrt(x)) * np.sqrt(y) * np.exp(-q) * kv(0.25, q)

    def ed2(y):
        z = y**2 / 4
        return np.exp(-z) * (y / 2) ** 1.5 * (kv(0.25, z) + kv(0.75, z)) / np.sqrt(np.pi)

    def ed3(y):
        z = y**2 / 4
        return np.exp(-z) / np.sqrt(np.pi) * (y / 2) ** 2.5 * (2 * kv(0.25, z) + 3 * kv(0.75, z) - kv(1.25, z))

    if n is None:
        return 1 - limit
    for k in range(60):
        m, sx, y1, y2 = 2 * k + 1, 2 * np.sqrt(x), x**0.75, x**1.25
        e = m * gamma(k + 0.5) * ed2((4 * k + 3) / sx) / (9 * y1) + gamma(k + 0.5) * ed3((4 * k + 1) / sx) / (72 * y2)
        e += 2 * (m + 2) * gamma(k + 1.5) * ed3((4 * k + 5) / sx) / (12 * y2)
        e += 7 * m * gamma(k + 0.5) * (ed2((4 * k + 1) / sx) + ed2((4 * k + 5) / sx)) / (144 * y1)
        total -= e / (np.pi * gamma(k + 1))
    return 1 - (limit * (1 + 1 / (12 * n)) + total / n)


def cvm_two(a, b):
    found = []
    for method in ["exact", "asymptotic"]:
        if method == "exact" and len(a) * len(b) > 400:
            continue
        r = st.cramervonmises_2samp(a, b, method=method)
        p = r.pvalue
        if method == "asymptotic":
            n, m = len(a), len(b)
            k, N = n * m, n + m
            mean, var = (1 + 1 / N) / 6, (N + 1) * (4 * k * N - 3 * (n**2 + m**2) - 2 * k) / (45 * N**2 * 4 * k)
            p = cvm_sf(1 / 6 + (r.statistic - mean) / np.sqrt(45 * var))
            assert abs(p - r.pvalue) < 1e-7
        if p < 1e-5:
            continue
        found.append({"method": method, "statistic": r.statistic, "p_value": p})
    return found


two_samples = {
    "small": ([19.0, 22, 16, 29, 24], [20.0, 11, 17, 12]),
    "ties": ([1.0, 2, 2, 3, 3, 3, 5], [2.0, 3, 4, 4, 5, 6, 6, 6, 7]),
    "missing": ([0.5, nan, 2.5, 1.25, -3.0, nan], [nan, 4.0, 2.0, 8.5, 1.0]),
    "equal sizes": (rng.normal(size=30), rng.normal(0.5, 1, size=30)),
    "ties and missing": (gaps(rng.integers(0, 9, 80).astype(float), 0.1), gaps(rng.integers(1, 11, 60).astype(float), 0.1)),
    "few values": (gaps(rng.integers(0, 3, 30).astype(float), 0.2), gaps(rng.integers(0, 4, 25).astype(float), 0.2)),
    "long": (rng.normal(size=400), rng.normal(0.1, 1.3, size=300)),
    "far apart": (rng.normal(size=200), rng.normal(12, 2, size=170)),
    "offset": (1e9 + rng.normal(size=50), 1e9 + rng.normal(1, 1, size=40)),
}
for name, (a, b) in two_samples.items():
    x, y = there(a), there(b)
    expected = {"ks_two_sample": ks(x, y), "mann_whitney_u": mann_whitney(x, y), "cramer_von_mises_two_sample": cvm_two(x, y)}
    # At an offset numpy's variances lose digits.
    expected |= {} if name == "offset" else t_tests(x, y)
    case(f"two samples: {name}", {"a": a, "b": b}, expected, tied(x, y), tool="scipy, statsmodels", version=f"{scipy.__version__}, {statsmodels.__version__}")
    wa, wb = (rng.integers(0, 5, len(v)).astype(float) for v in (a, b))
    wa[-1] = wb[-1] = 2.0
    wa[0] = wb[1] = 3.0
    if name != "offset":
        expected = t_tests(x, y, wa[~np.isnan(a)], wb[~np.isnan(b)])
        case(f"two samples, weighted: {name}", {"a": a, "b": b, "weights": [wa, wb]}, expected, tied(x, y), **SM)


# Pairs

def wilcoxon(a, b):
    found = []
    d = a - b
    awkward = tied(np.abs(d)) or (d == 0).any()
    for side, method, zeros, correct in product(SIDES, METHODS, ["wilcox", "pratt", "zsplit"], [True, False]):
        # Given ties scipy rounds the statistic, and its "auto" draws permutations above 13 pairs no more.
        if method == "exact" and (awkward or len(d) > 200):
            continue
        r = st.wilcoxon(a, b, alternative=side, method=method, zero_method=zeros, correction=correct)
        found.append(row(r, alternative=side, method=method, zeros=zeros, continuity=correct))
    return found


def paired_t(a, b, w=None):
    d = DescrStatsW(a - b, w)
    found = []
    for side, word in zip(SIDES, ["two-sided", "smaller", "larger"]):
        t, p, df = d.ttest_mean(0, alternative=word)
        found.append({"statistic": t, "p_value": p, "df": df, "alternative": side, "effect": d.mean / np.sqrt(d.var_ddof(1))})
    return found


pairs = {
    "small": ([5.0, 7, 9, 4, 12], [4.0, 5.5, 6, 4.25, 7]),
    "ties and zeros": ([6.0, 8, 14, 16, 23, 24, 28, 29, 41, 48, 49], [5.0, 8, 15, 14, 21, 24, 24, 30, 40, 40, 45]),
    "missing": ([1.0, nan, 3.5, 9.0, 4.0, 8.0], [0.5, 2.0, nan, 6.0, 4.75, 1.0]),
    "many ties and zeros": (rng.integers(0, 8, 40).astype(float), rng.integers(0, 9, 40).astype(float)),
    "quarters with gaps": (gaps(rng.integers(-9, 9, 30) / 4, 0.1), gaps(rng.integers(-9, 12, 30) / 4, 0.1)),
    "forty": (rng.normal(size=40), rng.normal(0.3, 1, size=40)),
    "long with gaps": (gaps(rng.normal(size=150), 0.1), gaps(rng.normal(0.2, 1, size=150), 0.1)),
    "far apart": (rng.normal(9, 1, size=120), rng.normal(size=120)),
}
for name, (a, b) in pairs.items():
    full = ~(np.isnan(a) | np.isnan(b))
    x, y = np.asarray(a)[full], np.asarray(b)[full]
    case(f"pairs: {name}", {"a": a, "b": b}, {"wilcoxon_signed_rank": wilcoxon(x, y), "paired_t": paired_t(x, y)}, tied(np.abs(x - y)),
         tool="scipy, statsmodels", version=f"{scipy.__version__}, {statsmodels.__version__}")
    w = rng.integers(0, 4, len(a)).astype(float)
    w[0] = w[-1] = 2.0
    case(f"pairs, weighted: {name}", {"a": a, "b": b, "weights": w}, {"paired_t": paired_t(x, y, w[full])}, tied(np.abs(x - y)), **SM)


# One sample against the normal distribution

def one_sample(x):
    found = {"ks_one_sample": [], "cramer_von_mises_one_sample": []}
    for side, method in product(SIDES, ["auto", "asymptotic"]):
        if method == "asymptotic" and side != "two-sided":
            continue
        r = st.ks_1samp(x, st.norm.cdf, alternative=side, method="asymp" if method == "asymptotic" else method)
        found["ks_one_sample"].append(row(r, alternative=side, method=method, location=r.statistic_location))
    r = st.cramervonmises(x, "norm")
    p = cvm_sf(r.statistic, len(x))
    assert abs(p - r.pvalue) < 1e-6, (p, r.pvalue)
    if p > 1e-5:
        found["cramer_von_mises_one_sample"].append({"statistic": r.statistic, "p_value": p})
    return found


for name, x in {
    "small": [0.1, -0.4, 1.2, 0.7, -2.0, 0.05],
    "ties": [0.0, 0.5, 0.5, 0.5, -1.0, -1.0, 2.0, 0.0],
    "missing": [nan, 0.3, -0.8, nan, 1.9],
    "tenths": np.round(rng.normal(size=90), 1),
    "tenths with gaps": gaps(np.round(rng.normal(size=60), 1), 0.1),
    "hundred": rng.normal(size=100),
    "long": rng.normal(0.05, 1.1, size=700),
    "wide with gaps": gaps(rng.normal(0, 1.5, size=250), 0.2),
    "shifted": rng.normal(2, 1, size=160),
}.items():
    case(f"one sample: {name}", {"a": x}, one_sample(there(x)), tied(x))


# Several samples

def anderson(samples):
    r = st.anderson_ksamp(samples, variant="midrank")
    return [{"statistic": r.statistic, "p_value": r.pvalue, "capped": r.pvalue in (0.25, 0.001)}]


def kruskal(samples):
    r = st.kruskal(*samples)
    n = sum(len(x) for x in samples)
    return [row(r, df=len(samples) - 1, effect=r.statistic / (n - 1))]


letters = "abcdefgh"
for name, samples in {
    "two": [[38.7, 41.5, 43.8, 44.5, 45.5, 46.0, 47.7, 58.0], [39.2, 39.3, 39.7, 41.4, 41.8, 42.9, 43.3, 45.8]],
    "ties": [[1.0, 2, 2, 3, 5], [2.0, 2, 4, 6, 6, 7], [3.0, 3, 3, 8]],
    "missing": [[1.5, nan, 2.0, 9.0], [4.0, 3.0, nan, nan, 8.5], [0.1, 0.2, 7.0]],
    "four": [rng.normal(i / 5, 1, size=30 + 5 * i) for i in range(4)],
    "ties and missing": [gaps(rng.integers(i, 8 + i, 50).astype(float), 0.1) for i in range(3)],
    "tenths with gaps": [gaps(np.round(rng.normal(i / 3, 1, 25), 1), 0.15) for i in range(5)],
    "far apart": [rng.normal(6 * i, 1, size=60) for i in range(3)],
}.items():
    kept = [there(x) for x in samples]
    inputs = dict(zip(letters, samples))
    case(f"samples: {name}", inputs, {"anderson_darling_k_sample": anderson(kept), "kruskal_wallis": kruskal(kept)}, tied(*kept))


# Blocks

def friedman(samples):
    r = st.friedmanchisquare(*samples)
    n, k = len(samples[0]), len(samples)
    return [row(r, df=k - 1, effect=r.statistic / (n * (k - 1)))]


for name, samples in {
    "wines": [[4.0, 4, 3, 5, 2, 4], [2.0, 1, 2, 3, 1, 2], [3.0, 5, 4, 4, 3, 5]],
    "ties": [[1.0, 2, 2, 4, 1, 3, 3], [1.0, 3, 2, 5, 2, 3, 4], [2.0, 3, 1, 5, 2, 2, 4], [0.0, 1, 1, 4, 1, 3, 2]],
    "missing": [[0.9, 0.8, nan, 0.7, 0.95, 0.6], [0.85, 0.75, 0.6, 0.72, 0.9, nan], [0.8, 0.7, 0.65, 0.6, 0.91, 0.5]],
    "ties and missing": [gaps(rng.integers(0, 4, 25).astype(float), 0.05) for _ in range(4)],
    "tenths with gaps": [gaps(np.round(rng.normal(i / 4, 1, 30), 1), 0.03) for i in range(5)],
    "five classifiers": list(rng.normal(size=(5, 20)) + np.arange(5)[:, None] / 3),
    "far apart": list(rng.normal(size=(4, 40)) + 5 * np.arange(4)[:, None]),
}.items():
    matrix = np.array(samples, dtype=float)
    kept = matrix[:, ~np.isnan(matrix).any(axis=0)]
    ties = any(repeated(column) for column in kept.T)
    p = scikit_posthocs.posthoc_nemenyi_friedman(kept.T).to_numpy()
    # Where it integrates to 0, or to rounding, there is nothing to compare with.
    p = np.where(p > 1e-6, p, nan)
    case(f"blocks: {name}", dict(zip(letters, samples)), {"friedman": friedman(kept), "nemenyi": {"p_values": p, "mean_ranks": st.rankdata(kept, axis=0).mean(axis=1)}},
         ties, tool="scipy, scikit-posthocs", version=f"{scipy.__version__}, {scikit_posthocs.__version__}")


# Tables

def independence(table):
    found = {"chi_square_independence": [], "g_test": []}
    v = st.contingency.association(np.asarray(table).astype(int), "cramer") if (np.asarray(table) % 1 == 0).all() else None
    for item, statistic in [("chi_square_independence", "pearson"), ("g_test", "log-likelihood")]:
        for correct in [True, False]:
            r = st.chi2_contingency(table, correction=correct, lambda_=statistic)
            found[item].append(row(r, df=r.dof, continuity=correct, **({} if v is None else {"effect": v})))
    return found


for name, table in {
    "two by three": [[10, 10, 20], [20, 20, 20]],
    "two by two": [[12, 5], [29, 2]],
    "close to expected": [[10.0, 10], [10, 10.5]],
    "with a zero": [[0, 10, 5], [3, 4, 9], [8, 1, 7]],
    "far": [[500, 20], [30, 800]],
    "large": rng.integers(50, 90, (6, 7)),
}.items():
    case(f"table: {name}", {"table": np.asarray(table, dtype=float)}, independence(np.asarray(table, dtype=float)), False)

for name, a, b, w in [
    ("columns", rng.integers(0, 3, 60), rng.integers(0, 4, 60), None),
    ("columns with gaps", gaps(rng.integers(0, 2, 80).astype(float), 0.1), gaps(rng.integers(0, 2, 80).astype(float), 0.1), None),
    ("weighted columns", gaps(rng.integers(0, 3, 50).astype(float), 0.1), rng.integers(0, 3, 50).astype(float), rng.gamma(2.0, 1.0, 50)),
    ("columns, quarters", rng.integers(0, 4, 90) / 4, gaps(rng.integers(0, 3, 90).astype(float), 0.05), rng.integers(0, 9, 90) / 4),
    ("weighted columns, whole", rng.integers(0, 2, 50).astype(float), gaps(rng.integers(0, 3, 50).astype(float), 0.1), rng.integers(0, 4, 50).astype(float)),
]:
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    full = ~(np.isnan(a) | np.isnan(b))
    table = np.zeros((len(np.unique(a[full])), len(np.unique(b[full]))))
    np.add.at(table, tuple(np.unique(v[full], return_inverse=True)[1] for v in (a, b)), 1 if w is None else w[full])
    case(f"table: {name}", {"a": a, "b": b, "weights": w}, independence(table), True)

for name, observed, expected, ddof in [
    ("equal", [16.0, 18, 16, 14, 12, 12], None, 0),
    ("shares", [16.0, 18, 16, 14, 12, 12], [16.0, 16, 16, 16, 16, 8], 0),
    ("estimated", [30.0, 45, 20, 5], [25.0, 50, 18, 7], 1),
    ("weighted counts", [10.25, 3.5, 0.0, 7.75], None, 0),
    ("far", [900.0, 10, 90], [300.0, 300, 400], 0),
]:
    r = st.chisquare(observed, expected, ddof=ddof)
    w = np.sqrt(r.statistic / np.sum(observed))
    case(f"counts: {name}", {"observed": observed, "expected": expected, "ddof": ddof}, {"chi_square_goodness_of_fit": [row(r, df=len(observed) - 1 - ddof, effect=w)]}, False)


def fisher(table):
    return [{**row(st.fisher_exact(table, side)), "alternative": side} for side in SIDES]


def mcnemar(table):
    found = []
    for method, correct in [("exact", True), ("asymptotic", True), ("asymptotic", False)]:
        r = contingency_tables.mcnemar(np.array(table), exact=method == "exact", correction=correct)
        found.append(row(r, method=method, continuity=correct, effect=table[0][1] / table[1][0]))
    return found


for name, table in {
    "tea": [[3, 1], [1, 3]],
    "small": [[8, 2], [1, 5]],
    "lopsided": [[1, 9], [11, 3]],
    "hundreds": [[120, 85], [60, 140]],
    "far": [[900, 700], [3, 800]],
    "large": [[51000, 49000], [48500, 51500]],
}.items():
    case(f"two by two: {name}", {"table": table}, {"fisher_exact": fisher(table), "mcnemar": mcnemar(table)}, False,
         tool="scipy, statsmodels", version=f"{scipy.__version__}, {statsmodels.__version__}")


# Shares

for k, n, p in [(3, 15, 0.1), (0, 12, 0.2), (12, 12, 0.75), (682, 925, 0.75), (51, 100, 0.5), (40, 100000, 1e-3), (7, 10, 0.7)]:
    found = []
    for side in SIDES:
        r = st.binomtest(k, n, p, alternative=side)
        # scipy finds the exact interval by a root finder, to 1e-12 absolute; statsmodels by quantiles of the beta distribution.
        ends = {kind: list(proportion.proportion_confint(k, n, 0.1, method=method)) for kind, method in [("wilson", "wilson"), ("clopper_pearson", "beta")]}
        found.append({"statistic": k, "p_value": r.pvalue, "alternative": side, **ends, "effect": proportion.proportion_effectsize(k / n, p)})
    case(f"successes: {k} of {n}", {"successes": k, "trials": n, "share": p, "level": 0.9}, {"binomial_test": found}, False,
         tool="scipy, statsmodels", version=f"{scipy.__version__}, {statsmodels.__version__}")

for k1, n1, k2, n2 in [(20, 100, 35, 100), (5, 83, 12, 99), (0, 40, 7, 50), (900, 1000, 300, 1000), (51, 97, 49, 97)]:
    found = []
    for side, word in zip(SIDES, ["two-sided", "smaller", "larger"]):
        z, p = proportion.proportions_ztest([k1, k2], [n1, n2], alternative=word)
        ends = list(proportion.confint_proportions_2indep(k1, n1, k2, n2, method="newcomb", compare="diff", alpha=0.05))
        found.append({"statistic": z, "p_value": p, "alternative": side, "interval": ends, "effect": proportion.proportion_effectsize(k1 / n1, k2 / n2)})
    case(f"shares: {k1} of {n1}, {k2} of {n2}", {"a": [k1, n1], "b": [k2, n2], "level": 0.95}, {"two_proportions_z": found}, False, **SM)


# Many p-values

for name, p in {
    "five": [0.01, 0.04, 0.03, 0.005, 0.2],
    "ties": [0.02, 0.02, 0.5, 0.02, 0.9, 1.0, 0.0],
    "rounded": np.round(rng.random(40) ** 3, 2),
    "few values": rng.choice([0.001, 0.01, 0.04, 0.3], 25),
    "hundred": np.concatenate([rng.random(90), rng.random(10) * 1e-4]),
    "one": [0.03],
}.items():
    found, decided = {}, {}
    for word, method in [("bonferroni", "bonferroni"), ("holm", "holm"), ("benjamini_hochberg", "fdr_bh"), ("benjamini_yekutieli", "fdr_by")]:
        reject, found[word] = multitest.multipletests(p, alpha=0.05, method=method)[:2]
        decided[word] = [bool(r) for r in reject]
    case(f"p-values: {name}", {"p": p}, {"adjust": found, "reject": decided}, repeated(p), **SM)


# Permutations, all of them

def mean_difference(x, y, axis):
    return np.mean(x, axis=axis) - np.mean(y, axis=axis)


for name, (a, b) in {
    "small": ([1.0, 4.5, 2.5, 9.0], [3.0, 8.0, 7.5]),
    "ties": ([1.0, 2, 2, 3], [2.0, 3, 3, 5]),
    "ties and missing": ([1.0, nan, 1, 2, 5, 2], [2.0, 2, nan, 6, 6]),
    "half ties and missing": ([0.5, 0.5, nan, 3.5], [nan, 0.5, 4.5, 4.5, 6.5]),
    "missing": ([0.5, nan, 2.25, 1.0, 8.0], [4.0, 9.5, nan, 3.0, 7.0]),
}.items():
    found = {"permutation_two_sample": [], "permutation_paired": []}
    full = ~(np.isnan(a[: len(b)]) | np.isnan(b[: len(a)]))
    x, y = np.asarray(a[: len(b)])[full], np.asarray(b[: len(a)])[full]
    for side in SIDES:
        r = st.permutation_test((there(a), there(b)), mean_difference, vectorized=True, alternative=side, n_resamples=100000)
        found["permutation_two_sample"].append(row(r, alternative=side))
        r = st.permutation_test((x, y), mean_difference, vectorized=True, alternative=side, permutation_type="samples", n_resamples=100000)
        found["permutation_paired"].append(row(r, alternative=side))
    case(f"permutations: {name}", {"a": a, "b": b}, found, tied(a, b))

# Options that no reference gives are left out.
for c in cases:
    c["expected"] = {item: found for item, found in c["expected"].items() if found}
write("hypothesis.json", cases)

"""Golden numbers of quantile transforms, bins, caps, rows of length 1, logarithms and powers: scikit-learn and numpy.

Run with the versions in requirements.txt: python testdata/gen/bins.py
"""

import math
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import scipy.stats
from sklearn.cluster import KMeans
from sklearn.preprocessing import KBinsDiscretizer, PowerTransformer, QuantileTransformer, StandardScaler, normalize

from golden import case, repeated, rows_repeated, write

rng = np.random.default_rng(23)
nan = np.nan
warnings.simplefilter("ignore")

columns = {
    "nine values": np.array([-2, -1.5, -1, 0, 0.3, 1, 1.5, 3, 10]),
    "ties": np.array([1.0, 2.0, 2.0, 2.0, nan, 5.0, 5.0, -3.0, nan, 0.0]),
    "offset": np.where(rng.random(200) < 0.2, nan, rng.normal(size=200) + 1e9),
    "skewed": np.where(rng.random(301) < 0.1, nan, np.exp(2 * rng.normal(size=301))),
    "whole": np.where(rng.random(500) < 0.1, nan, np.floor(rng.gamma(2.0, 3.0, 500))),
    "small": np.array([1e-5 * v for v in [1, 2, 4, 8, 16, 3, 3, 5]]),
}


def weightings(x):
    return [("", None), ("weighted", np.append(rng.integers(0, 4, len(x) - 1), 1).astype(float))]


def cases_of():
    """Each column, without weights and with whole ones, and the rows that these stand for, without the missing ones."""
    for name, x in columns.items():
        for label, w in weightings(x):
            rows = rows_repeated(x, w)
            tool = {} if w is None else dict(tool="scikit-learn, to rows repeated")
            yield f"{name} {label}".strip(), x, w, rows[~np.isnan(rows)], tool


def exact_quantiles(rows, n):
    """numpy's ranks are off by a rounding, which takes a quantile off a tied value and moves all its ties by a landmark."""
    x = [Fraction(float(v)) for v in sorted(rows)]
    ranks = [Fraction(i * (len(x) - 1), max(n - 1, 1)) for i in range(n)]
    at = lambda i: x[min(i, len(x) - 1)]
    return np.array([float(at(int(h)) + (h - int(h)) * (at(int(h) + 1) - at(int(h)))) for h in ranks])


transformed = []
for name, x, w, rows, tool in cases_of():
    low, high = rows.min(), rows.max()
    new = np.concatenate([[low - 1, high + 1, nan], low + (high - low) * rng.random(12)])
    expected = {}
    for part, output, n in [("uniform", "uniform", 1000), ("normal", "normal", 1000), ("five", "uniform", 5)]:
        fitted = QuantileTransformer(n_quantiles=n, output_distribution=output, subsample=None).fit(rows[:, None])
        exact = exact_quantiles(rows, fitted.n_quantiles_)
        assert np.allclose(fitted.quantiles_[:, 0], exact, rtol=1e-14)
        fitted.quantiles_ = exact[:, None]
        places = np.linspace(0, 1, 17) if output == "uniform" else np.linspace(-6, 6, 17)
        expected |= {
            part: fitted.transform(x[:, None])[:, 0], f"{part} new": fitted.transform(new[:, None])[:, 0],
            f"{part} inverse": fitted.inverse_transform(places[:, None])[:, 0],
        }
    transformed.append(case(
        name, "from exact quantiles, since rounded ones move ties; fitted without the missing values, whose rows count as landmarks there",
        {"x": x, "weights": w, "new": new}, {"QuantileTransformer": expected}, ties=repeated(x), atol=1e-14, **tool))
write("quantile_transformer.json", transformed)


def k_means_edges(rows, k):
    """As KBinsDiscretizer, whose k-means is not run to its end."""
    ends = np.linspace(rows.min(), rows.max(), k + 1)
    init = ((ends[1:] + ends[:-1]) * 0.5)[:, None]
    distances = np.abs(rows[:, None] - init.T)
    empty = k - len(set(distances.argmin(axis=1)))
    furthest = np.sort(distances.min(axis=1))[-empty - 1:]
    nearest = np.sort(distances, axis=1)
    if empty and (repeated(rows) or np.diff(furthest).min() < 1e-9) or (nearest[:, 1] - nearest[:, 0]).min() < 1e-9:
        return None  # Which of equally far values or centres is taken is left to rounding there.
    fitted = KMeans(n_clusters=k, init=init, n_init=1, tol=0, max_iter=10_000).fit(rows[:, None])
    centres = np.sort(fitted.cluster_centers_[:, 0])
    return np.r_[rows.min(), (centres[1:] + centres[:-1]) * 0.5, rows.max()]


binned = []
for name, x, w, rows, tool in cases_of():
    for k in [3, 4, 7]:
        new = np.concatenate([[rows.min() - 1, rows.max() + 1], rng.uniform(rows.min(), rows.max(), 12)])
        expected = {}
        for part, options in {
            "EqualWidth": dict(strategy="uniform"), "Averaged": dict(quantile_method="averaged_inverted_cdf"),
            "Linear": dict(quantile_method="linear"), "KMeans": dict(strategy="kmeans"),
        }.items():
            fitted = KBinsDiscretizer(k, encode="ordinal", subsample=None, **options).fit(rows[:, None])
            if part == "KMeans":
                if len(np.unique(rows)) < k:
                    continue
                edges = k_means_edges(rows, k)
                if edges is None:
                    continue
                fitted.bin_edges_[0] = edges
            edges = fitted.bin_edges_[0]
            empty = np.histogram(rows, edges)[0] == 0
            if part in ("Averaged", "Linear") and (len(edges) != k + 1 or empty.any()):
                continue  # The rule for repeated edges is mlsys's own.
            present = np.where(np.isnan(x), 0, x)
            codes = fitted.transform(present[:, None])[:, 0]
            expected[part] = {
                "edges": edges, "codes": np.where(np.isnan(x), nan, codes), "new": fitted.transform(new[:, None])[:, 0],
                "centres": fitted.inverse_transform(np.arange(len(edges) - 1.0)[:, None])[:, 0],
            }
        binned.append(case(
            f"{name} {k} bins", "sums in another order; k-means with tol=0",
            {"x": x, "weights": w, "new": new, "options": {"bins": k}}, {"Binner": expected}, ties=repeated(x), atol=1e-14, **tool))
write("bins.json", binned)


def caps(rows):
    """As feature-engine's Winsorizer, with deviations divided by n, and MADs of a normal column."""
    q1, median, q3 = np.quantile(rows, [0.25, 0.5, 0.75])
    mad = np.median(np.abs(rows - median)) / scipy.stats.norm.ppf(0.75)
    mean, deviation = np.mean(rows), np.std(rows)
    around = lambda centre, below, above, spread: [centre - below, centre + above] if spread else [-np.inf, np.inf]
    return {
        "Quantiles": np.quantile(rows, [0.05, 0.95]), "Iqr": [q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)] if q3 > q1 else [-np.inf, np.inf],
        "Gaussian": around(mean, 1.5 * deviation, 1.5 * deviation, deviation), "Mad": around(median, 3.5 * mad, 3.5 * mad, mad),
    }


capped = []
for name, x, w, rows, _ in cases_of():
    expected = {}
    for part, (low, high) in caps(rows).items():
        if name.startswith("offset") and part == "Gaussian":
            # numpy's mean loses digits at an offset.
            exact = [Fraction(float(v)) for v in rows]
            mean = sum(exact) / len(exact)
            deviation = float(sum((v - mean) ** 2 for v in exact) / len(exact)) ** 0.5
            low, high = float(mean) - 1.5 * deviation, float(mean) + 1.5 * deviation
        expected[part] = {"both": np.clip(x, low, high), "low": np.maximum(x, low), "high": np.minimum(x, high)}
    capped.append(case(
        name, "sums in another order", {"x": x, "weights": w}, {"Winsorizer": expected}, ties=repeated(x), atol=1e-14,
        tool="numpy", version=np.__version__))
write("winsorizer.json", capped)

tables = {
    "plain": rng.normal(size=(7, 3)), "gaps": np.where(rng.random((9, 4)) < 0.2, nan, rng.normal(size=(9, 4)) * 1e3),
    "zeros": np.array([[0.0, 0.0], [0.0, 2.0], [nan, 0.0], [nan, nan], [-3.0, 4.0]]), "huge": np.array([[1e200, -1e200], [3e-200, 4e-200]]),
}
rows_of_one = []
for name, x in tables.items():
    full = np.where(np.isnan(x), 0, x)
    expected = {}
    for norm in ["l1", "l2", "max"]:
        if name == "huge":
            # Squares overflow and small lengths count as zero there.
            length = {
                "l1": lambda r: sum(map(abs, r)), "l2": lambda r: sum(v * v for v in r).sqrt(), "max": lambda r: max(map(abs, r)),
            }[norm]
            exact = [[Decimal(float(v)) for v in row] for row in full]
            scaled = np.array([[float(v / length(row)) for v in row] for row in exact])
        else:
            scaled = normalize(full, norm)
        expected[norm] = np.where(np.isnan(x), nan, scaled)
    rows_of_one.append(case(
        name, "sums in another order; a missing value counts as 0", {"rows": x}, {"Normalizer": expected}, ties=repeated(x.ravel()),
        atol=1e-14, **(dict(tool="decimal", version="Python 3.11") if name == "huge" else {})))
write("normalizer.json", rows_of_one)

logs = []
for name, x in columns.items():
    signed = np.sign(x) * np.log1p(np.abs(x))
    expected = {"Signed": signed} | ({"OnePlus": np.log1p(x)} if np.nanmin(x) > -1 else {})
    logs.append(case(
        name, "another implementation of log1p", {"x": x, "weights": None}, {"LogTransformer": expected}, ties=repeated(x), atol=1e-14,
        tool="numpy", version=np.__version__))
write("log_transformer.json", logs)


def slope(method, rows, power):
    """Of the profile likelihood, in long doubles, relative to the middle where all values have one sign."""
    x = np.sort(rows).astype(np.longdouble)
    middle = x[len(x) // 2]
    negative = (x < 0) & (method == "yeo-johnson")
    if method == "box-cox":
        log = np.log1p((x - middle) / middle)
    elif not negative.any():
        log = np.log1p((x - middle) / (1 + middle))
    else:
        log = np.log1p(np.abs(x))
    p = np.where(negative, 2 - power, power)
    t = p * log
    series = np.abs(t) < 0.5
    safe_p, safe_t = np.where(series, 1, p), np.where(series, 1, t)
    terms = range(30)
    y = np.where(series, log * sum(t**k / math.factorial(k + 1) for k in terms), np.expm1(safe_t) / safe_p)
    dy = np.where(
        series, log**2 * sum(t**k / (math.factorial(k) * (k + 2)) for k in terms), (safe_t + np.expm1(safe_t) * (safe_t - 1)) / safe_p**2)
    sign = np.where(negative, -1, 1)
    y = sign * y
    y, dy = y - y.mean(), dy - dy.mean()
    return (sign * log).sum() - len(x) * (y * dy).sum() / (y * y).sum()


def likeliest(method, rows, near):
    """Where the slope is 0, by bisection: scikit-learn's power is off in the sixth digit."""
    low, high = np.longdouble(near - 1e-2 * (1 + abs(near))), np.longdouble(near + 1e-2 * (1 + abs(near)))
    assert slope(method, rows, low) > 0 > slope(method, rows, high)
    for _ in range(120):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(method, rows, middle) > 0 else (low, middle)
    return float(low)


powers = []
for name, x, w, rows, tool in cases_of():
    if name.startswith("offset"):
        continue  # scikit-learn finds no power there.
    expected = {}
    for part, method, shift in [("YeoJohnson", "yeo-johnson", 0), ("BoxCox", "box-cox", rows.min() - 1 if rows.min() <= 0 else 0)]:
        x_, rows_ = x - shift, rows - shift
        fitted = PowerTransformer(method).fit(rows_[:, None])
        plain = PowerTransformer(method, standardize=False).fit(rows_[:, None])
        power = likeliest(method, rows_, fitted.lambdas_[0])
        likelihood = {"yeo-johnson": scipy.stats.yeojohnson_llf, "box-cox": scipy.stats.boxcox_llf}[method]
        assert abs(power - fitted.lambdas_[0]) < 1e-5 * max(1, abs(power)), (name, power, fitted.lambdas_)
        assert likelihood(power, rows_) >= likelihood(fitted.lambdas_[0], rows_) - 1e-11 * abs(likelihood(power, rows_))
        plain.lambdas_[0] = power
        bent = plain.transform(rows_[:, None])
        scaler = StandardScaler().fit(bent)
        output = plain.transform(x_[:, None])
        expected[part] = {
            "shift": shift, "lambda": power, "scikit-learn": fitted.lambdas_[0], "plain": output[:, 0],
            "standardized": scaler.transform(output)[:, 0],
        }
    powers.append(case(
        name, "the power to the last digits in long doubles, what it makes by scikit-learn", {"x": x, "weights": w},
        {"PowerTransformer": expected}, ties=repeated(x), atol=1e-14, **tool))
write("power_transformer.json", powers)


def entropy(y):
    shares = np.unique(y, return_counts=True)[1] / len(y)
    return -(shares * np.log2(shares)).sum()


def mdlp(x, y):
    """Fayyad and Irani's cuts, as written: every place between two values is tried."""
    best = None
    for low, high in zip(np.unique(x)[:-1], np.unique(x)[1:]):
        cut = (low + high) / 2
        left, right = y[x < cut], y[x >= cut]
        rest = (len(left) * entropy(left) + len(right) * entropy(right)) / len(y)
        if best is None or rest < best[0] - 1e-12:
            best = rest, cut, left, right
    if best is None:
        return []
    rest, cut, left, right = best
    k, k1, k2 = (len(set(part)) for part in (y, left, right))
    delta = np.log2(3.0**k - 2) - (k * entropy(y) - k1 * entropy(left) - k2 * entropy(right))
    if entropy(y) - rest <= (np.log2(len(y) - 1) + delta) / len(y):
        return []
    return sorted(mdlp(x[x < cut], left) + [cut] + mdlp(x[x >= cut], right))


def woe_bins(x, y, starts, rising, min_share):
    """Pools of rows, each with where it starts: violators are pooled one pair at a time, small ones joined."""
    code = np.searchsorted(starts, x, side="right") - 1
    pools = [[start, int((y[code == i] == 1).sum()), int((y[code == i] == 0).sum())] for i, start in enumerate(starts)]
    rate = lambda pool: Fraction(pool[1], pool[1] + pool[2])
    join = lambda i: pools.__setitem__(slice(i, i + 2), [[pools[i][0], pools[i][1] + pools[i + 1][1], pools[i][2] + pools[i + 1][2]]])
    in_order = lambda a, b: rate(a) < rate(b) if rising else rate(a) > rate(b)
    while violators := [i for i in range(len(pools) - 1) if not in_order(pools[i], pools[i + 1])]:
        join(violators[0])
    while len(pools) > 1:
        i = min(range(len(pools)), key=lambda i: sum(pools[i][1:]))
        if sum(pools[i][1:]) >= min_share * len(x):
            break
        beside = [j for j in (i - 1, i + 1) if 0 <= j < len(pools)]
        join(min(i, min(beside, key=lambda j: abs(rate(pools[j]) - rate(pools[i])))))
    return pools


def woe(pools, missing):
    """Weight of evidence of the bins and of missing values, and the information value; half a row more where a cell is empty."""
    table = np.array([pool[1:] for pool in pools] + ([missing] if sum(missing) else []), dtype=float)
    totals = table.sum(axis=0)
    table[(table == 0).any(axis=1)] += 0.5
    shares = table / totals
    evidence = np.log(shares[:, 0] / shares[:, 1])
    return evidence, float(((shares[:, 0] - shares[:, 1]) * evidence).sum())


supervised = []
for name, n, ties, gaps in [("few", 30, True, False), ("ties and gaps", 300, True, True), ("real", 400, False, True), ("noise", 200, False, False)]:
    x = rng.normal(size=n) * 2
    noisy = x + (rng.normal(size=n) if name != "noise" else 1e3 * rng.normal(size=n))
    x = np.round(x) if ties else x
    if gaps:
        x[rng.random(n) < 0.1] = nan
    three, two = np.digitize(noisy, [-1.5, 1.5]), (noisy > 1).astype(int)
    for label, w in [("", None), ("weighted", rng.integers(0, 3, n))]:
        take = np.arange(n) if w is None else np.repeat(np.arange(n), w)
        rows, y3, y2 = x[take], three[take], two[take]
        full = ~np.isnan(rows)
        least, most = rows[full].min(), rows[full].max()
        missing = [int((y2[~full] == 1).sum()), int((y2[~full] == 0).sum())]
        expected_woe = {}
        for start in [10_000, 20]:
            edges = np.unique(rows[full])
            if start == 20:
                if ties:
                    continue
                edges = KBinsDiscretizer(20, encode="ordinal", subsample=None).fit(rows[full][:, None]).bin_edges_[0][:-1]
            for rising in [True, False]:
                pools = woe_bins(rows[full], y2[full], edges, rising, 0.05)
                evidence, value = woe(pools, missing)
                expected_woe[f"{start} {'rising' if rising else 'falling'}"] = {
                    "edges": [pool[0] for pool in pools] + [most], "woe": evidence[:len(pools)],
                    "missing": evidence[len(pools)] if sum(missing) else 0.0, "value": value}
        supervised.append(case(
            f"{name} {label}".strip(), "logarithms of other quotients", {"x": x, "weights": w, "three": three, "two": two},
            {
                "MdlpBinner": {target: [least, *mdlp(rows[full], y[full]), most] for target, y in [("three", y3), ("two", y2)]},
                "WoeBinner": expected_woe,
            }, ties=ties, atol=1e-14, tool="numpy, fractions, by the definitions", version=f"{np.__version__}, Python 3.11"))
write("supervised_bins.json", supervised)

"""Golden numbers of imputers, scalers, encoders and statistics: scikit-learn, numpy, pandas and scipy.

Run with the versions in requirements.txt: python testdata/gen/preprocessing.py
"""

from fractions import Fraction

import numpy as np
import pandas as pd
import scipy.stats
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler
from sklearn.utils.stats import _weighted_percentile

from golden import case, equally_frequent, is_missing, repeated, rows_repeated, write

rng = np.random.default_rng(7)
nan = np.nan
QUANTILES = [0.0, 0.1, 0.25, 0.5, 0.9, 0.975, 1.0]
FRACTIONS = dict(tool="fractions", version="Python 3.11")

columns = {
    "ties": np.array([1.0, 2.0, 2.0, 2.0, nan, 5.0, 5.0, -3.0, nan, 0.0]),
    "even": np.array([4.0, 1.0, nan, 3.0, 2.0]),
    "offset": np.where(rng.random(200) < 0.2, nan, rng.normal(size=200) + 1e9),
    "skewed": np.where(rng.random(301) < 0.1, nan, np.exp(2 * rng.normal(size=301))),
    "constant": np.array([7.25, 7.25, nan, 7.25]),
    "small": np.array([1e-5 * v for v in [1, 2, 4, 8, 16]]),
    "missing without weight": np.array([3.0, 1.0, nan, 2.0]),
}
words = {
    "words": ["b", "a", None, "b", "c", "a", "b"],
    "tie": ["z", "y", None, "y", "z"],
    "accents": ["é", "e", "é", None],
}


def weightings(name, x):
    """No weights, whole ones from 0, real ones, and quarters, whose sums tie; some row that is not missing has one above 0."""
    missing = np.array([is_missing(v) for v in x])
    draws = [
        ("weighted", rng.integers(0, 4, len(x)).astype(float)),
        ("real weights", rng.gamma(2.0, 1.0, len(x))),
        ("quarters", np.append(rng.integers(0, 6, len(x) - 1), 1) / 4),
    ]
    if name == "missing without weight":
        draws = [(label, np.where(missing, 0.0, w + 1)) for label, w in draws]
    return [("", None)] + [(label, w) for label, w in draws if w[~missing].any()]


def is_whole(w):
    return w is None or bool((np.asarray(w) % 1 == 0).all())


def imputer(strategy, x, w, fill=None):
    """scikit-learn's imputer takes no weights: it is fitted to the rows that they stand for."""
    missing_values = nan if isinstance(x, np.ndarray) else None
    column = lambda v: np.array(v, dtype=float if missing_values is nan else object)[:, None]
    recipe = SimpleImputer(strategy=strategy, fill_value=fill, missing_values=missing_values, add_indicator=True)
    fitted = recipe.fit(column(rows_repeated(x, w)))
    value, output = fitted.statistics_[0], fitted.transform(column(x))
    indicator = output[:, 1].astype(int) if output.shape[1] == 2 else None
    return {"value": value, "output": output[:, 0], "indicator": indicator}


def real_weights_imputer(value, x, w):
    """What weights that are not whole give; rows cannot be repeated."""
    missing = np.array([is_missing(v) for v in x])
    output = [value if m else v for v, m in zip(x, missing)]
    return {"value": value, "output": output, "indicator": missing.astype(int) if missing[w > 0].any() else None}


def heaviest(x, w):
    totals = pd.Series(w).groupby(pd.Series(x)).sum()
    return totals[totals == totals.max()].index.min()


imputers = []
for name, x in (columns | words).items():
    is_number = isinstance(x, np.ndarray)
    for label, w in weightings(name, x):
        if is_whole(w):
            expected = {"MostFrequentImputer": imputer("most_frequent", x, w)}
            fill = -1.5 if is_number else "unknown"
            expected["ConstantImputer"] = imputer("constant", x, w, fill)
            if is_number:
                expected |= {"MeanImputer": imputer("mean", x, w), "MedianImputer": imputer("median", x, w)}
        else:
            expected = {"MostFrequentImputer": real_weights_imputer(heaviest(x, w), x, w)}
            if is_number:
                full = ~np.isnan(x)
                median = _weighted_percentile(x, w, 50, average=True)
                expected |= {
                    "MeanImputer": real_weights_imputer(np.average(x[full], weights=w[full]), x, w),
                    "MedianImputer": real_weights_imputer(float(median), x, w),
                }
        tool = {} if w is None else dict(tool="scikit-learn, to rows repeated" if is_whole(w) else "numpy, pandas, scikit-learn's weighted percentile")
        imputers.append(case(
            f"{name} {label}".strip(), "sums in another order", {"x": x, "weights": w}, expected,
            ties=repeated(x) and equally_frequent(x), **tool))
write("imputers.json", imputers)


def exact_moments(x, w):
    """Mean and central moments in rational arithmetic: at a large offset numpy, scipy and scikit-learn lose digits."""
    w = np.ones(len(x)) if w is None else w
    pairs = [(Fraction(float(v)), Fraction(float(u))) for v, u in zip(x, w) if not np.isnan(v)]
    total = sum(u for _, u in pairs)
    mean = sum(v * u for v, u in pairs) / total
    return mean, total, [sum((v - mean) ** k * u for v, u in pairs) for k in (2, 3, 4)]


def exact_scaling(x, w):
    mean, total, (m2, _, _) = exact_moments(x, w)
    # A scaler keeps its mean as a double; what that rounds away at an offset is no error of the output.
    kept, scale = Fraction(float(mean)), float(m2 / total) ** 0.5
    output = [nan if np.isnan(v) else float(Fraction(float(v)) - kept) / scale for v in x]
    return {"mean": float(mean), "scale": scale, "output": output}


scalers = []
for name, x in columns.items():
    for label, w in weightings(name, x):
        fitted = StandardScaler().fit(x[:, None], sample_weight=w)
        expected = {"mean": fitted.mean_[0], "scale": fitted.scale_[0], "output": fitted.transform(x[:, None])[:, 0]}
        tool = {}
        if name == "offset":
            expected, tool = exact_scaling(x, w), FRACTIONS
        else:
            for key, options in [("uncentered", dict(with_mean=False)), ("unscaled", dict(with_std=False))]:
                part = StandardScaler(**options).fit(x[:, None], sample_weight=w)
                expected[key] = part.transform(x[:, None])[:, 0]
        scalers.append(case(
            f"{name} {label}".strip(), "sums in another order; a value at the mean is a difference of equal numbers, hence atol",
            {"x": x, "weights": w}, {"StandardScaler": expected}, ties=repeated(x), atol=1e-14, **tool))
write("standard_scaler.json", scalers)

encoders = []
airports = rng.choice(["EWR", "JFK", "LGA", "BOS", "DCA"], p=[0.4, 0.3, 0.2, 0.06, 0.04], size=80).tolist()
with_missing = [None if rng.random() < 0.15 else v for v in airports]
tables = {
    "airports": airports,
    "with missing": with_missing,
    "ties": ["d", "c", "b", "a", "a", "b", "c", "d"],
    "ties with missing": ["d", None, "b", "a", "a", "b", None, "d", "c"],
    "numbers": [10, 9, 9, 2, 10, 30],
}
recipes = {
    "plain": {},
    "min count": dict(min_frequency=10),
    "min share": dict(min_frequency=0.1),
    "max 3": dict(max_categories=3),
    "max 1": dict(max_categories=1),
    "max 2 and min": dict(max_categories=2, min_frequency=3),
}
for table, x in tables.items():
    numbers = table == "numbers"
    # The encoders take no weights: they are fitted to the rows that whole ones stand for.
    for label, w in weightings(table, x)[:2]:
        column = lambda v: np.array(v, dtype=int if numbers else object)[:, None]
        rows = column(rows_repeated(x, w))
        unseen = [999] if numbers else ["unseen"]
        tool = {} if w is None else dict(tool="scikit-learn, to rows repeated")
        name = f"{table} {label}".strip()
        ties = equally_frequent(rows[:, 0].tolist())
        ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-2).fit(rows)
        encoders.append(case(
            f"ordinal {name}", "codes; None is the last of them there, null in mlsys and -1 here", {"x": x, "weights": w, "unseen": unseen},
            {"OrdinalEncoder": {
                "output": [-1.0 if v is None else code for v, code in zip(x, ordinal.transform(column(x))[:, 0])],
                "unseen": ordinal.transform(column(unseen))[0],
                "categories": [c for c in ordinal.categories_[0] if c is not None]}},
            ties=ties, **tool))
        for recipe, options in recipes.items():
            by_unseen = {}
            for mode in ["infrequent_if_exist", "ignore"]:
                encoder = OneHotEncoder(sparse_output=False, handle_unknown=mode, **options).fit(rows)
                by_unseen[mode] = {
                    "output": encoder.transform(column(x)).astype(int),
                    "unseen": encoder.transform(column(unseen)).astype(int)[0],
                }
            encoders.append(case(
                f"one-hot {name}, {recipe}", "zeros and ones; missing values stand before the infrequent column there",
                {"x": x, "weights": w, "unseen": unseen, "options": options},
                {"OneHotEncoder": by_unseen | {"names": encoder.get_feature_names_out(["x"])}}, ties=ties, **tool))
write("encoders.json", encoders)


def moments(x, w):
    mean, total, (m2, m3, m4) = exact_moments(x, w)
    variance, sample = float(m2 / total), float(m2 / (total - 1)) if total > 1 else nan
    skewness = float(m3 / total) / variance**1.5 if variance else nan
    kurtosis = float((m4 / total) / (m2 / total) ** 2 - 3) if variance else nan
    if w is None and variance and mean < 10**6:
        present = x[~np.isnan(x)]
        same = lambda a, b: np.isclose(a, b, rtol=1e-11, atol=1e-13, equal_nan=True)
        assert same(np.var(present), variance) and same(np.std(present, ddof=1), sample**0.5)
        assert same(scipy.stats.skew(present), skewness) and same(scipy.stats.kurtosis(present), kurtosis)
    weighted = np.ones(len(x)) if w is None else w
    return {
        "count": int(((weighted > 0) & ~np.isnan(x)).sum()), "weight": float(total), "mean": float(mean),
        "variance": variance, "sample_std": sample**0.5, "skewness": skewness, "kurtosis": kurtosis,
    }


def quantiles(x, w):
    if is_whole(w):
        rows = rows_repeated(x, w)
        values = [np.quantile(rows[~np.isnan(rows)], q) for q in QUANTILES]
    else:
        # At rank 100 scikit-learn would average with a NaN, which it sorts last.
        full = ~np.isnan(x)
        values = [float(_weighted_percentile(x[full], w[full], 100 * q, average=True)) for q in QUANTILES]
    return [[q, value] for q, value in zip(QUANTILES, values)]


def counts(x, w):
    """By pandas: values ascending, with rows and weight; rows of weight 0 are no rows."""
    w = np.ones(len(x)) if w is None else np.asarray(w, dtype=float)
    table = pd.DataFrame({"x": pd.Series(x), "w": w})[w > 0]
    grouped = table.dropna().groupby("x")["w"].agg(["size", "sum"])
    missing = table["x"].isna()
    return {
        "values": [[value, int(row["size"]), float(row["sum"])] for value, row in grouped.iterrows()],
        "rows": len(table), "missing": int(missing.sum()), "missing_weight": float(table["w"][missing].sum()),
    }


statistics = []
for name, x in (columns | words).items():
    for label, w in weightings(name, x):
        series = pd.Series(x)
        kept = series if w is None else series[w > 0]
        expected = {
            "Counts": counts(x, w),
            "MinMax": [kept.dropna().min(), kept.dropna().max()],
            "Missing": {"rows": len(kept), "missing": int(kept.isna().sum())},
        }
        if isinstance(x, np.ndarray):
            expected |= {"Moments": moments(x, w), "Quantiles": quantiles(x, w)}
        if w is None:
            # The profile takes no weights; it is the parts above.
            expected["Profile"] = {"distinct": series.nunique(), "missing": int(series.isna().sum())}
        statistics.append(case(
            f"{name} {label}".strip(), "sums in another order; moments are exact, since others lose digits at an offset",
            {"x": x, "weights": w}, expected, ties=repeated(x), tool="numpy, pandas, fractions",
            version=f"{np.__version__}, {pd.__version__}, Python 3.11"))
write("statistics.json", statistics)

by_hand = np.array([-2, -1.5, -1, 0, 0.3, 1, 1.5, 3, 10])
ranges = []
for name, x in (columns | {"nine values": by_hand}).items():
    for label, w in [weighting for weighting in weightings(name, x) if is_whole(weighting[1])]:
        rows = rows_repeated(x, w)

        def scaled(recipe):
            return recipe.fit(rows[:, None]).transform(x[:, None])[:, 0]

        def between(low, high):
            """scikit-learn's product and sum lose digits at an offset."""
            if name != "offset":
                return scaled(MinMaxScaler(feature_range=(low, high)))
            least, most = Fraction(np.nanmin(rows)), Fraction(np.nanmax(rows))
            place = lambda v: float((Fraction(float(v)) - least) / (most - least) * (high - low) + low)
            return [nan if np.isnan(v) else place(v) for v in x]

        robust, largest = RobustScaler().fit(rows[:, None]), MaxAbsScaler().fit(rows[:, None])
        tool = {} if w is None else dict(tool="scikit-learn, to rows repeated")
        ranges.append(case(
            f"{name} {label}".strip(), "a product and a sum there, a quotient here; a value at an end is a difference of equal numbers, hence atol",
            {"x": x, "weights": w},
            {
                "MinMaxScaler": {"output": between(0, 1), "between -1 and 2": between(-1, 2)},
                "MaxAbsScaler": {"scale": largest.scale_[0], "output": scaled(MaxAbsScaler())},
                "RobustScaler": {
                    "center": robust.center_[0], "scale": robust.scale_[0], "output": scaled(RobustScaler()),
                    "wide": scaled(RobustScaler(quantile_range=(5, 95))), "uncentered": scaled(RobustScaler(with_centering=False)),
                    "unscaled": scaled(RobustScaler(with_scaling=False)),
                },
            }, ties=repeated(x), atol=1e-14, **tool))
write("scalers.json", ranges)

"""Golden numbers of imputers, scalers, encoders and statistics: scikit-learn, numpy and scipy.

Run with the versions in requirements.txt: python testdata/gen/preprocessing.py
"""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import scipy
import scipy.stats
import sklearn
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

GOLDEN = Path(__file__).parent.parent / "golden"
rng = np.random.default_rng(7)


def plain(x):
    """Nested lists, NaN as null."""
    if isinstance(x, (list, tuple, np.ndarray)):
        return [plain(v) for v in x]
    if isinstance(x, (float, np.floating)):
        return None if np.isnan(x) else float(x)
    if isinstance(x, np.generic):
        return x.item()
    return x


def write(name, cases):
    (GOLDEN / name).write_text(json.dumps([{k: plain(v) for k, v in c.items()} for c in cases], indent=1) + "\n")
    print(name, len(cases))


nan = np.nan
columns = {
    "ties": np.array([1.0, 2.0, 2.0, 2.0, nan, 5.0, 5.0, -3.0, nan, 0.0]),
    "even": np.array([4.0, 1.0, nan, 3.0, 2.0]),
    "offset": np.where(rng.random(200) < 0.2, nan, rng.normal(size=200) + 1e9),
    "skewed": np.where(rng.random(301) < 0.1, nan, np.exp(2 * rng.normal(size=301))),
    "constant": np.array([7.25, 7.25, nan, 7.25]),
    "small": np.array([1e-5 * v for v in [1, 2, 4, 8, 16]]),
}

imputers = []
for name, x in columns.items():
    for strategy in ["mean", "median", "most_frequent"]:
        fitted = SimpleImputer(strategy=strategy).fit(x[:, None])
        imputers.append(dict(
            name=f"{strategy} {name}", tool="scikit-learn", version=sklearn.__version__, strategy=strategy, x=x,
            value=fitted.statistics_[0], output=fitted.transform(x[:, None])[:, 0], rtol=1e-10,
            why="one value; sums in another order",
        ))
words = {
    "words": ["b", "a", None, "b", "c", "a", "b"],
    "tie": ["z", "y", None, "y", "z"],
    "accents": ["é", "e", "é", None],
}
for name, x in words.items():
    fitted = SimpleImputer(strategy="most_frequent", missing_values=None).fit(np.array(x, dtype=object)[:, None])
    imputers.append(dict(
        name=f"most_frequent {name}", tool="scikit-learn", version=sklearn.__version__, strategy="most_frequent",
        words=x, word=fitted.statistics_[0], rtol=0.0, why="a word",
    ))
write("imputers.json", imputers)



def exact(x, w):
    """Mean, scale and output in rational arithmetic, rounded once: at a large offset scikit-learn loses digits."""
    w = np.ones(len(x)) if w is None else w
    pairs = [(Fraction(float(v)), Fraction(float(u))) for v, u in zip(x, w) if not np.isnan(v)]
    total = sum(u for _, u in pairs)
    mean = sum(v * u for v, u in pairs) / total
    scale = float(sum((v - mean) ** 2 * u for v, u in pairs) / total) ** 0.5
    return float(mean), scale, [np.nan if np.isnan(v) else float(Fraction(float(v)) - mean) / scale for v in x]


scalers = []
for name, x in columns.items():
    weights = rng.integers(0, 4, size=len(x)).astype(float)
    for label, w in [("", None), (" weighted", weights)]:
        # scikit-learn passes over NaN whatever their weight.
        if w is not None and np.all((w == 0) | np.isnan(x)):
            continue
        fitted = StandardScaler().fit(x[:, None], sample_weight=w)
        mean, scale, output = fitted.mean_[0], fitted.scale_[0], fitted.transform(x[:, None])[:, 0]
        tool, version = "scikit-learn", sklearn.__version__
        if name == "offset":
            (mean, scale, output), (tool, version) = exact(x, w), ("fractions", "Python 3.11")
        scalers.append(dict(
            name=name + label, tool=tool, version=version, x=x, weights=w, mean=mean, scale=scale, output=output,
            rtol=1e-10, atol=1e-6 if name == "offset" else 1e-10,
            why="sums in another order; at an offset of 1e9 the rounding of the mean to a double alone moves outputs by 1e-7",
        ))
write("standard_scaler.json", scalers)

encoders = []
airports = rng.choice(["EWR", "JFK", "LGA", "BOS", "DCA"], p=[0.4, 0.3, 0.2, 0.06, 0.04], size=80).tolist()
with_missing = [None if rng.random() < 0.15 else v for v in airports]
tables = {
    "airports": airports,
    "with missing": with_missing,
    "ties": ["d", "c", "b", "a", "a", "b", "c", "d"],
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
    column = np.array(x, dtype=object)[:, None] if table != "numbers" else np.array(x)[:, None]
    ordinal = OrdinalEncoder().fit(column)
    encoders.append(dict(
        name=f"ordinal {table}", tool="scikit-learn", version=sklearn.__version__, kind="ordinal", x=x,
        output=[-1.0 if v is None else code for v, code in zip(x, ordinal.transform(column)[:, 0])], rtol=0.0, why="codes; missing is -1 here, null in mlsys",
    ))
    for recipe, options in recipes.items():
        unseen = "infrequent_if_exist"
        encoder = OneHotEncoder(sparse_output=False, handle_unknown=unseen, **options).fit(column)
        extra = [[999]] if table == "numbers" else [["unseen"]]
        seen = encoder.transform(column)
        new = encoder.transform(np.array(extra, dtype=column.dtype))
        encoders.append(dict(
            name=f"one-hot {table}, {recipe}", tool="scikit-learn", version=sklearn.__version__, kind="one_hot", x=x,
            options=options, output=seen.astype(int), unseen=new.astype(int)[0],
            names=encoder.get_feature_names_out(["x"]).tolist(), rtol=0.0,
            why="zeros and ones; the column of missing values stands before the infrequent one there",
        ))
write("encoders.json", encoders)

statistics = []
for name, x in columns.items():
    present = x[~np.isnan(x)]
    statistics.append(dict(
        name=name, tool="numpy, scipy", version=f"{np.__version__}, {scipy.__version__}", x=x,
        mean=np.mean(present), variance=np.var(present), sample_std=np.std(present, ddof=1),
        skewness=scipy.stats.skew(present), kurtosis=scipy.stats.kurtosis(present),
        quantiles={str(q): np.quantile(present, q) for q in [0.0, 0.1, 0.25, 0.5, 0.9, 0.975, 1.0]},
        rtol=1e-10, why="sums in another order; higher moments of data at an offset of 1e9 lose digits in scipy",
        moments_rtol=1e-6 if name == "offset" else 1e-10,
    ))
write("statistics.json", statistics)

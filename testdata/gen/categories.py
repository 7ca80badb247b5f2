"""Golden numbers of encoders of categories that do not look at the target: category_encoders and pandas.

Run with the versions in requirements.txt: python testdata/gen/categories.py
"""

import warnings
from decimal import Decimal, getcontext
from fractions import Fraction

import category_encoders as ce
import numpy as np
import pandas as pd
from sklearn.utils import murmurhash3_32

from golden import case, repeated, rows_repeated, write

warnings.filterwarnings("ignore")
getcontext().prec = 60
rng = np.random.default_rng(31)
LETTERS = list("abcdefghijklmnopqrst")


def ascending_first(n, levels):
    """Words whose first appearances ascend, so that counting them as they appear is counting them in order."""
    return LETTERS[:levels] + [LETTERS[int(i)] for i in rng.integers(0, levels, n - levels)]


def encoded(recipe, x):
    """The columns, without the intercept that contrasts come with."""
    out = recipe.fit_transform(pd.DataFrame({"x": pd.Series(x, dtype=object)}))
    return out.drop(columns=[c for c in out.columns if c == "intercept"]).to_numpy(float)


def polynomials(x):
    """Orthonormal polynomials by exact fractions: category_encoders loses digits with the number of levels."""
    levels = sorted(set(x))
    found = [[Fraction(1)] * len(levels)]
    for degree in range(1, len(levels)):
        values = [Fraction(i) ** degree for i in range(len(levels))]
        for before in found:
            along = sum(a * b for a, b in zip(values, before)) / sum(b * b for b in before)
            values = [a - along * b for a, b in zip(values, before)]
        found.append(values)
    root = lambda values: Decimal(sum(v * v for v in values).numerator).sqrt() / Decimal(sum(v * v for v in values).denominator).sqrt()
    number = lambda v, length: float(Decimal(v.numerator) / Decimal(v.denominator) / length)
    columns = [[number(v, root(values)) for v in values] for values in found[1:]]
    return [[column[levels.index(v)] for column in columns] for v in x]


cases = []
for name, x in {"four": list("abcdab"), "three": ascending_first(11, 3), "seven": ascending_first(20, 7),
                "twenty": ascending_first(60, 20), "two": list("abba")}.items():
    codes = {"binary": ce.BinaryEncoder(), "base 3": ce.BaseNEncoder(base=3), "gray": ce.GrayEncoder(), "rank": ce.RankHotEncoder()}
    contrasts = {"helmert": ce.HelmertEncoder(), "sum": ce.SumEncoder(), "backward difference": ce.BackwardDifferenceEncoder(),
                 "polynomial": ce.PolynomialEncoder()}
    expected = {label: encoded(recipe, x) for label, recipe in contrasts.items()}
    if len(set(x)) > 8:
        expected["polynomial"] = polynomials(x)
    cases.append(case(
        name, "polynomials are made orthogonal in another order", {"x": x},
        {"BinaryEncoder": {label: encoded(recipe, x) for label, recipe in codes.items()},
         "ContrastEncoder": expected},
        ties=repeated(x), tool="category_encoders", version=ce.__version__, atol=1e-14))


def counted(x, w, share):
    """category_encoders' CountEncoder takes no weights: it counts the rows that they stand for."""
    rows = pd.Series(list(rows_repeated(x, w)), dtype=object)
    recipe = ce.CountEncoder(normalize=share, handle_unknown=0).fit(pd.DataFrame({"x": rows}))
    return recipe.transform(pd.DataFrame({"x": pd.Series(x, dtype=object)}))["x"].to_numpy(float)


words = {"words": ["b", "a", None, "b", "c", "a", "b"], "tie": ["z", "y", None, "y", "z"],
         "many": [None if rng.random() < 0.1 else LETTERS[int(i)] for i in rng.integers(0, 20, 90)]}
for name, x in words.items():
    for label, w in [("", None), ("weighted", rng.integers(1, 4, len(x)).astype(float))]:
        cases.append(case(
            f"{name} {label}".strip(), "a quotient of equal numbers", {"x": x, "weights": w},
            {"CountEncoder": {"rows": counted(x, w, False), "share": counted(x, w, True)}},
            ties=repeated(x), tool="category_encoders" + ("" if w is None else ", to rows repeated"), version=ce.__version__))
drawn = lambda n, levels, share: [None if rng.random() < share else LETTERS[int(i)] for i in rng.integers(0, levels, n)]
escaped = lambda v: v.replace("\\", "\\\\").replace("×", "\\×")
pairs = {"pairs": (drawn(40, 4, 0.0), drawn(40, 3, 0.0)), "pairs with nulls": (drawn(60, 5, 0.15), drawn(60, 4, 0.1)),
         "signs": (["a×", "a", "a", "a×", "a\\", "a"], ["b", "×b", "×b", "b", "×b", "\\×b"])}
for name, (a, b) in pairs.items():
    for label, w in [("", None), ("weighted", rng.integers(1, 4, len(a)).astype(float))]:
        joined = [None if x is None or y is None else escaped(x) + "×" + escaped(y) for x, y in zip(a, b)]
        counted = pd.Series(1.0 if w is None else w, index=range(len(a))).groupby(pd.Series(joined, dtype=object)).sum()
        frequent = [v if v is None or counted[v] >= 3 else "<infrequent>" for v in joined]
        bucket = [None if v is None else str(abs(murmurhash3_32(v.encode(), 0)) % 8) for v in joined]
        cases.append(case(
            f"{name} {label}".strip(), "the same", {"a": a, "b": b, "weights": w},
            {"CategoryCross": {"all": joined, "3 or more": frequent, "8 buckets": bucket},
             "CrossCounts": {v: float(n) for v, n in counted.sort_index().items()}},
            ties=repeated(joined), tool="pandas, scikit-learn's MurmurHash3", version=pd.__version__))


def cooccurrence(columns, w, d):
    """The d largest positive eigenpairs of the positive information between categories of different columns."""
    names = [(i, v) for i, x in enumerate(columns) for v in sorted({v for v in x if v is not None})]
    place = {key: k for k, key in enumerate(names)}
    m = np.zeros((len(names), len(names)))
    for i in range(len(columns)):
        for j in range(i + 1, len(columns)):
            frame = pd.DataFrame({"a": columns[i], "b": columns[j], "w": 1.0 if w is None else w}).dropna()
            cells = frame.groupby(["a", "b"])["w"].sum()
            a, b, total = cells.groupby("a").sum(), cells.groupby("b").sum(), cells.sum()
            for (u, v), n in cells.items():
                info = max(0.0, np.log(n * total / (a[u] * b[v])))
                m[place[i, u], place[j, v]] = m[place[j, v], place[i, u]] = info
    values, vectors = np.linalg.eigh(m)
    out = np.zeros((len(names), d))
    for k, e in enumerate(np.argsort(-values)[:d]):
        v = vectors[:, e]
        first = np.flatnonzero(np.abs(v) >= np.abs(v).max() * (1 - 1e-9))[0]
        if values[e] > 1e-12 * values.max():
            out[:, k] = np.sqrt(values[e]) * v * np.sign(v[first])
    return [[out[place[i, v]] if v is not None else np.zeros(d) for v in x] for i, x in enumerate(columns)]


groups = rng.integers(0, 3, 120)
near = lambda levels: [LETTERS[int(g * levels + rng.integers(0, levels))] for g in groups]
companies = {"two columns": [near(3), near(2)], "three columns": [near(2), near(4), near(3)],
             "with nulls": [[None if rng.random() < 0.2 else v for v in near(3)] for _ in range(3)]}
for name, columns in companies.items():
    for label, w in [("", None), ("weighted", rng.integers(1, 5, 120).astype(float))]:
        # Far enough apart that vectors are the same in any order of sums.
        cases.append(case(
            f"company, {name} {label}".strip(), "eigenvectors are found in another order of sums", {"columns": columns, "weights": w},
            {"CooccurrenceEncoder": {"2": cooccurrence(columns, w, 2), "3": cooccurrence(columns, w, 3)}},
            ties=True, tool="numpy, pandas", version=f"{np.__version__}, {pd.__version__}", atol=1e-14))
write("categories.json", cases)

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
write("categories.json", cases)

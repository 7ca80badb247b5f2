"""Golden numbers of encoders that look at the target: scikit-learn and category_encoders.

Run with the versions in requirements.txt: python testdata/gen/target_encoders.py
"""

import warnings

import category_encoders as ce
import numpy as np
import pandas as pd
import sklearn
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import TargetEncoder

from golden import case, repeated, rows_repeated, write

warnings.filterwarnings("ignore")
rng = np.random.default_rng(23)
CE = dict(tool="category_encoders, scikit-learn", version=f"{ce.__version__}, {sklearn.__version__}")
LETTERS = list("abcdefghij")


def words(n, share_missing):
    drawn = [LETTERS[int(i)] for i in np.minimum(rng.geometric(0.3, n) - 1, 9)]
    return [None if rng.random() < share_missing else word for word in drawn]


def column(x):
    return np.array(x, dtype=object)[:, None]


def category_encoder(recipe, x, y, rows, targets):
    """What category_encoders makes of the rows when serving."""
    frame = lambda values: pd.DataFrame({"x": pd.Series(values, dtype=object)})
    return recipe.fit(frame(rows), pd.Series(targets)).transform(frame(x))["x"].to_numpy(float)


def training(recipe, x, y):
    frame = pd.DataFrame({"x": pd.Series(x, dtype=object)})
    return recipe.fit_transform(frame, pd.Series(y))["x"].to_numpy(float)


def by_category(x, y):
    """The mean and the sum of squared distances of each category, ascending, the missing one first."""
    y = pd.Series(np.asarray(y, float))
    keys = pd.Series(x, dtype=object)
    groups = ([("", y[keys.isna()])] if keys.isna().any() else []) + [(k, y[keys == k]) for k in sorted(keys.dropna().unique())]
    return [[len(g), g.mean(), ((g - g.mean()) ** 2).sum()] for _, g in groups]


CONTINUOUS, BINARY = "continuous", "binary"
inputs = {
    "by hand": (list("aaabbc"), np.array([1.0, 2, 6, 4, 8, 5]), CONTINUOUS),
    "by hand, binary": (list("aaabbc"), np.array([1, 0, 1, 0, 1, 1]), BINARY),
    "four categories": (list("aabbccdd"), np.array([1.0, 3, 2, 6, 5, 5, 0, 4]), CONTINUOUS),
    "nulls": (words(60, 0.15), rng.normal(size=60) * 3 + 1, CONTINUOUS),
    "offset": (words(40, 0.1), np.round(rng.normal(size=40), 2) + 1e6, CONTINUOUS),
    "binary nulls": (words(80, 0.1), (rng.random(80) < 0.3).astype(int), BINARY),
    "binary": (words(50, 0.0), (rng.random(50) < 0.6).astype(int), BINARY),
}
cases = []
for name, (x, y, kind) in inputs.items():
    for label in ["", "weighted"]:
        if label and name.startswith("by hand"):
            continue
        w = None
        if label:
            w = rng.integers(0, 4, len(x)).astype(float)
            # Each category has a row that counts: what only rows of weight zero have is unseen here.
            w[[x.index(v) for v in set(x)]] = 2.0
        rows, targets = list(rows_repeated(x, w)), rows_repeated(y, w)

        def scikit(smooth):
            recipe = TargetEncoder(smooth=smooth, target_type=kind)
            return recipe.fit(column(rows), targets).transform(column(x))[:, 0]

        served = lambda recipe: category_encoder(recipe, x, y, rows, targets)
        target = {
            "auto": scikit("auto"), "m 2": scikit(2.0), "m 1": served(ce.MEstimateEncoder(m=1.0)),
            "james-stein": served(ce.JamesSteinEncoder(model="independent")),
            "sigmoid": served(ce.TargetEncoder(min_samples_leaf=20, smoothing=10)),
        }
        loo = {"served": served(ce.LeaveOneOutEncoder())}
        ordered = {"served": served(ce.CatBoostEncoder(a=1)), "served, a 3": served(ce.CatBoostEncoder(a=3))}
        if w is None:
            splitter = (KFold if kind == CONTINUOUS else StratifiedKFold)
            folds = lambda k, smooth: TargetEncoder(smooth=smooth, target_type=kind, cv=splitter(k)).fit_transform(column(x), y)[:, 0]
            target |= {"2 folds, m 2": folds(2, 2.0)}
            if name not in ["by hand, binary"]:
                target |= {"3 folds, m 2": folds(3, 2.0), "3 folds, auto": folds(3, "auto")}
            loo |= {"training": training(ce.LeaveOneOutEncoder(), x, y)}
            ordered |= {"training": training(ce.CatBoostEncoder(a=1), x, y)}
        expected = {"TargetEncoder": target, "LeaveOneOutEncoder": loo, "OrderedTargetEncoder": ordered,
                    "TargetByCategory": by_category(rows, targets)}
        if kind == BINARY:
            expected["WoeEncoder"] = {"served": served(ce.WOEEncoder()), "r 0.5": served(ce.WOEEncoder(regularization=0.5))}
        tool = {} if w is None else dict(tool="category_encoders, scikit-learn, to rows repeated")
        cases.append(case(
            f"{name} {label}".strip(), "sums in another order", {"x": x, "y": y, "weights": w}, expected,
            ties=repeated(x), **(CE | tool)))

multiclass = {"three classes": (words(70, 0.1), [["low", "mid", "high"][int(i)] for i in rng.integers(0, 3, 70)]),
              "numbers as classes": (words(45, 0.0), [int(i) for i in rng.integers(1, 5, 45)])}
for name, (x, y) in multiclass.items():
    recipe = lambda smooth, **more: TargetEncoder(smooth=smooth, target_type="multiclass", **more)
    cases.append(case(
        name, "sums in another order", {"x": x, "y": y, "weights": None},
        {"TargetEncoder": {
            "auto": recipe("auto").fit(column(x), y).transform(column(x)),
            "m 2": recipe(2.0).fit(column(x), y).transform(column(x)),
            "3 folds, auto": recipe("auto", cv=StratifiedKFold(3)).fit_transform(column(x), y),
        }}, ties=repeated(x)))
write("target_encoders.json", cases)

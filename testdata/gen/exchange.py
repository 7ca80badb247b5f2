"""Models of LightGBM and XGBoost for mlsys-models to read, with rows and what the libraries predict for them: exchange.json.

Rows are at thresholds and beside them, missing, zero, tiny, and of categories that training did not have.
Run from the repository: python testdata/gen/exchange.py
"""

import json
import tempfile
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
import xgboost

from golden import case, write

rng = np.random.default_rng(8)
NAMES = ["a", "b", "c", "k"]


def table(n, missing=0.1, zeros=0.2):
    """Three numbers, some of them zero, and a category as a code."""
    x = rng.normal(size=(n, 3)).round(2)
    x[rng.random((n, 3)) < zeros] = 0.0
    k = rng.integers(0, 45, size=n).astype(float)
    x[rng.random((n, 3)) < missing] = np.nan
    k[rng.random(n) < missing / 2] = np.nan
    return np.column_stack([x, k])


def target(x):
    a, b, c, k = np.nan_to_num(x, nan=0.7).T
    return a - b * c + np.sin(k) + 0.3 * np.isnan(x[:, 0]) + rng.normal(0, 0.2, len(x))


def classes(y, n):
    return np.searchsorted(np.quantile(y, np.linspace(0, 1, n + 1)[1:-1]), y)


def asked(x, thresholds):
    """Rows of the table, and ones at the limits; the category is a code, from 0 to beyond what training had."""
    rows = [x[:30]]
    edges = [0.0, -0.0, np.nan, 1e-36, -1e-36, 1.0000000180025095e-35, 1.0000000180025097e-35, -1.1e-35, 1e300, -1e300]
    for t in rng.permutation(np.unique(thresholds))[:20]:
        edges += [t, np.nextafter(t, -np.inf), np.nextafter(t, np.inf)]
    for i, e in enumerate(edges):
        row = x[30 + i].copy()
        row[i % 3] = e
        rows.append(row[None])
    codes = np.array([0, 1, 31, 32, 44, 45, 63, 64, 200, np.nan])
    more = x[:len(codes)].copy()
    more[:, 3] = codes
    return np.concatenate(rows + [more])


def lines(x):
    """JSON has no NaN. Each number is written so that it is read as the same double."""
    return [[None if v != v else float(v) for v in row] for row in x]


def two(p):
    p = np.asarray(p, dtype=float)
    return (p[:, None] if p.ndim == 1 else p).tolist()


def thresholds_of(text):
    return [float(t) for line in text.split("\n") if line.startswith("threshold=") for t in line[10:].split()]


def of_lightgbm(name, why, rtol=1e-12, numbers_only=False, y=None, rounds=4, **options):
    x = table(500)
    t = target(x)
    label = t if y is None else y(t)
    if numbers_only:
        x = x[:, :3]
    given = {"num_leaves": 7, "min_data_in_leaf": 5, "min_data_per_group": 5, "cat_smooth": 1.0, "verbosity": -1, "seed": 1,
             "deterministic": True, "num_threads": 1} | options
    data = lightgbm.Dataset(x, label, feature_name=NAMES[:x.shape[1]], categorical_feature=[] if numbers_only else [3])
    model = lightgbm.train(given, data, rounds)
    text = model.model_to_string()
    rows = asked(table(120), thresholds_of(text))[:, :x.shape[1]]
    # Raw scores are not averaged, predictions are of averages.
    averaged = rounds if options.get("boosting") == "rf" else 1
    raw = model.predict(rows, raw_score=True) / averaged
    expected = {"raw": two(raw), "predicted": two(model.predict(rows)), "leaves": model.predict(rows, pred_leaf=True)}
    return case(f"LightGBM: {name}", why, {"names": NAMES[:x.shape[1]], "rows": lines(rows), "text": text}, {"lightgbm::read": expected},
                ties=False, tool="lightgbm", version=lightgbm.__version__, rtol=rtol)


def of_lightgbm_pandas():
    x = table(400)
    words = np.array(["red", "bl ue", 'gr"een', "größe", "0"])
    k = pd.Series(np.where(np.isnan(x[:, 3]), None, words[np.nan_to_num(x[:, 3]).astype(int) % 5]))
    years = x[:, 3] // 5 + 1990
    frame = pd.DataFrame({"a": x[:, 0], "one": pd.Categorical(["x"] * len(x)), "k": k.astype("category"), "year": pd.Categorical(years)})
    y = target(x) + k.isna() + (k == "red") + np.nan_to_num(x[:, 3] // 5) % 2
    options = {"num_leaves": 7, "min_data_in_leaf": 5, "min_data_per_group": 5, "cat_smooth": 1.0, "verbosity": -1, "seed": 1, "num_threads": 1}
    model = lightgbm.train(options, lightgbm.Dataset(frame, y), 4)
    rows = frame.iloc[:40].reset_index(drop=True)
    expected = {"raw": two(model.predict(rows, raw_score=True)), "predicted": two(model.predict(rows)), "leaves": model.predict(rows, pred_leaf=True)}
    inputs = {"names": list(frame), "rows": [[None if pd.isna(v) else v for v in row] for row in rows.astype(object).to_numpy().tolist()],
              "text": model.model_to_string()}
    return case("LightGBM: categories of pandas", "text and years as categories, and one of a single value", inputs, {"lightgbm::read": expected},
                ties=False, tool="lightgbm", version=lightgbm.__version__, rtol=1e-12)


def saved(model):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.save_model(path)
        return path.read_text()


def of_xgboost(name, why, numbers_only=False, y=None, rounds=4, named=True, **options):
    x = table(500)
    if options.get("objective") in ("count:poisson", "reg:gamma"):
        y = lambda t: np.exp(t / 3).round(2) + 0.1
    label = target(x) if y is None else y(target(x))
    columns = 3 if numbers_only else 4
    types = ["float"] * 3 + ["c"]
    names = NAMES[:columns] if named else None
    of = lambda x, label=None: xgboost.DMatrix(x[:, :columns], label, feature_names=names, feature_types=types[:columns] if named else None,
                                               enable_categorical=named and not numbers_only, nthread=1)
    given = {"max_depth": 3, "min_child_weight": 1, "seed": 1, "nthread": 1, "max_cat_to_onehot": 1} | options
    model = xgboost.train(given, of(x, label), rounds)
    text = saved(model)
    trees = json.loads(text)["learner"]["gradient_booster"]
    trees = (trees.get("model") or trees["gbtree"]["model"])["trees"]
    thresholds = [t for tree in trees for t, child in zip(tree["split_conditions"], tree["left_children"]) if child != -1]
    # Doubles in the middle of two floats, which round to the even one.
    floats = np.float32(thresholds)
    middles = (floats.astype(float) + np.nextafter(floats, np.float32(-np.inf)).astype(float)) / 2
    rows = asked(table(150), np.concatenate([floats.astype(float), middles]))[:, :columns]
    rows[np.abs(rows) > 1e30] = 1e30
    expected = {"raw": two(model.predict(of(rows), output_margin=True)), "predicted": two(model.predict(of(rows)))}
    shown = NAMES[:columns] if named else [f"f{i}" for i in range(columns)]
    return case(f"XGBoost: {name}", why, {"names": shown, "rows": lines(rows), "text": text}, {"xgboost::read": expected},
                ties=False, tool="xgboost", version=xgboost.__version__, of_largest=1e-6)


def of_xgboost_pandas():
    x = table(400)
    # XGBoost 3.2 counts characters where it should count bytes, and cuts what is not ASCII off.
    words = np.array(["red", "bl ue", 'gr"een', "size", "0"])
    k = pd.Series(np.where(np.isnan(x[:, 3]), None, words[np.nan_to_num(x[:, 3]).astype(int) % 5]))
    years = pd.Series((np.nan_to_num(x[:, 3]) // 5).astype(int) + 1990)
    frame = pd.DataFrame({"a": x[:, 0], "flag": x[:, 1] > 0.1, "k": k.astype("category"), "year": years.astype("category")})
    y = target(x) + k.isna() + (k == "red") + years % 2 + 0.5 * frame["flag"]
    of = lambda frame, y=None: xgboost.DMatrix(frame, y, enable_categorical=True, nthread=1)
    model = xgboost.train({"max_depth": 4, "seed": 1, "nthread": 1, "max_cat_to_onehot": 1}, of(frame, y), 4)
    rows = frame.iloc[:40].reset_index(drop=True)
    expected = {"raw": two(model.predict(of(rows), output_margin=True)), "predicted": two(model.predict(of(rows)))}
    inputs = {"names": list(frame), "rows": [[None if pd.isna(v) else v for v in row] for row in rows.astype(object).to_numpy().tolist()],
              "text": saved(model)}
    return case("XGBoost: categories of pandas", "text, years and flags", inputs, {"xgboost::read": expected},
                ties=False, tool="xgboost", version=xgboost.__version__, of_largest=1e-6)


SAME = "the same doubles in the same order"
FLOATS = "sums of floats of 32 bits"
positive = lambda t: np.exp(t / 3).round(2) + 0.1
write("exchange.json", [
    of_lightgbm("binary", SAME, y=lambda t: classes(t, 2), objective="binary", sigmoid=1.5),
    of_lightgbm("three classes", SAME, y=lambda t: classes(t, 3), objective="multiclass", num_class=3, rounds=3),
    of_lightgbm("three classes, one against the rest", SAME, y=lambda t: classes(t, 3), objective="multiclassova", num_class=3, rounds=2, num_leaves=4),
    of_lightgbm("two classes, an output each", SAME, y=lambda t: classes(t, 2), objective="multiclass", num_class=2, rounds=2),
    of_lightgbm("regression", SAME, objective="regression"),
    of_lightgbm("signed roots", SAME, objective="regression", reg_sqrt=True, rounds=2),
    of_lightgbm("counts", SAME, y=positive, objective="poisson", rounds=2),
    of_lightgbm("gamma", SAME, y=positive, objective="gamma", rounds=1, num_leaves=3),
    of_lightgbm("cross entropy, second form", SAME, y=lambda t: 1 / (1 + np.exp(-t)), objective="cross_entropy_lambda", rounds=2),
    of_lightgbm("quantile", SAME, objective="quantile", alpha=0.8, rounds=2),
    of_lightgbm("zero as missing", SAME, numbers_only=True, objective="regression", zero_as_missing=True),
    of_lightgbm("no missing", "NaN counts as 0", numbers_only=True, objective="regression", use_missing=False),
    of_lightgbm("random forest", SAME, y=lambda t: classes(t, 2), objective="binary", boosting="rf", bagging_freq=1, bagging_fraction=0.5),
    of_lightgbm("a single leaf", SAME, objective="regression", min_data_in_leaf=400, rounds=2),
    of_lightgbm_pandas(),
    of_xgboost("binary", FLOATS, y=lambda t: classes(t, 2), objective="binary:logistic"),
    of_xgboost("three classes", FLOATS, y=lambda t: classes(t, 3), objective="multi:softprob", num_class=3, rounds=2),
    of_xgboost("three classes, two trees each", FLOATS, y=lambda t: classes(t, 3), objective="multi:softprob", num_class=3, rounds=2,
               num_parallel_tree=2, subsample=0.5, max_depth=2),
    of_xgboost("two classes, an output each", FLOATS, y=lambda t: classes(t, 2), objective="multi:softprob", num_class=2, rounds=2),
    of_xgboost("regression", FLOATS, objective="reg:squarederror"),
    of_xgboost("pruned", FLOATS, objective="reg:squarederror", gamma=3.0, tree_method="exact", numbers_only=True),
    of_xgboost("without names", FLOATS, named=False, numbers_only=True, objective="reg:squarederror", max_depth=1, rounds=2),
    of_xgboost("counts", FLOATS, objective="count:poisson", rounds=2),
    of_xgboost("hinge", FLOATS, y=lambda t: classes(t, 2), objective="binary:hinge", rounds=2),
    of_xgboost("log-odds", FLOATS, y=lambda t: classes(t, 2), objective="binary:logitraw", rounds=2, base_score=0.3),
    of_xgboost("dart", FLOATS, y=lambda t: classes(t, 2), objective="binary:logistic", booster="dart", rate_drop=0.5, rounds=5),
    of_xgboost_pandas(),
])

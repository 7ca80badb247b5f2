"""Golden Shapley values of trees for mlsys-models: LightGBM's pred_contrib, and shap's TreeExplainer against a background.

Run with the versions in requirements.txt, lightgbm 4.7.0 and shap 0.51.0: python testdata/gen/tree_shap.py
"""

import lightgbm
import numpy as np
import shap

from golden import case, write

SMALL = {"verbosity": -1, "num_threads": 1, "deterministic": True, "seed": 3, "min_data_in_leaf": 4, "min_data_per_group": 4, "cat_smooth": 1}



def tree(dumped, codes):
    """A tree as mlsys stores it, with null as the threshold of a split by categories. `codes`: of the categories of each column."""
    out = {key: [] for key in ["feature", "threshold", "categories", "missing", "left", "right", "gain", "value", "cover", "rows",
                               "leaf_values", "leaf_covers", "leaf_rows"]}
    root = dumped["tree_structure"]
    nodes, leaves = [], []

    def number(node):
        if "split_index" not in node:
            leaves.append(node)
            return -len(leaves)
        nodes.append(node)
        place = len(nodes) - 1
        left = number(node["left_child"])
        node["children"] = left, number(node["right_child"])
        return place

    number(root)
    for node in nodes:
        feature = node["split_feature"]
        side = "left" if node["default_left"] else "right"
        if node["decision_type"] == "==":
            words = []
            for value in map(int, str(node["threshold"]).split("||")):
                code = codes[feature].index(value)
                words += [0] * (code // 64 + 1 - len(words))
                words[code // 64] |= 1 << code % 64
            out["categories"].append(words)
            out["threshold"].append(None)
            side = "right"
        else:
            out["threshold"].append(node["threshold"])
            if node["missing_type"] == "None":
                side = "left" if 0 <= node["threshold"] else "right"
            elif node["missing_type"] == "Zero":
                side += "_with_zero"
        out["feature"].append(feature)
        out["missing"].append(side)
        left, right = node["children"]
        out["left"].append(left)
        out["right"].append(right)
        out["gain"].append(node["split_gain"])
        out["value"].append(node["internal_value"])
        out["cover"].append(node["internal_weight"])
        out["rows"].append(node["internal_count"])
    for leaf in leaves:
        out["leaf_values"].append(leaf["leaf_value"])
        out["leaf_covers"].append(leaf.get("leaf_weight", 0.0))
        out["leaf_rows"].append(leaf.get("leaf_count", 0))
    return out | {"leaf_width": 1}


def ensemble(booster, codes):
    dumped = booster.dump_model()
    names = dumped["feature_names"]
    return {
        "features": [{"name": name, "categories": codes.get(place)} for place, name in enumerate(names)],
        "trees": [tree(one, codes) for one in dumped["tree_info"]],
        "base": [0.0] * dumped["num_tree_per_iteration"],
    }


def said(booster, rows, outputs, background=None):
    contributions = booster.predict(rows, pred_contrib=True).reshape(len(rows), outputs, -1)
    out = {"contributions": contributions}
    if background is not None:
        explainer = shap.TreeExplainer(booster, data=background, feature_perturbation="interventional")
        out["interventional"] = explainer.shap_values(rows, check_additivity=False)
        out["interventional_base"] = float(np.ravel(explainer.expected_value)[0])
    importances = {kind: booster.feature_importance(kind).astype(float) for kind in ["gain", "split"]}
    return {"TreeShap": out, "Importances": importances}


def one(name, why, seed, objective, *, missing=0.0, categorical=(), zero=False, background=False, classes=1, leaves=15, n=400, rounds=6):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6)).round(2)
    if zero:
        x[rng.random(x.shape) < 0.3] = 0.0
    for place in categorical:
        x[:, place] = rng.integers(0, 12, n)
    score = x[:, 0] - 0.7 * x[:, 1] * x[:, 2] + np.sin(3 * x[:, 3]) + 0.3 * ((7 * x[:, 4]) % 5 - 2)
    x[rng.random(x.shape) < missing] = np.nan
    y = score + 0.2 * rng.normal(size=n)
    if objective == "binary":
        y = y > 0
    if objective == "multiclass":
        y = np.digitize(y, [-1, 1])
    extra = {"num_class": classes} if classes > 1 else {}
    parameters = SMALL | extra | {"objective": objective, "num_leaves": leaves, "zero_as_missing": zero}
    data = lightgbm.Dataset(x, y.astype(float), categorical_feature=list(categorical), free_raw_data=False)
    booster = lightgbm.train(parameters, data, rounds)
    rows = x[:30].copy()
    rows[:3, 0] = np.nan
    rows[3:5, 5] = 0.0
    for place in categorical:
        rows[5, place] = 99
    codes = {place: sorted({int(v) for v in x[:, place] if v == v}) for place in categorical}
    against = x[30:60] if background else None
    inputs = ensemble(booster, codes) | {"columns": rows.T, "background": None if against is None else against.T}
    return case(name, why, inputs, said(booster, rows, classes, against), ties=False, tool="LightGBM", version=lightgbm.__version__, rtol=1e-10,
                versions={"lightgbm": lightgbm.__version__, "shap": shap.__version__})


if __name__ == "__main__":
    sums = "sums in another order, and divisions that lose digits in the reference"
    write("tree_shap.json", [
        one("numbers", sums, 1, "regression", background=True),
        one("missing values", sums, 2, "regression", missing=0.15),
        one("zero is missing", sums, 3, "regression", missing=0.1, zero=True),
        one("categories", sums, 4, "binary", missing=0.1, categorical=(4, 5)),
        one("three classes", sums, 5, "multiclass", missing=0.1, categorical=(4,), classes=3, rounds=3),
        one("features again and again", sums, 6, "regression", missing=0.05, leaves=60, n=600, rounds=2),
        one("stumps", sums, 7, "regression", leaves=2, background=True, rounds=8),
    ])

"""Golden numbers of trees and forests, from scikit-learn: splits, prunings and texts of trees; forests' votes and out-of-bag scores from the
rows that were drawn; what an isolation forest says with trees that are given.

Values are on a coarse grid, and the best split is one only: seeds, which order the columns, do not change a tree.

Run with the versions in requirements.txt: python testdata/gen/forests.py
"""

import warnings

import numpy as np
from sklearn.ensemble import IsolationForest, RandomForestClassifier, RandomForestRegressor
from sklearn.ensemble._forest import _generate_sample_indices
from sklearn.ensemble._iforest import _average_path_length
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, export_text

from golden import case, repeated, write

warnings.simplefilter("error")
WHY = "sums in another order"
LARGEST = np.finfo(float).max
rng = np.random.default_rng(41)


def shape(tree):
    """A tree's arrays, nodes in scikit-learn's order, which is depth first, left before right, or with `max_leaf_nodes` that of the best splits;
    leaves have the children -1. A threshold of infinity, for missing values against all others, is the largest double here."""
    t = tree.tree_
    found = {
        "feature": [int(f) if f >= 0 else None for f in t.feature], "threshold": [min(v, LARGEST) if f >= 0 else None for f, v in zip(t.feature, t.threshold)],
        "left": t.children_left, "right": t.children_right, "rows": t.n_node_samples, "weight": t.weighted_n_node_samples, "impurity": t.impurity,
        "value": t.value[:, 0, :].tolist(),
    }
    found["missing_left"] = [bool(v) and f >= 0 for f, v in zip(t.feature, t.missing_go_to_left)]
    return found


def same(a, b):
    a, b = shape(a), shape(b)
    return all(np.array_equal(np.asarray(a[k], dtype=float), np.asarray(b[k], dtype=float), equal_nan=True) for k in ["feature", "threshold", "left", "rows"])


def grid(rows, columns, holes=()):
    x = np.round(rng.uniform(0.25, 4, (rows, columns)) * 8) / 8
    for column in holes:
        x[rng.random(rows) < 0.2, column] = np.nan
    return x


def signal(x):
    z = np.nan_to_num(x, nan=3.5)
    return z[:, 0] * (1 + (z[:, 1] > 2)) - z[:, 2] ** 2 / 4


def numbers(rows, holes=()):
    x = grid(rows, 3, holes)
    return x, np.round((signal(x) + rng.normal(0, 0.5, rows)) * 8) / 8


def classes(rows, k, holes=()):
    x = grid(rows, 3, holes)
    z = np.column_stack([signal(x) * (j - 1) / 2 + np.nan_to_num(x[:, j], nan=1.0) for j in range(k)])
    return x, np.argmax(z + rng.gumbel(size=z.shape) * 0.7, axis=1)


def weights(rows, low=0.5, high=3.0):
    return np.round(rng.uniform(low, high, rows) * 64) / 64


def first(make, fit):
    """The first table whose tree does not depend on the seed, of three ones."""
    for _ in range(500):
        x, y = make()
        models = [fit(x, y, seed) for seed in range(4)]
        if all(same(models[0], other) for other in models[1:]):
            return x, y, models[0]
    raise AssertionError("a tie in every table")


cases = []


def decision_tree(name, make, kind, w=None, query=None, **options):
    def fit(x, y, seed):
        return kind(random_state=seed, **options).fit(x, y, sample_weight=w)

    x, y, model = first(make, fit)
    path = kind(random_state=0, **{k: v for k, v in options.items() if k != "ccp_alpha"}).cost_complexity_pruning_path(x, y, sample_weight=w)
    alphas, impurities = path.ccp_alphas, path.impurities
    # A tree between each two of the path, where rounding cannot decide.
    pruned = []
    for low, high in zip(alphas[:-1], alphas[1:]):
        if high > low * (1 + 1e-9) and "ccp_alpha" not in options:
            alpha = (low + high) / 2
            tree = kind(random_state=0, **options, ccp_alpha=alpha).fit(x, y, sample_weight=w)
            pruned.append({"alpha": alpha, "leaves": tree.get_n_leaves(), "depth": tree.get_depth(), "tree": shape(tree)})
    query = np.vstack([grid(12, 3), np.full((1, 3), 9.0), np.full((1, 3), -9.0)])
    if np.isnan(x).any():
        query[np.arange(6), [0, 1, 2, 0, 1, 2]] = np.nan
    expected = {
        "tree": shape(model), "depth": model.get_depth(), "leaves": model.get_n_leaves(), "importances": model.feature_importances_,
        "text": export_text(model, feature_names=[f"x{k}" for k in range(x.shape[1])], decimals=6, show_weights=kind is DecisionTreeClassifier, max_depth=99),
        "path": {"alphas": alphas, "impurities": impurities}, "pruned": pruned,
        "prediction": (model.predict_proba(query) if kind is DecisionTreeClassifier else model.predict(query)[:, None]).tolist(),
        "applied": model.apply(query),
    }
    inputs = {"x": x.T.tolist(), "y": y, "query": query.T.tolist(), "options": {"criterion": model.criterion} | options}
    inputs |= {} if w is None else {"weights": w}
    cases.append(case(name, WHY, inputs, {"DecisionTree": expected}, ties=repeated(x[:, 0])))


C, R = DecisionTreeClassifier, DecisionTreeRegressor
decision_tree("two classes, gini", lambda: classes(60, 2), C, max_depth=4)
decision_tree("three classes, gini, whole", lambda: classes(40, 3), C, min_samples_leaf=2)
decision_tree("three classes, entropy", lambda: classes(80, 3), C, criterion="entropy", max_depth=4, min_samples_leaf=3)
decision_tree("two classes, entropy, weights", lambda: classes(80, 2), C, weights(80), criterion="entropy", max_depth=3, min_samples_leaf=4)
decision_tree("three classes, gini, weights, least impurity", lambda: classes(80, 3), C, weights(80), max_depth=6, min_impurity_decrease=0.01, min_samples_split=8)
decision_tree("two classes, missing values", lambda: classes(90, 2, [0, 2]), C, max_depth=4, min_samples_leaf=4)
decision_tree("two classes, pruned", lambda: classes(90, 2), C, max_depth=6, min_samples_leaf=2, ccp_alpha=0.01)
decision_tree("three classes, at most eight leaves", lambda: classes(90, 3), C, max_leaf_nodes=8)
decision_tree("numbers", lambda: numbers(60), R, max_depth=4)
decision_tree("numbers, weights", lambda: numbers(80), R, weights(80), max_depth=4, min_samples_leaf=3)
decision_tree("numbers, missing values", lambda: numbers(90, [0, 2]), R, max_depth=4, min_samples_leaf=4)
decision_tree("numbers, absolute error", lambda: numbers(61), R, criterion="absolute_error", max_depth=3, min_samples_leaf=5)
decision_tree("numbers, poisson", lambda: (lambda x, y: (x, np.round(np.exp(0.4 * y) * 4) / 4))(*numbers(80)), R, criterion="poisson", max_depth=3, min_samples_leaf=5)
decision_tree("numbers, at most eight leaves, pruned", lambda: numbers(90), R, max_leaf_nodes=8, ccp_alpha=0.02)


def forest(name, make, kind, tree_kind, trees=8, w=None, **options):
    """Trees on rows that are drawn, with all columns: the rows, the trees, and what they say of the rows that they have not seen. Rows are
    drawn by their weights, which do not count again."""
    rows = len(make()[1])

    def fit(x, y, seed):
        return kind(n_estimators=trees, max_features=None, bootstrap=True, oob_score=True, random_state=seed, **options).fit(x, y, sample_weight=w)

    def rows_of(model):
        return [_generate_sample_indices(tree.random_state, rows, rows, w) for tree in model.estimators_]

    for attempt in range(500):
        x, y = make()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            model = fit(x, y, attempt)
        if told:
            # A row that every tree has seen.
            continue
        drawn = rows_of(model)
        counts = [np.bincount(r, minlength=rows) for r in drawn]
        again = [[tree_kind(random_state=s, **options).fit(x, y, sample_weight=c) for s in range(3)] for c in counts]
        again.append([tree_kind(random_state=s, **options).fit(x, y, sample_weight=w) for s in range(3)])
        if all(same(tree, other) for tree, others in zip([*model.estimators_, again[-1][0]], again) for other in others):
            break
    else:
        raise AssertionError("a tie in every table")
    classifier = hasattr(model, "classes_")
    said = [t.predict_proba(x) if classifier else t.predict(x)[:, None] for t in model.estimators_]
    oob = model.oob_decision_function_ if classifier else model.oob_prediction_[:, None]
    # By hand: the mean over trees that have not seen the row.
    seen = np.array([np.bincount(r, minlength=rows) > 0 for r in drawn])
    total = sum(p * ~s[:, None] for p, s in zip(said, seen))
    np.testing.assert_allclose(oob.reshape(rows, -1), total / (~seen).sum(axis=0)[:, None], rtol=1e-12)
    whole = kind(n_estimators=3, max_features=None, bootstrap=False, random_state=0, **options).fit(x, y, sample_weight=w)
    single = tree_kind(random_state=0, **options).fit(x, y, sample_weight=w)
    expected = {
        "drawn": [r.tolist() for r in drawn], "trees": [shape(t) for t in model.estimators_], "predictions": [p.tolist() for p in said],
        "oob": oob.reshape(rows, -1).tolist(), "oob_score": model.oob_score_,
        "prediction": (model.predict_proba(x) if classifier else model.predict(x)[:, None]).tolist(), "importances": model.feature_importances_,
        "without_bootstrap": shape(single),
    }
    inputs = {"x": x.T.tolist(), "y": y, "options": {"trees": trees} | options}
    inputs |= {} if w is None else {"weights": w}
    assert all(same(single, t) for t in whole.estimators_), "not what a tree is"
    cases.append(case(name, WHY, inputs, {"RandomForest": expected}, ties=repeated(x[:, 0])))


forest("forest, two classes", lambda: classes(50, 2), RandomForestClassifier, C, trees=12, max_depth=3)
forest("forest, three classes, weights", lambda: classes(120, 3), RandomForestClassifier, C, trees=16, w=weights(120, 0.75, 1.25), max_depth=2, min_samples_leaf=8)
forest("forest, numbers", lambda: numbers(80), RandomForestRegressor, R, trees=12, max_depth=3, min_samples_leaf=6)
forest("forest, numbers, missing values", lambda: numbers(90, [0]), RandomForestRegressor, R, trees=12, max_depth=3, min_samples_leaf=8)


def dyadic(x):
    """Exact in the single precision that scikit-learn reads."""
    return np.round(x * 1024) / 1024


def walked(tree, row):
    node, depth = 0, 0
    while tree["feature"][node] is not None:
        node, depth = tree["left" if row[tree["feature"][node]] <= tree["threshold"][node] else "right"][node], depth + 1
    return depth + _average_path_length(tree["rows"][node : node + 1])[0]


def isolation(name, x, w=None, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = IsolationForest(random_state=5, **options).fit(x, sample_weight=w)
    query = np.vstack([x[:6], grid(8, x.shape[1]), np.full((1, x.shape[1]), 50.0), np.full((1, x.shape[1]), -50.0)])
    trees = []
    for tree, columns in zip(model.estimators_, model.estimators_features_):
        found = shape(tree)
        trees.append({
            "feature": [None if f is None else int(columns[f]) for f in found["feature"]],
            **{k: found[k] for k in ["threshold", "left", "right", "rows"]},
        })
    # By hand: how deep a row comes, and how deep it would come in what is left.
    paths = [[walked(tree, row) for row in query] for tree in trees]
    at_most = _average_path_length(np.array([model.max_samples_]))[0]
    np.testing.assert_allclose(-(2.0 ** (-np.mean(paths, axis=0) / at_most)), model.score_samples(query), rtol=1e-12)
    expected = {
        "trees": trees, "max_samples": model.max_samples_, "offset": model.offset_, "score_samples": model.score_samples(query),
        "decision_function": model.decision_function(query), "predict": model.predict(query),
        "average_path": _average_path_length(np.array([0, 1, 2, 3, 10, 256, 100_000])),
    }
    cases.append(case(name, WHY, {"x": x.T.tolist(), "query": query.T.tolist(), "options": options}, {"IsolationForest": expected}, ties=repeated(x[:, 0])))


isolation("isolation, all rows", grid(64, 3), n_estimators=10, max_samples=64)
isolation("isolation, samples of 32", dyadic(rng.normal(size=(200, 4))), n_estimators=8, max_samples=32)
isolation("isolation, some far off, contamination", dyadic(np.vstack([rng.normal(size=(95, 2)), rng.normal(6, 1, size=(5, 2))])), n_estimators=8,
          max_samples=50, contamination=0.05)
isolation("isolation, equal rows", np.repeat(grid(12, 2), 5, axis=0), n_estimators=6, max_samples=30)
for item, name in [("IsolationForest", "isolation_forest.json"), ("RandomForest", "random_forest.json")]:
    write(name, [c for c in cases if item in c["expected"]])


def is_grown(c):
    """Trees that mlsys grows: by these criteria, and not the best leaf first."""
    options = c["input"]["options"]
    return options["criterion"] in ["gini", "entropy", "squared_error"] and "max_leaf_nodes" not in options


write("decision_tree.json", [c for c in cases if "DecisionTree" in c["expected"] and is_grown(c)])

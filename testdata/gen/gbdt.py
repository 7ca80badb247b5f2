"""Golden numbers of boosted trees: LightGBM's trees, split by split, on small sets where its rules leave nothing open.

Values are on a coarse grid, so that each has a bin of its own, and no two splits are nearly as good: trees stay the same when weights or
targets move by a hundred-thousandth, and when the columns are given in the reverse order. LightGBM rounds gradients to single precision,
and prints gains with six digits. Beside its numbers there are `exact` ones: those of its trees, computed here in double precision, which
it agrees with to `lightgbm_rtol`; the init scores are not in them, while LightGBM adds them to the leaves of the first trees.
Where Hessians vary, LightGBM estimates row counts from them; there any number of rows may be in a leaf.

Run with the versions in requirements.txt: python testdata/gen/gbdt.py
"""

import lightgbm as lgb
import numpy as np

from golden import case, repeated, write

FIXED = dict(
    max_bin=255, min_data_in_bin=1, feature_pre_filter=False, deterministic=True, force_col_wise=True, num_threads=1, enable_bundle=False,
    seed=0, verbosity=-1,
)
DEFAULTS = dict(
    learning_rate=0.1, num_leaves=6, max_depth=-1, min_data_in_leaf=0, min_sum_hessian_in_leaf=1e-3, lambda_l1=0.0, lambda_l2=0.0,
    min_gain_to_split=0.0, max_delta_step=0.0,
)
rng = np.random.default_rng(20)


def percentile(values, alpha):
    """LightGBM's of values without weights, which is linear between ranks."""
    return float(np.quantile(values, alpha))


def weighted_percentile(values, weights, alpha):
    """LightGBM's: linear in the sums of weights, from the sum up to a value; the ends as they are. (Not where a row weighs less than 1.)"""
    if len(values) == 1:
        return values[0]
    order = np.argsort(values, kind="stable")
    x, sums = values[order], np.cumsum(weights[order])
    share = sums[-1] * alpha
    place = min(int(np.searchsorted(sums, share, side="right")), len(x) - 1)
    if place in (0, len(x) - 1):
        return x[place]
    return x[place - 1] + (share - sums[place - 1]) / (sums[place] - sums[place - 1]) * (x[place] - x[place - 1])


def percentile_of(values, w, alpha):
    return percentile(values, alpha) if w is None else weighted_percentile(values, w, alpha)


def lambdas(score, y, groups, p):
    """LambdaMART's gradients and Hessians."""
    g, h = np.zeros(len(y)), np.zeros(len(y))
    start = 0
    top, norm = p["lambdarank_truncation_level"], p["lambdarank_norm"]
    for n in groups:
        rows = np.arange(start, start + n)
        start += n
        s, gain = score[rows], 2.0 ** y[rows] - 1
        discount = 1 / np.log2(np.arange(n) + 2.0)
        best = np.sum(np.sort(gain)[::-1][:top] * discount[:top])
        if best <= 0:
            continue
        order = np.argsort(-s, kind="stable")
        total = 0.0
        for i in range(min(n - 1, top)):
            for j in range(i + 1, n):
                a, b = order[i], order[j]
                if y[rows][a] == y[rows][b]:
                    continue
                high, low = (a, b) if y[rows][a] > y[rows][b] else (b, a)
                delta = (gain[high] - gain[low]) * abs(discount[i] - discount[j]) / best
                apart = s[high] - s[low]
                if norm and s.max() != s.min():
                    delta /= 0.01 + abs(apart)
                q = 1 / (1 + np.exp(apart))
                g[rows[high]] -= q * delta
                g[rows[low]] += q * delta
                h[rows[high]] += q * (1 - q) * delta
                h[rows[low]] += q * (1 - q) * delta
                total += 2 * q * delta
        if norm and total > 0:
            g[rows] *= np.log2(1 + total) / total
            h[rows] *= np.log2(1 + total) / total
    return g, h


def gradients(p, score, y, w, groups):
    """Gradients and Hessians per class, from scores of rows and classes."""
    s = score[:, 0]
    w_ = np.ones(len(y)) if w is None else w
    kind = p["objective"]
    if kind == "multiclass":
        e = np.exp(score - score.max(axis=1, keepdims=True))
        q = e / e.sum(axis=1, keepdims=True)
        k = score.shape[1]
        return (q - (y[:, None] == np.arange(k))) * w_[:, None], k / (k - 1) * q * (1 - q) * w_[:, None]
    if kind == "lambdarank":
        g, h = lambdas(s, y, groups, p)
    elif kind == "regression":
        g, h = s - y, np.ones(len(y))
    elif kind == "binary":
        q = 1 / (1 + np.exp(-s))
        g, h = q - y, q * (1 - q)
    elif kind == "poisson":
        g, h = np.exp(s) - y, np.exp(s + p["poisson_max_delta_step"])
    elif kind == "gamma":
        g, h = 1 - y * np.exp(-s), y * np.exp(-s)
    elif kind == "tweedie":
        r = p["tweedie_variance_power"]
        a, b = np.exp((1 - r) * s), np.exp((2 - r) * s)
        g, h = b - y * a, (2 - r) * b - (1 - r) * y * a
    elif kind == "huber":
        g, h = np.clip(s - y, -p["alpha"], p["alpha"]), np.ones(len(y))
    elif kind == "quantile":
        g, h = np.where(s >= y, 1 - p["alpha"], -p["alpha"]), np.ones(len(y))
    elif kind == "regression_l1":
        g, h = np.sign(s - y), np.ones(len(y))
    return (g * w_)[:, None], (h * w_)[:, None]


def start(p, y, w):
    """What scores start from."""
    kind = p["objective"]
    mean = np.average(y, weights=w)
    if kind == "multiclass":
        return np.log([np.average(y == k, weights=w) for k in range(p["num_class"])])
    if kind == "lambdarank":
        return np.zeros(1)
    if kind in ("regression_l1", "quantile"):
        return np.array([percentile_of(y, w, p.get("alpha", 0.5))])
    if kind in ("regression", "huber"):
        return np.array([mean])
    return np.array([np.log(mean / (1 - mean) if kind == "binary" else mean)])


def parsed(model):
    """The trees of LightGBM's text."""
    trees = []
    for block in model.model_to_string().split("\nTree=")[1:]:
        keys = dict(line.split("=", 1) for line in block.split("\n\n")[0].splitlines() if "=" in line)

        def numbers(key, kind=float):
            return [kind(v) for v in keys.get(key, "").split()]

        found = {key: numbers(key, int) for key in ["split_feature", "decision_type", "left_child", "right_child", "internal_count", "leaf_count"]}
        found |= {key: numbers(key) for key in ["threshold", "split_gain", "internal_value", "leaf_value"]}
        bounds, words = numbers("cat_boundaries", int), numbers("cat_threshold", int)
        found["categories"] = []
        for place, kind in enumerate(found["decision_type"]):
            left = None
            if kind & 1:
                which = int(found["threshold"][place])
                left = [32 * k + bit for k, word in enumerate(words[bounds[which] : bounds[which + 1]]) for bit in range(32) if word >> bit & 1]
            found["categories"].append(left)
        found["default_left"] = [bool(kind & 2) for kind in found["decision_type"]]
        found["missing_type"] = [["none", "zero", "nan"][kind >> 2 & 3] for kind in found["decision_type"]]
        trees.append(found)
    return trees


def rows_of(tree, leaves):
    """The rows of each node and of each leaf, which is numbered from -1 downward."""
    rows = {-1 - leaf: leaves == leaf for leaf in range(len(tree["leaf_value"]))}
    for node in reversed(range(len(tree["split_feature"]))):
        rows[node] = rows[tree["left_child"][node]] | rows[tree["right_child"][node]]
    return rows


def exactly(p, tree, rows, g, h, renew):
    """Leaf values and gains of a tree in double precision."""
    rate, most = p["learning_rate"], p["max_delta_step"]

    def output(node, l2, low, high):
        G, H = g[rows[node]].sum(), h[rows[node]].sum()
        value = -np.sign(G) * max(abs(G) - p["lambda_l1"], 0) / (H + l2)
        if most > 0:
            value = np.clip(value, -most, most)
        return float(np.clip(value, low, high))

    def gain(node, l2, value):
        G, H = g[rows[node]].sum(), h[rows[node]].sum()
        G = np.sign(G) * max(abs(G) - p["lambda_l1"], 0)
        return -(2 * G * value + (H + l2) * value * value)

    # In the order of splits, the penalty and the bounds of what became of a node.
    way = {0: (p["lambda_l2"], -np.inf, np.inf)}
    gains = []
    for node, feature in enumerate(tree["split_feature"]):
        l2, low, high = way[node]
        # Bounds do not count for what was there before.
        own = output(node, p["lambda_l2"], -np.inf, np.inf)
        p["bound"] |= own != output(node, p["lambda_l2"], low, high)
        parent = gain(node, p["lambda_l2"], own)
        sorted_ = tree["categories"][node] is not None and feature in p["sorted"]
        l2 = p["lambda_l2"] + (p["cat_l2"] if sorted_ else 0.0)
        children = tree["left_child"][node], tree["right_child"][node]
        values = [output(child, l2, low, high) for child in children]
        gains.append(sum(gain(child, l2, value) for child, value in zip(children, values)) - parent)
        sign = p.get("monotone_constraints", [0] * 99)[feature]
        middle = sum(values) / 2
        bounds = {0: [(low, high)] * 2, 1: [(low, min(high, middle)), (max(low, middle), high)], -1: [(max(low, middle), high), (low, min(high, middle))]}
        for child, bound in zip(children, bounds[sign]):
            way[child] = (l2, *bound)
    leaves = [-1 - leaf for leaf in range(len(tree["leaf_value"]))]
    if renew is not None:
        return [rate * renew(rows[leaf]) for leaf in leaves], gains
    # A leaf's value is of the bounds of before the split that made it, which are the wider ones.
    made = {}
    for node, feature in enumerate(tree["split_feature"]):
        _, low, high = way[node]
        for child in (tree["left_child"][node], tree["right_child"][node]):
            made[child] = output(child, way[child][0], low, high)
    return [rate * made[leaf] for leaf in leaves], gains


def train(p, x, y, w, groups, trees, categories):
    given = {k: v for k, v in p.items() if k not in ("sorted", "bound")}
    data = lgb.Dataset(x, y, weight=w, group=groups, categorical_feature=categories or "auto", params=given)
    history = {}
    model = lgb.train(given, data, trees, valid_sets=[data], valid_names=["train"], callbacks=[lgb.record_evaluation(history)])
    return model, history["train"]


SHAPE = ["split_feature", "left_child", "right_child", "categories", "leaf_count", "default_left", "decision_type"]


def steady(p, x, y, w, groups, trees, categories, found):
    """Whether trees stay the same when numbers move a little, and when columns come in the reverse order."""
    noise = np.random.default_rng(1)
    for _ in range(3):
        move = 1 + 1e-5 * noise.uniform(-1, 1, len(y))
        moved = (y * move, w) if p["objective"] in ("regression", "huber", "poisson", "gamma", "tweedie") else (y, (1 if w is None else w) * move)
        if p["objective"] in ("regression_l1", "quantile"):
            moved = y * move, w
        other = parsed(train(p, x, *moved, groups, trees, categories)[0])
        for a, b in zip(found, other, strict=True):
            for key in SHAPE + ["threshold"]:
                assert a[key] == b[key], (key, a[key], b[key])
    last = x.shape[1] - 1
    turned = dict(p)
    if "monotone_constraints" in p:
        turned["monotone_constraints"] = p["monotone_constraints"][::-1]
    if "interaction_constraints" in p:
        turned["interaction_constraints"] = [[last - c for c in columns] for columns in p["interaction_constraints"]]
    other = parsed(train(turned, x[:, ::-1], y, w, groups, trees, [last - c for c in categories])[0])
    for a, b in zip(found, other, strict=True):
        assert a["split_feature"] == [last - f for f in b["split_feature"]], "columns decide a tie"


def two_ways(p, x, tree, leaves):
    """Whether some sorted categories are half of those of their node, so that both ends of the order lead to the split."""
    rows = rows_of(tree, leaves)
    for node, (feature, left) in enumerate(zip(tree["split_feature"], tree["categories"])):
        if feature in p["sorted"]:
            counts = np.unique(x[rows[node], feature], return_counts=True)[1]
            most = min(p["max_cat_threshold"], (len(counts) + 1) // 2)
            if counts.min() >= p["cat_smooth"] and len(counts) - len(left) <= most:
                return True
    return False


def near(a, b, rtol, atol=0.0):
    np.testing.assert_allclose(np.asarray(a, dtype=float), np.asarray(b, dtype=float), rtol=rtol, atol=atol)


def boosted(name, x, y, *, w=None, groups=None, trees=3, categories=(), sorted_=(), lightgbm_rtol=2e-6, why="sums in another order", **options):
    categories = list(categories)
    p = DEFAULTS | FIXED | options | {"sorted": list(sorted_), "bound": False}
    if categories:
        p = dict(max_cat_to_onehot=4, cat_l2=10.0, cat_smooth=10.0, max_cat_threshold=32, min_data_per_group=100) | p
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    model, history = train(p, x, y, w, groups, trees, categories)
    found = parsed(model)
    steady(p, x, y, w, groups, trees, categories, found)
    classes = p.get("num_class", 1)
    init = start(p, y, w)
    # A rate of next to nothing leaves what the scores start from.
    still = parsed(train(p | {"learning_rate": 1e-300}, x, y, w, groups, 1, categories)[0])
    near([t["leaf_value"][0] for t in still], init, 2e-7, 1e-15)
    score = np.tile(init, (len(y), 1))
    leaves = model.predict(x, pred_leaf=True).reshape(len(y), -1)
    for place, tree in enumerate(found):
        k = place % classes
        if k == 0:
            g, h = gradients(p, score, y, w, groups)
        assert len(tree["leaf_value"]) > 1, "a tree without a split"
        assert not two_ways(p, x, tree, leaves[:, place]), "categories from both ends"
        rows = rows_of(tree, leaves[:, place])
        assert tree["leaf_count"] == [int(rows[-1 - leaf].sum()) for leaf in range(len(tree["leaf_value"]))]
        assert tree["internal_count"] == [int(rows[node].sum()) for node in range(len(tree["split_feature"]))]
        renew = None
        if p["objective"] in ("regression_l1", "quantile"):
            old = score[:, 0].copy()
            renew = lambda mask: percentile_of((y - old)[mask], None if w is None else w[mask], p.get("alpha", 0.5))
        values, gains = exactly(p, tree, rows, g[:, k], h[:, k], renew)
        bias = init[k] if place < classes else 0.0
        near(tree["leaf_value"], np.array(values) + bias, lightgbm_rtol, lightgbm_rtol * np.abs(values).max())
        near(tree["split_gain"], gains, max(1e-5, lightgbm_rtol), lightgbm_rtol * max(gains))
        tree["exact"] = {"leaf_value": values, "split_gain": gains}
        score[:, k] += np.array(values)[leaves[:, place]]
    assert p["bound"] or "monotone_constraints" not in p, "no bound matters to what is split"
    raw = model.predict(x, raw_score=True).reshape(len(y), -1)
    near(raw, score, lightgbm_rtol, lightgbm_rtol * max(1, np.abs(score).max()))
    query = queries(x, categories)
    expected = {
        "init": init, "trees": found, "exact_raw": score.tolist(), "raw": raw.tolist(), "history": history,
        "query_raw": model.predict(query, raw_score=True).reshape(len(query), -1).tolist(),
    }
    given = {"max_bin", "min_data_in_bin"} | (p.keys() - FIXED.keys() - {"sorted", "bound"})
    inputs = {
        "x": x.T.tolist(), "y": y, "categories": categories, "query": query.T.tolist(),
        "options": {k: v for k, v in p.items() if k in given} | {"rounds": trees},
    }
    inputs |= {} if w is None else {"weights": w}
    inputs |= {} if groups is None else {"groups": groups}
    tied = any(repeated(column) for column in x.T)
    return case(name, why, inputs, {"Gbdt": expected}, ties=tied, tool="lightgbm", version=lgb.__version__, lightgbm_rtol=lightgbm_rtol)


def queries(x, categories):
    """Rows beside those of the training: missing, beyond the ends, and between the values; categories that were not seen."""
    rows = []
    for column in range(x.shape[1]):
        seen = np.unique(x[:, column][~np.isnan(x[:, column])])
        new = [np.nan, 999.0] if column in categories else [np.nan, -1e300, 1e300, 0.0, (seen[0] + seen[1]) / 2, np.nextafter((seen[1] + seen[2]) / 2, np.inf)]
        for value in new:
            row = x[len(rows) % len(x)].copy()
            row[column] = value
            rows.append(row)
    return np.array(rows)


def grid(rows, columns, step=0.25, low=0.25, high=4.0):
    return np.round(rng.uniform(low, high, (rows, columns)) / step) * step


def holed(x, columns, share=0.2):
    x = x.copy()
    for c in columns:
        x[rng.random(len(x)) < share, c] = np.nan
    return x


def signal(x):
    z = np.nan_to_num(x, nan=3.0)
    return z[:, 0] * (1 + (z[:, 1] > 2)) - z[:, 2] ** 2 / 4


def eighths(y):
    return np.round(np.asarray(y) * 8) / 8


cases = []


def add(name, make, **options):
    """Of the first table that leaves nothing open."""
    for _ in range(300):
        try:
            return cases.append(boosted(name, *make(), **options))
        except AssertionError as e:
            last = e
    raise AssertionError(f"{name}: {last}")


def table(rows, value, holes=(), **grids):
    """Numbers on a grid, and a target of what they say."""
    x = holed(grid(rows, 3, **grids), holes)
    return x, value(signal(x))


def coded(sizes, value):
    """Categories of these sizes, a number, and a target of what they say."""
    codes = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    x = np.column_stack([codes, grid(len(codes), 1)])
    effect = np.round(rng.normal(0, 2, len(sizes)), 1)
    return x, value(effect[codes] * (1 + (x[:, 1] > 2)))


def number(noise):
    return lambda z: eighths(z + rng.normal(0, noise, len(z)))


def chance(shift):
    return lambda z: rng.random(len(z)) < 1 / (1 + np.exp(shift - z))


def weights(rows):
    return np.round(rng.uniform(0.5, 3, rows) * 4) / 4


def one_of_three(rows):
    x = grid(rows, 3)
    return x, np.argmax(np.column_stack([signal(x) - 1, x[:, 1], x[:, 2] - 0.5]) + rng.gumbel(size=(rows, 3)), axis=1)


def waves(rows):
    x = grid(rows, 3)
    return x, eighths(x[:, 0] - x[:, 1] + 2 * np.sin(3 * x[:, 2]) + rng.normal(0, 2.5, rows))


def ranked(rows):
    x = grid(rows, 3)
    return x, np.clip(np.round(signal(x) / 2 + rng.normal(0, 0.7, rows)), 0, 4)


def six():
    return np.arange(1.0, 7.0)[:, None], [1, 2, 3, 10, 11, 12]


squared = dict(objective="regression")
for name, penalty in [("", {}), (", lambda_l2", {"lambda_l2": 1.0}), (", lambda_l1", {"lambda_l1": 1.0})]:
    add("a stump of six rows" + name, six, **squared, num_leaves=2, trees=1, **penalty)
add("squared loss", lambda: table(120, number(0.7)), **squared, trees=5, num_leaves=8, min_data_in_leaf=5, learning_rate=0.3)
# LightGBM does not ask again about a feature that gained nothing in a leaf above; with larger penalties than these it misses the best split.
add("squared loss, l1, l2 and a least gain", lambda: table(120, number(0.7)), **squared, trees=3, num_leaves=5, min_data_in_leaf=4, lambda_l1=0.4,
    lambda_l2=3.0, min_gain_to_split=0.1, learning_rate=0.5)
add("squared loss, a most depth and step", lambda: table(120, number(0.7)), **squared, trees=3, num_leaves=8, max_depth=2, max_delta_step=0.8,
    min_data_in_leaf=3)
add("squared loss, monotone", lambda: waves(150), **squared, trees=4, num_leaves=12, min_data_in_leaf=4, learning_rate=0.3,
    monotone_constraints=[1, -1, 0], monotone_constraints_method="basic")
add("squared loss, columns that interact", lambda: table(120, number(0.5)), **squared, trees=4, num_leaves=8, min_data_in_leaf=4, learning_rate=0.3,
    interaction_constraints=[[0, 1], [1, 2]])
add("squared loss, weights, values about zero", lambda: table(150, number(0.5), step=0.5, low=-3, high=3), w=weights(150), **squared, trees=4,
    min_sum_hessian_in_leaf=6.0)
add("squared loss, missing values", lambda: table(160, number(0.4), [0, 2]), **squared, trees=5, num_leaves=8, min_data_in_leaf=6)

sizes = [30, 25, 22, 20, 18, 16, 14, 12, 10, 8, 6, 3, 2]
by_category = dict(categories=[0], max_cat_to_onehot=1, sorted_=[0], num_leaves=6)
add("one category against the rest", lambda: coded([50, 40, 30], number(0.6)), categories=[0], **squared, trees=4, min_data_in_leaf=5)
add("categories in the order of their gradients", lambda: coded(sizes, number(0.6)), **by_category, **squared, trees=4, min_data_in_leaf=4,
    min_data_per_group=1, cat_smooth=5.0, cat_l2=2.0)
add("at most three categories on one side, groups of ten rows", lambda: coded(sizes * 2, number(0.6)), **by_category, **squared, trees=3,
    min_data_in_leaf=4, min_data_per_group=10, cat_smooth=4.0, cat_l2=10.0, max_cat_threshold=3)
add("logistic loss, sorted categories", lambda: coded([60, 50, 40, 40, 30, 30, 20, 20, 10], chance(0)), **by_category, objective="binary", trees=3,
    min_data_per_group=1, cat_smooth=1.0, cat_l2=1.0)
add("logistic loss", lambda: table(200, chance(1)), objective="binary", trees=5)
add("logistic loss, missing values and weights", lambda: table(240, chance(0), [0, 1]), w=weights(240), objective="binary", trees=4, lambda_l2=1.0,
    learning_rate=0.2)
add("three classes", lambda: one_of_three(240), objective="multiclass", num_class=3, trees=3, num_leaves=5)
add("three classes, weights", lambda: one_of_three(240), w=weights(240), objective="multiclass", num_class=3, trees=2, num_leaves=4, learning_rate=0.5)

add("poisson", lambda: table(200, lambda z: rng.poisson(np.exp(0.4 * z))), objective="poisson", poisson_max_delta_step=0.7, trees=3)
add("gamma", lambda: table(200, lambda z: np.maximum(eighths(rng.gamma(2, np.exp(0.4 * z) / 2)), 0.125)), objective="gamma", trees=3)
add("tweedie", lambda: table(200, lambda z: eighths(rng.poisson(np.exp(0.4 * z)) * rng.gamma(2, 0.5, len(z)))), objective="tweedie",
    tweedie_variance_power=1.5, trees=3)


def tails(z):
    return np.round((z + rng.standard_t(2, len(z))) * 1024) / 1024


robust = dict(trees=3, min_data_in_leaf=5, learning_rate=0.5)
add("huber", lambda: table(200, tails), objective="huber", alpha=0.9, **robust)
add("quantile", lambda: table(200, tails), objective="quantile", alpha=0.75, **robust)
add("absolute loss", lambda: table(200, tails), objective="regression_l1", **robust)
add("absolute loss, weights", lambda: table(200, tails), w=weights(200) + 0.5, objective="regression_l1", **robust)

groups = [12, 7, 15, 1, 9, 20, 11, 5, 14, 6, 16, 4]
add("lambdarank", lambda: ranked(sum(groups)), groups=groups, objective="lambdarank", lambdarank_truncation_level=6, lambdarank_norm=True, sigmoid=1.0,
    metric="ndcg", eval_at=[1, 3, 5], trees=3, num_leaves=5, lightgbm_rtol=2e-5,
    why="sums in another order; LightGBM looks sigmoids up in a table")
write("gbdt.json", cases)

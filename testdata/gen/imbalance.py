"""Golden numbers for mlsys-imbalance, from imbalanced-learn. Run from the repository: python testdata/gen/imbalance.py

No input has equally near rows: which of them the reference takes depends on the search, and it takes a row's duplicate for the row.
"""

from collections import Counter

import imblearn
import numpy as np
from imblearn.metrics.pairwise import ValueDifferenceMetric
from imblearn.over_sampling import SMOTE, SMOTENC, SVMSMOTE, BorderlineSMOTE, RandomOverSampler
from imblearn.under_sampling import (
    AllKNN, ClusterCentroids, CondensedNearestNeighbour, EditedNearestNeighbours, InstanceHardnessThreshold, NearMiss,
    NeighbourhoodCleaningRule, OneSidedSelection, RandomUnderSampler, RepeatedEditedNearestNeighbours, TomekLinks,
)
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from scipy.spatial.distance import pdist, squareform
from sklearn.cluster import KMeans
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import NearestNeighbors
from sklearn.svm import SVC

from golden import case, write

# The rows of imbalanced-learn's test_tomek_links.py and test_nearmiss.py.
TWENTY = np.array([
    .31230513, .1216318, .68481731, .51935141, 1.34192108, -.13367336, .62366841, -.21312976, 1.61091956, -.40283504,
    -.37162401, -2.19400981, .74680821, 1.63827342, .2184254, .24299982, .61472253, -.82309052, .19893132, -.47761769,
    1.06514042, -.0770537, .97407872, .44454207, 1.40301027, -.83648734, -1.20515198, -1.02689695, -.27410027, -.54194484,
    .8381014, .44085498, -.23374509, .18370049, -.32635887, -.29299653, -.00288378, .84259929, 1.79580611, -.02219234,
]).reshape(20, 2)
TWENTY_CLASSES = np.array([1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0])
FIFTEEN = np.array([
    1.17737838, -.2002118, .4960075, .86130762, -.05903827, .10947647, .91464286, 1.61369212, -.54619583, 1.73009918,
    -.60413357, .24628718, .45713638, 1.31069295, -.04032409, 3.01186964, .03142011, .12323596, .50701028, -.17636928,
    -.80809175, -1.09917302, -.20497017, -.26630228, .99272351, -.11631728, -1.95581933, .69609604, 1.15157493, -1.2981518,
]).reshape(15, 2)
FIFTEEN_CLASSES = np.array([1, 2, 1, 0, 2, 1, 2, 2, 1, 2, 0, 0, 2, 1, 2])


def clouds(seed, sizes, columns, scale=1.0, offset=0.0):
    """A cloud for each class, that overlap; shuffled."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(sizes)), sizes)
    x = rng.normal(size=(len(y), columns)) + 1.2 * y[:, None] * (np.arange(columns) % 2 == 0)
    order = rng.permutation(len(y))
    return (offset + scale * x[order]).round(6), y[order]


def removed(sampler, x, y):
    sampler.fit_resample(x, y)
    return sorted(set(range(len(y))) - set(sampler.sample_indices_.tolist()))


def kept(sampler, x, y):
    sampler.fit_resample(x, y)
    return sampler.sample_indices_.tolist()


def sizes(sampler, x, y):
    counts = Counter(sampler.fit_resample(x, y)[1].tolist())
    return [counts[c] for c in sorted(counts)]


def smote(x, y, k, seed):
    """What it draws (as `SMOTE._make_samples` does, from the same seed for each class), and the rows that come of it."""
    rows, classes = SMOTE(k_neighbors=k, random_state=seed).fit_resample(x, y)
    top, base, neighbor, gap = Counter(y.tolist()).most_common(1)[0][1], [], [], []
    for c in np.unique(y):
        own = np.flatnonzero(y == c)
        if (new := top - len(own)) == 0:
            continue
        near = NearestNeighbors(n_neighbors=k + 1).fit(x[own]).kneighbors(x[own], return_distance=False)[:, 1:]
        rng = np.random.RandomState(seed)
        drawn, gaps = rng.randint(0, near.size, size=new), rng.uniform(size=new)
        base.extend(own[drawn // k])
        neighbor.extend(own[near[drawn // k, drawn % k]])
        gap.extend(gaps)
    return {"k": k, "base": base, "neighbor": neighbor, "gap": gap, "rows": rows[len(y):].T, "classes": classes[len(y):]}


def cleaned(x, y, threshold):
    """By the paper: `NeighbourhoodCleaningRule` lets a row of the smallest class vote for itself, when it asks whether it is misclassified."""
    counts = Counter(y.tolist())
    small = min(counts, key=counts.get)
    wrong = set(removed(EditedNearestNeighbours(kind_sel="mode", sampling_strategy="all"), x, y))
    near = NearestNeighbors(n_neighbors=4).fit(x).kneighbors(x, return_distance=False)[:, 1:]
    disputing = {int(n) for row in wrong if y[row] == small for n in near[row] if counts[y[n]] > threshold * counts[small]}
    return sorted(row for row in wrong | disputing if y[row] != small)


def smaller(y):
    counts = Counter(y.tolist())
    return min(counts, key=counts.get)


def condensed(make, x, y):
    """The row that it draws, and what it removes."""
    large = np.flatnonzero(y != smaller(y))
    first = large[np.random.RandomState(0).randint(0, len(large), size=1)][0]
    return {"first": first, "removed": removed(make(random_state=0), x, y)}


def danger(x, y, m):
    """The rows of the smallest class that new ones start from."""
    own = np.flatnonzero(y == smaller(y))
    sampler = BorderlineSMOTE(m_neighbors=m, k_neighbors=2)
    sampler._validate_estimator()
    near = sampler.nn_m_.fit(x)
    return own[sampler._in_danger_noise(near, x[own], smaller(y), y, kind="danger")]


def adaptive(x, y, k):
    """The share of the new rows that each row of the smallest class gets, as in `ADASYN._fit_resample`; rounded there."""
    own = np.flatnonzero(y == smaller(y))
    near = NearestNeighbors(n_neighbors=k + 1).fit(x).kneighbors(x[own], return_distance=False)[:, 1:]
    others = (y[near] != smaller(y)).sum(axis=1) / k
    return {"k": k, "rows": own, "shares": others / others.sum()}


def hardness(x, y):
    """The probabilities by which `InstanceHardnessThreshold` chooses, and what it keeps."""
    sampler = InstanceHardnessThreshold(estimator=GaussianNB(), cv=3, random_state=0)
    folds = StratifiedKFold(n_splits=3, shuffle=True, random_state=np.random.RandomState(0))
    p = cross_val_predict(GaussianNB(), x, y, cv=folds, method="predict_proba")
    found = kept(sampler, x, y)
    return {"p": p.T, "kept": found}


def machine(x, y, k, m, seed):
    """What `SVMSMOTE` makes of its support vectors: which of them are in danger and which safe, what it draws, and the rows of that."""
    small = smaller(y)
    sampler = SVMSMOTE(k_neighbors=k, m_neighbors=m, svm_estimator=SVC(kernel="linear"), random_state=seed)
    rows, classes = sampler.fit_resample(x, y)
    assert (classes[len(y):] == small).all()
    own, support = np.flatnonzero(y == small), sampler.svm_estimator_.support_
    vectors = support[y[support] == small]
    kind = lambda rows, kind: sampler._in_danger_noise(sampler.nn_m_, x[rows], small, y, kind=kind)
    stay = vectors[~kind(vectors, "noise")]
    danger = kind(stay, "danger")
    near = NearestNeighbors(n_neighbors=k + 1).fit(x[own]).kneighbors(x[stay], return_distance=False)[:, 1:]
    new = Counter(y.tolist()).most_common(1)[0][1] - len(own)
    first = int(np.random.RandomState(seed).beta(10, 10) * (new + 1))
    base, neighbor, gap = [], [], []
    for some, count, step in [(danger, first, 1.0), (~danger, new - first, -sampler.out_step)]:
        if some.any():
            # Anew from the seed, for either.
            rng = np.random.RandomState(seed)
            drawn, gaps = rng.randint(0, k * some.sum(), size=count), rng.uniform(size=count)
            base.extend(stay[some][drawn // k])
            neighbor.extend(own[near[some][drawn // k, drawn % k]])
            gap.extend(step * gaps)
    return {"k": k, "m": m, "support": np.sort(support), "danger": stay[danger], "safe": stay[~danger], "bases": stay, "near": own[near],
            "base": base, "neighbor": neighbor, "gap": gap, "rows": rows[len(y):].T}


def overlap(x, y):
    """N1 and N3, and the rows of each type, noise and parts by class, of five Euclidean neighbours."""
    distances = squareform(pdist(x))
    tree = minimum_spanning_tree(distances).tocoo()
    cut = y[tree.row] != y[tree.col]
    border = np.zeros(len(y), dtype=bool)
    border[np.concatenate([tree.row[cut], tree.col[cut]])] = True
    own = coo_matrix((tree.data[~cut], (tree.row[~cut], tree.col[~cut])), shape=tree.shape)
    part = connected_components(own, directed=False)[1]
    near = NearestNeighbors(n_neighbors=6).fit(x).kneighbors(x, return_distance=False)[:, 1:]
    same = (y[near] == y[:, None]).sum(axis=1)
    return {
        "n1": border.mean(), "n3": (y[near[:, 0]] != y).mean(),
        "classes": [{
            "border": border[y == c].sum(), "errors": (y[near[:, 0]] != y)[y == c].sum(), "noise": (same[y == c] == 0).sum(),
            "types": [np.isin(same[y == c], counts).sum() for counts in [[4, 5], [2, 3], [1], [0]]],
            "parts": sorted(Counter(part[y == c].tolist()).values()),
        } for c in np.unique(y)],
    }


def most(codes):
    """The most frequent code, if there is one."""
    counts = Counter(codes.tolist()).most_common(2)
    return None if len(counts) == 2 and counts[0][1] == counts[1][1] else counts[0][0]


def mixed(x, y, k):
    """The neighbours of the smallest class's rows by `SMOTENC`, whose last two columns are categories, and their most frequent ones."""
    last = [x.shape[1] - 2, x.shape[1] - 1]
    sampler = SMOTENC(last, k_neighbors=k)
    sampler.fit_resample(x.astype(object), y)
    own = np.flatnonzero(y == smaller(y))
    hot = [(x[own, c][:, None] == np.unique(x[:, c])) * sampler.median_std_[smaller(y)] / np.sqrt(2) for c in last]
    space = np.hstack([x[own][:, :last[0]], *hot])
    near = NearestNeighbors(n_neighbors=k + 1).fit(space).kneighbors(space, return_distance=False)[:, 1:]
    return {"k": k, "rows": own, "near": own[near], "most": [[most(x[own[row], c]) for c in last] for row in near]}


def categorical(x, y, k):
    """What `SMOTEN` makes of each row of the smallest class: the most frequent categories of it and its neighbours."""
    codes = x.astype(int)
    own = np.flatnonzero(y == smaller(y))
    metric = ValueDifferenceMetric(n_categories=[c.max() + 1 for c in codes.T]).fit(codes, y)
    between = metric.pairwise(codes[own])
    near = NearestNeighbors(n_neighbors=k + 1, metric="precomputed").fit(between).kneighbors(between, return_distance=False)
    return {"k": k, "rows": own, "most": [[most(codes[own[row], c]) for c in range(codes.shape[1])] for row in near]}


def islands(seed):
    """Five far islands of the large class, and as many rows of the small one."""
    rng = np.random.default_rng(seed)
    large = np.concatenate([rng.normal(size=(n, 2)) + 40 * np.array([i % 3, i // 3]) for i, n in enumerate([9, 14, 20, 7, 11])])
    x = np.concatenate([large, rng.normal(size=(5, 2)) + 200]).round(6)
    return x, np.repeat([0, 1], [len(large), 5])


def centroids(x, y):
    rows, classes = ClusterCentroids(voting="soft", estimator=KMeans(n_init=20, random_state=0)).fit_resample(x, y)
    found = rows[classes == 0]
    return found[np.lexsort(found.T[::-1])].T


def with_categories(seed, levels, columns):
    """Categories beside or instead of numbers, no two rows alike."""
    rng = np.random.default_rng(seed)
    x, y = clouds(seed, [60, 25], columns)
    codes = np.unique(np.minimum(rng.integers(0, levels, (400, 5)), levels - 1), axis=0)
    codes = codes[rng.permutation(len(codes))[: len(y)]]
    codes[y == 1] = np.maximum(codes[y == 1] - (rng.random((25, 5)) < 0.3), 0)
    return (np.hstack([x, codes[:, :2]]) if columns else codes.astype("float64")), y


def expected(x, y):
    over = ["auto", "minority", "not minority", "not majority", "all"]
    under = ["auto", "majority", "not minority", "not majority", "all"]
    if len(np.unique(y)) == 2:
        over, under = over + [0.9], under + [0.9]
    editors = {"all": "all", "mode": "mode"} if len(np.unique(y)) == 2 else {"all": "all"}
    return {
        "RandomOverSampler": [[s, sizes(RandomOverSampler(sampling_strategy=s), x, y)] for s in over],
        "RandomUnderSampler": [[s, sizes(RandomUnderSampler(sampling_strategy=s), x, y)] for s in under],
        "Smote": smote(x, y, 2, 0),
        "InstanceHardnessThreshold": hardness(x, y),
        "Imbalance": overlap(x, y),
        "TomekLinks": {s: removed(TomekLinks(sampling_strategy=s), x, y) for s in ["auto", "all"]},
        "NearMiss": {str(v): kept(NearMiss(version=v), x, y) for v in [1, 2, 3]},
        # Of equally many votes the reference takes the lowest label, and not the row's own: three neighbours of two classes.
        "EditedNearestNeighbours": {v: removed(EditedNearestNeighbours(kind_sel=v), x, y) for v in editors},
        "RepeatedEditedNearestNeighbours": {v: removed(RepeatedEditedNearestNeighbours(kind_sel=v), x, y) for v in editors},
        # By all neighbours in the whole table; `AllKNN` takes those in what is left.
        "AllKnn": sorted(set().union(*(removed(EditedNearestNeighbours(n_neighbors=k, kind_sel="all"), x, y) for k in [1, 2, 3]))),
    } | ({"NeighbourhoodCleaningRule": {
        str(t): cleaned(x, y, t) for t in [0.5, 2.0]
    },
        # One pass; of two classes, of which one is condensed, as many as Hart's would take but for rows that it passes over by mistake.
        "CondensedNearestNeighbour": condensed(CondensedNearestNeighbour, x, y),
        "OneSidedSelection": condensed(OneSidedSelection, x, y),
        "BorderlineSmote": {str(m): danger(x, y, m) for m in [5, 10]},
        "Adasyn": adaptive(x, y, 5),
        "SvmSmote": machine(x, y, 3, 6, 1),
    } if len(np.unique(y)) == 2 else {})


assert removed(AllKNN(), TWENTY, TWENTY_CLASSES) == expected(TWENTY, TWENTY_CLASSES)["AllKnn"]
for t in [0.5, 2.0]:
    assert removed(NeighbourhoodCleaningRule(threshold_cleaning=t), TWENTY, TWENTY_CLASSES) == cleaned(TWENTY, TWENTY_CLASSES, t)
inputs = {
    "imbalanced-learn's twenty": (TWENTY, TWENTY_CLASSES),
    "imbalanced-learn's fifteen": (FIFTEEN, FIFTEEN_CLASSES),
    "two clouds": clouds(1, [60, 15], 3),
    "three clouds": clouds(2, [50, 20, 12], 2),
    "large values at an offset": clouds(3, [12, 70], 4, scale=250.0, offset=1e4),
}
write("imbalance.json", [
    case(name, "which rows is exact; the values of new rows to the last digits of a product", {"x": x.T, "y": y}, expected(x, y),
         tool="imbalanced-learn", version=imblearn.__version__, ties=False)
    for name, (x, y) in inputs.items()
] + [
    case(f"numbers and categories, {k} neighbours", "which rows is exact", {"x": x.T, "y": y}, {"SmoteNc": mixed(x, y, k)},
         tool="imbalanced-learn", version=imblearn.__version__, ties=False)
    for k, (x, y) in [(3, with_categories(4, 4, 3)), (5, with_categories(5, 3, 2)), (7, with_categories(6, 6, 4))]
] + [
    case(f"categories, {k} neighbours", "which rows is exact", {"x": x.T, "y": y}, {"SmoteN": categorical(x, y, k)},
         tool="imbalanced-learn", version=imblearn.__version__, ties=False)
    for k, (x, y) in [(4, with_categories(7, 5, 0)), (5, with_categories(8, 6, 0)), (6, with_categories(9, 7, 0))]
] + [
    case(f"islands {seed}", "means of the same rows, summed in another order", {"x": x.T, "y": y}, {"ClusterCentroids": centroids(x, y)},
         tool="imbalanced-learn", version=imblearn.__version__, ties=False)
    for seed, (x, y) in [(seed, islands(seed)) for seed in [1, 2, 3]]
])

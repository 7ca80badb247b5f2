"""Golden numbers for mlsys-imbalance, from imbalanced-learn. Run from the repository: python testdata/gen/imbalance.py

No input has equally near rows: which of them the reference takes depends on the search, and it takes a row's duplicate for the row.
"""

from collections import Counter

import imblearn
import numpy as np
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import (
    AllKNN, EditedNearestNeighbours, NearMiss, NeighbourhoodCleaningRule, RandomUnderSampler,
    RepeatedEditedNearestNeighbours, TomekLinks,
)
from sklearn.neighbors import NearestNeighbors

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
        "TomekLinks": {s: removed(TomekLinks(sampling_strategy=s), x, y) for s in ["auto", "all"]},
        "NearMiss": {str(v): kept(NearMiss(version=v), x, y) for v in [1, 2, 3]},
        # Of equally many votes the reference takes the lowest label, and not the row's own: three neighbours of two classes.
        "EditedNearestNeighbours": {v: removed(EditedNearestNeighbours(kind_sel=v), x, y) for v in editors},
        "RepeatedEditedNearestNeighbours": {v: removed(RepeatedEditedNearestNeighbours(kind_sel=v), x, y) for v in editors},
        # By all neighbours in the whole table; `AllKNN` takes those in what is left.
        "AllKnn": sorted(set().union(*(removed(EditedNearestNeighbours(n_neighbors=k, kind_sel="all"), x, y) for k in [1, 2, 3]))),
    } | ({"NeighbourhoodCleaningRule": {
        str(t): cleaned(x, y, t) for t in [0.5, 2.0]
    }} if len(np.unique(y)) == 2 else {})


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
])

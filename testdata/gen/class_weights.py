"""Golden numbers for the class weights of mlsys-imbalance. Run from the repository: python testdata/gen/class_weights.py

Balanced ones are scikit-learn's; it has no others, which are exact fractions here.
"""

from fractions import Fraction

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from golden import case, write


def normalised(parts):
    return [float(len(parts) * part / sum(parts)) for part in parts]


def effective(beta, totals):
    """Cui et al. 2019, equation 2; whole numbers of rows."""
    b = Fraction(beta)
    return normalised([(1 - b) / (1 - b**n) for n in totals])


def expected(y, w):
    classes = np.unique(y)
    weights = np.ones(len(y)) if w is None else w
    totals = [int(weights[y == c].sum()) for c in classes]
    return {"ClassWeighter": {
        "balanced": compute_class_weight("balanced", classes=classes, y=y, sample_weight=w),
        "inverse": normalised([Fraction(1, n) for n in totals]),
        "effective": [[float(Fraction(beta)), effective(beta, totals)] for beta in ["0", "0.5", "0.9", "0.99", "0.999", "0.9999"]],
    }}


rng = np.random.default_rng(5)
inputs = {
    "10, 100 and 1000 rows": (np.repeat([0, 1, 2], [10, 100, 1000]), None),
    "two classes": (np.repeat([0, 1], [3, 17]), None),
    "weighted": (np.repeat([0, 1, 2], [6, 12, 30]), rng.integers(0, 5, size=48)),
    "weighted, of two classes": (np.repeat([1, 0], [25, 5]), rng.integers(1, 4, size=30)),
}
write("class_weights.json", [
    case(name, "powers near 1 lose digits unless they are taken of logarithms", {"y": y, "weights": w}, expected(y, w), ties=False)
    for name, (y, w) in inputs.items()
])

"""Golden numbers of chained equations with least squares for every column: scikit-learn's IterativeImputer(LinearRegression()).

Run with the versions in requirements.txt: python testdata/gen/model_imputer.py
"""

import warnings

import numpy as np
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer
from sklearn.linear_model import LinearRegression

from golden import case, repeated, write

warnings.simplefilter("ignore", ConvergenceWarning)
rng = np.random.default_rng(65)
TOOL = dict(tool="scikit-learn", version=sklearn.__version__)


def table(rows, gaps, digits):
    z = rng.normal(size=(rows, 2))
    x = [z @ [1, 2] + rng.normal(0, 0.3, rows), z @ [2, -1] + 5, z[:, 0] * 3 + rng.normal(0, 1, rows), z[:, 1]]
    x = np.round(np.column_stack(x), digits)
    for column, share in enumerate(gaps):
        x[rng.random(rows) < share, column] = np.nan
    return x


cases = []
for name, x, rounds in [
    ("three columns with gaps", table(60, [0.1, 0.2, 0.3, 0], 3), 4),
    ("ties", table(80, [0.25, 0.1, 0.15, 0.2], 0), 5),
    ("one round", table(40, [0, 0.5, 0, 0], 2), 1),
]:
    # Columns in the order of their names, which mlsys takes among equally complete ones.
    filled = IterativeImputer(LinearRegression(), max_iter=rounds, tol=0).fit_transform(x)
    columns = {f"x{i}": x[:, i] for i in range(x.shape[1])}
    expected = {f"x{i}": filled[:, i] for i in range(x.shape[1])}
    cases.append(case(name, "least squares solved another way", {**columns, "max_iter": rounds}, {"ModelImputer": expected},
                      ties=repeated(x[:, 0]), **TOOL))
write("model_imputer.json", cases)

"""Golden numbers of imputers at the end of a distribution, and within groups: numpy and pandas, as feature-engine defines the ends.

Run with the versions in requirements.txt: python testdata/gen/simple_imputers.py
"""

import numpy as np
import pandas as pd

from golden import case, repeated, rows_repeated, write

rng = np.random.default_rng(61)
nan = np.nan
TOOL = dict(tool="numpy, pandas", version=f"{np.__version__}, {pd.__version__}")
cases = []

columns = {
    "by hand": np.array([1.0, nan, 4.0, 2.0]),
    "ties": np.array([1.0, 2, 2, nan, 5, 5, -3, nan, 0]),
    "skewed": np.where(rng.random(80) < 0.15, nan, np.exp(rng.normal(size=80))),
    "offset": np.where(rng.random(60) < 0.1, nan, rng.normal(size=60) + 1e6),
}
for name, x in columns.items():
    for label, w in [("", None), ("weighted", rng.integers(1, 4, len(x)).astype(float))]:
        rows = rows_repeated(x, w)
        rows = rows[~np.isnan(rows)]
        mean, s = rows.mean(), rows.std(ddof=1)
        low, high = np.quantile(rows, [0.25, 0.75])
        ends = {
            "gaussian": mean + 3 * s, "gaussian low": mean - 3 * s, "gaussian 1.5": mean + 1.5 * s,
            "iqr": high + 3 * (high - low), "iqr low 1.5": low - 1.5 * (high - low), "maximum": 3 * rows.max(),
        }
        cases.append(case(f"ends {name} {label}".strip(), "sums in another order", {"x": x, "weights": w}, {"EndOfTailImputer": ends},
                          ties=repeated(x), **TOOL))

LETTERS = list("abcd")
for name, n, gaps in [("groups", 30, 0.0), ("groups with nulls", 60, 0.15)]:
    by = [None if rng.random() < gaps else LETTERS[int(i)] for i in rng.integers(0, 4, n)]
    x = np.where(rng.random(n) < 0.3, nan, np.round(rng.normal(size=n) * 3, 1))
    # A group without a value is filled as the whole table.
    x = np.where([v == "d" for v in by], nan, x)
    word = [None if rng.random() < 0.3 else "uvw"[int(i)] for i in rng.integers(0, 3, n)]
    key = pd.Series(["" if v is None else v for v in by])
    filled = {}
    for how in ["mean", "median"]:
        groups = pd.Series(x).groupby(key).transform(how)
        filled[how] = pd.Series(x).fillna(groups).fillna(getattr(pd.Series(x), how)()).to_numpy()
    mode = lambda s: s.dropna().mode().min() if s.notna().any() else None
    text = pd.Series(word, dtype=object)
    own, whole = text.groupby(key).agg(mode), mode(text)
    pick = lambda group: whole if own[group] is None else own[group]
    filled["most frequent"] = [v if v is not None else pick(k) for v, k in zip(word, key)]
    cases.append(case(name, "sums in another order", {"by": by, "x": x, "word": word}, {"GroupedImputer": filled}, ties=True, **TOOL))
by = list("aabbc")
cases.append(case("groups by hand", "the same", {"by": by, "x": [1.0, None, 5.0, None, None], "word": ["u", None, None, "v", None]},
                  {"GroupedImputer": {"mean": [1.0, 1.0, 5.0, 5.0, 3.0], "most frequent": ["u", "u", "v", "v", "u"]}}, ties=True, **TOOL))
write("simple_imputers.json", cases)

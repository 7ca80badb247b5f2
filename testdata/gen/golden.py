"""What the scripts beside this one share: the form of a golden case, and how a file of them is written.

A case is one input and, by item, what the reference says of it. Every key of `expected` is the name of a type or function
of mlsys, and the Rust tests fail on a key that they do not check, so that counting keys counts what is checked.
"""

import json
from pathlib import Path

import numpy as np
import sklearn

GOLDEN = Path(__file__).parent.parent / "golden"


def plain(x):
    """Nested lists, NaN as null."""
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple, np.ndarray)):
        return [plain(v) for v in x]
    if isinstance(x, (float, np.floating)):
        return None if np.isnan(x) else float(x)
    if isinstance(x, np.generic):
        return x.item()
    return x


def case(name, why, inputs, expected, *, ties, tool="scikit-learn", version=sklearn.__version__, rtol=1e-10, **tolerances):
    """`ties`: whether the input has what counts as a tie for these items. `why`: what the input is for, or why it may be off."""
    return plain({
        "name": name, "tool": tool, "version": version, "rtol": rtol, **tolerances, "why": why, "ties": bool(ties),
        "input": inputs, "expected": expected,
    })


def write(name, cases):
    """A case per line, so that a diff shows which ones changed."""
    lines = [json.dumps(c, separators=(",", ":"), allow_nan=False) for c in cases]
    (GOLDEN / name).write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(name, len(cases))


def is_missing(v):
    return v is None or v != v


def repeated(values):
    """Whether some value occurs twice."""
    present = [v for v in np.asarray(values, dtype=object).ravel() if not is_missing(v)]
    return len(set(present)) < len(present)


def equally_frequent(values):
    """Whether two values occur equally often, so that an order by frequency is not unique."""
    present = [v for v in values if not is_missing(v)]
    counts = [present.count(v) for v in set(present)]
    return len(set(counts)) < len(counts)


def rows_repeated(x, w):
    """The rows that weights stand for, for references that take none."""
    return x if w is None else np.repeat(np.asarray(x, dtype=object if isinstance(x, list) else None), np.asarray(w, dtype=int))

"""Golden numbers for the relevance of a continuous target, from smogn. Run from the repository: python testdata/gen/relevance.py

No curve that turns has a slope there, which smogn would leave for one side, so that relevances are below 0. Lengths are none of 4 n + 2, where smogn's hinges are not Tukey's, and no value is below control points that are given, where its relevance
is 1 whatever the lowest point has. It asks numpy for quantiles by an argument of another name.
"""

import numpy as np
import pandas as pd

quantile = np.quantile
np.quantile = lambda a, q, interpolation: quantile(a, q, method=interpolation)

from smogn.phi import phi  # noqa: E402
from smogn.phi_ctrl_pts import phi_ctrl_pts  # noqa: E402

from golden import case, repeated, write  # noqa: E402


def slopes(points):
    """As in UBL's `phi.range`, for points without any."""
    x, a = np.array(points).T
    side = np.diff(a) / np.diff(x)
    return [[*p, s] for p, s in zip(points, [0.0, *((side[1:] + side[:-1]) / 2), 0.0])]


def expected(y, given):
    series, found = pd.Series(y), []
    for extremes in ["both", "low", "high"]:
        for whiskers in [1.0, 1.5, 3.0]:
            points = phi_ctrl_pts(series, "auto", extremes, whiskers)
            found.append({"extremes": extremes, "whiskers": whiskers, "phi": phi(series, points)})
    for points in given:
        full = slopes(points) if len(points[0]) == 2 else points
        found.append({"points": points, "phi": phi(series, phi_ctrl_pts(series, "manual", ctrl_pts=full))})
    return {"Relevance": found}


rng = np.random.default_rng(0)
inputs = {
    "skewed": (rng.lognormal(2.0, 1.0, 101).round(3), [[[0.0, 0.0], [30.0, 0.4], [60.0, 1.0]], [[0.0, 1.0, 0.0], [7.0, 0.0, 0.0], [40.0, 1.0, 0.0]]]),
    "both tails": (rng.standard_t(2, 203).round(4) * 10, [[[-900.0, 1.0, 0.0], [0.0, 0.0, 0.0], [25.0, 1.0, 0.0]]]),
    # Steep ones, wrong ones and flat stretches.
    "slopes": (rng.normal(5.0, 2.0, 60).round(3), [
        [[-9.0, 0.0, 0.9], [4.0, 0.1, 0.5], [6.0, 0.9, 3.0], [9.0, 1.0, 2.0]], [[-9.0, 1.0, 0.3], [5.0, 0.2, 0.3], [8.0, 0.2, 1.0], [9.0, 1.0, 0.1]],
        [[-9.0, 0.2], [3.0, 0.3], [5.0, 0.3], [6.0, 0.8], [12.0, 1.0]],
    ]),
    "whole numbers": (np.concatenate([rng.poisson(9, 80), [40, 41, 41, 45]]).astype(float), [[[0.0, 0.0], [20.0, 1.0]]]),
    "no extremes": (np.arange(33.0), [[[0.0, 1.0], [16.0, 0.0], [32.0, 1.0]]]),
}
write("relevance.json", [
    case(name, "the same polynomial, summed in the same order", {"y": y}, expected(y, given), tool="smogn", version="0.1.2",
         ties=repeated(y))
    for name, (y, given) in inputs.items()
])

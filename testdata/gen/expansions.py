"""Golden numbers of products, splines, calendars and cycles: scikit-learn, pandas and numpy.

Run with the versions in requirements.txt: python testdata/gen/expansions.py
"""

import numpy as np
import pandas as pd
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, SplineTransformer

from golden import case, repeated, rows_repeated, write

rng = np.random.default_rng(53)
nan = np.nan
cases = []

tables = {
    "by hand": [[2.0, 5.0]],
    "three columns": np.round(rng.normal(size=(12, 3)) * 4, 2),
    "ties": rng.integers(-2, 3, size=(9, 2)).astype(float),
    "nulls": np.where(rng.random((15, 3)) < 0.2, nan, rng.normal(size=(15, 3))),
}
for name, x in tables.items():
    x = np.asarray(x)
    # scikit-learn's products refuse missing values: a product with one is missing.
    filled = np.nan_to_num(x, nan=1.0)
    columns = {}
    for label, options in {"degree 2": dict(degree=2), "degree 3": dict(degree=3), "interactions": dict(degree=3, interaction_only=True)}.items():
        recipe = PolynomialFeatures(include_bias=False, **options)
        out = recipe.fit_transform(filled)
        gone = np.array([[np.isnan(row[powers > 0]).any() for powers in recipe.powers_] for row in x])
        columns[label] = np.where(gone, nan, out)[:, x.shape[1]:].T
    cases.append(case(name, "factors in another order", {"columns": x.T}, {"PolynomialFeatures": columns}, ties=repeated(x)))

numbers = {
    "zero to five": np.arange(6.0),
    "normal": np.round(rng.normal(size=40) * 3, 3),
    "skewed": np.exp(rng.normal(size=60)),
    "with nulls": np.where(rng.random(30) < 0.2, nan, rng.normal(size=30)),
    "ties": np.array([1.0, 2, 2, 3, 3, 3, 4, 9, 5, 6, 7, 8]),
}
for name, x in numbers.items():
    for label, w in [("", None), ("weighted", rng.integers(1, 4, len(x)).astype(float))]:
        there = ~np.isnan(x)
        rows = rows_repeated(x[there], None if w is None else w[there])[:, None]
        # Values beyond both ends, and the ends themselves.
        beyond = np.concatenate([x, [np.nanmin(x) - 1.5, np.nanmax(x) + 0.7, np.nanmin(x), np.nanmax(x)]])
        known = ~np.isnan(beyond)

        def splines(**options):
            recipe = SplineTransformer(**options).fit(rows)
            out = np.full((len(beyond), recipe.n_features_out_), nan)
            out[known] = recipe.transform(beyond[known][:, None])
            return out

        parts = {
            "default": splines(), "3 knots, degree 2": splines(n_knots=3, degree=2),
            "lines": splines(n_knots=4, degree=1), "periodic": splines(n_knots=6, degree=3, extrapolation="periodic"),
        }
        if name != "ties":
            parts["at quantiles"] = splines(n_knots=4, knots="quantile")
            parts["at quantiles, periodic"] = splines(n_knots=5, degree=2, knots="quantile", extrapolation="periodic")
        tool = {} if w is None else dict(tool="scikit-learn, to rows repeated")
        cases.append(case(f"splines {name} {label}".strip(), "de Boor's recurrence in another order; a spline ends in zero, hence atol",
                          {"x": x, "beyond": beyond, "weights": w}, {"SplineTransformer": parts}, ties=repeated(x), atol=1e-14, **tool))

seconds = np.concatenate([rng.integers(-2_000_000_000, 4_000_000_000, 40), [0, 951_782_399, 951_782_400, 1_372_651_080, 1_709_251_199]])
# Around both changes of the clock in New York in 2013, and the ends of years.
seconds = np.concatenate([seconds, 1_362_898_800 + np.arange(-2, 3) * 1800, 1_383_458_400 + np.arange(-2, 3) * 1800, [1_356_998_399, 1_356_998_400]])
for zone in [None, "UTC", "America/New_York", "Asia/Kolkata"]:
    at = pd.Series(pd.to_datetime(seconds, unit="s", utc=True))
    at = at.dt.tz_localize(None) if zone is None else at.dt.tz_convert(zone)
    at = at.where(rng.random(len(at)) > 0.1)
    parts = {
        "year": at.dt.year, "quarter": at.dt.quarter, "month": at.dt.month, "week": at.dt.isocalendar().week, "day": at.dt.day,
        "day_of_week": at.dt.day_of_week, "day_of_year": at.dt.day_of_year, "hour": at.dt.hour, "minute": at.dt.minute,
        "second": at.dt.second, "is_weekend": (at.dt.day_of_week >= 5).where(at.notna()),
    }
    whole = lambda values: [None if pd.isna(v) else int(v) for v in values]
    day = (at.dt.hour * 3600 + at.dt.minute * 60 + at.dt.second) / 86400
    turns = {
        "day": day, "week": (at.dt.day_of_week + day) / 7, "month": (at.dt.day - 1 + day) / at.dt.days_in_month,
        "year": (at.dt.day_of_year - 1 + day) / (365 + at.dt.is_leap_year.astype(int)).where(at.notna()),
    }
    circle = {k: [np.sin(2 * np.pi * v), np.cos(2 * np.pi * v)] for k, v in ((k, v.to_numpy(float)) for k, v in turns.items())}
    known = [None if pd.isna(v) else int(s) for v, s in zip(at, seconds)]
    cases.append(case(f"times {zone}", "sines at whole turns are zero, hence atol", {"seconds": known, "zone": zone},
                      {"CalendarEncoder": {k: whole(v) for k, v in parts.items()}, "CyclicalEncoder": circle},
                      ties=True, tool="pandas, numpy", version=f"{pd.__version__}, {np.__version__}", atol=1e-14))

for zone in [None, "America/New_York"]:
    at = pd.Series(pd.to_datetime(seconds, unit="s", utc=True)).where(rng.random(len(seconds)) > 0.1)
    start = pd.Series(pd.to_datetime(rng.permutation(seconds), unit="s", utc=True)).where(rng.random(len(seconds)) > 0.1)
    known = lambda values: [None if pd.isna(v) else int(v.timestamp()) for v in values]
    units = {"days": 86400, "hours": 3600, "seconds": 1}
    since = {k: ((at - start).dt.total_seconds() / n).to_numpy() for k, n in units.items()}
    instant = ((at - pd.Timestamp("2013-01-01", tz="UTC")).dt.total_seconds() / 86400).to_numpy()
    cases.append(case(f"since {zone}", "a quotient of other integers", {"seconds": known(at), "from": known(start), "zone": zone},
                      {"TimeSince": since | {"an instant": instant}}, ties=True, tool="pandas", version=pd.__version__))
at = pd.Series(pd.to_datetime(rng.integers(-20_000, 60_000, 30) * 86400, unit="s", utc=True))
cases.append(case("since, days", "a quotient of other integers", {"seconds": known(at), "from": known(at[::-1]), "zone": "UTC"},
                  {"TimeSince": {"days": (at - at[::-1].reset_index(drop=True)).dt.total_seconds().to_numpy() / 86400}},
                  ties=True, tool="pandas", version=pd.__version__))

LETTERS = list("abcdefgh")
words = {
    "words": ["b", "a", None, "b", "c", "a", "b"],
    "tie": ["z", "y", None, "y", "z", "x"],
    "many": [None if rng.random() < 0.1 else LETTERS[int(i)] for i in np.minimum(rng.geometric(0.35, 80) - 1, 7)],
}
for name, x in words.items():
    for label, w in [("", None), ("weighted", rng.integers(1, 4, len(x)).astype(float))]:
        rows = list(rows_repeated(x, w))

        def grouped(**options):
            """scikit-learn's infrequent categories; missing values are left as they are."""
            recipe = OneHotEncoder(**options).fit(np.array([v for v in rows if v is not None], dtype=object)[:, None])
            rare = set() if recipe.infrequent_categories_[0] is None else set(recipe.infrequent_categories_[0])
            return [None if v is None else "<infrequent>" if v in rare else v for v in x]

        parts = {"2": grouped(min_frequency=2), "4": grouped(min_frequency=4), "at most 3": grouped(min_frequency=1, max_categories=3)}
        cases.append(case(f"rare {name} {label}".strip(), "the same", {"x": x, "weights": w}, {"RareGrouper": parts},
                          ties=repeated(x), tool="scikit-learn" + ("" if w is None else ", to rows repeated")))
places = {"one and two": np.array([1.0, 2.0]), "many": np.round(rng.normal(size=25) * 50, 1),
          "nulls": np.where(rng.random(20) < 0.3, nan, rng.integers(0, 9, 20))}
for name, x in places.items():
    def waves(d, base):
        angles = x[:, None] / base ** (2 * (np.arange(d) // 2) / d)
        return np.where(np.arange(d) % 2 == 0, np.sin(angles), np.cos(angles))
    cases.append(case(f"places {name}", "angles are rounded: a sine of a large one loses what the angle loses", {"x": x},
                      {"PositionEncoder": {"4": waves(4, 10_000.0), "16": waves(16, 10_000.0), "6 of base 50": waves(6, 50.0)}},
                      ties=repeated(x), tool="numpy", version=np.__version__, atol=1e-14))
write("expansions.json", cases)

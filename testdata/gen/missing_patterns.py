"""Golden numbers of patterns of missing values: pandas and numpy, and Little's test by an EM over rows.

Run with the versions in requirements.txt: python testdata/gen/missing_patterns.py
"""

import numpy as np
import pandas as pd
from scipy import stats

from golden import case, write

rng = np.random.default_rng(61)
nan = np.nan


def flux(x):
    """Influx and outflux by pairs of columns, as mice's `flux` counts them."""
    r = (~np.isnan(x)).astype(float)
    m = 1 - r
    rr, rm, mr, mm = r.T @ r, r.T @ m, m.T @ r, m.T @ m
    with np.errstate(invalid="ignore"):
        return mr.sum(1) / (mr + rr).sum(1), rm.sum(1) / (rm + mm).sum(1)


def patterns(x):
    """Rows per pattern with its means and sums of products, fewest gaps first."""
    r = np.isnan(x)
    found = []
    for mask in np.unique(r, axis=0):
        rows = x[(r == mask).all(1)][:, ~mask]
        about = rows - rows.mean(0)
        found.append((int(mask.sum()), -len(rows), mask.tolist(), rows.mean(0), about.T @ about))
    found.sort(key=lambda pattern: pattern[:3])
    return [dict(missing=m, rows=-n, means=means, products=products) for _, n, m, means, products in found]


def little(x):
    """d², degrees of freedom, p, means and covariance: EM row by row, on standardised columns, until nothing moves."""
    centre, scale = np.nanmean(x, axis=0), np.nanstd(x, axis=0)
    z = (x - centre) / scale
    z = z[~np.isnan(z).all(1)]
    n, p = z.shape
    mu, sigma = np.zeros(p), np.eye(p)
    for _ in range(20_000):
        filled, spread = np.empty_like(z), np.zeros((p, p))
        for i, row in enumerate(z):
            o = ~np.isnan(row)
            b = np.linalg.solve(sigma[np.ix_(o, o)], sigma[np.ix_(o, ~o)])
            filled[i, o] = row[o]
            filled[i, ~o] = mu[~o] + (row[o] - mu[o]) @ b
            spread[np.ix_(~o, ~o)] += sigma[np.ix_(~o, ~o)] - sigma[np.ix_(~o, o)] @ b
        new = filled.mean(0)
        about = filled - new
        new_sigma = (about.T @ about + spread) / n
        moved = max(abs(new - mu).max(), abs(new_sigma - sigma).max())
        mu, sigma = new, new_sigma
        if moved < 1e-15:
            break
    d2, k, count = 0.0, 0, 0
    for mask in np.unique(np.isnan(x), axis=0):
        count += 1
        o = ~mask
        if o.any():
            rows = z[(np.isnan(z) == mask).all(1)][:, o]
            away = rows.mean(0) - mu[o]
            d2 += len(rows) * away @ np.linalg.solve(sigma[np.ix_(o, o)], away)
            k += int(o.sum())
    return dict(statistic=d2, df=k - p, p_value=stats.chi2.sf(d2, k - p), patterns=count,
                means=centre + mu * scale, covariance=sigma * np.outer(scale, scale))


def threshold(x):
    """The columns that are left at each share."""
    table = pd.DataFrame(x)
    most = {share: int(np.ceil(len(x) * (1 - share) - 1e-9)) for share in (0.0, 0.1, 0.2, 0.3)}
    return [dict(max_share=share, left=table.dropna(axis=1, thresh=thresh).columns.tolist()) for share, thresh in most.items()]


def correlated(n, p, share):
    x = rng.normal(size=(n, p)) @ (np.eye(p) + 0.4 * rng.normal(size=(p, p))) + np.arange(p) * 7
    return np.where(rng.random((n, p)) < share, nan, x)


by_other = correlated(120, 3, 0)
by_other[by_other[:, 0] > 1, 1] = nan
by_other[rng.random(120) < 0.2, 2] = nan
empty_rows = correlated(60, 4, 0.15)
empty_rows[[3, 17, 40]] = nan
tables = [
    ("at random", correlated(150, 4, 0.1), False),
    ("by another column", by_other, False),
    ("rows without values", empty_rows, False),
    ("ties", np.round(correlated(90, 3, 0.2)), True),
    ("a column without gaps", np.column_stack([correlated(50, 2, 0.3), rng.normal(size=50)]), False),
]
cases = []
for name, x, ties in tables:
    r = pd.DataFrame(np.isnan(x))
    influx, outflux = flux(x)
    found = dict(missing=r.sum().to_numpy(), rows_by_gaps=np.bincount(r.sum(axis=1), minlength=x.shape[1] + 1),
                 correlation=r.astype(float).corr().to_numpy(), influx=influx, outflux=outflux, patterns=patterns(x))
    cases.append(case(f"patterns, {name}", "sums in another order; EM over rows, stopped where nothing moves", {"columns": x.T},
                      {"MissingPatterns": found, "LittleMcar": little(x), "MissingThreshold": threshold(x)}, ties=ties, tool="pandas and numpy",
                      version=f"{pd.__version__}, {np.__version__}", rtol=1e-10, atol=1e-14))
write("missing_patterns.json", cases)

"""Tomek links of 100,000 rows, 16 numbers: the same rows."""

from imblearn.under_sampling import TomekLinks

from jobs import resampling

PEERS = {
    "imbalanced-learn": resampling(lambda threads: TomekLinks(), exact=True),
    "equal threads": resampling(lambda threads: TomekLinks(n_jobs=threads), exact=True),
}
EQUAL = dict(rtol=1e-9, atol=1e-6)
TARGET = {"imbalanced-learn": 6.0, "equal threads": 1.5}

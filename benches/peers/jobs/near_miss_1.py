"""NearMiss-1 of 100,000 rows, 16 numbers: the same rows."""

from imblearn.under_sampling import NearMiss

from jobs import resampling

PEERS = {
    "imbalanced-learn": resampling(lambda threads: NearMiss(), exact=True),
    "equal threads": resampling(lambda threads: NearMiss(n_jobs=threads), exact=True),
}
EQUAL = dict(rtol=1e-9, atol=1e-6)
TARGET = {"imbalanced-learn": 5.0, "equal threads": 1.5}

"""Edited nearest neighbours of 100,000 rows, 16 numbers, by all votes, which is the default of the peer: the same rows."""

from imblearn.under_sampling import EditedNearestNeighbours

from jobs import resampling

PEERS = {
    "imbalanced-learn": resampling(lambda threads: EditedNearestNeighbours(), exact=True),
    "equal threads": resampling(lambda threads: EditedNearestNeighbours(n_jobs=threads), exact=True),
}
EQUAL = dict(rtol=1e-9, atol=1e-6)
TARGET = {"imbalanced-learn": 6.0, "equal threads": 1.5}

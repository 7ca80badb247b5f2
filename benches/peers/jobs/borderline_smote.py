"""Borderline-SMOTE of 100,000 rows, 16 numbers."""

from imblearn.over_sampling import BorderlineSMOTE
from sklearn.neighbors import NearestNeighbors

from jobs import resampling


def on_threads(threads):
    near = (NearestNeighbors(n_neighbors=n, n_jobs=threads) for n in (6, 11))
    return BorderlineSMOTE(random_state=0, k_neighbors=next(near), m_neighbors=next(near))


PEERS = {
    "imbalanced-learn": resampling(lambda threads: BorderlineSMOTE(random_state=0)),
    "equal threads": resampling(on_threads),
}
EQUAL = dict(rtol=1e-2, atol=0.02)
TARGET = {"imbalanced-learn": 8.0, "equal threads": 1.5}

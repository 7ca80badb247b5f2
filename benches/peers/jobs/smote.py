"""SMOTE of all training rows, 16 numbers."""

from imblearn.over_sampling import SMOTE
from sklearn.neighbors import NearestNeighbors

from jobs import resampling

PEERS = {
    "imbalanced-learn": resampling(lambda threads: SMOTE(random_state=0), rows=None),
    "equal threads": resampling(lambda threads: SMOTE(random_state=0, k_neighbors=NearestNeighbors(n_neighbors=6, n_jobs=threads)), rows=None),
}
EQUAL = dict(rtol=3e-3, atol=0.02)
TARGET = {"imbalanced-learn": 6.0, "equal threads": 1.5}

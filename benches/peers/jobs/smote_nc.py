"""SMOTE-NC of 50,000 rows, 16 numbers and three categories."""

from imblearn.over_sampling import SMOTENC
from sklearn.neighbors import NearestNeighbors

from jobs import resampling

CATEGORIES = ["carrier", "origin", "dest"]
PEERS = {
    "imbalanced-learn": resampling(lambda threads: SMOTENC(CATEGORIES, random_state=0), rows=50_000, categories=CATEGORIES),
    "equal threads": resampling(lambda threads: SMOTENC(CATEGORIES, random_state=0, k_neighbors=NearestNeighbors(n_neighbors=6, n_jobs=threads)), rows=50_000, categories=CATEGORIES),
}
EQUAL = dict(rtol=1e-2, atol=0.02)
TARGET = {"imbalanced-learn": 15.0, "equal threads": 1.5}

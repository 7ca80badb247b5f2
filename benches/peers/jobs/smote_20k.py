"""SMOTE of 20,000 rows, 16 numbers: where the peer is quick."""

from imblearn.over_sampling import SMOTE
from sklearn.neighbors import NearestNeighbors

from jobs import resampling

PEERS = {
    "imbalanced-learn": resampling(lambda threads: SMOTE(random_state=0), rows=20_000),
    "equal threads": resampling(lambda threads: SMOTE(random_state=0, k_neighbors=NearestNeighbors(n_neighbors=6, n_jobs=threads)), rows=20_000),
}
EQUAL = dict(rtol=1e-2, atol=0.05)
TARGET = {"imbalanced-learn": 2.0, "equal threads": 1.5}

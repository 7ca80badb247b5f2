"""ADASYN of 100,000 rows, 16 numbers. The peer rounds each row's share, so that its classes come out 2 % apart."""

from imblearn.over_sampling import ADASYN
from sklearn.neighbors import NearestNeighbors

from jobs import resampling

PEERS = {
    "imbalanced-learn": resampling(lambda threads: ADASYN(random_state=0)),
    "equal threads": resampling(lambda threads: ADASYN(random_state=0, n_neighbors=NearestNeighbors(n_neighbors=6, n_jobs=threads))),
}
EQUAL = dict(rtol=4e-2, atol=0.02)
TARGET = {"imbalanced-learn": 8.0, "equal threads": 1.5}

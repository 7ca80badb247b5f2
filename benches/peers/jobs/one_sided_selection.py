"""One-sided selection of 100,000 rows, 16 numbers. Which rows stay depends on the one that is drawn first."""

from imblearn.under_sampling import OneSidedSelection

from jobs import resampling

PEERS = {
    "imbalanced-learn": resampling(lambda threads: OneSidedSelection(random_state=0)),
    "equal threads": resampling(lambda threads: OneSidedSelection(random_state=0, n_jobs=threads)),
}
EQUAL = dict(rtol=1e-2, atol=0.02)
TARGET = {"imbalanced-learn": 6.0, "equal threads": 1.5}

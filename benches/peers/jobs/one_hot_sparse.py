"""Five text columns as a sparse matrix of 4,196 columns."""

import numpy as np
import pandas as pd
import sklearn
from sklearn.preprocessing import OneHotEncoder

from jobs.feature_hasher import COLUMNS, sparse_sums


class ScikitLearn:
    version = sklearn.__version__

    def load(self, directory):
        self.frame = pd.read_parquet(directory / "flights.parquet", columns=COLUMNS)
        return len(self.frame)

    def run(self):
        self.encoder = OneHotEncoder()
        return self.encoder.fit_transform(self.frame)

    def outcome(self):
        ends = np.cumsum([0] + [len(c) for c in self.encoder.categories_])
        matrix = self.output.tocsc()
        sums = {}
        for name, start, end in zip(COLUMNS, ends, ends[1:]):
            sums |= {f"{name}, {what}": total for what, total in sparse_sums(matrix[:, start:end]).items()}
        return sums, None


PEERS = {"scikit-learn": ScikitLearn}
EQUAL = dict(rtol=0.0, atol=0.0)
TARGET = {"scikit-learn": 8.0}

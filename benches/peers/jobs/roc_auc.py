"""The area under the ROC curve of three million scores."""

import pandas as pd
import sklearn
from sklearn.metrics import roc_auc_score


class ScikitLearn:
    version = sklearn.__version__

    def load(self, directory):
        frame = pd.read_parquet(directory / "scores.parquet")
        self.truth, self.score = frame.label.to_numpy(), frame.score.to_numpy()
        return len(self.truth)

    def run(self):
        return roc_auc_score(self.truth, self.score)

    def outcome(self):
        return dict(area=self.output), float(self.output)


PEERS = {"scikit-learn": ScikitLearn}
EQUAL = dict(rtol=1e-10, atol=0.0)
TARGET = {"scikit-learn": 15.0}

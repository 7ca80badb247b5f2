"""As `gbdt_train`, against scikit-learn's boosting on histograms."""

import sklearn
from sklearn.ensemble import HistGradientBoostingClassifier

from jobs import Training


class ScikitLearn(Training):
    version = sklearn.__version__

    def fit(self, x, y):
        model = HistGradientBoostingClassifier(learning_rate=0.1, max_iter=200, max_leaf_nodes=63, max_bins=255, early_stopping=False, random_state=0)
        return model.fit(x, y)

    def p(self, x):
        return self.output.predict_proba(x)[:, 1]


PEERS = {"scikit-learn": ScikitLearn}
EQUAL = dict(rtol=0.0, atol=0.02, quality_above=0.02)
TARGET = {"scikit-learn": 2.0}

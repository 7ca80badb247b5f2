"""A forest of 100 trees of depth 12 on the flights, 244,737 rows of 24 numbers with their gaps, of which a split may choose 4.

LightGBM's forest draws a fifth of the columns for a split and 63.2% of the rows for a tree, without putting them back.
"""

import sklearn
from sklearn.ensemble import RandomForestClassifier

import jobs


class ScikitLearn(jobs.Training):
    version = sklearn.__version__

    def fit(self, x, y):
        return RandomForestClassifier(n_estimators=100, max_depth=12, n_jobs=self.threads, random_state=0).fit(x, y)

    def p(self, x):
        return self.output.predict_proba(x)[:, 1]


class LightGbm(jobs.LightGbm):
    trees = 100
    settings = dict(
        boosting="rf", num_leaves=4095, max_depth=12, bagging_freq=1, bagging_fraction=0.632, feature_fraction_bynode=0.2, min_data_in_leaf=1,
    )


PEERS = {"scikit-learn": ScikitLearn, "lightgbm": LightGbm}
EQUAL = dict(rtol=0.0, atol=0.02, quality_above=0.02)
TARGET = {"scikit-learn": 5.0, "lightgbm": 2.0}

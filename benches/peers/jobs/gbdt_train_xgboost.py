"""As `gbdt_train`, against XGBoost's histograms, leaf by leaf. At least a Hessian of 1 a leaf, as it has by default."""

import time

import xgboost

from jobs import Training


class XgBoost(Training):
    version = xgboost.__version__

    def fit(self, x, y):
        parameters = dict(
            objective="binary:logistic", tree_method="hist", grow_policy="lossguide", max_leaves=63, max_depth=0, learning_rate=0.1,
            max_bin=255, nthread=self.threads,
        )
        clock = time.perf_counter()
        data = xgboost.QuantileDMatrix(x, y, max_bin=255, nthread=self.threads)
        self.figures["prepare_s"] = time.perf_counter() - clock
        return xgboost.train(parameters, data, 200)

    def p(self, x):
        return self.output.inplace_predict(x)


PEERS = {"xgboost": XgBoost}
EQUAL = dict(rtol=0.0, atol=0.02, quality_above=0.02)
TARGET = {"xgboost": 1.25}

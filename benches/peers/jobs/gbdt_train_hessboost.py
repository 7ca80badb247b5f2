"""As `gbdt_train`, against hessboost, which is Rust, through its Python package; set as XGBoost is in `gbdt_train_xgboost`."""

import time

import hessboost
import numpy as np

from jobs import Training


class HessBoost(Training):
    version = hessboost.__version__

    def form(self, frame):
        # As it takes rows without a copy.
        return np.ascontiguousarray(frame.to_numpy(dtype="float32"))

    def fit(self, x, y):
        parameters = dict(
            objective="binary:logistic", tree_method="hist", grow_policy="lossguide", max_leaves=63, max_depth=0, learning_rate=0.1,
            max_bin=255, nthread=self.threads,
        )
        clock = time.perf_counter()
        data = hessboost.DMatrix(x, y)
        self.figures["prepare_s"] = time.perf_counter() - clock
        return hessboost.train(parameters, data, 200, verbose_eval=False)

    def p(self, x):
        return self.output.predict(hessboost.DMatrix(x))


PEERS = {"hessboost": HessBoost}
EQUAL = dict(rtol=0.0, atol=0.02, quality_above=0.02)
TARGET = {"hessboost": 2.0}

"""The flights example's pipeline in scikit-learn: the figures that `examples/flights.rs` is compared with.

Run with the versions in requirements.txt: python testdata/gen/flights.py
"""

import json
import time
from pathlib import Path

import pandas as pd
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

root = Path(__file__).parent.parent.parent
flights = pd.read_parquet(root / "examples/data/flights_weather.parquet")
flights = flights[flights.arr_delay.notna()]
late = flights.arr_delay > 15
test = flights.time_hour >= pd.Timestamp("2013-10-01", tz="America/New_York")
unknown = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]
features = flights.drop(columns=unknown + ["time_hour", "tailnum", "flight"])
numeric = features.select_dtypes("number").columns
text = [c for c in features.columns if c not in numeric]

start = time.perf_counter()
model = Pipeline([
    ("columns", ColumnTransformer([
        ("numeric", Pipeline([("impute", SimpleImputer(strategy="median", add_indicator=True)), ("scale", StandardScaler())]), numeric),
        ("text", OneHotEncoder(min_frequency=100, handle_unknown="infrequent_if_exist", sparse_output=False), text),
    ])),
    ("model", LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000)),
])
model.fit(features[~test], late[~test])
p = model.predict_proba(features[test])[:, 1]
truth = late[test]
result = dict(
    name="flights", tool="scikit-learn", version=sklearn.__version__, train_rows=int((~test).sum()),
    test_rows=int(test.sum()), columns=int(model["model"].coef_.shape[1]), roc_auc=roc_auc_score(truth, p),
    average_precision=average_precision_score(truth, p), log_loss=log_loss(truth, p), brier=brier_score_loss(truth, p),
    atol=0.002, why="one-hot columns carry an intercept's worth of freedom and are equal only at full convergence",
)
(root / "testdata/golden/flights.json").write_text(json.dumps([result], indent=1) + "\n")
print(result, f"{time.perf_counter() - start:.1f} s", model["model"].n_iter_)

"""Makes the input files that both sides of every job read. Usage: data.py FLIGHTS.parquet DIRECTORY"""

import sys
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import ydf

NUMERIC = [
    "month", "day", "sched_dep_time", "sched_arr_time", "distance", "hour", "minute", "temp", "dewp", "humid", "wind_dir",
    "wind_speed", "wind_gust", "precip", "pressure", "visib",
]

source, directory = Path(sys.argv[1]), Path(sys.argv[2])
directory.mkdir(parents=True, exist_ok=True)


def write(frame, name):
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(table, directory / name, row_group_size=65_536)


flights = pd.read_parquet(source)
flights = flights[flights.arr_delay.notna()].reset_index(drop=True)
flights["late"] = flights.arr_delay > 15
write(flights, "flights.parquet")
numeric = flights[NUMERIC].astype("float64")
write(numeric, "numeric.parquet")

# 20 columns of all flights, cancelled ones too, in their own types. A quarter of them are test rows, of which each twentieth is replaced by a copy
# of a training row.
TRIPS = [
    "year", "month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time", "sched_arr_time", "arr_delay", "carrier", "flight", "tailnum",
    "origin", "dest", "air_time", "distance", "hour", "minute", "time_hour", "temp",
]
trips = pq.read_table(source, columns=TRIPS).replace_schema_metadata(None)
rows = np.arange(len(trips))
chosen = rows * 7919 % 1_000 < 250
rest, chosen = rows[~chosen], rows[chosen]
copied = np.arange(7, len(chosen), 20)
chosen[copied] = rest[copied * 7919 % len(rest)]
for name, part in [("train", rest), ("test", chosen)]:
    pq.write_table(trips.take(part).combine_chunks(), directory / f"duplicates_{name}.parquet", row_group_size=65_536)

rng = np.random.default_rng(11)
label = rng.random(3_000_000) < 0.2
score = 1 / (1 + np.exp(-(rng.normal(size=len(label)) + label)))
write(pd.DataFrame({"label": label, "score": score}), "scores.parquet")

filled = numeric.fillna(numeric.median())
filled["gust_missing"] = numeric.wind_gust.isna().astype("float64")
spread = filled.std(ddof=0)
scaled = (filled - filled.mean()) / spread.where(spread > 0, 1.0)
dummies = pd.get_dummies(flights[["carrier", "origin", "dest"]], dtype="uint8")
encoded = pd.concat([scaled, dummies, flights[["late"]]], axis=1)
train = flights.time_hour < pd.Timestamp("2013-10-01", tz="America/New_York")
write(encoded[train].reset_index(drop=True), "encoded.parquet")

# Three million flights as in Vega's flights-3m: times to the minute, whole delays and distances, two airports.
n = 3_000_000
airports = np.array(["".join(c) for c in rng.choice(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), (229, 3))])
share = 1 / np.arange(1, 230) ** 0.9
origin, destination = (rng.choice(229, n, p=share / share.sum()) for _ in range(2))
minutes = np.sort(rng.choice(214_000, n))
flights_3m = pd.DataFrame(dict(
    date=pd.Timestamp("2001-01-01") + pd.to_timedelta(minutes, unit="min"),
    delay=np.clip(np.round(rng.standard_exponential(n) ** 1.5 * 18 - 12), -60, 1400).astype("int16"),
    distance=(31 + (origin * 7919 + destination * 104_729) % 1109 * 4).astype("int16"),
    origin=airports[origin], destination=airports[destination],
))
write(flights_3m, "flights_3m.parquet")

# A class and one of 1,200 groups of uneven size for each row.
group = rng.choice(1_200, n, p=rng.dirichlet(np.full(1_200, 2.0)))
label = (rng.random(n) < 0.1 + 0.3 * rng.random(1_200)[group]).astype("int64")
write(pd.DataFrame({"class": label, "group": group.astype("int64")}), "groups_3m.parquet")

rows = np.sort(rng.choice(len(filled), 50_000, replace=False))
complete = filled.drop(columns="gust_missing").iloc[rows].assign(late=flights.late.to_numpy()[rows])
write(complete.reset_index(drop=True), "information.parquet")

# Flights with their gaps, and noise of a hundredth of a deviation: equally near rows would leave open what they fill.
near = numeric.iloc[np.sort(rng.choice(len(numeric), 20_000, replace=False))].reset_index(drop=True)
write(near + rng.normal(size=near.shape) * 0.01 * near.std().to_numpy(), "neighbors.parquet")

# Training rows to resample: complete numbers in units of their deviations, with noise of a hundredth, since equally near rows would
# leave open which are kept; and three categories.
rows = np.flatnonzero(train)
resampling = scaled[NUMERIC].iloc[rows] + 0.01 * rng.normal(size=(len(rows), len(NUMERIC)))
resampling[["carrier", "origin", "dest", "late"]] = flights[["carrier", "origin", "dest", "late"]].iloc[rows]
write(resampling.reset_index(drop=True), "resampling.parquet")

# Flights for trees: 24 numbers with their gaps, the last five of them codes of texts in alphabetical order; four of the texts; and `late`.
texts = ["carrier", "origin", "dest", "tailnum", "manufacturer"]
boosting = flights[["month", "day"]].astype("float64")
boosting["weekday"] = flights.time_hour.dt.tz_convert("America/New_York").dt.day_of_week.astype("float64")
for name in ["dep", "arr"]:
    time = flights[f"sched_{name}_time"]
    boosting[f"sched_{name}_min"] = (time // 100 * 60 + time % 100).astype("float64")
boosting[["distance", "flight"]] = flights[["distance", "flight"]].astype("float64")
kept = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib", "plane_year", "engines", "seats"]
boosting[kept] = flights[kept].astype("float64")
for name in texts:
    codes = flights[name].astype("category").cat.codes.astype("float64")
    boosting[f"{name}_code"] = codes.where(codes >= 0)
features = list(boosting.columns)
boosting[texts[:4] + ["late"]] = flights[texts[:4] + ["late"]]
write(boosting[train].reset_index(drop=True), "boosting_train.parquet")
write(boosting[~train].reset_index(drop=True), "boosting_test.parquet")

# As many columns as the HIGGS data have, of which half say something, some only in pairs. The last 100,000 rows are to test with.
n = 1_100_000
x = np.round(rng.normal(size=(n, 28)), 3)
x[:, 20:] = np.round(np.exp(x[:, 20:]), 3)
z = x[:, 0] * x[:, 1] + np.abs(x[:, 2]) * (x[:, 3] > 0) - x[:, 4] + 0.5 * x[:, 5] * x[:, 20] + np.sin(2 * x[:, 6]) + 0.3 * x[:, 21:24].sum(axis=1) - 1
million = pd.DataFrame({f"x{i}": x[:, i] for i in range(28)})
million["y"] = rng.random(n) < 1 / (1 + np.exp(-z))
write(million, "boosting_1m.parquet")

# As wide as one-hot or sensor tables are, in single precision.
wide = rng.standard_normal((40_000, 1_738), dtype="float32").round(2)
z = wide[:, :20].sum(axis=1) * 0.5 + wide[:, 500] * wide[:, 1_000] - 1
wide = pd.DataFrame(wide, columns=[f"x{i}" for i in range(wide.shape[1])])
wide["y"] = rng.random(len(wide)) < 1 / (1 + np.exp(-z))
write(wide, "boosting_wide.parquet")


# Models that both sides read, to predict and to explain with.
def model(x, y, trees, leaves, name):
    parameters = dict(objective="binary", num_leaves=leaves, learning_rate=0.1, verbosity=-1, deterministic=True, num_threads=2)
    lgb.train(parameters, lgb.Dataset(x, y), trees).save_model(directory / name)


model(boosting.loc[train, features], boosting.late[train], 200, 63, "flights_200x63.txt")
model(million.iloc[:100_000, :28], million.y[:100_000], 100, 31, "synthetic_100x31.txt")

# YDF reads no other library's models: as many trees with as many leaves, of the same rows.
ydf.verbose(0)
learner = ydf.GradientBoostedTreesLearner(
    label="late", num_trees=200, max_num_nodes=63, max_depth=-1, growing_strategy="BEST_FIRST_GLOBAL", min_examples=20, shrinkage=0.1,
    validation_ratio=0.0, early_stopping="NONE", discretize_numerical_columns=True, num_threads=2,
)
learner.train(boosting.loc[train, features + ["late"]]).save(str(directory / "flights_200x63.ydf"))

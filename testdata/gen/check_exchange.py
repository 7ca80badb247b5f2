"""What mlsys-models writes, loaded by LightGBM and onnxruntime: the models of exchange.json, and 200 trees of 63 leaves on the flights.

    cargo build -p mlsys-models --example convert_trees
    python testdata/gen/check_exchange.py target/debug/examples/convert_trees FLIGHTS.parquet

Prints the largest differences, each over the largest raw score or prediction. Rows for floats of 32 bits are rounded to them before the
reference predicts, except for XGBoost, which rounds itself.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import lightgbm
import numpy as np
import onnx
import onnxruntime
import pandas as pd
import xgboost

convert, flights = sys.argv[1:]
GOLDEN = Path(__file__).parent.parent / "golden"
folder = Path(tempfile.mkdtemp())


def converted(text, to, suffix):
    source = folder / ("model.json" if text.startswith("{") else "model.txt")
    source.write_text(text)
    target = folder / f"{to}"
    done = subprocess.run([convert, source, target], capture_output=True, text=True)
    if done.returncode:
        return done.stderr.strip()
    return target


def session(path):
    onnx.checker.check_model(onnx.load(path), full_check=True)
    return onnxruntime.InferenceSession(path)


def about(session, key):
    return json.loads(session.get_modelmeta().custom_metadata_map[key])


def codes(rows, names, session):
    """Rows as the model takes them: categories by their codes, beyond the list if unseen."""
    columns = []
    for name, categories in zip(about(session, "features"), about(session, "categories")):
        values = [row[names.index(name)] for row in rows]
        if categories is None:
            columns.append([np.nan if v is None else float(v) for v in values])
        else:
            code = {c: i for i, c in enumerate(categories)}
            text = lambda v: v if isinstance(v, str) else str(int(v))
            columns.append([np.nan if v is None else code.get(text(v), len(code)) for v in values])
    return np.array(columns, dtype=float).T


def outputs(session, x, width=1):
    kind = np.float32 if session.get_inputs()[0].type == "tensor(float)" else np.float64
    found = session.run(None, {"X": x.astype(kind)})
    if len(found) == 2:
        label, p = found
        # Of two that are nearly equal, rounding may decide.
        clear = np.ptp(np.sort(p, axis=1)[:, -2:], axis=1) > 1e-6
        np.testing.assert_array_equal(label[clear], p.argmax(axis=1)[clear])
        return p[:, 1:] if width == 1 else p
    return found[0]


def off(found, expected):
    found, expected = np.asarray(found, dtype=float).reshape(np.shape(expected)), np.asarray(expected, dtype=float)
    return np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-300)


def small():
    for case in json.loads((GOLDEN / "exchange.json").read_text()):
        text, rows, names = case["input"]["text"], case["input"]["rows"], case["input"]["names"]
        expected, = case["expected"].values()
        said = []
        for to in ["m.onnx", "m.double.onnx"]:
            path = converted(text, to, to)
            if isinstance(path, str):
                said.append(path)
                continue
            ort = session(path)
            x = codes(rows, names, ort)
            wanted = np.array(expected["predicted"])
            if to == "m.onnx" and case["tool"] == "lightgbm":
                # Thresholds are doubles there.
                booster = lightgbm.Booster(model_str=text)
                if booster.pandas_categorical:
                    continue
                plain = np.array([[np.nan if v is None else v for v in row] for row in rows]).clip(-1e30, 1e30).astype(np.float32).astype(float)
                # LightGBM takes what is that small for 0 before it asks: at the threshold -1e-35 the standard has no such thing.
                plain[np.abs(plain) < 1.1e-35] = 0.0
                x, wanted = codes([[None if v != v else v for v in row] for row in plain.tolist()], names, ort), booster.predict(plain)
            said.append(f"{to} {len(x)} rows {off(outputs(ort, x, np.size(wanted) // len(x)), wanted):.1e}")
        path = converted(text, "again.txt", "txt")
        if isinstance(path, str):
            said.append(path)
        else:
            model = lightgbm.Booster(model_file=path)
            ort_free = [[None if v is None else v for v in row] for row in rows]
            frame = pd.DataFrame(ort_free, columns=names)
            lists = iter(model.pandas_categorical or [])
            if model.pandas_categorical:
                infos = [line[14:].split() for line in path.read_text().split("\n") if line.startswith("feature_infos=")][0]
                for name, info in zip(names, infos):
                    if not info.startswith("["):
                        frame[name] = pd.Categorical(frame[name], categories=next(lists))
            else:
                frame = frame.astype(float)
            frame = frame[[name for name in names if name in model.feature_name()]]
            raw = model.predict(frame, raw_score=True) / (model.num_trees() if "average_output" in text else 1)
            said.append(f"LightGBM raw {off(raw, expected['raw']):.1e} predicted {off(model.predict(frame), expected['predicted']):.1e}")
        print(case["name"], "|", " | ".join(said))


def large():
    data = pd.read_parquet(flights)
    y = (data.arr_delay > 15).astype(int)
    known = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]
    x = data.select_dtypes("number").drop(columns=known).astype(float)
    x["carrier"] = data.carrier.astype("category").cat.codes.astype(float)
    x, names = x.to_numpy(), list(x.columns)
    categorical = [names.index("carrier")]
    print("flights", x.shape)
    options = {"objective": "binary", "num_leaves": 63, "verbosity": -1, "num_threads": 2}
    model = lightgbm.train(options, lightgbm.Dataset(x, y, feature_name=names, categorical_feature=categorical), 200)
    text = model.model_to_string()
    again = lightgbm.Booster(model_file=converted(text, "again.txt", "txt"))
    raw = model.predict(x, raw_score=True)
    print("LightGBM -> LightGBM: raw differs in", (again.predict(x, raw_score=True) != raw).sum(), "rows; contributions by",
          np.abs(again.predict(x[:2000], pred_contrib=True) - model.predict(x[:2000], pred_contrib=True)).max())
    rows32 = x.astype(np.float32).astype(float)
    for to, rows in [("m.onnx", rows32), ("m.double.onnx", x)]:
        ort = session(converted(text, to, to))
        at = about(ort, "features").index("carrier")
        code = {int(c): i for i, c in enumerate(about(ort, "categories")[at])}
        given = rows.copy()
        given[:, at] = [code.get(int(c), len(code)) for c in rows[:, at]]
        print("LightGBM ->", to, Path(folder / to).stat().st_size, "bytes: probability by", np.abs(outputs(ort, given)[:, 0] - model.predict(rows)).max())
    types = ["float"] * (len(names) - 1) + ["c"]
    given = xgboost.DMatrix(x, y, feature_names=names, feature_types=types, enable_categorical=True)
    options = {"objective": "binary:logistic", "grow_policy": "lossguide", "max_leaves": 63, "max_depth": 0, "nthread": 2}
    model = xgboost.train(options, given, 200)
    path = folder / "saved.json"
    model.save_model(path)
    text = path.read_text()
    p, raw = model.predict(given), model.predict(given, output_margin=True)
    for to in ["m.onnx", "m.double.onnx"]:
        ort = session(converted(text, to, to))
        at = about(ort, "features").index("carrier")
        code = {int(c): i for i, c in enumerate(about(ort, "categories")[at])}
        rows = x.copy()
        rows[:, at] = [code.get(int(c), len(code)) for c in x[:, at]]
        print("XGBoost ->", to, ": probability by", np.abs(outputs(ort, rows)[:, 0] - p).max())
    plain = [name for name in names if name != "carrier"]
    given = xgboost.DMatrix(x[:, :-1], y, feature_names=plain)
    model = xgboost.train(options, given, 200)
    model.save_model(path)
    again = lightgbm.Booster(model_file=converted(path.read_text(), "again.txt", "txt"))
    raw = model.predict(given, output_margin=True)
    found = again.predict(x[:, :-1], raw_score=True)
    print("XGBoost -> LightGBM: raw by", np.abs(found - raw).max(), "of at most", np.abs(raw).max())


small()
large()

//! Statistics of columns equal numpy's, pandas' and exact arithmetic, made by `testdata/gen/preprocessing.py`.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use mlsys_core::{Category, Dataset, statistic::summarize};
use mlsys_stats::{ColumnStatistic, Counts, MinMax, Missing, Moments, Profile, Quantiles};
use mlsys_testkit::golden::{assert_close, load};
use serde_json::{Map, Value};

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

/// Null where the statistic is NaN.
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

/// The column with nulls and, for numbers, also with NaN.
fn columns(x: &[Value]) -> Vec<ArrayRef> {
    if x.iter().any(Value::is_string) {
        return vec![Arc::new(StringArray::from_iter(x.iter().map(Value::as_str)))];
    }
    let nans: Vec<f64> = x.iter().map(number).collect();
    vec![Arc::new(Float64Array::from_iter(x.iter().map(Value::as_f64))), Arc::new(Float64Array::from(nans))]
}

fn category(value: &Value) -> Category {
    value.as_str().map_or_else(|| Category::Float(number(value)), Category::from)
}

#[test]
fn statistics() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/statistics.json");
    for case in load::<Value>(path) {
        let weights = case["input"]["weights"].as_array();
        let weights: Option<Vec<f64>> = weights.map(|w| w.iter().map(number).collect());
        for x in columns(list(&case["input"]["x"])) {
            for (item, expected) in case["expected"].as_object().unwrap() {
                check(&case, item, expected, &x, weights.as_deref());
            }
        }
    }
}

fn check(case: &Value, item: &str, expected: &Value, x: &ArrayRef, weights: Option<&[f64]>) {
    let what = format!("{item} of {}", case["name"]);
    let rtol = number(&case["rtol"]);
    match item {
        "Moments" => {
            let found = Moments::new().of("x", x, weights).unwrap();
            for (name, value) in [
                ("count", found.count() as f64),
                ("weight", found.weight()),
                ("mean", found.mean()),
                ("variance", found.variance(0.0)),
                ("sample_std", found.std_dev(1.0)),
                ("skewness", found.skewness()),
                ("kurtosis", found.excess_kurtosis()),
            ] {
                assert_close(&format!("{what}: {name}"), value, number(&expected[name]), rtol);
            }
        }
        "Quantiles" => {
            let found = Quantiles::new().of("x", x, weights).unwrap();
            for pair in list(expected) {
                let q = number(&pair[0]);
                assert_close(&format!("{what}: {q}"), found.quantile(q).unwrap(), number(&pair[1]), rtol);
            }
        }
        "Counts" => {
            let found = Counts::new().of("x", x, weights).unwrap();
            let totals = [found.rows, found.missing];
            assert_eq!(totals, ["rows", "missing"].map(|name| expected[name].as_u64().unwrap()), "{what}");
            assert_close(&what, found.missing_weight, number(&expected["missing_weight"]), rtol);
            let values = found.values.unwrap();
            assert_eq!(values.len(), list(&expected["values"]).len(), "{what}");
            for (found, expected) in values.iter().zip(list(&expected["values"])) {
                assert_eq!(found.value, category(&expected[0]), "{what}");
                assert_eq!(found.rows, expected[1].as_u64().unwrap(), "{what}");
                assert_close(&what, found.weight, number(&expected[2]), rtol);
            }
        }
        "MinMax" => {
            let found = MinMax::new().of("x", x, weights).unwrap();
            assert_eq!(found.min, Some(category(&expected[0])), "{what}");
            assert_eq!(found.max, Some(category(&expected[1])), "{what}");
        }
        "Missing" => {
            let found = Missing::new().of("x", x, weights).unwrap();
            let totals = [found.rows, found.missing()];
            assert_eq!(totals, ["rows", "missing"].map(|name| expected[name].as_u64().unwrap()), "{what}");
        }
        "Profile" => profile(case["expected"].as_object().unwrap(), x, &what, rtol),
        other => panic!("nothing checks {other}"),
    }
}

/// A profile has the numbers of the statistics that it is made of.
fn profile(expected: &Map<String, Value>, x: &ArrayRef, what: &str, rtol: f64) {
    let data = Dataset::new(RecordBatch::try_from_iter([("x", x.clone())]).unwrap()).unwrap();
    let report = summarize(&Profile::new(), &data).unwrap();
    let found = report.column("x").unwrap();
    assert_eq!(found.missing.missing(), expected["Profile"]["missing"].as_u64().unwrap(), "{what}");
    assert_eq!(found.distinct().unwrap() as u64, expected["Profile"]["distinct"].as_u64().unwrap(), "{what}");
    assert_eq!(found.min, Some(category(&expected["MinMax"][0])), "{what}");
    assert_eq!(found.max, Some(category(&expected["MinMax"][1])), "{what}");
    if let (Some(moments), Some(quantiles)) = (&found.moments, &found.quantiles) {
        assert_close(what, moments.mean(), number(&expected["Moments"]["mean"]), rtol);
        assert_close(what, moments.std_dev(1.0), number(&expected["Moments"]["sample_std"]), rtol);
        for pair in list(&expected["Quantiles"]) {
            assert_close(what, quantiles.quantile(number(&pair[0])).unwrap(), number(&pair[1]), rtol);
        }
    } else {
        let counts = found.counts.as_ref().unwrap().values.as_ref().unwrap();
        let rows: Vec<u64> = counts.iter().map(|count| count.rows).collect();
        let expected = list(&expected["Counts"]["values"]);
        assert_eq!(rows, expected.iter().map(|v| v[1].as_u64().unwrap()).collect::<Vec<_>>(), "{what}");
    }
}

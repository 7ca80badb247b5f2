//! Places, bins and powers of numbers equal scikit-learn's, made by `testdata/gen/bins.py`.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlsys_core::{Dataset, Fit, Train, Transform, column};
use mlsys_encoding::{OutputDistribution, QuantileTransformer};
use mlsys_testkit::golden::load;
use serde_json::Value;

fn cases(file: &str) -> Vec<Value> {
    load(format!("{}/../../testdata/golden/{file}", env!("CARGO_MANIFEST_DIR")))
}

/// Null where a value is missing.
fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap_or(f64::NAN)).collect()
}

fn array(x: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from_iter(x.iter().map(|x| (!x.is_nan()).then_some(*x))))
}

fn batch(x: &[f64]) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([("x", array(x), true)]).unwrap()
}

/// The rows of a case, weighted if it has weights.
fn train(case: &Value) -> Dataset<Train> {
    let x = numbers(&case["input"]["x"]);
    if case["input"]["weights"].is_null() {
        return Dataset::new(batch(&x)).unwrap().into_train_all();
    }
    let w: ArrayRef = Arc::new(Float64Array::from(numbers(&case["input"]["weights"])));
    let batch = RecordBatch::try_from_iter_with_nullable([("x", array(&x), true), ("w", w, false)]).unwrap();
    Dataset::new(batch).unwrap().weight("w").unwrap().into_train_all()
}

fn found(batch: &RecordBatch) -> Vec<f64> {
    column::floats("x", &batch["x"]).unwrap().to_vec()
}

fn assert_equal(case: &Value, part: &str, found: &[f64], expected: &[f64]) {
    let (rtol, atol) = (case["rtol"].as_f64().unwrap(), case["atol"].as_f64().unwrap());
    assert_eq!(found.len(), expected.len(), "{} {part}", case["name"]);
    for (row, (found, expected)) in found.iter().zip(expected).enumerate() {
        let close =
            found.is_nan() && expected.is_nan() || (found - expected).abs() <= atol + rtol * expected.abs();
        assert!(close, "{} {part}, row {row}: {found} {expected}", case["name"]);
    }
}

fn grid(low: f64, high: f64) -> Vec<f64> {
    (0..17).map(|i| low + (high - low) * f64::from(i) / 16.0).collect()
}

#[test]
fn quantile_transformer() {
    for case in &cases("quantile_transformer.json") {
        let items = case["expected"].as_object().unwrap();
        assert_eq!(items.keys().collect::<Vec<_>>(), ["QuantileTransformer"]);
        for (part, expected) in items["QuantileTransformer"].as_object().unwrap() {
            let (recipe, what) = match part.split_once(' ').unwrap_or((part, "")) {
                ("uniform", what) => (QuantileTransformer::new(), what),
                ("normal", what) => (QuantileTransformer::new().output(OutputDistribution::Normal), what),
                ("five", what) => (QuantileTransformer::new().n_quantiles(5), what),
                other => panic!("{other:?} is not checked"),
            };
            let train = train(case);
            let fitted = recipe.fit(&train).unwrap();
            let output = match what {
                "" => fitted.transform(train.batch()).unwrap(),
                "new" => fitted.transform(&batch(&numbers(&case["input"]["new"]))).unwrap(),
                _ => {
                    let places = if part.starts_with("normal") { grid(-6.0, 6.0) } else { grid(0.0, 1.0) };
                    fitted.inverse_transform(&batch(&places)).unwrap()
                }
            };
            assert_equal(case, part, &found(&output), &numbers(expected));
        }
    }
}

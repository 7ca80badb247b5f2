//! Scaled and encoded values equal scikit-learn's.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use mlsys_core::{Columns, Dataset, Fit, Transform, column};
use mlsys_encoding::{OneHotEncoder, OrdinalEncoder, StandardScaler, Unseen};
use mlsys_testkit::golden::{assert_close, load};
use serde::Deserialize;
use serde_json::Value;

fn path(name: &str) -> String {
    format!("{}/../../testdata/golden/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[derive(Deserialize)]
struct Scaled {
    name: String,
    x: Vec<Option<f64>>,
    weights: Option<Vec<f64>>,
    mean: f64,
    scale: f64,
    output: Vec<Option<f64>>,
    rtol: f64,
    atol: f64,
}

#[test]
fn standard_scaler() {
    for case in load::<Scaled>(path("standard_scaler.json")) {
        let mut columns: Vec<(&str, ArrayRef)> = vec![("x", Arc::new(Float64Array::from(case.x)))];
        if let Some(weights) = &case.weights {
            columns.push(("w", Arc::new(Float64Array::from(weights.clone()))));
        }
        let mut data = Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap();
        if case.weights.is_some() {
            data = data.weight("w").unwrap();
        }
        let train = data.into_train_all();
        let fitted = StandardScaler::new().fit(&train).unwrap();
        assert_close(&case.name, fitted.mean("x").unwrap(), case.mean, case.rtol);
        assert_close(&case.name, fitted.scale("x").unwrap(), case.scale, case.rtol);
        let output = fitted.transform(train.batch()).unwrap();
        let output = column::floats("x", output.column(0)).unwrap();
        for (&found, expected) in output.iter().zip(&case.output) {
            match expected {
                None => assert!(found.is_nan(), "{}", case.name),
                Some(x) => assert!(
                    (found - x).abs() <= case.atol + case.rtol * x.abs(),
                    "{}: {found} {x}",
                    case.name
                ),
            }
        }
    }
}

#[derive(Deserialize)]
struct Encoded {
    name: String,
    kind: String,
    x: Vec<Value>,
    #[serde(default)]
    options: BTreeMap<String, Value>,
    output: Value,
    #[serde(default)]
    unseen: Vec<u8>,
    #[serde(default)]
    names: Vec<String>,
}

fn table(x: &[Value]) -> RecordBatch {
    let column: ArrayRef = match x.iter().all(Value::is_number) {
        true => Arc::new(Int64Array::from_iter(x.iter().map(Value::as_i64))),
        false => Arc::new(StringArray::from_iter(x.iter().map(|v| v.as_str().map(str::to_owned)))),
    };
    RecordBatch::try_from_iter_with_nullable([("x", column, true)]).expect("one column")
}

/// scikit-learn's name of an output column in mlsys.
fn renamed(name: &str) -> String {
    match name {
        "x_None" => "x=<missing>".into(),
        "x_infrequent_sklearn" => "x=<infrequent>".into(),
        other => other.replacen("x_", "x=", 1),
    }
}

#[test]
fn encoders() {
    for case in load::<Encoded>(path("encoders.json")) {
        let batch = table(&case.x);
        let train = Dataset::new(batch.clone()).unwrap().into_train_all();
        if case.kind == "ordinal" {
            let fitted = OrdinalEncoder::new().on(Columns::all()).fit(&train).unwrap();
            let output = fitted.transform(&batch).unwrap();
            let output = column::floats("x", output.column(0)).unwrap();
            let expected: Vec<f64> = serde_json::from_value(case.output).unwrap();
            let found: Vec<f64> = output.iter().map(|&x| if x.is_nan() { -1.0 } else { x }).collect();
            assert_eq!(found, expected, "{}", case.name);
            continue;
        }
        let mut encoder = OneHotEncoder::new().unseen(Unseen::Infrequent);
        encoder = match case.options.get("min_frequency") {
            Some(v) if v.is_u64() => encoder.min_frequency(v.as_u64().unwrap()),
            Some(v) => encoder.min_frequency(v.as_f64().unwrap()),
            None => encoder,
        };
        if let Some(max) = case.options.get("max_categories") {
            encoder = encoder.max_categories(max.as_u64().unwrap() as usize);
        }
        let fitted = encoder.on(Columns::all()).fit(&train).unwrap();
        let other =
            if case.x.iter().all(Value::is_number) { Value::from(999) } else { Value::from("unseen") };
        let rows = fitted.transform(&batch).unwrap();
        let unseen = fitted.transform(&table(&[other])).unwrap();
        let expected: Vec<Vec<f64>> = serde_json::from_value(case.output).unwrap();
        assert_eq!(rows.num_columns(), case.names.len(), "{}", case.name);
        for (i, name) in case.names.iter().enumerate() {
            let name = renamed(name);
            let read = |batch: &RecordBatch| {
                column::floats(
                    &name,
                    column::find(batch, &name).unwrap_or_else(|e| panic!("{}: {e}", case.name)),
                )
                .unwrap()
            };
            let expected: Vec<f64> = expected.iter().map(|row| row[i]).collect();
            assert_eq!(read(&rows).to_vec(), expected, "{}: {name}", case.name);
            assert_eq!(read(&unseen)[0], f64::from(case.unseen[i]), "{}: unseen {name}", case.name);
        }
    }
}

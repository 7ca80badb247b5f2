//! Models of LightGBM and XGBoost predict here what they predict there; numbers made by `testdata/gen/exchange.py`.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray};
use mlsys_core::arrow::compute::cast;
use mlsys_core::arrow::datatypes::DataType;
use mlsys_models::exchange::{TreeModel, lightgbm, xgboost};
use serde_json::Value;

fn golden(item: &str) -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/exchange.json");
    let all: Vec<Value> = mlsys_testkit::golden::load(path);
    for name in all.iter().flat_map(|case| case["expected"].as_object().unwrap().keys()) {
        assert!(["lightgbm::read", "xgboost::read"].contains(&name.as_str()), "nothing checks {name}");
    }
    all.into_iter().filter(|case| !case["expected"][item].is_null()).collect()
}

fn rows_of(value: &Value) -> Vec<Vec<Value>> {
    value.as_array().unwrap().iter().map(|row| row.as_array().unwrap().clone()).collect()
}

fn numbers(value: &Value) -> Vec<Vec<f64>> {
    rows_of(value).iter().map(|row| row.iter().map(|x| x.as_f64().unwrap()).collect()).collect()
}

/// The rows of a case as a table.
fn table(input: &Value) -> RecordBatch {
    let rows = rows_of(&input["rows"]);
    let names = input["names"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
    let columns = names.enumerate().map(|(at, name)| {
        let values: Vec<&Value> = rows.iter().map(|row| &row[at]).collect();
        let column: ArrayRef = if values.iter().any(|x| x.is_string()) {
            Arc::new(values.iter().map(|x| x.as_str()).collect::<StringArray>())
        } else if values.iter().any(|x| x.is_boolean()) {
            Arc::new(values.iter().map(|x| x.as_bool()).collect::<BooleanArray>())
        } else {
            Arc::new(values.iter().map(|x| x.as_f64()).collect::<Float64Array>())
        };
        (name, column)
    });
    RecordBatch::try_from_iter(columns).unwrap()
}

fn close(found: &TreeModel, case: &Value, expected: &Value) {
    let name = case["name"].as_str().unwrap();
    // XGBoost's sums of floats are as far off as its largest.
    let rtol = case["of_largest"].as_f64().or(case["rtol"].as_f64()).unwrap();
    let batch = table(&case["input"]);
    assert_eq!(found.margins(&batch).unwrap(), found.ensemble().outputs_by_walk(&batch).unwrap(), "{name}");
    let both = [("raw", found.margins(&batch).unwrap()), ("predicted", found.predict(&batch).unwrap())];
    for (what, found) in both {
        let expected = numbers(&expected[what]);
        assert_eq!(expected.len(), found.nrows(), "{name}");
        let largest = expected.iter().flatten().fold(1e-300_f64, |most, x| most.max(x.abs()));
        for (row, (expected, found)) in expected.iter().zip(found.rows()).enumerate() {
            // XGBoost's classes as numbers are not compared: `multi:softmax` is not among the cases.
            assert_eq!(expected.len(), found.len(), "{name}");
            for (expected, found) in expected.iter().zip(found) {
                let off = (found - expected).abs();
                assert!(off <= rtol * largest, "{name}, {what}, row {row}: {found} instead of {expected}");
            }
        }
    }
}

#[test]
fn lightgbm_predicts_the_same() {
    for case in golden("lightgbm::read") {
        let text = case["input"]["text"].as_str().unwrap();
        let model = lightgbm::read(text).unwrap();
        let expected = &case["expected"]["lightgbm::read"];
        close(&model, &case, expected);
        let leaves = model.ensemble().leaves(&table(&case["input"])).unwrap();
        let found: Vec<Vec<f64>> =
            leaves.rows().into_iter().map(|row| row.iter().map(|&leaf| f64::from(leaf)).collect()).collect();
        assert_eq!(found, numbers(&expected["leaves"]), "{}", case["name"]);
        // The sums are the same to the bit.
        if !text.contains("average_output") {
            let raw = model.margins(&table(&case["input"])).unwrap();
            let expected: Vec<f64> = numbers(&expected["raw"]).into_iter().flatten().collect();
            assert_eq!(raw.into_raw_vec_and_offset().0, expected, "{}", case["name"]);
        }
    }
}

#[test]
fn xgboost_predicts_the_same() {
    for case in golden("xgboost::read") {
        let model = xgboost::read(case["input"]["text"].as_str().unwrap()).unwrap();
        close(&model, &case, &case["expected"]["xgboost::read"]);
    }
}

#[test]
fn what_is_written_is_read_as_the_same() {
    for case in golden("lightgbm::read") {
        let model = lightgbm::read(case["input"]["text"].as_str().unwrap()).unwrap();
        let written = lightgbm::write(&model).unwrap();
        assert_eq!(lightgbm::read(&written).unwrap(), model, "{}", case["name"]);
    }
    for case in golden("xgboost::read") {
        let name = case["name"].as_str().unwrap();
        let model = xgboost::read(case["input"]["text"].as_str().unwrap()).unwrap();
        let written = match lightgbm::write(&model) {
            Ok(written) => written,
            Err(e) => {
                let known = e.to_string().contains("go left where unseen categories go right")
                    || e.to_string().contains("Step");
                assert!(known, "{name}: {e}");
                continue;
            }
        };
        // The text does not know that a number is `true` or `false`.
        let batch = table(&case["input"]);
        let column = |column: &ArrayRef| match column.data_type() {
            DataType::Boolean => cast(column, &DataType::Float64).unwrap(),
            _ => Arc::clone(column),
        };
        let names = batch.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
        let floats = RecordBatch::try_from_iter(names.into_iter().zip(batch.columns().iter().map(column)));
        let again = lightgbm::read(&written).unwrap().margins(&floats.unwrap()).unwrap();
        assert_eq!(again, model.margins(&batch).unwrap(), "{name}");
    }
}

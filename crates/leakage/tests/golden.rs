//! What columns tell, drift between parts and the Ladder, by scikit-learn, scipy and numpy; made by `testdata/gen/leakage.py`.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use mlsys_core::ndarray::Array2;
use mlsys_core::{Dataset, ErrorKind};
use mlsys_leakage::power::{
    out_of_fold_auc, out_of_fold_r2, predictive_power_score, predictive_power_score_of_numbers,
    stratified_auc,
};
use mlsys_leakage::{ColumnPower, ColumnPowers, Ladder};
use mlsys_stats::association::{Bias, cramers_v, information_value, mutual_information};
use mlsys_stats::distance::ks_from;
use mlsys_stats::{ColumnStatistic, Quantiles, QuantilesSummary};
use mlsys_testkit::golden::{assert_close, load};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn codes(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as u32).collect()
}

/// Levels from 0 on, the lowest for missing values: the reference has -1.
fn levels(input: &Value) -> Vec<u32> {
    input["codes"].as_array().unwrap().iter().map(|x| (x.as_i64().unwrap() + 1) as u32).collect()
}

/// Whether each row is of a class.
fn is(input: &Value, class: u32) -> Vec<bool> {
    codes(&input["y"]).into_iter().map(|y| y == class).collect()
}

/// Rows of each level and class; levels without rows are left out.
fn table(levels: &[u32], classes: &[u32]) -> Array2<f64> {
    let mut known = levels.to_vec();
    known.sort_unstable();
    known.dedup();
    let mut table = Array2::zeros((known.len(), *classes.iter().max().unwrap() as usize + 1));
    for (level, &class) in levels.iter().zip(classes) {
        table[[known.binary_search(level).unwrap(), class as usize]] += 1.0;
    }
    table
}

/// The column as it is, and the target, through [`ColumnPowers`].
fn power(input: &Value) -> ColumnPower {
    let x = input["x"].as_array().unwrap();
    let x: ArrayRef = match x.iter().any(Value::is_string) {
        true => Arc::new(x.iter().map(Value::as_str).collect::<StringArray>()),
        false => Arc::new(x.iter().map(Value::as_i64).collect::<Int64Array>()),
    };
    let y = codes(&input["y"]);
    let y: ArrayRef = match *y.iter().max().unwrap() {
        1 => Arc::new(y.iter().map(|&y| Some(y == 1)).collect::<BooleanArray>()),
        _ => Arc::new(Int64Array::from_iter_values(y.into_iter().map(i64::from))),
    };
    let data = Dataset::new(RecordBatch::try_from_iter([("x", x), ("y", y)]).unwrap()).unwrap();
    ColumnPowers::of(&data.target("y").unwrap()).unwrap().columns.remove(0)
}

#[test]
fn as_the_references_have_it() {
    for case in load::<Value>(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/leakage.json")) {
        let (input, name) = (&case["input"], case["name"].as_str().unwrap());
        let rtol = case["rtol"].as_f64().unwrap();
        let folds = || codes(&input["folds"]).into_iter().map(|fold| fold as u8).collect::<Vec<u8>>();
        for (item, expected) in case["expected"].as_object().unwrap() {
            let what = format!("{name}: {item}");
            let one = |found: f64| assert_close(&what, found, expected.as_f64().unwrap(), rtol);
            match item.as_str() {
                "out_of_fold_auc" => areas(input, expected, &folds(), &what, rtol),
                "predictive_power_score" => {
                    one(predictive_power_score(&levels(input), &codes(&input["y"]), &folds()).unwrap());
                }
                "predictive_power_score_of_numbers" => {
                    let values = numbers(&input["y"]);
                    one(predictive_power_score_of_numbers(&levels(input), &values, &folds()).unwrap());
                }
                "out_of_fold_r2" => {
                    one(out_of_fold_r2(&levels(input), &numbers(&input["y"]), &folds()).unwrap());
                }
                "mutual_information" => {
                    let counts = table(&levels(input), &codes(&input["y"]));
                    one(mutual_information(counts.view()).unwrap());
                    one(power(input).mutual_information.unwrap());
                }
                "information_value" => {
                    let counts = table(&levels(input), &codes(&input["y"]));
                    one(information_value(counts.view(), 0.5).unwrap().value);
                    one(power(input).information_value.unwrap());
                }
                "stratified_auc" => {
                    let strata = codes(&input["strata"]);
                    one(stratified_auc(&levels(input), &strata, &is(input, 1)).unwrap());
                }
                "ks_from" => distances(input, expected, &what, rtol),
                "cramers_v" => {
                    let counts = table(&levels(input), &codes(&input["part"]));
                    for (bias, expected) in
                        [Bias::Uncorrected, Bias::Corrected].into_iter().zip(numbers(expected))
                    {
                        assert_close(&what, cramers_v(counts.view(), bias).unwrap(), expected, rtol);
                    }
                }
                "Ladder" => ladder(input, expected, &what, rtol),
                other => panic!("{name}: nothing checks {other}"),
            }
        }
    }
}

fn areas(input: &Value, expected: &Value, folds: &[u8], what: &str, rtol: f64) {
    let each = numbers(&expected["classes"]);
    let (mut sum, mut rows) = (0.0, 0.0);
    for (class, &expected) in each.iter().enumerate() {
        let yes = is(input, class as u32);
        let found = out_of_fold_auc(&levels(input), &yes, folds).unwrap();
        assert_close(&format!("{what} of {class}"), found, expected, rtol);
        let count = yes.iter().filter(|yes| **yes).count() as f64;
        (sum, rows) = (sum + count * found, rows + count);
    }
    assert_close(&format!("{what}, mean"), sum / rows, expected["mean"].as_f64().unwrap(), rtol);
    assert_eq!(rows as usize, folds.len(), "{what}: a class is missing");
}

/// Distances of the codes: missing ones below all others, above them, and left out.
fn distances(input: &Value, expected: &Value, what: &str, rtol: f64) {
    let codes = numbers(&input["codes"]);
    let above = codes.iter().copied().fold(0.0, f64::max) + 1.0;
    let of = |part: u64, missing: Option<f64>| -> QuantilesSummary {
        let parts = input["part"].as_array().unwrap().iter().map(|part| part.as_u64().unwrap());
        let own = codes.iter().zip(parts).filter(|(_, of)| *of == part);
        let own = own.filter_map(|(&code, _)| if code < 0.0 { missing } else { Some(code) });
        let column: ArrayRef = Arc::new(Float64Array::from_iter_values(own));
        Quantiles::new().of("x", &column, None).unwrap()
    };
    for (missing, expected) in [Some(-1.0), Some(above), None].into_iter().zip(numbers(expected)) {
        let found = ks_from(&of(0, missing), &of(1, missing), 0.999).unwrap();
        assert_eq!(found.bound, 0.0);
        assert_close(what, found.statistic, expected, rtol);
    }
}

fn ladder(input: &Value, expected: &Value, what: &str, rtol: f64) {
    let found: Vec<f64> = match input.get("step") {
        Some(step) => {
            let mut ladder = Ladder::new().step(step.as_f64().unwrap());
            numbers(&input["losses"]).iter().map(|&loss| ladder.ask(loss).unwrap().value).collect()
        }
        None => {
            let mut ladder = Ladder::new();
            let rows = input["rows"].as_array().unwrap().iter().map(numbers);
            rows.map(|losses| ladder.ask_losses(&losses).unwrap().value).collect()
        }
    };
    let expected = numbers(expected);
    assert_eq!(found.len(), expected.len(), "{what}");
    found.iter().zip(expected).for_each(|(&found, expected)| assert_close(what, found, expected, rtol));
}

#[test]
fn what_has_no_power_is_an_error() {
    let kind = |error: mlsys_core::Error| format!("{:?}", error.kind());
    let kind = |found: Result<f64, mlsys_core::Error>| kind(found.unwrap_err());
    let (levels, yes, folds) = ([0, 1, 0, 1], [true, false, true, false], [0u8, 0, 1, 1]);
    assert!(kind(out_of_fold_auc(&levels, &yes[..3], &folds)).contains("Shape"));
    assert!(kind(out_of_fold_auc(&levels, &yes, &[0; 4])).contains("InvalidParameter"));
    assert!(kind(out_of_fold_auc(&levels, &yes, &[0, 200, 0, 1])).contains("InvalidParameter"));
    assert!(kind(out_of_fold_auc(&levels, &[true; 4], &folds)).contains("SingleClass"));
    // Each fold has one class: no pair within any.
    assert!(kind(out_of_fold_auc(&levels, &yes, &[0, 1, 0, 1])).contains("SingleClass"));
    assert!(kind(out_of_fold_auc(&[0, u32::MAX, 0, 1], &yes, &folds)).contains("InvalidValue"));
    assert!(kind(predictive_power_score(&levels, &[0, u32::MAX, 0, 1], &folds)).contains("InvalidValue"));
    assert!(kind(out_of_fold_auc(&[], &[], &[])).contains("TooFewRows"));
    assert!(kind(stratified_auc(&[], &[], &[])).contains("SingleClass"));
    assert!(kind(stratified_auc(&levels, &[0], &yes)).contains("Shape"));
    assert!(kind(out_of_fold_r2(&levels, &[2.0; 4], &folds)).contains("InvalidValue"));
    for values in [[0.0, 1.0, f64::NAN, 2.0], [0.0, 1.0, f64::INFINITY, 2.0]] {
        let error = out_of_fold_r2(&levels, &values, &folds).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NonFinite { row: 2, .. }), "{error}");
        assert!(predictive_power_score_of_numbers(&levels, &values, &folds).is_err());
    }
    // Strata and scores are labels: their size does not matter.
    assert_eq!(stratified_auc(&[7, u32::MAX], &[u32::MAX; 2], &[false, true]).unwrap(), 1.0);
}

/// By hand: a target of numbers in [`ColumnPowers`], and what it cannot be asked.
#[test]
fn numbers_have_squares_and_medians() {
    let x = Int64Array::from_iter_values((0..400).map(|row| row % 2));
    let y =
        Float64Array::from_iter_values((0..400).map(|row| f64::from(row % 2 * 100 + row % 5 * 4 + row % 7)));
    let batch = RecordBatch::try_from_iter([("x", Arc::new(x) as ArrayRef), ("y", Arc::new(y))]).unwrap();
    let powers = ColumnPowers::of(&Dataset::new(batch).unwrap().target("y").unwrap()).unwrap();
    let power = &powers.columns[0];
    assert!(power.r2.unwrap() > 0.95 && power.power_score > 0.85, "{power:?}");
    assert_eq!((power.auc, power.errors_left, power.information_value), (None, None, None));
    assert_eq!(power.strength(), power.r2.unwrap());
}

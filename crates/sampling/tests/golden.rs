//! scikit-learn's folds and sizes, made by `testdata/gen/sampling.py`.

#![allow(clippy::unwrap_used)]

use mlsys_core::arrow::array::Int64Array;
use mlsys_core::{Coded, Fold};
use mlsys_sampling::{
    Shuffle, TimeSeriesFolds, k_fold, random_split, stratified_k_fold, stratified_split, time_series_folds,
};
use serde_json::Value;

fn golden(section: &str) -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/sampling.json");
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let cases = all[section].as_array().unwrap().clone();
    assert!(cases.len() >= 3);
    cases
}

fn size(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn sizes(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(size).collect()
}

fn classes(value: &Value) -> Coded {
    let labels = Int64Array::from_iter_values(value.as_array().unwrap().iter().map(|y| y.as_i64().unwrap()));
    Coded::new("y", &labels).unwrap()
}

fn assert_folds(case: &Value, folds: &[Fold]) {
    let expected = case["expected"].as_array().unwrap();
    assert_eq!(folds.len(), expected.len(), "{}", case["name"]);
    for (fold, expected) in folds.iter().zip(expected) {
        assert_eq!(fold.train(), sizes(&expected["train"]), "{}", case["name"]);
        assert_eq!(fold.validation(), sizes(&expected["validation"]), "{}", case["name"]);
    }
}

#[test]
fn k_folds() {
    for case in golden("k_fold") {
        let input = &case["input"];
        assert_folds(&case, &k_fold(size(&input["n"]), size(&input["k"]), Shuffle::Off, 0).unwrap());
    }
}

#[test]
fn stratified_k_folds() {
    for case in golden("stratified_k_fold") {
        let coded = classes(&case["input"]["y"]);
        let k = size(&case["input"]["k"]);
        assert_folds(&case, &stratified_k_fold(&coded, k, Shuffle::Off, 0).unwrap());
        // The numbering of the classes does not matter.
        assert_folds(&case, &stratified_k_fold(&coded.sorted(), k, Shuffle::Off, 0).unwrap());
    }
}

#[test]
fn time_series() {
    for case in golden("time_series_folds") {
        let input = &case["input"];
        let mut recipe = TimeSeriesFolds::new(size(&input["k"]));
        if !input["test_size"].is_null() {
            recipe = recipe.test_size(size(&input["test_size"]));
        }
        if !input["gap"].is_null() {
            recipe = recipe.gap(size(&input["gap"]));
        }
        if !input["max_train_size"].is_null() {
            recipe = recipe.max_train_size(size(&input["max_train_size"]));
        }
        let times: Vec<i64> = (0..size(&input["n"]) as i64).collect();
        assert_folds(&case, &time_series_folds(&times, &recipe).unwrap());
    }
}

#[test]
fn sizes_of_random_splits() {
    for case in golden("random_split") {
        let (n, share) = (size(&case["input"]["n"]), case["input"]["share"].as_f64().unwrap());
        let (train, test) = random_split(n, share, 3).unwrap();
        assert_eq!(train.len(), size(&case["expected"]["train"]), "{}", case["name"]);
        assert_eq!(test.len(), size(&case["expected"]["test"]), "{}", case["name"]);
    }
}

#[test]
fn class_counts_of_stratified_splits() {
    for case in golden("stratified_split") {
        let coded = classes(&case["input"]["y"]).sorted();
        let (train, test) = stratified_split(&coded, case["input"]["share"].as_f64().unwrap(), 3).unwrap();
        let counts = |rows: &[usize]| {
            let mut counts = vec![0; coded.distinct.len()];
            rows.iter().for_each(|&row| counts[coded.codes[row] as usize] += 1);
            counts
        };
        assert_eq!(counts(&train), sizes(&case["expected"]["train"]), "{}", case["name"]);
        assert_eq!(counts(&test), sizes(&case["expected"]["test"]), "{}", case["name"]);
    }
}

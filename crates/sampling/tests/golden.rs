//! scikit-learn's folds and sizes, made by `testdata/gen/sampling.py`.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use mlsys_core::arrow::array::{
    ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampSecondArray,
};
use mlsys_core::{Coded, Dataset, Fold, Folds, Split};
use mlsys_sampling::{
    MultilabelKFold, Shuffle, TimeSeriesFolds, TimeSplit, WindowFolds, combinatorial_purged_folds,
    group_k_fold, hash_split, k_fold, leave_one_group_out, leave_p_groups_out, predefined_folds,
    random_split, stratified_group_k_fold, stratified_k_fold, stratified_split, time_series_folds,
    window_folds,
};
use mlsys_testkit::golden::load;
use serde_json::Value;

/// Seeds for what is random: what the reference says must hold for each.
const SEEDS: std::ops::Range<u64> = 0..20;

fn size(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn sizes(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(size).collect()
}

fn integers(value: &Value) -> Vec<i64> {
    value.as_array().unwrap().iter().map(|x| x.as_i64().unwrap()).collect()
}

fn classes(value: &Value) -> Coded {
    Coded::new("y", &Int64Array::from(integers(value))).unwrap().sorted()
}

/// Numbers or words, numbered by first appearance.
fn coded(value: &Value) -> Coded {
    let values = value.as_array().unwrap();
    if values.iter().all(Value::is_i64) {
        return Coded::new("x", &Int64Array::from(integers(value))).unwrap();
    }
    let words: StringArray = values.iter().map(Value::as_str).collect();
    Coded::new("x", &words).unwrap()
}

/// How many of these rows are of each class.
fn class_counts(classes: &Coded, rows: &[usize]) -> Vec<usize> {
    let mut counts = vec![0; classes.distinct.len()];
    rows.iter().for_each(|&row| counts[classes.codes[row] as usize] += 1);
    counts
}

#[test]
fn folds_and_splits() {
    for case in load::<Value>(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/sampling.json")) {
        let (input, name) = (&case["input"], case["name"].as_str().unwrap());
        for (item, expected) in case["expected"].as_object().unwrap() {
            match item.as_str() {
                "KFold" => equal_folds(input, expected, name),
                "StratifiedKFold" => stratified_folds(input, expected, name),
                "TimeSeriesFolds" => folds_in_time(input, expected, name),
                "RandomSplit" => random(input, expected, name),
                "StratifiedSplit" => stratified(input, expected, name),
                "TimeSplit" => at_a_time(input, expected, name),
                "LeaveOneGroupOut" => {
                    assert_folds(&leave_one_group_out(&coded(&input["groups"])).unwrap(), expected, name);
                }
                "LeavePGroupsOut" => {
                    let folds = leave_p_groups_out(&coded(&input["groups"]), size(&input["k"]));
                    assert_folds(&folds.unwrap(), expected, name);
                }
                "PredefinedFolds" => {
                    assert_folds(&predefined_folds(&coded(&input["folds"])).unwrap(), expected, name);
                }
                "MultilabelKFold" => several_labels(input, expected, name),
                "HashSplit" => by_hash(input, expected, name),
                "WindowFolds" => windows(input, expected, name),
                "CombinatorialPurgedFolds" => {
                    let times = integers(&input["times"]);
                    let lengths = integers(&input["lengths"]);
                    let labels: Vec<_> =
                        times.iter().zip(lengths).map(|(&t, length)| (t, t + length)).collect();
                    let (blocks, k) = (size(&input["blocks"]), size(&input["k"]));
                    let embargo = input["embargo"].as_u64().unwrap();
                    let folds = combinatorial_purged_folds(&times, &labels, blocks, k, embargo);
                    assert_folds(&folds.unwrap(), expected, name);
                }
                "GroupKFold" => {
                    let folds = group_k_fold(&coded(&input["groups"]), size(&input["k"]), Shuffle::Off, 0);
                    assert_folds(&folds.unwrap(), expected, name);
                }
                "StratifiedGroupKFold" => {
                    let (y, groups) = (coded(&input["y"]), coded(&input["groups"]));
                    let folds = stratified_group_k_fold(&y, &groups, size(&input["k"]), Shuffle::Off, 0);
                    assert_folds(&folds.unwrap(), expected, name);
                }
                other => panic!("nothing checks {other}"),
            }
        }
    }
}

#[track_caller]
fn assert_folds(folds: &[Fold], expected: &Value, name: &str) {
    let expected = expected.as_array().unwrap();
    assert_eq!(folds.len(), expected.len(), "{name}");
    for (fold, expected) in folds.iter().zip(expected) {
        assert_eq!(fold.train(), sizes(&expected["train"]), "{name}");
        assert_eq!(fold.validation(), sizes(&expected["validation"]), "{name}");
    }
}

/// The sides have no row in common and, together, all of them.
#[track_caller]
fn assert_partition(train: &[usize], test: &[usize], n: usize, name: &str) {
    let mut all = [train, test].concat();
    all.sort_unstable();
    assert_eq!(all, (0..n).collect::<Vec<_>>(), "{name}");
}

/// Each fold divides the rows, and each row is validated on once.
#[track_caller]
fn assert_shuffled(folds: &[Fold], n: usize, name: &str) {
    folds.iter().for_each(|fold| assert_partition(fold.train(), fold.validation(), n, name));
    let seen: Vec<usize> = folds.iter().flat_map(|fold| fold.validation().to_vec()).collect();
    assert_partition(&seen, &[], n, name);
}

fn equal_folds(input: &Value, expected: &Value, name: &str) {
    let (n, k) = (size(&input["n"]), size(&input["k"]));
    if input["shuffle"] == false {
        return assert_folds(&k_fold(n, k, Shuffle::Off, 0).unwrap(), expected, name);
    }
    for seed in SEEDS {
        let folds = k_fold(n, k, Shuffle::On, seed).unwrap();
        assert_shuffled(&folds, n, name);
        let found: Vec<usize> = folds.iter().map(|fold| fold.validation().len()).collect();
        assert_eq!(found, sizes(expected), "{name}");
    }
}

fn stratified_folds(input: &Value, expected: &Value, name: &str) {
    let (sorted, k) = (classes(&input["y"]), size(&input["k"]));
    if input["shuffle"] == false {
        assert_folds(&stratified_k_fold(&sorted, k, Shuffle::Off, 0).unwrap(), expected, name);
        // The numbering of the classes does not matter.
        let by_appearance = Coded::new("y", &Int64Array::from(integers(&input["y"]))).unwrap();
        return assert_folds(&stratified_k_fold(&by_appearance, k, Shuffle::Off, 0).unwrap(), expected, name);
    }
    for seed in SEEDS {
        let folds = stratified_k_fold(&sorted, k, Shuffle::On, seed).unwrap();
        assert_shuffled(&folds, sorted.len(), name);
        let found: Vec<_> = folds.iter().map(|fold| class_counts(&sorted, fold.validation())).collect();
        assert_eq!(found, expected.as_array().unwrap().iter().map(sizes).collect::<Vec<_>>(), "{name}");
    }
}

fn folds_in_time(input: &Value, expected: &Value, name: &str) {
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
    assert_folds(&time_series_folds(&integers(&input["times"]), &recipe).unwrap(), expected, name);
}

fn random(input: &Value, expected: &Value, name: &str) {
    let n = size(&input["n"]);
    for seed in SEEDS {
        let (train, test) = random_split(n, input["share"].as_f64().unwrap(), seed).unwrap();
        assert_partition(&train, &test, n, name);
        assert_eq!((train.len(), test.len()), (size(&expected["train"]), size(&expected["test"])), "{name}");
    }
}

fn stratified(input: &Value, expected: &Value, name: &str) {
    let classes = classes(&input["y"]);
    for seed in SEEDS {
        let (train, test) = stratified_split(&classes, input["share"].as_f64().unwrap(), seed).unwrap();
        assert_partition(&train, &test, classes.len(), name);
        assert_eq!(class_counts(&classes, &train), sizes(&expected["train"]), "{name}");
        assert_eq!(class_counts(&classes, &test), sizes(&expected["test"]), "{name}");
    }
}

fn at_a_time(input: &Value, expected: &Value, name: &str) {
    let split = match input["at"].as_str() {
        Some(at) => TimeSplit::at(at),
        None => TimeSplit::last_share(input["last_share"].as_f64().unwrap()),
    };
    let times = TimestampSecondArray::from(integers(&input["seconds"]));
    let batch = RecordBatch::try_from_iter([("t", Arc::new(times) as _)]).unwrap();
    let data = Dataset::new(batch).unwrap().time("t").unwrap();
    let gap = Duration::from_secs(input["gap"].as_u64().unwrap());
    let (train, test) = split.gap(gap).split(data).unwrap();
    let rows = |ids: Vec<u64>| ids.iter().map(|&row| row as usize).collect::<Vec<_>>();
    assert_eq!(rows(train.row_ids()), sizes(&expected["train"]), "{name}");
    assert_eq!(rows(test.row_ids()), sizes(&expected["test"]), "{name}");
}

fn several_labels(input: &Value, expected: &Value, name: &str) {
    let rows: Vec<Vec<bool>> = serde_json::from_value(input["labels"].clone()).unwrap();
    let names: Vec<String> = (0..rows[0].len()).map(|label| format!("label {label}")).collect();
    let column = |label: usize| -> BooleanArray { rows.iter().map(|row| Some(row[label])).collect() };
    let columns = names.iter().enumerate().map(|(label, name)| (name, Arc::new(column(label)) as _));
    let data = Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap();
    let folds = MultilabelKFold::new(size(&input["k"])).columns(names).folds(&data.into_train_all());
    assert_folds(&folds.unwrap(), expected, name);
}

fn by_hash(input: &Value, expected: &Value, name: &str) {
    let keys: ArrayRef = if input["groups"][0].is_i64() {
        Arc::new(Int64Array::from(integers(&input["groups"])))
    } else {
        Arc::new(input["groups"].as_array().unwrap().iter().map(Value::as_str).collect::<StringArray>())
    };
    let (share, seed) = (input["share"].as_f64().unwrap(), input["seed"].as_u64().unwrap());
    let (train, test) = hash_split(&[("key", &keys)], share, seed).unwrap();
    assert_eq!((train, test), (sizes(&expected["train"]), sizes(&expected["test"])), "{name}");
}

fn windows(input: &Value, expected: &Value, name: &str) {
    let times = integers(&input["times"]);
    let [train, test, step, gap] =
        [0, 1, 2, 3].map(|i| Duration::from_nanos(input["window"][i].as_u64().unwrap()));
    let expanding = input["expanding"].as_bool().unwrap();
    let recipe =
        if expanding { WindowFolds::expanding(train, test) } else { WindowFolds::sliding(train, test) };
    assert_folds(&window_folds(&times, &recipe.step(step).gap(gap)).unwrap(), expected, name);
}

/// scikit-learn breaks ties of remainders at random; here the lower class comes first.
#[test]
fn equal_remainders_by_hand() {
    // Three classes of 5 rows, 7 test rows: 5 x 7/15 is 2 and a third for each, so that one class gets the seventh.
    let classes = Coded::new("y", &Int64Array::from_iter_values((0..15).map(|row| row % 3))).unwrap();
    for seed in SEEDS {
        let (_, test) = stratified_split(&classes, 7.0 / 15.0, seed).unwrap();
        assert_eq!(class_counts(&classes, &test), [3, 2, 2]);
    }
}

//! Isolation forests: scikit-learn's scores of the same trees (`testdata/gen/forests.py`), and what random trees must hold.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
use mlsys_core::arrow::datatypes::Float64Type;
use mlsys_core::{Dataset, Error, ErrorKind, Fit, InputColumn, Predict, Train};
use mlsys_models::trees::{
    Child, Combine, MissingGoes, MissingPolicy, OnMissing, Scorer, Split, Test, TreeFeature,
};
use mlsys_models::{FittedIsolationForest, IsolationForest, Tree, TreeEnsemble};
use mlsys_testkit::golden::assert_close;
use proptest::prelude::*;
use serde_json::Value;

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap_or(f64::NAN)).collect()
}

fn table(columns: &[Vec<f64>]) -> RecordBatch {
    let column = |(i, x): (usize, &Vec<f64>)| (format!("x{i}"), Arc::new(Float64Array::from(x.clone())) as _);
    RecordBatch::try_from_iter(columns.iter().enumerate().map(column)).unwrap()
}

fn train(batch: &RecordBatch) -> Dataset<Train> {
    Dataset::new(batch.clone()).unwrap().into_train_all()
}

fn scores(model: &FittedIsolationForest, batch: &RecordBatch) -> Vec<f64> {
    model.predict(batch).unwrap().as_primitive::<Float64Type>().values().to_vec()
}

/// A tree of scikit-learn's arrays, where children come after their parents.
fn tree_of(arrays: &Value) -> Tree {
    let n = arrays["feature"].as_array().unwrap().len();
    let is_leaf: Vec<bool> = (0..n).map(|node| arrays["feature"][node].is_null()).collect();
    let place = |node: usize| is_leaf[..node].iter().filter(|leaf| **leaf == is_leaf[node]).count() as u32;
    let child = |key: &str, node: usize| {
        let to = arrays[key][node].as_u64().unwrap() as usize;
        if is_leaf[to] { Child::Leaf(place(to)) } else { Child::Split(place(to)) }
    };
    let rows = |node: usize| arrays["rows"][node].as_u64().unwrap();
    let split = |node: usize| Split {
        feature: arrays["feature"][node].as_u64().unwrap() as u32,
        test: Test::AtMost(arrays["threshold"][node].as_f64().unwrap()),
        missing: MissingGoes::Right,
        left: child("left", node),
        right: child("right", node),
        gain: 0.0,
        value: 0.0,
        cover: rows(node) as f64,
        rows: rows(node),
    };
    let splits = (0..n).filter(|node| !is_leaf[*node]).map(split).collect();
    let leaf_rows: Vec<u64> = (0..n).filter(|node| is_leaf[*node]).map(rows).collect();
    let covers = leaf_rows.iter().map(|&rows| rows as f64).collect();
    Tree::new(splits, 1, vec![0.0; leaf_rows.len()], covers, leaf_rows).unwrap()
}

fn features(batch: &RecordBatch) -> Vec<TreeFeature> {
    let data = train(batch);
    let names: Vec<String> = data.features().into_iter().map(str::to_owned).collect();
    let columns = InputColumn::all(data.layout(), &names).unwrap();
    columns.into_iter().map(|column| TreeFeature::number(column).unwrap()).collect()
}

#[test]
fn scores_of_given_trees_are_those_of_scikit_learn() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/isolation_forest.json");
    let cases: Vec<Value> = mlsys_testkit::golden::load(path);
    for case in &cases {
        let (name, rtol) = (case["name"].as_str().unwrap(), case["rtol"].as_f64().unwrap());
        let expected = case["expected"].as_object().unwrap();
        assert_eq!(expected.keys().collect::<Vec<_>>(), ["IsolationForest"], "{name}");
        let expected = &expected["IsolationForest"];
        let columns = |key: &str| -> RecordBatch {
            table(&case["input"][key].as_array().unwrap().iter().map(floats).collect::<Vec<_>>())
        };
        let (x, query) = (columns("x"), columns("query"));
        let trees = expected["trees"].as_array().unwrap().iter().map(tree_of).collect();
        let policy = MissingPolicy::default();
        let ensemble = TreeEnsemble::new(features(&x), policy, trees, vec![0.0], Combine::Mean).unwrap();
        let rows = expected["max_samples"].as_u64().unwrap();
        let mut model = FittedIsolationForest::from_ensemble(&ensemble, rows).unwrap();
        if let Some(share) = case["input"]["options"]["contamination"].as_f64() {
            model = model.with_contamination(&x, share).unwrap();
        }
        assert_close(name, -model.threshold(), expected["offset"].as_f64().unwrap(), rtol);
        let outliers = model.is_outlier(&query).unwrap();
        for (row, score) in scores(&model, &query).into_iter().enumerate() {
            let what = format!("{name}, row {row}");
            assert_close(&what, -score, floats(&expected["score_samples"])[row], rtol);
            let decision = floats(&expected["decision_function"])[row];
            assert!((model.threshold() - score - decision).abs() < 1e-12, "{what}");
            assert_eq!(outliers.value(row), floats(&expected["predict"])[row] < 0.0, "{what}");
        }
        for (&n, c) in [0, 1, 2, 3, 10, 256, 100_000].iter().zip(floats(&expected["average_path"])) {
            assert_close(&format!("c({n})"), IsolationForest::average_path(n), c, 1e-14);
        }
    }
}

#[test]
fn average_paths_of_the_paper() {
    for (n, c) in [(2, 1.0), (3, 1.2073923576), (10, 3.7488804845), (256, 10.2447709201)] {
        assert!((IsolationForest::average_path(n) - c).abs() < 1e-10, "c({n})");
    }
}

/// A cloud of two columns, and a few rows far off at the end.
fn cloud(n: usize, odd: usize) -> RecordBatch {
    let wave = |i: usize, k: f64| ((i as f64 + 1.0) * k).sin() + ((i as f64) * k * 1.7).cos();
    let far = |i: usize, x: f64| if i >= n - odd { x + 9.0 } else { x };
    table(&[0.7311, 1.3937].map(|k| (0..n).map(|i| far(i, wave(i, k))).collect()))
}

#[test]
fn rows_far_off_are_odd() {
    let batch = cloud(2000, 10);
    let model = IsolationForest::new().contamination(0.005).fit(&train(&batch)).unwrap();
    let odd = model.is_outlier(&batch).unwrap();
    let found: Vec<usize> = (0..2000).filter(|&row| odd.value(row)).collect();
    assert_eq!(found, (1990..2000).collect::<Vec<_>>());
    assert!(model.ensemble().trees().iter().all(|tree| tree.depth() <= 8 && tree.n_leaves() > 20));
    let other = IsolationForest::new().seed(1).fit(&train(&batch)).unwrap();
    assert_ne!(other.ensemble().trees()[0], model.ensemble().trees()[0]);
    assert_eq!(other.threshold(), 0.5);
    // Another seed draws other trees, and says nearly the same.
    let pairs = scores(&model, &batch).into_iter().zip(scores(&other, &batch));
    assert!(pairs.fold(0.0, |most: f64, (a, b)| most.max((a - b).abs())) < 0.1);
}

#[test]
fn trees_split_rows_of_their_own() {
    let batch = cloud(500, 0);
    let model = IsolationForest::new().trees(20).sample_size(100).fit(&train(&batch)).unwrap();
    for tree in model.ensemble().trees() {
        assert_eq!((0..tree.n_leaves()).map(|leaf| tree.rows(leaf)).sum::<u64>(), 100);
        let rows = |child| match child {
            Child::Split(i) => tree.splits()[i as usize].rows,
            Child::Leaf(i) => tree.rows(i as usize),
        };
        for split in tree.splits() {
            assert_eq!(rows(split.left) + rows(split.right), split.rows);
            assert!(rows(split.left) > 0 && rows(split.right) > 0);
        }
    }
}

#[test]
fn rows_are_drawn_by_their_weights() {
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    let n = 1000;
    columns.push(("x".into(), Arc::new(Float64Array::from_iter_values((0..n).map(f64::from)))));
    let weight = |i| if i < 500 { 0.0 } else { 1.0 + 9.0 * f64::from(i >= 750) };
    columns.push(("w".into(), Arc::new(Float64Array::from_iter_values((0..n).map(weight)))));
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let data = Dataset::new(batch).unwrap().weight("w").unwrap().into_train_all();
    let model = IsolationForest::new().trees(200).sample_size(50).fit(&data).unwrap();
    let thresholds = model.ensemble().trees().iter().filter_map(|tree| match tree.splits()[0].test {
        Test::AtMost(t) => Some(t),
        Test::In(_) => None,
    });
    let thresholds: Vec<f64> = thresholds.collect();
    assert!(thresholds.iter().all(|&t| (500.0..1000.0).contains(&t)));
    // Of a tree's rows ten in eleven lie in the upper half, which then holds the mass below a split there.
    let (mut upper, mut all) = (0.0, 0.0);
    for tree in model.ensemble().trees() {
        let split = &tree.splits()[0];
        let Test::AtMost(t) = split.test else { continue };
        if t > 740.0 && t < 760.0 {
            let right = match split.right {
                Child::Split(i) => tree.splits()[i as usize].rows,
                Child::Leaf(i) => tree.rows(i as usize),
            };
            (upper, all) = (upper + right as f64, all + split.rows as f64);
        }
    }
    assert!(all > 0.0 && (0.84..0.96).contains(&(upper / all)), "{upper} of {all}");
}

#[test]
fn missing_values_go_with_most_rows() {
    let x = |i: usize| if i.is_multiple_of(10) { f64::NAN } else { (i % 97) as f64 };
    let batch = table(&[(0..400).map(x).collect(), (0..400).map(|i| (i % 31) as f64).collect()]);
    let model = IsolationForest::new().trees(10).fit(&train(&batch)).unwrap();
    let split = &model.ensemble().trees()[0].splits()[0];
    let rows = |child| match child {
        Child::Split(i) => model.ensemble().trees()[0].splits()[i as usize].rows,
        Child::Leaf(i) => model.ensemble().trees()[0].rows(i as usize),
    };
    assert_eq!(split.missing.is_left(), rows(split.left) >= rows(split.right));
    assert!(scores(&model, &batch).iter().all(|s| (0.0..=1.0).contains(s)));
    let policy = MissingPolicy { nan: OnMissing::Refuse, ..MissingPolicy::default() };
    let error: Error = IsolationForest::new().missing(policy).fit(&train(&batch)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MissingValues { .. }), "{error}");
    // Nothing but missing values: one leaf, and all rows alike.
    let batch = table(&[vec![f64::NAN; 9]]);
    let model = IsolationForest::new().fit(&train(&batch)).unwrap();
    assert!(scores(&model, &batch).iter().all(|score| (score - 0.5).abs() < 1e-12));
}

#[test]
fn what_is_refused() {
    let fit = |batch: &RecordBatch| IsolationForest::new().fit(&train(batch)).unwrap_err().to_string();
    let infinite = fit(&table(&[vec![1.0, f64::INFINITY]]));
    assert_eq!(infinite, "column `x0` has inf in row 1; expected finite values, so replace or drop it");
    let text: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let text = fit(&RecordBatch::try_from_iter([("word", text)]).unwrap());
    assert!(text.contains("`word`") && text.contains("encode text first"), "{text}");
    let none = IsolationForest::new().fit(&train(&table(&[vec![]]))).unwrap_err();
    assert!(matches!(none.kind(), ErrorKind::TooFewRows { .. }), "{none}");
    let batch = cloud(50, 1);
    let model = IsolationForest::new().trees(2).fit(&train(&batch)).unwrap();
    assert!(model.clone().with_threshold(f64::NAN).is_err());
    assert!(model.clone().with_contamination(&batch, 0.7).is_err());
    assert!(model.with_contamination(&batch.slice(0, 0), 0.1).is_err());
    let one = IsolationForest::new().fit(&train(&batch.slice(3, 1))).unwrap();
    assert_eq!(scores(&one, &batch), [0.5; 50]);
}

/// A stump per threshold: more cuts than 16 bits can number.
#[test]
fn more_thresholds_than_small_integers_are_walked_by_value() {
    let batch = table(&[(0..300).map(|i| f64::from(i) * 300.0).collect()]);
    let stump = |i: u32| {
        let split = Split {
            feature: 0,
            test: Test::AtMost(f64::from(i)),
            missing: MissingGoes::Left,
            left: Child::Leaf(0),
            right: Child::Leaf(1),
            gain: 0.0,
            value: 0.0,
            cover: 2.0,
            rows: 2,
        };
        Tree::new(vec![split], 1, vec![0.0, 1.0], vec![1.0; 2], vec![1; 2]).unwrap()
    };
    let trees = (0..70_000).map(stump).collect();
    let policy = MissingPolicy::default();
    let ensemble = TreeEnsemble::new(features(&batch), policy, trees, vec![0.0], Combine::Sum).unwrap();
    let outputs = ensemble.outputs(&batch).unwrap();
    assert_eq!(outputs, ensemble.outputs_by_walk(&batch).unwrap());
    assert_eq!(outputs[[299, 0]], 70_000.0);
    assert_eq!(outputs[[200, 0]], 60_000.0);
    let scorer = Scorer::new(&ensemble);
    let mut scratch = scorer.scratch();
    assert_eq!(scorer.score(&[60_000.0], &mut scratch).unwrap(), [60_000.0]);
}

proptest! {
    #[test]
    fn scores_are_shares_and_do_not_ask_for_units(
        x in prop::collection::vec(prop_oneof![-5.0..5.0f64, Just(0.0), Just(f64::NAN)], 2..60),
        seed in 0u64..50,
    ) {
        let batch = table(std::slice::from_ref(&x));
        let forest = IsolationForest::new().trees(7).sample_size(16).seed(seed);
        let model = forest.fit(&train(&batch)).unwrap();
        let found = scores(&model, &batch);
        prop_assert!(found.iter().all(|s| *s > 0.0 && *s <= 1.0));
        // A power of two scales exactly.
        let scaled = table(&[x.iter().map(|x| x * 1024.0).collect()]);
        prop_assert_eq!(found, scores(&forest.fit(&train(&scaled)).unwrap(), &scaled));
    }
}

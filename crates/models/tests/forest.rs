//! Forests: scikit-learn's trees on the same rows (`testdata/gen/forests.py`), out-of-bag scores, and what random trees must hold.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use mlsys_core::arrow::array::{
    ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
};
use mlsys_core::arrow::datatypes::Float64Type;
use mlsys_core::ndarray::Array2;
use mlsys_core::{Dataset, ErrorKind, Fit, Predict, PredictProba, Step, Train};
use mlsys_models::trees::{Child, Combine, MissingGoes, Split, Test};
use mlsys_models::{ExtraTrees, MaxFeatures, OutOfBag, RandomForest, Tree, TreeEnsemble};
use mlsys_testkit::golden::assert_close;
use proptest::prelude::*;
use serde_json::Value;

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap_or(f64::NAN)).collect()
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(floats).collect()
}

/// Columns, a target `y` of whole numbers or others, and a weight `w`.
fn data(x: &[Vec<f64>], y: &[f64], classes: bool, weights: Option<&[f64]>) -> Dataset<Train> {
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    for (i, values) in x.iter().enumerate() {
        columns.push((format!("x{i}"), Arc::new(Float64Array::from(values.clone()))));
    }
    let target: ArrayRef = match classes {
        true => Arc::new(Int64Array::from_iter_values(y.iter().map(|&y| y as i64))),
        false => Arc::new(Float64Array::from(y.to_vec())),
    };
    columns.push(("y".into(), target));
    if let Some(weights) = weights {
        columns.push(("w".into(), Arc::new(Float64Array::from(weights.to_vec()))));
    }
    let data = Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap().target("y").unwrap();
    if weights.is_some() { data.weight("w").unwrap() } else { data }.into_train_all()
}

/// A tree on rows of these weights: a forest of one tree that draws nothing.
macro_rules! single {
    ($recipe:expr, $options:expr) => {
        $recipe
            .trees(1)
            .bootstrap(false)
            .max_features(MaxFeatures::All)
            .max_depth($options["max_depth"].as_u64().map(|depth| depth as usize))
            .min_rows($options["min_samples_leaf"].as_u64().unwrap_or(1))
    };
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
        missing: MissingGoes::side(arrays["missing_left"][node].as_bool().unwrap()),
        left: child("left", node),
        right: child("right", node),
        gain: 0.0,
        value: 0.0,
        cover: rows(node) as f64,
        rows: rows(node),
    };
    let splits = (0..n).filter(|node| !is_leaf[*node]).map(split).collect();
    let leaves: Vec<usize> = (0..n).filter(|node| is_leaf[*node]).collect();
    let values: Vec<f64> = leaves.iter().flat_map(|&leaf| floats(&arrays["value"][leaf])).collect();
    let width = values.len() / leaves.len();
    let covers = leaves.iter().map(|&leaf| rows(leaf) as f64).collect();
    Tree::new(splits, width, values, covers, leaves.iter().map(|&leaf| rows(leaf)).collect()).unwrap()
}

fn assert_rows(what: &str, found: &Array2<f64>, expected: &[Vec<f64>], rtol: f64) {
    assert_eq!(found.nrows(), expected.len(), "{what}");
    for (row, (found, expected)) in found.outer_iter().zip(expected).enumerate() {
        for (found, expected) in found.iter().zip(expected) {
            assert_close(&format!("{what}, row {row}"), *found, *expected, rtol);
        }
    }
}

#[test]
fn trees_and_out_of_bag_rows_are_those_of_scikit_learn() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/random_forest.json");
    let cases: Vec<Value> = mlsys_testkit::golden::load(path);
    for case in &cases {
        let (name, rtol) = (case["name"].as_str().unwrap(), case["rtol"].as_f64().unwrap());
        let expected = case["expected"].as_object().unwrap();
        assert_eq!(expected.keys().collect::<Vec<_>>(), ["RandomForest"], "{name}");
        let expected = &expected["RandomForest"];
        let (input, options) = (&case["input"], &case["input"]["options"]);
        let (x, y) = (rows(&input["x"]), floats(&input["y"]));
        let is_class = rows(&expected["predictions"][0])[0].len() > 1;
        let grow = |weights: Option<&[f64]>| -> TreeEnsemble {
            let data = data(&x, &y, is_class, weights);
            match is_class {
                true => single!(RandomForest::new(), options).fit(&data).unwrap().ensemble().clone(),
                false => single!(RandomForest::regressor(), options).fit(&data).unwrap().ensemble().clone(),
            }
        };
        let batch = data(&x, &y, is_class, None).batch().clone();
        let n = y.len();
        let (mut trees, mut drawn, mut first) = (Vec::new(), Vec::new(), None);
        for (place, tree) in expected["trees"].as_array().unwrap().iter().enumerate() {
            let mut times = vec![0u32; n];
            floats(&expected["drawn"][place]).into_iter().for_each(|row| times[row as usize] += 1);
            let weights: Vec<f64> = times.iter().map(|&times| f64::from(times)).collect();
            let grown = grow(Some(&weights));
            let what = format!("{name}, tree {place}");
            let said = rows(&expected["predictions"][place]);
            // Beyond the rows that were drawn, thresholds may lie elsewhere between the same rows.
            let found = grown.outputs(&batch).unwrap();
            let seen: Vec<usize> = (0..n).filter(|row| times[*row] > 0).collect();
            let of_seen: Vec<Vec<f64>> = seen.iter().map(|row| said[*row].clone()).collect();
            assert_rows(&what, &found.select(mlsys_core::ndarray::Axis(0), &seen), &of_seen, rtol);
            let own = &grown.trees()[0];
            // The same numbers of rows, weights and gains, in one order or another.
            let inner = |node: usize| !tree["feature"][node].is_null();
            let nodes = 0..tree["feature"].as_array().unwrap().len();
            let mut theirs: Vec<(u32, u64)> = nodes
                .filter(|node| inner(*node))
                .map(|node| {
                    (tree["feature"][node].as_u64().unwrap() as u32, tree["rows"][node].as_u64().unwrap())
                })
                .collect();
            let mut ours: Vec<(u32, u64)> =
                own.splits().iter().map(|split| (split.feature, split.rows)).collect();
            theirs.sort_unstable();
            ours.sort_unstable();
            assert_eq!(ours, theirs, "{what}");
            for split in own.splits() {
                let (weight, impurity) = (floats(&tree["weight"]), floats(&tree["impurity"]));
                let child = |key: &str, node: usize| tree[key][node].as_u64().unwrap() as usize;
                let gain = |node: usize| {
                    let (left, right) = (child("left", node), child("right", node));
                    weight[node] * impurity[node]
                        - weight[left] * impurity[left]
                        - weight[right] * impurity[right]
                };
                let close = |node: &usize| (gain(*node) - split.gain).abs() <= 1e-9 * weight[0] * impurity[0];
                let is = |node: &usize| inner(*node) && tree["rows"][*node].as_u64().unwrap() == split.rows;
                let nodes = 0..weight.len();
                assert!(nodes.clone().any(|node| is(&node) && close(&node)), "{what}: {split:?}");
            }
            first.get_or_insert_with(|| grown.clone());
            trees.push(tree_of(tree));
            drawn.push(times);
        }
        let first = first.unwrap();
        let forest = TreeEnsemble::new(
            first.features().to_vec(),
            *first.policy(),
            trees,
            first.base().to_vec(),
            Combine::Mean,
        )
        .unwrap();
        assert_rows(name, &forest.outputs(&batch).unwrap(), &rows(&expected["prediction"]), rtol);
        let found = OutOfBag::of(&forest, &batch, &drawn).unwrap();
        assert_rows(&format!("{name}, out of bag"), &found.predictions, &rows(&expected["oob"]), rtol);
        // As a tree alone, with the weights of the rows.
        let weights = input["weights"].is_array().then(|| floats(&input["weights"]));
        let whole = grow(weights.as_deref());
        let expected = &expected["without_bootstrap"];
        let leaf_rows: Vec<u64> = {
            let found = floats(&expected["rows"]);
            let mut rows: Vec<u64> = (0..found.len())
                .filter(|n| expected["feature"][*n].is_null())
                .map(|n| found[n] as u64)
                .collect();
            rows.sort_unstable();
            rows
        };
        let own = &whole.trees()[0];
        let mut found: Vec<u64> = (0..own.n_leaves()).map(|leaf| own.rows(leaf)).collect();
        found.sort_unstable();
        assert_eq!(found, leaf_rows, "{name}");
    }
}

fn wave(i: usize, k: f64) -> f64 {
    ((i as f64 + 1.0) * k).sin()
}

/// Rows of four columns, of which the first two say what the target is.
fn example(n: usize, classes: usize) -> Dataset<Train> {
    let x: Vec<Vec<f64>> =
        [0.7311, 1.3937, 2.2791, 0.3713].iter().map(|&k| (0..n).map(|i| wave(i, k)).collect()).collect();
    let y: Vec<f64> = (0..n)
        .map(|i| {
            let z = x[0][i] + 0.7 * x[1][i] + 0.2 * wave(i, 5.1);
            if classes == 0 {
                z
            } else {
                ((z + 2.0) / 4.0 * classes as f64).floor().clamp(0.0, classes as f64 - 1.0)
            }
        })
        .collect();
    data(&x, &y, classes > 0, None)
}

#[test]
fn out_of_bag_scores_are_near_those_of_other_rows() {
    let all = example(3000, 3);
    let (train, test) = (all.slice(0, 1500).unwrap(), all.slice(1500, 1500).unwrap());
    for k in [0, 1] {
        let recipe = RandomForest::new().trees(40).seed(k);
        let (model, out_of_bag) = recipe.fit_out_of_bag(&train).unwrap();
        assert_eq!(model, recipe.fit(&train).unwrap());
        assert_eq!(out_of_bag.rows_without, 0);
        let right = |data: &Dataset<Train>| {
            let found = model.predict(data.batch()).unwrap();
            let truth = data.column("y").unwrap().as_primitive::<mlsys_core::arrow::datatypes::Int64Type>();
            let found = found.as_primitive::<mlsys_core::arrow::datatypes::Int64Type>();
            found.iter().zip(truth).filter(|(a, b)| a == b).count() as f64 / data.n_rows() as f64
        };
        let (seen, unseen) = (right(&train), right(&test));
        assert!(seen > 0.99 && unseen > 0.85, "{seen} and {unseen}");
        assert!((out_of_bag.score - unseen).abs() < 0.03, "{} and {unseen}", out_of_bag.score);
    }
    let all = example(2000, 0);
    let (_, out_of_bag) = RandomForest::regressor().trees(30).fit_out_of_bag(&all).unwrap();
    assert!((0.9..1.0).contains(&out_of_bag.score), "{}", out_of_bag.score);
    // One tree has seen most rows, which nothing is said of.
    let (_, out_of_bag) = RandomForest::regressor().trees(1).fit_out_of_bag(&all).unwrap();
    let none = out_of_bag.predictions.iter().filter(|x| x.is_nan()).count();
    assert_eq!(none, out_of_bag.rows_without);
    assert!((0.61..0.65).contains(&(none as f64 / 2000.0)), "{none}");
}

#[test]
fn extra_trees_draw_thresholds() {
    for classes in [0, 2, 4] {
        let all = example(1200, classes);
        let splits = |seed: u64| -> Vec<f64> {
            let ensemble = match classes {
                0 => ExtraTrees::regressor().trees(10).seed(seed).fit(&all).unwrap().ensemble().clone(),
                _ => ExtraTrees::new().trees(10).seed(seed).fit(&all).unwrap().ensemble().clone(),
            };
            let first = ensemble.trees().iter().map(|tree| match tree.splits()[0].test {
                Test::AtMost(t) => t,
                Test::In(_) => f64::NAN,
            });
            assert!(ensemble.trees().iter().all(|tree| tree.rows(0) > 0));
            first.collect()
        };
        let (a, b) = (splits(0), splits(1));
        assert!(a.windows(2).any(|pair| pair[0] != pair[1]) && a != b, "{a:?}");
    }
    let all = example(2000, 2);
    let model = ExtraTrees::new().trees(50).fit(&all.slice(0, 1000).unwrap()).unwrap();
    let test = all.slice(1000, 1000).unwrap();
    let p = model.predict_proba(test.batch()).unwrap().positive();
    let y =
        test.column("y").unwrap().as_primitive::<mlsys_core::arrow::datatypes::Int64Type>().values().to_vec();
    let right = p.iter().zip(y).filter(|(p, y)| (**p > 0.5) == (*y == 1)).count();
    assert!(right > 900, "{right} of 1000");
}

#[test]
fn depth_rows_and_gains_are_limits() {
    let all = example(800, 3);
    let model = RandomForest::new().trees(5).max_depth(3).fit(&all).unwrap();
    assert!(model.ensemble().trees().iter().all(|tree| tree.depth() <= 3));
    let model = RandomForest::new().trees(5).min_rows(20).fit(&all).unwrap();
    let least = |tree: &Tree| (0..tree.n_leaves()).map(|leaf| tree.rows(leaf)).min();
    assert!(model.ensemble().trees().iter().all(|tree| least(tree) >= Some(20)));
    let model = RandomForest::new().trees(5).min_gain(0.01).fit(&all).unwrap();
    let gains = model.ensemble().trees().iter().flat_map(|tree| tree.splits()).map(|split| split.gain);
    assert!(gains.fold(f64::INFINITY, f64::min) >= 0.01 * 800.0 * (1.0 - 1e-9));
    assert_ne!(
        RandomForest::new()
            .trees(5)
            .max_features(MaxFeatures::Count(1))
            .fit(&all)
            .unwrap()
            .ensemble()
            .trees(),
        RandomForest::new().trees(5).max_features(MaxFeatures::All).fit(&all).unwrap().ensemble().trees(),
    );
}

#[test]
fn categories_are_split_by_sets() {
    let words: Vec<String> = (0..600).map(|i| format!("w{}", i * 7 % 12)).collect();
    let high = |i: usize| matches!(i * 7 % 12, 1 | 4 | 5 | 9);
    let y = |i: usize| if high(i) { 5.0 } else { 1.0 };
    let batch = RecordBatch::try_from_iter([
        ("word", Arc::new(StringArray::from(words)) as ArrayRef),
        ("y", Arc::new(Float64Array::from_iter_values((0..600).map(y)))),
    ])
    .unwrap();
    let train = Dataset::new(batch.clone()).unwrap().target("y").unwrap().into_train_all();
    let model = RandomForest::regressor().trees(3).fit(&train).unwrap();
    assert!(model.ensemble().trees().iter().all(|tree| tree.n_leaves() == 2));
    let found = model.predict(&batch).unwrap();
    let close = |(i, x): (usize, &f64)| (x - y(i)).abs() < 1e-12;
    assert!(found.as_primitive::<Float64Type>().values().iter().enumerate().all(close));
    let model = ExtraTrees::regressor().trees(3).fit(&train).unwrap();
    let found = model.predict(&batch).unwrap();
    let close = |(i, x): (usize, &f64)| (x - y(i)).abs() < 1e-9;
    assert!(found.as_primitive::<Float64Type>().values().iter().enumerate().all(close));
}

#[test]
fn rows_are_drawn_by_their_weights() {
    // Two rows of three quarters and a quarter of the weight: shares of what is drawn.
    let all = data(&[vec![0.0, 0.0]], &[0.0, 1.0], true, Some(&[3.0, 1.0]));
    let model = RandomForest::new().trees(4000).fit(&all).unwrap();
    let p = model.predict_proba(all.batch()).unwrap().positive()[0];
    assert!((p - 0.25).abs() < 0.02, "{p}");
    let model = RandomForest::new().trees(2).bootstrap(false).fit(&all).unwrap();
    assert_eq!(model.predict_proba(all.batch()).unwrap().positive()[0], 0.25);
}

#[test]
fn what_is_refused() {
    let fractions = data(&[vec![1.0, 2.0]], &[0.5, 1.0], false, None);
    let error = RandomForest::new().fit(&fractions).unwrap_err().to_string();
    assert!(error.contains("RandomForest::regressor"), "{error}");
    let single = data(&[vec![1.0, 2.0]], &[1.0, 1.0], true, None);
    let error = ExtraTrees::new().fit(&single).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::SingleClass { .. }), "{error}");
    let huge = data(&[vec![1.0, 2.0, 3.0]], &[f64::MAX, -f64::MAX, f64::MAX], false, None);
    let error = RandomForest::regressor().fit(&huge).unwrap_err().to_string();
    assert!(error.contains("`y`") && error.contains("smaller scale"), "{error}");
    let all = example(100, 2);
    let error = ExtraTrees::new().fit_out_of_bag(&all).unwrap_err().to_string();
    assert!(error.contains("`bootstrap`"), "{error}");
    let mut told = 0;
    let mut stop = |step: Step| {
        told = step.done;
        ControlFlow::Break(())
    };
    let error = RandomForest::new().trees(1000).fit_with(&all, &mut stop).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Cancelled { .. }), "{error}");
    assert!(told > 0 && told < 1000);
    let model = RandomForest::new().trees(2).fit(&all).unwrap();
    assert!(OutOfBag::of(model.ensemble(), all.batch(), &[vec![0; 100]]).is_err());
    assert!(OutOfBag::of(model.ensemble(), all.batch(), &[vec![0; 100], vec![0; 99]]).is_err());
}

/// Gini's gain of a threshold, by counting.
fn best_gain(x: &[f64], y: &[bool]) -> f64 {
    let impurity = |side: &[bool]| {
        let (n, ones) = (side.len() as f64, side.iter().filter(|y| **y).count() as f64);
        if n > 0.0 { n * (1.0 - (ones / n).powi(2) - (1.0 - ones / n).powi(2)) } else { 0.0 }
    };
    let mut best = 0.0f64;
    for &t in x {
        let (left, right): (Vec<_>, Vec<_>) = x.iter().zip(y).partition(|(x, _)| **x <= t);
        let of = |side: Vec<(&f64, &bool)>| impurity(&side.into_iter().map(|(_, y)| *y).collect::<Vec<_>>());
        best = best.max(impurity(y) - of(left) - of(right));
    }
    best
}

proptest! {
    #[test]
    fn the_first_split_is_the_best_one(
        rows in prop::collection::vec((0..12i32, 0..12i32, any::<bool>()), 4..60),
    ) {
        let columns: [Vec<f64>; 2] = [
            rows.iter().map(|row| f64::from(row.0)).collect(),
            rows.iter().map(|row| f64::from(row.1)).collect(),
        ];
        let y: Vec<bool> = rows.iter().map(|row| row.2).collect();
        prop_assume!(y.contains(&true) && y.contains(&false));
        let target: Vec<f64> = y.iter().map(|y| f64::from(u8::from(*y))).collect();
        let data = data(&columns, &target, true, None);
        let stump = RandomForest::new().trees(1).bootstrap(false).max_features(MaxFeatures::All);
        let model = stump.max_depth(1).fit(&data).unwrap();
        let best = columns.iter().map(|x| best_gain(x, &y)).fold(0.0, f64::max);
        let found = model.ensemble().trees()[0].splits().first().map_or(0.0, |split| split.gain);
        prop_assert!((found - best).abs() < 1e-9, "{found} and {best}");
    }

    #[test]
    fn rows_without_limits_are_told_apart(
        x in prop::collection::btree_map(-1000..1000i32, 0..4i64, 2..40),
    ) {
        let rows: BTreeMap<i32, i64> = x;
        let values: Vec<f64> = rows.keys().map(|x| f64::from(*x)).collect();
        let y: Vec<f64> = rows.values().map(|y| *y as f64).collect();
        prop_assume!(y.iter().any(|class| *class != y[0]));
        let data = data(&[values], &y, true, None);
        for model in [
            RandomForest::new().trees(2).bootstrap(false).fit(&data).unwrap(),
            ExtraTrees::new().trees(2).fit(&data).unwrap(),
        ] {
            let p = model.predict_proba(data.batch()).unwrap();
            prop_assert!(p.view().iter().all(|p| *p == 0.0 || *p == 1.0));
            let found = model.predict(data.batch()).unwrap();
            prop_assert_eq!(found.as_ref(), data.column("y").unwrap().as_ref());
        }
    }
}

#[test]
fn missing_values_go_where_they_are_told_apart() {
    let x: Vec<f64> = (0..200).map(|i| if i % 4 == 0 { f64::NAN } else { f64::from(i % 7) }).collect();
    let y = BooleanArray::from_iter((0..200).map(|i| Some(i % 4 == 0)));
    let batch = RecordBatch::try_from_iter([
        ("x", Arc::new(Float64Array::from(x)) as ArrayRef),
        ("y", Arc::new(y) as ArrayRef),
    ])
    .unwrap();
    let train = Dataset::new(batch.clone()).unwrap().target("y").unwrap().into_train_all();
    let model = RandomForest::new().trees(5).fit(&train).unwrap();
    let p = model.predict_proba(&batch).unwrap().positive();
    assert!(p.iter().enumerate().all(|(i, p)| *p == f64::from(u8::from(i % 4 == 0))));
    assert!(model.ensemble().trees().iter().all(|tree| tree.n_leaves() == 2));
}

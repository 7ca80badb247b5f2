//! Decision trees: scikit-learn's, node by node (`testdata/gen/forests.py`), and what they refuse.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use mlsys_core::arrow::datatypes::Float64Type;
use mlsys_core::{Dataset, ErrorKind, Fit, Predict, Train};
use mlsys_models::trees::{Child, Test};
use mlsys_models::{DecisionTree, Impurity, PruningPath, Tree, TreeEnsemble};
use mlsys_testkit::golden::assert_close;
use serde_json::Value;

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap_or(f64::NAN)).collect()
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(floats).collect()
}

fn columns(x: &[Vec<f64>]) -> Vec<(String, ArrayRef)> {
    let column = |(i, x): (usize, &Vec<f64>)| (format!("x{i}"), Arc::new(Float64Array::from(x.clone())) as _);
    x.iter().enumerate().map(column).collect()
}

fn data(x: &[Vec<f64>], y: &[f64], classes: bool, weights: Option<&[f64]>) -> Dataset<Train> {
    let mut columns = columns(x);
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

/// Compares node by node, from the root on.
fn assert_tree(name: &str, found: &Tree, expected: &Value, rtol: f64) {
    let mut open = vec![(found.root(), 0usize)];
    let mut seen = 0;
    while let Some((child, node)) = open.pop() {
        seen += 1;
        let what = format!("{name}, node {node}");
        let (weight, count) =
            (expected["weight"][node].as_f64().unwrap(), expected["rows"][node].as_u64().unwrap());
        match child {
            Child::Leaf(leaf) => {
                let leaf = leaf as usize;
                assert!(expected["feature"][node].is_null(), "{what}");
                assert_eq!(found.rows(leaf), count, "{what}");
                assert_close(&what, found.cover(leaf), weight, rtol);
                for (value, expected) in found.values(leaf).iter().zip(floats(&expected["value"][node])) {
                    assert!((value - expected).abs() <= rtol * expected.abs().max(1e-3), "{what}: {value}");
                }
            }
            Child::Split(i) => {
                let split = &found.splits()[i as usize];
                assert_eq!(Some(u64::from(split.feature)), expected["feature"][node].as_u64(), "{what}");
                let Test::AtMost(threshold) = split.test else { panic!("{what}") };
                assert_eq!(threshold.min(f64::MAX), expected["threshold"][node].as_f64().unwrap(), "{what}");
                assert_eq!(split.rows, count, "{what}");
                assert_close(&what, split.cover, weight, rtol);
                assert_eq!(Some(split.missing.is_left()), expected["missing_left"][node].as_bool(), "{what}");
                let to = |key: &str| expected[key][node].as_u64().unwrap() as usize;
                let part = |node: usize| {
                    expected["weight"][node].as_f64().unwrap() * expected["impurity"][node].as_f64().unwrap()
                };
                let gain = part(node) - part(to("left")) - part(to("right"));
                assert!((split.gain - gain).abs() <= 1e-9 * part(0), "{what}: {} and {gain}", split.gain);
                open.extend([(split.left, to("left")), (split.right, to("right"))]);
            }
        }
    }
    assert_eq!(seen, expected["feature"].as_array().unwrap().len(), "{name}");
}

#[test]
fn trees_are_those_of_scikit_learn() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/decision_tree.json");
    let cases: Vec<Value> = mlsys_testkit::golden::load(path);
    for case in &cases {
        let (name, rtol) = (case["name"].as_str().unwrap(), case["rtol"].as_f64().unwrap());
        let expected = case["expected"].as_object().unwrap();
        assert_eq!(expected.keys().collect::<Vec<_>>(), ["DecisionTree"], "{name}");
        let expected = &expected["DecisionTree"];
        let (input, options) = (&case["input"], &case["input"]["options"]);
        let (x, y) = (rows(&input["x"]), floats(&input["y"]));
        let weights = input["weights"].is_array().then(|| floats(&input["weights"]));
        let criterion = options["criterion"].as_str().unwrap();
        let is_class = criterion != "squared_error";
        let data = data(&x, &y, is_class, weights.as_deref());
        let grow = |alpha: f64| -> (TreeEnsemble, String, PruningPath, String) {
            macro_rules! grown {
                ($recipe:expr) => {{
                    let recipe = $recipe
                        .max_depth(options["max_depth"].as_u64().map(|depth| depth as usize))
                        .min_rows(options["min_samples_leaf"].as_u64().unwrap_or(1))
                        .min_split_rows(options["min_samples_split"].as_u64().unwrap_or(2))
                        .min_gain(options["min_impurity_decrease"].as_f64().unwrap_or(0.0))
                        .ccp_alpha(alpha);
                    let model = recipe.fit(&data).unwrap();
                    let path = recipe.pruning_path(&data).unwrap();
                    (model.ensemble().clone(), model.to_text(6), path, model.to_graphviz())
                }};
            }
            match criterion {
                "squared_error" => grown!(DecisionTree::regressor()),
                "gini" => grown!(DecisionTree::new()),
                _ => grown!(DecisionTree::new().impurity(Impurity::Entropy)),
            }
        };
        let (ensemble, text, path, graph) = grow(options["ccp_alpha"].as_f64().unwrap_or(0.0));
        let tree = &ensemble.trees()[0];
        assert_tree(name, tree, &expected["tree"], rtol);
        assert_eq!(tree.depth() as u64, expected["depth"].as_u64().unwrap(), "{name}");
        assert_eq!(tree.n_leaves() as u64, expected["leaves"].as_u64().unwrap(), "{name}");
        assert_eq!(text, expected["text"].as_str().unwrap(), "{name}");
        assert_eq!(graph.matches(" -> ").count(), 2 * tree.splits().len(), "{name}");
        let gain: f64 = tree.splits().iter().map(|split| split.gain).sum();
        for (feature, expected) in floats(&expected["importances"]).into_iter().enumerate() {
            let own = tree.splits().iter().filter(|split| split.feature as usize == feature);
            let share = own.map(|split| split.gain).sum::<f64>() / gain;
            assert!((share - expected).abs() < 1e-10, "{name}: {share} and {expected}");
        }
        for (key, found) in [("alphas", &path.alphas), ("impurities", &path.impurities)] {
            let expected = floats(&expected["path"][key]);
            assert_eq!(found.len(), expected.len(), "{name}: {key}");
            let most = expected.iter().fold(0.0f64, |most, x| most.max(*x));
            let close = |(a, b): (&f64, &f64)| (a - b).abs() <= rtol * most;
            assert!(found.iter().zip(&expected).all(close), "{name}, {key}: {found:?} and {expected:?}");
        }
        for pruned in expected["pruned"].as_array().unwrap() {
            let alpha = pruned["alpha"].as_f64().unwrap();
            let (ensemble, ..) = grow(alpha);
            assert_tree(&format!("{name}, pruned at {alpha}"), &ensemble.trees()[0], &pruned["tree"], rtol);
        }
        let query = RecordBatch::try_from_iter(columns(&rows(&input["query"]))).unwrap();
        let found = ensemble.outputs(&query).unwrap();
        for (found, expected) in found.outer_iter().zip(rows(&expected["prediction"])) {
            let close = |(a, b): (&f64, f64)| (a - b).abs() <= rtol * b.abs().max(1e-3);
            assert!(found.iter().zip(expected).all(close), "{name}");
        }
    }
}

#[test]
fn each_two_values_are_told_apart() {
    // More distinct values than there are bins.
    let n = 20_000;
    let x: Vec<f64> = (0..n).map(|i| f64::from((i * 7919) % n)).collect();
    let y: Vec<f64> = x.iter().map(|x| f64::from(u8::from((x / 10.0) as i64 % 2 == 1))).collect();
    let data = data(&[x], &y, true, None);
    let model = DecisionTree::new().fit(&data).unwrap();
    assert_eq!(model.tree().n_leaves(), 2000);
    let found = model.predict(data.batch()).unwrap();
    assert_eq!(found.as_ref(), data.column("y").unwrap().as_ref());
}

#[test]
fn values_at_the_limits_are_split() {
    let (a, b) = (1.0, 1.0f64.next_up());
    let x = vec![f64::NEG_INFINITY, a, b, f64::MAX, f64::INFINITY, f64::NAN];
    let y = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    let data = data(&[x], &y, false, None);
    let model = DecisionTree::regressor().fit(&data).unwrap();
    let found = model.predict(data.batch()).unwrap();
    let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-12;
    assert!(found.as_primitive::<Float64Type>().values().iter().zip(&y).all(close), "{}", model.to_text(3));
}

#[test]
fn what_is_refused() {
    let words: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let y: ArrayRef = Arc::new(Int64Array::from(vec![0, 1]));
    let batch = RecordBatch::try_from_iter([("word", words), ("y", y)]).unwrap();
    let train = Dataset::new(batch).unwrap().target("y").unwrap().into_train_all();
    let error = DecisionTree::new().fit(&train).unwrap_err().to_string();
    assert!(error.contains("`word`") && error.contains("encode text first"), "{error}");
    let single = data(&[vec![1.0, 2.0]], &[1.0, 1.0], true, None);
    let error = DecisionTree::new().fit(&single).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::SingleClass { .. }), "{error}");
    let fractions = data(&[vec![1.0, 2.0]], &[0.5, 1.0], false, None);
    let error = DecisionTree::new().fit(&fractions).unwrap_err().to_string();
    assert!(error.contains("DecisionTree::regressor"), "{error}");
    let huge = data(&[vec![1.0, 2.0, 3.0]], &[f64::MAX, -f64::MAX, f64::MAX], false, None);
    assert!(DecisionTree::regressor().fit(&huge).is_err());
}

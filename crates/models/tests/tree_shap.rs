//! Shapley values of trees and importances: LightGBM's, made by `testdata/gen/tree_shap.py`, every order of features, and depth.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::Arc;

use mlsys_core::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch};
use mlsys_core::arrow::datatypes::Float64Type;
use mlsys_core::rand::RngExt;
use mlsys_core::{Category, Dataset, ErrorKind, Fit, InputColumn, seed};
use mlsys_models::trees::{
    Child, Combine, MissingGoes, MissingPolicy, OnMissing, OnUnseen, Split, Test, Tree, TreeEnsemble,
    TreeFeature,
};
use mlsys_models::{Gbdt, Importance, Importances, NodeWeight, ShapValues, TreeShap};
use proptest::prelude::*;
use serde_json::Value;

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap_or(f64::NAN)).collect()
}

/// Columns of floats; those of categories as integers, null where missing.
fn batch(columns: &[Vec<f64>], is_category: impl Fn(usize) -> bool) -> RecordBatch {
    let column = |(place, values): (usize, &Vec<f64>)| {
        let array: ArrayRef = if is_category(place) {
            let code = |&x: &f64| (!x.is_nan()).then_some(x as i64);
            Arc::new(Int64Array::from_iter(values.iter().map(code)))
        } else {
            Arc::new(Float64Array::from(values.clone()))
        };
        (format!("x{place}"), array)
    };
    RecordBatch::try_from_iter(columns.iter().enumerate().map(column)).unwrap()
}

fn feature(batch: &RecordBatch, name: &str, categories: Option<Vec<Category>>) -> TreeFeature {
    let data = Dataset::new(batch.clone()).unwrap();
    let column = InputColumn::new(data.layout(), name).unwrap();
    match categories {
        None => TreeFeature::number(column).unwrap(),
        Some(categories) => TreeFeature::category(column, categories).unwrap(),
    }
}

fn features(batch: &RecordBatch, categories: impl Fn(usize) -> Option<Vec<Category>>) -> Vec<TreeFeature> {
    let names = batch.schema();
    names.fields().iter().enumerate().map(|(j, field)| feature(batch, field.name(), categories(j))).collect()
}

fn additive(shap: &ShapValues, trees: &TreeEnsemble, batch: &RecordBatch, room: f64) {
    let outputs = trees.outputs_by_walk(batch).unwrap();
    for output in 0..trees.n_outputs() {
        let values = shap.output(output).unwrap();
        for row in 0..batch.num_rows() {
            let sum = shap.base()[output] + values.row(row).sum();
            let expected = outputs[[row, output]];
            assert!((sum - expected).abs() <= room, "row {row}: {sum} instead of {expected}");
        }
    }
}

fn close(found: f64, expected: f64, room: f64, what: &str) {
    assert!((found - expected).abs() <= room, "{what}: {found} instead of {expected}");
}

// The reference.

fn child(number: i64) -> Child {
    if number < 0 { Child::Leaf((-1 - number) as u32) } else { Child::Split(number as u32) }
}

/// A tree as it is stored, but for thresholds that JSON has no number for.
fn stored_tree(stored: &Value) -> Tree {
    let number = |key: &str, i: usize| stored[key][i].as_f64().unwrap();
    let mut categories = stored["categories"].as_array().unwrap().iter();
    let n = stored["feature"].as_array().unwrap().len();
    let split = |i: usize| Split {
        feature: number("feature", i) as u32,
        test: match stored["threshold"][i].as_f64() {
            Some(threshold) => Test::AtMost(threshold),
            None => Test::In(serde_json::from_value(categories.next().unwrap().clone()).unwrap()),
        },
        missing: serde_json::from_value(stored["missing"][i].clone()).unwrap(),
        left: child(stored["left"][i].as_i64().unwrap()),
        right: child(stored["right"][i].as_i64().unwrap()),
        gain: number("gain", i),
        value: number("value", i),
        cover: number("cover", i),
        rows: number("rows", i) as u64,
    };
    let splits = (0..n).map(split).collect();
    let rows = floats(&stored["leaf_rows"]).iter().map(|&x| x as u64).collect();
    Tree::new(splits, 1, floats(&stored["leaf_values"]), floats(&stored["leaf_covers"]), rows).unwrap()
}

#[test]
fn the_values_of_the_reference() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/tree_shap.json");
    let cases: Vec<Value> = mlsys_testkit::golden::load(path);
    let mut backgrounds = 0;
    for case in &cases {
        assert!(case["expected"].as_object().unwrap().keys().eq(["Importances", "TreeShap"]));
        let (name, input, rtol) = (&case["name"], &case["input"], case["rtol"].as_f64().unwrap());
        let categories = |j: usize| {
            let codes = input["features"][j]["categories"].as_array()?;
            Some(codes.iter().map(|x| Category::Int(x.as_i64().unwrap())).collect::<Vec<_>>())
        };
        let table = |key: &str| {
            let columns: Vec<_> = input[key].as_array().unwrap().iter().map(floats).collect();
            batch(&columns, |j| categories(j).is_some())
        };
        let rows = table("columns");
        let trees = input["trees"].as_array().unwrap().iter().map(stored_tree).collect();
        let base = floats(&input["base"]);
        let trees = TreeEnsemble::new(
            features(&rows, categories),
            MissingPolicy::default(),
            trees,
            base,
            Combine::Sum,
        )
        .unwrap();

        let shap = TreeShap::new(&trees).explain(&rows).unwrap();
        additive(&shap, &trees, &rows, 1e-12);
        let expected = &case["expected"]["TreeShap"];
        for (row, outputs) in expected["contributions"].as_array().unwrap().iter().enumerate() {
            for (output, values) in outputs.as_array().unwrap().iter().enumerate() {
                let (values, own) = (floats(values), shap.values());
                let (base, values) = values.split_last().unwrap();
                close(shap.base()[output], *base, rtol, &format!("{name}: base {output}"));
                assert_eq!(values.len(), own.shape()[1]);
                for (j, &x) in values.iter().enumerate() {
                    close(
                        own[[row, j, output]],
                        x,
                        rtol * x.abs().max(0.01),
                        &format!("{name}: x{j} of {row}"),
                    );
                }
            }
        }
        if let Some(all) = expected["interventional"].as_array() {
            backgrounds += 1;
            let shap = TreeShap::new(&trees).interventional(&table("background")).unwrap();
            close(shap.base()[0], expected["interventional_base"].as_f64().unwrap(), 1e-6, "base");
            let shap = shap.explain(&rows).unwrap();
            additive(&shap, &trees, &rows, 1e-12);
            for (row, values) in all.iter().enumerate() {
                // The reference reads missing values of a model that knew none in its own way.
                if rows
                    .columns()
                    .iter()
                    .any(|column| column.as_primitive::<Float64Type>().value(row).is_nan())
                {
                    continue;
                }
                for (j, x) in floats(values).into_iter().enumerate() {
                    close(
                        shap.values()[[row, j, 0]],
                        x,
                        1e-6,
                        &format!("{name}: x{j} of {row}, against a background"),
                    );
                }
            }
        }
        for (kind, key) in [(Importance::Gain, "gain"), (Importance::Split, "split")] {
            let importances = Importances::new(&trees, kind);
            let expected = floats(&case["expected"]["Importances"][key]);
            assert_eq!(importances.values().len(), expected.len());
            for (&found, e) in importances.values().iter().zip(expected) {
                close(found, e, 1e-5 * e, &format!("{name}: {key}"));
            }
        }
    }
    assert_eq!(backgrounds, 2);
}

// Every order of the features.

const CATEGORIES: u32 = 5;

fn is_category(place: usize) -> bool {
    place % 3 == 2
}

fn known(place: usize) -> Option<Vec<Category>> {
    is_category(place).then(|| (0..i64::from(CATEGORIES)).map(Category::Int).collect())
}

/// A random tree: leaves are split until there are enough. `rows` of a leaf are below the given number.
fn random_tree(seed: u64, n_features: u32, n_splits: usize, width: usize, rows: u64) -> Tree {
    let mut rng = seed::stream(seed, 0);
    let mut splits: Vec<Split> = Vec::new();
    for place in 0..n_splits as u32 {
        if place > 0 {
            // Some leaf becomes this split: leaves are told apart afterwards.
            let open: Vec<(usize, bool)> = (splits.iter().enumerate())
                .flat_map(|(i, s)| [(i, true, s.left), (i, false, s.right)])
                .filter(|(_, _, child)| matches!(child, Child::Leaf(_)))
                .map(|(i, left, _)| (i, left))
                .collect();
            let (parent, left) = open[rng.random_range(0..open.len())];
            let parent = &mut splits[parent];
            *(if left { &mut parent.left } else { &mut parent.right }) = Child::Split(place);
        }
        let feature = rng.random_range(0..n_features);
        let test = if is_category(feature as usize) {
            Test::In((0..CATEGORIES).filter(|_| rng.random_bool(0.5)).collect())
        } else {
            Test::AtMost(f64::from(rng.random_range(-2..=2i32)))
        };
        let missing =
            [MissingGoes::Left, MissingGoes::Right, MissingGoes::LeftWithZero, MissingGoes::RightWithZero];
        splits.push(Split {
            feature,
            test,
            missing: missing[rng.random_range(0..4)],
            left: Child::Leaf(0),
            right: Child::Leaf(0),
            gain: rng.random(),
            value: 0.0,
            cover: 0.0,
            rows: 0,
        });
    }
    let mut leaves = 0;
    for split in &mut splits {
        for child in [&mut split.left, &mut split.right] {
            if let Child::Leaf(leaf) = child {
                *leaf = leaves;
                leaves += 1;
            }
        }
    }
    let leaves = n_splits + 1;
    let leaf_rows: Vec<u64> = (0..leaves).map(|_| rng.random_range(0..rows)).collect();
    let covers: Vec<f64> =
        leaf_rows.iter().map(|&x| if x == 0 { 0.0 } else { x as f64 + rng.random::<f64>() }).collect();
    for place in (0..splits.len()).rev() {
        let of = |child| match child {
            Child::Split(i) => (splits[i as usize].rows, splits[i as usize].cover),
            Child::Leaf(i) => (leaf_rows[i as usize], covers[i as usize]),
        };
        let (left, right) = (of(splits[place].left), of(splits[place].right));
        (splits[place].rows, splits[place].cover) = (left.0 + right.0, left.1 + right.1);
    }
    let values = (0..leaves * width).map(|_| rng.random_range(-1.0..1.0)).collect();
    Tree::new(splits, width, values, covers, leaf_rows).unwrap()
}

/// Values that splits ask about, zeros, and missing ones.
fn random_columns(seed: u64, n_features: usize, rows: usize) -> Vec<Vec<f64>> {
    let mut rng = seed::stream(seed, 1);
    let mut value = |place: usize| match rng.random_range(0..8) {
        0 => f64::NAN,
        1 => 0.0,
        // The last one is not known.
        _ if is_category(place) => f64::from(rng.random_range(0..=CATEGORIES)),
        _ => f64::from(rng.random_range(-3..=3i32)),
    };
    (0..n_features).map(|place| (0..rows).map(|_| value(place)).collect()).collect()
}

fn ensemble(batch: &RecordBatch, trees: Vec<Tree>, base: Vec<f64>, combine: Combine) -> TreeEnsemble {
    TreeEnsemble::new(features(batch, known), MissingPolicy::default(), trees, base, combine).unwrap()
}

/// Shapley values of `v` by all sets of `n` features.
fn shapley(n: usize, v: impl Fn(usize) -> f64) -> Vec<f64> {
    let worth: Vec<f64> = (0..1usize << n).map(v).collect();
    let factorial = |k: usize| (1..=k).map(|i| i as f64).product::<f64>();
    let of = |i: usize| {
        let sets = (0..1usize << n).filter(|set| set >> i & 1 == 0);
        sets.map(|set| {
            let size = set.count_ones() as usize;
            factorial(size) * factorial(n - 1 - size) / factorial(n) * (worth[set | 1 << i] - worth[set])
        })
        .sum()
    };
    (0..n).map(of).collect()
}

/// What is expected of a tree when a set of features is known.
fn expected(
    tree: &Tree,
    at: Child,
    row: &[f64],
    set: usize,
    weight: &impl Fn(Child) -> f64,
    output: usize,
) -> f64 {
    match at {
        Child::Leaf(leaf) => tree.values(leaf as usize)[output],
        Child::Split(i) => {
            let split = &tree.splits()[i as usize];
            let of = |child| expected(tree, child, row, set, weight, output);
            if set >> split.feature & 1 == 1 {
                return of(if split.goes_left(row[split.feature as usize]) {
                    split.left
                } else {
                    split.right
                });
            }
            let (left, right) = (weight(split.left), weight(split.right));
            let share = if left + right > 0.0 { left / (left + right) } else { 0.5 };
            share * of(split.left) + (1.0 - share) * of(split.right)
        }
    }
}

fn row_of(trees: &TreeEnsemble, batch: &RecordBatch, row: usize) -> Vec<f64> {
    trees.read(batch).unwrap().iter().map(|column| column[row]).collect()
}

/// Both kinds of values against all sets of features.
fn as_by_all_sets(trees: &TreeEnsemble, rows: &RecordBatch, background: &RecordBatch, weight: NodeWeight) {
    let (n, outputs) = (trees.features().len(), trees.n_outputs());
    let has_rows = |tree: &Tree| {
        tree.splits().iter().all(|s| s.rows > 0) && (0..tree.n_leaves()).all(|leaf| tree.rows(leaf) > 0)
    };
    let by_rows = weight == NodeWeight::Rows && trees.trees().iter().all(has_rows);
    let shap = TreeShap::new(trees).node_weight(weight).explain(rows).unwrap();
    additive(&shap, trees, rows, 1e-12);
    let against = TreeShap::new(trees).interventional(background).unwrap().explain(rows).unwrap();
    additive(&against, trees, rows, 1e-12);
    let own = trees.trees();
    let divisor = if trees.combine() == Combine::Mean { own.len() } else { 1 } as f64;
    let others: Vec<Vec<f64>> = (0..background.num_rows()).map(|b| row_of(trees, background, b)).collect();
    for row in 0..rows.num_rows() {
        let x = row_of(trees, rows, row);
        for output in 0..outputs {
            let worth = |set: usize| {
                let of_tree = |(place, tree): (usize, &Tree)| {
                    let weight = |child| match child {
                        Child::Split(i) if by_rows => tree.splits()[i as usize].rows as f64,
                        Child::Leaf(i) if by_rows => tree.rows(i as usize) as f64,
                        Child::Split(i) => tree.splits()[i as usize].cover,
                        Child::Leaf(i) => tree.cover(i as usize),
                    };
                    match tree.width() == outputs {
                        true => expected(tree, tree.root(), &x, set, &weight, output),
                        false if place % outputs == output => {
                            expected(tree, tree.root(), &x, set, &weight, 0)
                        }
                        false => 0.0,
                    }
                };
                own.iter().enumerate().map(of_tree).sum::<f64>() / divisor
            };
            close(shap.base()[output], trees.base()[output] + worth(0), 1e-12, "base");
            for (j, e) in shapley(n, worth).into_iter().enumerate() {
                close(shap.values()[[row, j, output]], e, 1e-11, &format!("x{j} of {row}"));
            }
            let worth = |set: usize| {
                let of = |other: &Vec<f64>| {
                    let mixed: Vec<f64> =
                        (0..n).map(|j| if set >> j & 1 == 1 { x[j] } else { other[j] }).collect();
                    trees.outputs_of(&mixed)[output]
                };
                others.iter().map(of).sum::<f64>() / others.len() as f64
            };
            close(against.base()[output], worth(0), 1e-12, "base against a background");
            for (j, e) in shapley(n, worth).into_iter().enumerate() {
                close(
                    against.values()[[row, j, output]],
                    e,
                    1e-11,
                    &format!("x{j} of {row}, against a background"),
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn trees_by_all_sets(
        seed in any::<u64>(), n in 1..7usize, splits in 0..20usize, outputs in 1..4usize, wide in any::<bool>(),
        mean in any::<bool>(), rows in 1..12u64, by_cover in any::<bool>(),
    ) {
        let table = batch(&random_columns(seed, n, 8), is_category);
        let width = if wide { outputs } else { 1 };
        let trees: Vec<Tree> =
            (0..outputs as u64).map(|i| random_tree(seed ^ i, n as u32, splits, width, rows + 1)).collect();
        // A mean is over the trees of an output.
        let combine = if mean && (wide || outputs == 1) { Combine::Mean } else { Combine::Sum };
        let base = (0..outputs).map(|k| 0.5 * k as f64).collect();
        let trees = ensemble(&table, trees, base, combine);
        let weight = if by_cover { NodeWeight::Cover } else { NodeWeight::Rows };
        as_by_all_sets(&trees, &table.slice(0, 3), &table.slice(3, 5), weight);
    }
}

#[test]
fn twelve_features_by_all_sets() {
    for seed in 0..3 {
        let table = batch(&random_columns(seed, 12, 5), is_category);
        let trees = vec![random_tree(seed, 12, 60, 1, 9), random_tree(seed + 10, 12, 25, 1, 1000)];
        let trees = ensemble(&table, trees, vec![0.25], Combine::Sum);
        as_by_all_sets(&trees, &table.slice(0, 2), &table.slice(2, 3), NodeWeight::Rows);
    }
}

/// A tree that asks in turn whether `feature(level)` is at most 0, and ends when it is not. `shares` of rows go on.
fn chain(depth: usize, feature: impl Fn(usize) -> u32, share: impl Fn(usize) -> f64) -> Tree {
    let mut cover = 1.0;
    let mut covers = Vec::new();
    let mut splits = Vec::new();
    for level in 0..depth {
        splits.push(Split {
            feature: feature(level),
            test: Test::AtMost(0.0),
            missing: MissingGoes::Right,
            left: if level + 1 < depth { Child::Split(level as u32 + 1) } else { Child::Leaf(depth as u32) },
            right: Child::Leaf(level as u32),
            gain: 1.0,
            value: 0.0,
            cover,
            rows: 0,
        });
        covers.push(cover * (1.0 - share(level)));
        cover *= share(level);
    }
    covers.push(cover);
    let values = (0..=depth).map(|leaf| (leaf as f64).sin()).collect();
    Tree::new(splits, 1, values, covers, vec![0; depth + 1]).unwrap()
}

fn numbers(columns: &[Vec<f64>]) -> RecordBatch {
    batch(columns, |_| false)
}

fn sum_of(batch: &RecordBatch, trees: Vec<Tree>) -> TreeEnsemble {
    TreeEnsemble::new(features(batch, |_| None), MissingPolicy::default(), trees, vec![0.0], Combine::Sum)
        .unwrap()
}

#[test]
fn more_features_than_a_word_by_all_sets() {
    // Two rows that differ in the second word alone.
    let x = |is_above: bool| if is_above { 1.0 } else { -1.0 };
    let column = |j: usize| vec![x(j == 9), x(j == 9 || j == 16), x(j % 5 == 4), -1.0, 1.0];
    let table = numbers(&(0..17).map(column).collect::<Vec<_>>());
    let trees = sum_of(&table, vec![chain(17, |level| level as u32, |level| 0.9 - 0.03 * level as f64)]);
    as_by_all_sets(&trees, &table.slice(0, 2), &table.slice(2, 3), NodeWeight::Rows);
}

#[test]
fn additive_at_depth_100() {
    let mut rng = seed::stream(1, 2);
    // Most values pass, so that rows come far.
    let mut column =
        || (0..120).map(|_| if rng.random_bool(0.97) { -1.0 } else { 1.0 }).collect::<Vec<f64>>();
    let table = numbers(&(0..100).map(|_| column()).collect::<Vec<_>>());
    let deep =
        |step: usize, share: fn(usize) -> f64| chain(100, move |level| (level * step % 100) as u32, share);
    let trees = vec![
        deep(1, |_| 0.5),
        deep(37, |_| 0.99),
        deep(7, |level| if level % 2 == 0 { 1e-3 } else { 0.999 }),
        // Each feature four times.
        chain(100, |level| (level % 25) as u32, |_| 0.8),
        chain(400, |level| (level % 100) as u32, |_| 0.95),
        // Rows that nobody was like.
        deep(3, |level| if level % 10 == 5 { 0.0 } else { 0.7 }),
    ];
    for tree in trees.clone() {
        let one = sum_of(&table, vec![tree]);
        let shap = TreeShap::new(&one).explain(&table).unwrap();
        additive(&shap, &one, &table, 1e-13);
        additive(
            &TreeShap::new(&one).interventional(&table.slice(0, 50)).unwrap().explain(&table).unwrap(),
            &one,
            &table,
            1e-13,
        );
    }
    let all = sum_of(&table, trees);
    assert_eq!(all.trees().iter().map(Tree::depth).max(), Some(400));
    additive(&TreeShap::new(&all).explain(&table).unwrap(), &all, &table, 1e-12);
}

/// A hundred features that are all alike get a hundredth each.
#[test]
fn equal_features_get_equal_values_at_depth_100() {
    let table = numbers(&vec![vec![-1.0, 1.0]; 100]);
    for share in [0.5, 0.1, 0.99] {
        let mut tree = chain(100, |level| level as u32, |_| share);
        let covers = (0..=100).map(|leaf| tree.cover(leaf)).collect();
        let values = (0..=100).map(|leaf| if leaf == 100 { 1.0 } else { 0.0 }).collect();
        tree = Tree::new(tree.splits().to_vec(), 1, values, covers, vec![0; 101]).unwrap();
        let trees = sum_of(&table, vec![tree]);
        let none = share.powi(100);
        let shap = TreeShap::new(&trees).explain(&table).unwrap();
        let against =
            TreeShap::new(&trees).interventional(&table.slice(1, 1)).unwrap().explain(&table).unwrap();
        for j in 0..100 {
            close(shap.values()[[0, j, 0]], (1.0 - none) / 100.0, 1e-15, "all passed");
            close(shap.values()[[1, j, 0]], -none / 100.0, 1e-15, "none passed");
            close(against.values()[[0, j, 0]], 0.01, 1e-15, "against one that passes none");
            assert_eq!(against.values()[[1, j, 0]], 0.0);
        }
    }
}

// By hand.

fn stump(values: [f64; 2], rows: [u64; 2], missing: MissingGoes) -> Tree {
    let split = Split {
        feature: 0,
        test: Test::AtMost(0.0),
        missing,
        left: Child::Leaf(0),
        right: Child::Leaf(1),
        gain: 2.5,
        value: 0.0,
        cover: (rows[0] + rows[1]) as f64,
        rows: rows[0] + rows[1],
    };
    Tree::new(vec![split], 1, values.to_vec(), rows.map(|x| x as f64).to_vec(), rows.to_vec()).unwrap()
}

#[test]
fn a_stump() {
    let table = numbers(&[vec![-1.0, 1.0, f64::NAN], vec![0.0; 3]]);
    let trees = sum_of(&table, vec![stump([1.0, 5.0], [3, 1], MissingGoes::Left)]);
    let shap = TreeShap::new(&trees).explain(&table).unwrap();
    assert_eq!(shap.base(), [2.0]);
    assert_eq!(shap.values().shape(), [3, 2, 1]);
    assert_eq!(shap.output(0).unwrap().column(0).to_vec(), [-1.0, 3.0, -1.0]);
    assert_eq!(shap.output(0).unwrap().column(1).to_vec(), [0.0; 3]);
    assert_eq!(shap.mean_absolute(0).unwrap(), [5.0 / 3.0, 0.0]);
    // Against a missing value and one that is above.
    let against = TreeShap::new(&trees).interventional(&table.slice(1, 2)).unwrap();
    assert_eq!(against.base(), [3.0]);
    assert_eq!(against.explain(&table).unwrap().output(0).unwrap().column(0).to_vec(), [-2.0, 2.0, -2.0]);
}

#[test]
fn branches_without_rows() {
    let table = numbers(&[vec![-1.0, 1.0]]);
    let of = |rows| {
        let trees = sum_of(&table, vec![stump([1.0, 5.0], rows, MissingGoes::Right)]);
        let shap = TreeShap::new(&trees).explain(&table).unwrap();
        additive(&shap, &trees, &table, 0.0);
        (shap.base()[0], shap.output(0).unwrap().column(0).to_vec())
    };
    assert_eq!(of([0, 4]), (5.0, vec![-4.0, 0.0]));
    assert_eq!(of([0, 0]), (3.0, vec![-2.0, 2.0]));
    // The rows of one node are not known: covers count.
    let known = stump([1.0, 5.0], [3, 1], MissingGoes::Right);
    let unknown = Split { rows: 0, ..known.splits()[0].clone() };
    let unknown = Tree::new(vec![unknown], 1, vec![1.0, 5.0], vec![1.0, 1.0], vec![3, 1]).unwrap();
    assert_eq!(TreeShap::new(&sum_of(&table, vec![known.clone()])).base(), [2.0]);
    assert_eq!(TreeShap::new(&sum_of(&table, vec![known, unknown])).base(), [2.0 + 3.0]);
}

#[test]
fn trees_of_one_leaf() {
    let table = numbers(&[vec![1.0, 2.0]]);
    let leaf = |values: Vec<f64>| Tree::new(vec![], values.len(), values, vec![1.0], vec![1]).unwrap();
    let trees = TreeEnsemble::new(
        features(&table, |_| None),
        MissingPolicy::default(),
        vec![leaf(vec![1.0, 2.0]), leaf(vec![2.0, 4.0])],
        vec![0.5, 0.0],
        Combine::Mean,
    )
    .unwrap();
    for shap in [TreeShap::new(&trees), TreeShap::new(&trees).interventional(&table).unwrap()] {
        assert_eq!(shap.base(), [2.0, 3.0]);
        assert!(shap.explain(&table).unwrap().values().iter().all(|&x| x == 0.0));
    }
    // Nor are there features, nor trees.
    let none = TreeEnsemble::new(vec![], MissingPolicy::default(), vec![], vec![0.5], Combine::Mean).unwrap();
    let shap = TreeShap::new(&none).explain(&table).unwrap();
    assert_eq!((shap.base(), shap.values().shape()), (&[0.5][..], &[2, 0, 1][..]));
    assert_eq!(shap.to_batch(0).unwrap().num_rows(), 2);
    assert_eq!(Importances::new(&none, Importance::Gain).to_batch().unwrap().num_rows(), 0);
}

#[test]
fn a_column_for_each_feature() {
    let column = |x: f64| Arc::new(Float64Array::from(vec![x, -x])) as ArrayRef;
    let table = RecordBatch::try_from_iter([("é", column(1.0)), ("base_value", column(2.0))]).unwrap();
    let trees = sum_of(&table, vec![stump([1.0, 5.0], [3, 1], MissingGoes::Left)]);
    let shap = TreeShap::new(&trees).explain(&table).unwrap();
    let out = shap.to_batch(0).unwrap();
    let names: Vec<_> = out.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["é", "base_value", "base_value_"]);
    assert_eq!(shap.features(), &names[..2]);
    assert_eq!(out.column(0).as_primitive::<Float64Type>().values()[..], [3.0, -1.0]);
    assert_eq!(out.column(2).as_primitive::<Float64Type>().values()[..], [2.0, 2.0]);
    let empty = TreeShap::new(&trees).explain(&table.slice(0, 0)).unwrap();
    assert_eq!(empty.to_batch(0).unwrap().schema(), out.schema());
    assert_eq!(empty.values().shape(), [0, 2, 1]);
    assert_eq!(empty.mean_absolute(0).unwrap(), [0.0, 0.0]);
    let error = shap.to_batch(1).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidParameter { name, .. } if name == "output"), "{error}");
    assert!(shap.output(usize::MAX).is_err() && shap.mean_absolute(1).is_err());
}

#[test]
fn what_is_refused() {
    let table = numbers(&[vec![1.0, f64::NAN]]);
    let tree = stump([1.0, 5.0], [3, 1], MissingGoes::Left);
    let trees = sum_of(&table, vec![tree.clone()]);
    let shap = TreeShap::new(&trees);
    let other = RecordBatch::try_from_iter([("y", table.column(0).clone())]).unwrap();
    let error = shap.explain(&other).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MissingColumn { name, .. } if name == "x0"), "{error}");
    let error = shap.clone().interventional(&other).unwrap_err();
    assert!(error.to_string().contains("background") && error.to_string().contains("x0"), "{error}");
    let error = shap.interventional(&table.slice(0, 0)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooFewRows { .. }), "{error}");

    let policy =
        MissingPolicy { nan: OnMissing::Refuse, unseen: OnUnseen::Refuse, ..MissingPolicy::default() };
    let strict =
        TreeEnsemble::new(features(&table, |_| None), policy, vec![tree], vec![0.0], Combine::Sum).unwrap();
    let error = TreeShap::new(&strict).explain(&table).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MissingValues { .. }), "{error}");
    assert!(TreeShap::new(&strict).explain(&table.slice(0, 1)).is_ok());
}

#[test]
fn unseen_categories_are_missing() {
    let columns = vec![vec![0.0; 4], vec![0.0; 4], vec![1.0, 3.0, f64::NAN, 77.0]];
    let table = batch(&columns, is_category);
    let split = Split {
        feature: 2,
        test: Test::In([1].into_iter().collect()),
        missing: MissingGoes::Left,
        left: Child::Leaf(0),
        right: Child::Leaf(1),
        gain: 0.0,
        value: 0.0,
        cover: 0.0,
        rows: 4,
    };
    let tree = Tree::new(vec![split], 1, vec![4.0, 0.0], vec![0.0; 2], vec![1, 3]).unwrap();
    let trees = ensemble(&table, vec![tree], vec![0.0], Combine::Sum);
    let shap = TreeShap::new(&trees).explain(&table).unwrap();
    assert_eq!(shap.output(0).unwrap().column(2).to_vec(), [3.0, -1.0, 3.0, 3.0]);
    // Covers are not known: half each.
    let shap = TreeShap::new(&trees).node_weight(NodeWeight::Cover).explain(&table).unwrap();
    assert_eq!(shap.base(), [2.0]);
}

// The same bits.

#[test]
fn any_number_of_threads_and_any_rows_beside() {
    let table = batch(&random_columns(5, 9, 5000), is_category);
    let trees = (0..6).map(|i| random_tree(i, 9, 80, 1, 50)).collect();
    let trees = ensemble(&table, trees, vec![0.1, 0.2, 0.3], Combine::Mean);
    let explain = |threads: usize, background: bool, table: &RecordBatch| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut shap = TreeShap::new(&trees);
            if background {
                shap = shap.interventional(&batch(&random_columns(6, 9, 2100), is_category)).unwrap();
            }
            shap.explain(table).unwrap()
        })
    };
    for background in [false, true] {
        let one = explain(1, background, &table);
        additive(&one, &trees, &table, 1e-12);
        for threads in [2, 7] {
            assert!(explain(threads, background, &table) == one, "{threads} threads");
        }
        let alone = explain(2, background, &table.slice(4321, 1));
        for output in 0..3 {
            assert_eq!(alone.output(output).unwrap().row(0), one.output(output).unwrap().row(4321));
        }
    }
}

// Importances.

#[test]
fn importances_of_splits() {
    let table = numbers(&[vec![1.0], vec![1.0], vec![1.0]]);
    let trees = sum_of(
        &table,
        vec![stump([1.0, 5.0], [3, 1], MissingGoes::Left), chain(3, |level| level as u32 % 2, |_| 0.5)],
    );
    let of = |kind| Importances::new(&trees, kind).values().to_vec();
    assert_eq!(of(Importance::Gain), [4.5, 1.0, 0.0]);
    assert_eq!(of(Importance::Split), [3.0, 1.0, 0.0]);
    assert_eq!(of(Importance::Cover), [5.25, 0.5, 0.0]);
    let gain = Importances::new(&trees, Importance::default());
    assert_eq!((gain.kind(), gain.of("x1"), gain.of("nobody")), (Importance::Gain, Some(1.0), None));
    assert_eq!(gain.names(), ["x0", "x1", "x2"]);
    // Equal ones by name.
    let table =
        RecordBatch::try_from_iter(["c", "b", "a"].map(|name| (name, table.column(0).clone()))).unwrap();
    let trees = sum_of(&table, vec![stump([1.0, 5.0], [3, 1], MissingGoes::Left)]);
    let gain = Importances::new(&trees, Importance::Gain);
    assert_eq!(gain.sorted(), [("c", 2.5), ("a", 0.0), ("b", 0.0)]);
    let out = gain.to_batch().unwrap();
    assert_eq!(
        out.column_by_name("importance").unwrap().as_primitive::<Float64Type>().values()[..],
        [2.5, 0.0, 0.0]
    );
    assert_eq!(out.column(0).as_string::<i32>().value(1), "a");
    assert_eq!(out.column(1).null_count(), 0);
}

// Models.

#[test]
fn boosted_trees_of_three_classes() {
    let mut columns = random_columns(3, 5, 600);
    let noise = random_columns(4, 1, 600).remove(0);
    // By x0 and x1 alone, but for some noise.
    let class = |row: usize| {
        let sum = columns[0][row].max(-9.0) + columns[1][row].max(-9.0) + 0.1 * noise[row].max(-1.0);
        if sum < -1.0 { 0.0 } else { f64::from(1 + u8::from(sum > 2.0)) }
    };
    let classes: Vec<f64> = (0..600).map(class).collect();
    columns.push(classes);
    let table = batch(&columns, is_category);
    let train = Dataset::new(table.clone()).unwrap().target("x5").unwrap().into_train_all();
    let model = Gbdt::classifier().trees(10).min_rows(5).categorical(["x2"]).fit(&train).unwrap();
    let margins = model.margins(&table).unwrap();
    for shap in [
        TreeShap::new(model.ensemble()),
        TreeShap::new(model.ensemble()).interventional(&table.slice(0, 100)).unwrap(),
    ] {
        let shap = shap.explain(&table).unwrap();
        for output in 0..3 {
            let values = shap.output(output).unwrap();
            for row in 0..600 {
                let sum = shap.base()[output] + values.row(row).sum();
                close(sum, margins[[row, output]], 1e-12, &format!("row {row}, class {output}"));
            }
            let mut most: Vec<_> =
                shap.mean_absolute(output).unwrap().into_iter().zip(shap.features()).collect();
            most.sort_by(|a, b| b.0.total_cmp(&a.0));
            let most: BTreeSet<&str> = most[..2].iter().map(|(_, name)| name.as_str()).collect();
            assert!(most.into_iter().eq(["x0", "x1"]));
        }
    }
    let gain = Importances::new(model.ensemble(), Importance::Gain);
    assert!(gain.sorted()[..2].iter().all(|(name, _)| ["x0", "x1"].contains(name)));
}

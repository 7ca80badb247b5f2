//! Shapley values of trees, and importances.

#![allow(clippy::unwrap_used)]

mod all_sets;
mod by_hand;
mod importances;
mod models;
mod reference;

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

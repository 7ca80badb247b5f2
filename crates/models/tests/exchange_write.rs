//! Ensembles of any kind are written as LightGBM's text and read again: outputs are the same.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{Float64Array, RecordBatch, StringArray};
use mlsys_core::{Category, InputColumn, Layout};
use mlsys_models::exchange::{Link, TreeModel, lightgbm, onnx::OnnxWriter};
use mlsys_models::trees::{
    Child, Combine, MissingGoes, MissingPolicy, OnUnseen, Split, Test, Tree, TreeEnsemble, TreeFeature,
};
use proptest::prelude::*;

/// Numbers at thresholds and around zero, and categories of which `new` was not there in training.
fn rows() -> RecordBatch {
    let numbers = [
        None,
        Some(0.0),
        Some(-0.0),
        Some(1e-36),
        Some(-1.0),
        Some(1.0),
        Some(0.5),
        Some(2.5),
        Some(f64::NAN),
    ];
    let texts = [None, Some("a"), Some("b"), Some("c"), Some("d"), Some("new")];
    let x: Vec<Option<f64>> = numbers.iter().flat_map(|x| [*x; 6]).collect();
    let k: Vec<Option<&str>> = numbers.iter().flat_map(|_| texts).collect();
    RecordBatch::try_from_iter([
        ("x y", Arc::new(Float64Array::from(x)) as _),
        ("k", Arc::new(StringArray::from(k)) as _),
    ])
    .unwrap()
}

fn features() -> Vec<TreeFeature> {
    let layout = Layout::new(rows().schema()).unwrap();
    let column = |name: &str| InputColumn::new(&layout, name).unwrap();
    let categories = ["a", "b", "c", "d"].map(Category::from).to_vec();
    vec![TreeFeature::number(column("x y")).unwrap(), TreeFeature::category(column("k"), categories).unwrap()]
}

fn tree(width: usize) -> impl Strategy<Value = Tree> {
    let missing = prop::sample::select(vec![
        MissingGoes::Left,
        MissingGoes::Right,
        MissingGoes::LeftWithZero,
        MissingGoes::RightWithZero,
    ]);
    let test = prop_oneof![
        prop::sample::select(vec![0.0, -1.0, 1.0, 0.1, f64::INFINITY, f64::NEG_INFINITY, 1e-300])
            .prop_map(Test::AtMost),
        prop::collection::vec(0u32..6, 0..6).prop_map(|set| Test::In(set.into_iter().collect())),
    ];
    prop::collection::vec((test, missing, any::<bool>()), 0..5).prop_flat_map(move |splits| {
        let n = splits.len();
        let splits: Vec<Split> = (splits.into_iter().enumerate())
            .map(|(at, (test, missing, flip))| {
                let last = at + 1 == n;
                let next = if last { Child::Leaf(n as u32) } else { Child::Split(at as u32 + 1) };
                let leaf = Child::Leaf(at as u32);
                let (left, right) = if flip { (next, leaf) } else { (leaf, next) };
                let feature = u32::from(matches!(test, Test::In(_)));
                Split {
                    feature,
                    test,
                    missing,
                    left,
                    right,
                    gain: 0.1,
                    value: 0.2,
                    cover: 3.0,
                    rows: u64::MAX,
                }
            })
            .collect();
        prop::collection::vec(-1e3..1e3f64, (n + 1) * width).prop_map(move |values| {
            Tree::new(splits.clone(), width, values, vec![0.5; n + 1], vec![7; n + 1]).unwrap()
        })
    })
}

fn ensemble() -> impl Strategy<Value = TreeEnsemble> {
    (1usize..4, any::<bool>(), any::<bool>()).prop_flat_map(|(outputs, wide, mean)| {
        let trees = prop::collection::vec(tree(if wide { outputs } else { 1 }), 0..5);
        (trees, prop::collection::vec(-2.0..2.0f64, outputs)).prop_map(move |(mut trees, base)| {
            if mean && !wide {
                trees.truncate(trees.len() / outputs * outputs);
            }
            let combine = if mean { Combine::Mean } else { Combine::Sum };
            TreeEnsemble::new(features(), MissingPolicy::default(), trees, base, combine).unwrap()
        })
    })
}

proptest! {
    #[test]
    fn outputs_survive(ensemble in ensemble()) {
        let (mean, outputs) = (ensemble.combine() == Combine::Mean, ensemble.n_outputs());
        let model = TreeModel::new(ensemble, Link::Identity).unwrap();
        let text = lightgbm::write(&model).unwrap();
        let again = lightgbm::read(&text).unwrap();
        prop_assert_eq!(again.ensemble().n_outputs(), outputs);
        let names: Vec<&str> = again.ensemble().features().iter().map(|f| f.name()).collect();
        prop_assert_eq!(names, ["x_y", "k"]);
        let batch = rows();
        let renamed = RecordBatch::try_from_iter([
            ("x_y", batch.column(0).clone()),
            ("k", batch.column(1).clone()),
        ]).unwrap();
        let expected = model.margins(&batch).unwrap();
        let found = again.margins(&renamed).unwrap();
        for (found, expected) in found.iter().zip(&expected) {
            let close = if mean { (found - expected).abs() <= 1e-12 * 1e3 } else { found == expected };
            prop_assert!(close, "{} instead of {}", found, expected);
        }
        // What was read is written as it was.
        prop_assert_eq!(lightgbm::write(&again).unwrap(), text);
        OnnxWriter::new().write(&model).unwrap();
    }
}

#[test]
fn what_the_text_cannot_say_is_refused() {
    let split = |missing| Split {
        feature: 1,
        test: Test::In([1].into_iter().collect()),
        missing,
        left: Child::Leaf(0),
        right: Child::Leaf(1),
        gain: 0.0,
        value: 0.0,
        cover: 0.0,
        rows: 0,
    };
    let of = |missing, unseen, link| {
        let tree = Tree::new(vec![split(missing)], 1, vec![1.0, 2.0], vec![0.0; 2], vec![0; 2]).unwrap();
        let policy = MissingPolicy { unseen, ..MissingPolicy::default() };
        let ensemble = TreeEnsemble::new(features(), policy, vec![tree], vec![0.0], Combine::Sum).unwrap();
        let written = lightgbm::write(&TreeModel::new(ensemble, link).unwrap());
        written.err().map(|e| e.to_string()).unwrap_or_default()
    };
    use Link::Identity;
    assert_eq!(of(MissingGoes::Left, OnUnseen::AsMissing, Identity), "");
    assert_eq!(of(MissingGoes::Right, OnUnseen::AsOther, Identity), "");
    assert!(
        of(MissingGoes::Left, OnUnseen::AsOther, Identity).contains("missing values of `k` that go left")
    );
    assert!(of(MissingGoes::Right, OnUnseen::AsMissing, Link::Step).contains("the link Step of 1 outputs"));
}

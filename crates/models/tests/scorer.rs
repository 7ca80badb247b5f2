//! Scorers of trees of any shape: the bits of the plain walk, whatever is asked and whatever comes.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, Int32Array, RecordBatch, StringArray};
use mlsys_core::{Category, Dataset, ErrorKind, InputColumn};
use mlsys_models::trees::{
    Categories, Child, Combine, MissingGoes, MissingPolicy, OnUnseen, Scorer, Split, Test, Tree,
    TreeEnsemble, TreeFeature,
};
use proptest::prelude::*;

/// Numbers that look drawn.
struct Draw(u64);

impl Draw {
    /// Below `n`.
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let x = (self.0 ^ (self.0 >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (x >> 33) as usize % n
    }

    fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }
}

/// Zero as LightGBM has it, and its neighbours.
const ZERO: f64 = 1e-35_f32 as f64;

const NUMBERS: [f64; 21] = [
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    0.0,
    -0.0,
    1e-40,
    -1e-40,
    ZERO,
    -ZERO,
    1.1e-35,
    -1.1e-35,
    0.5,
    1.0,
    -1.0,
    1.5,
    2.0,
    3.0,
    7.0,
    -7.5,
    1e300,
    -1e300,
];

const CATEGORIES: usize = 70;

/// Two columns of numbers, one of whole numbers, and one of categories, of which some are unseen and some null.
fn table(rows: usize, draw: &mut Draw) -> RecordBatch {
    let a: Float64Array = (0..rows).map(|_| (draw.below(5) > 0).then(|| draw.of(&NUMBERS))).collect();
    let b: Float64Array = (0..rows).map(|_| Some(draw.of(&NUMBERS))).collect();
    let i: Int32Array = (0..rows).map(|_| (draw.below(9) > 0).then(|| draw.below(9) as i32 - 4)).collect();
    let c = (0..rows).map(|_| (draw.below(9) > 0).then(|| format!("{:03}", draw.below(CATEGORIES + 9))));
    let c: StringArray = c.collect();
    let columns: [(&str, ArrayRef); 4] =
        [("a", Arc::new(a)), ("b", Arc::new(b)), ("i", Arc::new(i)), ("c", Arc::new(c))];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn features(categories: usize) -> Vec<TreeFeature> {
    let data = Dataset::new(table(3, &mut Draw(1))).unwrap();
    let column = |name| InputColumn::new(data.layout(), name).unwrap();
    let number = |name| TreeFeature::number(column(name)).unwrap();
    // Codes are not in the order of their categories.
    let of = |code: usize| Category::Text(format!("{:03}", code * 37 % categories).into());
    let category = TreeFeature::category(column("c"), (0..categories).map(of).collect()).unwrap();
    vec![number("a"), number("b"), number("i"), category]
}

fn set(draw: &mut Draw) -> Categories {
    let n = draw.below(40);
    // Some of which no category has.
    (0..n).map(|_| draw.below(CATEGORIES + 3) as u32).collect()
}

fn tree(leaves: usize, width: usize, draw: &mut Draw) -> Tree {
    let mut splits: Vec<Split> = Vec::new();
    let mut open: Vec<Option<(usize, bool)>> = vec![None];
    let put = |splits: &mut Vec<Split>, at: Option<(usize, bool)>, child| match at {
        Some((parent, true)) => splits[parent].left = child,
        Some((parent, false)) => splits[parent].right = child,
        None => {}
    };
    while open.len() < leaves {
        let at = open.swap_remove(draw.below(open.len()));
        let place = splits.len();
        put(&mut splits, at, Child::Split(place as u32));
        let feature = draw.below(4) as u32;
        let test = if feature == 3 { Test::In(set(draw)) } else { Test::AtMost(draw.of(&NUMBERS[1..])) };
        let sides =
            [MissingGoes::Left, MissingGoes::Right, MissingGoes::LeftWithZero, MissingGoes::RightWithZero];
        let missing = draw.of(&sides);
        let (left, right) = (Child::Leaf(0), Child::Leaf(0));
        splits.push(Split {
            feature,
            test,
            missing,
            left,
            right,
            gain: 0.0,
            value: 0.0,
            cover: 0.0,
            rows: 0,
        });
        open.extend([Some((place, true)), Some((place, false))]);
    }
    for leaf in 0..leaves {
        let at = open.swap_remove(draw.below(open.len()));
        put(&mut splits, at, Child::Leaf(leaf as u32));
    }
    // Sums of these depend on their order.
    let values = (0..leaves * width).map(|_| draw.of(&[-0.0, 0.1, -0.3, 1e16, -1e16, 3.7, 1e-3])).collect();
    Tree::new(splits, width, values, vec![0.0; leaves], vec![0; leaves]).unwrap()
}

fn bits<'a>(values: impl IntoIterator<Item = &'a f64>) -> Vec<u64> {
    values.into_iter().map(|x| x.to_bits()).collect()
}

/// One row, many rows, and leaves.
fn as_walked(ensemble: &TreeEnsemble, batch: &RecordBatch) {
    let columns = ensemble.read(batch).unwrap();
    let (outputs, leaves) = (ensemble.outputs(batch).unwrap(), ensemble.leaves(batch).unwrap());
    assert_eq!(bits(&outputs), bits(&ensemble.outputs_by_walk(batch).unwrap()));
    let scorer = Scorer::new(ensemble);
    let mut scratch = scorer.scratch();
    for row in 0..batch.num_rows() {
        let values: Vec<f64> = columns.iter().map(|column| column[row]).collect();
        let found = scorer.score(&values, &mut scratch).unwrap();
        assert_eq!(bits(found), bits(&ensemble.outputs_of(&values)), "row {row}: {values:?}");
        let walked = ensemble.trees().iter().map(|tree| tree.leaf(&values) as u32);
        assert!(walked.eq(leaves.row(row).iter().copied()), "row {row}: {values:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn trees_of_any_shape_are_scored_as_they_are_walked(
        seed in any::<u64>(),
        leaves in prop::sample::select(vec![1usize, 2, 31, 32, 33, 63, 64, 65, 150]),
        trees in prop::sample::select(vec![0usize, 1, 7, 8, 9, 16, 33]),
        n_outputs in 1usize..4,
        own_values in any::<bool>(),
        combine in prop::sample::select(vec![Combine::Sum, Combine::Mean]),
        unseen in prop::sample::select(vec![OnUnseen::AsMissing, OnUnseen::AsOther]),
        rows in prop::sample::select(vec![0usize, 1, 9, 255, 256, 515]),
    ) {
        let mut draw = Draw(seed);
        let width = if own_values { n_outputs } else { 1 };
        // The last is as large as said, which decides how all are scored.
        let size = |tree| if tree + 1 == trees { leaves } else { 1 + tree * 7 % leaves };
        let trees = (0..trees).map(|i| tree(size(i), width, &mut draw)).collect();
        let base = (0..n_outputs).map(|_| draw.of(&[-0.0, 0.0, 0.7])).collect();
        let policy = MissingPolicy { unseen, ..MissingPolicy::default() };
        let ensemble = TreeEnsemble::new(features(CATEGORIES), policy, trees, base, combine).unwrap();
        as_walked(&ensemble, &table(rows + 3, &mut draw).slice(3, rows));
    }
}

#[test]
fn rows_of_codes_that_no_category_has_are_scored_as_they_are_walked() {
    let mut draw = Draw(5);
    for leaves in [20, 60, 90] {
        let trees = (0..20).map(|_| tree(leaves, 1, &mut draw)).collect();
        let features = features(CATEGORIES);
        let ensemble =
            TreeEnsemble::new(features, MissingPolicy::default(), trees, vec![0.0], Combine::Sum).unwrap();
        let scorer = Scorer::new(&ensemble);
        let mut scratch = scorer.scratch();
        for code in (0..90).map(f64::from).chain([
            f64::NAN,
            -1.0,
            -0.0,
            1e300,
            f64::INFINITY,
            f64::NEG_INFINITY,
            4_294_967_295.0,
        ]) {
            let row = [draw.of(&NUMBERS), draw.of(&NUMBERS), draw.of(&NUMBERS), code];
            let found = scorer.score(&row, &mut scratch).unwrap();
            assert_eq!(bits(found), bits(&ensemble.outputs_of(&row)), "{row:?}");
        }
    }
}

#[test]
fn many_splits_by_many_categories_are_prepared_at_once() {
    // Telling apart 60,000 categories by each of 63,000 splits would ask four thousand million times.
    let categories = 60_000;
    let split = |i: u32| Split {
        feature: 3,
        test: Test::In([i * 17 % 64, if i == 5 { categories - 1 } else { i }].into_iter().collect()),
        missing: MissingGoes::Left,
        left: Child::Leaf(i),
        right: if i < 62 { Child::Split(i + 1) } else { Child::Leaf(63) },
        gain: 0.0,
        value: 0.0,
        cover: 0.0,
        rows: 0,
    };
    let tree = |i: usize| {
        let values = (0..64).map(|leaf| (leaf * i) as f64).collect();
        Tree::new((0..63).map(split).collect(), 1, values, vec![0.0; 64], vec![0; 64]).unwrap()
    };
    let trees = (0..1000).map(tree).collect();
    let features = features(categories as usize);
    let ensemble =
        TreeEnsemble::new(features, MissingPolicy::default(), trees, vec![0.0], Combine::Sum).unwrap();
    as_walked(&ensemble, &table(40, &mut Draw(3)));
}

#[test]
fn a_scratch_of_another_scorer_is_refused() {
    let ensemble = |trees: usize| {
        let trees = (0..trees).map(|_| tree(9, 1, &mut Draw(1))).collect();
        TreeEnsemble::new(features(CATEGORIES), MissingPolicy::default(), trees, vec![0.0], Combine::Sum)
            .unwrap()
    };
    let (one, none) = (Scorer::new(&ensemble(1)), Scorer::new(&ensemble(0)));
    let error = one.score(&[0.0; 4], &mut none.scratch()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Shape { .. }), "{error}");
}

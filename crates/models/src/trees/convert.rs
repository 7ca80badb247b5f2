//! From a tree by bins to one by values.

use mlsys_core::Result;

use super::bins::{FeatureBins, FeaturesInBins};
use super::grow::{BinTest, Grown, divided, shrunk};
use super::tree::{Categories, Child, MissingGoes, Split, Test, Tree};

/// The sums of a leaf's derivatives.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Sums {
    pub g: f64,
    pub h: f64,
    pub rows: u64,
}

impl Sums {
    pub fn add(self, other: Self) -> Self {
        Self { g: self.g + other.g, h: self.h + other.h, rows: self.rows + other.rows }
    }

    /// `-g / (h + l2)`, which makes the objective least, within bounds.
    pub fn value(&self, l1: f64, l2: f64, bounds: [f64; 2]) -> f64 {
        let value = if self.h + l2 > 0.0 { -shrunk(self.g, l1) / (self.h + l2) } else { 0.0 };
        value.max(bounds[0]).min(bounds[1])
    }

    /// By how much the objective is less with a value than with 0.
    fn score(&self, l1: f64, l2: f64, value: f64) -> f64 {
        -(2.0 * shrunk(self.g, l1) * value + (self.h + l2) * value * value)
    }
}

/// What values are made by.
#[derive(Debug, Clone)]
pub(crate) struct Penalty {
    pub l1: f64,
    pub l2: f64,
    pub learning_rate: f64,
    /// The largest magnitude of a value.
    pub max_step: f64,
    /// As in `GrowParameters`.
    pub monotone: Vec<i8>,
}

/// The tree by values. Gains, values and covers come from the exact sums of its leaves; `renewed` has other values of the leaves, if there
/// are.
pub(crate) fn tree(
    grown: &Grown,
    features: &FeaturesInBins,
    sums: &[Sums],
    penalty: &Penalty,
    renewed: Option<&[f64]>,
) -> Result<Tree> {
    let Penalty { l1, l2, learning_rate, max_step, ref monotone } = *penalty;
    let mut below = vec![Sums::default(); grown.splits.len()];
    let of = |child: Child, below: &[Sums]| match child {
        Child::Split(i) => below[i as usize],
        Child::Leaf(i) => sums[i as usize],
    };
    for (place, split) in grown.splits.iter().enumerate().rev() {
        below[place] = of(split.left, &below).add(of(split.right, &below));
    }
    // From the root on: what a node may have as its value, and the penalty under which it has it.
    let free = [-max_step, max_step];
    let mut bounds = vec![free; grown.splits.len()];
    let mut leaf_bounds = vec![free; grown.leaves.len()];
    let mut extra = vec![0.0; grown.splits.len()];
    let mut leaf_extra = vec![0.0; grown.leaves.len()];
    let mut gains = vec![0.0; grown.splits.len()];
    for (place, split) in grown.splits.iter().enumerate() {
        let children = [split.left, split.right];
        let l2_below = l2 + split.extra_l2;
        let values = children.map(|child| of(child, &below).value(l1, l2_below, bounds[place]));
        let score = |i: usize| of(children[i], &below).score(l1, l2_below, values[i]);
        let own = below[place].score(l1, l2, below[place].value(l1, l2, free));
        let gain = score(0) + score(1) - own;
        // Squares of huge sums overflow.
        gains[place] = if gain.is_finite() { gain } else { f64::MAX };
        let direction = monotone.get(split.feature as usize).copied().unwrap_or(0);
        for (child, own) in children.into_iter().zip(divided(bounds[place], values, direction)) {
            match child {
                Child::Split(i) => (bounds[i as usize], extra[i as usize]) = (own, split.extra_l2),
                Child::Leaf(i) => (leaf_bounds[i as usize], leaf_extra[i as usize]) = (own, split.extra_l2),
            }
        }
    }
    let splits = grown.splits.iter().enumerate();
    let splits = splits.map(|(place, split)| {
        let bins = &features.bins[split.feature as usize];
        let (test, missing_left) = match (split.test, bins) {
            (BinTest::AtMost(bin), _) => (Test::AtMost(bins.upper(bin as usize)), split.missing_left),
            (BinTest::In(left), FeatureBins::Categories(bin_of)) => {
                // Categories without a bin were in no row: they go where missing values go.
                let is_left = |bin: u8| left[bin as usize / 64] >> (bin % 64) & 1 == 1;
                let codes = bin_of.iter().zip(0..).filter(|&(&bin, _)| is_left(bin)).map(|(_, code)| code);
                (Test::In(codes.collect::<Categories>()), left[0] & 1 == 1)
            }
            (BinTest::In(_), FeatureBins::Ordered(_)) => (Test::AtMost(f64::INFINITY), split.missing_left),
        };
        Split {
            feature: split.feature,
            test,
            missing: MissingGoes::side(missing_left),
            left: split.left,
            right: split.right,
            gain: gains[place],
            value: learning_rate * below[place].value(l1, l2 + extra[place], bounds[place]),
            cover: below[place].h,
            rows: below[place].rows,
        }
    });
    let leaf = |place: usize| {
        let bounds = leaf_bounds[place];
        let value = match renewed {
            Some(values) => values[place].max(bounds[0]).min(bounds[1]),
            None => sums[place].value(l1, l2 + leaf_extra[place], bounds),
        };
        learning_rate * value
    };
    let values = (0..sums.len()).map(leaf).collect();
    let covers = sums.iter().map(|sums| sums.h).collect();
    Tree::new(splits.collect(), 1, values, covers, sums.iter().map(|sums| sums.rows).collect())
}

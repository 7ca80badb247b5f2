//! From a tree by bins to one by values.

use mlsys_core::Result;

use super::bins::{FeatureBins, FeaturesInBins};
use super::grow::{BinTest, Grown, shrunk};
use super::tree::{Categories, Child, MissingGoes, Split, Test, Tree};

/// The sums of a leaf's derivatives.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Sums {
    pub g: f64,
    pub h: f64,
    pub rows: u64,
}

impl Sums {
    fn add(self, other: Self) -> Self {
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
#[derive(Debug, Clone, Copy)]
pub(crate) struct Penalty {
    pub l1: f64,
    pub l2: f64,
    pub learning_rate: f64,
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
    let Penalty { l1, l2, learning_rate } = *penalty;
    let mut below = vec![Sums::default(); grown.splits.len()];
    let mut extra = vec![0.0; grown.splits.len()];
    let mut leaf_extra = vec![0.0; grown.leaves.len()];
    for split in &grown.splits {
        for child in [split.left, split.right] {
            match child {
                Child::Split(i) => extra[i as usize] = split.extra_l2,
                Child::Leaf(i) => leaf_extra[i as usize] = split.extra_l2,
            }
        }
    }
    let of = |child: Child, below: &[Sums]| match child {
        Child::Split(i) => (below[i as usize], grown.splits[i as usize].bounds),
        Child::Leaf(i) => (sums[i as usize], grown.leaves[i as usize].bounds),
    };
    let mut gains = vec![0.0; grown.splits.len()];
    for (place, split) in grown.splits.iter().enumerate().rev() {
        let children = [of(split.left, &below), of(split.right, &below)];
        below[place] = children[0].0.add(children[1].0);
        let l2_below = l2 + split.extra_l2;
        let score =
            |(sums, bounds): (Sums, [f64; 2])| sums.score(l1, l2_below, sums.value(l1, l2_below, bounds));
        let own = below[place].value(l1, l2, NO_BOUNDS);
        gains[place] = score(children[0]) + score(children[1]) - below[place].score(l1, l2, own);
    }
    let splits = grown.splits.iter().enumerate();
    let splits = splits.map(|(place, split)| {
        let bins = &features.bins[split.feature as usize];
        let (test, missing_left) = match (split.test, bins) {
            (BinTest::AtMost(bin), _) => (Test::AtMost(bins.upper(bin as usize)), split.missing_left),
            (BinTest::In(left), FeatureBins::Categories(bin_of)) => {
                let is_left = |bin: u8| bin > 0 && left[bin as usize / 64] >> (bin % 64) & 1 == 1;
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
            value: learning_rate * below[place].value(l1, l2 + extra[place], split.bounds),
            cover: below[place].h,
            rows: below[place].rows,
        }
    });
    let leaf = |place: usize| {
        let bounds = grown.leaves[place].bounds;
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

const NO_BOUNDS: [f64; 2] = [f64::NEG_INFINITY, f64::INFINITY];

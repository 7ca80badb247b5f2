//! Growing one tree on a table in bins, by the gradients and Hessians of its rows.
//!
//! [`packing`] turns both into one integer per row, whose sums are exact; [`histogram`] adds them up by bin; [`scan`] finds the best
//! threshold of a histogram and [`categories`] the best set of categories; [`partition`] sends rows left and right; [`leaf`] puts these
//! together to split one leaf, and [`grower`] goes on with the best leaf until there are enough. [`awake`] keeps the threads for that.

mod awake;
mod categories;
mod grower;
mod histogram;
mod leaf;
mod packing;
mod partition;
mod scan;
mod walk;

pub(crate) use awake::with_others_awake;
pub(crate) use grower::{Grower, Grown, GrownLeaf};
pub(crate) use leaf::{divided, draw_size};
pub(crate) use packing::Packing;
pub(crate) use scan::{BinTest, goes_left, shrunk};
pub(crate) use walk::BinWalk;

/// In which order leaves are split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Growth {
    /// The leaf with the largest gain first, wherever it is.
    #[default]
    LeafWise,
    /// All leaves of a level before those below; the largest gain first among them.
    DepthWise,
}

/// What a tree is grown by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GrowParameters {
    pub growth: Growth,
    pub max_leaves: usize,
    pub max_depth: usize,
    pub min_rows: u64,
    pub min_hessian: f64,
    pub l1: f64,
    pub l2: f64,
    pub min_gain: f64,
    pub categories: CategoryParameters,
    /// The largest magnitude of a leaf's value; infinite without one.
    pub max_step: f64,
    /// For each feature 1 where values may only rise with it, -1 where they may only fall, else 0; empty without constraints.
    pub monotone: Vec<i8>,
    /// Features that may occur together on a way from the root to a leaf; empty without constraints.
    pub groups: Vec<Vec<u32>>,
    /// The share of the features that each split chooses among.
    pub split_share: f64,
    pub seed: u64,
}

impl GrowParameters {
    /// Whether values of leaves have bounds.
    fn is_bounded(&self) -> bool {
        !self.monotone.is_empty() || self.max_step < f64::INFINITY
    }
}

/// How categories are split.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CategoryParameters {
    /// Up to so many bins, each is tried against all others.
    pub one_vs_rest: usize,
    /// Added to the Hessian when categories are put in order; those with fewer rows are not tried.
    pub smoothing: f64,
    /// Added to the L2 penalty of splits by sets.
    pub l2: f64,
    /// Categories of a set at most.
    pub max_set: usize,
    /// Rows between two sets that are tried.
    pub min_rows: u64,
}

//! What both kinds of forests are told.

use mlsys_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::trees::MissingPolicy;
use crate::trees::bins::MAX_BINS;

/// How many features each split of a forest's tree looks at, drawn anew for each.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxFeatures {
    /// The square root of their number for classes, all of them for numbers.
    #[default]
    ByTask,
    /// All.
    All,
    /// The square root of their number, rounded down.
    Sqrt,
    /// The logarithm to base 2 of their number, rounded down.
    Log2,
    /// This share of them, rounded down.
    Share(f64),
    /// So many.
    Count(usize),
}

impl MaxFeatures {
    /// How many of n: one at least.
    pub(super) fn of(self, n: usize, classes: bool) -> usize {
        let few = match self {
            Self::ByTask if classes => n.isqrt(),
            Self::ByTask | Self::All => n,
            Self::Sqrt => n.isqrt(),
            Self::Log2 => n.max(1).ilog2() as usize,
            Self::Share(share) => (n as f64 * share) as usize,
            Self::Count(count) => count,
        };
        few.clamp(1, n.max(1))
    }
}

/// What a forest is grown by, whichever it is.
pub(super) struct Settings<'a> {
    pub name: &'static str,
    /// Whether thresholds are drawn, too.
    pub random: bool,
    pub trees: usize,
    pub max_depth: Option<usize>,
    pub min_rows: u64,
    pub min_gain: f64,
    pub max_features: MaxFeatures,
    pub bootstrap: bool,
    pub max_bins: usize,
    pub categorical: &'a [String],
    pub missing: MissingPolicy,
    pub seed: u64,
}

impl Settings<'_> {
    pub fn validate(&self) -> Result<()> {
        let refused = |name: &str, value: String, expected: &str| {
            Err(Error::invalid_parameter(self.name, name, value, expected))
        };
        if self.trees == 0 || u32::try_from(self.trees).is_err() {
            return refused("trees", self.trees.to_string(), "1 to 4294967295");
        }
        if self.max_depth == Some(0) {
            return refused("max_depth", "0".into(), "1 or more, or none");
        }
        if self.min_rows == 0 {
            return refused("min_rows", "0".into(), "1 or more");
        }
        if !(self.min_gain >= 0.0 && self.min_gain.is_finite()) {
            return refused("min_gain", self.min_gain.to_string(), "0 or more, and finite");
        }
        if !(2..=MAX_BINS).contains(&self.max_bins) {
            return refused("max_bins", self.max_bins.to_string(), &format!("2 to {MAX_BINS}"));
        }
        match self.max_features {
            MaxFeatures::Count(0) => refused("max_features", "0".into(), "1 or more"),
            MaxFeatures::Share(share) if !(share > 0.0 && share <= 1.0) => {
                refused("max_features", format!("the share {share}"), "a share above 0, and at most 1")
            }
            _ => Ok(()),
        }
    }
}

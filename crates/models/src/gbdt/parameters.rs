//! The parameters of a `Gbdt`: setters, and what is refused.

use mlsys_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::sample::RowSample;
use super::{Gbdt, NAME};
use crate::trees::bins::MAX_BINS;
use crate::trees::{Growth, MissingPolicy, Task};

/// How the trees of a [`Gbdt`] go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoostingMode {
    /// Each tree improves on the sum of those before it.
    #[default]
    Gradient,
    /// Each tree stands alone, on a sample of the rows or features, and their mean counts; the learning rate does not.
    RandomForest,
}

/// How scores may change with a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Monotone {
    /// They may only rise with it.
    Increasing,
    /// They may only fall with it.
    Decreasing,
}

/// When a [`Gbdt`] ends that is fitted with validation rows; only trees up to the best iteration are kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EarlyStopping {
    /// Iterations without an improvement, after which it ends.
    pub patience: usize,
    /// What counts as one: better than the best so far by more than this.
    pub min_delta: f64,
}

impl EarlyStopping {
    /// After so many iterations that are no better.
    pub fn after(patience: usize) -> Self {
        Self { patience, min_delta: 0.0 }
    }
}

impl<T: Task> Gbdt<T> {
    /// What is minimised.
    pub fn objective(mut self, objective: T::Objective) -> Self {
        self.objective = objective;
        self
    }

    /// Iterations.
    pub fn trees(mut self, trees: usize) -> Self {
        self.trees = trees;
        self
    }

    /// How much of each tree counts.
    pub fn learning_rate(mut self, learning_rate: f64) -> Self {
        self.learning_rate = learning_rate;
        self
    }

    /// Leaves of a tree at most.
    pub fn max_leaves(mut self, leaves: usize) -> Self {
        self.max_leaves = leaves;
        self
    }

    /// Splits on the way to a leaf at most.
    pub fn max_depth(mut self, depth: impl Into<Option<usize>>) -> Self {
        self.max_depth = depth.into();
        self
    }

    /// Which leaf is split next.
    pub fn growth(mut self, growth: Growth) -> Self {
        self.growth = growth;
        self
    }

    /// Rows of a leaf at least.
    pub fn min_rows(mut self, rows: u64) -> Self {
        self.min_rows = rows;
        self
    }

    /// The sum of second derivatives of a leaf at least.
    pub fn min_hessian(mut self, hessian: f64) -> Self {
        self.min_hessian = hessian;
        self
    }

    /// The penalty of the magnitude of leaf values.
    pub fn l1(mut self, l1: f64) -> Self {
        self.l1 = l1;
        self
    }

    /// The penalty of the square of leaf values.
    pub fn l2(mut self, l2: f64) -> Self {
        self.l2 = l2;
        self
    }

    /// What a split has to gain more than.
    pub fn min_gain(mut self, gain: f64) -> Self {
        self.min_gain = gain;
        self
    }

    /// The largest magnitude of a leaf's value, before the learning rate.
    pub fn max_step(mut self, step: impl Into<Option<f64>>) -> Self {
        self.max_step = step.into();
        self
    }

    /// The rows that a tree sees.
    pub fn rows(mut self, rows: RowSample) -> Self {
        self.rows = rows;
        self
    }

    /// The share of the features that a tree sees.
    pub fn tree_share(mut self, share: f64) -> Self {
        self.tree_share = share;
        self
    }

    /// The share of its tree's features that a split sees.
    pub fn split_share(mut self, share: f64) -> Self {
        self.split_share = share;
        self
    }

    /// Bins of a feature at most, besides the one of missing values.
    pub fn max_bins(mut self, bins: usize) -> Self {
        self.max_bins = bins;
        self
    }

    /// Rows of a bin at least.
    pub fn min_rows_in_bin(mut self, rows: u64) -> Self {
        self.min_rows_in_bin = rows;
        self
    }

    /// Columns that hold categories though they are no text.
    pub fn categorical<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.categorical = columns.into_iter().map(Into::into).collect();
        self
    }

    /// How little small categories move when they are put in order; those with fewer rows than this are not tried.
    pub fn category_smoothing(mut self, smoothing: f64) -> Self {
        self.category_smoothing = smoothing;
        self
    }

    /// Added to `l2` below a split by a set of categories.
    pub fn category_l2(mut self, l2: f64) -> Self {
        self.category_l2 = l2;
        self
    }

    /// Rows by which two sets of categories that are tried differ at least.
    pub fn min_rows_per_category(mut self, rows: u64) -> Self {
        self.min_rows_per_category = rows;
        self
    }

    /// Up to so many categories, each is tried against all others.
    pub fn max_one_vs_rest(mut self, categories: usize) -> Self {
        self.max_one_vs_rest = categories;
        self
    }

    /// Categories at most of a set that is split off.
    pub fn max_set(mut self, categories: usize) -> Self {
        self.max_set = categories;
        self
    }

    /// Scores may only rise, or only fall, with a feature; call it again for others.
    pub fn monotone(mut self, column: &str, direction: Monotone) -> Self {
        self.monotone.push((column.to_owned(), direction));
        self
    }

    /// Groups of features that may meet on one way to a leaf; those in no group are one of their own.
    pub fn interactions<S: Into<String>>(
        mut self,
        groups: impl IntoIterator<Item = impl IntoIterator<Item = S>>,
    ) -> Self {
        self.interactions =
            groups.into_iter().map(|group| group.into_iter().map(Into::into).collect()).collect();
        self
    }

    /// What becomes of nulls, NaN and unseen categories.
    pub fn missing(mut self, missing: MissingPolicy) -> Self {
        self.missing = missing;
        self
    }

    /// How trees go together.
    pub fn mode(mut self, mode: BoostingMode) -> Self {
        self.mode = mode;
        self
    }

    /// Ends when validation rows gain nothing; needs [`fit_validated`](mlsys_core::FitValidated::fit_validated).
    pub fn early_stopping(mut self, when: impl Into<Option<EarlyStopping>>) -> Self {
        self.early_stopping = when.into();
        self
    }

    /// The seed of what is drawn.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    pub(super) fn validate(&self) -> Result<()> {
        let refused = |name: &str, value: String, expected: &str| {
            Err(Error::invalid_parameter(NAME, name, value, expected))
        };
        let counts = [
            ("trees", self.trees as u64, 1, u64::from(u32::MAX)),
            ("max_leaves", self.max_leaves as u64, 2, 1 << 24),
            ("max_depth", self.max_depth.map_or(1, |depth| depth as u64), 1, u64::MAX),
            ("min_rows", self.min_rows, 1, u64::MAX),
            ("max_set", self.max_set as u64, 1, u64::MAX),
            ("max_bins", self.max_bins as u64, 2, MAX_BINS as u64),
            ("min_rows_in_bin", self.min_rows_in_bin, 1, u64::MAX),
            ("min_rows_per_category", self.min_rows_per_category, 1, u64::MAX),
        ];
        for (name, value, least, most) in counts {
            if !(least..=most).contains(&value) {
                let expected =
                    if most == u64::MAX { format!("{least} or more") } else { format!("{least} to {most}") };
                return refused(name, value.to_string(), &expected);
            }
        }
        let shares = [
            ("learning_rate", self.learning_rate),
            ("tree_share", self.tree_share),
            ("split_share", self.split_share),
        ];
        for (name, value) in shares {
            if !(value > 0.0 && value <= 1.0) {
                return refused(name, value.to_string(), "above 0, and at most 1");
            }
        }
        let amounts = [
            ("min_hessian", self.min_hessian),
            ("l1", self.l1),
            ("l2", self.l2),
            ("min_gain", self.min_gain),
            ("category_smoothing", self.category_smoothing),
            ("category_l2", self.category_l2),
        ];
        for (name, value) in amounts {
            if !(value >= 0.0 && value.is_finite()) {
                return refused(name, value.to_string(), "0 or more, and finite");
            }
        }
        if let Some(step) = self.max_step.filter(|step| !(*step > 0.0 && step.is_finite())) {
            return refused("max_step", step.to_string(), "above 0 and finite, or none");
        }
        match self.rows {
            RowSample::Share(share) if !(share > 0.0 && share <= 1.0) => {
                return refused("rows", format!("the share {share}"), "a share above 0, and at most 1");
            }
            RowSample::Goss { top, other } if !(top > 0.0 && other > 0.0 && top + other <= 1.0) => {
                return refused(
                    "rows",
                    format!("the shares {top} and {other}"),
                    "shares above 0 that add up to at most 1",
                );
            }
            _ => {}
        }
        if let Some(EarlyStopping { patience, min_delta }) = self.early_stopping {
            if patience == 0 {
                return refused("early_stopping", "a patience of 0".into(), "1 or more");
            }
            if !(min_delta >= 0.0 && min_delta.is_finite()) {
                return refused(
                    "early_stopping",
                    format!("a min_delta of {min_delta}"),
                    "0 or more, and finite",
                );
            }
        }
        let all = self.rows == RowSample::All && self.tree_share >= 1.0 && self.split_share >= 1.0;
        if self.mode == BoostingMode::RandomForest && all {
            let expected = "a sample of rows or features, or all trees are the same";
            return refused("mode", "a forest that draws nothing".into(), expected);
        }
        Ok(())
    }
}

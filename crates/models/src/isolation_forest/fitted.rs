//! Fitted isolation forests.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch};
use mlsys_core::{Error, InputColumn, Predict, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{IsolationForest, check_share};
use crate::trees::{Child, Combine, Scorer, Split, Tree, TreeEnsemble};

/// Euler's constant.
const EULER: f64 = 0.577_215_664_901_532_9;

/// What fitting an [`IsolationForest`] returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedIsolationForest {
    ensemble: TreeEnsemble,
    sample_size: u64,
    threshold: f64,
}

mlsys_core::artifact!(FittedIsolationForest, "mlsys.IsolationForest", 1);

impl IsolationForest {
    /// How many splits it takes on average to set apart one of so many rows, `c(n)`: the mean depth of a search in a random binary tree that
    /// fails.
    pub fn average_path(rows: u64) -> f64 {
        match rows {
            0 | 1 => 0.0,
            2 => 1.0,
            _ => {
                let n = rows as f64;
                2.0 * ((n - 1.0).ln() + EULER) - 2.0 * (n - 1.0) / n
            }
        }
    }
}

impl FittedIsolationForest {
    /// A forest of trees that were grown on so many rows each, with the threshold 0.5. Leaves get their values from their depths and their
    /// rows, whatever they had before.
    ///
    /// # Errors
    ///
    /// [`Artifact`](mlsys_core::ErrorKind::Artifact) for more outputs than one, or without trees.
    pub fn from_ensemble(ensemble: &TreeEnsemble, sample_size: u64) -> Result<Self> {
        if ensemble.n_outputs() != 1 {
            return Err(Error::artifact(format!("{} outputs where there is one", ensemble.n_outputs())));
        }
        let trees: Vec<Tree> =
            mlsys_core::first_error(ensemble.trees().par_iter().map(path_lengths).collect())?;
        let (features, policy) = (ensemble.features().to_vec(), *ensemble.policy());
        let ensemble = TreeEnsemble::new(features, policy, trees, vec![0.0], Combine::Mean)?;
        let model = Self { ensemble, sample_size, threshold: 0.5 };
        model.validate()?;
        Ok(model)
    }

    fn validate(&self) -> Result<()> {
        self.ensemble.validate()?;
        let refused = |why: String| Err(Error::artifact(format!("not an isolation forest: {why}")));
        let (outputs, trees) = (self.ensemble.n_outputs(), self.ensemble.trees());
        if outputs != 1 || trees.is_empty() || self.ensemble.combine() != Combine::Mean {
            return refused(format!("{outputs} outputs of {} trees", trees.len()));
        }
        if self.ensemble.base() != [0.0] || self.sample_size == 0 || !self.threshold.is_finite() {
            return refused(format!("{} rows per tree, the threshold {}", self.sample_size, self.threshold));
        }
        let negative = |tree: &Tree| (0..tree.n_leaves()).any(|leaf| tree.values(leaf)[0] < 0.0);
        match trees.iter().position(negative) {
            Some(tree) => refused(format!("a leaf of negative depth in tree {tree}")),
            None => Ok(()),
        }
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.ensemble.input_columns()
    }

    /// The trees, whose mean is the path length.
    pub fn ensemble(&self) -> &TreeEnsemble {
        &self.ensemble
    }

    /// What gives the path length of one row at a time, without allocating; [`score_of`](Self::score_of) makes a score of it.
    pub fn scorer(&self) -> Scorer {
        Scorer::new(&self.ensemble)
    }

    /// Rows that each tree saw.
    pub fn sample_size(&self) -> u64 {
        self.sample_size
    }

    /// Rows with a score above it are odd.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// Another threshold.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) unless it is finite.
    pub fn with_threshold(mut self, threshold: f64) -> Result<Self> {
        if !threshold.is_finite() {
            return Err(Error::invalid_parameter(super::NAME, "threshold", threshold, "a finite number"));
        }
        self.threshold = threshold;
        Ok(self)
    }

    /// The threshold that this share of the rows is above, between two scores if need be.
    ///
    /// # Errors
    ///
    /// As [`Predict::predict`]; [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for what is no share;
    /// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) without any.
    pub fn with_contamination(self, batch: &RecordBatch, share: f64) -> Result<Self> {
        check_share(share)?;
        let mut scores = self.scores(batch)?;
        scores.sort_unstable_by(|a, b| b.total_cmp(a));
        let place = share * scores.len().saturating_sub(1) as f64;
        let (low, part) = (place.floor(), place - place.floor());
        let at = |place: usize| scores.get(place).or(scores.last()).copied();
        let (Some(a), Some(b)) = (at(low as usize), at(low as usize + 1)) else {
            return Err(Error::too_few_rows(1, 0, "a share of no rows has no threshold"));
        };
        self.with_threshold(a + part * (b - a))
    }

    /// The score of a mean path length.
    pub fn score_of(&self, path: f64) -> f64 {
        match IsolationForest::average_path(self.sample_size) {
            // A tree of one row sets nothing apart.
            0.0 => 0.5,
            most => (-path / most).exp2(),
        }
    }

    /// The score of each row: higher is odder.
    ///
    /// # Errors
    ///
    /// As [`Predict::predict`].
    pub fn scores(&self, batch: &RecordBatch) -> Result<Vec<f64>> {
        Ok(self.ensemble.outputs(batch)?.into_iter().map(|path| self.score_of(path)).collect())
    }

    /// Whether each row is odd: its score is above the threshold.
    ///
    /// # Errors
    ///
    /// As [`Predict::predict`].
    pub fn is_outlier(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        Ok(self.scores(batch)?.into_iter().map(|score| Some(score > self.threshold)).collect())
    }
}

impl Predict for FittedIsolationForest {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(Arc::new(Float64Array::from(self.scores(batch)?)))
    }
}

/// The tree whose values are path lengths: how deep a row came, and how deep it would come among the rows that are left.
fn path_lengths(tree: &Tree) -> Result<Tree> {
    let mut depths = vec![0u32; tree.splits().len()];
    let mut leaf_depths = vec![0u32; tree.n_leaves()];
    for (place, split) in tree.splits().iter().enumerate() {
        for child in [split.left, split.right] {
            match child {
                Child::Split(i) => depths[i as usize] = depths[place] + 1,
                Child::Leaf(i) => leaf_depths[i as usize] = depths[place] + 1,
            }
        }
    }
    let length = |depth: u32, rows: u64| f64::from(depth) + IsolationForest::average_path(rows);
    let splits = tree.splits().iter().zip(&depths);
    let splits = splits.map(|(split, &depth)| Split { value: length(depth, split.rows), ..split.clone() });
    let leaves = 0..tree.n_leaves();
    let values = leaves.clone().map(|leaf| length(leaf_depths[leaf], tree.rows(leaf))).collect();
    let covers = leaves.clone().map(|leaf| tree.cover(leaf)).collect();
    Tree::new(splits.collect(), 1, values, covers, leaves.map(|leaf| tree.rows(leaf)).collect())
}

//! Many trees over named columns.

use std::sync::{Arc, OnceLock};

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::arrow::buffer::ScalarBuffer;
use mlsys_core::ndarray::Array2;
use mlsys_core::{Error, InputColumn, Result, first_error};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::feature::{MissingPolicy, TreeFeature};
use super::scorer::Prepared;
use super::tree::{Test, Tree};

/// How the values of trees become the outputs of an ensemble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Combine {
    /// They are added up, as in boosting.
    Sum,
    /// They are averaged, as in a forest.
    Mean,
}

/// Trees over named columns, whose values are added up or averaged: what every tree model holds.
///
/// An ensemble has one or more outputs. The leaves of a tree hold one value per output, or one value: then tree `i` belongs to output
/// `i % outputs`. Outputs are raw: log-odds in boosting, before any link. They are `base`, and then the trees' values in their order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TreeEnsemble {
    features: Vec<TreeFeature>,
    policy: MissingPolicy,
    trees: Vec<Tree>,
    base: Vec<f64>,
    combine: Combine,
    /// What predicts fast, made when first asked for.
    #[serde(skip)]
    prepared: OnceLock<Arc<Prepared>>,
}

impl PartialEq for TreeEnsemble {
    fn eq(&self, other: &Self) -> bool {
        let own = (&self.features, self.policy, &self.trees, &self.base, self.combine);
        own == (&other.features, other.policy, &other.trees, &other.base, other.combine)
    }
}

/// Rows that are walked together: their values stay in the first cache while all trees go over them.
const BLOCK: usize = 256;

/// Words of a set of categories at most.
const MAX_WORDS: usize = 1 << 24;

impl TreeEnsemble {
    /// An ensemble with as many outputs as `base` has values, which outputs start from.
    ///
    /// # Errors
    ///
    /// [`Artifact`](mlsys_core::ErrorKind::Artifact) when a tree asks about a feature that is not there, or in another way than the feature
    /// is of; when leaves have neither one value nor one per output.
    pub fn new(
        features: Vec<TreeFeature>,
        policy: MissingPolicy,
        trees: Vec<Tree>,
        base: Vec<f64>,
        combine: Combine,
    ) -> Result<Self> {
        let prepared = OnceLock::new();
        let ensemble = Self { features, policy, trees, base, combine, prepared };
        ensemble.validate()?;
        Ok(ensemble)
    }

    pub(crate) fn validate(&self) -> Result<()> {
        let refused = |why: String| Err(Error::artifact(why));
        if self.base.is_empty() || self.base.iter().any(|x| !x.is_finite()) {
            return refused(format!("an ensemble that starts from {:?}", self.base));
        }
        for feature in &self.features {
            feature.validate()?;
        }
        let outputs = self.base.len();
        for (place, tree) in self.trees.iter().enumerate() {
            if tree.last_feature().is_some_and(|last| last as usize >= self.features.len()) {
                return refused(format!("tree {place} asks about a feature that is not there"));
            }
            let fits = tree.splits().iter().all(|split| {
                let categories = self.features[split.feature as usize].categories();
                categories.is_some() == matches!(split.test, Test::In(_))
            });
            let most = tree.splits().iter().map(|split| match &split.test {
                Test::In(categories) => categories.n_words(),
                Test::AtMost(_) => 0,
            });
            if most.max() > Some(MAX_WORDS) {
                return refused(format!("tree {place} asks about categories beyond 2^30"));
            }
            if !fits {
                return refused(format!(
                    "tree {place} asks about categories of numbers, or the other way round"
                ));
            }
            if tree.width() != 1 && tree.width() != outputs {
                return refused(format!(
                    "leaves of tree {place} with {} values for {outputs} outputs",
                    tree.width()
                ));
            }
        }
        Ok(())
    }

    /// The columns that trees ask about.
    pub fn features(&self) -> &[TreeFeature] {
        &self.features
    }

    /// What becomes of missing values and unseen categories.
    pub fn policy(&self) -> &MissingPolicy {
        &self.policy
    }

    /// The trees.
    pub fn trees(&self) -> &[Tree] {
        &self.trees
    }

    /// What the outputs start from.
    pub fn base(&self) -> &[f64] {
        &self.base
    }

    /// The number of outputs.
    pub fn n_outputs(&self) -> usize {
        self.base.len()
    }

    /// How trees become outputs.
    pub fn combine(&self) -> Combine {
        self.combine
    }

    /// The columns, as fitted values remember them.
    pub fn input_columns(&self) -> Vec<InputColumn> {
        self.features.iter().map(|feature| feature.column().clone()).collect()
    }

    /// The features of a batch, in their order: NaN where missing, codes for categories.
    ///
    /// # Errors
    ///
    /// As [`TreeFeature::read`].
    pub fn read(&self, batch: &RecordBatch) -> Result<Vec<ScalarBuffer<f64>>> {
        first_error(self.features.par_iter().map(|feature| feature.read(batch, &self.policy)).collect())
    }

    /// The outputs of each row by walking every tree: the plain way that every faster one must agree with to the bit.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn outputs_by_walk(&self, batch: &RecordBatch) -> Result<Array2<f64>> {
        let columns = self.read(batch)?;
        let outputs = self.n_outputs();
        let mut all = Array2::zeros((batch.num_rows(), outputs));
        let block = |(block, mut out): (usize, mlsys_core::ndarray::ArrayViewMut2<'_, f64>)| {
            let mut row = vec![0.0; columns.len()];
            for (place, mut out) in out.outer_iter_mut().enumerate() {
                columns.iter().zip(&mut row).for_each(|(column, x)| *x = column[block * BLOCK + place]);
                for (to, x) in out.iter_mut().zip(self.outputs_of(&row)) {
                    *to = x;
                }
            }
        };
        let blocks = all.axis_chunks_iter_mut(mlsys_core::ndarray::Axis(0), BLOCK);
        blocks.into_iter().enumerate().collect::<Vec<_>>().into_par_iter().for_each(block);
        Ok(all)
    }

    /// The outputs of one row, given a value per feature: NaN where missing, codes for categories.
    ///
    /// # Panics
    ///
    /// When the row has fewer values than there are features.
    pub fn outputs_of(&self, row: &[f64]) -> Vec<f64> {
        let outputs = self.base.len();
        let mut sums = match self.combine {
            Combine::Sum => self.base.clone(),
            Combine::Mean => vec![0.0; outputs],
        };
        for (place, tree) in self.trees.iter().enumerate() {
            self.add_leaf(place, tree.leaf(row), &mut sums);
        }
        self.end(&mut sums);
        sums
    }

    /// Adds the values of a leaf of a tree, by their places, to the outputs.
    #[inline]
    pub(super) fn add_leaf(&self, tree: usize, leaf: usize, sums: &mut [f64]) {
        let values = self.trees[tree].values(leaf);
        if values.len() == sums.len() {
            sums.iter_mut().zip(values).for_each(|(sum, x)| *sum += x);
        } else {
            let outputs = sums.len();
            sums[tree % outputs] += values[0];
        }
    }

    /// What is left to do once the values of all trees are added up: a mean is divided.
    pub(super) fn end(&self, sums: &mut [f64]) {
        if self.combine == Combine::Mean {
            let n = self.trees_per_output();
            sums.iter_mut().zip(&self.base).for_each(|(sum, base)| *sum = base + *sum / n);
        }
    }

    /// By what sums are divided where trees are averaged; 1 without trees.
    pub(crate) fn trees_per_output(&self) -> f64 {
        let outputs = self.base.len();
        let has_all = self.trees.first().is_none_or(|tree| tree.width() == outputs);
        let n = if has_all { self.trees.len() } else { self.trees.len() / outputs };
        n.max(1) as f64
    }

    /// The leaf of each row in each tree.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn leaves(&self, batch: &RecordBatch) -> Result<Array2<u32>> {
        self.prepared().leaves(self, batch)
    }

    /// The outputs of each row, with the bits of [`outputs_by_walk`](Self::outputs_by_walk). The first call prepares tables that later ones
    /// share.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn outputs(&self, batch: &RecordBatch) -> Result<Array2<f64>> {
        self.prepared().outputs(self, batch)
    }

    pub(super) fn prepared(&self) -> Arc<Prepared> {
        Arc::clone(self.prepared.get_or_init(|| Arc::new(Prepared::new(self))))
    }

    /// The first trees, as many as are said.
    pub(crate) fn first_trees(&self, n: usize) -> Self {
        let (features, policy, base, combine) =
            (self.features.clone(), self.policy, self.base.clone(), self.combine);
        let trees = self.trees.iter().take(n).cloned().collect();
        Self { features, policy, trees, base, combine, prepared: OnceLock::new() }
    }
}

//! Fast ways from rows to the outputs of an ensemble, with the bits of the plain walk.
//!
//! [`bins`] turns the values of a row into small integers, once; [`masks`] finds the leaves of trees of up to 64 leaves by joining bit
//! masks, without following branches; [`nodes`] walks larger trees, several rows at a time.

mod bins;
mod masks;
mod nodes;

use std::sync::Arc;

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::arrow::buffer::ScalarBuffer;
use mlsys_core::ndarray::{Array2, ArrayViewMut2, Axis};
use mlsys_core::{Error, Result};
use rayon::prelude::*;

use super::ensemble::{Combine, TreeEnsemble};
use bins::RowBins;
use masks::Masks;
use nodes::Nodes;

/// Predicts by a prepared ensemble: many rows at once, or one row without allocating.
///
/// Values become bins between the thresholds that the trees ask about, which is exact: `x <= t` holds for a value as it does for its bin.
/// Trees of up to 64 leaves are then not walked: for each feature and bin a table has the leaves of every tree that can still be
/// reached; their intersection over the features leaves one, the first. Larger trees are walked node by node. Either way the outputs have
/// the bits of [`TreeEnsemble::outputs_of`].
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, Fit, arrow::array::{BooleanArray, Float64Array, RecordBatch}};
/// use mlsys_models::{Gbdt, trees::Scorer};
///
/// let batch = RecordBatch::try_from_iter([
///     ("x", Arc::new(Float64Array::from_iter_values((0..100).map(f64::from))) as _),
///     ("y", Arc::new(BooleanArray::from_iter((0..100).map(|i| Some(i > 40)))) as _),
/// ])?;
/// let model = Gbdt::new().fit(&Dataset::new(batch)?.target("y")?.into_train_all())?;
/// let scorer = Scorer::new(model.ensemble());
/// let mut scratch = scorer.scratch();
/// // Values in the order of `scorer.features()`, NaN where missing.
/// let margin = scorer.score(&[12.0], &mut scratch)?[0];
/// assert_eq!(margin, model.ensemble().outputs_of(&[12.0])[0]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Claudio Lucchese and others, *QuickScorer: a fast algorithm to rank documents with additive ensembles of regression trees*, 2015; here by
/// bin, so that missing values and categories cost nothing.
#[derive(Debug, Clone)]
pub struct Scorer {
    ensemble: TreeEnsemble,
    prepared: Arc<Prepared>,
}

/// What is prepared of an ensemble.
#[derive(Debug)]
pub(super) struct Prepared {
    bins: RowBins,
    engine: Engine,
}

#[derive(Debug, Clone)]
enum Engine {
    Small(Masks<u32>),
    Wide(Masks<u64>),
    Nodes(Nodes),
    /// More bins than small integers can say: trees are walked by values.
    Plain,
}

/// What [`Scorer::score`] works with; made once by [`Scorer::scratch`].
#[derive(Debug, Clone)]
pub struct Scratch {
    bins: Vec<u16>,
    leaves: Vec<u32>,
    outputs: Vec<f64>,
}

/// Rows that are scored together.
const BLOCK: usize = 256;

impl Scorer {
    /// Prepares an ensemble.
    pub fn new(ensemble: &TreeEnsemble) -> Self {
        Self { ensemble: ensemble.clone(), prepared: ensemble.prepared() }
    }

    /// The features of a row, in their order.
    pub fn features(&self) -> &[super::TreeFeature] {
        self.ensemble.features()
    }

    /// Room for one row at a time.
    pub fn scratch(&self) -> Scratch {
        Scratch {
            bins: vec![0; self.prepared.bins.n_used()],
            leaves: vec![0; self.ensemble.trees().len()],
            outputs: vec![0.0; self.ensemble.n_outputs()],
        }
    }

    /// The raw outputs of one row, given a value per feature: NaN where missing, codes for categories. Allocates nothing.
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) unless the row has a value per feature, and the scratch is this scorer's.
    pub fn score<'a>(&self, row: &[f64], scratch: &'a mut Scratch) -> Result<&'a [f64]> {
        let (features, trees) = (self.features().len(), self.ensemble.trees().len());
        if row.len() != features {
            return Err(Error::shape("row", format!("{features} values, one per feature"), row.len()));
        }
        let outputs = self.ensemble.n_outputs();
        if scratch.bins.len() != self.prepared.bins.n_used()
            || scratch.leaves.len() != trees
            || scratch.outputs.len() != outputs
        {
            return Err(Error::shape("scratch", "the scratch of this scorer", "another one"));
        }
        if !matches!(self.prepared.engine, Engine::Plain) {
            self.prepared.bins.of_row(row, &mut scratch.bins);
        }
        match &self.prepared.engine {
            Engine::Small(masks) => masks.leaves(&scratch.bins, &mut scratch.leaves),
            Engine::Wide(masks) => masks.leaves(&scratch.bins, &mut scratch.leaves),
            Engine::Nodes(nodes) => nodes.leaves(&scratch.bins, &mut scratch.leaves),
            Engine::Plain => walk(&self.ensemble, row, &mut scratch.leaves),
        }
        add_up(&self.ensemble, &scratch.leaves, &mut scratch.outputs);
        Ok(&scratch.outputs)
    }

    /// The raw outputs of each row, as [`TreeEnsemble::outputs`].
    ///
    /// # Errors
    ///
    /// As [`TreeEnsemble::read`].
    pub fn outputs(&self, batch: &RecordBatch) -> Result<Array2<f64>> {
        self.ensemble.outputs(batch)
    }
}

impl Prepared {
    pub fn new(ensemble: &TreeEnsemble) -> Self {
        let bins = RowBins::new(ensemble);
        if !bins.are_small() {
            return Self { bins, engine: Engine::Plain };
        }
        let most = ensemble.trees().iter().map(super::Tree::n_leaves).max().unwrap_or(1);
        let engine = match most {
            0..=32 => Masks::new(ensemble, &bins).map(Engine::Small),
            33..=64 => Masks::new(ensemble, &bins).map(Engine::Wide),
            _ => None,
        };
        let nodes = || Nodes::new(ensemble, &bins).map_or(Engine::Plain, Engine::Nodes);
        let engine = engine.unwrap_or_else(nodes);
        Self { bins, engine }
    }

    /// The raw outputs of each row.
    pub fn outputs(&self, ensemble: &TreeEnsemble, batch: &RecordBatch) -> Result<Array2<f64>> {
        let columns = ensemble.read(batch)?;
        let mut all = Array2::zeros((batch.num_rows(), ensemble.n_outputs()));
        self.by_block(ensemble, &columns, all.axis_chunks_iter_mut(Axis(0), BLOCK), |mut out, leaves| {
            let trees = ensemble.trees().len();
            let mut sums = vec![0.0; ensemble.n_outputs()];
            for (place, mut out) in out.outer_iter_mut().enumerate() {
                add_up(ensemble, &leaves[place * trees..(place + 1) * trees], &mut sums);
                out.iter_mut().zip(&sums).for_each(|(to, &sum)| *to = sum);
            }
        });
        Ok(all)
    }

    /// The leaf of each row in each tree.
    pub fn leaves(&self, ensemble: &TreeEnsemble, batch: &RecordBatch) -> Result<Array2<u32>> {
        let columns = ensemble.read(batch)?;
        let trees = ensemble.trees().len();
        let mut all = Array2::zeros((batch.num_rows(), trees));
        self.by_block(ensemble, &columns, all.axis_chunks_iter_mut(Axis(0), BLOCK), |mut out, leaves| {
            out.iter_mut().zip(leaves).for_each(|(to, &leaf)| *to = leaf);
        });
        Ok(all)
    }

    /// Hands each block of rows its leaves, row by row.
    fn by_block<'a, T: Send + Sync + 'a>(
        &self,
        ensemble: &TreeEnsemble,
        columns: &[ScalarBuffer<f64>],
        blocks: impl IntoIterator<Item = ArrayViewMut2<'a, T>>,
        each: impl Fn(ArrayViewMut2<'a, T>, &[u32]) + Sync,
    ) {
        let trees = ensemble.trees().len();
        let blocks: Vec<_> = blocks.into_iter().enumerate().collect();
        let room = || (Vec::new(), Vec::new());
        blocks.into_par_iter().for_each_init(room, |(bins, leaves), (block, out)| {
            leaves.resize(out.nrows() * trees, 0);
            if matches!(self.engine, Engine::Plain) {
                let mut row = vec![0.0; columns.len()];
                for (place, leaves) in leaves.chunks_mut(trees.max(1)).enumerate() {
                    columns.iter().zip(&mut row).for_each(|(column, x)| *x = column[block * BLOCK + place]);
                    walk(ensemble, &row, leaves);
                }
                each(out, leaves);
                return;
            }
            bins.resize(out.nrows() * self.bins.n_used(), 0);
            self.bins.of_block(columns, block * BLOCK, bins);
            match &self.engine {
                Engine::Small(masks) => masks.leaves_of_block(bins, leaves),
                Engine::Wide(masks) => masks.leaves_of_block(bins, leaves),
                Engine::Nodes(nodes) => nodes.leaves_of_block(bins, leaves),
                Engine::Plain => {}
            }
            each(out, leaves);
        });
    }
}

/// The leaf of a row in each tree, by values.
fn walk(ensemble: &TreeEnsemble, row: &[f64], leaves: &mut [u32]) {
    leaves.iter_mut().zip(ensemble.trees()).for_each(|(leaf, tree)| *leaf = tree.leaf(row) as u32);
}

/// Adds up the values of leaves in the order of the trees, as the plain walk does.
fn add_up(ensemble: &TreeEnsemble, leaves: &[u32], sums: &mut [f64]) {
    let outputs = sums.len();
    match ensemble.combine() {
        Combine::Sum => sums.copy_from_slice(ensemble.base()),
        Combine::Mean => sums.fill(0.0),
    }
    if let ([sum], Combine::Sum) = (&mut *sums, ensemble.combine()) {
        let values = leaves.iter().zip(ensemble.trees()).map(|(&leaf, tree)| tree.values(leaf as usize)[0]);
        values.for_each(|value| *sum += value);
        return;
    }
    for (place, (&leaf, tree)) in leaves.iter().zip(ensemble.trees()).enumerate() {
        let values = tree.values(leaf as usize);
        if values.len() == outputs {
            sums.iter_mut().zip(values).for_each(|(sum, x)| *sum += x);
        } else {
            sums[place % outputs] += values[0];
        }
    }
    ensemble.end(sums);
}

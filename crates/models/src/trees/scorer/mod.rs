//! Fast ways from rows to the outputs of an ensemble, with the bits of the plain walk.
//!
//! [`bins`] turns the values of a row into small integers, once; [`masks`] finds the leaves of trees of up to 64 leaves by joining bit
//! masks, without following branches; [`nodes`] walks larger trees, several rows or trees at a time.

mod bins;
mod masks;
mod nodes;

use std::sync::Arc;

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::ndarray::Array2;
use mlsys_core::{Error, Result, first_error};
use rayon::prelude::*;

use super::ensemble::{Combine, TreeEnsemble};
use super::feature::Column;
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
    /// As [`TreeFeature::by_category`](super::TreeFeature::by_category), of each feature.
    by_category: Vec<Vec<u32>>,
    bins: RowBins,
    engine: Engine,
}

#[derive(Debug, Clone)]
enum Engine {
    Small(Masks<u32, 16>),
    Wide(Masks<u64, 8>),
    Nodes(Nodes),
}

/// What [`Scorer::score`] works with; made once by [`Scorer::scratch`].
#[derive(Debug, Clone)]
pub struct Scratch {
    bins: Vec<u32>,
    outputs: Vec<f64>,
}

/// Rows that are scored together: their bins stay in the first cache while all trees go over them.
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
        let bins = vec![0; self.prepared.bins.lanes().len()];
        Scratch { bins, outputs: vec![0.0; self.ensemble.n_outputs()] }
    }

    /// The raw outputs of one row, given a value per feature: NaN where missing, codes for categories. Allocates nothing.
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) unless the row has a value per feature, and the scratch is this scorer's.
    pub fn score<'a>(&self, row: &[f64], scratch: &'a mut Scratch) -> Result<&'a [f64]> {
        let features = self.features().len();
        if row.len() != features {
            return Err(Error::shape("row", format!("{features} values, one per feature"), row.len()));
        }
        let Prepared { bins, engine, .. } = &*self.prepared;
        if scratch.bins.len() != bins.lanes().len() || scratch.outputs.len() != self.ensemble.n_outputs() {
            return Err(Error::shape("scratch", "the scratch of this scorer", "another one"));
        }
        bins.of_row(row, &mut scratch.bins);
        engine.outputs(&self.ensemble, &scratch.bins, &mut scratch.outputs);
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
        let by_category = ensemble.features().iter().map(|feature| feature.by_category()).collect();
        let mut bins = RowBins::new(ensemble);
        let most = ensemble.trees().iter().map(super::Tree::n_leaves).max().unwrap_or(1);
        let masks = match most {
            0..=32 => Masks::new(ensemble, &mut bins).map(Engine::Small),
            33..=64 => Masks::new(ensemble, &mut bins).map(Engine::Wide),
            _ => None,
        };
        let engine = masks.unwrap_or_else(|| {
            // Without the numbers that masks need.
            bins = RowBins::new(ensemble);
            Engine::Nodes(Nodes::new(ensemble, &bins))
        });
        Self { by_category, bins, engine }
    }

    /// The raw outputs of each row.
    pub fn outputs(&self, ensemble: &TreeEnsemble, batch: &RecordBatch) -> Result<Array2<f64>> {
        let n_outputs = ensemble.n_outputs();
        self.by_block(ensemble, batch, n_outputs, |bins, outputs| {
            self.engine.outputs(ensemble, bins, outputs)
        })
    }

    /// The leaf of each row in each tree.
    pub fn leaves(&self, ensemble: &TreeEnsemble, batch: &RecordBatch) -> Result<Array2<u32>> {
        let n_trees = ensemble.trees().len();
        self.by_block(ensemble, batch, n_trees, |bins, leaves| match &self.engine {
            Engine::Small(masks) => masks.leaves(bins, n_trees, leaves),
            Engine::Wide(masks) => masks.leaves(bins, n_trees, leaves),
            Engine::Nodes(nodes) => nodes.leaves(bins, n_trees, leaves),
        })
    }

    /// A row of the result for each row, block by block: of its bins.
    fn by_block<T: Send + Clone + Default>(
        &self,
        ensemble: &TreeEnsemble,
        batch: &RecordBatch,
        width: usize,
        each: impl Fn(&[u32], &mut [T]) + Sync,
    ) -> Result<Array2<T>> {
        let features = ensemble.features().par_iter().zip(&self.by_category);
        let columns =
            features.map(|(feature, by_category)| feature.column_of(batch, ensemble.policy(), by_category));
        let columns: Vec<Column<'_>> = first_error(columns.collect())?;
        let mut all = vec![T::default(); batch.num_rows() * width];
        let blocks = all.par_chunks_mut(BLOCK * width.max(1)).enumerate();
        let blocks = blocks.map_init(Vec::new, |bins, (block, out)| {
            let rows = out.len() / width;
            bins.resize(rows * self.bins.lanes().len(), 0);
            self.bins.of_block(&columns, block * BLOCK, rows, bins)?;
            each(bins, out);
            Ok(())
        });
        first_error::<(), ()>(blocks.collect())?;
        Array2::from_shape_vec((batch.num_rows(), width), all).map_err(Error::external)
    }
}

impl Engine {
    /// The raw outputs of rows, given their bins, both row by row.
    fn outputs(&self, ensemble: &TreeEnsemble, bins: &[u32], outputs: &mut [f64]) {
        let rows = outputs.chunks_exact_mut(ensemble.n_outputs());
        match ensemble.combine() {
            Combine::Sum => rows.for_each(|row| row.copy_from_slice(ensemble.base())),
            Combine::Mean => outputs.fill(0.0),
        }
        match self {
            Self::Small(masks) => masks.add(ensemble, bins, outputs),
            Self::Wide(masks) => masks.add(ensemble, bins, outputs),
            Self::Nodes(nodes) => nodes.add(ensemble, bins, outputs),
        }
        outputs.chunks_exact_mut(ensemble.n_outputs()).for_each(|row| ensemble.end(row));
    }
}

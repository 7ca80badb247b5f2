//! Trees and what their outputs mean.

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::ndarray::Array2;
use mlsys_core::{Error, Result};

use super::link::Link;
use crate::trees::TreeEnsemble;

/// Trees over named columns, and the link from their outputs to predictions: what is exchanged with other libraries.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::arrow::array::{Float64Array, RecordBatch};
/// use mlsys_models::exchange::{Link, lightgbm};
///
/// let text = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\nobjective=binary sigmoid:1\n\
///             feature_names=hour\nfeature_infos=[0:23]\n\nTree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nsplit_gain=1\n\
///             threshold=16.5\ndecision_type=2\nleft_child=-1\nright_child=-2\nleaf_value=-1 2\nshrinkage=1\n\nend of trees\n";
/// let model = lightgbm::read(text)?;
/// assert_eq!(model.link(), Link::Logistic { scale: 1.0 });
///
/// let batch = RecordBatch::try_from_iter([("hour", Arc::new(Float64Array::from(vec![8.0, 17.0])) as _)])?;
/// assert_eq!(model.margins(&batch)?[[1, 0]], 2.0);
/// assert!((model.predict(&batch)?[[1, 0]] - 0.880797).abs() < 1e-6);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TreeModel {
    ensemble: TreeEnsemble,
    link: Link,
}

impl TreeModel {
    /// Trees whose outputs have this link.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for a logistic scale that is not positive, and for a softmax of one
    /// output.
    pub fn new(ensemble: TreeEnsemble, link: Link) -> Result<Self> {
        let refused = |value: String, expected: &str| {
            Err(Error::invalid_parameter("TreeModel", "link", value, expected))
        };
        match link {
            Link::Logistic { scale } if !(scale > 0.0 && scale.is_finite()) => {
                refused(format!("Logistic of scale {scale}"), "of a scale above 0, and finite")
            }
            Link::Softmax if ensemble.n_outputs() < 2 => {
                refused("Softmax of one output".into(), "Logistic for two classes with one output")
            }
            _ => Ok(Self { ensemble, link }),
        }
    }

    /// The trees.
    pub fn ensemble(&self) -> &TreeEnsemble {
        &self.ensemble
    }

    /// The trees, taken out.
    pub fn into_ensemble(self) -> TreeEnsemble {
        self.ensemble
    }

    /// From outputs to predictions.
    pub fn link(&self) -> Link {
        self.link
    }

    /// The raw outputs of each row.
    ///
    /// # Errors
    ///
    /// As [`TreeEnsemble::read`].
    pub fn margins(&self, batch: &RecordBatch) -> Result<Array2<f64>> {
        self.ensemble.outputs(batch)
    }

    /// The predictions of each row: values, or probabilities as [`Link`] says.
    ///
    /// # Errors
    ///
    /// As [`TreeEnsemble::read`].
    pub fn predict(&self, batch: &RecordBatch) -> Result<Array2<f64>> {
        let mut all = self.margins(batch)?;
        for mut row in all.rows_mut() {
            if let Some(row) = row.as_slice_mut() {
                self.link.apply(row);
            }
        }
        Ok(all)
    }
}

//! Importances of features, from the splits by them.

use std::sync::Arc;

use mlsys_core::Result;
use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use serde::{Deserialize, Serialize};

use crate::TreeEnsemble;

/// What [`Importances`] are sums of, over the splits by a feature in all trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Importance {
    /// By how much they made the objective better: LightGBM's `gain`, XGBoost's `total_gain`.
    #[default]
    Gain,
    /// How many there are: LightGBM's `split`, XGBoost's `weight`.
    Split,
    /// What their rows count, Hessians or weights: XGBoost's `total_cover`.
    Cover,
}

/// How much each feature of a [`TreeEnsemble`] was used in training, in the order of the features.
///
/// ```text
/// importance(f) = Σ over splits by f: gain, or 1, or cover
/// ```
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `kind` | `Gain` | [`Importance`] | what is summed up |
///
/// **Input**: an ensemble; no rows. **Output**: totals, 0 for features without splits, in any units that gains or covers are in; not
/// divided by the number of trees, nor by their sum. **Complexity**: one pass over the splits.
///
/// ```
/// use mlsys_core::{Dataset, InputColumn, arrow::array::{Float64Array, RecordBatch}};
/// use mlsys_models::trees::{Child, Combine, MissingGoes, MissingPolicy, Split, Test, Tree, TreeEnsemble, TreeFeature};
/// use mlsys_models::{Importance, Importances};
///
/// let batch = RecordBatch::try_from_iter([("x", std::sync::Arc::new(Float64Array::from(vec![1.0])) as _)])?;
/// let x = TreeFeature::number(InputColumn::new(Dataset::new(batch)?.layout(), "x")?)?;
/// let split = Split {
///     feature: 0, test: Test::AtMost(3.0), missing: MissingGoes::Right, left: Child::Leaf(0), right: Child::Leaf(1),
///     gain: 121.5, value: 0.0, cover: 6.0, rows: 6,
/// };
/// let tree = Tree::new(vec![split], 1, vec![-0.45, 0.45], vec![3.0, 3.0], vec![3, 3])?;
/// let trees = TreeEnsemble::new(vec![x], MissingPolicy::default(), vec![tree], vec![6.5], Combine::Sum)?;
/// assert_eq!(Importances::new(&trees, Importance::Gain).of("x"), Some(121.5));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** as all that is read off training: columns with many values get splits by chance, and of two columns that say the same
/// one may get all. They have no sign and say nothing of a row.
///
/// **Method**: Leo Breiman, Jerome Friedman, Richard Olshen, Charles Stone, *Classification and regression trees*, 1984, section 5.3.4,
/// without surrogate splits.
///
/// **Instead**: [`TreeShap`](crate::TreeShap), whose [mean absolute values](crate::ShapValues::mean_absolute) are in units of the output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Importances {
    kind: Importance,
    names: Vec<String>,
    values: Vec<f64>,
}

impl Importances {
    /// The importances of the features of an ensemble.
    #[must_use]
    pub fn new(ensemble: &TreeEnsemble, kind: Importance) -> Self {
        let mut values = vec![0.0; ensemble.features().len()];
        for split in ensemble.trees().iter().flat_map(|tree| tree.splits()) {
            if let Some(sum) = values.get_mut(split.feature as usize) {
                *sum += match kind {
                    Importance::Gain => split.gain,
                    Importance::Split => 1.0,
                    Importance::Cover => split.cover,
                };
            }
        }
        let names = ensemble.features().iter().map(|feature| feature.name().to_owned()).collect();
        Self { kind, names, values }
    }

    /// What they are sums of.
    pub fn kind(&self) -> Importance {
        self.kind
    }

    /// The names of the features.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The importances, in the order of the features.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The importance of a feature; `None` when there is none of that name.
    pub fn of(&self, name: &str) -> Option<f64> {
        self.names.iter().position(|known| known == name).and_then(|place| self.values.get(place)).copied()
    }

    /// Features and importances, the greatest first; equal ones by name.
    #[must_use]
    pub fn sorted(&self) -> Vec<(&str, f64)> {
        let mut pairs: Vec<(&str, f64)> =
            self.names.iter().map(String::as_str).zip(self.values.iter().copied()).collect();
        pairs.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
        pairs
    }

    /// A table with the columns `feature` and `importance`, the greatest first.
    ///
    /// # Errors
    ///
    /// None that are known of: those of Arrow, which are for columns of different lengths.
    pub fn to_batch(&self) -> Result<RecordBatch> {
        let (names, values): (Vec<&str>, Vec<f64>) = self.sorted().into_iter().unzip();
        let names: ArrayRef = Arc::new(StringArray::from(names));
        let values: ArrayRef = Arc::new(Float64Array::from(values));
        Ok(RecordBatch::try_from_iter([("feature", names), ("importance", values)])?)
    }
}

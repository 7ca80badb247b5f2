//! The confusion matrix.

use std::fmt;

use mlsys_core::arrow::array::Array;
use mlsys_core::ndarray::{Array2, ArrayView2, Axis};
use mlsys_core::{Category, Error, Prediction, Result};
use serde::{Deserialize, Serialize};

use crate::input::Labels;
use crate::kernel::Weights;

/// A dense matrix beyond this is a table of identifiers by mistake.
const MOST_CLASSES: usize = 2000;

/// How many rows of each true class were predicted as each class.
///
/// `C[t, p] = sum w_i [truth_i = t and predicted_i = p]`: a row per true class, a column per predicted one, both
/// ascending over the classes that occur (or that the prediction knows).
///
/// **Input**: classes of any type that both columns share, at most 2000 of them. **Complexity**: one pass, K x K
/// numbers. Matrices of parts of a table [`merge`](Self::merge).
///
/// ```
/// use mlsys_eval::ConfusionMatrix;
///
/// let matrix = ConfusionMatrix::new(&["cat", "dog", "dog", "eel"], &["cat", "dog", "cat", "dog"], None)?;
/// assert_eq!(matrix.count(&"dog".into(), &"cat".into()), 1.0);
/// assert_eq!(matrix.class_counts(&"dog".into())?.false_positive, 1.0);
/// assert_eq!(matrix.to_string(), "\
/// truth  cat  dog  eel  <- predicted
/// cat      1    0    0
/// dog      1    1    0
/// eel      0    1    0
/// ");
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **When it misleads**: it is one threshold's view of a model that gives probabilities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfusionMatrix {
    classes: Vec<Category>,
    /// Row by row.
    counts: Vec<f64>,
}

/// The weighted rows of one class against the rest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClassCounts {
    /// Of the class, and predicted so.
    pub true_positive: f64,
    /// Of another class, but predicted as this one.
    pub false_positive: f64,
    /// Of the class, but predicted as another one.
    pub false_negative: f64,
    /// Of another class, and predicted as another one.
    pub true_negative: f64,
}

/// What the entries of a normalised confusion matrix are shares of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalize {
    /// Of the rows of the true class: the diagonal is recall.
    Truth,
    /// Of the rows predicted as the class: the diagonal is precision.
    Predicted,
    /// Of all rows.
    All,
}

impl ConfusionMatrix {
    /// The matrix of true and predicted classes.
    ///
    /// # Errors
    ///
    /// As [`accuracy`](crate::accuracy); [`Shape`](mlsys_core::ErrorKind::Shape) for more than 2000 classes.
    pub fn new<T: Ord + Clone + Into<Category>>(
        truth: &[T],
        predicted: &[T],
        weights: Option<&[f64]>,
    ) -> Result<Self> {
        Weights::new("a confusion matrix", truth.len(), weights)?;
        Self::from_labels(Labels::from_slices(truth, predicted)?, weights)
    }

    /// The matrix of a prediction.
    ///
    /// # Errors
    ///
    /// As [`ConfusionMatrix::new`]; [`MissingValues`](mlsys_core::ErrorKind::MissingValues);
    /// [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for columns that have no classes.
    pub fn of(truth: &dyn Array, prediction: &Prediction, weights: Option<&[f64]>) -> Result<Self> {
        Weights::new("a confusion matrix", truth.len(), weights)?;
        Self::from_labels(Labels::from_arrays(truth, prediction)?, weights)
    }

    fn from_labels(labels: Labels, weights: Option<&[f64]>) -> Result<Self> {
        let k = labels.classes.len();
        few_enough(k)?;
        let mut counts = vec![0.0; k * k];
        for (row, (&truth, &predicted)) in labels.truth.iter().zip(&labels.predicted).enumerate() {
            counts[truth as usize * k + predicted as usize] += weights.map_or(1.0, |w| w[row]);
        }
        Ok(Self { classes: labels.classes, counts })
    }

    /// Adds the rows of another matrix; the classes become those of both.
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) for more than 2000 classes.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        let mut classes: Vec<Category> = self.classes.iter().chain(&other.classes).cloned().collect();
        classes.sort();
        classes.dedup();
        few_enough(classes.len())?;
        let k = classes.len();
        let mut counts = vec![0.0; k * k];
        for part in [&*self, other] {
            let places: Vec<usize> =
                part.classes.iter().filter_map(|c| classes.binary_search(c).ok()).collect();
            for (&t, row) in places.iter().zip(part.counts.chunks(places.len().max(1))) {
                for (&p, count) in places.iter().zip(row) {
                    counts[t * k + p] += count;
                }
            }
        }
        *self = Self { classes, counts };
        Ok(())
    }

    /// The classes, ascending.
    pub fn classes(&self) -> &[Category] {
        &self.classes
    }

    /// The weighted rows: a row per true class, a column per predicted class.
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) when a matrix that was loaded is not square.
    pub fn counts(&self) -> Result<ArrayView2<'_, f64>> {
        let k = self.classes.len();
        ArrayView2::from_shape((k, k), &self.counts)
            .map_err(|_| Error::shape("counts of a confusion matrix", k * k, self.counts.len()))
    }

    /// The weighted rows of a true class that were predicted as another; 0 for a class that does not occur.
    pub fn count(&self, truth: &Category, predicted: &Category) -> f64 {
        let place = |class| self.classes.binary_search(class).ok();
        match (place(truth), place(predicted)) {
            (Some(t), Some(p)) => self.counts.get(t * self.classes.len() + p).copied().unwrap_or(0.0),
            _ => 0.0,
        }
    }

    /// One class against the rest.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) when the class does not occur.
    pub fn class_counts(&self, class: &Category) -> Result<ClassCounts> {
        let at = crate::input::positive_index("ConfusionMatrix", &self.classes, Some(class))?;
        let counts = self.counts()?;
        let true_positive = counts[[at, at]];
        let (truth, predicted) = (counts.row(at).sum(), counts.column(at).sum());
        let (false_negative, false_positive) = (truth - true_positive, predicted - true_positive);
        let true_negative = counts.sum() - truth - false_positive;
        Ok(ClassCounts { true_positive, false_positive, false_negative, true_negative })
    }

    /// The entries as shares; a row or column without weight stays zero.
    ///
    /// # Errors
    ///
    /// As [`counts`](Self::counts).
    pub fn normalized(&self, by: Normalize) -> Result<Array2<f64>> {
        let mut shares = self.counts()?.to_owned();
        match by {
            Normalize::All => {
                let total = shares.sum();
                shares.mapv_inplace(|c| if total > 0.0 { c / total } else { 0.0 });
            }
            Normalize::Truth | Normalize::Predicted => {
                let axis = if by == Normalize::Truth { Axis(0) } else { Axis(1) };
                for mut lane in shares.axis_iter_mut(axis) {
                    let total = lane.sum();
                    lane.mapv_inplace(|c| if total > 0.0 { c / total } else { 0.0 });
                }
            }
        }
        Ok(shares)
    }
}

fn few_enough(classes: usize) -> Result<()> {
    if classes > MOST_CLASSES {
        return Err(Error::shape(
            "classes of a confusion matrix",
            format!("at most {MOST_CLASSES}"),
            classes,
        ));
    }
    Ok(())
}

impl fmt::Display for ConfusionMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.counts.iter().all(|c| c.fract() == 0.0);
        let digits = f.precision().unwrap_or(if whole { 0 } else { 2 });
        let names: Vec<String> = self.classes.iter().map(ToString::to_string).collect();
        let cells: Vec<String> = self.counts.iter().map(|c| format!("{c:.digits$}")).collect();
        let width =
            |texts: &mut dyn Iterator<Item = &String>| texts.map(|t| t.chars().count()).max().unwrap_or(0);
        let first = width(&mut names.iter()).max("truth".len());
        let others = width(&mut names.iter().chain(&cells));
        write!(f, "{:first$}", "truth")?;
        for name in &names {
            write!(f, "  {name:>others$}")?;
        }
        writeln!(f, "  <- predicted")?;
        for (name, row) in names.iter().zip(cells.chunks(names.len().max(1))) {
            write!(f, "{name:first$}")?;
            for cell in row {
                write!(f, "  {cell:>others$}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

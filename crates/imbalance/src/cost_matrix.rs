//! What each mistake costs.

use mlsys_core::arrow::array::ArrayRef;
use mlsys_core::ndarray::{Array2, ArrayView2};
use mlsys_core::{Category, Classes, Error, Probabilities, Result};
use serde::{Deserialize, Serialize};

use crate::ClassWeighter;

/// What it costs to predict a class when another one is true, and what follows for thresholds, decisions and weights.
///
/// The expected cost of predicting i is `Σⱼ p(j) c(i, j)`; the best decision is the class of the least. Of two classes it is the
/// positive one (the last) from the threshold on:
///
/// > p* = (c₁₀ − c₀₀) / (c₁₀ − c₀₀ + c₀₁ − c₁₁), with `c(predicted, true)`
///
/// **Input**: finite costs, a row for each prediction and a column for each truth, of two classes or more. Negative ones are gains.
/// **Errors**: [`Shape`](mlsys_core::ErrorKind::Shape), [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue).
///
/// ```
/// use mlsys_core::Probabilities;
/// use mlsys_imbalance::CostMatrix;
///
/// // A missed fraud costs 9 times as much as a false alarm.
/// let costs = CostMatrix::of_errors(false, true, 1.0, 9.0)?;
/// assert!((costs.threshold()? - 0.1).abs() < 1e-15);
/// let p = Probabilities::binary(&[0.05, 0.3])?;
/// assert_eq!(costs.decide(&p)?, [0, 1]);
/// assert_eq!(costs.expected(&p)?.row(1).to_vec(), [0.3 * 9.0, 0.7]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when probabilities are not those of the data: calibrate first, and undo resampling by
/// [`PriorCorrection`](crate::PriorCorrection).
///
/// Charles Elkan, *The foundations of cost-sensitive learning*, 2001, equations 1 and 2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct CostMatrix {
    classes: Classes,
    /// A row for each prediction.
    costs: Array2<f64>,
}

/// A matrix that somebody else may have written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    classes: Vec<Category>,
    costs: Vec<Vec<f64>>,
}

impl From<CostMatrix> for Stored {
    fn from(matrix: CostMatrix) -> Self {
        let costs = matrix.costs.rows().into_iter().map(|row| row.to_vec()).collect();
        Self { classes: matrix.classes.values().to_vec(), costs }
    }
}

impl TryFrom<Stored> for CostMatrix {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        Self::new(stored.classes, stored.costs)
    }
}

impl CostMatrix {
    /// Costs by class: a row for each prediction, which has a cost for each truth, both in the order of `classes`.
    ///
    /// # Errors
    ///
    /// Those of the type.
    pub fn new(classes: impl IntoIterator<Item = Category>, costs: Vec<Vec<f64>>) -> Result<Self> {
        let given: Vec<Category> = classes.into_iter().collect();
        let classes = Classes::new(given.clone())?;
        let k = classes.n_classes();
        if k < 2 {
            return Err(Error::shape("the classes of a cost matrix", "two at least", k));
        }
        if costs.len() != k {
            return Err(Error::shape("the rows of a cost matrix", k, costs.len()));
        }
        if let Some(row) = costs.iter().find(|row| row.len() != k) {
            return Err(Error::shape("a row of a cost matrix", k, row.len()));
        }
        if let Some(cost) = costs.iter().flatten().find(|cost| !cost.is_finite()) {
            return Err(Error::invalid_value("costs", None, cost, "finite"));
        }
        let place: Vec<usize> = classes
            .values()
            .iter()
            .filter_map(|class| given.iter().position(|other| other == class))
            .collect();
        let costs = Array2::from_shape_fn((k, k), |(i, j)| costs[place[i]][place[j]]);
        Ok(Self { classes, costs })
    }

    /// Of two classes, where being right costs nothing.
    ///
    /// # Errors
    ///
    /// Those of the type.
    pub fn of_errors(
        negative: impl Into<Category>,
        positive: impl Into<Category>,
        false_positive: f64,
        false_negative: f64,
    ) -> Result<Self> {
        let costs = vec![vec![0.0, false_negative], vec![false_positive, 0.0]];
        Self::new([negative.into(), positive.into()], costs)
    }

    /// The classes, ascending.
    pub fn classes(&self) -> &Classes {
        &self.classes
    }

    /// The costs, a row for each prediction and a column for each truth, in the order of [`classes`](Self::classes).
    pub fn costs(&self) -> ArrayView2<'_, f64> {
        self.costs.view()
    }

    /// The probability of the positive class from which on it is the cheaper prediction.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](mlsys_core::ErrorKind::Unsupported) for more than two classes, which have no threshold: [`decide`](Self::decide);
    /// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) when one prediction is never dearer than the other, whatever is true.
    pub fn threshold(&self) -> Result<f64> {
        let k = self.classes.n_classes();
        if k != 2 {
            let what = format!("one threshold for {k} classes; decide by the expected costs");
            return Err(Error::unsupported(what));
        }
        // Quarters of large costs, so that neither a difference nor the sum of two overflows.
        let large = self.costs.iter().any(|cost| cost.abs() > 1e300);
        let part = |cost: f64| if large { 0.25 * cost } else { cost };
        let false_positive = part(self.costs[[1, 0]]) - part(self.costs[[0, 0]]);
        let false_negative = part(self.costs[[0, 1]]) - part(self.costs[[1, 1]]);
        if false_positive <= 0.0 || false_negative <= 0.0 {
            let value = format!("{false_positive} and {false_negative}");
            let expected = "mistakes that cost more than being right, in both classes";
            return Err(Error::invalid_value("costs", None, value, expected));
        }
        Ok(false_positive / (false_positive + false_negative))
    }

    /// The expected cost of each prediction, a row for each row.
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) when the number of classes differs.
    pub fn expected(&self, probabilities: &Probabilities) -> Result<Array2<f64>> {
        let k = self.classes.n_classes();
        if probabilities.n_classes() != k {
            return Err(Error::shape(
                "columns of probabilities",
                format!("{k} classes"),
                probabilities.n_classes(),
            ));
        }
        let p = probabilities.view();
        // Summed class by class, so that a row alone has the same bits.
        Ok(Array2::from_shape_fn((p.nrows(), k), |(row, i)| {
            (0..k).map(|j| p[[row, j]] * self.costs[[i, j]]).sum()
        }))
    }

    /// The class of the least expected cost of each row, by its place; the last of equals, as at the threshold.
    ///
    /// # Errors
    ///
    /// As [`expected`](Self::expected).
    pub fn decide(&self, probabilities: &Probabilities) -> Result<Vec<usize>> {
        let expected = self.expected(probabilities)?;
        let least = |costs: &[f64]| (0..costs.len()).rev().min_by(|&a, &b| costs[a].total_cmp(&costs[b]));
        Ok(expected.rows().into_iter().map(|row| least(&row.to_vec()).unwrap_or_default()).collect())
    }

    /// The same as labels.
    ///
    /// # Errors
    ///
    /// As [`expected`](Self::expected).
    pub fn labels(&self, probabilities: &Probabilities) -> Result<ArrayRef> {
        Ok(self.classes.take(self.decide(probabilities)?))
    }

    /// Weights under which the likeliest class is the cheapest: class j counts `Σᵢ c(i, j) − c(j, j)`, divided by the mean over the
    /// classes. The same decision for two classes; for more, only where a mistake costs the same whatever is predicted.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for a class whose mistakes cost no more than being right.
    pub fn class_weights(&self) -> Result<ClassWeighter> {
        let k = self.classes.n_classes();
        let scale = self.costs.iter().fold(0.0_f64, |most, cost| most.max(cost.abs())).max(f64::MIN_POSITIVE);
        // Of the largest cost, so that no sum overflows.
        let one = |i: usize, j: usize| self.costs[[i, j]] / scale - self.costs[[j, j]] / scale;
        let totals: Vec<f64> = (0..k).map(|j| (0..k).map(|i| one(i, j)).sum()).collect();
        if let Some(j) = (0..k).find(|&j| totals[j] <= 0.0) {
            let value = format!("{} in all for `{}`", totals[j] * scale, self.classes.values()[j]);
            return Err(Error::invalid_value(
                "costs",
                None,
                value,
                "mistakes that cost more than being right",
            ));
        }
        let mean = totals.iter().sum::<f64>() / k as f64;
        let weights = totals.iter().map(|total| total / mean);
        Ok(ClassWeighter::explicit(self.classes.values().iter().cloned().zip(weights)))
    }
}

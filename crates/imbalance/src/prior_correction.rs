//! From probabilities under one share of classes to those under another.

use mlsys_core::ndarray::Array2;
use mlsys_core::{Category, Classes, Dataset, Error, Probabilities, Result, Train};
use serde::{Deserialize, Serialize};

use crate::class_weighter::Totals;
use crate::{ClassWeighter, PlanResample};

/// Undoes what random over- or under-sampling, or class weights, did to probabilities.
///
/// > p'(k) = p(k) rₖ / Σⱼ p(j) rⱼ, with rₖ = share of k before / share of k in training
///
/// Of two classes, of whose negatives the share β was kept: p' = βp / (βp − p + 1).
///
/// That holds where p(x | k) is that of the data: rows of a class drawn at random, or weighted alike. Every other resampler makes or
/// picks rows by where they are, and is refused: calibrate the model's probabilities on `Dataset<Validation>` instead.
///
/// [`Adjusted`](crate::Adjusted) is a model with such a correction.
///
/// **Complexity**: one pass over the probabilities. **Errors**: [`Unsupported`](mlsys_core::ErrorKind::Unsupported) for another
/// resampler; [`Shape`](mlsys_core::ErrorKind::Shape), [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for shares.
///
/// ```
/// use mlsys_core::{Dataset, Probabilities, arrow::array::{BooleanArray, RecordBatch}};
/// use mlsys_imbalance::{PriorCorrection, RandomUnderSampler, Smote};
/// use std::sync::Arc;
///
/// let late = Arc::new(BooleanArray::from_iter((0..100).map(|row| Some(row % 10 == 0))));
/// let train = Dataset::new(RecordBatch::try_from_iter([("late", late as _)])?)?.target("late")?.into_train_all();
/// // A ninth of the rows that are not late is kept: even odds are then 1 : 9.
/// let correction = PriorCorrection::of(&RandomUnderSampler::new(), &train)?;
/// let p = correction.apply(&Probabilities::binary(&[0.5, 0.9])?)?.positive();
/// assert!((p[0] - 0.1).abs() < 1e-15 && (p[1] - 0.5).abs() < 1e-15);
/// assert!(PriorCorrection::of(&Smote::new(), &train).unwrap_err().to_string().contains("calibrate"));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when the model is not calibrated even for the rows that it was trained on. Ranks, and so ROC curves, stay as they are.
///
/// Marco Saerens, Patrice Latinne, Christine Decaestecker, *Adjusting the outputs of a classifier to new a priori probabilities: a
/// simple procedure*, 2002, equation 2.4; Andrea Dal Pozzolo, Olivier Caelen, Reid A. Johnson, Gianluca Bontempi, *Calibrating
/// probability with undersampling for unbalanced classification*, 2015, equation 4.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct PriorCorrection {
    classes: Classes,
    /// Of each class the share before over that in training, over the largest of these.
    ratios: Vec<f64>,
}

/// What somebody else may have written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    classes: Vec<Category>,
    ratios: Vec<f64>,
}

impl From<PriorCorrection> for Stored {
    fn from(correction: PriorCorrection) -> Self {
        Self { classes: correction.classes.values().to_vec(), ratios: correction.ratios }
    }
}

impl TryFrom<Stored> for PriorCorrection {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        if !stored.classes.is_sorted() {
            return Err(Error::artifact("has classes that do not ascend"));
        }
        let classes = Classes::new(stored.classes)?;
        let ones = vec![1.0; stored.ratios.len()];
        Self::new(classes, &stored.ratios, &ones)
    }
}

impl PriorCorrection {
    /// From how much each class counts in the data, and how much it counted in training: shares, counts or weights.
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) unless there is one for each class, and two at least;
    /// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) unless they are above 0 and finite.
    pub fn new(classes: Classes, data: &[f64], training: &[f64]) -> Result<Self> {
        let k = classes.n_classes();
        if k < 2 || data.len() != k || training.len() != k {
            let found = format!("{} and {} for {k} classes", data.len(), training.len());
            return Err(Error::shape("shares of classes", "one for each of two classes or more", found));
        }
        if let Some(share) = data.iter().chain(training).find(|share| !(share.is_finite() && **share > 0.0)) {
            return Err(Error::invalid_value("shares of classes", None, share, "above 0, and finite"));
        }
        let largest = |shares: &[f64]| shares.iter().copied().fold(0.0, f64::max);
        let (most, trained) = (largest(data), largest(training));
        let ratios: Vec<f64> = data.iter().zip(training).map(|(a, b)| (a / most) / (b / trained)).collect();
        let top = largest(&ratios);
        let ratios: Vec<f64> = ratios.into_iter().map(|ratio| ratio / top).collect();
        match ratios.iter().find(|ratio| !(ratio.is_finite() && **ratio > 0.0)) {
            None => Ok(Self { classes, ratios }),
            Some(_) => Err(Error::invalid_value(
                "shares of classes",
                None,
                "shares too far apart",
                "within 300 digits",
            )),
        }
    }

    /// What undoes a resampler: it says how many rows of each class it keeps of these.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](mlsys_core::ErrorKind::Unsupported) for one that does more than draw rows of a class at random;
    /// the resampler's own.
    pub fn of<R: PlanResample + ?Sized>(resampler: &R, train: &Dataset<Train>) -> Result<Self> {
        if !resampler.draws_at_random() {
            let what = "prior correction after a resampler that picks or makes rows by where they are: it changes more than \
                        the shares of classes; calibrate the probabilities on `Dataset<Validation>` instead";
            return Err(Error::unsupported(what));
        }
        let totals = Totals::of(train)?;
        let weights = train.weights()?;
        let mut training = vec![0.0; totals.classes.len()];
        for &row in resampler.plan(train)?.kept() {
            if let Some(class) = totals.rows[row as usize] {
                training[class] += weights.as_ref().map_or(1.0, |weights| weights[row as usize]);
            }
        }
        Self::new(Classes::new(totals.classes)?, &totals.weights, &training)
    }

    /// What undoes class weights.
    ///
    /// # Errors
    ///
    /// As [`ClassWeighter::of`].
    pub fn of_weights(weights: &ClassWeighter, train: &Dataset<Train>) -> Result<Self> {
        let totals = Totals::of(train)?;
        let weights = weights.weights(&totals)?;
        // The shares cancel, whatever the rows weigh.
        Self::new(Classes::new(totals.classes)?, &vec![1.0; weights.len()], &weights)
    }

    /// The classes, ascending.
    pub fn classes(&self) -> &Classes {
        &self.classes
    }

    /// By what probabilities are multiplied before they are made to sum to 1; the largest is 1.
    pub fn ratios(&self) -> &[f64] {
        &self.ratios
    }

    /// The probabilities under the shares of the data; in the order of [`classes`](Self::classes).
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) when the number of classes differs.
    pub fn apply(&self, probabilities: &Probabilities) -> Result<Probabilities> {
        let k = self.ratios.len();
        if probabilities.n_classes() != k {
            return Err(Error::shape(
                "columns of probabilities",
                format!("{k} classes"),
                probabilities.n_classes(),
            ));
        }
        let p = probabilities.view();
        let mut corrected = Array2::zeros(p.dim());
        for (from, mut to) in p.rows().into_iter().zip(corrected.rows_mut()) {
            // Over the largest, so that what is left of a tiny sum is not 0 / 0.
            let log = |class: usize| from[class].ln() + self.ratios[class].ln();
            let most = (0..k).map(log).fold(f64::NEG_INFINITY, f64::max);
            let scaled: Vec<f64> = match most > -600.0 {
                true => (0..k).map(|class| from[class] * self.ratios[class]).collect(),
                false => (0..k).map(|class| (log(class) - most).exp()).collect(),
            };
            let sum: f64 = scaled.iter().sum();
            to.iter_mut().zip(scaled).for_each(|(to, scaled)| *to = scaled / sum);
        }
        Probabilities::new(corrected)
    }
}

//! Precision, recall and F are ratios of three weighted counts per class; this computes and averages them.

use mlsys_core::arrow::array::Array;
use mlsys_core::{Category, Error, Estimate, Prediction, Result};

use crate::input::Labels;
use crate::kernel::{Kernel, Weights};
use crate::{Average, Interval, ZeroDivision, wilson_interval};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Ratio {
    Precision,
    Recall,
    /// With the square of beta.
    F(f64),
}

impl Ratio {
    fn of(self, hit: f64, truth: f64, predicted: f64) -> (f64, f64) {
        match self {
            Self::Precision => (hit, predicted),
            Self::Recall => (hit, truth),
            Self::F(bb) => ((1.0 + bb) * hit, bb * truth + predicted),
        }
    }

    /// Whether the row is in the denominator, for a ratio that is a share of rows.
    fn counts(self, truth: bool, predicted: bool) -> bool {
        match self {
            Self::Precision => predicted,
            Self::Recall => truth,
            Self::F(_) => truth || predicted,
        }
    }
}

/// The weighted rows of a class: rightly predicted, true, predicted.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    hit: f64,
    truth: f64,
    predicted: f64,
}

struct RatioKernel<'a> {
    labels: &'a Labels,
    /// The index of the positive class when the average is binary.
    positive: u32,
    ratio: Ratio,
    average: Average,
    zero_division: ZeroDivision,
}

impl RatioKernel<'_> {
    fn of_class(&self, t: &Totals) -> Option<f64> {
        let (numerator, denominator) = self.ratio.of(t.hit, t.truth, t.predicted);
        self.zero_division.divide(numerator, denominator)
    }
}

impl Kernel for RatioKernel<'_> {
    fn value<W: Fn(usize) -> f64>(&self, weight: W) -> Option<f64> {
        let rows = self.labels.truth.iter().zip(&self.labels.predicted).enumerate();
        if self.average == Average::Binary {
            let mut t = Totals::default();
            for (row, (&truth, &predicted)) in rows {
                let w = weight(row);
                let (truth, predicted) = (truth == self.positive, predicted == self.positive);
                t.truth += if truth { w } else { 0.0 };
                t.predicted += if predicted { w } else { 0.0 };
                t.hit += if truth && predicted { w } else { 0.0 };
            }
            return self.of_class(&t);
        }
        let mut totals = vec![Totals::default(); self.labels.classes.len()];
        for (row, (&truth, &predicted)) in rows {
            let w = weight(row);
            totals[truth as usize].truth += w;
            totals[predicted as usize].predicted += w;
            if truth == predicted {
                totals[truth as usize].hit += w;
            }
        }
        if self.average == Average::Micro {
            let sum = |f: fn(&Totals) -> f64| totals.iter().map(f).sum();
            return self.of_class(&Totals {
                hit: sum(|t| t.hit),
                truth: sum(|t| t.truth),
                predicted: sum(|t| t.predicted),
            });
        }
        let present = totals.iter().filter(|t| t.truth > 0.0 || t.predicted > 0.0);
        self.average.combine(present.filter_map(|t| Some((self.of_class(t)?, t.truth))))
    }
}

/// Everything that a metric of this family was told.
pub(crate) struct ClassRatio<'a> {
    pub(crate) metric: &'a str,
    pub(crate) ratio: Ratio,
    pub(crate) average: Average,
    pub(crate) positive: Option<&'a Category>,
    pub(crate) zero_division: ZeroDivision,
    pub(crate) interval: Interval,
}

impl ClassRatio<'_> {
    pub(crate) fn of_arrays(
        &self,
        truth: &dyn Array,
        prediction: &Prediction,
        weights: Option<&[f64]>,
    ) -> Result<Estimate> {
        let weights = Weights::new(self.metric, truth.len(), weights)?;
        let labels = Labels::from_arrays(truth, prediction)?;
        let positive = match self.average {
            Average::Binary => labels.positive(self.metric, self.positive)?,
            _ => 0,
        };
        self.of_labels(&labels, positive, &weights)
    }

    pub(crate) fn of_bools(
        &self,
        truth: &[bool],
        predicted: &[bool],
        weights: Option<&[f64]>,
    ) -> Result<f64> {
        let weights = Weights::new(self.metric, truth.len(), weights)?;
        crate::kernel::same_length("prediction", truth.len(), predicted.len())?;
        let code = |values: &[bool]| values.iter().map(|&v| u32::from(v)).collect();
        let labels = Labels {
            classes: vec![false.into(), true.into()],
            truth: code(truth),
            predicted: code(predicted),
        };
        Ok(self.of_labels(&labels, 1, &weights)?.value)
    }

    pub(crate) fn of_classes<T: Ord + Clone + Into<Category>>(
        &self,
        truth: &[T],
        predicted: &[T],
        weights: Option<&[f64]>,
    ) -> Result<f64> {
        let weights = Weights::new(self.metric, truth.len(), weights)?;
        let labels = Labels::from_slices(truth, predicted)?;
        let positive = match self.average {
            Average::Binary => labels.positive(self.metric, self.positive)?,
            _ => 0,
        };
        Ok(self.of_labels(&labels, positive, &weights)?.value)
    }

    fn of_labels(&self, labels: &Labels, positive: u32, weights: &Weights<'_>) -> Result<Estimate> {
        let &Self { ratio, average, zero_division, interval, .. } = self;
        let kernel = RatioKernel { labels, positive, ratio, average, zero_division };
        let undefined = || {
            let expected = "a class that occurs, or another `zero_division`";
            Error::invalid_value(self.metric, None, "a ratio of zero rows", expected)
        };
        let wilson = |value: f64, level: f64| {
            let counted = |row: usize| match average {
                Average::Micro => true,
                _ => ratio.counts(labels.truth[row] == positive, labels.predicted[row] == positive),
            };
            let share = matches!(average, Average::Binary | Average::Micro) && !matches!(ratio, Ratio::F(_));
            let n = if share { weights.effective_rows(counted) } else { 0.0 };
            // Rounding may put a weighted share an ulp above 1.
            if n > 0.0 { wilson_interval(value.min(1.0), n, level).map(Some) } else { Ok(None) }
        };
        weights.estimate(&kernel, interval, undefined, wilson)
    }
}

/// The setters that precision, recall and F share.
macro_rules! class_setters {
    () => {
        /// Which classes it is about: [`Average::Binary`](crate::Average::Binary) unless said.
        pub fn average(mut self, average: $crate::Average) -> Self {
            self.average = average;
            self
        }

        /// The positive class of [`Average::Binary`](crate::Average::Binary): the last of two unless said.
        pub fn positive(mut self, class: impl Into<mlsys_core::Category>) -> Self {
            self.positive = Some(class.into());
            self
        }

        /// The value where the denominator is zero: 0 unless said.
        pub fn zero_division(mut self, zero_division: $crate::ZeroDivision) -> Self {
            self.zero_division = zero_division;
            self
        }

        $crate::interval::interval_setters!();
    };
}
pub(crate) use class_setters;

//! What the metrics share: checked weights, and a value that can be computed again under other weights.

use std::borrow::Cow;

use mlsys_core::{Error, ErrorKind, Estimate, Result};

use crate::Interval;
use crate::interval::normal_quantile;

/// A metric with everything prepared that does not depend on the weights.
pub(crate) trait Kernel: Sync {
    /// The value under these row weights; `None` where they leave it undefined.
    fn value<W: Fn(usize) -> f64>(&self, weight: W) -> Option<f64>;
}

/// Row weights that were checked.
pub(crate) struct Weights<'a> {
    rows: usize,
    each: Option<Cow<'a, [f64]>>,
}

impl<'a> Weights<'a> {
    pub(crate) fn new(metric: &str, rows: usize, weights: Option<&'a [f64]>) -> Result<Self> {
        if rows == 0 {
            return Err(Error::too_few_rows(1, 0, metric));
        }
        let Some(each) = weights else { return Ok(Self { rows, each: None }) };
        same_length("weights", rows, each.len())?;
        check_finite("weights", each)?;
        if let Some(row) = each.iter().position(|&w| w < 0.0) {
            return Err(Error::invalid_value("weights", Some(row), each[row], "weights of zero or more"));
        }
        let most = each.iter().fold(0.0f64, |a, &b| a.max(b));
        if most == 0.0 {
            return Err(Error::invalid_value(
                "weights",
                None,
                "zero in every row",
                "positive for at least one row",
            ));
        }
        // A power of two keeps every digit, and keeps products of sums from overflowing or vanishing.
        let each = if (1e-100..1e100).contains(&most) {
            Cow::Borrowed(each)
        } else {
            let scale = (-most.log2().floor().clamp(-1000.0, 1000.0)).exp2();
            Cow::Owned(each.iter().map(|w| w * scale).collect())
        };
        Ok(Self { rows, each: Some(each) })
    }

    /// Whether all rows count alike.
    pub(crate) fn is_uniform(&self) -> bool {
        self.each.as_ref().is_none_or(|w| w.iter().all(|x| x == &w[0]))
    }

    pub(crate) fn get(&self, row: usize) -> f64 {
        self.each.as_ref().map_or(1.0, |w| w[row])
    }

    /// Kish's effective number of the rows that `counted` picks.
    pub(crate) fn effective_rows(&self, counted: impl Fn(usize) -> bool) -> f64 {
        let (mut sum, mut squares) = (0.0, 0.0);
        for row in (0..self.rows).filter(|&row| counted(row)) {
            let w = self.get(row);
            sum += w;
            squares += w * w;
        }
        if squares > 0.0 { sum * sum / squares } else { 0.0 }
    }

    pub(crate) fn value<K: Kernel>(&self, kernel: &K) -> Option<f64> {
        match &self.each {
            None => kernel.value(|_| 1.0),
            Some(w) => kernel.value(|row| w[row]),
        }
    }

    fn resampled<K: Kernel>(&self, kernel: &K, counts: &[u32]) -> Option<f64> {
        match &self.each {
            None => kernel.value(|row| f64::from(counts[row])),
            Some(w) => kernel.value(|row| f64::from(counts[row]) * w[row]),
        }
    }

    /// The value, or the error `undefined` where there is none.
    pub(crate) fn point<K: Kernel>(&self, kernel: &K, undefined: impl FnOnce() -> Error) -> Result<f64> {
        match self.value(kernel) {
            None => Err(undefined()),
            Some(value) if value.is_finite() => Ok(value),
            Some(value) => {
                let expected = "values whose sums and squares stay finite";
                Err(Error::invalid_value("prediction", None, format!("a total of {value}"), expected))
            }
        }
    }

    /// The value with its interval; `analytic` gives the closed form at a level, if there is one.
    pub(crate) fn estimate<K: Kernel>(
        &self,
        kernel: &K,
        interval: Interval,
        undefined: impl FnOnce() -> Error,
        analytic: impl FnOnce(f64, f64) -> Result<Option<(f64, f64)>>,
    ) -> Result<Estimate> {
        let value = self.point(kernel, undefined)?;
        let bounds = match interval {
            Interval::None => None,
            Interval::Analytic { level } => {
                normal_quantile("Interval::Analytic", level)?;
                analytic(value, level)?
            }
            Interval::Bootstrap(bootstrap) => {
                Some(bootstrap.run(self.rows, |counts| self.resampled(kernel, counts))?.interval)
            }
        };
        Ok(match bounds {
            None => Estimate::point(value),
            Some((low, high)) => Estimate::with_interval(value, low, high),
        })
    }
}

/// For metrics without a closed form.
pub(crate) fn no_closed_form(_value: f64, _level: f64) -> Result<Option<(f64, f64)>> {
    Ok(None)
}

/// A weighted mean of one number per row.
pub(crate) struct MeanOf(pub(crate) Vec<f64>);

impl Kernel for MeanOf {
    fn value<W: Fn(usize) -> f64>(&self, weight: W) -> Option<f64> {
        let (mut sum, mut total) = (0.0, 0.0);
        for (row, x) in self.0.iter().enumerate() {
            let w = weight(row);
            sum += w * x;
            total += w;
        }
        (total > 0.0).then(|| sum / total)
    }
}

pub(crate) fn same_length(what: &str, expected: usize, found: usize) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(Error::shape(format!("length of the {what}"), format!("{expected}, as the truth has"), found))
}

pub(crate) fn check_finite(name: &str, values: &[f64]) -> Result<()> {
    // Blocks are tested without a branch per value, which the compiler vectorises.
    let finite = |part: &[f64]| part.iter().fold(true, |all, x| all & x.is_finite());
    if values.chunks(1024).all(finite) {
        return Ok(());
    }
    match values.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(row) => Err(ErrorKind::NonFinite { column: name.into(), row, value: values[row] }.into()),
    }
}

pub(crate) fn check_probabilities(values: &[f64]) -> Result<()> {
    check_finite("probability", values)?;
    match values.iter().position(|p| !(0.0..=1.0).contains(p)) {
        None => Ok(()),
        Some(row) => Err(Error::invalid_value("probability", Some(row), values[row], "values from 0 to 1")),
    }
}

/// The error of weights that leave nothing, which checked weights cannot reach.
pub(crate) fn no_weight() -> Error {
    Error::invalid_value("weights", None, "zero in every row", "positive for at least one row")
}

pub(crate) fn single_class(class: impl ToString) -> Error {
    ErrorKind::SingleClass { column: "truth".into(), class: class.to_string() }.into()
}

//! Caps on extreme values.

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::arrow::datatypes::{Schema, SchemaRef};
use mlsys_core::{Error, ErrorKind, FitByStatistic, InputColumn, Kind, Layout, Result, Transform};
use mlsys_stats::{
    ColumnStatistic, Infinite, Moments, MomentsSummary, PerColumn, Quantiles, QuantilesSummary,
};
use serde::{Deserialize, Serialize};

use crate::fitted_scaler::{Values, map_columns, scaled_schema};

/// Caps numeric columns: what lies beyond a cap becomes the cap.
///
/// | [`CapBy`] | low | high |
/// |---|---|---|
/// | `Quantiles(p)` | quantile of p | quantile of 1 - p |
/// | `Gaussian(k)` | x̄ - k s | x̄ + k s |
/// | `Iqr(k)` | q₁ - k (q₃ - q₁) | q₃ + k (q₃ - q₁) |
/// | `Mad(k)` | m - 1.4826 k MAD | m + 1.4826 k MAD |
///
/// where `x̄` and `s` are mean and standard deviation (divided by n), `q₁` and `q₃` the quartiles, `m` the median and MAD the
/// median of `|x - m|`, which 1.4826 makes the deviation of a normal column.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `by` | `Quantiles(0.05)` | p at least 0 and below 0.5, k above 0 | where the caps are; customary are `Gaussian(3.0)`, `Iqr(1.5)`, `Mad(3.5)` |
/// | `tails` | `Both` | | which of the two caps there are |
/// | `quantiles` | exact to 131,072 distinct values | | how quantiles are taken: [`Quantiles`] |
///
/// **Input**: the features that are numbers, or with `.on(..)` exactly those, booleans included. Missing values do
/// not count and stay missing. Weights are used. Infinities are refused while fitting and capped after. **Output**: Float32
/// stays Float32, all others become Float64. A column in which `s`, `q₃ - q₁` or MAD is 0 has no caps.
///
/// **Errors**: [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter),
/// [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for a chosen column that is not numeric,
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities while fitting,
/// [`AllMissing`](mlsys_core::ErrorKind::AllMissing) for a column without values,
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) when a cap overflows.
///
/// One pass, mergeable; but for `Gaussian` exact until a sketch begins, then within its rank error.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{AsArray, Float64Array, RecordBatch}};
/// use mlsys_core::arrow::datatypes::Float64Type;
/// use mlsys_encoding::{CapBy, Winsorizer};
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0, 4.0, 1e9]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?.into_train_all();
/// let capped = Winsorizer::new().by(CapBy::Iqr(1.5)).fit(&train)?.transform(train.batch())?;
/// assert_eq!(capped.column(0).as_primitive::<Float64Type>().values().as_ref(), [1.0, 2.0, 3.0, 4.0, 7.0]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when extremes are what matters: claims, delays, fraud. `Gaussian` caps are set by the very values that they
/// should cap. As feature-engine's `Winsorizer`.
///
/// Charles Hastings, Frederick Mosteller, John Tukey, Charles Winsor, *Low Moments for Small Samples*, Annals of
/// Mathematical Statistics 18, 1947; Boris Iglewicz, David Hoaglin, *How to Detect and Handle Outliers*, 1993 (3.5 MAD).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct Winsorizer {
    by: CapBy,
    tails: Tails,
    quantiles: Quantiles,
}

/// Where [`Winsorizer`] puts its caps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CapBy {
    /// At the quantiles of a share and of 1 minus it.
    Quantiles(f64),
    /// So many standard deviations from the mean.
    Gaussian(f64),
    /// So many distances of the quartiles below the first and above the third.
    Iqr(f64),
    /// So many median absolute deviations, times 1.4826, from the median.
    Mad(f64),
}

impl Default for CapBy {
    fn default() -> Self {
        Self::Quantiles(0.05)
    }
}

/// Which caps [`Winsorizer`] sets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tails {
    /// A low and a high one.
    #[default]
    Both,
    /// A low one.
    Low,
    /// A high one.
    High,
}

/// The standard deviation of a normal distribution over its median absolute deviation.
const NORMAL_MAD: f64 = 1.482_602_218_505_602;

impl Winsorizer {
    /// Caps at the quantiles of 5 % and 95 %.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the caps are.
    pub fn by(mut self, by: CapBy) -> Self {
        self.by = by;
        self
    }

    /// Which caps there are.
    pub fn tails(mut self, tails: Tails) -> Self {
        self.tails = tails;
        self
    }

    /// How quantiles are taken.
    pub fn quantiles(mut self, quantiles: Quantiles) -> Self {
        self.quantiles = quantiles;
        self
    }

    fn check(&self) -> Result<()> {
        let (value, fine, expected) = match self.by {
            CapBy::Quantiles(share) => (share, (0.0..0.5).contains(&share), "at least 0 and below 0.5"),
            CapBy::Gaussian(k) | CapBy::Iqr(k) | CapBy::Mad(k) => (k, k > 0.0 && k.is_finite(), "above 0"),
        };
        if fine { Ok(()) } else { Err(Error::invalid_parameter("Winsorizer", "by", value, expected)) }
    }

    /// The caps of a column, or none where the spread is 0.
    fn caps(&self, layout: &Layout, name: &str, caps: Option<(f64, f64)>) -> Result<Caps> {
        let column = InputColumn::new(layout, name)?;
        let Some((low, high)) = caps else { return Ok(Caps { column, low: None, high: None }) };
        if !low.is_finite() || !high.is_finite() {
            let what = format!("caps {low} and {high}, which overflow");
            return Err(Error::invalid_value(name, None, what, "of a smaller scale"));
        }
        let low = (self.tails != Tails::High).then_some(low);
        let high = (self.tails != Tails::Low).then_some(high);
        Ok(Caps { column, low, high })
    }
}

fn around(centre: f64, distance: f64) -> Option<(f64, f64)> {
    (distance != 0.0).then_some((centre - distance, centre + distance))
}

fn all_missing(name: &str) -> Error {
    let hint = "ignore it, or impute it first".into();
    ErrorKind::AllMissing { column: name.into(), hint }.into()
}

/// The caps of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Caps {
    column: InputColumn,
    low: Option<f64>,
    high: Option<f64>,
}

/// The fitted [`Winsorizer`]: the caps of each column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedWinsorizer {
    columns: Vec<Caps>,
}

impl FittedWinsorizer {
    /// The low cap of a fitted column, if it has one.
    pub fn low(&self, column: &str) -> Option<f64> {
        self.columns.iter().find(|c| c.column.name() == column)?.low
    }

    /// The high cap of a fitted column, if it has one.
    pub fn high(&self, column: &str) -> Option<f64> {
        self.columns.iter().find(|c| c.column.name() == column)?.high
    }

    fn validate(&self) -> Result<()> {
        let fine = |c: &Caps| {
            let finite = [c.low, c.high].into_iter().flatten().all(f64::is_finite);
            finite && c.low.zip(c.high).is_none_or(|(low, high)| low <= high)
        };
        match self.columns.iter().find(|c| !fine(c)) {
            Some(c) => Err(Error::artifact(format!("the caps of `{}` cross", c.column.name()))),
            None => Ok(()),
        }
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.iter().map(|c| c.column.clone()).collect()
    }
}

impl Transform for FittedWinsorizer {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let map = |x: f64, c: &Caps| match (c.low, c.high) {
            (Some(low), _) if x < low => low,
            (_, Some(high)) if x > high => high,
            _ => x,
        };
        map_columns(batch, &self.columns, |c| &c.column, Values::Fitted, map)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        scaled_schema(self.columns.iter().map(|c| &c.column), input)
    }
}

mlsys_core::artifact!(FittedWinsorizer, "mlsys.FittedWinsorizer", 1);

impl FitByStatistic for Winsorizer {
    type Statistic = (PerColumn<Moments>, PerColumn<Quantiles>);
    type Fitted = FittedWinsorizer;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        self.check()?;
        let columns = layout.features_for("Winsorizer", Kind::is_number, Kind::is_numeric, "numeric")?;
        let gaussian = matches!(self.by, CapBy::Gaussian(_));
        let (of_moments, of_all) = if gaussian { (columns, Vec::new()) } else { (Vec::new(), columns) };
        let moments = Moments::new().order(2).infinite(Infinite::Refuse).over(of_moments);
        let quantiles = self.quantiles.infinite(Infinite::Refuse).over(of_all);
        Ok((moments.weighted_as(layout), quantiles.weighted_as(layout)))
    }

    fn fitted(
        &self,
        layout: &Layout,
        (moments, quantiles): (Vec<(String, MomentsSummary)>, Vec<(String, QuantilesSummary)>),
    ) -> Result<FittedWinsorizer> {
        let mut columns = Vec::with_capacity(moments.len() + quantiles.len());
        for (name, found) in moments {
            if found.count() == 0 {
                return Err(all_missing(&name));
            }
            let CapBy::Gaussian(k) = self.by else { continue };
            columns.push(self.caps(layout, &name, around(found.mean(), k * found.std_dev(0.0)))?);
        }
        for (name, found) in quantiles {
            let of = found.distribution();
            let caps = || {
                Some(match self.by {
                    CapBy::Quantiles(share) => Some((of.quantile(share)?, of.quantile(1.0 - share)?)),
                    CapBy::Mad(k) => around(of.quantile(0.5)?, k * NORMAL_MAD * of.median_deviation()?),
                    CapBy::Iqr(k) | CapBy::Gaussian(k) => {
                        let (low, high) = (of.quantile(0.25)?, of.quantile(0.75)?);
                        let beyond = k * (high - low);
                        (beyond != 0.0).then_some((low - beyond, high + beyond))
                    }
                })
            };
            columns.push(self.caps(layout, &name, caps().ok_or_else(|| all_missing(&name))?)?);
        }
        Ok(FittedWinsorizer { columns })
    }
}

//! Imputation by a value beyond the others.

use mlsys_core::{Category, Error, FitByStatistic, Kind, Layout, Result};
use mlsys_stats::{
    ColumnStatistic, Infinite, MinMax, MinMaxSummary, Missing, MissingSummary, Moments, MomentsSummary,
    PerColumn, Quantiles, QuantilesSummary,
};
use serde::{Deserialize, Serialize};

use crate::fitted_imputer::{all_missing, asked, fill};
use crate::{FittedImputer, Indicators};

/// Fills missing values of numeric columns with a value at the end of the distribution, or beyond it: a tree can tell them apart from
/// all others.
///
/// ```text
/// Gaussian:  x̄ ± fold s            s: the deviation of a sample, ddof 1
/// IQR:       Q₃ + fold (Q₃ − Q₁),  or Q₁ − fold (Q₃ − Q₁)
/// maximum:   fold max x
/// ```
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `end` | `Gaussian` | [`TailEnd`] | how the value is found |
/// | `tail` | `High` | | which end; the maximum has the high one only |
/// | `fold` | 3 | finite, above 0 | how far out |
/// | `indicators` | `None` | | adds `<column>_missing` columns |
///
/// **Input**: the numeric features, or with `.on(..)` exactly those, numeric or boolean; null and NaN are missing; weights are used.
/// **Output**: floats keep their type, other numbers become Float64.
///
/// **Errors**: [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter),
/// [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for a chosen feature that is not numeric,
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities, [`AllMissing`](mlsys_core::ErrorKind::AllMissing) for a column without
/// values, [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) when the value overflows, or a deviation has rows of no more weight
/// than one: a weight counts rows.
///
/// One pass, mergeable.
///
/// ```
/// use mlsys_core::{Dataset, Fit, arrow::array::{Float64Array, RecordBatch}};
/// use mlsys_missing_values::{EndOfTailImputer, TailEnd};
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![Some(1.0), None, Some(4.0)]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?.into_train_all();
/// let imputer = EndOfTailImputer::new().end(TailEnd::Maximum).fit(&train)?;
/// assert_eq!(imputer.value("x").and_then(|v| v.as_f64()), Some(12.0));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where the column has no room beyond its end: `fold` times a maximum of 0 or less is no larger value, and an interquartile
/// range of 0 adds nothing. And it misleads linear models: to them the gap is an extreme measurement. There, use [`MedianImputer`](crate::MedianImputer) with
/// indicators. As feature-engine's `EndTailImputer`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct EndOfTailImputer {
    end: TailEnd,
    tail: Tail,
    fold: f64,
    indicators: Indicators,
}

/// How the end of a distribution is found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TailEnd {
    /// So many deviations from the mean.
    #[default]
    Gaussian,
    /// So many distances of the quartiles from the nearer one.
    Iqr,
    /// So many times the largest value.
    Maximum,
}

/// Which end of a distribution.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tail {
    /// That of large values.
    #[default]
    High,
    /// That of small values.
    Low,
}

impl Default for EndOfTailImputer {
    fn default() -> Self {
        Self { end: TailEnd::Gaussian, tail: Tail::High, fold: 3.0, indicators: Indicators::None }
    }
}

impl EndOfTailImputer {
    /// An imputer at three deviations above the mean.
    pub fn new() -> Self {
        Self::default()
    }

    /// How the value is found.
    pub fn end(mut self, end: TailEnd) -> Self {
        self.end = end;
        self
    }

    /// Which end.
    pub fn tail(mut self, tail: Tail) -> Self {
        self.tail = tail;
        self
    }

    /// How far out.
    pub fn fold(mut self, fold: f64) -> Self {
        self.fold = fold;
        self
    }

    /// Which indicator columns to add.
    pub fn indicators(mut self, indicators: Indicators) -> Self {
        self.indicators = indicators;
        self
    }

    /// The value at the end of a column.
    fn value(
        &self,
        name: &str,
        moments: Option<&MomentsSummary>,
        quantiles: Option<&QuantilesSummary>,
        range: Option<&MinMaxSummary>,
    ) -> Result<f64> {
        let out = if self.tail == Tail::High { self.fold } else { -self.fold };
        let value = match self.end {
            TailEnd::Gaussian => {
                moments.filter(|m| m.count() > 0).map(|m| m.mean() + out * m.variance(1.0).sqrt())
            }
            TailEnd::Iqr => {
                quantiles.and_then(|q| q.quantile(0.25).zip(q.quantile(0.75))).map(|(low, high)| {
                    if self.tail == Tail::High { high + out * (high - low) } else { low + out * (high - low) }
                })
            }
            TailEnd::Maximum => {
                range.and_then(|r| r.max.as_ref()).and_then(Category::as_f64).map(|max| self.fold * max)
            }
        };
        let value = value.ok_or_else(|| all_missing(name))?;
        if value.is_finite() {
            return Ok(value);
        }
        let light = moments.is_some_and(|m| m.weight() <= 1.0);
        let expected = match light {
            true => "rows of a total weight above 1, since weights count rows",
            false => "values of a smaller scale",
        };
        Err(Error::invalid_value(name, None, format!("the end {value}"), expected))
    }
}

impl FitByStatistic for EndOfTailImputer {
    /// Of these only what the end is found by has columns.
    type Statistic = (PerColumn<Moments>, PerColumn<Quantiles>, PerColumn<MinMax>, PerColumn<Missing>);
    type Fitted = FittedImputer;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        let invalid = |name, value: String, expected: &str| {
            Err(Error::invalid_parameter("EndOfTailImputer", name, value, expected))
        };
        if !(self.fold.is_finite() && self.fold > 0.0) {
            return invalid("fold", self.fold.to_string(), "finite and above 0");
        }
        if self.end == TailEnd::Maximum && self.tail == Tail::Low {
            return invalid("tail", "Low".into(), "High, for the maximum");
        }
        let columns =
            layout.features_for("EndOfTailImputer", Kind::is_number, Kind::is_numeric, "numeric")?;
        let by = |end| if self.end == end { columns.clone() } else { Vec::new() };
        let moments = Moments::new().order(2).infinite(Infinite::Refuse).over(by(TailEnd::Gaussian));
        let quantiles = Quantiles::new().infinite(Infinite::Refuse).over(by(TailEnd::Iqr));
        let range = MinMax::new().infinite(Infinite::Refuse).over(by(TailEnd::Maximum));
        Ok((
            moments.weighted_as(layout),
            quantiles.weighted_as(layout),
            range.weighted_as(layout),
            Missing::new().over(asked(self.indicators, columns)).weighted_as(layout),
        ))
    }

    fn fitted(
        &self,
        layout: &Layout,
        (moments, quantiles, range, missing): (
            Vec<(String, MomentsSummary)>,
            Vec<(String, QuantilesSummary)>,
            Vec<(String, MinMaxSummary)>,
            Vec<(String, MissingSummary)>,
        ),
    ) -> Result<FittedImputer> {
        let names = moments.iter().map(|(name, _)| name).chain(quantiles.iter().map(|(name, _)| name));
        let names: Vec<&String> = names.chain(range.iter().map(|(name, _)| name)).collect();
        let one = |(i, name): (usize, &String)| {
            // One of the three has the columns, in this order.
            let value = self.value(
                name,
                moments.get(i).map(|(_, m)| m),
                quantiles.get(i).map(|(_, q)| q),
                range.get(i).map(|(_, r)| r),
            )?;
            let missing = missing.iter().any(|(column, found)| column == name && found.missing() > 0);
            fill(layout, name, Category::Float(value), self.indicators, missing)
        };
        let fills = names.into_iter().enumerate().map(one).collect::<Result<_>>()?;
        Ok(FittedImputer::new(fills, true))
    }
}

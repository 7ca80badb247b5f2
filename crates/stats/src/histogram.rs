//! Counts between fixed edges.

use mlsys_core::arrow::datatypes::Field;
use mlsys_core::{Error, Kind, Result};
use serde::{Deserialize, Serialize};

use crate::{Column, ColumnStatistic, Retract};

/// How much weight lies between fixed edges, mergeable and exact.
///
/// Bin `i` holds `edges[i] <= x < edges[i + 1]`; the last one holds its upper edge too, as numpy's `histogram`
/// does.
///
/// **Input**: a numeric or boolean column. What lies below the first edge or above the last is kept apart, infinities
/// included; missing values are counted apart. Rows of weight zero do not count. Whole weights add up exactly up to
/// 2^53.
///
/// ```
/// use mlsys_core::arrow::array::{ArrayRef, Float64Array};
/// use mlsys_stats::{ColumnStatistic, Histogram};
/// use std::sync::Arc;
///
/// let x: ArrayRef = Arc::new(Float64Array::from(vec![Some(0.0), Some(1.0), Some(2.0), None, Some(7.0)]));
/// let histogram = Histogram::with_edges([0.0, 1.0, 2.0]).of("x", &x, None)?;
/// assert_eq!((histogram.weights, histogram.above, histogram.missing), (vec![1.0, 2.0], 1.0, 1.0));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a statistic does nothing until it is run"]
pub struct Histogram {
    edges: Vec<f64>,
}

impl Histogram {
    /// Bins between edges, which must be finite and ascend.
    pub fn with_edges(edges: impl IntoIterator<Item = f64>) -> Self {
        Self { edges: edges.into_iter().collect() }
    }

    /// Bins of equal width from `low` to `high`.
    pub fn uniform(low: f64, high: f64, bins: usize) -> Self {
        let n = bins as f64;
        let edge = |i: usize| if i == bins { high } else { low + (high - low) * (i as f64 / n) };
        Self { edges: (0..=bins).map(edge).collect() }
    }
}

/// The state of [`Histogram`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistogramState {
    edges: Vec<f64>,
    weights: Vec<f64>,
    below: f64,
    above: f64,
    missing: f64,
}

/// What [`Histogram`] found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct HistogramSummary {
    /// The edges: one more than there are bins.
    pub edges: Vec<f64>,
    /// The weight in each bin: the number of rows without weights.
    pub weights: Vec<f64>,
    /// The weight below the first edge.
    pub below: f64,
    /// The weight above the last edge.
    pub above: f64,
    /// The weight of missing values.
    pub missing: f64,
}

impl HistogramSummary {
    /// The share of the weight between the edges that lies in each bin; zeros without any.
    pub fn shares(&self) -> Vec<f64> {
        let total: f64 = self.weights.iter().sum();
        self.weights.iter().map(|w| if total > 0.0 { w / total } else { 0.0 }).collect()
    }
}

impl Histogram {
    fn check(&self, state: &HistogramState) -> Result<()> {
        if state.weights.len() + 1 == self.edges.len() && state.edges == self.edges {
            return Ok(());
        }
        Err(Error::state("a histogram between the same edges", "other edges"))
    }

    fn combine(&self, into: &mut HistogramState, from: &HistogramState, sign: f64) -> Result<()> {
        self.check(into)?;
        self.check(from)?;
        into.weights.iter_mut().zip(&from.weights).for_each(|(a, b)| *a += sign * b);
        into.below += sign * from.below;
        into.above += sign * from.above;
        into.missing += sign * from.missing;
        Ok(())
    }
}

impl ColumnStatistic for Histogram {
    const NAME: &'static str = "mlsys.Histogram";

    type State = HistogramState;
    type Output = HistogramSummary;

    fn init(&self, field: &Field) -> Result<HistogramState> {
        let ascending = self.edges.windows(2).all(|pair| pair[0] < pair[1]);
        if self.edges.len() < 2 || !ascending || self.edges.iter().any(|edge| !edge.is_finite()) {
            let found = format!("{:?}", &self.edges[..self.edges.len().min(8)]);
            return Err(Error::invalid_parameter(
                "Histogram",
                "edges",
                found,
                "at least two, finite and ascending",
            ));
        }
        if !Kind::of(field.data_type()).is_numeric() {
            return Err(Error::column_type(field.name(), "numeric to have a histogram", field.data_type()));
        }
        let (edges, weights) = (self.edges.clone(), vec![0.0; self.edges.len() - 1]);
        Ok(HistogramState { edges, weights, below: 0.0, above: 0.0, missing: 0.0 })
    }

    fn update(&self, state: &mut HistogramState, column: &Column<'_>) -> Result<()> {
        self.check(state)?;
        let (Some(&first), Some(&last)) = (self.edges.first(), self.edges.last()) else { return Ok(()) };
        let mut row = 0;
        column.blocks(|values| {
            for &x in values {
                let weight = column.weight(row);
                row += 1;
                if x.is_nan() {
                    state.missing += weight;
                } else if x < first {
                    state.below += weight;
                } else if x > last {
                    state.above += weight;
                } else {
                    let bin = self.edges.partition_point(|&edge| edge <= x) - 1;
                    state.weights[bin.min(self.edges.len() - 2)] += weight;
                }
            }
            true
        })?;
        Ok(())
    }

    fn merge(&self, into: &mut HistogramState, from: HistogramState) -> Result<()> {
        self.combine(into, &from, 1.0)
    }

    fn finish(&self, state: &HistogramState) -> Result<HistogramSummary> {
        self.check(state)?;
        Ok(HistogramSummary {
            edges: self.edges.clone(),
            weights: state.weights.clone(),
            below: state.below,
            above: state.above,
            missing: state.missing,
        })
    }

    fn check_state(&self, state: &HistogramState) -> Result<()> {
        self.check(state)?;
        let others = [state.below, state.above, state.missing];
        if state.weights.iter().chain(&others).any(|w| w.is_nan()) {
            return Err(Error::state("weights between edges", "NaN"));
        }
        Ok(())
    }
}

impl Retract for Histogram {
    fn retract(&self, from: &mut HistogramState, part: &HistogramState) -> Result<()> {
        self.combine(from, part, -1.0)
    }
}

//! How much of a column is missing.

use mlsys_core::arrow::array::{Array, AsArray};
use mlsys_core::arrow::datatypes::{Field, Float64Type};
use mlsys_core::{Error, Kind, Result};
use serde::{Deserialize, Serialize};

use crate::{Column, ColumnStatistic, Retract};

/// Counts rows, nulls and NaN; exact, for columns of any type. A weight of zero is no row; any other counts as one
/// row.
///
/// ```
/// use mlsys_core::arrow::array::{ArrayRef, Float64Array};
/// use mlsys_stats::{ColumnStatistic, Missing};
/// use std::sync::Arc;
///
/// let x: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), None, Some(f64::NAN), Some(2.0)]));
/// let summary = Missing::new().of("x", &x, None)?;
/// assert_eq!((summary.nulls, summary.nans, summary.share()), (1, 1, 0.5));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Missing {}

impl Missing {
    /// The statistic; it has no parameters.
    pub fn new() -> Self {
        Self {}
    }
}

/// The state of [`Missing`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingState {
    rows: u64,
    nulls: u64,
    nans: u64,
}

/// What [`Missing`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingSummary {
    /// Rows in all.
    pub rows: u64,
    /// Arrow nulls.
    pub nulls: u64,
    /// NaN that are not null.
    pub nans: u64,
}

impl MissingSummary {
    /// Nulls and NaN.
    pub fn missing(&self) -> u64 {
        self.nulls.saturating_add(self.nans)
    }

    /// The missing share of the rows; 0 without rows.
    pub fn share(&self) -> f64 {
        if self.rows == 0 { 0.0 } else { self.missing() as f64 / self.rows as f64 }
    }
}

fn has_nan(values: &[f64]) -> bool {
    values.chunks(1024).any(|part| part.iter().fold(false, |any, x| any | x.is_nan()))
}

/// Row by row, since rows of weight zero do not count.
fn add_weighted(state: &mut MissingState, column: &Column<'_>, weights: &[f64]) -> Result<()> {
    let nulls = column.array().logical_nulls();
    let floats = Kind::of(column.array().data_type()) == Kind::Float;
    let floats = floats.then(|| column.floats()).transpose()?;
    for (row, _) in weights.iter().enumerate().filter(|(_, w)| **w > 0.0) {
        state.rows = state.rows.saturating_add(1);
        if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            state.nulls = state.nulls.saturating_add(1);
        } else if floats.is_some_and(|values| values[row].is_nan()) {
            state.nans = state.nans.saturating_add(1);
        }
    }
    Ok(())
}

impl ColumnStatistic for Missing {
    const NAME: &'static str = "mlsys.Missing";

    type State = MissingState;
    type Output = MissingSummary;

    fn init(&self, _: &Field) -> Result<MissingState> {
        Ok(MissingState::default())
    }

    fn update(&self, state: &mut MissingState, column: &Column<'_>) -> Result<()> {
        if let Some(weights) = column.weights() {
            return add_weighted(state, column, weights);
        }
        let nulls = column.array().logical_null_count();
        state.rows = state.rows.saturating_add(column.array().len() as u64);
        state.nulls = state.nulls.saturating_add(nulls as u64);
        if Kind::of(column.array().data_type()) == Kind::Float {
            // Most columns have no NaN at all, not even under their nulls: then there is nothing to tell apart.
            let raw = column.array().as_primitive_opt::<Float64Type>();
            if raw.is_none_or(|raw| has_nan(raw.values())) {
                let missing = column.floats()?.iter().filter(|x| x.is_nan()).count();
                state.nans = state.nans.saturating_add((missing - nulls.min(missing)) as u64);
            }
        }
        Ok(())
    }

    fn merge(&self, into: &mut MissingState, from: MissingState) -> Result<()> {
        into.rows = into.rows.saturating_add(from.rows);
        into.nulls = into.nulls.saturating_add(from.nulls);
        into.nans = into.nans.saturating_add(from.nans);
        Ok(())
    }

    fn finish(&self, state: &MissingState) -> Result<MissingSummary> {
        Ok(MissingSummary { rows: state.rows, nulls: state.nulls, nans: state.nans })
    }

    fn check_state(&self, state: &MissingState) -> Result<()> {
        if state.nulls.checked_add(state.nans).is_some_and(|missing| missing <= state.rows) {
            return Ok(());
        }
        let found = format!("{} nulls and {} NaN in {} rows", state.nulls, state.nans, state.rows);
        Err(Error::state("no more missing rows than rows", found))
    }
}

impl Retract for Missing {
    fn retract(&self, from: &mut MissingState, part: &MissingState) -> Result<()> {
        let parts = [(from.rows, part.rows), (from.nulls, part.nulls), (from.nans, part.nans)];
        let left = parts.map(|(all, part)| all.checked_sub(part));
        let [Some(rows), Some(nulls), Some(nans)] = left else {
            return Err(Error::state("rows that were merged in", "more rows"));
        };
        *from = MissingState { rows, nulls, nans };
        Ok(())
    }
}

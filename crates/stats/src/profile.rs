//! What is in a table: every column in one scan.

use std::fmt;

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::arrow::datatypes::{DataType, Field, Schema};
use mlsys_core::{Category, Error, Kind, Result, Statistic, first_error};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    Column, ColumnStatistic, Counts, CountsState, CountsSummary, MinMax, MinMaxState, Missing, MissingState,
};
use crate::{
    MissingSummary, Moments, MomentsState, MomentsSummary, Quantiles, QuantilesState, QuantilesSummary,
};

/// Missing values, extremes, moments, quantiles and counts of every column, in one scan.
///
/// Numeric and boolean columns get moments and quantiles; text and times get counts; nested columns only the
/// share missing. Which numbers are exact and which are sketched each summary says.
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{Float64Array, RecordBatch}, statistic::summarize};
/// use mlsys_stats::Profile;
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![Some(1.0), Some(3.0), None]));
/// let data = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?;
/// let report = summarize(&Profile::new(), &data)?;
/// assert_eq!(report.column("x").unwrap().missing.share(), 1.0 / 3.0);
/// assert_eq!(report.column("x").unwrap().moments.unwrap().mean(), 2.0);
/// println!("{report}");
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[must_use = "a statistic does nothing until it is run"]
pub struct Profile {
    quantiles: Quantiles,
    counts: Counts,
}

impl Default for Profile {
    fn default() -> Self {
        Self { quantiles: Quantiles::new(), counts: Counts::new().cap(262_144) }
    }
}

impl Profile {
    /// The profile with its defaults: up to 131,072 distinct values are exact.
    pub fn new() -> Self {
        Self::default()
    }

    /// How quantiles are taken.
    pub fn quantiles(mut self, quantiles: Quantiles) -> Self {
        self.quantiles = quantiles;
        self
    }

    /// How values are counted.
    pub fn counts(mut self, counts: Counts) -> Self {
        self.counts = counts;
        self
    }
}

/// The state of [`Profile`], a column after the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProfileState {
    columns: Vec<ColumnState>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ColumnState {
    name: String,
    type_name: String,
    integers: bool,
    missing: MissingState,
    min_max: Option<MinMaxState>,
    moments: Option<MomentsState>,
    quantiles: Option<QuantilesState>,
    counts: Option<CountsState>,
}

/// What [`Profile`] found in a column; parts that its type does not have are `None`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ColumnSummary {
    /// The name.
    pub name: String,
    /// The Arrow type.
    pub type_name: String,
    /// Rows and missing rows.
    pub missing: MissingSummary,
    /// The smallest value.
    pub min: Option<Category>,
    /// The largest value.
    pub max: Option<Category>,
    /// Moments of a numeric column.
    pub moments: Option<MomentsSummary>,
    /// Quantiles of a numeric column.
    pub quantiles: Option<QuantilesSummary>,
    /// Counts of another column.
    pub counts: Option<CountsSummary>,
    integers: bool,
}

/// Doubles hold every integer up to here.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl ColumnSummary {
    /// The number of distinct values; `None` past the limit of exact counting, and for integers that doubles cannot
    /// tell apart.
    pub fn distinct(&self) -> Option<usize> {
        let beyond =
            |end: &Option<Category>| end.as_ref().and_then(Category::as_f64).is_some_and(|x| x.abs() > EXACT);
        if self.quantiles.is_some() && self.integers && (beyond(&self.min) || beyond(&self.max)) {
            return None;
        }
        match (&self.quantiles, &self.counts) {
            (Some(quantiles), _) => quantiles.distinct(),
            (None, Some(counts)) => counts.distinct(),
            _ => None,
        }
    }
}

/// What [`Profile`] found; printed as a table.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ProfileReport {
    /// A summary per column, in the table's order.
    pub columns: Vec<ColumnSummary>,
}

impl ProfileReport {
    /// The summary of a column.
    pub fn column(&self, name: &str) -> Option<&ColumnSummary> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// The number of rows.
    pub fn n_rows(&self) -> u64 {
        self.columns.first().map_or(0, |c| c.missing.rows)
    }
}

impl Profile {
    fn init_column(&self, field: &Field) -> Result<ColumnState> {
        let kind = Kind::of(field.data_type());
        let other = kind == Kind::Other && field.data_type() != &DataType::Null;
        let numeric = kind.is_numeric();
        let counted = !numeric && !other;
        Ok(ColumnState {
            name: field.name().clone(),
            type_name: short_type(field.data_type()),
            integers: kind == Kind::Integer,
            missing: Missing::new().init(field)?,
            min_max: (!other).then(|| MinMax::new().init(field)).transpose()?,
            moments: numeric.then(|| Moments::new().init(field)).transpose()?,
            quantiles: numeric.then(|| self.quantiles.init(field)).transpose()?,
            counts: counted.then(|| self.counts.init(field)).transpose()?,
        })
    }

    fn update_column(&self, state: &mut ColumnState, column: &Column<'_>) -> Result<()> {
        Missing::new().update(&mut state.missing, column)?;
        match &mut state.min_max {
            // What is counted is coded already, and has fewer values than rows.
            Some(range) if state.counts.is_some() => range.add_values(&column.coded()?.distinct),
            Some(range) => MinMax::new().update(range, column)?,
            None => {}
        }
        if let Some(state) = &mut state.moments {
            Moments::new().update(state, column)?;
        }
        if let Some(state) = &mut state.quantiles {
            self.quantiles.update(state, column)?;
        }
        if let Some(state) = &mut state.counts {
            self.counts.update(state, column)?;
        }
        Ok(())
    }
}

/// Merges two optional parts, which both states have or neither.
fn merge_part<S: ColumnStatistic>(
    each: &S,
    into: &mut Option<S::State>,
    from: Option<S::State>,
) -> Result<()> {
    match (into, from) {
        (Some(into), Some(from)) => each.merge(into, from),
        (None, None) => Ok(()),
        _ => Err(Error::state("profiles of columns of one type", "different types")),
    }
}

impl Statistic for Profile {
    type State = ProfileState;
    type Output = ProfileReport;

    fn init(&self, schema: &Schema) -> Result<ProfileState> {
        let columns = schema.fields().iter().map(|field| self.init_column(field)).collect::<Result<_>>()?;
        Ok(ProfileState { columns })
    }

    fn update(&self, state: &mut ProfileState, batch: &RecordBatch) -> Result<()> {
        if state.columns.len() != batch.num_columns() {
            let found = format!("{}", batch.num_columns());
            return Err(Error::state(format!("{} columns", state.columns.len()), found));
        }
        let columns = batch.columns().par_iter().zip(batch.schema_ref().fields()[..].par_iter());
        let updated = state.columns.par_iter_mut().zip(columns).map(|(state, (array, field))| {
            self.update_column(state, &Column::new(field.name(), array, None)?)
        });
        first_error(updated.collect())
    }

    fn merge(&self, into: &mut ProfileState, from: ProfileState) -> Result<()> {
        let names = |state: &ProfileState| state.columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
        if names(into) != names(&from) {
            return Err(Error::state("profiles of the same columns", "different columns"));
        }
        for (into, from) in into.columns.iter_mut().zip(from.columns) {
            Missing::new().merge(&mut into.missing, from.missing)?;
            merge_part(&MinMax::new(), &mut into.min_max, from.min_max)?;
            merge_part(&Moments::new(), &mut into.moments, from.moments)?;
            merge_part(&self.quantiles, &mut into.quantiles, from.quantiles)?;
            merge_part(&self.counts, &mut into.counts, from.counts)?;
        }
        Ok(())
    }

    fn finish(&self, state: &ProfileState) -> Result<ProfileReport> {
        let summary = |state: &ColumnState| -> Result<ColumnSummary> {
            let range = state.min_max.as_ref().map(|s| MinMax::new().finish(s)).transpose()?;
            Ok(ColumnSummary {
                name: state.name.clone(),
                type_name: state.type_name.clone(),
                integers: state.integers,
                missing: Missing::new().finish(&state.missing)?,
                min: range.as_ref().and_then(|r| r.min.clone()),
                max: range.and_then(|r| r.max),
                moments: state.moments.as_ref().map(|s| Moments::new().finish(s)).transpose()?,
                quantiles: state.quantiles.as_ref().map(|s| self.quantiles.finish(s)).transpose()?,
                counts: state.counts.as_ref().map(|s| self.counts.finish(s)).transpose()?,
            })
        };
        Ok(ProfileReport { columns: state.columns.iter().map(summary).collect::<Result<_>>()? })
    }
}

fn short_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Dictionary(_, values) => format!("{values} (dict)"),
        DataType::Timestamp(unit, zone) => {
            format!(
                "Timestamp[{}{}]",
                format!("{unit:?}").to_lowercase(),
                zone.as_ref().map_or(String::new(), |z| format!(", {z}"))
            )
        }
        other => other.to_string(),
    }
}

/// Longer texts are cut.
const SHOWN: usize = 24;

fn cut(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    text.chars().take(SHOWN - 1).chain(['…']).collect()
}

/// A number in at most about eight characters.
fn short(x: f64) -> String {
    let size = x.abs();
    if x.is_nan() {
        "-".into()
    } else if size != 0.0 && !(1e-4..1e7).contains(&size) {
        format!("{x:.3e}")
    } else if x == x.trunc() {
        format!("{x}")
    } else {
        let digits = if size >= 1_000.0 {
            1
        } else if size >= 10.0 {
            2
        } else {
            4
        };
        format!("{x:.digits$}")
    }
}

impl ColumnSummary {
    fn cells(&self) -> [String; 11] {
        let mut cells: [String; 11] = Default::default();
        cells[0] = cut(&self.name);
        cells[1] = self.type_name.clone();
        cells[2] = match self.missing.missing() {
            0 => "-".into(),
            _ => format!("{:.1}%", 100.0 * self.missing.share()),
        };
        cells[3] = match (self.distinct(), &self.quantiles, &self.counts) {
            (Some(n), _, _) => n.to_string(),
            (None, None, None) => "-".into(),
            _ => "many".into(),
        };
        if let Some(moments) = &self.moments {
            cells[4] = short(moments.mean());
            cells[5] = short(moments.std_dev(1.0));
        }
        let end = |value: &Option<Category>| match value {
            Some(Category::Float(x)) => short(*x),
            Some(other) => cut(&other.to_string()),
            None => "-".into(),
        };
        cells[6] = end(&self.min);
        if let Some(quantiles) = &self.quantiles {
            for (cell, q) in cells[7..10].iter_mut().zip([0.25, 0.5, 0.75]) {
                *cell = quantiles.quantile(q).map_or("-".into(), short);
            }
        }
        cells[10] = end(&self.max);
        cells
    }
}

impl fmt::Display for ProfileReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} rows x {} columns", self.n_rows(), self.columns.len())?;
        let head =
            ["column", "type", "missing", "distinct", "mean", "std", "min", "25%", "50%", "75%", "max"];
        let mut rows = vec![head.map(str::to_owned)];
        rows.extend(self.columns.iter().map(ColumnSummary::cells));
        let width = |i: usize| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        for row in &rows {
            let mut line = String::new();
            for (i, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                let pad = " ".repeat(width - cell.chars().count());
                // Names and types to the left, numbers to the right.
                line.push_str("  ");
                line.push_str(&if i < 2 { format!("{cell}{pad}") } else { format!("{pad}{cell}") });
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        let frequent = self.columns.iter().filter(|c| c.counts.as_ref().is_some_and(|c| c.values.is_some()));
        for column in frequent {
            let Some(counts) = &column.counts else { continue };
            let top = counts.top(3).into_iter().map(|c| format!("{} {}", cut(&c.value.to_string()), c.rows));
            let top = top.collect::<Vec<_>>().join(", ");
            writeln!(
                f,
                "  most frequent {}: {}",
                cut(&column.name),
                if top.is_empty() { "-" } else { &top }
            )?;
        }
        Ok(())
    }
}

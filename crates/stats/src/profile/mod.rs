//! What is in a table: every column in one scan.

mod comparison;
mod display;

pub use comparison::{ColumnChange, ProfileComparison};

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::arrow::datatypes::{DataType, Field, Schema};
use mlsys_core::{Category, Error, Kind, NamedStatistic, Result, Statistic, first_error};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    Column, ColumnStatistic, Counts, CountsState, CountsSummary, Distinct, DistinctState, DistinctSummary,
    HeavyHitters, HeavyHittersState, HeavyHittersSummary, MinMax, MinMaxState, Missing, MissingState,
    MissingSummary, Moments, MomentsState, MomentsSummary, Quantiles, QuantilesState, QuantilesSummary,
};

/// Missing values, extremes, moments, quantiles and counts of every column, in one scan.
///
/// Numeric and boolean columns get moments and quantiles; text and times get counts; nested columns only the share
/// missing. Columns with too many values to keep (131,072 numbers, 65,536 others, by default) get a quantile sketch
/// or their heavy hitters instead, and the number of distinct values by hashes: exact to 524,288, then
/// HyperLogLog's. Each summary says which numbers are exact.
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
#[serde(default, deny_unknown_fields)]
#[must_use = "a statistic does nothing until it is run"]
pub struct Profile {
    quantiles: Quantiles,
    counts: Counts,
}

impl Default for Profile {
    fn default() -> Self {
        Self { quantiles: Quantiles::new(), counts: Counts::new().cap(65_536) }
    }
}

impl Profile {
    /// The profile with its defaults.
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
    /// Decimals of more digits than doubles have: their values are rounded, so that nothing is said of how many there are.
    rounded: bool,
    missing: MissingState,
    min_max: Option<MinMaxState>,
    moments: Option<MomentsState>,
    quantiles: Option<QuantilesState>,
    counts: Option<CountsState>,
    /// Begins when the values are too many to keep.
    beyond: Option<Beyond>,
}

/// What is kept of values that are too many to keep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Beyond {
    distinct: DistinctState,
    /// Of counted columns.
    top: Option<HeavyHittersState>,
}

const DISTINCT: fn() -> Distinct = || Distinct::new().exact_up_to(524_288);
const TOP: fn() -> HeavyHitters = || HeavyHitters::new(256);

impl Beyond {
    fn merge(&mut self, from: Self) -> Result<()> {
        DISTINCT().merge(&mut self.distinct, from.distinct)?;
        merge_part(&TOP(), &mut self.top, from.top)
    }
}

impl ColumnState {
    /// Whether the values are no longer all kept.
    fn is_sketched(&self) -> bool {
        matches!(self.quantiles, Some(QuantilesState::Sketch(_)))
            || self.counts.as_ref().is_some_and(|counts| counts.values().is_none())
    }

    /// How many values are kept.
    fn kept(&self) -> usize {
        let numbers = match &self.quantiles {
            Some(QuantilesState::Exact { values, .. }) => values.len(),
            _ => 0,
        };
        numbers + self.counts.as_ref().and_then(CountsState::values).map_or(0, |values| values.len())
    }

    /// The part for values that are too many, made of those that are still kept if it has not begun.
    fn take_beyond(&mut self) -> Beyond {
        if let Some(beyond) = self.beyond.take() {
            return beyond;
        }
        let counts = self.counts.as_ref().and_then(CountsState::values);
        let top =
            self.counts.as_ref().map(|_| TOP().state_of(counts.map_or(&[], |values| values.as_slice())));
        let distinct = match (&self.quantiles, counts) {
            (Some(QuantilesState::Exact { values, .. }), _) => DISTINCT().state_of_floats(values),
            (_, Some(counts)) => DISTINCT().state_of_values(counts.iter().map(|count| &count.value)),
            _ => DistinctState::default(),
        };
        Beyond { distinct, top }
    }
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
    /// The most frequent values of a counted column that has too many to count, with their error.
    pub heavy_hitters: Option<HeavyHittersSummary>,
    estimate: Option<DistinctSummary>,
    integers: bool,
    rounded: bool,
}

/// Doubles hold every integer up to here.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl ColumnSummary {
    /// The number of distinct values; `None` past 524,288, and for integers that doubles cannot
    /// tell apart.
    pub fn distinct(&self) -> Option<usize> {
        let beyond =
            |end: &Option<Category>| end.as_ref().and_then(Category::as_f64).is_some_and(|x| x.abs() > EXACT);
        if self.quantiles.is_some() && self.integers && (beyond(&self.min) || beyond(&self.max)) {
            return None;
        }
        if self.rounded {
            return None;
        }
        let hashed = || self.estimate.as_ref()?.exact().and_then(|n| usize::try_from(n).ok());
        match (&self.quantiles, &self.counts) {
            (Some(quantiles), _) => quantiles.distinct().or_else(hashed),
            (None, Some(counts)) => counts.distinct().or_else(hashed),
            _ => None,
        }
    }

    /// The number of distinct values, and the relative standard error of it: 0 to 524,288 values, then
    /// HyperLogLog's 0.8 %. `None` for nested columns.
    pub fn distinct_estimate(&self) -> Option<(f64, f64)> {
        match (self.distinct(), &self.estimate) {
            (Some(exact), _) => Some((exact as f64, 0.0)),
            (None, Some(estimate)) if !self.rounded => Some((estimate.estimate(), estimate.standard_error())),
            _ => None,
        }
    }
}

/// What [`Profile`] found; printed as a table.
///
/// It serialises as its state (in a format that keeps infinities and NaN, such as CBOR), so that reports of parts
/// [`merge`](Self::merge) and an old one can be [compared](Self::compare) with a new one.
/// `summarize_by(&Profile::new(), &data, "origin")` gives one per group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
#[non_exhaustive]
pub struct ProfileReport {
    /// A summary per column, in the table's order.
    pub columns: Vec<ColumnSummary>,
    recipe: Profile,
    state: ProfileState,
}

/// A report as it is stored.
#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    recipe: Profile,
    state: ProfileState,
}

impl From<ProfileReport> for Stored {
    fn from(report: ProfileReport) -> Self {
        Self { recipe: report.recipe, state: report.state }
    }
}

impl TryFrom<Stored> for ProfileReport {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let Stored { recipe, state } = stored;
        recipe.quantiles.init(&Field::new("", DataType::Float64, true))?;
        recipe.counts.init(&Field::new("", DataType::Utf8, true))?;
        recipe.check_state(&state)?;
        recipe.finish(&state)
    }
}

impl ProfileReport {
    /// The report of the rows of both, which come after those of `self`.
    ///
    /// # Errors
    ///
    /// [`State`](mlsys_core::ErrorKind::State) for reports of other columns, or made with other settings.
    pub fn merge(&self, later: &Self) -> Result<Self> {
        if self.recipe != later.recipe {
            return Err(Error::state("reports made with the same settings", "other settings"));
        }
        let mut state = self.state.clone();
        self.recipe.merge(&mut state, later.state.clone())?;
        self.recipe.finish(&state)
    }

    /// What changed from this report to another.
    pub fn compare(&self, now: &Self) -> ProfileComparison {
        ProfileComparison::new(self, now)
    }

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
            rounded: field.data_type().is_decimal() && digits(field.data_type()) > 15,
            missing: Missing::new().init(field)?,
            min_max: (!other).then(|| MinMax::new().init(field)).transpose()?,
            moments: numeric.then(|| Moments::new().init(field)).transpose()?,
            quantiles: numeric.then(|| self.quantiles.init(field)).transpose()?,
            counts: counted.then(|| self.counts.init(field)).transpose()?,
            beyond: None,
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
        // Both ways to what is beyond, by the values kept and by the rows that come later, go by the same values.
        let mut begun = None;
        if let Some(quantiles) = &mut state.quantiles {
            self.quantiles.update_and(quantiles, column, |values| {
                begun = Some(Beyond { distinct: DISTINCT().state_of_floats(values), top: None });
            })?;
        }
        if let Some(counts) = &mut state.counts {
            self.counts.update_and(counts, column, |counts| {
                let distinct = DISTINCT().state_of_values(counts.iter().map(|count| &count.value));
                begun = Some(Beyond { distinct, top: Some(TOP().state_of(counts)) });
            })?;
        }
        if begun.is_some() {
            state.beyond = begun;
        } else if let Some(Beyond { distinct, top }) = &mut state.beyond {
            match top {
                Some(top) => {
                    DISTINCT().add_values(distinct, &column.coded()?.distinct);
                    TOP().update(top, column)?;
                }
                None => DISTINCT().add_floats(distinct, column.floats()?),
            }
        }
        Ok(())
    }

    fn check_column(&self, state: &ColumnState) -> Result<()> {
        let (numeric, counted) = (state.quantiles.is_some(), state.counts.is_some());
        let parts = state.moments.is_some() == numeric && state.min_max.is_some() == (numeric || counted);
        let top = state.beyond.as_ref().is_none_or(|beyond| beyond.top.is_some() == counted);
        if !parts || !top || numeric && counted || state.beyond.is_some() != state.is_sketched() {
            return Err(Error::state("the parts of a column of numbers, or of one to count", "others"));
        }
        Missing::new().check_state(&state.missing)?;
        check_part(&MinMax::new(), &state.min_max)?;
        check_part(&Moments::new(), &state.moments)?;
        check_part(&self.quantiles, &state.quantiles)?;
        check_part(&self.counts, &state.counts)?;
        state.beyond.as_ref().map_or(Ok(()), |beyond| {
            DISTINCT().check_state(&beyond.distinct)?;
            check_part(&TOP(), &beyond.top)
        })
    }

    fn merge_column(&self, into: &mut ColumnState, mut from: ColumnState) -> Result<()> {
        // Below both limits nothing can become too many.
        let limit = self.quantiles.limit().min(self.counts.limit());
        let many = into.is_sketched() || from.is_sketched() || into.kept() + from.kept() > limit;
        let beyond = many.then(|| (into.take_beyond(), from.take_beyond()));
        Missing::new().merge(&mut into.missing, from.missing)?;
        merge_part(&MinMax::new(), &mut into.min_max, from.min_max)?;
        merge_part(&Moments::new(), &mut into.moments, from.moments)?;
        merge_part(&self.quantiles, &mut into.quantiles, from.quantiles)?;
        merge_part(&self.counts, &mut into.counts, from.counts)?;
        into.beyond = None;
        if let Some((mut beyond, more)) = beyond.filter(|_| into.is_sketched()) {
            beyond.merge(more)?;
            into.beyond = Some(beyond);
        }
        Ok(())
    }
}

fn check_part<S: ColumnStatistic>(each: &S, state: &Option<S::State>) -> Result<()> {
    state.as_ref().map_or(Ok(()), |state| each.check_state(state))
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

impl NamedStatistic for Profile {
    const NAME: &'static str = "mlsys.Profile";

    fn check_state(&self, state: &ProfileState) -> Result<()> {
        let each = |column: &ColumnState| {
            self.check_column(column).map_err(|e| e.context(format!("column `{}`", column.name)))
        };
        state.columns.iter().try_for_each(each)
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
            let column = Column::new(field.name(), array, None)?;
            if state.name != *field.name() {
                return Err(Error::state(format!("column `{}`", state.name), format!("`{}`", field.name())));
            }
            self.update_column(state, &column)
        });
        first_error(updated.collect())
    }

    fn merge(&self, into: &mut ProfileState, from: ProfileState) -> Result<()> {
        let described = |c: &ColumnState| format!("{} {}", c.name, c.type_name);
        let same = |(a, b): (&ColumnState, &ColumnState)| a.name == b.name && a.type_name == b.type_name;
        if into.columns.len() != from.columns.len() || !into.columns.iter().zip(&from.columns).all(same) {
            let columns = |state: &ProfileState| state.columns.iter().map(described).collect::<Vec<_>>();
            let [own, other] = [columns(into).join(", "), columns(&from).join(", ")];
            return Err(Error::state(format!("a profile of {own}"), format!("one of {other}")));
        }
        into.columns
            .iter_mut()
            .zip(from.columns)
            .try_for_each(|(into, from)| self.merge_column(into, from))?;
        Ok(())
    }

    fn finish(&self, state: &ProfileState) -> Result<ProfileReport> {
        let summary = |state: &ColumnState| -> Result<ColumnSummary> {
            let top = state.beyond.as_ref().and_then(|beyond| beyond.top.as_ref());
            let range = state.min_max.as_ref().map(|s| MinMax::new().finish(s)).transpose()?;
            Ok(ColumnSummary {
                name: state.name.clone(),
                type_name: state.type_name.clone(),
                integers: state.integers,
                rounded: state.rounded,
                missing: Missing::new().finish(&state.missing)?,
                min: range.as_ref().and_then(|r| r.min.clone()),
                max: range.and_then(|r| r.max),
                moments: state.moments.as_ref().map(|s| Moments::new().finish(s)).transpose()?,
                quantiles: state.quantiles.as_ref().map(|s| self.quantiles.finish(s)).transpose()?,
                counts: state.counts.as_ref().map(|s| self.counts.finish(s)).transpose()?,
                heavy_hitters: top.map(|s| TOP().finish(s)).transpose()?,
                estimate: state.beyond.as_ref().map(|b| DISTINCT().finish(&b.distinct)).transpose()?,
            })
        };
        let columns = state.columns.iter().map(summary).collect::<Result<_>>()?;
        Ok(ProfileReport { columns, recipe: self.clone(), state: state.clone() })
    }
}

/// The digits of a decimal.
fn digits(data_type: &DataType) -> u8 {
    match data_type {
        DataType::Decimal32(digits, _)
        | DataType::Decimal64(digits, _)
        | DataType::Decimal128(digits, _)
        | DataType::Decimal256(digits, _) => *digits,
        _ => 0,
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

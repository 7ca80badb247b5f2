//! Filling gaps from the rows before and after, in time order.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, UInt64Array};
use mlsys_core::arrow::compute::{cast, take};
use mlsys_core::arrow::datatypes::{DataType, Field, FieldRef};
use mlsys_core::input::{NewColumn, Replacements, replace_columns};
use mlsys_core::{Coded, Columns, Dataset, Error, Kind, Partition, Result, column};
use serde::{Deserialize, Serialize};

use crate::fitted_imputer::output_type;

/// Where [`OrderedFill`] takes values from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FillBy {
    /// The last value before the gap: last observation carried forward.
    Previous,
    /// The next value after it.
    Next,
    /// The straight line in time between the two; numbers only. A gap at an end stays.
    Linear,
}

/// Fills gaps from the rows before and after in time, inside each group.
///
/// ```text
/// previous: x(a)      next: x(b)      linear: x(a) + (x(b) - x(a)) (t - a) / (b - a)      a < t < b the nearest times with a value
/// ```
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `by` | required | | where values come from |
/// | `columns` | all features; of numbers for `Linear` | | the columns that are filled |
/// | `limit` | none | 1 or more | of a run of gaps in a group at most so many are filled, those nearest to where the value comes from (for `Linear`: the first ones) |
///
/// **Input**: a dataset with a time; rows are ordered by it, equal times in the order of the table. With a group column, nothing
/// crosses from one group to another, and rows without a group are left as they are. Null and NaN are missing. **Output**: the rows in their
/// old order. Columns keep their type, but integers and booleans filled by `Linear` become Float64; what cannot be filled stays.
/// Weights play no part. **Cost**: one sort.
///
/// It works on a whole table, and is no transform: what a row gets depends on the rows around it, while a fitted transform gives a row
/// the same whatever it comes with. `Next` and `Linear` look into the future: a model that is served sees no such values.
///
/// **Errors**: [`MissingRole`](mlsys_core::ErrorKind::MissingRole) without a time, and with several group columns;
/// [`MissingValues`](mlsys_core::ErrorKind::MissingValues) in the time; [`ColumnType`](mlsys_core::ErrorKind::ColumnType);
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for `Linear`; [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter).
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{AsArray, Float64Array, Int64Array, RecordBatch}};
/// use mlsys_core::arrow::datatypes::Float64Type;
/// use mlsys_missing_values::{FillBy, OrderedFill};
/// use std::sync::Arc;
///
/// let at = Arc::new(Int64Array::from(vec![0, 1, 4]));
/// let x = Arc::new(Float64Array::from(vec![Some(2.0), None, Some(10.0)]));
/// let data = Dataset::new(RecordBatch::try_from_iter([("at", at as _), ("x", x as _)])?)?.time("at")?;
/// let filled = |by| OrderedFill::new(by).columns(["x"]).apply(&data);
/// let second = |data: &Dataset| data.batch()["x"].as_primitive::<Float64Type>().value(1);
/// assert_eq!(second(&filled(FillBy::Previous)?), 2.0);
/// assert_eq!(second(&filled(FillBy::Linear)?), 4.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** over long gaps, where a carried value is old: set a limit. It makes series smoother than they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "it does nothing until it is applied"]
pub struct OrderedFill {
    by: FillBy,
    #[serde(default)]
    columns: Option<Columns>,
    #[serde(default)]
    limit: Option<usize>,
}

/// The nearest rows with a value before and after each row in its group, and how many gaps lie between.
type Neighbour = Option<(usize, usize)>;

impl OrderedFill {
    /// Fills every feature without a limit.
    pub fn new(by: FillBy) -> Self {
        Self { by, columns: None, limit: None }
    }

    /// The features that are filled.
    pub fn columns(mut self, columns: impl Into<Columns>) -> Self {
        self.columns = Some(columns.into());
        self
    }

    /// How many gaps in a row are filled.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The dataset with gaps filled.
    ///
    /// # Errors
    ///
    /// See the type.
    pub fn apply<P: Partition>(&self, data: &Dataset<P>) -> Result<Dataset<P>> {
        if self.limit == Some(0) {
            return Err(Error::invalid_parameter("OrderedFill", "limit", 0, "1 or more"));
        }
        let times = data.instants("OrderedFill")?;
        let runs = runs(data, &times)?;
        let default = if self.by == FillBy::Linear { Columns::numeric() } else { Columns::all() };
        let columns = self.columns.clone().unwrap_or(default).resolve(data.layout())?;
        let mut with = Replacements::new();
        for name in &columns {
            let array = data.column(name)?;
            let field = data.batch().schema_ref().field_with_name(name)?;
            with.insert(name.as_str(), vec![self.fill(name, field, array, &runs, &times)?]);
        }
        data.with_batch(replace_columns(data.batch(), with)?)
    }

    fn fill(
        &self,
        name: &str,
        field: &Field,
        array: &ArrayRef,
        runs: &[Vec<usize>],
        times: &[i64],
    ) -> Result<NewColumn> {
        let linear = self.by == FillBy::Linear;
        if linear && !Kind::of(field.data_type()).is_numeric() {
            return Err(Error::column_type(name, "numeric to be filled by `Linear`", field.data_type()));
        }
        let missing = column::missing(name, array)?;
        let missing = |row: usize| missing.as_ref().is_some_and(|valid| valid.is_null(row));
        let near = |distance: usize| self.limit.is_none_or(|limit| distance <= limit);
        let mut before: Vec<Neighbour> = vec![None; array.len()];
        let mut after: Vec<Neighbour> = vec![None; array.len()];
        for run in runs {
            scan(run.iter(), &missing, &mut before);
            scan(run.iter().rev(), &missing, &mut after);
        }
        if !linear {
            let source = if self.by == FillBy::Previous { &before } else { &after };
            let from = |row: usize| match source[row] {
                Some((other, distance)) if near(distance) => other as u64,
                _ => row as u64,
            };
            let rows = UInt64Array::from_iter_values((0..array.len()).map(from));
            return Ok((Arc::new(field.clone()), take(array, &rows, None)?));
        }
        let values = column::finite_or_missing(name, array)?;
        let value = |row: usize| match (before[row], after[row]) {
            _ if !missing(row) => Some(values[row]),
            (Some((a, distance)), Some((b, _))) if near(distance) => {
                // As shares of 128 bits, because two instants may be further apart than 64 hold.
                let apart = |to: usize| (i128::from(times[to]) - i128::from(times[a])) as f64;
                let share = if times[b] == times[a] { 0.0 } else { apart(row) / apart(b) };
                Some(values[a] * (1.0 - share) + values[b] * share)
            }
            _ => None,
        };
        let filled: ArrayRef = Arc::new(Float64Array::from_iter((0..array.len()).map(value)));
        let data_type: DataType = output_type(field.data_type(), true);
        let filled = cast(&filled, &data_type)?;
        let field: FieldRef =
            Arc::new(Field::new(name, data_type, true).with_metadata(field.metadata().clone()));
        Ok((field, filled))
    }
}

/// For each gap of a run, the last row with a value and how many gaps there are from it on.
fn scan<'a>(run: impl Iterator<Item = &'a usize>, missing: &impl Fn(usize) -> bool, found: &mut [Neighbour]) {
    let mut last: Neighbour = None;
    for &row in run {
        match (missing(row), &mut last) {
            (false, last) => *last = Some((row, 0)),
            (true, Some((_, distance))) => *distance += 1,
            (true, None) => {}
        }
        found[row] = last.filter(|_| missing(row));
    }
}

/// The rows of each group in the order of time.
fn runs<P: Partition>(data: &Dataset<P>, times: &[i64]) -> Result<Vec<Vec<usize>>> {
    let mut runs: Vec<Vec<usize>> = match data.layout().groups() {
        [] => vec![(0..data.n_rows()).collect()],
        _ => {
            let name = data.layout().group("OrderedFill")?;
            let coded = Coded::new(name, data.column(name)?)?;
            let mut runs = vec![Vec::new(); coded.distinct.len()];
            for (row, &code) in coded.codes.iter().enumerate() {
                if let Some(run) = runs.get_mut(code as usize) {
                    run.push(row);
                }
            }
            runs
        }
    };
    runs.iter_mut().for_each(|run| run.sort_by_key(|&row| times[row]));
    Ok(runs)
}

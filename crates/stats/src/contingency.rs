//! How often two categorical columns take each pair of values.

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::arrow::datatypes::{DataType, Schema};
use mlsys_core::metric::batch_weights;
use mlsys_core::ndarray::{Array1, Array2, Axis};
use mlsys_core::{Category, Coded, Error, Kind, NamedStatistic, Result, Statistic, column};
use serde::{Deserialize, Serialize};

use crate::counts::ascend;

/// The contingency table of two columns, mergeable and exact.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `weight` | none | a column | adds the row's weight instead of 1 |
/// | `cap` | 1,048,576 | 1 or more | more cells than this are an error when the table is read |
///
/// **Input**: text, booleans, numbers, dates and times in any encoding. Rows where either value is missing are counted apart;
/// rows of weight zero do not count. **Output**: rows and columns ascend by value.
///
/// ```
/// use mlsys_core::arrow::array::{BooleanArray, RecordBatch, StringArray};
/// use mlsys_core::{Dataset, statistic::summarize};
/// use mlsys_stats::Contingency;
/// use std::sync::Arc;
///
/// let data = Dataset::new(RecordBatch::try_from_iter([
///     ("origin", Arc::new(StringArray::from(vec!["JFK", "EWR", "JFK", "JFK"])) as _),
///     ("late", Arc::new(BooleanArray::from(vec![true, false, false, true])) as _),
/// ])?)?;
/// let table = summarize(&Contingency::new("origin", "late"), &data)?;
/// assert_eq!(table.rows.iter().map(ToString::to_string).collect::<Vec<_>>(), ["EWR", "JFK"]);
/// assert_eq!(table.weights.row(1).to_vec(), [1.0, 2.0]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a statistic does nothing until it is run"]
pub struct Contingency {
    row: String,
    column: String,
    weight: Option<String>,
    #[serde(default = "default_cap")]
    cap: usize,
}

fn default_cap() -> usize {
    1 << 20
}

impl Contingency {
    /// The table of these two columns.
    pub fn new(row: impl Into<String>, column: impl Into<String>) -> Self {
        Self { row: row.into(), column: column.into(), weight: None, cap: default_cap() }
    }

    /// Weights the rows by a column; it must be in every batch.
    pub fn weight(mut self, column: Option<&str>) -> Self {
        self.weight = column.map(str::to_owned);
        self
    }

    /// How many cells there may be.
    pub fn cap(mut self, cells: usize) -> Self {
        self.cap = cells;
        self
    }

    /// Takes a state out again that had been merged in: exact where the weights are whole. Values stay in the table
    /// with the weight zero.
    ///
    /// # Errors
    ///
    /// [`State`](mlsys_core::ErrorKind::State) when the part holds a value that was never merged in.
    pub fn retract(&self, from: &mut ContingencyState, part: &ContingencyState) -> Result<()> {
        let (Some(own), Some(part_table)) = (&mut from.table, &part.table) else {
            return Err(Error::state("tables below the cap", "one that was given up"));
        };
        let unknown = || Error::state("values that were merged in", "others");
        let rows = place_of(&part_table.rows, &own.rows).ok_or_else(unknown)?;
        let columns = place_of(&part_table.columns, &own.columns).ok_or_else(unknown)?;
        own.add(part_table, &rows, &columns, -1.0)?;
        from.missing -= part.missing;
        Ok(())
    }
}

/// The state of [`Contingency`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContingencyState {
    /// `None` once there were more cells than the cap.
    table: Option<Table>,
    missing: f64,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Table {
    rows: Vec<Category>,
    columns: Vec<Category>,
    /// Row by row.
    weights: Vec<f64>,
}

/// Where each of the ascending `values` stands among the ascending `all`.
fn place_of(values: &[Category], all: &[Category]) -> Option<Vec<usize>> {
    values.iter().map(|value| all.binary_search(value).ok()).collect()
}

/// Both lists in one, ascending.
fn union(a: &[Category], b: &[Category]) -> Vec<Category> {
    let mut all: Vec<Category> = a.iter().chain(b).cloned().collect();
    all.sort();
    all.dedup();
    all
}

impl Table {
    fn add(&mut self, from: &Table, rows: &[usize], columns: &[usize], sign: f64) -> Result<()> {
        let width = self.columns.len();
        let fits = self.weights.len() == self.rows.len() * width
            && from.weights.len() == from.rows.len() * from.columns.len();
        if !fits {
            return Err(Error::state("a weight for each cell", "another number of them"));
        }
        for (weights, &row) in from.weights.chunks(from.columns.len().max(1)).zip(rows) {
            for (weight, &column) in weights.iter().zip(columns) {
                self.weights[row * width + column] += sign * weight;
            }
        }
        Ok(())
    }

    fn merged(self, from: Table, cap: usize) -> Result<Option<Table>> {
        if self.rows == from.rows && self.columns == from.columns {
            let mut all = self;
            let (rows, columns): (Vec<_>, Vec<_>) =
                ((0..from.rows.len()).collect(), (0..from.columns.len()).collect());
            all.add(&from, &rows, &columns, 1.0)?;
            return Ok(Some(all));
        }
        let (rows, columns) = (union(&self.rows, &from.rows), union(&self.columns, &from.columns));
        let Some(cells) = rows.len().checked_mul(columns.len()).filter(|&cells| cells <= cap) else {
            return Ok(None);
        };
        let mut all = Table { rows, columns, weights: vec![0.0; cells] };
        for part in [self, from] {
            let places = place_of(&part.rows, &all.rows).zip(place_of(&part.columns, &all.columns));
            let Some((rows, columns)) = places else { return Ok(None) };
            all.add(&part, &rows, &columns, 1.0)?;
        }
        Ok(Some(all))
    }
}

/// What [`Contingency`] found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ContingencySummary {
    /// The values of the first column, ascending.
    pub rows: Vec<Category>,
    /// The values of the second column, ascending.
    pub columns: Vec<Category>,
    /// The weight of each pair: the number of rows without weights.
    pub weights: Array2<f64>,
    /// The weight of the rows where a value is missing.
    pub missing: f64,
}

impl ContingencySummary {
    /// The weight of each value of the first column.
    pub fn row_sums(&self) -> Array1<f64> {
        self.weights.sum_axis(Axis(1))
    }

    /// The weight of each value of the second column.
    pub fn column_sums(&self) -> Array1<f64> {
        self.weights.sum_axis(Axis(0))
    }
}

/// The table of two coded columns; codes that no row of positive weight has are left out.
fn table_of(a: &Coded, b: &Coded, weights: Option<&[f64]>) -> (Table, f64) {
    let (height, width) = (a.distinct.len(), b.distinct.len());
    // One more row and column for missing values.
    let mut cells = vec![0.0; (height + 1) * (width + 1)];
    let mut seen = (vec![weights.is_none(); height], vec![weights.is_none(); width]);
    for (row, (&i, &j)) in a.codes.iter().zip(&b.codes).enumerate() {
        let weight = weights.map_or(1.0, |w| w[row]);
        let (i, j) = ((i as usize).min(height), (j as usize).min(width));
        cells[i * (width + 1) + j] += weight;
        if weights.is_some() && weight > 0.0 && i < height && j < width {
            seen.0[i] = true;
            seen.1[j] = true;
        }
    }
    if weights.is_none() {
        // A value that only stands beside missing ones is in no pair.
        let cell = |i: usize, j: usize| cells[i * (width + 1) + j] > 0.0;
        seen.0 = (0..height).map(|i| (0..width).any(|j| cell(i, j))).collect();
        seen.1 = (0..width).map(|j| (0..height).any(|i| cell(i, j))).collect();
    }
    let ascending = |values: &[Category], seen: &[bool]| {
        let mut order: Vec<usize> = (0..values.len()).filter(|&i| seen[i]).collect();
        order.sort_by(|&i, &j| values[i].cmp(&values[j]));
        order
    };
    let (rows, columns) = (ascending(&a.distinct, &seen.0), ascending(&b.distinct, &seen.1));
    let weights = rows.iter().flat_map(|i| columns.iter().map(move |j| (i, j)));
    let weights: Vec<f64> = weights.map(|(i, j)| cells[i * (width + 1) + j]).collect();
    let pick = |values: &[Category], order: &[usize]| order.iter().map(|&i| values[i].clone()).collect();
    let missing = cells.chunks(width + 1).enumerate().map(|(i, cells)| {
        if i == height { cells.iter().sum() } else { cells.last().copied().unwrap_or(0.0) }
    });
    let missing = missing.sum::<f64>();
    (Table { rows: pick(&a.distinct, &rows), columns: pick(&b.distinct, &columns), weights }, missing)
}

impl NamedStatistic for Contingency {
    const NAME: &'static str = "mlsys.Contingency";

    fn check_state(&self, state: &ContingencyState) -> Result<()> {
        let Some(table) = &state.table else { return Ok(()) };
        let (height, width) = (table.rows.len(), table.columns.len());
        let cells = height.checked_mul(width);
        let fits = cells == Some(table.weights.len()) && table.weights.len() <= self.cap;
        if !fits || (height == 0) != (width == 0) {
            let expected = format!("a weight for each cell, of {} at most", self.cap);
            let found = format!("{} for {height} by {width} cells", table.weights.len());
            return Err(Error::state(expected, found));
        }
        let numbers = !state.missing.is_nan() && !table.weights.iter().any(|w| w.is_nan());
        if ascend(&table.rows) && ascend(&table.columns) && numbers {
            return Ok(());
        }
        Err(Error::state("a table of weights between ascending values", "other values, or NaN"))
    }

    fn columns(&self, _: &Schema) -> Vec<String> {
        [&self.row, &self.column].into_iter().chain(&self.weight).cloned().collect()
    }
}

impl Statistic for Contingency {
    type State = ContingencyState;
    type Output = ContingencySummary;

    fn init(&self, schema: &Schema) -> Result<ContingencyState> {
        if self.cap == 0 {
            return Err(Error::invalid_parameter("Contingency", "cap", 0, "1 or more"));
        }
        for name in [&self.row, &self.column] {
            let field = schema.field_with_name(name).map_err(|_| column::missing_column(schema, name))?;
            if Kind::of(field.data_type()) == Kind::Other && field.data_type() != &DataType::Null {
                let expected = "text, booleans, numbers or dates to be counted";
                return Err(Error::column_type(name, expected, field.data_type()));
            }
        }
        Ok(ContingencyState { table: Some(Table::default()), missing: 0.0 })
    }

    fn update(&self, state: &mut ContingencyState, batch: &RecordBatch) -> Result<()> {
        let weights = batch_weights(batch, self.weight.as_deref())?;
        let coded = |name: &str| Coded::new(name, column::find(batch, name)?);
        let (a, b) = (coded(&self.row)?, coded(&self.column)?);
        // The batch's own table must fit as well: it has a cell for every pair of values.
        let cells = (a.distinct.len() + 1).saturating_mul(b.distinct.len() + 1);
        if cells > self.cap.saturating_mul(4).max(1 << 22) {
            state.table = None;
            return Ok(());
        }
        let (table, missing) = table_of(&a, &b, weights.as_deref());
        self.merge(state, ContingencyState { table: Some(table), missing })
    }

    fn merge(&self, into: &mut ContingencyState, from: ContingencyState) -> Result<()> {
        into.missing += from.missing;
        into.table = match (into.table.take(), from.table) {
            (Some(own), Some(from)) => own.merged(from, self.cap)?,
            _ => None,
        };
        Ok(())
    }

    fn finish(&self, state: &ContingencyState) -> Result<ContingencySummary> {
        let Some(table) = &state.table else {
            return Err(Error::unsupported(format!(
                "the table of `{}` and `{}` has more than {} cells: bin the columns, or raise `cap`",
                self.row, self.column, self.cap
            )));
        };
        let shape = (table.rows.len(), table.columns.len());
        let weights = Array2::from_shape_vec(shape, table.weights.clone())
            .map_err(|_| Error::state("a weight for each cell", "another number of them"))?;
        Ok(ContingencySummary {
            rows: table.rows.clone(),
            columns: table.columns.clone(),
            weights,
            missing: state.missing,
        })
    }
}

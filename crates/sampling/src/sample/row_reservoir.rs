//! Whole rows, drawn in one pass over what nobody holds together.

use std::collections::BTreeSet;

use mlsys_core::arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use mlsys_core::arrow::compute::{cast, take};
use mlsys_core::arrow::datatypes::{DataType, Field, Schema};
use mlsys_core::hash::{hash_rows, hash_u64};
use mlsys_core::{Error, NamedStatistic, Result, Statistic, column, seed};
use serde::{Deserialize, Serialize};

use super::cells::{Cell, check_type, read, write};
use super::{Reservoir, check_size};

const NAME: &str = "RowReservoir";

/// A uniform sample of whole rows, without replacement, in one pass over a table, a stream, shards or an engine.
///
/// Every row has the chance `size / n`, and every pair of rows of one part `size (size − 1) / (n (n − 1))`, also after
/// merging any number of parts.
///
/// | parameter | default | range |
/// |---|---|---|
/// | `size` | required | 1 or more rows; all rows when there are fewer |
/// | `columns` | all | names, each once |
/// | `seed` | 0 | any |
///
/// **Input**: numbers, booleans, text, dates and times in any encoding, which come back as they went in, with nulls,
/// NaN and all digits. **Cost**: a state has up to `size` rows as plain data; only rows that stay are read, O(size (1 +
/// ln(n / size))) of them. **Errors** name a column whose type is not kept, such as a list.
///
/// The same rows under the same seed give the same sample from tables and streams, for any threads and batch size. Cut
/// into other parts, or merged in another order, as an engine may do, it is another draw with the same chances.
///
/// Parts that merge must not toss the same coins. They take their coin from the seed and from what is in their first
/// batch: its length, and 32 rows that are evenly spread over it. Parts that agree in all that draw rows of the same
/// places; each row keeps its chance, but rows of the same place in two such parts come together more often than
/// others. Where parts are copies of each other, and the rows of one place are equal, a total varies as if each such
/// pair was one row of twice the weight. A column that tells the parts apart makes them differ.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, arrow::array::{Int64Array, RecordBatch, StringArray}, statistic::summarize};
/// use mlsys_sampling::sample::RowReservoir;
///
/// let batch = RecordBatch::try_from_iter([
///     ("id", Arc::new(Int64Array::from_iter_values(0..1_000)) as _),
///     ("half", Arc::new(StringArray::from_iter_values((0..1_000).map(|i| ["a", "b"][i / 500]))) as _),
/// ])?;
/// let sample = summarize(&RowReservoir::new(10), &Dataset::new(batch.clone())?)?;
/// assert_eq!((sample.seen(), sample.len(), sample.weight()), (1_000, 10, 100.0));
/// let rows: RecordBatch = sample.batch(&batch.schema())?;
/// assert_eq!((rows.num_rows(), rows.schema()), (10, batch.schema()));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Kim-Hung Li's algorithm L, by [`Reservoir`]. For keys that must be the same everywhere, use
/// [`BottomK`](super::BottomK).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a sampler does nothing until it draws"]
pub struct RowReservoir {
    #[serde(default)]
    columns: Option<Vec<String>>,
    size: usize,
    #[serde(default)]
    seed: u64,
}

impl RowReservoir {
    /// Draws that many rows, of all columns.
    pub fn new(size: usize) -> Self {
        Self { columns: None, size, seed: seed::DEFAULT_SEED }
    }

    /// Keeps these columns alone, in this order.
    pub fn columns<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.columns = Some(columns.into_iter().map(Into::into).collect());
        self
    }

    /// The seed of the coins.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    fn empty(&self, columns: Vec<Kept>, stream: u64) -> Result<RowReservoirState> {
        let rows = Reservoir::new(self.size)?.seed(self.seed).stream(stream);
        Ok(RowReservoirState { columns, rows })
    }

    fn check(&self, state: &RowReservoirState) -> Result<()> {
        let names: Vec<&str> = state.columns.iter().map(|kept| kept.name.as_str()).collect();
        match &self.columns {
            Some(columns) if *columns != names => Err(Error::state(columns.join(", "), names.join(", "))),
            _ => Ok(()),
        }
    }
}

/// Rows that tell one part from another.
const LOOKED_AT: usize = 32;

/// A hash of what is in a batch: of rows that are evenly spread over it, and of how many there are.
fn content(columns: &[(&str, &dyn Array)], seed: u64) -> Result<u64> {
    let rows = columns.first().map_or(0, |(_, array)| array.len());
    let looked_at = rows.min(LOOKED_AT);
    let place = |i: usize| (i * (rows - 1) / (looked_at - 1).max(1)) as u32;
    let places = UInt32Array::from_iter_values((0..looked_at).map(place));
    let picked = columns.iter().map(|(name, array)| {
        let picked = take(*array, &places, None)?;
        // Hashing a dictionary would hash all its values.
        Ok((
            *name,
            match picked.data_type() {
                DataType::Dictionary(_, values) => cast(&picked, values)?,
                _ => picked,
            },
        ))
    });
    let picked = picked.collect::<Result<Vec<(&str, ArrayRef)>>>()?;
    let picked: Vec<(&str, &dyn Array)> =
        picked.iter().map(|(name, array)| (*name, array.as_ref())).collect();
    Ok(hash_rows(&picked, seed)?.into_iter().fold(rows as u64, |all, row| hash_u64(row, all)))
}

/// A column that is kept, with its Arrow type as text: states of other types do not merge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    name: String,
    type_name: String,
}

impl Kept {
    fn new(field: &Field) -> Self {
        Self { name: field.name().clone(), type_name: field.data_type().to_string() }
    }

    fn all(columns: &[Self]) -> String {
        let described = columns.iter().map(|kept| format!("{} {}", kept.name, kept.type_name));
        described.collect::<Vec<_>>().join(", ")
    }
}

type Row = Vec<Option<Cell>>;

/// The state of [`RowReservoir`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowReservoirState {
    columns: Vec<Kept>,
    rows: Reservoir<Row>,
}

/// The rows that [`RowReservoir`] drew.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::arrow::array::{Float64Array, RecordBatch};
/// use mlsys_core::{Statistic, statistic::state_of};
/// use mlsys_sampling::sample::RowReservoir;
///
/// let day = |from: i32| RecordBatch::try_from_iter([
///     ("amount", Arc::new(Float64Array::from_iter_values((from..from + 100).map(f64::from))) as _),
/// ]);
/// let recipe = RowReservoir::new(50);
/// let mut week = state_of(&recipe, &day(0)?)?;
/// recipe.merge(&mut week, state_of(&recipe, &day(100)?)?)?;
/// let sample = recipe.finish(&week)?;
/// assert_eq!((sample.seen(), sample.len(), sample.is_empty()), (200, 50, false));
/// assert_eq!(sample.batch(&day(0)?.schema())?.num_rows(), 50);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RowSample {
    columns: Vec<Kept>,
    rows: Vec<Row>,
    seen: u64,
}

impl RowSample {
    /// How many rows it was drawn from.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// How many rows were drawn.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there were no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many rows each of these stands for; NaN without rows.
    pub fn weight(&self) -> f64 {
        self.seen as f64 / self.rows.len() as f64
    }

    /// The rows, in no particular order, with the fields of the table that they were drawn from.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](mlsys_core::ErrorKind::MissingColumn); [`ColumnType`](mlsys_core::ErrorKind::ColumnType) when
    /// the schema gives a column another type than it had; [`State`](mlsys_core::ErrorKind::State) for values that
    /// the type cannot have, which a damaged state may hold.
    pub fn batch(&self, schema: &Schema) -> Result<RecordBatch> {
        let (mut fields, mut columns) = (Vec::new(), Vec::new());
        for (place, kept) in self.columns.iter().enumerate() {
            let missing = |_| column::missing_column(schema, &kept.name);
            let field = schema.field_with_name(&kept.name).map_err(missing)?;
            let found = field.data_type();
            if Kept::new(field) != *kept {
                let expected = format!("{} as when the rows were drawn", kept.type_name);
                return Err(Error::column_type(&kept.name, expected, found));
            }
            let cells: Vec<Option<&Cell>> =
                self.rows.iter().map(|row| row.get(place).and_then(Option::as_ref)).collect();
            columns.push(write(&kept.name, &cells, found)?);
            fields.push(field.clone());
        }
        let schema = Schema::new_with_metadata(fields, schema.metadata().clone());
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows.len()));
        Ok(RecordBatch::try_new_with_options(schema.into(), columns, &options)?)
    }
}

impl NamedStatistic for RowReservoir {
    const NAME: &'static str = "mlsys.RowReservoir";

    fn columns(&self, schema: &Schema) -> Vec<String> {
        match &self.columns {
            Some(columns) => columns.clone(),
            None => schema.fields().iter().map(|field| field.name().clone()).collect(),
        }
    }

    fn check_state(&self, state: &RowReservoirState) -> Result<()> {
        self.check(state)?;
        state.rows.check(self.size)?;
        let width = state.columns.len();
        match state.rows.items().iter().find(|row| row.len() != width) {
            Some(row) => Err(Error::state(format!("rows of {width} values"), format!("{}", row.len()))),
            None => Ok(()),
        }
    }
}

impl Statistic for RowReservoir {
    type State = RowReservoirState;
    type Output = RowSample;

    fn init(&self, schema: &Schema) -> Result<RowReservoirState> {
        check_size(NAME, self.size, usize::MAX)?;
        let names = NamedStatistic::columns(self, schema);
        if names.is_empty() {
            return Err(Error::invalid_parameter(NAME, "columns", "none", "one or more"));
        }
        let (mut seen, mut columns) = (BTreeSet::new(), Vec::with_capacity(names.len()));
        for name in &names {
            if !seen.insert(name) {
                return Err(Error::invalid_parameter(NAME, "columns", name, "each column once"));
            }
            let field = schema.field_with_name(name).map_err(|_| column::missing_column(schema, name))?;
            check_type(name, field.data_type())?;
            columns.push(Kept::new(field));
        }
        self.empty(columns, 0)
    }

    fn update(&self, state: &mut RowReservoirState, batch: &RecordBatch) -> Result<()> {
        self.check(state)?;
        if u32::try_from(batch.num_rows()).is_err() {
            return Err(Error::shape("rows of a batch", "at most 4294967295", batch.num_rows()));
        }
        let mut columns: Vec<(&str, &dyn Array)> = Vec::with_capacity(state.columns.len());
        for kept in &state.columns {
            let array = column::find(batch, &kept.name)?;
            if array.data_type().to_string() != kept.type_name {
                return Err(Error::column_type(&kept.name, kept.type_name.clone(), array.data_type()));
            }
            columns.push((&kept.name, array.as_ref()));
        }
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if state.rows.seen() == 0 {
            let stream = content(&columns, self.seed)?;
            state.rows = self.empty(Vec::new(), stream)?.rows;
        }
        state.rows.push_made(batch.num_rows(), |rows| {
            let rows = UInt32Array::from_iter_values(rows.iter().map(|&row| row as u32));
            let mut made = vec![Row::with_capacity(columns.len()); rows.len()];
            for (_, array) in &columns {
                let cells = read(&take(*array, &rows, None)?)?;
                made.iter_mut().zip(cells).for_each(|(row, cell)| row.push(cell));
            }
            Ok(made)
        })
    }

    fn merge(&self, into: &mut RowReservoirState, from: RowReservoirState) -> Result<()> {
        self.check(into)?;
        self.check(&from)?;
        if into.columns != from.columns {
            return Err(Error::state(Kept::all(&into.columns), Kept::all(&from.columns)));
        }
        // A part without rows changes nothing, not even the coins.
        if from.rows.seen() == 0 {
            return Ok(());
        }
        if into.rows.seen() == 0 {
            *into = from;
            return Ok(());
        }
        into.rows.merge(from.rows)
    }

    fn finish(&self, state: &RowReservoirState) -> Result<RowSample> {
        self.check_state(state)?;
        let (columns, rows) = (state.columns.clone(), state.rows.items().to_vec());
        Ok(RowSample { columns, rows, seen: state.rows.seen() })
    }
}

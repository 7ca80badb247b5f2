//! A table, the role of each column, and what its rows may be used for.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt64Array};
use arrow::buffer::ScalarBuffer;
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use ndarray::{Array2, ArrayViewMut1, Axis};
use rayon::prelude::*;

use crate::partition::{Partition, Test, Train, Unsplit, Validation};
use crate::row_ids::RowIds;
use crate::row_keys::RowKeys;
use crate::{
    Coded, Columns, Error, ErrorKind, Fold, Layout, Result, Role, Roles, Transform, column, first_error,
};

/// A table and the part each column plays. `P` says what the rows may be used for.
///
/// A dataset holds, selects, slices and describes; it computes nothing. Cloning is cheap: the columns are shared.
/// Every row has an id that it keeps through [`take`](Self::take), [`filter`](Self::filter),
/// [`slice`](Self::slice) and splitting.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, arrow::array::{BooleanArray, Float64Array, RecordBatch}};
///
/// let batch = RecordBatch::try_from_iter([
///     ("distance", Arc::new(Float64Array::from(vec![1400.0, 1089.0])) as _),
///     ("late", Arc::new(BooleanArray::from(vec![false, true])) as _),
/// ])?;
/// let data = Dataset::new(batch)?.target("late")?;
/// assert_eq!(data.features(), ["distance"]);
/// assert_eq!(data.n_rows(), 2);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub struct Dataset<P: Partition = Unsplit> {
    batch: RecordBatch,
    layout: Arc<Layout>,
    row_ids: RowIds,
    partition: PhantomData<P>,
}

impl<P: Partition> Clone for Dataset<P> {
    fn clone(&self) -> Self {
        self.cast()
    }
}

impl Dataset<Unsplit> {
    /// A dataset of all rows, every column a feature.
    ///
    /// # Errors
    ///
    /// [`DuplicateColumn`](ErrorKind::DuplicateColumn) when two columns have one name.
    pub fn new(batch: RecordBatch) -> Result<Self> {
        let layout = Arc::new(Layout::new(batch.schema())?);
        Ok(Self { batch, layout, row_ids: RowIds::of_table(), partition: PhantomData })
    }

    /// Gives each row two keys, by which it is known again: which row it is, and what is in it.
    ///
    /// The first is the value of the id column, and without one the row's place in this table; the second is all that the
    /// row holds, in the order of the columns' names. Call it before the rows are divided: the keys follow them through
    /// every selection and transform, and [`RowsSeen`](crate::RowsSeen) tells by them which rows were fitted on. One pass
    /// over the columns; 16 bytes a row.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use mlsys_core::{Dataset, RowTracking, RowsSeen, arrow::array::{Int64Array, RecordBatch}};
    ///
    /// let batch = RecordBatch::try_from_iter([("x", Arc::new(Int64Array::from_iter_values(0..10)) as _)])?;
    /// let data = Dataset::new(batch)?.track_rows()?;
    /// let (train, test) = data.split_at_rows(&[0, 1, 2, 3, 4, 5], &[6, 7, 8, 9])?;
    /// let seen = RowsSeen::of(&train, RowTracking::EveryRow)?;
    /// assert!(seen.overlap(&test)?.same.is_empty());
    /// assert_eq!(seen.overlap(&data.slice(4, 4)?)?.same, [0, 1]);
    /// # Ok::<(), mlsys_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`MissingValues`](ErrorKind::MissingValues) in an id column; [`ColumnType`](ErrorKind::ColumnType) for a nested
    /// column; [`Shape`](ErrorKind::Shape) for a table without columns.
    pub fn track_rows(mut self) -> Result<Self> {
        let tracked = self.row_ids.tracked(&self.layout, &self.batch);
        self.row_ids = tracked.map_err(|e| e.context("tracking rows"))?;
        Ok(self)
    }

    /// All rows for training, none held back: for a final fit, or when the test rows live elsewhere.
    ///
    /// The one door into `Train` besides a splitter, named so that a search for it finds every use.
    pub fn into_train_all(self) -> Dataset<Train> {
        self.cast()
    }

    /// All rows as test rows: for judging a model on a table that came apart from the training table.
    pub fn into_test_all(self) -> Dataset<Test> {
        self.cast()
    }

    /// All rows as validation rows: for choosing by a table that came apart from the training table.
    pub fn into_validation_all(self) -> Dataset<Validation> {
        self.cast()
    }

    /// The rows under the roles of a layout; roles of columns that are not there are dropped.
    ///
    /// # Errors
    ///
    /// [`DuplicateColumn`](ErrorKind::DuplicateColumn).
    pub fn under(layout: &Layout, batch: RecordBatch) -> Result<Self> {
        let layout = Arc::new(layout.with_schema(batch.schema())?);
        Ok(Self { batch, layout, row_ids: RowIds::of_table(), partition: PhantomData })
    }

    /// Divides the rows into training and test rows, for implementing [`Split`](crate::Split).
    ///
    /// # Errors
    ///
    /// As [`Dataset::take`]; [`TooFewRows`](ErrorKind::TooFewRows) when a side is empty.
    pub fn split_at_rows(&self, train: &[usize], test: &[usize]) -> Result<(Dataset<Train>, Dataset<Test>)> {
        if train.is_empty() || test.is_empty() {
            let why = format!("a split into {} training and {} test rows", train.len(), test.len());
            return Err(Error::too_few_rows(2, self.n_rows(), why));
        }
        let mut side = vec![0u8; self.n_rows()];
        for &row in train.iter().chain(test) {
            match side.get_mut(row) {
                Some(seen) if *seen == 0 => *seen = 1,
                Some(_) => return Err(Error::shape("split", "every row once", format!("row {row} twice"))),
                None => return Err(Error::shape("split", format!("rows below {}", self.n_rows()), row)),
            }
        }
        Ok((self.take(train)?.cast(), self.take(test)?.cast()))
    }
}

impl Dataset<Train> {
    /// The rows of a fold: to fit on, and to validate on.
    ///
    /// # Errors
    ///
    /// As [`Dataset::take`].
    pub fn fold(&self, fold: &Fold) -> Result<(Dataset<Train>, Dataset<Validation>)> {
        Ok((self.take(fold.train())?, self.take(fold.validation())?.cast()))
    }

    /// The same rows as if no one had divided them, for dividing them once more.
    pub(crate) fn undivided(&self) -> Dataset<Unsplit> {
        self.cast()
    }

    /// Training rows that a resampler made: the same columns, new rows.
    ///
    /// The first have the ids given; those after them are new, and get ids from 2^63 on, which no row of a table has.
    ///
    /// # Errors
    ///
    /// [`Shape`](ErrorKind::Shape) when the schema differs or the ids are more than the rows.
    pub fn resampled(&self, batch: RecordBatch, ids: Vec<u64>) -> Result<Self> {
        if batch.schema() != self.batch.schema() {
            return Err(Error::shape("resampled rows", "the schema of the training rows", batch.schema()));
        }
        if ids.len() > batch.num_rows() {
            return Err(Error::shape("row ids", format!("at most {}", batch.num_rows()), ids.len()));
        }
        let fresh = batch.num_rows() - ids.len();
        let row_ids = self.row_ids.resampled(self.n_rows(), &ids, fresh)?;
        Ok(Self { batch, layout: Arc::clone(&self.layout), row_ids, partition: PhantomData })
    }
}

/// Roles.
impl<P: Partition> Dataset<P> {
    /// Makes a column a target; call it again for several.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](ErrorKind::MissingColumn).
    pub fn target(self, name: &str) -> Result<Self> {
        self.with_role(name, Role::Target)
    }

    /// Makes a column the weight of each row.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](ErrorKind::MissingColumn).
    pub fn weight(self, name: &str) -> Result<Self> {
        self.with_role(name, Role::Weight)
    }

    /// Makes a column name the group of each row; it stays a feature unless ignored.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](ErrorKind::MissingColumn).
    pub fn group(self, name: &str) -> Result<Self> {
        self.with_role(name, Role::Group)
    }

    /// Makes a column the time of each row; it stays a feature unless ignored.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](ErrorKind::MissingColumn).
    pub fn time(self, name: &str) -> Result<Self> {
        self.with_role(name, Role::Time)
    }

    /// Makes a column the name of each row.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](ErrorKind::MissingColumn).
    pub fn id(self, name: &str) -> Result<Self> {
        self.with_role(name, Role::Id)
    }

    /// Keeps columns from being features. A time or group column keeps that role.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](ErrorKind::MissingColumn).
    pub fn ignore<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Result<Self> {
        self.layout = Arc::new(self.layout.as_ref().clone().ignore(names)?);
        Ok(self)
    }

    /// Gives a column a main role.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](ErrorKind::MissingColumn).
    pub fn with_role(mut self, name: &str, role: Role) -> Result<Self> {
        self.layout = Arc::new(self.layout.as_ref().clone().with_role(name, role)?);
        Ok(self)
    }

    /// The roles of the columns.
    pub fn roles(&self) -> &Roles {
        &self.layout.roles
    }

    /// The schema and the roles.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The names of the features, in the table's order.
    pub fn features(&self) -> Vec<&str> {
        self.layout.features()
    }

    /// The same rows as a step under [`.on(columns)`](crate::Fit::on) sees them: every other feature is ignored, and the chosen ones
    /// are taken, or refused, by what fits them. For what is done to a dataset by hand.
    ///
    /// # Errors
    ///
    /// As [`Columns::resolve`](crate::Columns::resolve).
    ///
    /// ```
    /// use std::sync::Arc;
    /// use mlsys_core::{Dataset, arrow::array::{Int64Array, RecordBatch}};
    ///
    /// let column = || Arc::new(Int64Array::from(vec![1, 2])) as _;
    /// let data = Dataset::new(RecordBatch::try_from_iter([("a", column()), ("b", column())])?)?;
    /// assert_eq!(data.on(["b"])?.features(), ["b"]);
    /// # Ok::<(), mlsys_core::Error>(())
    /// ```
    pub fn on(&self, columns: impl Into<Columns>) -> Result<Self> {
        let layout = columns.into().limit(&self.layout)?;
        self.with_roles(layout.roles, true)
    }

    /// The same rows with another layout of the same schema.
    pub(crate) fn with_roles(&self, roles: Roles, chosen: bool) -> Result<Self> {
        let mut layout = (*self.layout).clone();
        layout.roles = roles;
        layout.chosen = chosen;
        Ok(Self { layout: Arc::new(layout), ..self.clone() })
    }
}

/// Columns.
impl<P: Partition> Dataset<P> {
    /// The table.
    pub fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    /// The schema of the table.
    pub fn schema(&self) -> SchemaRef {
        self.batch.schema()
    }

    /// A column by name.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](ErrorKind::MissingColumn).
    pub fn column(&self, name: &str) -> Result<&ArrayRef> {
        column::find(&self.batch, name)
    }

    /// Just these columns, in this order, with their roles.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](ErrorKind::MissingColumn); [`DuplicateColumn`](ErrorKind::DuplicateColumn).
    pub fn select<S: AsRef<str>>(&self, names: impl IntoIterator<Item = S>) -> Result<Self> {
        let schema = self.batch.schema();
        let mut indices = Vec::new();
        for name in names {
            let name = name.as_ref();
            indices.push(schema.index_of(name).map_err(|_| column::missing_column(&schema, name))?);
        }
        self.with_batch(self.batch.project(&indices)?)
    }

    /// The single target column.
    ///
    /// # Errors
    ///
    /// [`MissingRole`](ErrorKind::MissingRole) unless there is exactly one.
    pub fn target_column(&self, needed_by: &str) -> Result<&ArrayRef> {
        self.column(self.layout.target(needed_by)?)
    }

    /// The single target as categories in ascending order, with nothing missing.
    ///
    /// # Errors
    ///
    /// As [`target_column`](Self::target_column); [`MissingValues`](ErrorKind::MissingValues);
    /// [`TooFewRows`](ErrorKind::TooFewRows) without rows.
    pub fn labels(&self, needed_by: &str) -> Result<Coded> {
        let name = self.layout.target(needed_by)?;
        let coded = Coded::new(name, self.column(name)?)?.sorted();
        self.no_missing_target(name, coded.missing())?;
        if coded.is_empty() {
            return Err(Error::too_few_rows(1, 0, needed_by));
        }
        Ok(coded)
    }

    /// The single target as finite numbers, with nothing missing.
    ///
    /// # Errors
    ///
    /// As [`target_column`](Self::target_column) and [`column::finite`]; [`TooFewRows`](ErrorKind::TooFewRows).
    pub fn target_values(&self, needed_by: &str) -> Result<ScalarBuffer<f64>> {
        let name = self.layout.target(needed_by)?;
        let values = column::finite_or_missing(name, self.column(name)?)?;
        self.no_missing_target(name, values.iter().filter(|x| x.is_nan()).count())?;
        if values.is_empty() {
            return Err(Error::too_few_rows(1, 0, needed_by));
        }
        Ok(values)
    }

    fn no_missing_target(&self, name: &str, count: usize) -> Result<()> {
        if count == 0 {
            return Ok(());
        }
        let hint = "a target must be known: drop these rows first".into();
        Err(ErrorKind::MissingValues { column: name.into(), count, hint }.into())
    }

    /// The weight of each row, or `None` without a weight column.
    ///
    /// # Errors
    ///
    /// As [`column::finite`]; [`InvalidValue`](ErrorKind::InvalidValue) for a negative weight, and when all are
    /// zero.
    pub fn weights(&self) -> Result<Option<ScalarBuffer<f64>>> {
        let Some(name) = self.layout.weight() else { return Ok(None) };
        let values = weights_of(name, self.column(name)?)?;
        if !values.is_empty() && values.iter().all(|&w| w == 0.0) {
            return Err(Error::invalid_value(
                name,
                None,
                "zero in every row",
                "positive for at least one row",
            ));
        }
        Ok(Some(values))
    }

    /// Refuses a weight column on behalf of an estimator that cannot use one.
    ///
    /// # Errors
    ///
    /// [`UnsupportedRole`](ErrorKind::UnsupportedRole).
    pub fn refuse_weights(&self, estimator: &str) -> Result<()> {
        match self.layout.weight() {
            None => Ok(()),
            Some(name) => {
                let hint = format!("ignore `{name}`, or use an estimator that takes weights");
                Err(ErrorKind::UnsupportedRole { role: "weight", estimator: estimator.into(), hint }.into())
            }
        }
    }

    /// The time of each row in nanoseconds, from the time column.
    ///
    /// # Errors
    ///
    /// [`MissingRole`](ErrorKind::MissingRole) without a time column; as [`column::instants`].
    pub fn instants(&self, needed_by: &str) -> Result<ScalarBuffer<i64>> {
        let name = self.layout.time(needed_by)?;
        column::instants(name, self.column(name)?)
    }

    /// The features as a matrix, a row per row: one copy.
    ///
    /// # Errors
    ///
    /// [`ColumnType`](ErrorKind::ColumnType) naming the first feature that is not numeric ("encode it first");
    /// [`MissingValues`](ErrorKind::MissingValues) unless `missing` is [`Missing::AsNan`]. Infinite values pass
    /// through.
    pub fn matrix<T: Real>(&self, missing: Missing) -> Result<Array2<T>> {
        let names = self.features();
        let mut matrix = Array2::from_elem((self.n_rows(), names.len()), T::from_f64(0.0));
        let columns: Vec<_> = matrix.axis_iter_mut(Axis(1)).zip(names).collect();
        let filled = columns.into_par_iter().map(|(mut out, name): (ArrayViewMut1<'_, T>, &str)| {
            let values = column::floats(name, self.column(name)?)?;
            let count = values.iter().filter(|x| x.is_nan()).count();
            if count > 0 && missing == Missing::Refuse {
                let hint = "impute them first, or ask for `Missing::AsNan`".into();
                return Err(Error::from(ErrorKind::MissingValues { column: name.into(), count, hint }));
            }
            out.iter_mut().zip(values.iter()).for_each(|(to, &x)| *to = T::from_f64(x));
            Ok(())
        });
        first_error::<(), ()>(filled.collect())?;
        Ok(matrix)
    }
}

/// The weights in a column: finite, none missing, none negative.
///
/// # Errors
///
/// As [`column::finite`]; [`InvalidValue`](ErrorKind::InvalidValue) naming the first negative row.
pub fn weights_of(name: &str, array: &dyn Array) -> Result<ScalarBuffer<f64>> {
    let values = column::finite(name, array)?;
    match values.iter().position(|&w| w < 0.0) {
        Some(row) => Err(Error::invalid_value(name, Some(row), values[row], "weights of zero or more")),
        None => Ok(values),
    }
}

/// What [`Dataset::matrix`] does with missing values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// An error that names the column.
    Refuse,
    /// NaN in the matrix.
    AsNan,
}

/// The element of a matrix: `f32` or `f64`.
pub trait Real: Copy + Send + Sync + 'static {
    /// Rounds a double.
    fn from_f64(value: f64) -> Self;
}

impl Real for f32 {
    fn from_f64(value: f64) -> Self {
        value as f32
    }
}

impl Real for f64 {
    fn from_f64(value: f64) -> Self {
        value
    }
}

/// Rows.
impl<P: Partition> Dataset<P> {
    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// The id of each row, kept through every selection.
    pub fn row_ids(&self) -> Vec<u64> {
        (0..self.n_rows()).map(|row| self.row_ids.get(row)).collect()
    }

    /// The rows of these indices, in this order; an index may occur more than once.
    ///
    /// # Errors
    ///
    /// [`Shape`](ErrorKind::Shape) for an index past the end.
    pub fn take(&self, rows: &[usize]) -> Result<Self> {
        if let Some(row) = rows.iter().find(|&&row| row >= self.n_rows()) {
            return Err(Error::shape("take", format!("rows below {}", self.n_rows()), row));
        }
        let indices = UInt64Array::from_iter_values(rows.iter().map(|&row| row as u64));
        let batch = take_record_batch(&self.batch, &indices)?;
        Ok(Self { batch, row_ids: self.row_ids.take(rows), ..self.clone() })
    }

    /// The rows where the mask is true; null counts as false.
    ///
    /// # Errors
    ///
    /// [`Shape`](ErrorKind::Shape) when the mask has another length.
    pub fn filter(&self, mask: &BooleanArray) -> Result<Self> {
        if mask.len() != self.n_rows() {
            return Err(Error::shape("filter mask", format!("{} rows", self.n_rows()), mask.len()));
        }
        let kept = |row: &usize| mask.is_valid(*row) && mask.value(*row);
        let kept: Vec<usize> = (0..self.n_rows()).filter(kept).collect();
        let batch = filter_record_batch(&self.batch, mask)?;
        Ok(Self { batch, row_ids: self.row_ids.take(&kept), ..self.clone() })
    }

    /// `rows` rows from `offset` on, without a copy.
    ///
    /// # Errors
    ///
    /// [`Shape`](ErrorKind::Shape) when it reaches past the end.
    pub fn slice(&self, offset: usize, rows: usize) -> Result<Self> {
        if offset.checked_add(rows).is_none_or(|end| end > self.n_rows()) {
            let asked = format!("{rows} rows from row {offset} on");
            return Err(Error::shape("slice", format!("within {} rows", self.n_rows()), asked));
        }
        let row_ids = self.row_ids.slice(offset, rows);
        Ok(Self { batch: self.batch.slice(offset, rows), row_ids, ..self.clone() })
    }

    /// These rows and the other's below them; columns are matched by name, roles must agree.
    ///
    /// # Errors
    ///
    /// [`Shape`](ErrorKind::Shape) when roles or columns differ; an Arrow error when types differ.
    pub fn concat(&self, other: &Self) -> Result<Self> {
        if self.layout.roles != other.layout.roles {
            return Err(Error::shape("concat", "two datasets with equal roles", "different ones"));
        }
        let (own, others) = (self.batch.num_columns(), other.batch.num_columns());
        if own != others {
            return Err(Error::shape("concat", format!("{own} columns"), others));
        }
        let names = self.layout.schema().fields().iter().map(|f| f.name());
        let aligned = other.select(names)?;
        let batch = concat_batches(&self.batch.schema(), [&self.batch, &aligned.batch])?;
        let row_ids = self.row_ids.concat(self.n_rows(), &other.row_ids, other.n_rows());
        Ok(Self { batch, row_ids, ..self.clone() })
    }

    /// What a transform makes of the table. Rows, their ids and their partition stay.
    ///
    /// # Errors
    ///
    /// The transform's own; [`Shape`](ErrorKind::Shape) when it changed the number of rows.
    pub fn apply<T: Transform + ?Sized>(&self, transform: &T) -> Result<Self> {
        self.with_batch(transform.transform(&self.batch)?)
    }

    /// The same rows with other columns; roles follow the names.
    ///
    /// # Errors
    ///
    /// [`Shape`](ErrorKind::Shape) when the number of rows differs;
    /// [`DuplicateColumn`](ErrorKind::DuplicateColumn).
    pub fn with_batch(&self, batch: RecordBatch) -> Result<Self> {
        if batch.num_rows() != self.n_rows() {
            return Err(Error::shape("transformed rows", self.n_rows(), batch.num_rows()));
        }
        let layout = Arc::new(self.layout.with_schema(batch.schema())?);
        Ok(Self { batch, layout, row_ids: self.row_ids.clone(), partition: PhantomData })
    }

    /// Whether the rows have keys: see [`track_rows`](Dataset::track_rows).
    pub fn is_tracked(&self) -> bool {
        self.row_ids.keys().is_some()
    }

    pub(crate) fn row_id(&self, row: usize) -> u64 {
        self.row_ids.get(row)
    }

    /// The keys of the rows, for whoever is in need of them.
    pub(crate) fn row_keys(&self, needed_by: &str) -> Result<&RowKeys> {
        self.row_ids.keys().ok_or_else(|| {
            let what = "rows that are tracked: call `track_rows()` on the dataset before it is divided";
            Error::unsupported(format!("{needed_by} needs {what}"))
        })
    }

    fn cast<Q: Partition>(&self) -> Dataset<Q> {
        Dataset {
            batch: self.batch.clone(),
            layout: Arc::clone(&self.layout),
            row_ids: self.row_ids.clone(),
            partition: PhantomData,
        }
    }
}

/// How many rows `Display` shows.
const SHOWN_ROWS: usize = 3;
/// Longer values are cut.
const SHOWN_CHARS: usize = 16;

impl<P: Partition> fmt::Display for Dataset<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, columns) = (self.n_rows(), self.batch.num_columns());
        writeln!(f, "Dataset<{}>: {rows} rows x {columns} columns", P::NAME)?;
        let options = FormatOptions::default().with_null("null").with_display_error(true);
        let mut table = vec![["column".to_owned(), "type".into(), "role".into(), "first rows".into()]];
        for (field, array) in self.batch.schema_ref().fields().iter().zip(self.batch.columns()) {
            let mut role = self.roles().of(field.name()).name().to_owned();
            if matches!(self.roles().of(field.name()), Role::Time | Role::Group)
                && self.roles().is_feature(field.name())
            {
                role.push_str(", feature");
            }
            let formatter = ArrayFormatter::try_new(array.as_ref(), &options).map_err(|_| fmt::Error)?;
            let values = (0..rows.min(SHOWN_ROWS)).map(|row| cut(&formatter.value(row).to_string()));
            let first = values.collect::<Vec<_>>().join(", ");
            table.push([cut(field.name()), cut(&field.data_type().to_string()), role, first]);
        }
        let width = |i: usize| table.iter().map(|row| row[i].chars().count()).max().unwrap_or(0);
        let (a, b, c) = (width(0), width(1), width(2));
        for [name, data_type, role, first] in &table {
            writeln!(f, "  {name:a$}  {data_type:b$}  {role:c$}  {first}")?;
        }
        Ok(())
    }
}

impl<P: Partition> fmt::Debug for Dataset<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= SHOWN_CHARS {
        return text.to_owned();
    }
    text.chars().take(SHOWN_CHARS - 1).chain(['…']).collect()
}

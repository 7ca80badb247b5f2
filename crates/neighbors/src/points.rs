//! Rows as points: columns of numbers and of categories, with gaps.

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::arrow::buffer::ScalarBuffer;
use mlsys_core::ndarray::ArrayView2;
use mlsys_core::{Category, Coded, Error, InputColumn, Kind, Layout, Result, column};
use serde::{Deserialize, Serialize};

/// Points: columns of numbers and of categories, all of one length. A gap is NaN in numbers and
/// [`Coded::MISSING`] in categories. Columns are shared: a clone copies nothing, and columns of doubles without nulls are
/// those of the table.
///
/// ```
/// use mlsys_neighbors::Points;
///
/// let points = Points::from_rows(&[0.0, 1.0, 2.0, f64::NAN], 2)?.categories(&[4, 7])?;
/// assert_eq!((points.n_rows(), points.n_columns()), (2, 3));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Points {
    rows: usize,
    columns: Vec<PointColumn>,
}

/// A column: categories are kept as codes, which doubles hold exactly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct PointColumn {
    #[serde(with = "gaps")]
    values: ScalarBuffer<f64>,
    categorical: bool,
}

/// Points that somebody else may have written.
#[derive(Deserialize)]
struct Stored {
    rows: usize,
    columns: Vec<PointColumn>,
}

impl TryFrom<Stored> for Points {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        stored.columns.into_iter().try_fold(Self::new(stored.rows)?, |points, column| {
            if !column.categorical {
                return points.numbers(column.values);
            }
            let code = |x: &f64| if x.is_nan() { Coded::MISSING } else { *x as u32 };
            let codes: Vec<u32> = column.values.iter().map(code).collect();
            if codes.iter().zip(&column.values).any(|(&code, &x)| !x.is_nan() && f64::from(code) != x) {
                return Err(Error::artifact("has a category that is no code"));
            }
            points.categories(&codes)
        })
    }
}

/// Gaps as nulls: formats of text have no NaN.
mod gaps {
    use mlsys_core::arrow::buffer::ScalarBuffer;
    use serde::de::{Deserializer, SeqAccess, Visitor};
    use serde::ser::{SerializeSeq, Serializer};

    pub fn serialize<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(values.len()))?;
        values.iter().try_for_each(|x| list.serialize_element(&(!x.is_nan()).then_some(x)))?;
        list.end()
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ScalarBuffer<f64>, D::Error> {
        deserializer.deserialize_seq(Values).map(ScalarBuffer::from)
    }

    struct Values;

    impl<'de> Visitor<'de> for Values {
        type Value = Vec<f64>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a list of numbers and nulls")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<f64>, A::Error> {
            // As it comes: a length that is only claimed must not ask for memory.
            let mut values = Vec::new();
            while let Some(value) = list.next_element::<Option<f64>>()? {
                values.push(value.unwrap_or(f64::NAN));
            }
            values.shrink_to_fit();
            Ok(values)
        }
    }
}

impl Points {
    /// Points without columns yet.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](mlsys_core::ErrorKind::Unsupported) for 2^32 rows or more.
    pub fn new(rows: usize) -> Result<Self> {
        if u32::try_from(rows).is_err() {
            return Err(Error::unsupported("searching among 4,294,967,296 rows or more"));
        }
        Ok(Self { rows, columns: Vec::new() })
    }

    /// A matrix in row order, `columns` numbers a row.
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) when the values do not fill whole rows;
    /// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities; as [`new`](Self::new).
    pub fn from_rows(values: &[f64], columns: usize) -> Result<Self> {
        if columns == 0 || !values.len().is_multiple_of(columns) {
            return Err(Error::shape("the values", format!("whole rows of {columns}"), values.len()));
        }
        let points = Self::new(values.len() / columns)?;
        (0..columns).try_fold(points, |points, c| {
            points.numbers(values.iter().skip(c).step_by(columns).copied().collect::<Vec<_>>())
        })
    }

    /// A matrix, a point a row.
    ///
    /// # Errors
    ///
    /// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities; as [`new`](Self::new).
    pub fn from_view(matrix: ArrayView2<'_, f64>) -> Result<Self> {
        let points = Self::new(matrix.nrows())?;
        matrix.columns().into_iter().try_fold(points, |points, column| points.numbers(column.to_vec()))
    }

    /// Adds a column of numbers; NaN is a gap.
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) for another length; [`NonFinite`](mlsys_core::ErrorKind::NonFinite)
    /// for infinities.
    pub fn numbers(mut self, values: impl Into<ScalarBuffer<f64>>) -> Result<Self> {
        let values = values.into();
        self.check_length(values.len())?;
        if let Some(row) = column::first_infinite(&values) {
            let column = self.columns.len().to_string();
            return Err(mlsys_core::ErrorKind::NonFinite { column, row, value: values[row] }.into());
        }
        self.columns.push(PointColumn { values, categorical: false });
        Ok(self)
    }

    /// Adds a column of categories by their codes; [`Coded::MISSING`] is a gap.
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) for another length.
    pub fn categories(mut self, codes: &[u32]) -> Result<Self> {
        self.check_length(codes.len())?;
        let value = |&code: &u32| if code == Coded::MISSING { f64::NAN } else { f64::from(code) };
        let values: Vec<f64> = codes.iter().map(value).collect();
        self.columns.push(PointColumn { values: values.into(), categorical: true });
        Ok(self)
    }

    fn check_length(&self, found: usize) -> Result<()> {
        if found == self.rows {
            return Ok(());
        }
        Err(Error::shape(format!("column {}", self.columns.len()), format!("{} rows", self.rows), found))
    }

    /// The number of points.
    pub fn n_rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn n_columns(&self) -> usize {
        self.columns.len()
    }

    /// The values of a column: numbers, or the codes of categories; NaN in gaps.
    pub fn column(&self, column: usize) -> &[f64] {
        self.columns.get(column).map_or(&[], |column| &column.values)
    }

    /// Whether a column holds categories.
    pub fn is_categorical(&self, column: usize) -> bool {
        self.columns.get(column).is_some_and(|column| column.categorical)
    }

    /// Whether no point has a gap.
    pub fn is_complete(&self) -> bool {
        (0..self.n_columns()).all(|column| !self.column(column).iter().any(|x| x.is_nan()))
    }

    /// Some of the points, in this order; a row may be there several times, and one that is not there is all gaps.
    /// Without a copy where they are all, in order.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn take(&self, rows: &[usize]) -> Result<Self> {
        if rows.len() == self.rows && rows.iter().zip(0..).all(|(&row, at)| row == at) {
            return Ok(self.clone());
        }
        let mut points = Self::new(rows.len())?;
        for PointColumn { values, categorical } in &self.columns {
            let values: Vec<f64> =
                rows.iter().map(|&row| values.get(row).copied().unwrap_or(f64::NAN)).collect();
            points.columns.push(PointColumn { values: values.into(), categorical: *categorical });
        }
        Ok(points)
    }

    /// Writes a point into `out`, a value a column.
    pub fn row(&self, row: usize, out: &mut Vec<f64>) {
        out.clear();
        out.extend(self.columns.iter().map(|column| column.values.get(row).copied().unwrap_or(f64::NAN)));
    }
}

/// How columns of a table become points: which are numbers, and the categories of the others.
///
/// Made on the rows that are searched; queries are read by the same one, so that codes agree. A category that it does
/// not know differs from all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PointReader {
    columns: Vec<ReadColumn>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ReadColumn {
    input: InputColumn,
    /// Ascending; `None` for numbers.
    known: Option<Vec<Category>>,
}

impl PointReader {
    /// Reads integers, floats, decimals and booleans as numbers.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](mlsys_core::ErrorKind::MissingColumn).
    pub fn numbers<S: AsRef<str>>(layout: &Layout, names: impl IntoIterator<Item = S>) -> Result<Self> {
        let inputs = InputColumn::all(layout, names)?;
        Ok(Self { columns: inputs.into_iter().map(|input| ReadColumn { input, known: None }).collect() })
    }

    /// Reads integers, floats and decimals as numbers, and all others as categories, those of `batch`.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](mlsys_core::ErrorKind::MissingColumn);
    /// [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for a type that has no categories.
    pub fn mixed<S: AsRef<str>>(
        layout: &Layout,
        batch: &RecordBatch,
        names: impl IntoIterator<Item = S>,
    ) -> Result<Self> {
        let mut columns = Vec::new();
        for input in InputColumn::all(layout, names)? {
            let known = match input.kind().is_number() {
                true => None,
                false => Some(Coded::new(input.name(), input.find(batch)?)?.sorted().distinct),
            };
            columns.push(ReadColumn { input, known });
        }
        Ok(Self { columns })
    }

    /// The points of a table's rows.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](mlsys_core::ErrorKind::MissingColumn), [`ColumnType`](mlsys_core::ErrorKind::ColumnType);
    /// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities.
    pub fn points(&self, batch: &RecordBatch) -> Result<Points> {
        let mut points = Points::new(batch.num_rows())?;
        for ReadColumn { input, known } in &self.columns {
            let array = input.find(batch)?;
            points = match known {
                None => points.numbers(column::finite_or_missing(input.name(), array)?)?,
                Some(known) => {
                    let coded = Coded::new(input.name(), array)?;
                    let places = coded.places_in(known);
                    let unseen = known.len() as u32;
                    let code = |code: &u32| match places.get(*code as usize) {
                        Some(place) => place.unwrap_or(unseen),
                        None => Coded::MISSING,
                    };
                    points.categories(&coded.codes.iter().map(code).collect::<Vec<_>>())?
                }
            };
        }
        Ok(points)
    }

    /// The columns that are read.
    pub fn input_columns(&self) -> impl Iterator<Item = &InputColumn> {
        self.columns.iter().map(|column| &column.input)
    }

    /// The categories of a column by their codes, ascending; `None` for numbers.
    pub fn categories(&self, column: usize) -> Option<&[Category]> {
        self.columns.get(column)?.known.as_deref()
    }

    /// Refuses what hostile bytes could hold.
    ///
    /// # Errors
    ///
    /// [`Artifact`](mlsys_core::ErrorKind::Artifact) for columns that are there twice, numbers that are none, and
    /// categories out of order.
    pub fn validate(&self) -> Result<()> {
        let mut names = std::collections::BTreeSet::new();
        for ReadColumn { input, known } in &self.columns {
            let fine = match known {
                None => input.kind().is_numeric(),
                Some(known) => input.kind() != Kind::Other && known.windows(2).all(|pair| pair[0] < pair[1]),
            };
            if !names.insert(input.name()) || !fine {
                return Err(Error::artifact(format!("reads `{}` twice, or not in order", input.name())));
            }
        }
        Ok(())
    }
}

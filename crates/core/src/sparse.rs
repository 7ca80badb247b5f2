//! Many columns that are mostly zero, in one Arrow column: for each row the places and values of what is not zero (CSR).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, ListArray, StructArray, UInt32Array};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Float64Type, UInt32Type};
use ndarray::Array2;

use crate::{Error, ErrorKind, Result};

/// The field's metadata that says how many columns there are.
pub const WIDTH: &str = "mlsys.width";

/// Rows of a sparse matrix: what a list column of `(index, value)` pairs holds.
///
/// ```text
/// List<Struct<index: UInt32, value: Float64>>, with the metadata `mlsys.width` = number of columns
/// ```
/// The list's offsets, its indices and its values are the three buffers of a CSR matrix; nothing is copied either way. Indices
/// ascend within a row.
///
/// ```
/// use mlsys_core::sparse::SparseRows;
///
/// let rows = SparseRows::new(1 << 18, vec![0, 2, 2, 3], vec![5, 70_000, 1], vec![1.0, -1.0, 2.0])?;
/// assert_eq!((rows.n_rows(), rows.width()), (3, 262_144));
/// assert_eq!(rows.row(0), ([5, 70_000].as_slice(), [1.0, -1.0].as_slice()));
/// let back = SparseRows::read(&rows.field("words"), &rows.to_array()?)?;
/// assert_eq!(back, rows);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SparseRows {
    width: usize,
    offsets: OffsetBuffer<i32>,
    indices: ScalarBuffer<u32>,
    values: ScalarBuffer<f64>,
}

impl SparseRows {
    /// Rows from the buffers of a CSR matrix of this many columns: row i has the entries `offsets[i]..offsets[i + 1]`.
    ///
    /// # Errors
    ///
    /// [`Shape`](ErrorKind::Shape) unless offsets ascend from 0 to the number of entries, and indices within each row,
    /// below the width.
    pub fn new(width: usize, offsets: Vec<i32>, indices: Vec<u32>, values: Vec<f64>) -> Result<Self> {
        let ascend = offsets.first() == Some(&0) && offsets.windows(2).all(|pair| pair[0] <= pair[1]);
        if !ascend || indices.len() != values.len() {
            let found = format!("{} indices, {} values", indices.len(), values.len());
            return Err(Error::shape(
                "sparse rows",
                "ascending offsets from 0, a value for each index",
                found,
            ));
        }
        let offsets = OffsetBuffer::new(offsets.into());
        let rows = Self { width, offsets, indices: indices.into(), values: values.into() };
        rows.check("sparse rows")?;
        Ok(rows)
    }

    /// The rows of several parts, one after another. Each part is let go once it is copied, so that nothing is held twice.
    ///
    /// # Errors
    ///
    /// [`Shape`](ErrorKind::Shape) when widths differ, or there are more than 2,147,483,647 entries.
    pub fn concat(width: usize, parts: Vec<Self>) -> Result<Self> {
        let entries: usize = parts.iter().map(|part| part.indices.len()).sum();
        if let Some(part) = parts.iter().find(|part| part.width != width) {
            return Err(Error::shape("sparse rows", format!("{width} columns"), part.width));
        }
        if i32::try_from(entries).is_err() {
            return Err(Error::shape(
                "sparse rows",
                "at most 2147483647 entries: use smaller batches",
                entries,
            ));
        }
        let (mut indices, mut values) = (Vec::with_capacity(entries), Vec::with_capacity(entries));
        let mut offsets = Vec::with_capacity(parts.iter().map(Self::n_rows).sum::<usize>() + 1);
        offsets.push(0);
        for part in parts {
            let before = indices.len() as i32;
            offsets.extend(part.offsets[1..].iter().map(|end| before + end));
            indices.extend_from_slice(&part.indices);
            values.extend_from_slice(&part.values);
        }
        Ok(Self {
            width,
            offsets: OffsetBuffer::new(offsets.into()),
            indices: indices.into(),
            values: values.into(),
        })
    }

    /// Reads a column that was made by [`to_array`](Self::to_array), in any slice.
    ///
    /// # Errors
    ///
    /// [`ColumnType`](ErrorKind::ColumnType) for any other column; [`MissingValues`](ErrorKind::MissingValues);
    /// [`Shape`](ErrorKind::Shape) for indices that do not ascend below the width.
    pub fn read(field: &Field, array: &ArrayRef) -> Result<Self> {
        let name = field.name();
        let expected = "sparse rows, as encoders make them";
        let other = || Error::column_type(name, expected, array.data_type());
        let (Some(width), Some(list), true) =
            (width_of(field), array.as_list_opt::<i32>(), array.data_type() == &data_type())
        else {
            return Err(other());
        };
        let entries = list.values().as_struct();
        let missing = list.null_count()
            + entries.null_count()
            + entries.columns().iter().map(|c| c.null_count()).sum::<usize>();
        if missing > 0 {
            let hint = "sparse rows have zeros where others have missing values".into();
            return Err(ErrorKind::MissingValues { column: name.into(), count: missing, hint }.into());
        }
        let (first, last) = (list.offsets()[0], list.offsets()[list.len()]);
        let length = (last - first) as usize;
        let offsets = list.offsets().iter().map(|offset| offset - first).collect::<Vec<_>>();
        let (index, value) = (entries.column(0), entries.column(1));
        let rows = Self {
            width,
            offsets: OffsetBuffer::new(offsets.into()),
            indices: index.as_primitive::<UInt32Type>().values().slice(first as usize, length),
            values: value.as_primitive::<Float64Type>().values().slice(first as usize, length),
        };
        rows.check(name)?;
        Ok(rows)
    }

    fn check(&self, name: &str) -> Result<()> {
        if self.offsets[self.n_rows()] as usize != self.indices.len() {
            return Err(Error::shape(
                name,
                format!("{} entries", self.indices.len()),
                self.offsets[self.n_rows()],
            ));
        }
        for row in 0..self.n_rows() {
            let (indices, _) = self.row(row);
            let ascend = indices.windows(2).all(|pair| pair[0] < pair[1]);
            if !ascend || indices.last().is_some_and(|&last| last as usize >= self.width) {
                let expected = format!("indices that ascend below {}", self.width);
                return Err(Error::shape(name, expected, format!("others in row {row}")));
            }
        }
        Ok(())
    }

    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The number of columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The number of entries that are kept.
    pub fn n_entries(&self) -> usize {
        self.indices.len()
    }

    /// The places and the values of a row.
    ///
    /// # Panics
    ///
    /// When there is no such row.
    pub fn row(&self, row: usize) -> (&[u32], &[f64]) {
        let entries = self.offsets[row] as usize..self.offsets[row + 1] as usize;
        (&self.indices[entries.clone()], &self.values[entries])
    }

    /// Offsets, indices and values: a CSR matrix.
    pub fn csr(&self) -> (&[i32], &[u32], &[f64]) {
        (&self.offsets, &self.indices, &self.values)
    }

    /// The matrix with its zeros written out.
    ///
    /// # Errors
    ///
    /// [`Shape`](ErrorKind::Shape) when it would have more than `max_cells`.
    pub fn to_dense(&self, max_cells: usize) -> Result<Array2<f64>> {
        let cells = self.n_rows().checked_mul(self.width).filter(|&cells| cells <= max_cells);
        if cells.is_none() {
            let found = format!("{} by {}", self.n_rows(), self.width);
            return Err(Error::shape("dense matrix", format!("{max_cells} cells at most"), found));
        }
        let mut dense = Array2::zeros((self.n_rows(), self.width));
        for row in 0..self.n_rows() {
            let (indices, values) = self.row(row);
            indices.iter().zip(values).for_each(|(&index, &value)| dense[[row, index as usize]] = value);
        }
        Ok(dense)
    }

    /// The Arrow column.
    ///
    /// # Errors
    ///
    /// None for rows that were made here.
    pub fn to_array(&self) -> Result<ArrayRef> {
        let index: ArrayRef = Arc::new(UInt32Array::new(self.indices.clone(), None));
        let value: ArrayRef = Arc::new(Float64Array::new(self.values.clone(), None));
        let entries = StructArray::try_new(entry_fields(), vec![index, value], None)?;
        let entries = Arc::new(entries);
        Ok(Arc::new(ListArray::try_new(entry_field(), self.offsets.clone(), entries, None)?))
    }

    /// The Arrow field of a column of this name.
    pub fn field(&self, name: &str) -> Field {
        field(name, self.width)
    }
}

/// The field of sparse rows of this many columns.
pub fn field(name: &str, width: usize) -> Field {
    let metadata = [(WIDTH.to_owned(), width.to_string())].into();
    Field::new(name, data_type(), false).with_metadata(metadata)
}

/// The number of columns that the rows of a field have, if it is a field of sparse rows.
pub fn width_of(field: &Field) -> Option<usize> {
    let width = field.metadata().get(WIDTH)?.parse().ok()?;
    (field.data_type() == &data_type()).then_some(width)
}

/// The Arrow type of sparse rows.
pub fn data_type() -> DataType {
    DataType::List(entry_field())
}

fn entry_field() -> FieldRef {
    Arc::new(Field::new("item", DataType::Struct(entry_fields()), false))
}

fn entry_fields() -> Fields {
    Fields::from(vec![
        Field::new("index", DataType::UInt32, false),
        Field::new("value", DataType::Float64, false),
    ])
}

/// Writes sparse rows one after another.
#[derive(Debug, Clone)]
pub struct SparseBuilder {
    width: usize,
    offsets: Vec<i32>,
    indices: Vec<u32>,
    values: Vec<f64>,
    row: Vec<(u32, f64)>,
}

impl SparseBuilder {
    /// No rows yet, of this many columns, with room for so many rows and entries.
    pub fn new(width: usize, rows: usize, entries: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        let (indices, values) = (Vec::with_capacity(entries), Vec::with_capacity(entries));
        Self { width, offsets, indices, values, row: Vec::new() }
    }

    /// Adds an entry to the row that is being written; those of one index add up.
    pub fn add(&mut self, index: u32, value: f64) {
        self.row.push((index, value));
    }

    /// Ends the row.
    pub fn end_row(&mut self) {
        if self.row.len() > 1 {
            // Stable, so that equal indices add up in the order in which they came.
            self.row.sort_by_key(|&(index, _)| index);
        }
        let start = self.indices.len();
        for (index, value) in self.row.drain(..) {
            let last = self.indices.len();
            if last > start && self.indices[last - 1] == index {
                self.values[last - 1] += value;
            } else {
                self.indices.push(index);
                self.values.push(value);
            }
        }
        // More entries than an offset can count are refused at the end.
        self.offsets.push(i32::try_from(self.indices.len()).unwrap_or(i32::MAX));
    }

    /// The rows.
    ///
    /// # Errors
    ///
    /// [`Shape`](ErrorKind::Shape) for an index that is not below the width, or more than 2,147,483,647 entries.
    pub fn finish(self) -> Result<SparseRows> {
        SparseRows::new(self.width, self.offsets, self.indices, self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_summed() {
        let mut builder = SparseBuilder::new(10, 3, 4);
        for (index, value) in [(7, 1.0), (2, 0.5), (7, -3.0)] {
            builder.add(index, value);
        }
        builder.end_row();
        builder.end_row();
        builder.add(9, 4.0);
        builder.end_row();
        let rows = builder.finish().unwrap();
        assert_eq!(rows.csr(), ([0, 2, 2, 3].as_slice(), [2, 7, 9].as_slice(), [0.5, -2.0, 4.0].as_slice()));
        let dense = rows.to_dense(30).unwrap();
        assert_eq!((dense[[0, 7]], dense[[1, 7]], dense[[2, 9]]), (-2.0, 0.0, 4.0));
        assert!(rows.to_dense(29).unwrap_err().to_string().contains("3 by 10"));
    }

    #[test]
    fn slices_and_parts_read_alike() {
        let rows = SparseRows::new(4, vec![0, 1, 1, 3], vec![3, 0, 2], vec![1.0, 2.0, 3.0]).unwrap();
        let array = rows.to_array().unwrap();
        let field = rows.field("x");
        let parts: Vec<SparseRows> = [(0, 1), (1, 0), (1, 2)]
            .map(|(at, n)| SparseRows::read(&field, &array.slice(at, n)).unwrap())
            .into();
        assert_eq!(parts[2].row(1), ([0, 2].as_slice(), [2.0, 3.0].as_slice()));
        assert_eq!(SparseRows::concat(4, parts.clone()).unwrap(), rows);
        assert!(SparseRows::concat(5, parts).is_err());
    }

    #[test]
    fn what_is_no_matrix_is_refused() {
        assert!(SparseRows::new(4, vec![0, 2], vec![1, 1], vec![1.0, 1.0]).is_err(), "twice");
        assert!(SparseRows::new(4, vec![0, 1], vec![4], vec![1.0]).is_err(), "beyond the width");
        assert!(SparseRows::new(4, vec![0, 2], vec![1], vec![1.0]).is_err(), "beyond the entries");
        assert!(SparseRows::new(4, vec![1, 1], vec![1], vec![1.0]).is_err(), "not from 0");
        assert!(SparseRows::new(4, vec![], vec![], vec![]).is_err(), "no offsets");
        let rows = SparseRows::new(4, vec![0, 1], vec![3], vec![1.0]).unwrap();
        let array = rows.to_array().unwrap();
        let error = SparseRows::read(&field("x", 3), &array).unwrap_err().to_string();
        assert!(error.contains("row 0") && error.contains("below 3"), "{error}");
        assert!(SparseRows::read(&Field::new("x", data_type(), false), &array).is_err(), "no width");
        assert_eq!(
            (width_of(&field("x", 3)), width_of(&Field::new("x", data_type(), false))),
            (Some(3), None)
        );
        let negative = field("x", 3).with_metadata([(WIDTH.to_owned(), "-3".to_owned())].into());
        let number =
            Field::new("x", DataType::Float64, false).with_metadata(field("x", 3).metadata().clone());
        assert_eq!((width_of(&negative), width_of(&number)), (None, None));
        let numbers: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
        assert!(SparseRows::read(&field("x", 4), &numbers).is_err());
    }
}

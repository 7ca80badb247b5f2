//! The features row by row, as stochastic gradients need them.

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::sparse::{SparseRows, width_of};
use mlsys_core::{Dataset, Error, InputColumn, Result, Train, column, first_error};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::features::dense_and_sparse;
use crate::logistic_regression::{Lookup, occupied, read_sparse};

/// Which columns a model reads, and where their coefficients are: of numbers by name, then of each sparse column its places.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Inputs {
    /// By name.
    pub numbers: Vec<InputColumn>,
    /// By name.
    pub sparse: Vec<Places>,
}

/// The places of a sparse column that had an entry in training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Places {
    pub input: InputColumn,
    pub width: u64,
    /// Ascending.
    pub places: Vec<u32>,
}

impl Inputs {
    pub fn of(train: &Dataset<Train>, estimator: &str) -> Result<Self> {
        let expected = "numeric or sparse rows (encode it first, or leave it out)";
        let (numbers, sparse) = dense_and_sparse(train, estimator, expected)?;
        let schema = train.layout().schema();
        let places = |input: InputColumn| {
            let width = width_of(schema.field_with_name(input.name())?).unwrap_or_default();
            Ok(Places { input, width: width as u64, places: Vec::new() })
        };
        let sparse = sparse.into_iter().map(places).collect::<Result<_>>()?;
        Ok(Self { numbers, sparse })
    }

    /// The number of coefficients.
    pub fn len(&self) -> usize {
        self.numbers.len() + self.sparse.iter().map(|own| own.places.len()).sum::<usize>()
    }

    pub fn columns(&self) -> Vec<InputColumn> {
        self.numbers.iter().chain(self.sparse.iter().map(|own| &own.input)).cloned().collect()
    }

    pub fn validate(&self) -> Result<()> {
        for own in &self.sparse {
            let ascend = own.places.windows(2).all(|pair| pair[0] < pair[1]);
            if !ascend || own.places.last().is_some_and(|&last| u64::from(last) >= own.width) {
                let expected = format!("ascending below {}", own.width);
                return Err(Error::invalid_value(own.input.name(), None, "other places", expected));
            }
        }
        Ok(())
    }

    /// Knows the places of these rows too; says where each coefficient was before, if it was there.
    pub fn learn(&mut self, batch: &RecordBatch) -> Result<Vec<Option<usize>>> {
        let mut from: Vec<Option<usize>> = (0..self.numbers.len()).map(Some).collect();
        let mut first = self.numbers.len();
        for own in &mut self.sparse {
            let new = occupied(&own.read(batch)?);
            let mut all: Vec<u32> = own.places.iter().copied().chain(new).collect();
            all.sort_unstable();
            all.dedup();
            from.extend(all.iter().map(|place| own.places.binary_search(place).ok().map(|at| first + at)));
            first += own.places.len();
            own.places = all;
        }
        Ok(from)
    }
}

impl Places {
    /// The column in a batch, as wide as when fitting.
    fn read(&self, batch: &RecordBatch) -> Result<SparseRows> {
        let name = self.input.name();
        let schema = batch.schema_ref();
        let field = schema.field_with_name(name).map_err(|_| column::missing_column(schema, name))?;
        let width = width_of(field);
        if width.map(|width| width as u64) != Some(self.width) {
            let expected = format!("sparse rows of {} columns as when fitting", self.width);
            let other = width.map(|width| format!("sparse rows of {width}"));
            return Err(Error::column_type(
                name,
                expected,
                other.unwrap_or_else(|| field.data_type().to_string()),
            ));
        }
        read_sparse(name, batch)
    }
}

/// The rows of a batch: the numbers of each, then its entries by the place of their coefficients.
pub(super) struct Rows {
    n: usize,
    width: usize,
    numbers: Vec<f64>,
    starts: Vec<usize>,
    at: Vec<u32>,
    values: Vec<f64>,
}

/// Rows whose numbers are put together at once.
const BLOCK: usize = 256;

impl Rows {
    pub fn read(inputs: &Inputs, batch: &RecordBatch) -> Result<Self> {
        let (n, width) = (batch.num_rows(), inputs.numbers.len());
        let read: Vec<_> = (inputs.numbers.par_iter())
            .map(|input| column::finite(input.name(), input.find(batch)?))
            .collect();
        let columns: Vec<_> = first_error(read)?;
        let mut numbers = vec![0.0; n * width];
        if width > 0 {
            numbers.par_chunks_mut(BLOCK * width).enumerate().for_each(|(block, out)| {
                for (j, column) in columns.iter().enumerate() {
                    let from = &column[block * BLOCK..];
                    out[j..].iter_mut().step_by(width).zip(from).for_each(|(to, &x)| *to = x);
                }
            });
        }
        let mut rows = Self { n, width, numbers, starts: Vec::new(), at: Vec::new(), values: Vec::new() };
        if !inputs.sparse.is_empty() {
            rows.entries(inputs, batch)?;
        }
        Ok(rows)
    }

    fn entries(&mut self, inputs: &Inputs, batch: &RecordBatch) -> Result<()> {
        let read: Vec<_> = inputs.sparse.par_iter().map(|own| own.read(batch)).collect();
        let sparse: Vec<SparseRows> = first_error(read)?;
        let mut first = inputs.numbers.len();
        let mut columns = Vec::with_capacity(sparse.len());
        for (own, rows) in inputs.sparse.iter().zip(&sparse) {
            columns.push((rows, Lookup::new(&own.places, rows.width(), rows.n_entries()), first));
            first += own.places.len();
        }
        if u32::try_from(first).is_err() {
            return Err(Error::unsupported("4,294,967,296 coefficients or more"));
        }
        self.starts.push(0);
        for row in 0..self.n {
            for (rows, lookup, first) in &columns {
                let (indices, values) = rows.row(row);
                for (&index, &value) in indices.iter().zip(values) {
                    if let Some(place) = lookup.place(index).filter(|_| value != 0.0) {
                        self.at.push((first + place) as u32);
                        self.values.push(value);
                    }
                }
            }
            self.starts.push(self.at.len());
        }
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.n
    }

    /// Numbers of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    pub fn numbers(&self, row: usize) -> &[f64] {
        &self.numbers[row * self.width..(row + 1) * self.width]
    }

    /// The places and values of what a row has in sparse columns.
    pub fn sparse(&self, row: usize) -> (&[u32], &[f64]) {
        match self.starts.get(row..row + 2) {
            Some(&[start, end]) => (&self.at[start..end], &self.values[start..end]),
            _ => (&[], &[]),
        }
    }
}

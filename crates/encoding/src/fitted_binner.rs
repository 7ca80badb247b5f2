//! Bins as they were fitted: by edges of their own, or by a target.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, Int32Array, RecordBatch, UInt8Array};
use mlsys_core::arrow::buffer::{BooleanBuffer, NullBuffer};
use mlsys_core::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use mlsys_core::input::{NewColumn, Replacement, Replacements, replace_columns, replace_fields};
use mlsys_core::{Error, ErrorKind, InputColumn, Result, Transform, column, first_error};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::bin_names::names;

/// What a binner makes of a column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BinOutput {
    /// The number of the bin, from 0: Int32.
    #[default]
    Codes,
    /// A UInt8 column of zeros and ones per bin.
    Columns,
}

/// What a binner makes of missing values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingBin {
    /// They stay missing; zero in every column.
    Keep,
    /// A bin after all others: the next code, or the column `<column>=<missing>`.
    Own,
    /// An error when transforming.
    Error,
}

/// The bins of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bins {
    column: InputColumn,
    edges: Vec<f64>,
    names: Vec<String>,
}

impl Bins {
    pub fn new(column: InputColumn, edges: Vec<f64>) -> Self {
        let names = names(column.name(), &edges);
        Self { column, edges, names }
    }

    /// The edges between bins: a value's code is how many of them it is not below.
    fn inner(&self) -> &[f64] {
        &self.edges[1..self.edges.len() - 1]
    }

    /// The middle of a bin.
    fn centre(&self, code: usize) -> f64 {
        self.edges[code] / 2.0 + self.edges[code + 1] / 2.0
    }

    /// The code of each value; that of NaN means nothing.
    fn codes(&self, values: &[f64]) -> Vec<i32> {
        let inner = self.inner();
        let search = |&x: &f64| inner.partition_point(|&edge| edge <= x) as i32;
        if inner.len() > 32 {
            return values.iter().map(search).collect();
        }
        // A few values stay in registers while all edges are compared, without a branch, and counted as wide as they are.
        let mut codes = Vec::with_capacity(values.len());
        let (lanes, rest) = values.as_chunks::<8>();
        for values in lanes {
            let mut wide = [0i64; 8];
            for &edge in inner {
                wide.iter_mut().zip(values).for_each(|(code, &x)| *code += i64::from(x >= edge));
            }
            codes.extend_from_slice(&wide.map(|code| code as i32));
        }
        codes.extend(rest.iter().map(search));
        codes
    }

    fn validate(&self) -> Result<()> {
        let bins = self.edges.len().saturating_sub(1);
        // The last bin may hold one value alone.
        let ascending = bins > 0
            && self.edges[..bins].windows(2).all(|pair| pair[0] < pair[1])
            && self.edges[bins - 1] <= self.edges[bins]
            && self.edges.iter().all(|edge| edge.is_finite());
        if ascending && self.names.len() == bins && i32::try_from(bins).is_ok() {
            return Ok(());
        }
        Err(Error::artifact(format!("the edges of `{}` do not ascend", self.column.name())))
    }
}

/// Bins of columns. Made by [`Binner`](crate::Binner) and [`MdlpBinner`](crate::MdlpBinner).
///
/// Transforms a batch of any length; what lies outside the edges goes to the first or the last bin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedBinner {
    columns: Vec<Bins>,
    output: BinOutput,
    missing: MissingBin,
}

impl FittedBinner {
    pub(crate) fn new(columns: Vec<Bins>, output: BinOutput, missing: Option<MissingBin>) -> Self {
        let by_output = if output == BinOutput::Codes { MissingBin::Keep } else { MissingBin::Own };
        Self { columns, output, missing: missing.unwrap_or(by_output) }
    }

    /// The edges of a fitted column: one more than it has bins. The last two are equal where the last bin holds one value.
    pub fn edges(&self, column: &str) -> Option<&[f64]> {
        self.find(column).map(|b| b.edges.as_slice())
    }

    /// The names of the bins of a fitted column, `distance=[200, 500)`, by their code.
    pub fn bin_names(&self, column: &str) -> Option<&[String]> {
        self.find(column).map(|b| b.names.as_slice())
    }

    fn find(&self, column: &str) -> Option<&Bins> {
        self.columns.iter().find(|b| b.column.name() == column)
    }

    /// The middle of each bin, as Float64. Missing values come back missing.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](ErrorKind::MissingColumn); [`InvalidValue`](ErrorKind::InvalidValue) for what is no code of a
    /// bin.
    pub fn inverse_transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let mut with = Replacements::new();
        for b in &self.columns {
            let name = b.column.name();
            let centres: Vec<f64> = match self.output {
                BinOutput::Codes => {
                    let codes = column::floats(name, column::find(batch, name)?)?;
                    let centre = |(row, &code): (usize, &f64)| self.centre(b, row, code);
                    codes.iter().enumerate().map(centre).collect::<Result<_>>()?
                }
                BinOutput::Columns => {
                    let mut centres = vec![f64::NAN; batch.num_rows()];
                    // The first bin that has a one wins.
                    for (code, bin) in b.names.iter().enumerate().rev() {
                        let ones = column::floats(bin, column::find(batch, bin)?)?;
                        let rows = centres.iter_mut().zip(ones.iter()).filter(|(_, one)| **one == 1.0);
                        rows.for_each(|(centre, _)| *centre = b.centre(code));
                    }
                    centres
                }
            };
            let field = Arc::new(Field::new(name, DataType::Float64, true));
            let centres: ArrayRef =
                Arc::new(Float64Array::from_iter(centres.into_iter().map(|x| (!x.is_nan()).then_some(x))));
            match self.output {
                BinOutput::Codes => drop(with.insert(name, vec![(field, centres)])),
                BinOutput::Columns => {
                    let missing = self.missing_name(b);
                    if let Some(missing) =
                        batch.schema_ref().fields().iter().find(|f| Some(f.name()) == missing.as_ref())
                    {
                        // Borrowed from the batch, which lives as long as the replacements.
                        with.insert(missing.name().as_str(), Vec::new());
                    }
                    b.names.iter().for_each(|bin| drop(with.insert(bin, Vec::new())));
                    with.insert(&b.names[0], vec![(field, centres)]);
                }
            }
        }
        replace_columns(batch, with)
    }

    fn centre(&self, b: &Bins, row: usize, code: f64) -> Result<f64> {
        let bins = b.names.len();
        if code.is_nan() || self.missing == MissingBin::Own && code == bins as f64 {
            return Ok(f64::NAN);
        }
        if code.fract() == 0.0 && (0.0..bins as f64).contains(&code) {
            return Ok(b.centre(code as usize));
        }
        let expected = format!("codes from 0 to {}", bins - 1);
        Err(Error::invalid_value(b.column.name(), Some(row), code, expected))
    }

    fn missing_name(&self, b: &Bins) -> Option<String> {
        (self.missing == MissingBin::Own).then(|| format!("{}=<missing>", b.column.name()))
    }

    fn encode(&self, b: &Bins, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let name = b.column.name();
        let values = column::floats(name, b.column.find(batch)?)?;
        let mut codes = b.codes(&values);
        let gaps = values.iter().fold(false, |any, x| any | x.is_nan());
        if gaps && self.missing == MissingBin::Error {
            let count = values.iter().filter(|x| x.is_nan()).count();
            let hint = "impute them first, or set `missing`".into();
            return Err(ErrorKind::MissingValues { column: name.into(), count, hint }.into());
        }
        if gaps {
            let own = b.names.len() as i32;
            codes.iter_mut().zip(values.iter()).filter(|(_, x)| x.is_nan()).for_each(|(code, _)| *code = own);
        }
        if self.output == BinOutput::Codes {
            let nulls = (gaps && self.missing == MissingBin::Keep).then(|| {
                NullBuffer::new(BooleanBuffer::collect_bool(values.len(), |row| !values[row].is_nan()))
            });
            return Ok(vec![Arc::new(Int32Array::new(codes.into(), nulls))]);
        }
        // A missing value has a column or not.
        let mut columns = vec![vec![0u8; codes.len()]; self.fields(b).len()];
        for (row, &code) in codes.iter().enumerate() {
            if let Some(column) = columns.get_mut(code as usize) {
                column[row] = 1;
            }
        }
        Ok(columns.into_iter().map(|ones| Arc::new(UInt8Array::from(ones)) as ArrayRef).collect())
    }

    /// The fields of the columns of a column's bins.
    fn fields(&self, b: &Bins) -> Vec<FieldRef> {
        let names = b.names.iter().cloned().chain(self.missing_name(b));
        names.map(|name| Arc::new(Field::new(name, DataType::UInt8, false))).collect()
    }

    /// The fields that take the place of a column.
    fn replacing(&self, b: &Bins, input: &Schema) -> Result<Vec<FieldRef>> {
        let field = b.column.check(input)?;
        if self.output == BinOutput::Columns {
            return Ok(self.fields(b));
        }
        let codes = Field::new(field.name(), DataType::Int32, self.missing == MissingBin::Keep);
        Ok(vec![Arc::new(codes.with_metadata(field.metadata().clone()))])
    }

    fn validate(&self) -> Result<()> {
        self.columns.iter().try_for_each(Bins::validate)
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.iter().map(|b| b.column.clone()).collect()
    }
}

impl Transform for FittedBinner {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let done: Vec<Result<Replacement<'_, NewColumn>>> = self
            .columns
            .par_iter()
            .map(|b| {
                let fields = self.replacing(b, batch.schema_ref())?;
                Ok((b.column.name(), fields.into_iter().zip(self.encode(b, batch)?).collect()))
            })
            .collect();
        replace_columns(batch, first_error(done)?)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        let mut with = Replacements::new();
        for b in &self.columns {
            with.insert(b.column.name(), self.replacing(b, input)?);
        }
        replace_fields(input, with)
    }
}

mlsys_core::artifact!(FittedBinner, "mlsys.FittedBinner", 1);

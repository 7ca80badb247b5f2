//! Rows on their way: columns without gaps, some of whose cells are predictions.

use std::sync::Arc;

use mlsys_core::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, UInt64Array,
};
use mlsys_core::arrow::compute::kernels::cmp::distinct;
use mlsys_core::arrow::compute::{cast, interleave, is_not_null, nullif, take};
use mlsys_core::arrow::datatypes::{DataType, Field, Float64Type, Schema};
use mlsys_core::{Error, InputColumn, Kind, Predict, Result, Transform, column};

use super::fitted::Model;
use crate::FittedImputer;

/// The rows in which each column that is filled is missing; no number there may be infinite.
pub(super) fn gaps(inputs: &[InputColumn], fills: &[bool], batch: &RecordBatch) -> Result<Vec<Vec<usize>>> {
    let of = |(input, fills): (&InputColumn, &bool)| {
        let array = input.find(batch)?;
        if !fills {
            return Ok(Vec::new());
        }
        if input.kind().is_number() {
            column::check_no_infinite(input.name(), array)?;
        }
        let valid = column::missing(input.name(), array)?;
        Ok(valid.map_or_else(Vec::new, |valid| (0..valid.len()).filter(|&row| valid.is_null(row)).collect()))
    };
    inputs.iter().zip(fills).map(of).collect()
}

/// The columns, in the order of their names.
pub(super) struct Rows(pub Vec<ArrayRef>);

/// What filling a column changed.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// The largest difference of numbers.
    pub largest: f64,
    /// How many categories are others.
    pub changed: usize,
}

impl Rows {
    /// The rows of a batch, with the gaps filled by what the chain starts with.
    pub fn filled(
        inputs: &[InputColumn],
        imputers: [&Option<FittedImputer>; 2],
        batch: &RecordBatch,
    ) -> Result<Self> {
        let mut batch = batch.clone();
        for imputer in imputers.into_iter().flatten() {
            batch = imputer.transform(&batch)?;
        }
        Ok(Self(inputs.iter().map(|input| Ok(Arc::clone(input.find(&batch)?))).collect::<Result<_>>()?))
    }

    /// Some rows, but for the column `without`, and with another one.
    pub fn take(
        &self,
        inputs: &[InputColumn],
        rows: &[usize],
        without: Option<usize>,
        and: Option<(&str, &ArrayRef)>,
    ) -> Result<RecordBatch> {
        let own = inputs.iter().zip(&self.0).enumerate();
        let own = own.filter(|(column, _)| Some(*column) != without);
        let all = own.map(|(_, (input, array))| (input.name(), array)).chain(and);
        let places = UInt64Array::from_iter_values(rows.iter().map(|&row| row as u64));
        let (mut fields, mut arrays) = (Vec::new(), Vec::new());
        for (name, array) in all {
            let taken = take(array, &places, None)?;
            fields.push(Field::new(name, taken.data_type().clone(), true));
            arrays.push(taken);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)?)
    }

    /// Puts a model's predictions into some rows of a column.
    pub fn fill<P: Predict, Q: Predict>(
        &mut self,
        inputs: &[InputColumn],
        column: usize,
        rows: &[usize],
        model: &Model<P, Q>,
    ) -> Result<Change> {
        if rows.is_empty() {
            return Ok(Change::default());
        }
        let name = inputs[column].name();
        let others = self.take(inputs, rows, Some(column), None)?;
        let context = |e: Error| e.context(format!("predicting `{name}` from the other columns"));
        let predicted = model.predict(&others).map_err(context)?;
        if predicted.len() != rows.len() {
            return Err(Error::shape(name, format!("{} predictions", rows.len()), predicted.len()));
        }
        let (kind, number) = (Kind::of(predicted.data_type()), inputs[column].kind().is_number());
        if if number { !kind.is_number() } else { kind != inputs[column].kind() } {
            let expected = format!("{} predictions", inputs[column].kind().describe());
            return Err(Error::column_type(name, expected, predicted.data_type()));
        }
        let (old, data_type) = (&self.0[column], self.0[column].data_type().clone());
        let predicted = cast(&predicted, &data_type)?;
        let predicted = if number { finite(&predicted)? } else { predicted };
        // The sources are the column and the predictions; what is no value leaves the cell as it was.
        let valid = is_not_null(&predicted)?;
        let mut source: Vec<(usize, usize)> = (0..old.len()).map(|row| (0, row)).collect();
        (rows.iter().enumerate())
            .filter(|(place, _)| valid.value(*place))
            .for_each(|(place, &row)| source[row] = (1, place));
        let new = interleave(&[old.as_ref(), predicted.as_ref()], &source)?;
        let places = UInt64Array::from_iter_values(rows.iter().map(|&row| row as u64));
        let (before, after) = (take(old, &places, None)?, take(&new, &places, None)?);
        let change = match number {
            true => {
                let (before, after) = (column::floats(name, &before)?, column::floats(name, &after)?);
                let largest = before.iter().zip(after.iter()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                Change { largest, changed: 0 }
            }
            false => Change { largest: 0.0, changed: distinct(&before, &after)?.true_count() },
        };
        self.0[column] = new;
        Ok(change)
    }
}

/// Floats, with nulls where they are not finite in their own type.
fn finite(array: &ArrayRef) -> Result<ArrayRef> {
    let wide = cast(array, &DataType::Float64)?;
    let values = wide.as_primitive::<Float64Type>();
    if values.null_count() == 0 && values.values().iter().all(|x| x.is_finite()) {
        return Ok(Arc::clone(array));
    }
    let values: BooleanArray = values.iter().map(|x| Some(!x.is_some_and(f64::is_finite))).collect();
    Ok(nullif(array, &values)?)
}

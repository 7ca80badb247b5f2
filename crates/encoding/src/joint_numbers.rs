//! Numeric columns that are encoded together, as the coordinates of a point, and where the new columns go.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, RecordBatch};
use mlsys_core::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use mlsys_core::input::{Replacements, replace_columns, replace_fields};
use mlsys_core::{InputColumn, Kind, Layout, Result, column, first_error};
use rayon::prelude::*;

/// The numeric features by name, so that the order of a table's columns does not matter.
pub(crate) fn columns(estimator: &str, layout: &Layout) -> Result<Vec<String>> {
    let mut names = layout.features_for(estimator, Kind::is_number, Kind::is_numeric, "numeric")?;
    names.sort();
    Ok(names)
}

/// The rows of the columns, one after another; missing values as NaN.
pub(crate) fn points(columns: &[InputColumn], batch: &RecordBatch) -> Result<Vec<f64>> {
    let read = |column: &InputColumn| column::floats(column.name(), column.find(batch)?);
    let values: Vec<_> = first_error(columns.par_iter().map(read).collect())?;
    let mut points = vec![0.0; batch.num_rows() * columns.len()];
    for (i, values) in values.iter().enumerate() {
        points.iter_mut().skip(i).step_by(columns.len()).zip(values.iter()).for_each(|(to, x)| *to = *x);
    }
    Ok(points)
}

/// What becomes of the columns themselves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inputs {
    Stay,
    Go,
}

fn placed<'a, T>(
    columns: &'a [InputColumn],
    schema: &'a Schema,
    inputs: Inputs,
    new: Vec<T>,
    own: impl Fn(&'a FieldRef) -> T,
) -> Replacements<'a, T> {
    let mut found: Vec<&FieldRef> = schema.fields().iter().collect();
    found.retain(|field| columns.iter().any(|column| column.name() == field.name()));
    let Some((last, others)) = found.split_last() else { return Replacements::new() };
    let mut with = Replacements::new();
    if inputs == Inputs::Go {
        with.extend(others.iter().map(|field| (field.name().as_str(), Vec::new())));
    }
    let stays = (inputs == Inputs::Stay).then(|| own(last));
    with.insert(last.name().as_str(), stays.into_iter().chain(new).collect());
    with
}

/// The batch with new columns behind the last of those that they were made of.
pub(crate) fn put(
    columns: &[InputColumn],
    batch: &RecordBatch,
    inputs: Inputs,
    new: Vec<(FieldRef, ArrayRef)>,
) -> Result<RecordBatch> {
    let own = |field: &FieldRef| (Arc::clone(field), Arc::clone(&batch[field.name().as_str()]));
    replace_columns(batch, placed(columns, batch.schema_ref(), inputs, new, own))
}

/// The schema that [`put`] gives.
pub(crate) fn schema(
    columns: &[InputColumn],
    input: &Schema,
    inputs: Inputs,
    new: Vec<FieldRef>,
) -> Result<SchemaRef> {
    for column in columns {
        column.check(input)?;
    }
    replace_fields(input, placed(columns, input, inputs, new, Arc::clone))
}

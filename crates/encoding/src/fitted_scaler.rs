//! What scalers fit and share: a number per column to take away, one to divide by, and where the result goes.

use std::sync::Arc;

use mlsys_core::arrow::array::{Array, ArrayRef, AsArray, Float32Array, Float64Array, RecordBatch};
use mlsys_core::arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Schema, SchemaRef};
use mlsys_core::input::{NewColumn, Replacement, Replacements, replace_columns, replace_fields};
use mlsys_core::{Error, InputColumn, Result, Transform, column, first_error};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Where the values of a column come from.
#[derive(Clone, Copy)]
pub(crate) enum Values {
    /// From a column as it was fitted.
    Fitted,
    /// From a column as it was scaled: what was boolean is a number by now.
    Scaled,
}

/// Maps the values of numeric columns, each by itself. Missing values stay missing.
pub(crate) fn map_columns<C: Sync>(
    batch: &RecordBatch,
    columns: &[C],
    input: impl Fn(&C) -> &InputColumn + Sync,
    values: Values,
    map: impl Fn(f64, &C) -> f64 + Sync,
) -> Result<RecordBatch> {
    map_columns_with(batch, columns, input, values, |c, _| |x| map(x, c))
}

/// As [`map_columns`], by what `map` makes for a column of so many rows.
pub(crate) fn map_columns_with<'c, C: Sync, M: FnMut(f64) -> f64>(
    batch: &RecordBatch,
    columns: &'c [C],
    input: impl Fn(&C) -> &InputColumn + Sync,
    values: Values,
    map: impl Fn(&'c C, usize) -> M + Sync,
) -> Result<RecordBatch> {
    let done: Vec<Result<Replacement<'_, NewColumn>>> = columns
        .par_iter()
        .map(|c| {
            let name = input(c).name();
            let array = match values {
                Values::Fitted => input(c).find(batch)?,
                Values::Scaled => column::find(batch, name)?,
            };
            let field = scaled_field(batch.schema_ref().field_with_name(name)?);
            // Null slots may hold anything, so that raw values do where they are there.
            let values = match array.as_primitive_opt::<Float64Type>() {
                Some(raw) => raw.values().clone(),
                None => column::floats(name, array)?,
            };
            let mut map = map(c, batch.num_rows());
            let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0);
            let scaled: ArrayRef = match field.data_type() {
                DataType::Float32 => {
                    let values = values.iter().map(|&x| map(x) as f32).collect::<Vec<_>>();
                    Arc::new(Float32Array::new(values.into(), nulls))
                }
                _ => {
                    let values = values.iter().map(|&x| map(x)).collect::<Vec<_>>();
                    Arc::new(Float64Array::new(values.into(), nulls))
                }
            };
            Ok((name, vec![(field, scaled)]))
        })
        .collect();
    replace_columns(batch, first_error(done)?)
}

/// Float32 stays Float32, all others become Float64.
pub(crate) fn scaled_field(input: &Field) -> FieldRef {
    let scaled = match input.data_type() {
        DataType::Float32 => DataType::Float32,
        _ => DataType::Float64,
    };
    let field = Field::new(input.name(), scaled, input.is_nullable());
    Arc::new(field.with_metadata(input.metadata().clone()))
}

/// The schema of scaled columns.
pub(crate) fn scaled_schema<'a>(
    columns: impl IntoIterator<Item = &'a InputColumn>,
    input: &Schema,
) -> Result<SchemaRef> {
    let mut with = Replacements::new();
    for column in columns {
        with.insert(column.name(), vec![scaled_field(column.check(input)?)]);
    }
    replace_fields(input, with)
}

/// How a column is scaled: `(x - center) / scale (high - low) + low`, and not beyond `low` to `high` when clipped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scaling {
    pub column: InputColumn,
    pub center: f64,
    pub scale: f64,
    pub low: f64,
    pub high: f64,
    pub clip: bool,
}

impl Scaling {
    fn is_identity(&self) -> bool {
        (self.center, self.scale, self.low, self.high, self.clip) == (0.0, 1.0, 0.0, 1.0, false)
    }
}

/// The fitted scalers of ranges and quantiles. Made by [`MinMaxScaler`](crate::MinMaxScaler),
/// [`MaxAbsScaler`](crate::MaxAbsScaler) and [`RobustScaler`](crate::RobustScaler).
///
/// Transforms a batch of any length. Missing values stay missing. Float32 stays Float32, all others become Float64. A column of doubles
/// that stays as it is (one of zeros mostly, to a robust scaler) is shared, not copied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedScaler {
    columns: Vec<Scaling>,
}

impl FittedScaler {
    pub(crate) fn new(columns: Vec<Scaling>) -> Self {
        Self { columns }
    }

    /// What is taken away from a fitted column.
    pub fn center(&self, column: &str) -> Option<f64> {
        self.find(column).map(|c| c.center)
    }

    /// What a fitted column is divided by.
    pub fn scale(&self, column: &str) -> Option<f64> {
        self.find(column).map(|c| c.scale)
    }

    /// Undoes [`transform`](Transform::transform), up to rounding and clipping. Integers come back as Float64.
    ///
    /// # Errors
    ///
    /// As [`transform`](Transform::transform).
    pub fn inverse_transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let back = |x: f64, c: &&Scaling| (x - c.low) / (c.high - c.low) * c.scale + c.center;
        let changing = self.changing(|c| column::find(batch, c.column.name()))?;
        map_columns(batch, &changing, |c| &c.column, Values::Scaled, back)
    }

    /// The columns that come out other than they went in. Doubles that are neither moved nor stretched are shared.
    fn changing<'a>(&self, find: impl Fn(&Scaling) -> Result<&'a ArrayRef>) -> Result<Vec<&Scaling>> {
        let mut changing = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let is_double = find(column)?.data_type() == &DataType::Float64;
            if !(is_double && column.is_identity()) {
                changing.push(column);
            }
        }
        Ok(changing)
    }

    fn find(&self, column: &str) -> Option<&Scaling> {
        self.columns.iter().find(|c| c.column.name() == column)
    }

    fn validate(&self) -> Result<()> {
        let positive = |x: f64| x > 0.0 && x.is_finite();
        let fine = |c: &Scaling| {
            // A finite width has finite ends.
            positive(c.scale) && positive(c.high - c.low) && c.center.is_finite()
        };
        match self.columns.iter().find(|c| !fine(c)) {
            Some(c) => Err(Error::artifact(format!("`{}` has no positive scale", c.column.name()))),
            None => Ok(()),
        }
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.iter().map(|c| c.column.clone()).collect()
    }
}

impl Transform for FittedScaler {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let map = |x: f64, c: &&Scaling| {
            let scaled = (x - c.center) / c.scale * (c.high - c.low) + c.low;
            // NaN stays NaN.
            if c.clip { scaled.clamp(c.low, c.high) } else { scaled }
        };
        let changing = self.changing(|c| c.column.find(batch))?;
        map_columns(batch, &changing, |c| &c.column, Values::Fitted, map)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        scaled_schema(self.columns.iter().map(|c| &c.column), input)
    }
}

mlsys_core::artifact!(FittedScaler, "mlsys.FittedScaler", 1);

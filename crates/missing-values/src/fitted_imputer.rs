//! What every simple imputer fits: one value per column. The imputers differ in how they find it.

use std::sync::Arc;

use mlsys_core::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, RecordBatch, UInt8Array, UInt64Array, make_array,
};
use mlsys_core::arrow::array::{BooleanArray, Scalar};
use mlsys_core::arrow::buffer::{BooleanBuffer, NullBuffer};
use mlsys_core::arrow::compute::{cast, concat, interleave, kernels::zip::zip, take};
use mlsys_core::arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Schema, SchemaRef};
use mlsys_core::input::{NewColumn, Replacement, Replacements, replace_columns, replace_fields};
use mlsys_core::{
    Category, Error, ErrorKind, InputColumn, Kind, Layout, Result, Transform, category, column, first_error,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Whether an imputer adds a column that tells where a value was missing: `<column>_missing`, UInt8, 1 where it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Indicators {
    /// None.
    #[default]
    None,
    /// For the columns that had missing values when fitting.
    WhereMissing,
    /// For every column.
    All,
}

impl Indicators {
    /// Whether a column has an indicator, that had gaps when fitting or none.
    pub(crate) fn marks(self, gaps: bool) -> bool {
        match self {
            Self::None => false,
            Self::WhereMissing => gaps,
            Self::All => true,
        }
    }
}

/// What is put into a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fill {
    pub column: InputColumn,
    pub value: Category,
    pub indicator: bool,
}

/// The fitted imputers: a value per column. Made by [`MeanImputer`](crate::MeanImputer),
/// [`MedianImputer`](crate::MedianImputer), [`MostFrequentImputer`](crate::MostFrequentImputer) and
/// [`ConstantImputer`](crate::ConstantImputer).
///
/// Transforms a batch of any length: nulls and NaN of the fitted columns become the fitted value. A column that
/// was never missing while fitting is filled too. Columns keep their type, but integers filled with a mean or
/// median become Float64, whether or not a batch has missing values. Dictionaries become plain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedImputer {
    fills: Vec<Fill>,
    /// Means and medians need not be whole: integers become Float64.
    widen: bool,
}

impl FittedImputer {
    pub(crate) fn new(fills: Vec<Fill>, widen: bool) -> Self {
        Self { fills, widen }
    }

    /// The fitted columns and the value that each is filled with.
    pub fn values(&self) -> impl Iterator<Item = (&str, &Category)> {
        self.fills.iter().map(|fill| (fill.column.name(), &fill.value))
    }

    /// The value that a column is filled with.
    pub fn value(&self, column: &str) -> Option<&Category> {
        self.values().find(|(name, _)| *name == column).map(|(_, value)| value)
    }

    pub(crate) fn validate(&self) -> Result<()> {
        match self.fills.iter().find(|fill| self.widen && fill.value.as_f64().is_none_or(|x| !x.is_finite()))
        {
            Some(fill) => {
                Err(Error::artifact(format!("`{}` is filled with no finite number", fill.column.name())))
            }
            None => Ok(()),
        }
    }

    pub(crate) fn input_columns(&self) -> Vec<InputColumn> {
        self.fills.iter().map(|fill| fill.column.clone()).collect()
    }

    fn output_type(&self, input: &DataType) -> DataType {
        output_type(input, self.widen)
    }

    fn fields(&self, fill: &Fill, input: &Field) -> Vec<FieldRef> {
        let nullable = fill.column.kind() == Kind::Other;
        output_fields(input, self.output_type(input.data_type()), nullable, fill.indicator)
    }

    fn fill(&self, fill: &Fill, array: &ArrayRef) -> Result<Vec<ArrayRef>> {
        let name = fill.column.name();
        let target = self.output_type(array.data_type());
        let missing = match array.as_primitive_opt::<Float64Type>() {
            // Without an indicator nobody asks where the gaps were: the values are filled in one pass, or shared.
            Some(raw) if !fill.indicator => has_gaps(raw).then(|| NullBuffer::new_valid(raw.len())),
            _ => column::missing(name, array)?,
        };
        let filled: ArrayRef = match (&missing, &target) {
            (None, _) => cast(array, &target)?,
            (Some(_), DataType::Float64) => {
                let value = fill.value.as_f64().unwrap_or(f64::NAN);
                match array.as_primitive_opt::<Float64Type>() {
                    Some(raw) => {
                        let mut values: Vec<f64> =
                            raw.values().iter().map(|&x| if x.is_nan() { value } else { x }).collect();
                        if let Some(nulls) = raw.nulls() {
                            column::fill_nulls(&mut values, nulls, value);
                        }
                        Arc::new(Float64Array::new(values.into(), None))
                    }
                    None => {
                        let values = column::floats(name, array)?;
                        let filled = values.iter().map(|&x| if x.is_nan() { value } else { x });
                        Arc::new(Float64Array::from_iter_values(filled))
                    }
                }
            }
            (Some(valid), _) => {
                let value = Scalar::new(one_value(name, &fill.value, &target)?);
                let mask = BooleanArray::new(valid.inner().clone(), None);
                zip(&mask, &cast(array, &target)?, &value)?
            }
        };
        let mut columns = vec![without_nulls(&filled)];
        if fill.indicator {
            columns.push(indicator(missing, array.len()));
        }
        Ok(columns)
    }
}

/// Whether there is a null or NaN, in blocks that the compiler turns into vector instructions.
fn has_gaps(values: &Float64Array) -> bool {
    let block = |block: &[f64]| block.iter().fold(false, |found, x| found | x.is_nan());
    values.null_count() > 0 || values.values().chunks(1024).any(block)
}

/// Dictionaries become plain; what is widened is a float.
pub(crate) fn output_type(input: &DataType, widen: bool) -> DataType {
    let plain = match input {
        DataType::Dictionary(_, values) => values,
        other => other,
    };
    let float = matches!(plain, DataType::Float16 | DataType::Float32 | DataType::Float64);
    if widen && !float { DataType::Float64 } else { plain.clone() }
}

/// The field of a filled column, and of its indicator.
pub(crate) fn output_fields(
    input: &Field,
    data_type: DataType,
    nullable: bool,
    indicator: bool,
) -> Vec<FieldRef> {
    let field = Field::new(input.name(), data_type, nullable);
    let mut fields = vec![Arc::new(field.with_metadata(input.metadata().clone()))];
    if indicator {
        fields.push(Arc::new(Field::new(format!("{}_missing", input.name()), DataType::UInt8, false)));
    }
    fields
}

/// 1 where a value was missing.
pub(crate) fn indicator(missing: Option<NullBuffer>, rows: usize) -> ArrayRef {
    let valid = missing.unwrap_or_else(|| NullBuffer::new(BooleanBuffer::new_set(rows)));
    Arc::new(UInt8Array::from_iter_values(valid.iter().map(|valid| u8::from(!valid))))
}

/// The value that gaps of a column are filled with, as an array of one.
fn one_value(name: &str, value: &Category, target: &DataType) -> Result<ArrayRef> {
    let one = cast(&category::scalar_array(name, Some(value), &rounded_to(target))?, target)?;
    if target.is_floating() && !column::floats(name, &one)?.iter().all(|x| x.is_finite()) {
        return Err(Error::invalid_value(name, None, value, format!("a fill that {target} can hold")));
    }
    Ok(one)
}

/// A column with values picked by row put into it. Only those that are picked are written out.
pub(crate) fn put_picked<'a>(
    name: &str,
    column: &ArrayRef,
    picks: &[Option<usize>],
    value: impl Fn(usize) -> Option<&'a Category>,
) -> Result<ArrayRef> {
    let mut picked: Vec<usize> = picks.iter().flatten().copied().collect();
    picked.sort_unstable();
    picked.dedup();
    picked.retain(|&pick| value(pick).is_some());
    if picked.is_empty() {
        return Ok(Arc::clone(column));
    }
    let ones = picked.iter().filter_map(|&pick| value(pick)).map(|v| one_value(name, v, column.data_type()));
    let ones: Vec<ArrayRef> = ones.collect::<Result<_>>()?;
    let ones: Vec<&dyn Array> = ones.iter().map(AsRef::as_ref).collect();
    let source = |(row, pick): (usize, &Option<usize>)| {
        let place = pick.and_then(|pick| picked.binary_search(&pick).ok());
        place.map_or((0, row), |place| (1, place))
    };
    let source: Vec<(usize, usize)> = picks.iter().enumerate().map(source).collect();
    Ok(interleave(&[column.as_ref(), &concat(&ones)?], &source)?)
}

/// A mean is rounded to a Float32 column on purpose; only other types must hold the value as it is.
fn rounded_to(target: &DataType) -> DataType {
    match target {
        DataType::Float16 | DataType::Float32 => DataType::Float64,
        other => other.clone(),
    }
}

/// Drops a null buffer that has no nulls, so that equal values give equal arrays.
pub(crate) fn without_nulls(array: &ArrayRef) -> ArrayRef {
    if array.nulls().is_some() && array.null_count() == 0 {
        let data = array.to_data().into_builder().nulls(None).build();
        return data.map_or_else(|_| Arc::clone(array), make_array);
    }
    Arc::clone(array)
}

impl Transform for FittedImputer {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let done: Vec<Result<Replacement<'_, NewColumn>>> = self
            .fills
            .par_iter()
            .map(|fill| {
                let array = fill.column.find(batch)?;
                let fields = self.fields(fill, fill.column.check(batch.schema_ref())?);
                let columns = self.fill(fill, array)?;
                Ok((fill.column.name(), fields.into_iter().zip(columns).collect()))
            })
            .collect();
        replace_columns(batch, first_error(done)?)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        let mut with = Replacements::new();
        for fill in &self.fills {
            with.insert(fill.column.name(), self.fields(fill, fill.column.check(input)?));
        }
        replace_fields(input, with)
    }
}

mlsys_core::artifact!(FittedImputer, "mlsys.FittedImputer", 1);

/// A column of categories whose gaps have these classes: rows, and codes in `known`.
pub(crate) fn filled_classes(
    array: &ArrayRef,
    target: &DataType,
    known: &[Category],
    fills: &[(usize, f64)],
) -> Result<ArrayRef> {
    let plain = cast(array, target)?;
    if fills.is_empty() {
        return Ok(plain);
    }
    // Categories that were not there while fitting stay: only gaps are taken from the known ones.
    let known: Vec<Option<Category>> = known.iter().cloned().map(Some).collect();
    let words = cast(&category::to_array(&known), target)?;
    let mut from: Vec<u64> = (0..array.len() as u64).map(|row| row + known.len() as u64).collect();
    fills.iter().for_each(|&(row, code)| from[row] = code as u64);
    Ok(take(&concat(&[&words, &plain])?, &UInt64Array::from(from), None)?)
}

/// The error that a column has no values to fit on.
pub(crate) fn all_missing(column: &str) -> Error {
    let hint = "ignore it, or fill it with a ConstantImputer".into();
    ErrorKind::AllMissing { column: column.into(), hint }.into()
}

/// The columns whose gaps must be counted: only [`Indicators::WhereMissing`] depends on them.
pub(crate) fn asked(indicators: Indicators, columns: Vec<String>) -> Vec<String> {
    if indicators == Indicators::WhereMissing { columns } else { Vec::new() }
}

/// The fill of a column.
pub(crate) fn fill(
    layout: &Layout,
    name: &str,
    value: Category,
    indicators: Indicators,
    missing: bool,
) -> Result<Fill> {
    Ok(Fill { column: InputColumn::new(layout, name)?, value, indicator: indicators.marks(missing) })
}

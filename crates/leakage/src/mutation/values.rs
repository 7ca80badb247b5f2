//! Columns whose values are changed, in some rows.

use std::sync::Arc;

use mlsys_core::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, UInt64Array,
};
use mlsys_core::arrow::compute::kernels::zip::zip;
use mlsys_core::arrow::compute::{cast, not, nullif, take};
use mlsys_core::arrow::datatypes::{DataType, Field, Float64Type, Int64Type};
use mlsys_core::rand::rngs::ChaCha8Rng;
use mlsys_core::{Coded, Kind, Result, seed};

use super::Mutation;

/// The table with these columns changed in these rows.
pub(super) fn mutated(
    batch: &RecordBatch,
    columns: &[usize],
    rows: &[usize],
    mutation: Mutation,
    stream: (u64, u64),
) -> Result<RecordBatch> {
    let mut arrays = batch.columns().to_vec();
    for &column in columns {
        let (Some(array), Some(field)) = (arrays.get_mut(column), batch.schema_ref().fields().get(column))
        else {
            continue;
        };
        // By column, row subset and round, whatever else is changed in the same run.
        let mut rng = seed::named(stream.0 ^ stream.1.rotate_left(32), field.name());
        *array = changed(field, array, rows, mutation, &mut rng)?;
    }
    Ok(RecordBatch::try_new(batch.schema(), arrays)?)
}

fn changed(
    field: &Field,
    array: &ArrayRef,
    rows: &[usize],
    mutation: Mutation,
    rng: &mut ChaCha8Rng,
) -> Result<ArrayRef> {
    // Text that no row has needs a dictionary of its own.
    let plain = match array.data_type() {
        DataType::Dictionary(_, values) => cast(array, values)?,
        _ => Arc::clone(array),
    };
    let changed = match mutation {
        Mutation::Far => far(field.name(), &plain)?,
        Mutation::Exchange => exchanged(field.name(), &plain)?,
        Mutation::Permute => permuted(&plain, rows, rng)?,
        Mutation::Missing => return missing(field, array, rows, rng),
        Mutation::Drop | Mutation::Duplicate => plain.clone(),
    };
    let mut chosen = vec![false; plain.len()];
    rows.iter().for_each(|&row| chosen.get_mut(row).into_iter().for_each(|chosen| *chosen = true));
    let out = zip(&BooleanArray::from(chosen), &changed, &plain)?;
    Ok(if out.data_type() == array.data_type() { out } else { cast(&out, array.data_type())? })
}

/// Values as this column has none; missing ones stay missing.
fn far(name: &str, array: &ArrayRef) -> Result<ArrayRef> {
    let data_type = array.data_type();
    match Kind::of(data_type) {
        Kind::Boolean => Ok(Arc::new(not(array.as_boolean())?)),
        Kind::Text => {
            let text = cast(array, &DataType::LargeUtf8)?;
            let text = text.as_string::<i64>();
            let mut unseen = "mutated".to_owned();
            while text.iter().flatten().any(|value| value == unseen) {
                unseen.push('*');
            }
            let values: StringArray = text.iter().map(|value| value.map(|_| unseen.as_str())).collect();
            Ok(cast(&values, data_type)?)
        }
        Kind::Integer => {
            let (low, high) = bounds(data_type);
            let wide = cast(array, &DataType::Int64)?;
            let wide = wide.as_primitive::<Int64Type>();
            let top = wide.iter().flatten().map(|x| x.unsigned_abs()).max().unwrap_or(0);
            let out = wide.unary::<_, Int64Type>(|x| {
                let far = 2 * i128::from(x) + 10 * (i128::from(top) + 1);
                let far = i64::try_from(far.clamp(low.into(), high.into())).unwrap_or(high);
                if far == x { low } else { far }
            });
            restored(array, &out)
        }
        Kind::Float => {
            let limit = match data_type {
                DataType::Float16 => 6e4,
                DataType::Float32 => 1e30,
                _ => 1e300,
            };
            let values = mlsys_core::column::floats(name, array)?;
            let top = values.iter().filter(|x| x.is_finite()).fold(0.0, |top: f64, x| top.max(x.abs()));
            let far =
                |x: f64| if x.is_finite() { (2.0 * x + 10.0 * (top + 1.0)).clamp(-limit, limit) } else { x };
            let valid = array.logical_nulls();
            let is_valid = |row| valid.as_ref().is_none_or(|valid| valid.is_valid(row));
            let out = values.iter().enumerate().map(|(row, &x)| is_valid(row).then(|| far(x)));
            let out: Float64Array = out.collect();
            restored(array, &out)
        }
        // Later by more than the column is long, so that no time is one that it has.
        Kind::Date | Kind::Time if !matches!(data_type, DataType::Time32(_) | DataType::Time64(_)) => {
            let narrow = if data_type == &DataType::Date32 { DataType::Int32 } else { DataType::Int64 };
            let stored = cast(array, &narrow)?;
            let wide = cast(&stored, &DataType::Int64)?;
            let wide = wide.as_primitive::<Int64Type>();
            let (low, high) =
                wide.iter().flatten().fold((i64::MAX, i64::MIN), |(l, h), x| (l.min(x), h.max(x)));
            // Whole days in milliseconds.
            let step = if data_type == &DataType::Date64 { 86_400_000 } else { 1 };
            let by = high.saturating_sub(low).saturating_add(step);
            let later: Int64Array = wide.unary(|x| x.saturating_add(by));
            Ok(cast(&restored(&stored, &later)?, data_type)?)
        }
        _ => Ok(Arc::clone(array)),
    }
}

/// What an integer type holds, as far as an `i64` does.
fn bounds(data_type: &DataType) -> (i64, i64) {
    match data_type {
        DataType::Int8 => (i8::MIN.into(), i8::MAX.into()),
        DataType::Int16 => (i16::MIN.into(), i16::MAX.into()),
        DataType::Int32 => (i32::MIN.into(), i32::MAX.into()),
        DataType::UInt8 => (0, u8::MAX.into()),
        DataType::UInt16 => (0, u16::MAX.into()),
        DataType::UInt32 => (0, u32::MAX.into()),
        DataType::UInt64 => (0, i64::MAX),
        _ => (i64::MIN, i64::MAX),
    }
}

/// The new values in the old type; the old value where that cannot hold the new one.
fn restored(old: &ArrayRef, new: &dyn Array) -> Result<ArrayRef> {
    let new = cast(new, old.data_type())?;
    if new.null_count() == old.logical_null_count() {
        return Ok(new);
    }
    let there: BooleanArray = (0..new.len()).map(|row| Some(new.is_valid(row))).collect();
    Ok(zip(&there, &new, old)?)
}

/// Each value becomes the next one that the column has, the last becomes the first.
fn exchanged(name: &str, array: &ArrayRef) -> Result<ArrayRef> {
    if Kind::of(array.data_type()) == Kind::Other {
        return Ok(Arc::clone(array));
    }
    let coded = Coded::new(name, array)?.sorted();
    let mut row_of = vec![0u64; coded.distinct.len()];
    for (row, &code) in (0u64..).zip(&coded.codes) {
        row_of.get_mut(code as usize).into_iter().for_each(|to| *to = row);
    }
    if !row_of.is_empty() {
        row_of.rotate_left(1);
    }
    let from =
        (0u64..).zip(&coded.codes).map(|(row, &code)| row_of.get(code as usize).copied().unwrap_or(row));
    Ok(take(array, &UInt64Array::from_iter_values(from), None)?)
}

/// The values of these rows among themselves.
fn permuted(array: &ArrayRef, rows: &[usize], rng: &mut ChaCha8Rng) -> Result<ArrayRef> {
    let mut from: Vec<u64> = (0..array.len() as u64).collect();
    let order = seed::permutation(rows.len(), rng);
    for (&row, other) in rows.iter().zip(order) {
        if let (Some(to), Some(&other)) = (from.get_mut(row), rows.get(other)) {
            *to = other as u64;
        }
    }
    Ok(take(array, &UInt64Array::from(from), None)?)
}

/// Half of these values missing, the first among them; nothing where the column may not be missing.
fn missing(field: &Field, array: &ArrayRef, rows: &[usize], rng: &mut ChaCha8Rng) -> Result<ArrayRef> {
    let mut gone = vec![false; array.len()];
    for (place, &row) in rows.iter().enumerate() {
        let drawn = seed::below(2, rng) == 0;
        gone.get_mut(row).into_iter().for_each(|gone| *gone = drawn || place == 0);
    }
    let gone = BooleanArray::from(gone);
    if field.is_nullable() {
        return Ok(nullif(array, &gone)?);
    }
    if !array.data_type().is_floating() {
        return Ok(Arc::clone(array));
    }
    let floats = cast(array, &DataType::Float64)?;
    let values = floats.as_primitive::<Float64Type>().values();
    let out = values.iter().zip(gone.values()).map(|(&x, gone)| if gone { f64::NAN } else { x });
    Ok(cast(&Float64Array::from_iter_values(out), array.data_type())?)
}

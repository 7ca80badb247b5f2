//! Values of new rows, from those of one row or two.

use mlsys_core::arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Float64Array, Int64Array, UInt64Array,
};
use mlsys_core::arrow::buffer::{BooleanBuffer, NullBuffer};
use mlsys_core::arrow::compute::cast;
use mlsys_core::arrow::datatypes::{DataType, Decimal128Type, Int64Type, UInt64Type};
use mlsys_core::{Error, Kind, Result, column};
use std::sync::Arc;

use crate::Synthetic;

/// How the values of new rows come about.
#[derive(Clone, Copy)]
pub(crate) struct Change<'a> {
    pub synthetic: &'a [Synthetic],
    /// What is added to the base rows' values; without it they are between two rows'.
    pub shifts: Option<&'a [f64]>,
}

/// A column of synthetic rows, of the type of `array`.
pub(crate) fn change(name: &str, array: &ArrayRef, change: Change<'_>) -> Result<ArrayRef> {
    let data_type = array.data_type();
    let plain = match data_type {
        DataType::Dictionary(_, values) => cast(array, values)?,
        _ => Arc::clone(array),
    };
    let changed: ArrayRef = match Kind::of(plain.data_type()) {
        _ if is_narrow_decimal(plain.data_type()) => decimals(&plain, change)?,
        Kind::Float => floats(name, &plain, change)?,
        Kind::Integer => integers(name, &plain, change)?,
        _ => return Err(Error::column_type(name, "a number to be changed", data_type)),
    };
    let cast_back = cast(&cast(&changed, plain.data_type())?, data_type)?;
    if cast_back.logical_null_count() > changed.null_count() {
        return Err(beyond(name, plain.data_type()));
    }
    Ok(cast_back)
}

fn beyond(name: &str, data_type: &DataType) -> Error {
    Error::invalid_value(name, None, "a synthetic value out of range", format!("what {data_type} can hold"))
}

fn floats(name: &str, plain: &ArrayRef, change: Change<'_>) -> Result<ArrayRef> {
    let values = column::floats(name, plain)?;
    let Change { synthetic, shifts } = change;
    let most = match plain.data_type() {
        DataType::Float16 => 65_504.0,
        DataType::Float32 => f64::from(f32::MAX),
        _ => f64::MAX,
    };
    let changed = synthetic.iter().enumerate().map(|(at, s)| {
        let a = values[s.base as usize];
        match shifts {
            None if (0.0..=1.0).contains(&s.gap) => between(a, values[s.neighbor as usize], s.gap),
            // Not beyond what there is a number for; NaN stays NaN.
            None => between(a, values[s.neighbor as usize], s.gap).clamp(-most, most),
            Some(shifts) => (a + shifts[at]).clamp(-most, most),
        }
    });
    // NaN stays NaN, and null null: a column without nulls has none afterwards.
    let nulls = plain.logical_nulls().map(|nulls| {
        let valid = |i: usize| nulls.is_valid(synthetic[i].base as usize);
        NullBuffer::new(BooleanBuffer::collect_bool(synthetic.len(), valid))
    });
    Ok(Arc::new(Float64Array::new(changed.collect(), nulls)))
}

/// In integers, since doubles would merge large ones.
fn integers(name: &str, plain: &ArrayRef, change: Change<'_>) -> Result<ArrayRef> {
    let Change { synthetic, shifts } = change;
    let (low, high) = bounds(plain.data_type());
    let each = |value: &dyn Fn(u32) -> Option<i128>| -> Vec<Option<i128>> {
        let one = |(at, s): (usize, &Synthetic)| match shifts {
            None => whole_between(value(s.base), value(s.neighbor), s.gap).map(|x| x.clamp(low, high)),
            Some(shifts) => {
                value(s.base).map(|a| a.saturating_add(shifts[at].round() as i128).clamp(low, high))
            }
        };
        synthetic.iter().enumerate().map(one).collect()
    };
    let beyond = |_| beyond(name, plain.data_type());
    if plain.data_type() == &DataType::UInt64 {
        let values = plain.as_primitive::<UInt64Type>();
        let value = |row: u32| values.is_valid(row as usize).then(|| i128::from(values.value(row as usize)));
        let narrow = |x: Option<i128>| x.map(u64::try_from).transpose().map_err(beyond);
        return Ok(Arc::new(each(&value).into_iter().map(narrow).collect::<Result<UInt64Array>>()?));
    }
    let wide = cast(plain, &DataType::Int64)?;
    let values = wide.as_primitive::<Int64Type>();
    let value = |row: u32| values.is_valid(row as usize).then(|| i128::from(values.value(row as usize)));
    let narrow = |x: Option<i128>| x.map(i64::try_from).transpose().map_err(beyond);
    Ok(Arc::new(each(&value).into_iter().map(narrow).collect::<Result<Int64Array>>()?))
}

fn is_narrow_decimal(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..))
}

/// In units of the last digit, since doubles have fewer digits; no further than the precision goes.
fn decimals(plain: &ArrayRef, change: Change<'_>) -> Result<ArrayRef> {
    let Change { synthetic, shifts } = change;
    let (precision, scale) = match *plain.data_type() {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale) => (precision, scale),
        _ => (0, 0),
    };
    let wide = cast(plain, &DataType::Decimal128(precision, scale))?;
    let values = wide.as_primitive::<Decimal128Type>();
    let value = |row: u32| values.is_valid(row as usize).then(|| values.value(row as usize));
    let most = 10_i128.saturating_pow(u32::from(precision)) - 1;
    let unit = 10_f64.powi(i32::from(scale));
    let one = |(at, s): (usize, &Synthetic)| {
        let changed = match shifts {
            None => whole_between(value(s.base), value(s.neighbor), s.gap),
            Some(shifts) => value(s.base).map(|a| a.saturating_add((shifts[at] * unit).round() as i128)),
        };
        changed.map(|x| x.clamp(-most, most))
    };
    let changed: Decimal128Array = synthetic.iter().enumerate().map(one).collect();
    Ok(Arc::new(changed.with_precision_and_scale(precision, scale)?))
}

/// The least and the greatest value of a type of integers.
fn bounds(data_type: &DataType) -> (i128, i128) {
    match data_type {
        DataType::Int8 => (i8::MIN.into(), i8::MAX.into()),
        DataType::Int16 => (i16::MIN.into(), i16::MAX.into()),
        DataType::Int32 => (i32::MIN.into(), i32::MAX.into()),
        DataType::UInt8 => (0, u8::MAX.into()),
        DataType::UInt16 => (0, u16::MAX.into()),
        DataType::UInt32 => (0, u32::MAX.into()),
        DataType::UInt64 => (0, u64::MAX.into()),
        _ => (i64::MIN.into(), i64::MAX.into()),
    }
}

/// `a + gap (b − a)`, between the two for a gap of 0 to 1 whatever rounding does. NaN where `a` is, and `a` where `b` is.
fn between(a: f64, b: f64, gap: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        return a;
    }
    let step = b - a;
    let x = if step.is_finite() { a + gap * step } else { a * (1.0 - gap) + b * gap };
    if (0.0..=1.0).contains(&gap) { x.max(a.min(b)).min(a.max(b)) } else { x }
}

/// The same, rounded, halves away from `a`.
fn whole_between(a: Option<i128>, b: Option<i128>, gap: f64) -> Option<i128> {
    let a = a?;
    let b = b.unwrap_or(a);
    if gap == 1.0 {
        return Some(b);
    }
    // Decimals may be further apart than their type goes.
    let step = b.checked_sub(a).map_or(b as f64 - a as f64, |step| step as f64);
    let x = a.saturating_add((gap * step).round() as i128);
    Some(if (0.0..=1.0).contains(&gap) { x.max(a.min(b)).min(a.max(b)) } else { x })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blends_stay_between() {
        assert_eq!(between(1.0, 3.0, 0.25), 1.5);
        assert_eq!(between(-1.7e308, 1.7e308, 0.5), 0.0);
        assert_eq!(between(0.1, 0.3, 1.0), 0.3);
        assert_eq!((between(2.0, f64::NAN, 0.5), between(f64::NAN, 2.0, 0.5).is_nan()), (2.0, true));
        assert_eq!(between(1.0, 3.0, -0.5), 0.0);
        assert_eq!(whole_between(Some(1), Some(4), 0.5), Some(3));
        assert_eq!(whole_between(Some(-1), Some(-4), 0.5), Some(-3));
        assert_eq!((whole_between(None, Some(4), 0.5), whole_between(Some(4), None, 0.5)), (None, Some(4)));
        let (low, high) = (i128::from(i64::MIN), i128::from(i64::MAX));
        assert_eq!(whole_between(Some(low), Some(high), 1.0), Some(high));
    }
}

//! What a column holds, whatever Arrow type it has: numbers, categories, times; and where it is missing.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow::compute::{cast, is_null};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int64Type, Schema, TimeUnit};
use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Result};

/// What kind of values a column has. Widths, dictionaries and string layouts do not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// Integers.
    Integer,
    /// Floating numbers and decimals.
    Float,
    /// `true` and `false`: numbers 1 and 0 for a model, categories for an encoder.
    Boolean,
    /// Text.
    Text,
    /// Dates without a time of day.
    Date,
    /// Timestamps and times of day.
    Time,
    /// Anything else: nested, binary, null.
    Other,
}

impl Kind {
    /// The kind of an Arrow type; a dictionary has the kind of its values.
    pub fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Dictionary(_, values) => Self::of(values),
            t if t.is_integer() => Self::Integer,
            DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..) => Self::Float,
            t if t.is_floating() => Self::Float,
            DataType::Boolean => Self::Boolean,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Timestamp(..) | DataType::Time32(_) | DataType::Time64(_) => Self::Time,
            _ => Self::Other,
        }
    }

    /// Whether a model can take the column as it is.
    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Integer | Self::Float | Self::Boolean)
    }

    /// Whether it is a number proper: an integer, a float or a decimal.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Float)
    }

    /// Whether it says when: a date or a time.
    pub fn is_temporal(self) -> bool {
        matches!(self, Self::Date | Self::Time)
    }

    /// The noun for messages.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Integer | Self::Float => "numeric",
            Self::Boolean => "boolean",
            Self::Text => "text",
            Self::Date => "a date",
            Self::Time => "a time",
            Self::Other => "another type",
        }
    }
}

/// The column of a name.
///
/// # Errors
///
/// [`MissingColumn`](ErrorKind::MissingColumn), listing the columns that are there.
pub fn find<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    match batch.schema_ref().index_of(name) {
        Ok(index) => Ok(batch.column(index)),
        Err(_) => Err(missing_column(batch.schema_ref(), name)),
    }
}

/// The error that a column is not in a schema.
pub fn missing_column(schema: &Schema, name: &str) -> Error {
    let available = schema.fields().iter().map(|f| f.name().clone()).collect();
    ErrorKind::MissingColumn { name: name.into(), available }.into()
}

/// The values as `f64`, missing ones (null or NaN) as NaN: no copy for a Float64 column without nulls.
///
/// Integers beyond 2^53 are rounded to the nearest double.
///
/// # Errors
///
/// [`ColumnType`](ErrorKind::ColumnType) unless the column holds integers, floats, decimals or booleans.
pub fn floats(column: &str, array: &dyn Array) -> Result<ScalarBuffer<f64>> {
    if !Kind::of(array.data_type()).is_numeric() {
        let sparse = array.data_type() == &crate::sparse::data_type();
        let expected = if sparse {
            "numeric (`SparseRows::to_dense` writes sparse rows out)"
        } else {
            "numeric (encode it first, or leave it out)"
        };
        return Err(Error::column_type(column, expected, array.data_type()));
    }
    let plain;
    let array = match array.data_type() {
        DataType::Float64 => array,
        DataType::Float32 => {
            // Written out because a cast would widen to Arrow's null layout first.
            let narrow = array.as_primitive::<Float32Type>();
            return Ok(narrow.iter().map(|v| v.map_or(f64::NAN, f64::from)).collect());
        }
        _ => {
            plain = cast(array, &DataType::Float64)?;
            if plain.null_count() > array.logical_null_count() {
                return Err(Error::column_type(column, "numbers that a double can hold", array.data_type()));
            }
            plain.as_ref()
        }
    };
    let wide = array.as_primitive::<Float64Type>();
    match wide.nulls() {
        Some(nulls) if nulls.null_count() > 0 => {
            let mut values = wide.values().to_vec();
            fill_nulls(&mut values, nulls, f64::NAN);
            Ok(values.into())
        }
        _ => Ok(wide.values().clone()),
    }
}

/// Puts a value where there are nulls.
///
/// # Panics
///
/// When there are more nulls than values.
pub fn fill_nulls<T: Copy>(values: &mut [T], nulls: &NullBuffer, value: T) {
    let valid = nulls.inner().bit_chunks();
    let (words, rest) = values[..nulls.len()].as_chunks_mut::<64>();
    for (valid, values) in valid.iter_padded().zip(words.iter_mut().map(|w| w.as_mut_slice()).chain([rest])) {
        match valid {
            u64::MAX => {}
            0 => values.fill(value),
            _ => {
                for (bit, x) in values.iter_mut().enumerate() {
                    *x = if valid >> bit & 1 == 0 { value } else { *x };
                }
            }
        }
    }
}

/// The first value that is infinite.
pub fn first_infinite(values: &[f64]) -> Option<usize> {
    // Blocks are tested without a branch per value, which the compiler vectorises.
    let block = 1024;
    let found =
        values.chunks(block).position(|part| part.iter().fold(false, |any, x| any | x.is_infinite()))?;
    values[found * block..].iter().position(|x| x.is_infinite()).map(|row| found * block + row)
}

/// As [`floats`], and refuses infinite values; NaN stands for missing.
///
/// # Errors
///
/// As [`floats`]; [`NonFinite`](ErrorKind::NonFinite) naming the first infinite row.
pub fn finite_or_missing(column: &str, array: &dyn Array) -> Result<ScalarBuffer<f64>> {
    let values = floats(column, array)?;
    match first_infinite(&values) {
        Some(row) => Err(ErrorKind::NonFinite { column: column.into(), row, value: values[row] }.into()),
        None => Ok(values),
    }
}

/// As [`floats`], and refuses missing and infinite values.
///
/// # Errors
///
/// As [`finite_or_missing`]; [`MissingValues`](ErrorKind::MissingValues) with how many there are.
pub fn finite(column: &str, array: &dyn Array) -> Result<ScalarBuffer<f64>> {
    let values = finite_or_missing(column, array)?;
    let count = values.iter().filter(|x| x.is_nan()).count();
    if count > 0 {
        let hint = "impute them first, or drop the rows".into();
        return Err(ErrorKind::MissingValues { column: column.into(), count, hint }.into());
    }
    Ok(values)
}

/// Refuses infinite values in a floating column; other types have none.
///
/// # Errors
///
/// [`NonFinite`](ErrorKind::NonFinite) naming the first infinite row.
pub fn check_no_infinite(column: &str, array: &dyn Array) -> Result<()> {
    if Kind::of(array.data_type()) == Kind::Float {
        finite_or_missing(column, array).map(drop)
    } else {
        Ok(())
    }
}

/// Where the column is missing: null, or NaN in a floating column. `None` when nothing is.
///
/// # Errors
///
/// [`ColumnType`](ErrorKind::ColumnType) for a decimal that no double can hold.
pub fn missing(column: &str, array: &dyn Array) -> Result<Option<NullBuffer>> {
    if Kind::of(array.data_type()) == Kind::Float {
        let values = floats(column, array)?;
        if !values.iter().any(|x| x.is_nan()) {
            return Ok(None);
        }
        let valid = BooleanBuffer::collect_bool(values.len(), |i| !values[i].is_nan());
        return Ok(Some(NullBuffer::new(valid)));
    }
    if array.logical_null_count() == 0 {
        return Ok(None);
    }
    // `is_null` looks through dictionaries.
    let null = is_null(&arrow::array::make_array(array.to_data()))?;
    Ok(Some(NullBuffer::new(!null.values())))
}

/// Instants in nanoseconds since 1970 in UTC (dates and zone-less timestamps count as UTC), for ordering rows in
/// time.
///
/// # Errors
///
/// [`ColumnType`](ErrorKind::ColumnType) unless the column holds dates, timestamps or integers (taken as they
/// are); [`MissingValues`](ErrorKind::MissingValues); [`InvalidValue`](ErrorKind::InvalidValue) for instants
/// outside the years 1677 to 2262.
pub fn instants(column: &str, array: &dyn Array) -> Result<ScalarBuffer<i64>> {
    let wide = instants_or_missing(column, array)?;
    let count = wide.null_count();
    if count > 0 {
        let hint = "drop these rows before using the column as time".into();
        return Err(ErrorKind::MissingValues { column: column.into(), count, hint }.into());
    }
    Ok(wide.values().clone())
}

/// As [`instants`], with nulls where they are missing.
///
/// # Errors
///
/// As [`instants`], but for missing values.
pub fn instants_or_missing(column: &str, array: &dyn Array) -> Result<Int64Array> {
    let wide = match array.data_type() {
        DataType::Dictionary(_, values) => return instants_or_missing(column, &cast(array, values)?),
        DataType::Date64 => {
            // Arrow's own cast to nanoseconds does not check for overflow.
            let milliseconds = cast(array, &DataType::Int64)?;
            let milliseconds = milliseconds.as_primitive::<Int64Type>();
            Arc::new(milliseconds.unary_opt::<_, Int64Type>(|ms| ms.checked_mul(1_000_000))) as ArrayRef
        }
        DataType::Date32 | DataType::Timestamp(..) => {
            let nanoseconds = cast(array, &DataType::Timestamp(TimeUnit::Nanosecond, None));
            cast(
                &nanoseconds.map_err(|_| {
                    Error::invalid_value(
                        column,
                        None,
                        "a date out of range",
                        "instants in the years 1677 to 2262",
                    )
                })?,
                &DataType::Int64,
            )?
        }
        t if t.is_integer() => cast(array, &DataType::Int64)?,
        other => {
            return Err(Error::column_type(column, "dates, timestamps or integers to order by time", other));
        }
    };
    if let Some(row) = (0..wide.len()).find(|&row| wide.is_null(row) && array.is_valid(row)) {
        return Err(Error::invalid_value(
            column,
            Some(row),
            "a value out of range",
            "instants that fit 64 bits",
        ));
    }
    Ok(wide.as_primitive::<Int64Type>().clone())
}

/// An integer that orders as the double does, for sorting and counting; -0 and 0 have one, and NaN has one.
#[inline]
pub fn order_key(x: f64) -> u64 {
    let bits = if x.is_nan() { f64::NAN.to_bits() } else { (x + 0.0).to_bits() };
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// The double of an [`order_key`].
#[inline]
pub fn from_order_key(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        BooleanArray, Decimal128Array, DictionaryArray, Float32Array, Float64Array, StringArray,
        TimestampSecondArray, UInt8Array,
    };
    use arrow::datatypes::Int32Type;

    #[test]
    fn nulls_are_filled_in_any_slice() {
        // All valid, none, and some, a word at a time and in what is left of one.
        let nulls = NullBuffer::from_iter((0..300).map(|row| row < 70 || (row > 199 && row % 3 == 0)));
        for (start, length) in [(0, 300), (1, 64), (63, 66), (70, 129), (5, 290), (299, 1), (17, 0)] {
            let nulls = nulls.slice(start, length);
            // Rows beyond the nulls stay.
            let mut values: Vec<usize> = (0..length + 3).collect();
            fill_nulls(&mut values, &nulls, 999);
            for (row, &value) in values.iter().enumerate() {
                let null = row < length && nulls.is_null(row);
                assert_eq!(value, if null { 999 } else { row }, "row {row} from {start}, {length}");
            }
        }
    }

    #[test]
    fn every_numeric_type_reads_as_doubles() {
        let expected = [1.0, f64::NAN, 0.0];
        let decimal =
            Decimal128Array::from(vec![Some(100), None, Some(0)]).with_precision_and_scale(5, 2).unwrap();
        let keyed: DictionaryArray<Int32Type> = DictionaryArray::new(
            vec![Some(1), None, Some(0)].into(),
            std::sync::Arc::new(Int64Array::from(vec![0, 1])),
        );
        let arrays: [&dyn Array; 5] = [
            &Float32Array::from(vec![Some(1.0), None, Some(0.0)]),
            &UInt8Array::from(vec![Some(1), None, Some(0)]),
            &BooleanArray::from(vec![Some(true), None, Some(false)]),
            &decimal,
            &keyed,
        ];
        for array in arrays {
            let values = floats("x", array).unwrap();
            assert!(values.iter().zip(expected).all(|(a, b)| a.to_bits() == b.to_bits()), "{values:?}");
            assert_eq!(missing("x", array).unwrap().unwrap().null_count(), 1);
        }
        let text = floats("x", &StringArray::from(vec!["1"])).unwrap_err().to_string();
        assert_eq!(text, "column `x` must be numeric (encode it first, or leave it out), found Utf8");
    }

    #[test]
    fn nan_is_missing_and_infinity_is_refused() {
        let array = Float64Array::from(vec![Some(1.0), Some(f64::NAN), None, Some(f64::INFINITY)]);
        assert_eq!(missing("x", &array).unwrap().unwrap().null_count(), 2);
        let error = finite_or_missing("x", &array).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NonFinite { row: 3, .. }), "{error}");
    }

    #[test]
    fn instants_are_utc_nanoseconds() {
        let zoned = TimestampSecondArray::from(vec![1]).with_timezone("America/New_York");
        assert_eq!(instants("t", &zoned).unwrap()[0], 1_000_000_000);
        let null = TimestampSecondArray::from(vec![Some(1), None]);
        assert!(instants("t", &null).is_err());
        let far = TimestampSecondArray::from(vec![i64::MAX / 2]);
        assert!(instants("t", &far).is_err());
    }

    #[test]
    fn keys_order_like_doubles() {
        let values = [f64::NEG_INFINITY, -1e300, -2.0, -1e-310, 0.0, 1e-310, 2.0, f64::INFINITY];
        assert!(values.windows(2).all(|pair| order_key(pair[0]) < order_key(pair[1])));
        assert!(values.iter().all(|&x| from_order_key(order_key(x)) == x));
        assert_eq!(order_key(-0.0), order_key(0.0));
    }
}

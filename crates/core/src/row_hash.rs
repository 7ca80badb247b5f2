//! The stable hash of rows: of what is in them, whatever Arrow encoding holds it.

use arrow::array::{Array, AsArray};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Date64Type, Float64Type, Int64Type, TimeUnit, UInt64Type};
use rayon::prelude::*;

use crate::hash::{hash_bytes, hash_u64};
use crate::{Error, Kind, Result};

/// What a value is, so that text and numbers of the same bytes differ. Changing one changes users' splits.
const MISSING: u64 = 0x6d69_7373;
const BOOLEAN: u64 = 1;
const NUMBER: u64 = 2;
const LARGE: u64 = 3;
const FRACTION: u64 = 4;
const TEXT: u64 = 5;
const INSTANT: u64 = 6;
const TIME_OF_DAY: u64 = 7;
const DECIMAL: u64 = 8;
const BINARY: u64 = 9;

/// Rows that one task hashes.
const BLOCK: usize = 65_536;

/// A hash per row of these columns, in this order, under a seed.
///
/// Equal values have equal hashes in every encoding: integers of any width, floats and decimals of the same number,
/// text as such or in a dictionary, instants in any unit and zone, dates as their midnight in UTC. A missing value
/// (null or NaN) is a value of its own.
///
/// ```
/// use mlsys_core::{arrow::array::{Array, Float64Array, UInt8Array}, hash::hash_rows};
///
/// let wide: [(&str, &dyn Array); 1] = [("x", &Float64Array::from(vec![1.0, 2.0]))];
/// let narrow: [(&str, &dyn Array); 1] = [("x", &UInt8Array::from(vec![1, 2]))];
/// assert_eq!(hash_rows(&wide, 7)?, hash_rows(&narrow, 7)?);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// [`ColumnType`](crate::ErrorKind::ColumnType) for nested columns; [`Shape`](crate::ErrorKind::Shape) for columns
/// of different lengths, or none.
pub fn hash_rows(columns: &[(&str, &dyn Array)], seed: u64) -> Result<Vec<u64>> {
    let Some(rows) = columns.first().map(|(_, array)| array.len()) else {
        return Err(Error::shape("hash of rows", "one column at least", "none"));
    };
    let mut states = vec![hash_u64(seed, columns.len() as u64); rows];
    for (name, array) in columns {
        if array.len() != rows {
            return Err(Error::shape(format!("column `{name}`"), format!("{rows} rows"), array.len()));
        }
        absorb(name, *array, seed, &mut Out { hashes: &mut states, mixed: true })?;
    }
    Ok(states)
}

/// Takes one column in.
fn absorb(name: &str, array: &dyn Array, seed: u64, out: &mut Out<'_>) -> Result<()> {
    let nulls = array.logical_nulls();
    let nulls = nulls.as_ref().filter(|nulls| nulls.null_count() > 0);
    match array.data_type() {
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            if dictionary.values().is_empty() {
                out.each(nulls, |_| MISSING);
                return Ok(());
            }
            // Each value is hashed once, as it would be outside the dictionary.
            let values = dictionary.values();
            let mut hashes = vec![0; values.len()];
            absorb(name, values.as_ref(), seed, &mut Out { hashes: &mut hashes, mixed: false })?;
            let keys = dictionary.normalized_keys();
            out.each(nulls, |row| hashes[keys[row]]);
        }
        DataType::Utf8 => {
            let text = array.as_string::<i32>();
            out.each(nulls, |row| hash_bytes(text.value(row).as_bytes(), tagged(seed, TEXT)));
        }
        DataType::LargeUtf8 => {
            let text = array.as_string::<i64>();
            out.each(nulls, |row| hash_bytes(text.value(row).as_bytes(), tagged(seed, TEXT)));
        }
        DataType::Utf8View => {
            let text = array.as_string_view();
            out.each(nulls, |row| hash_bytes(text.value(row).as_bytes(), tagged(seed, TEXT)));
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            let bytes = cast(array, &DataType::LargeBinary)?;
            let bytes = bytes.as_binary::<i64>();
            out.each(nulls, |row| hash_bytes(bytes.value(row), tagged(seed, BINARY)));
        }
        DataType::Boolean => {
            let flags = array.as_boolean();
            out.each(nulls, |row| hash_u64(u64::from(flags.value(row)), tagged(seed, BOOLEAN)));
        }
        DataType::UInt64 => {
            let numbers = array.as_primitive::<UInt64Type>().values();
            let tag = |x: u64| if i64::try_from(x).is_ok() { NUMBER } else { LARGE };
            out.each(nulls, |row| hash_u64(numbers[row], tagged(seed, tag(numbers[row]))));
        }
        t if t.is_integer() => {
            let wide = cast(array, &DataType::Int64)?;
            let numbers = wide.as_primitive::<Int64Type>().values();
            out.each(nulls, |row| hash_u64(numbers[row] as u64, tagged(seed, NUMBER)));
        }
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            let wide = cast(array, &DataType::Float64)?;
            let numbers = wide.as_primitive::<Float64Type>().values();
            out.each(nulls, |row| float(numbers[row] + 0.0, seed));
        }
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>().values();
            out.each(nulls, |row| instant(i64::from(days[row]) * 86_400, 0, tagged(seed, INSTANT)));
        }
        DataType::Date64 => {
            let numbers = array.as_primitive::<Date64Type>().values();
            out.each(nulls, |row| ticks(numbers[row], 1_000, tagged(seed, INSTANT)));
        }
        DataType::Timestamp(unit, _) => {
            let per_second = match unit {
                TimeUnit::Second => 1,
                TimeUnit::Millisecond => 1_000,
                TimeUnit::Microsecond => 1_000_000,
                TimeUnit::Nanosecond => 1_000_000_000,
            };
            let wide = cast(array, &DataType::Int64)?;
            let numbers = wide.as_primitive::<Int64Type>().values();
            out.each(nulls, |row| ticks(numbers[row], per_second, tagged(seed, INSTANT)));
        }
        DataType::Time32(_) | DataType::Time64(_) => {
            let wide = cast(&cast(array, &DataType::Time64(TimeUnit::Nanosecond))?, &DataType::Int64)?;
            let numbers = wide.as_primitive::<Int64Type>().values();
            out.each(nulls, |row| hash_u64(numbers[row] as u64, tagged(seed, TIME_OF_DAY)));
        }
        t if Kind::of(t) == Kind::Float => {
            let text = cast(array, &DataType::Utf8)?;
            let text = text.as_string::<i32>();
            out.each(nulls, |row| decimal(text.value(row), seed));
        }
        DataType::Null => out.each(nulls, |_| MISSING),
        other => {
            let expected = "text, numbers, booleans, bytes, dates or times to be hashed";
            return Err(Error::column_type(name, expected, other));
        }
    }
    Ok(())
}

/// Where hashes of values go: mixed into those of the rows, or as they are for the values of a dictionary.
struct Out<'a> {
    hashes: &'a mut [u64],
    mixed: bool,
}

impl Out<'_> {
    fn each(&mut self, nulls: Option<&NullBuffer>, hash: impl Fn(usize) -> u64 + Sync) {
        let mixed = self.mixed;
        self.hashes.par_chunks_mut(BLOCK).enumerate().for_each(|(block, hashes)| {
            for (row, to) in (block * BLOCK..).zip(hashes) {
                let value = if nulls.is_some_and(|nulls| nulls.is_null(row)) { MISSING } else { hash(row) };
                *to = if mixed { hash_u64(value, *to) } else { value };
            }
        });
    }
}

/// A whole number has the hash of the integer, so that `1` and `1.0` are one value.
fn float(x: f64, seed: u64) -> u64 {
    if x.is_nan() {
        MISSING
    } else if x == x.trunc() && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&x) {
        hash_u64(x as i64 as u64, tagged(seed, NUMBER))
    } else {
        hash_u64(x.to_bits(), tagged(seed, FRACTION))
    }
}

/// Up to 15 digits a double tells decimals apart; longer ones are hashed by their digits.
fn decimal(text: &str, seed: u64) -> u64 {
    // The zeros that a scale pads with are no digits of the value.
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    let digits = text.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
    match text.parse() {
        Ok(x) if digits <= 15 => float(x, seed),
        _ => match text.parse::<i64>() {
            Ok(whole) => hash_u64(whole as u64, tagged(seed, NUMBER)),
            Err(_) => hash_bytes(text.as_bytes(), tagged(seed, DECIMAL)),
        },
    }
}

fn ticks(value: i64, per_second: i64, tag: u64) -> u64 {
    let rest = value.rem_euclid(per_second) * (1_000_000_000 / per_second);
    instant(value.div_euclid(per_second), rest as u64, tag)
}

fn instant(seconds: i64, nanoseconds: u64, tag: u64) -> u64 {
    hash_u64(seconds as u64, tag.wrapping_add(nanoseconds))
}

fn tagged(seed: u64, tag: u64) -> u64 {
    seed ^ tag.rotate_left(40)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::hash_rows_128;
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, BooleanArray, Date32Array, Date64Array, Decimal128Array, DictionaryArray, Float32Array,
        Float64Array, Int8Array, Int64Array, LargeStringArray, StringArray, StringViewArray,
        Time32SecondArray, Time64NanosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
        TimestampSecondArray, UInt64Array,
    };
    use arrow::datatypes::{Int8Type, Int32Type};

    fn of(array: &dyn Array) -> Vec<u64> {
        hash_rows(&[("x", array)], 7).unwrap()
    }

    /// The hashes of either length: values that are equal for one are equal for the other.
    fn both(array: &dyn Array) -> Vec<(u64, u128)> {
        of(array).into_iter().zip(hash_rows_128(&[("x", array)], 7).unwrap()).collect()
    }

    #[test]
    fn every_encoding_of_a_value_has_one_hash() {
        let text = [Some("a"), None, Some("ninety-nine"), Some("a")];
        let keyed: DictionaryArray<Int8Type> = text.into_iter().collect();
        let sliced = StringArray::from(vec![Some("z"), Some("a"), None, Some("ninety-nine"), Some("a")]);
        let plain = both(&StringArray::from(text.to_vec()));
        let others: [ArrayRef; 4] = [
            Arc::new(LargeStringArray::from(text.to_vec())),
            Arc::new(StringViewArray::from(text.to_vec())),
            Arc::new(keyed),
            Arc::new(sliced.slice(1, 4)),
        ];
        others.iter().for_each(|array| assert_eq!(both(array), plain, "{}", array.data_type()));
        assert_eq!(plain[0], plain[3]);
        assert_ne!(plain[0].0, plain[1].0);

        let numbers = both(&Int8Array::from(vec![Some(-1), Some(2), None]));
        let keyed: DictionaryArray<Int32Type> = DictionaryArray::new(
            vec![Some(1), Some(0), None].into(),
            Arc::new(Int64Array::from(vec![2, -1])),
        );
        let decimal = Decimal128Array::from(vec![Some(-100), Some(200), None]);
        let others: [ArrayRef; 4] = [
            Arc::new(Float32Array::from(vec![-1.0, 2.0, f32::NAN])),
            Arc::new(Float64Array::from(vec![Some(-1.0), Some(2.0), None])),
            Arc::new(decimal.with_precision_and_scale(5, 2).unwrap()),
            Arc::new(keyed),
        ];
        others.iter().for_each(|array| assert_eq!(both(array), numbers, "{}", array.data_type()));

        let days = both(&Date32Array::from(vec![-1, 1]));
        assert_eq!(both(&Date64Array::from(vec![-86_400_000, 86_400_000])), days);
        assert_eq!(
            both(&TimestampSecondArray::from(vec![-86_400, 86_400]).with_timezone("Asia/Tokyo")),
            days
        );
        assert_eq!(both(&TimestampMillisecondArray::from(vec![-86_400_000, 86_400_000])), days);
        assert_eq!(
            both(&TimestampMillisecondArray::from(vec![-1, -86_401_500, 1_500])),
            both(&TimestampNanosecondArray::from(vec![-1_000_000, -86_401_500_000_000, 1_500_000_000]))
        );
        assert_eq!(
            both(&Time32SecondArray::from(vec![1])),
            both(&Time64NanosecondArray::from(vec![1_000_000_000]))
        );
        assert_eq!(both(&Float64Array::from(vec![0.0])), both(&Float64Array::from(vec![-0.0])));
    }

    #[test]
    fn kinds_and_neighbours_differ() {
        let one: [ArrayRef; 5] = [
            Arc::new(Int64Array::from(vec![1])),
            Arc::new(BooleanArray::from(vec![true])),
            Arc::new(StringArray::from(vec!["1"])),
            Arc::new(Date32Array::from(vec![1])),
            Arc::new(Float64Array::from(vec![1.5])),
        ];
        let hashes: std::collections::BTreeSet<_> = one.iter().map(|array| of(array)[0]).collect();
        assert_eq!(hashes.len(), one.len());
        let large = of(&UInt64Array::from(vec![u64::MAX]));
        assert_ne!(large, of(&Int64Array::from(vec![-1])));
        let long =
            |digits: i128| of(&Decimal128Array::from(vec![digits]).with_precision_and_scale(38, 2).unwrap());
        assert_ne!(long(1_234_567_890_123_456_789_012_345), long(1_234_567_890_123_456_789_012_346));
        let (a, b) = (Int64Array::from(vec![1]), Int64Array::from(vec![2]));
        assert_ne!(
            hash_rows(&[("a", &a), ("b", &b)], 0).unwrap(),
            hash_rows(&[("a", &b), ("b", &a)], 0).unwrap()
        );
        assert_ne!(hash_rows(&[("a", &a)], 0).unwrap(), hash_rows(&[("a", &a)], 1).unwrap());
        assert!(hash_rows(&[], 0).is_err() && hash_rows(&[("a", &a), ("b", &of_two())], 0).is_err());
    }

    fn of_two() -> Int64Array {
        Int64Array::from(vec![1, 2])
    }

    /// Changing any of these changes users' splits: never do it.
    #[test]
    fn golden_values() {
        let text = StringArray::from(vec![Some("N14228"), None]);
        let number = Int64Array::from(vec![2013, -1]);
        let found = hash_rows(&[("tailnum", &text), ("year", &number)], 42).unwrap();
        assert_eq!(found, [8_532_149_700_243_399_995, 6_196_731_793_900_478_894]);
    }
}

//! The 128-bit hash of rows: one pass over the columns, block by block.
//!
//! A value is a word of 64 bits that no other value of its kind has, and a row the sum over its columns of two products:
//!
//! ```text
//! lane = Σ fold((word ^ key[column, kind]) · factor[column])      fold(p) = low half of p ^ high half of p
//! ```
//!
//! The two lanes have keys and factors of their own, and are mixed with each other at the end. Text is taken in 16 bytes
//! at a time, with the lane so far in place of the key.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, GenericStringArray, OffsetSizeTrait, downcast_dictionary_array,
};
use arrow::buffer::NullBuffer;
use arrow::compute::{cast, take};
use arrow::datatypes::{
    ArrowNativeType, ArrowPrimitiveType, DataType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimeUnit, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use rayon::prelude::*;

use crate::hash::{fold, hash_u64};
use crate::{Error, Kind, Result};

/// Rows whose lanes are worked on together: they stay in the first-level cache while the columns go by.
const BLOCK: usize = 2_048;

/// Both lanes of one value or row.
type Pair = (u64, u64);

/// What a value is, so that text and numbers of the same bytes differ.
#[derive(Clone, Copy)]
enum Is {
    Missing,
    Boolean,
    Number,
    /// A whole number that only `u64` holds.
    Large,
    Fraction,
    Text,
    Instant,
    TimeOfDay,
    /// A decimal with more digits than a double tells apart.
    Decimal,
    Binary,
}

/// A hash of 128 bits per row of these columns, in this order, under a seed: two different rows among a billion have one
/// hash with a chance below 10^-20.
///
/// Values are equal as [`hash_rows`](crate::hash::hash_rows) has it, in every encoding. Its upper and lower half are each a hash
/// of 64 bits, which has nothing to do with that of `hash_rows`. One pass, on rayon's current pool: about 1 ns a number.
///
/// ```
/// use mlsys_core::{arrow::array::{Array, Float64Array, StringArray, UInt8Array}, hash::hash_rows_128};
///
/// let text = StringArray::from(vec!["JFK", "LGA"]);
/// let wide: [(&str, &dyn Array); 2] = [("x", &Float64Array::from(vec![1.0, 2.0])), ("from", &text)];
/// let narrow: [(&str, &dyn Array); 2] = [("x", &UInt8Array::from(vec![1, 2])), ("from", &text)];
/// assert_eq!(hash_rows_128(&wide, 7)?, hash_rows_128(&narrow, 7)?);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// As [`hash_rows`](crate::hash::hash_rows).
pub fn hash_rows_128(columns: &[(&str, &dyn Array)], seed: u64) -> Result<Vec<u128>> {
    let Some(rows) = columns.first().map(|(_, array)| array.len()) else {
        return Err(Error::shape("hash of rows", "one column at least", "none"));
    };
    let mut prepared = Vec::with_capacity(columns.len());
    for (place, (name, array)) in columns.iter().enumerate() {
        if array.len() != rows {
            return Err(Error::shape(format!("column `{name}`"), format!("{rows} rows"), array.len()));
        }
        prepared.push(Column::new(name, array.slice(0, rows), Keys::new(seed, place as u64))?);
    }
    let start = (hash_u64(seed, columns.len() as u64), hash_u64(!seed, columns.len() as u64));
    let mut hashes = vec![0; rows];
    hashes.par_chunks_mut(BLOCK).enumerate().try_for_each(|(block, hashes)| {
        let (mut a, mut b) = ([start.0; BLOCK], [start.1; BLOCK]);
        let (a, b) = (&mut a[..hashes.len()], &mut b[..hashes.len()]);
        prepared.iter().try_for_each(|column| column.absorb(block * BLOCK, a, b))?;
        hashes.iter_mut().zip(a.iter().zip(b.iter())).for_each(|(to, (&a, &b))| *to = mixed(a, b));
        Ok::<(), Error>(())
    })?;
    Ok(hashes)
}

/// A bijection after which each bit depends on all bits of both lanes.
fn mixed(a: u64, b: u64) -> u128 {
    let high = a ^ hash_u64(b, 1);
    let low = b ^ hash_u64(high, 2);
    u128::from(high) << 64 | u128::from(low)
}

/// What one column's values are hashed under.
#[derive(Clone, Copy)]
struct Keys {
    key: Pair,
    factor: Pair,
}

impl Keys {
    fn new(seed: u64, place: u64) -> Self {
        let word = |i: u64| hash_u64(4 * place + i, hash_u64(seed, 3));
        // An odd factor loses no bit of the word.
        Self { key: (word(0), word(1)), factor: (word(2) | 1, word(3) | 1) }
    }

    /// The kinds of the two lanes differ in different bits, so that no value of one kind is one of another in both.
    fn of(self, is: Is) -> Self {
        let key = (self.key.0 ^ hash_u64(is as u64, 4), self.key.1 ^ hash_u64(is as u64, 5));
        Self { key, ..self }
    }

    #[inline(always)]
    fn word(self, word: u64) -> Pair {
        (fold(word ^ self.key.0, self.factor.0), fold(word ^ self.key.1, self.factor.1))
    }

    /// Two words of which the second is below 2^63 and mostly zero.
    #[inline(always)]
    fn words(self, first: u64, second: u64) -> Pair {
        let (f, g) = (self.factor.0 ^ (second << 1), self.factor.1 ^ (second << 1));
        (fold(first ^ self.key.0, f), fold(first ^ self.key.1, g))
    }

    fn missing(self) -> Pair {
        self.of(Is::Missing).word(0)
    }

    /// 16 bytes of text as two words; the text's length is in the key.
    #[inline(always)]
    fn chunk(self, both: u128) -> Pair {
        let (first, second) = (both as u64, (both >> 64) as u64);
        (fold(first ^ self.key.0, second ^ self.factor.0), fold(first ^ self.key.1, second ^ self.factor.1))
    }

    #[inline(always)]
    fn with_length(self, length: usize) -> Self {
        let length = (length as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self { key: (self.key.0 ^ length, self.key.1 ^ length.rotate_left(32)), ..self }
    }

    fn bytes(self, bytes: &[u8]) -> Pair {
        let (full, rest) = bytes.as_chunks::<16>();
        let mut last = [0; 16];
        last[..rest.len()].copy_from_slice(rest);
        let last = if rest.is_empty() && !full.is_empty() { None } else { Some(&last) };
        let mut keys = self.with_length(bytes.len());
        full.iter().chain(last).for_each(|chunk| keys.key = keys.chunk(u128::from_le_bytes(*chunk)));
        keys.key
    }

    /// As [`bytes`](Self::bytes), of text of this length and whatever follows it up to a multiple of 16 bytes: read without
    /// a copy.
    #[inline(always)]
    fn padded(self, bytes: &[u8], length: usize) -> Pair {
        let mut keys = self.with_length(length);
        let mut left = length;
        for chunk in bytes.as_chunks::<16>().0 {
            keys.key = keys.chunk(u128::from_le_bytes(*chunk) & LOWEST[left.min(16)]);
            left = left.saturating_sub(16);
        }
        keys.key
    }
}

/// A column, and the hashes of its dictionary's values.
struct Column<'a> {
    name: &'a str,
    array: ArrayRef,
    keys: Keys,
    values: Vec<Pair>,
}

impl<'a> Column<'a> {
    fn new(name: &'a str, array: ArrayRef, keys: Keys) -> Result<Self> {
        let mut values = Vec::new();
        if let Some(dictionary) = array.as_any_dictionary_opt() {
            let entries = dictionary.values();
            if entries.len() > array.len() {
                // A small cut out of a table with a large dictionary.
                return Self::new(name, take(entries.as_ref(), dictionary.keys(), None)?, keys);
            }
            // Each value is hashed once, as it would be outside the dictionary.
            values = vec![(0, 0); entries.len()];
            let inner = Self::new(name, Arc::clone(entries), keys)?;
            let (mut a, mut b) = (vec![0; BLOCK], vec![0; BLOCK]);
            for (block, values) in values.chunks_mut(BLOCK).enumerate() {
                let (a, b) = (&mut a[..values.len()], &mut b[..values.len()]);
                a.fill(0);
                b.fill(0);
                inner.absorb(block * BLOCK, a, b)?;
                values.iter_mut().zip(a.iter().zip(b.iter())).for_each(|(to, (&a, &b))| *to = (a, b));
            }
        }
        Ok(Self { name, array, keys, values })
    }

    /// Adds the values from row `from` on to the lanes of their rows.
    fn absorb(&self, from: usize, a: &mut [u64], b: &mut [u64]) -> Result<()> {
        let array = self.array.slice(from, a.len());
        let array = array.as_ref();
        let mut out = Lanes { a, b, nulls: array.nulls(), missing: self.keys.missing() };
        match array.data_type() {
            DataType::Dictionary(..) => downcast_dictionary_array!(
                array => {
                    let keys = array.keys().values();
                    // What stands under a null may lie outside the dictionary.
                    out.each(|row| self.values.get(keys[row].as_usize()).copied().unwrap_or_default());
                }
                other => return Err(self.refused(other)),
            ),
            DataType::Utf8 => self.text(array.as_string::<i32>(), &mut out),
            DataType::LargeUtf8 => self.text(array.as_string::<i64>(), &mut out),
            DataType::Utf8View => {
                let (text, keys) = (array.as_string_view(), self.keys.of(Is::Text));
                out.each(|row| keys.bytes(text.value(row).as_bytes()));
            }
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => {
                let bytes = cast(array, &DataType::LargeBinary)?;
                let (bytes, keys) = (bytes.as_binary::<i64>(), self.keys.of(Is::Binary));
                out.each(|row| keys.bytes(bytes.value(row)));
            }
            DataType::Boolean => {
                let (flags, keys) = (array.as_boolean().values(), self.keys.of(Is::Boolean));
                out.each(|row| keys.word(u64::from(flags.value(row))));
            }
            DataType::Int8 => self.whole::<Int8Type>(array, &mut out),
            DataType::Int16 => self.whole::<Int16Type>(array, &mut out),
            DataType::Int32 => self.whole::<Int32Type>(array, &mut out),
            DataType::Int64 => self.whole::<Int64Type>(array, &mut out),
            DataType::UInt8 => self.whole::<UInt8Type>(array, &mut out),
            DataType::UInt16 => self.whole::<UInt16Type>(array, &mut out),
            DataType::UInt32 => self.whole::<UInt32Type>(array, &mut out),
            DataType::UInt64 => {
                let numbers = array.as_primitive::<UInt64Type>().values();
                let (small, large) = (self.keys.of(Is::Number), self.keys.of(Is::Large));
                out.each(|row| if numbers[row] >> 63 == 0 { small } else { large }.word(numbers[row]));
            }
            DataType::Float32 => self.floats::<Float32Type>(array, &mut out),
            DataType::Float64 => self.floats::<Float64Type>(array, &mut out),
            DataType::Float16 => {
                self.floats::<Float32Type>(cast(array, &DataType::Float32)?.as_ref(), &mut out)
            }
            DataType::Date32 => {
                let (days, keys) = (array.as_primitive::<Date32Type>().values(), self.keys.of(Is::Instant));
                out.each(|row| keys.words((i64::from(days[row]) * 86_400) as u64, 0));
            }
            DataType::Date64 | DataType::Timestamp(TimeUnit::Millisecond, _) => {
                self.instants::<1_000>(array, &mut out)?;
            }
            DataType::Timestamp(TimeUnit::Second, _) => self.instants::<1>(array, &mut out)?,
            DataType::Timestamp(TimeUnit::Microsecond, _) => self.instants::<1_000_000>(array, &mut out)?,
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                self.instants::<1_000_000_000>(array, &mut out)?
            }
            DataType::Time32(_) | DataType::Time64(_) => {
                let wide = cast(&cast(array, &DataType::Time64(TimeUnit::Nanosecond))?, &DataType::Int64)?;
                let (ticks, keys) = (wide.as_primitive::<Int64Type>().values(), self.keys.of(Is::TimeOfDay));
                out.each(|row| keys.word(ticks[row] as u64));
            }
            t if Kind::of(t) == Kind::Float => {
                let text = cast(array, &DataType::Utf8)?;
                let (text, numbers) = (text.as_string::<i32>(), Numbers::new(self.keys));
                out.each(|row| numbers.decimal(text.value(row)));
            }
            DataType::Null => out.each_missing(),
            other => return Err(self.refused(other)),
        }
        Ok(())
    }

    fn refused(&self, found: &DataType) -> Error {
        let expected = "text, numbers, booleans, bytes, dates or times to be hashed";
        Error::column_type(self.name, expected, found)
    }

    fn whole<T: ArrowPrimitiveType<Native: Into<i64>>>(&self, array: &dyn Array, out: &mut Lanes<'_>) {
        let (numbers, keys) = (array.as_primitive::<T>().values(), self.keys.of(Is::Number));
        out.each(|row| keys.word(numbers[row].into() as u64));
    }

    fn floats<T: ArrowPrimitiveType<Native: Into<f64>>>(&self, array: &dyn Array, out: &mut Lanes<'_>) {
        let (values, numbers) = (array.as_primitive::<T>().values(), Numbers::new(self.keys));
        out.each(|row| numbers.float(values[row].into()));
    }

    fn instants<const PER_SECOND: i64>(&self, array: &dyn Array, out: &mut Lanes<'_>) -> Result<()> {
        let wide = cast(array, &DataType::Int64)?;
        let (ticks, keys) = (wide.as_primitive::<Int64Type>().values(), self.keys.of(Is::Instant));
        out.each(|row| {
            // Seconds, and nanoseconds from there on: both rounded down, without a branch.
            let (seconds, rest) = (ticks[row] / PER_SECOND, ticks[row] % PER_SECOND);
            let below = rest >> 63;
            let nanoseconds = (rest + (PER_SECOND & below)) * (1_000_000_000 / PER_SECOND);
            keys.words((seconds + below) as u64, nanoseconds as u64)
        });
        Ok(())
    }

    fn text<O: OffsetSizeTrait>(&self, array: &GenericStringArray<O>, out: &mut Lanes<'_>) {
        let (offsets, data, keys) = (array.value_offsets(), array.value_data(), self.keys.of(Is::Text));
        out.each(|row| {
            let (start, end) = (offsets[row].as_usize(), offsets[row + 1].as_usize());
            let chunks = (end - start).max(1).div_ceil(16);
            match data.get(start..start + 16 * chunks) {
                Some(padded) => keys.padded(padded, end - start),
                None => keys.bytes(&data[start..end]),
            }
        });
    }
}

/// Ones in the lowest bytes, 0 to 16 of them.
const LOWEST: [u128; 17] = {
    let mut masks = [u128::MAX; 17];
    let mut bytes = 0;
    while bytes < 16 {
        masks[bytes] = (1 << (8 * bytes)) - 1;
        bytes += 1;
    }
    masks
};

/// The lanes of a block's rows, to which a column is added.
struct Lanes<'a> {
    a: &'a mut [u64],
    b: &'a mut [u64],
    nulls: Option<&'a NullBuffer>,
    missing: Pair,
}

impl Lanes<'_> {
    #[inline(always)]
    fn each(&mut self, hash: impl Fn(usize) -> Pair) {
        for (row, (a, b)) in self.a.iter_mut().zip(self.b.iter_mut()).enumerate() {
            let (x, y) = hash(row);
            *a = a.wrapping_add(x);
            *b = b.wrapping_add(y);
        }
        let Some(nulls) = self.nulls.filter(|nulls| nulls.null_count() > 0) else { return };
        // What was added for nulls is taken back: nothing is asked of the other values.
        let words = nulls.inner().bit_chunks();
        let lanes = self.a.chunks_mut(64).zip(self.b.chunks_mut(64));
        for (at, ((a, b), word)) in (0..).step_by(64).zip(lanes.zip(words.iter_padded())) {
            let mut null = !word & (u64::MAX >> (64 - a.len()));
            while null != 0 {
                let i = null.trailing_zeros() as usize;
                null &= null - 1;
                let (x, y) = hash(at + i);
                a[i] = a[i].wrapping_sub(x).wrapping_add(self.missing.0);
                b[i] = b[i].wrapping_sub(y).wrapping_add(self.missing.1);
            }
        }
    }

    fn each_missing(&mut self) {
        self.a.iter_mut().for_each(|a| *a = a.wrapping_add(self.missing.0));
        self.b.iter_mut().for_each(|b| *b = b.wrapping_add(self.missing.1));
    }
}

/// The keys of numbers that need not be whole.
struct Numbers {
    whole: Keys,
    fraction: Keys,
    large: Keys,
    missing: Pair,
}

impl Numbers {
    fn new(keys: Keys) -> Self {
        let (whole, fraction) = (keys.of(Is::Number), keys.of(Is::Fraction));
        Self { whole, fraction, large: keys.of(Is::Decimal), missing: keys.missing() }
    }

    /// A whole number has the hash of the integer, so that `1` and `1.0` are one value, and so are `0.0` and `-0.0`.
    #[inline(always)]
    fn float(&self, x: f64) -> Pair {
        let whole = x as i64;
        let is_whole = whole as f64 == x && x < 9_223_372_036_854_775_808.0;
        let keys = if is_whole { self.whole } else { self.fraction };
        let word = if is_whole { whole as u64 } else { x.to_bits() };
        let hash = keys.word(word);
        if x.is_nan() { self.missing } else { hash }
    }

    /// Up to 15 digits a double tells decimals apart; longer ones are hashed by their digits.
    fn decimal(&self, text: &str) -> Pair {
        // The zeros that a scale pads with are no digits of the value.
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
        let digits = text.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
        match text.parse() {
            Ok(x) if digits <= 15 => self.float(x),
            _ => match text.parse::<i64>() {
                Ok(whole) => self.whole.word(whole as u64),
                Err(_) => self.large.bytes(text.as_bytes()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    use arrow::array::{
        BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int32Array,
        Int64Array, NullArray, StringArray, StringViewArray, StructArray, Time64NanosecondArray,
        TimestampNanosecondArray, TimestampSecondArray, UInt64Array,
    };
    use arrow::datatypes::Int16Type;

    fn of(array: &dyn Array) -> Vec<u128> {
        hash_rows_128(&[("x", array)], 7).unwrap()
    }

    /// Once released, changing any of these makes stored fingerprints of rows useless.
    #[test]
    fn golden_values() {
        let text = StringArray::from(vec![Some("N14228"), None, Some("a text of more than 16 bytes")]);
        let number = Float64Array::from(vec![2013.0, -0.5, f64::NAN]);
        let time = TimestampNanosecondArray::from(vec![1_356_998_400_000_000_000, 1, -1]);
        let found = hash_rows_128(&[("tailnum", &text), ("year", &number), ("time", &time)], 42).unwrap();
        let golden = [
            136_298_180_131_710_062_133_551_420_542_784_965_418,
            289_890_877_863_920_229_933_205_851_107_309_847_380,
            173_968_851_693_601_066_379_551_982_152_482_965_407,
        ];
        assert_eq!(found, golden);
    }

    #[test]
    fn values_of_all_kinds_differ_in_both_halves() {
        let long = Decimal128Array::from(vec![1_234_567_890_123_456_789_012_345, -5, 1]);
        let arrays: [ArrayRef; 11] = [
            Arc::new(Int64Array::from_iter_values((-50..50).chain([i64::MIN, i64::MAX, 1 << 40]))),
            Arc::new(UInt64Array::from(vec![u64::MAX, 1 << 63, u64::MAX - 1])),
            Arc::new(Float64Array::from(vec![0.5, -0.5, 1e300, f64::INFINITY, f64::NEG_INFINITY, 5e-324])),
            Arc::new(BooleanArray::from(vec![Some(false), Some(true), None])),
            Arc::new(StringArray::from_iter_values(
                (0..40).map(|n| "a".repeat(n)).chain(["1".into(), "a\0".into()]),
            )),
            Arc::new(BinaryArray::from_iter_values([b"".as_slice(), b"a", b"1", b"12345678\0"])),
            Arc::new(Date32Array::from(vec![-1, 0, 1])),
            Arc::new(TimestampNanosecondArray::from(vec![1, -1, 86_400_000_000_001])),
            Arc::new(TimestampSecondArray::from(vec![1, i64::MAX, i64::MIN])),
            Arc::new(Time64NanosecondArray::from(vec![0, 1])),
            Arc::new(long.with_precision_and_scale(38, 2).unwrap()),
        ];
        let all: Vec<u128> = arrays.iter().flat_map(|array| of(array)).collect();
        for half in [0, 64] {
            let halves: BTreeSet<u64> = all.iter().map(|hash| (hash >> half) as u64).collect();
            assert_eq!(halves.len(), all.len());
        }
    }

    #[test]
    fn columns_seeds_and_their_number_count() {
        let (a, b) = (Int64Array::from(vec![1]), Int64Array::from(vec![2]));
        let of = |columns: &[(&str, &dyn Array)], seed| hash_rows_128(columns, seed).unwrap()[0];
        let null = NullArray::new(1);
        let all = [
            of(&[("a", &a), ("b", &b)], 0),
            of(&[("a", &b), ("b", &a)], 0),
            of(&[("a", &a)], 0),
            of(&[("a", &a)], 1),
            of(&[("a", &a), ("b", &null)], 0),
            of(&[("a", &null), ("b", &a)], 0),
            of(&[("a", &a), ("b", &a)], 0),
        ];
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert!(hash_rows_128(&[], 0).is_err());
        assert!(hash_rows_128(&[("a", &a), ("b", &Int64Array::from(vec![1, 2]))], 0).is_err());
        let nested = StructArray::new_empty_fields(1, None);
        let error = hash_rows_128(&[("x", &nested)], 0).unwrap_err().to_string();
        assert!(error.starts_with("column `x` must be text"), "{error}");
    }

    /// Rows of more than one block, nulls, slices that start anywhere, and text that ends where its buffer ends.
    #[test]
    fn encodings_and_places_do_not_matter() {
        let rows = 2 * BLOCK + 77;
        let word = |i: usize| (i % 7 != 3).then(|| format!("{}{}", "x".repeat(i % 37), i % 11));
        let number = |i: usize| (i % 5 != 2).then_some((i % 100) as i32 - 50);
        let text: StringArray = (0..rows).map(word).collect();
        let keyed: DictionaryArray<Int16Type> =
            (0..rows).map(word).collect::<Vec<_>>().iter().map(|w| w.as_deref()).collect();
        let view: StringViewArray = (0..rows).map(word).collect();
        let numbers: Int32Array = (0..rows).map(number).collect();
        let doubles: Float64Array = (0..rows).map(|i| number(i).map(f64::from)).collect();
        let whole = hash_rows_128(&[("t", &text), ("n", &numbers)], 1).unwrap();
        let other: [(&dyn Array, &dyn Array); 2] = [(&keyed, &doubles), (&view, &numbers)];
        for (text, numbers) in other {
            assert_eq!(hash_rows_128(&[("t", text), ("n", numbers)], 1).unwrap(), whole);
        }
        for (from, length) in [(0, 1), (1, BLOCK), (63, BLOCK + 1), (BLOCK + 9, BLOCK), (rows - 1, 1), (5, 0)]
        {
            let wanted = &whole[from..from + length];
            for (text, numbers) in [(&text as &dyn Array, &numbers as &dyn Array), (&keyed, &doubles)] {
                let (text, numbers) = (text.slice(from, length), numbers.slice(from, length));
                assert_eq!(hash_rows_128(&[("t", &text), ("n", &numbers)], 1).unwrap(), wanted);
            }
        }
    }

    #[test]
    fn what_stands_under_a_null_does_not_count() {
        let nulls = NullBuffer::from(vec![true, false]);
        let keys = arrow::array::Int16Array::new(vec![0, -9].into(), Some(nulls.clone()));
        // A key below a null may be anything, but arrow's checked constructor is the only one without `unsafe`.
        let keyed = DictionaryArray::<Int16Type>::try_new(keys, Arc::new(Int64Array::from(vec![5, 6])));
        let plain = of(&Int64Array::from(vec![Some(5), None]));
        assert_eq!(of(&Int64Array::new(vec![5, 77].into(), Some(nulls))), plain);
        if let Ok(keyed) = keyed {
            assert_eq!(of(&keyed), plain);
        }
        let null_value = DictionaryArray::<Int16Type>::new(
            vec![0, 1].into(),
            Arc::new(Int64Array::from(vec![Some(5), None])),
        );
        assert_eq!(of(&null_value), plain);
    }

    /// The halves are as random as the sketches of rows need: the tenth part of consecutive numbers has a hash in the
    /// lowest tenth, within five standard errors.
    #[test]
    fn halves_are_uniform() {
        let hashes = of(&Int64Array::from_iter_values(0..100_000));
        for half in [0, 64] {
            let low = hashes.iter().filter(|&&hash| (hash >> half) as u64 / (u64::MAX / 10) == 0).count();
            assert!((9_525..10_475).contains(&low), "{low}");
        }
        for bit in 0..128 {
            let ones = hashes.iter().filter(|&&hash| hash >> bit & 1 == 1).count();
            assert!((49_200..50_800).contains(&ones), "bit {bit}: {ones}");
        }
    }
}

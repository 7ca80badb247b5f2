//! Categorical values: one type for the classes of a target, the levels of a column and the keys of a count.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringArray, new_null_array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use serde::{Deserialize, Serialize};

use crate::coder::{Coder, code_text};
use crate::{Error, Result};

/// One categorical value. Booleans order before numbers, numbers before text.
///
/// Floats compare as numbers and equal integers of the same value; NaN never becomes a category, it is missing.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// `false` or `true`.
    Bool(bool),
    /// An integer of any width.
    Int(i64),
    /// A floating number.
    Float(f64),
    /// Text; dates and times are written in ISO 8601, instants in UTC and without a zone, so that they sort in
    /// time.
    Text(Arc<str>),
}

impl Category {
    fn rank(&self) -> u8 {
        match self {
            Self::Bool(_) => 0,
            Self::Int(_) | Self::Float(_) => 1,
            Self::Text(_) => 2,
        }
    }

    /// The value as a number, if it is one: booleans are 0 and 1.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Bool(b) => Some(f64::from(u8::from(*b))),
            Self::Int(i) => Some(*i as f64),
            Self::Float(x) => Some(*x),
            Self::Text(_) => None,
        }
    }
}

/// 2^63: the first double that is no `i64`.
const TWO_63: f64 = 9_223_372_036_854_775_808.0;

/// Compares an integer with a float exactly: rounding the integer to a float would merge neighbours. NaN orders
/// after all numbers.
fn compare_int_float(i: i64, x: f64) -> Ordering {
    if x >= TWO_63 || x.is_nan() {
        Ordering::Less
    } else if x < -TWO_63 {
        Ordering::Greater
    } else {
        let whole = x.trunc();
        i.cmp(&(whole as i64)).then_with(|| 0.0_f64.total_cmp(&(x - whole + 0.0)))
    }
}

impl Ord for Category {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            // Adding zero turns -0.0 into 0.0, so that both are one category.
            (Self::Float(a), Self::Float(b)) => match (a.is_nan(), b.is_nan()) {
                (false, false) => (a + 0.0).total_cmp(&(b + 0.0)),
                (a, b) => a.cmp(&b),
            },
            (Self::Int(a), Self::Float(b)) => compare_int_float(*a, *b),
            (Self::Float(a), Self::Int(b)) => compare_int_float(*b, *a).reverse(),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Category {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Category {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Category {}

impl Hash for Category {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Bool(b) => b.hash(state),
            Self::Int(i) => i.hash(state),
            // Equal integers and floats must hash alike.
            Self::Float(x) if *x == x.trunc() && (-TWO_63..TWO_63).contains(x) => (*x as i64).hash(state),
            Self::Float(x) => x.to_bits().hash(state),
            Self::Text(s) => s.hash(state),
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(b) => b.fmt(f),
            Self::Int(i) => i.fmt(f),
            Self::Float(x) => x.fmt(f),
            Self::Text(s) => f.write_str(s),
        }
    }
}

impl From<&str> for Category {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl From<bool> for Category {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Category {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

/// Builds an Arrow array of the plainest type that holds all the values: Boolean, Int64, Float64 or Utf8.
pub fn to_array(values: &[Option<Category>]) -> ArrayRef {
    let all = |test: fn(&Category) -> bool| values.iter().flatten().all(test);
    if all(|v| matches!(v, Category::Text(_))) {
        Arc::new(StringArray::from_iter(values.iter().map(|v| v.as_ref().map(ToString::to_string))))
    } else if all(|v| matches!(v, Category::Bool(_))) {
        Arc::new(BooleanArray::from_iter(
            values.iter().map(|v| v.as_ref().map(|v| *v == Category::Bool(true))),
        ))
    } else if all(|v| matches!(v, Category::Int(_))) {
        Arc::new(Int64Array::from_iter(values.iter().map(|v| match v {
            Some(Category::Int(i)) => Some(*i),
            _ => None,
        })))
    } else if all(|v| v.as_f64().is_some()) {
        Arc::new(Float64Array::from_iter(values.iter().map(|v| v.as_ref().and_then(Category::as_f64))))
    } else {
        Arc::new(StringArray::from_iter(values.iter().map(|v| v.as_ref().map(ToString::to_string))))
    }
}

/// A column as codes into its distinct values, in order of first appearance.
#[derive(Debug, Clone, PartialEq)]
pub struct Coded {
    /// A code per row: an index into `distinct`, or [`Coded::MISSING`].
    pub codes: Vec<u32>,
    /// The distinct values; every one of them occurs.
    pub distinct: Vec<Category>,
}

impl Coded {
    /// The code of a missing value.
    pub const MISSING: u32 = u32::MAX;

    /// Codes a column of strings, booleans, numbers, dates or times, in any Arrow encoding.
    ///
    /// # Errors
    ///
    /// [`ColumnType`](crate::ErrorKind::ColumnType) for nested, binary and other types that have no categories.
    pub fn new(column: &str, array: &dyn Array) -> Result<Self> {
        match array.data_type() {
            DataType::Dictionary(_, _) => Self::from_dictionary(column, array),
            DataType::Utf8 => Ok(code_text(array.as_string::<i32>().iter())),
            DataType::LargeUtf8 => Ok(code_text(array.as_string::<i64>().iter())),
            DataType::Utf8View => Ok(code_text(array.as_string_view().iter())),
            DataType::Boolean => {
                let mut coder = Coder::with_capacity(array.len());
                array.as_boolean().iter().for_each(|v| coder.push(v, Category::Bool));
                Ok(coder.finish())
            }
            DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32
            | DataType::UInt64 => {
                let wide = cast(array, &DataType::Int64)?;
                if wide.null_count() > array.null_count() {
                    return Err(Error::column_type(
                        column,
                        "integers up to 9223372036854775807",
                        "larger ones",
                    ));
                }
                let mut coder = Coder::with_capacity(array.len());
                wide.as_primitive::<Int64Type>().iter().for_each(|v| coder.push(v, Category::Int));
                Ok(coder.finish())
            }
            DataType::Float16
            | DataType::Float32
            | DataType::Float64
            | DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..) => {
                let values = crate::column::floats(column, array)?;
                check_decimals(column, array.data_type(), &values)?;
                let mut coder = Coder::with_capacity(array.len());
                for &x in values.iter() {
                    let key = (!x.is_nan()).then(|| (x + 0.0).to_bits());
                    coder.push(key, |bits| Category::Float(f64::from_bits(bits)));
                }
                Ok(coder.finish())
            }
            DataType::Timestamp(unit, Some(_)) => {
                // The same instants without their zone: UTC, whatever zone they are shown in.
                let utc = cast(&cast(array, &DataType::Int64)?, &DataType::Timestamp(*unit, None))?;
                Self::new(column, &utc)
            }
            DataType::Date32
            | DataType::Date64
            | DataType::Timestamp(..)
            | DataType::Time32(_)
            | DataType::Time64(_) => {
                // Only distinct values are written out: rows repeat them.
                let narrow = matches!(array.data_type(), DataType::Date32 | DataType::Time32(_));
                let stored = if narrow { &DataType::Int32 } else { &DataType::Int64 };
                let integers = cast(&cast(array, stored)?, &DataType::Int64)?;
                let mut coder = Coder::with_capacity(array.len());
                integers.as_primitive::<Int64Type>().iter().for_each(|v| coder.push(v, Category::Int));
                let coded = coder.finish();
                let integer = |value: &Category| if let Category::Int(i) = value { Some(*i) } else { None };
                let distinct: Int64Array = coded.distinct.iter().map(integer).collect();
                let outside = || {
                    Error::column_type(column, "dates in the years 0 to 9999, or times of a day", "others")
                };
                let stamps = cast(&cast(&distinct, stored)?, array.data_type())?;
                let text = cast(&stamps, &DataType::Utf8).map_err(|_| outside())?;
                let text = text.as_string::<i32>();
                // Years beyond four digits have a sign, and would not sort in time.
                if text.null_count() > 0 || text.iter().flatten().any(|t| t.starts_with(['+', '-'])) {
                    return Err(outside());
                }
                let text = code_text(text.iter());
                let code = |code: u32| text.codes.get(code as usize).copied().unwrap_or(Self::MISSING);
                Ok(Self { codes: coded.codes.into_iter().map(code).collect(), distinct: text.distinct })
            }
            DataType::Null => Ok(Self { codes: vec![Self::MISSING; array.len()], distinct: Vec::new() }),
            other => {
                Err(Error::column_type(column, "text, booleans, numbers or dates to have categories", other))
            }
        }
    }

    /// Codes the dictionary's values once and translates the keys; unused values disappear.
    fn from_dictionary(column: &str, array: &dyn Array) -> Result<Self> {
        let dictionary = array.as_any_dictionary();
        // Arrow's keys of a dictionary without values cannot be normalised.
        if dictionary.values().is_empty() {
            return Ok(Self { codes: vec![Self::MISSING; array.len()], distinct: Vec::new() });
        }
        if let (true, DataType::Dictionary(_, plain)) =
            (dictionary.values().len() > array.len(), array.data_type())
        {
            // A slice keeps the whole dictionary: coding all of it for every slice would cost its square.
            return Self::new(column, &cast(array, plain)?);
        }
        let values = Self::new(column, dictionary.values().as_ref())?;
        let keys = dictionary.normalized_keys();
        let mut coder = Coder::with_capacity(array.len());
        for (row, &key) in keys.iter().enumerate() {
            let code = if array.is_valid(row) { values.codes[key] } else { Self::MISSING };
            coder
                .push((code != Self::MISSING).then_some(code), |code| values.distinct[code as usize].clone());
        }
        Ok(coder.finish())
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// The value of a row, or `None` where it is missing.
    pub fn value(&self, row: usize) -> Option<&Category> {
        self.distinct.get(*self.codes.get(row)? as usize)
    }

    /// How many rows are missing.
    pub fn missing(&self) -> usize {
        self.codes.iter().filter(|&&code| code == Self::MISSING).count()
    }

    /// The same column with `distinct` in ascending order.
    pub fn sorted(mut self) -> Self {
        let mut order: Vec<usize> = (0..self.distinct.len()).collect();
        order.sort_by(|&a, &b| self.distinct[a].cmp(&self.distinct[b]));
        let mut place = vec![0u32; order.len()];
        for (new, &old) in order.iter().enumerate() {
            place[old] = new as u32;
        }
        for code in &mut self.codes {
            if *code != Self::MISSING {
                *code = place[*code as usize];
            }
        }
        self.distinct = order.into_iter().map(|old| self.distinct[old].clone()).collect();
        self
    }

    /// Translates each distinct value to its index in the ascending list `known`; `None` where it is not there.
    pub fn places_in(&self, known: &[Category]) -> Vec<Option<u32>> {
        self.distinct.iter().map(|v| known.binary_search(v).ok().map(|i| i as u32)).collect()
    }
}

/// Doubles hold 15 digits of a decimal: with more, two decimals could become one category.
fn check_decimals(column: &str, data_type: &DataType, values: &[f64]) -> Result<()> {
    let scale = match data_type {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => *scale,
        _ => return Ok(()),
    };
    let unit = 10f64.powi(i32::from(scale));
    match values.iter().position(|x| (x * unit).abs() >= 1e15) {
        None => Ok(()),
        Some(row) => {
            let expected = "decimals of at most 15 digits to be categories";
            Err(Error::invalid_value(column, Some(row), values[row], expected))
        }
    }
}

/// An array of `rows` values of `data_type` that all equal `value` (or are null), for filling gaps.
///
/// # Errors
///
/// [`InvalidValue`](crate::ErrorKind::InvalidValue) when `data_type` cannot hold the value.
pub fn scalar_array(column: &str, value: Option<&Category>, data_type: &DataType) -> Result<ArrayRef> {
    let Some(value) = value else {
        return Ok(new_null_array(data_type, 1));
    };
    let plain = to_array(&[Some(value.clone())]);
    let array = match data_type {
        // Categories of instants are in UTC; a plain cast would read them as local time.
        DataType::Timestamp(unit, Some(_)) => {
            let utc = cast(&plain, &DataType::Timestamp(*unit, None))?;
            cast(&cast(&utc, &DataType::Int64)?, data_type)?
        }
        _ => cast(&plain, data_type)?,
    };
    // A cast may round (2.5 to 2) or wrap to null: neither is the value that was asked for.
    let back = Coded::new(column, array.as_ref())?;
    let narrow = matches!(data_type, DataType::Float16 | DataType::Float32);
    let near = |kept: &Category| match (kept.as_f64(), value.as_f64()) {
        (Some(a), Some(b)) => narrow && a.is_finite() && b.is_finite() && (a - b).abs() <= 1e-3 * b.abs(),
        _ => false,
    };
    let kept = back.value(0).is_some_and(|kept| kept == value || near(kept));
    if kept {
        Ok(array)
    } else {
        Err(Error::invalid_value(column, None, value, format!("a value that {data_type} can hold")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{DictionaryArray, Int32Array, LargeStringArray, StringViewArray};
    use arrow::datatypes::Int8Type;

    #[test]
    fn every_text_encoding_codes_alike() {
        let values = [Some("b"), None, Some("a"), Some("b")];
        let plain = Coded::new("c", &StringArray::from(values.to_vec())).unwrap();
        assert_eq!(plain.codes, [0, Coded::MISSING, 1, 0]);
        assert_eq!(plain.distinct, [Category::from("b"), Category::from("a")]);
        let dictionary: DictionaryArray<Int8Type> = values.into_iter().collect();
        assert_eq!(Coded::new("c", &dictionary).unwrap(), plain);
        assert_eq!(Coded::new("c", &LargeStringArray::from(values.to_vec())).unwrap(), plain);
        assert_eq!(Coded::new("c", &StringViewArray::from(values.to_vec())).unwrap(), plain);
        let sliced = StringArray::from(vec![Some("z"), Some("b"), None, Some("a"), Some("b")]).slice(1, 4);
        assert_eq!(Coded::new("c", &sliced).unwrap(), plain);
        assert_eq!(plain.sorted().codes, [1, Coded::MISSING, 0, 1]);
    }

    #[test]
    fn integers_keep_their_order_and_floats_meet_them() {
        let coded = Coded::new("c", &Int32Array::from(vec![10, 9, 10])).unwrap().sorted();
        assert_eq!(coded.distinct, [Category::Int(9), Category::Int(10)]);
        assert_eq!(Category::Int(2), Category::Float(2.0));
        assert!(Category::Int(2) < Category::Float(2.5) && Category::Float(-2.5) < Category::Int(-2));
        assert!(Category::Int(i64::MAX) < Category::Float(9.3e18));
        let zeros =
            Coded::new("c", &Float64Array::from(vec![Some(0.0), Some(-0.0), Some(f64::NAN), None])).unwrap();
        assert_eq!(zeros.codes, [0, 0, Coded::MISSING, Coded::MISSING]);
    }

    #[test]
    fn scalars_refuse_to_round() {
        assert!(scalar_array("c", Some(&Category::Float(2.5)), &DataType::Int32).is_err());
        assert!(scalar_array("c", Some(&Category::Int(300)), &DataType::UInt8).is_err());
        assert!(scalar_array("c", Some(&Category::from("x")), &DataType::LargeUtf8).is_ok());
        assert!(scalar_array("c", Some(&Category::Float(0.1)), &DataType::Float32).is_ok());
    }
}

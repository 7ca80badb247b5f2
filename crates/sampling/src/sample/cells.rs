//! Values of rows as plain data, and typed columns of them again, exactly.

use std::sync::Arc;

use mlsys_core::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, PrimitiveArray, StringArray,
    UInt64Array, new_empty_array, new_null_array,
};
use mlsys_core::arrow::compute::{CastOptions, cast, cast_with_options};
use mlsys_core::arrow::datatypes::{
    DataType, Decimal32Type, Decimal64Type, Decimal128Type, DecimalType, Float64Type, Int64Type, UInt64Type,
};
use mlsys_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// A value as Arrow stores it. A [`Category`](mlsys_core::Category) would lose the digits of decimals and NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Cell {
    Bool(bool),
    /// Integers; dates, times and instants in their unit; decimals without their point.
    Int(i128),
    Float(f64),
    Text(Arc<str>),
}

/// Refuses a column whose values would not come back as they went in.
pub(super) fn check_type(column: &str, data_type: &DataType) -> Result<()> {
    let fine = match data_type {
        DataType::Dictionary(_, values) => {
            !matches!(values.as_ref(), DataType::Dictionary(..) | DataType::Null)
                && cast(&new_empty_array(values), data_type).is_ok()
                && check_type(column, values).is_ok()
        }
        DataType::Decimal256(..) => false,
        DataType::Null
        | DataType::Boolean
        | DataType::Date32
        | DataType::Date64
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Timestamp(..)
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View => true,
        other => other.is_numeric(),
    };
    if fine {
        return Ok(());
    }
    let expected = "numbers, booleans, text, dates or times to be kept as rows; choose other columns";
    Err(Error::column_type(column, expected, data_type))
}

/// How the integers behind a type are stored; `None` for what is not integers.
fn stored(data_type: &DataType) -> Option<DataType> {
    Some(match data_type {
        DataType::Date32 | DataType::Time32(_) => DataType::Int32,
        DataType::Date64 | DataType::Time64(_) | DataType::Timestamp(..) => DataType::Int64,
        other if other.is_integer() && other != &DataType::UInt64 => other.clone(),
        _ => return None,
    })
}

/// The values of a column.
pub(super) fn read(array: &ArrayRef) -> Result<Vec<Option<Cell>>> {
    fn decimals<T: DecimalType<Native: Into<i128>>>(array: &ArrayRef) -> Vec<Option<Cell>> {
        array.as_primitive::<T>().iter().map(|v| v.map(|v| Cell::Int(v.into()))).collect()
    }
    if let Some(stored) = stored(array.data_type()) {
        let wide = cast(&cast(array, &stored)?, &DataType::Int64)?;
        return Ok(wide.as_primitive::<Int64Type>().iter().map(|v| v.map(|v| Cell::Int(v.into()))).collect());
    }
    Ok(match array.data_type() {
        DataType::Dictionary(_, values) => read(&cast(array, values)?)?,
        DataType::Null => vec![None; array.len()],
        DataType::Boolean => array.as_boolean().iter().map(|v| v.map(Cell::Bool)).collect(),
        DataType::UInt64 => {
            array.as_primitive::<UInt64Type>().iter().map(|v| v.map(|v| Cell::Int(v.into()))).collect()
        }
        DataType::Decimal32(..) => decimals::<Decimal32Type>(array),
        DataType::Decimal64(..) => decimals::<Decimal64Type>(array),
        DataType::Decimal128(..) => decimals::<Decimal128Type>(array),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let text = cast(array, &DataType::LargeUtf8)?;
            text.as_string::<i64>().iter().map(|v| v.map(|v| Cell::Text(v.into()))).collect()
        }
        _ => {
            let floats = cast(array, &DataType::Float64)?;
            floats.as_primitive::<Float64Type>().iter().map(|v| v.map(Cell::Float)).collect()
        }
    })
}

/// A column of these values.
pub(super) fn write(column: &str, cells: &[Option<&Cell>], data_type: &DataType) -> Result<ArrayRef> {
    let other = |cell: &Cell| {
        let found = format!("{cell:?}").chars().take(40).collect::<String>();
        Error::state(format!("values of {data_type} in column `{column}`"), found)
    };
    /// Each value, or the error of one that is of another kind.
    fn each<T>(
        cells: &[Option<&Cell>],
        value: impl Fn(&Cell) -> Option<T>,
        other: impl Fn(&Cell) -> Error,
    ) -> Result<Vec<Option<T>>> {
        cells.iter().map(|cell| cell.map(|cell| value(cell).ok_or_else(|| other(cell))).transpose()).collect()
    }
    fn decimals<T: DecimalType<Native: TryFrom<i128>>>(
        values: Vec<Option<T::Native>>,
        precision: u8,
        scale: i8,
    ) -> Result<ArrayRef> {
        let array = PrimitiveArray::<T>::from_iter(values).with_precision_and_scale(precision, scale)?;
        Ok(Arc::new(array))
    }
    fn int<T: TryFrom<i128>>(cell: &Cell) -> Option<T> {
        if let Cell::Int(value) = cell { T::try_from(*value).ok() } else { None }
    }
    // What does not fit is an error, never null.
    let exact = CastOptions { safe: false, ..CastOptions::default() };
    if let Some(stored) = stored(data_type) {
        let wide = Int64Array::from(each(cells, int::<i64>, other)?);
        let narrow = cast_with_options(&wide, &stored, &exact)?;
        return Ok(cast_with_options(&narrow, data_type, &exact)?);
    }
    Ok(match data_type {
        DataType::Dictionary(_, values) => {
            cast_with_options(&write(column, cells, values)?, data_type, &exact)?
        }
        DataType::Null => match cells.iter().flatten().next() {
            Some(cell) => return Err(other(cell)),
            None => new_null_array(data_type, cells.len()),
        },
        DataType::Boolean => {
            let flag = |cell: &Cell| if let Cell::Bool(flag) = cell { Some(*flag) } else { None };
            Arc::new(BooleanArray::from(each(cells, flag, other)?))
        }
        DataType::UInt64 => Arc::new(UInt64Array::from(each(cells, int::<u64>, other)?)),
        DataType::Decimal32(p, s) => decimals::<Decimal32Type>(each(cells, int, other)?, *p, *s)?,
        DataType::Decimal64(p, s) => decimals::<Decimal64Type>(each(cells, int, other)?, *p, *s)?,
        DataType::Decimal128(p, s) => decimals::<Decimal128Type>(each(cells, int, other)?, *p, *s)?,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let text = |cell: &Cell| if let Cell::Text(text) = cell { Some(text.to_string()) } else { None };
            cast_with_options(&StringArray::from(each(cells, text, other)?), data_type, &exact)?
        }
        _ => {
            let float = |cell: &Cell| if let Cell::Float(x) = cell { Some(*x) } else { None };
            cast_with_options(&Float64Array::from(each(cells, float, other)?), data_type, &exact)?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlsys_core::arrow::array::{
        Date32Array, Decimal128Array, DictionaryArray, Float16Array, Float32Array, Int8Array,
        IntervalDayTimeArray, LargeBinaryArray, StringViewArray, Time64NanosecondArray,
        TimestampNanosecondArray, UInt32Array,
    };
    use mlsys_core::arrow::compute::take;
    use mlsys_core::arrow::datatypes::Int16Type;

    fn every_type() -> Vec<ArrayRef> {
        let text = [Some("b"), None, Some(""), Some("Zürich")];
        let dictionary: DictionaryArray<Int16Type> = text.into_iter().collect();
        let dates: ArrayRef =
            Arc::new(Date32Array::from(vec![Some(0), None, Some(-800_000), Some(4_000_000)]));
        let of_dates = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Date32));
        let floats = vec![Some(-0.0), None, Some(f64::NAN), Some(f64::NEG_INFINITY)];
        let float32: Float32Array = floats.iter().map(|x| x.map(|x| x as f32)).collect();
        let digits = vec![Some(i128::from(i64::MAX) * 1_000_003), None, Some(-1), Some(0)];
        let instants = TimestampNanosecondArray::from(vec![Some(i64::MAX), None, Some(i64::MIN), Some(1)]);
        vec![
            Arc::new(StringArray::from(text.to_vec())),
            Arc::new(StringViewArray::from(text.to_vec())),
            Arc::new(dictionary),
            cast(&dates, &of_dates).unwrap(),
            dates,
            Arc::new(Float64Array::from(floats)),
            cast(&float32, &DataType::Float16).unwrap(),
            Arc::new(float32),
            Arc::new(Float16Array::new_null(4)),
            Arc::new(Int8Array::from(vec![Some(-128), None, Some(127), Some(0)])),
            Arc::new(UInt64Array::from(vec![Some(u64::MAX), None, Some(0), Some(1)])),
            Arc::new(UInt32Array::from(vec![Some(u32::MAX), None, Some(0), Some(1)])),
            Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), Some(true)])),
            Arc::new(Decimal128Array::from(digits).with_precision_and_scale(38, 17).unwrap()),
            Arc::new(
                PrimitiveArray::<Decimal32Type>::from(vec![Some(99_999), None, Some(-7), Some(0)])
                    .with_precision_and_scale(5, -2)
                    .unwrap(),
            ),
            Arc::new(instants.clone()),
            Arc::new(instants.with_timezone("Europe/Zurich")),
            Arc::new(Time64NanosecondArray::from(vec![Some(1), None, Some(86_399_999_999_999), Some(0)])),
            new_null_array(&DataType::Null, 4),
        ]
    }

    #[test]
    fn values_come_back_as_they_went_in() {
        for array in every_type() {
            check_type("c", array.data_type()).unwrap();
            let picked = take(&array, &UInt32Array::from(vec![3, 1, 0, 2, 2]), None).unwrap();
            let cells = read(&picked).unwrap();
            let mut bytes = Vec::new();
            ciborium::into_writer(&cells, &mut bytes).unwrap();
            let travelled: Vec<Option<Cell>> = ciborium::from_reader(bytes.as_slice()).unwrap();
            let cells: Vec<Option<&Cell>> = travelled.iter().map(Option::as_ref).collect();
            let back = write("c", &cells, array.data_type()).unwrap();
            assert_eq!(back.data_type(), array.data_type());
            let shown = |array: &ArrayRef| format!("{array:?}");
            // NaN is not equal to itself; a dictionary may be built anew.
            match array.data_type() {
                DataType::Dictionary(_, values) => {
                    assert_eq!(&cast(&back, values).unwrap(), &cast(&picked, values).unwrap());
                }
                _ => assert_eq!(shown(&back), shown(&picked)),
            }
        }
    }

    #[test]
    fn cells_of_another_kind_are_errors_in_every_type() {
        let cells = [
            Cell::Bool(true),
            Cell::Int(i128::MAX),
            Cell::Int(i128::from(i64::MIN)),
            Cell::Float(f64::NAN),
            Cell::Text("x".into()),
        ];
        for array in every_type() {
            let wrong = cells.iter().filter(|cell| write("c", &[Some(cell)], array.data_type()).is_err());
            assert!(wrong.count() >= 3, "{}", array.data_type());
        }
    }

    #[test]
    fn types_that_are_not_kept_say_so() {
        let others: [ArrayRef; 2] =
            [Arc::new(LargeBinaryArray::new_null(1)), Arc::new(IntervalDayTimeArray::new_null(1))];
        let flags = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Boolean));
        let types = others.iter().map(|array| array.data_type().clone());
        for data_type in types.chain([flags, DataType::Decimal256(40, 2)]) {
            let error = check_type("c", &data_type).unwrap_err();
            assert!(error.column() == Some("c") && error.to_string().contains("kept as rows"), "{error}");
        }
    }
}

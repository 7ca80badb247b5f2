//! The smallest and the largest value.

use mlsys_core::arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use mlsys_core::arrow::compute::{cast, take};
use mlsys_core::arrow::datatypes::{DataType, Field, Int64Type, UInt64Type};
use mlsys_core::{Category, Coded, Error, Kind, Result};
use serde::{Deserialize, Serialize};

use crate::counts::ascend;
use crate::{Column, ColumnStatistic, Infinite};

/// The smallest and the largest value; exact, for numbers (infinities included), text, booleans and times.
///
/// Missing values do not count, nor rows of weight zero. Unsigned integers above 2^63 are given as doubles.
///
/// ```
/// use mlsys_core::{Category, arrow::array::{ArrayRef, Int32Array}};
/// use mlsys_stats::{ColumnStatistic, MinMax};
/// use std::sync::Arc;
///
/// let x: ArrayRef = Arc::new(Int32Array::from(vec![Some(3), None, Some(-2)]));
/// let summary = MinMax::new().of("x", &x, None)?;
/// assert_eq!(summary.min, Some(Category::Int(-2)));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// | parameter | default | effect |
/// |---|---|---|
/// | `infinite` | `Count` | infinite values are ordered like others, or refused |
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a statistic does nothing until it is run"]
pub struct MinMax {
    infinite: Infinite,
}

impl MinMax {
    /// The statistic with its default.
    pub fn new() -> Self {
        Self::default()
    }

    /// What to do with infinite values; by default they are ordered like any other.
    pub fn infinite(mut self, infinite: Infinite) -> Self {
        self.infinite = infinite;
        self
    }
}

/// The state of [`MinMax`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MinMaxState {
    range: Option<(Category, Category)>,
}

/// What [`MinMax`] found; `None` when every value is missing.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MinMaxSummary {
    /// The smallest value.
    pub min: Option<Category>,
    /// The largest value.
    pub max: Option<Category>,
}

impl MinMaxState {
    fn add(&mut self, other: Option<(Category, Category)>) {
        let Some((low, high)) = other else { return };
        match &mut self.range {
            None => self.range = Some((low, high)),
            Some((min, max)) => {
                if low < *min {
                    *min = low;
                }
                if high > *max {
                    *max = high;
                }
            }
        }
    }
}

impl MinMaxState {
    /// Adds values that each occur.
    pub(crate) fn add_values(&mut self, values: &[Category]) {
        self.add(values.iter().min().cloned().zip(values.iter().max().cloned()));
    }
}

/// The rows of the smallest and the largest value, the first of equals.
fn extremes<T: PartialOrd + Copy>(values: impl Iterator<Item = (usize, T)>) -> Option<(usize, usize)> {
    let mut found: Option<((usize, T), (usize, T))> = None;
    for (row, value) in values {
        match &mut found {
            None => found = Some(((row, value), (row, value))),
            Some((low, _)) if value < low.1 => *low = (row, value),
            Some((_, high)) if value > high.1 => *high = (row, value),
            Some(_) => {}
        }
    }
    found.map(|(low, high)| (low.0, high.0))
}

fn extreme_rows(column: &Column<'_>) -> Result<Option<(usize, usize)>> {
    let array = column.array();
    let counts = |row: &usize| column.weights().is_none_or(|w| w[*row] > 0.0);
    let valid = |array: &ArrayRef| -> Vec<usize> {
        (0..array.len()).filter(|&r| array.is_valid(r)).filter(counts).collect()
    };
    Ok(match Kind::of(array.data_type()) {
        Kind::Float => {
            let values = column.floats()?;
            extremes(values.iter().copied().enumerate().filter(|(row, x)| !x.is_nan() && counts(row)))
        }
        Kind::Integer if plain(array)?.data_type() == &DataType::UInt64 => {
            let wide = plain(array)?;
            let values = wide.as_primitive::<UInt64Type>().values();
            extremes(valid(&wide).into_iter().map(|row| (row, values[row])))
        }
        Kind::Integer | Kind::Boolean | Kind::Date | Kind::Time => {
            let wide = cast(&plain(array)?, &DataType::Int64)?;
            let values = wide.as_primitive::<Int64Type>().values();
            extremes(valid(&wide).into_iter().map(|row| (row, values[row])))
        }
        Kind::Text => {
            let text = cast(array, &DataType::LargeUtf8)?;
            let values = text.as_string::<i64>();
            extremes(valid(&text).into_iter().map(|row| (row, values.value(row))))
        }
        _ => None,
    })
}

/// Times as the integers that they are stored as; a cast of a dictionary to Int64 would read text.
fn plain(array: &ArrayRef) -> Result<ArrayRef> {
    let plain = match array.data_type() {
        DataType::Dictionary(_, values) => cast(array, values)?,
        _ => array.clone(),
    };
    Ok(match plain.data_type() {
        DataType::Date32 | DataType::Time32(_) => cast(&plain, &DataType::Int32)?,
        _ => plain,
    })
}

impl ColumnStatistic for MinMax {
    const NAME: &'static str = "mlsys.MinMax";

    type State = MinMaxState;
    type Output = MinMaxSummary;

    fn init(&self, field: &Field) -> Result<MinMaxState> {
        match Kind::of(field.data_type()) {
            Kind::Other if field.data_type() != &DataType::Null => Err(Error::column_type(
                field.name(),
                "numbers, text, booleans or times to have an order",
                field.data_type(),
            )),
            _ => Ok(MinMaxState::default()),
        }
    }

    fn update(&self, state: &mut MinMaxState, column: &Column<'_>) -> Result<()> {
        column.refuse_infinite(self.infinite)?;
        if let Some((low, high)) = extreme_rows(column)? {
            if Kind::of(column.array().data_type()) == Kind::Float {
                let values = column.floats()?;
                let value = |row: usize| Category::Float(values[row] + 0.0);
                state.add(Some((value(low), value(high))));
                return Ok(());
            }
            let pair = take(column.array(), &UInt32Array::from(vec![low as u32, high as u32]), None)?;
            let value = |row: usize| -> Result<Option<Category>> {
                match plain(&pair)?.as_primitive_opt::<UInt64Type>() {
                    // The largest integers have no signed width: they are kept as doubles.
                    Some(values) if values.value(row) > i64::MAX as u64 => {
                        Ok(Some(Category::Float(values.value(row) as f64)))
                    }
                    _ => Ok(Coded::new(column.name(), &pair.slice(row, 1))?.value(0).cloned()),
                }
            };
            state.add(value(0)?.zip(value(1)?));
        }
        Ok(())
    }

    fn merge(&self, into: &mut MinMaxState, from: MinMaxState) -> Result<()> {
        into.add(from.range);
        Ok(())
    }

    fn finish(&self, state: &MinMaxState) -> Result<MinMaxSummary> {
        let (min, max) = state.range.clone().unzip();
        Ok(MinMaxSummary { min, max })
    }

    fn check_state(&self, state: &MinMaxState) -> Result<()> {
        match &state.range {
            Some((low, high)) if low > high || !ascend([low]) || !ascend([high]) => {
                Err(Error::state("a smallest and a largest value", format!("{low} to {high}")))
            }
            _ => Ok(()),
        }
    }
}

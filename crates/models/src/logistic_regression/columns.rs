//! The features as the solver reads them: Arrow's own buffers, bytes or lists of rows, never a second matrix.

use mlsys_core::arrow::array::{Array, AsArray};
use mlsys_core::arrow::buffer::ScalarBuffer;
use mlsys_core::arrow::datatypes::{DataType, UInt8Type};
use mlsys_core::{Error, ErrorKind, Result, column};

/// Rows that are worked on together; a block of linear predictors stays in the first-level cache.
pub(super) const BLOCK: usize = 2048;

/// Up to this share of ones, an indicator is quicker as a list of its rows.
const SPARSE_SHARE: f64 = 0.25;

/// How the values of a feature are kept. What is chosen depends on the values, not on their Arrow type, so that
/// equal values give equal bits.
#[derive(Debug)]
pub(super) enum Values {
    /// Doubles, as a rule Arrow's own buffer.
    Real(ScalarBuffer<f64>),
    /// Small integers and frequent indicators.
    Bytes(ScalarBuffer<u8>),
    /// A rare indicator: where in each block it is one.
    Ones { rows: Vec<u16>, starts: Vec<usize> },
}

/// A feature, and the affine map to the solver's coordinates: `(x - shift) / scale`.
#[derive(Debug)]
pub(super) struct Feature {
    pub(super) values: Values,
    pub(super) shift: f64,
    pub(super) scale: f64,
}

/// One block of a feature.
pub(super) enum Block<'a> {
    Real(&'a [f64]),
    Bytes(&'a [u8]),
    Ones(&'a [u16]),
}

impl Values {
    /// Reads a column without missing or infinite values.
    pub(super) fn read(name: &str, array: &dyn Array) -> Result<Self> {
        let missing = array.logical_null_count();
        let bytes: ScalarBuffer<u8> = match array.data_type() {
            DataType::UInt8 if missing == 0 => array.as_primitive::<UInt8Type>().values().clone(),
            DataType::Boolean if missing == 0 => array.as_boolean().values().iter().map(u8::from).collect(),
            _ => return Ok(Self::from_doubles(column::finite(name, array)?)),
        };
        let binary = bytes.iter().all(|&x| x <= 1);
        let ones = bytes.iter().filter(|&&x| x != 0).count();
        if binary && is_sparse(ones, bytes.len()) {
            return Ok(Self::ones(&bytes, |x| x != 0));
        }
        Ok(Self::Bytes(bytes))
    }

    pub(super) fn from_doubles(values: ScalarBuffer<f64>) -> Self {
        let binary = values.iter().all(|&x| x == 0.0 || x == 1.0);
        let ones = values.iter().filter(|&&x| x != 0.0).count();
        if binary && is_sparse(ones, values.len()) {
            return Self::ones(&values, |x| x != 0.0);
        }
        Self::Real(values)
    }

    fn ones<T: Copy>(values: &[T], is_one: impl Fn(T) -> bool) -> Self {
        let mut rows = Vec::new();
        let mut starts = vec![0];
        for block in values.chunks(BLOCK) {
            rows.extend(block.iter().enumerate().filter(|(_, x)| is_one(**x)).map(|(row, _)| row as u16));
            starts.push(rows.len());
        }
        rows.shrink_to_fit();
        Self::Ones { rows, starts }
    }

    /// Block `index` of `n` rows.
    pub(super) fn block(&self, index: usize, n: usize) -> Block<'_> {
        let range = index * BLOCK..((index + 1) * BLOCK).min(n);
        match self {
            Self::Real(values) => Block::Real(&values[range]),
            Self::Bytes(values) => Block::Bytes(&values[range]),
            Self::Ones { rows, starts } => Block::Ones(&rows[starts[index]..starts[index + 1]]),
        }
    }
}

fn is_sparse(ones: usize, rows: usize) -> bool {
    ones as f64 <= SPARSE_SHARE * rows as f64
}

impl Feature {
    /// Centres (where an intercept takes up the shift) and scales to at most 1 in magnitude. Neither changes the
    /// optimum; both keep digits and let values of any size be squared.
    pub(super) fn new(
        name: &str,
        values: Values,
        weights: Option<&[f64]>,
        total: f64,
        centre: bool,
        n: usize,
    ) -> Result<Self> {
        let (shift, scale) = match &values {
            Values::Ones { .. } => (if centre { mean_of_ones(&values, weights, total, n) } else { 0.0 }, 1.0),
            Values::Real(x) => shift_and_scale(x, weights, total, centre),
            Values::Bytes(x) => shift_and_scale(x, weights, total, centre),
        };
        if scale.is_finite() {
            Ok(Self { values, shift, scale })
        } else {
            Err(ErrorKind::InvalidValue {
                column: name.into(),
                row: None,
                value: "values that overflow when centred".into(),
                expected: "of a magnitude below 1e307".into(),
            }
            .into())
        }
    }

    pub(super) fn is_ones(&self) -> bool {
        matches!(self.values, Values::Ones { .. })
    }
}

fn mean_of_ones(values: &Values, weights: Option<&[f64]>, total: f64, n: usize) -> f64 {
    let mut sum = 0.0;
    for index in 0..n.div_ceil(BLOCK) {
        if let Block::Ones(rows) = values.block(index, n) {
            sum += match weights {
                None => rows.len() as f64,
                Some(weights) => rows.iter().map(|&row| weights[index * BLOCK + row as usize]).sum(),
            };
        }
    }
    sum / total
}

fn shift_and_scale<T: Copy + Into<f64>>(
    x: &[T],
    weights: Option<&[f64]>,
    total: f64,
    centre: bool,
) -> (f64, f64) {
    let (low, high) = x.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| {
        let x: f64 = x.into();
        (low.min(x), high.max(x))
    });
    let shift = if !centre {
        0.0
    } else {
        // Shares first: a sum of large values could overflow. Rounding cannot push a constant off itself.
        let mean: f64 = match weights {
            None => x.iter().map(|&x| x.into() * (1.0 / total)).sum(),
            Some(weights) => x.iter().zip(weights).map(|(&x, w)| x.into() * (w / total)).sum(),
        };
        mean.clamp(low, high)
    };
    let reach = (high - shift).abs().max((low - shift).abs());
    // A constant column, or one of denormal size, keeps its scale: dividing by it would blow up rounding errors.
    (shift, if reach < 1e-100 { 1.0 } else { reach })
}

/// Names of columns that have none.
pub(super) fn position_name(index: usize) -> String {
    format!("column {index}")
}

/// The error for a matrix that is not finite.
pub(super) fn check_finite(index: usize, values: &[f64]) -> Result<()> {
    match values.iter().position(|x| !x.is_finite()) {
        Some(row) => {
            let error = ErrorKind::NonFinite { column: position_name(index), row, value: values[row] };
            Err(Error::from(error))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlsys_core::arrow::array::{BooleanArray, Float64Array, UInt8Array};

    #[test]
    fn equal_values_are_kept_alike() {
        let rare = [0u8, 0, 0, 0, 1];
        let kept = |array: &dyn Array| match Values::read("x", array).unwrap() {
            Values::Ones { rows, starts } => (rows, starts),
            other => panic!("{other:?}"),
        };
        let bytes = kept(&UInt8Array::from(rare.to_vec()));
        assert_eq!(bytes, (vec![4], vec![0, 1]));
        assert_eq!(bytes, kept(&BooleanArray::from(rare.map(|x| x == 1).to_vec())));
        assert_eq!(bytes, kept(&Float64Array::from(rare.map(f64::from).to_vec())));
        assert!(matches!(Values::read("x", &UInt8Array::from(vec![1, 0])).unwrap(), Values::Bytes(_)));
    }

    #[test]
    fn doubles_are_not_copied() {
        let array = Float64Array::from(vec![0.0, 1.5, 2.5]).slice(1, 2);
        let Values::Real(values) = Values::read("x", &array).unwrap() else { panic!() };
        assert_eq!(values.as_ptr(), array.values().as_ptr());
    }
}

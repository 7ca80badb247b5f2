//! Distances of two cumulative distribution functions: steps at the values of the samples.

use mlsys_core::column::{from_order_key, order_key};
use mlsys_core::{Error, ErrorKind, Result};

use crate::QuantilesSummary;

/// The distinct values of a sample, ascending, and the weight up to each.
pub(super) struct Steps {
    values: Vec<f64>,
    upto: Vec<f64>,
}

impl Steps {
    /// Missing values (NaN) are left out; `None` weights are ones.
    pub(super) fn new(name: &str, values: &[f64], weights: Option<&[f64]>) -> Result<Self> {
        if let Some(weights) = weights {
            if weights.len() != values.len() {
                return Err(Error::shape("weights", format!("{} rows", values.len()), weights.len()));
            }
            if let Some(row) = weights.iter().position(|w| !w.is_finite() || *w < 0.0) {
                return Err(Error::invalid_value(
                    "weights",
                    Some(row),
                    weights[row],
                    "finite and not negative",
                ));
            }
        }
        if let Some(row) = values.iter().position(|x| x.is_infinite()) {
            return Err(ErrorKind::NonFinite { column: name.into(), row, value: values[row] }.into());
        }
        let mut steps = Self { values: Vec::new(), upto: Vec::new() };
        let mut total = 0.0;
        let mut add = |x: f64, w: f64| {
            total += w;
            match (steps.values.last(), steps.upto.last_mut()) {
                (Some(&last), Some(upto)) if last == x => *upto = total,
                _ => {
                    steps.values.push(x);
                    steps.upto.push(total);
                }
            }
        };
        match weights {
            None => {
                let mut keys: Vec<u64> =
                    values.iter().filter(|x| !x.is_nan()).map(|&x| order_key(x + 0.0)).collect();
                keys.sort_unstable();
                keys.into_iter().for_each(|key| add(from_order_key(key), 1.0));
            }
            Some(weights) => {
                let rows = values.iter().zip(weights).filter(|(x, w)| !x.is_nan() && **w > 0.0);
                let mut rows: Vec<(u64, f64)> = rows.map(|(&x, &w)| (order_key(x + 0.0), w)).collect();
                rows.sort_by_key(|row| row.0);
                rows.into_iter().for_each(|(key, w)| add(from_order_key(key), w));
            }
        }
        if steps.values.is_empty() {
            return Err(Error::too_few_rows(
                1,
                0,
                format!("a distance ({name} sample, without missing values)"),
            ));
        }
        Ok(steps)
    }

    fn view(&self) -> (&[f64], &[f64]) {
        (&self.values, &self.upto)
    }
}

/// Calls `visit` with each stretch between neighbouring values of both, and both distribution functions over it; the last
/// stretch has no width.
pub(super) fn stretches(
    a: (&[f64], &[f64]),
    b: (&[f64], &[f64]),
    mut visit: impl FnMut(Option<f64>, f64, f64),
) {
    let total = |(_, upto): (&[f64], &[f64])| upto.last().copied().unwrap_or(1.0);
    let (total_a, total_b) = (total(a), total(b));
    let smaller = |i: usize, j: usize| match (a.0.get(i), b.0.get(j)) {
        (Some(x), Some(y)) if x.total_cmp(y).is_gt() => Some(*y),
        (None, y) => y.copied(),
        (x, _) => x.copied(),
    };
    let (mut i, mut j) = (0, 0);
    while let Some(here) = smaller(i, j) {
        let stands = |values: &[f64], at: usize| values.get(at).is_some_and(|x| x.total_cmp(&here).is_eq());
        let (step_a, step_b) = (stands(a.0, i), stands(b.0, j));
        i += usize::from(step_a);
        j += usize::from(step_b);
        let share = |upto: &[f64], i: usize, total: f64| if i == 0 { 0.0 } else { upto[i - 1] / total };
        visit(smaller(i, j).map(|end| end - here), share(a.1, i, total_a), share(b.1, j, total_b));
    }
}

/// Infinite when the values are too far apart for a double.
fn area(a: (&[f64], &[f64]), b: (&[f64], &[f64]), power: impl Fn(f64) -> f64) -> f64 {
    let mut sum = 0.0;
    stretches(a, b, |width, f, g| {
        if let Some(width) = width.filter(|_| f != g) {
            sum += width * power(f - g);
        }
    });
    sum
}

pub(super) fn finite_steps(summary: &QuantilesSummary) -> Result<(&[f64], &[f64])> {
    let (values, upto) = summary.steps();
    match (values.first(), values.last()) {
        (Some(first), Some(last)) if first.is_finite() && last.is_finite() => Ok((values, upto)),
        (None, _) | (_, None) => Err(Error::too_few_rows(1, 0, "a distance from quantiles")),
        _ => Err(Error::invalid_value(
            "quantiles",
            None,
            "infinite values",
            "finite ones: refuse them when counting",
        )),
    }
}

/// The first Wasserstein distance of two samples, `∫ |F − G|`: how far mass must move, in the unit of the values.
///
/// Missing values are left out. Weights may be given for each.
///
/// # Errors
///
/// [`NonFinite`](ErrorKind::NonFinite), [`TooFewRows`](ErrorKind::TooFewRows) without a value,
/// [`Shape`](ErrorKind::Shape) and [`InvalidValue`](ErrorKind::InvalidValue) for weights.
///
/// ```
/// let moved = mlsys_stats::distance::wasserstein(&[0.0, 1.0, 3.0], &[5.0, 6.0, 8.0], None, None)?;
/// assert_eq!(moved, 5.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub fn wasserstein(
    a: &[f64],
    b: &[f64],
    weights_a: Option<&[f64]>,
    weights_b: Option<&[f64]>,
) -> Result<f64> {
    let (a, b) = (Steps::new("first", a, weights_a)?, Steps::new("second", b, weights_b)?);
    Ok(area(a.view(), b.view(), f64::abs))
}

/// [`wasserstein`] of two summaries; exact where they are.
///
/// # Errors
///
/// As [`wasserstein`].
pub fn wasserstein_from(a: &QuantilesSummary, b: &QuantilesSummary) -> Result<f64> {
    Ok(area(finite_steps(a)?, finite_steps(b)?, f64::abs))
}

/// The energy distance of two samples, `√(2 ∫ (F − G)²)`, as scipy's.
///
/// Missing values are left out. Weights may be given for each.
///
/// # Errors
///
/// As [`wasserstein`].
///
/// ```
/// let far = mlsys_stats::distance::energy(&[0.0], &[8.0], None, None)?;
/// assert_eq!(far, 4.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Gábor Székely, Maria Rizzo, *Energy statistics: a class of statistics based on distances*, 2013.
pub fn energy(a: &[f64], b: &[f64], weights_a: Option<&[f64]>, weights_b: Option<&[f64]>) -> Result<f64> {
    let (a, b) = (Steps::new("first", a, weights_a)?, Steps::new("second", b, weights_b)?);
    Ok((2.0 * area(a.view(), b.view(), |d| d * d)).sqrt())
}

/// [`energy`] of two summaries; exact where they are.
///
/// # Errors
///
/// As [`wasserstein`].
pub fn energy_from(a: &QuantilesSummary, b: &QuantilesSummary) -> Result<f64> {
    Ok((2.0 * area(finite_steps(a)?, finite_steps(b)?, |d| d * d)).sqrt())
}

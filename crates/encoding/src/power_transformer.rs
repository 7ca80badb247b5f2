//! Numbers bent until they look normal.

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::arrow::datatypes::{Schema, SchemaRef};
use mlsys_core::{
    Error, ErrorKind, FitByStatistic, InputColumn, Kind, Layout, Result, Transform, first_error,
};
use mlsys_stats::solve::brent_root;
use mlsys_stats::{ColumnStatistic, Distribution, Infinite, PerColumn, Quantiles, QuantilesSummary};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::fitted_scaler::{Values, map_columns, map_columns_with, scaled_schema};
use crate::memo::Memo;
use crate::power::Power;

/// Raises numeric columns to the power that makes them most like a normal distribution, then scales them.
///
/// ```text
/// Yeo-Johnson   ((1 + x)^λ - 1) / λ  for x >= 0,   -((1 - x)^(2-λ) - 1) / (2 - λ)  for x < 0
/// Box-Cox       (x^λ - 1) / λ        for x > 0                    (logarithms where the divisor is 0)
/// λ maximises   -W/2 ln var(y) + (λ - 1) Σ wᵢ sᵢ      s = sign(x) ln(1 + |x|), or ln x
/// ```
/// | parameter | default | effect |
/// |---|---|---|
/// | `method` | `YeoJohnson` | `BoxCox` needs positive numbers |
/// | `standardize` | yes | mean 0 and deviation 1 afterwards (divided by n) |
///
/// **Input**: the features that are numbers, or with `.on(..)` exactly those, booleans included. Missing values do
/// not count and stay missing. Weights are used. **Output**: Float32 stays Float32, all others become Float64. A constant
/// column has λ = 1. Transforming by Box-Cox, what is not positive becomes NaN.
///
/// **Errors**: [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for a column that Box-Cox shall fit and that is not positive,
/// [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for a chosen column that is not numeric,
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities while fitting,
/// [`AllMissing`](mlsys_core::ErrorKind::AllMissing) for a column without values, `InvalidValue` when standardising overflows.
///
/// One pass, mergeable, exact; the state keeps every distinct value, 16 bytes each. λ then takes some fifteen passes over these: the
/// likelihood is concave, so that Brent's method finds where its slope is 0, to the last digits. λ stays where values
/// 20 times as large as those seen do not overflow, as scipy's.
///
/// ```
/// use mlsys_core::{Dataset, Fit, arrow::array::{Float64Array, RecordBatch}};
/// use mlsys_encoding::PowerTransformer;
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![-2.0, -1.5, -1.0, 0.0, 0.3, 1.0, 1.5, 3.0, 10.0]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?.into_train_all();
/// let fitted = PowerTransformer::new().fit(&train)?;
/// assert!((fitted.lambda("x").unwrap() - 0.359788).abs() < 1e-6);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where no power helps: two humps stay two humps. Far from 0 a power hardly bends anything, and its digits go: centre such
/// columns first. As scikit-learn's `PowerTransformer`, whose λ is off in the sixth digit.
///
/// In-Kwon Yeo, Richard Johnson, *A New Family of Power Transformations to Improve Normality or Symmetry*, Biometrika 87, 2000;
/// George Box, David Cox, *An Analysis of Transformations*, Journal of the Royal Statistical Society B 26, 1964.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct PowerTransformer {
    method: PowerMethod,
    standardize: bool,
}

/// Which powers [`PowerTransformer`] takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PowerMethod {
    /// Of any numbers.
    #[default]
    YeoJohnson,
    /// Of positive numbers.
    BoxCox,
}

impl Default for PowerTransformer {
    fn default() -> Self {
        Self { method: PowerMethod::YeoJohnson, standardize: true }
    }
}

impl PowerTransformer {
    /// A transformer by Yeo and Johnson that standardises.
    pub fn new() -> Self {
        Self::default()
    }

    /// Which powers to take.
    pub fn method(mut self, method: PowerMethod) -> Self {
        self.method = method;
        self
    }

    /// Whether the powers become mean 0 and deviation 1.
    pub fn standardize(mut self, standardize: bool) -> Self {
        self.standardize = standardize;
        self
    }

    fn bend(&self, layout: &Layout, name: &str, of: Distribution<'_>) -> Result<Bent> {
        let column = InputColumn::new(layout, name)?;
        let Some(&least) = of.values().first() else {
            let hint = "ignore it, or impute it first".into();
            return Err(ErrorKind::AllMissing { column: name.into(), hint }.into());
        };
        if self.method == PowerMethod::BoxCox && least <= 0.0 {
            return Err(Error::invalid_value(
                name,
                None,
                least,
                "above 0 for Box-Cox (Yeo-Johnson takes any number)",
            ));
        }
        let lambda = likeliest(self.method, of);
        let power = Power { method: self.method, lambda };
        let mut bent = Bent { column, lambda, mean: 0.0, scale: 1.0 };
        if self.standardize {
            let y: Vec<f64> = of.values().iter().map(|&x| power.of(x)).collect();
            let (mean, deviation) = spread(&y, of);
            if !mean.is_finite() || !deviation.is_finite() {
                return Err(Error::invalid_value(
                    name,
                    None,
                    "values whose powers overflow",
                    "of a smaller scale",
                ));
            }
            // A spread that is rounding is none, as the standard scaler has it.
            let constant = deviation <= 10.0 * f64::EPSILON * mean.abs();
            (bent.mean, bent.scale) = (mean, if constant { 1.0 } else { deviation });
        }
        Ok(bent)
    }
}

/// Mean and standard deviation.
fn spread(y: &[f64], of: Distribution<'_>) -> (f64, f64) {
    let total = of.weight();
    // About the first value, so that equal values have no spread.
    let shift = y.first().copied().unwrap_or(0.0);
    let mean = shift + y.iter().zip(of.weights()).map(|(y, w)| w * (y - shift)).sum::<f64>() / total;
    let squares: f64 = y.iter().zip(of.weights()).map(|(y, w)| w * (y - mean) * (y - mean)).sum();
    (mean, (squares / total).sqrt())
}

/// λ is searched where the powers of what is 20 times as large as the largest value leave half of the range of exponents.
const LARGER: f64 = 20.0;
const LOG_TINY: f64 = -336.18;
const LOG_HUGE: f64 = 336.87;

/// The λ of the greatest likelihood.
fn likeliest(method: PowerMethod, of: Distribution<'_>) -> f64 {
    let values = of.values();
    let (Some(&least), Some(&most)) = (values.first(), values.last()) else { return 1.0 };
    if least == most {
        return 1.0;
    }
    let (low, high) = match method {
        PowerMethod::BoxCox => {
            let far = (most * LARGER).ln().abs().max((least / LARGER).ln().abs());
            (LOG_TINY / far, LOG_HUGE / far)
        }
        PowerMethod::YeoJohnson => {
            let far = (LARGER * most.abs().max(least.abs())).ln_1p();
            let (low, high) = (LOG_TINY / far, LOG_HUGE / far);
            match (most < 0.0, least < 0.0) {
                (true, _) => (2.0 - high, 2.0 - low),
                (_, true) => (low.max(2.0 - high), high.min(2.0 - low)),
                _ => (low, high),
            }
        }
    };
    // Numbers of both signs beyond 1e146: a power that is safe for the ones is not for the others.
    if low > high {
        return 1.0;
    }
    let mut likelihood = Likelihood::new(method, of);
    // Steps that double find where the slope, which falls, changes its sign.
    let start = 1f64.clamp(low, high);
    let uphill = likelihood.slope(start).signum();
    let mut near = start;
    let mut step = 1.0;
    loop {
        let far = (start + uphill * step).clamp(low, high);
        let slope = likelihood.slope(far);
        if slope * uphill <= 0.0 {
            return brent_root(|lambda| likelihood.slope(lambda), near, far);
        }
        if far <= low || far >= high || slope.is_nan() || uphill.is_nan() {
            return if slope.is_nan() { near } else { far };
        }
        near = far;
        step *= 2.0;
    }
}

/// The slope of the likelihood over λ.
struct Likelihood {
    /// `ln(1 + |x|)`, or `ln x`. Where all values have one sign, relative to one of them: no factor changes λ, and the digits
    /// of values far from 0 are kept.
    logs: Vec<f64>,
    weights: Vec<f64>,
    /// How many of them are of negative values, which come first.
    negative: usize,
    total: f64,
    /// `Σ w s`.
    sum: f64,
    y: Vec<f64>,
    slopes: Vec<f64>,
}

impl Likelihood {
    fn new(method: PowerMethod, of: Distribution<'_>) -> Self {
        let values = of.values();
        let middle = of.averaged(0.5).unwrap_or(0.0);
        let negative = match method {
            PowerMethod::BoxCox => 0,
            PowerMethod::YeoJohnson => values.partition_point(|&x| x < 0.0),
        };
        let relative = |one: f64, x: f64, middle: f64| ((x - middle) / (one + middle)).ln_1p();
        let log = |&x: &f64| match method {
            PowerMethod::BoxCox => relative(0.0, x, middle),
            _ if negative == 0 => relative(1.0, x, middle),
            _ if negative == values.len() => relative(1.0, -x, -middle),
            _ => x.abs().ln_1p(),
        };
        let logs: Vec<f64> = values.iter().map(log).collect();
        let weights: Vec<f64> = of.weights().collect();
        let signed = |i: usize| if i < negative { -logs[i] } else { logs[i] };
        let sum = weights.iter().enumerate().map(|(i, w)| w * signed(i)).sum();
        let n = values.len();
        Self { logs, weights, negative, total: of.weight(), sum, y: vec![0.0; n], slopes: vec![0.0; n] }
    }

    /// `-W cov(y, dy/dλ) / var(y) + Σ w s`.
    fn slope(&mut self, lambda: f64) -> f64 {
        let (mut mean, mut mean_slope) = (0.0, 0.0);
        for (i, &log) in self.logs.iter().enumerate() {
            let (sign, power) = if i < self.negative { (-1.0, 2.0 - lambda) } else { (1.0, lambda) };
            let (y, slope) = power_and_slope(log, power);
            // Both the sign of y and that of dλ turn over.
            (self.y[i], self.slopes[i]) = (sign * y, slope);
            mean += self.weights[i] * self.y[i];
            mean_slope += self.weights[i] * slope;
        }
        mean /= self.total;
        mean_slope /= self.total;
        let (mut variance, mut covariance) = (0.0, 0.0);
        for ((y, slope), w) in self.y.iter().zip(&self.slopes).zip(&self.weights) {
            variance += w * (y - mean) * (y - mean);
            covariance += w * (y - mean) * (slope - mean_slope);
        }
        self.sum - self.total * (covariance / variance)
    }
}

/// `(e^(pl) - 1) / p` and its derivative by `p`, `(1 + e^(pl) (pl - 1)) / p²`.
#[inline]
fn power_and_slope(log: f64, power: f64) -> (f64, f64) {
    let t = power * log;
    if t.abs() > 0.25 {
        let less_one = t.exp_m1();
        return (less_one / power, (t + less_one * (t - 1.0)) / (power * power));
    }
    // Σ t^k / (k + 1)! and Σ t^k / (k! (k + 2)): the differences above lose digits.
    let (mut first, mut second) = (0.0, 0.0);
    for k in (0..12).rev() {
        let k = f64::from(k);
        first = 1.0 + first * t / (k + 2.0);
        second = 1.0 / (k + 2.0) + second * t / (k + 1.0);
    }
    (log * first, log * log * second)
}

/// A column and its power.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Bent {
    column: InputColumn,
    lambda: f64,
    mean: f64,
    scale: f64,
}

/// The fitted [`PowerTransformer`]: λ, mean and scale of each column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedPowerTransformer {
    columns: Vec<Bent>,
    method: PowerMethod,
}

impl FittedPowerTransformer {
    /// The power of a fitted column.
    pub fn lambda(&self, column: &str) -> Option<f64> {
        self.columns.iter().find(|c| c.column.name() == column).map(|c| c.lambda)
    }

    /// Undoes [`transform`](Transform::transform), up to rounding; what no number has as its power becomes NaN. Integers come
    /// back as Float64.
    ///
    /// # Errors
    ///
    /// As [`transform`](Transform::transform).
    pub fn inverse_transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let back = |z: f64, c: &Bent| self.power(c).inverse(z * c.scale + c.mean);
        map_columns(batch, &self.columns, |c| &c.column, Values::Scaled, back)
    }

    fn power(&self, c: &Bent) -> Power {
        Power { method: self.method, lambda: c.lambda }
    }

    fn validate(&self) -> Result<()> {
        let fine =
            |c: &Bent| c.lambda.is_finite() && c.mean.is_finite() && c.scale > 0.0 && c.scale.is_finite();
        match self.columns.iter().find(|c| !fine(c)) {
            Some(c) => Err(Error::artifact(format!("`{}` has no finite power", c.column.name()))),
            None => Ok(()),
        }
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.iter().map(|c| c.column.clone()).collect()
    }
}

impl Transform for FittedPowerTransformer {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let map = |c: &Bent, rows| {
            let (power, mean, scale) = (self.power(c), c.mean, c.scale);
            let mut memo = Memo::new(rows, move |x| (power.of(x) - mean) / scale);
            move |x| memo.at(x)
        };
        map_columns_with(batch, &self.columns, |c| &c.column, Values::Fitted, map)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        scaled_schema(self.columns.iter().map(|c| &c.column), input)
    }
}

mlsys_core::artifact!(FittedPowerTransformer, "mlsys.FittedPowerTransformer", 1);

impl FitByStatistic for PowerTransformer {
    type Statistic = PerColumn<Quantiles>;
    type Fitted = FittedPowerTransformer;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        let columns =
            layout.features_for("PowerTransformer", Kind::is_number, Kind::is_numeric, "numeric")?;
        // The likelihood is of every value; a sketch would not do.
        let all = Quantiles::new().exact_up_to(usize::MAX).infinite(Infinite::Refuse);
        Ok(all.over(columns).weighted_as(layout))
    }

    fn fitted(
        &self,
        layout: &Layout,
        found: Vec<(String, QuantilesSummary)>,
    ) -> Result<FittedPowerTransformer> {
        let bent = found.par_iter().map(|(name, found)| self.bend(layout, name, found.distribution()));
        Ok(FittedPowerTransformer { columns: first_error(bent.collect())?, method: self.method })
    }
}

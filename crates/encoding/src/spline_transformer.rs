//! Columns as B-splines.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlsys_core::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use mlsys_core::input::{NewColumn, Replacement, Replacements, replace_columns, replace_fields};
use mlsys_core::{
    Error, ErrorKind, FitByStatistic, InputColumn, Kind, Layout, Result, Transform, column, first_error,
};
use mlsys_stats::{ColumnStatistic, Infinite, PerColumn, Quantiles, QuantilesSummary};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::fitted_category_encoder::numbered;

/// Replaces a numeric column by B-splines: smooth bumps along it, from which a linear model makes a curve.
///
/// ```text
/// B_i,0(x) = 1 within [t_i, t_i+1)
/// B_i,k(x) = (x − t_i) / (t_i+k − t_i) B_i,k−1(x) + (t_i+k+1 − x) / (t_i+k+1 − t_i+1) B_i+1,k−1(x)
/// ```
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `knots` | 5 | 2 to 1,000 | how many knots |
/// | `degree` | 3 | 0 to 10 | of the pieces between them |
/// | `at` | `Uniform` | | knots at equal distances between the least and the greatest value, or at quantiles |
/// | `beyond` | `Constant` | | what becomes of values outside the knots |
/// | `quantiles` | exact to 131,072 distinct values | | how quantiles are taken: [`Quantiles`] |
///
/// **Input**: the features that are numbers, or with `.on(..)` exactly those, booleans included. Weights are used. A missing value is missing in
/// every spline. **Output**: Float64 columns `<column>#0`, `<column>#1`, .. in place of the column: knots + degree − 1 of
/// them, knots − 1 when periodic. They sum to 1 in each row.
///
/// **Errors**: [`ColumnType`](mlsys_core::ErrorKind::ColumnType), [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter),
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities while fitting, [`AllMissing`](mlsys_core::ErrorKind::AllMissing),
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) when knots fall together (a constant column, or quantiles of a
/// column of few values), and for values outside under [`Beyond::Error`].
///
/// One pass, mergeable.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{AsArray, Float64Array, RecordBatch}};
/// use mlsys_core::arrow::datatypes::Float64Type;
/// use mlsys_encoding::SplineTransformer;
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?.into_train_all();
/// let splines = SplineTransformer::new().knots(3).degree(2).fit(&train)?.transform(train.batch())?;
/// assert!((splines["x#1"].as_primitive::<Float64Type>().value(1) - 0.74).abs() < 1e-15);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** outside the knots: there the curve is whatever `beyond` says. Carl de Boor, *A practical guide to splines*, 1978,
/// chapter IX. As scikit-learn's `SplineTransformer`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct SplineTransformer {
    knots: usize,
    degree: usize,
    at: Knots,
    beyond: Beyond,
    quantiles: Quantiles,
}

/// Where knots are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Knots {
    /// At equal distances between the least and the greatest value.
    #[default]
    Uniform,
    /// At quantiles of equal distances.
    Quantile,
}

/// What becomes of values outside the knots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Beyond {
    /// What the nearest knot has.
    #[default]
    Constant,
    /// An error naming column, row and value.
    Error,
    /// The first and the last knot are one: for hours, angles and seasons.
    Periodic,
}

impl Default for SplineTransformer {
    fn default() -> Self {
        Self {
            knots: 5,
            degree: 3,
            at: Knots::Uniform,
            beyond: Beyond::Constant,
            quantiles: Quantiles::new(),
        }
    }
}

impl SplineTransformer {
    /// Cubic splines of five knots.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many knots.
    pub fn knots(mut self, knots: usize) -> Self {
        self.knots = knots;
        self
    }

    /// The degree of the pieces.
    pub fn degree(mut self, degree: usize) -> Self {
        self.degree = degree;
        self
    }

    /// Where the knots are.
    pub fn at(mut self, at: Knots) -> Self {
        self.at = at;
        self
    }

    /// What becomes of values outside the knots.
    pub fn beyond(mut self, beyond: Beyond) -> Self {
        self.beyond = beyond;
        self
    }

    /// How quantiles are taken.
    pub fn quantiles(mut self, quantiles: Quantiles) -> Self {
        self.quantiles = quantiles;
        self
    }
}

/// A column and its knots.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Splines {
    column: InputColumn,
    /// Ascending, those beyond the ends not among them.
    base: Vec<f64>,
}

/// The fitted [`SplineTransformer`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedSplineTransformer {
    columns: Vec<Splines>,
    degree: usize,
    beyond: Beyond,
}

/// The knots with `degree` more at either end: at the distance of the first and the last two, or as they come round.
fn extended(base: &[f64], degree: usize, beyond: Beyond) -> Vec<f64> {
    let (first, last) = (base[0], base[base.len() - 1]);
    if beyond == Beyond::Periodic {
        let (period, n) = (last - first, base.len() - 1);
        let turn = |i: isize| {
            let (rounds, place) = (i.div_euclid(n as isize), i.rem_euclid(n as isize));
            base[place as usize] + rounds as f64 * period
        };
        return (-(degree as isize)..=(n + degree) as isize).map(turn).collect();
    }
    let (below, above) = (base[1] - first, last - base[base.len() - 2]);
    let before = (1..=degree).rev().map(|i| first - i as f64 * below);
    let after = (1..=degree).map(|i| last + i as f64 * above);
    before.chain(base.iter().copied()).chain(after).collect()
}

/// The splines of `degree` that are not zero at `x`, which lies in piece `piece` of the knots: de Boor's recurrence.
fn at(x: f64, knots: &[f64], piece: usize, degree: usize, found: &mut [f64]) {
    found[0] = 1.0;
    for k in 1..=degree {
        let mut carried = 0.0;
        for r in 0..k {
            let (left, right) = (knots[piece + 1 + r - k], knots[piece + 1 + r]);
            let share = found[r] / (right - left);
            found[r] = carried + (right - x) * share;
            carried = (x - left) * share;
        }
        found[k] = carried;
    }
}

impl FittedSplineTransformer {
    /// The knots of a column.
    pub fn knots(&self, column: &str) -> Option<&[f64]> {
        self.columns.iter().find(|s| s.column.name() == column).map(|s| s.base.as_slice())
    }

    /// The names of the columns that a column becomes.
    pub fn output_names(&self, column: &str) -> Option<Vec<String>> {
        let splines = self.columns.iter().find(|s| s.column.name() == column)?;
        Some(numbered(column, self.width(splines)))
    }

    /// The column that an output column came from.
    pub fn source(&self, output: &str) -> Option<&str> {
        let (column, _) = output.rsplit_once('#')?;
        let found = self.columns.iter().find(|s| s.column.name() == column)?;
        Some(found.column.name()).filter(|_| numbered(column, self.width(found)).iter().any(|n| n == output))
    }

    fn width(&self, splines: &Splines) -> usize {
        let pieces = splines.base.len() - 1;
        if self.beyond == Beyond::Periodic { pieces } else { pieces + self.degree }
    }

    fn validate(&self) -> Result<()> {
        let fits = |s: &Splines| {
            (2..=1_000).contains(&s.base.len())
                && s.base.windows(2).all(|pair| pair[0] < pair[1])
                && s.base.iter().all(|x| x.is_finite())
                && (self.beyond != Beyond::Periodic || s.base.len() > self.degree)
        };
        if self.degree <= 10 && self.columns.iter().all(fits) {
            return Ok(());
        }
        Err(Error::artifact("has knots that do not ascend"))
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.iter().map(|s| s.column.clone()).collect()
    }

    fn fields(&self, splines: &Splines) -> impl Iterator<Item = FieldRef> {
        let names = numbered(splines.column.name(), self.width(splines));
        names.into_iter().map(|name| Arc::new(Field::new(name, DataType::Float64, true)))
    }

    fn encode(&self, splines: &Splines, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let name = splines.column.name();
        let values = column::floats(name, splines.column.find(batch)?)?;
        let (base, width) = (&splines.base, self.width(splines));
        let (first, last) = (base[0], base[base.len() - 1]);
        let outside = |x: f64| x < first || x > last;
        if self.beyond == Beyond::Error
            && let Some(row) = values.iter().position(|&x| outside(x))
        {
            let expected = format!("values of {first} to {last} (or set `beyond`)");
            return Err(Error::invalid_value(name, Some(row), values[row], expected));
        }
        let knots = extended(base, self.degree, self.beyond);
        let mut columns = vec![vec![0.0; values.len()]; width];
        let mut found = vec![0.0; self.degree + 1];
        for (row, &x) in values.iter().enumerate() {
            let x = match self.beyond {
                Beyond::Periodic => first + (x - first).rem_euclid(last - first),
                Beyond::Constant | Beyond::Error => x.clamp(first, last),
            };
            if x.is_nan() {
                columns.iter_mut().for_each(|column| column[row] = f64::NAN);
                continue;
            }
            // The last piece is closed at its end.
            let piece = base.partition_point(|&knot| knot <= x).clamp(1, base.len() - 1) - 1;
            at(x, &knots, piece + self.degree, self.degree, &mut found);
            for (i, value) in found.iter().enumerate() {
                columns[(piece + i) % width][row] += value;
            }
        }
        Ok(columns.into_iter().map(|values| Arc::new(Float64Array::from(values)) as ArrayRef).collect())
    }
}

impl Transform for FittedSplineTransformer {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let done: Vec<Result<Replacement<'_, NewColumn>>> = self
            .columns
            .par_iter()
            .map(|s| Ok((s.column.name(), self.fields(s).zip(self.encode(s, batch)?).collect())))
            .collect();
        replace_columns(batch, first_error(done)?)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        let mut with = Replacements::new();
        for s in &self.columns {
            s.column.check(input)?;
            with.insert(s.column.name(), self.fields(s).collect());
        }
        replace_fields(input, with)
    }
}

mlsys_core::artifact!(FittedSplineTransformer, "mlsys.FittedSplineTransformer", 1);

impl FitByStatistic for SplineTransformer {
    type Statistic = PerColumn<Quantiles>;
    type Fitted = FittedSplineTransformer;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        let invalid = |name, value: usize, expected: &str| {
            Err(Error::invalid_parameter("SplineTransformer", name, value, expected))
        };
        if self.degree > 10 {
            return invalid("degree", self.degree, "0 to 10");
        }
        if !(2..=1_000).contains(&self.knots) {
            return invalid("knots", self.knots, "2 to 1000");
        }
        if self.beyond == Beyond::Periodic && self.knots <= self.degree {
            return invalid("knots", self.knots, "more than the degree, to be periodic");
        }
        let columns =
            layout.features_for("SplineTransformer", Kind::is_number, Kind::is_numeric, "numeric")?;
        Ok(self.quantiles.infinite(Infinite::Refuse).over(columns).weighted_as(layout))
    }

    fn fitted(
        &self,
        layout: &Layout,
        found: Vec<(String, QuantilesSummary)>,
    ) -> Result<FittedSplineTransformer> {
        let one = |(name, found): (String, QuantilesSummary)| {
            let pieces = (self.knots - 1) as f64;
            let quantile = |p: f64| found.quantile(p);
            let ends = quantile(0.0).zip(quantile(1.0));
            let Some((least, most)) = ends else {
                let hint = "ignore it, or impute it first".into();
                return Err(ErrorKind::AllMissing { column: name, hint }.into());
            };
            let base: Vec<f64> = (0..self.knots)
                .map(|i| match self.at {
                    _ if i == self.knots - 1 => most,
                    Knots::Uniform => least + (most - least) / pieces * i as f64,
                    Knots::Quantile => quantile(i as f64 / pieces).unwrap_or(least),
                })
                .collect();
            let wide = (most - least).is_finite();
            if !wide || base.windows(2).any(|pair| pair[0] >= pair[1]) {
                let found = format!("{} knots of {least} to {most} that do not ascend", self.knots);
                let expected = "a column of more values, fewer knots, or knots at equal distances";
                return Err(Error::invalid_value(&name, None, found, expected));
            }
            Ok(Splines { column: InputColumn::new(layout, &name)?, base })
        };
        let columns = found.into_iter().map(one).collect::<Result<_>>()?;
        Ok(FittedSplineTransformer { columns, degree: self.degree, beyond: self.beyond })
    }
}

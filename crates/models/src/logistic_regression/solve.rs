//! From columns and labels to coefficients.

use mlsys_core::ndarray::{Array2, ArrayView2};
use mlsys_core::sparse::SparseRows;
use mlsys_core::{Category, Error, ErrorKind, Result};
use mlsys_stats::solve::Lbfgs;
use rayon::prelude::*;

use super::columns::{Feature, Values, check_finite, position_name};
use super::objective::Objective;
use super::precondition::Preconditioner;
use super::sparse::SparseFeatures;
use super::{Intercept, LogisticRegression, NAME};

/// The coefficients of a logistic regression, without names.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LogisticCoefficients {
    /// A row for two classes (the log-odds of the last), else one per class; a column per feature.
    pub coefficients: Array2<f64>,
    /// One per row of the coefficients.
    pub intercepts: Vec<f64>,
    /// The classes, ascending: the labels that occur with any weight.
    pub classes: Vec<usize>,
    /// Iterations of the solver.
    pub iterations: usize,
    /// Whether the tolerance was reached.
    pub converged: bool,
    /// The minimum: weighted losses and penalty.
    pub objective: f64,
}

/// Logistic regression of a matrix, a row per row, without a [`Dataset`](mlsys_core::Dataset).
///
/// Does what [`LogisticRegression`] does, where everything is documented; the matrix is copied once, column by column.
///
/// ```
/// use mlsys_core::ndarray::array;
/// use mlsys_models::{LogisticRegression, logistic_regression};
///
/// let x = array![[0.0], [0.0], [1.0], [1.0]];
/// let fit = logistic_regression(x.view(), &[0, 1, 0, 1], None, &LogisticRegression::new())?;
/// assert!(fit.converged && fit.coefficients[[0, 0]].abs() < 1e-9);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// As [`LogisticRegression`]; [`Shape`](ErrorKind::Shape) when lengths differ.
pub fn logistic_regression(
    features: ArrayView2<'_, f64>,
    labels: &[usize],
    weights: Option<&[f64]>,
    recipe: &LogisticRegression,
) -> Result<LogisticCoefficients> {
    recipe.validate()?;
    let n = features.nrows();
    if labels.len() != n {
        return Err(Error::shape("labels", format!("{n} rows"), labels.len()));
    }
    if n == 0 {
        return Err(Error::too_few_rows(1, 0, NAME));
    }
    if let Some(weights) = weights {
        if weights.len() != n {
            return Err(Error::shape("weights", format!("{n} rows"), weights.len()));
        }
        if let Some(row) = weights.iter().position(|w| !(*w >= 0.0 && w.is_finite())) {
            return Err(Error::invalid_value("weights", Some(row), weights[row], "weights of zero or more"));
        }
    }
    let mut distinct = labels.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let codes = labels.iter().map(|label| distinct.partition_point(|d| d < label) as u32).collect();
    let categories = distinct.iter().map(|&label| i64::try_from(label).map(Category::Int));
    let classes = categories.collect::<Result<_, _>>().map_err(Error::external)?;
    let mut columns = Vec::with_capacity(features.ncols());
    for (index, column) in features.columns().into_iter().enumerate() {
        let values = column.to_vec();
        check_finite(index, &values)?;
        columns.push(Values::from_doubles(values.into()));
    }
    let names: Vec<String> = (0..columns.len()).map(position_name).collect();
    let rows = Rows { target: "labels", names: &names, labels: codes, classes, weights };
    let (classes, solution) = solve(recipe, None, columns, &[], rows)?;
    let as_label = |class: &Category| match class {
        Category::Int(label) => usize::try_from(*label).ok(),
        _ => None,
    };
    Ok(LogisticCoefficients {
        coefficients: Array2::from_shape_fn((solution.intercepts.len(), names.len()), |(k, j)| {
            solution.coefficients[j][k]
        }),
        intercepts: solution.intercepts,
        classes: classes.iter().filter_map(as_label).collect(),
        iterations: solution.iterations,
        converged: solution.converged,
        objective: solution.objective,
    })
}

/// The rows besides their features.
pub(super) struct Rows<'a> {
    pub(super) target: &'a str,
    pub(super) names: &'a [String],
    /// Indices into `classes`.
    pub(super) labels: Vec<u32>,
    /// Ascending.
    pub(super) classes: Vec<Category>,
    pub(super) weights: Option<&'a [f64]>,
}

/// What the solver found.
#[derive(Debug)]
pub(super) struct Solution {
    /// A row per feature, a column per output.
    pub(super) coefficients: Vec<Vec<f64>>,
    /// Of each sparse column the indices that occur, and for each a coefficient per output.
    pub(super) sparse: Vec<(Vec<u32>, Vec<f64>)>,
    pub(super) intercepts: Vec<f64>,
    pub(super) iterations: usize,
    pub(super) converged: bool,
    pub(super) objective: f64,
}

pub(super) fn solve(
    recipe: &LogisticRegression,
    loss: Option<&dyn mlsys_core::Objective>,
    columns: Vec<Values>,
    sparse: &[SparseRows],
    mut rows: Rows<'_>,
) -> Result<(Vec<Category>, Solution)> {
    let n = rows.labels.len();
    let mut totals = class_totals(&rows);
    drop_weightless(&mut rows, &mut totals);
    let classes = rows.classes;
    if classes.len() < 2 {
        let class = classes.first().map_or_else(|| "none with a weight".into(), ToString::to_string);
        return Err(ErrorKind::SingleClass { column: rows.target.into(), class }.into());
    }
    let loss = loss.map(|loss| of_classes(loss, &totals)).transpose()?;
    let factors = recipe.class_weights.resolve(NAME, &classes, &totals)?;
    totals.iter_mut().zip(&factors).for_each(|(total, factor)| *total *= factor);
    let total: f64 = totals.iter().sum();
    if !total.is_finite() {
        return Err(Error::invalid_value(
            "weights",
            None,
            "a sum that overflows",
            "weights with a finite sum",
        ));
    }
    let weights: Option<Vec<f64>> = match rows.weights {
        None if factors.iter().all(|&f| f == 1.0) => None,
        given => Some(
            (rows.labels.iter().enumerate())
                .map(|(row, &y)| given.map_or(1.0, |w| w[row]) * factors[y as usize])
                .collect(),
        ),
    };
    let weights = weights.as_deref();
    let centre = recipe.intercept == Intercept::Free;
    let made: Vec<_> = (columns.into_par_iter().zip(rows.names))
        .map(|(values, name)| Feature::new(name, values, weights, total, centre, n))
        .collect();
    let features: Vec<_> = mlsys_core::first_error(made)?;
    let sparse = SparseFeatures::new(sparse, weights, total, centre, n)?;

    // The penalty is on the coefficients of the columns as they came, whatever the solver's coordinates.
    let scales = features.iter().map(|f| f.scale).chain(sparse.scale.iter().copied());
    let penalty: Vec<f64> = scales.map(|scale| recipe.l2 / total / scale / scale).collect();
    let shares: Vec<f64> = match classes.len() {
        2 => vec![totals[1] / total],
        _ => totals.iter().map(|own| own / total).collect(),
    };
    let objective = Objective {
        features: &features,
        sparse: &sparse,
        labels: &rows.labels,
        weights,
        total,
        outputs: shares.len(),
        loss: loss.as_deref(),
        intercept: centre,
        penalty: &penalty,
    };
    let preconditioner = Preconditioner::new(&features, &sparse, weights, total, n, &shares, &penalty);
    let stride = objective.stride();
    let start = match recipe.intercept {
        Intercept::Free => {
            let rates = loss.as_ref().map_or_else(|| base_rates(&shares), |loss| loss.initial());
            preconditioner.start(&rates, stride)
        }
        Intercept::Zero => vec![0.0; stride * shares.len()],
    };
    let mut parameters = vec![0.0; start.len()];
    let minimum = Lbfgs::new()
        .max_iterations(recipe.max_iterations)
        .gradient_tolerance(recipe.tolerance)
        .minimize(start, |point, gradient| {
            if preconditioner.to_parameters(point, &mut parameters).is_err() {
                return f64::NAN;
            }
            let value = objective.evaluate(&parameters, gradient);
            if preconditioner.to_gradient(gradient).is_err() { f64::NAN } else { value }
        });
    preconditioner.to_parameters(&minimum.x, &mut parameters)?;
    let shared = loss.as_ref().is_none_or(|loss| loss.ignores_shifts());
    let outputs = Outputs { parameters: &parameters, stride, centre, shared };
    let (mut coefficients, intercepts) = outputs.original(&features, &sparse);
    if !coefficients.iter().flatten().chain(&intercepts).all(|x| x.is_finite()) {
        return Err(Error::invalid_value(
            "features",
            None,
            "values for which no finite coefficients exist",
            "columns of a scale between 1e-100 and 1e100",
        ));
    }
    let converged = minimum.converged();
    let objective = minimum.value * total;
    let places = coefficients.split_off(features.len());
    let solution = Solution {
        coefficients,
        sparse: by_column(sparse.indices, &places),
        intercepts,
        iterations: minimum.iterations,
        converged,
        objective,
    };
    Ok((classes, solution))
}

/// The loss of the classes, unless it is one of others.
fn of_classes(loss: &dyn mlsys_core::Objective, totals: &[f64]) -> Result<Box<dyn mlsys_core::ClassLoss>> {
    let (made, k) = (loss.of_classes(totals)?, totals.len());
    let outputs = if k == 2 { 1 } else { k };
    let initial = made.initial();
    let found = (made.n_classes(), made.n_scores(), initial.len());
    if found != (k, outputs, outputs) {
        let found = format!("{} classes, {} scores and {} to start from", found.0, found.1, found.2);
        return Err(Error::shape(
            format!("the loss `{}`", loss.name()),
            format!("{k} classes and {outputs} scores"),
            found,
        ));
    }
    match initial.iter().find(|score| !score.is_finite()) {
        None => Ok(made),
        Some(score) => Err(Error::invalid_value(loss.name(), None, score, "finite scores")),
    }
}

fn class_totals(rows: &Rows<'_>) -> Vec<f64> {
    let mut totals = vec![0.0; rows.classes.len()];
    for (row, &label) in rows.labels.iter().enumerate() {
        totals[label as usize] += rows.weights.map_or(1.0, |w| w[row]);
    }
    totals
}

/// Rows without weight are as good as absent, so classes of only such rows must not be classes. Their rows join the
/// first class, where with weight zero they never count.
fn drop_weightless(rows: &mut Rows<'_>, totals: &mut Vec<f64>) {
    if totals.iter().all(|&total| total > 0.0) {
        return;
    }
    let kept: Vec<usize> = (0..totals.len()).filter(|&k| totals[k] > 0.0).collect();
    let place = |label: u32| kept.iter().position(|&k| k == label as usize).unwrap_or(0) as u32;
    let places: Vec<u32> = (0..totals.len() as u32).map(place).collect();
    rows.labels.iter_mut().for_each(|label| *label = places[*label as usize]);
    rows.classes = kept.iter().map(|&k| rows.classes[k].clone()).collect();
    *totals = kept.iter().map(|&k| totals[k]).collect();
}

/// The intercepts of a model without features: the best constant.
fn base_rates(shares: &[f64]) -> Vec<f64> {
    match shares {
        [share] => vec![(share / (1.0 - share)).ln()],
        shares => {
            let mean = shares.iter().map(|s| s.ln()).sum::<f64>() / shares.len() as f64;
            shares.iter().map(|s| s.ln() - mean).collect()
        }
    }
}

/// The coefficients of places, column by column.
fn by_column(indices: Vec<Vec<u32>>, mut places: &[Vec<f64>]) -> Vec<(Vec<u32>, Vec<f64>)> {
    let mut columns = Vec::with_capacity(indices.len());
    for indices in indices {
        let (own, rest) = places.split_at(indices.len());
        columns.push((indices, own.concat()));
        places = rest;
    }
    columns
}

/// What was found for each output, in the solver's coordinates.
struct Outputs<'a> {
    parameters: &'a [f64],
    stride: usize,
    centre: bool,
    /// Whether the loss does not see what the scores of all classes share, as that of a softmax: the penalised optimum has none of it.
    shared: bool,
}

impl Outputs<'_> {
    /// Coefficients of the columns as they came, a row per feature and then per place; and the intercepts.
    fn original(&self, features: &[Feature], sparse: &SparseFeatures) -> (Vec<Vec<f64>>, Vec<f64>) {
        let outputs: Vec<&[f64]> = self.parameters.chunks_exact(self.stride).collect();
        let shared = self.shared && outputs.len() > 1;
        let scales = features.iter().map(|feature| feature.scale).chain(sparse.scale.iter().copied());
        let mut coefficients: Vec<Vec<f64>> = (scales.enumerate())
            .map(|(j, scale)| outputs.iter().map(|output| output[j] / scale).collect())
            .collect();
        if shared {
            coefficients.iter_mut().for_each(|c| subtract_mean(c));
        }
        let mut intercepts: Vec<f64> = outputs.iter().map(|output| output[self.stride - 1]).collect();
        let shifts = features.iter().map(|feature| feature.shift).chain(sparse.shift.iter().copied());
        for (shift, own) in shifts.zip(&coefficients) {
            intercepts.iter_mut().zip(own).for_each(|(b, c)| *b -= c * shift);
        }
        if !self.centre {
            intercepts.fill(0.0);
        } else if shared {
            subtract_mean(&mut intercepts);
        }
        (coefficients, intercepts)
    }
}

fn subtract_mean(values: &mut [f64]) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter_mut().for_each(|x| *x -= mean);
}

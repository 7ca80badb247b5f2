//! Logistic regression by L-BFGS.

mod columns;
mod fitted;
mod objective;
mod of_objective;
mod precondition;
mod solve;
mod sparse;

pub(crate) use objective::sigmoid;
pub(crate) use sparse::{Lookup, occupied, read as read_sparse};

pub use fitted::{FittedLogisticRegression, SparseCoefficients};
pub use of_objective::LinearObjective;
pub use solve::{LogisticCoefficients, logistic_regression};

use mlsys_core::arrow::array::Array;
use mlsys_core::sparse::SparseRows;
use mlsys_core::{Category, Classes, Dataset, Error, Fit, Objective, Result, Train};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::features::dense_and_sparse;

const NAME: &str = "LogisticRegression";

/// Linear log-odds of the classes, with an L2 penalty on the coefficients.
///
/// Minimises, over coefficients β and intercepts b,
///
/// > Σᵢ wᵢ·c(yᵢ)·lossᵢ + l2/2·‖β‖²
///
/// where w is the row's weight, c its class's weight, and the intercepts are free of penalty. For two classes lossᵢ =
/// log(1 + exp(−sᵢ(b + β·xᵢ))) with sᵢ = 1 for the last class and −1 for the other; for more, −log softmax(b + Bxᵢ) at
/// yᵢ with a row of B for each class. So `l2` is 1/C of scikit-learn.
///
/// * `l2`: 1.0; zero or more.
/// * `intercept`: [`Intercept::Free`], or [`Intercept::Zero`].
/// * `class_weights`: [`ClassWeights::Uniform`], `Balanced`, or explicit ones.
/// * `max_iterations`: 1000; one or more.
/// * `tolerance`: 1e-9; above zero. The largest component of the gradient per unit of weight at which to stop, taken
///   in the solver's coordinates, so that it does not depend on the columns' units.
///
/// **Input**: numeric and boolean features in any Arrow encoding, and [sparse rows](mlsys_core::sparse), none missing or
/// infinite; one target of text, booleans or whole numbers with two classes at least. Rows without weight do not count, nor do classes of only such
/// rows. A constant column gets the coefficient zero. Scaling the columns changes what the penalty means, not whether
/// the solver gets there.
///
/// **Output**: [`FittedLogisticRegression`], whose labels have the target's kind; not having converged is a flag in
/// it, not an error.
///
/// **Cost**: a pass over the columns per iteration, as a rule 10 to 40, and one for the products of all pairs of up to
/// 512 features. Columns are read where they are: doubles and bytes in Arrow's buffers, indicators with at most a
/// quarter of ones as lists of two bytes a one, and only other types are converted. The bits do not depend on the
/// number of threads, on the order of the columns or on their encoding. Of sparse rows the entries are kept by row and by
/// place, 8 bytes each if all are one and 24 if not; places where training has no entry cost nothing, and their
/// coefficient is zero.
///
/// **Errors**: text or another type that is not numeric (encode it first), missing values (impute them first),
/// infinite values, a single class, a continuous target, parameters out of range.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, Fit, PredictProba, arrow::array::{BooleanArray, Float64Array, RecordBatch}};
/// use mlsys_models::LogisticRegression;
///
/// // Without a penalty a model of one indicator repeats the log-odds: 1 of 4, then 3 of 4.
/// let x = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
/// let y = [true, false, false, false, true, true, true, false];
/// let batch = RecordBatch::try_from_iter([
///     ("x", Arc::new(Float64Array::from(x.to_vec())) as _),
///     ("y", Arc::new(BooleanArray::from(y.to_vec())) as _),
/// ])?;
/// let train = Dataset::new(batch.clone())?.target("y")?.into_train_all();
/// let model = LogisticRegression::new().l2(0.0).fit(&train)?;
/// assert!((model.intercepts()[0] + 3f64.ln()).abs() < 1e-8);
/// assert!((model.coefficients()["x"][0] - 9f64.ln()).abs() < 1e-8);
/// assert!((model.predict_proba(&batch)?.positive()[7] - 0.75).abs() < 1e-8);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when effects are not additive in the log-odds, when columns of different units share one penalty
/// (scale them first), and when coefficients of correlated columns are read one by one. With separable classes and
/// `l2` 0 the coefficients have no finite optimum.
///
/// **Method**: D. R. Cox, The regression analysis of binary sequences, 1958; D. C. Liu and J. Nocedal, On the limited
/// memory BFGS method, 1989. Unlike scikit-learn's, the solver starts at the base rates, in the coordinates where the
/// Hessian there is the identity (its Cholesky factor, or its diagonal for more than 512 features, and for the places of
/// sparse rows when they go past that). The optimum is the same.
///
/// **Instead**: [`ZeroRule`](crate::ZeroRule) to see what it adds; trees where columns interact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct LogisticRegression {
    l2: f64,
    intercept: Intercept,
    class_weights: ClassWeights,
    max_iterations: usize,
    tolerance: f64,
}

/// Whether the log-odds have a constant part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intercept {
    /// One per output, without a penalty.
    #[default]
    Free,
    /// None: the log-odds of a row of zeros are zero.
    Zero,
}

/// How much the rows of each class count.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeights {
    /// All alike.
    #[default]
    Uniform,
    /// Every class as much as every other: total weight / (classes · weight of the class).
    Balanced,
    /// These; classes that are not named count 1.
    Explicit(Vec<(Category, f64)>),
}

impl ClassWeights {
    /// A weight per class; classes that are not named count 1.
    ///
    /// ```
    /// use mlsys_models::{ClassWeights, LogisticRegression};
    ///
    /// let recipe = LogisticRegression::new().class_weights(ClassWeights::explicit([("fraud", 20.0)]));
    /// # let _ = recipe;
    /// ```
    pub fn explicit<C: Into<Category>>(weights: impl IntoIterator<Item = (C, f64)>) -> Self {
        Self::Explicit(weights.into_iter().map(|(class, weight)| (class.into(), weight)).collect())
    }

    /// The weight of each class, given the total weight of its rows.
    pub(crate) fn resolve(&self, estimator: &str, classes: &[Category], totals: &[f64]) -> Result<Vec<f64>> {
        match self {
            Self::Uniform => Ok(vec![1.0; classes.len()]),
            Self::Balanced => {
                let total: f64 = totals.iter().sum();
                Ok(totals.iter().map(|own| total / (classes.len() as f64 * own)).collect())
            }
            Self::Explicit(weights) => {
                let mut resolved = vec![1.0; classes.len()];
                for (class, weight) in weights {
                    let place = classes.iter().position(|c| c == class);
                    let expected = match place {
                        Some(place) if weight.is_finite() && *weight > 0.0 => {
                            resolved[place] = *weight;
                            continue;
                        }
                        Some(_) => "above zero and finite".to_owned(),
                        None => {
                            let known: Vec<String> = classes.iter().map(ToString::to_string).collect();
                            format!("of the classes {}", known.join(", "))
                        }
                    };
                    let value = format!("{weight} for `{class}`");
                    return Err(Error::invalid_parameter(estimator, "class_weights", value, expected));
                }
                Ok(resolved)
            }
        }
    }
}

impl Default for LogisticRegression {
    fn default() -> Self {
        Self {
            l2: 1.0,
            intercept: Intercept::Free,
            class_weights: ClassWeights::Uniform,
            max_iterations: 1000,
            tolerance: 1e-9,
        }
    }
}

impl LogisticRegression {
    /// With l2 = 1 and an intercept.
    pub fn new() -> Self {
        Self::default()
    }

    /// The strength of the penalty, 1/C of scikit-learn.
    pub fn l2(mut self, l2: f64) -> Self {
        self.l2 = l2;
        self
    }

    /// Whether the log-odds have a constant part.
    pub fn intercept(mut self, intercept: Intercept) -> Self {
        self.intercept = intercept;
        self
    }

    /// How much the rows of each class count, on top of their own weights.
    pub fn class_weights(mut self, class_weights: ClassWeights) -> Self {
        self.class_weights = class_weights;
        self
    }

    /// Iterations of the solver at most.
    pub fn max_iterations(mut self, max_iterations: usize) -> Self {
        self.max_iterations = max_iterations;
        self
    }

    /// The gradient at which to stop.
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    fn validate(&self) -> Result<()> {
        if !(self.l2 >= 0.0 && self.l2.is_finite()) {
            return Err(Error::invalid_parameter(NAME, "l2", self.l2, "zero or more, and finite"));
        }
        if self.max_iterations == 0 {
            return Err(Error::invalid_parameter(NAME, "max_iterations", 0, "one or more"));
        }
        if !(self.tolerance > 0.0 && self.tolerance.is_finite()) {
            return Err(Error::invalid_parameter(
                NAME,
                "tolerance",
                self.tolerance,
                "above zero, and finite",
            ));
        }
        Ok(())
    }
}

impl Fit for LogisticRegression {
    type Fitted = FittedLogisticRegression;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedLogisticRegression> {
        self.fit_loss(train, None)
    }
}

impl LogisticRegression {
    fn fit_loss(
        &self,
        train: &Dataset<Train>,
        loss: Option<&dyn Objective>,
    ) -> Result<FittedLogisticRegression> {
        self.validate()?;
        let expected = "numeric or sparse rows (encode it first, or leave it out)";
        let (inputs, sparse_inputs) = dense_and_sparse(train, NAME, expected)?;
        let names: Vec<String> = inputs.iter().map(|input| input.name().to_owned()).collect();
        let target = train.layout().target(NAME)?;
        let coded = train.labels(NAME)?;
        if let Some(class) =
            coded.distinct.iter().find(|c| matches!(c, Category::Float(x) if x.fract() != 0.0))
        {
            let expected = "text, booleans or whole numbers to be classes (bin a continuous target first)";
            return Err(Error::column_type(target, expected, format!("the value {class}")));
        }
        let weights = train.weights()?;
        let read: Vec<_> = (names.par_iter())
            .map(|name| columns::Values::read(name, train.column(name)?.as_ref() as &dyn Array))
            .collect();
        let columns: Vec<_> = mlsys_core::first_error(read)?;
        let read: Vec<_> =
            (sparse_inputs.par_iter()).map(|input| sparse::read(input.name(), train.batch())).collect();
        let sparse_columns: Vec<_> = mlsys_core::first_error(read)?;
        let rows = solve::Rows {
            target,
            names: &names,
            labels: coded.codes,
            classes: coded.distinct,
            weights: weights.as_deref(),
        };
        let (classes, solution) = solve::solve(self, loss, columns, &sparse_columns, rows)?;
        let widths = sparse_columns.iter().map(SparseRows::width);
        let sparse_inputs = sparse_inputs.into_iter().zip(widths).collect();
        Ok(FittedLogisticRegression::new(Classes::new(classes)?, inputs, sparse_inputs, solution))
    }
}

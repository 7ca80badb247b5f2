//! Linear classifiers by stochastic gradient descent.

mod fitted;
mod loss;
mod machine;
mod rows;

pub use fitted::FittedSgdClassifier;
pub use loss::SgdLoss;

use mlsys_core::{Category, Classes, Dataset, Error, ErrorKind, Fit, Result, Train, seed};
use serde::{Deserialize, Serialize};

use crate::{ClassWeights, Intercept};

pub(crate) const NAME: &str = "SgdClassifier";

/// A linear classifier that learns row by row, and from further rows later on.
///
/// Minimises the mean of `w c(y) loss(y, xβ + b) + α penalty(β)` by a step along the gradient of one row after another,
/// for two classes; for more, one such score for each class against all others.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `loss` | `Log` | [`SgdLoss`] | logistic, hinge or focal |
/// | `penalty` | `L2` | [`SgdPenalty`] | `½‖β‖²`, `‖β‖₁`, or some of both |
/// | `alpha` | 1e-4 | 0 or more; above 0 for `Optimal` | how much the penalty counts |
/// | `learning_rate` | `Optimal` | [`LearningRate`] | `1 / (α (t₀ + t))`, t counts rows |
/// | `epochs` | 1000 | 1 or more | passes over the rows at most |
/// | `tolerance` | 1e-3 | `None`, or finite | an epoch counts that is better by this than all before |
/// | `patience` | 5 | 1 or more | after so many epochs that do not, it ends |
/// | `average_from` | `None` | 1 or more | from this row on, coefficients are averaged |
/// | `order` | `Shuffled` | [`RowOrder`] | anew in each epoch, by the seed |
/// | `intercept` | `Free` | [`Intercept`] | |
/// | `class_weights` | `Uniform` | [`ClassWeights`] | by the class of the row, in every score |
/// | `seed` | 0 | | |
///
/// **Input**: as [`LogisticRegression`](crate::LogisticRegression): numbers and booleans without missing values, and
/// [sparse rows](mlsys_core::sparse), of which only places that occur have coefficients. **Scale numbers first**: the steps are as large in
/// all columns. Rows of weight 0 are left out; a weight of 2 makes one step twice as long, which is not two steps.
/// **Output**: [`FittedSgdClassifier`], with labels, `decision_function`, and probabilities for `Log` and `Focal`. Not having converged
/// is a flag. **Complexity**: a pass per epoch; the numbers are copied once, row by row. Scores learn on threads of their own, each in
/// the order of the rows, so that the bits depend on the seed alone.
///
/// Of the rows of a day, or of a class that there is no row of yet, a model learns by `PartialFit`: after [`fit`](Fit::fit), or
/// after [`start`](Self::start), which names the classes and has learnt nothing.
///
/// **Errors**: those of the columns and the target as for `LogisticRegression`; [`InvalidParameter`](ErrorKind::InvalidParameter);
/// [`InvalidValue`](ErrorKind::InvalidValue) when coefficients run away: scale the columns, or take smaller steps.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, Fit, PartialFit, arrow::array::{BooleanArray, Float64Array, RecordBatch}};
/// use mlsys_models::{LearningRate, RowOrder, SgdClassifier, SgdLoss};
///
/// let batch = RecordBatch::try_from_iter([
///     ("x", Arc::new(Float64Array::from(vec![1.0, -1.0])) as _),
///     ("y", Arc::new(BooleanArray::from(vec![true, false])) as _),
/// ])?;
/// let train = Dataset::new(batch.clone())?.target("y")?.into_train_all();
/// let recipe = SgdClassifier::new().loss(SgdLoss::Hinge).alpha(0.0).epochs(1).order(RowOrder::AsGiven);
/// let mut model = recipe.learning_rate(LearningRate::Constant(0.25)).fit(&train)?;
/// // A quarter for each row: both margins are still below 1. The intercept goes up and down again.
/// assert_eq!((model.coefficients()["x"][0], model.intercepts()[0]), (0.5, 0.0));
/// model.partial_fit(&train)?;
/// assert_eq!(model.coefficients()["x"][0], 1.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when columns are not scaled, and when one run is read as the optimum: the last steps depend on the order. For
/// coefficients to the last digits take `LogisticRegression`. Probabilities of the focal loss are pulled towards 1/2: calibrate them.
///
/// **Method**: Léon Bottou, *Stochastic gradient descent tricks*, 2012; Yoshimasa Tsuruoka, Jun'ichi Tsujii, Sophia Ananiadou,
/// *Stochastic gradient descent training for L1-regularized log-linear models with cumulative penalty*, 2009; Wei Xu, *Towards optimal one
/// pass large scale learning with averaged stochastic gradient descent*, 2011; Tsung-Yi Lin and others, *Focal loss for dense object
/// detection*, 2017, for γ. As scikit-learn's `SGDClassifier`, row for row where rows come in their order; but rows of weight 0 make no
/// step, intercepts move as fast with sparse rows (whose L1 penalty is due when a row has the place, and at the end of an epoch), class weights are those of the row's own class in every score, and weights count
/// in what decides when to end.
///
/// **Instead**: `LogisticRegression` for data that fits in memory and a log loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct SgdClassifier {
    loss: SgdLoss,
    penalty: SgdPenalty,
    alpha: f64,
    learning_rate: LearningRate,
    epochs: usize,
    tolerance: Option<f64>,
    patience: usize,
    average_from: Option<u64>,
    order: RowOrder,
    intercept: Intercept,
    class_weights: ClassWeights,
    seed: u64,
}

/// What [`SgdClassifier`] keeps coefficients small by.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SgdPenalty {
    /// `½ Σ β²`.
    #[default]
    L2,
    /// `Σ |β|`: some coefficients become 0.
    L1,
    /// This share, from 0 to 1, of the second, and the rest of the first.
    ElasticNet(f64),
}

/// How long the steps of [`SgdClassifier`] are, by the number t of the row.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LearningRate {
    /// `1 / (α (t₀ + t − 1))`; the first is `α^-¼`, the size of typical weights.
    #[default]
    Optimal,
    /// Always so.
    Constant(f64),
    /// `initial / t^power`.
    InverseScaling {
        /// The first one.
        initial: f64,
        /// How fast they become shorter; 1/2 as a rule.
        power: f64,
    },
}

/// The order in which [`SgdClassifier`] reads rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowOrder {
    /// Another one in each epoch, by the seed.
    #[default]
    Shuffled,
    /// That of the table.
    AsGiven,
}

impl Default for SgdClassifier {
    fn default() -> Self {
        Self {
            loss: SgdLoss::Log,
            penalty: SgdPenalty::L2,
            alpha: 1e-4,
            learning_rate: LearningRate::Optimal,
            epochs: 1000,
            tolerance: Some(1e-3),
            patience: 5,
            average_from: None,
            order: RowOrder::Shuffled,
            intercept: Intercept::Free,
            class_weights: ClassWeights::Uniform,
            seed: seed::DEFAULT_SEED,
        }
    }
}

impl SgdClassifier {
    /// A logistic regression with an L2 penalty of 1e-4.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is minimised.
    pub fn loss(mut self, loss: SgdLoss) -> Self {
        self.loss = loss;
        self
    }

    /// What keeps coefficients small.
    pub fn penalty(mut self, penalty: SgdPenalty) -> Self {
        self.penalty = penalty;
        self
    }

    /// How much the penalty counts.
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// How long the steps are.
    pub fn learning_rate(mut self, learning_rate: LearningRate) -> Self {
        self.learning_rate = learning_rate;
        self
    }

    /// Passes over the rows at most.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// By how much an epoch must be better; `None` for all epochs.
    pub fn tolerance(mut self, tolerance: impl Into<Option<f64>>) -> Self {
        self.tolerance = tolerance.into();
        self
    }

    /// Epochs that are not, before it ends.
    pub fn patience(mut self, patience: usize) -> Self {
        self.patience = patience;
        self
    }

    /// The row, counted from 1 over all epochs, from which on coefficients are averaged.
    pub fn average_from(mut self, row: impl Into<Option<u64>>) -> Self {
        self.average_from = row.into();
        self
    }

    /// The order of the rows.
    pub fn order(mut self, order: RowOrder) -> Self {
        self.order = order;
        self
    }

    /// Whether scores have a constant part.
    pub fn intercept(mut self, intercept: Intercept) -> Self {
        self.intercept = intercept;
        self
    }

    /// How much the rows of each class count, on top of their own weights.
    pub fn class_weights(mut self, class_weights: ClassWeights) -> Self {
        self.class_weights = class_weights;
        self
    }

    /// The seed of the order.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// A model that knows classes and columns, and has learnt nothing: every score is 0. For `PartialFit`, where the first rows may
    /// not have all classes.
    ///
    /// # Errors
    ///
    /// Those of the type for parameters and columns; [`Shape`](ErrorKind::Shape) for fewer than two classes.
    pub fn start(&self, train: &Dataset<Train>, classes: Classes) -> Result<FittedSgdClassifier> {
        self.validate()?;
        FittedSgdClassifier::start(self.clone(), train, classes)
    }

    fn validate(&self) -> Result<()> {
        let refused = |name: &str, value: String, expected: &str| {
            Err(Error::invalid_parameter(NAME, name, value, expected))
        };
        let positive = |x: f64| x > 0.0 && x.is_finite();
        if let SgdLoss::Focal(gamma) = self.loss
            && !(gamma >= 0.0 && gamma.is_finite())
        {
            return refused("loss", format!("focal with γ {gamma}"), "a γ of 0 or more");
        }
        if let SgdPenalty::ElasticNet(share) = self.penalty
            && !(0.0..=1.0).contains(&share)
        {
            return refused("penalty", format!("elastic net with a share of {share}"), "a share from 0 to 1");
        }
        if !(self.alpha >= 0.0 && self.alpha.is_finite()) {
            return refused("alpha", self.alpha.to_string(), "0 or more, and finite");
        }
        match self.learning_rate {
            LearningRate::Optimal if !(1e-100..=1e100).contains(&self.alpha) => {
                return refused(
                    "alpha",
                    self.alpha.to_string(),
                    "1e-100 to 1e100 for the optimal learning rate",
                );
            }
            LearningRate::Constant(rate) | LearningRate::InverseScaling { initial: rate, .. }
                if !positive(rate) =>
            {
                return refused("learning_rate", rate.to_string(), "above 0, and finite");
            }
            LearningRate::InverseScaling { power, .. } if !power.is_finite() => {
                return refused("learning_rate", format!("the power {power}"), "a finite power");
            }
            _ => {}
        }
        if self.epochs == 0 {
            return refused("epochs", "0".into(), "1 or more");
        }
        if let Some(tolerance) = self.tolerance.filter(|tolerance| !tolerance.is_finite()) {
            return refused("tolerance", tolerance.to_string(), "finite, or none");
        }
        if self.patience == 0 {
            return refused("patience", "0".into(), "1 or more");
        }
        if self.average_from == Some(0) {
            return refused("average_from", "0".into(), "1 or more");
        }
        Ok(())
    }
}

impl Fit for SgdClassifier {
    type Fitted = FittedSgdClassifier;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedSgdClassifier> {
        self.validate()?;
        let labels = train.labels(NAME)?;
        let target = train.layout().target(NAME)?;
        if let Some(class) =
            labels.distinct.iter().find(|c| matches!(c, Category::Float(x) if x.fract() != 0.0))
        {
            let expected = "text, booleans or whole numbers to be classes (bin a continuous target first)";
            return Err(Error::column_type(target, expected, format!("the value {class}")));
        }
        let weights = train.weights()?;
        let mut there = vec![false; labels.distinct.len()];
        for (row, &code) in labels.codes.iter().enumerate() {
            there[code as usize] |= weights.as_ref().is_none_or(|weights| weights[row] > 0.0);
        }
        let classes: Vec<Category> = labels
            .distinct
            .iter()
            .zip(there)
            .filter(|(_, there)| *there)
            .map(|(class, _)| class.clone())
            .collect();
        if let [class] = classes.as_slice() {
            return Err(ErrorKind::SingleClass { column: target.into(), class: class.to_string() }.into());
        }
        let mut model = FittedSgdClassifier::start(self.clone(), train, Classes::new(classes)?)?;
        model.learn(train, self.epochs, &self.class_weights)?;
        Ok(model)
    }
}

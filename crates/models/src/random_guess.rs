//! Guesses that know nothing of the row.

use mlsys_core::arrow::array::{ArrayRef, RecordBatch};
use mlsys_core::hash::{hash_bytes, hash_u64};
use mlsys_core::ndarray::Array2;
use mlsys_core::{
    Category, Classes, Coded, Dataset, Fit, InputColumn, Kind, Predict, PredictProba, Probabilities, Result,
    Train, seed,
};
use serde::{Deserialize, Serialize};

use crate::features::features;
use crate::zero_rule::{class_shares, validate_shares};

/// A random class per row: shows what a metric says of a model that knows nothing.
///
/// The class of a row is drawn with the training shares of the classes, or all alike, by a hash of the seed and of
/// the row's own feature values. So a row gets the same guess alone and in any batch, and equal rows get equal
/// guesses; give it a column that tells rows apart, such as an id, where many are equal.
///
/// * `strategy`: [`Guess::Stratified`], or [`Guess::Uniform`].
/// * `seed`: 0.
///
/// **Input**: a target of categories, none missing; the weight column counts for the shares; features of text,
/// numbers, booleans or times, missing or not. **Output**: [`FittedRandomGuess`]; the drawn class has probability 1.
/// **Cost**: one pass over the target; predicting hashes each value. **Errors**: no target or no features, missing
/// labels, no rows, features of nested types.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, Fit, PredictProba, arrow::array::{Int64Array, RecordBatch}};
/// use mlsys_models::RandomGuess;
///
/// let batch = RecordBatch::try_from_iter([
///     ("flight", Arc::new(Int64Array::from_iter_values(0..10_000)) as _),
///     ("late", Arc::new(Int64Array::from_iter_values((0..10_000).map(|i| i64::from(i % 4 == 0)))) as _),
/// ])?;
/// let model = RandomGuess::new().fit(&Dataset::new(batch.clone())?.target("late")?.into_train_all())?;
/// let guessed: f64 = model.predict_proba(&batch)?.positive().iter().sum();
/// assert!((2400.0..2600.0).contains(&guessed));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when read as the best that one can do without features: that is [`ZeroRule`](crate::ZeroRule).
/// Its log loss is infinite by construction. As scikit-learn's `DummyClassifier` with `stratified` and `uniform`, but
/// for the probabilities of `uniform`, which here are those of the drawn class too, so that labels and probabilities
/// agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct RandomGuess {
    strategy: Guess,
    seed: u64,
}

/// How [`RandomGuess`] draws.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guess {
    /// Each class as often as in the training rows.
    #[default]
    Stratified,
    /// Each class as often as every other.
    Uniform,
}

impl Default for RandomGuess {
    fn default() -> Self {
        Self { strategy: Guess::Stratified, seed: seed::DEFAULT_SEED }
    }
}

impl RandomGuess {
    /// Guesses with the classes' shares.
    pub fn new() -> Self {
        Self::default()
    }

    /// How to draw.
    pub fn strategy(mut self, strategy: Guess) -> Self {
        self.strategy = strategy;
        self
    }

    /// Another seed, other guesses.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl Fit for RandomGuess {
    type Fitted = FittedRandomGuess;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedRandomGuess> {
        let (classes, mut shares) = class_shares(train, "RandomGuess")?;
        if self.strategy == Guess::Uniform {
            shares.fill(1.0 / classes.n_classes() as f64);
        }
        let expected = "text, numbers, booleans or times";
        let inputs = features(train, "RandomGuess", |kind| kind != Kind::Other, expected)?;
        Ok(FittedRandomGuess { classes, shares, inputs, seed: self.seed })
    }
}

/// What fitting a [`RandomGuess`] returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedRandomGuess {
    classes: Classes,
    shares: Vec<f64>,
    /// By name.
    inputs: Vec<InputColumn>,
    seed: u64,
}

mlsys_core::artifact!(FittedRandomGuess, "mlsys.RandomGuess", 1);

impl FittedRandomGuess {
    fn validate(&self) -> Result<()> {
        validate_shares(&self.classes, &self.shares)
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.inputs.clone()
    }

    /// The class drawn for each row.
    fn draws(&self, batch: &RecordBatch) -> Result<Vec<usize>> {
        let mut hashes = vec![hash_u64(self.seed, 0); batch.num_rows()];
        for input in &self.inputs {
            let coded = Coded::new(input.name(), input.find(batch)?)?;
            let known: Vec<u64> = coded.distinct.iter().map(hash_of).collect();
            for (hash, &code) in hashes.iter_mut().zip(&coded.codes) {
                *hash = hash_u64(known.get(code as usize).copied().unwrap_or(u64::MAX), *hash);
            }
        }
        Ok(hashes.into_iter().map(|hash| self.class_at((hash >> 11) as f64 / (1u64 << 53) as f64)).collect())
    }

    /// The class at this quantile of the shares. Rounding of their sum must not give a class of share zero.
    fn class_at(&self, quantile: f64) -> usize {
        let mut sum = 0.0;
        let place = self.shares.iter().position(|share| {
            sum += share;
            quantile < sum
        });
        place.or_else(|| self.shares.iter().rposition(|&share| share > 0.0)).unwrap_or(0)
    }
}

/// Numbers hash by value, so that integers and floats stand for each other.
fn hash_of(value: &Category) -> u64 {
    match value {
        Category::Text(text) => hash_bytes(text.as_bytes(), 0),
        number => hash_u64((number.as_f64().unwrap_or(0.0) + 0.0).to_bits(), 1),
    }
}

impl Predict for FittedRandomGuess {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(self.classes.take(self.draws(batch)?))
    }
}

impl PredictProba for FittedRandomGuess {
    fn classes(&self) -> &Classes {
        &self.classes
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        one_hot(&self.draws(batch)?, self.classes.n_classes())
    }
}

/// Probability 1 for one class per row.
pub(crate) fn one_hot(classes: &[usize], n_classes: usize) -> Result<Probabilities> {
    let shape = (classes.len(), n_classes);
    Probabilities::new(Array2::from_shape_fn(shape, |(row, class)| {
        f64::from(u8::from(classes[row] == class))
    }))
}

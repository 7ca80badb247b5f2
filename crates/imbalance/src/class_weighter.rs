//! Rows that count by their class.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlsys_core::arrow::datatypes::{DataType, Field, Schema};
use mlsys_core::input::{Replacements, replace_columns};
use mlsys_core::{Category, Dataset, Error, ErrorKind, Fit, FitTransform, Identity, Result, Role, Train};
use serde::{Deserialize, Serialize};

const NAME: &str = "ClassWeighter";

/// How much [`ClassWeighter`] lets a row of a class count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WeightBy {
    /// `n / (K nₖ)`: every class as much as every other, and all rows together as much as before.
    Balanced,
    /// In proportion to `1 / nₖ`; the weights of the K classes sum to K.
    InverseFrequency,
    /// In proportion to `(1 − β) / (1 − β^nₖ)`, one over the effective number of rows; the weights of the K classes sum to K.
    EffectiveNumber(f64),
    /// These; classes that are not named count 1. Made by [`ClassWeighter::explicit`].
    Explicit(Vec<(Category, f64)>),
}

/// Gives every training row a weight by its class, on top of the weight that it has.
///
/// | constructor | weight of class k of K, of nₖ of n rows |
/// |---|---|
/// | [`balanced`](Self::balanced) | `n / (K nₖ)` |
/// | [`inverse_frequency`](Self::inverse_frequency) | `K nₖ⁻¹ / Σⱼ nⱼ⁻¹` |
/// | [`effective_number`](Self::effective_number) | `K eₖ⁻¹ / Σⱼ eⱼ⁻¹`, `eₖ = (1 − β^nₖ) / (1 − β)`; β from 0 to below 1, as a rule 0.9 to 0.9999 |
/// | [`explicit`](Self::explicit) | the one given, above 0; 1 for others |
///
/// With β near 0 all classes count alike, near 1 by their inverse frequency.
///
/// A step of a chain that acts while training only: what follows sees the weights, and when predicting it is not there.
/// * `column`: what the weight column is called if there is none; `class_weight`.
///
/// **Input**: one target without missing values, of any kind that has classes. Rows count by the weights that they have: nₖ and n
/// are sums of weights, and classes of weight 0 are none. **Output**: the same table with a weight column of doubles: in the place
/// of the one that there was, or after all others. **Complexity**: one pass. **Errors**:
/// [`SingleClass`](ErrorKind::SingleClass); [`InvalidParameter`](ErrorKind::InvalidParameter) for β, and for weights of classes that
/// are not there; [`DuplicateColumn`](ErrorKind::DuplicateColumn) when the name is taken.
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{BooleanArray, RecordBatch}};
/// use mlsys_imbalance::ClassWeighter;
/// use std::sync::Arc;
///
/// let late = Arc::new(BooleanArray::from(vec![true, false, false, false]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("late", late as _)])?)?.target("late")?.into_train_all();
/// let weighed = ClassWeighter::balanced().weigh(&train)?;
/// assert_eq!(weighed.weights()?.unwrap()[..], [2.0, 2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: weighted probabilities are those of another share of classes: [`PriorCorrection`](crate::PriorCorrection) undoes that.
/// A threshold of its own does the same for a decision, without another fit.
///
/// Gary King, Langche Zeng, *Logistic regression in rare events data*, 2001, for weights by shares; Yin Cui, Menglin Jia, Tsung-Yi Lin,
/// Yang Song, Serge Belongie, *Class-balanced loss based on effective number of samples*, 2019, equations 2 and 12.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is used"]
pub struct ClassWeighter {
    by: WeightBy,
    #[serde(default = "class_weight")]
    column: String,
}

fn class_weight() -> String {
    "class_weight".into()
}

impl ClassWeighter {
    /// Weights by a rule.
    pub fn new(by: WeightBy) -> Self {
        Self { by, column: class_weight() }
    }

    /// Every class as much as every other.
    pub fn balanced() -> Self {
        Self::new(WeightBy::Balanced)
    }

    /// In proportion to one over the rows of the class.
    pub fn inverse_frequency() -> Self {
        Self::new(WeightBy::InverseFrequency)
    }

    /// In proportion to one over the effective number of rows of the class.
    pub fn effective_number(beta: f64) -> Self {
        Self::new(WeightBy::EffectiveNumber(beta))
    }

    /// These weights; classes that are not named count 1.
    pub fn explicit<C: Into<Category>>(weights: impl IntoIterator<Item = (C, f64)>) -> Self {
        let weights = weights.into_iter().map(|(class, weight)| (class.into(), weight)).collect();
        Self::new(WeightBy::Explicit(weights))
    }

    /// What the weight column is called, if there is none yet.
    pub fn column(mut self, name: impl Into<String>) -> Self {
        self.column = name.into();
        self
    }

    /// The weight of each class, ascending.
    ///
    /// # Errors
    ///
    /// As [`weigh`](Self::weigh).
    pub fn of(&self, train: &Dataset<Train>) -> Result<Vec<(Category, f64)>> {
        let totals = Totals::of(train)?;
        let weights = self.weights(&totals)?;
        Ok(totals.classes.into_iter().zip(weights).collect())
    }

    /// The rows with their weights.
    ///
    /// # Errors
    ///
    /// Those of the type; [`Dataset::labels`] and [`Dataset::weights`].
    pub fn weigh(&self, train: &Dataset<Train>) -> Result<Dataset<Train>> {
        let totals = Totals::of(train)?;
        let weights = self.weights(&totals)?;
        let old = train.weights()?;
        let new = totals.rows.iter().enumerate().map(|(row, class)| {
            let old = old.as_ref().map_or(1.0, |old| old[row]);
            // A row of no class that counts has the weight 0.
            class.map_or(old, |class| old * weights[class])
        });
        reweighed(train, &self.column, new.collect())
    }

    /// The weight of each class that counts.
    pub(crate) fn weights(&self, totals: &Totals) -> Result<Vec<f64>> {
        let (rows, classes) = (&totals.weights, &totals.classes);
        let k = rows.len() as f64;
        let least = rows.iter().copied().fold(f64::INFINITY, f64::min);
        let weights: Vec<f64> = match &self.by {
            WeightBy::Balanced => {
                let total: f64 = rows.iter().sum();
                rows.iter().map(|own| total / (k * own)).collect()
            }
            // Over the smallest, so that no quotient overflows.
            WeightBy::InverseFrequency => sum_to(k, rows.iter().map(|own| least / own).collect()),
            WeightBy::EffectiveNumber(beta) => effective_weights(NAME, *beta, rows)?,
            WeightBy::Explicit(named) => {
                let mut weights = vec![1.0; classes.len()];
                for (class, weight) in named {
                    let refused = |expected: String| {
                        Error::invalid_parameter(NAME, "weights", format!("{weight} for `{class}`"), expected)
                    };
                    if !(weight.is_finite() && *weight > 0.0) {
                        return Err(refused("above 0, and finite".into()));
                    }
                    let known = || classes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                    match classes.binary_search(class) {
                        Ok(place) => weights[place] = *weight,
                        Err(_) => return Err(refused(format!("of the classes {}", known()))),
                    }
                }
                weights
            }
        };
        match weights.iter().position(|weight| !weight.is_finite()) {
            None => Ok(weights),
            Some(class) => {
                let value = format!("{} of {}", rows[class], rows.iter().sum::<f64>());
                let expected = format!("weights of `{}` that can be balanced", classes[class]);
                Err(Error::invalid_value(&totals.target, None, value, expected))
            }
        }
    }
}

/// The rows with other weights, in a column of this name if there is no weight column yet.
pub(crate) fn reweighed(train: &Dataset<Train>, name: &str, weights: Vec<f64>) -> Result<Dataset<Train>> {
    let new: ArrayRef = Arc::new(Float64Array::from(weights));
    let replaced = train.layout().weight();
    let name = replaced.unwrap_or(name);
    let field = Arc::new(Field::new(name, DataType::Float64, false));
    if replaced.is_some() {
        let with = Replacements::from([(name, vec![(field, new)])]);
        return train.with_batch(replace_columns(train.batch(), with)?);
    }
    let schema = train.schema();
    if schema.field_with_name(name).is_ok() {
        return Err(ErrorKind::DuplicateColumn { name: name.into() }.into());
    }
    let fields = schema.fields().iter().cloned().chain([field]);
    let schema = Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone());
    let columns = train.batch().columns().iter().cloned().chain([new]).collect();
    let batch = RecordBatch::try_new(Arc::new(schema), columns)?;
    train.with_batch(batch)?.with_role(name, Role::Weight)
}

/// In proportion to one over the effective number of rows.
pub(crate) fn effective_weights(estimator: &str, beta: f64, rows: &[f64]) -> Result<Vec<f64>> {
    if !(0.0..1.0).contains(&beta) {
        return Err(Error::invalid_parameter(estimator, "beta", beta, "from 0 to below 1"));
    }
    let least = rows.iter().copied().fold(f64::INFINITY, f64::min);
    // 1 − βⁿ without its rounding, which is most of it when β is near 1.
    let effective = |n: f64| -(n * beta.ln()).exp_m1();
    Ok(sum_to(rows.len() as f64, rows.iter().map(|&own| effective(least) / effective(own)).collect()))
}

fn sum_to(sum: f64, mut weights: Vec<f64>) -> Vec<f64> {
    let scale = sum / weights.iter().sum::<f64>();
    weights.iter_mut().for_each(|weight| *weight *= scale);
    weights
}

impl Fit for ClassWeighter {
    type Fitted = Identity;

    fn fit(&self, train: &Dataset<Train>) -> Result<Identity> {
        self.of(train)?;
        Ok(Identity::new())
    }
}

impl FitTransform for ClassWeighter {
    fn fit_transform(&self, train: Dataset<Train>) -> Result<(Identity, Dataset<Train>)> {
        Ok((Identity::new(), self.weigh(&train)?))
    }
}

/// How much the rows of each class count: two at least.
pub(crate) struct Totals {
    target: String,
    pub classes: Vec<Category>,
    pub weights: Vec<f64>,
    /// The class of each row, if it counts.
    pub rows: Vec<Option<usize>>,
}

impl Totals {
    pub fn of(train: &Dataset<Train>) -> Result<Self> {
        let labels = train.labels(NAME)?;
        let weights = train.weights()?;
        let mut totals = vec![0.0; labels.distinct.len()];
        for (row, &code) in labels.codes.iter().enumerate() {
            totals[code as usize] += weights.as_ref().map_or(1.0, |weights| weights[row]);
        }
        let mut places = vec![None; totals.len()];
        (0..totals.len())
            .filter(|&class| totals[class] > 0.0)
            .enumerate()
            .for_each(|(place, class)| places[class] = Some(place));
        let target = train.layout().target(NAME)?.to_owned();
        let kept: Vec<usize> = (0..totals.len()).filter(|&class| totals[class] > 0.0).collect();
        if let [class] = kept[..] {
            let class = labels.distinct[class].to_string();
            return Err(ErrorKind::SingleClass { column: target, class }.into());
        }
        Ok(Self {
            target,
            classes: kept.iter().map(|&class| labels.distinct[class].clone()).collect(),
            weights: kept.iter().map(|&class| totals[class]).collect(),
            rows: labels.codes.iter().map(|&code| places[code as usize]).collect(),
        })
    }
}

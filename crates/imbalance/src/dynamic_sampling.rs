//! More rows of the classes that go badly.

use mlsys_core::{
    Category, Classes, Coded, Dataset, Error, PartialFit, Predict, Progress, Result, Step, Train, Validation,
    seed, silent,
};
use serde::{Deserialize, Serialize};

use crate::draws::stream;
use crate::labelled::Labelled;

const NAME: &str = "DynamicSampling";

/// Trains a model that learns on, each epoch on more rows of the classes whose F1 on validation rows is low.
///
/// > rows of class k in the next epoch = N (1 − F1ₖ) / Σⱼ (1 − F1ⱼ); equally many in the first epoch
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `epochs` | 10 | 1 or more | calls of `partial_fit` |
/// | `rows` | as many as there are | as many as classes, or more | N, rows in an epoch |
/// | `seed` | 0 | | each class draws from streams of its own in each epoch |
///
/// **Input**: any model that is a [`PartialFit`] and a [`Predict`], new or trained; one target of two classes or more, each of which has validation rows.
/// Rows are drawn without replacement, of a class with fewer rows than asked for each as often as goes, and the rest of them at random; one of each class
/// at least. A weight stays with its row, and counts in F1; rows of weight 0 are not drawn. **Output**: the model has learnt, when a call fails as far as it got;
/// and [`DynamicSamplingReport`]. **Complexity**: an epoch of N rows and a prediction of the validation rows for each. **Errors**:
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter), [`SingleClass`](mlsys_core::ErrorKind::SingleClass),
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for classes that are in the training or in the validation rows only, and the model's.
///
/// ```
/// use mlsys_core::{Dataset, PartialFit, Predict, Result, Train};
/// use mlsys_core::arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};
/// use mlsys_imbalance::DynamicSampling;
/// # use std::sync::Arc;
/// # impl mlsys_core::Artifact for Never {}
///
/// /// A model of yours; this one never learns that a flight is late.
/// struct Never;
///
/// impl PartialFit for Never {
///     fn partial_fit(&mut self, _: &Dataset<Train>) -> Result<()> { Ok(()) }
/// }
///
/// impl Predict for Never {
///     fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> { Ok(Arc::new(BooleanArray::from(vec![false; batch.num_rows()]))) }
/// }
///
/// let late = |rows: usize| -> Result<Dataset> {
///     let late = Arc::new(BooleanArray::from_iter((0..rows).map(|row| Some(row % 4 == 0))));
///     Dataset::new(RecordBatch::try_from_iter([("late", late as _)])?)?.target("late")
/// };
/// let (train, validation) = (late(100)?.into_train_all(), late(40)?.into_validation_all());
/// let report = DynamicSampling::new().epochs(2).rows(80).train(&mut Never, &train, &validation)?;
/// assert_eq!(report.epochs()[0].sizes, [40, 40]);
/// // F1 of flights in time: 2 · 30 / (2 · 30 + 10); of late ones 0.
/// assert_eq!(report.epochs()[0].f1, [60.0 / 70.0, 0.0]);
/// assert_eq!(report.epochs()[1].sizes, [10, 70]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where a class is hopeless: it gets most of the rows, and takes them from others. The validation rows have had a say in what was learnt: judge the
/// model on test rows. Probabilities are those of the shares of the last epochs: calibrate them on validation rows.
///
/// Samira Pouyanfar and others, *Dynamic sampling in convolutional neural networks for imbalanced data classification*, 2018, without its augmentation of images
/// and its second model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a schedule does nothing until it is used"]
pub struct DynamicSampling {
    epochs: usize,
    rows: Option<usize>,
    seed: u64,
}

impl Default for DynamicSampling {
    fn default() -> Self {
        Self { epochs: 10, rows: None, seed: seed::DEFAULT_SEED }
    }
}

/// How the epochs of a [`DynamicSampling`] went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DynamicSamplingReport {
    classes: Vec<Category>,
    epochs: Vec<DynamicEpoch>,
}

/// An epoch of a [`DynamicSampling`], by class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DynamicEpoch {
    /// The rows that the model learnt from.
    pub sizes: Vec<usize>,
    /// F1 on the validation rows afterwards.
    pub f1: Vec<f64>,
}

impl DynamicSamplingReport {
    /// The classes, ascending.
    pub fn classes(&self) -> &[Category] {
        &self.classes
    }

    /// The epochs, in their order.
    pub fn epochs(&self) -> &[DynamicEpoch] {
        &self.epochs
    }
}

impl DynamicSampling {
    /// Ten epochs of as many rows as there are.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many epochs.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// How many rows in an epoch; `None` for as many as there are.
    pub fn rows(mut self, rows: impl Into<Option<usize>>) -> Self {
        self.rows = rows.into();
        self
    }

    /// The seed of the draws.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Trains.
    ///
    /// # Errors
    ///
    /// Those of the type.
    pub fn train<M: PartialFit + Predict + ?Sized>(
        &self,
        model: &mut M,
        train: &Dataset<Train>,
        validation: &Dataset<Validation>,
    ) -> Result<DynamicSamplingReport> {
        self.train_with(model, train, validation, &mut silent)
    }

    /// As [`train`](Self::train), and tells `progress` of each epoch.
    ///
    /// # Errors
    ///
    /// As above, and [`Cancelled`](mlsys_core::ErrorKind::Cancelled).
    pub fn train_with<M: PartialFit + Predict + ?Sized>(
        &self,
        model: &mut M,
        train: &Dataset<Train>,
        validation: &Dataset<Validation>,
        progress: &mut dyn Progress,
    ) -> Result<DynamicSamplingReport> {
        if self.epochs == 0 {
            return Err(Error::invalid_parameter(NAME, "epochs", 0, "1 or more"));
        }
        let labelled = Labelled::new(train, NAME)?;
        let classes = labelled.sizes.classes();
        let rows = self.rows.unwrap_or(labelled.all.len());
        if rows < classes.len() || u32::try_from(rows).is_err() {
            let expected = format!("{} (a row of each class) to 4,294,967,295", classes.len());
            return Err(Error::invalid_parameter(NAME, "rows", rows, expected));
        }
        let judge = Judge::new(classes, validation)?;
        let mut sizes = share(rows, &vec![1.0; classes.len()]);
        let mut epochs = Vec::new();
        for epoch in 0..self.epochs {
            let drawn = self.draw(&labelled, &sizes, epoch as u64);
            let context = |e: Error| e.context(format!("epoch {epoch} of {NAME}"));
            model.partial_fit(&train.take(&drawn)?).map_err(context)?;
            let f1 = judge.f1(model, validation).map_err(context)?;
            // What sums of weights are rounded by is no mistake of the model's.
            let lacking = f1.iter().map(|f1| if 1.0 - f1 > 1e-12 { 1.0 - f1 } else { 0.0 });
            let next = share(rows, &lacking.collect::<Vec<_>>());
            epochs.push(DynamicEpoch { sizes: std::mem::replace(&mut sizes, next), f1 });
            Step::new(epoch + 1, self.epochs, "epochs").tell(progress, "training by DynamicSampling")?;
        }
        Ok(DynamicSamplingReport { classes: classes.to_vec(), epochs })
    }

    /// So many rows of each class, ascending.
    fn draw(&self, labelled: &Labelled, sizes: &[usize], epoch: u64) -> Vec<usize> {
        let mut drawn = Vec::with_capacity(sizes.iter().sum());
        for ((class, own), &size) in labelled.sizes.classes().iter().zip(&labelled.rows).zip(sizes) {
            (0..size / own.len()).for_each(|_| drawn.extend_from_slice(own));
            let order = seed::permutation(own.len(), &mut stream(self.seed, class, epoch));
            drawn.extend(order.iter().take(size % own.len()).map(|&place| own[place]));
        }
        drawn.sort_unstable();
        drawn
    }
}

/// So many rows in proportion to these, by the largest remainders, but one of each at least.
fn share(rows: usize, parts: &[f64]) -> Vec<usize> {
    let sum: f64 = parts.iter().sum();
    let of = |part: &f64| if sum > 0.0 { part / sum } else { 1.0 / parts.len() as f64 };
    let exact: Vec<f64> = parts.iter().map(|part| rows as f64 * of(part)).collect();
    let mut sizes: Vec<usize> = exact.iter().map(|exact| exact.floor() as usize).collect();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()));
    let left = rows.saturating_sub(sizes.iter().sum());
    order.iter().cycle().take(left).for_each(|&class| sizes[class] += 1);
    while let Some(none) = sizes.iter().position(|&size| size == 0) {
        // The first of the largest; there are as many rows as classes, so it has two.
        let most = (0..sizes.len()).rev().max_by_key(|&class| sizes[class]).unwrap_or_default();
        sizes[most] -= 1;
        sizes[none] += 1;
    }
    sizes
}

/// What is true of validation rows.
struct Judge {
    classes: Classes,
    truth: Vec<usize>,
    weights: Vec<f64>,
}

impl Judge {
    fn new(classes: &[Category], validation: &Dataset<Validation>) -> Result<Self> {
        let classes = Classes::new(classes.to_vec())?;
        let target = validation.layout().target(NAME)?;
        let truth = classes.indices(target, validation.column(target)?.as_ref())?;
        let weights = validation.weights()?.map_or_else(|| vec![1.0; truth.len()], |w| w.to_vec());
        let mut there = vec![false; classes.n_classes()];
        truth.iter().zip(&weights).for_each(|(&class, &weight)| there[class] |= weight > 0.0);
        match there.iter().position(|there| !there) {
            None => Ok(Self { classes, truth, weights }),
            Some(class) => {
                let value = format!("no row of class `{}` for validation", classes.values()[class]);
                Err(Error::invalid_value(target, None, value, "validation rows of every class"))
            }
        }
    }

    /// `2 hits / (true + predicted)` of each class.
    fn f1<M: Predict + ?Sized>(&self, model: &M, validation: &Dataset<Validation>) -> Result<Vec<f64>> {
        let labels = model.predict(validation.batch())?;
        if labels.len() != self.truth.len() {
            return Err(Error::shape("predictions", self.truth.len(), labels.len()));
        }
        let said = Coded::new("prediction", labels.as_ref())?;
        // A model may know classes that these rows do not have.
        let places = said.places_in(self.classes.values());
        let k = self.classes.n_classes();
        // True and predicted apart, so that equal ones have equal sums.
        let (mut hits, mut actual, mut predicted) = (vec![0.0; k], vec![0.0; k], vec![0.0; k]);
        for ((&truth, &weight), &code) in self.truth.iter().zip(&self.weights).zip(&said.codes) {
            actual[truth] += weight;
            if let Some(said) = places.get(code as usize).copied().flatten() {
                predicted[said as usize] += weight;
                if said as usize == truth {
                    hits[truth] += weight;
                }
            }
        }
        let of = |class: usize| 2.0 * hits[class] / (actual[class] + predicted[class]);
        Ok((0..k).map(|class| of(class).min(1.0)).collect())
    }
}

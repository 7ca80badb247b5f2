//! First on few rows of each class, then on all.

use mlsys_core::{Dataset, Error, PartialFit, Progress, Result, Step, Train, seed, silent};
use serde::{Deserialize, Serialize};

use crate::labelled::Labelled;
use crate::random_under_sampler::some;

const NAME: &str = "TwoPhase";

/// Trains a model that learns on in two phases: in the first on at most N rows of each class, in the second on all rows.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `rows_per_class` | | 1 or more | N; classes with fewer rows keep them all |
/// | `first_epochs` | 10 | 1 or more | calls of `partial_fit` with the few rows, always the same |
/// | `second_epochs` | 10 | 1 or more | calls with all |
/// | `seed` | 0 | | which rows are few |
///
/// **Input**: any model that is a [`PartialFit`], new or trained, and one target of two classes or more. A weight stays with its row; rows of weight 0 are
/// not drawn. **Output**: the model has learnt; when a call fails, as far as it got. **Complexity**: an epoch for each call. **Errors**:
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter), [`SingleClass`](mlsys_core::ErrorKind::SingleClass), and the model's.
///
/// ```
/// use mlsys_core::{Dataset, PartialFit, Result, Train, arrow::array::{BooleanArray, RecordBatch}};
/// use mlsys_imbalance::TwoPhase;
/// # use std::sync::Arc;
///
/// /// A model of yours; this one only counts.
/// #[derive(Default)]
/// struct Seen(Vec<usize>);
///
/// impl PartialFit for Seen {
///     fn partial_fit(&mut self, train: &Dataset<Train>) -> Result<()> {
///         self.0.push(train.n_rows());
///         Ok(())
///     }
/// }
///
/// let late = Arc::new(BooleanArray::from_iter((0..100).map(|row| Some(row % 10 == 0))));
/// let train = Dataset::new(RecordBatch::try_from_iter([("late", late as _)])?)?.target("late")?.into_train_all();
/// let mut model = Seen::default();
/// // 15 flights in time, and the 10 late ones.
/// TwoPhase::new(15).first_epochs(3).second_epochs(2).train(&mut model, &train)?;
/// assert_eq!(model.0, [25, 25, 25, 100, 100]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when the second phase is long: what it learns from is as imbalanced as ever, and in the end the first may not matter. For a model whose optimum does
/// not depend on where it starts, such as a linear one, the first phase only saves time.
///
/// Hansang Lee, Minseok Park, Junmo Kim, *Plankton classification on imbalanced large scale database via convolutional neural networks with transfer learning*,
/// 2016; Mohammad Havaei and others, *Brain tumor segmentation with deep neural networks*, 2017, whose second phase trains the last layer alone:
/// here all that the model learns by `partial_fit` is trained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a schedule does nothing until it is used"]
pub struct TwoPhase {
    rows_per_class: usize,
    #[serde(default = "ten")]
    first_epochs: usize,
    #[serde(default = "ten")]
    second_epochs: usize,
    #[serde(default)]
    seed: u64,
}

fn ten() -> usize {
    10
}

impl TwoPhase {
    /// Ten epochs of so many rows of each class, and ten of all.
    pub fn new(rows_per_class: usize) -> Self {
        Self { rows_per_class, first_epochs: ten(), second_epochs: ten(), seed: seed::DEFAULT_SEED }
    }

    /// Epochs of the few rows.
    pub fn first_epochs(mut self, epochs: usize) -> Self {
        self.first_epochs = epochs;
        self
    }

    /// Epochs of all rows.
    pub fn second_epochs(mut self, epochs: usize) -> Self {
        self.second_epochs = epochs;
        self
    }

    /// The seed of the few rows.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The rows of the first phase, in their order.
    ///
    /// # Errors
    ///
    /// Those of the type, but the model's.
    pub fn first_rows(&self, train: &Dataset<Train>) -> Result<Dataset<Train>> {
        let parameters = [
            ("rows_per_class", self.rows_per_class),
            ("first_epochs", self.first_epochs),
            ("second_epochs", self.second_epochs),
        ];
        if let Some((name, _)) = parameters.into_iter().find(|(_, value)| *value == 0) {
            return Err(Error::invalid_parameter(NAME, name, 0, "1 or more"));
        }
        let labelled = Labelled::new(train, NAME)?;
        let classes = labelled.sizes.classes().iter().zip(&labelled.rows);
        let drawn = classes.map(|(class, own)| some(own, self.rows_per_class, self.seed, class, 0));
        let mut rows: Vec<usize> = drawn.flatten().collect();
        rows.sort_unstable();
        train.take(&rows)
    }

    /// Trains.
    ///
    /// # Errors
    ///
    /// Those of the type.
    pub fn train<M: PartialFit + ?Sized>(&self, model: &mut M, train: &Dataset<Train>) -> Result<()> {
        self.train_with(model, train, &mut silent)
    }

    /// As [`train`](Self::train), and tells `progress` of each epoch.
    ///
    /// # Errors
    ///
    /// As above, and [`Cancelled`](mlsys_core::ErrorKind::Cancelled).
    pub fn train_with<M: PartialFit + ?Sized>(
        &self,
        model: &mut M,
        train: &Dataset<Train>,
        progress: &mut dyn Progress,
    ) -> Result<()> {
        let few = self.first_rows(train)?;
        let total = self.first_epochs.saturating_add(self.second_epochs);
        let phases = [("first", &few, self.first_epochs), ("second", train, self.second_epochs)];
        let mut done = 0;
        for (phase, rows, epochs) in phases {
            for epoch in 0..epochs {
                let learnt = model.partial_fit(rows);
                learnt.map_err(|e| e.context(format!("epoch {epoch} of the {phase} phase of {NAME}")))?;
                done += 1;
                Step::new(done, total, "epochs").tell(progress, "training by TwoPhase")?;
            }
        }
        Ok(())
    }
}

//! Copies of the rows of small classes.

use mlsys_core::{Dataset, Result, Train, seed};
use serde::{Deserialize, Serialize};

use crate::draws::stream;
use crate::labelled::Labelled;
use crate::plan::resample_as_planned;
use crate::{Plan, PlanResample, Strategy};

/// Copies rows of small classes, drawn with replacement, until these have as many as asked for.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `strategy` | `Auto` | see [`Strategy`] | all classes become as large as the largest |
/// | `seed` | 0 | | |
///
/// **Input**: one target of two classes or more; columns of any type. **Output**: all rows in their order, then the
/// copies, class by class, with the ids of their rows. A weight stays with its row; rows of weight 0 are left out, and
/// others count 1. One pass, 4 bytes a row. **Errors**: as [`Strategy::over`];
/// [`SingleClass`](mlsys_core::ErrorKind::SingleClass); [`MissingValues`](mlsys_core::ErrorKind::MissingValues) in the target.
///
/// ```
/// use mlsys_core::{Dataset, Resample, arrow::array::{BooleanArray, RecordBatch}};
/// use mlsys_imbalance::{ClassSizes, PlanResample, RandomOverSampler};
/// use std::sync::Arc;
///
/// let late = Arc::new(BooleanArray::from(vec![false, true, false, false]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("late", late as _)])?)?.target("late")?.into_train_all();
/// assert_eq!(RandomOverSampler::new().plan(&train)?.kept(), [0, 1, 2, 3, 1, 1]);
/// assert_eq!(ClassSizes::of(&RandomOverSampler::new().resample(train)?)?.sizes(), [3, 3]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** whoever splits afterwards: copies of a row end up on both sides. A model that can learn rows by heart learns
/// the copies; class weights ask for the same without them. Probabilities are those of the new class shares.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a resampler does nothing until it is used"]
pub struct RandomOverSampler {
    strategy: Strategy,
    seed: u64,
}

impl RandomOverSampler {
    /// Copies until all classes are as large as the largest.
    pub fn new() -> Self {
        Self { strategy: Strategy::Auto, seed: seed::DEFAULT_SEED }
    }

    /// Which classes grow, and to how many rows.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// The seed of the draws.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl PlanResample for RandomOverSampler {
    fn plan(&self, train: &Dataset<Train>) -> Result<Plan> {
        let labelled = Labelled::new(train, "RandomOverSampler")?;
        let after = self.strategy.over("RandomOverSampler", &labelled.sizes)?;
        let mut kept = labelled.all;
        for ((class, rows), after) in labelled.sizes.classes().iter().zip(&labelled.rows).zip(after) {
            let mut rng = stream(self.seed, class, 0);
            let draws = (rows.len()..after).map(|_| rows[seed::below(rows.len() as u64, &mut rng) as usize]);
            kept.extend(draws);
        }
        Plan::keep(train, &kept)
    }

    fn draws_at_random(&self) -> bool {
        true
    }
}

resample_as_planned!(RandomOverSampler);

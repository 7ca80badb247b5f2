//! Some of the rows of large classes.

use mlsys_core::{Category, Dataset, Result, Train, seed};
use serde::{Deserialize, Serialize};

use crate::draws::stream;
use crate::labelled::Labelled;
use crate::plan::resample_as_planned;
use crate::{Plan, PlanResample, Strategy};

/// Keeps some rows of large classes, drawn without replacement, and drops the others.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `strategy` | `Auto` | see [`Strategy`] | all classes become as small as the smallest |
/// | `seed` | 0 | | |
///
/// **Input**: one target of two classes or more; columns of any type. **Output**: the rows that are left, in their order,
/// with their ids. A weight stays with its row; rows of weight 0 are left out, and others count 1. One pass, 4 bytes a row.
/// **Errors**: as [`Strategy::under`]; [`SingleClass`](mlsys_core::ErrorKind::SingleClass);
/// [`MissingValues`](mlsys_core::ErrorKind::MissingValues) in the target.
///
/// ```
/// use mlsys_core::{Dataset, Resample, arrow::array::{BooleanArray, RecordBatch}};
/// use mlsys_imbalance::{ClassSizes, PlanResample, RandomUnderSampler};
/// use std::sync::Arc;
///
/// let late = Arc::new(BooleanArray::from(vec![false, true, false, false]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("late", late as _)])?)?.target("late")?.into_train_all();
/// assert_eq!(RandomUnderSampler::new().plan(&train)?.n_rows(), 2);
/// assert_eq!(ClassSizes::of(&RandomUnderSampler::new().resample(train)?)?.sizes(), [1, 1]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where the smallest class is small: what is left says little of the others. Probabilities are those of the
/// new class shares.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a resampler does nothing until it is used"]
pub struct RandomUnderSampler {
    strategy: Strategy,
    seed: u64,
}

impl RandomUnderSampler {
    /// Drops rows until all classes are as small as the smallest.
    pub fn new() -> Self {
        Self { strategy: Strategy::Auto, seed: seed::DEFAULT_SEED }
    }

    /// Which classes shrink, and to how many rows.
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

impl PlanResample for RandomUnderSampler {
    fn plan(&self, train: &Dataset<Train>) -> Result<Plan> {
        let labelled = Labelled::new(train, "RandomUnderSampler")?;
        let after = self.strategy.under("RandomUnderSampler", &labelled.sizes)?;
        let mut kept = Vec::with_capacity(after.iter().sum());
        for ((class, rows), after) in labelled.sizes.classes().iter().zip(&labelled.rows).zip(after) {
            kept.extend(some(rows, after, self.seed, class, 0));
        }
        kept.sort_unstable();
        Plan::keep(train, &kept)
    }

    fn draws_at_random(&self) -> bool {
        true
    }
}

resample_as_planned!(RandomUnderSampler);

/// So many rows of a class, drawn without replacement, for a unit of work; all where there are no more.
pub(crate) fn some(rows: &[usize], after: usize, seed: u64, class: &Category, unit: u64) -> Vec<usize> {
    if after >= rows.len() {
        return rows.to_vec();
    }
    let order = seed::permutation(rows.len(), &mut stream(seed, class, unit));
    order.iter().take(after).map(|&place| rows[place]).collect()
}

//! Shuffled folds, several times.

use mlsys_core::hash::hash_u64;
use mlsys_core::{Dataset, Error, Fold, Folds, Result, Train, seed};
use serde::{Deserialize, Serialize};

use crate::sizes::MOST_FOLDS;
use crate::{
    BootstrapFolds, GroupKFold, KFold, MultilabelKFold, Shuffle, StratifiedGroupKFold, StratifiedKFold,
};

/// Folds that can be shuffled by a seed, so that they can be [`Repeated`].
pub trait Reseed: Folds + Clone {
    /// The same folds, shuffled by this seed.
    #[must_use]
    fn reseed(&self, seed: u64) -> Self;
}

/// Folds n times, each time shuffled by another seed.
///
/// Repetition r = 0, 1, .. is shuffled by h(r, seed), with the stable hash.
///
/// * `folds`, required: shuffled, whatever they say themselves.
/// * `n_repeats`, required: 1 to 10,000.
/// * `seed`: 0.
///
/// **Input, errors**: those of the folds; no repetition. **Output**: the folds of the first repetition, then of the
/// next. **Cost**: n times that of the folds.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, Folds, arrow::array::{Int64Array, RecordBatch}};
/// use mlsys_sampling::{KFold, Repeated};
///
/// let batch = RecordBatch::try_from_iter([("x", Arc::new(Int64Array::from_iter_values(0..10)) as _)])?;
/// let train = Dataset::new(batch)?.into_train_all();
/// let folds = Repeated::new(KFold::new(5), 3).folds(&train)?;
/// assert_eq!(folds.len(), 15);
/// assert_ne!(folds[0], folds[5]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when scores of repetitions are treated as independent: their rows are the same, so that an interval
/// from them is too narrow. **Instead**: more folds, or [`BootstrapFolds`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a splitter does nothing until it splits"]
pub struct Repeated<F> {
    folds: F,
    n_repeats: usize,
    #[serde(default)]
    seed: u64,
}

impl<F: Reseed> Repeated<F> {
    /// These folds this many times.
    pub fn new(folds: F, n_repeats: usize) -> Self {
        Self { folds, n_repeats, seed: seed::DEFAULT_SEED }
    }

    /// The seed that those of the repetitions come from.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl<F: Reseed> Folds for Repeated<F> {
    fn folds(&self, train: &Dataset<Train>) -> Result<Vec<Fold>> {
        if self.n_repeats == 0 || self.n_repeats > MOST_FOLDS {
            let expected = format!("1 to {MOST_FOLDS}, since each fold lists its rows");
            return Err(Error::invalid_parameter("Repeated", "n_repeats", self.n_repeats, expected));
        }
        let mut all = Vec::new();
        for repetition in 0..self.n_repeats as u64 {
            all.extend(self.folds.reseed(hash_u64(repetition, self.seed)).folds(train)?);
        }
        Ok(all)
    }
}

macro_rules! reseed {
    ($($folds:ty),*) => {$(
        impl Reseed for $folds {
            fn reseed(&self, seed: u64) -> Self {
                self.clone().shuffle(Shuffle::On).seed(seed)
            }
        }
    )*};
}

reseed!(KFold, StratifiedKFold, GroupKFold, StratifiedGroupKFold, MultilabelKFold);

impl Reseed for BootstrapFolds {
    fn reseed(&self, seed: u64) -> Self {
        self.seed(seed)
    }
}

//! Bootstrap replicates as folds, and the estimates that they serve.

use mlsys_core::{Dataset, Error, Fold, Folds, Result, Train, seed};
use serde::{Deserialize, Serialize};

use crate::sizes::MOST_FOLDS;

/// n rows drawn with replacement to fit on, and the rows that were not drawn to validate on; again and again.
///
/// A row is out of the bag with chance (1 − 1/n)ⁿ ≈ 0.368. A drawn row is in [`Fold::train`] as often as it was drawn.
///
/// * `n_replicates`, required: 1 to 10,000.
/// * `seed`: 0; each replicate has a stream of its own.
///
/// **Input**: two rows or more. **Output**: a fold per replicate; one that left no row out is drawn again. **Cost**:
/// O(n log n) per replicate. **Errors**: no replicate, fewer than two rows.
///
/// ```
/// let folds = mlsys_sampling::bootstrap_folds(1000, 20, 7)?;
/// let out: usize = folds.iter().map(|fold| fold.validation().len()).sum();
/// assert!(folds.iter().all(|fold| fold.train().len() == 1000));
/// assert!((out as f64 / 20_000.0 - 0.368).abs() < 0.01);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** for models that remember rows, such as nearest neighbours and deep trees: their training error is
/// zero; take [`bootstrap_632_plus`]. Errors out of the bag are pessimistic, as 63% of the rows were seen. Efron,
/// Estimating the error rate of a prediction rule, 1983. **Instead**: [`Repeated`](crate::Repeated) folds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a splitter does nothing until it splits"]
pub struct BootstrapFolds {
    n_replicates: usize,
    #[serde(default)]
    seed: u64,
}

impl BootstrapFolds {
    /// This many replicates.
    pub fn new(n_replicates: usize) -> Self {
        Self { n_replicates, seed: seed::DEFAULT_SEED }
    }

    /// The seed of the draws.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

/// The folds of `n` rows: [`BootstrapFolds`] without a dataset.
///
/// # Errors
///
/// As [`BootstrapFolds`].
pub fn bootstrap_folds(n: usize, n_replicates: usize, seed: u64) -> Result<Vec<Fold>> {
    const NAME: &str = "BootstrapFolds";
    if n_replicates == 0 || n_replicates > MOST_FOLDS {
        let expected = format!("1 to {MOST_FOLDS}, since each lists its rows");
        return Err(Error::invalid_parameter(NAME, "n_replicates", n_replicates, expected));
    }
    if n < 2 {
        return Err(Error::too_few_rows(2, n, NAME));
    }
    let replicate = |number: usize| {
        let mut rng = seed::stream(seed, number as u64);
        loop {
            let mut times = vec![0usize; n];
            (0..n).for_each(|_| times[seed::below(n as u64, &mut rng) as usize] += 1);
            let out: Vec<usize> = (0..n).filter(|&row| times[row] == 0).collect();
            // Every row was drawn: half of the draws from two rows, and none that anyone will see from twenty.
            if !out.is_empty() {
                let drawn = (0..n).flat_map(|row| std::iter::repeat_n(row, times[row])).collect();
                return Fold::with_repeats(drawn, out);
            }
        }
    };
    (0..n_replicates).map(replicate).collect()
}

impl Folds for BootstrapFolds {
    fn folds(&self, train: &Dataset<Train>) -> Result<Vec<Fold>> {
        bootstrap_folds(train.n_rows(), self.n_replicates, self.seed)
    }
}

/// The .632 estimate of an error: 0.368 · error on the training rows + 0.632 · mean error out of the bag.
///
/// ```
/// assert!((mlsys_sampling::bootstrap_632(0.1, 0.3) - 0.2264).abs() < 1e-12);
/// ```
///
/// Efron 1983. Too low when a model fits its training rows perfectly: [`bootstrap_632_plus`].
pub fn bootstrap_632(train_error: f64, oob_error: f64) -> f64 {
    0.368 * train_error + 0.632 * oob_error
}

/// The .632+ estimate of an error, which trusts the error out of the bag more the more a model overfits.
///
/// With γ the error without information (of predictions that know nothing of the target, see
/// [`no_information_error`]), e₁ = min(`oob_error`, γ) and R = (e₁ − `train_error`) / (γ − `train_error`), zero
/// unless `train_error` < e₁: (1 − w)·`train_error` + w·e₁, where w = 0.632 / (1 − 0.368·R).
///
/// ```
/// use mlsys_sampling::{bootstrap_632, bootstrap_632_plus};
///
/// // A model that remembers its rows and knows nothing: R = 1, w = 1.
/// assert!((bootstrap_632_plus(0.0, 0.5, 0.5) - 0.5).abs() < 1e-12);
/// // R = 0.5: w = 0.632 / 0.816 = 0.7745.., of e₁ = 0.3 and 0.1.
/// assert!((bootstrap_632_plus(0.1, 0.3, 0.5) - (0.1 + 0.2 * 0.632 / 0.816)).abs() < 1e-12);
/// // Nothing is overfitted: as the .632 estimate.
/// assert_eq!(bootstrap_632_plus(0.3, 0.3, 0.5), bootstrap_632(0.3, 0.3));
/// ```
///
/// Efron and Tibshirani, Improvements on cross-validation: the .632+ bootstrap method, 1997, equations 28 to 32.
pub fn bootstrap_632_plus(train_error: f64, oob_error: f64, no_information_error: f64) -> f64 {
    let oob = oob_error.min(no_information_error);
    if oob <= train_error {
        return bootstrap_632(train_error, oob);
    }
    let overfitted = (oob - train_error) / (no_information_error - train_error);
    let weight = 0.632 / (1.0 - 0.368 * overfitted);
    train_error + weight * (oob - train_error)
}

/// The share of wrong classes if predictions knew nothing of the target: Σ_c p_c·(1 − q_c), for the share p_c of
/// class c in the target and q_c among the predictions.
///
/// ```
/// assert_eq!(mlsys_sampling::no_information_error(&[0.75, 0.25], &[0.5, 0.5]), 0.5);
/// ```
///
/// Efron and Tibshirani 1997, equation 27.
pub fn no_information_error(target_shares: &[f64], predicted_shares: &[f64]) -> f64 {
    // A class that is never predicted may be left out of the shares.
    let predicted = predicted_shares.iter().copied().chain(std::iter::repeat(0.0));
    target_shares.iter().zip(predicted).map(|(p, q)| p * (1.0 - q)).sum()
}

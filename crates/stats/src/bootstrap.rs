//! The bootstrap: how much a statistic would vary if the rows had been drawn again.

use mlsys_core::ndarray::Array1;
use mlsys_core::{Error, Result, seed};
use ndarray_stats::interpolate::Linear;
use ndarray_stats::{MaybeNan, Quantile1dExt};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// A double that is not NaN, the element that `ndarray-stats` computes quantiles of.
type NotNan = <f64 as MaybeNan>::NotNan;

const NAME: &str = "Bootstrap";

/// A seeded percentile bootstrap over rows (Efron).
///
/// Replicate *b* draws *n* of *n* rows with replacement and computes the statistic *t\*_b*; the interval at level
/// *L* runs from the *(1-L)/2* to the *(1+L)/2* quantile of the *t\*_b* (linear between order statistics).
///
/// * `replicates`: 1000; from 2 to 1,000,000.
/// * `level`: 0.95; between 0 and 1, both excluded.
/// * `seed`: [`seed::DEFAULT_SEED`]. Replicate *b* has the stream *b* of the seed, so the result does not depend
///   on threads, and the first 100 of 1000 replicates are the replicates of a run of 100.
///
/// The statistic sees how often each row was drawn (a multinomial count that sums to *n*), not the rows: a rank
/// metric sorts its rows once and reweights them in each replicate. The draws are Efron's own and not the Poisson
/// counts that streams use, because a draw costs one random number per row either way, and with Poisson counts the
/// number of rows would vary too.
///
/// **Complexity**: *replicates* x (*n* draws + the statistic), in parallel on rayon's current pool; one count per
/// row and running replicate.
///
/// ```
/// use mlsys_stats::bootstrap::Bootstrap;
///
/// let x = [1.0, 2.0, 3.0, 4.0, 10.0];
/// let mean = |counts: &[u32]| Some(counts.iter().zip(x).map(|(&c, x)| f64::from(c) * x).sum::<f64>() / 5.0);
/// let report = Bootstrap::new().replicates(2000).run(x.len(), mean)?;
/// assert_eq!(report.replicates.len(), 2000);
/// assert_eq!(report.interval, (1.8, 7.0));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **When it misleads**: under about 30 rows, or when few rows carry the statistic (a rare class, an extreme
/// quantile), the interval is too narrow; for dependent rows (several per aircraft, a time series) it is too narrow
/// at any size, because rows are drawn as if they were independent. Replicates in which the statistic is undefined
/// are left out and counted: many of them mean that the interval describes luckier samples than yours.
///
/// **Source**: B. Efron, "Bootstrap Methods: Another Look at the Jackknife" (1979); the percentile interval of
/// B. Efron and R. Tibshirani, "An Introduction to the Bootstrap" (1993), section 13.3. For a proportion or an area
/// under the ROC curve the closed forms of Wilson and DeLong are faster and better in small samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    replicates: usize,
    level: f64,
    seed: u64,
}

/// What a [`Bootstrap`] found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BootstrapReport {
    /// The statistic of each replicate in which it was defined, in the order of the replicates.
    pub replicates: Vec<f64>,
    /// In how many replicates the statistic was undefined (`None`, infinite or NaN).
    pub undefined: usize,
    /// The percentile interval.
    pub interval: (f64, f64),
}

impl BootstrapReport {
    /// The standard deviation of the replicates (with `n - 1`): the bootstrap estimate of the standard error.
    ///
    /// `None` with a single defined replicate.
    pub fn standard_error(&self) -> Option<f64> {
        let n = self.replicates.len() as f64;
        let mean = self.replicates.iter().sum::<f64>() / n;
        let squares: f64 = self.replicates.iter().map(|t| (t - mean).powi(2)).sum();
        (n > 1.0).then(|| (squares / (n - 1.0)).sqrt())
    }
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { replicates: 1000, level: 0.95, seed: seed::DEFAULT_SEED }
    }
}

impl Bootstrap {
    /// 1000 replicates at the level 0.95.
    pub fn new() -> Self {
        Self::default()
    }

    /// How often the rows are drawn again: 2 to 1,000,000.
    pub fn replicates(mut self, replicates: usize) -> Self {
        self.replicates = replicates;
        self
    }

    /// The probability that the interval is meant to cover with: between 0 and 1.
    pub fn level(mut self, level: f64) -> Self {
        self.level = level;
        self
    }

    /// The seed of the draws.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Runs the bootstrap over `rows` rows.
    ///
    /// `statistic` gets the number of times each row was drawn; `None` (or a value that is not finite) says that
    /// the statistic is undefined for that draw.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter);
    /// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) without rows;
    /// [`Unsupported`](mlsys_core::ErrorKind::Unsupported) when no replicate defines the statistic.
    pub fn run<F>(&self, rows: usize, statistic: F) -> Result<BootstrapReport>
    where
        F: Fn(&[u32]) -> Option<f64> + Sync,
    {
        self.validate()?;
        if rows == 0 {
            return Err(Error::too_few_rows(1, 0, "a bootstrap"));
        }
        if u32::try_from(rows).is_err() {
            return Err(Error::shape("rows to bootstrap", "at most 4294967295", rows));
        }
        let values: Vec<Option<f64>> = (0..self.replicates as u64)
            .into_par_iter()
            .map_init(
                || vec![0u32; rows],
                |counts, replicate| {
                    draw(counts, self.seed, replicate);
                    statistic(counts).filter(|t| t.is_finite())
                },
            )
            .collect();
        let replicates: Vec<f64> = values.iter().copied().flatten().collect();
        let undefined = values.len() - replicates.len();
        let Some(interval) = percentiles(&replicates, self.level) else {
            let what = format!("the statistic is undefined in each of the {undefined} bootstrap replicates");
            return Err(Error::unsupported(what));
        };
        Ok(BootstrapReport { replicates, undefined, interval })
    }

    /// Checks the parameters; [`run`](Self::run) does it too.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter).
    pub fn validate(&self) -> Result<()> {
        if !(2..=1_000_000).contains(&self.replicates) {
            return Err(Error::invalid_parameter(NAME, "replicates", self.replicates, "from 2 to 1000000"));
        }
        if !(self.level > 0.0 && self.level < 1.0) {
            return Err(Error::invalid_parameter(
                NAME,
                "level",
                self.level,
                "between 0 and 1, both excluded",
            ));
        }
        Ok(())
    }
}

/// Fills `counts` with a multinomial draw of as many rows as there are.
fn draw(counts: &mut [u32], seed: u64, replicate: u64) {
    counts.fill(0);
    let mut rng = seed::stream(seed, replicate);
    let rows = counts.len() as u64;
    for _ in 0..rows {
        counts[seed::below(rows, &mut rng) as usize] += 1;
    }
}

/// The central interval of finite values; `None` without values.
fn percentiles(values: &[f64], level: f64) -> Option<(f64, f64)> {
    let mut values: Array1<NotNan> = values.iter().filter_map(|t| t.try_as_not_nan().copied()).collect();
    let tails = [(1.0 - level) / 2.0, (1.0 + level) / 2.0];
    let tails: Array1<NotNan> = tails.iter().filter_map(|q| q.try_as_not_nan().copied()).collect();
    let found = values.quantiles_mut(&tails, &Linear).ok()?;
    match found.as_slice()? {
        [low, high] => Some((low.raw(), high.raw())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlsys_core::ErrorKind;
    use proptest::prelude::*;

    fn mean_of(x: &[f64]) -> impl Fn(&[u32]) -> Option<f64> + Sync {
        move |counts| Some(counts.iter().zip(x).map(|(&c, x)| f64::from(c) * x).sum::<f64>() / x.len() as f64)
    }

    #[test]
    fn threads_do_not_matter() {
        let x: Vec<f64> = (0..500).map(|i| (f64::from(i) * 0.37).sin()).collect();
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Bootstrap::new().replicates(64).seed(9).run(x.len(), mean_of(&x)).unwrap())
        };
        assert_eq!(run(1), run(2));
        assert_eq!(run(1), run(7));
    }

    #[test]
    fn more_replicates_keep_the_first_ones() {
        let x = [3.0, 1.0, 4.0, 1.0, 5.0];
        let few = Bootstrap::new().replicates(10).run(5, mean_of(&x)).unwrap();
        let many = Bootstrap::new().replicates(50).run(5, mean_of(&x)).unwrap();
        assert_eq!(few.replicates, many.replicates[..10]);
        assert_ne!(Bootstrap::new().seed(1).replicates(10).run(5, mean_of(&x)).unwrap(), few);
    }

    #[test]
    fn the_standard_error_of_a_mean_is_found() {
        let x: Vec<f64> = (0..400).map(|i| f64::from(i % 20)).collect();
        let report = Bootstrap::new().replicates(4000).run(x.len(), mean_of(&x)).unwrap();
        // The variance of 0..20 is 33.25.
        let expected = (33.25f64 / 400.0).sqrt();
        assert!((report.standard_error().unwrap() / expected - 1.0).abs() < 0.05);
        assert!((report.interval.0 - (9.5 - 1.96 * expected)).abs() < 0.05, "{:?}", report.interval);
        assert!((report.interval.1 - (9.5 + 1.96 * expected)).abs() < 0.05, "{:?}", report.interval);
    }

    #[test]
    fn undefined_replicates_are_counted() {
        let report = Bootstrap::new().run(2, |counts| (counts[0] > 0).then_some(1.0)).unwrap();
        assert_eq!(report.undefined + report.replicates.len(), 1000);
        assert!((200..300).contains(&report.undefined), "{}", report.undefined);
        assert_eq!(report.interval, (1.0, 1.0));
        let never = Bootstrap::new().run(2, |_| Some(f64::NAN)).unwrap_err();
        assert!(matches!(never.kind(), ErrorKind::Unsupported { .. }), "{never}");
    }

    #[test]
    fn bad_input_is_refused() {
        let run = |b: Bootstrap, n| b.run(n, |_| Some(0.0)).unwrap_err();
        for level in [0.0, 1.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = run(Bootstrap::new().level(level), 3);
            assert!(
                matches!(error.kind(), ErrorKind::InvalidParameter { name, .. } if name == "level"),
                "{error}"
            );
        }
        for replicates in [0, 1, usize::MAX] {
            let error = run(Bootstrap::new().replicates(replicates), 3);
            assert!(matches!(error.kind(), ErrorKind::InvalidParameter { name, .. } if name == "replicates"));
        }
        assert!(matches!(run(Bootstrap::new(), 0).kind(), ErrorKind::TooFewRows { need: 1, found: 0, .. }));
    }

    proptest! {
        #[test]
        fn counts_sum_to_the_rows(rows in 1usize..200, seed: u64) {
            let mut counts = vec![7; rows];
            draw(&mut counts, seed, 3);
            prop_assert_eq!(counts.iter().sum::<u32>() as usize, rows);
        }

        #[test]
        fn percentiles_are_numpys_linear_ones(mut x in prop::collection::vec(-1e3..1e3, 1..50), level in 0.01..0.99) {
            let (low, high) = percentiles(&x, level).unwrap();
            x.sort_by(f64::total_cmp);
            for (found, q) in [(low, (1.0 - level) / 2.0), (high, (1.0 + level) / 2.0)] {
                let at = q * (x.len() - 1) as f64;
                let (a, b) = (x[at.floor() as usize], x[at.ceil() as usize]);
                prop_assert!((found - (a + (b - a) * at.fract())).abs() < 1e-9);
            }
        }
    }
}

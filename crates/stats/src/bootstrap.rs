//! The bootstrap: how much a statistic would vary if the rows had been drawn again.

use mlsys_core::arrow::array::UInt64Array;
use mlsys_core::arrow::compute::take_record_batch;
use mlsys_core::hash::hash_bytes;
use mlsys_core::ndarray::Array1;
use mlsys_core::statistic::state_of;
use mlsys_core::{Category, Coded, Dataset, Error, Partition, Result, Statistic, seed};
use ndarray_stats::interpolate::Linear;
use ndarray_stats::{MaybeNan, Quantile1dExt};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

/// A double that is not NaN, the element that `ndarray-stats` computes quantiles of.
type NotNan = <f64 as MaybeNan>::NotNan;

const NAME: &str = "Bootstrap";

/// A seeded bootstrap over rows (Efron), with percentile or BCa intervals.
///
/// Replicate *b* draws *n* of *n* rows with replacement and computes the statistic *t\*_b*; the interval at level
/// *L* runs from the *(1-L)/2* to the *(1+L)/2* quantile of the *t\*_b* (linear between order statistics).
///
/// * `replicates`: 1000; from 2 to 1,000,000.
/// * `level`: 0.95; between 0 and 1, both excluded.
/// * `method`: [`IntervalMethod::Percentile`], or [`IntervalMethod::Bca`], which corrects for bias and skewness.
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
/// at any size, because rows are drawn as if they were independent: see [`run_clusters`](Bootstrap::run_clusters).
/// Replicates in which the statistic is undefined are left out and counted: many of them mean that the interval
/// describes luckier samples than yours.
///
/// **Source**: B. Efron, "Bootstrap Methods: Another Look at the Jackknife" (1979); the percentile interval of
/// B. Efron and R. Tibshirani, "An Introduction to the Bootstrap" (1993), section 13.3. For a proportion or an area
/// under the ROC curve the closed forms of Wilson and DeLong are faster and better in small samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    replicates: usize,
    level: f64,
    seed: u64,
    #[serde(default)]
    method: IntervalMethod,
}

/// How an interval is read off the replicates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntervalMethod {
    /// Their quantiles.
    #[default]
    Percentile,
    /// Their quantiles at levels corrected for bias and acceleration.
    ///
    /// ```text
    /// z₀ = Φ⁻¹(share of the replicates below the estimate)      a = Σ U³ / 6 (Σ U²)^1.5,   U = mean of the jackknife − its values
    /// level ↦ Φ(z₀ + (z₀ + z) / (1 − a (z₀ + z))),   z = Φ⁻¹(level)
    /// ```
    /// The jackknife leaves out each row in turn, or beyond 1,000 rows each of 1,000 groups of rows (every
    /// thousandth), which costs that many more runs of the statistic. Where all replicates lie on one side of the
    /// estimate, the share is taken as half a replicate.
    ///
    /// Bradley Efron, *Better bootstrap confidence intervals*, 1987, equations 2.3 and 6.6; the same numbers as
    /// scipy's `bootstrap` from the same replicates.
    Bca,
}

/// Groups that the jackknife leaves out at most.
const JACKKNIFE: usize = 1_000;

/// What a [`Bootstrap`] found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BootstrapReport {
    /// The statistic of each replicate in which it was defined, in the order of the replicates.
    pub replicates: Vec<f64>,
    /// In how many replicates the statistic was undefined (`None`, infinite or NaN).
    pub undefined: usize,
    /// The interval.
    pub interval: (f64, f64),
    /// The statistic of the rows as they are; computed for BCa intervals only.
    #[serde(default)]
    pub estimate: Option<f64>,
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
        Self { replicates: 1000, level: 0.95, seed: seed::DEFAULT_SEED, method: IntervalMethod::Percentile }
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

    /// How the interval is read off the replicates.
    pub fn method(mut self, method: IntervalMethod) -> Self {
        self.method = method;
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
        self.check_rows(rows)?;
        let units: Vec<usize> = (0..rows).collect();
        self.replicated(&units, |counts, replicate| draw(counts, self.seed, replicate), statistic)
    }

    /// Runs the bootstrap over rows that belong together: whole clusters are drawn, so that the interval is as wide
    /// as dependent rows make it. `clusters` holds the cluster of each row, in any numbering.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run); [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) with a single cluster.
    pub fn run_clusters<F>(&self, clusters: &[u32], statistic: F) -> Result<BootstrapReport>
    where
        F: Fn(&[u32]) -> Option<f64> + Sync,
    {
        self.check_rows(clusters.len())?;
        let mut names = clusters.to_vec();
        names.sort_unstable();
        names.dedup();
        if names.len() < 2 {
            return Err(Error::too_few_rows(2, 1, "a bootstrap of clusters (clusters)"));
        }
        let cluster_of: Vec<usize> =
            clusters.iter().map(|c| names.partition_point(|name| name < c)).collect();
        let draw = |counts: &mut [u32], replicate: u64| {
            let mut drawn = vec![0; names.len()];
            draw(&mut drawn, self.seed, replicate);
            counts.iter_mut().zip(&cluster_of).for_each(|(count, &cluster)| *count = drawn[cluster]);
        };
        self.replicated(&cluster_of, draw, statistic)
    }

    /// Runs a bootstrap within each group of rows: an interval per group, in the order of [`Coded::distinct`]. The
    /// statistic gets the rows of a group and how often each was drawn. What a group gets does not depend on the
    /// others; rows without a group are left out.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), of the first group that fails.
    pub fn run_by<F>(&self, groups: &Coded, statistic: F) -> Result<Vec<(Category, BootstrapReport)>>
    where
        F: Fn(&[usize], &[u32]) -> Option<f64> + Sync,
    {
        self.check_rows(groups.len())?;
        let mut rows = vec![Vec::new(); groups.distinct.len()];
        for (row, &code) in groups.codes.iter().enumerate().filter(|(_, code)| **code != Coded::MISSING) {
            rows[code as usize].push(row);
        }
        let each = groups.distinct.iter().zip(&rows).filter(|(_, rows)| !rows.is_empty());
        let each = each.map(|(group, rows)| {
            let seed = hash_bytes(group.to_string().as_bytes(), self.seed);
            let report = self.seed(seed).run(rows.len(), |counts| statistic(rows, counts))?;
            Ok((group.clone(), report))
        });
        each.collect()
    }

    /// Runs the bootstrap of a number that is read off any one-pass [`Statistic`], over the rows of a dataset.
    ///
    /// Each replicate takes its rows and scans them; for moments or ranks, [`run`](Self::run) with counts is
    /// quicker.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run); the statistic's own, from its scan of all rows. A replicate in which it fails is
    /// undefined.
    ///
    /// ```
    /// use mlsys_core::{Dataset, arrow::array::{Float64Array, RecordBatch}};
    /// use mlsys_stats::{ColumnStatistic, Quantiles, bootstrap::Bootstrap};
    /// use std::sync::Arc;
    ///
    /// let x = Arc::new(Float64Array::from_iter_values((0..99).map(f64::from)));
    /// let data = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?;
    /// let report = Bootstrap::new().replicates(200).run_statistic(&Quantiles::new().over(["x"]), &data, |q| q[0].1.median())?;
    /// assert!(report.interval.0 < 49.0 && 49.0 < report.interval.1);
    /// # Ok::<(), mlsys_core::Error>(())
    /// ```
    pub fn run_statistic<S, P, F>(&self, statistic: &S, data: &Dataset<P>, read: F) -> Result<BootstrapReport>
    where
        S: Statistic,
        P: Partition,
        F: Fn(&S::Output) -> Option<f64> + Sync,
    {
        self.check_rows(data.n_rows())?;
        state_of(statistic, data.batch()).and_then(|state| statistic.finish(&state))?;
        let of_counts = |counts: &[u32]| {
            let repeated =
                counts.iter().enumerate().map(|(row, &n)| std::iter::repeat_n(row as u64, n as usize));
            let rows: UInt64Array = repeated.flatten().collect();
            let batch = take_record_batch(data.batch(), &rows).ok()?;
            read(&statistic.finish(&state_of(statistic, &batch).ok()?).ok()?)
        };
        self.run(data.n_rows(), of_counts)
    }

    fn check_rows(&self, rows: usize) -> Result<()> {
        self.validate()?;
        if rows == 0 {
            return Err(Error::too_few_rows(1, 0, "a bootstrap"));
        }
        if u32::try_from(rows).is_err() {
            return Err(Error::shape("rows to bootstrap", "at most 4294967295", rows));
        }
        Ok(())
    }

    /// `units` holds the unit that each row is drawn with, numbered from 0.
    fn replicated<D, F>(&self, units: &[usize], draw: D, statistic: F) -> Result<BootstrapReport>
    where
        D: Fn(&mut [u32], u64) + Sync,
        F: Fn(&[u32]) -> Option<f64> + Sync,
    {
        let rows = units.len();
        let statistic = |counts: &[u32]| statistic(counts).filter(|t| t.is_finite());
        let values: Vec<Option<f64>> = (0..self.replicates as u64)
            .into_par_iter()
            .map_init(
                || vec![0u32; rows],
                |counts, replicate| {
                    draw(counts, replicate);
                    statistic(counts)
                },
            )
            .collect();
        let replicates: Vec<f64> = values.iter().copied().flatten().collect();
        let undefined = values.len() - replicates.len();
        let nowhere = || {
            let what = format!("the statistic is undefined in each of the {undefined} bootstrap replicates");
            Error::unsupported(what)
        };
        if replicates.is_empty() {
            return Err(nowhere());
        }
        let tails = [(1.0 - self.level) / 2.0, (1.0 + self.level) / 2.0];
        let (tails, estimate) = match self.method {
            IntervalMethod::Percentile => (tails, None),
            IntervalMethod::Bca => {
                let estimate = statistic(&vec![1; rows]).ok_or_else(|| {
                    Error::unsupported("the statistic is undefined for the rows as they are")
                })?;
                let jackknife = jackknife(units, statistic);
                (corrected(tails, &replicates, estimate, &jackknife), Some(estimate))
            }
        };
        let interval = percentiles(&replicates, tails).ok_or_else(nowhere)?;
        Ok(BootstrapReport { replicates, undefined, interval, estimate })
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

/// The statistic with each unit, or group of units, left out, where it is defined.
fn jackknife(units: &[usize], statistic: impl Fn(&[u32]) -> Option<f64> + Sync) -> Vec<f64> {
    let groups = units.iter().map(|unit| unit + 1).max().unwrap_or(1).min(JACKKNIFE);
    let left_out = |group: usize| {
        let counts: Vec<u32> = units.iter().map(|unit| u32::from(unit % groups != group)).collect();
        statistic(&counts)
    };
    let values: Vec<Option<f64>> = (0..groups).into_par_iter().map(left_out).collect();
    values.into_iter().flatten().collect()
}

/// The levels at which a BCa interval reads the replicates.
fn corrected(tails: [f64; 2], replicates: &[f64], estimate: f64, jackknife: &[f64]) -> [f64; 2] {
    let normal = Normal::standard();
    let count = |holds: &dyn Fn(f64) -> bool| replicates.iter().filter(|t| holds(**t)).count() as f64;
    let n = replicates.len() as f64;
    let share = (count(&|t| t < estimate) + count(&|t| t <= estimate)) / (2.0 * n);
    let bias = normal.inverse_cdf(share.clamp(0.5 / n, 1.0 - 0.5 / n));
    let mean = jackknife.iter().sum::<f64>() / jackknife.len() as f64;
    let sum = |power: i32| jackknife.iter().map(|t| (mean - t).powi(power)).sum::<f64>();
    let squares = sum(2);
    let acceleration = if squares > 0.0 { sum(3) / (6.0 * squares.powf(1.5)) } else { 0.0 };
    tails.map(|tail| {
        let z = bias + normal.inverse_cdf(tail);
        normal.cdf(bias + z / (1.0 - acceleration * z))
    })
}

/// Two quantiles of finite values, linear between neighbours; `None` without values.
fn percentiles(values: &[f64], tails: [f64; 2]) -> Option<(f64, f64)> {
    let mut values: Array1<NotNan> = values.iter().filter_map(|t| t.try_as_not_nan().copied()).collect();
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

    #[test]
    fn bca_agrees_with_scipys_formula() {
        let x = [1.0, 2.0, 2.5, 3.0, 10.0, 40.0];
        let report = Bootstrap::new()
            .replicates(400)
            .level(0.9)
            .method(IntervalMethod::Bca)
            .run(6, mean_of(&x))
            .unwrap();
        let plain = Bootstrap::new().replicates(400).level(0.9).run(6, mean_of(&x)).unwrap();
        assert_eq!(report.replicates, plain.replicates);
        assert_eq!(report.estimate, Some(9.75));
        // The sample is skewed to the right, and so the interval moves.
        assert!(report.interval.0 > plain.interval.0 && report.interval.1 > plain.interval.1);
        // By hand: U is proportional to x - 9.75, so that a = Σ d³ / 6 (Σ d²)^1.5.
        let d: Vec<f64> = x.iter().map(|x| x - 9.75).collect();
        let sum = |k: i32| d.iter().map(|d| d.powi(k)).sum::<f64>();
        let a = sum(3) / 6.0 / sum(2).powf(1.5);
        let normal = Normal::standard();
        let below = report.replicates.iter().filter(|t| **t < 9.75).count() as f64;
        let ties = report.replicates.iter().filter(|t| **t == 9.75).count() as f64;
        let z0 = normal.inverse_cdf((below + ties / 2.0) / 400.0);
        let level =
            |q: f64| normal.cdf(z0 + (z0 + normal.inverse_cdf(q)) / (1.0 - a * (z0 + normal.inverse_cdf(q))));
        let (low, high) = percentiles(&report.replicates, [level(0.05), level(0.95)]).unwrap();
        assert!((low - report.interval.0).abs() < 1e-9 && (high - report.interval.1).abs() < 1e-9);
    }

    #[test]
    fn clusters_are_drawn_whole_and_widen_the_interval() {
        let x: Vec<f64> = (0..200).map(|i| f64::from(i / 20)).collect();
        let clusters: Vec<u32> = (0..200).map(|i| 7 * (i / 20)).collect();
        let whole = |counts: &[u32]| {
            assert!(counts.chunks(20).all(|cluster| cluster.iter().all(|n| n == &cluster[0])));
            mean_of(&x)(counts)
        };
        let width = |report: BootstrapReport| report.interval.1 - report.interval.0;
        let by_cluster = width(Bootstrap::new().run_clusters(&clusters, whole).unwrap());
        assert!(by_cluster > 3.0 * width(Bootstrap::new().run(200, mean_of(&x)).unwrap()));
        assert!(Bootstrap::new().run_clusters(&[3; 5], |_| Some(1.0)).is_err());
    }

    #[test]
    fn groups_do_not_depend_on_one_another() {
        let names =
            |words: Vec<&str>| Coded::new("g", &mlsys_core::arrow::array::StringArray::from(words)).unwrap();
        let x = [1.0, 2.0, 3.0, 10.0, 20.0, 30.0];
        let mean = |rows: &[usize], counts: &[u32]| {
            Some(rows.iter().zip(counts).map(|(&r, &c)| f64::from(c) * x[r]).sum::<f64>() / rows.len() as f64)
        };
        let both = Bootstrap::new().run_by(&names(vec!["a", "a", "a", "b", "b", "b"]), mean).unwrap();
        let one = Bootstrap::new().run_by(&names(vec!["c", "c", "c", "b", "b", "b"]), mean).unwrap();
        assert_eq!(both[1], one[1]);
        assert_ne!(both[0].1.replicates, one[0].1.replicates);
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
            let tails = [(1.0 - level) / 2.0, (1.0 + level) / 2.0];
            let (low, high) = percentiles(&x, tails).unwrap();
            x.sort_by(f64::total_cmp);
            for (found, q) in [(low, (1.0 - level) / 2.0), (high, (1.0 + level) / 2.0)] {
                let at: f64 = q * (x.len() - 1) as f64;
                let (a, b) = (x[at.floor() as usize], x[at.ceil() as usize]);
                prop_assert!((found - (a + (b - a) * at.fract())).abs() < 1e-9);
            }
        }
    }
}

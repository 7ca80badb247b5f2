//! Friedman's test of matched samples, and Nemenyi's comparison of all pairs of them.

use mlsys_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::input::{constant, enough, place, same_length};
use super::special::{bisect, chi_square_sf, range_sf};
use super::{PValueFrom, TestReport};

/// Ranks within blocks: their sums, twice, by sample; Σ(t³ - t) of the ties; blocks used and left out.
struct Blocks {
    sums: Vec<u64>,
    ties: f64,
    used: usize,
    missing: usize,
}

impl Blocks {
    fn of(test: &str, samples: &[&[f64]]) -> Result<Self> {
        if samples.len() < 3 {
            let why = format!("{test} (samples; wilcoxon_signed_rank compares two)");
            return Err(Error::too_few_rows(3, samples.len(), why));
        }
        let rows = samples[0].len();
        for (i, sample) in samples.iter().enumerate() {
            same_length(&place(i), rows, sample.len())?;
        }
        let mut blocks = Self { sums: vec![0; samples.len()], ties: 0.0, used: 0, missing: 0 };
        let mut order: Vec<usize> = (0..samples.len()).collect();
        for row in 0..rows {
            if samples.iter().any(|sample| sample[row].is_nan()) {
                blocks.missing += 1;
                continue;
            }
            blocks.used += 1;
            order.sort_by(|&i, &j| samples[i][row].total_cmp(&samples[j][row]));
            let mut before = 0u64;
            // By value, so that 0.0 and -0.0 are equal.
            for run in order.chunk_by(|&i, &j| samples[i][row] == samples[j][row]) {
                let t = run.len() as u64;
                run.iter().for_each(|&sample| blocks.sums[sample] += 2 * before + t + 1);
                before += t;
                blocks.ties += (t as f64).powi(3) - t as f64;
            }
        }
        enough(test, "samples", blocks.used, 1)?;
        let (n, k) = (blocks.used as f64, samples.len() as f64);
        if blocks.ties == n * (k.powi(3) - k) {
            return Err(constant("each block"));
        }
        Ok(blocks)
    }

    fn mean_ranks(&self) -> Vec<f64> {
        self.sums.iter().map(|&sum| sum as f64 / 2.0 / self.used as f64).collect()
    }
}

/// Friedman's test that matched samples (treatments, classifiers) do not differ, by their ranks within each block.
///
/// ```text
/// X² = 12n / (k (k+1)) Σ (R̄ⱼ - (k+1)/2)² / (1 - Σ(t³ - t) / (n (k³ - k)))      df = k - 1
/// ```
///
/// * `samples`: three or more, of one length: entry `i` of each belongs to block `i` (a data set, a patient).
///
/// A block is left out, and counted, when a value of it is missing; infinities are ordered like other values.
/// Effect: Kendall's W, `X² / (n (k - 1))`, from 0 to 1 when all blocks agree.
///
/// # Errors
///
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) with fewer than three samples or no full block;
/// [`Shape`](mlsys_core::ErrorKind::Shape) for lengths that differ;
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) when all values of each block are equal.
///
/// ```
/// use mlsys_stats::hypothesis::friedman;
///
/// let report = friedman(&[&[1.0, 1.0, 2.0, 1.0], &[2.0, 2.0, 1.0, 2.0], &[3.0, 3.0, 3.0, 3.0]])?;
/// assert_eq!((report.statistic, report.effect("Kendall's W")), (6.5, Some(0.8125)));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** with few blocks: for fewer than about 10 the distribution is rough.
///
/// M. Friedman, *The Use of Ranks to Avoid the Assumption of Normality*, 1937.
pub fn friedman(samples: &[&[f64]]) -> Result<TestReport> {
    const NAME: &str = "Friedman test";
    let blocks = Blocks::of(NAME, samples)?;
    let (n, k) = (blocks.used as f64, samples.len() as f64);
    let spread: f64 = blocks.mean_ranks().iter().map(|r| (r - (k + 1.0) / 2.0).powi(2)).sum();
    let square = 12.0 * n / (k * (k + 1.0)) * spread / (1.0 - blocks.ties / (n * (k.powi(3) - k)));
    Ok(TestReport::new(NAME, "X²", square)
        .p(chi_square_sf(square, k - 1.0), PValueFrom::Asymptotic)
        .df(k - 1.0)
        .with_effect("Kendall's W", square / (n * (k - 1.0)))
        .rows(&[blocks.used], blocks.missing))
}

/// What [`nemenyi`] found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NemenyiReport {
    /// The mean rank of each sample; the smallest values have rank 1.
    pub mean_ranks: Vec<f64>,
    /// The p-value of each pair of samples, 1 on the diagonal; adjusted for the number of pairs.
    pub p_values: Vec<Vec<f64>>,
    /// Blocks used.
    pub blocks: usize,
    /// Blocks left out because a value is missing.
    pub missing: usize,
}

impl NemenyiReport {
    /// The difference of mean ranks from which on a pair differs at a level of significance: the bar of a diagram
    /// of critical differences.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) unless `alpha` is between 0 and 1.
    pub fn critical_difference(&self, alpha: f64) -> Result<f64> {
        super::input::check_level("nemenyi", alpha)?;
        let k = self.mean_ranks.len() as f64;
        // Beyond 60 no double is left of the tail.
        let q = bisect(0.0, 60.0, |q| range_sf(q, k) <= alpha);
        Ok(q * (k * (k + 1.0) / (12.0 * self.blocks as f64)).sqrt())
    }
}

/// Nemenyi's test of all pairs of matched samples, after [`friedman`] has found that some differ.
///
/// ```text
/// q = |R̄ᵢ - R̄ⱼ| / √(k (k+1) / (12n))      p = P(Q > q)
/// ```
/// with the studentized range `Q` of `k` samples and infinite degrees of freedom, computed to about 1e-12.
///
/// Samples, missing values and errors are those of [`friedman`]; the p-values need no further correction.
///
/// # Errors
///
/// As [`friedman`].
///
/// ```
/// use mlsys_stats::hypothesis::nemenyi;
///
/// let report = nemenyi(&[&[1.0, 1.0, 2.0, 1.0], &[2.0, 2.0, 1.0, 2.0], &[3.0, 3.0, 3.0, 3.0]])?;
/// assert_eq!(report.mean_ranks, [1.25, 1.75, 3.0]);
/// assert!((report.p_values[0][2] - 0.0355).abs() < 1e-3);
/// assert!((report.critical_difference(0.05)? - 1.657).abs() < 1e-3); // 2.343 √(3·4 / (6·4)), Demšar's table 5
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when a sample is added that is clearly worse: ranks, and so the other pairs, change with it. For one
/// comparison with a control, [`wilcoxon_signed_rank`](super::wilcoxon_signed_rank) and Holm's correction find
/// more.
///
/// P. Nemenyi, *Distribution-Free Multiple Comparisons*, 1963; J. Demšar, *Statistical Comparisons of Classifiers
/// over Multiple Data Sets*, 2006.
pub fn nemenyi(samples: &[&[f64]]) -> Result<NemenyiReport> {
    const NAME: &str = "Nemenyi's test";
    let blocks = Blocks::of(NAME, samples)?;
    let (n, k) = (blocks.used as f64, samples.len() as f64);
    let mean_ranks = blocks.mean_ranks();
    let error = (k * (k + 1.0) / (12.0 * n)).sqrt();
    let mut p_values = vec![vec![1.0; samples.len()]; samples.len()];
    for i in 0..samples.len() {
        for j in 0..i {
            let p = range_sf((mean_ranks[i] - mean_ranks[j]).abs() / error, k);
            p_values[i][j] = p;
            p_values[j][i] = p;
        }
    }
    Ok(NemenyiReport { mean_ranks, p_values, blocks: blocks.used, missing: blocks.missing })
}

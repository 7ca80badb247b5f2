//! Tests that several samples come from one distribution: Anderson-Darling and Kruskal-Wallis.

use mlsys_core::{Error, Result};

use super::input::{constant, ordered, pooled};
use super::special::chi_square_sf;
use super::{PValueFrom, TestReport};

/// The k-sample Anderson-Darling test that samples come from one distribution; it weighs the tails more than
/// [`ks_two_sample`](super::ks_two_sample) does.
///
/// ```text
/// A² = (N-1)/N² Σᵢ 1/nᵢ Σⱼ lⱼ (N Mᵢⱼ - nᵢ Bⱼ)² / (Bⱼ (N - Bⱼ) - N lⱼ / 4)      statistic = (A² - (k-1)) / σ
/// ```
/// (equation 7 of the paper, for midranks): with `lⱼ` rows at the `j`-th distinct value of all `N`, `Bⱼ` of them
/// below it and half of those at it, and `Mᵢⱼ` the same of sample `i`.
///
/// * `samples`: two or more.
///
/// The p-value is interpolated in the paper's table, as in scipy, which ends at 0.25 and 0.001: `method` of the
/// report says when the end is given instead, the statistic being beyond it. For one that is not capped, pass the
/// statistic to [`permutation_two_sample`](super::permutation_two_sample). Missing values are left out and counted;
/// infinities are ordered like other values.
///
/// # Errors
///
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) with fewer than two samples, an empty one, or fewer than 4
/// rows in all; [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) when all values are equal.
///
/// ```
/// use mlsys_stats::hypothesis::anderson_darling_k_sample;
///
/// let a = [38.7, 41.5, 43.8, 44.5, 45.5, 46.0, 47.7, 58.0];
/// let b = [39.2, 39.3, 39.7, 41.4, 41.8, 42.9, 43.3, 45.8];
/// let c = [34.0, 35.0, 39.0, 40.0, 43.0, 43.0, 44.0, 45.0];
/// let d = [34.0, 34.8, 34.8, 35.4, 37.2, 37.8, 41.2, 42.8];
/// let report = anderson_darling_k_sample(&[&a, &b, &c, &d])?;
/// assert!((report.statistic - 4.4797806271).abs() < 1e-9); // the paper has 4.480
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** for rows that depend on each other.
///
/// F. Scholz, M. Stephens, *K-Sample Anderson-Darling Tests*, 1987.
pub fn anderson_darling_k_sample(samples: &[&[f64]]) -> Result<TestReport> {
    const NAME: &str = "k-sample Anderson-Darling test";
    let (sorted, missing) = several(NAME, samples)?;
    let sizes: Vec<usize> = sorted.iter().map(super::input::Ordered::len).collect();
    let total: usize = sizes.iter().sum();
    if total < 4 {
        return Err(Error::too_few_rows(4, total, NAME));
    }
    let (n, k) = (total as f64, samples.len() as f64);
    let mut parts = vec![0.0; samples.len()];
    let mut before = vec![0u64; samples.len()];
    let (mut below, mut groups) = (0u64, 0usize);
    pooled(&sorted, |_, counts| {
        let here: u64 = counts.iter().sum();
        let (l, b) = (here as f64, below as f64 + here as f64 / 2.0);
        let scale = l / n / (b * (n - b) - n * l / 4.0);
        for (i, &count) in counts.iter().enumerate() {
            let m = before[i] as f64 + count as f64 / 2.0;
            let distance = n * m - b * sizes[i] as f64;
            // All rows at one value: 0 / 0, and refused below.
            if distance != 0.0 {
                parts[i] += scale * distance * distance;
            }
            before[i] += count;
        }
        below += here;
        groups += 1;
    });
    if groups < 2 {
        return Err(constant("samples"));
    }
    let raw: f64 = parts.iter().zip(&sizes).map(|(part, &n)| part / n as f64).sum::<f64>() * (n - 1.0) / n;
    let inverse: f64 = sizes.iter().map(|&n| 1.0 / n as f64).sum();
    // h = Σ 1/i, g = Σᵢ Σⱼ 1 / ((N - i) j)
    let (mut h, mut g) = (0.0, 0.0);
    for i in 1..total - 1 {
        h += 1.0 / (total - i) as f64;
        g += h / (i + 1) as f64;
    }
    h += 1.0;
    let a = (4.0 * g - 6.0) * (k - 1.0) + (10.0 - 6.0 * g) * inverse;
    let b = (2.0 * g - 4.0) * k * k + 8.0 * h * k + (2.0 * g - 14.0 * h - 4.0) * inverse - 8.0 * h + 4.0 * g
        - 6.0;
    let c = (6.0 * h + 2.0 * g - 2.0) * k * k
        + (4.0 * h - 4.0 * g + 6.0) * k
        + (2.0 * h - 6.0) * inverse
        + 4.0 * h;
    let d = (2.0 * h + 6.0) * k * k - 4.0 * h * k;
    let variance = (a * n.powi(3) + b * n * n + c * n + d) / ((n - 1.0) * (n - 2.0) * (n - 3.0));
    let statistic = (raw - (k - 1.0)) / variance.sqrt();
    let (p, capped) = tabled(statistic, k - 1.0);
    Ok(TestReport::new(NAME, "A²", statistic).p(p, PValueFrom::Table { capped }).rows(&sizes, missing))
}

/// Table 2 of Scholz and Stephens: critical values by significance, and their interpolation by scipy.
fn tabled(statistic: f64, m: f64) -> (f64, bool) {
    const TABLE: [(f64, [f64; 3]); 7] = [
        (0.25, [0.675, -0.245, -0.105]),
        (0.1, [1.281, 0.25, -0.305]),
        (0.05, [1.645, 0.678, -0.362]),
        (0.025, [1.96, 1.149, -0.391]),
        (0.01, [2.326, 1.822, -0.396]),
        (0.005, [2.573, 2.364, -0.345]),
        (0.001, [3.085, 3.615, -0.154]),
    ];
    let points = TABLE.map(|(p, b)| (b[0] + b[1] / m.sqrt() + b[2] / m, f64::ln(p)));
    let (first, last) = (points[0].0, points[6].0);
    if statistic < first {
        return (0.25, true);
    }
    if statistic > last {
        return (0.001, true);
    }
    // The parabola of least squares through the seven points, about their mean so that it is well determined.
    let centre = points.iter().map(|p| p.0).sum::<f64>() / 7.0;
    let power = |k: i32| points.iter().map(|p| (p.0 - centre).powi(k)).sum::<f64>();
    let with = |k: i32| points.iter().map(|p| p.1 * (p.0 - centre).powi(k)).sum::<f64>();
    let (s2, s3, s4) = (power(2), power(3), power(4));
    let (t0, t1, t2) = (with(0), with(1), with(2));
    // 7 c + s2 a = t0, s2 b + s3 a = t1, s2 c + s3 b + s4 a = t2
    let a = (t2 - s2 * t0 / 7.0 - s3 * t1 / s2) / (s4 - s2 * s2 / 7.0 - s3 * s3 / s2);
    let (b, c) = ((t1 - s3 * a) / s2, (t0 - s2 * a) / 7.0);
    let x = statistic - centre;
    ((c + x * (b + x * a)).exp(), false)
}

fn several(test: &str, samples: &[&[f64]]) -> Result<(Vec<super::input::Ordered>, usize)> {
    if samples.len() < 2 {
        return Err(Error::too_few_rows(2, samples.len(), format!("{test} (samples)")));
    }
    ordered(test, samples, 1)
}

/// The Kruskal-Wallis test that samples come from one distribution, against some of them tending to larger values.
///
/// ```text
/// H = 12 / (N (N+1)) Σ nᵢ (R̄ᵢ - (N+1)/2)² / (1 - Σ(t³ - t) / (N³ - N))      df = k - 1
/// ```
/// with the mean `R̄ᵢ` of the ranks of a sample among all `N` values, and the number `t` of rows of each value.
///
/// * `samples`: two or more.
///
/// Missing values are left out and counted; infinities are ordered like other values. Effect: epsilon squared,
/// `H / (N - 1)`.
///
/// # Errors
///
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) with fewer than two samples or an empty one;
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) when all values are equal.
///
/// ```
/// use mlsys_stats::hypothesis::kruskal_wallis;
///
/// let report = kruskal_wallis(&[&[1.0, 3.0, 5.0, 7.0, 9.0], &[2.0, 4.0, 6.0, 8.0, 10.0]])?;
/// assert!((report.statistic - 3.0 / 11.0).abs() < 1e-12);
/// assert!((report.p_value - 0.6015081344405895).abs() < 1e-12);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** with fewer than about 5 rows in a sample, and as a test of medians when spreads differ. Which samples differ:
/// [`mann_whitney_u`](super::mann_whitney_u) of the pairs, [`adjust`](super::adjust)ed.
///
/// W. Kruskal, W. A. Wallis, *Use of Ranks in One-Criterion Variance Analysis*, 1952.
pub fn kruskal_wallis(samples: &[&[f64]]) -> Result<TestReport> {
    const NAME: &str = "Kruskal-Wallis test";
    let (sorted, missing) = several(NAME, samples)?;
    let sizes: Vec<usize> = sorted.iter().map(super::input::Ordered::len).collect();
    let total: usize = sizes.iter().sum();
    let n = total as f64;
    // Twice the sums of ranks, which are whole.
    let mut sums = vec![0u128; samples.len()];
    let (mut before, mut ties, mut groups) = (0u64, 0.0, 0usize);
    pooled(&sorted, |_, counts| {
        let t: u64 = counts.iter().sum();
        let rank = u128::from(2 * before + t + 1);
        sums.iter_mut().zip(counts).for_each(|(sum, &count)| *sum += rank * u128::from(count));
        before += t;
        ties += (t as f64).powi(3) - t as f64;
        groups += 1;
    });
    if groups < 2 {
        return Err(constant("samples"));
    }
    let spread = sums.iter().zip(&sizes).map(|(&sum, &rows)| {
        // Whole numbers first: the difference of large ones.
        let distance = sum as i128 - rows as i128 * (total as i128 + 1);
        (distance as f64 / 2.0).powi(2) / rows as f64
    });
    let h = 12.0 / (n * (n + 1.0)) * spread.sum::<f64>() / (1.0 - ties / (n.powi(3) - n));
    let df = (samples.len() - 1) as f64;
    Ok(TestReport::new(NAME, "H", h)
        .p(chi_square_sf(h, df), PValueFrom::Asymptotic)
        .df(df)
        .with_effect("epsilon squared", h / (n - 1.0))
        .rows(&sizes, missing))
}

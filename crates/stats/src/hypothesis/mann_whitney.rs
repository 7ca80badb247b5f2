//! The Mann-Whitney U test.

use mlsys_core::{Error, Result};

use super::exact::subset_sum_tails;
use super::input::{constant, ordered, pooled};
use super::special::normal_sf;
use super::{Alternative, Continuity, Method, PValueFrom, TestReport};

/// The Mann-Whitney U test (Wilcoxon's rank sum test) that two samples come from one distribution, against one of
/// them tending to larger values.
///
/// ```text
/// U = R - n (n + 1) / 2      μ = nm/2      σ² = nm/12 (N + 1 - Σ(t³ - t) / (N (N - 1)))
/// ```
/// with the sum `R` of the ranks of `a` among all `N` values (the mean of their ranks for equal ones), and the
/// number `t` of rows of each value.
///
/// * `alternative`: `Greater` when `a` tends to larger values.
/// * `method`: `Auto` is exact when there are no ties and one sample has at most 8 rows (and the other is not so large that
///   counting takes long); else asymptotic. `Exact` given ties is the distribution of the ranks with their ties, where
///   scipy's passes over ties.
/// * `continuity`: a half is taken off for the asymptotic p-value.
///
/// Missing values are left out and counted; infinities are ordered like other values. One sort of each sample.
/// Effects: the rank-biserial correlation, `2U/nm - 1`, and the probability of superiority, `U/nm`.
///
/// # Errors
///
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) when a sample has no values;
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) when all values are equal;
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for an exact p-value of samples that are too
/// large.
///
/// ```
/// use mlsys_stats::hypothesis::{Alternative, Continuity, Method, mann_whitney_u};
///
/// let (male, female) = ([19.0, 22.0, 16.0, 29.0, 24.0], [20.0, 11.0, 17.0, 12.0]);
/// let report = mann_whitney_u(&male, &female, Alternative::TwoSided, Method::Auto, Continuity::Corrected)?;
/// assert_eq!(report.statistic, 17.0);
/// assert!((report.p_value - 1.0 / 9.0).abs() < 1e-14);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** as a test of medians: samples with one median and different spread may be told apart, or not.
///
/// H. Mann, D. Whitney, *On a Test of Whether one of Two Random Variables is Stochastically Larger than the Other*,
/// 1947.
pub fn mann_whitney_u(
    a: &[f64],
    b: &[f64],
    alternative: Alternative,
    method: Method,
    continuity: Continuity,
) -> Result<TestReport> {
    const NAME: &str = "Mann-Whitney U test";
    let (samples, missing) = ordered(NAME, &[a, b], 1)?;
    let (n, m) = (samples[0].len(), samples[1].len());
    // Twice the ranks, which are whole.
    let (mut before, mut sum, mut ties, mut groups) = (0u64, 0u128, 0.0, 0usize);
    pooled(&samples, |_, counts| {
        let t = counts[0] + counts[1];
        sum += u128::from(counts[0]) * u128::from(2 * before + t + 1);
        before += t;
        ties += (t as f64).powi(3) - t as f64;
        groups += 1;
    });
    if groups < 2 {
        return Err(constant("a and b"));
    }
    let tied = groups < n + m;
    let (rows_a, rows_b, rows) = (n as f64, m as f64, (n + m) as f64);
    // Twice U, whole too.
    let twice = sum - n as u128 * (n as u128 + 1);
    let u = twice as f64 / 2.0;
    let exact = match method {
        Method::Auto => !tied && n.min(m) <= 8,
        Method::Exact => true,
        Method::Asymptotic => false,
    };
    let tails = if exact { exact_tails(&samples, n, m, sum) } else { None };
    let (p, from) = match tails {
        Some((less, greater)) => {
            let p = match alternative {
                Alternative::Less => less,
                Alternative::Greater => greater,
                Alternative::TwoSided => 2.0 * less.min(greater),
            };
            (p, PValueFrom::Exact)
        }
        None if method == Method::Exact => {
            let expected = format!("Auto or Asymptotic for {n} and {m} rows");
            return Err(Error::invalid_parameter(NAME, "method", "Exact", expected));
        }
        None => {
            let variance = rows_a * rows_b / 12.0 * (rows + 1.0 - ties / (rows * (rows - 1.0)));
            let distance = u - rows_a * rows_b / 2.0;
            let (distance, times) = match alternative {
                Alternative::Greater => (distance, 1.0),
                Alternative::Less => (-distance, 1.0),
                Alternative::TwoSided => (distance.abs(), 2.0),
            };
            let half = if continuity == Continuity::Corrected { 0.5 } else { 0.0 };
            (times * normal_sf((distance - half) / variance.sqrt()), PValueFrom::Asymptotic)
        }
    };
    let share = u / (rows_a * rows_b);
    Ok(TestReport::new(NAME, "U", u)
        .p(p, from)
        .alternative(alternative)
        .with_effect("rank-biserial correlation", 2.0 * share - 1.0)
        .with_effect("probability of superiority", share)
        .rows(&[n, m], missing))
}

/// The tails of the rank sum of `a`, from that of the smaller sample, which is quicker to count.
fn exact_tails(samples: &[super::input::Ordered], n: usize, m: usize, sum: u128) -> Option<(f64, f64)> {
    // More rows than steps are never counted: do not collect them.
    if (n + m) as f64 * n.min(m) as f64 > 1e7 {
        return None;
    }
    let mut ranks = Vec::with_capacity(n + m);
    let mut before = 0u64;
    pooled(samples, |_, counts| {
        let t = counts[0] + counts[1];
        ranks.extend(std::iter::repeat_n(2 * before + t + 1, t as usize));
        before += t;
    });
    let sum = u64::try_from(sum).ok()?;
    if n <= m {
        return subset_sum_tails(&ranks, n, sum);
    }
    let (less, greater) = subset_sum_tails(&ranks, m, ranks.iter().sum::<u64>() - sum)?;
    Some((greater, less))
}

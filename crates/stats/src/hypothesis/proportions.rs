//! Tests of shares: the exact binomial test and the z test of two shares.

use mlsys_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::input::{check_level, constant};
use super::report::symmetric_p;
use super::special::{beta_quantile, binomial_tails, binomial_term, normal_isf, normal_sf};
use super::{Alternative, PValueFrom, TestReport};

/// How an interval of a share is computed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProportionInterval {
    /// Wilson's score interval: covers about as often as it says.
    #[default]
    Wilson,
    /// Clopper and Pearson's: covers at least as often as it says, at the price of width.
    ClopperPearson,
}

/// The interval of a share; the counts and the level were checked.
fn interval_of(successes: f64, trials: f64, level: f64, kind: ProportionInterval) -> (f64, f64) {
    let tail = (1.0 - level) / 2.0;
    match kind {
        ProportionInterval::Wilson => {
            let (z, p) = (normal_isf(tail), successes / trials);
            let zz = z * z / trials;
            let half = (p * (1.0 - p) * zz + zz * zz / 4.0).sqrt();
            let (low, high) = ((p + zz / 2.0 - half) / (1.0 + zz), (p + zz / 2.0 + half) / (1.0 + zz));
            // At a share of 0 or 1 the end equals it, but for rounding.
            (
                if successes == 0.0 { 0.0 } else { low.max(0.0) },
                if successes == trials { 1.0 } else { high.min(1.0) },
            )
        }
        ProportionInterval::ClopperPearson => {
            let rest = trials - successes;
            let low = if successes == 0.0 { 0.0 } else { beta_quantile(successes, rest + 1.0, tail) };
            // From the other side, so that a share near 1 keeps its digits.
            let high = if rest == 0.0 { 1.0 } else { 1.0 - beta_quantile(rest, successes + 1.0, tail) };
            (low, high)
        }
    }
}

fn check(test: &str, name: &str, successes: u64, trials: u64) -> Result<()> {
    if trials == 0 {
        return Err(Error::too_few_rows(1, 0, format!("{test} on `{name}`")));
    }
    if successes > trials || trials > 1 << 40 {
        let expected = format!("at most the number of trials, {trials}, which is at most 2^40");
        return Err(Error::invalid_parameter(test, name, successes, expected));
    }
    Ok(())
}

/// Cohen's h: the distance of two shares on a scale where their spread is even.
fn cohens_h(a: f64, b: f64) -> f64 {
    2.0 * a.sqrt().asin() - 2.0 * b.sqrt().asin()
}

/// The exact binomial test that successes come with a given probability.
///
/// ```text
/// p = Σ of the binomial probabilities that are at most that of what was observed
/// ```
///
/// * `successes` of `trials`. * `share`: the probability under the null hypothesis, from 0 to 1.
/// * `alternative`: `Greater` when the true share is above it: one tail.
/// * `interval`, `level`: the two-sided interval of the share, whatever the alternative.
///
/// Effect: Cohen's h.
///
/// # Errors
///
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) without trials;
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for more successes than trials, a share outside 0
/// to 1, or a level that is not between 0 and 1.
///
/// ```
/// use mlsys_stats::hypothesis::{Alternative, ProportionInterval, binomial_test};
///
/// let report = binomial_test(3, 15, 0.1, Alternative::Greater, ProportionInterval::ClopperPearson, 0.95)?;
/// assert!((report.p_value - 0.18406106910639114).abs() < 1e-13);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when trials depend on each other, or when it was decided to stop by looking at the successes.
///
/// C. Clopper, E. Pearson, *The Use of Confidence or Fiducial Limits*, 1934; E. B. Wilson, *Probable Inference*,
/// 1927.
pub fn binomial_test(
    successes: u64,
    trials: u64,
    share: f64,
    alternative: Alternative,
    interval: ProportionInterval,
    level: f64,
) -> Result<TestReport> {
    const NAME: &str = "exact binomial test";
    check(NAME, "successes", successes, trials)?;
    check_level(NAME, level)?;
    if !(0.0..=1.0).contains(&share) {
        return Err(Error::invalid_parameter(NAME, "share", share, "from 0 to 1"));
    }
    let (k, n) = (successes as f64, trials as f64);
    let p = match alternative {
        Alternative::Less => binomial_tails(k, n, share).0,
        Alternative::Greater => binomial_tails(k - 1.0, n, share).1,
        Alternative::TwoSided => two_sided(k, n, share),
    };
    let estimate = k / n;
    Ok(TestReport::new(NAME, "successes", k)
        .p(p, PValueFrom::Exact)
        .alternative(alternative)
        .with_effect("Cohen's h", cohens_h(estimate, share))
        .with_interval("share", estimate, level, interval_of(k, n, level, interval))
        .rows(&[trials as usize], 0))
}

fn two_sided(k: f64, n: f64, p: f64) -> f64 {
    let term = |x: f64| binomial_term(x, n, p, 1.0 - p);
    // Equal probabilities differ by rounding; the margin is R's and scipy's.
    let limit = term(k) * (1.0 + 1e-7);
    let expected = n * p;
    if k == expected {
        return 1.0;
    }
    if k < expected {
        // The first value above that is no more probable; the search ends at n + 1 if there is none.
        let (mut low, mut high) = (expected.ceil() - 1.0, n + 1.0);
        while high - low > 1.0 {
            let middle = ((low + high) / 2.0).floor();
            if term(middle) <= limit { high = middle } else { low = middle }
        }
        (binomial_tails(k, n, p).0 + binomial_tails(high - 1.0, n, p).1).min(1.0)
    } else {
        let (mut low, mut high) = (-1.0, expected.floor() + 1.0);
        while high - low > 1.0 {
            let middle = ((low + high) / 2.0).floor();
            if term(middle) <= limit { low = middle } else { high = middle }
        }
        (binomial_tails(low, n, p).0 + binomial_tails(k - 1.0, n, p).1).min(1.0)
    }
}

/// The z test that two independent samples have one share of successes.
///
/// ```text
/// z = (p₁ - p₂) / √(p (1 - p) (1/n₁ + 1/n₂))      p = (k₁ + k₂) / (n₁ + n₂)
/// ```
///
/// * `a`, `b`: successes and trials. * `alternative`: `Greater` when the share of `a` is larger.
/// * `level`: of Newcombe's interval of `p₁ - p₂`, from the two Wilson intervals.
///
/// Effect: Cohen's h.
///
/// # Errors
///
/// As [`binomial_test`]; [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) when all trials of both succeeded,
/// or none.
///
/// ```
/// use mlsys_stats::hypothesis::{Alternative, two_proportions_z};
///
/// let report = two_proportions_z((20, 100), (35, 100), Alternative::TwoSided, 0.95)?;
/// assert!((report.statistic + 2.375422747394687).abs() < 1e-12);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** with fewer than about 5 successes or failures in a sample: [`fisher_exact`](super::fisher_exact).
///
/// R. Newcombe, *Interval Estimation for the Difference between Independent Proportions*, 1998, method 10.
pub fn two_proportions_z(
    a: (u64, u64),
    b: (u64, u64),
    alternative: Alternative,
    level: f64,
) -> Result<TestReport> {
    const NAME: &str = "z test of two proportions";
    check(NAME, "a", a.0, a.1)?;
    check(NAME, "b", b.0, b.1)?;
    check_level(NAME, level)?;
    let [(k1, n1), (k2, n2)] = [a, b].map(|(k, n)| (k as f64, n as f64));
    let (p1, p2, pooled) = (k1 / n1, k2 / n2, (k1 + k2) / (n1 + n2));
    let error = (pooled * (1.0 - pooled) * (1.0 / n1 + 1.0 / n2)).sqrt();
    if error == 0.0 {
        return Err(constant("a and b"));
    }
    let (difference, z) = (p1 - p2, (p1 - p2) / error);
    let [(l1, u1), (l2, u2)] =
        [(k1, n1), (k2, n2)].map(|(k, n)| interval_of(k, n, level, ProportionInterval::Wilson));
    let ends = (difference - (p1 - l1).hypot(u2 - p2), difference + (u1 - p1).hypot(p2 - l2));
    Ok(TestReport::new(NAME, "z", z)
        .p(symmetric_p(z, alternative, normal_sf), PValueFrom::Asymptotic)
        .alternative(alternative)
        .with_effect("Cohen's h", cohens_h(p1, p2))
        .with_interval("difference of shares", difference, level, ends)
        .rows(&[a.1 as usize, b.1 as usize], 0))
}

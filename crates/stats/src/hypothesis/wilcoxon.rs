//! Wilcoxon's signed rank test.

use mlsys_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::exact::sign_sum_tails;
use super::input::{constant, enough, pairs};
use super::report::symmetric_p;
use super::special::normal_sf;
use super::{Alternative, Continuity, Method, PValueFrom, TestReport};

/// What becomes of pairs whose values are equal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZeroDifferences {
    /// They are left out.
    #[default]
    Wilcox,
    /// They get the lowest ranks, which are then left out (Pratt).
    Pratt,
    /// They get the lowest ranks, half of them counted as positive and half as negative.
    ZSplit,
}

/// Wilcoxon's signed rank test that the differences of pairs are symmetric about 0.
///
/// ```text
/// R⁺ = Σ ranks of |d| where d > 0      μ = n (n + 1) / 4      σ² = (n (n + 1) (2n + 1) - Σ(t³ - t) / 2) / 24
/// ```
/// with `d = a - b`, and the number `t` of rows of each `|d|`. The statistic is `min(R⁺, R⁻)` two-sided, else `R⁺`,
/// as in scipy.
///
/// * `zeros`: what becomes of pairs without a difference; with `Pratt`, μ and σ² are those of the other ranks.
/// * `alternative`: `Greater` when `a` tends to be larger.
/// * `method`: `Auto` is exact up to 50 pairs without ties and zeros and up to 13 with them, as in scipy. `Exact` given ties is
///   the distribution of the ranks with their ties, where scipy rounds the statistic.
/// * `continuity`: a half is taken off for the asymptotic p-value.
///
/// A pair is left out, and counted, when either value is missing; equal infinities have no difference. Effect: the
/// matched-pairs rank-biserial correlation, `(R⁺ - R⁻) / (R⁺ + R⁻)`.
///
/// # Errors
///
/// [`Shape`](mlsys_core::ErrorKind::Shape) for lengths that differ;
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) without pairs;
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) when no pair differs;
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for an exact p-value of too many pairs.
///
/// ```
/// use mlsys_stats::hypothesis::{Alternative, Continuity, Method, ZeroDifferences, wilcoxon_signed_rank};
///
/// let a = [6.0, 8.0, 14.0, 16.0, 23.0, 24.0, 28.0, 29.0, 41.0, -48.0, 49.0, 56.0, 60.0, -67.0, 75.0];
/// let report = wilcoxon_signed_rank(
///     &a, &[0.0; 15], ZeroDifferences::Wilcox, Alternative::TwoSided, Method::Auto, Continuity::Uncorrected,
/// )?;
/// assert_eq!(report.statistic, 24.0);
/// assert!((report.p_value - 0.04125976562).abs() < 1e-10);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when differences are skewed: it then answers about their symmetry, not about their median.
///
/// F. Wilcoxon, *Individual Comparisons by Ranking Methods*, 1945; J. Pratt, *Remarks on Zeros and Ties in the
/// Wilcoxon Signed Rank Procedures*, 1959.
pub fn wilcoxon_signed_rank(
    a: &[f64],
    b: &[f64],
    zeros: ZeroDifferences,
    alternative: Alternative,
    method: Method,
    continuity: Continuity,
) -> Result<TestReport> {
    const NAME: &str = "Wilcoxon signed rank test";
    let (pairs, missing) = pairs(a, b)?;
    enough(NAME, "a - b", pairs.len(), 1)?;
    // Infinite values that are equal have no difference; subtracting them would give NaN.
    let mut differences: Vec<f64> = pairs.iter().map(|(x, y)| if x == y { 0.0 } else { x - y }).collect();
    let zero = differences.iter().filter(|d| **d == 0.0).count();
    if zero == differences.len() {
        return Err(constant("a - b"));
    }
    let all = differences.len();
    if zeros == ZeroDifferences::Wilcox {
        differences.retain(|d| *d != 0.0);
    }
    differences.sort_by(|x, y| x.abs().total_cmp(&y.abs()));
    let n = differences.len() as f64;
    // Twice the ranks, which are whole.
    let (mut plus, mut minus, mut at_zero, mut ties, mut tied) = (0u64, 0u64, 0u64, 0.0, zero > 0);
    let mut ranks = Vec::with_capacity(differences.len());
    let mut before = 0u64;
    for run in differences.chunk_by(|x, y| x.abs() == y.abs()) {
        let t = run.len() as u64;
        let rank = 2 * before + t + 1;
        before += t;
        if run[0] == 0.0 {
            at_zero = rank * t;
            if zeros == ZeroDifferences::Pratt {
                continue;
            }
        } else {
            let positive = run.iter().filter(|d| **d > 0.0).count() as u64;
            plus += rank * positive;
            minus += rank * (t - positive);
            ranks.extend(std::iter::repeat_n(rank, run.len()));
            tied |= t > 1;
        }
        ties += (t as f64).powi(3) - t as f64;
    }
    let exact = match method {
        Method::Auto => all <= if tied { 13 } else { 50 },
        Method::Exact => true,
        Method::Asymptotic => false,
    };
    let split = if zeros == ZeroDifferences::ZSplit { at_zero as f64 / 4.0 } else { 0.0 };
    let (above, below) = (plus as f64 / 2.0 + split, minus as f64 / 2.0 + split);
    let tails = if exact { sign_sum_tails(&ranks, plus) } else { None };
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
            let expected = format!("Auto or Asymptotic for {} pairs", ranks.len());
            return Err(Error::invalid_parameter(NAME, "method", "Exact", expected));
        }
        None => {
            let mut mean = n * (n + 1.0) / 4.0;
            let mut spread = n * (n + 1.0) * (2.0 * n + 1.0);
            if zeros == ZeroDifferences::Pratt {
                let z = zero as f64;
                mean -= z * (z + 1.0) / 4.0;
                spread -= z * (z + 1.0) * (2.0 * z + 1.0);
            }
            let error = ((spread - ties / 2.0) / 24.0).sqrt();
            let distance = above - mean;
            let half = match (continuity, alternative) {
                (Continuity::Uncorrected, _) => 0.0,
                (_, Alternative::Greater) => 0.5,
                (_, Alternative::Less) => -0.5,
                (_, Alternative::TwoSided) if distance == 0.0 => 0.0,
                (_, Alternative::TwoSided) => 0.5 * distance.signum(),
            };
            (symmetric_p((distance - half) / error, alternative, normal_sf), PValueFrom::Asymptotic)
        }
    };
    let (statistic, name) = if alternative == Alternative::TwoSided {
        (above.min(below), "min(R⁺, R⁻)")
    } else {
        (above, "R⁺")
    };
    Ok(TestReport::new(NAME, name, statistic)
        .p(p, from)
        .alternative(alternative)
        .with_effect("rank-biserial correlation", (above - below) / (above + below))
        .rows(&[pairs.len()], missing))
}

//! Exact distributions of rank sums, by counting; sums of positive terms only, so that small p-values keep their
//! digits.

/// Steps that an exact p-value may take: about a second.
pub(crate) const EXACT_STEPS: f64 = 500_000_000.0;
/// Numbers that it may keep.
const EXACT_CELLS: f64 = 20_000_000.0;

/// Scores less the smallest one, in units of their common divisor.
fn reduced(scores: &[u64]) -> (Vec<u64>, u64, u64) {
    let least = scores.iter().copied().min().unwrap_or(0);
    let unit = scores.iter().fold(0, |unit, s| super::kolmogorov::gcd(s - least, unit)).max(1);
    (scores.iter().map(|s| (s - least) / unit).collect(), least, unit)
}

/// `P(S <= observed)` and `P(S >= observed)` for the sum `S` of `k` of the scores drawn without replacement; `None`
/// when that would take too long.
pub(crate) fn subset_sum_tails(scores: &[u64], k: usize, observed: u64) -> Option<(f64, f64)> {
    let (mut scores, least, unit) = reduced(scores);
    scores.sort_unstable();
    let top: u64 = scores.iter().rev().take(k).sum();
    let (n, size) = (scores.len() as f64, k as f64);
    let ways = libm::lgamma(n + 1.0) - libm::lgamma(size + 1.0) - libm::lgamma(n - size + 1.0);
    let cells = (size + 1.0) * (top as f64 + 1.0);
    if cells > EXACT_CELLS || cells * n > EXACT_STEPS || ways > 700.0 {
        return None;
    }
    let width = top as usize + 1;
    // ways[c][s]: subsets of c of the scores so far that sum to s.
    let mut ways = vec![0.0f64; (k + 1) * width];
    ways[0] = 1.0;
    let mut reach = 0usize;
    for (seen, &score) in scores.iter().enumerate() {
        let score = score as usize;
        reach = (reach + score).min(width - 1);
        for c in (1..=k.min(seen + 1)).rev() {
            let (before, after) = ways.split_at_mut(c * width);
            let before = &before[(c - 1) * width..];
            if score <= reach {
                after[score..=reach].iter_mut().zip(before).for_each(|(to, from)| *to += from);
            }
        }
    }
    let row = &ways[k * width..];
    let total: f64 = row.iter().sum();
    let at = ((observed - k as u64 * least) / unit) as usize;
    Some((row[..=at].iter().sum::<f64>() / total, row[at..].iter().sum::<f64>() / total))
}

/// `P(S <= observed)` and `P(S >= observed)` for the sum `S` of scores that count with probability one half each;
/// `None` when that would take too long.
pub(crate) fn sign_sum_tails(scores: &[u64], observed: u64) -> Option<(f64, f64)> {
    let unit = scores.iter().fold(0, |unit, s| super::kolmogorov::gcd(*s, unit)).max(1);
    let top: u64 = scores.iter().map(|s| s / unit).sum();
    if top as f64 * scores.len() as f64 > EXACT_STEPS || top as f64 > EXACT_CELLS || scores.len() > 1000 {
        return None;
    }
    let mut share = vec![0.0f64; top as usize + 1];
    share[0] = 1.0;
    let mut reach = 0usize;
    for score in scores.iter().map(|s| (s / unit) as usize) {
        reach += score;
        for s in (0..=reach).rev() {
            let with = if s >= score { share[s - score] } else { 0.0 };
            share[s] = 0.5 * share[s] + 0.5 * with;
        }
    }
    let at = (observed / unit) as usize;
    Some((share[..=at].iter().sum(), share[at..].iter().sum()))
}

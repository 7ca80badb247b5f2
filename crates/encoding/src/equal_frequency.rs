//! Edges of bins that hold equally many rows, also where single values hold more than their share.

use std::ops::Range;

use mlsys_stats::Distribution;

use crate::binner::QuantileRule;

/// The edges of at most so many bins, ascending; the last two are equal where the last bin holds the largest value alone.
pub(crate) fn edges(of: Distribution<'_>, bins: usize, rule: QuantileRule) -> Vec<f64> {
    let Some(&last) = of.values().last() else { return Vec::new() };
    let mut edges = starts(of, bins, rule);
    edges.push(last);
    edges
}

/// Where the bins start.
fn starts(of: Distribution<'_>, bins: usize, rule: QuantileRule) -> Vec<f64> {
    let quantile = |i: usize| match rule {
        QuantileRule::Averaged => of.averaged(share(i, bins)),
        QuantileRule::Linear => of.quantile(share(i, bins)),
    };
    let mut starts: Vec<f64> = (0..bins).filter_map(quantile).collect();
    let heavy = heavy(of, &starts);
    if heavy.is_empty() {
        starts.dedup();
        return starts;
    }
    let mut runs: Vec<Range<usize>> = Vec::with_capacity(heavy.len() + 1);
    let mut begin = 0;
    for place in heavy.iter().copied().chain([of.values().len()]) {
        runs.push(begin..place);
        begin = place + 1;
    }
    let shares = allot(of, &runs, bins - heavy.len());
    let mut all = Vec::with_capacity(bins);
    for (i, (run, bins)) in runs.into_iter().zip(shares).enumerate() {
        if !run.is_empty() {
            all.extend(self::starts(of.part(run), bins, rule));
        }
        all.extend(heavy.get(i).map(|&place| of.values()[place]));
    }
    all
}

/// `i / bins` with numpy's rounding of percentages, so that the edges are scikit-learn's to the last rank.
fn share(i: usize, bins: usize) -> f64 {
    i as f64 * (100.0 / bins as f64) / 100.0
}

/// The places of the values at which a bin without rows ends and that weigh a bin's share or more, ascending.
fn heavy(of: Distribution<'_>, starts: &[f64]) -> Vec<usize> {
    let values = of.values();
    let below = |edge: f64| values.partition_point(|&x| x < edge);
    let mut heavy: Vec<usize> = starts
        .windows(2)
        .filter(|pair| below(pair[0]) == below(pair[1]))
        .map(|pair| below(pair[1]))
        .filter(|&place| of.weight_of(place..place + 1) * starts.len() as f64 >= of.weight())
        .collect();
    heavy.dedup();
    heavy
}

/// A bin for each run of values, and each further one where there are most rows per bin; no more than values.
fn allot(of: Distribution<'_>, runs: &[Range<usize>], bins: usize) -> Vec<usize> {
    let weights: Vec<f64> = runs.iter().map(|run| of.weight_of(run.clone())).collect();
    let mut shares: Vec<usize> = runs.iter().map(|run| usize::from(!run.is_empty())).collect();
    let left = bins.saturating_sub(shares.iter().sum());
    for _ in 0..left {
        let load = |i: usize| weights[i] / shares[i] as f64;
        let room = (0..runs.len()).filter(|&i| shares[i] < runs[i].len());
        // The first of equals.
        let Some(fullest) = room.rev().max_by(|&a, &b| load(a).total_cmp(&load(b))) else { break };
        shares[fullest] += 1;
    }
    shares
}

//! Where one bin of a feature ends and the next begins.

use mlsys_core::Category;
use serde::{Deserialize, Serialize};

/// The bin of missing values, of every feature.
pub(crate) const MISSING: u8 = 0;

/// Bins of values at most: with the one of missing values, 256.
pub(crate) const MAX_BINS: usize = 255;

/// How the values of a feature become bins, which count from 1; 0 is for missing values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FeatureBins {
    /// Bin `i` holds values above `cuts[i - 2]`, up to `cuts[i - 1]`.
    Ordered(Vec<f64>),
    /// The bin of each category, by code.
    Categories(Vec<u8>),
}

impl FeatureBins {
    /// The number of bins, that of missing values included.
    pub fn len(&self) -> usize {
        match self {
            Self::Ordered(cuts) => cuts.len() + 2,
            Self::Categories(bins) => bins.iter().max().map_or(1, |&last| last as usize + 1),
        }
    }

    /// The value up to which a bin and those before it reach.
    pub fn upper(&self, bin: usize) -> f64 {
        match self {
            Self::Ordered(cuts) => {
                bin.checked_sub(1).and_then(|i| cuts.get(i)).copied().unwrap_or(f64::INFINITY)
            }
            Self::Categories(_) => f64::NAN,
        }
    }
}

/// Cuts between bins of ordered values, given the distinct values, ascending, and how often each occurs.
///
/// Where there are few values, each has a bin, as long as `min_rows` rows share it. Else values that alone make up a mean bin have one
/// of their own, and the others fill bins greedily up to the mean of what is left: LightGBM's `GreedyFindBin`, without its bin for zero. A
/// cut lies halfway between two values.
pub(crate) fn cuts(values: &[f64], counts: &[u64], max_bins: usize, min_rows: u64) -> Vec<f64> {
    let Some(last) = values.len().checked_sub(1) else { return Vec::new() };
    let mut cuts = Vec::new();
    let mut cut_after = |place: usize| cuts.push(halfway(values[place], values[place + 1]));
    if values.len() <= max_bins {
        let mut rows = 0;
        for (place, count) in counts[..last].iter().enumerate() {
            rows += count;
            if rows >= min_rows {
                cut_after(place);
                rows = 0;
            }
        }
        return cuts;
    }
    let total: u64 = counts.iter().sum();
    let bins = (total / min_rows.max(1)).clamp(1, max_bins as u64);
    let mut mean = total as f64 / bins as f64;
    let is_big = |place: usize, mean: f64| counts[place] as f64 >= mean;
    let first_mean = mean;
    let big = (0..=last).filter(|&place| is_big(place, first_mean));
    let (n_big, big_rows) = big.fold((0, 0), |(n, rows), place| (n + 1, rows + counts[place]));
    let (mut bins_left, mut rows_left) = (bins.saturating_sub(n_big), total - big_rows);
    if bins_left > 0 {
        mean = rows_left as f64 / bins_left as f64;
    }
    let (mut rows, mut n_cuts) = (0, 0);
    for (place, &count) in counts[..last].iter().enumerate() {
        let big = is_big(place, first_mean);
        if !big {
            rows_left -= count;
        }
        rows += count;
        let half = (mean * 0.5).max(1.0);
        if big || rows as f64 >= mean || (is_big(place + 1, first_mean) && rows as f64 >= half) {
            cut_after(place);
            n_cuts += 1;
            if n_cuts + 1 >= bins {
                break;
            }
            rows = 0;
            if !big && bins_left > 1 {
                bins_left -= 1;
                mean = rows_left as f64 / bins_left as f64;
            }
        }
    }
    cuts
}

/// A number from the lower value up, and below the upper one, halfway between them.
fn halfway(low: f64, high: f64) -> f64 {
    let middle = low * 0.5 + high * 0.5;
    // Neighbours have nothing between them; infinities have no middle.
    if middle >= low && middle < high { middle } else { low }
}

/// The bin of each category: each has one while there are enough; else the most frequent ones, and the others share the last.
pub(crate) fn category_bins(counts: &[(Category, u64)], max_bins: usize) -> Vec<u8> {
    let max_bins = max_bins.clamp(1, MAX_BINS);
    if counts.len() <= max_bins {
        return (0..counts.len()).map(|place| place as u8 + 1).collect();
    }
    let mut by_count: Vec<usize> = (0..counts.len()).collect();
    by_count.sort_by_key(|&place| (std::cmp::Reverse(counts[place].1), place));
    let mut own: Vec<usize> = by_count[..max_bins - 1].to_vec();
    own.sort_unstable();
    let mut bins = vec![max_bins as u8; counts.len()];
    own.into_iter().zip(1..).for_each(|(place, bin)| bins[place] = bin);
    bins
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_have_a_bin_each() {
        assert_eq!(cuts(&[1.0, 2.0, 4.0], &[1, 1, 1], 255, 1), [1.5, 3.0]);
        assert_eq!(cuts(&[1.0, 2.0, 4.0, 5.0], &[1, 1, 1, 1], 255, 2), [3.0]);
        assert_eq!(cuts(&[], &[], 255, 1), [0.0; 0]);
        assert_eq!(cuts(&[f64::NEG_INFINITY, 0.0, f64::INFINITY], &[1; 3], 255, 1), [f64::NEG_INFINITY, 0.0]);
        let (a, b) = (1.0, 1.0_f64.next_up());
        assert_eq!(cuts(&[a, b], &[1, 1], 255, 1), [a]);
    }

    #[test]
    fn many_values_share_bins_of_a_mean_size() {
        let values: Vec<f64> = (0..1000).map(f64::from).collect();
        let even = cuts(&values, &[1; 1000], 10, 3);
        assert_eq!(even, [99.5, 199.5, 299.5, 399.5, 499.5, 599.5, 699.5, 799.5, 899.5]);
        // A value of a bin's size stands alone.
        let mut counts = vec![1; 1000];
        counts[500] = 1000;
        let with_big = cuts(&values, &counts, 10, 3);
        assert!(with_big.contains(&499.5) && with_big.contains(&500.5), "{with_big:?}");
        assert!(with_big.len() < 10);
    }

    #[test]
    fn rare_categories_share_the_last_bin() {
        let counts = [("a", 1), ("b", 9), ("c", 2), ("d", 8)].map(|(name, n)| (Category::from(name), n));
        assert_eq!(category_bins(&counts, 255), [1, 2, 3, 4]);
        assert_eq!(category_bins(&counts, 3), [3, 1, 3, 2]);
    }
}

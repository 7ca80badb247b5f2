//! The game of a leaf against rows of a background, each of which says what features are that are not known.

use std::collections::BTreeMap;

use mlsys_core::arrow::buffer::ScalarBuffer;
use rayon::prelude::*;

use super::patterns::{MOST_ROWS, Patterns, WORD};
use super::walk::{Factor, Visit, walk};
use crate::TreeEnsemble;
use crate::trees::{Split, Tree};

/// By which patterns the rows of a background pass the features on the way to a leaf.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Passed {
    /// Pattern after pattern, each of as many words as the way needs.
    words: Vec<u16>,
    /// The share of the rows, by pattern.
    shares: Vec<f64>,
}

impl Passed {
    /// The share of the rows that come to the leaf.
    pub(super) fn reach(&self, path: usize) -> f64 {
        let size = path.div_ceil(WORD);
        let all = |words: &[u16]| words.iter().enumerate().all(|(place, &word)| word == full(path, place));
        if size == 0 {
            return 1.0;
        }
        self.words.chunks_exact(size).zip(&self.shares).filter(|(words, _)| all(words)).map(|(_, x)| x).sum()
    }
}

/// The word of a pattern with all features.
fn full(path: usize, place: usize) -> u16 {
    let bits = path.saturating_sub(place * WORD).min(WORD);
    ((1u32 << bits) - 1) as u16
}

/// Counts the patterns of rows at each leaf.
struct Count<'a> {
    patterns: Patterns<'a>,
    counts: Vec<BTreeMap<Vec<u16>, u64>>,
}

impl Visit for Count<'_> {
    fn enter(&mut self, level: usize, split: &Split, before: Option<usize>) {
        self.patterns.enter(level, split, before);
    }

    fn turn(&mut self, level: usize, before: Option<usize>) {
        self.patterns.turn(level, before);
    }

    fn leaf(&mut self, path: &[Factor], leaf: usize) {
        let n = self.patterns.number(path);
        let mut counts = vec![0u64; n];
        self.patterns.numbers.iter().for_each(|&number| counts[number as usize] += 1);
        for (pattern, count) in counts.into_iter().enumerate() {
            let words = (0..path.len().div_ceil(WORD)).map(|place| self.patterns.word(pattern, place));
            *self.counts[leaf].entry(words.collect()).or_default() += count;
        }
    }
}

/// What rows pass, by tree and leaf.
pub(super) fn passed(
    ensemble: &TreeEnsemble,
    columns: &[ScalarBuffer<f64>],
    rows: usize,
) -> Vec<Vec<Passed>> {
    let of_tree = |tree: &Tree| {
        let mut counts = vec![BTreeMap::new(); tree.n_leaves()];
        for start in (0..rows).step_by(MOST_ROWS) {
            let n = MOST_ROWS.min(rows - start);
            let columns = columns.iter().map(|column| &column[start..start + n]).collect();
            let mut count = Count { patterns: Patterns::new(columns, n), counts };
            walk(tree, &[], &mut count);
            counts = count.counts;
        }
        let of_leaf = |counts: BTreeMap<Vec<u16>, u64>| {
            let mut passed = Passed::default();
            for (words, count) in counts {
                passed.words.extend(words);
                passed.shares.push(count as f64 / rows as f64);
            }
            passed
        };
        counts.into_iter().map(of_leaf).collect()
    };
    ensemble.trees().par_iter().map(of_tree).collect()
}

/// `(a − 1)! b! / (a + b)!`: how often one of `a` features is the last of them to become known, and none of `b` others is known yet.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Orders(Vec<f64>);

const TABLE: usize = 64;

impl Orders {
    pub(super) fn new() -> Self {
        Self((0..TABLE * TABLE).map(|i| orders(i / TABLE, i % TABLE)).collect())
    }

    fn of(&self, a: usize, b: usize) -> f64 {
        if a < TABLE && b < TABLE { self.0[a * TABLE + b] } else { orders(a, b) }
    }
}

fn orders(a: usize, b: usize) -> f64 {
    if a == 0 {
        return 0.0;
    }
    // 1 / (a C(a + b, a)), by the shorter product.
    let (few, many) = (a.min(b), a.max(b));
    (1..=few).map(|i| i as f64 / (many + i) as f64).product::<f64>() / a as f64
}

/// Shares out 1 for each of `n` patterns, on average over the background.
pub(super) fn by_background(
    path: usize,
    passed: &Passed,
    orders: &Orders,
    patterns: &Patterns<'_>,
    n: usize,
    table: &mut [f64],
) {
    table.fill(0.0);
    let size = path.div_ceil(WORD);
    // What the row passes, and what it does not.
    let mut own = vec![(0u16, 0u16); size];
    for pattern in 0..n {
        for (place, (passes, fails)) in own.iter_mut().enumerate() {
            *passes = patterns.word(pattern, place);
            *fails = full(path, place) & !*passes;
        }
        'rows: for (theirs, share) in passed.words.chunks_exact(size).zip(&passed.shares) {
            let (mut a, mut b) = (0, 0);
            for (&(passes, fails), theirs) in own.iter().zip(theirs) {
                if fails & !theirs != 0 {
                    continue 'rows;
                }
                a += (passes & !theirs).count_ones() as usize;
                b += fails.count_ones() as usize;
            }
            let gain = share * orders.of(a, b);
            let loss = -share * orders.of(b, a);
            for (place, (&(passes, fails), theirs)) in own.iter().zip(theirs).enumerate() {
                for (mut bits, x) in [(passes & !theirs, gain), (fails, loss)] {
                    while bits != 0 {
                        table[(place * WORD + bits.trailing_zeros() as usize) * n + pattern] += x;
                        bits &= bits - 1;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_of_features() {
        let factorial = |n: usize| (1..=n).map(|i| i as f64).product::<f64>();
        for (a, b) in [(1, 0), (1, 1), (2, 0), (2, 1), (1, 2), (5, 3), (3, 60), (70, 2), (64, 64)] {
            let expected = factorial(a - 1) * factorial(b) / factorial(a + b);
            assert!((Orders::new().of(a, b) / expected - 1.0).abs() < 1e-13, "{a}, {b}");
        }
        assert_eq!(Orders::new().of(0, 3), 0.0);
    }
}

//! Sums by bin.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use crate::trees::bins::{BinnedTable, Block, LANES};

/// The sum of the packed gradients of each bin of a feature.
pub(crate) type Lane = [i64; 256];

/// The sums of each bin of each feature, lane by lane; those of a block lie together and fit a first cache of 48 kB. Beyond the bins that a feature
/// has, anything.
pub(super) struct Histogram(Vec<Lane>);

impl Histogram {
    pub fn new(table: &BinnedTable) -> Self {
        Self(vec![[0; 256]; table.n_features()])
    }

    pub fn lane(&self, feature: usize) -> &Lane {
        &self.0[feature]
    }

    /// Those of the features.
    pub fn lanes_mut(&mut self, n_features: usize) -> &mut [Lane] {
        &mut self.0[..n_features]
    }

    /// The sum of all rows: each is in one bin of every feature.
    pub fn total(&self, table: &BinnedTable) -> i64 {
        self.0.first().map_or(0, |lane| lane[..table.n_bins(0)].iter().sum())
    }
}

/// Histograms that nobody uses at the moment, for whichever thread needs one.
pub(super) struct Spare<'a> {
    table: &'a BinnedTable,
    free: Mutex<Vec<Histogram>>,
}

impl<'a> Spare<'a> {
    pub fn new(table: &'a BinnedTable) -> Self {
        Self { table, free: Mutex::default() }
    }

    /// One with sums of anything.
    pub fn take(&self) -> Histogram {
        let free = self.free().pop();
        free.unwrap_or_else(|| Histogram::new(self.table))
    }

    pub fn give(&self, histograms: impl IntoIterator<Item = Histogram>) {
        self.free().extend(histograms);
    }

    fn free(&self) -> MutexGuard<'_, Vec<Histogram>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rows that a thread takes at least: it needs a histogram of its own for them.
const ROWS_OF_SHARE: usize = 1024;

/// Rows that are brought near before they are added up: a processor waits for many places of memory at once, but not while it adds.
const CHUNK: usize = 256;

/// Adds up rows by bin, from zero, in a share for each thread; `cells` are the packed gradients of all rows of the table. The sum is that of
/// `out` and of the histograms that it gives.
pub(super) fn build(
    out: &mut Histogram,
    spare: &Spare<'_>,
    rows: &[u32],
    cells: &[i64],
    threads: usize,
) -> Vec<Histogram> {
    let n_features = spare.table.n_features();
    let threads = threads.min(rows.len() / ROWS_OF_SHARE).max(1);
    let mut shares = rows.chunks(rows.len().div_ceil(threads).max(1));
    let first = shares.next().unwrap_or_default();
    let mut parts: Vec<(&[u32], Histogram)> = shares.map(|rows| (rows, spare.take())).collect();
    let own = std::iter::once((first, out)).chain(parts.iter_mut().map(|(rows, part)| (*rows, part)));
    let work: Vec<_> = own.collect();
    work.into_par_iter().with_max_len(1).for_each(|(rows, out)| {
        fill(out.lanes_mut(n_features), 0, spare.table, rows, cells);
    });
    parts.into_iter().map(|(_, part)| part).collect()
}

/// Adds up rows by the bins of the features from `first` on, from zero.
pub(super) fn fill(mut out: &mut [Lane], mut first: usize, table: &BinnedTable, rows: &[u32], cells: &[i64]) {
    (first..).zip(&mut *out).for_each(|(feature, lane)| lane[..table.n_bins(feature)].fill(0));
    // Which lanes of which block.
    let mut blocks: Vec<(&mut [Lane], usize, &Block)> = Vec::with_capacity(out.len() / LANES + 2);
    while !out.is_empty() {
        let (block, lane) = table.lane(first);
        let width = block.width() - lane;
        let own = out.split_off_mut(..out.len().min(width)).unwrap_or_default();
        first += own.len();
        blocks.push((own, lane, block));
    }
    let mut near = [[0; LANES]; CHUNK];
    if rows.len() == cells.len() {
        // All rows, in their order.
        for (chunk, cells) in cells.chunks(CHUNK).enumerate() {
            for (out, lane, block) in &mut blocks {
                near.iter_mut()
                    .zip((chunk * CHUNK) as u32..)
                    .for_each(|(to, row)| *to = block.row(row, *lane));
                add_lanes(out, &near, cells);
            }
        }
        return;
    }
    let mut ordered = [0; CHUNK];
    for rows in rows.chunks(CHUNK) {
        ordered.iter_mut().zip(rows).for_each(|(to, &row)| *to = cells[row as usize]);
        for (out, lane, block) in &mut blocks {
            near.iter_mut().zip(rows).for_each(|(to, &row)| *to = block.row(row, *lane));
            add_lanes(out, &near, &ordered[..rows.len()]);
        }
    }
}

/// Adds to as many lanes, up to [`LANES`], by the bins of the rows.
fn add_lanes(out: &mut [Lane], rows: &[[u8; LANES]], cells: &[i64]) {
    match out.len() {
        1 => add_first::<1>(out, rows, cells),
        2 => add_first::<2>(out, rows, cells),
        3 => add_first::<3>(out, rows, cells),
        4 => add_first::<4>(out, rows, cells),
        5 => add_first::<5>(out, rows, cells),
        6 => add_first::<6>(out, rows, cells),
        7 => add_first::<7>(out, rows, cells),
        8 => add_first::<8>(out, rows, cells),
        9 => add_first::<9>(out, rows, cells),
        10 => add_first::<10>(out, rows, cells),
        11 => add_first::<11>(out, rows, cells),
        12 => add_first::<12>(out, rows, cells),
        13 => add_first::<13>(out, rows, cells),
        14 => add_first::<14>(out, rows, cells),
        15 => add_first::<15>(out, rows, cells),
        _ => add_first::<LANES>(out, rows, cells),
    }
}

/// A byte is always a place in 256 sums: there is nothing to check.
fn add_first<const N: usize>(out: &mut [Lane], rows: &[[u8; LANES]], cells: &[i64]) {
    let Some(out) = out.first_chunk_mut::<N>() else { return };
    for (bins, &cell) in rows.iter().zip(cells) {
        for (lane, &bin) in out.iter_mut().zip(bins) {
            lane[bin as usize] += cell;
        }
    }
}

/// Adds the sums of other rows, bin by bin.
pub(super) fn add(to: &mut [i64], part: &[i64]) {
    to.iter_mut().zip(part).for_each(|(to, x)| *to += x);
}

/// Takes the sums of one child from those of the parent, bin by bin: what is left is the other child, exactly.
pub(super) fn subtract(parent: &mut [i64], child: &[i64]) {
    parent.iter_mut().zip(child).for_each(|(to, x)| *to -= x);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_parent_is_the_other_child() {
        let n = 6 * ROWS_OF_SHARE + 17;
        let mix = |row: usize, feature: usize| (row * 31 + feature * 7919) ^ (row >> 3);
        for n_features in [1, 2, 11, 16, 17, 37] {
            let n_bins: Vec<usize> = (0..n_features).map(|feature| [256, 3, 40][feature % 3]).collect();
            let bin = |row: usize, feature: usize| (mix(row, feature) % n_bins[feature]) as u8;
            let table = BinnedTable::of(n, n_bins.clone(), bin);
            let cells: Vec<i64> = (0..n).map(|row| (mix(row, 99) as i64 - 40_000) << 20 | 7).collect();
            // Of all rows, and of some; from the first feature on, and from another.
            let all: Vec<u32> = (0..n as u32).collect();
            let some: Vec<u32> = all.iter().copied().filter(|row| row % 5 != 0).collect();
            for (rows, first) in [(&all, 0), (&some, 0), (&some, n_features / 2)] {
                let (left, right): (Vec<u32>, Vec<u32>) = rows.iter().partition(|&row| row % 3 == 1);
                let sums = |rows: &[u32]| {
                    let mut out = vec![[i64::MAX; 256]; n_features - first];
                    fill(&mut out, first, &table, rows, &cells);
                    out
                };
                let (mut parent, left, right) = (sums(rows), sums(&left), sums(&right));
                for (place, n_bins) in n_bins[first..].iter().enumerate() {
                    let by_hand = |of: usize| {
                        let own = rows.iter().filter(|&&row| bin(row as usize, first + place) as usize == of);
                        own.map(|&row| cells[row as usize]).sum::<i64>()
                    };
                    assert_eq!(parent[place][..*n_bins], (0..*n_bins).map(by_hand).collect::<Vec<_>>());
                    subtract(&mut parent[place][..*n_bins], &left[place][..*n_bins]);
                    assert_eq!(parent[place][..*n_bins], right[place][..*n_bins]);
                }
            }
            // In shares.
            let spare = Spare::new(&table);
            for threads in [1, 2, 5] {
                let mut sum = spare.take();
                let parts = build(&mut sum, &spare, &some, &cells, threads);
                let mut one = vec![[0; 256]; n_features];
                fill(&mut one, 0, &table, &some, &cells);
                for (feature, &n_bins) in n_bins.iter().enumerate() {
                    let sum = &mut sum.lanes_mut(n_features)[feature][..n_bins];
                    parts.iter().for_each(|part| add(sum, &part.lane(feature)[..n_bins]));
                    assert_eq!(*sum, one[feature][..n_bins]);
                }
                spare.give(parts);
            }
        }
    }
}

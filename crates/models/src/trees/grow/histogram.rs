//! Sums by bin.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use crate::trees::bins::{BinnedTable, LANES, Lanes};

/// The sum of the packed gradients of each bin of a feature.
pub(crate) type Lane = [i64; 256];

/// The sums of each bin of each feature, lane by lane; those of a block lie together and fit the first cache.
pub(super) struct Histogram(Vec<Lane>);

impl Histogram {
    pub fn new(table: &BinnedTable) -> Self {
        Self(vec![[0; 256]; table.blocks().len() * LANES])
    }

    pub fn lane(&self, feature: usize) -> &Lane {
        &self.0[feature]
    }

    pub fn lanes_mut(&mut self) -> &mut [Lane] {
        &mut self.0
    }

    /// The sum of all rows: each is in one bin of every feature.
    pub fn total(&self) -> i64 {
        self.0.first().map_or(0, |lane| lane.iter().sum())
    }

    /// Adds the sums of other rows.
    fn add(&mut self, part: &Self) {
        for (to, part) in self.0.iter_mut().zip(&part.0) {
            to.iter_mut().zip(part).for_each(|(to, x)| *to += x);
        }
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

/// Rows times blocks from which on it pays to ask other threads.
const PARALLEL: usize = 1 << 15;

/// Rows that are added up block by block, so that what they share is read once.
const CHUNK: usize = 2048;

/// Adds up rows by bin, from zero; `cells` are the packed gradients of all rows of the table.
pub(super) fn build(spare: &Spare<'_>, rows: &[u32], cells: &[i64], threads: usize) -> Histogram {
    let table = spare.table;
    let mut out = spare.take();
    let n_blocks = table.blocks().len();
    let (blocks, _) = out.0.as_chunks_mut::<LANES>();
    if threads == 1 || rows.len() * n_blocks < PARALLEL {
        fill(blocks, 0, table, rows, cells);
    } else if n_blocks >= 4 * threads {
        let share = n_blocks.div_ceil(4 * threads);
        let shares = blocks.par_chunks_mut(share).enumerate();
        shares.for_each(|(place, blocks)| fill(blocks, place * share, table, rows, cells));
    } else {
        let shares = rows.par_chunks(rows.len().div_ceil(threads)).map(|rows| {
            let mut part = spare.take();
            fill(part.0.as_chunks_mut().0, 0, table, rows, cells);
            part
        });
        let sum = shares.reduce_with(|mut sum, part| {
            sum.add(&part);
            spare.give([part]);
            sum
        });
        spare.give(sum.map(|sum| std::mem::replace(&mut out, sum)));
    }
    out
}

/// Adds up rows in the blocks from `first` on.
fn fill(out: &mut [[Lane; LANES]], first: usize, table: &BinnedTable, rows: &[u32], cells: &[i64]) {
    out.as_flattened_mut().iter_mut().for_each(|lane| lane.fill(0));
    let blocks = table.blocks().iter().enumerate().skip(first);
    if rows.len() == cells.len() {
        // All rows, in their order.
        for (out, (place, block)) in out.iter_mut().zip(blocks) {
            add_lanes(out, lanes_of(table, place), block.iter().copied().zip(cells.iter().copied()));
        }
        return;
    }
    let mut ordered = [0; CHUNK];
    for rows in rows.chunks(CHUNK) {
        for (to, &row) in ordered.iter_mut().zip(rows) {
            *to = cells[row as usize];
        }
        for (out, (place, block)) in out.iter_mut().zip(blocks.clone()) {
            let own = rows.iter().map(|&row| block[row as usize]).zip(ordered);
            add_lanes(out, lanes_of(table, place), own);
        }
    }
}

/// How many lanes of a block have a feature.
fn lanes_of(table: &BinnedTable, block: usize) -> usize {
    (table.n_features() - block * LANES).min(LANES)
}

fn add_lanes(out: &mut [Lane; LANES], lanes: usize, rows: impl Iterator<Item = (Lanes, i64)>) {
    match lanes {
        1 => add_first::<1>(out, rows),
        2 => add_first::<2>(out, rows),
        3 => add_first::<3>(out, rows),
        4 => add_first::<4>(out, rows),
        5 => add_first::<5>(out, rows),
        6 => add_first::<6>(out, rows),
        7 => add_first::<7>(out, rows),
        _ => add_first::<8>(out, rows),
    }
}

/// A byte is always a place in 256 sums, so that the only check left is that of the row.
fn add_first<const N: usize>(out: &mut [Lane; LANES], rows: impl Iterator<Item = (Lanes, i64)>) {
    for (bins, cell) in rows {
        for lane in 0..N {
            out[lane][bins[lane] as usize] += cell;
        }
    }
}

/// Takes the sums of one child from those of the parent: what is left is the other child, exactly.
pub(super) fn subtract(parent: &mut Lane, child: &Lane) {
    parent.iter_mut().zip(child).for_each(|(to, x)| *to -= x);
}

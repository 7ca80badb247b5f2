//! Sums by bin.

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

    /// Adds up the rows given, from zero, on this thread. `ordered` is room for their packed gradients in order.
    fn fill(&mut self, table: &BinnedTable, rows: &[u32], cells: &[i64], ordered: &mut Vec<i64>) {
        let cells = in_order(rows, cells, ordered);
        let (blocks, _) = self.0.as_chunks_mut::<LANES>();
        for (place, (out, block)) in blocks.iter_mut().zip(table.blocks()).enumerate() {
            fill_block(out, block, lanes_of(table, place), rows, cells);
        }
    }
}

/// The packed gradients of rows in their order, so that each block of features reads them one after the other.
fn in_order<'a>(rows: &[u32], cells: &'a [i64], ordered: &'a mut Vec<i64>) -> &'a [i64] {
    if rows.len() == cells.len() {
        return cells;
    }
    ordered.clear();
    ordered.extend(rows.iter().map(|&row| cells[row as usize]));
    ordered
}

/// Rows times blocks from which on it pays to ask other threads.
const PARALLEL: usize = 1 << 15;

/// What threads work with: a histogram for each but the first, and room for packed gradients for all.
pub(super) struct Room {
    pub parts: Vec<Histogram>,
    ordered: Vec<Vec<i64>>,
}

impl Room {
    pub fn new(table: &BinnedTable, threads: usize) -> Self {
        let parts = (1..threads).map(|_| Histogram::new(table)).collect();
        Self { parts, ordered: vec![Vec::new(); threads] }
    }
}

/// Adds up rows by bin; `cells` are the packed gradients of all rows. The sum is that of `out` and of as many parts of the room as are said.
pub(super) fn build(
    table: &BinnedTable,
    rows: &[u32],
    cells: &[i64],
    out: &mut Histogram,
    room: &mut Room,
) -> usize {
    let (threads, blocks) = (room.parts.len() + 1, table.blocks().len());
    let Some((first, others)) = room.ordered.split_first_mut() else { return 0 };
    if threads == 1 || rows.len() * blocks < PARALLEL {
        out.fill(table, rows, cells, first);
        return 0;
    }
    if blocks >= 4 * threads {
        let cells = in_order(rows, cells, first);
        let (out, _) = out.0.as_chunks_mut::<LANES>();
        let fill = |(place, (out, block)): (usize, (&mut [Lane; LANES], &Vec<Lanes>))| {
            fill_block(out, block, lanes_of(table, place), rows, cells);
        };
        out.par_iter_mut().zip(table.blocks()).enumerate().for_each(fill);
        return 0;
    }
    let share = rows.len().div_ceil(threads);
    let own = std::iter::once((out, first)).chain(room.parts.iter_mut().zip(others));
    let work: Vec<_> = own.zip(rows.chunks(share)).collect();
    let used = work.len() - 1;
    work.into_par_iter().for_each(|((out, ordered), rows)| out.fill(table, rows, cells, ordered));
    used
}

/// How many lanes of a block have a feature.
fn lanes_of(table: &BinnedTable, block: usize) -> usize {
    (table.n_features() - block * LANES).min(LANES)
}

fn fill_block(out: &mut [Lane; LANES], block: &[Lanes], lanes: usize, rows: &[u32], cells: &[i64]) {
    match lanes {
        1 => fill_lanes::<1>(out, block, rows, cells),
        2 => fill_lanes::<2>(out, block, rows, cells),
        3 => fill_lanes::<3>(out, block, rows, cells),
        4 => fill_lanes::<4>(out, block, rows, cells),
        5 => fill_lanes::<5>(out, block, rows, cells),
        6 => fill_lanes::<6>(out, block, rows, cells),
        7 => fill_lanes::<7>(out, block, rows, cells),
        _ => fill_lanes::<8>(out, block, rows, cells),
    }
}

/// A byte is always a place in 256 sums, so that the only check left is that of the row.
fn fill_lanes<const N: usize>(out: &mut [Lane; LANES], block: &[Lanes], rows: &[u32], cells: &[i64]) {
    out.iter_mut().take(N).for_each(|lane| lane.fill(0));
    if rows.len() == block.len() {
        // All rows, in their order.
        for (&bins, &cell) in block.iter().zip(cells) {
            for lane in 0..N {
                out[lane][bins[lane] as usize] += cell;
            }
        }
        return;
    }
    for (&row, &cell) in rows.iter().zip(cells) {
        let bins = block[row as usize];
        for lane in 0..N {
            out[lane][bins[lane] as usize] += cell;
        }
    }
}

/// Adds the lanes of parts.
pub(super) fn add(to: &mut Lane, part: &Lane) {
    to.iter_mut().zip(part).for_each(|(to, x)| *to += x);
}

/// Takes the sums of one child from those of the parent: what is left is the other child, exactly.
pub(super) fn subtract(parent: &mut Lane, child: &Lane) {
    parent.iter_mut().zip(child).for_each(|(to, x)| *to -= x);
}

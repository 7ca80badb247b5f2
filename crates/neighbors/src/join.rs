//! The nearest of many points at once: leaves of points that are near each other ask leaves of points, in single
//! precision, and what may be among the nearest is looked at exactly.
//!
//! Coordinates are turned to the principal axes and rounded. A rounded distance is never above the exact one by more
//! than what rounding moved the two points, so that whatever is further away than the k-th exact distance and these
//! two cannot be found; all else is.

use rayon::prelude::*;

use crate::axes::Axes;
use crate::leaf_order::leaf_order;
use crate::nearest::Best;
use crate::{Neighbor, Points};

/// Rows whose distances are computed together.
const WIDE: usize = 16;
/// Rows of a leaf.
const LEAF: usize = 128;
const BLOCKS: usize = LEAF / WIDE;
/// Coordinates between two looks at whether a block is too far away already.
const STRIDE: usize = 4;
/// Rows that are turned by one thread at a time.
const PART: usize = 4096;
/// Leaves whose neighbours wait to be put in the order of the rows, per thread.
const WAITING: usize = 32;
const NO_ROW: u32 = u32::MAX;

/// Points in leaves of near ones, turned and rounded: 4 bytes a value.
#[derive(Debug)]
struct Blocks {
    columns: usize,
    leaves: usize,
    /// The row of each place, or [`NO_ROW`].
    rows: Vec<u32>,
    /// Per block of [`WIDE`] places, coordinate by coordinate; NaN in pads.
    lanes: Vec<f32>,
    /// The extents of each leaf, coordinate by coordinate.
    lows: Vec<f32>,
    highs: Vec<f32>,
    /// The lowest row of each leaf.
    first: Vec<u32>,
    /// How far rounding moved each row at most, and the rows of each leaf: one far away must not blur all others.
    errors: Vec<f32>,
    leaf_errors: Vec<f32>,
}

impl Blocks {
    /// Of all points, or of these, whose rows are then their places in `chosen`.
    fn new(points: &Points, chosen: Option<&[usize]>, axes: &Axes) -> Self {
        let columns = points.n_columns();
        let n = chosen.map_or(points.n_rows(), <[usize]>::len);
        let leaves = n.div_ceil(LEAF);
        let mut lanes = vec![f32::NAN; leaves * LEAF * columns];
        let mut errors = vec![0.0; n];
        let parts = lanes[..n * columns].par_chunks_mut(PART * columns).zip(errors.par_chunks_mut(PART));
        parts.enumerate().for_each(|(part, (lanes, errors))| {
            let mut point = Vec::with_capacity(columns);
            for (at, (out, error)) in lanes.chunks_exact_mut(columns).zip(errors).enumerate() {
                let row = part * PART + at;
                points.row(chosen.map_or(row, |chosen| chosen[row]), &mut point);
                *error = axes.turn(&mut point, out);
            }
        });
        let mut rows = leaf_order(&lanes[..n * columns], columns, LEAF);
        arrange(&mut lanes[..n * columns], columns, &rows);
        rows.resize(leaves * LEAF, NO_ROW);
        lanes.par_chunks_mut(LEAF * columns).for_each_init(Vec::new, |scratch, leaf| {
            leaf.chunks_exact_mut(WIDE * columns).for_each(|block| transpose(block, columns, scratch));
        });
        let (mut lows, mut highs) =
            (vec![f32::INFINITY; leaves * columns], vec![f32::NEG_INFINITY; leaves * columns]);
        for (leaf, blocks) in lanes.chunks_exact(LEAF * columns).enumerate() {
            for (at, values) in blocks.chunks_exact(WIDE).enumerate() {
                let extent = at % columns * leaves + leaf;
                for &x in values {
                    lows[extent] = lows[extent].min(x);
                    highs[extent] = highs[extent].max(x);
                }
            }
        }
        let first = rows.chunks(LEAF).map(|rows| rows.iter().copied().min().unwrap_or(NO_ROW)).collect();
        let of_leaf = |rows: &[u32]| {
            let errors = rows.iter().filter(|row| **row != NO_ROW).map(|&row| errors[row as usize]);
            errors.fold(0.0, f32::max)
        };
        let leaf_errors = rows.chunks(LEAF).map(of_leaf).collect();
        Self { columns, leaves, rows, lanes, lows, highs, first, errors, leaf_errors }
    }

    /// A block's lanes, coordinate by coordinate.
    fn block(&self, block: usize) -> &[[f32; WIDE]] {
        self.lanes[block * WIDE * self.columns..][..WIDE * self.columns].as_chunks().0
    }
}

/// Puts the rows of a matrix in an order, in place.
fn arrange(matrix: &mut [f32], columns: usize, order: &[u32]) {
    let mut done = vec![false; order.len()];
    let mut kept = vec![0.0; columns];
    for start in 0..order.len() {
        if done[start] {
            continue;
        }
        kept.copy_from_slice(&matrix[start * columns..][..columns]);
        let mut place = start;
        loop {
            done[place] = true;
            let from = order[place] as usize;
            if from == start {
                matrix[place * columns..][..columns].copy_from_slice(&kept);
                break;
            }
            matrix.copy_within(from * columns..(from + 1) * columns, place * columns);
            place = from;
        }
    }
}

/// Makes columns of rows.
fn transpose(block: &mut [f32], columns: usize, scratch: &mut Vec<f32>) {
    scratch.clear();
    scratch.extend_from_slice(block);
    for (column, lanes) in block.chunks_exact_mut(WIDE).enumerate() {
        lanes.iter_mut().zip(scratch[column..].iter().step_by(columns)).for_each(|(to, &x)| *to = x);
    }
}

/// Who asks for the nearest.
#[derive(Clone, Copy)]
pub(crate) enum Asked<'a> {
    /// Every point.
    All,
    /// Those of these rows.
    Rows(&'a [usize]),
    /// Others.
    Queries(&'a Points),
}

/// The `k` nearest of each that asks, in their order, `k` each: no more than there are. Rows that ask do not find themselves.
pub(crate) fn nearest(points: &Points, asked: Asked<'_>, k: usize) -> Vec<Neighbor> {
    let axes = Axes::new(points);
    let blocks = Blocks::new(points, None, &axes);
    let queries = match asked {
        Asked::All => None,
        Asked::Rows(rows) => Some(Blocks::new(points, Some(rows), &axes)),
        Asked::Queries(queries) => Some(Blocks::new(queries, None, &axes)),
    };
    let columns = (0..points.n_columns()).map(|column| points.column(column)).collect();
    let join = Join {
        points: &blocks,
        queries: queries.as_ref().unwrap_or(&blocks),
        columns,
        exact: if let Asked::Queries(queries) = asked { queries } else { points },
        asked,
        axes: &axes,
        k,
    };
    let mut all = vec![Neighbor { row: 0, distance: 0.0 }; join.queries.errors.len() * k];
    let waiting = WAITING * rayon::current_num_threads();
    for first in (0..join.queries.leaves).step_by(waiting) {
        let some = first..(first + waiting).min(join.queries.leaves);
        let ask = |scratch: &mut Scratch, leaf: usize| -> Vec<(f64, u32)> {
            join.ask(leaf, scratch);
            scratch.best.iter().flat_map(|best| best.found().iter().copied()).collect()
        };
        let found: Vec<Vec<(f64, u32)>> = some.into_par_iter().map_init(Scratch::default, ask).collect();
        let rows = join.queries.rows[first * LEAF..].iter().filter(|row| **row != NO_ROW);
        for (&row, found) in rows.zip(found.iter().flat_map(|leaf| leaf.chunks_exact(k.max(1)))) {
            for (slot, &(key, row)) in all[row as usize * k..][..k].iter_mut().zip(found) {
                *slot = Neighbor { row: row as usize, distance: key.sqrt() };
            }
        }
    }
    all
}

struct Join<'a> {
    points: &'a Blocks,
    queries: &'a Blocks,
    /// The points' columns as they are.
    columns: Vec<&'a [f64]>,
    /// The queries as they are.
    exact: &'a Points,
    asked: Asked<'a>,
    axes: &'a Axes,
    k: usize,
}

#[derive(Default)]
struct Scratch {
    best: Vec<Best>,
    /// How far the neighbours of each query are at most, with what rounding moved it by; not a number where none is asked for.
    reaches: Vec<f32>,
    /// The row of each query among the points.
    own: Vec<u32>,
    /// Where the k nearest are all equal to the query, rows after the last of them are no nearer.
    lasts: Vec<u32>,
    /// The queries' rounded coordinates, one after the other.
    asked: Vec<f32>,
    /// A query as it is.
    exact: Vec<f64>,
    bounds: Vec<f32>,
    order: Vec<(f32, usize)>,
}

impl Join<'_> {
    fn ask(&self, leaf: usize, scratch: &mut Scratch) {
        let (points, queries, columns) = (self.points, self.queries, self.points.columns);
        let k = self.k;
        scratch.best.resize_with(LEAF, Best::default);
        scratch.reaches.clear();
        scratch.lasts.clear();
        scratch.own.clear();
        scratch.asked.clear();
        for at in 0..LEAF {
            let place = leaf * LEAF + at;
            let absent = queries.rows[place] == NO_ROW;
            scratch.best[at].reset(if absent { 0 } else { k });
            scratch.reaches.push(if absent || k == 0 { f32::NAN } else { f32::INFINITY });
            let row = queries.rows[place];
            scratch.own.push(match self.asked {
                Asked::All => row,
                Asked::Rows(rows) => rows.get(row as usize).map_or(NO_ROW, |&own| own as u32),
                Asked::Queries(_) => NO_ROW,
            });
            scratch.lasts.push(if absent { 0 } else { NO_ROW });
            scratch.asked.extend(queries.block(place / WIDE).iter().map(|lanes| lanes[place % WIDE]));
        }
        let itself = matches!(self.asked, Asked::All);
        if itself {
            self.visit(leaf, leaf, scratch);
        }
        scratch.bounds.clear();
        scratch.bounds.resize(points.leaves, 0.0);
        for column in 0..columns {
            let (low, high) =
                (queries.lows[column * queries.leaves + leaf], queries.highs[column * queries.leaves + leaf]);
            let lows = &points.lows[column * points.leaves..][..points.leaves];
            let highs = &points.highs[column * points.leaves..][..points.leaves];
            for ((bound, l), h) in scratch.bounds.iter_mut().zip(lows).zip(highs) {
                let gap = above(above(l - high, low - h), 0.0);
                *bound += gap * gap;
            }
        }
        let widest = widest(&scratch.reaches);
        let limit = |widest: f32, other: usize| self.axes.limit(widest + points.leaf_errors[other]);
        let Scratch { order, bounds, .. } = scratch;
        order.clear();
        order.extend(
            bounds
                .iter()
                .copied()
                .zip(0..)
                .filter(|&(bound, other)| bound <= limit(widest, other) && !(itself && other == leaf)),
        );
        order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let order = std::mem::take(&mut scratch.order);
        for &(bound, other) in &order {
            // Not the last one: another leaf may be more blurred.
            if bound <= limit(self::widest(&scratch.reaches), other) {
                self.visit(leaf, other, scratch);
            }
        }
        scratch.order = order;
    }

    /// The queries of a leaf whose distance to the box of another is within their limit.
    fn visit(&self, leaf: usize, other: usize, scratch: &mut Scratch) {
        let (points, queries) = (self.points, self.queries);
        let first = points.first[other];
        if scratch.lasts.iter().all(|&last| last < first) {
            return;
        }
        let blur = points.leaf_errors[other];
        for block in 0..BLOCKS {
            let lanes = queries.block(leaf * BLOCKS + block);
            let mut sums = [0.0; WIDE];
            for (column, lanes) in lanes.iter().enumerate() {
                let extent = column * points.leaves + other;
                let (low, high) = (points.lows[extent], points.highs[extent]);
                for (sum, &x) in sums.iter_mut().zip(lanes) {
                    let gap = above(above(low - x, x - high), 0.0);
                    *sum += gap * gap;
                }
            }
            for (lane, sum) in sums.into_iter().enumerate() {
                let at = block * WIDE + lane;
                if sum <= self.axes.limit(scratch.reaches[at] + blur) && first <= scratch.lasts[at] {
                    self.scan(leaf * LEAF + at, at, other, scratch);
                }
            }
        }
    }

    fn scan(&self, place: usize, at: usize, other: usize, scratch: &mut Scratch) {
        let (points, columns) = (self.points, self.points.columns);
        let query = &scratch.asked[at * columns..][..columns];
        let blur = points.leaf_errors[other];
        let mut limit = self.axes.limit(scratch.reaches[at] + blur);
        scratch.exact.clear();
        for block in other * BLOCKS..(other + 1) * BLOCKS {
            let lanes = points.block(block);
            let mut sums = [0.0; WIDE];
            let mut within = true;
            for (lanes, values) in lanes.chunks(STRIDE).zip(query.chunks(STRIDE)) {
                for (lanes, &value) in lanes.iter().zip(values) {
                    for (sum, &x) in sums.iter_mut().zip(lanes) {
                        *sum += (x - value) * (x - value);
                    }
                }
                within = sums.iter().fold(false, |any, &sum| any | (sum <= limit));
                if !within {
                    break;
                }
            }
            if !within {
                continue;
            }
            for (lane, sum) in sums.into_iter().enumerate() {
                let found = block * WIDE + lane;
                // A pad is NaN, and never within.
                let near = sum <= limit && points.rows[found] <= scratch.lasts[at];
                if near && points.rows[found] != scratch.own[at] {
                    if scratch.exact.is_empty() {
                        self.write_exact(place, scratch.own[at], &mut scratch.exact);
                    }
                    let row = points.rows[found] as usize;
                    let pairs = self.columns.iter().map(|column| column[row]).zip(&scratch.exact);
                    let key = pairs.fold(0.0, |sum, (x, value)| sum + (x - value) * (x - value));
                    let best = &mut scratch.best[at];
                    if key <= best.cut() {
                        best.offer(key, points.rows[found]);
                        scratch.reaches[at] = self.reach(best.cut(), place);
                        limit = self.axes.limit(scratch.reaches[at] + blur);
                        if best.cut() == 0.0 {
                            scratch.lasts[at] = best.found().last().map_or(NO_ROW, |last| last.1);
                        }
                    }
                }
            }
        }
    }

    /// The query at a place as it is.
    fn write_exact(&self, place: usize, own: u32, out: &mut Vec<f64>) {
        match self.asked {
            Asked::Queries(_) => self.exact.row(self.queries.rows[place] as usize, out),
            _ => self.exact.row(own as usize, out),
        }
    }

    fn reach(&self, cut: f64, place: usize) -> f32 {
        let queries = self.queries;
        // Not below, whatever the sum is rounded to.
        (self.axes.reach(cut.sqrt()) + queries.errors[queries.rows[place] as usize])
            * (1.0 + 4.0 * f32::EPSILON)
    }
}

fn widest(reaches: &[f32]) -> f32 {
    reaches.iter().fold(f32::NEG_INFINITY, |most, &reach| if reach > most { reach } else { most })
}

/// The larger one, in one instruction.
#[inline(always)]
fn above(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

//! The nearest of many points at once: leaves of points that are near each other ask leaves of points, in single
//! precision, and what may be among the nearest is looked at exactly.
//!
//! Coordinates are turned to the principal axes and rounded. A rounded distance is never above the exact one by more
//! than what rounding moved the two points, so that whatever is further away than the k-th exact distance and these
//! two cannot be found; all else is.

use mlsys_core::Result;
use rayon::prelude::*;

use crate::Points;
use crate::axes::Axes;
use crate::nearest::Best;
use crate::tree::leaf_order;

/// Rows whose distances are computed together.
const WIDE: usize = 16;
/// Rows of a leaf.
const LEAF: usize = 128;
const BLOCKS: usize = LEAF / WIDE;
/// Coordinates between two looks at whether a block is too far away already.
const STRIDE: usize = 4;
const NO_ROW: u32 = u32::MAX;

/// Points in leaves of near ones.
#[derive(Debug)]
pub(crate) struct Blocks {
    pub n_rows: usize,
    columns: usize,
    leaves: usize,
    /// The row of each place, or [`NO_ROW`].
    pub rows: Vec<u32>,
    /// The coordinates as they are, place by place.
    exact: Vec<f64>,
    /// Rounded and turned, per block and coordinate; NaN in pads.
    lanes: Vec<[f32; WIDE]>,
    /// The extents of each leaf, coordinate by coordinate.
    lows: Vec<f32>,
    highs: Vec<f32>,
    /// The lowest row of each leaf.
    first: Vec<u32>,
    /// How far rounding moved each place at most.
    errors: Vec<f64>,
    error: f64,
}

impl Blocks {
    pub fn new(points: &Points, axes: &Axes) -> Result<Self> {
        let (n, columns) = (points.n_rows(), points.n_columns());
        let mut rows = leaf_order(&axes.turned(points)?, LEAF);
        let leaves = n.div_ceil(LEAF);
        rows.resize(leaves * LEAF, NO_ROW);
        let mut blocks = Self {
            n_rows: n,
            columns,
            leaves,
            exact: vec![f64::NAN; rows.len() * columns],
            lanes: vec![[f32::NAN; WIDE]; rows.len() / WIDE * columns],
            lows: vec![f32::INFINITY; leaves * columns],
            highs: vec![f32::NEG_INFINITY; leaves * columns],
            first: rows.chunks(LEAF).map(|rows| rows.iter().copied().min().unwrap_or(NO_ROW)).collect(),
            errors: vec![0.0; rows.len()],
            error: 0.0,
            rows,
        };
        let (mut point, mut turned) = (Vec::new(), Vec::new());
        for place in 0..blocks.rows.len() {
            if blocks.rows[place] == NO_ROW {
                continue;
            }
            points.row(blocks.rows[place] as usize, &mut point);
            blocks.exact[place * columns..][..columns].copy_from_slice(&point);
            let error = axes.turn(&point, &mut turned);
            for (column, &x) in turned.iter().enumerate() {
                let x = x as f32;
                blocks.lanes[place / WIDE * columns + column][place % WIDE] = x;
                let extent = column * leaves + place / LEAF;
                blocks.lows[extent] = blocks.lows[extent].min(x);
                blocks.highs[extent] = blocks.highs[extent].max(x);
            }
            blocks.errors[place] = error;
            blocks.error = blocks.error.max(error);
        }
        Ok(blocks)
    }

    fn exact(&self, place: usize) -> &[f64] {
        &self.exact[place * self.columns..][..self.columns]
    }
}

/// The `k` nearest of each query, those of a leaf together: the same number of each, as keys and rows. Without queries
/// the points ask; who asks among them is not found: `own` are the rows of the queries among the points.
pub(crate) fn nearest(
    points: &Blocks,
    queries: Option<&Blocks>,
    own: Option<&[usize]>,
    axes: &Axes,
    k: usize,
) -> Vec<Vec<(f64, u32)>> {
    let (itself, queries) = (queries.is_none(), queries.unwrap_or(points));
    let join = Join { points, queries, itself, own, axes, k };
    let leaf = |scratch: &mut Scratch, leaf: usize| {
        join.ask(leaf, scratch);
        scratch.best.iter().flat_map(|best| best.found().iter().copied()).collect()
    };
    (0..join.queries.leaves).into_par_iter().map_init(Scratch::default, leaf).collect()
}

struct Join<'a> {
    points: &'a Blocks,
    queries: &'a Blocks,
    itself: bool,
    own: Option<&'a [usize]>,
    axes: &'a Axes,
    k: usize,
}

#[derive(Default)]
struct Scratch {
    best: Vec<Best>,
    /// A rounded squared distance above this is that of no neighbour, a query each.
    limits: Vec<f32>,
    /// The row of each query among the points.
    own: Vec<u32>,
    /// Where the k nearest are all equal to the query, rows after the last of them are no nearer.
    lasts: Vec<u32>,
    /// The queries' rounded coordinates, one after the other.
    asked: Vec<f32>,
    bounds: Vec<f32>,
    order: Vec<(f32, usize)>,
}

impl Join<'_> {
    fn ask(&self, leaf: usize, scratch: &mut Scratch) {
        let (points, queries, columns) = (self.points, self.queries, self.points.columns);
        let k = self.k;
        scratch.best.resize_with(LEAF, Best::default);
        scratch.limits.clear();
        scratch.lasts.clear();
        scratch.own.clear();
        scratch.asked.clear();
        for at in 0..LEAF {
            let place = leaf * LEAF + at;
            let absent = queries.rows[place] == NO_ROW;
            scratch.best[at].reset(if absent { 0 } else { k });
            scratch.limits.push(if absent || k == 0 { f32::NEG_INFINITY } else { f32::INFINITY });
            let row = queries.rows[place];
            scratch.own.push(match self.own {
                _ if self.itself => row,
                Some(own) => own.get(row as usize).map_or(NO_ROW, |&own| own as u32),
                None => NO_ROW,
            });
            scratch.lasts.push(if absent { 0 } else { NO_ROW });
            let lanes = &queries.lanes[place / WIDE * columns..][..columns];
            scratch.asked.extend(lanes.iter().map(|lanes| lanes[place % WIDE]));
        }
        if self.itself {
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
        let widest = widest(&scratch.limits);
        let Scratch { order, bounds, .. } = scratch;
        order.clear();
        order.extend(
            bounds
                .iter()
                .copied()
                .zip(0..)
                .filter(|&(bound, other)| bound <= widest && !(self.itself && other == leaf)),
        );
        order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let order = std::mem::take(&mut scratch.order);
        for &(bound, other) in &order {
            if bound > self::widest(&scratch.limits) {
                break;
            }
            self.visit(leaf, other, scratch);
        }
        scratch.order = order;
    }

    /// The queries of a leaf whose distance to the box of another is within their limit.
    fn visit(&self, leaf: usize, other: usize, scratch: &mut Scratch) {
        let (points, queries, columns) = (self.points, self.queries, self.points.columns);
        let first = points.first[other];
        if scratch.lasts.iter().all(|&last| last < first) {
            return;
        }
        for block in 0..BLOCKS {
            let lanes = &queries.lanes[(leaf * BLOCKS + block) * columns..][..columns];
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
                if sum <= scratch.limits[at] && first <= scratch.lasts[at] {
                    self.scan(leaf * LEAF + at, at, other, scratch);
                }
            }
        }
    }

    fn scan(&self, place: usize, at: usize, other: usize, scratch: &mut Scratch) {
        let (points, columns) = (self.points, self.points.columns);
        let query = &scratch.asked[at * columns..][..columns];
        let mut limit = scratch.limits[at];
        for block in other * BLOCKS..(other + 1) * BLOCKS {
            let lanes = &points.lanes[block * columns..][..columns];
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
                    let pairs = points.exact(found).iter().zip(self.queries.exact(place));
                    let key = pairs.fold(0.0, |sum, (x, value)| sum + (x - value) * (x - value));
                    let best = &mut scratch.best[at];
                    if key <= best.cut() {
                        best.offer(key, points.rows[found]);
                        limit = self.limit(best.cut(), place);
                        if best.cut() == 0.0 {
                            scratch.lasts[at] = best.found().last().map_or(NO_ROW, |last| last.1);
                        }
                    }
                }
            }
        }
        scratch.limits[at] = limit;
    }

    fn limit(&self, cut: f64, place: usize) -> f32 {
        let moved = self.queries.errors[place] + self.points.error;
        self.axes.limit(cut.sqrt(), moved)
    }
}

fn widest(limits: &[f32]) -> f32 {
    limits.iter().fold(f32::NEG_INFINITY, |most, &limit| if limit > most { limit } else { most })
}

/// The larger one, in one instruction.
#[inline(always)]
fn above(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

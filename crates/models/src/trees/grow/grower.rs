//! The order of splits: from one leaf of all rows to a tree.

use std::ops::Range;

use mlsys_core::hash::hash_u64;
use mlsys_core::seed;
use rayon::prelude::*;

use super::histogram::{self, Histogram, Lane, Room};
use super::packing::Packing;
use super::partition::Rows;
use super::scan::{self, BinTest, Candidate, Counts};
use super::{GrowParameters, Growth};
use crate::trees::bins::{BinnedTable, FeatureBins};
use crate::trees::tree::Child;

/// A split of a tree that grew, by bins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GrownSplit {
    pub feature: u32,
    pub test: BinTest,
    pub missing_left: bool,
    pub left: Child,
    pub right: Child,
    /// Added to the L2 penalty of both children.
    pub extra_l2: f64,
}

/// A leaf of a tree that grew: where its rows are in [`Grower::rows`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GrownLeaf {
    pub rows: Range<usize>,
}

/// A tree that grew, by bins. Splits are in the order in which they were made; the left child of a split keeps its leaf's number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Grown {
    pub splits: Vec<GrownSplit>,
    pub leaves: Vec<GrownLeaf>,
}

/// A leaf that may be split.
struct Open {
    rows: Range<usize>,
    depth: usize,
    total: i64,
    histogram: Option<Histogram>,
    best: Option<Candidate>,
    /// The exact rows of each bin, of features where an estimate went wrong.
    counted: Vec<(u32, Box<Counts>)>,
    /// The split above, and whether it is on its left.
    above: Option<(usize, bool)>,
    /// The values that it and all below it may have.
    bounds: [f64; 2],
    /// The features on the way here, where it matters.
    path: Vec<u32>,
    /// The features that it may be split by, if not all that there are.
    allowed: Option<Vec<u32>>,
}

/// Grows one tree after another; keeps the memory for it.
pub(crate) struct Grower<'a> {
    table: &'a BinnedTable,
    bins: &'a [FeatureBins],
    rows: Rows,
    /// The packed gradient of each row of the table; of rows that are not of the tree, nothing.
    cells: Vec<i64>,
    total: i64,
    free: Vec<Histogram>,
    room: Room,
    threads: usize,
}

/// Features from which on it pays to scan them on several threads: waking one takes as long as scanning a few dozen.
const WIDE: usize = 64;

/// Rows that are packed together.
const CHUNK: usize = 4096;

impl<'a> Grower<'a> {
    pub fn new(table: &'a BinnedTable, bins: &'a [FeatureBins]) -> Self {
        let threads = rayon::current_num_threads().clamp(1, 64);
        let room = Room::new(table, threads);
        Self {
            table,
            bins,
            rows: Rows::default(),
            cells: Vec::new(),
            total: 0,
            free: Vec::new(),
            room,
            threads,
        }
    }

    /// Takes the rows of a tree, ascending; all of them for `None`. `pack` gives the packed gradient of a row.
    pub fn start(&mut self, selected: Option<&[u32]>, pack: impl Fn(u32) -> i64 + Sync) {
        let n = self.table.n_rows();
        self.cells.resize(n, 0);
        match selected {
            Some(rows) => self.rows.rows = rows.to_vec(),
            None => {
                self.rows.rows.resize(n, 0);
                self.rows.rows.iter_mut().zip(0..).for_each(|(row, place)| *row = place);
            }
        }
        let fill = |(chunk, cells): (usize, &mut [i64])| {
            let mut sum = 0i64;
            for (row, cell) in (chunk * CHUNK..).zip(cells) {
                *cell = pack(row as u32);
                sum += *cell;
            }
            sum
        };
        match selected {
            None => self.total = self.cells.par_chunks_mut(CHUNK).enumerate().map(fill).sum(),
            Some(rows) => {
                rows.iter().for_each(|&row| self.cells[row as usize] = pack(row));
                self.total = rows.iter().map(|&row| self.cells[row as usize]).sum();
            }
        }
    }

    /// The rows of a leaf, ascending.
    pub fn rows(&self, leaf: &GrownLeaf) -> &[u32] {
        &self.rows.rows[leaf.rows.clone()]
    }

    /// Grows a tree on the rows that were taken, asking about these features only. `tree` is its number, for what is drawn.
    pub fn grow(
        &mut self,
        parameters: &GrowParameters,
        packing: &Packing,
        features: &[u32],
        tree: u64,
    ) -> Grown {
        let n = self.rows.rows.len();
        let mut splits: Vec<GrownSplit> = Vec::new();
        let root = Open {
            rows: 0..n,
            depth: 0,
            total: self.total,
            histogram: None,
            best: None,
            counted: Vec::new(),
            above: None,
            bounds: [-parameters.max_step, parameters.max_step],
            path: Vec::new(),
            allowed: self.allowed(parameters, features, &[], (tree, 0)),
        };
        let mut leaves = vec![root];
        if parameters.max_leaves > 1 && self.may_split(parameters, &leaves[0]) {
            let mut histogram = self.take();
            let used =
                histogram::build(self.table, &self.rows.rows, &self.cells, &mut histogram, &mut self.room);
            let parts = &self.room.parts[..used];
            histogram.lanes_mut().iter_mut().enumerate().for_each(|(lane, to)| {
                parts.iter().for_each(|part| histogram::add(to, part.lane(lane)));
            });
            leaves[0].best = self.scan_all(parameters, packing, &leaves[0], &histogram, features);
            leaves[0].histogram = Some(histogram);
        }
        while leaves.len() < parameters.max_leaves {
            let Some(place) = next(&leaves, parameters.growth) else { break };
            let Some(best) = leaves[place].best else { break };
            let leaf = leaves[place].rows.clone();
            let (block, lane) = self.table.lane(best.feature as usize);
            let left = self.rows.split(leaf.clone(), block, lane, &best.table(), self.threads);
            let (n_left, n_right) = (left as u64, (leaf.len() - left) as u64);
            let need = parameters.min_rows.max(1);
            if n_left < need || n_right < need {
                if leaves[place].counted.iter().any(|(feature, _)| *feature == best.feature) {
                    // Rows without gradient and Hessian, which no histogram shows.
                    leaves[place].best = None;
                    continue;
                }
                // Where estimates go wrong twice they will go wrong again.
                let again = !leaves[place].counted.is_empty();
                let all = leaves[place].allowed.clone().unwrap_or_else(|| features.to_vec());
                for feature in if again { all } else { vec![best.feature] } {
                    self.count(&mut leaves[place], feature);
                }
                let open = &leaves[place];
                let histogram = open.histogram.as_ref();
                leaves[place].best = histogram
                    .and_then(|histogram| self.scan_all(parameters, packing, open, histogram, features));
                continue;
            }
            self.rows.commit(leaf.clone(), left);
            let split = splits.len();
            if let Some((above, on_left)) = leaves[place].above {
                let child = if on_left { &mut splits[above].left } else { &mut splits[above].right };
                *child = Child::Split(split as u32);
            }
            let right = leaves.len();
            splits.push(GrownSplit {
                feature: best.feature,
                test: best.test,
                missing_left: best.missing_left,
                left: Child::Leaf(place as u32),
                right: Child::Leaf(right as u32),
                extra_l2: best.extra_l2,
            });
            let last = right + 1 == parameters.max_leaves;
            let middle = leaf.start + left;
            let histogram = leaves[place].histogram.take();
            let bounds = bounds_below(parameters, packing, &leaves[place], &best);
            let mut path = Vec::new();
            if !parameters.groups.is_empty() {
                path.clone_from(&leaves[place].path);
                path.push(best.feature);
            }
            let child = |rows: Range<usize>, total: i64, on_left: bool| Open {
                rows,
                depth: leaves[place].depth + 1,
                total,
                histogram: None,
                best: None,
                counted: Vec::new(),
                above: Some((split, on_left)),
                bounds: bounds[usize::from(!on_left)],
                allowed: self.allowed(
                    parameters,
                    features,
                    &path,
                    (tree, 2 * split as u64 + 1 + u64::from(on_left)),
                ),
                path: path.clone(),
            };
            let total = leaves[place].total;
            let mut children = [
                child(leaf.start..middle, best.left, true),
                child(middle..leaf.end, total - best.left, false),
            ];
            if let Some(histogram) = histogram {
                if last || !children.iter().any(|child| self.may_split(parameters, child)) {
                    self.free.push(histogram);
                } else {
                    self.open(parameters, packing, &mut children, histogram, features);
                }
            }
            let [left_child, right_child] = children;
            leaves[place] = left_child;
            leaves.push(right_child);
        }
        let leaves = leaves.into_iter().map(|open| {
            self.free.extend(open.histogram);
            GrownLeaf { rows: open.rows }
        });
        let leaves = leaves.collect();
        Grown { splits, leaves }
    }

    /// Finds the best splits of two children: the smaller one is added up, and taken from the parent, which leaves the other.
    fn open(
        &mut self,
        parameters: &GrowParameters,
        packing: &Packing,
        children: &mut [Open; 2],
        parent: Histogram,
        features: &[u32],
    ) {
        let small = usize::from(children[1].rows.len() < children[0].rows.len());
        let (mut own, mut rest) = (self.take(), parent);
        let range = children[small].rows.clone();
        let rows = &self.rows.rows[range];
        let used = histogram::build(self.table, rows, &self.cells, &mut own, &mut self.room);
        let parts = &self.room.parts[..used];
        let may = [0, 1].map(|child| self.may_split(parameters, &children[child]));
        let (small_leaf, large_leaf) = (&children[small], &children[1 - small]);
        let work = |(feature, (own, rest)): (usize, (&mut Lane, &mut Lane))| {
            parts.iter().for_each(|part| histogram::add(own, part.lane(feature)));
            histogram::subtract(rest, own);
            let scan = |may: bool, leaf: &Open, lane: &Lane| {
                let features = leaf.allowed.as_deref().unwrap_or(features);
                if may && features.binary_search(&(feature as u32)).is_ok() {
                    self.scan(parameters, packing, leaf, lane, feature, None)
                } else {
                    None
                }
            };
            [scan(may[small], small_leaf, own), scan(may[1 - small], large_leaf, rest)]
        };
        let better = |a: [Option<Candidate>; 2], b: [Option<Candidate>; 2]| {
            [Candidate::better(a[0], b[0]), Candidate::better(a[1], b[1])]
        };
        let n_features = self.table.n_features();
        let share = n_features.div_ceil(self.threads).max(1);
        let (own_lanes, rest_lanes) =
            (&mut own.lanes_mut()[..n_features], &mut rest.lanes_mut()[..n_features]);
        let found = if self.threads == 1 || n_features < WIDE {
            own_lanes.iter_mut().zip(rest_lanes).enumerate().map(work).fold([None, None], better)
        } else {
            let lanes = own_lanes.par_iter_mut().zip(rest_lanes).enumerate().with_min_len(share);
            lanes.map(work).reduce(|| [None, None], better)
        };
        for (found, (child, histogram)) in found.into_iter().zip([(small, own), (1 - small, rest)]) {
            children[child].best = found;
            match found {
                Some(_) => children[child].histogram = Some(histogram),
                None => self.free.push(histogram),
            }
        }
    }

    fn scan_all(
        &self,
        parameters: &GrowParameters,
        packing: &Packing,
        leaf: &Open,
        histogram: &Histogram,
        features: &[u32],
    ) -> Option<Candidate> {
        let scan = |&feature: &u32| {
            let counts =
                leaf.counted.iter().find(|(counted, _)| *counted == feature).map(|(_, counts)| &**counts);
            self.scan(parameters, packing, leaf, histogram.lane(feature as usize), feature as usize, counts)
        };
        leaf.allowed.as_deref().unwrap_or(features).iter().map(scan).fold(None, Candidate::better)
    }

    fn scan(
        &self,
        parameters: &GrowParameters,
        packing: &Packing,
        leaf: &Open,
        lane: &Lane,
        feature: usize,
        counts: Option<&Counts>,
    ) -> Option<Candidate> {
        let rows = leaf.rows.len() as u64;
        let scanned = scan::Leaf { packing, parameters, total: leaf.total, rows, bounds: leaf.bounds };
        let bins = &self.bins[feature];
        match bins {
            FeatureBins::Ordered(_) => scanned.best_threshold(feature, lane, bins.len(), counts),
            FeatureBins::Categories(_) => scanned.best_set(feature, lane, bins.len(), counts),
        }
    }

    /// The features that a leaf may be split by, if not all: those that may meet the ones on its path, and of them the ones drawn.
    fn allowed(
        &self,
        parameters: &GrowParameters,
        features: &[u32],
        path: &[u32],
        (tree, leaf): (u64, u64),
    ) -> Option<Vec<u32>> {
        if parameters.groups.is_empty() && parameters.split_share >= 1.0 {
            return None;
        }
        let mut allowed = features.to_vec();
        if !parameters.groups.is_empty() {
            let fits = |group: &&Vec<u32>| path.iter().all(|feature| group.contains(feature));
            let groups: Vec<&Vec<u32>> = parameters.groups.iter().filter(fits).collect();
            allowed.retain(|feature| groups.iter().any(|group| group.contains(feature)));
        }
        let n = draw_size(allowed.len(), parameters.split_share);
        if n < allowed.len() {
            let mut rng = seed::stream(hash_u64(tree, parameters.seed), leaf);
            seed::shuffle(&mut allowed, &mut rng);
            allowed.truncate(n);
            allowed.sort_unstable();
        }
        Some(allowed)
    }

    /// Counts the rows of each bin of a feature in a leaf.
    fn count(&self, leaf: &mut Open, feature: u32) {
        let (block, lane) = self.table.lane(feature as usize);
        let mut counts = Box::new([0; 256]);
        for &row in &self.rows.rows[leaf.rows.clone()] {
            counts[block[row as usize][lane] as usize] += 1;
        }
        leaf.counted.push((feature, counts));
    }

    fn may_split(&self, parameters: &GrowParameters, leaf: &Open) -> bool {
        leaf.depth < parameters.max_depth
            && leaf.rows.len() as u64 >= parameters.min_rows.max(1).saturating_mul(2)
    }

    fn take(&mut self) -> Histogram {
        self.free.pop().unwrap_or_else(|| Histogram::new(self.table))
    }
}

/// How many of n are drawn: the share of them, one at least.
pub(crate) fn draw_size(n: usize, share: f64) -> usize {
    ((n as f64 * share).round() as usize).clamp(1.min(n), n)
}

/// The bounds of both children. Where values must follow a feature, none on one side may pass the middle of both.
fn bounds_below(
    parameters: &GrowParameters,
    packing: &Packing,
    leaf: &Open,
    best: &Candidate,
) -> [[f64; 2]; 2] {
    let Some(&monotone) = parameters.monotone.get(best.feature as usize).filter(|m| **m != 0) else {
        return [leaf.bounds; 2];
    };
    let rows = leaf.rows.len() as u64;
    let scanned = scan::Leaf { packing, parameters, total: leaf.total, rows, bounds: leaf.bounds };
    let values = [best.left, leaf.total - best.left].map(|sum| scanned.value(sum, best.extra_l2));
    divided(leaf.bounds, values, monotone)
}

/// The bounds of two children with these values, where the left one may not be above the right one, or the other way round.
pub(crate) fn divided(bounds: [f64; 2], values: [f64; 2], monotone: i8) -> [[f64; 2]; 2] {
    let middle = 0.5 * values[0] + 0.5 * values[1];
    let (below, above) = ([bounds[0], middle], [middle, bounds[1]]);
    match monotone {
        0 => [bounds; 2],
        1.. => [below, above],
        _ => [above, below],
    }
}

/// The leaf that is split next.
fn next(leaves: &[Open], growth: Growth) -> Option<usize> {
    let before = |a: &(usize, usize, f64), b: &(usize, usize, f64)| {
        let by_depth = match growth {
            Growth::LeafWise => std::cmp::Ordering::Equal,
            Growth::DepthWise => a.1.cmp(&b.1),
        };
        // The largest gain, and the first of equals.
        by_depth.then(b.2.total_cmp(&a.2)).then(a.0.cmp(&b.0))
    };
    let open =
        leaves.iter().enumerate().filter_map(|(place, leaf)| Some((place, leaf.depth, leaf.best?.gain)));
    open.min_by(before).map(|(place, ..)| place)
}

//! Leaves of a tree that grows, and how one is split in two.

use std::ops::Range;

use mlsys_core::hash::hash_u64;
use mlsys_core::seed;
use rayon::prelude::*;

use super::GrowParameters;
use super::histogram::{self, Histogram, Lane, Spare};
use super::packing::Packing;
use super::partition::{self, Rule};
use super::scan::{self, Candidate, Counts, Room};
use crate::trees::bins::{BinnedTable, FeatureBins, LANES};

/// A leaf that may be split.
pub(super) struct Open {
    pub rows: Range<usize>,
    pub depth: usize,
    /// The packed sum of its rows.
    total: i64,
    pub histogram: Option<Histogram>,
    pub best: Option<Candidate>,
    /// The exact rows of each bin, of features where an estimate went wrong.
    counted: Vec<(u32, Box<Counts>)>,
    /// The split above, and whether it is on its left.
    pub above: Option<(usize, bool)>,
    /// The values that it and all below it may have.
    bounds: [f64; 2],
    /// The features on the way here, where it matters.
    path: Vec<u32>,
    /// The features that it may be split by, if not all that there are.
    allowed: Option<Vec<u32>>,
    /// The way here, as a number, for what is drawn.
    way: u64,
}

/// What all leaves of a tree are split by.
pub(super) struct Task<'a> {
    pub table: &'a BinnedTable,
    pub bins: &'a [FeatureBins],
    /// The packed gradients of all rows of the table.
    pub cells: &'a [i64],
    pub spare: &'a Spare<'a>,
    pub parameters: &'a GrowParameters,
    pub packing: &'a Packing,
    /// The features that the tree may ask about.
    pub features: &'a [u32],
    pub threads: usize,
}

/// Rows times features from which on it pays to ask other threads, where a histogram takes as long to scan as so many rows to add up.
const PARALLEL: usize = 1 << 13;
const ROWS_OF_SCAN: usize = 500;

/// With as many features for each thread, they are what threads divide; with fewer, rows.
const FEATURES_OF_THREAD: usize = 4;

/// Rows from which on threads divide them, although there are features enough.
const ROWS_OF_THREADS: usize = 2048;

/// Features from which on there are more shares than threads, for those that are late.
const WIDE: usize = 256;

impl Task<'_> {
    /// A leaf of all rows.
    pub fn root(&self, rows: &[u32], tree: u64) -> Open {
        let way = hash_u64(tree, self.parameters.seed);
        let mut root = Open {
            rows: 0..rows.len(),
            depth: 0,
            total: 0,
            histogram: None,
            best: None,
            counted: Vec::new(),
            above: None,
            bounds: [-self.parameters.max_step, self.parameters.max_step],
            path: Vec::new(),
            allowed: self.allowed(&[], way),
            way,
        };
        if self.parameters.max_leaves > 1 && self.may_split(&root) {
            let histogram = self.of_root(rows);
            root.total = histogram.total(self.table);
            root.best = self.scan_all(&root, &histogram);
            root.histogram = Some(histogram);
        }
        root
    }

    /// The histogram of the first leaf.
    fn of_root(&self, rows: &[u32]) -> Histogram {
        let mut histogram = self.spare.take();
        let n_features = self.table.n_features();
        if n_features >= LANES * self.threads {
            let share = n_features.div_ceil(self.threads);
            let shares = histogram.lanes_mut(n_features).par_chunks_mut(share).enumerate();
            shares.for_each(|(place, own)| histogram::fill(own, place * share, self.table, rows, self.cells));
            return histogram;
        }
        let parts = histogram::build(&mut histogram, self.spare, rows, self.cells, self.threads);
        for (feature, own) in histogram.lanes_mut(n_features).iter_mut().enumerate() {
            let own = &mut own[..self.table.n_bins(feature)];
            parts.iter().for_each(|part| histogram::add(own, &part.lane(feature)[..own.len()]));
        }
        self.spare.give(parts);
        histogram
    }

    /// The two leaves that come of a leaf by its best split, with their own best splits, unless it is the `last` of the tree. Nothing
    /// where the split leaves too few rows on a side: these are counted, and the leaf has another best split then, if any. `rows` are the
    /// leaf's, and `places` as many.
    pub fn split(
        &self,
        leaf: &mut Open,
        rows: &mut [u32],
        places: &mut [u32],
        last: bool,
    ) -> Option<[Open; 2]> {
        let best = leaf.best?;
        let (block, lane) = self.table.lane(best.feature as usize);
        let rule = Rule { block, lane, goes_left: best.table() };
        let left = partition::split(rows, places, &rule, self.threads);
        let need = self.parameters.min_rows.max(1);
        if (left as u64) < need || ((rows.len() - left) as u64) < need {
            partition::join(rows, places, left);
            leaf.best = self.best_when_counted(leaf, &best, rows);
            return None;
        }
        let mut children = self.children(leaf, &best, left);
        let may = [0, 1].map(|child| !last && self.may_split(&children[child]));
        match leaf.histogram.take() {
            Some(histogram) if may != [false; 2] => {
                let (left_rows, right_rows) = rows.split_at(left);
                self.open(&mut children, [left_rows, right_rows], may, histogram);
            }
            unused => self.spare.give(unused),
        }
        Some(children)
    }

    /// Another best split of a leaf whose estimates of rows went wrong for this one.
    fn best_when_counted(&self, leaf: &mut Open, best: &Candidate, rows: &[u32]) -> Option<Candidate> {
        if leaf.counted.iter().any(|(feature, _)| *feature == best.feature) {
            // Rows without gradient and Hessian, which no histogram shows.
            return None;
        }
        // Where estimates go wrong twice they will go wrong again.
        let again = !leaf.counted.is_empty();
        let all = leaf.allowed.as_deref().unwrap_or(self.features);
        let counted = if again { all } else { &[best.feature] };
        let counted = counted.iter().map(|&feature| (feature, self.count(rows, feature)));
        leaf.counted.extend(counted.collect::<Vec<_>>());
        self.scan_all(leaf, leaf.histogram.as_ref()?)
    }

    /// The two leaves below, of which nothing is known yet.
    fn children(&self, leaf: &Open, best: &Candidate, left: usize) -> [Open; 2] {
        let bounds = self.bounds_below(leaf, best);
        let mut path = Vec::new();
        if !self.parameters.groups.is_empty() {
            path.clone_from(&leaf.path);
            path.push(best.feature);
        }
        let middle = leaf.rows.start + left;
        let child = |side: usize, rows: Range<usize>, total: i64| {
            let way = hash_u64(leaf.way, side as u64);
            Open {
                rows,
                depth: leaf.depth + 1,
                total,
                histogram: None,
                best: None,
                counted: Vec::new(),
                above: None,
                bounds: bounds[side],
                allowed: self.allowed(&path, way),
                path: path.clone(),
                way,
            }
        };
        [
            child(0, leaf.rows.start..middle, best.left),
            child(1, middle..leaf.rows.end, leaf.total - best.left),
        ]
    }

    /// Finds the best splits of two children: the smaller one is added up, and taken from the parent, which leaves the other.
    fn open(&self, children: &mut [Open; 2], rows: [&[u32]; 2], may: [bool; 2], parent: Histogram) {
        let small = usize::from(rows[1].len() < rows[0].len());
        let large = 1 - small;
        let (mut own, mut rest) = (self.spare.take(), parent);
        let n_features = self.table.n_features();
        let better = |a: [Option<Candidate>; 2], b: [Option<Candidate>; 2]| {
            [Candidate::better(a[0], b[0]), Candidate::better(a[1], b[1])]
        };
        let rows = rows[small];
        let shares = match (rows.len() + ROWS_OF_SCAN) * n_features < PARALLEL {
            true => 1,
            false => self.threads.min(n_features / FEATURES_OF_THREAD).max(1),
        };
        // Many rows are divided among threads, so that each is looked up once; else each thread does all there is to do of its features.
        let by_rows = match shares {
            1 => rows.len() * n_features >= PARALLEL,
            _ => rows.len() >= ROWS_OF_THREADS && n_features < LANES * self.threads,
        } && self.threads > 1;
        let parts = match by_rows {
            true => histogram::build(&mut own, self.spare, rows, self.cells, self.threads),
            false => Vec::new(),
        };
        let of_features = |(first, (own, rest)): (usize, (&mut [Lane], &mut [Lane]))| {
            if !by_rows {
                histogram::fill(own, first, self.table, rows, self.cells);
            }
            let room = &mut Room::new();
            let mut found = [None, None];
            for (feature, (own, rest)) in (first..).zip(own.iter_mut().zip(rest)) {
                let n_bins = self.table.n_bins(feature);
                parts
                    .iter()
                    .for_each(|part| histogram::add(&mut own[..n_bins], &part.lane(feature)[..n_bins]));
                histogram::subtract(&mut rest[..n_bins], &own[..n_bins]);
                let mut scan = |child: usize, lane: &Lane| {
                    let leaf = &children[child];
                    let features = leaf.allowed.as_deref().unwrap_or(self.features);
                    let asked = may[child] && features.binary_search(&(feature as u32)).is_ok();
                    asked.then(|| self.scan(leaf, lane, feature, None, room)).flatten()
                };
                found = better(found, [scan(small, own), scan(large, rest)]);
            }
            found
        };
        let (own_lanes, rest_lanes) = (own.lanes_mut(n_features), rest.lanes_mut(n_features));
        let found = if shares == 1 {
            of_features((0, (own_lanes, rest_lanes)))
        } else {
            let share = n_features.div_ceil(shares * if n_features < WIDE { 1 } else { 4 });
            let shares = own_lanes.par_chunks_mut(share).zip(rest_lanes.par_chunks_mut(share)).enumerate();
            let shares = shares.with_max_len(1).map(|(place, lanes)| of_features((place * share, lanes)));
            shares.reduce(|| [None, None], better)
        };
        self.spare.give(parts);
        for (found, (child, histogram)) in found.into_iter().zip([(small, own), (large, rest)]) {
            children[child].best = found;
            match found {
                Some(_) => children[child].histogram = Some(histogram),
                None => self.spare.give([histogram]),
            }
        }
    }

    fn scan_all(&self, leaf: &Open, histogram: &Histogram) -> Option<Candidate> {
        let mut room = Room::new();
        let scan = |&feature: &u32| {
            let counts =
                leaf.counted.iter().find(|(counted, _)| *counted == feature).map(|(_, counts)| &**counts);
            self.scan(leaf, histogram.lane(feature as usize), feature as usize, counts, &mut room)
        };
        leaf.allowed.as_deref().unwrap_or(self.features).iter().map(scan).fold(None, Candidate::better)
    }

    fn scan(
        &self,
        leaf: &Open,
        lane: &Lane,
        feature: usize,
        counts: Option<&Counts>,
        room: &mut Room,
    ) -> Option<Candidate> {
        let scanned = self.scanned(leaf);
        let bins = &self.bins[feature];
        match bins {
            FeatureBins::Ordered(_) => scanned.best_threshold(feature, lane, bins.len(), counts, room),
            FeatureBins::Categories(_) => scanned.best_set(feature, lane, bins.len(), counts),
        }
    }

    fn scanned(&self, leaf: &Open) -> scan::Leaf<'_> {
        scan::Leaf {
            packing: self.packing,
            parameters: self.parameters,
            total: leaf.total,
            rows: leaf.rows.len() as u64,
            bounds: leaf.bounds,
        }
    }

    /// The features that a leaf may be split by, if not all: those that may meet the ones on its path, and of them the ones drawn.
    fn allowed(&self, path: &[u32], way: u64) -> Option<Vec<u32>> {
        let parameters = self.parameters;
        if parameters.groups.is_empty() && parameters.split_share >= 1.0 {
            return None;
        }
        let mut allowed = self.features.to_vec();
        if !parameters.groups.is_empty() {
            let fits = |group: &&Vec<u32>| path.iter().all(|feature| group.contains(feature));
            let groups: Vec<&Vec<u32>> = parameters.groups.iter().filter(fits).collect();
            allowed.retain(|feature| groups.iter().any(|group| group.contains(feature)));
        }
        let n = draw_size(allowed.len(), parameters.split_share);
        if n < allowed.len() {
            seed::shuffle(&mut allowed, &mut seed::stream(way, 0));
            allowed.truncate(n);
            allowed.sort_unstable();
        }
        Some(allowed)
    }

    /// The rows of each bin of a feature.
    fn count(&self, rows: &[u32], feature: u32) -> Box<Counts> {
        let (block, lane) = self.table.lane(feature as usize);
        let mut counts = Box::new([0; 256]);
        for &row in rows {
            counts[block.bin(row, lane) as usize] += 1;
        }
        counts
    }

    fn may_split(&self, leaf: &Open) -> bool {
        leaf.depth < self.parameters.max_depth
            && leaf.rows.len() as u64 >= self.parameters.min_rows.max(1).saturating_mul(2)
    }

    /// The bounds of both children. Where values must follow a feature, none on one side may pass the middle of both.
    fn bounds_below(&self, leaf: &Open, best: &Candidate) -> [[f64; 2]; 2] {
        let monotone = self.parameters.monotone.get(best.feature as usize);
        let Some(&monotone) = monotone.filter(|monotone| **monotone != 0) else {
            return [leaf.bounds; 2];
        };
        let scanned = self.scanned(leaf);
        let values = [best.left, leaf.total - best.left].map(|sum| scanned.value(sum, best.extra_l2));
        divided(leaf.bounds, values, monotone)
    }
}

/// How many of n are drawn: the share of them, one at least.
pub(crate) fn draw_size(n: usize, share: f64) -> usize {
    ((n as f64 * share).round() as usize).clamp(1.min(n), n)
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

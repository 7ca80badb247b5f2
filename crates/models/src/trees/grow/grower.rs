//! The order of splits: from one leaf of all rows to a tree.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::histogram::Spare;
use super::leaf::{Open, Task, When};
use super::packing::Packing;
use super::scan::BinTest;
use super::{GrowParameters, Growth, partition};
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

/// A leaf of a tree that grew: where its rows are in [`Grower::rows`], ascending.
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

/// Grows one tree after another; keeps the memory for it.
pub(crate) struct Grower<'a> {
    table: &'a BinnedTable,
    bins: &'a [FeatureBins],
    rows: Vec<u32>,
    /// As many places as there are rows.
    places: Vec<u32>,
    /// The packed gradient of each row of the table; of rows that are not of the tree, nothing.
    cells: Vec<i64>,
    spare: Spare<'a>,
    threads: usize,
}

/// When a leaf is split.
struct Turn {
    depth: usize,
    gain: f64,
    leaf: usize,
}

impl<'a> Grower<'a> {
    pub fn new(table: &'a BinnedTable, bins: &'a [FeatureBins]) -> Self {
        Self {
            table,
            bins,
            rows: Vec::new(),
            places: Vec::new(),
            cells: vec![0; table.n_rows()],
            spare: Spare::new(table),
            threads: rayon::current_num_threads().clamp(1, 64),
        }
    }

    /// The packed gradient of each row of the table, to be written before a tree grows: of its rows at least. And the rows of the last tree.
    pub fn cells_mut(&mut self) -> (&mut [i64], &[u32]) {
        (&mut self.cells, &self.rows)
    }

    /// The rows of the last tree, leaf by leaf; those of a leaf ascend.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// Grows a tree on rows, ascending, or on all, asking about these features only. `tree` is its number, for what is drawn.
    ///
    /// The next leaf is always the best one, but those that come soon after are split at the same time, on other threads. If it turns out
    /// that another comes before them until there are enough, nothing is left of that.
    pub fn grow(
        &mut self,
        parameters: &GrowParameters,
        packing: &Packing,
        selected: Option<&[u32]>,
        features: &[u32],
        tree: u64,
    ) -> Grown {
        self.rows.clear();
        match selected {
            Some(rows) => self.rows.extend_from_slice(rows),
            None => self.rows.extend(0..self.table.n_rows() as u32),
        }
        self.places.resize(self.rows.len(), 0);
        let task = Task {
            table: self.table,
            bins: self.bins,
            cells: &self.cells,
            spare: &self.spare,
            parameters,
            packing,
            features,
            threads: self.threads,
        };
        let mut leaves = vec![task.root(&self.rows, tree)];
        let mut splits: Vec<GrownSplit> = Vec::new();
        let mut turns: BinaryHeap<Turn> = Turn::new(&leaves, 0, parameters.growth).into_iter().collect();
        while leaves.len() < parameters.max_leaves
            && let Some(turn) = turns.pop()
        {
            let place = turn.leaf;
            let Some(ahead) = leaves[place].ahead.take() else {
                let left = parameters.max_leaves - leaves.len();
                let round = next(turn, &mut turns, &leaves, if self.threads == 1 { 1 } else { left / 2 });
                split_all(&task, &mut leaves, &round, (&mut self.rows, &mut self.places), left == 1);
                turns.extend(round.iter().filter_map(|&leaf| Turn::new(&leaves, leaf, parameters.growth)));
                continue;
            };
            let Some(best) = leaves[place].best else { continue };
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
            let [mut left_child, mut right_child] = *ahead;
            left_child.above = Some((split, true));
            right_child.above = Some((split, false));
            leaves[place] = left_child;
            leaves.push(right_child);
            turns.extend(
                [place, right].iter().filter_map(|&leaf| Turn::new(&leaves, leaf, parameters.growth)),
            );
        }
        let close = |mut leaf: Open| {
            if let Some(ahead) = leaf.ahead.take() {
                let range = leaf.rows.clone();
                partition::join(&mut self.rows[range.clone()], &mut self.places[range], ahead[0].rows.len());
                self.spare.give(ahead.into_iter().filter_map(|child| child.histogram));
            }
            self.spare.give(leaf.histogram);
            GrownLeaf { rows: leaf.rows }
        };
        Grown { splits, leaves: leaves.into_iter().map(close).collect() }
    }
}

/// The leaves that are split together: the one whose turn it is, and up to `width` in all of those after it that are not split yet.
fn next(turn: Turn, turns: &mut BinaryHeap<Turn>, leaves: &[Open], width: usize) -> Vec<usize> {
    let mut round = vec![turn.leaf];
    let mut passed = Vec::new();
    while round.len() < width
        && let Some(turn) = turns.pop()
    {
        let leaf = &leaves[turn.leaf];
        if leaf.ahead.is_some() || leaf.waits {
            passed.push(turn);
        } else {
            round.push(turn.leaf);
        }
    }
    turns.extend(passed);
    round
}

/// Splits leaves, the largest first, each on whichever thread is free. It is the turn of the first one, and its `last`, if nothing will be
/// split after it.
fn split_all(
    task: &Task<'_>,
    leaves: &mut [Open],
    round: &[usize],
    (mut rows, mut places): (&mut [u32], &mut [u32]),
    last: bool,
) {
    let Some((&first, others)) = round.split_first() else { return };
    let now = if last { When::Last } else { When::Now };
    if others.is_empty() {
        let range = leaves[first].rows.clone();
        task.split(&mut leaves[first], &mut rows[range.clone()], &mut places[range], now);
        return;
    }
    let own = leaves.iter_mut().enumerate().filter(|(leaf, _)| round.contains(leaf));
    let mut own: Vec<(When, &mut Open)> =
        own.map(|(place, leaf)| (if place == first { now } else { When::Ahead }, leaf)).collect();
    own.sort_by_key(|(_, leaf)| leaf.rows.start);
    let mut work = Vec::with_capacity(own.len());
    let mut start = 0;
    for (when, leaf) in own {
        let [own_rows, own_places] = [&mut rows, &mut places].map(|all| {
            let _ = all.split_off_mut(..leaf.rows.start - start);
            all.split_off_mut(..leaf.rows.len()).unwrap_or_default()
        });
        start = leaf.rows.end;
        work.push((when, leaf, own_rows, own_places));
    }
    work.sort_by_key(|(_, leaf, ..)| leaf.rows.len());
    let n = work.len().min(task.threads);
    let work = Mutex::new(work);
    let one = || work.lock().unwrap_or_else(PoisonError::into_inner).pop();
    (0..n).into_par_iter().with_max_len(1).for_each(|_| {
        while let Some((when, leaf, rows, places)) = one() {
            task.split(leaf, rows, places, when);
        }
    });
}

impl Turn {
    fn new(leaves: &[Open], leaf: usize, growth: Growth) -> Option<Self> {
        let depth = match growth {
            Growth::LeafWise => 0,
            Growth::DepthWise => leaves[leaf].depth,
        };
        leaves[leaf].best.map(|best| Self { depth, gain: best.gain, leaf })
    }
}

/// The later the turn, the smaller: by depth, where it counts, then the largest gain first, and of equals the first leaf.
impl Ord for Turn {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_depth = other.depth.cmp(&self.depth);
        by_depth.then(self.gain.total_cmp(&other.gain)).then(other.leaf.cmp(&self.leaf))
    }
}

impl PartialOrd for Turn {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Turn {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Turn {}

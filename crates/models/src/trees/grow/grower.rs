//! The order of splits: from one leaf of all rows to a tree.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::histogram::Spare;
use super::leaf::{Open, Task};
use super::packing::Packing;
use super::scan::BinTest;
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
    /// The packed gradient of each row of the table; of rows that are not of the tree, anything.
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
            let range = leaves[place].rows.clone();
            let (rows, places) = (&mut self.rows[range.clone()], &mut self.places[range]);
            let last = leaves.len() + 1 == parameters.max_leaves;
            let Some(children) = task.split(&mut leaves[place], rows, places, last) else {
                turns.extend(Turn::new(&leaves, place, parameters.growth));
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
            let [mut left_child, mut right_child] = children;
            left_child.above = Some((split, true));
            right_child.above = Some((split, false));
            leaves[place] = left_child;
            leaves.push(right_child);
            turns.extend(
                [place, right].iter().filter_map(|&leaf| Turn::new(&leaves, leaf, parameters.growth)),
            );
        }
        let close = |leaf: Open| {
            self.spare.give(leaf.histogram);
            GrownLeaf { rows: leaf.rows }
        };
        Grown { splits, leaves: leaves.into_iter().map(close).collect() }
    }
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

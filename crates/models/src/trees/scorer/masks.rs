//! Leaves by bit masks: QuickScorer, by bin.

use std::collections::BTreeMap;

use super::bins::{Left, RowBins};
use crate::trees::ensemble::TreeEnsemble;
use crate::trees::tree::{Child, Split, Tree};

/// A set of the leaves of one tree.
pub(super) trait Mask:
    Copy + Ord + Send + Sync + std::ops::BitAndAssign + std::ops::Not<Output = Self>
{
    const ALL: Self;
    const BITS: usize;
    fn of(bits: u64) -> Self;
    fn first(self) -> usize;
}

impl Mask for u32 {
    const ALL: Self = u32::MAX;
    const BITS: usize = 32;
    fn of(bits: u64) -> Self {
        bits as u32
    }
    #[inline]
    fn first(self) -> usize {
        // The bit keeps the answer below 32, which spares a check.
        (self | 1 << 31).trailing_zeros() as usize
    }
}

impl Mask for u64 {
    const ALL: Self = u64::MAX;
    const BITS: usize = 64;
    fn of(bits: u64) -> Self {
        bits
    }
    #[inline]
    fn first(self) -> usize {
        (self | 1 << 63).trailing_zeros() as usize
    }
}

/// The masks of as many trees as fill a line of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(align(64))]
struct Line<M, const N: usize>([M; N]);

/// Leaves of the trees of a tile: 16 trees of 32, or 8 of 64.
const LEAVES: usize = 512;

/// Trees whose masks lie together.
#[derive(Debug, Clone)]
struct Tile<M, const N: usize> {
    /// The features that these trees ask about.
    lanes: Vec<u32>,
    /// The leaves that a row can still reach, for each set of bins of a feature that these trees do not tell apart.
    lines: Vec<Line<M, N>>,
    /// The leaf at each place from left to right, tree by tree.
    leaves: [u8; LEAVES],
    /// Its first value; of places without a leaf, what changes no sum.
    values: [f64; LEAVES],
}

/// For each tile of trees, feature and bin: the leaves of each tree that a row with this bin can still reach.
#[derive(Debug, Clone)]
pub(super) struct Masks<M, const N: usize> {
    tiles: Vec<Tile<M, N>>,
    /// The line of each bin of all features in each tile.
    lines: Vec<u16>,
}

/// Bytes of a table at most.
const LARGEST: usize = 1 << 25;

/// How often it is asked at most whether a bin goes left, to prepare a table.
const MOST_WORK: usize = 1 << 25;

impl<M: Mask, const N: usize> Masks<M, N> {
    /// `None` when the table would be too large, or take too long. Numbers the bins as it needs them.
    pub fn new(ensemble: &TreeEnsemble, bins: &mut RowBins) -> Option<Self> {
        let n_tiles = ensemble.trees().len().div_ceil(N);
        let n_bins = bins.lanes().iter().map(|lane| lane.n_bins() as usize).sum::<usize>();
        let size = n_bins.checked_mul(n_tiles).filter(|size| *size <= LARGEST / size_of::<u16>())?;
        bins.number(n_tiles as u32);
        let mut masks = Self { tiles: Vec::with_capacity(n_tiles), lines: vec![0; size] };
        let (mut work, mut n_lines) = (0, 0);
        for (number, trees) in ensemble.trees().chunks(N).enumerate() {
            let (mut tile, mut splits) = Tile::new(trees);
            splits.sort_by_key(|ask| bins.lane_of(ask.split));
            for asks in splits.chunk_by(|a, b| bins.lane_of(a.split) == bins.lane_of(b.split)) {
                let place = bins.lane_of(asks[0].split);
                let lane = &bins.lanes()[place];
                tile.lanes.push(place as u32);
                let left: Vec<Left> = asks.iter().map(|ask| lane.left_of(ask.split)).collect();
                let begins = begins(&left, lane.n_bins());
                work += left.len() * begins.len();
                if work > MOST_WORK {
                    return None;
                }
                let mut known = BTreeMap::new();
                for (i, &begin) in begins.iter().enumerate() {
                    let mut line = Line([M::ALL; N]);
                    for (ask, _) in asks.iter().zip(&left).filter(|(_, left)| !left.has(begin)) {
                        // A row that goes right can reach none of the leaves on the left.
                        line.0[ask.tree] &= !M::of(ask.left);
                    }
                    let at = *known.entry(line).or_insert_with(|| {
                        tile.lines.push(line);
                        tile.lines.len() - 1
                    });
                    let end = begins.get(i + 1).copied().unwrap_or(lane.n_bins());
                    for bin in begin..end {
                        masks.lines[bins.number_of(lane, bin) as usize + number] = u16::try_from(at).ok()?;
                    }
                }
            }
            n_lines += tile.lines.len();
            if n_lines > LARGEST / size_of::<Line<M, N>>() {
                return None;
            }
            masks.tiles.push(tile);
        }
        Some(masks)
    }

    /// The leaf of each row in each tree, row by row.
    pub fn leaves(&self, bins: &[u32], n_trees: usize, leaves: &mut [u32]) {
        self.by_tile(bins, n_trees, leaves, |first, tile, leaves, reached| {
            let own = leaves[first..].iter_mut();
            own.zip(reached).for_each(|(leaf, place)| *leaf = u32::from(tile.leaves[place]));
        });
    }

    /// Adds the values of the trees to each row's outputs, row by row.
    pub fn add(&self, ensemble: &TreeEnsemble, bins: &[u32], sums: &mut [f64]) {
        let n_trees = ensemble.trees().len();
        self.by_tile(bins, ensemble.n_outputs(), sums, |first, tile, sums, reached| match sums {
            [sum] => *sum = reached.iter().fold(*sum, |sum, &place| sum + tile.values[place]),
            sums => (first..n_trees)
                .zip(reached)
                .for_each(|(tree, place)| ensemble.add_leaf(tree, tile.leaves[place] as usize, sums)),
        });
    }

    /// A tile of trees goes over all rows, so that its masks stay in cache: hands over the number of its first tree, what there is of a row,
    /// and the places of the leaves it comes to.
    #[inline]
    fn by_tile<T>(
        &self,
        bins: &[u32],
        width: usize,
        all: &mut [T],
        each: impl Fn(usize, &Tile<M, N>, &mut [T], [usize; N]),
    ) {
        let rows = all.len() / width.max(1);
        let lanes = bins.len() / rows.max(1);
        for (number, tile) in self.tiles.iter().enumerate() {
            let lines = self.lines.get(number..).unwrap_or_default();
            for (row, own) in all.chunks_exact_mut(width).enumerate() {
                each(number * N, tile, own, tile.reached(&bins[row * lanes..][..lanes], lines));
            }
        }
    }
}

/// A split, its tree within a tile, and the leaves on its left.
struct Ask<'a> {
    split: &'a Split,
    tree: usize,
    left: u64,
}

impl<M: Mask, const N: usize> Tile<M, N> {
    fn new(trees: &[Tree]) -> (Self, Vec<Ask<'_>>) {
        let (leaves, values) = ([0; LEAVES], [-0.0; LEAVES]);
        let mut tile = Self { lanes: Vec::new(), lines: Vec::new(), leaves, values };
        let mut splits = Vec::new();
        for (place, tree) in trees.iter().enumerate() {
            let (left, order) = from_left_to_right(tree);
            splits.extend(tree.splits().iter().zip(left).map(|(split, left)| Ask {
                split,
                tree: place,
                left,
            }));
            for (at, leaf) in (place * M::BITS..).zip(order) {
                tile.leaves[at] = leaf as u8;
                tile.values[at] = tree.values(leaf as usize)[0];
            }
        }
        (tile, splits)
    }

    /// The places of the leaves that a row comes to.
    #[inline]
    fn reached(&self, bins: &[u32], lines: &[u16]) -> [usize; N] {
        let mut joined = Line([M::ALL; N]);
        self.join(bins, lines, &mut joined);
        std::array::from_fn(|tree| tree * M::BITS + joined.0[tree].first())
    }

    /// What is left of a row's leaves. Not inlined: masks that leave by memory stay in wide registers within.
    #[inline(never)]
    fn join(&self, bins: &[u32], lines: &[u16], all: &mut Line<M, N>) {
        let mut joined = [M::ALL; N];
        for &lane in &self.lanes {
            let line = self.lines[lines[bins[lane as usize] as usize] as usize];
            joined.iter_mut().zip(line.0).for_each(|(mask, own)| *mask &= own);
        }
        all.0 = joined;
    }
}

/// Where runs of bins begin that no split tells apart.
fn begins(left: &[Left], n_bins: u32) -> Vec<u32> {
    let mut begins = vec![0];
    for left in left {
        match left {
            Left::Range(first, end) => begins.extend([*first, *end]),
            Left::Set(_) => return (0..n_bins).collect(),
        }
    }
    begins.sort_unstable();
    begins.dedup();
    begins.retain(|begin| *begin < n_bins);
    begins
}

/// For each split the leaves on its left, as bits by their places from left to right; and the leaf at each place.
fn from_left_to_right(tree: &Tree) -> (Vec<u64>, Vec<u32>) {
    let mut leaves = Vec::with_capacity(tree.n_leaves());
    let mut left_of = vec![0u64; tree.splits().len()];
    // Each split is met before its left side, and between its sides.
    let mut open = vec![(tree.root(), None::<(u32, usize)>)];
    while let Some((child, between)) = open.pop() {
        if let Some((split, first)) = between {
            let upto = |n: usize| if n >= 64 { u64::MAX } else { (1u64 << n) - 1 };
            left_of[split as usize] = upto(leaves.len()) & !upto(first);
        }
        match child {
            Child::Leaf(leaf) => leaves.push(leaf),
            Child::Split(i) => {
                let split = &tree.splits()[i as usize];
                open.push((split.right, Some((i, leaves.len()))));
                open.push((split.left, None));
            }
        }
    }
    (left_of, leaves)
}

//! Leaves by bit masks: QuickScorer, by bin.

use super::bins::RowBins;
use crate::trees::ensemble::TreeEnsemble;
use crate::trees::tree::{Child, Tree};

/// A set of the leaves of one tree.
pub(super) trait Mask:
    Copy + Send + Sync + std::ops::BitAnd<Output = Self> + std::ops::BitAndAssign + std::ops::Not<Output = Self>
{
    const ALL: Self;
    fn of(bits: u64) -> Self;
    fn first(self) -> usize;
}

impl Mask for u32 {
    const ALL: Self = u32::MAX;
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
    fn of(bits: u64) -> Self {
        bits
    }
    #[inline]
    fn first(self) -> usize {
        (self | 1 << 63).trailing_zeros() as usize
    }
}

/// Trees whose masks lie together.
const TREES: usize = 16;

/// For each tile of trees, feature and bin: the leaves of each tree that a row with this bin can still reach.
#[derive(Debug, Clone)]
pub(super) struct Masks<M> {
    /// Tile by tile, feature by feature, bin by bin.
    table: Vec<[M; TREES]>,
    /// Where the bins of a feature begin within a tile.
    starts: Vec<usize>,
    /// The bins of all features.
    tile: usize,
    n_trees: usize,
    /// The leaf at each place from left to right, 64 for each tree.
    order: Vec<[u8; 64]>,
}

/// Bytes of a table at most.
const LARGEST: usize = 1 << 28;

impl<M: Mask> Masks<M> {
    /// `None` when the table would be too large.
    pub fn new(ensemble: &TreeEnsemble, bins: &RowBins) -> Option<Self> {
        let trees = ensemble.trees();
        let mut starts = Vec::with_capacity(bins.n_used());
        let mut tile = 0;
        for feature in bins.features() {
            starts.push(tile);
            tile += feature.kind.n_bins();
        }
        let tiles = trees.len().div_ceil(TREES);
        if tiles * tile * std::mem::size_of::<[M; TREES]>() > LARGEST {
            return None;
        }
        let mut lane_of = vec![usize::MAX; ensemble.features().len()];
        bins.features().iter().enumerate().for_each(|(lane, feature)| lane_of[feature.place] = lane);
        let mut table = vec![[M::ALL; TREES]; tiles * tile];
        let mut order = Vec::with_capacity(trees.len());
        for (place, tree) in trees.iter().enumerate() {
            let (left_of, leaves) = from_left_to_right(tree);
            order.push(leaves);
            for (split, left) in tree.splits().iter().zip(left_of) {
                let lane = lane_of[split.feature as usize];
                let kind = &bins.features()[lane].kind;
                for bin in 0..kind.n_bins() {
                    // A row that goes right can reach none of the leaves on the left.
                    if !split.goes_left(kind.value_in(bin)) {
                        let masks = &mut table[place / TREES * tile + starts[lane] + bin];
                        masks[place % TREES] &= !M::of(left);
                    }
                }
            }
        }
        Some(Self { table, starts, tile, n_trees: trees.len(), order })
    }

    /// The leaf of one row in each tree.
    pub fn leaves(&self, bins: &[u16], leaves: &mut [u32]) {
        if self.tile == 0 {
            leaves.fill(0);
            return;
        }
        let tiles = self.table.chunks_exact(self.tile);
        for ((tile, leaves), order) in tiles.zip(leaves.chunks_mut(TREES)).zip(self.order.chunks(TREES)) {
            self.tile_leaves(tile, bins, leaves, order);
        }
    }

    /// The leaves of many rows, row by row. A tile of trees goes over all rows, so that its masks stay in cache.
    pub fn leaves_of_block(&self, bins: &[u16], leaves: &mut [u32]) {
        let width = self.starts.len();
        if self.tile == 0 || width == 0 {
            leaves.fill(0);
            return;
        }
        for (place, (tile, order)) in
            self.table.chunks_exact(self.tile).zip(self.order.chunks(TREES)).enumerate()
        {
            for (bins, leaves) in bins.chunks_exact(width).zip(leaves.chunks_exact_mut(self.n_trees)) {
                let end = leaves.len().min((place + 1) * TREES);
                self.tile_leaves(tile, bins, &mut leaves[place * TREES..end], order);
            }
        }
    }

    #[inline]
    fn tile_leaves(&self, tile: &[[M; TREES]], bins: &[u16], leaves: &mut [u32], order: &[[u8; 64]]) {
        let mut alive = [M::ALL; TREES];
        for (&start, &bin) in self.starts.iter().zip(bins) {
            let masks = &tile[start + bin as usize];
            for (alive, &mask) in alive.iter_mut().zip(masks) {
                *alive &= mask;
            }
        }
        for ((leaf, alive), order) in leaves.iter_mut().zip(alive).zip(order) {
            *leaf = u32::from(order[alive.first()]);
        }
    }
}

/// For each split the leaves on its left, as bits by their places from left to right; and the leaf at each place.
fn from_left_to_right(tree: &Tree) -> (Vec<u64>, [u8; 64]) {
    let mut leaves = [0u8; 64];
    let mut left_of = vec![0u64; tree.splits().len()];
    let mut n = 0usize;
    // Each split is met before its left side, and between its sides.
    let mut open = vec![(tree.root(), None::<(usize, usize)>)];
    while let Some((child, between)) = open.pop() {
        if let Some((split, first)) = between {
            let upto = |n: usize| if n >= 64 { u64::MAX } else { (1u64 << n) - 1 };
            left_of[split] = upto(n) & !upto(first);
        }
        match child {
            Child::Leaf(leaf) => {
                if let Some(place) = leaves.get_mut(n) {
                    *place = leaf as u8;
                }
                n += 1;
            }
            Child::Split(i) => {
                let split = &tree.splits()[i as usize];
                open.push((split.right, Some((i as usize, n))));
                open.push((split.left, None));
            }
        }
    }
    (left_of, leaves)
}

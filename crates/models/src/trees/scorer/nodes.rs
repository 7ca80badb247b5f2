//! Trees of any size, walked node by node by bins.

use super::bins::{Left, RowBins};
use crate::trees::ensemble::TreeEnsemble;
use crate::trees::tree::{Child, Tree};

/// A node. Rows go to the first child or to the second, which lies behind it; a leaf leads to itself.
#[derive(Debug, Clone, Copy)]
struct Node {
    /// The feature, and [`SET`].
    lane: u32,
    /// Bins from this on, `span` more of them, go left; of a set, the word where its bits begin, and its last bin; of a leaf, its number, and
    /// all bins.
    low: u32,
    span: u32,
    children: u32,
}

/// Marks a node that asks whether a bin is in a set.
const SET: u32 = 1 << 31;

#[derive(Debug, Clone)]
pub(super) struct Nodes {
    nodes: Vec<Node>,
    /// Where each tree begins.
    roots: Vec<u32>,
    /// Bins that go left, of splits by category: a bit each.
    sets: Vec<u64>,
}

/// Walks at once: as many as the processor can wait for.
const WALKS: usize = 8;

impl Nodes {
    pub fn new(ensemble: &TreeEnsemble, bins: &RowBins) -> Self {
        let mut all = Self { nodes: Vec::new(), roots: Vec::new(), sets: Vec::new() };
        ensemble.trees().iter().for_each(|tree| all.push(tree, bins));
        all
    }

    fn push(&mut self, tree: &Tree, bins: &RowBins) {
        let root = self.nodes.len();
        self.roots.push(root as u32);
        let nothing = Node { lane: 0, low: 0, span: u32::MAX, children: 0 };
        self.nodes.push(nothing);
        let mut open = vec![(tree.root(), root)];
        while let Some((child, at)) = open.pop() {
            match child {
                Child::Leaf(leaf) => self.nodes[at] = Node { children: at as u32, low: leaf, ..nothing },
                Child::Split(i) => {
                    let split = &tree.splits()[i as usize];
                    let lane = bins.lane_of(split);
                    let children = self.nodes.len();
                    let (lane, low, span) = match bins.lanes()[lane].left_of(split) {
                        // Never empty: a threshold is the end of a bin.
                        Left::Range(first, end) => (lane as u32, first, end - first - 1),
                        Left::Set(bits) => {
                            let first = self.sets.len() as u32;
                            self.sets.extend(&bits);
                            (lane as u32 | SET, first, bits.len() as u32 * 64 - 1)
                        }
                    };
                    self.nodes[at] = Node { lane, low, span, children: children as u32 };
                    self.nodes.extend([nothing, nothing]);
                    open.push((split.right, children + 1));
                    open.push((split.left, children));
                }
            }
        }
    }

    #[inline]
    fn step<const SETS: bool>(&self, at: u32, bins: &[u32]) -> u32 {
        let node = &self.nodes[at as usize];
        let (lane, is_set) = if SETS { (node.lane & !SET, node.lane & SET > 0) } else { (node.lane, false) };
        let bin = bins.get(lane as usize).copied().unwrap_or(0);
        let left = if is_set {
            bin <= node.span && self.sets[(node.low + bin / 64) as usize] >> (bin % 64) & 1 == 1
        } else {
            bin.wrapping_sub(node.low) <= node.span
        };
        // A leaf leads to itself, whatever the bin: all bins are in its range.
        node.children + u32::from(!left)
    }

    /// The leaf of each row in each tree, row by row.
    pub fn leaves(&self, bins: &[u32], n_trees: usize, leaves: &mut [u32]) {
        let rows = leaves.len() / n_trees.max(1);
        self.walk(bins, rows, |row, tree, leaf| leaves[row * n_trees + tree] = leaf);
    }

    /// Adds the values of the trees to each row's outputs, row by row.
    pub fn add(&self, ensemble: &TreeEnsemble, bins: &[u32], sums: &mut [f64]) {
        let n = ensemble.n_outputs();
        self.walk(bins, sums.len() / n, |row, tree, leaf| {
            ensemble.add_leaf(tree, leaf as usize, &mut sums[row * n..][..n]);
        });
    }

    fn walk(&self, bins: &[u32], rows: usize, each: impl FnMut(usize, usize, u32)) {
        if self.sets.is_empty() {
            self.walk_by::<false>(bins, rows, each);
        } else {
            self.walk_by::<true>(bins, rows, each);
        }
    }

    /// Hands over row, tree and leaf; the trees of a row in their order.
    fn walk_by<const SETS: bool>(&self, bins: &[u32], rows: usize, mut each: impl FnMut(usize, usize, u32)) {
        let width = bins.len() / rows.max(1);
        let bins_of = |row: usize| &bins[row * width..(row + 1) * width];
        // Several rows through a tree, and the rows that are left through several trees.
        let whole = rows / WALKS * WALKS;
        for (tree, &root) in self.roots.iter().enumerate() {
            for first in (0..whole).step_by(WALKS) {
                let bins = std::array::from_fn(|row| bins_of(first + row));
                let leaves = self.leaves_from::<SETS>([root; WALKS], bins);
                leaves.into_iter().zip(first..).for_each(|(leaf, row)| each(row, tree, leaf));
            }
        }
        for row in whole..rows {
            for (first, roots) in (0..).step_by(WALKS).zip(self.roots.chunks(WALKS)) {
                let own = std::array::from_fn(|tree| roots[tree.min(roots.len() - 1)]);
                let leaves = self.leaves_from::<SETS>(own, [bins_of(row); WALKS]);
                leaves
                    .into_iter()
                    .zip(first..)
                    .take(roots.len())
                    .for_each(|(leaf, tree)| each(row, tree, leaf));
            }
        }
    }

    /// The leaves to which walks lead.
    #[inline]
    fn leaves_from<const SETS: bool>(&self, mut at: [u32; WALKS], bins: [&[u32]; WALKS]) -> [u32; WALKS] {
        loop {
            let before = at;
            for (at, bins) in at.iter_mut().zip(bins) {
                *at = self.step::<SETS>(*at, bins);
            }
            if at == before {
                return at.map(|at| self.nodes[at as usize].low);
            }
        }
    }
}

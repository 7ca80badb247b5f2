//! Trees of any size, walked node by node by bins.

use super::bins::RowBins;
use crate::trees::ensemble::TreeEnsemble;
use crate::trees::tree::{Child, Test, Tree};

/// A node. Bins from `low` on, `span` more of them, go to the first child, others to the second, which lies behind it; a leaf leads to
/// itself.
#[derive(Debug, Clone, Copy)]
struct Node {
    lane: u16,
    low: u16,
    span: u16,
    /// 0, or one more than the place of a set of bins.
    set: u16,
    children: u32,
    leaf: u32,
}

#[derive(Debug, Clone)]
pub(super) struct Nodes {
    nodes: Vec<Node>,
    /// Where each tree begins, and how deep it is.
    trees: Vec<(u32, u32)>,
    /// Bins that go left, of splits by category.
    sets: Vec<Vec<bool>>,
    width: usize,
}

/// Rows that are walked at once.
const ROWS: usize = 8;

impl Nodes {
    /// `None` for more sets of categories than there are numbers of 16 bits.
    pub fn new(ensemble: &TreeEnsemble, bins: &RowBins) -> Option<Self> {
        let mut lane_of = vec![0u16; ensemble.features().len()];
        bins.features().iter().enumerate().for_each(|(lane, feature)| lane_of[feature.place] = lane as u16);
        let mut all = Self { nodes: Vec::new(), trees: Vec::new(), sets: Vec::new(), width: bins.n_used() };
        for tree in ensemble.trees() {
            all.add(tree, bins, &lane_of);
            if all.sets.len() > u16::MAX as usize {
                return None;
            }
        }
        Some(all)
    }

    fn add(&mut self, tree: &Tree, bins: &RowBins, lane_of: &[u16]) {
        let root = self.nodes.len();
        self.trees.push((root as u32, tree.depth() as u32));
        let nothing = Node { lane: 0, low: 0, span: u16::MAX, set: 0, children: 0, leaf: 0 };
        self.nodes.push(nothing);
        let mut open = vec![(tree.root(), root)];
        while let Some((child, at)) = open.pop() {
            match child {
                Child::Leaf(leaf) => self.nodes[at] = Node { children: at as u32, leaf, ..nothing },
                Child::Split(i) => {
                    let split = &tree.splits()[i as usize];
                    let lane = lane_of[split.feature as usize];
                    let kind = &bins.features()[lane as usize].kind;
                    let children = self.nodes.len();
                    let mut node = Node { lane, children: children as u32, ..nothing };
                    match split.test {
                        // All bins up to one, from that of missing values on or after it.
                        Test::AtMost(threshold) if !split.missing.has_zero() => {
                            node.low = u16::from(!split.missing.is_left());
                            node.span = kind.bin_upto(threshold) as u16 - node.low;
                        }
                        _ => {
                            let left = |bin: usize| split.goes_left(kind.value_in(bin));
                            self.sets.push((0..kind.n_bins()).map(left).collect());
                            node.set = self.sets.len().min(u16::MAX as usize) as u16;
                        }
                    }
                    self.nodes[at] = node;
                    self.nodes.extend([nothing, nothing]);
                    open.push((split.right, children + 1));
                    open.push((split.left, children));
                }
            }
        }
    }

    #[inline]
    fn step<const SETS: bool>(&self, at: u32, bins: &[u16]) -> u32 {
        let node = &self.nodes[at as usize];
        let bin = bins.get(node.lane as usize).copied().unwrap_or(0);
        let left = match node.set {
            set if SETS && set > 0 => self.sets[set as usize - 1][bin as usize],
            _ => bin.wrapping_sub(node.low) <= node.span,
        };
        // A leaf leads to itself, whatever the bin: all bins are in its range.
        node.children + u32::from(!left)
    }

    /// The leaf of one row in each tree.
    pub fn leaves(&self, bins: &[u16], leaves: &mut [u32]) {
        for (leaf, &(root, depth)) in leaves.iter_mut().zip(&self.trees) {
            let mut at = root;
            for _ in 0..depth {
                at = self.step::<true>(at, bins);
            }
            *leaf = self.nodes[at as usize].leaf;
        }
    }

    /// The leaves of many rows, row by row.
    pub fn leaves_of_block(&self, bins: &[u16], leaves: &mut [u32]) {
        if self.sets.is_empty() {
            self.walk_block::<false>(bins, leaves);
        } else {
            self.walk_block::<true>(bins, leaves);
        }
    }

    fn walk_block<const SETS: bool>(&self, bins: &[u16], leaves: &mut [u32]) {
        let n_trees = self.trees.len();
        if n_trees == 0 {
            return;
        }
        let rows = leaves.len() / n_trees;
        let bins_of = |row: usize| &bins[row * self.width..(row + 1) * self.width];
        for (tree, &(root, depth)) in self.trees.iter().enumerate() {
            let whole = rows / ROWS * ROWS;
            for first in (0..whole).step_by(ROWS) {
                // As many walks as the processor can wait for at once.
                let own: [&[u16]; ROWS] = std::array::from_fn(|lane| bins_of(first + lane));
                let mut at = [root; ROWS];
                for _ in 0..depth {
                    for (at, bins) in at.iter_mut().zip(own) {
                        *at = self.step::<SETS>(*at, bins);
                    }
                }
                for (lane, &at) in at.iter().enumerate() {
                    leaves[(first + lane) * n_trees + tree] = self.nodes[at as usize].leaf;
                }
            }
            for row in whole..rows {
                let at = (0..depth).fold(root, |at, _| self.step::<SETS>(at, bins_of(row)));
                leaves[row * n_trees + tree] = self.nodes[at as usize].leaf;
            }
        }
    }
}

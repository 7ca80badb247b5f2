//! What a search goes down: the tree, and which of its rows are where.

use crate::metric::Term;
use crate::tree::{LANES, LEAF, Leaf, NO_ROW, Node, Tree};
use crate::{Points, Subset};

#[derive(Debug)]
pub(crate) struct Descent {
    pub tree: Tree,
    /// The lane of each row.
    pub lanes: Vec<u32>,
    pub everywhere: Subset,
    /// Per column of the points, the rows without a gap; `None` where that is all of them.
    pub observed: Vec<Option<Subset>>,
}

impl Descent {
    /// Of points and their coordinates.
    pub fn new(points: &Points, coordinates: &Points, terms: &[Term]) -> Self {
        let tree = Tree::new(coordinates, terms);
        let mut lanes = vec![0; points.n_rows()];
        for (lane, &row) in tree.rows.iter().enumerate().filter(|(_, row)| **row != NO_ROW) {
            lanes[row as usize] = lane as u32;
        }
        let everywhere = marked(&tree, |_| true);
        let observed = (0..points.n_columns()).map(|column| {
            let values = points.column(column);
            let full = !values.iter().any(|x| x.is_nan());
            (!full).then(|| marked(&tree, |row| !values[row as usize].is_nan()))
        });
        let observed = observed.collect();
        Self { tree, lanes, everywhere, observed }
    }

    /// The rows that are kept.
    pub fn marked(&self, keep: impl Fn(u32) -> bool) -> Subset {
        marked(&self.tree, keep)
    }

    /// Writes the coordinates of a point that is searched into `out`; nothing for a row that is not there.
    pub fn coordinates(&self, row: usize, out: &mut Vec<f64>) {
        out.clear();
        if let Some(&lane) = self.lanes.get(row) {
            let (chunk, lane) = (lane as usize / LANES, lane as usize % LANES);
            out.extend(self.tree.chunk(chunk).iter().map(|lanes| lanes[lane]));
        }
    }
}

fn marked(tree: &Tree, keep: impl Fn(u32) -> bool) -> Subset {
    let word = |leaf: &Leaf| {
        let rows = &tree.rows[leaf.first_chunk * LANES..][..leaf.chunks * LANES];
        debug_assert!(rows.len() <= LEAF);
        let bit = |(lane, &row): (usize, &u32)| u64::from(row != NO_ROW && keep(row)) << lane;
        rows.iter().enumerate().map(bit).fold(0, |word, bit| word | bit)
    };
    let words: Vec<u64> = tree.leaves.iter().map(word).collect();
    let count = words.iter().map(|word| word.count_ones() as usize).sum();
    let mut nodes = vec![false; tree.nodes.len()];
    // Children come after their parents.
    for (at, node) in tree.nodes.iter().enumerate().rev() {
        nodes[at] = match *node {
            Node::Leaf { leaf } => words[leaf] != 0,
            Node::Inner { right } => nodes[at + 1] || nodes[right],
        };
    }
    Subset { words, nodes, count }
}

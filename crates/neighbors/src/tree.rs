//! How the points lie in memory: a tree of boxes over leaves of up to 64 rows, which are stored lane by lane.
//!
//! The shape of the tree decides what is skipped, never what is found.

use mlsys_core::column::order_key;

use crate::Points;
use crate::metric::Term;

/// Rows whose distances are computed together.
pub(crate) const LANES: usize = 8;
/// Rows of a leaf: a bit each in a word.
pub(crate) const LEAF: usize = 64;
/// A pad's row.
pub(crate) const NO_ROW: u32 = u32::MAX;
/// A subtree of this many rows is worth another thread.
const PARALLEL: usize = 16_384;
/// Rows that are looked at to choose the column to split by.
const SAMPLE: usize = 256;
/// A path of the tree parts rows with a gap from rows without so often, at most.
const GAP_SPLITS: usize = 32;

/// The lowest and the highest value of a column in a node; [`MIXED`] where some have a gap, [`NONE`] where all have.
pub(crate) type Extent = (f64, f64);
pub(crate) const MIXED: Extent = (f64::NEG_INFINITY, f64::INFINITY);
pub(crate) const NONE: Extent = (f64::INFINITY, f64::NEG_INFINITY);

#[derive(Debug)]
pub(crate) enum Node {
    /// The left child follows in order.
    Inner {
        right: usize,
    },
    Leaf {
        leaf: usize,
    },
}

#[derive(Debug)]
pub(crate) struct Leaf {
    pub first_chunk: usize,
    pub chunks: usize,
}

#[derive(Debug)]
pub(crate) struct Tree {
    pub nodes: Vec<Node>,
    /// Per node and column.
    pub extents: Vec<Extent>,
    pub leaves: Vec<Leaf>,
    /// Per chunk and column, the values of its rows; NaN in gaps and pads.
    pub chunks: Vec<[f64; LANES]>,
    /// The row of each lane.
    pub rows: Vec<u32>,
    /// The lowest row of each node.
    pub firsts: Vec<u32>,
    columns: usize,
}

enum Shape {
    Leaf,
    Pair(usize, Box<[Shape; 2]>),
}

impl Tree {
    pub fn new(points: &Points, terms: &[Term]) -> Self {
        let columns = points.n_columns();
        let mut order: Vec<u32> = (0..points.n_rows() as u32).collect();
        let shape = Splitter { points, terms }.split(&mut order, 0);
        let (leaves, chunks) = (order.len().div_ceil(LEAF), order.len().div_ceil(LANES));
        let mut tree = Self {
            nodes: Vec::with_capacity(2 * leaves),
            extents: Vec::with_capacity(2 * leaves * columns),
            leaves: Vec::with_capacity(leaves),
            chunks: Vec::with_capacity(chunks * columns),
            rows: Vec::with_capacity(chunks * LANES),
            firsts: Vec::with_capacity(2 * leaves),
            columns,
        };
        tree.push(points, &shape, &order);
        tree
    }

    /// The extents of a node, a column each.
    pub fn extents(&self, node: usize) -> &[Extent] {
        &self.extents[node * self.columns..][..self.columns]
    }

    /// The values of a chunk, a column each.
    pub fn chunk(&self, chunk: usize) -> &[[f64; LANES]] {
        &self.chunks[chunk * self.columns..][..self.columns]
    }

    fn push(&mut self, points: &Points, shape: &Shape, order: &[u32]) -> usize {
        let node = self.nodes.len();
        self.extents.resize(self.extents.len() + self.columns, NONE);
        self.firsts.push(order.iter().copied().min().unwrap_or(NO_ROW));
        match shape {
            Shape::Leaf => {
                self.nodes.push(Node::Leaf { leaf: self.leaves.len() });
                self.push_leaf(points, order);
                for column in 0..self.columns {
                    self.extents[node * self.columns + column] = extent(points.column(column), order);
                }
            }
            Shape::Pair(left, children) => {
                self.nodes.push(Node::Inner { right: 0 });
                let first = self.push(points, &children[0], &order[..*left]);
                let second = self.push(points, &children[1], &order[*left..]);
                self.nodes[node] = Node::Inner { right: second };
                for column in 0..self.columns {
                    let of = |child: usize| self.extents[child * self.columns + column];
                    self.extents[node * self.columns + column] = joined(of(first), of(second));
                }
            }
        }
        node
    }

    fn push_leaf(&mut self, points: &Points, order: &[u32]) {
        let chunks = order.len().div_ceil(LANES);
        self.leaves.push(Leaf { first_chunk: self.rows.len() / LANES, chunks });
        for rows in order.chunks(LANES) {
            for column in 0..self.columns {
                let values = points.column(column);
                let mut lanes = [f64::NAN; LANES];
                lanes.iter_mut().zip(rows).for_each(|(lane, &row)| *lane = values[row as usize]);
                self.chunks.push(lanes);
            }
            self.rows.extend_from_slice(rows);
            self.rows.resize(self.rows.len().next_multiple_of(LANES), NO_ROW);
        }
    }
}

fn extent(values: &[f64], rows: &[u32]) -> Extent {
    let (mut low, mut high, mut gaps) = (f64::INFINITY, f64::NEG_INFINITY, 0);
    for &row in rows {
        let x = values[row as usize];
        gaps += usize::from(x.is_nan());
        low = low.min(x);
        high = high.max(x);
    }
    match gaps {
        0 => (low, high),
        _ if gaps == rows.len() => NONE,
        _ => MIXED,
    }
}

fn joined(a: Extent, b: Extent) -> Extent {
    match (a.0 > a.1, b.0 > b.1) {
        (true, true) => NONE,
        (false, false) => (a.0.min(b.0), a.1.max(b.1)),
        _ => MIXED,
    }
}

struct Splitter<'a> {
    points: &'a Points,
    terms: &'a [Term],
}

impl Splitter<'_> {
    fn split(&self, order: &mut [u32], gap_splits: usize) -> Shape {
        if order.len() <= LEAF {
            return Shape::Leaf;
        }
        let values = self.points.column(self.widest(order));
        let gap = |row: &u32| values[*row as usize].is_nan();
        let gaps = order.iter().filter(|row| gap(row)).count();
        let apart = gap_splits < GAP_SPLITS && gaps.min(order.len() - gaps) >= LEAF / 2;
        let left = if apart {
            order.sort_unstable_by_key(|row| (gap(row), *row));
            order.len() - gaps
        } else {
            // Whole leaves to the left, so that few lanes are pads.
            let left = (order.len() / 2).next_multiple_of(LEAF).min(order.len() - 1);
            // NaN has the highest key.
            order.select_nth_unstable_by_key(left, |&row| (order_key(values[row as usize]), row));
            left
        };
        let (first, second) = order.split_at_mut(left);
        let below = gap_splits + usize::from(apart);
        let children = if first.len().min(second.len()) > PARALLEL {
            rayon::join(|| self.split(first, below), || self.split(second, below))
        } else {
            (self.split(first, below), self.split(second, below))
        };
        Shape::Pair(left, Box::new([children.0, children.1]))
    }

    /// The column in which rows of a sample are furthest apart, in units of the metric.
    fn widest(&self, order: &[u32]) -> usize {
        let step = order.len().div_ceil(SAMPLE);
        let mut best = (0, f64::NEG_INFINITY);
        let mut values = Vec::with_capacity(SAMPLE);
        for (column, &term) in self.terms.iter().enumerate() {
            let all = self.points.column(column);
            let sampled = order.iter().step_by(step).map(|&row| all[row as usize]);
            values.clear();
            values.extend(sampled.filter(|x| !x.is_nan()));
            let present = values.len() as f64 / order.len().div_ceil(step) as f64;
            let spread = present * spread(term, &mut values);
            if spread > best.1 {
                best = (column, spread);
            }
        }
        best.0
    }
}

fn spread(term: Term, values: &mut [f64]) -> f64 {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
    match term {
        Term::Square { weight, inverse } => weight * (variance * inverse) * inverse,
        Term::Absolute { weight } => weight * variance.sqrt(),
        Term::Range { weight, inverse } => weight * (variance.sqrt() * inverse).min(1.0),
        Term::Differs { cost, .. } => {
            values.sort_unstable_by(f64::total_cmp);
            let same = values.chunk_by(|a, b| a == b).map(|run| (run.len() as f64 / n).powi(2)).sum::<f64>();
            cost * (1.0 - same)
        }
        Term::Constant { .. } => 0.0,
    }
}

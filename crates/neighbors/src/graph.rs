//! Who is near whom, as a sparse matrix.

use rayon::prelude::*;

use crate::{Neighbor, Neighbors};

/// Rows as nodes and their neighbours as edges, in compressed sparse rows: the edges of a row are nearest first, ties by
/// row. Made by [`NeighborIndex::knn_graph`](crate::NeighborIndex::knn_graph) and
/// [`radius_graph`](crate::NeighborIndex::radius_graph). 12 bytes an edge, and 8 a row.
///
/// ```
/// use mlsys_neighbors::{Metric, NeighborIndex, Points};
///
/// let points = Points::from_rows(&[0.0, 1.0, 3.0, 4.5], 1)?;
/// let graph = NeighborIndex::new(&points, Metric::Euclidean)?.knn_graph(1)?;
/// assert_eq!((graph.offsets(), graph.rows()), ([0, 1, 2, 3, 4].as_slice(), [1, 0, 3, 2].as_slice()));
/// assert_eq!(graph.distances(), [1.0, 1.0, 1.5, 1.5]);
/// // Nearest to one another: what Tomek links are made of.
/// assert_eq!(graph.mutual().n_edges(), 4);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct NeighborGraph {
    offsets: Vec<usize>,
    rows: Vec<u32>,
    distances: Vec<f64>,
}

impl NeighborGraph {
    /// Of the neighbours of each point that is searched.
    pub(crate) fn of_all(neighbors: &Neighbors) -> Self {
        let mut offsets = Vec::with_capacity(neighbors.len() + 1);
        offsets.push(0);
        let (mut rows, mut distances) = (Vec::new(), Vec::new());
        for of in neighbors.iter() {
            rows.extend(of.iter().map(|n| n.row as u32));
            distances.extend(of.iter().map(|n| n.distance));
            offsets.push(rows.len());
        }
        Self { offsets, rows, distances }
    }

    /// The number of nodes.
    pub fn n_rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The number of edges, each in its direction.
    pub fn n_edges(&self) -> usize {
        self.rows.len()
    }

    /// Where the edges of each row begin, and where the last ends.
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// Where the edges lead.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// How long they are.
    pub fn distances(&self) -> &[f64] {
        &self.distances
    }

    /// The neighbours of a row, nearest first; none of a row that is not there.
    pub fn of(&self, row: usize) -> impl ExactSizeIterator<Item = Neighbor> {
        let ends = (self.offsets.get(row), self.offsets.get(row.saturating_add(1)));
        let range = if let (Some(&start), Some(&end)) = ends { start..end } else { 0..0 };
        range.map(move |edge| Neighbor { row: self.rows[edge] as usize, distance: self.distances[edge] })
    }

    /// The edges that lead both ways: rows that are each among the neighbours of the other.
    #[must_use]
    pub fn mutual(&self) -> Self {
        let sources = self.sources();
        self.each(|row| {
            let back = sources.of(row);
            self.of(row).filter(|n| back.binary_search(&(n.row as u32)).is_ok()).collect()
        })
    }

    /// Each edge in both directions: rows of which one is among the neighbours of the other.
    #[must_use]
    pub fn symmetric(&self) -> Self {
        let sources = self.sources();
        self.each(|row| {
            let mut all: Vec<Neighbor> = self.of(row).collect();
            let mut known: Vec<usize> = all.iter().map(|n| n.row).collect();
            known.sort_unstable();
            for &source in sources.of(row) {
                let source = source as usize;
                if known.binary_search(&source).is_err() {
                    // A distance is the same in both directions.
                    all.extend(self.of(source).find(|n| n.row == row).map(|n| Neighbor { row: source, ..n }));
                }
            }
            all.sort_unstable_by(|a, b| a.distance.total_cmp(&b.distance).then(a.row.cmp(&b.row)));
            all
        })
    }

    /// The rows with an edge to each row, ascending.
    fn sources(&self) -> Sources {
        let mut offsets = vec![0; self.offsets.len()];
        self.rows.iter().for_each(|&row| offsets[row as usize + 1] += 1);
        (1..offsets.len()).for_each(|at| offsets[at] += offsets[at - 1]);
        let mut next = offsets.clone();
        let mut sources = vec![0; self.rows.len()];
        for row in 0..self.n_rows() {
            for &to in &self.rows[self.offsets[row]..self.offsets[row + 1]] {
                sources[next[to as usize]] = row as u32;
                next[to as usize] += 1;
            }
        }
        Sources { offsets, sources }
    }

    /// A graph with these edges of each row.
    fn each(&self, edges: impl Fn(usize) -> Vec<Neighbor> + Sync) -> Self {
        const PART: usize = 4096;
        let n = self.n_rows();
        let parts: Vec<(Vec<usize>, Vec<Neighbor>)> = (0..n.div_ceil(PART))
            .into_par_iter()
            .map(|part| {
                let (mut counts, mut all) = (Vec::with_capacity(PART), Vec::new());
                for row in part * PART..((part + 1) * PART).min(n) {
                    let before = all.len();
                    all.extend(edges(row));
                    counts.push(all.len() - before);
                }
                (counts, all)
            })
            .collect();
        let mut graph = Self { offsets: vec![0], rows: Vec::new(), distances: Vec::new() };
        let mut end = 0;
        for (counts, all) in parts {
            graph.offsets.extend(counts.into_iter().map(|count| {
                end += count;
                end
            }));
            graph.rows.extend(all.iter().map(|n| n.row as u32));
            graph.distances.extend(all.iter().map(|n| n.distance));
        }
        graph
    }
}

struct Sources {
    offsets: Vec<usize>,
    sources: Vec<u32>,
}

impl Sources {
    fn of(&self, row: usize) -> &[u32] {
        &self.sources[self.offsets[row]..self.offsets[row + 1]]
    }
}

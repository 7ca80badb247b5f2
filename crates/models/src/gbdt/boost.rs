//! One tree after another, each by the derivatives that the ones before it left.

use mlsys_core::{Error, Result};
use rayon::prelude::*;

use super::BoostingMode;
use super::loss::{CHUNK, Derivatives, Loss};
use super::sample::RowSample;
use crate::trees::Tree;
use crate::trees::bins::{BinnedTable, FeaturesInBins};
use crate::trees::convert::{self, Penalty, Sums};
use crate::trees::grow::{
    BinWalk, GrowParameters, Grower, Grown, GrownLeaf, Packing, draw_size, with_others_awake,
};
use mlsys_core::seed;

/// What boosting goes by.
pub(super) struct Boosting<'a> {
    pub table: &'a BinnedTable,
    pub features: &'a FeaturesInBins,
    pub grow: GrowParameters,
    pub penalty: Penalty,
    pub mode: BoostingMode,
    pub iterations: usize,
    pub rows: RowSample,
    /// The share of the features that each tree sees.
    pub tree_share: f64,
    pub seed: u64,
}

/// Rows for validation, whose scores grow along.
pub(super) struct Watched<'a> {
    pub table: &'a BinnedTable,
    pub scores: Vec<f64>,
}

/// Where boosting begins.
pub(super) struct Start {
    /// What scores begin with.
    pub base: Vec<f64>,
    /// The scores of the training rows.
    pub scores: Vec<f64>,
    /// Trees that there are already, for their numbers.
    pub trees: usize,
}

impl Boosting<'_> {
    /// Grows the trees, one per score and iteration. `after` is told the iteration and the scores for validation, and says whether to go on.
    pub fn run(
        &self,
        loss: &dyn Loss,
        start: Start,
        watched: Option<Watched<'_>>,
        after: impl FnMut(usize, Option<&[f64]>) -> Result<bool> + Send,
    ) -> Result<Vec<Tree>> {
        with_others_awake(|| self.run_in_pool(loss, start, watched, after))
    }

    fn run_in_pool(
        &self,
        loss: &dyn Loss,
        start: Start,
        mut watched: Option<Watched<'_>>,
        mut after: impl FnMut(usize, Option<&[f64]>) -> Result<bool>,
    ) -> Result<Vec<Tree>> {
        let (n, k) = (self.table.n_rows(), loss.n_scores());
        let mut scores = start.scores;
        let mut derivatives: Vec<Derivatives> = vec![[0.0; 2]; n * k];
        let mut grower = Grower::new(self.table, &self.features.bins);
        let mut trees = Vec::new();
        let warm_up = (1.0 / self.penalty.learning_rate) as usize;
        let mut is_drawn = vec![false; n];
        let constant = loss.constant_hessian();
        // The last tree of one score, which the next one begins with.
        let mut last: Option<Moves> = None;
        for iteration in 0..self.iterations {
            let number = iteration + start.trees / k;
            let at_once = k == 1 && self.rows == RowSample::All && loss.is_by_row();
            let known = loss.bounds().filter(|[g, h]| at_once && g.is_finite() && h.is_finite());
            let known = known.map(|[g, h]| Packing::new(n, g, h, constant, number as u32));
            let (cells, rows) = grower.cells_mut();
            let moves = last.take();
            let moves = moves.as_ref().map(|moves| (moves, rows));
            begin(loss, moves, &mut scores, &mut derivatives, known.as_ref().map(|packing| (packing, cells)));
            let drawn = self.rows.draw(number, warm_up, self.seed, k, &mut derivatives);
            let features = self.drawn_features(number);
            let mut grew = false;
            if let Some(rows) = &drawn.rows {
                is_drawn.fill(false);
                rows.iter().for_each(|&row| is_drawn[row as usize] = true);
            }
            for output in 0..k {
                let tree = (number * k + output) as u64;
                let packing = match known {
                    Some(packing) => packing,
                    None => {
                        let bounds = if drawn.weighted { None } else { loss.bounds() };
                        let [max_g, max_h] = bounds.unwrap_or_else(|| largest(&derivatives, k, output));
                        if !(max_g.is_finite() && max_h.is_finite()) {
                            let expected = "finite derivatives: take a smaller learning rate, or a target of a smaller \
                                            scale";
                            return Err(Error::invalid_value(
                                "scores",
                                None,
                                format!("run away in iteration {number}"),
                                expected,
                            ));
                        }
                        let n_rows = drawn.rows.as_ref().map_or(n, Vec::len);
                        let constant = constant && !drawn.weighted;
                        let packing = Packing::new(n_rows, max_g, max_h, constant, tree as u32);
                        pack_all(&packing, &derivatives, (k, output), grower.cells_mut().0);
                        packing
                    }
                };
                let grown = grower.grow(&self.grow, &packing, drawn.rows.as_deref(), &features, tree);
                let sums = sums(grower.rows(), &grown, &derivatives, (k, output));
                let renewed: Option<Vec<f64>> = loss.renews().then(|| {
                    let rows = |leaf: &GrownLeaf| &grower.rows()[leaf.rows.clone()];
                    grown.leaves.par_iter().map(|leaf| loss.renewed(rows(leaf), &scores)).collect()
                });
                let mut tree =
                    convert::tree(&grown, self.features, &sums, &self.penalty, renewed.as_deref())?;
                if tree.splits().is_empty() && self.mode == BoostingMode::Gradient {
                    // Nothing to tell rows apart by: all stay as they are.
                    tree = Tree::new(Vec::new(), 1, vec![0.0], vec![tree.cover(0)], vec![tree.rows(0)])?;
                }
                grew |= !tree.splits().is_empty();
                let values = |leaf: usize| tree.values(leaf)[0];
                let out_of_sample = drawn.rows.is_some() && self.mode == BoostingMode::Gradient;
                if out_of_sample || watched.is_some() {
                    let walk = BinWalk::new(&grown, self.table);
                    if out_of_sample {
                        walk.add_to(self.table, &values, &mut scores, (k, output), Some(&is_drawn));
                    }
                    if let Some(watched) = &mut watched {
                        walk.add_to(watched.table, &values, &mut watched.scores, (k, output), None);
                    }
                }
                if self.mode == BoostingMode::Gradient {
                    let values = (0..grown.leaves.len()).map(values).collect();
                    let moves = Moves { leaves: grown.leaves, values };
                    match k {
                        1 => last = Some(moves),
                        _ => {
                            let size = chunk_of(n);
                            let chunks = scores.par_chunks_mut(size * k).enumerate();
                            let rows = grower.rows();
                            chunks.for_each(|(chunk, scores)| {
                                moves.add(rows, chunk * size, scores, (k, output))
                            });
                        }
                    }
                }
                trees.push(tree);
            }
            let go_on = match (&watched, self.mode) {
                (Some(watched), BoostingMode::RandomForest) => {
                    // Sums of trees become means, above what all start from.
                    let n = (iteration + 1) as f64;
                    let base = start.base.iter().cycle();
                    let means: Vec<f64> =
                        watched.scores.iter().zip(base).map(|(x, b)| b + (x - b) / n).collect();
                    after(iteration, Some(&means))?
                }
                (watched, _) => after(iteration, watched.as_ref().map(|watched| watched.scores.as_slice()))?,
            };
            // A tree without a split moves nothing: neither will those after it.
            let still =
                !grew && drawn.rows.is_none() && self.tree_share >= 1.0 && self.grow.split_share >= 1.0;
            if !go_on || still {
                break;
            }
        }
        Ok(trees)
    }

    /// The features that the trees of an iteration see.
    fn drawn_features(&self, iteration: usize) -> Vec<u32> {
        let mut features: Vec<u32> = (0..self.table.n_features() as u32).collect();
        let n = draw_size(features.len(), self.tree_share);
        if n < features.len() {
            seed::shuffle(&mut features, &mut seed::stream(self.seed, iteration as u64));
            features.truncate(n);
            features.sort_unstable();
        }
        features
    }
}

/// By how much a tree moves the scores of its rows.
struct Moves {
    leaves: Vec<GrownLeaf>,
    values: Vec<f64>,
}

impl Moves {
    /// Adds the value of its leaf to one of the scores of each row from `first` on. `rows` are those of the tree, leaf by leaf.
    fn add(&self, rows: &[u32], first: usize, scores: &mut [f64], (width, output): (usize, usize)) {
        let n = scores.len() / width;
        for (leaf, value) in self.leaves.iter().zip(&self.values) {
            for &row in among(&rows[leaf.rows.clone()], first, n) {
                scores[(row as usize - first) * width + output] += value;
            }
        }
    }
}

/// Those of ascending rows that are among `n` from `first` on.
fn among(rows: &[u32], first: usize, n: usize) -> &[u32] {
    let before = |end: usize| rows.partition_point(|&row| (row as usize) < end);
    &rows[before(first)..before(first + n)]
}

/// Rows that are gone through together, of so many: enough of them that those of each leaf are soon found among them, and few enough
/// for a second cache and for several threads. On threads it does not depend.
fn chunk_of(rows: usize) -> usize {
    (rows / 16).clamp(1 << 11, 1 << 14)
}

/// Begins an iteration: moves the scores by the tree before, and writes derivatives; where it is known how, packed ones as well. All of it
/// chunk by chunk, which memory likes.
fn begin(
    loss: &dyn Loss,
    moves: Option<(&Moves, &[u32])>,
    scores: &mut [f64],
    derivatives: &mut [Derivatives],
    packed: Option<(&Packing, &mut [i64])>,
) {
    let k = loss.n_scores();
    let size = chunk_of(scores.len() / k);
    let move_chunk = |first: usize, scores: &mut [f64]| {
        if let Some((moves, rows)) = moves {
            moves.add(rows, first, scores, (k, 0));
        }
    };
    if !loss.is_by_row() {
        let chunks = scores.par_chunks_mut(size * k).enumerate();
        chunks.for_each(|(chunk, scores)| move_chunk(chunk * size, scores));
        loss.all_derivatives(scores, derivatives);
        return;
    }
    let (packing, cells) = packed.unzip();
    let chunks = scores.par_chunks_mut(size * k).zip(derivatives.par_chunks_mut(size * k));
    let one = |first: usize, scores: &mut [f64], derivatives: &mut [Derivatives]| {
        move_chunk(first, scores);
        loss.derivatives(first, scores, derivatives);
    };
    match (packing, cells) {
        (Some(packing), Some(cells)) => {
            chunks.zip(cells.par_chunks_mut(size)).enumerate().for_each(
                |(chunk, ((scores, derivatives), cells))| {
                    one(chunk * size, scores, derivatives);
                    pack(packing, chunk * size, derivatives.iter(), cells);
                },
            );
        }
        _ => chunks.enumerate().for_each(|(chunk, (scores, out))| one(chunk * size, scores, out)),
    }
}

/// Packs the derivatives of the rows from `first` on.
fn pack<'d>(
    packing: &Packing,
    first: usize,
    derivatives: impl Iterator<Item = &'d Derivatives>,
    cells: &mut [i64],
) {
    for ((row, cell), &own) in (first as u32..).zip(cells).zip(derivatives) {
        *cell = packing.pack(row, own);
    }
}

/// Packs the derivatives of all rows by one of their scores.
fn pack_all(packing: &Packing, derivatives: &[Derivatives], (k, output): (usize, usize), cells: &mut [i64]) {
    let size = chunk_of(cells.len());
    let chunks = cells.par_chunks_mut(size).zip(derivatives.par_chunks(size * k)).enumerate();
    chunks.for_each(|(chunk, (cells, derivatives))| {
        pack(packing, chunk * size, derivatives.iter().skip(output).step_by(k), cells);
    });
}

/// The sums of each leaf, as doubles: those of each chunk of rows in their order, and then of the chunks in theirs. Chunks do not depend on
/// threads.
fn sums(rows: &[u32], grown: &Grown, derivatives: &[Derivatives], (k, output): (usize, usize)) -> Vec<Sums> {
    let n = derivatives.len() / k;
    // Enough rows of each leaf in a chunk, and not too many chunks.
    let size = chunk_of(n).max(n.div_ceil(256)).max(64 * grown.leaves.len());
    let of_chunk = |chunk: usize| -> Vec<Derivatives> {
        let of_leaf = |leaf: &GrownLeaf| {
            let own = among(&rows[leaf.rows.clone()], chunk * size, size);
            let of_row = |row: &u32| derivatives[*row as usize * k + output];
            // Two sums by turns, so that neither waits for the other.
            let (pairs, rest) = own.as_chunks::<2>();
            let mut sums = [[0.0; 2]; 2];
            for pair in pairs {
                for (sum, row) in sums.iter_mut().zip(pair) {
                    *sum = added(*sum, of_row(row));
                }
            }
            rest.iter().fold(added(sums[0], sums[1]), |sum, row| added(sum, of_row(row)))
        };
        grown.leaves.iter().map(of_leaf).collect()
    };
    let parts: Vec<Vec<Derivatives>> = (0..n.div_ceil(size)).into_par_iter().map(of_chunk).collect();
    let of_leaf = |(place, leaf): (usize, &GrownLeaf)| {
        let [g, h] = parts.iter().fold([0.0; 2], |sum, part| added(sum, part[place]));
        Sums { g, h, rows: leaf.rows.len() as u64 }
    };
    grown.leaves.iter().enumerate().map(of_leaf).collect()
}

fn added(a: Derivatives, b: Derivatives) -> Derivatives {
    [a[0] + b[0], a[1] + b[1]]
}

/// The largest magnitude of the first derivative, and the largest second one.
fn largest(derivatives: &[Derivatives], k: usize, output: usize) -> Derivatives {
    let of_chunk = |chunk: &[Derivatives]| {
        let own = chunk.iter().skip(output).step_by(k);
        // Not a number is not the largest of any, but has to be found.
        let larger = |a: f64, b: f64| if b > a || b.is_nan() { b } else { a };
        own.fold([0.0f64; 2], |most, [g, h]| [larger(most[0], g.abs()), larger(most[1], *h)])
    };
    let larger = |a: f64, b: f64| if a.is_nan() || a > b { a } else { b };
    let most = |a: Derivatives, b: Derivatives| [larger(a[0], b[0]), larger(a[1], b[1])];
    derivatives.par_chunks(CHUNK * k).map(of_chunk).reduce(|| [0.0; 2], most)
}

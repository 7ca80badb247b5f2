//! One tree after another, each by the derivatives that the ones before it left.

use mlsys_core::{Error, Result};
use rayon::prelude::*;

use super::BoostingMode;
use super::loss::{CHUNK, Derivatives, Loss};
use super::sample::RowSample;
use crate::trees::Tree;
use crate::trees::bins::{BinnedTable, FeaturesInBins};
use crate::trees::convert::{self, Penalty, Sums};
use crate::trees::grow::{BinWalk, GrowParameters, Grower, Grown, Packing, draw_size};
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
        // On a thread of the pool: each of many thousand short parallel steps would else wake it from outside, and be waited for.
        rayon::join(|| self.run_in_pool(loss, start, watched, after), || ()).0
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
        let mut leaf_of = vec![0u32; n];
        for iteration in 0..self.iterations {
            let number = iteration + start.trees / k;
            loss.all_derivatives(&scores, &mut derivatives);
            let drawn = self.rows.draw(number, warm_up, self.seed, k, &mut derivatives);
            let features = self.drawn_features(number);
            let mut grew = false;
            if let Some(rows) = &drawn.rows {
                is_drawn.fill(false);
                rows.iter().for_each(|&row| is_drawn[row as usize] = true);
            }
            for output in 0..k {
                let of_row = |row: u32| derivatives[row as usize * k + output];
                let bounds = if drawn.weighted { None } else { loss.bounds() };
                let [max_g, max_h] = bounds.unwrap_or_else(|| largest(&derivatives, k, output));
                if !(max_g.is_finite() && max_h.is_finite()) {
                    let expected =
                        "finite derivatives: take a smaller learning rate, or a target of a smaller scale";
                    return Err(Error::invalid_value(
                        "scores",
                        None,
                        format!("run away in iteration {number}"),
                        expected,
                    ));
                }
                let tree = (number * k + output) as u64;
                let n_rows = drawn.rows.as_ref().map_or(n, Vec::len);
                let constant = loss.constant_hessian() && !drawn.weighted;
                let packing = Packing::new(n_rows, max_g, max_h, constant, tree as u32);
                grower.start(drawn.rows.as_deref(), |row| {
                    let [g, h] = of_row(row);
                    packing.pack(row, g, h)
                });
                let grown = grower.grow(&self.grow, &packing, &features, tree);
                if grown.leaves.len() <= FEW_LEAVES {
                    for (leaf, own) in (0..).zip(&grown.leaves) {
                        grower.rows(own).iter().for_each(|&row| leaf_of[row as usize] = leaf);
                    }
                }
                let sums = match grown.leaves.len() {
                    0..=FEW_LEAVES => {
                        let drawn = drawn.rows.as_ref().map(|_| is_drawn.as_slice());
                        sums_by_row(&leaf_of, drawn, grown.leaves.len(), &of_row)
                    }
                    _ => sums(&grower, &grown, &of_row),
                };
                let renewed: Option<Vec<f64>> = loss.renews().then(|| {
                    grown.leaves.par_iter().map(|leaf| loss.renewed(grower.rows(leaf), &scores)).collect()
                });
                let mut tree =
                    convert::tree(&grown, self.features, &sums, &self.penalty, renewed.as_deref())?;
                if tree.splits().is_empty() && self.mode == BoostingMode::Gradient {
                    // Nothing to tell rows apart by: all stay as they are.
                    tree = Tree::new(Vec::new(), 1, vec![0.0], vec![tree.cover(0)], vec![tree.rows(0)])?;
                }
                grew |= !tree.splits().is_empty();
                let values = |leaf: usize| tree.values(leaf)[0];
                if self.mode == BoostingMode::Gradient && grown.leaves.len() <= FEW_LEAVES {
                    let drawn = drawn.rows.as_ref().map(|_| is_drawn.as_slice());
                    let all: Vec<f64> = (0..grown.leaves.len()).map(values).collect();
                    add_values(&mut scores, (k, output), &leaf_of, &all, drawn);
                } else if self.mode == BoostingMode::Gradient {
                    for (place, leaf) in grown.leaves.iter().enumerate() {
                        let value = values(place);
                        grower.rows(leaf).iter().for_each(|&row| scores[row as usize * k + output] += value);
                    }
                }
                let out_of_sample = drawn.rows.is_some() && self.mode == BoostingMode::Gradient;
                if out_of_sample || watched.is_some() {
                    let walk = BinWalk::new(&grown);
                    if out_of_sample {
                        walk.add_to(self.table, &values, &mut scores, (k, output), Some(&is_drawn));
                    }
                    if let Some(watched) = &mut watched {
                        walk.add_to(watched.table, &values, &mut watched.scores, (k, output), None);
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

/// Up to so many leaves, rows are gone through in their own order, which memory likes; not leaf by leaf.
const FEW_LEAVES: usize = 256;

/// The sums of each leaf, as doubles: those of each chunk of rows in their order, and then of the chunks in theirs.
fn sums_by_row(
    leaf_of: &[u32],
    drawn: Option<&[bool]>,
    leaves: usize,
    of_row: &(impl Fn(u32) -> Derivatives + Sync),
) -> Vec<Sums> {
    let of_chunk = |(chunk, leaf_of): (usize, &[u32])| {
        let mut sums = vec![Sums::default(); leaves];
        for (row, &leaf) in (chunk * CHUNK..).zip(leaf_of) {
            if drawn.is_none_or(|drawn| drawn[row]) {
                let [g, h] = of_row(row as u32);
                let sums = &mut sums[leaf as usize];
                *sums = Sums { g: sums.g + g, h: sums.h + h, rows: sums.rows + 1 };
            }
        }
        sums
    };
    let parts: Vec<Vec<Sums>> = leaf_of.par_chunks(CHUNK).enumerate().map(of_chunk).collect();
    let mut all = vec![Sums::default(); leaves];
    for part in parts {
        all.iter_mut().zip(part).for_each(|(all, part)| *all = all.add(part));
    }
    all
}

/// Adds the value of its leaf to one of the scores of each row.
fn add_values(
    scores: &mut [f64],
    (width, output): (usize, usize),
    leaf_of: &[u32],
    values: &[f64],
    drawn: Option<&[bool]>,
) {
    let chunks = scores.par_chunks_mut(CHUNK * width).zip(leaf_of.par_chunks(CHUNK));
    chunks.enumerate().for_each(|(chunk, (scores, leaf_of))| {
        let rows = scores.iter_mut().skip(output).step_by(width).zip(leaf_of);
        for (row, (score, &leaf)) in (chunk * CHUNK..).zip(rows) {
            if drawn.is_none_or(|drawn| drawn[row]) {
                *score += values[leaf as usize];
            }
        }
    });
}

/// The sums of each leaf, as doubles in the order of its rows.
fn sums(grower: &Grower<'_>, grown: &Grown, of_row: &(impl Fn(u32) -> Derivatives + Sync)) -> Vec<Sums> {
    let of_leaf = |leaf| {
        let rows = grower.rows(leaf);
        let (mut g_sum, mut h_sum) = (0.0, 0.0);
        for &row in rows {
            let [g, h] = of_row(row);
            g_sum += g;
            h_sum += h;
        }
        Sums { g: g_sum, h: h_sum, rows: rows.len() as u64 }
    };
    grown.leaves.par_iter().map(of_leaf).collect()
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

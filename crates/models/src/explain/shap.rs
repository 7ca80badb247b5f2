//! Shapley values of the features, for each row and output of an ensemble.

use std::collections::BTreeMap;

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::arrow::buffer::ScalarBuffer;
use mlsys_core::ndarray::{Array3, ArrayViewMut3, Axis};
use mlsys_core::{Error, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::background::{Orders, Passed, by_background, passed};
use super::patterns::{MOST_ROWS, Patterns};
use super::quadrature::Quadrature;
use super::share_out::{Room, by_shares};
use super::values::ShapValues;
use super::walk::{Factor, Visit, walk};
use crate::TreeEnsemble;
use crate::trees::{Child, Combine, Split, Tree};

/// What the branches of a split count when it is not known where a row goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeWeight {
    /// The training rows that came there, as in LightGBM; their cover if not all nodes of all trees had some.
    #[default]
    Rows,
    /// What those rows count: sums of Hessians as in XGBoost, sums of weights as for the trees of scikit-learn.
    Cover,
}

/// What each feature of each row contributes to the outputs of an ensemble of trees: Shapley values.
///
/// For each output `f` and row `x`, with `v(S)` what is expected of `f` when of `x` only the features of `S` are known,
///
/// ```text
/// φ_i = Σ_{S ⊆ F∖{i}} |S|! (|F|−|S|−1)! / |F|! · (v(S ∪ {i}) − v(S))        base + Σ_i φ_i = f(x)
/// ```
///
/// where `base = v(∅)`. What is expected, is a choice:
///
/// * **path-dependent**, as it comes: in splits by features that are not known, both branches are taken, by the shares of the training
///   rows that went there;
/// * [**interventional**](Self::interventional): features that are not known have the values of a row of a background, on average over
///   its rows.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `node_weight` | `Rows` | [`NodeWeight`] | what branches count, path-dependent only; if both count nothing, half each |
/// | `interventional` | | a table of 1 row or more | the background |
///
/// **Input**: batches with the columns of the features; missing values and unseen categories by the ensemble's policy, other columns are
/// not read. **Output**: [`ShapValues`]: for each row, output and feature, in units of raw outputs (log-odds in boosting). They are exact,
/// and add up to the output but for rounding at any depth; features that no tree asks about have 0. The same bits at any number of
/// threads, and for a row whatever other rows the batch has. **Complexity**: per leaf with `D` features on its way, `D` additions per
/// row, and `D²` for each different pattern of them that rows pass; with a background, `D` for each pair of such patterns. Memory: the
/// values, and with a background its patterns at each leaf.
///
/// **Errors**: those of [`TreeFeature::read`](crate::trees::TreeFeature::read); [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) of a
/// background without rows.
///
/// ```
/// use mlsys_core::{Dataset, InputColumn, arrow::array::{Float64Array, RecordBatch}};
/// use mlsys_models::trees::{Child, Combine, MissingGoes, MissingPolicy, Split, Test, Tree, TreeEnsemble, TreeFeature};
/// use mlsys_models::TreeShap;
///
/// let batch = RecordBatch::try_from_iter([("x", std::sync::Arc::new(Float64Array::from(vec![1.0, 5.0])) as _)])?;
/// let x = TreeFeature::number(InputColumn::new(Dataset::new(batch.clone())?.layout(), "x")?)?;
/// let split = Split {
///     feature: 0, test: Test::AtMost(3.0), missing: MissingGoes::Right, left: Child::Leaf(0), right: Child::Leaf(1),
///     gain: 0.0, value: 0.0, cover: 8.0, rows: 8,
/// };
/// let tree = Tree::new(vec![split], 1, vec![-1.0, 1.0], vec![6.0, 2.0], vec![6, 2])?;
/// let trees = TreeEnsemble::new(vec![x], MissingPolicy::default(), vec![tree], vec![0.0], Combine::Sum)?;
///
/// let shap = TreeShap::new(&trees).explain(&batch)?;
/// assert_eq!(shap.base(), [-0.5]); // 6 of 8 rows went left
/// assert_eq!(shap.values().into_iter().copied().collect::<Vec<_>>(), [-0.5, 1.5]);
///
/// let against = TreeShap::new(&trees).interventional(&batch)?.explain(&batch)?;
/// assert_eq!(against.base(), [0.0]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when it is read as what would happen if a feature were changed: it says what the model does, not the world. Path-dependent
/// values may be other than 0 for a feature that the model does not depend on by itself, when its splits stand above others; interventional
/// ones ask the model about rows that never were, when features go together, and depend on the background. Values of log-odds are no
/// differences of probabilities.
///
/// **Method**: Scott Lundberg, Gabriel Erion, Su-In Lee, *Consistent individualized feature attribution for tree ensembles*, 2018,
/// algorithm 2, for the path-dependent `v`; Scott Lundberg and others, *From local explanations to global understanding with explainable AI
/// for trees*, 2020, for the interventional one. The sums are reached otherwise: leaf by leaf, for each different pattern of features
/// passed, as in Jilei Yang, *Fast TreeSHAP: accelerating SHAP value computation for trees*, 2021; and the weights of sets by Guillermo
/// Owen's integral (*Multilinear extensions of games*, 1972), `k! (D−1−k)! / D! = ∫ t^k (1−t)^{D−1−k} dt`, exact by quadrature and without
/// subtractions, where algorithm 2 divides its path apart again and loses digits with depth. Shares are those of
/// the two branches, so that they add up to 1 where the weights of branches do not add up to their split's. Values equal those of
/// LightGBM's `pred_contrib` and of shap's `TreeExplainer`.
///
/// **Instead**: [`Importances`](crate::Importances) for a first look at the whole model.
#[derive(Debug, Clone)]
#[must_use = "nothing is explained until rows are given"]
pub struct TreeShap<'a> {
    ensemble: &'a TreeEnsemble,
    game: Game,
    base: Vec<f64>,
}

/// What is expected of features that are not known.
#[derive(Debug, Clone)]
enum Game {
    /// The shares of both branches by tree and split, and quadratures by their size.
    Shares(Vec<Vec<[f64; 2]>>, BTreeMap<usize, Quadrature>),
    Background(Vec<Vec<Passed>>, Orders),
}

impl<'a> TreeShap<'a> {
    /// Path-dependent.
    pub fn new(ensemble: &'a TreeEnsemble) -> Self {
        Self::path_dependent(ensemble, NodeWeight::Rows)
    }

    /// What the branches of a split count. A background that was given is given up.
    pub fn node_weight(self, weight: NodeWeight) -> Self {
        Self::path_dependent(self.ensemble, weight)
    }

    fn path_dependent(ensemble: &'a TreeEnsemble, weight: NodeWeight) -> Self {
        let rows = weight == NodeWeight::Rows && ensemble.trees().iter().all(has_rows);
        let shares: Vec<_> = ensemble.trees().iter().map(|tree| shares(tree, rows)).collect();
        let mut expect = Expect::new(ensemble);
        let mut rules = BTreeMap::new();
        for (place, (tree, shares)) in ensemble.trees().iter().zip(&shares).enumerate() {
            let leaf = |path: &[Factor], _: usize| {
                let size = Quadrature::size(path.len());
                rules.entry(size).or_insert_with(|| Quadrature::of_terms(path.len()));
                path.iter().map(|factor| factor.share).product()
            };
            expect.add(place, tree, shares, leaf);
        }
        Self { ensemble, base: expect.base(), game: Game::Shares(shares, rules) }
    }

    /// Against the rows of a background, which all count the same. A few hundred are enough as a rule.
    ///
    /// # Errors
    ///
    /// Those of the type.
    pub fn interventional(self, background: &RecordBatch) -> Result<Self> {
        let ensemble = self.ensemble;
        let rows = background.num_rows();
        if rows == 0 {
            return Err(Error::too_few_rows(1, 0, "a background says what is expected"));
        }
        let columns =
            ensemble.read(background).map_err(|error| error.context("the background of TreeShap"))?;
        let passed = passed(ensemble, &columns, rows);
        let mut expect = Expect::new(ensemble);
        for (place, (tree, passed)) in ensemble.trees().iter().zip(&passed).enumerate() {
            expect.add(place, tree, &[], |path, leaf| passed[leaf].reach(path.len()));
        }
        Ok(Self { ensemble, base: expect.base(), game: Game::Background(passed, Orders::new()) })
    }

    /// What is expected of each output when nothing is known of a row.
    pub fn base(&self) -> &[f64] {
        &self.base
    }

    /// What each feature contributes to each output of each row.
    ///
    /// # Errors
    ///
    /// Those of the type.
    pub fn explain(&self, batch: &RecordBatch) -> Result<ShapValues> {
        let columns = self.ensemble.read(batch)?;
        let n = batch.num_rows();
        let features: Vec<String> = self.ensemble.features().iter().map(|f| f.name().to_owned()).collect();
        let mut values = Array3::zeros((self.ensemble.n_outputs(), features.len(), n));
        if n > 0 {
            let at_once = self.rows_at_once(n);
            let blocks: Vec<_> = values.axis_chunks_iter_mut(Axis(2), at_once).enumerate().collect();
            blocks
                .into_par_iter()
                .for_each(|(block, out)| self.explain_block(&columns, block * at_once, out));
        }
        Ok(ShapValues::new(features, values, self.base.clone()))
    }

    /// Rows of a block: enough that patterns come again, for all threads to have some, and not more than the cache has room for.
    fn rows_at_once(&self, rows: usize) -> usize {
        let depth = self.ensemble.trees().iter().map(Tree::depth).max().unwrap_or(0);
        let fair = rows.div_ceil(4 * rayon::current_num_threads());
        fair.min((1 << 20) / depth.max(1)).clamp(64, MOST_ROWS)
    }

    fn explain_block(&self, columns: &[ScalarBuffer<f64>], start: usize, out: ArrayViewMut3<'_, f64>) {
        let rows = out.len_of(Axis(2));
        let columns = columns.iter().map(|column| &column[start..start + rows]).collect();
        let trees = self.ensemble.trees();
        let mut block = Block {
            game: &self.game,
            place: 0,
            tree: None,
            patterns: Patterns::new(columns, rows),
            table: Vec::new(),
            scaled: Vec::new(),
            room: Room::default(),
            out,
        };
        for (place, tree) in trees.iter().enumerate() {
            block.place = place;
            block.tree = Some(tree);
            let shares = match &self.game {
                Game::Shares(shares, _) => shares[place].as_slice(),
                Game::Background(..) => &[],
            };
            walk(tree, shares, &mut block);
        }
        let n = self.ensemble.trees_per_output();
        if self.ensemble.combine() == Combine::Mean {
            block.out.iter_mut().for_each(|x| *x /= n);
        }
    }
}

/// The values of a block of rows.
struct Block<'a> {
    game: &'a Game,
    place: usize,
    tree: Option<&'a Tree>,
    patterns: Patterns<'a>,
    /// What features get of 1, by place on the path and pattern.
    table: Vec<f64>,
    scaled: Vec<f64>,
    room: Room,
    out: ArrayViewMut3<'a, f64>,
}

impl Visit for Block<'_> {
    fn enter(&mut self, level: usize, split: &Split, before: Option<usize>) {
        self.patterns.enter(level, split, before);
    }

    fn turn(&mut self, level: usize, before: Option<usize>) {
        self.patterns.turn(level, before);
    }

    fn leaf(&mut self, path: &[Factor], leaf: usize) {
        let Some(tree) = self.tree else { return };
        if path.is_empty() {
            return;
        }
        let n = self.patterns.number(path);
        self.table.resize(path.len() * n, 0.0);
        match self.game {
            Game::Shares(_, rules) => {
                let Some(rule) = rules.get(&Quadrature::size(path.len())) else { return };
                by_shares(path, rule, &self.patterns, n, &mut self.room, &mut self.table);
            }
            Game::Background(passed, orders) => {
                let passed = &passed[self.place][leaf];
                by_background(path.len(), passed, orders, &self.patterns, n, &mut self.table);
            }
        }
        let outputs = self.out.len_of(Axis(0));
        let values = tree.values(leaf);
        let first = if values.len() == outputs { 0 } else { self.place % outputs };
        for (&value, mut out) in values.iter().zip(self.out.outer_iter_mut().skip(first)) {
            self.scaled.clear();
            self.scaled.extend(self.table.iter().map(|x| value * x));
            for (factor, scaled) in path.iter().zip(self.scaled.chunks_exact(n)) {
                let mut out = out.index_axis_mut(Axis(0), factor.feature as usize);
                match out.as_slice_mut() {
                    Some(out) => {
                        out.iter_mut()
                            .zip(&self.patterns.numbers)
                            .for_each(|(x, &p)| *x += scaled[p as usize]);
                    }
                    None => {
                        out.iter_mut()
                            .zip(&self.patterns.numbers)
                            .for_each(|(x, &p)| *x += scaled[p as usize]);
                    }
                }
            }
        }
    }
}

/// Adds up what is expected of the outputs.
struct Expect<'a> {
    ensemble: &'a TreeEnsemble,
    sums: Vec<f64>,
}

struct Leaves<F>(F);

impl<F: FnMut(&[Factor], usize)> Visit for Leaves<F> {
    fn enter(&mut self, _: usize, _: &Split, _: Option<usize>) {}

    fn turn(&mut self, _: usize, _: Option<usize>) {}

    fn leaf(&mut self, path: &[Factor], leaf: usize) {
        (self.0)(path, leaf);
    }
}

impl<'a> Expect<'a> {
    fn new(ensemble: &'a TreeEnsemble) -> Self {
        Self { ensemble, sums: vec![0.0; ensemble.n_outputs()] }
    }

    /// The leaves of a tree, each by the share of rows that come to it.
    fn add(
        &mut self,
        place: usize,
        tree: &Tree,
        shares: &[[f64; 2]],
        mut reach: impl FnMut(&[Factor], usize) -> f64,
    ) {
        let outputs = self.sums.len();
        let first = if tree.width() == outputs { 0 } else { place % outputs };
        let leaf = |path: &[Factor], leaf: usize| {
            let share = reach(path, leaf);
            self.sums[first..].iter_mut().zip(tree.values(leaf)).for_each(|(sum, x)| *sum += share * x);
        };
        walk(tree, shares, &mut Leaves(leaf));
    }

    fn base(self) -> Vec<f64> {
        let n = if self.ensemble.combine() == Combine::Mean { self.ensemble.trees_per_output() } else { 1.0 };
        self.ensemble.base().iter().zip(self.sums).map(|(base, sum)| base + sum / n).collect()
    }
}

/// Whether it is known of all nodes which rows came there.
fn has_rows(tree: &Tree) -> bool {
    tree.splits().is_empty()
        || tree.splits().iter().all(|split| split.rows > 0)
            && (0..tree.n_leaves()).all(|leaf| tree.rows(leaf) > 0)
}

/// The shares of both branches of each split.
fn shares(tree: &Tree, rows: bool) -> Vec<[f64; 2]> {
    let weight = |child| match child {
        Child::Split(i) if rows => tree.splits()[i as usize].rows as f64,
        Child::Leaf(i) if rows => tree.rows(i as usize) as f64,
        Child::Split(i) => tree.splits()[i as usize].cover.max(0.0),
        Child::Leaf(i) => tree.cover(i as usize).max(0.0),
    };
    let of = |split: &Split| {
        let (left, right) = (weight(split.left), weight(split.right));
        // Halves, so that the sum of two great numbers is finite.
        let sum = 0.5 * left + 0.5 * right;
        if sum > 0.0 { [0.5 * left / sum, 0.5 * right / sum] } else { [0.5; 2] }
    };
    tree.splits().iter().map(of).collect()
}

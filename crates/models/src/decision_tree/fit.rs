//! Fitting decision trees.

use mlsys_core::arrow::buffer::ScalarBuffer;
use mlsys_core::{Classes, Dataset, Error, Fit, Kind, Result, Train, first_error};
use rayon::prelude::*;

use super::fitted::FittedDecisionTree;
use super::grow::{Growing, Node};
use super::measure::Measure;
use super::prune::{PruningPath, prune};
use super::{DecisionTree, Impurity, NAME};
use crate::features::features;
use crate::forest::fit::{classes, counted, weights_by_class};
use crate::trees::{
    Child, Classification, Combine, Link, MissingGoes, Regression, Split, Task, Test, Tree, TreeEnsemble,
    TreeFeature,
};

/// What a tree is grown on, and how its numbers become those of the target.
struct Job {
    train: Dataset<Train>,
    y: Vec<f64>,
    weights: Option<Vec<f64>>,
    measure: Measure,
    center: f64,
    scale: f64,
}

impl<T: Task> DecisionTree<T> {
    fn nodes(&self, job: &Job) -> Result<(Vec<TreeFeature>, Vec<Node>)> {
        let expected = "numbers, booleans, dates or times (encode text first, or leave it out)";
        let accepts = |kind: Kind| !matches!(kind, Kind::Text | Kind::Other);
        let features: Vec<TreeFeature> = features(&job.train, NAME, accepts, expected)?
            .into_iter()
            .map(TreeFeature::number)
            .collect::<Result<_>>()?;
        let read = |feature: &TreeFeature| feature.read(job.train.batch(), &self.missing);
        let columns: Vec<ScalarBuffer<f64>> = first_error(features.par_iter().map(read).collect())?;
        if job.y.is_empty() {
            return Err(Error::too_few_rows(1, 0, "a tree needs rows to grow on"));
        }
        if u32::try_from(job.y.len()).is_err() {
            return Err(Error::unsupported(format!("{NAME} on 4,294,967,296 rows or more")));
        }
        let growing = Growing {
            columns: &columns,
            y: &job.y,
            weights: job.weights.as_deref(),
            measure: job.measure,
            max_depth: self.max_depth.unwrap_or(usize::MAX),
            min_rows: self.min_rows as f64,
            min_split: usize::try_from(self.min_split_rows).unwrap_or(usize::MAX),
            min_gain: self.min_gain / job.unit(),
        };
        Ok((features, growing.tree()))
    }

    fn path(&self, job: &Job) -> Result<PruningPath> {
        let mut nodes = self.nodes(job)?.1;
        Ok(prune(&mut nodes, job.measure, job.unit(), f64::INFINITY))
    }

    fn ensemble(&self, job: &Job) -> Result<TreeEnsemble> {
        let (features, mut nodes) = self.nodes(job)?;
        if self.ccp_alpha > 0.0 {
            prune(&mut nodes, job.measure, job.unit(), self.ccp_alpha);
        }
        let tree = job.tree(&nodes)?;
        let base = vec![0.0; tree.width()];
        TreeEnsemble::new(features, self.missing, vec![tree], base, Combine::Mean)
    }
}

impl Job {
    /// What an impurity of 1 is.
    fn unit(&self) -> f64 {
        self.scale * self.scale
    }

    fn values(&self, cell: &[f64]) -> Vec<f64> {
        match self.measure {
            Measure::Gini(k) | Measure::Entropy(k) => {
                let all = self.measure.weight(cell);
                cell[..k].iter().map(|s| s / all).collect()
            }
            Measure::Squared => vec![self.center + self.scale * (cell[1] / cell[0])],
        }
    }

    /// The tree of the nodes that can be reached.
    fn tree(&self, nodes: &[Node]) -> Result<Tree> {
        let rows = |node: &Node| node.cell.last().map_or(0, |rows| *rows as u64);
        let (mut splits, mut values, mut covers, mut leaf_rows) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut width = 1;
        let mut open = vec![(0usize, None::<(usize, bool)>)];
        while let Some((place, above)) = open.pop() {
            let node = &nodes[place];
            let own = self.values(&node.cell);
            width = own.len();
            let child = match &node.question {
                None => {
                    values.extend(own);
                    covers.push(self.measure.weight(&node.cell));
                    leaf_rows.push(rows(node));
                    Child::Leaf(covers.len() as u32 - 1)
                }
                Some(question) => {
                    let impure = |place: usize| {
                        let cell = &nodes[place].cell;
                        self.measure.weight(cell) * self.measure.impurity(cell)
                    };
                    let gain =
                        impure(place) - question.children.iter().map(|&child| impure(child)).sum::<f64>();
                    let gain = self.unit() * gain.max(0.0);
                    splits.push(Split {
                        feature: question.feature as u32,
                        test: Test::AtMost(question.threshold),
                        missing: MissingGoes::side(question.missing_left),
                        left: Child::Leaf(0),
                        right: Child::Leaf(0),
                        gain: if gain.is_finite() { gain } else { f64::MAX },
                        value: match own.as_slice() {
                            [value] | [_, value] => *value,
                            _ => 0.0,
                        },
                        cover: self.measure.weight(&node.cell),
                        rows: rows(node),
                    });
                    let split = splits.len() - 1;
                    open.push((question.children[1], Some((split, false))));
                    open.push((question.children[0], Some((split, true))));
                    Child::Split(split as u32)
                }
            };
            if let Some((above, on_left)) = above {
                let split: &mut Split = &mut splits[above];
                *(if on_left { &mut split.left } else { &mut split.right }) = child;
            }
        }
        Tree::new(splits, width, values, covers, leaf_rows)
    }
}

impl DecisionTree<Classification> {
    fn job(&self, train: &Dataset<Train>) -> Result<(Job, Classes)> {
        self.validate()?;
        let train = counted(train)?;
        let (classes, codes) = classes(NAME, &train)?;
        let own = train.weights()?.map(|w| w.to_vec());
        let weights = weights_by_class(NAME, &classes, &codes, own, &self.class_weights)?;
        let measure = match self.impurity {
            Impurity::Gini => Measure::Gini(classes.n_classes()),
            Impurity::Entropy => Measure::Entropy(classes.n_classes()),
        };
        let y = codes.into_iter().map(f64::from).collect();
        Ok((Job { train, y, weights, measure, center: 0.0, scale: 1.0 }, classes))
    }

    /// At which complexities the tree would lose which impurity, whatever `ccp_alpha` says.
    ///
    /// # Errors
    ///
    /// As [`Fit::fit`].
    pub fn pruning_path(&self, train: &Dataset<Train>) -> Result<PruningPath> {
        self.path(&self.job(train)?.0)
    }
}

impl DecisionTree<Regression> {
    fn job(&self, train: &Dataset<Train>) -> Result<Job> {
        self.validate()?;
        let train = counted(train)?;
        let mut y = train.target_values(NAME)?.to_vec();
        let weights = train.weights()?.map(|w| w.to_vec());
        let n = y.len() as f64;
        let center = y.iter().fold(0.0, |sum, y| sum + y / n);
        let most = y.iter().fold(0.0, |most: f64, y| most.max((y - center).abs()));
        if !(most.is_finite() && center.is_finite()) {
            let target = train.layout().target(NAME)?;
            return Err(Error::invalid_value(target, None, "numbers too large to add up", "a smaller scale"));
        }
        let scale = if most > 0.0 { most } else { 1.0 };
        y.iter_mut().for_each(|y| *y = (*y - center) / scale);
        Ok(Job { train, y, weights, measure: Measure::Squared, center, scale })
    }

    /// At which complexities the tree would lose which impurity, whatever `ccp_alpha` says.
    ///
    /// # Errors
    ///
    /// As [`Fit::fit`].
    pub fn pruning_path(&self, train: &Dataset<Train>) -> Result<PruningPath> {
        self.path(&self.job(train)?)
    }
}

impl Fit for DecisionTree<Classification> {
    type Fitted = FittedDecisionTree;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedDecisionTree> {
        let (job, classes) = self.job(train)?;
        Ok(FittedDecisionTree::new(self.ensemble(&job)?, classes))
    }
}

impl Fit for DecisionTree<Regression> {
    type Fitted = FittedDecisionTree<Regression>;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedDecisionTree<Regression>> {
        let job = self.job(train)?;
        Ok(FittedDecisionTree::new(self.ensemble(&job)?, Link::Identity))
    }
}

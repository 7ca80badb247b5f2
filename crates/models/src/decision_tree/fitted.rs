//! Fitted decision trees, and what they look like.

use std::fmt::Write;
use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlsys_core::{Classes, Error, InputColumn, Predict, PredictProba, Probabilities, Result};
use serde::{Deserialize, Serialize};

use crate::trees::{Child, Classification, Regression, Scorer, Task, Test, Tree, TreeEnsemble};

/// What fitting a [`DecisionTree`](crate::DecisionTree) returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct FittedDecisionTree<T: Task = Classification> {
    ensemble: TreeEnsemble,
    output: T::Output,
}

mlsys_core::artifact!(FittedDecisionTree<Classification>, "mlsys.DecisionTree", 1);
mlsys_core::artifact!(FittedDecisionTree<Regression>, "mlsys.DecisionTreeRegressor", 1);

impl<T: Task> FittedDecisionTree<T> {
    pub(super) fn new(ensemble: TreeEnsemble, output: T::Output) -> Self {
        Self { ensemble, output }
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.ensemble.input_columns()
    }

    /// The tree, as an ensemble of one.
    pub fn ensemble(&self) -> &TreeEnsemble {
        &self.ensemble
    }

    /// The tree.
    ///
    /// # Panics
    ///
    /// Never: there is one.
    pub fn tree(&self) -> &Tree {
        &self.ensemble.trees()[0]
    }

    /// What predicts one row at a time, without allocating.
    pub fn scorer(&self) -> Scorer {
        Scorer::new(&self.ensemble)
    }

    fn is_one_tree(&self, outputs: usize) -> Result<()> {
        self.ensemble.validate()?;
        let (trees, found) = (self.ensemble.trees(), self.ensemble.n_outputs());
        match trees {
            [tree]
                if found == outputs
                    && tree.width() == outputs
                    && self.ensemble.base().iter().all(|b| *b == 0.0) =>
            {
                Ok(())
            }
            _ => Err(Error::artifact(format!(
                "{} trees of {found} outputs, not one of {outputs}",
                trees.len()
            ))),
        }
    }

    /// The tree as indented lines, from the root on, left before right; `leaf` says what a leaf is.
    fn lines(&self, decimals: usize, leaf: impl Fn(usize) -> String) -> String {
        let mut text = String::new();
        let tree = self.tree();
        // A line, or a child and how deep it is.
        enum Next {
            Line(usize, String),
            Node(usize, Child),
        }
        let mut next = vec![Next::Node(0, tree.root())];
        while let Some(item) = next.pop() {
            match item {
                Next::Line(depth, line) => {
                    let _ = writeln!(text, "{}|--- {line}", "|   ".repeat(depth));
                }
                Next::Node(depth, Child::Leaf(i)) => next.push(Next::Line(depth, leaf(i as usize))),
                Next::Node(depth, Child::Split(i)) => {
                    let split = &tree.splits()[i as usize];
                    let name = self.ensemble.features()[split.feature as usize].name();
                    let [yes, no] = match &split.test {
                        Test::AtMost(t) => {
                            [format!("{name} <= {t:.decimals$}"), format!("{name} >  {t:.decimals$}")]
                        }
                        Test::In(_) => [format!("{name} in a set"), format!("{name} not in it")],
                    };
                    next.push(Next::Node(depth + 1, split.right));
                    next.push(Next::Line(depth, no));
                    next.push(Next::Node(depth + 1, split.left));
                    next.push(Next::Line(depth, yes));
                }
            }
        }
        text
    }

    /// The tree in Graphviz' language, to be drawn by `dot -Tsvg`.
    fn graph(&self, leaf: impl Fn(usize) -> String) -> String {
        let mut text = String::from("digraph Tree {\n  node [shape=box];\n");
        let tree = self.tree();
        let quoted = |label: &str| label.replace('\\', "\\\\").replace('"', "\\\"");
        let id = |child: Child| match child {
            Child::Split(i) => format!("split{i}"),
            Child::Leaf(i) => format!("leaf{i}"),
        };
        for (place, split) in tree.splits().iter().enumerate() {
            let name = quoted(self.ensemble.features()[split.feature as usize].name());
            let test = match &split.test {
                Test::AtMost(t) => format!("{name} <= {t}"),
                Test::In(_) => format!("{name} in a set"),
            };
            let missing = if split.missing.is_left() { "left" } else { "right" };
            let _ = writeln!(
                text,
                "  split{place} [label=\"{test}\\nrows {}\\nmissing {missing}\"];",
                split.rows
            );
            let _ = writeln!(text, "  split{place} -> {} [label=\"yes\"];", id(split.left));
            let _ = writeln!(text, "  split{place} -> {} [label=\"no\"];", id(split.right));
        }
        for i in 0..tree.n_leaves() {
            let _ = writeln!(text, "  leaf{i} [label=\"{}\\nrows {}\"];", quoted(&leaf(i)), tree.rows(i));
        }
        text.push_str("}\n");
        text
    }
}

impl FittedDecisionTree<Classification> {
    fn validate(&self) -> Result<()> {
        self.is_one_tree(self.output.n_classes())?;
        let tree = self.tree();
        let shares = |leaf: usize| {
            let own = tree.values(leaf);
            own.iter().all(|x| (0.0..=1.0).contains(x)) && (own.iter().sum::<f64>() - 1.0).abs() < 1e-9
        };
        match (0..tree.n_leaves()).all(shares) {
            true => Ok(()),
            false => Err(Error::artifact("leaves that are no shares of classes")),
        }
    }

    fn leaf(&self, leaf: usize, decimals: usize) -> String {
        let (values, cover) = (self.tree().values(leaf), self.tree().cover(leaf));
        let weights: Vec<String> =
            values.iter().map(|share| format!("{:.decimals$}", share * cover)).collect();
        let more = |best: usize, class: usize| if values[class] > values[best] { class } else { best };
        let class = &self.output.values()[(0..values.len()).fold(0, more)];
        format!("weights: [{}] class: {class}", weights.join(", "))
    }

    /// The tree as indented text, in the form of scikit-learn's `export_text`, with the weights of the classes in each leaf.
    pub fn to_text(&self, decimals: usize) -> String {
        self.lines(decimals, |leaf| self.leaf(leaf, decimals))
    }

    /// The tree in Graphviz' language, to be drawn by `dot -Tsvg`.
    pub fn to_graphviz(&self) -> String {
        self.graph(|leaf| self.leaf(leaf, 3))
    }
}

impl FittedDecisionTree<Regression> {
    fn validate(&self) -> Result<()> {
        self.is_one_tree(1)
    }

    /// The tree as indented text, in the form of scikit-learn's `export_text`.
    pub fn to_text(&self, decimals: usize) -> String {
        self.lines(decimals, |leaf| format!("value: [{:.decimals$}]", self.tree().values(leaf)[0]))
    }

    /// The tree in Graphviz' language, to be drawn by `dot -Tsvg`.
    pub fn to_graphviz(&self) -> String {
        self.graph(|leaf| format!("value {}", self.tree().values(leaf)[0]))
    }
}

impl Predict for FittedDecisionTree<Classification> {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(self.output.take(self.predict_proba(batch)?.argmax()))
    }
}

impl PredictProba for FittedDecisionTree<Classification> {
    fn classes(&self) -> &Classes {
        &self.output
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        Probabilities::new(self.ensemble.outputs(batch)?)
    }
}

impl Predict for FittedDecisionTree<Regression> {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(Arc::new(Float64Array::from_iter_values(self.ensemble.outputs(batch)?)))
    }
}

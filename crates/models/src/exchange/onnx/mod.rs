//! ONNX: `TreeEnsembleRegressor` and `TreeEnsembleClassifier` of `ai.onnx.ml` 3.

mod nodes;
mod proto;
mod protobuf;

use mlsys_core::{Category, Classes, Error, Result};

use super::{Link, TreeModel};
use crate::trees::Combine;
use nodes::Nodes;
use proto::{DOUBLE, FLOAT, INT64, Node, STRING};

const DOMAIN: &str = "ai.onnx.ml";

/// What the rows of an ONNX model are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnnxInput {
    /// Floats of 32 bits. Thresholds become the largest floats that are not above them, so that every float takes the same way as here.
    #[default]
    Float,
    /// Doubles, with thresholds and leaves as they are.
    Double,
}

impl OnnxInput {
    /// A threshold as rows can be compared with.
    fn threshold(self, t: f64) -> Result<f64> {
        if self == Self::Double {
            return Ok(t);
        }
        let nearest = t as f32;
        let below = if f64::from(nearest) > t { nearest.next_down() } else { nearest };
        // The float itself goes left, the next one right; there is none after infinity.
        let next = below.next_up();
        match f64::from(below) <= t && (f64::from(next) > t || next == below) {
            true => Ok(f64::from(below)),
            false => Err(Error::unsupported(format!("no float of 32 bits decides as the threshold {t:?}"))),
        }
    }
}

/// Writes trees as an ONNX model.
///
/// Logistic and softmax links become a `TreeEnsembleClassifier`, others a `TreeEnsembleRegressor` and what the link needs behind it.
///
/// | Parameter | Default | |
/// |---|---|---|
/// | `input` | `Float` | whether rows are floats of 32 bits or doubles |
/// | `classes` | 0, 1, ... | the labels of a classifier |
///
/// Input of the model: `X`, a row per row and a column per feature, in the order of the features, which the metadata `features` lists as
/// JSON. Missing is NaN. Categories are their codes, their places in the list of `categories` in the metadata; an unseen one is NaN, or a
/// code beyond the list if it goes with those that a split does not name.
///
/// Output of the model: `label` and `probabilities`; else `prediction`. ONNX has floats of 32 bits for both: rows come to the same leaves as
/// here, and sums agree to the rounding of floats (of the last step, if the input is of doubles).
///
/// Splits by categories become a chain of `BRANCH_EQ`, whose true branches lead to the same node, and splits for which zero is missing up to
/// three comparisons. The standard does not forbid that; onnxruntime from 1.17 on makes one test of a chain. Checked with 1.31.
///
/// The file has a node per split and leaf, and one per category of splits by categories.
///
/// ```
/// use mlsys_models::exchange::onnx::OnnxWriter;
/// # use mlsys_models::exchange::lightgbm;
/// # let text = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\nobjective=binary sigmoid:1\n\
/// #             feature_names=hour\nfeature_infos=[0:23]\n\nTree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nsplit_gain=1\n\
/// #             threshold=16.5\ndecision_type=2\nleft_child=-1\nright_child=-2\nleaf_value=-1 2\nshrinkage=1\n\nend of trees\n";
/// let model = lightgbm::read(text)?;
/// let bytes = OnnxWriter::new().write(&model)?;
/// assert_eq!(bytes[..2], [8, 8]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Source: ONNX 1.23, `ai.onnx.ml.TreeEnsembleClassifier-3` and `TreeEnsembleRegressor-3`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OnnxWriter {
    input: OnnxInput,
    classes: Option<Classes>,
}

impl OnnxWriter {
    /// For rows of 32-bit floats and classes 0, 1, ...
    pub fn new() -> Self {
        Self::default()
    }

    /// What rows are.
    #[must_use]
    pub fn input(mut self, input: OnnxInput) -> Self {
        self.input = input;
        self
    }

    /// The labels of a classifier, in the order of its outputs; the second of two is the one whose log-odds the output is.
    #[must_use]
    pub fn classes(mut self, classes: Classes) -> Self {
        self.classes = Some(classes);
        self
    }

    /// The bytes of the file.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](mlsys_core::ErrorKind::Unsupported) for the link [`Link::Step`], for two outputs that are logistic each, and for values that floats of 32 bits cannot hold;
    /// [`Shape`](mlsys_core::ErrorKind::Shape) when there are more or fewer classes than the model tells apart, or classes of a model that
    /// tells none apart.
    pub fn write(&self, model: &TreeModel) -> Result<Vec<u8>> {
        let ensemble = model.ensemble();
        let outputs = ensemble.n_outputs();
        let (link, n_classes) = match model.link() {
            Link::Logistic { .. } if outputs == 1 => (model.link(), 2),
            Link::Logistic { .. } if outputs == 2 => {
                let what = "two outputs, each one class against the other, in ONNX: one output tells two classes apart";
                return Err(Error::unsupported(what));
            }
            Link::Logistic { .. } | Link::Softmax => (model.link(), outputs),
            Link::Step => {
                let what = "a step from raw outputs to classes in ONNX: write the model with Link::Identity";
                return Err(Error::unsupported(what));
            }
            link => (link, 0),
        };
        if let Some(classes) = &self.classes
            && classes.n_classes() != n_classes
        {
            return Err(Error::shape("classes", n_classes, classes.n_classes()));
        }
        let mut nodes = Nodes::default();
        for (place, tree) in ensemble.trees().iter().enumerate() {
            let output = if tree.width() == outputs { 0 } else { place % outputs };
            nodes.add(tree, output, ensemble, self.input)?;
        }
        if ensemble.trees().is_empty() {
            nodes.add(&super::parts::nothing()?, 0, ensemble, self.input)?;
        }
        // ONNX averages over all trees, not over those of an output.
        let wide = ensemble.trees().first().is_none_or(|tree| tree.width() == outputs);
        let n = match ensemble.combine() {
            Combine::Sum => 1.0,
            Combine::Mean => (ensemble.trees().len() / if wide { 1 } else { outputs }).max(1) as f64,
        };
        let scale = if let Link::Logistic { scale } = link { scale } else { 1.0 };
        nodes.leaves.iter_mut().for_each(|(.., x)| *x = *x / n * scale);
        let base: Vec<f64> = ensemble.base().iter().map(|x| x * scale).collect();

        let names: Vec<&str> = ensemble.features().iter().map(|feature| feature.name()).collect();
        let categories: Vec<Option<Vec<String>>> = (ensemble.features().iter())
            .map(|feature| Some(feature.categories()?.iter().map(ToString::to_string).collect()))
            .collect();
        let about = [
            ("features", serde_json::to_string(&names).map_err(Error::external)?),
            ("categories", serde_json::to_string(&categories).map_err(Error::external)?),
        ];
        let input = proto::tensor(
            "X",
            if self.input == OnnxInput::Double { DOUBLE } else { FLOAT },
            Some(names.len()),
        );
        if n_classes > 0 {
            let (node, label) = self.classifier(nodes, base, link, n_classes)?;
            let outputs = vec![
                proto::tensor("label", label, None),
                proto::tensor("probabilities", FLOAT, Some(n_classes)),
            ];
            return Ok(proto::model(vec![node], input, outputs, &about));
        }
        let raw = if link == Link::Identity { "prediction" } else { "raw" };
        let mut chain = vec![self.regressor(nodes, &base, outputs, raw)?];
        let mut then =
            |op: &str, inputs: &[&str], output: &str| chain.push(Node::new(op, "", inputs, &[output]));
        match link {
            Link::Exp => then("Exp", &["raw"], "prediction"),
            Link::Softplus => then("Softplus", &["raw"], "prediction"),
            Link::SignedSquare => {
                then("Abs", &["raw"], "size");
                then("Mul", &["raw", "size"], "prediction");
            }
            _ => {}
        }
        let output = proto::tensor("prediction", FLOAT, Some(outputs));
        Ok(proto::model(chain, input, vec![output], &about))
    }

    fn regressor(&self, nodes: Nodes, base: &[f64], outputs: usize, output: &str) -> Result<Node> {
        let node = Node::new("TreeEnsembleRegressor", DOMAIN, &["X"], &[output])
            .int("n_targets", outputs as i64)
            .string("aggregate_function", "SUM")
            .string("post_transform", "NONE");
        self.trees(node, nodes, base, "target")
    }

    fn classifier(&self, mut nodes: Nodes, mut base: Vec<f64>, link: Link, n: usize) -> Result<(Node, i64)> {
        let mut transform = if link == Link::Softmax { "SOFTMAX" } else { "LOGISTIC" };
        if n == 2 {
            // The softmax of 0 and x is the logistic of x. onnxruntime takes the sign of the second score for the label, guesses which class
            // values of one class only are of, and does not add base values as it does for more classes.
            transform = "SOFTMAX";
            let sign = |output: i64| if output == 0 && base.len() == 2 { -1.0 } else { 1.0 };
            nodes.leaves.iter_mut().for_each(|(_, _, output, x)| (*output, *x) = (1, sign(*output) * *x));
            let start: f64 = (0..).zip(&base).map(|(output, x)| sign(output) * x).sum();
            let first = nodes.leaves.first().map_or(0, |leaf| leaf.0);
            let mut last = None;
            for (tree, node, _, x) in &mut nodes.leaves {
                // Once per leaf, which has two values if trees are of both outputs.
                if *tree == first && last.replace(*node) != Some(*node) {
                    *x += start;
                }
            }
            if let Some(&(tree, node, ..)) = nodes.leaves.first() {
                nodes.leaves.insert(0, (tree, node, 0, 0.0));
            }
            base.clear();
        }
        let node = Node::new("TreeEnsembleClassifier", DOMAIN, &["X"], &["label", "probabilities"])
            .string("post_transform", transform);
        let integer = |class: &Category| if let Category::Int(x) = class { Some(*x) } else { None };
        let (integers, texts) = match &self.classes {
            None => (Some((0..n as i64).collect::<Vec<_>>()), Vec::new()),
            Some(classes) => (
                classes.values().iter().map(integer).collect(),
                classes.values().iter().map(ToString::to_string).collect(),
            ),
        };
        let (node, label) = match integers {
            Some(integers) => (node.ints("classlabels_int64s", &integers), INT64),
            None => (node.strings("classlabels_strings", &texts), STRING),
        };
        Ok((self.trees(node, nodes, &base, "class")?, label))
    }

    /// The attributes that both have; those of leaves begin with `target` or `class`.
    fn trees(&self, node: Node, nodes: Nodes, base: &[f64], prefix: &str) -> Result<Node> {
        let column = |of: fn(&(i64, i64, i64, f64)) -> i64| nodes.leaves.iter().map(of).collect::<Vec<_>>();
        let weights: Vec<f64> = nodes.leaves.iter().map(|leaf| leaf.3).collect();
        let node = node
            .ints("nodes_treeids", &nodes.tree)
            .ints("nodes_nodeids", &nodes.id)
            .ints("nodes_featureids", &nodes.feature)
            .strings("nodes_modes", &nodes.mode)
            .ints("nodes_truenodeids", &nodes.if_true)
            .ints("nodes_falsenodeids", &nodes.if_false)
            .ints("nodes_missing_value_tracks_true", &nodes.missing_is_true)
            .ints(&format!("{prefix}_treeids"), &column(|leaf| leaf.0))
            .ints(&format!("{prefix}_nodeids"), &column(|leaf| leaf.1))
            .ints(&format!("{prefix}_ids"), &column(|leaf| leaf.2));
        let weights_name = format!("{prefix}_weights");
        if self.input == OnnxInput::Double {
            let node = node
                .doubles("nodes_values_as_tensor", &nodes.value)
                .doubles(&format!("{weights_name}_as_tensor"), &weights);
            return Ok(if base.is_empty() { node } else { node.doubles("base_values_as_tensor", base) });
        }
        let thresholds: Vec<f32> = nodes.value.iter().map(|&x| x as f32).collect();
        let node = node.floats("nodes_values", &thresholds).floats(&weights_name, &narrow(&weights)?);
        Ok(if base.is_empty() { node } else { node.floats("base_values", &narrow(base)?) })
    }
}

/// Floats of 32 bits.
fn narrow(values: &[f64]) -> Result<Vec<f32>> {
    let narrow = |&x: &f64| match x as f32 {
        y if y.is_finite() => Ok(y),
        _ => Err(Error::unsupported(format!("{x:e} as a float of 32 bits: write for inputs of doubles"))),
    };
    values.iter().map(narrow).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn floats_are_decided_alike(bits in any::<u64>(), near in any::<u32>()) {
            let near = f64::from(f32::from_bits(near));
            for t in [f64::from_bits(bits), near, near.next_up(), near.next_down()] {
                prop_assume!(!t.is_nan());
                let float = OnnxInput::Float.threshold(t).unwrap() as f32;
                for x in [float, float.next_up(), float.next_down(), t as f32, f32::INFINITY, f32::NEG_INFINITY] {
                    prop_assert_eq!(f64::from(x) <= t, x <= float, "{} at {}", x, t);
                }
            }
        }
    }
}

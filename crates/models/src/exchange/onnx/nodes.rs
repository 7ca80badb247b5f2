//! Trees as ONNX has them: all nodes of all trees in columns.

use mlsys_core::{Error, Result};

use super::OnnxInput;
use crate::trees::{Child, Split, Test, Tree, TreeEnsemble, ZERO};

/// The nodes of all trees, and the leaves with their values.
#[derive(Default)]
pub(super) struct Nodes {
    pub tree: Vec<i64>,
    pub id: Vec<i64>,
    pub feature: Vec<i64>,
    pub mode: Vec<&'static str>,
    pub value: Vec<f64>,
    pub if_true: Vec<i64>,
    pub if_false: Vec<i64>,
    pub missing_is_true: Vec<i64>,
    /// Tree, node, output and value.
    pub leaves: Vec<(i64, i64, i64, f64)>,
}

const LEAF: &str = "LEAF";
const AT_MOST: &str = "BRANCH_LEQ";
const EQUAL: &str = "BRANCH_EQ";

/// A question of a chain: whom it holds for goes left or right, others go on to the next, and right after the last.
struct Question {
    mode: &'static str,
    value: f64,
    left: bool,
}

impl Nodes {
    /// Adds a tree whose leaves with one value are of `output`.
    pub fn add(
        &mut self,
        tree: &Tree,
        output: usize,
        ensemble: &TreeEnsemble,
        input: OnnxInput,
    ) -> Result<()> {
        let number = self.tree.last().map_or(0, |last| last + 1);
        let mut chains = Vec::with_capacity(tree.splits().len());
        let mut starts = Vec::with_capacity(tree.splits().len());
        let mut n = 0;
        for split in tree.splits() {
            let chain = questions(split, ensemble, input)?;
            starts.push(n);
            n += chain.len() as i64;
            chains.push(chain);
        }
        let id = |child: Child| match child {
            Child::Split(i) => starts.get(i as usize).copied().unwrap_or(0),
            Child::Leaf(i) => n + i64::from(i),
        };
        for ((split, chain), start) in tree.splits().iter().zip(&chains).zip(&starts) {
            let (left, right) = (id(split.left), id(split.right));
            for (place, question) in chain.iter().enumerate() {
                let next = start + place as i64 + 1;
                let last = place + 1 == chain.len();
                // The first sends left, and so do all that ask for categories.
                let missing = split.missing.is_left() && (place == 0 || question.mode == EQUAL);
                self.tree.push(number);
                self.id.push(next - 1);
                self.feature.push(i64::from(split.feature));
                self.mode.push(question.mode);
                self.value.push(question.value);
                self.if_true.push(if question.left { left } else { right });
                self.if_false.push(if last { right } else { next });
                self.missing_is_true.push(i64::from(missing));
            }
        }
        for leaf in 0..tree.n_leaves() {
            let node = n + leaf as i64;
            self.tree.push(number);
            self.id.push(node);
            self.feature.push(0);
            self.mode.push(LEAF);
            self.value.push(0.0);
            self.if_true.push(0);
            self.if_false.push(0);
            self.missing_is_true.push(0);
            for (column, &x) in tree.values(leaf).iter().enumerate() {
                self.leaves.push((number, node, (output + column) as i64, x));
            }
        }
        Ok(())
    }
}

/// A split as questions.
fn questions(split: &Split, ensemble: &TreeEnsemble, input: OnnxInput) -> Result<Vec<Question>> {
    let left = split.missing.is_left();
    let at_most =
        |value: f64, left: bool| input.threshold(value).map(|value| Question { mode: AT_MOST, value, left });
    let zero = split.missing.has_zero();
    match &split.test {
        Test::AtMost(t) if !zero => Ok(vec![at_most(*t, true)?]),
        // Zero counts as missing: where it would go the other way, it is cut out of the half line.
        Test::AtMost(t) => match left {
            true if *t >= ZERO => Ok(vec![at_most(*t, true)?]),
            true if *t >= -ZERO => Ok(vec![at_most(ZERO, true)?]),
            true => Ok(vec![at_most(*t, true)?, at_most((-ZERO).next_down(), false)?, at_most(ZERO, true)?]),
            false if *t < -ZERO => Ok(vec![at_most(*t, true)?]),
            false if *t <= ZERO => Ok(vec![at_most((-ZERO).next_down(), true)?]),
            false => Ok(vec![at_most((-ZERO).next_down(), true)?, at_most(ZERO, false)?, at_most(*t, true)?]),
        },
        Test::In(set) => {
            let categories = ensemble.features().get(split.feature as usize).and_then(|f| f.categories());
            let n = categories.unwrap_or_default().len() as u32;
            if input == OnnxInput::Float && n > 1 << 24 {
                let why = "more than 16,777,216 categories as floats of 32 bits: write for inputs of doubles";
                return Err(Error::unsupported(why));
            }
            let contains = |code: u32| if zero && code == 0 { left } else { set.contains(code) };
            let mut chain: Vec<Question> = (0..n)
                .filter(|&code| contains(code))
                .map(|code| Question { mode: EQUAL, value: f64::from(code), left: true })
                .collect();
            if chain.is_empty() {
                chain.push(Question { mode: EQUAL, value: -1.0, left: true });
            }
            Ok(chain)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::parts;
    use crate::trees::{Combine, MissingGoes, MissingPolicy};
    use mlsys_core::Category;
    use proptest::prelude::*;

    /// The leaf of a row, as the standard says.
    fn walk(nodes: &Nodes, row: &[f64]) -> i64 {
        let mut at = 0;
        loop {
            if nodes.mode[at] == LEAF {
                return nodes.id[at];
            }
            let x = row[nodes.feature[at] as usize];
            let holds = if x.is_nan() {
                nodes.missing_is_true[at] == 1
            } else if nodes.mode[at] == EQUAL {
                x == nodes.value[at]
            } else {
                x <= nodes.value[at]
            };
            let next = if holds { nodes.if_true[at] } else { nodes.if_false[at] };
            at = nodes.id.iter().position(|&id| id == next).unwrap();
        }
    }

    proptest! {
        #[test]
        fn nodes_lead_to_the_same_leaves(
            t in prop_oneof![Just(0.0), Just(ZERO), Just(-ZERO), Just(1e-36), Just(-1e-36), -2.0..2.0, Just(f64::INFINITY)],
            missing in prop::sample::select(vec![
                MissingGoes::Left, MissingGoes::Right, MissingGoes::LeftWithZero, MissingGoes::RightWithZero,
            ]),
            set in prop::collection::vec(0u32..6, 0..6),
            doubles in any::<bool>(),
        ) {
            let split = |feature, test, left, right| Split {
                feature, test, missing, left, right, gain: 0.0, value: 0.0, cover: 0.0, rows: 0,
            };
            let splits = vec![
                split(0, Test::AtMost(t), Child::Split(1), Child::Leaf(0)),
                split(1, Test::In(set.into_iter().collect()), Child::Leaf(1), Child::Leaf(2)),
            ];
            let tree = Tree::new(splits, 1, vec![1.0, 2.0, 3.0], vec![0.0; 3], vec![0; 3]).unwrap();
            let categories = (0..5).map(Category::Int).collect();
            let features = vec![parts::number("x").unwrap(), parts::category("k", categories).unwrap()];
            let ensemble = TreeEnsemble::new(
                features, MissingPolicy::default(), vec![tree.clone()], vec![0.0], Combine::Sum,
            ).unwrap();
            let input = if doubles { OnnxInput::Double } else { OnnxInput::Float };
            let mut nodes = Nodes::default();
            nodes.add(&tree, 0, &ensemble, input).unwrap();
            let first = nodes.leaves[0].1;
            for x in [t, t.next_up(), t.next_down(), 0.0, -0.0, ZERO, -ZERO, 1e-30, -1e-30, -3.0, 3.0, f64::NAN] {
                let x = if doubles { x } else { f64::from(x as f32) };
                for k in [0.0, 1.0, 2.0, 4.0, 5.0, 9.0, f64::NAN] {
                    let row = [x, k];
                    // A code beyond the list is of no set: those that the tree names beyond it are never read.
                    let known = if k > 4.0 { [x, 1e9] } else { row };
                    prop_assert_eq!(walk(&nodes, &row) - first, tree.leaf(&known) as i64, "{:?}", row);
                }
            }
        }
    }
}

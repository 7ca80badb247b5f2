//! Minimal cost-complexity pruning.

use super::grow::Node;
use super::measure::Measure;

/// The complexities at which a tree loses its weakest branches, and the impurity of the leaves that are then left.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PruningPath {
    /// The complexity from which on a branch is cut; 0 at first, for the whole tree.
    pub alphas: Vec<f64>,
    /// The impurity of the leaves, by their share of the weight.
    pub impurities: Vec<f64>,
}

/// Cuts the weakest branches up to a complexity, one after another.
pub(super) fn prune(nodes: &mut [Node], measure: Measure, unit: f64, alpha: f64) -> PruningPath {
    let all = measure.weight(&nodes[0].cell);
    let own: Vec<f64> = nodes
        .iter()
        .map(|node| unit * measure.impurity(&node.cell) * measure.weight(&node.cell) / all)
        .collect();
    let mut above = vec![None; nodes.len()];
    let mut branch = own.clone();
    let mut leaves = vec![1usize; nodes.len()];
    let mut alive = vec![true; nodes.len()];
    for (place, node) in nodes.iter().enumerate().rev() {
        if let Some(question) = &node.question {
            question.children.iter().for_each(|&child| above[child] = Some(place));
            branch[place] = question.children.iter().map(|&child| branch[child]).sum();
            leaves[place] = question.children.iter().map(|&child| leaves[child]).sum();
        }
    }
    let mut path = PruningPath { alphas: vec![0.0], impurities: vec![branch[0]] };
    loop {
        let mut weakest: Option<(f64, usize)> = None;
        for (place, node) in nodes.iter().enumerate() {
            if alive[place] && node.question.is_some() {
                let cost = (own[place] - branch[place]) / (leaves[place] - 1) as f64;
                if weakest.is_none_or(|(least, _)| cost < least) {
                    weakest = Some((cost, place));
                }
            }
        }
        let Some((cost, place)) = weakest.filter(|(cost, _)| *cost <= alpha) else { return path };
        let mut below: Vec<usize> = vec![place];
        while let Some(node) = below.pop() {
            if let Some(question) = nodes[node].question.take() {
                question.children.iter().for_each(|&child| alive[child] = false);
                below.extend(question.children);
            }
        }
        let (less, gained) = (leaves[place] - 1, own[place] - branch[place]);
        let mut at = Some(place);
        while let Some(node) = at {
            leaves[node] -= less;
            branch[node] += gained;
            at = above[node];
        }
        path.alphas.push(cost);
        path.impurities.push(branch[0]);
    }
}

//! One tree of a file.

use std::collections::BTreeMap;

use mlsys_core::{Error, Result};

use super::json;
use super::threshold::at_most;
use crate::exchange::parts::Draft;
use crate::trees::{Child, MissingGoes, Split, Test};

/// A tree, and the categories of its splits by their places: the sets follow when features are known.
pub(super) struct Read {
    pub draft: Draft,
    pub sets: BTreeMap<usize, Vec<u32>>,
}

/// A tree whose leaves count `weight` times.
pub(super) fn read(number: usize, tree: &json::Tree, features: usize, weight: f64) -> Result<Read> {
    let error = |field: &str, why: String| {
        Error::artifact(format!("`{field}` of tree {number} of an XGBoost model: {why}"))
    };
    let refused = |field: &str, why: String| Err(error(field, why));
    if tree.tree_param.size_leaf_vector.as_deref().is_some_and(|size| size != "0" && size != "1") {
        let why = "leaves of several values are not supported; train with multi_strategy=one_output_per_tree";
        return refused("size_leaf_vector", why.into());
    }
    let n = tree.left_children.len();
    let lengths = [
        ("right_children", tree.right_children.len(), false),
        ("split_indices", tree.split_indices.len(), false),
        ("split_conditions", tree.split_conditions.len(), false),
        ("default_left", tree.default_left.len(), false),
        ("split_type", tree.split_type.len(), true),
        ("loss_changes", tree.loss_changes.len(), true),
        ("sum_hessian", tree.sum_hessian.len(), true),
    ];
    for (field, length, optional) in lengths {
        if length != n && !(optional && length == 0) {
            return refused(field, format!("{length} values of {n} nodes"));
        }
    }
    let mut sets = sets(tree).map_err(|why| error("categories_segments", why))?;

    // What hangs below the root; pruned nodes do not. Then splits and leaves are numbered in the order of their nodes.
    let mut below = vec![false; n];
    let mut open = vec![0];
    while let Some(node) = open.pop() {
        match below.get_mut(node) {
            Some(seen) if !*seen => *seen = true,
            Some(_) => return refused("left_children", format!("node {node} is below two nodes")),
            None => return refused("left_children", format!("node {node} of {n} is not there")),
        }
        if let Some(children) = children(tree, node) {
            for child in children {
                match usize::try_from(child) {
                    Ok(child) => open.push(child),
                    Err(_) => return refused("left_children", format!("{child} below node {node}")),
                }
            }
        }
    }
    let (mut splits, mut leaves) = (0, 0);
    let mut places = Vec::with_capacity(n);
    for (node, below) in below.iter().enumerate() {
        let (next, of) = match children(tree, node) {
            Some(_) => (&mut splits, Child::Split as fn(u32) -> Child),
            None => (&mut leaves, Child::Leaf as fn(u32) -> Child),
        };
        places.push(of(*next));
        *next += u32::from(*below);
    }
    let place = |child: i64| usize::try_from(child).ok().and_then(|child| places.get(child).copied());

    let mut draft = Draft { splits: Vec::new(), values: Vec::new(), covers: Vec::new(), rows: Vec::new() };
    let mut by_split = BTreeMap::new();
    let real = |values: &[f32], node: usize| f64::from(values.get(node).copied().unwrap_or_default());
    for node in (0..n).filter(|&node| below.get(node) == Some(&true)) {
        let condition = tree.split_conditions.get(node).copied().unwrap_or_default();
        let cover = real(&tree.sum_hessian, node);
        let Some([left, right]) = children(tree, node) else {
            draft.values.push(f64::from(condition) * weight);
            draft.covers.push(cover);
            draft.rows.push(0);
            continue;
        };
        let (Some(mut left), Some(mut right)) = (place(left), place(right)) else { continue };
        let feature = tree.split_indices.get(node).copied().unwrap_or_default();
        if feature as usize >= features {
            return refused("split_indices", format!("{feature} of {features} features"));
        }
        let mut missing_left = tree.default_left.get(node) == Some(&true);
        let test = match tree.split_type.get(node) {
            None | Some(0) => Test::AtMost(at_most(condition)),
            Some(1) => {
                // Those of the set go right there.
                std::mem::swap(&mut left, &mut right);
                missing_left = !missing_left;
                let Some(set) = sets.remove(&(node as u64)) else {
                    return refused("categories_nodes", format!("no categories of node {node}"));
                };
                by_split.insert(draft.splits.len(), set);
                Test::In(std::iter::empty().collect())
            }
            Some(other) => return refused("split_type", format!("{other} of node {node}")),
        };
        let missing = MissingGoes::side(missing_left);
        let gain = real(&tree.loss_changes, node);
        draft.splits.push(Split { feature, test, missing, left, right, gain, value: 0.0, cover, rows: 0 });
    }
    Ok(Read { draft, sets: by_split })
}

/// The children of a node; `None` for a leaf.
fn children(tree: &json::Tree, node: usize) -> Option<[i64; 2]> {
    match (tree.left_children.get(node), tree.right_children.get(node)) {
        (Some(&left), Some(&right)) if left != -1 => Some([left, right]),
        _ => None,
    }
}

/// The categories of nodes: `categories_nodes` have theirs at `categories_segments`, one after another.
fn sets(tree: &json::Tree) -> std::result::Result<BTreeMap<u64, Vec<u32>>, String> {
    let n = tree.categories_nodes.len();
    if tree.categories_segments.len() != n || tree.categories_sizes.len() != n {
        return Err(format!("as many as the {n} `categories_nodes` are expected"));
    }
    let mut sets = BTreeMap::new();
    let mut end = 0;
    let segments = tree.categories_segments.iter().zip(&tree.categories_sizes);
    for (&node, (&from, &size)) in tree.categories_nodes.iter().zip(segments) {
        let categories = usize::try_from(from).ok().zip(usize::try_from(from.saturating_add(size)).ok());
        let categories = categories.and_then(|(from, to)| tree.categories.get(from..to));
        // One behind another: overlapping ones would not be bounded by the file.
        let Some(categories) = categories.filter(|_| from >= end) else {
            return Err(format!("{size} categories at {from} of node {node}"));
        };
        end = from + size;
        sets.insert(node, categories.to_vec());
    }
    Ok(sets)
}

//! What readers share: trees before they are checked, and features by name.

use std::collections::BTreeSet;
use std::sync::Arc;

use mlsys_core::arrow::datatypes::{DataType, Field, Schema};
use mlsys_core::{Category, Error, InputColumn, Kind, Layout, Result};

use crate::trees::{Child, Split, Tree, TreeFeature};

/// A tree as a file tells it.
pub(super) struct Draft {
    pub splits: Vec<Split>,
    pub values: Vec<f64>,
    pub covers: Vec<f64>,
    pub rows: Vec<u64>,
}

impl Draft {
    pub fn into_tree(self) -> Result<Tree> {
        Tree::new(parents_first(self.splits)?, 1, self.values, self.covers, self.rows)
    }
}

/// A tree that adds nothing.
pub(super) fn nothing() -> Result<Tree> {
    Tree::new(Vec::new(), 1, vec![0.0], vec![0.0], vec![0])
}

/// The splits such that children come after their parents, as they are if they do.
fn parents_first(splits: Vec<Split>) -> Result<Vec<Split>> {
    let below = |split: &Split| {
        [split.left, split.right].map(|child| if let Child::Split(i) = child { Some(i) } else { None })
    };
    let sorted = splits
        .iter()
        .enumerate()
        .all(|(place, split)| below(split).into_iter().flatten().all(|child| child as usize > place));
    if sorted {
        return Ok(splits);
    }
    let mut new = vec![None; splits.len()];
    let mut order = vec![0];
    let mut next = 0;
    if let Some(root) = new.first_mut() {
        *root = Some(0);
    }
    while let Some(split) = order.get(next).and_then(|&place| splits.get(place as usize)) {
        for child in below(split).into_iter().flatten() {
            match new.get_mut(child as usize) {
                Some(place @ None) => *place = Some(order.len() as u32),
                Some(_) => return Err(Error::artifact(format!("split {child} has two parents"))),
                None => return Err(Error::artifact(format!("split {child} is not there"))),
            }
            order.push(child);
        }
        next += 1;
    }
    if order.len() != splits.len() {
        return Err(Error::artifact(format!("{} of {} splits hang together", order.len(), splits.len())));
    }
    let renamed = |child| match child {
        Child::Split(i) => Child::Split(new.get(i as usize).copied().flatten().unwrap_or(i)),
        leaf => leaf,
    };
    let mut placed: Vec<(Option<u32>, Split)> = new.iter().copied().zip(splits).collect();
    placed.sort_by_key(|(place, _)| *place);
    Ok(placed
        .into_iter()
        .map(|(_, split)| Split { left: renamed(split.left), right: renamed(split.right), ..split })
        .collect())
}

fn column(name: &str, kind: Kind) -> Result<InputColumn> {
    let data_type = match kind {
        Kind::Integer => DataType::Int64,
        Kind::Boolean => DataType::Boolean,
        Kind::Text => DataType::Utf8,
        _ => DataType::Float64,
    };
    let schema = Schema::new(vec![Field::new(name, data_type, true)]);
    InputColumn::new(&Layout::new(Arc::new(schema))?, name)
}

/// A feature of numbers.
pub(super) fn number(name: &str) -> Result<TreeFeature> {
    TreeFeature::number(column(name, Kind::Float)?)
}

/// A feature of `true` and `false` as numbers.
pub(super) fn boolean(name: &str) -> Result<TreeFeature> {
    TreeFeature::number(column(name, Kind::Boolean)?)
}

/// A feature of categories, whose column is of their kind.
pub(super) fn category(name: &str, categories: Vec<Category>) -> Result<TreeFeature> {
    let mut kinds: BTreeSet<_> = categories
        .iter()
        .map(|category| match category {
            Category::Bool(_) => 0,
            Category::Int(_) => 1,
            Category::Float(_) => 2,
            Category::Text(_) => 3,
        })
        .collect();
    if kinds.contains(&2) {
        kinds.remove(&1);
    }
    let kind = match (kinds.len(), kinds.first()) {
        (0, _) | (1, Some(1)) => Kind::Integer,
        (1, Some(0)) => Kind::Boolean,
        (1, Some(2)) => Kind::Float,
        (1, _) => Kind::Text,
        _ => return Err(Error::artifact(format!("the categories of `{name}` are text and others mixed"))),
    };
    TreeFeature::category(column(name, kind)?, categories)
}

/// Refuses names that stand there twice, which no table has.
pub(super) fn unique<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<()> {
    let mut seen = BTreeSet::new();
    match names.into_iter().find(|name| !seen.insert(*name)) {
        Some(name) => Err(Error::artifact(format!("two features are called `{name}`"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trees::{MissingGoes, Test};

    fn split(feature: u32, left: Child, right: Child) -> Split {
        let (test, missing) = (Test::AtMost(0.0), MissingGoes::Right);
        Split { feature, test, missing, left, right, gain: 0.0, value: 0.0, cover: 0.0, rows: 0 }
    }

    #[test]
    fn splits_are_put_behind_their_parents() {
        use Child::{Leaf, Split};
        let tree = vec![split(0, Split(2), Leaf(0)), split(1, Leaf(1), Leaf(2)), split(2, Leaf(3), Split(1))];
        let sorted = parents_first(tree).unwrap();
        let expected = [split(0, Split(1), Leaf(0)), split(2, Leaf(3), Split(2)), split(1, Leaf(1), Leaf(2))];
        assert_eq!(sorted, expected);
        let says = |splits: Vec<crate::trees::Split>, part: &str| {
            let error = parents_first(splits).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        says(vec![split(0, Split(0), Leaf(0))], "two parents");
        says(vec![split(0, Leaf(0), Leaf(1)), split(0, Split(1), Leaf(2))], "hang together");
        says(vec![split(0, Split(1), Leaf(0)), split(0, Split(0), Split(9))], "parents");
        says(vec![split(0, Split(1), Leaf(0)), split(0, Split(9), Split(1))], "not there");
    }
}

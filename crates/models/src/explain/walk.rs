//! The ways to the leaves of a tree, each feature once.

use crate::trees::{Child, Split, Tree};

/// A feature on the way to a leaf, its splits taken together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Factor {
    pub(super) feature: u32,
    /// The level of its last split; the root is level 0.
    pub(super) level: usize,
    /// The share of rows that pass all its splits.
    pub(super) share: f64,
}

/// What is done on a walk over a tree.
pub(super) trait Visit {
    /// A split is met, and its left branch taken. `before` is the level of the last split by the same feature above.
    fn enter(&mut self, level: usize, split: &Split, before: Option<usize>);
    /// Its right branch is taken.
    fn turn(&mut self, level: usize, before: Option<usize>);
    /// A leaf is met. The features are in the order in which they first occur on the way.
    fn leaf(&mut self, path: &[Factor], leaf: usize);
}

struct Level<'a> {
    split: &'a Split,
    shares: [f64; 2],
    is_right: bool,
    /// Where in the path its feature is.
    place: usize,
    before: Option<Factor>,
}

/// Walks over all leaves from left to right. `shares` says which part of rows goes left and right in each split.
pub(super) fn walk(tree: &Tree, shares: &[[f64; 2]], visit: &mut impl Visit) {
    let mut path: Vec<Factor> = Vec::new();
    let mut levels: Vec<Level<'_>> = Vec::new();
    let mut at = tree.root();
    loop {
        match at {
            Child::Split(i) => {
                let split = &tree.splits()[i as usize];
                let shares = shares.get(i as usize).copied().unwrap_or([0.5; 2]);
                let level = levels.len();
                let place = path.iter().position(|factor| factor.feature == split.feature);
                let place = place.unwrap_or(path.len());
                let before = path.get(place).copied();
                visit.enter(level, split, before.map(|factor| factor.level));
                let share = before.map_or(1.0, |factor| factor.share) * shares[0];
                let factor = Factor { feature: split.feature, level, share };
                match path.get_mut(place) {
                    Some(own) => *own = factor,
                    None => path.push(factor),
                }
                levels.push(Level { split, shares, is_right: false, place, before });
                at = split.left;
            }
            Child::Leaf(leaf) => {
                visit.leaf(&path, leaf as usize);
                loop {
                    let here = levels.len().wrapping_sub(1);
                    let Some(level) = levels.last_mut() else { return };
                    if !level.is_right {
                        level.is_right = true;
                        visit.turn(here, level.before.map(|factor| factor.level));
                        path[level.place].share =
                            level.before.map_or(1.0, |factor| factor.share) * level.shares[1];
                        at = level.split.right;
                        break;
                    }
                    match level.before {
                        Some(factor) => path[level.place] = factor,
                        None => path.truncate(level.place),
                    }
                    levels.pop();
                }
            }
        }
    }
}

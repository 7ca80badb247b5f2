//! What all tree models share: a tree, many of them over named columns, and how a row comes to its leaves.
//!
//! A [`Tree`] is the plain form of one tree, whoever grew it; a [`TreeFeature`] reads a column as trees see it; a [`TreeEnsemble`] adds up many
//! trees and is what fitted models hold, what is explained, and what is exchanged with other libraries; a [`Scorer`] predicts by it.

pub(crate) mod bins;
pub(crate) mod convert;
mod ensemble;
mod feature;
pub(crate) mod grow;
mod scorer;
mod task;
mod tree;

pub use ensemble::{Combine, TreeEnsemble};
pub use feature::{MissingPolicy, OnMissing, OnUnseen, TreeFeature};
pub use grow::Growth;
pub use scorer::{Scorer, Scratch};
pub use task::{Classification, Link, Ranking, Regression, Task};
pub(crate) use tree::ZERO;
pub use tree::{Categories, Child, MissingGoes, Split, Test, Tree};

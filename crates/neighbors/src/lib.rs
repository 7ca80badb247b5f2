#![doc = include_str!("../README.md")]

mod graph;
mod index;
pub mod lsh;
mod metric;
mod nearest;
mod points;
mod search;
mod space;
mod tree;

pub use graph::NeighborGraph;
pub use index::{Donors, Neighbor, NeighborIndex, Neighbors, Subset};
pub use metric::Metric;
pub use points::{PointReader, Points};
pub use search::Search;

#![doc = include_str!("../README.md")]

mod axes;
mod descent;
mod graph;
mod index;
mod join;
mod leaf_order;
pub mod lsh;
mod metric;
mod nearest;
mod points;
mod search;
mod space;
mod tree;

pub use graph::NeighborGraph;
pub use index::{Donors, Neighbor, NeighborIndex, Neighbors, Strategy, Subset};
pub use metric::Metric;
pub use points::{PointReader, Points};
pub use search::Search;

//! Numerical solvers that models rest on.

mod brent;
mod cholesky;
mod k_means;
mod lbfgs;

pub use brent::brent_root;
pub use cholesky::Cholesky;
pub use k_means::k_means_line;
pub use lbfgs::{Lbfgs, Minimum, Stop};

//! Numerical solvers that models rest on.

mod cholesky;
mod k_means;
mod lbfgs;

pub use cholesky::Cholesky;
pub use k_means::k_means_line;
pub use lbfgs::{Lbfgs, Minimum, Stop};

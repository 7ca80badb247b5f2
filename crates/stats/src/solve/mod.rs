//! Numerical solvers that models rest on.

mod cholesky;
mod lbfgs;

pub use cholesky::Cholesky;
pub use lbfgs::{Lbfgs, Minimum, Stop};

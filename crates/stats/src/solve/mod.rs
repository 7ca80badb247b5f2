//! Numerical solvers that models rest on.

mod bayesian_ridge;
mod cholesky;
mod lbfgs;
mod symmetric_eigen;
mod tridiagonal;

pub use bayesian_ridge::{BayesianRidge, RegressionSums};
pub use cholesky::Cholesky;
pub use lbfgs::{Lbfgs, Minimum, Stop};
pub use symmetric_eigen::SymmetricEigen;

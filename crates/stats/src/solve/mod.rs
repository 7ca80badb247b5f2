//! Numerical solvers that models rest on.

mod bayesian_ridge;
mod brent;
mod cholesky;
mod k_means;
mod lbfgs;
mod multinomial_logit;
mod products;
mod symmetric_eigen;
mod tridiagonal;

pub use bayesian_ridge::{BayesianRidge, RegressionSums};
pub use brent::brent_root;
pub use cholesky::Cholesky;
pub use k_means::k_means_line;
pub use lbfgs::{Lbfgs, Minimum, Stop};
pub use multinomial_logit::{LogitRows, MultinomialLogit, MultinomialLogitFit};
pub use products::{add_products, dot};
pub use symmetric_eigen::SymmetricEigen;

//! Numerical solvers that models rest on.

//! How strongly two columns go together.
//!
//! | columns | measure |
//! |---|---|
//! | number, number | [`pearson`], [`spearman`], [`kendall`], [`mutual_information_knn`] |
//! | category, category | [`cramers_v`], [`theils_u`], [`mutual_information`] of a contingency table |
//! | category, number | [`correlation_ratio`], [`mutual_information_mixed`] |
//! | category or bin, yes or no | [`information_value`] |
//!
//! Tables come from [`Contingency`](crate::Contingency), which merges; slices hold missing values as NaN, and pairs
//! with one are left out.

mod correlation_ratio;
mod information_value;
mod kendall;
mod mutual_information;
mod nearest;
mod pearson;
mod spearman;
mod tables;

pub use correlation_ratio::correlation_ratio;
pub use information_value::{InformationValue, information_value};
pub use kendall::kendall;
pub use mutual_information::{Ties, mutual_information_knn, mutual_information_mixed};
pub use pearson::pearson;
pub use spearman::spearman;
pub use tables::{Bias, cramers_v, mutual_information, theils_u};

use mlsys_core::{Error, ErrorKind, Result};

/// The pairs without a missing value, which must be finite.
fn complete(x: &[f64], y: &[f64]) -> Result<(Vec<f64>, Vec<f64>)> {
    if x.len() != y.len() {
        return Err(Error::shape("second column", format!("{} rows", x.len()), y.len()));
    }
    let pairs = x.iter().zip(y).enumerate().filter(|(_, (x, y))| !x.is_nan() && !y.is_nan());
    let (mut a, mut b) = (Vec::with_capacity(x.len()), Vec::with_capacity(x.len()));
    for (row, (&x, &y)) in pairs {
        for (name, value) in [("first", x), ("second", y)] {
            if value.is_infinite() {
                return Err(ErrorKind::NonFinite { column: name.into(), row, value }.into());
            }
        }
        a.push(x);
        b.push(y);
    }
    Ok((a, b))
}

/// The error that a column does not vary.
fn constant(column: &str, what: &str) -> Error {
    Error::invalid_value(column, None, "one value only", format!("at least two different values for {what}"))
}

fn enough(n: usize, need: usize, what: &str) -> Result<()> {
    if n < need {
        Err(Error::too_few_rows(need, n, format!("{what} (rows without missing values)")))
    } else {
        Ok(())
    }
}

//! What trees made of their columns: importances over a whole model, and Shapley values row by row.
//!
//! [`Importances`] sum up what the splits by a feature gained, how many there are, or what they covered. [`TreeShap`] shares out each
//! output of each row among the features, as [`ShapValues`].

mod background;
mod importances;
mod patterns;
mod quadrature;
mod shap;
mod share_out;
mod values;
mod walk;

pub use importances::{Importance, Importances};
pub use shap::{NodeWeight, TreeShap};
pub use values::ShapValues;

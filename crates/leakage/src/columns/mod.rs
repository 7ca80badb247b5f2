//! Columns that know: what each tells of the target, alone, together with another, by its gaps and by its order.

pub(crate) mod auc;
pub(crate) mod change;
pub(crate) mod column_power;
pub(crate) mod encoded;
pub(crate) mod gaps;
pub(crate) mod label;
pub(crate) mod levels;
pub(crate) mod order;
pub(crate) mod pairs;
pub mod power;
pub(crate) mod questions;
pub(crate) mod strength;

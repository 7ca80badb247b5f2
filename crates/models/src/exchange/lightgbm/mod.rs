//! LightGBM's text model, as `save_model` writes it and `Booster(model_file=..)` reads it.
//!
//! What is read predicts what LightGBM predicts, to the last bit of the raw outputs: they are added up in the same order. What differs:
//!
//! * A missing type of `None` is read as what LightGBM makes of it: NaN counts as 0, and goes where 0 goes.
//! * Categories are values of a column, no codes in a matrix of floats. With a `pandas_categorical` at the end of the file they are what
//!   that lists; else they are the integers that the file names. LightGBM cuts 2.7 off to category 2, here it is unseen, and goes right.
//! * LightGBM takes values up to 1e-35 for 0 before it asks, here only splits do for which zero is missing. Its thresholds tell no two of
//!   them apart, but for −1e-35 itself.
//! * Linear trees (`is_linear=1`) are refused.
//!
//! What is written is loaded by LightGBM 4. The base is added to the leaves of the first tree of each output (of all, where they are
//! averaged). Leaves with a value per output become a tree per output. Spaces in names become `_`, as LightGBM itself has it. Categories
//! are written as themselves if all of all features are integers from 0 to 1,048,575; else as their codes, with a `pandas_categorical` for
//! columns of pandas' type `category`. Refusals of missing values and of unseen categories are not in such files.

mod fields;
mod objective;
mod read;
mod tree;
mod write;

pub use read::read;
pub use write::write;

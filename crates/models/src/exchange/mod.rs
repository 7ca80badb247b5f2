//! Trees from other libraries and for them: LightGBM's text, XGBoost's JSON, ONNX.
//!
//! | Format | | |
//! |---|---|---|
//! | LightGBM's text, `version=v3` and `v4` | [`lightgbm::read`] | [`lightgbm::write`] |
//! | XGBoost's JSON, 1.x to 3.x | [`xgboost::read`] | |
//! | ONNX, `ai.onnx.ml` 3 | | [`onnx::OnnxWriter`] |
//!
//! What is read is a [`TreeModel`]: a [`TreeEnsemble`](crate::TreeEnsemble) of raw outputs, and the [`Link`] from them to what the model
//! predicts. What is written is one as well. Files are not trusted: what a file claims is compared with what it holds before anything is
//! built, memory is bounded by the size of the file, and a refusal names the line or tree and the field.

pub mod lightgbm;
mod link;
mod model;
pub mod onnx;
mod parts;
pub mod xgboost;

pub use link::Link;
pub use model::TreeModel;

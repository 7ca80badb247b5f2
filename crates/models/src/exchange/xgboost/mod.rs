//! XGBoost's JSON model, as `save_model("model.json")` writes it.
//!
//! XGBoost computes in floats of 32 bits. It asks whether a value, rounded to a float, is below a threshold: the thresholds read here are
//! the largest doubles for which that holds, so that every double takes the same way. Leaves are added up in doubles, not in floats: raw
//! outputs agree to the rounding of XGBoost's own sums, about 1e-6 of the largest of them.
//!
//! * `base_score` is what the objective's link makes of the base: a probability for the logistic ones, a mean for Poisson, gamma, Tweedie,
//!   Cox and AFT. 3.x has one per output.
//! * All trees are used, as by `Booster.predict`; scikit-learn's wrapper stops at `best_iteration`.
//! * `multi:softmax` predicts probabilities here; the class is the largest of them.
//! * Features without names are `f0`, `f1`, ..., those of them that trees ask about.
//! * Categories that the file lists (3.x, from data frames) are values; a category that is not among them is an error, as in XGBoost.
//!   Those of older files are integers, and unseen ones go where those go that a split does not name. XGBoost cuts 2.7 off to category 2;
//!   here it is unseen.
//! * Splits have no row counts, and what inner nodes would predict is not known: it is stored without the learning rate.
//! * Linear boosters and trees of several values per leaf (`multi_output_tree`) are refused; so is UBJSON, the format of other names.

mod categories;
mod json;
mod objective;
mod read;
mod threshold;
mod tree;

pub use read::read;

//! Test rows that are asked again and again become training rows.

mod ladder;
mod ledger;

pub use ladder::{Ladder, Released};
pub use ledger::{Evaluation, TestLedger, Wear, optimism, optimism_adaptive};

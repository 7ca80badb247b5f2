#![doc = include_str!("../README.md")]

mod balance;
mod group_k_fold;
mod group_split;
mod groups;
mod hash_split;
mod k_fold;
mod random_split;
mod sizes;
mod stratified_group_k_fold;
mod stratified_k_fold;
mod stratified_split;
mod time_series_folds;
mod time_split;

pub use group_k_fold::{GroupKFold, group_k_fold};
pub use group_split::{GroupSplit, StratifiedGroupSplit, group_split, stratified_group_split};
pub use groups::MissingGroup;
pub use hash_split::{HashSplit, MissingKey, hash_split};
pub use k_fold::{KFold, Shuffle, k_fold};
pub use random_split::{RandomSplit, random_split};
pub use stratified_group_k_fold::{StratifiedGroupKFold, stratified_group_k_fold};
pub use stratified_k_fold::{StratifiedKFold, stratified_k_fold};
pub use stratified_split::{StratifiedSplit, stratified_split};
pub use time_series_folds::{EqualTimes, TimeSeriesFolds, time_series_folds};
pub use time_split::{TimeSplit, parse_instant, time_split};

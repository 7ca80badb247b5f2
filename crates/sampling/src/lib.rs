#![doc = include_str!("../README.md")]

mod balance;
mod bootstrap_folds;
mod by_row;
mod catalogue;
mod combinatorial_purged_folds;
mod combined_split;
mod group_k_fold;
mod group_split;
mod group_time_split;
mod groups;
mod hash_split;
mod k_fold;
mod leave_groups_out;
mod multilabel;
mod predefined;
mod purged;
mod random_split;
mod repeated;
pub mod sample;
mod sizes;
mod split_report;
mod split_report_display;
mod stratified_group_k_fold;
mod stratified_k_fold;
mod stratified_split;
mod time_series_folds;
mod time_split;
mod window_folds;

pub use bootstrap_folds::{
    BootstrapFolds, bootstrap_632, bootstrap_632_plus, bootstrap_folds, no_information_error,
};
pub use by_row::{ByRow, SplitByRow};
pub use catalogue::catalogue;
pub use combinatorial_purged_folds::{CombinatorialPurgedFolds, combinatorial_purged_folds};
pub use combined_split::{CombinedFolds, CombinedSplit, Sides};
pub use group_k_fold::{GroupKFold, group_k_fold};
pub use group_split::{GroupSplit, StratifiedGroupSplit, group_split, stratified_group_split};
pub use group_time_split::{GroupTimeSplit, group_time_split};
pub use groups::MissingGroup;
pub use hash_split::{HashSplit, MissingKey, hash_split};
pub use k_fold::{KFold, Shuffle, k_fold};
pub use leave_groups_out::{LeaveOneGroupOut, LeavePGroupsOut, leave_one_group_out, leave_p_groups_out};
pub use multilabel::{MultilabelKFold, MultilabelSplit, iterative_stratification};
pub use predefined::{PredefinedFolds, PredefinedSplit, predefined_folds};
pub use purged::{Purged, purge};
pub use random_split::{RandomSplit, random_split};
pub use repeated::{Repeated, Reseed};
pub use sizes::quantile_bins;
pub use split_report::{FoldsReport, PairReport, PartReport, SplitReport};
pub use stratified_group_k_fold::{StratifiedGroupKFold, stratified_group_k_fold};
pub use stratified_k_fold::{StratifiedKFold, stratified_k_fold};
pub use stratified_split::{StratifiedSplit, stratified_split};
pub use time_series_folds::{EqualTimes, TimeSeriesFolds, time_series_folds};
pub use time_split::{TimeSplit, parse_instant, time_split};
pub use window_folds::{WindowFolds, window_folds};

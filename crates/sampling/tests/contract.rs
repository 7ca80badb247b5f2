//! The contract of every splitter of this crate.

use mlsys_sampling::{
    GroupKFold, GroupSplit, HashSplit, KFold, MissingKey, RandomSplit, Shuffle, StratifiedGroupKFold,
    StratifiedGroupSplit, StratifiedKFold, StratifiedSplit, TimeSeriesFolds, TimeSplit,
};
use mlsys_testkit::{FoldsContract, SplitContract};

#[test]
fn splits() {
    SplitContract::new("RandomSplit", RandomSplit::new())
        .bad("test_share", RandomSplit::new().test_share(1.0))
        .run();
    SplitContract::new("StratifiedSplit", StratifiedSplit::new())
        .bad("test_share", StratifiedSplit::new().test_share(0.0))
        .run();
    SplitContract::new("TimeSplit", TimeSplit::last_share(0.25))
        .time_ordered()
        .bad("test_share", TimeSplit::last_share(2.0))
        .bad("at", TimeSplit::at("soon"))
        .run();
}

#[test]
fn folds() {
    FoldsContract::new("KFold", KFold::new(4), 4).bad("n_folds", KFold::new(1)).run();
    FoldsContract::new("KFold, shuffled", KFold::new(4).shuffle(Shuffle::On), 4).run();
    FoldsContract::new("StratifiedKFold", StratifiedKFold::new(4), 4)
        .bad("n_folds", StratifiedKFold::new(1))
        .run();
    FoldsContract::new(
        "TimeSeriesFolds",
        TimeSeriesFolds::new(4).equal_times(mlsys_sampling::EqualTimes::Together),
        4,
    )
    .time_ordered()
    .bad("n_folds", TimeSeriesFolds::new(0))
    .run();
}

#[test]
fn folds_of_groups() {
    FoldsContract::new("GroupKFold", GroupKFold::new(4), 4)
        .groups_whole()
        .bad("n_folds", GroupKFold::new(1))
        .bad("n_folds", GroupKFold::new(8))
        .run();
    FoldsContract::new("GroupKFold, shuffled", GroupKFold::new(3).shuffle(Shuffle::On).seed(3), 3)
        .groups_whole()
        .run();
    FoldsContract::new("StratifiedGroupKFold", StratifiedGroupKFold::new(4), 4)
        .groups_whole()
        .bad("n_folds", StratifiedGroupKFold::new(0))
        .bad("n_folds", StratifiedGroupKFold::new(usize::MAX))
        .run();
    FoldsContract::new(
        "StratifiedGroupKFold, shuffled",
        StratifiedGroupKFold::new(3).shuffle(Shuffle::On),
        3,
    )
    .groups_whole()
    .run();
}

#[test]
fn splits_of_groups() {
    SplitContract::new("GroupSplit", GroupSplit::new())
        .groups_whole()
        .bad("test_share", GroupSplit::new().test_share(f64::NAN))
        .run();
    SplitContract::new("StratifiedGroupSplit", StratifiedGroupSplit::new())
        .groups_whole()
        .bad("test_share", StratifiedGroupSplit::new().test_share(1.0))
        .run();
    SplitContract::new("HashSplit", HashSplit::new("team").and("flag"))
        .bad("test_share", HashSplit::new("team").test_share(-1.0))
        .run();
    SplitContract::new("HashSplit of groups", HashSplit::new("team").seed(3)).groups_whole().run();
    SplitContract::new("HashSplit, missing", HashSplit::new("word").missing(MissingKey::Together)).run();
    SplitContract::new("a boxed splitter", Box::new(GroupSplit::new()) as Box<dyn mlsys_core::Split>)
        .groups_whole()
        .run();
}

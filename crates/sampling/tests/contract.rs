//! The contract of every splitter of this crate.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::Duration;

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::hash::hash_u64;
use mlsys_sampling::sample::{BottomK, RowReservoir};
use mlsys_sampling::{
    BootstrapFolds, CombinatorialPurgedFolds, CombinedSplit, GroupKFold, GroupSplit, GroupTimeSplit,
    HashSplit, KFold, LeaveOneGroupOut, LeavePGroupsOut, MissingKey, MultilabelKFold, MultilabelSplit,
    PredefinedFolds, PredefinedSplit, Purged, RandomSplit, Repeated, Shuffle, StratifiedGroupKFold,
    StratifiedGroupSplit, StratifiedKFold, StratifiedSplit, TimeSeriesFolds, TimeSplit, WindowFolds,
};
use mlsys_testkit::{FoldsContract, SplitContract, StatisticContract, table};

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

#[test]
fn splits_of_several_kinds() {
    let gaps = "rows of a gap, of a purge or of a group that time tears are on neither side";
    let minutes = |n: u64| Duration::from_secs(60 * n);
    let combined = CombinedSplit::new().stratify("label");
    SplitContract::new("CombinedSplit of nothing", CombinedSplit::new())
        .bad("test_share", CombinedSplit::new().test_share(1.5))
        .bad("gap", CombinedSplit::new().gap(minutes(1)))
        .run();
    SplitContract::new("CombinedSplit by class", combined.clone()).run();
    SplitContract::new("CombinedSplit by group", combined.clone().group("team")).groups_whole().run();
    SplitContract::new("CombinedSplit by time", combined.clone().time("when").gap(minutes(2)))
        .time_ordered()
        .skip("exhaustive", gaps)
        .run();
    let all = combined.group("team").time("when").gap(minutes(2));
    SplitContract::new("CombinedSplit", all).time_ordered().groups_whole().skip("exhaustive", gaps).run();
    SplitContract::new("Purged", Purged::new(RandomSplit::new(), "when", "when").embargo(minutes(1)))
        .skip("exhaustive", gaps)
        .bad("test_share", Purged::new(RandomSplit::new().test_share(0.0), "when", "when"))
        .run();
    SplitContract::new("PredefinedSplit", PredefinedSplit::new("team", "3")).groups_whole().run();
    SplitContract::new("StratifiedSplit in bins", StratifiedSplit::new().column("value").bins(5))
        .bad("bins", StratifiedSplit::new().column("value").bins(1))
        .run();
    SplitContract::new("MultilabelSplit", MultilabelSplit::new().columns(["label", "flag", "kind"]))
        .bad("test_share", MultilabelSplit::new().test_share(0.0))
        .run();
    // Sizes of the table are nearly all different, so that most of them are new.
    SplitContract::new("GroupTimeSplit", GroupTimeSplit::new(TimeSplit::last_share(0.9)).column("größe 量"))
        .time_ordered()
        .skip("exhaustive", "later rows of known groups are on neither side")
        .bad("test_share", GroupTimeSplit::new(TimeSplit::last_share(0.0)))
        .run();
}

#[test]
fn folds_of_several_kinds() {
    let minutes = |n: u64| Duration::from_secs(60 * n);
    let purged = "rows that a purge takes out are trained on in no fold";
    let again = "rows are validated on in several folds";
    FoldsContract::new("LeaveOneGroupOut", LeaveOneGroupOut::new(), 7).groups_whole().run();
    FoldsContract::new("LeavePGroupsOut", LeavePGroupsOut::new(2), 21)
        .groups_whole()
        .skip("validated_once", again)
        .bad("n_groups", LeavePGroupsOut::new(0))
        .bad("n_groups", LeavePGroupsOut::new(7))
        .run();
    FoldsContract::new("PredefinedFolds", PredefinedFolds::new("team"), 7).groups_whole().run();
    FoldsContract::new("MultilabelKFold", MultilabelKFold::new(4).columns(["label", "flag", "kind"]), 4)
        .bad("n_folds", MultilabelKFold::new(1))
        .run();
    FoldsContract::new("StratifiedKFold in bins", StratifiedKFold::new(4).column("value").bins(10), 4).run();
    FoldsContract::new("BootstrapFolds", BootstrapFolds::new(3), 3)
        .skip("validated_once", again)
        .skip("exhaustive", "a row may be drawn every time")
        .bad("n_replicates", BootstrapFolds::new(0))
        .run();
    FoldsContract::new("Repeated", Repeated::new(StratifiedKFold::new(4), 3), 12)
        .skip("validated_once", again)
        .bad("n_repeats", Repeated::new(StratifiedKFold::new(4), 0))
        .run();
    FoldsContract::new("Repeated, of groups", Repeated::new(GroupKFold::new(3), 2).seed(1), 6)
        .groups_whole()
        .skip("validated_once", again)
        .run();
    FoldsContract::new("Purged", Purged::new(KFold::new(4), "when", "when").embargo(minutes(3)), 4)
        .skip("exhaustive", purged)
        .run();
    FoldsContract::new(
        "CombinatorialPurgedFolds",
        CombinatorialPurgedFolds::new(5, 2).embargo(minutes(2)),
        10,
    )
    .skip("exhaustive", purged)
    .skip("validated_once", again)
    .bad("n_blocks", CombinatorialPurgedFolds::new(1, 1))
    .bad("n_validated", CombinatorialPurgedFolds::new(5, 5))
    .bad("n_validated", CombinatorialPurgedFolds::new(60, 30))
    .run();
    // 241 rows, three a minute: 81 minutes, of which the windows begin at minutes 20, 35, 50, 65 and 80.
    FoldsContract::new("WindowFolds", WindowFolds::sliding(minutes(20), minutes(15)), 5)
        .time_ordered()
        .bad("test", WindowFolds::sliding(minutes(20), Duration::ZERO))
        .bad("train", WindowFolds::sliding(Duration::ZERO, minutes(1)))
        .bad("step", WindowFolds::expanding(minutes(1), minutes(1)).step(Duration::from_nanos(1)))
        .run();
    FoldsContract::new(
        "WindowFolds, expanding",
        WindowFolds::expanding(minutes(20), minutes(15)).gap(minutes(5)),
        4,
    )
    .time_ordered()
    .run();
    let combined = CombinedSplit::new().stratify("label");
    FoldsContract::new("CombinedFolds of nothing", CombinedSplit::new().folds(4), 4)
        .bad("n_folds", CombinedSplit::new().folds(1))
        .run();
    FoldsContract::new("CombinedFolds by class", combined.clone().folds(4), 4).run();
    FoldsContract::new("CombinedFolds by group", CombinedSplit::new().group("team").folds(3), 3)
        .groups_whole()
        .run();
    FoldsContract::new("CombinedFolds by both", combined.clone().group("team").folds(3), 3)
        .groups_whole()
        .run();
    FoldsContract::new("CombinedFolds", combined.group("team").time("when").gap(minutes(1)).folds(3), 3)
        .groups_whole()
        .time_ordered()
        .run();
}

#[test]
fn statistics() {
    // The rows of the ordinary table that are in the sample, and what they tell of the keys.
    let batch = table::mixed(311, true);
    for (columns, size) in
        [(vec!["word"], 3), (vec!["number", "team"], 40), (vec!["when"], 1), (vec!["flag"], 9)]
    {
        let mut recipe = BottomK::new(columns[0], size).seed(hash_u64(size as u64, 0));
        for column in &columns[1..] {
            recipe = recipe.and(*column);
        }
        StatisticContract::new(&format!("BottomK of {columns:?}"), recipe).run(|sample| {
            let mut numbers = vec![sample.n_keys() as f64, sample.distinct()];
            numbers.extend(sample.rows(&batch).unwrap().into_iter().map(|row| row as f64));
            numbers
        });
    }
    // Which rows are drawn depends on how they were divided; how many, and that they are rows of the table, does not.
    let lines = |batch: &RecordBatch| -> Vec<String> {
        let schema = batch.schema();
        let columns = schema.fields().iter().map(|f| f.name()).zip(batch.columns());
        (0..batch.num_rows())
            .map(|row| columns.clone().map(|(name, a)| format!("{name} {:?};", a.slice(row, 1))).collect())
            .collect()
    };
    let schema = batch.schema();
    for (columns, size) in [(Vec::new(), 1), (vec!["word", "number"], 40), (vec!["when"], 1_000)] {
        let all: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let kept = if columns.is_empty() { &all } else { &columns };
        let places: Vec<usize> = kept.iter().map(|name| schema.index_of(name).unwrap()).collect();
        let known: BTreeSet<String> = lines(&batch.project(&places).unwrap()).into_iter().collect();
        let recipe = RowReservoir::new(size).seed(2);
        let recipe = if columns.is_empty() { recipe } else { recipe.columns(columns.clone()) };
        StatisticContract::new(&format!("RowReservoir of {size} of {columns:?}"), recipe).run(|sample| {
            let found = lines(&sample.batch(&schema).unwrap());
            assert!(found.iter().all(|line| known.contains(line)), "rows that are not in the table");
            vec![sample.seen() as f64, sample.len() as f64, sample.weight()]
        });
    }
}

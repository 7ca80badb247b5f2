//! Reports say what a split did.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampSecondArray,
};
use mlsys_core::{Dataset, ErrorKind, Folds, Split, Unsplit};
use mlsys_sampling::{FoldsReport, GroupKFold, RandomSplit, SplitReport, TimeSplit};

/// Eight hours of four aircraft; rows 1 and 6 are equal in `x`.
fn table() -> Dataset<Unsplit> {
    let columns: [(&str, ArrayRef); 4] = [
        ("at", Arc::new(TimestampSecondArray::from_iter_values((0..8).map(|hour| 3600 * hour)))),
        ("plane", Arc::new(StringArray::from(vec!["a", "b", "a", "b", "c", "c", "b", "d"]))),
        ("x", Arc::new(Float64Array::from(vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 1.0, f64::NAN]))),
        ("late", Arc::new(BooleanArray::from(vec![true, false, false, false, true, false, true, true]))),
    ];
    let data = Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap();
    let data = data.target("late").unwrap().time("at").unwrap().group("plane").unwrap();
    data.ignore(["at", "plane"]).unwrap()
}

#[test]
fn two_parts_by_hand() {
    let (train, test) = TimeSplit::last_share(0.25).split(table()).unwrap();
    let report = SplitReport::of(&train, &test).unwrap();
    let [train, test] = report.parts.as_slice() else { panic!("two parts") };
    assert_eq!((train.rows, test.rows, train.share), (6, 2, 0.75));
    // Late: 2 of 6 and 2 of 2.
    assert!((report.largest_deviation.unwrap() - 2.0 / 3.0).abs() < 1e-12);
    assert_eq!((train.groups, test.groups), (Some(3), Some(2)));
    let pair = &report.pairs[0];
    assert_eq!((pair.shared_groups, pair.rows_of_shared_groups), (Some(1), Some(1)), "b");
    assert_eq!((pair.ordered, pair.rows_within, pair.duplicates), (Some(true), Some(0), Some(1)));
    let text = report.to_string();
    let expected = "                     train               test
rows                     6                  2
share                75.0%              25.0%
late = false         66.7%               0.0%
late = true          33.3%             100.0%
groups of plane          3                  2
at from, UTC     1970-01-01 00:00   1970-01-01 06:00
to               1970-01-01 05:00   1970-01-01 07:00
shares of late differ by 66.7 points at most
groups of plane in both train and test: 1, with 1 rows of test
train ends before test begins
rows of test that equal one of train in every feature: 1
";
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(squeezed(&text), squeezed(expected), "{text}");
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<SplitReport>(&json).unwrap(), report);
}

#[test]
fn three_parts_and_folds() {
    let split = TimeSplit::last_share(0.25);
    let (train, validation, test) = split.three_way(&split, table()).unwrap();
    let report = SplitReport::of_three(&train, &validation, &test).unwrap();
    let names: Vec<_> = report.pairs.iter().map(|pair| (pair.first.as_str(), pair.second.as_str())).collect();
    assert_eq!(names, [("train", "validation"), ("train", "test"), ("validation", "test")]);
    assert!(report.pairs.iter().all(|pair| pair.ordered == Some(true)));

    let train = table().into_train_all();
    let folds = SplitReport::of_folds(&train, &GroupKFold::new(2).folds(&train).unwrap()).unwrap();
    assert!(folds.folds.iter().all(|fold| fold.pairs[0].shared_groups == Some(0)));
    // Rows 0 to 7 by plane: b and d (4) against a and c (4); late 2 of 4 in both.
    assert_eq!(folds.largest_deviation(), Some(0.0), "{folds}");
    assert!(folds.to_string().starts_with("fold   train   validation   shares differ"), "{folds}");
    let json = serde_json::to_string(&folds).unwrap();
    assert_eq!(serde_json::from_str::<FoldsReport>(&json).unwrap(), folds);
}

#[test]
fn numbers_and_bare_tables() {
    let numbers: ArrayRef = Arc::new(Float64Array::from_iter_values((0..100).map(f64::from)));
    let data = Dataset::new(RecordBatch::try_from_iter([("y", numbers)]).unwrap()).unwrap();
    let (train, test) = RandomSplit::new().split(data.clone()).unwrap();
    let report = SplitReport::of(&train, &test).unwrap();
    assert_eq!(
        (report.largest_deviation, report.pairs[0].shared_groups, report.pairs[0].ordered),
        (None, None, None)
    );
    assert_eq!(report.pairs[0].duplicates, Some(0));
    let (train, test) = RandomSplit::new().split(data.target("y").unwrap()).unwrap();
    let report = SplitReport::of(&train, &test).unwrap();
    let (mean, deviation) = report.parts[0].mean_and_deviation.unwrap();
    assert!((40.0..60.0).contains(&mean) && (20.0..35.0).contains(&deviation), "{report}");
    assert_eq!(report.pairs[0].duplicates, None, "there are no features");
}

#[test]
fn what_cannot_be_reported_is_refused() {
    let (train, test) = TimeSplit::last_share(0.25).split(table()).unwrap();
    let none = test.slice(0, 0).unwrap();
    assert!(matches!(SplitReport::of(&train, &none).unwrap_err().kind(), ErrorKind::TooFewRows { .. }));
    let other = test.clone().ignore(["x"]).unwrap();
    assert!(matches!(SplitReport::of(&train, &other).unwrap_err().kind(), ErrorKind::Shape { .. }));
    let gaps: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(2)]));
    let data = Dataset::new(RecordBatch::try_from_iter([("g", gaps)]).unwrap()).unwrap().group("g").unwrap();
    let (train, test) = RandomSplit::new().split(data).unwrap();
    let error = SplitReport::of(&train, &test).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MissingValues { count: 1, .. }), "{error}");
}

//! What deleting rows and columns leaves, and what the reports say of it, by hand.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, BooleanArray, Float64Array, Int32Array, RecordBatch, StringArray};
use mlsys_core::{Category, Dataset, ErrorKind, Fit, Resample, Train};
use mlsys_missing_values::{CompleteCases, DeletionReport, MedianImputer, MissingThreshold, Shift};
use proptest::prelude::*;

fn table() -> Dataset<Train> {
    let columns: [(&str, ArrayRef); 4] = [
        ("n", Arc::new(Int32Array::from(vec![1, 2, 3, 6]))),
        ("x", Arc::new(Float64Array::from(vec![None, Some(1.0), Some(f64::NAN), Some(5.0)]))),
        ("word", Arc::new(StringArray::from(vec![Some("a"), Some("b"), Some("a"), None]))),
        ("late", Arc::new(BooleanArray::from(vec![true, false, true, false]))),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(n, a)| (n, a, true))).unwrap();
    Dataset::new(batch).unwrap().target("late").unwrap().into_train_all()
}

fn shift<'a>(report: &'a DeletionReport, column: &str, value: Option<Category>) -> &'a Shift {
    report.shifts.iter().find(|s| s.column == column && s.value == value).unwrap()
}

#[test]
fn rows_go_and_the_report_says_what_changes() {
    let train = table();
    let two = CompleteCases::new().columns(["x"]);
    assert_eq!(two.resample(train.clone()).unwrap().row_ids(), [1, 3]);
    let report = two.report(&train).unwrap();
    assert_eq!((report.rows_before, report.rows_after), (4, 2));
    assert_eq!((report.complete_before, report.complete_after), (1, 1));
    let n = shift(&report, "n", None);
    // Mean 3 to 4, variance 3.5.
    assert_eq!((n.before, n.after, n.target), (3.0, 4.0, false));
    assert!((n.standardised - 1.0 / 3.5f64.sqrt()).abs() < 1e-12);
    let late = shift(&report, "late", Some(Category::Bool(true)));
    assert_eq!((late.before, late.after, late.standardised, late.target), (0.5, 0.0, -1.0, true));
    let word = shift(&report, "word", Some("a".into()));
    assert_eq!((word.before, word.after), (2.0 / 3.0, 0.0));
    assert_eq!(report.largest().0.unwrap().column, "late");
    assert!(report.shifts[0].target, "{report}");
    let text = report.to_string();
    assert!(
        text.starts_with("rows: 4 before, 2 after; complete: 1 before, 1 after\ntarget late: share of"),
        "{text}"
    );
    assert!(text.contains("n: mean 3.0000 to 4.0000 (+0.53 sd)"), "{text}");
    assert_eq!(CompleteCases::new().max_gaps(1).resample(train.clone()).unwrap().n_rows(), 4);
    assert_eq!(CompleteCases::new().resample(train).unwrap().row_ids(), [1]);
}

#[test]
fn columns_go_and_the_report_says_what_their_gaps_knew() {
    let train = table();
    let report = MissingThreshold::new(0.25).report(&train).unwrap();
    assert_eq!((report.rows_after, report.complete_before, report.complete_after), (4, 1, 3));
    let [dropped] = report.dropped.as_slice() else { panic!("{report}") };
    assert_eq!((dropped.column.as_str(), dropped.share), ("x", 0.5));
    let late = dropped.targets.iter().find(|s| s.value == Some(Category::Bool(true))).unwrap();
    assert_eq!((late.before, late.after), (0.5, 1.0));
    assert!(
        report.to_string().contains("dropped x: 50.0 % missing\n  where it is missing, target late"),
        "{report}"
    );
    assert!(MissingThreshold::new(0.5).report(&train).unwrap().dropped.is_empty());
}

#[test]
fn deletion_is_there_while_training_only() {
    let train = table();
    let fitted =
        CompleteCases::new().columns(["x"]).then(MedianImputer::new().on(["x", "n"])).fit(&train).unwrap();
    let out = train.apply(&fitted).unwrap();
    assert_eq!((out.n_rows(), out.column("x").unwrap().null_count()), (4, 0));
}

#[test]
fn bad_input() {
    let error =
        CompleteCases::new().columns(["x", "word"]).resample(table().take(&[0, 2]).unwrap()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooFewRows { need: 1, .. }), "{error}");
    assert!(CompleteCases::new().columns(["z"]).resample(table()).is_err());
    assert!(CompleteCases::new().columns(["late"]).resample(table()).is_err());
    assert!(MissingThreshold::new(f64::NAN).fit(&table()).is_err());
    let weighted = table().weight("n").unwrap();
    for error in [
        CompleteCases::new().report(&weighted).unwrap_err(),
        MissingThreshold::new(0.1).report(&weighted).unwrap_err(),
    ] {
        assert!(matches!(error.kind(), ErrorKind::UnsupportedRole { .. }), "{error}");
    }
}

proptest! {
    #[test]
    fn what_is_left_has_few_gaps(cells in prop::collection::vec(prop::array::uniform3(prop::option::of(0i32..5)), 1..40), most in 0usize..4) {
        let column = |j: usize| Arc::new(Int32Array::from_iter(cells.iter().map(|row| row[j]))) as ArrayRef;
        let batch = RecordBatch::try_from_iter_with_nullable(["a", "b", "c"].iter().enumerate().map(|(j, name)| (*name, column(j), true))).unwrap();
        let train = Dataset::new(batch).unwrap().into_train_all();
        let few: Vec<u64> = (0..).zip(&cells).filter(|(_, row)| row.iter().filter(|x| x.is_none()).count() <= most).map(|(id, _)| id).collect();
        match CompleteCases::new().max_gaps(most).resample(train) {
            Ok(left) => prop_assert_eq!(left.row_ids(), few),
            Err(_) => prop_assert!(few.is_empty()),
        }
    }
}

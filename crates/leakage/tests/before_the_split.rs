//! Rows that were copied, or made, before the rows were divided; and how findings of a table name it.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{BooleanArray, Int64Array, RecordBatch};
use mlsys_core::arrow::compute::concat_batches;
use mlsys_core::{Dataset, Fit, Fold, Identity, RowTracking, Unsplit};
use mlsys_leakage::{Finding, LeakKind, LeakageAudit, LeakageReport, Severity, audit_fitted};

fn rows(x: impl Iterator<Item = i64> + Clone) -> RecordBatch {
    let late: BooleanArray = x.clone().map(|x| Some(x % 10 == 0)).collect();
    let other = Int64Array::from_iter_values(x.clone().map(|x| x * 7919 % 1_009));
    let x = Int64Array::from_iter_values(x);
    RecordBatch::try_from_iter([
        ("x", Arc::new(x) as _),
        ("other", Arc::new(other) as _),
        ("late", Arc::new(late) as _),
    ])
    .unwrap()
}

fn data(batch: RecordBatch) -> Dataset<Unsplit> {
    Dataset::new(batch).unwrap().target("late").unwrap()
}

fn of(report: &LeakageReport, kind: LeakKind) -> Option<Finding> {
    report.findings().iter().find(|finding| finding.kind == kind).cloned()
}

/// A thousand rows, some of them so many times more, dealt to both sides in turn.
fn copied(copies: i64, every: usize) -> LeakageReport {
    let repeated = (0..copies).flat_map(|_| (0..1_000).step_by(every));
    let x: Vec<i64> = (0..1_000).chain(repeated).collect();
    let (train, test): (Vec<usize>, Vec<usize>) =
        (0..x.len()).partition(|&place| (x[place] + place as i64 / 1_000 + place as i64 % 7) % 4 != 0);
    let (train, test) = data(rows(x.into_iter())).split_at_rows(&train, &test).unwrap();
    LeakageAudit::new().split(&train, &test).unwrap()
}

#[test]
fn many_copies_are_a_suspect_though_chance_looks_the_same() {
    let found = of(&copied(9, 10), LeakKind::DuplicateRows).unwrap();
    assert_eq!(found.severity, Severity::Suspect);
    assert!(found.advice.contains("copied before the split"), "{}", found.advice);
    assert!(found.evidence["test_rows"] < found.evidence["expected"] + 50.0);
}

#[test]
fn few_copies_are_a_note() {
    let found = of(&copied(1, 20), LeakKind::DuplicateRows).unwrap();
    assert_eq!(found.severity, Severity::Note, "{}", found.message);
}

#[test]
fn rows_that_a_resampler_made_are_no_test_rows() {
    let train = data(rows(0..1_000)).track_rows().unwrap().into_train_all();
    let made = rows(2_000..2_100);
    let batch = concat_batches(&made.schema(), [train.batch(), &made]).unwrap();
    let more = train.resampled(batch, (0..1_000).collect()).unwrap();
    let (train, validation): (Vec<usize>, Vec<usize>) = (0..1_100).partition(|row| row % 4 != 0);
    let (train, validation) = more.fold(&Fold::new(train, validation).unwrap()).unwrap();

    for tracking in [RowTracking::EveryRow, RowTracking::default()] {
        let report =
            audit_fitted(&Identity::new().tracked(tracking).fit(&train).unwrap(), &validation).unwrap();
        let [finding] = report.findings() else { panic!("{report}") };
        assert_eq!((finding.kind, finding.severity), (LeakKind::FittedOnTestRows, Severity::Error));
        assert_eq!(finding.evidence["synthetic_test_rows"], 25.0);
        assert!(finding.message.starts_with("25 of the 275 test rows"), "{}", finding.message);
    }
}

#[test]
fn findings_of_a_table_say_so() {
    let late: BooleanArray = (0..1_000).map(|row| (row % 20 != 0).then_some(row % 3 == 0)).collect();
    let gaps: Int64Array = (0..1_000).map(|row| (row % 20 != 0).then_some(row % 7)).collect();
    let columns = [("gaps", Arc::new(gaps) as _), ("late", Arc::new(late) as _)];
    let data = data(RecordBatch::try_from_iter(columns).unwrap());
    let found = of(&LeakageAudit::new().table(&data).unwrap(), LeakKind::MissingWithLabel).unwrap();
    assert_eq!(found.rows.unwrap().part, "table");
}

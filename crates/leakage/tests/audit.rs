//! A small table for each kind of finding: one that has it, with the right severity, columns and rows, and one that has not.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use mlsys_core::arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
};
use mlsys_core::hash::hash_u64;
use mlsys_core::{Dataset, ErrorKind, Test, Train};
use mlsys_leakage::{Finding, LeakKind, LeakageAudit, LeakageReport, Severity};

const ROWS: u64 = 1_200;
const TRAIN: usize = 900;

/// Between 0 and 1, by row and stream.
fn noise(row: u64, stream: u64) -> f64 {
    hash_u64(row, stream) as f64 / u64::MAX as f64
}

fn yes(row: u64) -> bool {
    noise(row, 1) < 0.4
}

fn numbers(of: impl Fn(u64) -> f64) -> ArrayRef {
    Arc::new((0..ROWS).map(|row| Some(of(row))).collect::<Float64Array>())
}

fn integers(of: impl Fn(u64) -> i64) -> ArrayRef {
    Arc::new((0..ROWS).map(|row| Some(of(row))).collect::<Int64Array>())
}

fn flags(of: impl Fn(u64) -> bool) -> ArrayRef {
    Arc::new((0..ROWS).map(|row| Some(of(row))).collect::<BooleanArray>())
}

fn words(of: impl Fn(u64) -> String) -> ArrayRef {
    Arc::new((0..ROWS).map(|row| Some(of(row))).collect::<StringArray>())
}

fn labels() -> ArrayRef {
    flags(yes)
}

/// A target, eight columns that tell a little of it, and what else is given.
fn table(target: ArrayRef, more: Vec<(&str, ArrayRef)>) -> Dataset {
    let honest = |stream| numbers(move |row| noise(row, stream) + if yes(row) { 0.05 } else { 0.0 });
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let columns =
        [("late", target)].into_iter().chain(names.into_iter().zip((100..108).map(honest))).chain(more);
    Dataset::new(RecordBatch::try_from_iter_with_nullable(columns.map(|(n, c)| (n, c, true))).unwrap())
        .unwrap()
        .target("late")
        .unwrap()
}

/// The first rows and the last ones.
fn parts(data: &Dataset) -> (Dataset<Train>, Dataset<Test>) {
    let rows: Vec<usize> = (0..ROWS as usize).collect();
    data.split_at_rows(&rows[..TRAIN], &rows[TRAIN..]).unwrap()
}

fn split(data: &Dataset) -> LeakageReport {
    split_by(&LeakageAudit::new(), data)
}

fn split_by(audit: &LeakageAudit, data: &Dataset) -> LeakageReport {
    let (train, test) = parts(data);
    audit.split(&train, &test).unwrap()
}

fn with(name: &str, column: ArrayRef) -> Dataset {
    table(labels(), vec![(name, column)])
}

fn of(report: &LeakageReport, kind: LeakKind) -> Vec<&Finding> {
    report.findings().iter().filter(|finding| finding.kind == kind).collect()
}

/// A severity, columns, and the part and ids of rows.
type Only<'a> = (Severity, Vec<&'a str>, Option<(&'a str, Vec<u64>)>);

/// The only finding of a kind.
#[track_caller]
fn only(report: &LeakageReport, kind: LeakKind) -> Only<'_> {
    let found = of(report, kind);
    assert_eq!(found.len(), 1, "{report}");
    let rows = found[0].rows.as_ref().map(|rows| {
        assert_eq!(rows.count, rows.ids.len());
        (rows.part.as_str(), rows.ids.clone())
    });
    (found[0].severity, found[0].columns.iter().map(String::as_str).collect(), rows)
}

#[track_caller]
fn none(report: &LeakageReport, kind: LeakKind) {
    assert!(of(report, kind).is_empty(), "{report}");
    assert!(report.checks().contains(&kind), "{kind} did not run: {report}");
}

/// The same table with the given rows in place of the last ones.
fn repeated(data: &Dataset, first: &[usize]) -> (Dataset<Train>, Dataset<Test>) {
    let mut rows: Vec<usize> = (TRAIN..ROWS as usize - first.len()).collect();
    rows.extend(first);
    let train: Vec<usize> = (0..TRAIN).collect();
    (data.take(&train).unwrap().into_train_all(), data.take(&rows).unwrap().into_test_all())
}

#[test]
fn an_honest_table_is_clean() {
    let key = words(|row| format!("{:016x}", hash_u64(row, 5)));
    let data = with("key", key).id("key").unwrap();
    let (train, test) = parts(&data);
    let report = LeakageAudit::new().split(&train, &test).unwrap();
    assert!(report.findings().is_empty(), "{report}");
    report.require_clean().unwrap();
    let looked_for = report.checks().len() + report.skipped().len();
    assert_eq!((looked_for, report.skipped().len()), (17, 3), "{report}");
    let report = LeakageAudit::new().table(&data).unwrap();
    assert!(report.findings().is_empty() && report.checks().len() == 7, "{report}");
}

#[test]
fn rows_that_are_in_both_parts() {
    let data = table(labels(), Vec::new());
    let (train, test) = repeated(&data, &[3, 70, 500]);
    let report = LeakageAudit::new().split(&train, &test).unwrap();
    let found = only(&report, LeakKind::DuplicateRows);
    assert_eq!(found, (Severity::Error, vec![], Some(("test", vec![3, 70, 500]))));
    none(&report, LeakKind::ConflictingLabels);
    none(&report, LeakKind::NearDuplicateRows);
    // Two are too few to be sure.
    let (train, test) = repeated(&data, &[3, 70]);
    let report = LeakageAudit::new().split(&train, &test).unwrap();
    assert_eq!(only(&report, LeakKind::DuplicateRows).0, Severity::Suspect);
    // Without a target, features alone.
    let data = data.select(["a", "b"]).unwrap();
    let (train, test) = repeated(&data, &[3, 70, 500]);
    let report = LeakageAudit::new().split(&train, &test).unwrap();
    assert_eq!(only(&report, LeakKind::DuplicateRows).0, Severity::Error);
    assert!(report.skipped().iter().any(|s| s.kind == LeakKind::ConflictingLabels), "{report}");
}

#[test]
fn rows_that_are_equal_by_nature() {
    let few = |stream| integers(move |row| (noise(row, stream) * 6.0) as i64);
    let columns = [("late", labels()), ("x", few(2)), ("y", few(3))];
    let data = Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap().target("late").unwrap();
    let report = split(&data);
    // As many as chance gives, and so many that a copy before the split would not show.
    assert_eq!(only(&report, LeakKind::DuplicateRows).0, Severity::Suspect);
    // Equal rows with other labels are in each part alike; they are many.
    assert_eq!(only(&report, LeakKind::ConflictingLabels).0, Severity::Suspect);
    assert!(report.require_clean().is_ok(), "{report}");
}

#[test]
fn rows_that_are_almost_in_both_parts() {
    let changed = |row: u64, stream: u64| {
        let own = if row >= ROWS - 6 { row - 1_000 } else { row };
        noise(own, stream) + if own == row { 0.0 } else { 0.0005 }
    };
    let label = flags(|row| noise(row, 1) < 0.5);
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let columns = names.into_iter().zip((2..9).map(|stream| numbers(move |row| changed(row, stream))));
    let batch = RecordBatch::try_from_iter(columns.chain([("late", label)])).unwrap();
    let report = split(&Dataset::new(batch).unwrap().target("late").unwrap());
    let (severity, _, rows) = only(&report, LeakKind::NearDuplicateRows);
    let (part, rows) = rows.unwrap();
    // A row is missed where a change, however small, crosses a border of bins.
    assert!((severity, part) == (Severity::Error, "test") && rows.len() >= 5, "{report}");
    assert!(rows.iter().all(|row| (ROWS - 6..ROWS).contains(row)), "{report}");
    none(&report, LeakKind::DuplicateRows);
    none(&split(&table(labels(), Vec::new())), LeakKind::NearDuplicateRows);
}

#[test]
fn equal_rows_with_other_labels() {
    // Of the last rows, so many are an earlier one with the other answer.
    let flipped = |n: u64| {
        let own = move |row: u64| if row >= ROWS - n { row - 800 } else { row };
        let label = flags(move |row| yes(own(row)) != (own(row) != row));
        let x = |stream| numbers(move |row| noise(own(row), stream));
        let columns = [("late", label), ("x", x(2)), ("y", x(3))];
        split(&Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap().target("late").unwrap())
    };
    let report = flipped(2);
    let rows = Some(("test", vec![ROWS - 2, ROWS - 1]));
    assert_eq!(only(&report, LeakKind::ConflictingLabels), (Severity::Suspect, vec![], rows));
    none(&report, LeakKind::DuplicateRows);
    assert_eq!(only(&flipped(1), LeakKind::ConflictingLabels).0, Severity::Note);
    none(&flipped(0), LeakKind::ConflictingLabels);
}

#[test]
fn a_label_that_is_missing_is_no_other_label() {
    let data = table(labels(), Vec::new());
    let (train, test) = repeated(&data, &[3, 70, 500]);
    // A table to be predicted: its answers are not known.
    let mut columns = test.batch().columns().to_vec();
    columns[0] = mlsys_core::arrow::array::new_null_array(columns[0].data_type(), columns[0].len());
    let test = test.with_batch(RecordBatch::try_new(test.schema(), columns).unwrap()).unwrap();
    let report = LeakageAudit::new().split(&train, &test).unwrap();
    none(&report, LeakKind::ConflictingLabels);
}

#[test]
fn ids_that_are_in_both_parts() {
    for column in [
        integers(|row| if row >= ROWS - 2 { row as i64 - 1_000 } else { row as i64 }),
        words(|row| format!("id {}", if row >= ROWS - 2 { row - 1_000 } else { row })),
    ] {
        let report = split(&with("key", column).id("key").unwrap());
        let expected = (Severity::Error, vec!["key"], Some(("test", vec![ROWS - 2, ROWS - 1])));
        assert_eq!(only(&report, LeakKind::SharedIds), expected);
        none(&report, LeakKind::IdTells);
    }
    none(&split(&with("key", integers(|row| row as i64)).id("key").unwrap()), LeakKind::SharedIds);
    // Nobody's id is nobody's twin.
    let gaps = mlsys_core::arrow::array::new_null_array(&mlsys_core::arrow::datatypes::DataType::Utf8, 1_200);
    none(&split(&with("key", gaps).id("key").unwrap()), LeakKind::SharedIds);
}

#[test]
fn groups_that_are_in_both_parts() {
    let mixed = || with("team", words(|row| format!("team {}", row % 50)));
    let report = split(&mixed().group("team").unwrap());
    let (severity, columns, rows) = only(&report, LeakKind::SharedGroups);
    assert_eq!((severity, columns), (Severity::Error, vec!["team"]));
    assert_eq!(rows.unwrap().1, (TRAIN as u64..ROWS).collect::<Vec<_>>());
    assert_eq!(of(&report, LeakKind::SharedGroups)[0].evidence["groups"], 50.0);
    none(
        &split(&with("team", integers(|row| row as i64 / 50)).group("team").unwrap()),
        LeakKind::SharedGroups,
    );
    // The future of known groups is a fair question.
    let data =
        table(labels(), vec![("team", integers(|row| row as i64 % 50)), ("at", integers(|row| row as i64))]);
    let report = split(&data.group("team").unwrap().time("at").unwrap());
    assert_eq!(only(&report, LeakKind::SharedGroups).0, Severity::Note);
    report.require_clean().unwrap();
}

#[test]
fn parts_that_are_not_in_order_of_time() {
    let at = |of: &dyn Fn(u64) -> i64| split(&with("at", integers(of)).time("at").unwrap());
    none(&at(&|row| row as i64), LeakKind::TimeOverlap);
    // One training row is from after the test rows.
    let report = at(&|row| if row == 5 { 5_000 } else { row as i64 });
    assert_eq!(only(&report, LeakKind::TimeOverlap), (Severity::Error, vec!["at"], Some(("train", vec![5]))));
    // Two test rows are from before the training rows.
    let report = at(&|row| if row >= ROWS - 2 { -1 } else { row as i64 });
    let rows = Some(("test", vec![ROWS - 2, ROWS - 1]));
    assert_eq!(only(&report, LeakKind::TimeOverlap), (Severity::Error, vec!["at"], rows));
    // A row of the same time as the first test row.
    let report = at(&|row| if row == TRAIN as u64 - 1 { TRAIN as i64 } else { row as i64 });
    assert_eq!(only(&report, LeakKind::TimeOverlap).2, Some(("train", vec![TRAIN as u64 - 1])));
    // A split by chance.
    let report = at(&|row| (hash_u64(row, 77) >> 32) as i64);
    assert_eq!(of(&report, LeakKind::TimeOverlap)[0].severity, Severity::Error);
}

#[test]
fn labels_that_were_not_known_when_test_rows_begin() {
    let data = table(
        labels(),
        vec![
            ("at", integers(|row| row as i64)),
            ("known", integers(|row| row as i64 + 10 * (row % 2) as i64)),
        ],
    );
    let data = data.time("at").unwrap().ignore(["known"]).unwrap();
    let skipped = split(&data);
    assert!(
        skipped.skipped().iter().any(|s| s.kind == LeakKind::LabelIntervals && s.why.contains("horizon"))
    );
    // A time of integers counts nanoseconds; the label of the row 890 is known at 900, when the first test row is.
    let report = split_by(&LeakageAudit::new().label_horizon(Duration::from_nanos(10)), &data);
    let expected = (Severity::Error, vec!["at"], Some(("train", (890..900).collect())));
    assert_eq!(only(&report, LeakKind::LabelIntervals), expected);
    none(&split_by(&LeakageAudit::new().label_horizon(Duration::ZERO), &data), LeakKind::LabelIntervals);
    let endless = split_by(&LeakageAudit::new().label_horizon(Duration::MAX), &data);
    assert_eq!(of(&endless, LeakKind::LabelIntervals)[0].rows.as_ref().unwrap().count, TRAIN);
    // By a column; it is the guilty one.
    let report = split_by(&LeakageAudit::new().label_end("known"), &data);
    let expected = (Severity::Error, vec!["known"], Some(("train", vec![891, 893, 895, 897, 899])));
    assert_eq!(only(&report, LeakKind::LabelIntervals), expected);
    let (train, test) = parts(&data);
    let error = LeakageAudit::new().label_end("nothing").split(&train, &test).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MissingColumn { name, .. } if name == "nothing"), "{error}");
}

#[test]
fn values_that_differ_between_the_parts() {
    let later = |row: u64| row >= TRAIN as u64;
    let moved = || with("x", numbers(|row| noise(row, 9) + if later(row) { 0.4 } else { 0.0 }));
    assert_eq!(only(&split(&moved()), LeakKind::Drift), (Severity::Suspect, vec!["x"], None));
    none(&split(&with("x", numbers(|row| noise(row, 9)))), LeakKind::Drift);
    let with_time = table(
        labels(),
        vec![
            ("x", numbers(|row| if later(row) { 1.0 } else { 0.0 } + noise(row, 9))),
            ("at", integers(|r| r as i64)),
        ],
    );
    let report = split(&with_time.time("at").unwrap().ignore(["at"]).unwrap());
    assert_eq!(only(&report, LeakKind::Drift), (Severity::Note, vec!["x"], None));
    // Words, the target, and gaps.
    let report =
        split(&with("x", words(|row| format!("{}", (noise(row, 9) * 3.0) as u64 + u64::from(later(row))))));
    assert_eq!(only(&report, LeakKind::Drift).1, ["x"]);
    let report = split(&table(flags(|row| noise(row, 9) < if later(row) { 0.8 } else { 0.3 }), Vec::new()));
    assert_eq!(only(&report, LeakKind::Drift).1, ["late"]);
    let gaps: Float64Array =
        (0..ROWS).map(|row| (!later(row) || noise(row, 8) < 0.5).then_some(noise(row, 9))).collect();
    assert_eq!(only(&split(&with("x", Arc::new(gaps))), LeakKind::Drift).1, ["x"]);
}

#[test]
fn words_that_no_training_row_has() {
    let new = |n: u64| {
        split(&with(
            "word",
            words(move |row| if row >= ROWS - n { "new".into() } else { format!("{}", row % 7) }),
        ))
    };
    let report = new(15);
    let rows = Some(("test", (ROWS - 15..ROWS).collect()));
    assert_eq!(only(&report, LeakKind::NewCategories), (Severity::Suspect, vec!["word"], rows));
    assert_eq!(only(&new(14), LeakKind::NewCategories).0, Severity::Note);
    none(&new(0), LeakKind::NewCategories);
    none(&split(&with("x", integers(|row| i64::from(row >= ROWS - 15)))), LeakKind::NewCategories);
}

#[test]
fn a_class_that_only_test_rows_have() {
    let kind = words(|row| match row {
        row if row >= ROWS - 30 => "new".into(),
        row => if yes(row) { "late" } else { "on time" }.into(),
    });
    let report = split(&table(kind, Vec::new()));
    let rows = Some(("test", (ROWS - 30..ROWS).collect()));
    assert_eq!(only(&report, LeakKind::NewCategories), (Severity::Suspect, vec!["late"], rows));
    none(&report, LeakKind::StrengthChanges);
}

#[test]
fn a_column_that_is_nearly_the_label() {
    // One row in a hundred is wrong.
    let copy = || integers(|row| i64::from(yes(row) != (noise(row, 9) < 0.01)) * 7);
    let report = split(&with("told", copy()));
    assert_eq!(only(&report, LeakKind::NearlyTheLabel), (Severity::Error, vec!["told"], None));
    let evidence = &of(&report, LeakKind::NearlyTheLabel)[0].evidence;
    assert!(evidence["errors_left"] < 0.05 && evidence["auc"] > 0.98, "{evidence:?}");
    // A table by itself says so too; the part is named so in what rows there are.
    let report = LeakageAudit::new().table(&with("told", copy())).unwrap();
    assert_eq!(only(&report, LeakKind::NearlyTheLabel).1, ["told"]);
    // As words, and of three classes.
    let class = |row: u64| (noise(row, 1) * 3.0) as u64;
    let target = words(move |row| ["low", "middle", "top"][class(row) as usize].into());
    let told = words(move |row| format!("code {}", class(row)));
    let report = split(&table(target.clone(), vec![("told", told)]));
    assert_eq!(only(&report, LeakKind::NearlyTheLabel).1, ["told"]);
    // What tells one class of three is enough.
    let report = split(&table(target, vec![("told", flags(move |row| class(row) == 2))]));
    let found = of(&report, LeakKind::NearlyTheLabel);
    assert!(found.len() == 1 && found[0].message.contains("late = top"), "{report}");
    // One row in twenty-five is no copy any more.
    let report = split(&with("told", integers(|row| i64::from(yes(row) != (noise(row, 9) < 0.04)))));
    none(&report, LeakKind::NearlyTheLabel);
}

#[test]
fn a_column_that_tells_too_much() {
    let strong = |gap: f64| numbers(move |row| noise(row, 9) + if yes(row) { gap } else { 0.0 });
    let report = split(&with("told", strong(0.6)));
    assert_eq!(only(&report, LeakKind::ImplausibleStrength), (Severity::Error, vec!["told"], None));
    assert!(report.about("told").count() >= 1 && report.about("a").count() == 0);
    let report = split(&with("told", strong(0.45)));
    assert_eq!(only(&report, LeakKind::ImplausibleStrength).0, Severity::Suspect, "{report}");
    none(&split(&with("told", strong(0.1))), LeakKind::ImplausibleStrength);
    // With few others, nobody knows what is too much.
    let data = with("told", strong(0.6)).ignore(["a", "b", "c", "d", "e"]).unwrap();
    assert_eq!(only(&split(&data), LeakKind::ImplausibleStrength).0, Severity::Suspect);
}

#[test]
fn a_target_of_numbers() {
    let value = |row: u64| 100.0 * noise(row, 1) + 20.0 * noise(row, 2);
    let told = |spread: f64| numbers(move |row| value(row) + spread * (noise(row, 9) - 0.5));
    let data = |column: ArrayRef| table(numbers(value), vec![("told", column)]).ignore(["a"]).unwrap();
    // Ignoring what the sum is made of, the others know little.
    for (copy, share) in [
        (told(0.0), 1e-12),
        (numbers(move |row| -3.0 * value(row)), 1e-12),
        (numbers(move |row| (value(row) / 60.0).exp()), 1e-3),
        (numbers(move |row| value(row).floor()), 0.001),
        (told(2.0), 0.005),
    ] {
        let report = split(&data(copy));
        assert_eq!(only(&report, LeakKind::NearlyTheLabel), (Severity::Error, vec!["told"], None));
        let left = of(&report, LeakKind::NearlyTheLabel)[0].evidence["squares_left"];
        assert!(left <= share, "{left} {share}");
    }
    for (copy, gaps) in [(told(20.0), 0.0), (told(0.0), 0.1)] {
        let copy = copy.as_any().downcast_ref::<Float64Array>().unwrap();
        let copy: Float64Array =
            copy.iter().enumerate().map(|(row, x)| x.filter(|_| noise(row as u64, 30) >= gaps)).collect();
        none(&split(&data(Arc::new(copy))), LeakKind::NearlyTheLabel);
    }
    let report = split(&data(told(300.0)));
    none(&report, LeakKind::NearlyTheLabel);
    none(&report, LeakKind::ImplausibleStrength);
    // A number of a few steps, and their names.
    let step = |row: u64| (noise(row, 1) * 4.0) as u64;
    let names = words(move |row| format!("step {}", step(row)));
    let stepped = |spread: f64| numbers(move |row| 100.0 * step(row) as f64 + spread * noise(row, 2));
    let report = split(&table(stepped(5.0), vec![("told", names.clone())]));
    assert_eq!(only(&report, LeakKind::NearlyTheLabel), (Severity::Error, vec!["told"], None));
    assert!(of(&report, LeakKind::NearlyTheLabel)[0].evidence["r2"] > 0.995);
    let report = split(&table(stepped(60.0), vec![("told", names)]));
    assert_eq!(only(&report, LeakKind::ImplausibleStrength), (Severity::Error, vec!["told"], None));
    // What changes between the parts is judged about the median of the training rows.
    let changes = numbers(move |row| if row < TRAIN as u64 { value(row) } else { 110.0 * noise(row, 10) });
    let report = split(&data(changes));
    assert_eq!(only(&report, LeakKind::StrengthChanges), (Severity::Suspect, vec!["told"], None));
}

#[test]
fn columns_that_tell_together() {
    let planned = |row: u64| (noise(row, 9) * 1_000.0).round();
    let left = move |row: u64| planned(row) + 30.0 * noise(row, 10) + if yes(row) { 25.0 } else { 0.0 };
    let data = table(labels(), vec![("planned", numbers(planned)), ("left", numbers(left))]);
    let report = split(&data);
    let found = of(&report, LeakKind::TellsTogether);
    assert!(
        found.iter().any(|f| f.columns.contains(&"left".into()) && f.columns.contains(&"planned".into()))
    );
    assert!(found.iter().all(|f| f.severity == Severity::Suspect), "{report}");
    // Without the plan, the time says nothing.
    none(&split(&data.ignore(["planned"]).unwrap()), LeakKind::TellsTogether);
    // Two flags, of which the label is whether they differ.
    let a = |row: u64| noise(row, 9) < 0.5;
    let data = table(labels(), vec![("p", flags(a)), ("q", flags(move |row| a(row) != yes(row)))]);
    let report = split(&data);
    let mut columns = only(&report, LeakKind::TellsTogether).1;
    columns.sort_unstable();
    assert_eq!(columns, ["p", "q"]);
}

#[test]
fn gaps_that_tell() {
    let gaps = |often: f64, seldom: f64| -> ArrayRef {
        let there = move |row: u64| noise(row, 9) >= if yes(row) { often } else { seldom };
        Arc::new((0..ROWS).map(|row| there(row).then_some(noise(row, 10))).collect::<Float64Array>())
    };
    let report = split(&with("x", gaps(1.0, 0.02)));
    assert_eq!(only(&report, LeakKind::MissingnessTells), (Severity::Error, vec!["x"], None));
    let report = split(&with("x", gaps(0.1, 0.4)));
    assert_eq!(only(&report, LeakKind::MissingnessTells).0, Severity::Suspect);
    none(&split(&with("x", gaps(0.3, 0.3))), LeakKind::MissingnessTells);
    none(&split(&with("x", gaps(0.3, 0.25))), LeakKind::MissingnessTells);
}

#[test]
fn gaps_where_the_label_is_missing() {
    let unknown = |row: u64| noise(row, 11) < 0.1;
    let target: BooleanArray = (0..ROWS).map(|row| (!unknown(row)).then_some(yes(row))).collect();
    let report = |gap: &dyn Fn(u64) -> bool| {
        let x: Float64Array = (0..ROWS).map(|row| (!gap(row)).then_some(noise(row, 9))).collect();
        split(&table(Arc::new(target.clone()), vec![("x", Arc::new(x))]))
    };
    let found = report(&unknown);
    let rows: Vec<u64> = (0..TRAIN as u64).filter(|&row| unknown(row)).collect();
    assert_eq!(
        only(&found, LeakKind::MissingWithLabel),
        (Severity::Suspect, vec!["x"], Some(("train", rows)))
    );
    // A few of the label's gaps.
    let found = report(&|row| unknown(row) && noise(row, 12) < 0.3);
    assert_eq!(only(&found, LeakKind::MissingWithLabel).0, Severity::Note);
    // As many elsewhere.
    none(&report(&|row| noise(row, 12) < 0.1), LeakKind::MissingWithLabel);
    none(&report(&|row| noise(row, 12) < 0.7), LeakKind::MissingWithLabel);
}

#[test]
fn an_order_that_tells() {
    let sorted = |share: f64| {
        flags(move |row| if noise(row, 20) < share { row % TRAIN as u64 > 500 } else { yes(row) })
    };
    let honest = |target: ArrayRef| {
        let columns = ["a", "b", "c", "d"].into_iter().zip((2..6).map(|s| numbers(move |row| noise(row, s))));
        let batch = RecordBatch::try_from_iter(columns.chain([("late", target)])).unwrap();
        split(&Dataset::new(batch).unwrap().target("late").unwrap())
    };
    assert_eq!(only(&honest(sorted(1.0)), LeakKind::OrderTells), (Severity::Error, vec![], None));
    assert_eq!(only(&honest(sorted(0.5)), LeakKind::OrderTells).0, Severity::Suspect);
    none(&honest(sorted(0.05)), LeakKind::OrderTells);
}

#[test]
fn an_id_that_tells() {
    // Ids were given class by class; the rows are mixed.
    let number = |row: u64| row as i64 + if yes(row) { 10_000 } else { 0 };
    for ids in [integers(number), words(move |row| format!("{:06}", number(row)))] {
        let report = split(&with("key", ids).id("key").unwrap());
        assert_eq!(only(&report, LeakKind::IdTells), (Severity::Error, vec!["key"], None));
        none(&report, LeakKind::OrderTells);
    }
    let ids = words(|row| format!("{:016x}", hash_u64(row, 5)));
    none(&split(&with("key", ids).id("key").unwrap()), LeakKind::IdTells);
}

#[test]
fn a_column_that_tells_in_one_part_only() {
    let told = |row: u64| noise(row, 9) + if yes(row) && row < TRAIN as u64 { 0.3 } else { 0.0 };
    let report = split(&with("x", numbers(told)));
    assert_eq!(only(&report, LeakKind::StrengthChanges), (Severity::Suspect, vec!["x"], None));
    let evidence = &of(&report, LeakKind::StrengthChanges)[0].evidence;
    assert!(evidence["auc_train"] > 0.6 && evidence["auc_test"] < 0.6, "{evidence:?}");
    none(
        &split(&with("x", numbers(|row| noise(row, 9) + if yes(row) { 0.3 } else { 0.0 }))),
        LeakKind::StrengthChanges,
    );
}

#[test]
fn what_is_found_counts_as_told() {
    let data = with("told", labels());
    let kind = LeakKind::NearlyTheLabel;
    let report = split_by(&LeakageAudit::new().severity(kind, Severity::Note), &data);
    assert_eq!(only(&report, kind).0, Severity::Note);
    report.require_clean().unwrap();
    assert!(report.require_below(Severity::Note).is_err());
    let report = split_by(&LeakageAudit::new().without(kind), &data);
    assert!(of(&report, kind).is_empty() && !report.checks().contains(&kind), "{report}");
    assert!(report.skipped().iter().any(|s| s.kind == kind && s.why.contains("settings")), "{report}");
    // The last word counts.
    let report = split_by(&LeakageAudit::new().without(kind).severity(kind, Severity::Suspect), &data);
    assert_eq!(only(&report, kind).0, Severity::Suspect);
    // Everything off: nothing is found, and all is said to be left out.
    let every = split(&data);
    let off = every.checks().iter().fold(LeakageAudit::new(), |audit, &kind| audit.without(kind));
    let report = split_by(&off, &data);
    assert!(report.findings().is_empty() && report.checks().is_empty(), "{report}");
}

#[test]
fn the_worst_is_first_and_named_in_the_error() {
    let columns = vec![("told", labels()), ("key", integers(|row| row as i64 % 1_000))];
    let report = split(&table(labels(), columns).id("key").unwrap());
    let severities: Vec<Severity> = report.findings().iter().map(|finding| finding.severity).collect();
    assert!(severities.is_sorted_by(|a, b| a >= b) && report.worst() == Some(Severity::Error), "{report}");
    let error = report.require_clean().unwrap_err().to_string();
    assert!(error.contains("nearly_the_label (told)") && error.contains("shared_ids (key)"), "{error}");
}

#[test]
fn several_targets_are_for_rows_only() {
    let data = with("told", labels()).target("a").unwrap();
    let report = split(&data);
    assert!(report.skipped().iter().any(|s| s.kind == LeakKind::NearlyTheLabel && s.why.contains("single")));
    none(&report, LeakKind::DuplicateRows);
    none(&report, LeakKind::ConflictingLabels);
}

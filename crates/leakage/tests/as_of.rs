//! Joined values from the future: against a join by trying every event.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use mlsys_core::arrow::array::{
    ArrayRef, Float32Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMillisecondArray, TimestampSecondArray,
};
use mlsys_core::arrow::compute::cast;
use mlsys_core::arrow::datatypes::DataType;
use mlsys_core::{Dataset, Unsplit};
use mlsys_leakage::{AsOfAudit, Finding, LeakageReport, Severity};
use proptest::prelude::*;

type Row = (Option<i32>, Option<i64>, Option<i64>);

/// Columns of (key, time, value).
fn columns(rows: &[Row], names: [&str; 3]) -> RecordBatch {
    let columns: [(&str, ArrayRef); 3] = [
        (names[0], Arc::new(Int32Array::from_iter(rows.iter().map(|row| row.0)))),
        (names[1], Arc::new(TimestampSecondArray::from_iter(rows.iter().map(|row| row.1)))),
        (names[2], Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.2)))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn data(rows: &[Row]) -> Dataset<Unsplit> {
    Dataset::new(columns(rows, ["who", "asked", "x"])).unwrap().time("asked").unwrap()
}

fn audit() -> AsOfAudit {
    AsOfAudit::new("x", "value", "when").by(["who"])
}

fn run(rows: &[Row], events: &[Row]) -> LeakageReport {
    audit().run(&data(rows), &columns(events, ["who", "when", "value"])).unwrap()
}

fn ids(finding: Option<&Finding>) -> Vec<u64> {
    finding.and_then(|finding| finding.rows.clone()).map_or(Vec::new(), |rows| rows.ids)
}

const ANN: Option<i32> = Some(1);

/// 100 at 10, 200 at 20, 300 at 30, 200 at 40.
const HISTORY: [Row; 4] = [
    (ANN, Some(30), Some(300)),
    (ANN, Some(10), Some(100)),
    (ANN, Some(40), Some(200)),
    (ANN, Some(20), Some(200)),
];

#[test]
fn a_row_is_what_its_history_says() {
    let asked = |at: i64, value: i64| (ANN, Some(at), Some(value));
    // Right, also at the very instant, and where later events say the same.
    assert!(run(&[asked(10, 100), asked(19, 100), asked(25, 200)], &HISTORY).findings().is_empty());
    // A later one; ahead by 5 seconds.
    let report = run(&[asked(25, 200), asked(25, 300), asked(35, 300)], &HISTORY);
    assert_eq!((report.findings().len(), ids(report.findings().first())), (1, vec![1]));
    let finding = &report.findings()[0];
    assert_eq!((finding.severity, finding.evidence["ahead_max_seconds"]), (Severity::Error, 5.0));
    assert!(finding.message.contains("5 seconds"), "{}", finding.message);
    // An older one, and one that is in no event.
    let report = run(&[asked(25, 100), asked(25, 7), asked(25, 200)], &HISTORY);
    assert_eq!(
        (report.findings()[0].severity, ids(report.findings().first())),
        (Severity::Suspect, vec![0, 1])
    );
    // Earlier and later events say it: nothing is proven.
    let report = run(&[asked(35, 200)], &HISTORY);
    assert_eq!((report.findings()[0].severity, ids(report.findings().first())), (Severity::Suspect, vec![0]));
}

#[test]
fn rows_before_the_first_event_know_nothing() {
    let report = run(&[(ANN, Some(5), None), (Some(2), Some(50), None)], &HISTORY);
    assert!(report.findings().is_empty());
    let report = run(&[(ANN, Some(5), Some(100)), (Some(2), Some(50), Some(100))], &HISTORY);
    assert_eq!(ids(report.findings().first()), [0]);
    assert_eq!(report.findings()[0].severity, Severity::Error);
    assert_eq!(ids(report.findings().get(1)), [1]);
    // Keys that are written in another way meet no event, and it says so.
    let report = run(&[(Some(7), Some(50), Some(200))], &HISTORY);
    assert!(report.findings()[0].advice.contains("write their keys alike"));
}

#[test]
fn ties_nulls_and_latency() {
    // Two events at one instant: either value is right.
    let events =
        [(ANN, Some(10), Some(1)), (ANN, Some(10), Some(2)), (ANN, None, Some(9)), (None, Some(1), Some(9))];
    let report = run(&[(ANN, Some(10), Some(1)), (ANN, Some(11), Some(2))], &events);
    assert!(report.findings().is_empty());
    let report = run(&[(ANN, Some(10), Some(9)), (None, Some(10), Some(5)), (ANN, None, Some(5))], &events);
    let evidence = &report.findings()[0].evidence;
    let counts = ["rows_not_judged", "events_left_out", "rows_unknown"].map(|name| evidence[name]);
    assert_eq!(counts, [2.0, 2.0, 1.0]);
    // Within the latency: known at the prediction, and not yet to be used.
    let audit = audit().latency(Duration::from_secs(10));
    let history = columns(&HISTORY, ["who", "when", "value"]);
    let rows = data(&[(ANN, Some(25), Some(200)), (ANN, Some(25), Some(100))]);
    let report = audit.run(&rows, &history).unwrap();
    assert_eq!(ids(report.findings().first()), [0]);
    assert_eq!(report.findings()[0].evidence["rows_within_latency"], 1.0);
    // A latency that reaches before all time.
    let report = audit.latency(Duration::MAX).run(&rows, &history).unwrap();
    assert_eq!(ids(report.findings().first()), [0, 1]);
    // An event that says nothing.
    let gone = [(ANN, Some(10), Some(1)), (ANN, Some(20), None)];
    assert!(run(&[(ANN, Some(25), None)], &gone).findings().is_empty());
    assert_eq!(run(&[(ANN, Some(25), Some(1))], &gone).findings()[0].evidence["rows_stale"], 1.0);
    assert_eq!(run(&[(ANN, Some(15), None)], &gone).findings()[0].evidence["rows_stale"], 1.0);
}

#[test]
fn chance_is_no_proof() {
    // As many rows are stale as are from the future.
    let report = run(&[(ANN, Some(25), Some(300)), (ANN, Some(25), Some(100))], &HISTORY);
    assert_eq!(report.worst(), Some(Severity::Suspect));
    // Another history altogether: half of it is nowhere.
    let report = run(&[(ANN, Some(25), Some(200)), (ANN, Some(25), Some(12))], &HISTORY);
    assert_eq!(report.findings()[0].severity, Severity::Suspect);
}

#[test]
fn keys_of_several_columns_and_other_names() {
    let text = |values: &[&str]| Arc::new(StringArray::from(values.to_vec())) as ArrayRef;
    let whole = |values: &[i64]| Arc::new(Int64Array::from(values.to_vec())) as ArrayRef;
    let floats = |values: &[f64]| Arc::new(Float64Array::from(values.to_vec())) as ArrayRef;
    let narrow = |values: &[f32]| Arc::new(Float32Array::from(values.to_vec())) as ArrayRef;
    let rows =
        [("a", text(&["u", "u"])), ("b", whole(&[1, 2])), ("t", whole(&[5, 5])), ("x", narrow(&[0.1, 0.3]))];
    let (keys, values) = (text(&["u", "u", "u"]), floats(&[0.1, 0.2, 0.3]));
    let events = |keys: ArrayRef| {
        let columns =
            [("c", keys), ("d", whole(&[1, 2, 2])), ("s", whole(&[5, 4, 6])), ("v", values.clone())];
        RecordBatch::try_from_iter(columns).unwrap()
    };
    let rows = Dataset::new(RecordBatch::try_from_iter(rows).unwrap()).unwrap();
    let audit = AsOfAudit::new("x", "v", "s").by_pairs([("a", "c"), ("b", "d")]).prediction_time("t");
    let report = audit.run(&rows, &events(keys.clone())).unwrap();
    assert_eq!(ids(report.findings().first()), [1]);
    assert_eq!(report.findings()[0].evidence["ahead_max"], 1.0);
    // Dictionaries and slices say the same.
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let keyed = events(cast(&keys, &dictionary).unwrap());
    assert_eq!(audit.run(&rows, &keyed).unwrap(), report);
    let sliced = audit.run(&rows.slice(1, 1).unwrap(), &keyed.slice(1, 2)).unwrap();
    assert_eq!(ids(sliced.findings().first()), [1]);
    // Without events, and without rows.
    assert_eq!(audit.run(&rows, &keyed.slice(0, 0)).unwrap().findings()[0].evidence["rows_unknown"], 2.0);
    assert!(audit.run(&rows.slice(0, 0).unwrap(), &keyed).unwrap().findings().is_empty());
}

#[test]
fn one_series_without_keys() {
    let columns: [(&str, ArrayRef); 2] = [
        ("t", Arc::new(TimestampMillisecondArray::from(vec![1_500, 2_500]))),
        ("x", Arc::new(Float64Array::from(vec![2.0, 2.0]))),
    ];
    let rows = Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap().time("t").unwrap();
    let columns: [(&str, ArrayRef); 2] = [
        ("t", Arc::new(TimestampSecondArray::from(vec![1, 2]))),
        ("v", Arc::new(Float64Array::from(vec![1.0, 2.0]))),
    ];
    let events = RecordBatch::try_from_iter(columns).unwrap();
    let report = AsOfAudit::new("x", "v", "t").run(&rows, &events).unwrap();
    assert_eq!(ids(report.findings().first()), [0]);
    assert_eq!(report.findings()[0].evidence["ahead_max_seconds"], 0.5);
}

#[test]
fn bad_input_is_named() {
    let rows = data(&[(ANN, Some(1), Some(1))]);
    let events = columns(&HISTORY, ["who", "when", "value"]);
    let error = |audit: AsOfAudit| audit.run(&rows, &events).unwrap_err().to_string();
    assert!(error(AsOfAudit::new("y", "value", "when")).contains("`y`"));
    assert!(error(AsOfAudit::new("x", "y", "when")).contains("`y`"));
    assert!(error(AsOfAudit::new("x", "value", "y")).contains("`y`"));
    assert!(error(audit().by(["whose"])).contains("`whose`"));
    assert!(error(audit().by_pairs([("who", "whose")])).contains("`whose`"));
    assert!(error(AsOfAudit::new("x", "value", "value")).contains("both times or both integers"));
    assert!(error(audit().prediction_time("x")).contains("both times or both integers"));
    let json = serde_json::to_string(&audit()).unwrap();
    assert_eq!(serde_json::from_str::<AsOfAudit>(&json).unwrap(), audit());
}

/// What a row is, by trying every event: fine, future, stale or later, stale, unknown, not judged.
fn naive(row: Row, events: &[Row], latency: i64) -> usize {
    let (Some(who), Some(asked), value) = row else { return 5 };
    let own: Vec<(i64, Option<i64>)> =
        events.iter().filter(|e| e.0 == Some(who)).filter_map(|e| Some((e.1?, e.2))).collect();
    let last = own.iter().map(|e| e.0).filter(|&t| t <= asked - latency).max();
    let fine = match last {
        None => value.is_none(),
        Some(last) => own.contains(&(last, value)),
    };
    let earlier = own.iter().any(|&(t, v)| t <= asked - latency && v == value);
    let later = own.iter().any(|&(t, v)| t > asked - latency && v == value);
    match (fine, value.is_none() && (earlier || later), earlier, later) {
        (true, ..) => 0,
        (_, true, ..) => 3,
        (_, _, false, true) => 1,
        (_, _, true, true) => 2,
        (_, _, true, false) => 3,
        (_, _, false, false) => 4,
    }
}

fn rows(n: usize) -> impl Strategy<Value = Vec<Row>> {
    let often = |range| prop::option::weighted(0.9, range);
    prop::collection::vec((prop::option::weighted(0.9, 0..3i32), often(0..12i64), often(0..6i64)), 0..n)
}

const COUNTS: [&str; 6] =
    ["rows_as_of", "rows_future", "rows_stale_or_later", "rows_stale", "rows_unknown", "rows_not_judged"];

proptest! {
    #[test]
    fn agrees_with_trying_every_event(rows in rows(20), events in rows(30), latency in 0..4u64) {
        let mut counts = [0.0; 6];
        rows.iter().for_each(|&row| counts[naive(row, &events, latency as i64)] += 1.0);
        let audit = audit().latency(Duration::from_secs(latency));
        let (rows, events) = (data(&rows), columns(&events, ["who", "when", "value"]));
        let report = audit.run(&rows, &events).unwrap();
        for finding in report.findings() {
            prop_assert_eq!(COUNTS.map(|name| finding.evidence[name]), counts);
        }
        prop_assert_eq!(report.worst() == Some(Severity::Error), counts[1] > counts[3]);
        prop_assert!(!report.findings().is_empty() || counts[1] + counts[2] + counts[3] + counts[4] == 0.0);
        for threads in [1, 2, 7] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            prop_assert_eq!(&pool.install(|| audit.run(&rows, &events)).unwrap(), &report);
        }
    }
}

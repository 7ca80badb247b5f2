//! Which rows an aggregate includes: every definition, computed by trying every row.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use mlsys_core::arrow::compute::cast;
use mlsys_core::arrow::datatypes::DataType;
use mlsys_core::{Dataset, Test, Train, seed};
use mlsys_leakage::{Aggregate, AggregateAudit, LeakKind, Severity};
use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
struct Row {
    key: Option<i64>,
    time: Option<i64>,
    y: Option<f64>,
}

const SCOPES: [&str; 10] = [
    "earlier",
    "earlier_and_self",
    "up_to_now",
    "others",
    "every",
    "earlier_of_both_parts",
    "earlier_and_self_of_both_parts",
    "up_to_now_of_both_parts",
    "others_of_both_parts",
    "every_of_both_parts",
];

/// The aggregate of a training row under a definition, by trying every row.
fn naive(rows: &[Row], n_train: usize, row: usize, scope: &str, aggregate: Aggregate) -> Option<f64> {
    let own = rows[row];
    own.key.and(own.time)?;
    let both = scope.ends_with("_of_both_parts");
    let included = |other: usize| {
        let (time, now) = (rows[other].time, own.time);
        match scope.trim_end_matches("_of_both_parts") {
            "earlier" => time < now,
            "earlier_and_self" => time < now || other == row,
            "up_to_now" => time <= now,
            "others" => other != row,
            _ => true,
        }
    };
    let there = |&other: &usize| {
        let Row { key, time, .. } = rows[other];
        key == own.key && time.is_some() && (both || other < n_train) && included(other)
    };
    let values: Vec<f64> = (0..rows.len()).filter(there).filter_map(|other| rows[other].y).collect();
    if values.is_empty() {
        return None;
    }
    Some(match aggregate {
        Aggregate::Mean => values.iter().sum::<f64>() / values.len() as f64,
        Aggregate::Sum => values.iter().sum(),
        Aggregate::Count => values.len() as f64,
        Aggregate::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
        Aggregate::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    })
}

fn batch(rows: &[Row], feature: &[Option<f64>]) -> RecordBatch {
    let columns: [(&str, ArrayRef); 4] = [
        ("key", Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.key)))),
        ("time", Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.time)))),
        ("y", Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.y)))),
        ("f", Arc::new(Float64Array::from_iter(feature.iter().copied()))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn parts(rows: &[Row], n_train: usize, feature: &[Option<f64>]) -> (Dataset<Train>, Dataset<Test>) {
    let data = Dataset::new(batch(rows, feature)).unwrap().time("time").unwrap().target("y").unwrap();
    let (train, test): (Vec<usize>, Vec<usize>) = (0..rows.len()).partition(|&row| row < n_train);
    data.split_at_rows(&train, &test).unwrap()
}

/// Rows of some groups, in random order of time, with ties, and with missing values.
fn drawn(n: usize, seed: u64) -> Vec<Row> {
    let mut rng = seed::stream(seed, 0);
    let mut below = |n: u64| seed::below(n, &mut rng);
    let mut one = || Row {
        key: (below(20) > 0).then(|| below(6) as i64),
        time: (below(20) > 0).then(|| below(40) as i64),
        y: (below(10) > 0).then(|| below(10_000) as f64 / 7.0 - 500.0),
    };
    (0..n).map(|_| one()).collect()
}

const AGGREGATES: [Aggregate; 5] =
    [Aggregate::Mean, Aggregate::Sum, Aggregate::Count, Aggregate::Min, Aggregate::Max];

#[test]
fn names_the_definition_of_every_aggregate() {
    let rows = drawn(240, 7);
    let n_train = 160;
    for aggregate in AGGREGATES {
        for scope in SCOPES {
            let of =
                |row| if row < n_train { naive(&rows, n_train, row, scope, aggregate) } else { Some(0.0) };
            let feature: Vec<Option<f64>> = (0..rows.len()).map(of).collect();
            let (train, test) = parts(&rows, n_train, &feature);
            let audit = AggregateAudit::new("f", aggregate, "y").by(["key"]);
            let report = audit.run_over(&train, &test).unwrap();
            assert_eq!(report.checks(), [LeakKind::AggregateIncludes]);
            let Some(finding) = report.findings().first() else {
                assert_eq!(scope, "earlier", "{aggregate:?}");
                continue;
            };
            assert_eq!(
                finding.evidence[&format!("share_{scope}")],
                1.0,
                "{aggregate:?} {scope}: {finding:?}"
            );
            let others = SCOPES.iter().filter(|other| **other != scope);
            let most = others.map(|other| finding.evidence[&format!("share_{other}")]).fold(0.0, f64::max);
            if matches!(aggregate, Aggregate::Min | Aggregate::Max) && most == 1.0 {
                // Two definitions may have the same extremes.
                continue;
            }
            assert!(most < 0.99, "{aggregate:?} {scope}: another one has {most}");
            let expected = if scope == "earlier_of_both_parts" { Severity::Suspect } else { Severity::Error };
            assert_eq!(finding.severity, expected, "{aggregate:?} {scope}");
            assert!(finding.rows.as_ref().unwrap().count > 50);
        }
    }
}

#[test]
fn what_is_no_target_may_include_the_row() {
    let mut rows = drawn(100, 3);
    // Without a time all rows count.
    rows.iter_mut().for_each(|row| row.time = Some(row.time.unwrap_or(0)));
    for (scope, timed, severity) in [
        ("every", false, Some(Severity::Suspect)),
        ("others", false, None),
        ("every", true, Some(Severity::Error)),
        ("others", true, Some(Severity::Error)),
        ("up_to_now", true, Some(Severity::Suspect)),
        ("earlier", true, None),
    ] {
        let feature: Vec<_> = (0..100).map(|row| naive(&rows, 100, row, scope, Aggregate::Mean)).collect();
        let data = Dataset::new(batch(&rows, &feature)).unwrap();
        let mut audit = AggregateAudit::new("f", Aggregate::Mean, "y").by(["key"]);
        if timed {
            audit = audit.time("time");
        }
        let report = audit.run(&data).unwrap();
        assert_eq!(report.worst(), severity, "{scope} {timed}: {report}");
    }
}

#[test]
fn what_is_filled_in_is_no_contradiction() {
    // Half of the groups have one row: nothing is earlier there, and 0.5 stands for it.
    let mut rows = drawn(60, 5);
    rows.iter_mut().for_each(|row| row.time = Some(row.time.unwrap_or(0)));
    rows.extend((100..160).map(|key| Row { key: Some(key), time: Some(key % 9), y: Some(key as f64) }));
    let fill = |scope: &str| -> Vec<Option<f64>> {
        let of = |row| naive(&rows, rows.len(), row, scope, Aggregate::Mean);
        (0..rows.len()).map(|row| of(row).or(Some(0.5))).collect()
    };
    let audit = AggregateAudit::new("f", Aggregate::Mean, "y").by(["key"]).time("time");
    let data = |feature: &[Option<f64>]| Dataset::new(batch(&rows, feature)).unwrap().target("y").unwrap();
    assert!(audit.run(&data(&fill("earlier"))).unwrap().findings().is_empty());
    let report = audit.run(&data(&fill("every"))).unwrap();
    let share = report.findings()[0].evidence["share_every"];
    assert_eq!((report.worst(), share), (Some(Severity::Error), 1.0));
}

#[test]
fn other_encodings_and_floats() {
    let rows = drawn(120, 11);
    let feature: Vec<_> = (0..120).map(|row| naive(&rows, 120, row, "every", Aggregate::Mean)).collect();
    let whole = batch(&rows, &feature);
    let audit = AggregateAudit::new("f", Aggregate::Mean, "y").by(["key"]).time("time");
    let report = audit.run(&Dataset::new(whole.clone()).unwrap().target("y").unwrap()).unwrap();
    assert_eq!(report.worst(), Some(Severity::Error));
    let narrow: Float32Array = feature.iter().map(|x| x.map(|x| x as f32)).collect();
    let text: StringArray = rows.iter().map(|row| row.key.map(|key| key.to_string())).collect();
    let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    let columns: [(&str, ArrayRef); 4] = [
        ("key", cast(&text, &dictionary).unwrap()),
        ("time", whole.column(1).clone()),
        ("y", whole.column(2).clone()),
        ("f", Arc::new(narrow)),
    ];
    let other = RecordBatch::try_from_iter(columns).unwrap();
    let again = audit.run(&Dataset::new(other).unwrap().target("y").unwrap()).unwrap();
    assert_eq!(again.findings()[0].evidence["share_every"], 1.0);
    assert_eq!(again.worst(), report.worst());
    for threads in [1, 2, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let data = Dataset::new(whole.clone()).unwrap().target("y").unwrap();
        assert_eq!(pool.install(|| audit.run(&data)).unwrap(), report);
    }
}

#[test]
fn bad_input_is_named() {
    let rows = drawn(10, 1);
    let data = Dataset::new(batch(&rows, &[Some(f64::INFINITY); 10])).unwrap();
    let error = |audit: AggregateAudit| audit.run(&data).unwrap_err().to_string();
    assert!(error(AggregateAudit::new("g", Aggregate::Mean, "y")).contains("`g`"));
    assert!(error(AggregateAudit::new("f", Aggregate::Mean, "g")).contains("`g`"));
    assert!(error(AggregateAudit::new("f", Aggregate::Mean, "f")).contains("`source`"));
    assert!(error(AggregateAudit::new("y", Aggregate::Mean, "f")).contains("`f` has inf in row 0"));
    assert!(error(AggregateAudit::new("f", Aggregate::Mean, "y").by(["g"])).contains("`g`"));
    assert!(error(AggregateAudit::new("f", Aggregate::Mean, "y").time("f")).contains("`f`"));
    // An infinite feature is none of the definitions.
    let report = AggregateAudit::new("f", Aggregate::Mean, "y").by(["key"]).run(&data).unwrap();
    assert_eq!(report.worst(), Some(Severity::Note));
    // No rows, and one.
    for n in 0..2 {
        let report = AggregateAudit::new("f", Aggregate::Sum, "y").run(&data.slice(0, n).unwrap()).unwrap();
        assert!(report.worst() <= Some(Severity::Note));
    }
    let audit = AggregateAudit::new("f", Aggregate::Max, "y").by(["key"]).time("time");
    let json = serde_json::to_string(&audit).unwrap();
    assert_eq!(serde_json::from_str::<AggregateAudit>(&json).unwrap(), audit);
}

type Small = (i64, i64, Option<i32>, Option<i32>);

fn small() -> impl Strategy<Value = Small> {
    (0..3i64, 0..4i64, prop::option::of(-2..3i32), prop::option::of(-2..3i32))
}

proptest! {
    #[test]
    fn any_column_is_judged(rows in prop::collection::vec(small(), 2..30), aggregate in 0..5usize) {
        let row = |r: &Small| Row { key: Some(r.0), time: Some(r.1), y: r.2.map(f64::from) };
        let own: Vec<Row> = rows.iter().map(row).collect();
        let feature: Vec<_> = rows.iter().map(|r| r.3.map(f64::from)).collect();
        let n_train = rows.len() / 2;
        let (train, test) = parts(&own, n_train, &feature);
        let aggregate = AGGREGATES[aggregate];
        let report = AggregateAudit::new("f", aggregate, "y").by(["key"]).run_over(&train, &test).unwrap();
        let expected = |row: usize, scope: &str| naive(&own, n_train, row, scope, aggregate);
        let unlike = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() > 1e-7,
            _ => a.is_some() != b.is_some(),
        };
        let differ =
            |row: &usize| SCOPES.iter().any(|scope| unlike(expected(*row, scope), expected(*row, SCOPES[0])));
        let telling: Vec<usize> = (0..n_train).filter(differ).collect();
        if let Some(finding) = report.findings().first() {
            prop_assert_eq!(finding.evidence["rows_that_differ"], telling.len() as f64);
            for scope in SCOPES {
                let agree = telling.iter().filter(|&&row| !unlike(feature[row], expected(row, scope))).count();
                let empty = telling.iter().filter(|&&row| expected(row, scope).is_none());
                let filled: Vec<i64> = empty.filter_map(|&row| feature[row]).map(|x| x as i64).collect();
                let most = filled.iter().map(|x| filled.iter().filter(|y| *y == x).count()).max().unwrap_or(0);
                let share = (agree + most) as f64 / telling.len().max(1) as f64;
                let found = finding.evidence[&format!("share_{scope}")];
                prop_assert!((found - share).abs() < 1e-12, "{} of {}", found, share);
            }
        }
    }
}

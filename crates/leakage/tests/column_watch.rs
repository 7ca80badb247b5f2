//! New columns that weigh too much, and old ones that weigh more than before.

#![allow(clippy::unwrap_used)]

use mlsys_core::Dataset;
use mlsys_leakage::{ColumnPowers, ColumnWatch, LeakKind, LeakageReport, Severity};
use mlsys_testkit::table;
use proptest::prelude::*;

fn watch() -> ColumnWatch {
    ColumnWatch::new([("a", 4.0), ("b", 3.0), ("c", 3.0)]).unwrap()
}

fn found(report: &LeakageReport) -> Vec<(LeakKind, Severity, String)> {
    report.findings().iter().map(|f| (f.kind, f.severity, f.columns.join(","))).collect()
}

#[test]
fn new_columns_by_weight() {
    let with = |new: f64| watch().compare([("a", 4.0), ("b", 3.0), ("c", 3.0), ("new", new)]).unwrap();
    assert!(with(2.0).findings().is_empty());
    assert_eq!(with(2.0).checks(), [LeakKind::StrengthChanges, LeakKind::NewColumn]);
    // A fifth of 12.5.
    assert_eq!(found(&with(2.5)), [(LeakKind::NewColumn, Severity::Suspect, "new".into())]);
    assert_eq!(found(&with(8.0)), [(LeakKind::NewColumn, Severity::Suspect, "new".into())]);
    assert_eq!(found(&with(8.1)), [(LeakKind::NewColumn, Severity::Error, "new".into())]);
    assert!(with(8.1).findings()[0].message.contains("of an old one is 4.0000, of `a`"));
    // The first of many, with a small share.
    let many: Vec<(String, f64)> = (0..50).map(|i| (format!("x{i}"), 1.0)).collect();
    let more = many.iter().cloned().chain([("new".to_owned(), 1.5)]);
    let report = ColumnWatch::new(many.clone()).unwrap().compare(more).unwrap();
    assert_eq!(found(&report), [(LeakKind::NewColumn, Severity::Suspect, "new".into())]);
    let strict = watch().share(0.01).far(1.0);
    assert_eq!(strict.compare([("a", 4.0), ("new", 4.0)]).unwrap().worst(), Some(Severity::Suspect));
    // Where nothing old is left, or weighs anything, nothing is far from it.
    assert_eq!(watch().compare([("new", 1.0)]).unwrap().worst(), Some(Severity::Suspect));
    assert_eq!(watch().compare([("a", 0.0), ("new", 1e-6)]).unwrap().worst(), Some(Severity::Suspect));
    assert!(watch().compare([("a", -1.0), ("new", -2.0)]).unwrap().findings().is_empty());
}

#[test]
fn old_columns_that_jump() {
    // From 30% to 70% of what is left, whatever the scale.
    let report = watch().compare([("a", 200.0), ("b", 100.0), ("c", 700.0)]).unwrap();
    assert_eq!(found(&report), [(LeakKind::StrengthChanges, Severity::Suspect, "c".into())]);
    assert_eq!(report.findings()[0].evidence["share"], 0.7);
    // A column that went, or one that came, is no jump of the others.
    assert!(watch().compare([("a", 4.0), ("b", 3.0)]).unwrap().findings().is_empty());
    assert!(watch().compare([("a", 4.0), ("b", 3.0), ("c", 3.0), ("d", 0.5)]).unwrap().findings().is_empty());
    let loose = watch().jump(0.5);
    assert!(loose.compare([("a", 200.0), ("b", 100.0), ("c", 700.0)]).unwrap().findings().is_empty());
}

#[test]
fn powers_of_columns_are_weights() {
    let data = Dataset::new(table::mixed(300, true)).unwrap().target("label").unwrap();
    let data = data.ignore(["value", "kind", "when", "weight"]).unwrap();
    let weights = |data: &Dataset| -> Vec<(String, f64)> {
        let powers = ColumnPowers::of(data).unwrap();
        powers.columns.iter().map(|power| (power.column.clone(), power.strength())).collect()
    };
    let watch = ColumnWatch::new(weights(&data)).unwrap();
    assert!(watch.compare(weights(&data)).unwrap().findings().is_empty());
    // A column that the label was made from arrives.
    let later = Dataset::new(table::mixed(300, true)).unwrap().target("label").unwrap();
    let report = watch.compare(weights(&later.ignore(["kind", "when", "weight"]).unwrap())).unwrap();
    assert_eq!(
        (report.findings()[0].kind, report.findings()[0].columns[0].as_str()),
        (LeakKind::NewColumn, "value")
    );
}

#[test]
fn it_is_kept_as_json() {
    let json = serde_json::to_string(&watch().far(3.0)).unwrap();
    assert_eq!(serde_json::from_str::<ColumnWatch>(&json).unwrap(), watch().far(3.0));
    assert_eq!(serde_json::from_str::<ColumnWatch>(r#"{"weights":{"a":4,"b":3,"c":3}}"#).unwrap(), watch());
    assert!(serde_json::from_str::<ColumnWatch>(r#"{"weights":{},"shares":1}"#).is_err());
    let empty: ColumnWatch = serde_json::from_str(r#"{"weights":{}}"#).unwrap();
    assert!(empty.compare([("a", 1.0)]).is_err());
    assert_eq!(watch().weights().collect::<Vec<_>>(), [("a", 4.0), ("b", 3.0), ("c", 3.0)]);
}

#[test]
fn bad_input_is_named() {
    let error = |result: mlsys_core::Result<ColumnWatch>| result.map(|_| ()).unwrap_err().to_string();
    assert!(error(ColumnWatch::new(Vec::<(String, f64)>::new())).contains("`weights`"));
    assert!(error(ColumnWatch::new([("a", 1.0), ("a", 2.0)])).contains("`a`"));
    for bad in [f64::NAN, f64::INFINITY] {
        assert!(error(ColumnWatch::new([("a", bad)])).contains("`a`"));
        assert!(watch().compare([("b", bad)]).unwrap_err().to_string().contains("`b`"));
    }
    for bad in [0.0, -1.0, 1.5, f64::NAN] {
        assert!(watch().share(bad).compare([("a", 1.0)]).unwrap_err().to_string().contains("`share`"));
        assert!(watch().jump(bad).compare([("a", 1.0)]).unwrap_err().to_string().contains("`jump`"));
    }
    for bad in [0.5, f64::NAN, f64::INFINITY] {
        assert!(watch().far(bad).compare([("a", 1.0)]).unwrap_err().to_string().contains("`far`"));
    }
    // Huge weights have shares too.
    let huge = watch().compare([("a", 1e308), ("b", 1e308), ("c", 1e308), ("new", 1e308)]).unwrap();
    assert_eq!(huge.findings()[0].evidence["share"], 0.25);
}

proptest! {
    #[test]
    fn agrees_with_the_definition(
        old in prop::collection::btree_map("[a-h]", 0.0..10.0f64, 1..6),
        new in prop::collection::btree_map("[a-h]", 0.0..10.0f64, 1..6),
        scale in 0.001..1000.0f64,
    ) {
        let watch = ColumnWatch::new(old.clone()).unwrap();
        let report = watch.compare(new.clone()).unwrap();
        let top = new.iter().filter(|(name, _)| old.contains_key(*name)).map(|(_, w)| *w).fold(0.0, f64::max);
        let all: f64 = new.values().sum();
        for (name, &weight) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
            let found = report.about(name).next().map(|finding| finding.severity);
            let expected = if top > 0.0 && weight > 2.0 * top {
                Some(Severity::Error)
            } else if weight > top || weight / all >= 0.2 {
                Some(Severity::Suspect)
            } else {
                None
            };
            prop_assert_eq!(found, expected);
        }
        // The scale says nothing.
        let scaled = watch.compare(new.iter().map(|(name, weight)| (name.clone(), weight * scale))).unwrap();
        prop_assert_eq!(found(&scaled), found(&report));
    }
}

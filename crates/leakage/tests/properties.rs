//! Relations that must hold, and searches through all pairs of rows that must agree.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use mlsys_core::hash::hash_u64;
use mlsys_core::{Batches, Dataset, Role};
use mlsys_leakage::power::{out_of_fold_auc, out_of_fold_r2, predictive_power_score, stratified_auc};
use mlsys_leakage::{
    ColumnPower, ColumnPowers, Finding, LeakKind, LeakageReport, NearDuplicates, OffendingRows, Severity,
    duplicates_across, duplicates_across_batches,
};
use proptest::prelude::*;

/// A row of a number, another, and a word.
type Row = (Option<f64>, Option<i64>, Option<u8>);

fn data(rows: &[Row]) -> Dataset {
    let x: ArrayRef = Arc::new(rows.iter().map(|row| row.0).collect::<Float64Array>());
    let n: ArrayRef = Arc::new(rows.iter().map(|row| row.1).collect::<Int64Array>());
    let word = rows.iter().map(|row| row.2.map(|word| format!("word {word}")));
    let word: ArrayRef = Arc::new(word.collect::<StringArray>());
    let columns = [("x", x, true), ("n", n, true), ("word", word, true)];
    Dataset::new(RecordBatch::try_from_iter_with_nullable(columns).unwrap()).unwrap()
}

const COLUMNS: [&str; 3] = ["x", "n", "word"];

fn rows(n: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Row>> {
    let x = prop_oneof![
        Just(None),
        Just(Some(f64::NAN)),
        (-3i32..3).prop_map(|x| Some(f64::from(x))),
        (0u8..60).prop_map(|x| Some(f64::from(x) / 40.0)),
    ];
    let row = (x, prop::option::weighted(0.9, -2i64..3), prop::option::weighted(0.9, 0u8..3));
    prop::collection::vec(row, n)
}

/// Missing is null or NaN.
fn there(x: Option<f64>) -> Option<f64> {
    x.filter(|x| !x.is_nan())
}

fn equal(a: &Row, b: &Row) -> bool {
    there(a.0) == there(b.0) && a.1 == b.1 && a.2 == b.2
}

/// The cells that do not agree, by the definition: numbers by the deviation of the first part.
fn differing(a: &Row, b: &Row, deviation: f64, tolerance: f64) -> usize {
    let apart = match (there(a.0), there(b.0)) {
        (Some(a), Some(b)) => (a - b).abs() / deviation > tolerance,
        (a, b) => a.is_some() != b.is_some(),
    };
    usize::from(apart) + usize::from(a.1 != b.1) + usize::from(a.2 != b.2)
}

fn deviation(rows: &[Row]) -> f64 {
    let x: Vec<f64> = rows.iter().filter_map(|row| there(row.0)).collect();
    let mean = x.iter().sum::<f64>() / x.len().max(1) as f64;
    let deviation = (x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len().max(1) as f64).sqrt();
    if deviation > 0.0 { deviation } else { 1.0 }
}

proptest! {
    #[test]
    fn equal_rows_are_those_of_a_search_through_all(first in rows(0..40), second in rows(0..40), size in 1usize..20) {
        let (one, two) = (data(&first), data(&second));
        let found = duplicates_across(&one, &two, &COLUMNS).unwrap();
        let twin = |row: &Row| first.iter().position(|other| equal(row, other));
        let expected: Vec<(usize, usize)> = second.iter().enumerate().filter_map(|(at, row)| Some((at, twin(row)?))).collect();
        let pairs: Vec<(usize, usize)> = found.rows.iter().copied().zip(found.twins.iter().copied()).collect();
        prop_assert_eq!(pairs, expected);
        let within = first.iter().filter(|row| first.iter().filter(|other| equal(row, other)).count() > 1).count();
        prop_assert_eq!(found.within_first, within);
        // The same of streams, in batches of any size; a target counts as a column.
        let stream = |part: &Dataset| {
            let (batch, n) = (part.batch().clone(), part.n_rows());
            let schema = batch.schema();
            let cut = move |at: usize| Ok(batch.slice(at, size.min(n - at)));
            Batches::new(schema, (0..n).step_by(size).map(cut)).unwrap().with_role("word", Role::Target).unwrap()
        };
        let streamed = duplicates_across_batches(stream(&one).into_train_all(), stream(&two).into_test_all()).unwrap();
        prop_assert_eq!(streamed, found);
    }

    #[test]
    fn near_rows_are_near(first in rows(1..40), second in rows(1..40), most in 0usize..3, tolerance in 0.05..0.8f64) {
        let (one, two) = (data(&first), data(&second));
        let near = NearDuplicates::new().tolerance(tolerance).differing_cells(most);
        let found = near.across(&one, &two, &COLUMNS).unwrap();
        let deviation = deviation(&first);
        for ((&row, &twin), &cells) in found.rows.iter().zip(&found.twins).zip(&found.differing) {
            // Cells are single precision: what is within a rounding of the tolerance may count either way.
            let of = |slack: f64| differing(&second[row], &first[twin], deviation, tolerance + slack);
            prop_assert!((of(1e-5)..=of(-1e-5)).contains(&cells), "row {row} and {twin}");
            prop_assert!(cells <= most);
            // Of a row that is in the first part, nobody asks what it is near to.
            prop_assert!(!first.iter().any(|other| equal(other, &second[row])));
            // No row is nearer of those that share all its words and whole numbers, and the bin of its number.
            let nearer = first.iter().position(|other| differing(&second[row], other, deviation, tolerance) < cells && other.1 == second[row].1
                && other.2 == second[row].2 && there(other.0) == there(second[row].0));
            prop_assert_eq!(nearer, None);
        }
        prop_assert!(found.rows.is_sorted_by(|a, b| a < b));
        // Nothing is missed that is equal in all cells but so many.
        for (at, row) in second.iter().enumerate() {
            let copies = first.iter().filter(|other| {
                usize::from(there(row.0) != there(other.0)) + usize::from(row.1 != other.1) + usize::from(row.2 != other.2) <= most
            });
            let is_copy = first.iter().any(|other| equal(row, other));
            if copies.count() > 0 && !is_copy {
                prop_assert!(found.rows.contains(&at), "row {at} is missed");
            }
        }
    }

    /// What levels are called, and in which order rows come within their folds, makes no difference.
    #[test]
    fn names_of_levels_do_not_matter(
        table in prop::collection::vec((0u32..6, any::<bool>(), 0u8..4), 30..150),
        by in 0u64..1_000,
    ) {
        let mut names: Vec<u32> = (0..6).collect();
        names.sort_by_key(|&level| hash_u64(u64::from(level), by));
        let levels: Vec<u32> = table.iter().map(|row| row.0).collect();
        let renamed: Vec<u32> = levels.iter().map(|&level| names[level as usize]).collect();
        let yes: Vec<bool> = table.iter().map(|row| row.1).collect();
        let folds: Vec<u8> = table.iter().map(|row| row.2).collect();
        let classes: Vec<u32> = yes.iter().map(|&yes| u32::from(yes)).collect();
        let values: Vec<f64> = levels.iter().zip(&yes).map(|(&level, &yes)| f64::from(level * 8) + f64::from(u8::from(yes))).collect();
        match (out_of_fold_auc(&levels, &yes, &folds), out_of_fold_auc(&renamed, &yes, &folds)) {
            (Ok(a), Ok(b)) => {
                prop_assert_eq!(a.to_bits(), b.to_bits());
                // The other answer is told as well.
                let no: Vec<bool> = yes.iter().map(|yes| !yes).collect();
                prop_assert!((out_of_fold_auc(&levels, &no, &folds).unwrap() - a).abs() < 1e-12);
            }
            (a, b) => prop_assert!(a.is_err() && b.is_err()),
        }
        if let Ok(a) = predictive_power_score(&levels, &classes, &folds) {
            prop_assert_eq!(a, predictive_power_score(&renamed, &classes, &folds).unwrap());
        }
        if let Ok(a) = out_of_fold_r2(&levels, &values, &folds) {
            prop_assert!((a - out_of_fold_r2(&renamed, &values, &folds).unwrap()).abs() < 1e-9);
        }
    }

    #[test]
    fn strata_are_judged_apart(table in prop::collection::vec((0u32..9, 0u32..4, any::<bool>()), 2..60)) {
        let (mut above, mut pairs) = (0.0, 0.0);
        for a in table.iter().filter(|a| a.2) {
            for b in table.iter().filter(|b| !b.2 && b.1 == a.1) {
                pairs += 1.0;
                above += if a.0 > b.0 { 1.0 } else if a.0 == b.0 { 0.5 } else { 0.0 };
            }
        }
        let of = |i: usize| table.iter().map(|row| if i == 0 { row.0 } else { row.1 }).collect::<Vec<u32>>();
        let yes: Vec<bool> = table.iter().map(|row| row.2).collect();
        match stratified_auc(&of(0), &of(1), &yes) {
            Ok(found) => prop_assert!((found - above / pairs).abs() < 1e-12),
            Err(_) => prop_assert_eq!(pairs, 0.0),
        }
    }

    #[test]
    fn a_report_survives_json(found in prop::collection::vec((0usize..25, 0u8..3, prop::option::of(".{0,6}"), prop::option::of(0u64..2_000), any::<f64>()), 0..12)) {
        let mut report = LeakageReport::new();
        for (kind, severity, column, rows, number) in found {
            let severity = [Severity::Note, Severity::Suspect, Severity::Error][usize::from(severity)];
            let mut finding = Finding::new(KINDS[kind], severity, "what \"is\" found\n", "what to do").number("x", number);
            if let Some(column) = column {
                finding = finding.column(&column);
            }
            if let Some(rows) = rows {
                finding = finding.rows(OffendingRows::new("test", 0..rows));
            }
            report.push(finding);
        }
        report.skip(LeakKind::TestWear, "needs a ledger");
        prop_assert_eq!(&LeakageReport::from_json(&report.to_json().unwrap()).unwrap(), &report);
        prop_assert!(report.findings().is_sorted_by(|a, b| a.severity >= b.severity));
        prop_assert_eq!(report.require_clean().is_err(), report.worst() == Some(Severity::Error));
        prop_assert_eq!(report.require_below(Severity::Note).is_err(), report.worst().is_some());
        prop_assert!(!report.to_string().is_empty());
    }

    #[test]
    fn hostile_json_is_an_error(text in ".{0,80}") {
        prop_assert!(LeakageReport::from_json(&text).is_err());
    }
}

const KINDS: [LeakKind; 25] = [
    LeakKind::DuplicateRows,
    LeakKind::NearDuplicateRows,
    LeakKind::ConflictingLabels,
    LeakKind::SharedIds,
    LeakKind::SharedGroups,
    LeakKind::TimeOverlap,
    LeakKind::LabelIntervals,
    LeakKind::Drift,
    LeakKind::NewCategories,
    LeakKind::NearlyTheLabel,
    LeakKind::ImplausibleStrength,
    LeakKind::TellsTogether,
    LeakKind::MissingnessTells,
    LeakKind::MissingWithLabel,
    LeakKind::OrderTells,
    LeakKind::IdTells,
    LeakKind::StrengthChanges,
    LeakKind::NewColumn,
    LeakKind::Ablation,
    LeakKind::NotYetAvailable,
    LeakKind::FromTheFuture,
    LeakKind::AggregateIncludes,
    LeakKind::FittedOnTestRows,
    LeakKind::TestRowsReachModel,
    LeakKind::TestWear,
];

#[test]
fn a_kind_has_one_name() {
    for kind in KINDS {
        assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.name()));
        assert_eq!(kind.to_string(), kind.name());
    }
}

fn noise(row: usize, stream: u64) -> f64 {
    hash_u64(row as u64, stream) as f64 / u64::MAX as f64
}

fn powers(n: usize, columns: Vec<(&str, ArrayRef)>) -> BTreeMap<String, ColumnPower> {
    let late: ArrayRef = Arc::new((0..n).map(|row| Some(noise(row, 1) < 0.4)).collect::<BooleanArray>());
    let columns = columns.into_iter().chain([("late", late)]).map(|(name, column)| (name, column, true));
    let data = Dataset::new(RecordBatch::try_from_iter_with_nullable(columns).unwrap()).unwrap();
    let powers = ColumnPowers::of(&data.target("late").unwrap()).unwrap();
    assert!(powers.columns.is_sorted_by(|a, b| a.strength() >= b.strength()));
    powers.columns.into_iter().map(|power| (power.column.clone(), power)).collect()
}

fn named(mut power: ColumnPower, column: &str) -> ColumnPower {
    power.column = column.into();
    power
}

#[test]
fn names_tell_nothing_and_copies_all() {
    let n = 1_000;
    let words = |of: &dyn Fn(usize) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values((0..n).map(of)))
    };
    let late = |row: usize| noise(row, 1) < 0.4;
    let found = powers(
        n,
        vec![
            ("names", words(&|row| format!("{:016x}", hash_u64(row as u64, 3)))),
            ("copy", words(&|row| if late(row) { "l" } else { "o" }.into())),
            (
                "sides",
                Arc::new(Float64Array::from_iter_values(
                    (0..n).map(|row| if late(row) { -1.0 } else { 1.0 } * noise(row, 4)),
                )),
            ),
            (
                "gap",
                Arc::new((0..n).map(|row| (!late(row)).then_some(noise(row, 4))).collect::<Float64Array>()),
            ),
            ("one", Arc::new(Int64Array::from(vec![4; n]))),
            ("none", Arc::new(Int64Array::from(vec![None; n]))),
        ],
    );
    for (name, missing) in [("names", 0), ("one", 0), ("none", n)] {
        let power = &found[name];
        assert_eq!((power.auc, power.power_score, power.missing), (Some(0.5), 0.0, missing), "{power:?}");
        assert_eq!(power.errors_left, Some(1.0), "{power:?}");
    }
    for name in ["copy", "gap"] {
        let power = &found[name];
        assert_eq!(
            (power.auc, power.errors_left, power.power_score),
            (Some(1.0), Some(0.0), 1.0),
            "{power:?}"
        );
    }
    // A bin in the middle has rows of both.
    assert!(found["sides"].auc.unwrap() > 0.99 && found["sides"].errors_left.unwrap() < 0.05);
    // Names know all of the rows they were learned from.
    assert!(
        found["names"].mutual_information.unwrap() > 0.6
            && found["one"].mutual_information.unwrap().abs() < 1e-12
    );
}

#[test]
fn the_scale_of_a_number_does_not_matter() {
    let n = 3_000;
    let x = |row: usize| noise(row, 2) * 4.0 - 2.0 + if noise(row, 1) < 0.4 { 0.5 } else { 0.0 };
    let numbers = |of: &dyn Fn(f64) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values((0..n).map(|row| of(x(row)))))
    };
    // By many values in bins, and by few that are kept.
    for step in [0.0, 0.25] {
        let round = move |x: f64| if step > 0.0 { (x / step).floor() * step } else { x };
        let found = powers(
            n,
            vec![
                ("a", numbers(&|x| round(x))),
                ("b", numbers(&|x| 1e6 * round(x) - 3e9)),
                ("c", numbers(&|x| round(x).exp())),
                ("d", numbers(&|x| (round(x) * 0.1).powi(3))),
            ],
        );
        let own = &found["a"];
        assert!(own.auc.unwrap() > 0.55 && own.values == if step > 0.0 { 18 } else { 250 }, "{own:?}");
        for name in ["b", "c", "d"] {
            let other = named(found[name].clone(), "a");
            assert_eq!(own, &other, "{name} {step}");
        }
        // The other way round, bins are cut at the other ends of their borders.
        let turned = powers(n, vec![("a", numbers(&|x| -round(x)))]);
        assert!((turned["a"].strength() - own.strength()).abs() < if step > 0.0 { 1e-12 } else { 0.01 });
    }
}

#[test]
fn a_set_tells_what_its_columns_together_do() {
    let n = 2_000;
    let flag = |of: &dyn Fn(usize) -> bool| -> ArrayRef {
        Arc::new((0..n).map(|row| Some(of(row))).collect::<BooleanArray>())
    };
    let (a, late) = (|row: usize| noise(row, 5) < 0.5, |row: usize| noise(row, 1) < 0.4);
    let columns = [("a", flag(&a)), ("b", flag(&|row| a(row) != late(row))), ("late", flag(&late))];
    let data = Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap().target("late").unwrap();
    let (both, turned) = (
        ColumnPowers::of_set(&data, &["a", "b"]).unwrap(),
        ColumnPowers::of_set(&data, &["b", "a"]).unwrap(),
    );
    assert_eq!((both.auc, both.errors_left, both.values), (Some(1.0), Some(0.0), 4));
    assert_eq!((both.column.as_str(), turned.column.as_str()), ("a & b", "b & a"));
    assert_eq!(named(turned, "a & b"), both);
    for power in ColumnPowers::of(&data).unwrap().columns {
        assert!(power.auc.unwrap() < 0.7, "{power:?}");
        let alone = ColumnPowers::of_set(&data, &[&power.column]).unwrap();
        assert_eq!((alone.auc, alone.power_score), (power.auc, power.power_score));
    }
}

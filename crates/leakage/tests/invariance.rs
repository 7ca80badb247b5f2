//! A report does not depend on threads, on Arrow's encodings, or on the order of the columns; what is looked at stays as it is.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float32Array, Float64Array, Int32Array, Int64Array, RecordBatch};
use mlsys_core::arrow::compute::{cast, concat_batches};
use mlsys_core::arrow::datatypes::{DataType, Field, Schema};
use mlsys_core::hash::hash_u64;
use mlsys_core::{Batches, Dataset, Role, Test, Train};
use mlsys_leakage::{
    ColumnPowers, LeakKind, LeakageAudit, NearDuplicates, duplicates_across, duplicates_across_batches,
};
use mlsys_testkit::table;
use rayon::ThreadPoolBuilder;

const ROWS: usize = 900;
const TRAIN: usize = 600;

/// Every kind of column, rows that are in both parts, and a copy of the label.
fn batch() -> RecordBatch {
    let mixed = table::mixed(ROWS - 20, true);
    let batch = concat_batches(&mixed.schema(), [&mixed, &mixed.slice(100, 20)]).unwrap();
    let key: ArrayRef = Arc::new(Int32Array::from_iter_values((0..ROWS as i32).map(|row| row % 890)));
    let told = cast(&batch["label"], &DataType::Int32).unwrap();
    let spread = |row: u64| (hash_u64(row, 3) % 1_000_003) as i32;
    let wide: ArrayRef = Arc::new(Int32Array::from_iter_values((0..ROWS as u64).map(spread)));
    let mut fields = batch.schema().fields().to_vec();
    let mut columns = batch.columns().to_vec();
    for (name, column) in [("key", key), ("told", told), ("wide", wide)] {
        fields.push(Arc::new(Field::new(name, DataType::Int32, true)));
        columns.push(column);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

fn parts(batch: &RecordBatch, target: &str) -> (Dataset<Train>, Dataset<Test>) {
    let data = Dataset::new(batch.clone()).unwrap().target(target).unwrap();
    let data = data.id("key").unwrap().group("team").unwrap().time("when").unwrap().weight("weight").unwrap();
    let rows: Vec<usize> = (0..ROWS).collect();
    data.split_at_rows(&rows[..TRAIN], &rows[TRAIN..]).unwrap()
}

/// All that the crate says of a table, as text.
fn said(batch: &RecordBatch) -> String {
    let mut said = String::new();
    for target in ["label", "kind", "value"] {
        let (train, test) = parts(batch, target);
        let audit = LeakageAudit::new().label_horizon(std::time::Duration::from_secs(600));
        said += &audit.split(&train, &test).unwrap().to_json().unwrap();
        said += &audit.table(&train).unwrap().to_json().unwrap();
        said += &serde_json::to_string(&ColumnPowers::of(&train).unwrap()).unwrap();
        said += &serde_json::to_string(&ColumnPowers::of_set(&train, &["word", "flag"]).unwrap()).unwrap();
        let columns = ["number", "count", "word", "flag", "wide"];
        said += &format!("{:?}", duplicates_across(&train, &test, &columns).unwrap());
        said += &format!("{:?}", NearDuplicates::new().across(&train, &test, &columns).unwrap());
        said += &format!(
            "{:?}",
            NearDuplicates::new().tolerance(0.5).differing_cells(2).across(&train, &test, &columns).unwrap()
        );
    }
    said
}

/// Where two texts part, for a message that can be read.
#[track_caller]
fn same(what: &str, found: &str, expected: &str) {
    let apart = found.bytes().zip(expected.bytes()).position(|(a, b)| a != b);
    let apart = apart.or((found.len() != expected.len()).then_some(0));
    if let Some(at) = apart {
        let around = |text: &str| {
            String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(300)..(at + 100).min(text.len())])
                .into_owned()
        };
        panic!("{what}:\n{}\n\nexpected\n\n{}", around(found), around(expected));
    }
}

#[test]
fn equal_on_any_number_of_threads() {
    let batch = batch();
    let on =
        |threads| ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| said(&batch));
    let one = on(1);
    assert!(one.contains("nearly_the_label") && one.contains("duplicate_rows") && one.contains("shared_ids"));
    for threads in [2, 7] {
        same(&format!("{threads} threads"), &on(threads), &one);
    }
}

#[test]
fn equal_in_any_encoding() {
    let batch = batch();
    let expected = said(&batch);
    for (encoding, other) in table::encodings(&batch).unwrap() {
        same(encoding, &said(&other), &expected);
    }
    // Each part in an encoding of its own.
    let encodings = table::encodings(&batch).unwrap();
    let (train, test) = parts(&batch, "label");
    let expected = LeakageAudit::new().split(&train, &test).unwrap().to_json().unwrap();
    for (encoding, other) in &encodings {
        let (_, test) = parts(other, "label");
        same(encoding, &LeakageAudit::new().split(&train, &test).unwrap().to_json().unwrap(), &expected);
    }
}

#[test]
fn equal_for_columns_in_another_order() {
    let batch = batch();
    same("reversed", &said(&table::reversed(&batch).unwrap()), &said(&batch));
    let (train, _) = parts(&batch, "label");
    let (_, test) = parts(&table::reversed(&batch).unwrap(), "label");
    let report = LeakageAudit::new().split(&train, &test).unwrap().to_json().unwrap();
    let (_, own) = parts(&batch, "label");
    same("one part reversed", &report, &LeakageAudit::new().split(&train, &own).unwrap().to_json().unwrap());
}

/// Numbers by their values, not by how wide they are; but for near duplicates, whose numbers of few values are compared as they are where they
/// are integers.
#[test]
fn equal_for_integers_and_doubles_of_equal_values() {
    let value = |row: u64, stream| (hash_u64(row, stream) >> 40) as i32 % 3_000 - 1_500;
    let few = |row: u64| (hash_u64(row, 9) % 5) as i32;
    let rows = 0..800u64;
    let a: Vec<i32> = rows.clone().map(|row| value(row, 1)).collect();
    let b: Vec<i32> = rows.clone().map(few).collect();
    let late: ArrayRef = Arc::new(
        rows.map(|row| Some(value(row, 1) + few(row) * 400 + value(row, 2) > 500))
            .collect::<mlsys_core::arrow::array::BooleanArray>(),
    );
    let of = |a: ArrayRef, b: ArrayRef| {
        let batch = RecordBatch::try_from_iter([("a", a), ("b", b), ("late", late.clone())]).unwrap();
        let data = Dataset::new(batch).unwrap().target("late").unwrap();
        let rows: Vec<usize> = (0..800).collect();
        let (train, test) = data.split_at_rows(&rows[..500], &rows[500..]).unwrap();
        let report = LeakageAudit::new().without(LeakKind::NearDuplicateRows).split(&train, &test).unwrap();
        let powers = serde_json::to_string(&ColumnPowers::of(&train).unwrap()).unwrap();
        report.to_json().unwrap()
            + &powers
            + &format!("{:?}", duplicates_across(&train, &test, &["a", "b"]).unwrap())
    };
    let wide =
        |x: &[i32]| Arc::new(Int64Array::from_iter_values(x.iter().map(|&x| i64::from(x)))) as ArrayRef;
    let expected = of(Arc::new(Int32Array::from(a.clone())), Arc::new(Int32Array::from(b.clone())));
    same("Int64", &of(wide(&a), wide(&b)), &expected);
    let doubles =
        |x: &[i32]| Arc::new(Float64Array::from_iter_values(x.iter().map(|&x| f64::from(x)))) as ArrayRef;
    same("Float64", &of(doubles(&a), doubles(&b)), &expected);
    let floats =
        |x: &[i32]| Arc::new(Float32Array::from_iter_values(x.iter().map(|&x| x as f32))) as ArrayRef;
    same("Float32", &of(floats(&a), floats(&b)), &expected);
    let decimals = |x: &[i32]| cast(&wide(x), &DataType::Decimal128(20, 2)).unwrap();
    same("Decimal128", &of(decimals(&a), decimals(&b)), &expected);
    let narrow = |x: &[i32]| cast(&wide(x), &DataType::Int8).unwrap();
    same("Int8", &of(wide(&a), narrow(&b)), &expected);
}

#[test]
fn equal_for_any_batches() {
    let batch = batch();
    let (train, test) = parts(&batch, "label");
    let names = ["number", "count", "word", "flag", "label"];
    let expected = duplicates_across(&train, &test, &names).unwrap();
    assert!(expected.rows.len() >= 20);
    let names = [&names[..], &["key", "weight"]].concat();
    let (train, test) = (train.select(&names).unwrap(), test.select(&names).unwrap());
    for size in [1, 7, 300, 5_000] {
        let of = |part: &RecordBatch| {
            let (n, part) = (part.num_rows(), part.clone());
            let schema = part.schema();
            let cut = move |at: usize| Ok(part.slice(at, size.min(n - at)));
            Batches::new(schema, (0..n).step_by(size).map(cut))
                .unwrap()
                .with_role("label", Role::Target)
                .unwrap()
                .with_role("key", Role::Id)
                .unwrap()
                .with_role("weight", Role::Weight)
                .unwrap()
        };
        let found =
            duplicates_across_batches(of(train.batch()).into_train_all(), of(test.batch()).into_test_all());
        assert_eq!(found.unwrap(), expected, "{size}");
    }
}

#[test]
fn what_is_looked_at_stays() {
    let batch = batch();
    let copy = concat_batches(&batch.schema(), [&batch]).unwrap();
    let (train, test) = parts(&batch, "label");
    let (roles, ids) = (train.roles().clone(), train.row_ids());
    LeakageAudit::new().split(&train, &test).unwrap();
    ColumnPowers::of(&train).unwrap();
    NearDuplicates::new().across(&train, &test, &["number", "count"]).unwrap();
    assert!(batch == copy && *train.roles() == roles && train.row_ids() == ids);
    assert_eq!(train.batch(), &copy.slice(0, TRAIN));
}

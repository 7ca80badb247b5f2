//! Filling from the rows before and after: by hand, against a naive search, and bad input.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{
    ArrayRef, AsArray, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray,
};
use mlsys_core::arrow::datatypes::{DataType, Float64Type};
use mlsys_core::{Dataset, ErrorKind, Unsplit, column};
use mlsys_missing_values::{FillBy, OrderedFill};
use proptest::prelude::*;

type Row = (i64, Option<i64>, Option<f64>);

fn table(rows: &[Row]) -> Dataset<Unsplit> {
    let columns: [(&str, ArrayRef); 3] = [
        ("at", Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.0)))),
        ("who", Arc::new(Int64Array::from_iter(rows.iter().map(|r| r.1)))),
        ("x", Arc::new(Float64Array::from_iter(rows.iter().map(|r| r.2)))),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(n, a)| (n, a, true))).unwrap();
    Dataset::new(batch).unwrap().time("at").unwrap().group("who").unwrap()
}

fn filled(fill: OrderedFill, data: &Dataset<Unsplit>) -> Vec<Option<f64>> {
    let out = fill.columns(["x"]).apply(data).unwrap();
    assert_eq!(out.row_ids(), data.row_ids());
    let x = out.column("x").unwrap().as_primitive::<Float64Type>().clone();
    x.iter().map(|x| x.filter(|x| !x.is_nan())).collect()
}

/// Not in order of time; group 2 is between the rows of group 1.
fn small() -> Dataset<Unsplit> {
    table(&[
        (5, Some(1), Some(15.0)),
        (1, Some(1), Some(1.0)),
        (2, Some(1), None),
        (3, Some(2), Some(7.0)),
        (4, Some(1), None),
        (6, Some(2), None),
        (0, Some(1), None),
        (2, None, None),
    ])
}

#[test]
fn by_hand() {
    let data = small();
    let of = |by| filled(OrderedFill::new(by), &data);
    let (a, b) = (Some(15.0), Some(1.0));
    assert_eq!(of(FillBy::Previous), [a, b, b, Some(7.0), b, Some(7.0), None, None]);
    assert_eq!(of(FillBy::Next), [a, b, a, Some(7.0), a, None, b, None]);
    assert_eq!(of(FillBy::Linear), [a, b, Some(4.5), Some(7.0), Some(11.5), None, None, None]);
    let one = |by| filled(OrderedFill::new(by).limit(1), &data);
    assert_eq!(one(FillBy::Previous), [a, b, b, Some(7.0), None, Some(7.0), None, None]);
    assert_eq!(one(FillBy::Next), [a, b, None, Some(7.0), a, None, b, None]);
    assert_eq!(one(FillBy::Linear), [a, b, Some(4.5), Some(7.0), None, None, None, None]);
}

#[test]
fn types_stay_but_for_lines_between_integers() {
    let columns: [(&str, ArrayRef); 4] = [
        ("at", Arc::new(Int64Array::from(vec![1, 2, 3]))),
        ("n", Arc::new(Int64Array::from(vec![Some(1), None, Some(2)]))),
        ("f", Arc::new(Float32Array::from(vec![1.0, f32::NAN, 2.0]))),
        ("word", Arc::new(StringArray::from(vec![Some("a"), None, None]))),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(n, a)| (n, a, true))).unwrap();
    let data = Dataset::new(batch).unwrap().time("at").unwrap();
    let previous = OrderedFill::new(FillBy::Previous).apply(&data).unwrap();
    assert_eq!(previous.schema(), data.schema());
    assert_eq!(previous.column("word").unwrap().as_string::<i32>().value(2), "a");
    let linear = OrderedFill::new(FillBy::Linear).columns(["n", "f"]).apply(&data).unwrap();
    let of = |name: &str| linear.column(name).unwrap().clone();
    assert_eq!((of("n").data_type(), of("f").data_type()), (&DataType::Float64, &DataType::Float32));
    assert_eq!(column::floats("n", &of("n")).unwrap()[1], 1.5);
    assert_eq!(column::floats("f", &of("f")).unwrap()[1], 1.5);
    let text = OrderedFill::new(FillBy::Linear).columns(["word"]).apply(&data).unwrap_err();
    assert!(matches!(text.kind(), ErrorKind::ColumnType { .. }), "{text}");
}

#[test]
fn bad_input() {
    let data = small();
    let no_time = Dataset::new(data.batch().clone()).unwrap();
    let previous = OrderedFill::new(FillBy::Previous);
    assert!(matches!(
        previous.apply(&no_time).unwrap_err().kind(),
        ErrorKind::MissingRole { role: "time", .. }
    ));
    assert!(matches!(
        previous.clone().limit(0).apply(&data).unwrap_err().kind(),
        ErrorKind::InvalidParameter { .. }
    ));
    assert!(previous.clone().columns(["z"]).apply(&data).is_err());
    assert_eq!(previous.apply(&data.slice(0, 0).unwrap()).unwrap().n_rows(), 0);
    let far =
        table(&[(i64::MIN, Some(1), Some(1e308)), (0, Some(1), None), (i64::MAX, Some(1), Some(-1e308))]);
    let middle = filled(OrderedFill::new(FillBy::Linear), &far)[1].unwrap();
    assert!(middle.abs() < 1e294, "{middle}");
    let infinite = table(&[(1, Some(1), Some(f64::INFINITY)), (2, Some(1), None)]);
    let error = OrderedFill::new(FillBy::Linear).columns(["x"]).apply(&infinite).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NonFinite { row: 0, .. }), "{error}");
}

proptest! {
    /// The last value before, in time and then in the order of the table.
    #[test]
    fn equals_a_naive_search(rows in prop::collection::vec((0i64..20, prop::option::of(0i64..3), prop::option::of(-5.0..5.0f64)), 0..40)) {
        let before = |i: usize| rows[i].2.or_else(|| {
            let group = rows[i].1?;
            let earlier = (0..rows.len()).filter(|&j| rows[j].1 == Some(group) && rows[j].2.is_some() && (rows[j].0, j) < (rows[i].0, i));
            earlier.max_by_key(|&j| (rows[j].0, j)).and_then(|j| rows[j].2)
        });
        let expected: Vec<_> = (0..rows.len()).map(before).collect();
        prop_assert_eq!(filled(OrderedFill::new(FillBy::Previous), &table(&rows)), expected);
    }
}

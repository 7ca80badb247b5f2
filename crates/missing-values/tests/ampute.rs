//! Gaps are as many as asked for, and depend on what they are said to depend on.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
use mlsys_core::arrow::datatypes::Float64Type;
use mlsys_core::{Dataset, ErrorKind, Unsplit, seed};
use mlsys_missing_values::{Ampute, AmputeBy, LittleMcar};

const ROWS: usize = 10_000;

fn table(seed: u64) -> Dataset<Unsplit> {
    let mut rng = seed::stream(seed, 1);
    let mut column =
        || Arc::new(Float64Array::from_iter_values((0..ROWS).map(|_| seed::uniform(&mut rng)))) as ArrayRef;
    let columns = [("x", column()), ("y", column()), ("z", column())];
    Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap()
}

/// The means of `of` where `gaps` are, and elsewhere.
fn means(before: &Dataset<Unsplit>, of: &str, gaps: &dyn Array) -> (f64, f64) {
    let values = before.column(of).unwrap().as_primitive::<Float64Type>();
    let mean = |missing: bool| {
        let rows: Vec<f64> =
            (0..ROWS).filter(|&row| gaps.is_null(row) == missing).map(|row| values.value(row)).collect();
        rows.iter().sum::<f64>() / rows.len() as f64
    };
    (mean(true), mean(false))
}

/// The shares of gaps lie within 4 sigma, and 4 standard errors of means of uniform values are 0.025.
#[test]
fn shares_and_reasons_are_as_said() {
    for (seed, share) in [(1, 0.1), (2, 0.3), (3, 0.6)] {
        let data = table(seed);
        let sigma = (share * (1.0 - share) * ROWS as f64).sqrt();
        let gaps = |by: AmputeBy| {
            let out = Ampute::new(["y"]).share(share).by(by).seed(seed).apply(&data).unwrap();
            let column = out.column("y").unwrap().clone();
            let off = column.null_count() as f64 - share * ROWS as f64;
            assert!(off.abs() < 4.0 * sigma, "{off} off {share}");
            assert_eq!(out.column("x").unwrap(), data.column("x").unwrap());
            (out, column)
        };
        let apart = |of: &str, column: &ArrayRef| {
            let (missing, there) = means(&data, of, column);
            missing - there
        };
        let (out, chance) = gaps(AmputeBy::Mcar);
        ["x", "y", "z"].iter().for_each(|of| assert!(apart(of, &chance).abs() < 0.04, "{of}"));
        assert!(LittleMcar::new().of(&out).unwrap().p_value > 1e-4);
        let (out, by_others) = gaps(AmputeBy::Mar(vec![("x".into(), 1.0), ("z".into(), -0.5)]));
        assert!(
            apart("x", &by_others) > 0.15
                && apart("z", &by_others) < -0.05
                && apart("y", &by_others).abs() < 0.04
        );
        assert!(LittleMcar::new().of(&out).unwrap().p_value < 1e-9);
        // What is missing because of itself leaves no trace in the others.
        let (out, by_itself) = gaps(AmputeBy::Mnar);
        assert!(apart("y", &by_itself) > 0.2 && apart("x", &by_itself).abs() < 0.04);
        assert!(LittleMcar::new().of(&out).unwrap().p_value > 1e-4);
    }
}

#[test]
fn draws_follow_row_ids_names_and_the_seed() {
    let data = table(4);
    let rows: Vec<usize> = (0..ROWS).rev().collect();
    let ampute = Ampute::new(["x", "y"]).by(AmputeBy::Mcar);
    let there = ampute.apply(&data).unwrap().take(&rows).unwrap();
    assert_eq!(ampute.apply(&data.take(&rows).unwrap()).unwrap().batch(), there.batch());
    let nulls = |data: &Dataset<Unsplit>, name: &str| data.column(name).unwrap().nulls().unwrap().clone();
    assert_ne!(nulls(&there, "x"), nulls(&there, "y"));
    let other = ampute.seed(1).apply(&data).unwrap().take(&rows).unwrap();
    assert_ne!(nulls(&there, "x"), nulls(&other, "x"));
}

#[test]
fn other_types_and_gaps_that_are_there() {
    let words = StringArray::from_iter((0..ROWS).map(|i| (i % 2 == 0).then_some("a")));
    let codes = mlsys_core::arrow::compute::cast(
        &words,
        &mlsys_core::arrow::datatypes::DataType::Dictionary(
            Box::new(mlsys_core::arrow::datatypes::DataType::Int8),
            Box::new(mlsys_core::arrow::datatypes::DataType::Utf8),
        ),
    );
    let columns: [(&str, ArrayRef); 2] = [("word", Arc::new(words)), ("code", codes.unwrap())];
    let data = Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap();
    let out = Ampute::new(["word", "code"]).share(0.5).apply(&data).unwrap();
    for name in ["word", "code"] {
        let column = out.column(name).unwrap();
        assert!((1..ROWS).step_by(2).all(|row| column.is_null(row)));
        assert!(column.null_count().abs_diff(7_500) < 200, "{}", column.null_count());
    }
}

#[test]
fn bad_input() {
    let data = table(5).slice(0, 10).unwrap();
    let x = || Ampute::new(["x"]);
    let own = AmputeBy::Mar(vec![("x".into(), 1.0)]);
    for bad in [
        x().share(0.0),
        x().share(f64::NAN),
        x().strength(0.0),
        x().by(own),
        x().by(AmputeBy::Mar(vec![])),
        Ampute::new([""; 0]),
    ] {
        let error = bad.apply(&data).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidParameter { .. }), "{error}");
    }
    assert!(Ampute::new(["?"]).apply(&data).is_err());
    let cancel = AmputeBy::Mar(vec![("y".into(), 1.0), ("y".into(), -1.0)]);
    assert!(x().by(cancel).apply(&data).unwrap_err().to_string().contains("vary"));
    for by in [AmputeBy::Mcar, AmputeBy::Mnar] {
        assert_eq!(x().by(by).apply(&data.slice(0, 0).unwrap()).unwrap().n_rows(), 0);
    }
    assert!(x().by(AmputeBy::Mnar).apply(&data.slice(0, 1).unwrap()).is_err());
}

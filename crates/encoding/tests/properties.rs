//! Relations that must hold for every encoder, and what they refuse.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray, UInt8Array};
use mlsys_core::{Category, Columns, Dataset, ErrorKind, Fit, Train, Transform, column};
use mlsys_encoding::{
    MaxAbsScaler, MinMaxScaler, MissingAs, OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler,
    Unseen, UnseenCode,
};
use mlsys_stats::{ColumnStatistic, Quantiles};
use proptest::prelude::*;

fn batch(column: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([("x", column, true)]).unwrap()
}

fn train(column: ArrayRef) -> Dataset<Train> {
    Dataset::new(batch(column)).unwrap().into_train_all()
}

fn words(values: &[Option<String>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn text(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scaling_can_be_undone(values in prop::collection::vec(prop::option::of(-1e4..1e4f64), 2..60)) {
        prop_assume!(values.iter().any(Option::is_some));
        let train = train(Arc::new(Float64Array::from(values.clone())));
        let fitted = StandardScaler::new().fit(&train).unwrap();
        let scaled = fitted.transform(train.batch()).unwrap();
        let back = fitted.inverse_transform(&scaled).unwrap();
        let back = column::floats("x", back.column(0)).unwrap();
        for (found, value) in back.iter().zip(&values) {
            prop_assert!(value.map_or(found.is_nan(), |x| (x - found).abs() <= 1e-9 * (1.0 + x.abs())));
        }
        let scaled = column::floats("x", scaled.column(0)).unwrap();
        let present: Vec<f64> = scaled.iter().copied().filter(|x| !x.is_nan()).collect();
        let mean = present.iter().sum::<f64>() / present.len() as f64;
        prop_assert!(mean.abs() < 1e-9);
    }

    #[test]
    fn ranges_are_kept(values in prop::collection::vec(prop::option::of(-1e4..1e4f64), 2..60), low in -5.0..5.0f64, width in 0.1..9.0f64) {
        prop_assume!(values.iter().any(Option::is_some));
        let train = train(Arc::new(Float64Array::from(values)));
        let of = |batch: &RecordBatch| {
            let scaled = column::floats("x", batch.column(0)).unwrap();
            scaled.iter().copied().filter(|x| !x.is_nan()).collect::<Vec<f64>>()
        };
        let ends = |x: &[f64]| (x.iter().copied().fold(f64::MAX, f64::min), x.iter().copied().fold(f64::MIN, f64::max));
        let constant = { let (a, b) = ends(&of(train.batch())); a == b };
        let high = low + width;
        let scaled = MinMaxScaler::new().range(low, high).clip(true).fit(&train).unwrap().transform(train.batch()).unwrap();
        let (a, b) = ends(&of(&scaled));
        prop_assert!(a == low && (constant || (b - high).abs() < 1e-12 && b <= high));
        let scaled = MaxAbsScaler::new().fit(&train).unwrap().transform(train.batch()).unwrap();
        let (a, b) = ends(&of(&scaled));
        prop_assert!((-1.0..=1.0).contains(&a) && (-1.0..=1.0).contains(&b));
        let robust = RobustScaler::new().fit(&train).unwrap();
        let scaled = robust.transform(train.batch()).unwrap();
        let median = Quantiles::new().of("x", scaled.column(0), None).unwrap().median().unwrap();
        prop_assert!(median.abs() < 1e-9);
        let back = of(&robust.inverse_transform(&scaled).unwrap());
        prop_assert!(back.iter().zip(of(train.batch())).all(|(a, b)| (a - b).abs() <= 1e-9 * (1.0 + b.abs())));
    }

    #[test]
    fn one_hot_rows_have_a_single_one(
        values in prop::collection::vec(prop::option::of("[a-f]"), 1..80),
        least in 1u64..6,
        most in 1usize..6,
    ) {
        prop_assume!(values.iter().any(Option::is_some));
        let train = train(words(&values));
        let encoder = OneHotEncoder::new().min_frequency(least).max_categories(most);
        let fitted = encoder.fit(&train).unwrap();
        let out = fitted.transform(train.batch()).unwrap();
        prop_assert!(out.num_columns() <= most);
        for row in 0..out.num_rows() {
            let ones: u32 = out.columns().iter().map(|c| {
                u32::from(c.as_any().downcast_ref::<UInt8Array>().map_or(9, |c| c.value(row)))
            }).sum();
            prop_assert_eq!(ones, 1);
        }
        for field in out.schema().fields() {
            prop_assert_eq!(fitted.source(field.name()), Some("x"));
        }
    }

    #[test]
    fn codes_follow_the_order_of_categories(values in prop::collection::vec(prop::option::of("[a-z]{1,3}"), 1..80)) {
        prop_assume!(values.iter().any(Option::is_some));
        let train = train(words(&values));
        let fitted = OrdinalEncoder::new().fit(&train).unwrap();
        let codes = fitted.transform(train.batch()).unwrap();
        let codes = column::floats("x", codes.column(0)).unwrap();
        let categories = fitted.categories("x").unwrap();
        for (code, value) in codes.iter().zip(&values) {
            match value {
                None => prop_assert!(code.is_nan()),
                Some(word) => prop_assert_eq!(&categories[*code as usize], &Category::from(word.as_str())),
            }
        }
    }
}

#[test]
fn unseen_and_missing_values_do_as_they_are_told() {
    let train = train(Arc::new(StringArray::from(vec!["a", "a", "b", "c"])));
    let new = batch(Arc::new(StringArray::from(vec![Some("a"), Some("z"), None])));
    let error = OneHotEncoder::new().fit(&train).unwrap().transform(&new).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column `x` has `z` in row 1, which was not there when fitting; set `unseen` to say what becomes of such values"
    );
    let ones = |encoder: OneHotEncoder| -> Vec<Vec<f64>> {
        let out = encoder.fit(&train).unwrap().transform(&new).unwrap();
        let columns: Vec<_> = out.columns().iter().map(|c| column::floats("x", c).unwrap()).collect();
        (0..3).map(|row| columns.iter().map(|c| c[row]).collect()).collect()
    };
    let ignored = ones(OneHotEncoder::new().unseen(Unseen::Ignore));
    assert_eq!(ignored, [[1.0, 0.0, 0.0], [0.0; 3], [0.0; 3]]);
    let grouped =
        ones(OneHotEncoder::new().unseen(Unseen::Infrequent).min_frequency(2).missing(MissingAs::Zeros));
    assert_eq!(grouped, [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]);
    let refused = OneHotEncoder::new().missing(MissingAs::Error).unseen(Unseen::Ignore).fit(&train).unwrap();
    assert!(matches!(refused.transform(&new).unwrap_err().kind(), ErrorKind::MissingValues { count: 1, .. }));
    let coded =
        OrdinalEncoder::new().unseen(UnseenCode::Code(-1)).fit(&train).unwrap().transform(&new).unwrap();
    assert_eq!(column::floats("x", coded.column(0)).unwrap()[..2], [0.0, -1.0]);
    assert!(coded.column(0).is_null(2));
}

#[test]
fn names_that_are_taken_are_refused() {
    let columns: [(&str, ArrayRef); 2] = [("x", text(&["a"])), ("x=a", text(&["b"]))];
    let data = Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap().into_train_all();
    let fitted = OneHotEncoder::new().on(Columns::named(["x"])).fit(&data).unwrap();
    let error = fitted.transform(data.batch()).unwrap_err();
    assert_eq!(error.to_string(), "two columns are called `x=a`; rename one of them");
}

#[test]
fn constant_and_overflowing_columns_scale_as_documented() {
    let scale = |values: Vec<f64>| StandardScaler::new().fit(&train(Arc::new(Float64Array::from(values))));
    assert_eq!(scale(vec![0.1; 7]).unwrap().scale("x"), Some(1.0));
    let error = scale(vec![1e300, -1e300]).unwrap_err();
    assert!(error.to_string().contains("whose variance overflows"), "{error}");
}

//! Relations that must hold for every imputer.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{Array, ArrayRef, Float64Array, Int32Array, RecordBatch, StringArray};
use mlsys_core::arrow::datatypes::DataType;
use mlsys_core::{Dataset, ErrorKind, Fit, Train, Transform, column};
use mlsys_missing_values::{
    ConstantImputer, FittedImputer, Indicators, MeanImputer, MedianImputer, MostFrequentImputer,
};
use proptest::prelude::*;

fn train(column: ArrayRef) -> Dataset<Train> {
    let batch = RecordBatch::try_from_iter_with_nullable([("x", column, true)]).unwrap();
    Dataset::new(batch).unwrap().into_train_all()
}

fn fit_all(train: &Dataset<Train>) -> Vec<FittedImputer> {
    vec![
        MeanImputer::new().fit(train).unwrap(),
        MedianImputer::new().fit(train).unwrap(),
        MostFrequentImputer::new().fit(train).unwrap(),
        ConstantImputer::new(3.5).fit(train).unwrap(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn gaps_are_filled_and_the_rest_stays(values in prop::collection::vec(prop::option::of(-9.0..9.0f64), 1..60)) {
        prop_assume!(values.iter().any(Option::is_some));
        let train = train(Arc::new(Float64Array::from(values.clone())));
        for fitted in fit_all(&train) {
            let once = fitted.transform(train.batch()).unwrap();
            let filled = column::floats("x", once.column(0)).unwrap();
            let fill = fitted.value("x").unwrap().as_f64().unwrap();
            for (found, value) in filled.iter().zip(&values) {
                prop_assert_eq!(*found, value.unwrap_or(fill));
            }
            prop_assert_eq!(fitted.transform(&once).unwrap(), once);
        }
    }

    #[test]
    fn the_mean_and_the_median_stay(values in prop::collection::vec(prop::option::of(-9i32..9), 1..60)) {
        prop_assume!(values.iter().any(Option::is_some));
        let train = train(Arc::new(Int32Array::from(values)));
        let again = |fitted: &FittedImputer| train.apply(fitted).unwrap();
        let mean = MeanImputer::new().fit(&train).unwrap();
        let remade = MeanImputer::new().fit(&again(&mean)).unwrap();
        let of = |f: &FittedImputer| f.value("x").unwrap().as_f64().unwrap();
        prop_assert!((of(&remade) - of(&mean)).abs() < 1e-12);
        let median = MedianImputer::new().fit(&train).unwrap();
        prop_assert_eq!(of(&MedianImputer::new().fit(&again(&median)).unwrap()), of(&median));
    }
}

#[test]
fn types_depend_on_the_input_type_alone() {
    let with_gap = train(Arc::new(Int32Array::from(vec![Some(1), None, Some(2)])));
    let without =
        RecordBatch::try_from_iter([("x", Arc::new(Int32Array::from(vec![7])) as ArrayRef)]).unwrap();
    let indicators = MedianImputer::new().indicators(Indicators::WhereMissing).fit(&with_gap).unwrap();
    let out = indicators.transform(&without).unwrap();
    let types: Vec<DataType> = out.schema().fields().iter().map(|f| f.data_type().clone()).collect();
    assert_eq!(types, [DataType::Float64, DataType::UInt8]);
    let frequent = MostFrequentImputer::new().fit(&with_gap).unwrap().transform(with_gap.batch()).unwrap();
    assert_eq!((frequent.column(0).data_type(), frequent.column(0).null_count()), (&DataType::Int32, 0));
    let complete = train(Arc::new(Int32Array::from(vec![1, 2])));
    let none = MedianImputer::new().indicators(Indicators::WhereMissing).fit(&complete).unwrap();
    assert_eq!(none.transform(complete.batch()).unwrap().num_columns(), 1);
}

#[test]
fn refusals_name_the_column_and_what_to_do() {
    let empty = train(Arc::new(Float64Array::from(vec![None, None::<f64>])));
    let error = MedianImputer::new().fit(&empty).unwrap_err();
    assert_eq!(
        error.to_string(),
        "every value of column `x` is missing; ignore it, or fill it with a ConstantImputer"
    );
    let infinite = train(Arc::new(Float64Array::from(vec![1.0, f64::NEG_INFINITY])));
    assert!(matches!(
        MeanImputer::new().fit(&infinite).unwrap_err().kind(),
        ErrorKind::NonFinite { row: 1, .. }
    ));
    let text = train(Arc::new(StringArray::from(vec!["a"])));
    let error = MeanImputer::new().fit(&text).unwrap_err();
    assert_eq!(error.to_string(), "column `x` must be numeric for MeanImputer, found Utf8");
    let whole = train(Arc::new(Int32Array::from(vec![1])));
    let error = ConstantImputer::new(2.5).fit(&whole).unwrap_err();
    assert_eq!(error.to_string(), "`x` must be a value that Int32 can hold, got 2.5");
    let many = train(Arc::new(Int32Array::from_iter_values(0..5)));
    assert!(
        MostFrequentImputer::new()
            .max_distinct(4)
            .fit(&many)
            .unwrap_err()
            .to_string()
            .contains("more than 4 distinct")
    );
}

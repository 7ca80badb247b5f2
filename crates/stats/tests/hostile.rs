//! Extreme numbers, states that no statistic made, and columns that doubles cannot hold: errors or the documented value.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, Float64Array, RecordBatch, StringArray,
};
use mlsys_core::arrow::datatypes::{DataType, Field};
use mlsys_core::statistic::summarize;
use mlsys_core::{Coded, Dataset, ErrorKind};
use mlsys_stats::association::{correlation_ratio, pearson};
use mlsys_stats::bootstrap::{Bootstrap, IntervalMethod};
use mlsys_stats::distance::{energy, ks_from, psi_from, wasserstein};
use mlsys_stats::{
    Column, ColumnStatistic, Distinct, DistinctState, Histogram, MinMax, Profile, ProfileReport, Quantiles,
    QuantilesState, QuantilesSummary,
};

fn column(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

fn quantiles(values: &[f64]) -> QuantilesSummary {
    Quantiles::new().of("x", &column(values), None).unwrap()
}

fn profile(name: &str, array: ArrayRef) -> mlsys_core::Result<ProfileReport> {
    summarize(&Profile::new(), &Dataset::new(RecordBatch::try_from_iter([(name, array)])?)?)
}

#[test]
fn infinities_have_a_place_in_what_goes_by_order() {
    let (a, b) = (quantiles(&[1.0, f64::INFINITY]), quantiles(&[1.0, 2.0]));
    assert_eq!(ks_from(&a, &b, 0.9).unwrap().statistic, 0.5);
    assert_eq!(ks_from(&b, &a, 0.9).unwrap().statistic, 0.5);
    assert!(psi_from(&a, &b, 4, 0.1).is_err());
    let (with, without) = (column(&[1.0, f64::INFINITY]), column(&[1.0, 2.0]));
    let changes = profile("x", without).unwrap().compare(&profile("x", with).unwrap());
    assert_eq!(changes.columns[0].ks.unwrap().statistic, 0.5);
}

#[test]
fn huge_and_tiny_numbers_neither_overflow_nor_vanish() {
    let groups = Coded::new("g", &StringArray::from(vec!["a", "a", "b", "b"])).unwrap();
    for scale in [1e200, 1.0, 1e-200] {
        let x: Vec<f64> = [1.0, 2.0, 3.0, 4.0].iter().map(|x| x * scale).collect();
        assert!((pearson(&x, &[1.0, 2.0, 3.0, 4.0], None).unwrap() - 1.0).abs() < 1e-12, "{scale}");
        assert!((correlation_ratio(&groups, &x).unwrap() - 0.8f64.sqrt()).abs() < 1e-12, "{scale}");
    }
    assert_eq!(wasserstein(&[-1.7e308], &[1.7e308], None, None).unwrap(), f64::INFINITY);
    assert_eq!(energy(&[-1.7e308], &[1.7e308], None, None).unwrap(), f64::INFINITY);
}

#[test]
fn states_that_nothing_made_are_errors() {
    let (recipe, field) = (Distinct::new(), Field::new("x", DataType::Float64, true));
    for state in [
        DistinctState::Registers(vec![]),
        DistinctState::Registers(vec![1; 5]),
        DistinctState::Exact(vec![3, 3]),
        DistinctState::Exact(vec![5, 1]),
    ] {
        assert!(matches!(recipe.finish(&state).unwrap_err().kind(), ErrorKind::State { .. }));
        let mut into = recipe.init(&field).unwrap();
        assert!(recipe.merge(&mut into, state).is_err());
    }
    let exact = |values: Vec<f64>, weights: Vec<f64>| QuantilesState::Exact { values, weights, whole: true };
    for state in [
        exact(vec![f64::NAN], vec![1.0]),
        exact(vec![2.0, 1.0], vec![1.0, 1.0]),
        exact(vec![1.0], vec![-1.0]),
        exact(vec![1.0], vec![]),
    ] {
        assert!(Quantiles::new().finish(&state).is_err());
    }
    // States of another recipe.
    let of = |edges: [f64; 3]| {
        let recipe = Histogram::with_edges(edges);
        let state = recipe.init(&field).unwrap();
        (recipe, state)
    };
    let ((one, mut state), (_, other)) = (of([0.0, 1.0, 2.0]), of([0.0, 5.0, 9.0]));
    assert!(one.merge(&mut state, other).is_err());
    let (numbers, words) = (column(&[1.0]), Arc::new(StringArray::from(vec!["a"])) as ArrayRef);
    assert!(profile("x", numbers).unwrap().merge(&profile("x", words).unwrap()).is_err());
}

#[test]
fn fractions_after_a_sketch_are_refused_and_missing_rows_have_no_weight() {
    let recipe = Quantiles::new().exact_up_to(10);
    let field = Field::new("x", DataType::Float64, true);
    let values: Vec<f64> = (0..100).map(f64::from).collect();
    let mut state = recipe.init(&field).unwrap();
    let array = column(&values);
    recipe.update(&mut state, &Column::new("x", &array, None).unwrap()).unwrap();
    let halves = vec![0.5; 100];
    let error = recipe.update(&mut state, &Column::new("x", &array, Some(&halves)).unwrap()).unwrap_err();
    assert!(error.to_string().contains("exact_up_to"), "{error}");

    let gaps = column(&[1.0, 2.0, 3.0, 4.0, f64::NAN]);
    let with = Quantiles::new().of("x", &gaps, Some(&[1.0, 1.0, 1.0, 1.0, 0.5])).unwrap();
    assert_eq!(with.quantile(0.25), quantiles(&[1.0, 2.0, 3.0, 4.0]).quantile(0.25));
    let error = Quantiles::new().of("x", &gaps, Some(&[1.0, 1.0, f64::NAN, 1.0, 1.0])).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidValue { row: Some(2), .. }), "{error}");
}

#[test]
fn a_bootstrap_without_a_defined_replicate_says_so() {
    for method in [IntervalMethod::Percentile, IntervalMethod::Bca] {
        let never = |counts: &[u32]| counts.iter().all(|&n| n == 1).then_some(1.0);
        let error = Bootstrap::new().replicates(2).method(method).run(40, never).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Unsupported { .. }), "{error}");
    }
}

#[test]
fn long_decimals_are_profiled_without_a_count_of_what_doubles_cannot_tell_apart() {
    let decimals = |values: Vec<i128>, scale: i8| -> ArrayRef {
        Arc::new(Decimal128Array::from(values).with_precision_and_scale(38, scale).unwrap())
    };
    let ones = decimals(vec![1_000_000_000_000_000_000, 3_000_000_000_000_000_000], 18);
    assert_eq!(MinMax::new().of("x", &ones, None).unwrap().max.unwrap().as_f64(), Some(3.0));
    let report = profile("x", ones).unwrap();
    assert_eq!(report.columns[0].moments.unwrap().mean(), 2.0);
    let neighbours = decimals(vec![9_007_199_254_740_992, 9_007_199_254_740_993], 0);
    assert!(Distinct::new().of("x", &neighbours, None).is_err());
    assert_eq!(profile("x", neighbours).unwrap().columns[0].distinct(), None);
    // Two decimals of sixteen digits that are one double.
    let close = decimals(vec![8_999_999_999_999_998, 8_999_999_999_999_999], 15);
    assert!(Coded::new("x", &close).is_err());
}

#[test]
fn reports_that_nothing_made_are_errors() {
    let recipe = Profile::new().quantiles(Quantiles::new().exact_up_to(4).k(8));
    let values = column(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let data = Dataset::new(RecordBatch::try_from_iter([("x", values)]).unwrap()).unwrap();
    let stored = serde_json::to_value(summarize(&recipe, &data).unwrap()).unwrap();
    serde_json::from_value::<ProfileReport>(stored.clone()).unwrap();
    for (place, value) in [
        ("/recipe/quantiles/k", 0),
        ("/recipe/quantiles/exact_up_to", 0),
        ("/recipe/counts/cap", 0),
        ("/state/columns/0/quantiles/sketch/k", 0),
        ("/state/columns/0/quantiles/sketch/count", 7),
    ] {
        let mut other = stored.clone();
        *other.pointer_mut(place).unwrap() = value.into();
        assert!(serde_json::from_value::<ProfileReport>(other).is_err(), "{place}");
    }
}

#[test]
fn years_that_would_not_sort_are_refused_by_name() {
    let far: ArrayRef = Arc::new(Date32Array::from(vec![0, 4_000_000]));
    let error = Coded::new("due", &far).unwrap_err();
    assert!(error.to_string().contains("due") && error.to_string().contains("years"), "{error}");
}

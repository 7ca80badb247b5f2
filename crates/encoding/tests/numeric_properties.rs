//! Relations that must hold for what turns numbers into other numbers and into bins, and what it refuses.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlsys_core::{Dataset, ErrorKind, Fit, Train, Transform, column};
use mlsys_encoding::{OutputDistribution, QuantileTransformer};
use proptest::prelude::*;

fn batch(values: &[Option<f64>]) -> RecordBatch {
    let array: ArrayRef = Arc::new(Float64Array::from(values.to_vec()));
    RecordBatch::try_from_iter_with_nullable([("x", array, true)]).unwrap()
}

fn rows(values: &[f64]) -> RecordBatch {
    batch(&values.iter().map(|&x| Some(x)).collect::<Vec<_>>())
}

fn train(values: &[Option<f64>]) -> Dataset<Train> {
    Dataset::new(batch(values)).unwrap().into_train_all()
}

fn of(batch: &RecordBatch) -> Vec<f64> {
    column::floats("x", &batch["x"]).unwrap().to_vec()
}

/// Values that tie, with gaps; at least one value.
fn values() -> impl Strategy<Value = Vec<Option<f64>>> {
    let value = prop_oneof![-8.0..8.0f64, (-4..5i32).prop_map(f64::from)];
    prop::collection::vec(prop::option::weighted(0.9, value), 1..80)
        .prop_filter("a value", |values| values.iter().any(Option::is_some))
}

/// Both interpolations of scikit-learn, step by step.
fn naive_place(quantiles: &[f64], x: f64) -> f64 {
    let last = quantiles.len() - 1;
    let share = |i: usize| i as f64 / last as f64;
    let between = |low: usize| {
        let step = (x - quantiles[low]) / (quantiles[low + 1] - quantiles[low]);
        share(low) + step * (share(low + 1) - share(low))
    };
    if x <= quantiles[0] {
        return 0.0;
    }
    if x >= quantiles[last] {
        return 1.0;
    }
    let forwards = (0..last).rev().find(|&i| quantiles[i] <= x).unwrap();
    let backwards = (1..=last).find(|&i| quantiles[i] >= x).unwrap();
    (between(forwards) + between(backwards - 1)) / 2.0
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn places_ascend_and_come_back(values in values(), n in 2..40usize, extra in prop::collection::vec(-9.0..9.0f64, 5)) {
        let train = train(&values);
        let fitted = QuantileTransformer::new().n_quantiles(n).fit(&train).unwrap();
        let quantiles = fitted.quantiles("x").unwrap().to_vec();
        prop_assert!(quantiles.len() <= n);
        let mut points: Vec<f64> = values.iter().flatten().copied().chain(extra).collect();
        points.sort_by(f64::total_cmp);
        let places = of(&fitted.transform(&rows(&points)).unwrap());
        prop_assert!(places.windows(2).all(|pair| pair[0] <= pair[1]));
        for (x, place) in points.iter().zip(&places) {
            prop_assert!((place - naive_place(&quantiles, *x)).abs() < 1e-12, "{x}: {place}");
        }
        let back = of(&fitted.inverse_transform(&rows(&places)).unwrap());
        let ends = (quantiles[0], quantiles[quantiles.len() - 1]);
        for (x, back) in points.iter().zip(&back) {
            prop_assert!((back - x.clamp(ends.0, ends.1)).abs() < 1e-9, "{x}: {back}");
        }
        let normal = QuantileTransformer::new().n_quantiles(n).output(OutputDistribution::Normal).fit(&train).unwrap();
        let z = of(&normal.transform(&rows(&points)).unwrap());
        prop_assert!(z.windows(2).all(|pair| pair[0] <= pair[1]));
        prop_assert!(z.iter().all(|z| z.abs() <= 5.199_337_583));
    }

    #[test]
    fn many_rows_are_mapped_as_few_are(values in values(), n in 2..40usize) {
        let fitted = QuantileTransformer::new().n_quantiles(n).output(OutputDistribution::Normal).fit(&train(&values)).unwrap();
        let few = of(&fitted.transform(&batch(&values)).unwrap());
        let copies = 5_000 / values.len() + 1;
        let many = of(&fitted.transform(&batch(&values.repeat(copies))).unwrap());
        prop_assert!(many.iter().zip(few.iter().cycle()).all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()));
    }
}

#[test]
fn infinities_are_refused_while_fitting_and_go_to_the_ends_after() {
    let error = QuantileTransformer::new().fit(&train(&[Some(1.0), Some(f64::INFINITY)])).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NonFinite { row: 1, .. }), "{error}");
    let fitted = QuantileTransformer::new().fit(&train(&[Some(1.0), Some(3.0)])).unwrap();
    let places = fitted.transform(&rows(&[f64::NEG_INFINITY, 0.0, 2.0, 9.0, f64::INFINITY])).unwrap();
    assert_eq!(of(&places), [0.0, 0.0, 0.5, 1.0, 1.0]);
    let error = QuantileTransformer::new().fit(&train(&[None, None])).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::AllMissing { .. }), "{error}");
}

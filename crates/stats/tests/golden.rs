//! Moments and quantiles equal numpy's and scipy's.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array};
use mlsys_stats::{ColumnStatistic, Moments, Quantiles};
use mlsys_testkit::golden::{assert_close, load};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    x: Vec<Option<f64>>,
    mean: f64,
    variance: f64,
    sample_std: f64,
    skewness: Option<f64>,
    kurtosis: Option<f64>,
    quantiles: BTreeMap<String, f64>,
    rtol: f64,
    moments_rtol: f64,
}

#[test]
fn moments_and_quantiles() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/statistics.json");
    for case in load::<Case>(path) {
        let x: ArrayRef = Arc::new(Float64Array::from(case.x));
        let moments = Moments::new().of("x", &x, None).unwrap();
        assert_close(&case.name, moments.mean(), case.mean, case.rtol);
        assert_close(&case.name, moments.variance(0.0), case.variance, case.moments_rtol);
        assert_close(&case.name, moments.std_dev(1.0), case.sample_std, case.moments_rtol);
        assert_close(&case.name, moments.skewness(), case.skewness.unwrap_or(f64::NAN), case.moments_rtol);
        assert_close(
            &case.name,
            moments.excess_kurtosis(),
            case.kurtosis.unwrap_or(f64::NAN),
            case.moments_rtol,
        );
        let quantiles = Quantiles::new().of("x", &x, None).unwrap();
        for (q, expected) in case.quantiles {
            assert_close(&case.name, quantiles.quantile(q.parse().unwrap()).unwrap(), expected, case.rtol);
        }
    }
}

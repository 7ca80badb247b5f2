//! Logistic regressions equal scikit-learn's, made by `testdata/gen/chains.py`.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use mlsys_stats::solve::{LogitRows, MultinomialLogit};
use mlsys_testkit::golden::{assert_close, load};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    rtol: f64,
    input: Input,
    expected: BTreeMap<String, Expected>,
}

#[derive(Deserialize)]
struct Input {
    x: Vec<Vec<f64>>,
    y: Vec<u32>,
    weights: Option<Vec<f64>>,
    l2: f64,
}

/// Against the first class.
#[derive(Deserialize)]
struct Expected {
    coefficients: Vec<Vec<f64>>,
    intercepts: Vec<f64>,
}

#[test]
fn logistic_regressions() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/multinomial_logit.json");
    for Case { name, rtol, input, expected } in load::<Case>(path) {
        for (item, expected) in expected {
            assert_eq!(item, "MultinomialLogit", "nothing checks {item}");
            let rows = LogitRows {
                columns: input.x.len(),
                classes: &input.y,
                n_classes: expected.intercepts.len() + 1,
                weights: input.weights.as_deref(),
            };
            let fit = MultinomialLogit::new().l2(input.l2).fit(rows, None, |rows, into| {
                for (into, x) in into.chunks_exact_mut(rows.len()).zip(&input.x) {
                    into.copy_from_slice(&x[rows.clone()]);
                }
            });
            let fit = fit.unwrap();
            assert!(fit.converged, "{name}");
            for (class, (b, a)) in expected.coefficients.iter().zip(expected.intercepts).enumerate() {
                assert_close(&format!("{name}: intercept {class}"), fit.intercept(class), a, rtol);
                for (found, b) in fit.coefficients(class).iter().zip(b) {
                    assert_close(&format!("{name}: coefficients of {class}"), *found, *b, rtol);
                }
            }
        }
    }
}

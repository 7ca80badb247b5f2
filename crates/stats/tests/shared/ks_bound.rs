//! The Kolmogorov-Smirnov statistic of two merged states, against that of all rows.
use std::sync::Arc;

use mlsys_core::Statistic;
use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlsys_core::arrow::datatypes::{DataType, Field, Schema};
use mlsys_core::hash::hash_u64;
use mlsys_core::statistic::state_of_batches;
use mlsys_stats::distance::ks_from;
use mlsys_stats::{ColumnStatistic, Quantiles, QuantilesState, QuantilesSummary};

/// The values (i / n)^power for i below n, in an order that the seed gives.
fn values(n: u64, seed: u64, power: f64) -> impl Iterator<Item = f64> {
    // An odd step that is no multiple of five visits every row of a power of ten once.
    let step = (hash_u64(seed, 1) % n / 10 * 10 + 3) % n;
    let start = hash_u64(seed, 2) % n;
    (0..n)
        .map(move |row| ((start + (u128::from(row) * u128::from(step) % u128::from(n)) as u64) % n) as f64)
        .map(move |i| (i / n as f64).powf(power))
}

/// The state of a stream, merged from two halves that were read apart.
fn summary(n: u64, seed: u64, power: f64) -> (QuantilesSummary, usize) {
    let schema = Arc::new(Schema::new(vec![Field::new("x", DataType::Float64, false)]));
    let recipe = Quantiles::new().k(8_192).seed(seed).over(["x"]);
    let mut rows = values(n, seed, power);
    let half = |rows: &mut dyn Iterator<Item = f64>| -> Vec<QuantilesState> {
        let mut left = n / 2;
        let batches = std::iter::from_fn(|| {
            let size = left.min(65_536);
            left -= size;
            let x: ArrayRef = Arc::new(Float64Array::from_iter_values(rows.take(size as usize)));
            (size > 0).then(|| Ok(RecordBatch::try_from_iter([("x", x)]).unwrap()))
        });
        state_of_batches(&recipe, &schema, batches).unwrap()
    };
    let mut state = half(&mut rows);
    recipe.merge(&mut state, half(&mut rows)).unwrap();
    let mut bytes = Vec::new();
    ciborium::into_writer(&state, &mut bytes).unwrap();
    (recipe.finish(&state).unwrap().remove(0).1, bytes.len())
}

/// Checks the error and the bound of each seed on two columns of `n` values, and the size of the states.
pub fn check(n: u64, seeds: std::ops::Range<u64>, largest: f64) {
    // sup |F - G| of (i/n) and (i/n)^1.05: F(t) = t, G(t) = t^(1/1.05), on the rows themselves.
    let (mut exact, mut j) = (0.0f64, 0u64);
    let other = |j: u64| (j as f64 / n as f64).powf(1.05);
    for i in 0..n {
        while j < n && other(j) <= i as f64 / n as f64 {
            j += 1;
        }
        exact = exact.max((j as f64 - (i + 1) as f64).abs() / n as f64);
    }
    let mut worst = 0.0f64;
    for seed in seeds {
        let ((a, bytes_a), (b, bytes_b)) = (summary(n, seed, 1.0), summary(n, seed + 1_000, 1.05));
        let ks = ks_from(&a, &b, 0.999).unwrap();
        let error = (ks.statistic - exact).abs();
        assert!(ks.bound > 0.0 && ks.bound <= largest, "bound {}", ks.bound);
        assert!(error <= ks.bound, "seed {seed}: {} against {exact}, bound {}", ks.statistic, ks.bound);
        assert!(bytes_a + bytes_b < 10_000_000, "{} bytes", bytes_a + bytes_b);
        worst = worst.max(error / ks.bound);
    }
    // A bound that is never nearly reached is too wide to be of use.
    assert!(worst > 0.05, "the worst error is {worst} of the bound");
}

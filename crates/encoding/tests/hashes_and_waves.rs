//! What is random is as likely as its formula says.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
use mlsys_core::arrow::datatypes::Float64Type;
use mlsys_core::{Dataset, Fit, Result, Transform, seed};
use mlsys_encoding::{FourierFeatures, LshEncoder, LshFamily, MinHashEncoder, Waves};
use mlsys_neighbors::lsh::{PStableHash, SimHash};

fn fitted<R: Fit>(recipe: R, batch: &RecordBatch) -> R::Fitted {
    recipe.fit(&Dataset::new(batch.clone()).unwrap().into_train_all()).unwrap()
}

fn numbers(columns: &[(&str, Vec<f64>)]) -> RecordBatch {
    let arrays = columns.iter().map(|(name, x)| (*name, Arc::new(Float64Array::from(x.clone())) as ArrayRef));
    RecordBatch::try_from_iter(arrays).unwrap()
}

fn column(batch: &RecordBatch, i: usize) -> &Float64Array {
    batch.column(i).as_primitive::<Float64Type>()
}

/// Texts share as many components as their runs overlap, within four standard errors.
#[test]
fn min_hashes_estimate_the_overlap() {
    let texts = ["abcdef", "abcdxy", "zzz", "", "abcdef"];
    let x: ArrayRef = Arc::new(StringArray::from_iter(texts.into_iter().map(Some).chain([None])));
    let batch = RecordBatch::try_from_iter([("x", x)]).unwrap();
    let out = fitted(MinHashEncoder::new().components(4_000), &batch).transform(&batch).unwrap();
    let shared = |a: usize, b: usize| {
        (0..4_000).filter(|&i| column(&out, i).value(a) == column(&out, i).value(b)).count() as f64 / 4_000.0
    };
    // Runs of two to four letters: ab bc cd abc bcd abcd are shared of 12 and 12 runs, which makes 6 of 18.
    let expected: f64 = 6.0 / 18.0;
    let error = (expected * (1.0 - expected) / 4_000.0).sqrt();
    assert!((shared(0, 1) - expected).abs() < 4.0 * error, "{}", shared(0, 1));
    assert_eq!((shared(0, 2), shared(0, 4)), (0.0, 1.0));
    for i in 0..4_000 {
        assert!((0.0..1.0).contains(&column(&out, i).value(0)));
        assert_eq!(column(&out, i).value(3), 1.0, "a text without a run");
        assert!(column(&out, i).is_null(5), "missing stays missing");
    }
}

#[test]
fn waves_approach_the_kernel() {
    let mut rng = seed::stream(3, 0);
    let mut draw = || (0..40).map(|_| 2.0 * seed::uniform(&mut rng) - 1.0).collect::<Vec<f64>>();
    let batch = numbers(&[("a", draw()), ("b", draw())]);
    let (a, b) = (column(&batch, 0).clone(), column(&batch, 1).clone());
    let n = 20_000;
    let kernel = fitted(FourierFeatures::new(Waves::Kernel { gamma: 0.7 }).components(n).seed(5), &batch);
    let out = kernel.transform(&batch).unwrap();
    assert_eq!((out.num_columns(), kernel.output_names().len()), (n, n));
    for (i, j) in [(0, 0), (0, 1), (2, 3), (10, 39)] {
        let product: f64 = (0..n).map(|k| column(&out, k).value(i) * column(&out, k).value(j)).sum();
        let distance = (a.value(i) - a.value(j)).powi(2) + (b.value(i) - b.value(j)).powi(2);
        // A product of two such cosines varies by 1 at most.
        assert!((product - (-0.7 * distance).exp()).abs() < 4.0 / (n as f64).sqrt(), "{i} {j}: {product}");
    }
    let waves = FourierFeatures::new(Waves::Gaussian { sigma: 0.5 }).components(2_000).name("of");
    let out = fitted(waves, &batch).transform(&batch).unwrap();
    for k in 0..1_000 {
        let (cos, sin) = (column(&out, k).value(7), column(&out, k + 1_000).value(7));
        assert!((cos * cos + sin * sin - 1.0).abs() < 1e-12);
    }
    // E cos(2π b · v) = exp(−2π² σ² |v|²)
    let mean = (0..1_000).map(|k| column(&out, k).value(7)).sum::<f64>() / 1_000.0;
    let length = a.value(7).powi(2) + b.value(7).powi(2);
    let expected = (-2.0 * std::f64::consts::PI.powi(2) * 0.25 * length).exp();
    assert!((mean - expected).abs() < 4.0 * (0.5f64 / 1_000.0).sqrt(), "{mean} {expected}");
}

/// Rows share a band's bucket as often as the hash says.
#[test]
fn buckets_are_shared_as_often_as_said() -> Result<()> {
    let bands = 4_000;
    let share = |recipe: LshEncoder, batch: &RecordBatch| {
        let out = fitted(recipe, batch).transform(batch).unwrap();
        let same = |i: usize| {
            let names = out[format!("bucket#{i}").as_str()].as_string::<i32>().clone();
            names.is_valid(0) && names.is_valid(1) && names.value(0) == names.value(1)
        };
        (0..bands).filter(|&i| same(i)).count() as f64 / bands as f64
    };
    let angle = 0.4f64;
    let batch = numbers(&[("a", vec![1.0, angle.cos(), 0.0]), ("b", vec![0.0, angle.sin(), 0.0])]);
    let simple = SimHash::new(1, 2);
    let close = |found: f64, expected: f64| {
        let error = (expected * (1.0 - expected) / bands as f64).sqrt();
        assert!((found - expected).abs() < 4.0 * error, "{found}, expected {expected}");
    };
    close(
        share(LshEncoder::new(LshFamily::Angle(SimHash::new(bands, 2))), &batch),
        simple.candidate_probability(angle),
    );
    let simple = PStableHash::new(1, 2, 2.0);
    let distance = ((1.0 - angle.cos()).powi(2) + angle.sin().powi(2)).sqrt();
    let by_distance = LshEncoder::new(LshFamily::Distance(PStableHash::new(bands, 2, 2.0)));
    close(share(by_distance, &batch), simple.candidate_probability(distance));

    // Zeros have no angle; gaps have no place.
    let gaps = numbers(&[("a", vec![0.0, f64::NAN, 1.0]), ("b", vec![0.0, 1.0, f64::INFINITY])]);
    let encoder = fitted(LshEncoder::new(LshFamily::Angle(SimHash::new(2, 2))), &batch);
    let out = encoder.transform(&gaps)?;
    assert_eq!(out["bucket#1"].null_count(), 3);
    assert_eq!(out.schema(), encoder.output_schema(gaps.schema_ref())?);
    Ok(())
}

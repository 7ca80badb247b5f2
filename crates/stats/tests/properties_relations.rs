//! Relations that distances, associations and tables keep, naive implementations of them, and what bad input gets.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use mlsys_core::ndarray::{Array2, array};
use mlsys_core::statistic::{state_of, summarize};
use mlsys_core::{Coded, Dataset, ErrorKind, Statistic};
use mlsys_stats::association::{
    Bias, Ties, correlation_ratio, cramers_v, information_value, kendall, mutual_information,
    mutual_information_knn, mutual_information_mixed, pearson, spearman, theils_u,
};
use mlsys_stats::distance::{
    Base, aligned, energy, hellinger, jensen_shannon, kl_divergence, ks_from, l_infinity, psi, psi_from,
    psi_of_samples, total_variation, wasserstein,
};
use mlsys_stats::{ColumnStatistic, Counts, Covariance, Quantiles, QuantilesSummary};
use proptest::prelude::*;

fn column(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

fn quantiles(values: &[f64]) -> QuantilesSummary {
    Quantiles::new().of("x", &column(values), None).unwrap()
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * (1.0 + b.abs())
}

/// Counts per bin, none of them empty on both sides.
fn bins() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    prop::collection::vec((0.0..10.0f64, 0.1..10.0f64), 2..12)
        .prop_map(|pairs| pairs.into_iter().unzip())
        .prop_filter("some weight", |(p, _): &(Vec<f64>, Vec<f64>)| p.iter().sum::<f64>() > 0.0)
}

fn sample() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec((-20..20i32).prop_map(|x| f64::from(x) / 4.0), 2..40)
}

/// Two columns of equal length, each of two values at least.
fn pairs() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    let pair = ((-8..8i32).prop_map(f64::from), (-8..8i32).prop_map(f64::from));
    prop::collection::vec(pair, 3..60)
        .prop_map(|pairs| pairs.into_iter().unzip())
        .prop_filter("not constant", |(x, y): &(Vec<f64>, Vec<f64>)| {
            x.iter().any(|v| *v != x[0]) && y.iter().any(|v| *v != y[0])
        })
}

fn table() -> impl Strategy<Value = Array2<f64>> {
    (2usize..5, 2usize..5).prop_flat_map(|(r, k)| {
        prop::collection::vec((1..20u32).prop_map(f64::from), r * k)
            .prop_map(move |cells| Array2::from_shape_vec((r, k), cells).unwrap())
    })
}

proptest! {
    #[test]
    fn divergences_are_ordered_and_symmetric((p, q) in bins()) {
        let tv = total_variation(&p, &q).unwrap();
        let h = hellinger(&p, &q).unwrap();
        let js = jensen_shannon(&p, &q, Base::Bits).unwrap();
        prop_assert!(h * h <= tv + 1e-12 && tv <= 2f64.sqrt() * h + 1e-12);
        prop_assert!((0.0..=1.0 + 1e-12).contains(&js) && js <= tv + 1e-12);
        prop_assert!(l_infinity(&p, &q).unwrap() <= 2.0 * tv + 1e-12);
        // Pinsker's inequality.
        prop_assert!(2.0 * tv * tv <= kl_divergence(&p, &q, Base::Nats).unwrap() + 1e-12);
        prop_assert!(close(js, jensen_shannon(&q, &p, Base::Bits).unwrap(), 1e-12));
        prop_assert!(close(psi(&p, &q, 1e-3).unwrap(), psi(&q, &p, 1e-3).unwrap(), 1e-12));
        prop_assert_eq!(psi(&p, &p, 1e-3).unwrap(), 0.0);
        let scaled: Vec<f64> = p.iter().map(|x| x * 7.0).collect();
        prop_assert!(close(jensen_shannon(&scaled, &q, Base::Bits).unwrap(), js, 1e-12));
    }

    #[test]
    fn distances_of_samples_agree_with_sums_over_pairs(a in sample(), b in sample(), shift in -3.0..3.0f64) {
        let mean = |x: &[f64], y: &[f64]| {
            x.iter().flat_map(|x| y.iter().map(move |y| (x - y).abs())).sum::<f64>() / (x.len() * y.len()) as f64
        };
        let squared = 2.0 * mean(&a, &b) - mean(&a, &a) - mean(&b, &b);
        prop_assert!(close(energy(&a, &b, None, None).unwrap().powi(2), squared, 1e-9));
        let moved: Vec<f64> = a.iter().map(|x| x + shift).collect();
        prop_assert!(close(wasserstein(&a, &moved, None, None).unwrap(), shift.abs(), 1e-9));
        let w = wasserstein(&a, &b, None, None).unwrap();
        prop_assert!(w >= (a.iter().sum::<f64>() / a.len() as f64 - b.iter().sum::<f64>() / b.len() as f64).abs() - 1e-9);
        prop_assert!(close(w, wasserstein(&b, &a, None, None).unwrap(), 1e-12));
        let ones = (vec![1.0; a.len()], vec![2.0; b.len()]);
        prop_assert!(close(wasserstein(&a, &b, Some(&ones.0), Some(&ones.1)).unwrap(), w, 1e-12));
        let share = |x: &[f64], t: f64| x.iter().filter(|x| **x <= t).count() as f64 / x.len() as f64;
        let naive = a.iter().chain(&b).map(|&t| (share(&a, t) - share(&b, t)).abs()).fold(0.0, f64::max);
        prop_assert!(close(ks_from(&quantiles(&a), &quantiles(&b), 0.9).unwrap().statistic, naive, 1e-12));
        prop_assert!(psi_of_samples(&a, &b, 4, 1e-4).unwrap() >= -1e-12);
    }

    #[test]
    fn correlations_follow_monotone_maps_and_agree_with_pairs((x, y) in pairs()) {
        let up: Vec<f64> = x.iter().map(|x| (x / 3.0).exp()).collect();
        let down: Vec<f64> = y.iter().map(|y| -y * 2.0 + 5.0).collect();
        for correlation in [spearman, kendall] {
            let r = correlation(&x, &y).unwrap();
            prop_assert!((-1.0..=1.0).contains(&r));
            prop_assert!(close(correlation(&up, &y).unwrap(), r, 1e-12));
            prop_assert!(close(correlation(&x, &down).unwrap(), -r, 1e-12));
            prop_assert!(close(correlation(&y, &x).unwrap(), r, 1e-12));
        }
        prop_assert!(close(pearson(&x, &down, None).unwrap(), -pearson(&x, &y, None).unwrap(), 1e-12));
        let (mut s, mut tx, mut ty) = (0.0, 0.0, 0.0);
        for i in 0..x.len() {
            for j in 0..i {
                let sign = |d: f64| if d == 0.0 { 0.0 } else { d.signum() };
                let (a, b) = (sign(x[i] - x[j]), sign(y[i] - y[j]));
                s += a * b;
                tx += a * a;
                ty += b * b;
            }
        }
        prop_assert!(close(kendall(&x, &y).unwrap(), s / f64::sqrt(tx * ty), 1e-12));
        // A weight of two is a row twice, a weight of zero no row.
        let weights: Vec<f64> = (0..x.len()).map(|i| [1.0, 2.0, 1.0, 3.0][i % 4]).collect();
        let twice = |v: &[f64]| -> Vec<f64> {
            v.iter().zip(&weights).flat_map(|(v, w)| std::iter::repeat_n(*v, *w as usize)).collect()
        };
        prop_assert!(close(pearson(&x, &y, Some(&weights)).unwrap(), pearson(&twice(&x), &twice(&y), None).unwrap(), 1e-10));
        let data = Dataset::new(RecordBatch::try_from_iter([("x", column(&x)), ("y", column(&y))]).unwrap()).unwrap();
        let matrix = summarize(&Covariance::of(["x", "y"]), &data).unwrap().correlation();
        prop_assert!(close(matrix[[0, 1]], pearson(&x, &y, None).unwrap(), 1e-12));
    }

    #[test]
    fn measures_of_tables_are_symmetric_and_bounded(table in table()) {
        let turned = table.t().to_owned();
        for bias in [Bias::Corrected, Bias::Uncorrected] {
            let v = cramers_v(table.view(), bias).unwrap();
            prop_assert!((0.0..=1.0).contains(&v) && close(cramers_v(turned.view(), bias).unwrap(), v, 1e-12));
        }
        let nats = mutual_information(table.view()).unwrap();
        prop_assert!(nats >= 0.0 && close(mutual_information(turned.view()).unwrap(), nats, 1e-12));
        let u = theils_u(table.view()).unwrap();
        prop_assert!((0.0..=1.0).contains(&u));
        let two = table.select(mlsys_core::ndarray::Axis(1), &[0, 1]);
        let iv = information_value(two.view(), 0.5).unwrap();
        prop_assert!(iv.value >= 0.0 && iv.weight_of_evidence.len() == table.nrows());
    }

    #[test]
    fn a_number_of_its_category_alone_is_explained_in_full(codes in prop::collection::vec(0..4i64, 2..40)) {
        prop_assume!(codes.iter().any(|c| *c != codes[0]));
        let coded = Coded::new("c", &Int64Array::from(codes.clone())).unwrap();
        let values: Vec<f64> = codes.iter().map(|&c| (c * c) as f64).collect();
        prop_assert!(close(correlation_ratio(&coded, &values).unwrap(), 1.0, 1e-12));
    }
}

#[test]
fn independent_columns_have_next_to_no_mutual_information_and_bits_do_not_depend_on_threads() {
    let mut rng = mlsys_core::seed::stream(4, 0);
    let mut draw = |n: usize| -> Vec<f64> { (0..n).map(|_| mlsys_core::seed::uniform(&mut rng)).collect() };
    let (x, y) = (draw(3_000), draw(3_000));
    let coded = Coded::new("c", &Int64Array::from_iter_values(y.iter().map(|y| (y * 3.0) as i64))).unwrap();
    assert!(mutual_information_knn(&x, &y, 3, Ties::default()).unwrap() < 0.03);
    assert!(mutual_information_mixed(&coded, &x, 3, Ties::default()).unwrap() < 0.03);
    let entropy = 3f64.ln();
    assert!((mutual_information_mixed(&coded, &y, 3, Ties::default()).unwrap() - entropy).abs() < 0.02);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let knn = mutual_information_knn(&x, &y, 5, Ties::Jitter(3)).unwrap();
            (knn.to_bits(), mutual_information_mixed(&coded, &x, 5, Ties::Jitter(3)).unwrap().to_bits())
        })
    };
    assert_eq!(run(1), run(2));
    assert_eq!(run(1), run(7));
}

#[test]
fn bad_input_is_named() {
    let value = |error: mlsys_core::Error| {
        assert!(matches!(error.kind(), ErrorKind::InvalidValue { .. }), "{error}");
    };
    let (one, two) = ([1.0, 2.0], [1.0, 2.0, 3.0]);
    for bad in [[1.0, -1.0], [f64::NAN, 1.0], [f64::INFINITY, 1.0], [0.0, 0.0]] {
        value(jensen_shannon(&bad, &one, Base::Nats).unwrap_err());
        value(psi(&one, &bad, 0.1).unwrap_err());
    }
    assert!(matches!(hellinger(&one, &two).unwrap_err().kind(), ErrorKind::Shape { .. }));
    assert!(matches!(hellinger(&[], &[]).unwrap_err().kind(), ErrorKind::InvalidValue { .. }));
    for floor in [-1.0, 1.0, f64::NAN] {
        let error = psi(&one, &one, floor).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::InvalidParameter { name, .. } if name == "floor"),
            "{error}"
        );
    }
    assert!(psi(&[1.0, 0.0], &one, 0.0).is_err());
    assert_eq!(kl_divergence(&one, &[1.0, 0.0], Base::Nats).unwrap(), f64::INFINITY);

    let empty: [f64; 0] = [];
    for (a, b) in [(&empty[..], &one[..]), (&one, &empty), (&[f64::NAN], &one)] {
        let error = wasserstein(a, b, None, None).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::TooFewRows { .. }), "{error}");
    }
    let infinite = [1.0, f64::INFINITY];
    assert!(matches!(
        energy(&infinite, &one, None, None).unwrap_err().kind(),
        ErrorKind::NonFinite { row: 1, .. }
    ));
    assert!(matches!(wasserstein(&one, &one, Some(&two), None).unwrap_err().kind(), ErrorKind::Shape { .. }));
    assert!(wasserstein(&one, &one, Some(&[0.0, 0.0]), None).is_err());
    for confidence in [0.0, 1.0, f64::NAN] {
        assert!(ks_from(&quantiles(&one), &quantiles(&one), confidence).is_err());
    }
    assert!(psi_from(&quantiles(&one), &quantiles(&[]), 4, 0.1).is_err());
    assert!(psi_from(&quantiles(&one), &quantiles(&one), 1, 0.1).is_err());
    let words: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c"]));
    let capped = Counts::new().cap(2).of("w", &words, None).unwrap();
    assert!(aligned(&capped, &capped).unwrap_err().to_string().contains("cap"));

    for correlation in [spearman, kendall] {
        value(correlation(&[1.0, 1.0], &one).unwrap_err());
        value(correlation(&one, &[5.0, 5.0]).unwrap_err());
        assert!(matches!(correlation(&one, &two).unwrap_err().kind(), ErrorKind::Shape { .. }));
        assert!(matches!(correlation(&[1.0], &[2.0]).unwrap_err().kind(), ErrorKind::TooFewRows { .. }));
        assert!(matches!(correlation(&infinite, &one).unwrap_err().kind(), ErrorKind::NonFinite { .. }));
    }
    value(pearson(&[1e9, 1e9], &one, None).unwrap_err());
    value(pearson(&one, &one, Some(&[1.0, -1.0])).unwrap_err());
    let coded = Coded::new("w", &words).unwrap();
    value(correlation_ratio(&coded, &[2.0, 2.0, 2.0]).unwrap_err());
    for k in [0, 1_001] {
        let error = mutual_information_knn(&two, &two, k, Ties::Keep).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidParameter { name, .. } if name == "k"), "{error}");
    }
    assert!(matches!(
        mutual_information_knn(&two, &two, 3, Ties::Keep).unwrap_err().kind(),
        ErrorKind::TooFewRows { need: 4, .. }
    ));
    // A row per category has no neighbour in it.
    assert!(mutual_information_mixed(&coded, &two, 3, Ties::Keep).is_err());
    value(cramers_v(array![[1.0, 2.0]].view(), Bias::Corrected).unwrap_err());
    value(cramers_v(array![[1.0, f64::NAN], [1.0, 2.0]].view(), Bias::Corrected).unwrap_err());
    assert!(cramers_v(array![[0.0, 0.0], [0.0, 0.0]].view(), Bias::Corrected).is_err());
    assert!(matches!(
        information_value(array![[1.0, 0.0], [2.0, 0.0]].view(), 0.5).unwrap_err().kind(),
        ErrorKind::SingleClass { .. }
    ));
    assert!(information_value(array![[1.0], [2.0]].view(), 0.5).is_err());
    assert!(information_value(array![[1.0, 0.0], [2.0, 1.0]].view(), 0.0).is_err());
}

#[test]
fn covariance_keeps_its_digits_and_names_infinities() {
    let n = 4_000;
    let base = 1e9;
    let x: Vec<f64> = (0..n).map(|i| base + f64::from(i % 10)).collect();
    let y: Vec<f64> = (0..n).map(|i| -base + f64::from((i * 3) % 10)).collect();
    let batch = RecordBatch::try_from_iter([("x", column(&x)), ("y", column(&y))]).unwrap();
    let recipe = Covariance::of(["x", "y"]);
    let mut state = state_of(&recipe, &batch.slice(0, 1)).unwrap();
    recipe.merge(&mut state, state_of(&recipe, &batch.slice(1, 3_999)).unwrap()).unwrap();
    let found = recipe.finish(&state).unwrap();
    // 0..10 has the variance 8.25; the covariance of i mod 10 and 3 i mod 10 over a cycle is 1.25.
    assert!(close(found.covariance(0.0)[[0, 0]], 8.25, 1e-12));
    let cycle: f64 =
        (0..10).map(|i| (f64::from(i) - 4.5) * (f64::from(i * 3 % 10) - 4.5)).sum::<f64>() / 10.0;
    assert!(close(found.covariance(0.0)[[0, 1]], cycle, 1e-11), "{}", found.covariance(0.0)[[0, 1]]);
    let bad = RecordBatch::try_from_iter([("x", column(&[1.0, f64::INFINITY])), ("y", column(&[1.0, 2.0]))])
        .unwrap();
    let error = state_of(&recipe, &bad).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NonFinite { column, row: 1, .. } if column == "x"), "{error}");
    let empty = summarize(&recipe, &Dataset::new(bad.slice(0, 0)).unwrap()).unwrap();
    assert!(empty.means[0].is_nan() && empty.rows == 0);
}

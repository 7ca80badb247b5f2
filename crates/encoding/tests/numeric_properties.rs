//! Relations that must hold for what turns numbers into other numbers and into bins, and what it refuses.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
};
use mlsys_core::{Dataset, ErrorKind, Fit, Train, Transform, column};
use mlsys_encoding::{
    BinBy, BinOutput, Binner, CapBy, LogTransformer, MdlpBinner, MissingBin, Monotone, Norm, Normalizer,
    OutputDistribution, PowerMethod, PowerTransformer, QuantileRule, QuantileTransformer, RobustScaler,
    Tails, Winsorizer, WoeBinner,
};
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

#[test]
fn scalers_share_the_doubles_that_they_leave_as_they_are() {
    let zero = Some(0.0);
    let rain = Float64Array::from(vec![zero, zero, None, zero, Some(f64::NAN), Some(7.0), zero, zero]);
    let mostly_zero: ArrayRef = Arc::new(rain);
    let others: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]));
    let counts: ArrayRef = Arc::new(Int64Array::from(vec![0, 0, 0, 0, 0, 7, 0, 0]));
    let columns = [("rain", mostly_zero), ("x", others), ("count", counts)];
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap();
    let fitted = RobustScaler::new().fit(&Dataset::new(batch.clone()).unwrap().into_train_all()).unwrap();
    let scaled = fitted.transform(&batch).unwrap();
    assert!(Arc::ptr_eq(&batch["rain"], &scaled["rain"]), "median and distance of quartiles are 0");
    assert_eq!(
        column::floats("x", &scaled["x"]).unwrap()[..],
        [-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5].map(|x| x / 3.5)
    );
    // Whole numbers become doubles, whether or not they change.
    assert_eq!(
        column::floats("count", &scaled["count"]).unwrap()[..],
        [0.0, 0.0, 0.0, 0.0, 0.0, 7.0, 0.0, 0.0]
    );
    assert_eq!(scaled.schema(), fitted.output_schema(&batch.schema()).unwrap());
    let back = fitted.inverse_transform(&scaled).unwrap();
    assert!(Arc::ptr_eq(&batch["rain"], &back["rain"]));
    // What is shared is checked all the same.
    let words: ArrayRef = Arc::new(StringArray::from(vec!["none"]));
    let x: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
    let count: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let wrong = RecordBatch::try_from_iter([("rain", words), ("x", x.clone()), ("count", count)]).unwrap();
    assert!(fitted.transform(&wrong).unwrap_err().to_string().contains("`rain`"));
    let missing = RecordBatch::try_from_iter([("x", x)]).unwrap();
    assert!(fitted.transform(&missing).unwrap_err().to_string().contains("`rain`"));
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

fn recipes() -> impl Strategy<Value = Binner> {
    let by = prop_oneof![Just(BinBy::EqualWidth), Just(BinBy::EqualFrequency), Just(BinBy::KMeans)];
    let rule = prop_oneof![Just(QuantileRule::Averaged), Just(QuantileRule::Linear)];
    (by, rule, 2..12usize).prop_map(|(by, rule, bins)| Binner::new().by(by).quantile_rule(rule).bins(bins))
}

/// `[low, high)`, the last one closed, one by one.
fn naive_code(edges: &[f64], x: f64) -> f64 {
    let last = edges.len() - 2;
    let inside = |i: usize| edges[i] <= x && (x < edges[i + 1] || i == last);
    match (0..=last).find(|&i| inside(i)) {
        Some(code) => code as f64,
        None if x < edges[0] => 0.0,
        None => last as f64,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bins_cover_every_value_once(values in values(), recipe in recipes(), extra in prop::collection::vec(-9.0..9.0f64, 9)) {
        let train = train(&values);
        let fitted = recipe.fit(&train).unwrap();
        let edges = fitted.edges("x").unwrap().to_vec();
        prop_assert!(edges.len() <= 13 && edges[..edges.len() - 1].windows(2).all(|pair| pair[0] < pair[1]));
        let present: Vec<f64> = values.iter().flatten().copied().collect();
        let least = present.iter().copied().fold(f64::INFINITY, f64::min);
        let most = present.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        prop_assert_eq!((edges[0], edges[edges.len() - 1]), (least, most));
        let points: Vec<f64> = present.iter().copied().chain(extra).collect();
        for (x, code) in points.iter().zip(of(&fitted.transform(&rows(&points)).unwrap())) {
            prop_assert_eq!(code, naive_code(&edges, *x), "{} in {:?}", x, edges);
        }
        let codes = of(&fitted.transform(train.batch()).unwrap());
        prop_assert!(codes.iter().zip(&values).all(|(code, x)| code.is_nan() == x.is_none()));
        // A middle is in its own bin.
        let codes: Vec<f64> = (0..edges.len() - 1).map(|code| code as f64).collect();
        let middles = fitted.inverse_transform(&rows(&codes)).unwrap();
        prop_assert_eq!(of(&fitted.transform(&middles).unwrap()), codes);
        // Columns say what codes say, and come back as the same middles.
        let hot = recipe.output(BinOutput::Columns).fit(&train).unwrap();
        let columns = hot.transform(train.batch()).unwrap();
        prop_assert_eq!(columns.num_columns(), edges.len());
        let back = hot.inverse_transform(&columns).unwrap();
        let expected = fitted.inverse_transform(&fitted.transform(train.batch()).unwrap()).unwrap();
        prop_assert_eq!(back, expected);
    }

    #[test]
    fn bins_of_equal_frequency_are_useful(values in values(), bins in 2..12usize) {
        let train = train(&values);
        let fitted = Binner::new().bins(bins).fit(&train).unwrap();
        let codes = of(&fitted.transform(train.batch()).unwrap());
        let edges = fitted.edges("x").unwrap();
        let mut present: Vec<f64> = values.iter().flatten().copied().collect();
        present.sort_by(f64::total_cmp);
        let rows_in = |code: usize| codes.iter().filter(|c| **c == code as f64).count();
        let counts: Vec<usize> = (0..edges.len() - 1).map(rows_in).collect();
        prop_assert!(counts.iter().all(|&n| n > 0), "{counts:?} {edges:?}");
        // A bin of several values holds at most a share, a row and one value that is not heavy by itself.
        let mut distinct = present.clone();
        distinct.dedup();
        prop_assert!(distinct.len() < bins || counts.len() > 1);
        for (code, &count) in counts.iter().enumerate() {
            let inside: Vec<f64> = distinct.iter().copied().filter(|&x| naive_code(edges, x) == code as f64).collect();
            let heaviest = inside.iter().map(|x| present.iter().filter(|y| *y == x).count()).max().unwrap();
            prop_assert!(count <= present.len() / bins + heaviest + 1, "{counts:?} {edges:?}");
        }
    }
}

#[test]
fn edges_of_your_own_take_everything() {
    let train = train(&[Some(f64::INFINITY), Some(3.0), None, Some(-7.0)]);
    let by = BinBy::Edges(vec![-1.0, 0.0, 3.0, 10.0]);
    let fitted = Binner::new().by(by.clone()).fit(&train).unwrap();
    assert_eq!(fitted.bin_names("x").unwrap(), ["x=[-1, 0)", "x=[0, 3)", "x=[3, 10]"]);
    let codes = fitted.transform(train.batch()).unwrap();
    assert_eq!(of(&codes)[..2], [2.0, 2.0]);
    assert_eq!((of(&codes)[3], codes["x"].null_count()), (0.0, 1));
    assert_eq!(of(&fitted.inverse_transform(&rows(&[0.0, 1.0, 2.0])).unwrap()), [-0.5, 1.5, 6.5]);
    let error = fitted.inverse_transform(&rows(&[0.0, 3.0])).unwrap_err();
    assert_eq!(error.to_string(), "column `x` has 3 in row 1; expected codes from 0 to 2");
    let own = Binner::new().by(by).missing(MissingBin::Own);
    let codes = own.fit(&train).unwrap().transform(train.batch()).unwrap();
    assert_eq!(of(&codes), [2.0, 2.0, 3.0, 0.0]);
    let columns =
        own.clone().output(BinOutput::Columns).fit(&train).unwrap().transform(train.batch()).unwrap();
    assert_eq!(columns.schema().field(3).name(), "x=<missing>");
    let refused = own.missing(MissingBin::Error).fit(&train).unwrap().transform(train.batch()).unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::MissingValues { count: 1, .. }), "{refused}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn caps_hold_and_leave_the_rest(values in values(), k in 0.1..3.0f64, which in 0..4usize, tails in 0..3usize) {
        let by = [CapBy::Quantiles(k / 10.0), CapBy::Gaussian(k), CapBy::Iqr(k), CapBy::Mad(k)][which];
        let tails = [Tails::Both, Tails::Low, Tails::High][tails];
        let train = train(&values);
        let fitted = Winsorizer::new().by(by).tails(tails).fit(&train).unwrap();
        let (low, high) = (fitted.low("x"), fitted.high("x"));
        prop_assert!(tails != Tails::High || low.is_none());
        prop_assert!(tails != Tails::Low || high.is_none());
        let capped = fitted.transform(train.batch()).unwrap();
        for (x, capped) in of(train.batch()).into_iter().zip(of(&capped)) {
            let expected = x.max(low.unwrap_or(f64::NEG_INFINITY)).min(high.unwrap_or(f64::INFINITY));
            prop_assert!(capped == expected || x.is_nan() && capped.is_nan());
        }
        prop_assert_eq!(fitted.transform(&capped).unwrap(), capped);
    }

    #[test]
    fn rows_have_length_one(a in values(), exponent in -300..300i32) {
        let b: Vec<Option<f64>> = a.iter().rev().map(|x| x.map(|x| x * 10f64.powi(exponent))).collect();
        let both = [("a", batch(&a)["x"].clone(), true), ("b", batch(&b)["x"].clone(), true)];
        let train = Dataset::new(RecordBatch::try_from_iter_with_nullable(both).unwrap()).unwrap().into_train_all();
        for norm in [Norm::L1, Norm::L2, Norm::Max] {
            let scaled = Normalizer::new().norm(norm).fit(&train).unwrap().transform(train.batch()).unwrap();
            let (a2, b2) = (column::floats("a", &scaled["a"]).unwrap(), column::floats("b", &scaled["b"]).unwrap());
            for row in 0..a.len() {
                prop_assert_eq!((a[row].is_none(), b[row].is_none()), (a2[row].is_nan(), b2[row].is_nan()));
                let (x, y) = (if a2[row].is_nan() { 0.0 } else { a2[row].abs() }, if b2[row].is_nan() { 0.0 } else { b2[row].abs() });
                let length = match norm { Norm::L1 => x + y, Norm::L2 => (x * x + y * y).sqrt(), Norm::Max => x.max(y) };
                let zero = a[row].unwrap_or(0.0) == 0.0 && b[row].unwrap_or(0.0) == 0.0;
                prop_assert!((length - f64::from(u8::from(!zero))).abs() < 1e-12, "{norm:?} {length}");
            }
        }
    }
}

#[test]
fn spreadless_columns_have_no_caps_and_bad_logarithms_are_named() {
    let mostly = train(&[Some(1.0), Some(1.0), Some(1.0), Some(1.0), Some(9.0)]);
    for by in [CapBy::Iqr(1.5), CapBy::Mad(3.5)] {
        let fitted = Winsorizer::new().by(by).fit(&mostly).unwrap();
        assert_eq!((fitted.low("x"), fitted.high("x")), (None, None));
    }
    let error = Winsorizer::new().by(CapBy::Iqr(2.0)).fit(&train(&[Some(-1e308), Some(1e308)])).unwrap_err();
    assert!(error.to_string().contains("which overflow"), "{error}");
    let fitted = LogTransformer::new().fit(&mostly).unwrap();
    let logs = of(&fitted.transform(&rows(&[-2.0, -1.0, 0.0, f64::INFINITY])).unwrap());
    assert!(logs[0].is_nan() && logs[1].is_nan());
    assert_eq!(logs[2..], [0.0, f64::INFINITY]);
    let error = LogTransformer::new().fit(&train(&[None, Some(0.0), Some(-1.0)])).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidValue { row: Some(2), .. }), "{error}");
    let columns = [
        ("x", batch(&[Some(-5.0), Some(1.0)])["x"].clone()),
        ("w", batch(&[Some(0.0), Some(2.0)])["x"].clone()),
    ];
    let weighted = Dataset::new(RecordBatch::try_from_iter(columns).unwrap())
        .unwrap()
        .weight("w")
        .unwrap()
        .into_train_all();
    assert!(LogTransformer::new().fit(&weighted).is_ok(), "rows of weight zero do not count");
}

/// The likelihood of Yeo and Johnson's power, as written.
fn naive_likelihood(values: &[f64], lambda: f64) -> f64 {
    let bend = |log: f64, p: f64| if p.abs() < 1e-9 { log } else { ((p * log).exp() - 1.0) / p };
    let power =
        |x: f64| if x < 0.0 { -bend((1.0 - x).ln(), 2.0 - lambda) } else { bend((1.0 + x).ln(), lambda) };
    let n = values.len() as f64;
    let y: Vec<f64> = values.iter().map(|&x| power(x)).collect();
    let mean = y.iter().sum::<f64>() / n;
    let variance = y.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / n;
    let logs: f64 = values.iter().map(|x| x.signum() * (1.0 + x.abs()).ln()).sum();
    -n / 2.0 * variance.ln() + (lambda - 1.0) * logs
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_power_is_likelier(values in values(), step in 0.01..1.0f64, factor in 0.01..1e4f64) {
        let mut present: Vec<f64> = values.iter().flatten().copied().collect();
        present.sort_by(f64::total_cmp);
        prop_assume!(present[0] < present[present.len() - 1] - 1e-3);
        let train_of = |values: &[f64]| train(&values.iter().map(|&x| Some(x)).collect::<Vec<_>>());
        let fitted = PowerTransformer::new().fit(&train(&values)).unwrap();
        let lambda = fitted.lambda("x").unwrap();
        let best = naive_likelihood(&present, lambda);
        for other in [lambda - step, lambda + step, lambda - step / 1e3, lambda + step / 1e3] {
            let other = naive_likelihood(&present, other);
            prop_assert!(other.is_nan() || other <= best + 1e-9 * best.abs().max(1.0), "{lambda}: {best} {other}");
        }
        let z = of(&fitted.transform(&rows(&present)).unwrap());
        prop_assert!(z.windows(2).all(|pair| pair[0] <= pair[1]));
        let mean = z.iter().sum::<f64>() / z.len() as f64;
        prop_assert!(mean.abs() < 1e-6, "{mean}");
        // A power of a multiple is a multiple of the power.
        let positive: Vec<f64> = present.iter().map(|x| x + 9.0).collect();
        let boxed = PowerTransformer::new().method(PowerMethod::BoxCox);
        let lambda = boxed.fit(&train_of(&positive)).unwrap().lambda("x").unwrap();
        let multiple: Vec<f64> = positive.iter().map(|x| x * factor).collect();
        let same = boxed.fit(&train_of(&multiple)).unwrap().lambda("x").unwrap();
        prop_assert!(lambda.abs() > 30.0 || (lambda - same).abs() <= 1e-7 * (1.0 + lambda.abs()), "{lambda} {same}");
    }
}

#[test]
fn powers_of_what_has_none() {
    let constant = PowerTransformer::new().fit(&train(&[Some(3.0), None, Some(3.0)])).unwrap();
    assert_eq!(constant.lambda("x"), Some(1.0));
    let moved = of(&constant.transform(&rows(&[3.0, 4.0])).unwrap());
    assert!(moved[0] == 0.0 && (moved[1] - 1.0).abs() < 1e-14);
    let boxed = PowerTransformer::new().method(PowerMethod::BoxCox);
    let error = boxed.fit(&train(&[Some(1.0), Some(0.0)])).unwrap_err();
    assert_eq!(error.to_string(), "`x` must be above 0 for Box-Cox (Yeo-Johnson takes any number), got 0");
    let fitted = boxed.fit(&train(&[Some(1.0), Some(2.0), Some(4.0)])).unwrap();
    assert!(fitted.lambda("x").unwrap().abs() < 1e-12, "equal ratios are logarithms");
    assert!(of(&fitted.transform(&rows(&[0.0, -1.0])).unwrap()).iter().all(|z| z.is_nan()));
    let error = PowerTransformer::new().fit(&train(&[Some(-1e300), Some(1e300)])).unwrap_err();
    assert!(error.to_string().contains("whose powers overflow"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn evidence_is_monotone_and_bins_are_large(values in values(), seed in any::<u64>(), start in 2..60usize, share in 0.0..0.5f64) {
        let events: Vec<Option<bool>> = (0..values.len()).map(|i| Some(i == 0 || i > 1 && (seed >> (i % 64)) & 1 == 1)).collect();
        prop_assume!(values.len() > 1);
        let y: ArrayRef = Arc::new(BooleanArray::from(events.clone()));
        let columns = [("x", batch(&values)["x"].clone(), true), ("y", y, false)];
        let data = Dataset::new(RecordBatch::try_from_iter_with_nullable(columns).unwrap()).unwrap();
        let train = data.target("y").unwrap().into_train_all();
        let recipe = WoeBinner::new().start(start).min_share(share);
        for monotone in [Monotone::Rising, Monotone::Falling] {
            let fitted = recipe.monotone(monotone).fit(&train).unwrap();
            let (edges, woe) = (fitted.edges("x").unwrap(), fitted.weight_of_evidence("x").unwrap());
            let codes: Vec<Option<f64>> = values.iter().map(|x| x.map(|x| naive_code(edges, x))).collect();
            let present = codes.iter().flatten().count() as f64;
            let mut rates = Vec::new();
            for code in 0..woe.len() {
                let inside = |i: &usize| codes[*i] == Some(code as f64);
                let rows: Vec<usize> = (0..values.len()).filter(inside).collect();
                prop_assert!(woe.len() == 1 || rows.len() as f64 >= share * present);
                rates.push(rows.iter().filter(|&&i| events[i] == Some(true)).count() as f64 / rows.len() as f64);
            }
            let ordered = |pair: &[f64]| if monotone == Monotone::Rising { pair[0] < pair[1] } else { pair[0] > pair[1] };
            prop_assert!(rates.windows(2).all(ordered), "{rates:?}");
            prop_assert!(fitted.information_value("x").unwrap() >= -1e-12);
            let output = of(&fitted.transform(train.batch()).unwrap());
            for (code, output) in codes.iter().zip(output) {
                let expected = code.map_or_else(|| fitted.missing_weight_of_evidence("x").unwrap(), |code| woe[code as usize]);
                prop_assert_eq!(output, expected);
            }
        }
    }

    #[test]
    fn cuts_that_pay_do_not_depend_on_names_of_classes(values in values(), seed in any::<u64>()) {
        let high = |i: usize| values[i].is_some_and(|x| x > 1.0) != ((seed >> (i % 64)) & 7 == 7);
        let of_classes = |names: [&str; 2]| {
            let y: ArrayRef = Arc::new(StringArray::from_iter_values((0..values.len()).map(|i| names[usize::from(high(i))])));
            let columns = [("x", batch(&values)["x"].clone(), true), ("y", y, false)];
            let data = Dataset::new(RecordBatch::try_from_iter_with_nullable(columns).unwrap()).unwrap();
            MdlpBinner::new().on(["x"]).fit(&data.target("y").unwrap().into_train_all()).unwrap().edges("x").unwrap().to_vec()
        };
        let edges = of_classes(["a", "b"]);
        prop_assert_eq!(&edges, &of_classes(["z", "b"]));
        prop_assert!(edges.len() == 2 || edges.windows(2).all(|pair| pair[0] < pair[1]));
    }
}

#[test]
fn evidence_needs_two_classes() {
    let fit = |y: Vec<i64>| {
        let columns: [(&str, ArrayRef); 2] = [
            ("x", Arc::new(Float64Array::from_iter_values([1.0, 2.0, 3.0]))),
            ("y", Arc::new(Int64Array::from(y))),
        ];
        let data = Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap().target("y").unwrap();
        WoeBinner::new().fit(&data.into_train_all())
    };
    assert!(matches!(fit(vec![1, 1, 1]).unwrap_err().kind(), ErrorKind::SingleClass { .. }));
    assert_eq!(fit(vec![1, 2, 3]).unwrap_err().to_string(), "`y` must be two, got 3 classes");
    let fitted = fit(vec![0, 0, 1]).unwrap();
    // One event, two others: half a row each for the cells that are empty.
    assert_eq!(fitted.edges("x").unwrap(), [1.0, 3.0, 3.0]);
    let expected = [((0.5f64 / 1.0) / (2.5 / 2.0)).ln(), ((1.5f64 / 1.0) / (0.5 / 2.0)).ln()];
    let woe = fitted.weight_of_evidence("x").unwrap();
    assert!(woe.iter().zip(expected).all(|(woe, expected)| (woe - expected).abs() < 1e-14), "{woe:?}");
}

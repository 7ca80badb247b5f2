//! Draws, predictive mean matching, several tables, and pooling.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::Arc;

use mlsys_core::arrow::array::{Array, ArrayRef, Float64Array, Int32Array, RecordBatch};
use mlsys_core::{Dataset, ErrorKind, Fit, FitTransform, Train, Transform, artifact, column, seed};
use mlsys_missing_values::{
    FittedIterativeImputer, ImputationMethod, IterativeImputer, Matching, MultipleImputer, pool,
};
use proptest::prelude::*;

fn train(batch: RecordBatch) -> Dataset<Train> {
    Dataset::new(batch).unwrap().into_train_all()
}

fn values(batch: &RecordBatch, name: &str) -> Vec<f64> {
    column::floats(name, &batch[name]).unwrap().to_vec()
}

/// y = 3 x + z / 10 + noise of variance 1 / 12, and gaps in all but x.
fn table(rows: usize) -> RecordBatch {
    let mut rng = seed::stream(11, 0);
    let (mut x, mut y, mut z) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rows {
        let [a, b, noise, gap, other] = [0; 5].map(|_| seed::uniform(&mut rng));
        let whole = (b * 100.0).floor();
        x.push(a);
        y.push((gap > 0.3).then_some(3.0 * a + whole / 10.0 + noise));
        z.push((other > 0.6).then_some(whole as i32));
    }
    let columns: [(&str, ArrayRef, bool); 3] = [
        ("x", Arc::new(Float64Array::from(x)), true),
        ("y", Arc::new(Float64Array::from(y)), true),
        ("z", Arc::new(Int32Array::from(z)), true),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn pmm(matching: Matching) -> IterativeImputer {
    IterativeImputer::new().max_iter(3).method(ImputationMethod::Pmm { donors: 5, matching })
}

#[test]
fn matching_fills_in_values_that_were_there() {
    let rows = table(2_000);
    for matching in [Matching::Fitted, Matching::Mixed, Matching::Drawn] {
        let (fitted, filled) = pmm(matching).fit_transform(train(rows.clone())).unwrap();
        for filled in [filled.batch(), &fitted.transform(&rows).unwrap()] {
            for name in ["y", "z"] {
                let there: BTreeSet<u64> =
                    values(&rows, name).iter().filter(|x| !x.is_nan()).map(|x| x.to_bits()).collect();
                let found = values(filled, name);
                assert!(found.iter().all(|x| there.contains(&x.to_bits())), "{name}");
                assert!(found.iter().zip(values(&rows, name)).all(|(a, b)| b.is_nan() || *a == b));
            }
        }
        assert_eq!((fitted.rounds().len(), fitted.converged()), (3, false));
    }
}

/// With one column to go by and one donor, it is the row that is nearest in that column.
#[test]
fn one_donor_is_the_nearest_row() {
    let rows = table(500).project(&[0, 1]).unwrap();
    let method = ImputationMethod::Pmm { donors: 1, matching: Matching::Fitted };
    let recipe = IterativeImputer::new().max_iter(1).method(method);
    let (_, filled) = recipe.fit_transform(train(rows.clone())).unwrap();
    let (x, y, found) = (values(&rows, "x"), values(&rows, "y"), values(filled.batch(), "y"));
    for row in (0..500).filter(|&row| y[row].is_nan()) {
        let distance = |other: &usize| (x[*other] - x[row]).abs();
        let nearest = (0..500).filter(|&r| !y[r].is_nan()).min_by(|a, b| distance(a).total_cmp(&distance(b)));
        assert_eq!(found[row], y[nearest.unwrap()], "row {row}");
    }
}

#[test]
fn draws_scatter_as_the_noise_does() {
    let rows = table(20_000).project(&[0, 1]).unwrap();
    let recipe = IterativeImputer::new().max_iter(2).method(ImputationMethod::BayesianRidgeDraw);
    let (fitted, filled) = recipe.fit_transform(train(rows.clone())).unwrap();
    let (x, y) = (values(&rows, "x"), values(&rows, "y"));
    // y without z is 3 x and the scatter of z / 10 and noise: (100² − 1) / 12 / 100 + 1 / 12.
    let variance = 9999.0 / 1200.0 + 1.0 / 12.0;
    for filled in [filled.batch(), &fitted.transform(&rows).unwrap()] {
        let found = values(filled, "y");
        let left: Vec<f64> =
            (0..x.len()).filter(|&r| y[r].is_nan()).map(|r| found[r] - 3.0 * x[r] - 5.45).collect();
        let n = left.len() as f64;
        let mean = left.iter().sum::<f64>() / n;
        let spread = left.iter().map(|e| (e - mean) * (e - mean)).sum::<f64>() / n;
        // Its own error, that of the regression, and that of the noise's variance, from 14,000 rows.
        let rows = 1.0 / n + 1.0 / 14_000.0;
        assert!(mean.abs() < 4.0 * (2.0 * variance * rows).sqrt(), "{mean}");
        assert!((spread / variance - 1.0).abs() < 4.0 * (2.0 * rows).sqrt(), "{spread} {variance}");
    }
}

#[test]
fn rows_are_their_own_and_seeds_matter() {
    let rows = table(600);
    for method in [ImputationMethod::BayesianRidgeDraw, ImputationMethod::pmm()] {
        let recipe = IterativeImputer::new().max_iter(2).method(method);
        let data = train(rows.clone());
        let (fitted, filled) = recipe.fit_transform(data.clone()).unwrap();
        assert_eq!(recipe.fit(&data).unwrap(), fitted);
        let whole = fitted.transform(&rows).unwrap();
        assert_eq!(fitted.transform(&rows.slice(100, 300)).unwrap(), whole.slice(100, 300));
        // By row id while training, by what is in the row afterwards.
        assert_ne!(filled.batch(), &whole);
        assert_ne!(recipe.seed(1).fit_transform(data).unwrap().1.batch(), filled.batch());
        assert!(whole.columns().iter().all(|column| column.null_count() == 0));
        let bytes = artifact::to_bytes(&fitted).unwrap();
        assert_eq!(artifact::from_bytes::<FittedIterativeImputer>(&bytes).unwrap(), fitted);
    }
    let weighted = Dataset::new(rows).unwrap().weight("x").unwrap().into_train_all();
    let error = pmm(Matching::Mixed).fit(&weighted).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::UnsupportedRole { role: "weight", .. }), "{error}");
}

#[test]
fn hostile_donors() {
    let fitted = pmm(Matching::Mixed).max_iter(1).fit(&train(table(30))).unwrap();
    let json = serde_json::to_string(&fitted).unwrap();
    for (from, to) in [
        (r#""k":5"#, r#""k":0"#),
        (r#""predicted":["#, r#""predicted":[1e9,"#),
        (r#""values":["#, r#""values":[0.0,"#),
    ] {
        assert!(json.contains(from), "{from} is not in {json}");
        let loaded = serde_json::from_str::<FittedIterativeImputer>(&json.replacen(from, to, 1)).unwrap();
        let bytes = artifact::to_bytes(&loaded).unwrap();
        assert!(artifact::from_bytes::<FittedIterativeImputer>(&bytes).is_err(), "{from} as {to} is loaded");
    }
}

#[test]
fn several_tables() {
    let data = train(table(400));
    let at = |tables: usize, threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let imputer = MultipleImputer::new().tables(tables).imputer(pmm(Matching::Mixed).seed(9));
        pool.install(|| imputer.impute(&data).unwrap())
    };
    let (five, seven) = (at(5, 1), at(7, 2));
    assert_eq!((five.len(), seven.len()), (5, 7));
    for (a, b) in five.iter().zip(&seven) {
        assert_eq!((a.data.batch(), &a.fitted), (b.data.batch(), &b.fitted));
    }
    assert_ne!(five[0].data.batch(), five[1].data.batch());
    let one = MultipleImputer::new().tables(1).impute(&data).unwrap_err();
    assert!(matches!(one.kind(), ErrorKind::InvalidParameter { name, .. } if *name == "tables"), "{one}");
    let same = MultipleImputer::new().imputer(IterativeImputer::new()).impute(&data).unwrap_err();
    assert!(matches!(same.kind(), ErrorKind::InvalidParameter { name, .. } if *name == "method"), "{same}");
}

/// The mean of y with 30 % gaps at random: intervals of 200 tables cover the truth about as often as they say.
#[test]
fn pooled_intervals_cover() {
    let covered = (0..200).filter(|run| {
        let mut rng = seed::stream(77, *run);
        let mut draw = || -> f64 { (0..12).map(|_| seed::uniform(&mut rng)).sum::<f64>() - 6.0 };
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for row in 0..60 {
            let (a, noise) = (draw(), draw());
            x.push(a);
            y.push((row % 10 > 2).then_some(a + noise));
        }
        let columns: [(&str, ArrayRef, bool); 2] =
            [("x", Arc::new(Float64Array::from(x)), true), ("y", Arc::new(Float64Array::from(y)), true)];
        let data = train(RecordBatch::try_from_iter_with_nullable(columns).unwrap());
        let imputer =
            IterativeImputer::new().max_iter(1).method(ImputationMethod::BayesianRidgeDraw).seed(*run);
        let completed = MultipleImputer::new().tables(10).imputer(imputer).impute(&data).unwrap();
        let (mut means, mut variances) = (Vec::new(), Vec::new());
        for table in &completed {
            let y = values(table.data.batch(), "y");
            let mean = y.iter().sum::<f64>() / 60.0;
            means.push(mean);
            variances.push(y.iter().map(|y| (y - mean) * (y - mean)).sum::<f64>() / 59.0 / 60.0);
        }
        let (low, high) = pool(&means, &variances, 59.0).unwrap().interval;
        low < 0.0 && 0.0 < high
    });
    // 190 ± 4 standard errors of 3.1.
    let covered = covered.count();
    assert!((178..=200).contains(&covered), "{covered} of 200");
}

fn near(found: f64, expected: f64) {
    assert!((found / expected - 1.0).abs() < 1e-9, "{found} {expected}");
}

/// Numbers of mice's `pool.scalar`, for the two tables of its documentation.
#[test]
fn the_numbers_of_mice() {
    let pooled = pool(&[0.12182, 0.13209], &[0.02121 * 0.02121, 0.02516 * 0.02516], 48.0).unwrap();
    near(pooled.estimate, 0.126955);
    near(pooled.within, 5.4144485e-4);
    near(pooled.between, 5.273645e-5);
    near(pooled.total, 6.20549525e-4);
    assert!((pooled.relative_increase - 0.146099229).abs() < 1e-9);
    near(pooled.share, 0.1274752003);
    near(pooled.degrees_of_freedom, 24.3299719552);
    near(pooled.fraction_missing, 0.1913263306);
    // t of 24.33 degrees of freedom at 0.975, by SciPy.
    near(pooled.interval.1 - 0.126955, 2.062418298269146 * 6.20549525e-4_f64.sqrt());
    near(pooled.interval.0 + pooled.interval.1, 2.0 * 0.126955);
}

#[test]
fn edges_of_pooling() {
    // By hand: B = 2, T = 1 + 1.5 · 2 = 4, r = 3, λ = 3/4, ν = 16 / 9, FMI = (3 + 2 / (43 / 9)) / 4.
    let open = pool(&[1.0, 3.0], &[1.0, 1.0], f64::INFINITY).unwrap();
    assert_eq!(
        (open.estimate, open.between, open.total, open.relative_increase, open.share),
        (2.0, 2.0, 4.0, 3.0, 0.75)
    );
    near(open.degrees_of_freedom, 16.0 / 9.0);
    near(open.fraction_missing, (3.0 + 18.0 / 43.0) / 4.0);
    // Estimates that agree: ν = ν_c (ν_c + 1) / (ν_c + 3), or without end.
    let agreed = pool(&[0.1; 3], &[4.0; 3], 7.0).unwrap();
    assert_eq!((agreed.estimate, agreed.between, agreed.total, agreed.share), (0.1, 0.0, 4.0, 0.0));
    near(agreed.degrees_of_freedom, 5.6);
    let agreed = pool(&[0.1; 3], &[4.0; 3], f64::INFINITY).unwrap();
    assert_eq!((agreed.degrees_of_freedom, agreed.fraction_missing), (f64::INFINITY, 0.0));
    near(agreed.interval.1 - 0.1, 2.0 * 1.959963984540054);
    // Known without variance; all variance between tables.
    assert_eq!(pool(&[2.0, 2.0], &[0.0, 0.0], 9.0).unwrap().interval, (2.0, 2.0));
    let between = pool(&[1.0, 2.0, 3.0], &[0.0; 3], f64::INFINITY).unwrap();
    assert_eq!(
        (between.relative_increase, between.fraction_missing, between.degrees_of_freedom),
        (f64::INFINITY, 1.0, 2.0)
    );
    assert!(pool(&[1.0, 2.0], &[0.0; 2], 9.0).unwrap_err().to_string().contains("zero in every table"));
    assert!(matches!(
        pool(&[1.0], &[1.0], 9.0).unwrap_err().kind(),
        ErrorKind::TooFewRows { need: 2, found: 1, .. }
    ));
    assert!(matches!(pool(&[], &[], 9.0).unwrap_err().kind(), ErrorKind::TooFewRows { .. }));
    assert!(matches!(pool(&[1.0, 2.0], &[1.0], 9.0).unwrap_err().kind(), ErrorKind::Shape { .. }));
    for df in [0.0, -1.0, f64::NAN] {
        assert!(matches!(
            pool(&[1.0, 2.0], &[1.0; 2], df).unwrap_err().kind(),
            ErrorKind::InvalidParameter { .. }
        ));
    }
    for (q, u) in [
        (f64::NAN, 1.0),
        (f64::INFINITY, 1.0),
        (1e300, 1.0),
        (1.0, -1.0),
        (1.0, f64::NAN),
        (1.0, f64::INFINITY),
    ] {
        assert!(
            matches!(pool(&[1.0, q], &[1.0, u], 9.0).unwrap_err().kind(), ErrorKind::InvalidValue { .. }),
            "{q} {u}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pooling_is_its_formulas(
        tables in prop::collection::vec((-9.0..9.0f64, 0.1..9.0f64), 2..12),
        complete_df in 1.0..1e4f64,
    ) {
        let (q, u): (Vec<f64>, Vec<f64>) = tables.iter().copied().unzip();
        let m = q.len() as f64;
        let mean = q.iter().sum::<f64>() / m;
        let within = u.iter().sum::<f64>() / m;
        let between = q.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (m - 1.0);
        prop_assume!(between > 1e-6);
        let total = within + (1.0 + 1.0 / m) * between;
        let (r, lambda) = ((1.0 + 1.0 / m) * between / within, (1.0 + 1.0 / m) * between / total);
        let old = (m - 1.0) / lambda.powi(2);
        let observed = (1.0 - lambda) * complete_df * (complete_df + 1.0) / (complete_df + 3.0);
        let df = old * observed / (old + observed);
        let pooled = pool(&q, &u, complete_df).unwrap();
        let expected = [mean, within, between, total, r, lambda, df, (r + 2.0 / (df + 3.0)) / (1.0 + r)];
        let found = [
            pooled.estimate, pooled.within, pooled.between, pooled.total, pooled.relative_increase,
            pooled.share, pooled.degrees_of_freedom, pooled.fraction_missing,
        ];
        for (found, expected) in found.into_iter().zip(expected) {
            prop_assert!((found - expected).abs() < 1e-9 * (1.0 + expected.abs()), "{found} {expected}");
        }
        prop_assert!(pooled.interval.0 < mean && mean < pooled.interval.1);
    }
}

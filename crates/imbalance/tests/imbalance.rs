//! The report on imbalance: kinds of rows by naive loops, samples, advice, and what is refused.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::{grid, near, train};
use mlsys_core::arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray};
use mlsys_core::{Dataset, ErrorKind, Train};
use mlsys_imbalance::{Imbalance, ImbalanceAdvice, ImbalanceReport};
use mlsys_neighbors::Metric;
use proptest::prelude::*;

proptest! {
    #[test]
    fn kinds_by_loops((rows, classes) in grid(), k in 1usize..11) {
        let data = train(&rows, &classes);
        let recipe = Imbalance::new().metric(Metric::NanEuclidean).k_neighbors(k);
        let Ok(report) = recipe.report(&data) else { return Ok(()) };
        prop_assert_eq!((report.rows, report.compared), (rows.len(), rows.len()));
        for (place, one) in report.classes.iter().enumerate() {
            let class = one.class.as_f64().unwrap() as i32;
            let own = |row: usize, k: usize| near(&rows, row, k, |_| true).iter().filter(|n| classes[n.1] == class).count();
            let members: Vec<usize> = (0..rows.len()).filter(|&row| classes[row] == class).collect();
            let count = |test: &dyn Fn(f64) -> bool| members.iter().filter(|&&row| test(own(row, k) as f64 / k as f64)).count();
            prop_assert_eq!(one.rows, members.len());
            prop_assert_eq!(one.types.safe, count(&|p| p > 0.7 + 1e-9));
            prop_assert_eq!(one.types.borderline, count(&|p| p > 0.3 + 1e-9 && p <= 0.7 + 1e-9));
            prop_assert_eq!(one.types.rare, count(&|p| p > 0.1 + 1e-9 && p <= 0.3 + 1e-9));
            prop_assert_eq!(one.noise, count(&|p| p == 0.0));
            prop_assert_eq!(one.errors, members.iter().filter(|&&row| own(row, 1) == 0).count());
            let types = one.types.safe + one.types.borderline + one.types.rare + one.types.outlier;
            prop_assert_eq!(types, members.len());
            prop_assert!(one.parts >= one.small_parts && one.parts >= 1 && one.rows_of_small_parts <= one.rows);
            // Every other class is met somewhere in the tree.
            prop_assert!(one.border >= 1, "class {} of {}", place, report);
        }
        let stored = serde_json::to_string(&report).unwrap();
        prop_assert_eq!(&serde_json::from_str::<ImbalanceReport>(&stored).unwrap(), &report);
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            prop_assert_eq!(&pool.install(|| recipe.report(&data)).unwrap(), &report);
        }
    }

    #[test]
    fn a_sample_keeps_shares((rows, classes) in grid(), seed in any::<u64>()) {
        let many: Vec<Vec<f64>> = rows.iter().cycle().take(600).cloned().collect();
        let labels: Vec<i32> = classes.iter().cycle().take(600).copied().collect();
        let data = train(&many, &labels);
        let recipe = Imbalance::new().max_rows(200).seed(seed).metric(Metric::NanEuclidean);
        let Ok(report) = recipe.report(&data) else { return Ok(()) };
        for one in &report.classes {
            let third = one.rows / 3;
            prop_assert!((third.max(6)..=(third + 1).max(6)).contains(&one.compared), "{:?}", one);
        }
        prop_assert!(report.compared >= 200 && report.compared <= 212);
        prop_assert_eq!(report.classes.iter().map(|one| one.rows).sum::<usize>(), 600);
        // By ids: in whichever order rows come, up to which of equally near ones is first.
        let backwards: Vec<usize> = (0..600).rev().collect();
        let turned = recipe.report(&data.take(&backwards).unwrap()).unwrap();
        prop_assert_eq!(turned.compared, report.compared);
    }
}

/// Words, flags and numbers with gaps: late rows are those of fog.
fn mixed(n: usize) -> Dataset<Train> {
    let sky: Vec<Option<&str>> =
        (0..n).map(|row| (row % 11 != 10).then_some(if row % 10 == 0 { "fog" } else { "sun" })).collect();
    let columns: [(&str, ArrayRef); 4] = [
        ("sky", Arc::new(StringArray::from(sky))),
        (
            "x",
            Arc::new(Float64Array::from_iter(
                (0..n).map(|row| (row % 7 != 3).then_some((row * row % 31) as f64)),
            )),
        ),
        ("night", Arc::new(BooleanArray::from_iter((0..n).map(|row| Some(row % 4 == 1))))),
        ("late", Arc::new(BooleanArray::from_iter((0..n).map(|row| Some(row % 10 == 0))))),
    ];
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap();
    Dataset::new(batch).unwrap().target("late").unwrap().into_train_all()
}

#[test]
fn mixed_columns_and_words_for_people() {
    for metric in [Metric::Gower, Metric::Heom, Metric::Hvdm] {
        let report = Imbalance::new().metric(metric).report(&mixed(400)).unwrap();
        // The sky tells, but where it is missing.
        assert!(report.n3 < 0.2, "{metric:?}: {report}");
        let text = report.to_string();
        assert!(
            text.starts_with("late: 400 rows of 2 classes, the largest 9.0 times the smallest\n"),
            "{text}"
        );
        assert!(text.contains("accuracy: MISLEADS here: 0.900 for always `false`"), "{text}");
        assert!(text.contains("a precision of 0.526"), "{text}");
        let widths: Vec<usize> = text.lines().skip(2).take(3).map(|line| line.chars().count()).collect();
        assert!(widths.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
        assert_eq!(
            report.advice[..2],
            [ImbalanceAdvice::WeightsAndThreshold, ImbalanceAdvice::CollectRows(true.into())]
        );
    }
    let some = Imbalance::new().max_rows(100).report(&mixed(4000)).unwrap();
    assert_eq!((some.rows, some.compared), (4000, 100));
    assert!(some.to_string().contains("; 100 rows compared"));
}

#[test]
fn metrics_of_guesses() {
    let rows: Vec<Vec<f64>> = (0..100).map(|row| vec![f64::from(row)]).collect();
    let classes: Vec<i32> = (0..100).map(|row| i32::from(row < 5)).collect();
    let report = Imbalance::new().report(&train(&rows, &classes)).unwrap();
    let of = |name: &str| report.metrics.iter().find(|one| one.metric == name).unwrap();
    assert_eq!((of("accuracy").guess, of("accuracy").misleads), (0.95, true));
    assert_eq!((of("balanced accuracy").guess, of("average precision").guess), (0.5, 0.05));
    assert!(of("ROC AUC").misleads && of("ROC AUC").why.contains("0.345"), "{}", of("ROC AUC").why);
    assert!((of("F1").guess - 0.1 / 1.05).abs() < 1e-15);
    let entropy = -0.05 * 0.05_f64.ln() - 0.95 * 0.95_f64.ln();
    assert!((of("log loss").guess - entropy).abs() < 1e-15);
    // One edge between the classes; the nearest of row 5 are 4 and 6, of which the first counts.
    assert_eq!((report.n1, report.n3, report.classes[1].parts), (0.02, 0.01, 1));
    assert_eq!((report.classes[1].small_parts, report.classes[1].rows_of_small_parts), (1, 5));
    // Metrics take the last class for the positive one, here the larger.
    let turned: Vec<i32> = classes.iter().map(|class| 1 - class).collect();
    let report = Imbalance::new().report(&train(&rows, &turned)).unwrap();
    let of = |name: &str| report.metrics.iter().find(|one| one.metric == name).unwrap();
    assert_eq!((of("average precision").guess, of("average precision").misleads), (0.95, true));
    assert!((of("F1").guess - 1.9 / 1.95).abs() < 1e-15 && of("F1").misleads);
    assert!(of("F1").why.contains("name `0` as the positive class"), "{}", of("F1").why);
    // Of three classes there is no curve.
    let three: Vec<i32> = (0..100).map(|row| row % 3).collect();
    let report = Imbalance::new().report(&train(&rows, &three)).unwrap();
    assert!(report.metrics.iter().all(|one| one.metric != "ROC AUC" && !one.misleads));
    assert_eq!(report.advice[0], ImbalanceAdvice::LeaveAlone);
    assert!(report.advice.contains(&ImbalanceAdvice::BetterFeatures(1i64.into())), "{report}");
}

#[test]
fn kinds_of_trouble() {
    // Ten pairs of class 1 among many of class 0, or one far island of it.
    let pairs: Vec<f64> = (0..300).map(f64::from).collect();
    let of = |late: &dyn Fn(usize) -> bool, x: &dyn Fn(usize) -> f64| {
        let rows: Vec<Vec<f64>> = (0..300).map(|row| vec![x(row)]).collect();
        Imbalance::new()
            .report(&train(&rows, &(0..300).map(|row| i32::from(late(row))).collect::<Vec<_>>()))
            .unwrap()
    };
    let scattered = of(&|row| row % 30 < 2, &|row| pairs[row] + if row % 30 == 1 { -0.1 } else { 0.0 });
    assert!(scattered.advice.contains(&ImbalanceAdvice::MakeRowsWithinParts(1i64.into())), "{scattered}");
    assert!(scattered.classes[1].parts == 10 && scattered.classes[1].small_parts == 10, "{scattered}");
    let island = of(&|row| row < 60, &|row| pairs[row] + if row < 60 { -1e4 } else { 0.0 });
    assert!(island.advice.contains(&ImbalanceAdvice::MakeRows(1i64.into())), "{island}");
    assert_eq!((island.n3, island.classes[1].types.safe, island.classes[1].parts), (0.0, 60, 1));
    let alone = of(&|row| row % 10 == 0, &|row| pairs[row]);
    assert!(alone.advice.contains(&ImbalanceAdvice::CheckLabels(1i64.into())), "{alone}");
    assert_eq!(alone.classes[1].noise, 30);
}

#[test]
fn refused() {
    let data =
        || train(&(0..9).map(|row| vec![f64::from(row)]).collect::<Vec<_>>(), &[0, 0, 0, 0, 0, 1, 1, 1, 1]);
    let bad = |recipe: Imbalance, parameter: &str| {
        let error = recipe.report(&data()).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::InvalidParameter { name, .. } if name == parameter),
            "{error}"
        );
    };
    bad(Imbalance::new().k_neighbors(0), "k_neighbors");
    bad(Imbalance::new().max_rows(0), "max_rows");
    bad(Imbalance::new().metric(Metric::SmoteNc), "metric");
    for k in [9, usize::MAX] {
        let error = Imbalance::new().k_neighbors(k).report(&data()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::TooFewRows { found: 9, .. }), "{error}");
    }
    let one = train(&vec![vec![1.0]; 8], &[1; 8]);
    assert!(matches!(Imbalance::new().report(&one).unwrap_err().kind(), ErrorKind::SingleClass { .. }));
    assert!(matches!(
        Imbalance::new().report(&train(&[], &[])).unwrap_err().kind(),
        ErrorKind::TooFewRows { .. }
    ));
    let infinite = train(
        &(0..9).map(|row| vec![1.0 / f64::from(row)]).collect::<Vec<_>>(),
        &[0, 0, 0, 0, 0, 1, 1, 1, 1],
    );
    assert!(matches!(
        Imbalance::new().report(&infinite).unwrap_err().kind(),
        ErrorKind::NonFinite { row: 0, .. }
    ));
    assert!(Imbalance::new().metric(Metric::NanEuclidean).columns(["sky"]).report(&mixed(50)).is_err());
    // Equal rows, and rows with nothing in them.
    let equal = Imbalance::new()
        .report(&train(&vec![vec![4.0]; 20], &(0..20).map(|row| i32::from(row < 4)).collect::<Vec<_>>()));
    assert_eq!(equal.unwrap().compared, 20);
    let empty = train(&vec![vec![f64::NAN]; 20], &(0..20).map(|row| i32::from(row < 4)).collect::<Vec<_>>());
    let empty = Imbalance::new().report(&empty).unwrap();
    assert_eq!(
        (empty.n1, empty.n3, empty.classes[1].noise, empty.classes[1].types.outlier),
        (0.0, 1.0, 4, 4)
    );
    let stored = serde_json::to_string(&Imbalance::new().seed(4)).unwrap();
    assert_eq!(serde_json::from_str::<Imbalance>(&stored).unwrap(), Imbalance::new().seed(4));
    assert!(serde_json::from_str::<Imbalance>(r#"{"k":4}"#).is_err());
}

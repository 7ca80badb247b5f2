//! What is refused, and how.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::train;
use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use mlsys_core::{Dataset, ErrorKind, Train};
use mlsys_imbalance::{
    Adasyn, AllKnn, BorderlineSmote, ClassSizes, ClusterCentroids, CondensedNearestNeighbour,
    EditedNearestNeighbours, KMeansSmote, NearMiss, NearMissVersion, NeighbourhoodCleaningRule,
    OneSidedSelection, PlanResample, RandomOverSampler, RandomUnderSampler, RepeatedEditedNearestNeighbours,
    SmoothedBootstrap, Smote, SmoteEnn, SmoteN, SmoteNc, SmoteTomek, Strategy, TomekLinks,
};
use mlsys_neighbors::Metric;

fn all() -> Vec<Box<dyn PlanResample>> {
    vec![
        Box::new(RandomOverSampler::new()),
        Box::new(RandomUnderSampler::new()),
        Box::new(Smote::new()),
        Box::new(BorderlineSmote::new()),
        Box::new(Adasyn::new()),
        Box::new(SmoothedBootstrap::new()),
        Box::new(SmoteEnn::new()),
        Box::new(SmoteTomek::new()),
        Box::new(ClusterCentroids::new()),
        Box::new(KMeansSmote::new()),
        Box::new(TomekLinks::new()),
        Box::new(CondensedNearestNeighbour::new()),
        Box::new(OneSidedSelection::new()),
        Box::new(EditedNearestNeighbours::new()),
        Box::new(RepeatedEditedNearestNeighbours::new()),
        Box::new(AllKnn::new()),
        Box::new(NeighbourhoodCleaningRule::new()),
        Box::new(NearMiss::new(NearMissVersion::One)),
        Box::new(NearMiss::new(NearMissVersion::Two)),
        Box::new(NearMiss::new(NearMissVersion::Three)),
    ]
}

fn line(classes: &[i32]) -> Dataset<Train> {
    let rows: Vec<Vec<f64>> = (0..classes.len()).map(|row| vec![row as f64]).collect();
    train(&rows, classes)
}

#[test]
fn one_class() {
    let mut all = all();
    all.push(Box::new(SmoteNc::new()));
    all.push(Box::new(SmoteN::new()));
    for resampler in all {
        let error = resampler.plan(&line(&[7; 9])).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::SingleClass { class, .. } if class == "7"), "{error}");
        assert!(matches!(resampler.plan(&line(&[])).unwrap_err().kind(), ErrorKind::TooFewRows { .. }));
    }
}

#[test]
fn fewer_rows_than_neighbours() {
    let few = line(&[0, 0, 1, 1, 1, 1, 1, 1]);
    let error = Smote::new().k_neighbors(2).plan(&few).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooFewRows { need: 3, found: 2, .. }), "{error}");
    assert!(error.to_string().contains("class `0`"), "{error}");
    assert_eq!(Smote::new().k_neighbors(1).plan(&few).unwrap().synthetic().len(), 4);
    // A class that does not grow may have as few as it likes.
    assert!(Smote::new().strategy(Strategy::counts([(1i64, 9)])).plan(&few).is_ok());
    assert!(Smote::new().k_neighbors(usize::MAX).plan(&few).is_err());
    for version in [NearMissVersion::One, NearMissVersion::Two, NearMissVersion::Three] {
        let error = NearMiss::new(version).plan(&few).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::TooFewRows { need: 3, found: 2, .. }), "{error}");
    }
    let error = EditedNearestNeighbours::new().k_neighbors(8).plan(&few).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooFewRows { need: 9, found: 8, .. }), "{error}");
}

#[test]
fn classes_without_a_border() {
    let rows: Vec<Vec<f64>> = (0..30).map(|row| vec![f64::from(row + 1000 * i32::from(row >= 12))]).collect();
    let classes: Vec<i32> = (0..30).map(|row| i32::from(row >= 12)).collect();
    let apart = train(&rows, &classes);
    let noise = train(&[vec![9.0], vec![1.0], vec![2.0], vec![3.0], vec![4.0]], &[0, 0, 1, 1, 1]);
    let border = BorderlineSmote::new();
    let alone = border.clone().k_neighbors(1).m_neighbors(2).plan(&noise);
    for error in [border.plan(&apart), Adasyn::new().plan(&apart), alone].map(Result::unwrap_err) {
        assert!(matches!(error.kind(), ErrorKind::TooFewRows { need: 1, found: 0, .. }), "{error}");
        assert!(
            error.to_string().contains("class `0`") && error.to_string().contains("use `Smote`"),
            "{error}"
        );
    }
    let error = border.m_neighbors(30).plan(&apart).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooFewRows { need: 31, found: 30, .. }), "{error}");
}

#[test]
fn strategies_out_of_reach() {
    let sizes = ClassSizes::new("y", [("a".into(), 10), ("b".into(), 40)]).unwrap();
    let three = ClassSizes::new("y", [("a".into(), 10), ("b".into(), 40), ("c".into(), 10)]).unwrap();
    let says = |error: mlsys_core::Error, what: &str| {
        assert!(
            matches!(error.kind(), ErrorKind::InvalidParameter { name, .. } if name == "strategy"),
            "{error}"
        );
        assert!(error.to_string().contains(what), "{error}");
    };
    says(Strategy::Ratio(0.2).over("X", &sizes).unwrap_err(), "10 rows or more of class `a`");
    says(Strategy::Ratio(0.2).under("X", &sizes).unwrap_err(), "1 to 40 rows of class `b`");
    says(Strategy::Ratio(0.5).over("X", &three).unwrap_err(), "3 classes");
    for ratio in [0.0, -1.0, 1.1, f64::NAN, f64::INFINITY] {
        says(Strategy::Ratio(ratio).over("X", &sizes).unwrap_err(), "a ratio above 0");
        says(Strategy::Ratio(ratio).under("X", &sizes).unwrap_err(), "a ratio above 0");
    }
    says(Strategy::Ratio(1e-300).under("X", &sizes).unwrap_err(), "1 to 40 rows");
    says(Strategy::counts([("z", 50)]).over("X", &sizes).unwrap_err(), "which has a, b, not `z`");
    says(Strategy::counts([("a", 9)]).over("X", &sizes).unwrap_err(), "10 rows or more");
    says(Strategy::counts([("a", 11)]).under("X", &sizes).unwrap_err(), "1 to 10 rows");
    for absurd in [usize::MAX, usize::MAX - 40, u32::MAX as usize] {
        says(Strategy::counts([("a", absurd)]).over("X", &sizes).unwrap_err(), "fewer than 4,294,967,296");
    }
    says(Strategy::Majority.over("X", &sizes).unwrap_err(), "over-samples");
    says(Strategy::Minority.under("X", &sizes).unwrap_err(), "under-samples");
    says(Strategy::Minority.clean("X", &sizes).unwrap_err(), "cleans");
    says(Strategy::counts([("a", 5)]).clean("X", &sizes).unwrap_err(), "as many rows as it finds");
    assert!(matches!(ClassSizes::new("y", []).unwrap_err().kind(), ErrorKind::TooFewRows { .. }));
    assert!(ClassSizes::new("y", [("a".into(), 1), ("a".into(), 1)]).is_err());
}

#[test]
fn strategies_of_three_classes() {
    // a and c are smallest, the first counts as such; b is largest.
    let sizes =
        ClassSizes::new("y", [("c".into(), 10), ("b".into(), 40), ("a".into(), 10), ("d".into(), 20)])
            .unwrap();
    let over = |strategy: Strategy| strategy.over("X", &sizes).unwrap();
    let under = |strategy: Strategy| strategy.under("X", &sizes).unwrap();
    let clean = |strategy: Strategy| strategy.clean("X", &sizes).unwrap();
    assert_eq!(over(Strategy::Auto), [40, 40, 40, 40]);
    assert_eq!(over(Strategy::All), [40, 40, 40, 40]);
    assert_eq!(over(Strategy::Minority), [40, 40, 10, 20]);
    assert_eq!(over(Strategy::NotMinority), [10, 40, 40, 40]);
    assert_eq!(over(Strategy::classes(["d"])), [10, 40, 10, 40]);
    assert_eq!(over(Strategy::counts([("d", 30), ("a", 11)])), [11, 40, 10, 30]);
    assert_eq!(under(Strategy::Auto), [10, 10, 10, 10]);
    assert_eq!(under(Strategy::Majority), [10, 10, 10, 20]);
    assert_eq!(under(Strategy::NotMajority), [10, 40, 10, 10]);
    assert_eq!(under(Strategy::counts([("b", 7)])), [10, 7, 10, 20]);
    assert_eq!(clean(Strategy::Auto), [false, true, true, true]);
    assert_eq!(clean(Strategy::NotMajority), [true, false, true, true]);
    assert_eq!(clean(Strategy::Majority), [false, true, false, false]);
    assert_eq!(clean(Strategy::All), [true; 4]);
    assert_eq!(clean(Strategy::classes(["a", "d"])), [true, false, false, true]);
    // 0.29 x 100 is below 29 in doubles.
    let hundred = ClassSizes::new("y", [(0i64.into(), 29), (1i64.into(), 100)]).unwrap();
    assert_eq!(Strategy::Ratio(0.29).over("X", &hundred).unwrap(), [29, 100]);
    assert_eq!(Strategy::Ratio(0.29).under("X", &hundred).unwrap(), [29, 100]);
    let stored = serde_json::to_string(&Strategy::counts([("b", 7)])).unwrap();
    assert_eq!(serde_json::from_str::<Strategy>(&stored).unwrap(), Strategy::counts([("b", 7)]));
}

#[test]
fn columns_that_have_no_distance() {
    let word: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "a", "b", "c", "a", "c"]));
    let y: ArrayRef = Arc::new(StringArray::from(vec!["no", "no", "no", "no", "yes", "yes", "yes"]));
    let x: ArrayRef = Arc::new(Float64Array::from_iter_values((0..7).map(f64::from)));
    let batch = RecordBatch::try_from_iter([("word", word), ("y", y), ("x", x)]).unwrap();
    let data = || Dataset::new(batch.clone()).unwrap().target("y").unwrap();
    let words = data().ignore(["x"]).unwrap().into_train_all();
    for resampler in all().iter().skip(2) {
        let error = resampler.plan(&words).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ColumnType { column, .. } if column == "word"), "{error}");
    }
    assert!(TomekLinks::new().metric(Metric::Heom).plan(&words).is_ok());
    let error = Smote::new().k_neighbors(1).columns(["word"]).plan(&data().into_train_all()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ColumnType { .. }), "{error}");
    // Who a row belongs to says nothing of what it is like, unless asked for.
    let grouped = data().ignore(["word"]).unwrap().group("x").unwrap().into_train_all();
    let error = Smote::new().k_neighbors(1).plan(&grouped).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MissingRole { role: "feature", .. }), "{error}");
    assert!(Smote::new().k_neighbors(1).columns(["x"]).plan(&grouped).is_ok());
    let infinite =
        train(&[vec![1.0], vec![f64::INFINITY], vec![2.0], vec![3.0], vec![4.0]], &[0, 0, 1, 1, 1]);
    for resampler in
        [Box::new(Smote::new().k_neighbors(1)) as Box<dyn PlanResample>, Box::new(TomekLinks::new())]
    {
        let error = resampler.plan(&infinite).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NonFinite { row: 1, .. }), "{error}");
    }
    let untargeted = Dataset::new(batch).unwrap().into_train_all();
    assert!(all().iter().all(|resampler| resampler.plan(&untargeted).is_err()));
}

//! Strategies by a function of the sizes: in folds, in error messages, and when stored.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::train;
use mlsys_core::{Category, ErrorKind, Fold, Resample};
use mlsys_imbalance::{
    ClassSizes, NearMiss, NearMissVersion, PlanResample, RandomOverSampler, RandomUnderSampler, Smote,
    Strategy, TomekLinks,
};

/// The smallest class to half of the largest.
fn half() -> Strategy {
    Strategy::function(|sizes| {
        let top = sizes.sizes().iter().copied().max().unwrap_or_default();
        [(sizes.minority().clone(), top.div_ceil(2))]
    })
}

#[test]
fn each_fold_has_its_own_sizes() {
    let rows: Vec<Vec<f64>> = (0..60).map(|row| vec![f64::from(row)]).collect();
    let classes: Vec<i32> = (0..60)
        .map(|row| i32::from(row % 5 == 0 || [21, 22].contains(&row) || (40..48).contains(&row)))
        .collect();
    let data = train(&rows, &classes);
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = {
        let asked = Arc::clone(&asked);
        Strategy::function(move |sizes| {
            asked.fetch_add(1, Ordering::Relaxed);
            [(sizes.minority().clone(), sizes.sizes().iter().max().map_or(0, |top| top * 3 / 4))]
        })
    };
    // Folds whose parts that are trained on have other sizes each.
    let fold_of_row: Vec<u32> = (0..60).map(|row| row / 20).collect();
    let mut seen = Vec::new();
    for fold in Fold::each(&fold_of_row, 3).unwrap() {
        let (part, _) = data.fold(&fold).unwrap();
        let before = ClassSizes::of(&part).unwrap();
        let after = Smote::new().k_neighbors(2).strategy(counted.clone()).resample(part).unwrap();
        let after = ClassSizes::of(&after).unwrap();
        assert_eq!(after.sizes(), [before.sizes()[0], before.sizes()[0] * 3 / 4]);
        seen.push(before.sizes().to_vec());
    }
    seen.dedup();
    assert_eq!((seen.len(), asked.load(Ordering::Relaxed)), (3, 3), "{seen:?}");
    // Counts of the whole table are out of reach of a fold.
    let whole = RandomUnderSampler::new().strategy(Strategy::counts([(0i64, 37)]));
    let (part, _) = data.fold(&Fold::each(&fold_of_row, 3).unwrap()[0]).unwrap();
    assert!(whole.plan(&data).is_ok() && whole.plan(&part).is_err());
}

#[test]
fn what_it_gives_is_judged_as_counts_are() {
    let sizes = ClassSizes::new("y", [("a".into(), 10), ("b".into(), 40), ("c".into(), 12)]).unwrap();
    assert_eq!(half().over("X", &sizes).unwrap(), [20, 40, 12]);
    let large = Strategy::function(|sizes| [(sizes.majority().clone(), 13)]);
    assert_eq!(large.under("X", &sizes).unwrap(), [10, 13, 12]);
    let none: Strategy = Strategy::function(|_| Vec::<(Category, usize)>::new());
    assert_eq!(none.over("X", &sizes).unwrap(), sizes.sizes());
    let says = |error: mlsys_core::Error, part: &str| {
        let strategy = |name: &str| name == "strategy";
        assert!(
            matches!(error.kind(), ErrorKind::InvalidParameter { name, .. } if strategy(name)),
            "{error}"
        );
        assert!(error.to_string().contains(part), "{error}");
    };
    // The message has the counts, not only that there was a function.
    says(large.over("X", &sizes).unwrap_err(), "counts b: 13");
    says(half().under("X", &sizes).unwrap_err(), "1 to 10 rows of class `a`");
    says(Strategy::function(|_| [("z", 9)]).over("X", &sizes).unwrap_err(), "not `z`");
    says(Strategy::function(|_| [("a", 11), ("a", 12)]).over("X", &sizes).unwrap_err(), "twice");
    says(Strategy::function(|_| [("a", usize::MAX)]).over("X", &sizes).unwrap_err(), "fewer than");
    says(Strategy::function(|_| [("a", 0)]).under("X", &sizes).unwrap_err(), "1 to 10 rows");
    says(half().clean("X", &sizes).unwrap_err(), "as many rows as it finds");
    let data = train(&vec![vec![0.0]; 9], &[0, 0, 0, 0, 0, 0, 1, 1, 1]);
    assert!(TomekLinks::new().strategy(half()).plan(&data).is_err());
    assert_eq!(RandomOverSampler::new().strategy(half()).plan(&data).unwrap().n_rows(), 9);
    let two = Strategy::function(|sizes| [(sizes.majority().clone(), 2)]);
    assert_eq!(NearMiss::new(NearMissVersion::One).strategy(two).plan(&data).unwrap().n_rows(), 5);
}

#[test]
fn code_is_not_stored() {
    let strategy = half();
    assert_eq!(
        (strategy.to_string(), format!("{strategy:?}")),
        ("a function".into(), "Function(SizeFunction)".into())
    );
    assert!(strategy == strategy.clone() && strategy != half());
    let error = serde_json::to_string(&Smote::new().strategy(strategy)).unwrap_err();
    assert!(
        error.to_string().contains("a strategy by a function cannot be stored: it holds code"),
        "{error}"
    );
    let error = serde_json::from_str::<Strategy>(r#"{"function":null}"#).unwrap_err();
    assert!(error.to_string().contains("unknown variant `function`"), "{error}");
}

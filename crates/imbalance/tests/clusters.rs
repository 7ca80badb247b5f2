//! Clusters in place of rows.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::{squared, train};
use mlsys_core::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int32Array, RecordBatch, StringArray,
};
use mlsys_core::arrow::datatypes::Int32Type;
use mlsys_core::{Dataset, ErrorKind, Train, column};
use mlsys_imbalance::{
    ClassSizes, ClusterCentroids, ClusterVoting, KMeansSmote, Origin, PlanResample, Strategy,
};
use proptest::prelude::*;
use proptest::strategy::Strategy as _;

/// Rows without ties; class 0 is the smallest.
fn scattered() -> impl proptest::strategy::Strategy<Value = (Vec<Vec<f64>>, Vec<i32>)> {
    prop::collection::vec(prop::collection::vec(-3.0..3.0f64, 2), 12..50).prop_map(|rows| {
        let classes =
            (0..rows.len()).map(|row| if row < 3 { 0 } else { 1 + (row % 3 == 0) as i32 }).collect();
        (rows, classes)
    })
}

proptest! {
    #[test]
    fn centroids_are_means_of_what_is_nearest((rows, classes) in scattered(), m in 1usize..5, seed in any::<u64>()) {
        let data = train(&rows, &classes);
        let own: Vec<usize> = (0..rows.len()).filter(|&row| classes[row] == 1).collect();
        prop_assume!(own.len() > m);
        let clusters = ClusterCentroids::new().strategy(Strategy::counts([(1i64, m)])).seed(seed).max_rounds(1000);
        let plan = clusters.clone().voting(ClusterVoting::Soft).plan(&data).unwrap();
        prop_assert_eq!(plan.synthetic().len(), m);
        prop_assert!(plan.kept().iter().all(|&row| classes[row as usize] != 1));
        prop_assert_eq!(plan.kept().len(), rows.len() - own.len());
        let made = plan.apply(&data).unwrap();
        let values: Vec<_> = (0..2).map(|c| column::floats("x", made.column(&format!("x{c}")).unwrap()).unwrap()).collect();
        let centroids: Vec<Vec<f64>> = (0..m).map(|at| values.iter().map(|column| column[plan.kept().len() + at]).collect()).collect();
        let nearest = |row: usize| (0..m).min_by(|&a, &b| squared(&rows[row], &centroids[a]).unwrap().total_cmp(&squared(&rows[row], &centroids[b]).unwrap())).unwrap();
        let hard = clusters.plan(&data).unwrap();
        prop_assert!(hard.synthetic().is_empty());
        let mut expected: Vec<u32> = plan.kept().to_vec();
        for (at, centroid) in centroids.iter().enumerate() {
            let members: Vec<usize> = own.iter().copied().filter(|&row| nearest(row) == at).collect();
            for c in 0..2 {
                let mean = members.iter().map(|&row| rows[row][c]).sum::<f64>() / members.len() as f64;
                prop_assert!((mean - centroid[c]).abs() < 1e-9, "{} is not {}", centroid[c], mean);
            }
            // Of two rows each is as near to their mean, but for rounding.
            let far = |row: usize| squared(&rows[row], centroid).unwrap();
            let standing = plan.synthetic()[at].base;
            let least = members.iter().map(|&row| far(row)).fold(f64::INFINITY, f64::min);
            prop_assert!(members.contains(&(standing as usize)) && far(standing as usize) <= least + 1e-9);
            let origin = plan.origin(plan.kept().len() + at);
            prop_assert_eq!(origin, Some(Origin::Around { base: u64::from(standing) }));
            expected.push(standing);
        }
        expected.sort_unstable();
        prop_assert_eq!(hard.kept(), expected);
    }
}

#[test]
fn equal_rows_are_kept_as_often_as_asked_for() {
    let rows = vec![vec![4.0, 4.0]; 20];
    let classes: Vec<i32> = (0..20).map(|row| i32::from(row >= 6)).collect();
    let data = train(&rows, &classes);
    let plan = ClusterCentroids::new().plan(&data).unwrap();
    let mut kept = plan.kept().to_vec();
    kept.dedup();
    assert_eq!(kept.len(), 12);
    assert_eq!(ClassSizes::of(&plan.apply(&data).unwrap()).unwrap().sizes(), [6, 6]);
    let soft = ClusterCentroids::new().voting(ClusterVoting::Soft).plan(&data).unwrap().apply(&data).unwrap();
    assert_eq!(ClassSizes::of(&soft).unwrap().sizes(), [6, 6]);
}

#[test]
fn other_columns_integers_and_gaps() {
    let x: ArrayRef =
        Arc::new(Int32Array::from(vec![Some(0), Some(1), Some(2), Some(12), Some(11), None, Some(10)]));
    let z: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 1.0, 1.0, 2.0, f64::NAN, 2.0, 2.6]));
    let word: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c", "d", "e", "f", "g"]));
    let y: ArrayRef = Arc::new(Int32Array::from(vec![0, 1, 1, 1, 1, 1, 1]));
    let batch = RecordBatch::try_from_iter([("x", x), ("z", z), ("word", word), ("y", y)]).unwrap();
    let data = Dataset::new(batch).unwrap().target("y").unwrap().into_train_all();
    let two = ClusterCentroids::new().voting(ClusterVoting::Soft).strategy(Strategy::counts([(1i64, 2)]));
    let plan = two.plan(&data).unwrap();
    let made = plan.apply(&data).unwrap();
    assert_eq!(made.schema(), data.schema());
    let at = 1 + plan.synthetic().iter().position(|new| new.base > 2).unwrap();
    // Means of 12, 11 and 10, and of 2, 2 and 2.6, without what is missing: nearest is the row at (·, 2) or (11, ·).
    let base = plan.synthetic()[at - 1].base as usize;
    assert_eq!(
        made.column("word").unwrap().as_string::<i32>().value(at),
        ["a", "b", "c", "d", "e", "f", "g"][base]
    );
    let x = made.column("x").unwrap().as_primitive::<Int32Type>();
    let z = column::floats("z", made.column("z").unwrap()).unwrap();
    assert_eq!(base, 4);
    assert_eq!((x.value(at), x.is_valid(at), z[at].is_nan()), (11, true, true));
    // 1.5 is rounded away from the base's value.
    assert_eq!((x.value(3 - at), plan.synthetic()[2 - at].base), (2, 1));
}

/// Three islands: four rows of class 0 close together, three far apart, and two among fifty others.
fn islands() -> Dataset<Train> {
    let own = [0.0, 1.0, 2.0, 3.0, 1000.0, 1010.0, 1020.0, 100_000.0, 100_005.0];
    let rows: Vec<Vec<f64>> =
        own.into_iter().chain((0..50).map(|i| 100_000.0 + f64::from(i) / 10.0)).map(|x| vec![x]).collect();
    train(&rows, &(0..59).map(|row| i32::from(row >= 9)).collect::<Vec<_>>())
}

#[test]
fn sparse_clusters_get_more() {
    let smote = KMeansSmote::new().clusters(3).k_neighbors(1).strategy(Strategy::counts([(0i64, 44)]));
    let shares = |smote: &KMeansSmote| {
        let plan = smote.plan(&islands()).unwrap();
        let island = |row: u32| [0, 0, 0, 0, 1, 1, 1, 2, 2][row as usize];
        let mut shares = [0; 3];
        for new in plan.synthetic() {
            assert!(island(new.base) == island(new.neighbor) && new.base != new.neighbor);
            shares[island(new.base)] += 1;
        }
        shares
    };
    // Mean distances of 5/3 and 40/3 over 4 and 3 rows: 35 new ones as 15 to 160.
    assert_eq!(shares(&smote), [3, 32, 0]);
    // As 1/4 to 1/3.
    assert_eq!(shares(&smote.clone().exponent(0.0)), [15, 20, 0]);
    // With the third, whose two rows are 5 apart: as 5/12, 40/9 and 5/2; 49 others to 3.
    assert_eq!(shares(&smote.clone().threshold(f64::INFINITY)), [2, 21, 12]);
    assert_eq!(shares(&smote.clone().threshold(51.0 / 3.0)), [3, 32, 0]);
    assert_eq!(shares(&smote.clone().threshold(51.1 / 3.0)), [2, 21, 12]);
    // Two rows have one neighbour; three have two.
    assert_eq!(shares(&smote.clone().threshold(f64::INFINITY).k_neighbors(2)), [3, 32, 0]);
    assert_eq!(shares(&smote.clone().k_neighbors(3)), [35, 0, 0]);
    let error = smote.clone().k_neighbors(4).plan(&islands()).unwrap_err();
    assert!(error.to_string().contains("class `0`") && error.to_string().contains("`threshold`"), "{error}");
    assert!(matches!(error.kind(), ErrorKind::TooFewRows { need: 1, found: 0, .. }), "{error}");
    // Each row of a cluster is started from equally often.
    let plan = smote.plan(&islands()).unwrap();
    let times = |row: u32| plan.synthetic().iter().filter(|new| new.base == row).count();
    assert!((4..7).all(|row| (10..=11).contains(&times(row))) && (0..4).all(|row| times(row) <= 1));
    // Without a bound it is stored too.
    for smote in [smote.clone(), smote.threshold(f64::INFINITY)] {
        let json = serde_json::to_string(&smote).unwrap();
        assert_eq!(serde_json::from_str::<KMeansSmote>(&json).unwrap(), smote);
    }
}

#[test]
fn clusters_of_equal_rows() {
    let rows: Vec<Vec<f64>> = (0..40).map(|row| vec![f64::from(u8::from(row >= 14)) * 9.0]).collect();
    let classes: Vec<i32> = (0..40).map(|row| i32::from(row >= 14)).collect();
    let plan = KMeansSmote::new().clusters(2).plan(&train(&rows, &classes)).unwrap();
    assert_eq!(plan.synthetic().len(), 12);
    // Beside a cluster whose rows differ, equal ones get nothing.
    let rows: Vec<Vec<f64>> =
        (0..40).map(|row| vec![[0.0, f64::from(500 + row), 9e5][(row / 7).min(2) as usize]]).collect();
    let plan = KMeansSmote::new().clusters(3).plan(&train(&rows, &classes)).unwrap();
    assert!(plan.synthetic().len() == 12 && plan.synthetic().iter().all(|new| (7..14).contains(&new.base)));
}

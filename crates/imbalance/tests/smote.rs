//! SMOTE and random over-sampling: what holds of every row that is made.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{squared, train};
use mlsys_core::{Dataset, Resample, Train, column};
use mlsys_imbalance::{
    Adasyn, BorderlineSmote, ClassSizes, ClusterCentroids, CondensedNearestNeighbour,
    EditedNearestNeighbours, KMeansSmote, NearMiss, NearMissVersion, OneSidedSelection, Plan, PlanResample,
    RandomOverSampler, SmoothedBootstrap, Smote, SmoteBases, SmoteEnn, SmoteNc, SmoteTomek, Strategy,
    TomekLinks,
};
use proptest::prelude::*;
use proptest::strategy::Strategy as _;

/// Rows with gaps, and their classes; class 0 has six rows at least.
fn gappy() -> impl proptest::strategy::Strategy<Value = (Vec<Vec<f64>>, Vec<i32>)> {
    let value = prop_oneof![9 => (-8i32..8).prop_map(f64::from), 1 => Just(f64::NAN)];
    let row = prop::collection::vec(value, 3);
    prop::collection::vec((row, prop_oneof![2 => Just(0), 3 => Just(1), 4 => Just(2)]), 20..60)
        .prop_map(|rows| rows.into_iter().unzip())
}

proptest! {
    #[test]
    fn new_rows_lie_between_neighbours((rows, classes) in gappy(), k in 1usize..4, seed in any::<u64>(), random in any::<bool>()) {
        let data = train(&rows, &classes);
        let sizes = ClassSizes::of(&data).unwrap();
        prop_assume!(sizes.sizes().iter().all(|&size| size > k));
        let bases = if random { SmoteBases::Random } else { SmoteBases::Even };
        let smote = Smote::new().k_neighbors(k).seed(seed).bases(bases);
        let plan = smote.plan(&data).unwrap();
        let made = smote.resample(data.clone()).unwrap();
        let top = *sizes.sizes().iter().max().unwrap();
        prop_assert!(ClassSizes::of(&made).unwrap().sizes().iter().all(|&size| size == top));
        prop_assert_eq!(plan.n_rows(), made.n_rows());
        let columns: Vec<_> = (0..3).map(|c| column::floats("x", made.column(&format!("x{c}")).unwrap()).unwrap()).collect();
        let y = column::floats("y", made.column("y").unwrap()).unwrap();
        let mut used: BTreeMap<u32, usize> = BTreeMap::new();
        for (at, new) in plan.synthetic().iter().enumerate() {
            let (base, neighbor) = (new.base as usize, new.neighbor as usize);
            prop_assert_eq!(classes[base], classes[neighbor]);
            prop_assert_eq!(y[rows.len() + at] as i32, classes[base]);
            prop_assert!((0.0..1.0).contains(&new.gap));
            *used.entry(new.base).or_default() += 1;
            let own = (0..rows.len()).filter(|&row| row != base && classes[row] == classes[base]);
            let mut near: Vec<(f64, usize)> = own.filter_map(|row| Some((squared(&rows[base], &rows[row])?, row))).collect();
            near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            near.truncate(k);
            prop_assert!(near.iter().any(|n| n.1 == neighbor) || near.is_empty() && neighbor == base);
            for (c, column) in columns.iter().enumerate() {
                let (a, b, x) = (rows[base][c], rows[neighbor][c], column[rows.len() + at]);
                let expected = if a.is_nan() || b.is_nan() { a } else { a + new.gap * (b - a) };
                prop_assert!(x == expected || x.is_nan() && expected.is_nan(), "{} is not {}", x, expected);
            }
        }
        if !random {
            for (class, &size) in sizes.classes().iter().zip(sizes.sizes()) {
                let class = class.as_f64().unwrap() as i32;
                let times = (0..rows.len()).filter(|&row| classes[row] == class).map(|row| used.get(&(row as u32)).copied().unwrap_or(0));
                let (least, most) = ((top - size) / size, (top - size).div_ceil(size));
                prop_assert!(times.into_iter().all(|n| n == least || n == most));
            }
        }
    }

    #[test]
    fn more_rows_start_with_the_same((rows, classes) in gappy(), seed in any::<u64>()) {
        let data = train(&rows, &classes);
        let sizes = ClassSizes::of(&data).unwrap();
        prop_assume!(sizes.sizes().iter().all(|&size| size > 2) && sizes.sizes().len() == 3);
        let to = |n| Smote::new().k_neighbors(2).seed(seed).strategy(Strategy::counts([(0i64, n)])).plan(&data).unwrap();
        let (fewer, more) = (to(70), to(90));
        prop_assert!(more.synthetic().starts_with(fewer.synthetic()));
    }

    #[test]
    fn cleaning_sees_what_was_made((rows, classes) in gappy(), k in 1usize..4, seed in any::<u64>()) {
        let data = train(&rows, &classes);
        prop_assume!(ClassSizes::of(&data).unwrap().sizes().iter().all(|&size| size > k));
        let smote = Smote::new().k_neighbors(k).seed(seed);
        let edit = EditedNearestNeighbours::new().k_neighbors(k).strategy(Strategy::All);
        let links = TomekLinks::new().strategy(Strategy::All);
        let made = smote.resample(data.clone()).unwrap();
        let pairs: [(Plan, Plan); 2] = [
            (SmoteEnn::new().smote(smote.clone()).edit(edit.clone()).plan(&data).unwrap(), edit.plan(&made).unwrap()),
            (SmoteTomek::new().smote(smote.clone()).links(links.clone()).plan(&data).unwrap(), links.plan(&made).unwrap()),
        ];
        for (found, next) in pairs {
            let expected = next.apply(&made).unwrap();
            let found = found.apply(&data).unwrap();
            // NaN is no equal of itself.
            prop_assert_eq!(format!("{:?}", found.batch()), format!("{:?}", expected.batch()));
            let old = |ids: Vec<u64>| ids.into_iter().filter(|&id| id < rows.len() as u64).collect::<Vec<_>>();
            prop_assert_eq!(old(found.row_ids()), old(expected.row_ids()));
        }
    }

    #[test]
    fn copies_are_of_their_class((rows, classes) in gappy(), seed in any::<u64>()) {
        let data = train(&rows, &classes);
        prop_assume!(ClassSizes::of(&data).is_ok());
        let plan = RandomOverSampler::new().seed(seed).plan(&data).unwrap();
        let made = plan.apply(&data).unwrap();
        let sizes = ClassSizes::of(&made).unwrap();
        prop_assert!(sizes.sizes().windows(2).all(|pair| pair[0] == pair[1]));
        prop_assert!(plan.kept().iter().zip(0..).take(rows.len()).all(|(&row, at)| row == at));
        prop_assert_eq!(made.row_ids(), plan.kept().iter().map(|&row| u64::from(row)).collect::<Vec<_>>());
    }
}

#[test]
fn classes_do_not_share_their_noise() {
    // Three classes: two of ten rows, the second a shifted copy of the first.
    let mut rows: Vec<Vec<f64>> = (0..10).map(|row| vec![f64::from(row * row)]).collect();
    rows.extend((0..10).map(|row| vec![f64::from(row * row) + 1000.0]));
    rows.extend((0..40).map(|row| vec![f64::from(row)]));
    let classes: Vec<i32> = (0..60).map(|row| [0, 1, 2, 2, 2, 2][row / 10]).collect();
    let plan = Smote::new().plan(&train(&rows, &classes)).unwrap();
    let (first, second) = plan.synthetic().split_at(30);
    assert!(first.iter().all(|new| new.base < 10) && second.iter().all(|new| (10..20).contains(&new.base)));
    assert!(first.iter().zip(second).all(|(a, b)| a.gap != b.gap));
    let gaps: BTreeSet<u64> = plan.synthetic().iter().map(|new| new.gap.to_bits()).collect();
    assert_eq!(gaps.len(), 60);
    // Nor does a class depend on the others.
    let alone: Vec<usize> = (0..10).chain(20..60).collect();
    let alone = Smote::new().plan(&train(&rows, &classes).take(&alone).unwrap()).unwrap();
    assert_eq!(alone.synthetic(), first);
}

#[test]
fn equal_rows_are_neighbours_but_never_their_own() {
    let rows = vec![vec![3.0, 4.0]; 20];
    let classes: Vec<i32> = (0..20).map(|row| i32::from(row >= 7)).collect();
    let data = train(&rows, &classes);
    let plan = Smote::new().plan(&data).unwrap();
    assert_eq!(plan.synthetic().len(), 6);
    assert!(plan.synthetic().iter().all(|new| new.base != new.neighbor && new.base < 7 && new.neighbor < 7));
    let made = plan.apply(&data).unwrap();
    assert!(column::floats("x0", made.column("x0").unwrap()).unwrap().iter().all(|&x| x == 3.0));
}

#[test]
fn rows_of_weight_0_are_none() {
    let rows: Vec<Vec<f64>> = (0..12)
        .map(|row| vec![f64::from(row + 100 * i32::from(row >= 4)), f64::from(u8::from(row != 1))])
        .collect();
    let classes: Vec<i32> = (0..12).map(|row| i32::from(row >= 4)).collect();
    let data = train(&rows, &classes).weight("x1").unwrap();
    assert_eq!(ClassSizes::of(&data).unwrap().sizes(), [3, 8]);
    let plan = Smote::new().k_neighbors(2).plan(&data).unwrap();
    assert_eq!((plan.removed(), plan.synthetic().len()), (vec![1], 5));
    assert!(plan.synthetic().iter().all(|new| new.base != 1 && new.neighbor != 1));
    assert_eq!(plan.blended(), ["x0"]);
    let made = plan.apply(&data).unwrap();
    assert!(made.weights().unwrap().unwrap().iter().all(|&w| w == 1.0));
    assert_eq!(EditedNearestNeighbours::new().k_neighbors(1).plan(&data).unwrap().removed(), [1]);
    // A class of such rows alone is no class.
    let gone = train(&rows[1..], &[5, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1]).weight("x1").unwrap();
    assert_eq!(ClassSizes::of(&gone).unwrap().to_string(), "0: 3, 1: 7");
    assert_eq!(Smote::new().k_neighbors(2).plan(&gone).unwrap().synthetic().len(), 4);
}

/// Rows that are cut into many parts and searched leaf by leaf.
fn many() -> Dataset<Train> {
    let mut rng = mlsys_core::seed::stream(5, 5);
    let mut draw = || mlsys_core::seed::uniform(&mut rng);
    let rows: Vec<Vec<f64>> = (0..6000).map(|_| vec![draw(), draw(), draw(), draw()]).collect();
    let classes: Vec<i32> = (0..6000).map(|_| i32::from(draw() < 0.7)).collect();
    train(&rows, &classes)
}

#[test]
fn threads_do_not_matter() {
    let data = many();
    let plans = || -> Vec<Plan> {
        let near_miss = NearMiss::new(NearMissVersion::One);
        vec![
            Smote::new().plan(&data).unwrap(),
            TomekLinks::new().plan(&data).unwrap(),
            EditedNearestNeighbours::new().plan(&data).unwrap(),
            near_miss.plan(&data).unwrap(),
            BorderlineSmote::new().plan(&data).unwrap(),
            Adasyn::new().plan(&data).unwrap(),
            CondensedNearestNeighbour::new().plan(&data).unwrap(),
            OneSidedSelection::new().plan(&data).unwrap(),
            SmoteNc::new().plan(&data).unwrap(),
            SmoteEnn::new().plan(&data).unwrap(),
            KMeansSmote::new().threshold(9.0).plan(&data).unwrap(),
            ClusterCentroids::new()
                .max_rounds(5)
                .strategy(Strategy::counts([(1i64, 300)]))
                .plan(&data)
                .unwrap(),
            SmoothedBootstrap::new().plan(&data).unwrap(),
            SmoteTomek::new().plan(&data).unwrap(),
        ]
    };
    let expected = plans();
    let made = expected[0].apply(&data).unwrap();
    for threads in [1, 2, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(plans), expected);
        assert!(pool.install(|| expected[0].apply(&data)).unwrap().batch() == made.batch());
    }
    // Steps are as often short as long.
    let gaps: Vec<f64> = expected[0].synthetic().iter().map(|new| new.gap).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    assert!((mean - 0.5).abs() < 4.0 / (12.0 * gaps.len() as f64).sqrt(), "{mean}");
}

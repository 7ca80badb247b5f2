//! Under-sampling and cleaning: the numbers of imbalanced-learn 0.14.2 on its test tables, and naive implementations.

#![allow(clippy::unwrap_used)]

mod common;

use common::{grid, near, squared, train, twenty};
use mlsys_core::{Dataset, Train};
use mlsys_imbalance::{
    AllKnn, ClassSizes, EditedNearestNeighbours, NearMiss, NearMissVersion, NeighborVote,
    NeighbourhoodCleaningRule, PlanResample, RandomUnderSampler, RepeatedEditedNearestNeighbours, Strategy,
    TomekLinks,
};
use proptest::prelude::*;

/// The 15 rows of imbalanced-learn's `test_nearmiss.py`; class 0 is the smallest one of three.
fn fifteen() -> Dataset<Train> {
    let x = [
        (1.17737838, -0.2002118),
        (0.4960075, 0.86130762),
        (-0.05903827, 0.10947647),
        (0.91464286, 1.61369212),
        (-0.54619583, 1.73009918),
        (-0.60413357, 0.24628718),
        (0.45713638, 1.31069295),
        (-0.04032409, 3.01186964),
        (0.03142011, 0.12323596),
        (0.50701028, -0.17636928),
        (-0.80809175, -1.09917302),
        (-0.20497017, -0.26630228),
        (0.99272351, -0.11631728),
        (-1.95581933, 0.69609604),
        (1.15157493, -1.2981518),
    ];
    train(&x.map(|(a, b)| vec![a, b]), &[1, 2, 1, 0, 2, 1, 2, 2, 1, 2, 0, 0, 2, 1, 2])
}

fn removed(resampler: &impl PlanResample) -> Vec<u32> {
    resampler.plan(&twenty()).unwrap().removed()
}

#[test]
fn tomek_links_of_the_reference() {
    assert_eq!(removed(&TomekLinks::new()), [10, 14, 15]);
    assert_eq!(removed(&TomekLinks::new().strategy(Strategy::All)), [2, 10, 11, 14, 15, 17]);
}

#[test]
fn edited_nearest_neighbours_of_the_reference() {
    let all = EditedNearestNeighbours::new().vote(NeighborVote::All);
    assert_eq!(removed(&all), [0, 1, 8, 9, 10, 13, 14, 15, 16]);
    assert_eq!(removed(&EditedNearestNeighbours::new()), [8, 10]);
    let repeated = RepeatedEditedNearestNeighbours::new().vote(NeighborVote::All);
    assert_eq!(removed(&repeated), [0, 1, 8, 9, 10, 13, 14, 15, 16]);
    assert_eq!(removed(&AllKnn::new().vote(NeighborVote::All)), [0, 1, 8, 9, 10, 13, 14, 15, 16]);
}

#[test]
fn cleaned_neighbourhoods_of_the_reference() {
    assert_eq!(removed(&NeighbourhoodCleaningRule::new()), [0, 1, 8, 9, 10, 14, 15, 16]);
    // 13 rows are no more than twice 7.
    assert_eq!(removed(&NeighbourhoodCleaningRule::new().threshold(2.0)), [8, 10]);
}

#[test]
fn near_miss_of_the_reference() {
    let small = [2, 3, 4, 11, 12, 17, 19];
    let kept = |version| NearMiss::new(version).plan(&twenty()).unwrap().kept().to_vec();
    assert_eq!(kept(NearMissVersion::One), [&small[..], &[10, 15, 0, 1, 7, 9, 8]].concat());
    assert_eq!(kept(NearMissVersion::Two), [&small[..], &[10, 8, 15, 1, 9, 0, 7]].concat());
    assert_eq!(kept(NearMissVersion::Three), [&small[..], &[14, 16, 8, 9, 1, 0, 15]].concat());
}

#[test]
fn near_miss_of_three_classes() {
    let kept = |version| NearMiss::new(version).plan(&fifteen()).unwrap().kept().to_vec();
    assert_eq!(kept(NearMissVersion::One), [3, 10, 11, 2, 8, 5, 9, 1, 6]);
    assert_eq!(kept(NearMissVersion::Two), [3, 10, 11, 2, 8, 5, 9, 1, 6]);
    assert_eq!(kept(NearMissVersion::Three), [3, 10, 11, 0, 5, 8, 14, 4, 12]);
    let four = Strategy::counts([(1, 4), (2, 4)].map(|(class, n)| (i64::from(class), n)));
    let kept =
        |version| NearMiss::new(version).strategy(four.clone()).plan(&fifteen()).unwrap().kept().to_vec();
    assert_eq!(kept(NearMissVersion::One), [3, 10, 11, 2, 8, 5, 0, 9, 1, 6, 12]);
    assert_eq!(kept(NearMissVersion::Three), [3, 10, 11, 0, 5, 8, 2, 14, 4, 12, 6]);
}

#[test]
fn equal_rows_are_links() {
    // imbalanced-learn removes none of these.
    let pair = train(&[vec![1.0], vec![1.0], vec![5.0], vec![6.0]], &[0, 1, 0, 0]);
    assert_eq!(TomekLinks::new().strategy(Strategy::All).plan(&pair).unwrap().removed(), [0, 1]);
    assert_eq!(TomekLinks::new().plan(&pair).unwrap().removed(), [0]);
    let three = train(&[vec![1.0], vec![1.0], vec![1.0], vec![5.0], vec![6.0]], &[0, 0, 1, 0, 0]);
    assert_eq!(TomekLinks::new().strategy(Strategy::All).plan(&three).unwrap().removed(), [0, 1, 2]);
    // Equally near rows on both sides, one of the other class.
    let line = train(&[vec![0.0], vec![1.0], vec![2.0]], &[0, 0, 1]);
    assert_eq!(TomekLinks::new().strategy(Strategy::All).plan(&line).unwrap().removed(), [1, 2]);
}

#[test]
fn many_equal_rows_are_quick() {
    let rows: Vec<Vec<f64>> = (0..6000).map(|row| vec![f64::from(row % 3), 1.0]).collect();
    let classes: Vec<i32> = (0..6000).map(|row| i32::from(row % 3 == 0 && row % 2 == 0)).collect();
    let plan = TomekLinks::new().plan(&train(&rows, &classes)).unwrap();
    assert_eq!(plan.removed().len(), 1000);
    assert!(plan.removed().iter().all(|row| row % 3 == 0 && row % 2 == 1));
}

#[test]
fn under_sampling_draws_anew_with_each_seed() {
    let kept = |seed| RandomUnderSampler::new().seed(seed).plan(&twenty()).unwrap().kept().to_vec();
    assert_eq!(kept(1), kept(1));
    assert_ne!(kept(1), kept(2));
    assert!(kept(1).is_sorted());
    // Each row of the large class is as likely.
    let mut times = [0; 20];
    (0..2000).for_each(|seed| kept(seed).iter().for_each(|&row| times[row as usize] += 1));
    let large: Vec<i32> = [0, 1, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16, 18].map(|row: usize| times[row]).to_vec();
    assert!(large.iter().all(|&n| (950..1210).contains(&n)), "{large:?}");
    assert_eq!(times[2], 2000);
}

fn naive_links(rows: &[Vec<f64>], classes: &[i32]) -> Vec<u32> {
    let least: Vec<f64> = (0..rows.len()).map(|row| near(rows, row, 1, |_| true)[0].0).collect();
    let linked = |a: usize| {
        (0..rows.len()).any(|b| {
            let distance = squared(&rows[a], &rows[b]).unwrap();
            classes[a] != classes[b] && distance <= least[a] && distance <= least[b]
        })
    };
    (0..rows.len()).filter(|&row| linked(row)).map(|row| row as u32).collect()
}

proptest! {
    #[test]
    fn links_are_by_definition((rows, classes) in grid()) {
        let data = train(&rows, &classes);
        prop_assume!(ClassSizes::of(&data).is_ok());
        let expected = naive_links(&rows, &classes);
        let found = TomekLinks::new().strategy(Strategy::All).plan(&data).unwrap().removed();
        prop_assert_eq!(&found, &expected);
        let small = ClassSizes::of(&data).unwrap().minority().as_f64().unwrap() as i32;
        let spared: Vec<u32> = expected.into_iter().filter(|&row| classes[row as usize] != small).collect();
        prop_assert_eq!(TomekLinks::new().plan(&data).unwrap().removed(), spared);
    }

    #[test]
    fn edited_by_definition((rows, classes) in grid(), k in 1usize..6) {
        let data = train(&rows, &classes);
        prop_assume!(ClassSizes::of(&data).is_ok());
        let count = |near: &[(f64, usize)], class: i32| near.iter().filter(|(_, n)| classes[*n] == class).count();
        let (mut all, mut mode) = (Vec::new(), Vec::new());
        for (row, &class) in classes.iter().enumerate() {
            let near = near(&rows, row, k, |_| true);
            let own = count(&near, class);
            if own < near.len() {
                all.push(row as u32);
            }
            if (0..3).any(|class| count(&near, class) > own) {
                mode.push(row as u32);
            }
        }
        let enn = EditedNearestNeighbours::new().k_neighbors(k).strategy(Strategy::All);
        prop_assert_eq!(enn.plan(&data).unwrap().removed(), mode);
        prop_assert_eq!(enn.vote(NeighborVote::All).plan(&data).unwrap().removed(), all);
    }

    #[test]
    fn edited_by_each_number_of_neighbours((rows, classes) in grid(), k in 1usize..6) {
        let data = train(&rows, &classes);
        prop_assume!(ClassSizes::of(&data).is_ok());
        let mut expected = std::collections::BTreeSet::new();
        for k in 1..=k {
            let one = EditedNearestNeighbours::new().k_neighbors(k).strategy(Strategy::All);
            expected.extend(one.plan(&data).unwrap().removed());
        }
        let found = AllKnn::new().k_neighbors(k).strategy(Strategy::All).plan(&data).unwrap().removed();
        prop_assert!(found.into_iter().eq(expected));
    }

    #[test]
    fn edited_again_and_again((rows, classes) in grid(), k in 1usize..4, rounds in 1usize..5) {
        let data = train(&rows, &classes);
        prop_assume!(ClassSizes::of(&data).is_ok());
        let sizes = ClassSizes::of(&data).unwrap();
        let least = *sizes.sizes().iter().min().unwrap();
        let (mut left, mut last) = (data.clone(), 0);
        while last < rounds && left.n_rows() > k {
            let Ok(now) = ClassSizes::of(&left) else { break };
            let whole = now.classes().len() == sizes.classes().len();
            let others = now.classes().iter().zip(now.sizes()).filter(|(class, _)| *class != sizes.minority());
            if !whole || others.into_iter().any(|(_, &size)| size < least) {
                break;
            }
            // Who is spared is settled at first.
            let spared = Strategy::Classes(sizes.classes().iter().filter(|&class| class != sizes.minority()).cloned().collect());
            let once = EditedNearestNeighbours::new().k_neighbors(k).strategy(spared);
            left = once.plan(&left).unwrap().apply(&left).unwrap();
            last += 1;
        }
        let repeated = RepeatedEditedNearestNeighbours::new().k_neighbors(k).max_rounds(rounds);
        let found = repeated.plan(&data).unwrap().apply(&data).unwrap();
        prop_assert_eq!(found.row_ids(), left.row_ids());
    }

    #[test]
    fn neighbourhoods_by_definition((rows, classes) in grid(), k in 1usize..5, threshold in prop::sample::select(vec![0.0, 0.5, 1.0, 1.5])) {
        let data = train(&rows, &classes);
        prop_assume!(ClassSizes::of(&data).is_ok());
        let sizes = ClassSizes::of(&data).unwrap();
        let small = sizes.minority().as_f64().unwrap() as i32;
        let count = |among: &[usize], class: i32| among.iter().filter(|row| classes[**row] == class).count();
        let every: Vec<usize> = (0..rows.len()).collect();
        let mut gone = vec![false; rows.len()];
        for (row, &class) in classes.iter().enumerate() {
            let near: Vec<usize> = near(&rows, row, k, |_| true).into_iter().map(|n| n.1).collect();
            let wrong = (0..3).any(|other| count(&near, other) > count(&near, class));
            if wrong && class != small {
                gone[row] = true;
            }
            if wrong && class == small {
                for other in near {
                    let large = count(&every, classes[other]) as f64 > threshold * count(&every, small) as f64;
                    gone[other] |= large && classes[other] != small;
                }
            }
        }
        let expected: Vec<u32> = (0..).zip(gone).filter(|(_, gone)| *gone).map(|(row, _)| row).collect();
        let rule = NeighbourhoodCleaningRule::new().k_neighbors(k).threshold(threshold);
        prop_assert_eq!(rule.plan(&data).unwrap().removed(), expected);
    }

    #[test]
    fn near_misses_by_definition((rows, classes) in grid(), k in 1usize..4, shortlist in 1usize..4) {
        let data = train(&rows, &classes);
        prop_assume!(ClassSizes::of(&data).is_ok());
        let sizes = ClassSizes::of(&data).unwrap();
        let bottom = *sizes.sizes().iter().min().unwrap();
        prop_assume!(bottom >= k);
        let small = sizes.minority().as_f64().unwrap() as i32;
        let mean = |far: &[(f64, usize)]| far.iter().map(|(d, _)| d.sqrt()).sum::<f64>() / far.len() as f64;
        for version in [NearMissVersion::One, NearMissVersion::Two, NearMissVersion::Three] {
            let mut expected = Vec::new();
            for class in sizes.classes() {
                let class = class.as_f64().unwrap() as i32;
                let own: Vec<usize> = (0..rows.len()).filter(|&row| classes[row] == class).collect();
                if own.len() == bottom {
                    expected.extend(own.iter().map(|&row| row as u32));
                    continue;
                }
                let of_small = |row: usize| near(&rows, row, usize::MAX, |other| classes[other] == small);
                let listed = |row: usize| {
                    let lists = |from: usize| near(&rows, from, shortlist, |other| classes[other] == class);
                    (0..rows.len()).any(|from| classes[from] == small && lists(from).iter().any(|n| n.1 == row))
                };
                let mut ranked: Vec<(f64, usize)> = match version {
                    NearMissVersion::One => own.iter().map(|&row| (mean(&of_small(row)[..k]), row)).collect(),
                    NearMissVersion::Two => own.iter().map(|&row| (mean(&of_small(row)[bottom - k..]), row)).collect(),
                    NearMissVersion::Three => own.iter().filter(|&&row| listed(row)).map(|&row| (-mean(&of_small(row)[..k]), row)).collect(),
                };
                ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
                expected.extend(ranked.iter().take(bottom).map(|(_, row)| *row as u32));
            }
            let found = NearMiss::new(version).k_neighbors(k).shortlist(shortlist).plan(&data).unwrap();
            prop_assert_eq!(found.kept(), expected);
        }
    }
}

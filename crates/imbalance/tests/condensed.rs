//! Condensing: the numbers of imbalanced-learn 0.14.2, and naive implementations.

#![allow(clippy::unwrap_used)]

mod common;

use common::{grid, near, squared, train, twenty};
use mlsys_core::{Dataset, ErrorKind, Train};
use mlsys_imbalance::{
    ClassSizes, CondensedNearestNeighbour, CondensedPasses, OneSidedSelection, PlanResample, Strategy,
    TomekLinks,
};
use mlsys_neighbors::Metric;
use proptest::prelude::*;

#[test]
fn condensed_like_the_reference() {
    let once =
        |passes| CondensedNearestNeighbour::new().passes(passes).first_rows([18]).plan(&twenty()).unwrap();
    assert_eq!(once(CondensedPasses::ImbalancedLearn).removed(), [6, 7, 8, 14, 15]);
    // It mixes numbers of rows with numbers within the class: rows 8, 14 and 15 are wrong in the end.
    assert_eq!(once(CondensedPasses::One).removed(), [6, 7]);
    assert_eq!(once(CondensedPasses::UntilConsistent).removed(), [6, 7]);
    let selection = OneSidedSelection::new().first_rows([18]);
    assert_eq!(selection.plan(&twenty()).unwrap().removed(), [6, 10, 14, 15]);
}

#[test]
fn a_second_pass_finds_what_the_first_spoilt() {
    // 3 is nearest to 1 in the store, and right; then 5 joins, 4 after it, and so on.
    let rows: Vec<Vec<f64>> = [0.0, 4.0, 3.0, 10.0, 7.5].iter().map(|&x| vec![x]).collect();
    let classes = [0, 1, 0, 1, 0];
    let data = train(&rows, &classes);
    let condense = CondensedNearestNeighbour::new().strategy(Strategy::All).first_rows([0]);
    let kept = |condense: &CondensedNearestNeighbour| condense.plan(&data).unwrap().kept().to_vec();
    // 4 joins, then 3 and 7.5 do, being nearer to 4 than to 0, and 10 is nearest to 4.
    assert_eq!(kept(&condense.clone().passes(CondensedPasses::One)), [0, 1, 2, 4]);
    // Now 10 is nearest to 7.5, which is of the other class.
    assert_eq!(kept(&condense), [0, 1, 2, 3, 4]);
}

#[test]
fn rows_that_share_no_column_with_the_store() {
    let gap = f64::NAN;
    let rows = [[1.0, gap], [2.0, gap], [gap, 1.0], [gap, 1.5], [3.0, gap], [9.0, gap]].map(Vec::from);
    let data = train(&rows, &[0, 0, 1, 1, 1, 1]);
    let condense = CondensedNearestNeighbour::new().first_rows([5]);
    // 3 joins at once, the first of the rows that have the other column alone does, and tells the second.
    assert_eq!(condense.plan(&data).unwrap().removed(), [3]);
    assert_eq!(OneSidedSelection::new().first_rows([5]).plan(&data).unwrap().kept(), [0, 1, 2, 3, 5]);
    // Without a first row the first one that is looked at joins.
    let none = CondensedNearestNeighbour::new().first_rows([]).strategy(Strategy::All);
    assert_eq!(none.plan(&train(&[vec![1.0], vec![2.0], vec![3.0]], &[0, 0, 1])).unwrap().removed(), [1]);
}

#[test]
fn first_rows_are_drawn_by_seed_or_given_by_id() {
    let data = twenty();
    let kept = |seed| OneSidedSelection::new().seed(seed).plan(&data).unwrap().kept().to_vec();
    assert_eq!(kept(3), kept(3));
    let different: std::collections::BTreeSet<Vec<u32>> = (0..40).map(kept).collect();
    assert!(different.len() > 3);
    let given = |id| OneSidedSelection::new().first_rows([id]).plan(&data).unwrap().kept().to_vec();
    let rows = [0, 1, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16, 18];
    assert!(different.iter().all(|kept| rows.iter().any(|&id| given(id) == *kept)));
    // Ids, not places.
    let shifted = data.take(&[19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]).unwrap();
    let removed = OneSidedSelection::new().first_rows([18]).plan(&shifted).unwrap().removed();
    assert_eq!(removed, [4, 5, 9, 13]);
    let error = CondensedNearestNeighbour::new().first_rows([20]).plan(&data).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::InvalidParameter { name, .. } if name == "first_rows"),
        "{error}"
    );
}

/// Hart's rule, row by row.
fn condensed(rows: &[Vec<f64>], classes: &[i32], first: &[usize], passes: usize) -> Vec<u32> {
    let mut stored = vec![false; rows.len()];
    first.iter().for_each(|&row| stored[row] = true);
    for _ in 0..passes {
        let before = stored.clone();
        for row in 0..rows.len() {
            if !stored[row] {
                let nearest = near(rows, row, 1, |other| stored[other]);
                stored[row] = nearest.first().is_none_or(|n| classes[n.1] != classes[row]);
            }
        }
        if stored == before {
            break;
        }
    }
    (0..).zip(stored).filter(|(_, stored)| *stored).map(|(row, _)| row).collect()
}

fn rows_of_least(data: &Dataset<Train>, classes: &[i32]) -> (i32, Vec<usize>) {
    let small = ClassSizes::of(data).unwrap().minority().as_f64().unwrap() as i32;
    (small, (0..classes.len()).filter(|&row| classes[row] == small).collect())
}

proptest! {
    #[test]
    fn condensed_by_definition((rows, classes) in grid(), first in any::<prop::sample::Index>(), all in any::<bool>()) {
        let data = train(&rows, &classes);
        prop_assume!(ClassSizes::of(&data).is_ok());
        let start = first.index(rows.len());
        let mut first = if all { Vec::new() } else { rows_of_least(&data, &classes).1 };
        first.push(start);
        let strategy = if all { Strategy::All } else { Strategy::Auto };
        let condense = CondensedNearestNeighbour::new().first_rows([start as u64]).strategy(strategy);
        let plan = condense.plan(&data).unwrap();
        prop_assert_eq!(plan.kept(), condensed(&rows, &classes, &first, usize::MAX));
        // All rows that are left out are classified as what they are.
        for row in plan.removed() {
            let nearest = near(&rows, row as usize, 1, |other| plan.kept().contains(&(other as u32)));
            prop_assert_eq!(classes[nearest[0].1], classes[row as usize]);
        }
        let once = condense.passes(CondensedPasses::One).plan(&data).unwrap();
        prop_assert_eq!(once.kept(), condensed(&rows, &classes, &first, 1));
    }

    #[test]
    fn selected_by_definition((rows, classes) in grid(), first in any::<prop::sample::Index>()) {
        let data = train(&rows, &classes);
        prop_assume!(ClassSizes::of(&data).is_ok());
        let start = first.index(rows.len());
        let (small, mut store) = rows_of_least(&data, &classes);
        store.push(start);
        let stays = |row: usize| store.contains(&row) || classes[near(&rows, row, 1, |other| store.contains(&other))[0].1] != classes[row];
        let left: Vec<usize> = (0..rows.len()).filter(|&row| stays(row)).collect();
        let among = data.take(&left).unwrap();
        prop_assume!(ClassSizes::of(&among).is_ok());
        let large = Strategy::Classes(ClassSizes::of(&data).unwrap().classes().iter().filter(|c| c.as_f64() != Some(f64::from(small))).cloned().collect());
        let large = match large {
            Strategy::Classes(classes) => Strategy::Classes(classes.into_iter().filter(|c| ClassSizes::of(&among).unwrap().classes().contains(c)).collect()),
            other => other,
        };
        let links = TomekLinks::new().strategy(large).plan(&among).unwrap().apply(&among).unwrap();
        let found = OneSidedSelection::new().first_rows([start as u64]).plan(&data).unwrap().apply(&data).unwrap();
        prop_assert_eq!(found.row_ids(), links.row_ids());
    }
}

/// Many blocks, many passes, ties and equal rows; `squared` in place of an index.
#[test]
fn many_rows_by_definition() {
    let mut rng = mlsys_core::seed::stream(3, 3);
    let mut draw = || mlsys_core::seed::uniform(&mut rng);
    let rows: Vec<Vec<f64>> =
        (0..2500).map(|_| vec![(draw() * 40.0).floor(), (draw() * 40.0).floor()]).collect();
    let classes: Vec<i32> =
        rows.iter().map(|row| i32::from(row[0] + row[1] > 25.0 + draw() * 20.0)).collect();
    let data = train(&rows, &classes);
    let start = 7;
    // The nearest in the store is kept up to date, row by row.
    let mut stored = vec![false; 2500];
    let mut nearest: Vec<(f64, usize)> = vec![(f64::INFINITY, usize::MAX); 2500];
    let join = |row: usize, stored: &mut Vec<bool>, nearest: &mut Vec<(f64, usize)>| {
        stored[row] = true;
        for (other, nearest) in nearest.iter_mut().enumerate() {
            let new = (squared(&rows[row], &rows[other]).unwrap(), row);
            if new < *nearest {
                *nearest = new;
            }
        }
    };
    join(start, &mut stored, &mut nearest);
    let mut passes = Vec::new();
    loop {
        let before = stored.clone();
        for row in 0..2500 {
            if !stored[row] && classes[nearest[row].1] != classes[row] {
                join(row, &mut stored, &mut nearest);
            }
        }
        if stored == before {
            break;
        }
        passes.push((0..2500).filter(|&row| stored[row as usize]).collect::<Vec<u32>>());
    }
    assert!(passes.len() > 2, "{}", passes.len());
    let condense = CondensedNearestNeighbour::new().first_rows([start as u64]).strategy(Strategy::All);
    assert_eq!(condense.plan(&data).unwrap().kept(), passes.last().unwrap());
    assert_eq!(condense.clone().passes(CondensedPasses::One).plan(&data).unwrap().kept(), passes[0]);
    // A metric whose start is found by the tree.
    let manhattan = condense.clone().metric(Metric::Manhattan).plan(&data).unwrap();
    assert!(manhattan.kept().len() < 2500 && manhattan != condense.plan(&data).unwrap());
}

//! Borderline-SMOTE and ADASYN against naive implementations.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{grid, near, train, twenty};
use mlsys_core::{ErrorKind, column};
use mlsys_imbalance::{
    Adasyn, BorderlineSmote, BorderlineVersion, ClassSizes, PlanResample, Strategy, Synthetic,
};
use proptest::prelude::*;

#[test]
fn the_border_of_the_reference() {
    // All seven rows of the smaller class are in danger.
    let fourteen = Strategy::counts([(0i64, 14)]);
    let plan = BorderlineSmote::new().strategy(fourteen).plan(&twenty()).unwrap();
    let mut bases: Vec<u32> = plan.synthetic().iter().map(|new| new.base).collect();
    bases.sort_unstable();
    assert_eq!(bases, [2, 3, 4, 11, 12, 17, 19]);
}

#[test]
fn the_second_version_goes_less_than_half_of_the_way_out() {
    // 0 1 2 | 3 4 5 ..: the row at 2 is at the border, whose nearest others are 1 and, of the other class, 3.
    let rows: Vec<Vec<f64>> = (0..9).map(|x| vec![f64::from(x)]).collect();
    let classes = [0, 0, 0, 1, 1, 1, 1, 1, 1];
    let border = BorderlineSmote::new().k_neighbors(1).m_neighbors(2).version(BorderlineVersion::Two);
    let data = train(&rows, &classes);
    let plan = border.strategy(Strategy::counts([(0i64, 1003)])).plan(&data).unwrap();
    let (out, inwards): (Vec<&Synthetic>, Vec<&Synthetic>) =
        plan.synthetic().iter().partition(|new| new.neighbor == 3);
    assert!(plan.synthetic().iter().all(|new| new.base == 2));
    assert!(inwards.iter().all(|new| new.neighbor == 1 && (0.0..1.0).contains(&new.gap)));
    assert!(out.iter().all(|new| (0.0..0.5).contains(&new.gap)));
    assert!(inwards.iter().any(|new| new.gap > 0.9) && out.iter().any(|new| new.gap > 0.45));
    // One of two candidates, each as likely.
    assert!((440..560).contains(&out.len()), "{}", out.len());
    let made = plan.apply(&data).unwrap();
    let x = column::floats("x0", made.column("x0").unwrap()).unwrap();
    assert!(x[9..].iter().all(|x| (1.0..2.5).contains(x)));
    let y = column::floats("y", made.column("y").unwrap()).unwrap();
    assert!(y[9..].iter().all(|&y| y == 0.0));
}

proptest! {
    #[test]
    fn borders_by_definition((rows, classes) in grid(), k in 1usize..4, m in 2usize..8, two in any::<bool>(), seed in any::<u64>()) {
        let data = train(&rows, &classes);
        prop_assume!(ClassSizes::of(&data).is_ok());
        let sizes = ClassSizes::of(&data).unwrap();
        let top = *sizes.sizes().iter().max().unwrap();
        prop_assume!(sizes.sizes().iter().all(|&size| size > k) && rows.len() > m);
        let enemies = |row: usize| near(&rows, row, m, |_| true).into_iter().map(|n| n.1).filter(|&n| classes[n] != classes[row]).collect::<Vec<_>>();
        let danger = |row: usize| (m..2 * m).contains(&(2 * enemies(row).len()));
        let version = if two { BorderlineVersion::Two } else { BorderlineVersion::One };
        let smote = BorderlineSmote::new().version(version).k_neighbors(k).m_neighbors(m).seed(seed);
        let grows: Vec<i32> = sizes.classes().iter().zip(sizes.sizes()).filter(|(_, size)| **size < top).map(|(class, _)| class.as_f64().unwrap() as i32).collect();
        let bases: BTreeMap<i32, Vec<usize>> = grows.iter().map(|&class| (class, (0..rows.len()).filter(|&row| classes[row] == class && danger(row)).collect())).collect();
        if bases.values().any(Vec::is_empty) {
            let error = smote.plan(&data).unwrap_err();
            let none = matches!(error.kind(), ErrorKind::TooFewRows { need: 1, found: 0, .. });
            prop_assert!(none, "{}", error);
            return Ok(());
        }
        let plan = smote.plan(&data).unwrap();
        prop_assert!(ClassSizes::of(&plan.apply(&data).unwrap()).unwrap().sizes().iter().all(|&size| size == top));
        let mut used: BTreeMap<usize, usize> = BTreeMap::new();
        for new in plan.synthetic() {
            let (base, neighbor) = (new.base as usize, new.neighbor as usize);
            *used.entry(base).or_default() += 1;
            if classes[neighbor] == classes[base] {
                let own = near(&rows, base, k, |row| classes[row] == classes[base]);
                prop_assert!(own.iter().any(|n| n.1 == neighbor) && (0.0..1.0).contains(&new.gap));
            } else {
                prop_assert!(two && enemies(base)[0] == neighbor && (0.0..0.5).contains(&new.gap));
            }
        }
        for (class, bases) in &bases {
            let new = top - classes.iter().filter(|&other| other == class).count();
            let times = |row: &usize| used.get(row).copied().unwrap_or(0);
            prop_assert!(bases.iter().map(times).all(|n| n == new / bases.len() || n == new.div_ceil(bases.len())));
            prop_assert_eq!(bases.iter().map(times).sum::<usize>(), new);
        }
    }

    #[test]
    fn hard_rows_by_definition((rows, classes) in grid(), k in 1usize..6, seed in any::<u64>()) {
        let data = train(&rows, &classes);
        prop_assume!(ClassSizes::of(&data).is_ok());
        let sizes = ClassSizes::of(&data).unwrap();
        let top = *sizes.sizes().iter().max().unwrap();
        prop_assume!(sizes.sizes().iter().all(|&size| size > k));
        let adasyn = Adasyn::new().k_neighbors(k).seed(seed);
        let hard = |row: usize| near(&rows, row, k, |_| true).into_iter().filter(|n| classes[n.1] != classes[row]).count();
        let all: Vec<(usize, f64)> = (0..rows.len()).filter_map(|row| {
            let own: Vec<usize> = (0..rows.len()).filter(|&other| classes[other] == classes[row]).collect();
            let total: usize = own.iter().map(|&row| hard(row)).sum();
            (own.len() < top).then(|| (row, (top - own.len()) as f64 * hard(row) as f64 / total as f64))
        }).collect();
        if all.iter().any(|(_, expected)| expected.is_nan()) {
            let error = adasyn.plan(&data).unwrap_err();
            let none = matches!(error.kind(), ErrorKind::TooFewRows { need: 1, found: 0, .. });
            prop_assert!(none, "{}", error);
            return Ok(());
        }
        let plan = adasyn.plan(&data).unwrap();
        prop_assert!(ClassSizes::of(&plan.apply(&data).unwrap()).unwrap().sizes().iter().all(|&size| size == top));
        for (row, expected) in all {
            let times = plan.synthetic().iter().filter(|new| new.base as usize == row).count();
            prop_assert!((times as f64 - expected).abs() < 1.0, "{} of {}", times, expected);
        }
        let mut gaps = BTreeSet::new();
        for new in plan.synthetic() {
            let (base, neighbor) = (new.base as usize, new.neighbor as usize);
            let own = near(&rows, base, k, |row| classes[row] == classes[base]);
            prop_assert!(own.iter().any(|n| n.1 == neighbor) && (0.0..1.0).contains(&new.gap));
            prop_assert!(gaps.insert(new.gap.to_bits()));
        }
    }
}

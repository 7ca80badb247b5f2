//! Groups stay whole, shares are kept, and what cannot be is refused by name.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use mlsys_core::{Coded, Dataset, ErrorKind, Fold, Folds, Train};
use mlsys_sampling::{
    GroupKFold, MissingGroup, Shuffle, StratifiedGroupKFold, group_k_fold, group_split,
    stratified_group_k_fold, stratified_group_split,
};
use proptest::prelude::*;

fn coded(labels: &[u8]) -> Coded {
    Coded::new("g", &Int64Array::from_iter_values(labels.iter().map(|&y| i64::from(y)))).unwrap()
}

fn assert_whole(groups: &[u8], train: &[usize], held_back: &[usize]) {
    let known: BTreeSet<u8> = train.iter().map(|&row| groups[row]).collect();
    assert!(held_back.iter().all(|&row| !known.contains(&groups[row])), "a group is on both sides");
}

fn assert_folds(groups: &[u8], folds: &[Fold]) {
    let mut seen: Vec<usize> = folds.iter().flat_map(|fold| fold.validation().to_vec()).collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..groups.len()).collect::<Vec<_>>(), "each row is validated on once");
    folds.iter().for_each(|fold| assert_whole(groups, fold.train(), fold.validation()));
}

proptest! {
    #[test]
    fn groups_are_whole_in_folds(groups in prop::collection::vec(0u8..20, 20..200), k in 2usize..6, seed: u64) {
        for shuffle in [Shuffle::Off, Shuffle::On] {
            let Ok(folds) = group_k_fold(&coded(&groups), k, shuffle, seed) else { return Ok(()) };
            assert_folds(&groups, &folds);
            // The greedy rule leaves no fold heavier than the lightest by more than one group.
            let sizes: Vec<usize> = folds.iter().map(|fold| fold.validation().len()).collect();
            let largest = (0..20).map(|g| groups.iter().filter(|&&other| other == g).count()).max().unwrap();
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= largest);
        }
    }

    #[test]
    fn groups_are_whole_in_splits(groups in prop::collection::vec(0u8..40, 20..200), share in 0.05f64..0.95, seed: u64) {
        let Ok((train, test)) = group_split(&coded(&groups), share, seed) else { return Ok(()) };
        prop_assert_eq!(train.len() + test.len(), groups.len());
        prop_assert!(!train.is_empty() && !test.is_empty());
        assert_whole(&groups, &train, &test);
        // No single group could change sides and bring the share nearer.
        let size = |group: u8| groups.iter().filter(|&&other| other == group).count() as f64;
        let off = test.len() as f64 - share * groups.len() as f64;
        let known: BTreeSet<u8> = test.iter().map(|&row| groups[row]).collect();
        let others: BTreeSet<u8> = train.iter().map(|&row| groups[row]).collect();
        if known.len() > 1 {
            prop_assert!(known.iter().all(|&group| (off - size(group)).abs() > off.abs() - 1e-6), "{off}");
        }
        if others.len() > 1 {
            prop_assert!(others.iter().all(|&group| (off + size(group)).abs() > off.abs() - 1e-6), "{off}");
        }
        // Neither the coding of the groups nor the order of the rows matters.
        prop_assert_eq!(&group_split(&coded(&groups).sorted(), share, seed).unwrap().1, &test);
        let reversed: Vec<u8> = groups.iter().rev().copied().collect();
        let (_, mirrored) = group_split(&coded(&reversed), share, seed).unwrap();
        let back: Vec<usize> = mirrored.iter().rev().map(|&row| groups.len() - 1 - row).collect();
        prop_assert_eq!(&back, &test);
    }

    #[test]
    fn stratified_groups_do_not_depend_on_the_coding(rows in prop::collection::vec((0u8..3, 0u8..15), 40..150), seed: u64) {
        let (classes, groups): (Vec<u8>, Vec<u8>) = rows.into_iter().unzip();
        let (y, g) = (coded(&classes), coded(&groups));
        for shuffle in [Shuffle::Off, Shuffle::On] {
            let Ok(folds) = stratified_group_k_fold(&y, &g, 3, shuffle, seed) else { return Ok(()) };
            assert_folds(&groups, &folds);
            prop_assert_eq!(&folds, &stratified_group_k_fold(&y.clone().sorted(), &g.clone().sorted(), 3, shuffle, seed).unwrap());
        }
    }
}

/// Sixty groups of five rows, every third of one class: in scikit-learn up to 1.7.2 shuffling spread the shares of five
/// folds by a third.
#[test]
fn shuffled_folds_keep_class_shares() {
    let groups: Vec<u8> = (0..300).map(|row| (row / 5) as u8).collect();
    let classes: Vec<u8> = groups.iter().map(|group| u8::from(group % 3 == 0)).collect();
    let mut different = BTreeSet::new();
    for seed in 0..20 {
        let folds = stratified_group_k_fold(&coded(&classes), &coded(&groups), 5, Shuffle::On, seed).unwrap();
        assert_folds(&groups, &folds);
        for fold in &folds {
            let positive = fold.validation().iter().filter(|&&row| classes[row] == 1).count();
            // 12 whole groups, 4 of them positive: 20 of 60 rows, exactly a third.
            assert_eq!((positive, fold.validation().len()), (20, 60), "seed {seed}");
        }
        different.insert(folds[0].validation().to_vec());
    }
    assert!(different.len() > 15, "seeds make {} different folds", different.len());
}

fn table(teams: Vec<Option<&str>>) -> Dataset<Train> {
    let late: BooleanArray = (0..teams.len()).map(|row| Some(row % 2 == 0)).collect();
    let columns: [(&str, ArrayRef); 2] =
        [("team", Arc::new(StringArray::from(teams))), ("late", Arc::new(late))];
    let data = Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap();
    data.target("late").unwrap().group("team").unwrap().into_train_all()
}

#[test]
fn missing_groups_are_refused_or_a_group_each() {
    let data = table(vec![Some("a"), None, Some("b"), None, Some("a"), Some("b")]);
    let error = GroupKFold::new(2).folds(&data).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MissingValues { count: 2, .. }), "{error}");
    assert!(StratifiedGroupKFold::new(2).folds(&data).is_err());
    let each = GroupKFold::new(4).missing(MissingGroup::Each).folds(&data).unwrap();
    let sizes: BTreeSet<Vec<usize>> = each.iter().map(|fold| fold.validation().to_vec()).collect();
    assert_eq!(sizes, BTreeSet::from([vec![0, 4], vec![1], vec![2, 5], vec![3]]));
}

#[test]
fn too_few_groups_are_named() {
    let one = table(vec![Some("a"); 6]);
    let error = GroupKFold::new(2).folds(&one).unwrap_err().to_string();
    assert_eq!(error, "`groups` must be two groups or more, to keep one back, got 1");
    let three = table(vec![Some("a"), Some("b"), Some("c"), Some("a"), Some("b"), Some("c")]);
    let error = GroupKFold::new(4).folds(&three).unwrap_err().to_string();
    assert!(error.contains("`n_folds` of GroupKFold must be at most 3, the number of groups"), "{error}");
    let error = StratifiedGroupKFold::new(4).folds(&three).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidParameter { .. }), "{error}");
    let rare = coded(&[0, 0, 0, 0, 0, 1]);
    let error = stratified_group_k_fold(&rare, &coded(&[0, 1, 2, 3, 4, 5]), 3, Shuffle::Off, 0).unwrap_err();
    assert!(
        error.to_string().contains("class `1` (bin a continuous target first) needs at least 3 rows"),
        "{error}"
    );
    let empty = table(vec![]);
    assert!(GroupKFold::new(2).folds(&empty).is_err() && StratifiedGroupKFold::new(2).folds(&empty).is_err());
    assert!(stratified_group_k_fold(&rare, &coded(&[0, 1]), 2, Shuffle::Off, 0).is_err());
}

/// Groups of one to thirty rows that differ in their share of a rare class: the shares of both sides come out within
/// one row of a hundred of the rare class.
#[test]
fn stratified_group_splits_keep_shares() {
    let mut groups = Vec::new();
    let mut classes = Vec::new();
    for group in 0..200u8 {
        for row in 0..(1 + usize::from(group) * 7 % 30) {
            groups.push(group);
            classes.push(u8::from(row % 10 == 0 && group % 3 != 0));
        }
    }
    for (seed, share) in [(0, 0.25), (1, 0.25), (2, 0.5), (3, 0.1)] {
        let (train, test) = stratified_group_split(&coded(&classes), &coded(&groups), share, seed).unwrap();
        assert_whole(&groups, &train, &test);
        let rare = |rows: &[usize]| rows.iter().filter(|&&row| classes[row] == 1).count() as f64;
        let all = rare(&train) + rare(&test);
        assert!((rare(&test) / all - share).abs() < 0.01, "seed {seed}: {} of {all}", rare(&test));
        assert!((test.len() as f64 / groups.len() as f64 - share).abs() < 0.01, "seed {seed}");
    }
    let (_, a) = stratified_group_split(&coded(&classes), &coded(&groups), 0.25, 0).unwrap();
    let (_, b) = stratified_group_split(&coded(&classes), &coded(&groups), 0.25, 1).unwrap();
    assert_ne!(a, b, "seeds make different splits");
}

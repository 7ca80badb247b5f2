//! Relations that must hold, and agreement with naive implementations.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, StringArray};
use mlsys_core::arrow::datatypes::{DataType, Field};
use mlsys_stats::{
    Column, ColumnStatistic, Counts, Exactness, Infinite, Kll, Moments, MomentsSummary, Quantiles,
};
use proptest::prelude::*;

fn array(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

fn moments(values: &[f64], weights: Option<&[f64]>) -> MomentsSummary {
    Moments::new().of("x", &array(values), weights).unwrap()
}

/// The quantile of a sorted copy.
fn naive_quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let h = (sorted.len() - 1) as f64 * q;
    let (low, high) = (sorted[h.floor() as usize], sorted[h.ceil() as usize]);
    low + (h - h.floor()) * (high - low)
}

fn close(a: f64, b: f64, scale: f64) -> bool {
    (a - b).abs() <= 1e-9 * (scale + b.abs())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn moments_agree_with_two_passes(values in prop::collection::vec(-1e3..1e3f64, 1..200)) {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let power = |k| values.iter().map(|x| (x - mean).powi(k)).sum::<f64>();
        let found = moments(&values, None);
        prop_assert!(close(found.mean(), mean, 1e3));
        prop_assert!(close(found.m2(), power(2), 1e3));
        prop_assert!(close(found.m3(), power(3), 1e9));
        prop_assert!(close(found.m4(), power(4), 1e3));
    }

    #[test]
    fn moments_follow_shift_and_scale(values in prop::collection::vec(-10.0..10.0f64, 2..100), shift in -1e6..1e6f64) {
        let shifted: Vec<f64> = values.iter().map(|x| x + shift).collect();
        let doubled: Vec<f64> = values.iter().map(|x| 2.0 * x).collect();
        let (a, b, c) = (moments(&values, None), moments(&shifted, None), moments(&doubled, None));
        prop_assert!((a.m2() - b.m2()).abs() <= 1e-6 * (1.0 + a.m2()));
        prop_assert_eq!(c.m2(), 4.0 * a.m2());
        prop_assert_eq!(c.m4(), 16.0 * a.m4());
    }

    #[test]
    fn quantiles_agree_with_sorting(values in prop::collection::vec(-50i32..50, 1..150), q in 0.0..1.0f64) {
        let values: Vec<f64> = values.into_iter().map(f64::from).collect();
        let found = Quantiles::new().of("x", &array(&values), None).unwrap().quantile(q).unwrap();
        prop_assert!((found - naive_quantile(&values, q)).abs() < 1e-9);
    }

    #[test]
    fn quantiles_ascend_and_negate(values in prop::collection::vec(-1e3..1e3f64, 1..100)) {
        let found = Quantiles::new().of("x", &array(&values), None).unwrap();
        let qs: Vec<f64> = (0..=20).map(|i| found.quantile(f64::from(i) / 20.0).unwrap()).collect();
        prop_assert!(qs.is_sorted());
        let negated: Vec<f64> = values.iter().map(|x| -x).collect();
        let median = Quantiles::new().of("x", &array(&negated), None).unwrap().median().unwrap();
        prop_assert!((median + found.median().unwrap()).abs() < 1e-9);
    }

    #[test]
    fn whole_weights_are_repeated_rows(rows in prop::collection::vec((-20i32..20, 0u8..4), 1..60)) {
        let values: Vec<f64> = rows.iter().map(|r| f64::from(r.0)).collect();
        let weights: Vec<f64> = rows.iter().map(|r| f64::from(r.1)).collect();
        let repeated: Vec<f64> = rows.iter().flat_map(|r| vec![f64::from(r.0); r.1.into()]).collect();
        let weighted = Quantiles::new().of("x", &array(&values), Some(&weights)).unwrap();
        let plain = Quantiles::new().of("x", &array(&repeated), None).unwrap();
        for q in [0.0, 0.21, 0.5, 0.9, 1.0] {
            prop_assert_eq!(weighted.quantile(q), plain.quantile(q));
        }
        let (a, b) = (moments(&values, Some(&weights)), moments(&repeated, None));
        prop_assert_eq!(a.weight(), b.weight());
        prop_assert!(repeated.is_empty() || close(a.mean(), b.mean(), 1.0) && close(a.m4(), b.m4(), 1.0));
    }

    #[test]
    fn counts_agree_with_a_map(words in prop::collection::vec(prop::option::of("[a-d]{1,2}"), 0..100)) {
        let mut expected: BTreeMap<String, u64> = BTreeMap::new();
        words.iter().flatten().for_each(|w| *expected.entry(w.clone()).or_default() += 1);
        let column: ArrayRef = Arc::new(StringArray::from(words.clone()));
        let found = Counts::new().of("x", &column, None).unwrap();
        let listed: BTreeMap<String, u64> = found.values.unwrap().iter().map(|c| (c.value.to_string(), c.rows)).collect();
        prop_assert_eq!(listed, expected);
        prop_assert_eq!(found.missing, words.iter().filter(|w| w.is_none()).count() as u64);
    }

    #[test]
    fn sketches_do_not_see_batches(values in prop::collection::vec(-1e6..1e6f64, 400..1500), cut in 1usize..400) {
        let mut at_once = Kll::new(16, 3);
        at_once.extend(&values);
        let mut in_parts = Kll::new(16, 3);
        values.chunks(cut).for_each(|part| in_parts.extend(part));
        prop_assert_eq!(at_once, in_parts);
    }

    #[test]
    fn a_merged_sketch_goes_on(parts in prop::collection::vec(prop::collection::vec(-50i32..50, 60..90), 3..6)) {
        let recipe = Quantiles::new().exact_up_to(20).k(64);
        let field = Field::new("x", DataType::Float64, true);
        let array =
            |part: &[i32]| array(&part.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>());
        let mut merged = recipe.init(&field).unwrap();
        for part in &parts[..2] {
            let (mut state, array) = (recipe.init(&field).unwrap(), array(part));
            recipe.update(&mut state, &Column::new("x", &array, None).unwrap()).unwrap();
            recipe.merge(&mut merged, state).unwrap();
        }
        for (i, part) in parts[2..].iter().enumerate() {
            let (array, weights) = (array(part), vec![2.0; part.len()]);
            let weights = (i % 2 == 1).then_some(weights.as_slice());
            recipe.update(&mut merged, &Column::new("x", &array, weights).unwrap()).unwrap();
        }
        recipe.check_state(&merged).unwrap();
        let weight = |i: usize| if i >= 2 && (i - 2) % 2 == 1 { 2 } else { 1 };
        let mut all: Vec<i32> = Vec::new();
        parts.iter().enumerate().for_each(|(i, part)| (0..weight(i)).for_each(|_| all.extend(part)));
        all.sort_unstable();
        let found = recipe.finish(&merged).unwrap();
        prop_assert_eq!(found.quantile(0.0), Some(f64::from(all[0])));
        prop_assert_eq!(found.quantile(1.0), Some(f64::from(all[all.len() - 1])));
        let Exactness::Approximate { rank_error } = found.exactness() else { return Err(TestCaseError::fail("no sketch")) };
        let below = all.iter().filter(|&&x| f64::from(x) <= found.median().unwrap()).count() as f64 / all.len() as f64;
        let ties = all.iter().filter(|&&x| f64::from(x) == found.median().unwrap()).count() as f64 / all.len() as f64;
        prop_assert!((below - 0.5).abs() <= 2.0 * rank_error + ties + 0.05, "{} {}", below, rank_error);

        let infinite: ArrayRef = Arc::new(Float64Array::from(vec![1.0, f64::INFINITY]));
        let refuse = recipe.infinite(Infinite::Refuse);
        let error = refuse.update(&mut merged, &Column::new("x", &infinite, None).unwrap()).unwrap_err();
        prop_assert!(error.to_string().contains('1'));
    }

    #[test]
    fn sketches_count_every_value(parts in prop::collection::vec(prop::collection::vec(-1e6..1e6f64, 0..400), 1..6)) {
        let mut all = Kll::new(16, 3);
        for part in &parts {
            let mut sketch = Kll::new(16, 5);
            let (one_by_one, at_once) = part.split_at(part.len() / 2);
            one_by_one.iter().for_each(|&x| sketch.insert(x, 1));
            sketch.extend(at_once);
            all.merge(&sketch).unwrap();
        }
        let total: usize = parts.iter().map(Vec::len).sum();
        prop_assert_eq!(all.count(), total as u64);
        prop_assert!(all.validate().is_ok());
        let sorted = all.sorted();
        prop_assert_eq!(sorted.iter().map(|item| item.1).sum::<f64>(), total as f64);
        prop_assert!(sorted.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    }
}

//! SMOTE-NC and SMOTE-N against naive implementations.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::train;
use mlsys_core::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
};
use mlsys_core::arrow::compute::cast;
use mlsys_core::arrow::datatypes::DataType;
use mlsys_core::{Dataset, ErrorKind, Train};
use mlsys_imbalance::{ClassSizes, PlanResample, Smote, SmoteN, SmoteNc};
use proptest::prelude::*;

type Words = Vec<Option<&'static str>>;

/// Numbers `x0`, .., words `w0`, .. and the class `y`.
fn mixed(numbers: &[Vec<f64>], words: &[Words], classes: &[i32]) -> Dataset<Train> {
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    for c in 0..numbers.first().map_or(0, Vec::len) {
        let values = numbers.iter().map(|row| row[c]).map(|x| (!x.is_nan()).then_some(x));
        columns.push((format!("x{c}"), Arc::new(values.collect::<Float64Array>())));
    }
    for c in 0..words[0].len() {
        columns.push((format!("w{c}"), Arc::new(words.iter().map(|row| row[c]).collect::<StringArray>())));
    }
    columns.push(("y".into(), Arc::new(Int32Array::from(classes.to_vec()))));
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
    Dataset::new(batch).unwrap().target("y").unwrap().into_train_all()
}

/// Numbers without ties, words, gaps in both, and three classes.
fn table() -> impl proptest::strategy::Strategy<Value = (Vec<Vec<f64>>, Vec<Words>, Vec<i32>)> {
    let number = prop_oneof![9 => -3.0..3.0f64, 1 => Just(f64::NAN)];
    let word = prop_oneof![3 => Just(Some("a")), 3 => Just(Some("b")), 2 => Just(Some("ç")), 1 => Just(None)];
    let class = prop_oneof![2 => Just(0), 3 => Just(1), 4 => Just(2)];
    let row = (prop::collection::vec(number, 3), prop::collection::vec(word, 2), class);
    prop::collection::vec(row, 15..45).prop_map(|rows| {
        let mut table = (Vec::new(), Vec::new(), Vec::new());
        for (numbers, words, class) in rows {
            table.0.push(numbers);
            table.1.push(words);
            table.2.push(class);
        }
        table
    })
}

/// The word with most votes, of several the first that is met; gaps have none.
fn vote(words: &[Option<&'static str>]) -> Option<&'static str> {
    let count = |word: &str| words.iter().filter(|other| **other == Some(word)).count();
    let most = words.iter().flatten().map(|word| count(word)).max()?;
    words.iter().flatten().find(|word| count(word) == most).copied()
}

fn deviation(values: impl Iterator<Item = f64>) -> f64 {
    let there: Vec<f64> = values.filter(|x| !x.is_nan()).collect();
    let n = there.len().max(1) as f64;
    let mean = there.iter().sum::<f64>() / n;
    (there.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt()
}

proptest! {
    #[test]
    fn mixed_rows_by_definition((numbers, words, classes) in table(), k in 1usize..5, seed in any::<u64>()) {
        let data = mixed(&numbers, &words, &classes);
        prop_assume!(ClassSizes::of(&data).is_ok());
        let sizes = ClassSizes::of(&data).unwrap();
        prop_assume!(sizes.sizes().iter().all(|&size| size > k));
        let plan = SmoteNc::new().k_neighbors(k).seed(seed).plan(&data).unwrap();
        let made = plan.apply(&data).unwrap();
        let top = *sizes.sizes().iter().max().unwrap();
        prop_assert!(ClassSizes::of(&made).unwrap().sizes().iter().all(|&size| size == top));
        let new_words: Vec<&StringArray> = (0..2).map(|c| made.column(&format!("w{c}")).unwrap().as_string()).collect();
        let new_numbers: Vec<_> = (0..3).map(|c| mlsys_core::column::floats("x", made.column(&format!("x{c}")).unwrap()).unwrap()).collect();
        for (at, new) in plan.synthetic().iter().enumerate() {
            let (base, at) = (new.base as usize, rows_before(&plan) + at);
            let own: Vec<usize> = (0..classes.len()).filter(|&row| classes[row] == classes[base]).collect();
            let mut spreads: Vec<f64> = (0..3).map(|c| deviation(own.iter().map(|&row| numbers[row][c]))).collect();
            spreads.sort_by(f64::total_cmp);
            let squared = |row: usize| {
                let (mut sum, mut both) = (0.0, 0.0);
                for (a, b) in numbers[row].iter().zip(&numbers[base]) {
                    let step = a - b;
                    if !step.is_nan() {
                        (sum, both) = (sum + step * step, both + 1.0);
                    }
                }
                for pair in words[row].iter().zip(&words[base]) {
                    if let (Some(a), Some(b)) = pair {
                        (sum, both) = (sum + if a == b { 0.0 } else { spreads[1] * spreads[1] }, both + 1.0);
                    }
                }
                (both > 0.0).then(|| sum * 5.0 / both)
            };
            let mut near: Vec<(f64, usize)> = own.iter().filter(|&&row| row != base).filter_map(|&row| Some((squared(row)?, row))).collect();
            near.sort_by(|a, b| a.0.total_cmp(&b.0));
            // Where rows share words alone, they may be equally near.
            let tied = near.windows(2).any(|pair| pair[1].0 - pair[0].0 < 1e-9);
            near.truncate(k);
            if tied {
                continue;
            }
            prop_assert!(near.iter().any(|n| n.1 == new.neighbor as usize) || near.is_empty());
            for c in 0..2 {
                let votes: Words = near.iter().map(|n| words[n.1][c]).collect();
                let expected = if near.is_empty() { words[base][c] } else { vote(&votes) };
                let found = new_words[c].is_valid(at).then(|| new_words[c].value(at));
                prop_assert_eq!(found, expected);
            }
            for c in 0..3 {
                let (a, b) = (numbers[base][c], numbers[new.neighbor as usize][c]);
                let expected = if a.is_nan() || b.is_nan() { a } else { a + new.gap * (b - a) };
                let x = new_numbers[c][at];
                prop_assert!(x == expected || x.is_nan() && expected.is_nan());
            }
        }
    }

    #[test]
    fn categories_by_definition((_, words, classes) in table(), k in 1usize..5, seed in any::<u64>()) {
        let data = mixed(&vec![Vec::new(); words.len()], &words, &classes);
        prop_assume!(ClassSizes::of(&data).is_ok());
        let sizes = ClassSizes::of(&data).unwrap();
        prop_assume!(sizes.sizes().iter().all(|&size| size > k));
        let plan = SmoteN::new().k_neighbors(k).seed(seed).plan(&data).unwrap();
        let made = plan.apply(&data).unwrap();
        let top = *sizes.sizes().iter().max().unwrap();
        prop_assert!(ClassSizes::of(&made).unwrap().sizes().iter().all(|&size| size == top));
        let new_words: Vec<&StringArray> = (0..2).map(|c| made.column(&format!("w{c}")).unwrap().as_string()).collect();
        let share = |c: usize, word: &str, class: i32| {
            let of: Vec<usize> = (0..words.len()).filter(|&row| words[row][c] == Some(word)).collect();
            of.iter().filter(|&&row| classes[row] == class).count() as f64 / of.len() as f64
        };
        let delta = |c: usize, a: usize, b: usize| match (words[a][c], words[b][c]) {
            (Some(a), Some(b)) => (0..3).map(|class| (share(c, a, class) - share(c, b, class)).powi(2)).sum::<f64>(),
            _ => 1.0,
        };
        for (at, new) in plan.synthetic().iter().enumerate() {
            let base = new.base as usize;
            let mut near: Vec<(f64, usize)> = (0..classes.len()).filter(|&row| row != base && classes[row] == classes[base])
                .map(|row| (delta(0, base, row) + delta(1, base, row), row)).collect();
            near.sort_by(|a, b| if (a.0 - b.0).abs() < 1e-9 { a.1.cmp(&b.1) } else { a.0.total_cmp(&b.0) });
            // Sums that differ by rounding alone are ties to one and none to the other.
            let tied = near.windows(2).any(|pair| pair[0].0 != pair[1].0 && (pair[0].0 - pair[1].0).abs() < 1e-9);
            if tied {
                continue;
            }
            near.truncate(k);
            prop_assert_eq!(new.neighbor as usize, near[0].1);
            for c in 0..2 {
                let votes: Words = std::iter::once(base).chain(near.iter().map(|n| n.1)).map(|row| words[row][c]).collect();
                let at = rows_before(&plan) + at;
                let found = new_words[c].is_valid(at).then(|| new_words[c].value(at));
                prop_assert_eq!(found, vote(&votes));
            }
        }
    }
}

fn rows_before(plan: &mlsys_imbalance::Plan) -> usize {
    plan.kept().len()
}

#[test]
fn a_word_counts_as_a_typical_deviation() {
    // Deviations of 0, 3 (once scaled) and 32: m = 3. From the first row: 2.9 away, 3 by its word alone, and 3.1 away.
    let numbers = [[5.0, 0.0, 0.0], [5.0, 2.9, 0.0], [5.0, 0.0, 0.0], [5.0, 3.1, 0.0], [5.0, -6.0, 80.0]];
    let mut rows: Vec<Vec<f64>> = numbers.map(Vec::from).to_vec();
    let spread = deviation(rows.iter().map(|row| row[1]));
    rows.iter_mut().for_each(|row| row[1] *= 3.0 / spread);
    let (near, far) = (2.9 * 3.0 / spread, 3.1 * 3.0 / spread);
    assert!(near < 3.0 && far < 3.0);
    let words: Vec<Words> = [Some("a"), Some("a"), Some("b"), Some("a"), Some("b")].map(|w| vec![w]).to_vec();
    rows.extend(vec![vec![9.0, 9.0, 9.0]; 6]);
    let words = [words, vec![vec![Some("b")]; 6]].concat();
    let classes = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1];
    let nearest = |k: usize| {
        let plan = SmoteNc::new()
            .k_neighbors(k)
            .strategy(mlsys_imbalance::Strategy::counts([(0i64, 105)]))
            .plan(&mixed(&rows, &words, &classes))
            .unwrap();
        let mut near: Vec<u32> =
            plan.synthetic().iter().filter(|new| new.base == 0).map(|new| new.neighbor).collect();
        near.sort_unstable();
        near.dedup();
        near
    };
    assert_eq!((nearest(1), nearest(2), nearest(3)), (vec![1], vec![1, 3], vec![1, 2, 3]));
}

#[test]
fn other_columns_and_encodings() {
    let n = 30;
    let word: StringArray = (0..n).map(|row| (row % 7 != 3).then_some(["x", "y", "z"][row % 3])).collect();
    let flag: BooleanArray = (0..n).map(|row| Some(row % 4 == 1)).collect();
    let x: Float64Array = (0..n).map(|row| Some((row * row % 17) as f64)).collect();
    let id = Int64Array::from_iter_values(0..n as i64);
    let y: Int32Array = (0..n).map(|row| Some(i32::from(row % 5 < 3))).collect();
    let make = |word: ArrayRef| {
        let columns: [(&str, ArrayRef); 5] = [
            ("word", word),
            ("flag", Arc::new(flag.clone())),
            ("x", Arc::new(x.clone())),
            ("id", Arc::new(id.clone())),
            ("y", Arc::new(y.clone())),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        Dataset::new(batch).unwrap().target("y").unwrap().ignore(["id"]).unwrap().into_train_all()
    };
    let plain: ArrayRef = Arc::new(word);
    let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    for resampler in [Box::new(SmoteNc::new()) as Box<dyn PlanResample>, Box::new(SmoteN::new())] {
        let data = make(Arc::clone(&plain));
        let plan = resampler.plan(&data).unwrap();
        let made = plan.apply(&data).unwrap();
        assert_eq!(made.schema(), data.schema());
        // What is no feature comes from the base row; so does `x` where only words are made.
        let ids = made.column("id").unwrap().as_primitive::<mlsys_core::arrow::datatypes::Int64Type>();
        assert!(
            plan.synthetic().iter().enumerate().all(|(at, new)| ids.value(n + at) == i64::from(new.base))
        );
        let other = make(cast(&plain, &dictionary).unwrap());
        let made_other = resampler.plan(&other).unwrap().apply(&other).unwrap();
        let back = cast(made_other.column("word").unwrap(), &DataType::Utf8).unwrap();
        assert!(&back == made.column("word").unwrap());
        let stored = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<mlsys_imbalance::Plan>(&stored).unwrap(), plan);
    }
}

#[test]
fn numbers_alone_are_smote_and_words_alone_smote_n() {
    let rows: Vec<Vec<f64>> = (0..20).map(|row| vec![f64::from(row * row % 13), f64::from(row)]).collect();
    let classes: Vec<i32> = (0..20).map(|row| i32::from(row >= 7)).collect();
    let data = train(&rows, &classes);
    assert_eq!(SmoteNc::new().plan(&data).unwrap(), Smote::new().plan(&data).unwrap());
    let words = vec![vec![Some("a")]; 20];
    let data = mixed(&vec![Vec::new(); 20], &words, &classes);
    let error = SmoteNc::new().plan(&data).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Unsupported { .. }) && error.to_string().contains("SmoteN"),
        "{error}"
    );
    let plan = SmoteN::new().plan(&data).unwrap();
    assert_eq!(plan.synthetic().len(), 6);
    let error = SmoteN::new().plan(&train(&rows, &classes)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ColumnType { .. }), "{error}");
}

#[test]
fn rows_of_one_base_are_equal() {
    let words: Vec<Words> = (0..40)
        .map(|row| vec![Some(["a", "b", "c", "d"][row * row % 4]), Some(["a", "b"][row % 2])])
        .collect();
    let classes: Vec<i32> = (0..40).map(|row| i32::from(row >= 8)).collect();
    let data = mixed(&vec![Vec::new(); 40], &words, &classes);
    let plan = SmoteN::new().plan(&data).unwrap();
    let made = plan.apply(&data).unwrap();
    let mut known: BTreeMap<u32, String> = BTreeMap::new();
    for (at, new) in plan.synthetic().iter().enumerate() {
        let of = |c: &str| made.column(c).unwrap().as_string::<i32>().value(40 + at).to_owned();
        let row = of("w0") + &of("w1");
        assert_eq!(*known.entry(new.base).or_insert_with(|| row.clone()), row);
    }
    assert_eq!(known.len(), 8);
}

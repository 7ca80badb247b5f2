//! What holds for every sample.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::Arc;

use mlsys_core::arrow::array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch};
use mlsys_core::statistic::state_of_batches;
use mlsys_core::{Coded, Dataset, Statistic, Unsplit};
use mlsys_sampling::sample::{
    Allocation, BottomK, BottomKSample, ClusterSample, Draw, EventSampler, Replacement, Reservoir,
    ReservoirMethod, Sample, SimpleSample, StratifiedSample, SystematicSample, WeightedReservoir,
    WeightedSample, allocate, bottom_k, cluster_sample, importance_estimate, importance_weights,
    recency_weights, simple_sample, simple_sample_with_replacement, snowball_sample, stratified_sample,
    systematic_sample, weighted_sample,
};
use mlsys_testkit::table as tables;
use proptest::prelude::*;

fn coded(values: &[u8]) -> Coded {
    Coded::new("h", &values.iter().map(|&x| Some(i64::from(x))).collect::<Int64Array>()).unwrap()
}

fn ascending_below(sample: &Sample, n: usize) -> bool {
    sample.rows.windows(2).all(|pair| pair[0] < pair[1]) && sample.rows.iter().all(|&row| row < n)
}

/// The Horvitz-Thompson total, on average over seeds, and the error of that average.
fn average_total(values: &[f64], draw: impl Fn(u64) -> Sample) -> (f64, f64) {
    let totals: Vec<f64> = (0..4_000).map(|seed| draw(seed).total(values).unwrap().unwrap()).collect();
    let n = totals.len() as f64;
    let mean = totals.iter().sum::<f64>() / n;
    let variance = totals.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    (mean, (variance / n).sqrt())
}

#[test]
fn totals_are_unbiased() {
    let n = 30;
    let values: Vec<f64> = (0..n).map(|i| f64::from(i * i) - 100.0).collect();
    let truth: f64 = values.iter().sum();
    let n = n as usize;
    let strata = coded(&(0..n).map(|i| (i * i % 4) as u8).collect::<Vec<_>>());
    let clusters = coded(&(0..n).map(|i| (i / 4) as u8).collect::<Vec<_>>());
    let weights: ArrayRef = Arc::new((0..n).map(|i| Some(1.0 + i as f64)).collect::<Float64Array>());
    let data = Dataset::new(RecordBatch::try_from_iter([("w", weights)]).unwrap()).unwrap();
    let by_weight = WeightedSample::new("w", 5).replacement(Replacement::With);
    let neyman = Allocation::Neyman("y".into());
    let keys: ArrayRef = Arc::new((0..n as i64).map(|i| Some(i / 3)).collect::<Int64Array>());
    type Draws<'a> = Box<dyn Fn(u64) -> Sample + 'a>;
    let samplers: [(&str, Draws<'_>); 9] = [
        ("simple", Box::new(|seed| simple_sample(n, 7, seed).unwrap())),
        ("with replacement", Box::new(|seed| simple_sample_with_replacement(n, 7, seed).unwrap())),
        ("systematic", Box::new(|seed| systematic_sample(n, 7, seed).unwrap())),
        (
            "proportional",
            Box::new(|seed| stratified_sample(&strata, 7, &Allocation::Proportional, None, seed).unwrap()),
        ),
        ("equal", Box::new(|seed| stratified_sample(&strata, 7, &Allocation::Equal, None, seed).unwrap())),
        ("neyman", Box::new(|seed| stratified_sample(&strata, 7, &neyman, Some(&values), seed).unwrap())),
        ("clusters", Box::new(|seed| cluster_sample(&clusters, 3, seed).unwrap())),
        ("weighted", Box::new(|seed| by_weight.clone().seed(seed).draw(&data).unwrap())),
        ("bottom-k", Box::new(|seed| bottom_k(&[("key", &keys as &dyn Array)], 4, seed).unwrap())),
    ];
    for (name, draw) in samplers {
        let (mean, error) = average_total(&values, draw);
        assert!((mean - truth).abs() < 4.5 * error, "{name}: {mean} ± {error}, not {truth}");
    }
}

/// Whole parts of the quotas, and the rest by the largest remainder; exact in whole numbers.
fn naive_allocation(shares: &[u32], size: usize) -> Vec<usize> {
    let total: u128 = shares.iter().map(|&s| u128::from(s)).sum();
    let product = |i: usize| size as u128 * u128::from(shares[i]);
    let mut counts: Vec<usize> = (0..shares.len()).map(|i| (product(i) / total) as usize).collect();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(product(i) % total));
    let rest = size - counts.iter().sum::<usize>();
    order.into_iter().take(rest).for_each(|i| counts[i] += 1);
    counts
}

#[test]
fn allocation_by_hand() {
    // 3.5, 3.5 and 3: the first of equal remainders gets the row.
    assert_eq!(allocate(&[70, 70, 60], &[7.0, 7.0, 6.0], 10).unwrap(), [4, 3, 3]);
    // 54 and 8, each with 420 of 714 left: equal, though the fractions of the quotients are not.
    assert_eq!(allocate(&[464, 177, 73], &[464.0, 177.0, 73.0], 84).unwrap(), [55, 21, 8]);
    // The first is full with 2, and the others divide 50.
    assert_eq!(allocate(&[2, 100, 100], &[1000.0, 1.0, 1.0], 52).unwrap(), [2, 25, 25]);
    // Without shares: a row each, unless the others are full; and then evenly.
    assert_eq!(allocate(&[9, 9, 9], &[0.0, 1.0, 0.0], 10).unwrap(), [1, 8, 1]);
    assert_eq!(allocate(&[9, 2, 9], &[0.0, 1.0, 0.0], 10).unwrap(), [4, 2, 4]);
    assert_eq!(allocate(&[5, 5], &[0.0, 0.0], 6).unwrap(), [3, 3]);
    assert_eq!(allocate(&[5, 0, 5], &[1.0, 9.0, 1.0], 6).unwrap(), [3, 0, 3]);
    assert_eq!(allocate(&[7], &[1e-300], 7).unwrap(), [7]);
    assert_eq!(allocate(&[8, 8], &[f64::MAX, f64::MAX], 7).unwrap(), [4, 3]);
    assert_eq!(allocate(&[8, 8], &[5e-324, 1.5e-323], 8).unwrap(), [2, 6]);
    // More rows than any table has, at once.
    assert_eq!(
        allocate(&[1 << 60, 1 << 60, 1], &[0.0, 0.0, 1.0], 1 << 60).unwrap(),
        [1 << 59, (1 << 59) - 1, 1]
    );
    let huge = allocate(&[usize::MAX, usize::MAX], &[1.0, 3.0], usize::MAX).unwrap();
    assert_eq!(huge[0].checked_add(huge[1]), Some(usize::MAX));
}

proptest! {
    #[test]
    fn samples_are_rows(n in 1usize..400, share in 0.0f64..1.0, seed: u64) {
        let size = 1 + (share * n as f64) as usize % n;
        for sample in [simple_sample(n, size, seed).unwrap(), systematic_sample(n, size, seed).unwrap()] {
            prop_assert!(ascending_below(&sample, n) && sample.rows.len() == size);
            prop_assert_eq!(sample.weights.unwrap(), vec![n as f64 / size as f64; size]);
        }
        let again = simple_sample_with_replacement(n, size, seed).unwrap();
        prop_assert!(again.rows.is_sorted() && again.rows.len() == size && again.rows.iter().all(|&r| r < n));
        prop_assert_eq!(simple_sample(n, size, seed).unwrap(), simple_sample(n, size, seed).unwrap());
    }

    #[test]
    fn strata_get_their_counts(labels in prop::collection::vec(0u8..5, 5..120), size in 1usize..120, seed: u64) {
        let strata = coded(&labels);
        for allocation in [Allocation::Proportional, Allocation::Equal] {
            match stratified_sample(&strata, size, &allocation, None, seed) {
                Err(_) => prop_assert!(size < strata.distinct.len() || size > labels.len()),
                Ok(sample) => {
                    prop_assert!(ascending_below(&sample, labels.len()) && sample.rows.len() == size);
                    // The weights of a stratum add up to its rows.
                    for label in labels.iter().collect::<BTreeSet<_>>() {
                        let of = sample.rows.iter().zip(sample.weights.as_ref().unwrap());
                        let sum: f64 = of.filter(|(row, _)| labels[**row] == *label).map(|(_, w)| w).sum();
                        let rows = labels.iter().filter(|l| *l == label).count();
                        prop_assert!((sum - rows as f64).abs() < 1e-9);
                    }
                }
            }
        }
    }

    #[test]
    fn allocations_are_largest_remainders(shares in prop::collection::vec(1u32..1_000, 1..12), size in 1usize..500) {
        let expected = naive_allocation(&shares, size);
        let total: u32 = shares.iter().sum();
        // No bound binds.
        prop_assume!(shares.iter().all(|&s| size as u64 * u64::from(s) >= u64::from(total)));
        let numbers: Vec<f64> = shares.iter().map(|&s| f64::from(s)).collect();
        prop_assert_eq!(allocate(&vec![size; shares.len()], &numbers, size).unwrap(), expected);
    }

    #[test]
    fn allocations_respect_bounds(
        strata in prop::collection::vec((0usize..50, prop_oneof![Just(0.0), 0.0f64..10.0, Just(1e300), Just(1e-300)]), 1..12),
        size in 1usize..300,
    ) {
        let (sizes, shares): (Vec<usize>, Vec<f64>) = strata.into_iter().unzip();
        let open = sizes.iter().filter(|n| **n > 0).count();
        match allocate(&sizes, &shares, size) {
            Err(_) => prop_assert!(size < open || size > sizes.iter().sum()),
            Ok(counts) => {
                prop_assert_eq!(counts.iter().sum::<usize>(), size);
                for i in 0..sizes.len() {
                    prop_assert!(counts[i] <= sizes[i] && counts[i] >= sizes[i].min(1));
                    // Whoever has more than another of no smaller share was bounded: by 1 below, or by what there is.
                    for j in 0..sizes.len() {
                        let unfair = shares[i] <= shares[j] && counts[i] > counts[j] + 1;
                        prop_assert!(!unfair || counts[j] == sizes[j], "{:?} of {:?} by {:?}", counts, sizes, shares);
                    }
                }
            }
        }
    }

    #[test]
    fn hostile_allocations_end(
        strata in prop::collection::vec((any::<usize>(), any::<f64>()), 0..9), size: usize,
    ) {
        let (sizes, shares): (Vec<usize>, Vec<f64>) = strata.into_iter().unzip();
        let shares: Vec<f64> = shares.into_iter().map(f64::abs).collect();
        if let Ok(counts) = allocate(&sizes, &shares, size) {
            prop_assert_eq!(counts.iter().map(|&c| c as u128).sum::<u128>(), size as u128);
            prop_assert!(counts.iter().zip(&sizes).all(|(count, size)| count <= size && *count >= (*size).min(1)));
        }
    }

    #[test]
    fn weighted_rows_are_positive(weights in prop::collection::vec(
        prop_oneof![Just(0.0), 0.0f64..9.0, Just(1e-300), Just(1e300), Just(5e-324), Just(f64::MAX)], 0..60,
    ), size in 1usize..60, seed: u64) {
        let positive = weights.iter().filter(|w| **w > 0.0).count();
        match weighted_sample(&weights, size, seed) {
            Err(_) => prop_assert!(size > positive),
            Ok(sample) => {
                prop_assert!(ascending_below(&sample, weights.len()) && sample.rows.len() == size);
                prop_assert!(sample.rows.iter().all(|&row| weights[row] > 0.0));
            }
        }
        let mut reservoir = WeightedReservoir::new(size).unwrap().seed(seed, 0);
        for (row, &weight) in weights.iter().enumerate() {
            reservoir.push(row, weight).unwrap();
        }
        let rows: BTreeSet<usize> = reservoir.items().copied().collect();
        prop_assert_eq!(rows.len(), size.min(positive));
        prop_assert!(rows.iter().all(|&row| weights[row] > 0.0));
        // The state can be written down, whatever the weights.
        let text = serde_json::to_string(&reservoir).unwrap();
        prop_assert_eq!(serde_json::from_str::<WeightedReservoir<usize>>(&text).unwrap().into_items(), reservoir.into_items());
    }

    #[test]
    fn bottom_k_of_any_order(keys in prop::collection::vec(0i64..40, 1..200), size in 1usize..50, seed: u64, cut: prop::sample::Index) {
        let batch = |keys: &[i64]| {
            RecordBatch::try_from_iter([("key", Arc::new(Int64Array::from(keys.to_vec())) as ArrayRef)]).unwrap()
        };
        let taken = |keys: &[i64], rows: &[usize]| rows.iter().map(|&row| keys[row]).collect::<BTreeSet<_>>();
        let recipe = BottomK::new("key", size).seed(seed);
        let data = Dataset::new(batch(&keys)).unwrap();
        let drawn = recipe.draw(&data).unwrap();
        prop_assert_eq!(&bottom_k(&[("key", data.column("key").unwrap().as_ref())], size, seed).unwrap(), &drawn);
        let expected = taken(&keys, &drawn.rows);
        let all: BTreeSet<i64> = keys.iter().copied().collect();
        prop_assert_eq!(expected.len(), size.min(all.len()));
        prop_assert!(drawn.rows.len() == keys.iter().filter(|key| expected.contains(key)).count());
        prop_assert!((drawn.weights.unwrap()[0] - all.len() as f64 / expected.len() as f64).abs() < 1e-12);
        let mut reversed = keys.clone();
        reversed.reverse();
        prop_assert_eq!(&taken(&reversed, &bottom_k(&[("key", &Int64Array::from(reversed.clone()))], size, seed).unwrap().rows), &expected);
        let at = cut.index(keys.len());
        let shards = [batch(&keys[at..]), batch(&keys[..at])];
        let state = state_of_batches(&recipe, &data.schema(), shards.map(Ok)).unwrap();
        let sample = recipe.finish(&state).unwrap();
        prop_assert_eq!(sample.rows(data.batch()).unwrap(), drawn.rows);
        prop_assert_eq!(sample.n_keys(), expected.len());
        prop_assert!(size <= all.len() || sample.distinct() == all.len() as f64);
    }

    #[test]
    fn reservoirs_go_on_from_bytes(n in 0usize..60, later in 0usize..60, size in 1usize..12, seed: u64, r: bool) {
        let method = if r { ReservoirMethod::R } else { ReservoirMethod::L };
        let mut plain = Reservoir::new(size).unwrap().method(method).stream(3).seed(seed);
        let mut weighted = WeightedReservoir::new(size).unwrap().seed(seed, 3);
        prop_assert_eq!(&Reservoir::new(size).unwrap().seed(seed).stream(3).method(method), &plain);
        for item in 0..n {
            plain.push(item);
            weighted.push(item, 0.5 + item as f64).unwrap();
        }
        let mut from_text: Reservoir<usize> = serde_json::from_str(&serde_json::to_string(&plain).unwrap()).unwrap();
        let mut weighted_again: WeightedReservoir<usize> =
            serde_json::from_str(&serde_json::to_string(&weighted).unwrap()).unwrap();
        for item in n..n + later {
            plain.push(item);
            from_text.push(item);
            weighted.push(item, 0.5 + item as f64).unwrap();
            weighted_again.push(item, 0.5 + item as f64).unwrap();
        }
        prop_assert_eq!(plain, from_text);
        prop_assert_eq!(weighted.into_items(), weighted_again.into_items());
    }
}

#[test]
fn bottom_k_in_any_encoding() {
    let batch = tables::mixed(311, true);
    for columns in [["word", "team"], ["number", "flag"], ["when", "count"]] {
        let recipe = BottomK::new(columns[0], 20).and(columns[1]).seed(8);
        let rows = |batch: &RecordBatch| recipe.draw(&Dataset::new(batch.clone()).unwrap()).unwrap();
        let expected = rows(&batch);
        for (what, other) in tables::encodings(&batch).unwrap() {
            assert_eq!(rows(&other), expected, "{columns:?}: {what}");
        }
    }
}

#[test]
fn distinct_keys_are_estimated() {
    let keys: ArrayRef = Arc::new((0..200_000i64).map(|row| Some(row % 20_000)).collect::<Int64Array>());
    let batch = RecordBatch::try_from_iter([("key", keys)]).unwrap();
    let of = |seed| -> BottomKSample {
        let recipe = BottomK::new("key", 1_000).seed(seed);
        let mut state = recipe.init(batch.schema_ref()).unwrap();
        recipe.update(&mut state, &batch).unwrap();
        recipe.finish(&state).unwrap()
    };
    // The relative error is about 1 / √k, and the mean of 20 is within 4.5 of its errors.
    let mean = (0..20).map(|seed| of(seed).distinct()).sum::<f64>() / 20.0;
    assert!((mean / 20_000.0 - 1.0).abs() < 4.5 / (20.0f64 * 1_000.0).sqrt(), "{mean}");
}

#[test]
fn the_same_on_any_number_of_threads() {
    let weights: Vec<f64> = (0..200_000).map(|i| f64::from(i % 97)).collect();
    let batch = tables::mixed(140_003, true);
    let data: Dataset<Unsplit> = Dataset::new(batch).unwrap();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            (
                weighted_sample(&weights, 500, 3).unwrap(),
                weighted_sample(&weights, 190_000, 3).unwrap(),
                WeightedSample::new("weight", 500).replacement(Replacement::With).draw(&data).unwrap(),
                BottomK::new("number", 40).and("word").draw(&data).unwrap(),
                StratifiedSample::new("kind", 500)
                    .allocation(Allocation::Neyman("value".into()))
                    .draw(&data)
                    .unwrap(),
                ClusterSample::new("team", 2).draw(&data).unwrap(),
            )
        })
    };
    let one = run(1);
    assert!([2, 7].into_iter().all(|threads| run(threads) == one));
}

#[test]
fn recipes_round_trip() {
    fn same<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(recipe: &T) {
        let text = serde_json::to_string(recipe).unwrap();
        assert_eq!(serde_json::from_str::<T>(&text).unwrap(), *recipe, "{text}");
    }
    same(&SimpleSample::new(3).replacement(Replacement::With).seed(9));
    same(&SystematicSample::new(3).seed(9));
    same(&StratifiedSample::new("h", 3).allocation(Allocation::Neyman("y".into())).seed(9));
    same(&ClusterSample::new("h", 3).seed(9));
    same(&WeightedSample::new("w", 3).replacement(Replacement::With).seed(9));
    same(&mlsys_sampling::sample::RecencySample::new(3, 1.5).seed(9));
    same(&BottomK::new("a", 3).and("b").seed(9));
    let events = EventSampler::new(0.25).unwrap().rate_of("slow", 0.5).unwrap().seed(9);
    same(&events);
}

#[test]
fn importance_by_hand() {
    let half = 0.5f64.ln();
    let weights = importance_weights(&[0.0, half, f64::NEG_INFINITY], &[half, half, 0.0]).unwrap();
    assert!((weights[0] - 1.0).abs() < 1e-15 && (weights[1] - 0.5).abs() < 1e-15 && weights[2] == 0.0);
    // Weights 1, 1 and 2 of 1, 3 and 5: the mean is 14 / 4, the error √(6.25 + 0.25 + 4 · 2.25) / 4.
    let report = importance_estimate(&[1.0, 3.0, 5.0], &[0.5, 0.5, 1.0]).unwrap();
    assert_eq!((report.estimate, report.draws, report.largest_share), (3.5, 3, 0.5));
    assert!((report.standard_error - 15.5f64.sqrt() / 4.0).abs() < 1e-15);
    assert!((report.effective_size - 16.0 / 6.0).abs() < 1e-15);
    // Scale does not matter, even where squares overflow or vanish.
    for scale in [1e300, 1e-300] {
        let other = importance_estimate(&[1.0, 3.0, 5.0], &[scale, scale, 2.0 * scale]).unwrap();
        assert!((other.estimate - 3.5).abs() < 1e-14 && (other.effective_size - 16.0 / 6.0).abs() < 1e-14);
    }
}

#[test]
fn importance_of_a_known_integral() {
    // Draws from an exponential of rate 1/2, at its quantiles; the mean and the square of one of rate 1 are 1 and 2.
    let n = 100_000;
    let draws: Vec<f64> = (0..n).map(|i| -2.0 * (1.0 - (i as f64 + 0.5) / n as f64).ln()).collect();
    let log_p: Vec<f64> = draws.iter().map(|x| -x).collect();
    let log_q: Vec<f64> = draws.iter().map(|x| -x / 2.0).collect();
    let weights = importance_weights(&log_p, &log_q).unwrap();
    let mean = importance_estimate(&draws, &weights).unwrap();
    let squares: Vec<f64> = draws.iter().map(|x| x * x).collect();
    let square = importance_estimate(&squares, &weights).unwrap();
    assert!((mean.estimate - 1.0).abs() < 1e-3 && (square.estimate - 2.0).abs() < 1e-3, "{mean} {square}");
    // w = 2 e^(−x/2): (E w)² / E w² is 3/4, and the variance of the mean E w² (x − 1)² / n is 20/27 / n.
    assert!((mean.effective_size / n as f64 - 0.75).abs() < 1e-3);
    assert!((mean.standard_error * (n as f64).sqrt() - (20.0f64 / 27.0).sqrt()).abs() < 1e-2, "{mean}");
    assert!(!mean.collapsed() && !mean.to_string().contains("collapsed"));
    let one =
        importance_estimate(&[1.0; 1_000], &(0..1_000).map(|i| 0.9f64.powi(i)).collect::<Vec<_>>()).unwrap();
    // 0.1 of the weight is in the largest, and (1 + 0.9) / (1 − 0.9) = 19 draws are effective: 1.9 %.
    assert!((one.effective_size - 19.0).abs() < 1e-9 && !one.collapsed());
    let one =
        importance_estimate(&[1.0; 1_000], &(0..1_000).map(|i| 0.7f64.powi(i)).collect::<Vec<_>>()).unwrap();
    assert!(one.collapsed() && one.to_string().contains("the weights have collapsed"), "{one}");
}

#[test]
fn ages() {
    assert_eq!(recency_weights(&[5, 3, 1], 2.0).unwrap(), [1.0, 0.5, 0.25]);
    let extremes = recency_weights(&[i64::MIN, i64::MAX], 1.0).unwrap();
    assert!(extremes[0] > 0.0 && extremes[1] == 1.0);
    assert!(recency_weights(&[], 1.0).unwrap().is_empty());
    let recipe =
        mlsys_sampling::sample::SnowballSample::new("k", [(1, 1), (1, 2), (2, 1)], [1]).waves(usize::MAX);
    let keys = Coded::new("k", &Int64Array::from(vec![3, 2, 1])).unwrap();
    assert_eq!(snowball_sample(&keys, &recipe.clone().per_key(1)).unwrap().rows, [1, 2]);
    assert_eq!(snowball_sample(&keys, &recipe.waves(0)).unwrap().rows, [2]);
}

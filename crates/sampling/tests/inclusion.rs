//! How often each row is taken, against theory, over many fixed seeds.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::sync::Arc;

use mlsys_core::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch};
use mlsys_core::arrow::datatypes::{Int64Type, Schema};
use mlsys_core::{Coded, Dataset, Statistic, Unsplit, seed};
use mlsys_sampling::sample::{
    AliasTable, Allocation, BottomK, ClusterSample, Draw, EventSampler, RecencySample, Replacement,
    Reservoir, ReservoirMethod, RowReservoir, RowReservoirState, SimpleSample, StratifiedSample,
    WeightedReservoir, WeightedSample, allocate, bottom_k, cluster_sample, recency_weights, simple_sample,
    simple_sample_with_replacement, stratified_sample, systematic_sample, weighted_sample,
};

const TRIALS: u64 = 20_000;

/// The worst z-score of counts over all trials, given the mean and the variance of each count in one trial.
fn judge(name: &str, counts: &[u64], expected: impl IntoIterator<Item = (f64, f64)>) {
    let expected: Vec<(f64, f64)> = expected.into_iter().collect();
    assert_eq!(counts.len(), expected.len(), "{name}");
    for (i, (&count, (mean, variance))) in counts.iter().zip(expected).enumerate() {
        let off = count as f64 - TRIALS as f64 * mean;
        let deviation = (TRIALS as f64 * variance).sqrt();
        let z = if variance < 1e-12 { off * 1e9 } else { off / deviation };
        // What is rare has a longer tail above: the term of the skewness by Cornish and Fisher, at 4.5 deviations.
        let z = if z > 0.0 { z / (1.0 + 19.25 / 27.0 / deviation.max(1.0)) } else { z };
        assert!(z.abs() < 4.5, "{name}: {i} was taken {count} times of {TRIALS}, z = {z}");
    }
}

/// What is taken once or not at all.
fn chances(name: &str, expected: &[f64], take: impl Fn(u64) -> Vec<usize>) {
    let mut counts = vec![0; expected.len()];
    for seed in 0..TRIALS {
        take(seed).into_iter().for_each(|i| counts[i] += 1);
    }
    judge(name, &counts, expected.iter().map(|&p| (p, p * (1.0 - p))));
}

/// Each item with the chance `size / n`, and each pair with `size (size − 1) / (n (n − 1))`.
fn equal_chances(name: &str, n: usize, size: usize, take: impl Fn(u64) -> Vec<usize>) {
    let p = size as f64 / n as f64;
    chances(name, &vec![p; n], &take);
    let pair = p * (size as f64 - 1.0) / (n as f64 - 1.0).max(1.0);
    let pairs: Vec<(usize, usize)> = (0..n).flat_map(|b| (0..b).map(move |a| (a, b))).collect();
    chances(&format!("{name}, pairs"), &vec![pair; pairs.len()], |seed| {
        let mut taken = take(seed);
        taken.sort_unstable();
        assert!(taken.len() == size && taken.windows(2).all(|pair| pair[0] < pair[1]), "{taken:?}");
        let of = |a: usize, b: usize| b * (b - 1) / 2 + a;
        (0..size).flat_map(|j| (0..j).map(move |i| (i, j))).map(|(i, j)| of(taken[i], taken[j])).collect()
    });
}

/// The chance of each item when `size` are drawn one after another by weight: a sum over all ordered draws.
fn successive(weights: &[f64], size: usize) -> Vec<f64> {
    fn draw(weights: &[f64], taken: &mut Vec<usize>, size: usize, chance: f64, chances: &mut [f64]) {
        if taken.len() == size {
            taken.iter().for_each(|&i| chances[i] += chance);
            return;
        }
        let left: f64 = (0..weights.len()).filter(|i| !taken.contains(i)).map(|i| weights[i]).sum();
        for i in 0..weights.len() {
            if !taken.contains(&i) && weights[i] > 0.0 {
                taken.push(i);
                draw(weights, taken, size, chance * weights[i] / left, chances);
                taken.pop();
            }
        }
    }
    let mut chances = vec![0.0; weights.len()];
    draw(weights, &mut Vec::new(), size, 1.0, &mut chances);
    chances
}

fn ints(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Int64Array>())
}

fn table(columns: Vec<(&str, ArrayRef)>) -> Dataset<Unsplit> {
    Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap()
}

const WEIGHTS: [f64; 8] = [0.2, 5.0, 1.0, 1.0, 0.0, 2.5, 12.0, 0.01];

#[test]
fn enumeration_by_hand() {
    // 2 of the weights 1, 1, 2: the first is left out by (1, 2) and (2, 1): 1/4 · 2/3 + 1/2 · 1/2.
    let chances = successive(&[1.0, 1.0, 2.0], 2);
    assert!((chances[0] - (1.0 - 1.0 / 6.0 - 1.0 / 4.0)).abs() < 1e-15, "{chances:?}");
    assert!((chances.iter().sum::<f64>() - 2.0).abs() < 1e-15);
}

#[test]
fn simple() {
    // A hash set up to n / 32, marks up to n / 2, and marks of what is left out beyond.
    for (n, size) in [(130, 4), (100, 3), (20, 6), (20, 10), (20, 15), (5, 5), (7, 1)] {
        let take = |seed| simple_sample(n, size, seed).unwrap().rows;
        equal_chances(&format!("simple {size} of {n}"), n, size, take);
    }
    let data = table(vec![("x", ints(0..9))]);
    let take = |seed| SimpleSample::new(4).seed(seed).draw(&data).unwrap().rows;
    equal_chances("SimpleSample", 9, 4, take);
}

#[test]
fn simple_with_replacement() {
    let (n, size) = (9, 12);
    let mut counts = vec![0; n];
    for seed in 0..TRIALS {
        let rows = simple_sample_with_replacement(n, size, seed).unwrap().rows;
        assert!(rows.len() == size && rows.is_sorted());
        rows.into_iter().for_each(|row| counts[row] += 1);
    }
    let p = 1.0 / n as f64;
    judge("simple with replacement", &counts, vec![(size as f64 * p, size as f64 * p * (1.0 - p)); n]);
}

#[test]
fn systematic() {
    for (n, size) in [(23, 5), (24, 6), (7, 5), (6, 6), (11, 1)] {
        let p = vec![size as f64 / n as f64; n];
        chances(&format!("systematic {size} of {n}"), &p, |seed| {
            let rows = systematic_sample(n, size, seed).unwrap().rows;
            let steps = rows.windows(2).map(|pair| pair[1] - pair[0]);
            assert!(
                rows.len() == size
                    && steps.into_iter().all(|step| step == n / size || step == n.div_ceil(size))
            );
            rows
        });
    }
}

#[test]
fn stratified() {
    // Strata of 12, 6 and 2 rows, mixed; the deviations are 1, 3 and 0.
    let stratum = |row: usize| [0, 1, 0, 1, 0, 0, 1, 0, 0, 2][row % 10];
    let column = ints((0..20).map(|row| stratum(row) as i64));
    let values = |row: usize| [1.0, 3.0, 0.0][stratum(row)] * if row < 10 { 1.0 } else { -1.0 };
    let numbers: Vec<f64> = (0..20).map(values).collect();
    let data = table(vec![("h", column.clone()), ("y", Arc::new(Float64Array::from(numbers.clone())))]);
    let coded = Coded::new("h", &column).unwrap();
    let sizes = [12.0, 6.0, 2.0];
    for (allocation, counts) in [
        (Allocation::Proportional, [6.0, 3.0, 1.0]),
        (Allocation::Equal, [4.0, 4.0, 2.0]),
        (Allocation::Neyman("y".into()), [4.0, 5.0, 1.0]),
    ] {
        let expected: Vec<f64> = (0..20).map(|row| counts[stratum(row)] / sizes[stratum(row)]).collect();
        let recipe = StratifiedSample::new("h", 10).allocation(allocation.clone());
        chances(&format!("stratified, {allocation:?}"), &expected, |seed| {
            let sample = recipe.clone().seed(seed).draw(&data).unwrap();
            assert_eq!(sample, stratified_sample(&coded, 10, &allocation, Some(&numbers), seed).unwrap());
            for (&row, weight) in sample.rows.iter().zip(sample.weights.unwrap()) {
                assert!((weight * expected[row] - 1.0).abs() < 1e-12);
            }
            sample.rows
        });
    }
    assert_eq!(allocate(&[12, 6, 2], &[12.0, 18.0, 0.0], 10).unwrap(), [4, 5, 1]);
}

#[test]
fn clusters() {
    let group = |row: usize| [0, 1, 1, 2, 3, 3, 3, 4, 0, 2, 1, 5, 6][row];
    let column = ints((0..13).map(|row| group(row) as i64));
    let data = table(vec![("g", column.clone())]);
    let coded = Coded::new("g", &column).unwrap();
    for clusters in [1, 3, 5, 7] {
        let p = vec![clusters as f64 / 7.0; 13];
        chances(&format!("{clusters} of 7 clusters"), &p, |seed| {
            let sample = ClusterSample::new("g", clusters).seed(seed).draw(&data).unwrap();
            assert_eq!(sample, cluster_sample(&coded, clusters, seed).unwrap());
            let groups: Vec<usize> = sample.rows.iter().map(|&row| group(row)).collect();
            assert!((0..13).all(|row| groups.contains(&group(row)) == sample.rows.contains(&row)));
            sample.rows
        });
    }
}

#[test]
fn by_weight() {
    for size in [1, 3, 6, 7] {
        let expected = successive(&WEIGHTS, size);
        let take = |seed| weighted_sample(&WEIGHTS, size, seed).unwrap().rows;
        chances(&format!("weighted {size} of 8"), &expected, take);
    }
    let data = table(vec![("w", Arc::new(Float64Array::from(WEIGHTS.to_vec())))]);
    let take = |seed| WeightedSample::new("w", 2).seed(seed).draw(&data).unwrap().rows;
    chances("WeightedSample", &successive(&WEIGHTS, 2), take);
}

#[test]
fn by_weight_with_replacement() {
    let total: f64 = WEIGHTS.iter().sum();
    let data = table(vec![("w", Arc::new(Float64Array::from(WEIGHTS.to_vec())))]);
    let recipe = WeightedSample::new("w", 5).replacement(Replacement::With);
    let table = AliasTable::new(&WEIGHTS).unwrap();
    let (mut counts, mut single) = ([0; 8], [0; 8]);
    let mut rng = seed::stream(9, 9);
    for seed in 0..TRIALS {
        let sample = recipe.clone().seed(seed).draw(&data).unwrap();
        for (&row, weight) in sample.rows.iter().zip(sample.weights.unwrap()) {
            assert!((weight * 5.0 * WEIGHTS[row] / total - 1.0).abs() < 1e-12);
            counts[row] += 1;
        }
        (0..5).for_each(|_| single[table.draw(&mut rng)] += 1);
    }
    let expected = WEIGHTS.map(|w| w / total).map(|p| (5.0 * p, 5.0 * p * (1.0 - p)));
    judge("WeightedSample with replacement", &counts, expected);
    judge("AliasTable", &single, expected);
}

#[test]
fn by_age() {
    let times = [0, 40, 10, 25, 40, 33, 7, 38];
    let weights = recency_weights(&times, 12.5).unwrap();
    times
        .iter()
        .zip(&weights)
        .for_each(|(&t, w)| assert!((w - 0.5f64.powf((40 - t) as f64 / 12.5)).abs() < 1e-15));
    let data = table(vec![("at", ints(times))]).time("at").unwrap();
    let take = |seed| RecencySample::new(3, 12.5).seed(seed).draw(&data).unwrap().rows;
    chances("RecencySample", &successive(&weights, 3), take);
}

/// Uneven parts of 0..n, most of them smaller than a reservoir, some empty.
fn parts(n: usize, parts: usize) -> Vec<Vec<usize>> {
    let mut out = vec![Vec::new(); parts];
    for item in 0..n {
        // Part 2 stays empty, and part 0 has half of all.
        let part = if item.is_multiple_of(2) { 0 } else { (item / 2 * 5 + item / 7) % parts };
        out[if part == 2 { parts - 1 } else { part }].push(item);
    }
    out
}

fn merged(mut all: Vec<Reservoir<usize>>, tree: bool) -> Reservoir<usize> {
    while all.len() > 1 {
        let last = all.pop().unwrap();
        let into = if tree { all.len() / 2 } else { 0 };
        all[into].merge(last).unwrap();
    }
    all.pop().unwrap()
}

#[test]
fn reservoirs() {
    let n = 24;
    for method in [ReservoirMethod::L, ReservoirMethod::R] {
        for (n_parts, size, later) in [
            (1, 4, 0),
            (1, 1, 0),
            (2, 4, 0),
            (2, 4, 10),
            (16, 4, 0),
            (16, 4, 12),
            (16, 1, 7),
            (3, 20, 4),
            (2, 24, 0),
        ] {
            for tree in [false, true] {
                let name =
                    format!("reservoir {method:?}, {size} of {n_parts} parts and {later} later, tree {tree}");
                equal_chances(&name, n, size, |seed| {
                    let reservoirs = parts(n - later, n_parts).into_iter().zip(0..).map(|(items, stream)| {
                        let empty = Reservoir::new(size).unwrap().method(method);
                        let mut reservoir = empty.seed(seed).stream(stream);
                        items.into_iter().for_each(|item| reservoir.push(item));
                        reservoir
                    });
                    let mut all = merged(reservoirs.collect(), tree);
                    (n - later..n).for_each(|item| all.push(item));
                    assert_eq!(all.seen(), n as u64);
                    all.into_items()
                });
                if n_parts < 3 {
                    break;
                }
            }
        }
    }
}

/// The numbers in the column `id` of the rows that a state holds.
fn ids(recipe: &RowReservoir, state: &RowReservoirState, schema: &Schema) -> Vec<usize> {
    let batch = recipe.finish(state).unwrap().batch(schema).unwrap();
    let ids = batch.column_by_name("id").unwrap().as_primitive::<Int64Type>();
    ids.values().iter().map(|id| *id as usize).collect()
}

#[test]
fn row_reservoirs() {
    let batch = table(vec![("id", ints(0..24)), ("constant", ints([7; 24]))]).batch().clone();
    for (n_parts, size, later) in [
        (1, 4, 0),
        (1, 1, 0),
        (2, 4, 0),
        (2, 4, 9),
        (16, 4, 0),
        (16, 4, 9),
        (16, 1, 0),
        (2, 20, 0),
        (2, 24, 0),
    ] {
        for tree in [false, true] {
            let name = format!("RowReservoir of {size} of {n_parts} parts and {later} later, tree {tree}");
            let cuts: Vec<usize> =
                (0..=n_parts).map(|i| (24 - later) * i * i / (n_parts * n_parts)).collect();
            equal_chances(&name, 24, size, |seed| {
                let recipe = RowReservoir::new(size).seed(seed);
                let of = |cut: &[usize]| {
                    let mut state = recipe.init(batch.schema_ref()).unwrap();
                    recipe.update(&mut state, &batch.slice(cut[0], cut[1] - cut[0])).unwrap();
                    state
                };
                let mut states: Vec<RowReservoirState> = cuts.windows(2).map(of).collect();
                while states.len() > 1 {
                    let last = states.pop().unwrap();
                    let into = if tree { states.len() / 2 } else { 0 };
                    recipe.merge(&mut states[into], last).unwrap();
                }
                let mut all = states.pop().unwrap();
                for from in (24 - later..24).step_by(3) {
                    recipe.update(&mut all, &batch.slice(from, 3)).unwrap();
                }
                ids(&recipe, &all, batch.schema_ref())
            });
            if n_parts < 3 {
                break;
            }
        }
    }
}

#[test]
fn row_reservoirs_of_parts_that_look_alike() {
    // 40 rows each, of which the first 32 that are looked at agree: both parts toss the same coins. Every row keeps its
    // chance, and so does every pair of one part.
    let looked_at = |row: usize| (0..32).any(|i| i * 39 / 31 == row);
    let of = |part: usize| {
        let id = (0..40).map(|row| if looked_at(row) { row } else { row + 40 * part });
        RecordBatch::try_from_iter([("id", ints(id.map(|id| id as i64)))]).unwrap()
    };
    let parts = [of(0), of(1)];
    let hidden: Vec<usize> = (0..80).filter(|id| !looked_at(id % 40)).collect();
    let expected = vec![6.0 / 80.0; hidden.len()];
    chances("RowReservoir of parts that look alike", &expected, |seed| {
        let recipe = RowReservoir::new(6).seed(seed);
        let mut states = parts.iter().map(|part| {
            let mut state = recipe.init(part.schema_ref()).unwrap();
            recipe.update(&mut state, part).unwrap();
            state
        });
        let mut all = states.next().unwrap();
        recipe.merge(&mut all, states.next().unwrap()).unwrap();
        let drawn = ids(&recipe, &all, parts[0].schema_ref());
        (0..hidden.len()).filter(|&i| drawn.contains(&hidden[i])).collect()
    });
}

#[test]
fn long_streams_after_a_merge() {
    // The state that L draws anew must fit what was seen: 300 items in two streams, and 900 more.
    for size in [1, 5, 40] {
        let name = format!("reservoir L of {size}, twelfths of a long stream");
        let mut counts = [0; 12];
        for seed in 0..TRIALS {
            let mut reservoir = Reservoir::new(size).unwrap().seed(seed);
            let mut other = Reservoir::new(size).unwrap().stream(1).seed(seed);
            (0..100).for_each(|item| reservoir.push(item));
            (100..300).for_each(|item| other.push(item));
            reservoir.merge(other).unwrap();
            (300..1_200).for_each(|item| reservoir.push(item));
            reservoir.items().iter().for_each(|item| counts[item / 100] += 1);
        }
        // Hypergeometric.
        let (k, p) = (size as f64, 1.0 / 12.0);
        judge(&name, &counts, [(k * p, k * p * (1.0 - p) * (1_200.0 - k) / 1_199.0); 12]);
    }
}

#[test]
fn weighted_reservoirs() {
    for (n_parts, size, later) in
        [(1, 3, 0), (1, 1, 0), (1, 7, 0), (2, 3, 0), (2, 3, 4), (16, 3, 0), (16, 3, 4), (16, 6, 1)]
    {
        let expected = successive(&WEIGHTS, size);
        chances(
            &format!("weighted reservoir, {size} of {n_parts} parts and {later} later"),
            &expected,
            |seed| {
                let reservoirs = parts(8 - later, n_parts).into_iter().zip(0..).map(|(items, stream)| {
                    let mut reservoir = WeightedReservoir::new(size).unwrap().seed(seed, stream);
                    items.into_iter().for_each(|item| reservoir.push(item, WEIGHTS[item]).unwrap());
                    reservoir
                });
                let all = reservoirs.reduce(|mut into, from| {
                    into.merge(from).unwrap();
                    into
                });
                let mut all = all.unwrap();
                (8 - later..8).for_each(|item| all.push(item, WEIGHTS[item]).unwrap());
                assert_eq!(all.seen(), 8);
                all.into_items()
            },
        );
    }
    // The first drawn comes first.
    let first = successive(&WEIGHTS, 1);
    chances("weighted reservoir, the first drawn", &first, |seed| {
        let mut reservoir = WeightedReservoir::new(4).unwrap().seed(seed, 3);
        (0..8).for_each(|item| reservoir.push(item, WEIGHTS[item]).unwrap());
        reservoir.into_items()[..1].to_vec()
    });
}

#[test]
fn bottom_k_of_keys() {
    // Twelve keys, of which key k has k + 1 rows: a key's chance does not depend on them.
    let keys: Vec<i64> = (0..12).flat_map(|key| vec![key; key as usize + 1]).collect();
    let column = ints(keys.iter().copied());
    let of = |rows: &[usize]| {
        let mut taken: Vec<usize> = rows.iter().map(|&row| keys[row] as usize).collect();
        taken.dedup();
        taken
    };
    equal_chances("bottom-k", 12, 4, |seed| {
        let sample = bottom_k(&[("key", &column as &dyn Array)], 4, seed).unwrap();
        assert!(sample.weights.unwrap().iter().all(|weight| *weight == 3.0));
        of(&sample.rows)
    });
    let batch = RecordBatch::try_from_iter([("key", column)]).unwrap();
    for n_parts in [1, 2, 16] {
        let cuts: Vec<usize> = (0..=n_parts).map(|i| 78 * i * i / (n_parts * n_parts)).collect();
        equal_chances(&format!("bottom-k of {n_parts} parts"), 12, 4, |seed| {
            let recipe = BottomK::new("key", 4).seed(seed);
            let mut all = recipe.init(batch.schema_ref()).unwrap();
            for cut in cuts.windows(2) {
                let mut part = recipe.init(batch.schema_ref()).unwrap();
                recipe.update(&mut part, &batch.slice(cut[0], cut[1] - cut[0])).unwrap();
                recipe.merge(&mut all, part).unwrap();
            }
            of(&recipe.finish(&all).unwrap().rows(&batch).unwrap())
        });
    }
}

#[test]
fn events() {
    let rates = [("ok", 0.01), ("slow", 0.3), ("error", 1.0), ("never", 0.0)];
    let sampler = |seed, scale: f64| {
        let of =
            |sampler: EventSampler, (key, rate): (&str, f64)| sampler.rate_of(key, rate * scale).unwrap();
        rates.into_iter().fold(EventSampler::new(0.1 * scale).unwrap().seed(seed), of)
    };
    let keys = ["ok", "slow", "error", "never", "other"];
    let rate = |i: usize| rates.get(i / 10).map_or(0.1, |(_, rate)| *rate);
    let expected: Vec<f64> = (0..50).map(rate).collect();
    chances("EventSampler", &expected, |seed| {
        let (sampler, half) = (sampler(seed, 1.0), sampler(seed, 0.5));
        let keep = |i: usize| {
            let (key, id) = (keys[i / 10], (i % 10) as u64);
            let kept = sampler.keep(key, id);
            assert!(kept.is_none_or(|weight| (weight * rate(i) - 1.0).abs() < 1e-12));
            assert!(half.keep(key, id).is_none() || kept.is_some(), "kept at half the rate only");
            kept.is_some()
        };
        (0..50).filter(|&i| keep(i)).collect()
    });
    // Events of one sampler are independent of one another: 1,000 of a key, or of as many keys, are binomial.
    let sampler = EventSampler::new(0.3).unwrap().seed(5);
    let of_ids = (0..TRIALS).filter(|&id| sampler.keep("slow", id).is_some()).count() as u64;
    let of_keys = (0..TRIALS).filter(|key| sampler.keep(&key.to_string(), 1).is_some()).count() as u64;
    let both = (0..TRIALS).filter(|&id| sampler.keep("a", id).is_some() && sampler.keep("b", id).is_some());
    let neighbours =
        (0..TRIALS).filter(|&id| sampler.keep("a", id).is_some() && sampler.keep("a", id + 1).is_some());
    let counts = [of_ids, of_keys, both.count() as u64];
    judge("EventSampler, one seed", &counts, [(0.3, 0.21), (0.3, 0.21), (0.09, 0.09 * 0.91)]);
    // Neighbouring pairs share an event: 2 (p³ − p⁴) more variance.
    judge(
        "EventSampler, neighbours",
        &[neighbours.count() as u64],
        [(0.09, 0.09 * 0.91 + 2.0 * (0.027 - 0.0081))],
    );
}

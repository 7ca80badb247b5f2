//! Candidates are as likely as the formulas say, and pairs are what a loop over the keys finds.
#![allow(clippy::unwrap_used)]

use mlsys_core::{ErrorKind, seed};
use mlsys_neighbors::lsh::{Buckets, MinHash, PStableHash, SimHash, shingles};
use proptest::prelude::*;

/// Whether two rows are candidates under each of many seeds, against the probability.
fn rate(what: &str, p: f64, trials: u64, candidates: impl Fn(u64) -> bool) {
    let found = (0..trials).filter(|&seed| candidates(seed)).count() as f64;
    let sigma = (trials as f64 * p * (1.0 - p)).sqrt();
    let far = (found - trials as f64 * p).abs();
    assert!(far <= 4.0 * sigma.max(0.25), "{what}: {found} of {trials}, expected {p}");
}

fn only_pair(buckets: &Buckets) -> bool {
    let pairs = buckets.pairs(1).unwrap();
    assert!(pairs.is_empty() || pairs == [(0, 1)]);
    !pairs.is_empty()
}

#[test]
fn min_hash_finds_pairs_as_often_as_it_says() {
    for (shared, alone) in [(30, 10), (20, 20), (38, 2), (5, 35)] {
        // Elements next to each other: the hashes must not care.
        let a: Vec<u64> = (0..shared + alone).collect();
        let b: Vec<u64> = (0..shared).chain(1_000..1_000 + alone).collect();
        let s = shared as f64 / (shared + 2 * alone) as f64;
        for (bands, rows) in [(1, 1), (4, 3), (10, 2), (3, 8)] {
            let hash = MinHash::new(bands, rows);
            let p = hash.candidate_probability(s);
            assert!((p - (1.0 - (1.0 - s.powi(rows as i32)).powi(bands as i32))).abs() < 1e-14);
            rate(&format!("{shared} shared, {bands} x {rows}"), p, 3_000, |seed| {
                only_pair(&hash.seed(seed).buckets(&[&a, &b]).unwrap())
            });
        }
    }
}

#[test]
fn signatures_estimate_the_similarity() {
    let a: Vec<u64> = (0..90).collect();
    let b: Vec<u64> = (30..120).collect();
    let hash = MinHash::new(1, 4_000);
    let (a, b) = (hash.signature(&a).unwrap().unwrap(), hash.signature(&b).unwrap().unwrap());
    let share = a.iter().zip(&b).filter(|(a, b)| a == b).count() as f64 / 4_000.0;
    assert!((share - 0.5).abs() < 4.0 * (0.25_f64 / 4_000.0).sqrt(), "{share}");
}

/// What datasketch's `MinHashLSH` chooses with equal weights.
#[test]
fn bands_of_a_threshold() {
    for (threshold, hashes, chosen) in [(0.5, 128, (25, 5)), (0.8, 128, (9, 13)), (0.9, 128, (5, 25))] {
        let hash = MinHash::for_threshold(threshold, hashes).unwrap();
        assert_eq!((hash.bands(), hash.rows()), chosen);
        assert!(hash.candidate_probability(threshold - 0.2) < 0.5);
        assert!(hash.candidate_probability(threshold + 0.09) > 0.5);
    }
    for threshold in [0.05, 0.3, 0.62, 0.97] {
        let area = |from: f64, to: f64, of: &dyn Fn(f64) -> f64| {
            (0..500).map(|i| of(from + (f64::from(i) + 0.5) * (to - from) / 500.0)).sum::<f64>() * (to - from)
        };
        let error = |bands: usize, rows: usize| {
            let p = |s: f64| MinHash::new(bands, rows).candidate_probability(s);
            area(0.0, threshold, &p) + area(threshold, 1.0, &|s| 1.0 - p(s))
        };
        let all = (1..=60).flat_map(|rows| (1..=60 / rows).map(move |bands| (bands, rows)));
        let best = all.min_by(|a, b| error(a.0, a.1).total_cmp(&error(b.0, b.1))).unwrap();
        let hash = MinHash::for_threshold(threshold, 60).unwrap();
        assert_eq!((hash.bands(), hash.rows()), best, "{threshold}");
    }
    for (threshold, hashes) in [(0.0, 9), (1.0, 9), (f64::NAN, 9), (0.5, 0), (0.5, usize::MAX)] {
        let error = MinHash::for_threshold(threshold, hashes).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidParameter { .. }), "{error}");
    }
}

#[test]
fn sim_hash_finds_pairs_as_often_as_it_says() {
    for angle in [0.1, 0.5, 1.2, 2.5] {
        let (sin, cos): (f64, f64) = f64::sin_cos(angle);
        // Of different lengths, which must not matter.
        let rows = [3.0, 0.0, 0.0, 0.0, 0.5 * cos, 0.0, 0.5 * sin, 0.0];
        for (bands, bits) in [(1, 1), (4, 4), (12, 6)] {
            let hash = SimHash::new(bands, bits);
            rate(
                &format!("angle {angle}, {bands} x {bits}"),
                hash.candidate_probability(angle),
                3_000,
                |seed| only_pair(&hash.seed(seed).buckets(&rows, 4).unwrap()),
            );
        }
    }
}

#[test]
fn p_stable_hashes_find_pairs_as_often_as_they_say() {
    for distance in [0.3, 1.0, 2.0, 6.0] {
        let rows = [7.0, -3.0, 1.0, 7.0 + 0.6 * distance, -3.0, 1.0 - 0.8 * distance];
        for (bands, places, width) in [(1, 1, 1.0), (4, 3, 2.0), (10, 5, 4.0)] {
            let hash = PStableHash::new(bands, places, width);
            let p = hash.candidate_probability(distance);
            rate(&format!("distance {distance}, {bands} x {places} of {width}"), p, 3_000, |seed| {
                only_pair(&hash.seed(seed).buckets(&rows, 3).unwrap())
            });
        }
    }
    // By hand, w = c: 1 − 2 Φ(−1) − √(2 / π) (1 − e^(−1 / 2)).
    let p = PStableHash::new(1, 1, 3.0).candidate_probability(3.0);
    assert!((p - 0.368_745_7).abs() < 1e-6, "{p}");
}

fn loop_over(left: &Buckets, right: &Buckets) -> Vec<(u32, u32)> {
    let mut pairs = Vec::new();
    for a in 0..left.n_rows() {
        for b in 0..right.n_rows() {
            if let (Some(x), Some(y)) = (left.of(a), right.of(b))
                && x.iter().zip(y).any(|(x, y)| x == y)
            {
                pairs.push((a as u32, b as u32));
            }
        }
    }
    pairs
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pairs_are_those_of_a_loop(
        sets in prop::collection::vec(prop::collection::vec(0u64..12, 0..5), 0..40),
        others in prop::collection::vec(prop::collection::vec(0u64..12, 0..5), 0..40),
        seed in any::<u64>(),
    ) {
        let hash = MinHash::new(5, 2).seed(seed);
        let (left, right) = (hash.buckets(&sets).unwrap(), hash.buckets(&others).unwrap());
        let pairs = left.pairs(1_000).unwrap();
        let own: Vec<(u32, u32)> = loop_over(&left, &left).into_iter().filter(|(a, b)| a < b).collect();
        prop_assert_eq!(&pairs, &own);
        prop_assert!(pairs.iter().all(|&(a, b)| !sets[a as usize].is_empty() && !sets[b as usize].is_empty()));
        let across = left.pairs_with(&right, 2_000).unwrap();
        prop_assert_eq!(&across, &loop_over(&left, &right));
        let mut turned: Vec<(u32, u32)> = right.pairs_with(&left, 2_000).unwrap().into_iter().map(|(a, b)| (b, a)).collect();
        turned.sort_unstable();
        prop_assert_eq!(&across, &turned);
        // A cap below the number of pairs is an error, and the number itself is not.
        prop_assert_eq!(&left.pairs(pairs.len()).unwrap(), &pairs);
        if !pairs.is_empty() {
            let error = left.pairs(pairs.len() - 1).unwrap_err();
            let named = matches!(error.kind(), ErrorKind::InvalidParameter { name, .. } if name == "max_pairs");
            prop_assert!(named, "{}", error);
        }
    }
}

#[test]
fn keys_do_not_depend_on_threads_and_stay() {
    let mut rng = seed::stream(1, 1);
    let values: Vec<f64> = (0..6_000).map(|_| seed::uniform(&mut rng) - 0.5).collect();
    let all = || {
        (
            SimHash::new(6, 9).buckets(&values, 3).unwrap(),
            PStableHash::new(6, 3, 0.1).buckets(&values, 3).unwrap(),
        )
    };
    let at = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (sim, stable) = all();
            (sim.pairs(10_000_000).unwrap(), stable.pairs(10_000_000).unwrap(), sim, stable)
        })
    };
    let one = at(1);
    assert!(one.0.len() > 100 && one.1.len() > 100);
    assert!(at(2) == one && at(7) == one);
    // Stored features rest on these.
    assert_eq!(
        MinHash::new(1, 2).buckets(&[[1, 2, 3]]).unwrap().of(0),
        Some([16_677_863_916_653_382_530].as_slice())
    );
    assert_eq!(one.2.of(0).map(|keys| keys[0]), Some(3285416715714611740));
}

#[test]
fn bad_input() {
    let parameter = |result: mlsys_core::Result<Buckets>| match result.unwrap_err().into_kind() {
        ErrorKind::InvalidParameter { name, .. } => name.to_string(),
        other => panic!("{other}"),
    };
    let sets = [[1_u64]];
    assert_eq!(parameter(MinHash::new(0, 1).buckets(&sets)), "bands");
    assert_eq!(parameter(MinHash::new(1, 0).buckets(&sets)), "rows");
    assert_eq!(parameter(MinHash::new(usize::MAX, usize::MAX).buckets(&sets)), "bands");
    assert_eq!(parameter(SimHash::new(2, 1 << 20).buckets(&[1.0], 1)), "rows");
    assert_eq!(parameter(PStableHash::new(1, 1, 0.0).buckets(&[1.0], 1)), "width");
    assert_eq!(parameter(PStableHash::new(1, 1, f64::NAN).buckets(&[1.0], 1)), "width");
    let row = |result: mlsys_core::Result<Buckets>| match result.unwrap_err().into_kind() {
        ErrorKind::NonFinite { row, .. } => row,
        ErrorKind::InvalidValue { row, .. } => row.unwrap(),
        other => panic!("{other}"),
    };
    assert_eq!(row(SimHash::new(1, 1).buckets(&[1.0, f64::NAN], 1)), 1);
    assert_eq!(row(PStableHash::new(1, 40, 1e-9).buckets(&[1.0, 1e305], 1)), 1);
    assert!(SimHash::new(1, 1).buckets(&[1.0, 2.0, 3.0], 2).is_err());
    let extreme = SimHash::new(3, 8).buckets(&[1e308, -1e308, 1.0, -1.0, 0.0, -0.0], 2).unwrap();
    assert_eq!(extreme.pairs(9).unwrap(), [(0, 1)]);
    assert_eq!(extreme.of(2), None);
    let two = SimHash::new(2, 8).buckets(&[1.0, 2.0], 2).unwrap();
    assert!(extreme.pairs_with(&two, 9).is_err());
    assert!(MinHash::new(2, 2).buckets::<Vec<u64>>(&[]).unwrap().pairs(0).unwrap().is_empty());
    assert_eq!(
        (
            shingles("", 3).len(),
            shingles("ab", 3).len(),
            shingles("äbcä", 3).len(),
            shingles("aaaa", 2).len()
        ),
        (0, 1, 2, 1)
    );
}

//! All within a radius are what a loop finds, nearest first.
#![allow(clippy::unwrap_used)]

use mlsys_core::{Coded, ErrorKind};
use mlsys_neighbors::{Donors, Metric, NeighborIndex, Points};
use proptest::prelude::*;

const METRICS: [Metric; 8] = [
    Metric::NanEuclidean,
    Metric::Euclidean,
    Metric::Manhattan,
    Metric::Cosine,
    Metric::Gower,
    Metric::Heom,
    Metric::Hvdm,
    Metric::SmoteNc,
];

/// Numbers, or with gaps and two columns of categories where the metric takes these.
fn points(table: &[Vec<Option<i8>>], metric: Metric) -> Points {
    let simple = matches!(metric, Metric::Euclidean | Metric::Manhattan | Metric::Cosine);
    let number = |cell: Option<i8>| cell.map_or(if simple { 0.0 } else { f64::NAN }, f64::from);
    let code = |cell: Option<i8>| cell.map_or(Coded::MISSING, |x| x.unsigned_abs().into());
    let mut points = Points::new(table.len()).unwrap();
    for c in 0..4 {
        points = if c < 2 && !simple && metric != Metric::NanEuclidean {
            points.categories(&table.iter().map(|row| code(row[c])).collect::<Vec<_>>()).unwrap()
        } else {
            points.numbers(table.iter().map(|row| number(row[c])).collect::<Vec<_>>()).unwrap()
        };
    }
    points
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// All that a search for as many as there are finds, up to the radius; at a radius that is a distance, too.
    #[test]
    fn as_the_nearest_up_to_there(
        table in prop::collection::vec(prop::collection::vec(prop::option::weighted(0.85, -3i8..4), 4), 1..150),
        pick in any::<prop::sample::Index>(), odd in any::<bool>(),
    ) {
        for metric in METRICS {
            let all = points(&table, metric);
            let labels: Vec<u32> = (0..table.len() as u32).map(|row| row % 3).collect();
            let index = NeighborIndex::labelled(&all, metric, &labels).unwrap();
            let everything = index.nearest_others(table.len()).unwrap();
            let distances: Vec<f64> = everything.iter().flatten().map(|n| n.distance).collect();
            let some = if distances.is_empty() { 0.5 } else { distances[pick.index(distances.len())] };
            for radius in [some, 0.0, 1e-200, some * 1.01, 1e300] {
                let (others, found) = (index.others_within(radius).unwrap(), index.within(&all, radius).unwrap());
                for q in 0..table.len() {
                    let expected: Vec<_> =
                        everything.of(q).iter().copied().filter(|n| n.distance <= radius).collect();
                    prop_assert_eq!(others.of(q), &expected[..], "{:?} {}", metric, radius);
                    let of: Vec<_> = found.of(q).iter().copied().filter(|n| n.row != q).collect();
                    prop_assert_eq!(of, expected);
                }
            }
            let kept: Vec<bool> = (0..table.len()).map(|row| (row % 2 == 1) == odd).collect();
            let subset = index.subset(&kept).unwrap();
            let (mut search, mut point) = (index.search(), Vec::new());
            for q in 0..table.len().min(20) {
                all.row(q, &mut point);
                search.within(&point, &[Donors::Among(&subset), Donors::All], some, Some(q)).unwrap();
                let of = |question| search.found(question).map(|n| n.row).collect::<Vec<_>>();
                let all: Vec<usize> =
                    everything.of(q).iter().filter(|n| n.distance <= some).map(|n| n.row).collect();
                prop_assert_eq!(&of(1), &all);
                prop_assert_eq!(of(0), all.into_iter().filter(|row| kept[*row]).collect::<Vec<_>>());
            }
        }
    }
}

/// Whole numbers, so that the loop's distances are exact.
#[test]
fn a_loop_finds_the_same() {
    let cells = |n: usize| -> Vec<f64> { (0..n * 3).map(|i| (i * 7919 % 101 % 9) as f64).collect() };
    let (all, queries) =
        (Points::from_rows(&cells(700), 3).unwrap(), Points::from_rows(&cells(60)[9..], 3).unwrap());
    let index = NeighborIndex::new(&all, Metric::Euclidean).unwrap();
    for radius in [0.0, 1.0, 5.0_f64.sqrt(), 4.5] {
        let found = index.within(&queries, radius).unwrap();
        assert_eq!(found.len(), queries.n_rows());
        for q in 0..queries.n_rows() {
            let square =
                |r: usize| -> f64 { (0..3).map(|c| (all.column(c)[r] - queries.column(c)[q]).powi(2)).sum() };
            let mut expected: Vec<(f64, usize)> =
                (0..700).map(|r| (square(r).sqrt(), r)).filter(|e| e.0 <= radius).collect();
            expected.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            assert_eq!(found.of(q).iter().map(|n| (n.distance, n.row)).collect::<Vec<_>>(), expected);
        }
    }
}

#[test]
fn threads_and_bad_input() {
    let cells: Vec<f64> = (0..20_000).map(|i| f64::from(i * 7919 % 10_007) / 100.0).collect();
    let all = Points::from_rows(&cells, 2).unwrap();
    let find = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| NeighborIndex::new(&all, Metric::Manhattan).unwrap().others_within(1.5).unwrap())
    };
    let one = find(1);
    assert!(one == find(2) && one == find(7) && one.iter().any(|of| of.len() > 1));
    let index = NeighborIndex::new(&all, Metric::Manhattan).unwrap();
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        for error in [
            index.others_within(bad).unwrap_err(),
            index.within(&all, bad).unwrap_err(),
            index.search().within(&[0.0, 0.0], &[Donors::All], bad, None).unwrap_err(),
        ] {
            assert!(
                matches!(error.kind(), ErrorKind::InvalidParameter { name, .. } if name == "radius"),
                "{error}"
            );
        }
    }
    assert!(index.within(&Points::from_rows(&[1.0], 1).unwrap(), 1.0).is_err());
    let none = NeighborIndex::new(&Points::from_rows(&[], 2).unwrap(), Metric::Euclidean).unwrap();
    assert!(none.others_within(1.0).unwrap().is_empty());
    assert!(none.within(&all, 1.0).unwrap().iter().all(<[_]>::is_empty));
    // Squares past a double's range are the largest distance that there is.
    let far = Points::from_rows(&[0.0, 1e300, -1e300], 1).unwrap();
    let index = NeighborIndex::new(&far, Metric::Euclidean).unwrap();
    assert!(index.others_within(1e150).unwrap().iter().all(<[_]>::is_empty));
    assert!(index.others_within(1e160).unwrap().iter().all(|of| of.len() == 2));
}

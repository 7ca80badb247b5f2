//! The search finds what a naive one finds, to the bit of the order.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{
    ArrayRef, BooleanArray, Int32Array, LargeStringArray, RecordBatch, StringArray,
};
use mlsys_core::{Category, Coded, ErrorKind, Layout, seed};
use mlsys_neighbors::{Donors, Metric, NeighborIndex, Neighbors, PointReader, Points};
use proptest::prelude::*;

/// Rows of few values with gaps, so that ties abound; `None` is a gap.
type Rows = Vec<Vec<Option<i8>>>;

fn points(rows: &[Vec<Option<i8>>], columns: usize, categorical: &[bool]) -> Points {
    let mut points = Points::new(rows.len()).unwrap();
    for (c, &categorical) in categorical.iter().enumerate().take(columns) {
        points = if categorical {
            let code = |row: &Vec<Option<i8>>| row[c].map_or(Coded::MISSING, |v| v.unsigned_abs().into());
            points.categories(&rows.iter().map(code).collect::<Vec<_>>()).unwrap()
        } else {
            points
                .numbers(rows.iter().map(|row| row[c].map_or(f64::NAN, f64::from)).collect::<Vec<_>>())
                .unwrap()
        };
    }
    points
}

/// The definition: the mean of what the shared columns add, by a loop over all rows.
fn naive(donors: &Points, queries: &Points, q: usize, metric: Metric, w: &[f64]) -> Vec<(usize, f64)> {
    let mut found = Vec::new();
    for row in 0..donors.n_rows() {
        let (mut sum, mut weight) = (0.0, 0.0);
        for (c, &w) in w.iter().enumerate() {
            let (a, b) = (donors.column(c)[row], queries.column(c)[q]);
            if a.is_nan() || b.is_nan() {
                continue;
            }
            weight += w;
            sum += w * match metric {
                Metric::Gower if donors.is_categorical(c) => f64::from(u8::from(a != b)),
                Metric::Gower => {
                    let there = || donors.column(c).iter().copied().filter(|x| !x.is_nan());
                    let (low, high) = (there().fold(f64::MAX, f64::min), there().fold(f64::MIN, f64::max));
                    if high > low {
                        ((a - b).abs() / (high - low)).min(1.0)
                    } else {
                        f64::from(u8::from(a != b))
                    }
                }
                _ => (a - b) * (a - b),
            };
        }
        if weight > 0.0 {
            let all: f64 = w.iter().sum();
            found.push((
                row,
                if metric == Metric::Gower { sum / weight } else { (sum * all / weight).sqrt() },
            ));
        }
    }
    found.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    found
}

fn close(
    found: &Neighbors,
    q: usize,
    expected: &[(usize, f64)],
    exact_order: bool,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.of(q).len(), expected.len());
    for (a, b) in found.of(q).iter().zip(expected) {
        prop_assert!((a.distance - b.1).abs() <= 1e-12 * (1.0 + b.1), "{:?} {:?}", a, b);
        prop_assert!(!exact_order || a.row == b.0, "{:?} {:?}", a, b);
    }
    Ok(())
}

fn rows(columns: usize) -> impl Strategy<Value = Rows> {
    prop::collection::vec(prop::collection::vec(prop::option::weighted(0.8, -4i8..4), columns), 1..300)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn finds_what_a_loop_finds(table in rows(4), k in 1usize..12) {
        // Whole numbers and powers of two: sums are exact, so that ties are the loop's ties.
        let all = points(&table, 4, &[false; 4]);
        let index = NeighborIndex::new(&all, Metric::NanEuclidean).unwrap();
        let found = index.nearest(&all, k).unwrap();
        let others = index.nearest_others(k).unwrap();
        for q in 0..table.len() {
            let mut expected = naive(&all, &all, q, Metric::NanEuclidean, &[1.0; 4]);
            close(&found, q, &expected[..k.min(expected.len())], true)?;
            expected.retain(|(row, _)| *row != q);
            close(&others, q, &expected[..k.min(expected.len())], true)?;
        }
    }

    #[test]
    fn weighted_gower_is_the_formula(table in rows(5), w in prop::collection::vec(0.25..4.0f64, 5)) {
        let all = points(&table, 5, &[false, true, false, true, false]);
        let index = NeighborIndex::weighted(&all, Metric::Gower, &w).unwrap();
        let found = index.nearest(&all, 7).unwrap();
        for q in 0..table.len().min(40) {
            let expected = naive(&all, &all, q, Metric::Gower, &w);
            // Equal distances may round apart: then their order is open, the distances are not.
            close(&found, q, &expected[..7.min(expected.len())], false)?;
        }
    }

    #[test]
    fn donors_are_those_that_are_asked_for(table in rows(3), k in 1usize..6, odd in any::<bool>()) {
        let all = points(&table, 3, &[false; 3]);
        let index = NeighborIndex::new(&all, Metric::NanEuclidean).unwrap();
        let kept: Vec<bool> = (0..table.len()).map(|row| (row % 2 == 1) == odd).collect();
        let subset = index.subset(&kept).unwrap();
        let mut search = index.search();
        let mut point = Vec::new();
        for q in 0..table.len() {
            all.row(q, &mut point);
            search.find(&point, &[Donors::Observed(0), Donors::Among(&subset), Donors::All], k, Some(q)).unwrap();
            let expected = naive(&all, &all, q, Metric::NanEuclidean, &[1.0; 3]);
            let keeps: [&dyn Fn(usize) -> bool; 3] = [&|row| table[row][0].is_some(), &|row| kept[row], &|_| true];
            for (i, keep) in keeps.iter().enumerate() {
                let rows: Vec<usize> = expected.iter().map(|e| e.0).filter(|&r| r != q && keep(r)).take(k).collect();
                prop_assert_eq!(search.found(i).map(|n| n.row).collect::<Vec<_>>(), rows);
            }
        }
    }
}

/// `rows` of `columns` random numbers, of which a share is missing.
fn random(rows: usize, columns: usize, missing: f64) -> Points {
    let mut rng = seed::stream(5, 0);
    let mut draw = || if seed::uniform(&mut rng) < missing { f64::NAN } else { seed::uniform(&mut rng) };
    let values: Vec<f64> = (0..rows * columns).map(|_| draw()).collect();
    Points::from_rows(&values, columns).unwrap()
}

#[test]
fn large_tables_and_threads() {
    for missing in [0.0, 0.15] {
        let all = random(40_000, 6, missing);
        let find = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                NeighborIndex::new(&all, Metric::NanEuclidean).unwrap().nearest_others(4).unwrap()
            })
        };
        let one = find(1);
        assert!(one == find(2) && one == find(7));
        for q in (0..40_000).step_by(4_001) {
            let mut expected = naive(&all, &all, q, Metric::NanEuclidean, &[1.0; 6]);
            expected.retain(|(row, _)| *row != q);
            let rows: Vec<usize> = one.of(q).iter().map(|n| n.row).collect();
            assert_eq!(rows, expected[..4].iter().map(|e| e.0).collect::<Vec<_>>());
        }
    }
}

#[test]
fn euclidean_is_the_same_without_gaps_and_refuses_them() {
    let all = random(500, 3, 0.0);
    let of = |metric| NeighborIndex::new(&all, metric).unwrap().nearest_others(3).unwrap();
    assert_eq!(of(Metric::Euclidean), of(Metric::NanEuclidean));
    let gaps = random(50, 3, 0.5);
    let error = NeighborIndex::new(&gaps, Metric::Euclidean).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MissingValues { .. }), "{error}");
    let index = NeighborIndex::new(&all, Metric::Euclidean).unwrap();
    assert!(index.nearest(&gaps, 1).is_err());
    assert!(index.search().find(&[0.0, f64::NAN, 0.0], &[Donors::All], 1, None).is_err());
}

#[test]
fn duplicates_stay_and_the_row_itself_does_not() {
    let all = Points::from_rows(&[1.0, 1.0, 1.0, 9.0], 1).unwrap();
    let found = NeighborIndex::new(&all, Metric::Euclidean).unwrap().nearest_others(2).unwrap();
    let rows: Vec<Vec<usize>> = found.iter().map(|of| of.iter().map(|n| n.row).collect()).collect();
    assert_eq!(rows, [[1, 2], [0, 2], [0, 1], [0, 1]]);
    assert_eq!(found.of(0)[1].distance, 0.0);
}

/// Gower, *A general coefficient of similarity*: (|2 − 4| / 4 + 1 + 0) / 3, and without the second column (2 / 4 + 0) / 2.
#[test]
fn gower_by_hand() {
    let gap = Coded::MISSING;
    let points = |x: &[f64], a: &[u32], b: &[u32]| {
        Points::new(x.len())
            .unwrap()
            .numbers(x.to_vec())
            .unwrap()
            .categories(a)
            .unwrap()
            .categories(b)
            .unwrap()
    };
    let index =
        NeighborIndex::new(&points(&[4.0, 4.0, 0.0], &[0, gap, 1], &[5, 5, 5]), Metric::Gower).unwrap();
    let found = index.nearest(&points(&[2.0], &[1], &[5]), 3).unwrap();
    let rows: Vec<(usize, f64)> = found.of(0).iter().map(|n| (n.row, n.distance)).collect();
    assert_eq!(rows, [(2, 0.5 / 3.0), (1, 0.25), (0, 0.5)]);
    // Beyond the range counts as the whole range.
    let far = index.nearest(&points(&[1e300], &[1], &[5]), 3).unwrap();
    assert_eq!(far.of(0)[0].distance, 1.0 / 3.0);
}

#[test]
fn hostile_points() {
    let infinite = Points::from_rows(&[1.0, f64::INFINITY], 1).unwrap_err();
    assert!(matches!(infinite.kind(), ErrorKind::NonFinite { row: 1, .. }), "{infinite}");
    assert!(Points::from_rows(&[1.0, 2.0, 3.0], 2).is_err());
    assert!(Points::new(2).unwrap().categories(&[1]).is_err());
    assert!(NeighborIndex::new(&Points::new(3).unwrap(), Metric::Gower).is_err());
    // Squares that overflow are all equally far, and the rows decide.
    let far = Points::from_rows(&[1e300, -1e300, 0.0, f64::NAN, 1e200], 1).unwrap();
    let index = NeighborIndex::new(&far, Metric::NanEuclidean).unwrap();
    let rows: Vec<usize> = index.nearest_others(9).unwrap().of(0).iter().map(|n| n.row).collect();
    assert_eq!(rows, [1, 2, 4]);
    assert!(index.nearest_others(9).unwrap().of(3).is_empty());
    assert!(
        index.nearest_others(9).unwrap().of(5).is_empty()
            && index.nearest_others(9).unwrap().of(99).is_empty()
    );
    let error = index.nearest_others(0).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidParameter { name, .. } if name == "k"), "{error}");
    assert!(index.nearest(&random(2, 2, 0.0), 1).is_err());
    let mut search = index.search();
    search.find(&[0.0], &[Donors::All], 1, None).unwrap();
    assert!(search.find(&[f64::INFINITY], &[Donors::All], 1, None).is_err());
    assert_eq!((search.found(0).len(), search.found(9).len()), (0, 0));
    assert!(index.search().find(&[1.0], &[Donors::Observed(1)], 1, None).is_err());
    assert!(index.subset(&[true]).is_err());
    let none = NeighborIndex::new(&Points::from_rows(&[], 1).unwrap(), Metric::NanEuclidean).unwrap();
    assert!(none.nearest(&far, 3).unwrap().iter().all(<[_]>::is_empty));
    let codes = Points::new(1).unwrap().categories(&[1]).unwrap();
    assert!(NeighborIndex::new(&codes, Metric::NanEuclidean).is_err());
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(NeighborIndex::weighted(&far, Metric::Gower, &[bad]).is_err());
    }
}

#[test]
fn tables_are_read_alike_while_searching_and_while_asking() {
    let x: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, Some(3)]));
    let word: ArrayRef = Arc::new(StringArray::from(vec![Some("b"), Some("a"), None]));
    let flag: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), None, Some(true)]));
    let columns = [("x", x, true), ("word", word, true), ("flag", flag, true)];
    let rows = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let layout = Layout::new(rows.schema()).unwrap();
    let reader = PointReader::mixed(&layout, &rows, ["word", "x", "flag"]).unwrap();
    reader.validate().unwrap();
    assert_eq!(reader.categories(0), Some([Category::from("a"), Category::from("b")].as_slice()));
    assert_eq!((reader.categories(1), reader.categories(2).map(<[_]>::len)), (None, Some(1)));
    let points = reader.points(&rows).unwrap();
    let bits =
        |c: usize| points.column(c).iter().map(|x| (!x.is_nan()).then_some(*x as i64)).collect::<Vec<_>>();
    assert_eq!((bits(0), bits(1)), (vec![Some(1), Some(0), None], vec![Some(1), None, Some(3)]));
    // Another encoding, another order of columns, and a word that nobody knew, which differs from all.
    let new: ArrayRef = Arc::new(LargeStringArray::from(vec!["a", "c", "b"]));
    let fresh = RecordBatch::try_from_iter([
        ("flag", Arc::new(BooleanArray::from(vec![false, true, true])) as ArrayRef),
        ("x", Arc::new(Int32Array::from(vec![1, 1, 1]))),
        ("word", new),
    ]);
    let queries = reader.points(&fresh.unwrap()).unwrap();
    assert_eq!(queries.column(0), [0.0, 2.0, 1.0]);
    assert_eq!(queries.column(2), [1.0, 0.0, 0.0]);
    let index = NeighborIndex::new(&points, Metric::Gower).unwrap();
    let nearest: Vec<usize> = index.nearest(&queries, 1).unwrap().iter().map(|of| of[0].row).collect();
    assert_eq!(nearest, [1, 0, 0]);
    let numbers = PointReader::numbers(&layout, ["x", "flag"]).unwrap();
    assert_eq!(numbers.points(&rows).unwrap().column(1)[0], 1.0);
    let error = PointReader::numbers(&layout, ["word"]).unwrap().points(&rows).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ColumnType { .. }), "{error}");
    assert!(PointReader::numbers(&layout, ["x", "x"]).unwrap().validate().is_err());
    assert!(PointReader::numbers(&layout, ["word"]).unwrap().validate().is_err());
    assert!(PointReader::mixed(&layout, &rows, ["none"]).is_err());
}

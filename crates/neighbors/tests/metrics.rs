//! Each metric is its formula, by a loop over all rows.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, Int32Array, RecordBatch, StringArray};
use mlsys_core::{Coded, ErrorKind, Layout};
use mlsys_neighbors::{Donors, Metric, NeighborIndex, PointReader, Points};
use proptest::prelude::*;

/// Small whole numbers and few categories with gaps, so that ties abound.
type Rows = Vec<Vec<Option<i8>>>;

fn rows(columns: usize, cell: impl Strategy<Value = Option<i8>>) -> impl Strategy<Value = Rows> {
    prop::collection::vec(prop::collection::vec(cell, columns), 1..200)
}

fn some() -> impl Strategy<Value = Option<i8>> {
    (-3i8..4).prop_map(Some)
}

fn gappy() -> impl Strategy<Value = Option<i8>> {
    prop::option::weighted(0.8, -3i8..4)
}

fn points(rows: &[Vec<Option<i8>>], categorical: &[bool]) -> Points {
    let code = |cell: Option<i8>| cell.map_or(Coded::MISSING, |v| v.unsigned_abs().into());
    let mut points = Points::new(rows.len()).unwrap();
    for (c, &categorical) in categorical.iter().enumerate() {
        points = if categorical {
            points.categories(&rows.iter().map(|row| code(row[c])).collect::<Vec<_>>()).unwrap()
        } else {
            points
                .numbers(rows.iter().map(|row| row[c].map_or(f64::NAN, f64::from)).collect::<Vec<_>>())
                .unwrap()
        };
    }
    points
}

fn there(points: &Points, c: usize) -> Vec<f64> {
    points.column(c).iter().copied().filter(|x| !x.is_nan()).collect()
}

fn deviation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let sd = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
    // Of equal values the loop's mean may round.
    if values.iter().all(|x| *x == values[0]) { 0.0 } else { sd }
}

fn in_units(d: f64, unit: f64) -> f64 {
    if unit > 0.0 { d / unit } else { f64::from(u8::from(d > 0.0)) }
}

/// P(class | value) in one column.
fn shares(points: &Points, labels: &[u32], c: usize, value: f64) -> Option<Vec<f64>> {
    let with: Vec<u32> =
        (0..labels.len()).filter(|&row| points.column(c)[row] == value).map(|row| labels[row]).collect();
    let share = |class| with.iter().filter(|l| **l == class).count() as f64 / with.len() as f64;
    (!with.is_empty()).then(|| (0..4).map(share).collect())
}

/// The distance by its formula; `None` where there is none.
fn naive(metric: Metric, all: &Points, labels: &[u32], a: &[f64], b: &[f64], w: &[f64]) -> Option<f64> {
    let (mut sum, mut both) = (0.0, 0.0);
    if metric == Metric::Cosine {
        let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).zip(w).map(|((a, b), w)| w * a * b).sum() };
        let zero = |a: &[f64]| a.iter().all(|x| *x == 0.0);
        return Some(match (zero(a), zero(b)) {
            (true, true) => 0.0,
            (false, false) => 1.0 - dot(a, b) / (dot(a, a) * dot(b, b)).sqrt(),
            _ => 1.0,
        });
    }
    let numeric: Vec<usize> = (0..w.len()).filter(|&c| !all.is_categorical(c)).collect();
    let mut deviations: Vec<f64> = numeric.iter().map(|&c| deviation(&there(all, c))).collect();
    deviations.sort_by(f64::total_cmp);
    for (c, &w) in w.iter().enumerate() {
        let (x, y) = (a[c], b[c]);
        let known = there(all, c);
        let range =
            known.iter().fold(f64::MIN, |m, x| m.max(*x)) - known.iter().fold(f64::MAX, |m, x| m.min(*x));
        let differs = f64::from(u8::from(x != y));
        let gap = x.is_nan() || y.is_nan();
        if gap && !matches!(metric, Metric::Heom | Metric::Hvdm) {
            continue;
        }
        both += w;
        sum += w * match (metric, all.is_categorical(c)) {
            (Metric::Heom | Metric::Hvdm, _) if gap => 1.0,
            (Metric::Manhattan, _) => (x - y).abs(),
            (Metric::Heom, false) => in_units((x - y).abs(), range).powi(2),
            (Metric::Heom, true) => differs,
            (Metric::Hvdm, false) => in_units((x - y).abs(), 4.0 * deviation(&known)).powi(2),
            (Metric::Hvdm, true) => match (shares(all, labels, c, x), shares(all, labels, c, y)) {
                (Some(p), Some(q)) => p.iter().zip(&q).map(|(p, q)| (p - q).powi(2)).sum(),
                _ => 1.0,
            },
            (Metric::SmoteNc, true) => {
                let middle = deviations.len();
                let m = (deviations[(middle - 1) / 2] + deviations[middle / 2]) / 2.0;
                differs * m * m
            }
            _ => (x - y) * (x - y),
        };
    }
    let total: f64 = w.iter().sum();
    match metric {
        Metric::Manhattan => Some(sum),
        Metric::Heom | Metric::Hvdm => Some(sum.sqrt()),
        _ => (both > 0.0).then(|| (sum * total / both).sqrt()),
    }
}

/// The distances of the nearest are the k least of the loop's, and each is that of its row.
fn check(
    metric: Metric,
    index: &NeighborIndex,
    all: &Points,
    labels: &[u32],
    w: &[f64],
) -> Result<(), TestCaseError> {
    const K: usize = 6;
    let others = index.nearest_others(K).unwrap();
    let found = index.nearest(all, K).unwrap();
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for q in 0..all.n_rows().min(40) {
        all.row(q, &mut a);
        let mut expected: Vec<(f64, usize)> = Vec::new();
        for row in 0..all.n_rows() {
            all.row(row, &mut b);
            expected.extend(naive(metric, all, labels, &a, &b, w).map(|d| (d, row)));
        }
        let distance = |row: usize| expected.iter().find(|e| e.1 == row).map(|e| e.0);
        for (of, itself) in [(others.of(q), false), (found.of(q), true)] {
            let mut least: Vec<f64> = expected.iter().filter(|e| itself || e.1 != q).map(|e| e.0).collect();
            least.sort_by(f64::total_cmp);
            prop_assert_eq!(of.len(), least.len().min(K));
            for (n, least) in of.iter().zip(least) {
                prop_assert!((n.distance - least).abs() <= 1e-7 * (1.0 + least), "{metric:?} {n:?} {least}");
                let own = distance(n.row).unwrap();
                prop_assert!((n.distance - own).abs() <= 1e-7 * (1.0 + own), "{metric:?} {n:?} {own}");
                prop_assert!(itself || n.row != q);
            }
            prop_assert!(of.is_sorted_by(|a, b| a.distance <= b.distance));
        }
    }
    Ok(())
}

const MIXED: [bool; 5] = [false, true, false, true, false];

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_numbers(table in rows(4, some()), w in prop::collection::vec(0.25..4.0f64, 4)) {
        let all = points(&table, &[false; 4]);
        for metric in [Metric::Manhattan, Metric::Cosine] {
            let plain = NeighborIndex::new(&all, metric).unwrap();
            check(metric, &plain, &all, &[], &[1.0; 4])?;
            check(metric, &NeighborIndex::weighted(&all, metric, &w).unwrap(), &all, &[], &w)?;
        }
    }

    #[test]
    fn of_mixed_columns(table in rows(5, gappy()), w in prop::collection::vec(0.25..4.0f64, 5)) {
        let all = points(&table, &MIXED);
        for metric in [Metric::Heom, Metric::SmoteNc] {
            check(metric, &NeighborIndex::new(&all, metric).unwrap(), &all, &[], &[1.0; 5])?;
            check(metric, &NeighborIndex::weighted(&all, metric, &w).unwrap(), &all, &[], &w)?;
        }
    }

    #[test]
    fn of_labelled_columns(table in rows(5, gappy()), classes in 1..5usize) {
        let all = points(&table, &MIXED);
        let labels: Vec<u32> = (0..table.len()).map(|row| ((row * 7 + row / 3) % classes) as u32).collect();
        let index = NeighborIndex::labelled(&all, Metric::Hvdm, &labels).unwrap();
        check(Metric::Hvdm, &index, &all, &labels, &[1.0; 5])?;
    }

    /// Whole numbers have exact sums of differences, so that the loop's ties are ours.
    #[test]
    fn ties_go_by_row(table in rows(3, some()), k in 1..8usize) {
        let all = points(&table, &[false; 3]);
        let found = NeighborIndex::new(&all, Metric::Manhattan).unwrap().nearest_others(k).unwrap();
        for q in 0..table.len() {
            let d = |r: usize| (0..3).map(|c| (all.column(c)[q] - all.column(c)[r]).abs()).sum::<f64>();
            let mut expected: Vec<usize> = (0..table.len()).filter(|r| *r != q).collect();
            expected.sort_by(|&a, &b| d(a).total_cmp(&d(b)).then(a.cmp(&b)));
            expected.truncate(k);
            prop_assert_eq!(found.of(q).iter().map(|n| n.row).collect::<Vec<_>>(), expected);
        }
    }

    /// A distance is the same in both directions, to the bit.
    #[test]
    fn distances_are_symmetric(table in rows(5, gappy())) {
        let all = points(&table, &MIXED);
        let labels: Vec<u32> = (0..table.len() as u32).map(|row| row % 3).collect();
        for metric in [Metric::Heom, Metric::Hvdm, Metric::SmoteNc, Metric::Gower] {
            let index = NeighborIndex::labelled(&all, metric, &labels).unwrap();
            let found = index.nearest_others(table.len()).unwrap();
            let of = |a: usize, b: usize| found.of(a).iter().find(|n| n.row == b).map(|n| n.distance.to_bits());
            for a in 0..table.len().min(30) {
                for b in 0..a {
                    prop_assert_eq!(of(a, b), of(b, a), "{:?}", metric);
                }
            }
        }
    }

    #[test]
    fn cosine_forgets_length(table in rows(3, some()), factor in 1..9u8) {
        let all = points(&table, &[false; 3]);
        let mut long = Points::new(table.len()).unwrap();
        for c in 0..3 {
            long = long.numbers(all.column(c).iter().map(|x| x * f64::from(factor)).collect::<Vec<_>>()).unwrap();
        }
        let of = |p| NeighborIndex::new(p, Metric::Cosine).unwrap().nearest_others(5).unwrap();
        prop_assert_eq!(of(&all), of(&long));
    }
}

fn distances(index: &NeighborIndex, queries: &Points) -> Vec<(usize, f64)> {
    index.nearest(queries, 9).unwrap().of(0).iter().map(|n| (n.row, n.distance)).collect()
}

/// Wilson and Martinez: numbers by range or 4σ, categories by agreement or class shares, 1 for what is not known.
#[test]
fn heterogeneous_by_hand() {
    let table = |x: &[f64], c: &[u32]| {
        Points::new(x.len()).unwrap().numbers(x.to_vec()).unwrap().categories(c).unwrap()
    };
    // Range 8, σ = 4; category 0 goes with class 0 in one of two rows, category 1 with class 1.
    let all = table(&[0.0, 0.0, 8.0, 8.0], &[0, 0, 1, 1]);
    let query = table(&[2.0], &[0]);
    let heom = NeighborIndex::new(&all, Metric::Heom).unwrap();
    let far = (0.75_f64.powi(2) + 1.0).sqrt();
    assert_eq!(distances(&heom, &query), [(0, 0.25), (1, 0.25), (2, far), (3, far)]);
    let hvdm = NeighborIndex::labelled(&all, Metric::Hvdm, &[0, 1, 1, 1]).unwrap();
    let far = ((6.0_f64 / 16.0).powi(2) + 0.5).sqrt();
    assert_eq!(distances(&hvdm, &query), [(0, 0.125), (1, 0.125), (2, far), (3, far)]);
    // Gaps and new categories are 1 away, whatever stands on the other side.
    let nothing = table(&[f64::NAN], &[7]);
    for index in [&heom, &hvdm] {
        assert_eq!(distances(index, &nothing), [0, 1, 2, 3].map(|row| (row, 2.0_f64.sqrt())));
    }
    // SMOTE-NC: deviations 4 and 1, whose median is 2.5.
    let wide = Points::new(2).unwrap().numbers(vec![0.0, 8.0]).unwrap().numbers(vec![2.0, 4.0]).unwrap();
    let index = NeighborIndex::new(&wide.categories(&[0, 1]).unwrap(), Metric::SmoteNc).unwrap();
    let query = Points::from_rows(&[0.0, 2.0], 2).unwrap().categories(&[1]).unwrap();
    assert_eq!(distances(&index, &query), [(0, 2.5), (1, 68.0_f64.sqrt())]);
}

#[test]
fn directions_by_hand() {
    let all = Points::from_rows(&[3.0, 4.0, 6.0, 8.0, -3.0, -4.0, 0.0, 0.0, 0.0, 0.0, 4.0, -3.0], 2).unwrap();
    let index = NeighborIndex::new(&all, Metric::Cosine).unwrap();
    let of = |row: usize| -> Vec<(usize, f64)> {
        index.nearest_others(9).unwrap().of(row).iter().map(|n| (n.row, n.distance)).collect()
    };
    assert_eq!(of(0)[0], (1, 0.0));
    for (row, distance) in of(0) {
        // 180 degrees, and 90, and zeros as those.
        let expected = [0.0, 0.0, 2.0, 1.0, 1.0, 1.0][row];
        assert!((distance - expected).abs() < 1e-15, "{row} {distance}");
    }
    assert_eq!(of(3)[0], (4, 0.0));
    // Squares that would overflow or vanish.
    let extreme = Points::from_rows(&[1e300, 1e300, 1e-300, 1e-300, 1.0, 0.0], 2).unwrap();
    let found = NeighborIndex::new(&extreme, Metric::Cosine).unwrap().nearest_others(1).unwrap();
    assert_eq!((found.of(0)[0].row, found.of(0)[0].distance), (1, 0.0));
}

#[test]
fn hostile_points() {
    let numbers = Points::from_rows(&[1.0, 2.0, 3.0], 1).unwrap();
    let codes = Points::new(3).unwrap().categories(&[u32::MAX - 1, 0, Coded::MISSING]).unwrap();
    let gaps = Points::from_rows(&[1.0, f64::NAN], 1).unwrap();
    for metric in [Metric::Manhattan, Metric::Cosine] {
        let error = NeighborIndex::new(&gaps, metric).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::MissingValues { .. }), "{error}");
        assert!(NeighborIndex::new(&codes, metric).is_err());
        let index = NeighborIndex::new(&numbers, metric).unwrap();
        assert!(index.nearest(&gaps, 1).is_err() && index.nearest(&codes, 1).is_err());
        assert!(index.search().find(&[f64::NAN], &[Donors::All], 1, None).is_err());
        assert!(index.search().find(&[f64::NEG_INFINITY], &[Donors::All], 1, None).is_err());
    }
    assert!(NeighborIndex::new(&codes, Metric::SmoteNc).is_err());
    assert!(NeighborIndex::new(&codes, Metric::Hvdm).is_err());
    assert!(NeighborIndex::labelled(&codes, Metric::Hvdm, &[0, 1]).is_err());
    let error = NeighborIndex::labelled(&codes, Metric::Hvdm, &[0, 1, Coded::MISSING]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidValue { row: Some(2), .. }), "{error}");
    // Labels and codes may be any numbers.
    let index = NeighborIndex::labelled(&codes, Metric::Hvdm, &[u32::MAX - 1, 0, 7]).unwrap();
    assert_eq!(index.nearest_others(5).unwrap().of(2).len(), 2);
    for metric in [Metric::Heom, Metric::Hvdm, Metric::SmoteNc, Metric::Manhattan] {
        // Without a range, beyond a double's range, and without rows.
        let far = Points::from_rows(&[1e308, 3.0, -1e308, 3.0, 0.0, 3.0, 0.0, 3.0], 2).unwrap();
        let index = NeighborIndex::labelled(&far, metric, &[0, 1, 0, 1]).unwrap();
        let found = index.nearest_others(5).unwrap();
        assert!(
            found.iter().all(|of| of.len() == 3 && of.iter().all(|n| n.distance.is_finite())),
            "{metric:?}"
        );
        assert_eq!((found.of(2)[0].row, found.of(2)[0].distance), (3, 0.0));
        let none = Points::from_rows(&[], 1).unwrap();
        let index = NeighborIndex::labelled(&none, metric, &[]).unwrap();
        assert!(index.nearest(&numbers, 3).unwrap().iter().all(<[_]>::is_empty));
    }
    // All gaps are as far as can be, and no reason to panic.
    let empty = Points::from_rows(&[f64::NAN; 4], 2).unwrap();
    let found = NeighborIndex::new(&empty, Metric::Heom).unwrap().nearest_others(1).unwrap();
    assert_eq!(found.of(0)[0].distance, 2.0_f64.sqrt());
    assert!(NeighborIndex::new(&empty, Metric::SmoteNc).unwrap().nearest_others(1).unwrap().of(0).is_empty());
}

#[test]
fn tables_and_threads() {
    let n = 5_000;
    let x: ArrayRef = Arc::new(Int32Array::from_iter((0..n).map(|i| (i % 11 != 0).then_some(i * 7919 % 97))));
    let y: ArrayRef = Arc::new(Float64Array::from_iter((0..n).map(|i| Some(f64::from(i * 104_729 % 89)))));
    let words = ["a", "b", "c", "d"];
    let word = (0..n).map(|i| (i % 13 != 0).then(|| words[i as usize * 31 % 17 % 4]));
    let word: ArrayRef = Arc::new(StringArray::from_iter(word));
    let rows =
        RecordBatch::try_from_iter_with_nullable([("x", x, true), ("y", y, true), ("word", word, true)])
            .unwrap();
    let reader = PointReader::mixed(&Layout::new(rows.schema()).unwrap(), &rows, ["x", "y", "word"]).unwrap();
    let points = reader.points(&rows).unwrap();
    let labels: Vec<u32> = (0..n as u32).map(|i| i * 13 % 3).collect();
    for metric in [Metric::Heom, Metric::Hvdm, Metric::SmoteNc] {
        let find = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                NeighborIndex::labelled(&points, metric, &labels).unwrap().nearest_others(3).unwrap()
            })
        };
        let one = find(1);
        assert!(one == find(2) && one == find(7));
    }
}

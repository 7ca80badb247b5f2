//! Many queries at once find what a loop over all rows finds, to the bit.
#![allow(clippy::unwrap_used)]

use mlsys_core::{ErrorKind, seed};
use mlsys_neighbors::{Donors, Metric, NeighborIndex, Neighbors, Points, Strategy};

/// Sums of squares in the order of columns, nearest first, ties by row.
fn naive(points: &Points, queries: &Points, q: usize, k: usize, itself: bool) -> Vec<(usize, u64)> {
    let (mut query, mut point) = (Vec::new(), Vec::new());
    queries.row(q, &mut query);
    let mut all: Vec<(f64, usize)> = Vec::new();
    for row in (0..points.n_rows()).filter(|&row| itself || row != q) {
        points.row(row, &mut point);
        let sum = point.iter().zip(&query).fold(0.0, |sum, (a, b)| sum + (a - b) * (a - b));
        all.push((sum.min(f64::MAX), row));
    }
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    all.truncate(k);
    all.into_iter().map(|(sum, row)| (row, sum.sqrt().to_bits())).collect()
}

fn bits(found: &Neighbors, q: usize) -> Vec<(usize, u64)> {
    found.of(q).iter().map(|n| (n.row, n.distance.to_bits())).collect()
}

fn check(name: &str, points: &Points, queries: &Points, k: usize) {
    let index = NeighborIndex::new(points, Metric::Euclidean).unwrap();
    assert_eq!(index.strategy(queries.n_rows()), Strategy::Leaves, "{name}");
    let (others, found) = (index.nearest_others(k).unwrap(), index.nearest(queries, k).unwrap());
    assert_eq!((others.len(), found.len()), (points.n_rows(), queries.n_rows()));
    let (mut search, mut point) = (index.search(), Vec::new());
    for q in (0..points.n_rows()).step_by(7) {
        assert_eq!(bits(&others, q), naive(points, points, q, k, false), "{name}: row {q}");
        // Down the tree the same is found.
        points.row(q, &mut point);
        search.find(&point, &[Donors::All], k, Some(q)).unwrap();
        let tree: Vec<(usize, u64)> = search.found(0).map(|n| (n.row, n.distance.to_bits())).collect();
        assert_eq!(bits(&others, q), tree, "{name}: row {q}");
    }
    // Some of them, some twice, in any order.
    let rows: Vec<usize> = (0..1030).map(|i| i * 7919 % points.n_rows() / 3 * 2).collect();
    let some = index.nearest_others_of(&rows, k).unwrap();
    assert_eq!(some.len(), rows.len());
    for (i, &row) in rows.iter().enumerate() {
        assert_eq!(some.of(i), others.of(row), "{name}: row {row}");
    }
    // Too few for leaves.
    let few = index.nearest_others_of(&rows[..9], k).unwrap();
    assert!((0..9).all(|i| few.of(i) == some.of(i)), "{name}");
    for q in (0..queries.n_rows()).step_by(11) {
        assert_eq!(bits(&found, q), naive(points, queries, q, k, true), "{name}: query {q}");
    }
}

/// A table from a function of row, column and a draw.
fn table(rows: usize, columns: usize, cell: impl Fn(usize, usize, f64) -> f64) -> Points {
    let mut rng = seed::stream(3, rows as u64);
    let values: Vec<f64> =
        (0..rows * columns).map(|i| cell(i / columns, i % columns, seed::uniform(&mut rng))).collect();
    Points::from_rows(&values, columns).unwrap()
}

#[test]
fn ordinary_tables() {
    for columns in [1, 3, 16, 70] {
        let of = |rows| table(rows, columns, |_, _, u| u - 0.5);
        check("uniform", &of(1500), &of(1025), 5);
    }
    // Columns that tell the same, so that the axes matter.
    let of =
        |rows| table(rows, 9, |row, c, u| ((row * 7919 % 1013) as f64).sin() * (c as f64 + 1.0) + 0.01 * u);
    check("correlated", &of(1300), &of(1024), 3);
    for k in [1, 40, 5000] {
        check("k", &table(1100, 4, |_, _, u| u), &table(1030, 4, |_, _, u| u), k);
    }
}

#[test]
fn tables_full_of_ties() {
    let of = |rows| table(rows, 3, |_, _, u| (u * 5.0).floor());
    check("grid", &of(2000), &of(1024), 7);
    check(
        "alike",
        &table(1500, 4, |_, _, _| 0.1),
        &table(1024, 4, |_, c, _| 0.1 * f64::from(u8::from(c > 0))),
        4,
    );
    check("pairs", &table(1400, 5, |row, c, _| ((row / 2 * 31 + c * 17) % 97) as f64), &of_halves(1024), 2);
    // Most rows are one and the same.
    let of = |rows| table(rows, 3, |row, _, u| if row % 5 == 0 { u } else { 1.0 });
    check("mode", &of(2000), &of(1100), 9);
}

fn of_halves(rows: usize) -> Points {
    table(rows, 5, |_, _, u| (u * 194.0).floor() / 2.0)
}

/// A cell by row, column and a draw.
type Cell<'a> = &'a dyn Fn(usize, usize, f64) -> f64;

/// Where single precision sees nothing, or too much.
#[test]
fn tables_of_any_scale() {
    let cases: [(&str, Cell<'_>); 12] = [
        ("sentinels", &|row, c, u| if row % 20 == 0 && c == 1 { 999_999_999.0 } else { u }),
        ("sentinels far off", &|row, c, u| if row % 97 == 0 && c == 0 { -1e30 } else { u }),
        ("nearly constant", &|row, c, u| if row % 9 == c { u * 1e6 } else { 7.0 }),
        ("far off", &|_, _, u| 1e9 + u),
        ("two places far apart", &|row, _, u| if row % 2 == 0 { u } else { 1e9 + u }),
        ("fractions of a step", &|_, _, u| 1.0 + (u * 8.0).floor() * f64::EPSILON),
        ("an outlier", &|row, c, u| if row == 17 && c == 1 { 1e300 } else { u }),
        ("past a double", &|row, _, u| if row % 3 == 0 { 1e308 } else { -1e308 * u }),
        ("tiny", &|_, _, u| u * 1e-300),
        ("smallest", &|_, _, u| (u * 4.0).floor() * 5e-324),
        ("large", &|_, _, u| u * 1e155),
        ("scales that differ", &|_, c, u| u * 10_f64.powi(c as i32 * 6 - 9)),
    ];
    for (name, cell) in cases {
        check(name, &table(1100, 3, cell), &table(1024, 3, cell), 5);
        check(name, &table(1100, 3, cell), &table(1024, 3, |_, _, u| u * 3.0), 2);
    }
}

#[test]
fn threads_and_gaps() {
    let (all, queries) = (table(5000, 8, |_, _, u| u), table(2000, 8, |_, _, u| u * 1.1));
    let find = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let index = NeighborIndex::new(&all, Metric::NanEuclidean).unwrap();
            (index.nearest_others(4).unwrap(), index.nearest(&queries, 4).unwrap())
        })
    };
    let one = find(1);
    assert!(one == find(2) && one == find(7));
    // A query alone finds what it finds among others, and a query with a gap is no reason to forget it.
    let index = NeighborIndex::new(&all, Metric::NanEuclidean).unwrap();
    let gaps = table(2000, 8, |row, c, u| if row == 9 && c == 2 { f64::NAN } else { u });
    let (found, mut search, mut point) = (index.nearest(&gaps, 3).unwrap(), index.search(), Vec::new());
    for row in [8, 9, 10] {
        gaps.row(row, &mut point);
        search.find(&point, &[Donors::All], 3, None).unwrap();
        assert_eq!(found.of(row), search.found(0).collect::<Vec<_>>());
    }
}

#[test]
fn the_choice_is_visible() {
    let all = table(20_000, 3, |_, _, u| u);
    let index = NeighborIndex::new(&all, Metric::Euclidean).unwrap();
    assert_eq!(index.strategy(20_000), Strategy::Leaves);
    // Too few queries, or for so many points; weights; another metric; gaps.
    assert_eq!((index.strategy(1000), index.strategy(2000)), (Strategy::Tree, Strategy::Tree));
    let weighted = NeighborIndex::weighted(&all, Metric::Euclidean, &[1.0, 2.0, 1.0]).unwrap();
    let other = NeighborIndex::new(&all, Metric::Manhattan).unwrap();
    let gaps = table(20_000, 3, |row, _, u| if row == 5 { f64::NAN } else { u });
    let gaps = NeighborIndex::new(&gaps, Metric::NanEuclidean).unwrap();
    assert!([weighted, other, gaps].iter().all(|index| index.strategy(20_000) == Strategy::Tree));
    let error = index.nearest_others_of(&[0, 20_000], 1).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidValue { row: Some(1), .. }), "{error}");
    assert!(index.nearest_others_of(&[0], 0).is_err() && index.nearest_others_of(&[], 1).unwrap().is_empty());
    let none = NeighborIndex::new(&Points::from_rows(&[], 1).unwrap(), Metric::Euclidean).unwrap();
    assert_eq!(none.nearest(&table(1500, 1, |_, _, u| u), 3).unwrap().len(), 1500);
    let one = NeighborIndex::new(&Points::from_rows(&[2.0], 1).unwrap(), Metric::Euclidean).unwrap();
    assert!(one.nearest(&table(1500, 1, |_, _, u| u), 3).unwrap().iter().all(|of| of.len() == 1));
}

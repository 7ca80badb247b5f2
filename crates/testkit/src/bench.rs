//! The fixed grid that every algorithm is measured on: rows, columns, share missing, threads. Feature `bench`.
//!
//! ```no_run
//! use mlsys_testkit::bench::{Grid, words};
//!
//! fn benches(criterion: &mut criterion::Criterion) {
//!     Grid::table().measure(criterion, "null_count", words, |batch| {
//!         batch.columns().iter().map(|column| column.null_count()).sum::<usize>()
//!     });
//! }
//! ```

use std::fmt;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput};
use mlsys_core::arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray};
use mlsys_core::seed;

/// What one measurement runs on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Rows of the table.
    pub rows: usize,
    /// Feature columns.
    pub columns: usize,
    /// Share of the cells that are null.
    pub missing: f64,
    /// Threads of the pool that the run has.
    pub threads: usize,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{} missing {} threads {}", self.rows, self.columns, self.missing, self.threads)
    }
}

/// A set of points to measure on.
#[derive(Clone, Debug)]
pub struct Grid(Vec<Point>);

impl Grid {
    /// 1,000 and 100,000 rows, 4 and 16 columns, nothing and a fifth missing, 1 and 2 threads.
    pub fn table() -> Self {
        Self::of(&[4, 16], &[0.0, 0.2])
    }

    /// As [`Grid::table`], with nothing missing: for what takes complete tables only.
    pub fn complete() -> Self {
        Self::of(&[4, 16], &[0.0])
    }

    /// 1,000 and 100,000 rows of one complete column, 1 and 2 threads: for what reads a pair of slices.
    pub fn rows() -> Self {
        Self::of(&[1], &[0.0])
    }

    fn of(columns: &[usize], missing: &[f64]) -> Self {
        let mut points = Vec::new();
        for rows in [1_000, 100_000] {
            for &columns in columns {
                for &missing in missing {
                    points.extend([1, 2].map(|threads| Point { rows, columns, missing, threads }));
                }
            }
        }
        Self(points)
    }

    /// Measures `run` at every point, on what `build` gives for it; building is not timed.
    ///
    /// # Panics
    /// Where the machine gives no thread pool.
    pub fn measure<T: Sync, R: Send>(
        &self,
        criterion: &mut Criterion,
        name: &str,
        build: impl Fn(&Point) -> T,
        run: impl Fn(&T) -> R + Sync,
    ) {
        let mut group = criterion.benchmark_group(name);
        for point in &self.0 {
            let input = build(point);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(point.threads).build();
            let pool = pool.expect("a thread pool");
            group.throughput(Throughput::Elements((point.rows * point.columns) as u64));
            group.bench_with_input(BenchmarkId::from_parameter(point), &input, |bencher, input| {
                pool.install(|| bencher.iter(|| black_box(run(black_box(input)))));
            });
        }
        group.finish();
    }
}

/// Doubles, roughly normal, in columns `x0`, `x1`, ..
pub fn numbers(point: &Point) -> RecordBatch {
    table(
        point,
        |draw| Some((0..4).map(|_| draw()).sum::<f64>() - 2.0),
        |values| Arc::new(Float64Array::from(values)),
    )
}

/// Text, a hundred words of which the first are common, in columns `x0`, `x1`, ..
pub fn words(point: &Point) -> RecordBatch {
    table(
        point,
        |draw| Some(format!("word {}", (draw() * draw() * 100.0) as usize)),
        |values| Arc::new(StringArray::from(values)),
    )
}

/// [`numbers`] and a boolean `label` that the first of them partly decides.
pub fn labelled(point: &Point) -> RecordBatch {
    let numbers = numbers(point);
    let mut rng = seed::stream(3, 0);
    let first = mlsys_core::column::floats("x0", numbers.column(0)).expect("doubles");
    let label: BooleanArray =
        first.iter().map(|x| Some(x + 2.0 * seed::uniform(&mut rng) - 1.0 > 0.0)).collect();
    let mut columns = named(numbers.columns().to_vec());
    columns.push(("label".to_owned(), Arc::new(label)));
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true)))
        .expect("columns of one length")
}

fn named(columns: Vec<ArrayRef>) -> Vec<(String, ArrayRef)> {
    columns.into_iter().enumerate().map(|(j, column)| (format!("x{j}"), column)).collect()
}

fn table<V>(
    point: &Point,
    mut value: impl FnMut(&mut dyn FnMut() -> f64) -> Option<V>,
    array: impl Fn(Vec<Option<V>>) -> ArrayRef,
) -> RecordBatch {
    let columns = (0..point.columns).map(|j| {
        let mut rng = seed::stream(1, j as u64);
        let mut draw = || seed::uniform(&mut rng);
        let cell = |_| if draw() < point.missing { None } else { value(&mut draw) };
        array((0..point.rows).map(cell).collect())
    });
    let columns = named(columns.collect());
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true)))
        .expect("columns of one length")
}

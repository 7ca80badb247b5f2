//! Every statistic on the fixed grid.

#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::statistic::summarize;
use mlsys_core::{Dataset, Statistic, seed};
use mlsys_stats::association::{Ties, kendall, mutual_information_knn, pearson, spearman};
use mlsys_stats::distance::{energy, psi_of_samples, wasserstein};
use mlsys_stats::hypothesis::{
    Alternative, Continuity, CrossTable, Method, chi_square_independence, ks_two_sample, mann_whitney_u,
    welch_t,
};
use mlsys_stats::{
    ColumnStatistic, Contingency, Counts, Covariance, Distinct, HeavyHitters, Histogram, MinMax, Missing,
    Moments, PerColumn, Profile, Quantiles, bootstrap::Bootstrap,
};
use mlsys_testkit::bench::{Grid, Point, numbers, words};

fn one<S: Statistic<Output: Send> + Sync>(
    criterion: &mut Criterion,
    name: &str,
    table: fn(&Point) -> RecordBatch,
    statistic: impl Fn(&RecordBatch) -> S,
) where
    S::State: Sync,
{
    let build = |point: &Point| {
        let batch = table(point);
        (statistic(&batch), Dataset::new(batch).unwrap())
    };
    Grid::table().measure(criterion, name, build, |(statistic, data)| summarize(statistic, data).unwrap());
}

fn all<S: ColumnStatistic>(statistic: S) -> impl Fn(&RecordBatch) -> PerColumn<S> {
    move |batch| statistic.clone().over(batch.schema().fields().iter().map(|f| f.name().clone()))
}

fn statistics(criterion: &mut Criterion) {
    one(criterion, "missing", numbers, all(Missing::new()));
    one(criterion, "min_max", numbers, all(MinMax::new()));
    one(criterion, "moments", numbers, all(Moments::new()));
    one(criterion, "quantiles", numbers, all(Quantiles::new()));
    one(criterion, "counts", words, all(Counts::new()));
    one(criterion, "distinct", words, all(Distinct::new()));
    one(criterion, "heavy_hitters", words, all(HeavyHitters::new(64)));
    one(criterion, "histogram", numbers, all(Histogram::uniform(-2.0, 2.0, 20)));
    one(criterion, "contingency", words, |_| Contingency::new("x0", "x1"));
    one(criterion, "covariance", numbers, |batch| {
        Covariance::of(batch.schema().fields().iter().map(|f| f.name().clone()))
    });
    one(criterion, "profile/numbers", numbers, |_| Profile::new());
    one(criterion, "profile/words", words, |_| Profile::new());
}

fn resampling(criterion: &mut Criterion) {
    let bootstrap = Bootstrap::new().replicates(100);
    let rows = |point: &Point| point.rows;
    Grid::rows().measure(criterion, "bootstrap/mean of 100", rows, |&rows| {
        bootstrap.run(rows, |drawn| {
            Some(
                drawn.iter().zip(0u32..).map(|(&n, x)| f64::from(n) * f64::from(x)).sum::<f64>()
                    / rows as f64,
            )
        })
    });
}

fn tests(criterion: &mut Criterion) {
    let two = |point: &Point| {
        let sample = |stream: u64| -> Vec<f64> {
            let mut rng = seed::stream(1, stream);
            (0..point.rows).map(|_| seed::uniform(&mut rng)).collect()
        };
        (sample(0), sample(1))
    };
    let side = Alternative::TwoSided;
    let hundreds = |(a, b): (Vec<f64>, Vec<f64>)| {
        let round = |x: Vec<f64>| x.into_iter().map(|x| (x * 500.0).round()).collect::<Vec<f64>>();
        (round(a), round(b))
    };
    Grid::rows().measure(criterion, "ks_two_sample/distinct", two, |(a, b)| {
        ks_two_sample(a, b, side, Method::Asymptotic)
    });
    Grid::rows().measure(
        criterion,
        "ks_two_sample/hundreds of values",
        |point| hundreds(two(point)),
        |(a, b)| ks_two_sample(a, b, side, Method::Asymptotic),
    );
    Grid::rows().measure(criterion, "mann_whitney_u", two, |(a, b)| {
        mann_whitney_u(a, b, side, Method::Auto, Continuity::Corrected)
    });
    Grid::rows().measure(criterion, "welch_t", two, |(a, b)| welch_t(a, b, side));
    Grid::rows().measure(
        criterion,
        "chi_square_independence",
        |point| hundreds(two(point)),
        |(a, b)| {
            let few = |x: &[f64]| x.iter().map(|x| x % 7.0).collect::<Vec<f64>>();
            chi_square_independence(&CrossTable::of(&few(a), &few(b), None).unwrap(), Continuity::Corrected)
        },
    );
}

fn pairs(criterion: &mut Criterion) {
    let two = |point: &Point| {
        let mut rng = seed::stream(2, 0);
        let x: Vec<f64> = (0..point.rows).map(|_| seed::uniform(&mut rng)).collect();
        let y: Vec<f64> = x.iter().map(|x| x + seed::uniform(&mut rng)).collect();
        (x, y)
    };
    let grid = Grid::rows();
    grid.measure(criterion, "wasserstein", two, |(x, y)| wasserstein(x, y, None, None));
    grid.measure(criterion, "energy", two, |(x, y)| energy(x, y, None, None));
    grid.measure(criterion, "psi_of_samples", two, |(x, y)| psi_of_samples(x, y, 10, 1e-4));
    grid.measure(criterion, "pearson", two, |(x, y)| pearson(x, y, None));
    grid.measure(criterion, "spearman", two, |(x, y)| spearman(x, y));
    grid.measure(criterion, "kendall", two, |(x, y)| kendall(x, y));
    grid.measure(criterion, "mutual_information_knn", two, |(x, y)| {
        mutual_information_knn(x, y, 3, Ties::Keep)
    });
}

criterion_group!(benches, statistics, resampling, tests, pairs);
criterion_main!(benches);

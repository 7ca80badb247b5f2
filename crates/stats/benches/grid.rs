//! Every statistic on the fixed grid.

#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::statistic::summarize;
use mlsys_core::{Dataset, Statistic};
use mlsys_stats::{
    ColumnStatistic, Counts, MinMax, Missing, Moments, PerColumn, Profile, Quantiles, bootstrap::Bootstrap,
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

criterion_group!(benches, statistics, resampling);
criterion_main!(benches);

//! Every imputer on the fixed grid: fitting, and filling with what was fitted.

#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use mlsys_core::arrow::array::{ArrayRef, RecordBatch, StringArray};
use mlsys_core::statistic::summarize;
use mlsys_core::{Columns, Dataset, Fit, Transform, column};
use mlsys_missing_values::{
    ConstantImputer, IterativeImputer, KnnImputer, MeanImputer, MedianImputer, MissingPatterns,
    MissingThreshold, MostFrequentImputer,
};
use mlsys_testkit::bench::{Grid, Point, numbers, words};

fn both<F: Fit<Fitted: Transform> + Sync>(
    criterion: &mut Criterion,
    name: &str,
    recipe: &F,
    table: fn(&Point) -> RecordBatch,
) where
    F::Fitted: Send,
{
    let train = |point: &Point| Dataset::new(table(point)).unwrap().into_train_all();
    Grid::table().measure(criterion, &format!("{name}/fit"), train, |train| recipe.fit(train).unwrap());
    let fitted = |point: &Point| {
        let train = train(point);
        (recipe.fit(&train).unwrap(), train)
    };
    Grid::table().measure(criterion, &format!("{name}/transform"), fitted, |(fitted, train)| {
        fitted.transform(train.batch()).unwrap()
    });
}

fn diagnosis(criterion: &mut Criterion) {
    let table = |point: &Point| Dataset::new(numbers(point)).unwrap();
    Grid::table().measure(criterion, "missing_patterns", table, |data| {
        summarize(&MissingPatterns::of(data.features()).max_patterns(1 << 20), data).unwrap()
    });
    both(criterion, "missing_threshold", &MissingThreshold::new(0.5), numbers);
}

/// Fitting to the whole table, and filling its first 500 rows: columns that are independent are the search's worst case.
fn nearest(criterion: &mut Criterion) {
    let train = |point: &Point| Dataset::new(numbers(point)).unwrap().into_train_all();
    let recipe = KnnImputer::new();
    Grid::table().measure(criterion, "knn_imputer/fit", train, |train| recipe.fit(train).unwrap());
    let fitted = |point: &Point| {
        let train = train(point);
        (recipe.fit(&train).unwrap(), train.batch().slice(0, 500))
    };
    Grid::table().measure(criterion, "knn_imputer/transform_500", fitted, |(fitted, rows)| {
        fitted.transform(rows).unwrap()
    });
}

/// Numbers, and a category of four classes with a gap in every fifth row.
fn categories(point: &Point) -> RecordBatch {
    let table = numbers(point);
    let first = column::floats("x0", table.column(0)).unwrap();
    let kind = |(row, x): (usize, &f64)| {
        (row % 5 > 0).then(|| ["a", "b", "c", "d"][(x.abs() * 3.0) as usize % 4].to_owned())
    };
    let kind: ArrayRef = Arc::new(StringArray::from_iter(first.iter().enumerate().map(kind)));
    let schema = table.schema();
    let named = schema.fields().iter().map(|field| field.name().as_str()).zip(table.columns().to_vec());
    RecordBatch::try_from_iter_with_nullable(
        named.chain([("kind", kind)]).map(|(name, column)| (name, column, true)),
    )
    .unwrap()
}

fn imputers(criterion: &mut Criterion) {
    both(criterion, "constant_imputer", &ConstantImputer::new(0.0), numbers);
    both(criterion, "iterative_imputer", &IterativeImputer::new(), numbers);
    let mixed = IterativeImputer::new().max_iter(3).on(Columns::all());
    both(criterion, "iterative_imputer_categories", &mixed, categories);
    nearest(criterion);
    both(criterion, "mean_imputer", &MeanImputer::new(), numbers);
    both(criterion, "median_imputer", &MedianImputer::new(), numbers);
    both(criterion, "most_frequent_imputer", &MostFrequentImputer::new(), words);
}

criterion_group!(benches, diagnosis, imputers);
criterion_main!(benches);

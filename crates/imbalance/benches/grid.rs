//! Every resampler on the fixed grid: what it plans, and the rows of a plan; decisions and ensembles.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../tests/common/stump.rs"]
mod stump;

use criterion::{Criterion, criterion_group, criterion_main};
use mlsys_core::arrow::array::AsArray;
use mlsys_core::{Dataset, Fit, Train, seed};
use mlsys_imbalance::{
    AllKnn, BalancedBagging, ClassWeighter, CostMatrix, EasyEnsemble, EditedNearestNeighbours, MetaCost,
    NearMiss, NearMissVersion, NeighbourhoodCleaningRule, PlanResample, RandomOverSampler,
    RandomUnderSampler, RepeatedEditedNearestNeighbours, RusBoost, Smote, ThresholdGoal, ThresholdTuner,
    TomekLinks,
};
use mlsys_testkit::bench::{Grid, Point, labelled};
use stump::Stump;

/// About a tenth of the rows are of the smaller class.
fn train(point: &Point) -> Dataset<Train> {
    let batch = labelled(point);
    let label = batch.column_by_name("label").unwrap().as_boolean().clone();
    let rows = (0..batch.num_rows()).filter(|&row| !label.value(row) || row % 9 == 0).collect::<Vec<_>>();
    Dataset::new(batch).unwrap().target("label").unwrap().into_train_all().take(&rows).unwrap()
}

/// Of 100,000 random rows all pairs would be too many to repeat.
fn some(point: &Point) -> Dataset<Train> {
    let train = train(point);
    let rows: Vec<usize> = (0..train.n_rows().min(3_000)).collect();
    train.take(&rows).unwrap()
}

fn resamplers(criterion: &mut Criterion) {
    let quick: [(&str, &(dyn PlanResample + Sync)); 2] = [
        ("random_over_sampler", &RandomOverSampler::new()),
        ("random_under_sampler", &RandomUnderSampler::new()),
    ];
    for (name, resampler) in quick {
        Grid::table().measure(criterion, name, train, |train| resampler.plan(train).unwrap());
    }
    let slow: [(&str, &(dyn PlanResample + Sync)); 9] = [
        ("smote", &Smote::new()),
        ("tomek_links", &TomekLinks::new()),
        ("edited_nearest_neighbours", &EditedNearestNeighbours::new()),
        ("repeated_edited_nearest_neighbours", &RepeatedEditedNearestNeighbours::new()),
        ("all_knn", &AllKnn::new()),
        ("neighbourhood_cleaning_rule", &NeighbourhoodCleaningRule::new()),
        ("near_miss_1", &NearMiss::new(NearMissVersion::One)),
        ("near_miss_2", &NearMiss::new(NearMissVersion::Two)),
        ("near_miss_3", &NearMiss::new(NearMissVersion::Three)),
    ];
    for (name, resampler) in slow {
        Grid::table().measure(criterion, name, some, |train| resampler.plan(train).unwrap());
    }
}

fn rows(criterion: &mut Criterion) {
    let planned = |point: &Point| {
        let train = some(point);
        (Smote::new().plan(&train).unwrap(), train)
    };
    Grid::table().measure(criterion, "plan/apply", planned, |(plan, train)| plan.apply(train).unwrap());
}

fn decisions(criterion: &mut Criterion) {
    let weights = ClassWeighter::balanced();
    Grid::table().measure(criterion, "class_weights", train, |train| weights.weigh(train).unwrap());
    let scores = |point: &Point| {
        let mut rng = seed::stream(5, 0);
        (0..point.rows)
            .map(|_| {
                let score = seed::uniform(&mut rng);
                (seed::uniform(&mut rng) < score, score)
            })
            .unzip::<_, _, Vec<bool>, Vec<f64>>()
    };
    let tuner = ThresholdTuner::new(ThresholdGoal::FBeta(1.0));
    Grid::rows().measure(criterion, "threshold_tuner", scores, |(truth, scores)| {
        tuner.of(truth, scores, None).unwrap()
    });
}

/// A tenth of the smaller class, and nothing missing.
fn complete(point: &Point) -> Dataset<Train> {
    some(&Point { missing: 0.0, ..*point })
}

fn ensembles(criterion: &mut Criterion) {
    let bagging = BalancedBagging::new(Stump).n_estimators(2);
    Grid::rows().measure(criterion, "balanced_bagging", complete, |train| bagging.fit(train).unwrap());
    let easy = EasyEnsemble::new(Stump).n_estimators(2).rounds(2);
    Grid::rows().measure(criterion, "easy_ensemble", complete, |train| easy.fit(train).unwrap());
    let boost = RusBoost::new(Stump).rounds(2);
    Grid::rows().measure(criterion, "rus_boost", complete, |train| boost.fit(train).unwrap());
    let costs = CostMatrix::of_errors(false, true, 1.0, 9.0).unwrap();
    let cheap = MetaCost::new(Stump, costs).resamples(2);
    Grid::rows().measure(criterion, "meta_cost", complete, |train| cheap.relabel(train).unwrap());
}

criterion_group!(benches, resamplers, rows, decisions, ensembles);
criterion_main!(benches);

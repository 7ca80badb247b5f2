//! Every resampler on the fixed grid: what it plans, and the rows of a plan; decisions and ensembles.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../tests/common/stump.rs"]
mod stump;

use criterion::{Criterion, criterion_group, criterion_main};
use mlsys_core::arrow::array::{ArrayRef, AsArray, RecordBatch};
use mlsys_core::ndarray::Array2;
use mlsys_core::{
    Artifact, Classes, Dataset, DecisionFunction, Fit, Predict, PredictProba, Probabilities, Result, Train,
    column, seed,
};
use mlsys_imbalance::{
    AllKnn, BalancedBagging, ClassWeighter, CostMatrix, EasyEnsemble, EditedNearestNeighbours, Imbalance,
    InstanceHardnessThreshold, MetaCost, NearMiss, NearMissVersion, NeighbourhoodCleaningRule, PlanResample,
    RandomOverSampler, RandomUnderSampler, Relevance, RepeatedEditedNearestNeighbours, RusBoost, Smogn,
    Smote, Smoter, SvmSmote, ThresholdGoal, ThresholdTuner, TomekLinks,
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

/// A model that has nothing to learn: what is left is the resampler's own work.
#[derive(Clone)]
struct Nothing;

struct FittedNothing(Classes);

impl Artifact for FittedNothing {}

impl Fit for Nothing {
    type Fitted = FittedNothing;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedNothing> {
        Ok(FittedNothing(Classes::new(train.labels("Nothing")?.distinct)?))
    }
}

impl Predict for FittedNothing {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(self.0.take(vec![0; batch.num_rows()]))
    }
}

impl PredictProba for FittedNothing {
    fn classes(&self) -> &Classes {
        &self.0
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        Probabilities::binary(&vec![0.5; batch.num_rows()])
    }
}

impl DecisionFunction for FittedNothing {
    fn labels(&self) -> &Classes {
        &self.0
    }

    fn decision_function(&self, batch: &RecordBatch) -> Result<Array2<f64>> {
        Ok(Array2::zeros((batch.num_rows(), 1)))
    }
}

fn by_models(criterion: &mut Criterion) {
    let (hard, machine) = (InstanceHardnessThreshold::new(Nothing), SvmSmote::new(Nothing));
    Grid::table().measure(criterion, "instance_hardness_threshold", train, |train| hard.plan(train).unwrap());
    Grid::table().measure(criterion, "svm_smote", some, |train| machine.plan(train).unwrap());
    let report = Imbalance::new();
    Grid::table().measure(criterion, "imbalance", some, |train| report.report(train).unwrap());
}

/// The first column is the target, where it is there, of which a tenth or so is rare.
fn continuous(point: &Point) -> Dataset<Train> {
    let train = some(point);
    let name = train.batch().schema_ref().field(0).name().clone();
    let values = column::floats(&name, train.column(&name).unwrap()).unwrap();
    let there: Vec<usize> = (0..values.len()).filter(|&row| !values[row].is_nan()).collect();
    let batch = train.take(&there).unwrap().batch().clone();
    Dataset::new(batch).unwrap().target(&name).unwrap().ignore(["label"]).unwrap().into_train_all()
}

fn by_number(criterion: &mut Criterion) {
    let relevance = |train: &Dataset<Train>| {
        let mut values = train.target_values("bench").unwrap().to_vec();
        values.sort_by(f64::total_cmp);
        let at = |share: f64| values[(share * (values.len() - 1) as f64) as usize];
        Relevance::through([(at(0.5), 0.0), (at(0.95), 1.0)])
    };
    let planned = |point: &Point| {
        let train = continuous(point);
        (relevance(&train), train)
    };
    Grid::table().measure(criterion, "smoter", planned, |(relevance, train)| {
        Smoter::new().relevance(relevance.clone()).plan(train).unwrap()
    });
    Grid::table().measure(criterion, "smogn", planned, |(relevance, train)| {
        Smogn::new().relevance(relevance.clone()).plan(train).unwrap()
    });
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

criterion_group!(benches, resamplers, by_models, by_number, rows, decisions, ensembles);
criterion_main!(benches);

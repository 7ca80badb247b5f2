//! Every resampler keeps the contract.

#![allow(clippy::unwrap_used)]

use mlsys_core::{Dataset, Train};
use mlsys_imbalance::{
    AllKnn, ClassSizes, ClassWeights, EditedNearestNeighbours, NearMiss, NearMissVersion, NeighborVote,
    NeighbourhoodCleaningRule, RandomOverSampler, RandomUnderSampler, RepeatedEditedNearestNeighbours, Smote,
    SmoteBases, Strategy, TomekLinks,
};
use mlsys_neighbors::Metric;
use mlsys_testkit::{Contract, Features, ResampleContract};

fn sizes(data: &Dataset<Train>) -> Vec<usize> {
    ClassSizes::of(data).unwrap().sizes().to_vec()
}

/// Both classes are as large as the larger one, and all rows are still there.
fn grown(before: &Dataset<Train>, after: &Dataset<Train>) -> bool {
    let top = *sizes(before).iter().max().unwrap();
    sizes(after) == [top, top] && after.row_ids().starts_with(&before.row_ids())
}

/// Both classes are as small as the smaller one.
fn shrunk(before: &Dataset<Train>, after: &Dataset<Train>) -> bool {
    let bottom = *sizes(before).iter().min().unwrap();
    sizes(after) == [bottom, bottom]
}

/// Rows of the larger class are gone, and of no other.
fn cleaned(before: &Dataset<Train>, after: &Dataset<Train>) -> bool {
    let (before, after) = (sizes(before), sizes(after));
    let small = usize::from(before[1] < before[0]);
    after[small] == before[small] && after[1 - small] < before[1 - small]
}

#[test]
fn random_over_sampler() {
    let recipe = RandomOverSampler::new();
    ResampleContract::new("RandomOverSampler", recipe.clone())
        .bad("strategy", recipe.clone().strategy(Strategy::Majority))
        .bad("strategy", recipe.clone().strategy(Strategy::Ratio(f64::NAN)))
        .bad("strategy", recipe.clone().strategy(Strategy::counts([(true, 1), (true, 1)])))
        .bad("strategy", recipe.strategy(Strategy::counts([("maybe", 1000)])))
        .run(grown);
}

#[test]
fn random_under_sampler() {
    let recipe = RandomUnderSampler::new();
    ResampleContract::new("RandomUnderSampler", recipe.clone())
        .bad("strategy", recipe.clone().strategy(Strategy::Minority))
        .bad("strategy", recipe.clone().strategy(Strategy::Ratio(0.0)))
        .bad("strategy", recipe.clone().strategy(Strategy::counts([(true, 0)])))
        .bad("strategy", recipe.strategy(Strategy::classes([true, true])))
        .run(shrunk);
}

#[test]
fn smote() {
    ResampleContract::new("Smote", Smote::new())
        .bad("k_neighbors", Smote::new().k_neighbors(0))
        .bad("strategy", Smote::new().strategy(Strategy::Ratio(1.5)))
        .bad("strategy", Smote::new().strategy(Strategy::counts([(true, 3)])))
        .run(grown);
    let two = Smote::new().columns(["number", "count"]).bases(SmoteBases::Random).k_neighbors(2);
    ResampleContract::new("Smote on two", two).run(grown);
}

#[test]
fn class_weights() {
    for recipe in [ClassWeights::balanced(), ClassWeights::effective_number(0.99)] {
        Contract::new("ClassWeights", recipe)
            .features(Features::Any)
            .bad("beta", ClassWeights::effective_number(1.0))
            .bad("weights", ClassWeights::explicit([(true, -1.0)]))
            .transform();
    }
}

#[test]
fn near_miss() {
    for version in [NearMissVersion::One, NearMissVersion::Two] {
        ResampleContract::new("NearMiss", NearMiss::new(version))
            .bad("k_neighbors", NearMiss::new(version).k_neighbors(0))
            .bad("strategy", NearMiss::new(version).strategy(Strategy::counts([(true, 1000)])))
            .run(shrunk);
    }
    let three = NearMiss::new(NearMissVersion::Three);
    ResampleContract::new("NearMiss", three.clone()).bad("shortlist", three.shortlist(0)).run(
        |before, after| cleaned(before, after) && after.n_rows() <= 2 * *sizes(before).iter().min().unwrap(),
    );
}

#[test]
fn tomek_links() {
    ResampleContract::new("TomekLinks", TomekLinks::new())
        .bad("strategy", TomekLinks::new().strategy(Strategy::Ratio(0.5)))
        .bad("strategy", TomekLinks::new().strategy(Strategy::Minority))
        .bad("metric", TomekLinks::new().metric(Metric::SmoteNc))
        .run(cleaned);
    for metric in [Metric::Gower, Metric::Heom, Metric::Hvdm] {
        let all = TomekLinks::new().metric(metric).strategy(Strategy::All);
        ResampleContract::new("TomekLinks of all", all).run(|before, after| after.n_rows() < before.n_rows());
    }
}

#[test]
fn edited_nearest_neighbours() {
    let recipe = EditedNearestNeighbours::new();
    ResampleContract::new("EditedNearestNeighbours", recipe.clone())
        .bad("k_neighbors", recipe.clone().k_neighbors(0))
        .bad("metric", recipe.clone().metric(Metric::SmoteNc))
        .bad("strategy", recipe.clone().strategy(Strategy::counts([(true, 10)])))
        .run(cleaned);
    ResampleContract::new("EditedNearestNeighbours, all", recipe.clone().vote(NeighborVote::All))
        .run(cleaned);
    ResampleContract::new("EditedNearestNeighbours by Gower", recipe.metric(Metric::Gower)).run(cleaned);
}

#[test]
fn repeated_editing() {
    let recipe = RepeatedEditedNearestNeighbours::new();
    ResampleContract::new("RepeatedEditedNearestNeighbours", recipe.clone())
        .bad("k_neighbors", recipe.clone().k_neighbors(0))
        .bad("max_rounds", recipe.clone().max_rounds(0))
        .bad("metric", recipe.clone().metric(Metric::SmoteNc))
        .bad("strategy", recipe.clone().strategy(Strategy::Minority))
        .run(cleaned);
    ResampleContract::new("AllKnn", AllKnn::new())
        .bad("k_neighbors", AllKnn::new().k_neighbors(0))
        .bad("metric", AllKnn::new().metric(Metric::SmoteNc))
        .bad("strategy", AllKnn::new().strategy(Strategy::Ratio(0.5)))
        .run(cleaned);
    ResampleContract::new("AllKnn by Gower", AllKnn::new().metric(Metric::Gower)).run(cleaned);
}

#[test]
fn neighbourhood_cleaning_rule() {
    let recipe = NeighbourhoodCleaningRule::new();
    ResampleContract::new("NeighbourhoodCleaningRule", recipe.clone())
        .bad("k_neighbors", recipe.clone().k_neighbors(0))
        .bad("threshold", recipe.clone().threshold(-0.1))
        .bad("threshold", recipe.clone().threshold(f64::NAN))
        .bad("metric", recipe.clone().metric(Metric::SmoteNc))
        .bad("strategy", recipe.clone().strategy(Strategy::Minority))
        .run(cleaned);
    ResampleContract::new("NeighbourhoodCleaningRule by Heom", recipe.metric(Metric::Heom)).run(cleaned);
}

//! Every imputer keeps the contract, and fits from a stream to the same bytes.

#![allow(clippy::unwrap_used)]

use mlsys_core::{Columns, Fit, Role, column};
use mlsys_missing_values::{
    CompleteCases, ConstantImputer, EndOfTailImputer, GroupedImputer, ImputationMethod, ImputationOrder,
    Indicators, IterativeImputer, KnnImputer, KnnMetric, KnnWeights, Matching, MeanImputer, MedianImputer,
    MissingThreshold, MostFrequentImputer, RandomDonorImputer, Tail, TailEnd,
};
use mlsys_stats::Quantiles;
use mlsys_testkit::{Contract, Features, ResampleContract, streamed_fit, table};

#[test]
fn mean() {
    Contract::new("MeanImputer", MeanImputer::new()).transform();
    let with_indicators = MeanImputer::new().indicators(Indicators::All);
    Contract::new("MeanImputer on any", with_indicators).features(Features::Any).transform();
    Contract::new("MeanImputer on two", MeanImputer::new().on(["number", "flag"]))
        .features(Features::Any)
        .transform();
}

#[test]
fn median() {
    let bad = MedianImputer::new().quantiles(Quantiles::new().exact_up_to(0));
    Contract::new("MedianImputer", MedianImputer::new()).bad("exact_up_to", bad).transform();
    let with_indicators = MedianImputer::new().indicators(Indicators::WhereMissing);
    Contract::new("MedianImputer with indicators", with_indicators).transform();
}

#[test]
fn most_frequent() {
    let bad = MostFrequentImputer::new().max_distinct(0);
    let recipe = MostFrequentImputer::new();
    Contract::new("MostFrequentImputer", recipe).features(Features::Any).bad("max_distinct", bad).transform();
}

#[test]
fn constant() {
    let bad = ConstantImputer::new(f64::NAN);
    Contract::new("ConstantImputer 0", ConstantImputer::new(0)).bad("value", bad).transform();
    Contract::new("ConstantImputer text", ConstantImputer::new("none")).features(Features::Text).transform();
}

#[test]
fn knn() {
    let bad = KnnImputer::new().k_neighbors(0);
    Contract::new("KnnImputer", KnnImputer::new()).bad("k_neighbors", bad).transform();
    let by_distance = KnnImputer::new().k_neighbors(3).weights(KnnWeights::Distance);
    Contract::new("KnnImputer by distance", by_distance.indicators(Indicators::All)).transform();
    Contract::new("KnnImputer on two", KnnImputer::new().on(["number", "flag"]))
        .features(Features::Any)
        .transform();
    let gower = KnnImputer::new().metric(KnnMetric::Gower).indicators(Indicators::WhereMissing);
    Contract::new("KnnImputer by Gower", gower).features(Features::Any).transform();
    let text = KnnImputer::new().metric(KnnMetric::Gower).weights(KnnWeights::Distance);
    Contract::new("KnnImputer of text", text).features(Features::Text).transform();
}

#[test]
fn iterative() {
    Contract::new("IterativeImputer", IterativeImputer::new())
        .bad("max_iter", IterativeImputer::new().max_iter(0))
        .bad("tol", IterativeImputer::new().tol(-1.0))
        .bad("tol", IterativeImputer::new().tol(f64::NAN))
        .transform();
    let recipe = IterativeImputer::new().order(ImputationOrder::MostMissing).indicators(Indicators::All);
    Contract::new("IterativeImputer, most first", recipe.tol(0.0).max_iter(4)).transform();
    let recipe = IterativeImputer::new().order(ImputationOrder::Name).indicators(Indicators::WhereMissing);
    Contract::new("IterativeImputer on two", recipe.on(["number", "flag"]))
        .features(Features::Any)
        .transform();
}

#[test]
fn iterative_categories() {
    let all = ["number", "count", "größe 量", "flag", "word"];
    let bad = IterativeImputer::new().max_classes(0).on(all);
    let recipe = IterativeImputer::new().max_iter(3).indicators(Indicators::WhereMissing);
    Contract::new("IterativeImputer of all", recipe.on(all))
        .features(Features::Any)
        .bad("max_classes", bad)
        .transform();
    Contract::new("IterativeImputer of text", recipe.tol(0.0).on(["word"]))
        .features(Features::Text)
        .transform();
    for method in [ImputationMethod::BayesianRidgeDraw, ImputationMethod::pmm()] {
        let recipe = IterativeImputer::new().method(method).max_iter(2);
        Contract::new("IterativeImputer of all with draws", recipe.on(all))
            .features(Features::Any)
            .transform();
    }
}

#[test]
fn missing_threshold() {
    let bad = MissingThreshold::new(1.0);
    let recipe = MissingThreshold::new(0.05);
    Contract::new("MissingThreshold", recipe).features(Features::Any).bad("max_share", bad).transform();
    Contract::new("MissingThreshold 0", MissingThreshold::new(0.0))
        .bad("max_share", MissingThreshold::new(-0.1))
        .transform();
}

#[test]
fn complete_cases() {
    let complete = |data: &mlsys_core::Dataset<mlsys_core::Train>| {
        data.features()
            .iter()
            .all(|name| column::missing(name, data.column(name).unwrap()).unwrap().is_none())
    };
    ResampleContract::new("CompleteCases", CompleteCases::new())
        .run(|before, after| after.n_rows() < before.n_rows() && complete(after));
    ResampleContract::new("CompleteCases, some gaps", CompleteCases::new().max_gaps(1))
        .run(|before, after| after.n_rows() < before.n_rows() && !complete(after));
}

#[test]
fn iterative_draws() {
    let bad = ImputationMethod::Pmm { donors: 0, matching: Matching::Mixed };
    for method in [ImputationMethod::BayesianRidgeDraw, ImputationMethod::pmm()] {
        let recipe = IterativeImputer::new().method(method).max_iter(3);
        Contract::new("IterativeImputer with draws", recipe).bad("donors", recipe.method(bad)).transform();
    }
}

#[test]
fn end_of_tail() {
    let recipe = EndOfTailImputer::new();
    Contract::new("EndOfTailImputer", recipe)
        .bad("fold", recipe.fold(0.0))
        .bad("fold", recipe.fold(f64::NAN))
        .bad("tail", recipe.end(TailEnd::Maximum).tail(Tail::Low))
        .transform();
    let iqr = recipe.end(TailEnd::Iqr).tail(Tail::Low).indicators(Indicators::All);
    Contract::new("EndOfTailImputer, IQR", iqr.on(["number", "flag"])).features(Features::Any).transform();
    Contract::new("EndOfTailImputer, maximum", recipe.end(TailEnd::Maximum)).transform();
}

#[test]
fn by_group() {
    let recipe = GroupedImputer::new(MedianImputer::new(), "count");
    Contract::new("GroupedImputer", recipe).transform();
    let words = MostFrequentImputer::new().indicators(Indicators::All);
    let recipe = GroupedImputer::new(words, "word");
    Contract::new("GroupedImputer of any", recipe).features(Features::Any).transform();
}

#[test]
fn random_donor() {
    let recipe = RandomDonorImputer::new();
    Contract::new("RandomDonorImputer", recipe.clone())
        .features(Features::Any)
        .bad("max_distinct", recipe.clone().max_distinct(0))
        .bad("seed_by", recipe.clone().seed_by([""; 0]))
        .transform();
    let text = recipe.seed_by(["word"]).indicators(Indicators::WhereMissing);
    Contract::new("RandomDonorImputer of text", text).features(Features::Text).transform();
}

#[test]
fn chains() {
    let chain = MedianImputer::new().indicators(Indicators::All).then(MostFrequentImputer::new());
    Contract::new("MedianImputer then MostFrequentImputer", chain).features(Features::Any).transform();
    let kinds =
        MeanImputer::new().on(Columns::numeric()).then(MostFrequentImputer::new().on(Columns::categorical()));
    Contract::new("imputers on kinds of columns", kinds).features(Features::Any).transform();
}

#[test]
fn streams() {
    let batch = table::mixed(140_003, true);
    let text =
        [("word", Role::Ignored), ("kind", Role::Ignored), ("label", Role::Target), ("weight", Role::Weight)];
    streamed_fit("EndOfTailImputer", &EndOfTailImputer::new(), &batch, &text);
    streamed_fit("RandomDonorImputer", &RandomDonorImputer::new(), &batch, &[("label", Role::Target)]);
    streamed_fit("MeanImputer", &MeanImputer::new(), &batch, &text);
    streamed_fit("MedianImputer", &MedianImputer::new(), &batch, &text);
    streamed_fit("MostFrequentImputer", &MostFrequentImputer::new(), &batch, &[("label", Role::Target)]);
    streamed_fit("MissingThreshold", &MissingThreshold::new(0.05), &batch, &[("label", Role::Target)]);
    streamed_fit("ConstantImputer", &ConstantImputer::new(1), &batch, &text);
}

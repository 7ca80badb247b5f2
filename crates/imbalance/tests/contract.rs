//! Every resampler keeps the contract.

#![allow(clippy::unwrap_used)]

use mlsys_core::arrow::array::{ArrayRef, RecordBatch};
use mlsys_core::ndarray::Array2;
use mlsys_core::{
    Artifact, Classes, Dataset, DecisionFunction, Fit, Predict, PredictProba, Probabilities, Result, Train,
};
use mlsys_imbalance::{
    Adasyn, AllKnn, BorderlineSmote, BorderlineVersion, ClassSizes, ClassWeighter, ClusterCentroids,
    ClusterVoting, CondensedNearestNeighbour, CondensedPasses, EditedNearestNeighbours, HardnessCut,
    InstanceHardnessThreshold, KMeansSmote, NearMiss, NearMissVersion, NeighborVote,
    NeighbourhoodCleaningRule, OneSidedSelection, PartSizes, RandomOverSampler, RandomUnderSampler,
    Relevance, RepeatedEditedNearestNeighbours, Smogn, SmoothedBootstrap, Smote, SmoteBases, SmoteEnn,
    SmoteN, SmoteNc, SmoteTomek, Smoter, Strategy, SvmSmote, TomekLinks,
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
fn borderline_smote() {
    for version in [BorderlineVersion::One, BorderlineVersion::Two] {
        let recipe = BorderlineSmote::new().version(version);
        ResampleContract::new("BorderlineSmote", recipe.clone())
            .bad("k_neighbors", recipe.clone().k_neighbors(0))
            .bad("m_neighbors", recipe.clone().m_neighbors(1))
            .bad("strategy", recipe.strategy(Strategy::Majority))
            .run(grown);
    }
}

#[test]
fn class_weights() {
    for recipe in [ClassWeighter::balanced(), ClassWeighter::effective_number(0.99)] {
        Contract::new("ClassWeighter", recipe)
            .features(Features::Any)
            .bad("beta", ClassWeighter::effective_number(1.0))
            .bad("weights", ClassWeighter::explicit([(true, -1.0)]))
            .transform();
    }
}

#[test]
fn adasyn() {
    ResampleContract::new("Adasyn", Adasyn::new())
        .bad("k_neighbors", Adasyn::new().k_neighbors(0))
        .bad("strategy", Adasyn::new().strategy(Strategy::Ratio(0.0)))
        .run(grown);
    ResampleContract::new("Adasyn on two", Adasyn::new().columns(["number", "count"])).run(grown);
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

/// Every class is as probable everywhere, so that the first rows stay.
#[derive(Clone)]
struct Even;

struct FittedEven(Classes);

impl Artifact for FittedEven {}

impl Fit for Even {
    type Fitted = FittedEven;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedEven> {
        Ok(FittedEven(Classes::new(train.labels("Even")?.distinct)?))
    }
}

impl Predict for FittedEven {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(self.0.take(vec![0; batch.num_rows()]))
    }
}

impl PredictProba for FittedEven {
    fn classes(&self) -> &Classes {
        &self.0
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        Probabilities::binary(&vec![0.5; batch.num_rows()])
    }
}

#[test]
fn instance_hardness_threshold() {
    for cut in [HardnessCut::Exact, HardnessCut::Percentile] {
        let recipe = InstanceHardnessThreshold::new(Even).cut(cut);
        let promised = match cut {
            HardnessCut::Exact => shrunk,
            // All are from the percentile on.
            HardnessCut::Percentile => {
                |before: &Dataset<Train>, after: &Dataset<Train>| sizes(before) == sizes(after)
            }
        };
        ResampleContract::new("InstanceHardnessThreshold", recipe.clone())
            .bad("folds", recipe.clone().folds(1))
            .bad("strategy", recipe.strategy(Strategy::Minority))
            .run(promised);
    }
}

impl DecisionFunction for FittedEven {
    fn labels(&self) -> &Classes {
        &self.0
    }

    fn decision_function(&self, batch: &RecordBatch) -> Result<Array2<f64>> {
        Ok(Array2::zeros((batch.num_rows(), 1)))
    }
}

#[test]
fn svm_smote() {
    let recipe = SvmSmote::new(Even);
    ResampleContract::new("SvmSmote", recipe.clone())
        .bad("k_neighbors", recipe.clone().k_neighbors(0))
        .bad("m_neighbors", recipe.clone().m_neighbors(1))
        .bad("out_step", recipe.clone().out_step(-0.1))
        .bad("out_step", recipe.clone().out_step(f64::NAN))
        .bad("strategy", recipe.clone().strategy(Strategy::Majority))
        .run(grown);
    ResampleContract::new("SvmSmote on one", recipe.columns(["count"]).out_step(1.0)).run(grown);
}

#[test]
fn resampling_by_a_continuous_target() {
    // As many rows, in parts of one size.
    let balanced = |before: &Dataset<Train>, after: &Dataset<Train>| {
        let known = before.row_ids();
        let new = after.row_ids().iter().filter(|id| !known.contains(id)).count();
        new > 0 && after.n_rows().abs_diff(before.n_rows()) <= 2
    };
    let relevance = Relevance::through([(-20.0, 1.0), (0.0, 0.0), (20.0, 1.0)]);
    let recipe = Smoter::new().relevance(relevance.clone());
    ResampleContract::new("Smoter", recipe.clone())
        .by_number()
        .bad("k_neighbors", recipe.clone().k_neighbors(0))
        .bad("threshold", recipe.clone().threshold(0.0))
        .bad("threshold", recipe.clone().threshold(f64::NAN))
        .bad("sizes", recipe.clone().sizes(PartSizes::Factors { rare: 0.5, normal: 0.5 }))
        .bad("sizes", recipe.clone().sizes(PartSizes::Factors { rare: f64::INFINITY, normal: 0.5 }))
        .bad("sizes", recipe.clone().sizes(PartSizes::Factors { rare: 1e300, normal: 0.5 }))
        .bad("points", recipe.clone().relevance(Relevance::through([(0.0, 0.0)])))
        .bad("whiskers", recipe.relevance(Relevance::new().whiskers(-1.0)))
        .run(balanced);
    let recipe = Smogn::new().relevance(relevance);
    ResampleContract::new("Smogn", recipe.clone())
        .by_number()
        .bad("k_neighbors", recipe.clone().k_neighbors(0))
        .bad("noise", recipe.clone().noise(-0.1))
        .bad("noise", recipe.clone().noise(f64::NAN))
        .run(balanced);
    let some = recipe.columns(["count", "word"]).sizes(PartSizes::Extreme).noise(1.0);
    ResampleContract::new("Smogn on two", some).by_number().run(balanced);
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

#[test]
fn condensed_nearest_neighbour() {
    let recipe = CondensedNearestNeighbour::new();
    ResampleContract::new("CondensedNearestNeighbour", recipe.clone())
        .bad("first_rows", recipe.clone().first_rows([1_000_000]))
        .bad("metric", recipe.clone().metric(Metric::SmoteNc))
        .bad("strategy", recipe.clone().strategy(Strategy::Minority))
        .run(cleaned);
    ResampleContract::new("CondensedNearestNeighbour, once", recipe.clone().passes(CondensedPasses::One))
        .run(cleaned);
    for metric in [Metric::Heom, Metric::Hvdm] {
        let all = recipe.clone().metric(metric).strategy(Strategy::All);
        ResampleContract::new("CondensedNearestNeighbour of all", all)
            .run(|before, after| after.n_rows() < before.n_rows());
    }
}

#[test]
fn one_sided_selection() {
    let recipe = OneSidedSelection::new();
    ResampleContract::new("OneSidedSelection", recipe.clone())
        .bad("first_rows", recipe.clone().first_rows([0, 1_000_000]))
        .bad("metric", recipe.clone().metric(Metric::SmoteNc))
        .bad("strategy", recipe.clone().strategy(Strategy::Ratio(0.5)))
        .run(cleaned);
    ResampleContract::new("OneSidedSelection by Hvdm", recipe.metric(Metric::Hvdm)).run(cleaned);
}

#[test]
fn smote_of_categories() {
    ResampleContract::new("SmoteNc", SmoteNc::new())
        .bad("k_neighbors", SmoteNc::new().k_neighbors(0))
        .bad("strategy", SmoteNc::new().strategy(Strategy::Majority))
        .run(grown);
    ResampleContract::new("SmoteNc on two", SmoteNc::new().columns(["number", "word"])).run(grown);
    ResampleContract::new("SmoteN", SmoteN::new())
        .bad("k_neighbors", SmoteN::new().k_neighbors(0))
        .bad("strategy", SmoteN::new().strategy(Strategy::counts([(true, 1)])))
        .run(grown);
}

#[test]
fn smote_and_cleaning() {
    let strategy = Strategy::Ratio(2.0);
    ResampleContract::new("SmoteEnn", SmoteEnn::new())
        .bad("k_neighbors", SmoteEnn::new().smote(Smote::new().k_neighbors(0)))
        .bad("k_neighbors", SmoteEnn::new().edit(EditedNearestNeighbours::new().k_neighbors(0)))
        .bad("strategy", SmoteEnn::new().smote(Smote::new().strategy(strategy.clone())))
        .run(cleaned_afterwards);
    ResampleContract::new("SmoteTomek", SmoteTomek::new())
        .bad("k_neighbors", SmoteTomek::new().smote(Smote::new().k_neighbors(0)))
        .bad("metric", SmoteTomek::new().links(TomekLinks::new().metric(Metric::SmoteNc)))
        .bad("strategy", SmoteTomek::new().links(TomekLinks::new().strategy(strategy)))
        .run(cleaned_afterwards);
}

/// Rows were made, some of all are gone, and no class is larger than the largest was.
fn cleaned_afterwards(before: &Dataset<Train>, after: &Dataset<Train>) -> bool {
    let top = *sizes(before).iter().max().unwrap();
    let known = before.row_ids();
    let new = after.row_ids().iter().filter(|id| !known.contains(id)).count();
    new > 0 && sizes(after).iter().all(|&size| size <= top) && after.n_rows() < 2 * top
}

#[test]
fn smoothed_bootstrap() {
    let recipe = SmoothedBootstrap::new();
    ResampleContract::new("SmoothedBootstrap", recipe.clone())
        .bad("shrinkage", recipe.clone().shrinkage(-0.1))
        .bad("shrinkage", recipe.clone().shrinkage(f64::INFINITY))
        .bad("shrinkage", recipe.clone().shrinkage(f64::NAN))
        .bad("strategy", recipe.clone().strategy(Strategy::Majority))
        .run(grown);
    ResampleContract::new("SmoothedBootstrap on one", recipe.columns(["count"])).run(grown);
}

#[test]
fn cluster_centroids() {
    for voting in [ClusterVoting::Hard, ClusterVoting::Soft] {
        let recipe = ClusterCentroids::new().voting(voting);
        ResampleContract::new("ClusterCentroids", recipe.clone())
            .bad("max_rounds", recipe.clone().max_rounds(0))
            .bad("strategy", recipe.clone().strategy(Strategy::Minority))
            .run(shrunk);
        ResampleContract::new("ClusterCentroids on one", recipe.columns(["number"])).run(shrunk);
    }
}

#[test]
fn kmeans_smote() {
    let recipe = KMeansSmote::new().threshold(f64::INFINITY).clusters(3);
    ResampleContract::new("KMeansSmote", recipe.clone())
        .bad("k_neighbors", recipe.clone().k_neighbors(0))
        .bad("clusters", recipe.clone().clusters(0))
        .bad("max_rounds", recipe.clone().max_rounds(0))
        .bad("threshold", recipe.clone().threshold(0.0))
        .bad("threshold", recipe.clone().threshold(f64::NAN))
        .bad("exponent", recipe.clone().exponent(f64::INFINITY))
        .bad("strategy", recipe.strategy(Strategy::Majority))
        .run(grown);
}

//! A file per job, named as the job.

mod boosting;
mod chi_square;
mod duplicates_across;
mod feature_hasher;
mod isolation_forest;
mod kbins_quantile;
mod knn_search;
mod ks_2samp;
mod leakage_audit;
mod logistic_regression;
mod mutual_information;
mod numeric;
mod one_hot;
mod one_hot_sparse;
mod profile;
mod profile_3m;
mod resampling;
mod roc_auc;
mod scoring;
mod stratified_group_k_fold;
mod stratified_sample;
mod target_encoder;
mod weighted_sample;

use boosting::Boosting;
use mlsys::arrow::array::{ArrayRef, RecordBatch};
use mlsys::arrow::datatypes::FieldRef;
use mlsys::core::{Error, Result};
use mlsys::encoding::{QuantileTransformer, RobustScaler, StandardScaler};
use mlsys::imbalance::{
    Adasyn, BorderlineSmote, EditedNearestNeighbours, NearMiss, NearMissVersion, NeighborVote,
    OneSidedSelection, Smote, SmoteNc, TomekLinks,
};
use mlsys::missing_values::{IterativeImputer, KnnImputer, MedianImputer};
use numeric::Numeric;
use resampling::Resampling;

use crate::Job;

/// Loads a job's data.
pub fn load(name: &str, data: &str) -> Result<Box<dyn Job>> {
    Ok(match name {
        "chi_square" => Box::new(chi_square::ChiSquare::load(data)?),
        "duplicates_across" => Box::new(duplicates_across::Duplicates::load(data)?),
        "leakage_audit" => Box::new(leakage_audit::Audit::load(data)?),
        "ks_2samp" => Box::new(ks_2samp::KolmogorovSmirnov::load(data)?),
        "mutual_information" => Box::new(mutual_information::MutualInformation::load(data)?),
        "stratified_group_k_fold" => Box::new(stratified_group_k_fold::Folding::load(data)?),
        "target_encoder" => Box::new(target_encoder::OutOfFold::load(data)?),
        "stratified_sample" => Box::new(stratified_sample::Stratified::load(data)?),
        "weighted_sample" => Box::new(weighted_sample::Weighted::load(data)?),
        "profile" => Box::new(profile::Profiling::load(data)?),
        "profile_3m" => Box::new(profile_3m::ProfilingFile::load(data)?),
        "standard_scaler" => Box::new(Numeric::load(StandardScaler::new(), data)?),
        "kbins_quantile" => Box::new(kbins_quantile::Binning::load(data)?),
        "quantile_transformer" => Box::new(Numeric::load(QuantileTransformer::new(), data)?),
        "robust_scaler" => Box::new(Numeric::load(RobustScaler::new(), data)?),
        "feature_hasher" => Box::new(feature_hasher::Hashing::load(data)?),
        "one_hot_sparse" => Box::new(one_hot_sparse::OneHotSparse::load(data)?),
        "one_hot" => Box::new(one_hot::OneHot::load(data)?),
        "median_imputer" | "median_imputer_polars" => Box::new(Numeric::load(MedianImputer::new(), data)?),
        "iterative_imputer" => {
            let recipe = IterativeImputer::new().max_iter(10).tol(0.0);
            Box::new(Numeric::of(recipe, crate::data::numeric(data)?.slice(0, 100_000))?)
        }
        "knn_imputer" => Box::new(Numeric::of(KnnImputer::new(), crate::data::neighbors(data)?)?),
        // Of all flights; without a peer, since none does it in memory or in a day.
        "knn_imputer_all" => Box::new(Numeric::load(KnnImputer::new(), data)?),
        "knn_search" => Box::new(knn_search::Search::load(data)?),
        "smote" => Box::new(Resampling::load(Smote::new(), usize::MAX, data)?),
        "smote_20k" => Box::new(Resampling::load(Smote::new(), 20_000, data)?),
        "smote_nc" => Box::new(Resampling::mixed(SmoteNc::new(), 50_000, data)?),
        "borderline_smote" => Box::new(Resampling::load(BorderlineSmote::new(), 100_000, data)?),
        "adasyn" => Box::new(Resampling::load(Adasyn::new(), 100_000, data)?),
        "tomek_links" => Box::new(Resampling::exact(TomekLinks::new(), 100_000, data)?),
        "one_sided_selection" => Box::new(Resampling::load(OneSidedSelection::new(), 100_000, data)?),
        "edited_nearest_neighbours" => Box::new(Resampling::exact(
            EditedNearestNeighbours::new().vote(NeighborVote::All),
            100_000,
            data,
        )?),
        "near_miss_1" => Box::new(Resampling::exact(NearMiss::new(NearMissVersion::One), 100_000, data)?),
        "roc_auc" => Box::new(roc_auc::Area::load(data)?),
        "logistic_regression" => Box::new(logistic_regression::Logistic::load(data)?),
        "gbdt_train"
        | "gbdt_train_quantised"
        | "gbdt_train_xgboost"
        | "gbdt_train_histgb"
        | "gbdt_train_forust"
        | "gbdt_train_hessboost" => Box::new(Boosting::numbers(data, usize::MAX)?),
        "gbdt_train_10k" => Box::new(Boosting::numbers(data, 10_000)?),
        "gbdt_train_categorical" => Box::new(Boosting::categories(data)?),
        "gbdt_train_1m" => Box::new(Boosting::million(data)?),
        "gbdt_train_wide" => Box::new(Boosting::wide(data)?),
        "random_forest" => Box::new(Boosting::forest(data)?),
        "isolation_forest" => Box::new(isolation_forest::Isolating::load(data)?),
        "gbdt_predict" => Box::new(scoring::Batch::load(data)?),
        "gbdt_row" => Box::new(scoring::RowByRow::flights(data)?),
        "gbdt_row_ydf" => Box::new(scoring::InHundreds::flights(data)?),
        "gbdt_row_100x31" => Box::new(scoring::RowByRow::synthetic(data)?),
        "tree_shap" => Box::new(scoring::Explaining::load(data)?),
        other => return Err(Error::unsupported(format!("no job is called {other}"))),
    })
}

/// Sums per column, with missing values left out: what both sides can compute of an output table.
pub fn column_sums(batch: &RecordBatch) -> Result<Vec<(String, f64)>> {
    let sum = |(field, array): (&FieldRef, &ArrayRef)| {
        let values = mlsys::core::column::floats(field.name(), array)?;
        // Weighted by the row, so that rows in another order would not agree.
        let sum = values
            .iter()
            .enumerate()
            .filter(|(_, x)| !x.is_nan())
            .map(|(row, x)| x * (row % 7 + 1) as f64)
            .sum();
        Ok((field.name().clone(), sum))
    };
    batch.schema_ref().fields().iter().zip(batch.columns()).map(sum).collect()
}

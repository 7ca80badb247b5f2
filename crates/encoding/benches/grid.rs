//! Every scaler and encoder on the fixed grid: fitting, and transforming with what was fitted.

#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use mlsys_core::arrow::array::{BooleanArray, RecordBatch};
use mlsys_core::hash::hash_u64;
use mlsys_core::{Dataset, Fit, FitTransform, Train, Transform};
use mlsys_encoding::text::{CountVectorizer, HashingVectorizer, TfidfVectorizer};
use mlsys_encoding::{
    BinaryEncoder, Binner, Contrast, ContrastEncoder, CountEncoder, CyclicalEncoder, FeatureHasher,
    LeaveOneOutEncoder, Log, LogTransformer, MaxAbsScaler, MdlpBinner, MinMaxScaler, Normalizer,
    OneHotEncoder, OneHotOutput, OrderedTargetEncoder, OrdinalEncoder, Period, PolynomialFeatures,
    PowerTransformer, QuantileTransformer, RareGrouper, RobustScaler, SplineTransformer, StandardScaler,
    TargetEncoder, Winsorizer, WoeBinner, WoeEncoder,
};
use mlsys_testkit::bench::{Grid, Point, labelled, numbers, words};
use std::sync::Arc;

fn both<F: Fit<Fitted: Transform> + Sync>(
    criterion: &mut Criterion,
    name: &str,
    recipe: &F,
    table: fn(&Point) -> mlsys_core::arrow::array::RecordBatch,
) where
    F::Fitted: Send,
{
    let train = |point: &Point| {
        let data = Dataset::new(table(point)).unwrap();
        let labelled = data.schema().field_with_name("label").is_ok();
        if labelled { data.target("label").unwrap().into_train_all() } else { data.into_train_all() }
    };
    Grid::table().measure(criterion, &format!("{name}/fit"), train, |train| recipe.fit(train).unwrap());
    let fitted = |point: &Point| {
        let train = train(point);
        (recipe.fit(&train).unwrap(), train)
    };
    Grid::table().measure(criterion, &format!("{name}/transform"), fitted, |(fitted, train)| {
        fitted.transform(train.batch()).unwrap()
    });
}

fn encoders(criterion: &mut Criterion) {
    both(criterion, "standard_scaler", &StandardScaler::new(), numbers);
    both(criterion, "min_max_scaler", &MinMaxScaler::new(), numbers);
    both(criterion, "max_abs_scaler", &MaxAbsScaler::new(), numbers);
    both(criterion, "robust_scaler", &RobustScaler::new(), numbers);
    both(criterion, "quantile_transformer", &QuantileTransformer::new(), numbers);
    both(criterion, "binner", &Binner::new(), numbers);
    both(criterion, "winsorizer", &Winsorizer::new(), numbers);
    both(criterion, "normalizer", &Normalizer::new(), numbers);
    both(criterion, "log_transformer", &LogTransformer::new().log(Log::Signed), numbers);
    both(criterion, "power_transformer", &PowerTransformer::new(), numbers);
    both(criterion, "mdlp_binner", &MdlpBinner::new(), labelled);
    both(criterion, "woe_binner", &WoeBinner::new(), labelled);
    both(criterion, "one_hot_encoder", &OneHotEncoder::new(), words);
    both(criterion, "ordinal_encoder", &OrdinalEncoder::new(), words);
    both(criterion, "one_hot_encoder_sparse", &OneHotEncoder::new().output(OneHotOutput::Sparse), words);
    both(criterion, "rare_grouper", &RareGrouper::new(), words);
    both(criterion, "spline_transformer", &SplineTransformer::new(), numbers);
    both(criterion, "cyclical_encoder", &CyclicalEncoder::new(Period::Of(24.0)), numbers);
    both(criterion, "polynomial_features", &PolynomialFeatures::new().on(["x0", "x1"]), numbers);
    both(criterion, "count_encoder", &CountEncoder::new(), words);
    both(criterion, "binary_encoder", &BinaryEncoder::new(), words);
    both(criterion, "contrast_encoder", &ContrastEncoder::new(Contrast::Helmert), words);
    both(criterion, "feature_hasher", &FeatureHasher::new(), words);
    both(criterion, "count_vectorizer", &CountVectorizer::new(), words);
    both(criterion, "tfidf_vectorizer", &TfidfVectorizer::new(), words);
    both(criterion, "hashing_vectorizer", &HashingVectorizer::new(), words);
}

/// Text columns and a target that has nothing to do with them.
fn labelled_words(point: &Point) -> Dataset<Train> {
    let batch = words(point);
    let label: BooleanArray =
        (0..batch.num_rows()).map(|row| Some(hash_u64(row as u64, 0).is_multiple_of(3))).collect();
    let schema = batch.schema();
    let columns = schema.fields().iter().map(|f| f.name().as_str()).zip(batch.columns().to_vec());
    let batch = RecordBatch::try_from_iter(columns.chain([("label", Arc::new(label) as _)])).unwrap();
    Dataset::new(batch).unwrap().target("label").unwrap().into_train_all()
}

/// Fitting, and encoding the training rows by other rows.
fn by_target<F: FitTransform<Fitted: Transform + Send> + Sync>(
    criterion: &mut Criterion,
    name: &str,
    recipe: &F,
) {
    Grid::table()
        .measure(criterion, &format!("{name}/fit"), labelled_words, |train| recipe.fit(train).unwrap());
    Grid::table().measure(criterion, &format!("{name}/fit_transform"), labelled_words, |train| {
        recipe.fit_transform(train.clone()).unwrap()
    });
}

fn target_encoders(criterion: &mut Criterion) {
    by_target(criterion, "target_encoder", &TargetEncoder::new());
    by_target(criterion, "woe_encoder", &WoeEncoder::new());
    by_target(criterion, "ordered_target_encoder", &OrderedTargetEncoder::new());
    by_target(criterion, "leave_one_out_encoder", &LeaveOneOutEncoder::new());
}

criterion_group!(benches, encoders, target_encoders);
criterion_main!(benches);

//! Every scaler and encoder on the fixed grid: fitting, and transforming with what was fitted.

#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use mlsys_core::{Dataset, Fit, Transform};
use mlsys_encoding::{
    Binner, Log, LogTransformer, MaxAbsScaler, MdlpBinner, MinMaxScaler, Normalizer, OneHotEncoder,
    OrdinalEncoder, PowerTransformer, QuantileTransformer, RobustScaler, StandardScaler, Winsorizer,
    WoeBinner,
};
use mlsys_testkit::bench::{Grid, Point, labelled, numbers, words};

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
}

criterion_group!(benches, encoders);
criterion_main!(benches);

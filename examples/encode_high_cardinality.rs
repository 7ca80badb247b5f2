//! What does each encoder make of columns with thousands of categories? The aircraft, the destination and the flight number
//! alone shall say which flights of the last quarter of 2013 will land more than 15 minutes late.
//!
//! `cargo run --release --example encode_high_cardinality [FILE]`
//!
//! Each encoder is judged three times: on the rows that it was fitted to, on other flights of the same months, and on the months after. From
//! the first to the second goes what was learned by heart, from the second to the third what changes with time.
//!
//! `MinHashEncoder` is not here: it is for dirty words, and tail numbers that are spelt alike have nothing else in common.

mod flights_data;

use std::sync::Arc;
use std::time::Instant;

use mlsys::arrow::array::{Array, AsArray, RecordBatch};
use mlsys::arrow::compute::cast;
use mlsys::arrow::datatypes::{DataType, Field, Int32Type, Schema};
use mlsys::core::{BoxedStep, Estimate, Identity, column, sparse};
use mlsys::encoding::{CooccurrenceEncoder, OneHotOutput, OrdinalEncoder, Smoothing, UnseenAs, UnseenCode};
use mlsys::eval::{LogLoss, RocAuc};
use mlsys::models::{LogisticRegression, ZeroRule};
use mlsys::prelude::*;
use mlsys::read::ParquetReader;
use mlsys::sampling::RandomSplit;

const COLUMNS: [&str; 3] = ["tailnum", "dest", "flight"];

/// The columns to encode, as text, and what is needed to split and to judge.
fn of_many_categories(flights: &RecordBatch) -> Result<RecordBatch> {
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for name in COLUMNS {
        // A flight number is a name, of which neither size nor difference means anything.
        columns.push(cast(column::find(flights, name)?, &DataType::Utf8)?);
        fields.push(Field::new(name, DataType::Utf8, true));
    }
    for name in ["time_hour", "late"] {
        columns.push(Arc::clone(column::find(flights, name)?));
        fields.push(flights.schema().field_with_name(name)?.clone());
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

/// An encoder of the target used wrongly: training rows are encoded as any others, by values that hold their own target.
struct ByThemselves<R>(R);

impl<R: Fit> Fit for ByThemselves<R> {
    type Fitted = R::Fitted;

    fn fit(&self, train: &Dataset<Train>) -> Result<R::Fitted> {
        self.0.fit(train)
    }
}

/// Fit, then transform, which is what a trait's default does.
impl<R: FitTransform> FitTransform for ByThemselves<R> {}

fn one_hot() -> OneHotEncoder {
    OneHotEncoder::new().unseen(Unseen::Ignore).output(OneHotOutput::Sparse)
}

/// What is compared: an encoder, and the penalty of the model after it.
fn encoders() -> Vec<(&'static str, BoxedStep, f64)> {
    let target = TargetEncoder::new;
    let raw = target().smoothing(Smoothing::M(0.0));
    let of_groups = RareGrouper::new().min_frequency(100).then(one_hot());
    let company = CooccurrenceEncoder::new().unseen(UnseenAs::Zeros).max_distinct(1 << 20);
    vec![
        ("ordinal", OrdinalEncoder::new().unseen(UnseenCode::Code(-1)).boxed_step(), 1.0),
        ("count", CountEncoder::new().boxed_step(), 1.0),
        ("binary digits", BinaryEncoder::new().unseen(UnseenAs::Zeros).boxed_step(), 1.0),
        ("co-occurrence, 8 each", company.boxed_step(), 1.0),
        ("one-hot", one_hot().boxed_step(), 1.0),
        ("one-hot, l2 = 30", one_hot().boxed_step(), 30.0),
        ("one-hot, rare ones grouped", of_groups.boxed_step(), 1.0),
        ("hashed", FeatureHasher::new().n_features(1 << 12).boxed_step(), 1.0),
        ("target mean, by itself", ByThemselves(raw).boxed_step(), 1.0),
        ("target mean, leave one out", LeaveOneOutEncoder::new().boxed_step(), 1.0),
        ("target mean, ordered", OrderedTargetEncoder::new().boxed_step(), 1.0),
        ("target mean, out of fold", target().boxed_step(), 1.0),
        ("target mean, m = 100", target().smoothing(Smoothing::M(100.0)).boxed_step(), 1.0),
        ("weight of evidence", WoeEncoder::new().boxed_step(), 1.0),
    ]
}

/// What an encoder is worth to a linear model.
struct Verdict {
    columns: usize,
    /// Of the rows fitted, of others of the same months, and of later ones.
    auc: (f64, f64, Estimate),
    log_loss: f64,
    kilobytes: f64,
    seconds: f64,
}

/// Fits encoder and model to the training rows, and judges them on those and on others.
fn judge(
    recipe: &BoxedStep,
    l2: f64,
    train: &Dataset<Train>,
    others: &Dataset<Validation>,
    test: &Dataset<Test>,
) -> Result<Verdict> {
    let start = Instant::now();
    let (encoder, encoded) = recipe.fit_transform(train.clone())?;
    let mut widths = Vec::new();
    for name in encoded.features() {
        widths.push(sparse::width_of(encoded.schema().field_with_name(name)?));
    }
    // The penalty wants columns of one scale; sparse ones have it.
    let scaler = match widths.iter().all(Option::is_some) {
        true => Identity::new().boxed_step(),
        false => StandardScaler::new().boxed_step(),
    };
    let model = scaler.then(LogisticRegression::new().l2(l2)).fit(&encoded)?;
    if !model.second().converged() {
        println!("the next model stopped before it converged");
    }
    let seconds = start.elapsed().as_secs_f64();

    let by_heart = Prediction::proba_of(&model, encoded.batch())?;
    let of_others = Prediction::proba_of(&model, others.apply(&encoder)?.batch())?;
    let of_later = Prediction::proba_of(&model, test.apply(&encoder)?.batch())?;
    let bytes = artifact::to_bytes(&encoder)?.len() + artifact::to_bytes(&model)?.len();
    Ok(Verdict {
        columns: widths.into_iter().map(|width| width.unwrap_or(1)).sum(),
        auc: (
            RocAuc::new().score_on(train, &by_heart)?.value,
            RocAuc::new().score_on(others, &of_others)?.value,
            RocAuc::new().score_on(test, &of_later)?,
        ),
        log_loss: LogLoss::new().score_on(test, &of_later)?.value,
        kilobytes: bytes as f64 / 1e3,
        seconds,
    })
}

/// How many categories the training rows have, and how many later rows have others.
fn describe(train: &Dataset<Train>, test: &Dataset<Test>) -> Result<()> {
    let places = OrdinalEncoder::new().unseen(UnseenCode::Code(-1)).fit(train)?;
    let coded = places.transform(test.batch())?;
    println!("{:<12}{:>12}{:>22}", "column", "categories", "unseen later");
    for name in COLUMNS {
        let codes = cast(column::find(&coded, name)?, &DataType::Int32)?;
        let unseen = codes.as_primitive::<Int32Type>().iter().filter(|code| *code == Some(-1)).count();
        let categories = places.categories(name).map_or(0, <[Category]>::len);
        println!("{name:<12}{categories:>12}{:>20.2} %", 100.0 * unseen as f64 / codes.len() as f64);
    }
    Ok(())
}

fn main() -> Result<()> {
    let flights = flights_data::late_flights(&ParquetReader::new(flights_data::path())?.read()?)?;
    let data = Dataset::new(of_many_categories(&flights)?)?
        .target("late")?
        .time("time_hour")?
        .ignore(["time_hour"])?;
    let (train, test) = flights_data::last_quarter().split(data)?;
    let (train, others) = RandomSplit::new().test_share(0.2).split_validation(train)?;
    println!(
        "{} flights until September to learn from, {} others of those months, {} later ones.\n",
        train.n_rows(),
        others.n_rows(),
        test.n_rows()
    );
    describe(&train, &test)?;

    println!(
        "\n{:<28}{:>8}{:>11}{:>13}  {:<24}{:>9}{:>8}{:>9}",
        "", "columns", "AUC fitted", "same months", "later", "log loss", "kB", "seconds"
    );
    let rule = ZeroRule::new().fit(&train)?;
    let loss = LogLoss::new().score_on(&test, &Prediction::proba_of(&rule, test.batch())?)?.value;
    println!("{:<28}{:>8}{:>11.4}{:>13.4}  {:<24}{loss:>9.4}", "zero rule", 0, 0.5, 0.5, "0.5000");
    for (name, recipe, l2) in encoders() {
        let Verdict { columns, auc, log_loss, kilobytes, seconds } =
            judge(&recipe, l2, &train, &others, &test)?;
        let later = auc.2.to_string();
        println!(
            "{name:<28}{columns:>8}{:>11.4}{:>13.4}  {later:<24}{log_loss:>9.4}{kilobytes:>8.0}{seconds:>9.2}",
            auc.0, auc.1
        );
    }
    Ok(())
}

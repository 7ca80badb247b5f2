//! Why is it missing, and what should I do? Asked of the flights of 2013: the weather that no station wrote down, and the
//! aircraft that nobody registered.
//!
//! `cargo run --release --example missing_values [FILE]`

mod flights_data;

use mlsys::core::BoxedFit;
use mlsys::eval::{Comparison, LogLoss, RocAuc};
use mlsys::missing_values::{KnnMetric, ModelImputer};
use mlsys::models::LogisticRegression;
use mlsys::prelude::*;
use mlsys::read::ParquetReader;

const WEATHER: [&str; 7] = ["dewp", "humid", "pressure", "temp", "visib", "wind_gust", "wind_speed"];
const AIRCRAFT: [&str; 6] = ["engine", "engines", "manufacturer", "plane_type", "plane_year", "seats"];

/// Every so-manieth row, since neighbours are looked for among all of them.
fn some<P: Partition>(data: &Dataset<P>, rows: usize) -> Result<Dataset<P>> {
    let step = data.n_rows().div_ceil(rows);
    data.take(&(0..data.n_rows()).step_by(step).collect::<Vec<_>>())
}

/// Any classifier of the reasons: gaps filled, marked and scaled, categories one-hot.
fn classifier() -> impl Fit<Fitted: PredictProba> {
    MedianImputer::new()
        .indicators(Indicators::WhereMissing)
        .then(StandardScaler::new())
        .then(OneHotEncoder::new().min_frequency(50).unseen(Unseen::Infrequent).on(Columns::categorical()))
        .then(LogisticRegression::new())
}

fn main() -> Result<()> {
    let arrived = flights_data::late_flights(&ParquetReader::new(flights_data::path())?.read()?)?;
    let data = Dataset::new(arrived)?.target("late")?.time("time_hour")?;
    let names = ["month", "hour", "origin", "carrier", "distance"].into_iter().chain(WEATHER).chain(AIRCRAFT);
    let data = data.select(names.chain(["late", "time_hour"]))?.ignore(["time_hour"])?;
    let (train, test) = flights_data::last_quarter().split(data)?;

    println!("# What is missing together\n");
    let patterns = mlsys::core::statistic::summarize(&MissingPatterns::of(train.features()), &train)?;
    println!("{patterns}");

    println!("# Why, as far as the data can tell\n");
    // A sample: with all rows every difference is significant.
    let sample = some(&train, 20_000)?;
    let report = MissingReport::of(&sample)?.with_evidence(mar_evidence(&sample, &classifier())?)?;
    println!("{report}");

    println!("# What an imputer finds of weather that is known\n");
    let weather = sample.select(["month", "hour", "origin"].into_iter().chain(WEATHER))?;
    let pmm = IterativeImputer::new().method(ImputationMethod::pmm());
    let scores = ImputationTrial::new().columns(["temp", "humid", "pressure", "visib", "wind_speed"]).run(
        &weather,
        [
            ("mean", MeanImputer::new().boxed_step()),
            ("median", MedianImputer::new().boxed_step()),
            ("median of the airport", GroupedImputer::new(MedianImputer::new(), "origin").boxed_step()),
            ("random donor", RandomDonorImputer::new().boxed_step()),
            ("5 neighbours (Gower)", KnnImputer::new().metric(KnnMetric::Gower).boxed_step()),
            ("chained regressions", IterativeImputer::new().boxed_step()),
            ("chained, mean matching", pmm.boxed_step()),
        ],
    )?;
    println!("{scores}");

    println!("# What an imputer finds of aircraft that are known\n");
    let aircraft = sample.select(["carrier", "distance"].into_iter().chain(AIRCRAFT))?;
    let by_model = OneHotEncoder::new()
        .min_frequency(20)
        .unseen(Unseen::Infrequent)
        .on(Columns::categorical())
        .then(StandardScaler::new())
        .then(LogisticRegression::new());
    let by_model = ModelImputer::new().categories(by_model).max_iter(3);
    // Not the manufacturers: dozens of classes are many coefficients.
    let chained = IterativeImputer::new().on(["engine", "engines", "plane_type", "plane_year", "seats"]);
    let first_numbers = |step| MedianImputer::new().then(step);
    let scores = ImputationTrial::new().columns(["engine", "manufacturer", "plane_type"]).repeats(1).run(
        &aircraft,
        [
            ("most frequent", MostFrequentImputer::new().boxed_step()),
            (
                "most frequent of the carrier",
                GroupedImputer::new(MostFrequentImputer::new(), "carrier").boxed_step(),
            ),
            ("5 neighbours (Gower)", KnnImputer::new().metric(KnnMetric::Gower).boxed_step()),
            ("chained regressions", chained.boxed_step()),
            ("a classifier of yours", first_numbers(by_model).boxed_step()),
        ],
    )?;
    println!("{scores}");

    println!("# What it does for the forecast of late arrivals\n");
    let text =
        || OneHotEncoder::new().min_frequency(100).unseen(Unseen::Infrequent).on(Columns::categorical());
    let last = || text().then(StandardScaler::new()).then(LogisticRegression::new());
    let marked = Indicators::WhereMissing;
    let recipes: [(&str, BoxedFit<dyn PredictProba>); 5] = [
        ("mean", MeanImputer::new().then(last()).boxed()),
        ("mean, marked", MeanImputer::new().indicators(marked).then(last()).boxed()),
        ("median, marked", MedianImputer::new().indicators(marked).then(last()).boxed()),
        ("end of tail", EndOfTailImputer::new().then(last()).boxed()),
        ("chained regressions, marked", IterativeImputer::new().indicators(marked).then(last()).boxed()),
    ];
    let mut comparison = Comparison::new((RocAuc::new(), LogLoss::new()));
    for (name, recipe) in recipes {
        comparison = comparison.add(name, Prediction::proba_of(&recipe.fit(&train)?, test.batch())?);
    }
    println!("{}", comparison.score_on(&test)?);
    Ok(())
}

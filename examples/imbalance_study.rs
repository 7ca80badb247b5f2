//! My classes are imbalanced: does it help to resample, to weigh, to move the threshold, or to do nothing? Asked of two models and three
//! tables by repeated cross-validation: flights (a quarter late), adults (a quarter earn more than 50,000), tumours (a third malignant).
//!
//! `cargo run --release --example imbalance_study [FILE]`

mod flights_data;

use std::fmt::Write as _;

use mlsys::core::BoxedFit;
use mlsys::eval::{AveragePrecision, FBeta, LogLoss, RocAuc};
use mlsys::models::{Gbdt, LogisticRegression};
use mlsys::neighbors::Metric;
use mlsys::prelude::{Metric as _, *};
use mlsys::read::ParquetReader;
use mlsys::sampling::{
    Repeated, Shuffle, StratifiedGroupKFold, StratifiedGroupSplit, StratifiedKFold, StratifiedSplit,
};
use mlsys::stats::student_t_quantile;

type Classifier = BoxedFit<dyn PredictProba>;

const MEASURES: [&str; 5] = ["ROC AUC", "average precision", "log loss", "F1 at 1/2", "F1, tuned"];

/// What is done about the imbalance, and what brings its probabilities back to the classes as they are.
struct Treatment {
    name: &'static str,
    recipe: Classifier,
    correction: fn(&Dataset<Train>) -> Result<Option<PriorCorrection>>,
}

fn treatment(name: &'static str, recipe: Classifier) -> Treatment {
    Treatment { name, recipe, correction: |_| Ok(None) }
}

/// What learns.
#[derive(Clone, Copy)]
enum Learner {
    Logistic,
    /// 100 trees, all else as it comes too.
    Trees,
}

impl Learner {
    fn name(self) -> &'static str {
        match self {
            Self::Logistic => "logistic regression",
            Self::Trees => "boosted trees",
        }
    }

    /// Categories one-hot for the linear model; trees take them as they are.
    fn model(self) -> Classifier {
        match self {
            Self::Logistic => encoded().then(LogisticRegression::new()).boxed(),
            Self::Trees => Gbdt::new().boxed(),
        }
    }

    /// Ten models, each on as many rows of each class.
    fn bagged(self) -> Classifier {
        match self {
            Self::Logistic => encoded().then(BalancedBagging::new(LogisticRegression::new())).boxed(),
            Self::Trees => BalancedBagging::new(Gbdt::new()).boxed(),
        }
    }

    /// Rows are resampled while categories are still categories.
    fn resampled<R: Resample + Send + Sync + 'static>(self, resampler: R) -> Classifier {
        numbers().resample(resampler).then(self.model()).boxed()
    }

    fn weighed(self) -> Classifier {
        numbers().then(ClassWeighter::balanced()).then(self.model()).boxed()
    }

    fn treatments(self, categories: bool) -> Vec<Treatment> {
        let smote = if categories { self.resampled(SmoteNc::new()) } else { self.resampled(Smote::new()) };
        let metric = if categories { Metric::Heom } else { Metric::Euclidean };
        let corrected =
            |train: &Dataset<Train>| PriorCorrection::of_weights(&ClassWeighter::balanced(), train).map(Some);
        vec![
            treatment("nothing", numbers().then(self.model()).boxed()),
            treatment("class weights", self.weighed()),
            Treatment { name: "class weights, corrected", recipe: self.weighed(), correction: corrected },
            treatment("random over-sampling", self.resampled(RandomOverSampler::new())),
            treatment("random under-sampling", self.resampled(RandomUnderSampler::new())),
            Treatment {
                name: "the same, corrected",
                recipe: self.resampled(RandomUnderSampler::new()),
                correction: |train| PriorCorrection::of(&RandomUnderSampler::new(), train).map(Some),
            },
            treatment(if categories { "SMOTE-NC" } else { "SMOTE" }, smote),
            treatment("balanced bagging", numbers().then(self.bagged()).boxed()),
            treatment("Tomek links removed", self.resampled(TomekLinks::new().metric(metric))),
        ]
    }
}

/// Gaps filled and marked, numbers scaled: trees need neither, but rows in between two do.
fn numbers() -> impl FitTransform<Fitted: Transform> {
    MedianImputer::new().indicators(Indicators::WhereMissing).then(StandardScaler::new())
}

/// Categories one-hot.
fn encoded() -> impl FitTransform<Fitted: Transform> {
    OneHotEncoder::new().min_frequency(20).unseen(Unseen::Infrequent).on(Columns::categorical())
}

/// The five measures of a model that learns on some of the rows; its threshold is chosen on others, and judged on `held_out`.
fn measures(
    treatment: &Treatment,
    train: &Dataset<Train>,
    validation: &Dataset<Validation>,
    held_out: &Dataset<Validation>,
) -> Result<[f64; 5]> {
    let mut fitted = Adjusted::new(treatment.recipe.fit(train)?);
    if let Some(correction) = (treatment.correction)(train)? {
        fitted = fitted.correct(correction)?;
    }
    let prediction = Prediction::proba_of(&fitted, held_out.batch())?;
    let threshold = ThresholdTuner::new(ThresholdGoal::FBeta(1.0)).tune(&fitted, validation)?;
    let tuned = Prediction::of(&fitted.threshold(threshold.threshold())?, held_out.batch())?;
    Ok([
        RocAuc::new().score_on(held_out, &prediction)?.value,
        AveragePrecision::new().score_on(held_out, &prediction)?.value,
        LogLoss::new().score_on(held_out, &prediction)?.value,
        FBeta::f1().score_on(held_out, &prediction)?.value,
        FBeta::f1().score_on(held_out, &tuned)?.value,
    ])
}

/// The report of a table's imbalance, and then all treatments of each model.
fn study(data: &Dataset<Train>, folds: &dyn Folds, split: &dyn Split, categories: bool) -> Result<()> {
    println!("{}", Imbalance::new().report(data)?);
    let folds = folds.folds(data)?;
    for learner in [Learner::Logistic, Learner::Trees] {
        println!("{}", study_of(learner, data, &folds, split, categories)?);
    }
    println!();
    Ok(())
}

/// A table of all treatments: mean values, and how they differ from doing nothing, with 95 % intervals of Student's t that know
/// that the folds share rows (Nadeau and Bengio, *Inference for the generalization error*, 2003).
fn study_of(
    learner: Learner,
    data: &Dataset<Train>,
    folds: &[Fold],
    split: &dyn Split,
    categories: bool,
) -> Result<String> {
    let treatments = learner.treatments(categories);
    let mut all: Vec<Vec<[f64; 5]>> = vec![Vec::new(); treatments.len()];
    for fold in folds {
        let (train, held_out) = data.fold(fold)?;
        let (train, validation) = split.split_validation(train)?;
        for (treatment, values) in treatments.iter().zip(&mut all) {
            values.push(measures(treatment, &train, &validation, &held_out)?);
        }
    }
    let n = folds.len() as f64;
    // A fold's test rows to its training rows, of which the threshold had a quarter.
    let share = folds[0].validation().len() as f64 / (0.75 * folds[0].train().len() as f64);
    let t = student_t_quantile(0.975, n - 1.0)?;
    let mut table = format!("{:25}", learner.name());
    MEASURES.iter().for_each(|name| _ = write!(table, " {name:>24}"));
    for (treatment, values) in treatments.iter().zip(&all) {
        _ = write!(table, "\n{:25}", treatment.name);
        for measure in 0..MEASURES.len() {
            let mean = values.iter().map(|fold| fold[measure]).sum::<f64>() / n;
            let differences: Vec<f64> =
                values.iter().zip(&all[0]).map(|(a, b)| a[measure] - b[measure]).collect();
            let difference = differences.iter().sum::<f64>() / n;
            let variance = differences.iter().map(|d| (d - difference).powi(2)).sum::<f64>() / (n - 1.0);
            let half = t * ((1.0 / n + share) * variance).sqrt();
            let cell = match treatment.name {
                "nothing" => format!("{mean:.4}"),
                _ => format!("{mean:.4} ({difference:+.4} ± {half:.4})"),
            };
            _ = write!(table, " {cell:>24}");
        }
    }
    Ok(table)
}

fn read(name: &str) -> Result<mlsys::arrow::array::RecordBatch> {
    ParquetReader::new(format!("{}/data/{name}.parquet", env!("CARGO_MANIFEST_DIR")))?.read()
}

fn main() -> Result<()> {
    let arrived = flights_data::late_flights(&ParquetReader::new(flights_data::path())?.read()?)?;
    let flights = Dataset::new(arrived)?.target("late")?.group("time_hour")?;
    let names = ["month", "hour", "origin", "carrier", "distance", "temp", "humid", "visib", "wind_speed"];
    let flights = flights.select(names.into_iter().chain(["late", "time_hour"]))?.ignore(["time_hour"])?;
    // Every eighth: the study fits more than 2,500 models.
    let eighth: Vec<usize> = (0..flights.n_rows()).step_by(8).collect();
    let flights = flights.take(&eighth)?.into_train_all();
    println!("# Late flights: {} rows, folds of whole hours\n", flights.n_rows());
    let folds = StratifiedGroupKFold::new(5).shuffle(Shuffle::On);
    study(&flights, &Repeated::new(folds, 3), &StratifiedGroupSplit::new().test_share(0.25), true)?;

    let split = StratifiedSplit::new().test_share(0.25);
    let adults = Dataset::new(read("adult")?)?.target("income")?;
    // The weight says how many people a row stands for, and the number what the word says.
    let adults = adults.ignore(["fnlwgt", "education_num"])?.into_train_all();
    println!("# Adults with more than 50,000 a year: {} rows\n", adults.n_rows());
    let folds = StratifiedKFold::new(5).shuffle(Shuffle::On);
    study(&adults, &Repeated::new(folds, 3), &split, true)?;

    let tumours = Dataset::new(read("breast_cancer")?)?.target("malignant")?.into_train_all();
    println!("# Malignant tumours: {} rows\n", tumours.n_rows());
    let folds = StratifiedKFold::new(5).shuffle(Shuffle::On);
    study(&tumours, &Repeated::new(folds, 10), &split, false)
}

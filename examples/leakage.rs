//! What knows the answer already? Asked of the flights of 2013, of which some land more than 15 minutes late, and of what is fitted on
//! them.
//!
//! `cargo run --release --example leakage [FILE]`

mod flights_data;

use std::time::Instant;

use mlsys::arrow::compute::is_not_null;
use mlsys::eval::{Comparison, RocAuc};
use mlsys::leakage::{Evaluation, MutationTest, TestLedger};
use mlsys::models::{Gbdt, LogisticRegression, ZeroRule};
use mlsys::prelude::*;
use mlsys::read::ParquetReader;

/// What a build would say.
fn verdict(report: &LeakageReport) -> String {
    match report.require_clean() {
        Ok(()) => "clean".into(),
        Err(error) => error.to_string(),
    }
}

/// What the first page below names: noted at the departure, at the arrival, or as their difference.
const AFTERWARDS: [&str; 5] = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"];

fn main() -> Result<()> {
    let start = Instant::now();
    let flights = flights_data::with_late(&ParquetReader::new(flights_data::path())?.read()?)?;

    println!("# Nothing told but the target\n");
    let table = Dataset::new(flights)?.target("late")?;
    println!("{}", LeakageAudit::new().table(&table)?);
    println!("{}", ColumnPowers::of(&table)?);

    println!("# What the leak would have promised\n");
    // Keys before anything is divided: by them rows are known again.
    let arrived = table.filter(&is_not_null(table.column("late")?)?)?.track_rows()?;
    let told = arrived.time("time_hour")?.group("tailnum")?.ignore(["time_hour", "flight", "tailnum"])?;
    let (train_told, test_told) = flights_data::last_quarter().split(told.clone())?;
    let trees = Gbdt::new().trees(50);
    let without = |names: &[&str]| -> Result<Prediction> {
        let model = trees.fit(&train_told.clone().ignore(names)?)?;
        Prediction::proba_of(&model, test_told.batch())
    };
    let comparison = Comparison::new((RocAuc::new(),))
        .add("all columns", without(&[])?)
        .add("without arr_delay", without(&["arr_delay"])?)
        .add("without either delay", without(&["arr_delay", "dep_delay"])?)
        .add("without all five", without(&AFTERWARDS)?);
    println!("{}", comparison.score_on(&test_told)?);

    println!("# The split in time, without the five\n");
    let data = told.ignore(AFTERWARDS)?;
    let (train, test) = flights_data::last_quarter().split(data.clone())?;
    let report = LeakageAudit::new().split(&train, &test)?;
    println!("{report}");
    println!("In a build: {}\n", verdict(&report));

    println!("# Which rows something was fitted on\n");
    let numbers = ["hour", "month", "distance", "temp", "visib", "precip", "wind_speed"];
    let recipe = || MedianImputer::new().on(numbers).then(StandardScaler::new().on(numbers));
    let all = data.clone().into_train_all();
    let (mut rows, last_quarter) = flights_data::last_quarter().rows(&data)?;
    rows.extend(last_quarter.iter().step_by(100));
    let slipped = data.take(&rows)?.into_train_all();
    for (tracking, name) in [(RowTracking::default(), "sketch"), (RowTracking::EveryRow, "every row")] {
        let recipe = recipe().tracked(tracking);
        for (rows, what) in [
            (&train, "the training rows"),
            (&slipped, "them and a hundredth of the test rows"),
            (&all, "all rows"),
        ] {
            let fitted = recipe.fit(rows)?;
            let bytes = artifact::to_bytes(&fitted)?;
            let bare = artifact::to_bytes(fitted.inner())?;
            // A file says it too, to who does not know its type.
            let report = audit_artifact(&bytes, &test)?;
            assert_eq!(report, audit_fitted(&fitted, &test)?);
            println!("{name} ({} bytes), fitted on {what}: {}", bytes.len() - bare.len(), verdict(&report));
        }
    }

    println!("\n# A scaler of all rows, found without a note\n");
    let every: Vec<usize> = (0..data.n_rows()).step_by(50).collect();
    let sample = data.take(&every)?;
    let scaler = StandardScaler::new().on(numbers);
    let by_all = MutationTest::new().run_table(&sample, &flights_data::last_quarter(), |data| {
        artifact::to_bytes(&scaler.fit(&data.clone().into_train_all())?)
    })?;
    println!("{by_all}");
    let by_training_rows = MutationTest::new().run_table(&sample, &flights_data::last_quarter(), |data| {
        let (train, _) = flights_data::last_quarter().split(data.clone())?;
        artifact::to_bytes(&scaler.fit(&train)?)
    })?;
    println!("Fitted after the split: {}\n", verdict(&by_training_rows));

    println!("# What the test rows were asked\n");
    let linear = recipe().then(OneHotEncoder::new().min_frequency(100).unseen(Unseen::Infrequent));
    let linear = MedianImputer::new().then(linear).then(LogisticRegression::new());
    let mut ledger = TestLedger::new(&test)?;
    let mut ask = |name: &str, model: &dyn PredictProba| -> Result<()> {
        let score = RocAuc::new().score(
            test.target_column("leakage")?,
            &Prediction::proba_of(model, test.batch())?,
            None,
        )?;
        ledger.record(&test, Evaluation::new(name, "ROC AUC", score.value))
    };
    ask("zero rule", &ZeroRule::new().fit(&train)?)?;
    ask("logistic regression", &linear.fit(&train)?)?;
    for n in [25, 50, 100] {
        ask(&format!("{n} trees"), &Gbdt::new().trees(n).fit(&train)?)?;
    }
    println!("{}", ledger.report()?);
    println!("{:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

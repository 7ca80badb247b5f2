//! Which flights of the last quarter of 2013 will land more than 15 minutes late, judged by what is known at the
//! scheduled departure: the schedule, the aircraft, and the weather of that hour?
//!
//! `cargo run --release --example flights [FILE]`

mod flights_data;

use std::time::Instant;

use mlsys::arrow::array::AsArray;
use mlsys::eval::{AveragePrecision, Bootstrap, Brier, Comparison, Ece, LogLoss, RocAuc, SliceTable};
use mlsys::models::{EarlyStopping, FittedGbdt, Gbdt, LogisticRegression, TreeShap, ZeroRule};
use mlsys::ndarray::Axis;
use mlsys::prelude::*;
use mlsys::read::ParquetReader;
use mlsys::sampling::SplitReport;

fn main() -> Result<()> {
    let mut steps = Steps::default();

    // What is in the file? One scan, which never holds the whole table.
    let reader = ParquetReader::new(flights_data::path())?;
    let profile =
        steps.time("profile the file, streamed", || reader.batches()?.summarize(&Profile::new()))?;
    println!("{profile}");

    let flights = steps.time("read the file", || reader.read())?;
    let arrived = flights_data::late_flights(&flights)?;
    let dropped = flights.num_rows() - arrived.num_rows();
    println!("{dropped} flights have no arrival delay: they were cancelled or diverted, and are dropped.");
    println!("All that follows is about flights that do arrive; that they will is not known in advance.\n");

    let data = Dataset::new(arrived)?
        .target("late")?
        .time("time_hour")?
        .group("tailnum")?
        // Known only after the scheduled departure: with them the model would be told the answer.
        .ignore(["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"])?
        // Names rather than measurements: thousands of values, which one-hot columns cannot learn from.
        .ignore(["flight", "tailnum"])?
        // Its parts (month, day, hour) are columns of their own.
        .ignore(["time_hour"])?;
    println!("{data}");

    let (train, test) = flights_data::last_quarter().split(data)?;
    println!("{}", steps.time("report on the split", || SplitReport::of(&train, &test))?);

    // Every value is learned from training rows alone: `recipe.fit(&test)` does not compile.
    let recipe = MedianImputer::new()
        .indicators(Indicators::WhereMissing)
        .then(StandardScaler::new())
        .then(OneHotEncoder::new().min_frequency(100).unseen(Unseen::Infrequent))
        .then(LogisticRegression::new().l2(1.0));
    let zero_rule = steps.time("fit the zero rule", || ZeroRule::new().fit(&train))?;
    let model = steps.time("fit the logistic regression", || recipe.fit(&train))?;
    if !model.second().converged() {
        println!("the logistic regression stopped before it converged\n");
    }

    // Boosted trees take the columns as they are. The last weeks of the training rows say how many trees are enough.
    let (earlier, validation) = flights_data::last_month_of_training().split_validation(train.clone())?;
    let boosting = Gbdt::new().trees(1000).learning_rate(0.05).early_stopping(EarlyStopping::after(50));
    let boosted = steps.time("fit boosted trees", || boosting.fit_validated(&earlier, &validation))?;
    println!("Of 1000 trees at most, {} were enough.\n", boosted.ensemble().trees().len());

    let by_rule = Prediction::proba_of(&zero_rule, test.batch())?;
    let by_model = steps.time("predict the test rows", || Prediction::proba_of(&model, test.batch()))?;
    let by_trees = steps.time("the same, by trees", || Prediction::proba_of(&boosted, test.batch()))?;
    let draws = Bootstrap::new().replicates(200).seed(1);
    let comparison = steps.time("judge both, with intervals", || {
        Comparison::new((
            RocAuc::new(),
            AveragePrecision::new().bootstrap(draws),
            LogLoss::new().bootstrap(draws),
            Brier::new().bootstrap(draws),
            Ece::new().bootstrap(draws),
        ))
        .add("zero rule", by_rule)
        .add("logistic regression", by_model.clone())
        .add("boosted trees", by_trees.clone())
        .score_on(&test)
    })?;
    println!("{comparison}");

    let slices = steps.time("judge by carrier and origin", || {
        SliceTable::new((RocAuc::new(), LogLoss::new(), Brier::new()))
            .by("carrier")
            .by("origin")
            .score_on(&test, &by_model)
    })?;
    println!("{slices}");

    let mut coefficients: Vec<_> =
        model.second().coefficients().into_iter().map(|(name, c)| (name, c[0])).collect();
    coefficients.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    println!("What moves the odds most, per standard deviation or category:");
    coefficients.iter().take(8).for_each(|(name, c)| println!("  {c:+.3}  {name}"));

    println!();
    steps.time("explain the worst misses", || worst_misses(&boosted, &by_trees, &test))?;

    // The fitted chain as a file: plain data, no code. Another process loads it without knowing its type.
    let file = std::env::temp_dir().join(format!("late-{}.mlsys", std::process::id()));
    let loaded = steps.time("save, load, and predict again", || {
        artifact::save(&model, &file)?;
        let bytes = std::fs::read(&file)?;
        println!("\nSaved the fitted chain: {} bytes.", bytes.len());
        artifact::load_model(&bytes, &mlsys::registry())?.predict_proba(test.batch())
    })?;
    std::fs::remove_file(&file)?;
    let bits = |p: &Probabilities| p.view().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    let same = bits(&loaded) == bits(&model.predict_proba(test.batch())?);
    println!("The loaded chain predicts {} bytes.", if same { "the same" } else { "OTHER" });

    println!("\n{steps}");
    Ok(())
}

/// What boosted trees went by in the late flights that they gave the least chance of being so.
fn worst_misses(model: &FittedGbdt, said: &Prediction, test: &Dataset<Test>) -> Result<()> {
    const MISSES: usize = 100;
    let Some((_, p)) = said.probabilities() else { return Ok(()) };
    let (p, late) = (p.positive(), test.target_column("flights")?.as_boolean().clone());
    let mut misses: Vec<usize> = (0..p.len()).filter(|&row| late.value(row)).collect();
    misses.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    misses.truncate(MISSES);
    let rows = test.take(&misses)?;
    let shap = TreeShap::new(model.ensemble()).explain(rows.batch())?;
    let means = shap.output(0)?.mean_axis(Axis(0)).into_iter().flatten();
    let mut means: Vec<(&str, f64)> =
        model.ensemble().features().iter().map(|f| f.name()).zip(means).collect();
    means.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    println!(
        "In the {MISSES} worst misses, log-odds of {:.2} on average became less or more by:",
        shap.base()[0]
    );
    means.iter().take(6).for_each(|(name, x)| println!("  {x:+.3}  {name}"));
    Ok(())
}

/// How long each step took.
#[derive(Default)]
struct Steps(Vec<(&'static str, f64)>);

impl Steps {
    fn time<T>(&mut self, name: &'static str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        let start = Instant::now();
        let result = step()?;
        self.0.push((name, start.elapsed().as_secs_f64()));
        Ok(result)
    }
}

impl std::fmt::Display for Steps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|(name, seconds)| writeln!(f, "{seconds:7.2} s  {name}"))
    }
}

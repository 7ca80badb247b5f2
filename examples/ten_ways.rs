//! Ten ways to fool yourself, each on real data: the number it promises, the honest one, and the check that sees it. The guide's page on
//! leakage, `docs/leakage.md`, is about what this prints, and its code is from here.
//!
//! `cargo run --release --example ten_ways [FILE]`, with the file of the flights

mod flights_data;

use std::collections::BTreeMap;
use std::sync::Arc;

use mlsys::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int32Array, RecordBatch};
use mlsys::arrow::compute::kernels::{cmp::lt, numeric::mul};
use mlsys::arrow::compute::{cast, is_not_null};
use mlsys::arrow::datatypes::{DataType, Field, Schema};
use mlsys::core::{Direction, column};
use mlsys::eval::{Accuracy, RocAuc};
use mlsys::leakage::{
    Aggregate, AggregateAudit, Evaluation, Ladder, MutationTest, TestLedger, duplicates_across,
};
use mlsys::models::{ExtraTrees, Gbdt, LogisticRegression, RandomForest};
use mlsys::prelude::*;
use mlsys::read::ParquetReader;
use mlsys::sampling::{GroupSplit, RandomSplit};

/// Noted at the departure or after it.
const AFTERWARDS: [&str; 5] = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"];

fn main() -> Result<()> {
    let adult = Dataset::new(table("adult")?)?.target("income")?;
    let flights = Dataset::new(flights_data::with_late(&ParquetReader::new(flights_data::path())?.read()?)?)?;
    let flights = flights.target("late")?;
    let arrived = flights.filter(&is_not_null(flights.column("late")?)?)?;
    rows_seen_while_fitting(&adult)?;
    preprocessing_of_all_rows(&arrived)?;
    oversampling_before_the_split(&adult)?;
    rows_that_are_there_twice(&adult)?;
    a_column_noted_afterwards(&flights, &arrived)?;
    two_columns_that_tell_together(&arrived)?;
    means_that_include_the_row(&arrived)?;
    shuffling_what_has_a_time(&arrived)?;
    groups_on_both_sides(&flights)?;
    asking_too_often(&adult)
}

/// A table beside this file.
fn table(name: &str) -> Result<RecordBatch> {
    ParquetReader::new(format!("{}/data/{name}.parquet", env!("CARGO_MANIFEST_DIR")))?.read()
}

fn auc<P: Partition>(model: &impl PredictProba, rows: &Dataset<P>) -> Result<f64> {
    let truth = rows.target_column("ten_ways")?;
    Ok(RocAuc::new().score(truth, &Prediction::proba_of(model, rows.batch())?, None)?.value)
}

/// One way: what it says, and what is so.
fn way(number: usize, name: &str, promised: f64, honest: f64) {
    println!("# {number}. {name}\n\npromised {promised:.3}, honest {honest:.3}\n");
}

/// What was found of these kinds.
fn say(report: &LeakageReport, kinds: &[LeakKind]) {
    for finding in report.findings().iter().filter(|finding| kinds.contains(&finding.kind)) {
        println!("{} {} {}", finding.severity.name(), finding.kind, finding.columns.join(", "));
        println!("    {}", finding.message);
    }
    println!();
}

fn forest() -> RandomForest {
    RandomForest::new().trees(50)
}

/// Every so-manieth row.
fn some<P: Partition>(data: &Dataset<P>, step: usize) -> Result<Dataset<P>> {
    data.take(&(0..data.n_rows()).step_by(step).collect::<Vec<_>>())
}

fn rows_seen_while_fitting(adult: &Dataset<Unsplit>) -> Result<()> {
    let adult = adult.clone().track_rows()?;
    let (train, test) = RandomSplit::new().split(adult.clone())?;
    let recipe = forest().tracked(RowTracking::EveryRow);
    let honest = recipe.fit(&train)?;
    let fooled = recipe.fit(&adult.into_train_all())?;

    way(1, "Judging on rows that were seen while fitting", auc(&fooled, &test)?, auc(&honest, &test)?);
    audit_fitted(&honest, &test)?.require_clean()?;
    let report = audit_fitted(&fooled, &test)?;
    say(&report, &[LeakKind::FittedOnTestRows]);
    Ok(())
}

fn preprocessing_of_all_rows(arrived: &Dataset<Unsplit>) -> Result<()> {
    let names = ["tailnum", "flight"];
    let data = some(arrived, 16)?.select(names.into_iter().chain(["hour", "distance", "late"]))?;
    let (train, test) = RandomSplit::new().split(data.clone())?;
    let encoder = TargetEncoder::new().on(names);
    let model = LogisticRegression::new();
    let honest = encoder.clone().then(model.clone()).fit(&train)?;

    // Encoded first, then divided: the means of the target hold the test rows' answers.
    let encoded = data.apply(&encoder.fit(&data.clone().into_train_all())?)?;
    let (encoded_train, encoded_test) = RandomSplit::new().split(encoded)?;
    let fooled = model.fit(&encoded_train)?;
    way(2, "Preprocessing all rows", auc(&fooled, &encoded_test)?, auc(&honest, &test)?);

    let report = MutationTest::new().run_table(&data, &RandomSplit::new(), |data| {
        artifact::to_bytes(&encoder.fit(&data.clone().into_train_all())?)
    })?;
    say(&report, &[LeakKind::TestRowsReachModel]);

    // A scaler of all rows hardly moves a score, and is found as well.
    let numbers = ["hour", "distance"];
    let scaler = StandardScaler::new().on(numbers);
    let data = data.select(numbers.into_iter().chain(["late"]))?;
    let report = MutationTest::new().run_table(&data, &RandomSplit::new(), |data| {
        artifact::to_bytes(&scaler.fit(&data.clone().into_train_all())?)
    })?;
    println!("a scaler of all rows:");
    say(&report, &[LeakKind::TestRowsReachModel]);
    let report = MutationTest::new().run_table(&data, &RandomSplit::new(), |data| {
        let (train, _) = RandomSplit::new().split(data.clone())?;
        artifact::to_bytes(&scaler.fit(&train)?)
    })?;
    report.require_clean()
}

fn oversampling_before_the_split(adult: &Dataset<Unsplit>) -> Result<()> {
    let adult = adult.clone().track_rows()?;
    let (train, test) = RandomSplit::new().split(adult.clone())?;
    let honest = RandomOverSampler::new().then(forest()).fit(&train)?;

    let more = RandomOverSampler::new().resample(adult.clone().into_train_all())?;
    let (train, validation) = RandomSplit::new().split_validation(more)?;
    let fooled = forest().tracked(RowTracking::EveryRow).fit(&train)?;
    way(3, "Oversampling before the split", auc(&fooled, &validation)?, auc(&honest, &test)?);
    let report = audit_fitted(&fooled, &validation)?;
    say(&report, &[LeakKind::FittedOnTestRows]);
    say(&LeakageAudit::new().split(&train, &validation)?, &[LeakKind::DuplicateRows]);

    // Rows in between two are copies of neither.
    let between = SmoteNc::new().resample(adult.into_train_all())?;
    let (train, validation) = RandomSplit::new().split_validation(between)?;
    let fooled = forest().tracked(RowTracking::EveryRow).fit(&train)?;
    println!("rows between two (SMOTE-NC): {:.3}", auc(&fooled, &validation)?);
    say(&audit_fitted(&fooled, &validation)?, &[LeakKind::FittedOnTestRows]);
    let report = LeakageAudit::new().split(&train, &validation)?;
    say(&report, &[LeakKind::DuplicateRows, LeakKind::NearDuplicateRows]);
    Ok(())
}

fn rows_that_are_there_twice(adult: &Dataset<Unsplit>) -> Result<()> {
    // Two exports, of which the second begins before the first ends.
    let n = adult.n_rows();
    let train = adult.slice(0, n * 8 / 10)?.into_train_all();
    let test = adult.slice(n * 7 / 10, n - n * 7 / 10)?.into_test_all();
    let model = forest().fit(&train)?;

    let columns: Vec<&str> = train.features().into_iter().chain(["income"]).collect();
    let found = duplicates_across(&train, &test, &columns)?;
    let fresh: Vec<usize> = (0..test.n_rows()).filter(|row| found.rows.binary_search(row).is_err()).collect();
    let fresh = test.take(&fresh)?;
    way(4, "Rows that are there twice", auc(&model, &test)?, auc(&model, &fresh)?);

    let report = LeakageAudit::new().split(&train, &test)?;
    say(&report, &[LeakKind::DuplicateRows]);
    let (train, test) = RandomSplit::new().split(adult.clone())?;
    println!("the table as it is:");
    say(&LeakageAudit::new().split(&train, &test)?, &[LeakKind::DuplicateRows]);
    measured_twice()
}

/// Masses that were measured again: no two numbers are equal.
fn measured_twice() -> Result<()> {
    let masses = Dataset::new(table("breast_cancer")?)?.target("malignant")?;
    let (train, test) = RandomSplit::new().split(masses.clone())?;
    let mut again = train.batch().slice(0, 30).columns().to_vec();
    for (place, column) in again.iter_mut().enumerate().filter(|(_, c)| c.data_type().is_floating()) {
        let error = if place % 2 == 0 { 0.001 } else { -0.001 };
        *column = mul(column, &Float64Array::new_scalar(1.0 + error))?;
    }
    let again = masses.slice(0, 30)?.with_batch(RecordBatch::try_new(train.schema(), again)?)?;
    let test = test.concat(&again.into_test_all())?;
    println!("30 of {} masses measured again, among {} test rows:", train.n_rows(), test.n_rows());
    let report = LeakageAudit::new().split(&train, &test)?;
    say(&report, &[LeakKind::DuplicateRows, LeakKind::NearDuplicateRows]);
    Ok(())
}

/// Boosted trees on the flights before October, judged on those since then.
fn by_time(arrived: &Dataset<Unsplit>, without: &[&str]) -> Result<f64> {
    let data = arrived.clone().time("time_hour")?.ignore(["time_hour", "flight", "tailnum"])?;
    let (train, test) = flights_data::last_quarter().split(data.ignore(without)?)?;
    auc(&Gbdt::new().trees(50).fit(&train)?, &test)
}

fn a_column_noted_afterwards(flights: &Dataset<Unsplit>, arrived: &Dataset<Unsplit>) -> Result<()> {
    let (promised, honest) = (by_time(arrived, &["arr_delay"])?, by_time(arrived, &AFTERWARDS)?);
    way(5, "A column noted after the answer", promised, honest);

    let report = LeakageAudit::new().table(flights)?;
    for name in ["arr_delay", "dep_delay", "air_time"] {
        report.about(name).for_each(|finding| println!("{} {}", finding.severity.name(), finding.message));
    }
    println!();
    Ok(())
}

fn two_columns_that_tell_together(arrived: &Dataset<Unsplit>) -> Result<()> {
    let left: Vec<&str> = AFTERWARDS.into_iter().filter(|name| *name != "dep_time").collect();
    way(6, "Two columns that tell together", by_time(arrived, &left)?, by_time(arrived, &AFTERWARDS)?);

    let data = arrived.clone().ignore(left)?;
    let report = LeakageAudit::new().table(&data)?;
    report.about("dep_time").for_each(|finding| println!("{} {}", finding.severity.name(), finding.message));
    let power = ColumnPowers::of_set(&data, &["dep_time", "sched_dep_time"])?;
    println!("    each pair of times as a value of its own: AUC {:.3}", power.strength());
    println!();
    Ok(())
}

/// The table with one more column.
fn with_column<P: Partition>(data: &Dataset<P>, name: &str, values: ArrayRef) -> Result<Dataset<P>> {
    let mut fields = data.schema().fields().to_vec();
    fields.push(Arc::new(Field::new(name, values.data_type().clone(), true)));
    let mut columns = data.batch().columns().to_vec();
    columns.push(values);
    data.with_batch(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

/// The share of late ones among the flights of the aircraft that day: all of them, or those of earlier hours.
fn late_that_day(data: &Dataset<Unsplit>, earlier: bool) -> Result<ArrayRef> {
    let late = column::floats("late", data.column("late")?)?;
    let hour = column::instants_or_missing("time_hour", data.column("time_hour")?)?;
    let tail = data.column("tailnum")?.as_string::<i32>().clone();
    let day = |row: usize| hour.value(row) / 1_000_000_000 / 86_400;
    let mut flown: BTreeMap<(&str, i64), Vec<usize>> = BTreeMap::new();
    for row in (0..data.n_rows()).filter(|&row| tail.is_valid(row)) {
        flown.entry((tail.value(row), day(row))).or_default().push(row);
    }
    let mut shares = vec![None; data.n_rows()];
    for rows in flown.values() {
        for &row in rows {
            let others = rows.iter().filter(|&&other| !earlier || hour.value(other) < hour.value(row));
            let (n, sum) = others.fold((0.0, 0.0), |(n, sum), &other| (n + 1.0, sum + late[other]));
            shares[row] = (n > 0.0).then(|| sum / n);
        }
    }
    Ok(Arc::new(Float64Array::from(shares)))
}

fn means_that_include_the_row(arrived: &Dataset<Unsplit>) -> Result<()> {
    let day = column::instants_or_missing("time_hour", arrived.column("time_hour")?)?;
    let day: Int32Array = day.iter().map(|t| t.map(|t| (t / 1_000_000_000 / 86_400) as i32)).collect();
    let data = with_column(arrived, "day_utc", Arc::new(day))?.ignore(AFTERWARDS)?.ignore(["day_utc"])?;
    let all = with_column(&data, "late_that_day", late_that_day(&data, false)?)?;
    let earlier = with_column(&data, "late_that_day", late_that_day(&data, true)?)?;
    way(7, "Means of the target that include the row", by_time(&all, &[])?, by_time(&earlier, &[])?);

    let audit = AggregateAudit::new("late_that_day", Aggregate::Mean, "late");
    let audit = audit.by(["tailnum", "day_utc"]).time("time_hour");
    let report = audit.run(&all)?;
    say(&report, &[LeakKind::AggregateIncludes]);
    audit.run(&earlier)?.require_clean()
}

fn shuffling_what_has_a_time(arrived: &Dataset<Unsplit>) -> Result<()> {
    let data = arrived.clone().time("time_hour")?.ignore(["time_hour", "flight", "tailnum"])?;
    let data = data.ignore(AFTERWARDS)?;
    let trees = Gbdt::new().trees(200);
    let judged = |(train, test): (Dataset<Train>, Dataset<Test>)| auc(&trees.fit(&train)?, &test);
    let promised = judged(RandomSplit::new().split(data.clone())?)?;
    let honest = judged(flights_data::last_quarter().split(data.clone())?)?;
    way(8, "Shuffling what has a time", promised, honest);

    let (train, test) = RandomSplit::new().split(data.clone())?;
    let report = LeakageAudit::new().split(&train, &test)?;
    say(&report, &[LeakKind::TimeOverlap]);
    Ok(())
}

fn groups_on_both_sides(flights: &Dataset<Unsplit>) -> Result<()> {
    // Which aircraft are old? Asked of those whose year nobody registered, by what they fly.
    let known = some(flights, 4)?;
    let known = known.filter(&is_not_null(known.column("plane_year")?)?)?;
    let old = lt(known.column("plane_year")?, &Int32Array::new_scalar(2000))?;
    let names = ["tailnum", "carrier", "origin", "dest", "distance", "hour", "month"];
    let data = with_column(&known.select(names)?, "old", Arc::new(old))?.target("old")?.group("tailnum")?;
    let recipe = TargetEncoder::new().on(["tailnum"]).then(Gbdt::new().trees(50));
    let judged = |(train, test): (Dataset<Train>, Dataset<Test>)| auc(&recipe.fit(&train)?, &test);
    let promised = judged(RandomSplit::new().split(data.clone())?)?;
    let honest = judged(GroupSplit::new().split(data.clone())?)?;
    way(9, "Groups on both sides", promised, honest);

    let (train, test) = RandomSplit::new().split(data.clone())?;
    let report = LeakageAudit::new().split(&train, &test)?;
    say(&report, &[LeakKind::SharedGroups]);
    let (train, test) = GroupSplit::new().split(data.ignore(["tailnum"])?)?;
    LeakageAudit::new().split(&train, &test)?.require_clean()?;
    println!(
        "without its number, of other aircraft: {:.3}\n",
        auc(&Gbdt::new().trees(50).fit(&train)?, &test)?
    );
    Ok(())
}

fn asking_too_often(adult: &Dataset<Unsplit>) -> Result<()> {
    // 2,442 persons to learn from, 200 to judge by, and all others to see what is so.
    let (some, fresh) = RandomSplit::new().test_share(0.95).split(adult.clone())?;
    let rows: Vec<usize> = (0..fresh.n_rows()).collect();
    let (train, test, fresh) = (some, fresh.take(&rows[..200])?, fresh.take(&rows[200..])?);
    let accuracy = |model: &dyn PredictProba, rows: &Dataset<Test>| -> Result<f64> {
        let prediction = Prediction::of(model, rows.batch())?;
        Ok(Accuracy::new().score(rows.target_column("ten_ways")?, &prediction, None)?.value)
    };

    let mut ledger = TestLedger::new(&test)?;
    let mut ladder = Ladder::new().direction(Direction::Maximize);
    let (mut best, mut told) = ((0.0, 0), 0);
    for seed in 0..200 {
        let model = ExtraTrees::new().trees(5).seed(seed).fit(&train)?;
        let score = accuracy(&model, &test)?;
        ledger.record(&test, Evaluation::new(format!("seed {seed}"), "accuracy", score))?;
        let released = ladder.ask_losses(&right(&model, &test)?)?;
        told += usize::from(released.improved);
        if score > best.0 {
            best = (score, seed);
        }
    }
    let chosen = ExtraTrees::new().trees(5).seed(best.1).fit(&train)?;
    way(10, "Asking the test rows too often", best.0, accuracy(&chosen, &fresh)?);
    let report = ledger.report()?;
    say(&report, &[LeakKind::TestWear]);
    let last = ladder.best().unwrap_or_default();
    println!("the ladder tells {told} of the 200 answers, and {last:.3} at last");
    Ok(())
}

/// Whether the model is right, row by row.
fn right(model: &impl PredictProba, rows: &Dataset<Test>) -> Result<Vec<f64>> {
    let text = |array: &ArrayRef| cast(array, &DataType::Utf8);
    let (found, truth) = (text(&model.predict(rows.batch())?)?, text(rows.target_column("ten_ways")?)?);
    let pairs = found.as_string::<i32>().iter().zip(truth.as_string::<i32>());
    Ok(pairs.map(|(found, truth)| f64::from(u8::from(found == truth))).collect())
}

//! The mutation harness over chains: it names the guilty step, also where only the rows that it hands on give it away.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlsys_core::arrow::datatypes::{Schema, SchemaRef};
use mlsys_core::{
    Chain, Dataset, Error, Fit, FitTransform, Identity, InputColumn, Resample, Result, Test, Train,
    Transform, column,
};
use mlsys_leakage::{LeakageReport, MutationTest, Severity};
use serde::{Deserialize, Serialize};

/// Takes the mean of `x` away; where `seen` is given, that of other rows. `hidden` is taken away from what it hands on while training.
#[derive(Clone, Default)]
struct Center {
    seen: Option<f64>,
    hidden: f64,
}

#[derive(Serialize, Deserialize)]
struct FittedCenter {
    mean: f64,
}

impl FittedCenter {
    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        Vec::new()
    }

    fn less(batch: &RecordBatch, by: f64) -> Result<RecordBatch> {
        let x = column::floats("x", column::find(batch, "x")?)?;
        let mut columns = batch.columns().to_vec();
        columns[0] = Arc::new(Float64Array::from_iter_values(x.iter().map(|x| x - by)));
        Ok(RecordBatch::try_new(batch.schema(), columns)?)
    }
}

mlsys_core::artifact!(FittedCenter, "tests.FittedCenter", 1);

fn mean(batch: &RecordBatch) -> Result<f64> {
    let x = column::finite("x", column::find(batch, "x")?)?;
    Ok(x.iter().sum::<f64>() / x.len() as f64)
}

impl Fit for Center {
    type Fitted = FittedCenter;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedCenter> {
        Ok(FittedCenter { mean: self.seen.map_or_else(|| mean(train.batch()), Ok)? })
    }
}

impl FitTransform for Center {
    fn fit_transform(&self, train: Dataset<Train>) -> Result<(FittedCenter, Dataset<Train>)> {
        let fitted = self.fit(&train)?;
        let rows = FittedCenter::less(train.batch(), fitted.mean + self.hidden)?;
        Ok((fitted, train.with_batch(rows)?))
    }
}

impl Transform for FittedCenter {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        Self::less(batch, self.mean)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        Ok(Arc::new(input.clone()))
    }
}

/// Keeps as many rows as it was told to.
#[derive(Clone)]
struct First(usize);

impl Resample for First {
    fn resample(&self, train: Dataset<Train>) -> Result<Dataset<Train>> {
        train.slice(0, self.0.min(train.n_rows()))
    }
}

fn parts() -> (Dataset<Train>, Dataset<Test>) {
    let column =
        |from: i32| Arc::new(Float64Array::from_iter_values((from..from + 20).map(f64::from))) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("x", column(0)), ("z", column(100))]).unwrap();
    let rows: Vec<usize> = (0..20).collect();
    Dataset::new(batch).unwrap().split_at_rows(&rows[..12], &rows[12..]).unwrap()
}

type Three = Chain<Chain<Center, Center>, Center>;

fn three(a: Center, b: Center, c: Center) -> Three {
    a.then(b).then(c)
}

fn run(make: impl Fn(f64) -> Three) -> LeakageReport {
    let (train, test) = parts();
    MutationTest::new().run_chain(&test, |test| Ok((make(mean(test.batch())?), train.clone()))).unwrap()
}

fn clean() -> Center {
    Center::default()
}

/// The place of the first step that differs, and what is said of it, which all findings agree on.
fn guilty(report: &LeakageReport) -> (f64, String) {
    let errors: Vec<_> = report.of(Severity::Error).collect();
    let first = errors.first().unwrap();
    for error in &errors {
        assert_eq!(error.evidence["first_step"], first.evidence["first_step"]);
        assert!(error.columns.is_empty() || error.columns == ["x"], "{error:?}");
    }
    (first.evidence["first_step"], first.message.clone())
}

#[test]
fn clean_chains_are_clean() {
    let report = run(|_| three(clean(), clean(), clean()));
    // `x` is read to see what could leak, so that it may not be missing: that is a note.
    assert_eq!(report.worst(), Some(Severity::Note), "{report}");
    let (train, test) = parts();
    let report =
        MutationTest::new().run_chain(&test, |_| Ok((three(clean(), clean(), clean()), train.clone())));
    assert!(report.unwrap().findings().is_empty());
}

#[test]
fn the_step_that_learns_from_test_rows_is_named() {
    let told = |mean: f64| Center { seen: Some(mean), hidden: 0.0 };
    let (step, message) = guilty(&run(|mean| three(clean(), told(mean), clean())));
    assert_eq!(step, 1.0);
    assert!(
        message.contains("step 2 of 3, Center") && message.contains("learns something else"),
        "{message}"
    );
    assert_eq!(guilty(&run(|mean| three(told(mean), clean(), clean()))).0, 0.0);
    assert_eq!(guilty(&run(|mean| three(clean(), clean(), told(mean)))).0, 2.0);
}

#[test]
fn a_step_that_leaks_through_the_rows_it_hands_on_is_named() {
    let hidden = |mean: f64| Center { seen: None, hidden: mean };
    // What it learnt is the same: only the rows after it, and what the next step makes of them, differ.
    let (step, message) = guilty(&run(|mean| three(clean(), hidden(mean), clean())));
    assert_eq!(step, 1.0);
    assert!(message.contains("hands on other rows, and learnt the same"), "{message}");
    // So does a resampler.
    let (train, test) = parts();
    let report = MutationTest::new().run_chain(&test, |test| {
        let chain = clean().resample(First(test.n_rows())).then(Identity::new());
        Ok((chain, train.clone()))
    });
    let report = report.unwrap();
    assert_eq!(report.of(Severity::Error).count(), 2, "{report}");
    assert!(report.findings()[0].message.contains("hands on other rows"), "{report}");
}

#[test]
fn rows_that_differ_before_the_chain_are_told() {
    let (train, test) = parts();
    let report = MutationTest::new().run_chain(&test, |test| {
        let shifted = FittedCenter::less(train.batch(), mean(test.batch())?)?;
        Ok((three(clean(), clean(), clean()), train.with_batch(shifted)?))
    });
    let report = report.unwrap();
    let finding = report.of(Severity::Error).next().unwrap();
    assert!(finding.message.contains("before any step"), "{}", finding.message);
    assert!(!finding.evidence.contains_key("first_step"));
}

#[test]
fn errors_of_fitting_come_through() {
    let (_, test) = parts();
    let run = |_: &Dataset<Test>| -> Result<(Three, Dataset<Train>)> { Err(Error::unsupported("no rows")) };
    assert!(MutationTest::new().run_chain(&test, run).unwrap_err().to_string().ends_with("no rows"));
    let (train, _) = parts();
    let without = train.select(["z"]).unwrap();
    let run = |_: &Dataset<Test>| Ok((three(clean(), clean(), clean()), without.clone()));
    assert!(MutationTest::new().run_chain(&test, run).unwrap_err().to_string().contains("`x`"));
}

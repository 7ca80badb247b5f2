//! What splitters, folds and resamplers promise.

use std::collections::{BTreeMap, BTreeSet};

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::{Dataset, ErrorKind, Folds, Resample, Result, Split, Train, Unsplit};

use crate::report::{Report, no_panic};
use crate::table;

const CHECKS: [&str; 7] =
    ["disjoint", "exhaustive", "repeatable", "time_order", "hostile_tables", "bad_parameters", "schema"];

fn table() -> RecordBatch {
    table::mixed(241, true)
}

fn dataset(batch: RecordBatch) -> Result<Dataset<Unsplit>> {
    Dataset::new(batch)?.target("label")?.time("when")?.group("team")
}

fn invalid_parameter(name: &str, parameter: &str, result: Result<()>) {
    match result {
        Ok(()) => panic!("{name}: accepts a bad `{parameter}`"),
        Err(e) => assert!(
            matches!(e.kind(), ErrorKind::InvalidParameter { name, .. } if name == parameter),
            "{name}: a bad `{parameter}` must be InvalidParameter naming it, not: {e}"
        ),
    }
}

/// The contract of a splitter: disjoint sides, all rows used, repeatable, time in order where it says so.
#[derive(Debug, Clone)]
pub struct SplitContract<S> {
    name: String,
    splitter: S,
    time_ordered: bool,
    bad: Vec<(&'static str, S)>,
    skipped: BTreeMap<&'static str, String>,
}

impl<S: Split> SplitContract<S> {
    /// The contract of a splitter.
    pub fn new(name: &str, splitter: S) -> Self {
        Self { name: name.into(), splitter, time_ordered: false, bad: Vec::new(), skipped: BTreeMap::new() }
    }

    /// Every training row must be before every test row.
    pub fn time_ordered(mut self) -> Self {
        self.time_ordered = true;
        self
    }

    /// The splitter with a bad value of a parameter.
    pub fn bad(mut self, parameter: &'static str, splitter: S) -> Self {
        self.bad.push((parameter, splitter));
        self
    }

    /// Leaves a check out, for a reason that the report shows.
    pub fn skip(mut self, check: &'static str, reason: &str) -> Self {
        self.skipped.insert(check, reason.into());
        self
    }

    /// Runs the contract.
    pub fn run(self) -> Report {
        let name = &self.name;
        let mut report = Report::new(name, self.skipped.clone());
        let data = dataset(table()).expect("a dataset");
        let split = || self.splitter.split(data.clone());
        let (train, test) =
            split().unwrap_or_else(|e| panic!("{name}: does not split the ordinary table: {e}"));
        let (train_ids, test_ids) = (train.row_ids(), test.row_ids());
        let all: BTreeSet<u64> = train_ids.iter().chain(&test_ids).copied().collect();
        if report.runs("disjoint") {
            assert_eq!(all.len(), train_ids.len() + test_ids.len(), "{name}: a row is on both sides");
            for ids in [&train_ids, &test_ids] {
                assert!(ids.is_sorted(), "{name}: rows are not in their old order");
            }
        }
        if report.runs("exhaustive") {
            assert_eq!(all, data.row_ids().into_iter().collect(), "{name}: rows are lost");
        }
        if report.runs("schema") {
            assert_eq!((train.roles(), test.roles()), (data.roles(), data.roles()), "{name}: roles are lost");
        }
        if report.runs("repeatable") {
            let (again, _) = split().expect("a second split");
            assert_eq!(again.row_ids(), train_ids, "{name}: splits differently the second time");
        }
        if self.time_ordered && report.runs("time_order") {
            let last = train.instants(name).expect("times").iter().copied().max();
            let first = test.instants(name).expect("times").iter().copied().min();
            assert!(last < first, "{name}: a training row is not before every test row");
        }
        if report.runs("hostile_tables") {
            for (what, batch) in table::hostile(&table()).expect("hostile tables") {
                let split = || self.splitter.split(dataset(batch.clone())?);
                if let Ok((train, test)) = no_panic(&format!("{name}: {what}"), split) {
                    assert!(train.n_rows() > 0 && test.n_rows() > 0, "{name}: an empty side of {what}");
                }
            }
        }
        if report.runs("bad_parameters") {
            for (parameter, splitter) in &self.bad {
                let split = || splitter.split(data.clone()).map(drop);
                invalid_parameter(name, parameter, no_panic(name, split));
            }
        }
        report.close(&CHECKS)
    }
}

/// The contract of folds: disjoint, the number promised, all rows validated once where that is promised.
#[derive(Debug, Clone)]
pub struct FoldsContract<F> {
    name: String,
    folds: F,
    n_folds: usize,
    time_ordered: bool,
    bad: Vec<(&'static str, F)>,
    skipped: BTreeMap<&'static str, String>,
}

impl<F: Folds> FoldsContract<F> {
    /// The contract of folds that promise this number of folds.
    pub fn new(name: &str, folds: F, n_folds: usize) -> Self {
        Self {
            name: name.into(),
            folds,
            n_folds,
            time_ordered: false,
            bad: Vec::new(),
            skipped: BTreeMap::new(),
        }
    }

    /// Every row fitted on must be before every row validated on; not every row need be validated.
    pub fn time_ordered(mut self) -> Self {
        self.time_ordered = true;
        self
    }

    /// The folds with a bad value of a parameter.
    pub fn bad(mut self, parameter: &'static str, folds: F) -> Self {
        self.bad.push((parameter, folds));
        self
    }

    /// Leaves a check out, for a reason that the report shows.
    pub fn skip(mut self, check: &'static str, reason: &str) -> Self {
        self.skipped.insert(check, reason.into());
        self
    }

    /// Runs the contract.
    pub fn run(self) -> Report {
        let name = &self.name;
        let mut report = Report::new(name, self.skipped.clone());
        let data = dataset(table()).expect("a dataset").into_train_all();
        let folds =
            self.folds.folds(&data).unwrap_or_else(|e| panic!("{name}: no folds of the ordinary table: {e}"));
        assert_eq!(folds.len(), self.n_folds, "{name}: another number of folds");
        let mut validated = BTreeMap::new();
        for fold in &folds {
            fold.validation().iter().for_each(|&row| *validated.entry(row).or_insert(0) += 1);
        }
        if report.runs("disjoint") {
            assert!(validated.values().all(|&times| times == 1), "{name}: a row is validated twice");
            for fold in &folds {
                let (train, validation) =
                    data.fold(fold).unwrap_or_else(|e| panic!("{name}: rows out of range: {e}"));
                let seen: BTreeSet<u64> = train.row_ids().into_iter().collect();
                assert!(
                    validation.row_ids().iter().all(|id| !seen.contains(id)),
                    "{name}: a row is on both sides"
                );
            }
        }
        if !self.time_ordered && report.runs("exhaustive") {
            assert_eq!(validated.len(), data.n_rows(), "{name}: rows are never validated");
            let whole = folds.iter().all(|f| f.train().len() + f.validation().len() == data.n_rows());
            assert!(whole, "{name}: a fold loses rows");
        }
        if report.runs("repeatable") {
            assert_eq!(
                self.folds.folds(&data).expect("folds again"),
                folds,
                "{name}: other folds the second time"
            );
        }
        if self.time_ordered && report.runs("time_order") {
            let times = data.instants(name).expect("times");
            for fold in &folds {
                let last = fold.train().iter().map(|&row| times[row]).max();
                let first = fold.validation().iter().map(|&row| times[row]).min();
                assert!(last <= first, "{name}: a fold looks into the future");
            }
        }
        if report.runs("hostile_tables") {
            for (what, batch) in table::hostile(&table()).expect("hostile tables") {
                let _ = no_panic(&format!("{name}: {what}"), || {
                    self.folds.folds(&dataset(batch.clone())?.into_train_all())
                });
            }
        }
        if report.runs("bad_parameters") {
            for (parameter, folds) in &self.bad {
                invalid_parameter(name, parameter, no_panic(name, || folds.folds(&data).map(drop)));
            }
        }
        report.close(&CHECKS)
    }
}

/// The contract of a resampler: schema and roles kept, old rows unchanged, repeatable, and class counts as promised.
#[derive(Debug, Clone)]
pub struct ResampleContract<R> {
    name: String,
    resampler: R,
    bad: Vec<(&'static str, R)>,
    skipped: BTreeMap<&'static str, String>,
}

impl<R: Resample> ResampleContract<R> {
    /// The contract of a resampler.
    pub fn new(name: &str, resampler: R) -> Self {
        Self { name: name.into(), resampler, bad: Vec::new(), skipped: BTreeMap::new() }
    }

    /// The resampler with a bad value of a parameter.
    pub fn bad(mut self, parameter: &'static str, resampler: R) -> Self {
        self.bad.push((parameter, resampler));
        self
    }

    /// Leaves a check out, for a reason that the report shows.
    pub fn skip(mut self, check: &'static str, reason: &str) -> Self {
        self.skipped.insert(check, reason.into());
        self
    }

    /// Runs the contract; `promised` judges the resampled rows against the ones before.
    pub fn run(self, promised: impl Fn(&Dataset<Train>, &Dataset<Train>) -> bool) -> Report {
        let name = &self.name;
        let mut report = Report::new(name, self.skipped.clone());
        let before = dataset(table()).expect("a dataset").into_train_all();
        let resample = || self.resampler.resample(before.clone());
        let after =
            resample().unwrap_or_else(|e| panic!("{name}: does not resample the ordinary table: {e}"));
        assert!(promised(&before, &after), "{name}: the rows are not as promised");
        if report.runs("schema") {
            assert_eq!(after.schema(), before.schema(), "{name}: another schema");
            assert_eq!(after.roles(), before.roles(), "{name}: roles are lost");
        }
        if report.runs("repeatable") {
            let again = resample().expect("resampling again");
            assert!(again.batch() == after.batch(), "{name}: other rows the second time");
            assert_eq!(again.row_ids(), after.row_ids(), "{name}: other row ids the second time");
        }
        if report.runs("disjoint") {
            let known: BTreeMap<u64, usize> = before.row_ids().into_iter().zip(0..).collect();
            for (row, id) in after.row_ids().into_iter().enumerate() {
                let Some(&old) = known.get(&id) else { continue };
                let same = after.batch().columns().iter().zip(before.batch().columns());
                let same =
                    same.into_iter().all(|(a, b)| table::same_values(&a.slice(row, 1), &b.slice(old, 1)));
                assert!(same, "{name}: row id {id} has other values than before");
            }
        }
        if report.runs("hostile_tables") {
            for (what, batch) in table::hostile(&table()).expect("hostile tables") {
                let resample = || self.resampler.resample(dataset(batch.clone())?.into_train_all());
                let _ = no_panic(&format!("{name}: {what}"), resample);
            }
        }
        if report.runs("bad_parameters") {
            for (parameter, resampler) in &self.bad {
                invalid_parameter(
                    name,
                    parameter,
                    no_panic(name, || resampler.resample(before.clone()).map(drop)),
                );
            }
        }
        report.close(&CHECKS)
    }
}

//! What splitters, folds and resamplers promise.

use std::collections::{BTreeMap, BTreeSet};

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::{Dataset, ErrorKind, Folds, Partition, Resample, Result, Split, Train, Unsplit};

use crate::report::{Report, no_panic};
use crate::table;

const CHECKS: [&str; 9] = [
    "disjoint",
    "exhaustive",
    "validated_once",
    "repeatable",
    "time_order",
    "groups_whole",
    "hostile_tables",
    "bad_parameters",
    "schema",
];

/// Doors through which a splitter goes; each of them is checked in the same way.
const DOORS: [&str; 2] = ["split", "split_validation"];

/// The training rows and the held back ones, whatever they are called, with their times and groups.
struct Sides {
    train: Dataset<Unsplit>,
    held_back: Dataset<Unsplit>,
}

impl Sides {
    fn of<S: Split + ?Sized>(splitter: &S, door: &str, data: Dataset<Unsplit>) -> Result<Self> {
        let bare =
            |batch: &RecordBatch, ids: Vec<u64>, like: &Dataset<Unsplit>| -> Result<Dataset<Unsplit>> {
                // Row ids are places in `data`, whose rows the sides must hold unchanged.
                let rows: Vec<usize> = ids.iter().map(|&id| id as usize).collect();
                let expected = like.take(&rows)?;
                assert!(expected.batch() == batch, "a side does not hold the rows that its ids name");
                Ok(expected)
            };
        if door == "split" {
            let (train, test) = splitter.split(data.clone())?;
            assert_eq!((train.roles(), test.roles()), (data.roles(), data.roles()), "roles are lost");
            Ok(Self {
                train: bare(train.batch(), train.row_ids(), &data)?,
                held_back: bare(test.batch(), test.row_ids(), &data)?,
            })
        } else {
            let (train, validation) = splitter.split_validation(data.clone().into_train_all())?;
            assert_eq!((train.roles(), validation.roles()), (data.roles(), data.roles()), "roles are lost");
            Ok(Self {
                train: bare(train.batch(), train.row_ids(), &data)?,
                held_back: bare(validation.batch(), validation.row_ids(), &data)?,
            })
        }
    }
}

/// The values of the column that names groups.
fn teams<P: Partition>(data: &Dataset<P>) -> Vec<i64> {
    let column = data.column("team").expect("a column `team`");
    let teams = mlsys_core::column::floats("team", column).expect("numbers");
    teams.iter().map(|&team| team as i64).collect()
}

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

/// The contract of a splitter, through the doors of [`Split::split`] and [`Split::split_validation`] both: disjoint
/// sides, all rows used, repeatable, time in order and groups whole where it says so.
#[derive(Debug, Clone)]
pub struct SplitContract<S> {
    name: String,
    splitter: S,
    time_ordered: bool,
    groups_whole: bool,
    bad: Vec<(&'static str, S)>,
    skipped: BTreeMap<&'static str, String>,
}

impl<S: Split> SplitContract<S> {
    /// The contract of a splitter.
    pub fn new(name: &str, splitter: S) -> Self {
        Self {
            name: name.into(),
            splitter,
            time_ordered: false,
            groups_whole: false,
            bad: Vec::new(),
            skipped: BTreeMap::new(),
        }
    }

    /// Every training row must be before every test row.
    pub fn time_ordered(mut self) -> Self {
        self.time_ordered = true;
        self
    }

    /// No value of the group column `team` may be on both sides.
    pub fn groups_whole(mut self) -> Self {
        self.groups_whole = true;
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
        let mut report = Report::new(&self.name, self.skipped.clone());
        for door in DOORS {
            self.through(door, &mut report);
        }
        report.close(&CHECKS)
    }

    fn through(&self, door: &'static str, report: &mut Report) {
        let name = &format!("{} ({door})", self.name);
        let data = dataset(table()).expect("a dataset");
        let split = || Sides::of(&self.splitter, door, data.clone());
        let Sides { train, held_back } =
            split().unwrap_or_else(|e| panic!("{name}: does not split the ordinary table: {e}"));
        let (train_ids, held_ids) = (train.row_ids(), held_back.row_ids());
        let all: BTreeSet<u64> = train_ids.iter().chain(&held_ids).copied().collect();
        if report.runs("disjoint") {
            assert_eq!(all.len(), train_ids.len() + held_ids.len(), "{name}: a row is on both sides");
            for ids in [&train_ids, &held_ids] {
                assert!(ids.is_sorted(), "{name}: rows are not in their old order");
            }
        }
        if report.runs("exhaustive") {
            assert_eq!(all, data.row_ids().into_iter().collect(), "{name}: rows are lost");
        }
        if report.runs("schema") {
            assert_eq!(train.schema(), data.schema(), "{name}: another schema");
        }
        if report.runs("repeatable") {
            let again = split().expect("a second split");
            assert_eq!(again.train.row_ids(), train_ids, "{name}: splits differently the second time");
        }
        if self.time_ordered && report.runs("time_order") {
            let last = train.instants(name).expect("times").iter().copied().max();
            let first = held_back.instants(name).expect("times").iter().copied().min();
            assert!(last < first, "{name}: a training row is not before every row held back");
        }
        if self.groups_whole && report.runs("groups_whole") {
            let known: BTreeSet<i64> = teams(&train).into_iter().collect();
            let whole = teams(&held_back).iter().all(|team| !known.contains(team));
            assert!(whole, "{name}: a group is on both sides");
        }
        if report.runs("hostile_tables") {
            for (what, batch) in table::hostile(&table()).expect("hostile tables") {
                let split = || {
                    let data = dataset(batch.clone())?;
                    self.splitter.rows(&data)
                };
                if let Ok((train, held_back)) = no_panic(&format!("{name}: {what}"), split) {
                    assert!(!train.is_empty() && !held_back.is_empty(), "{name}: an empty side of {what}");
                }
            }
        }
        if report.runs("bad_parameters") {
            for (parameter, splitter) in &self.bad {
                let split = || Sides::of(splitter, door, data.clone()).map(drop);
                invalid_parameter(name, parameter, no_panic(name, split));
            }
        }
    }
}

/// The contract of folds: disjoint, the number promised, all rows validated once where that is promised.
#[derive(Debug, Clone)]
pub struct FoldsContract<F> {
    name: String,
    folds: F,
    n_folds: usize,
    time_ordered: bool,
    groups_whole: bool,
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
            groups_whole: false,
            bad: Vec::new(),
            skipped: BTreeMap::new(),
        }
    }

    /// Every row fitted on must be before every row validated on; not every row need be validated.
    pub fn time_ordered(mut self) -> Self {
        self.time_ordered = true;
        self
    }

    /// No value of the group column `team` may be on both sides of a fold.
    pub fn groups_whole(mut self) -> Self {
        self.groups_whole = true;
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
        if report.runs("validated_once") {
            assert!(validated.values().all(|&times| times == 1), "{name}: a row is validated twice");
        }
        if report.runs("disjoint") {
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
        if self.groups_whole && report.runs("groups_whole") {
            let teams = teams(&data);
            for fold in &folds {
                let known: BTreeSet<i64> = fold.train().iter().map(|&row| teams[row]).collect();
                let whole = fold.validation().iter().all(|&row| !known.contains(&teams[row]));
                assert!(whole, "{name}: a group is on both sides of a fold");
            }
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
    target: Option<&'static str>,
    bad: Vec<(&'static str, R)>,
    skipped: BTreeMap<&'static str, String>,
}

impl<R: Resample> ResampleContract<R> {
    /// The contract of a resampler.
    pub fn new(name: &str, resampler: R) -> Self {
        Self { name: name.into(), resampler, target: None, bad: Vec::new(), skipped: BTreeMap::new() }
    }

    /// By the numbers in `value`, not by the classes in `label`.
    pub fn by_number(mut self) -> Self {
        self.target = Some("value");
        self
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
        let with_target = |batch: RecordBatch| match self.target {
            None => dataset(batch),
            Some(target) => Dataset::new(batch)?.target(target)?.time("when")?.group("team"),
        };
        let before = with_target(table()).expect("a dataset").into_train_all();
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
                let resample = || self.resampler.resample(with_target(batch.clone())?.into_train_all());
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

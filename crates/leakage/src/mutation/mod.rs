//! Changes test rows, and sees whether the model changes with them.

mod search;
mod trace;
mod values;

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::{
    Artifact, Chain, Dataset, Error, Fit, FitTransform, Partition, Result, Role, Split, Test, Train,
    Transform, Unsplit, artifact, seed,
};
use serde::{Deserialize, Serialize};

use self::search::{Guilty, Outcome, compared};
use crate::{Finding, LeakKind, LeakageReport, OffendingRows, Severity};

const NAME: &str = "MutationTest";

/// What [`MutationTest`] does to test rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mutation {
    /// Values as the column has none: numbers scaled and shifted far outside, and finite; times later than all; text of a new category;
    /// booleans the other way round. Missing values stay missing.
    Far,
    /// Each value becomes another one that the column has: labels are flipped.
    Exchange,
    /// Values change places among the test rows, in each column in another way.
    Permute,
    /// Half of the values become missing: null, or NaN where the column has no nulls.
    Missing,
    /// Half of the rows go, one at least stays.
    Drop,
    /// The rows are there twice.
    Duplicate,
}

impl Mutation {
    /// All, in the order in which they are tried.
    pub const ALL: [Self; 6] =
        [Self::Far, Self::Exchange, Self::Permute, Self::Missing, Self::Drop, Self::Duplicate];

    fn of_values(self) -> bool {
        !matches!(self, Self::Drop | Self::Duplicate)
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Far => "values far outside",
            Self::Exchange => "other values of the column",
            Self::Permute => "their values permuted",
            Self::Missing => "missing values",
            Self::Drop => "some of them dropped",
            Self::Duplicate => "some of them there twice",
        }
    }
}

/// Changes test rows and runs a pipeline on them: whatever is trained must keep its bytes, for otherwise test rows reached it.
///
/// clean ⇔ train(T) = train(m(T)) for every mutation m of the test rows T
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `mutations` | all | some of [`Mutation`] | what is done to test rows |
/// | `rounds` | 2 | 1 to 1000 | how often each is tried: first in all test rows, then in a random half of them |
/// | `seed` | 0 | | which half, and how values change places |
///
/// **Input**: a closure that trains and gives the bytes of what it trained, such as [`artifact::to_bytes`]. [`run`](Self::run) is for
/// one that is handed test rows: all their columns are changed. [`run_table`](Self::run_table) is for one that is handed the whole
/// table and splits it: the features and targets of test rows are changed, and no column of another role; a change after which the
/// splitter divides otherwise counts as refused. Where the closure itself splits, it must do so as the splitter does.
///
/// **Output**: a report. Per mutation that changes the bytes an error [`TestRowsReachModel`](LeakKind::TestRowsReachModel) with the
/// columns that do it, by halving (those that do it only together, where none does it alone); few rows that suffice, by halving
/// (`rows_needed`); the step of the artefact that differs first; and `runs` of the pipeline so far. A note says which columns the
/// pipeline refuses to see changed, with its first error: they are not judged; when all are refused it is a suspect.
///
/// **Complexity**: two runs; one per mutation and round; 2·log of columns and of rows for each that changes the bytes, and at most 200
/// more where several do only together; 2·log of columns for each that is refused. **Errors**: bytes that differ between two runs on
/// unchanged rows, and the pipeline's own error there; no test rows. A pipeline that returns
/// [`Cancelled`](mlsys_core::ErrorKind::Cancelled) ends the test. [`run_chain`](Self::run_chain) follows a chain step by step.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, column, arrow::array::{Float64Array, RecordBatch}};
/// use mlsys_leakage::{Mutation, MutationTest};
///
/// let column = |values: [f64; 4]| Arc::new(Float64Array::from(values.to_vec())) as _;
/// let batch = RecordBatch::try_from_iter([("x", column([1.0, 2.0, 3.0, 4.0])), ("y", column([0.0; 4]))])?;
/// let (train, test) = Dataset::new(batch)?.split_at_rows(&[0, 1], &[2, 3])?;
/// // A mean of all rows, where those of training were meant.
/// let report = MutationTest::new().mutations([Mutation::Far]).run(&test, |test| {
///     let values = |batch: &RecordBatch| column::floats("x", column::find(batch, "x")?);
///     let (train, test) = (values(train.batch())?, values(test.batch())?);
///     let mean = train.iter().chain(test.iter()).sum::<f64>() / (train.len() + test.len()) as f64;
///     Ok(mean.to_le_bytes().to_vec())
/// })?;
/// assert_eq!(report.findings()[0].columns, ["x"]);
/// assert_eq!(report.findings()[0].evidence["rows_needed"], 1.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: it proves a leak, never that there is none: what only sees the ranks of test values may not notice these changes. A
/// pipeline that writes when it ran, or on how many test rows, into its bytes changes them as a leak does.
///
/// Chen and others, *Metamorphic testing: a review of challenges and opportunities*, 2018: the relation is that test rows are no input
/// of training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a test does nothing until it is run"]
pub struct MutationTest {
    mutations: Vec<Mutation>,
    rounds: usize,
    seed: u64,
}

impl Default for MutationTest {
    fn default() -> Self {
        Self { mutations: Mutation::ALL.to_vec(), rounds: 2, seed: seed::DEFAULT_SEED }
    }
}

impl MutationTest {
    /// All mutations, twice.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is done to test rows.
    pub fn mutations(mut self, mutations: impl IntoIterator<Item = Mutation>) -> Self {
        self.mutations = mutations.into_iter().collect();
        self
    }

    /// How often each mutation is tried.
    pub fn rounds(mut self, rounds: usize) -> Self {
        self.rounds = rounds;
        self
    }

    /// The seed by which rows are chosen and values permuted.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Whether test rows reach what a pipeline trains that is handed them.
    ///
    /// # Errors
    ///
    /// Those of the type.
    pub fn run(
        &self,
        test: &Dataset<Test>,
        mut pipeline: impl FnMut(&Dataset<Test>) -> Result<Vec<u8>>,
    ) -> Result<LeakageReport> {
        let all: Vec<usize> = (0..test.n_rows()).collect();
        let columns = (0..test.batch().num_columns()).collect();
        self.search(Pipeline { data: test, test: all, columns, run: &mut pipeline, first: first_step })
    }

    /// Whether test rows reach a chain, or the training rows it is fitted on, and in which step: also in one that keeps to itself what it
    /// saw and hands on other rows. The closure is handed test rows, and gives the recipe and the training rows. A step that cannot be
    /// saved is known by the rows that it hands on alone.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use mlsys_core::{Dataset, Fit, Identity, arrow::array::{Int64Array, RecordBatch}};
    /// use mlsys_leakage::MutationTest;
    ///
    /// let x = Arc::new(Int64Array::from(vec![1, 2, 3, 4]));
    /// let data = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?;
    /// let (train, test) = data.split_at_rows(&[0, 1], &[2, 3])?;
    /// let chain = || Identity::new().then(Identity::new());
    /// assert!(MutationTest::new().run_chain(&test, |_| Ok((chain(), train.clone())))?.findings().is_empty());
    /// # Ok::<(), mlsys_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the type, and of fitting.
    pub fn run_chain<A, B>(
        &self,
        test: &Dataset<Test>,
        mut pipeline: impl FnMut(&Dataset<Test>) -> Result<(Chain<A, B>, Dataset<Train>)>,
    ) -> Result<LeakageReport>
    where
        A: FitTransform<Fitted: Transform>,
        B: Fit<Fitted: Artifact>,
    {
        let all: Vec<usize> = (0..test.n_rows()).collect();
        let columns = (0..test.batch().num_columns()).collect();
        let mut run = |test: &Dataset<Test>| {
            let (chain, train) = pipeline(test)?;
            trace::of(&chain, &train)
        };
        self.search(Pipeline {
            data: test,
            test: all,
            columns,
            run: &mut run,
            first: trace::first_difference,
        })
    }

    /// Whether test rows reach what a pipeline trains that is handed the whole table. The splitter says which rows are test rows.
    ///
    /// # Errors
    ///
    /// Those of the type, and the splitter's.
    pub fn run_table(
        &self,
        data: &Dataset<Unsplit>,
        splitter: &dyn Split,
        mut pipeline: impl FnMut(&Dataset<Unsplit>) -> Result<Vec<u8>>,
    ) -> Result<LeakageReport> {
        let training_ids = |data: &Dataset<Unsplit>| -> Result<Vec<u64>> {
            let (train, _) = splitter.rows(data)?;
            let ids = data.row_ids();
            Ok(train.iter().filter_map(|&row| ids.get(row).copied()).collect())
        };
        let (_, test) = splitter.rows(data)?;
        let before = training_ids(data)?;
        let may_change = |name: &str| matches!(data.roles().of(name), Role::Feature | Role::Target);
        let schema = data.schema();
        let named = schema.fields().iter().enumerate();
        let columns = named.filter(|(_, field)| may_change(field.name())).map(|(column, _)| column).collect();
        let mut run = |data: &Dataset<Unsplit>| {
            if training_ids(data)? != before {
                let why = "the splitter chooses other training rows when they change, so it goes by them";
                return Err(Error::unsupported(why));
            }
            pipeline(data)
        };
        self.search(Pipeline { data, test, columns, run: &mut run, first: first_step })
    }

    fn search<P: Partition>(&self, mut pipeline: Pipeline<'_, P>) -> Result<LeakageReport> {
        if !(1..=1000).contains(&self.rounds) {
            return Err(Error::invalid_parameter(NAME, "rounds", self.rounds, "1 to 1000"));
        }
        if pipeline.test.is_empty() {
            return Err(Error::too_few_rows(1, 0, format!("{NAME}, which changes test rows,")));
        }
        let stage = "running the pipeline on unchanged rows";
        let unchanged = (pipeline.run)(pipeline.data).map_err(|error| error.context(stage))?;
        if (pipeline.run)(pipeline.data).map_err(|error| error.context(stage))? != unchanged {
            let expected = "equal for equal rows: fix its seeds, and leave times and paths out of its bytes";
            return Err(Error::invalid_value("pipeline", None, "other bytes in a second run", expected));
        }
        let mut state =
            State { unchanged, runs: 2, report: LeakageReport::new(), refused: Vec::new(), judged: false };
        state.report.ran(LeakKind::TestRowsReachModel);
        for &mutation in &self.mutations {
            for round in 0..self.rounds as u64 {
                let rows = self.chosen(&pipeline.test, mutation, round);
                let stream = (self.seed, round);
                let found = match mutation.of_values() {
                    true => state.try_values(&mut pipeline, &rows, mutation, stream)?,
                    false => state.try_rows(&mut pipeline, &rows, mutation)?,
                };
                if found {
                    break;
                }
            }
        }
        Ok(state.finish(pipeline.data))
    }

    /// The test rows that are changed: all in the first round, then half of them; never all where rows are dropped.
    fn chosen(&self, test: &[usize], mutation: Mutation, round: u64) -> Vec<usize> {
        let mut rows = test.to_vec();
        if round == 0 && mutation != Mutation::Drop {
            return rows;
        }
        seed::shuffle(&mut rows, &mut seed::stream(self.seed, round));
        let kept = if mutation == Mutation::Drop { test.len() / 2 } else { test.len().div_ceil(2) };
        rows.truncate(kept);
        rows.sort_unstable();
        rows
    }
}

/// What is tested.
struct Pipeline<'a, P: Partition> {
    data: &'a Dataset<P>,
    test: Vec<usize>,
    /// Those that may be changed.
    columns: Vec<usize>,
    run: &'a mut dyn FnMut(&Dataset<P>) -> Result<Vec<u8>>,
    /// Where two results differ first.
    first: First,
}

/// Says in which step two results differ first, and gives its place.
type First = fn(&[u8], &[u8]) -> (String, Option<usize>);

/// What was found so far.
struct State {
    unchanged: Vec<u8>,
    runs: usize,
    report: LeakageReport,
    refused: Vec<(Mutation, Vec<String>, Error)>,
    /// Whether the pipeline ran on any changed rows.
    judged: bool,
}

impl State {
    /// Runs the pipeline on changed rows; not when nothing in them changed.
    fn outcome<P: Partition>(
        &mut self,
        pipeline: &mut Pipeline<'_, P>,
        changed: Result<Dataset<P>>,
    ) -> Result<Outcome> {
        let changed = match changed {
            Ok(changed) => changed,
            Err(error) => return Ok(Outcome::Refused(error)),
        };
        if changed.batch() == pipeline.data.batch() {
            return Ok(Outcome::Same);
        }
        self.runs += 1;
        let outcome = compared((pipeline.run)(&changed), &self.unchanged)?;
        self.judged |= !matches!(outcome, Outcome::Refused(_));
        Ok(outcome)
    }

    fn try_values<P: Partition>(
        &mut self,
        pipeline: &mut Pipeline<'_, P>,
        rows: &[usize],
        mutation: Mutation,
        stream: (u64, u64),
    ) -> Result<bool> {
        let changed = |data: &Dataset<P>, columns: &[usize], rows: &[usize]| {
            let batch: RecordBatch = values::mutated(data.batch(), columns, rows, mutation, stream)?;
            data.with_batch(batch)
        };
        let among = pipeline.columns.clone();
        let mut guilty = Guilty::default();
        let mut try_columns = |columns: &[usize]| {
            let changed = changed(pipeline.data, columns, rows);
            self.outcome(pipeline, changed)
        };
        search::columns(&among, &mut try_columns, &mut guilty)?;
        let schema = pipeline.data.schema();
        let name = |&column: &usize| schema.fields().get(column).map(|field| field.name().clone());
        let refused: Vec<String> = guilty.refused.iter().filter_map(|(column, _)| name(column)).collect();
        if let Some((_, error)) = guilty.refused.into_iter().next() {
            self.refused.push((mutation, refused, error));
        }
        if guilty.columns.is_empty() {
            return Ok(false);
        }
        let mut try_rows = |rows: &[usize]| {
            let changed = changed(pipeline.data, &guilty.columns, rows);
            self.outcome(pipeline, changed)
        };
        let few = search::rows(rows, &mut try_rows)?;
        let names: Vec<String> = guilty.columns.iter().filter_map(name).collect();
        let first = (pipeline.first)(&self.unchanged, &guilty.bytes);
        self.found(pipeline.data, mutation, &names, &few, first);
        Ok(true)
    }

    fn try_rows<P: Partition>(
        &mut self,
        pipeline: &mut Pipeline<'_, P>,
        rows: &[usize],
        mutation: Mutation,
    ) -> Result<bool> {
        if rows.is_empty() {
            return Ok(false);
        }
        let changed = |data: &Dataset<P>, rows: &[usize]| {
            let mut own: Vec<usize> = (0..data.n_rows()).collect();
            if mutation == Mutation::Drop {
                own.retain(|row| rows.binary_search(row).is_err());
            } else {
                own.extend_from_slice(rows);
                own.sort_unstable();
            }
            data.take(&own)
        };
        let whole = changed(pipeline.data, rows);
        match self.outcome(pipeline, whole)? {
            Outcome::Same => Ok(false),
            Outcome::Refused(error) => {
                self.refused.push((mutation, Vec::new(), error));
                Ok(false)
            }
            Outcome::Differs(bytes) => {
                let mut try_rows = |rows: &[usize]| {
                    let changed = changed(pipeline.data, rows);
                    self.outcome(pipeline, changed)
                };
                let few = search::rows(rows, &mut try_rows)?;
                let first = (pipeline.first)(&self.unchanged, &bytes);
                self.found(pipeline.data, mutation, &[], &few, first);
                Ok(true)
            }
        }
    }

    fn found<P: Partition>(
        &mut self,
        data: &Dataset<P>,
        mutation: Mutation,
        columns: &[String],
        rows: &[usize],
        (step, place): (String, Option<usize>),
    ) {
        let what = if columns.is_empty() { String::new() } else { format!(" in {}", quoted(columns)) };
        let few =
            if rows.len() == 1 { "one row suffices".into() } else { format!("{} rows suffice", rows.len()) };
        let message = format!(
            "what is trained changes when test rows have {}{what}: {few}; {step}",
            mutation.describe()
        );
        let advice = "find what is fitted on these rows before that step, and fit it on training rows only";
        let ids = data.row_ids();
        let own = rows.iter().filter_map(|&row| ids.get(row).copied());
        let mut finding = Finding::new(LeakKind::TestRowsReachModel, Severity::Error, message, advice)
            .rows(OffendingRows::new("test", own))
            .number("rows_needed", rows.len() as f64)
            .number("runs", self.runs as f64);
        if let Some(place) = place {
            finding = finding.number("first_step", place as f64);
        }
        self.report.push(columns.iter().fold(finding, |finding, name| finding.column(name)));
    }

    fn finish<P: Partition>(mut self, data: &Dataset<P>) -> LeakageReport {
        if let Some((mutation, columns, error)) = self.refused.first() {
            let severity = if self.judged { Severity::Note } else { Severity::Suspect };
            let what = if columns.is_empty() { String::new() } else { format!(" in {}", quoted(columns)) };
            let message = format!(
                "the pipeline cannot be run when test rows have {}{what}, which is not judged: {error}",
                mutation.describe()
            );
            let advice = "train without looking at test rows, or leave this mutation out";
            let mut finding = Finding::new(LeakKind::TestRowsReachModel, severity, message, advice)
                .number("mutations_refused", self.refused.len() as f64)
                .number("runs", self.runs as f64);
            let mut names: Vec<&String> = self.refused.iter().flat_map(|(_, columns, _)| columns).collect();
            names.sort_by_key(|name| data.schema().index_of(name).ok());
            names.dedup();
            finding = names.into_iter().fold(finding, |finding, name| finding.column(name));
            self.report.push(finding);
        }
        self.report
    }
}

/// At most this many columns are named in a sentence.
const NAMED: usize = 5;

fn quoted(names: &[String]) -> String {
    let mut shown: Vec<String> = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    if names.len() > NAMED {
        shown.push(format!("{} more", names.len() - NAMED));
    }
    shown.join(", ")
}

/// The first step of an artefact that differs, and its place counted from 0.
fn first_step(before: &[u8], after: &[u8]) -> (String, Option<usize>) {
    let (Ok(old), Ok(new)) = (artifact::step_hashes(before), artifact::step_hashes(after)) else {
        let byte = before.iter().zip(after).take_while(|(a, b)| a == b).count();
        return (format!("the bytes differ from byte {byte} on"), None);
    };
    match (0..old.len().max(new.len())).find(|&place| old.get(place) != new.get(place)) {
        Some(place) => {
            let name = new.get(place).or(old.get(place)).map_or("", |(name, _)| name.as_str());
            (format!("step {} of {}, {name}, is the first that differs", place + 1, old.len()), Some(place))
        }
        None => ("its steps are equal, and what the artefact notes beside them is not".into(), None),
    }
}

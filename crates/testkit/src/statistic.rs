//! What every mergeable statistic promises.

use std::collections::BTreeMap;
use std::fmt::Debug;

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::statistic::{state_of, state_of_batches};
use mlsys_core::{Dataset, FitByStatistic, Result, Statistic, artifact, seed};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::report::{Report, no_panic};
use crate::table;

const CHECKS: [&str; 6] = ["identity", "merge", "round_trip", "finish", "drivers", "hostile_tables"];

/// The contract of a statistic: the merge laws over random partitions, with empty and one-row parts among them.
///
/// ```
/// use mlsys_core::{Result, Statistic, arrow::{array::RecordBatch, datatypes::Schema}};
/// use mlsys_testkit::StatisticContract;
///
/// #[derive(Clone)]
/// struct Rows;
///
/// impl Statistic for Rows {
///     type State = u64;
///     type Output = u64;
///     fn init(&self, _: &Schema) -> Result<u64> { Ok(0) }
///     fn update(&self, state: &mut u64, batch: &RecordBatch) -> Result<()> { *state += batch.num_rows() as u64; Ok(()) }
///     fn merge(&self, into: &mut u64, from: u64) -> Result<()> { *into += from; Ok(()) }
///     fn finish(&self, state: &u64) -> Result<u64> { Ok(*state) }
/// }
///
/// let report = StatisticContract::new("Rows", Rows).run(|rows| vec![*rows as f64]);
/// assert!(report.exercised().contains_key("merge"));
/// ```
#[derive(Debug, Clone)]
pub struct StatisticContract<S> {
    name: String,
    statistic: S,
    tolerance: f64,
    skipped: BTreeMap<&'static str, String>,
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("a state as bytes");
    bytes
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> T {
    ciborium::from_reader(bytes).expect("a state from its bytes")
}

impl<S: Statistic> StatisticContract<S> {
    /// The contract of a statistic whose merges are exact.
    pub fn new(name: &str, statistic: S) -> Self {
        Self { name: name.into(), statistic, tolerance: 0.0, skipped: BTreeMap::new() }
    }

    /// Outputs of differently merged states may be this far apart, relative to 1 and the value.
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Leaves a check out, for a reason that the report shows.
    pub fn skip(mut self, check: &'static str, reason: &str) -> Self {
        self.skipped.insert(check, reason.into());
        self
    }

    fn state(&self, batch: &RecordBatch) -> S::State {
        let mut state = self.statistic.init(batch.schema_ref()).expect("an initial state");
        self.statistic
            .update(&mut state, batch)
            .unwrap_or_else(|e| panic!("{}: fails on the ordinary table: {e}", self.name));
        state
    }

    fn close(&self, what: &str, found: &[f64], expected: &[f64]) {
        let name = &self.name;
        assert_eq!(found.len(), expected.len(), "{name}: {what}: another number of results");
        for (i, (x, y)) in found.iter().zip(expected).enumerate() {
            let close =
                x == y || (x - y).abs() <= self.tolerance * (1.0 + y.abs()) || x.is_nan() && y.is_nan();
            assert!(close, "{name}: {what}: result {i} is {x}, expected {y}");
        }
    }

    /// Runs the contract; `numbers` lists the results of an output as numbers to compare.
    pub fn run(self, numbers: impl Fn(&S::Output) -> Vec<f64>) -> Report {
        let name = &self.name;
        let mut report = Report::new(name, self.skipped.clone());
        let statistic = &self.statistic;
        let batch = table::mixed(311, true);
        let finish =
            |state: &S::State| numbers(&statistic.finish(state).unwrap_or_else(|e| panic!("{name}: {e}")));
        let merge = |mut a: S::State, b: S::State| {
            statistic.merge(&mut a, b).unwrap_or_else(|e| panic!("{name}: does not merge: {e}"));
            a
        };
        let whole = self.state(&batch);
        let expected = finish(&whole);
        assert!(!expected.is_empty(), "{name}: no results to compare");
        let empty = || statistic.init(batch.schema_ref()).expect("an initial state");
        if report.runs("identity") {
            let bytes = encode(&whole);
            assert!(
                encode(&merge(empty(), whole.clone())) == bytes,
                "{name}: the empty state is not neutral on the left"
            );
            assert!(
                encode(&merge(whole.clone(), empty())) == bytes,
                "{name}: the empty state is not neutral on the right"
            );
        }
        let mut rng = seed::stream(5, 5);
        for _ in 0..20 {
            let mut cuts: Vec<usize> = (0..4).map(|_| seed::below(312, &mut rng) as usize).collect();
            cuts.extend([0, 1, 1, 311]);
            cuts.sort_unstable();
            let parts = || cuts.windows(2).map(|w| self.state(&batch.slice(w[0], w[1] - w[0])));
            if report.runs("merge") {
                let left = parts().reduce(&merge).expect("parts");
                self.close("merged from the left", &finish(&left), &expected);
                let right =
                    parts().collect::<Vec<_>>().into_iter().rev().reduce(|a, b| merge(b, a)).expect("parts");
                self.close("merged from the right", &finish(&right), &expected);
            }
            if report.runs("round_trip") {
                let direct = parts().reduce(&merge).expect("parts");
                let travelled =
                    parts().map(|s| decode::<S::State>(&encode(&s))).reduce(&merge).expect("parts");
                assert!(
                    encode(&travelled) == encode(&direct),
                    "{name}: states change on their way through bytes"
                );
            }
        }
        if report.runs("finish") {
            self.close("finished twice", &finish(&whole), &expected);
        }
        if report.runs("drivers") {
            let large = table::mixed(140_003, true);
            let pool = |threads| {
                rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a thread pool")
            };
            let one = pool(1).install(|| encode(&state_of(statistic, &large).expect("a state")));
            for threads in [2, 7] {
                let many = pool(threads).install(|| encode(&state_of(statistic, &large).expect("a state")));
                assert!(many == one, "{name}: {threads} threads give other bits");
            }
            for size in [1_000, 65_536, 100_000] {
                let parts = (0..large.num_rows()).step_by(size);
                let parts = parts.map(|at| Ok(large.slice(at, size.min(large.num_rows() - at))));
                let streamed = state_of_batches(statistic, &large.schema(), parts).expect("a state");
                assert!(encode(&streamed) == one, "{name}: batches of {size} give other bits");
            }
        }
        if report.runs("hostile_tables") {
            for (what, batch) in table::hostile(&batch).expect("hostile tables") {
                let run = || statistic.finish(&state_of(statistic, &batch)?).map(drop);
                let _ = no_panic(&format!("{name}: {what}"), run);
            }
        }
        report.close(&CHECKS)
    }
}

/// Checks that a recipe fits from a stream to the same bytes as from the whole table, for batches of any size.
///
/// # Panics
///
/// When it does not.
pub fn streamed_fit<R>(name: &str, recipe: &R, batch: &RecordBatch, roles: &[(&str, mlsys_core::Role)])
where
    R: FitByStatistic<Fitted: mlsys_core::Artifact>,
{
    let run = || -> Result<()> {
        let mut data = Dataset::new(batch.clone())?;
        for (column, role) in roles {
            data = data.with_role(column, *role)?;
        }
        let expected = artifact::to_bytes(&mlsys_core::Fit::fit(recipe, &data.into_train_all())?)?;
        for size in [1_000, 8_192, 65_536] {
            let owned = batch.clone();
            let parts = (0..batch.num_rows()).step_by(size);
            let parts = parts.map(move |at| Ok(owned.slice(at, size.min(owned.num_rows() - at))));
            let mut stream = mlsys_core::Batches::new(batch.schema(), parts.collect::<Vec<_>>())?;
            for (column, role) in roles {
                stream = stream.with_role(column, *role)?;
            }
            let found = artifact::to_bytes(&recipe.fit_batches(stream.into_train_all())?)?;
            assert!(found == expected, "{name}: batches of {size} fit to other bytes");
        }
        Ok(())
    };
    run().unwrap_or_else(|e| panic!("{name}: {e}"));
}

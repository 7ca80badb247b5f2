//! A record of what test rows were asked.

use std::collections::BTreeMap;

use mlsys_core::arrow::array::Array;
use mlsys_core::{Dataset, Direction, Error, Partition, Result, hash};
use serde::{Deserialize, Serialize};

use super::ladder::Better;
use crate::{Finding, LeakKind, LeakageReport, Severity};

const NAME: &str = "TestLedger";
/// Names the format in the first line.
const FORMAT: u32 = 1;

/// How much too good the best of k models that were chosen beforehand may look on n rows, with probability 1 − δ: by Hoeffding's
/// inequality for losses in [0, 1], and the union over the k.
///
/// √(ln(2k/δ) / 2n)
///
/// ```
/// use mlsys_leakage::optimism;
///
/// assert!((optimism(1, 10_000, 0.05) - 0.01358).abs() < 1e-5);
/// assert!((optimism(1_000, 10_000, 0.05) - 0.02302).abs() < 1e-5);
/// ```
pub fn optimism(k: usize, n: usize, delta: f64) -> f64 {
    ((2.0 * k as f64 / delta).ln() / (2.0 * n as f64)).sqrt()
}

/// As [`optimism`], where each model was made with the k − 1 scores before it in sight: the union over all (n + 1)^(k−1) answers that
/// could have been given for losses of 0 and 1. It grows with √k, not with √ln k.
///
/// √(((k − 1) ln(n + 1) + ln(2k/δ)) / 2n)
pub fn optimism_adaptive(k: usize, n: usize, delta: f64) -> f64 {
    let answers = k.saturating_sub(1) as f64 * (n as f64 + 1.0).ln();
    ((answers + (2.0 * k as f64 / delta).ln()) / (2.0 * n as f64)).sqrt()
}

/// One question to the test rows, and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    name: String,
    metric: String,
    value: f64,
    better: Better,
    #[serde(default)]
    range: Option<(f64, f64)>,
    #[serde(default)]
    note: String,
    #[serde(default)]
    time: String,
}

impl Evaluation {
    /// What was judged, by which metric, and its value: more is better, from 0 to 1.
    pub fn new(name: impl Into<String>, metric: impl Into<String>, value: f64) -> Self {
        Self {
            name: name.into(),
            metric: metric.into(),
            value,
            better: Better::Higher,
            range: Some((0.0, 1.0)),
            note: String::new(),
            time: String::new(),
        }
    }

    /// Whether more is better.
    #[must_use]
    pub fn direction(mut self, direction: Direction) -> Self {
        self.better = Better::of(direction);
        self
    }

    /// The least and the greatest that a row can add to the mean that the metric is; `None` where there is no bound.
    #[must_use]
    pub fn range(mut self, range: Option<(f64, f64)>) -> Self {
        self.range = range;
        self
    }

    /// Anything worth knowing.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// When it was, as the caller writes it.
    #[must_use]
    pub fn time(mut self, time: impl Into<String>) -> Self {
        self.time = time.into();
        self
    }

    /// What was judged.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// By which metric.
    pub fn metric(&self) -> &str {
        &self.metric
    }

    /// The value found.
    pub fn value(&self) -> f64 {
        self.value
    }

    fn check(&self) -> Result<()> {
        if !self.value.is_finite() {
            return Err(Error::invalid_value(&self.metric, None, self.value, "finite"));
        }
        let Some((low, high)) = self.range else { return Ok(()) };
        if !(low.is_finite() && high.is_finite() && low < high) {
            return Err(Error::invalid_value(
                "range",
                None,
                format!("{low} to {high}"),
                "finite and not empty",
            ));
        }
        if !(low..=high).contains(&self.value) {
            let expected = format!("{low} to {high}: say with `range` what it can be");
            return Err(Error::invalid_value(&self.metric, None, self.value, expected));
        }
        Ok(())
    }
}

/// What a ledger has come to, for one metric.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Wear {
    /// The metric.
    pub metric: String,
    /// How often it was asked for.
    pub asked: usize,
    /// The best value, and the name of what had it first.
    pub best: (String, f64),
    /// By how much the best is better than the first, which nothing was chosen by.
    pub lead_over_first: f64,
    /// By how much the best is better than the second best.
    pub lead_over_second: f64,
    /// How much too good the best may look when all were chosen beforehand; `None` of a metric without a range.
    pub optimism: Option<f64>,
    /// The same when each was made with the answers before it in sight.
    pub optimism_adaptive: Option<f64>,
}

/// A record of all that some test rows were asked, to which can only be added.
///
/// Each answer that is seen before the next model is made lets the models fit the test rows: after k answers the best may look too good
/// by √(ln(2k/δ)/2n) when all models were there beforehand, and by about √(k ln n/2n) when they were not.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `delta` | 0.05 | between 0 and 1 | how often the bounds may fail |
/// | `limit` | 100 | 1 and more | answers that are too many |
///
/// **Input**: the test rows, of which it keeps a fingerprint (the sum of the 128-bit hashes of rows, whatever their order, encoding and
/// order of columns) and the number; then each answer with what was judged, a note and a time, as the caller gives them. **Output**:
/// [`report`](Self::report) has a finding [`TestWear`](LeakKind::TestWear) for each metric that was asked for more than once: a note; a
/// suspect when the best leads the first by no more than the bound for models chosen beforehand, scaled to the metric's range; an error
/// when it was asked for more than `limit` times, and the lead is within the bound for models that were not. **Complexity**: O(n) to
/// compare the rows, at each record. **Errors**: other rows than those of the ledger; a value that is not finite, or not in its range; a
/// metric whose direction or range changes; JSON that is no ledger, or one that was cut or changed within.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, arrow::array::{Int64Array, RecordBatch}};
/// use mlsys_leakage::{Evaluation, Severity, TestLedger};
///
/// let rows = |n| Dataset::new(RecordBatch::try_from_iter([("x", Arc::new(Int64Array::from_iter_values(0..n)) as _)])?);
/// let test = rows(1000)?.into_test_all();
/// let mut ledger = TestLedger::new(&test)?;
/// ledger.record(&test, Evaluation::new("baseline", "accuracy", 0.81).time("2013-10-01"))?;
/// ledger.record(&test, Evaluation::new("forest", "accuracy", 0.83).note("chosen by validation"))?;
/// // 1000 rows tell 0.81 from 0.83 no more surely than chance does.
/// assert_eq!(ledger.report()?.worst(), Some(Severity::Suspect));
/// // Other rows have a ledger of their own.
/// assert!(ledger.record(&rows(999)?.into_test_all(), Evaluation::new("forest", "accuracy", 0.9)).is_err());
/// assert_eq!(TestLedger::from_json_lines(&ledger.to_json_lines()?)?, ledger);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: the bounds hold for means over rows, such as accuracy, and not strictly for AUC or F1; and only answers that are
/// recorded count. Rows that depend on each other are fewer than they seem.
///
/// Hoeffding, *Probability inequalities for sums of bounded random variables*, 1963, theorem 2; Dwork and others, *The reusable holdout:
/// preserving validity in adaptive data analysis*, 2015, for what adapting costs. **Instead**: [`Ladder`](crate::Ladder) where others
/// ask.
#[derive(Debug, Clone, PartialEq)]
pub struct TestLedger {
    fingerprint: u128,
    n_rows: usize,
    delta: f64,
    limit: usize,
    entries: Vec<Evaluation>,
}

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    test_ledger: u32,
    fingerprint: String,
    rows: usize,
    delta: f64,
    limit: usize,
}

/// Any other line: an answer, and a hash of it and all before it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    evaluation: Evaluation,
    chain: String,
}

impl TestLedger {
    /// An empty ledger of these rows.
    ///
    /// # Errors
    ///
    /// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) without rows; columns that cannot be hashed.
    pub fn new<P: Partition>(test: &Dataset<P>) -> Result<Self> {
        if test.n_rows() == 0 {
            return Err(Error::too_few_rows(1, 0, NAME));
        }
        let fingerprint = fingerprint(test)?;
        Ok(Self { fingerprint, n_rows: test.n_rows(), delta: 0.05, limit: 100, entries: Vec::new() })
    }

    /// How often the bounds may fail.
    #[must_use]
    pub fn delta(mut self, delta: f64) -> Self {
        self.delta = delta;
        self
    }

    /// How many answers are too many.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Adds an answer that these rows gave.
    ///
    /// # Errors
    ///
    /// Those of the type; the ledger stays as it was.
    pub fn record<P: Partition>(&mut self, test: &Dataset<P>, evaluation: Evaluation) -> Result<()> {
        if test.n_rows() != self.n_rows || fingerprint(test)? != self.fingerprint {
            let (own, other) = (self.n_rows, test.n_rows());
            let expected =
                format!("the {own} rows of the ledger (a ledger is of one test part: start another)");
            return Err(Error::shape(NAME, expected, format!("{other} rows with other values")));
        }
        self.add(evaluation)
    }

    fn add(&mut self, evaluation: Evaluation) -> Result<()> {
        evaluation.check()?;
        if let Some(old) = self.entries.iter().find(|old| old.metric == evaluation.metric)
            && (old.better, old.range) != (evaluation.better, evaluation.range)
        {
            let expected = "of the direction and range that it was recorded with before";
            return Err(Error::invalid_value(&evaluation.metric, None, "another one", expected));
        }
        self.entries.push(evaluation);
        Ok(())
    }

    /// All answers, the first first.
    pub fn evaluations(&self) -> &[Evaluation] {
        &self.entries
    }

    /// The number of test rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// What it has come to, metric by metric, in the order of their names.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for `delta` and `limit`.
    pub fn wear(&self) -> Result<Vec<Wear>> {
        if !(self.delta > 0.0 && self.delta < 1.0) {
            return Err(Error::invalid_parameter(NAME, "delta", self.delta, "between 0 and 1"));
        }
        if self.limit == 0 {
            return Err(Error::invalid_parameter(NAME, "limit", self.limit, "1 or more"));
        }
        let mut by_metric: BTreeMap<&str, Vec<&Evaluation>> = BTreeMap::new();
        self.entries.iter().for_each(|entry| by_metric.entry(&entry.metric).or_default().push(entry));
        Ok(by_metric.into_iter().filter_map(|(metric, entries)| self.wear_of(metric, &entries)).collect())
    }

    fn wear_of(&self, metric: &str, entries: &[&Evaluation]) -> Option<Wear> {
        let first = *entries.first()?;
        let better = first.better;
        // The first of equal ones.
        let best = entries
            .iter()
            .copied()
            .reduce(|best, entry| if better.lead(entry.value, best.value) > 0.0 { entry } else { best })?;
        let others = entries.iter().filter(|entry| !std::ptr::eq(**entry, best));
        let over_second =
            others.map(|entry| better.lead(best.value, entry.value)).fold(f64::INFINITY, f64::min);
        let k = entries.len();
        let scale = first.range.map(|(low, high)| high - low);
        Some(Wear {
            metric: metric.into(),
            asked: k,
            best: (best.name.clone(), best.value),
            lead_over_first: better.lead(best.value, first.value),
            lead_over_second: if over_second.is_finite() { over_second } else { 0.0 },
            optimism: scale.map(|scale| scale * optimism(k, self.n_rows, self.delta)),
            optimism_adaptive: scale.map(|scale| scale * optimism_adaptive(k, self.n_rows, self.delta)),
        })
    }

    /// The same as findings.
    ///
    /// # Errors
    ///
    /// As [`wear`](Self::wear).
    pub fn report(&self) -> Result<LeakageReport> {
        let mut report = LeakageReport::new();
        report.ran(LeakKind::TestWear);
        for wear in self.wear()?.into_iter().filter(|wear| wear.asked > 1) {
            report.push(self.finding(&wear));
        }
        Ok(report)
    }

    fn finding(&self, wear: &Wear) -> Finding {
        let within = |bound: Option<f64>| bound.is_none_or(|bound| wear.lead_over_first <= bound);
        let severity = if wear.asked > self.limit && within(wear.optimism_adaptive) {
            Severity::Error
        } else if wear.optimism.is_some() && within(wear.optimism) {
            Severity::Suspect
        } else {
            Severity::Note
        };
        let Wear { metric, asked, best: (name, value), lead_over_first: lead, .. } = wear;
        let bound = match wear.optimism {
            Some(bound) => format!("as the best of {asked} it may look too good by {bound:.4}"),
            None => "how much too good it may look is not known without a range".into(),
        };
        let message = format!(
            "the {} test rows were asked {asked} times for {metric}; `{name}` has {value:.4}, {lead:.4} better than the first: {bound}",
            self.n_rows
        );
        let advice = match severity {
            Severity::Note => "choose by validation rows, and ask test rows once",
            Severity::Suspect => {
                "do not choose by these scores: chance explains the lead; choose by validation rows"
            }
            Severity::Error => "get new test rows: these have become training data",
        };
        let finding = Finding::new(LeakKind::TestWear, severity, message, advice)
            .number("asked", *asked as f64)
            .number("test_rows", self.n_rows as f64)
            .number("best", *value)
            .number("lead_over_first", *lead)
            .number("lead_over_second", wear.lead_over_second);
        let finding = wear.optimism.into_iter().fold(finding, |f, bound| f.number("optimism", bound));
        wear.optimism_adaptive.into_iter().fold(finding, |f, bound| f.number("optimism_adaptive", bound))
    }

    /// The ledger as JSON, a line for the test rows and one an answer: a file of it grows by lines.
    ///
    /// # Errors
    ///
    /// When serde refuses, which it does not for values that were recorded.
    pub fn to_json_lines(&self) -> Result<String> {
        let head = Head {
            test_ledger: FORMAT,
            fingerprint: format!("{:032x}", self.fingerprint),
            rows: self.n_rows,
            delta: self.delta,
            limit: self.limit,
        };
        let mut out = serde_json::to_string(&head).map_err(Error::external)?;
        out.push('\n');
        let mut chain = self.start();
        for evaluation in &self.entries {
            let text = serde_json::to_string(evaluation).map_err(Error::external)?;
            chain = hash::hash_bytes(text.as_bytes(), chain);
            out.push_str(&format!("{{\"evaluation\":{text},\"chain\":\"{chain:016x}\"}}\n"));
        }
        Ok(out)
    }

    fn start(&self) -> u64 {
        hash::hash_bytes(&self.fingerprint.to_le_bytes(), self.n_rows as u64)
    }

    /// The ledger in these lines.
    ///
    /// # Errors
    ///
    /// When they are none; [`State`](mlsys_core::ErrorKind::State) when lines are missing before the last, or were changed.
    pub fn from_json_lines(text: &str) -> Result<Self> {
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let head = lines.next().ok_or_else(|| Error::state("a ledger", "nothing"))?;
        let head: Head = serde_json::from_str(head).map_err(Error::external)?;
        if head.test_ledger != FORMAT {
            return Err(Error::state(
                format!("a ledger of format {FORMAT}"),
                format!("format {}", head.test_ledger),
            ));
        }
        let digits = head.fingerprint.len() == 32 && head.fingerprint.bytes().all(|b| b.is_ascii_hexdigit());
        let fingerprint = u128::from_str_radix(&head.fingerprint, 16).ok().filter(|_| digits);
        let fingerprint = fingerprint.ok_or_else(|| Error::state("a fingerprint of 32 digits", "another"))?;
        if head.rows == 0 {
            return Err(Error::state("test rows", "none"));
        }
        let mut ledger = Self {
            fingerprint,
            n_rows: head.rows,
            delta: head.delta,
            limit: head.limit,
            entries: Vec::new(),
        };
        let mut chain = ledger.start();
        for (number, line) in lines.enumerate() {
            let Line { evaluation, chain: noted } = serde_json::from_str(line).map_err(Error::external)?;
            // The text itself: a value may be written in several ways.
            let text =
                line.trim().strip_prefix("{\"evaluation\":").and_then(|rest| rest.rsplit_once(",\"chain\":"));
            chain = hash::hash_bytes(text.map_or("", |(text, _)| text).as_bytes(), chain);
            if noted != format!("{chain:016x}") {
                let found = format!("another one at answer {}", number + 1);
                return Err(Error::state("each answer as it was recorded, after those before it", found));
            }
            ledger.add(evaluation)?;
        }
        ledger.wear()?;
        Ok(ledger)
    }
}

/// The sum of the hashes of rows, by columns in the order of their names.
fn fingerprint<P: Partition>(data: &Dataset<P>) -> Result<u128> {
    let schema = data.schema();
    let mut columns: Vec<(&str, &dyn Array)> = schema
        .fields()
        .iter()
        .map(|f| f.name().as_str())
        .zip(data.batch().columns().iter().map(|c| c.as_ref() as _))
        .collect();
    columns.sort_by_key(|(name, _)| *name);
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let seed = hash::hash_bytes(names.join("\0").as_bytes(), columns.len() as u64);
    Ok(hash::hash_rows_128(&columns, seed)?.into_iter().fold(0, u128::wrapping_add))
}

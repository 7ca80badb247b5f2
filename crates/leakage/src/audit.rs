//! One call that looks for every leak that the data alone can show.

use std::collections::BTreeMap;
use std::time::Duration;

use mlsys_core::{Dataset, Error, Kind, Partition, Result, Role, Unsplit, column};

use crate::across::duplicates::{conflicts, keys, known};
use crate::across::near_duplicates::NearDuplicates;
use crate::across::shared::shared;
use crate::across::times::{disorder, open_labels};
use crate::across::twins::twins;
use crate::across::{drift, findings};
use crate::columns::encoded::{Encoded, encode, encode_features, folds, take};
use crate::columns::label::Label;
use crate::columns::questions::{Question, questions};
use crate::columns::{change, gaps, order, pairs, strength};
use crate::point_in_time::part;
use crate::{Finding, LeakKind, LeakageReport, Severity};

/// Looks for every leak that the data alone can show: rows in both parts, columns that know the answer.
///
/// Roles say what there is to look for: a target for the columns that tell it, an id, groups and a time for what the parts may not share.
/// Every row is looked at; nothing is drawn, so that equal data give equal reports.
///
/// | found | error | suspect | note |
/// |---|---|---|---|
/// | duplicate rows, equal in all features and the target | from 3 rows, and 3 times as many as chance gives | more than chance gives, or 10 % of the test rows | fewer |
/// | near duplicates | from 1 % of the test rows, and 3 times as many as chance gives | from 5 rows, more than chance gives | fewer |
/// | conflicting labels of equal rows | | from 0.5 % of the test rows | fewer |
/// | ids, and groups of rows that are not in order of time, in both parts | any | | groups in order of time |
/// | training rows that are not before all test rows, or whose label was not known then | any | | |
/// | drift: Kolmogorov and Smirnov, Cramér's V | | from 0.2 | in order of time |
/// | texts and booleans that no training row has | | from 5 % of the test rows | fewer |
/// | nearly the label | leaves 5 % of errors (0.5 % of squares), or less | | |
/// | implausible strength | AUC from 0.85, and half of what all weaker columns together leave | from 0.75, and 0.6 | |
/// | the same of a target of numbers | R² from 0.9, and a fifth | from 0.75, and half, in 50 rows | |
/// | two columns that tell together | | AUC from 0.8, 0.1 above each, and 0.6 of what all columns leave | |
/// | gaps that tell | leave 20 % of errors, or less | 15 % more often for one answer | |
/// | gaps where the label is missing | | in 90 % of them, and half of those of the label | fewer of the label's |
/// | the order of the rows, an id that tells | AUC from 0.85, implausible | from 0.65 | |
/// | AUC in the training rows against the test rows | | 0.1 apart | |
///
/// Implausible strength must be ahead of the weaker columns by two standard errors of its area, by four for an error; beside fewer than four
/// other columns it is a suspect, there being little to compare it with.
///
/// **Parameters**: [`severity`](Self::severity) of a kind, [`without`](Self::without) a kind, when labels are known
/// ([`label_end`](Self::label_end), [`label_horizon`](Self::label_horizon)). **Input**: training rows and test (or validation) rows with the same
/// columns and roles; or a table. Weights are not used, nested and binary features are left out, and rows without a target where it is needed.
/// **Output**: a [`LeakageReport`]. **Complexity**: O(n) a column and a pair of columns, O(n log n) a pair of numbers whose difference may tell;
/// of wide tables pairs of the columns that tell most alone are looked at, as many as make 10^9 rows in all (89 of 250,000 rows).
/// **Errors**: [`MissingRole`](mlsys_core::ErrorKind::MissingRole) without features,
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) for an empty part, [`Shape`](mlsys_core::ErrorKind::Shape) for parts of different
/// columns or roles, [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for an infinite target,
/// [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for a target that is nested or binary.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, arrow::array::{BooleanArray, Int64Array, RecordBatch}};
/// use mlsys_leakage::{LeakKind, LeakageAudit, Severity};
///
/// let rows = |from: i64, to: i64| {
///     let late: BooleanArray = (from..to).map(|row| Some(row * 37 % 10 < 3)).collect();
///     let arrived = Int64Array::from_iter((from..to).map(|row| Some(row + if row * 37 % 10 < 3 { 90 } else { 5 })));
///     let flight = Int64Array::from_iter_values(from..to);
///     let day = Int64Array::from_iter_values((from..to).map(|row| row % 7));
///     let columns = [("late", Arc::new(late) as _), ("arrived", Arc::new(arrived) as _), ("day", Arc::new(day) as _)];
///     Dataset::new(RecordBatch::try_from_iter(columns.into_iter().chain([("flight", Arc::new(flight) as _)]))?)?
///         .target("late")?.id("flight")
/// };
/// // Two flights are in both parts.
/// let report = LeakageAudit::new().split(&rows(0, 800)?.into_train_all(), &rows(798, 1000)?.into_test_all())?;
/// let found = report.of(Severity::Error).find(|finding| finding.kind == LeakKind::SharedIds);
/// assert_eq!(found.and_then(|finding| finding.rows.clone()).map(|rows| rows.count), Some(2));
/// assert!(report.require_clean().is_err());
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where one column is honestly that good: then say so with [`Dataset::ignore`] in a second audit, or lower the severity. What it
/// does not see: leaks of a few rows in columns, in models, in code.
///
/// Sayash Kapoor and Arvind Narayanan, *Leakage and the reproducibility crisis in machine-learning-based science*, 2023.
#[derive(Debug, Clone, Default)]
#[must_use = "an audit does nothing until it is given data"]
pub struct LeakageAudit {
    severities: BTreeMap<LeakKind, Option<Severity>>,
    label_end: Option<String>,
    label_horizon: Option<Duration>,
}

/// Who asks, in messages.
const NAME: &str = "LeakageAudit";

impl LeakageAudit {
    /// An audit with all checks.
    pub fn new() -> Self {
        Self::default()
    }

    /// What findings of a kind count as, whatever the table above says.
    pub fn severity(mut self, kind: LeakKind, severity: Severity) -> Self {
        self.severities.insert(kind, Some(severity));
        self
    }

    /// Leaves findings of a kind out.
    pub fn without(mut self, kind: LeakKind) -> Self {
        self.severities.insert(kind, None);
        self
    }

    /// The column that says when the label of a row was known.
    pub fn label_end(mut self, column: &str) -> Self {
        self.label_end = Some(column.into());
        self
    }

    /// How long after a row's time its label is known; a time column of integers counts nanoseconds.
    pub fn label_horizon(mut self, horizon: Duration) -> Self {
        self.label_horizon = Some(horizon);
        self
    }

    /// Looks at the columns of a table that is not split.
    ///
    /// # Errors
    ///
    /// See [`LeakageAudit`].
    pub fn table<P: Partition>(&self, data: &Dataset<P>) -> Result<LeakageReport> {
        let mut report = Collector::new(self, part::<P>());
        let part = Part { train: data, test: None::<&Dataset<Unsplit>>, name: part::<P>() };
        part.columns(&mut report)?;
        Ok(report.report)
    }

    /// Looks at training rows and test rows: the columns of the training rows, and what is in both parts.
    ///
    /// # Errors
    ///
    /// See [`LeakageAudit`].
    pub fn split<P: Partition, Q: Partition>(
        &self,
        train: &Dataset<P>,
        test: &Dataset<Q>,
    ) -> Result<LeakageReport> {
        let names = |schema: mlsys_core::arrow::datatypes::SchemaRef| {
            let mut names: Vec<(String, Kind)> =
                schema.fields().iter().map(|f| (f.name().clone(), Kind::of(f.data_type()))).collect();
            names.sort_by(|a, b| a.0.cmp(&b.0));
            names
        };
        let (own, other) = (names(train.schema()), names(test.schema()));
        let odd = |a: &[(String, Kind)], b: &[(String, Kind)]| a.iter().find(|x| !b.contains(x)).cloned();
        if let Some((name, kind)) = odd(&own, &other).or_else(|| odd(&other, &own)) {
            let kind_in = |part: &[(String, Kind)]| {
                part.iter().find(|x| x.0 == name).map_or("none".into(), |x| format!("{:?}", x.1))
            };
            let found = format!(
                "`{name}`: {} in the training rows, {} in the test rows",
                kind_in(&own),
                kind_in(&other)
            );
            return Err(Error::shape(
                NAME,
                format!("parts with the same columns, such as `{name}` ({kind:?})"),
                found,
            ));
        }
        if let Some((name, _)) = own.iter().find(|x| train.roles().of(&x.0) != test.roles().of(&x.0)) {
            let found = format!(
                "`{name}` is a {:?} in the training rows and a {:?} in the test rows",
                train.roles().of(name),
                test.roles().of(name)
            );
            return Err(Error::shape(NAME, "parts with the same roles", found));
        }
        if train.roles() != test.roles() {
            return Err(Error::shape(NAME, "parts with the same roles", "different ones"));
        }
        let mut report = Collector::new(self, part::<Q>());
        let part = Part { train, test: Some(test), name: "train".into() };
        let encoded = part.columns(&mut report)?;
        part.across(self, test, &encoded, &mut report)?;
        Ok(report.report)
    }
}

/// A report under the settings of an audit.
struct Collector<'a> {
    audit: &'a LeakageAudit,
    /// What the second part is.
    second: String,
    report: LeakageReport,
}

impl<'a> Collector<'a> {
    fn new(audit: &'a LeakageAudit, second: String) -> Self {
        Self { audit, second, report: LeakageReport::new() }
    }

    fn wants(&self, kind: LeakKind) -> bool {
        self.audit.severities.get(&kind) != Some(&None)
    }

    fn ran(&mut self, kinds: &[LeakKind]) {
        for &kind in kinds {
            if self.wants(kind) {
                self.report.ran(kind);
            }
        }
    }

    fn skip(&mut self, kinds: &[LeakKind], why: &str) {
        for &kind in kinds {
            let why = if self.wants(kind) { why } else { "left out by the audit's settings" };
            self.report.skip(kind, why);
        }
    }

    fn add(&mut self, found: impl IntoIterator<Item = Finding>) {
        for mut finding in found {
            if let Some(rows) = finding.rows.as_mut().filter(|rows| rows.part == "test") {
                rows.part.clone_from(&self.second);
            }
            match self.audit.severities.get(&finding.kind) {
                Some(None) => self.report.skip(finding.kind, "left out by the audit's settings"),
                Some(Some(severity)) => {
                    finding.severity = *severity;
                    self.report.push_worst(finding);
                }
                None => self.report.push_worst(finding),
            }
        }
    }
}

/// What columns alone can show.
const OF_COLUMNS: [LeakKind; 6] = [
    LeakKind::NearlyTheLabel,
    LeakKind::ImplausibleStrength,
    LeakKind::TellsTogether,
    LeakKind::MissingnessTells,
    LeakKind::MissingWithLabel,
    LeakKind::OrderTells,
];

struct Part<'a, P: Partition, Q: Partition> {
    train: &'a Dataset<P>,
    test: Option<&'a Dataset<Q>>,
    name: String,
}

impl<P: Partition, Q: Partition> Part<'_, P, Q> {
    /// The columns of the role, ascending.
    fn of_role(&self, role: Role) -> Vec<String> {
        let schema = self.train.schema();
        let names = schema.fields().iter().map(|field| field.name().clone());
        let mut names: Vec<String> = names.filter(|name| self.train.roles().of(name) == role).collect();
        names.sort_unstable();
        names
    }

    /// The checks of columns, and of what changes between parts where there are two.
    fn columns(&self, report: &mut Collector<'_>) -> Result<Vec<Encoded>> {
        let train = self.train;
        for (part, rows) in
            [(self.name.as_str(), train.n_rows()), ("test", self.test.map_or(1, Dataset::n_rows))]
        {
            if rows == 0 {
                return Err(Error::too_few_rows(1, 0, format!("{NAME}: the part `{part}`")));
            }
        }
        let encoded = encode_features(train, self.test, NAME)?;
        let all = [&OF_COLUMNS[..], &[LeakKind::IdTells, LeakKind::StrengthChanges]].concat();
        let [target] = train.layout().targets() else {
            let why = match train.layout().targets() {
                [] => "needs a target: name it with `Dataset::target`",
                _ => "needs a single target: ignore the others",
            };
            report.skip(&all, why);
            return Ok(encoded);
        };
        let label = Label::new(train, NAME)?;
        let known = label.known();
        let row_ids = train.row_ids();
        report.ran(&[LeakKind::MissingWithLabel]);
        report.add(gaps::come_with_label(&encoded, &label, target, &row_ids, &self.name));
        let label = label.take(&known);
        let asked = questions(target, &label);
        if asked.is_empty() {
            report.skip(&all, "needs 10 rows of two classes, or of a number that varies");
            return Ok(encoded);
        }
        let folds = folds(known.len());
        let (standings, found) =
            strength::of_label(train, &encoded, &known, (target, &label), &asked, &folds)?;
        report.ran(&OF_COLUMNS);
        report.add(found);
        let ids = self.of_role(Role::Id);
        match ids.is_empty() {
            true => report.skip(&[LeakKind::IdTells], "needs a column of ids: name it with `Dataset::id`"),
            false => report.ran(&[LeakKind::IdTells]),
        }
        let id_refs: Vec<&str> = ids.iter().map(String::as_str).collect();
        let (ids, _) = encode::<P, Q>(&id_refs, train, None)?;
        for (question, standing) in asked.iter().zip(&standings) {
            report.add(pairs::for_question(train, &encoded, &known, (question, standing), &folds)?);
            report.add(gaps::tell(&encoded, &known, question));
            let together = standing.together;
            let ranks = take(&row_ids, &known);
            let what = "the order of the rows";
            report.add(order::tells(LeakKind::OrderTells, what, &ranks, question, together, &folds));
            for id in &ids {
                let ranks: Vec<u64> = known.iter().map(|&row| u64::from(id.train[row as usize])).collect();
                let what = format!("the id `{}`", id.name);
                let found = order::tells(LeakKind::IdTells, &what, &ranks, question, together, &folds);
                report.add(found.map(|finding| finding.column(&id.name)));
            }
        }
        self.changes(&encoded, &known, &label, &asked, &folds, report)?;
        Ok(encoded)
    }

    /// What a column tells in one part and not in the other.
    fn changes(
        &self,
        encoded: &[Encoded],
        known: &[u32],
        label: &Label,
        asked: &[Question],
        folds: &[u8],
        report: &mut Collector<'_>,
    ) -> Result<()> {
        let Some(test) = self.test else {
            report.skip(&[LeakKind::StrengthChanges], "needs test rows");
            return Ok(());
        };
        let there = label.of_other(test, NAME)?;
        let known_there = there.known();
        let there = there.take(&known_there);
        for question in asked {
            if let Some(other) = question.of_other(&there) {
                report.ran(&[LeakKind::StrengthChanges]);
                report.add(change::between_parts(encoded, [known, &known_there], [question, &other], folds));
            }
        }
        report.skip(&[LeakKind::StrengthChanges], "needs 10 test rows of each answer");
        Ok(())
    }

    /// What is in both parts.
    fn across(
        &self,
        audit: &LeakageAudit,
        test: &Dataset<Q>,
        encoded: &[Encoded],
        report: &mut Collector<'_>,
    ) -> Result<()> {
        let train = self.train;
        let test_ids = test.row_ids();
        // Equal rows, in what can be compared.
        let names: Vec<&str> = encoded.iter().map(|column| column.name.as_str()).collect();
        let (a, b) = (keys(train, &names)?, keys(test, &names)?);
        let by_features = twins(&a, &b);
        match train.layout().targets() {
            [] => {
                report.skip(&[LeakKind::ConflictingLabels], "needs a target: name it with `Dataset::target`");
                report.add(findings::duplicates(&by_features, &test_ids, false));
            }
            targets => {
                let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
                let (own, other) = (keys(train, &targets)?, keys(test, &targets)?);
                let both = |a: &[u128], b: &[u128]| -> Vec<u128> {
                    // Hashes are uniform: a rotated sum of two is too.
                    a.iter().zip(b).map(|(a, b)| a.wrapping_add(b.rotate_left(47))).collect()
                };
                let found = twins(&both(&a, &own), &both(&b, &other));
                report.add(findings::duplicates(&found, &test_ids, true));
                let known = [known(train, &targets)?, known(test, &targets)?];
                let found = conflicts(&by_features, [&own, &other], &known);
                report.ran(&[LeakKind::ConflictingLabels]);
                report.add(findings::conflicts(&found, &test_ids));
            }
        }
        report.ran(&[LeakKind::DuplicateRows]);
        if report.wants(LeakKind::NearDuplicateRows) && encoded.len() >= 2 {
            let near = NearDuplicates::new().of_encoded(encoded, train, test)?;
            report.ran(&[LeakKind::NearDuplicateRows]);
            report.add(findings::near_duplicates(&near, train.n_rows(), &test_ids));
        } else {
            report.skip(&[LeakKind::NearDuplicateRows], "needs two features at least");
        }
        let ordered = self.times(audit, test, &test_ids, report)?;
        let ids = self.of_role(Role::Id);
        for name in &ids {
            let found = shared(train, test, name)?;
            report.ran(&[LeakKind::SharedIds]);
            report.add(findings::shared_ids(name, &found, &test_ids));
        }
        report.skip(&[LeakKind::SharedIds], "needs a column of ids: name it with `Dataset::id`");
        for name in train.layout().groups() {
            let found = shared(train, test, name)?;
            report.ran(&[LeakKind::SharedGroups]);
            report.add(findings::shared_groups(name, &found, &test_ids, ordered));
        }
        report.skip(&[LeakKind::SharedGroups], "needs a column of groups: name it with `Dataset::group`");
        let targets: Vec<&str> = train.layout().targets().iter().map(String::as_str).collect();
        let (labels, _) = encode(&targets, train, Some(test))?;
        let differences: Vec<_> =
            encoded.iter().chain(&labels).map(|column| (column, drift::difference(column))).collect();
        report.ran(&[LeakKind::Drift, LeakKind::NewCategories]);
        report.add(findings::drift(&differences, [train.n_rows(), test.n_rows()], ordered));
        report.add(findings::new_categories(&differences, test, &test_ids)?);
        Ok(())
    }

    /// The checks of time; whether there is a time, and the parts are in its order.
    fn times(
        &self,
        audit: &LeakageAudit,
        test: &Dataset<Q>,
        test_ids: &[u64],
        report: &mut Collector<'_>,
    ) -> Result<bool> {
        let train = self.train;
        let kinds = [LeakKind::TimeOverlap, LeakKind::LabelIntervals];
        let Ok(name) = train.layout().time(NAME) else {
            report.skip(&kinds, "needs a time: name it with `Dataset::time`");
            return Ok(false);
        };
        let (own, other) = (
            column::instants_or_missing(name, train.column(name)?.as_ref())?,
            column::instants_or_missing(name, test.column(name)?.as_ref())?,
        );
        let there = |times: &mlsys_core::arrow::array::Int64Array| {
            times.iter().enumerate().filter_map(|(row, time)| Some((row, time?))).unzip()
        };
        let (own_rows, own_times): (Vec<usize>, Vec<i64>) = there(&own);
        let (other_rows, other_times): (Vec<usize>, Vec<i64>) = there(&other);
        let found = disorder(&own_times, &other_times);
        // A few stragglers are an error of their own, and the parts are in order all the same.
        let wrong = found.train.len() + found.test.len();
        let ordered = wrong * 100 < own_times.len() + other_times.len();
        report.ran(&[LeakKind::TimeOverlap]);
        let train_ids = train.row_ids();
        report.add(findings::time_overlap(
            name,
            found.train.iter().map(|&at| train_ids[own_rows[at]]).collect(),
            found.test.iter().map(|&at| test_ids[other_rows[at]]).collect(),
        ));
        let ends: Vec<Option<i64>> = match (&audit.label_end, audit.label_horizon) {
            (Some(end), _) => {
                let ends = column::instants_or_missing(end, train.column(end)?.as_ref())?;
                ends.iter().collect()
            }
            (None, Some(horizon)) => {
                let horizon = i64::try_from(horizon.as_nanos()).unwrap_or(i64::MAX);
                own.iter().map(|time| time.map(|time| time.saturating_add(horizon))).collect()
            }
            (None, None) => {
                let why = "needs to know when labels are known: `label_end` or `label_horizon`";
                report.skip(&[LeakKind::LabelIntervals], why);
                return Ok(ordered);
            }
        };
        let open: Vec<u64> =
            open_labels(&ends, &other_times, &found).into_iter().map(|row| train_ids[row]).collect();
        report.ran(&[LeakKind::LabelIntervals]);
        report.add(findings::label_intervals(audit.label_end.as_deref().unwrap_or(name), open));
        Ok(ordered)
    }
}

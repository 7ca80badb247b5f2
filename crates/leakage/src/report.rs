//! All that an audit found: for reading, for JSON, and for stopping a build.

use std::fmt;

use mlsys_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::{Finding, LeakKind, Severity};

/// All that an audit found, the worst first; which checks ran, and which did not and why.
///
/// `Display` is a page for the terminal, [`to_json`](Self::to_json) the same for machines. In a build,
/// [`require_clean`](Self::require_clean) turns errors among the findings into an `Err`.
///
/// ```
/// use mlsys_leakage::{Finding, LeakKind, LeakageReport, Severity};
///
/// let mut report = LeakageReport::new();
/// report.ran(LeakKind::SharedIds);
/// report.push(Finding::new(LeakKind::SharedIds, Severity::Error, "3 ids are in both parts", "split by id").column("id"));
/// assert!(report.to_string().contains("3 ids are in both parts"));
/// assert_eq!(LeakageReport::from_json(&report.to_json()?)?, report);
/// assert!(report.require_clean().unwrap_err().to_string().contains("shared_ids (id)"));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LeakageReport {
    /// What was found, the worst first.
    findings: Vec<Finding>,
    /// What was looked for.
    ran: Vec<LeakKind>,
    /// What was not looked for, and why.
    skipped: Vec<Skipped>,
}

/// A check that did not run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Skipped {
    /// What it looks for.
    pub kind: LeakKind,
    /// Why it did not run, and what it would need.
    pub why: String,
}

impl LeakageReport {
    /// A report without findings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a finding.
    pub fn push(&mut self, finding: Finding) {
        self.ran(finding.kind);
        let key = |x: &Finding| (std::cmp::Reverse(x.severity), x.kind);
        let before = |x: &Finding| {
            let order = key(x).cmp(&key(&finding)).then_with(|| x.columns.cmp(&finding.columns));
            order != std::cmp::Ordering::Greater
        };
        let place = self.findings.partition_point(before);
        self.findings.insert(place, finding);
    }

    /// Adds a finding, unless one of its kind about its columns is there that is as bad; of several questions about one target the
    /// worst answer counts.
    pub(crate) fn push_worst(&mut self, finding: Finding) {
        let same = |other: &Finding| other.kind == finding.kind && other.columns == finding.columns;
        match self.findings.iter().position(same) {
            Some(at) if self.findings[at].severity >= finding.severity => {}
            Some(at) => {
                self.findings.remove(at);
                self.push(finding);
            }
            None => self.push(finding),
        }
    }

    /// Notes that something was looked for.
    pub fn ran(&mut self, kind: LeakKind) {
        self.ran.push(kind);
        self.ran.sort_unstable();
        self.ran.dedup();
        self.skipped.retain(|skipped| skipped.kind != kind);
    }

    /// Notes that something was not looked for, and why.
    pub fn skip(&mut self, kind: LeakKind, why: impl Into<String>) {
        if !self.ran.contains(&kind) {
            self.skipped.push(Skipped { kind, why: why.into() });
            self.skipped.sort();
            self.skipped.dedup();
        }
    }

    /// Takes in what another audit found.
    pub fn merge(&mut self, other: Self) {
        other.ran.into_iter().for_each(|kind| self.ran(kind));
        other.skipped.into_iter().for_each(|skipped| self.skip(skipped.kind, skipped.why));
        other.findings.into_iter().for_each(|finding| self.push(finding));
    }

    /// What was found, the worst first.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What was found of this severity.
    pub fn of(&self, severity: Severity) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.severity == severity)
    }

    /// The findings about a column.
    pub fn about<'a>(&'a self, column: &'a str) -> impl Iterator<Item = &'a Finding> {
        self.findings.iter().filter(move |finding| finding.columns.iter().any(|name| name == column))
    }

    /// What was looked for.
    pub fn checks(&self) -> &[LeakKind] {
        &self.ran
    }

    /// What was not looked for, and why.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// The worst severity, if anything was found.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.first().map(|finding| finding.severity)
    }

    /// Nothing when no finding is an error; else an error that lists those that are.
    ///
    /// # Errors
    ///
    /// [`External`](mlsys_core::ErrorKind::External), which holds a [`LeakageFound`].
    pub fn require_clean(&self) -> Result<()> {
        self.require_below(Severity::Error)
    }

    /// Nothing when no finding is as bad as this; else an error that lists those that are.
    ///
    /// # Errors
    ///
    /// As [`require_clean`](Self::require_clean).
    pub fn require_below(&self, severity: Severity) -> Result<()> {
        let found: Vec<Finding> =
            self.findings.iter().filter(|finding| finding.severity >= severity).cloned().collect();
        if found.is_empty() { Ok(()) } else { Err(Error::external(LeakageFound(found))) }
    }

    /// The report as JSON.
    ///
    /// # Errors
    ///
    /// When serde refuses, which it does not for findings of this crate.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self).map_err(Error::external)
    }

    /// The report in this JSON.
    ///
    /// # Errors
    ///
    /// When it is not one.
    pub fn from_json(json: &str) -> Result<Self> {
        serde_json::from_str(json).map_err(Error::external)
    }
}

/// The error of [`LeakageReport::require_clean`]: the findings that are too bad.
#[derive(Debug, Clone, PartialEq)]
pub struct LeakageFound(pub Vec<Finding>);

impl fmt::Display for LeakageFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "leakage found: ")?;
        for (place, finding) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { "; " };
            write!(f, "{separator}{}", finding.kind)?;
            if !finding.columns.is_empty() {
                write!(f, " ({})", finding.columns.join(", "))?;
            }
            write!(f, ": {}", finding.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for LeakageFound {}

/// Ids that a page shows of a finding's rows.
const SHOWN_IDS: usize = 8;

impl fmt::Display for LeakageReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |severity| self.of(severity).count();
        let (errors, suspects, notes) =
            (count(Severity::Error), count(Severity::Suspect), count(Severity::Note));
        let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
        let found = [plural(errors, "error"), plural(suspects, "suspect"), plural(notes, "note")].join(", ");
        writeln!(f, "Leakage: {found}, of {} looked for", plural(self.ran.len(), "kind"))?;
        for finding in &self.findings {
            let columns = finding.columns.join(", ");
            writeln!(f, "\n{:7}  {}  {columns}", finding.severity.name(), finding.kind)?;
            writeln!(f, "         {}", finding.message)?;
            if let Some(rows) = &finding.rows {
                let ids: Vec<String> = rows.ids.iter().take(SHOWN_IDS).map(u64::to_string).collect();
                let more = if rows.count > ids.len() { ", .." } else { "" };
                writeln!(f, "         {} rows of {}: {}{more}", rows.count, rows.part, ids.join(", "))?;
            }
            if !finding.evidence.is_empty() {
                let numbers: Vec<String> = finding
                    .evidence
                    .iter()
                    .map(|(name, value)| format!("{name} {}", short(*value)))
                    .collect();
                writeln!(f, "         {}", numbers.join(", "))?;
            }
            writeln!(f, "         -> {}", finding.advice)?;
        }
        for skipped in &self.skipped {
            writeln!(f, "\nnot looked for  {}: {}", skipped.kind, skipped.why)?;
        }
        Ok(())
    }
}

/// Four digits of a number, and whole numbers as they are.
fn short(x: f64) -> String {
    if x == x.trunc() && x.abs() < 1e15 { format!("{x}") } else { format!("{x:.4}") }
}

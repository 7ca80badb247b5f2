//! One thing that a check found, and how bad it is.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// How much a [`Finding`] matters. Ordered: a note is the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; nothing is wrong with it by itself.
    Note,
    /// May be a leak: somebody who knows where the data comes from must look.
    Suspect,
    /// A leak: scores on these rows, or with these columns, mean nothing.
    Error,
}

impl Severity {
    /// The word for tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Suspect => "suspect",
            Self::Error => "error",
        }
    }
}

/// What kind of leak it is. In brackets the class of Kapoor and Narayanan, *Leakage and the reproducibility crisis in
/// machine-learning-based science*, 2023, table 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LeakKind {
    /// Rows of one part occur in the other, equal in every feature and in the target \[L1.4\].
    DuplicateRows,
    /// Rows of one part are almost rows of the other \[L1.4\].
    NearDuplicateRows,
    /// Rows with equal features have different labels.
    ConflictingLabels,
    /// An id is in both parts \[L1.4\].
    SharedIds,
    /// A group is in both parts \[L3.2\].
    SharedGroups,
    /// Training rows are not all older than test rows \[L3.1\].
    TimeOverlap,
    /// The label of a training row was known only after test rows begin \[L3.1\].
    LabelIntervals,
    /// The parts come from different distributions \[L3.3\].
    Drift,
    /// Values that no training row has.
    NewCategories,
    /// A column gives the label away, but for a few rows \[L2\].
    NearlyTheLabel,
    /// A column tells more of the label than all weaker ones together, by far \[L2\].
    ImplausibleStrength,
    /// Two columns together tell of the label what neither should \[L2\].
    TellsTogether,
    /// Whether a value is missing tells the label \[L2\].
    MissingnessTells,
    /// Values are missing where the label is \[L2\].
    MissingWithLabel,
    /// The order of the rows tells the label \[L2\].
    OrderTells,
    /// An id tells the label \[L2\].
    IdTells,
    /// A column tells the label in one part and not in the other.
    StrengthChanges,
    /// A column that was not there before tells more than any that was \[L2\].
    NewColumn,
    /// A model without this column loses more than one column should give \[L2\].
    Ablation,
    /// A value was not known yet when the prediction is made \[L3.1\].
    NotYetAvailable,
    /// A joined value is not the last one known, but a later one \[L3.1\].
    FromTheFuture,
    /// An aggregate of the target, or of later rows, includes the row itself, its future, or test rows \[L1.2\].
    AggregateIncludes,
    /// Something was fitted on test rows \[L1.1, L1.2\].
    FittedOnTestRows,
    /// What is fitted changes when test rows do \[L1.2, L1.3\].
    TestRowsReachModel,
    /// The test rows were asked so often that their answers have become training data.
    TestWear,
}

impl LeakKind {
    /// The name in reports and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::DuplicateRows => "duplicate_rows",
            Self::NearDuplicateRows => "near_duplicate_rows",
            Self::ConflictingLabels => "conflicting_labels",
            Self::SharedIds => "shared_ids",
            Self::SharedGroups => "shared_groups",
            Self::TimeOverlap => "time_overlap",
            Self::LabelIntervals => "label_intervals",
            Self::Drift => "drift",
            Self::NewCategories => "new_categories",
            Self::NearlyTheLabel => "nearly_the_label",
            Self::ImplausibleStrength => "implausible_strength",
            Self::TellsTogether => "tells_together",
            Self::MissingnessTells => "missingness_tells",
            Self::MissingWithLabel => "missing_with_label",
            Self::OrderTells => "order_tells",
            Self::IdTells => "id_tells",
            Self::StrengthChanges => "strength_changes",
            Self::NewColumn => "new_column",
            Self::Ablation => "ablation",
            Self::NotYetAvailable => "not_yet_available",
            Self::FromTheFuture => "from_the_future",
            Self::AggregateIncludes => "aggregate_includes",
            Self::FittedOnTestRows => "fitted_on_test_rows",
            Self::TestRowsReachModel => "test_rows_reach_model",
            Self::TestWear => "test_wear",
        }
    }
}

impl fmt::Display for LeakKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Rows that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OffendingRows {
    /// The part they are in: `train`, `test`, `validation`, or `table` where nothing is split.
    pub part: String,
    /// How many there are.
    pub count: usize,
    /// The [ids](mlsys_core::Dataset::row_ids) of the first, in the order of the part; at most [`OffendingRows::LISTED`].
    pub ids: Vec<u64>,
}

impl OffendingRows {
    /// At most this many ids are listed.
    pub const LISTED: usize = 1_000;

    /// Rows of a part by their ids, in the part's order.
    pub fn new(part: &str, ids: impl IntoIterator<Item = u64>) -> Self {
        let (mut count, mut listed) = (0, Vec::new());
        for id in ids {
            count += 1;
            if listed.len() < Self::LISTED {
                listed.push(id);
            }
        }
        Self { part: part.into(), count, ids: listed }
    }
}

/// One thing that a check found: what, how bad, where, by which numbers, and what to do about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind of leak it is.
    pub kind: LeakKind,
    /// How much it matters.
    pub severity: Severity,
    /// The columns it is about, the guilty one first.
    pub columns: Vec<String>,
    /// The rows it is about.
    pub rows: Option<OffendingRows>,
    /// The numbers it rests on, by name; all finite.
    pub evidence: BTreeMap<String, f64>,
    /// What was found, in a sentence.
    pub message: String,
    /// What to do about it.
    pub advice: String,
}

impl Finding {
    /// A finding without columns, rows and evidence.
    pub fn new(
        kind: LeakKind,
        severity: Severity,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            severity,
            columns: Vec::new(),
            rows: None,
            evidence: BTreeMap::new(),
            message: message.into(),
            advice: advice.into(),
        }
    }

    /// Adds a column; the guilty one first.
    pub fn column(mut self, name: &str) -> Self {
        self.columns.push(name.into());
        self
    }

    /// Sets the rows.
    pub fn rows(mut self, rows: OffendingRows) -> Self {
        self.rows = Some(rows);
        self
    }

    /// Adds a number. One that is not finite says nothing and is left out: JSON could not hold it.
    pub fn number(mut self, name: &str, value: f64) -> Self {
        if value.is_finite() {
            self.evidence.insert(name.into(), value);
        }
        self
    }
}

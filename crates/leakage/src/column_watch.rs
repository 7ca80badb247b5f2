//! What columns weigh, before and after.

use std::collections::BTreeMap;

use mlsys_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::{Finding, LeakKind, LeakageReport, Severity};

const NAME: &str = "ColumnWatch";
/// A jump is at least this many times what it was.
const JUMPED: f64 = 2.0;

/// Keeps what columns weighed, and says which new ones weigh too much: a column that arrives late and tells most comes from the answer
/// more often than from luck.
///
/// Of new weights w: a column that was not there before against the largest weight m of those that were, and its share w / Σw; of the
/// others the change of w / Σw over the columns that are in both.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | weights | | finite, of each column once | anything that is more where a column tells more; below 0 is 0 |
/// | `share` | 0.2 | above 0, up to 1 | from which share of all weight on a new column is suspect |
/// | `far` | 2 | 1 and more | how many times the largest old weight a new one must exceed to be an error |
/// | `jump` | 0.2 | above 0, up to 1 | by how much the share of an old column may rise |
///
/// **Input**: weights by column, such as [`ColumnPowers::weights`](crate::ColumnPowers::weights), gains of trees, or drops of permuted
/// columns; before and after by the same measure, not of the same scale. **Output**: a report. Of a new column
/// [`NewColumn`](LeakKind::NewColumn): an error when its weight exceeds `far` times that of every old one, and one of these weighs anything;
/// a suspect when it exceeds all or has its share. Of an old column whose
/// share rises by `jump`, and doubles, [`StrengthChanges`](LeakKind::StrengthChanges), a suspect. It is plain data: keep it beside the
/// model as JSON. **Complexity**: O(c log c). **Errors**: no column, or one that is there twice; a weight that is not finite; parameters
/// out of range.
///
/// ```
/// use mlsys_leakage::{ColumnWatch, Severity};
///
/// let watch = ColumnWatch::new([("distance", 0.3), ("hour", 0.5)])?;
/// let report = watch.compare([("distance", 0.2), ("hour", 0.4), ("refund", 0.95)])?;
/// assert_eq!((report.findings()[0].columns[0].as_str(), report.worst()), ("refund", Some(Severity::Error)));
/// assert!(watch.compare([("distance", 0.3), ("hour", 0.6), ("month", 0.1)])?.findings().is_empty());
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when a good column is found: say so by taking a new baseline. A leak that was there at the first baseline is never new.
///
/// Sculley and others, *Hidden technical debt in machine learning systems*, 2015, on data dependencies. **Instead**:
/// [`LeakageAudit`](crate::LeakageAudit) judges columns without a before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a watch does nothing until it compares"]
pub struct ColumnWatch {
    weights: BTreeMap<String, f64>,
    #[serde(default = "fifth")]
    share: f64,
    #[serde(default = "two")]
    far: f64,
    #[serde(default = "fifth")]
    jump: f64,
}

fn fifth() -> f64 {
    0.2
}

fn two() -> f64 {
    2.0
}

impl ColumnWatch {
    /// A watch from these weights on.
    ///
    /// # Errors
    ///
    /// Those of the type.
    pub fn new<S: Into<String>>(weights: impl IntoIterator<Item = (S, f64)>) -> Result<Self> {
        Ok(Self { weights: gathered(weights)?, share: fifth(), far: two(), jump: fifth() })
    }

    /// From which share of all weight on a new column is suspect.
    pub fn share(mut self, share: f64) -> Self {
        self.share = share;
        self
    }

    /// How many times the largest old weight a new one must exceed to be an error.
    pub fn far(mut self, far: f64) -> Self {
        self.far = far;
        self
    }

    /// By how much the share of an old column may rise.
    pub fn jump(mut self, jump: f64) -> Self {
        self.jump = jump;
        self
    }

    /// What the columns weighed.
    pub fn weights(&self) -> impl Iterator<Item = (&str, f64)> {
        self.weights.iter().map(|(name, &weight)| (name.as_str(), weight))
    }

    /// What is odd about new weights.
    ///
    /// # Errors
    ///
    /// Those of the type.
    pub fn compare<S: Into<String>>(
        &self,
        weights: impl IntoIterator<Item = (S, f64)>,
    ) -> Result<LeakageReport> {
        for (name, value) in [("share", self.share), ("jump", self.jump)] {
            if !(value > 0.0 && value <= 1.0) {
                return Err(Error::invalid_parameter(NAME, name, value, "above 0, up to 1"));
            }
        }
        if !(self.far >= 1.0 && self.far.is_finite()) {
            return Err(Error::invalid_parameter(NAME, "far", self.far, "1 or more, and finite"));
        }
        // Those of a file may be anything.
        let old = gathered(self.weights.iter().map(|(name, &weight)| (name.as_str(), weight)))?;
        let new = gathered(weights)?;
        let mut report = LeakageReport::new();
        report.ran(LeakKind::NewColumn);
        report.ran(LeakKind::StrengthChanges);
        let largest =
            new.iter().filter(|(name, _)| old.contains_key(*name)).max_by(|a, b| a.1.total_cmp(b.1));
        let shares = shares(&new, |_| true);
        for (name, &weight) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
            let share = shares.get(name.as_str()).copied().unwrap_or(0.0);
            report_new(&mut report, self, (name, weight, share), largest);
        }
        let both = |name: &str| old.contains_key(name) && new.contains_key(name);
        let (before, after) = (self::shares(&old, both), self::shares(&new, both));
        for (name, now) in after {
            let was = before.get(name).copied().unwrap_or(0.0);
            if now - was < self.jump || now < JUMPED * was {
                continue;
            }
            let message = format!(
                "`{name}` has {:.0}% of the weight of the columns that were there before, and had {:.0}%",
                100.0 * now,
                100.0 * was
            );
            let advice = "see what changed in how this column is filled, and whether it is known when the prediction is made";
            report.push(
                Finding::new(LeakKind::StrengthChanges, Severity::Suspect, message, advice)
                    .column(name)
                    .number("share_before", was)
                    .number("share", now),
            );
        }
        Ok(report)
    }
}

fn report_new(
    report: &mut LeakageReport,
    watch: &ColumnWatch,
    (name, weight, share): (&str, f64, f64),
    largest: Option<(&String, &f64)>,
) {
    let top = largest.map_or(0.0, |(_, &weight)| weight);
    // Beside old columns that weigh nothing, nothing is far.
    let severity = if top > 0.0 && weight > watch.far * top {
        Severity::Error
    } else if weight > top || share >= watch.share {
        Severity::Suspect
    } else {
        return;
    };
    let beside = match largest {
        Some((old, top)) => format!("the most of an old one is {top:.4}, of `{old}`"),
        None => "no old column is left".into(),
    };
    let message = format!(
        "`{name}` was not there before and weighs {weight:.4}, {:.0}% of all: {beside}",
        100.0 * share
    );
    let advice = "see where it comes from, and whether it is known when the prediction is made, before it is trained on";
    report.push(
        Finding::new(LeakKind::NewColumn, severity, message, advice)
            .column(name)
            .number("weight", weight)
            .number("share", share)
            .number("largest_old_weight", top),
    );
}

/// Weights by name, none below 0.
fn gathered<S: Into<String>>(weights: impl IntoIterator<Item = (S, f64)>) -> Result<BTreeMap<String, f64>> {
    let mut by_name = BTreeMap::new();
    for (name, weight) in weights {
        let name = name.into();
        if !weight.is_finite() {
            return Err(Error::invalid_value(&name, None, weight, "a finite weight"));
        }
        if by_name.insert(name.clone(), weight.max(0.0)).is_some() {
            return Err(ErrorKind::DuplicateColumn { name }.into());
        }
    }
    if by_name.is_empty() {
        return Err(Error::invalid_parameter(NAME, "weights", "nothing", "a weight at least"));
    }
    Ok(by_name)
}

/// The share of each chosen column; none has any where all weigh nothing.
fn shares(weights: &BTreeMap<String, f64>, chosen: impl Fn(&str) -> bool) -> BTreeMap<&str, f64> {
    let own = || weights.iter().filter(|(name, _)| chosen(name));
    // Of the largest first, since a sum of huge weights has no end.
    let largest = own().map(|(_, &weight)| weight).fold(0.0, f64::max);
    if largest == 0.0 {
        return own().map(|(name, _)| (name.as_str(), 0.0)).collect();
    }
    let all: f64 = own().map(|(_, weight)| weight / largest).sum();
    own().map(|(name, weight)| (name.as_str(), weight / largest / all)).collect()
}

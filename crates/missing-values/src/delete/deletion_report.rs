//! What a deletion does to the rest of the table.

use std::fmt;

use mlsys_core::arrow::array::{ArrayRef, BooleanArray};
use mlsys_core::{Category, Coded, Dataset, Kind, Result, Train, column};
use mlsys_stats::{ColumnStatistic, Moments};

/// A mean, or the share of a value, before and after.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Shift {
    /// The column.
    pub column: String,
    /// The value whose share is meant; `None` for the mean of a number.
    pub value: Option<Category>,
    /// Whether the column is a target.
    pub target: bool,
    /// The mean or share among all rows.
    pub before: f64,
    /// The mean or share among the rows that are left; NaN when none has a value.
    pub after: f64,
    /// The difference in standard deviations of the values before; NaN for a constant.
    pub standardised: f64,
}

/// A column that is taken out.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DroppedColumn {
    /// The column.
    pub column: String,
    /// The share of its values that are missing.
    pub share: f64,
    /// What its gaps said about the targets, and is lost unless an indicator stays: each target among all rows, and
    /// among the rows where the column is missing.
    pub targets: Vec<Shift>,
}

/// What a deletion does: to the number of rows, to means and shares of the other columns, and to the targets.
///
/// Numbers are compared by their mean over finite values, text and booleans by the share of each of at most 100 values among
/// what is not missing; times and columns with more values are left out. The shifts are in the order of size, targets first.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DeletionReport {
    /// Rows before.
    pub rows_before: usize,
    /// Rows after.
    pub rows_after: usize,
    /// Rows whose features have no gap, before.
    pub complete_before: usize,
    /// Rows whose features have no gap, after.
    pub complete_after: usize,
    /// The columns taken out.
    pub dropped: Vec<DroppedColumn>,
    /// How the rows that are left differ.
    pub shifts: Vec<Shift>,
}

/// A column with more values is not compared value by value.
const MAX_VALUES: usize = 100;

impl DeletionReport {
    /// The largest shift of a target, and of any other column, in standard deviations.
    pub fn largest(&self) -> (Option<&Shift>, Option<&Shift>) {
        let first =
            |target: bool| self.shifts.iter().find(|s| s.target == target && !s.standardised.is_nan());
        (first(true), first(false))
    }

    pub(super) fn of_rows(before: &Dataset<Train>, after: &Dataset<Train>) -> Result<Self> {
        let mut shifts = Vec::new();
        let targets = before.layout().targets();
        for name in before.features().into_iter().chain(targets.iter().map(String::as_str)) {
            let target = targets.iter().any(|other| other == name);
            shifts.extend(compare(name, target, before.column(name)?, after.column(name)?)?);
        }
        // NaN last.
        let size = |s: &Shift| if s.standardised.is_nan() { -1.0 } else { s.standardised.abs() };
        shifts.sort_by(|a, b| b.target.cmp(&a.target).then(size(b).total_cmp(&size(a))));
        Ok(Self {
            rows_before: before.n_rows(),
            rows_after: after.n_rows(),
            complete_before: complete(before)?,
            complete_after: complete(after)?,
            dropped: Vec::new(),
            shifts,
        })
    }

    pub(super) fn of_columns(before: &Dataset<Train>, dropped: &[&str]) -> Result<Self> {
        let schema = before.schema();
        let kept = schema.fields().iter().map(|f| f.name()).filter(|name| !dropped.contains(&name.as_str()));
        let after = before.select(kept)?;
        let one = |&name: &&str| {
            let gaps: Vec<bool> = match column::missing(name, before.column(name)?)? {
                Some(valid) => valid.iter().map(|valid| !valid).collect(),
                None => vec![false; before.n_rows()],
            };
            let count = gaps.iter().filter(|gap| **gap).count();
            let within = before.filter(&BooleanArray::from(gaps))?;
            let mut targets = Vec::new();
            for target in before.layout().targets() {
                targets.extend(compare(target, true, before.column(target)?, within.column(target)?)?);
            }
            Ok(DroppedColumn { column: name.into(), share: count as f64 / before.n_rows() as f64, targets })
        };
        Ok(Self {
            rows_before: before.n_rows(),
            rows_after: before.n_rows(),
            complete_before: complete(before)?,
            complete_after: complete(&after)?,
            dropped: dropped.iter().map(one).collect::<Result<_>>()?,
            shifts: Vec::new(),
        })
    }
}

/// How many rows have no gap in a feature.
fn complete(data: &Dataset<Train>) -> Result<usize> {
    let mut whole = vec![true; data.n_rows()];
    for name in data.features() {
        if let Some(valid) = column::missing(name, data.column(name)?)? {
            whole.iter_mut().zip(valid.iter()).for_each(|(whole, valid)| *whole &= valid);
        }
    }
    Ok(whole.into_iter().filter(|whole| *whole).count())
}

fn compare(name: &str, target: bool, before: &ArrayRef, after: &ArrayRef) -> Result<Vec<Shift>> {
    let shift = |value, before: f64, after: f64, deviation: f64| {
        let standardised = if deviation > 0.0 { (after - before) / deviation } else { f64::NAN };
        Shift { column: name.into(), value, target, before, after, standardised }
    };
    let kind = Kind::of(before.data_type());
    if kind.is_number() {
        let of = |array: &ArrayRef| Moments::new().order(2).of(name, array, None);
        let (all, left) = (of(before)?, of(after)?);
        return Ok(vec![shift(None, all.mean(), left.mean(), all.std_dev(0.0))]);
    }
    if !matches!(kind, Kind::Text | Kind::Boolean) {
        return Ok(Vec::new());
    }
    let (all, left) = (Coded::new(name, before)?.sorted(), Coded::new(name, after)?);
    if all.distinct.len() > MAX_VALUES {
        return Ok(Vec::new());
    }
    let shares = |coded: &Coded| -> Vec<f64> {
        let mut counts = vec![0.0; all.distinct.len()];
        for row in 0..coded.len() {
            let place = coded.value(row).and_then(|value| all.distinct.binary_search(value).ok());
            place.into_iter().for_each(|place| counts[place] += 1.0);
        }
        let total: f64 = counts.iter().sum();
        counts.into_iter().map(|count| count / total).collect()
    };
    let each = all.distinct.iter().zip(shares(&all).into_iter().zip(shares(&left)));
    Ok(each.map(|(value, (p, q))| shift(Some(value.clone()), p, q, (p * (1.0 - p)).sqrt())).collect())
}

/// How many shifts are shown.
const SHOWN: usize = 10;

impl fmt::Display for DeletionReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows_before, rows_after, complete_before, complete_after, .. } = self;
        writeln!(
            f,
            "rows: {rows_before} before, {rows_after} after; complete: {complete_before} before, {complete_after} after"
        )?;
        for dropped in &self.dropped {
            writeln!(f, "dropped {}: {:.1} % missing", dropped.column, 100.0 * dropped.share)?;
            dropped.targets.iter().try_for_each(|shift| writeln!(f, "  where it is missing, {shift}"))?;
        }
        self.shifts.iter().take(SHOWN).try_for_each(|shift| writeln!(f, "{shift}"))?;
        match self.shifts.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => writeln!(f, "and {more} smaller shifts"),
        }
    }
}

impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = if self.target { "target " } else { "" };
        match &self.value {
            None => write!(f, "{role}{}: mean", self.column)?,
            Some(value) => write!(f, "{role}{}: share of {value}", self.column)?,
        }
        write!(f, " {:.4} to {:.4} ({:+.2} sd)", self.before, self.after, self.standardised)
    }
}

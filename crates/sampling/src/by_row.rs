//! Splits that look at one row at a time, for rows that nobody holds together.

use mlsys_core::arrow::array::{Array, RecordBatch};
use mlsys_core::hash::hash_rows;
use mlsys_core::{Error, ErrorKind, InputColumn, Layout, Result, column};
use serde::{Deserialize, Serialize};

use crate::hash_split::MissingKey;

/// A split whose side of a row follows from that row alone, so that an engine can divide rows that nobody holds
/// together: what [`ByRow::by_row`] makes of a splitter and the table's roles. It travels as an artefact.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, arrow::array::{Int64Array, RecordBatch}};
/// use mlsys_sampling::{ByRow, HashSplit};
///
/// let batch = RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from_iter_values(0..1000)) as _)])?;
/// let split = HashSplit::new("id").by_row(Dataset::new(batch.clone())?.layout())?;
/// let test = split.sides(&batch)?.into_iter().filter(|side| *side == Some(true)).count();
/// assert_eq!(test, 239);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SplitByRow {
    columns: Vec<InputColumn>,
    rule: Rule,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Rule {
    /// Test: hash < bound.
    Hash { bound: u64, seed: u64, missing: MissingKey },
    /// Test: time >= boundary; training: time < end.
    Time { boundary: i64, end: i64 },
}

impl SplitByRow {
    pub(crate) fn new(layout: &Layout, columns: &[String], rule: Rule) -> Result<Self> {
        Ok(Self { columns: InputColumn::all(layout, columns)?, rule })
    }

    /// For each row whether it is for testing, `None` when it is on neither side.
    ///
    /// # Errors
    ///
    /// A missing key or time; a column that is not there or has another kind.
    pub fn sides(&self, batch: &RecordBatch) -> Result<Vec<Option<bool>>> {
        match self.rule {
            Rule::Hash { bound, seed, missing } => {
                let mut keys: Vec<(&str, &dyn Array)> = Vec::with_capacity(self.columns.len());
                for key in &self.columns {
                    let array = key.find(batch)?;
                    missing.check(key.name(), array.as_ref())?;
                    keys.push((key.name(), array.as_ref()));
                }
                Ok(hash_rows(&keys, seed)?.into_iter().map(|hash| Some(hash < bound)).collect())
            }
            Rule::Time { boundary, end } => {
                let [time] = self.columns.as_slice() else {
                    return Err(Error::artifact("divides by time without one time column"));
                };
                let times = column::instants(time.name(), time.find(batch)?)?;
                let side =
                    |&time: &i64| if time >= boundary { Some(true) } else { (time < end).then_some(false) };
                Ok(times.iter().map(side).collect())
            }
        }
    }

    fn validate(&self) -> Result<()> {
        match (&self.rule, self.columns.len()) {
            (Rule::Hash { .. }, 0) => Err(Error::artifact("divides by a hash of no columns")),
            (Rule::Time { .. }, n) if n != 1 => Err(Error::artifact(format!("divides by {n} time columns"))),
            (Rule::Time { boundary, end }, _) if end > boundary => {
                Err(Error::artifact("trains on rows after its boundary"))
            }
            _ => Ok(()),
        }
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.clone()
    }
}

mlsys_core::artifact!(SplitByRow, "mlsys.SplitByRow", 1);

/// A splitter that can decide about each row alone. A side may be empty: nobody counts before the rows are read.
pub trait ByRow {
    /// The rule for a table of this layout that divides all rows into training and test rows.
    ///
    /// # Errors
    ///
    /// A parameter out of range, a column or role that is not there, or a splitter that must see all rows first.
    fn by_row(&self, layout: &Layout) -> Result<SplitByRow>;

    /// The rule that divides training rows into training and validation rows.
    ///
    /// # Errors
    ///
    /// As [`by_row`](Self::by_row).
    fn validation_by_row(&self, layout: &Layout) -> Result<SplitByRow> {
        self.by_row(layout)
    }
}

impl MissingKey {
    /// Refuses missing values in a key column where they are not a key.
    pub(crate) fn check(self, key: &str, array: &dyn Array) -> Result<()> {
        let missing = column::missing(key, array)?.map_or(0, |nulls| nulls.null_count());
        if missing == 0 || self == Self::Together {
            return Ok(());
        }
        let hint = "drop these rows, or keep them on one side with `missing(MissingKey::Together)`".into();
        Err(ErrorKind::MissingValues { column: key.into(), count: missing, hint }.into())
    }
}

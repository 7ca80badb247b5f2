//! Splits and folds that a column spells out.

use mlsys_core::{Category, Coded, Dataset, Error, ErrorKind, Fold, Folds, Result, Split, Train, Unsplit};
use serde::{Deserialize, Serialize};

use crate::sizes::MOST_FOLDS;

/// The split that a column spells out: the rows with one value are for testing.
///
/// * `column`, `test`, required: rows whose value reads as `test` (`"test"`, `"true"`, `"3"`) are for testing, all
///   others for training.
/// * `leave_out`: values whose rows are on neither side; none.
///
/// **Input**: a column of categories without missing values. **Output**: both sides, rows in their old order.
/// **Cost**: O(n). **Errors**: a missing value; a side without rows.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, Split, arrow::array::{RecordBatch, StringArray}};
/// use mlsys_sampling::PredefinedSplit;
///
/// let part = Arc::new(StringArray::from(vec!["train", "test", "dev", "train"]));
/// let data = Dataset::new(RecordBatch::try_from_iter([("part", part as _)])?)?;
/// let split = PredefinedSplit::new("part", "test");
/// let (train, dev, test) = split.three_way(&PredefinedSplit::new("part", "dev"), data)?;
/// assert_eq!((train.row_ids(), dev.row_ids(), test.row_ids()), (vec![0, 3], vec![2], vec![1]));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when the column stays a feature: ignore it. **Instead**: [`HashSplit`](crate::HashSplit) when no one
/// has decided yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a splitter does nothing until it splits"]
pub struct PredefinedSplit {
    column: String,
    test: String,
    #[serde(default)]
    left_out: Vec<String>,
}

impl PredefinedSplit {
    /// A column, and the value of its test rows.
    pub fn new(column: impl Into<String>, test: impl Into<String>) -> Self {
        Self { column: column.into(), test: test.into(), left_out: Vec::new() }
    }

    /// One more value whose rows are on neither side.
    pub fn leave_out(mut self, value: impl Into<String>) -> Self {
        self.left_out.push(value.into());
        self
    }
}

impl Split for PredefinedSplit {
    fn rows(&self, data: &Dataset<Unsplit>) -> Result<(Vec<usize>, Vec<usize>)> {
        let coded = Coded::new(&self.column, data.column(&self.column)?)?;
        if coded.missing() > 0 {
            let hint = "say for every row which part it is in".into();
            let kind = ErrorKind::MissingValues { column: self.column.clone(), count: coded.missing(), hint };
            return Err(kind.into());
        }
        let names: Vec<String> = coded.distinct.iter().map(ToString::to_string).collect();
        let rows = |keep: &dyn Fn(&String) -> bool| -> Vec<usize> {
            let keep: Vec<bool> = names.iter().map(keep).collect();
            (0..coded.len()).filter(|&row| keep[coded.codes[row] as usize]).collect()
        };
        let test = rows(&|name| *name == self.test);
        let train = rows(&|name| *name != self.test && !self.left_out.contains(name));
        if train.is_empty() || test.is_empty() {
            let why = format!(
                "PredefinedSplit by `{}` with the test value `{}` (it has: {}), for each side,",
                self.column,
                self.test,
                names.iter().take(10).map(String::as_str).collect::<Vec<_>>().join(", ")
            );
            return Err(Error::too_few_rows(1, 0, why));
        }
        Ok((train, test))
    }
}

/// The folds that a column spells out: one per distinct value, ascending.
///
/// * `column`, required: the fold in which a row is validated on. A row without one (missing, or −1) is trained on in
///   every fold.
///
/// **Input**: a column of categories. **Output**: a fold per value. **Cost**: O(n·k). **Errors**: no value, or more than 10,000; a
/// single fold that has all rows.
///
/// ```
/// use mlsys_core::{Coded, arrow::array::Int64Array};
///
/// let numbers = Coded::new("fold", &Int64Array::from(vec![0, 1, -1, 1]))?;
/// let folds = mlsys_sampling::predefined_folds(&numbers)?;
/// assert_eq!((folds[0].train(), folds[0].validation()), ([1, 2, 3].as_slice(), [0].as_slice()));
/// assert_eq!((folds[1].train(), folds[1].validation()), ([0, 2].as_slice(), [1, 3].as_slice()));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when the column stays a feature: ignore it. Equals scikit-learn's `PredefinedSplit` row for row.
/// **Instead**: [`KFold`](crate::KFold) when no one has decided yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a splitter does nothing until it splits"]
pub struct PredefinedFolds {
    column: String,
}

impl PredefinedFolds {
    /// The column that says the fold.
    pub fn new(column: impl Into<String>) -> Self {
        Self { column: column.into() }
    }
}

/// The folds of these numbers: [`PredefinedFolds`] without a dataset.
///
/// # Errors
///
/// As [`PredefinedFolds`].
pub fn predefined_folds(folds: &Coded) -> Result<Vec<Fold>> {
    let folds = folds.clone().sorted();
    if folds.distinct.len() > MOST_FOLDS {
        let expected = format!("at most {MOST_FOLDS} distinct ones, since each fold lists its rows");
        return Err(Error::invalid_value("folds", None, folds.distinct.len(), expected));
    }
    let never = folds.distinct.iter().position(|value| *value == Category::Int(-1)).map(|code| code as u32);
    let validated = (0..folds.distinct.len() as u32).filter(|&code| Some(code) != never);
    let fold = |code: u32| {
        let (validation, train) = (0..folds.len()).partition(|&row| folds.codes[row] == code);
        Fold::new(train, validation)
    };
    let found = validated.map(fold).collect::<Result<Vec<_>>>()?;
    if found.is_empty() {
        return Err(Error::too_few_rows(1, 0, "PredefinedFolds: rows that have a fold, which"));
    }
    Ok(found)
}

impl Folds for PredefinedFolds {
    fn folds(&self, train: &Dataset<Train>) -> Result<Vec<Fold>> {
        predefined_folds(&Coded::new(&self.column, train.column(&self.column)?)?)
    }
}

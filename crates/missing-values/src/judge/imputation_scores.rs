//! How imputers did on hidden cells.

use std::fmt;
use std::sync::Arc;

use mlsys_core::Result;
use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt64Array};

/// How an imputer did on the hidden cells of a column.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ImputationScore {
    /// The imputer, by the name that the trial was given.
    pub imputer: String,
    /// The column.
    pub column: String,
    /// How many known cells were hidden, over all repeats.
    pub hidden: usize,
    /// How many of them are still missing; the scores are of the others.
    pub left: usize,
    /// The root of the mean squared error, in the unit of the column; none for categories, or when nothing was filled.
    pub rmse: Option<f64>,
    /// `rmse` by the standard deviation of the true values; none for categories and where they do not vary.
    pub nrmse: Option<f64>,
    /// The proportion of values that are filled in falsely; none for numbers.
    pub pfc: Option<f64>,
    /// How far the distribution of what is filled in is from that of the true values: the Wasserstein distance in standard
    /// deviations, or half the sum of differences of shares (from 0 to 1).
    pub distance: Option<f64>,
}

/// How an imputer did on all columns: means of the scores that its columns have.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ImputerSummary {
    /// The imputer.
    pub imputer: String,
    /// How many known cells were hidden.
    pub hidden: usize,
    /// How many of them are still missing.
    pub left: usize,
    /// The mean over numeric columns.
    pub nrmse: Option<f64>,
    /// The mean over the other columns.
    pub pfc: Option<f64>,
    /// The mean over all columns.
    pub distance: Option<f64>,
}

/// What [`ImputationTrial`](crate::ImputationTrial) found: a row per imputer and column, in the order in which they were given. It
/// prints as a table.
#[derive(Debug, Clone, PartialEq)]
pub struct ImputationScores {
    pub(super) scores: Vec<ImputationScore>,
}

impl ImputationScores {
    /// All of them, imputer by imputer.
    pub fn scores(&self) -> &[ImputationScore] {
        &self.scores
    }

    /// How an imputer did on a column.
    pub fn of(&self, imputer: &str, column: &str) -> Option<&ImputationScore> {
        self.scores.iter().find(|score| score.imputer == imputer && score.column == column)
    }

    /// How each imputer did, in the order in which they were given.
    pub fn by_imputer(&self) -> Vec<ImputerSummary> {
        let of_imputer = |own: &[ImputationScore]| {
            let mean = |value: fn(&ImputationScore) -> Option<f64>| {
                let values: Vec<f64> = own.iter().filter_map(value).collect();
                (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
            };
            ImputerSummary {
                imputer: own[0].imputer.clone(),
                hidden: own.iter().map(|score| score.hidden).sum(),
                left: own.iter().map(|score| score.left).sum(),
                nrmse: mean(|score| score.nrmse),
                pfc: mean(|score| score.pfc),
                distance: mean(|score| score.distance),
            }
        };
        self.scores.chunk_by(|a, b| a.imputer == b.imputer).map(of_imputer).collect()
    }

    /// As a table: `imputer`, `column`, `hidden`, `left`, `rmse`, `nrmse`, `pfc`, `distance`.
    ///
    /// # Errors
    ///
    /// Arrow's own.
    pub fn to_batch(&self) -> Result<RecordBatch> {
        let rows = &self.scores;
        let text = |value: fn(&ImputationScore) -> &String| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(rows.iter().map(value)))
        };
        let count = |value: fn(&ImputationScore) -> usize| -> ArrayRef {
            Arc::new(UInt64Array::from_iter_values(rows.iter().map(|score| value(score) as u64)))
        };
        let number = |value: fn(&ImputationScore) -> Option<f64>| -> ArrayRef {
            Arc::new(Float64Array::from_iter(rows.iter().map(value)))
        };
        let columns = [
            ("imputer", text(|score| &score.imputer), false),
            ("column", text(|score| &score.column), false),
            ("hidden", count(|score| score.hidden), false),
            ("left", count(|score| score.left), false),
            ("rmse", number(|score| score.rmse), true),
            ("nrmse", number(|score| score.nrmse), true),
            ("pfc", number(|score| score.pfc), true),
            ("distance", number(|score| score.distance), true),
        ];
        Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
    }
}

impl fmt::Display for ImputationScores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |x: Option<f64>| x.map_or_else(String::new, |x| format!("{x:.4}"));
        let row = |score: &ImputationScore| {
            [
                score.imputer.clone(),
                score.column.clone(),
                score.hidden.to_string(),
                score.left.to_string(),
                number(score.rmse),
                number(score.nrmse),
                number(score.pfc),
                number(score.distance),
            ]
        };
        let overall = |summary: ImputerSummary| {
            [
                summary.imputer,
                "(all)".into(),
                summary.hidden.to_string(),
                summary.left.to_string(),
                String::new(),
                number(summary.nrmse),
                number(summary.pfc),
                number(summary.distance),
            ]
        };
        let title = ["imputer", "column", "hidden", "left", "rmse", "nrmse", "pfc", "distance"];
        let rows: Vec<[String; 8]> = [title.map(str::to_owned)]
            .into_iter()
            .chain(self.scores.iter().map(row))
            .chain(self.by_imputer().into_iter().map(overall))
            .collect();
        let width = |place: usize| rows.iter().map(|row| row[place].chars().count()).max().unwrap_or(0);
        for row in &rows {
            let mut line = String::new();
            for (place, cell) in row.iter().enumerate() {
                let width = width(place);
                // Names to the left, numbers to the right.
                line += &if place < 2 { format!("{cell:width$}  ") } else { format!("{cell:>width$}  ") };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

//! What each column tells of the target, in several measures.

use std::fmt;

use mlsys_core::{Dataset, Partition, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::encoded::{Encoded, FOLDS, encode, encode_features, folds, take};
use super::label::Label;
use super::power::{ClassCounts, NumberSums, predictive_power_score_of_numbers};

/// What a column tells of the target by itself.
///
/// A number of up to 4,096 values that have three rows each (or of up to 8 values) keeps them, one of more is cut into at most 256 bins of equal
/// frequency; texts are their values; what is missing is a value too. Each measure but the last two is judged on rows that it was not learned from (four folds, by place), so that a
/// column of names tells nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ColumnPower {
    /// The column; of a set, its columns joined by ` & `.
    pub column: String,
    /// How many values or bins it has.
    pub values: usize,
    /// How many rows have none.
    pub missing: usize,
    /// [The area under the ROC curve](crate::power::out_of_fold_auc) for a target of classes; of more than two, the mean over classes
    /// by their shares.
    pub auc: Option<f64>,
    /// [The share of squares explained](crate::power::out_of_fold_r2) for a target of numbers.
    pub r2: Option<f64>,
    /// [The predictive power score](crate::power::predictive_power_score).
    pub power_score: f64,
    /// Which share of the errors of the most frequent class is left; 0 when the column is the label. `None` for numbers.
    pub errors_left: Option<f64>,
    /// The mutual information in nats, over all rows; of few rows and many values it is large by chance.
    pub mutual_information: Option<f64>,
    /// [The information value](mlsys_stats::association::information_value) for two classes, over all rows; above 0.5, by custom, suspect.
    pub information_value: Option<f64>,
}

impl ColumnPower {
    /// AUC or R²: the measure that audits go by.
    pub fn strength(&self) -> f64 {
        self.auc.or(self.r2).unwrap_or_default()
    }
}

/// What each feature of a dataset tells of its target: the strongest first.
///
/// **Input**: one target, of classes (text, booleans, numbers of up to 20 values) or numbers; rows without it are left out. Features of any
/// flat type; nested ones are left out. **Output**: a [`ColumnPower`] each. **Complexity**: O(n) a column, and a sort for measures of
/// medians. **Errors**: [`MissingRole`](mlsys_core::ErrorKind::MissingRole) without a single target or without features,
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) below two rows with a target, [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for an
/// infinite target.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, arrow::array::{BooleanArray, Int64Array, RecordBatch}};
/// use mlsys_leakage::ColumnPowers;
///
/// let late: BooleanArray = (0..400).map(|row| Some(row % 3 == 0)).collect();
/// let delay = Int64Array::from_iter_values((0..400).map(|row| if row % 3 == 0 { 20 + row % 7 } else { row % 14 }));
/// let hour = Int64Array::from_iter_values((0..400).map(|row| row / 7 % 24));
/// let batch = RecordBatch::try_from_iter([
///     ("late", Arc::new(late) as _), ("delay", Arc::new(delay) as _), ("hour", Arc::new(hour) as _),
/// ])?;
/// let powers = ColumnPowers::of(&Dataset::new(batch)?.target("late")?)?;
/// assert_eq!(powers.columns[0].column, "delay");
/// assert_eq!(powers.columns[0].auc, Some(1.0));
/// assert_eq!(powers.columns[0].errors_left, Some(0.0));
/// assert!(powers.columns[1].auc < Some(0.6));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where columns tell only together: see [`ColumnPowers::of_set`], and the audit, which looks at all pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnPowers {
    /// The target.
    pub target: String,
    /// How many rows were judged by.
    pub rows: usize,
    /// The features, the strongest first.
    pub columns: Vec<ColumnPower>,
}

/// What a column adds to others. Made by [`ColumnPowers::given`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConditionalPower {
    /// The column by itself.
    pub alone: ColumnPower,
    /// The others without it.
    pub others: ColumnPower,
    /// All of them.
    pub together: ColumnPower,
}

impl ConditionalPower {
    /// The strength that it adds to the others; below 0 where combinations are too rare to be learned.
    pub fn added(&self) -> f64 {
        self.together.strength() - self.others.strength()
    }
}

/// Who asks, in messages.
const NAME: &str = "ColumnPowers";

impl ColumnPowers {
    /// The power of each feature.
    ///
    /// # Errors
    ///
    /// See [`ColumnPowers`].
    pub fn of<P: Partition>(data: &Dataset<P>) -> Result<Self> {
        let encoded = encode_features::<P, P>(data, None, NAME)?;
        let (target, label, known) = known(data)?;
        let mut columns = powers(&encoded, &label, &known);
        columns.sort_by(|a, b| b.strength().total_cmp(&a.strength()).then_with(|| a.column.cmp(&b.column)));
        Ok(Self { target, rows: known.len(), columns })
    }

    /// What each column weighs, 0 where it tells nothing: twice the AUC above one half, or R²; what a
    /// [`ColumnWatch`](crate::ColumnWatch) compares.
    pub fn weights(&self) -> Vec<(String, f64)> {
        let weight = |c: &ColumnPower| match c.auc {
            Some(auc) => (2.0 * auc - 1.0).max(0.0),
            None => c.strength().max(0.0),
        };
        self.columns.iter().map(|c| (c.column.clone(), weight(c))).collect()
    }

    /// What a column adds to others: how strong they are together, by themselves, and the column alone.
    ///
    /// As sets: each combination of levels is one, so that others of few values are meant.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use mlsys_core::{Dataset, arrow::array::{BooleanArray, Int64Array, RecordBatch}};
    /// use mlsys_leakage::ColumnPowers;
    ///
    /// // Yes where two coins differ: neither tells anything alone.
    /// let coin = |by: i64| Arc::new(Int64Array::from_iter_values((0..4_000).map(|row| row * by / 7 % 2))) as _;
    /// let differ: BooleanArray = (0..4_000i64).map(|row| Some(row * 3 / 7 % 2 != row * 5 / 7 % 2)).collect();
    /// let batch = RecordBatch::try_from_iter([("a", coin(3)), ("b", coin(5)), ("differ", Arc::new(differ) as _)])?;
    /// let given = ColumnPowers::given(&Dataset::new(batch)?.target("differ")?, "a", &["b"])?;
    /// assert!(given.alone.strength() < 0.6 && given.others.strength() < 0.6);
    /// assert_eq!(given.together.auc, Some(1.0));
    /// # Ok::<(), mlsys_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`of_set`](Self::of_set).
    pub fn given<P: Partition>(data: &Dataset<P>, column: &str, others: &[&str]) -> Result<ConditionalPower> {
        let all: Vec<&str> = others.iter().copied().chain([column]).collect();
        Ok(ConditionalPower {
            alone: Self::of_set(data, &[column])?,
            others: Self::of_set(data, others)?,
            together: Self::of_set(data, &all)?,
        })
    }

    /// The power of some columns taken together: each combination of their levels is a level. Take few columns of few values: combinations
    /// that are rare tell nothing.
    ///
    /// # Errors
    ///
    /// See [`ColumnPowers`]; [`MissingColumn`](mlsys_core::ErrorKind::MissingColumn).
    pub fn of_set<P: Partition>(data: &Dataset<P>, columns: &[&str]) -> Result<ColumnPower> {
        let (_, label, known) = known(data)?;
        let (encoded, without) = encode::<P, P>(columns, data, None)?;
        if let Some(name) = without.first() {
            let found = data.column(name)?.data_type().clone();
            return Err(mlsys_core::Error::column_type(name, "flat", found));
        }
        let mut rows: Vec<Vec<u32>> = vec![Vec::with_capacity(encoded.len()); known.len()];
        for column in &encoded {
            rows.iter_mut().zip(&known).for_each(|(row, &at)| row.push(column.train[at as usize]));
        }
        let mut distinct = rows.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let codes: Vec<u32> =
            rows.iter().map(|row| distinct.binary_search(row).unwrap_or_default() as u32).collect();
        let missing = known.iter().filter(|&&row| {
            encoded.iter().any(|column| column.train[row as usize] == column.levels.missing())
        });
        let name = columns.join(" & ");
        let of = power(&codes, distinct.len(), &label, &folds(known.len()));
        Ok(ColumnPower { column: name, values: distinct.len(), missing: missing.count(), ..of })
    }
}

/// The target's name, what is known of it, and of which rows.
fn known<P: Partition>(data: &Dataset<P>) -> Result<(String, Label, Vec<u32>)> {
    let target = data.layout().target(NAME)?.to_owned();
    let label = Label::new(data, NAME)?;
    let known = label.known();
    if known.len() < 2 {
        let why = format!("{NAME}: rows with a known `{target}`");
        return Err(mlsys_core::Error::too_few_rows(2, known.len(), why));
    }
    Ok((target, label.take(&known), known))
}

/// The power of each column for a label that is known of these rows.
pub(crate) fn powers(encoded: &[Encoded], label: &Label, known: &[u32]) -> Vec<ColumnPower> {
    let folds = folds(known.len());
    let all = |column: &Encoded| {
        let levels = take(&column.train, known);
        let missing = levels.iter().filter(|&&level| level == column.levels.missing()).count();
        let of = power(&levels, column.levels.n_levels(), label, &folds);
        ColumnPower { column: column.name.clone(), values: column.levels.n_values(), missing, ..of }
    };
    encoded.par_iter().map(all).collect()
}

fn power(levels: &[u32], n_levels: usize, label: &Label, folds: &[u8]) -> ColumnPower {
    let empty = ColumnPower {
        column: String::new(),
        values: n_levels,
        missing: 0,
        auc: None,
        r2: None,
        power_score: 0.0,
        errors_left: None,
        mutual_information: None,
        information_value: None,
    };
    match label {
        Label::Classes { codes, n_classes, .. } => {
            let counts = ClassCounts::new(levels, n_levels, codes, *n_classes, folds, FOLDS);
            let (power_score, left) = counts.score();
            ColumnPower {
                auc: counts.mean_auc(|class| counts.auc(class)),
                power_score,
                errors_left: Some(left),
                mutual_information: counts.mutual_information().ok(),
                information_value: counts.information_value(),
                ..empty
            }
        }
        Label::Numbers(values) => {
            let sums = NumberSums::new(levels, n_levels, values, folds, FOLDS);
            let score = predictive_power_score_of_numbers(levels, values, folds).unwrap_or_default();
            ColumnPower { r2: sums.r2(levels, values, folds), power_score: score, ..empty }
        }
    }
}

/// Columns that a page shows.
const SHOWN: usize = 40;

impl fmt::Display for ColumnPowers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.columns[..self.columns.len().min(SHOWN)];
        let width = shown.iter().map(|c| c.column.chars().count()).max().unwrap_or(0).max(6);
        let classes = shown.iter().any(|column| column.auc.is_some());
        let measure = if classes { "AUC" } else { "R2" };
        writeln!(f, "What each column tells of {}, by {} rows", self.target, self.rows)?;
        writeln!(
            f,
            "  {:width$}  {measure:>6}  {:>6}  {:>6}  {:>6}  {:>8}  {:>7}",
            "column", "PPS", "nats", "IV", "missing", "values"
        )?;
        let number = |x: Option<f64>| x.map_or("-".into(), |x| format!("{x:.4}"));
        for c in shown {
            writeln!(
                f,
                "  {:width$}  {:>6}  {:>6}  {:>6}  {:>6}  {:>8}  {:>7}",
                c.column,
                number(c.auc.or(c.r2)),
                number(Some(c.power_score)),
                number(c.mutual_information),
                number(c.information_value),
                c.missing,
                c.values
            )?;
        }
        if self.columns.len() > SHOWN {
            writeln!(f, "  and {} weaker ones", self.columns.len() - SHOWN)?;
        }
        Ok(())
    }
}

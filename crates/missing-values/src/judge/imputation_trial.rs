//! Hiding known cells, and how well imputers find them.

use std::collections::BTreeMap;

use mlsys_core::arrow::array::{Array, ArrayRef};
use mlsys_core::{
    BoxedStep, Category, Coded, Dataset, Error, FitTransform, Kind, Progress, Result, Step, Train, column,
    seed, silent,
};
use serde::{Deserialize, Serialize};

use super::imputation_scores::{ImputationScore, ImputationScores};
use crate::{Ampute, AmputeBy};

const NAME: &str = "ImputationTrial";

/// Hides known cells, lets imputers fill them, and compares what they fill with what was there.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `columns` | the features that have values | | where cells are hidden |
/// | `share` | 0.1 | above 0, below 1 | the expected share of the known cells of a column that are hidden at once |
/// | `by` | [`Mcar`](AmputeBy::Mcar) | | what decides which, as in [`Ampute`] |
/// | `strength` | 2 | above 0 | as in [`Ampute`] |
/// | `repeats` | 3 | 1 or more | how often other cells are hidden; scores are over all of them |
/// | `seed` | 0 | | of what is hidden |
///
/// **Input**: training rows, gaps and all (but columns that decide on others must be complete), and imputers by name: any step or chain of steps that keeps the rows and the names of
/// the columns, as a [`BoxedStep`]. All of them see the same cells hidden. An imputer with a seed draws as it would anyway. Row
/// weights are for the imputers; every hidden cell counts once.
/// **Output**: [`ImputationScores`], with a row per imputer and column:
///
/// ```text
/// numbers:     rmse = √ mean (x̂ - x)²       nrmse = rmse / s       distance = W₁(x̂, x) / s
/// all others:  pfc = share of x̂ ≠ x         distance = ½ Σ_c |p̂_c - p_c|
/// ```
/// over the hidden cells that were filled; s is the standard deviation (n - 1) of their true values, W₁ the first Wasserstein distance, p
/// the share of a value. The nrmse of the mean is about 1, a draw from the column itself has √2 and a distance of about 0.
///
/// **Cost**: `repeats` fits of each imputer.
/// **Errors**: [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter), also for names that occur twice; those of [`Ampute`]
/// and of the imputers, with the name of the imputer; [`Shape`](mlsys_core::ErrorKind::Shape) for one that changes the rows.
///
/// ```
/// use mlsys_core::{Dataset, Fit, arrow::array::{Float64Array, RecordBatch}};
/// use mlsys_missing_values::{ImputationTrial, IterativeImputer, MeanImputer};
/// use std::sync::Arc;
///
/// let column = |f: fn(f64) -> f64| Arc::new(Float64Array::from_iter_values((0..200).map(f64::from).map(f))) as _;
/// let rows = RecordBatch::try_from_iter([("x", column(|t| t)), ("y", column(|t| 2.0 * t + t.sin()))])?;
/// let train = Dataset::new(rows)?.into_train_all();
/// let scores = ImputationTrial::new().run(
///     &train,
///     [("mean", MeanImputer::new().boxed_step()), ("regression", IterativeImputer::new().boxed_step())],
/// )?;
/// let nrmse = |imputer| scores.of(imputer, "y").and_then(|score| score.nrmse).unwrap_or(f64::NAN);
/// // Near 1 by the mean; a regression errs where both are hidden.
/// assert!((nrmse("mean") - 1.0).abs() < 0.1 && nrmse("regression") < 0.3, "{scores}");
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where what is missing differs from what is known: cells hidden at random say how an imputer does at random. Hide as
/// you believe that they went missing (`by`). A low rmse rewards predictions, which vary too little; the distance shows it.
///
/// The errors are those of Daniel Stekhoven, Peter Bühlmann, *MissForest: non-parametric missing value imputation for mixed-type data*,
/// 2012, by column rather than over all of them at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "it does nothing until it is run"]
pub struct ImputationTrial {
    columns: Option<Vec<String>>,
    share: f64,
    by: AmputeBy,
    strength: f64,
    repeats: usize,
    seed: u64,
}

impl Default for ImputationTrial {
    fn default() -> Self {
        Self {
            columns: None,
            share: 0.1,
            by: AmputeBy::Mcar,
            strength: 2.0,
            repeats: 3,
            seed: seed::DEFAULT_SEED,
        }
    }
}

impl ImputationTrial {
    /// Three times a tenth of each column's cells.
    pub fn new() -> Self {
        Self::default()
    }

    /// The columns in which cells are hidden.
    pub fn columns<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.columns = Some(columns.into_iter().map(Into::into).collect());
        self
    }

    /// The expected share of a column's known cells that are hidden.
    pub fn share(mut self, share: f64) -> Self {
        self.share = share;
        self
    }

    /// What decides which cells are hidden.
    pub fn by(mut self, by: AmputeBy) -> Self {
        self.by = by;
        self
    }

    /// How steeply the chance to be hidden rises with what decides.
    pub fn strength(mut self, strength: f64) -> Self {
        self.strength = strength;
        self
    }

    /// How often cells are hidden.
    pub fn repeats(mut self, repeats: usize) -> Self {
        self.repeats = repeats;
        self
    }

    /// The seed of what is hidden.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Scores each imputer on each column.
    ///
    /// # Errors
    ///
    /// See the type.
    pub fn run<S: Into<String>>(
        &self,
        train: &Dataset<Train>,
        imputers: impl IntoIterator<Item = (S, BoxedStep)>,
    ) -> Result<ImputationScores> {
        self.run_with(train, imputers, &mut silent)
    }

    /// As [`run`](Self::run), and tells `progress` of each table that was filled: one per repeat and imputer.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), and [`Cancelled`](mlsys_core::ErrorKind::Cancelled).
    pub fn run_with<S: Into<String>>(
        &self,
        train: &Dataset<Train>,
        imputers: impl IntoIterator<Item = (S, BoxedStep)>,
        progress: &mut dyn Progress,
    ) -> Result<ImputationScores> {
        let imputers: Vec<(String, BoxedStep)> =
            imputers.into_iter().map(|(name, step)| (name.into(), step)).collect();
        let bad = |name, value: String, expected| Err(Error::invalid_parameter(NAME, name, value, expected));
        if self.repeats == 0 {
            return bad("repeats", "0".into(), "1 or more");
        }
        if imputers.is_empty() {
            return bad("imputers", "none".into(), "one or more");
        }
        let mut names: Vec<&str> = imputers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return bad("imputers", format!("`{}` twice", pair[0]), "names that differ");
        }
        let columns = match &self.columns {
            Some(columns) => columns.clone(),
            None => filled_features(train)?,
        };
        let mut cells: BTreeMap<(usize, usize), Cells> = BTreeMap::new();
        for repeat in 0..self.repeats {
            let holes = Ampute::new(columns.clone())
                .share(self.share)
                .by(self.by.clone())
                .strength(self.strength)
                // Seeds of neighbouring repeats must not be those of neighbouring trials.
                .seed(mlsys_core::hash::hash_u64(repeat as u64, self.seed))
                .apply(train)
                .map_err(|e| e.context("hiding known cells"))?;
            for (i, (name, step)) in imputers.iter().enumerate() {
                let context = |e: Error| e.context(format!("imputer `{name}`"));
                let filled = fill(step, &holes).map_err(context)?;
                for (j, column) in columns.iter().enumerate() {
                    let cells =
                        cells.entry((i, j)).or_insert_with(|| Cells::new(train.layout().kind(column).ok()));
                    let arrays = [train, &holes, &filled].map(|data| data.column(column));
                    let [truth, hidden, filled] = arrays;
                    cells.add(column, truth?, hidden?, filled.map_err(context)?).map_err(context)?;
                }
                let done = repeat * imputers.len() + i + 1;
                Step::new(done, self.repeats.saturating_mul(imputers.len()), "tables")
                    .tell(progress, "judging imputers")?;
            }
        }
        let score = |((i, j), cells): ((usize, usize), Cells)| cells.score(&imputers[i].0, &columns[j]);
        Ok(ImputationScores { scores: cells.into_iter().map(score).collect::<Result<_>>()? })
    }
}

/// The features with a value that can be hidden.
fn filled_features(train: &Dataset<Train>) -> Result<Vec<String>> {
    let mut columns = Vec::new();
    for name in train.features() {
        let array = train.column(name)?;
        let missing = column::missing(name, array)?.map_or(0, |valid| valid.null_count());
        if train.layout().kind(name)? != Kind::Other && missing < array.len() {
            columns.push(name.to_owned());
        }
    }
    Ok(columns)
}

fn fill(step: &BoxedStep, holes: &Dataset<Train>) -> Result<Dataset<Train>> {
    let (_, filled) = step.fit_transform(holes.clone())?;
    if filled.row_ids() != holes.row_ids() {
        let expected = format!("the {} rows that went in", holes.n_rows());
        return Err(Error::shape("filled table", expected, format!("{} others", filled.n_rows())));
    }
    Ok(filled)
}

/// The hidden cells of a column, and what one imputer made of them.
enum Cells {
    Numbers { hidden: usize, truth: Vec<f64>, filled: Vec<f64> },
    Categories { hidden: usize, truth: Vec<Category>, filled: Vec<Category> },
}

impl Cells {
    fn new(kind: Option<Kind>) -> Self {
        match kind.is_some_and(Kind::is_number) {
            true => Self::Numbers { hidden: 0, truth: Vec::new(), filled: Vec::new() },
            false => Self::Categories { hidden: 0, truth: Vec::new(), filled: Vec::new() },
        }
    }

    /// Adds the cells that `truth` has and `holes` has not.
    fn add(&mut self, name: &str, truth: &ArrayRef, holes: &ArrayRef, filled: &ArrayRef) -> Result<()> {
        let known = column::missing(name, truth)?;
        let left = column::missing(name, holes)?;
        let is_hidden = |row: usize| {
            known.as_ref().is_none_or(|valid| valid.is_valid(row))
                && left.as_ref().is_some_and(|valid| valid.is_null(row))
        };
        let rows: Vec<usize> = (0..truth.len()).filter(|&row| is_hidden(row)).collect();
        match self {
            Self::Numbers { hidden, truth: known, filled: found } => {
                *hidden += rows.len();
                let (truth, filled) =
                    (column::floats(name, truth)?, column::finite_or_missing(name, filled)?);
                for row in rows.into_iter().filter(|&row| !filled[row].is_nan()) {
                    known.push(truth[row]);
                    found.push(filled[row]);
                }
            }
            Self::Categories { hidden, truth: known, filled: found } => {
                *hidden += rows.len();
                let (truth, filled) = (Coded::new(name, truth)?, Coded::new(name, filled)?);
                let pairs = rows.into_iter().filter_map(|row| truth.value(row).zip(filled.value(row)));
                for (truth, filled) in pairs {
                    known.push(truth.clone());
                    // Imputers of numbers fill booleans with 0 and 1, or with something between.
                    found.push(match (truth, filled.as_f64()) {
                        (Category::Bool(_), Some(x)) if x == 0.0 || x == 1.0 => Category::Bool(x == 1.0),
                        _ => filled.clone(),
                    });
                }
            }
        }
        Ok(())
    }

    fn score(self, imputer: &str, column: &str) -> Result<ImputationScore> {
        let none = ImputationScore {
            imputer: imputer.into(),
            column: column.into(),
            hidden: 0,
            left: 0,
            rmse: None,
            nrmse: None,
            pfc: None,
            distance: None,
        };
        match self {
            Self::Numbers { hidden, truth, filled } => {
                let score = ImputationScore { hidden, left: hidden - truth.len(), ..none };
                if truth.is_empty() {
                    return Ok(score);
                }
                let n = truth.len() as f64;
                let mean = truth.iter().sum::<f64>() / n;
                let squares = truth.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>();
                let deviation = (squares / (n - 1.0)).sqrt();
                let error = truth.iter().zip(&filled).map(|(x, y)| (y - x) * (y - x)).sum::<f64>();
                let rmse = (error / n).sqrt();
                // Rounding alone does not make a constant vary.
                let scale = (deviation > 1e-14 * mean.abs()).then_some(deviation);
                let moved = mlsys_stats::distance::wasserstein(&truth, &filled, None, None)?;
                Ok(ImputationScore {
                    rmse: Some(rmse),
                    nrmse: scale.map(|scale| rmse / scale),
                    distance: scale.map(|scale| moved / scale),
                    ..score
                })
            }
            Self::Categories { hidden, truth, filled } => {
                let score = ImputationScore { hidden, left: hidden - truth.len(), ..none };
                if truth.is_empty() {
                    return Ok(score);
                }
                let n = truth.len() as f64;
                let wrong = truth.iter().zip(&filled).filter(|(x, y)| x != y).count() as f64;
                let mut counts: BTreeMap<&Category, f64> = BTreeMap::new();
                truth.iter().for_each(|value| *counts.entry(value).or_default() += 1.0);
                filled.iter().for_each(|value| *counts.entry(value).or_default() -= 1.0);
                let apart = counts.values().map(|count| count.abs()).sum::<f64>();
                Ok(ImputationScore { pfc: Some(wrong / n), distance: Some(apart / n / 2.0), ..score })
            }
        }
    }
}

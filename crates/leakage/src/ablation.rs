//! What a model loses without each column.

use std::sync::Arc;

use mlsys_core::arrow::array::{Array, Float64Array, RecordBatch};
use mlsys_core::ndarray::Array2;
use mlsys_core::{
    Dataset, Direction, Error, ErrorKind, Fit, Folds, Kind, Metric, Predict, PredictProba, Prediction,
    Probabilities, Progress, Result, Step, Train, Validation, first_error, silent,
};
use rayon::prelude::*;

use crate::{Finding, LeakKind, LeakageReport, Severity};

const NAME: &str = "Ablation";

/// Fits a recipe with all columns and without each: a column without which most of the skill is gone knows too much.
///
/// loss = mean over folds of score(all) − score(without); share = loss / (score(all) − score of the zero rule); all with the sign that
/// makes more better.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `recipe` | | any `Fit` | what is fitted |
/// | `metric` | | any [`Metric`] | what a loss is |
/// | `sets` | each feature | sets of features | what is left out together |
/// | `share` | 0.5 | above 0, up to 1 | from which share of the skill on a set is suspect |
///
/// **Input**: training rows with a target and folds of them, or training and validation rows; what is left out is
/// [ignored](Dataset::ignore), and keeps any role it has. The zero rule is the share of each class, or, of a model without
/// probabilities, the mean or the most frequent class. **Output**: an [`AblationReport`], the largest loss first. Its
/// [`report`](AblationReport::report) has a finding [`Ablation`](LeakKind::Ablation), a suspect, for each set whose share is above
/// `share` and whose loss is above two standard errors. A set without which the recipe cannot be fitted, such as the only column, is
/// listed with the error. **Complexity**: a fit a fold and set; folds in parallel. [`run_with`](Self::run_with) tells how far it is, and
/// can be cancelled. **Errors**: the recipe's and the metric's own with all columns; a set that is empty, or names no feature.
///
/// ```
/// # use mlsys_core::arrow::array::ArrayRef;
/// # use mlsys_core::{Artifact, Direction, Estimate, Fit, Folds, Fold, Metric, Predict, Prediction, Result, Train, column};
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, arrow::array::{Array, Float64Array, RecordBatch}};
/// use mlsys_leakage::Ablation;
/// # // Stand-ins: the sum of all features, and the mean absolute error.
/// # struct Sum;
/// # struct FittedSum(Vec<String>);
/// # impl Artifact for FittedSum {}
/// # impl Fit for Sum {
/// #     type Fitted = FittedSum;
/// #     fn fit(&self, train: &Dataset<Train>) -> Result<FittedSum> {
/// #         Ok(FittedSum(train.features().into_iter().map(str::to_owned).collect()))
/// #     }
/// # }
/// # impl Predict for FittedSum {
/// #     fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
/// #         let mut sum = vec![0.0; batch.num_rows()];
/// #         for name in &self.0 {
/// #             let values = column::floats(name, column::find(batch, name)?)?;
/// #             sum.iter_mut().zip(values.iter()).for_each(|(sum, x)| *sum += x);
/// #         }
/// #         Ok(Arc::new(Float64Array::from(sum)))
/// #     }
/// # }
/// # struct MeanAbsoluteError;
/// # impl Metric for MeanAbsoluteError {
/// #     fn name(&self) -> String { "mean absolute error".into() }
/// #     fn direction(&self) -> Direction { Direction::Minimize }
/// #     fn score(&self, truth: &dyn Array, prediction: &Prediction, _: Option<&[f64]>) -> Result<Estimate> {
/// #         let (a, b) = (column::floats("y", truth)?, column::floats("p", prediction.labels())?);
/// #         Ok(Estimate::point(a.iter().zip(b.iter()).map(|(a, b)| (a - b).abs()).sum::<f64>() / a.len() as f64))
/// #     }
/// # }
/// # struct Halves;
/// # impl Folds for Halves {
/// #     fn folds(&self, train: &Dataset<Train>) -> Result<Vec<Fold>> {
/// #         Fold::each(&(0..train.n_rows() as u32).map(|row| row % 2).collect::<Vec<_>>(), 2)
/// #     }
/// # }
///
/// let column = |scale: f64| Arc::new(Float64Array::from_iter_values((0..20).map(|row| scale * f64::from(row % 5)))) as _;
/// let batch = RecordBatch::try_from_iter([("weak", column(0.1)), ("strong", column(0.9)), ("y", column(1.0))])?;
/// let train = Dataset::new(batch)?.target("y")?.into_train_all();
/// let report = Ablation::by_predictions(Sum, MeanAbsoluteError).run(&train, &Halves)?;
/// assert_eq!(report.removed[0].columns, ["strong"]);
/// assert_eq!(report.report().findings()[0].columns, ["strong"]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: two columns that leak the same hide each other, since either is enough: leave them out as a set. One honest column may
/// carry most of the skill where the others are weak.
///
/// Covert, Lundberg and Lee, *Explaining by removing: a unified framework for model explanation*, 2021: leaving out, with models fitted
/// anew. **Instead**: [`LeakageAudit`](crate::LeakageAudit) looks at columns without a model, in a fraction of the time.
#[must_use = "an audit does nothing until it is run"]
pub struct Ablation<R: Fit, M> {
    recipe: R,
    metric: M,
    sets: Option<Vec<Vec<String>>>,
    share: f64,
    predict: fn(&R::Fitted, &RecordBatch) -> Result<Prediction>,
}

/// What a model scores with all columns, and without some.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AblationReport {
    /// The metric.
    pub metric: String,
    /// Whether more is better.
    pub direction: Direction,
    /// The score with all columns: the mean over folds.
    pub score: f64,
    /// The score of the zero rule; `None` where the metric has none of it.
    pub zero_rule: Option<f64>,
    /// What was left out, the largest loss first.
    pub removed: Vec<Removed>,
    /// Sets without which nothing could be fitted, and why.
    pub refused: Vec<(Vec<String>, String)>,
    /// From which share on a set is suspect.
    pub share: f64,
}

/// What a model scores without a set of columns.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Removed {
    /// The columns.
    pub columns: Vec<String>,
    /// The score without them.
    pub score: f64,
    /// How much worse that is.
    pub loss: f64,
    /// The standard error of the loss over folds; `None` of one.
    pub standard_error: Option<f64>,
    /// The loss as a share of what all columns give over the zero rule; `None` where they give nothing.
    pub share: Option<f64>,
}

impl<R: Fit<Fitted: PredictProba>, M> Ablation<R, M> {
    /// Of a classifier, judged by its probabilities.
    pub fn new(recipe: R, metric: M) -> Self {
        Self {
            recipe,
            metric,
            sets: None,
            share: 0.5,
            predict: |model, batch| Prediction::proba_of(model, batch),
        }
    }
}

impl<R: Fit<Fitted: Predict>, M> Ablation<R, M> {
    /// Of any model, judged by what it predicts.
    pub fn by_predictions(recipe: R, metric: M) -> Self {
        Self { recipe, metric, sets: None, share: 0.5, predict: |model, batch| Prediction::of(model, batch) }
    }
}

impl<R: Fit, M> Ablation<R, M> {
    /// What is left out together, in place of each feature by itself.
    pub fn sets<S: Into<String>>(
        mut self,
        sets: impl IntoIterator<Item = impl IntoIterator<Item = S>>,
    ) -> Self {
        self.sets = Some(sets.into_iter().map(|set| set.into_iter().map(Into::into).collect()).collect());
        self
    }

    /// From which share of the skill on a set is suspect.
    pub fn share(mut self, share: f64) -> Self {
        self.share = share;
        self
    }
}

type Parts = (Dataset<Train>, Dataset<Validation>);

impl<R: Fit + Sync, M: Metric> Ablation<R, M> {
    /// What the recipe loses, over folds of training rows.
    ///
    /// # Errors
    ///
    /// Those of the type, and of the folds.
    pub fn run(&self, train: &Dataset<Train>, folds: &dyn Folds) -> Result<AblationReport> {
        self.run_with(train, folds, &mut silent)
    }

    /// As [`run`](Self::run), and tells how far it is.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run); [`Cancelled`](ErrorKind::Cancelled).
    pub fn run_with(
        &self,
        train: &Dataset<Train>,
        folds: &dyn Folds,
        progress: &mut dyn Progress,
    ) -> Result<AblationReport> {
        let parts: Vec<Parts> =
            folds.folds(train)?.iter().map(|fold| train.fold(fold)).collect::<Result<_>>()?;
        self.ablate(&parts, progress)
    }

    /// What the recipe loses, fitted on training rows and judged on validation rows.
    ///
    /// # Errors
    ///
    /// Those of the type.
    pub fn run_validated(
        &self,
        train: &Dataset<Train>,
        validation: &Dataset<Validation>,
    ) -> Result<AblationReport> {
        self.run_validated_with(train, validation, &mut silent)
    }

    /// As [`run_validated`](Self::run_validated), and tells how far it is.
    ///
    /// # Errors
    ///
    /// As [`run_validated`](Self::run_validated); [`Cancelled`](ErrorKind::Cancelled).
    pub fn run_validated_with(
        &self,
        train: &Dataset<Train>,
        validation: &Dataset<Validation>,
        progress: &mut dyn Progress,
    ) -> Result<AblationReport> {
        self.ablate(&[(train.clone(), validation.clone())], progress)
    }

    fn ablate(&self, parts: &[Parts], progress: &mut dyn Progress) -> Result<AblationReport> {
        if !(self.share > 0.0 && self.share <= 1.0) {
            return Err(Error::invalid_parameter(NAME, "share", self.share, "above 0, up to 1"));
        }
        let Some((first, _)) = parts.first() else {
            return Err(Error::too_few_rows(1, 0, format!("{NAME}, which goes by folds,")));
        };
        let sets = self.sets_of(first)?;
        let total = 1 + sets.len();
        let tell =
            |done, progress: &mut dyn Progress| Step::new(done, total, "sets").tell(progress, "ablating");
        let whole = self.scores(parts, &[], true)?;
        tell(1, progress)?;
        let zero: Option<Vec<f64>> = whole.iter().map(|(_, zero)| *zero).collect();
        let whole: Vec<f64> = whole.into_iter().map(|(score, _)| score).collect();
        let mut report = AblationReport {
            metric: self.metric.name(),
            direction: self.metric.direction(),
            score: mean(&whole),
            zero_rule: zero.map(|zero| mean(&zero)),
            removed: Vec::new(),
            refused: Vec::new(),
            share: self.share,
        };
        for (done, set) in sets.into_iter().enumerate() {
            match self.scores(parts, &set, false) {
                Ok(scores) => {
                    let scores: Vec<f64> = scores.into_iter().map(|(score, _)| score).collect();
                    report.add(set, &whole, &scores);
                }
                Err(error) if matches!(error.kind(), ErrorKind::Cancelled { .. }) => return Err(error),
                Err(error) => report.refused.push((set, error.to_string())),
            }
            tell(done + 2, progress)?;
        }
        report.removed.sort_by(|a, b| b.loss.total_cmp(&a.loss).then_with(|| a.columns.cmp(&b.columns)));
        Ok(report)
    }

    fn sets_of(&self, train: &Dataset<Train>) -> Result<Vec<Vec<String>>> {
        let mut features: Vec<String> = train.features().into_iter().map(str::to_owned).collect();
        features.sort_unstable();
        let Some(sets) = &self.sets else {
            return Ok(features.into_iter().map(|name| vec![name]).collect());
        };
        for set in sets {
            if set.is_empty() {
                return Err(Error::invalid_parameter(
                    NAME,
                    "sets",
                    "an empty set",
                    "a feature at least in each",
                ));
            }
            for name in set {
                train.column(name)?;
                if features.binary_search(name).is_err() {
                    let value = format!("`{name}` (role {})", train.roles().of(name).name());
                    return Err(Error::invalid_parameter(NAME, "sets", value, "features"));
                }
            }
        }
        Ok(sets.clone())
    }

    /// The score of each fold without these columns, and that of the zero rule where it is asked for.
    fn scores(&self, parts: &[Parts], without: &[String], zero: bool) -> Result<Vec<(f64, Option<f64>)>> {
        let one = |(train, validation): &Parts| -> Result<(f64, Option<f64>)> {
            let model = self.recipe.fit(&train.clone().ignore(without)?)?;
            let prediction = (self.predict)(&model, validation.batch())?;
            let score = self.metric.score_on(validation, &prediction)?.value;
            if !score.is_finite() {
                return Err(Error::invalid_value(&self.metric.name(), None, score, "a finite score"));
            }
            let zero = match zero {
                true => self.zero_rule(train, validation, &prediction).ok().filter(|score| score.is_finite()),
                false => None,
            };
            Ok((score, zero))
        };
        let stage = match without {
            [] => "with all columns".into(),
            set => format!("without {}", set.join(", ")),
        };
        first_error(parts.par_iter().map(one).collect::<Vec<_>>()).map_err(|error| error.context(stage))
    }

    /// The score of what is known without any feature.
    fn zero_rule(
        &self,
        train: &Dataset<Train>,
        validation: &Dataset<Validation>,
        prediction: &Prediction,
    ) -> Result<f64> {
        let rows = validation.n_rows();
        let weights = train.weights()?;
        let weight =
            |row: usize| weights.as_ref().map_or(1.0, |weights| weights.get(row).copied().unwrap_or(0.0));
        let constant = match prediction.probabilities() {
            Some((classes, _)) => {
                let labels = train.labels(NAME)?;
                let mut shares = vec![0.0; classes.n_classes()];
                for row in 0..labels.len() {
                    let class = labels.value(row).and_then(|label| classes.index_of(label));
                    class
                        .and_then(|class| shares.get_mut(class))
                        .into_iter()
                        .for_each(|to| *to += weight(row));
                }
                let all: f64 = shares.iter().sum();
                let p = Array2::from_shape_fn((rows, shares.len()), |(_, class)| {
                    shares.get(class).copied().unwrap_or(0.0) / all
                });
                Prediction::from_probabilities(classes.clone(), Probabilities::new(p)?)?
            }
            None if Kind::of(prediction.labels().data_type()) == Kind::Float => {
                let values = train.target_values(NAME)?;
                let sum: f64 = values.iter().enumerate().map(|(row, y)| weight(row) * y).sum();
                let mean = sum / (0..values.len()).map(weight).sum::<f64>();
                Prediction::from_labels(Arc::new(Float64Array::from(vec![mean; rows])))
            }
            None => {
                let labels = train.labels(NAME)?;
                let mut sums = vec![0.0; labels.distinct.len()];
                for (row, &code) in labels.codes.iter().enumerate() {
                    sums.get_mut(code as usize).into_iter().for_each(|to| *to += weight(row));
                }
                let most = (0..sums.len()).max_by(|&a, &b| sums[a].total_cmp(&sums[b]).then(b.cmp(&a)));
                let classes = mlsys_core::Classes::new(labels.distinct)?;
                Prediction::from_labels(classes.take(std::iter::repeat_n(most.unwrap_or(0), rows)))
            }
        };
        Ok(self.metric.score_on(validation, &constant)?.value)
    }
}

impl AblationReport {
    /// By how much the first score is better.
    fn lead(&self, a: f64, b: f64) -> f64 {
        match self.direction {
            Direction::Maximize => a - b,
            Direction::Minimize => b - a,
        }
    }

    fn add(&mut self, columns: Vec<String>, whole: &[f64], without: &[f64]) {
        let losses: Vec<f64> = whole.iter().zip(without).map(|(&all, &some)| self.lead(all, some)).collect();
        let (k, loss) = (losses.len() as f64, mean(&losses));
        let variance = losses.iter().map(|x| (x - loss) * (x - loss)).sum::<f64>() / (k - 1.0);
        let skill = self.zero_rule.map(|zero| self.lead(self.score, zero)).filter(|&skill| skill > 0.0);
        self.removed.push(Removed {
            columns,
            score: mean(without),
            loss,
            standard_error: (losses.len() > 1).then(|| (variance / k).sqrt()),
            share: skill.map(|skill| loss / skill),
        });
    }

    /// The same as findings.
    pub fn report(&self) -> LeakageReport {
        let mut report = LeakageReport::new();
        report.ran(LeakKind::Ablation);
        for Removed { columns, score, loss, standard_error, share } in &self.removed {
            let Some(share) = share.filter(|share| *share > self.share) else { continue };
            if standard_error.is_some_and(|error| *loss <= 2.0 * error) {
                continue;
            }
            let names: Vec<String> = columns.iter().map(|name| format!("`{name}`")).collect();
            let message = format!(
                "without {} {} is {score:.4} in place of {:.4}: {:.0}% of what the model knows over the zero rule",
                names.join(", "),
                self.metric,
                self.score,
                100.0 * share
            );
            let advice =
                "see where this comes from: is it known when the prediction is made, and the same then?";
            let mut finding = Finding::new(LeakKind::Ablation, Severity::Suspect, message, advice)
                .number("score", self.score)
                .number("score_without", *score)
                .number("loss", *loss)
                .number("share", share);
            if let Some(error) = standard_error {
                finding = finding.number("standard_error", *error);
            }
            if let Some(zero) = self.zero_rule {
                finding = finding.number("zero_rule", zero);
            }
            report.push(columns.iter().fold(finding, |finding, name| finding.column(name)));
        }
        report
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

//! The threshold that is best on validation rows.

use mlsys_core::arrow::array::ArrayRef;
use mlsys_core::{
    Classes, Dataset, Direction, Error, ErrorKind, Metric, PredictProba, Prediction, Probabilities, Result,
    Validation,
};
use serde::{Deserialize, Serialize};

use crate::CostMatrix;

const NAME: &str = "ThresholdTuner";

/// What a threshold shall be good for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ThresholdGoal {
    /// The largest F-beta, `(1 + β²) hits / (β² true + predicted)`; 0 without any of them.
    FBeta(f64),
    /// The largest mean of the recalls of both classes.
    BalancedAccuracy,
    /// The largest root of the product of both recalls.
    GeometricMean,
    /// The lowest mean cost.
    Cost(CostMatrix),
}

/// Finds the threshold on the positive class (the last of two) that is best on validation rows, never on training or test rows.
///
/// A row is predicted positive from the threshold on. Tried are all that predict differently: between any two neighbouring
/// scores, below all, and above all. Of equally good ones that nearest to 1/2 is taken.
///
/// | goal | value at a threshold |
/// |---|---|
/// | [`FBeta`](ThresholdGoal::FBeta) | `(1 + β²) hits / (β² true + predicted)`, β from 1e-100 to 1e100 |
/// | [`BalancedAccuracy`](ThresholdGoal::BalancedAccuracy) | `(recall + specificity) / 2` |
/// | [`GeometricMean`](ThresholdGoal::GeometricMean) | `√(recall · specificity)` |
/// | [`Cost`](ThresholdGoal::Cost) | the mean of `c(predicted, true)`; lowest is best |
///
/// A model predicts by it as [`Adjusted`](crate::Adjusted). For another metric, [`by_metric`](Self::by_metric). When costs are known and probabilities calibrated, the threshold needs no
/// rows: [`CostMatrix::threshold`].
///
/// **Input**: a target of two classes, both there; rows count by their weights. **Complexity**: one sort of the scores and one
/// pass. **Errors**: [`TooFewRows`](ErrorKind::TooFewRows), [`SingleClass`](ErrorKind::SingleClass),
/// [`InvalidParameter`](ErrorKind::InvalidParameter), [`InvalidValue`](ErrorKind::InvalidValue) for a class that the model does not know;
/// [`Shape`](ErrorKind::Shape) for a model of more classes.
///
/// ```
/// use mlsys_imbalance::{ThresholdGoal, ThresholdTuner};
///
/// let tuner = ThresholdTuner::new(ThresholdGoal::FBeta(1.0));
/// let best = tuner.of(&[false, false, true, false, true], &[0.1, 0.2, 0.3, 0.05, 0.4], None)?;
/// assert_eq!((best.threshold(), best.value()), (0.25, 1.0));
/// assert_eq!(best.at_half(), 0.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: the value at the best threshold is too good, since that was chosen for it: judge on test rows. With few positive rows
/// the threshold itself varies from sample to sample.
///
/// Zachary C. Lipton, Charles Elkan, Balakrishnan Narayanaswamy, *Optimal thresholding of classifiers to maximize F1 measure*, 2014.
/// scikit-learn's `TunedThresholdClassifierCV` tries 100 thresholds at equal distances, and predicts positive by `>=` as well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[must_use = "a tuner does nothing until it is used"]
pub struct ThresholdTuner {
    goal: ThresholdGoal,
}

/// A threshold, and how good it is on the rows that it was chosen on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TunedThreshold {
    threshold: f64,
    value: f64,
    at_half: f64,
}

impl TunedThreshold {
    /// From which probability on the positive class is predicted.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// What it was chosen for, at this threshold.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// The same at 1/2.
    pub fn at_half(&self) -> f64 {
        self.at_half
    }

    /// Whether each row is positive.
    ///
    /// # Errors
    ///
    /// [`Shape`](ErrorKind::Shape) for more than two classes.
    pub fn decide(&self, probabilities: &Probabilities) -> Result<Vec<bool>> {
        two(probabilities.n_classes())?;
        Ok(probabilities.positive().into_iter().map(|p| p >= self.threshold).collect())
    }

    /// The label of each row.
    ///
    /// # Errors
    ///
    /// As [`decide`](Self::decide).
    pub fn labels(&self, classes: &Classes, probabilities: &Probabilities) -> Result<ArrayRef> {
        two(classes.n_classes())?;
        Ok(classes.take(self.decide(probabilities)?.into_iter().map(usize::from)))
    }
}

fn two(classes: usize) -> Result<()> {
    if classes == 2 { Ok(()) } else { Err(Error::shape("classes of a threshold", 2, classes)) }
}

/// The weights of what is predicted positive, by what is true, and of all.
struct Counts {
    hits: f64,
    alarms: f64,
    positive: f64,
    negative: f64,
}

impl ThresholdTuner {
    /// For a goal.
    pub fn new(goal: ThresholdGoal) -> Self {
        Self { goal }
    }

    /// The best threshold for a model.
    ///
    /// # Errors
    ///
    /// Those of the type, and the model's own.
    pub fn tune<M: PredictProba + ?Sized>(
        &self,
        model: &M,
        validation: &Dataset<Validation>,
    ) -> Result<TunedThreshold> {
        let scored = Scored::of(model, validation)?;
        if let ThresholdGoal::Cost(costs) = &self.goal
            && costs.classes() != model.classes()
        {
            let listed = |classes: &Classes| {
                classes.values().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            };
            let expected = format!("of the model's classes {}", listed(model.classes()));
            return Err(Error::invalid_parameter(
                NAME,
                "goal",
                format!("costs of {}", listed(costs.classes())),
                expected,
            ));
        }
        self.of(&scored.truth, &scored.scores, scored.weights.as_deref())
    }

    /// The best threshold on scores from 0 to 1.
    ///
    /// # Errors
    ///
    /// Those of the type; [`Shape`](ErrorKind::Shape) when lengths differ; [`InvalidValue`](ErrorKind::InvalidValue) for other scores
    /// and for weights that are negative or not finite.
    pub fn of(&self, truth: &[bool], scores: &[f64], weights: Option<&[f64]>) -> Result<TunedThreshold> {
        if let ThresholdGoal::FBeta(beta) = self.goal
            && !(1e-100..=1e100).contains(&beta)
        {
            return Err(Error::invalid_parameter(NAME, "beta", beta, "from 1e-100 to 1e100"));
        }
        if let ThresholdGoal::Cost(costs) = &self.goal {
            two(costs.classes().n_classes())?;
        }
        let steps = steps(truth, scores, weights)?;
        let (positive, negative) =
            steps.iter().fold((0.0, 0.0), |(p, n), step| (p + step.positive, n + step.negative));
        if positive <= 0.0 || negative <= 0.0 {
            let class = if positive > 0.0 { "positive" } else { "negative" };
            return Err(ErrorKind::SingleClass { column: "truth".into(), class: class.into() }.into());
        }
        let mut counts = Counts { hits: 0.0, alarms: 0.0, positive, negative };
        let none = self.value(&counts);
        let mut best = (none, above(steps[0].score));
        let mut at_half = none;
        for (place, step) in steps.iter().enumerate() {
            counts.hits += step.positive;
            counts.alarms += step.negative;
            let value = self.value(&counts);
            if step.score >= 0.5 {
                at_half = value;
            }
            let threshold = steps.get(place + 1).map_or(0.0, |below| between(below.score, step.score));
            best = self.better(best, (value, threshold));
        }
        Ok(TunedThreshold { threshold: best.1, value: best.0, at_half })
    }

    fn better(&self, best: (f64, f64), other: (f64, f64)) -> (f64, f64) {
        let ahead = if self.lowest() { best.0 - other.0 } else { other.0 - best.0 };
        let nearer = (other.1 - 0.5).abs() < (best.1 - 0.5).abs();
        if ahead > 0.0 || ahead == 0.0 && nearer { other } else { best }
    }

    fn lowest(&self) -> bool {
        matches!(self.goal, ThresholdGoal::Cost(_))
    }

    fn value(&self, counts: &Counts) -> f64 {
        let Counts { hits, alarms, positive, negative } = *counts;
        let (recall, specificity) = (hits / positive, (negative - alarms).max(0.0) / negative);
        match &self.goal {
            // Over β² + 1, so that a large β does not overflow.
            ThresholdGoal::FBeta(beta) => {
                let share = beta * beta / (1.0 + beta * beta);
                hits / (share * positive + (1.0 - share) * (hits + alarms))
            }
            ThresholdGoal::BalancedAccuracy => 0.5 * (recall + specificity),
            ThresholdGoal::GeometricMean => (recall * specificity).sqrt(),
            ThresholdGoal::Cost(costs) => {
                let (costs, total) = (costs.costs(), positive + negative);
                let right =
                    costs[[1, 1]] * (hits / total) + costs[[0, 0]] * ((negative - alarms).max(0.0) / total);
                right
                    + costs[[1, 0]] * (alarms / total)
                    + costs[[0, 1]] * ((positive - hits).max(0.0) / total)
            }
        }
    }

    /// The best threshold by any metric of labels, such as those of `mlsys-eval`: it is asked once for each of at most `candidates`
    /// thresholds, between scores at equal distances of rank. Those at which it has no value are passed over; `at_half` is NaN where it has
    /// none at 1/2.
    ///
    /// # Errors
    ///
    /// As [`tune`](Self::tune), and the metric's own when it has no value anywhere; [`InvalidParameter`](ErrorKind::InvalidParameter) without candidates.
    pub fn by_metric<M: PredictProba + ?Sized>(
        metric: &dyn Metric,
        model: &M,
        validation: &Dataset<Validation>,
        candidates: usize,
    ) -> Result<TunedThreshold> {
        if candidates == 0 {
            return Err(Error::invalid_parameter(NAME, "candidates", 0, "1 or more"));
        }
        let scored = Scored::of(model, validation)?;
        let steps = steps(&scored.truth, &scored.scores, scored.weights.as_deref())?;
        let mut thresholds = vec![above(steps[0].score)];
        thresholds.extend(steps.windows(2).map(|pair| between(pair[1].score, pair[0].score)));
        thresholds.push(0.0);
        let truth = validation.target_column(NAME)?;
        let at = |threshold: f64| -> Result<f64> {
            let labels =
                model.classes().take(scored.scores.iter().map(|&score| usize::from(score >= threshold)));
            Ok(metric.score(truth, &Prediction::from_labels(labels), scored.weights.as_deref())?.value)
        };
        let last = thresholds.len() - 1;
        let parts = candidates.min(thresholds.len());
        let mut best: Option<(f64, f64)> = None;
        let mut undefined = None;
        for part in 0..parts {
            let place = if parts == 1 { last / 2 } else { part * last / (parts - 1) };
            // Where nothing is predicted positive, or all is, a metric may have no value: others are tried all the same.
            let found = match at(thresholds[place]) {
                Ok(value) if !value.is_nan() => (value, thresholds[place]),
                Ok(_) => continue,
                Err(error) => {
                    undefined = Some(error);
                    continue;
                }
            };
            best = Some(match best {
                None => found,
                Some(best) => {
                    let ahead = match metric.direction() {
                        Direction::Maximize => found.0 - best.0,
                        Direction::Minimize => best.0 - found.0,
                    };
                    let nearer = (found.1 - 0.5).abs() < (best.1 - 0.5).abs();
                    if ahead > 0.0 || ahead == 0.0 && nearer { found } else { best }
                }
            });
        }
        match (best, undefined) {
            (Some((value, threshold)), _) => {
                Ok(TunedThreshold { threshold, value, at_half: at(0.5).unwrap_or(f64::NAN) })
            }
            (None, Some(error)) => Err(error),
            (None, None) => Err(Error::unsupported("a metric that is NaN at every threshold that was tried")),
        }
    }
}

/// What a model says of validation rows.
struct Scored {
    truth: Vec<bool>,
    scores: Vec<f64>,
    weights: Option<Vec<f64>>,
}

impl Scored {
    fn of<M: PredictProba + ?Sized>(model: &M, validation: &Dataset<Validation>) -> Result<Self> {
        two(model.classes().n_classes())?;
        let target = validation.layout().target(NAME)?;
        let truth = model.classes().indices(target, validation.column(target)?.as_ref())?;
        Ok(Self {
            truth: truth.into_iter().map(|class| class == 1).collect(),
            scores: model.predict_proba(validation.batch())?.positive(),
            weights: validation.weights()?.map(|weights| weights.to_vec()),
        })
    }
}

/// Rows of one score.
struct Step {
    score: f64,
    positive: f64,
    negative: f64,
}

/// The scores, descending.
fn steps(truth: &[bool], scores: &[f64], weights: Option<&[f64]>) -> Result<Vec<Step>> {
    let rows = truth.len();
    if scores.len() != rows || weights.is_some_and(|weights| weights.len() != rows) {
        let found = format!("{} scores and {} weights", scores.len(), weights.map_or(rows, <[f64]>::len));
        return Err(Error::shape("scores", format!("{rows} and as many weights"), found));
    }
    if let Some(row) = scores.iter().position(|score| !(0.0..=1.0 + 1e-9).contains(score)) {
        return Err(Error::invalid_value("scores", Some(row), scores[row], "from 0 to 1"));
    }
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    if let Some(row) = (0..rows).find(|&row| !(weight(row) >= 0.0 && weight(row).is_finite())) {
        return Err(Error::invalid_value("weights", Some(row), weight(row), "of 0 or more, and finite"));
    }
    let mut order: Vec<usize> = (0..rows).filter(|&row| weight(row) > 0.0).collect();
    if order.is_empty() {
        return Err(Error::too_few_rows(1, 0, NAME));
    }
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let mut steps: Vec<Step> = Vec::new();
    for row in order {
        let (positive, negative) = if truth[row] { (weight(row), 0.0) } else { (0.0, weight(row)) };
        match steps.last_mut() {
            Some(last) if last.score == scores[row] => {
                last.positive += positive;
                last.negative += negative;
            }
            _ => steps.push(Step { score: scores[row], positive, negative }),
        }
    }
    Ok(steps)
}

/// Above `low`, and `high` at most.
fn between(low: f64, high: f64) -> f64 {
    let middle = low + 0.5 * (high - low);
    if middle > low { middle } else { high }
}

/// Above a score, and not above 1 if there is room.
fn above(score: f64) -> f64 {
    if score < 1.0 { between(score, 1.0) } else { score.next_up() }
}

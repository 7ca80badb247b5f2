//! AdaBoost, as its ensembles share it.

use mlsys_core::arrow::array::{ArrayRef, RecordBatch};
use mlsys_core::artifact::{StepReader, Steps};
use mlsys_core::ndarray::Array2;
use mlsys_core::{
    Artifact, Classes, Dataset, Error, Fit, InputColumn, LoadArtifact, NamedArtifact, Predict, PredictProba,
    Probabilities, Result, Train,
};
use serde::{Deserialize, Serialize};

use crate::class_weighter::reweighed;
use crate::ensemble::{Told, in_order, inputs_of, load_members, save_members};

/// How much the vote of each model counts.
pub(crate) type Voters<M> = Vec<(f64, M)>;

/// The rounds of AdaBoost.
pub(crate) struct Boost<'a, C> {
    pub name: &'static str,
    pub classifier: &'a C,
    pub rounds: usize,
    pub learning_rate: f64,
}

pub(crate) fn check_rate(estimator: &str, rate: f64) -> Result<()> {
    if (1e-100..=1e100).contains(&rate) {
        return Ok(());
    }
    Err(Error::invalid_parameter(estimator, "learning_rate", rate, "from 1e-100 to 1e100"))
}

impl<C: Fit<Fitted: PredictProba>> Boost<'_, C> {
    /// The models and how much the vote of each counts, from rows that all weigh something. `rows` says which of them a round learns
    /// from; `None` for all. Without any model when the first is no better than guessing.
    pub fn run(
        &self,
        train: &Dataset<Train>,
        classes: &Classes,
        rows: impl Fn(usize) -> Option<Vec<usize>>,
        told: &Told<'_>,
    ) -> Result<Voters<C::Fitted>> {
        let target = train.layout().target(self.name)?;
        let truth = classes.indices(target, train.column(target)?.as_ref())?;
        let own = train.weights()?.map_or_else(|| vec![1.0; truth.len()], |own| own.to_vec());
        let column = self.column(train);
        let most = own.iter().copied().fold(0.0, f64::max);
        let mut weights: Vec<f64> = own.iter().map(|weight| weight / most).collect();
        normalize(&mut weights);
        let k = classes.n_classes() as f64;
        let mut votes = Vec::new();
        for round in 0..self.rounds {
            let context = |e: Error| e.context(format!("round {round} of {}", self.name));
            weights.iter_mut().for_each(|weight| *weight = weight.max(f64::EPSILON));
            let data = match rows(round) {
                None => reweighed(train, &column, scaled(&weights, &own))?,
                Some(rows) => {
                    let pick = |all: &[f64]| rows.iter().map(|&row| all[row]).collect::<Vec<_>>();
                    reweighed(&train.take(&rows)?, &column, scaled(&pick(&weights), &pick(&own)))?
                }
            };
            let model = self.classifier.fit(&data).map_err(context)?;
            let said = labels(&model, classes, train.batch()).map_err(context)?;
            told.model()?;
            let wrong = |row: usize| said[row] != truth[row];
            let lost: f64 = (0..truth.len()).filter(|&row| wrong(row)).map(|row| weights[row]).sum();
            let error = lost / weights.iter().sum::<f64>();
            if error <= 0.0 {
                votes.push((1.0, model));
                break;
            }
            let vote = self.learning_rate * (((1.0 - error) / error).ln() + (k - 1.0).ln());
            if error >= 1.0 - 1.0 / k || vote <= 0.0 {
                break;
            }
            votes.push((vote, model));
            (0..truth.len()).filter(|&row| wrong(row)).for_each(|row| {
                weights[row] = (weights[row].ln() + vote).exp();
            });
            if !weights.iter().sum::<f64>().is_finite() {
                break;
            }
            normalize(&mut weights);
        }
        Ok(votes)
    }

    /// A name for the weights that no column has.
    fn column(&self, train: &Dataset<Train>) -> String {
        let schema = train.schema();
        let mut name = "weight".to_owned();
        while schema.field_with_name(&name).is_ok() {
            name.push('_');
        }
        name
    }

    /// That no model is better than guessing.
    pub fn hopeless(&self) -> Error {
        let expected = "one that is better than guessing on the rows that it learns from";
        Error::invalid_parameter(self.name, "classifier", "one that is not", expected)
    }
}

fn normalize(weights: &mut [f64]) {
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
}

/// In sum as much as the rows' own weights, so that a penalty counts as it does without boosting.
fn scaled(weights: &[f64], own: &[f64]) -> Vec<f64> {
    let scale = own.iter().sum::<f64>() / weights.iter().sum::<f64>();
    // Their own sum may not be finite, though each is.
    let scale = if scale.is_finite() { scale } else { 1.0 };
    weights.iter().map(|weight| weight * scale).collect()
}

/// The place of the class that a model predicts, row by row.
fn labels<M: Predict>(model: &M, classes: &Classes, batch: &RecordBatch) -> Result<Vec<usize>> {
    let labels = model.predict(batch)?;
    if labels.len() != batch.num_rows() {
        return Err(Error::shape("predictions", batch.num_rows(), labels.len()));
    }
    classes.indices("prediction", labels.as_ref())
}

/// What fitting an [`EasyEnsemble`](crate::EasyEnsemble) or a [`RusBoost`](crate::RusBoost) returns: models that vote.
///
/// With the share v(k) of the votes for class k of K, the score of k is `s(k) = v(k) − (1 − v(k)) / (K − 1)`, and its probability in proportion
/// to `exp(s(k) / (K − 1))`, as in scikit-learn's `AdaBoostClassifier`. These are ranks on a scale from 0 to 1: of two classes they go from 0.12 to 0.88
/// however sure the models are. Calibrate them on `Dataset<Validation>` before they are taken for probabilities.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedBoosting<M> {
    classes: Classes,
    votes: Vec<f64>,
    members: Vec<M>,
}

const STORED_AS: &str = "mlsys.Boosting";
const VERSION: u32 = 1;

/// What is stored ahead of the members, which follow as steps of their own.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    classes: Classes,
    votes: Vec<f64>,
}

impl<M> FittedBoosting<M> {
    pub(crate) fn new(classes: Classes, voters: Voters<M>) -> Self {
        let (votes, members) = voters.into_iter().unzip();
        Self { classes, votes, members }
    }

    /// The models, in the order of the rounds, and of the subsets if there are several.
    pub fn members(&self) -> &[M] {
        &self.members
    }

    /// How much the vote of each model counts.
    pub fn votes(&self) -> &[f64] {
        &self.votes
    }
}

impl<M: Predict> FittedBoosting<M> {
    /// The score of each class, a row for each row.
    fn scores(&self, batch: &RecordBatch) -> Result<Array2<f64>> {
        let k = self.classes.n_classes();
        let mut shares = Array2::<f64>::zeros((batch.num_rows(), k));
        let said = |member: usize| labels(&self.members[member], &self.classes, batch);
        in_order(self.members.len(), said, |member, said| {
            said.into_iter().enumerate().for_each(|(row, class)| shares[[row, class]] += self.votes[member]);
            Ok(())
        })?;
        let all: f64 = self.votes.iter().sum();
        shares.mapv_inplace(|share| share / all - (1.0 - share / all) / (k - 1) as f64);
        Ok(shares)
    }

    /// The scores of the rows: one for two classes, from −2 to 2 and positive for the last; else one per class, the largest of which is predicted.
    ///
    /// # Errors
    ///
    /// As [`Predict::predict`].
    pub fn decision_function(&self, batch: &RecordBatch) -> Result<Array2<f64>> {
        let scores = self.scores(batch)?;
        match self.classes.n_classes() {
            2 => {
                Ok(Array2::from_shape_fn((scores.nrows(), 1), |(row, _)| scores[[row, 1]] - scores[[row, 0]]))
            }
            _ => Ok(scores),
        }
    }
}

impl<M: Predict> Predict for FittedBoosting<M> {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(self.classes.take(self.predict_proba(batch)?.argmax()))
    }
}

impl<M: Predict> PredictProba for FittedBoosting<M> {
    fn classes(&self) -> &Classes {
        &self.classes
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        let mut p = self.scores(batch)?;
        let last = (self.classes.n_classes() - 1) as f64;
        for mut p in p.rows_mut() {
            let most = p.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            p.mapv_inplace(|score| ((score - most) / last).exp());
            let sum: f64 = p.iter().sum();
            p.mapv_inplace(|p| p / sum);
        }
        Probabilities::new(p)
    }
}

impl<M: Artifact> Artifact for FittedBoosting<M> {
    fn save_steps(&self, steps: &mut Steps) -> Result<()> {
        let stored = Stored { classes: self.classes.clone(), votes: self.votes.clone() };
        steps.push(STORED_AS, VERSION, &stored)?;
        save_members(&self.members, steps)
    }

    fn inputs(&self) -> Option<Vec<InputColumn>> {
        inputs_of(&self.members)
    }
}

impl<M: PredictProba + LoadArtifact> LoadArtifact for FittedBoosting<M> {
    fn load_steps(steps: &mut StepReader<'_>) -> Result<Self> {
        let Stored { classes, votes } = steps.next(STORED_AS, VERSION)?;
        let check = || {
            classes.validate()?;
            if classes.n_classes() < 2 {
                return Err(Error::shape("classes", "two at least", classes.n_classes()));
            }
            match votes.iter().find(|vote| !(vote.is_finite() && **vote > 0.0)) {
                Some(vote) => Err(Error::invalid_value("votes", None, vote, "above 0, and finite")),
                None if votes.iter().sum::<f64>().is_finite() => Ok(()),
                None => Err(Error::invalid_value("votes", None, "an infinite sum", "a finite sum")),
            }
        };
        check().map_err(|e| e.context(format!("loading {STORED_AS}")))?;
        let members = load_members(u32::try_from(votes.len()).unwrap_or(u32::MAX), steps)?;
        Ok(Self { classes, votes, members })
    }
}

impl<M: PredictProba + LoadArtifact> NamedArtifact for FittedBoosting<M> {
    const NAME: &'static str = STORED_AS;
}

//! The fitted linear classifier.

use std::collections::BTreeMap;

use mlsys_core::arrow::array::{ArrayRef, RecordBatch};
use mlsys_core::ndarray::Array2;
use mlsys_core::{
    Classes, Dataset, DecisionFunction, Error, InputColumn, PartialFit, Predict, PredictProba, Probabilities,
    Result, Train, seed,
};
use mlsys_stats::solve::dot;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::machine::{Lesson, Machine};
use super::rows::{Inputs, Rows};
use super::{NAME, RowOrder, SgdClassifier, SgdLoss};
use crate::ClassWeights;
use crate::logistic_regression::sigmoid;

/// What fitting a [`SgdClassifier`] returns: a model that can learn on.
///
/// `partial_fit` learns from further rows in one pass, by the steps that come next in the schedule. Their columns have to be those of
/// training, their labels among its classes; sparse columns may have new places.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedSgdClassifier {
    recipe: SgdClassifier,
    classes: Classes,
    inputs: Inputs,
    machines: Vec<Machine>,
    epochs: u64,
    converged: bool,
}

mlsys_core::artifact!(FittedSgdClassifier, "mlsys.SgdClassifier", 1);

/// Rows that are predicted at once.
const BLOCK: usize = 1024;

impl FittedSgdClassifier {
    pub(super) fn start(recipe: SgdClassifier, train: &Dataset<Train>, classes: Classes) -> Result<Self> {
        let inputs = Inputs::of(train, NAME)?;
        let outputs = match classes.n_classes() {
            1 => return Err(Error::shape("classes", "two at least", 1)),
            2 => 1,
            k => k,
        };
        let machines = vec![Machine::new(inputs.len(), recipe.average_from.is_some()); outputs];
        Ok(Self { recipe, classes, inputs, machines, epochs: 0, converged: false })
    }

    /// Learns in so many epochs at most. What was there before stays, if anything fails.
    pub(super) fn learn(
        &mut self,
        train: &Dataset<Train>,
        epochs: usize,
        weigh: &ClassWeights,
    ) -> Result<()> {
        let target = train.layout().target(NAME)?;
        let labels = self.classes.clone();
        let weights = train.weights()?;
        // What has no weight need not be of a class, but has to have one.
        let coded = train.labels(NAME)?;
        let counted: Vec<u32> = (0..coded.len() as u32)
            .filter(|&row| weights.as_ref().is_none_or(|weights| weights[row as usize] > 0.0))
            .collect();
        let kept: Vec<usize> = counted.iter().map(|&row| row as usize).collect();
        let own = if kept.len() == coded.len() { train.clone() } else { train.take(&kept)? };
        let codes = labels.indices(target, own.column(target)?.as_ref())?;
        let mut totals = vec![0.0; labels.n_classes()];
        let weight = |place: usize| weights.as_ref().map_or(1.0, |weights| weights[kept[place]]);
        codes.iter().enumerate().for_each(|(place, &code)| totals[code] += weight(place));
        let factors = weigh.resolve(NAME, labels.values(), &totals)?;
        let uniform = weights.is_none() && factors.iter().all(|&factor| factor == 1.0);
        let weighted: Vec<f64> = match uniform {
            true => Vec::new(),
            false => codes.iter().enumerate().map(|(place, &code)| weight(place) * factors[code]).collect(),
        };

        let mut inputs = self.inputs.clone();
        let from = inputs.learn(train.batch())?;
        let rows = Rows::read(&inputs, train.batch())?;
        let recipe = &self.recipe;
        // Anew in each epoch, of all that there were.
        let passed = self.epochs;
        let order = |epoch: usize| -> Vec<u32> {
            let mut order: Vec<u32> = (0..counted.len() as u32).collect();
            if recipe.order == RowOrder::Shuffled {
                seed::shuffle(&mut order, &mut seed::stream(recipe.seed, passed + epoch as u64));
            }
            order
        };
        let binary = self.machines.len() == 1;
        let learnt: Vec<_> = (self.machines.par_iter().enumerate())
            .map(|(output, machine)| {
                let mut machine = machine.clone();
                machine.moved(&from, recipe.average_from.is_some());
                let lesson = Lesson {
                    rows: &rows,
                    counted: &counted,
                    positive: &|place| codes[place as usize] == if binary { 1 } else { output },
                    weights: (!uniform).then_some(weighted.as_slice()),
                    order: &order,
                    epochs,
                };
                let ending = machine.learn(recipe, &lesson);
                (machine, ending)
            })
            .collect();
        let finite = |machine: &Machine| {
            let all = machine.weights.iter().chain(&machine.average);
            all.chain([&machine.intercept, &machine.average_intercept]).all(|x| x.is_finite())
        };
        if !learnt.iter().all(|(machine, _)| finite(machine)) {
            let expected = "columns that are scaled, or shorter steps";
            return Err(Error::invalid_value(
                "features",
                None,
                "values for which coefficients run away",
                expected,
            ));
        }
        let most = learnt.iter().map(|(_, ending)| ending.epochs).max().unwrap_or(0) as u64;
        self.converged = learnt.iter().all(|(_, ending)| ending.converged);
        self.machines = learnt.into_iter().map(|(machine, _)| machine).collect();
        self.inputs = inputs;
        self.epochs = self.epochs.saturating_add(most);
        Ok(())
    }

    fn weights<'a>(&self, machine: &'a Machine) -> (&'a [f64], f64) {
        machine.predicting(self.recipe.average_from)
    }

    /// The coefficients by numeric feature: one for two classes (of the score of the last), else one per class.
    pub fn coefficients(&self) -> BTreeMap<&str, Vec<f64>> {
        let of = |at: usize| self.machines.iter().map(|machine| self.weights(machine).0[at]).collect();
        self.inputs.numbers.iter().enumerate().map(|(at, input)| (input.name(), of(at))).collect()
    }

    /// The coefficients of a place of a sparse feature; `None`, which counts as 0, where training had no entry.
    pub fn sparse_coefficients(&self, feature: &str, place: u32) -> Option<Vec<f64>> {
        let mut first = self.inputs.numbers.len();
        for own in &self.inputs.sparse {
            if own.input.name() == feature {
                let at = first + own.places.binary_search(&place).ok()?;
                return Some(self.machines.iter().map(|machine| self.weights(machine).0[at]).collect());
            }
            first += own.places.len();
        }
        None
    }

    /// One intercept for two classes, else one per class.
    pub fn intercepts(&self) -> Vec<f64> {
        self.machines.iter().map(|machine| self.weights(machine).1).collect()
    }

    /// The epochs that it took, of the score that took most, and all later ones.
    pub fn epochs(&self) -> u64 {
        self.epochs
    }

    /// Whether every score ended before the last epoch.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// The classes, ascending; the positive one is the last.
    pub fn labels(&self) -> &Classes {
        &self.classes
    }

    /// The scores of the rows: one for two classes, positive for the last; else one per class, the largest of which is predicted.
    ///
    /// # Errors
    ///
    /// As [`Predict::predict`].
    pub fn decision_function(&self, batch: &RecordBatch) -> Result<Array2<f64>> {
        let rows = Rows::read(&self.inputs, batch)?;
        let outputs = self.machines.len();
        let mut scores = vec![0.0; rows.len() * outputs];
        scores.par_chunks_mut(BLOCK * outputs).enumerate().for_each(|(block, scores)| {
            for (row, scores) in scores.chunks_exact_mut(outputs).enumerate() {
                let row = block * BLOCK + row;
                let (numbers, (places, values)) = (rows.numbers(row), rows.sparse(row));
                for (machine, score) in self.machines.iter().zip(scores) {
                    let (weights, intercept) = self.weights(machine);
                    *score = dot(&weights[..numbers.len()], numbers) + intercept;
                    places.iter().zip(values).for_each(|(&at, &x)| *score += weights[at as usize] * x);
                }
            }
        });
        Array2::from_shape_vec((rows.len(), outputs), scores).map_err(Error::external)
    }

    fn validate(&self) -> Result<()> {
        self.recipe.validate()?;
        self.classes.validate()?;
        self.inputs.validate()?;
        let outputs = match self.classes.n_classes() {
            1 => return Err(Error::shape("classes", "at least two", 1)),
            2 => 1,
            k => k,
        };
        if self.machines.len() != outputs {
            return Err(Error::shape("scores", outputs, self.machines.len()));
        }
        let expected = self.inputs.len();
        let averages = if self.recipe.average_from.is_some() { expected } else { 0 };
        for machine in &self.machines {
            if machine.weights.len() != expected || machine.average.len() != averages {
                let found = format!("{} and {}", machine.weights.len(), machine.average.len());
                return Err(Error::shape("coefficients", format!("{expected} and {averages}"), found));
            }
            let all = machine.weights.iter().chain(&machine.average);
            let mut all = all.chain([&machine.intercept, &machine.average_intercept]);
            if let Some(x) = all.find(|x| !x.is_finite()) {
                return Err(Error::invalid_value("coefficients", None, x, "finite"));
            }
        }
        Ok(())
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.inputs.columns()
    }
}

impl PartialFit for FittedSgdClassifier {
    fn partial_fit(&mut self, train: &Dataset<Train>) -> Result<()> {
        let weights = self.recipe.class_weights.clone();
        if weights == ClassWeights::Balanced {
            let expected =
                "explicit when it learns on, since some rows do not say how many there are of each class";
            return Err(Error::invalid_parameter(NAME, "class_weights", "balanced", expected));
        }
        self.learn(train, 1, &weights)
    }
}

impl Predict for FittedSgdClassifier {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        if self.recipe.loss != SgdLoss::Hinge {
            return Ok(self.classes.take(self.predict_proba(batch)?.argmax()));
        }
        let scores = self.decision_function(batch)?;
        let best = |row: &[f64]| match row {
            [score] => usize::from(*score > 0.0),
            // The first of equals.
            scores => {
                (0..scores.len()).rev().max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap_or_default()
            }
        };
        Ok(self.classes.take(scores.rows().into_iter().map(|row| best(&row.to_vec()))))
    }
}

impl PredictProba for FittedSgdClassifier {
    fn classes(&self) -> &Classes {
        &self.classes
    }

    /// Of `Log` and `Focal`: `1 / (1 + exp(−score))`, over their sum for more than two classes. The hinge loss has none.
    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        if self.recipe.loss == SgdLoss::Hinge {
            let what = "probabilities of the hinge loss: calibrate the scores of `decision_function`, or take another loss";
            return Err(Error::unsupported(what));
        }
        let scores = self.decision_function(batch)?;
        let k = self.classes.n_classes();
        let mut p = Array2::zeros((scores.nrows(), k));
        for (scores, mut p) in scores.rows().into_iter().zip(p.rows_mut()) {
            if k == 2 {
                (p[0], p[1]) = (sigmoid(-scores[0]), sigmoid(scores[0]));
                continue;
            }
            // Over the largest, so that they do not all vanish.
            let log = |z: f64| z.min(0.0) - (-z.abs()).exp().ln_1p();
            let most = scores.iter().fold(f64::NEG_INFINITY, |most, &z| most.max(log(z)));
            p.iter_mut().zip(scores).for_each(|(p, &z)| *p = (log(z) - most).exp());
            let sum = p.sum();
            p.iter_mut().for_each(|p| *p /= sum);
        }
        Probabilities::new(p)
    }
}

impl DecisionFunction for FittedSgdClassifier {
    fn labels(&self) -> &Classes {
        self.labels()
    }

    fn decision_function(&self, batch: &RecordBatch) -> Result<Array2<f64>> {
        self.decision_function(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlsys_core::arrow::array::BooleanArray;
    use mlsys_core::arrow::datatypes::{DataType, Field, Schema};
    use mlsys_core::sparse::SparseRows;
    use mlsys_core::{Fit, artifact};
    use std::sync::Arc;

    fn fitted() -> FittedSgdClassifier {
        let rows = SparseRows::new(9, vec![0, 1, 3, 3], vec![4, 4, 7], vec![1.0, 2.0, -1.0]).unwrap();
        let schema = Schema::new(vec![rows.field("s"), Field::new("y", DataType::Boolean, false)]);
        let y = Arc::new(BooleanArray::from(vec![true, false, true]));
        let batch = RecordBatch::try_new(Arc::new(schema), vec![rows.to_array().unwrap(), y]).unwrap();
        let train = Dataset::new(batch).unwrap().target("y").unwrap().into_train_all();
        SgdClassifier::new().average_from(2).fit(&train).unwrap()
    }

    #[test]
    fn states_that_no_fit_makes_are_refused() {
        let refusal = |change: fn(&mut FittedSgdClassifier)| {
            let mut model = fitted();
            change(&mut model);
            let bytes = artifact::to_bytes(&model).unwrap();
            artifact::from_bytes::<FittedSgdClassifier>(&bytes).err().map(|e| e.to_string())
        };
        assert_eq!(refusal(|_| {}), None);
        assert_eq!(refusal(|model| model.inputs.sparse[0].width = 8), None);
        let says = |error: Option<String>, part: &str| {
            assert!(error.as_deref().unwrap().contains(part), "{error:?}")
        };
        says(refusal(|model| model.inputs.sparse[0].width = 7), "places");
        says(refusal(|model| model.inputs.sparse[0].places = vec![7, 4]), "places");
        says(refusal(|model| model.inputs.sparse[0].places = vec![4]), "coefficients");
        says(refusal(|model| model.machines[0].weights.clear()), "coefficients");
        says(refusal(|model| model.machines[0].average.clear()), "coefficients");
        says(refusal(|model| model.machines[0].average[1] = f64::NAN), "coefficients");
        says(refusal(|model| model.machines[0].intercept = f64::INFINITY), "coefficients");
        says(refusal(|model| model.machines.clear()), "scores");
        says(refusal(|model| model.recipe.epochs = 0), "epochs");
        says(refusal(|model| model.recipe.alpha = f64::NAN), "alpha");
    }
}

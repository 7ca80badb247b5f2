//! A classifier whose probabilities are corrected, and that decides by something else than the largest.

use mlsys_core::arrow::array::{ArrayRef, RecordBatch};
use mlsys_core::artifact::{StepReader, Steps};
use mlsys_core::{
    Artifact, Classes, Error, InputColumn, LoadArtifact, NamedArtifact, Predict, PredictProba, Probabilities,
    Result,
};
use serde::{Deserialize, Serialize};

use crate::{CostMatrix, PriorCorrection};

const NAME: &str = "Adjusted";

/// A fitted classifier with what was found out about it afterwards: a correction of its probabilities, and a threshold or costs to decide by.
///
/// ```text
/// p'(k | x) = p(k | x) rₖ / Σⱼ p(j | x) rⱼ         with a PriorCorrection, else p
/// predict:  the likeliest class by p';  or the positive one (the last of two) where p' ≥ threshold;  or argmin_i Σⱼ p'(j | x) c(i, j)
/// ```
///
/// | | default | effect |
/// |---|---|---|
/// | [`correct`](Self::correct) | none | `predict_proba` gives the probabilities of the data after random resampling or class weights |
/// | [`threshold`](Self::threshold) | none | `predict` uses this threshold; probabilities stay as they are |
/// | [`costs`](Self::costs) | none | `predict` takes the class of the least expected cost, the last of equals; probabilities stay as they are |
///
/// **Input**: any [`PredictProba`]; a threshold from [`ThresholdTuner`](crate::ThresholdTuner), which looks at `Dataset<Validation>` only. Threshold and costs are of
/// the corrected probabilities: correct first, and tune the threshold on what is corrected; of threshold and costs the last that was given counts. Without any of them it
/// does what the model does. **Output**: itself a [`Predict`] and a [`PredictProba`], stored as a step ahead of the model's. **Complexity**: a pass over
/// the probabilities. **Errors**: [`Shape`](mlsys_core::ErrorKind::Shape) for other classes than the model's, and for a threshold of more than two;
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for a threshold that is negative or not finite; the model's.
///
/// ```
/// use mlsys_core::{Classes, Predict, PredictProba, Probabilities, Result};
/// use mlsys_core::arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch};
/// use mlsys_core::arrow::datatypes::Float64Type;
/// use mlsys_imbalance::{Adjusted, PriorCorrection};
/// # use std::sync::Arc;
/// # struct Says(Classes);
/// # impl mlsys_core::Artifact for Says {}
/// # impl Predict for Says {
/// #     fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> { Ok(self.0.take(self.predict_proba(batch)?.argmax())) }
/// # }
/// # impl PredictProba for Says {
/// #     fn classes(&self) -> &Classes { &self.0 }
/// #     fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> { Probabilities::binary(batch["p"].as_primitive::<Float64Type>().values()) }
/// # }
///
/// // `model` is yours; it was trained on as many late flights as others, of which there are nine times as many, and says 0.5 and 0.9.
/// let classes = Classes::new([false.into(), true.into()])?;
/// # let model = Says(classes.clone());
/// let rows = RecordBatch::try_from_iter([("p", Arc::new(Float64Array::from(vec![0.5, 0.9])) as ArrayRef)])?;
/// let correction = PriorCorrection::new(classes, &[0.9, 0.1], &[0.5, 0.5])?;
/// let model = Adjusted::new(model).correct(correction)?.threshold(0.3)?;
/// let p = model.predict_proba(&rows)?.positive();
/// assert!((p[0] - 0.1).abs() < 1e-15 && (p[1] - 0.5).abs() < 1e-15);
/// assert_eq!(model.predict(&rows)?.as_boolean(), &BooleanArray::from(vec![false, true]));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when it is taken for calibration: a threshold leaves probabilities as wrong as they were, and a correction assumes that they are right for the shares
/// in training. After a resampler that makes or picks rows by where they are, calibrate on `Dataset<Validation>` instead.
///
/// As scikit-learn's `FixedThresholdClassifier`. Equations are those of [`PriorCorrection`] and [`CostMatrix`].
#[derive(Debug, Clone, PartialEq)]
pub struct Adjusted<M> {
    model: M,
    adjustment: Adjustment,
}

const STORED_AS: &str = "mlsys.Adjusted";
const VERSION: u32 = 1;

/// What is stored ahead of the model, which follows as steps of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Adjustment {
    correction: Option<PriorCorrection>,
    decision: Decision,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Decision {
    Likeliest,
    Threshold(f64),
    Cost(CostMatrix),
}

impl<M: PredictProba> Adjusted<M> {
    /// The model as it is.
    pub fn new(model: M) -> Self {
        Self { model, adjustment: Adjustment { correction: None, decision: Decision::Likeliest } }
    }

    /// Corrects probabilities.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](mlsys_core::ErrorKind::Unsupported) once there is a threshold or costs, which would be of other probabilities;
    /// [`Shape`](mlsys_core::ErrorKind::Shape) for other classes than the model's.
    pub fn correct(mut self, correction: PriorCorrection) -> Result<Self> {
        if self.adjustment.decision != Decision::Likeliest {
            let what =
                "a correction after a threshold or costs (correct first, and tune on what is corrected)";
            return Err(Error::unsupported(what));
        }
        self.same("a prior correction", correction.classes())?;
        self.adjustment.correction = Some(correction);
        Ok(self)
    }

    /// Predicts the positive class, the last of two, from this probability on.
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) for a model of more classes;
    /// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) unless it is 0 or more, and finite. Above 1 no row is positive.
    pub fn threshold(mut self, threshold: f64) -> Result<Self> {
        if self.model.classes().n_classes() != 2 {
            return Err(Error::shape("classes of a threshold", 2, self.model.classes().n_classes()));
        }
        if !(threshold >= 0.0 && threshold.is_finite()) {
            return Err(Error::invalid_parameter(NAME, "threshold", threshold, "0 or more, and finite"));
        }
        self.adjustment.decision = Decision::Threshold(threshold);
        Ok(self)
    }

    /// Predicts the class of the least expected cost.
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) for other classes than the model's.
    pub fn costs(mut self, costs: CostMatrix) -> Result<Self> {
        self.same("costs", costs.classes())?;
        self.adjustment.decision = Decision::Cost(costs);
        Ok(self)
    }

    /// The model as it was.
    pub fn model(&self) -> &M {
        &self.model
    }

    fn same(&self, what: &str, classes: &Classes) -> Result<()> {
        if classes == self.model.classes() {
            return Ok(());
        }
        let listed =
            |all: &Classes| all.values().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let expected = format!("those of the model: {}", listed(self.model.classes()));
        Err(Error::shape(format!("the classes of {what}"), expected, listed(classes)))
    }
}

impl<M: PredictProba> Predict for Adjusted<M> {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        let Adjustment { correction, decision } = &self.adjustment;
        match decision {
            // Not every model predicts its likeliest class.
            Decision::Likeliest if correction.is_none() => self.model.predict(batch),
            Decision::Likeliest => Ok(self.classes().take(self.predict_proba(batch)?.argmax())),
            Decision::Threshold(threshold) => {
                let positive = self.predict_proba(batch)?.positive();
                Ok(self.classes().take(positive.into_iter().map(|p| usize::from(p >= *threshold))))
            }
            Decision::Cost(costs) => costs.labels(&self.predict_proba(batch)?),
        }
    }
}

impl<M: PredictProba> PredictProba for Adjusted<M> {
    fn classes(&self) -> &Classes {
        self.model.classes()
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        let p = self.model.predict_proba(batch)?;
        match &self.adjustment.correction {
            None => Ok(p),
            Some(correction) => correction.apply(&p),
        }
    }
}

impl<M: Artifact> Artifact for Adjusted<M> {
    fn save_steps(&self, steps: &mut Steps) -> Result<()> {
        steps.push(STORED_AS, VERSION, &self.adjustment)?;
        self.model.save_steps(steps)
    }

    fn inputs(&self) -> Option<Vec<InputColumn>> {
        self.model.inputs()
    }
}

impl<M: PredictProba + LoadArtifact> LoadArtifact for Adjusted<M> {
    fn load_steps(steps: &mut StepReader<'_>) -> Result<Self> {
        let Adjustment { correction, decision } = steps.next(STORED_AS, VERSION)?;
        let model = Self::new(M::load_steps(steps)?);
        let adjust = |model: Self| {
            let model = match correction {
                None => model,
                Some(correction) => model.correct(correction)?,
            };
            match decision {
                Decision::Likeliest => Ok(model),
                Decision::Threshold(threshold) => model.threshold(threshold),
                Decision::Cost(costs) => model.costs(costs),
            }
        };
        adjust(model).map_err(|e: Error| e.context(format!("loading {STORED_AS}")))
    }
}

impl<M: PredictProba + LoadArtifact> NamedArtifact for Adjusted<M> {
    const NAME: &'static str = STORED_AS;
}

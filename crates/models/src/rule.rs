//! A rule that somebody wrote down.

use std::fmt;
use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, RecordBatch};
use mlsys_core::{
    Artifact, Classes, Dataset, Error, ErrorKind, Fit, Predict, PredictProba, Probabilities, Result, Train,
};

use crate::random_guess::one_hot;

type Probability = dyn Fn(&RecordBatch) -> Result<Vec<f64>> + Send + Sync;
type Label = dyn Fn(&RecordBatch) -> Result<ArrayRef> + Send + Sync;

/// The rule that a person would use instead of a model, as a closure: the heuristic that a model must beat.
///
/// **Parameters**: the closure, which gives the probability of the last class ([`Rule::probability`], two classes) or
/// a label ([`Rule::label`], any number of classes). **Input**: a target of categories, for the list of classes; what
/// columns are read is the closure's business, and so is reading each row for itself. **Output**: [`FittedRule`]; a
/// label has probability 1. **Cost**: fitting looks at the target only. **Errors**: the closure's own; as many values
/// as rows, from 0 to 1, and labels that are classes are asked for.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, Fit, PredictProba, column};
/// use mlsys_core::arrow::array::{BooleanArray, Int64Array, RecordBatch};
/// use mlsys_models::Rule;
///
/// let evening = Rule::probability(|batch| {
///     let hour = column::finite("hour", column::find(batch, "hour")?)?;
///     Ok(hour.iter().map(|&h| if h >= 17.0 { 0.4 } else { 0.1 }).collect())
/// });
/// let batch = RecordBatch::try_from_iter([
///     ("hour", Arc::new(Int64Array::from(vec![9, 18])) as _),
///     ("late", Arc::new(BooleanArray::from(vec![false, true])) as _),
/// ])?;
/// let model = evening.fit(&Dataset::new(batch.clone())?.target("late")?.into_train_all())?;
/// assert_eq!(model.predict_proba(&batch)?.positive(), [0.1, 0.4]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// It cannot be saved: it holds code. **Instead**: [`ExistingPrediction`](crate::ExistingPrediction) when the rule's
/// verdict is a column already.
#[derive(Clone)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct Rule(Verdict);

#[derive(Clone)]
enum Verdict {
    Probability(Arc<Probability>),
    Label(Arc<Label>),
}

impl Rule {
    /// A rule that gives the probability of the last class for each row.
    pub fn probability(rule: impl Fn(&RecordBatch) -> Result<Vec<f64>> + Send + Sync + 'static) -> Self {
        Self(Verdict::Probability(Arc::new(rule)))
    }

    /// A rule that gives a class for each row.
    pub fn label(rule: impl Fn(&RecordBatch) -> Result<ArrayRef> + Send + Sync + 'static) -> Self {
        Self(Verdict::Label(Arc::new(rule)))
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Verdict::Probability(_) => "Rule(probability)",
            Verdict::Label(_) => "Rule(label)",
        })
    }
}

impl Fit for Rule {
    type Fitted = FittedRule;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedRule> {
        let classes = match self.0 {
            Verdict::Probability(_) => two_classes(train, "a probability `Rule`")?,
            Verdict::Label(_) => Classes::new(train.labels("Rule")?.distinct)?,
        };
        Ok(FittedRule { classes, rule: self.clone() })
    }
}

/// The classes of a target, of which there must be two.
pub(crate) fn two_classes(train: &Dataset<Train>, needed_by: &str) -> Result<Classes> {
    let classes = Classes::new(train.labels(needed_by)?.distinct)?;
    let target = train.layout().target(needed_by)?;
    match classes.n_classes() {
        1 => {
            Err(ErrorKind::SingleClass { column: target.into(), class: classes.positive().to_string() }
                .into())
        }
        2 => Ok(classes),
        k => Err(Error::shape(format!("classes of `{target}` for {needed_by}"), "two", k)),
    }
}

/// What fitting a [`Rule`] returns.
#[derive(Debug, Clone)]
pub struct FittedRule {
    classes: Classes,
    rule: Rule,
}

/// Says that it cannot be saved.
impl Artifact for FittedRule {}

impl Predict for FittedRule {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(self.classes.take(self.predict_proba(batch)?.argmax()))
    }
}

impl PredictProba for FittedRule {
    fn classes(&self) -> &Classes {
        &self.classes
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        let check = |found: usize| {
            let rows = batch.num_rows();
            if found == rows {
                Ok(())
            } else {
                Err(Error::shape("values of a rule", format!("{rows} rows"), found))
            }
        };
        match &self.rule.0 {
            Verdict::Probability(rule) => {
                let values = rule(batch)?;
                check(values.len())?;
                Probabilities::binary(&values)
            }
            Verdict::Label(rule) => {
                let labels = rule(batch)?;
                check(labels.len())?;
                one_hot(&self.classes.indices("labels of a rule", labels.as_ref())?, self.classes.n_classes())
            }
        }
    }
}

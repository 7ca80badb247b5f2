//! Predictions that are in the table already.

use mlsys_core::arrow::array::{ArrayRef, RecordBatch};
use mlsys_core::{
    Classes, Dataset, Error, Fit, InputColumn, Kind, Predict, PredictProba, Probabilities, Result, Train,
    column,
};
use serde::{Deserialize, Serialize};

use crate::random_guess::one_hot;
use crate::rule::two_classes;

/// A column of the table as the prediction: today's system, a vendor's score, a colleague's verdict.
///
/// **Parameters**: the column, which holds the probability of the last class ([`ExistingPrediction::probability`], two
/// classes) or a label ([`ExistingPrediction::label`]). It need not be a feature; ignore it, so that other models do
/// not learn from it. **Input**: a target of categories for the list of classes; probabilities from 0 to 1, or labels
/// that are classes, none missing. **Output**: [`FittedExistingPrediction`]; a label has probability 1. **Cost**:
/// fitting looks at the target only. **Errors**: the column is not there, or of another type; a value that is missing,
/// out of range or no class, naming its row.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, Fit, PredictProba, arrow::array::{BooleanArray, Float64Array, RecordBatch}};
/// use mlsys_models::ExistingPrediction;
///
/// let batch = RecordBatch::try_from_iter([
///     ("vendor_score", Arc::new(Float64Array::from(vec![0.2, 0.9])) as _),
///     ("late", Arc::new(BooleanArray::from(vec![false, true])) as _),
/// ])?;
/// let train = Dataset::new(batch.clone())?.target("late")?.ignore(["vendor_score"])?.into_train_all();
/// let model = ExistingPrediction::probability("vendor_score").fit(&train)?;
/// assert_eq!(model.predict_proba(&batch)?.positive(), [0.2, 0.9]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when the column was made with knowledge of the outcome. **Instead**: [`Rule`](crate::Rule) for a
/// verdict that must be computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct ExistingPrediction {
    column: String,
    holds: Holds,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Holds {
    Probability,
    Label,
}

impl ExistingPrediction {
    /// A column with the probability of the last class.
    pub fn probability(column: impl Into<String>) -> Self {
        Self { column: column.into(), holds: Holds::Probability }
    }

    /// A column with a class.
    pub fn label(column: impl Into<String>) -> Self {
        Self { column: column.into(), holds: Holds::Label }
    }
}

impl Fit for ExistingPrediction {
    type Fitted = FittedExistingPrediction;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedExistingPrediction> {
        let input = InputColumn::new(train.layout(), &self.column)?;
        let classes = match self.holds {
            Holds::Probability => {
                if !matches!(input.kind(), Kind::Integer | Kind::Float) {
                    let found = train.column(&self.column)?.data_type().clone();
                    return Err(Error::column_type(&self.column, "numeric to hold probabilities", found));
                }
                two_classes(train, "a probability `ExistingPrediction`")?
            }
            Holds::Label => Classes::new(train.labels("ExistingPrediction")?.distinct)?,
        };
        Ok(FittedExistingPrediction { classes, input, holds: self.holds })
    }
}

/// What fitting an [`ExistingPrediction`] returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedExistingPrediction {
    classes: Classes,
    input: InputColumn,
    holds: Holds,
}

mlsys_core::artifact!(FittedExistingPrediction, "mlsys.ExistingPrediction", 1);

impl FittedExistingPrediction {
    fn validate(&self) -> Result<()> {
        self.classes.validate()?;
        match (self.holds, self.classes.n_classes()) {
            (Holds::Probability, k) if k != 2 => Err(Error::shape("classes", "two", k)),
            _ => Ok(()),
        }
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        vec![self.input.clone()]
    }
}

impl Predict for FittedExistingPrediction {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(self.classes.take(self.predict_proba(batch)?.argmax()))
    }
}

impl PredictProba for FittedExistingPrediction {
    fn classes(&self) -> &Classes {
        &self.classes
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        let (name, array) = (self.input.name(), self.input.find(batch)?);
        match self.holds {
            Holds::Probability => {
                let values = column::finite(name, array)?;
                match values.iter().position(|p| !(0.0..=1.0).contains(p)) {
                    Some(row) => {
                        Err(Error::invalid_value(name, Some(row), values[row], "probabilities from 0 to 1"))
                    }
                    None => Probabilities::binary(&values),
                }
            }
            Holds::Label => one_hot(&self.classes.indices(name, array.as_ref())?, self.classes.n_classes()),
        }
    }
}

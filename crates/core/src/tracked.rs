//! A recipe whose fitted value knows the rows that it was fitted on.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Schema, SchemaRef};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::artifact::{Artifact, LoadArtifact, StepReader, Steps};
use crate::chain::named;
use crate::fit::Watch;
use crate::{Classes, Dataset, InputColumn, Probabilities, Result, RowTracking, RowsSeen, Train, Validation};
use crate::{
    DecisionFunction, Fit, FitTransform, FitValidated, PartialFit, Predict, PredictProba, Transform,
};

/// The rows that a fitted value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RowsUsed {
    /// The rows that it learned from.
    pub train: RowsSeen,
    /// The rows that it was chosen or stopped by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<RowsSeen>,
}

/// A recipe that notes the rows that it is fitted on. Made by [`Fit::tracked`].
///
/// The fitted value does what that of the inner recipe does, and the note stays with it: in a chain, in an artefact, and
/// when that is loaded by a process that does not know the type. [`Artifact::rows_used`] gives it back.
///
/// Input: training rows (and validation rows) that are tracked; those that the inner recipe sees, so that
/// `a.then(b).tracked(..)` notes the rows before `a`, and a resampler before it adds rows that are counted as synthetic.
/// One pass over two keys per row.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Artifact, Dataset, Fit, Identity, RowTracking, arrow::array::{Int64Array, RecordBatch}, artifact};
///
/// let batch = RecordBatch::try_from_iter([("x", Arc::new(Int64Array::from_iter_values(0..100)) as _)])?;
/// let data = Dataset::new(batch)?.track_rows()?;
/// let (train, test) = data.split_at_rows(&(0..80).collect::<Vec<_>>(), &(80..100).collect::<Vec<_>>())?;
///
/// let model = Identity::new().tracked(RowTracking::EveryRow).fit(&train)?;
/// let bytes = artifact::to_bytes(&model)?;
/// let used = &artifact::describe(&bytes)?.rows_used[0];
/// assert_eq!(used.train.n_rows(), 80);
/// assert!(used.train.overlap(&test)?.is_clean());
/// assert_eq!(used.train.overlap(&data)?.same.len(), 80);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// Of `fit`: [`Unsupported`](crate::ErrorKind::Unsupported) for rows without keys, which says what to call;
/// [`InvalidParameter`](crate::ErrorKind::InvalidParameter) for a sketch of no rows; those of the inner recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct Tracked<A> {
    inner: A,
    tracking: RowTracking,
}

impl<A> Tracked<A> {
    pub(crate) fn new(inner: A, tracking: RowTracking) -> Self {
        Self { inner, tracking }
    }

    fn rows(
        &self,
        train: &Dataset<Train>,
        validation: Option<&Dataset<Validation>>,
    ) -> Result<Arc<RowsUsed>> {
        let train = RowsSeen::of(train, self.tracking)?;
        let validation = validation.map(|rows| RowsSeen::of(rows, self.tracking)).transpose()?;
        Ok(Arc::new(RowsUsed { train, validation }))
    }
}

/// What fitting a [`Tracked`] recipe returns: does what the inner fitted value does.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedTracked<F> {
    inner: F,
    rows: Arc<RowsUsed>,
}

impl<F> FittedTracked<F> {
    pub(crate) fn of(inner: F, rows: Arc<RowsUsed>) -> Self {
        Self { inner, rows }
    }

    /// The fitted value inside.
    pub fn inner(&self) -> &F {
        &self.inner
    }

    /// The fitted value inside, without the note.
    pub fn into_inner(self) -> F {
        self.inner
    }

    /// The rows that it was fitted on.
    pub fn rows(&self) -> &RowsUsed {
        &self.rows
    }
}

impl<A: Fit> Fit for Tracked<A> {
    type Fitted = FittedTracked<A::Fitted>;

    fn fit(&self, train: &Dataset<Train>) -> Result<Self::Fitted> {
        let rows = self.rows(train, None)?;
        let inner = self.inner.fit(train).map_err(|e| named::<A>(e, "fitting"))?;
        Ok(FittedTracked { inner, rows })
    }
}

impl<A: FitValidated> FitValidated for Tracked<A> {
    fn fit_validated(
        &self,
        train: &Dataset<Train>,
        validation: &Dataset<Validation>,
    ) -> Result<Self::Fitted> {
        let rows = self.rows(train, Some(validation))?;
        let inner = self.inner.fit_validated(train, validation).map_err(|e| named::<A>(e, "fitting"))?;
        Ok(FittedTracked { inner, rows })
    }
}

impl<A: FitTransform<Fitted: Transform>> FitTransform for Tracked<A> {
    fn fit_transform(&self, train: Dataset<Train>) -> Result<(Self::Fitted, Dataset<Train>)> {
        let rows = self.rows(&train, None)?;
        let (inner, data) = self.inner.fit_transform(train).map_err(|e| named::<A>(e, "fitting"))?;
        Ok((FittedTracked { inner, rows }, data))
    }

    fn fit_transform_watched(
        &self,
        train: Dataset<Train>,
        watch: &mut Watch<'_>,
    ) -> Result<(Self::Fitted, Dataset<Train>)> {
        let rows = self.rows(&train, None)?;
        let (inner, data) =
            self.inner.fit_transform_watched(train, watch).map_err(|e| named::<A>(e, "fitting"))?;
        Ok((FittedTracked { inner, rows }, data))
    }
}

/// The rows that it learns from later are added to those that it has learned from.
impl<F: PartialFit> PartialFit for FittedTracked<F> {
    fn partial_fit(&mut self, train: &Dataset<Train>) -> Result<()> {
        let more = RowsSeen::of(train, self.rows.train.tracking())?;
        self.inner.partial_fit(train)?;
        Arc::make_mut(&mut self.rows).train.merge(&more);
        Ok(())
    }
}

impl<F: Transform> Transform for FittedTracked<F> {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        self.inner.transform(batch)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        self.inner.output_schema(input)
    }
}

impl<F: Predict> Predict for FittedTracked<F> {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        self.inner.predict(batch)
    }
}

impl<F: PredictProba> PredictProba for FittedTracked<F> {
    fn classes(&self) -> &Classes {
        self.inner.classes()
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        self.inner.predict_proba(batch)
    }
}

impl<F: DecisionFunction> DecisionFunction for FittedTracked<F> {
    fn labels(&self) -> &Classes {
        self.inner.labels()
    }

    fn decision_function(&self, batch: &RecordBatch) -> Result<Array2<f64>> {
        self.inner.decision_function(batch)
    }
}

impl<F: Artifact> Artifact for FittedTracked<F> {
    fn save_steps(&self, steps: &mut Steps) -> Result<()> {
        steps.push_rows(&self.rows);
        self.inner.save_steps(steps)
    }

    fn inputs(&self) -> Option<Vec<InputColumn>> {
        self.inner.inputs()
    }
}

impl<F: LoadArtifact> LoadArtifact for FittedTracked<F> {
    fn load_steps(steps: &mut StepReader<'_>) -> Result<Self> {
        let rows = steps.next_rows()?;
        Ok(Self { inner: F::load_steps(steps)?, rows })
    }
}

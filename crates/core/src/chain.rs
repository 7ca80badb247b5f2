//! Composition: steps one after another, limited to columns, resampled in between, chosen at run time.

use std::any::type_name;
use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Schema, SchemaRef};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::artifact::{Artifact, LoadArtifact, StepReader, Steps};
use crate::fit::Watch;
use crate::{Classes, Columns, Dataset, InputColumn, Layout, Probabilities, Result, Train, Validation};
use crate::{DecisionFunction, Fit, FitTransform, FitValidated, Predict, PredictProba, Resample, Transform};

/// A recipe of one step and then another. Made by [`Fit::then`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct Chain<A, B> {
    first: A,
    second: B,
}

impl<A, B> Chain<A, B> {
    pub(crate) fn new(first: A, second: B) -> Self {
        Self { first, second }
    }

    /// The recipe before the last.
    pub fn first(&self) -> &A {
        &self.first
    }

    /// The last recipe.
    pub fn second(&self) -> &B {
        &self.second
    }

    /// As [`Fit::fit`], and tells of each step as soon as it is done; with the last one, which need not transform, of the
    /// rows that it was fitted on.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use mlsys_core::{Dataset, Fit, Identity, arrow::array::{Int64Array, RecordBatch}};
    ///
    /// let batch = RecordBatch::try_from_iter([("x", Arc::new(Int64Array::from(vec![1, 2])) as _)])?;
    /// let train = Dataset::new(batch)?.into_train_all();
    /// let mut steps = Vec::new();
    /// Identity::new().then(Identity::new().on(["x"])).then(Identity::new()).fit_watched(&train, &mut |name, _, rows| {
    ///     steps.push((name.to_owned(), rows.n_rows()));
    ///     Ok(())
    /// })?;
    /// assert_eq!(steps, vec![("Identity".into(), 2); 3]);
    /// # Ok::<(), mlsys_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Fit::fit`], and what `watch` returns.
    pub fn fit_watched(
        &self,
        train: &Dataset<Train>,
        watch: &mut Watch<'_>,
    ) -> Result<FittedChain<A::Fitted, B::Fitted>>
    where
        A: FitTransform<Fitted: Transform>,
        B: Fit<Fitted: Artifact>,
    {
        let (first, data) =
            self.first.fit_transform_watched(train.clone(), watch).map_err(|e| named::<A>(e, "fitting"))?;
        let second = self.second.fit(&data).map_err(|e| named::<B>(e, "fitting"))?;
        watch(step_name::<B>(), &second, &data)?;
        Ok(FittedChain { first, second })
    }
}

/// What fitting a [`Chain`] returns: transforms and predicts as its last step does.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedChain<A, B> {
    first: A,
    second: B,
}

impl<A, B> FittedChain<A, B> {
    pub(crate) fn of(first: A, second: B) -> Self {
        Self { first, second }
    }

    /// The steps before the last.
    pub fn first(&self) -> &A {
        &self.first
    }

    /// The last step.
    pub fn second(&self) -> &B {
        &self.second
    }
}

/// The type's name without paths and parameters, for messages.
fn short_name<T>() -> &'static str {
    let name = type_name::<T>();
    let name = name.split('<').next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name)
}

/// The short name of a step, without what limits or notes it.
pub(crate) fn step_name<T: ?Sized>() -> &'static str {
    let mut name = type_name::<T>();
    loop {
        let (outer, inner) = name.split_once('<').unwrap_or((name, ""));
        let outer = outer.split(',').next().unwrap_or(outer);
        let outer = outer.trim_end_matches('>').rsplit("::").next().unwrap_or(outer);
        match outer {
            "On" | "Tracked" | "Resampled" | "Box" if !inner.is_empty() => name = inner,
            _ => return outer,
        }
    }
}

impl<A, B> Fit for Chain<A, B>
where
    A: FitTransform<Fitted: Transform>,
    B: Fit,
{
    type Fitted = FittedChain<A::Fitted, B::Fitted>;

    fn fit(&self, train: &Dataset<Train>) -> Result<Self::Fitted> {
        let (first, data) = self.first.fit_transform(train.clone()).map_err(|e| named::<A>(e, "fitting"))?;
        let second = self.second.fit(&data).map_err(|e| named::<B>(e, "fitting"))?;
        Ok(FittedChain { first, second })
    }
}

/// Validation rows pass through the fitted first part.
impl<A, B> FitValidated for Chain<A, B>
where
    A: FitTransform<Fitted: Transform>,
    B: FitValidated,
{
    fn fit_validated(
        &self,
        train: &Dataset<Train>,
        validation: &Dataset<Validation>,
    ) -> Result<Self::Fitted> {
        let (first, data) = self.first.fit_transform(train.clone()).map_err(|e| named::<A>(e, "fitting"))?;
        let validation = validation.apply(&first).map_err(|e| named::<A>(e, "applying"))?;
        let second = self.second.fit_validated(&data, &validation).map_err(|e| named::<B>(e, "fitting"))?;
        Ok(FittedChain { first, second })
    }
}

impl<A, B> FitTransform for Chain<A, B>
where
    A: FitTransform<Fitted: Transform>,
    B: FitTransform<Fitted: Transform>,
{
    fn fit_transform(&self, train: Dataset<Train>) -> Result<(Self::Fitted, Dataset<Train>)> {
        let (first, data) = self.first.fit_transform(train).map_err(|e| named::<A>(e, "fitting"))?;
        let (second, data) = self.second.fit_transform(data).map_err(|e| named::<B>(e, "fitting"))?;
        Ok((FittedChain { first, second }, data))
    }

    fn fit_transform_watched(
        &self,
        train: Dataset<Train>,
        watch: &mut Watch<'_>,
    ) -> Result<(Self::Fitted, Dataset<Train>)> {
        let (first, data) =
            self.first.fit_transform_watched(train, watch).map_err(|e| named::<A>(e, "fitting"))?;
        let (second, data) =
            self.second.fit_transform_watched(data, watch).map_err(|e| named::<B>(e, "fitting"))?;
        Ok((FittedChain { first, second }, data))
    }
}

/// Says in which step an error arose; a nested chain has said so already.
pub(crate) fn named<T>(error: crate::Error, doing: &str) -> crate::Error {
    match short_name::<T>() {
        "Chain" | "On" | "Resampled" | "Tracked" | "FittedChain" | "FittedTracked" | "Box" => error,
        name => error.context(format!("{doing} {name}")),
    }
}

impl<A: Transform, B: Transform> Transform for FittedChain<A, B> {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        self.second.transform(&self.first.transform(batch)?)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        self.second.output_schema(self.first.output_schema(input)?.as_ref())
    }
}

impl<A: Transform, B: Predict> Predict for FittedChain<A, B> {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        self.second.predict(&self.first.transform(batch)?)
    }
}

impl<A: Transform, B: PredictProba> PredictProba for FittedChain<A, B> {
    fn classes(&self) -> &Classes {
        self.second.classes()
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        self.second.predict_proba(&self.first.transform(batch)?)
    }
}

impl<A: Transform, B: DecisionFunction> DecisionFunction for FittedChain<A, B> {
    fn labels(&self) -> &Classes {
        self.second.labels()
    }

    fn decision_function(&self, batch: &RecordBatch) -> Result<Array2<f64>> {
        self.second.decision_function(&self.first.transform(batch)?)
    }
}

impl<A: Artifact, B: Artifact> Artifact for FittedChain<A, B> {
    fn save_steps(&self, steps: &mut Steps) -> Result<()> {
        self.first.save_steps(steps)?;
        self.second.save_steps(steps)
    }

    fn inputs(&self) -> Option<Vec<InputColumn>> {
        let mut inputs = self.first.inputs()?;
        inputs.extend(self.second.inputs()?);
        Some(inputs)
    }
}

impl<A: LoadArtifact, B: LoadArtifact> LoadArtifact for FittedChain<A, B> {
    fn load_steps(steps: &mut StepReader<'_>) -> Result<Self> {
        Ok(Self { first: A::load_steps(steps)?, second: B::load_steps(steps)? })
    }
}

/// A step limited to some of the features. Made by [`Fit::on`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct On<A> {
    inner: A,
    columns: Columns,
}

impl<A> On<A> {
    pub(crate) fn new(inner: A, columns: Columns) -> Self {
        Self { inner, columns }
    }

    pub(crate) fn inner(&self) -> &A {
        &self.inner
    }

    /// The same columns with every other feature ignored.
    pub(crate) fn layout(&self, layout: &Layout) -> Result<Layout> {
        self.columns.limit(layout)
    }
}

impl<A: Fit> Fit for On<A> {
    type Fitted = A::Fitted;

    fn fit(&self, train: &Dataset<Train>) -> Result<Self::Fitted> {
        self.inner.fit(&train.on(self.columns.clone())?).map_err(|e| named::<A>(e, "fitting"))
    }
}

impl<A: FitValidated> FitValidated for On<A> {
    fn fit_validated(
        &self,
        train: &Dataset<Train>,
        validation: &Dataset<Validation>,
    ) -> Result<Self::Fitted> {
        let limited = train.on(self.columns.clone())?;
        self.inner.fit_validated(&limited, validation).map_err(|e| named::<A>(e, "fitting"))
    }
}

impl<A> On<A> {
    /// Gives back only what was taken: columns that the user ignored stay ignored.
    fn given_back(&self, out: Dataset<Train>, train: &Dataset<Train>) -> Result<Dataset<Train>> {
        let mut roles = out.roles().clone();
        roles.ignored.retain(|name| train.roles().ignored.contains(name));
        out.with_roles(roles, train.layout().chosen)
    }
}

impl<A: FitTransform<Fitted: Transform>> FitTransform for On<A> {
    fn fit_transform(&self, train: Dataset<Train>) -> Result<(Self::Fitted, Dataset<Train>)> {
        let limited = train.on(self.columns.clone())?;
        let (fitted, out) = self.inner.fit_transform(limited).map_err(|e| named::<A>(e, "fitting"))?;
        Ok((fitted, self.given_back(out, &train)?))
    }

    fn fit_transform_watched(
        &self,
        train: Dataset<Train>,
        watch: &mut Watch<'_>,
    ) -> Result<(Self::Fitted, Dataset<Train>)> {
        let limited = train.on(self.columns.clone())?;
        let (fitted, out) =
            self.inner.fit_transform_watched(limited, watch).map_err(|e| named::<A>(e, "fitting"))?;
        Ok((fitted, self.given_back(out, &train)?))
    }
}

/// A step after which the training rows are resampled. Made by [`Fit::resample`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct Resampled<A, R> {
    inner: A,
    resampler: R,
}

impl<A, R> Resampled<A, R> {
    pub(crate) fn new(inner: A, resampler: R) -> Self {
        Self { inner, resampler }
    }
}

impl<A: Fit, R: Resample> Fit for Resampled<A, R> {
    type Fitted = A::Fitted;

    fn fit(&self, train: &Dataset<Train>) -> Result<Self::Fitted> {
        self.inner.fit(train)
    }
}

impl<A: FitTransform<Fitted: Transform>, R: Resample> FitTransform for Resampled<A, R> {
    fn fit_transform(&self, train: Dataset<Train>) -> Result<(Self::Fitted, Dataset<Train>)> {
        let (fitted, data) = self.inner.fit_transform(train)?;
        let data = self.resampler.resample(data).map_err(|e| named::<R>(e, "resampling with"))?;
        Ok((fitted, data))
    }

    fn fit_transform_watched(
        &self,
        train: Dataset<Train>,
        watch: &mut Watch<'_>,
    ) -> Result<(Self::Fitted, Dataset<Train>)> {
        let (fitted, data) = self.inner.fit_transform_watched(train, watch)?;
        let data = self.resampler.resample(data).map_err(|e| named::<R>(e, "resampling with"))?;
        watch(step_name::<R>(), &Identity::new(), &data)?;
        Ok((fitted, data))
    }
}

/// The step that changes nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {}

impl Identity {
    /// The step that changes nothing.
    pub fn new() -> Self {
        Self {}
    }

    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        Vec::new()
    }
}

impl Fit for Identity {
    type Fitted = Self;

    fn fit(&self, _: &Dataset<Train>) -> Result<Self> {
        Ok(*self)
    }
}

impl FitTransform for Identity {}

impl Transform for Identity {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        Ok(batch.clone())
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        Ok(Arc::new(input.clone()))
    }
}

crate::artifact!(Identity, "mlsys.Identity", 1);

/// A fit whose result is boxed as `D`. Implemented for every recipe whose fitted value is a `D`.
pub trait DynFit<D: ?Sized> {
    /// Fits and boxes.
    ///
    /// # Errors
    ///
    /// As [`Fit::fit`].
    fn fit_boxed(&self, train: &Dataset<Train>) -> Result<Box<D>>;
}

impl<T: Fit<Fitted: Transform + 'static>> DynFit<dyn Transform> for T {
    fn fit_boxed(&self, train: &Dataset<Train>) -> Result<Box<dyn Transform>> {
        Ok(Box::new(self.fit(train)?))
    }
}

impl<T: Fit<Fitted: Predict + 'static>> DynFit<dyn Predict> for T {
    fn fit_boxed(&self, train: &Dataset<Train>) -> Result<Box<dyn Predict>> {
        Ok(Box::new(self.fit(train)?))
    }
}

impl<T: Fit<Fitted: PredictProba + 'static>> DynFit<dyn PredictProba> for T {
    fn fit_boxed(&self, train: &Dataset<Train>) -> Result<Box<dyn PredictProba>> {
        Ok(Box::new(self.fit(train)?))
    }
}

/// A recipe whose type is forgotten. Made by [`Fit::boxed`].
pub struct BoxedFit<D: ?Sized>(Arc<dyn DynFit<D> + Send + Sync>);

impl<D: ?Sized> BoxedFit<D> {
    pub(crate) fn new<T: DynFit<D> + Send + Sync + 'static>(recipe: T) -> Self {
        Self(Arc::new(recipe))
    }
}

impl<D: ?Sized> Clone for BoxedFit<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<D: ?Sized> fmt::Debug for BoxedFit<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxedFit")
    }
}

impl<D: ?Sized> Fit for BoxedFit<D> {
    type Fitted = Box<D>;

    fn fit(&self, train: &Dataset<Train>) -> Result<Box<D>> {
        self.0.fit_boxed(train)
    }
}

type DynFitted = (Box<dyn Transform>, Dataset<Train>);

trait DynFitTransform: Send + Sync {
    fn fit_dyn(&self, train: &Dataset<Train>) -> Result<Box<dyn Transform>>;
    fn fit_transform_dyn(&self, train: Dataset<Train>) -> Result<DynFitted>;
    fn fit_watched_dyn(&self, train: Dataset<Train>, watch: &mut Watch<'_>) -> Result<DynFitted>;
}

impl<T: FitTransform<Fitted: Transform + 'static> + Send + Sync> DynFitTransform for T {
    fn fit_dyn(&self, train: &Dataset<Train>) -> Result<Box<dyn Transform>> {
        Ok(Box::new(self.fit(train)?))
    }

    fn fit_transform_dyn(&self, train: Dataset<Train>) -> Result<DynFitted> {
        let (fitted, data) = self.fit_transform(train)?;
        Ok((Box::new(fitted), data))
    }

    fn fit_watched_dyn(&self, train: Dataset<Train>, watch: &mut Watch<'_>) -> Result<DynFitted> {
        let (fitted, data) = self.fit_transform_watched(train, watch)?;
        Ok((Box::new(fitted), data))
    }
}

/// A step whose type is forgotten. Made by [`Fit::boxed_step`].
#[derive(Clone)]
pub struct BoxedStep(Arc<dyn DynFitTransform>);

impl BoxedStep {
    pub(crate) fn new<T>(step: T) -> Self
    where
        T: FitTransform<Fitted: Transform + 'static> + Send + Sync + 'static,
    {
        Self(Arc::new(step))
    }
}

impl fmt::Debug for BoxedStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxedStep")
    }
}

impl Fit for BoxedStep {
    type Fitted = Box<dyn Transform>;

    fn fit(&self, train: &Dataset<Train>) -> Result<Self::Fitted> {
        self.0.fit_dyn(train)
    }
}

impl FitTransform for BoxedStep {
    fn fit_transform(&self, train: Dataset<Train>) -> Result<(Self::Fitted, Dataset<Train>)> {
        self.0.fit_transform_dyn(train)
    }

    fn fit_transform_watched(
        &self,
        train: Dataset<Train>,
        watch: &mut Watch<'_>,
    ) -> Result<(Self::Fitted, Dataset<Train>)> {
        self.0.fit_watched_dyn(train, watch)
    }
}

//! The verbs: what a recipe and a fitted value can do.

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Schema, SchemaRef};
use ndarray::Array2;

use crate::artifact::Artifact;
use crate::chain::{BoxedFit, BoxedStep, Chain, DynFit, Identity, On, Resampled, step_name};
use crate::statistic;
use crate::{
    Batches, Classes, Columns, Dataset, Fold, Layout, Probabilities, Result, RowTracking, Statistic, Test,
    Tracked, Train, Unsplit, Validation,
};

/// A recipe: a plain value, cheap to clone, validated when used. Only training rows can be fitted.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a recipe that can be fitted",
    label = "expected a recipe (`Fit`), such as `StandardScaler::new()`",
    note = "fit a recipe on a `Dataset<Train>`; what `fit` returns transforms or predicts"
)]
pub trait Fit {
    /// What fitting returns.
    type Fitted;

    /// Learns from training rows, which stay as they are.
    ///
    /// # Errors
    ///
    /// When a parameter is out of range, or the rows do not suit the recipe; each recipe lists its own.
    fn fit(&self, train: &Dataset<Train>) -> Result<Self::Fitted>;

    /// This recipe and then another one on what it made.
    fn then<B: Fit>(self, next: B) -> Chain<Self, B>
    where
        Self: FitTransform<Fitted: Transform> + Sized,
    {
        Chain::new(self, next)
    }

    /// Resamples the training rows after this step. Acts while fitting only.
    fn resample<R: Resample>(self, resampler: R) -> Resampled<Self, R>
    where
        Self: FitTransform<Fitted: Transform> + Sized,
    {
        Resampled::new(self, resampler)
    }

    /// Limits the step to some of the features; the others pass through.
    fn on(self, columns: impl Into<Columns>) -> On<Self>
    where
        Self: Sized,
    {
        On::new(self, columns.into())
    }

    /// Notes the rows that the recipe is fitted on, so that an audit can tell which other rows are among them. They must have
    /// keys: [`Dataset::track_rows`].
    fn tracked(self, tracking: RowTracking) -> Tracked<Self>
    where
        Self: Sized,
    {
        Tracked::new(self, tracking)
    }

    /// Forgets the type, for a choice made at run time: `.boxed::<dyn PredictProba>()`.
    fn boxed<D: ?Sized>(self) -> BoxedFit<D>
    where
        Self: DynFit<D> + Sized + Send + Sync + 'static,
    {
        BoxedFit::new(self)
    }

    /// Forgets the type of a step and keeps its `fit_transform`.
    fn boxed_step(self) -> BoxedStep
    where
        Self: FitTransform<Fitted: Transform + 'static> + Sized + Send + Sync + 'static,
    {
        BoxedStep::new(self)
    }
}

/// A recipe that may look at validation rows while it is fitted: to stop early, or to choose. Never at test rows.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be fitted with validation rows",
    label = "not a `FitValidated`",
    note = "`Gbdt` stops early by validation rows, also at the end of a chain"
)]
pub trait FitValidated: Fit {
    /// Learns from training rows, and goes by validation rows in what it does not learn.
    ///
    /// # Errors
    ///
    /// As [`Fit::fit`].
    fn fit_validated(&self, train: &Dataset<Train>, validation: &Dataset<Validation>)
    -> Result<Self::Fitted>;
}

/// A recipe whose fitted value transforms.
///
/// `fit_transform` is what the next step sees while training. Out-of-fold encoders and resamplers override it;
/// for all others it is fit, then transform.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a step that transforms",
    label = "a chain continues only after a step whose fitted value is a `Transform`"
)]
pub trait FitTransform: Fit {
    /// Fits, and gives the training rows as the next step shall see them.
    ///
    /// # Errors
    ///
    /// As [`Fit::fit`] and [`Transform::transform`].
    fn fit_transform(&self, train: Dataset<Train>) -> Result<(Self::Fitted, Dataset<Train>)>
    where
        Self::Fitted: Transform,
    {
        let fitted = self.fit(&train)?;
        let transformed = train.apply(&fitted)?;
        Ok((fitted, transformed))
    }

    /// As [`fit_transform`](Self::fit_transform), and tells of each step as soon as it is done: how two fits of a chain are
    /// compared step by step. A step that is no chain is one step; a resampler is one that fits nothing.
    ///
    /// # Errors
    ///
    /// As [`fit_transform`](Self::fit_transform), and what `watch` returns.
    fn fit_transform_watched(
        &self,
        train: Dataset<Train>,
        watch: &mut Watch<'_>,
    ) -> Result<(Self::Fitted, Dataset<Train>)>
    where
        Self::Fitted: Transform + Sized,
    {
        let (fitted, rows) = self.fit_transform(train)?;
        watch(step_name::<Self>(), &fitted, &rows)?;
        Ok((fitted, rows))
    }
}

/// Is told a step's name, its fitted value, and the training rows after it.
pub type Watch<'a> = dyn FnMut(&str, &dyn Artifact, &Dataset<Train>) -> Result<()> + 'a;

/// A fitted (or stateless) step. Works on a bare batch, so that serving needs no [`Dataset`].
///
/// Rows and their order stay. Columns that the step does not know pass through in place; what it makes of a
/// column stands where the column stood. Target, weight, time, group and id columns may be absent.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot transform",
    label = "not a `Transform`",
    note = "a recipe must be fitted first: `let fitted = recipe.fit(&train)?`, where `train` is a `Dataset<Train>`"
)]
pub trait Transform: Artifact + Send + Sync {
    /// The transformed rows.
    ///
    /// # Errors
    ///
    /// When a column that was fitted is missing or has another kind.
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch>;

    /// The schema that [`transform`](Self::transform) will return for this input schema.
    ///
    /// # Errors
    ///
    /// As [`transform`](Self::transform).
    fn output_schema(&self, input: &Schema) -> Result<SchemaRef>;
}

/// A fitted model.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot predict",
    label = "not a `Predict`",
    note = "a recipe must be fitted first: `let model = recipe.fit(&train)?`, where `train` is a `Dataset<Train>`"
)]
pub trait Predict: Artifact + Send + Sync {
    /// A prediction per row: a class of the target's kind, or a Float64.
    ///
    /// # Errors
    ///
    /// When a column that was fitted is missing or has another kind.
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef>;
}

/// A fitted classifier that gives a probability per class.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not give probabilities",
    label = "not a `PredictProba`",
    note = "a recipe must be fitted first: `let model = recipe.fit(&train)?`, where `train` is a `Dataset<Train>`"
)]
pub trait PredictProba: Predict {
    /// The classes, ascending; the positive one is the last.
    fn classes(&self) -> &Classes;

    /// A row of probabilities per row, in the order of [`classes`](Self::classes).
    ///
    /// # Errors
    ///
    /// As [`Predict::predict`].
    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities>;
}

/// A fitted classifier whose scores say how far a row is on which side of the border, such as a support vector machine. Under the
/// hinge loss a row is within the margin where its score, signed by its class, is at most 1.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no decision function",
    label = "not a `DecisionFunction`",
    note = "`SgdClassifier` has one, also at the end of a chain"
)]
pub trait DecisionFunction: Predict {
    /// The classes, ascending; the positive one is the last.
    fn labels(&self) -> &Classes;

    /// A row of scores per row: one score for two classes, positive for the last; else one per class, the largest of which is
    /// predicted.
    ///
    /// # Errors
    ///
    /// As [`Predict::predict`].
    fn decision_function(&self, batch: &RecordBatch) -> Result<Array2<f64>>;
}

/// A fitted value that learns on from more training rows.
pub trait PartialFit {
    /// Learns from further training rows.
    ///
    /// # Errors
    ///
    /// When the rows do not suit what was fitted.
    fn partial_fit(&mut self, train: &Dataset<Train>) -> Result<()>;
}

/// Chooses or makes training rows. There is no way to resample test rows.
#[diagnostic::on_unimplemented(message = "`{Self}` is not a resampler", label = "expected a `Resample`")]
pub trait Resample {
    /// The resampled training rows, with the same schema and roles.
    ///
    /// # Errors
    ///
    /// When the rows do not suit the resampler.
    fn resample(&self, train: Dataset<Train>) -> Result<Dataset<Train>>;

    /// Resamples first, then fits another recipe. Acts while fitting only.
    fn then<B: Fit>(self, next: B) -> Chain<Resampled<Identity, Self>, B>
    where
        Self: Sized,
    {
        Chain::new(Resampled::new(Identity::new(), self), next)
    }
}

/// Divides rows into training and test rows.
///
/// An implementation says which rows; the datasets follow from it. The same splitter divides all rows into training
/// and test rows, training rows into training and validation rows, and both in turn. Object safe: `&dyn Split` is a
/// splitter chosen at run time.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, Result, Split, Unsplit, arrow::array::{Int64Array, RecordBatch}};
///
/// /// The last rows, as they come, for testing.
/// struct Last(usize);
///
/// impl Split for Last {
///     fn rows(&self, data: &Dataset<Unsplit>) -> Result<(Vec<usize>, Vec<usize>)> {
///         let end = data.n_rows().saturating_sub(self.0);
///         Ok(((0..end).collect(), (end..data.n_rows()).collect()))
///     }
/// }
///
/// let batch = RecordBatch::try_from_iter([("x", Arc::new(Int64Array::from_iter_values(0..10)) as _)])?;
/// let (train, validation, test) = Last(3).three_way(&Last(2), Dataset::new(batch)?)?;
/// assert_eq!((train.n_rows(), validation.n_rows(), test.n_rows()), (5, 2, 3));
/// assert_eq!(validation.row_ids(), [5, 6]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[diagnostic::on_unimplemented(message = "`{Self}` is not a splitter", label = "expected a `Split`")]
pub trait Split {
    /// The training rows and the test rows, each ascending. No row is on both sides; a row is on neither when a gap
    /// or a purge takes it out.
    ///
    /// # Errors
    ///
    /// When a side would be empty, or a needed column is not there.
    fn rows(&self, data: &Dataset<Unsplit>) -> Result<(Vec<usize>, Vec<usize>)>;

    /// Training and test rows as datasets, in their old order.
    ///
    /// # Errors
    ///
    /// As [`rows`](Self::rows).
    fn split(&self, data: Dataset<Unsplit>) -> Result<(Dataset<Train>, Dataset<Test>)> {
        let (train, test) = self.rows(&data)?;
        data.split_at_rows(&train, &test)
    }

    /// Divides training rows once more: what would be test rows are for validation.
    ///
    /// # Errors
    ///
    /// As [`rows`](Self::rows).
    fn split_validation(&self, train: Dataset<Train>) -> Result<(Dataset<Train>, Dataset<Validation>)> {
        let (rows, validation) = self.rows(&train.undivided())?;
        train.fold(&Fold::new(rows, validation)?)
    }

    /// Three parts: test rows by this splitter, validation rows by another one from the rows that are left for
    /// training.
    ///
    /// # Errors
    ///
    /// As [`rows`](Self::rows) of either.
    fn three_way(&self, validation: &dyn Split, data: Dataset<Unsplit>) -> Result<ThreeWay> {
        let (rest, test) = self.split(data)?;
        let (train, validation) = validation.split_validation(rest)?;
        Ok((train, validation, test))
    }
}

/// What [`Split::three_way`] gives: the rows to fit, to choose by, and to judge by at the end.
pub type ThreeWay = (Dataset<Train>, Dataset<Validation>, Dataset<Test>);

/// Divides training rows again and again, for cross-validation. Object safe.
#[diagnostic::on_unimplemented(
    message = "`{Self}` makes no folds",
    label = "expected `Folds`, such as `KFold::new(5)`"
)]
pub trait Folds {
    /// The folds, as row indices into `train`.
    ///
    /// # Errors
    ///
    /// When there are too few rows, or a needed column is not there.
    fn folds(&self, train: &Dataset<Train>) -> Result<Vec<Fold>>;
}

impl<S: Split + ?Sized> Split for Box<S> {
    fn rows(&self, data: &Dataset<Unsplit>) -> Result<(Vec<usize>, Vec<usize>)> {
        (**self).rows(data)
    }

    // Both doors are passed on, because a splitter may have one of its own.
    fn split(&self, data: Dataset<Unsplit>) -> Result<(Dataset<Train>, Dataset<Test>)> {
        (**self).split(data)
    }

    fn split_validation(&self, train: Dataset<Train>) -> Result<(Dataset<Train>, Dataset<Validation>)> {
        (**self).split_validation(train)
    }
}

impl<F: Folds + ?Sized> Folds for Box<F> {
    fn folds(&self, train: &Dataset<Train>) -> Result<Vec<Fold>> {
        (**self).folds(train)
    }
}

/// A recipe whose fit is one pass: name the statistic, and [`Fit`], [`FitTransform`] and fitting from a stream
/// follow from it.
pub trait FitByStatistic {
    /// What is gathered.
    type Statistic: Statistic;
    /// What fitting returns.
    type Fitted;

    /// The statistic to gather from a table of this layout; checks the parameters.
    ///
    /// # Errors
    ///
    /// When a parameter is out of range, or a column does not suit the recipe.
    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic>;

    /// The fitted value, from what was gathered.
    ///
    /// # Errors
    ///
    /// When the rows did not suit the recipe.
    fn fitted(&self, layout: &Layout, output: <Self::Statistic as Statistic>::Output)
    -> Result<Self::Fitted>;

    /// Fits from a stream, with the bits that [`Fit::fit`] gives for the whole table.
    ///
    /// # Errors
    ///
    /// As [`Fit::fit`], and the stream's own.
    fn fit_batches(&self, train: Batches<Train>) -> Result<Self::Fitted> {
        let layout = train.layout().clone();
        let output = train.summarize(&self.statistic(&layout)?)?;
        self.fitted(&layout, output)
    }
}

#[diagnostic::do_not_recommend]
impl<T: FitByStatistic> Fit for T {
    type Fitted = T::Fitted;

    fn fit(&self, train: &Dataset<Train>) -> Result<Self::Fitted> {
        // Checks what a stream cannot: that not every weight is zero.
        train.weights()?;
        let output = statistic::summarize(&self.statistic(train.layout())?, train)?;
        self.fitted(train.layout(), output)
    }
}

#[diagnostic::do_not_recommend]
impl<T: FitByStatistic<Fitted: Transform>> FitTransform for T {}

impl<T: Transform + ?Sized> Transform for Box<T> {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        (**self).transform(batch)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        (**self).output_schema(input)
    }
}

impl<T: Predict + ?Sized> Predict for Box<T> {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        (**self).predict(batch)
    }
}

impl<T: PredictProba + ?Sized> PredictProba for Box<T> {
    fn classes(&self) -> &Classes {
        (**self).classes()
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        (**self).predict_proba(batch)
    }
}

impl<T: DecisionFunction + ?Sized> DecisionFunction for Box<T> {
    fn labels(&self) -> &Classes {
        (**self).labels()
    }

    fn decision_function(&self, batch: &RecordBatch) -> Result<Array2<f64>> {
        (**self).decision_function(batch)
    }
}

//! Imputation by any models.

mod fitted;
mod rows;

pub use fitted::{FittedModelImputer, ModelRound, NoModel};

use mlsys_core::arrow::array::ArrayRef;
use mlsys_core::{
    Coded, Columns, Dataset, Error, Fit, FitTransform, InputColumn, Kind, Predict, Progress, Result, Step,
    Train, column, silent,
};
use serde::{Deserialize, Serialize};

use crate::{FittedImputer, Indicators, MeanImputer, MostFrequentImputer};
use fitted::{Chain, Model};
use rows::{Rows, gaps};

const NAME: &str = "ModelImputer";

/// Fills each column by a model of your choice that predicts it from all others, in turn, until what is filled settles.
///
/// ```text
/// start: the mean, or the most frequent value.   In each round, for each column j with gaps, the fewest first: fit the model of j's
/// kind on the rows in which j is not missing, gaps of the other columns as filled so far; then j's gaps get its predictions.
/// Stop: max |X_t − X_{t−1}| < tol · max |X| over numbers, and share of categories that changed < tol, both over filled cells.
/// ```
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `numbers` | none | any [`Fit`] whose fitted value is a [`Predict`] | the model of integers and floats |
/// | `categories` | none | the same | the model of text and booleans |
/// | `max_iter` | 10 | 1 or more | rounds |
/// | `tol` | 1e-3 | 0 or more | when to stop; 0 runs all rounds |
/// | `indicators` | `None` | | adds `<column>_missing` columns |
///
/// **Input**: the features of the kinds that there is a model for are filled; null and NaN are missing. A model sees the others as its
/// features, floats instead of integers and plain text instead of dictionaries, none of them missing; and numbers without a model as they are: a model of numbers alone is a
/// chain that starts with an encoder, such as `OneHotEncoder::new().on(Columns::categorical())`. Row weights and ids are handed on to the models.
/// **Output**: floats keep their type, integers become Float64, categories stay as they are but for dictionaries, which become plain.
///
/// The models of every round are kept, so that new rows go the way of the training rows, each for itself. A column without gaps in training
/// gets its model once, after the last round, and is filled last. Where there is one column, or a category with one
/// value, the start is all there is; where a prediction is not finite, what was there before stands. [`rounds`](FittedModelImputer::rounds) tells
/// how it went; when it has not [`converged`](FittedModelImputer::converged) after `max_iter` rounds, that is no error.
///
/// **Errors**: [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for `max_iter` = 0, a bad `tol`, and without any model,
/// [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for a chosen feature that there is no model for and for predictions of another
/// kind, [`NonFinite`](mlsys_core::ErrorKind::NonFinite), [`AllMissing`](mlsys_core::ErrorKind::AllMissing), and the models', with
/// the column.
///
/// **Cost**: a fit per round and column with gaps, and one for each other column; as many models in the artefact.
///
/// ```
/// use mlsys_core::arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch};
/// use mlsys_core::arrow::datatypes::Float64Type;
/// use mlsys_core::{Dataset, Fit, Predict, Result, Train, Transform};
/// use mlsys_missing_values::ModelImputer;
/// # use std::sync::Arc;
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # struct Factor(f64);
/// # impl Factor {
/// #     fn validate(&self) -> Result<()> { Ok(()) }
/// #     fn input_columns(&self) -> Vec<mlsys_core::InputColumn> { Vec::new() }
/// # }
/// # mlsys_core::artifact!(Factor, "example.Factor", 1);
/// # impl Predict for Factor {
/// #     fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
/// #         let x = batch.column(0).as_primitive::<Float64Type>();
/// #         Ok(Arc::new(Float64Array::from_iter_values(x.values().iter().map(|x| x * self.0))))
/// #     }
/// # }
/// # struct Proportional;
/// # impl Fit for Proportional {
/// #     type Fitted = Factor;
/// #     fn fit(&self, train: &Dataset<Train>) -> Result<Factor> {
/// #         let y = train.target_values("Proportional")?;
/// #         let x = train.column(train.features()[0])?.as_primitive::<Float64Type>();
/// #         Ok(Factor(y.iter().sum::<f64>() / x.values().iter().sum::<f64>()))
/// #     }
/// # }
///
/// // `Proportional` is a recipe of yours, of one number: y = b x.
/// let column = |values: [Option<f64>; 4]| Arc::new(Float64Array::from_iter(values)) as _;
/// let rows = RecordBatch::try_from_iter([
///     ("x", column([Some(1.0), Some(2.0), None, Some(4.0)])),
///     ("y", column([Some(3.0), Some(6.0), Some(9.0), None])),
/// ])?;
/// let train = Dataset::new(rows)?.into_train_all();
/// let fitted = ModelImputer::new().numbers(Proportional).max_iter(50).tol(1e-9).fit(&train)?;
/// let filled = fitted.transform(train.batch())?;
/// assert!((filled["x"].as_primitive::<Float64Type>().value(2) - 3.0).abs() < 1e-6);
/// assert!((filled["y"].as_primitive::<Float64Type>().value(3) - 12.0).abs() < 1e-6);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** as every prediction does that is taken for a value: what follows takes it for more certain than it is. For draws, and
/// for regressions much faster, use [`IterativeImputer`](crate::IterativeImputer).
///
/// With random forests it is Daniel Stekhoven's and Peter Bühlmann's *MissForest*, 2012, but for when it stops; with one regression for
/// every column scikit-learn's `IterativeImputer`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct ModelImputer<R = NoModel, C = NoModel> {
    numbers: Given<R>,
    categories: Given<C>,
    max_iter: usize,
    tol: f64,
    indicators: Indicators,
}

/// As an [`Option`], which serde would lose where a recipe is written as nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Given<M> {
    Nothing,
    Model(M),
}

impl<M> Given<M> {
    fn is_model(&self) -> bool {
        matches!(self, Self::Model(_))
    }
}

impl Default for ModelImputer {
    fn default() -> Self {
        Self {
            numbers: Given::Nothing,
            categories: Given::Nothing,
            max_iter: 10,
            tol: 1e-3,
            indicators: Indicators::None,
        }
    }
}

impl ModelImputer {
    /// An imputer that still needs a model.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<R, C> ModelImputer<R, C> {
    /// The model of integers and floats.
    pub fn numbers<M>(self, model: M) -> ModelImputer<M, C> {
        let Self { categories, max_iter, tol, indicators, .. } = self;
        ModelImputer { numbers: Given::Model(model), categories, max_iter, tol, indicators }
    }

    /// The model of text and booleans.
    pub fn categories<M>(self, model: M) -> ModelImputer<R, M> {
        let Self { numbers, max_iter, tol, indicators, .. } = self;
        ModelImputer { numbers, categories: Given::Model(model), max_iter, tol, indicators }
    }

    /// How many rounds at most.
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// How little must change to stop: of numbers relative to the largest magnitude observed, of categories as a share.
    pub fn tol(mut self, tol: f64) -> Self {
        self.tol = tol;
        self
    }

    /// Which indicator columns to add.
    pub fn indicators(mut self, indicators: Indicators) -> Self {
        self.indicators = indicators;
        self
    }

    fn check(&self) -> Result<()> {
        if self.max_iter == 0 {
            return Err(Error::invalid_parameter(NAME, "max_iter", 0, "1 or more"));
        }
        if !(self.tol.is_finite() && self.tol >= 0.0) {
            return Err(Error::invalid_parameter(NAME, "tol", self.tol, "0 or more"));
        }
        Ok(())
    }

    /// Whether there is a model of a kind.
    fn fills(&self, kind: Kind) -> bool {
        match kind {
            Kind::Integer | Kind::Float => self.numbers.is_model(),
            Kind::Text | Kind::Boolean => self.categories.is_model(),
            _ => false,
        }
    }

    /// The columns that models read, by name, and whether there is a model that fills them.
    fn inputs(&self, train: &Dataset<Train>) -> Result<(Vec<InputColumn>, Vec<bool>)> {
        let expected = match (self.numbers.is_model(), self.categories.is_model()) {
            (false, false) => {
                let expected = "a model of `numbers`, of `categories`, or both";
                return Err(Error::invalid_parameter(NAME, "models", "none", expected));
            }
            (true, false) => "numeric, or with a model of `categories`,",
            (false, true) => "text or boolean, or with a model of `numbers`,",
            (true, true) => "numeric, text or boolean",
        };
        // Numbers are read by every model, filled or not.
        let reads = |kind: Kind| kind.is_number() || self.fills(kind);
        let layout = train.layout();
        let mut names = layout.features_for(NAME, reads, reads, expected)?;
        // Models sum over columns, whose order in the table must not matter.
        names.sort_unstable();
        let inputs = InputColumn::all(layout, &names)?;
        let fills: Vec<bool> = inputs.iter().map(|input| self.fills(input.kind())).collect();
        match names.first() {
            Some(name) if !fills.contains(&true) => {
                let found = train.column(name)?.data_type();
                Err(Error::column_type(name, format!("{expected} for {NAME}"), found))
            }
            _ => Ok((inputs, fills)),
        }
    }
}

/// An imputer of one value per column, for the columns of its kind.
fn start<I>(imputer: I, names: Vec<&str>, train: &Dataset<Train>) -> Result<Option<FittedImputer>>
where
    I: Fit<Fitted = FittedImputer>,
{
    if names.is_empty() { Ok(None) } else { imputer.on(Columns::named(names)).fit(train).map(Some) }
}

/// The rows under way, and what they are made of.
struct Fitting<'a, R, C> {
    recipe: &'a ModelImputer<R, C>,
    inputs: &'a [InputColumn],
    rows: Rows,
    /// The rows in which each column is there.
    known: Vec<Vec<usize>>,
    /// The name and the values of the weights.
    weight: Option<(&'a str, ArrayRef)>,
    ids: Vec<u64>,
}

impl<R, C> Fitting<'_, R, C>
where
    R: Fit<Fitted: Predict>,
    C: Fit<Fitted: Predict>,
{
    /// The model of a column, by the rows in which it is there; none where it always has the same value.
    fn model(&self, column: usize) -> Result<Option<Model<R::Fitted, C::Fitted>>> {
        let (input, known) = (&self.inputs[column], &self.known[column]);
        let context = |e: Error| e.context(format!("predicting `{}` from the other columns", input.name()));
        let train = self.train(column, known)?;
        let model = match (input.kind().is_number(), &self.recipe.numbers, &self.recipe.categories) {
            (true, Given::Model(model), _) => Model::Number(model.fit(&train).map_err(context)?),
            (false, _, Given::Model(model)) => {
                let weights = train.weights()?;
                let values = Coded::new(input.name(), train.column(input.name())?)?;
                let counts = |row: usize| weights.as_ref().is_none_or(|weights| weights[row] > 0.0);
                let mut codes =
                    values.codes.iter().enumerate().filter(|(row, _)| counts(*row)).map(|(_, code)| code);
                let first = codes.next();
                if codes.all(|code| Some(code) == first) {
                    return Ok(None);
                }
                Model::Category(model.fit(&train).map_err(context)?)
            }
            _ => return Ok(None),
        };
        Ok(Some(model))
    }

    /// These rows, with the column as the target.
    fn train(&self, column: usize, rows: &[usize]) -> Result<Dataset<Train>> {
        let (name, weight) = (self.inputs[column].name(), self.weight.as_ref());
        let batch = self.rows.take(self.inputs, rows, None, weight.map(|(name, array)| (*name, array)))?;
        let mut data = Dataset::new(batch.clone())?.target(name)?;
        if let Some((weight, _)) = weight {
            data = data.weight(weight)?;
        }
        data.into_train_all().resampled(batch, rows.iter().map(|&row| self.ids[row]).collect())
    }
}

impl<R, C> ModelImputer<R, C>
where
    R: Fit<Fitted: Predict>,
    C: Fit<Fitted: Predict>,
{
    /// As [`fit`](Fit::fit), and tells `progress` of each model that was fitted: of at most `max_iter` for each column with gaps and
    /// one for each other column.
    ///
    /// # Errors
    ///
    /// As above, and [`Cancelled`](mlsys_core::ErrorKind::Cancelled).
    pub fn fit_with(
        &self,
        train: &Dataset<Train>,
        progress: &mut dyn Progress,
    ) -> Result<FittedModelImputer<R::Fitted, C::Fitted>> {
        self.check()?;
        let (inputs, fills) = self.inputs(train)?;
        let of_kind = |number: bool| {
            let own = inputs
                .iter()
                .zip(&fills)
                .filter(|(input, fills)| **fills && input.kind().is_number() == number);
            own.map(|(input, _)| input.name()).collect::<Vec<_>>()
        };
        let numbers = start(MeanImputer::new(), of_kind(true), train)?;
        let categories = start(MostFrequentImputer::new(), of_kind(false), train)?;
        let gaps = gaps(&inputs, &fills, train.batch())?;
        let n = train.n_rows();
        let there = |gaps: &Vec<usize>| {
            let mut missing = vec![false; n];
            gaps.iter().for_each(|&row| missing[row] = true);
            (0..n).filter(|&row| !missing[row]).collect::<Vec<usize>>()
        };
        let indicators = gaps.iter().map(|gaps| self.indicators.marks(!gaps.is_empty())).collect();
        let weight = match train.layout().weight() {
            None => None,
            Some(name) => Some((name, train.column(name)?.clone())),
        };
        let mut scale = 0.0f64;
        let filled = inputs.iter().zip(&fills).filter(|(input, fills)| **fills && input.kind().is_number());
        for (input, _) in filled {
            let values = column::finite_or_missing(input.name(), train.column(input.name())?)?;
            scale = values.iter().filter(|x| !x.is_nan()).fold(scale, |scale, x| scale.max(x.abs()));
        }
        let rows = Rows::filled(&inputs, [&numbers, &categories], train.batch())?;
        let known = gaps.iter().map(there).collect();
        let ids = train.row_ids();
        let mut fitting = Fitting { recipe: self, inputs: &inputs, rows, known, weight, ids };
        let mut visits: Vec<usize> = (0..inputs.len()).filter(|&column| !gaps[column].is_empty()).collect();
        visits.sort_by_key(|&column| gaps[column].len());
        let whole: Vec<usize> =
            (0..inputs.len()).filter(|&column| fills[column] && gaps[column].is_empty()).collect();
        let (mut passes, mut rounds, mut converged) =
            (Vec::new(), Vec::new(), visits.is_empty() || inputs.len() < 2);
        // A column is predicted from others.
        let any = inputs.len() > 1;
        let total = self.max_iter.saturating_mul(visits.len()).saturating_add(whole.len());
        let mut done = 0;
        let mut tell = || {
            done += 1;
            Step::new(done, total, "models").tell(progress, "fitting ModelImputer")
        };
        while any && rounds.len() < self.max_iter && !converged {
            let mut pass = Vec::with_capacity(visits.len());
            let mut round = ModelRound::default();
            let (mut changed, mut cells) = (0, 0);
            for &column in &visits {
                let model = fitting.model(column)?;
                tell()?;
                let Some(model) = model else { continue };
                let change = fitting.rows.fill(&inputs, column, &gaps[column], &model)?;
                round.largest_change = round.largest_change.max(change.largest);
                if !inputs[column].kind().is_number() {
                    (changed, cells) = (changed + change.changed, cells + gaps[column].len());
                }
                pass.push((column, model));
            }
            let numbers = pass.iter().any(|(column, _)| inputs[*column].kind().is_number());
            round.changed = if cells > 0 { changed as f64 / cells as f64 } else { 0.0 };
            // Where all is zero nothing can be smaller.
            let still = self.tol > 0.0 && round.largest_change == 0.0;
            converged = (!numbers || still || round.largest_change < self.tol * scale)
                && (cells == 0 || round.changed < self.tol);
            passes.push(pass);
            rounds.push(round);
        }
        if any && !whole.is_empty() {
            let models = whole.iter().map(|&column| {
                let model = fitting.model(column)?;
                tell()?;
                Ok(model.map(|model| (column, model)))
            });
            passes.push(models.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect());
        }
        let chain =
            Chain { inputs: inputs.clone(), fills, numbers, categories, indicators, rounds, converged };
        Ok(FittedModelImputer::new(chain, passes))
    }
}

impl<R, C> Fit for ModelImputer<R, C>
where
    R: Fit<Fitted: Predict>,
    C: Fit<Fitted: Predict>,
{
    type Fitted = FittedModelImputer<R::Fitted, C::Fitted>;

    fn fit(&self, train: &Dataset<Train>) -> Result<Self::Fitted> {
        self.fit_with(train, &mut silent)
    }
}

impl<R, C> FitTransform for ModelImputer<R, C>
where
    R: Fit<Fitted: Predict>,
    C: Fit<Fitted: Predict>,
{
}

//! Any classifier made to mind costs, by labels that are cheaper.

use std::sync::Arc;

use mlsys_core::arrow::array::{RecordBatch, UInt64Array};
use mlsys_core::arrow::compute::take;
use mlsys_core::ndarray::Array2;
use mlsys_core::{
    Category, Classes, Dataset, Error, Fit, Predict, PredictProba, Probabilities, Progress, Result, Train,
    seed, silent,
};
use serde::{Deserialize, Serialize};

use crate::CostMatrix;
use crate::ensemble::{Told, bootstrap, check_size, in_order};
use crate::labelled::Labelled;

const NAME: &str = "MetaCost";

/// A classifier of your choice, fitted on rows whose labels are those of the least expected cost, which bagging estimates.
///
/// ```text
/// for t = 1..m: model t learns from n rows drawn with replacement
/// P(j | x) = the mean of P_t(j | x) over the models, for each training row x
/// its label becomes  argmin_i Σ_j P(j | x) c(i, j);   then one model learns from all rows
/// ```
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `classifier` | | any [`Fit`] whose fitted value is a [`PredictProba`] | what learns, m + 1 times |
/// | `costs` | | a [`CostMatrix`] of the classes of the target | c(predicted, true) |
/// | `resamples` | 50 | 1 to 9,999 | m |
/// | `resample_rows` | as many as there are | 2 to that | n |
/// | `votes` | `Probabilities` | [`MetaCostVotes`] | what a model says of a row |
/// | `models` | `All` | [`MetaCostModels`] | which models are asked about a row |
/// | `seed` | 0 | | resample t draws from a stream of its own |
///
/// **Input**: one target of two classes or more, and what the classifier takes. Rows are drawn alike whatever they weigh, and hand their weight on to the
/// classifier; rows of weight 0 are not drawn and keep their labels. A resample of one class is drawn again; a model that does not know a class gives it
/// the probability 0. **Output**: what the classifier's own `fit` returns: one model, that decides by costs without knowing of them.
/// **Complexity**: m + 1 fits and m predictions of all rows, in parallel. **Errors**: [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter), naming
/// `costs` when they are of other classes; [`SingleClass`](mlsys_core::ErrorKind::SingleClass), also when one class is cheapest for all rows; and the classifier's.
///
/// ```
/// use mlsys_core::{Dataset, Fit, arrow::array::{Array, AsArray, BooleanArray, RecordBatch}};
/// use mlsys_imbalance::{CostMatrix, MetaCost};
/// # use mlsys_core::{Classes, Predict, PredictProba, Probabilities, Result, Train};
/// # use mlsys_core::arrow::array::ArrayRef;
/// # use std::sync::Arc;
/// # #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// # struct ByFog(Classes, [f64; 2]);
/// # impl ByFog {
/// #     fn validate(&self) -> Result<()> { Ok(()) }
/// #     fn input_columns(&self) -> Vec<mlsys_core::InputColumn> { Vec::new() }
/// # }
/// # mlsys_core::artifact!(ByFog, "example.ByFog", 1);
/// # impl Predict for ByFog {
/// #     fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> { Ok(self.0.take(self.predict_proba(batch)?.argmax())) }
/// # }
/// # impl PredictProba for ByFog {
/// #     fn classes(&self) -> &Classes { &self.0 }
/// #     fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
/// #         Probabilities::binary(&batch["fog"].as_boolean().iter().map(|fog| self.1[usize::from(fog == Some(true))]).collect::<Vec<_>>())
/// #     }
/// # }
/// # struct ShareByFog;
/// # impl Fit for ShareByFog {
/// #     type Fitted = ByFog;
/// #     fn fit(&self, train: &Dataset<Train>) -> Result<ByFog> {
/// #         let (fog, late) = (train.column("fog")?.as_boolean(), train.column("late")?.as_boolean());
/// #         let share = |of: bool| {
/// #             let own: Vec<usize> = (0..fog.len()).filter(|&row| fog.value(row) == of).collect();
/// #             own.iter().filter(|&&row| late.value(row)).count() as f64 / own.len().max(1) as f64
/// #         };
/// #         Ok(ByFog(Classes::new([false.into(), true.into()])?, [share(false), share(true)]))
/// #     }
/// # }
///
/// // Of flights in fog a third is late, of others none. `ShareByFog` is a classifier of yours that learns just that.
/// let fog = BooleanArray::from_iter((0..60).map(|row| Some(row < 30)));
/// let late = BooleanArray::from_iter((0..60).map(|row| Some(row < 10)));
/// let batch = RecordBatch::try_from_iter([("fog", Arc::new(fog) as _), ("late", Arc::new(late) as _)])?;
/// let train = Dataset::new(batch)?.target("late")?.into_train_all();
/// // A late flight that was not foreseen costs nine times as much as a false alarm: all flights in fog are called late.
/// let costs = CostMatrix::of_errors(false, true, 1.0, 9.0)?;
/// let relabelled = MetaCost::new(ShareByFog, costs).resamples(10).relabel(&train)?;
/// assert_eq!(relabelled.column("late")?.as_boolean().true_count(), 30);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when the probabilities of the models are not those of the data: many over-fit rows that they have seen, which
/// [`MetaCostModels::OutOfBag`] leaves out. Probabilities of the result say how likely a class is to be the cheapest, not how likely it is.
///
/// **Method**: Pedro Domingos, *MetaCost: a general method for making classifiers cost-sensitive*, 1999, table 1: m and n, p is `votes`, q is `models`. Of equally
/// cheap classes the last is taken, as at the threshold.
///
/// **Instead**: a calibrated classifier and [`CostMatrix::decide`], which keeps probabilities and takes new costs without a new fit
/// ([`Adjusted`](crate::Adjusted)); [`CostMatrix::class_weights`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct MetaCost<C> {
    classifier: C,
    costs: CostMatrix,
    #[serde(default = "fifty")]
    resamples: usize,
    #[serde(default)]
    resample_rows: Option<usize>,
    #[serde(default)]
    votes: MetaCostVotes,
    #[serde(default)]
    models: MetaCostModels,
    #[serde(default)]
    seed: u64,
}

fn fifty() -> usize {
    50
}

/// What a model of [`MetaCost`] says of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetaCostVotes {
    /// Its probabilities.
    #[default]
    Probabilities,
    /// The class that it predicts, with the probability 1: for classifiers whose probabilities are worth little.
    Labels,
}

/// Which models of [`MetaCost`] are asked about a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetaCostModels {
    /// All.
    #[default]
    All,
    /// Those whose resample does not have the row; all, where each has it.
    OutOfBag,
}

impl<C> MetaCost<C> {
    /// This classifier under these costs.
    pub fn new(classifier: C, costs: CostMatrix) -> Self {
        let (votes, models) = (MetaCostVotes::Probabilities, MetaCostModels::All);
        let seed = seed::DEFAULT_SEED;
        Self { classifier, costs, resamples: fifty(), resample_rows: None, votes, models, seed }
    }

    /// How many models estimate probabilities.
    pub fn resamples(mut self, resamples: usize) -> Self {
        self.resamples = resamples;
        self
    }

    /// How many rows each learns from; `None` for as many as there are.
    pub fn resample_rows(mut self, rows: impl Into<Option<usize>>) -> Self {
        self.resample_rows = rows.into();
        self
    }

    /// What a model says of a row.
    pub fn votes(mut self, votes: MetaCostVotes) -> Self {
        self.votes = votes;
        self
    }

    /// Which models are asked.
    pub fn models(mut self, models: MetaCostModels) -> Self {
        self.models = models;
        self
    }

    /// The seed of the draws.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl<C> MetaCost<C>
where
    C: Fit<Fitted: PredictProba> + Sync,
{
    /// The rows with the labels of the least expected cost, in a target of the same type.
    ///
    /// # Errors
    ///
    /// Those of the type.
    pub fn relabel(&self, train: &Dataset<Train>) -> Result<Dataset<Train>> {
        self.relabelled(train, &Told::new(&mut silent, self.resamples, NAME))
    }

    /// As [`fit`](Fit::fit), and tells `progress` of each model.
    ///
    /// # Errors
    ///
    /// As above, and [`Cancelled`](mlsys_core::ErrorKind::Cancelled).
    pub fn fit_with(&self, train: &Dataset<Train>, progress: &mut dyn Progress) -> Result<C::Fitted> {
        let told = Told::new(progress, self.resamples.saturating_add(1), NAME);
        let relabelled = self.relabelled(train, &told)?;
        let fitted = self.classifier.fit(&relabelled);
        let fitted = fitted.map_err(|e| e.context(format!("fitting the relabelled rows of {NAME}")))?;
        told.model().map(|()| fitted)
    }

    fn relabelled(&self, train: &Dataset<Train>, told: &Told<'_>) -> Result<Dataset<Train>> {
        check_size(NAME, "resamples", self.resamples)?;
        let labelled = Labelled::new(train, NAME)?;
        let all = labelled.all.len();
        let n = self.resample_rows.unwrap_or(all);
        if !(2..=all).contains(&n) {
            let expected = format!("2 to {all}, as many as there are");
            return Err(Error::invalid_parameter(NAME, "resample_rows", n, expected));
        }
        let classes = Classes::new(labelled.sizes.classes().to_vec())?;
        if self.costs.classes() != &classes {
            let listed =
                |all: &Classes| all.values().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let expected = format!("of the classes of `{}`: {}", labelled.sizes.column(), listed(&classes));
            let found = format!("costs of {}", listed(self.costs.classes()));
            return Err(Error::invalid_parameter(NAME, "costs", found, expected));
        }
        let own = if all == train.n_rows() { train.clone() } else { train.take(&labelled.all)? };
        let p = self.estimate(train, &own, &labelled, &classes, n, told)?;
        let decided = self.costs.decide(&p)?;
        // A row of the class has its label in the type of the column.
        let mut rows: Vec<u64> = (0..train.n_rows() as u64).collect();
        for (&row, class) in labelled.all.iter().zip(decided) {
            rows[row] = labelled.rows[class].first().map_or(row, |&first| first) as u64;
        }
        let target = train.layout().target(NAME)?;
        let labels = take(train.column(target)?, &UInt64Array::from(rows), None)?;
        let schema = train.schema();
        let mut columns = train.batch().columns().to_vec();
        columns[schema.index_of(target)?] = labels;
        train.with_batch(RecordBatch::try_new(Arc::clone(&schema), columns)?)
    }

    /// The probabilities of the rows that count, by the models of resamples.
    fn estimate(
        &self,
        train: &Dataset<Train>,
        own: &Dataset<Train>,
        labelled: &Labelled,
        classes: &Classes,
        n: usize,
        told: &Told<'_>,
    ) -> Result<Probabilities> {
        let (rows, k) = (labelled.all.len(), classes.n_classes());
        let say = |resample: usize| {
            let drawn = bootstrap(labelled, n, self.seed, resample as u64, NAME)?;
            let context = |e: Error| e.context(format!("resample {resample} of {NAME}"));
            let model = self.classifier.fit(&train.take(&drawn)?).map_err(context)?;
            let said = self.ask(&model, own, classes).map_err(context)?;
            told.model()?;
            let mut inside = vec![false; rows];
            for row in drawn {
                labelled.all.binary_search(&row).into_iter().for_each(|place| inside[place] = true);
            }
            Ok((said, inside))
        };
        let (mut all, mut outside) = (Array2::<f64>::zeros((rows, k)), Array2::<f64>::zeros((rows, k)));
        let mut asked = vec![0_u32; rows];
        in_order(self.resamples, say, |_, (said, inside)| {
            all += &said;
            if self.models == MetaCostModels::OutOfBag {
                for (row, _) in inside.iter().enumerate().filter(|(_, inside)| !**inside) {
                    outside.row_mut(row).scaled_add(1.0, &said.row(row));
                    asked[row] += 1;
                }
            }
            Ok(())
        })?;
        all /= self.resamples as f64;
        for (row, &asked) in asked.iter().enumerate().filter(|(_, asked)| **asked > 0) {
            all.row_mut(row).assign(&(&outside.row(row) / f64::from(asked)));
        }
        Probabilities::new(all)
    }

    /// What a model says of rows, in the order of `classes`.
    fn ask(&self, model: &C::Fitted, own: &Dataset<Train>, classes: &Classes) -> Result<Array2<f64>> {
        let mut said = Array2::zeros((own.n_rows(), classes.n_classes()));
        let lengths = |found: usize| match found == own.n_rows() {
            true => Ok(()),
            false => Err(Error::shape("predictions", own.n_rows(), found)),
        };
        match self.votes {
            MetaCostVotes::Labels => {
                let labels = model.predict(own.batch())?;
                lengths(labels.len())?;
                let labels = classes.indices("prediction", labels.as_ref())?;
                labels.into_iter().enumerate().for_each(|(row, class)| said[[row, class]] = 1.0);
            }
            MetaCostVotes::Probabilities => {
                let p = model.predict_proba(own.batch())?;
                lengths(p.n_rows())?;
                let place = |class: &Category| {
                    let unknown = || Error::shape("the classes of a model", "those of the rows", class);
                    classes.index_of(class).ok_or_else(unknown)
                };
                for (at, class) in model.classes().values().iter().enumerate() {
                    said.column_mut(place(class)?).assign(&p.class(at)?);
                }
            }
        }
        Ok(said)
    }
}

impl<C> Fit for MetaCost<C>
where
    C: Fit<Fitted: PredictProba> + Sync,
{
    type Fitted = C::Fitted;

    fn fit(&self, train: &Dataset<Train>) -> Result<C::Fitted> {
        self.fit_with(train, &mut silent)
    }
}

//! Rows of large classes that a classifier takes for theirs.

use std::collections::BTreeMap;

use mlsys_core::{
    Dataset, Error, Fit, Fold, Folds, PredictProba, Resample, Result, Train, first_error, hash,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::labelled::Labelled;
use crate::{Plan, PlanResample, Strategy};

/// How many rows of a class [`InstanceHardnessThreshold`] keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HardnessCut {
    /// As many as the strategy says; of equally probable rows the first.
    #[default]
    Exact,
    /// All from the percentile of the probabilities on that leaves as many, as imbalanced-learn does: more where rows are equally
    /// probable.
    Percentile,
}

/// Keeps the rows of large classes that a classifier, fitted on other rows, gives the highest probability of being of their class:
/// the hardest go.
///
/// `hardness = 1 − p(own class | x)`, p by the fold that the row was not trained on
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `classifier` | | any recipe whose fitted value is a [`PredictProba`] | what is hard |
/// | `folds` | 5 | 2 to 100 | models that are fitted |
/// | `cut` | `Exact` | | how many rows stay |
/// | `strategy` | `Auto` | see [`Strategy`] | all classes become as small as the smallest |
/// | `seed` | 0 | | deals rows to folds, by row id |
///
/// **Input**: one target of two classes or more, and what the classifier takes. Folds have each class in equal shares; rows of one id,
/// as copies are, share a fold. [`plan_by`](Self::plan_by) takes other folds, such as those that keep groups whole. **Output**: the rows
/// that are left, with their ids, class by class in their order. A class that a fold's model has not seen has probability 0. Rows of
/// weight 0 are left out; the classifier sees the other weights. **Complexity**: one fit a fold, in parallel, and a
/// sort of each class. **Errors**: as [`Strategy::under`], and the classifier's own;
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) for a class of one row, and for fewer rows than folds;
/// [`SingleClass`](mlsys_core::ErrorKind::SingleClass).
///
/// ```
/// # use mlsys_core::arrow::array::ArrayRef;
/// # use mlsys_core::{Artifact, Classes, Fit, Predict, PredictProba, Probabilities, Result, Train, column};
/// use mlsys_core::{Dataset, arrow::array::{BooleanArray, Float64Array, RecordBatch}};
/// use mlsys_imbalance::{InstanceHardnessThreshold, PlanResample};
/// use std::sync::Arc;
/// # // A stand-in for a model: the column is the probability.
/// # #[derive(Clone)]
/// # struct Score;
/// # struct Fitted(Classes);
/// # impl Artifact for Fitted {}
/// # impl Fit for Score {
/// #     type Fitted = Fitted;
/// #     fn fit(&self, train: &Dataset<Train>) -> Result<Fitted> {
/// #         Ok(Fitted(Classes::new(train.labels("Score")?.distinct)?))
/// #     }
/// # }
/// # impl Predict for Fitted {
/// #     fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
/// #         Ok(self.0.take(self.predict_proba(batch)?.argmax()))
/// #     }
/// # }
/// # impl PredictProba for Fitted {
/// #     fn classes(&self) -> &Classes { &self.0 }
/// #     fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
/// #         Probabilities::binary(&column::floats("score", column::find(batch, "score")?)?)
/// #     }
/// # }
///
/// let score = Arc::new(Float64Array::from(vec![0.9, 0.2, 0.6, 0.4, 0.8, 0.7]));
/// let late = Arc::new(BooleanArray::from(vec![false, false, false, false, true, true]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("score", score as _), ("late", late as _)])?)?;
/// let train = train.target("late")?.into_train_all();
/// // The rows at 0 and 2 look late, and are not.
/// let plan = InstanceHardnessThreshold::new(Score).folds(2).plan(&train)?;
/// assert_eq!(plan.kept(), [1, 3, 4, 5]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: what is hard for this classifier need not be wrong: the border is gone, and what is learnt and validated on the rest
/// looks easier than it is. Probabilities are no longer those of the data: calibrate them on validation rows.
///
/// Smith, Martinez and Giraud-Carrier, *An instance level analysis of data complexity*, 2014, equation 3, with one classifier.
/// imbalanced-learn takes a random forest, and cuts by percentile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a resampler does nothing until it is used"]
pub struct InstanceHardnessThreshold<C> {
    classifier: C,
    #[serde(default = "five")]
    folds: usize,
    #[serde(default)]
    cut: HardnessCut,
    #[serde(default)]
    strategy: Strategy,
    #[serde(default)]
    seed: u64,
}

fn five() -> usize {
    5
}

const NAME: &str = "InstanceHardnessThreshold";

impl<C> InstanceHardnessThreshold<C> {
    /// By a classifier, in five folds.
    pub fn new(classifier: C) -> Self {
        let seed = mlsys_core::seed::DEFAULT_SEED;
        Self { classifier, folds: 5, cut: HardnessCut::Exact, strategy: Strategy::Auto, seed }
    }

    /// How many models are fitted, each on the rows of the other folds.
    pub fn folds(mut self, folds: usize) -> Self {
        self.folds = folds;
        self
    }

    /// How many rows stay.
    pub fn cut(mut self, cut: HardnessCut) -> Self {
        self.cut = cut;
        self
    }

    /// Which classes shrink, and to how many rows.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// The seed by which rows are dealt to folds.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

/// The folds of its own: the rows of each class in equal shares by the hash of their ids, those of one id together.
struct Dealt<'a> {
    labelled: &'a Labelled,
    folds: usize,
    seed: u64,
}

impl Folds for Dealt<'_> {
    fn folds(&self, train: &Dataset<Train>) -> Result<Vec<Fold>> {
        let ids = train.row_ids();
        let mut class_of_id: BTreeMap<u64, u32> = BTreeMap::new();
        for (&id, &class) in ids.iter().zip(&self.labelled.classes) {
            class_of_id.entry(id).or_insert(class);
        }
        let mut hashed = vec![Vec::new(); self.labelled.rows.len()];
        for (&id, &class) in &class_of_id {
            hashed[class as usize].push((hash::hash_u64(id, self.seed), id));
        }
        let (mut place_of_id, mut by_class) = (BTreeMap::new(), Vec::with_capacity(hashed.len()));
        for (name, own) in self.labelled.sizes.classes().iter().zip(&mut hashed) {
            if own.len() < 2 {
                let why = format!("{NAME}, which judges a row by others of its class, in class `{name}`");
                return Err(Error::too_few_rows(2, own.len(), why));
            }
            own.sort_unstable();
            let first = place_of_id.len();
            place_of_id.extend(own.iter().map(|&(_, id)| id).zip(first..));
            by_class.push((first..first + own.len()).collect());
        }
        if place_of_id.len() < self.folds {
            let why = format!("{NAME} with folds = {}", self.folds);
            return Err(Error::too_few_rows(self.folds, place_of_id.len(), why));
        }
        let fold_of_place = Fold::stratify(&by_class, self.folds);
        let fold_of_row: Vec<u32> = ids.iter().map(|id| fold_of_place[place_of_id[id]]).collect();
        Fold::each(&fold_of_row, self.folds)
    }
}

impl<C: Fit<Fitted: PredictProba> + Sync> InstanceHardnessThreshold<C> {
    /// The plan by folds of your own, in each of which other rows are validated on. A row that is validated on more than once has its
    /// mean probability.
    ///
    /// # Errors
    ///
    /// Those of the type and of the folds; [`Shape`](mlsys_core::ErrorKind::Shape) when a row is not validated on.
    pub fn plan_by(&self, train: &Dataset<Train>, folds: &dyn Folds) -> Result<Plan> {
        let labelled = Labelled::new(train, NAME)?;
        self.plan_in(train, &labelled, folds)
    }

    fn plan_in(&self, train: &Dataset<Train>, labelled: &Labelled, folds: &dyn Folds) -> Result<Plan> {
        let after = self.strategy.under(NAME, &labelled.sizes)?;
        let own = match labelled.all.len() == train.n_rows() {
            true => train.clone(),
            false => train.take(&labelled.all)?,
        };
        let probabilities = self.probabilities(&own, labelled, &folds.folds(&own)?)?;
        let mut kept = Vec::with_capacity(after.iter().sum());
        for ((class, rows), after) in (0..).zip(&labelled.rows).zip(after) {
            let own = (0..labelled.all.len()).filter(|&place| labelled.classes[place] == class);
            let own: Vec<f64> = own.map(|place| probabilities[place]).collect();
            let stays = self.stay(&own, after);
            kept.extend(rows.iter().zip(stays).filter(|(_, stays)| *stays).map(|(&row, _)| row));
        }
        Plan::keep(train, &kept)
    }

    /// The probability of its own class of each row, by the models that were not trained on it.
    fn probabilities(&self, own: &Dataset<Train>, labelled: &Labelled, folds: &[Fold]) -> Result<Vec<f64>> {
        let one = |fold: &Fold| -> Result<Vec<f64>> {
            let model = self.classifier.fit(&own.take(fold.train())?)?;
            let p = model.predict_proba(own.take(fold.validation())?.batch())?;
            if p.n_rows() != fold.validation().len() {
                return Err(Error::shape("probabilities", fold.validation().len(), p.n_rows()));
            }
            let known: Vec<Option<usize>> =
                labelled.sizes.classes().iter().map(|class| model.classes().index_of(class)).collect();
            let view = p.view();
            let of = |(at, &row): (usize, &usize)| {
                let column = known[labelled.classes[row] as usize];
                column.and_then(|column| view.get((at, column))).copied().unwrap_or(0.0)
            };
            Ok(fold.validation().iter().enumerate().map(of).collect())
        };
        let found: Vec<Vec<f64>> = first_error(folds.par_iter().map(one).collect())?;
        let (mut sums, mut times) = (vec![0.0; labelled.all.len()], vec![0_usize; labelled.all.len()]);
        for (fold, found) in folds.iter().zip(found) {
            for (&row, p) in fold.validation().iter().zip(found) {
                sums[row] += p;
                times[row] += 1;
            }
        }
        if let Some(row) = times.iter().position(|&times| times == 0) {
            let found = format!("none for row {}", labelled.all[row]);
            return Err(Error::shape("folds", "every row validated on", found));
        }
        Ok(sums.into_iter().zip(times).map(|(sum, times)| sum / times as f64).collect())
    }

    /// Which rows of a class stay.
    fn stay(&self, probabilities: &[f64], after: usize) -> Vec<bool> {
        let n = probabilities.len();
        if after >= n {
            return vec![true; n];
        }
        match self.cut {
            HardnessCut::Exact => {
                let mut order: Vec<usize> = (0..n).collect();
                order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
                let mut stays = vec![false; n];
                order.into_iter().take(after).for_each(|place| stays[place] = true);
                stays
            }
            HardnessCut::Percentile => {
                let mut sorted = probabilities.to_vec();
                sorted.sort_by(f64::total_cmp);
                // In numpy's order of operations, whose last bit decides which rows are from the percentile on.
                let share = (1.0 - after as f64 / n as f64) * 100.0 / 100.0;
                let place = (n - 1) as f64 * share;
                let (low, step) = (place.floor(), place - place.floor());
                let at = |place: f64| sorted[(place as usize).min(n - 1)];
                let (a, b) = (at(low), at(low + 1.0));
                let cut = if step >= 0.5 { b - (b - a) * (1.0 - step) } else { a + (b - a) * step };
                probabilities.iter().map(|&p| p >= cut).collect()
            }
        }
    }
}

impl<C: Fit<Fitted: PredictProba> + Sync> PlanResample for InstanceHardnessThreshold<C> {
    fn plan(&self, train: &Dataset<Train>) -> Result<Plan> {
        if !(2..=100).contains(&self.folds) {
            return Err(Error::invalid_parameter(NAME, "folds", self.folds, "2 to 100"));
        }
        let labelled = Labelled::new(train, NAME)?;
        let dealt = Dealt { labelled: &labelled, folds: self.folds, seed: self.seed };
        self.plan_in(train, &labelled, &dealt)
    }
}

impl<C: Fit<Fitted: PredictProba> + Sync> Resample for InstanceHardnessThreshold<C> {
    fn resample(&self, train: Dataset<Train>) -> Result<Dataset<Train>> {
        self.plan(&train)?.apply(&train)
    }
}

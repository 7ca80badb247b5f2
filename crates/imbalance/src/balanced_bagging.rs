//! Bagging of classes that are as large.

use mlsys_core::arrow::array::{ArrayRef, RecordBatch};
use mlsys_core::artifact::{StepReader, Steps};
use mlsys_core::ndarray::Array2;
use mlsys_core::{
    Artifact, Category, Classes, Dataset, Error, Fit, InputColumn, LoadArtifact, NamedArtifact, Predict,
    PredictProba, Probabilities, Progress, Result, Train, first_error, seed, silent,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ensemble::{Told, bootstrap, check_size, in_order, inputs_of, load_members, save_members};
use crate::labelled::Labelled;
use crate::random_under_sampler::some;
use crate::{ClassSizes, Strategy};

const NAME: &str = "BalancedBagging";

/// Classifiers of your choice, each of a bootstrap sample whose classes are made as large as the smallest; their probabilities are averaged.
///
/// > p(k | x) = (1 / T) Σₜ pₜ(k | x), where pₜ learns from `RandomUnderSampler(bootstrap(rows))`
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `classifier` | | any [`Fit`] whose fitted value is a [`PredictProba`] | what each member is |
/// | `n_estimators` | 10 | 1 to 9,999 | T |
/// | `strategy` | `Auto` | see [`Strategy`] | which classes of a sample shrink, and to how many rows |
/// | `seed` | 0 | | member t draws from streams of its own |
///
/// **Input**: one target of two classes or more, and what the classifier takes. Rows are drawn alike whatever they weigh, and hand their weight on to
/// the classifier; rows of weight 0 are left out. A sample of one class is drawn again; one that lacks some of the classes is taken, and its member
/// gives them the probability 0. A class of which a sample has fewer rows than `strategy` asks for keeps them all. **Output**: [`FittedBalancedBagging`].
/// **Complexity**: T fits of T samples, in parallel. **Errors**: as [`Strategy::under`], [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter),
/// [`SingleClass`](mlsys_core::ErrorKind::SingleClass), and the classifier's.
///
/// ```
/// use mlsys_core::{Dataset, Fit, PredictProba, arrow::array::{BooleanArray, RecordBatch}};
/// use mlsys_imbalance::BalancedBagging;
/// # use mlsys_core::{Classes, Predict, Probabilities, Result, Train};
/// # use mlsys_core::arrow::array::ArrayRef;
/// # use std::sync::Arc;
/// # #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// # struct Share(Classes, f64);
/// # impl Share {
/// #     fn validate(&self) -> Result<()> { Ok(()) }
/// #     fn input_columns(&self) -> Vec<mlsys_core::InputColumn> { Vec::new() }
/// # }
/// # mlsys_core::artifact!(Share, "example.Share", 1);
/// # impl Predict for Share {
/// #     fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> { Ok(self.0.take(self.predict_proba(batch)?.argmax())) }
/// # }
/// # impl PredictProba for Share {
/// #     fn classes(&self) -> &Classes { &self.0 }
/// #     fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> { Probabilities::binary(&vec![self.1; batch.num_rows()]) }
/// # }
/// # struct ShareOfLate;
/// # impl Fit for ShareOfLate {
/// #     type Fitted = Share;
/// #     fn fit(&self, train: &Dataset<Train>) -> Result<Share> {
/// #         let labels = train.labels("ShareOfLate")?;
/// #         let late = labels.codes.iter().filter(|&&code| code == 1).count() as f64;
/// #         Ok(Share(Classes::new(labels.distinct.clone())?, late / labels.len() as f64))
/// #     }
/// # }
///
/// // A tenth of the flights is late. `ShareOfLate` is a classifier of yours that says how many of its rows are.
/// let late = Arc::new(BooleanArray::from_iter((0..100).map(|row| Some(row % 10 == 0))));
/// let train = Dataset::new(RecordBatch::try_from_iter([("late", late as _)])?)?.target("late")?.into_train_all();
/// let model = BalancedBagging::new(ShareOfLate).n_estimators(20).seed(7).fit(&train)?;
/// assert_eq!(model.members().len(), 20);
/// assert_eq!(model.predict_proba(train.batch())?.positive()[0], 0.5);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when probabilities are read as those of the data: they are those of classes as large as each other.
/// [`PriorCorrection`](crate::PriorCorrection) from shares of 1 : 1 undoes that, [`Adjusted`](crate::Adjusted) applies it.
///
/// **Method**: Leo Breiman, *Bagging predictors*, 1996; Shohei Hido, Hisashi Kashima, Yutaka Takahashi, *Roughly balanced bagging for imbalanced
/// data*, 2009, of whose idea this is the variant of imbalanced-learn's `BalancedBaggingClassifier`. That one gives up on a sample without one of two
/// classes, and refuses weights; other samplers than the random one, samples of columns, of fewer rows or without replacement are not here.
///
/// **Instead**: [`EasyEnsemble`](crate::EasyEnsemble) of weak classifiers; class weights, which lose no rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct BalancedBagging<C> {
    classifier: C,
    #[serde(default = "ten")]
    n_estimators: usize,
    #[serde(default)]
    strategy: Strategy,
    #[serde(default)]
    seed: u64,
}

pub(crate) fn ten() -> usize {
    10
}

impl<C> BalancedBagging<C> {
    /// Ten of these classifiers.
    pub fn new(classifier: C) -> Self {
        Self { classifier, n_estimators: ten(), strategy: Strategy::Auto, seed: seed::DEFAULT_SEED }
    }

    /// How many.
    pub fn n_estimators(mut self, n_estimators: usize) -> Self {
        self.n_estimators = n_estimators;
        self
    }

    /// Which classes of a sample shrink, and to how many rows.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// The seed of the draws.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The rows of a member, ascending.
    fn rows(&self, labelled: &Labelled, member: u64) -> Result<Vec<usize>> {
        let classes = labelled.sizes.classes();
        let mut bag = vec![Vec::new(); classes.len()];
        for row in bootstrap(labelled, labelled.all.len(), self.seed, member, NAME)? {
            let class = labelled.all.binary_search(&row).map_or(0, |place| labelled.classes[place]);
            bag[class as usize].push(row);
        }
        let sizes = classes.iter().cloned().zip(bag.iter().map(Vec::len));
        let after = self.sizes(&ClassSizes::new(labelled.sizes.column(), sizes)?)?;
        let mut rows = Vec::with_capacity(after.iter().sum());
        let there = classes.iter().zip(&bag).filter(|(_, rows)| !rows.is_empty());
        for ((class, own), after) in there.zip(after) {
            rows.extend(some(own, after, self.seed, class, member));
        }
        rows.sort_unstable();
        Ok(rows)
    }

    /// How many rows of each class of a sample: of those that are short, all.
    fn sizes(&self, sizes: &ClassSizes) -> Result<Vec<usize>> {
        let there = |class: &Category| sizes.classes().binary_search(class).ok();
        match &self.strategy.for_sizes(sizes) {
            Strategy::Counts(counts) => {
                let counts = counts.iter().filter_map(|(class, count)| {
                    there(class).map(|place| (class.clone(), (*count).min(sizes.sizes()[place])))
                });
                Strategy::counts(counts).under(NAME, sizes)
            }
            Strategy::Classes(classes) => {
                Strategy::classes(classes.iter().filter(|class| there(class).is_some()).cloned())
                    .under(NAME, sizes)
            }
            // Already closer than asked for.
            Strategy::Ratio(ratio) if 1.0 / sizes.ratio() >= *ratio => Ok(sizes.sizes().to_vec()),
            other => other.under(NAME, sizes),
        }
    }
}

impl<C> BalancedBagging<C>
where
    C: Fit<Fitted: PredictProba> + Sync,
{
    /// As [`fit`](Fit::fit), and tells `progress` of each model.
    ///
    /// # Errors
    ///
    /// As above, and [`Cancelled`](mlsys_core::ErrorKind::Cancelled).
    pub fn fit_with(
        &self,
        train: &Dataset<Train>,
        progress: &mut dyn Progress,
    ) -> Result<FittedBalancedBagging<C::Fitted>> {
        check_size(NAME, "n_estimators", self.n_estimators)?;
        let labelled = Labelled::new(train, NAME)?;
        // What no sample could fulfil is refused before any is drawn.
        self.strategy.under(NAME, &labelled.sizes)?;
        let told = Told::new(progress, self.n_estimators, NAME);
        let members: Vec<Result<C::Fitted>> = (0..self.n_estimators)
            .into_par_iter()
            .map(|member| {
                let rows = self.rows(&labelled, member as u64)?;
                let fitted = self.classifier.fit(&train.take(&rows)?);
                let fitted = fitted.map_err(|e| e.context(format!("fitting member {member} of {NAME}")))?;
                told.model().map(|()| fitted)
            })
            .collect();
        let classes = Classes::new(labelled.sizes.classes().to_vec())?;
        FittedBalancedBagging::new(classes, first_error(members)?)
    }
}

impl<C> Fit for BalancedBagging<C>
where
    C: Fit<Fitted: PredictProba> + Sync,
{
    type Fitted = FittedBalancedBagging<C::Fitted>;

    fn fit(&self, train: &Dataset<Train>) -> Result<Self::Fitted> {
        self.fit_with(train, &mut silent)
    }
}

/// What fitting a [`BalancedBagging`] returns: its members, whose probabilities are averaged.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedBalancedBagging<M> {
    classes: Classes,
    members: Vec<M>,
    /// The place of each class of each member.
    places: Vec<Vec<usize>>,
}

const STORED_AS: &str = "mlsys.BalancedBagging";
const VERSION: u32 = 1;

/// What is stored ahead of the members, which follow as steps of their own.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    classes: Classes,
    members: u32,
}

impl<M: PredictProba> FittedBalancedBagging<M> {
    fn new(classes: Classes, members: Vec<M>) -> Result<Self> {
        let place = |class: &Category| {
            classes.index_of(class).ok_or_else(|| {
                Error::shape("the classes of a member", "of those of the rows", format!("also `{class}`"))
            })
        };
        let places = members.iter().map(|member| member.classes().values().iter().map(place).collect());
        let places = places.collect::<Result<_>>()?;
        Ok(Self { classes, members, places })
    }

    /// The members, in their order.
    pub fn members(&self) -> &[M] {
        &self.members
    }
}

impl<M: PredictProba> Predict for FittedBalancedBagging<M> {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(self.classes.take(self.predict_proba(batch)?.argmax()))
    }
}

impl<M: PredictProba> PredictProba for FittedBalancedBagging<M> {
    fn classes(&self) -> &Classes {
        &self.classes
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        let mut mean = Array2::<f64>::zeros((batch.num_rows(), self.classes.n_classes()));
        let said = |member: usize| {
            let p = self.members[member].predict_proba(batch)?;
            let (expected, found) = ((batch.num_rows(), self.places[member].len()), p.view().dim());
            if expected != found {
                let shown = |(rows, classes): (usize, usize)| format!("{rows} rows of {classes}");
                return Err(Error::shape("a member's probabilities", shown(expected), shown(found)));
            }
            Ok(p)
        };
        in_order(self.members.len(), said, |member, p| {
            for (class, &place) in self.places[member].iter().enumerate() {
                mean.column_mut(place).scaled_add(1.0, &p.class(class)?);
            }
            Ok(())
        })?;
        mean /= self.members.len() as f64;
        Probabilities::new(mean)
    }
}

impl<M: Artifact> Artifact for FittedBalancedBagging<M> {
    fn save_steps(&self, steps: &mut Steps) -> Result<()> {
        let stored = Stored { classes: self.classes.clone(), members: self.members.len() as u32 };
        steps.push(STORED_AS, VERSION, &stored)?;
        save_members(&self.members, steps)
    }

    fn inputs(&self) -> Option<Vec<InputColumn>> {
        inputs_of(&self.members)
    }
}

impl<M: PredictProba + LoadArtifact> LoadArtifact for FittedBalancedBagging<M> {
    fn load_steps(steps: &mut StepReader<'_>) -> Result<Self> {
        let Stored { classes, members } = steps.next(STORED_AS, VERSION)?;
        classes.validate().map_err(|e| e.context(format!("loading {STORED_AS}")))?;
        Self::new(classes, load_members(members, steps)?)
    }
}

impl<M: PredictProba + LoadArtifact> NamedArtifact for FittedBalancedBagging<M> {
    const NAME: &'static str = STORED_AS;
}

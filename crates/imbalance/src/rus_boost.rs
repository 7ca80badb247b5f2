//! AdaBoost whose rounds learn from balanced rows.

use mlsys_core::{Classes, Dataset, Fit, PredictProba, Progress, Result, Train, seed, silent};
use serde::{Deserialize, Serialize};

use crate::boosting::{Boost, check_rate};
use crate::easy_ensemble::{fifty, one};
use crate::ensemble::{Told, check_size};
use crate::labelled::Labelled;
use crate::random_under_sampler::some;
use crate::{FittedBoosting, Strategy};

const NAME: &str = "RusBoost";

/// AdaBoost of your classifier, each round of which learns from rows whose classes were made as large as the smallest, and is judged on all.
///
/// ```text
/// D = the rows' weights.   In round t = 1..T, of K classes:
/// hₜ learns from rows drawn by RandomUnderSampler, with their D
/// ε = Σ D(wrong) / Σ D over all rows,   α = rate · (ln((1 − ε) / ε) + ln(K − 1)),   D(wrong) ← D(wrong) exp(α)
/// the class of x:   the k of the largest  Σₜ αₜ [hₜ(x) = k]
/// ```
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `classifier` | | any [`Fit`] that takes weights, whose fitted value is a [`PredictProba`] | what votes; a weak one, such as a tree of one split |
/// | `rounds` | 50 | 1 to 9,999 | T, at most |
/// | `learning_rate` | 1 | 1e-100 to 1e100 | how far a round changes the weights |
/// | `strategy` | `Auto` | see [`Strategy`] | which classes shrink in each round, and to how many rows |
/// | `seed` | 0 | | round t draws from streams of its own |
///
/// **Input**: one target of two classes or more, and what the classifier takes. A weight is where its row starts from; rows of weight 0 are left out. The
/// classifier is given weights that sum to those of the rows drawn. The rounds end with a model without a mistake, whose vote is 1, and before one no better
/// than guessing. **Output**: [`FittedBoosting`]. **Complexity**: for each round a fit of the rows drawn and a prediction of all, one after another.
/// **Errors**: as [`Strategy::under`]; [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter), naming `classifier` when the first model is no better
/// than guessing; [`UnsupportedRole`](mlsys_core::ErrorKind::UnsupportedRole) of a classifier without weights; the classifier's.
///
/// ```
/// use mlsys_core::{Dataset, Fit, PredictProba, arrow::array::{BooleanArray, RecordBatch}};
/// use mlsys_imbalance::RusBoost;
/// # use mlsys_core::{Classes, Predict, Probabilities, Result, Train};
/// # use mlsys_core::arrow::array::{ArrayRef, AsArray};
/// # use std::sync::Arc;
/// # #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// # struct Fog(Classes);
/// # impl Fog {
/// #     fn validate(&self) -> Result<()> { Ok(()) }
/// #     fn input_columns(&self) -> Vec<mlsys_core::InputColumn> { Vec::new() }
/// # }
/// # mlsys_core::artifact!(Fog, "example.Fog", 1);
/// # impl Predict for Fog {
/// #     fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> { Ok(self.0.take(self.predict_proba(batch)?.argmax())) }
/// # }
/// # impl PredictProba for Fog {
/// #     fn classes(&self) -> &Classes { &self.0 }
/// #     fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
/// #         let fog = batch["fog"].as_boolean();
/// #         Probabilities::binary(&fog.iter().map(|fog| f64::from(u8::from(fog == Some(true)))).collect::<Vec<_>>())
/// #     }
/// # }
/// # struct LateInFog;
/// # impl Fit for LateInFog {
/// #     type Fitted = Fog;
/// #     fn fit(&self, train: &Dataset<Train>) -> Result<Fog> { Ok(Fog(Classes::new(train.labels("LateInFog")?.distinct)?)) }
/// # }
///
/// // `LateInFog` is a classifier of yours that says that flights in fog are late, and others not: here it is wrong once in four.
/// let fog = BooleanArray::from(vec![false, true, false, true]);
/// let late = BooleanArray::from(vec![false, false, false, true]);
/// let batch = RecordBatch::try_from_iter([("fog", Arc::new(fog) as _), ("late", Arc::new(late) as _)])?;
/// let train = Dataset::new(batch)?.target("late")?.into_train_all();
/// let model = RusBoost::new(LateInFog).fit(&train)?;
/// // ln(3 / 1). Then the row that is wrong weighs as much as all others, and the same model is no better than guessing.
/// assert_eq!(model.votes().len(), 1);
/// assert!((model.votes()[0] - 3.0_f64.ln()).abs() < 1e-15);
/// assert!(model.predict_proba(train.batch())?.positive()[1] > 0.88);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when its probabilities are taken for such: see [`FittedBoosting`]. Where the classes overlap, a model of balanced rows may be wrong on
/// more than half of all rows, and there is nothing to boost: a `strategy` that keeps more of the large class helps.
///
/// **Method**: Chris Seiffert, Taghi M. Khoshgoftaar, Jason Van Hulse, Amri Napolitano, *RUSBoost: a hybrid approach to alleviating class imbalance*, 2010, with the
/// votes of labels and the weights of SAMME (Ji Zhu, Hui Zou, Saharon Rosset, Trevor Hastie, *Multi-class AdaBoost*, 2009) in the place of the pseudo-loss of
/// AdaBoost.M2, as in imbalanced-learn's `RUSBoostClassifier`, but for the draws, and the scale of the weights that the classifier is given.
///
/// **Instead**: [`EasyEnsemble`](crate::EasyEnsemble), which looks at more of the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct RusBoost<C> {
    classifier: C,
    #[serde(default = "fifty")]
    rounds: usize,
    #[serde(default = "one")]
    learning_rate: f64,
    #[serde(default)]
    strategy: Strategy,
    #[serde(default)]
    seed: u64,
}

impl<C> RusBoost<C> {
    /// Fifty rounds of this classifier.
    pub fn new(classifier: C) -> Self {
        let seed = seed::DEFAULT_SEED;
        Self { classifier, rounds: fifty(), learning_rate: one(), strategy: Strategy::Auto, seed }
    }

    /// How many rounds at most.
    pub fn rounds(mut self, rounds: usize) -> Self {
        self.rounds = rounds;
        self
    }

    /// How far a round changes the weights.
    pub fn learning_rate(mut self, learning_rate: f64) -> Self {
        self.learning_rate = learning_rate;
        self
    }

    /// Which classes shrink in each round, and to how many rows.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// The seed of the draws.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl<C> RusBoost<C>
where
    C: Fit<Fitted: PredictProba>,
{
    /// As [`fit`](Fit::fit), and tells `progress` of each model, of at most so many.
    ///
    /// # Errors
    ///
    /// As above, and [`Cancelled`](mlsys_core::ErrorKind::Cancelled).
    pub fn fit_with(
        &self,
        train: &Dataset<Train>,
        progress: &mut dyn Progress,
    ) -> Result<FittedBoosting<C::Fitted>> {
        check_size(NAME, "rounds", self.rounds)?;
        check_rate(NAME, self.learning_rate)?;
        let labelled = Labelled::new(train, NAME)?;
        let after = self.strategy.under(NAME, &labelled.sizes)?;
        let classes = Classes::new(labelled.sizes.classes().to_vec())?;
        // The rows that count, and where those of each class are among them.
        let own =
            if labelled.all.len() == train.n_rows() { train.clone() } else { train.take(&labelled.all)? };
        let mut places = vec![Vec::new(); classes.n_classes()];
        labelled.classes.iter().enumerate().for_each(|(place, &class)| places[class as usize].push(place));
        let rows = |round: usize| {
            let mut rows = Vec::with_capacity(after.iter().sum());
            for ((class, places), &after) in classes.values().iter().zip(&places).zip(&after) {
                rows.extend(some(places, after, self.seed, class, round as u64));
            }
            rows.sort_unstable();
            Some(rows)
        };
        let (classifier, rounds, learning_rate) = (&self.classifier, self.rounds, self.learning_rate);
        let boost = Boost { name: NAME, classifier, rounds, learning_rate };
        let voters = boost.run(&own, &classes, rows, &Told::new(progress, rounds, NAME))?;
        if voters.is_empty() {
            return Err(boost.hopeless());
        }
        Ok(FittedBoosting::new(classes, voters))
    }
}

impl<C> Fit for RusBoost<C>
where
    C: Fit<Fitted: PredictProba>,
{
    type Fitted = FittedBoosting<C::Fitted>;

    fn fit(&self, train: &Dataset<Train>) -> Result<Self::Fitted> {
        self.fit_with(train, &mut silent)
    }
}

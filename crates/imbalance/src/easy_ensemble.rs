//! AdaBoost of several balanced subsets.

use mlsys_core::{Classes, Dataset, Fit, PredictProba, Progress, Result, Train, first_error, seed, silent};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::balanced_bagging::ten;
use crate::boosting::{Boost, Voters, check_rate};
use crate::ensemble::{Told, check_size};
use crate::labelled::Labelled;
use crate::random_under_sampler::some;
use crate::{FittedBoosting, Strategy};

const NAME: &str = "EasyEnsemble";

/// AdaBoost of your classifier on several subsets whose classes are as large as the smallest; all models of all subsets vote.
///
/// ```text
/// of subset i, Dᵢ ⊂ rows of RandomUnderSampler:   hᵢⱼ and its vote αᵢⱼ by AdaBoost, round j = 1..s
/// the class of x:   the k of the largest  Σᵢ Σⱼ αᵢⱼ [hᵢⱼ(x) = k]
/// round j (SAMME):  ε = Σ D(wrong) / Σ D,   α = rate · (ln((1 − ε) / ε) + ln(K − 1)),   D(wrong) ← D(wrong) exp(α)
/// ```
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `classifier` | | any [`Fit`] that takes weights, whose fitted value is a [`PredictProba`] | what votes; a weak one, such as a tree of one split |
/// | `n_estimators` | 10 | 1 or more | subsets |
/// | `rounds` | 50 | 1 or more; 9,999 models in all | s, at most |
/// | `learning_rate` | 1 | 1e-100 to 1e100 | how far a round changes the weights |
/// | `strategy` | `Auto` | see [`Strategy`] | which classes of a subset shrink, and to how many rows |
/// | `seed` | 0 | | subset i draws from streams of its own |
///
/// **Input**: one target of two classes or more, and what the classifier takes. A weight is where its row starts from; rows of weight 0 are left out.
/// The classifier is given weights that sum to those of its rows. A subset's rounds end with a model without a mistake, whose vote is 1, and before one no
/// better than guessing. **Output**: [`FittedBoosting`]. **Complexity**: a fit for each round of each subset; subsets in parallel.
/// **Errors**: as [`Strategy::under`]; [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter), naming `classifier` when in no subset it is better
/// than guessing; [`UnsupportedRole`](mlsys_core::ErrorKind::UnsupportedRole) of a classifier without weights; the classifier's.
///
/// ```
/// use mlsys_core::{Dataset, Fit, PredictProba, arrow::array::{BooleanArray, RecordBatch}};
/// use mlsys_imbalance::EasyEnsemble;
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
/// // `LateInFog` is a classifier of yours that says that flights in fog are late, and others not.
/// let fog = BooleanArray::from(vec![false, false, false, true, false, true]);
/// let late = BooleanArray::from(vec![false, false, false, false, true, true]);
/// let batch = RecordBatch::try_from_iter([("fog", Arc::new(fog) as _), ("late", Arc::new(late) as _)])?;
/// let train = Dataset::new(batch)?.target("late")?.into_train_all();
/// let model = EasyEnsemble::new(LateInFog).n_estimators(4).rounds(1).fit(&train)?;
/// // All votes are for "late" in fog: exp(1) against exp(-1).
/// let p = model.predict_proba(train.batch())?.positive();
/// assert!((p[3] - 1.0 / (1.0 + (-2.0_f64).exp())).abs() < 1e-15);
/// assert_eq!(model.decision_function(train.batch())?[[0, 0]], -2.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when its probabilities are taken for such: see [`FittedBoosting`]. A subset is as small as the smallest class allows. A classifier
/// strong enough to tell a subset apart at once ends it with a vote of 1, and subsets that took many rounds outvote it: give it a weak one, or few `rounds`.
///
/// **Method**: Xu-Ying Liu, Jianxin Wu, Zhi-Hua Zhou, *Exploratory undersampling for class-imbalance learning*, 2009, algorithm 1, whose thresholds are
/// those at which half of the votes are for a class; Ji Zhu, Hui Zou, Saharon Rosset, Trevor Hastie, *Multi-class AdaBoost*, 2009. As scikit-learn's
/// `AdaBoostClassifier` in each subset. imbalanced-learn's `EasyEnsembleClassifier` averages the probabilities of subsets, whatever their votes sum to, and
/// refuses weights.
///
/// **Instead**: [`RusBoost`](crate::RusBoost), which is faster; [`BalancedBagging`](crate::BalancedBagging) of strong classifiers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct EasyEnsemble<C> {
    classifier: C,
    #[serde(default = "ten")]
    n_estimators: usize,
    #[serde(default = "fifty")]
    rounds: usize,
    #[serde(default = "one")]
    learning_rate: f64,
    #[serde(default)]
    strategy: Strategy,
    #[serde(default)]
    seed: u64,
}

pub(crate) fn fifty() -> usize {
    50
}

pub(crate) fn one() -> f64 {
    1.0
}

impl<C> EasyEnsemble<C> {
    /// Ten subsets of fifty rounds of this classifier.
    pub fn new(classifier: C) -> Self {
        let (n_estimators, rounds) = (ten(), fifty());
        let seed = seed::DEFAULT_SEED;
        Self { classifier, n_estimators, rounds, learning_rate: one(), strategy: Strategy::Auto, seed }
    }

    /// How many subsets.
    pub fn n_estimators(mut self, n_estimators: usize) -> Self {
        self.n_estimators = n_estimators;
        self
    }

    /// How many rounds in each at most.
    pub fn rounds(mut self, rounds: usize) -> Self {
        self.rounds = rounds;
        self
    }

    /// How far a round changes the weights.
    pub fn learning_rate(mut self, learning_rate: f64) -> Self {
        self.learning_rate = learning_rate;
        self
    }

    /// Which classes of a subset shrink, and to how many rows.
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

impl<C> EasyEnsemble<C>
where
    C: Fit<Fitted: PredictProba> + Sync,
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
        check_size(NAME, "n_estimators", self.n_estimators)?;
        check_size(NAME, "rounds", self.rounds)?;
        // Both are small by now.
        check_size(NAME, "rounds", self.n_estimators * self.rounds)?;
        check_rate(NAME, self.learning_rate)?;
        let labelled = Labelled::new(train, NAME)?;
        let after = self.strategy.under(NAME, &labelled.sizes)?;
        let classes = Classes::new(labelled.sizes.classes().to_vec())?;
        let (classifier, rounds, learning_rate) = (&self.classifier, self.rounds, self.learning_rate);
        let boost = Boost { name: NAME, classifier, rounds, learning_rate };
        let told = Told::new(progress, self.n_estimators * rounds, NAME);
        let boosted: Vec<Result<Voters<C::Fitted>>> = (0..self.n_estimators)
            .into_par_iter()
            .map(|subset| {
                let mut rows = Vec::with_capacity(after.iter().sum());
                for ((class, own), &after) in classes.values().iter().zip(&labelled.rows).zip(&after) {
                    rows.extend(some(own, after, self.seed, class, subset as u64));
                }
                rows.sort_unstable();
                let voters = boost.run(&train.take(&rows)?, &classes, |_| None, &told);
                voters.map_err(|e| e.context(format!("subset {subset}")))
            })
            .collect();
        let voters: Vec<Voters<C::Fitted>> = first_error(boosted)?;
        let voters: Voters<C::Fitted> = voters.into_iter().flatten().collect();
        if voters.is_empty() {
            return Err(boost.hopeless());
        }
        Ok(FittedBoosting::new(classes, voters))
    }
}

impl<C> Fit for EasyEnsemble<C>
where
    C: Fit<Fitted: PredictProba> + Sync,
{
    type Fitted = FittedBoosting<C::Fitted>;

    fn fit(&self, train: &Dataset<Train>) -> Result<Self::Fitted> {
        self.fit_with(train, &mut silent)
    }
}

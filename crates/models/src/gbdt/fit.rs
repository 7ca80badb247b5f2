//! Fitting a `Gbdt`, by task.

use std::collections::BTreeMap;

use mlsys_core::arrow::array::{ArrayRef, BooleanArray};
use mlsys_core::ndarray::Array2;
use mlsys_core::{
    Category, ClassLoss, Classes, Coded, Dataset, Direction, Error, ErrorKind, Fit, FitByStatistic,
    FitValidated, Metric, Objective, Partition, Prediction, Progress, Result, Step, Train, Validation,
    ValueLoss, silent, statistic,
};

use super::boost::{Boosting, Start, Watched};
use super::fitted::{FittedGbdt, numbers};
use super::history::TrainingHistory;
use super::loss::{
    BinaryLogistic, FocalClasses, Labels, LambdaMart, Loss, OfClassLoss, OfValueLoss, OfValues, Softmax,
};
use super::objective::{ClassObjective, RankObjective, RegressionObjective};
use super::{BoostingMode, Gbdt, Monotone, NAME};
use crate::trees::bins::{BinnedTable, Binner, FeatureBins, FeaturesInBins, MISSING};
use crate::trees::convert::Penalty;
use crate::trees::grow::{CategoryParameters, GrowParameters};
use crate::trees::{Classification, Combine, Link, Ranking, Regression, Task, TreeEnsemble, TreeFeature};

/// What a model is fitted on, and what it is told.
pub(super) struct Job<'a> {
    pub train: &'a Dataset<Train>,
    pub validation: Option<&'a Dataset<Validation>>,
    pub metrics: &'a [&'a dyn Metric],
    /// The trees that there are already.
    pub from: Option<&'a TreeEnsemble>,
    pub progress: &'a mut dyn Progress,
}

/// What turns raw scores into what metrics judge.
type Judged<'a> = &'a (dyn Fn(Array2<f64>) -> Result<Prediction> + Sync);

/// The rows that count.
fn counted(train: &Dataset<Train>) -> Result<Dataset<Train>> {
    match train.weights()? {
        Some(weights) if weights.contains(&0.0) => {
            train.filter(&BooleanArray::from_iter(weights.iter().map(|w| Some(*w > 0.0))))
        }
        _ => Ok(train.clone()),
    }
}

impl<T: Task> Gbdt<T> {
    /// Boosts on rows of which all count.
    fn boost(
        &self,
        job: &mut Job<'_>,
        train: &Dataset<Train>,
        loss: &dyn Loss,
        validation_loss: Option<&dyn Loss>,
        judged: Judged<'_>,
    ) -> Result<(TreeEnsemble, TrainingHistory)> {
        if self.early_stopping.is_some() && job.validation.is_none() {
            let expected = "validation rows to stop by: fit with `fit_validated`";
            return Err(Error::invalid_parameter(NAME, "early_stopping", "set", expected));
        }
        if train.n_rows() > 1 << 30 {
            return Err(Error::unsupported(format!("{NAME} on more than 1,073,741,824 rows")));
        }
        if let Some(rows) = job.validation.filter(|rows| rows.n_rows() == 0) {
            return Err(Error::too_few_rows(1, rows.n_rows(), "validation of a Gbdt"));
        }
        let combine = match self.mode {
            BoostingMode::Gradient => Combine::Sum,
            BoostingMode::RandomForest => Combine::Mean,
        };
        let features = self.features(train, job.from)?;
        let table = BinnedTable::new(&features.features, &features.bins, &self.missing, train.batch())?;
        let k = loss.n_scores();
        let start = match job.from {
            None => {
                let base = loss.initial();
                let scores = base.iter().copied().cycle().take(train.n_rows() * k).collect();
                Start { base, scores, trees: 0 }
            }
            Some(from) => {
                if from.combine() != combine || from.n_outputs() != k {
                    let what = "a model of another mode or of other classes to go on from";
                    return Err(Error::unsupported(what));
                }
                let scores = match combine {
                    Combine::Sum => from.outputs(train.batch())?.into_iter().collect(),
                    // Trees of a forest do not know of each other.
                    Combine::Mean => from.base().iter().copied().cycle().take(train.n_rows() * k).collect(),
                };
                Start { base: from.base().to_vec(), scores, trees: from.trees().len() }
            }
        };
        let base = start.base.clone();
        let validation = match job.validation {
            None => None,
            Some(rows) => {
                let table =
                    BinnedTable::new(&features.features, &features.bins, &self.missing, rows.batch())?;
                let scores: Vec<f64> = match job.from {
                    None => base.iter().copied().cycle().take(rows.n_rows() * k).collect(),
                    Some(_) => return Err(Error::unsupported("validation rows of a model that goes on")),
                };
                Some((rows, table, scores))
            }
        };
        let learning_rate = match self.mode {
            BoostingMode::Gradient => self.learning_rate,
            BoostingMode::RandomForest => 1.0,
        };
        let grow = self.grow_parameters(&features.features)?;
        let penalty = Penalty {
            l1: self.l1,
            l2: self.l2,
            learning_rate,
            max_step: grow.max_step,
            monotone: grow.monotone.clone(),
        };
        let boosting = Boosting {
            table: &table,
            features: &features,
            grow,
            penalty,
            mode: self.mode,
            iterations: self.trees,
            rows: self.rows,
            tree_share: self.tree_share,
            seed: self.seed,
        };
        let mut history = TrainingHistory::default();
        if validation.is_some() {
            history.names =
                std::iter::once("loss".to_owned()).chain(job.metrics.iter().map(|m| m.name())).collect();
        }
        let mut stop = Stop { best: None, since: 0 };
        let (metrics, total) = (job.metrics, self.trees);
        let truth = match &validation {
            Some((rows, ..)) => Some((rows.target_column(NAME)?, rows.weights()?)),
            None => None,
        };
        let progress = &mut *job.progress;
        let after = |iteration: usize, scores: Option<&[f64]>| {
            Step::new(iteration + 1, total, "trees").tell(progress, "fitting Gbdt")?;
            let (Some(scores), Some(loss), Some((truth, weights))) = (scores, validation_loss, &truth) else {
                return Ok(true);
            };
            let mut values = vec![loss.mean(scores)];
            if !metrics.is_empty() {
                let shaped = Array2::from_shape_vec((scores.len() / k, k), scores.to_vec())
                    .map_err(Error::external)?;
                let prediction = judged(shaped)?;
                for metric in metrics {
                    values.push(metric.score(truth.as_ref(), &prediction, weights.as_deref())?.value);
                }
            }
            let (value, sign) = match metrics.first() {
                Some(metric) if metric.direction() == Direction::Maximize => (values[1], -1.0),
                Some(_) => (values[1], 1.0),
                None => (values[0], 1.0),
            };
            history.values.push(values);
            let min_delta = self.early_stopping.map_or(0.0, |when| when.min_delta);
            let patience = self.early_stopping.map_or(usize::MAX, |when| when.patience);
            Ok(stop.go_on(iteration, sign * value, min_delta, patience))
        };
        let watched = validation.as_ref().map(|(_, table, scores)| Watched { table, scores: scores.clone() });
        let mut trees = boosting.run(loss, start, watched, after)?;
        history.best = stop.best.map(|(iteration, _)| iteration);
        if let (Some(_), Some(best)) = (self.early_stopping, history.best) {
            trees.truncate((best + 1) * k);
        }
        let mut all: Vec<_> = job.from.map_or_else(Vec::new, |from| from.trees().to_vec());
        for (place, old) in job.from.map(TreeEnsemble::features).unwrap_or_default().iter().enumerate() {
            // To the trees that there were, new categories are what they were while these grew: unseen.
            let known = |feature: &TreeFeature| feature.categories().map_or(0, <[Category]>::len) as u32;
            let new: Vec<u32> = (known(old)..known(&features.features[place])).collect();
            if !new.is_empty() {
                all.iter_mut().for_each(|tree| tree.send_with_missing(place as u32, &new));
            }
        }
        all.append(&mut trees);
        let ensemble = TreeEnsemble::new(features.features, self.missing, all, base, combine)?;
        Ok((ensemble, history))
    }

    /// The features and their bins. Categories of a model to go on from keep their codes; new ones come after them.
    fn features(&self, train: &Dataset<Train>, from: Option<&TreeEnsemble>) -> Result<FeaturesInBins> {
        let binner = Binner {
            estimator: NAME,
            max_bins: self.max_bins,
            min_rows_in_bin: self.min_rows_in_bin,
            categorical: self.categorical.clone(),
        };
        let layout = train.layout();
        let found = statistic::summarize(&binner.statistic(layout)?, train)?;
        let mut fitted = binner.fitted(layout, found)?;
        let Some(from) = from else { return Ok(fitted) };
        let names = |features: &[TreeFeature]| -> Vec<String> {
            features.iter().map(|feature| feature.name().to_owned()).collect()
        };
        if names(from.features()) != names(&fitted.features) {
            let expected = format!("the features {}", names(from.features()).join(", "));
            return Err(Error::shape("training rows", expected, names(&fitted.features).join(", ")));
        }
        for (old, (feature, bins)) in
            from.features().iter().zip(fitted.features.iter_mut().zip(&mut fitted.bins))
        {
            match (old.categories(), feature.categories(), &mut *bins) {
                (None, None, _) => {}
                (Some(known), Some(found), FeatureBins::Categories(bins)) => {
                    let of: BTreeMap<&Category, u8> = found.iter().zip(bins.iter().copied()).collect();
                    let mut all = known.to_vec();
                    let is_known: std::collections::BTreeSet<&Category> = known.iter().collect();
                    all.extend(found.iter().filter(|category| !is_known.contains(category)).cloned());
                    let new =
                        all.iter().map(|category| of.get(category).copied().unwrap_or(MISSING)).collect();
                    let column = feature.column().clone();
                    *bins = new;
                    *feature = TreeFeature::category(column, all)?;
                }
                _ => {
                    let expected = "categories or numbers as in the model to go on from";
                    return Err(Error::column_type(old.name(), expected, "the other"));
                }
            }
        }
        Ok(fitted)
    }

    fn grow_parameters(&self, features: &[TreeFeature]) -> Result<GrowParameters> {
        let place = |name: &String| {
            features.iter().position(|feature| feature.name() == name).ok_or_else(|| {
                let available = features.iter().map(|feature| feature.name().to_owned()).collect();
                Error::from(ErrorKind::MissingColumn { name: name.clone(), available })
            })
        };
        let mut monotone = Vec::new();
        for (name, direction) in &self.monotone {
            let feature = place(name)?;
            if features[feature].categories().is_some() {
                let expected = "ordered values to be monotone in";
                return Err(Error::column_type(name, expected, "categories"));
            }
            monotone.resize(features.len(), 0);
            monotone[feature] = match direction {
                Monotone::Increasing => 1,
                Monotone::Decreasing => -1,
            };
        }
        let mut groups: Vec<Vec<u32>> = Vec::new();
        let mut rest = vec![true; features.len()];
        for group in &self.interactions {
            let places: Vec<usize> = group.iter().map(place).collect::<Result<_>>()?;
            places.iter().for_each(|&place| rest[place] = false);
            groups.push(places.into_iter().map(|place| place as u32).collect());
        }
        if !groups.is_empty() && rest.contains(&true) {
            groups.push((0..features.len() as u32).filter(|&place| rest[place as usize]).collect());
        }
        Ok(GrowParameters {
            growth: self.growth,
            max_leaves: self.max_leaves,
            max_depth: self.max_depth.unwrap_or(usize::MAX),
            min_rows: self.min_rows,
            min_hessian: self.min_hessian,
            l1: self.l1,
            l2: self.l2,
            min_gain: self.min_gain,
            categories: CategoryParameters {
                one_vs_rest: self.max_one_vs_rest,
                smoothing: self.category_smoothing,
                l2: self.category_l2,
                max_set: self.max_set,
                min_rows: self.min_rows_per_category,
            },
            max_step: self.max_step.unwrap_or(f64::INFINITY),
            monotone,
            groups,
            split_share: self.split_share,
            seed: self.seed,
        })
    }
}

/// When to end.
struct Stop {
    best: Option<(usize, f64)>,
    since: usize,
}

impl Stop {
    fn go_on(&mut self, iteration: usize, value: f64, min_delta: f64, patience: usize) -> bool {
        // What is no number is never best.
        if !value.is_nan() && self.best.is_none_or(|(_, best)| value < best - min_delta) {
            self.best = Some((iteration, value));
            self.since = 0;
        } else {
            self.since += 1;
        }
        self.since < patience
    }
}

/// The loss of classes: one that is given, or the recipe's.
fn class_loss(recipe: &Gbdt, given: Option<Box<dyn ClassLoss>>, labels: Labels) -> Box<dyn Loss> {
    match (given, recipe.objective) {
        (Some(loss), _) => Box::new(OfClassLoss { labels, loss }),
        (None, ClassObjective::Focal(gamma)) if gamma > 0.0 => Box::new(FocalClasses { labels, gamma }),
        (None, _) if labels.n_classes == 2 => Box::new(BinaryLogistic(labels)),
        (None, _) => Box::new(Softmax(labels)),
    }
}

impl Gbdt<Classification> {
    pub(super) fn fit_classes(
        &self,
        mut job: Job<'_>,
        known: Option<&Classes>,
        objective: Option<&dyn Objective>,
    ) -> Result<FittedGbdt> {
        self.validate()?;
        self.objective.validate(NAME)?;
        let train = counted(job.train)?;
        let target = train.layout().target(NAME)?.to_owned();
        let found = class_labels(&train, &target)?;
        let (classes, codes) = match known {
            None => (Classes::new(found.distinct)?, found.codes),
            Some(classes) => (classes.clone(), codes_of(classes, &target, train.column(&target)?)?),
        };
        if let [class] = classes.values() {
            return Err(ErrorKind::SingleClass { column: target, class: class.to_string() }.into());
        }
        let weights = train.weights()?.map(|w| w.to_vec());
        let mut labels = Labels { codes, n_classes: classes.n_classes(), weights };
        let totals = labels.totals();
        let by_class = self.class_weights.resolve(NAME, classes.values(), &totals)?;
        if by_class.iter().any(|w| *w != 1.0) {
            let own = labels.weights.take();
            let weight = |(row, &code): (usize, &u32)| {
                own.as_ref().map_or(1.0, |own| own[row]) * by_class[code as usize]
            };
            labels.weights = Some(labels.codes.iter().enumerate().map(weight).collect());
        }
        let given = || objective.map(|objective| objective.of_classes(&totals)).transpose();
        let validation_loss = match job.validation {
            None => None,
            Some(rows) => {
                let codes = codes_of(&classes, &target, rows.column(&target)?)?;
                let labels = Labels {
                    codes,
                    n_classes: classes.n_classes(),
                    weights: rows.weights()?.map(|w| w.to_vec()),
                };
                Some(class_loss(self, given()?, labels))
            }
        };
        let loss = class_loss(self, given()?, labels);
        let judged = |scores| FittedGbdt::prediction(&classes, scores);
        let (ensemble, history) =
            self.boost(&mut job, &train, loss.as_ref(), validation_loss.as_deref(), &judged)?;
        Ok(FittedGbdt::new(ensemble, classes, history))
    }
}

fn class_labels<P: Partition>(data: &Dataset<P>, target: &str) -> Result<Coded> {
    let labels = data.labels(NAME)?;
    match labels.distinct.iter().find(|class| matches!(class, Category::Float(x) if x.fract() != 0.0)) {
        None => Ok(labels),
        Some(class) => {
            let expected =
                "text, booleans or whole numbers to be classes (take `Gbdt::regressor` for a number)";
            Err(Error::column_type(target, expected, format!("the value {class}")))
        }
    }
}

fn codes_of(classes: &Classes, target: &str, truth: &ArrayRef) -> Result<Vec<u32>> {
    Ok(classes.indices(target, truth.as_ref())?.into_iter().map(|index| index as u32).collect())
}

impl Gbdt<Regression> {
    pub(super) fn fit_numbers(
        &self,
        mut job: Job<'_>,
        known: Option<Link>,
        given: Option<&dyn ValueLoss>,
    ) -> Result<FittedGbdt<Regression>> {
        self.validate()?;
        if given.is_none() {
            self.objective.validate(NAME)?;
        }
        let link = if given.is_none() && self.objective.is_log() { Link::Log } else { Link::Identity };
        if known.is_some_and(|known| known != link) {
            let expected = "an objective that predicts as the model to go on from does";
            return Err(Error::invalid_parameter(
                NAME,
                "objective",
                format!("{:?}", self.objective),
                expected,
            ));
        }
        if given.is_none() && self.objective.renews() && !self.monotone.is_empty() {
            let expected = "none: leaves that hold medians or quantiles are not bounded by others";
            return Err(Error::invalid_parameter(
                NAME,
                "monotone",
                format!("for {:?}", self.objective),
                expected,
            ));
        }
        let train = counted(job.train)?;
        match given {
            None => {
                self.objective.check_start(train.layout().target(NAME)?, &train.target_values(NAME)?)?;
            }
            Some(loss) => {
                let weights = train.weights()?;
                let start = loss.initial(&train.target_values(NAME)?, weights.as_deref());
                if !start.is_finite() {
                    let expected = "a finite score to start from: see `ValueLoss::initial`";
                    return Err(Error::invalid_parameter(NAME, loss.name(), start, expected));
                }
            }
        }
        let loss = self.value_loss(&train, given)?;
        let validation_loss = job.validation.map(|rows| self.value_loss(rows, given)).transpose()?;
        let judged = |scores: Array2<f64>| Ok(Prediction::from_labels(numbers(scores, link)));
        let (ensemble, history) =
            self.boost(&mut job, &train, loss.as_ref(), validation_loss.as_deref(), &judged)?;
        Ok(FittedGbdt::new(ensemble, link, history))
    }

    /// The loss of numbers: one that is given, or the recipe's.
    fn value_loss<'a, P: Partition>(
        &self,
        data: &Dataset<P>,
        given: Option<&'a dyn ValueLoss>,
    ) -> Result<Box<dyn Loss + 'a>> {
        let target = data.target_values(NAME)?.to_vec();
        let weights = data.weights()?.map(|w| w.to_vec());
        if let Some(loss) = given {
            return Ok(Box::new(OfValueLoss { loss, target, weights }));
        }
        let objective: RegressionObjective = self.objective;
        objective.check(data.layout().target(NAME)?, &target)?;
        Ok(Box::new(OfValues { objective, target, weights }))
    }
}

impl Gbdt<Ranking> {
    fn fit_ranks(&self, mut job: Job<'_>) -> Result<FittedGbdt<Ranking>> {
        self.validate()?;
        let train = counted(job.train)?;
        let loss = self.rank_loss(&train)?;
        let validation_loss = job.validation.map(|rows| self.rank_loss(rows)).transpose()?;
        let judged = |scores: Array2<f64>| Ok(Prediction::from_labels(numbers(scores, Link::Identity)));
        let validation_loss = validation_loss.as_ref().map(|loss| loss as &dyn Loss);
        let (ensemble, history) = self.boost(&mut job, &train, &loss, validation_loss, &judged)?;
        Ok(FittedGbdt::new(ensemble, (), history))
    }

    fn rank_loss<P: Partition>(&self, data: &Dataset<P>) -> Result<LambdaMart> {
        let RankObjective::LambdaMart { truncation } = self.objective;
        if truncation == 0 {
            return Err(Error::invalid_parameter(NAME, "objective", "a truncation of 0", "1 or more"));
        }
        let target = data.layout().target(NAME)?;
        let relevance = data.target_values(NAME)?;
        if let Some(row) = relevance.iter().position(|y| y.fract() != 0.0 || !(0.0..=31.0).contains(y)) {
            return Err(Error::invalid_value(
                target,
                Some(row),
                relevance[row],
                "a whole number from 0 to 31",
            ));
        }
        let group = data.layout().group(NAME)?;
        let coded = Coded::new(group, data.column(group)?)?;
        if coded.missing() > 0 {
            let hint = "name the group of every row".into();
            return Err(
                ErrorKind::MissingValues { column: group.into(), count: coded.missing(), hint }.into()
            );
        }
        let mut groups = vec![Vec::new(); coded.distinct.len()];
        for (row, &code) in coded.codes.iter().enumerate() {
            groups[code as usize].push(row as u32);
        }
        if relevance.iter().all(|y| *y == 0.0) {
            return Err(Error::invalid_value(target, None, "zero in every row", "above 0 in some row"));
        }
        let gains = relevance.iter().map(|y| y.exp2() - 1.0).collect();
        Ok(LambdaMart::new(groups, gains, data.weights()?.map(|w| w.to_vec()), truncation))
    }
}

macro_rules! fits {
    ($task:ty, |$recipe:ident, $job:ident, $from:ident| $fit:expr) => {
        impl Fit for Gbdt<$task> {
            type Fitted = FittedGbdt<$task>;

            fn fit(&self, train: &Dataset<Train>) -> Result<Self::Fitted> {
                self.fit_with(train, &mut silent)
            }
        }

        impl FitValidated for Gbdt<$task> {
            fn fit_validated(
                &self,
                train: &Dataset<Train>,
                validation: &Dataset<Validation>,
            ) -> Result<Self::Fitted> {
                self.fit_watched(train, validation, &[], &mut silent)
            }
        }

        impl Gbdt<$task> {
            /// As [`Fit::fit`], telling `progress` of each iteration.
            ///
            /// # Errors
            ///
            /// Those of the type; [`Cancelled`](ErrorKind::Cancelled).
            pub fn fit_with(
                &self,
                train: &Dataset<Train>,
                progress: &mut dyn Progress,
            ) -> Result<FittedGbdt<$task>> {
                let ($recipe, $from) = (self, None::<&FittedGbdt<$task>>);
                let $job = Job { train, validation: None, metrics: &[], from: None, progress };
                $fit
            }

            /// Fits while validation rows are judged after each iteration: by the objective's loss and by these metrics. Early stopping goes by the
            /// first metric or, without metrics, by the loss.
            ///
            /// # Errors
            ///
            /// As [`fit_with`](Self::fit_with), and those of the metrics.
            pub fn fit_watched(
                &self,
                train: &Dataset<Train>,
                validation: &Dataset<Validation>,
                metrics: &[&dyn Metric],
                progress: &mut dyn Progress,
            ) -> Result<FittedGbdt<$task>> {
                let ($recipe, $from) = (self, None::<&FittedGbdt<$task>>);
                let $job = Job { train, validation: Some(validation), metrics, from: None, progress };
                $fit
            }

            /// Goes on from a fitted model: its trees stay, and those of this recipe come after them.
            ///
            /// # Errors
            ///
            /// As [`fit_with`](Self::fit_with); [`Shape`](ErrorKind::Shape) for other features than the model's.
            pub fn fit_from(
                &self,
                model: &FittedGbdt<$task>,
                train: &Dataset<Train>,
                progress: &mut dyn Progress,
            ) -> Result<FittedGbdt<$task>> {
                let ($recipe, $from) = (self, Some(model));
                let $job =
                    Job { train, validation: None, metrics: &[], from: Some(model.ensemble()), progress };
                $fit
            }
        }
    };
}

fits!(Classification, |recipe, job, from| recipe.fit_classes(job, from.map(FittedGbdt::output), None));
fits!(Regression, |recipe, job, from| recipe.fit_numbers(job, from.map(|model| *model.output()), None));
fits!(Ranking, |recipe, job, from| {
    let _ = from;
    recipe.fit_ranks(job)
});

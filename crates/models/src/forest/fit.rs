//! Fitting forests.

use std::sync::Mutex;

use mlsys_core::arrow::array::BooleanArray;
use mlsys_core::rand::rngs::ChaCha8Rng;
use mlsys_core::{
    Category, Classes, Dataset, Error, ErrorKind, FitByStatistic, Progress, Result, Step, Train, first_error,
    seed, statistic,
};
use rayon::prelude::*;

use super::criterion::{self, Criterion, Number, Numbers, OfClass};
use super::grow::{Growing, Grown, Scratch};
use super::settings::Settings;
use crate::ClassWeights;
use crate::trees::bins::{BinnedTable, Binner, FeatureBins, FeaturesInBins};
use crate::trees::grow::BinTest;
use crate::trees::{Categories, Child, Combine, MissingGoes, Split, Test, Tree, TreeEnsemble};

/// The rows that count.
pub(crate) fn counted(train: &Dataset<Train>) -> Result<Dataset<Train>> {
    match train.weights()? {
        Some(weights) if weights.contains(&0.0) => {
            train.filter(&BooleanArray::from_iter(weights.iter().map(|w| Some(*w > 0.0))))
        }
        _ => Ok(train.clone()),
    }
}

/// How often each of n rows was drawn, in n draws by weight.
pub(super) fn draw(n: usize, upto: Option<&[f64]>, rng: &mut ChaCha8Rng) -> Vec<u32> {
    let mut times = vec![0; n];
    for _ in 0..n {
        let row = match upto {
            None => seed::below(n as u64, rng) as usize,
            Some(upto) => {
                let lot = seed::uniform(rng) * upto[n - 1];
                upto.partition_point(|sum| *sum <= lot).min(n - 1)
            }
        };
        times[row] += 1;
    }
    times
}

/// Sums of weights up to each row.
pub(super) fn cumulated(weights: Option<&[f64]>) -> Option<Vec<f64>> {
    let mut sum = 0.0;
    let add = |w: &f64| {
        sum += w;
        sum
    };
    weights.map(|weights| weights.iter().map(add).collect())
}

/// The classes of a target, and the code of each row.
pub(crate) fn classes(name: &'static str, train: &Dataset<Train>) -> Result<(Classes, Vec<u32>)> {
    let target = train.layout().target(name)?.to_owned();
    let labels = train.labels(name)?;
    if let Some(class) = labels.distinct.iter().find(|c| matches!(c, Category::Float(x) if x.fract() != 0.0))
    {
        let expected =
            format!("text, booleans or whole numbers to be classes (take `{name}::regressor` for a number)");
        return Err(Error::column_type(&target, expected, format!("the value {class}")));
    }
    let classes = Classes::new(labels.distinct)?;
    if let [class] = classes.values() {
        return Err(ErrorKind::SingleClass { column: target, class: class.to_string() }.into());
    }
    Ok((classes, labels.codes))
}

/// The weights of rows, their class's included; `None` where all are one.
pub(crate) fn weights_by_class(
    name: &'static str,
    classes: &Classes,
    codes: &[u32],
    own: Option<Vec<f64>>,
    by_class: &ClassWeights,
) -> Result<Option<Vec<f64>>> {
    let mut totals = vec![0.0; classes.n_classes()];
    for (row, &code) in codes.iter().enumerate() {
        totals[code as usize] += own.as_ref().map_or(1.0, |own| own[row]);
    }
    let by_class = by_class.resolve(name, classes.values(), &totals)?;
    if by_class.iter().all(|w| *w == 1.0) {
        return Ok(own);
    }
    let weight =
        |(row, &code): (usize, &u32)| own.as_ref().map_or(1.0, |own| own[row]) * by_class[code as usize];
    Ok(Some(codes.iter().enumerate().map(weight).collect()))
}

/// How sums become the values of leaves and splits.
trait Values: Criterion {
    /// Values per leaf.
    fn outputs(&self) -> usize;
    fn leaf(&self, cell: &[f64], to: &mut Vec<f64>);
    /// What a split would predict, where that is one number.
    fn split(&self, cell: &[f64]) -> f64;
    /// A gain of scores in units of the impurity.
    fn gain(&self, scores: f64) -> f64;
}

/// Numbers that were moved and scaled.
pub(super) struct Scaled {
    numbers: Numbers,
    center: f64,
    scale: f64,
}

impl Criterion for Scaled {
    type Item = Number;

    #[inline]
    fn width(&self) -> usize {
        self.numbers.width()
    }
    #[inline]
    fn add(&self, cell: &mut [f64], item: &Number) {
        self.numbers.add(cell, item);
    }
    #[inline]
    fn score(&self, cell: &[f64]) -> f64 {
        self.numbers.score(cell)
    }
    #[inline]
    fn weight(&self, cell: &[f64]) -> f64 {
        self.numbers.weight(cell)
    }
    fn is_pure(&self, items: &[Number]) -> bool {
        self.numbers.is_pure(items)
    }
    fn n_orders(&self) -> usize {
        1
    }
    fn order(&self, cell: &[f64], order: usize) -> f64 {
        self.numbers.order(cell, order)
    }
}

impl Values for Scaled {
    fn outputs(&self) -> usize {
        if self.numbers.binary { 2 } else { 1 }
    }
    fn leaf(&self, cell: &[f64], to: &mut Vec<f64>) {
        match self.numbers.binary {
            true => to.extend([(cell[0] - cell[1]) / cell[0], cell[1] / cell[0]]),
            false => to.push(self.split(cell)),
        }
    }
    fn split(&self, cell: &[f64]) -> f64 {
        self.center + self.scale * (cell[1] / cell[0])
    }
    fn gain(&self, scores: f64) -> f64 {
        if self.numbers.binary { 2.0 * scores } else { scores * self.scale * self.scale }
    }
}

impl Values for criterion::Classes {
    fn outputs(&self) -> usize {
        self.0
    }
    fn leaf(&self, cell: &[f64], to: &mut Vec<f64>) {
        let sum = self.weight(cell);
        to.extend(cell[..self.0].iter().map(|x| x / sum));
    }
    fn split(&self, _: &[f64]) -> f64 {
        0.0
    }
    fn gain(&self, scores: f64) -> f64 {
        scores
    }
}

/// The trees of numbers.
pub(super) fn of_numbers(
    settings: &Settings<'_>,
    train: &Dataset<Train>,
    y: &[f64],
    weights: Option<&[f64]>,
    progress: &mut dyn Progress,
) -> Result<TreeEnsemble> {
    let all: f64 = weights.map_or(y.len() as f64, |w| w.iter().sum());
    let center: f64 = y.iter().enumerate().map(|(row, y)| y * (weights.map_or(1.0, |w| w[row]) / all)).sum();
    let most = y.iter().fold(0.0, |most: f64, y| most.max((y - center).abs()));
    if !(most.is_finite() && center.is_finite()) {
        let target = train.layout().target(settings.name)?;
        return Err(Error::invalid_value(target, None, "numbers too large to add up", "a smaller scale"));
    }
    let scale = if most > 0.0 { most } else { 1.0 };
    let criterion = Scaled { numbers: Numbers { binary: false }, center, scale };
    let scaled: Vec<f64> = y.iter().map(|y| (y - center) / scale).collect();
    let item = |row: u32, w: f64| Number { row, w, y: scaled[row as usize] };
    grow(settings, train, weights, criterion, &item, false, progress)
}

/// The trees of classes.
pub(super) fn of_classes(
    settings: &Settings<'_>,
    train: &Dataset<Train>,
    (codes, k): (&[u32], usize),
    weights: Option<&[f64]>,
    progress: &mut dyn Progress,
) -> Result<TreeEnsemble> {
    if k == 2 {
        let criterion = Scaled { numbers: Numbers { binary: true }, center: 0.0, scale: 1.0 };
        let item = |row: u32, w: f64| Number { row, w, y: f64::from(codes[row as usize]) };
        return grow(settings, train, weights, criterion, &item, true, progress);
    }
    let item = |row: u32, w: f64| OfClass { row, class: codes[row as usize], w };
    grow(settings, train, weights, criterion::Classes(k), &item, true, progress)
}

fn grow<C: Values>(
    settings: &Settings<'_>,
    train: &Dataset<Train>,
    weights: Option<&[f64]>,
    criterion: C,
    item: &(impl Fn(u32, f64) -> C::Item + Sync),
    classes: bool,
    progress: &mut dyn Progress,
) -> Result<TreeEnsemble> {
    let n = train.n_rows();
    if u32::try_from(n).is_err() {
        return Err(Error::unsupported(format!("{} on 4,294,967,296 rows or more", settings.name)));
    }
    if n == 0 {
        return Err(Error::too_few_rows(1, 0, "a tree needs rows to grow on"));
    }
    let binner = Binner {
        estimator: settings.name,
        max_bins: settings.max_bins,
        min_rows_in_bin: 1,
        categorical: settings.categorical.to_vec(),
    };
    let found = statistic::summarize(&binner.statistic(train.layout())?, train)?;
    let features = binner.fitted(train.layout(), found)?;
    let table = BinnedTable::new(&features.features, &features.bins, &settings.missing, train.batch())?;
    let all: f64 = if settings.bootstrap { n as f64 } else { weights.map_or(n as f64, |w| w.iter().sum()) };
    let growing = Growing {
        table: &table,
        bins: &features.bins,
        max_depth: settings.max_depth.unwrap_or(usize::MAX),
        min_rows: usize::try_from(settings.min_rows).unwrap_or(usize::MAX),
        max_features: settings.max_features.of(features.features.len(), classes),
        // In units of scores.
        min_gain: settings.min_gain * all / criterion.gain(1.0),
        random: settings.random,
        criterion,
    };
    let upto = if settings.bootstrap { cumulated(weights) } else { None };
    let one = |scratch: &mut Scratch<C::Item>, tree: u64| {
        let mut rng = seed::stream(settings.seed, tree);
        scratch.items.clear();
        if settings.bootstrap {
            let times = draw(n, upto.as_deref(), &mut rng);
            let drawn = times.iter().zip(0..).filter(|(times, _)| **times > 0);
            scratch.items.extend(drawn.map(|(&times, row)| item(row, f64::from(times))));
        } else {
            scratch
                .items
                .extend((0..n as u32).map(|row| item(row, weights.map_or(1.0, |w| w[row as usize]))));
        }
        let (splits, leaves) = growing.tree(scratch, &mut rng);
        let cells = leaves.iter().map(|rows| {
            let mut cell = vec![0.0; growing.criterion.width()];
            scratch.items[rows.clone()].iter().for_each(|item| growing.criterion.add(&mut cell, item));
            cell
        });
        convert(&growing.criterion, &features, &splits, cells.collect())
    };
    let mut trees: Vec<Tree> = Vec::new();
    // What one tree needed, for the next.
    let free: Mutex<Vec<Scratch<C::Item>>> = Mutex::default();
    // A few at a time, to tell of them.
    let step = 8 * rayon::current_num_threads().max(1);
    for first in (0..settings.trees).step_by(step) {
        let last = settings.trees.min(first + step);
        let grown = (first..last).into_par_iter().with_max_len(1).map(|tree| {
            let mut scratch = free.lock().ok().and_then(|mut free| free.pop()).unwrap_or_default();
            let tree = one(&mut scratch, tree as u64);
            if let Ok(mut free) = free.lock() {
                free.push(scratch);
            }
            tree
        });
        let grown: Vec<Tree> = first_error(grown.collect())?;
        trees.extend(grown);
        Step::new(last, settings.trees, "trees").tell(progress, &format!("fitting {}", settings.name))?;
    }
    let base = vec![0.0; growing.criterion.outputs()];
    TreeEnsemble::new(features.features, settings.missing, trees, base, Combine::Mean)
}

/// The tree by values. Sums of splits are those of their leaves.
fn convert<C: Values>(
    criterion: &C,
    features: &FeaturesInBins,
    grown: &[Grown],
    leaves: Vec<Vec<f64>>,
) -> Result<Tree> {
    let width = criterion.width();
    let mut below = vec![vec![0.0; width]; grown.len()];
    let mut gains = vec![0.0; grown.len()];
    for (place, split) in grown.iter().enumerate().rev() {
        let mut sum = vec![0.0; width];
        let mut scores = 0.0;
        for child in [split.left, split.right] {
            let cell = match child {
                Child::Split(i) => &below[i as usize],
                Child::Leaf(i) => &leaves[i as usize],
            };
            sum.iter_mut().zip(cell).for_each(|(to, x)| *to += x);
            scores += criterion.score(cell);
        }
        let gain = criterion.gain(scores - criterion.score(&sum));
        gains[place] = if gain.is_finite() { gain.max(0.0) } else { f64::MAX };
        below[place] = sum;
    }
    let splits = grown.iter().enumerate().map(|(place, split)| {
        let bins = &features.bins[split.feature as usize];
        let test = match (split.test, bins) {
            (BinTest::AtMost(bin), _) => Test::AtMost(bins.upper(bin as usize)),
            (BinTest::In(left), FeatureBins::Categories(bin_of)) => {
                let is_left = |bin: u8| bin > 0 && left[bin as usize / 64] >> (bin % 64) & 1 == 1;
                let codes = bin_of.iter().zip(0..).filter(|&(&bin, _)| is_left(bin)).map(|(_, code)| code);
                Test::In(codes.collect::<Categories>())
            }
            (BinTest::In(_), FeatureBins::Ordered(_)) => Test::AtMost(f64::INFINITY),
        };
        Split {
            feature: split.feature,
            test,
            missing: MissingGoes::side(split.missing_left),
            left: split.left,
            right: split.right,
            gain: gains[place],
            value: criterion.split(&below[place]),
            cover: criterion.weight(&below[place]),
            rows: below[place][width - 1] as u64,
        }
    });
    let mut values = Vec::with_capacity(leaves.len() * criterion.outputs());
    leaves.iter().for_each(|cell| criterion.leaf(cell, &mut values));
    let covers = leaves.iter().map(|cell| criterion.weight(cell)).collect();
    let rows = leaves.iter().map(|cell| cell[width - 1] as u64).collect();
    Tree::new(splits.collect(), criterion.outputs(), values, covers, rows)
}

macro_rules! fits {
    ($name:ident) => {
        impl $name<Classification> {
            /// As [`Fit::fit`](mlsys_core::Fit::fit), telling `progress` of the trees.
            ///
            /// # Errors
            ///
            /// Those of the type; [`Cancelled`](mlsys_core::ErrorKind::Cancelled).
            pub fn fit_with(
                &self,
                train: &mlsys_core::Dataset<mlsys_core::Train>,
                progress: &mut dyn mlsys_core::Progress,
            ) -> mlsys_core::Result<FittedForest> {
                Ok(fit::classifier(&self.settings(), &self.class_weights, train, progress)?.0)
            }

            /// Fits, and judges each row by the trees that have not seen it.
            ///
            /// # Errors
            ///
            /// As [`fit_with`](Self::fit_with); [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) without `bootstrap`.
            pub fn fit_out_of_bag(
                &self,
                train: &mlsys_core::Dataset<mlsys_core::Train>,
            ) -> mlsys_core::Result<(FittedForest, OutOfBag)> {
                fit::classifier_out_of_bag(&self.settings(), &self.class_weights, train)
            }
        }

        impl $name<Regression> {
            /// As [`Fit::fit`](mlsys_core::Fit::fit), telling `progress` of the trees.
            ///
            /// # Errors
            ///
            /// Those of the type; [`Cancelled`](mlsys_core::ErrorKind::Cancelled).
            pub fn fit_with(
                &self,
                train: &mlsys_core::Dataset<mlsys_core::Train>,
                progress: &mut dyn mlsys_core::Progress,
            ) -> mlsys_core::Result<FittedForest<Regression>> {
                fit::regressor(&self.settings(), train, progress)
            }

            /// Fits, and judges each row by the trees that have not seen it.
            ///
            /// # Errors
            ///
            /// As [`fit_with`](Self::fit_with); [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) without `bootstrap`.
            pub fn fit_out_of_bag(
                &self,
                train: &mlsys_core::Dataset<mlsys_core::Train>,
            ) -> mlsys_core::Result<(FittedForest<Regression>, OutOfBag)> {
                fit::regressor_out_of_bag(&self.settings(), train)
            }
        }

        impl mlsys_core::Fit for $name<Classification> {
            type Fitted = FittedForest;

            fn fit(
                &self,
                train: &mlsys_core::Dataset<mlsys_core::Train>,
            ) -> mlsys_core::Result<FittedForest> {
                self.fit_with(train, &mut mlsys_core::silent)
            }
        }

        impl mlsys_core::Fit for $name<Regression> {
            type Fitted = FittedForest<Regression>;

            fn fit(
                &self,
                train: &mlsys_core::Dataset<mlsys_core::Train>,
            ) -> mlsys_core::Result<FittedForest<Regression>> {
                self.fit_with(train, &mut mlsys_core::silent)
            }
        }
    };
}
pub(super) use fits;

pub(super) use super::oob::{classifier, classifier_out_of_bag, regressor, regressor_out_of_bag};

//! Fitting by task, and what trees make of the rows that they have not seen.

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::ndarray::Array2;
use mlsys_core::{Dataset, Error, Progress, Result, Train, seed, silent};

use super::fit::{classes, counted, cumulated, draw, of_classes, of_numbers, weights_by_class};
use super::fitted::FittedForest;
use super::settings::Settings;
use crate::ClassWeights;
use crate::trees::{Link, Regression, TreeEnsemble};

/// What the trees of a forest make of the training rows that they have not seen.
///
/// ```text
/// prediction of row i = mean of tree t's values, over the trees t that have not drawn i
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct OutOfBag {
    /// Shares of classes, or a number, for each training row of a weight above 0; NaN for rows that every tree has seen.
    pub predictions: Array2<f64>,
    /// How many rows every tree has seen.
    pub rows_without: usize,
    /// The share of rows whose likeliest class is right, or R² of numbers, of the rows that some tree has not seen; NaN of none.
    pub score: f64,
}

/// Rows that go through the trees together.
const BLOCK: usize = 8192;

impl OutOfBag {
    /// Judges rows by the trees that have not drawn them, given how often each tree drew each row. The score is NaN.
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) unless there is a count per row for each tree; as [`TreeEnsemble::read`].
    pub fn of(ensemble: &TreeEnsemble, batch: &RecordBatch, drawn: &[Vec<u32>]) -> Result<Self> {
        let (n, k) = (batch.num_rows(), ensemble.n_outputs());
        if drawn.len() != ensemble.trees().len() || drawn.iter().any(|times| times.len() != n) {
            let expected = format!("{n} counts for each of {} trees", ensemble.trees().len());
            return Err(Error::shape("draws", expected, format!("{} trees", drawn.len())));
        }
        if ensemble.trees().iter().any(|tree| tree.width() != k) {
            return Err(Error::shape("leaves", format!("{k} values"), "another number"));
        }
        let mut predictions = Array2::zeros((n, k));
        let mut rows_without = 0;
        for first in (0..n).step_by(BLOCK) {
            let leaves = ensemble.leaves(&batch.slice(first, BLOCK.min(n - first)))?;
            for (place, leaves) in leaves.outer_iter().enumerate() {
                let mut sums = predictions.row_mut(first + place);
                let mut trees = 0.0;
                for ((tree, &leaf), times) in ensemble.trees().iter().zip(leaves).zip(drawn) {
                    if times[first + place] == 0 {
                        trees += 1.0;
                        sums.iter_mut().zip(tree.values(leaf as usize)).for_each(|(sum, x)| *sum += x);
                    }
                }
                rows_without += usize::from(trees == 0.0);
                // Not a number where there was no tree.
                sums.iter_mut().for_each(|sum| *sum /= trees);
            }
        }
        Ok(Self { predictions, rows_without, score: f64::NAN })
    }

    fn of_forest(
        settings: &Settings<'_>,
        ensemble: &TreeEnsemble,
        train: &Dataset<Train>,
        weights: Option<&[f64]>,
    ) -> Result<Self> {
        let upto = cumulated(weights);
        let times = |tree: u64| draw(train.n_rows(), upto.as_deref(), &mut seed::stream(settings.seed, tree));
        let drawn: Vec<Vec<u32>> = (0..settings.trees as u64).map(times).collect();
        Self::of(ensemble, train.batch(), &drawn)
    }

    /// Judged by the classes that rows have.
    fn judged_by_class(mut self, codes: &[u32]) -> Self {
        let (mut right, mut all) = (0.0, 0.0);
        for (shares, &code) in self.predictions.outer_iter().zip(codes) {
            if shares.iter().all(|x| !x.is_nan()) {
                let first = |best: (usize, f64), (class, &x): (usize, &f64)| {
                    if x > best.1 { (class, x) } else { best }
                };
                let likeliest = shares.iter().enumerate().fold((0, f64::NEG_INFINITY), first).0;
                right += f64::from(u8::from(likeliest == code as usize));
                all += 1.0;
            }
        }
        self.score = right / all;
        self
    }

    /// Judged by the numbers that rows have.
    fn judged_by_number(mut self, y: &[f64]) -> Self {
        let seen: Vec<(f64, f64)> =
            self.predictions.iter().zip(y).filter(|(p, _)| !p.is_nan()).map(|(p, y)| (*p, *y)).collect();
        let mean = seen.iter().map(|(_, y)| y / seen.len() as f64).sum::<f64>();
        let rest: f64 = seen.iter().map(|(p, y)| (y - p) * (y - p)).sum();
        let all: f64 = seen.iter().map(|(_, y)| (y - mean) * (y - mean)).sum();
        self.score = 1.0 - rest / all;
        self
    }
}

/// What was fitted on.
pub(in crate::forest) struct Seen<Y> {
    train: Dataset<Train>,
    y: Vec<Y>,
    weights: Option<Vec<f64>>,
}

pub(super) fn classifier(
    settings: &Settings<'_>,
    by_class: &ClassWeights,
    train: &Dataset<Train>,
    progress: &mut dyn Progress,
) -> Result<(FittedForest, Seen<u32>)> {
    settings.validate()?;
    let train = counted(train)?;
    let (classes, codes) = classes(settings.name, &train)?;
    let own = train.weights()?.map(|w| w.to_vec());
    let weights = weights_by_class(settings.name, &classes, &codes, own, by_class)?;
    let ensemble = of_classes(settings, &train, (&codes, classes.n_classes()), weights.as_deref(), progress)?;
    Ok((FittedForest::new(ensemble, classes), Seen { train, y: codes, weights }))
}

pub(super) fn classifier_out_of_bag(
    settings: &Settings<'_>,
    by_class: &ClassWeights,
    train: &Dataset<Train>,
) -> Result<(FittedForest, OutOfBag)> {
    needs_bootstrap(settings)?;
    let (model, seen) = classifier(settings, by_class, train, &mut silent)?;
    let found = OutOfBag::of_forest(settings, model.ensemble(), &seen.train, seen.weights.as_deref())?;
    Ok((model, found.judged_by_class(&seen.y)))
}

fn numbers(
    settings: &Settings<'_>,
    train: &Dataset<Train>,
    progress: &mut dyn Progress,
) -> Result<(FittedForest<Regression>, Seen<f64>)> {
    settings.validate()?;
    let train = counted(train)?;
    let y = train.target_values(settings.name)?.to_vec();
    let weights = train.weights()?.map(|w| w.to_vec());
    let ensemble = of_numbers(settings, &train, &y, weights.as_deref(), progress)?;
    Ok((FittedForest::new(ensemble, Link::Identity), Seen { train, y, weights }))
}

pub(super) fn regressor(
    settings: &Settings<'_>,
    train: &Dataset<Train>,
    progress: &mut dyn Progress,
) -> Result<FittedForest<Regression>> {
    Ok(numbers(settings, train, progress)?.0)
}

pub(super) fn regressor_out_of_bag(
    settings: &Settings<'_>,
    train: &Dataset<Train>,
) -> Result<(FittedForest<Regression>, OutOfBag)> {
    needs_bootstrap(settings)?;
    let (model, seen) = numbers(settings, train, &mut silent)?;
    let found = OutOfBag::of_forest(settings, model.ensemble(), &seen.train, seen.weights.as_deref())?;
    Ok((model, found.judged_by_number(&seen.y)))
}

fn needs_bootstrap(settings: &Settings<'_>) -> Result<()> {
    if settings.bootstrap {
        return Ok(());
    }
    let expected = "true, or no row is out of any tree's bag";
    Err(Error::invalid_parameter(settings.name, "bootstrap", "false", expected))
}

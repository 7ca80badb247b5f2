//! Rows sorted by score once, so that rank metrics can be computed again under other weights in one walk.

use mlsys_core::arrow::array::Array;
use mlsys_core::{Category, Error, Estimate, Prediction, Result};
use rayon::prelude::*;

use crate::input::{binary_scores, class_probabilities};
use crate::kernel::{Kernel, Weights, check_finite, same_length, single_class};
use crate::{Average, Interval};

/// A row in order of descending score.
#[derive(Debug, Clone, Copy)]
struct Ranked {
    row: u32,
    positive: bool,
    /// Whether the next row has a lower score.
    ends_tie: bool,
}

/// Rows in order of descending score, with ties marked.
#[derive(Debug, Clone)]
pub(crate) struct Ranking(Vec<Ranked>);

/// The weight of the positive and negative rows with one score.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tie {
    /// The last row with that score.
    pub(crate) row: usize,
    pub(crate) positive: f64,
    pub(crate) negative: f64,
}

impl Ranking {
    /// Sorts finite scores.
    pub(crate) fn new(truth: &[bool], score: &[f64]) -> Result<Self> {
        same_length("score", truth.len(), score.len())?;
        check_finite("score", score)?;
        if u32::try_from(score.len()).is_err() {
            return Err(Error::shape("rows to rank", "at most 4294967295", score.len()));
        }
        // Adding zero makes -0 and 0 tie.
        let mut keyed: Vec<(f64, u32)> =
            score.iter().enumerate().map(|(row, s)| (s + 0.0, row as u32)).collect();
        keyed.par_sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let ranked = keyed.iter().enumerate().map(|(i, &(score, row))| Ranked {
            row,
            positive: truth[row as usize],
            ends_tie: keyed.get(i + 1).is_none_or(|next| next.0 != score),
        });
        Ok(Self(ranked.collect()))
    }

    /// Calls `each` with every distinct score, from the highest down.
    #[inline]
    pub(crate) fn ties<W: Fn(usize) -> f64>(&self, weight: W, mut each: impl FnMut(Tie)) {
        let mut tie = Tie::default();
        for ranked in &self.0 {
            let w = weight(ranked.row as usize);
            if ranked.positive {
                tie.positive += w;
            } else {
                tie.negative += w;
            }
            if ranked.ends_tie {
                each(Tie { row: ranked.row as usize, ..tie });
                tie = Tie::default();
            }
        }
    }

    /// The weight of the positive and of the negative rows.
    pub(crate) fn totals<W: Fn(usize) -> f64>(&self, weight: W) -> (f64, f64) {
        let (mut positive, mut negative) = (0.0, 0.0);
        self.ties(weight, |tie| {
            positive += tie.positive;
            negative += tie.negative;
        });
        (positive, negative)
    }

    /// The totals, refusing a table with one class only.
    pub(crate) fn both_classes(&self, weights: &Weights<'_>) -> Result<(f64, f64)> {
        match self.totals(|row| weights.get(row)) {
            (p, _) if p <= 0.0 => Err(single_class(false)),
            (_, n) if n <= 0.0 => Err(single_class(true)),
            totals => Ok(totals),
        }
    }

    /// The share of pairs of a positive and a negative row that the scores order rightly, ties counting half; and
    /// the weight of the positive rows.
    fn roc_auc<W: Fn(usize) -> f64>(&self, weight: W) -> Option<(f64, f64)> {
        let (mut above, mut negative, mut pairs) = (0.0, 0.0, 0.0);
        self.ties(weight, |tie| {
            pairs += tie.negative * (above + 0.5 * tie.positive);
            above += tie.positive;
            negative += tie.negative;
        });
        (above > 0.0 && negative > 0.0).then(|| (pairs / (above * negative), above))
    }

    /// The mean precision at the positive rows, and their weight.
    fn average_precision<W: Fn(usize) -> f64>(&self, weight: W) -> Option<(f64, f64)> {
        let (mut hits, mut rows, mut sum) = (0.0, 0.0, 0.0);
        self.ties(weight, |tie| {
            hits += tie.positive;
            rows += tie.positive + tie.negative;
            if tie.positive > 0.0 {
                sum += tie.positive * (hits / rows);
            }
        });
        (hits > 0.0).then(|| (sum / hits, hits))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    RocAuc,
    AveragePrecision,
}

/// One ranking for the positive class, or one per class against the rest.
pub(crate) struct RankKernel {
    pub(crate) rankings: Vec<Ranking>,
    measure: Measure,
    average: Average,
    /// How many entries of a ranking belong to one row of the table.
    entries_per_row: usize,
    /// The class of each ranking, for messages.
    classes: Vec<Category>,
}

impl RankKernel {
    fn binary(measure: Measure, truth: &[bool], score: &[f64], positive: Category) -> Result<Self> {
        let rankings = vec![Ranking::new(truth, score)?];
        Ok(Self { rankings, measure, average: Average::Binary, entries_per_row: 1, classes: vec![positive] })
    }

    fn several(
        metric: &str,
        measure: Measure,
        average: Average,
        truth: &dyn Array,
        p: &Prediction,
    ) -> Result<Self> {
        let (truth, classes, probabilities) = class_probabilities(metric, truth, p)?;
        let (k, classes) = (classes.n_classes(), classes.values().to_vec());
        if average == Average::Micro {
            let flat: Vec<f64> = probabilities.view().iter().copied().collect();
            let hit: Vec<bool> = truth.iter().flat_map(|&t| (0..k).map(move |class| class == t)).collect();
            return Ok(Self {
                rankings: vec![Ranking::new(&hit, &flat)?],
                measure,
                average,
                entries_per_row: k,
                classes,
            });
        }
        let one_against_rest = |class: usize| {
            let hit: Vec<bool> = truth.iter().map(|&t| t == class).collect();
            Ranking::new(&hit, &probabilities.class(class)?.to_vec())
        };
        let rankings = (0..k).map(one_against_rest).collect::<Result<_>>()?;
        Ok(Self { rankings, measure, average, entries_per_row: 1, classes })
    }

    /// Says which class is missing.
    fn undefined(&self, weights: &Weights<'_>) -> Error {
        for (ranking, class) in self.rankings.iter().zip(&self.classes) {
            match ranking.totals(|entry| weights.get(entry / self.entries_per_row)) {
                (p, _) if p <= 0.0 => {
                    return match class {
                        Category::Bool(b) => single_class(!b),
                        other => single_class(format!("not {other}")),
                    };
                }
                (_, n) if n <= 0.0 => return single_class(class),
                _ => {}
            }
        }
        crate::kernel::no_weight()
    }
}

impl Kernel for RankKernel {
    fn value<W: Fn(usize) -> f64>(&self, weight: W) -> Option<f64> {
        let of = |ranking: &Ranking| match (self.measure, self.entries_per_row) {
            (Measure::RocAuc, 1) => ranking.roc_auc(&weight),
            (Measure::RocAuc, k) => ranking.roc_auc(|entry| weight(entry / k)),
            (Measure::AveragePrecision, 1) => ranking.average_precision(&weight),
            (Measure::AveragePrecision, k) => ranking.average_precision(|entry| weight(entry / k)),
        };
        let values: Option<Vec<(f64, f64)>> = self.rankings.iter().map(of).collect();
        self.average.combine(values?)
    }
}

/// Everything that a rank metric was told.
pub(crate) struct RankMetric<'a> {
    pub(crate) metric: &'a str,
    pub(crate) measure: Measure,
    pub(crate) average: Average,
    pub(crate) positive: Option<&'a Category>,
    pub(crate) interval: Interval,
}

impl RankMetric<'_> {
    pub(crate) fn score(
        &self,
        truth: &dyn Array,
        prediction: &Prediction,
        weights: Option<&[f64]>,
        analytic: impl FnOnce(&RankKernel, &Weights<'_>, f64) -> Result<Option<(f64, f64)>>,
    ) -> Result<Estimate> {
        let &Self { metric, measure, average, positive, interval } = self;
        let weights = Weights::new(metric, truth.len(), weights)?;
        let kernel = match average {
            Average::Binary => {
                let (truth, score, class) = binary_scores(metric, truth, prediction, positive)?;
                RankKernel::binary(measure, &truth, &score, class)?
            }
            _ => RankKernel::several(metric, measure, average, truth, prediction)?,
        };
        weights.estimate(
            &kernel,
            interval,
            || kernel.undefined(&weights),
            |_, level| analytic(&kernel, &weights, level),
        )
    }

    /// The value over slices.
    pub(crate) fn of_slices(
        measure: Measure,
        truth: &[bool],
        score: &[f64],
        weights: Weights<'_>,
    ) -> Result<f64> {
        let kernel = RankKernel::binary(measure, truth, score, true.into())?;
        weights.point(&kernel, || kernel.undefined(&weights))
    }
}

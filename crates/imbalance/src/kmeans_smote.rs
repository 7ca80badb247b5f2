//! New rows within clusters where a small class is at home.

use mlsys_core::{Columns, Dataset, Error, Result, Train, seed};
use mlsys_neighbors::{Metric, NeighborIndex, Points};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::coordinates::{Coordinates, check_k};
use crate::draws::stream;
use crate::kmeans::{Clusters, squared};
use crate::labelled::Labelled;
use crate::pairs::{between, check_size, draw, parts};
use crate::plan::resample_as_planned;
use crate::{Plan, PlanResample, Strategy};

/// Makes rows of small classes as [`Smote`](crate::Smote) does, within clusters of all rows: those where the class is frequent, and the
/// more in a cluster the sparser the class is there.
///
/// A cluster with `a` rows of the class and `b` others is used when `(b + 1) / (a + 1)` is below the threshold. It gets a share of the new
/// rows proportional to `r^e / a`, `r` the mean distance between two rows of the class in it.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `k_neighbors` | 5 | 1 or more | neighbours to choose from in the cluster; one of `k` rows of the class or fewer is not used |
/// | `clusters` | 8 | 1 or more | |
/// | `threshold` | 1 | above 0, ∞ too | the larger, the more of a cluster may be of other classes; 1 asks for most, ∞ for nothing |
/// | `exponent` | the number of columns | finite | `e`; 0 leaves distances out |
/// | `strategy` | `Auto` | see [`Strategy`] | all classes become as large as the largest |
/// | `max_rounds` | 50 | 1 or more | of moving centroids |
/// | `columns` | features that are numbers, without time and group | numbers | distances and new values |
/// | `seed` | 0 | | |
///
/// **Input**, **output**: those of [`Smote`](crate::Smote). Shares are rounded by largest remainders, so that classes come out as
/// asked for. In a cluster each row of the class is started from equally often. **Complexity**: a search for the
/// nearest centroid of each row a round; for `r`, all pairs of 2,000 rows of a cluster at most, evenly spaced; and neighbours within
/// clusters. **Errors**: as [`Smote`](crate::Smote); [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) also where no cluster
/// is used for a class that shall grow.
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{BooleanArray, Float64Array, RecordBatch}};
/// use mlsys_imbalance::{KMeansSmote, PlanResample};
/// use std::sync::Arc;
///
/// let x = [1.0, 2.0, 3.0, 50.0, 51.0, 52.0, 53.0, 54.0, 55.0, 56.0];
/// let late = [true, true, true, true, false, false, false, false, false, false];
/// let x = Arc::new(Float64Array::from(x.to_vec()));
/// let late = Arc::new(BooleanArray::from(late.to_vec()));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _), ("late", late as _)])?)?;
/// let train = train.target("late")?.into_train_all();
/// // The late row at 50 is among others: nothing is made of it, nor towards it.
/// let plan = KMeansSmote::new().clusters(2).k_neighbors(2).plan(&train)?;
/// assert_eq!(plan.synthetic().len(), 2);
/// assert!(plan.synthetic().iter().all(|new| new.base < 3 && new.neighbor < 3));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where the class has no cluster of its own: raise the threshold, or use [`Smote`](crate::Smote). Columns of large values
/// rule the distance: scale them first. Probabilities are no longer those of the data: calibrate them on validation rows.
///
/// Douzas, Bacao and Last, *Improving imbalanced learning through a heuristic oversampling method based on k-means and SMOTE*, 2018.
/// imbalanced-learn's threshold is a share that depends on the number of new rows, its exponent on the number of
/// rows, and it rounds every cluster up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a resampler does nothing until it is used"]
pub struct KMeansSmote {
    k_neighbors: usize,
    clusters: usize,
    threshold: Threshold,
    exponent: Option<f64>,
    strategy: Strategy,
    max_rounds: usize,
    columns: Option<Columns>,
    seed: u64,
}

/// Formats of text have no infinity: `None` is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Threshold(Option<f64>);

impl Default for KMeansSmote {
    fn default() -> Self {
        Self {
            k_neighbors: 5,
            clusters: 8,
            threshold: Threshold(Some(1.0)),
            exponent: None,
            strategy: Strategy::Auto,
            max_rounds: 50,
            columns: None,
            seed: seed::DEFAULT_SEED,
        }
    }
}

const NAME: &str = "KMeansSmote";

/// Rows whose pairs tell how sparse a cluster is.
const SAMPLE: usize = 2000;

impl KMeansSmote {
    /// Eight clusters, those where a class is more frequent than all others, and five neighbours.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many neighbours to choose from.
    pub fn k_neighbors(mut self, k_neighbors: usize) -> Self {
        self.k_neighbors = k_neighbors;
        self
    }

    /// How many clusters there are.
    pub fn clusters(mut self, clusters: usize) -> Self {
        self.clusters = clusters;
        self
    }

    /// Below which ratio of other rows to those of the class a cluster is used.
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = Threshold((threshold != f64::INFINITY).then_some(threshold));
        self
    }

    /// How much more is made where rows are far apart.
    pub fn exponent(mut self, exponent: f64) -> Self {
        self.exponent = Some(exponent);
        self
    }

    /// Which classes grow, and to how many rows.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// How often centroids are moved at most.
    pub fn max_rounds(mut self, max_rounds: usize) -> Self {
        self.max_rounds = max_rounds;
        self
    }

    /// The features to find clusters and neighbours by, and to make new values of.
    pub fn columns(mut self, columns: impl Into<Columns>) -> Self {
        self.columns = Some(columns.into());
        self
    }

    /// The seed of the draws.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    fn check(&self) -> Result<()> {
        check_k(NAME, "k_neighbors", self.k_neighbors)?;
        check_k(NAME, "clusters", self.clusters)?;
        check_k(NAME, "max_rounds", self.max_rounds)?;
        if let Threshold(Some(threshold)) = self.threshold
            && (threshold.is_nan() || threshold <= 0.0)
        {
            return Err(Error::invalid_parameter(NAME, "threshold", threshold, "above 0"));
        }
        match self.exponent {
            Some(exponent) if !exponent.is_finite() => {
                Err(Error::invalid_parameter(NAME, "exponent", exponent, "finite"))
            }
            _ => Ok(()),
        }
    }

    /// The clusters that are used for a class: the rows of the class in each, by their place in it.
    fn used(&self, labels: &[u32], classes: &[u32], class: u32) -> Vec<Vec<usize>> {
        let clusters = labels.iter().max().map_or(0, |&most| most as usize + 1);
        let (mut own, mut others) = (vec![Vec::new(); clusters], vec![0_usize; clusters]);
        let mut place = 0;
        for (&label, &other) in labels.iter().zip(classes) {
            if other == class {
                own[label as usize].push(place);
                place += 1;
            } else {
                others[label as usize] += 1;
            }
        }
        let threshold = self.threshold.0.unwrap_or(f64::INFINITY);
        let frequent = |own: usize, others: usize| (others as f64 + 1.0) / (own as f64 + 1.0) < threshold;
        let all = own.into_iter().zip(others);
        all.filter(|(own, others)| own.len() > self.k_neighbors && frequent(own.len(), *others))
            .map(|(own, _)| own)
            .collect()
    }

    /// What the share of each cluster is proportional to.
    fn weights(&self, points: &Points, used: &[Vec<usize>]) -> Vec<f64> {
        let exponent = self.exponent.unwrap_or(points.n_columns() as f64);
        // Logarithms, since powers of distances leave a double's range.
        let weight = |own: &Vec<usize>| {
            let distance = if exponent == 0.0 { 1.0 } else { mean_distance(points, own) };
            exponent * libm::log(distance) - libm::log(own.len() as f64)
        };
        let logs: Vec<f64> = used.iter().map(weight).collect();
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // Rows that are all equal are infinitely dense; where they are in each cluster, its size does not matter.
        match most.is_finite() {
            true => logs.iter().map(|log| libm::exp(log - most)).collect(),
            false => logs.iter().map(|&log| f64::from(u8::from(log == most))).collect(),
        }
    }
}

/// The mean distance between two of some rows; 0 where none has anything in common.
fn mean_distance(points: &Points, rows: &[usize]) -> f64 {
    let step = rows.len().div_ceil(SAMPLE).max(1);
    let mut point = Vec::new();
    let sample: Vec<Vec<f64>> = rows
        .iter()
        .step_by(step)
        .map(|&row| {
            points.row(row, &mut point);
            point.clone()
        })
        .collect();
    let each = sample.par_iter().enumerate().map(|(at, a)| {
        let distances = sample[..at].iter().map(|b| squared(a, b).sqrt()).filter(|d| d.is_finite());
        distances.fold((0.0, 0_usize), |(sum, count), d| (sum + d, count + 1))
    });
    let each: Vec<(f64, usize)> = each.collect();
    let (sum, count) = each.into_iter().fold((0.0, 0), |(sum, n), (s, m)| (sum + s, n + m));
    if count == 0 { 0.0 } else { sum / count as f64 }
}

impl PlanResample for KMeansSmote {
    fn plan(&self, train: &Dataset<Train>) -> Result<Plan> {
        self.check()?;
        let labelled = Labelled::new(train, NAME)?;
        let after = self.strategy.over(NAME, &labelled.sizes)?;
        let coordinates = Coordinates::new(train, NAME, self.columns.as_ref(), Metric::NanEuclidean)?;
        let all = coordinates.points.take(&labelled.all)?;
        let k = self.clusters.min(labelled.all.len());
        let labels = Clusters::new(&all, k, self.max_rounds, &mut seed::named(self.seed, NAME))?.labels;
        let mut synthetic = Vec::new();
        for (code, ((class, rows), after)) in
            (0..).zip(labelled.sizes.classes().iter().zip(&labelled.rows).zip(after))
        {
            let new = after - rows.len();
            if new == 0 {
                continue;
            }
            check_size(NAME, self.k_neighbors, class, rows.len())?;
            let used = self.used(&labels, &labelled.classes, code);
            if used.is_empty() {
                let why = format!(
                    "{NAME}: no cluster with more than {} rows of class `{class}` has few enough others; raise `threshold`, or use `Smote`",
                    self.k_neighbors
                );
                return Err(Error::too_few_rows(1, 0, why));
            }
            let points = coordinates.points.take(rows)?;
            let shares = parts(new, &self.weights(&points, &used));
            // Which rows of a cluster come once more is drawn for each cluster.
            let mut rng = stream(self.seed, class, 0);
            let members: Vec<Vec<usize>> =
                used.iter().map(|own| own.iter().map(|&place| rows[place]).collect()).collect();
            let (mut near, mut bases) = (Vec::new(), Vec::with_capacity(new));
            for (cluster, (own, share)) in members.iter().zip(shares).enumerate() {
                let index = NeighborIndex::new(&coordinates.points.take(own)?, Metric::NanEuclidean)?;
                near.push(index.nearest_others(self.k_neighbors)?);
                let order = seed::permutation(own.len(), &mut rng);
                bases.extend(order.into_iter().cycle().take(share).map(|at| (cluster, at)));
            }
            synthetic.extend(draw(self.seed, class, &bases, |&(cluster, at), rng| {
                between(&members[cluster], at, near[cluster].of(at), rng)
            }));
        }
        drop(all);
        Plan::keep(train, &labelled.all)?.synthesize(train, coordinates.names, synthetic)
    }
}

resample_as_planned!(KMeansSmote);

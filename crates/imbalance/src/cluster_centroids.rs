//! A few rows that stand for many.

use mlsys_core::{Columns, Dataset, Error, Result, Train, seed};
use mlsys_neighbors::{Metric, Points};
use serde::{Deserialize, Serialize};

use crate::coordinates::Coordinates;
use crate::draws::stream;
use crate::kmeans::{Clusters, squared};
use crate::labelled::Labelled;
use crate::plan::resample_as_planned;
use crate::{Plan, PlanResample, Strategy, Synthetic};

/// What stands for a cluster in [`ClusterCentroids`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClusterVoting {
    /// The row nearest to its mean: rows that there are.
    #[default]
    Hard,
    /// That row with the mean's values in place of its own: imbalanced-learn's choice.
    Soft,
}

/// Replaces the rows of large classes by one for each of as many clusters as rows are asked for.
///
/// Clusters are those of k-means, started by k-means++.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `voting` | `Hard` | | whether rows are kept, or made |
/// | `strategy` | `Auto` | see [`Strategy`] | all classes become as small as the smallest |
/// | `max_rounds` | 50 | 1 or more | of moving centroids; it ends before when no row changes its cluster |
/// | `columns` | features that are numbers, without time and group | numbers | |
/// | `seed` | 0 | | of the first centroids |
///
/// **Input**: one target of two classes or more; integers, floats and decimals, where missing is left out of distances as in
/// [`Metric::NanEuclidean`], and of means. **Output**: with `Hard` the rows that are left, in their order, with their ids: each is the
/// nearest of its cluster to the mean, of equal ones the first. With `Soft` the classes that don't shrink, and then a
/// new row for each cluster, class by class: the means, integers rounded, and of other columns, and where that row has a gap, what the
/// nearest row has. Rows of weight 0 are left out, and others count 1. **Complexity**: with `m` rows of `n` left, O(n m p) to start,
/// and a search for the nearest centroid of each row a round. **Errors**: as [`Strategy::under`];
/// [`SingleClass`](mlsys_core::ErrorKind::SingleClass); [`NonFinite`](mlsys_core::ErrorKind::NonFinite).
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{AsArray, BooleanArray, Float64Array, RecordBatch}, arrow::datatypes::Float64Type};
/// use mlsys_imbalance::{ClusterCentroids, ClusterVoting, PlanResample};
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![0.0, 9.0, 1.0, 1.5, 2.3, 7.0, 8.1, 9.2]));
/// let late = Arc::new(BooleanArray::from_iter((0..8).map(|row| Some(row < 2))));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _), ("late", late as _)])?)?;
/// let train = train.target("late")?.into_train_all();
/// // The means are 1.6 and 8.1.
/// assert_eq!(ClusterCentroids::new().plan(&train)?.kept(), [0, 1, 3, 6]);
/// let soft = ClusterCentroids::new().voting(ClusterVoting::Soft).plan(&train)?.apply(&train)?;
/// let mut means = soft.column("x")?.as_primitive::<Float64Type>().values()[2..].to_vec();
/// means.sort_by(f64::total_cmp);
/// assert!((means[0] - 1.6).abs() < 1e-12 && (means[1] - 8.1).abs() < 1e-12);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: what is frequent and what is rare in a class count the same afterwards, and means are quieter than rows. Columns of
/// large values rule the distance: scale them first. Probabilities are no longer those of the data: calibrate them on
/// validation rows.
///
/// Stuart Lloyd, *Least squares quantization in PCM*, 1982; Arthur and Vassilvitskii, *k-means++: the advantages of careful seeding*, 2007;
/// Yen and Lee, *Cluster-based under-sampling approaches for imbalanced data distributions*, 2009.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a resampler does nothing until it is used"]
pub struct ClusterCentroids {
    voting: ClusterVoting,
    strategy: Strategy,
    max_rounds: usize,
    columns: Option<Columns>,
    seed: u64,
}

impl Default for ClusterCentroids {
    fn default() -> Self {
        Self {
            voting: ClusterVoting::Hard,
            strategy: Strategy::Auto,
            max_rounds: 50,
            columns: None,
            seed: seed::DEFAULT_SEED,
        }
    }
}

const NAME: &str = "ClusterCentroids";

impl ClusterCentroids {
    /// Rows near the centroids, as many of each class as the smallest has.
    pub fn new() -> Self {
        Self::default()
    }

    /// What stands for a cluster.
    pub fn voting(mut self, voting: ClusterVoting) -> Self {
        self.voting = voting;
        self
    }

    /// Which classes shrink, and to how many rows.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// How often centroids are moved at most.
    pub fn max_rounds(mut self, max_rounds: usize) -> Self {
        self.max_rounds = max_rounds;
        self
    }

    /// The features to find clusters by, and to take means of.
    pub fn columns(mut self, columns: impl Into<Columns>) -> Self {
        self.columns = Some(columns.into());
        self
    }

    /// The seed of the draws.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

/// The point that is nearest to each centroid, of its cluster; for a cluster without points, of those that are not taken.
fn standing(points: &Points, clusters: &Clusters) -> Vec<usize> {
    let columns = points.n_columns();
    let centroid = |cluster: usize| &clusters.centroids[cluster * columns..][..columns];
    let mut best: Vec<Option<(f64, usize)>> = vec![None; clusters.centroids.len() / columns.max(1)];
    let mut point = Vec::new();
    for (row, &label) in clusters.labels.iter().enumerate() {
        points.row(row, &mut point);
        let distance = squared(&point, centroid(label as usize));
        let best = &mut best[label as usize];
        if best.is_none_or(|(least, _)| distance < least) {
            *best = Some((distance, row));
        }
    }
    let mut free = vec![true; points.n_rows()];
    best.iter().flatten().for_each(|&(_, row)| free[row] = false);
    let mut left = (0..points.n_rows()).filter(|&row| free[row]);
    best.into_iter().filter_map(|best| best.map(|(_, row)| row).or_else(|| left.next())).collect()
}

impl PlanResample for ClusterCentroids {
    fn plan(&self, train: &Dataset<Train>) -> Result<Plan> {
        if self.max_rounds == 0 {
            return Err(Error::invalid_parameter(NAME, "max_rounds", 0, "1 or more"));
        }
        let labelled = Labelled::new(train, NAME)?;
        let after = self.strategy.under(NAME, &labelled.sizes)?;
        let coordinates = Coordinates::new(train, NAME, self.columns.as_ref(), Metric::NanEuclidean)?;
        let columns = coordinates.names.len();
        let (mut kept, mut synthetic) = (Vec::new(), Vec::new());
        let mut shifts: Vec<Vec<f64>> = vec![Vec::new(); columns];
        for ((class, rows), after) in labelled.sizes.classes().iter().zip(&labelled.rows).zip(after) {
            if after == rows.len() {
                kept.extend_from_slice(rows);
                continue;
            }
            let points = coordinates.points.take(rows)?;
            let clusters = Clusters::new(&points, after, self.max_rounds, &mut stream(self.seed, class, 0))?;
            let standing = standing(&points, &clusters);
            if self.voting == ClusterVoting::Hard {
                kept.extend(standing.iter().map(|&row| rows[row]));
                continue;
            }
            for (&row, centroid) in standing.iter().zip(clusters.centroids.chunks_exact(columns)) {
                let base = rows[row] as u32;
                synthetic.push(Synthetic { base, neighbor: base, gap: 0.0 });
                for (column, (shifts, mean)) in shifts.iter_mut().zip(centroid).enumerate() {
                    let step = mean - points.column(column)[row];
                    shifts.push(if step.is_finite() { step } else { 0.0 });
                }
            }
        }
        kept.sort_unstable();
        let plan = Plan::keep(train, &kept)?;
        if synthetic.is_empty() {
            return Ok(plan);
        }
        let none: [&str; 0] = [];
        let mut names = coordinates.names.iter().zip(shifts);
        names.try_fold(plan.synthesize(train, none, synthetic)?, |plan, (name, by)| {
            plan.shift(train, name, by)
        })
    }
}

resample_as_planned!(ClusterCentroids);

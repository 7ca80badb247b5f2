//! Rows of large classes that are near the smallest one.

use mlsys_core::{Columns, Dataset, Error, Result, Train, first_error};
use mlsys_neighbors::{Donors, Metric, NeighborIndex, Points};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::coordinates::{Coordinates, check_k};
use crate::labelled::Labelled;
use crate::plan::resample_as_planned;
use crate::{Plan, PlanResample, Strategy};

/// Which rows [`NearMiss`] keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NearMissVersion {
    /// Those nearest to their `k` nearest rows of the smallest class.
    One,
    /// Those nearest to their `k` farthest rows of the smallest class.
    Two,
    /// Of the rows near any of the smallest class, those farthest from their `k` nearest rows of it.
    Three,
}

/// Keeps rows of large classes by their mean distance to `k` rows of the smallest class.
///
/// | version | is kept |
/// |---|---|
/// | `One` | the lowest mean distance to the `k` nearest rows of the smallest class |
/// | `Two` | the lowest mean distance to its `k` farthest rows |
/// | `Three` | the highest mean distance to the `k` nearest, among the rows that are one of the `shortlist` nearest to a row of the smallest class |
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `k_neighbors` | 3 | 1 or more | |
/// | `shortlist` | 3 | 1 or more | of `Three` alone |
/// | `strategy` | `Auto` | see [`Strategy`] | all classes become as small as the smallest |
/// | `columns` | features that are numbers, without time and group | numbers | |
///
/// **Input**: one target of two classes or more; integers, floats and decimals, where missing is left out of distances as in
/// [`Metric::NanEuclidean`]. **Output**: the rows that are left, with their ids, class by class: those of a class that shrinks
/// in the order in which they were chosen, of equals the first first, and other classes in their order. `Three` keeps fewer rows than
/// asked for where fewer are on the short list. A row without any distance comes last. Rows of weight 0 are left out, and
/// others count 1. **Complexity**: nearest neighbours by [`NeighborIndex`]; `Two` looks at all pairs of a row and one of the
/// smallest class. **Errors**: as [`Strategy::under`]; [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) when the smallest class has
/// fewer rows than `k`; [`SingleClass`](mlsys_core::ErrorKind::SingleClass); [`NonFinite`](mlsys_core::ErrorKind::NonFinite).
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{BooleanArray, Float64Array, RecordBatch}};
/// use mlsys_imbalance::{NearMiss, NearMissVersion, PlanResample};
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![0.0, 10.0, 2.0, 4.0, 20.0]));
/// let late = Arc::new(BooleanArray::from(vec![true, true, false, false, false]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _), ("late", late as _)])?)?;
/// let train = train.target("late")?.into_train_all();
/// let kept = |version| Ok::<_, mlsys_core::Error>(NearMiss::new(version).k_neighbors(1).plan(&train)?.kept().to_vec());
/// // Distances to the nearest are 2, 4 and 10, to the farthest 8, 6 and 20. The smallest class has the higher label.
/// assert_eq!(kept(NearMissVersion::One)?, [2, 3, 0, 1]);
/// assert_eq!(kept(NearMissVersion::Two)?, [3, 2, 0, 1]);
/// assert_eq!(kept(NearMissVersion::Three)?, [4, 3, 0, 1]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: noise near the border is what `One` and `Two` keep. Columns of large values rule the distance: scale them
/// first. Probabilities are no longer those of the data: calibrate them on validation rows.
///
/// Inderjeet Mani, Jianping Zhang, *kNN approach to unbalanced data distributions: a case study involving information
/// extraction*, 2003.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a resampler does nothing until it is used"]
pub struct NearMiss {
    version: NearMissVersion,
    #[serde(default = "three")]
    k_neighbors: usize,
    #[serde(default = "three")]
    shortlist: usize,
    #[serde(default)]
    strategy: Strategy,
    #[serde(default)]
    columns: Option<Columns>,
}

fn three() -> usize {
    3
}

const NAME: &str = "NearMiss";

impl NearMiss {
    /// A version, with three neighbours.
    pub fn new(version: NearMissVersion) -> Self {
        Self { version, k_neighbors: 3, shortlist: 3, strategy: Strategy::Auto, columns: None }
    }

    /// How many rows of the smallest class the mean is over.
    pub fn k_neighbors(mut self, k_neighbors: usize) -> Self {
        self.k_neighbors = k_neighbors;
        self
    }

    /// How many rows near each row of the smallest class version three looks at.
    pub fn shortlist(mut self, shortlist: usize) -> Self {
        self.shortlist = shortlist;
        self
    }

    /// Which classes shrink, and to how many rows.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// The features to find neighbours by.
    pub fn columns(mut self, columns: impl Into<Columns>) -> Self {
        self.columns = Some(columns.into());
        self
    }

    /// The rows of a class in the order in which they are kept.
    fn ranked(
        &self,
        points: &Points,
        rows: &[usize],
        small: &Points,
        index: &NeighborIndex,
    ) -> Result<Vec<usize>> {
        let k = self.k_neighbors;
        let (rows, means) = match self.version {
            NearMissVersion::One => (rows.to_vec(), nearest(index, &points.take(rows)?, k)?),
            NearMissVersion::Two => (rows.to_vec(), farthest(index, &points.take(rows)?, k)?),
            NearMissVersion::Three => {
                let among = NeighborIndex::new(&points.take(rows)?, Metric::NanEuclidean)?;
                let near = among.nearest(small, self.shortlist)?;
                let mut listed: Vec<usize> = near.iter().flatten().map(|n| rows[n.row]).collect();
                listed.sort_unstable();
                listed.dedup();
                let means = nearest(index, &points.take(&listed)?, k)?;
                (listed, means.into_iter().map(|mean| mean.map(|mean| -mean)).collect())
            }
        };
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by(|&a, &b| {
            let key = |at: usize| means[at].unwrap_or(f64::INFINITY);
            key(a).total_cmp(&key(b))
        });
        Ok(order.into_iter().map(|at| rows[at]).collect())
    }
}

impl PlanResample for NearMiss {
    fn plan(&self, train: &Dataset<Train>) -> Result<Plan> {
        check_k(NAME, "k_neighbors", self.k_neighbors)?;
        check_k(NAME, "shortlist", self.shortlist)?;
        let labelled = Labelled::new(train, NAME)?;
        let after = self.strategy.under(NAME, &labelled.sizes)?;
        let small = &labelled.rows[labelled.sizes.smallest()];
        if small.len() < self.k_neighbors {
            let why = format!(
                "{NAME} with k_neighbors = {} in class `{}`",
                self.k_neighbors,
                labelled.sizes.minority()
            );
            return Err(Error::too_few_rows(self.k_neighbors, small.len(), why));
        }
        let coordinates = Coordinates::new(train, NAME, self.columns.as_ref(), Metric::NanEuclidean)?;
        let small = coordinates.points.take(small)?;
        let index = NeighborIndex::new(&small, Metric::NanEuclidean)?;
        let mut kept = Vec::with_capacity(after.iter().sum());
        for (rows, after) in labelled.rows.iter().zip(after) {
            match rows.len() == after {
                true => kept.extend_from_slice(rows),
                false => kept
                    .extend(self.ranked(&coordinates.points, rows, &small, &index)?.into_iter().take(after)),
            }
        }
        Plan::keep(train, &kept)
    }
}

resample_as_planned!(NearMiss);

/// The mean distance to the `k` nearest of each query; `None` without any.
fn nearest(index: &NeighborIndex, queries: &Points, k: usize) -> Result<Vec<Option<f64>>> {
    Ok(index.nearest(queries, k)?.iter().map(|near| mean(near.iter().map(|n| n.distance))).collect())
}

/// The mean distance to the `k` farthest of each query; `None` without any.
fn farthest(index: &NeighborIndex, queries: &Points, k: usize) -> Result<Vec<Option<f64>>> {
    let means = (0..queries.n_rows()).into_par_iter().map_init(
        || (index.search(), Vec::new()),
        |(search, point), row| {
            queries.row(row, point);
            // All of them.
            search.within(point, &[Donors::All], f64::MAX, None)?;
            let found = search.found(0);
            let nearer = found.len().saturating_sub(k);
            Ok(mean(found.skip(nearer).map(|n| n.distance)))
        },
    );
    first_error(means.collect())
}

fn mean(distances: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = distances.fold((0_usize, 0.0), |(count, sum), distance| (count + 1, sum + distance));
    (count > 0).then(|| sum / count as f64)
}

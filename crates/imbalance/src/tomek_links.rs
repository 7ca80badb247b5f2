//! Rows of different classes that are nearest to each other.

use mlsys_core::{Columns, Dataset, Error, Result, Train, first_error};
use mlsys_neighbors::{Donors, Metric, NeighborIndex, Points, Search, Subset};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::coordinates::{Coordinates, check_metric, index};
use crate::labelled::Labelled;
use crate::plan::resample_as_planned;
use crate::{Plan, PlanResample, Strategy};

/// Removes rows that form a Tomek link: two rows of different classes, to neither of which any row is nearer than the other.
///
/// `a` and `b` are linked when `d(a, b) ≤ d(a, z)` and `d(a, b) ≤ d(b, z)` for all other rows `z`
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `strategy` | `Auto` | see [`Strategy`] | `Auto` spares the smallest class; `All` removes both rows of a link |
/// | `metric` | `NanEuclidean` | all but `SmoteNc` | with `Gower`, `Heom` and `Hvdm` text and booleans count |
/// | `columns` | features that the metric takes, without time and group | | |
///
/// **Input**: one target of two classes or more; numbers, and categories where the metric takes them; gaps as in [`Metric`].
/// **Output**: the rows that are left, in their order, with their ids. Rows of weight 0 are left out, and others count 1.
/// Equally near rows are all looked at: rows that are equal but for their class are linked, however many there are.
/// **Complexity**: two nearest neighbours of each row by [`NeighborIndex`], 32 bytes a row; more where distances are equal.
/// **Errors**: as [`Strategy::clean`]; [`SingleClass`](mlsys_core::ErrorKind::SingleClass); those of the metric.
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{BooleanArray, Float64Array, RecordBatch}};
/// use mlsys_imbalance::{PlanResample, Strategy, TomekLinks};
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![1.0, 1.5, 3.0, 4.0, 9.0]));
/// let late = Arc::new(BooleanArray::from(vec![false, false, false, true, true]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _), ("late", late as _)])?)?;
/// let train = train.target("late")?.into_train_all();
/// // 3 and 4 are each other's nearest.
/// assert_eq!(TomekLinks::new().plan(&train)?.removed(), [2]);
/// assert_eq!(TomekLinks::new().strategy(Strategy::All).plan(&train)?.removed(), [2, 3]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** whoever expects balance: it cleans a border and hardly changes class sizes. imbalanced-learn takes one of
/// several equally near rows, at times the row itself, and misses links of equal rows.
///
/// Ivan Tomek, *Two modifications of CNN*, 1976.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a resampler does nothing until it is used"]
pub struct TomekLinks {
    strategy: Strategy,
    metric: Metric,
    columns: Option<Columns>,
}

impl TomekLinks {
    /// Removes linked rows of all classes but the smallest.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whose rows are removed.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// What is near.
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// The features to find neighbours by.
    pub fn columns(mut self, columns: impl Into<Columns>) -> Self {
        self.columns = Some(columns.into());
        self
    }
}

impl PlanResample for TomekLinks {
    fn plan(&self, train: &Dataset<Train>) -> Result<Plan> {
        check_metric("TomekLinks", self.metric)?;
        let Labelled { sizes, all, classes, rows } = Labelled::new(train, "TomekLinks")?;
        drop(rows);
        let cleaned = self.strategy.clean("TomekLinks", &sizes)?;
        let coordinates = Coordinates::new(train, "TomekLinks", self.columns.as_ref(), self.metric)?;
        let points = coordinates.points.take(&all)?;
        drop(coordinates);
        let linked = linked(&points, self.metric, &classes)?;
        let goes = |place: &usize| linked[*place] && cleaned[classes[*place] as usize];
        let kept: Vec<usize> =
            (0..linked.len()).filter(|place| !goes(place)).map(|place| all[place]).collect();
        Plan::keep(train, &kept)
    }
}

resample_as_planned!(TomekLinks);

/// Whether each row is in a link.
pub(crate) fn linked(points: &Points, metric: Metric, classes: &[u32]) -> Result<Vec<bool>> {
    let index = index(points, metric, classes)?;
    Links::new(&index, points, classes)?.linked()
}

/// What is known of the rows once their two nearest are.
struct Links<'a> {
    index: &'a NeighborIndex,
    points: &'a Points,
    classes: &'a [u32],
    /// The nearest row, its distance, and whether the second is as near; none where there is none.
    nearest: Vec<Option<(usize, f64, bool)>>,
}

impl<'a> Links<'a> {
    fn new(index: &'a NeighborIndex, points: &'a Points, classes: &'a [u32]) -> Result<Self> {
        let near = index.nearest_others(2)?;
        let nearest = near.iter().map(|near| {
            let first = near.first()?;
            let tied = near.get(1).is_some_and(|second| second.distance == first.distance);
            Some((first.row, first.distance, tied))
        });
        let nearest = nearest.collect();
        Ok(Self { index, points, classes, nearest })
    }

    fn distance(&self, row: usize) -> Option<f64> {
        self.nearest[row].map(|(_, distance, _)| distance)
    }

    /// Whether each row is in a link.
    fn linked(&self) -> Result<Vec<bool>> {
        let classes = self.classes;
        let mut linked: Vec<bool> = (0..classes.len())
            .map(|row| match self.nearest[row] {
                Some((other, distance, false)) => {
                    classes[other] != classes[row] && self.distance(other) == Some(distance)
                }
                _ => false,
            })
            .collect();
        let tied = |row: &usize| self.nearest[*row].is_some_and(|(.., tied)| tied);
        let tied: Vec<usize> = (0..classes.len()).filter(tied).collect();
        let mut subsets: Vec<Option<[Subset; 2]>> = Vec::new();
        for &row in &tied {
            let class = classes[row] as usize;
            subsets.resize_with(subsets.len().max(class + 1), || None);
            if subsets[class].is_none() {
                subsets[class] = Some(self.others(class as u32)?);
            }
        }
        let found = tied.par_iter().map_init(
            || (self.index.search(), Vec::new()),
            |(search, point), &row| {
                self.points.row(row, point);
                let others = subsets.get(classes[row] as usize).and_then(Option::as_ref);
                match (self.distance(row), others) {
                    (Some(distance), Some(others)) => self.among(search, point, distance, others),
                    _ => Ok(false),
                }
            },
        );
        for (&row, found) in tied.iter().zip(first_error::<_, Vec<_>>(found.collect())?) {
            linked[row] = found;
        }
        Ok(linked)
    }

    /// The rows of other classes that have an equal, and those that have none.
    fn others(&self, class: u32) -> Result<[Subset; 2]> {
        let marks = |equal: bool| -> Vec<bool> {
            let of = |row| self.distance(row).is_some_and(|d| (d == 0.0) == equal);
            (0..self.classes.len()).map(|row| self.classes[row] != class && of(row)).collect()
        };
        Ok([self.index.subset(&marks(true))?, self.index.subset(&marks(false))?])
    }

    /// Whether one of the rows of other classes at the least distance has none nearer. That is so of every one at
    /// distance 0; of the others few are equally near, since each is as far from the next, or has one nearer.
    fn among(
        &self,
        search: &mut Search<'_>,
        point: &[f64],
        distance: f64,
        others: &[Subset; 2],
    ) -> Result<bool> {
        let donors = [Donors::Among(&others[usize::from(distance > 0.0)])];
        let mut k = 1;
        loop {
            search.find(point, &donors, k, None)?;
            let found = search.found(0);
            let all = found.len() < k;
            for near in found {
                if near.distance > distance {
                    return Ok(false);
                }
                if self.distance(near.row) == Some(distance) {
                    return Ok(true);
                }
            }
            if all {
                return Ok(false);
            }
            k = k.checked_mul(4).ok_or_else(|| Error::unsupported("more rows than there can be"))?;
        }
    }
}

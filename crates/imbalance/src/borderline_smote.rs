//! New rows from those of a small class that are at its border.

use mlsys_core::{Columns, Dataset, Error, Result, Train, seed};
use mlsys_neighbors::{Metric, Neighbor, NeighborIndex};
use serde::{Deserialize, Serialize};

use crate::coordinates::{Coordinates, check_k};
use crate::labelled::Labelled;
use crate::pairs::{between, check_size, draw, even};
use crate::plan::resample_as_planned;
use crate::{Plan, PlanResample, Strategy, Synthetic};

/// Where the new rows of [`BorderlineSmote`] go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BorderlineVersion {
    /// Towards one of the `k` nearest rows of the class.
    #[default]
    One,
    /// Towards one of these or the nearest row of another class, each as likely; towards the latter less than half of the way.
    Two,
}

/// Makes rows of small classes as [`Smote`](crate::Smote) does, but starts only from rows at the border: those that have as many rows of
/// other classes as of their own among their `m` nearest, or more, and one of their own at least.
///
/// A row with `e` rows of other classes among its `m` nearest is at the border when `m / 2 ≤ e < m`; it is safe below, and noise at `m`.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `version` | `One` | | whether new rows also go towards other classes |
/// | `k_neighbors` | 5 | 1 or more | the neighbours of the class to choose from |
/// | `m_neighbors` | 10 | 2 or more | the neighbours that tell the border |
/// | `strategy` | `Auto` | see [`Strategy`] | all classes become as large as the largest |
/// | `columns` | features that are numbers, without time and group | numbers | distances and new values |
/// | `seed` | 0 | | |
///
/// **Input**, **output**: those of [`Smote`](crate::Smote); each row at the border is started from equally often. Of rows
/// that have fewer than `m` others to compare with, having no column in common with the rest, those count.
/// **Complexity**: `m` nearest neighbours of each row of a class that grows among all rows, and `k` in the class of those at the
/// border, 16 bytes each. **Errors**: as [`Smote`](crate::Smote); [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) also for `m` rows or
/// fewer, and for a class that shall grow and has no row at the border.
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{BooleanArray, Float64Array, RecordBatch}};
/// use mlsys_imbalance::{BorderlineSmote, PlanResample};
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 20.0, 21.0]));
/// let late = [true, true, true, false, false, false, false, false, false];
/// let late = Arc::new(BooleanArray::from(late.to_vec()));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _), ("late", late as _)])?)?;
/// let train = train.target("late")?.into_train_all();
/// // The two nearest of the row at 2 are 1, which is late, and 3, which is not; those of 0 and 1 are late.
/// let plan = BorderlineSmote::new().k_neighbors(1).m_neighbors(2).plan(&train)?;
/// assert!(plan.synthetic().iter().all(|new| (new.base, new.neighbor) == (2, 1)));
/// assert_eq!(plan.synthetic().len(), 3);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where classes overlap much: most rows are at the border, and what is made there is as mixed. Columns of large values
/// rule the distance: scale them first. Probabilities are no longer those of the data: calibrate them on validation rows.
///
/// Han, Wang and Mao, *Borderline-SMOTE: a new over-sampling method in imbalanced data sets learning*, 2005; other classes count as one,
/// and `m` and `k` are imbalanced-learn's. That chooses bases with replacement, and in version two among the `k` nearest of all rows,
/// multiplying a number below 1/2 with one below 1; it leaves a class without a border as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a resampler does nothing until it is used"]
pub struct BorderlineSmote {
    version: BorderlineVersion,
    k_neighbors: usize,
    m_neighbors: usize,
    strategy: Strategy,
    columns: Option<Columns>,
    seed: u64,
}

impl Default for BorderlineSmote {
    fn default() -> Self {
        Self {
            version: BorderlineVersion::One,
            k_neighbors: 5,
            m_neighbors: 10,
            strategy: Strategy::Auto,
            columns: None,
            seed: seed::DEFAULT_SEED,
        }
    }
}

const NAME: &str = "BorderlineSmote";

impl BorderlineSmote {
    /// Version one, with five neighbours of ten, and classes as large as the largest.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where new rows go.
    pub fn version(mut self, version: BorderlineVersion) -> Self {
        self.version = version;
        self
    }

    /// How many neighbours of the class to choose from.
    pub fn k_neighbors(mut self, k_neighbors: usize) -> Self {
        self.k_neighbors = k_neighbors;
        self
    }

    /// How many neighbours tell whether a row is at the border.
    pub fn m_neighbors(mut self, m_neighbors: usize) -> Self {
        self.m_neighbors = m_neighbors;
        self
    }

    /// Which classes grow, and to how many rows.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// The features to find neighbours by, and to make new values of.
    pub fn columns(mut self, columns: impl Into<Columns>) -> Self {
        self.columns = Some(columns.into());
        self
    }

    /// The seed of the draws.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The rows at the border and the nearest of another class of each, by their places in the class and among all.
    fn border(&self, all: &NeighborIndex, classes: &[u32], class: u32) -> Result<Vec<(usize, usize)>> {
        let places: Vec<usize> = (0..classes.len()).filter(|&place| classes[place] == class).collect();
        let near = all.nearest_others_of(&places, self.m_neighbors)?;
        let at_border = |(row, near): (usize, &[Neighbor])| {
            let mut others = near.iter().map(|n| n.row).filter(|&place| classes[place] != class);
            let first = others.next()?;
            let others = 1 + others.count();
            (2 * others >= near.len() && others < near.len()).then_some((row, first))
        };
        Ok(near.iter().enumerate().filter_map(at_border).collect())
    }
}

impl PlanResample for BorderlineSmote {
    fn plan(&self, train: &Dataset<Train>) -> Result<Plan> {
        check_k(NAME, "k_neighbors", self.k_neighbors)?;
        if self.m_neighbors < 2 {
            return Err(Error::invalid_parameter(NAME, "m_neighbors", self.m_neighbors, "2 or more"));
        }
        let labelled = Labelled::new(train, NAME)?;
        let after = self.strategy.over(NAME, &labelled.sizes)?;
        let coordinates = Coordinates::new(train, NAME, self.columns.as_ref(), Metric::NanEuclidean)?;
        if labelled.all.len() <= self.m_neighbors {
            let why = format!("{NAME} with m_neighbors = {}", self.m_neighbors);
            return Err(Error::too_few_rows(self.m_neighbors.saturating_add(1), labelled.all.len(), why));
        }
        let all = NeighborIndex::new(&coordinates.points.take(&labelled.all)?, Metric::NanEuclidean)?;
        let mut synthetic = Vec::new();
        for (place, ((class, rows), after)) in
            (0..).zip(labelled.sizes.classes().iter().zip(&labelled.rows).zip(after))
        {
            let new = after - rows.len();
            if new == 0 {
                continue;
            }
            check_size(NAME, self.k_neighbors, class, rows.len())?;
            let border = self.border(&all, &labelled.classes, place)?;
            if border.is_empty() {
                let m = self.m_neighbors;
                let why = format!(
                    "{NAME}: no row of class `{class}` is at the border, having {} to {} of its {m} nearest of other classes; use `Smote`",
                    m.div_ceil(2),
                    m - 1
                );
                return Err(Error::too_few_rows(1, 0, why));
            }
            let index = NeighborIndex::new(&coordinates.points.take(rows)?, Metric::NanEuclidean)?;
            let asked: Vec<usize> = border.iter().map(|&(row, _)| row).collect();
            let near = index.nearest_others_of(&asked, self.k_neighbors)?;
            let bases = even(self.seed, class, border.len(), new);
            synthetic.extend(draw(self.seed, class, &bases, |&at, rng| {
                let (row, near) = (border[at].0, near.of(at));
                let candidates = near.len() as u64 + 1;
                if self.version == BorderlineVersion::Two && seed::below(candidates, rng) + 1 == candidates {
                    let neighbor = labelled.all[border[at].1] as u32;
                    return Synthetic { base: rows[row] as u32, neighbor, gap: seed::uniform(rng) / 2.0 };
                }
                between(rows, row, near, rng)
            }));
        }
        Plan::keep(train, &labelled.all)?.synthesize(train, coordinates.names, synthetic)
    }
}

resample_as_planned!(BorderlineSmote);

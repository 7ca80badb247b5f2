//! More new rows where a class is harder to tell.

use mlsys_core::{Columns, Dataset, Error, Result, Train, seed};
use mlsys_neighbors::{Metric, NeighborIndex};
use serde::{Deserialize, Serialize};

use crate::coordinates::{Coordinates, check_k};
use crate::labelled::Labelled;
use crate::pairs::{between, check_size, draw, neighbors, parts};
use crate::plan::resample_as_planned;
use crate::{Plan, PlanResample, Strategy};

/// Makes rows of small classes as [`Smote`](crate::Smote) does, the more from a row the more of its `k` nearest are of other classes.
///
/// `g_i = G r_i / Σ r`, with `G` new rows of a class, and `r_i` the share of other classes among the `k` nearest of row `i`
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `k_neighbors` | 5 | 1 or more | those that tell how hard a row is, among all rows, and those to choose from, in the class |
/// | `strategy` | `Auto` | see [`Strategy`] | all classes become as large as the largest; the paper's β is a ratio here |
/// | `columns` | features that are numbers, without time and group | numbers | distances and new values |
/// | `seed` | 0 | | |
///
/// **Input**, **output**: those of [`Smote`](crate::Smote). The `g_i` are rounded by largest remainders, of equal ones the first, so that
/// there are `G` of them exactly. A row without others to compare with has `r = 0`. **Complexity**: `k` nearest
/// neighbours of each row of a class that grows, among all rows and in the class, 16 bytes each.
/// **Errors**: as [`Smote`](crate::Smote); [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) also for `k` rows or fewer, and where
/// a class that shall grow has no row with a neighbour of another class.
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{BooleanArray, Float64Array, RecordBatch}};
/// use mlsys_imbalance::{Adasyn, PlanResample};
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 20.0, 21.0]));
/// let late = [true, true, true, false, false, false, false, false, false];
/// let late = Arc::new(BooleanArray::from(late.to_vec()));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _), ("late", late as _)])?)?;
/// let train = train.target("late")?.into_train_all();
/// // One of the two nearest of the row at 2 is not late; those of 0 and 1 are.
/// let plan = Adasyn::new().k_neighbors(2).plan(&train)?;
/// assert_eq!(plan.synthetic().iter().map(|new| new.base).collect::<Vec<_>>(), [2, 2, 2]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where labels are wrong: most rows are made around rows of a class that are alone among others. Columns of large values
/// rule the distance: scale them first. Probabilities are no longer those of the data: calibrate them on validation rows.
///
/// He, Bai, Garcia and Li, *ADASYN: adaptive synthetic sampling approach for imbalanced learning*, 2008, equations 1 to 5; the neighbour to
/// go towards is one of the class, also for a row that has none among its `k` nearest. imbalanced-learn rounds each `g_i` by itself,
/// so that classes come out larger or smaller than asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a resampler does nothing until it is used"]
pub struct Adasyn {
    k_neighbors: usize,
    strategy: Strategy,
    columns: Option<Columns>,
    seed: u64,
}

impl Default for Adasyn {
    fn default() -> Self {
        Self { k_neighbors: 5, strategy: Strategy::Auto, columns: None, seed: seed::DEFAULT_SEED }
    }
}

const NAME: &str = "Adasyn";

impl Adasyn {
    /// Five neighbours, and classes as large as the largest.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many neighbours tell how hard a row is, and how many to choose from.
    pub fn k_neighbors(mut self, k_neighbors: usize) -> Self {
        self.k_neighbors = k_neighbors;
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

    /// The share of other classes among the nearest of each row of a class.
    fn hardness(&self, all: &NeighborIndex, classes: &[u32], class: u32) -> Result<Vec<f64>> {
        let places: Vec<usize> = (0..classes.len()).filter(|&place| classes[place] == class).collect();
        let near = all.nearest_others_of(&places, self.k_neighbors)?;
        let share = near.iter().map(|near| {
            let others = near.iter().filter(|n| classes[n.row] != class).count();
            others as f64 / near.len().max(1) as f64
        });
        Ok(share.collect())
    }
}

impl PlanResample for Adasyn {
    fn plan(&self, train: &Dataset<Train>) -> Result<Plan> {
        check_k(NAME, "k_neighbors", self.k_neighbors)?;
        let labelled = Labelled::new(train, NAME)?;
        let after = self.strategy.over(NAME, &labelled.sizes)?;
        let coordinates = Coordinates::new(train, NAME, self.columns.as_ref(), Metric::NanEuclidean)?;
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
            let hardness = self.hardness(&all, &labelled.classes, place)?;
            if hardness.iter().all(|&share| share == 0.0) {
                let why = format!(
                    "{NAME}: no row of class `{class}` has one of another class among its {} nearest; use `Smote`, or more neighbours",
                    self.k_neighbors
                );
                return Err(Error::too_few_rows(1, 0, why));
            }
            let times = parts(new, &hardness);
            let bases: Vec<usize> =
                (0..).zip(times).flat_map(|(row, times)| std::iter::repeat_n(row, times)).collect();
            let index = NeighborIndex::new(&coordinates.points.take(rows)?, Metric::NanEuclidean)?;
            let (near, place) = neighbors(&index, &bases, self.k_neighbors)?;
            synthetic.extend(draw(self.seed, class, &bases, |&base, rng| {
                between(rows, base, near.of(place[base]), rng)
            }));
        }
        Plan::keep(train, &labelled.all)?.synthesize(train, coordinates.names, synthetic)
    }
}

resample_as_planned!(Adasyn);

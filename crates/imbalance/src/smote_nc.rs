//! New rows of numbers and categories.

use mlsys_core::{Columns, Dataset, Error, Result, Train, seed};
use mlsys_neighbors::{Metric, NeighborIndex};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ballot::elected;
use crate::coordinates::{Coordinates, check_k};
use crate::labelled::Labelled;
use crate::pairs::{between, check_size, draw, even, neighbors};
use crate::plan::resample_as_planned;
use crate::{Plan, PlanResample, Strategy};

/// Makes rows of small classes as [`Smote`](crate::Smote) does, with categories: numbers lie between a row of the class and one of
/// its `k` nearest in it, and each category is the most frequent one of these `k`.
///
/// `d² = Σ (a − b)² + m² · categories that differ`, m the median of the standard deviations of the class's numeric columns
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `k_neighbors` | 5 | 1 or more | the neighbours to choose from, and that vote |
/// | `strategy` | `Auto` | see [`Strategy`] | all classes become as large as the largest |
/// | `columns` | features that are numbers, text or booleans, without time and group | a number at least | distances and new values |
/// | `seed` | 0 | | |
///
/// **Input**: one target of two classes or more; integers, floats, decimals, and text and booleans in any encoding, where missing is
/// left out of distances as in [`Metric::SmoteNc`]. **Output**: that of [`Smote`](crate::Smote), each row started from equally
/// often. Of equally frequent categories a new row has that of the nearest row; a missing one has no vote, unless all are.
/// Without categories it is [`Smote`](crate::Smote).
/// **Complexity**: `k` nearest neighbours in each class that grows, 16 k bytes a row of it and 4 a column of categories; nothing is
/// encoded. A plan of 16 bytes a new row, and 4 a column of categories.
/// **Errors**: as [`Smote`](crate::Smote); [`Unsupported`](mlsys_core::ErrorKind::Unsupported) without numbers, where
/// [`SmoteN`](crate::SmoteN) is meant.
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{AsArray, BooleanArray, Float64Array, RecordBatch, StringArray}};
/// use mlsys_imbalance::{PlanResample, SmoteNc};
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0, 50.0, 60.0, 70.0, 80.0]));
/// let sky = Arc::new(StringArray::from(vec!["fog", "snow", "snow", "sun", "sun", "sun", "sun"]));
/// let late = Arc::new(BooleanArray::from_iter((0..7).map(|row| Some(row < 3))));
/// let train = RecordBatch::try_from_iter([("x", x as _), ("sky", sky as _), ("late", late as _)])?;
/// let train = Dataset::new(train)?.target("late")?.into_train_all();
/// // One new row: the others of the first are both of snow, those of another tie, and the nearer is of snow.
/// let made = SmoteNc::new().k_neighbors(2).plan(&train)?.apply(&train)?;
/// assert_eq!(made.column("sky")?.as_string::<i32>().value(7), "snow");
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where columns of large values rule the distance and `m`: scale them first. Categories that go together are voted for one by
/// one, so that a new row can be what no row is. Probabilities are no longer those of the data: calibrate them on validation rows.
///
/// Chawla, Bowyer, Hall and Kegelmeyer, *SMOTE: synthetic minority over-sampling technique*, 2002, section 6.1, which leaves ties open.
/// imbalanced-learn breaks them at random, and takes no missing values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a resampler does nothing until it is used"]
pub struct SmoteNc {
    k_neighbors: usize,
    strategy: Strategy,
    columns: Option<Columns>,
    seed: u64,
}

impl Default for SmoteNc {
    fn default() -> Self {
        Self { k_neighbors: 5, strategy: Strategy::Auto, columns: None, seed: seed::DEFAULT_SEED }
    }
}

const NAME: &str = "SmoteNc";

impl SmoteNc {
    /// Five neighbours, and classes as large as the largest.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many neighbours to choose from, and vote.
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
}

impl PlanResample for SmoteNc {
    fn plan(&self, train: &Dataset<Train>) -> Result<Plan> {
        check_k(NAME, "k_neighbors", self.k_neighbors)?;
        let labelled = Labelled::new(train, NAME)?;
        let after = self.strategy.over(NAME, &labelled.sizes)?;
        let coordinates = Coordinates::new(train, NAME, self.columns.as_ref(), Metric::SmoteNc)?;
        let (categories, numbers): (Vec<usize>, Vec<usize>) =
            (0..coordinates.names.len()).partition(|&column| coordinates.points.is_categorical(column));
        if numbers.is_empty() {
            return Err(Error::unsupported("`SmoteNc` over categories alone (use `SmoteN`)"));
        }
        let mut synthetic = Vec::new();
        let mut donors: Vec<Vec<u32>> = vec![Vec::new(); categories.len()];
        for ((class, rows), after) in labelled.sizes.classes().iter().zip(&labelled.rows).zip(after) {
            let new = after - rows.len();
            if new == 0 {
                continue;
            }
            check_size(NAME, self.k_neighbors, class, rows.len())?;
            let points = coordinates.points.take(rows)?;
            let index = NeighborIndex::new(&points, Metric::SmoteNc)?;
            let bases = even(self.seed, class, rows.len(), new);
            let (near, place) = neighbors(&index, &bases, self.k_neighbors)?;
            synthetic.extend(draw(self.seed, class, &bases, |&base, rng| {
                between(rows, base, near.of(place[base]), rng)
            }));
            donors.par_iter_mut().zip(&categories).for_each(|(donors, &column)| {
                let codes = points.column(column);
                let elect = |near: &[mlsys_neighbors::Neighbor]| elected(codes, near.iter().map(|n| n.row));
                let elected: Vec<Option<usize>> = near.iter().map(elect).collect();
                let donor = |&base: &usize| rows[elected[place[base]].unwrap_or(base)] as u32;
                donors.extend(bases.iter().map(donor));
            });
        }
        let blended = numbers.iter().map(|&column| coordinates.names[column].as_str());
        let plan = Plan::keep(train, &labelled.all)?.synthesize(train, blended, synthetic)?;
        let mut columns = categories.iter().zip(donors);
        columns
            .try_fold(plan, |plan, (&column, donors)| plan.donors(train, &coordinates.names[column], donors))
    }
}

resample_as_planned!(SmoteNc);

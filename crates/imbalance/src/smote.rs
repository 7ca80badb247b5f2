//! New rows between those of a small class and their neighbours.

use mlsys_core::{Columns, Dataset, Result, Train, seed};
use mlsys_neighbors::{Metric, NeighborIndex};
use serde::{Deserialize, Serialize};

use crate::coordinates::{Coordinates, check_k};
use crate::draws::stream;
use crate::labelled::Labelled;
use crate::pairs::{between, check_size, draw, even, neighbors};
use crate::plan::resample_as_planned;
use crate::{Plan, PlanResample, Strategy};

/// Which rows [`Smote`] starts from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmoteBases {
    /// Each row of the class equally often, as in the paper; which ones get one more is drawn.
    #[default]
    Even,
    /// Drawn with replacement, as imbalanced-learn does.
    Random,
}

/// Makes rows of small classes, each at random between a row of the class and one of its `k` nearest neighbours in it.
///
/// `x = a + u (b − a)`, u uniform in [0, 1), one for all columns of a row
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `k_neighbors` | 5 | 1 or more | the neighbours to choose from, each as likely |
/// | `strategy` | `Auto` | see [`Strategy`] | all classes become as large as the largest |
/// | `bases` | `Even` | | whether each row is started from equally often |
/// | `columns` | features that are numbers, without time and group | numbers | distances and new values |
/// | `seed` | 0 | | |
///
/// **Input**: one target of two classes or more; integers, floats and decimals, where missing (null or NaN) is left out of
/// distances as in [`Metric::NanEuclidean`]. **Output**: all rows in their order, then the new ones, class by class. A new row
/// has, in all other columns, what the row has that it starts from: a text, a weight, a time. Integers stay integers; what is
/// missing, is in [`Plan`]. A row is never its own neighbour, though rows that equal it are; one that has no column in
/// common with another is copied. Rows of weight 0 are left out, and others count 1.
/// **Complexity**: that of [`NeighborIndex`] for each class, 16 k bytes a row of it; a plan of 16 bytes a new row. The draws depend
/// on the seed, the class and the number of the new row: no two classes get the same ones.
/// **Errors**: as [`Strategy::over`]; [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) for a class of `k` rows or fewer that shall
/// grow; [`SingleClass`](mlsys_core::ErrorKind::SingleClass); [`NonFinite`](mlsys_core::ErrorKind::NonFinite).
///
/// ```
/// use mlsys_core::{Dataset, Resample, arrow::array::{BooleanArray, Float64Array, RecordBatch}};
/// use mlsys_imbalance::{ClassSizes, Origin, PlanResample, Smote};
/// use std::sync::Arc;
///
/// let distance = Arc::new(Float64Array::from(vec![100.0, 300.0, 9.0, 8.0, 7.0, 6.0]));
/// let late = Arc::new(BooleanArray::from(vec![true, true, false, false, false, false]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("distance", distance as _), ("late", late as _)])?)?;
/// let train = train.target("late")?.into_train_all();
/// let smote = Smote::new().k_neighbors(1);
/// let plan = smote.plan(&train)?;
/// assert!(matches!(plan.origin(6), Some(Origin::Between { base: 0 | 1, neighbor: 0 | 1, .. })));
/// assert_eq!(ClassSizes::of(&smote.resample(train)?)?.sizes(), [4, 4]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where columns of large values rule the distance: scale them first. Between two islands of a class lies what is
/// not of it. Probabilities are no longer those of the data: calibrate them on validation rows.
///
/// Chawla, Bowyer, Hall and Kegelmeyer, *SMOTE: synthetic minority over-sampling technique*, 2002, section 4.2, with one `u` a
/// row: the paper's pseudocode draws one for each column, which leaves the segment that its text speaks of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a resampler does nothing until it is used"]
pub struct Smote {
    k_neighbors: usize,
    strategy: Strategy,
    bases: SmoteBases,
    columns: Option<Columns>,
    seed: u64,
}

impl Default for Smote {
    fn default() -> Self {
        Self {
            k_neighbors: 5,
            strategy: Strategy::Auto,
            bases: SmoteBases::Even,
            columns: None,
            seed: seed::DEFAULT_SEED,
        }
    }
}

impl Smote {
    /// Five neighbours, and classes as large as the largest.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many neighbours to choose from.
    pub fn k_neighbors(mut self, k_neighbors: usize) -> Self {
        self.k_neighbors = k_neighbors;
        self
    }

    /// Which classes grow, and to how many rows.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Which rows new ones start from.
    pub fn bases(mut self, bases: SmoteBases) -> Self {
        self.bases = bases;
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

    /// The rows that new ones start from, by their place in the class.
    fn bases_of(&self, class: &mlsys_core::Category, size: usize, new: usize) -> Vec<usize> {
        match self.bases {
            SmoteBases::Even => even(self.seed, class, size, new),
            SmoteBases::Random => {
                let mut rng = stream(self.seed, class, 0);
                (0..new).map(|_| seed::below(size as u64, &mut rng) as usize).collect()
            }
        }
    }
}

impl PlanResample for Smote {
    fn plan(&self, train: &Dataset<Train>) -> Result<Plan> {
        check_k("Smote", "k_neighbors", self.k_neighbors)?;
        let labelled = Labelled::new(train, "Smote")?;
        let after = self.strategy.over("Smote", &labelled.sizes)?;
        let coordinates = Coordinates::new(train, "Smote", self.columns.as_ref(), Metric::NanEuclidean)?;
        let mut synthetic = Vec::new();
        for ((class, rows), after) in labelled.sizes.classes().iter().zip(&labelled.rows).zip(after) {
            let new = after - rows.len();
            if new == 0 {
                continue;
            }
            check_size("Smote", self.k_neighbors, class, rows.len())?;
            let index = NeighborIndex::new(&coordinates.points.take(rows)?, Metric::NanEuclidean)?;
            let bases = self.bases_of(class, rows.len(), new);
            let (near, place) = neighbors(&index, &bases, self.k_neighbors)?;
            synthetic.extend(draw(self.seed, class, &bases, |&base, rng| {
                between(rows, base, near.of(place[base]), rng)
            }));
        }
        Plan::keep(train, &labelled.all)?.synthesize(train, coordinates.names, synthetic)
    }
}

resample_as_planned!(Smote);

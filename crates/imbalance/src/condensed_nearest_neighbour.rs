//! Rows without which the others would not be classified as what they are.

use mlsys_core::{Columns, Dataset, Result, Train, first_error, seed};
use mlsys_neighbors::{Donors, Metric, NeighborIndex, Points};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::coordinates::{Coordinates, check_metric, index};
use crate::labelled::Labelled;
use crate::plan::resample_as_planned;
use crate::store::Store;
use crate::{Plan, PlanResample, Strategy};

/// How often [`CondensedNearestNeighbour`] goes through the rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CondensedPasses {
    /// Until all rows that are left out are classified as what they are: Hart's.
    #[default]
    UntilConsistent,
    /// Once: rows that were right may be wrong in the end, where more than one class is condensed.
    One,
    /// Once, with a mistake of imbalanced-learn 0.14: a row is passed over when the row of the table whose number is its number within
    /// its class is of the class, and kept.
    ImbalancedLearn,
}

/// Keeps so many rows of large classes that the nearest one kept tells the class of each that is not.
///
/// A row joins those that are kept when the nearest of these is of another class, one row after the other, again and again until none does.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `passes` | `UntilConsistent` | | |
/// | `strategy` | `Auto` | see [`Strategy`] | `Auto` keeps all rows of the smallest class; Hart condenses `All` |
/// | `first_rows` | drawn, one of each class that is condensed | row ids | those that are kept from the start |
/// | `metric` | `NanEuclidean` | all but `SmoteNc` | with `Gower`, `Heom` and `Hvdm` text and booleans count |
/// | `columns` | features that the metric takes, without time and group | | |
/// | `seed` | 0 | | of the first rows |
///
/// **Input**: one target of two classes or more; numbers, and categories where the metric takes them; gaps as in [`Metric`].
/// **Output**: the rows that are kept, in their order, with their ids. Rows of weight 0 are left out, and others count 1. Of equally
/// near rows the first tells the class. A row that has no column in common with those that are kept joins them.
/// **Complexity**: the nearest of the rows that are kept from the start, of each row; then, in each pass, the nearest of those that
/// joined since the last. 40 bytes a row, and the pairs of a block of 512 rows.
/// **Errors**: as [`Strategy::clean`]; [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for a first row that
/// is not there; [`SingleClass`](mlsys_core::ErrorKind::SingleClass); those of the metric.
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{BooleanArray, Float64Array, RecordBatch}};
/// use mlsys_imbalance::{CondensedNearestNeighbour, PlanResample};
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0, 4.0, 6.0, 7.0]));
/// let late = Arc::new(BooleanArray::from(vec![false, false, false, false, true, true]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _), ("late", late as _)])?)?;
/// let train = train.target("late")?.into_train_all();
/// // 1 is kept; 4 is nearer to 6 than to 1, and joins.
/// let plan = CondensedNearestNeighbour::new().first_rows([0]).plan(&train)?;
/// assert_eq!(plan.removed(), [1, 2]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where labels are wrong: wrong ones are kept, and right ones around them. What is kept depends on the order of the
/// rows. Columns of large values rule the distance: scale them first.
///
/// Peter Hart, *The condensed nearest neighbor rule*, 1968. Where one class alone is condensed, the second pass changes nothing: what
/// joins is of that class. imbalanced-learn condenses each class against the smallest alone, which differs for more than two.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a resampler does nothing until it is used"]
pub struct CondensedNearestNeighbour {
    passes: CondensedPasses,
    strategy: Strategy,
    first_rows: Option<Vec<u64>>,
    metric: Metric,
    columns: Option<Columns>,
    seed: u64,
}

const NAME: &str = "CondensedNearestNeighbour";

impl CondensedNearestNeighbour {
    /// All classes but the smallest, until none is wrong.
    pub fn new() -> Self {
        Self { seed: seed::DEFAULT_SEED, ..Self::default() }
    }

    /// How often to go through the rows.
    pub fn passes(mut self, passes: CondensedPasses) -> Self {
        self.passes = passes;
        self
    }

    /// Whose rows are condensed.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// The ids of the rows of condensed classes that are kept from the start.
    pub fn first_rows(mut self, ids: impl IntoIterator<Item = u64>) -> Self {
        self.first_rows = Some(ids.into_iter().collect());
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

    /// The seed of the first rows.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl PlanResample for CondensedNearestNeighbour {
    fn plan(&self, train: &Dataset<Train>) -> Result<Plan> {
        check_metric(NAME, self.metric)?;
        let labelled = Labelled::new(train, NAME)?;
        let cleaned = self.strategy.clean(NAME, &labelled.sizes)?;
        let store = Store::new(train, NAME, &labelled, &cleaned, self.first_rows.as_deref(), self.seed)?;
        let coordinates = Coordinates::new(train, NAME, self.columns.as_ref(), self.metric)?;
        let points = coordinates.points.take(&labelled.all)?;
        let index = index(&points, self.metric, &labelled.classes)?;
        let nearest = store.nearest(&points, self.metric, &labelled.classes)?;
        let numbers = match self.passes {
            CondensedPasses::ImbalancedLearn => numbers(&labelled.classes, labelled.rows.len()),
            CondensedPasses::UntilConsistent | CondensedPasses::One => Vec::new(),
        };
        let condensed = Condensed { index: &index, points: &points, classes: &labelled.classes, numbers };
        let kept = condensed.keep(store, nearest, self.passes == CondensedPasses::UntilConsistent)?;
        let kept: Vec<usize> = (0..kept.len()).filter(|&at| kept[at]).map(|at| labelled.all[at]).collect();
        Plan::keep(train, &kept)
    }
}

resample_as_planned!(CondensedNearestNeighbour);

/// Rows whose nearest row in the store is found before they are looked at one after the other.
const BLOCK: usize = 512;

/// A row and how far it is.
type Near = (f64, usize);

struct Condensed<'a> {
    index: &'a NeighborIndex,
    points: &'a Points,
    classes: &'a [u32],
    /// The number of each row within its class, where that of the row tells whether it is looked at.
    numbers: Vec<usize>,
}

/// The number of each row within its class.
fn numbers(classes: &[u32], n_classes: usize) -> Vec<usize> {
    let mut next = vec![0; n_classes];
    let number = |&class: &u32| {
        next[class as usize] += 1;
        next[class as usize] - 1
    };
    classes.iter().map(number).collect()
}

/// Rows that are looked at together.
struct Block {
    rows: Vec<usize>,
    /// The nearest in the store of each, of those that had joined when it was last looked for.
    nearest: Vec<Option<Near>>,
    /// How many had.
    seen: usize,
}

impl Condensed<'_> {
    /// Whether each row is in the store in the end.
    fn keep(&self, store: Store, nearest: Vec<Option<Near>>, again: bool) -> Result<Vec<bool>> {
        let Store { outside, mut stored } = store;
        let mut blocks: Vec<Block> = outside
            .chunks(BLOCK)
            .zip(nearest.chunks(BLOCK))
            .map(|(rows, nearest)| Block { rows: rows.to_vec(), nearest: nearest.to_vec(), seen: 0 })
            .collect();
        let mut joined = Vec::new();
        loop {
            let before = joined.len();
            for block in &mut blocks {
                self.pass(block, &mut stored, &mut joined)?;
            }
            if joined.len() == before || !again {
                return Ok(stored);
            }
        }
    }

    /// Looks at the rows of a block in their order.
    fn pass(&self, block: &mut Block, stored: &mut [bool], joined: &mut Vec<usize>) -> Result<()> {
        let found = self.look(block, &joined[block.seen..])?;
        // Those that join while the block is looked at are in it, and seen again the next time.
        block.seen = joined.len();
        let mut left = Vec::new();
        for (&row, (nearest, inside)) in block.rows.iter().zip(found) {
            let inside = inside.into_iter().find(|&(_, other)| stored[other]);
            let nearest = nearer(nearest, inside);
            let alike = |other: usize| self.classes[other] == self.classes[row];
            let passed_over = self.numbers.get(row).is_some_and(|&other| stored[other] && alike(other));
            if passed_over || nearest.is_some_and(|(_, other)| alike(other)) {
                left.push((row, nearest));
            } else {
                stored[row] = true;
                joined.push(row);
            }
        }
        (block.rows, block.nearest) = left.into_iter().unzip();
        Ok(())
    }

    /// The nearest in the store of each row of a block, now that others joined, and the rows of the block that are no farther,
    /// nearest first.
    fn look(&self, block: &Block, joined: &[usize]) -> Result<Vec<(Option<Near>, Vec<Near>)>> {
        let mut marks = vec![false; self.classes.len()];
        joined.iter().for_each(|&row| marks[row] = true);
        let new = self.index.subset(&marks)?;
        marks.fill(false);
        block.rows.iter().for_each(|&row| marks[row] = true);
        let inside = self.index.subset(&marks)?;
        let rows = block.rows.par_iter().zip(&block.nearest);
        let found = rows.map_init(
            || (self.index.search(), Vec::new()),
            |(search, point), (&row, &nearest)| {
                self.points.row(row, point);
                search.find(point, &[Donors::Among(&new)], 1, None)?;
                let nearest = nearer(nearest, search.found(0).next().map(|n| (n.distance, n.row)));
                let radius = nearest.map_or(f64::MAX, |(distance, _)| distance);
                search.within(point, &[Donors::Among(&inside)], radius, Some(row))?;
                Ok((nearest, search.found(0).map(|n| (n.distance, n.row)).collect()))
            },
        );
        first_error(found.collect())
    }
}

fn nearer(a: Option<Near>, b: Option<Near>) -> Option<Near> {
    match (a, b) {
        (Some(a), Some(b)) if b.0 < a.0 || b.0 == a.0 && b.1 < a.1 => Some(b),
        (None, b) => b,
        (a, _) => a,
    }
}

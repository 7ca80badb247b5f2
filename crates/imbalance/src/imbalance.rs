//! How hard the classes are to tell, beyond how many rows they have.

use mlsys_core::{Columns, Dataset, Error, Result, Train, hash, seed};
use mlsys_neighbors::{Metric, NeighborIndex, Neighbors};
use serde::{Deserialize, Serialize};

use crate::coordinates::{Coordinates, check_k, check_metric, index};
use crate::imbalance_report::{ClassImbalance, ImbalanceReport, RowTypes};
use crate::labelled::Labelled;
use crate::pairs::parts;
use crate::spanning_tree::{Sets, spanning_tree};

/// Looks at the sizes of classes, how much they overlap, and what kind of rows they are of, and says which metrics mislead here
/// and what to try: an [`ImbalanceReport`].
///
/// | measure | is |
/// |---|---|
/// | N1 | the share of rows with an edge to another class in the minimum spanning tree of all |
/// | N3 | the share of rows whose nearest row is of another class: the leave-one-out error of one neighbour |
/// | safe, borderline, rare, outlier | a row with more than 0.7 of its `k` nearest of its own class, more than 0.3, more than 0.1, or fewer |
/// | noise | a row with none of its own class among its `k` nearest |
/// | part | rows of a class that hang together in the tree; small with `k` rows or fewer |
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `k_neighbors` | 5 | 1 or more | |
/// | `metric` | `Gower` | any but `SmoteNc` | what is near |
/// | `columns` | features that are numbers, text or booleans, without time and group | | what distances are of |
/// | `max_rows` | 10,000 | 1 or more | rows that are compared |
/// | `seed` | 0 | | which rows these are |
///
/// **Input**: one target of two classes or more; numbers for all metrics, text and booleans for `Gower`, `Heom` and `Hvdm`, missing as the
/// metric has it. Rows of weight 0 are none, all others count 1. Of more than `max_rows` each class keeps its share of
/// them, and `k + 1` rows at least: those whose ids have the lowest hashes by the seed. Among fewer rows neighbours are farther, and
/// classes overlap as much or less. **Output**: [`ImbalanceReport`]; a row without any neighbour, having no column in common with others,
/// counts as an error, an outlier and noise. **Complexity**: nearest neighbours, and O(log n) rounds of searches for the tree.
/// **Errors**: [`SingleClass`](mlsys_core::ErrorKind::SingleClass); [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) for `k` rows or fewer;
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter); [`ColumnType`](mlsys_core::ErrorKind::ColumnType);
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite).
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{BooleanArray, Float64Array, RecordBatch}};
/// use mlsys_imbalance::Imbalance;
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![0.0, 1.0, 2.2, 3.0, 4.5, 5.0, 6.1, 7.0, 8.3, 9.0]));
/// let late = Arc::new(BooleanArray::from_iter((0..10).map(|row| Some(row == 4 || row > 7))));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _), ("late", late as _)])?)?;
/// let report = Imbalance::new().k_neighbors(2).report(&train.target("late")?.into_train_all())?;
/// // The row at 4.5 and its neighbours in the tree, and those at 7 and 8.3.
/// assert_eq!((report.n1, report.ratio), (0.5, 7.0 / 3.0));
/// assert_eq!((report.classes[1].noise, report.classes[1].parts), (1, 2));
/// assert!(report.to_string().contains("N1 0.500"));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** with many columns that say nothing: near rows are then near by chance, and all looks like overlap. A model that
/// finds the columns that matter may do better than N3 says.
///
/// Ho and Basu, *Complexity measures of supervised classification problems*, 2002; Lorena, Garcia, Lehmann, Souto and Ho, *How complex is
/// your classification problem?*, 2019, equations 14 and 17; Napierala and Stefanowski, *Types of minority class examples and their
/// influence on learning classifiers from imbalanced data*, 2016, whose bounds are those of the types here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is used"]
pub struct Imbalance {
    k_neighbors: usize,
    metric: Metric,
    columns: Option<Columns>,
    max_rows: usize,
    seed: u64,
}

impl Default for Imbalance {
    fn default() -> Self {
        Self {
            k_neighbors: 5,
            metric: Metric::Gower,
            columns: None,
            max_rows: 10_000,
            seed: seed::DEFAULT_SEED,
        }
    }
}

const NAME: &str = "Imbalance";

/// The rows that are compared.
struct Compared {
    /// The class of each.
    classes: Vec<u32>,
    /// How many each class has.
    sizes: Vec<usize>,
}

impl Imbalance {
    /// Five neighbours by Gower's distance, of 10,000 rows at most.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many neighbours tell what kind of row one is.
    pub fn k_neighbors(mut self, k_neighbors: usize) -> Self {
        self.k_neighbors = k_neighbors;
        self
    }

    /// What is near.
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// The features that distances are of.
    pub fn columns(mut self, columns: impl Into<Columns>) -> Self {
        self.columns = Some(columns.into());
        self
    }

    /// How many rows are compared at most.
    pub fn max_rows(mut self, max_rows: usize) -> Self {
        self.max_rows = max_rows;
        self
    }

    /// The seed by which these are drawn.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// What training rows are like.
    ///
    /// # Errors
    ///
    /// Those of the type.
    pub fn report(&self, train: &Dataset<Train>) -> Result<ImbalanceReport> {
        check_k(NAME, "k_neighbors", self.k_neighbors)?;
        check_k(NAME, "max_rows", self.max_rows)?;
        check_metric(NAME, self.metric)?;
        let labelled = Labelled::new(train, NAME)?;
        let places = self.sample(&labelled, &train.row_ids());
        if places.len() <= self.k_neighbors {
            let why = format!("{NAME} with k_neighbors = {}", self.k_neighbors);
            return Err(Error::too_few_rows(self.k_neighbors.saturating_add(1), places.len(), why));
        }
        let rows: Vec<usize> = places.iter().map(|&place| labelled.all[place]).collect();
        let classes: Vec<u32> = places.iter().map(|&place| labelled.classes[place]).collect();
        let mut sizes = vec![0; labelled.rows.len()];
        classes.iter().for_each(|&class| sizes[class as usize] += 1);
        let coordinates = Coordinates::new(train, NAME, self.columns.as_ref(), self.metric)?;
        let points = coordinates.points.take(&rows)?;
        let index: NeighborIndex = index(&points, self.metric, &classes)?;
        let near = index.nearest_others(self.k_neighbors)?;
        let tree = spanning_tree(&index, &points)?;
        let found = self.by_class(&labelled, &Compared { classes, sizes }, &near, &tree);
        Ok(ImbalanceReport::new(&labelled.sizes, self.k_neighbors, found))
    }

    /// The rows that are compared, by their places among those that count.
    fn sample(&self, labelled: &Labelled, ids: &[u64]) -> Vec<usize> {
        let n = labelled.all.len();
        if n <= self.max_rows {
            return (0..n).collect();
        }
        let shares: Vec<f64> = labelled.sizes.sizes().iter().map(|&size| size as f64).collect();
        let least = self.k_neighbors.saturating_add(1);
        let mut places = Vec::new();
        for (class, (share, rows)) in (0..).zip(parts(self.max_rows, &shares).into_iter().zip(&labelled.rows))
        {
            let own = (0..n).filter(|&place| labelled.classes[place] == class);
            let hash = |place: usize| hash::hash_u64(ids[labelled.all[place]], self.seed);
            let mut own: Vec<(u64, usize)> = own.map(|place| (hash(place), place)).collect();
            own.sort_unstable();
            own.truncate(share.max(least).min(rows.len()));
            places.extend(own.into_iter().map(|(_, place)| place));
        }
        places.sort_unstable();
        places
    }

    fn by_class(
        &self,
        labelled: &Labelled,
        compared: &Compared,
        near: &Neighbors,
        tree: &[(u32, u32)],
    ) -> Vec<ClassImbalance> {
        let Compared { classes, sizes } = compared;
        let class = |row: u32| classes[row as usize];
        let mut border = vec![false; classes.len()];
        let mut sets = Sets::new(classes.len());
        for &(a, b) in tree {
            if class(a) == class(b) {
                sets.join(a, b);
            } else {
                [a, b].into_iter().for_each(|row| border[row as usize] = true);
            }
        }
        let mut part_sizes = vec![0_usize; classes.len()];
        (0..classes.len() as u32).for_each(|row| part_sizes[sets.first(row) as usize] += 1);
        let total: usize = labelled.sizes.sizes().iter().sum();
        let new = |(place, name)| ClassImbalance {
            class: Clone::clone(name),
            rows: labelled.sizes.sizes()[place],
            share: labelled.sizes.sizes()[place] as f64 / total as f64,
            compared: sizes[place],
            ..ClassImbalance::default()
        };
        let mut found: Vec<ClassImbalance> = labelled.sizes.classes().iter().enumerate().map(new).collect();
        for (row, near) in near.iter().enumerate() {
            let one = &mut found[classes[row] as usize];
            let own = near.iter().filter(|n| classes[n.row] == classes[row]).count();
            one.border += usize::from(border[row]);
            one.errors += usize::from(near.first().is_none_or(|n| classes[n.row] != classes[row]));
            one.noise += usize::from(own == 0);
            let RowTypes { safe, borderline, rare, outlier } = &mut one.types;
            let kind = match 10 * own {
                own if own > 7 * near.len() => safe,
                own if own > 3 * near.len() => borderline,
                own if own > near.len() => rare,
                _ => outlier,
            };
            *kind += 1;
            let size = part_sizes[row];
            one.parts += usize::from(size > 0);
            one.small_parts += usize::from(size > 0 && size <= self.k_neighbors);
            one.rows_of_small_parts += if size <= self.k_neighbors { size } else { 0 };
        }
        found
    }
}

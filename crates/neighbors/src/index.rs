//! Exact search for the nearest points.

#[cfg(doc)]
use mlsys_core::ErrorKind;
use std::sync::OnceLock;

use mlsys_core::{Error, Result, first_error};
use rayon::prelude::*;

use crate::descent::Descent;
use crate::join::{self, Asked};
use crate::metric::Term;
use crate::search::{Reach, Search, check_radius};
use crate::space::Space;
use crate::{Metric, NeighborGraph, Points};

/// A point that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbor {
    /// Its row among the points that are searched.
    pub row: usize,
    /// How far it is.
    pub distance: f64,
}

/// The neighbours of several points.
#[derive(Debug, Clone)]
pub struct Neighbors {
    all: Vec<Neighbor>,
    ends: Ends,
}

/// Where the neighbours of each query end.
#[derive(Debug, Clone)]
enum Ends {
    /// All have this many.
    Each {
        queries: usize,
        neighbors: usize,
    },
    At(Vec<usize>),
}

impl PartialEq for Neighbors {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Neighbors {
    /// The neighbours of a query, nearest first; fewer than asked for where fewer have a distance, and none of a query
    /// that is not there.
    pub fn of(&self, query: usize) -> &[Neighbor] {
        let range = match &self.ends {
            Ends::Each { queries, neighbors } if query < *queries => {
                query * neighbors..(query + 1) * neighbors
            }
            Ends::Each { .. } => 0..0,
            Ends::At(ends) => {
                let before = query.checked_sub(1).and_then(|before| ends.get(before));
                before.copied().unwrap_or_default()..ends.get(query).copied().unwrap_or_default()
            }
        };
        self.all.get(range).unwrap_or_default()
    }

    /// The number of queries.
    pub fn len(&self) -> usize {
        match &self.ends {
            Ends::Each { queries, .. } => *queries,
            Ends::At(ends) => ends.len(),
        }
    }

    /// Whether there were no queries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The neighbours of each query in turn.
    pub fn iter(&self) -> impl Iterator<Item = &[Neighbor]> {
        (0..self.len()).map(|query| self.of(query))
    }
}

/// Some of the rows of an index, for a search among these alone. Made by [`NeighborIndex::subset`].
#[derive(Debug, Clone, PartialEq)]
pub struct Subset {
    /// Per leaf, a bit for each of its rows.
    pub(crate) words: Vec<u64>,
    /// Whether a node has any.
    pub(crate) nodes: Vec<bool>,
    pub(crate) count: usize,
}

/// Which rows a search is among.
#[derive(Debug, Clone, Copy)]
pub enum Donors<'a> {
    /// All of them.
    All,
    /// Those that have no gap in a column.
    Observed(usize),
    /// Those of a subset.
    Among(&'a Subset),
}

/// Queries that are worth to be put in leaves.
const BATCH: usize = 1024;

/// How the nearest of many points are found. Chosen by [`NeighborIndex::strategy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// Each query goes down the tree.
    Tree,
    /// Leaves of queries that are near each other ask leaves of points: along the principal axes, in single precision
    /// with a bound on its error, and exactly what could be among the nearest. A third to a sixth of the time where
    /// columns are many, and 4 bytes a value for a while.
    Leaves,
}

/// Points in the order that an exact search for the nearest ones needs: a tree of boxes, whose branches are skipped when
/// they are further away than what is found.
///
/// The nearest of many points at once, complete ones, are found [leaf by leaf](Strategy), all others down the tree.
///
/// Ties (of the sums of the [`Metric`]'s table, before the root) are broken by row, the lower one first. A row is never its own neighbour; other rows that equal it are. The
/// bits do not depend on threads, nor on which other points are asked for.
///
/// **Input**: [`Points`]. **Output**: [`Neighbors`], or with [`search`](Self::search) a point at a time, among donors that
/// differ from point to point. **Complexity**: built in O(n log n), n (8 p + 20) bytes, or, where leaves may do, when the
/// first search asks for it; a search is O(log n) in few dimensions and O(n p) at worst, in many. **Errors**: see [`new`](Self::new) and [`nearest`](Self::nearest).
///
/// ```
/// use mlsys_neighbors::{Metric, NeighborIndex, Points};
///
/// let points = Points::from_rows(&[0.0, 0.0, 3.0, 4.0, f64::NAN, 1.0], 2)?;
/// let index = NeighborIndex::new(&points, Metric::NanEuclidean)?;
/// let found = index.nearest(&Points::from_rows(&[0.0, 0.0], 2)?, 3)?;
/// let rows: Vec<(usize, f64)> = found.of(0).iter().map(|n| (n.row, n.distance)).collect();
/// assert_eq!(rows, [(0, 0.0), (2, 2.0_f64.sqrt()), (1, 5.0)]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: columns with large values rule a Euclidean distance: scale them first.
///
/// Bentley, *Multidimensional binary search trees used for associative searching*, 1975; Friedman, Bentley and Finkel,
/// *An algorithm for finding best matches in logarithmic expected time*, 1977.
#[derive(Debug)]
pub struct NeighborIndex {
    descent: Growth,
    pub(crate) space: Space,
    pub(crate) metric: Metric,
    /// A key is the sum of terms times this, over the weight of the columns that both have, where gaps are left out.
    pub(crate) scale: f64,
    /// Whether every term is a square of weight 1.
    pub(crate) plain: bool,
    rows: usize,
    categorical: Vec<bool>,
}

/// When the tree is grown.
#[derive(Debug)]
enum Growth {
    Done(Descent),
    /// When it is asked for: leaf by leaf, it is not needed.
    OnDemand(Points, OnceLock<Descent>),
}

impl NeighborIndex {
    /// Takes in the points to search, all columns of one weight.
    ///
    /// # Errors
    ///
    /// [`Shape`](ErrorKind::Shape) for points without columns; [`Unsupported`](ErrorKind::Unsupported) for a metric of
    /// numbers over categories, [`Metric::SmoteNc`] over nothing else, and [`Metric::Hvdm`] without labels;
    /// [`MissingValues`](ErrorKind::MissingValues) for gaps under a metric that refuses them.
    pub fn new(points: &Points, metric: Metric) -> Result<Self> {
        Self::build(points, metric, None, None)
    }

    /// Takes in the points to search, and a weight for each column.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and for weights that are not finite and above 0, one a column.
    pub fn weighted(points: &Points, metric: Metric, weights: &[f64]) -> Result<Self> {
        Self::build(points, metric, Some(weights), None)
    }

    /// Takes in the points to search, and the class of each, which [`Metric::Hvdm`] alone looks at. It keeps a number a
    /// class in place of each category.
    ///
    /// ```
    /// use mlsys_neighbors::{Metric, NeighborIndex, Points};
    ///
    /// // Categories 0 and 1 go with the first class, and 2 with the second.
    /// let points = Points::new(6)?.categories(&[2, 0, 0, 1, 1, 2])?;
    /// let index = NeighborIndex::labelled(&points, Metric::Hvdm, &[1, 0, 0, 0, 0, 1])?;
    /// let found = index.nearest(&Points::new(1)?.categories(&[0])?, 6)?;
    /// let rows: Vec<(usize, f64)> = found.of(0).iter().map(|n| (n.row, n.distance)).collect();
    /// let far = 2.0_f64.sqrt();
    /// assert_eq!(rows, [(1, 0.0), (2, 0.0), (3, 0.0), (4, 0.0), (0, far), (5, far)]);
    /// # Ok::<(), mlsys_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new); [`Shape`](ErrorKind::Shape) unless there is a label a row;
    /// [`InvalidValue`](ErrorKind::InvalidValue) for a missing one ([`Coded::MISSING`](mlsys_core::Coded::MISSING)).
    pub fn labelled(points: &Points, metric: Metric, labels: &[u32]) -> Result<Self> {
        Self::build(points, metric, None, Some(labels))
    }

    fn build(
        points: &Points,
        metric: Metric,
        weights: Option<&[f64]>,
        labels: Option<&[u32]>,
    ) -> Result<Self> {
        let space = Space::new(points, metric, weights, labels)?;
        let plain = space.gaps.is_none()
            && space.terms.iter().all(|&term| term == Term::Square { weight: 1.0, inverse: 1.0 });
        let descent = if plain && points.n_rows() >= BATCH && points.is_complete() {
            Growth::OnDemand(points.clone(), OnceLock::new())
        } else {
            Growth::Done(Descent::new(points, &space.points(points)?, &space.terms))
        };
        let total: f64 = space.terms.iter().map(|term| term.weight()).sum();
        let scale = if metric == Metric::Gower { 1.0 } else { total };
        let categorical = (0..points.n_columns()).map(|column| points.is_categorical(column)).collect();
        Ok(Self { descent, space, metric, scale, plain, rows: points.n_rows(), categorical })
    }

    /// The tree. Of several threads that need it first each may grow it, and one's is kept: none waits for another.
    pub(crate) fn descent(&self) -> &Descent {
        match &self.descent {
            Growth::Done(descent) => descent,
            // A plain space's coordinates are the columns.
            Growth::OnDemand(points, descent) => {
                if let Some(descent) = descent.get() {
                    return descent;
                }
                let grown = Descent::new(points, points, &self.space.terms);
                descent.get_or_init(|| grown)
            }
        }
    }

    /// The number of points that are searched.
    pub fn n_rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn n_columns(&self) -> usize {
        self.categorical.len()
    }

    /// The metric.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// Marks rows, for a search among them alone.
    ///
    /// # Errors
    ///
    /// [`Shape`](ErrorKind::Shape) when `kept` has another length than there are points.
    pub fn subset(&self, kept: &[bool]) -> Result<Subset> {
        if kept.len() != self.n_rows() {
            return Err(Error::shape("the marks of a subset", self.n_rows(), kept.len()));
        }
        Ok(self.descent().marked(|row| kept[row as usize]))
    }

    /// A search that is asked point by point. One for each thread.
    pub fn search(&self) -> Search<'_> {
        Search::new(self)
    }

    /// The `k` nearest of all points, for each query.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) for `k = 0`; [`Shape`](ErrorKind::Shape) when the queries
    /// have other columns; [`MissingValues`](ErrorKind::MissingValues) for gaps under a metric that refuses them.
    pub fn nearest(&self, queries: &Points, k: usize) -> Result<Neighbors> {
        check_k(k)?;
        self.of_queries(queries, Reach::Nearest(k))
    }

    /// The `k` nearest other points of each point that is searched.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) for `k = 0`.
    pub fn nearest_others(&self, k: usize) -> Result<Neighbors> {
        check_k(k)?;
        self.of_others(Reach::Nearest(k))
    }

    /// The `k` nearest other points of some of the points that are searched, in the order of `rows`: of the rows of one
    /// class among all, say.
    ///
    /// ```
    /// use mlsys_neighbors::{Metric, NeighborIndex, Points};
    ///
    /// let index = NeighborIndex::new(&Points::from_rows(&[0.0, 3.0, 3.0, 5.0], 1)?, Metric::Euclidean)?;
    /// let found = index.nearest_others_of(&[3, 1], 1)?;
    /// assert_eq!((found.of(0)[0].row, found.of(1)[0].row), (1, 2));
    /// # Ok::<(), mlsys_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`nearest_others`](Self::nearest_others); [`InvalidValue`](ErrorKind::InvalidValue) for a row that is not there.
    pub fn nearest_others_of(&self, rows: &[usize], k: usize) -> Result<Neighbors> {
        check_k(k)?;
        if let Some(at) = rows.iter().position(|&row| row >= self.n_rows()) {
            let expected = format!("a row below {}", self.n_rows());
            return Err(Error::invalid_value("rows", Some(at), rows[at], expected));
        }
        if let Some(points) = self.leaves(rows.len()) {
            return Ok(self.join(points, Asked::Rows(rows), k));
        }
        self.collect(rows.len(), |search, query, point| {
            self.descent().coordinates(rows[query], point);
            search.find_there(point, &[Donors::All], Reach::Nearest(k), Some(rows[query]))
        })
    }

    /// All points that are at most `radius` away, for each query. The answer may be as large as all pairs:
    /// [`Search::within`] gives it point by point.
    ///
    /// ```
    /// use mlsys_neighbors::{Metric, NeighborIndex, Points};
    ///
    /// let index = NeighborIndex::new(&Points::from_rows(&[0.0, 3.0, 5.0], 1)?, Metric::Euclidean)?;
    /// let found = index.within(&Points::from_rows(&[4.0], 1)?, 1.0)?;
    /// assert_eq!(found.of(0).iter().map(|n| n.row).collect::<Vec<_>>(), [1, 2]);
    /// # Ok::<(), mlsys_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`nearest`](Self::nearest), and for a radius that is not finite, or below 0.
    pub fn within(&self, queries: &Points, radius: f64) -> Result<Neighbors> {
        check_radius(radius)?;
        self.of_queries(queries, Reach::Within(radius))
    }

    /// All other points that are at most `radius` away, for each point that is searched.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) for a radius that is not finite, or below 0.
    pub fn others_within(&self, radius: f64) -> Result<Neighbors> {
        check_radius(radius)?;
        self.of_others(Reach::Within(radius))
    }

    /// The graph of the `k` nearest other points of each.
    ///
    /// # Errors
    ///
    /// As [`nearest_others`](Self::nearest_others).
    pub fn knn_graph(&self, k: usize) -> Result<NeighborGraph> {
        Ok(NeighborGraph::of_all(&self.nearest_others(k)?))
    }

    /// The graph of all pairs of points that are at most `radius` apart.
    ///
    /// # Errors
    ///
    /// As [`others_within`](Self::others_within).
    pub fn radius_graph(&self, radius: f64) -> Result<NeighborGraph> {
        Ok(NeighborGraph::of_all(&self.others_within(radius)?))
    }

    fn of_queries(&self, queries: &Points, reach: Reach) -> Result<Neighbors> {
        let kinds = (0..queries.n_columns()).map(|column| queries.is_categorical(column));
        if !kinds.eq(self.categorical.iter().copied()) {
            let expected = format!("the {} columns of the points, of their kinds", self.n_columns());
            return Err(Error::shape("the queries", expected, queries.n_columns()));
        }
        self.metric.check(queries)?;
        if let Reach::Nearest(k) = reach
            && let Some(points) = self.leaves(queries.n_rows())
            && queries.is_complete()
        {
            return Ok(self.join(points, Asked::Queries(queries), k));
        }
        let mapped = self.space.points(queries)?;
        self.collect(queries.n_rows(), |search, row, point| {
            mapped.row(row, point);
            search.find_there(point, &[Donors::All], reach, None)
        })
    }

    fn of_others(&self, reach: Reach) -> Result<Neighbors> {
        if let Reach::Nearest(k) = reach
            && let Some(points) = self.leaves(self.n_rows())
        {
            return Ok(self.join(points, Asked::All, k));
        }
        self.collect(self.n_rows(), |search, row, point| {
            self.descent().coordinates(row, point);
            search.find_there(point, &[Donors::All], reach, Some(row))
        })
    }

    /// How the nearest of so many queries without gaps are found. It changes the time alone.
    ///
    /// [`Leaves`](Strategy::Leaves) for 1,024 queries and an eighth of the points or more, under [`Metric::Euclidean`] or
    /// [`Metric::NanEuclidean`] without weights, where the points are 1,024 or more, and none has a gap (nor any query);
    /// [`Tree`](Strategy::Tree) for all else, all [`Search`]es, and radii.
    pub fn strategy(&self, queries: usize) -> Strategy {
        self.leaves(queries).map_or(Strategy::Tree, |_| Strategy::Leaves)
    }

    /// The points, where so many queries are answered leaf by leaf.
    fn leaves(&self, queries: usize) -> Option<&Points> {
        match &self.descent {
            Growth::OnDemand(points, _) if queries >= BATCH && queries >= self.rows / 8 => Some(points),
            _ => None,
        }
    }

    /// The nearest by [`Strategy::Leaves`].
    fn join(&self, points: &Points, asked: Asked<'_>, k: usize) -> Neighbors {
        let (queries, others) = match asked {
            Asked::All => (self.rows, 1),
            Asked::Rows(rows) => (rows.len(), 1),
            Asked::Queries(queries) => (queries.n_rows(), 0),
        };
        let each = k.min(self.rows - others);
        Neighbors { all: join::nearest(points, asked, each), ends: Ends::Each { queries, neighbors: each } }
    }

    fn collect(
        &self,
        queries: usize,
        find: impl Fn(&mut Search<'_>, usize, &mut Vec<f64>) -> Result<()> + Sync,
    ) -> Result<Neighbors> {
        const PART: usize = 256;
        // Once, before all threads need it.
        self.descent();
        let parts: Vec<Result<(Vec<Neighbor>, Vec<usize>)>> = (0..queries.div_ceil(PART))
            .into_par_iter()
            .map_init(
                || (self.search(), Vec::new()),
                |(search, point), part| {
                    let (mut all, mut ends) = (Vec::new(), Vec::new());
                    for row in part * PART..((part + 1) * PART).min(queries) {
                        find(search, row, point)?;
                        all.extend(search.found(0));
                        ends.push(all.len());
                    }
                    Ok((all, ends))
                },
            )
            .collect();
        let parts = first_error::<_, Vec<_>>(parts)?;
        let total = parts.iter().map(|(all, _)| all.len()).sum();
        let (mut every, mut at) = (Vec::with_capacity(total), Vec::with_capacity(queries));
        for (all, ends) in parts {
            let before = every.len();
            every.extend(all);
            at.extend(ends.into_iter().map(|end| before + end));
        }
        Ok(Neighbors { all: every, ends: Ends::At(at) })
    }
}

fn check_k(k: usize) -> Result<()> {
    if k > 0 {
        return Ok(());
    }
    Err(Error::invalid_parameter("NeighborIndex", "k", k, "1 or more"))
}

//! One point after the other: down the tree, nearer branches first.

use mlsys_core::{Error, Result};

use crate::descent::Descent;
use crate::index::{Donors, Neighbor, NeighborIndex, Subset};
use crate::metric::Term;
use crate::nearest::Best;
use crate::tree::{LANES, MIXED, NO_ROW, Node};

/// Bounds and keys are rounded in other orders: a branch must be further away by more than that.
const SLACK: f64 = 1.0 - 1e-10;
/// Columns between two looks at whether a chunk is too far away already.
const STRIDE: usize = 8;

/// How far a search goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reach {
    Nearest(usize),
    Within(f64),
}

pub(crate) fn check_radius(radius: f64) -> Result<()> {
    if radius.is_finite() && radius >= 0.0 {
        return Ok(());
    }
    Err(Error::invalid_parameter("NeighborIndex", "radius", radius, "finite and 0 or above"))
}

/// A search that is asked point by point, and keeps its memory in between. Made by [`NeighborIndex::search`].
///
/// Several questions about one point, each among donors of its own, share its distances.
///
/// ```
/// use mlsys_neighbors::{Donors, Metric, NeighborIndex, Points};
///
/// let points = Points::from_rows(&[0.0, f64::NAN, 1.0, 7.0, 2.0, 8.0], 2)?;
/// let index = NeighborIndex::new(&points, Metric::NanEuclidean)?;
/// let mut search = index.search();
/// search.find(&[0.0, f64::NAN], &[Donors::All, Donors::Observed(1)], 1, None)?;
/// assert_eq!(search.found(0).next().map(|n| n.row), Some(0));
/// assert_eq!(search.found(1).next().map(|n| n.row), Some(1));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Search<'a> {
    index: &'a NeighborIndex,
    descent: &'a Descent,
    coordinates: Vec<f64>,
    /// The coordinates that the point has, its values there, and their terms; and what its gaps cost.
    present: Vec<(usize, f64, Term)>,
    weight: f64,
    best: Vec<Best>,
    except: u32,
    questions: usize,
    cut: f64,
    /// The key of a row that equals the point: what its gaps cost.
    least: f64,
    /// Rows above this change nothing any more, however near they are: where all that is found equals the point.
    last: u32,
    /// A sum above this has a key above the cut: that of a row with all columns of the point is the lowest.
    limit: f64,
}

impl<'a> Search<'a> {
    pub(crate) fn new(index: &'a NeighborIndex) -> Self {
        Self {
            index,
            descent: index.descent(),
            coordinates: Vec::new(),
            present: Vec::new(),
            weight: 0.0,
            best: Vec::new(),
            except: NO_ROW,
            questions: 0,
            cut: 0.0,
            least: 0.0,
            last: NO_ROW,
            limit: 0.0,
        }
    }

    /// Finds the `k` nearest to a point among each of several donors, leaving out the row `except`.
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) for a point of another number of columns, a column that is not there,
    /// or a subset of another index; [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for an infinite value, or
    /// a gap under a metric that refuses them.
    pub fn find(
        &mut self,
        point: &[f64],
        among: &[Donors<'_>],
        k: usize,
        except: Option<usize>,
    ) -> Result<()> {
        self.ask(point, among, Reach::Nearest(k), except)
    }

    /// Finds all that are at most `radius` away from a point, among each of several donors, leaving out the row `except`.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find); [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for a radius that is not
    /// finite, or below 0.
    pub fn within(
        &mut self,
        point: &[f64],
        among: &[Donors<'_>],
        radius: f64,
        except: Option<usize>,
    ) -> Result<()> {
        self.questions = 0;
        check_radius(radius)?;
        self.ask(point, among, Reach::Within(radius), except)
    }

    fn ask(
        &mut self,
        point: &[f64],
        among: &[Donors<'_>],
        reach: Reach,
        except: Option<usize>,
    ) -> Result<()> {
        let index = self.index;
        self.questions = 0;
        if point.len() != index.n_columns() {
            return Err(Error::shape("a point", format!("{} values", index.n_columns()), point.len()));
        }
        for (column, &value) in point.iter().enumerate() {
            if value.is_infinite() || value.is_nan() && index.metric.refuses_gaps() {
                let expected = "finite (NaN, a gap, has no place under this metric)";
                let expected = if value.is_infinite() { "finite" } else { expected };
                return Err(Error::invalid_value("point", Some(column), value, expected));
            }
        }
        let mut coordinates = std::mem::take(&mut self.coordinates);
        index.space.map(point, &mut coordinates);
        let found = self.find_there(&coordinates, among, reach, except);
        self.coordinates = coordinates;
        found
    }

    /// By coordinates, which are right.
    pub(crate) fn find_there(
        &mut self,
        coordinates: &[f64],
        among: &[Donors<'_>],
        reach: Reach,
        except: Option<usize>,
    ) -> Result<()> {
        let (index, descent) = (self.index, self.descent);
        self.questions = 0;
        self.present.clear();
        (self.weight, self.least) = (0.0, 0.0);
        for (column, (&value, &term)) in coordinates.iter().zip(&index.space.terms).enumerate() {
            if !value.is_nan() {
                self.present.push((column, value, term));
                self.weight += term.weight();
            } else if let Some(gaps) = &index.space.gaps {
                self.least += gaps[column];
                self.present.push((column, 0.0, Term::Constant { cost: gaps[column] }));
            }
        }
        if index.space.gaps.is_some() {
            self.weight = index.scale;
        }
        self.except = except.and_then(|row| u32::try_from(row).ok()).unwrap_or(NO_ROW);
        let own = except.and_then(|row| descent.lanes.get(row)).map(|&lane| lane as usize);
        self.best.resize_with(self.best.len().max(among.len()), Best::default);
        let mut sets: Vec<&Subset> = Vec::with_capacity(among.len());
        for (best, donors) in self.best.iter_mut().zip(among) {
            let set = subset(self.descent, donors)?;
            match reach {
                Reach::Nearest(k) => {
                    // What is left without the point itself: with fewer donors than k, all of them are enough.
                    let itself = own.is_some_and(|lane| has(descent, set, lane));
                    best.reset(k.min(set.count - usize::from(itself)));
                }
                // Rounding the key of a distance must not lose it; the distance itself decides.
                Reach::Within(radius) if index.metric.is_root() => {
                    best.reset_within((radius * radius / SLACK).max(f64::MIN_POSITIVE));
                }
                Reach::Within(radius) => best.reset_within(radius),
            }
            sets.push(set);
        }
        self.questions = among.len();
        self.update_cut();
        if !self.present.is_empty()
            && !descent.tree.nodes.is_empty()
            && let Some(bound) = self.bound(0)
        {
            self.visit(0, bound, &sets);
        }
        if let Reach::Within(radius) = reach {
            let root = index.metric.is_root();
            for best in &mut self.best[..self.questions] {
                best.sort(|key| if root { key.sqrt() <= radius } else { key <= radius });
            }
        }
        Ok(())
    }

    /// What was found for a question of the last [`find`](Self::find) or [`within`](Self::within), nearest first.
    pub fn found(&self, question: usize) -> impl ExactSizeIterator<Item = Neighbor> {
        let found = if question < self.questions { self.best[question].found() } else { &[] };
        let root = self.index.metric.is_root();
        found.iter().map(move |&(key, row)| Neighbor {
            row: row as usize,
            distance: if root { key.sqrt() } else { key },
        })
    }

    fn update_cut(&mut self) {
        self.cut = self.best[..self.questions].iter().map(Best::cut).fold(f64::NEG_INFINITY, f64::max);
        self.limit = self.cut * (self.weight / self.index.scale) / SLACK;
        self.last = NO_ROW;
        if self.cut <= self.least {
            let lasts = self.best[..self.questions].iter().filter_map(|best| best.last(self.least));
            self.last = lasts.max().unwrap_or(NO_ROW);
        }
    }

    /// The least key that a row below a node can have; `None` when none has a column of the point.
    fn bound(&self, node: usize) -> Option<f64> {
        let extents = self.descent.tree.extents(node);
        let (mut sum, mut weight) = (0.0, 0.0);
        for &(column, value, term) in &self.present {
            let (low, high) = extents[column];
            if low <= high {
                sum += term.least(value, low, high);
                weight += term.weight();
            } else if let Some(gaps) = &self.index.space.gaps {
                sum += gaps[column];
            }
        }
        if self.index.space.gaps.is_some() {
            weight = self.index.scale;
        }
        (weight > 0.0).then(|| self.key(sum, weight).min(f64::MAX) * SLACK)
    }

    fn visit(&mut self, node: usize, bound: f64, sets: &[&Subset]) {
        let tree = &self.descent.tree;
        if bound > self.cut || tree.firsts[node] > self.last || !sets.iter().any(|set| set.nodes[node]) {
            return;
        }
        match tree.nodes[node] {
            Node::Leaf { leaf } => self.scan(node, leaf, sets),
            Node::Inner { right } => {
                let mut children = [(node + 1, self.bound(node + 1)), (right, self.bound(right))];
                if children[1].1 < children[0].1 {
                    children.swap(0, 1);
                }
                for (child, bound) in children {
                    if let Some(bound) = bound {
                        self.visit(child, bound, sets);
                    }
                }
            }
        }
    }

    fn scan(&mut self, node: usize, leaf: usize, sets: &[&Subset]) {
        let tree = &self.descent.tree;
        let wanted = sets.iter().fold(0, |word, set| word | set.words[leaf]);
        let extents = tree.extents(node);
        let full = self.present.iter().all(|&(column, _, term)| {
            let (low, high) = extents[column];
            low <= high && (low, high) != MIXED || matches!(term, Term::Constant { .. })
        });
        let leaf_at = &tree.leaves[leaf];
        for part in 0..leaf_at.chunks {
            let mut lanes = wanted >> (part * LANES) & ((1 << LANES) - 1);
            if lanes == 0 {
                continue;
            }
            let chunk = leaf_at.first_chunk + part;
            let Some(keys) = (if full { self.full_keys(chunk) } else { self.keys(chunk) }) else { continue };
            while lanes != 0 {
                let lane = lanes.trailing_zeros() as usize;
                lanes &= lanes - 1;
                // NaN, where there is no column in common, is never below.
                if keys[lane] <= self.cut {
                    self.offer(keys[lane], chunk * LANES + lane, 1 << (part * LANES + lane), leaf, sets);
                }
            }
        }
    }

    fn offer(&mut self, key: f64, lane: usize, bit: u64, leaf: usize, sets: &[&Subset]) {
        let row = self.descent.tree.rows[lane];
        if row == self.except {
            return;
        }
        for (best, set) in self.best.iter_mut().zip(sets) {
            if set.words[leaf] & bit != 0 && key <= best.cut() {
                best.offer(key, row);
            }
        }
        self.update_cut();
    }

    /// Keys of a chunk whose rows have every column of the point; `None` when all are above the cut. The additions are
    /// those of [`keys`](Self::keys).
    fn full_keys(&self, chunk: usize) -> Option<[f64; LANES]> {
        let values = self.descent.tree.chunk(chunk);
        let mut sums = [0.0; LANES];
        for part in self.present.chunks(STRIDE) {
            if self.index.plain {
                for &(column, value, _) in part {
                    add(&mut sums, &values[column], |x| (x - value) * (x - value));
                }
            } else {
                for &(column, value, term) in part {
                    match term {
                        Term::Square { weight, inverse } => add(&mut sums, &values[column], |x| {
                            let x = (x - value) * inverse;
                            weight * (x * x)
                        }),
                        Term::Absolute { weight } => {
                            add(&mut sums, &values[column], |x| weight * (x - value).abs());
                        }
                        Term::Range { weight, inverse } => add(&mut sums, &values[column], |x| {
                            weight * below_one((x - value).abs() * inverse)
                        }),
                        Term::Differs { cost, .. } => {
                            add(&mut sums, &values[column], |x| if x == value { 0.0 } else { cost });
                        }
                        Term::Constant { cost } => sums.iter_mut().for_each(|sum| *sum += cost),
                    }
                }
            }
            if !any_within(&sums, self.limit) {
                return None;
            }
        }
        Some(sums.map(|sum| self.key(sum, self.weight)))
    }

    /// A point that has all that this one has, or whose gaps cost, needs no scaling, and has the sum itself for its key.
    #[inline(always)]
    fn key(&self, sum: f64, weight: f64) -> f64 {
        if weight == self.index.scale { sum } else { sum * self.index.scale / weight }
    }

    /// Keys of a chunk with gaps: what is not there adds what a gap costs, or nothing, and then does not count.
    fn keys(&self, chunk: usize) -> Option<[f64; LANES]> {
        let values = self.descent.tree.chunk(chunk);
        let gaps = self.index.space.gaps.as_deref();
        let (mut sums, mut weights) = ([0.0; LANES], [0.0; LANES]);
        for part in self.present.chunks(STRIDE) {
            for &(column, value, term) in part {
                let lanes = &values[column];
                let counts = (term.weight(), gaps.map_or(0.0, |gaps| gaps[column]));
                match term {
                    _ if self.index.plain => {
                        add_there(&mut sums, &mut weights, lanes, (1.0, 0.0), |x| (x - value) * (x - value));
                    }
                    Term::Square { weight, inverse } => {
                        add_there(&mut sums, &mut weights, lanes, counts, |x| {
                            let x = (x - value) * inverse;
                            weight * (x * x)
                        });
                    }
                    Term::Absolute { weight } => {
                        add_there(&mut sums, &mut weights, lanes, counts, |x| weight * (x - value).abs());
                    }
                    Term::Range { weight, inverse } => {
                        add_there(&mut sums, &mut weights, lanes, counts, |x| {
                            weight * below_one((x - value).abs() * inverse)
                        });
                    }
                    Term::Differs { cost, .. } => {
                        add_there(
                            &mut sums,
                            &mut weights,
                            lanes,
                            counts,
                            |x| {
                                if x == value { 0.0 } else { cost }
                            },
                        )
                    }
                    Term::Constant { cost } => sums.iter_mut().for_each(|sum| *sum += cost),
                }
            }
            if !any_within(&sums, self.limit) {
                return None;
            }
        }
        if gaps.is_some() {
            return Some(sums);
        }
        let mut keys = [f64::NAN; LANES];
        for lane in 0..LANES {
            // No weight is 0 / 0.
            keys[lane] = self.key(sums[lane], weights[lane]);
        }
        Some(keys)
    }
}

/// Whether some sum is not above the limit; pads are NaN, and are none.
#[inline(always)]
fn any_within(sums: &[f64; LANES], limit: f64) -> bool {
    sums.iter().fold(false, |any, &sum| any | (sum <= limit))
}

/// As [`add`], and what a gap costs in a gap; `counts` is the weight of what is there, and this cost.
#[inline(always)]
fn add_there(
    sums: &mut [f64; LANES],
    weights: &mut [f64; LANES],
    lanes: &[f64; LANES],
    (weight, gap): (f64, f64),
    term: impl Fn(f64) -> f64,
) {
    for lane in 0..LANES {
        let x = lanes[lane];
        let there = if x.is_nan() { 0 } else { u64::MAX };
        sums[lane] += f64::from_bits(term(x).to_bits() & there | gap.to_bits() & !there);
        weights[lane] += f64::from_bits(weight.to_bits() & there);
    }
}

#[inline(always)]
fn add(sums: &mut [f64; LANES], lanes: &[f64; LANES], term: impl Fn(f64) -> f64) {
    for lane in 0..LANES {
        sums[lane] += term(lanes[lane]);
    }
}

/// As `min(1)`, in one instruction, since NaN does not come here or does not matter.
#[inline(always)]
fn below_one(x: f64) -> f64 {
    if x < 1.0 { x } else { 1.0 }
}

fn subset<'s>(descent: &'s Descent, donors: &Donors<'s>) -> Result<&'s Subset> {
    match *donors {
        Donors::All => Ok(&descent.everywhere),
        Donors::Observed(column) => match descent.observed.get(column) {
            Some(set) => Ok(set.as_ref().unwrap_or(&descent.everywhere)),
            None => {
                let expected = format!("a column below {}", descent.observed.len());
                Err(Error::shape("the donors", expected, column))
            }
        },
        Donors::Among(set) if set.nodes.len() == descent.tree.nodes.len() => Ok(set),
        Donors::Among(_) => Err(Error::shape("the donors", "a subset of this index", "of another")),
    }
}

fn has(descent: &Descent, set: &Subset, lane: usize) -> bool {
    let (chunk, leaves) = (lane / LANES, &descent.tree.leaves);
    let leaf = leaves.partition_point(|leaf| leaf.first_chunk <= chunk).saturating_sub(1);
    let at = lane - leaves[leaf].first_chunk * LANES;
    set.words[leaf] >> at & 1 == 1
}

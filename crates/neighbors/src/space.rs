//! What a metric makes of points: the coordinates that are searched, and what each adds to a distance.

use std::collections::{BTreeMap, BTreeSet};

use mlsys_core::{Coded, Error, Result};

use crate::metric::Term;
use crate::{Metric, Points};

#[derive(Debug)]
pub(crate) struct Space {
    /// A coordinate each.
    pub terms: Vec<Term>,
    /// What a gap adds, a coordinate each; `None` where gaps are left out.
    pub gaps: Option<Vec<f64>>,
    view: View,
}

/// How a point's columns become coordinates.
#[derive(Debug)]
enum View {
    /// They are the coordinates.
    Columns,
    /// Divided by the length of the point; the roots of the weights. One more coordinate tells zeros.
    Direction(Vec<f64>),
    /// Class shares in place of categories, and the number in place of a number.
    Classes(Vec<Option<Shares>>),
}

/// P(class | category) of one column.
#[derive(Debug)]
struct Shares {
    /// Ascending.
    codes: Vec<u32>,
    /// `classes` of each code.
    shares: Vec<f64>,
    classes: usize,
}

impl Space {
    pub fn new(
        points: &Points,
        metric: Metric,
        weights: Option<&[f64]>,
        labels: Option<&[u32]>,
    ) -> Result<Self> {
        let columns = points.n_columns();
        if columns == 0 {
            return Err(Error::shape("the points", "one column or more", 0));
        }
        if let Some(weights) = weights {
            if weights.len() != columns {
                return Err(Error::shape("the weights of columns", columns, weights.len()));
            }
            if let Some(bad) = weights.iter().find(|w| !(w.is_finite() && **w > 0.0)) {
                return Err(Error::invalid_value("weights", None, bad, "finite and above 0"));
            }
        }
        let weights = weights.map_or_else(|| vec![1.0; columns], <[f64]>::to_vec);
        if !weights.iter().sum::<f64>().is_finite() {
            let total = weights.iter().sum::<f64>();
            return Err(Error::invalid_value("weights", None, total, "weights with a finite sum"));
        }
        if let Some(labels) = labels {
            check_labels(points, labels)?;
        }
        let numeric = (0..columns).filter(|&c| !points.is_categorical(c)).count();
        match metric {
            Metric::NanEuclidean | Metric::Euclidean | Metric::Manhattan | Metric::Cosine
                if numeric < columns =>
            {
                let what = "a Euclidean, Manhattan or cosine distance over categories (encode them, or use `Metric::Gower`)";
                return Err(Error::unsupported(what));
            }
            Metric::SmoteNc if numeric == 0 => {
                let what = "`Metric::SmoteNc` over categories alone (use `Metric::Hvdm` or `Metric::Gower`)";
                return Err(Error::unsupported(what));
            }
            _ => {}
        }
        metric.check(points)?;
        Ok(match metric {
            Metric::Cosine => Self::directions(&weights),
            Metric::Hvdm => {
                let Some(labels) = labels else {
                    let what = "`Metric::Hvdm` without class labels (see `NeighborIndex::labelled`)";
                    return Err(Error::unsupported(what));
                };
                Self::classes(points, &weights, labels)
            }
            _ => Self::columns(points, metric, &weights),
        })
    }

    fn columns(points: &Points, metric: Metric, weights: &[f64]) -> Self {
        let typical = if metric == Metric::SmoteNc { median_deviation(points) } else { 1.0 };
        let term = |(column, &weight): (usize, &f64)| match (metric, points.is_categorical(column)) {
            (Metric::Gower, false) => {
                Term::Range { weight, inverse: inverse_range(points.column(column)).unwrap_or(f64::MAX) }
            }
            (Metric::Heom, false) => scaled(weight, inverse_range(points.column(column))),
            (Metric::Manhattan, _) => Term::Absolute { weight },
            (_, false) => Term::Square { weight, inverse: 1.0 },
            (_, true) => Term::Differs { weight, cost: weight * (typical * typical) },
        };
        let terms = weights.iter().enumerate().map(term).collect();
        let gaps = (metric == Metric::Heom).then(|| weights.to_vec());
        Self { terms, gaps, view: View::Columns }
    }

    fn directions(weights: &[f64]) -> Self {
        // |u − v|² / 2 = 1 − u v of unit vectors, without its cancellation; zeros get an axis of their own.
        let terms = vec![Term::Square { weight: 0.5, inverse: 1.0 }; weights.len() + 1];
        let roots = weights.iter().map(|w| w.sqrt()).collect();
        Self { terms, gaps: None, view: View::Direction(roots) }
    }

    fn classes(points: &Points, weights: &[f64], labels: &[u32]) -> Self {
        let classes: Vec<u32> = labels.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        // Of two classes one share tells the other: their squares are equal.
        let (kept, factor) = if classes.len() == 2 { (1, 2.0) } else { (classes.len().max(1), 1.0) };
        let (mut terms, mut gaps, mut views) = (Vec::new(), Vec::new(), Vec::new());
        for (column, &weight) in weights.iter().enumerate() {
            let values = points.column(column);
            if points.is_categorical(column) {
                terms.extend(vec![Term::Square { weight: factor * weight, inverse: 1.0 }; kept]);
                // Once for all of a column's coordinates.
                gaps.extend((0..kept).map(|class| if class == 0 { weight } else { 0.0 }));
                views.push(Some(Shares::new(values, labels, &classes, kept)));
            } else {
                terms.push(scaled(weight, inverse(4.0 * deviation(values))));
                gaps.push(weight);
                views.push(None);
            }
        }
        Self { terms, gaps: Some(gaps), view: View::Classes(views) }
    }

    /// The coordinates of a point.
    pub fn map(&self, point: &[f64], out: &mut Vec<f64>) {
        out.clear();
        match &self.view {
            View::Columns => out.extend_from_slice(point),
            View::Direction(roots) => direction(point, roots, out),
            View::Classes(columns) => {
                for (value, shares) in point.iter().zip(columns) {
                    match shares {
                        None => out.push(*value),
                        Some(shares) => shares.write(*value, out),
                    }
                }
            }
        }
    }

    /// The coordinates of all points.
    pub fn points(&self, points: &Points) -> Result<Points> {
        if matches!(self.view, View::Columns) {
            return Ok(points.clone());
        }
        let mut columns = vec![Vec::with_capacity(points.n_rows()); self.terms.len()];
        let (mut point, mut mapped) = (Vec::new(), Vec::new());
        for row in 0..points.n_rows() {
            points.row(row, &mut point);
            self.map(&point, &mut mapped);
            columns.iter_mut().zip(&mapped).for_each(|(column, &x)| column.push(x));
        }
        columns.into_iter().try_fold(Points::new(points.n_rows())?, Points::numbers)
    }
}

impl Shares {
    fn new(values: &[f64], labels: &[u32], classes: &[u32], kept: usize) -> Self {
        let mut counts: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (value, label) in values.iter().zip(labels).filter(|(value, _)| !value.is_nan()) {
            let count = counts.entry(*value as u32).or_insert_with(|| vec![0; classes.len()]);
            count[classes.partition_point(|class| class < label)] += 1;
        }
        let mut shares = Vec::with_capacity(counts.len() * kept);
        for count in counts.values() {
            let total: f64 = count.iter().copied().map(f64::from).sum();
            shares.extend(count[..kept].iter().map(|&n| f64::from(n) / total));
        }
        Self { codes: counts.into_keys().collect(), shares, classes: kept }
    }

    /// The shares of a code, and gaps for one that is not known.
    fn write(&self, value: f64, out: &mut Vec<f64>) {
        let known = if value.is_nan() { None } else { self.codes.binary_search(&(value as u32)).ok() };
        match known {
            Some(at) => out.extend_from_slice(&self.shares[at * self.classes..][..self.classes]),
            None => out.extend(std::iter::repeat_n(f64::NAN, self.classes)),
        }
    }
}

fn direction(point: &[f64], roots: &[f64], out: &mut Vec<f64>) {
    // Divided by the largest first, so that no square overflows, and multiples of a point have the same bits.
    let largest = point.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    if largest == 0.0 {
        out.extend(point.iter().map(|_| 0.0));
        out.push(1.0);
        return;
    }
    out.extend(point.iter().zip(roots).map(|(x, root)| x / largest * root));
    let length = out.iter().map(|x| x * x).sum::<f64>().sqrt();
    out.iter_mut().for_each(|x| *x /= length);
    out.push(0.0);
}

fn check_labels(points: &Points, labels: &[u32]) -> Result<()> {
    if labels.len() != points.n_rows() {
        return Err(Error::shape("the labels", points.n_rows(), labels.len()));
    }
    match labels.iter().position(|&label| label == Coded::MISSING) {
        Some(row) => Err(Error::invalid_value("labels", Some(row), "missing", "a class for each row")),
        None => Ok(()),
    }
}

/// Differences in a unit; without a unit any difference is one.
fn scaled(weight: f64, inverse: Option<f64>) -> Term {
    match inverse {
        Some(inverse) => Term::Square { weight, inverse },
        None => Term::Differs { weight, cost: weight },
    }
}

/// `None` without a range.
fn inverse_range(values: &[f64]) -> Option<f64> {
    let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| {
        (if x < low { x } else { low }, if x > high { x } else { high })
    });
    // Halves, since the range itself may be beyond a double.
    let half = high / 2.0 - low / 2.0;
    (half > 0.0).then(|| (0.5 / half).min(f64::MAX))
}

fn inverse(unit: f64) -> Option<f64> {
    (unit > 0.0).then(|| (1.0 / unit).clamp(f64::MIN_POSITIVE, f64::MAX))
}

/// The standard deviation of the values that are there, over their number; 0 of none.
fn deviation(values: &[f64]) -> f64 {
    let there = || values.iter().copied().filter(|x| !x.is_nan());
    // In units of the largest, so that no square overflows, and equal values have none at all.
    let largest = there().fold(0.0, |most: f64, x| most.max(x.abs()));
    if largest == 0.0 {
        return 0.0;
    }
    let n = there().count() as f64;
    let mean = there().map(|x| x / largest).sum::<f64>() / n;
    let squares: f64 = there().map(|x| (x / largest - mean) * (x / largest - mean)).sum();
    (squares / n).sqrt() * largest
}

/// The median of the numeric columns' standard deviations, the mean of the middle two of an even number.
fn median_deviation(points: &Points) -> f64 {
    let numeric = (0..points.n_columns()).filter(|&column| !points.is_categorical(column));
    let mut all: Vec<f64> = numeric.map(|column| deviation(points.column(column))).collect();
    all.sort_unstable_by(f64::total_cmp);
    match (all.get(all.len().saturating_sub(1) / 2), all.get(all.len() / 2)) {
        (Some(low), Some(high)) => low / 2.0 + high / 2.0,
        _ => 0.0,
    }
}

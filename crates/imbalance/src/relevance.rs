//! How much the values of a continuous target matter.

use mlsys_core::{Dataset, Error, Result, Train};
use serde::{Deserialize, Serialize};

/// Which end of a target matters, as far as the boxplot has values beyond its whiskers there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extremes {
    /// Either.
    #[default]
    Both,
    /// Low values.
    Low,
    /// High values.
    High,
}

/// A value that the relevance goes through.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlPoint {
    /// The value of the target.
    pub value: f64,
    /// Its relevance, 0 to 1.
    pub relevance: f64,
    /// How fast that changes there.
    pub slope: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Points {
    Boxplot { extremes: Extremes, whiskers: f64 },
    Given(Vec<ControlPoint>),
}

/// How much each value of a continuous target matters, 0 to 1: a smooth curve through control points, monotone between them.
///
/// `φ(y) = a + s (m + s (c + s d))`, `s = y − x`, on the segment from the control point x with relevance a and slope m
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `extremes` | `Both` | | which whiskers have relevance 1 |
/// | `whiskers` | 1.5 | above 0 | how many interquartile ranges they reach beyond the hinges |
///
/// The control points are those of the boxplot: relevance 0 at the median, 1 at the last value within a whisker (and beyond), if there
/// are values beyond it; else 0 at the end. Or yours, by [`through`](Self::through): two or more values with a relevance each.
///
/// **Input**: a target of finite numbers, without gaps; rows of weight 0 do not count. **Output**: [`FittedRelevance`]; outside its points
/// the relevance is that of the nearest. Slopes are made smaller where the curve would not be monotone. **Complexity**: one sort.
/// **Errors**: [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter); [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows)
/// without rows; [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) where a whisker ends at the median, since the values in the
/// middle are equal: give points.
///
/// ```
/// use mlsys_imbalance::{Extremes, Relevance};
///
/// // Hinges 2 and 5, whiskers to 1 and 6: 30 is beyond.
/// let delays = [1.0, 2.0, 2.0, 3.0, 4.0, 4.0, 5.0, 6.0, 30.0];
/// let relevance = Relevance::new().extremes(Extremes::High).of_values(&delays)?;
/// assert_eq!([1.0, 4.0, 5.0, 6.0, 30.0].map(|y| relevance.at(y)), [0.0, 0.0, 0.5, 1.0, 1.0]);
/// let given = Relevance::through([(0.0, 0.0), (16.0, 1.0)]).of_values(&delays)?;
/// assert_eq!(given.at(8.0), 0.5);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: rare is not the same as relevant. Where you know from which value on a mistake costs, say so.
///
/// Ribeiro, *Utility-based regression*, 2011, section 3.2; Fritsch and Carlson, *Monotone piecewise cubic interpolation*, 1980; slopes at
/// points without any are those of R's UBL: 0 at both ends, the mean of both sides elsewhere. Where the curve turns they are 0 here, and
/// not in UBL, whose relevance goes below 0 there. Hinges are Tukey's, as in R; the Python
/// package smogn has others for 4 n + 2 values, and relevance 1 below the lowest point, whatever that has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is used"]
pub struct Relevance {
    points: Points,
}

impl Default for Relevance {
    fn default() -> Self {
        Self { points: Points::Boxplot { extremes: Extremes::Both, whiskers: 1.5 } }
    }
}

const NAME: &str = "Relevance";

impl Relevance {
    /// Of values beyond the whiskers of a boxplot, at both ends.
    pub fn new() -> Self {
        Self::default()
    }

    /// Through these values and their relevances, with slopes of 0 at both ends and the mean of both sides elsewhere.
    pub fn through(points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let mut points: Vec<(f64, f64)> = points.into_iter().collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let side = |a: (f64, f64), b: (f64, f64)| (b.1 - a.1) / (b.0 - a.0);
        let slope = |at: usize| match points.get(at.wrapping_sub(1)..at.saturating_add(2)) {
            Some(&[a, b, c]) => (side(a, b) + side(b, c)) / 2.0,
            _ => 0.0,
        };
        let point = |(at, &(value, relevance)): (usize, &(f64, f64))| ControlPoint {
            value,
            relevance,
            slope: slope(at),
        };
        Self::through_points(points.iter().enumerate().map(point).collect::<Vec<_>>())
    }

    /// Through these points, by slopes of your own.
    pub fn through_points(points: impl IntoIterator<Item = ControlPoint>) -> Self {
        let mut points: Vec<ControlPoint> = points.into_iter().collect();
        points.sort_by(|a, b| a.value.total_cmp(&b.value));
        Self { points: Points::Given(points) }
    }

    /// Which ends matter. Of a boxplot; points that were given go.
    pub fn extremes(mut self, extremes: Extremes) -> Self {
        let whiskers = if let Points::Boxplot { whiskers, .. } = self.points { whiskers } else { 1.5 };
        self.points = Points::Boxplot { extremes, whiskers };
        self
    }

    /// How many interquartile ranges whiskers reach. Of a boxplot; points that were given go.
    pub fn whiskers(mut self, whiskers: f64) -> Self {
        let extremes =
            if let Points::Boxplot { extremes, .. } = self.points { extremes } else { Extremes::Both };
        self.points = Points::Boxplot { extremes, whiskers };
        self
    }

    /// The relevance of a dataset's target.
    ///
    /// # Errors
    ///
    /// Those of the type, and of [`Dataset::target_values`].
    pub fn of(&self, train: &Dataset<Train>) -> Result<FittedRelevance> {
        let (values, weights) = (train.target_values(NAME)?, train.weights()?);
        let counts = |row: usize| weights.as_ref().is_none_or(|weights| weights[row] > 0.0);
        let counted: Vec<f64> = (0..values.len()).filter(|&row| counts(row)).map(|row| values[row]).collect();
        self.of_values(&counted)
    }

    /// The relevance of values.
    ///
    /// # Errors
    ///
    /// Those of the type; [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for one that is not finite.
    pub fn of_values(&self, values: &[f64]) -> Result<FittedRelevance> {
        if let Some(at) = values.iter().position(|x| !x.is_finite()) {
            return Err(Error::invalid_value("target", Some(at), values[at], "finite"));
        }
        let points = match &self.points {
            Points::Given(points) => given(points)?,
            &Points::Boxplot { extremes, whiskers } => boxplot(values, extremes, whiskers)?,
        };
        Ok(FittedRelevance { points: monotone(points) })
    }
}

fn given(points: &[ControlPoint]) -> Result<Vec<ControlPoint>> {
    let refused =
        |value: String, expected: &str| Err(Error::invalid_parameter(NAME, "points", value, expected));
    if points.len() < 2 {
        return refused(format!("{} of them", points.len()), "two or more");
    }
    for point in points {
        if !point.value.is_finite() || !point.slope.is_finite() {
            return refused(format!("{} with slope {}", point.value, point.slope), "different finite values");
        }
        if !(0.0..=1.0).contains(&point.relevance) {
            return refused(point.relevance.to_string(), "relevances from 0 to 1");
        }
    }
    match points.windows(2).find(|pair| pair[0].value >= pair[1].value || apart(pair).is_infinite()) {
        Some(pair) => refused(
            format!("{} and {}", pair[0].value, pair[1].value),
            "ascending values, less than 1e308 apart",
        ),
        None => Ok(points.to_vec()),
    }
}

fn apart(pair: &[ControlPoint]) -> f64 {
    pair[1].value - pair[0].value
}

fn boxplot(values: &[f64], extremes: Extremes, whiskers: f64) -> Result<Vec<ControlPoint>> {
    if !(whiskers > 0.0 && whiskers.is_finite()) {
        return Err(Error::invalid_parameter(NAME, "whiskers", whiskers, "above 0, and finite"));
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (Some(&least), Some(&most)) = (sorted.first(), sorted.last()) else {
        return Err(Error::too_few_rows(1, 0, NAME));
    };
    // Tukey's five numbers: hinges are medians of halves, both with the middle.
    let n = sorted.len();
    let between = |twice: usize| sorted[twice / 2 - 1] / 2.0 + sorted[twice.div_ceil(2) - 1] / 2.0;
    let depth = n.midpoint(3);
    let (low, median, high) = (between(depth), between(n + 1), between(2 * n + 2 - depth));
    let reach = whiskers * (high - low);
    let within = |x: &&f64| **x >= low - reach && **x <= high + reach;
    let ends = sorted.iter().find(within).zip(sorted.iter().rev().find(within));
    let (&first, &last) = ends.unwrap_or((&least, &most));
    let point = |value: f64, relevance: f64| ControlPoint { value, relevance, slope: 0.0 };
    let mut points = vec![match extremes {
        Extremes::Both | Extremes::Low if least < first => point(first, 1.0),
        _ => point(least, 0.0),
    }];
    if median != least {
        points.push(point(median, 0.0));
    }
    match extremes {
        Extremes::Both | Extremes::High if most > last => points.push(point(last, 1.0)),
        _ if median != most => points.push(point(most, 0.0)),
        _ => {}
    }
    match points.windows(2).find(|pair| pair[0].value >= pair[1].value || apart(pair).is_infinite()) {
        Some(pair) => {
            let expected = "a whisker away from the median (give `Relevance::through` points instead)";
            Err(Error::invalid_value(
                "target",
                None,
                format!("the median and whisker {}", pair[0].value),
                expected,
            ))
        }
        None => Ok(points),
    }
}

/// Makes slopes small enough for the curve to be monotone between points.
fn monotone(mut points: Vec<ControlPoint>) -> Vec<ControlPoint> {
    let rise = |a: &ControlPoint, b: &ControlPoint| (b.relevance - a.relevance) / (b.value - a.value);
    for at in 1..points.len() {
        let [a, b] = &mut points[at - 1..=at] else { continue };
        let rise = rise(a, b);
        if rise == 0.0 {
            (a.slope, b.slope) = (0.0, 0.0);
            continue;
        }
        for slope in [&mut a.slope, &mut b.slope] {
            if *slope / rise < 0.0 {
                *slope = -*slope;
            }
        }
        lessen(a, b, rise);
    }
    // What one side needed need not do for the other: where the curve turns it is flat.
    for at in 1..points.len().saturating_sub(1) {
        if rise(&points[at - 1], &points[at]) * rise(&points[at], &points[at + 1]) < 0.0 {
            points[at].slope = 0.0;
        }
    }
    for _ in 0..points.len() {
        let lessened = (1..points.len()).filter(|&at| match &mut points[at - 1..=at] {
            [a, b] => {
                let rise = rise(a, b);
                rise != 0.0 && lessen(a, b, rise)
            }
            _ => false,
        });
        if lessened.count() == 0 {
            break;
        }
    }
    points
}

/// Makes the slopes on both sides smaller if they are too large; whether they were.
fn lessen(a: &mut ControlPoint, b: &mut ControlPoint, rise: f64) -> bool {
    let (alpha, beta) = (a.slope / rise, b.slope / rise);
    let (first, second) = (2.0 * alpha + beta - 3.0, alpha + 2.0 * beta - 3.0);
    let too_large = first > 0.0 && second > 0.0 && alpha * (first + second) < first * first;
    if too_large {
        let tau = 3.0 * rise / (alpha * alpha + beta * beta).sqrt();
        (a.slope, b.slope) = (tau * alpha, tau * beta);
    }
    too_large
}

/// The relevance of the values of a target. Made by [`Relevance`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct FittedRelevance {
    points: Vec<ControlPoint>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    points: Vec<ControlPoint>,
}

impl TryFrom<Stored> for FittedRelevance {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        match stored.points.len() {
            // Of one value there is one.
            1 => {
                given(&[stored.points[0], ControlPoint { value: f64::MAX, ..stored.points[0] }]).map(drop)?
            }
            _ => drop(given(&stored.points)?),
        }
        Ok(Self { points: stored.points })
    }
}

impl FittedRelevance {
    /// The points, ascending, with slopes that make the curve monotone.
    pub fn points(&self) -> &[ControlPoint] {
        &self.points
    }

    /// The relevance of a value, 0 to 1; NaN of NaN.
    pub fn at(&self, value: f64) -> f64 {
        if value.is_nan() {
            return value;
        }
        let after = self.points.partition_point(|point| point.value <= value);
        let (before, after) =
            (after.checked_sub(1).and_then(|at| self.points.get(at)), self.points.get(after));
        let relevance = match (before, after) {
            (Some(a), Some(b)) => {
                let h = b.value - a.value;
                let rise = (b.relevance - a.relevance) / h;
                let c = (3.0 * rise - 2.0 * a.slope - b.slope) / h;
                let d = (a.slope - 2.0 * rise + b.slope) / (h * h);
                let s = value - a.value;
                a.relevance + s * (a.slope + s * (c + s * d))
            }
            (Some(end), None) | (None, Some(end)) => end.relevance,
            (None, None) => 0.0,
        };
        // By a rounding error beyond; not a number where squares are none.
        if relevance.is_nan() { before.map_or(0.0, |a| a.relevance) } else { relevance.clamp(0.0, 1.0) }
    }

    /// The relevance of each value.
    pub fn of(&self, values: &[f64]) -> Vec<f64> {
        values.iter().map(|&value| self.at(value)).collect()
    }
}

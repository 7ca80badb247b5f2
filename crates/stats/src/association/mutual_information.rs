//! Mutual information with numbers, from nearest neighbours.

use mlsys_core::{Coded, Error, ErrorKind, Result, seed};
use rayon::prelude::*;

use super::nearest::{in_the_plane, on_a_line, within};
use super::{complete, enough};

/// What is done about equal numbers, which the estimators do not expect: they assume densities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    /// Normal noise of 1e-10 of the size of the values tells them apart, as in scikit-learn; this is its seed.
    Jitter(u64),
    /// Nothing: many ties pull the estimate down, to 0 in the end.
    Keep,
}

impl Default for Ties {
    fn default() -> Self {
        Self::Jitter(seed::DEFAULT_SEED)
    }
}

/// Scaled to a deviation of one, with noise.
fn prepared(values: &[f64], ties: Ties, stream: u64) -> Vec<f64> {
    let n = values.len() as f64;
    let mean = values.iter().map(|x| x / n).sum::<f64>();
    let deviation = values.iter().map(|x| (x - mean) * (x - mean) / n).sum::<f64>().sqrt();
    let scale = if deviation > 0.0 && deviation.is_finite() { deviation } else { 1.0 };
    let mut scaled: Vec<f64> = values.iter().map(|x| x / scale).collect();
    if let Ties::Jitter(seed) = ties {
        let size = 1e-10 * scaled.iter().map(|x| x.abs() / n).sum::<f64>().max(1.0);
        let mut rng = seed::stream(seed, stream);
        // Box and Muller's transform.
        let mut normal = || {
            let radius = (-2.0 * (1.0 - seed::uniform(&mut rng)).ln()).sqrt();
            radius * (std::f64::consts::TAU * seed::uniform(&mut rng)).cos()
        };
        scaled.iter_mut().for_each(|x| *x += size * normal());
    }
    scaled
}

/// ψ(0), ψ(1), .. ψ(n), by ψ(m + 1) = ψ(m) + 1/m; the first is never asked for.
fn digammas(n: usize) -> Vec<f64> {
    const EULER: f64 = 0.577_215_664_901_532_9;
    let mut all = Vec::with_capacity(n + 1);
    all.push(f64::NAN);
    let mut last = -EULER;
    for m in 1..=n.max(1) {
        all.push(last);
        last += 1.0 / m as f64;
    }
    all
}

fn check_k(k: usize, estimator: &str) -> Result<()> {
    if (1..=1_000).contains(&k) {
        return Ok(());
    }
    Err(Error::invalid_parameter(estimator, "k", k, "1 to 1000"))
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// The largest radius that leaves the k-th neighbour out.
fn just_below(radius: f64) -> f64 {
    if radius > 0.0 { radius.next_down() } else { 0.0 }
}

/// The mutual information of two numbers in nats, from the `k` nearest neighbours of each row.
///
/// ```text
/// I = ψ(k) + ψ(n) − ⟨ψ(n_x) + ψ(n_y)⟩
/// ```
/// where `n_x` counts the rows whose x lies nearer than the k-th neighbour in the plane does, the row itself
/// included. Negative estimates are 0. Columns are scaled to a deviation of one first. 3 is the usual `k`: more
/// lowers the variance and raises the bias.
///
/// Rows with a missing value are left out. O(n √n) time for spread-out values, O(n²) where one value fills much of
/// both columns (amounts that are mostly 0): sample the rows first.
///
/// # Errors
///
/// [`Shape`](ErrorKind::Shape), [`NonFinite`](ErrorKind::NonFinite),
/// [`TooFewRows`](ErrorKind::TooFewRows) unless there are more than `k` rows,
/// [`InvalidParameter`](ErrorKind::InvalidParameter) for a `k` outside 1 to 1000.
///
/// ```
/// use mlsys_stats::association::{Ties, mutual_information_knn};
/// let x: Vec<f64> = (0..500).map(|i| f64::from(i * 7919 % 1009)).collect();
/// let y: Vec<f64> = x.iter().map(|x| x * x).collect();
/// assert!(mutual_information_knn(&x, &y, 3, Ties::Keep)? > 3.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Alexander Kraskov, Harald Stögbauer, Peter Grassberger, *Estimating mutual information*, 2004, equation 8.
pub fn mutual_information_knn(x: &[f64], y: &[f64], k: usize, ties: Ties) -> Result<f64> {
    check_k(k, "mutual_information_knn")?;
    let (x, y) = complete(x, y)?;
    let n = x.len();
    enough(n, k + 1, "mutual information from neighbours")?;
    let (x, y) = (prepared(&x, ties, 0), prepared(&y, ties, 1));
    let (sorted_x, sorted_y) = (sorted(&x), sorted(&y));
    // The sweep goes along the column with fewer ties.
    let distinct = |sorted: &[f64]| sorted.windows(2).filter(|pair| pair[1] - pair[0] > 1e-9).count();
    let radii = if distinct(&sorted_x) >= distinct(&sorted_y) {
        in_the_plane(&x, &y, k)
    } else {
        in_the_plane(&y, &x, k)
    };
    let psi = digammas(n);
    let terms: Vec<f64> = (0..n)
        .into_par_iter()
        .with_min_len(512)
        .map(|row| {
            let radius = just_below(radii[row]);
            psi[within(&sorted_x, x[row], radius)] + psi[within(&sorted_y, y[row], radius)]
        })
        .collect();
    let mean = terms.iter().sum::<f64>() / n as f64;
    Ok((psi[n] + psi[k] - mean).max(0.0))
}

/// The mutual information of a category and a number in nats, from the `k` nearest neighbours of each row in its
/// category.
///
/// ```text
/// I = ψ(n) + ⟨ψ(k)⟩ − ⟨ψ(n_c)⟩ − ⟨ψ(m)⟩
/// ```
/// where `n_c` is the size of the row's category and `m` counts the rows nearer than its k-th neighbour in it,
/// itself included. Categories of `k` rows or fewer use what they have, those of one row are left out. Negative
/// estimates are 0.
///
/// Rows with either missing are left out. O(n log n) time.
///
/// # Errors
///
/// As [`mutual_information_knn`]; at least one category must have two rows.
///
/// ```
/// use mlsys_core::{Coded, arrow::array::BooleanArray};
/// use mlsys_stats::association::{Ties, mutual_information_mixed};
/// let x: Vec<f64> = (0..2_000).map(|i| f64::from(i * 7919 % 2003).powf(1.1)).collect();
/// let above = BooleanArray::from(x.iter().map(|&x| x > 2_000.0).collect::<Vec<_>>());
/// let nats = mutual_information_mixed(&Coded::new("above", &above)?, &x, 3, Ties::Keep)?;
/// assert!((nats - 2.0f64.ln()).abs() < 0.02);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Brian Ross, *Mutual information between discrete and continuous data sets*, 2014.
pub fn mutual_information_mixed(categories: &Coded, values: &[f64], k: usize, ties: Ties) -> Result<f64> {
    check_k(k, "mutual_information_mixed")?;
    if categories.len() != values.len() {
        return Err(Error::shape("values", format!("{} rows", categories.len()), values.len()));
    }
    if let Some(row) = values.iter().position(|x| x.is_infinite()) {
        return Err(ErrorKind::NonFinite { column: "values".into(), row, value: values[row] }.into());
    }
    let mut sizes = vec![0usize; categories.distinct.len()];
    let rows =
        || categories.codes.iter().zip(values).filter(|(code, x)| **code != Coded::MISSING && !x.is_nan());
    rows().for_each(|(&code, _)| sizes[code as usize] += 1);
    let rows: Vec<(usize, f64)> =
        rows().map(|(&code, &x)| (code as usize, x)).filter(|(code, _)| sizes[*code] > 1).collect();
    enough(rows.len(), 2, "mutual information from neighbours within a category")?;
    let values = prepared(&rows.iter().map(|row| row.1).collect::<Vec<f64>>(), ties, 0);
    let all = sorted(&values);
    let mut groups: Vec<Vec<f64>> = sizes.iter().map(|&size| Vec::with_capacity(size)).collect();
    rows.iter().zip(&values).for_each(|(&(code, _), &x)| groups[code].push(x));
    let n = rows.len();
    let psi = digammas(n);
    let terms: Vec<f64> = groups
        .into_par_iter()
        .filter(|group| group.len() > 1)
        .map(|mut group| {
            group.sort_unstable_by(f64::total_cmp);
            let k = k.min(group.len() - 1);
            let radii = on_a_line(&group, k);
            let counts = group.iter().zip(radii).map(|(&x, radius)| psi[within(&all, x, just_below(radius))]);
            let near: f64 = counts.sum();
            (psi[k] - psi[group.len()]) * group.len() as f64 - near
        })
        .collect();
    Ok((psi[n] + terms.iter().sum::<f64>() / n as f64).max(0.0))
}

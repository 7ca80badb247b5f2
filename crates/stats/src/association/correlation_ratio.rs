//! The correlation ratio of a number and a category.

use mlsys_core::{Coded, Error, ErrorKind, Result};

use super::{constant, enough};

/// The correlation ratio `η = √(Σ n_c (ȳ_c − ȳ)² / Σ (y − ȳ)²)`: the share of a number's spread that a category
/// explains, as a root.
///
/// Between 0 and 1; rows with either missing are left out.
///
/// # Errors
///
/// As [`pearson`](super::pearson); a constant number has no spread.
///
/// ```
/// use mlsys_core::{Coded, arrow::array::StringArray};
/// let subject = Coded::new("subject", &StringArray::from(vec!["algebra", "algebra", "geometry", "geometry"]))?;
/// let eta = mlsys_stats::association::correlation_ratio(&subject, &[1.0, 3.0, 5.0, 7.0])?;
/// assert!((eta - (16.0f64 / 20.0).sqrt()).abs() < 1e-15);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// It grows with the number of categories by chance alone: a category per row gives 1.
pub fn correlation_ratio(categories: &Coded, values: &[f64]) -> Result<f64> {
    if categories.len() != values.len() {
        return Err(Error::shape("values", format!("{} rows", categories.len()), values.len()));
    }
    if let Some(row) = values.iter().position(|y| y.is_infinite()) {
        return Err(ErrorKind::NonFinite { column: "values".into(), row, value: values[row] }.into());
    }
    let rows =
        categories.codes.iter().zip(values).filter(|(code, y)| **code != Coded::MISSING && !y.is_nan());
    let rows: Vec<(usize, f64)> = rows.map(|(&code, &y)| (code as usize, y)).collect();
    enough(rows.len(), 2, "a correlation ratio")?;
    let n = rows.len() as f64;
    let first = rows[0].1;
    let mean = rows.iter().map(|row| row.1 - first).sum::<f64>() / n;
    let mut groups = vec![(0.0, 0.0); categories.distinct.len()];
    let mut spread = 0.0;
    // By the largest, so that squares neither overflow nor vanish.
    let largest = rows.iter().map(|row| ((row.1 - first) - mean).abs()).fold(0.0, f64::max);
    for &(code, y) in &rows {
        let d = ((y - first) - mean) / largest;
        spread += d * d;
        groups[code].0 += 1.0;
        groups[code].1 += d;
    }
    if rows.iter().all(|row| row.1 == first) {
        return Err(constant("values", "a correlation ratio"));
    }
    let between: f64 = groups.iter().filter(|g| g.0 > 0.0).map(|(n, sum)| sum * sum / n).sum();
    Ok((between / spread).sqrt().min(1.0))
}

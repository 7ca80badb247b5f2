//! A random share of each class for testing.

use mlsys_core::{Coded, Dataset, Error, Result, Split, Unsplit, seed};
use serde::{Deserialize, Serialize};

use crate::sizes::{rows_by_code, strata_in_bins, test_rows, too_small};

/// A random share of the rows for testing, with each class in the same proportion on both sides.
///
/// Class c gets ⌊n_c · n_test / n⌋ test rows, and the classes with the largest remainders one more each until there
/// are ⌈test_share · n⌉; of equal remainders the lower class comes first.
///
/// * `test_share`: 0.25; between 0 and 1.
/// * `column`: the single target, or another column of categories.
/// * `bins`: none; or numbers in this many [bins of equally many rows](crate::quantile_bins), 2 or more.
/// * `seed`: 0.
///
/// **Input**: a column without missing values, at least two rows per class, and as many rows on each side as there
/// are classes. **Output**: both sides, rows in their old order; a class's rows are drawn by its own stream of random
/// numbers, so that they do not depend on the other classes' rows. **Cost**: O(n). **Errors**: a share out of range,
/// missing values, a class of one row, sides smaller than the number of classes.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, Split, arrow::array::{BooleanArray, RecordBatch}};
/// use mlsys_sampling::StratifiedSplit;
///
/// let rare: BooleanArray = (0..100).map(|i| Some(i % 10 == 0)).collect();
/// let batch = RecordBatch::try_from_iter([("rare", Arc::new(rare) as _)])?;
/// let (train, test) = StratifiedSplit::new().test_share(0.2).split(Dataset::new(batch)?.target("rare")?)?;
/// let count = |mask: &mlsys_core::arrow::array::ArrayRef| {
///     mlsys_core::column::floats("rare", mask).map(|x| x.iter().sum::<f64>())
/// };
/// assert_eq!((count(train.column("rare")?)?, count(test.column("rare")?)?), (8.0, 2.0));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** as [`RandomSplit`](crate::RandomSplit) does when rows belong together. Class counts as scikit-learn's
/// `train_test_split(stratify=..)`, which breaks ties of remainders at random. **Instead**:
/// [`TimeSplit`](crate::TimeSplit) when the model will predict the future.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[must_use = "a splitter does nothing until it splits"]
pub struct StratifiedSplit {
    test_share: f64,
    column: Option<String>,
    bins: Option<usize>,
    seed: u64,
}

impl Default for StratifiedSplit {
    fn default() -> Self {
        Self { test_share: 0.25, column: None, bins: None, seed: seed::DEFAULT_SEED }
    }
}

impl StratifiedSplit {
    /// A quarter of each class of the target for testing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The share of the rows for testing.
    pub fn test_share(mut self, test_share: f64) -> Self {
        self.test_share = test_share;
        self
    }

    /// The column whose values are kept in proportion, instead of the target.
    pub fn column(mut self, column: impl Into<String>) -> Self {
        self.column = Some(column.into());
        self
    }

    /// Numbers as classes: this many bins of nearly equally many rows, for a target that is continuous.
    pub fn bins(mut self, bins: usize) -> Self {
        self.bins = Some(bins);
        self
    }

    /// Another seed, another split.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

const NAME: &str = "StratifiedSplit";

/// The training and the test rows, ascending: [`StratifiedSplit`] without a dataset.
///
/// ```
/// use mlsys_core::{Coded, arrow::array::StringArray};
///
/// let classes = Coded::new("class", &StringArray::from(vec!["a", "a", "a", "a", "b", "b"]))?;
/// let (train, test) = mlsys_sampling::stratified_split(&classes, 0.5, 7)?;
/// assert_eq!(test.iter().filter(|&&row| row >= 4).count(), 1);
/// # let _ = train;
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// As [`StratifiedSplit`].
pub fn stratified_split(classes: &Coded, test_share: f64, seed: u64) -> Result<(Vec<usize>, Vec<usize>)> {
    let n = classes.len();
    let n_test = test_rows(NAME, test_share, n)?;
    if classes.missing() > 0 {
        return Err(Error::invalid_value("classes", None, "missing", "a class for each row"));
    }
    let classes = classes.clone().sorted();
    let by_class = rows_by_code(&classes.codes);
    if let Some(class) = by_class.iter().position(|rows| rows.len() < 2) {
        return Err(too_small(NAME, &classes.distinct[class].to_string(), 2, by_class[class].len()));
    }
    let smaller = n_test.min(n - n_test);
    if smaller < by_class.len() {
        let why = format!("{NAME}: the smaller side, to have each of {} classes,", by_class.len());
        return Err(Error::too_few_rows(by_class.len(), smaller, why));
    }
    let counts: Vec<usize> = by_class.iter().map(Vec::len).collect();
    let test_counts = largest_remainder(&counts, n_test);
    let (mut train, mut test) = (Vec::with_capacity(n - n_test), Vec::with_capacity(n_test));
    for ((mut rows, n_test), class) in by_class.into_iter().zip(test_counts).zip(&classes.distinct) {
        seed::shuffle(&mut rows, &mut seed::named(seed, &class.to_string()));
        test.extend_from_slice(&rows[..n_test]);
        train.extend_from_slice(&rows[n_test..]);
    }
    train.sort_unstable();
    test.sort_unstable();
    Ok((train, test))
}

/// Divides `total` in proportion to the counts.
fn largest_remainder(counts: &[usize], total: usize) -> Vec<usize> {
    let n: u128 = counts.iter().map(|&c| c as u128).sum::<u128>().max(1);
    let product = |count: usize| count as u128 * total as u128;
    let mut shares: Vec<usize> = counts.iter().map(|&count| (product(count) / n) as usize).collect();
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|&class| std::cmp::Reverse(product(counts[class]) % n));
    let left = total - shares.iter().sum::<usize>();
    order.iter().take(left).for_each(|&class| shares[class] += 1);
    shares
}

impl Split for StratifiedSplit {
    fn rows(&self, data: &Dataset<Unsplit>) -> Result<(Vec<usize>, Vec<usize>)> {
        let classes = strata_in_bins(data, self.column.as_deref(), self.bins, NAME)?;
        stratified_split(&classes, self.test_share, self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remainders_decide_and_ties_go_to_the_first() {
        assert_eq!(largest_remainder(&[5, 5], 5), [3, 2]);
        assert_eq!(largest_remainder(&[10, 3, 7], 5), [2, 1, 2]);
        assert_eq!(largest_remainder(&[1, 9], 5), [1, 4]);
    }
}

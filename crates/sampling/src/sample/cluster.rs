//! Cluster sampling.

use mlsys_core::{Coded, Dataset, Error, ErrorKind, Partition, Result, seed};
use serde::{Deserialize, Serialize};

use super::simple::floyd;
use super::{Draw, Sample, check_size};

/// Whole groups of rows, each group with the chance `clusters / groups`.
///
/// | parameter | default | range |
/// |---|---|---|
/// | `column` | required | the group of each row |
/// | `clusters` | required | 1 to the groups there are |
/// | `seed` | 0 | any |
///
/// The weight of a row is `groups / clusters`. Missing groups are an error.
///
/// ```
/// use mlsys_core::{Coded, arrow::array::StringArray};
/// let plane = Coded::new("plane", &StringArray::from(vec!["a", "b", "a", "c", "b"]))?;
/// let sample = mlsys_sampling::sample::cluster_sample(&plane, 1, 3)?;
/// assert!([vec![0, 2], vec![1, 4], vec![3]].contains(&sample.rows));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Rows of a group resemble one another, so that an estimate varies more than from as many rows of a simple sample;
/// the number of rows varies too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[must_use = "a sampler does nothing until it draws"]
pub struct ClusterSample {
    column: String,
    clusters: usize,
    seed: u64,
}

impl ClusterSample {
    /// Takes that many groups of a column.
    pub fn new(column: impl Into<String>, clusters: usize) -> Self {
        Self { column: column.into(), clusters, seed: seed::DEFAULT_SEED }
    }

    /// The seed of the draws.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl Draw for ClusterSample {
    fn draw<P: Partition>(&self, data: &Dataset<P>) -> Result<Sample> {
        let groups = Coded::new(&self.column, data.column(&self.column)?)?;
        if groups.missing() > 0 {
            return Err(missing(&self.column, groups.missing()));
        }
        cluster_sample(&groups, self.clusters, self.seed)
    }
}

pub(super) fn missing(column: &str, count: usize) -> Error {
    let hint = "fill them, so that they are a group of their own, or drop the rows".into();
    ErrorKind::MissingValues { column: column.into(), count, hint }.into()
}

/// As [`ClusterSample`]. Groups are taken in the order of their values, so that the order of rows does not matter.
///
/// # Errors
///
/// [`MissingValues`](ErrorKind::MissingValues);
/// [`InvalidParameter`](ErrorKind::InvalidParameter) for no clusters;
/// [`TooFewRows`](ErrorKind::TooFewRows) for more than there are groups.
///
/// ```
/// use mlsys_core::{Coded, arrow::array::Int64Array};
/// let plane = Coded::new("plane", &Int64Array::from(vec![7, 8, 7, 8]))?;
/// let sample = mlsys_sampling::sample::cluster_sample(&plane, 1, 0)?;
/// assert!(sample.rows == [0, 2] || sample.rows == [1, 3]);
/// assert_eq!(sample.weights.unwrap(), [2.0, 2.0]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub fn cluster_sample(groups: &Coded, clusters: usize, seed: u64) -> Result<Sample> {
    if groups.missing() > 0 {
        return Err(missing("groups", groups.missing()));
    }
    if clusters == 0 {
        return Err(Error::invalid_parameter("ClusterSample", "clusters", clusters, "1 or more"));
    }
    let sorted = groups.clone().sorted();
    let n = sorted.distinct.len();
    check_size("ClusterSample (groups)", clusters, n)?;
    let mut taken = vec![false; n];
    floyd(n, clusters, &mut seed::stream(seed, 0)).into_iter().for_each(|group| taken[group] = true);
    let rows: Vec<usize> = (0..sorted.len()).filter(|&row| taken[sorted.codes[row] as usize]).collect();
    let weights = Some(vec![n as f64 / clusters as f64; rows.len()]);
    Ok(Sample { rows, weights })
}

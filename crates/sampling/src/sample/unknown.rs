//! Samples in which rows have no known chance: what is at hand, what someone chose, what fills quotas, what is linked.
//!
//! No weight puts such a sample right: estimates from it are biased by whatever made the rows come in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::{Category, Coded, Dataset, Error, Partition, Result, seed};

use super::cluster::missing;
use super::{Draw, Sample, check_size};

fn of_unknown_chance(rows: Vec<usize>) -> Sample {
    Sample { rows, weights: None }
}

/// The first rows.
///
/// **Bias**: whatever orders the table. The first rows of a log are the oldest, those of a crawl the most popular.
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{Int64Array, RecordBatch}};
/// use mlsys_sampling::sample::{ConvenienceSample, Draw};
/// let x = std::sync::Arc::new(Int64Array::from(vec![5, 6, 7]));
/// let data = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?;
/// assert_eq!(ConvenienceSample::new(2).draw(&data)?.rows, [0, 1]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a sampler does nothing until it draws"]
pub struct ConvenienceSample {
    size: usize,
}

impl ConvenienceSample {
    /// Takes that many rows.
    pub fn new(size: usize) -> Self {
        Self { size }
    }
}

impl Draw for ConvenienceSample {
    fn draw<P: Partition>(&self, data: &Dataset<P>) -> Result<Sample> {
        check_size("ConvenienceSample", self.size, data.n_rows())?;
        Ok(of_unknown_chance((0..self.size).collect()))
    }
}

type Chooses = Arc<dyn Fn(&RecordBatch) -> Result<Vec<bool>> + Send + Sync>;

/// The rows that a rule of yours chooses.
///
/// **Bias**: the one who judges. What an expert finds typical is less varied than what there is.
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{Int64Array, RecordBatch}};
/// use mlsys_sampling::sample::{Draw, JudgementSample};
/// let x = std::sync::Arc::new(Int64Array::from(vec![5, 6, 7]));
/// let data = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?;
/// let every_other = JudgementSample::new(|batch| Ok((0..batch.num_rows()).map(|row| row % 2 == 0).collect()));
/// assert_eq!(every_other.draw(&data)?.rows, [0, 2]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "a sampler does nothing until it draws"]
pub struct JudgementSample {
    chooses: Chooses,
}

impl std::fmt::Debug for JudgementSample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JudgementSample")
    }
}

impl JudgementSample {
    /// Takes the rows for which the rule says so; it answers for each row of the table.
    pub fn new(rule: impl Fn(&RecordBatch) -> Result<Vec<bool>> + Send + Sync + 'static) -> Self {
        Self { chooses: Arc::new(rule) }
    }
}

impl Draw for JudgementSample {
    fn draw<P: Partition>(&self, data: &Dataset<P>) -> Result<Sample> {
        let chosen = (self.chooses)(data.batch())?;
        if chosen.len() != data.n_rows() {
            return Err(Error::shape(
                "answers of JudgementSample",
                format!("{} rows", data.n_rows()),
                chosen.len(),
            ));
        }
        Ok(of_unknown_chance((0..chosen.len()).filter(|&row| chosen[row]).collect()))
    }
}

/// The first rows of each value of a column until its quota is full.
///
/// **Bias**: within each value it is a [`ConvenienceSample`]; only the shares of the values are as wanted. See
/// [`StratifiedSample`](super::StratifiedSample) for chance within them.
///
/// ```
/// use mlsys_core::{Coded, arrow::array::StringArray};
/// let answers = Coded::new("who", &StringArray::from(vec!["old", "old", "young", "old"]))?;
/// let sample = mlsys_sampling::sample::quota_sample(&answers, &[("old".into(), 1), ("young".into(), 1)])?;
/// assert_eq!(sample.rows, [0, 2]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a sampler does nothing until it draws"]
pub struct QuotaSample {
    column: String,
    quotas: Vec<(Category, usize)>,
}

impl QuotaSample {
    /// Takes so many rows of each of these values of a column, and none of others.
    pub fn new<C: Into<Category>>(
        column: impl Into<String>,
        quotas: impl IntoIterator<Item = (C, usize)>,
    ) -> Self {
        let quotas = quotas.into_iter().map(|(value, rows)| (value.into(), rows)).collect();
        Self { column: column.into(), quotas }
    }
}

impl Draw for QuotaSample {
    fn draw<P: Partition>(&self, data: &Dataset<P>) -> Result<Sample> {
        quota_sample(&Coded::new(&self.column, data.column(&self.column)?)?, &self.quotas)
    }
}

/// As [`QuotaSample`].
///
/// # Errors
///
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for a value with two quotas, or no row wanted;
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) naming a value whose quota cannot be filled.
///
/// ```
/// use mlsys_core::{Coded, arrow::array::Int64Array};
/// let answers = Coded::new("age", &Int64Array::from(vec![30, 30, 60]))?;
/// let sample = mlsys_sampling::sample::quota_sample(&answers, &[(60.into(), 1)])?;
/// assert_eq!((sample.rows, sample.weights), (vec![2], None));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub fn quota_sample(values: &Coded, quotas: &[(Category, usize)]) -> Result<Sample> {
    let mut left: BTreeMap<&Category, usize> = BTreeMap::new();
    for (value, rows) in quotas {
        if left.insert(value, *rows).is_some() {
            return Err(Error::invalid_parameter("QuotaSample", "quotas", value, "each value once"));
        }
    }
    if left.values().all(|rows| *rows == 0) {
        return Err(Error::invalid_parameter("QuotaSample", "quotas", "none", "one row at least"));
    }
    let mut rows = Vec::new();
    for row in 0..values.len() {
        if let Some(left) = values.value(row).and_then(|value| left.get_mut(value)).filter(|left| **left > 0)
        {
            *left -= 1;
            rows.push(row);
        }
    }
    match quotas.iter().find(|(value, _)| left[value] > 0) {
        None => Ok(of_unknown_chance(rows)),
        Some((value, quota)) => Err(Error::too_few_rows(
            *quota,
            quota - left[value],
            format!("QuotaSample: the quota of `{value}`"),
        )),
    }
}

/// The rows that links lead to from given ones, wave by wave, over a table of links between keys.
///
/// | parameter | default | range |
/// |---|---|---|
/// | `column` | required | the key of each row |
/// | `links` | required | pairs of keys, both ways |
/// | `start` | required | keys to start from, one at least |
/// | `waves` | 1 | how often links are followed |
/// | `per_key` | all | links followed from a key, at random |
/// | `seed` | 0 | any |
///
/// **Bias**: keys with many links come in far more often, and only what is linked with the start at all. It is for
/// populations that no list holds.
///
/// ```
/// use mlsys_core::{Coded, arrow::array::Int64Array};
/// use mlsys_sampling::sample::{SnowballSample, snowball_sample};
/// let keys = Coded::new("account", &Int64Array::from(vec![1, 2, 3, 4]))?;
/// let recipe = SnowballSample::new("account", [(1, 2), (2, 3), (3, 4)], [1]).waves(2);
/// assert_eq!(snowball_sample(&keys, &recipe)?.rows, [0, 1, 2]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Leo Goodman, *Snowball sampling*, 1961.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a sampler does nothing until it draws"]
pub struct SnowballSample {
    column: String,
    links: Vec<(Category, Category)>,
    start: Vec<Category>,
    waves: usize,
    per_key: usize,
    seed: u64,
}

impl SnowballSample {
    /// Follows these links from these keys of a column.
    pub fn new<A: Into<Category>, B: Into<Category>, C: Into<Category>>(
        column: impl Into<String>,
        links: impl IntoIterator<Item = (A, B)>,
        start: impl IntoIterator<Item = C>,
    ) -> Self {
        Self {
            column: column.into(),
            links: links.into_iter().map(|(a, b)| (a.into(), b.into())).collect(),
            start: start.into_iter().map(Into::into).collect(),
            waves: 1,
            per_key: usize::MAX,
            seed: seed::DEFAULT_SEED,
        }
    }

    /// How often links are followed.
    pub fn waves(mut self, waves: usize) -> Self {
        self.waves = waves;
        self
    }

    /// How many links are followed from a key at most.
    pub fn per_key(mut self, links: usize) -> Self {
        self.per_key = links;
        self
    }

    /// The seed of the choice among links.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl Draw for SnowballSample {
    fn draw<P: Partition>(&self, data: &Dataset<P>) -> Result<Sample> {
        let keys = Coded::new(&self.column, data.column(&self.column)?)?;
        if keys.missing() > 0 {
            return Err(missing(&self.column, keys.missing()));
        }
        snowball_sample(&keys, self)
    }
}

/// As [`SnowballSample`], of the key of each row. Links to keys without a row are followed as well.
///
/// # Errors
///
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) without a start, for one that no row and no link
/// has, or when no links may be followed.
///
/// ```
/// use mlsys_core::{Coded, arrow::array::Int64Array};
/// use mlsys_sampling::sample::{SnowballSample, snowball_sample};
/// let keys = Coded::new("account", &Int64Array::from(vec![1, 2, 3]))?;
/// // One more wave goes by way of 9, which has no row.
/// let recipe = SnowballSample::new("account", [(1, 9), (9, 3)], [1]);
/// assert_eq!(snowball_sample(&keys, &recipe.clone())?.rows, [0]);
/// assert_eq!(snowball_sample(&keys, &recipe.waves(2))?.rows, [0, 2]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub fn snowball_sample(keys: &Coded, recipe: &SnowballSample) -> Result<Sample> {
    if recipe.start.is_empty() {
        return Err(Error::invalid_parameter("SnowballSample", "start", "none", "one key at least"));
    }
    if recipe.per_key == 0 {
        return Err(Error::invalid_parameter("SnowballSample", "per_key", 0, "1 or more"));
    }
    let mut linked: BTreeMap<&Category, BTreeSet<&Category>> = BTreeMap::new();
    for (a, b) in &recipe.links {
        // A link to itself leads nowhere, but its key is known.
        let (of_a, itself) = (linked.entry(a).or_default(), a == b);
        if !itself {
            of_a.insert(b);
            linked.entry(b).or_default().insert(a);
        }
    }
    let known: BTreeSet<&Category> = keys.distinct.iter().collect();
    if let Some(value) = recipe.start.iter().find(|key| !known.contains(key) && !linked.contains_key(key)) {
        let expected = format!("keys of `{}` or of the links", recipe.column);
        return Err(Error::invalid_parameter("SnowballSample", "start", format!("`{value}`"), expected));
    }
    let mut reached: BTreeSet<&Category> = recipe.start.iter().collect();
    let mut wave: Vec<&Category> = reached.iter().copied().collect();
    for _ in 0..recipe.waves {
        let mut next = BTreeSet::new();
        for key in wave {
            let mut others: Vec<&Category> = linked.get(key).into_iter().flatten().copied().collect();
            if others.len() > recipe.per_key {
                // By key, so that the order of the others does not matter.
                seed::shuffle(&mut others, &mut seed::named(recipe.seed, &key.to_string()));
                others.truncate(recipe.per_key);
            }
            next.extend(others.into_iter().filter(|other| !reached.contains(other)));
        }
        reached.extend(&next);
        wave = next.into_iter().collect();
        if wave.is_empty() {
            break;
        }
    }
    let rows = (0..keys.len()).filter(|&row| keys.value(row).is_some_and(|key| reached.contains(key)));
    Ok(of_unknown_chance(rows.collect()))
}

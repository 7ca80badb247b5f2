//! What a split did: sizes, class shares, groups and times in common, equal rows.

use std::collections::{BTreeMap, BTreeSet};

use mlsys_core::arrow::array::Array;
use mlsys_core::arrow::buffer::ScalarBuffer;
use mlsys_core::hash::hash_rows_128;
use mlsys_core::{Category, Coded, Dataset, Error, ErrorKind, Fold, Kind, Partition, Result, Train, column};
use serde::{Deserialize, Serialize};

/// What a split did, for reading and for asserting on: sizes, class shares, groups and times in common, equal rows.
///
/// * **Sizes** of the parts, and their shares of all rows in them.
/// * **Target**, when there is one: the share of each class per part, or mean and standard deviation of a number with
///   more than 20 distinct values. The largest deviation is between any two parts.
/// * **Groups**, when there is a group column: how many are in both of two parts, and how many rows of the later part
///   they have.
/// * **Times**, when there is a time column: from and to, and whether one part ends before the next begins.
/// * **Duplicates**: rows of the later part that equal a row of the earlier one in every feature, by a stable hash of
///   128 bits; missing values are equal.
///
/// **Input**: two or three datasets with the same roles, such as a splitter gives, or folds of training rows.
/// **Output**: a value with public fields, serde, and a `Display` for people. **Cost**: O(n) hashes and O(n log n)
/// comparisons of them. **Errors**: a part without rows, a missing group, class or time, a feature that has no hash
/// (nested columns: ignore them first), parts that differ in columns.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, Split, arrow::array::{BooleanArray, Int64Array, RecordBatch}};
/// use mlsys_sampling::{SplitReport, TimeSplit};
///
/// let batch = RecordBatch::try_from_iter([
///     ("day", Arc::new(Int64Array::from_iter_values(0..8)) as _),
///     ("plane", Arc::new(Int64Array::from(vec![1, 2, 1, 2, 1, 2, 2, 3])) as _),
///     ("late", Arc::new((0..8).map(|row| Some(row % 2 == 0)).collect::<BooleanArray>()) as _),
/// ])?;
/// let data = Dataset::new(batch)?.target("late")?.time("day")?.group("plane")?;
/// let (train, test) = TimeSplit::last_share(0.25).split(data)?;
/// let report = SplitReport::of(&train, &test)?;
/// assert_eq!((report.parts[0].rows, report.parts[1].rows), (6, 2));
/// assert_eq!(report.largest_deviation, Some(0.0));
/// assert_eq!(report.pairs[0].shared_groups, Some(1)); // plane 2, which has one of the test rows
/// assert!(report.to_string().contains("train ends before test begins"));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where near copies are not exact ones: equal rows are found, similar ones are not. **Instead**: the
/// contract of a splitter, `mlsys_testkit::SplitContract`, for what must hold on every table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SplitReport {
    /// The parts, in the order given.
    pub parts: Vec<PartReport>,
    /// Each part with each later one.
    pub pairs: Vec<PairReport>,
    /// The target column, when there is exactly one.
    pub target: Option<String>,
    /// The group column, when there is exactly one.
    pub group: Option<String>,
    /// The time column, when there is one.
    pub time: Option<String>,
    /// The largest difference of a class's share between two parts, 0 to 1; `None` without classes.
    pub largest_deviation: Option<f64>,
}

/// One part of a split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartReport {
    /// What it is called.
    pub name: String,
    /// How many rows it has; those of a bootstrap count as often as they were drawn.
    pub rows: usize,
    /// Its share of the rows of all parts.
    pub share: f64,
    /// The classes of the target, ascending, and the share of each in this part; empty for a number.
    pub classes: Vec<(Category, f64)>,
    /// Mean and standard deviation of a target that is a number.
    pub mean_and_deviation: Option<(f64, f64)>,
    /// How many groups it has.
    pub groups: Option<usize>,
    /// The first and the last time, in nanoseconds since 1970, or as the integers that they are.
    pub times: Option<(i64, i64)>,
    /// Whether times are instants rather than plain integers.
    pub instants: bool,
}

/// Two parts of a split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairReport {
    /// The earlier part.
    pub first: String,
    /// The later part.
    pub second: String,
    /// Groups that are in both.
    pub shared_groups: Option<usize>,
    /// Rows of the later part that belong to them.
    pub rows_of_shared_groups: Option<usize>,
    /// Whether the earlier part ends before the later one begins.
    pub ordered: Option<bool>,
    /// Rows of the later part that have a time within the span of the earlier part.
    pub rows_within: Option<usize>,
    /// Rows of the later part that equal a row of the earlier one in every feature.
    pub duplicates: Option<usize>,
}

/// Targets with more distinct numbers than this are described by mean and deviation.
const MOST_CLASSES: usize = 20;

/// What is known of the rows of a dataset, each computed once however many folds look at them.
struct Facts {
    target: Option<Coded>,
    number: Option<ScalarBuffer<f64>>,
    groups: Option<Vec<u128>>,
    times: Option<(ScalarBuffer<i64>, bool)>,
    features: Option<Vec<u128>>,
}

impl Facts {
    fn of<P: Partition>(data: &Dataset<P>) -> Result<Self> {
        let layout = data.layout();
        let known = |name: &str, count: usize, hint: &str| match count {
            0 => Ok(()),
            count => {
                Err(Error::from(ErrorKind::MissingValues { column: name.into(), count, hint: hint.into() }))
            }
        };
        let (mut target, mut number) = (None, None);
        if let [name] = layout.targets() {
            let coded = Coded::new(name, data.column(name)?)?.sorted();
            known(name, coded.missing(), "drop these rows before reporting on the target")?;
            if layout.kind(name)?.is_number() {
                number = Some(column::floats(name, data.column(name)?)?);
            }
            target = Some(coded);
        }
        let mut groups = None;
        if let [name] = layout.groups() {
            let missing = column::missing(name, data.column(name)?)?.map_or(0, |nulls| nulls.null_count());
            known(
                name,
                missing,
                "give these rows a group, or ignore the column, before reporting on groups",
            )?;
            groups = Some(hash_rows_128(&[(name, data.column(name)?.as_ref())], 0)?);
        }
        let mut times = None;
        if let Ok(name) = layout.time(NAME) {
            times = Some((data.instants(NAME)?, layout.kind(name)? != Kind::Integer));
        }
        let mut names = data.features();
        names.sort_unstable();
        let mut columns: Vec<(&str, &dyn Array)> = Vec::with_capacity(names.len());
        for name in names {
            columns.push((name, data.column(name)?.as_ref()));
        }
        let features = if columns.is_empty() { None } else { Some(hash_rows_128(&columns, 0)?) };
        Ok(Self { target, number, groups, times, features })
    }
}

const NAME: &str = "SplitReport";

/// A part before it is compared: the report on it, and what comparing needs, sorted.
struct Part {
    report: PartReport,
    distinct: usize,
    numbers: Option<(f64, f64)>,
    groups: Option<Vec<u128>>,
    times: Option<Vec<i64>>,
    features: Option<Vec<u128>>,
}

impl Part {
    fn new(name: &str, facts: &Facts, rows: &[usize]) -> Result<Self> {
        if rows.is_empty() {
            return Err(Error::too_few_rows(1, 0, format!("{NAME}: the part `{name}`")));
        }
        let n = rows.len() as f64;
        let mut classes = Vec::new();
        if let Some(coded) = &facts.target {
            let mut counts = vec![0usize; coded.distinct.len()];
            rows.iter().for_each(|&row| counts[coded.codes[row] as usize] += 1);
            let present = coded.distinct.iter().zip(&counts).filter(|(_, count)| **count > 0);
            classes = present.map(|(class, &count)| (class.clone(), count as f64 / n)).collect();
        }
        let numbers = facts.number.as_ref().map(|values| {
            let mean = rows.iter().map(|&row| values[row]).sum::<f64>() / n;
            let squares = rows.iter().map(|&row| (values[row] - mean).powi(2)).sum::<f64>();
            (mean, (squares / n).sqrt())
        });
        let groups = facts.groups.as_ref().map(|hashes| sorted(rows.iter().map(|&row| hashes[row])));
        let times = facts.times.as_ref().map(|(times, _)| sorted(rows.iter().map(|&row| times[row])));
        let n_groups = groups.as_ref().map(|groups| groups.chunk_by(|a, b| a == b).count());
        let span = times.as_ref().and_then(|times| Some((*times.first()?, *times.last()?)));
        let report = PartReport {
            name: name.into(),
            rows: rows.len(),
            share: 0.0,
            classes: Vec::new(),
            mean_and_deviation: None,
            groups: n_groups,
            times: span,
            instants: facts.times.as_ref().is_some_and(|(_, instants)| *instants),
        };
        let features = facts.features.as_ref().map(|hashes| sorted(rows.iter().map(|&row| hashes[row])));
        let distinct = classes.len();
        Ok(Self { report: PartReport { classes, ..report }, distinct, numbers, groups, times, features })
    }
}

fn sorted<T: Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values
}

/// How many distinct values of the second sorted list are in the first, and how many times they are in the second.
fn shared(first: &[u128], second: &[u128]) -> (usize, usize) {
    let (mut values, mut rows) = (0, 0);
    let mut rest = first;
    for run in second.chunk_by(|a, b| a == b) {
        rest = &rest[rest.partition_point(|value| *value < run[0])..];
        if rest.first() == Some(&run[0]) {
            values += 1;
            rows += run.len();
        }
    }
    (values, rows)
}

fn pair(first: &Part, second: &Part) -> PairReport {
    let groups = first.groups.as_ref().zip(second.groups.as_ref()).map(|(a, b)| shared(a, b));
    let spans = first.report.times.zip(second.report.times);
    let within = first.report.times.zip(second.times.as_ref()).map(|((from, to), times)| {
        times.partition_point(|&time| time <= to) - times.partition_point(|&time| time < from)
    });
    let duplicates = first.features.as_ref().zip(second.features.as_ref()).map(|(a, b)| shared(a, b).1);
    PairReport {
        first: first.report.name.clone(),
        second: second.report.name.clone(),
        shared_groups: groups.map(|(groups, _)| groups),
        rows_of_shared_groups: groups.map(|(_, rows)| rows),
        ordered: spans.map(|((_, end), (start, _))| end < start),
        rows_within: within,
        duplicates,
    }
}

fn names<P: Partition>(data: &Dataset<P>) -> BTreeSet<String> {
    data.schema().fields().iter().map(|field| field.name().clone()).collect()
}

impl SplitReport {
    /// The report on training rows and one other part: test or validation rows.
    ///
    /// # Errors
    ///
    /// As [`SplitReport`].
    pub fn of<P: Partition, Q: Partition>(first: &Dataset<P>, second: &Dataset<Q>) -> Result<Self> {
        if names(first) != names(second) || first.roles() != second.roles() {
            return Err(Error::shape(NAME, "parts with the same columns and roles", "different ones"));
        }
        let parts = [part(first)?, part(second)?];
        Ok(Self::compare(parts.into(), first))
    }

    /// The report on three parts.
    ///
    /// # Errors
    ///
    /// As [`SplitReport`].
    pub fn of_three<P: Partition, Q: Partition, R: Partition>(
        first: &Dataset<P>,
        second: &Dataset<Q>,
        third: &Dataset<R>,
    ) -> Result<Self> {
        let alike = names(first) == names(second) && names(first) == names(third);
        if !alike || first.roles() != second.roles() || first.roles() != third.roles() {
            return Err(Error::shape(NAME, "parts with the same columns and roles", "different ones"));
        }
        let parts = [part(first)?, part(second)?, part(third)?];
        Ok(Self::compare(parts.into(), first))
    }

    /// A report per fold of these training rows.
    ///
    /// # Errors
    ///
    /// As [`SplitReport`]; [`Shape`](ErrorKind::Shape) for a fold with rows past the end.
    pub fn of_folds(train: &Dataset<Train>, folds: &[Fold]) -> Result<FoldsReport> {
        let facts = Facts::of(train)?;
        let report = |fold: &Fold| {
            let rows = fold.train().iter().chain(fold.validation());
            if let Some(row) = rows.into_iter().find(|&&row| row >= train.n_rows()) {
                return Err(Error::shape("fold", format!("rows below {}", train.n_rows()), row));
            }
            let parts = [
                Part::new("train", &facts, fold.train())?,
                Part::new("validation", &facts, fold.validation())?,
            ];
            Ok(Self::compare(parts.into(), train))
        };
        Ok(FoldsReport { folds: folds.iter().map(report).collect::<Result<_>>()? })
    }

    fn compare<P: Partition>(mut parts: Vec<Part>, data: &Dataset<P>) -> Self {
        let layout = data.layout();
        let single = |names: &[String]| if let [name] = names { Some(name.clone()) } else { None };
        let all: usize = parts.iter().map(|part| part.report.rows).sum();
        let as_number = parts.iter().all(|part| part.numbers.is_some())
            && parts.iter().any(|part| part.distinct > MOST_CLASSES);
        for part in &mut parts {
            part.report.share = part.report.rows as f64 / all.max(1) as f64;
            if as_number {
                part.report.mean_and_deviation = part.numbers;
                part.report.classes.clear();
            }
        }
        let mut ranges: BTreeMap<Category, Vec<f64>> = BTreeMap::new();
        for part in &parts {
            for (class, share) in &part.report.classes {
                ranges.entry(class.clone()).or_default().push(*share);
            }
        }
        // A class that is not in a part has the share zero there.
        for part in &mut parts {
            part.report.classes = ranges
                .keys()
                .map(|class| {
                    let known = &part.report.classes;
                    let found = known.binary_search_by(|(other, _)| other.cmp(class));
                    (class.clone(), found.map_or(0.0, |place| known[place].1))
                })
                .collect();
        }
        let range = |shares: &Vec<f64>| {
            let lowest = if shares.len() < parts.len() { 0.0 } else { f64::INFINITY };
            let (low, high) =
                shares.iter().fold((lowest, 0.0), |(low, high): (f64, f64), &x| (low.min(x), high.max(x)));
            high - low
        };
        let largest_deviation = ranges
            .values()
            .map(range)
            .fold(None, |most: Option<f64>, x| Some(most.map_or(x, |most| most.max(x))));
        let places = 0..parts.len();
        let pairs = places.flat_map(|a| (a + 1..parts.len()).map(move |b| (a, b)));
        Self {
            pairs: pairs.map(|(a, b)| pair(&parts[a], &parts[b])).collect(),
            target: single(layout.targets()),
            group: single(layout.groups()),
            time: layout.time(NAME).ok().map(str::to_owned),
            largest_deviation,
            parts: parts.into_iter().map(|part| part.report).collect(),
        }
    }
}

fn part<P: Partition>(data: &Dataset<P>) -> Result<Part> {
    let rows: Vec<usize> = (0..data.n_rows()).collect();
    Part::new(&P::NAME.to_lowercase(), &Facts::of(data)?, &rows)
}

/// A [`SplitReport`] for each fold, from [`SplitReport::of_folds`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoldsReport {
    /// Fold by fold.
    pub folds: Vec<SplitReport>,
}

impl FoldsReport {
    /// The largest deviation of class shares in any fold; `None` without classes.
    pub fn largest_deviation(&self) -> Option<f64> {
        self.folds.iter().filter_map(|fold| fold.largest_deviation).reduce(f64::max)
    }
}

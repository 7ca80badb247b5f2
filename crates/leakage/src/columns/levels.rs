//! A column as levels: its values where they are few, quantile bins where they are many; what is missing and what is
//! new have levels of their own.

use mlsys_core::arrow::array::{Array, AsArray};
use mlsys_core::arrow::compute::cast;
use mlsys_core::arrow::datatypes::{DataType, Int64Type, TimeUnit, UInt64Type};
use mlsys_core::{Category, Coded, Kind, Result, column};

/// Numbers with at most this many distinct values keep them.
const MOST_VALUES: usize = 4_096;
/// And so many rows to a value: what is rare is better told by its neighbours, ..
const ROWS_OF_A_VALUE: usize = 12;
/// .. unless there are as few values as this.
const FEW_VALUES: usize = 32;
/// Numbers with more are cut into at most this many bins of equal frequency.
const MOST_BINS: usize = 256;
/// A bin of fewer rows tells nothing.
const ROWS_IN_A_BIN: usize = 12;
/// Texts with more distinct values are names: they are cut, in their order, as numbers are.
const MOST_CATEGORIES: usize = 1 << 16;
/// Edges of bins come from at most this many values, evenly taken; rows are all counted.
const EDGES_FROM: usize = 1 << 16;

/// How a column becomes levels, learned from the training rows.
#[derive(Debug, Clone)]
pub(crate) struct Levels {
    map: Map,
    /// How many levels values have; then comes that of missing values, then that of new ones.
    n: u32,
}

#[derive(Debug, Clone)]
enum Map {
    /// Integers by their distance from the lowest: the level of each, or none.
    Offsets { lowest: i64, levels: Vec<u32> },
    /// Ascending order keys, each a level.
    Values(Vec<u64>),
    /// Order keys at which the next bin begins, ascending.
    Edges(Vec<u64>),
    /// Ascending categories, each a level.
    Categories(Vec<Category>),
    /// Categories at which the next bin begins, ascending.
    Names(Vec<Category>),
}

/// A column's values, in a form that levels are made of.
enum Values {
    Integers(Vec<Option<i64>>),
    /// Order keys, and `MISSING` where there is none.
    Keys(Vec<u64>),
    Coded(Coded),
}

/// No order key of a number: that of a NaN with all bits set.
const MISSING: u64 = u64::MAX;

fn keys(values: &[f64]) -> Vec<u64> {
    values.iter().map(|&x| if x.is_nan() { MISSING } else { column::order_key(x) }).collect()
}

/// The values of a column; `None` for a type without order and categories.
fn read(name: &str, array: &dyn Array) -> Result<Option<Values>> {
    if let DataType::Dictionary(_, values) = array.data_type()
        && !matches!(Kind::of(values), Kind::Text)
    {
        return read(name, &cast(array, values)?);
    }
    Ok(Some(match Kind::of(array.data_type()) {
        Kind::Float => Values::Keys(keys(&column::floats(name, array)?)),
        Kind::Integer if array.data_type() == &DataType::UInt64 => {
            // What no other integer holds is one value: the highest.
            let highest = |x: u64| i64::try_from(x).unwrap_or(i64::MAX);
            Values::Integers(array.as_primitive::<UInt64Type>().iter().map(|x| x.map(highest)).collect())
        }
        Kind::Integer | Kind::Boolean | Kind::Date | Kind::Time => Values::Integers(integers(array)?),
        Kind::Text => Values::Coded(Coded::new(name, array)?),
        _ => return Ok(None),
    }))
}

/// Integers as they are; dates and times in microseconds, so that parts of other units agree, those out of range at its end.
fn integers(array: &dyn Array) -> Result<Vec<Option<i64>>> {
    let data_type = array.data_type();
    let narrow = matches!(data_type, DataType::Date32 | DataType::Time32(_));
    let stored = if narrow { cast(array, &DataType::Int32)? } else { cast(array, &DataType::Int64)? };
    let wide = cast(&stored, &DataType::Int64)?;
    let per_second = match data_type {
        DataType::Timestamp(unit, _) | DataType::Time32(unit) | DataType::Time64(unit) => match unit {
            TimeUnit::Second => 1,
            TimeUnit::Millisecond => 1_000,
            TimeUnit::Microsecond => 1_000_000,
            TimeUnit::Nanosecond => 1_000_000_000,
        },
        DataType::Date64 => 1_000,
        _ => 0,
    };
    let scaled = |x: i64| match (per_second, data_type) {
        (_, DataType::Date32) => x.saturating_mul(86_400_000_000),
        (0, _) => x,
        (1_000_000_000, _) => x.div_euclid(1_000),
        (per_second, _) => x.saturating_mul(1_000_000 / per_second),
    };
    Ok(wide.as_primitive::<Int64Type>().iter().map(|x| x.map(scaled)).collect())
}

/// Evenly taken, ascending.
fn sample<T: Copy + Ord>(values: impl Iterator<Item = T> + Clone) -> Vec<T> {
    let count = values.clone().count();
    let mut taken: Vec<T> = values.step_by(count.div_ceil(EDGES_FROM).max(1)).collect();
    taken.sort_unstable();
    taken
}

/// Where bins of equal frequency begin, but the first.
fn edges<T: Copy + Ord>(sample: &[T], rows: usize) -> Vec<T> {
    let bins = (rows / ROWS_IN_A_BIN).clamp(2, MOST_BINS);
    let mut edges: Vec<T> =
        (1..bins).filter_map(|bin| sample.get(bin * sample.len() / bins).copied()).collect();
    edges.dedup();
    if edges.first() == sample.first() {
        // The lowest value fills the first bins: they are one.
        edges.remove(0);
    }
    edges
}

/// Whether each number is a level: the same for integers and doubles.
fn keeps_values(distinct: usize, rows: usize) -> bool {
    distinct <= MOST_VALUES && (distinct <= FEW_VALUES || distinct * ROWS_OF_A_VALUE <= rows)
}

impl Levels {
    /// Learns the levels of a column; `None` for a type that has none.
    pub(crate) fn new(name: &str, array: &dyn Array) -> Result<Option<(Self, Vec<u32>)>> {
        let Some(values) = read(name, array)? else { return Ok(None) };
        let levels = match &values {
            Values::Integers(numbers) => Self::of_integers(numbers),
            Values::Keys(keys) => Self::of_keys(keys),
            Values::Coded(coded) => Self::of_categories(coded),
        };
        let codes = levels.code(&values);
        Ok(Some((levels, codes)))
    }

    fn of_integers(numbers: &[Option<i64>]) -> Self {
        let there = || numbers.iter().flatten().copied();
        let (lowest, highest) = there().fold((i64::MAX, i64::MIN), |(a, b), x| (a.min(x), b.max(x)));
        let span = i128::from(highest) - i128::from(lowest) + 1;
        if (1..=1 << 16).contains(&span) {
            let mut levels = vec![u32::MAX; span as usize];
            there().for_each(|x| levels[(x - lowest) as usize] = 0);
            let mut n = 0;
            for level in levels.iter_mut().filter(|level| **level == 0) {
                *level = n;
                n += 1;
            }
            if keeps_values(n as usize, there().count()) {
                return Self { map: Map::Offsets { lowest, levels }, n };
            }
        }
        Self::of_keys(&numbers.iter().map(|x| x.map_or(MISSING, integer_key)).collect::<Vec<u64>>())
    }

    fn of_keys(keys: &[u64]) -> Self {
        let there = keys.iter().copied().filter(|&key| key != MISSING);
        let rows = there.clone().count();
        let taken = sample(there.clone());
        let mut distinct = taken.clone();
        distinct.dedup();
        if keeps_values(distinct.len(), rows) {
            // What the sample has few of, the rows may have more of.
            let mut fresh: Vec<u64> = Vec::new();
            for key in there.filter(|key| distinct.binary_search(key).is_err()) {
                fresh.push(key);
                if fresh.len() > MOST_VALUES * 8 {
                    fresh.sort_unstable();
                    fresh.dedup();
                    if fresh.len() > MOST_VALUES {
                        break;
                    }
                }
            }
            fresh.append(&mut distinct);
            fresh.sort_unstable();
            fresh.dedup();
            if keeps_values(fresh.len(), rows) {
                return Self { n: fresh.len() as u32, map: Map::Values(fresh) };
            }
        }
        let edges = edges(&taken, rows);
        Self { n: edges.len() as u32 + 1, map: Map::Edges(edges) }
    }

    fn of_categories(coded: &Coded) -> Self {
        let mut known: Vec<Category> = coded.distinct.clone();
        known.sort();
        if known.len() <= MOST_CATEGORIES {
            return Self { n: known.len() as u32, map: Map::Categories(known) };
        }
        let ranks: Vec<u32> = (0..known.len() as u32).collect();
        let edges = edges(&ranks, coded.len()).into_iter().map(|rank| known[rank as usize].clone());
        let edges: Vec<Category> = edges.collect();
        Self { n: edges.len() as u32 + 1, map: Map::Names(edges) }
    }

    /// The level of each row of other rows; a value that was not there has [`unseen`](Self::unseen).
    pub(crate) fn codes(&self, name: &str, array: &dyn Array) -> Result<Vec<u32>> {
        match read(name, array)? {
            Some(values) => Ok(self.code(&values)),
            None => Ok(vec![self.unseen(); array.len()]),
        }
    }

    fn code(&self, values: &Values) -> Vec<u32> {
        let (missing, unseen) = (self.missing(), self.unseen());
        match (&self.map, values) {
            (Map::Offsets { lowest, levels }, Values::Integers(numbers)) => {
                let level = |x: i64| {
                    let place = x.checked_sub(*lowest).and_then(|place| usize::try_from(place).ok());
                    let level = place.and_then(|place| levels.get(place)).copied();
                    level.filter(|&level| level != u32::MAX).unwrap_or(unseen)
                };
                numbers.iter().map(|x| x.map_or(missing, level)).collect()
            }
            (Map::Values(_) | Map::Edges(_), Values::Integers(numbers)) => {
                numbers.iter().map(|x| self.of_key(x.map_or(MISSING, integer_key))).collect()
            }
            (Map::Values(_) | Map::Edges(_), Values::Keys(keys)) => {
                keys.iter().map(|&key| self.of_key(key)).collect()
            }
            (Map::Categories(_) | Map::Names(_), Values::Coded(coded)) => {
                let places: Vec<u32> = coded.distinct.iter().map(|value| self.of_category(value)).collect();
                coded
                    .codes
                    .iter()
                    .map(|&code| places.get(code as usize).copied().unwrap_or(missing))
                    .collect()
            }
            // Another type than that of the training rows: nothing of it is known.
            (_, Values::Integers(numbers)) => vec![unseen; numbers.len()],
            (_, Values::Keys(keys)) => vec![unseen; keys.len()],
            (_, Values::Coded(coded)) => vec![unseen; coded.len()],
        }
    }

    fn of_key(&self, key: u64) -> u32 {
        match &self.map {
            _ if key == MISSING => self.missing(),
            Map::Values(values) => values.binary_search(&key).map_or(self.unseen(), |level| level as u32),
            Map::Edges(edges) => edges.partition_point(|&edge| edge <= key) as u32,
            _ => self.unseen(),
        }
    }

    fn of_category(&self, value: &Category) -> u32 {
        match &self.map {
            Map::Categories(known) => known.binary_search(value).map_or(self.unseen(), |level| level as u32),
            Map::Names(edges) => edges.partition_point(|edge| edge <= value) as u32,
            _ => self.unseen(),
        }
    }

    /// Whether neighbouring levels are neighbouring numbers.
    pub(crate) fn is_ordered(&self) -> bool {
        matches!(self.map, Map::Offsets { .. } | Map::Values(_) | Map::Edges(_))
    }

    /// Whether each level is one value.
    pub(crate) fn is_exact(&self) -> bool {
        !matches!(self.map, Map::Edges(_) | Map::Names(_))
    }

    /// How many levels values have.
    pub(crate) fn n_values(&self) -> usize {
        self.n as usize
    }

    /// The level of missing values.
    pub(crate) fn missing(&self) -> u32 {
        self.n
    }

    /// The level of values that no training row has.
    pub(crate) fn unseen(&self) -> u32 {
        self.n + 1
    }

    /// How many levels there are in all.
    pub(crate) fn n_levels(&self) -> usize {
        self.n as usize + 2
    }
}

/// An order key of an integer.
fn integer_key(x: i64) -> u64 {
    // The highest has no key of its own; it shares that of its neighbour.
    ((x as u64) ^ 1 << 63).min(MISSING - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlsys_core::arrow::array::{Float64Array, Int64Array, StringArray};

    #[test]
    fn few_values_keep_theirs_and_many_are_cut_evenly() {
        let few = Int64Array::from(vec![Some(7), Some(-2), None, Some(7)]);
        let (levels, codes) = Levels::new("x", &few).unwrap().unwrap();
        assert_eq!((levels.n_values(), codes), (2, vec![1, 0, 2, 1]));
        let other = Int64Array::from(vec![Some(-2), Some(0), Some(i64::MAX), Some(i64::MIN), None]);
        assert_eq!(levels.codes("x", &other).unwrap(), [0, 3, 3, 3, 2]);

        let many = Float64Array::from_iter_values((0..10_000).map(|i| f64::from(i * 7919 % 10_007)));
        let (levels, codes) = Levels::new("x", &many).unwrap().unwrap();
        assert_eq!(levels.n_values(), MOST_BINS);
        let mut counts = vec![0; levels.n_levels()];
        codes.iter().for_each(|&code| counts[code as usize] += 1);
        assert!(counts[..MOST_BINS].iter().all(|count| (30..=50).contains(count)), "{counts:?}");
        let mut pairs: Vec<(f64, u32)> = many.values().iter().copied().zip(codes).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(pairs.windows(2).all(|pair| pair[0].1 <= pair[1].1));
    }

    #[test]
    fn extremes_and_gaps_have_levels() {
        let odd = Float64Array::from(vec![
            Some(f64::NAN),
            None,
            Some(f64::INFINITY),
            Some(f64::NEG_INFINITY),
            Some(-0.0),
            Some(0.0),
        ]);
        let (levels, codes) = Levels::new("x", &odd).unwrap().unwrap();
        assert_eq!(codes[0], levels.missing());
        assert_eq!(codes[1], levels.missing());
        assert!(codes[2] >= codes[5] && codes[5] >= codes[3] && codes[4] == codes[5]);
        let large = Int64Array::from(vec![i64::MIN, i64::MAX, 0]);
        let (_, codes) = Levels::new("x", &large).unwrap().unwrap();
        assert!(codes[0] <= codes[2] && codes[2] <= codes[1]);
        let (levels, codes) = Levels::new("x", &Int64Array::from(Vec::<i64>::new())).unwrap().unwrap();
        assert_eq!(codes.len() + levels.n_levels(), 2);
    }

    #[test]
    fn texts_are_their_own_levels() {
        let (levels, codes) =
            Levels::new("x", &StringArray::from(vec![Some("b"), None, Some("a")])).unwrap().unwrap();
        assert_eq!(codes, [1, 2, 0]);
        assert_eq!(levels.codes("x", &StringArray::from(vec!["c", "a"])).unwrap(), [3, 0]);
        assert!(!levels.is_ordered() && levels.is_exact());
    }
}

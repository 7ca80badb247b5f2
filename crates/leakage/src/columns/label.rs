//! The target of an audit: classes or numbers, with gaps where nobody knows it.

use mlsys_core::{Category, Coded, Dataset, ErrorKind, Kind, Partition, Result, column};

/// A number with more distinct values than this is a number; with fewer, its values are classes.
const MOST_NUMBER_CLASSES: usize = 20;
/// Classes beyond the most frequent ones count as one.
const MOST_CLASSES: usize = 64;

/// What the rows of one part shall be predicted to be.
#[derive(Debug, Clone)]
pub(crate) enum Label {
    /// A class per row, or `Coded::MISSING`.
    Classes {
        codes: Vec<u32>,
        /// Ascending, which decides what the positive class is: the last.
        names: Vec<Category>,
        n_classes: usize,
    },
    /// A number per row, NaN where nobody knows it.
    Numbers(Vec<f64>),
}

impl Label {
    /// The single target of training rows, or of a whole table.
    pub(crate) fn new<P: Partition>(data: &Dataset<P>, needed_by: &str) -> Result<Self> {
        let name = data.layout().target(needed_by)?;
        let array = data.column(name)?;
        let numbers = match data.layout().kind(name)? {
            kind if kind.is_number() => Some(finite(name, array.as_ref())?),
            Kind::Date | Kind::Time => {
                let times = column::instants_or_missing(name, array)?;
                Some(times.iter().map(|time| time.map_or(f64::NAN, |time| time as f64)).collect())
            }
            _ => None,
        };
        if let Some(numbers) = numbers {
            let mut distinct: Vec<u64> = Vec::new();
            for key in numbers.iter().filter(|x| !x.is_nan()).map(|&x| column::order_key(x)) {
                if let Err(place) = distinct.binary_search(&key) {
                    distinct.insert(place, key);
                }
                if distinct.len() > MOST_NUMBER_CLASSES {
                    return Ok(Self::Numbers(numbers));
                }
            }
        }
        let coded = Coded::new(name, array)?.sorted();
        let n = coded.distinct.len();
        if n <= MOST_CLASSES {
            return Ok(Self::Classes { codes: coded.codes, names: coded.distinct, n_classes: n });
        }
        // The most frequent in their order, and all others as one more.
        let mut counts = vec![0usize; n];
        coded
            .codes
            .iter()
            .filter(|&&code| code != Coded::MISSING)
            .for_each(|&code| counts[code as usize] += 1);
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by_key(|&class| (std::cmp::Reverse(counts[class]), class));
        order.truncate(MOST_CLASSES - 1);
        order.sort_unstable();
        let names: Vec<Category> = order.iter().map(|&class| coded.distinct[class].clone()).collect();
        let places = places(&coded, &names, names.len() as u32);
        let code = |&code: &u32| places.get(code as usize).copied().unwrap_or(Coded::MISSING);
        Ok(Self::Classes { codes: coded.codes.iter().map(code).collect(), names, n_classes: MOST_CLASSES })
    }

    /// The same target of other rows; a class that is not known here is missing.
    pub(crate) fn of_other<P: Partition>(&self, data: &Dataset<P>, needed_by: &str) -> Result<Self> {
        let name = data.layout().target(needed_by)?;
        let array = data.column(name)?;
        match self {
            Self::Classes { names, n_classes, .. } => {
                let coded = Coded::new(name, array)?;
                let rest = if *n_classes > names.len() { names.len() as u32 } else { Coded::MISSING };
                let places = places(&coded, names, rest);
                let code = |&code: &u32| places.get(code as usize).copied().unwrap_or(Coded::MISSING);
                let codes = coded.codes.iter().map(code).collect();
                Ok(Self::Classes { codes, names: names.clone(), n_classes: *n_classes })
            }
            Self::Numbers(_) if data.layout().kind(name)?.is_temporal() => {
                let times = column::instants_or_missing(name, array)?;
                Ok(Self::Numbers(
                    times.iter().map(|time| time.map_or(f64::NAN, |time| time as f64)).collect(),
                ))
            }
            Self::Numbers(_) => Ok(Self::Numbers(finite(name, array.as_ref())?)),
        }
    }

    /// Whether nobody knows it of a row.
    pub(crate) fn is_missing(&self, row: usize) -> bool {
        match self {
            Self::Classes { codes, .. } => codes[row] == Coded::MISSING,
            Self::Numbers(values) => values[row].is_nan(),
        }
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Classes { codes, .. } => codes.len(),
            Self::Numbers(values) => values.len(),
        }
    }

    /// The rows of which it is known.
    pub(crate) fn known(&self) -> Vec<u32> {
        (0..self.len()).filter(|&row| !self.is_missing(row)).map(|row| row as u32).collect()
    }

    /// The same of some rows.
    pub(crate) fn take(&self, rows: &[u32]) -> Self {
        match self {
            Self::Classes { codes, names, n_classes } => Self::Classes {
                codes: rows.iter().map(|&row| codes[row as usize]).collect(),
                names: names.clone(),
                n_classes: *n_classes,
            },
            Self::Numbers(values) => Self::Numbers(rows.iter().map(|&row| values[row as usize]).collect()),
        }
    }
}

fn finite(name: &str, array: &dyn mlsys_core::arrow::array::Array) -> Result<Vec<f64>> {
    let values = column::floats(name, array)?;
    match column::first_infinite(&values) {
        Some(row) => Err(ErrorKind::NonFinite { column: name.into(), row, value: values[row] }.into()),
        None => Ok(values.to_vec()),
    }
}

/// The place of each distinct value among ascending names.
fn places(coded: &Coded, names: &[Category], rest: u32) -> Vec<u32> {
    coded.places_in(names).into_iter().map(|place| place.unwrap_or(rest)).collect()
}

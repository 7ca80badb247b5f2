//! The rows of a dataset by class.

use mlsys_core::{Coded, Dataset, Error, Result, Train};

use crate::ClassSizes;

/// The rows that count, by class.
pub(crate) struct Labelled {
    pub sizes: ClassSizes,
    /// The rows of each class, ascending.
    pub rows: Vec<Vec<usize>>,
    /// All rows that count, ascending: not those of weight 0.
    pub all: Vec<usize>,
    /// The class of each of them.
    pub classes: Vec<u32>,
}

impl Labelled {
    pub fn new(train: &Dataset<Train>, estimator: &str) -> Result<Self> {
        if u32::try_from(train.n_rows()).is_err() {
            return Err(Error::unsupported("resampling 4,294,967,296 rows or more"));
        }
        let labels = train.labels(estimator)?;
        let weights = train.weights()?;
        let counts = |row: &usize| weights.as_ref().is_none_or(|weights| weights[*row] > 0.0);
        let all: Vec<usize> = (0..labels.len()).filter(counts).collect();
        let mut sizes = vec![0; labels.distinct.len()];
        all.iter().for_each(|&row| sizes[labels.codes[row] as usize] += 1);
        let pairs = labels.distinct.iter().cloned().zip(sizes.iter().copied());
        let target = train.layout().target(estimator)?;
        let found = ClassSizes::new(target, pairs)?;
        // Classes without a row that counts have no place.
        let mut next = 0;
        let places: Vec<u32> = sizes
            .iter()
            .map(|&size| {
                let place = if size > 0 { next } else { Coded::MISSING };
                next += u32::from(size > 0);
                place
            })
            .collect();
        let classes: Vec<u32> = all.iter().map(|&row| places[labels.codes[row] as usize]).collect();
        let mut rows: Vec<Vec<usize>> = found.sizes().iter().map(|&size| Vec::with_capacity(size)).collect();
        all.iter().zip(&classes).for_each(|(&row, &class)| rows[class as usize].push(row));
        Ok(Self { sizes: found, rows, all, classes })
    }
}

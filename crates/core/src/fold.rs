//! One fold of a cross-validation, as row indices.

use rayon::prelude::*;

use crate::{Error, Result};

/// One fold: the rows to fit on and the rows to validate on. [`Dataset::fold`](crate::Dataset::fold) makes datasets
/// of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    train: Vec<usize>,
    validation: Vec<usize>,
}

impl Fold {
    /// A fold of these rows; both sides in ascending order.
    ///
    /// # Errors
    ///
    /// [`TooFewRows`](crate::ErrorKind::TooFewRows) when a side is empty;
    /// [`Shape`](crate::ErrorKind::Shape) when a row occurs twice.
    pub fn new(train: Vec<usize>, validation: Vec<usize>) -> Result<Self> {
        let fold = Self::with_repeats(train, validation)?;
        match fold.train.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(twice(pair[0])),
            None => Ok(fold),
        }
    }

    /// A fold in which a row may be fitted on more than once, as a bootstrap does. Both sides in ascending order.
    ///
    /// ```
    /// use mlsys_core::Fold;
    ///
    /// let drawn = Fold::with_repeats(vec![2, 0, 2], vec![1])?;
    /// assert_eq!(drawn.train(), [0, 2, 2]);
    /// assert!(Fold::new(vec![2, 0, 2], vec![1]).is_err());
    /// # Ok::<(), mlsys_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`TooFewRows`](crate::ErrorKind::TooFewRows) when a side is empty; [`Shape`](crate::ErrorKind::Shape) when a
    /// row is on both sides, or is validated on twice.
    pub fn with_repeats(mut train: Vec<usize>, mut validation: Vec<usize>) -> Result<Self> {
        if train.is_empty() || validation.is_empty() {
            let rows = train.len() + validation.len();
            return Err(Error::too_few_rows(2, rows, "a fold with rows on both sides"));
        }
        // Rows that ascend already, as those of most splitters do, are sorted in one pass.
        train.sort_unstable();
        validation.sort_unstable();
        if let Some(pair) = validation.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(twice(pair[0]));
        }
        let mut rest = train.as_slice();
        for &row in &validation {
            rest = &rest[rest.iter().take_while(|&&other| other < row).count()..];
            if rest.first() == Some(&row) {
                return Err(twice(row));
            }
        }
        Ok(Self { train, validation })
    }

    /// The folds that validate on the rows of each number in turn and train on all others.
    ///
    /// ```
    /// let folds = mlsys_core::Fold::each(&[0, 1, 0, 1], 2)?;
    /// assert_eq!((folds[0].train(), folds[0].validation()), ([1, 3].as_slice(), [0, 2].as_slice()));
    /// # Ok::<(), mlsys_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Shape`](crate::ErrorKind::Shape) for a number that is not below `n_folds`;
    /// [`TooFewRows`](crate::ErrorKind::TooFewRows) for a fold without rows on a side.
    pub fn each(fold_of_row: &[u32], n_folds: usize) -> Result<Vec<Self>> {
        if n_folds > fold_of_row.len() {
            let why = format!("{n_folds} folds, with rows on both sides,");
            return Err(Error::too_few_rows(n_folds, fold_of_row.len(), why));
        }
        let mut sizes = vec![0; n_folds];
        for &fold in fold_of_row {
            match sizes.get_mut(fold as usize) {
                Some(size) => *size += 1,
                None => {
                    return Err(Error::shape("folds", format!("numbers below {n_folds}"), fold));
                }
            }
        }
        let n = fold_of_row.len();
        if let Some(fold) = sizes.iter().position(|&size| size == 0 || size == n) {
            let why = format!("fold {} of {n_folds}, with rows on both sides,", fold + 1);
            return Err(Error::too_few_rows(2, sizes[fold].min(n - sizes[fold]), why));
        }
        Ok((0..n_folds).into_par_iter().map(|own| Self::one(fold_of_row, own as u32, sizes[own])).collect())
    }

    /// Deals the rows of each class to `n_folds` folds in equal shares, as they come: the fold of each row. The rows of all classes
    /// stand one after another, and place p counts for fold p mod `n_folds`, as scikit-learn's `StratifiedKFold` has it.
    ///
    /// # Panics
    ///
    /// Without folds, or when the classes do not hold each row once.
    ///
    /// ```
    /// assert_eq!(mlsys_core::Fold::stratify(&[vec![0, 1, 4], vec![2, 3]], 2), [0, 0, 0, 1, 1]);
    /// ```
    pub fn stratify(by_class: &[Vec<usize>], n_folds: usize) -> Vec<u32> {
        let mut fold_of_row = vec![0; by_class.iter().map(Vec::len).sum()];
        let mut place = 0;
        for rows in by_class {
            let mut sizes = vec![0; n_folds];
            (place..place + rows.len()).for_each(|place| sizes[place % n_folds] += 1);
            place += rows.len();
            let mut rest = rows.as_slice();
            for (fold, &size) in sizes.iter().enumerate() {
                let (own, others) = rest.split_at(size);
                own.iter().for_each(|&row| fold_of_row[row] = fold as u32);
                rest = others;
            }
        }
        fold_of_row
    }

    /// Every row is written to both sides and kept on one: no branch to predict, which is most of the time
    /// otherwise.
    fn one(fold_of_row: &[u32], own: u32, size: usize) -> Self {
        let mut validation = vec![0; size + 1];
        let mut train = vec![0; fold_of_row.len() - size + 1];
        let (mut to_train, mut to_validation) = (0, 0);
        for (row, &fold) in fold_of_row.iter().enumerate() {
            train[to_train] = row;
            validation[to_validation] = row;
            to_train += usize::from(fold != own);
            to_validation += usize::from(fold == own);
        }
        train.truncate(to_train);
        validation.truncate(to_validation);
        Self { train, validation }
    }

    /// The rows to fit on, ascending; one that was drawn twice is there twice.
    pub fn train(&self) -> &[usize] {
        &self.train
    }

    /// The rows to validate on, ascending.
    pub fn validation(&self) -> &[usize] {
        &self.validation
    }
}

fn twice(row: usize) -> Error {
    Error::shape("fold", "every row once", format!("row {row} twice"))
}

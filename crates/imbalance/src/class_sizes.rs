//! How many rows each class has.

use std::fmt;

use mlsys_core::{Category, Dataset, Error, ErrorKind, Result, Train};

use crate::labelled::Labelled;

/// How many rows each class of a target has: what a [`Strategy`](crate::Strategy) starts from.
///
/// ```
/// use mlsys_imbalance::{ClassSizes, Strategy};
///
/// let sizes = ClassSizes::new("kind", [("rare".into(), 2), ("common".into(), 9), ("usual".into(), 5)])?;
/// assert_eq!((sizes.minority().to_string(), sizes.majority().to_string()), ("rare".into(), "common".into()));
/// assert_eq!(sizes.ratio(), 4.5);
/// // In the order of the classes: common, rare, usual.
/// assert_eq!(Strategy::Auto.over("Smote", &sizes)?, [9, 9, 9]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassSizes {
    column: String,
    classes: Vec<Category>,
    sizes: Vec<usize>,
}

impl ClassSizes {
    /// Classes of a target column and how many rows each has; classes without rows are left out.
    ///
    /// # Errors
    ///
    /// [`SingleClass`](ErrorKind::SingleClass); [`TooFewRows`](ErrorKind::TooFewRows) without rows;
    /// [`Shape`](ErrorKind::Shape) for a class that is there twice.
    pub fn new(column: &str, sizes: impl IntoIterator<Item = (Category, usize)>) -> Result<Self> {
        let mut sizes: Vec<(Category, usize)> = sizes.into_iter().filter(|(_, size)| *size > 0).collect();
        sizes.sort();
        if let Some(pair) = sizes.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(Error::shape(
                "the sizes of classes",
                "each class once",
                format!("`{}` twice", pair[0].0),
            ));
        }
        match sizes.as_slice() {
            [] => Err(Error::too_few_rows(2, 0, "resampling by class")),
            [(class, _)] => {
                Err(ErrorKind::SingleClass { column: column.into(), class: class.to_string() }.into())
            }
            _ => {
                let (classes, sizes) = sizes.into_iter().unzip();
                Ok(Self { column: column.into(), classes, sizes })
            }
        }
    }

    /// The sizes of a dataset's classes. Rows of weight 0 are none; all other rows count 1.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), [`Dataset::labels`] and [`Dataset::weights`].
    pub fn of(train: &Dataset<Train>) -> Result<Self> {
        Labelled::new(train, "ClassSizes").map(|labelled| labelled.sizes)
    }

    /// The target column.
    pub fn column(&self) -> &str {
        &self.column
    }

    /// The classes, ascending: two at least.
    pub fn classes(&self) -> &[Category] {
        &self.classes
    }

    /// The number of rows of each class; never 0.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// The smallest class, the first of several.
    pub fn minority(&self) -> &Category {
        &self.classes[self.smallest()]
    }

    /// The largest class, the last of several.
    pub fn majority(&self) -> &Category {
        &self.classes[self.largest()]
    }

    /// The size of the largest class over that of the smallest.
    pub fn ratio(&self) -> f64 {
        self.sizes[self.largest()] as f64 / self.sizes[self.smallest()] as f64
    }

    pub(crate) fn smallest(&self) -> usize {
        (0..self.sizes.len()).min_by_key(|&class| self.sizes[class]).unwrap_or_default()
    }

    /// Not the smallest class where all are of one size, since there are two at least.
    pub(crate) fn largest(&self) -> usize {
        (0..self.sizes.len()).max_by_key(|&class| self.sizes[class]).unwrap_or_default()
    }
}

impl fmt::Display for ClassSizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = self.classes.iter().zip(&self.sizes).map(|(class, size)| format!("{class}: {size}"));
        f.write_str(&parts.collect::<Vec<_>>().join(", "))
    }
}

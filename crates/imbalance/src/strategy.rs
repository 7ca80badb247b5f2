//! Which classes are resampled, and to how many rows.

use std::fmt;
use std::sync::Arc;

use mlsys_core::{Category, Error, Result};
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};

use crate::ClassSizes;

/// Which classes are resampled, and to how many rows. The smallest class is the first of several of its size, the largest
/// the last.
///
/// | strategy | over-sampling | under-sampling | cleaning |
/// |---|---|---|---|
/// | `Auto` | as `NotMajority` | as `NotMinority` | as `NotMinority` |
/// | `Minority` | the smallest class | refused | refused |
/// | `Majority` | refused | the largest class | the largest class |
/// | `NotMinority` | all but the smallest | all but the smallest | all but the smallest |
/// | `NotMajority` | all but the largest | all but the largest | all but the largest |
/// | `All` | all | all | all |
/// | `Classes` | these | these | these |
/// | `Ratio(r)` | the smaller of two to ⌊r · larger⌋ | the larger of two to ⌊smaller / r⌋ | refused |
/// | `Counts` | these to no fewer rows than they have | these to no more | refused |
/// | `Function` | as `Counts`, of the sizes that there are | as `Counts` | refused |
///
/// Over-sampled classes become as large as the largest one, under-sampled ones as small as the smallest; cleaning
/// removes rows of the chosen classes, however many it finds. `Counts` are of one table: where sizes differ, as from fold to fold of a
/// cross-validation, give a [`function`](Self::function) of them.
///
/// ```
/// use mlsys_imbalance::{ClassSizes, Strategy};
///
/// let sizes = ClassSizes::new("late", [(false.into(), 900), (true.into(), 100)])?;
/// assert_eq!(Strategy::Auto.over("Smote", &sizes)?, [900, 900]);
/// assert_eq!(Strategy::Ratio(0.5).over("Smote", &sizes)?, [900, 450]);
/// assert_eq!(Strategy::Ratio(0.5).under("NearMiss", &sizes)?, [200, 100]);
/// assert_eq!(Strategy::counts([(false, 300)]).under("NearMiss", &sizes)?, [300, 100]);
/// assert_eq!(Strategy::Auto.clean("TomekLinks", &sizes)?, [true, false]);
/// // A third of the way from each class to the largest.
/// let third = Strategy::function(|sizes| {
///     let top = *sizes.sizes().iter().max().unwrap_or(&0);
///     let grow = |(class, &n): (&mlsys_core::Category, &usize)| (class.clone(), n + (top - n) / 3);
///     sizes.classes().iter().zip(sizes.sizes()).map(grow).collect::<Vec<_>>()
/// });
/// assert_eq!(third.over("Smote", &sizes)?, [900, 366]);
/// // 90 late rows are fewer than there are.
/// assert!(Strategy::Ratio(0.1).over("Smote", &sizes).is_err());
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Strategy {
    /// All but the largest class when over-sampling, all but the smallest otherwise.
    #[default]
    Auto,
    /// The smallest class alone.
    Minority,
    /// The largest class alone.
    Majority,
    /// All but the smallest class.
    NotMinority,
    /// All but the largest class.
    NotMajority,
    /// Every class.
    All,
    /// Of two classes: the size of the smaller one over that of the larger one afterwards, above 0 and at most 1.
    Ratio(f64),
    /// The number of rows of some classes afterwards. Made by [`counts`](Self::counts).
    Counts(Vec<(Category, usize)>),
    /// These classes. Made by [`classes`](Self::classes).
    Classes(Vec<Category>),
    /// The number of rows of some classes afterwards, of how many there are. Made by [`function`](Self::function).
    #[serde(skip_deserializing)]
    Function(SizeFunction),
}

/// A function from the sizes of classes to the numbers of rows of some of them afterwards. It is code: equal to its clones alone,
/// and an error to be stored.
#[derive(Clone)]
pub struct SizeFunction(Arc<dyn Fn(&ClassSizes) -> Strategy + Send + Sync>);

impl fmt::Debug for SizeFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SizeFunction")
    }
}

impl PartialEq for SizeFunction {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Serialize for SizeFunction {
    fn serialize<S: Serializer>(&self, _: S) -> std::result::Result<S::Ok, S::Error> {
        let why = "a strategy by a function cannot be stored: it holds code; keep it in code, or store `Strategy::Counts`";
        Err(S::Error::custom(why))
    }
}

/// Products and quotients of decimal fractions may be a rounding error below the whole number that is meant.
const ROUNDING: f64 = 1.0 + 1e-12;

impl Strategy {
    /// The number of rows of some classes afterwards; the others stay as they are.
    pub fn counts<C: Into<Category>>(counts: impl IntoIterator<Item = (C, usize)>) -> Self {
        Self::Counts(counts.into_iter().map(|(class, count)| (class.into(), count)).collect())
    }

    /// Some classes.
    pub fn classes<C: Into<Category>>(classes: impl IntoIterator<Item = C>) -> Self {
        Self::Classes(classes.into_iter().map(Into::into).collect())
    }

    /// The number of rows of some classes afterwards, by the sizes of all; the others stay as they are. The function is asked anew
    /// whenever rows are resampled, in every fold of a cross-validation. It should depend on the sizes alone, or two runs are not the same. A
    /// strategy that holds it cannot be stored, which is an error that says so.
    pub fn function<C, I>(counts: impl Fn(&ClassSizes) -> I + Send + Sync + 'static) -> Self
    where
        C: Into<Category>,
        I: IntoIterator<Item = (C, usize)>,
    {
        Self::Function(SizeFunction(Arc::new(move |sizes| Self::counts(counts(sizes)))))
    }

    /// What a function asks for, and every other strategy itself.
    pub(crate) fn for_sizes(&self, sizes: &ClassSizes) -> Self {
        match self {
            Self::Function(function) => function.0(sizes),
            other => other.clone(),
        }
    }

    /// The number of rows of each class after over-sampling: no fewer than there are.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for a strategy that does not over-sample, a ratio that
    /// is out of reach or of more than two classes, and classes that are not there or there twice.
    pub fn over(&self, estimator: &str, sizes: &ClassSizes) -> Result<Vec<usize>> {
        if let Self::Function(function) = self {
            // Errors name the counts.
            return function.0(sizes).over(estimator, sizes);
        }
        let before = sizes.sizes();
        let top = before[sizes.largest()];
        let after = match self {
            Self::Majority => {
                return Err(self.refused(
                    estimator,
                    "a strategy that over-samples: the largest class is as large as it gets",
                ));
            }
            Self::Ratio(ratio) => {
                let (small, large) = self.two(estimator, *ratio, sizes)?;
                let mut after = before.to_vec();
                after[small] = (before[large] as f64 * ratio * ROUNDING).floor() as usize;
                after
            }
            Self::Counts(counts) => self.counted(estimator, counts, sizes)?,
            _ => {
                let chosen = self.chosen(estimator, sizes, true)?;
                before.iter().zip(chosen).map(|(&size, chosen)| if chosen { top } else { size }).collect()
            }
        };
        let total = after.iter().try_fold(0_usize, |total, &n| total.checked_add(n));
        if total.is_none_or(|total| u32::try_from(total).is_err()) {
            return Err(self.refused(estimator, "fewer than 4,294,967,296 rows in all"));
        }
        match (0..after.len()).find(|&class| after[class] < before[class]) {
            None => Ok(after),
            Some(class) => {
                let (name, size) = (&sizes.classes()[class], before[class]);
                Err(self.refused(
                    estimator,
                    format!("{size} rows or more of class `{name}`, which has that many"),
                ))
            }
        }
    }

    /// The number of rows of each class after under-sampling: no more than there are, and one at least.
    ///
    /// # Errors
    ///
    /// As [`over`](Self::over), for a strategy that does not under-sample, and for no rows.
    pub fn under(&self, estimator: &str, sizes: &ClassSizes) -> Result<Vec<usize>> {
        if let Self::Function(function) = self {
            return function.0(sizes).under(estimator, sizes);
        }
        let before = sizes.sizes();
        let bottom = before[sizes.smallest()];
        let after = match self {
            Self::Minority => {
                return Err(self.refused(
                    estimator,
                    "a strategy that under-samples: the smallest class is as small as it gets",
                ));
            }
            Self::Ratio(ratio) => {
                let (small, large) = self.two(estimator, *ratio, sizes)?;
                let mut after = before.to_vec();
                after[large] = (before[small] as f64 / ratio * ROUNDING).floor() as usize;
                after
            }
            Self::Counts(counts) => self.counted(estimator, counts, sizes)?,
            _ => {
                let chosen = self.chosen(estimator, sizes, false)?;
                before.iter().zip(chosen).map(|(&size, chosen)| if chosen { bottom } else { size }).collect()
            }
        };
        match (0..after.len()).find(|&class| after[class] > before[class] || after[class] == 0) {
            None => Ok(after),
            Some(class) => {
                let (name, size) = (&sizes.classes()[class], before[class]);
                Err(self.refused(estimator, format!("1 to {size} rows of class `{name}`, which has {size}")))
            }
        }
    }

    /// Whether rows of each class may be removed by cleaning.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for a strategy that says how many rows, or spares all
    /// but the smallest class, and classes that are not there or there twice.
    pub fn clean(&self, estimator: &str, sizes: &ClassSizes) -> Result<Vec<bool>> {
        match self {
            Self::Minority => {
                Err(self.refused(estimator, "a strategy that cleans other classes than the smallest"))
            }
            Self::Ratio(_) | Self::Counts(_) | Self::Function(_) => {
                Err(self.refused(estimator, "classes, since cleaning removes as many rows as it finds"))
            }
            _ => self.chosen(estimator, sizes, false),
        }
    }

    fn chosen(&self, estimator: &str, sizes: &ClassSizes, over: bool) -> Result<Vec<bool>> {
        let classes = 0..sizes.classes().len();
        let (small, large) = (sizes.smallest(), sizes.largest());
        Ok(match self {
            Self::Minority => classes.map(|class| class == small).collect(),
            Self::Majority => classes.map(|class| class == large).collect(),
            Self::NotMinority => classes.map(|class| class != small).collect(),
            Self::NotMajority => classes.map(|class| class != large).collect(),
            Self::Auto => classes.map(|class| class != if over { large } else { small }).collect(),
            Self::Classes(named) => {
                let mut chosen = vec![false; sizes.classes().len()];
                for class in named {
                    let place = self.place(estimator, class, sizes)?;
                    if std::mem::replace(&mut chosen[place], true) {
                        return Err(self.refused(estimator, format!("each class once, not `{class}` twice")));
                    }
                }
                chosen
            }
            Self::All | Self::Ratio(_) | Self::Counts(_) | Self::Function(_) => {
                vec![true; sizes.classes().len()]
            }
        })
    }

    /// The smaller and the larger of two classes.
    fn two(&self, estimator: &str, ratio: f64, sizes: &ClassSizes) -> Result<(usize, usize)> {
        if ratio.is_nan() || ratio <= 0.0 || ratio > 1.0 {
            return Err(self.refused(estimator, "a ratio above 0, and 1 at most"));
        }
        match sizes.classes().len() {
            2 => Ok((sizes.smallest(), sizes.largest())),
            n => {
                Err(self
                    .refused(estimator, format!("counts, since there are {n} classes; a ratio is of two")))
            }
        }
    }

    fn counted(
        &self,
        estimator: &str,
        counts: &[(Category, usize)],
        sizes: &ClassSizes,
    ) -> Result<Vec<usize>> {
        let mut after = sizes.sizes().to_vec();
        let mut seen = vec![false; after.len()];
        for (class, count) in counts {
            let place = self.place(estimator, class, sizes)?;
            if std::mem::replace(&mut seen[place], true) {
                return Err(self.refused(estimator, format!("each class once, not `{class}` twice")));
            }
            after[place] = *count;
        }
        Ok(after)
    }

    fn place(&self, estimator: &str, class: &Category, sizes: &ClassSizes) -> Result<usize> {
        sizes.classes().binary_search(class).map_err(|_| {
            let known = sizes.classes().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            self.refused(
                estimator,
                format!("classes of `{}`, which has {known}, not `{class}`", sizes.column()),
            )
        })
    }

    fn refused(&self, estimator: &str, expected: impl Into<String>) -> Error {
        Error::invalid_parameter(estimator, "strategy", self, expected)
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Minority => f.write_str("minority"),
            Self::Majority => f.write_str("majority"),
            Self::NotMinority => f.write_str("not minority"),
            Self::NotMajority => f.write_str("not majority"),
            Self::All => f.write_str("all"),
            Self::Ratio(ratio) => write!(f, "ratio {ratio}"),
            Self::Counts(counts) => {
                let counts: Vec<String> = counts.iter().map(|(class, n)| format!("{class}: {n}")).collect();
                write!(f, "counts {}", counts.join(", "))
            }
            Self::Classes(classes) => {
                let classes: Vec<String> = classes.iter().map(ToString::to_string).collect();
                write!(f, "classes {}", classes.join(", "))
            }
            Self::Function(_) => f.write_str("a function"),
        }
    }
}

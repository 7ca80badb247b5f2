//! The one error type of the workspace: what was expected, what was found, where, and what to do.

use std::fmt;

/// `Result` with mlsys's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, one machine word wide.
///
/// [`Error::kind`] gives the structured reason to match on; `Display` gives a sentence for people.
///
/// ```
/// use mlsys_core::{Error, ErrorKind};
///
/// let error = Error::from(ErrorKind::MissingColumn { name: "dest".into(), available: vec!["origin".into()] });
/// assert_eq!(error.to_string(), "column `dest` is not in the table, which has: origin");
/// ```
pub struct Error(Box<ErrorKind>);

/// The reasons why an mlsys function refuses its input.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A column that is needed is not there.
    MissingColumn {
        /// The column asked for.
        name: String,
        /// The columns that are there.
        available: Vec<String>,
    },
    /// Two columns have the same name.
    DuplicateColumn {
        /// The name that occurs twice.
        name: String,
    },
    /// A column has a type that the operation cannot use.
    ColumnType {
        /// The column.
        column: String,
        /// What would have been accepted, and what to do about it.
        expected: String,
        /// The type that was found.
        found: String,
    },
    /// A parameter of a recipe is outside its range.
    InvalidParameter {
        /// The recipe.
        estimator: String,
        /// The parameter, as its setter is called.
        name: String,
        /// The value given.
        value: String,
        /// The accepted range.
        expected: String,
    },
    /// An infinite value (or NaN, where missing values are not accepted).
    NonFinite {
        /// The column.
        column: String,
        /// The first row, counted from zero in the table given.
        row: usize,
        /// The value found.
        value: f64,
    },
    /// Missing values where none are accepted.
    MissingValues {
        /// The column.
        column: String,
        /// How many there are.
        count: usize,
        /// What to do about it.
        hint: String,
    },
    /// Fewer rows than the operation needs.
    TooFewRows {
        /// How many rows are needed.
        need: usize,
        /// How many there are.
        found: usize,
        /// What they are needed for.
        why: String,
    },
    /// A classification target with one class only.
    SingleClass {
        /// The target column or array.
        column: String,
        /// The class found.
        class: String,
    },
    /// A value that was not there when fitting, where only known ones are accepted.
    UnseenCategory {
        /// The column.
        column: String,
        /// The first row, counted from zero in the table given.
        row: usize,
        /// The value.
        value: String,
        /// What to do about it.
        hint: String,
    },
    /// Every value of a column is missing.
    AllMissing {
        /// The column.
        column: String,
        /// What to do about it.
        hint: String,
    },
    /// The dataset lacks a column of a role, such as a target.
    MissingRole {
        /// The role.
        role: &'static str,
        /// Who needs it.
        needed_by: String,
        /// What to do about it.
        hint: String,
    },
    /// A role that the operation cannot honour, such as weights.
    UnsupportedRole {
        /// The role.
        role: &'static str,
        /// Who cannot use it.
        estimator: String,
        /// What to do about it.
        hint: String,
    },
    /// Two things that belong together differ in length or shape.
    Shape {
        /// What was compared.
        what: String,
        /// The expected length or shape.
        expected: String,
        /// What was found.
        found: String,
    },
    /// A value outside what the operation accepts.
    InvalidValue {
        /// The column or argument.
        column: String,
        /// The first row, where there is one.
        row: Option<usize>,
        /// The value.
        value: String,
        /// What would have been accepted.
        expected: String,
    },
    /// Two states of a statistic that cannot be merged, or bytes that are not such a state.
    State {
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// An artefact that cannot be written or read.
    Artifact {
        /// What is wrong with it.
        reason: String,
    },
    /// The user asked for the work to stop.
    Cancelled {
        /// What was being done.
        stage: String,
    },
    /// Something that is not supported, and what to use instead.
    Unsupported {
        /// What was asked.
        what: String,
    },
    /// An error while doing something, such as a step of a chain or reading a file.
    Context {
        /// What was being done.
        stage: String,
        /// What went wrong.
        source: Error,
    },
    /// An error of another library or of the user's own code.
    External(Box<dyn std::error::Error + Send + Sync + 'static>),
}

impl Error {
    /// The structured reason; context around it is looked through.
    pub fn kind(&self) -> &ErrorKind {
        match &*self.0 {
            ErrorKind::Context { source, .. } => source.kind(),
            kind => kind,
        }
    }

    /// Takes the outermost reason out.
    pub fn into_kind(self) -> ErrorKind {
        *self.0
    }

    /// The column it is about, if it is about one.
    pub fn column(&self) -> Option<&str> {
        match self.kind() {
            ErrorKind::MissingColumn { name, .. } | ErrorKind::DuplicateColumn { name } => Some(name),
            ErrorKind::ColumnType { column, .. }
            | ErrorKind::NonFinite { column, .. }
            | ErrorKind::MissingValues { column, .. }
            | ErrorKind::SingleClass { column, .. }
            | ErrorKind::UnseenCategory { column, .. }
            | ErrorKind::AllMissing { column, .. }
            | ErrorKind::InvalidValue { column, .. } => Some(column),
            _ => None,
        }
    }

    /// Wraps the error in a note of what was being done.
    pub fn context(self, stage: impl Into<String>) -> Self {
        ErrorKind::Context { stage: stage.into(), source: self }.into()
    }

    /// Wraps an error of another library or of your own code.
    pub fn external(source: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>) -> Self {
        ErrorKind::External(source.into()).into()
    }

    /// The same error about rows of a slice, counted from the start of the whole table.
    pub fn offset_rows(mut self, offset: usize) -> Self {
        match &mut *self.0 {
            ErrorKind::NonFinite { row, .. }
            | ErrorKind::UnseenCategory { row, .. }
            | ErrorKind::InvalidValue { row: Some(row), .. } => *row += offset,
            ErrorKind::Context { stage, source } => {
                let inner = std::mem::replace(source, ErrorKind::Unsupported { what: String::new() }.into());
                return inner.offset_rows(offset).context(std::mem::take(stage));
            }
            _ => {}
        }
        self
    }

    /// [`ErrorKind::InvalidParameter`].
    pub fn invalid_parameter(
        estimator: &str,
        name: &str,
        value: impl fmt::Display,
        expected: impl Into<String>,
    ) -> Self {
        ErrorKind::InvalidParameter {
            estimator: estimator.into(),
            name: name.into(),
            value: value.to_string(),
            expected: expected.into(),
        }
        .into()
    }

    /// [`ErrorKind::ColumnType`].
    pub fn column_type(column: &str, expected: impl Into<String>, found: impl fmt::Display) -> Self {
        ErrorKind::ColumnType { column: column.into(), expected: expected.into(), found: found.to_string() }
            .into()
    }

    /// [`ErrorKind::Shape`].
    pub fn shape(what: impl Into<String>, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        ErrorKind::Shape { what: what.into(), expected: expected.to_string(), found: found.to_string() }
            .into()
    }

    /// [`ErrorKind::TooFewRows`].
    pub fn too_few_rows(need: usize, found: usize, why: impl Into<String>) -> Self {
        ErrorKind::TooFewRows { need, found, why: why.into() }.into()
    }

    /// [`ErrorKind::InvalidValue`].
    pub fn invalid_value(
        column: &str,
        row: Option<usize>,
        value: impl fmt::Display,
        expected: impl Into<String>,
    ) -> Self {
        ErrorKind::InvalidValue {
            column: column.into(),
            row,
            value: value.to_string(),
            expected: expected.into(),
        }
        .into()
    }

    /// [`ErrorKind::State`].
    pub fn state(expected: impl Into<String>, found: impl Into<String>) -> Self {
        ErrorKind::State { expected: expected.into(), found: found.into() }.into()
    }

    /// [`ErrorKind::Artifact`].
    pub fn artifact(reason: impl Into<String>) -> Self {
        ErrorKind::Artifact { reason: reason.into() }.into()
    }

    /// [`ErrorKind::Unsupported`].
    pub fn unsupported(what: impl Into<String>) -> Self {
        ErrorKind::Unsupported { what: what.into() }.into()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({:?})", self.0)
    }
}

/// All values, or the error of the first that failed: the first in order, whatever finished first.
///
/// # Errors
///
/// The first of the errors.
pub fn first_error<T, C: FromIterator<T>>(results: Vec<Result<T>>) -> Result<C> {
    results.into_iter().collect()
}

/// At most this many names are listed in a message; a wide table would bury it otherwise.
const LISTED: usize = 20;

fn listed(names: &[String]) -> String {
    match names.len() {
        0 => "no columns".into(),
        n if n <= LISTED => names.join(", "),
        n => format!("{}, and {} more", names[..LISTED].join(", "), n - LISTED),
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingColumn { name, available } => {
                write!(f, "column `{name}` is not in the table, which has: {}", listed(available))
            }
            Self::DuplicateColumn { name } => {
                write!(f, "two columns are called `{name}`; rename one of them")
            }
            Self::ColumnType { column, expected, found } => {
                write!(f, "column `{column}` must be {expected}, found {found}")
            }
            Self::InvalidParameter { estimator, name, value, expected } => {
                write!(f, "`{name}` of {estimator} must be {expected}, got {value}")
            }
            Self::NonFinite { column, row, value } => {
                write!(
                    f,
                    "column `{column}` has {value} in row {row}; expected finite values, so replace or drop it"
                )
            }
            Self::MissingValues { column, count, hint } => {
                write!(
                    f,
                    "column `{column}` has {count} missing value{}; {hint}",
                    if *count == 1 { "" } else { "s" }
                )
            }
            Self::TooFewRows { need, found, why } => {
                write!(
                    f,
                    "{why} needs at least {need} row{}, found {found}",
                    if *need == 1 { "" } else { "s" }
                )
            }
            Self::SingleClass { column, class } => {
                write!(f, "column `{column}` has the single class `{class}`; expected at least two classes")
            }
            Self::UnseenCategory { column, row, value, hint } => {
                write!(
                    f,
                    "column `{column}` has `{value}` in row {row}, which was not there when fitting; {hint}"
                )
            }
            Self::AllMissing { column, hint } => {
                write!(f, "every value of column `{column}` is missing; {hint}")
            }
            Self::MissingRole { role, needed_by, hint } => {
                write!(f, "{needed_by} needs a {role} column; {hint}")
            }
            Self::UnsupportedRole { role, estimator, hint } => {
                write!(f, "{estimator} cannot use a {role} column; {hint}")
            }
            Self::Shape { what, expected, found } => write!(f, "{what}: expected {expected}, found {found}"),
            Self::InvalidValue { column, row: Some(row), value, expected } => {
                write!(f, "column `{column}` has {value} in row {row}; expected {expected}")
            }
            Self::InvalidValue { column, row: None, value, expected } => {
                write!(f, "`{column}` must be {expected}, got {value}")
            }
            Self::State { expected, found } => {
                write!(f, "state of a statistic: expected {expected}, found {found}")
            }
            Self::Artifact { reason } => write!(f, "artefact: {reason}"),
            Self::Cancelled { stage } => write!(f, "cancelled while {stage}"),
            Self::Unsupported { what } => f.write_str(what),
            Self::Context { stage, source } => write!(f, "{stage}: {source}"),
            Self::External(source) => source.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &*self.0 {
            ErrorKind::Context { source, .. } => Some(source),
            ErrorKind::External(source) => Some(&**source),
            _ => None,
        }
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self(Box::new(kind))
    }
}

impl From<arrow::error::ArrowError> for Error {
    fn from(source: arrow::error::ArrowError) -> Self {
        Self::external(source)
    }
}

impl From<std::io::Error> for Error {
    fn from(source: std::io::Error) -> Self {
        Self::external(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_one_word_and_thread_safe() {
        fn check<T: Send + Sync + 'static>() {}
        check::<Error>();
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }

    #[test]
    fn context_is_looked_through() {
        let error = Error::too_few_rows(2, 1, "a variance").context("step 1 (StandardScaler)");
        assert!(matches!(error.kind(), ErrorKind::TooFewRows { need: 2, found: 1, .. }));
        assert_eq!(error.to_string(), "step 1 (StandardScaler): a variance needs at least 2 rows, found 1");
    }

    #[test]
    fn long_lists_of_columns_are_cut() {
        let available = (0..30).map(|i| format!("c{i}")).collect();
        let text = Error::from(ErrorKind::MissingColumn { name: "x".into(), available }).to_string();
        assert!(text.ends_with("c19, and 10 more"), "{text}");
    }
}

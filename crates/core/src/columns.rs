//! Which columns a step works on.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Kind, Layout, Result};

/// A choice among the features of a table, resolved when a step is fitted.
///
/// ```
/// use mlsys_core::Columns;
///
/// let numbers = Columns::numeric();
/// let two = Columns::named(["carrier", "origin"]);
/// let rest = Columns::except(["tailnum"]);
/// # let _ = (numbers, two, rest);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Columns(Choice);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Choice {
    All,
    Numeric,
    Categorical,
    Time,
    Named(Vec<String>),
    Except(Vec<String>),
}

impl Columns {
    /// Every feature.
    pub fn all() -> Self {
        Self(Choice::All)
    }

    /// Integers, floats and decimals.
    pub fn numeric() -> Self {
        Self(Choice::Numeric)
    }

    /// Text, dictionaries of text, and booleans.
    pub fn categorical() -> Self {
        Self(Choice::Categorical)
    }

    /// Dates, times and timestamps.
    pub fn time() -> Self {
        Self(Choice::Time)
    }

    /// Just these; each must be a feature of the table.
    pub fn named<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        Self(Choice::Named(names.into_iter().map(Into::into).collect()))
    }

    /// Every feature but these.
    pub fn except<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        Self(Choice::Except(names.into_iter().map(Into::into).collect()))
    }

    /// The chosen features, in the table's order.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](crate::ErrorKind::MissingColumn) for a name that is not in the table;
    /// [`InvalidValue`](crate::ErrorKind::InvalidValue) for a named column that is not a feature.
    pub fn resolve(&self, layout: &Layout) -> Result<Vec<String>> {
        if let Choice::Named(names) | Choice::Except(names) = &self.0 {
            names.iter().try_for_each(|name| layout.require(name))?;
        }
        if let Choice::Named(names) = &self.0
            && let Some(name) = names.iter().find(|name| !layout.roles().is_feature(name))
        {
            let role = layout.roles().of(name).name();
            return Err(crate::Error::invalid_value(
                "columns",
                None,
                format!("`{name}` (role {role})"),
                "features",
            ));
        }
        let chosen = |name: &str| -> Result<bool> {
            let kind = layout.kind(name)?;
            Ok(match &self.0 {
                Choice::All => true,
                Choice::Numeric => kind.is_number(),
                Choice::Categorical => matches!(kind, Kind::Text | Kind::Boolean),
                Choice::Time => kind.is_temporal(),
                Choice::Named(names) => names.iter().any(|n| n == name),
                Choice::Except(names) => !names.iter().any(|n| n == name),
            })
        };
        let mut columns = Vec::new();
        for name in layout.features() {
            if chosen(name)? {
                columns.push(name.to_owned());
            }
        }
        Ok(columns)
    }

    /// The same columns with every other feature ignored.
    pub(crate) fn limit(&self, layout: &Layout) -> Result<Layout> {
        let chosen: BTreeSet<String> = self.resolve(layout)?.into_iter().collect();
        let mut limited = layout.clone();
        let others = layout.features().into_iter().filter(|name| !chosen.contains(*name));
        limited.roles.ignored.extend(others.map(str::to_owned));
        limited.chosen = true;
        Ok(limited)
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for Columns {
    fn from(names: [S; N]) -> Self {
        Self::named(names)
    }
}

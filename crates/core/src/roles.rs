//! The part that each column of a dataset plays.

use std::collections::BTreeSet;

use arrow::datatypes::{Schema, SchemaRef};
use serde::{Deserialize, Serialize};

use crate::column::{Kind, missing_column};
use crate::{Error, ErrorKind, Result};

/// The main role of a column. Columns are features unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Role {
    /// What a model may learn from.
    Feature,
    /// What it shall predict.
    Target,
    /// How much a row counts.
    Weight,
    /// Rows of one group stay together. Still a feature, unless ignored.
    Group,
    /// When the row happened. Still a feature, unless ignored.
    Time,
    /// Names the row; never a feature.
    Id,
    /// Kept in the table and otherwise left alone.
    Ignored,
}

impl Role {
    /// The noun for tables and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Feature => "feature",
            Self::Target => "target",
            Self::Weight => "weight",
            Self::Group => "group",
            Self::Time => "time",
            Self::Id => "id",
            Self::Ignored => "ignored",
        }
    }
}

/// The roles of a table's columns, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    pub(crate) targets: Vec<String>,
    pub(crate) weight: Option<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) time: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) ignored: BTreeSet<String>,
}

impl Roles {
    /// The main role of a column.
    pub fn of(&self, column: &str) -> Role {
        let is = |role: &Option<String>| role.as_deref() == Some(column);
        if self.targets.iter().any(|t| t == column) {
            Role::Target
        } else if is(&self.weight) {
            Role::Weight
        } else if is(&self.id) {
            Role::Id
        } else if self.groups.iter().any(|g| g == column) {
            Role::Group
        } else if is(&self.time) {
            Role::Time
        } else if self.ignored.contains(column) {
            Role::Ignored
        } else {
            Role::Feature
        }
    }

    /// Whether a model may learn from the column: features, and time and group columns that are not ignored.
    pub fn is_feature(&self, column: &str) -> bool {
        matches!(self.of(column), Role::Feature | Role::Group | Role::Time) && !self.ignored.contains(column)
    }
}

/// A schema and the roles of its columns: all that a recipe needs to know before it sees rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    schema: SchemaRef,
    pub(crate) roles: Roles,
    /// Whether `.on(..)` chose the features.
    pub(crate) chosen: bool,
}

impl Layout {
    /// A layout in which every column is a feature.
    ///
    /// # Errors
    ///
    /// [`DuplicateColumn`](ErrorKind::DuplicateColumn).
    pub fn new(schema: SchemaRef) -> Result<Self> {
        check_unique(&schema)?;
        Ok(Self { schema, roles: Roles::default(), chosen: false })
    }

    /// Gives a column a main role.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](ErrorKind::MissingColumn).
    pub fn with_role(mut self, name: &str, role: Role) -> Result<Self> {
        self.require(name)?;
        self.clear(name);
        let owned = name.to_owned();
        match role {
            Role::Feature => {
                self.roles.ignored.remove(name);
            }
            Role::Target => self.roles.targets.push(owned),
            Role::Weight => self.roles.weight = Some(owned),
            Role::Group => self.roles.groups.push(owned),
            Role::Time => self.roles.time = Some(owned),
            Role::Id => self.roles.id = Some(owned),
            Role::Ignored => {
                self.roles.ignored.insert(owned);
            }
        }
        Ok(self)
    }

    /// Keeps columns from being features. A time or group column keeps that role.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](ErrorKind::MissingColumn).
    pub fn ignore<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Result<Self> {
        for name in names {
            self.require(name.as_ref())?;
            if matches!(self.roles.of(name.as_ref()), Role::Target | Role::Weight | Role::Id) {
                self.clear(name.as_ref());
            }
            self.roles.ignored.insert(name.as_ref().to_owned());
        }
        Ok(self)
    }

    /// The schema.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The roles.
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// The names of the features, in the table's order.
    pub fn features(&self) -> Vec<&str> {
        let names = self.schema.fields().iter().map(|f| f.name().as_str());
        names.filter(|name| self.roles.is_feature(name)).collect()
    }

    /// The kind of a column.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](ErrorKind::MissingColumn).
    pub fn kind(&self, column: &str) -> Result<Kind> {
        match self.schema.field_with_name(column) {
            Ok(field) => Ok(Kind::of(field.data_type())),
            Err(_) => Err(missing_column(&self.schema, column)),
        }
    }

    /// The features that a step works on.
    ///
    /// Under [`.on(..)`](crate::Fit::on) these are exactly the chosen ones, and each must be of a kind that the
    /// step accepts. Without it they are the features of the kinds that the step is meant for, and the others pass
    /// through.
    ///
    /// # Errors
    ///
    /// [`ColumnType`](ErrorKind::ColumnType) naming the first chosen feature that is not accepted, or the first
    /// feature when none is of a kind that the step is meant for;
    /// [`MissingRole`](ErrorKind::MissingRole) when the table has no features.
    pub fn features_for(
        &self,
        estimator: &str,
        meant_for: impl Fn(Kind) -> bool,
        accepts: impl Fn(Kind) -> bool,
        expected: &str,
    ) -> Result<Vec<String>> {
        let names = self.features();
        if names.is_empty() && !self.chosen {
            let hint = "every column has another role or is ignored".into();
            return Err(ErrorKind::MissingRole { role: "feature", needed_by: estimator.into(), hint }.into());
        }
        let mut taken = Vec::with_capacity(names.len());
        let mut refused = None;
        for name in names {
            let kind = self.kind(name)?;
            if if self.chosen { accepts(kind) } else { meant_for(kind) } {
                taken.push(name.to_owned());
            } else if refused.is_none() {
                refused = Some(name);
            }
        }
        match refused {
            Some(name) if self.chosen || taken.is_empty() => {
                let found = self.schema.field_with_name(name)?.data_type();
                Err(Error::column_type(name, format!("{expected} for {estimator}"), found))
            }
            _ => Ok(taken),
        }
    }

    /// All features, for an estimator that must take every one of them, as models do.
    ///
    /// # Errors
    ///
    /// [`ColumnType`](ErrorKind::ColumnType) naming the first feature that is not accepted;
    /// [`MissingRole`](ErrorKind::MissingRole) when there are no features.
    pub fn features_where(
        &self,
        estimator: &str,
        accepts: impl Fn(Kind) -> bool,
        expected: &str,
    ) -> Result<Vec<String>> {
        let every = Self { chosen: true, ..self.clone() };
        let names = every.features_for(estimator, &accepts, &accepts, expected)?;
        if names.is_empty() {
            let hint = "every column has another role or is ignored".into();
            return Err(ErrorKind::MissingRole { role: "feature", needed_by: estimator.into(), hint }.into());
        }
        Ok(names)
    }

    /// The weight column, if there is one.
    pub fn weight(&self) -> Option<&str> {
        self.roles.weight.as_deref()
    }

    /// The single target.
    ///
    /// # Errors
    ///
    /// [`MissingRole`](ErrorKind::MissingRole) without a target, and with several.
    pub fn target(&self, needed_by: &str) -> Result<&str> {
        match self.roles.targets.as_slice() {
            [target] => Ok(target),
            [] => {
                let hint = "name it with `Dataset::target`".into();
                Err(ErrorKind::MissingRole { role: "target", needed_by: needed_by.into(), hint }.into())
            }
            several => {
                let hint = format!("exactly one, found {}: ignore the others", several.join(", "));
                Err(ErrorKind::MissingRole { role: "target", needed_by: needed_by.into(), hint }.into())
            }
        }
    }

    /// The single group column.
    ///
    /// # Errors
    ///
    /// [`MissingRole`](ErrorKind::MissingRole) without a group column, and with several.
    pub fn group(&self, needed_by: &str) -> Result<&str> {
        let hint = match self.roles.groups.as_slice() {
            [group] => return Ok(group),
            [] => "name it with `Dataset::group`".to_owned(),
            several => format!("exactly one, found {}: say which", several.join(", ")),
        };
        Err(ErrorKind::MissingRole { role: "group", needed_by: needed_by.into(), hint }.into())
    }

    /// The time column.
    ///
    /// # Errors
    ///
    /// [`MissingRole`](ErrorKind::MissingRole) without one.
    pub fn time(&self, needed_by: &str) -> Result<&str> {
        self.roles.time.as_deref().ok_or_else(|| {
            let hint = "name it with `Dataset::time`".into();
            ErrorKind::MissingRole { role: "time", needed_by: needed_by.into(), hint }.into()
        })
    }

    /// The targets, in the order in which they were named.
    pub fn targets(&self) -> &[String] {
        &self.roles.targets
    }

    /// The group columns, in the order in which they were named.
    pub fn groups(&self) -> &[String] {
        &self.roles.groups
    }

    /// The same roles over a new schema: roles of columns that are gone are dropped, new columns are features.
    ///
    /// # Errors
    ///
    /// [`DuplicateColumn`](ErrorKind::DuplicateColumn).
    pub fn with_schema(&self, schema: SchemaRef) -> Result<Self> {
        check_unique(&schema)?;
        let has = |name: &String| schema.column_with_name(name).is_some();
        let mut roles = self.roles.clone();
        roles.targets.retain(&has);
        roles.groups.retain(&has);
        roles.ignored.retain(&has);
        for role in [&mut roles.weight, &mut roles.time, &mut roles.id] {
            if role.as_ref().is_some_and(|name| !has(name)) {
                *role = None;
            }
        }
        Ok(Self { schema, roles, chosen: self.chosen })
    }

    pub(crate) fn require(&self, name: &str) -> Result<()> {
        self.kind(name).map(drop)
    }

    /// Takes a column out of its main role before it gets another.
    pub(crate) fn clear(&mut self, name: &str) {
        let roles = &mut self.roles;
        roles.targets.retain(|n| n != name);
        roles.groups.retain(|n| n != name);
        for role in [&mut roles.weight, &mut roles.time, &mut roles.id] {
            if role.as_deref() == Some(name) {
                *role = None;
            }
        }
    }
}

fn check_unique(schema: &Schema) -> Result<()> {
    let mut seen = BTreeSet::new();
    match schema.fields().iter().find(|f| !seen.insert(f.name())) {
        Some(field) => Err(ErrorKind::DuplicateColumn { name: field.name().clone() }.into()),
        None => Ok(()),
    }
}

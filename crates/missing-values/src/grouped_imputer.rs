//! Imputation by a value of the row's group.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, RecordBatch};
use mlsys_core::arrow::datatypes::{Schema, SchemaRef};
use mlsys_core::input::{NewColumn, Replacement, replace_columns};
use mlsys_core::statistic::rows_by;
use mlsys_core::{
    Category, Coded, Dataset, Error, Fit, FitTransform, InputColumn, Result, Role, Train, Transform, column,
    first_error,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::FittedImputer;
use crate::fitted_imputer::{put_picked, without_nulls};

/// Fills missing values with what an imputer of one value finds in the row's group: the median delay of the same carrier.
///
/// | parameter | default | effect |
/// |---|---|---|
/// | `imputer` | required | [`MeanImputer`](crate::MeanImputer), [`MedianImputer`](crate::MedianImputer), [`MostFrequentImputer`](crate::MostFrequentImputer), [`EndOfTailImputer`](crate::EndOfTailImputer) or another that fits a [`FittedImputer`] |
/// | `by` | required | the column that says which group a row is in; no target, not the weight |
///
/// **Input**: the columns that the imputer takes, but for `by`, of which rows that miss it are a group of their own; weights as the imputer has them. A group that was not
/// there when fitting, or in which a column has no value, is filled as the imputer fills the whole table. **Output**: as the imputer's.
///
/// **Errors**: the imputer's for the whole table; [`MissingColumn`](mlsys_core::ErrorKind::MissingColumn) and
/// [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for `by`.
///
/// A fit per group and column.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{AsArray, Float64Array, RecordBatch, StringArray}};
/// use mlsys_core::arrow::datatypes::Float64Type;
/// use mlsys_missing_values::{GroupedImputer, MeanImputer};
/// use std::sync::Arc;
///
/// let batch = RecordBatch::try_from_iter([
///     ("origin", Arc::new(StringArray::from(vec!["JFK", "EWR", "JFK", "EWR", "JFK"])) as _),
///     ("delay", Arc::new(Float64Array::from(vec![Some(1.0), Some(7.0), Some(3.0), None, None])) as _),
/// ])?;
/// let train = Dataset::new(batch)?.into_train_all();
/// let filled = GroupedImputer::new(MeanImputer::new(), "origin").fit(&train)?.transform(train.batch())?;
/// assert_eq!(filled["delay"].as_primitive::<Float64Type>().values()[3..], [7.0, 2.0]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** in small groups, whose value is nearly chance. **Instead**: [`IterativeImputer`](crate::IterativeImputer).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct GroupedImputer<I> {
    imputer: I,
    by: String,
}

impl<I> GroupedImputer<I> {
    /// This imputer, within the groups of a column.
    pub fn new(imputer: I, by: impl Into<String>) -> Self {
        Self { imputer, by: by.into() }
    }
}

/// The fitted [`GroupedImputer`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedGroupedImputer {
    by: InputColumn,
    /// Ascending, the missing one first.
    groups: Vec<Option<Category>>,
    whole: FittedImputer,
    /// For each column of `whole` the value of each group; none where a group has no value of its own.
    values: Vec<Vec<Option<Category>>>,
}

impl FittedGroupedImputer {
    /// The groups, ascending; that of rows without one is `None` and stands first.
    pub fn groups(&self) -> &[Option<Category>] {
        &self.groups
    }

    /// What fills a column in rows whose group was not there when fitting, or has no value of its own.
    pub fn whole(&self) -> &FittedImputer {
        &self.whole
    }

    /// The value that a column is filled with in a group.
    pub fn value(&self, column: &str, group: Option<&Category>) -> Option<&Category> {
        let place = self.whole.values().position(|(name, _)| name == column)?;
        let own = self.groups.iter().position(|known| known.as_ref() == group);
        let own = own.and_then(|group| self.values[place][group].as_ref());
        own.or(self.whole.value(column))
    }

    fn validate(&self) -> Result<()> {
        self.whole.validate()?;
        let n = self.groups.len();
        let fits =
            self.values.len() == self.whole.values().count() && self.values.iter().all(|v| v.len() == n);
        if fits && self.groups.windows(2).all(|pair| pair[0] < pair[1]) {
            return Ok(());
        }
        Err(Error::artifact("has no value for each column and group, or groups that do not ascend"))
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        [self.by.clone()].into_iter().chain(self.whole.input_columns()).collect()
    }

    /// For each row the place of its group, if it was there when fitting.
    fn group_of_rows(&self, batch: &RecordBatch) -> Result<Vec<Option<usize>>> {
        let coded = Coded::new(self.by.name(), self.by.find(batch)?)?;
        let place =
            |group: Option<&Category>| self.groups.binary_search_by(|known| known.as_ref().cmp(&group)).ok();
        let mut places: Vec<Option<usize>> = coded.distinct.iter().map(|group| place(Some(group))).collect();
        places.push(place(None));
        let last = places.len() - 1;
        Ok(coded.codes.iter().map(|&code| places[(code as usize).min(last)]).collect())
    }

    /// The column with the gaps of rows whose group has a value filled by it.
    fn fill(
        &self,
        values: &[Option<Category>],
        name: &str,
        groups: &[Option<usize>],
        batch: &RecordBatch,
        filled: &ArrayRef,
    ) -> Result<ArrayRef> {
        let Some(there) = column::missing(name, column::find(batch, name)?)? else {
            return Ok(Arc::clone(filled));
        };
        let pick = |row: usize| (!there.is_valid(row)).then(|| groups[row]).flatten();
        let picks: Vec<Option<usize>> = (0..groups.len()).map(pick).collect();
        let filled = put_picked(name, filled, &picks, |group| values.get(group).and_then(Option::as_ref))?;
        Ok(without_nulls(&filled))
    }
}

impl Transform for FittedGroupedImputer {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let groups = self.group_of_rows(batch)?;
        let filled = self.whole.transform(batch)?;
        let schema = filled.schema();
        let columns: Vec<(&str, &Vec<Option<Category>>)> =
            self.whole.values().map(|(name, _)| name).zip(&self.values).collect();
        let done: Vec<Result<Replacement<'_, NewColumn>>> = columns
            .par_iter()
            .map(|(name, values)| {
                let array = self.fill(values, name, &groups, batch, &filled[*name])?;
                let field = Arc::new(schema.field_with_name(name)?.clone());
                Ok((*name, vec![(field, array)]))
            })
            .collect();
        replace_columns(&filled, first_error(done)?)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        self.by.check(input)?;
        self.whole.output_schema(input)
    }
}

mlsys_core::artifact!(FittedGroupedImputer, "mlsys.FittedGroupedImputer", 1);

impl<I> Fit for GroupedImputer<I>
where
    I: Fit<Fitted = FittedImputer> + Clone + Send + Sync,
{
    type Fitted = FittedGroupedImputer;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedGroupedImputer> {
        let by = InputColumn::new(train.layout(), &self.by)?;
        let layout = train.layout();
        if layout.targets().contains(&self.by) || layout.weight() == Some(self.by.as_str()) {
            let found = format!("`{}`, a target or the weight", self.by);
            let expected = "a column that is there when serving";
            return Err(Error::invalid_parameter("GroupedImputer", "by", found, expected));
        }
        let limited = train.clone().with_role(&self.by, Role::Ignored)?;
        let whole = self.imputer.fit(&limited)?;
        let names: Vec<String> = whole.values().map(|(name, _)| name.to_owned()).collect();
        let of_group = |(group, rows): (Option<Category>, Vec<u32>)| {
            let rows: Vec<usize> = rows.into_iter().map(|row| row as usize).collect();
            let part = limited.take(&rows)?;
            // The recipe suits the table: what it cannot fit here has no value, or no weight.
            let value = |name: &String| {
                let fitted = self.imputer.clone().on([name.as_str()]).fit(&part).ok();
                fitted.and_then(|fitted| fitted.value(name).cloned())
            };
            Ok((group, names.iter().map(value).collect::<Vec<_>>()))
        };
        let groups = rows_by(train.batch(), &self.by)?;
        let found: Vec<(Option<Category>, Vec<Option<Category>>)> =
            first_error(groups.into_par_iter().map(of_group).collect())?;
        let mut values = vec![Vec::with_capacity(found.len()); names.len()];
        let mut groups = Vec::with_capacity(found.len());
        for (group, own) in found {
            groups.push(group);
            values.iter_mut().zip(own).for_each(|(column, value)| column.push(value));
        }
        Ok(FittedGroupedImputer { by, groups, whole, values })
    }
}

impl<I> FitTransform for GroupedImputer<I> where I: Fit<Fitted = FittedImputer> + Clone + Send + Sync {}

//! Categories of several columns as one.

use std::collections::HashMap;
use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, RecordBatch, StringArray};
use mlsys_core::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use mlsys_core::input::{Replacements, replace_columns, replace_fields};
use mlsys_core::metric::batch_weights;
use mlsys_core::{
    Category, Coded, Error, FitByStatistic, InputColumn, Kind, Layout, NamedStatistic, Result, Statistic,
    Transform, column, first_error,
};
use mlsys_stats::{Column, ColumnStatistic, Counts, CountsState, CountsSummary};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::min_frequency::infrequent;
use crate::murmur::place;
use crate::vocabulary::too_many;
use crate::{MinFrequency, UnseenGroup};

/// Adds a text column for each pair (or more) of columns: the categories of both in one, `JFK×LAX`.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `crosses` | required | two columns or more each | which columns are crossed |
/// | `kept` | [`Kept::All`] | | all crosses, the frequent ones, or a bucket by hash |
/// | `unseen` | `Group` | | what becomes of a cross that was not kept, under [`Kept::Frequent`] |
/// | `max_distinct` | 1,048,576 | 1 or more | more crosses to count are an error |
///
/// **Input**: columns of text, booleans, numbers, dates or times that are features; a cross with a missing part is missing. Weights, if there are any,
/// count in what is frequent. **Output**: the columns stay; behind the last column of a cross comes the new one, text, called
/// `origin×dest`, for an encoder to take on. A `×` or `\` within a category has a `\`
/// before it, so that no two crosses look alike.
///
/// **Errors**: [`MissingColumn`](mlsys_core::ErrorKind::MissingColumn), [`ColumnType`](mlsys_core::ErrorKind::ColumnType),
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter), [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) past `max_distinct`,
/// [`UnseenCategory`](mlsys_core::ErrorKind::UnseenCategory) when transforming, if said so,
/// [`DuplicateColumn`](mlsys_core::ErrorKind::DuplicateColumn) when a name is taken.
///
/// One pass, mergeable; state about 60 bytes per cross under [`Kept::Frequent`], else none.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{AsArray, RecordBatch, StringArray}};
/// use mlsys_encoding::CategoryCross;
/// use std::sync::Arc;
///
/// let batch = RecordBatch::try_from_iter([
///     ("origin", Arc::new(StringArray::from(vec!["JFK", "EWR"])) as _),
///     ("dest", Arc::new(StringArray::from(vec!["LAX", "ORD"])) as _),
/// ])?;
/// let train = Dataset::new(batch)?.into_train_all();
/// let crossed = CategoryCross::new([["origin", "dest"]]).fit(&train)?.transform(train.batch())?;
/// assert_eq!(crossed["origin×dest"].as_string::<i32>().value(0), "JFK×LAX");
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** with many categories: most crosses occur once or never. Keep the frequent ones, or buckets, and
/// encode by the target or sparse.
///
/// Heng-Tze Cheng and others, *Wide & deep learning for recommender systems*, 2016, equation 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct CategoryCross {
    crosses: Vec<Vec<String>>,
    #[serde(default)]
    kept: Kept,
    #[serde(default)]
    unseen: UnseenGroup,
    #[serde(default = "default_max_distinct")]
    max_distinct: usize,
}

fn default_max_distinct() -> usize {
    1 << 20
}

/// Which crosses are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// All: nothing is learned.
    #[default]
    All,
    /// Those that occur so often when fitting; the others become `<infrequent>`.
    Frequent(MinFrequency),
    /// All, in so many buckets by their hash, `0` to `n − 1`: nothing is learned.
    Buckets(u32),
}

impl CategoryCross {
    /// The crosses of these columns.
    pub fn new<C, S>(crosses: impl IntoIterator<Item = C>) -> Self
    where
        C: IntoIterator<Item = S>,
        S: Into<String>,
    {
        let crosses = crosses.into_iter().map(|cross| cross.into_iter().map(Into::into).collect()).collect();
        Self { crosses, kept: Kept::All, unseen: UnseenGroup::Group, max_distinct: default_max_distinct() }
    }

    /// Which crosses are kept.
    pub fn kept(mut self, kept: Kept) -> Self {
        self.kept = kept;
        self
    }

    /// What becomes of crosses that are not kept.
    pub fn unseen(mut self, unseen: UnseenGroup) -> Self {
        self.unseen = unseen;
        self
    }

    /// How many crosses may be counted.
    pub fn max_distinct(mut self, max_distinct: usize) -> Self {
        self.max_distinct = max_distinct;
        self
    }

    fn check(&self) -> Result<()> {
        let invalid = |name, value: String, expected: &str| {
            Err(Error::invalid_parameter("CategoryCross", name, value, expected))
        };
        if self.max_distinct == 0 {
            return invalid("max_distinct", "0".into(), "1 or more");
        }
        match self.kept {
            Kept::Frequent(MinFrequency::Share(share)) if !(share > 0.0 && share < 1.0) => {
                invalid("kept", share.to_string(), "a share above 0 and below 1")
            }
            Kept::Frequent(MinFrequency::Count(0)) | Kept::Buckets(0) => {
                invalid("kept", "0".into(), "1 or more")
            }
            _ => check_crosses("CategoryCross", &self.crosses),
        }
    }
}

fn check_crosses(estimator: &str, crosses: &[Vec<String>]) -> Result<()> {
    let distinct = |cross: &[String]| (1..cross.len()).all(|i| !cross[..i].contains(&cross[i]));
    let wrong = crosses.iter().find(|cross| !(2..=16).contains(&cross.len()) || !distinct(cross));
    let found = match wrong {
        Some(cross) => name_of(cross),
        None if crosses.is_empty() => "none".into(),
        None if (1..crosses.len()).any(|i| crosses[..i].contains(&crosses[i])) => "one twice".into(),
        None => return Ok(()),
    };
    Err(Error::invalid_parameter(
        estimator,
        "crosses",
        found,
        "2 to 16 different columns each, each cross once",
    ))
}

fn name_of(cross: &[String]) -> String {
    cross.join("×")
}

/// The parts of a cross, as they were before it.
pub(crate) fn parts(cross: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = cross.chars();
    while let Some(c) = chars.next() {
        let part = match c {
            '×' => {
                parts.push(String::new());
                continue;
            }
            '\\' => chars.next(),
            c => Some(c),
        };
        if let Some(last) = parts.last_mut() {
            last.extend(part);
        }
    }
    parts
}

/// The codes of each row's cross, and what it is called: `None` where a part is missing.
fn crossed(cross: &[String], batch: &RecordBatch) -> Result<(Vec<u32>, Vec<String>)> {
    let written = |value: &Category| value.to_string().replace('\\', r"\\").replace('×', r"\×");
    let mut codes: Vec<u32> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for (i, name) in cross.iter().enumerate() {
        let coded = Coded::new(name, column::find(batch, name)?)?;
        let own: Vec<String> = coded.distinct.iter().map(written).collect();
        if i == 0 {
            (codes, names) = (coded.codes, own);
            continue;
        }
        // Codes by first appearance: the map's order is in no result.
        let mut seen: HashMap<(u32, u32), u32> = HashMap::new();
        let mut joined = Vec::new();
        for (code, &other) in codes.iter_mut().zip(&coded.codes) {
            if *code == Coded::MISSING || other == Coded::MISSING {
                *code = Coded::MISSING;
                continue;
            }
            *code = *seen.entry((*code, other)).or_insert_with(|| {
                joined.push(format!("{}×{}", names[*code as usize], own[other as usize]));
                joined.len() as u32 - 1
            });
        }
        names = joined;
    }
    Ok((codes, names))
}

fn rows(codes: &[u32], names: &[String]) -> ArrayRef {
    Arc::new(StringArray::from_iter(codes.iter().map(|&code| names.get(code as usize).map(String::as_str))))
}

/// How often each cross of columns occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a statistic does nothing until it is run"]
pub struct CrossCounts {
    crosses: Vec<Vec<String>>,
    weight: Option<String>,
    each: Counts,
}

impl CrossCounts {
    /// Of these crosses of columns; past so many different ones, only totals are kept.
    pub fn new(crosses: Vec<Vec<String>>, cap: usize) -> Self {
        Self { crosses, weight: None, each: Counts::new().cap(cap) }
    }

    /// Weights the rows by a column; it must be in every batch.
    pub fn weight(mut self, column: Option<&str>) -> Self {
        self.weight = column.map(str::to_owned);
        self
    }

    fn check_crosses(&self, state: &[CountsState]) -> Result<()> {
        if state.len() == self.crosses.len() {
            return Ok(());
        }
        Err(Error::state(format!("{} crosses", self.crosses.len()), format!("{}", state.len())))
    }
}

impl NamedStatistic for CrossCounts {
    const NAME: &'static str = "mlsys.CrossCounts";

    fn check_state(&self, state: &Vec<CountsState>) -> Result<()> {
        self.check_crosses(state)?;
        state.iter().try_for_each(|state| self.each.check_state(state))
    }

    fn columns(&self, _: &Schema) -> Vec<String> {
        let mut names: Vec<String> = self.crosses.iter().flatten().chain(&self.weight).cloned().collect();
        names.sort();
        names.dedup();
        names
    }
}

impl Statistic for CrossCounts {
    type State = Vec<CountsState>;
    type Output = Vec<CountsSummary>;

    fn init(&self, schema: &Schema) -> Result<Vec<CountsState>> {
        if !self.crosses.is_empty() {
            check_crosses("CrossCounts", &self.crosses)?;
        }
        for name in self.crosses.iter().flatten() {
            let field = schema.field_with_name(name).map_err(|_| column::missing_column(schema, name))?;
            self.each.init(field)?;
        }
        let text = Field::new("cross", DataType::Utf8, true);
        self.crosses.iter().map(|_| self.each.init(&text)).collect()
    }

    fn update(&self, state: &mut Vec<CountsState>, batch: &RecordBatch) -> Result<()> {
        self.check_crosses(state)?;
        let weights = batch_weights(batch, self.weight.as_deref())?;
        let updated = state.par_iter_mut().zip(&self.crosses).map(|(state, cross)| {
            let (codes, names) = crossed(cross, batch)?;
            let array = rows(&codes, &names);
            self.each.update(state, &Column::new(&name_of(cross), &array, weights.as_deref())?)
        });
        first_error(updated.collect())
    }

    fn merge(&self, into: &mut Vec<CountsState>, from: Vec<CountsState>) -> Result<()> {
        self.check_crosses(into)?;
        self.check_crosses(&from)?;
        into.iter_mut().zip(from).try_for_each(|(into, from)| self.each.merge(into, from))
    }

    fn finish(&self, state: &Vec<CountsState>) -> Result<Vec<CountsSummary>> {
        self.check_crosses(state)?;
        state.iter().map(|state| self.each.finish(state)).collect()
    }
}

/// The fitted [`CategoryCross`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedCategoryCross {
    columns: Vec<InputColumn>,
    crosses: Vec<Vec<String>>,
    kept: Kept,
    unseen: UnseenGroup,
    /// For each cross what is kept, ascending, where not all are.
    frequent: Vec<Vec<String>>,
}

impl FittedCategoryCross {
    /// The names of the new columns.
    pub fn output_names(&self) -> Vec<String> {
        self.crosses.iter().map(|cross| name_of(cross)).collect()
    }

    /// The columns that a new column crosses.
    pub fn sources(&self, output: &str) -> Option<&[String]> {
        self.crosses.iter().find(|cross| name_of(cross) == output).map(Vec::as_slice)
    }

    /// The crosses that are kept in a new column, ascending; none where all are.
    pub fn frequent(&self, output: &str) -> Option<&[String]> {
        let found = self.crosses.iter().zip(&self.frequent).find(|(cross, _)| name_of(cross) == output);
        found.map(|(_, frequent)| frequent.as_slice())
    }

    fn validate(&self) -> Result<()> {
        check_crosses("CategoryCross", &self.crosses).map_err(|e| Error::artifact(e.to_string()))?;
        let known = |name: &String| self.columns.iter().any(|column| column.name() == name);
        let ascend = |words: &Vec<String>| words.windows(2).all(|pair| pair[0] < pair[1]);
        let frequent = match self.kept {
            Kept::Frequent(_) => self.frequent.len() == self.crosses.len(),
            Kept::All => self.frequent.is_empty(),
            Kept::Buckets(n) => n > 0 && self.frequent.is_empty(),
        };
        if frequent && self.frequent.iter().all(ascend) && self.crosses.iter().flatten().all(known) {
            return Ok(());
        }
        Err(Error::artifact("has crosses of other columns, or does not say which are frequent"))
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.clone()
    }

    fn check(&self, schema: &Schema) -> Result<()> {
        self.columns.iter().try_for_each(|column| column.check(schema).map(drop))
    }

    fn encode(&self, i: usize, batch: &RecordBatch) -> Result<ArrayRef> {
        let cross = &self.crosses[i];
        let (codes, names) = crossed(cross, batch)?;
        let names: Vec<String> = match self.kept {
            Kept::All => names,
            Kept::Buckets(n) => {
                names.iter().map(|name| place(name.as_bytes(), n, false).0.to_string()).collect()
            }
            Kept::Frequent(_) => {
                let kept: Vec<bool> =
                    names.iter().map(|name| self.frequent[i].binary_search(name).is_ok()).collect();
                let unseen = |&code: &u32| kept.get(code as usize) == Some(&false);
                if self.unseen == UnseenGroup::Error
                    && let Some(row) = codes.iter().position(unseen)
                {
                    let hint = "set `unseen` to say what becomes of such crosses".into();
                    let value = names[codes[row] as usize].clone();
                    return Err(mlsys_core::ErrorKind::UnseenCategory {
                        column: name_of(cross),
                        row,
                        value,
                        hint,
                    }
                    .into());
                }
                let grouped = |(name, kept)| if kept { name } else { "<infrequent>".to_owned() };
                names.into_iter().zip(kept).map(grouped).collect()
            }
        };
        Ok(rows(&codes, &names))
    }

    /// Each cross behind the last of its columns.
    fn placed<'a, T>(
        &self,
        schema: &'a Schema,
        new: Vec<T>,
        own: impl Fn(&'a FieldRef) -> T,
    ) -> Replacements<'a, T> {
        let mut with: Replacements<'a, T> = Replacements::new();
        for (cross, new) in self.crosses.iter().zip(new) {
            let last = schema.fields().iter().rev().find(|field| cross.contains(field.name()));
            if let Some(field) = last {
                with.entry(field.name().as_str()).or_insert_with(|| vec![own(field)]).push(new);
            }
        }
        with
    }

    fn fields(&self) -> Vec<FieldRef> {
        self.output_names().iter().map(|name| Arc::new(Field::new(name, DataType::Utf8, true))).collect()
    }
}

impl Transform for FittedCategoryCross {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        self.check(batch.schema_ref())?;
        let arrays: Vec<ArrayRef> =
            first_error((0..self.crosses.len()).into_par_iter().map(|i| self.encode(i, batch)).collect())?;
        let new = self.fields().into_iter().zip(arrays).collect();
        let own = |field: &FieldRef| (Arc::clone(field), Arc::clone(&batch[field.name().as_str()]));
        replace_columns(batch, self.placed(batch.schema_ref(), new, own))
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        self.check(input)?;
        replace_fields(input, self.placed(input, self.fields(), Arc::clone))
    }
}

mlsys_core::artifact!(FittedCategoryCross, "mlsys.FittedCategoryCross", 1);

impl FitByStatistic for CategoryCross {
    type Statistic = CrossCounts;
    type Fitted = FittedCategoryCross;

    fn statistic(&self, layout: &Layout) -> Result<CrossCounts> {
        self.check()?;
        let features = layout.features();
        for name in self.crosses.iter().flatten() {
            if layout.kind(name)? == Kind::Other {
                let found = layout.schema().field_with_name(name)?.data_type();
                return Err(Error::column_type(
                    name,
                    "text, booleans, numbers or times for CategoryCross",
                    found,
                ));
            }
            if !features.contains(&name.as_str()) {
                let expected = "features, not the target, a weight, or what is ignored";
                return Err(Error::invalid_parameter("CategoryCross", "crosses", name, expected));
            }
        }
        let counted = if matches!(self.kept, Kept::Frequent(_)) { self.crosses.clone() } else { Vec::new() };
        Ok(CrossCounts::new(counted, self.max_distinct).weight(layout.weight()))
    }

    fn fitted(&self, layout: &Layout, found: Vec<CountsSummary>) -> Result<FittedCategoryCross> {
        let mut frequent = Vec::with_capacity(found.len());
        for (cross, counts) in self.crosses.iter().zip(found) {
            let values = counts.values.ok_or_else(|| too_many(&name_of(cross), self.max_distinct))?;
            let weights: Vec<f64> = values.iter().map(|count| count.weight).collect();
            let total = weights.iter().sum::<f64>() + counts.missing_weight;
            let Kept::Frequent(least) = self.kept else { continue };
            let rare = infrequent(Some(least), None, &weights, total);
            let kept = values.iter().zip(rare).filter(|(_, rare)| !rare);
            frequent.push(kept.map(|(count, _)| count.value.to_string()).collect());
        }
        let mut names: Vec<&String> = self.crosses.iter().flatten().collect();
        names.sort();
        names.dedup();
        Ok(FittedCategoryCross {
            columns: InputColumn::all(layout, names)?,
            crosses: self.crosses.clone(),
            kept: self.kept,
            unseen: self.unseen,
            frequent,
        })
    }
}

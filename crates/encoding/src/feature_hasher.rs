//! Categories and numbers as columns numbered by a hash: no vocabulary, nothing unseen.

use std::collections::BTreeSet;
use std::sync::Arc;

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::arrow::datatypes::{Schema, SchemaRef};
use mlsys_core::input::{Replacements, replace_columns, replace_fields};
use mlsys_core::sparse::{self, SparseBuilder, SparseRows};
use mlsys_core::{
    Coded, Dataset, Error, FitByStatistic, InputColumn, Kind, Layout, Partition, Result, Transform, column,
    first_error,
};
use mlsys_stats::{ColumnStatistic, Missing, MissingSummary, PerColumn};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::murmur::place;

/// Gives each category of each column a place among `n_features` columns, by a hash of `column=category`, and adds up in one column of
/// [sparse rows](mlsys_core::sparse).
///
/// ```text
/// h = MurmurHash3(name),  x[|h| mod n] += sign(h) · value       text: name "column=category", value 1;  numbers: name "column"
/// ```
/// The sign keeps inner products unbiased: what collides cancels on average.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `n_features` | 1,048,576 | 1 to 2,147,483,647 | how many columns there are |
/// | `sign` | `Alternate` | | whether values get the hash's sign |
/// | `name` | `hashed` | | the new column, in place of the first that is hashed |
///
/// **Input**: the text features, or with `.on(..)` exactly those, of text, dates and times (as categories), numbers and booleans
/// (as numbers); missing values add nothing. **Output**: one column of sparse rows in place of all. Nothing is learned, so that weights play no part.
///
/// **Errors**: [`ColumnType`](mlsys_core::ErrorKind::ColumnType), [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter),
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinite numbers,
/// [`DuplicateColumn`](mlsys_core::ErrorKind::DuplicateColumn) when the name is taken.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, sparse::SparseRows, arrow::array::{RecordBatch, StringArray}};
/// use mlsys_encoding::FeatureHasher;
/// use std::sync::Arc;
///
/// let x = Arc::new(StringArray::from(vec!["EWR", "JFK"]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("origin", x as _)])?)?.into_train_all();
/// let hashed = FeatureHasher::new().n_features(8).fit(&train)?.transform(train.batch())?;
/// let rows = SparseRows::read(hashed.schema().field(0), hashed.column(0))?;
/// assert_eq!((rows.row(0), rows.row(1)), (([5].as_slice(), [-1.0].as_slice()), ([1].as_slice(), [1.0].as_slice())));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when columns are few: categories share a column and cannot be told apart. [`collisions`](Self::collisions) counts them.
///
/// Kilian Weinberger and others, *Feature hashing for large scale multitask learning*, 2009. As scikit-learn's `FeatureHasher`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct FeatureHasher {
    n_features: u32,
    sign: Sign,
    name: String,
}

/// Whether hashed values get the sign of their hash.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// They do.
    #[default]
    Alternate,
    /// They are left as they are.
    Keep,
}

impl Default for FeatureHasher {
    fn default() -> Self {
        Self { n_features: 1 << 20, sign: Sign::Alternate, name: "hashed".into() }
    }
}

impl FeatureHasher {
    /// A hasher to 2^20 columns.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many columns there are.
    pub fn n_features(mut self, n_features: u32) -> Self {
        self.n_features = n_features;
        self
    }

    /// Whether values get the hash's sign.
    pub fn sign(mut self, sign: Sign) -> Self {
        self.sign = sign;
        self
    }

    /// What the new column is called.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    fn columns(&self, layout: &Layout) -> Result<Vec<String>> {
        check_n_features("FeatureHasher", self.n_features)?;
        let accepts = |kind| kind != Kind::Other;
        let text = |kind| kind == Kind::Text;
        layout.features_for("FeatureHasher", text, accepts, "text, booleans, numbers or times")
    }

    /// How many of a table's features share a column, and how many should be expected to.
    ///
    /// # Errors
    ///
    /// As fitting.
    pub fn collisions<P: Partition>(&self, data: &Dataset<P>) -> Result<CollisionReport> {
        let columns = InputColumn::all(data.layout(), self.columns(data.layout())?)?;
        let mut features = 0;
        let mut places = BTreeSet::new();
        for column in &columns {
            let mut add = |name: &[u8]| {
                features += 1;
                places.insert(place(name, self.n_features, false).0);
            };
            if column.kind().is_numeric() {
                add(column.name().as_bytes());
                continue;
            }
            let coded = Coded::new(column.name(), data.column(column.name())?)?;
            coded.distinct.iter().for_each(|value| add(format!("{}={value}", column.name()).as_bytes()));
        }
        Ok(CollisionReport { features, occupied: places.len(), n_features: self.n_features })
    }
}

/// Refuses to hash to no columns, or to more than there are hashes.
pub(crate) fn check_n_features(estimator: &str, n_features: u32) -> Result<()> {
    if (1..=i32::MAX as u32).contains(&n_features) {
        return Ok(());
    }
    Err(Error::invalid_parameter(estimator, "n_features", n_features, "1 to 2147483647"))
}

/// How many features share a column. From [`FeatureHasher::collisions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CollisionReport {
    /// The features that were hashed.
    pub features: usize,
    /// The columns that have a feature.
    pub occupied: usize,
    /// The columns that there are.
    pub n_features: u32,
}

impl CollisionReport {
    /// How many features found their column taken.
    pub fn collided(&self) -> usize {
        self.features - self.occupied
    }

    /// How many are to be expected of a random hash: `n − m (1 − (1 − 1/m)^n)` for n features in m columns.
    pub fn expected(&self) -> f64 {
        let (n, m) = (self.features as f64, f64::from(self.n_features));
        // 1 − (1 − 1/m)^n without losing the digits of a small share.
        n + m * (n * (-1.0 / m).ln_1p()).exp_m1()
    }
}

/// The fitted [`FeatureHasher`]: the columns that it hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FittedFeatureHasher {
    columns: Vec<InputColumn>,
    hasher: FeatureHasher,
}

/// What a row of a column adds.
enum Entries {
    /// By code: a place and a value, none for missing ones, which stand last.
    Categories(Coded, Vec<Option<(u32, f64)>>),
    /// A place, a sign and each row's number.
    Numbers(u32, f64, mlsys_core::arrow::buffer::ScalarBuffer<f64>),
}

impl Entries {
    fn of_row(&self, row: usize) -> Option<(u32, f64)> {
        match self {
            Self::Categories(coded, table) => table[(coded.codes[row] as usize).min(table.len() - 1)],
            Self::Numbers(place, sign, values) => {
                (!values[row].is_nan()).then(|| (*place, sign * values[row]))
            }
        }
    }
}

/// Rows that one task writes.
const ROWS: usize = 16_384;

/// Writes sparse rows in parallel. What `write` owns is let go before the parts are put together.
pub(crate) fn write_rows(
    width: usize,
    n_rows: usize,
    entries: usize,
    write: impl Fn(usize, &mut SparseBuilder) + Sync,
) -> Result<SparseRows> {
    let part = |part: usize| {
        let rows = part * ROWS..((part + 1) * ROWS).min(n_rows);
        let mut builder = SparseBuilder::new(width, rows.len(), rows.len() * entries);
        for row in rows {
            write(row, &mut builder);
            builder.end_row();
        }
        builder.finish()
    };
    let parts: Vec<SparseRows> = first_error((0..n_rows.div_ceil(ROWS)).into_par_iter().map(part).collect())?;
    drop(write);
    SparseRows::concat(width, parts)
}

impl FittedFeatureHasher {
    /// The columns that are hashed.
    pub fn inputs(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(InputColumn::name)
    }

    fn validate(&self) -> Result<()> {
        check_n_features("FeatureHasher", self.hasher.n_features)
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.clone()
    }

    fn entries(&self, input: &InputColumn, batch: &RecordBatch) -> Result<Entries> {
        let (name, array) = (input.name(), input.find(batch)?);
        let place =
            |key: &str| place(key.as_bytes(), self.hasher.n_features, self.hasher.sign == Sign::Alternate);
        if input.kind().is_numeric() {
            let (place, sign) = place(name);
            return Ok(Entries::Numbers(place, sign, column::finite_or_missing(name, array)?));
        }
        let coded = Coded::new(name, array)?;
        let mut key = format!("{name}=");
        let mut table: Vec<Option<(u32, f64)>> = Vec::with_capacity(coded.distinct.len() + 1);
        for value in &coded.distinct {
            use std::fmt::Write;
            key.truncate(name.len() + 1);
            write!(key, "{value}").map_err(Error::external)?;
            table.push(Some(place(&key)));
        }
        table.push(None);
        Ok(Entries::Categories(coded, table))
    }

    fn field(&self) -> mlsys_core::arrow::datatypes::FieldRef {
        Arc::new(sparse::field(&self.hasher.name, self.hasher.n_features as usize))
    }

    /// What takes the place of the columns: the new one that of the first, nothing that of the others.
    fn replacing<T: Clone>(&self, new: T, first: Option<&str>) -> Replacements<'_, T> {
        let one = |column: &'_ InputColumn| {
            if Some(column.name()) == first { vec![new.clone()] } else { Vec::new() }
        };
        self.columns.iter().map(|column| (column.name(), one(column))).collect()
    }

    fn first<'a>(&self, schema: &'a Schema) -> Option<&'a str> {
        let mut names = schema.fields().iter().map(|field| field.name().as_str());
        names.find(|name| self.columns.iter().any(|column| column.name() == *name))
    }
}

impl Transform for FittedFeatureHasher {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let entries: Vec<Entries> =
            first_error(self.columns.par_iter().map(|column| self.entries(column, batch)).collect())?;
        let width = self.hasher.n_features as usize;
        let rows = write_rows(width, batch.num_rows(), entries.len(), move |row, builder| {
            entries.iter().filter_map(|e| e.of_row(row)).for_each(|(place, value)| builder.add(place, value));
        })?;
        let new = (self.field(), rows.to_array()?);
        replace_columns(batch, self.replacing(new, self.first(batch.schema_ref())))
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        for column in &self.columns {
            column.check(input)?;
        }
        replace_fields(input, self.replacing(self.field(), self.first(input)))
    }
}

mlsys_core::artifact!(FittedFeatureHasher, "mlsys.FittedFeatureHasher", 1);

impl FitByStatistic for FeatureHasher {
    /// Nothing is learned: no column is looked at.
    type Statistic = PerColumn<Missing>;
    type Fitted = FittedFeatureHasher;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        self.columns(layout)?;
        Ok(Missing::new().over([""; 0]))
    }

    fn fitted(&self, layout: &Layout, _: Vec<(String, MissingSummary)>) -> Result<FittedFeatureHasher> {
        // In the order of their names, so that values which share a place add up alike in any table.
        let mut names = self.columns(layout)?;
        names.sort();
        Ok(FittedFeatureHasher { columns: InputColumn::all(layout, names)?, hasher: self.clone() })
    }
}

//! Text as counts of its tokens, numbered by a hash.

use std::sync::Arc;

use mlsys_core::arrow::array::{Array, AsArray, RecordBatch};
use mlsys_core::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use mlsys_core::input::{NewColumn, Replacement, Replacements, replace_columns, replace_fields};
use mlsys_core::sparse;
use mlsys_core::{Error, FitByStatistic, InputColumn, Kind, Layout, Result, Transform, first_error};
use mlsys_stats::{ColumnStatistic, Missing, MissingSummary, PerColumn};
use serde::{Deserialize, Serialize};

use super::token_counts::texts;
use super::{Analyzer, Norm};
use crate::Sign;
use crate::feature_hasher::{check_n_features, write_rows};
use crate::murmur::place;

/// Counts the tokens of each text, each in a column numbered by its hash: no vocabulary to fit, to keep or to outgrow.
///
/// ```text
/// h = MurmurHash3(token),  x[|h| mod n] += sign(h), divided by the row's norm
/// ```
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `analyzer` | words in lower case | [`Analyzer`] | how text is cut |
/// | `n_features` | 1,048,576 | 1 to 2,147,483,647 | how many columns there are |
/// | `sign` | `Alternate` | | whether counts get the hash's sign |
/// | `norm` | `L2` | | what each row is divided by |
///
/// **Input**: the text features, or with `.on(..)` exactly those; missing texts have no token. Nothing is learned, so that
/// weights play no part. **Output**: a column of [sparse rows](mlsys_core::sparse) in place of each.
///
/// **Errors**: [`ColumnType`](mlsys_core::ErrorKind::ColumnType), [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter).
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, sparse::SparseRows, arrow::array::{RecordBatch, StringArray}};
/// use mlsys_encoding::text::HashingVectorizer;
/// use std::sync::Arc;
///
/// let x = Arc::new(StringArray::from(vec!["late again and again"]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("note", x as _)])?)?.into_train_all();
/// let hashed = HashingVectorizer::new().fit(&train)?.transform(train.batch())?;
/// let rows = SparseRows::read(hashed.schema().field(0), hashed.column(0))?;
/// assert_eq!(rows.row(0).1.iter().map(|x| x * x).sum::<f64>().round(), 1.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when someone asks which word a coefficient stands for: hashes don't tell.
///
/// Kilian Weinberger and others, *Feature hashing for large scale multitask learning*, 2009. As scikit-learn's `HashingVectorizer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct HashingVectorizer {
    analyzer: Analyzer,
    n_features: u32,
    sign: Sign,
    norm: Norm,
}

impl Default for HashingVectorizer {
    fn default() -> Self {
        Self { analyzer: Analyzer::default(), n_features: 1 << 20, sign: Sign::Alternate, norm: Norm::L2 }
    }
}

impl HashingVectorizer {
    /// A vectorizer by words to 2^20 columns.
    pub fn new() -> Self {
        Self::default()
    }

    /// How text is cut.
    pub fn analyzer(mut self, analyzer: Analyzer) -> Self {
        self.analyzer = analyzer;
        self
    }

    /// How many columns there are.
    pub fn n_features(mut self, n_features: u32) -> Self {
        self.n_features = n_features;
        self
    }

    /// Whether counts get the hash's sign.
    pub fn sign(mut self, sign: Sign) -> Self {
        self.sign = sign;
        self
    }

    /// What each row is divided by.
    pub fn norm(mut self, norm: Norm) -> Self {
        self.norm = norm;
        self
    }

    fn columns(&self, layout: &Layout) -> Result<Vec<String>> {
        check_n_features("HashingVectorizer", self.n_features)?;
        self.analyzer.check("HashingVectorizer")?;
        let text = |kind| kind == Kind::Text;
        layout.features_for("HashingVectorizer", text, text, "text")
    }
}

/// The fitted [`HashingVectorizer`]: the columns that it hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FittedHashingVectorizer {
    columns: Vec<InputColumn>,
    vectorizer: HashingVectorizer,
}

impl FittedHashingVectorizer {
    fn validate(&self) -> Result<()> {
        let checked = check_n_features("HashingVectorizer", self.vectorizer.n_features);
        let checked = checked.and_then(|()| self.vectorizer.analyzer.check("HashingVectorizer"));
        checked.map_err(|e| Error::artifact(e.to_string()))
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.clone()
    }

    fn field(&self, column: &InputColumn) -> FieldRef {
        Arc::new(sparse::field(column.name(), self.vectorizer.n_features as usize))
    }

    fn encode(&self, column: &InputColumn, batch: &RecordBatch) -> Result<NewColumn> {
        let HashingVectorizer { analyzer, n_features, sign, norm } = self.vectorizer;
        let array = texts(column.name(), column.find(batch)?)?;
        let texts = array.as_string_view();
        let rows = write_rows(n_features as usize, batch.num_rows(), 4, |row, builder| {
            if !texts.is_valid(row) {
                return;
            }
            let mut entries: Vec<(u32, f64)> = Vec::new();
            analyzer.tokens(texts.value(row), |token| {
                entries.push(place(token.as_bytes(), n_features, sign == Sign::Alternate));
            });
            entries.sort_by_key(|&(place, _)| place);
            let mut summed: Vec<(u32, f64)> = entries
                .chunk_by(|a, b| a.0 == b.0)
                .map(|run| (run[0].0, run.iter().map(|(_, sign)| sign).sum()))
                .collect();
            norm.apply(&mut summed);
            summed.into_iter().for_each(|(place, value)| builder.add(place, value));
        })?;
        Ok((self.field(column), rows.to_array()?))
    }
}

impl Transform for FittedHashingVectorizer {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let one = |column: &'_ InputColumn| self.encode(column, batch).map(|new| vec![new]);
        let done: Vec<Result<Replacement<'_, NewColumn>>> =
            self.columns.iter().map(|column| Ok((column.name(), one(column)?))).collect();
        replace_columns(batch, first_error(done)?)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        let mut with = Replacements::new();
        for column in &self.columns {
            column.check(input)?;
            with.insert(column.name(), vec![self.field(column)]);
        }
        replace_fields(input, with)
    }
}

mlsys_core::artifact!(FittedHashingVectorizer, "mlsys.FittedHashingVectorizer", 1);

impl FitByStatistic for HashingVectorizer {
    /// Nothing is learned: no column is looked at.
    type Statistic = PerColumn<Missing>;
    type Fitted = FittedHashingVectorizer;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        self.columns(layout)?;
        Ok(Missing::new().over([""; 0]))
    }

    fn fitted(&self, layout: &Layout, _: Vec<(String, MissingSummary)>) -> Result<FittedHashingVectorizer> {
        let columns = InputColumn::all(layout, self.columns(layout)?)?;
        Ok(FittedHashingVectorizer { columns, vectorizer: *self })
    }
}

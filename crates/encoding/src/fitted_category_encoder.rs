//! What encoders of categories that do not look at the target fit: numbers for each category.

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::arrow::datatypes::{Schema, SchemaRef};
use mlsys_core::{Category, Error, ErrorKind, InputColumn, Layout, Result, Transform};
use mlsys_stats::CountsSummary;
use serde::{Deserialize, Serialize};

use crate::MissingAs;
use crate::category_table::{self, CategoryTable, Otherwise};
use crate::vocabulary::too_many;

/// What becomes of a value that was not there when fitting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnseenAs {
    /// An error naming column, row and value.
    #[default]
    Error,
    /// Zeros.
    Zeros,
}

/// The fitted encoders of categories as numbers. Made by [`CountEncoder`](crate::CountEncoder),
/// [`BinaryEncoder`](crate::BinaryEncoder), [`ContrastEncoder`](crate::ContrastEncoder) and
/// [`CooccurrenceEncoder`](crate::CooccurrenceEncoder).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedCategoryEncoder {
    columns: Vec<CategoryTable>,
}

/// The categories of a column when it was fitted, the missing one last if it is one.
pub(crate) struct Levels<'a> {
    /// How many there are.
    pub n: usize,
    pub counts: &'a CountsSummary,
}

impl FittedCategoryEncoder {
    pub(crate) fn of_tables(columns: Vec<CategoryTable>) -> Self {
        Self { columns }
    }

    /// The tables of counted columns. `names` gives a column's outputs, `vectors` the numbers of each
    /// level.
    pub(crate) fn of_counts(
        layout: &Layout,
        found: Vec<(String, CountsSummary)>,
        (missing, unseen): (MissingAs, UnseenAs),
        max_distinct: usize,
        names: impl Fn(&str, &Levels<'_>) -> Vec<String>,
        vectors: impl Fn(&Levels<'_>) -> Vec<Vec<f64>>,
    ) -> Result<Self> {
        let one = |(column, counts): (String, CountsSummary)| {
            let categories = counts.values.as_ref().ok_or_else(|| too_many(&column, max_distinct))?;
            if missing == MissingAs::Error && counts.missing > 0 {
                let hint = "impute them first, or set `missing`".into();
                let count = counts.missing as usize;
                return Err(ErrorKind::MissingValues { column, count, hint }.into());
            }
            let with_missing = missing == MissingAs::Category && counts.missing > 0;
            let n = categories.len() + usize::from(with_missing);
            if n == 0 {
                let hint = "ignore it, or fill it first".into();
                return Err(ErrorKind::AllMissing { column, hint }.into());
            }
            let levels = Levels { n, counts: &counts };
            let names = names(&column, &levels);
            let mut vectors = vectors(&levels);
            let zeros = || Otherwise::Values(vec![0.0; names.len()]);
            let unseen = if unseen == UnseenAs::Zeros { zeros() } else { Otherwise::Refuse };
            let missing = match missing {
                MissingAs::Error => Otherwise::Refuse,
                MissingAs::Zeros => zeros(),
                MissingAs::Category if with_missing => Otherwise::Values(vectors.pop().unwrap_or_default()),
                MissingAs::Category => unseen.clone(),
            };
            let mut table = CategoryTable::new(layout, &column, names, missing, unseen)?;
            for (category, vector) in categories.iter().zip(vectors) {
                table.push(category.value.clone(), vector);
            }
            Ok(table)
        };
        Ok(Self { columns: found.into_iter().map(one).collect::<Result<_>>()? })
    }

    /// What a category of a column is encoded as.
    pub fn value(&self, column: &str, category: &Category) -> Option<&[f64]> {
        category_table::find(&self.columns, column)?.value(category)
    }

    /// The names of the columns that a column becomes.
    pub fn output_names(&self, column: &str) -> Option<&[String]> {
        category_table::find(&self.columns, column).map(|table| table.names.as_slice())
    }

    /// The column that an output column came from.
    pub fn source(&self, output: &str) -> Option<&str> {
        category_table::source(&self.columns, output)
    }

    fn validate(&self) -> Result<()> {
        self.columns.iter().try_for_each(CategoryTable::validate)
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        category_table::input_columns(&self.columns)
    }
}

impl Transform for FittedCategoryEncoder {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        category_table::encode_all(&self.columns, batch)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        category_table::schema_of(&self.columns, input)
    }
}

mlsys_core::artifact!(FittedCategoryEncoder, "mlsys.FittedCategoryEncoder", 1);

/// Names of outputs that have none of their own: `<column>#0`, `<column>#1`, and so on.
pub(crate) fn numbered(column: &str, n: usize) -> Vec<String> {
    (0..n).map(|i| format!("{column}#{i}")).collect()
}

/// Refuses more levels than are good for an encoder.
pub(crate) fn check_max_distinct(estimator: &str, max_distinct: usize, most: usize) -> Result<()> {
    if (1..=most).contains(&max_distinct) {
        return Ok(());
    }
    Err(Error::invalid_parameter(estimator, "max_distinct", max_distinct, format!("1 to {most}")))
}

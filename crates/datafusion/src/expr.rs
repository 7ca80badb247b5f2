//! The functions as expressions, for queries that are put together by hand.

use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::logical_expr::Expr;
use datafusion::prelude::ident;
use mlsys_core::portable::{AnyStatistic, PortableStatistic};
use mlsys_core::{Predict, PredictProba, Result, Transform};

use crate::aggregate::StateAggregate;
use crate::row_function::{RowFunction, Step};

/// The state of a statistic over a table of this schema, as an aggregate: bytes for
/// [`state_from_bytes`](PortableStatistic::state_from_bytes).
///
/// ```
/// use mlsys_core::{Statistic, portable::PortableStatistic};
/// use mlsys_datafusion::datafusion::{arrow::array::AsArray, prelude::SessionContext};
/// use mlsys_datafusion::expr::state;
/// use mlsys_stats::{ColumnStatistic, Moments};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let numbers = SessionContext::new().sql("SELECT value FROM generate_series(1, 9)").await?;
/// let moments = Moments::new().over(["value"]);
/// let call = state(&moments, numbers.schema().as_arrow())?;
/// let states = numbers.aggregate(vec![], vec![call])?.collect().await?;
/// let state = moments.state_from_bytes(states[0].column(0).as_binary::<i64>().value(0))?;
/// assert_eq!(moments.finish(&state)?[0].1.mean(), 5.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// When the statistic does not suit the columns.
pub fn state<S: PortableStatistic>(statistic: &S, schema: &Schema) -> Result<Expr> {
    state_of(&AnyStatistic::of(statistic)?, schema)
}

pub(crate) fn state_of(statistic: &AnyStatistic, schema: &Schema) -> Result<Expr> {
    // Refuses here, with the whole table's columns at hand, what the engine would refuse with fewer.
    statistic.init(schema)?;
    let mut columns = statistic.columns(schema);
    if columns.is_empty() {
        // Rows are counted through a column, if only one.
        columns.extend(schema.fields().first().map(|field| field.name().clone()));
    }
    let arguments = columns.iter().map(ident).collect();
    Ok(StateAggregate::function(statistic.clone(), columns).call(arguments))
}

/// All columns that a step makes of those that it reads, as a struct.
///
/// # Errors
///
/// When a column that the step needs is missing or has another kind.
pub fn transformed(step: Arc<dyn Transform>, schema: &Schema) -> Result<Expr> {
    call(Step::Transform(step), schema)
}

/// A model's prediction.
///
/// # Errors
///
/// As [`transformed`].
pub fn predicted(model: Arc<dyn Predict>, schema: &Schema) -> Result<Expr> {
    call(Step::Predict(model), schema)
}

/// The probability of a classifier's positive class.
///
/// # Errors
///
/// As [`transformed`].
pub fn positive(model: Arc<dyn PredictProba>, schema: &Schema) -> Result<Expr> {
    call(Step::Positive(model), schema)
}

pub(crate) fn call(step: Step, schema: &Schema) -> Result<Expr> {
    // As above.
    step.output(schema)?;
    let columns = step.columns(schema);
    let arguments = columns.iter().map(ident).collect();
    Ok(RowFunction::function(step, columns).call(arguments))
}

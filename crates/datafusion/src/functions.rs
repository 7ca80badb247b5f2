//! The functions that a process knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::error::Result;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use datafusion::prelude::SessionContext;
use mlsys_core::{Catalogue, Predict, PredictProba, Registry, Transform};

use crate::aggregate::{self, StateAggregate};
use crate::error::outward;
use crate::row_function::{self, RowFunction};
use crate::sql::{self, Model};
use crate::wire;

/// What a process knows: the statistics, recipes and fitted types that may come to it from another process, and the
/// models that SQL names.
///
/// The client, the scheduler and every executor of a cluster need the same; [`Functions::new`] has all of mlsys. Types of
/// your own are added to the [`catalogue`](mlsys_core::Catalogue) and the [`registry`](mlsys_core::Registry).
///
/// ```
/// use mlsys_datafusion::{Functions, datafusion::prelude::SessionContext};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let ctx = SessionContext::new();
/// Functions::new().register(&ctx);
/// let profile = ctx.sql("SELECT mlsys_profile(value) FROM generate_series(1, 10)").await?;
/// assert_eq!(profile.count().await?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Functions {
    catalogue: Arc<Catalogue>,
    registry: Arc<Registry>,
    models: Arc<BTreeMap<String, Model>>,
}

impl Default for Functions {
    fn default() -> Self {
        Self::new()
    }
}

impl Functions {
    /// All of mlsys, and no models.
    pub fn new() -> Self {
        Self::of(mlsys::catalogue(), mlsys::registry())
    }

    /// Only what is in this catalogue and this registry.
    pub fn of(catalogue: Catalogue, registry: Registry) -> Self {
        Self { catalogue: Arc::new(catalogue), registry: Arc::new(registry), models: Arc::default() }
    }

    /// Gives a step a name for `mlsys_transform('name', ..)`.
    pub fn transform(self, name: impl Into<String>, step: Arc<dyn Transform>) -> Self {
        self.model(name, Model::Transform(step))
    }

    /// Gives a model a name for `mlsys_predict('name', ..)`.
    pub fn predict(self, name: impl Into<String>, model: Arc<dyn Predict>) -> Self {
        self.model(name, Model::Predict(model))
    }

    /// Gives a classifier a name for `mlsys_predict('name', ..)` and `mlsys_predict_proba('name', ..)`.
    pub fn predict_proba(self, name: impl Into<String>, model: Arc<dyn PredictProba>) -> Self {
        self.model(name, Model::PredictProba(model))
    }

    fn model(mut self, name: impl Into<String>, model: Model) -> Self {
        Arc::make_mut(&mut self.models).insert(name.into(), model);
        self
    }

    /// Makes the functions known to SQL in a session: see the crate's documentation for their names.
    pub fn register(&self, ctx: &SessionContext) {
        self.aggregates().into_iter().for_each(|function| ctx.register_udaf(function));
        self.scalars().into_iter().for_each(|function| ctx.register_udf(function));
    }

    fn aggregates(&self) -> Vec<AggregateUDF> {
        sql::aggregates(&self.catalogue)
    }

    fn scalars(&self) -> Vec<ScalarUDF> {
        sql::scalars(&self.models)
    }
}

/// Between processes.
#[cfg_attr(not(feature = "ballista"), allow(dead_code))]
impl Functions {
    /// The bytes in which an aggregate travels; `None` when it is not one of ours.
    pub(crate) fn encode_aggregate(&self, function: &AggregateUDF) -> Option<Vec<u8>> {
        if let Some(state) = function.inner().downcast_ref::<StateAggregate>() {
            return state.to_bytes().ok();
        }
        let named = self.aggregates().iter().any(|own| own.name() == function.name());
        named.then(|| wire::write(wire::NAMED, &[], &[]).ok()).flatten()
    }

    /// The bytes in which a scalar function travels; `None` when it is not one of ours.
    pub(crate) fn encode_scalar(&self, function: &ScalarUDF) -> Option<Vec<u8>> {
        let Some(row) = function.inner().downcast_ref::<RowFunction>() else {
            let named = self.scalars().iter().any(|own| own.name() == function.name());
            return named.then(|| wire::write(wire::NAMED, &[], &[]).ok()).flatten();
        };
        match row.to_bytes() {
            Ok(bytes) => Some(bytes.to_vec()),
            // An encoder cannot fail: what the other side is told instead is why.
            Err(why) => wire::write(wire::UNSENDABLE, &[], why.to_string().as_bytes()).ok(),
        }
    }

    /// The aggregate of a name and its bytes; `None` when the name is not one of ours.
    pub(crate) fn decode_aggregate(&self, name: &str, bytes: &[u8]) -> Option<Result<Arc<AggregateUDF>>> {
        if name == aggregate::NAME {
            return Some(StateAggregate::from_bytes(bytes, &self.catalogue).map(Arc::new).map_err(outward));
        }
        let own = self.aggregates().into_iter().find(|function| function.name() == name)?;
        Some(wire::read(name, bytes).map(|_| Arc::new(own)).map_err(outward))
    }

    /// The scalar function of a name and its bytes; `None` when the name is not one of ours.
    pub(crate) fn decode_scalar(&self, name: &str, bytes: &[u8]) -> Option<Result<Arc<ScalarUDF>>> {
        if name == row_function::NAME {
            return Some(RowFunction::from_bytes(bytes, &self.registry).map(Arc::new).map_err(outward));
        }
        let own = self.scalars().into_iter().find(|function| function.name() == name)?;
        Some(wire::read(name, bytes).map(|_| Arc::new(own)).map_err(outward))
    }
}

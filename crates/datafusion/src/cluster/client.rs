//! Sessions whose queries run on a cluster.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ballista::prelude::{SessionConfigExt, SessionContextExt};
use ballista_core::config::{
    BALLISTA_CLIENT_GRPC_TIMEOUT_SECONDS, BALLISTA_CLIENT_IO_RETRIES_TIMES,
    BALLISTA_CLIENT_IO_RETRY_WAIT_TIME_MS, BALLISTA_SCHEDULER_MAX_PARTITIONS_PER_TASK,
};
use ballista_core::execution_plans::{DistributedExplainAnalyzeExec, DistributedQueryExec};
use ballista_core::planner::BallistaQueryPlanner;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::{SendableRecordBatchStream, SessionStateBuilder, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr, PlanProperties};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_proto::logical_plan::LogicalExtensionCodec;
use datafusion_proto::protobuf::LogicalPlanNode;
use futures::future::{Either, select};
use futures::{StreamExt, TryStreamExt, stream};
use mlsys_core::{Error, Result};

use super::{Address, Codecs, MESSAGE_BYTES, REQUEST_SECONDS};
use crate::Functions;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A session whose queries run on the cluster of a scheduler, such as `df://127.0.0.1:50050`.
///
/// # Errors
///
/// If the address cannot be read or no scheduler answers there.
pub async fn connect(functions: &Functions, url: &str) -> Result<SessionContext> {
    connect_with(functions, url, ClientOptions::new()).await
}

/// As [`connect`], with options.
///
/// # Errors
///
/// If the address cannot be read or no scheduler answers there.
pub async fn connect_with(
    functions: &Functions,
    url: &str,
    options: ClientOptions,
) -> Result<SessionContext> {
    let address = url.split_once("://").map_or(url, |(_, rest)| rest).trim_end_matches('/');
    let scheduler = Address::parse(address)?;
    scheduler.wait(options.patience).await?;

    let codec = options.codecs.logical(functions);
    let url = format!("http://{scheduler}");
    let config = options.config(codec.clone());
    let planner = Planner {
        inner: BallistaQueryPlanner::with_extension(url, config.ballista_config(), codec),
        functions: functions.clone(),
        attempts: options.attempts,
        scheduler: scheduler.clone(),
        patience: options.patience,
    };
    let state = SessionStateBuilder::new()
        .with_config(config.with_ballista_query_planner(Arc::new(planner)))
        .with_default_features()
        .build();
    let ctx = SessionContext::remote_with_state(&format!("df://{scheduler}"), state)
        .await
        .map_err(|e| Error::external(e).context(format!("connecting to the scheduler at {scheduler}")))?;
    // Only now: Ballista replaces the functions of the state it is given.
    functions.register(&ctx);
    Ok(ctx)
}

/// How a client sees the cluster.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    config: SessionConfig,
    partitions_per_task: usize,
    retries: (u16, Duration),
    attempts: usize,
    patience: Duration,
    codecs: Codecs,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl ClientOptions {
    /// The defaults, each given with its setter.
    pub fn new() -> Self {
        Self {
            config: SessionConfig::new_with_ballista(),
            partitions_per_task: 0,
            retries: (3, Duration::from_secs(1)),
            attempts: 3,
            patience: Duration::from_secs(10),
            codecs: Codecs::default(),
        }
    }

    /// Other settings of the session: DataFusion's and Ballista's own, which travel with each query.
    #[must_use]
    pub fn configure(mut self, change: impl FnOnce(SessionConfig) -> SessionConfig) -> Self {
        self.config = change(self.config);
        self
    }

    /// Into how many parts the work of a stage is cut (16): at least as many as all executors have slots.
    #[must_use]
    pub fn partitions(self, partitions: usize) -> Self {
        self.configure(|c| c.with_target_partitions(partitions))
    }

    /// From which size on several tasks share a file (10 MB). They share by row group.
    #[must_use]
    pub fn split_files(self, min_bytes: u64) -> Self {
        self.configure(|c| c.set_u64("datafusion.optimizer.repartition_file_min_size", min_bytes))
    }

    /// How many parts one task takes at most (as many as the executor has free slots). One spreads small jobs over all
    /// executors; every task carries the models of its plan, so more tasks are more bytes.
    #[must_use]
    pub fn partitions_per_task(mut self, partitions: usize) -> Self {
        self.partitions_per_task = partitions;
        self
    }

    /// How often and at which interval an executor that does not answer is asked again for its results, before it
    /// counts as lost (3 times, every second).
    #[must_use]
    pub fn fetch_retries(mut self, times: u16, interval: Duration) -> Self {
        self.retries = (times, interval);
        self
    }

    /// How often a query is started in all when executors with intermediate results are lost (3). It starts again from
    /// the beginning, and only while it has not returned any rows; queries that write are never started twice.
    #[must_use]
    pub fn attempts(mut self, attempts: usize) -> Self {
        self.attempts = attempts;
        self
    }

    /// How long to wait for the scheduler to answer, and each query for there to be an executor (10 seconds).
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// A codec of your own around or in place of [`Codec`](crate::Codec).
    #[must_use]
    pub fn logical_codec(mut self, codec: Arc<dyn LogicalExtensionCodec>) -> Self {
        self.codecs.logical = Some(codec);
        self
    }

    fn config(&self, codec: Arc<dyn LogicalExtensionCodec>) -> SessionConfig {
        self.config
            .clone()
            .with_ballista_grpc_client_max_message_size(MESSAGE_BYTES as usize)
            .with_ballista_logical_extension_codec(codec)
            .set_u64(BALLISTA_CLIENT_GRPC_TIMEOUT_SECONDS, REQUEST_SECONDS)
            .set_usize(BALLISTA_SCHEDULER_MAX_PARTITIONS_PER_TASK, self.partitions_per_task)
            .set_usize(BALLISTA_CLIENT_IO_RETRIES_TIMES, self.retries.0.into())
            .set_u64(BALLISTA_CLIENT_IO_RETRY_WAIT_TIME_MS, self.retries.1.as_millis() as u64)
    }
}

/// An error with the reason behind it, where it takes knowing this crate to see it.
fn explain(error: DataFusionError, plan: &LogicalPlan, functions: &Functions) -> DataFusionError {
    let text = error.to_string();
    let reason = if let Some(name) = missing_function(&text) {
        let (who, role) = match text.contains("LogicalExtensionCodec") {
            true => ("the scheduler", "scheduler"),
            false => ("an executor", "executor"),
        };
        format!(
            "{who} does not know the function `{name}`, which this client sent with mlsys-datafusion {VERSION}: \
             start it with mlsys_datafusion::cluster::{role} of the same version"
        )
    } else if text.contains("could not be prepared or was rejected by executor") {
        let used = used(plan, functions);
        if used.is_empty() {
            return error;
        }
        format!(
            "an executor could not read its task, which uses {} of mlsys-datafusion {VERSION}: start every \
             executor with mlsys_datafusion::cluster::executor of the same version (its log says `failed to \
             decode tasks`)",
            listed(&used)
        )
    } else if text.contains("message length too large") {
        format!(
            "the plan is larger than the scheduler accepts; it carries {}. Raise `plan_bytes` of \
             SchedulerOptions, or use a smaller model",
            listed(&used(plan, functions))
        )
    } else if lost_results(&text) {
        "an executor with results of the query was lost; run it again, or raise `attempts` of ClientOptions"
            .into()
    } else {
        return error;
    };
    error.context(reason)
}

/// The function that a codec without our functions complains about.
fn missing_function(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("ExtensionCodec is not provided for ")?;
    let rest = ["aggregate function ", "scalar function "].iter().find_map(|kind| rest.strip_prefix(kind))?;
    Some(rest.split(|c: char| !(c.is_alphanumeric() || "_-.:".contains(c))).next().unwrap_or(rest))
}

/// Our functions in a plan, with the bytes that each carries.
fn used(plan: &LogicalPlan, functions: &Functions) -> Vec<(String, usize)> {
    let mut used = Vec::new();
    let mut note = |name: &str, bytes: Option<Vec<u8>>| {
        if let Some(bytes) = bytes {
            used.push((name.to_owned(), bytes.len()));
        }
    };
    // The closures never fail.
    let _ = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                match expr {
                    Expr::ScalarFunction(f) => note(f.func.name(), functions.encode_scalar(&f.func)),
                    Expr::AggregateFunction(f) => note(f.func.name(), functions.encode_aggregate(&f.func)),
                    _ => {}
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    used
}

fn listed(used: &[(String, usize)]) -> String {
    match used {
        [] => "none of this crate's functions".into(),
        used => {
            let one = |(name, bytes): &(String, usize)| format!("`{name}` ({bytes} bytes)");
            used.iter().map(one).collect::<Vec<_>>().join(", ")
        }
    }
}

/// Ballista's planner, with errors explained.
struct Planner {
    inner: BallistaQueryPlanner<LogicalPlanNode>,
    functions: Functions,
    attempts: usize,
    scheduler: Address,
    patience: Duration,
}

impl fmt::Debug for Planner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planner").finish_non_exhaustive()
    }
}

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(
        &self,
        logical_plan: &LogicalPlan,
        session: &dyn Session,
    ) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
        let inner = self.inner.create_physical_plan(logical_plan, session).await?;
        let distributed = inner.downcast_ref::<DistributedQueryExec<LogicalPlanNode>>().is_some()
            || inner.downcast_ref::<DistributedExplainAnalyzeExec<LogicalPlanNode>>().is_some();
        if !distributed {
            return Ok(inner);
        }
        Ok(Arc::new(Explained {
            inner,
            plan: Arc::new(logical_plan.clone()),
            functions: self.functions.clone(),
            attempts: if writes(logical_plan)? { 1 } else { self.attempts },
            scheduler: self.scheduler.clone(),
            patience: self.patience,
        }))
    }
}

/// Whether running a plan twice might leave more behind than running it once.
fn writes(plan: &LogicalPlan) -> datafusion::error::Result<bool> {
    plan.exists(|node| {
        Ok(matches!(
            node,
            LogicalPlan::Dml(_) | LogicalPlan::Copy(_) | LogicalPlan::Ddl(_) | LogicalPlan::Extension(_)
        ))
    })
}

/// Whether a query failed because an executor went away with results.
fn lost_results(text: &str) -> bool {
    // Ballista passes on nothing but text: what it says of a job that the scheduler ended, of a stage whose
    // input could not be fetched, and of results that the client could not fetch or not to the end.
    text.contains("failed: Cancelled")
        || (text.contains("Stage ") && text.contains("most recent failure reason"))
        || ["FetchFailed", "GrpcConnectionError", "BrokenPipe", "ConnectionReset"]
            .iter()
            .any(|e| text.contains(e))
}

/// A query on the cluster, started again if executors are lost, and with errors explained.
#[derive(Clone)]
struct Explained {
    inner: Arc<dyn ExecutionPlan>,
    plan: Arc<LogicalPlan>,
    functions: Functions,
    attempts: usize,
    scheduler: Address,
    patience: Duration,
}

impl fmt::Debug for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl DisplayAs for Explained {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_as(t, f)
    }
}

impl ExecutionPlan for Explained {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn downcast_delegate(&self) -> Option<&dyn ExecutionPlan> {
        Some(self.inner.as_ref())
    }

    fn schema(&self) -> SchemaRef {
        self.inner.schema()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.inner.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inner.children()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> datafusion::error::Result<TreeNodeRecursion>,
    ) -> datafusion::error::Result<TreeNodeRecursion> {
        self.inner.apply_expressions(f)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
        let changed = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        let inner = Arc::clone(&self.inner).replace_children(children, changed)?;
        Ok(Arc::new(Self { inner, ..self.as_ref().clone() }))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> datafusion::error::Result<SendableRecordBatchStream> {
        let Self { inner, attempts, scheduler, patience, .. } = self.clone();
        let run = async move {
            let mut attempt = 1;
            loop {
                // A job that finds no executors would wait for ever.
                scheduler
                    .wait_for_executors(patience)
                    .await
                    .map_err(|e| DataFusionError::External(e.into()))?;
                let mut stream = inner.execute(partition, Arc::clone(&context))?;
                let first = match select(stream.next(), pin!(scheduler.deserted(patience))).await {
                    Either::Left((first, _)) => first,
                    Either::Right((error, _)) => return Err(DataFusionError::External(error.into())),
                };
                match &first {
                    Some(Err(error)) if attempt < attempts && lost_results(&error.to_string()) => {
                        attempt += 1
                    }
                    _ => return Ok::<_, DataFusionError>(stream::iter(first).chain(stream)),
                }
            }
        };
        let Self { plan, functions, .. } = self.clone();
        let stream = stream::once(run).try_flatten().map_err(move |error| explain(error, &plan, &functions));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream)))
    }

    fn metrics(&self) -> Option<datafusion::physical_plan::metrics::MetricsSet> {
        self.inner.metrics()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_ballista_says() {
        let plain =
            "NotImplemented(\"LogicalExtensionCodec is not provided for scalar function mlsys_apply\")";
        assert_eq!(missing_function(plain), Some("mlsys_apply"));
        assert_eq!(missing_function("LogicalExtensionCodec is not provided"), None);
        assert!(lost_results("Execution error: Job 1 failed: Cancelled"));
        assert!(!lost_results("Execution error: Job 1 failed: Divide by zero"));
    }
}

//! A scheduler, executors and a client of a Ballista cluster that know this crate's functions.
//!
//! The programs that Ballista ships know only DataFusion's own functions, so a cluster for mlsys runs a binary of
//! yours in each of its roles:
//!
//! ```no_run
//! use mlsys_datafusion::{Functions, cluster};
//!
//! # async fn roles() -> mlsys_core::Result<()> {
//! let functions = Functions::new();
//! match std::env::args().nth(1).as_deref() {
//!     Some("scheduler") => cluster::scheduler(&functions, "127.0.0.1:50050").run().await?,
//!     Some("executor") => cluster::executor(&functions, "127.0.0.1:50050").run().await?,
//!     _ => {
//!         let ctx = cluster::connect(&functions, "df://127.0.0.1:50050").await?;
//!         ctx.sql("select 1").await.map_err(mlsys_core::Error::external)?;
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! All processes must be of the same version. Parameters and models travel inside the plan: a function that a client
//! defines needs no registration anywhere. Ballista reports what goes wrong through the `log` crate; install a logger
//! in each process to see it.
//!
//! A cluster has no authentication and no encryption: whoever reaches the ports can run queries and read what the
//! executors can read. That is why everything listens on the loopback address until told otherwise.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use ballista::prelude::{SessionConfigExt, SessionContextExt};
use ballista_core::config::{
    BALLISTA_ADAPTIVE_PLANNER_ENABLED, BALLISTA_CLIENT_IO_RETRIES_TIMES,
    BALLISTA_CLIENT_IO_RETRY_WAIT_TIME_MS, BALLISTA_SCHEDULER_MAX_PARTITIONS_PER_TASK,
};
use ballista_core::planner::BallistaQueryPlanner;
use ballista_core::utils::default_session_builder;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::{SchedulerConfig, TaskDistributionPolicy};
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
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
use datafusion_proto::physical_plan::PhysicalExtensionCodec;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use futures::{StreamExt, TryStreamExt, stream};
use mlsys_core::{Error, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Codec, Functions};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The port of a scheduler when none is given, as in Ballista.
const SCHEDULER_PORT: u16 = 50050;

/// What a plan may take, unless said otherwise.
const PLAN_BYTES: u32 = 64 << 20;

/// The limit of every other message. A task repeats the models of its plan, once for each place where they are used,
/// and a scheduler that cannot hand out a task for its size takes the executor for lost and tries for ever: so the
/// only limit that may ever be reached is the client's.
const MESSAGE_BYTES: u32 = u32::MAX;

/// How often a stage may fail whose input was on an executor that is gone. Ballista 55 computes the input anew, and then
/// either takes some of the results twice (its static planner) or waits for ever (its adaptive planner); so the job
/// fails instead, and the client starts it again. Only the adaptive planner has no other way into that code.
const STAGE_FAILURES: usize = 1;

/// A scheduler that reads this crate's functions. Port 0 takes any free one: see [`Scheduler::bind`].
pub fn scheduler(functions: &Functions, options: impl Into<SchedulerOptions>) -> Scheduler {
    Scheduler { functions: functions.clone(), options: options.into() }
}

/// An executor that runs this crate's functions.
pub fn executor(functions: &Functions, options: impl Into<ExecutorOptions>) -> Executor {
    Executor { functions: functions.clone(), options: options.into() }
}

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
    plan_bytes: u32,
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
            plan_bytes: PLAN_BYTES,
            partitions_per_task: 0,
            retries: (3, Duration::from_secs(1)),
            attempts: 3,
            patience: Duration::from_secs(10),
            codecs: Codecs::default(),
        }
    }

    /// Other settings of the session, which travel with each query: say
    /// `options.configure(|c| c.set_u64("datafusion.optimizer.repartition_file_min_size", 0))`
    /// to spread files that are smaller than 10 MB over several tasks.
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

    /// How many parts one task takes at most (as many as the executor has free slots). One spreads small jobs over all
    /// executors; every task carries the models of its plan, so more tasks are more bytes.
    #[must_use]
    pub fn partitions_per_task(mut self, partitions: usize) -> Self {
        self.partitions_per_task = partitions;
        self
    }

    /// What a plan may take, models included (64 MB): larger ones are refused before anything runs. The scheduler
    /// refuses what is beyond its own [`SchedulerOptions::plan_bytes`].
    #[must_use]
    pub fn plan_bytes(mut self, bytes: u32) -> Self {
        self.plan_bytes = bytes;
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

    /// A codec of your own around or in place of [`Codec`].
    #[must_use]
    pub fn logical_codec(mut self, codec: Arc<dyn LogicalExtensionCodec>) -> Self {
        self.codecs.logical = Some(codec);
        self
    }

    fn config(&self, codec: Arc<dyn LogicalExtensionCodec>) -> SessionConfig {
        self.config
            .clone()
            .with_ballista_grpc_client_max_message_size(self.plan_bytes as usize)
            .with_ballista_logical_extension_codec(codec)
            .set_usize(BALLISTA_SCHEDULER_MAX_PARTITIONS_PER_TASK, self.partitions_per_task)
            .set_usize(BALLISTA_CLIENT_IO_RETRIES_TIMES, self.retries.0.into())
            .set_u64(BALLISTA_CLIENT_IO_RETRY_WAIT_TIME_MS, self.retries.1.as_millis() as u64)
    }
}

/// How a scheduler listens, spreads work and gives up.
#[derive(Clone, Debug)]
pub struct SchedulerOptions {
    address: String,
    host: Option<String>,
    executor_timeout: Duration,
    task_failures: usize,
    executors: usize,
    plan_bytes: u32,
    keep_results: Duration,
    codecs: Codecs,
}

impl From<&str> for SchedulerOptions {
    fn from(address: &str) -> Self {
        Self::new(address)
    }
}

impl From<String> for SchedulerOptions {
    fn from(address: String) -> Self {
        Self::new(address)
    }
}

impl From<SocketAddr> for SchedulerOptions {
    fn from(address: SocketAddr) -> Self {
        Self::new(address.to_string())
    }
}

impl SchedulerOptions {
    /// A scheduler that listens at an address, such as `127.0.0.1:50050`, and otherwise the defaults, each given with
    /// its setter.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            host: None,
            executor_timeout: Duration::from_secs(30),
            task_failures: 4,
            executors: 1,
            plan_bytes: PLAN_BYTES,
            keep_results: Duration::from_secs(300),
            codecs: Codecs::default(),
        }
    }

    /// The name under which executors reach the scheduler (the address it listens at).
    #[must_use]
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// After how long a silence an executor is taken for lost, and what it was doing is done elsewhere (30 seconds, in
    /// whole seconds). Well above [`ExecutorOptions::heartbeat`]; an executor that refuses connections is noticed at
    /// once when it is next needed.
    #[must_use]
    pub fn executor_timeout(mut self, timeout: Duration) -> Self {
        self.executor_timeout = timeout;
        self
    }

    /// How often a task is tried that fails for reasons which may pass, such as I/O (4).
    #[must_use]
    pub fn task_failures(mut self, times: usize) -> Self {
        self.task_failures = times;
        self
    }

    /// How many executors there must be for the scheduler to call itself ready (1): `GET /readyz` at its address
    /// answers 200 from then on. Queries are taken at any time.
    #[must_use]
    pub fn ready_with(mut self, executors: usize) -> Self {
        self.executors = executors;
        self
    }

    /// What a client's plan may take, models included (64 MB).
    #[must_use]
    pub fn plan_bytes(mut self, bytes: u32) -> Self {
        self.plan_bytes = bytes;
        self
    }

    /// How long results stay on the executors, for slow clients (5 minutes, in whole seconds).
    #[must_use]
    pub fn keep_results(mut self, time: Duration) -> Self {
        self.keep_results = time;
        self
    }

    /// A codec of your own around or in place of [`Codec`].
    #[must_use]
    pub fn logical_codec(mut self, codec: Arc<dyn LogicalExtensionCodec>) -> Self {
        self.codecs.logical = Some(codec);
        self
    }

    /// A codec of your own around or in place of [`Codec`].
    #[must_use]
    pub fn physical_codec(mut self, codec: Arc<dyn PhysicalExtensionCodec>) -> Self {
        self.codecs.physical = Some(codec);
        self
    }
}

/// A scheduler: see [`scheduler`].
#[derive(Clone)]
pub struct Scheduler {
    functions: Functions,
    options: SchedulerOptions,
}

impl Scheduler {
    /// Listens and serves until the process ends.
    ///
    /// # Errors
    ///
    /// If the address is in use or serving fails.
    pub async fn run(self) -> Result<()> {
        self.bind().await?.run().await
    }

    /// Listens, so that the address is known and executors and clients may connect.
    ///
    /// # Errors
    ///
    /// If the address cannot be listened at, or is one that executors cannot reach and no
    /// [`host`](SchedulerOptions::host) is given.
    pub async fn bind(self) -> Result<ListeningScheduler> {
        let Self { functions, options } = self;
        let stage = format!("starting a scheduler at {}", options.address);
        let listener = tokio::net::TcpListener::bind(&options.address)
            .await
            .map_err(|e| Error::from(e).context(stage.as_str()))?;
        let address = listener.local_addr().map_err(|e| Error::from(e).context(stage.as_str()))?;
        let host = match options.host {
            Some(host) => host,
            None if address.ip().is_unspecified() => {
                return Err(Error::invalid_parameter(
                    "cluster::scheduler",
                    "host",
                    "nothing",
                    format!("the name under which executors reach this machine, as it listens at {address}"),
                ));
            }
            None => ip_in_url(address.ip()),
        };
        let timeout = whole_seconds(options.executor_timeout);
        let mut config = SchedulerConfig::default().with_hostname(host).with_port(address.port());
        config.bind_host = address.ip().to_string();
        config.task_distribution = TaskDistributionPolicy::RoundRobin;
        config.executor_timeout_seconds = timeout;
        config.expire_dead_executor_interval_seconds = (timeout / 4).max(1);
        config.no_executors_grace_period_seconds = timeout;
        config.task_max_failures = options.task_failures;
        config.stage_max_failures = STAGE_FAILURES;
        config.override_session_builder = Some(Arc::new(|config| {
            default_session_builder(config.set_bool(BALLISTA_ADAPTIVE_PLANNER_ENABLED, true))
        }));
        config.min_ready_executors = options.executors;
        config.finished_job_data_clean_up_interval_seconds = whole_seconds(options.keep_results);
        config.grpc_server_max_decoding_message_size = options.plan_bytes;
        config.grpc_server_max_encoding_message_size = MESSAGE_BYTES;
        config.grpc_client_max_message_size = MESSAGE_BYTES;
        config.override_logical_codec = Some(options.codecs.logical(&functions));
        config.override_physical_codec = Some(options.codecs.physical(&functions));
        Ok(ListeningScheduler { listener, address, config: Arc::new(config) })
    }
}

/// A scheduler that has its address and is about to serve.
pub struct ListeningScheduler {
    listener: tokio::net::TcpListener,
    address: SocketAddr,
    config: Arc<SchedulerConfig>,
}

impl ListeningScheduler {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the process ends.
    ///
    /// # Errors
    ///
    /// If serving fails.
    pub async fn run(self) -> Result<()> {
        let stage = format!("running the scheduler at {}", self.address);
        let run = async {
            self.config.validate()?;
            let cluster = BallistaCluster::new_from_config(&self.config).await?;
            let scheduler =
                create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, self.config).await?;
            start_grpc_service_with_listener(self.listener, scheduler).await
        };
        run.await.map_err(|e| Error::external(e).context(stage))
    }
}

/// What an executor offers, and where.
#[derive(Clone, Debug)]
pub struct ExecutorOptions {
    scheduler: String,
    bind: IpAddr,
    host: Option<String>,
    port: u16,
    grpc_port: u16,
    work_dir: Option<PathBuf>,
    slots: usize,
    memory: Option<u64>,
    heartbeat: Duration,
    patience: Duration,
    codecs: Codecs,
}

impl From<&str> for ExecutorOptions {
    fn from(scheduler: &str) -> Self {
        Self::new(scheduler)
    }
}

impl From<String> for ExecutorOptions {
    fn from(scheduler: String) -> Self {
        Self::new(scheduler)
    }
}

impl From<SocketAddr> for ExecutorOptions {
    fn from(scheduler: SocketAddr) -> Self {
        Self::new(scheduler.to_string())
    }
}

impl ExecutorOptions {
    /// An executor of the scheduler at an address such as `127.0.0.1:50050`, and otherwise the defaults, each given
    /// with its setter.
    pub fn new(scheduler: impl Into<String>) -> Self {
        Self {
            scheduler: scheduler.into(),
            bind: Ipv4Addr::LOCALHOST.into(),
            host: None,
            port: 0,
            grpc_port: 0,
            work_dir: None,
            slots: 0,
            memory: None,
            heartbeat: Duration::from_secs(5),
            patience: Duration::from_secs(30),
            codecs: Codecs::default(),
        }
    }

    /// The address to listen at (127.0.0.1).
    #[must_use]
    pub fn bind(mut self, address: IpAddr) -> Self {
        self.bind = address;
        self
    }

    /// The name under which the scheduler, other executors and clients reach this one (what the scheduler sees).
    #[must_use]
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// The port for results and the port for tasks (any free ones).
    #[must_use]
    pub fn ports(mut self, results: u16, tasks: u16) -> Self {
        (self.port, self.grpc_port) = (results, tasks);
        self
    }

    /// Where results of stages are written, a directory of its own for each executor (one in the temporary directory,
    /// deleted at the end). Ballista leaves what is in it when the process is killed.
    #[must_use]
    pub fn work_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.work_dir = Some(directory.into());
        self
    }

    /// How many parts of the work run at a time (as many as there are cores).
    #[must_use]
    pub fn slots(mut self, slots: usize) -> Self {
        self.slots = slots;
        self
    }

    /// The memory for running queries, in bytes, shared equally by the slots (70 % of the machine's). Several executors
    /// on one machine must share it. What statistics and models take is not counted.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// How often the executor tells the scheduler that it lives (every 5 seconds, in whole seconds).
    #[must_use]
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.heartbeat = interval;
        self
    }

    /// How long to wait for the scheduler to answer (30 seconds).
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// A codec of your own around or in place of [`Codec`].
    #[must_use]
    pub fn physical_codec(mut self, codec: Arc<dyn PhysicalExtensionCodec>) -> Self {
        self.codecs.physical = Some(codec);
        self
    }
}

/// An executor: see [`executor`].
#[derive(Clone)]
pub struct Executor {
    functions: Functions,
    options: ExecutorOptions,
}

impl Executor {
    /// Registers with the scheduler and works until the process is told to end (Ctrl-C or SIGTERM) or loses the
    /// scheduler.
    ///
    /// # Errors
    ///
    /// If the scheduler does not answer, a port is in use or the work directory cannot be made.
    pub async fn run(self) -> Result<()> {
        let Self { functions, options } = self;
        let stage = format!("running an executor of the scheduler at {}", options.scheduler);
        let scheduler = Address::parse(&options.scheduler)?;
        scheduler.wait(options.patience).await?;
        let work_dir = WorkDir::new(options.work_dir).map_err(|e| e.context(stage.as_str()))?;
        let codecs = &options.codecs;
        let config = ExecutorProcessConfig {
            bind_host: options.bind.to_string(),
            external_host: options.host,
            port: port_or_free(options.port, options.bind)?,
            grpc_port: port_or_free(options.grpc_port, options.bind)?,
            scheduler_host: scheduler.host,
            scheduler_port: scheduler.port,
            vcores: options.slots,
            work_dir: Some(work_dir.text()?),
            grpc_max_decoding_message_size: MESSAGE_BYTES,
            grpc_max_encoding_message_size: MESSAGE_BYTES,
            executor_heartbeat_interval_seconds: whole_seconds(options.heartbeat),
            memory_pool_size: options.memory,
            override_logical_codec: Some(codecs.logical(&functions)),
            override_physical_codec: Some(codecs.physical(&functions)),
            ..ExecutorProcessConfig::default()
        };
        start_executor_process(Arc::new(config)).await.map_err(|e| Error::external(e).context(stage))
    }
}

/// A directory, deleted at the end if it is our own.
struct WorkDir {
    path: PathBuf,
    own: bool,
}

impl WorkDir {
    fn new(path: Option<PathBuf>) -> Result<Self> {
        let own = path.is_none();
        let path = path.unwrap_or_else(|| {
            let id = ballista_core::ids::new_instance_id();
            std::env::temp_dir().join(format!("mlsys-executor-{id}"))
        });
        std::fs::create_dir_all(&path)
            .map_err(|e| Error::from(e).context(format!("making the work directory {}", path.display())))?;
        Ok(Self { path, own })
    }

    fn text(&self) -> Result<String> {
        let path: &Path = &self.path;
        path.to_str().map(str::to_owned).ok_or_else(|| {
            Error::invalid_parameter("cluster::executor", "work_dir", path.display(), "a path in UTF-8")
        })
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        if self.own {
            // Nothing can be done about what cannot be deleted.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// The codecs that replace [`Codec`], if any.
#[derive(Clone, Debug, Default)]
struct Codecs {
    logical: Option<Arc<dyn LogicalExtensionCodec>>,
    physical: Option<Arc<dyn PhysicalExtensionCodec>>,
}

impl Codecs {
    fn logical(&self, functions: &Functions) -> Arc<dyn LogicalExtensionCodec> {
        self.logical.clone().unwrap_or_else(|| Arc::new(Codec::new(functions)))
    }

    fn physical(&self, functions: &Functions) -> Arc<dyn PhysicalExtensionCodec> {
        self.physical.clone().unwrap_or_else(|| Arc::new(Codec::new(functions)))
    }
}

fn whole_seconds(time: Duration) -> u64 {
    time.as_secs_f64().ceil().max(1.0) as u64
}

fn ip_in_url(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// Where a scheduler listens.
#[derive(Clone, Debug)]
struct Address {
    host: String,
    port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Address {
    fn parse(address: &str) -> Result<Self> {
        let (host, port) = match address.rsplit_once(':') {
            // A colon inside brackets belongs to an IPv6 address.
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()),
            _ => (address, Some(SCHEDULER_PORT)),
        };
        match port {
            Some(port) if !host.is_empty() && !host.contains('/') => Ok(Self { host: host.into(), port }),
            _ => Err(Error::invalid_parameter(
                "cluster",
                "the address of the scheduler",
                address,
                "a host and a port, such as 127.0.0.1:50050",
            )),
        }
    }

    async fn connect(&self) -> std::io::Result<TcpStream> {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        TcpStream::connect((host, self.port)).await
    }

    /// Waits until the scheduler accepts connections.
    async fn wait(&self, patience: Duration) -> Result<()> {
        let start = Instant::now();
        loop {
            let left = patience.saturating_sub(start.elapsed());
            let error = match tokio::time::timeout(left, self.connect()).await {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) => error,
                Err(_) => std::io::ErrorKind::TimedOut.into(),
            };
            if start.elapsed() >= patience {
                return Err(Error::from(error).context(format!(
                    "no scheduler answered at {self} within {patience:?}; start one with cluster::scheduler"
                )));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until the scheduler has an executor, or does not say how many it has.
    async fn wait_for_executors(&self, patience: Duration) -> Result<()> {
        let start = Instant::now();
        while matches!(tokio::time::timeout(patience, self.executors()).await, Ok(Ok(Some(0)))) {
            if start.elapsed() >= patience {
                return Err(Error::unsupported(format!(
                    "the scheduler at {self} has had no executors for {patience:?}; start one with cluster::executor"
                )));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// How many executors the scheduler says it has, in answers such as `ready: 2 executors registered` and
    /// `not ready: 0/1 executors registered`.
    async fn executors(&self) -> std::io::Result<Option<usize>> {
        let mut stream = self.connect().await?;
        let request = format!("GET /readyz HTTP/1.1\r\nHost: {self}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.take(10_000).read_to_string(&mut answer).await?;
        let number =
            answer.rsplit_once("ready: ").map(|(_, rest)| rest.split(['/', ' ']).next().unwrap_or(rest));
        Ok(number.and_then(|number| number.parse().ok()))
    }
}

/// Ballista announces the port it is told, so a free one has to be found before.
fn port_or_free(port: u16, bind: IpAddr) -> Result<u16> {
    if port != 0 {
        return Ok(port);
    }
    let listener = TcpListener::bind((bind, 0)).and_then(|l| l.local_addr());
    listener
        .map(|a| a.port())
        .map_err(|e| Error::from(e).context(format!("looking for a free port at {bind}")))
}

/// The reason behind an error of a cluster, where it takes knowing this crate to see it: functions that a scheduler or
/// an executor does not know, and models that do not fit. [`connect`] applies it to every query of its session.
pub fn explain(error: DataFusionError, plan: &LogicalPlan, functions: &Functions) -> DataFusionError {
    let text = error.to_string();
    let reason = if let Some(name) = missing_function(&text) {
        let who = if text.contains("LogicalExtensionCodec") { "the scheduler" } else { "an executor" };
        let role = if who == "the scheduler" { "scheduler" } else { "executor" };
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
            "an executor could not read its task, which uses {} of mlsys-datafusion {VERSION}: start every executor \
             with mlsys_datafusion::cluster::executor of the same version (its log says `failed to decode tasks`)",
            listed(&used)
        )
    } else if text.contains("message length too large") {
        format!(
            "the plan is larger than the client or the scheduler accepts; it carries {}. Raise `plan_bytes` of both \
             ClientOptions and SchedulerOptions, or give the model fewer or smaller parts",
            listed(&used(plan, functions))
        )
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
fn lost_results(error: &DataFusionError) -> bool {
    let text = error.to_string();
    // Ballista passes on nothing but text: what it says of a stage whose input could not be fetched, and of a result
    // that the client itself could not fetch.
    (text.contains("Stage ") && text.contains("most recent failure reason"))
        || text.contains("FetchFailed")
        || text.contains("GrpcConnectionError")
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
                let first = stream.next().await;
                match &first {
                    Some(Err(error)) if attempt < attempts && lost_results(error) => attempt += 1,
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

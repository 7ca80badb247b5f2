//! The process that plans queries and hands out tasks.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ballista_core::config::{BALLISTA_ADAPTIVE_PLANNER_ENABLED, BALLISTA_CLIENT_GRPC_TIMEOUT_SECONDS};
use ballista_core::extension::SessionConfigExt;
use ballista_core::utils::{default_config_producer, default_session_builder};
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::{SchedulerConfig, TaskDistributionPolicy};
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use datafusion_proto::logical_plan::LogicalExtensionCodec;
use datafusion_proto::physical_plan::PhysicalExtensionCodec;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use mlsys_core::{Error, Result};

use super::lost_executors::{LostExecutors, STAGE_FAILURES};
use super::{Codecs, MESSAGE_BYTES, REQUEST_SECONDS, whole_seconds};
use crate::Functions;

/// What a plan may take, unless said otherwise.
const PLAN_BYTES: u32 = 64 << 20;

/// A scheduler that reads this crate's functions. Port 0 takes any free one: see [`Scheduler::bind`].
pub fn scheduler(functions: &Functions, options: impl Into<SchedulerOptions>) -> Scheduler {
    Scheduler { functions: functions.clone(), options: options.into() }
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
    /// whole seconds). Well above [`ExecutorOptions::heartbeat`](super::ExecutorOptions::heartbeat); an executor that refuses connections is noticed at
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

    /// A codec of your own around or in place of [`Codec`](crate::Codec).
    #[must_use]
    pub fn logical_codec(mut self, codec: Arc<dyn LogicalExtensionCodec>) -> Self {
        self.codecs.logical = Some(codec);
        self
    }

    /// A codec of your own around or in place of [`Codec`](crate::Codec).
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
        // The planner whose way of going on without an executor is tested here.
        config.override_session_builder = Some(Arc::new(|config| {
            default_session_builder(config.set_bool(BALLISTA_ADAPTIVE_PLANNER_ENABLED, true))
        }));
        config.min_ready_executors = options.executors;
        config.finished_job_data_clean_up_interval_seconds = whole_seconds(options.keep_results);
        config.grpc_server_max_decoding_message_size = options.plan_bytes;
        config.grpc_server_max_encoding_message_size = MESSAGE_BYTES;
        config.override_config_producer = Some(Arc::new(|| {
            default_config_producer()
                .with_ballista_grpc_client_max_message_size(MESSAGE_BYTES as usize)
                .set_u64(BALLISTA_CLIENT_GRPC_TIMEOUT_SECONDS, REQUEST_SECONDS)
        }));
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
            let executors = Arc::new(LostExecutors::new(cluster.cluster_state()));
            let cluster = BallistaCluster::new(executors.clone(), cluster.job_state());
            let scheduler =
                create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, self.config).await?;
            executors.watch(&scheduler);
            start_grpc_service_with_listener(self.listener, scheduler).await
        };
        run.await.map_err(|e| Error::external(e).context(stage))
    }
}

fn ip_in_url(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

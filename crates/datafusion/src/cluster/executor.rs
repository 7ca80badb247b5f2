//! The processes that run tasks.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ballista_core::utils::GrpcServerConfig;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use datafusion_proto::physical_plan::PhysicalExtensionCodec;
use mlsys_core::{Error, Result};

use super::{Address, Codecs, MESSAGE_BYTES, REQUEST_SECONDS, whole_seconds};
use crate::Functions;

/// An executor that runs this crate's functions.
pub fn executor(functions: &Functions, options: impl Into<ExecutorOptions>) -> Executor {
    Executor { functions: functions.clone(), options: options.into() }
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
            grpc_server_config: GrpcServerConfig { timeout_seconds: REQUEST_SECONDS, ..Default::default() },
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

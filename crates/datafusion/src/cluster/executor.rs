//! The processes that run tasks.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ballista_core::extension::ballista_scalar_functions;
use ballista_core::registry::BallistaFunctionRegistry;
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
    /// on one machine must share it. States of statistics count, models do not.
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

    /// A codec of your own around or in place of [`Codec`](crate::Codec).
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
        let [port, grpc_port] =
            ports(options.bind, [options.port, options.grpc_port]).map_err(|e| e.context(stage.as_str()))?;
        let codecs = &options.codecs;
        let config = ExecutorProcessConfig {
            bind_host: options.bind.to_string(),
            external_host: options.host,
            port,
            grpc_port,
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
            override_function_registry: Some(Arc::new(registry())),
            ..ExecutorProcessConfig::default()
        };
        start_executor_process(Arc::new(config)).await.map_err(|e| Error::external(e).context(stage))
    }
}

/// What travels by name: all of DataFusion's functions. The registry that an executor has otherwise lacks those over
/// lists and structs, which the scheduler plans with.
fn registry() -> BallistaFunctionRegistry {
    let mut registry = BallistaFunctionRegistry::default();
    let named = ballista_scalar_functions().into_iter().map(|f| (f.name().to_owned(), f));
    registry.scalar_functions.extend(named);
    registry
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

/// The ports to use, free a moment ago. Ballista announces the port numbers it is given, and ends without an error
/// if it then cannot listen there.
fn ports(bind: IpAddr, wanted: [u16; 2]) -> Result<[u16; 2]> {
    // Both stay taken until both are found.
    let mut listeners = Vec::new();
    let mut ports = wanted;
    for port in &mut ports {
        let listener = if *port == 0 { free_port(bind) } else { TcpListener::bind((bind, *port)) };
        let listener = listener.and_then(|l| Ok((l.local_addr()?.port(), l)));
        let (found, listener) =
            listener.map_err(|e| Error::from(e).context(format!("listening at {bind}, port {port}")))?;
        *port = found;
        listeners.push(listener);
    }
    Ok(ports)
}

/// A port below those that systems give to outgoing connections, one of which could take it before it is used.
fn free_port(bind: IpAddr) -> std::io::Result<TcpListener> {
    const PORTS: Range<u16> = 20_000..32_000;
    let id = ballista_core::ids::new_instance_id();
    let start: usize = id.bytes().fold(0, |seed, byte| (seed * 31 + usize::from(byte)) % PORTS.len());
    let mut error = std::io::ErrorKind::AddrInUse.into();
    for port in PORTS.cycle().skip(start).take(100) {
        match TcpListener::bind((bind, port)) {
            Ok(listener) => return Ok(listener),
            Err(e) => error = e,
        }
    }
    Err(error)
}

//! A cluster of real processes on this machine: one program that starts itself once for each role.
//!
//! The program calls [`run_role`] first thing in `main`. [`Cluster::start`] then starts it again as a scheduler and as
//! executors, which end with it: on drop, when they are killed one by one, and even when the program itself is killed,
//! because each of them watches its standard input.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mlsys_datafusion::Functions;
use mlsys_datafusion::cluster::{self, ExecutorOptions, SchedulerOptions};

pub type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const STARTING: Duration = Duration::from_secs(30);

/// A directory that is deleted with the value.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Result<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("mlsys-cluster-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // For looking at what the processes logged.
        if std::env::var_os("KEEP_CLUSTERS").is_none() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// A process that is killed with the value.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts this program again, with a role and what the role needs. What it logs goes to a file.
    pub fn start(log: PathBuf, args: &[&str]) -> Result<Self> {
        let child = Command::new(std::env::current_exe()?)
            .arg("role")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()?;
        Ok(Self { child, log })
    }

    /// SIGKILL: the process has no chance to say good-bye.
    pub fn kill(&mut self) -> Result {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn check_running(&mut self) -> Result {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(format!("a process ended with {status}:\n{}", self.log()).into()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// A scheduler and its executors.
pub struct Cluster {
    pub scheduler: Process,
    pub executors: Vec<Process>,
    address: SocketAddr,
    directory: Directory,
}

impl Cluster {
    /// Starts the processes and waits until all executors have registered. A role says how `run_role` sets it up.
    pub fn start(scheduler: &str, executor: &str, executors: usize) -> Result<Self> {
        let directory = Directory::new()?;
        let dir = directory.path();
        let address_file = dir.join("address");
        let log = dir.join("scheduler.log");
        let mut process =
            Process::start(log, &[scheduler, &address_file.display().to_string(), &executors.to_string()])?;
        let address: SocketAddr = until(STARTING, || {
            process.check_running()?;
            Ok(fs::read_to_string(&address_file).ok())
        })?
        .parse()?;
        let mut cluster = Self { scheduler: process, executors: Vec::new(), address, directory };
        for i in 0..executors {
            let process = Process::start(
                cluster.directory.path().join(format!("executor{i}.log")),
                &[executor, &address.to_string(), &cluster.work_dir(i).display().to_string()],
            )?;
            cluster.executors.push(process);
        }
        until(STARTING, || {
            for process in cluster.executors.iter_mut().chain([&mut cluster.scheduler]) {
                process.check_running()?;
            }
            Ok(is_ready(address).then_some(()))
        })?;
        Ok(cluster)
    }

    pub fn url(&self) -> String {
        format!("df://{}", self.address)
    }

    pub fn work_dir(&self, executor: usize) -> PathBuf {
        self.directory.path().join(format!("executor{executor}"))
    }

    /// The files of results that an executor has written and not yet deleted, for all jobs.
    pub fn results(&self, executor: usize) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut directories = vec![self.work_dir(executor)];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                if entry.path().is_dir() {
                    directories.push(entry.path());
                } else {
                    files.push(entry.path());
                }
            }
        }
        files
    }

    /// The jobs that an executor has worked for. It keeps a directory for each until the results are due for deletion.
    pub fn jobs(&self, executor: usize) -> Vec<String> {
        let entries = fs::read_dir(self.work_dir(executor)).into_iter().flatten().flatten();
        let names = entries.map(|e| e.file_name().to_string_lossy().into_owned());
        names.filter(|name| !name.starts_with("datafusion")).collect()
    }
}

/// Asks again and again until there is an answer.
pub fn until<T>(timeout: Duration, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if start.elapsed() > timeout {
            return Err(format!("nothing happened within {timeout:?}").into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a scheduler has as many executors as it waits for.
fn is_ready(scheduler: SocketAddr) -> bool {
    let ask = || -> io::Result<String> {
        let mut stream = TcpStream::connect(scheduler)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: scheduler\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// How a role differs from the plain one.
pub struct Roles {
    pub functions: fn() -> Functions,
    pub scheduler: fn(&str, SchedulerOptions) -> Option<SchedulerOptions>,
    pub executor: fn(&str, ExecutorOptions) -> Option<ExecutorOptions>,
}

/// Runs a role and ends the process, if this process was started for one.
pub fn run_role(roles: &Roles) -> Result {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let ["role", role, first, second] = *args.iter().map(String::as_str).collect::<Vec<_>>() else {
        return Ok(());
    };
    log_to_stderr();
    end_with_parent();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let functions = (roles.functions)();
    let quick = |options: SchedulerOptions| options.executor_timeout(Duration::from_secs(4));
    if let Some(options) = (roles.scheduler)(role, quick(SchedulerOptions::new("127.0.0.1:0"))) {
        let options = options.ready_with(second.parse()?);
        runtime.block_on(async {
            let scheduler = cluster::scheduler(&functions, options).bind().await?;
            // Renamed into place, so that nobody reads half an address.
            let unfinished = format!("{first}.unfinished");
            fs::write(&unfinished, scheduler.address().to_string())?;
            fs::rename(&unfinished, first)?;
            scheduler.run().await.map_err(Into::<Box<dyn Error + Send + Sync>>::into)
        })?;
    } else {
        let options = ExecutorOptions::new(first)
            .work_dir(second)
            .slots(2)
            .heartbeat(Duration::from_secs(1))
            .memory(256 << 20);
        let options = (roles.executor)(role, options).ok_or_else(|| format!("there is no role {role}"))?;
        runtime.block_on(cluster::executor(&functions, options).run())?;
    }
    std::process::exit(0)
}

/// Ends this process when its parent closes the pipe, as the system does for a parent that is killed.
fn end_with_parent() {
    std::thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        std::process::exit(1)
    });
}

fn log_to_stderr() {
    struct Stderr;

    impl log::Log for Stderr {
        fn enabled(&self, _: &log::Metadata) -> bool {
            true
        }

        fn log(&self, record: &log::Record) {
            if record.target().starts_with("ballista") || record.level() <= log::Level::Warn {
                let _ = writeln!(io::stderr(), "{} {}: {}", record.level(), record.target(), record.args());
            }
        }

        fn flush(&self) {}
    }

    if log::set_logger(&Stderr).is_ok() {
        log::set_max_level(log::LevelFilter::Info);
    }
}

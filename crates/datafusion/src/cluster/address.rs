//! Where a scheduler listens, and whether it has executors.

use std::fmt;
use std::time::{Duration, Instant};

use mlsys_core::{Error, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The port of a scheduler when none is given, as in Ballista.
const SCHEDULER_PORT: u16 = 50050;

/// Where a scheduler listens.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Address {
    pub(super) fn parse(address: &str) -> Result<Self> {
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
    pub(super) async fn wait(&self, patience: Duration) -> Result<()> {
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
    pub(super) async fn wait_for_executors(&self, patience: Duration) -> Result<()> {
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

    /// Waits until the scheduler has been without executors for so long that it should have ended every query: six times
    /// the patience, a minute at least. What that is, as an error.
    pub(super) async fn deserted(&self, patience: Duration) -> Error {
        let limit = (6 * patience).max(Duration::from_secs(60));
        let mut since: Option<Instant> = None;
        loop {
            tokio::time::sleep(Duration::from_secs(2)).await;
            match tokio::time::timeout(patience, self.executors()).await {
                Ok(Ok(Some(0))) => {
                    if since.get_or_insert_with(Instant::now).elapsed() >= limit {
                        let what = format!(
                            "all executors were lost: the scheduler at {self} has had none for {limit:?}"
                        );
                        return Error::unsupported(what);
                    }
                }
                _ => since = None,
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_hosts_and_ports() {
        for (text, expected) in [
            ("127.0.0.1:7", Some("127.0.0.1:7")),
            ("scheduler", Some("scheduler:50050")),
            ("[::1]:7", Some("[::1]:7")),
            ("[::1]", Some("[::1]:50050")),
            (":7", None),
            ("host:many", None),
            ("host/path", None),
        ] {
            assert_eq!(Address::parse(text).ok().map(|a| a.to_string()).as_deref(), expected, "{text}");
        }
    }
}

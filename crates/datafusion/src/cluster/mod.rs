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
//! A query goes on when an executor is lost: its tasks are run elsewhere, and if results are gone with it, the client
//! starts the query again ([`ClientOptions::attempts`]). Errors say which process lacks which function.
//!
//! A cluster has no authentication and no encryption: whoever reaches the ports can run queries and read what the
//! executors can read. That is why everything listens on the loopback address until told otherwise.

mod address;
mod client;
mod executor;
mod lost_executors;
mod scheduler;

use std::sync::Arc;
use std::time::Duration;

use datafusion_proto::logical_plan::LogicalExtensionCodec;
use datafusion_proto::physical_plan::PhysicalExtensionCodec;

use crate::{Codec, Functions};
use address::Address;
pub use client::{ClientOptions, connect, connect_with};
pub use executor::{Executor, ExecutorOptions, executor};
pub use scheduler::{ListeningScheduler, Scheduler, SchedulerOptions, scheduler};

/// The limit of every message but the plan that a client sends. A task repeats the models of its plan, once for each
/// place where they are used, and a scheduler that cannot hand out a task for its size takes the executor for lost and
/// tries for ever: so the only limit that may ever be reached is the first.
const MESSAGE_BYTES: u32 = u32::MAX;

/// How long a request may take: reading a task with its models is part of handing it out.
const REQUEST_SECONDS: u64 = 120;

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

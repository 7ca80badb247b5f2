//! mlsys's side of the comparison with peers: a process that loads a job's data, says so, and then runs the job once for
//! every line on its standard input. `benches/peers/compare` starts it; see there. Or one fit, for `benches/peers/quality`;
//! or leaks planted in real tables.

mod data;
mod jobs;
mod memory;
mod planted;
mod quality;

use std::io::{BufRead, Write};
use std::time::Instant;

use mlsys::core::{Error, Result};
use serde_json::{Value, json};

/// Polars and numpy bring allocators that keep freed pages; a service in Rust would choose one too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One run's result: numbers that the other side must agree with, and what quality there is.
pub struct Outcome {
    /// Compared with the peer's, name by name.
    pub digest: Vec<(String, f64)>,
    /// The figure of merit, such as an objective.
    pub quality: Option<f64>,
}

/// A job with its data loaded.
pub trait Job {
    /// Does the work that is timed.
    fn run(&mut self) -> Result<()>;
    /// What the last run gave; not timed.
    fn outcome(&self) -> Result<Outcome>;
    /// Figures of the last run beside its time, such as the time of one call.
    fn figures(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }
    /// Rows of the input.
    fn rows(&self) -> usize;
}

fn answer(value: &Value) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{value}")?;
    Ok(out.flush()?)
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (name, data) = match arguments.as_slice() {
        [first, rest @ ..] if first == "quality" => return quality::run(rest),
        [first, rest @ ..] if first == "planted" => return planted::run(rest),
        [name, data] => (name, data),
        _ => return Err(Error::unsupported("usage: mlsys-benches JOB DATA-DIRECTORY")),
    };
    let mut job = jobs::load(name, data)?;
    answer(&json!({ "ready": true, "rows": job.rows(), "version": env!("CARGO_PKG_VERSION") }))?;
    for line in std::io::stdin().lock().lines() {
        match line?.trim() {
            "run" => {
                let start = memory::reset();
                let clock = Instant::now();
                job.run()?;
                let seconds = clock.elapsed().as_secs_f64();
                let peak = memory::peak_over(start);
                let figures: serde_json::Map<String, Value> =
                    job.figures().into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
                answer(&json!({ "seconds": seconds, "peak_mb": peak, "figures": figures }))?;
            }
            "outcome" => {
                let outcome = job.outcome()?;
                let digest: serde_json::Map<String, Value> =
                    outcome.digest.into_iter().map(|(name, value)| (name, json!(value))).collect();
                answer(&json!({ "digest": digest, "quality": outcome.quality }))?;
            }
            _ => break,
        }
    }
    Ok(())
}

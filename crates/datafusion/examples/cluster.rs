//! Fits the preprocessing of the flights on a cluster and predicts there: a scheduler and two executors, each a process of
//! its own on this machine.
//!
//! `cargo run --release -p mlsys-datafusion --features ballista --example cluster`
//!
//! The program starts itself again for each role; `tests/shared/processes.rs` has that part. A binary of yours needs the
//! three lines of [`mlsys_datafusion::cluster`] instead.

#[path = "../tests/shared/processes.rs"]
mod processes;

use std::fs::File;
use std::io::{Write, stdout};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use mlsys::models::LogisticRegression;
use mlsys::prelude::*;
use mlsys::sampling::{HashSplit, TimeSplit};
use mlsys_core::arrow::array::AsArray;
use mlsys_core::arrow::datatypes::Float64Type;
use mlsys_datafusion::cluster::{ClientOptions, connect_with};
use mlsys_datafusion::datafusion::parquet::arrow::ArrowWriter;
use mlsys_datafusion::datafusion::parquet::file::properties::WriterProperties;
use mlsys_datafusion::datafusion::prelude::{ParquetReadOptions, SessionContext};
use mlsys_datafusion::{Collected, Frame, Functions, fit_on, predict_proba_on, transform_on};
use processes::{Cluster, Directory, Roles, run_role};

const FLIGHTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/flights_weather.parquet");
const QUERY: &str = "SELECT *, arr_delay > 15 AS late FROM flights WHERE arr_delay IS NOT NULL";

/// The flights in four files of several row groups each, as a table that many processes write would lie.
fn write_files(directory: &Path) -> processes::Result {
    let flights = mlsys_core::read::read_parquet(FLIGHTS)?;
    let each = flights.num_rows().div_ceil(4);
    for i in 0..4 {
        let part = flights.slice(i * each, each.min(flights.num_rows() - i * each));
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(16_384)).build();
        let file = File::create(directory.join(format!("{i}.parquet")))?;
        let mut writer = ArrowWriter::try_new(file, part.schema(), Some(properties))?;
        writer.write(&part)?;
        writer.close()?;
    }
    Ok(())
}

/// The flights of the session, divided in time.
async fn divided(ctx: &SessionContext, files: &Path) -> processes::Result<(Frame<Train>, Frame<Test>)> {
    ctx.register_parquet("flights", files.display().to_string(), ParquetReadOptions::default()).await?;
    let data = Frame::new(ctx.sql(QUERY).await?)?.target("late")?.time("time_hour")?.ignore([
        "dep_time",
        "dep_delay",
        "arr_time",
        "arr_delay",
        "air_time",
        "flight",
        "tailnum",
        "time_hour",
    ])?;
    Ok(data.split(&TimeSplit::at("2013-10-01T00:00 America/New_York"))?)
}

/// What is fitted and predicted: the bytes of the preprocessing, and the probabilities by flight.
async fn fit_and_predict(ctx: &SessionContext, files: &Path) -> processes::Result<Fitted> {
    let (train, test) = divided(ctx, files).await?;
    let recipe = MedianImputer::new()
        .indicators(Indicators::WhereMissing)
        .then(StandardScaler::new())
        .then(OneHotEncoder::new().min_frequency(100).unseen(Unseen::Infrequent));
    let preprocessing = Arc::new(fit_on(&recipe, &train).await?);

    // The model needs its rows in memory: a share of them is enough for an example.
    let (sample, _) = train.split_validation(&HashSplit::new("time_hour").test_share(0.9))?;
    let prepared = transform_on(preprocessing.clone(), &sample)?.collect().await?;
    let model = Arc::new(LogisticRegression::new().fit(&prepared)?);

    let prepared = transform_on(preprocessing.clone(), &test)?;
    let predicted = predict_proba_on(model, &prepared, "p_")?.collect().await?;
    Ok(Fitted { preprocessing: format!("{preprocessing:?}"), predicted: by_flight(&predicted)? })
}

struct Fitted {
    preprocessing: String,
    predicted: Vec<(String, f64)>,
}

/// The probability of each flight, by what names it: an engine gives rows in any order.
fn by_flight<P: Collected>(rows: &Dataset<P>) -> processes::Result<Vec<(String, f64)>> {
    let text = |name: &str, row: usize| -> mlsys_core::Result<String> {
        Ok(mlsys_core::arrow::util::display::array_value_to_string(rows.column(name)?, row)?)
    };
    let late = rows.column("p_true")?.as_primitive::<Float64Type>();
    let mut flights = (0..rows.n_rows())
        .map(|row| {
            Ok((
                format!("{} {} {}", text("time_hour", row)?, text("flight", row)?, text("tailnum", row)?),
                late.value(row),
            ))
        })
        .collect::<mlsys_core::Result<Vec<_>>>()?;
    flights.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    Ok(flights)
}

async fn compare() -> processes::Result {
    let mut out = stdout();
    let files = Directory::new()?;
    write_files(files.path())?;

    let clock = Instant::now();
    let local = fit_and_predict(&SessionContext::new(), files.path()).await?;
    writeln!(out, "in this process: {:.2} s", clock.elapsed().as_secs_f64())?;

    let cluster = Cluster::start("scheduler", "executor", 2)?;
    writeln!(out, "a scheduler at {} and two executors are up", cluster.url())?;
    let clock = Instant::now();
    let options = ClientOptions::new().partitions(4).partitions_per_task(1);
    let ctx = connect_with(&Functions::new(), &cluster.url(), options).await?;
    let there = fit_and_predict(&ctx, files.path()).await?;
    writeln!(out, "on the cluster:  {:.2} s", clock.elapsed().as_secs_f64())?;
    for executor in 0..2 {
        writeln!(out, "executor {executor} worked for {} jobs", cluster.jobs(executor).len())?;
    }

    let flights = local.predicted.len();
    let same_rows = flights == there.predicted.len()
        && local.predicted.iter().zip(&there.predicted).all(|(a, b)| a.0 == b.0);
    let largest =
        local.predicted.iter().zip(&there.predicted).map(|(a, b)| (a.1 - b.1).abs()).fold(0.0, f64::max);
    writeln!(
        out,
        "the fitted preprocessing is {}",
        if local.preprocessing == there.preprocessing {
            "the same, bit by bit"
        } else {
            "the same up to the last digits of sums"
        }
    )?;
    writeln!(out, "{flights} flights predicted; probabilities differ by at most {largest:.1e}")?;
    if !same_rows || largest > 1e-6 {
        return Err("the cluster's result is NOT the local one".into());
    }
    writeln!(out, "the cluster's result equals the local one")?;
    Ok(())
}

fn main() -> processes::Result {
    run_role(&Roles {
        functions: Functions::new,
        scheduler: |role, options| (role == "scheduler").then_some(options),
        executor: |role, options| (role == "executor").then_some(options),
    })?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(compare())
}

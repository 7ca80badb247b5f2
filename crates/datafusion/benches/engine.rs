//! The jobs `datafusion_fit` and `datafusion_profile`: fitting a scaler, an imputer and an encoder, and a profile, on
//! generated Parquet; by mlsys on DataFusion, by mlsys's own streamed driver, and by DataFusion's built-in aggregates doing
//! the nearest equal work; and by one and by two executors, each with one core.
//!
//! ```text
//! cargo bench -p mlsys-datafusion --features ballista --bench engine -- [JOB] [--rows 10000000] [--runs 3] [--json]
//! ```
//! The files are written below `target/tmp` and deleted at the end: 76 bytes a row before compression, about 45 on disk, so
//! 0.5 GB for ten million rows and 5 GB for a hundred million. Each measurement is a process of its own, so that its peak
//! memory is its own.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

#[path = "../tests/shared/processes.rs"]
#[allow(dead_code)]
mod processes;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use mlsys_core::arrow::array::{ArrayRef, AsArray, Float64Builder, Int64Array, RecordBatch, StringArray};
use mlsys_core::portable::PortableStatistic;
use mlsys_core::read::ParquetReader;
use mlsys_core::{Batches, Category, Columns, Fit, FitByStatistic, Result, column, seed};
use mlsys_datafusion::cluster::{ClientOptions, connect_with};
use mlsys_datafusion::datafusion::parquet::arrow::ArrowWriter;
use mlsys_datafusion::datafusion::parquet::basic::{Compression, ZstdLevel};
use mlsys_datafusion::datafusion::parquet::file::properties::WriterProperties;
use mlsys_datafusion::datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use mlsys_datafusion::{Frame, Functions, expr, fit_on, profile_on};
use mlsys_encoding::{FittedOneHotEncoder, FittedStandardScaler, OneHotEncoder, StandardScaler};
use mlsys_missing_values::{FittedImputer, MedianImputer};
use mlsys_stats::{ColumnStatistic, Counts, Moments, Profile, ProfileReport, Quantiles};
use processes::{Cluster, Roles, run_role};

const NUMBERS: [&str; 8] = ["normal", "skewed", "rounded", "mostly_zero", "offset", "gaps", "count", "id"];
const WORDS: [&str; 2] = ["letter", "code"];
const QUARTILES: [f64; 3] = [0.25, 0.5, 0.75];
const WAYS: [&str; 5] = ["on_engine", "streamed", "built_in", "one_executor", "two_executors"];
const ROWS_PER_FILE: usize = 1_000_000;
const CHUNK: usize = 131_072;

/// Rows of ten columns: eight numbers of several shapes, two texts of 12 and 300 values.
fn chunk(rows: usize, at: usize) -> RecordBatch {
    let mut rng = seed::stream(11, at as u64);
    let mut numbers: Vec<Float64Builder> = (0..6).map(|_| Float64Builder::with_capacity(rows)).collect();
    let (mut counts, mut letters, mut codes) = (Vec::with_capacity(rows), Vec::new(), Vec::new());
    for _ in 0..rows {
        let mut draw = || seed::uniform(&mut rng);
        let normal = (0..6).map(|_| draw()).sum::<f64>() - 3.0;
        let skewed = -(1.0 - draw()).ln();
        let values = [
            Some(normal),
            Some(skewed),
            Some((normal * 100.0).round() / 10.0),
            Some(if draw() < 0.8 { 0.0 } else { skewed }),
            Some(1e6 + normal),
            (draw() >= 0.1).then_some(normal + skewed),
        ];
        numbers.iter_mut().zip(values).for_each(|(builder, value)| builder.append_option(value));
        counts.push((skewed * 20.0) as i64);
        letters.push(
            ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"][(draw() * draw() * 12.0) as usize],
        );
        codes.push(format!("code-{}", (draw() * draw() * 300.0) as usize));
    }
    let mut columns: Vec<(&str, ArrayRef, bool)> = Vec::new();
    for (name, mut builder) in NUMBERS.into_iter().zip(numbers) {
        columns.push((name, Arc::new(builder.finish()) as ArrayRef, true));
    }
    columns.push(("count", Arc::new(Int64Array::from(counts)), true));
    columns.push(("id", Arc::new(Int64Array::from_iter_values((at..at + rows).map(|i| i as i64))), true));
    columns.push(("letter", Arc::new(StringArray::from(letters)), true));
    columns.push(("code", Arc::new(StringArray::from(codes)), true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn generate(folder: &Path, rows: usize) {
    std::fs::create_dir_all(folder).unwrap();
    let zstd = Compression::ZSTD(ZstdLevel::try_new(1).unwrap());
    for start in (0..rows).step_by(ROWS_PER_FILE) {
        let end = rows.min(start + ROWS_PER_FILE);
        let file =
            std::fs::File::create(folder.join(format!("{:05}.parquet", start / ROWS_PER_FILE))).unwrap();
        let properties =
            WriterProperties::builder().set_compression(zstd).set_max_row_group_row_count(Some(CHUNK));
        let mut writer = ArrowWriter::try_new(file, chunk(0, 0).schema(), Some(properties.build())).unwrap();
        for at in (start..end).step_by(CHUNK) {
            writer.write(&chunk(CHUNK.min(end - at), at)).unwrap();
        }
        writer.close().unwrap();
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

async fn local(folder: &Path) -> SessionContext {
    opened(SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2)), folder).await
}

async fn opened(ctx: SessionContext, folder: &Path) -> SessionContext {
    ctx.register_parquet("t", folder.to_str().unwrap(), ParquetReadOptions::default()).await.unwrap();
    ctx
}

/// What a way to do a job found, for comparing it with others.
type Found = BTreeMap<String, f64>;

/// Names of what has one value only in theory: it is off by the error that each side allows itself.
const SKETCHED: &str = "quantile";

fn of_fit(scaler: &FittedStandardScaler, imputer: &FittedImputer, encoder: &FittedOneHotEncoder) -> Found {
    let mut found = Found::new();
    for column in NUMBERS {
        found.insert(format!("mean {column}"), scaler.mean(column).unwrap());
        found.insert(format!("deviation {column}"), scaler.scale(column).unwrap());
        let median = imputer.value(column).and_then(Category::as_f64).unwrap();
        found.insert(format!("{SKETCHED} 0.5 {column}"), median);
    }
    for column in WORDS {
        found.insert(format!("levels {column}"), encoder.output_names(column).unwrap().len() as f64);
    }
    found
}

fn of_profile(report: &ProfileReport) -> Found {
    let mut found = Found::new();
    for column in &report.columns {
        let name = &column.name;
        let missing = &column.missing;
        found.insert(format!("count {name}"), (missing.rows - missing.missing()) as f64);
        if let (Some(moments), Some(quantiles)) = (&column.moments, &column.quantiles) {
            found.insert(format!("mean {name}"), moments.mean());
            found.insert(format!("deviation {name}"), moments.std_dev(0.0));
            for (end, value) in [("min", &column.min), ("max", &column.max)] {
                found.insert(format!("{end} {name}"), value.as_ref().and_then(Category::as_f64).unwrap());
            }
            for q in QUARTILES {
                found.insert(format!("{SKETCHED} {q} {name}"), quantiles.quantile(q).unwrap());
            }
        } else {
            found.insert(format!("levels {name}"), column.distinct().unwrap() as f64);
        }
    }
    found
}

/// Why two ways disagree, if they do: exact numbers up to rounding, quantiles within 0.03 deviations. DataFusion's digest
/// goes between values (13.4 of whole numbers whose median is 13) and is off by 0.3 % of the ranks in `id`.
fn unequal(ours: &Found, theirs: &Found) -> Option<String> {
    if ours.keys().ne(theirs.keys()) {
        return Some(format!("{:?} against {:?}", ours.keys(), theirs.keys()));
    }
    ours.iter().find_map(|(name, &x)| {
        let y = theirs[name];
        let scale = match name.strip_prefix(SKETCHED) {
            Some(of) => 0.03 * ours[&format!("deviation {}", of.rsplit(' ').next().unwrap())],
            None => 1e-9 * (1.0 + x.abs()),
        };
        ((x - y).abs() > scale).then(|| format!("{name}: {x} against {y}"))
    })
}

/// mlsys on the engine.
async fn on_engine(job: &str, ctx: SessionContext) -> Result<Found> {
    let frame = Frame::new(ctx.table("t").await.unwrap())?;
    if job == "datafusion_profile" {
        return Ok(of_profile(&profile_on(&Profile::new(), &frame).await?));
    }
    let train = frame.into_train_all();
    let scaler = fit_on(&StandardScaler::new().on(Columns::named(NUMBERS)), &train).await?;
    let imputer = fit_on(&MedianImputer::new().on(Columns::named(NUMBERS)), &train).await?;
    let encoder = fit_on(&OneHotEncoder::new().on(Columns::named(WORDS)), &train).await?;
    Ok(of_fit(&scaler, &imputer, &encoder))
}

/// mlsys on executors of one slot and one thread each. The cluster is up before the clock starts.
async fn on_cluster(job: &str, folder: &Path, executors: usize) -> Result<(f64, Found)> {
    let cluster = Cluster::start("scheduler", "executor", executors).unwrap();
    let options = ClientOptions::new().partitions(8).partitions_per_task(1);
    let ctx = connect_with(&Functions::new(), &cluster.url(), options).await?;
    let ctx = opened(ctx, folder).await;
    let clock = Instant::now();
    let found = on_engine(job, ctx).await?;
    Ok((clock.elapsed().as_secs_f64(), found))
}

/// mlsys's own driver over the same files.
fn streamed(job: &str, folder: &Path) -> Result<Found> {
    let stream = |columns: &[&str]| -> Result<Batches> {
        let mut readers = Vec::new();
        for file in files(folder) {
            readers.push(ParquetReader::new(file)?.columns(columns.iter().copied())?);
        }
        let schema = readers[0].schema()?;
        let batches = readers.into_iter().flat_map(|reader| match reader.batches() {
            Ok(batches) => Box::new(batches) as Box<dyn Iterator<Item = Result<RecordBatch>> + Send>,
            Err(error) => Box::new(std::iter::once(Err(error))),
        });
        Batches::new(schema, batches)
    };
    if job == "datafusion_profile" {
        let all: Vec<&str> = NUMBERS.into_iter().chain(WORDS).collect();
        return Ok(of_profile(&stream(&all)?.summarize(&Profile::new())?));
    }
    let scaler = StandardScaler::new().fit_batches(stream(&NUMBERS)?.into_train_all())?;
    let imputer = MedianImputer::new().fit_batches(stream(&NUMBERS)?.into_train_all())?;
    let encoder = OneHotEncoder::new().fit_batches(stream(&WORDS)?.into_train_all())?;
    Ok(of_fit(&scaler, &imputer, &encoder))
}

/// The nearest equal work of DataFusion's own aggregates.
async fn built_in(job: &str, folder: &Path) -> Found {
    let ctx = local(folder).await;
    let each = |columns: &[&str], aggregates: &[(&str, &str)]| {
        let call =
            |(name, call): &(&str, &str), c: &str| format!("{} AS \"{name} {c}\"", call.replace('?', c));
        let list = columns.iter().flat_map(|c| aggregates.iter().map(move |a| call(a, c)));
        format!("SELECT {} FROM t", list.collect::<Vec<_>>().join(", "))
    };
    let moments = [("mean", "avg(?)"), ("deviation", "stddev_pop(?)")];
    let quantile = |q: f64| (format!("{SKETCHED} {q}"), format!("approx_percentile_cont(?, {q})"));
    let quantiles = QUARTILES.map(quantile);
    let [low, median, high] = quantiles.each_ref().map(|(name, call)| (name.as_str(), call.as_str()));
    let queries = if job == "datafusion_profile" {
        // There is no count of distinct doubles: their whole parts are fewer, and cost less.
        let of_numbers = [
            ("count", "count(?)"),
            ("min", "min(?)"),
            ("max", "max(?)"),
            ("-", "approx_distinct(CAST(? AS BIGINT))"),
        ];
        let of_words =
            [("count", "count(?)"), ("-min", "min(?)"), ("-max", "max(?)"), ("-", "approx_distinct(?)")];
        let numbers = [of_numbers.as_slice(), &moments, &[low, median, high]].concat();
        let (numbers, words) = (each(&NUMBERS, &numbers), each(&WORDS, &of_words));
        vec![format!("SELECT * FROM ({numbers}) CROSS JOIN ({words})")]
    } else {
        vec![each(&NUMBERS, &moments), each(&NUMBERS, &[median])]
    };
    let mut found = Found::new();
    for query in queries {
        let batches = ctx.sql(&query).await.unwrap().collect().await.unwrap();
        let batch = batches.iter().find(|batch| batch.num_rows() > 0).unwrap();
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            if !field.name().starts_with('-') {
                let value = column::floats(field.name(), column).unwrap()[0];
                found.insert(field.name().clone(), value);
            }
        }
    }
    for column in WORDS {
        let query = format!("SELECT {column}, count(*) FROM t GROUP BY {column}");
        let batches = ctx.sql(&query).await.unwrap().collect().await.unwrap();
        let levels = batches.iter().map(RecordBatch::num_rows).sum::<usize>();
        found.insert(format!("levels {column}"), levels as f64);
    }
    found
}

/// The state that a task sends on after a file of a million rows, and what it costs to merge it.
async fn print_state<S: PortableStatistic>(folder: &Path, what: &str, statistic: S) -> Result<()> {
    const TIMES: u32 = 20;
    let file = files(folder)[0].display().to_string();
    let table = SessionContext::new().read_parquet(file, ParquetReadOptions::default()).await.unwrap();
    let call = expr::state(&statistic, table.schema().as_arrow())?;
    let batches = table.aggregate(vec![], vec![call]).unwrap().collect().await.unwrap();
    let bytes = batches[0].column(0).as_binary::<i64>().value(0);
    let mut all = statistic.state_from_bytes(bytes)?;
    let clock = Instant::now();
    for _ in 0..TIMES {
        statistic.merge(&mut all, statistic.state_from_bytes(bytes)?)?;
    }
    let ms = clock.elapsed().as_secs_f64() * 1e3 / f64::from(TIMES);
    println!("state of {what:<28} {:>10} bytes, read and merged in {ms:.2} ms", bytes.len());
    Ok(())
}

async fn print_states(folder: &Path) -> Result<()> {
    print_state(folder, "scaler, 8 columns", Moments::new().over(NUMBERS)).await?;
    print_state(folder, "median, 8 columns", Quantiles::new().over(NUMBERS)).await?;
    print_state(folder, "median, 600 values", Quantiles::new().over(["rounded"])).await?;
    print_state(folder, "median, a million values", Quantiles::new().over(["normal"])).await?;
    print_state(folder, "one-hot, 12 and 300 values", Counts::new().over(WORDS)).await?;
    print_state(folder, "profile, 10 columns", Profile::new()).await
}

/// The most memory that this process has had, in MB.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

/// What a measurement's process says.
#[derive(serde::Deserialize)]
struct Measured {
    seconds: f64,
    peak_mb: f64,
    found: Found,
}

/// One measurement, in this process.
fn measure(by: &str, job: &str, folder: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rayon::ThreadPoolBuilder::new().num_threads(2).build_global().unwrap();
    let clock = Instant::now();
    let mut own_clock = None;
    let found = match by {
        "on_engine" => runtime.block_on(async { on_engine(job, local(folder).await).await }).unwrap(),
        "streamed" => streamed(job, folder).unwrap(),
        "built_in" => runtime.block_on(built_in(job, folder)),
        _ => {
            let executors = usize::from(by == "two_executors") + 1;
            let (seconds, found) = runtime.block_on(on_cluster(job, folder, executors)).unwrap();
            own_clock = Some(seconds);
            found
        }
    };
    let seconds = own_clock.unwrap_or_else(|| clock.elapsed().as_secs_f64());
    println!("{}", serde_json::json!({ "seconds": seconds, "peak_mb": peak(), "found": found }));
}

/// The files of a table, which go away with the value.
struct Files(PathBuf);

impl Drop for Files {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

fn main() {
    run_role(&Roles {
        functions: Functions::new,
        scheduler: |role, options| (role == "scheduler").then_some(options),
        executor: |role, options| (role == "executor").then(|| options.slots(1).memory(1 << 30)),
    })
    .unwrap();
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [measured, by, job, folder] = arguments.as_slice()
        && measured == "--measure"
    {
        return measure(by, job, Path::new(folder));
    }
    let after = |name: &str, default: usize| {
        let at = arguments.iter().position(|a| a == name);
        at.and_then(|at| arguments.get(at + 1)).map_or(default, |n| n.parse().unwrap())
    };
    let (rows, runs) = (after("--rows", 10_000_000), after("--runs", 3));
    let only = arguments.first().filter(|a| a.starts_with("datafusion_"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("engine-{rows}"));
    let _files = Files(folder.clone());
    generate(&folder, rows);
    let bytes: u64 = files(&folder).iter().map(|file| file.metadata().unwrap().len()).sum();
    println!("{rows} rows, {} files, {} MB", files(&folder).len(), bytes / 1_000_000);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(print_states(&folder)).unwrap();
    for job in ["datafusion_fit", "datafusion_profile"] {
        if only.is_some_and(|only| only != job) {
            continue;
        }
        let mut best = WAYS.map(|_| f64::INFINITY);
        let mut most = WAYS.map(|_| 0.0f64);
        let mut found = WAYS.map(|_| Found::new());
        for _ in 0..runs {
            for (way, by) in WAYS.iter().enumerate() {
                let mut child = Command::new(std::env::current_exe().unwrap());
                if way > 2 {
                    child.env("RAYON_NUM_THREADS", "1");
                }
                let output = child.args(["--measure", by, job]).arg(&folder).output().unwrap();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                let mut run: Measured = serde_json::from_slice(&output.stdout).unwrap();
                best[way] = best[way].min(run.seconds);
                most[way] = most[way].max(run.peak_mb);
                found[way] = std::mem::take(&mut run.found);
            }
        }
        for (way, by) in WAYS.iter().enumerate() {
            let (time, times) = (best[way], best[way] / best[0]);
            // What executors take is not the client's.
            let memory = if way > 2 { String::new() } else { format!("{:.0} MB", most[way]) };
            let word =
                unequal(&found[0], &found[way]).map_or(String::new(), |why| format!("   unequal: {why}"));
            println!("{job:<20} {by:<14} {time:>7.2} s {memory:>8}   {times:.2} of on_engine{word}");
        }
        println!("{job:<20} against built-in aggregates: {:.2} (at most 1.3)", best[0] / best[2]);
        println!("{job:<20} one executor against two: {:.2}", best[3] / best[4]);
        if arguments.iter().any(|a| a == "--json") {
            for (way, peer) in [(1, "streamed"), (2, "datafusion"), (3, "one executor"), (4, "two executors")]
            {
                let row = serde_json::json!({
                    "job": job, "peer": peer, "peer_version": datafusion_version(way), "rows": rows, "threads": 2,
                    "peer_threads": if way == 3 { 1 } else { 2 }, "peer_seconds": best[way], "seconds": best[0],
                    "ratio": best[way] / best[0], "peer_peak_mb": (way < 3).then_some(most[way]), "peak_mb": most[0],
                    "peer_quality": null, "quality": null, "unequal": unequal(&found[0], &found[way]).unwrap_or_default(),
                });
                println!("{row}");
            }
        }
    }
}

/// The version of what a way is measured against.
fn datafusion_version(way: usize) -> &'static str {
    if way == 2 { mlsys_datafusion::datafusion::DATAFUSION_VERSION } else { env!("CARGO_PKG_VERSION") }
}

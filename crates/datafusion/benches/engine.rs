//! The jobs `datafusion_fit` and `datafusion_profile`: fitting a scaler, an imputer and an encoder, and a profile, on
//! generated Parquet; by mlsys on DataFusion, by mlsys's own streamed driver, and by DataFusion's built-in aggregates doing
//! the nearest equal work; and by one and by two executors, each with one core.
//!
//! ```text
//! cargo bench -p mlsys-datafusion --features ballista --bench engine -- [JOB] [--rows 10000000] [--runs 3]
//! ```
//! The files are written below `target/tmp` and deleted at the end: 76 bytes a row before compression, about 45 on disk, so
//! 0.5 GB for ten million rows and 5 GB for a hundred million. Each measurement is a process of its own, so that its peak
//! memory is its own.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

#[path = "../tests/shared/processes.rs"]
#[allow(dead_code)]
mod processes;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use mlsys_core::arrow::array::{ArrayRef, AsArray, Float64Builder, Int64Array, RecordBatch, StringArray};
use mlsys_core::portable::PortableStatistic;
use mlsys_core::read::ParquetReader;
use mlsys_core::{Batches, Columns, Fit, FitByStatistic, Result, seed};
use mlsys_datafusion::cluster::{ClientOptions, connect_with};
use mlsys_datafusion::datafusion::parquet::arrow::ArrowWriter;
use mlsys_datafusion::datafusion::parquet::basic::{Compression, ZstdLevel};
use mlsys_datafusion::datafusion::parquet::file::properties::WriterProperties;
use mlsys_datafusion::datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use mlsys_datafusion::{Frame, Functions, expr, fit_on, profile_on};
use mlsys_encoding::{OneHotEncoder, StandardScaler};
use mlsys_missing_values::MedianImputer;
use mlsys_stats::{ColumnStatistic, Counts, Moments, Profile, Quantiles};
use processes::{Cluster, Roles, run_role};

const NUMBERS: [&str; 8] = ["normal", "skewed", "rounded", "mostly_zero", "offset", "gaps", "count", "id"];
const WORDS: [&str; 2] = ["letter", "code"];
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

fn imputer() -> impl Fit<Fitted = mlsys_missing_values::FittedImputer> + mlsys_core::FitByPasses {
    MedianImputer::new().on(Columns::named(NUMBERS))
}

async fn local(folder: &Path) -> SessionContext {
    opened(SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2)), folder).await
}

async fn opened(ctx: SessionContext, folder: &Path) -> SessionContext {
    ctx.register_parquet("t", folder.to_str().unwrap(), ParquetReadOptions::default()).await.unwrap();
    ctx
}

/// mlsys on the engine.
async fn on_engine(job: &str, ctx: SessionContext) -> Result<()> {
    let frame = Frame::new(ctx.table("t").await.unwrap())?;
    if job == "datafusion_profile" {
        return profile_on(&Profile::new(), &frame).await.map(drop);
    }
    let train = frame.into_train_all();
    fit_on(&StandardScaler::new().on(Columns::named(NUMBERS)), &train).await?;
    fit_on(&imputer(), &train).await?;
    fit_on(&OneHotEncoder::new().on(Columns::named(WORDS)), &train).await?;
    Ok(())
}

/// mlsys on executors of one slot and one thread each. The cluster is up before the clock starts.
async fn on_cluster(job: &str, folder: &Path, executors: usize) -> Result<f64> {
    let cluster = Cluster::start("scheduler", "executor", executors).unwrap();
    let options = ClientOptions::new().partitions(8).partitions_per_task(1);
    let ctx = connect_with(&Functions::new(), &cluster.url(), options).await?;
    let ctx = opened(ctx, folder).await;
    let clock = Instant::now();
    on_engine(job, ctx).await?;
    Ok(clock.elapsed().as_secs_f64())
}

/// mlsys's own driver over the same files.
fn streamed(job: &str, folder: &Path) -> Result<()> {
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
        return stream(&all)?.summarize(&Profile::new()).map(drop);
    }
    StandardScaler::new().fit_batches(stream(&NUMBERS)?.into_train_all())?;
    MedianImputer::new().fit_batches(stream(&NUMBERS)?.into_train_all())?;
    OneHotEncoder::new().fit_batches(stream(&WORDS)?.into_train_all())?;
    Ok(())
}

/// The nearest equal work of DataFusion's own aggregates.
async fn built_in(job: &str, folder: &Path) {
    let ctx = local(folder).await;
    let each = |columns: &[&str], aggregates: &[&str]| {
        let list = columns.iter().flat_map(|c| aggregates.iter().map(move |a| a.replace('?', c)));
        format!("SELECT {} FROM t", list.collect::<Vec<_>>().join(", "))
    };
    let levels = WORDS.map(|c| format!("SELECT {c}, count(*) FROM t GROUP BY {c}"));
    let mut queries = if job == "datafusion_profile" {
        // There is none for doubles: their whole parts are fewer, and cost less.
        let common = ["count(?)", "min(?)", "max(?)", "approx_distinct(CAST(? AS BIGINT))"];
        let of_words = ["count(?)", "min(?)", "max(?)", "approx_distinct(?)"];
        let more = [
            "avg(?)",
            "stddev_pop(?)",
            "approx_percentile_cont(?, 0.25)",
            "approx_percentile_cont(?, 0.5)",
            "approx_percentile_cont(?, 0.75)",
        ];
        let numbers = each(&NUMBERS, &[common.as_slice(), more.as_slice()].concat());
        let words = each(&WORDS, &of_words);
        vec![format!("SELECT * FROM ({numbers}) CROSS JOIN ({words})")]
    } else {
        vec![
            each(&NUMBERS, &["avg(?)", "stddev_pop(?)"]),
            each(&NUMBERS, &["approx_percentile_cont(?, 0.5)"]),
        ]
    };
    queries.extend(levels);
    for query in queries {
        ctx.sql(&query).await.unwrap().collect().await.unwrap();
    }
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

/// One measurement, in this process.
fn measure(by: &str, job: &str, folder: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rayon::ThreadPoolBuilder::new().num_threads(2).build_global().unwrap();
    let clock = Instant::now();
    let mut own_clock = None;
    match by {
        "on_engine" => runtime.block_on(async { on_engine(job, local(folder).await).await }).unwrap(),
        "streamed" => streamed(job, folder).unwrap(),
        "built_in" => runtime.block_on(built_in(job, folder)),
        _ => {
            let executors = usize::from(by == "two_executors") + 1;
            own_clock = Some(runtime.block_on(on_cluster(job, folder, executors)).unwrap());
        }
    }
    println!("{} {}", own_clock.unwrap_or_else(|| clock.elapsed().as_secs_f64()), peak());
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
        let ways = ["on_engine", "streamed", "built_in", "one_executor", "two_executors"];
        let mut best = [f64::INFINITY; 5];
        let mut most = [0.0f64; 5];
        for _ in 0..runs {
            for (way, by) in ways.iter().enumerate() {
                let mut child = Command::new(std::env::current_exe().unwrap());
                if way > 2 {
                    child.env("RAYON_NUM_THREADS", "1");
                }
                let output = child.args(["--measure", by, job]).arg(&folder).output().unwrap();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                let text = String::from_utf8(output.stdout).unwrap();
                let mut figures = text.split_whitespace().map(|n| n.parse::<f64>().unwrap());
                best[way] = best[way].min(figures.next().unwrap());
                most[way] = most[way].max(figures.next().unwrap());
            }
        }
        for (way, by) in ways.iter().enumerate() {
            let (time, times) = (best[way], best[way] / best[0]);
            // What executors take is not the client's.
            let memory = if way > 2 { String::new() } else { format!("{:.0} MB", most[way]) };
            println!("{job:<20} {by:<14} {time:>7.2} s {memory:>8}   {times:.2} of on_engine");
        }
        println!("{job:<20} against built-in aggregates: {:.2} (at most 1.3)", best[0] / best[2]);
        println!("{job:<20} one executor against two: {:.2}", best[3] / best[4]);
    }
}

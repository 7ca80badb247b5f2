//! The jobs `datafusion_fit` and `datafusion_profile`: fitting a scaler, an imputer and an encoder, and a profile, on
//! generated Parquet; by mlsys on DataFusion, by mlsys's own streamed driver, and by DataFusion's built-in aggregates doing
//! the nearest equal work.
//!
//! ```text
//! cargo bench -p mlsys-datafusion --features ballista --bench engine -- [JOB] [--rows 10000000] [--runs 3]
//! ```
//! The files are written below `target/tmp` and deleted at the end: 76 bytes a row before compression, about 45 on disk, so
//! 0.5 GB for ten million rows and 5 GB for a hundred million. Each measurement is a process of its own, so that its peak
//! memory is its own.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use mlsys_core::arrow::array::{ArrayRef, Float64Builder, Int64Array, RecordBatch, StringArray};
use mlsys_core::read::ParquetReader;
use mlsys_core::{Batches, Columns, Fit, FitByStatistic, Result, seed};
use mlsys_datafusion::datafusion::parquet::arrow::ArrowWriter;
use mlsys_datafusion::datafusion::parquet::basic::{Compression, ZstdLevel};
use mlsys_datafusion::datafusion::parquet::file::properties::WriterProperties;
use mlsys_datafusion::datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use mlsys_datafusion::{Frame, fit_on, profile_on};
use mlsys_encoding::{OneHotEncoder, StandardScaler};
use mlsys_missing_values::MedianImputer;
use mlsys_stats::Profile;

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

async fn session(folder: &Path) -> SessionContext {
    let ctx = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2));
    ctx.register_parquet("t", folder.to_str().unwrap(), ParquetReadOptions::default()).await.unwrap();
    ctx
}

/// mlsys on the engine.
async fn on_engine(job: &str, folder: &Path) -> Result<()> {
    let ctx = session(folder).await;
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
    let ctx = session(folder).await;
    let each = |columns: &[&str], aggregates: &[&str]| {
        let list = columns.iter().flat_map(|c| aggregates.iter().map(move |a| a.replace('?', c)));
        format!("SELECT {} FROM t", list.collect::<Vec<_>>().join(", "))
    };
    let levels = WORDS.map(|c| format!("SELECT {c}, count(*) FROM t GROUP BY {c}"));
    let mut queries = if job == "datafusion_profile" {
        let common = ["count(?)", "min(?)", "max(?)", "approx_distinct(?)"];
        let more = [
            "avg(?)",
            "stddev_pop(?)",
            "approx_percentile_cont(?, 0.25)",
            "approx_percentile_cont(?, 0.5)",
            "approx_percentile_cont(?, 0.75)",
        ];
        let numbers = each(&NUMBERS, &[common.as_slice(), more.as_slice()].concat());
        let words = each(&WORDS, &common);
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
    match by {
        "on_engine" => runtime.block_on(on_engine(job, folder)).unwrap(),
        "streamed" => streamed(job, folder).unwrap(),
        _ => runtime.block_on(built_in(job, folder)),
    }
    println!("{} {}", clock.elapsed().as_secs_f64(), peak());
}

fn main() {
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
    generate(&folder, rows);
    let bytes: u64 = files(&folder).iter().map(|file| file.metadata().unwrap().len()).sum();
    println!("{rows} rows, {} files, {} MB", files(&folder).len(), bytes / 1_000_000);
    for job in ["datafusion_fit", "datafusion_profile"] {
        if only.is_some_and(|only| only != job) {
            continue;
        }
        let mut best = [f64::INFINITY; 3];
        let mut most = [0.0f64; 3];
        let ways = ["on_engine", "streamed", "built_in"];
        for _ in 0..runs {
            for (way, by) in ways.iter().enumerate() {
                let mut child = Command::new(std::env::current_exe().unwrap());
                let output = child.args(["--measure", by, job]).arg(&folder).output().unwrap();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                let text = String::from_utf8(output.stdout).unwrap();
                let mut figures = text.split_whitespace().map(|n| n.parse::<f64>().unwrap());
                best[way] = best[way].min(figures.next().unwrap());
                most[way] = most[way].max(figures.next().unwrap());
            }
        }
        for (way, by) in ways.iter().enumerate() {
            println!(
                "{job:<20} {by:<10} {:>7.2} s {:>6.0} MB   {:.2} of on_engine",
                best[way],
                most[way],
                best[way] / best[0]
            );
        }
        println!("{job:<20} against built-in aggregates: {:.2} (at most 1.3)", best[0] / best[2]);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

//! Fits from a stream: the same bytes as from the whole table, in bounded memory.
#![cfg(all(feature = "encoding", feature = "missing-values"))]
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use mlsys::arrow::array::RecordBatch;
use mlsys::artifact::Artifact;
use mlsys::prelude::*;
use mlsys::read::ParquetReader;
use parquet::arrow::ArrowWriter;

fn flights() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/flights_weather.parquet"))
}

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

/// The artefact from the whole table at 1, 2 and 7 threads, and from streams of batches of three sizes.
fn equal_bytes<R>(name: &str, recipe: &R, table: &RecordBatch)
where
    R: FitByStatistic<Fitted: Artifact> + Sync,
{
    let whole = |threads: usize| {
        let train = Dataset::new(table.clone()).unwrap().into_train_all();
        pool(threads).install(|| artifact::to_bytes(&recipe.fit(&train).unwrap()).unwrap())
    };
    let expected = whole(1);
    assert!(whole(2) == expected && whole(7) == expected, "{name}: threads change the bytes");
    for size in [1_000, 8_192, 65_536] {
        for threads in [1, 2, 7] {
            let stream =
                ParquetReader::new(flights()).unwrap().batch_size(size).batches().unwrap().into_train_all();
            let found =
                pool(threads).install(|| artifact::to_bytes(&recipe.fit_batches(stream).unwrap()).unwrap());
            assert!(found == expected, "{name}: batches of {size} at {threads} threads change the bytes");
        }
    }
}

#[test]
fn a_stream_fits_to_the_bytes_of_the_table() {
    let table = read::read_parquet(flights()).unwrap();
    equal_bytes("MeanImputer", &MeanImputer::new(), &table);
    equal_bytes("MedianImputer", &MedianImputer::new().indicators(Indicators::WhereMissing), &table);
    equal_bytes("StandardScaler", &StandardScaler::new(), &table);
    equal_bytes("OneHotEncoder", &OneHotEncoder::new().min_frequency(100), &table);
    equal_bytes("OrdinalEncoder", &OrdinalEncoder::new(), &table);
}

/// A counter of this process in Linux's own books, in MB.
#[cfg(target_os = "linux")]
fn status(key: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.trim_matches([':', ' ', '\t']).split(' ').next().unwrap().parse::<f64>().unwrap() / 1024.0
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_ten_times_the_table_is_fitted_below_200_mb() {
    // A process of its own: other tests share this one's memory.
    if std::env::var_os("MLSYS_LONG_FILE").is_none() {
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["a_file_ten_times_the_table_is_fitted_below_200_mb", "--exact", "--nocapture"])
            .env("MLSYS_LONG_FILE", "1")
            .status();
        assert!(status.unwrap().success());
        return;
    }
    let path = std::env::temp_dir().join(format!("mlsys-long-{}.parquet", std::process::id()));
    let schema = ParquetReader::new(flights()).unwrap().schema().unwrap();
    let mut writer = ArrowWriter::try_new(std::fs::File::create(&path).unwrap(), schema, None).unwrap();
    for _ in 0..10 {
        for batch in ParquetReader::new(flights()).unwrap().batch_size(8_192).batches().unwrap() {
            writer.write(&batch.unwrap()).unwrap();
            if writer.in_progress_size() > 8 << 20 {
                writer.flush().unwrap();
            }
        }
    }
    writer.close().unwrap();
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let stream = || ParquetReader::new(&path).unwrap().batch_size(8_192).batches().unwrap().into_train_all();
    assert_eq!(ParquetReader::new(&path).unwrap().n_rows(), 3_367_760);
    let medians = MedianImputer::new().fit_batches(stream()).unwrap();
    let scales = StandardScaler::new().fit_batches(stream()).unwrap();
    OneHotEncoder::new().fit_batches(stream()).unwrap();
    let peak = status("VmHWM");
    std::fs::remove_file(&path).unwrap();
    assert!(peak < 200.0, "fitting took {peak:.0} MB");

    let whole = Dataset::new(read::read_parquet(flights()).unwrap()).unwrap().into_train_all();
    assert_eq!(MedianImputer::new().fit(&whole).unwrap(), medians);
    let once = StandardScaler::new().fit(&whole).unwrap();
    for column in ["distance", "temp", "pressure"] {
        let (a, b) = (once.mean(column).unwrap(), scales.mean(column).unwrap());
        assert!((a - b).abs() < 1e-9 * a.abs(), "{column}: {a} {b}");
    }
}

//! The input files, as `benches/peers/data.py` makes them.

use mlsys::arrow::array::RecordBatch;
use mlsys::core::{Result, read::read_parquet};

/// Flights that arrived, with `late`.
pub fn flights(directory: &str) -> Result<RecordBatch> {
    read_parquet(format!("{directory}/flights.parquet"))
}

/// The 16 numeric columns, doubles, with missing values.
pub fn numeric(directory: &str) -> Result<RecordBatch> {
    read_parquet(format!("{directory}/numeric.parquet"))
}

/// 20,000 flights, 16 columns with missing values, and noise that parts equally near rows.
pub fn neighbors(directory: &str) -> Result<RecordBatch> {
    read_parquet(format!("{directory}/neighbors.parquet"))
}

/// Three million scores and labels.
pub fn scores(directory: &str) -> Result<RecordBatch> {
    read_parquet(format!("{directory}/scores.parquet"))
}

/// Imputed and scaled numbers beside one-hot columns, and the target.
pub fn encoded(directory: &str) -> Result<RecordBatch> {
    read_parquet(format!("{directory}/encoded.parquet"))
}

/// Three million flights.
pub fn flights_3m(directory: &str) -> Result<RecordBatch> {
    read_parquet(format!("{directory}/flights_3m.parquet"))
}

/// Three million rows with a class and a group.
pub fn groups_3m(directory: &str) -> Result<RecordBatch> {
    read_parquet(format!("{directory}/groups_3m.parquet"))
}

/// 50,000 rows of 16 complete numbers, and `late`.
pub fn information(directory: &str) -> Result<RecordBatch> {
    read_parquet(format!("{directory}/information.parquet"))
}

/// Training rows: 16 complete numbers with noise, three categories, and `late`.
pub fn resampling(directory: &str) -> Result<RecordBatch> {
    read_parquet(format!("{directory}/resampling.parquet"))
}

/// Training and test rows of the flights for boosting: 24 numbers with their gaps, four of the texts that some are codes of, and the target.
pub fn boosting(directory: &str) -> Result<(RecordBatch, RecordBatch)> {
    let read = |part: &str| read_parquet(format!("{directory}/boosting_{part}.parquet"));
    Ok((read("train")?, read("test")?))
}

/// 1,100,000 synthetic rows of 28 numbers, and a target.
pub fn boosting_1m(directory: &str) -> Result<RecordBatch> {
    read_parquet(format!("{directory}/boosting_1m.parquet"))
}

/// 40,000 synthetic rows of 1,738 numbers in single precision, and a target.
pub fn boosting_wide(directory: &str) -> Result<RecordBatch> {
    read_parquet(format!("{directory}/boosting_wide.parquet"))
}

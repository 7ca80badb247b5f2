//! Readers: whole, streamed, projected; and files that are not what they say.
#![cfg(all(feature = "parquet", feature = "csv", feature = "ipc"))]
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::Arc;

use mlsys_core::ErrorKind;
use mlsys_core::arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use mlsys_core::arrow::datatypes::DataType;
use mlsys_core::read::{CsvReader, ParquetReader, read_csv, read_ipc, read_parquet};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("mlsys-read-{}-{name}", std::process::id()))
}

fn table(rows: i64) -> RecordBatch {
    let id: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
    let word: ArrayRef =
        Arc::new(StringArray::from_iter((0..rows).map(|i| (i % 3 > 0).then(|| format!("w{}", i % 5)))));
    RecordBatch::try_from_iter_with_nullable([("id", id, true), ("word", word, true)]).unwrap()
}

#[test]
fn parquet_whole_streamed_and_projected() {
    let path = scratch("table.parquet");
    let batch = table(10_000);
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(3_000)).build();
    let mut writer =
        ArrowWriter::try_new(std::fs::File::create(&path).unwrap(), batch.schema(), Some(properties))
            .unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();

    assert_eq!(read_parquet(&path).unwrap(), batch);
    let reader = ParquetReader::new(&path).unwrap().columns(["word"]).unwrap().batch_size(700);
    assert_eq!(reader.n_rows(), 10_000);
    assert_eq!(reader.read().unwrap(), batch.project(&[1]).unwrap());
    let parts: Vec<RecordBatch> = reader.batches().unwrap().map(|b| b.unwrap()).collect();
    assert!(parts.len() > 10 && parts.iter().map(RecordBatch::num_rows).sum::<usize>() == 10_000);
    let error = ParquetReader::new(&path).unwrap().columns(["nope"]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MissingColumn { .. }), "{error}");

    let bytes = std::fs::read(&path).unwrap();
    for cut in [0, 3, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        assert!(read_parquet(&path).is_err(), "reads the first {cut} bytes");
    }
    std::fs::remove_file(&path).unwrap();
    assert!(read_parquet(&path).unwrap_err().to_string().starts_with("reading "));
}

#[test]
fn csv_infers_types_and_takes_null_markers() {
    let path = scratch("table.csv");
    std::fs::write(&path, "id,x,name\n1,2.5,a\n2,NA,\n3,,c\n").unwrap();
    let batch = read_csv(&path).unwrap();
    let types: Vec<DataType> = batch.schema().fields().iter().map(|f| f.data_type().clone()).collect();
    assert_eq!(types, [DataType::Int64, DataType::Float64, DataType::Utf8]);
    assert_eq!((batch.column(1).null_count(), batch.column(2).null_count()), (2, 1));
    std::fs::write(&path, "id;x\n1;?\n2;7\n").unwrap();
    let batch = CsvReader::new(&path).delimiter(b';').null_markers(["?"]).read().unwrap();
    assert_eq!((batch.column(1).data_type(), batch.column(1).null_count()), (&DataType::Int64, 1));
    std::fs::write(&path, "id,x\n1,2\n1,2,3\n").unwrap();
    assert!(read_csv(&path).unwrap_err().to_string().contains("reading "));
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn ipc_files() {
    let path = scratch("table.arrow");
    let batch = table(1_000);
    let file = std::fs::File::create(&path).unwrap();
    let mut writer = mlsys_core::arrow::ipc::writer::FileWriter::try_new(file, &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    assert_eq!(read_ipc(&path).unwrap().num_rows(), 2_000);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(read_ipc(&path).is_err());
    std::fs::remove_file(&path).unwrap();
}

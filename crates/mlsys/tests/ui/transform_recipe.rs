use mlsys::arrow::array::RecordBatch;
use mlsys::prelude::*;

fn too_early(batch: RecordBatch) {
    let _ = StandardScaler::new().transform(&batch);
}

fn main() {}

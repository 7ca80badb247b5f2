use mlsys::arrow::array::RecordBatch;
use mlsys::prelude::*;

fn too_early(batch: RecordBatch) {
    let _ = Transform::transform(&StandardScaler::new(), &batch);
}

fn main() {}

use mlsys::prelude::*;

fn leak(data: Dataset) {
    let _ = StandardScaler::new().fit(&data);
}

fn main() {}

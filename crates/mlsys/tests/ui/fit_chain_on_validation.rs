use mlsys::prelude::*;

fn leak(validation: Dataset<Validation>) {
    let _ = MedianImputer::new().then(StandardScaler::new()).fit(&validation);
}

fn main() {}

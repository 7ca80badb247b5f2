use mlsys::prelude::*;

fn leak(test: Dataset<Test>) {
    let _ = StandardScaler::new().fit(&test);
}

fn main() {}

use mlsys::prelude::*;

fn too_early(test: Dataset<Test>) {
    let _ = test.apply(&StandardScaler::new());
}

fn main() {}

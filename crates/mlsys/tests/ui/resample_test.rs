use mlsys::prelude::*;

fn twice(resampler: &impl Resample, test: Dataset<Test>) {
    let _ = resampler.resample(test);
}

fn main() {}

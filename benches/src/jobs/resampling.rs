//! Resamples flights, by their numbers alone or with their categories.

use std::collections::HashSet;

use mlsys::arrow::array::AsArray;
use mlsys::core::{Dataset, Resample, Result, Train, column};

use crate::{Job, Outcome, data};

pub struct Resampling<R> {
    resampler: R,
    /// Whether which rows are kept follows from the rows alone.
    exact: bool,
    train: Dataset<Train>,
    output: Option<Dataset<Train>>,
}

const CATEGORIES: [&str; 3] = ["carrier", "origin", "dest"];

impl<R> Resampling<R> {
    /// A resampler of the first rows' numbers, that draws.
    pub fn load(resampler: R, rows: usize, directory: &str) -> Result<Self> {
        let batch = data::resampling(directory)?;
        let batch = batch.slice(0, batch.num_rows().min(rows));
        let train = Dataset::new(batch)?.target("late")?.into_train_all();
        let names: Vec<String> = train.features().into_iter().map(str::to_owned).collect();
        let numbers = names.iter().filter(|name| !CATEGORIES.contains(&name.as_str()));
        let train = train.select(numbers.map(String::as_str).chain(["late"]))?;
        Ok(Self { resampler, exact: false, train, output: None })
    }

    /// One that draws nothing.
    pub fn exact(resampler: R, rows: usize, directory: &str) -> Result<Self> {
        Ok(Self { exact: true, ..Self::load(resampler, rows, directory)? })
    }

    /// One of numbers and categories.
    pub fn mixed(resampler: R, rows: usize, directory: &str) -> Result<Self> {
        let batch = data::resampling(directory)?;
        let batch = batch.slice(0, batch.num_rows().min(rows));
        let train = Dataset::new(batch)?.target("late")?.into_train_all();
        Ok(Self { resampler, exact: false, train, output: None })
    }
}

impl<R: Resample> Job for Resampling<R> {
    fn run(&mut self) -> Result<()> {
        self.output = None;
        self.output = Some(self.resampler.resample(self.train.clone())?);
        Ok(())
    }

    fn outcome(&self) -> Result<Outcome> {
        let mut digest = Vec::new();
        let Some(output) = &self.output else { return Ok(Outcome { digest, quality: None }) };
        let late: Vec<bool> = output.column("late")?.as_boolean().iter().map(|x| x == Some(true)).collect();
        digest.push(("rows".to_owned(), output.n_rows() as f64));
        digest.push(("late".to_owned(), late.iter().filter(|&&late| late).count() as f64));
        let mut columns = Vec::new();
        for name in output.features().into_iter().filter(|name| !CATEGORIES.contains(name)) {
            let values = column::floats(name, output.column(name)?)?;
            if self.exact {
                digest.push((name.to_owned(), values.iter().sum()));
                continue;
            }
            for (word, class) in [("False", false), ("True", true)] {
                let of = || values.iter().zip(&late).filter(|(_, late)| **late == class).map(|(x, _)| x);
                let n = of().count() as f64;
                let mean = of().sum::<f64>() / n;
                let variance = of().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
                digest.push((format!("mean of {name}, {word}"), mean));
                digest.push((format!("deviation of {name}, {word}"), variance.sqrt()));
            }
            columns.push(values);
        }
        if !self.exact {
            // A zero has two signs.
            let row =
                |row: usize| columns.iter().map(move |x| (x[row] + 0.0).to_bits()).collect::<Vec<u64>>();
            let distinct: HashSet<Vec<u64>> = (0..output.n_rows()).map(row).collect();
            digest.push(("distinct".to_owned(), distinct.len() as f64));
        }
        Ok(Outcome { digest, quality: None })
    }

    fn rows(&self) -> usize {
        self.train.n_rows()
    }
}

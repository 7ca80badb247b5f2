//! The two-sample Kolmogorov-Smirnov test of 16 columns, the first half of the year against the second.

use mlsys::arrow::datatypes::FieldRef;
use mlsys::core::{Result, column, first_error};
use mlsys::stats::hypothesis::{Alternative, Method, ks_two_sample};
use rayon::prelude::*;

use crate::{Job, Outcome, data};

pub struct KolmogorovSmirnov {
    names: Vec<String>,
    columns: Vec<[Vec<f64>; 2]>,
    rows: usize,
    found: Vec<(f64, f64)>,
}

impl KolmogorovSmirnov {
    pub fn load(directory: &str) -> Result<Self> {
        let batch = data::numeric(directory)?;
        let half = batch.num_rows() / 2;
        let there = |values: &[f64]| values.iter().copied().filter(|x| !x.is_nan()).collect::<Vec<f64>>();
        let columns = batch.columns().iter().map(|array| {
            let values = column::floats("x", array)?;
            Ok([there(&values[..half]), there(&values[half..])])
        });
        let columns = columns.collect::<Result<_>>()?;
        let names = batch.schema().fields().iter().map(|field: &FieldRef| field.name().clone()).collect();
        Ok(Self { names, columns, rows: batch.num_rows(), found: Vec::new() })
    }
}

impl Job for KolmogorovSmirnov {
    fn run(&mut self) -> Result<()> {
        let test = |[a, b]: &[Vec<f64>; 2]| {
            let report = ks_two_sample(a, b, Alternative::TwoSided, Method::Asymptotic)?;
            Ok((report.statistic, report.p_value))
        };
        self.found = first_error(self.columns.par_iter().map(test).collect())?;
        Ok(())
    }

    fn outcome(&self) -> Result<Outcome> {
        let each = self.names.iter().zip(&self.found);
        let digest =
            each.flat_map(|(name, found)| [(format!("{name} D"), found.0), (format!("{name} p"), found.1)]);
        Ok(Outcome { digest: digest.collect(), quality: None })
    }

    fn rows(&self) -> usize {
        self.rows
    }
}

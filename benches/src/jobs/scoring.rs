//! LightGBM's models, read and used: raw scores of all flights, of one row at a time, and what each feature adds to them.

use std::time::Instant;

use mlsys::arrow::array::{RecordBatch, UInt64Array};
use mlsys::arrow::compute::{concat_batches, take_record_batch};
use mlsys::core::{Error, Result};
use mlsys::models::TreeShap;
use mlsys::models::exchange::lightgbm;
use mlsys::models::trees::{Scorer, TreeEnsemble};
use mlsys::ndarray::{Array2, Axis};

use crate::{Job, Outcome, data};

fn model(directory: &str, name: &str) -> Result<TreeEnsemble> {
    let text = std::fs::read_to_string(format!("{directory}/{name}")).map_err(Error::external)?;
    Ok(lightgbm::read(&text)?.ensemble().clone())
}

/// All flights as numbers: training rows, then test rows.
fn flights(directory: &str) -> Result<RecordBatch> {
    let (train, test) = data::boosting(directory)?;
    Ok(concat_batches(&train.schema(), [&train, &test])?)
}

/// A sum weighted by the row, as the peers' side has it.
fn column_sum(values: impl Iterator<Item = f64>) -> f64 {
    values.enumerate().map(|(row, x)| x * (row % 7 + 1) as f64).sum()
}

/// Raw scores of all flights.
pub struct Batch {
    rows: RecordBatch,
    model: TreeEnsemble,
    scores: Array2<f64>,
}

impl Batch {
    pub fn load(directory: &str) -> Result<Self> {
        let model = model(directory, "flights_200x63.txt")?;
        Ok(Self { rows: flights(directory)?, model, scores: Array2::zeros((0, 1)) })
    }
}

impl Job for Batch {
    fn run(&mut self) -> Result<()> {
        self.scores = self.model.outputs(&self.rows)?;
        Ok(())
    }

    fn outcome(&self) -> Result<Outcome> {
        let sum = column_sum(self.scores.iter().copied());
        Ok(Outcome { digest: vec![("raw score".into(), sum)], quality: None })
    }

    fn rows(&self) -> usize {
        self.rows.num_rows()
    }
}

/// Raw scores of 20,000 rows, a call each; neighbours are not scored one after the other.
pub struct RowByRow {
    rows: Vec<Vec<f64>>,
    scorer: Scorer,
    scores: Vec<f64>,
    microseconds: Vec<f64>,
}

impl RowByRow {
    pub fn flights(directory: &str) -> Result<Self> {
        Self::of(&flights(directory)?, model(directory, "flights_200x63.txt")?)
    }

    pub fn synthetic(directory: &str) -> Result<Self> {
        let all = data::boosting_1m(directory)?;
        let test = all.slice(1_000_000, all.num_rows() - 1_000_000);
        Self::of(&test, model(directory, "synthetic_100x31.txt")?)
    }

    fn of(batch: &RecordBatch, model: TreeEnsemble) -> Result<Self> {
        let columns = model.read(batch)?;
        let n = batch.num_rows();
        let row = |k: usize| columns.iter().map(|column| column[k * 7919 % n]).collect();
        let rows: Vec<Vec<f64>> = (0..20_000).map(row).collect();
        Ok(Self { rows, scorer: Scorer::new(&model), scores: Vec::new(), microseconds: Vec::new() })
    }
}

impl Job for RowByRow {
    fn run(&mut self) -> Result<()> {
        let mut scratch = self.scorer.scratch();
        self.scores.clear();
        self.microseconds.clear();
        let mut before = Instant::now();
        for row in &self.rows {
            self.scores.push(self.scorer.score(row, &mut scratch)?[0]);
            let after = Instant::now();
            self.microseconds.push((after - before).as_secs_f64() * 1e6);
            before = after;
        }
        Ok(())
    }

    fn outcome(&self) -> Result<Outcome> {
        let sum = column_sum(self.scores.iter().copied());
        Ok(Outcome { digest: vec![("raw score".into(), sum)], quality: None })
    }

    fn figures(&self) -> Vec<(&'static str, f64)> {
        let mut sorted = self.microseconds.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| sorted.get((share * sorted.len() as f64) as usize).copied().unwrap_or(f64::NAN);
        let mean = sorted.iter().sum::<f64>() / sorted.len() as f64;
        vec![("p50_us", at(0.5)), ("p99_us", at(0.99)), ("row_us", mean)]
    }

    fn rows(&self) -> usize {
        self.rows.len()
    }
}

/// Raw scores of the rows of [`RowByRow`] in batches of 100, on one thread.
pub struct InHundreds {
    batches: Vec<RecordBatch>,
    model: TreeEnsemble,
    one_thread: rayon::ThreadPool,
    scores: Vec<f64>,
    seconds: f64,
}

impl InHundreds {
    pub fn flights(directory: &str) -> Result<Self> {
        let all = flights(directory)?;
        let rows = UInt64Array::from_iter_values((0..20_000).map(|k| k * 7919 % all.num_rows() as u64));
        let all = take_record_batch(&all, &rows)?;
        Ok(Self {
            batches: (0..200).map(|place| all.slice(place * 100, 100)).collect(),
            model: model(directory, "flights_200x63.txt")?,
            one_thread: rayon::ThreadPoolBuilder::new().num_threads(1).build().map_err(Error::external)?,
            scores: Vec::new(),
            seconds: 0.0,
        })
    }
}

impl Job for InHundreds {
    fn run(&mut self) -> Result<()> {
        let Self { batches, model, one_thread, scores, seconds } = self;
        scores.clear();
        one_thread.install(|| {
            let start = Instant::now();
            for batch in batches {
                scores.extend(model.outputs(batch)?);
            }
            *seconds = start.elapsed().as_secs_f64();
            Ok(())
        })
    }

    fn outcome(&self) -> Result<Outcome> {
        let sum = column_sum(self.scores.iter().copied());
        Ok(Outcome { digest: vec![("raw score".into(), sum)], quality: None })
    }

    fn figures(&self) -> Vec<(&'static str, f64)> {
        vec![("row_us", self.seconds * 1e6 / self.rows() as f64)]
    }

    fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

/// What each feature adds to the raw scores of the last 10,000 flights.
pub struct Explaining {
    rows: RecordBatch,
    model: TreeEnsemble,
    found: Option<mlsys::models::ShapValues>,
}

impl Explaining {
    pub fn load(directory: &str) -> Result<Self> {
        let rows = flights(directory)?;
        let rows = rows.slice(rows.num_rows() - 10_000, 10_000);
        Ok(Self { rows, model: model(directory, "flights_200x63.txt")?, found: None })
    }
}

impl Job for Explaining {
    fn run(&mut self) -> Result<()> {
        self.found = Some(TreeShap::new(&self.model).explain(&self.rows)?);
        Ok(())
    }

    fn outcome(&self) -> Result<Outcome> {
        let Some(found) = &self.found else { return Ok(Outcome { digest: Vec::new(), quality: None }) };
        let values = found.output(0)?;
        let columns = self.model.features().iter().zip(values.axis_iter(Axis(1)));
        let mut digest: Vec<(String, f64)> = columns
            .map(|(feature, column)| (feature.name().to_owned(), column_sum(column.iter().copied())))
            .collect();
        digest.push(("base".into(), column_sum(std::iter::repeat_n(found.base()[0], self.rows.num_rows()))));
        Ok(Outcome { digest, quality: None })
    }

    fn rows(&self) -> usize {
        self.rows.num_rows()
    }
}

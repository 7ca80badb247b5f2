//! The tables in which leaks are planted, and clean splits of them.

use std::sync::Arc;

use mlsys::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int32Array, RecordBatch, UInt64Array};
use mlsys::arrow::compute::{
    concat_batches, filter_record_batch, is_not_null, kernels::cmp::gt, take_record_batch,
};
use mlsys::arrow::datatypes::{Field, Schema};
use mlsys::core::{Category, Coded, Dataset, Result, Split, column, read::read_parquet, seed};
use mlsys::leakage::{LeakageAudit, LeakageReport};
use mlsys::rand::rngs::ChaCha8Rng;
use mlsys::sampling::{GroupSplit, RandomSplit, TimeSplit};

/// A table without leaks that are known.
pub struct Table {
    pub name: &'static str,
    pub short: &'static str,
    target: &'static str,
    positive: Category,
    rows: RecordBatch,
}

fn read(file: &str) -> Result<RecordBatch> {
    read_parquet(format!("{}/../examples/data/{file}.parquet", env!("CARGO_MANIFEST_DIR")))
}

fn without(batch: &RecordBatch, names: &[&str]) -> Result<RecordBatch> {
    let kept: Vec<usize> = (0..batch.num_columns())
        .filter(|&at| !names.contains(&batch.schema_ref().field(at).name().as_str()))
        .collect();
    Ok(batch.project(&kept)?)
}

impl Table {
    /// The flights that arrived, without what is known only after their departure.
    pub fn flights() -> Result<Self> {
        let flights = read("flights_weather")?;
        let late = gt(column::find(&flights, "arr_delay")?, &Int32Array::new_scalar(15))?;
        let flights =
            filter_record_batch(&with(&flights, "late", Arc::new(late.clone()))?, &is_not_null(&late)?)?;
        let rows = without(&flights, &["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"])?;
        Ok(Self { name: "flights", short: "fli", target: "late", positive: true.into(), rows })
    }

    pub fn adult() -> Result<Self> {
        let rows = read("adult")?;
        Ok(Self { name: "adult", short: "adu", target: "income", positive: ">50K".into(), rows })
    }

    pub fn breast_cancer() -> Result<Self> {
        let rows = read("breast_cancer")?;
        Ok(Self { name: "breast_cancer", short: "can", target: "malignant", positive: true.into(), rows })
    }

    /// All rows.
    pub fn rows(&self) -> &RecordBatch {
        &self.rows
    }

    /// A quarter of the rows for testing, by chance.
    pub fn random(&self, seed: u64) -> Result<Parts> {
        let data = Dataset::new(self.rows.clone())?;
        let (train, test) = RandomSplit::new().test_share(0.25).seed(seed).split(data)?;
        Ok(self.parts(train.batch().clone(), test.batch().clone()))
    }

    fn parts(&self, train: RecordBatch, test: RecordBatch) -> Parts {
        Parts {
            train,
            test,
            target: self.target.into(),
            positive: self.positive.clone(),
            roles: Vec::new(),
            label_end: None,
        }
    }

    /// A split in which nothing leaks: of some of the rows and some of the columns, by chance; the flights also by group and by time.
    pub fn clean(&self, seed: u64) -> Result<Parts> {
        let mut rng = seed::stream(seed, 0x636c_6561);
        let keep = 0.4 + 0.6 * seed::uniform(&mut rng);
        let mask: BooleanArray =
            (0..self.rows.num_rows()).map(|_| Some(seed::uniform(&mut rng) < keep)).collect();
        let rows = filter_record_batch(&self.rows, &mask)?;
        let roles = [self.target, "time_hour", "tailnum"];
        let dropped: Vec<String> = rows
            .schema_ref()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .filter(|name| !roles.contains(&name.as_str()) && seed::uniform(&mut rng) < 0.2)
            .collect();
        let dropped: Vec<&str> = dropped.iter().map(String::as_str).collect();
        let mut rows = without(&rows, &dropped)?;
        let share = 0.15 + 0.25 * seed::uniform(&mut rng);
        let kind = if self.name == "flights" { seed % 3 } else { 0 };
        if kind == 1 {
            rows = filter_record_batch(&rows, &is_not_null(column::find(&rows, "tailnum")?)?)?;
        }
        let data = Dataset::new(rows)?.target(self.target)?;
        let (train, test) = match kind {
            0 => RandomSplit::new().test_share(share).seed(seed).split(data)?,
            1 => GroupSplit::new().test_share(share).seed(seed).split(data.group("tailnum")?)?,
            _ => TimeSplit::last_share(share).split(data.time("time_hour")?.group("tailnum")?)?,
        };
        let mut parts = self.parts(train.batch().clone(), test.batch().clone());
        parts.roles = match kind {
            0 => Vec::new(),
            1 => vec![("group", "tailnum")],
            _ => vec![("group", "tailnum"), ("time", "time_hour")],
        };
        Ok(parts)
    }
}

/// Training and test rows, and the roles of their columns.
pub struct Parts {
    pub train: RecordBatch,
    pub test: RecordBatch,
    target: String,
    positive: Category,
    pub roles: Vec<(&'static str, &'static str)>,
    pub label_end: Option<&'static str>,
}

impl Parts {
    /// What the audit says of them.
    pub fn audit(&self) -> Result<LeakageReport> {
        let (train, test) = self.datasets()?;
        let mut audit = LeakageAudit::new();
        if let Some(end) = self.label_end {
            audit = audit.label_end(end);
        }
        audit.split(&train.into_train_all(), &test.into_test_all())
    }

    /// Both parts with their roles.
    pub fn datasets(&self) -> Result<(Dataset, Dataset)> {
        let dataset = |batch: &RecordBatch| {
            let mut data = Dataset::new(batch.clone())?.target(&self.target)?;
            for (role, name) in &self.roles {
                data = match *role {
                    "id" => data.id(name)?,
                    "group" => data.group(name)?.ignore([*name])?,
                    _ => data.time(name)?.ignore([*name])?,
                };
            }
            if let Some(end) = self.label_end {
                data = data.ignore([end])?;
            }
            Ok::<_, mlsys::core::Error>(data)
        };
        Ok((dataset(&self.train)?, dataset(&self.test)?))
    }

    /// Whether each row is of the positive class, in the training and the test rows.
    pub fn labels(&self) -> Result<[Vec<bool>; 2]> {
        let of = |batch: &RecordBatch| {
            let coded = Coded::new(&self.target, column::find(batch, &self.target)?)?;
            let positive = coded.distinct.iter().position(|value| *value == self.positive);
            Ok::<_, mlsys::core::Error>(
                coded.codes.iter().map(|&code| Some(code as usize) == positive).collect(),
            )
        };
        Ok([of(&self.train)?, of(&self.test)?])
    }

    pub fn target(&self) -> &str {
        &self.target
    }

    /// A column more in both parts, or another in place of one.
    pub fn set(&mut self, name: &str, train: ArrayRef, test: ArrayRef) -> Result<()> {
        self.train = with(&self.train, name, train)?;
        self.test = with(&self.test, name, test)?;
        Ok(())
    }

    /// Puts copies of training rows where these test rows were.
    pub fn copy_to_test(&mut self, test_rows: &[usize], train_rows: &[usize]) -> Result<()> {
        let both = concat_batches(&self.test.schema(), [&self.test, &self.train])?;
        let mut rows: Vec<u64> = (0..self.test.num_rows() as u64).collect();
        for (&to, &from) in test_rows.iter().zip(train_rows) {
            rows[to] = (self.test.num_rows() + from) as u64;
        }
        self.test = take_record_batch(&both, &UInt64Array::from(rows))?;
        Ok(())
    }

    /// The same training rows in another order.
    pub fn reorder_train(&mut self, order: &[usize]) -> Result<()> {
        let rows: Vec<u64> = order.iter().map(|&row| row as u64).collect();
        self.train = take_record_batch(&self.train, &UInt64Array::from(rows))?;
        Ok(())
    }
}

/// The batch with a column more, or another in place of one.
pub fn with(batch: &RecordBatch, name: &str, array: ArrayRef) -> Result<RecordBatch> {
    let mut fields = batch.schema().fields().to_vec();
    let mut columns = batch.columns().to_vec();
    let field = Arc::new(Field::new(name, array.data_type().clone(), true));
    match batch.schema_ref().index_of(name) {
        Ok(at) => {
            fields[at] = field;
            columns[at] = array;
        }
        Err(_) => {
            fields.push(field);
            columns.push(array);
        }
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

/// Flips the label of some rows: true and false, or the two values of a text.
pub fn flipped(batch: &RecordBatch, target: &str, rows: &[usize]) -> Result<RecordBatch> {
    let array = column::find(batch, target)?;
    let coded = Coded::new(target, array)?;
    let mut codes = coded.codes.clone();
    rows.iter().for_each(|&row| codes[row] = 1 - codes[row]);
    let values: Vec<Option<Category>> =
        codes.iter().map(|&code| coded.distinct.get(code as usize).cloned()).collect();
    let made = mlsys::core::category::to_array(&values);
    let made = if array.data_type() == made.data_type() {
        made
    } else {
        mlsys::arrow::compute::cast(&made, array.data_type())?
    };
    debug_assert!(made.as_boolean_opt().is_some() || made.len() == batch.num_rows());
    with(batch, target, made)
}

/// A standard normal number.
pub fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - seed::uniform(rng)).ln()).sqrt();
    radius * (std::f64::consts::TAU * seed::uniform(rng)).cos()
}

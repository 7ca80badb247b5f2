//! What every recipe and fitted value promises.

use std::collections::BTreeMap;
use std::fmt::Debug;

use mlsys_core::arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use mlsys_core::arrow::compute::concat_batches;
use mlsys_core::arrow::datatypes::{DataType, Field, Schema};
use mlsys_core::{
    Artifact, Dataset, ErrorKind, Fit, LoadArtifact, Predict, PredictProba, Result, Role, Train, Transform,
};
use mlsys_core::{artifact, column};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

use crate::report::{Report, no_panic};
use crate::table;

/// Which features the contract's table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Features {
    /// Numbers with missing values, and booleans.
    Numeric,
    /// Numbers without missing values, and booleans.
    CompleteNumeric,
    /// Text with missing values.
    Text,
    /// Timestamps with missing values.
    Times,
    /// All of these but times.
    Any,
}

impl Features {
    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Numeric | Self::CompleteNumeric => &["number", "count", "größe 量"],
            Self::Text => &["word"],
            Self::Times => &["when"],
            Self::Any => &["number", "count", "größe 量", "flag", "word"],
        }
    }
}

/// Which target the contract's table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// `true` and `false`.
    Binary,
    /// Three words.
    Multiclass,
    /// A number.
    Number,
}

impl Target {
    fn column(self) -> &'static str {
        match self {
            Self::Binary => "label",
            Self::Multiclass => "kind",
            Self::Number => "value",
        }
    }
}

const CHECKS: [&str; 15] = [
    "input_unchanged",
    "refit",
    "threads",
    "column_order",
    "encodings",
    "hostile_tables",
    "bad_parameters",
    "serde",
    "artifact",
    "columns_at_apply",
    "rows_apart",
    "schema",
    "weights",
    "probabilities",
    "null_target",
];

/// The contract of a recipe: each check either holds or panics with what does not hold.
///
/// ```
/// use mlsys_core::Identity;
/// use mlsys_testkit::{Contract, Features};
///
/// let report = Contract::new("Identity", Identity::new()).features(Features::Any).transform();
/// assert!(report.exercised().contains_key("rows_apart"));
/// ```
#[derive(Debug, Clone)]
pub struct Contract<R> {
    name: String,
    recipe: R,
    features: Features,
    target: Target,
    rows: usize,
    bad: Vec<(&'static str, R)>,
    skipped: BTreeMap<&'static str, String>,
    tolerance: f64,
}

impl<R> Contract<R>
where
    R: Fit<Fitted: Artifact + Send + Sync + 'static> + Clone + Debug + Send + Sync + 'static,
{
    /// The contract of a recipe, on numeric features and a binary target.
    pub fn new(name: &str, recipe: R) -> Self {
        Self {
            name: name.into(),
            recipe,
            features: Features::Numeric,
            target: Target::Binary,
            rows: 300,
            bad: Vec::new(),
            skipped: BTreeMap::new(),
            tolerance: 1e-9,
        }
    }

    /// The features that the recipe is for.
    pub fn features(mut self, features: Features) -> Self {
        self.features = features;
        self
    }

    /// The target that the recipe is for.
    pub fn target(mut self, target: Target) -> Self {
        self.target = target;
        self
    }

    /// The recipe with a bad value of a parameter: fitting it must say `InvalidParameter` and name the parameter.
    pub fn bad(mut self, parameter: &'static str, recipe: R) -> Self {
        self.bad.push((parameter, recipe));
        self
    }

    /// Leaves a check out, for a reason that the report shows.
    pub fn skip(mut self, check: &'static str, reason: &str) -> Self {
        self.skipped.insert(check, reason.into());
        self
    }

    /// How far outputs of weighted and of repeated rows may be apart, relative to 1 and the value; 1e-9 by default.
    pub fn weight_tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    fn table(&self, rows: usize) -> RecordBatch {
        table::mixed(rows, self.features != Features::CompleteNumeric)
    }

    /// Gives the columns of a table their roles.
    fn dataset(&self, batch: RecordBatch, weighted: bool) -> Result<Dataset<Train>> {
        let mut data = Dataset::new(batch)?.target(self.target.column())?;
        let names: Vec<String> = data.schema().fields().iter().map(|f| f.name().clone()).collect();
        for name in names {
            let feature = self.features.columns().contains(&name.as_str());
            if !feature && name != self.target.column() {
                data = data.with_role(&name, Role::Ignored)?;
            }
        }
        if weighted {
            data = data.weight("weight")?;
        }
        Ok(data.into_train_all())
    }

    fn fit(&self, batch: &RecordBatch) -> R::Fitted {
        let fitted = self.dataset(batch.clone(), false).and_then(|data| self.recipe.fit(&data));
        fitted.unwrap_or_else(|e| panic!("{}: does not fit the ordinary table: {e}", self.name))
    }

    fn bytes(&self, fitted: &R::Fitted) -> Vec<u8> {
        artifact::to_bytes(fitted).unwrap_or_else(|e| panic!("{}: cannot be saved: {e}", self.name))
    }

    /// The checks that transforms and models share; `output` gives what a fitted value makes of a batch.
    fn common(&self, report: &mut Report, output: &dyn Fn(&R::Fitted, &RecordBatch) -> Result<RecordBatch>)
    where
        R: Serialize + DeserializeOwned,
        R::Fitted: LoadArtifact,
    {
        let batch = self.table(self.rows);
        let fitted = self.fit(&batch);
        let bytes = self.bytes(&fitted);
        let expected =
            output(&fitted, &batch).unwrap_or_else(|e| panic!("{}: fails on its own rows: {e}", self.name));
        self.repeats(report, &batch, &bytes);
        self.encodings(report, &batch, &bytes, &expected, output);
        self.survives(report, &batch, &fitted, output);
        self.round_trips(report, &batch, &bytes, &expected, output);
        self.applies(report, &batch, &fitted, &expected, output);
        self.weights(report, output);
    }

    fn repeats(&self, report: &mut Report, batch: &RecordBatch, bytes: &[u8]) {
        let name = &self.name;
        if report.runs("input_unchanged") {
            let copy = self.table(self.rows);
            self.fit(&copy);
            assert!(same_batch(&copy, batch), "{name}: fitting changed its input");
        }
        if report.runs("refit") {
            assert!(self.bytes(&self.fit(batch)) == bytes, "{name}: fitting twice gives different bytes");
        }
        if report.runs("threads") {
            let large = self.table(70_001);
            let at = |threads: usize| {
                let pool =
                    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a thread pool");
                pool.install(|| self.bytes(&self.fit(&large)))
            };
            let one = at(1);
            assert!(at(2) == one && at(7) == one, "{name}: 1, 2 and 7 threads give different bytes");
        }
    }

    fn encodings(
        &self,
        report: &mut Report,
        batch: &RecordBatch,
        bytes: &[u8],
        expected: &RecordBatch,
        output: &dyn Fn(&R::Fitted, &RecordBatch) -> Result<RecordBatch>,
    ) {
        let name = &self.name;
        if report.runs("column_order") {
            let reversed = table::reversed(batch).expect("a reversed table");
            let other = self.fit(&reversed);
            for (which, batch) in [("the same", batch), ("the reversed", &reversed)] {
                let found = output(&other, batch);
                let found =
                    found.unwrap_or_else(|e| panic!("{name}: fails after fitting reversed columns: {e}"));
                assert_same(
                    name,
                    &format!("fitting reversed columns changes the output on {which} table"),
                    &found,
                    expected,
                );
            }
        }
        if report.runs("encodings") {
            for (encoding, other) in table::encodings(batch).expect("encoded tables") {
                let fitted = self.fit(&other);
                assert!(self.bytes(&fitted) == bytes, "{name}: fitting {encoding} gives different bytes");
                let found =
                    output(&fitted, &other).unwrap_or_else(|e| panic!("{name}: fails on {encoding}: {e}"));
                assert_same(name, &format!("{encoding} changes the output"), &found, expected);
            }
        }
    }

    fn survives(
        &self,
        report: &mut Report,
        batch: &RecordBatch,
        fitted: &R::Fitted,
        output: &dyn Fn(&R::Fitted, &RecordBatch) -> Result<RecordBatch>,
    ) {
        let name = &self.name;
        if report.runs("hostile_tables") {
            for (what, hostile) in table::hostile(batch).expect("hostile tables") {
                let fit = || self.recipe.fit(&self.dataset(hostile.clone(), false)?);
                if let Ok(other) = no_panic(&format!("{name}: fitting {what}"), fit) {
                    let _ =
                        no_panic(&format!("{name}: applying after fitting {what}"), || output(&other, batch));
                    let _ = no_panic(&format!("{name}: applying to {what}"), || output(&other, &hostile));
                }
                let _ = no_panic(&format!("{name}: applying to {what}"), || output(fitted, &hostile));
            }
            let none = output(fitted, &batch.slice(0, 0));
            let none = none.unwrap_or_else(|e| panic!("{name}: no rows must give no rows, not: {e}"));
            assert_eq!(none.num_rows(), 0, "{name}: makes rows out of none");
        }
        if report.runs("bad_parameters") {
            let data = self.dataset(batch.clone(), false).expect("a dataset");
            for (parameter, recipe) in &self.bad {
                match no_panic(&format!("{name}: bad `{parameter}`"), || recipe.fit(&data)) {
                    Ok(_) => panic!("{name}: accepts a bad `{parameter}`"),
                    Err(error) => assert!(
                        matches!(error.kind(), ErrorKind::InvalidParameter { name, .. } if name == parameter),
                        "{name}: a bad `{parameter}` must be InvalidParameter naming it, not: {error}"
                    ),
                }
            }
        }
    }

    fn round_trips(
        &self,
        report: &mut Report,
        batch: &RecordBatch,
        bytes: &[u8],
        expected: &RecordBatch,
        output: &dyn Fn(&R::Fitted, &RecordBatch) -> Result<RecordBatch>,
    ) where
        R: Serialize + DeserializeOwned,
        R::Fitted: LoadArtifact,
    {
        let name = &self.name;
        if report.runs("serde") {
            let json = serde_json::to_string(&self.recipe).expect("a recipe as JSON");
            let recipe: R =
                serde_json::from_str(&json).unwrap_or_else(|e| panic!("{name}: {json} does not load: {e}"));
            let again = Self { recipe, ..self.clone() };
            assert!(again.bytes(&again.fit(batch)) == bytes, "{name}: a recipe from JSON fits differently");
        }
        if report.runs("artifact") {
            let loaded: R::Fitted =
                artifact::from_bytes(bytes).unwrap_or_else(|e| panic!("{name}: does not load: {e}"));
            assert!(self.bytes(&loaded) == bytes, "{name}: loading and saving changes the bytes");
            let found = output(&loaded, batch).unwrap_or_else(|e| panic!("{name}: fails after loading: {e}"));
            assert_same(name, "loading changes the output", &found, expected);
            for cut in 0..bytes.len() {
                let cut_off = no_panic(&format!("{name}: {cut} bytes"), || {
                    artifact::from_bytes::<R::Fitted>(&bytes[..cut])
                });
                assert!(cut_off.is_err(), "{name}: loads from the first {cut} bytes");
            }
        }
    }

    fn applies(
        &self,
        report: &mut Report,
        batch: &RecordBatch,
        fitted: &R::Fitted,
        expected: &RecordBatch,
        output: &dyn Fn(&R::Fitted, &RecordBatch) -> Result<RecordBatch>,
    ) {
        let name = &self.name;
        if report.runs("columns_at_apply") {
            for input in fitted.inputs().unwrap_or_default() {
                // What a chain's first step makes is an input of its second.
                let Ok(index) = batch.schema().index_of(input.name()) else { continue };
                let without = keep(batch, |i| i != index);
                match no_panic(&format!("{name}: without `{}`", input.name()), || output(fitted, &without)) {
                    Err(e) => assert_eq!(
                        e.column(),
                        Some(input.name()),
                        "{name}: must name the missing column: {e}"
                    ),
                    Ok(_) => panic!("{name}: does not miss its column `{}`", input.name()),
                }
                let retyped = retype(batch, index);
                match no_panic(&format!("{name}: `{}` retyped", input.name()), || output(fitted, &retyped)) {
                    Err(e) => assert_eq!(
                        e.column(),
                        Some(input.name()),
                        "{name}: must name the retyped column: {e}"
                    ),
                    Ok(_) => panic!("{name}: takes `{}` of another type", input.name()),
                }
            }
            let role_columns = ["label", "kind", "value", "weight", "team", "when"];
            let gone = |name: &str| role_columns.contains(&name) && !self.features.columns().contains(&name);
            let serving = keep(batch, |i| !gone(batch.schema().field(i).name()));
            let found = output(fitted, &serving);
            found.unwrap_or_else(|e| panic!("{name}: needs columns that are not there when serving: {e}"));
        }
        if report.runs("rows_apart") {
            let mut parts = Vec::new();
            let mut start = 0;
            for size in [1, 1, 5, 0, 64, usize::MAX] {
                let size = size.min(batch.num_rows() - start);
                let part = output(fitted, &batch.slice(start, size));
                parts.push(
                    part.unwrap_or_else(|e| panic!("{name}: fails on rows {start} to {}: {e}", start + size)),
                );
                start += size;
            }
            let together = concat_batches(&expected.schema(), &parts);
            let together = together.unwrap_or_else(|e| panic!("{name}: parts have different schemas: {e}"));
            assert_same(name, "rows apart give another output than together", &together, expected);
        }
    }

    /// A weight of 2 is a row twice, a weight of 0 is no row; or weights are refused.
    fn weights(&self, report: &mut Report, output: &dyn Fn(&R::Fitted, &RecordBatch) -> Result<RecordBatch>) {
        if !report.runs("weights") {
            return;
        }
        let name = &self.name;
        let batch = self.table(self.rows);
        let weighted = self.dataset(batch.clone(), true).expect("a weighted dataset");
        let fitted = match no_panic(&format!("{name}: fitting with weights"), || self.recipe.fit(&weighted)) {
            Ok(fitted) => fitted,
            Err(error) => {
                let refused = matches!(error.kind(), ErrorKind::UnsupportedRole { role: "weight", .. });
                assert!(refused, "{name}: weights must be used or refused as UnsupportedRole, not: {error}");
                return;
            }
        };
        let weights =
            column::floats("weight", column::find(&batch, "weight").expect("weights")).expect("numbers");
        let rows: Vec<usize> =
            weights.iter().enumerate().flat_map(|(row, &w)| vec![row; w as usize]).collect();
        let repeated =
            self.dataset(batch.clone(), false).and_then(|data| data.take(&rows)).expect("repeated rows");
        let repeated =
            self.recipe.fit(&repeated).unwrap_or_else(|e| panic!("{name}: repeated rows do not fit: {e}"));
        let pair = (output(&fitted, &batch), output(&repeated, &batch));
        match pair {
            (Ok(a), Ok(b)) => assert_close(name, &a, &b, self.tolerance),
            (a, b) => {
                assert_eq!(a.is_ok(), b.is_ok(), "{name}: weighted rows fail where repeated rows do not")
            }
        }
    }

    /// Runs the contract of a step that transforms.
    pub fn transform(self) -> Report
    where
        R: Serialize + DeserializeOwned,
        R::Fitted: Transform + LoadArtifact,
    {
        let mut report = Report::new(&self.name, self.skipped.clone());
        self.common(&mut report, &|fitted, batch| fitted.transform(batch));
        if report.runs("schema") {
            let name = &self.name;
            let batch = self.table(self.rows);
            let fitted = self.fit(&batch);
            let mut tables = table::encodings(&batch).expect("encoded tables");
            tables.push(("plain", batch.clone()));
            tables.push(("no rows", batch.slice(0, 0)));
            for (what, batch) in tables {
                let out = fitted.transform(&batch).unwrap_or_else(|e| panic!("{name}: fails on {what}: {e}"));
                let promised = fitted.output_schema(&batch.schema());
                let promised =
                    promised.unwrap_or_else(|e| panic!("{name}: promises no schema for {what}: {e}"));
                assert_eq!(out.schema(), promised, "{name}: another schema than promised for {what}");
                assert_eq!(out.num_rows(), batch.num_rows(), "{name}: another number of rows for {what}");
                let inputs: Vec<String> =
                    fitted.inputs().unwrap_or_default().iter().map(|i| i.name().to_owned()).collect();
                for field in batch.schema().fields().iter().filter(|f| !inputs.contains(f.name())) {
                    let kept = out.column_by_name(field.name());
                    let same = kept.is_some_and(|c| table::same_values(c, &batch[field.name().as_str()]));
                    assert!(same, "{name}: `{}` does not pass through", field.name());
                }
            }
        }
        report.close(&CHECKS)
    }

    /// Runs the contract of a model.
    pub fn predict(self) -> Report
    where
        R: Serialize + DeserializeOwned,
        R::Fitted: Predict + LoadArtifact,
    {
        let mut report = Report::new(&self.name, self.skipped.clone());
        self.common(&mut report, &|fitted, batch| one_column(fitted.predict(batch)?));
        self.null_target(&mut report);
        report.close(&CHECKS)
    }

    /// Runs the contract of a classifier with probabilities.
    pub fn predict_proba(self) -> Report
    where
        R: Serialize + DeserializeOwned,
        R::Fitted: PredictProba + LoadArtifact,
    {
        let mut report = Report::new(&self.name, self.skipped.clone());
        self.common(&mut report, &probabilities_of);
        if report.runs("probabilities") {
            let name = &self.name;
            let batch = self.table(self.rows);
            let fitted = self.fit(&batch);
            let p = fitted.predict_proba(&batch).unwrap_or_else(|e| panic!("{name}: no probabilities: {e}"));
            assert_eq!(p.n_rows(), batch.num_rows(), "{name}: another number of rows");
            assert_eq!(p.n_classes(), fitted.classes().n_classes(), "{name}: another number of classes");
            for (row, p) in p.view().rows().into_iter().enumerate() {
                let sum: f64 = p.iter().sum();
                let valid = p.iter().all(|x| (0.0..=1.0).contains(x)) && (sum - 1.0).abs() < 1e-9;
                assert!(valid, "{name}: row {row} has probabilities {p}, which sum to {sum}");
            }
            let labels = fitted.predict(&batch).unwrap_or_else(|e| panic!("{name}: no labels: {e}"));
            let likeliest = fitted.classes().take(p.argmax());
            assert!(table::same_values(&labels, &likeliest), "{name}: labels are not the likeliest classes");
        }
        self.null_target(&mut report);
        report.close(&CHECKS)
    }

    /// A target with nulls, and no target, are errors.
    fn null_target(&self, report: &mut Report) {
        if !report.runs("null_target") {
            return;
        }
        let name = &self.name;
        let batch = self.table(self.rows);
        let index = batch.schema().index_of(self.target.column()).expect("the target");
        let mut columns = batch.columns().to_vec();
        let null = mlsys_core::arrow::array::new_null_array(columns[index].data_type(), 1);
        let rest = columns[index].slice(1, batch.num_rows() - 1);
        columns[index] = mlsys_core::arrow::compute::concat(&[null.as_ref(), rest.as_ref()])
            .expect("a column with a null");
        let with_null =
            RecordBatch::try_new(batch.schema(), columns).expect("a table with a null in the target");
        let fit = || self.recipe.fit(&self.dataset(with_null.clone(), false)?);
        match no_panic(&format!("{name}: a null in the target"), fit) {
            Ok(_) => panic!("{name}: accepts a null in the target"),
            Err(e) => assert_eq!(e.column(), Some(self.target.column()), "{name}: must name the target: {e}"),
        }
        let no_target = || {
            let data = self.dataset(batch.clone(), false)?.ignore([self.target.column()])?;
            self.recipe.fit(&data)
        };
        match no_panic(&format!("{name}: no target"), no_target) {
            Ok(_) => panic!("{name}: fits without a target"),
            Err(e) => assert!(
                matches!(e.kind(), ErrorKind::MissingRole { role: "target", .. }),
                "{name}: a missing target must be MissingRole, not: {e}"
            ),
        }
    }
}

fn probabilities_of<M: PredictProba>(model: &M, batch: &RecordBatch) -> Result<RecordBatch> {
    let p = model.predict_proba(batch)?;
    let column = |c: usize| -> Result<(String, ArrayRef)> {
        let values = mlsys_core::arrow::array::Float64Array::from_iter_values(p.class(c)?.iter().copied());
        Ok((model.classes().values()[c].to_string(), Arc::new(values)))
    };
    Ok(RecordBatch::try_from_iter((0..p.n_classes()).map(column).collect::<Result<Vec<_>>>()?)?)
}

fn one_column(array: ArrayRef) -> Result<RecordBatch> {
    Ok(RecordBatch::try_from_iter([("prediction", array)])?)
}

fn keep(batch: &RecordBatch, kept: impl Fn(usize) -> bool) -> RecordBatch {
    let indices: Vec<usize> = (0..batch.num_columns()).filter(|&i| kept(i)).collect();
    batch.project(&indices).expect("a projection")
}

/// Text where there were numbers, and numbers where there was text.
fn retype(batch: &RecordBatch, index: usize) -> RecordBatch {
    let rows = batch.num_rows();
    let other: ArrayRef = match batch.column(index).data_type() {
        DataType::Utf8 => Arc::new(mlsys_core::arrow::array::Float64Array::from(vec![1.5; rows])),
        _ => Arc::new(StringArray::from(vec!["text"; rows])),
    };
    let mut fields: Vec<Field> = batch.schema().fields().iter().map(|f| f.as_ref().clone()).collect();
    fields[index] = Field::new(fields[index].name(), other.data_type().clone(), true);
    let mut columns = batch.columns().to_vec();
    columns[index] = other;
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("a retyped table")
}

fn same_batch(a: &RecordBatch, b: &RecordBatch) -> bool {
    a.schema() == b.schema() && a.columns().iter().zip(b.columns()).all(|(a, b)| table::same_values(a, b))
}

/// Columns by name: their order may differ.
fn assert_same(name: &str, what: &str, found: &RecordBatch, expected: &RecordBatch) {
    assert_eq!(found.num_columns(), expected.num_columns(), "{name}: {what}: another number of columns");
    for field in expected.schema().fields() {
        // Role columns and pass-through columns may be encoded in another way; values must agree.
        let Some(column) = found.column_by_name(field.name()) else {
            panic!("{name}: {what}: no `{}`", field.name())
        };
        let same = table::same_values(column, &expected[field.name().as_str()]);
        assert!(same, "{name}: {what}: `{}` differs", field.name());
    }
}

fn assert_close(name: &str, a: &RecordBatch, b: &RecordBatch, tolerance: f64) {
    assert_eq!(a.num_columns(), b.num_columns(), "{name}: weights change the columns");
    for (field, column) in b.schema().fields().iter().zip(b.columns()) {
        let Some(found) = a.column_by_name(field.name()) else {
            panic!("{name}: weights change the columns")
        };
        match (column::floats("a", found), column::floats("b", column)) {
            (Ok(x), Ok(y)) => {
                for (row, (x, y)) in x.iter().zip(y.iter()).enumerate() {
                    let close = (x - y).abs() <= tolerance * (1.0 + y.abs()) || x.is_nan() && y.is_nan();
                    assert!(close, "{name}: `{}` row {row}: {x} weighted, {y} repeated", field.name());
                }
            }
            _ => {
                assert!(table::same_values(found, column), "{name}: `{}` differs with weights", field.name())
            }
        }
    }
}

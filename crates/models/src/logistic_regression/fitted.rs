//! The fitted logistic regression.

use std::collections::BTreeMap;

use mlsys_core::arrow::array::{ArrayRef, RecordBatch};
use mlsys_core::ndarray::Array2;
use mlsys_core::sparse::{SparseRows, width_of};
use mlsys_core::{Classes, Error, InputColumn, Predict, PredictProba, Probabilities, Result, column};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::columns::{BLOCK, Values};
use super::objective::{add_block, sigmoid, softmax};
use super::solve::Solution;
use super::sparse::{self, Lookup};

/// What fitting a [`LogisticRegression`](super::LogisticRegression) returns.
///
/// The linear predictor of a row is summed feature by feature in the order of their names, so that it has the same
/// bits alone and in any batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedLogisticRegression {
    classes: Classes,
    /// By name.
    inputs: Vec<InputColumn>,
    /// A row per input, a column per output.
    coefficients: Vec<Vec<f64>>,
    /// By name.
    #[serde(default)]
    sparse: Vec<SparseCoefficients>,
    intercepts: Vec<f64>,
    iterations: u64,
    converged: bool,
    objective: f64,
}

// Version 2 has coefficients of sparse rows, which a reader of version 1 would leave out.
mlsys_core::artifact!(FittedLogisticRegression, "mlsys.LogisticRegression", 2);

/// The coefficients of a column of [sparse rows](mlsys_core::sparse): of the places that had an entry in training. All others
/// are zero.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, Fit, sparse::SparseRows};
/// use mlsys_core::arrow::{array::{BooleanArray, RecordBatch}, datatypes::{DataType, Field, Schema}};
/// use mlsys_models::LogisticRegression;
///
/// let rows = SparseRows::new(1 << 20, vec![0, 1, 2, 3], vec![7, 7, 40_000], vec![1.0; 3])?;
/// let schema = Schema::new(vec![rows.field("words"), Field::new("y", DataType::Boolean, false)]);
/// let y = Arc::new(BooleanArray::from(vec![true, true, false]));
/// let batch = RecordBatch::try_new(Arc::new(schema), vec![rows.to_array()?, y])?;
/// let model = LogisticRegression::new().fit(&Dataset::new(batch)?.target("y")?.into_train_all())?;
/// let words = model.sparse_coefficients()["words"];
/// assert_eq!((words.width(), words.places()), (1 << 20, [7, 40_000].as_slice()));
/// assert!(words.of(7).is_some_and(|c| c[0] > 0.0) && words.of(8).is_none());
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SparseCoefficients {
    input: InputColumn,
    width: u64,
    /// Ascending.
    places: Vec<u32>,
    /// Per place one per output.
    values: Vec<f64>,
}

impl SparseCoefficients {
    /// The number of columns that the sparse rows have.
    pub fn width(&self) -> usize {
        self.width as usize
    }

    /// The places that had an entry in training, ascending.
    pub fn places(&self) -> &[u32] {
        &self.places
    }

    /// The coefficients of a place: one for two classes, else one per class; `None`, which counts as zero, where training had
    /// no entry.
    pub fn of(&self, place: u32) -> Option<&[f64]> {
        let known = self.places.binary_search(&place).ok()?;
        self.values.chunks_exact(self.outputs()).nth(known)
    }

    /// The places that had an entry in training, with their coefficients.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[f64])> {
        self.places.iter().copied().zip(self.values.chunks_exact(self.outputs()))
    }

    fn outputs(&self) -> usize {
        self.values.len().checked_div(self.places.len()).unwrap_or(0).max(1)
    }

    fn validate(&self, outputs: usize) -> Result<()> {
        let name = self.input.name();
        let ascend = self.places.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascend || self.places.last().is_some_and(|&last| u64::from(last) >= self.width) {
            let expected = format!("ascending below {}", self.width);
            return Err(Error::invalid_value(name, None, "other places", expected));
        }
        let expected = self.places.len() * outputs;
        if self.values.len() != expected {
            return Err(Error::shape(format!("coefficients of `{name}`"), expected, self.values.len()));
        }
        match self.values.iter().find(|x| !x.is_finite()) {
            Some(x) => Err(Error::invalid_value("coefficients", None, x, "finite")),
            None => Ok(()),
        }
    }

    /// The column in a batch, as wide as when fitting.
    fn read(&self, batch: &RecordBatch) -> Result<SparseRows> {
        let name = self.input.name();
        let schema = batch.schema_ref();
        let field = schema.field_with_name(name).map_err(|_| column::missing_column(schema, name))?;
        let width = width_of(field);
        if width.map(|width| width as u64) != Some(self.width) {
            let expected = format!("sparse rows of {} columns as when fitting", self.width);
            let other = width.map(|width| format!("sparse rows of {width}"));
            let found = other.unwrap_or_else(|| field.data_type().to_string());
            return Err(Error::column_type(name, expected, found));
        }
        sparse::read(name, batch)
    }

    /// Adds entries times coefficients of one output to the predictors of the rows from `first` on.
    fn add(&self, z: &mut [f64], first: usize, rows: &SparseRows, lookup: &Lookup<'_>, output: usize) {
        let outputs = self.outputs();
        for (row, z) in z.iter_mut().enumerate() {
            let (indices, values) = rows.row(first + row);
            for (&index, &value) in indices.iter().zip(values) {
                if let Some(place) = lookup.place(index) {
                    *z += value * self.values[place * outputs + output];
                }
            }
        }
    }
}

impl FittedLogisticRegression {
    pub(super) fn new(
        classes: Classes,
        inputs: Vec<InputColumn>,
        sparse: Vec<(InputColumn, usize)>,
        solution: Solution,
    ) -> Self {
        let sparse = sparse.into_iter().zip(solution.sparse);
        Self {
            classes,
            inputs,
            sparse: sparse
                .map(|((input, width), (places, values))| SparseCoefficients {
                    input,
                    width: width as u64,
                    places,
                    values,
                })
                .collect(),
            coefficients: solution.coefficients,
            intercepts: solution.intercepts,
            iterations: solution.iterations as u64,
            converged: solution.converged,
            objective: solution.objective,
        }
    }

    /// The coefficients by numeric feature: one for two classes (of the log-odds of the last), else one per class.
    pub fn coefficients(&self) -> BTreeMap<&str, &[f64]> {
        self.inputs.iter().map(InputColumn::name).zip(self.coefficients.iter().map(Vec::as_slice)).collect()
    }

    /// The coefficients of features that are sparse rows, by feature and place.
    pub fn sparse_coefficients(&self) -> BTreeMap<&str, &SparseCoefficients> {
        self.sparse.iter().map(|own| (own.input.name(), own)).collect()
    }

    /// One intercept for two classes, else one per class; they sum to zero.
    pub fn intercepts(&self) -> &[f64] {
        &self.intercepts
    }

    /// Iterations that the solver took.
    pub fn iterations(&self) -> usize {
        self.iterations as usize
    }

    /// Whether the solver reached its tolerance. If not, the coefficients are its best so far: scale the columns,
    /// raise `max_iterations` or `l2`.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// The minimum that was found: the weighted losses and the penalty.
    pub fn objective(&self) -> f64 {
        self.objective
    }

    fn validate(&self) -> Result<()> {
        self.classes.validate()?;
        let outputs = match self.classes.n_classes() {
            1 => return Err(Error::shape("classes", "at least two", 1)),
            2 => 1,
            k => k,
        };
        if self.intercepts.len() != outputs {
            return Err(Error::shape("intercepts", outputs, self.intercepts.len()));
        }
        if self.coefficients.len() != self.inputs.len() {
            return Err(Error::shape(
                "coefficients",
                format!("{} features", self.inputs.len()),
                self.coefficients.len(),
            ));
        }
        if let Some(row) = self.coefficients.iter().find(|row| row.len() != outputs) {
            return Err(Error::shape("coefficients of a feature", outputs, row.len()));
        }
        self.sparse.iter().try_for_each(|own| own.validate(outputs))?;
        match self.coefficients.iter().flatten().chain(&self.intercepts).find(|x| !x.is_finite()) {
            Some(x) => Err(Error::invalid_value("coefficients", None, x, "finite")),
            None => Ok(()),
        }
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.inputs.iter().chain(self.sparse.iter().map(|own| &own.input)).cloned().collect()
    }

    /// Writes the probabilities of block `index` of `n` rows.
    fn block(
        &self,
        columns: &[Values],
        sparse: &[(SparseRows, Lookup<'_>)],
        index: usize,
        n: usize,
        out: &mut [f64],
    ) {
        let (k, outputs) = (self.classes.n_classes(), self.intercepts.len());
        let rows = out.len() / k;
        let mut z = vec![0.0; rows * outputs];
        for (output, z) in z.chunks_exact_mut(rows).enumerate() {
            z.fill(self.intercepts[output]);
            for (x, coefficients) in columns.iter().zip(&self.coefficients) {
                add_block(z, x.block(index, n), 0.0, coefficients[output]);
            }
            for (own, (rows, lookup)) in self.sparse.iter().zip(sparse) {
                own.add(z, index * BLOCK, rows, lookup, output);
            }
        }
        for (row, out) in out.chunks_exact_mut(k).enumerate() {
            if outputs == 1 {
                let p = sigmoid(z[row]);
                out.copy_from_slice(&[1.0 - p, p]);
            } else {
                out.iter_mut().enumerate().for_each(|(output, out)| *out = z[output * rows + row]);
                softmax(out);
            }
        }
    }
}

impl Predict for FittedLogisticRegression {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(self.classes.take(self.predict_proba(batch)?.argmax()))
    }
}

impl PredictProba for FittedLogisticRegression {
    fn classes(&self) -> &Classes {
        &self.classes
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        let read: Vec<_> =
            (self.inputs.par_iter()).map(|input| Values::read(input.name(), input.find(batch)?)).collect();
        let columns: Vec<_> = mlsys_core::first_error(read)?;
        let read: Vec<_> = self.sparse.par_iter().map(|own| own.read(batch)).collect();
        let sparse: Vec<SparseRows> = mlsys_core::first_error(read)?;
        let sparse: Vec<_> = (sparse.into_iter().zip(&self.sparse))
            .map(|(rows, own)| {
                let lookup = Lookup::new(&own.places, rows.width(), rows.n_entries());
                (rows, lookup)
            })
            .collect();
        let (n, k) = (batch.num_rows(), self.classes.n_classes());
        let mut values = vec![0.0; n * k];
        values
            .par_chunks_mut(BLOCK * k)
            .enumerate()
            .for_each(|(index, out)| self.block(&columns, &sparse, index, n, out));
        let matrix = Array2::from_shape_vec((n, k), values).map_err(Error::external)?;
        Probabilities::new(matrix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlsys_core::arrow::array::{BooleanArray, RecordBatch};
    use mlsys_core::arrow::datatypes::{DataType, Field, Schema};
    use mlsys_core::{Dataset, Fit, artifact};
    use std::sync::Arc;

    fn fitted() -> FittedLogisticRegression {
        let rows = SparseRows::new(9, vec![0, 1, 3, 3], vec![4, 4, 7], vec![1.0, 2.0, -1.0]).unwrap();
        let schema = Schema::new(vec![rows.field("s"), Field::new("y", DataType::Boolean, false)]);
        let y = Arc::new(BooleanArray::from(vec![true, false, true]));
        let batch = RecordBatch::try_new(Arc::new(schema), vec![rows.to_array().unwrap(), y]).unwrap();
        let train = Dataset::new(batch).unwrap().target("y").unwrap().into_train_all();
        super::super::LogisticRegression::new().fit(&train).unwrap()
    }

    #[test]
    fn states_that_no_fit_makes_are_refused() {
        let refusal = |change: fn(&mut SparseCoefficients)| {
            let mut model = fitted();
            change(&mut model.sparse[0]);
            let bytes = artifact::to_bytes(&model).unwrap();
            let error = artifact::from_bytes::<FittedLogisticRegression>(&bytes).err().map(|e| e.to_string());
            // Even unchecked it does not panic.
            let _ = (model.sparse[0].of(4), model.sparse[0].iter().count());
            error
        };
        assert_eq!(refusal(|_| {}), None);
        assert_eq!(refusal(|own| own.width = 8), None);
        let places = |error: Option<String>| assert!(error.unwrap().contains("places"), "places are checked");
        places(refusal(|own| own.width = 7));
        places(refusal(|own| own.width = 0));
        places(refusal(|own| own.places = vec![7, 4]));
        places(refusal(|own| own.places = vec![4, 4]));
        let values =
            |error: Option<String>| assert!(error.unwrap().contains("coefficients"), "as are values");
        values(refusal(|own| own.places = vec![4]));
        values(refusal(|own| own.places.clear()));
        values(refusal(|own| own.values.clear()));
        values(refusal(|own| own.values = vec![0.0; 3]));
        values(refusal(|own| own.values[1] = f64::NAN));
        values(refusal(|own| own.values[0] = f64::INFINITY));
    }
}

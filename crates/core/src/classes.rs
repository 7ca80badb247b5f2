//! The classes of a classifier and the probabilities that it gives them.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use crate::category::to_array;
use crate::{Category, Coded, Error, Result};

/// The classes of a target, ascending. The positive class of a binary target is the last.
///
/// ```
/// use mlsys_core::Classes;
///
/// let classes = Classes::new(["yes".into(), "no".into()])?;
/// assert_eq!(classes.positive().to_string(), "yes");
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Classes(Vec<Category>);

impl Classes {
    /// Classes in any order; they are sorted.
    ///
    /// # Errors
    ///
    /// [`Shape`](crate::ErrorKind::Shape) without classes, or when one occurs twice.
    pub fn new(values: impl IntoIterator<Item = Category>) -> Result<Self> {
        let mut values: Vec<Category> = values.into_iter().collect();
        values.sort();
        let classes = Self(values);
        classes.validate()?;
        Ok(classes)
    }

    /// Checks classes that were loaded.
    ///
    /// # Errors
    ///
    /// [`Shape`](crate::ErrorKind::Shape) unless there is one at least and they ascend.
    pub fn validate(&self) -> Result<()> {
        if self.0.is_empty() {
            return Err(Error::shape("classes", "at least one", 0));
        }
        if self.0.iter().any(|c| matches!(c, Category::Float(x) if x.is_nan())) {
            return Err(Error::shape("classes", "values", "NaN"));
        }
        match self.0.windows(2).find(|pair| pair[0] >= pair[1]) {
            Some(pair) => Err(Error::shape(
                "classes",
                "each once, ascending",
                format!("{} before {}", pair[0], pair[1]),
            )),
            None => Ok(()),
        }
    }

    /// The classes, ascending.
    pub fn values(&self) -> &[Category] {
        &self.0
    }

    /// How many there are; never zero.
    pub fn n_classes(&self) -> usize {
        self.0.len()
    }

    /// The last class.
    pub fn positive(&self) -> &Category {
        &self.0[self.0.len() - 1]
    }

    /// The index of a class.
    pub fn index_of(&self, class: &Category) -> Option<usize> {
        self.0.binary_search(class).ok()
    }

    /// The classes of these indices as an Arrow array of the plainest type that holds every class.
    pub fn take(&self, indices: impl IntoIterator<Item = usize>) -> ArrayRef {
        let picked: Vec<Option<Category>> = indices.into_iter().map(|i| self.0.get(i).cloned()).collect();
        let array = to_array(&picked);
        let common = to_array(&self.0.iter().cloned().map(Some).collect::<Vec<_>>()).data_type().clone();
        if array.data_type() == &common { array } else { cast_or_keep(array, &common) }
    }

    /// The index of each row's class in `truth`.
    ///
    /// # Errors
    ///
    /// [`MissingValues`](crate::ErrorKind::MissingValues);
    /// [`InvalidValue`](crate::ErrorKind::InvalidValue) for a value that is not a class.
    pub fn indices(&self, name: &str, truth: &dyn arrow::array::Array) -> Result<Vec<usize>> {
        let coded = Coded::new(name, truth)?;
        let count = coded.missing();
        if count > 0 {
            let hint = "a target must be known: drop these rows first".into();
            return Err(crate::ErrorKind::MissingValues { column: name.into(), count, hint }.into());
        }
        let places = coded.places_in(&self.0);
        let mut indices = Vec::with_capacity(coded.len());
        for (row, &code) in coded.codes.iter().enumerate() {
            match places[code as usize] {
                Some(place) => indices.push(place as usize),
                None => {
                    let known = self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                    let value = format!("`{}`", coded.distinct[code as usize]);
                    return Err(Error::invalid_value(
                        name,
                        Some(row),
                        value,
                        format!("one of the classes {known}"),
                    ));
                }
            }
        }
        Ok(indices)
    }
}

fn cast_or_keep(array: ArrayRef, data_type: &DataType) -> ArrayRef {
    arrow::compute::cast(&array, data_type).unwrap_or(array)
}

/// Probabilities, a row per row and a column per class.
#[derive(Debug, Clone, PartialEq)]
pub struct Probabilities(Array2<f64>);

impl Probabilities {
    /// Probabilities from a matrix whose rows sum to 1.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`](crate::ErrorKind::InvalidValue) naming the first row with a value outside 0 to 1, or whose
    /// sum is off by more than 1e-6.
    pub fn new(values: Array2<f64>) -> Result<Self> {
        for (row, p) in values.axis_iter(Axis(0)).enumerate() {
            if let Some(value) = p.iter().find(|v| !(0.0..=1.0 + 1e-9).contains(*v)) {
                return Err(Error::invalid_value("probabilities", Some(row), value, "values from 0 to 1"));
            }
            let sum: f64 = p.iter().sum();
            if (sum - 1.0).abs() > 1e-6 {
                return Err(Error::invalid_value(
                    "probabilities",
                    Some(row),
                    format!("the sum {sum}"),
                    "a sum of 1",
                ));
            }
        }
        Ok(Self(values))
    }

    /// Binary probabilities from those of the positive class.
    ///
    /// # Errors
    ///
    /// As [`Probabilities::new`].
    pub fn binary(positive: &[f64]) -> Result<Self> {
        Self::new(Array2::from_shape_fn((positive.len(), 2), |(row, class)| {
            if class == 1 { positive[row] } else { 1.0 - positive[row] }
        }))
    }

    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.0.nrows()
    }

    /// The number of classes.
    pub fn n_classes(&self) -> usize {
        self.0.ncols()
    }

    /// The matrix.
    pub fn view(&self) -> ArrayView2<'_, f64> {
        self.0.view()
    }

    /// The probabilities of one class.
    ///
    /// # Errors
    ///
    /// [`Shape`](crate::ErrorKind::Shape) when there is no such class.
    pub fn class(&self, class: usize) -> Result<ArrayView1<'_, f64>> {
        if class < self.n_classes() {
            Ok(self.0.column(class))
        } else {
            Err(Error::shape("class", format!("an index below {}", self.n_classes()), class))
        }
    }

    /// The probabilities of the last class, the positive one.
    pub fn positive(&self) -> Vec<f64> {
        self.0.columns().into_iter().next_back().map(|c| c.to_vec()).unwrap_or_default()
    }

    /// The index of the likeliest class of each row; the first of equals.
    pub fn argmax(&self) -> Vec<usize> {
        let best = |p: ArrayView1<'_, f64>| {
            p.iter()
                .enumerate()
                .fold((0, f64::NEG_INFINITY), |best, (i, &x)| if x > best.1 { (i, x) } else { best })
                .0
        };
        self.0.axis_iter(Axis(0)).map(best).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, BooleanArray, StringArray};
    use ndarray::array;

    #[test]
    fn classes_sort_and_refuse_repeats() {
        assert!(Classes::new([]).is_err());
        assert!(Classes::new(["a".into(), "a".into()]).is_err());
        let classes = Classes::new([true.into(), false.into()]).unwrap();
        assert_eq!(classes.positive(), &Category::Bool(true));
        assert_eq!(classes.indices("y", &BooleanArray::from(vec![true, false])).unwrap(), [1, 0]);
        let error = classes.indices("y", &StringArray::from(vec!["maybe"])).unwrap_err().to_string();
        assert_eq!(error, "column `y` has `maybe` in row 0; expected one of the classes false, true");
    }

    #[test]
    fn taken_classes_keep_their_type_without_rows() {
        let classes = Classes::new([Category::Int(1), Category::Float(2.5)]).unwrap();
        assert_eq!(classes.take([0]).data_type(), &DataType::Float64);
        let none = Classes::new([Category::Int(1), Category::Int(2)]).unwrap().take([]);
        assert_eq!((none.len(), none.data_type()), (0, &DataType::Int64));
    }

    #[test]
    fn probabilities_are_checked() {
        assert!(Probabilities::new(array![[0.5, 0.6]]).is_err());
        assert!(Probabilities::new(array![[-0.1, 1.1]]).is_err());
        assert!(Probabilities::new(array![[f64::NAN, 1.0]]).is_err());
        let p = Probabilities::new(array![[0.5, 0.5], [0.2, 0.8]]).unwrap();
        assert_eq!(p.argmax(), [0, 1]);
        assert_eq!(p.positive(), [0.5, 0.8]);
    }
}

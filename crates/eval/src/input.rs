//! From Arrow arrays and predictions to the slices that the metrics work on.

use mlsys_core::arrow::array::Array;
use mlsys_core::arrow::buffer::ScalarBuffer;
use mlsys_core::arrow::datatypes::DataType;
use mlsys_core::{
    Category, Classes, Coded, Error, ErrorKind, Kind, Prediction, Probabilities, Result, column,
};

use crate::kernel::{check_finite, same_length, single_class};

/// True and predicted classes as indices into one ascending list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Labels {
    pub(crate) classes: Vec<Category>,
    pub(crate) truth: Vec<u32>,
    pub(crate) predicted: Vec<u32>,
}

impl Labels {
    pub(crate) fn from_slices<T: Ord + Clone + Into<Category>>(truth: &[T], predicted: &[T]) -> Result<Self> {
        same_length("prediction", truth.len(), predicted.len())?;
        let mut distinct: Vec<&T> = truth.iter().chain(predicted).collect();
        distinct.sort_unstable();
        distinct.dedup();
        let classes = distinct.iter().map(|&v| v.clone().into()).collect();
        // Every value is there, so that the search always finds it.
        let place = |v: &T| distinct.binary_search(&v).map_or(u32::MAX, |i| i as u32);
        Ok(Self {
            classes,
            truth: truth.iter().map(place).collect(),
            predicted: predicted.iter().map(place).collect(),
        })
    }

    pub(crate) fn from_arrays(truth: &dyn Array, prediction: &Prediction) -> Result<Self> {
        same_length("prediction", truth.len(), prediction.n_rows())?;
        same_family(truth, prediction.labels())?;
        let (truth_codes, predicted_codes) =
            (Coded::new("truth", truth)?, Coded::new("prediction", prediction.labels())?);
        for (name, coded) in [("truth", &truth_codes), ("prediction", &predicted_codes)] {
            refuse_missing(name, coded.missing())?;
        }
        let mut classes: Vec<Category> =
            truth_codes.distinct.iter().chain(&predicted_codes.distinct).cloned().collect();
        if let Some((known, _)) = prediction.probabilities() {
            classes.extend(known.values().iter().cloned());
        }
        if truth.data_type() == &DataType::Boolean && prediction.labels().data_type() == &DataType::Boolean {
            classes.extend([Category::Bool(false), Category::Bool(true)]);
        }
        classes.sort();
        classes.dedup();
        let translate = |coded: Coded| -> Vec<u32> {
            let places = coded.places_in(&classes);
            coded.codes.iter().map(|&code| places[code as usize].unwrap_or(u32::MAX)).collect()
        };
        let (truth, predicted) = (translate(truth_codes), translate(predicted_codes));
        Ok(Self { classes, truth, predicted })
    }

    /// The index of the positive class: the one named, or the last of two.
    pub(crate) fn positive(&self, metric: &str, named: Option<&Category>) -> Result<u32> {
        positive_index(metric, &self.classes, named).map(|index| index as u32)
    }
}

/// The index of the positive class: the one named, or the last of two.
pub(crate) fn positive_index(metric: &str, classes: &[Category], named: Option<&Category>) -> Result<usize> {
    let listed = || classes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match (named, classes) {
        (Some(class), _) => classes.binary_search(class).map_err(|_| {
            Error::invalid_parameter(metric, "positive", class, format!("one of the classes {}", listed()))
        }),
        (None, [_, _]) => Ok(1),
        (None, [only]) => Err(single_class(only)),
        (None, _) => {
            let why =
                format!("macro, micro or weighted for {} classes, or name the positive class", classes.len());
            Err(Error::invalid_parameter(metric, "average", "binary", why))
        }
    }
}

/// Which rows are of the positive class, how strongly the prediction says so, and the class.
///
/// A prediction without probabilities must hold floating scores.
pub(crate) fn binary_scores(
    metric: &str,
    truth: &dyn Array,
    prediction: &Prediction,
    positive: Option<&Category>,
) -> Result<(Vec<bool>, Vec<f64>, Category)> {
    same_length("prediction", truth.len(), prediction.n_rows())?;
    if let Some((classes, probabilities)) = prediction.probabilities() {
        let index = positive_index(metric, classes.values(), positive)?;
        let truth = classes.indices("truth", truth)?;
        let hit = truth.iter().map(|&c| c == index).collect();
        return Ok((hit, probabilities.class(index)?.to_vec(), classes.values()[index].clone()));
    }
    if Kind::of(prediction.labels().data_type()) != Kind::Float {
        return Err(needs_probabilities(metric, "probabilities, or floating scores"));
    }
    let scores = column::floats("prediction", prediction.labels())?;
    check_finite("prediction", &scores)?;
    let coded = Coded::new("truth", truth)?.sorted();
    refuse_missing("truth", coded.missing())?;
    let boolean = truth.data_type() == &DataType::Boolean;
    let classes = if boolean { vec![false.into(), true.into()] } else { coded.distinct.clone() };
    let index = positive_index(metric, &classes, positive)?;
    let truth = coded.codes.iter().map(|&code| coded.distinct[code as usize] == classes[index]).collect();
    Ok((truth, scores.to_vec(), classes[index].clone()))
}

/// The true class of each row and the probabilities of all classes.
pub(crate) fn class_probabilities<'a>(
    metric: &str,
    truth: &dyn Array,
    prediction: &'a Prediction,
) -> Result<(Vec<usize>, &'a Classes, &'a Probabilities)> {
    same_length("prediction", truth.len(), prediction.n_rows())?;
    let Some((classes, probabilities)) = prediction.probabilities() else {
        return Err(needs_probabilities(metric, "probabilities"));
    };
    Ok((classes.indices("truth", truth)?, classes, probabilities))
}

/// True and predicted numbers.
pub(crate) fn numbers(
    truth: &dyn Array,
    prediction: &Prediction,
) -> Result<(ScalarBuffer<f64>, ScalarBuffer<f64>)> {
    same_length("prediction", truth.len(), prediction.n_rows())?;
    Ok((column::finite("truth", truth)?, column::finite("prediction", prediction.labels())?))
}

fn needs_probabilities(metric: &str, what: &str) -> Error {
    Error::unsupported(format!(
        "{metric} needs {what}, and the prediction has labels only: use `Prediction::proba_of`"
    ))
}

/// `true` never equals 1 or "true": without this, accuracy would be 0 and nobody the wiser.
fn same_family(truth: &dyn Array, predicted: &dyn Array) -> Result<()> {
    let family = |array: &dyn Array| match Kind::of(array.data_type()) {
        Kind::Integer | Kind::Float => Some("numeric"),
        Kind::Boolean => Some("boolean"),
        Kind::Text | Kind::Date | Kind::Time => Some("text"),
        _ => None,
    };
    match (family(truth), family(predicted)) {
        (Some(a), Some(b)) if a != b => {
            Err(Error::column_type("prediction", format!("{a}, as the truth is"), predicted.data_type()))
        }
        _ => Ok(()),
    }
}

fn refuse_missing(name: &str, count: usize) -> Result<()> {
    if count == 0 {
        return Ok(());
    }
    let hint = "drop these rows first".into();
    Err(ErrorKind::MissingValues { column: name.into(), count, hint }.into())
}

//! Every refusal is an error that says what and where; values at the limits are borne.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray,
    UInt8Array,
};
use mlsys_core::ndarray::array;
use mlsys_core::{Dataset, ErrorKind, Fit, PredictProba, Train};
use mlsys_models::{
    ClassWeights, ExistingPrediction, LogisticRegression, RandomGuess, Rule, ZeroRule, ZeroRuleRegressor,
    logistic_regression,
};

fn reals(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

fn table(x: ArrayRef, y: ArrayRef) -> Dataset<Train> {
    let batch = RecordBatch::try_from_iter([("x", x), ("y", y)]).unwrap();
    Dataset::new(batch).unwrap().target("y").unwrap().into_train_all()
}

fn labels(n: usize) -> ArrayRef {
    Arc::new((0..n).map(|i| Some(i % 2 == 0)).collect::<BooleanArray>())
}

fn refusal(x: ArrayRef, y: ArrayRef) -> String {
    LogisticRegression::new().fit(&table(x, y)).unwrap_err().to_string()
}

#[test]
fn logistic_regression_says_what_it_cannot_take() {
    let nulls: Vec<(ArrayRef, usize)> = vec![
        (Arc::new(Float64Array::from(vec![Some(1.0), None, Some(f64::NAN)])), 2),
        (Arc::new(UInt8Array::from(vec![Some(1), None, Some(0)])), 1),
        (Arc::new(BooleanArray::from(vec![None, None, Some(false)])), 2),
    ];
    for (x, count) in nulls {
        let s = if count == 1 { "" } else { "s" };
        let expected =
            format!("column `x` has {count} missing value{s}; impute them first, or drop the rows");
        assert_eq!(refusal(x, labels(3)), expected);
    }
    let infinite = refusal(reals(&[1.0, f64::INFINITY]), labels(2));
    assert_eq!(infinite, "column `x` has inf in row 1; expected finite values, so replace or drop it");
    for x in
        [Arc::new(StringArray::from(vec!["a", "b"])) as ArrayRef, Arc::new(Date32Array::from(vec![1, 2]))]
    {
        let found = x.data_type().clone();
        let expected = format!(
            "column `x` must be numeric or sparse rows (encode it first, or leave it out) for LogisticRegression, found {found}"
        );
        assert_eq!(refusal(x, labels(2)), expected);
    }
    let single = refusal(reals(&[1.0, 2.0]), Arc::new(Int64Array::from(vec![3, 3])));
    assert_eq!(single, "column `y` has the single class `3`; expected at least two classes");
    assert!(refusal(reals(&[1.0, 2.0]), reals(&[0.5, 1.5])).contains("bin a continuous target first"));
    assert!(refusal(reals(&[]), labels(0)).contains("needs at least 1 row"));
    assert!(
        refusal(reals(&[1.0, 2.0]), Arc::new(BooleanArray::from(vec![Some(true), None])))
            .contains("`y` has 1")
    );
    assert!(refusal(reals(&[1.7e308, -1.7e308, -1.7e308]), labels(3)).contains("magnitude below 1e307"));
}

#[test]
fn parameters_are_named() {
    let train = table(reals(&[1.0, 2.0, 3.0]), labels(3));
    let fit = |recipe: LogisticRegression| recipe.fit(&train).unwrap_err().to_string();
    assert_eq!(
        fit(LogisticRegression::new().l2(-1.0)),
        "`l2` of LogisticRegression must be zero or more, and finite, got -1"
    );
    assert!(fit(LogisticRegression::new().l2(f64::NAN)).contains("`l2`"));
    assert!(fit(LogisticRegression::new().tolerance(0.0)).contains("`tolerance`"));
    assert!(fit(LogisticRegression::new().max_iterations(0)).contains("`max_iterations`"));
    let typo = ClassWeights::explicit([("yes", 2.0)]);
    assert!(
        fit(LogisticRegression::new().class_weights(typo))
            .contains("of the classes false, true, got 2 for `yes`")
    );
    let negative = ClassWeights::explicit([(true, -2.0)]);
    assert!(fit(LogisticRegression::new().class_weights(negative)).contains("above zero and finite"));
}

#[test]
fn values_at_the_limits_are_borne() {
    let columns: [&[f64]; 7] = [
        &[5.0, 5.0, 5.0, 5.0],
        &[0.0, 0.0, 0.0, 0.0],
        &[1e300, -1e300, 2e300, 0.0],
        &[1e-300, 0.0, 2e-300, 1e-300],
        &[1e12, 1e12 + 1.0, 1e12 + 2.0, 1e12 + 3.0],
        &[0.0, 1.0, 0.0, 1.0],
        &[f64::MIN_POSITIVE, 1.0, -1.0, 1e100],
    ];
    for x in columns {
        for l2 in [0.0, 1e-6, 1.0, 1e6] {
            let train = table(reals(x), labels(4));
            let model = LogisticRegression::new().l2(l2).max_iterations(200).fit(&train).unwrap();
            assert!(model.coefficients()["x"][0].is_finite(), "{x:?} {l2}");
            let p = model.predict_proba(train.batch()).unwrap();
            assert_eq!(p.n_rows(), 4);
        }
    }
    let constant = LogisticRegression::new().fit(&table(reals(&[5.0; 4]), labels(4))).unwrap();
    assert_eq!((constant.coefficients()["x"], constant.intercepts()), ([0.0].as_slice(), [0.0].as_slice()));
    // The offset does not cost the slope its digits.
    let slope = |offset: f64| {
        let x: Vec<f64> = (0..40).map(|i| offset + f64::from(i % 8)).collect();
        let y: BooleanArray = (0..40).map(|i| Some(i % 8 > i % 5)).collect();
        LogisticRegression::new().fit(&table(reals(&x), Arc::new(y))).unwrap().coefficients()["x"][0]
    };
    assert!((slope(0.0) - slope(1e12)).abs() < 1e-9);
    let one_row = refusal(reals(&[1.0]), labels(1));
    assert!(one_row.contains("single class"), "{one_row}");
}

#[test]
fn separable_classes_are_flagged_not_refused() {
    let train =
        table(reals(&[-2.0, -1.0, 1.0, 2.0]), Arc::new(BooleanArray::from(vec![false, false, true, true])));
    let model = LogisticRegression::new().l2(0.0).max_iterations(3).fit(&train).unwrap();
    assert!(!model.converged());
    assert_eq!(model.iterations(), 3);
    let penalised = LogisticRegression::new().fit(&train).unwrap();
    assert!(penalised.converged() && penalised.coefficients()["x"][0] > 0.0);
}

#[test]
fn collinear_columns_share_a_coefficient() {
    let x = [0.3, 1.0, 2.5, 3.0, 0.1, 4.0];
    let batch = RecordBatch::try_from_iter([("a", reals(&x)), ("b", reals(&x)), ("y", labels(6))]).unwrap();
    let train = Dataset::new(batch).unwrap().target("y").unwrap().into_train_all();
    for l2 in [0.0, 1.0] {
        let model = LogisticRegression::new().l2(l2).fit(&train).unwrap();
        assert!(model.converged(), "{l2}");
        let coefficients = model.coefficients();
        assert!((coefficients["a"][0] - coefficients["b"][0]).abs() < 1e-6, "{l2} {coefficients:?}");
    }
}

#[test]
fn prediction_checks_its_columns() {
    let model = LogisticRegression::new().fit(&table(reals(&[1.0, 2.0]), labels(2))).unwrap();
    let predict = |name: &str, x: ArrayRef| {
        model.predict_proba(&RecordBatch::try_from_iter([(name, x)]).unwrap()).map_err(|e| e.to_string())
    };
    assert!(predict("x", Arc::new(Int64Array::from(vec![1]))).is_ok());
    assert!(predict("z", reals(&[1.0])).unwrap_err().contains("column `x` is not in the table"));
    assert!(
        predict("x", Arc::new(StringArray::from(vec!["1"]))).unwrap_err().contains("numeric as when fitting")
    );
    assert!(predict("x", reals(&[f64::NAN])).unwrap_err().contains("missing"));
    assert!(predict("x", reals(&[f64::NEG_INFINITY])).unwrap_err().contains("row 0"));
}

#[test]
fn the_plain_function_checks_lengths() {
    let recipe = LogisticRegression::new();
    let x = array![[1.0], [2.0]];
    assert!(logistic_regression(x.view(), &[0], None, &recipe).is_err());
    assert!(logistic_regression(x.view(), &[0, 1], Some(&[1.0]), &recipe).is_err());
    assert!(logistic_regression(x.view(), &[0, 1], Some(&[1.0, -1.0]), &recipe).is_err());
    assert!(logistic_regression(x.view(), &[0, 0], None, &recipe).is_err());
    assert!(
        logistic_regression(mlsys_core::ndarray::Array2::zeros((0, 1)).view(), &[], None, &recipe).is_err()
    );
    let error = logistic_regression(array![[1.0], [f64::NAN]].view(), &[0, 1], None, &recipe).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NonFinite { row: 1, .. }), "{error}");
    let fit = logistic_regression(x.view(), &[7, 3], None, &recipe).unwrap();
    assert_eq!(fit.classes, [3, 7]);
}

#[test]
fn baselines_say_what_they_cannot_take() {
    let x = || reals(&[0.5, 1.5]);
    let two = table(x(), labels(2));
    let kind = |error: mlsys_core::Error| error.to_string();
    assert!(
        kind(ExistingPrediction::probability("z").fit(&two).unwrap_err()).contains("`z` is not in the table")
    );
    assert!(kind(ExistingPrediction::probability("y").fit(&two).unwrap_err()).contains("hold probabilities"));
    let outside =
        ExistingPrediction::probability("x").fit(&two).unwrap().predict_proba(two.batch()).unwrap_err();
    assert_eq!(outside.to_string(), "column `x` has 1.5 in row 1; expected probabilities from 0 to 1");
    let no_class = ExistingPrediction::label("x").fit(&two).unwrap().predict_proba(two.batch()).unwrap_err();
    assert!(no_class.to_string().contains("one of the classes false, true"));
    let three = table(reals(&[1.0, 2.0, 3.0]), reals(&[1.0, 2.0, 3.0]));
    assert!(
        kind(ExistingPrediction::probability("x").fit(&three).unwrap_err()).contains("expected two, found 3")
    );
    let short =
        Rule::probability(|_| Ok(vec![0.5])).fit(&two).unwrap().predict_proba(two.batch()).unwrap_err();
    assert_eq!(short.to_string(), "values of a rule: expected 2 rows, found 1");
    assert!(Rule::probability(|_| Ok(vec![0.5, 2.0])).fit(&two).unwrap().predict_proba(two.batch()).is_err());
    assert!(ZeroRuleRegressor::new().fit(&table(x(), Arc::new(StringArray::from(vec!["a", "b"])))).is_err());
    assert!(ZeroRule::new().fit(&table(reals(&[]), labels(0))).is_err());
    assert!(RandomGuess::new().fit(&table(reals(&[]), labels(0))).is_err());
    let single = ZeroRule::new().fit(&table(reals(&[1.0]), labels(1))).unwrap();
    assert_eq!(single.shares(), [1.0]);
}

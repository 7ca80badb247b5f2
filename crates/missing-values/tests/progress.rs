//! Long fits tell how far they are, and can be cancelled.
#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::sync::Arc;

use mlsys_core::arrow::array::{Array, ArrayRef, Float64Array, RecordBatch};
use mlsys_core::{Dataset, ErrorKind, Fit, FitTransform, Progress, Step, Train, seed, silent};
use mlsys_missing_values::{ImputationMethod, IterativeImputer, MultipleImputer};

fn train() -> Dataset<Train> {
    let mut rng = seed::stream(4, 0);
    let columns = (0..4).map(|c| {
        let gap = |i: usize| c > 1 && i.is_multiple_of(c + 3);
        let values = (0..200).map(|i| (!gap(i)).then(|| seed::uniform(&mut rng) + i as f64 / 99.0));
        (format!("x{c}"), Arc::new(Float64Array::from_iter(values)) as ArrayRef, true)
    });
    let columns: Vec<_> = columns.collect();
    Dataset::new(RecordBatch::try_from_iter_with_nullable(columns).unwrap()).unwrap().into_train_all()
}

/// Keeps the steps, and cancels after some.
struct Watch {
    steps: Vec<Step>,
    after: usize,
}

impl Progress for Watch {
    fn step(&mut self, step: Step) -> ControlFlow<()> {
        self.steps.push(step);
        if self.steps.len() < self.after { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

#[test]
fn steps_are_counted_and_change_nothing() {
    let train = train();
    let methods =
        [ImputationMethod::BayesianRidge, ImputationMethod::BayesianRidgeDraw, ImputationMethod::pmm()];
    for method in methods {
        let recipe = IterativeImputer::new().max_iter(3).tol(0.0).method(method);
        let mut watch = Watch { steps: Vec::new(), after: usize::MAX };
        let (fitted, filled) = recipe.fit_transform_with(train.clone(), &mut watch).unwrap();
        let expected: Vec<Step> = (1..=12).map(|done| Step::new(done, 12, "columns")).collect();
        assert_eq!(watch.steps, expected);
        assert_eq!(fitted, recipe.fit_with(&train, &mut silent).unwrap());
        assert_eq!(fitted, recipe.fit(&train).unwrap());
        assert_eq!(filled.batch(), recipe.fit_transform(train.clone()).unwrap().1.batch());
    }
    // What settles is done before.
    let mut last = 0;
    let settling = IterativeImputer::new().max_iter(90).tol(0.1);
    let fitted = settling.fit_with(&train, &mut |step: Step| {
        (last, _) = (step.done, assert_eq!(step.total, 360));
        ControlFlow::Continue(())
    });
    assert_eq!(last, 4 * fitted.unwrap().rounds().len());
}

#[test]
fn cancelling_is_an_error_and_nothing_is_lost() {
    let train = train();
    let before = train.batch().clone();
    let recipe = IterativeImputer::new().max_iter(3).tol(0.0);
    for after in [1, 5, 12] {
        let mut watch = Watch { steps: Vec::new(), after };
        let error = recipe.fit_with(&train, &mut watch).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Cancelled { .. }), "{error}");
        let expected = format!("cancelled while fitting IterativeImputer, after {after} of 12 columns");
        assert_eq!((error.to_string(), watch.steps.len()), (expected, after));
    }
    assert_eq!((train.batch(), recipe), (&before, IterativeImputer::new().max_iter(3).tol(0.0)));
}

#[test]
fn chains_side_by_side_are_counted_together() {
    let train = train();
    let imputer = IterativeImputer::new().max_iter(2).method(ImputationMethod::BayesianRidgeDraw);
    let several = MultipleImputer::new().tables(3).imputer(imputer);
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut watch = Watch { steps: Vec::new(), after: usize::MAX };
        let told = pool.install(|| several.impute_with(&train, &mut watch).unwrap());
        let expected: Vec<Step> = (1..=24).map(|done| Step::new(done, 24, "columns")).collect();
        assert_eq!(watch.steps, expected);
        for (a, b) in told.iter().zip(several.impute(&train).unwrap()) {
            assert_eq!((&a.fitted, a.data.batch()), (&b.fitted, b.data.batch()));
        }
        let mut watch = Watch { steps: Vec::new(), after: 7 };
        let error = pool.install(|| several.impute_with(&train, &mut watch).unwrap_err());
        assert_eq!(error.to_string(), "cancelled while imputing several tables, after 7 of 24 columns");
        assert_eq!(watch.steps.len(), 7);
    }
}

#[test]
fn chosen_columns_keep_the_roles_of_the_others() {
    let train = train();
    let imputer = IterativeImputer::new().max_iter(1).method(ImputationMethod::BayesianRidgeDraw);
    let tables = MultipleImputer::new().tables(2).imputer(imputer).on(["x1", "x3"]).impute(&train).unwrap();
    for table in &tables {
        assert_eq!(table.data.features(), train.features());
        let (before, after) = (train.batch(), table.data.batch());
        assert_eq!(before["x2"].null_count(), after["x2"].null_count());
        assert_eq!(after["x3"].null_count(), 0);
    }
    let mut seen = 0;
    let fitted = imputer.fit_with(&train.on(["x1", "x3"]).unwrap(), &mut |step: Step| {
        seen = step.total;
        ControlFlow::Continue(())
    });
    assert_eq!((seen, fitted.unwrap()), (2, imputer.on(["x1", "x3"]).fit(&train).unwrap()));
}

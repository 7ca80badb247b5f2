//! Instance hardness: which rows a classifier keeps, by naive loops, and what is refused.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::{Given, squared, train};
use mlsys_core::arrow::array::{ArrayRef, Float64Array, Int32Array, RecordBatch};
use mlsys_core::ndarray::Array2;
use mlsys_core::{
    Artifact, Category, Classes, Dataset, ErrorKind, Fit, Fold, Folds, Predict, PredictProba, Probabilities,
    Resample, Result, Train, column,
};
use mlsys_imbalance::{ClassSizes, HardnessCut, InstanceHardnessThreshold, PlanResample, Strategy};
use proptest::prelude::*;
use proptest::strategy::Strategy as _;

/// The class whose centre is nearer is more probable; counts the rows that it learns from.
#[derive(Debug, Clone)]
struct Centres;

struct FittedCentres(Classes, Vec<Vec<f64>>);

impl Artifact for FittedCentres {}

fn points(batch: &RecordBatch) -> Result<Vec<Vec<f64>>> {
    let columns = ["x0", "x1"].map(|name| column::floats(name, column::find(batch, name)?));
    let [a, b] = columns;
    Ok(a?.iter().zip(b?.iter()).map(|(&a, &b)| vec![a, b]).collect())
}

fn centre(rows: &[Vec<f64>], own: &[usize]) -> Vec<f64> {
    (0..2).map(|c| own.iter().map(|&row| rows[row][c]).sum::<f64>() / own.len() as f64).collect()
}

fn shares(centres: &[Vec<f64>], row: &[f64]) -> Vec<f64> {
    let near: Vec<f64> = centres.iter().map(|c| 1.0 / (1.0 + squared(c, row).unwrap())).collect();
    near.iter().map(|x| x / near.iter().sum::<f64>()).collect()
}

impl Fit for Centres {
    type Fitted = FittedCentres;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedCentres> {
        let (rows, labels) = (points(train.batch())?, train.labels("Centres")?.sorted());
        let own = |class| (0..rows.len()).filter(|&row| labels.codes[row] == class).collect::<Vec<_>>();
        let centres = (0..labels.distinct.len() as u32).map(|class| centre(&rows, &own(class))).collect();
        Ok(FittedCentres(Classes::new(labels.distinct)?, centres))
    }
}

impl Predict for FittedCentres {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(self.0.take(self.predict_proba(batch)?.argmax()))
    }
}

impl PredictProba for FittedCentres {
    fn classes(&self) -> &Classes {
        &self.0
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        let rows = points(batch)?;
        let p: Vec<f64> = rows.iter().flat_map(|row| shares(&self.1, row)).collect();
        Probabilities::new(Array2::from_shape_vec((rows.len(), self.1.len()), p).unwrap())
    }
}

/// Every third row is validated on together.
struct Thirds;

impl Folds for Thirds {
    fn folds(&self, train: &Dataset<Train>) -> Result<Vec<Fold>> {
        Fold::each(&(0..train.n_rows() as u32).map(|row| row % 3).collect::<Vec<_>>(), 3)
    }
}

fn clouds() -> impl proptest::strategy::Strategy<Value = (Vec<Vec<f64>>, Vec<i32>)> {
    let row = (prop::collection::vec((-9i32..9).prop_map(f64::from), 2), 0i32..3);
    prop::collection::vec(row, 20..50).prop_map(|rows| rows.into_iter().unzip())
}

proptest! {
    #[test]
    fn the_easiest_stay((rows, classes) in clouds()) {
        let data = train(&rows, &classes);
        let sizes = ClassSizes::of(&data);
        prop_assume!(sizes.is_ok());
        let sizes = sizes.unwrap();
        // Fitted on the other thirds, whose classes may not be all.
        let mut p = vec![0.0; rows.len()];
        for fold in 0..3 {
            let known: Vec<i32> = sizes.classes().iter().map(|c| c.as_f64().unwrap() as i32).collect();
            let own = |class: i32| (0..rows.len()).filter(|&row| row % 3 != fold && classes[row] == class).collect::<Vec<_>>();
            let known: Vec<i32> = known.into_iter().filter(|&class| !own(class).is_empty()).collect();
            let centres: Vec<Vec<f64>> = known.iter().map(|&class| centre(&rows, &own(class))).collect();
            for row in (fold..rows.len()).step_by(3) {
                let place = known.iter().position(|&class| class == classes[row]);
                p[row] = place.map_or(0.0, |place| shares(&centres, &rows[row])[place]);
            }
        }
        let least = sizes.sizes().iter().copied().min().unwrap();
        let mut expected = Vec::new();
        for class in sizes.classes() {
            let class = class.as_f64().unwrap() as i32;
            let mut own: Vec<usize> = (0..rows.len()).filter(|&row| classes[row] == class).collect();
            own.sort_by(|&a, &b| p[b].total_cmp(&p[a]).then(a.cmp(&b)));
            own.truncate(least);
            own.sort_unstable();
            expected.extend(own.into_iter().map(|row| row as u32));
        }
        let found = InstanceHardnessThreshold::new(Centres).plan_by(&data, &Thirds).unwrap();
        prop_assert_eq!(found.kept(), expected);
    }

    #[test]
    fn its_own_folds_do_not_depend_on_the_order((rows, classes) in clouds(), seed in any::<u64>(), folds in 2usize..6) {
        let data = train(&rows, &classes);
        let resampler = InstanceHardnessThreshold::new(Centres).seed(seed).folds(folds);
        let Ok(plan) = resampler.plan(&data) else { return Ok(()) };
        let backwards: Vec<usize> = (0..rows.len()).rev().collect();
        let turned = resampler.plan(&data.take(&backwards).unwrap()).unwrap();
        prop_assert_eq!(plan.n_rows(), turned.n_rows());
        let sizes = ClassSizes::of(&plan.apply(&data).unwrap()).unwrap();
        prop_assert!(sizes.sizes().windows(2).all(|pair| pair[0] == pair[1]));
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            prop_assert_eq!(&pool.install(|| resampler.plan(&data)).unwrap(), &plan);
        }
    }
}

/// Rows of class 0 with these probabilities of it, and then of class 1.
fn given(own: [&[f64]; 2]) -> Dataset<Train> {
    let p0: Vec<f64> = own[0].iter().copied().chain(own[1].iter().map(|p| 1.0 - p)).collect();
    let p1: Vec<f64> = p0.iter().map(|p| 1.0 - p).collect();
    let y: Vec<i32> = [0, 1].into_iter().flat_map(|class| vec![class; own[class as usize].len()]).collect();
    let columns: [(&str, ArrayRef); 3] = [
        ("p0", Arc::new(Float64Array::from(p0))),
        ("p1", Arc::new(Float64Array::from(p1))),
        ("y", Arc::new(Int32Array::from(y))),
    ];
    Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap().target("y").unwrap().into_train_all()
}

#[test]
fn of_equally_probable_rows_the_first_stay() {
    let data = given([&[0.5, 0.25, 0.75, 0.5, 0.5, 0.0], &[1.0, 1.0, 1.0]]);
    let resampler = InstanceHardnessThreshold::new(Given).folds(3);
    assert_eq!(resampler.plan(&data).unwrap().kept(), [0, 2, 3, 6, 7, 8]);
    // The median of six is 1/2, and all that have it stay.
    let percentile = resampler.clone().cut(HardnessCut::Percentile);
    assert_eq!(percentile.plan(&data).unwrap().kept(), [0, 2, 3, 4, 6, 7, 8]);
    let four = percentile.strategy(Strategy::counts([(0i64, 2)]));
    // 2/3 of the way: 3.33 of 0 to 5, between two rows that are 1/2.
    assert_eq!(four.plan(&data).unwrap().kept(), [0, 2, 3, 4, 6, 7, 8]);
    let all = resampler.clone().strategy(Strategy::counts([(0i64, 6), (1i64, 1)]));
    assert_eq!(all.plan(&data).unwrap().kept(), [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(resampler.resample(data).unwrap().row_ids(), [0, 2, 3, 6, 7, 8]);
}

#[test]
fn rows_of_one_id_share_a_fold() {
    // Each row twice. A model that sees a copy would know the answer; this one counts how many it saw.
    #[derive(Clone)]
    struct NoCopies;
    struct Fitted(Classes, Vec<u64>);
    impl Artifact for Fitted {}
    impl Fit for NoCopies {
        type Fitted = Fitted;
        fn fit(&self, train: &Dataset<Train>) -> Result<Fitted> {
            let seen = column::floats("x0", train.column("x0")?)?.iter().map(|x| x.to_bits()).collect();
            Ok(Fitted(Classes::new(train.labels("NoCopies")?.distinct)?, seen))
        }
    }
    impl Predict for Fitted {
        fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
            Ok(self.0.take(self.predict_proba(batch)?.argmax()))
        }
    }
    impl PredictProba for Fitted {
        fn classes(&self) -> &Classes {
            &self.0
        }
        fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
            let x = column::floats("x0", column::find(batch, "x0")?)?;
            assert!(x.iter().all(|x| !self.1.contains(&x.to_bits())), "a copy was trained on");
            Probabilities::binary(&vec![0.5; x.len()])
        }
    }
    let rows: Vec<Vec<f64>> = (0..30).map(|row| vec![f64::from(row)]).collect();
    let classes: Vec<i32> = (0..30).map(|row| i32::from(row >= 20)).collect();
    let twice: Vec<usize> = (0..30).chain(0..30).collect();
    let data = train(&rows, &classes).take(&twice).unwrap();
    for seed in 0..5 {
        let plan = InstanceHardnessThreshold::new(NoCopies).seed(seed).plan(&data).unwrap();
        assert_eq!(plan.n_rows(), 40);
    }
}

#[test]
fn refused() {
    let resampler = || InstanceHardnessThreshold::new(Given);
    for folds in [0, 1, 101, usize::MAX] {
        let error = resampler().folds(folds).plan(&given([&[0.5; 9], &[0.5; 9]])).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::InvalidParameter { name, .. } if name == "folds"),
            "{error}"
        );
    }
    let error = resampler().plan(&given([&[0.5; 9], &[]])).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::SingleClass { .. }), "{error}");
    let error = resampler().plan(&given([&[0.5; 9], &[0.5]])).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooFewRows { need: 2, found: 1, .. }), "{error}");
    assert!(error.to_string().contains("class `1`"), "{error}");
    let error = resampler().folds(6).plan(&given([&[0.5; 3], &[0.5; 2]])).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooFewRows { need: 6, found: 5, .. }), "{error}");
    assert!(resampler().plan(&given([&[], &[]])).is_err());
    // The classifier's own errors.
    assert!(resampler().plan(&train(&vec![vec![1.0]; 8], &[0, 0, 0, 0, 0, 1, 1, 1])).is_err());
    struct None;
    impl Folds for None {
        fn folds(&self, _: &Dataset<Train>) -> Result<Vec<Fold>> {
            Ok(vec![Fold::new(vec![0, 1, 2, 9, 10], vec![3, 4])?])
        }
    }
    let error = resampler().plan_by(&given([&[0.5; 9], &[0.5; 3]]), &None).unwrap_err();
    assert!(error.to_string().contains("every row validated on"), "{error}");
}

#[test]
fn a_recipe_of_plain_data() {
    let resampler = InstanceHardnessThreshold::new(Given).folds(3).cut(HardnessCut::Percentile).seed(4);
    let stored = serde_json::to_string(&resampler).unwrap();
    assert_eq!(serde_json::from_str::<InstanceHardnessThreshold<Given>>(&stored).unwrap(), resampler);
    let short: InstanceHardnessThreshold<Given> = serde_json::from_str(r#"{"classifier":null}"#).unwrap();
    assert_eq!(short, InstanceHardnessThreshold::new(Given));
    assert!(
        serde_json::from_str::<InstanceHardnessThreshold<Given>>(r#"{"classifier":null,"k":1}"#).is_err()
    );
    let classes: Vec<Category> = vec![0i64.into()];
    let named = resampler.strategy(Strategy::Classes(classes));
    assert_eq!(named.plan(&given([&[0.1, 0.9, 0.8], &[0.5, 0.5]])).unwrap().kept(), [1, 2, 3, 4]);
}

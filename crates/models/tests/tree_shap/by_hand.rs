//! Small trees, and what is refused.

use super::*;

#[test]
fn a_stump() {
    let table = numbers(&[vec![-1.0, 1.0, f64::NAN], vec![0.0; 3]]);
    let trees = sum_of(&table, vec![stump([1.0, 5.0], [3, 1], MissingGoes::Left)]);
    let shap = TreeShap::new(&trees).explain(&table).unwrap();
    assert_eq!(shap.base(), [2.0]);
    assert_eq!(shap.values().shape(), [3, 2, 1]);
    assert_eq!(shap.output(0).unwrap().column(0).to_vec(), [-1.0, 3.0, -1.0]);
    assert_eq!(shap.output(0).unwrap().column(1).to_vec(), [0.0; 3]);
    assert_eq!(shap.mean_absolute(0).unwrap(), [5.0 / 3.0, 0.0]);
    // Against a missing value and one that is above.
    let against = TreeShap::new(&trees).interventional(&table.slice(1, 2)).unwrap();
    assert_eq!(against.base(), [3.0]);
    assert_eq!(against.explain(&table).unwrap().output(0).unwrap().column(0).to_vec(), [-2.0, 2.0, -2.0]);
}

#[test]
fn branches_without_rows() {
    let table = numbers(&[vec![-1.0, 1.0]]);
    let of = |rows| {
        let trees = sum_of(&table, vec![stump([1.0, 5.0], rows, MissingGoes::Right)]);
        let shap = TreeShap::new(&trees).explain(&table).unwrap();
        additive(&shap, &trees, &table, 0.0);
        (shap.base()[0], shap.output(0).unwrap().column(0).to_vec())
    };
    assert_eq!(of([0, 4]), (5.0, vec![-4.0, 0.0]));
    assert_eq!(of([0, 0]), (3.0, vec![-2.0, 2.0]));
    // The rows of one node are not known: covers count.
    let known = stump([1.0, 5.0], [3, 1], MissingGoes::Right);
    let unknown = Split { rows: 0, ..known.splits()[0].clone() };
    let unknown = Tree::new(vec![unknown], 1, vec![1.0, 5.0], vec![1.0, 1.0], vec![3, 1]).unwrap();
    assert_eq!(TreeShap::new(&sum_of(&table, vec![known.clone()])).base(), [2.0]);
    assert_eq!(TreeShap::new(&sum_of(&table, vec![known, unknown])).base(), [2.0 + 3.0]);
}

#[test]
fn trees_of_one_leaf() {
    let table = numbers(&[vec![1.0, 2.0]]);
    let leaf = |values: Vec<f64>| Tree::new(vec![], values.len(), values, vec![1.0], vec![1]).unwrap();
    let trees = TreeEnsemble::new(
        features(&table, |_| None),
        MissingPolicy::default(),
        vec![leaf(vec![1.0, 2.0]), leaf(vec![2.0, 4.0])],
        vec![0.5, 0.0],
        Combine::Mean,
    )
    .unwrap();
    for shap in [TreeShap::new(&trees), TreeShap::new(&trees).interventional(&table).unwrap()] {
        assert_eq!(shap.base(), [2.0, 3.0]);
        assert!(shap.explain(&table).unwrap().values().iter().all(|&x| x == 0.0));
    }
    // Nor are there features, nor trees.
    let none = TreeEnsemble::new(vec![], MissingPolicy::default(), vec![], vec![0.5], Combine::Mean).unwrap();
    let shap = TreeShap::new(&none).explain(&table).unwrap();
    assert_eq!((shap.base(), shap.values().shape()), (&[0.5][..], &[2, 0, 1][..]));
    assert_eq!(shap.to_batch(0).unwrap().num_rows(), 2);
    assert_eq!(Importances::new(&none, Importance::Gain).to_batch().unwrap().num_rows(), 0);
}

#[test]
fn a_column_for_each_feature() {
    let column = |x: f64| Arc::new(Float64Array::from(vec![x, -x])) as ArrayRef;
    let table = RecordBatch::try_from_iter([("é", column(1.0)), ("base_value", column(2.0))]).unwrap();
    let trees = sum_of(&table, vec![stump([1.0, 5.0], [3, 1], MissingGoes::Left)]);
    let shap = TreeShap::new(&trees).explain(&table).unwrap();
    let out = shap.to_batch(0).unwrap();
    let names: Vec<_> = out.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["é", "base_value", "base_value_"]);
    assert_eq!(shap.features(), &names[..2]);
    assert_eq!(out.column(0).as_primitive::<Float64Type>().values()[..], [3.0, -1.0]);
    assert_eq!(out.column(2).as_primitive::<Float64Type>().values()[..], [2.0, 2.0]);
    let empty = TreeShap::new(&trees).explain(&table.slice(0, 0)).unwrap();
    assert_eq!(empty.to_batch(0).unwrap().schema(), out.schema());
    assert_eq!(empty.values().shape(), [0, 2, 1]);
    assert_eq!(empty.mean_absolute(0).unwrap(), [0.0, 0.0]);
    let error = shap.to_batch(1).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidParameter { name, .. } if name == "output"), "{error}");
    assert!(shap.output(usize::MAX).is_err() && shap.mean_absolute(1).is_err());
}

#[test]
fn what_is_refused() {
    let table = numbers(&[vec![1.0, f64::NAN]]);
    let tree = stump([1.0, 5.0], [3, 1], MissingGoes::Left);
    let trees = sum_of(&table, vec![tree.clone()]);
    let shap = TreeShap::new(&trees);
    let other = RecordBatch::try_from_iter([("y", table.column(0).clone())]).unwrap();
    let error = shap.explain(&other).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MissingColumn { name, .. } if name == "x0"), "{error}");
    let error = shap.clone().interventional(&other).unwrap_err();
    assert!(error.to_string().contains("background") && error.to_string().contains("x0"), "{error}");
    let error = shap.interventional(&table.slice(0, 0)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooFewRows { .. }), "{error}");

    let policy =
        MissingPolicy { nan: OnMissing::Refuse, unseen: OnUnseen::Refuse, ..MissingPolicy::default() };
    let strict =
        TreeEnsemble::new(features(&table, |_| None), policy, vec![tree], vec![0.0], Combine::Sum).unwrap();
    let error = TreeShap::new(&strict).explain(&table).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MissingValues { .. }), "{error}");
    assert!(TreeShap::new(&strict).explain(&table.slice(0, 1)).is_ok());
}

#[test]
fn unseen_categories_are_missing() {
    let columns = vec![vec![0.0; 4], vec![0.0; 4], vec![1.0, 3.0, f64::NAN, 77.0]];
    let table = batch(&columns, is_category);
    let split = Split {
        feature: 2,
        test: Test::In([1].into_iter().collect()),
        missing: MissingGoes::Left,
        left: Child::Leaf(0),
        right: Child::Leaf(1),
        gain: 0.0,
        value: 0.0,
        cover: 0.0,
        rows: 4,
    };
    let tree = Tree::new(vec![split], 1, vec![4.0, 0.0], vec![0.0; 2], vec![1, 3]).unwrap();
    let trees = ensemble(&table, vec![tree], vec![0.0], Combine::Sum);
    let shap = TreeShap::new(&trees).explain(&table).unwrap();
    assert_eq!(shap.output(0).unwrap().column(2).to_vec(), [3.0, -1.0, 3.0, 3.0]);
    // Covers are not known: half each.
    let shap = TreeShap::new(&trees).node_weight(NodeWeight::Cover).explain(&table).unwrap();
    assert_eq!(shap.base(), [2.0]);
}

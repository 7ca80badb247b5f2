//! Datasets: roles, columns, rows, and what they refuse.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, BooleanArray, Float64Array, Int32Array, RecordBatch, StringArray};
use mlsys_core::arrow::datatypes::{DataType, Field, Schema};
use mlsys_core::{Columns, Dataset, ErrorKind, Fold, Missing, Role};

fn table() -> RecordBatch {
    let columns: [(&str, ArrayRef); 5] = [
        ("distance", Arc::new(Float64Array::from(vec![Some(1400.0), None, Some(1089.0), Some(200.0)]))),
        ("seats", Arc::new(Int32Array::from(vec![149, 178, 2, 55]))),
        ("tailnum", Arc::new(StringArray::from(vec!["a", "b", "a", "c"]))),
        ("weight", Arc::new(Float64Array::from(vec![1.0, 2.0, 0.0, 1.0]))),
        ("late", Arc::new(BooleanArray::from(vec![true, false, false, true]))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(n, c)| (n, c, true))).unwrap()
}

fn data() -> Dataset {
    Dataset::new(table()).unwrap().target("late").unwrap().weight("weight").unwrap().group("tailnum").unwrap()
}

#[test]
fn roles_decide_what_is_a_feature() {
    let data = data();
    assert_eq!(data.features(), ["distance", "seats", "tailnum"]);
    assert_eq!(data.roles().of("tailnum"), Role::Group);
    let ignored = data.clone().ignore(["tailnum"]).unwrap();
    assert_eq!((ignored.features(), ignored.roles().of("tailnum")), (vec!["distance", "seats"], Role::Group));
    let id = data.clone().id("tailnum").unwrap();
    assert_eq!((id.features(), id.roles().of("tailnum")), (vec!["distance", "seats"], Role::Id));
    let error = data.target("lat").unwrap_err();
    assert_eq!(
        error.to_string(),
        "column `lat` is not in the table, which has: distance, seats, tailnum, weight, late"
    );
}

#[test]
fn duplicate_names_are_refused() {
    let field = || Field::new("x", DataType::Int32, false);
    let column: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    let schema = Arc::new(Schema::new(vec![field(), field()]));
    let batch = RecordBatch::try_new(schema, vec![column.clone(), column]).unwrap();
    assert_eq!(
        Dataset::new(batch).unwrap_err().to_string(),
        "two columns are called `x`; rename one of them"
    );
}

#[test]
fn rows_keep_their_ids() {
    let data = data();
    let taken = data.take(&[3, 1, 1]).unwrap();
    assert_eq!(taken.row_ids(), [3, 1, 1]);
    assert_eq!(taken.slice(1, 2).unwrap().row_ids(), [1, 1]);
    let mask = BooleanArray::from(vec![Some(true), None, Some(false), Some(true)]);
    assert_eq!(data.filter(&mask).unwrap().row_ids(), [0, 3]);
    let both = data.slice(0, 1).unwrap().concat(&data.slice(3, 1).unwrap()).unwrap();
    assert_eq!((both.row_ids(), both.n_rows()), (vec![0, 3], 2));
    assert!(data.take(&[4]).is_err() && data.slice(3, 2).is_err() && data.slice(usize::MAX, 2).is_err());
    assert!(data.filter(&BooleanArray::from(vec![true])).is_err());
}

#[test]
fn concat_matches_columns_by_name() {
    let data = data();
    let reordered = data.select(["late", "weight", "tailnum", "seats", "distance"]).unwrap();
    let both = data.concat(&reordered).unwrap();
    assert_eq!(both.schema(), data.schema());
    assert_eq!(both.n_rows(), 8);
    let narrow = data.select(["late", "weight", "tailnum"]).unwrap();
    assert!(data.concat(&narrow).is_err());
}

#[test]
fn the_matrix_names_what_it_cannot_take() {
    let data = data();
    let error = data.matrix::<f64>(Missing::AsNan).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column `tailnum` must be numeric (encode it first, or leave it out), found Utf8"
    );
    let numbers = data.ignore(["tailnum"]).unwrap();
    let error = numbers.matrix::<f32>(Missing::Refuse).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MissingValues { count: 1, .. }), "{error}");
    let matrix = numbers.matrix::<f32>(Missing::AsNan).unwrap();
    assert_eq!((matrix.dim(), matrix[[2, 0]], matrix[[3, 1]]), ((4, 2), 1089.0, 55.0));
    assert!(matrix[[1, 0]].is_nan());
}

#[test]
fn targets_and_weights_are_checked() {
    let data = data();
    assert_eq!(data.labels("a test").unwrap().codes, [1, 0, 0, 1]);
    assert_eq!(data.weights().unwrap().unwrap().to_vec(), [1.0, 2.0, 0.0, 1.0]);
    let two = data.clone().target("seats").unwrap();
    assert!(matches!(
        two.labels("a test").unwrap_err().kind(),
        ErrorKind::MissingRole { role: "target", .. }
    ));
    let with_null = data.clone().target("late").unwrap().with_role("late", Role::Feature).unwrap();
    let with_null = with_null.target("distance").unwrap();
    let error = with_null.target_values("a test").unwrap_err();
    assert_eq!(
        error.to_string(),
        "column `distance` has 1 missing value; a target must be known: drop these rows first"
    );
    let negative = data.with_role("weight", Role::Ignored).unwrap().weight("seats").unwrap();
    assert!(negative.weights().is_ok());
    assert!(negative.refuse_weights("X").unwrap_err().to_string().contains("X cannot use a weight column"));
}

#[test]
fn columns_resolve_in_the_order_of_the_table() {
    let data = data();
    let resolve = |columns: Columns| columns.resolve(data.layout());
    assert_eq!(resolve(Columns::numeric()).unwrap(), ["distance", "seats"]);
    assert_eq!(resolve(Columns::categorical()).unwrap(), ["tailnum"]);
    assert_eq!(resolve(Columns::named(["tailnum", "distance"])).unwrap(), ["distance", "tailnum"]);
    assert_eq!(resolve(Columns::except(["seats"])).unwrap(), ["distance", "tailnum"]);
    assert!(resolve(Columns::named(["nope"])).is_err());
    let error = resolve(Columns::named(["late"])).unwrap_err();
    assert_eq!(error.to_string(), "`columns` must be features, got `late` (role target)");
}

#[test]
fn splits_and_folds_refuse_rows_twice() {
    let data = data();
    assert!(data.split_at_rows(&[0, 1], &[1, 2]).is_err());
    assert!(data.split_at_rows(&[0, 1], &[]).is_err());
    assert!(data.split_at_rows(&[0], &[9]).is_err());
    let (train, test) = data.split_at_rows(&[0, 2], &[1]).unwrap();
    assert_eq!((train.row_ids(), test.row_ids()), (vec![0, 2], vec![1]));
    assert!(Fold::new(vec![0], vec![0]).is_err() && Fold::new(vec![], vec![0]).is_err());
    let fold = Fold::new(vec![1], vec![0]).unwrap();
    assert_eq!(train.fold(&fold).unwrap().1.row_ids(), [0]);
}

#[test]
fn display_shows_schema_roles_and_rows() {
    let shown = data().to_string();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[0], "Dataset<Unsplit>: 4 rows x 5 columns");
    assert!(
        lines[2].contains("distance")
            && lines[2].contains("feature")
            && lines[2].ends_with("1400.0, null, 1089.0"),
        "{shown}"
    );
    assert!(lines[4].contains("group, feature") && lines[6].contains("target"), "{shown}");
}

#[test]
fn resampled_rows_get_fresh_ids() {
    let train = data().into_train_all();
    let more = train.take(&[0, 1, 2, 3, 0]).unwrap();
    let made = train.resampled(more.batch().clone(), vec![0, 1, 2, 3]).unwrap();
    assert_eq!(made.row_ids(), [0, 1, 2, 3, 1 << 63]);
    assert!(train.resampled(train.select(["late"]).unwrap().batch().clone(), vec![]).is_err());
}

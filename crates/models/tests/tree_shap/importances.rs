//! Importances by hand.

use super::*;

#[test]
fn importances_of_splits() {
    let table = numbers(&[vec![1.0], vec![1.0], vec![1.0]]);
    let trees = sum_of(
        &table,
        vec![stump([1.0, 5.0], [3, 1], MissingGoes::Left), chain(3, |level| level as u32 % 2, |_| 0.5)],
    );
    let of = |kind| Importances::new(&trees, kind).values().to_vec();
    assert_eq!(of(Importance::Gain), [4.5, 1.0, 0.0]);
    assert_eq!(of(Importance::Split), [3.0, 1.0, 0.0]);
    assert_eq!(of(Importance::Cover), [5.25, 0.5, 0.0]);
    let gain = Importances::new(&trees, Importance::default());
    assert_eq!((gain.kind(), gain.of("x1"), gain.of("nobody")), (Importance::Gain, Some(1.0), None));
    assert_eq!(gain.names(), ["x0", "x1", "x2"]);
    // Equal ones by name.
    let table =
        RecordBatch::try_from_iter(["c", "b", "a"].map(|name| (name, table.column(0).clone()))).unwrap();
    let trees = sum_of(&table, vec![stump([1.0, 5.0], [3, 1], MissingGoes::Left)]);
    let gain = Importances::new(&trees, Importance::Gain);
    assert_eq!(gain.sorted(), [("c", 2.5), ("a", 0.0), ("b", 0.0)]);
    let out = gain.to_batch().unwrap();
    assert_eq!(
        out.column_by_name("importance").unwrap().as_primitive::<Float64Type>().values()[..],
        [2.5, 0.0, 0.0]
    );
    assert_eq!(out.column(0).as_string::<i32>().value(1), "a");
    assert_eq!(out.column(1).null_count(), 0);
}

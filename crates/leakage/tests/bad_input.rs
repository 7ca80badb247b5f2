//! What no audit can use is an error that says so, or is left out; nothing panics.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Date64Array, DictionaryArray, Float64Array,
    Int32Array, Int64Array, ListArray, NullArray, RecordBatch, RecordBatchOptions, StringArray, StructArray,
    TimestampSecondArray, UInt64Array, new_null_array,
};
use mlsys_core::arrow::compute::cast;
use mlsys_core::arrow::datatypes::{DataType, Field, Int32Type, Schema};
use mlsys_core::hash::hash_u64;
use mlsys_core::{Dataset, Error, ErrorKind, Partition, Role};
use mlsys_leakage::{
    ColumnPowers, LeakKind, LeakageAudit, LeakageReport, NearDuplicates, Severity, duplicates_across,
};
use mlsys_testkit::table;
use proptest::prelude::*;

const ROWS: usize = 120;

fn data(columns: Vec<(&str, ArrayRef)>) -> Dataset {
    let columns = columns.into_iter().map(|(name, column)| (name, column, true));
    Dataset::new(RecordBatch::try_from_iter_with_nullable(columns).unwrap()).unwrap()
}

fn late() -> ArrayRef {
    Arc::new((0..ROWS as u64).map(|row| Some(hash_u64(row, 1) % 3 == 0)).collect::<BooleanArray>())
}

fn x() -> ArrayRef {
    Arc::new(Float64Array::from_iter_values((0..ROWS as u64).map(|row| (hash_u64(row, 2) % 1_000) as f64)))
}

/// A target, a number, and what else is given.
fn with(more: Vec<(&str, ArrayRef)>) -> Dataset {
    data([vec![("late", late()), ("x", x())], more].concat()).target("late").unwrap()
}

fn split(data: &Dataset) -> Result<LeakageReport, Error> {
    let cut = data.n_rows() * 2 / 3;
    LeakageAudit::new().split(&data.slice(0, cut)?, &data.slice(cut, data.n_rows() - cut)?)
}

/// All that can be asked of a table; the report of the split.
fn all<P: Partition>(data: &Dataset<P>) -> Result<LeakageReport, Error> {
    let cut = data.n_rows() * 2 / 3;
    let (one, two) = (data.slice(0, cut)?, data.slice(cut, data.n_rows() - cut)?);
    let whole = LeakageAudit::new().table(data);
    let report = LeakageAudit::new().split(&one, &two);
    assert_eq!(LeakageAudit::new().table(data).is_ok(), whole.is_ok());
    let names = data.features();
    let _ = duplicates_across(&one, &two, &names);
    let _ = NearDuplicates::new().across(&one, &two, &names);
    let powers = ColumnPowers::of(data).and_then(|_| ColumnPowers::of_set(data, &names));
    for error in [whole.as_ref().err(), report.as_ref().err(), powers.as_ref().err()].into_iter().flatten() {
        assert!(!matches!(error.kind(), ErrorKind::External(_)), "{error}");
    }
    for report in [&whole, &report].into_iter().flatten() {
        assert_eq!(&LeakageReport::from_json(&report.to_json()?)?, report);
        assert!(report.findings().iter().all(|f| f.evidence.values().all(|x| x.is_finite())), "{report}");
        assert!(report.findings().iter().all(|f| !f.message.contains("NaN")), "{report}");
    }
    report
}

#[test]
fn parts_without_rows() {
    let data = with(Vec::new());
    let (some, none) = (data.slice(0, 50).unwrap(), data.slice(50, 0).unwrap());
    let audit = LeakageAudit::new();
    for (error, part) in [
        (audit.split(&some, &none).unwrap_err(), "test"),
        (audit.split(&none, &some).unwrap_err(), "train"),
        (audit.table(&none).unwrap_err(), "table"),
    ] {
        assert!(matches!(error.kind(), ErrorKind::TooFewRows { found: 0, .. }), "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
    assert!(ColumnPowers::of(&none).is_err());
    let found = duplicates_across(&none, &some, &["x"]).unwrap();
    assert!(found.rows.is_empty() && duplicates_across(&some, &none, &["x"]).unwrap().rows.is_empty());
    assert_eq!(NearDuplicates::new().across(&none, &some, &["x"]).unwrap().share_within, 0.0);
    assert!(NearDuplicates::new().across(&some, &none, &["x"]).unwrap().rows.is_empty());
    // One row in each.
    let report = audit.split(&data.slice(0, 1).unwrap(), &data.slice(1, 1).unwrap()).unwrap();
    assert!(report.findings().is_empty(), "{report}");
    let report = audit.split(&data.slice(0, 1).unwrap(), &data.slice(0, 1).unwrap()).unwrap();
    assert_eq!(report.worst(), Some(Severity::Suspect), "{report}");
}

#[test]
fn targets_that_say_nothing() {
    let nulls = |kind: &DataType| new_null_array(kind, ROWS);
    for target in [
        Arc::new(BooleanArray::from(vec![true; ROWS])) as ArrayRef,
        Arc::new(Float64Array::from(vec![0.1; ROWS])),
        Arc::new(StringArray::from(vec!["one"; ROWS])),
        nulls(&DataType::Boolean),
        nulls(&DataType::Utf8),
        nulls(&DataType::Float64),
        Arc::new(Float64Array::from(vec![f64::NAN; ROWS])),
        // One row of one class.
        Arc::new((0..ROWS).map(|row| Some(row == 3)).collect::<BooleanArray>()),
    ] {
        let report = all(&data(vec![("late", target), ("x", x())]).target("late").unwrap()).unwrap();
        assert!(
            report.skipped().iter().any(|s| s.kind == LeakKind::NearlyTheLabel && s.why.contains("10 rows"))
        );
        report.require_clean().unwrap();
    }
}

#[test]
fn no_target_several_and_no_features() {
    let report = all(&data(vec![("x", x()), ("y", late())])).unwrap();
    assert!(
        report
            .skipped()
            .iter()
            .any(|s| s.kind == LeakKind::NearlyTheLabel && s.why.contains("Dataset::target"))
    );
    let both = with(vec![("y", x())]).target("y").unwrap();
    assert!(all(&both).unwrap().skipped().iter().any(|s| s.why.contains("single target")));
    assert!(matches!(ColumnPowers::of(&both).unwrap_err().kind(), ErrorKind::MissingRole { .. }));
    let none = data(vec![("late", late())]).target("late").unwrap();
    for error in [split(&none).unwrap_err(), ColumnPowers::of(&none).unwrap_err()] {
        assert!(matches!(error.kind(), ErrorKind::MissingRole { role: "feature", .. }), "{error}");
    }
    let ignored = with(Vec::new()).ignore(["x"]).unwrap();
    assert!(matches!(split(&ignored).unwrap_err().kind(), ErrorKind::MissingRole { .. }));
    let options = RecordBatchOptions::new().with_row_count(Some(9));
    let empty = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap();
    assert!(split(&Dataset::new(empty).unwrap()).is_err());
    assert!(ColumnPowers::of_set(&with(Vec::new()), &[]).is_ok_and(|power| power.values == 1));
    assert!(ColumnPowers::of_set(&with(Vec::new()), &["nothing"]).is_err());
}

#[test]
fn numbers_that_are_none() {
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300, f64::MIN_POSITIVE, 0.0, -0.0];
    let odd: ArrayRef =
        Arc::new(Float64Array::from_iter_values((0..ROWS).map(|row| odd[row * 7 % odd.len()])));
    all(&with(vec![("odd", odd.clone())])).unwrap();
    all(&with(vec![("odd", odd.clone()), ("more", odd.clone())])).unwrap();
    // As a target, an infinite number has no square.
    let finite = |row: usize| (row * 37 % 100) as f64;
    for (at, part) in [(5, "train"), (ROWS - 5, "test")] {
        let target: Float64Array =
            (0..ROWS).map(|row| Some(if row == at { f64::INFINITY } else { finite(row) })).collect();
        let data = data(vec![("y", Arc::new(target)), ("x", x())]).target("y").unwrap();
        let error = split(&data).unwrap_err();
        let row = if part == "train" { at } else { at - ROWS * 2 / 3 };
        assert!(
            matches!(error.kind(), ErrorKind::NonFinite { column, row: r, .. } if column == "y" && *r == row),
            "{error}"
        );
        assert!(ColumnPowers::of(&data).is_err());
    }
    // Missing ones are left out; huge ones have no squares, and nothing is said of them.
    let nan: Float64Array =
        (0..ROWS).map(|row| Some(if row % 9 == 0 { f64::NAN } else { finite(row) })).collect();
    all(&data(vec![("y", Arc::new(nan)), ("x", x())]).target("y").unwrap()).unwrap();
    for huge in [3e306, 1e200] {
        let huge = Float64Array::from_iter_values((0..ROWS).map(|row| (finite(row) - 50.0) * huge));
        let data = data(vec![("y", Arc::new(huge)), ("x", x()), ("odd", odd.clone())]).target("y").unwrap();
        all(&data).unwrap();
        assert!(ColumnPowers::of(&data).unwrap().columns.iter().all(|c| c.r2.is_none_or(f64::is_finite)));
    }
}

#[test]
fn nested_columns_are_left_out() {
    let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(
        (0..ROWS).map(|row| Some(vec![Some(row as i32)])),
    ));
    let field = Arc::new(Field::new("a", DataType::Int32, true));
    let inner: ArrayRef = Arc::new(Int32Array::from_iter_values(0..ROWS as i32));
    let nested: ArrayRef = Arc::new(StructArray::from(vec![(field, inner)]));
    let bytes: ArrayRef = Arc::new(BinaryArray::from_iter_values((0..ROWS).map(|row| vec![row as u8])));
    let nothing: ArrayRef = Arc::new(NullArray::new(ROWS));
    for column in [list.clone(), nested, bytes, nothing] {
        let kind = column.data_type().clone();
        let plain = split(&with(vec![("y", x())])).unwrap();
        let report = all(&with(vec![("y", x()), ("odd", column.clone())])).unwrap();
        assert_eq!(report, plain, "{kind}");
        let data = with(vec![("odd", column.clone())]);
        // By itself, there is nothing to look at.
        let only = data.clone().ignore(["x"]).unwrap();
        let error = split(&only).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::MissingRole { role: "feature", .. }), "{kind}: {error}");
        assert!(LeakageAudit::new().table(&only).is_err() && ColumnPowers::of(&only).is_err(), "{kind}");
        let error = NearDuplicates::new().across(&data, &data, &["x", "odd"]).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::ColumnType { column, .. } if column == "odd"),
            "{kind}: {error}"
        );
        let error = ColumnPowers::of_set(&data, &["odd"]).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::ColumnType { column, .. } if column == "odd"),
            "{kind}: {error}"
        );
        // In a role that is looked at, it is named.
        for role in [Role::Id, Role::Group, Role::Time, Role::Target] {
            if let Err(error) = all(&with(vec![("odd", column.clone())]).with_role("odd", role).unwrap()) {
                assert!(
                    error.to_string().contains("`odd`") || role == Role::Target,
                    "{kind} {role:?}: {error}"
                );
            }
        }
    }
}

#[test]
fn values_at_the_ends() {
    let far = Date32Array::from_iter_values((0..ROWS as i32).map(|row| i32::MAX - row * 7 % 50));
    let farther = Date64Array::from_iter_values((0..ROWS as i64).map(|row| i64::MIN + row * 86_400_000));
    let seconds = TimestampSecondArray::from_iter_values((0..ROWS as i64).map(|row| i64::MAX - row));
    let large = UInt64Array::from_iter_values((0..ROWS as u64).map(|row| u64::MAX - row * 4_096));
    let both = Int64Array::from_iter_values(
        (0..ROWS as i64).map(|row| if row % 2 == 0 { i64::MIN } else { i64::MAX }),
    );
    let x = cast(&x(), &DataType::Int64).unwrap();
    let decimals = cast(&x, &DataType::Decimal128(38, 10)).unwrap();
    let wider = cast(&x, &DataType::Decimal256(76, 3)).unwrap();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("far", Arc::new(far)),
        ("farther", Arc::new(farther)),
        ("seconds", Arc::new(seconds)),
        ("large", Arc::new(large)),
        ("both", Arc::new(both)),
        ("decimals", decimals),
        ("wider", wider),
    ];
    // As features they are what they are.
    all(&with(columns.clone())).unwrap();
    for (name, column) in &columns {
        all(&with(vec![(name, column.clone())])).unwrap();
        all(&with(vec![(name, column.clone())]).id(name).unwrap()).unwrap();
        all(&with(vec![(name, column.clone())]).group(name).unwrap()).unwrap();
        // As a time or a target, they may have no place on the clock: then they are named.
        for role in [Role::Time, Role::Target] {
            let data = data(vec![("x", x.clone()), (name, column.clone())]).with_role(name, role).unwrap();
            if let Err(error) = all(&data) {
                assert!(error.to_string().contains(&format!("`{name}`")), "{role:?} {error}");
            }
        }
    }
}

#[test]
fn columns_without_values() {
    for kind in [
        DataType::Float64,
        DataType::Int8,
        DataType::Boolean,
        DataType::Utf8View,
        DataType::Date32,
        DataType::Decimal128(5, 2),
        DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8)),
        DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Int64)),
    ] {
        let nulls = || new_null_array(&kind, ROWS);
        all(&with(vec![("n", nulls())])).unwrap();
        all(&with(vec![("n", nulls())]).ignore(["x"]).unwrap()).unwrap();
        for role in [Role::Id, Role::Group] {
            let report = all(&with(vec![("n", nulls())]).with_role("n", role).unwrap()).unwrap();
            let of = [LeakKind::SharedIds, LeakKind::SharedGroups];
            assert!(report.findings().iter().all(|f| !of.contains(&f.kind)), "{kind}: {report}");
        }
    }
    // A time that nobody noted is in order.
    let nobody = new_null_array(&DataType::Date32, ROWS);
    let report = all(&with(vec![("n", nobody)]).time("n").unwrap()).unwrap();
    assert!(report.findings().iter().all(|f| f.kind != LeakKind::TimeOverlap), "{report}");
    let some: Int64Array = (0..ROWS as i64).map(|row| (row % 4 > 0).then_some(row)).collect();
    let report = all(&with(vec![("at", Arc::new(some))]).time("at").unwrap()).unwrap();
    assert!(report.findings().iter().all(|f| f.kind != LeakKind::TimeOverlap), "{report}");
    // Keys that name no value.
    let dictionary = DictionaryArray::<Int32Type>::new(
        Int32Array::from(vec![None; ROWS]),
        Arc::new(StringArray::from(Vec::<&str>::new())),
    );
    all(&with(vec![("n", Arc::new(dictionary))])).unwrap();
    let values: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("a")]));
    let keys = Int32Array::from_iter((0..ROWS as i32).map(|row| Some(row % 3)));
    all(&with(vec![("n", Arc::new(DictionaryArray::<Int32Type>::new(keys, values)))])).unwrap();
    // One column, one value.
    all(&with(vec![("n", Arc::new(Int64Array::from(vec![7; ROWS])))]).ignore(["x"]).unwrap()).unwrap();
}

#[test]
fn as_many_words_as_rows() {
    let n = 100_000;
    let word: ArrayRef =
        Arc::new(StringArray::from_iter_values((0..n).map(|row| format!("{:016x}", hash_u64(row, 1)))));
    let late: ArrayRef =
        Arc::new((0..n).map(|row| Some(hash_u64(row, 2) % 3 == 0)).collect::<BooleanArray>());
    let data = data(vec![("late", late), ("word", word.clone()), ("again", word)]).target("late").unwrap();
    let report = split(&data).unwrap();
    report.require_clean().unwrap();
    let powers = ColumnPowers::of(&data).unwrap();
    assert!(powers.columns.iter().all(|c| (c.auc.unwrap() - 0.5).abs() < 0.02), "{powers}");
    split(&data.with_role("word", Role::Id).unwrap()).unwrap().require_clean().unwrap();
}

#[test]
fn parts_of_different_tables() {
    let one = with(vec![("y", x())]);
    let different = |other: Dataset| {
        let error = LeakageAudit::new().split(&one, &other).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Shape { .. }), "{error}");
        error.to_string()
    };
    assert!(different(with(Vec::new())).contains("`y`"));
    assert!(different(with(vec![("z", x())])).contains("`y`"));
    assert!(different(with(vec![("y", x()), ("more", x())])).contains("`more`"));
    assert!(different(with(vec![("y", late())])).contains("`y`"));
    assert!(different(with(vec![("y", x())]).id("y").unwrap()).contains("`y`"));
    assert!(different(with(vec![("y", x())]).ignore(["y"]).unwrap()).contains("`y`"));
    assert!(different(with(vec![("y", x())]).time("y").unwrap().ignore(["y"]).unwrap()).contains("`y`"));
    for error in [
        duplicates_across(&one, &with(Vec::new()), &["y"]).unwrap_err(),
        NearDuplicates::new().across(&one, &with(Vec::new()), &["y"]).unwrap_err(),
    ] {
        assert!(matches!(error.kind(), ErrorKind::MissingColumn { name, .. } if name == "y"), "{error}");
    }
    let error = duplicates_across(&one, &one, &["x", "y", "x"]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::DuplicateColumn { name } if name == "x"), "{error}");
    assert!(matches!(duplicates_across(&one, &one, &[]).unwrap_err().kind(), ErrorKind::Shape { .. }));
    // Text against numbers, asked for by hand: nothing is equal.
    let words = with(vec![("y", cast(&x(), &DataType::Utf8).unwrap())]);
    assert!(duplicates_across(&one, &words, &["y"]).unwrap().rows.is_empty());
    let _ = NearDuplicates::new().across(&one, &words, &["x", "y"]);
    let _ = NearDuplicates::new().across(&words, &one, &["x", "y"]);
}

#[test]
fn parameters_that_make_no_sense() {
    let data = with(vec![(
        "word",
        Arc::new(StringArray::from_iter_values((0..ROWS).map(|r| format!("{}", r % 9)))),
    )]);
    let near = |near: NearDuplicates| near.across(&data, &data, &["x", "word"]);
    for tolerance in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = near(NearDuplicates::new().tolerance(tolerance)).unwrap_err().to_string();
        assert!(error.contains("`tolerance`"), "{error}");
    }
    for cells in [2, 3, usize::MAX] {
        let error = near(NearDuplicates::new().differing_cells(cells)).unwrap_err().to_string();
        assert!(error.contains("`differing_cells`"), "{error}");
    }
    let of_columns = self::data;
    // However far numbers may be apart, words are equal or not, and a gap is no number.
    let words = |rows: std::ops::Range<usize>| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.map(|row| format!("word {row}"))))
    };
    let numbers = |n: usize, of: &dyn Fn(usize) -> Option<f64>| -> ArrayRef {
        Arc::new((0..n).map(of).collect::<Float64Array>())
    };
    let one =
        of_columns(vec![("word", words(0..20)), ("x", numbers(20, &|row| (row < 15).then_some(row as f64)))]);
    let two = of_columns(vec![
        ("word", words(10..30)),
        ("x", numbers(20, &|row| (row < 8).then_some((row + 1) as f64 * 1e6))),
    ]);
    for tolerance in
        [f64::MIN_POSITIVE, 1e-300, 1e-45, 0.9, 1.0, 30.0, 1e9, 1e29, 1e30, 1e31, 1e300, f64::MAX]
    {
        let near = NearDuplicates::new().tolerance(tolerance).differing_cells(0);
        let found = near.across(&one, &two, &["word", "x"]).unwrap();
        assert!(found.rows.iter().all(|&row| row < 5), "{tolerance}: {found:?}");
        assert!(found.rows.iter().zip(&found.twins).all(|(&a, &b)| a + 10 == b), "{tolerance}: {found:?}");
        assert!(tolerance < 1e9 || found.rows == [0, 1, 2, 3, 4], "{tolerance}: {found:?}");
        // Rows that share one number, and differ in two words.
        let table = |from: usize| {
            of_columns(vec![
                ("word", words(from..from + 20)),
                ("other", words(from + 1..from + 21)),
                ("x", numbers(20, &|row| Some((row / 2) as f64))),
            ])
        };
        let near = NearDuplicates::new().tolerance(tolerance).differing_cells(1);
        let found = near.across(&table(0), &table(100), &["word", "other", "x"]).unwrap();
        assert!(found.rows.is_empty() && found.share_within == 0.0, "{tolerance}: {found:?}");
    }
    assert!(NearDuplicates::new().across(&data, &data, &[]).is_err());
}

#[test]
fn hostile_tables() {
    for rows in [1, 2, 30, 200] {
        for (name, batch) in table::hostile(&table::mixed(rows, true)).unwrap() {
            for target in ["label", "kind", "value", "when"] {
                let data = Dataset::new(batch.clone()).unwrap().target(target).unwrap();
                let roles = data.clone().id("count").unwrap().group("word").unwrap().time("team").unwrap();
                for data in [data, roles] {
                    let cut = data.n_rows() / 2;
                    let Err(error) = all(&data) else { continue };
                    assert!(!error.to_string().is_empty() && cut <= rows, "{name}");
                }
            }
        }
    }
}

/// A column of any kind.
fn column(rows: usize) -> impl Strategy<Value = ArrayRef> {
    let odd = prop_oneof![
        Just(None),
        Just(Some(f64::NAN)),
        Just(Some(f64::INFINITY)),
        Just(Some(f64::NEG_INFINITY)),
        Just(Some(-0.0)),
        Just(Some(1e300)),
        (-3i32..3).prop_map(|x| Some(f64::from(x))),
        any::<f64>().prop_map(Some),
    ];
    let tame = prop::option::weighted(0.9, -50.0..50.0f64);
    let integers =
        prop::option::weighted(0.9, prop_oneof![Just(i64::MIN), Just(i64::MAX), -4i64..4, -4i64..4]);
    prop_oneof![
        prop::collection::vec(odd, rows).prop_map(|x| Arc::new(Float64Array::from(x)) as ArrayRef),
        prop::collection::vec(tame, rows).prop_map(|x| Arc::new(Float64Array::from(x)) as ArrayRef),
        prop::collection::vec(integers, rows).prop_map(|x| Arc::new(Int64Array::from(x)) as ArrayRef),
        prop::collection::vec(prop::option::weighted(0.9, any::<bool>()), rows)
            .prop_map(|x| Arc::new(BooleanArray::from(x)) as ArrayRef),
        prop::collection::vec(prop::option::weighted(0.9, any::<u64>()), rows)
            .prop_map(|x| Arc::new(UInt64Array::from(x)) as ArrayRef),
        prop::collection::vec(prop::option::weighted(0.9, any::<i32>()), rows)
            .prop_map(|x| Arc::new(Date32Array::from(x)) as ArrayRef),
        prop::collection::vec(prop::option::weighted(0.9, "[a-cé]{0,2}"), rows)
            .prop_map(|x| Arc::new(StringArray::from(x)) as ArrayRef),
        prop::collection::vec(prop::option::weighted(0.9, "[a-c]{0,1}"), rows).prop_map(|x| {
            let text: ArrayRef = Arc::new(StringArray::from(x));
            let kind = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            cast(&text, &kind).unwrap()
        }),
    ]
}

fn tables() -> impl Strategy<Value = (Vec<ArrayRef>, usize, Vec<u8>)> {
    (2usize..90).prop_flat_map(|rows| {
        let columns = prop::collection::vec(column(rows), 2..6);
        (columns, 0..=rows, prop::collection::vec(0u8..12, 6))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_panics((columns, cut, roles) in tables(), cells in 0usize..5, tolerance in prop_oneof![1e-6..1e3f64, any::<f64>()]) {
        let names: Vec<String> = (0..columns.len()).map(|at| format!("c{at}")).collect();
        let named: Vec<(&str, ArrayRef)> = names.iter().map(String::as_str).zip(columns).collect();
        let mut data = data(named).target("c0").unwrap();
        for (name, role) in names.iter().zip(&roles).skip(1) {
            let role = match role { 0 => Role::Id, 1 => Role::Group, 2 => Role::Time, 3 => Role::Target, _ => Role::Feature };
            data = data.with_role(name, role).unwrap();
        }
        let (one, two) = (data.slice(0, cut).unwrap(), data.slice(cut, data.n_rows() - cut).unwrap());
        let horizon = std::time::Duration::from_secs(u64::from(roles[0]) << 40);
        for report in [LeakageAudit::new().split(&one, &two), LeakageAudit::new().label_horizon(horizon).split(&two, &one), LeakageAudit::new().table(&data)] {
            match report {
                Ok(report) => prop_assert_eq!(LeakageReport::from_json(&report.to_json().unwrap()).unwrap(), report),
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
        if let Ok(powers) = ColumnPowers::of(&data) {
            for power in &powers.columns {
                prop_assert!(power.auc.is_none_or(|auc| (0.0..=1.0).contains(&auc)), "{:?}", power);
                prop_assert!((0.0..=1.0).contains(&power.power_score), "{:?}", power);
                prop_assert!(power.r2.is_none_or(|r2| r2 <= 1.0), "{:?}", power);
            }
            ColumnPowers::of_set(&data, &data.features()).unwrap();
        }
        let features = data.features();
        let near = NearDuplicates::new().tolerance(tolerance).differing_cells(cells);
        if let Ok(found) = near.across(&one, &two, &features) {
            prop_assert!(found.differing.iter().all(|&differing| differing <= cells));
            prop_assert!((0.0..=1.0).contains(&found.share_within));
        }
        if !features.is_empty() {
            let found = duplicates_across(&one, &two, &features).unwrap();
            prop_assert!(found.rows.iter().all(|&row| row < two.n_rows()));
        }
    }
}

//! Plans: every type of column, missing values, storing, and misuse.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, DictionaryArray, Float32Array, Float64Array, Int8Array,
    Int64Array, RecordBatch, StringArray, TimestampSecondArray, UInt64Array,
};
use mlsys_core::arrow::compute::cast;
use mlsys_core::arrow::datatypes::{
    DataType, Decimal128Type, Field, Float32Type, Float64Type, Int8Type, Int64Type, Schema, UInt64Type,
};
use mlsys_core::{Coded, Dataset, ErrorKind, Train, column};
use mlsys_imbalance::{Origin, Plan, Synthetic};

fn table() -> Dataset<Train> {
    let keyed: DictionaryArray<Int8Type> =
        DictionaryArray::new(vec![Some(1), Some(0), None].into(), Arc::new(Int64Array::from(vec![10, 20])));
    let decimal = Decimal128Array::from(vec![100, 201, 300]).with_precision_and_scale(9, 2).unwrap();
    let columns: [(&str, ArrayRef); 9] = [
        ("float", Arc::new(Float64Array::from(vec![Some(1.0), Some(f64::NAN), None]))),
        ("narrow", Arc::new(Float32Array::from(vec![1.0, 2.0, 4.0]))),
        ("small", Arc::new(Int8Array::from(vec![Some(-128), Some(127), None]))),
        ("wide", Arc::new(Int64Array::from(vec![i64::MIN, i64::MAX, 0]))),
        ("unsigned", Arc::new(UInt64Array::from(vec![u64::MAX, u64::MAX - 2, 0]))),
        ("decimal", Arc::new(decimal)),
        ("keyed", Arc::new(keyed)),
        ("word", Arc::new(StringArray::from(vec![Some("a"), None, Some("c")]))),
        ("when", Arc::new(TimestampSecondArray::from(vec![1, 2, 3]))),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(n, a)| (n, a, true))).unwrap();
    Dataset::new(batch).unwrap().into_train_all()
}

const NUMBERS: [&str; 7] = ["float", "narrow", "small", "wide", "unsigned", "decimal", "keyed"];

fn new(base: u32, neighbor: u32, gap: f64) -> Synthetic {
    Synthetic { base, neighbor, gap }
}

#[test]
fn each_type_stays_itself() {
    let train = table();
    let plan = Plan::keep(&train, &[2, 2]).unwrap();
    let plan =
        plan.synthesize(&train, NUMBERS, vec![new(0, 1, 0.5), new(1, 0, 0.5), new(2, 0, 0.25)]).unwrap();
    let plan = plan.donors(&train, "word", vec![2, 2, 1]).unwrap();
    let made = plan.apply(&train).unwrap();
    assert_eq!(made.schema(), train.schema());
    assert_eq!(made.row_ids(), [2, 2, 1 << 63, (1 << 63) + 1, (1 << 63) + 2]);
    let float = made.column("float").unwrap().as_primitive::<Float64Type>();
    // The neighbour's gap leaves the base's value; the base's own stays as it was, NaN or null.
    assert_eq!(
        (float.value(2), float.value(3).is_nan(), float.is_valid(3), float.is_null(4)),
        (1.0, true, true, true)
    );
    let narrow = made.column("narrow").unwrap().as_primitive::<Float32Type>();
    assert_eq!(narrow.values()[..], [4.0, 4.0, 1.5, 1.5, 3.25]);
    let small = made.column("small").unwrap().as_primitive::<Int8Type>();
    // -128 + 127.5 and 127 - 127.5, halves away from the base.
    assert_eq!((small.value(2), small.value(3), small.is_null(4)), (0, -1, true));
    let wide = made.column("wide").unwrap().as_primitive::<Int64Type>();
    assert_eq!(wide.value(4), i64::MIN / 4);
    let unsigned = made.column("unsigned").unwrap().as_primitive::<UInt64Type>();
    assert_eq!((unsigned.value(2), unsigned.value(3)), (u64::MAX - 1, u64::MAX - 1));
    let decimal = made.column("decimal").unwrap().as_primitive::<Decimal128Type>();
    assert_eq!(decimal.values()[2..], [151, 150, 250]);
    let keyed = column::floats("keyed", made.column("keyed").unwrap()).unwrap();
    assert_eq!((keyed[2], keyed[3], keyed[4].is_nan()), (15.0, 15.0, true));
    let word = Coded::new("word", made.column("word").unwrap()).unwrap();
    let word: Vec<Option<String>> = (0..5).map(|row| word.value(row).map(ToString::to_string)).collect();
    assert_eq!(word, [Some("c"), Some("c"), Some("c"), Some("c"), None].map(|w| w.map(String::from)));
    let when = column::instants("when", made.column("when").unwrap()).unwrap();
    assert_eq!(when[2..], [1_000_000_000, 2_000_000_000, 3_000_000_000]);
}

#[test]
fn decimals_keep_all_their_digits() {
    // 38 digits, and further apart than an i128 goes.
    let most = 10_i128.pow(38) - 1;
    let digits = Decimal128Array::from(vec![most, -most, most - 2]).with_precision_and_scale(38, 0).unwrap();
    let batch = RecordBatch::try_from_iter([("digits", Arc::new(digits) as ArrayRef)]).unwrap();
    let train = Dataset::new(batch).unwrap().into_train_all();
    let made = vec![new(0, 2, 0.5), new(0, 1, 0.5), new(1, 0, 1.0), new(0, 0, 0.3)];
    let plan = Plan::keep(&train, &[]).unwrap().synthesize(&train, ["digits"], made).unwrap();
    let made = plan.apply(&train).unwrap();
    let digits = made.column("digits").unwrap().as_primitive::<Decimal128Type>();
    assert_eq!((digits.value(0), digits.value(2), digits.value(3)), (most - 1, most, most));
    assert!(digits.value(1).abs() < 10_i128.pow(23), "{}", digits.value(1));
}

#[test]
fn columns_without_nulls_keep_none() {
    let field = |name| Field::new(name, DataType::Float64, false);
    let schema = Arc::new(Schema::new(vec![field("a"), field("b")]));
    let column = |x: [f64; 2]| Arc::new(Float64Array::from(x.to_vec())) as ArrayRef;
    let batch = RecordBatch::try_new(schema, vec![column([f64::NAN, 1.0]), column([1.0, 2.0])]).unwrap();
    let train = Dataset::new(batch).unwrap().into_train_all();
    let plan =
        Plan::keep(&train, &[0]).unwrap().synthesize(&train, ["a", "b"], vec![new(0, 1, 0.5)]).unwrap();
    let made = plan.apply(&train).unwrap();
    let a = made.column("a").unwrap();
    assert!(a.null_count() == 0 && a.as_primitive::<Float64Type>().value(1).is_nan());
}

#[test]
fn origins_are_ids() {
    let train = table().take(&[2, 0, 1]).unwrap();
    let plan =
        Plan::keep(&train, &[1, 2]).unwrap().synthesize(&train, ["wide"], vec![new(0, 2, 0.75)]).unwrap();
    assert_eq!((plan.kept(), plan.removed(), plan.n_rows()), (&[1, 2][..], vec![0], 3));
    assert_eq!((plan.origin(0), plan.origin(1)), (Some(Origin::Row(0)), Some(Origin::Row(1))));
    assert_eq!(plan.origin(2), Some(Origin::Between { base: 2, neighbor: 1, gap: 0.75 }));
    assert_eq!(plan.origin(3), None);
    assert_eq!(std::mem::size_of::<Synthetic>(), 16);
}

#[test]
fn shifts_stay_within_the_type() {
    let train = table();
    let made = vec![new(0, 0, 0.0), new(1, 1, 0.0), new(2, 2, 0.0)];
    let plan =
        || Plan::keep(&train, &[0]).unwrap().synthesize(&train, ["float", "narrow"], made.clone()).unwrap();
    let shifted = ["float", "narrow", "small", "wide", "unsigned", "keyed"];
    let all = shifted
        .iter()
        .try_fold(plan(), |plan, name| plan.shift(&train, name, vec![-2.5, 1.5, 1e300]))
        .unwrap();
    assert!(all.blended().is_empty());
    assert_eq!((all.shifts("wide"), all.shifts("word")), (&[-2.5, 1.5, 1e300][..], &[][..]));
    assert_eq!(all.origin(2), Some(Origin::Around { base: 1 }));
    let made = all.apply(&train).unwrap();
    assert_eq!(made.schema(), train.schema());
    let float = made.column("float").unwrap().as_primitive::<Float64Type>();
    assert_eq!((float.value(1), float.value(2).is_nan(), float.is_null(3)), (-1.5, true, true));
    let narrow = made.column("narrow").unwrap().as_primitive::<Float32Type>();
    assert_eq!(narrow.values()[1..], [-1.5, 3.5, f32::MAX]);
    // -2.5 and 1.5 are -3 and 2 in whole numbers.
    let small = made.column("small").unwrap().as_primitive::<Int8Type>();
    assert_eq!((small.value(1), small.value(2), small.is_null(3)), (-128, 127, true));
    let wide = made.column("wide").unwrap().as_primitive::<Int64Type>();
    assert_eq!(wide.values()[1..], [i64::MIN, i64::MAX, i64::MAX]);
    let unsigned = made.column("unsigned").unwrap().as_primitive::<UInt64Type>();
    assert_eq!(unsigned.values()[1..], [u64::MAX - 3, u64::MAX, u64::MAX]);
    let keyed = column::floats("keyed", made.column("keyed").unwrap()).unwrap();
    assert_eq!((keyed[1], keyed[2], keyed[3].is_nan()), (17.0, 12.0, true));
    let next = Plan::keep(&made, &[3, 1]).unwrap();
    let both = all.clone().then(&next).unwrap();
    assert_eq!(both.shifts("wide"), [1e300, -2.5]);
    assert!(
        both.apply(&train).unwrap().column("wide").unwrap()
            == made.take(&[3, 1]).unwrap().column("wide").unwrap()
    );
    // Stored, also from before there were shifts.
    let json = serde_json::to_string(&all).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), all);
    let old = serde_json::to_string(&plan()).unwrap().replace(",\"shifts\":{}", "");
    assert_eq!(serde_json::from_str::<Plan>(&old).unwrap(), plan());
    assert!(serde_json::from_str::<Plan>(&json.replace("[-2.5,", "[")).is_err());
    // The last word counts.
    let donated = all.clone().donors(&train, "wide", vec![1, 1, 1]).unwrap();
    assert_eq!(donated.shifts("wide"), [0.0; 0]);
    let error = plan().shift(&train, "wide", vec![1.0]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Shape { .. }), "{error}");
    let error = plan().shift(&train, "wide", vec![1.0, f64::INFINITY, 2.0]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidValue { .. }), "{error}");
    let decimals =
        plan().shift(&train, "decimal", vec![1e300, -1e300, 0.126]).unwrap().apply(&train).unwrap();
    let decimals = decimals.column("decimal").unwrap().as_primitive::<Decimal128Type>();
    assert_eq!(decimals.values()[1..], [999_999_999, -999_999_999, 313]);
    let error = plan().shift(&train, "word", vec![1.0; 3]).unwrap().apply(&train).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ColumnType { .. }), "{error}");
}

#[test]
fn beyond_a_neighbour_is_within_the_type() {
    let train = table();
    let made = |name: &str, base: u32, neighbor: u32, gap: f64| {
        let plan = Plan::keep(&train, &[]).unwrap();
        let plan = plan.synthesize(&train, [name], vec![new(base, neighbor, gap)]).unwrap();
        plan.apply(&train).unwrap().column(name).unwrap().clone()
    };
    let small = |base, neighbor, gap| made("small", base, neighbor, gap).as_primitive::<Int8Type>().value(0);
    assert_eq!((small(1, 0, -9.0), small(0, 1, -0.5), small(1, 0, 9.0)), (127, -128, -128));
    let wide = |base, neighbor, gap| made("wide", base, neighbor, gap).as_primitive::<Int64Type>().value(0);
    assert_eq!(
        (wide(1, 0, -9.0), wide(0, 1, -0.5), wide(2, 1, -0.5)),
        (i64::MAX, i64::MIN, -(i64::MAX / 2) - 1)
    );
    let unsigned =
        |base, neighbor, gap| made("unsigned", base, neighbor, gap).as_primitive::<UInt64Type>().value(0);
    assert_eq!((unsigned(1, 0, 9.0), unsigned(2, 0, -0.5)), (u64::MAX, 0));
    let narrow =
        |base, neighbor, gap| made("narrow", base, neighbor, gap).as_primitive::<Float32Type>().value(0);
    assert_eq!((narrow(0, 1, -0.5), narrow(0, 1, -1e300)), (0.5, f32::MIN));
}

#[test]
fn one_plan_after_another() {
    let train = table().take(&[2, 0, 1]).unwrap();
    let plan = || {
        let made = vec![new(0, 1, 0.5), new(1, 0, 0.25), new(2, 2, 0.0)];
        let plan = Plan::keep(&train, &[1, 2, 1]).unwrap().synthesize(&train, NUMBERS, made).unwrap();
        plan.donors(&train, "word", vec![2, 1, 0]).unwrap()
    };
    let made = plan().apply(&train).unwrap();
    // Some of both kinds, in another order; the result is that of one after the other, but for the ids of the new ones.
    let next = Plan::keep(&made, &[2, 5, 0, 3]).unwrap();
    let both = plan().then(&next).unwrap();
    assert_eq!((both.kept(), both.synthetic()), (&[1, 1][..], &[new(2, 2, 0.0), new(0, 1, 0.5)][..]));
    let straight = both.apply(&train).unwrap();
    assert!(straight.batch() == made.take(&[2, 0, 5, 3]).unwrap().batch());
    assert_eq!(straight.row_ids(), [0, 0, 1 << 63, (1 << 63) + 1]);
    assert_eq!(both.origin(3), Some(Origin::Between { base: 2, neighbor: 0, gap: 0.5 }));
    // Once more, and stored.
    let last = both.then(&Plan::keep(&straight, &[3]).unwrap()).unwrap();
    assert!(last.apply(&train).unwrap().batch() == made.take(&[3]).unwrap().batch());
    let stored = serde_json::to_string(&last).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&stored).unwrap(), last);
    // A plan of other rows, and one that makes rows.
    let error = plan().then(&Plan::keep(&train, &[0]).unwrap()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Shape { .. }), "{error}");
    let others = train.take(&[0, 1, 2, 0, 1, 2]).unwrap();
    let error = plan().then(&Plan::keep(&others, &[0]).unwrap()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Shape { .. }), "{error}");
    let more = Plan::keep(&made, &[0]).unwrap().synthesize(&made, ["wide"], vec![new(0, 1, 0.5)]).unwrap();
    let error = plan().then(&more).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unsupported { .. }), "{error}");
}

#[test]
fn a_stored_plan_is_the_same_plan() {
    let train = table();
    let plan = Plan::keep(&train, &[0, 1, 2]).unwrap();
    let plan = plan.synthesize(&train, NUMBERS, vec![new(0, 1, 0.123_456_789)]).unwrap();
    let plan = plan.donors(&train, "word", vec![1]).unwrap();
    let json = serde_json::to_string(&plan).unwrap();
    let again: Plan = serde_json::from_str(&json).unwrap();
    assert_eq!(again, plan);
    assert!(again.apply(&train).unwrap().batch() == plan.apply(&train).unwrap().batch());
    // Hostile plans are errors.
    for (from, to) in
        [("\"base\":0", "\"base\":9"), ("\"kept\":[0", "\"kept\":[7"), ("\"word\":[1]", "\"word\":[1,1]")]
    {
        let changed = json.replace(from, to);
        assert_ne!(changed, json);
        assert!(serde_json::from_str::<Plan>(&changed).is_err(), "{to}");
    }
}

#[test]
fn misuse() {
    let train = table();
    let shape = |result: mlsys_core::Result<Plan>| {
        assert!(matches!(result.unwrap_err().kind(), ErrorKind::Shape { .. }));
    };
    let plan = || Plan::keep(&train, &[0]).unwrap();
    shape(Plan::keep(&train, &[3]));
    shape(Plan::keep(&train, &[usize::MAX]));
    shape(plan().synthesize(&train, ["wide"], vec![new(3, 0, 0.5)]));
    shape(plan().synthesize(&train, ["wide"], vec![new(0, 3, 0.5)]));
    shape(plan().donors(&train, "word", vec![1]));
    let error = plan().synthesize(&train, ["wide"], vec![new(0, 1, f64::NAN)]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidValue { .. }), "{error}");
    let error = plan().synthesize(&train, ["none"], Vec::new()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MissingColumn { .. }), "{error}");
    let error = plan().synthesize(&train, ["word"], vec![new(0, 1, 0.5)]).unwrap().apply(&train).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ColumnType { .. }), "{error}");
    // The widest decimals go by way of doubles, and have no last value there.
    let wide = cast(train.column("decimal").unwrap(), &DataType::Decimal256(9, 2)).unwrap();
    let widest =
        Dataset::new(RecordBatch::try_from_iter([("decimal", wide)]).unwrap()).unwrap().into_train_all();
    let far = Plan::keep(&widest, &[0]).unwrap().synthesize(&widest, ["decimal"], vec![new(1, 0, -1e30)]);
    let error = far.unwrap().apply(&widest).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidValue { .. }), "{error}");
    assert_eq!(error.column(), Some("decimal"));
    // A table with the same ids, without a column that the plan names.
    let narrow = train.select(["small", "word"]).unwrap();
    let error =
        plan().synthesize(&train, ["wide"], vec![new(0, 1, 0.5)]).unwrap().apply(&narrow).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MissingColumn { .. }), "{error}");
    // Other rows than the plan is of.
    for others in [train.take(&[0, 1]).unwrap(), train.take(&[1, 0, 2]).unwrap()] {
        let error = plan().apply(&others).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Shape { .. }), "{error}");
    }
}

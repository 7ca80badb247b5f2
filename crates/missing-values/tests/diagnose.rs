//! Patterns of missing values and Little's test, against pandas, numpy and R's naniar (numbers made by
//! `testdata/gen/missing_patterns.py`, and naniar's figures as printed), a naive count, and bad input.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, BooleanArray, Float64Array, Int32Array, RecordBatch, StringArray};
use mlsys_core::statistic::{state_of, summarize};
use mlsys_core::{Dataset, ErrorKind, Fit, NamedStatistic, Statistic, Unsplit};
use mlsys_missing_values::{
    LittleMcar, MissingPatterns, MissingPatternsSummary, MissingThreshold, PatternMoments,
};
use mlsys_testkit::StatisticContract;
use mlsys_testkit::golden::load;
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    rtol: f64,
    atol: f64,
    input: Input,
    expected: Expected,
}

#[derive(Deserialize)]
struct Input {
    columns: Vec<Vec<Option<f64>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[serde(rename = "MissingPatterns")]
    patterns: Patterns,
    #[serde(rename = "LittleMcar")]
    little: Little,
    #[serde(rename = "MissingThreshold")]
    thresholds: Vec<Threshold>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Patterns {
    missing: Vec<u64>,
    rows_by_gaps: Vec<u64>,
    correlation: Vec<Vec<Option<f64>>>,
    influx: Vec<f64>,
    outflux: Vec<f64>,
    patterns: Vec<Pattern>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pattern {
    missing: Vec<bool>,
    rows: u64,
    means: Vec<f64>,
    products: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Threshold {
    max_share: f64,
    left: Vec<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Little {
    statistic: f64,
    df: u64,
    p_value: f64,
    patterns: usize,
    means: Vec<f64>,
    covariance: Vec<Vec<f64>>,
}

fn dataset(columns: Vec<(&str, ArrayRef)>) -> Dataset<Unsplit> {
    Dataset::new(
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap(),
    )
    .unwrap()
}

fn floats(values: Vec<Option<f64>>) -> ArrayRef {
    Arc::new(Float64Array::from(values))
}

fn found(data: &Dataset<Unsplit>) -> MissingPatternsSummary {
    summarize(&MissingPatterns::of(data.features()), data).unwrap()
}

#[test]
fn patterns_and_tests_equal_the_references() {
    let cases: Vec<Case> =
        load(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden/missing_patterns.json"));
    for case in cases {
        let close = |what: &str, found: f64, expected: f64| {
            let near = (found - expected).abs() <= case.atol + case.rtol * expected.abs();
            assert!(
                near || found.is_nan() && expected.is_nan(),
                "{}: {what}: {found}, expected {expected}",
                case.name
            );
        };
        let names: Vec<String> = (0..case.input.columns.len()).map(|i| format!("c{i}")).collect();
        let columns = names.iter().zip(&case.input.columns);
        let data = dataset(columns.map(|(name, x)| (name.as_str(), floats(x.clone()))).collect());
        let found = found(&data);
        let expected = &case.expected.patterns;
        assert_eq!(found.missing, expected.missing, "{}", case.name);
        assert_eq!(found.rows_by_gaps, expected.rows_by_gaps, "{}", case.name);
        let correlation = found.nullity_correlation().unwrap();
        for (i, row) in expected.correlation.iter().enumerate() {
            for (j, &value) in row.iter().enumerate() {
                close("correlation", correlation[[i, j]], value.unwrap_or(f64::NAN));
            }
        }
        for (j, flux) in found.flux().unwrap().iter().enumerate() {
            close("influx", flux.influx, expected.influx[j]);
            close("outflux", flux.outflux, expected.outflux[j]);
        }
        let patterns = found.patterns().unwrap();
        assert_eq!(patterns.len(), expected.patterns.len());
        for (found, expected) in patterns.iter().zip(&expected.patterns) {
            assert_eq!((&found.missing, found.rows), (&expected.missing, expected.rows), "{}", case.name);
            found.means.iter().zip(&expected.means).for_each(|(a, b)| close("means", *a, *b));
            let size = expected.products.iter().flatten().fold(0.0, |most: f64, x| most.max(x.abs()));
            for (i, row) in expected.products.iter().enumerate() {
                // Products of either sign cancel: near to the largest of them.
                row.iter()
                    .enumerate()
                    .for_each(|(j, b)| close("products", size + found.products[[i, j]], size + b));
            }
        }
        let train = data.clone().into_train_all();
        for expected in &case.expected.thresholds {
            let left = train.apply(&MissingThreshold::new(expected.max_share).fit(&train).unwrap()).unwrap();
            let names: Vec<String> = expected.left.iter().map(|j| format!("c{j}")).collect();
            assert_eq!(left.features(), names, "{}, {}", case.name, expected.max_share);
        }
        let (little, expected) = (LittleMcar::new().test(&found).unwrap(), &case.expected.little);
        close("statistic", little.statistic, expected.statistic);
        close("p value", little.p_value, expected.p_value);
        assert_eq!((little.degrees_of_freedom, little.patterns), (expected.df, expected.patterns));
        assert!(little.converged);
        little.means.iter().zip(&expected.means).for_each(|(a, b)| close("means", *a, *b));
        for (i, row) in expected.covariance.iter().enumerate() {
            row.iter().enumerate().for_each(|(j, b)| close("covariance", little.covariance[[i, j]], *b));
        }
    }
}

/// The first rows of R's airquality, and rows without any value below them.
fn airquality(columns: usize, empty_rows: usize) -> Dataset<Unsplit> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/airquality/airquality.csv");
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let rows: Vec<Vec<&str>> = lines.collect();
    assert_eq!(rows.len(), 153);
    let column = |j: usize| {
        let values = rows.iter().map(|row| row[j].parse::<f64>().ok());
        floats(values.chain(vec![None; empty_rows]).collect())
    };
    dataset((0..columns).map(|j| (names[j], column(j))).collect())
}

#[track_caller]
fn near(found: f64, expected: f64, within: f64) {
    assert!((found - expected).abs() <= within, "{found}, expected {expected}");
}

/// naniar 1.1.0 prints what an EM stopped at 1e-4 gives; run on to 1e-13, d² is 35.1061749072.
#[test]
fn airquality_is_not_missing_completely_at_random() {
    let little = LittleMcar::new().of(&airquality(6, 0)).unwrap();
    near(little.statistic, 35.1061749072, 1e-8);
    near(little.statistic, 35.1061288689702, 5e-5);
    near(little.p_value, 0.00141775887, 1e-11);
    near(little.p_value, 0.00141778113856683, 5e-8);
    assert_eq!((little.degrees_of_freedom, little.patterns), (14, 4));
    let means = [42.52216342, 185.53449048, 9.95751634, 77.88235294, 6.99346405, 15.80392157];
    little.means.iter().zip(means).for_each(|(a, b)| near(*a, b, 1e-8));
    assert_eq!(little.to_string(), "Little's MCAR test: d2 = 35.1062, df = 14, p = 0.0014, 4 patterns");
    // A row without values is a pattern, and says nothing.
    let with_empty = LittleMcar::new().of(&airquality(6, 1)).unwrap();
    near(with_empty.statistic, 35.1061749072, 1e-8);
    assert_eq!((with_empty.degrees_of_freedom, with_empty.patterns), (14, 5));
    let four = LittleMcar::new().of(&airquality(4, 0)).unwrap();
    near(four.statistic, 14.9399981240, 1e-8);
    near(four.p_value, 0.0603227131, 1e-10);
    assert_eq!(four.degrees_of_freedom, 8);
}

#[test]
fn the_table_of_patterns_is_readable() {
    let found = found(&airquality(6, 0));
    let expected = "\
153 rows, 44 values missing in 2 of 6 columns
      rows  Solar.R  Ozone  gaps
       111        1      1     0
        35        1      0     1
         5        0      1     1
         2        0      0     2
   missing        7     37
";
    assert_eq!(found.to_string(), expected);
}

#[test]
fn merges_as_it_must() {
    let numbers = |o: &MissingPatternsSummary| -> Vec<f64> {
        let patterns = o.patterns().unwrap();
        let counts = o.missing.iter().chain(&o.rows_by_gaps).map(|&x| x as f64);
        let moments = patterns.iter().flat_map(|p| p.means.iter().chain(&p.products).copied());
        counts.chain(patterns.iter().map(|p| p.rows as f64)).chain(moments).collect()
    };
    let columns = ["number", "word", "flag", "value", "count"];
    StatisticContract::new("MissingPatterns", MissingPatterns::of(columns)).tolerance(1e-11).run(numbers);
    let counts = MissingPatterns::of(columns).moments(PatternMoments::None);
    StatisticContract::new("MissingPatterns, counts", counts).run(numbers);
    let few = MissingPatterns::of(columns).max_patterns(2);
    StatisticContract::new("MissingPatterns, given up", few).run(|o| {
        assert!(o.patterns().unwrap_err().to_string().contains("max_patterns"));
        o.missing.iter().chain(&o.rows_by_gaps).map(|&x| x as f64).collect()
    });
}

proptest! {
    /// More than 64 columns, so that a mask has several words.
    #[test]
    fn counts_equal_a_naive_count(cells in prop::collection::vec(prop::collection::vec(0u8..4, 70), 1..30)) {
        let missing = |row: &[u8], j: usize| row[j] == 0 && !(3..=66).contains(&j);
        let names: Vec<String> = (0..70).map(|j| format!("c{j:02}")).collect();
        let column = |j: usize| floats(cells.iter().map(|row| (!missing(row, j)).then_some(f64::from(row[j]))).collect());
        let data = dataset(names.iter().enumerate().map(|(j, name)| (name.as_str(), column(j))).collect());
        let found = summarize(&MissingPatterns::of(&names).moments(PatternMoments::None), &data).unwrap();
        let masks: Vec<Vec<bool>> = cells.iter().map(|row| (0..70).map(|j| missing(row, j)).collect()).collect();
        for pattern in found.patterns().unwrap() {
            prop_assert_eq!(pattern.rows, masks.iter().filter(|mask| **mask == pattern.missing).count() as u64);
        }
        prop_assert_eq!(found.patterns().unwrap().iter().map(|p| p.rows).sum::<u64>(), cells.len() as u64);
        for j in 0..70 {
            prop_assert_eq!(found.missing[j], masks.iter().filter(|mask| mask[j]).count() as u64);
        }
        for (gaps, &rows) in found.rows_by_gaps.iter().enumerate() {
            let of = |mask: &&Vec<bool>| mask.iter().filter(|m| **m).count() == gaps;
            prop_assert_eq!(rows, masks.iter().filter(of).count() as u64);
        }
    }

    /// d² does not depend on the units of a column, nor on the order of the columns.
    #[test]
    fn units_and_order_do_not_matter(
        rows in prop::collection::vec((-9.0..9.0f64, -9.0..9.0f64, 0u8..4), 30..60),
        scale in 1e-6..1e6f64,
        shift in -1e3..1e3f64,
    ) {
        let x: Vec<Option<f64>> = rows.iter().map(|r| (r.2 != 1).then_some(r.0)).collect();
        let y: Vec<Option<f64>> = rows.iter().map(|r| (r.2 != 2).then_some(r.0 + r.1)).collect();
        prop_assume!(rows.iter().any(|r| r.2 == 1) && rows.iter().filter(|r| r.2 == 0).count() > 5);
        let one = LittleMcar::new().of(&dataset(vec![("x", floats(x.clone())), ("y", floats(y.clone()))])).unwrap();
        let scaled = x.iter().map(|x| x.map(|x| (x + shift) * scale)).collect();
        let other = LittleMcar::new().of(&dataset(vec![("y", floats(y)), ("x", floats(scaled))])).unwrap();
        prop_assert!((one.statistic - other.statistic).abs() < 1e-6 * (1.0 + one.statistic));
        prop_assert_eq!(one.degrees_of_freedom, other.degrees_of_freedom);
    }
}

#[test]
fn edges_have_clear_results() {
    let rows: Vec<Option<f64>> = [1.0, 2.0, 4.0, 3.0, 7.0].map(Some).to_vec();
    let holes = vec![Some(1.0), None, Some(2.5), Some(0.5), None];
    let test = |columns| LittleMcar::new().of(&dataset(columns));
    // No gaps: nothing to test.
    let none = test(vec![("x", floats(rows.clone()))]).unwrap();
    assert_eq!((none.statistic, none.degrees_of_freedom, none.p_value, none.patterns), (0.0, 0, 1.0, 1));
    let message = |columns| test(columns).unwrap_err().to_string();
    assert_eq!(
        message(vec![("x", floats(rows.clone())), ("y", floats(vec![None; 5]))]),
        "every value of column `y` is missing; leave it out of Little's test"
    );
    assert_eq!(
        message(vec![("x", floats(holes.clone())), ("y", floats(vec![Some(2.0); 5]))]),
        "`y` must be a column that varies (leave it out of Little's test), got the one value 2"
    );
    let twice = rows.iter().map(|x| x.map(|x| 2.0 * x - 1.0)).collect();
    assert!(
        message(vec![("h", floats(holes.clone())), ("x", floats(rows.clone())), ("y", floats(twice))])
            .contains("follow from the other columns")
    );
    let one = message(vec![("x", floats(vec![Some(1.0)])), ("y", floats(vec![Some(2.0)]))]);
    assert!(one.contains("`x`") && one.contains("varies"), "{one}");
    let two = vec![("x", floats(vec![Some(1.0), Some(2.0)])), ("y", floats(vec![Some(2.0), Some(0.0)]))];
    assert_eq!(message(two), "Little's test of 2 columns needs at least 3 rows, found 2");
    let huge = vec![("x", floats(vec![Some(1e300), Some(-1e300), Some(1.0)]))];
    assert!(message(huge).contains("overflow"));
    let text: ArrayRef = Arc::new(StringArray::from(vec!["a"; 5]));
    assert!(matches!(test(vec![("t", text.clone())]).unwrap_err().kind(), ErrorKind::ColumnType { .. }));
    let weighted =
        dataset(vec![("x", floats(holes.clone())), ("w", floats(rows.clone()))]).weight("w").unwrap();
    let error = LittleMcar::new().of(&weighted).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::UnsupportedRole { .. }), "{error}");
    for bad in [
        LittleMcar::new().tolerance(0.0),
        LittleMcar::new().tolerance(f64::NAN),
        LittleMcar::new().max_iterations(0),
    ] {
        let error = bad.of(&dataset(vec![("x", floats(holes.clone()))])).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidParameter { .. }), "{error}");
    }
    // Stopped early: a result that says so.
    let early = LittleMcar::new().max_iterations(1).of(&airquality(6, 0)).unwrap();
    assert!(!early.converged && early.to_string().ends_with("(EM had not converged after 1)"));
}

#[test]
fn statistic_refuses_what_does_not_fit() {
    let data = dataset(vec![
        ("x", floats(vec![Some(1.0), Some(f64::INFINITY)])),
        ("n", Arc::new(Int32Array::from(vec![Some(1), None]))),
        ("b", Arc::new(BooleanArray::from(vec![None, Some(true)]))),
    ]);
    let all = MissingPatterns::of(["x", "n", "b"]);
    let error = summarize(&all, &data).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NonFinite { row: 1, .. }), "{error}");
    let found = summarize(&all.clone().moments(PatternMoments::None), &data).unwrap();
    assert_eq!((found.missing.as_slice(), found.share(1)), ([0, 1, 1].as_slice(), 0.5));
    assert!(LittleMcar::new().test(&found).is_err());
    let schema = data.schema();
    for bad in [MissingPatterns::of([""; 0]), MissingPatterns::of(["x", "x"]), all.clone().max_patterns(0)] {
        assert!(matches!(bad.init(&schema).unwrap_err().kind(), ErrorKind::InvalidParameter { .. }));
    }
    assert!(MissingPatterns::of(["z"]).init(&schema).is_err());
    let state = state_of(&MissingPatterns::of(["n", "b"]), data.batch()).unwrap();
    MissingPatterns::of(["n", "b"]).check_state(&state).unwrap();
    assert!(MissingPatterns::of(["n"]).check_state(&state).is_err());
    assert!(MissingPatterns::of(["n", "b"]).max_patterns(1).check_state(&state).is_err());
    assert!(MissingPatterns::of(["n", "b"]).moments(PatternMoments::None).check_state(&state).is_err());
}

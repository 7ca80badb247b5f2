//! The imputer by chained equations: a naive one, cases by hand, diagnostics, types, and hostile artefacts.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{
    Array, ArrayRef, AsArray, Float32Array, Float64Array, Int32Array, RecordBatch, StringArray,
};
use mlsys_core::arrow::datatypes::{DataType, Float32Type, Float64Type};
use mlsys_core::{Dataset, ErrorKind, Fit, Train, Transform, artifact, column, seed};
use mlsys_missing_values::{
    FittedIterativeImputer, ImputationOrder, ImputationRound, Indicators, IterativeImputer,
};
use mlsys_stats::solve::Cholesky;
use proptest::prelude::*;

type Column = Vec<Option<f64>>;

fn batch(columns: &[Column]) -> RecordBatch {
    let named = |(c, column): (usize, &Column)| -> (String, ArrayRef, bool) {
        (format!("x{c}"), Arc::new(Float64Array::from(column.clone())), true)
    };
    RecordBatch::try_from_iter_with_nullable(columns.iter().enumerate().map(named)).unwrap()
}

fn train(batch: RecordBatch) -> Dataset<Train> {
    Dataset::new(batch).unwrap().into_train_all()
}

fn filled(batch: &RecordBatch, c: usize) -> Vec<f64> {
    column::floats("x", &batch[format!("x{c}").as_str()]).unwrap().to_vec()
}

fn solve(gram: &[f64], ratio: f64, b: &[f64]) -> Vec<f64> {
    let (p, mut matrix, mut x) = (b.len(), gram.to_vec(), b.to_vec());
    (0..p).for_each(|i| matrix[i * p + i] += ratio);
    Cholesky::new(&matrix, p).unwrap().solve(&mut x).unwrap();
    x
}

/// Bayesian ridge by its formulas, row by row: the intercept and the coefficients.
fn naive_ridge(x: &[Vec<f64>], y: &[f64], w: &[f64]) -> (f64, Vec<f64>) {
    let total: f64 = w.iter().sum();
    let mean = |v: &[f64]| v.iter().zip(w).map(|(v, w)| v * w).sum::<f64>() / total;
    let centre = |v: &[f64]| {
        let mean = mean(v);
        v.iter().map(|a| a - mean).collect::<Vec<f64>>()
    };
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).zip(w).map(|((a, b), w)| w * a * b).sum::<f64>();
    let (z, t): (Vec<Vec<f64>>, Vec<f64>) = (x.iter().map(|v| centre(v)).collect(), centre(y));
    let p = z.len();
    let gram: Vec<f64> = (0..p * p).map(|at| product(&z[at / p], &z[at % p])).collect();
    let xty: Vec<f64> = z.iter().map(|v| product(v, &t)).collect();
    let (mut alpha, mut lambda) = (1.0 / (product(&t, &t) / total + f64::EPSILON), 1.0);
    let mut before: Option<Vec<f64>> = None;
    for _ in 0..300 {
        let ratio = lambda / alpha;
        let beta = solve(&gram, ratio, &xty);
        let inverse = (0..p).map(|i| {
            solve(&gram, ratio, &(0..p).map(|j| f64::from(u8::from(i == j))).collect::<Vec<_>>())[i]
        });
        let gamma = p as f64 - ratio * inverse.sum::<f64>();
        let left: Vec<f64> =
            (0..t.len()).map(|row| t[row] - (0..p).map(|k| beta[k] * z[k][row]).sum::<f64>()).collect();
        lambda = (gamma + 2e-6) / (beta.iter().map(|b| b * b).sum::<f64>() + 2e-6);
        alpha = (total - gamma + 2e-6) / (product(&left, &left) + 2e-6);
        let change = before.map(|old| old.iter().zip(&beta).map(|(a, b)| (a - b).abs()).sum::<f64>());
        if change.is_some_and(|change| change < 1e-3) {
            break;
        }
        before = Some(beta);
    }
    let beta = solve(&gram, lambda / alpha, &xty);
    let intercept = mean(y) - (0..p).map(|k| beta[k] * mean(&x[k])).sum::<f64>();
    (intercept, beta)
}

/// The chain as its documentation says it; the filled columns.
fn naive(columns: &[Column], w: &[f64], rounds: usize) -> Vec<Vec<f64>> {
    let counts = |row: &usize| w[*row] > 0.0;
    let rows: Vec<usize> = (0..w.len()).filter(counts).collect();
    let missing =
        |c: usize| -> f64 { rows.iter().filter(|&&r| columns[c][r].is_none()).map(|&r| w[r]).sum() };
    let mean = |c: usize| {
        let there = || rows.iter().filter_map(|&r| Some((columns[c][r]?, w[r])));
        there().map(|(x, w)| x * w).sum::<f64>() / there().map(|(_, w)| w).sum::<f64>()
    };
    let mut x: Vec<Vec<f64>> = (0..columns.len())
        .map(|c| {
            let start = mean(c);
            columns[c].iter().map(|x| x.unwrap_or(start)).collect()
        })
        .collect();
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by(|&a, &b| missing(a).total_cmp(&missing(b)));
    for _ in 0..rounds {
        for &c in &order {
            let used: Vec<usize> = rows.iter().copied().filter(|&r| columns[c][r].is_some()).collect();
            let of = |v: &[f64]| used.iter().map(|&r| v[r]).collect::<Vec<f64>>();
            let others: Vec<usize> = (0..columns.len()).filter(|&k| k != c).collect();
            let inputs: Vec<Vec<f64>> = others.iter().map(|&k| of(&x[k])).collect();
            let (intercept, beta) = naive_ridge(&inputs, &of(&x[c]), &of(w));
            for row in (0..w.len()).filter(|&row| columns[c][row].is_none()) {
                x[c][row] = intercept + others.iter().zip(&beta).map(|(&k, b)| b * x[k][row]).sum::<f64>();
            }
        }
    }
    x
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_is_its_definition(
        rows in prop::collection::vec(
            ((-9.0..9.0f64, -9.0..9.0f64, -9.0..9.0f64), (0u8..5, 0u8..5, 0u8..3), 0u8..4), 24..90),
        rounds in 1usize..5,
    ) {
        let gap = |x: f64, drawn: u8| (drawn > 0).then_some(x);
        let columns = [
            rows.iter().map(|r| gap(r.0.0 * 3.0 + 100.0, r.1.0)).collect::<Column>(),
            rows.iter().map(|r| gap(r.0.0 + r.0.1, r.1.1)).collect(),
            rows.iter().map(|r| gap(r.0.1 - 0.5 * r.0.2, r.1.2)).collect(),
            rows.iter().map(|r| Some(r.0.2)).collect(),
        ];
        let w: Vec<f64> = rows.iter().map(|r| f64::from(r.2)).collect();
        // The normal equations of the naive one lose digits where there are hardly more rows than columns.
        let there = |c: &Column| c.iter().zip(&w).filter(|(x, w)| x.is_some() && **w > 0.0).count() >= 8;
        prop_assume!(columns.iter().all(there));
        for w in [w.clone(), vec![1.0; w.len()]] {
            let mut table = columns.to_vec();
            table.push(w.iter().map(|&w| Some(w)).collect());
            let data = Dataset::new(batch(&table)).unwrap().weight("x4").unwrap().into_train_all();
            let fitted = IterativeImputer::new().max_iter(rounds).tol(0.0).fit(&data).unwrap();
            let output = fitted.transform(data.batch()).unwrap();
            for (c, expected) in naive(&columns, &w, rounds).iter().enumerate() {
                for (found, expected) in filled(&output, c).iter().zip(expected) {
                    prop_assert!((found - expected).abs() < 1e-6 * (1.0 + expected.abs()), "{found} {expected}");
                }
            }
        }
    }

    #[test]
    fn scale_and_shift_of_a_table_carry_over(
        rows in prop::collection::vec((-9.0..9.0f64, prop::option::of(-9.0..9.0f64)), 4..50),
        shift in -100.0..100.0f64,
    ) {
        prop_assume!(rows.iter().any(|r| r.1.is_some()));
        let table = |add: f64| {
            batch(&[rows.iter().map(|r| Some(r.0)).collect(), rows.iter().map(|r| Some(r.1? + r.0 + add)).collect()])
        };
        let fill = |table: RecordBatch| {
            filled(&IterativeImputer::new().fit(&train(table.clone())).unwrap().transform(&table).unwrap(), 1)
        };
        for (a, b) in fill(table(0.0)).iter().zip(fill(table(shift))) {
            prop_assert!((a + shift - b).abs() < 1e-9, "{a} {b}");
        }
    }
}

/// scikit-learn's documentation prints what its own stopping rule leads to, to four digits.
#[test]
fn the_table_of_the_documentation() {
    let column = |v: [f64; 3]| v.iter().map(|&x| (!x.is_nan()).then_some(x)).collect::<Column>();
    let nan = f64::NAN;
    let data = batch(&[column([7.0, 4.0, 10.0]), column([2.0, nan, 5.0]), column([3.0, 6.0, 9.0])]);
    let fitted = IterativeImputer::new().fit(&train(data)).unwrap();
    let new = batch(&[column([nan, 4.0, 10.0]), column([2.0, nan, nan]), column([3.0, 6.0, 9.0])]);
    let output = fitted.transform(&new).unwrap();
    for (found, expected) in [
        (filled(&output, 0)[0], 6.95847623),
        (filled(&output, 1)[1], 2.6000004),
        (filled(&output, 1)[2], 4.99999933),
    ] {
        assert!((found - expected).abs() < 1e-4, "{found} {expected}");
    }
}

/// With a column that tells nothing (it is constant) every gap keeps its mean, 2; the chain ends after one round.
#[test]
fn nothing_to_learn_by_hand() {
    let data =
        batch(&[vec![Some(1.0), None, Some(3.0)], vec![Some(5.0); 3], vec![Some(4.0), Some(4.0), None]]);
    let fitted = IterativeImputer::new().fit(&train(data.clone())).unwrap();
    let output = fitted.transform(&data).unwrap();
    assert_eq!((filled(&output, 0), filled(&output, 2)), (vec![1.0, 2.0, 3.0], vec![4.0; 3]));
    assert!(fitted.converged() && fitted.rounds().len() == 1);
    assert_eq!(fitted.mean("x0"), Some(2.0));
    assert_eq!(fitted.mean("nobody"), None);
}

/// Correlated columns, with gaps of every share, on more than one chunk of rows.
fn many() -> Vec<Column> {
    let mut rng = seed::stream(3, 1);
    let mut columns = vec![Vec::new(); 4];
    for _ in 0..20_000 {
        let [a, b, c] = [0; 3].map(|_| seed::uniform(&mut rng));
        let values = [a, a + b, 3.0 * b + 0.3 * c, 1000.0 * (c + a)];
        for (column, (x, share)) in columns.iter_mut().zip(values.into_iter().zip([0.05, 0.0, 0.8, 0.3])) {
            column.push((seed::uniform(&mut rng) >= share).then_some(x));
        }
    }
    columns
}

#[test]
fn many_rows_and_the_diagnostics() {
    let columns = many();
    let data = train(batch(&columns));
    let fitted = IterativeImputer::new().max_iter(3).tol(0.0).fit(&data).unwrap();
    let output = fitted.transform(data.batch()).unwrap();
    for (c, expected) in naive(&columns, &vec![1.0; 20_000], 3).iter().enumerate() {
        let found = filled(&output, c);
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9 * (1.0 + expected.abs()), "{found} {expected}");
        }
        // The table that was fitted took the same way.
        let gaps: Vec<f64> =
            (0..20_000).filter(|&row| columns[c][row].is_none()).map(|row| found[row]).collect();
        let name = format!("x{c}");
        let Some(imputed) = fitted.rounds()[2].columns.get(&name) else {
            assert!(gaps.is_empty());
            continue;
        };
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let deviation =
            (gaps.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / gaps.len() as f64).sqrt();
        assert!((imputed.mean / mean - 1.0).abs() < 1e-12, "{imputed:?} {mean}");
        assert!((imputed.deviation / deviation - 1.0).abs() < 1e-9, "{imputed:?} {deviation}");
    }
    assert!(!fitted.converged());
    let changes: Vec<f64> =
        fitted.rounds().iter().map(|round: &ImputationRound| round.largest_change).collect();
    assert!(changes[0] > changes[1] && changes[1] > changes[2], "{changes:?}");
    // The documented rule: of the first change that is small enough.
    let settled = IterativeImputer::new().max_iter(50).tol(1e-4).fit(&data).unwrap();
    let largest = columns.iter().flatten().flatten().fold(0.0, |most: f64, x| most.max(x.abs()));
    let (last, before) = settled.rounds().split_last().unwrap();
    assert!(settled.converged() && last.largest_change < 1e-4 * largest);
    assert!(before.iter().all(|round| round.largest_change >= 1e-4 * largest));
}

/// More columns than are taken apart by rotations.
#[test]
fn many_columns() {
    let mut rng = seed::stream(8, 0);
    let mut columns = vec![Vec::new(); 40];
    for _ in 0..300 {
        let common = seed::uniform(&mut rng);
        for (c, column) in columns.iter_mut().enumerate() {
            let x = common * c as f64 + 10.0 * seed::uniform(&mut rng);
            column.push((seed::uniform(&mut rng) > 0.1).then_some(x));
        }
    }
    // Equally many gaps are filled in the order of the names, of which x10 is before x2.
    let names: Vec<usize> = {
        let mut by_name: Vec<usize> = (0..40).collect();
        by_name.sort_by_key(|c| format!("x{c}"));
        by_name
    };
    let ordered: Vec<Column> = names.iter().map(|&c| columns[c].clone()).collect();
    let data = train(batch(&columns));
    let output =
        IterativeImputer::new().max_iter(2).tol(0.0).fit(&data).unwrap().transform(data.batch()).unwrap();
    for (&c, expected) in names.iter().zip(naive(&ordered, &[1.0; 300], 2)) {
        for (found, expected) in filled(&output, c).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-8 * (1.0 + expected.abs()), "{found} {expected}");
        }
    }
}

#[test]
fn the_bits_do_not_depend_on_threads() {
    let table = batch(&many());
    let at = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| IterativeImputer::new().max_iter(2).fit(&train(table.clone())).unwrap())
    };
    let one = at(1);
    assert!(at(2) == one && at(7) == one);
    let whole = one.transform(&table).unwrap();
    let part = one.transform(&table.slice(777, 1)).unwrap();
    assert_eq!(part, whole.slice(777, 1));
}

/// A sum that is exact but for rounding: what is left over is lost in sums of products, and is taken from the rows.
#[test]
fn an_exact_relation_is_found() {
    let mut columns = many();
    for row in 0..columns[0].len() {
        let (a, b) = (columns[0][row].unwrap_or(0.5), columns[1][row].unwrap_or(0.5));
        columns[0][row] = Some(a);
        columns[3][row] = (row % 3 > 0).then_some(1e4 * a - 3.0 * b + 1e5);
    }
    columns.remove(2);
    let data = train(batch(&columns));
    let output = IterativeImputer::new().fit(&data).unwrap().transform(data.batch()).unwrap();
    let (a, b, found) = (filled(&output, 0), filled(&output, 1), filled(&output, 2));
    for row in 0..found.len() {
        let expected = 1e4 * a[row] - 3.0 * b[row] + 1e5;
        assert!((found[row] - expected).abs() < 1e-6, "{} {expected}", found[row]);
    }
}

#[test]
fn types_orders_and_columns() {
    let x: ArrayRef = Arc::new(Float32Array::from(vec![Some(1.5), None, Some(3.5), Some(4.5)]));
    let y: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), Some(2), None, Some(4)]));
    let word: ArrayRef = Arc::new(StringArray::from(vec![None, Some("a"), None, Some("b")]));
    let rows =
        RecordBatch::try_from_iter_with_nullable([("x", x, true), ("word", word, true), ("y", y, true)])
            .unwrap();
    let recipe = IterativeImputer::new().indicators(Indicators::WhereMissing);
    let fitted = recipe.fit(&train(rows.clone())).unwrap();
    let output = fitted.transform(&rows).unwrap();
    assert_eq!(output.schema(), fitted.output_schema(&rows.schema()).unwrap());
    let names: Vec<String> = output.schema().fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(names, ["x", "x_missing", "word", "y", "y_missing"]);
    assert_eq!(output["x"].data_type(), &DataType::Float32);
    assert!((output["x"].as_primitive::<Float32Type>().value(1) - 2.5).abs() < 1e-3);
    assert!((output["y"].as_primitive::<Float64Type>().value(2) - 3.0).abs() < 1e-3);
    assert_eq!(output["word"].null_count(), 2);
    // One gap more in x0, so that the orders differ after one round.
    let table = batch(&many()[..3]);
    let one = |order| IterativeImputer::new().max_iter(1).order(order).fit(&train(table.clone())).unwrap();
    let [fewest, most, name] =
        [ImputationOrder::FewestMissing, ImputationOrder::MostMissing, ImputationOrder::Name].map(one);
    assert!(fewest != most && most != name && fewest != name);
}

#[test]
fn refusals() {
    let empty = batch(&[vec![Some(1.0), Some(2.0)], vec![None, None]]);
    let error = IterativeImputer::new().fit(&train(empty)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::AllMissing { column, .. } if column == "x1"), "{error}");
    let none = batch(&[Vec::new()]);
    assert!(matches!(
        IterativeImputer::new().fit(&train(none)).unwrap_err().kind(),
        ErrorKind::AllMissing { .. }
    ));
    let large = batch(&[vec![Some(1e200), Some(-1e200), None], vec![Some(1.0), Some(2.0), Some(3.0)]]);
    let error = IterativeImputer::new().fit(&train(large)).unwrap_err();
    assert!(error.to_string().contains("`x0`") && error.to_string().contains("smaller scale"), "{error}");
    let infinite = batch(&[vec![Some(f64::INFINITY), None]]);
    let error = IterativeImputer::new().fit(&train(infinite.clone())).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NonFinite { row: 0, .. }));
    let fitted = IterativeImputer::new().fit(&train(batch(&[vec![Some(1.0), None]]))).unwrap();
    assert!(matches!(fitted.transform(&infinite).unwrap_err().kind(), ErrorKind::NonFinite { row: 0, .. }));
    // What overflows in a new row gets the mean.
    let data = batch(&[vec![Some(1.0), Some(2.0), Some(4.0)], vec![Some(10.0), Some(20.0), Some(40.0)]]);
    let fitted = IterativeImputer::new().fit(&train(data)).unwrap();
    let output = fitted.transform(&batch(&[vec![Some(f64::MAX)], vec![None]])).unwrap();
    assert_eq!(filled(&output, 1), [fitted.mean("x1").unwrap()]);
}

#[test]
fn hostile_artefacts() {
    let data = train(batch(&[
        vec![Some(1.0), Some(2.0), None, Some(4.0)],
        vec![Some(2.0), None, Some(3.0), Some(9.0)],
    ]));
    let fitted = IterativeImputer::new().max_iter(1).fit(&data).unwrap();
    let bytes = artifact::to_bytes(&fitted).unwrap();
    assert_eq!(artifact::from_bytes::<FittedIterativeImputer>(&bytes).unwrap(), fitted);
    let json = serde_json::to_string(&fitted).unwrap();
    assert_eq!(serde_json::from_str::<FittedIterativeImputer>(&json).unwrap(), fitted);
    let changes = [
        (r#""indicators":[false,"#, r#""indicators":["#),
        (r#""variables":["#, r#""variables":[{"number":{"center":1.0}},"#),
        (r#""column":1"#, r#""column":2"#),
        (r#""coefficients":["#, r#""coefficients":[1.0,"#),
        (r#""equations":[["#, r#""equations":[[],["#),
        (r#""name":"x1""#, r#""name":"x0""#),
    ];
    for (from, to) in changes {
        assert!(json.contains(from), "{from} is not in {json}");
        let loaded = serde_json::from_str::<FittedIterativeImputer>(&json.replacen(from, to, 1));
        // What serde lets pass, loading an artefact refuses.
        let refused = loaded.map_or(true, |value| {
            let bytes = artifact::to_bytes(&value).unwrap();
            artifact::from_bytes::<FittedIterativeImputer>(&bytes).is_err()
        });
        assert!(refused, "{from} as {to} is loaded");
    }
}

//! Distances, associations and tables equal scipy's, scikit-learn's and numpy's, made by `testdata/gen/relations.py`.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use mlsys_core::{Category, Coded, Dataset, statistic::summarize};
use mlsys_stats::association::{
    Bias, Ties, correlation_ratio, cramers_v, information_value, kendall, mutual_information,
    mutual_information_knn, mutual_information_mixed, pearson, spearman, theils_u,
};
use mlsys_stats::distance::{
    Base, energy, energy_from, hellinger, jensen_shannon, kl_divergence, ks_from, l_infinity, psi,
    total_variation, wasserstein, wasserstein_from,
};
use mlsys_stats::{
    ColumnStatistic, Contingency, Covariance, Distinct, HeavyHitters, Histogram, Quantiles, QuantilesSummary,
};
use mlsys_testkit::golden::{assert_close, load};
use serde_json::Value;

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn optional(value: &Value) -> Option<Vec<f64>> {
    value.is_array().then(|| numbers(value))
}

fn words(value: &Value) -> ArrayRef {
    Arc::new(StringArray::from_iter(value.as_array().unwrap().iter().map(Value::as_str)))
}

fn column(values: Vec<f64>) -> ArrayRef {
    Arc::new(Float64Array::from(values))
}

fn table(columns: Vec<(String, ArrayRef)>, weights: Option<Vec<f64>>) -> Dataset {
    let weights = weights.map(|w| ("weight".to_owned(), column(w)));
    Dataset::new(RecordBatch::try_from_iter(columns.into_iter().chain(weights)).unwrap()).unwrap()
}

#[test]
fn relations() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/relations.json");
    let mut checked = 0;
    for case in load::<Value>(path) {
        for (item, expected) in case["expected"].as_object().unwrap() {
            let what = format!("{item} of {}", case["name"]);
            let (found, expected) = values(item, &case["input"], expected);
            assert_eq!(found.len(), expected.len(), "{what}");
            for (found, expected) in found.iter().zip(&expected) {
                // A correlation near 0 is a difference of sums of size 1.
                if (found - expected).abs() > 1e-13 {
                    assert_close(&what, *found, *expected, number(&case["rtol"]));
                }
                checked += 1;
            }
        }
    }
    assert!(checked > 400, "{checked}");
}

/// What mlsys finds, beside what the reference says.
fn values(item: &str, input: &Value, expected: &Value) -> (Vec<f64>, Vec<f64>) {
    let weights = optional(&input["weights"]);
    let w = weights.as_deref();
    let pair = || (numbers(&input["x"]), numbers(&input["y"]));
    let bins = || (numbers(&input["p"]), numbers(&input["q"]));
    let one = |found: f64| (vec![found], vec![number(expected)]);
    let by_parameter = |found: &dyn Fn(f64) -> f64| {
        let rows = expected.as_array().unwrap();
        (rows.iter().map(|r| found(number(&r[0]))).collect(), rows.iter().map(|r| number(&r[1])).collect())
    };
    match item {
        "pearson" => one(pearson(&pair().0, &pair().1, w).unwrap()),
        "spearman" => one(spearman(&pair().0, &pair().1).unwrap()),
        "kendall" => one(kendall(&pair().0, &pair().1).unwrap()),
        "mutual_information_knn" => {
            by_parameter(&|k| mutual_information_knn(&pair().0, &pair().1, k as usize, Ties::Keep).unwrap())
        }
        "hellinger" => one(hellinger(&bins().0, &bins().1).unwrap()),
        "total_variation" => one(total_variation(&bins().0, &bins().1).unwrap()),
        "l_infinity" => one(l_infinity(&bins().0, &bins().1).unwrap()),
        "kl_divergence" => one(kl_divergence(&bins().0, &bins().1, Base::Nats).unwrap()),
        "jensen_shannon" => {
            let of = |base| jensen_shannon(&bins().0, &bins().1, base).unwrap();
            (vec![of(Base::Nats), of(Base::Bits)], numbers(expected))
        }
        "psi" => by_parameter(&|floor| psi(&bins().0, &bins().1, floor).unwrap()),
        "wasserstein" | "energy" | "ks_from" => two_samples(item, input, number(expected)),
        "correlation_ratio" => {
            let categories = Coded::new("c", &words(&input["categories"])).unwrap();
            one(correlation_ratio(&categories, &numbers(&input["values"])).unwrap())
        }
        "mutual_information_mixed" => by_parameter(&|k| {
            let categories = Coded::new("c", &words(&input["categories"])).unwrap();
            mutual_information_mixed(&categories, &numbers(&input["values"]), k as usize, Ties::Keep).unwrap()
        }),
        "Covariance" => covariance(input, expected),
        "Histogram" => {
            let recipe = Histogram::with_edges(numbers(&expected["edges"]));
            let found = recipe.of("x", &column(numbers(&input["x"])), w).unwrap();
            let ends = [found.below, found.above];
            let expected_ends = [number(&expected["below"]), number(&expected["above"])];
            (
                [found.weights, ends.to_vec()].concat(),
                [numbers(&expected["weights"]), expected_ends.to_vec()].concat(),
            )
        }
        "Distinct" => {
            let found = Distinct::new().of("x", &column(numbers(&input["x"])), w).unwrap();
            one(found.exact().unwrap() as f64)
        }
        "HeavyHitters" => {
            let found = HeavyHitters::new(100).of("x", &column(numbers(&input["x"])), w).unwrap();
            assert_eq!(found.error, 0.0);
            let flat = found.values.iter().flat_map(|c| [c.value.as_f64().unwrap(), c.weight]).collect();
            (flat, expected.as_array().unwrap().iter().flat_map(numbers).collect())
        }
        _ => of_table(item, input, expected),
    }
}

fn two_samples(item: &str, input: &Value, expected: f64) -> (Vec<f64>, Vec<f64>) {
    let weights = input["weights"].as_array().map(|w| (numbers(&w[0]), numbers(&w[1])));
    let (wa, wb) = weights.unzip();
    let (a, b) = (numbers(&input["a"]), numbers(&input["b"]));
    let summary = |x: &[f64], w: &Option<Vec<f64>>| -> QuantilesSummary {
        Quantiles::new().of("x", &column(x.to_vec()), w.as_deref()).unwrap()
    };
    let (sa, sb) = (summary(&a, &wa), summary(&b, &wb));
    let found = match item {
        "wasserstein" => vec![
            wasserstein(&a, &b, wa.as_deref(), wb.as_deref()).unwrap(),
            wasserstein_from(&sa, &sb).unwrap(),
        ],
        "energy" => {
            vec![energy(&a, &b, wa.as_deref(), wb.as_deref()).unwrap(), energy_from(&sa, &sb).unwrap()]
        }
        _ => {
            let ks = ks_from(&sa, &sb, 0.999).unwrap();
            assert_eq!(ks.bound, 0.0);
            vec![ks.statistic]
        }
    };
    let expected = vec![expected; found.len()];
    (found, expected)
}

fn covariance(input: &Value, expected: &Value) -> (Vec<f64>, Vec<f64>) {
    let columns = input["columns"].as_array().unwrap();
    let names: Vec<String> = (0..columns.len()).map(|j| format!("x{j}")).collect();
    let named = names.iter().cloned().zip(columns.iter().map(|c| column(numbers(c)))).collect();
    let weights = optional(&input["weights"]);
    let recipe = Covariance::of(names).weight(weights.as_ref().map(|_| "weight"));
    let found = summarize(&recipe, &table(named, weights)).unwrap();
    let flat = |value: &Value| value.as_array().unwrap().iter().flat_map(numbers).collect::<Vec<f64>>();
    (
        [
            found.means.to_vec(),
            found.covariance(1.0).into_raw_vec_and_offset().0,
            found.correlation().into_raw_vec_and_offset().0,
        ]
        .concat(),
        [numbers(&expected["means"]), flat(&expected["covariance"]), flat(&expected["correlation"])].concat(),
    )
}

fn of_table(item: &str, input: &Value, expected: &Value) -> (Vec<f64>, Vec<f64>) {
    let weights = optional(&input["weights"]);
    let recipe = Contingency::new("row", "column").weight(weights.as_ref().map(|_| "weight"));
    let columns = vec![("row".into(), words(&input["rows"])), ("column".into(), words(&input["columns"]))];
    let found = summarize(&recipe, &table(columns, weights)).unwrap();
    let view = found.weights.view();
    match item {
        "Contingency" => {
            let named = |values: &Value| {
                values.as_array().unwrap().iter().map(|v| v.as_str().unwrap().into()).collect()
            };
            let (rows, columns): (Vec<Category>, Vec<Category>) =
                (named(&expected["rows"]), named(&expected["columns"]));
            assert_eq!((&found.rows, &found.columns), (&rows, &columns));
            let flat = expected["weights"].as_array().unwrap().iter().flat_map(numbers).collect();
            (found.weights.iter().copied().collect(), flat)
        }
        "cramers_v" => (
            vec![cramers_v(view, Bias::Uncorrected).unwrap(), cramers_v(view, Bias::Corrected).unwrap()],
            numbers(expected),
        ),
        "mutual_information" => (vec![mutual_information(view).unwrap()], vec![number(expected)]),
        "theils_u" => (vec![theils_u(view).unwrap()], vec![number(expected)]),
        "information_value" => {
            // The first column against all others.
            let mut two = mlsys_core::ndarray::Array2::zeros((view.nrows(), 2));
            for ((i, j), w) in view.indexed_iter() {
                two[[i, j.min(1)]] += w;
            }
            let iv = information_value(two.view(), 0.5).unwrap();
            (
                [vec![iv.value], iv.weight_of_evidence].concat(),
                [vec![number(&expected[0])], numbers(&expected[1])].concat(),
            )
        }
        other => panic!("{other} is not checked"),
    }
}

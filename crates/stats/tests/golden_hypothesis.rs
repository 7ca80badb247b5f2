//! Hypothesis tests equal scipy's, statsmodels' and scikit-posthocs', made by `testdata/gen/hypothesis.py`.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use mlsys_stats::hypothesis::{self as h, *};
use mlsys_testkit::golden::{assert_close, load};
use serde_json::Value;

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

/// Null where a value is missing.
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(number).collect()
}

fn alternative(row: &Value) -> Alternative {
    match row["alternative"].as_str() {
        Some("less") => Alternative::Less,
        Some("greater") => Alternative::Greater,
        _ => Alternative::TwoSided,
    }
}

fn method(row: &Value) -> Method {
    match row["method"].as_str().unwrap() {
        "exact" => Method::Exact,
        "asymptotic" => Method::Asymptotic,
        _ => Method::Auto,
    }
}

fn continuity(row: &Value) -> Continuity {
    if row["continuity"].as_bool().unwrap() { Continuity::Corrected } else { Continuity::Uncorrected }
}

/// The samples of a case: `a`, `b`, ..
fn samples(input: &Value) -> Vec<Vec<f64>> {
    ["a", "b", "c", "d", "e"].iter().filter_map(|name| input.get(*name)).map(numbers).collect()
}

fn counts(input: &Value) -> [[u64; 2]; 2] {
    [0, 1].map(|i| [0, 1].map(|j| input["table"][i][j].as_u64().unwrap()))
}

fn pair(value: &Value) -> (u64, u64) {
    (value[0].as_u64().unwrap(), value[1].as_u64().unwrap())
}

/// The largest relative deviation of each item, and of what.
#[derive(Default)]
struct Deviations(BTreeMap<String, (f64, String)>);

impl Deviations {
    fn add(&mut self, item: &str, what: &str, found: f64, expected: f64) {
        // Differences of equal numbers are 0 up to rounding.
        let equal = found == expected || expected.abs() < 1e-12 && found.abs() < 1e-12;
        let deviation = if equal { 0.0 } else { (found / expected - 1.0).abs() };
        let worst = self.0.entry(item.into()).or_default();
        if deviation > worst.0 || deviation.is_nan() {
            *worst = (deviation, format!("{what}: {found} for {expected}"));
        }
    }

    fn add_report(&mut self, item: &str, what: &str, report: &TestReport, expected: &Value) {
        let effect = report.effects.first().map_or(f64::NAN, |effect| effect.value);
        for (name, found) in [
            ("statistic", report.statistic),
            ("p_value", report.p_value),
            ("df", report.degrees_of_freedom.unwrap_or(f64::NAN)),
            ("effect", effect),
            ("location", report.location.unwrap_or(f64::NAN)),
        ] {
            if let Some(reference) = expected[name].as_f64() {
                self.add(item, &format!("{name} of {what} {expected}\n{report}"), found, reference);
            }
        }
        if let Some(ends) = expected["interval"].as_array() {
            let interval = report.interval.as_ref().unwrap();
            self.add(item, what, interval.low, number(&ends[0]));
            self.add(item, what, interval.high, number(&ends[1]));
        }
        if let Some(capped) = expected["capped"].as_bool() {
            assert_eq!(report.method, PValueFrom::Table { capped }, "{what}");
        }
    }
}

fn run(item: &str, input: &Value, row: &Value) -> TestReport {
    let samples = samples(input);
    let slices: Vec<&[f64]> = samples.iter().map(Vec::as_slice).collect();
    let side = alternative(row);
    let report = match item {
        "ks_one_sample" => {
            h::ks_one_sample(slices[0], |x| 0.5 * libm::erfc(-x / 2f64.sqrt()), side, method(row))
        }
        "ks_two_sample" => h::ks_two_sample(slices[0], slices[1], side, method(row)),
        "mann_whitney_u" => h::mann_whitney_u(slices[0], slices[1], side, method(row), continuity(row)),
        "student_t" | "welch_t" => {
            let weights: Option<Vec<Vec<f64>>> =
                input["weights"].as_array().map(|w| w.iter().map(numbers).collect());
            let sample = |i: usize| match &weights {
                Some(weights) => Sample::Weighted(slices[i], &weights[i]),
                None => Sample::Values(slices[i]),
            };
            if item == "welch_t" {
                h::welch_t(sample(0), sample(1), side)
            } else {
                h::student_t(sample(0), sample(1), side)
            }
        }
        "paired_t" => {
            let weights = input["weights"].as_array().map(|_| numbers(&input["weights"]));
            h::paired_t(slices[0], slices[1], weights.as_deref(), side)
        }
        "wilcoxon_signed_rank" => {
            let zeros = match row["zeros"].as_str().unwrap() {
                "wilcox" => ZeroDifferences::Wilcox,
                "pratt" => ZeroDifferences::Pratt,
                _ => ZeroDifferences::ZSplit,
            };
            h::wilcoxon_signed_rank(slices[0], slices[1], zeros, side, method(row), continuity(row))
        }
        "chi_square_independence" | "g_test" => {
            let table = match input["table"].as_array() {
                Some(rows) => CrossTable::from_counts(&rows.iter().map(numbers).collect::<Vec<_>>()).unwrap(),
                None => {
                    let weights = input["weights"].as_array().map(|_| numbers(&input["weights"]));
                    CrossTable::of(slices[0], slices[1], weights.as_deref()).unwrap()
                }
            };
            if item == "g_test" {
                h::g_test(&table, continuity(row))
            } else {
                h::chi_square_independence(&table, continuity(row))
            }
        }
        "chi_square_goodness_of_fit" => {
            let expected = input["expected"].as_array().map(|_| numbers(&input["expected"]));
            let ddof = input["ddof"].as_u64().unwrap() as usize;
            h::chi_square_goodness_of_fit(&numbers(&input["observed"]), expected.as_deref(), ddof)
        }
        "fisher_exact" => h::fisher_exact(counts(input), side),
        "mcnemar" => h::mcnemar(counts(input), method(row), continuity(row)),
        "binomial_test" => {
            let [k, n] = ["successes", "trials"].map(|name| input[name].as_u64().unwrap());
            let (share, level) = (number(&input["share"]), number(&input["level"]));
            let of = |kind| h::binomial_test(k, n, share, side, kind, level).unwrap();
            let reports = [of(ProportionInterval::Wilson), of(ProportionInterval::ClopperPearson)];
            for (report, name) in reports.iter().zip(["wilson", "clopper_pearson"]) {
                let found = report.interval.as_ref().unwrap();
                assert_close(name, found.low, number(&row[name][0]), 1e-10);
                assert_close(name, found.high, number(&row[name][1]), 1e-10);
            }
            Ok(reports[0].clone())
        }
        "two_proportions_z" => {
            h::two_proportions_z(pair(&input["a"]), pair(&input["b"]), side, number(&input["level"]))
        }
        "cramer_von_mises_one_sample" => {
            h::cramer_von_mises_one_sample(slices[0], |x| 0.5 * libm::erfc(-x / 2f64.sqrt()))
        }
        "cramer_von_mises_two_sample" => h::cramer_von_mises_two_sample(slices[0], slices[1], method(row)),
        "anderson_darling_k_sample" => h::anderson_darling_k_sample(&slices),
        "kruskal_wallis" => h::kruskal_wallis(&slices),
        "friedman" => h::friedman(&slices),
        "permutation_two_sample" => {
            let options = Permutation::new().permutations(100_000).alternative(side);
            h::permutation_two_sample(slices[0], slices[1], mean_difference, options)
        }
        "permutation_paired" => {
            let shorter = slices[0].len().min(slices[1].len());
            let options = Permutation::new().permutations(100_000).alternative(side);
            h::permutation_paired(&slices[0][..shorter], &slices[1][..shorter], mean_difference, options)
        }
        other => panic!("nothing checks {other}"),
    };
    report.unwrap()
}

fn mean_difference(a: &[f64], b: &[f64]) -> Option<f64> {
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    Some(mean(a) - mean(b))
}

#[test]
fn hypothesis_tests() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/hypothesis.json");
    let mut deviations = Deviations::default();
    for case in load::<Value>(path) {
        let (input, rtol) = (&case["input"], number(&case["rtol"]));
        for (item, expected) in case["expected"].as_object().unwrap() {
            let what = format!("{item} of {}", case["name"]);
            match item.as_str() {
                "adjust" | "reject" => corrections(&what, item, &numbers(&input["p"]), expected, rtol),
                "nemenyi" => {
                    let samples = samples(input);
                    let slices: Vec<&[f64]> = samples.iter().map(Vec::as_slice).collect();
                    let found = h::nemenyi(&slices).unwrap();
                    let pairs = |rows: &[Vec<f64>]| rows.concat();
                    let reference: Vec<f64> = list(&expected["p_values"]).iter().flat_map(numbers).collect();
                    for (found, reference) in pairs(&found.p_values).into_iter().zip(reference) {
                        // The reference integrates numerically: it has few digits of a small p-value.
                        if !reference.is_nan() {
                            deviations.add(item, &what, found, reference);
                        }
                    }
                    for (found, reference) in found.mean_ranks.iter().zip(numbers(&expected["mean_ranks"])) {
                        assert_close(&what, *found, reference, rtol);
                    }
                }
                _ => {
                    for row in list(expected) {
                        deviations.add_report(item, &what, &run(item, input, row), row);
                    }
                }
            }
        }
    }
    let off = deviations.0.values().any(|(deviation, _)| deviation.is_nan() || *deviation > 1e-10);
    assert!(!off, "the largest deviations, and of what: {:#?}", deviations.0);
}

fn corrections(what: &str, item: &str, p: &[f64], expected: &Value, rtol: f64) {
    for (name, expected) in expected.as_object().unwrap() {
        let correction = match name.as_str() {
            "bonferroni" => Correction::Bonferroni,
            "holm" => Correction::Holm,
            "benjamini_hochberg" => Correction::BenjaminiHochberg,
            "benjamini_yekutieli" => Correction::BenjaminiYekutieli,
            other => panic!("nothing checks {other}"),
        };
        if item == "reject" {
            let expected: Vec<bool> = list(expected).iter().map(|r| r.as_bool().unwrap()).collect();
            assert_eq!(reject(p, 0.05, correction).unwrap(), expected, "{what}");
        } else {
            let found = adjust(p, correction).unwrap();
            assert_eq!(found.len(), list(expected).len());
            found.iter().zip(list(expected)).for_each(|(f, e)| assert_close(what, *f, number(e), rtol));
        }
    }
}

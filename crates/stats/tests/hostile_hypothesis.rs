//! Bad input to hypothesis tests is an error that says what is needed; odd input has a number.
#![allow(clippy::unwrap_used)]

use mlsys_core::arrow::array::{ArrayRef, Float64Array};
use mlsys_core::{ErrorKind, Result};
use mlsys_stats::hypothesis::*;
use mlsys_stats::{ColumnStatistic, Moments};
use std::sync::Arc;

const NAN: f64 = f64::NAN;
const INFINITE: f64 = f64::INFINITY;
const TWO: Alternative = Alternative::TwoSided;

fn difference(a: &[f64], b: &[f64]) -> Option<f64> {
    Some(a.iter().sum::<f64>() - b.iter().sum::<f64>())
}

fn signed_rank(a: &[f64], b: &[f64], method: Method) -> Result<TestReport> {
    wilcoxon_signed_rank(a, b, ZeroDifferences::Wilcox, TWO, method, Continuity::Corrected)
}

fn u(a: &[f64], b: &[f64], method: Method) -> Result<TestReport> {
    mann_whitney_u(a, b, TWO, method, Continuity::Corrected)
}

/// Every test on two columns of rows.
fn all(a: &[f64], b: &[f64]) -> Vec<(&'static str, Result<TestReport>)> {
    let cdf = |x: f64| x.clamp(0.0, 1.0);
    let table = |test: fn(&CrossTable, Continuity) -> Result<TestReport>| {
        CrossTable::of(a, b, None).and_then(|table| test(&table, Continuity::Corrected))
    };
    vec![
        ("ks_one_sample", ks_one_sample(a, cdf, TWO, Method::Auto)),
        ("ks_two_sample", ks_two_sample(a, b, TWO, Method::Auto)),
        ("cramer_von_mises_one_sample", cramer_von_mises_one_sample(a, cdf)),
        ("cramer_von_mises_two_sample", cramer_von_mises_two_sample(a, b, Method::Auto)),
        ("anderson_darling_k_sample", anderson_darling_k_sample(&[a, b])),
        ("kruskal_wallis", kruskal_wallis(&[a, b])),
        ("mann_whitney_u", u(a, b, Method::Auto)),
        ("mann_whitney_u exact", u(a, b, Method::Exact)),
        ("student_t", student_t(a, b, TWO)),
        ("welch_t", welch_t(a, b, TWO)),
        ("paired_t", paired_t(a, b, None, TWO)),
        ("wilcoxon_signed_rank", signed_rank(a, b, Method::Auto)),
        ("friedman", friedman(&[a, b, a])),
        ("nemenyi", nemenyi(&[a, b, b]).and_then(|_| friedman(&[a, b, b]))),
        (
            "permutation_two_sample",
            permutation_two_sample(a, b, difference, Permutation::new().permutations(99)),
        ),
        ("permutation_paired", permutation_paired(a, b, difference, Permutation::new().permutations(99))),
        ("chi_square_independence", table(chi_square_independence)),
        ("g_test", table(g_test)),
    ]
}

#[test]
fn nothing_panics_and_nothing_is_nan() {
    let columns: [&[f64]; 14] = [
        &[],
        &[NAN],
        &[NAN, NAN, NAN],
        &[1.0],
        &[0.0, -0.0],
        &[2.0, 2.0, 2.0, 2.0],
        &[1.0, 2.0, NAN, 3.0],
        &[1.0, 2.0, 3.0, 4.0, 5.0],
        &[INFINITE, -INFINITE, INFINITE, 0.0],
        &[-INFINITE; 5],
        &[1e300, -1e300, 1e308, -1e308],
        &[1e-320, 2e-320, 0.0, 5e-324],
        &[f64::MAX, f64::MAX, f64::MIN, 1.0, NAN],
        &[0.1, 0.2, 0.2, 0.7, 0.9, 0.3, 0.1, NAN, 1.0, 0.5],
    ];
    let mut answered = 0;
    for a in columns {
        for b in columns {
            let mut pairs = vec![(a, b)];
            let rows = a.len().min(b.len());
            pairs.push((&a[..rows], &b[..rows]));
            for (a, b) in pairs {
                for (test, result) in all(a, b) {
                    match result {
                        Ok(report) => {
                            answered += 1;
                            assert!(
                                (0.0..=1.0).contains(&report.p_value),
                                "{test} of {a:?} and {b:?}: {report}"
                            );
                            assert!(!report.statistic.is_nan(), "{test} of {a:?} and {b:?}: {report}");
                            assert!(
                                report.effects.iter().all(|e| !e.value.is_nan()),
                                "{test} of {a:?}, {b:?}: {report}"
                            );
                        }
                        Err(error) => assert!(
                            matches!(
                                error.kind(),
                                ErrorKind::TooFewRows { .. }
                                    | ErrorKind::NonFinite { .. }
                                    | ErrorKind::InvalidValue { .. }
                                    | ErrorKind::Shape { .. }
                                    | ErrorKind::Unsupported { .. }
                            ),
                            "{test} of {a:?} and {b:?}: {error:?}"
                        ),
                    }
                }
            }
        }
    }
    assert!(answered > 1000, "{answered}");
}

#[test]
fn order_takes_infinities_and_moments_refuse_them() {
    let (a, b) = ([1.0, 2.0, INFINITE, 4.0, -INFINITE], [0.5, 3.0, 6.0, INFINITE]);
    let finite = ([1.0, 2.0, 1e9, 4.0, -1e9], [0.5, 3.0, 6.0, 1e9]);
    for method in [Method::Auto, Method::Exact, Method::Asymptotic] {
        assert_eq!(u(&a, &b, method).unwrap(), u(&finite.0, &finite.1, method).unwrap());
    }
    let ks = |a: &[f64], b: &[f64]| ks_two_sample(a, b, TWO, Method::Auto).unwrap().p_value;
    assert_eq!(ks(&a, &b), ks(&finite.0, &finite.1));
    for result in [student_t(&a, &b, TWO), welch_t(&b, &a, TWO), paired_t(&a, &a, None, TWO)] {
        let error = result.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NonFinite { .. }), "{error}");
    }
    let column: ArrayRef = Arc::new(Float64Array::from(a.to_vec()));
    let moments = Moments::new().of("a", &column, None).unwrap();
    assert!(matches!(
        welch_t(&moments, &[1.0, 2.0], TWO).unwrap_err().kind(),
        ErrorKind::InvalidValue { .. }
    ));
}

#[test]
fn too_few_rows_say_how_many() {
    let few = |result: Result<TestReport>, need: usize, found: usize| {
        let error = result.unwrap_err();
        match error.kind() {
            ErrorKind::TooFewRows { need: n, found: f, .. } => assert_eq!((*n, *f), (need, found), "{error}"),
            _ => panic!("{error:?}"),
        }
    };
    few(ks_two_sample(&[1.0], &[NAN], TWO, Method::Auto), 1, 0);
    few(student_t(&[1.0, NAN], &[1.0, 2.0], TWO), 2, 1);
    few(student_t(Sample::Weighted(&[1.0, 2.0], &[0.0, 1.0]), &[1.0, 2.0], TWO), 2, 1);
    few(cramer_von_mises_one_sample(&[0.5], |x| x), 2, 1);
    few(kruskal_wallis(&[&[1.0]]), 2, 1);
    few(friedman(&[&[1.0], &[2.0]]), 3, 2);
    few(friedman(&[&[1.0], &[2.0], &[NAN]]), 1, 0);
    few(mcnemar([[5, 0], [0, 5]], Method::Auto, Continuity::Corrected), 1, 0);
    few(binomial_test(0, 0, 0.5, TWO, ProportionInterval::Wilson, 0.9), 1, 0);
    few(chi_square_goodness_of_fit(&[3.0, 4.0], None, 1), 3, 2);
    few(chi_square_goodness_of_fit(&[0.0, 0.0], None, 0), 1, 0);
    few(
        chi_square_independence(&CrossTable::from_counts(&[[1.0, 2.0]]).unwrap(), Continuity::Corrected),
        2,
        1,
    );
    few(chi_square_independence(&CrossTable::of(&[], &[], None).unwrap(), Continuity::Corrected), 2, 0);
    let message = student_t(&[1.0], &[1.0, 2.0], TWO).unwrap_err().to_string();
    assert_eq!(message, "Student's t test on `a` (missing values left out) needs at least 2 rows, found 1");
}

#[test]
fn values_that_do_not_vary_are_named() {
    let flat = [3.0, 3.0, 3.0];
    for result in [
        student_t(&flat, &flat, TWO),
        welch_t(&flat, &[4.0, 4.0], TWO),
        paired_t(&flat, &[1.0, 1.0, 1.0], None, TWO),
        u(&flat, &flat, Method::Auto),
        kruskal_wallis(&[&flat, &flat]),
        anderson_darling_k_sample(&[&flat, &flat]),
        signed_rank(&flat, &flat, Method::Auto),
        friedman(&[&flat, &flat, &flat]),
        two_proportions_z((0, 5), (0, 7), TWO, 0.95),
        fisher_exact([[0, 0], [3, 4]], TWO),
        fisher_exact([[0, 3], [0, 4]], TWO),
    ] {
        let error = result.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidValue { .. }), "{error:?}");
    }
    let zeros = CrossTable::from_counts(&[[0.0, 0.0], [1.0, 2.0]]).unwrap();
    let message = chi_square_independence(&zeros, Continuity::Corrected).unwrap_err().to_string();
    assert!(message.contains("rows of the table") && message.contains("zeros only in row 0"), "{message}");
    // Distributions that are equal differ by nothing, which is a result.
    assert_eq!(ks_two_sample(&flat, &flat, TWO, Method::Auto).unwrap().p_value, 1.0);
}

#[test]
fn absurd_parameters_are_refused() {
    let named = |result: Result<TestReport>, parameter: &str| {
        let error = result.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::InvalidParameter { name, .. } if name == parameter),
            "{error:?}"
        );
    };
    for level in [0.0, 1.0, -1.0, NAN, INFINITE] {
        named(binomial_test(1, 2, 0.5, TWO, ProportionInterval::Wilson, level), "level");
        named(two_proportions_z((1, 2), (1, 2), TWO, level), "level");
        assert!(matches!(
            reject(&[0.5], level, Correction::Holm).unwrap_err().kind(),
            ErrorKind::InvalidParameter { .. }
        ));
        let three = nemenyi(&[&[1.0], &[2.0], &[3.0]]).unwrap();
        assert!(three.critical_difference(level).is_err());
    }
    for share in [-0.1, 1.1, NAN] {
        named(binomial_test(1, 2, share, TWO, ProportionInterval::Wilson, 0.9), "share");
        assert!(adjust(&[0.5, share], Correction::Holm).is_err());
    }
    named(binomial_test(3, 2, 0.5, TWO, ProportionInterval::Wilson, 0.9), "successes");
    named(two_proportions_z((3, 2), (1, 2), TWO, 0.9), "a");
    for permutations in [0, usize::MAX] {
        let options = Permutation::new().permutations(permutations);
        named(permutation_two_sample(&[1.0], &[2.0], difference, options), "permutations");
        named(permutation_paired(&[1.0], &[2.0], difference, options), "permutations");
    }
    assert!(fisher_exact([[u64::MAX, 1], [1, u64::MAX]], TWO).is_err());
    assert!(mcnemar([[1, u64::MAX], [1, 1]], Method::Auto, Continuity::Corrected).is_err());
    assert!(ks_one_sample(&[1.0], |_| NAN, TWO, Method::Auto).is_err());
    assert!(ks_one_sample(&[1.0], |_| 2.0, TWO, Method::Auto).is_err());
    assert!(cramer_von_mises_one_sample(&[1.0, 2.0], |_| -1.0).is_err());
    assert!(CrossTable::from_counts(&[vec![1.0, -1.0]]).is_err());
    assert!(CrossTable::from_counts(&[vec![1.0], vec![1.0, 2.0]]).is_err());
    assert!(CrossTable::of(&[1.0], &[1.0], Some(&[NAN])).is_err());
    assert!(chi_square_goodness_of_fit(&[1.0, 2.0], Some(&[1.0, 3.0]), 0).is_err());
    assert!(chi_square_goodness_of_fit(&[1.0, 2.0], Some(&[0.0, 3.0]), 0).is_err());
    assert!(chi_square_goodness_of_fit(&[1.0, 2.0], None, usize::MAX).is_err());
    let undefined = permutation_two_sample(&[1.0, 2.0], &[3.0], |_, _| None, Permutation::new()).unwrap_err();
    assert!(matches!(undefined.kind(), ErrorKind::Unsupported { .. }));
}

/// Exact p-values of samples that are too large would hang: they are refused, and `Auto` does without.
#[test]
fn exact_does_not_hang() {
    let long: Vec<f64> = (0..60_000).map(|i| f64::from(i) * 0.7).collect();
    let other: Vec<f64> = (0..50_000).map(|i| f64::from(i) * 0.8 + 0.05).collect();
    for result in [
        ks_two_sample(&long, &other, TWO, Method::Exact),
        u(&long, &other, Method::Exact),
        cramer_von_mises_two_sample(&long, &other, Method::Exact),
        signed_rank(&long[..50_000], &other, Method::Exact),
    ] {
        let error = result.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::InvalidParameter { name, .. } if name == "method"),
            "{error}"
        );
    }
    // Without a limit this would be counted: one sample has no more than 8 rows.
    let report = u(&[3.05, 900.05, 12.35], &long, Method::Auto).unwrap();
    assert_eq!(report.method, PValueFrom::Asymptotic);
    assert!(CrossTable::of(&long[..50_000], &other, None).is_err());
}

#[test]
fn tiny_p_values_are_not_0() {
    let a: Vec<f64> = (0..300).map(|i| f64::from(i % 17)).collect();
    let b: Vec<f64> = (0..300).map(|i| f64::from(i % 17) + 20.0).collect();
    for result in [
        ks_two_sample(&a, &b, TWO, Method::Auto),
        u(&a, &b, Method::Auto),
        welch_t(&a, &b, TWO),
        kruskal_wallis(&[&a, &b]),
        mcnemar([[0, 700], [2, 0]], Method::Auto, Continuity::Corrected),
        fisher_exact([[400, 1], [2, 500]], TWO),
        two_proportions_z((900, 1000), (100, 1000), TWO, 0.95),
    ] {
        let report = result.unwrap();
        assert!(report.p_value > 0.0 && report.p_value < 1e-50, "{report}");
    }
}

/// Counts, rows and weights as large as they may be are answered at once.
#[test]
fn large_counts_do_not_hang() {
    let large = (1u64 << 40) - 1;
    for side in [TWO, Alternative::Less, Alternative::Greater] {
        let report = fisher_exact([[large, large - 100_000], [large - 7, large]], side).unwrap();
        assert!((0.0..=1.0).contains(&report.p_value));
        let report =
            binomial_test(large / 2 - 300_000, large, 0.5, side, ProportionInterval::ClopperPearson, 0.9);
        let report = report.unwrap();
        // The normal approximation is close at this size.
        let z = -600_000.0 / (large as f64).sqrt();
        let normal = two_proportions_z((large / 2 - 300_000, large), (large / 2, large), side, 0.9).unwrap();
        assert!((normal.statistic - z / 2f64.sqrt()).abs() < 1e-6, "{normal}");
        assert!((0.0..=1.0).contains(&report.p_value));
    }
    let exact = mcnemar([[1, large], [large - 3_000_000, 1]], Method::Exact, Continuity::Corrected).unwrap();
    let close =
        mcnemar([[1, large], [large - 3_000_000, 1]], Method::Asymptotic, Continuity::Corrected).unwrap();
    assert!((exact.p_value / close.p_value - 1.0).abs() < 1e-5, "{exact}\n{close}");
    let (x, w) = ([1.0, 2.0, 3.0], [1e12, 2e12, 1.5e12]);
    let report =
        student_t(Sample::Weighted(&x, &w), Sample::Weighted(&x, &[1e12, 2e12, 1.500_002e12]), TWO).unwrap();
    assert!(report.p_value > 0.0 && report.p_value < 1.0, "{report}");
}

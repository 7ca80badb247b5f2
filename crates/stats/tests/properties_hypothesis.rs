//! Relations that hypothesis tests must keep, and agreement with naive implementations.
#![allow(clippy::unwrap_used)]

use mlsys_core::seed;
use mlsys_stats::hypothesis::*;
use proptest::prelude::*;

fn opposite(alternative: Alternative) -> Alternative {
    match alternative {
        Alternative::TwoSided => Alternative::TwoSided,
        Alternative::Less => Alternative::Greater,
        Alternative::Greater => Alternative::Less,
    }
}

const SIDES: [Alternative; 3] = [Alternative::TwoSided, Alternative::Less, Alternative::Greater];
const METHODS: [Method; 2] = [Method::Auto, Method::Asymptotic];

/// Values that tie often, some of them missing.
fn values(rows: std::ops::Range<usize>) -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![8 => (-20i32..20).prop_map(|v| f64::from(v) / 4.0), 1 => Just(f64::NAN)];
    prop::collection::vec(value, rows)
}

/// The tests of two samples that rest on order alone.
fn by_rank(a: &[f64], b: &[f64], alternative: Alternative, method: Method) -> Vec<TestReport> {
    let both = [
        ks_two_sample(a, b, alternative, method),
        mann_whitney_u(a, b, alternative, method, Continuity::Corrected),
        cramer_von_mises_two_sample(a, b, method),
        anderson_darling_k_sample(&[a, b]),
        kruskal_wallis(&[a, b]),
    ];
    both.into_iter().flatten().collect()
}

/// Smirnov's statistics and the midrank U, a value at a time.
fn naive(a: &[f64], b: &[f64]) -> (f64, f64, f64) {
    let there = |x: &[f64]| x.iter().copied().filter(|x| !x.is_nan()).collect::<Vec<_>>();
    let (a, b) = (there(a), there(b));
    let upto = |x: &[f64], v: f64| x.iter().filter(|x| **x <= v).count() as f64 / x.len() as f64;
    let gaps = a.iter().chain(&b).map(|&v| upto(&a, v) - upto(&b, v));
    let (plus, minus) = gaps.fold((0.0f64, 0.0f64), |(p, m), gap| (p.max(gap), m.max(-gap)));
    let wins = |x: f64| {
        b.iter().map(|&y| f64::from(u8::from(x > y)) + 0.5 * f64::from(u8::from(x == y))).sum::<f64>()
    };
    (plus, minus, a.iter().map(|&x| wins(x)).sum())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn statistics_agree_with_naive_ones(a in values(2..60), b in values(2..400)) {
        let (plus, minus, u) = naive(&a, &b);
        for (side, expected) in SIDES.into_iter().zip([plus.max(minus), minus, plus]) {
            if let Ok(report) = ks_two_sample(&a, &b, side, Method::Auto) {
                prop_assert!((report.statistic - expected).abs() < 1e-12);
            }
        }
        if let Ok(report) = mann_whitney_u(&a, &b, Alternative::TwoSided, Method::Auto, Continuity::Corrected) {
            prop_assert_eq!(report.statistic, u);
        }
    }

    #[test]
    fn swapping_the_samples_swaps_the_sides(a in values(4..40), b in values(4..40)) {
        for side in SIDES {
            for method in METHODS {
                let there = by_rank(&a, &b, side, method);
                let back = by_rank(&b, &a, opposite(side), method);
                prop_assert_eq!(there.len(), back.len());
                for (x, y) in there.iter().zip(&back) {
                    prop_assert!((0.0..=1.0).contains(&x.p_value), "{x}");
                    prop_assert!((x.p_value - y.p_value).abs() <= 1e-11, "{x}\n{y}");
                    prop_assert_eq!(x.missing, y.missing);
                }
            }
            for (x, y) in [
                (student_t(&a, &b, side), student_t(&b, &a, opposite(side))),
                (welch_t(&a, &b, side), welch_t(&b, &a, opposite(side))),
            ] {
                if let (Ok(x), Ok(y)) = (x, y) {
                    prop_assert!((x.p_value - y.p_value).abs() <= 1e-12);
                    prop_assert_eq!(x.statistic, -y.statistic);
                }
            }
        }
    }

    #[test]
    fn monotone_maps_change_nothing(a in values(4..40), b in values(4..40)) {
        let map = |x: &[f64]| x.iter().map(|x| x.powi(3) + x.exp()).collect::<Vec<f64>>();
        for side in SIDES {
            let (before, after) = (by_rank(&a, &b, side, Method::Auto), by_rank(&map(&a), &map(&b), side, Method::Auto));
            prop_assert_eq!(before.len(), after.len());
            for (x, y) in before.iter().zip(&after) {
                prop_assert_eq!((x.statistic, x.p_value), (y.statistic, y.p_value));
            }
        }
        let rows = a.len().min(b.len());
        let pairs = |a: &[f64], b: &[f64]| friedman(&[&a[..rows], &b[..rows], &vec![0.1; rows]]);
        if let (Ok(x), Ok(y)) = (pairs(&a, &b), friedman(&[&map(&a)[..rows], &map(&b)[..rows], &map(&vec![0.1; rows])])) {
            prop_assert_eq!((x.statistic, x.p_value), (y.statistic, y.p_value));
        }
    }

    #[test]
    fn signs_of_pairs_swap_the_sides(a in values(3..30), shift in -4i32..4) {
        let b: Vec<f64> = a.iter().rev().map(|x| x + f64::from(shift) / 8.0).collect();
        for side in SIDES {
            for zeros in [ZeroDifferences::Wilcox, ZeroDifferences::Pratt, ZeroDifferences::ZSplit] {
                let run = |a: &[f64], b: &[f64], side| wilcoxon_signed_rank(a, b, zeros, side, Method::Auto, Continuity::Corrected);
                if let (Ok(x), Ok(y)) = (run(&a, &b, side), run(&b, &a, opposite(side))) {
                    prop_assert!((x.p_value - y.p_value).abs() <= 1e-12, "{x}\n{y}");
                    prop_assert!((0.0..=1.0).contains(&x.p_value));
                }
            }
        }
    }

    #[test]
    fn weights_stand_for_repeated_rows(a in values(3..20), b in values(3..20), w in prop::collection::vec(0u8..4, 20)) {
        let repeat = |x: &[f64]| x.iter().zip(&w).flat_map(|(&x, &w)| vec![x; w as usize]).collect::<Vec<f64>>();
        let weights: Vec<f64> = w.iter().map(|&w| f64::from(w)).collect();
        let (wa, wb) = (&weights[..a.len()], &weights[..b.len()]);
        let (ra, rb) = (repeat(&a), repeat(&b));
        let weighted = welch_t(Sample::Weighted(&a, wa), Sample::Weighted(&b, wb), Alternative::TwoSided);
        match (weighted, welch_t(&ra, &rb, Alternative::TwoSided)) {
            (Ok(x), Ok(y)) => {
                prop_assert!((x.p_value - y.p_value).abs() <= 1e-9);
                prop_assert_eq!(x.samples, y.samples);
            }
            (x, y) => prop_assert_eq!(x.is_err(), y.is_err()),
        }
        let rows = a.len().min(b.len());
        let table = CrossTable::of(&a[..rows], &b[..rows], Some(&weights[..rows])).unwrap();
        let repeated = CrossTable::of(&repeat(&a[..rows]), &repeat(&b[..rows]), None).unwrap();
        prop_assert_eq!(table.row_values(), repeated.row_values());
        for row in 0..table.row_values().len() {
            prop_assert_eq!(table.row(row), repeated.row(row));
        }
    }

    #[test]
    fn tables_do_not_care_for_their_orientation(cells in prop::array::uniform4(0u64..40)) {
        let [a, b, c, d] = cells;
        let p = |t: [[u64; 2]; 2], side| fisher_exact(t, side).map(|report| report.p_value);
        if let Ok(two_sided) = p([[a, b], [c, d]], Alternative::TwoSided) {
            prop_assert!((two_sided - p([[a, c], [b, d]], Alternative::TwoSided).unwrap()).abs() < 1e-11);
            prop_assert!((two_sided - p([[c, d], [a, b]], Alternative::TwoSided).unwrap()).abs() < 1e-11);
            let (less, greater) = (p([[a, b], [c, d]], Alternative::Less).unwrap(), p([[c, d], [a, b]], Alternative::Greater).unwrap());
            prop_assert!((less - greater).abs() < 1e-11);
            let of = |rows: [[f64; 2]; 2]| g_test(&CrossTable::from_counts(&rows).unwrap(), Continuity::Corrected).unwrap();
            let [a, b, c, d] = cells.map(|count| count as f64);
            prop_assert!((of([[a, b], [c, d]]).statistic - of([[a, c], [b, d]]).statistic).abs() < 1e-9);
        }
    }

    #[test]
    fn corrections_order_as_they_should(p in prop::collection::vec(0.0..1.0f64, 1..50)) {
        let [all, holm, bh, by] = [Correction::Bonferroni, Correction::Holm, Correction::BenjaminiHochberg, Correction::BenjaminiYekutieli]
            .map(|correction| adjust(&p, correction).unwrap());
        for i in 0..p.len() {
            prop_assert!(p[i] <= bh[i] + 1e-15 && bh[i] <= holm[i] + 1e-12 && holm[i] <= all[i] + 1e-12);
            prop_assert!(bh[i] <= by[i] + 1e-15 && (0.0..=1.0).contains(&by[i]));
            for j in 0..p.len() {
                prop_assert!(p[i] > p[j] || holm[i] <= holm[j] && bh[i] <= bh[j]);
            }
        }
    }

    #[test]
    fn tables_agree_with_adding_up(n in 1u64..60, k in 0u64..60, share in 0.0..1.0f64) {
        let k = k.min(n);
        let terms: Vec<f64> = (0..=n).map(|i| {
            let ways = (0..i).map(|j| (n - j) as f64 / (j + 1) as f64).product::<f64>();
            ways * share.powi(i as i32) * (1.0 - share).powi((n - i) as i32)
        }).collect();
        let p = |side| binomial_test(k, n, share, side, ProportionInterval::Wilson, 0.9).unwrap().p_value;
        prop_assert!((p(Alternative::Less) - terms[..=k as usize].iter().sum::<f64>()).abs() < 1e-11);
        prop_assert!((p(Alternative::Greater) - terms[k as usize..].iter().sum::<f64>()).abs() < 1e-11);
        let extreme: f64 = terms.iter().filter(|t| **t <= terms[k as usize] * (1.0 + 1e-7)).sum();
        prop_assert!((p(Alternative::TwoSided) - extreme).abs() < 1e-9);
    }
}

/// The exact p-value of a rank sum by trying every assignment.
#[test]
fn exact_rank_tests_count_every_assignment() {
    let pooled: [f64; 9] = [1.0, 2.0, 2.0, 3.0, 5.0, 5.0, 5.0, 8.0, 9.0];
    let (a, b) = ([2.0, 5.0, 8.0, 9.0], [1.0, 2.0, 3.0, 5.0, 5.0]);
    let u = naive(&a, &b).2;
    let (mut all, mut less, mut greater) = (0, 0, 0);
    for chosen in (0u32..1 << 9).filter(|chosen| chosen.count_ones() == 4) {
        let (x, y): (Vec<usize>, Vec<usize>) = (0..9).partition(|row| chosen >> row & 1 == 1);
        let take = |rows: &[usize]| rows.iter().map(|&row| pooled[row]).collect::<Vec<f64>>();
        let found = naive(&take(&x), &take(&y)).2;
        all += 1;
        less += i32::from(found <= u);
        greater += i32::from(found >= u);
    }
    let p = |side| mann_whitney_u(&a, &b, side, Method::Exact, Continuity::Corrected).unwrap().p_value;
    assert!((p(Alternative::Less) - f64::from(less) / f64::from(all)).abs() < 1e-14);
    assert!((p(Alternative::Greater) - f64::from(greater) / f64::from(all)).abs() < 1e-14);
}

/// Under the null hypothesis p-values are spread evenly: the share below 0.1, 0.3, .. of 400 runs is near that.
#[test]
fn p_values_are_even_under_the_null_hypothesis() {
    let normal = |rows: usize, stream: u64| -> Vec<f64> {
        let mut rng = seed::stream(77, stream);
        (0..rows).map(|_| (0..12).map(|_| seed::uniform(&mut rng)).sum::<f64>() - 6.0).collect()
    };
    let mut p_values: std::collections::BTreeMap<String, Vec<f64>> = std::collections::BTreeMap::new();
    for run in 0..400 {
        let (a, b, c) = (normal(60, 3 * run), normal(45, 3 * run + 1), normal(45, 3 * run + 2));
        let side = Alternative::TwoSided;
        let options = Permutation::new().permutations(199).seed(run);
        let difference = |a: &[f64], b: &[f64]| {
            Some(a.iter().sum::<f64>() / a.len() as f64 - b.iter().sum::<f64>() / b.len() as f64)
        };
        let reports = [
            ks_two_sample(&a, &b, side, Method::Auto),
            ks_two_sample(&a, &b, side, Method::Asymptotic),
            cramer_von_mises_two_sample(&a, &b, Method::Auto),
            mann_whitney_u(&a, &b, side, Method::Auto, Continuity::Corrected),
            student_t(&a, &b, side),
            welch_t(&a, &b, side),
            kruskal_wallis(&[&a, &b, &c]),
            paired_t(&b, &c, None, side),
            wilcoxon_signed_rank(
                &b,
                &c,
                ZeroDifferences::Wilcox,
                side,
                Method::Auto,
                Continuity::Uncorrected,
            ),
            friedman(&[&a[..45], &b, &c]),
            permutation_two_sample(&a, &b, difference, options),
            permutation_paired(&b, &c, difference, options),
        ];
        for report in reports {
            let report = report.unwrap();
            p_values.entry(format!("{} {}", report.test, report.method)).or_default().push(report.p_value);
        }
    }
    assert!(p_values.len() >= 11);
    for (test, p) in p_values {
        for level in [0.1, 0.3, 0.5, 0.8] {
            let share = p.iter().filter(|p| **p <= level).count() as f64 / p.len() as f64;
            // Four standard errors, and what a distribution with steps may lack.
            let margin = 4.0 * (level * (1.0 - level) / p.len() as f64).sqrt() + 0.02;
            assert!((share - level).abs() < margin, "{test}: {share} of p-values are at most {level}");
        }
    }
}

#[test]
fn permutations_do_not_depend_on_threads_and_are_never_0() {
    let (a, b): (Vec<f64>, Vec<f64>) =
        ((0..40).map(f64::from).collect(), (100..150).map(f64::from).collect());
    let difference = |a: &[f64], b: &[f64]| Some(a.iter().sum::<f64>() - b.iter().sum::<f64>());
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let options = Permutation::new().permutations(999).seed(3);
        pool.install(|| {
            let paired = permutation_paired(&a, &b[..40], difference, options).unwrap();
            (permutation_two_sample(&a, &b, difference, options).unwrap(), paired)
        })
    };
    assert_eq!(run(1), run(2));
    assert_eq!(run(1), run(7));
    let (report, _) = run(2);
    assert_eq!((report.p_value, report.method), (0.002, PValueFrom::Permutations(999)));
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let near = |a: &[f64], b: &[f64]| Some(mean(a) - mean(b));
    let random = permutation_two_sample(&a[..12], &b[..9], near, Permutation::new()).unwrap();
    assert_eq!(random.p_value, 2e-4);
}

#[test]
fn pooling_many_samples_changes_nothing_but_their_order() {
    let a: Vec<f64> = (0..900).map(|i| f64::from(i * 7919 % 613)).collect();
    let b: Vec<f64> = (0..800).map(|i| f64::from(i * 104_729 % 9973) / 16.0).collect();
    let c: Vec<f64> = (0..300).map(|i| f64::from(i) * 2.0).collect();
    let (x, y) = (kruskal_wallis(&[&a, &b, &c]).unwrap(), kruskal_wallis(&[&c, &a, &b]).unwrap());
    assert!((x.statistic / y.statistic - 1.0).abs() < 1e-12);
    let two = kruskal_wallis(&[&a, &b]).unwrap();
    let u = mann_whitney_u(&a, &b, Alternative::TwoSided, Method::Auto, Continuity::Uncorrected).unwrap();
    // With two samples Kruskal-Wallis is the two-sided asymptotic U test.
    assert!((two.p_value / u.p_value - 1.0).abs() < 1e-9, "{two}\n{u}");
}

//! The smoothed bootstrap: its width, its noise, and what it leaves alone.

#![allow(clippy::unwrap_used)]

mod common;

use common::{grid, train};
use mlsys_core::{ErrorKind, column};
use mlsys_imbalance::{ClassSizes, PlanResample, SmoothedBootstrap, Strategy};
use proptest::prelude::*;

#[test]
fn the_width_by_hand() {
    // n = 4, d = 2: (4 / 16)^(1/6) = 0.7937005; deviations of 1, 2, 3, 4 over 3: √(5/3), and 10 times that; two more classes have other widths.
    let rows: Vec<Vec<f64>> = (1..=4)
        .map(|x| vec![f64::from(x), 10.0 * f64::from(x)])
        .chain((0..30).map(|x| vec![f64::from(x), 0.0]))
        .collect();
    let classes: Vec<i32> = (0..34).map(|row| if row < 4 { 0 } else { 1 + i32::from(row < 10) }).collect();
    let data = train(&rows, &classes);
    let bootstrap = SmoothedBootstrap::new().strategy(Strategy::counts([(0i64, 40_004), (2i64, 40_006)]));
    let plan = bootstrap.plan(&data).unwrap();
    let width = 0.793_700_525_984_1 * (5.0_f64 / 3.0).sqrt();
    let z = |column: &str, from: usize, width: f64| -> Vec<f64> {
        plan.shifts(column)[from..from + 40_000].iter().map(|shift| shift / width).collect()
    };
    let first = z("x0", 0, width);
    let second = z("x1", 0, 10.0 * width);
    // Six values 0 to 5 of the third class: (4 / 24)^(1/6), and √3.5; its other column is constant.
    let third = z("x0", 40_000, (1.0_f64 / 6.0).powf(1.0 / 6.0) * 3.5_f64.sqrt());
    assert!(plan.shifts("x1")[40_000..].iter().all(|&shift| shift == 0.0));
    for z in [&first, &second, &third] {
        // Mean, variance, and tails of a standard normal distribution, four standard errors wide.
        let n = z.len() as f64;
        let mean = z.iter().sum::<f64>() / n;
        let variance = z.iter().map(|z| z * z).sum::<f64>() / n;
        let beyond = z.iter().filter(|z| z.abs() > 1.959_964).count() as f64 / n;
        assert!(mean.abs() < 4.0 / n.sqrt(), "{mean}");
        assert!((variance - 1.0).abs() < 4.0 * (2.0 / n).sqrt(), "{variance}");
        assert!((beyond - 0.05).abs() < 4.0 * (0.05 * 0.95 / n).sqrt(), "{beyond}");
    }
    // Neither columns nor classes share their noise.
    let related = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / a.len() as f64;
    assert!(related(&first, &second).abs() < 0.02 && related(&first, &third).abs() < 0.02);
    // Each row is as likely.
    let mut times = [0; 4];
    plan.synthetic()[..40_000].iter().for_each(|new| times[new.base as usize] += 1);
    assert!(times.iter().all(|n| (9_650..10_350).contains(n)), "{times:?}");
}

proptest! {
    #[test]
    fn new_rows_are_old_ones_and_noise((rows, classes) in grid(), shrinkage in prop_oneof![Just(0.0), 0.1..2.0f64], seed in any::<u64>()) {
        let data = train(&rows, &classes);
        prop_assume!(ClassSizes::of(&data).is_ok());
        let sizes = ClassSizes::of(&data).unwrap();
        prop_assume!(sizes.sizes().iter().all(|&size| size > 1));
        let plan = SmoothedBootstrap::new().shrinkage(shrinkage).seed(seed).plan(&data).unwrap();
        let made = plan.apply(&data).unwrap();
        let top = *sizes.sizes().iter().max().unwrap();
        prop_assert!(ClassSizes::of(&made).unwrap().sizes().iter().all(|&size| size == top));
        for c in 0..2 {
            let name = format!("x{c}");
            let values = column::floats(&name, made.column(&name).unwrap()).unwrap();
            for (at, new) in plan.synthetic().iter().enumerate() {
                let base = new.base as usize;
                prop_assert_eq!(values[rows.len() + at], rows[base][c] + plan.shifts(&name)[at]);
                let own: Vec<f64> = (0..rows.len()).filter(|&row| classes[row] == classes[base]).map(|row| rows[row][c]).collect();
                let varies = own.iter().any(|&x| x != own[0]);
                prop_assert_eq!(plan.shifts(&name)[at] != 0.0, varies && shrinkage > 0.0);
            }
        }
    }
}

#[test]
fn gaps_stay_and_one_row_is_too_few() {
    let rows: Vec<Vec<f64>> = [1.0, f64::NAN, 3.0, 5.0, 6.0, 7.0, 8.0].map(|x| vec![x]).to_vec();
    let data = train(&rows, &[0, 0, 0, 1, 1, 1, 1]);
    let plan = SmoothedBootstrap::new().strategy(Strategy::counts([(0i64, 53)])).plan(&data).unwrap();
    let made = plan.apply(&data).unwrap();
    let values = column::floats("x0", made.column("x0").unwrap()).unwrap();
    assert!(plan.synthetic().iter().enumerate().all(|(at, new)| values[7 + at].is_nan() == (new.base == 1)));
    // n is 3, the rows of the class; the deviation is of 1 and 3.
    let far = plan.shifts("x0").iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    let width = (4.0_f64 / 9.0).powf(0.2) * 2.0_f64.sqrt();
    assert!((1.0..4.5).contains(&(far / width)), "{far}");
    let error = SmoothedBootstrap::new().plan(&train(&rows[2..], &[0, 1, 1, 1, 1])).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooFewRows { need: 2, found: 1, .. }), "{error}");
    // As large as a double goes.
    let huge: Vec<Vec<f64>> = [1e308, -1e308, 1e308, 0.0, 0.0, 0.0, 0.0].map(|x| vec![x]).to_vec();
    let huge = train(&huge, &[0, 0, 0, 1, 1, 1, 1]);
    let made = SmoothedBootstrap::new().shrinkage(1e300).plan(&huge).unwrap().apply(&huge).unwrap();
    let values = column::floats("x0", made.column("x0").unwrap()).unwrap();
    assert!(values.len() == 8 && values.iter().all(|x| x.is_finite()));
}

//! Losses: their values by the formulas, gradients and Hessians by finite differences.

#![allow(clippy::unwrap_used)]

use mlsys_core::{ClassLoss, ErrorKind, Objective};
use mlsys_imbalance::{FocalLoss, FocalWeights, LdamLoss, LogitAdjustment};

fn all() -> Vec<(Box<dyn Objective>, bool)> {
    // The second says whether it is for more than two classes, too.
    vec![
        (Box::new(FocalLoss::default()), true),
        (Box::new(FocalLoss::new(0.0)), true),
        (Box::new(FocalLoss::new(0.5)), true),
        (Box::new(FocalLoss::new(3.5).weights(FocalWeights::EffectiveNumber(0.99))), true),
        (Box::new(FocalLoss::new(2.0).weights(FocalWeights::Alpha(0.25))), false),
        (Box::new(LogitAdjustment::default()), true),
        (Box::new(LogitAdjustment::new(0.3)), true),
        (Box::new(LdamLoss::default()), true),
        (Box::new(LdamLoss::new(0.8).scale(3.0)), true),
    ]
}

fn value(loss: &dyn ClassLoss, class: usize, scores: &[f64]) -> f64 {
    loss.gradient(class, scores, &mut vec![0.0; scores.len()])
}

/// Central differences of a function of scores, of which it writes some numbers.
fn slopes(scores: &[f64], at: usize, n: usize, of: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let step = 1e-5;
    let moved = |by: f64| {
        let mut scores = scores.to_vec();
        scores[at] += by;
        of(&scores)
    };
    let (up, down) = (moved(step), moved(-step));
    (0..n).map(|i| (up[i] - down[i]) / (2.0 * step)).collect()
}

#[test]
fn derivatives_are_those_of_the_losses() {
    let mut checked = 0;
    for (objective, many) in all() {
        for totals in [&[70.0, 9.0][..], &[40.0, 9.0, 2.5]] {
            if totals.len() > 2 && !many {
                continue;
            }
            let loss = objective.of_classes(totals).unwrap();
            let n = loss.n_scores();
            assert_eq!((loss.n_classes(), n, loss.initial().len()), (totals.len(), n, n));
            for scores in
                [[0.0, 0.0, 0.0], [1.3, -0.4, 0.2], [-2.1, 1.0, 0.6], [0.1, 4.0, -3.0], [-6.0, 2.0, 5.0]]
            {
                let scores = &scores[..n];
                for class in 0..totals.len() {
                    let (mut gradient, mut hessian) = (vec![0.0; n], vec![0.0; n * n]);
                    loss.gradient(class, scores, &mut gradient);
                    loss.hessian(class, scores, &mut hessian);
                    for j in 0..n {
                        let slope =
                            slopes(scores, j, 1, |scores| vec![value(loss.as_ref(), class, scores)])[0];
                        assert!(
                            (gradient[j] - slope).abs() < 1e-8,
                            "{} {scores:?}: {} {slope}",
                            objective.name(),
                            gradient[j]
                        );
                        let by = slopes(scores, j, n, |scores| {
                            let mut gradient = vec![0.0; n];
                            loss.gradient(class, scores, &mut gradient);
                            gradient
                        });
                        for k in 0..n {
                            let found = hessian[j * n + k];
                            assert!(
                                (found - by[k]).abs() < 1e-7,
                                "{} {scores:?}: {found} {}",
                                objective.name(),
                                by[k]
                            );
                            assert!((found - hessian[k * n + j]).abs() < 1e-14);
                        }
                        checked += 1;
                    }
                }
            }
        }
    }
    assert!(checked > 400);
}

#[test]
fn focal_losses_by_the_paper() {
    let z = |p: f64| (p / (1.0 - p)).ln();
    let plain = FocalLoss::new(2.0).of_classes(&[5.0, 5.0]).unwrap();
    let alpha = FocalLoss::new(2.0).weights(FocalWeights::Alpha(0.25)).of_classes(&[5.0, 5.0]).unwrap();
    for (p, expected) in [(0.9, 0.00105360516), (0.5, 0.17328679514), (0.1, 1.86509392533)] {
        assert!((value(plain.as_ref(), 1, &[z(p)]) - expected).abs() < 1e-11);
        assert!((value(plain.as_ref(), 0, &[z(1.0 - p)]) - expected).abs() < 1e-11);
        assert!((value(alpha.as_ref(), 1, &[z(p)]) - 0.25 * expected).abs() < 1e-11);
        assert!((value(alpha.as_ref(), 0, &[z(1.0 - p)]) - 0.75 * expected).abs() < 1e-11);
        // Of three classes, two of them alike.
        let three = FocalLoss::new(2.0).of_classes(&[5.0, 5.0, 5.0]).unwrap();
        let rest = ((1.0 - p) / 2.0).ln();
        assert!((value(three.as_ref(), 0, &[p.ln(), rest, rest]) - expected).abs() < 1e-11);
    }
    // Effective numbers of 10, 100 and 1000 rows with β 0.999.
    let balanced = FocalLoss::new(2.0)
        .weights(FocalWeights::EffectiveNumber(0.999))
        .of_classes(&[10.0, 100.0, 1000.0])
        .unwrap();
    let unweighted = FocalLoss::new(2.0).of_classes(&[10.0, 100.0, 1000.0]).unwrap();
    for (class, weight) in [2.67783946, 0.28000014, 0.0421604].into_iter().enumerate() {
        let (own, plain) = (
            value(balanced.as_ref(), class, &[0.1, 0.2, 0.3]),
            value(unweighted.as_ref(), class, &[0.1, 0.2, 0.3]),
        );
        assert!((own / plain - weight).abs() < 1e-8);
    }
}

#[test]
fn adjusted_scores_and_margins_by_the_papers() {
    let scores = [0.4, -1.0, 0.3];
    let softmax = |z: [f64; 3], class: usize| (z[class].exp() / z.iter().map(|z| z.exp()).sum::<f64>()).ln();
    let totals = [600.0, 300.0, 100.0];
    let adjusted = LogitAdjustment::new(0.7).of_classes(&totals).unwrap();
    let margins = LdamLoss::new(0.5).scale(2.0).of_classes(&totals).unwrap();
    for class in 0..3 {
        let mut shifted = scores;
        shifted.iter_mut().zip(totals).for_each(|(z, own)| *z += 0.7 * (own / 1000.0_f64).ln());
        assert!((value(adjusted.as_ref(), class, &scores) + softmax(shifted, class)).abs() < 1e-14);
        let mut behind = scores;
        behind[class] -= 0.5 * 100f64.powf(0.25) / totals[class].powf(0.25);
        assert!(
            (value(margins.as_ref(), class, &scores) + softmax(behind.map(|z| 2.0 * z), class)).abs() < 1e-14
        );
    }
}

#[test]
fn scores_without_end_are_survived() {
    for (objective, _) in all() {
        let loss = objective.of_classes(&[70.0, 9.0]).unwrap();
        for score in [-1e300, -800.0, -40.0, 40.0, 800.0, 1e300] {
            for class in 0..2 {
                let (mut gradient, mut hessian) = ([f64::NAN], [f64::NAN]);
                let value = loss.gradient(class, &[score], &mut gradient);
                loss.hessian(class, &[score], &mut hessian);
                assert!(
                    value >= 0.0 && gradient[0].is_finite() && hessian[0].is_finite(),
                    "{} {score}",
                    objective.name()
                );
                // What is wrong pulls the right way.
                assert!(if class == 1 { gradient[0] <= 0.0 } else { gradient[0] >= 0.0 });
            }
        }
    }
}

#[test]
fn parameters_that_cannot_be_are_refused() {
    let two: &[f64] = &[3.0, 1.0];
    let refused = |objective: &dyn Objective, totals: &[f64], name: &str| {
        let error = objective.of_classes(totals).err().unwrap();
        let found = matches!(error.kind(), ErrorKind::InvalidParameter { estimator, name: found, .. }
            if estimator == objective.name() && found == name);
        assert!(found, "{error}");
    };
    refused(&FocalLoss::new(-1.0), two, "gamma");
    refused(&FocalLoss::new(f64::NAN), two, "gamma");
    refused(&FocalLoss::new(2.0).weights(FocalWeights::Alpha(1.5)), two, "alpha");
    refused(&FocalLoss::new(2.0).weights(FocalWeights::Alpha(0.5)), &[1.0, 2.0, 3.0], "alpha");
    refused(&FocalLoss::new(2.0).weights(FocalWeights::EffectiveNumber(1.0)), two, "beta");
    refused(&LogitAdjustment::new(f64::INFINITY), two, "tau");
    refused(&LdamLoss::new(-0.1), two, "max_margin");
    refused(&LdamLoss::new(0.5).scale(0.0), two, "scale");
    let json = r#"{"gamma": 1.0, "weights": {"alpha": 0.25}}"#;
    assert_eq!(
        serde_json::from_str::<FocalLoss>(json).unwrap(),
        FocalLoss::new(1.0).weights(FocalWeights::Alpha(0.25))
    );
}

//! The ladder and the ledger of test rows.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Int64Array, RecordBatch};
use mlsys_core::{Dataset, Direction, ErrorKind, seed};
use mlsys_leakage::{Evaluation, Ladder, Severity, TestLedger, optimism, optimism_adaptive};
use mlsys_testkit::table;
use proptest::prelude::*;

#[test]
fn the_ladder_by_steps() {
    let mut ladder = Ladder::new().step(0.1);
    let told: Vec<f64> =
        [0.52, 0.47, 0.39, 0.41, 0.05].iter().map(|&r| ladder.ask(r).unwrap().value).collect();
    // 0.5; no better than 0.4; better, 0.4; no; better, rounded up.
    for (told, expected) in told.iter().zip([0.5, 0.5, 0.4, 0.4, 0.1]) {
        assert!((told - expected).abs() < 1e-12, "{told} {expected}");
    }
    assert_eq!(ladder.asked(), 5);
    // Gains go the other way.
    let mut ladder = Ladder::new().step(0.1).direction(Direction::Maximize);
    let told: Vec<bool> = [0.5, 0.55, 0.61, 0.2].iter().map(|&r| ladder.ask(r).unwrap().improved).collect();
    assert_eq!(told, [true, false, true, false]);
}

#[test]
fn the_ladder_by_losses() {
    let mut ladder = Ladder::new();
    // 2 of 4 wrong.
    assert_eq!(ladder.ask_losses(&[1.0, 1.0, 0.0, 0.0]).unwrap().value, 0.5);
    // One fewer: the difference (-1, 0, 0, 0) deviates by 1/2, over the root of 4 a quarter: 0.25 < 0.5 - 0.25 is not so.
    let told = ladder.ask_losses(&[0.0, 1.0, 0.0, 0.0]).unwrap();
    assert_eq!((told.value, told.improved), (0.5, false));
    // Two fewer: (-1, -1, 0, 0) deviates by sqrt(1/3), over 2 it is 0.289: 0 < 0.211.
    let told = ladder.ask_losses(&[0.0; 4]).unwrap();
    assert_eq!((told.value, told.improved), (0.0, true));
    // It goes on from what was written down.
    let json = serde_json::to_string(&ladder).unwrap();
    let mut back: Ladder = serde_json::from_str(&json).unwrap();
    assert_eq!(back, ladder);
    assert!(!back.ask_losses(&[0.0, 0.0, 0.0, 1.0]).unwrap().improved);
    assert_eq!((back.asked(), back.best()), (4, Some(0.0)));
}

#[test]
fn a_ladder_refuses_what_is_no_score() {
    assert!(Ladder::new().ask(0.5).unwrap_err().to_string().contains("ask_losses"));
    for step in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = Ladder::new().step(step).ask(0.5).unwrap_err().to_string();
        assert!(error.contains("`step`"), "{error}");
    }
    assert!(Ladder::new().step(0.1).ask(f64::NAN).is_err());
    let mut ladder = Ladder::new();
    assert!(ladder.ask_losses(&[]).is_err());
    let error = ladder.ask_losses(&[0.0, f64::INFINITY]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NonFinite { row: 1, .. }));
    assert_eq!(ladder.ask_losses(&[3.0]).unwrap().value, 3.0);
    let error = ladder.ask_losses(&[1.0, 2.0]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Shape { .. }));
    assert_eq!(ladder.asked(), 1);
    assert!(ladder.ask_losses(&[2.5]).unwrap().improved);
    assert_eq!(Ladder::new().step(1e-320).ask(0.5).unwrap().value, 0.5);
}

#[test]
fn a_ladder_gives_no_overfitting_away() {
    // Coins against 1,000 labels: keep what scored below half, and take the majority of those. Blum and Hardt's attack.
    let n = 1_000;
    let mut rng = seed::stream(3, 0);
    let mut coins =
        || -> Vec<f64> { (0..n).map(|_| f64::from(u8::from(seed::uniform(&mut rng) < 0.5))).collect() };
    let labels = coins();
    let loss =
        |guess: &[f64]| -> Vec<f64> { guess.iter().zip(&labels).map(|(a, b)| (a - b).abs()).collect() };
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / n as f64;
    let attack = |ladder: Option<&mut Ladder>| -> f64 {
        let (mut votes, mut ladder) = (vec![0.0; n], ladder);
        let mut rng = seed::stream(9, 0);
        for _ in 0..300 {
            let guess: Vec<f64> =
                (0..n).map(|_| f64::from(u8::from(seed::uniform(&mut rng) < 0.5))).collect();
            let losses = loss(&guess);
            let good = match &mut ladder {
                None => mean(&losses) < 0.5,
                Some(ladder) => ladder.ask_losses(&losses).unwrap().improved,
            };
            if good {
                votes.iter_mut().zip(&guess).for_each(|(vote, guess)| *vote += guess - 0.5);
            }
        }
        mean(&loss(&votes.iter().map(|&vote| f64::from(u8::from(vote > 0.0))).collect::<Vec<_>>()))
    };
    let mut ladder = Ladder::new();
    let (open, behind) = (attack(None), attack(Some(&mut ladder)));
    assert!(open < 0.4, "told all, the attack has {open}");
    assert!(behind > 0.45 && ladder.best().unwrap() > 0.45, "told by the ladder, it has {behind}");
}

fn rows(values: impl IntoIterator<Item = i64>) -> Dataset<mlsys_core::Test> {
    let column = Arc::new(Int64Array::from_iter_values(values)) as ArrayRef;
    Dataset::new(RecordBatch::try_from_iter([("x", column)]).unwrap()).unwrap().into_test_all()
}

#[test]
fn optimism_grows_with_what_was_asked() {
    // By hand: ln(2 / 0.05) = 3.6889, over 200 is 0.018444, of which the root is 0.13581.
    assert!((optimism(1, 100, 0.05) - 0.135_810).abs() < 1e-6);
    assert_eq!(optimism(1, 100, 0.05), optimism_adaptive(1, 100, 0.05));
    // ln(2 * 3 / 0.05) + 2 ln 101 = 4.787492 + 9.230241, over 200.
    assert!((optimism_adaptive(3, 100, 0.05) - 0.264_743).abs() < 1e-6);
    assert!(optimism(10, 100, 0.05) < optimism_adaptive(10, 100, 0.05));
}

#[test]
fn a_ledger_says_how_worn_the_rows_are() {
    let test = rows(0..1000);
    let mut ledger = TestLedger::new(&test).unwrap();
    assert!(ledger.report().unwrap().findings().is_empty());
    let ask = |ledger: &mut TestLedger, name: &str, value| {
        ledger.record(&test, Evaluation::new(name, "accuracy", value))
    };
    ask(&mut ledger, "first", 0.6).unwrap();
    assert!(ledger.report().unwrap().findings().is_empty());
    ask(&mut ledger, "second", 0.7).unwrap();
    // The bound of two is sqrt(ln 80 / 2000) = 0.0468.
    assert_eq!(ledger.report().unwrap().worst(), Some(Severity::Note));
    let wear = &ledger.wear().unwrap()[0];
    assert!((wear.lead_over_first - 0.1).abs() < 1e-12 && (wear.optimism.unwrap() - 0.046_808).abs() < 1e-6);
    for round in 0..100 {
        ask(&mut ledger, &format!("m{round}"), 0.7 + f64::from(round) * 1e-4).unwrap();
    }
    let report = ledger.report().unwrap();
    let finding = &report.findings()[0];
    assert_eq!((finding.severity, finding.evidence["asked"]), (Severity::Error, 102.0));
    assert!(finding.message.contains("`m99` has 0.7099"), "{}", finding.message);
    assert!((finding.evidence["lead_over_second"] - 1e-4).abs() < 1e-9);
    // Another metric has its own count; less is better; without a range there is no bound.
    let error = Evaluation::new("first", "rmse", 12.0).direction(Direction::Minimize).range(None);
    ledger.record(&test, error.clone()).unwrap();
    ledger
        .record(&test, Evaluation::new("second", "rmse", 11.0).direction(Direction::Minimize).range(None))
        .unwrap();
    let wear = &ledger.wear().unwrap()[1];
    assert_eq!(
        (wear.best.clone(), wear.lead_over_first, wear.optimism),
        (("second".into(), 11.0), 1.0, None)
    );
    let report = ledger.limit(500).report().unwrap();
    assert_eq!(report.worst(), Some(Severity::Note));
}

#[test]
fn a_ledger_is_of_one_test_part() {
    let batch = table::mixed(50, true);
    let test = Dataset::new(batch.clone()).unwrap().into_test_all();
    let mut ledger = TestLedger::new(&test).unwrap();
    let one = || Evaluation::new("m", "auc", 0.8);
    // The same rows in other encodings, in another order, with columns in another order.
    for (encoding, other) in table::encodings(&batch).unwrap() {
        let other = Dataset::new(other).unwrap().into_test_all();
        assert!(ledger.record(&other, one()).is_ok(), "{encoding}");
    }
    let reversed = Dataset::new(table::reversed(&batch).unwrap()).unwrap().into_test_all();
    ledger.record(&reversed, one()).unwrap();
    let order: Vec<usize> = (0..50).rev().collect();
    ledger.record(&test.take(&order).unwrap(), one()).unwrap();
    // Fewer rows, one row twice in place of another, fewer columns.
    let mut twice = order.clone();
    twice[0] = twice[1];
    for other in
        [test.slice(0, 49).unwrap(), test.take(&twice).unwrap(), test.select(["count", "word"]).unwrap()]
    {
        let error = ledger.record(&other, one()).unwrap_err();
        assert!(error.to_string().contains("start another"), "{error}");
    }
    assert_eq!(ledger.evaluations().len(), 9);
    assert!(TestLedger::new(&test.slice(0, 0).unwrap()).is_err());
}

#[test]
fn answers_that_make_no_sense_are_refused() {
    let test = rows(0..10);
    let mut ledger = TestLedger::new(&test).unwrap();
    let error =
        |ledger: &mut TestLedger, evaluation| ledger.record(&test, evaluation).unwrap_err().to_string();
    assert!(error(&mut ledger, Evaluation::new("m", "auc", f64::NAN)).contains("finite"));
    assert!(error(&mut ledger, Evaluation::new("m", "rmse", 3.0)).contains("`range`"));
    assert!(error(&mut ledger, Evaluation::new("m", "auc", 0.5).range(Some((1.0, 0.0)))).contains("range"));
    ledger.record(&test, Evaluation::new("m", "auc", 0.5)).unwrap();
    let other = Evaluation::new("m", "auc", 0.5).direction(Direction::Minimize);
    assert!(error(&mut ledger, other).contains("direction"));
    assert_eq!(ledger.evaluations().len(), 1);
    assert!(ledger.clone().delta(0.0).report().unwrap_err().to_string().contains("`delta`"));
    assert!(ledger.limit(0).report().unwrap_err().to_string().contains("`limit`"));
}

#[test]
fn lines_can_be_added_and_not_changed() {
    let test = rows(0..10);
    let mut ledger = TestLedger::new(&test).unwrap();
    for (name, value) in [("a", 0.1), ("b", 0.30000000000000004), ("c", 1.0 / 3.0)] {
        ledger.record(&test, Evaluation::new(name, "auc", value).note("\"quoted\", {}").time("t")).unwrap();
    }
    let text = ledger.to_json_lines().unwrap();
    assert_eq!(TestLedger::from_json_lines(&text).unwrap(), ledger);
    // A file grows: the first lines stay.
    let mut longer = ledger.clone();
    longer.record(&test, Evaluation::new("d", "auc", 0.4)).unwrap();
    assert!(longer.to_json_lines().unwrap().starts_with(&text));
    let lines: Vec<&str> = text.lines().collect();
    let bad = |lines: &[&str]| TestLedger::from_json_lines(&lines.join("\n")).unwrap_err().to_string();
    assert!(bad(&[lines[0], lines[2], lines[3]]).contains("as it was recorded"));
    let changed = lines[1].replace("0.1", "0.2");
    assert!(bad(&[lines[0], &changed]).contains("answer 1"));
    let other = lines[0].replace("\"rows\":10", "\"rows\":11");
    assert!(bad(&[&other, lines[1]]).contains("as it was recorded"));
    for broken in [
        "",
        "{}",
        "[1]",
        "\u{0}",
        &lines[0].replace(":1,", ":2,"),
        &lines[0].replace("\"rows\":10", "\"rows\":0"),
    ] {
        assert!(TestLedger::from_json_lines(broken).is_err(), "{broken}");
    }
}

/// The ladder as the paper writes it, from the start each time.
fn naive(losses: &[Vec<f64>]) -> f64 {
    let n = losses[0].len() as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / n;
    let (mut told, mut best) = (f64::INFINITY, vec![0.0; losses[0].len()]);
    for round in losses {
        let difference: Vec<f64> = round.iter().zip(&best).map(|(a, b)| a - b).collect();
        let variance = difference.iter().map(|d| (d - mean(&difference)).powi(2)).sum::<f64>() / (n - 1.0);
        if mean(round) < told - variance.sqrt() / n.sqrt() {
            told = (mean(round) * n).round() / n;
            best = round.clone();
        }
    }
    told
}

proptest! {
    #[test]
    fn the_ladder_is_the_papers(rounds in prop::collection::vec(prop::collection::vec(0..2u8, 12), 1..20)) {
        let rounds: Vec<Vec<f64>> = rounds.iter().map(|r| r.iter().map(|&x| f64::from(x)).collect()).collect();
        let mut ladder = Ladder::new();
        for (place, round) in rounds.iter().enumerate() {
            let told = ladder.ask_losses(round).unwrap();
            prop_assert!((told.value - naive(&rounds[..=place])).abs() < 1e-12);
        }
    }

    #[test]
    fn what_is_told_only_gets_better(scores in prop::collection::vec(0.0..1.0f64, 1..40), step in 0.001..0.3f64) {
        let mut ladder = Ladder::new().step(step);
        let (mut last, mut best) = (f64::INFINITY, f64::INFINITY);
        for score in scores {
            let told = ladder.ask(score).unwrap();
            best = best.min(score);
            prop_assert!(told.value <= last + 1e-12);
            prop_assert!(told.improved == (score < last - step));
            // Never far from the best there was.
            prop_assert!(told.value - best <= 1.5 * step + 1e-12);
            last = told.value;
        }
    }

    #[test]
    fn hostile_lines_are_errors(text in ".{0,200}") {
        prop_assert!(TestLedger::from_json_lines(&text).is_err());
    }
}

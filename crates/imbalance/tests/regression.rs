//! Resampling by a continuous target: relevance, parts, and what every new row is made of, by naive loops.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int32Array, RecordBatch, StringArray,
};
use mlsys_core::arrow::compute::cast;
use mlsys_core::arrow::datatypes::{DataType, Int32Type};
use mlsys_core::{Dataset, ErrorKind, Resample, Train, column};
use mlsys_imbalance::{
    Extremes, FittedRelevance, Origin, PartSizes, Plan, PlanResample, Relevance, Smogn, Smoter,
};
use proptest::prelude::*;

/// Two numbers, a word and the target.
type Row = (f64, f64, Option<usize>, f64);
type Rows = Vec<Row>;

const WORDS: [&str; 3] = ["a", "b", "c"];

fn table(rows: &Rows) -> Dataset<Train> {
    let number = |of: &dyn Fn(&Row) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(rows.iter().map(of)))
    };
    let words: StringArray = rows.iter().map(|row| row.2.map(|word| WORDS[word])).collect();
    let columns: [(&str, ArrayRef); 5] = [
        ("x0", number(&|row| row.0)),
        ("x1", number(&|row| row.1)),
        ("word", Arc::new(words)),
        ("other", Arc::new(BooleanArray::from_iter((0..rows.len()).map(|row| Some(row % 2 == 0))))),
        ("y", number(&|row| row.3)),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(n, a)| (n, a, true))).unwrap();
    Dataset::new(batch).unwrap().target("y").unwrap().ignore(["other"]).unwrap().into_train_all()
}

/// Rare from 10 on.
fn high() -> Relevance {
    Relevance::through([(0.0, 0.0), (20.0, 1.0)])
}

fn rows() -> impl proptest::strategy::Strategy<Value = Rows> {
    let value = || prop_oneof![9 => (-8i32..8).prop_map(f64::from), 1 => Just(f64::NAN)];
    let word = prop_oneof![5 => (0usize..3).prop_map(Some), 1 => Just(None)];
    let target = prop_oneof![3 => 0.0..9.9, 1 => 10.0..30.0];
    prop::collection::vec((value(), value(), word, target), 20..60)
}

/// The places of a part, and one over the range of both numbers there.
fn part(rows: &Rows, rare: bool) -> (Vec<usize>, [f64; 2]) {
    let own: Vec<usize> = (0..rows.len()).filter(|&row| (rows[row].3 >= 10.0) == rare).collect();
    let inverse = |of: &dyn Fn(usize) -> f64| {
        let there: Vec<f64> = own.iter().map(|&row| of(row)).filter(|x| !x.is_nan()).collect();
        let range =
            there.iter().copied().fold(f64::MIN, f64::max) - there.iter().copied().fold(f64::MAX, f64::min);
        if range > 0.0 { 1.0 / range } else { 0.0 }
    };
    let inverse = [inverse(&|row| rows[row].0), inverse(&|row| rows[row].1)];
    (own, inverse)
}

/// HEOM.
fn distance(rows: &Rows, a: usize, b: usize, inverse: [f64; 2]) -> f64 {
    let number = |x: f64, y: f64, inverse: f64| match x.is_nan() || y.is_nan() {
        true => 1.0,
        false if inverse == 0.0 => f64::from(u8::from(x != y)),
        false => ((x - y) * inverse).powi(2),
    };
    let (a, b) = (rows[a], rows[b]);
    let word = if a.2.is_none() || b.2.is_none() || a.2 != b.2 { 1.0 } else { 0.0 };
    (number(a.0, b.0, inverse[0]) + number(a.1, b.1, inverse[1]) + word).sqrt()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * (1.0 + a.abs()) || a.is_nan() && b.is_nan()
}

struct Values {
    x: [Vec<f64>; 2],
    words: Vec<Option<usize>>,
    y: Vec<f64>,
}

fn values(data: &Dataset<Train>) -> Values {
    let floats = |name: &str| column::floats(name, data.column(name).unwrap()).unwrap().to_vec();
    let words = data.column("word").unwrap().as_string::<i32>();
    let word =
        |row: usize| words.is_valid(row).then(|| WORDS.iter().position(|w| *w == words.value(row)).unwrap());
    Values { x: [floats("x0"), floats("x1")], words: (0..data.n_rows()).map(word).collect(), y: floats("y") }
}

/// That a row is between two, as its words say.
fn is_between(
    rows: &Rows,
    made: &Values,
    at: usize,
    (base, neighbor, gap): (usize, usize, f64),
    inverse: [f64; 2],
) {
    let (a, b) = (rows[base], rows[neighbor]);
    let mut distances = [0.0, 0.0];
    for (c, (a, b)) in [(a.0, b.0), (a.1, b.1)].into_iter().enumerate() {
        let expected = if a.is_nan() || b.is_nan() { a } else { a + gap * (b - a) };
        assert!(close(made.x[c][at], expected), "{} is not {expected}", made.x[c][at]);
        if !a.is_nan() && !b.is_nan() {
            distances[0] += (gap * (b - a) * inverse[c]).powi(2);
            distances[1] += ((1.0 - gap) * (b - a) * inverse[c]).powi(2);
        }
    }
    assert!(made.words[at] == a.2 || made.words[at] == b.2);
    if a.2 != b.2 {
        distances[usize::from(made.words[at] == a.2)] += 1.0;
    }
    let [from, to] = distances.map(f64::sqrt);
    let expected = if from + to == 0.0 { (a.3 + b.3) / 2.0 } else { (to * a.3 + from * b.3) / (from + to) };
    assert!(close(made.y[at], expected), "{} is not {expected}", made.y[at]);
}

proptest! {
    #[test]
    fn smoter_by_loops(rows in rows(), k in 1usize..5, seed in any::<u64>()) {
        let data = table(&rows);
        let smoter = Smoter::new().relevance(high()).k_neighbors(k).seed(seed);
        let (rare, inverse) = part(&rows, true);
        let (normal, _) = part(&rows, false);
        prop_assume!(rare.len() >= 2 && normal.len() > rare.len());
        let plan = smoter.plan(&data).unwrap();
        let half = (rows.len() as f64 / 2.0).round_ties_even() as usize;
        // Rare rows stay, and become half of all.
        prop_assert!(rare.iter().all(|&row| plan.kept().contains(&(row as u32))));
        prop_assert_eq!(plan.kept().len(), rare.len() + half);
        prop_assert_eq!(plan.synthetic().len(), half - rare.len());
        let sorted: Vec<u32> = { let mut kept = plan.kept().to_vec(); kept.sort_unstable(); kept.dedup(); kept };
        prop_assert_eq!(&sorted, plan.kept());
        let made = smoter.resample(data.clone()).unwrap();
        let found = values(&made);
        for (at, new) in plan.synthetic().iter().enumerate() {
            let (base, neighbor) = (new.base as usize, new.neighbor as usize);
            let mut near: Vec<(f64, usize)> = rare.iter().filter(|&&row| row != base).map(|&row| (distance(&rows, base, row, inverse), row)).collect();
            near.sort_by(|a, b| a.0.total_cmp(&b.0));
            let reach = near[k.min(near.len()) - 1].0;
            prop_assert!(neighbor != base && distance(&rows, base, neighbor, inverse) <= reach + 1e-9);
            is_between(&rows, &found, plan.kept().len() + at, (base, neighbor, new.gap), inverse);
            let is_right = matches!(plan.origin(plan.kept().len() + at), Some(Origin::Between { base, .. }) if base == u64::from(new.base));
            prop_assert!(is_right);
        }
        let stored = serde_json::to_string(&plan).unwrap();
        let again: Plan = serde_json::from_str(&stored).unwrap();
        prop_assert_eq!(&again, &plan);
        // NaN is no equal of itself.
        prop_assert_eq!(format!("{:?}", again.apply(&data).unwrap().batch()), format!("{:?}", made.batch()));
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            prop_assert_eq!(&pool.install(|| smoter.plan(&data)).unwrap(), &plan);
        }
    }

    #[test]
    fn smogn_by_loops(rows in rows(), k in 1usize..5, seed in any::<u64>(), noise in 0.0..0.5) {
        let data = table(&rows);
        let smogn = Smogn::new().relevance(high()).k_neighbors(k).seed(seed).noise(noise);
        let (rare, inverse) = part(&rows, true);
        let (normal, _) = part(&rows, false);
        prop_assume!(rare.len() >= 2 && normal.len() > rare.len());
        let plan = smogn.plan(&data).unwrap();
        let made = plan.apply(&data).unwrap();
        let found = values(&made);
        let kept = plan.kept().len();
        for (at, new) in plan.synthetic().iter().enumerate() {
            let (base, neighbor) = (new.base as usize, new.neighbor as usize);
            let mut all: Vec<f64> = rare.iter().filter(|&&row| row != base).map(|&row| distance(&rows, base, row, inverse)).collect();
            all.sort_by(f64::total_cmp);
            let median = (all[(all.len() - 1) / 2] + all[all.len() / 2]) / 2.0;
            match plan.origin(kept + at).unwrap() {
                Origin::Between { base: id, .. } => {
                    prop_assert_eq!(id, base as u64);
                    let far = distance(&rows, base, neighbor, inverse);
                    prop_assert!(far < median / 2.0 + 1e-9 || far == 0.0);
                    is_between(&rows, &found, kept + at, (base, neighbor, new.gap), inverse);
                }
                _ => {
                    // Some neighbour is far, and noise is no more than eight standard deviations.
                    prop_assert!(all[k.min(all.len()) - 1] >= median / 2.0 - 1e-9);
                    let width = |of: &dyn Fn(usize) -> f64| {
                        let there: Vec<f64> = rare.iter().map(|&row| of(row)).filter(|x| !x.is_nan()).collect();
                        let mean = there.iter().sum::<f64>() / there.len() as f64;
                        let squares: f64 = there.iter().map(|x| (x - mean) * (x - mean)).sum();
                        if there.len() < 2 { 0.0 } else { (squares / (there.len() - 1) as f64).sqrt() }
                    };
                    let limit = 8.0 * noise.min(median / 2.0);
                    for (c, of) in [|row: &Row| row.0, |row: &Row| row.1].into_iter().enumerate() {
                        let (a, x) = (of(&rows[base]), found.x[c][kept + at]);
                        prop_assert!(a.is_nan() && x.is_nan() || (x - a).abs() <= limit * width(&|row| of(&rows[row])) + 1e-9);
                    }
                    let y = found.y[kept + at];
                    prop_assert!((y - rows[base].3).abs() <= limit * width(&|row| rows[row].3) + 1e-9);
                    prop_assert!(rare.iter().any(|&row| rows[row].2 == found.words[kept + at]));
                }
            }
        }
        let stored = serde_json::to_string(&plan).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Plan>(&stored).unwrap(), &plan);
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            prop_assert_eq!(&pool.install(|| smogn.plan(&data)).unwrap(), &plan);
        }
    }

    #[test]
    fn relevance_is_monotone_between_points(points in prop::collection::vec((-100i32..100, 0.0..1.0), 2..7), values in prop::collection::vec(-120.0..120.0, 1..50)) {
        let mut values: Vec<f64> = values;
        let result = Relevance::through(points.iter().map(|&(x, a)| (f64::from(x), a))).of_values(&[]);
        let mut places: Vec<i32> = points.iter().map(|point| point.0).collect();
        places.sort_unstable();
        places.dedup();
        prop_assert_eq!(result.is_ok(), places.len() == points.len());
        let Ok(relevance) = result else { return Ok(()) };
        for point in relevance.points() {
            prop_assert!(close(relevance.at(point.value), point.relevance));
        }
        values.sort_by(f64::total_cmp);
        for pair in values.windows(2) {
            let [a, b] = [relevance.at(pair[0]), relevance.at(pair[1])];
            prop_assert!((0.0..=1.0).contains(&a));
            let of = |value: f64| relevance.points().iter().filter(|point| point.value <= value).count();
            if let (before, after) = (of(pair[0]), of(pair[1])) && before == after && before > 0 && before < relevance.points().len() {
                let [low, high] = [before - 1, before].map(|at| relevance.points()[at].relevance);
                prop_assert!((b - a) * (high - low) >= -1e-9, "{:?}: {} {}", relevance.points(), a, b);
            }
        }
        let stored = serde_json::to_string(&relevance).unwrap();
        prop_assert_eq!(serde_json::from_str::<FittedRelevance>(&stored).unwrap(), relevance);
    }
}

/// A line of `n` rows, of which the target is given.
fn line(y: &[f64]) -> Dataset<Train> {
    table(&y.iter().enumerate().map(|(row, &y)| (row as f64, 0.0, Some(row % 3), y)).collect())
}

fn sizes(plan: &Plan, data: &Dataset<Train>, from: f64) -> [usize; 2] {
    let y = values(&plan.apply(data).unwrap()).y;
    let rare = y.iter().filter(|&&y| y >= from).count();
    [y.len() - rare, rare]
}

#[test]
fn how_many_rows_each_part_has() {
    let y: Vec<f64> = (0..100).map(|row| if row < 90 { f64::from(row % 10) } else { 20.0 }).collect();
    let data = line(&y);
    let of = |kind: PartSizes| {
        sizes(&Smoter::new().relevance(high()).sizes(kind).plan(&data).unwrap(), &data, 10.0)
    };
    assert_eq!(of(PartSizes::Balance), [50, 50]);
    assert_eq!(of(PartSizes::Extreme), [10, 90]);
    assert_eq!(of(PartSizes::Factors { rare: 2.5, normal: 0.1 }), [9, 25]);
    assert_eq!(of(PartSizes::Factors { rare: 1.0, normal: 1.0 }), [90, 10]);
    // A part has a row at least.
    assert_eq!(of(PartSizes::Factors { rare: 1.0, normal: 1e-300 }), [1, 10]);
    // Rows of weight 0 are none.
    let rows: Rows = y
        .iter()
        .enumerate()
        .map(|(row, &y)| (row as f64, f64::from(u8::from(row % 3 > 0)), None, y))
        .collect();
    let weighed = table(&rows).weight("x1").unwrap();
    let plan = Smoter::new().relevance(high()).plan(&weighed).unwrap();
    assert!(plan.kept().iter().all(|row| row % 3 > 0));
    assert!(plan.synthetic().iter().all(|new| new.base % 3 > 0 && new.neighbor % 3 > 0));
    assert_eq!(sizes(&plan, &weighed, 10.0).iter().sum::<usize>(), 66);
}

#[test]
fn low_middle_and_high_parts() {
    let mut y: Vec<f64> = (0..93).map(|row| 100.0 + f64::from(row % 31)).collect();
    y.extend([-500.0, -510.0, -520.0, 900.0, 910.0, 920.0, 930.0]);
    let data = line(&y);
    let after = |extremes: Extremes| {
        let smoter = Smoter::new().relevance(Relevance::new().extremes(extremes));
        let y = values(&smoter.resample(data.clone()).unwrap()).y;
        [y.iter().filter(|&&y| y < 0.0).count(), y.iter().filter(|&&y| y > 500.0).count(), y.len()]
    };
    let [low, high, all] = after(Extremes::Both);
    assert!(low >= 3 && high >= 4 && all.abs_diff(100) <= 2, "{low} {high} {all}");
    let relevance = Relevance::new().of(&data).unwrap();
    assert_eq!([-520.0, 115.0, 930.0].map(|y| relevance.at(y)), [1.0, 0.0, 1.0]);
    let only = Relevance::new().extremes(Extremes::High).of(&data).unwrap();
    assert_eq!([-520.0, 115.0, 930.0].map(|y| only.at(y)), [0.0, 0.0, 1.0]);
}

#[test]
fn whole_targets_and_equal_rows() {
    let y: Vec<i32> = (0..40).map(|row| if row < 30 { row % 10 } else { 20 + row }).collect();
    let x = Arc::new(Float64Array::from_iter_values((0..40).map(f64::from)));
    let batch =
        RecordBatch::try_from_iter([("x", x as ArrayRef), ("y", Arc::new(Int32Array::from(y.clone())))])
            .unwrap();
    let data = Dataset::new(batch).unwrap().target("y").unwrap().into_train_all();
    let plan = Smoter::new().relevance(high()).plan(&data).unwrap();
    let made = plan.apply(&data).unwrap();
    let found = made.column("y").unwrap().as_primitive::<Int32Type>();
    for (at, new) in plan.synthetic().iter().enumerate() {
        let (a, b) = (f64::from(y[new.base as usize]), f64::from(y[new.neighbor as usize]));
        let exact = a + new.gap * (b - a);
        assert!((f64::from(found.value(plan.kept().len() + at)) - exact).abs() <= 0.5 + 1e-9);
    }
    // Rows that are equal but for the target: the mean of the two.
    let equal: Rows =
        (0..30).map(|row| (1.0, 2.0, Some(1), if row < 24 { 0.0 } else { 20.0 + f64::from(row) })).collect();
    let data = table(&equal);
    for plan in [Smoter::new().relevance(high()).plan(&data), Smogn::new().relevance(high()).plan(&data)] {
        let plan = plan.unwrap();
        let y = values(&plan.apply(&data).unwrap()).y;
        for (at, new) in plan.synthetic().iter().enumerate() {
            assert!(matches!(plan.origin(plan.kept().len() + at), Some(Origin::Between { .. })));
            let mean = (equal[new.base as usize].3 + equal[new.neighbor as usize].3) / 2.0;
            assert!(close(y[plan.kept().len() + at], mean));
        }
    }
}

#[test]
fn slices_and_dictionaries_are_the_same_rows() {
    let y: Vec<f64> =
        (0..60).map(|row| if row % 6 == 0 { f64::from(20 + row) } else { f64::from(row % 10) }).collect();
    let whole = line(&y);
    let words = |data: &Dataset<Train>| {
        let batch = data.batch();
        let columns = batch.schema_ref().fields().iter().zip(batch.columns()).map(|(field, array)| {
            let array = match field.name().as_str() {
                "word" => {
                    let keys = DataType::Dictionary(DataType::Int8.into(), DataType::Utf8.into());
                    cast(array, &keys).unwrap()
                }
                _ => array.clone(),
            };
            (field.name().clone(), array, true)
        });
        let batch = RecordBatch::try_from_iter_with_nullable(columns.collect::<Vec<_>>()).unwrap();
        Dataset::new(batch).unwrap().target("y").unwrap().ignore(["other"]).unwrap().into_train_all()
    };
    let (slice, taken) = (whole.slice(7, 50).unwrap(), whole.take(&(7..57).collect::<Vec<_>>()).unwrap());
    for resampler in [&Smoter::new().relevance(high()) as &dyn PlanResample, &Smogn::new().relevance(high())]
    {
        let (a, b) = (resampler.plan(&slice).unwrap(), resampler.plan(&taken).unwrap());
        assert_eq!(a, b);
        assert!(a.apply(&slice).unwrap().batch() == b.apply(&taken).unwrap().batch());
        let (plain, coded) = (resampler.plan(&whole).unwrap(), resampler.plan(&words(&whole)).unwrap());
        assert_eq!(plain, coded);
    }
}

#[test]
fn refused() {
    let y: Vec<f64> = (0..40).map(|row| if row < 30 { 0.0 } else { 20.0 }).collect();
    let smoter = || Smoter::new().relevance(high());
    // None of the target is rare, or all.
    for y in [vec![1.0; 20], vec![30.0; 20]] {
        let error = smoter().plan(&line(&y)).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::InvalidValue { .. }) && error.column() == Some("y"),
            "{error}"
        );
    }
    assert!(Smoter::new().plan(&line(&(0..20).map(f64::from).collect::<Vec<_>>())).is_err());
    // A boxplot without a box.
    let flat: Vec<f64> = (0..40).map(|row| if row < 35 { 0.0 } else { 20.0 }).collect();
    let error = Smoter::new().plan(&line(&flat)).unwrap_err();
    assert!(error.to_string().contains("Relevance::through"), "{error}");
    let one: Vec<f64> = (0..40).map(|row| if row < 39 { 0.0 } else { 20.0 }).collect();
    let error = smoter().plan(&line(&one)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooFewRows { need: 2, found: 1, .. }), "{error}");
    assert!(error.to_string().contains("from 20 to 20"), "{error}");
    for bad in [f64::NAN, f64::INFINITY] {
        let mut y = y.clone();
        y[3] = bad;
        assert!(smoter().plan(&line(&y)).is_err() && Smogn::new().plan(&line(&y)).is_err());
    }
    assert!(smoter().plan(&line(&[])).is_err());
    // A text is no such target, nor is a truth.
    let batch = line(&y).batch().clone();
    for (name, ok) in [("word", false), ("other", false), ("x0", true)] {
        let data = Dataset::new(batch.clone()).unwrap().target(name).unwrap().into_train_all();
        let found = Smoter::new().relevance(Relevance::through([(10.0, 0.0), (30.0, 1.0)])).plan(&data);
        assert_eq!(found.is_ok(), ok, "{name}: {found:?}");
    }
    let huge: Vec<f64> = (0..20)
        .map(|row| {
            if row < 16 {
                0.0
            } else if row % 2 == 0 {
                1.7e308
            } else {
                10.0
            }
        })
        .collect();
    assert!(smoter().plan(&line(&huge)).unwrap().apply(&line(&huge)).is_ok());
    assert!(
        Smogn::new().relevance(high()).noise(1e308).plan(&line(&huge)).unwrap().apply(&line(&huge)).is_ok()
    );
    assert!(smoter().k_neighbors(usize::MAX).plan(&line(&y)).is_ok());
    for points in [
        vec![],
        vec![(0.0, 0.0)],
        vec![(0.0, 0.0), (0.0, 1.0)],
        vec![(0.0, 0.0), (f64::NAN, 1.0)],
        vec![(0.0, -0.1), (1.0, 1.0)],
        vec![(-1.7e308, 0.0), (1.7e308, 1.0)],
    ] {
        let error = Relevance::through(points).of_values(&[1.0]).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::InvalidParameter { name, .. } if name == "points"),
            "{error}"
        );
    }
    assert!(Relevance::new().of_values(&[]).is_err() && Relevance::new().of_values(&[f64::NAN]).is_err());
    assert_eq!(Relevance::new().of_values(&[4.0; 9]).unwrap().of(&[3.0, 4.0, 5.0]), [0.0; 3]);
    assert!(Relevance::new().of_values(&[4.0]).unwrap().at(f64::NAN).is_nan());
    assert!(serde_json::from_str::<FittedRelevance>(r#"{"points":[]}"#).is_err());
    let twice =
        r#"{"points":[{"value":1.0,"relevance":0.5,"slope":0.0},{"value":1.0,"relevance":0.5,"slope":0.0}]}"#;
    assert!(serde_json::from_str::<FittedRelevance>(twice).is_err());
    let stored = serde_json::to_string(&Smogn::new().relevance(high()).seed(3)).unwrap();
    assert_eq!(serde_json::from_str::<Smogn>(&stored).unwrap(), Smogn::new().relevance(high()).seed(3));
    assert!(serde_json::from_str::<Smoter>(r#"{"noise":0.1}"#).is_err());
}

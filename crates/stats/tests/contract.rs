//! Every statistic of the crate keeps the contract.

#![allow(clippy::unwrap_used)]

use mlsys_core::statistic::state_of;
use mlsys_core::{ErrorKind, Statistic};
use mlsys_stats::{
    Column, ColumnStatistic, Contingency, Counts, CountsSummary, Covariance, Distinct, DistinctSummary,
    HeavyHitters, HeavyHittersSummary, Histogram, MinMax, Missing, Moments, MomentsSummary, Profile,
    Quantiles, QuantilesSummary, Retract, TargetAs, TargetByCategory, TargetByCategorySummary,
};
use mlsys_testkit::StatisticContract;

const NUMBERS: [&str; 3] = ["number", "count", "flag"];
const ALL: [&str; 6] = ["number", "count", "größe 量", "flag", "word", "when"];

fn moments(output: &[(String, MomentsSummary)]) -> Vec<f64> {
    let each =
        |(_, m): &(String, MomentsSummary)| [m.count() as f64, m.weight(), m.mean(), m.m2(), m.m3(), m.m4()];
    output.iter().flat_map(each).collect()
}

fn quantiles(output: &[(String, QuantilesSummary)]) -> Vec<f64> {
    let each =
        |(_, q): &(String, QuantilesSummary)| [0.0, 0.1, 0.5, 0.99, 1.0].map(|p| q.quantile(p).unwrap());
    output.iter().flat_map(each).collect()
}

fn counts(output: &[(String, CountsSummary)]) -> Vec<f64> {
    let each = |(_, c): &(String, CountsSummary)| {
        let values = c.values.iter().flat_map(|v| v.iter()).flat_map(|v| [v.rows as f64, v.weight]);
        [c.rows as f64, c.missing as f64, c.missing_weight].into_iter().chain(values).collect::<Vec<_>>()
    };
    output.iter().flat_map(each).collect()
}

#[test]
fn moments_merge() {
    StatisticContract::new("Moments", Moments::new().over(NUMBERS)).tolerance(1e-11).run(|o| moments(o));
    let weighted = Moments::new().over(NUMBERS).weight(Some("weight"));
    StatisticContract::new("Moments weighted", weighted).tolerance(1e-11).run(|o| moments(o));
}

#[test]
fn quantiles_merge() {
    StatisticContract::new("Quantiles", Quantiles::new().over(NUMBERS)).run(|o| quantiles(o));
    let weighted = Quantiles::new().over(NUMBERS).weight(Some("weight"));
    StatisticContract::new("Quantiles weighted", weighted).run(|o| quantiles(o));
}

#[test]
fn sketched_quantiles_keep_their_bits_in_the_drivers() {
    let sketch = Quantiles::new().exact_up_to(50).k(200).over(NUMBERS);
    let contract = StatisticContract::new("Quantiles sketched", sketch);
    contract
        .skip("merge", "a sketch's result depends on the order of merges, within its rank error")
        .run(|o| quantiles(o));
}

#[test]
fn counts_merge() {
    StatisticContract::new("Counts", Counts::new().over(ALL)).run(|o| counts(o));
    StatisticContract::new("Counts capped", Counts::new().cap(20).over(ALL)).run(|o| counts(o));
    let weighted = Counts::new().over(ALL).weight(Some("weight"));
    StatisticContract::new("Counts weighted", weighted).run(|o| counts(o));
}

#[test]
fn extremes_and_missing_merge() {
    StatisticContract::new("Missing", Missing::new().over(ALL))
        .run(|o| o.iter().flat_map(|(_, m)| [m.rows as f64, m.nulls as f64, m.nans as f64]).collect());
    StatisticContract::new("MinMax", MinMax::new().over(ALL)).run(|o| {
        let ends = o.iter().flat_map(|(_, m)| [m.min.clone(), m.max.clone()]);
        ends.map(|c| c.map_or(-1.0, |c| c.as_f64().unwrap_or_else(|| c.to_string().len() as f64))).collect()
    });
}

#[test]
fn profile_and_tuples_merge() {
    StatisticContract::new("Profile", Profile::new()).tolerance(1e-11).run(|o| {
        let each = o.columns.iter().map(|c| {
            let mean = c.moments.map_or(0.0, |m| m.mean());
            mean + c.distinct().unwrap_or(0) as f64 + c.missing.missing() as f64
        });
        each.collect()
    });
    let pair = (Missing::new().over(ALL), Counts::new().over(ALL));
    StatisticContract::new("(Missing, Counts)", pair)
        .run(|(m, c)| m.iter().map(|(_, m)| m.missing() as f64).chain(counts(c)).collect());
}

#[test]
fn distinct_counts_merge() {
    let numbers = |o: &Vec<(String, DistinctSummary)>| o.iter().map(|(_, d)| d.estimate()).collect();
    StatisticContract::new("Distinct", Distinct::new().over(ALL)).run(numbers);
    StatisticContract::new("Distinct weighted", Distinct::new().over(ALL).weight(Some("weight")))
        .run(numbers);
    let sketched = Distinct::new().exact_up_to(3).precision(6).over(ALL);
    StatisticContract::new("Distinct sketched", sketched).run(numbers);
}

#[test]
fn heavy_hitters_merge() {
    let numbers = |o: &Vec<(String, HeavyHittersSummary)>| {
        o.iter().flat_map(|(_, h)| h.values.iter().map(|c| c.weight).chain([h.error, h.weight])).collect()
    };
    StatisticContract::new("HeavyHitters", HeavyHitters::new(400).over(ALL)).run(numbers);
    StatisticContract::new("HeavyHitters pruned", HeavyHitters::new(5).over(ALL))
        .skip("merge", "which rare values survive depends on how the rows are divided, within the error")
        .run(numbers);
}

#[test]
fn tables_merge() {
    let histogram = Histogram::uniform(-5.0, 20.0, 10);
    StatisticContract::new("Histogram", histogram.clone().over(NUMBERS)).run(|o| {
        o.iter().flat_map(|(_, h)| h.weights.clone().into_iter().chain([h.below, h.missing])).collect()
    });
    StatisticContract::new("Histogram weighted", histogram.over(NUMBERS).weight(Some("weight")))
        .run(|o| o.iter().flat_map(|(_, h)| h.weights.clone()).collect());
    for (name, weight) in [("Contingency", None), ("Contingency weighted", Some("weight"))] {
        StatisticContract::new(name, Contingency::new("word", "count").weight(weight))
            .run(|o| o.weights.iter().copied().chain([o.missing]).collect());
    }
    for (name, weight) in [("Covariance", None), ("Covariance weighted", Some("weight"))] {
        StatisticContract::new(name, Covariance::of(NUMBERS).weight(weight))
            .tolerance(1e-11)
            .run(|o| o.products.iter().chain(&o.means).copied().chain([o.incomplete as f64]).collect());
    }
}

#[test]
fn targets_by_category_merge() {
    let numbers = |o: &TargetByCategorySummary| {
        let spreads = o.columns.iter().flat_map(|(_, groups)| groups.iter().flat_map(|(_, spreads)| spreads));
        spreads.flat_map(|s| [s.rows as f64, s.weight, s.mean, s.m2]).collect::<Vec<_>>()
    };
    let columns = ["word", "count", "flag", "when"];
    for (name, weight) in [("", None), (", weighted", Some("weight"))] {
        let of_number = TargetByCategory::new(columns, "value").weight(weight);
        StatisticContract::new(&format!("TargetByCategory{name}"), of_number).tolerance(1e-11).run(numbers);
        for target in ["label", "kind"] {
            let of_classes =
                TargetByCategory::new(columns, target).target_as(TargetAs::Classes).weight(weight);
            let contract = StatisticContract::new(&format!("TargetByCategory, {target}{name}"), of_classes);
            // Weights that are not whole add up with rounding.
            contract.tolerance(if weight.is_some() { 1e-11 } else { 0.0 }).run(numbers);
        }
    }
    let tight = TargetByCategory::new(columns, "kind").target_as(TargetAs::Classes).cap(7);
    let batch = mlsys_testkit::table::mixed(300, true);
    let error = tight.finish(&state_of(&tight, &batch).unwrap()).unwrap_err().to_string();
    assert!(error.contains("`word`") && error.contains("cap"), "{error}");
    let tight = tight.cap(2);
    let error = tight.finish(&state_of(&tight, &batch).unwrap()).unwrap_err();
    assert!(error.to_string().contains("`kind`"), "{error}");
}

/// Taking a part out again leaves what the other part alone gives.
#[test]
fn exact_states_retract() {
    fn check<S: Retract<State: PartialEq + std::fmt::Debug> + Copy>(name: &str, recipe: S) {
        let batch = mlsys_testkit::table::mixed(300, true);
        for (field, array) in
            batch.schema().fields().iter().zip(batch.columns()).filter(|(f, _)| f.name() == "count")
        {
            let state = |offset: usize, rows: usize| {
                let mut state = recipe.init(field).unwrap();
                let part = array.slice(offset, rows);
                recipe.update(&mut state, &Column::new(field.name(), &part, None).unwrap()).unwrap();
                state
            };
            let mut all = state(0, 300);
            recipe.retract(&mut all, &state(0, 120)).unwrap();
            assert_eq!(all, state(120, 180), "{name}");
            assert!(recipe.retract(&mut all, &state(0, 300)).is_err(), "{name}: took out more than there is");
        }
    }
    check("Missing", Missing::new());
    check("Counts", Counts::new());
    let batch = mlsys_testkit::table::mixed(300, true);
    let histogram = Histogram::uniform(0.0, 40.0, 7);
    let of = |rows: std::ops::Range<usize>| {
        let array = batch.column(1).slice(rows.start, rows.len());
        let mut state = histogram.init(batch.schema().field(1)).unwrap();
        histogram.update(&mut state, &Column::new("count", &array, None).unwrap()).unwrap();
        state
    };
    let mut all = of(0..300);
    histogram.retract(&mut all, &of(0..120)).unwrap();
    assert_eq!(all, of(120..300));
    let table = Contingency::new("word", "kind");
    let mut all = state_of(&table, &batch).unwrap();
    table.retract(&mut all, &state_of(&table, &batch.slice(0, 120)).unwrap()).unwrap();
    assert_eq!(table.finish(&all).unwrap().weights.sum(), {
        let rest = state_of(&table, &batch.slice(120, 180)).unwrap();
        table.finish(&rest).unwrap().weights.sum()
    });
}

#[test]
fn absurd_parameters_and_columns_are_refused() {
    let schema = mlsys_testkit::table::mixed(1, false).schema();
    let parameter = |error: mlsys_core::Error, name: &str| {
        assert!(matches!(error.kind(), ErrorKind::InvalidParameter { name: n, .. } if n == name), "{error}");
    };
    parameter(Distinct::new().precision(3).over(["word"]).init(&schema).unwrap_err(), "precision");
    parameter(HeavyHitters::new(0).over(["word"]).init(&schema).unwrap_err(), "capacity");
    for edges in [vec![], vec![1.0], vec![1.0, 1.0], vec![0.0, f64::NAN], vec![0.0, f64::INFINITY]] {
        parameter(Histogram::with_edges(edges).over(["number"]).init(&schema).unwrap_err(), "edges");
    }
    parameter(Contingency::new("word", "kind").cap(0).init(&schema).unwrap_err(), "cap");
    parameter(TargetByCategory::new(["word"], "value").cap(0).init(&schema).unwrap_err(), "cap");
    parameter(TargetByCategory::new(["word", "word"], "value").init(&schema).unwrap_err(), "columns");
    parameter(Covariance::of([""; 0]).init(&schema).unwrap_err(), "columns");
    for error in [
        Histogram::uniform(0.0, 1.0, 2).over(["word"]).init(&schema).unwrap_err(),
        Covariance::of(["number", "word"]).init(&schema).unwrap_err(),
        TargetByCategory::new(["word"], "kind").init(&schema).unwrap_err(),
    ] {
        assert!(matches!(error.kind(), ErrorKind::ColumnType { .. }), "{error}");
    }
    let missing = Contingency::new("word", "nowhere").init(&schema).unwrap_err();
    assert!(matches!(missing.kind(), ErrorKind::MissingColumn { .. }), "{missing}");
    // A table that would not fit is given up, and says so when it is read.
    let batch = mlsys_testkit::table::mixed(300, false);
    let narrow = Contingency::new("number", "größe 量").cap(100);
    let error = narrow.finish(&state_of(&narrow, &batch).unwrap()).unwrap_err();
    assert!(error.to_string().contains("number") && error.to_string().contains("cap"), "{error}");
}

//! Every statistic of the crate keeps the contract.

#![allow(clippy::unwrap_used)]

use mlsys_stats::{
    ColumnStatistic, Counts, CountsSummary, MinMax, Missing, Moments, MomentsSummary, Profile,
};
use mlsys_stats::{Quantiles, QuantilesSummary};
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
        let values = c.values.iter().flatten().flat_map(|v| [v.rows as f64, v.weight]);
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

//! Every statistic of the catalogue with the variants of its state, and how its result is read.

use std::fmt::Write;
use std::sync::Arc;

use mlsys::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampSecondArray, UInt64Array,
};
use mlsys::core::portable::PortableStatistic;
use mlsys::encoding::CrossCounts;
use mlsys::encoding::text::{TokenCounts, TokenCountsSummary};
use mlsys::missing_values::{LittleMcar, MissingPatterns, MissingPatternsSummary};
use mlsys::prelude::*;
use mlsys::sampling::sample::{BottomK, RowReservoir, RowSample};
use mlsys::stats::association::{Bias, cramers_v, information_value, mutual_information, theils_u};
use mlsys::stats::distance::{aligned, energy_from, ks_from, psi_from, wasserstein_from};
use mlsys::stats::{
    Contingency, ContingencySummary, CountsSummary, Covariance, Distinct, DistinctSummary, HeavyHitters,
    HeavyHittersSummary, Histogram, MissingSummary, MomentsSummary, ProfileReport, QuantilesSummary,
    TargetAs, TargetByCategory, TargetByCategorySummary,
};

/// Columns of every kind, with gaps, ties and weights.
pub fn table(rows: usize) -> RecordBatch {
    let of = |every: usize| (0..rows).map(move |i| (i % every != every - 1).then_some(i));
    let float = of(7).map(|i| i.map(|i| if i % 5 == 4 { f64::NAN } else { (i % 17) as f64 * 0.5 - 2.0 }));
    let word = of(9).map(|i| i.map(|i| ["JFK", "EWR", "LGA", "Zürich", ""][i * i % 5]));
    let columns: [(&str, ArrayRef); 9] = [
        ("x", Arc::new(float.collect::<Float64Array>())),
        ("n", Arc::new(of(11).map(|i| i.map(|i| i as i64 * 3 - 20)).collect::<Int64Array>())),
        ("big", Arc::new(of(13).map(|i| i.map(|i| i as u64 % 3 + (1 << 53))).collect::<UInt64Array>())),
        ("word", Arc::new(word.collect::<StringArray>())),
        ("other", Arc::new(of(6).map(|i| i.map(|i| ["u", "vv"][i % 2])).collect::<StringArray>())),
        ("flag", Arc::new(of(5).map(|i| i.map(|i| i % 3 == 0)).collect::<BooleanArray>())),
        ("day", Arc::new(of(6).map(|i| i.map(|i| i as i32 % 12)).collect::<Date32Array>())),
        (
            "at",
            Arc::new(
                TimestampSecondArray::from_iter_values((0..rows as i64).map(|i| i * 3_600))
                    .with_timezone("UTC"),
            ),
        ),
        ("w", Arc::new(Float64Array::from_iter_values((0..rows).map(|i| (i % 4) as f64 * 0.75)))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

/// What is done to each statistic.
pub trait Visit {
    fn visit<S: PortableStatistic<Output: Send>>(&mut self, name: &str, recipe: S, read: fn(&S::Output));
}

fn ascend<'a>(values: impl Iterator<Item = &'a Category>) -> bool {
    values.is_sorted_by(|a, b| a < b)
}

fn contingency(table: &ContingencySummary) {
    assert!(ascend(table.rows.iter()) && ascend(table.columns.iter()));
    assert_eq!(table.weights.dim(), (table.rows.len(), table.columns.len()));
    let _ = (table.row_sums(), table.column_sums());
    let weights = table.weights.view();
    let _ = (cramers_v(weights, Bias::Corrected), theils_u(weights), mutual_information(weights));
    let _ = information_value(weights, 0.5);
}

fn patterns(found: &MissingPatternsSummary) {
    let _ = (found.to_string(), found.nullity_correlation(), found.flux());
    let _ = LittleMcar::new().max_iterations(20).test(found);
}

fn tokens(found: &TokenCountsSummary) {
    let counts = found.tokens.iter().flatten();
    assert!(counts.into_iter().all(|(_, count)| count.texts <= count.times.min(found.rows)));
}

fn targets(found: &TargetByCategorySummary) {
    for (_, groups) in &found.columns {
        assert!(groups.is_sorted_by(|(a, _), (b, _)| a < b));
        let of_each = found.classes.len().max(1);
        assert!(
            groups.iter().all(|(_, spreads)| spreads.len() == of_each && spreads.iter().all(|s| s.rows > 0))
        );
    }
}

fn each<T>(found: &[(String, T)], read: impl Fn(&T)) {
    found.iter().for_each(|(_, found)| read(found));
}

fn counts(found: &CountsSummary) {
    let _ = (found.distinct(), found.most_frequent(), found.top(3));
    let values = found.values.as_deref().map_or(&[][..], Vec::as_slice);
    assert!(ascend(values.iter().map(|count| &count.value)) && found.missing <= found.rows);
    let _ = aligned(found, found);
}

fn distinct(found: &DistinctSummary) {
    let _ = (found.exact(), found.standard_error());
    assert!(found.estimate() >= 0.0);
}

fn hitters(found: &HeavyHittersSummary) {
    let (low, high) = found.bounds(&Category::from("JFK"));
    assert!(low <= high && found.weight >= 0.0);
}

fn missing(found: &MissingSummary) {
    assert!(found.missing() <= found.rows && (0.0..=1.0).contains(&found.share()));
}

fn moments(found: &MomentsSummary) {
    let _ = (found.count(), found.infinite(), found.mean(), found.sum(), found.std_dev(1.0));
    let _ = (found.skewness(), found.excess_kurtosis());
}

fn quantiles(found: &QuantilesSummary) {
    for q in [0.0, 0.1, 0.5, 1.0] {
        let _ = (found.quantile(q), found.share_up_to(q));
    }
    if let (Some(low), Some(median), Some(high)) = (found.quantile(0.0), found.median(), found.quantile(1.0))
    {
        assert!(low <= median && median <= high, "{low} {median} {high}");
    }
    let _ = (found.exactness(), found.distinct());
    let _ = (ks_from(found, found, 0.9), wasserstein_from(found, found), energy_from(found, found));
    let _ = psi_from(found, found, 4, 0.1);
}

fn profile(report: &ProfileReport) {
    let mut text = String::new();
    write!(text, "{report}").unwrap();
    write!(text, "{:?}", report.compare(report)).unwrap();
    for column in &report.columns {
        missing(&column.missing);
        assert!(column.min <= column.max);
        let _ = (column.distinct(), column.distinct_estimate());
        column.quantiles.iter().for_each(quantiles);
        column.counts.iter().for_each(counts);
        column.moments.iter().for_each(moments);
    }
    let _ = report.merge(report);
}

fn rows(sample: &RowSample) {
    assert!(sample.len() as u64 <= sample.seen());
    if let Ok(batch) = sample.batch(&table(0).schema()) {
        assert_eq!(batch.num_rows(), sample.len());
        let _ = format!("{batch:?}");
    }
}

/// Visits every statistic.
pub fn all(visit: &mut impl Visit) {
    let (w, numbers, words) = (Some("w"), ["x", "n", "flag"], ["word", "n", "day", "at"]);
    visit.visit("Contingency", Contingency::new("word", "flag"), contingency);
    visit.visit("Contingency, weighted", Contingency::new("day", "word").weight(w), contingency);
    visit.visit("Contingency, given up", Contingency::new("n", "word").cap(5), contingency);
    visit.visit("Covariance", Covariance::of(numbers), |found| {
        let _ = (found.covariance(1.0), found.correlation());
    });
    visit.visit("Covariance, weighted", Covariance::of(["x", "n"]).weight(w), |found| {
        let _ = (found.covariance(0.0), found.correlation());
    });
    let by_word = TargetByCategory::new(["word", "flag"], "w");
    visit.visit("TargetByCategory", by_word.clone(), targets);
    visit.visit("TargetByCategory, given up", by_word.clone().cap(2), targets);
    let by_word = by_word.target_as(TargetAs::Classes);
    visit.visit("TargetByCategory, classes", by_word.clone().weight(w), targets);
    visit.visit("TargetByCategory, classes given up", by_word.cap(3), targets);
    let crosses = vec![vec!["word".to_owned(), "flag".to_owned()], vec!["day".to_owned(), "n".to_owned()]];
    visit.visit("CrossCounts", CrossCounts::new(crosses, 1_000).weight(w), |found| {
        found.iter().for_each(counts)
    });
    let some = MissingPatterns::of(["x", "n", "word", "flag"]);
    visit.visit("MissingPatterns", some.clone(), patterns);
    visit.visit("MissingPatterns, given up", some.max_patterns(2), patterns);
    visit.visit("TokenCounts", TokenCounts::new().over(["word"]), |found| each(found, tokens));
    visit.visit("TokenCounts, given up", TokenCounts::new().cap(2).over(["word"]), |found| {
        each(found, tokens)
    });
    visit.visit("Counts", Counts::new().over(words), |found| each(found, counts));
    visit.visit("Counts, weighted", Counts::new().over(words).weight(w), |found| each(found, counts));
    visit.visit("Counts, given up", Counts::new().cap(3).over(words), |found| each(found, counts));
    visit.visit("Distinct", Distinct::new().over(words), |found| each(found, distinct));
    let registers = Distinct::new().exact_up_to(3).precision(4);
    visit.visit("Distinct, registers", registers.over(words).weight(w), |found| each(found, distinct));
    visit.visit("HeavyHitters", HeavyHitters::new(100).over(words), |found| each(found, hitters));
    let few = HeavyHitters::new(3);
    visit.visit("HeavyHitters, few", few.over(words).weight(w), |found| each(found, hitters));
    let histogram = Histogram::with_edges([-1.0, 0.0, 2.5, 7.0]);
    visit.visit("Histogram", histogram.clone().over(numbers), |found| {
        each(found, |found| drop(found.shares()));
    });
    visit.visit("Histogram, weighted", histogram.over(["x"]).weight(w), |found| {
        each(found, |found| drop(found.shares()));
    });
    visit.visit("MinMax", MinMax::new().over(["x", "big", "word", "flag", "day", "at"]), |found| {
        each(found, |found| assert!(found.min <= found.max));
    });
    visit.visit("Missing", Missing::new().over(words), |found| each(found, missing));
    visit.visit("Moments", Moments::new().over(numbers), |found| each(found, moments));
    let second = Moments::new().order(2);
    visit.visit("Moments, weighted", second.over(["x"]).weight(w), |found| each(found, moments));
    visit.visit("Quantiles", Quantiles::new().over(numbers), |found| each(found, quantiles));
    let weighted = Quantiles::new().over(["x", "n"]).weight(w);
    visit.visit("Quantiles, weighted", weighted, |found| each(found, quantiles));
    let sketch = Quantiles::new().exact_up_to(4).k(8);
    visit.visit("Quantiles, sketched", sketch.over(["x", "n"]), |found| each(found, quantiles));
    visit.visit("Profile", Profile::new(), profile);
    let sketched = Profile::new().quantiles(sketch).counts(Counts::new().cap(3));
    visit.visit("Profile, sketched", sketched, profile);
    visit.visit("BottomK", BottomK::new("word", 3).and("n"), |found| {
        let _ = (found.n_keys(), found.distinct(), found.rows(&table(60)));
    });
    visit.visit("RowReservoir", RowReservoir::new(5), rows);
    visit.visit("RowReservoir, all", RowReservoir::new(1_000).columns(["at", "x", "word"]), rows);
    visit.visit("tuple", (Missing::new().over(["x"]), Counts::new().over(["word"])), |found| {
        each(&found.0, missing);
        each(&found.1, counts);
    });
    let nested = (Moments::new().over(["x"]), (Quantiles::new().over(["n"]), MinMax::new().over(["day"])));
    visit.visit("nested tuple", nested, |found| each(&found.1.0, quantiles));
}

//! Every statistic of the catalogue.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::arrow::datatypes::Schema;
use mlsys_core::arrow::util::display::array_value_to_string;
use mlsys_core::catalogue::Agreement;
use mlsys_core::portable::PortableStatistic;
use mlsys_core::statistic::{summarize, summarize_by};
use mlsys_core::{NamedStatistic, Result, Statistic};
use mlsys_datafusion::datafusion::prelude::lit;
use mlsys_datafusion::{Frame, ks_on, profile_by_on, profile_on, psi_on, sample_on};
use mlsys_encoding::CrossCounts;
use mlsys_encoding::text::TokenCounts;
use mlsys_missing_values::MissingPatterns;
use mlsys_sampling::sample::{BottomK, RowReservoir};
use mlsys_stats::distance::{ks_from, psi_from};
use mlsys_stats::{
    ColumnStatistic, Contingency, Counts, Covariance, Distinct, HeavyHitters, Histogram, MinMax, Missing,
    Moments, MomentsSummary, Profile, ProfileReport, Quantiles, TargetAs, TargetByCategory,
};
use serde::{Deserialize, Serialize};

use crate::table::{PARTITIONS, Table, run};

/// Counts how often states of rows were merged.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Merges {}

impl Statistic for Merges {
    type State = (u64, bool);
    type Output = u64;

    fn init(&self, _: &Schema) -> Result<(u64, bool)> {
        Ok((0, false))
    }

    fn update(&self, state: &mut (u64, bool), batch: &RecordBatch) -> Result<()> {
        state.1 |= batch.num_rows() > 0;
        Ok(())
    }

    fn merge(&self, into: &mut (u64, bool), from: (u64, bool)) -> Result<()> {
        into.0 += from.0 + u64::from(into.1 && from.1);
        into.1 |= from.1;
        Ok(())
    }

    fn finish(&self, state: &(u64, bool)) -> Result<u64> {
        Ok(state.0)
    }
}

impl NamedStatistic for Merges {
    const NAME: &'static str = "test.Merges";

    fn columns(&self, _: &Schema) -> Vec<String> {
        Vec::new()
    }
}

/// Takes the numbers out of a text: what is left must be equal, the numbers within the tolerance.
fn numbers(text: &str) -> (String, Vec<f64>) {
    let (mut rest, mut found) = (String::new(), Vec::new());
    let part_of_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e');
    for token in text.split_inclusive(|c: char| !part_of_number(c)) {
        let end = token.find(|c: char| !part_of_number(c)).unwrap_or(token.len());
        match token[..end].parse::<f64>() {
            Ok(number) => found.push(number),
            Err(_) => rest.push_str(&token[..end]),
        }
        rest.push_str(&token[end..]);
    }
    (rest, found)
}

/// What moments say, which does not depend on the shift that they are kept about.
fn of_moments(m: &MomentsSummary) -> [f64; 6] {
    [m.count() as f64, m.weight(), m.mean(), m.m2(), m.m3(), m.m4()]
}

fn show_moments(output: &[(String, MomentsSummary)]) -> String {
    format!("{:?}", output.iter().map(|(_, m)| of_moments(m)).collect::<Vec<_>>())
}

fn show_profile(report: &ProfileReport) -> String {
    let each = report.columns.iter().map(|column| {
        let mut column = column.clone();
        // An engine reads text as views.
        column.type_name = column.type_name.replace("Utf8View", "Utf8");
        let moments = column.moments.take();
        format!("{column:?} {:?}", moments.as_ref().map(of_moments))
    });
    each.collect::<Vec<_>>().join("\n")
}

fn show<T: Debug>(output: &T) -> String {
    format!("{output:?}")
}

fn close(what: &str, found: &str, expected: &str, agreement: Agreement) {
    let Agreement::Rounding(tolerance) = agreement else {
        assert!(found == expected, "{what}: other bits\n{found:.2000}\n{expected:.2000}");
        return;
    };
    let ((text, found), (other, expected)) = (numbers(found), numbers(expected));
    let differs = text.bytes().zip(other.bytes()).position(|(a, b)| a != b);
    let at = differs.map_or(text.len().min(other.len()), |at| at.saturating_sub(60));
    assert!(text == other, "{what}: {:.200}, expected {:.200}", &text[at..], &other[at..]);
    for (x, y) in found.iter().zip(&expected) {
        assert!((x - y).abs() <= tolerance * (1.0 + y.abs()), "{what}: {x}, expected {y}");
    }
}

/// Runs a statistic in every way on the engine, and in memory.
async fn check<S: PortableStatistic<Output: Send>>(
    table: &Table,
    name: &str,
    statistic: S,
    agreement: Agreement,
    show: impl Fn(&S::Output) -> String,
) -> Result<()> {
    let data = table.data();
    let expected = summarize(&statistic, &data)?;
    let by_word = summarize_by(&statistic, &data, "word")?;
    let nothing = summarize(&statistic, &data.slice(0, 0)?).map_err(|e| e.to_string());
    for partitions in PARTITIONS {
        let what = format!("{name}, {partitions} partitions");
        let both = (statistic.clone(), Merges {});
        let files = table.frame(partitions).await?;
        for (source, frame) in [("files", files.clone()), ("memory", table.dealt(partitions))] {
            let what = format!("{what}, {source}");
            let (found, merges) = frame.summarize(&both).await?;
            close(&what, &show(&found), &show(&expected), agreement);
            assert!(source == "files" || merges == partitions.max(2) as u64 - 2, "{what}: {merges} merges");

            let grouped = frame.summarize_by(&both, "word").await?;
            assert_eq!(grouped.len(), 6, "five words and none");
            for ((word, (found, merges)), (other, expected)) in grouped.into_iter().zip(&by_word) {
                assert_eq!(&word, other);
                close(&format!("{what}, {word:?}"), &show(&found), &show(expected), agreement);
                assert!(source == "files" || partitions == 1 || merges > 0, "{what}, {word:?}: no merges");
            }
        }

        let empty = Frame::new(files.into_query().filter(lit(false)).unwrap())?;
        match (&nothing, empty.summarize(&statistic).await) {
            (Ok(expected), Ok(found)) => {
                close(&format!("{what}, no rows"), &show(&found), &show(expected), agreement)
            }
            (Err(expected), Err(found)) => assert_eq!(&found.to_string(), expected),
            (expected, found) => {
                panic!("{what}, no rows: ok {}, expected ok {}", found.is_ok(), expected.is_ok())
            }
        }
    }
    Ok(())
}

const NUMBERS: [&str; 3] = ["number", "count", "flag"];
const ALL: [&str; 6] = ["number", "count", "größe 量", "flag", "word", "when"];

#[test]
fn every_statistic_equals_itself_in_memory() -> Result<()> {
    run(async {
        let table = Table::new();
        let catalogue = mlsys::catalogue();
        let mut left: BTreeSet<&str> = catalogue.statistics().collect();
        macro_rules! each {
            ($($name:literal $show:ident: $($statistic:expr),+;)+) => {$(
                assert!(left.remove($name), "{} is not in the catalogue", $name);
                // A sketch that left nothing out is exact; what it does beyond is below.
                let agreement = catalogue.agreement($name).unwrap();
                $(check(&table, $name, $statistic, agreement, |output| $show(output)).await?;)+
            )+};
        }
        let edges = [-20.0, -5.0, 0.0, 5.0, 20.0];
        each! {
            "mlsys.BottomK" show: BottomK::new("team", 3), BottomK::new("number", 50).and("word");
            "mlsys.Contingency" show: Contingency::new("word", "count"), Contingency::new("word", "team").weight(Some("weight"));
            "mlsys.Counts" show: Counts::new().over(ALL), Counts::new().cap(20).over(ALL),
                Counts::new().over(ALL).weight(Some("weight"));
            "mlsys.Covariance" show: Covariance::of(NUMBERS), Covariance::of(NUMBERS).weight(Some("weight"));
            "mlsys.Distinct" show: Distinct::new().over(ALL), Distinct::new().exact_up_to(3).precision(6).over(ALL);
            "mlsys.HeavyHitters" show: HeavyHitters::new(30_000).over(ALL);
            "mlsys.Histogram" show: Histogram::with_edges(edges).over(NUMBERS), Histogram::with_edges(edges).over(NUMBERS).weight(Some("weight"));
            "mlsys.MinMax" show: MinMax::new().over(ALL);
            "mlsys.Missing" show: Missing::new().over(ALL), Missing::new().over(ALL).weight(Some("weight"));
            "mlsys.MissingPatterns" show: MissingPatterns::of(ALL);
            "mlsys.Moments" show_moments: Moments::new().over(NUMBERS), Moments::new().over(NUMBERS).weight(Some("weight"));
            "mlsys.Quantiles" show: Quantiles::new().over(NUMBERS), Quantiles::new().over(NUMBERS).weight(Some("weight"));
            "mlsys.CrossCounts" show: CrossCounts::new(vec![vec!["word".into(), "team".into()]], 1_000).weight(Some("weight"));
            "mlsys.TokenCounts" show: TokenCounts::new().over(["word"]);
            "mlsys.TargetByCategory" show: TargetByCategory::new(["word", "team"], "value"),
                TargetByCategory::new(["word", "team"], "kind").target_as(TargetAs::Classes).weight(Some("weight"));
        }
        // The profile holds moments among exact parts.
        assert!(left.remove("mlsys.Profile"));
        check(&table, "mlsys.Profile", Profile::new(), Agreement::Rounding(1e-11), show_profile).await?;
        // Other parts are another draw: `rows_are_drawn_from_all`.
        assert!(left.remove("mlsys.RowReservoir"));
        assert_eq!(catalogue.agreement("mlsys.RowReservoir"), Some(Agreement::Draw));
        assert!(left.is_empty(), "not run on the engine: {left:?}");
        check(
            &table,
            "a tuple",
            (Missing::new().over(ALL), MinMax::new().over(NUMBERS), Counts::new().over(["word"])),
            Agreement::Exact,
            show,
        )
        .await
    })
}

#[test]
fn sketches_stay_within_their_bounds() -> Result<()> {
    run(async {
        let table = Table::new();
        let data = table.data();
        let exact = summarize(&Quantiles::new().over(["value"]), &data)?.remove(0).1;
        let counted = summarize(&Counts::new().over(["count"]), &data)?.remove(0).1.values.unwrap();
        for partitions in PARTITIONS {
            let frame = table.frame(partitions).await?;
            let sketch = Quantiles::new().exact_up_to(100).k(200).over(["value"]);
            let sketch = frame.summarize(&sketch).await?.remove(0).1;
            let bound = match sketch.exactness() {
                mlsys_stats::Exactness::Approximate { rank_error } => rank_error,
                other => panic!("20,011 values are not sketched: {other:?}"),
            };
            for q in [0.01, 0.25, 0.5, 0.9, 0.99] {
                let rank = exact.share_up_to(sketch.quantile(q).unwrap());
                assert!(
                    (rank - q).abs() <= bound,
                    "{partitions} partitions: {q} is at {rank}, bound {bound}"
                );
            }
            let few = frame.summarize(&HeavyHitters::new(20).over(["count"])).await?.remove(0).1;
            for hit in &few.values {
                let known = counted.iter().find(|c| c.value == hit.value).unwrap();
                assert!(
                    hit.weight <= known.weight && known.weight <= hit.weight + few.error,
                    "{hit:?} {known:?}"
                );
            }
        }
        Ok(())
    })
}

#[test]
fn distances_come_from_states() -> Result<()> {
    run(async {
        let table = Table::new();
        let columns = ["number", "value"];
        let of = Quantiles::new().over(columns);
        let (before, now) = (table.data().slice(0, 7_998)?, table.data().slice(7_998, 12_013)?);
        let (before, now) = (summarize(&of, &before)?, summarize(&of, &now)?);
        for partitions in PARTITIONS {
            let frame = table.frame(partitions).await?;
            let early = frame.query().clone().filter(first_rows(true)).unwrap();
            let late = frame.query().clone().filter(first_rows(false)).unwrap();
            let (early, late) = (Frame::new(early)?, Frame::new(late)?);
            let ks = ks_on(&early, &late, &columns, &Quantiles::new(), 0.999).await?;
            let psi = psi_on(&early, &late, &columns, &Quantiles::new(), 10, 1e-4).await?;
            for (i, column) in columns.iter().enumerate() {
                let expected = ks_from(&before[i].1, &now[i].1, 0.999)?;
                assert_eq!((ks[i].0.as_str(), format!("{:?}", ks[i].1)), (*column, format!("{expected:?}")));
                assert_eq!(psi[i].1, psi_from(&before[i].1, &now[i].1, 10, 1e-4)?);
            }
        }
        Ok(())
    })
}

/// The first 7,998 rows by their time, which ascends by a minute every three rows.
fn first_rows(early: bool) -> mlsys_datafusion::datafusion::prelude::Expr {
    use mlsys_datafusion::datafusion::prelude::{cast, ident};
    let minute = 1_357_000_000_000i64 + (7_998 / 3) * 60_000;
    let when = cast(ident("when"), mlsys_core::arrow::datatypes::DataType::Int64);
    if early { when.lt(lit(minute)) } else { when.gt_eq(lit(minute)) }
}

#[test]
fn profiles_whole_and_grouped() -> Result<()> {
    run(async {
        let table = Table::new();
        let expected = summarize_by(&Profile::new(), &table.data(), "kind")?;
        let frame = table.frame(3).await?;
        assert_eq!(profile_on(&Profile::new(), &frame).await?.n_rows(), 20_011);
        let found = profile_by_on(&Profile::new(), &frame, "kind").await?;
        for ((kind, found), (other, expected)) in found.iter().zip(&expected) {
            assert_eq!(kind, other);
            close("by kind", &show_profile(found), &show_profile(expected), Agreement::Rounding(1e-11));
        }
        // A column of the name that states have elsewhere, and one that depends on what is grouped by.
        let query = "SELECT kind AS state, count(*) AS n, sum(value) AS total FROM t GROUP BY kind";
        let ctx = crate::table::context(3);
        ctx.register_parquet("t", table.folder.path(), Default::default()).await.unwrap();
        let few = Frame::new(ctx.sql(query).await.unwrap())?;
        let by_state = few.summarize_by(&MinMax::new().over(["total"]), "state").await?;
        assert_eq!(by_state.len(), 3);

        // Missing is one group, whether null or NaN.
        let by_number = frame.summarize_by(&Missing::new().over(["word"]), "number").await?;
        close(
            "by number",
            &show(&by_number),
            &show(&summarize_by(&Missing::new().over(["word"]), &table.data(), "number")?),
            Agreement::Exact,
        );
        Ok(())
    })
}

/// Each row as text.
fn texts(batch: &RecordBatch) -> Vec<String> {
    let of = |row| {
        let columns = batch.columns().iter();
        let values = columns.map(|c| array_value_to_string(c, row).unwrap());
        values.collect::<Vec<_>>().join(" | ")
    };
    (0..batch.num_rows()).map(of).collect()
}

#[test]
fn rows_are_drawn_from_all() -> Result<()> {
    const COLUMNS: [&str; 4] = ["when", "value", "word", "größe 量"];
    run(async {
        let table = Table::new();
        let data = table.data();
        let all = texts(data.select(COLUMNS)?.batch());
        let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        all.iter().enumerate().for_each(|(place, row)| places.entry(row).or_default().push(place));
        let words = summarize_by(&Missing::new().over(["value"]), &data, "word")?;
        for partitions in PARTITIONS {
            for frame in [table.frame(partitions).await?, table.dealt(partitions)] {
                let schema = frame.layout().schema();
                let draw = RowReservoir::new(400).columns(COLUMNS);
                let mut sum = 0.0;
                for seed in 0..10 {
                    let sample = frame.summarize(&draw.clone().seed(seed)).await?;
                    assert_eq!((sample.seen(), sample.len()), (all.len() as u64, 400));
                    let mut drawn = texts(&sample.batch(schema)?);
                    sum += drawn.iter().map(|row| places[row.as_str()][0] as f64).sum::<f64>() / 4_000.0;
                    drawn.sort();
                    let twice = drawn
                        .windows(2)
                        .find(|pair| pair[0] == pair[1] && places[pair[0].as_str()].len() == 1);
                    assert_eq!(twice, None, "a row was drawn twice");
                }
                // Five standard deviations of the mean of 4,000 places.
                let n = all.len() as f64;
                assert!((sum - n / 2.0).abs() < 5.0 * n / (12.0f64 * 4_000.0).sqrt(), "{sum} of {n}");

                let everything = frame.summarize(&RowReservoir::new(30_000).columns(COLUMNS)).await?;
                let (mut found, mut expected) = (texts(&everything.batch(schema)?), all.clone());
                found.sort();
                expected.sort();
                assert!(found == expected, "with room for all, all are there");

                for (word, sample) in frame.summarize_by(&draw, "word").await? {
                    let rows = words[&word][0].1.rows;
                    assert_eq!((sample.seen(), sample.len() as u64), (rows, rows.min(400)), "{word:?}");
                }
            }
        }
        Ok(())
    })
}

#[test]
fn a_bottom_k_sample_is_the_one_in_memory() -> Result<()> {
    run(async {
        let table = Table::new();
        let sampler = BottomK::new("when", 40).seed(3);
        let expected = summarize(&sampler, &table.data())?;
        for partitions in PARTITIONS {
            let (sample, rows) = sample_on(&sampler, &table.frame(partitions).await?).await?;
            assert_eq!(sample, expected);
            let rows = rows.collect().await?;
            assert_eq!(rows.n_rows(), expected.rows(&table.batch)?.len());
            assert_eq!(expected.rows(rows.batch())?.len(), rows.n_rows());
        }
        Ok(())
    })
}

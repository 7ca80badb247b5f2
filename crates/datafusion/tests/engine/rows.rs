//! Splits on the engine.

use mlsys_core::{Dataset, Fit, Partition, Result, Role, Split};
use mlsys_datafusion::{Collected, Frame, fit_on};
use mlsys_encoding::StandardScaler;
use mlsys_sampling::{HashSplit, TimeSplit};

use crate::table::{PARTITIONS, Table, run};

fn numbered(table: &Table) -> Dataset<mlsys_core::Unsplit> {
    table.data()
}

async fn rows<P: Collected>(frame: Frame<P>) -> Result<usize> {
    Ok(frame.collect().await?.n_rows())
}

#[track_caller]
fn same<P: Partition>(found: &Dataset<P>, expected: &Dataset<P>) {
    let key = |data: &Dataset<P>| {
        let batch = data.select(["when", "value", "größe 量"]).unwrap();
        let text = |row: usize| {
            let columns = batch.batch().columns().iter();
            columns
                .map(|c| mlsys_core::arrow::util::display::array_value_to_string(c, row).unwrap())
                .collect::<Vec<_>>()
        };
        let mut rows: Vec<Vec<String>> = (0..batch.n_rows()).map(text).collect();
        rows.sort();
        rows
    };
    assert_eq!(found.n_rows(), expected.n_rows());
    assert!(key(found) == key(expected));
}

#[test]
fn hash_splits_divide_as_in_memory() -> Result<()> {
    run(async {
        let table = Table::new();
        let split = HashSplit::new("when").and("team").seed(5).test_share(0.3);
        let validation = HashSplit::new("when").and("team").seed(5).test_share(0.2);
        let (train, test) = split.split(numbered(&table))?;
        let (train, held) = validation.split_validation(train)?;
        for partitions in PARTITIONS {
            let (rest, on_engine) = table.frame(partitions).await?.split(&split)?;
            same(&on_engine.collect().await?, &test);
            let (rest, validation) = rest.split_validation(&validation)?;
            same(&validation.collect().await?, &held);
            let scaler = fit_on(&StandardScaler::new(), &rest).await?;
            let expected = StandardScaler::new().fit(&train)?;
            assert!((scaler.mean("value").unwrap() - expected.mean("value").unwrap()).abs() < 1e-10);
            same(&rest.collect().await?, &train);
        }
        Ok(())
    })
}

#[test]
fn time_splits_divide_as_in_memory() -> Result<()> {
    run(async {
        let table = Table::new();
        let split = TimeSplit::at("2013-01-04T00:00Z").gap(std::time::Duration::from_secs(3_600));
        let (train, test) = split.split(numbered(&table).time("when")?)?;
        for partitions in PARTITIONS {
            let frame = table.frame(partitions).await?.with_role("when", Role::Time)?;
            let (past, future) = frame.split(&split)?;
            same(&past.collect().await?, &train);
            same(&future.collect().await?, &test);
        }
        let frame = table.frame(1).await?.time("when")?;
        let error = frame.clone().split(&TimeSplit::last_share(0.2)).err().unwrap().to_string();
        assert!(error.contains("TimeSplit::at"), "{error}");
        let (_, never) = frame.split(&TimeSplit::at("2100-01-01"))?;
        assert_eq!(rows(never).await?, 0);
        Ok(())
    })
}

#[test]
fn missing_keys_are_refused_when_the_rows_are_read() -> Result<()> {
    run(async {
        let table = Table::new();
        let (train, _) = table.frame(3).await?.split(&HashSplit::new("word"))?;
        let error = train.collect().await.err().unwrap().to_string();
        assert!(error.contains("word") && error.contains("MissingKey::Together"), "{error}");
        Ok(())
    })
}

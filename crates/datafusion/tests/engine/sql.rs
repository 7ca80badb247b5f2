//! The SQL names.

use std::sync::Arc;

use mlsys_core::arrow::array::{AsArray, RecordBatch};
use mlsys_core::arrow::datatypes::Float64Type;
use mlsys_core::{Fit, PredictProba, Result, artifact};
use mlsys_datafusion::Functions;
use mlsys_datafusion::datafusion::prelude::{ParquetReadOptions, SessionContext};
use mlsys_encoding::{FittedStandardScaler, StandardScaler};
use mlsys_models::LogisticRegression;

use crate::table::{Table, context, run};

async fn session(table: &Table, functions: &Functions) -> SessionContext {
    let ctx = context(3);
    functions.register(&ctx);
    ctx.register_parquet("t", table.folder.path(), ParquetReadOptions::default()).await.unwrap();
    ctx
}

async fn query(ctx: &SessionContext, sql: &str) -> Result<RecordBatch, String> {
    let frame = ctx.sql(sql).await.map_err(|e| e.to_string())?;
    let schema = Arc::new(frame.schema().as_arrow().clone());
    let batches = frame.collect().await.map_err(|e| e.to_string())?;
    let schema = batches.first().map_or(schema, RecordBatch::schema);
    Ok(mlsys_core::arrow::compute::concat_batches(&schema, &batches).unwrap())
}

#[test]
fn profiles_are_json() -> Result<()> {
    run(async {
        let table = Table::new();
        let ctx = session(&table, &Functions::new()).await;
        let rows =
            query(&ctx, "SELECT kind, mlsys_profile(number, word) AS p FROM t GROUP BY kind").await.unwrap();
        assert_eq!(rows.num_rows(), 3);
        for json in rows["p"].as_string::<i32>().iter().flatten() {
            let report: mlsys_stats::ProfileReport = serde_json::from_str(json).unwrap();
            assert_eq!(report.columns.len(), 2);
            assert!(report.column("word").is_some() && report.n_rows() > 1_000);
        }
        Ok(())
    })
}

#[test]
fn recipes_are_fitted_by_name() -> Result<()> {
    run(async {
        let table = Table::new();
        let ctx = session(&table, &Functions::new()).await;
        let sql = r#"SELECT mlsys_fit('StandardScaler', '{"center": "mean", "scale": "std_dev"}', number, value) FROM t"#;
        let rows = query(&ctx, sql).await.unwrap();
        let fitted: FittedStandardScaler = artifact::from_bytes(rows.column(0).as_binary::<i64>().value(0))?;
        let expected =
            StandardScaler::new().fit(&table.data().select(["number", "value"])?.into_train_all())?;
        assert!((fitted.mean("value").unwrap() - expected.mean("value").unwrap()).abs() < 1e-10);
        for (sql, says) in [
            ("SELECT mlsys_fit('Scaler', '{}', value) FROM t", "StandardScaler"),
            ("SELECT mlsys_fit('StandardScaler', '{', value) FROM t", "JSON"),
            ("SELECT mlsys_fit('StandardScaler', '{\"center\": 3}', value) FROM t", "StandardScaler"),
            ("SELECT mlsys_fit('StandardScaler', '{}') FROM t", "one or more columns"),
            ("SELECT mlsys_fit(word, '{}', value) FROM t", "as a literal"),
            ("SELECT mlsys_fit('StandardScaler', '{}', word) FROM t", "word"),
            ("SELECT mlsys_profile(value, value) FROM t", "value"),
            ("SELECT mlsys_profile(value ORDER BY team) FROM t", "ORDER BY"),
        ] {
            let error = query(&ctx, sql).await.unwrap_err();
            assert!(error.contains(says), "{sql}: {error}");
        }
        Ok(())
    })
}

#[test]
fn models_are_called_by_name() -> Result<()> {
    run(async {
        let table = Table::new();
        let data = table.data().target("label")?.select(["value", "team", "label"])?.into_train_all();
        let scaler = Arc::new(StandardScaler::new().fit(&data)?);
        let model = Arc::new(StandardScaler::new().then(LogisticRegression::new()).fit(&data)?);
        let functions = Functions::new().predict_proba("late", model.clone()).transform("scale", scaler);
        let ctx = session(&table, &functions).await;
        let sql = "SELECT value, team, mlsys_predict('late', team, value) AS c, mlsys_predict_proba('late', value, word, team) AS p,
                   mlsys_transform('scale', value, team) AS s FROM t";
        let rows = query(&ctx, sql).await.unwrap();
        let again =
            RecordBatch::try_from_iter([("value", rows["value"].clone()), ("team", rows["team"].clone())])?;
        let expected = model.predict_proba(&again)?.positive();
        assert_eq!(rows["p"].as_primitive::<Float64Type>().values().to_vec(), expected);
        assert_eq!(rows["c"].as_boolean().value(5), expected[5] > 0.5);
        assert_eq!(rows["s"].as_struct().column_names(), ["value", "team"]);
        for (sql, says) in [
            ("SELECT mlsys_predict('early', value) FROM t", "one of late, scale"),
            ("SELECT mlsys_predict('scale', value) FROM t", "a step"),
            ("SELECT mlsys_predict('late', value) FROM t", "team"),
            ("SELECT mlsys_predict(word, value) FROM t", "as a literal"),
        ] {
            let error = query(&ctx, sql).await.unwrap_err();
            assert!(error.contains(says), "{sql}: {error}");
        }
        Ok(())
    })
}

#[test]
fn shares_of_hashes_are_those_of_the_split() -> Result<()> {
    run(async {
        let table = Table::new();
        let ctx = session(&table, &Functions::new()).await;
        let rows = query(&ctx, "SELECT count(*) FROM t WHERE mlsys_hash_share(\"when\", team) < 0.25")
            .await
            .unwrap();
        let split = mlsys_sampling::HashSplit::new("when").and("team");
        let (_, test) = mlsys_core::Split::split(&split, table.data())?;
        assert_eq!(
            rows.column(0).as_primitive::<mlsys_core::arrow::datatypes::Int64Type>().value(0),
            test.n_rows() as i64
        );
        Ok(())
    })
}

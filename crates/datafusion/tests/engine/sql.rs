//! The SQL names.

use std::sync::Arc;

use mlsys_core::arrow::array::{Array, AsArray, RecordBatch};
use mlsys_core::arrow::datatypes::{Float64Type, Int64Type};
use mlsys_core::{Fit, PredictProba, Result, artifact};
use mlsys_datafusion::Functions;
use mlsys_datafusion::datafusion::prelude::{ParquetReadOptions, SessionContext};
use mlsys_encoding::{FittedStandardScaler, OneHotEncoder, StandardScaler};
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
fn profiles_keep_infinities() -> Result<()> {
    run(async {
        let ctx = context(2);
        Functions::new().register(&ctx);
        let sql =
            "SELECT mlsys_profile(x) FROM (VALUES (1.0), (arrow_cast('inf', 'Float64')), (NULL)) AS t (x)";
        let rows = query(&ctx, sql).await.unwrap();
        let json = rows.column(0).as_string::<i32>().value(0);
        assert!(json.contains("[1.0,\"inf\"]"), "{json}");
        Ok(())
    })
}

#[test]
fn a_field_of_nothing_is_null() -> Result<()> {
    run(async {
        let table = Table::new();
        let data = table.data().select(["word"])?.into_train_all();
        let encoder = Arc::new(OneHotEncoder::new().fit(&data)?);
        let ctx = session(&table, &Functions::new().transform("words", encoder)).await;
        let sql = "SELECT l.n, mlsys_field(r.s, 'word=alpha') AS a FROM (VALUES (1), (2)) AS l (n) LEFT JOIN
                   (SELECT 1 AS n, mlsys_transform('words', word) AS s FROM t WHERE word = 'alpha' LIMIT 1) AS r ON l.n = r.n
                   ORDER BY l.n";
        let rows = query(&ctx, sql).await.unwrap();
        assert!(rows["a"].is_valid(0) && rows["a"].is_null(1));
        let sql = format!("SELECT count(*) FROM ({sql}) WHERE a IS NULL");
        let counted = query(&ctx, &sql).await.unwrap();
        assert_eq!(counted.column(0).as_primitive::<Int64Type>().value(0), 1);
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
            ("SELECT mlsys_profile(DISTINCT value) FROM t", "DISTINCT"),
            ("SELECT mlsys_profile(value * 2) FROM t", "name it in a query below"),
            (
                "SELECT mlsys_fit('StandardScaler', '{}', sqrt(value), sqrt(number)) FROM t",
                "name it in a query below",
            ),
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
        let cast = "SELECT mlsys_predict_proba('late', CAST(value AS DOUBLE), team) AS p, value, team FROM t";
        let rows = query(&ctx, cast).await.unwrap();
        let again =
            RecordBatch::try_from_iter([("value", rows["value"].clone()), ("team", rows["team"].clone())])?;
        let expected = model.predict_proba(&again)?.positive();
        assert_eq!(rows["p"].as_primitive::<Float64Type>().values().to_vec(), expected);
        for (sql, says) in [
            (
                "SELECT mlsys_predict('late', a.value, b.value, a.team) FROM t AS a CROSS JOIN (SELECT value FROM t LIMIT 1) AS b",
                "value",
            ),
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

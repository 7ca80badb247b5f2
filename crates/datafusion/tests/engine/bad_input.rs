//! What bad input gets: an error that names what is wrong.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use mlsys_core::{ErrorKind, Fit, Result};
use mlsys_datafusion::datafusion::prelude::ident;
use mlsys_datafusion::{Frame, fit_on, predict_on, transform_on};
use mlsys_encoding::StandardScaler;
use mlsys_models::LogisticRegression;
use mlsys_stats::{ColumnStatistic, Moments};

use crate::table::{Table, context, memory, one_column, run};

#[test]
fn structured_errors_come_through_the_engine() -> Result<()> {
    run(async {
        let part = |x: f64| one_column("x", Arc::new(Float64Array::from(vec![1.0, 2.0, x])) as ArrayRef);
        let frame = memory(&context(2), vec![vec![part(1.0), part(1.0)], vec![part(f64::INFINITY)]]);
        let error = fit_on(&StandardScaler::new(), &frame.into_train_all()).await.err().unwrap();
        assert!(
            matches!(error.kind(), ErrorKind::NonFinite { column, row: 2, .. } if column == "x"),
            "{error}"
        );
        assert!(error.to_string().contains("partition"), "{error}");
        Ok(())
    })
}

#[test]
fn columns_are_checked_before_the_query_runs() -> Result<()> {
    run(async {
        let table = Table::new();
        let frame = table.frame(3).await?;
        let error = frame.summarize(&Moments::new().over(["speed"])).await.err().unwrap();
        assert!(
            matches!(error.kind(), ErrorKind::MissingColumn { name, available } if name == "speed" && available.len() == 11)
        );
        let error = frame.summarize(&Moments::new().over(["word"])).await.err().unwrap();
        assert!(matches!(error.kind(), ErrorKind::ColumnType { column, .. } if column == "word"), "{error}");
        let error = frame.summarize_by(&Moments::new().over(["value"]), "speed").await.err().unwrap();
        assert!(matches!(error.kind(), ErrorKind::MissingColumn { .. }), "{error}");
        assert!(frame.clone().target("speed").is_err());

        let small = table.data().target("label")?.select(["value", "label"])?.into_train_all();
        let model = Arc::new(LogisticRegression::new().fit(&small)?);
        let other = Frame::new(frame.query().clone().select(vec![ident("word").alias("value")]).unwrap())?;
        let error = predict_on(model.clone(), &other, "p").err().unwrap();
        assert!(error.to_string().contains("value"), "{error}");
        let error = predict_on(model.clone(), &frame, "word").err().unwrap();
        assert!(matches!(error.kind(), ErrorKind::DuplicateColumn { name } if name == "word"));
        let scaler = Arc::new(StandardScaler::new().fit(&small)?);
        let without = Frame::new(frame.query().clone().select_columns(&["word"]).unwrap())?;
        assert!(matches!(
            transform_on(scaler, &without).err().unwrap().kind(),
            ErrorKind::MissingColumn { .. }
        ));
        let error = predict_on(model, &without, "p").err().unwrap();
        assert!(error.to_string().contains("value"), "{error}");
        Ok(())
    })
}

#[test]
fn odd_names_and_joins() -> Result<()> {
    run(async {
        let ctx = context(2);
        let batch = RecordBatch::try_from_iter([
            ("A.b \"c\"", Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef),
            ("Id", Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef),
        ])?;
        let frame = memory(&ctx, vec![vec![batch.clone()]]);
        let scaler = fit_on(&StandardScaler::new(), &frame.clone().id("Id")?.into_train_all()).await?;
        assert_eq!(scaler.mean("A.b \"c\""), Some(2.0));
        let out = transform_on(Arc::new(scaler), &frame)?.collect().await?;
        assert_eq!(out.schema().field(0).name(), "A.b \"c\"");
        ctx.register_batch("l", batch.clone()).unwrap();
        ctx.register_batch("r", batch).unwrap();
        let joined = ctx.sql("SELECT l.\"Id\", r.\"Id\" FROM l JOIN r ON l.\"Id\" = r.\"Id\"").await.unwrap();
        let error = Frame::new(joined).err().unwrap();
        assert!(matches!(error.kind(), ErrorKind::DuplicateColumn { name } if name == "Id"), "{error}");
        Ok(())
    })
}

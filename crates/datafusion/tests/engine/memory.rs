//! States within a bound on memory.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch};
use mlsys_core::arrow::datatypes::Int64Type;
use mlsys_core::portable::PortableStatistic;
use mlsys_core::statistic::summarize_by;
use mlsys_core::{Category, Dataset, Result, Statistic};
use mlsys_datafusion::datafusion::execution::runtime_env::RuntimeEnvBuilder;
use mlsys_datafusion::datafusion::physical_plan::{ExecutionPlan, collect};
use mlsys_datafusion::datafusion::prelude::{SessionConfig, SessionContext, col};
use mlsys_datafusion::{Frame, expr};
use mlsys_stats::{ColumnStatistic, Quantiles};

use crate::table::{memory, run};

const ROWS: usize = 200_000;
const KEYS: i64 = 20_000;

fn table() -> RecordBatch {
    let key = Int64Array::from_iter_values((0..ROWS as i64).map(|i| i * 7_919 % KEYS));
    let x = Float64Array::from_iter_values((0..ROWS).map(|i| (i * i % 104_729) as f64));
    RecordBatch::try_from_iter([("key", Arc::new(key) as ArrayRef), ("x", Arc::new(x) as _)]).unwrap()
}

fn session(bytes: usize) -> SessionContext {
    let runtime = RuntimeEnvBuilder::new().with_memory_limit(bytes, 1.0).build_arc().unwrap();
    // One partition: several would take memory from each other in an order of their own, and one may lack what it begins with.
    let config = SessionConfig::new().with_target_partitions(1).with_batch_size(1_000);
    SessionContext::new_with_config_rt(config, runtime)
}

fn spills(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let own = plan.metrics().and_then(|metrics| metrics.spill_count()).unwrap_or(0);
    own + plan.children().into_iter().map(spills).sum::<usize>()
}

fn frame(ctx: &SessionContext) -> Frame {
    let all = table();
    memory(ctx, (0..4).map(|i| vec![all.slice(i * ROWS / 4, ROWS / 4)]).collect())
}

#[test]
fn states_of_many_groups_are_spilled() -> Result<()> {
    run(async {
        let ctx = session(24 << 20);
        let frame = frame(&ctx);
        let quantiles = Quantiles::new().over(["x"]);
        let state = expr::state(&quantiles, frame.layout().schema())?;
        let query = frame.query().clone().aggregate(vec![col("key")], vec![state]).unwrap();
        let plan = query.create_physical_plan().await.unwrap();
        let batches = collect(Arc::clone(&plan), ctx.task_ctx()).await.unwrap();
        assert!(spills(&plan) > 0, "nothing was spilled");

        let expected = summarize_by(&quantiles, &Dataset::new(table())?, "key")?;
        let mut found = 0;
        for batch in &batches {
            let (keys, states) = (batch.column(0).as_primitive::<Int64Type>(), batch.column(1));
            for (row, key) in keys.values().iter().enumerate() {
                let state = quantiles.state_from_bytes(states.as_binary::<i64>().value(row))?;
                assert_eq!(quantiles.finish(&state)?, expected[&Some(Category::Int(*key))]);
                found += 1;
            }
        }
        assert_eq!((found, expected.len()), (KEYS, KEYS as usize));
        Ok(())
    })
}

#[test]
fn a_state_beyond_the_bound_is_an_error() {
    run(async {
        let error = frame(&session(64 << 10)).summarize_by(&Quantiles::new().over(["x"]), "key").await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("Resources exhausted"), "{error}");
    });
}

//! What becomes of a job when an executor is lost.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use async_trait::async_trait;
use ballista_core::JobId;
use ballista_core::error::Result;
use ballista_core::serde::protobuf::{ExecutorHeartbeat, RunningTask, SuccessfulTask, task_status::Status};
use ballista_core::serde::scheduler::{ExecutorData, ExecutorMetadata};
use ballista_scheduler::cluster::{BoundTask, ClusterState, ClusterStateEventStream, ExecutorSlot};
use ballista_scheduler::config::TaskDistributionPolicy;
use ballista_scheduler::scheduler_server::SchedulerServer;
use ballista_scheduler::state::execution_graph::ExecutionGraphBox;
use ballista_scheduler::state::execution_stage::ExecutionStage;
use ballista_scheduler::state::task_manager::JobInfoCache;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use tokio::sync::RwLock;

/// How often a stage may fail whose input cannot be fetched: the job fails with it, and the client starts it again.
pub(super) const STAGE_FAILURES: usize = 1;

/// The executors of a scheduler, which cancels the jobs that miss results when one is lost.
///
/// Ballista 55 computes the lost results anew, but what becomes of the stage that was reading them is wrong: the
/// static planner then takes some of its results twice, and the adaptive planner waits for ever. So a job that has
/// results on a lost executor ends, before Ballista hears of the loss, and the client starts it again. Tasks that were
/// only running there are left to Ballista, which gives them to another executor.
pub(super) struct LostExecutors {
    inner: Arc<dyn ClusterState>,
    scheduler: OnceLock<SchedulerServer<LogicalPlanNode, PhysicalPlanNode>>,
    jobs: Mutex<Vec<(JobId, Weak<RwLock<ExecutionGraphBox>>)>>,
}

impl LostExecutors {
    pub(super) fn new(inner: Arc<dyn ClusterState>) -> Self {
        Self { inner, scheduler: OnceLock::new(), jobs: Mutex::default() }
    }

    /// Whom to tell of jobs that end.
    pub(super) fn watch(&self, scheduler: &SchedulerServer<LogicalPlanNode, PhysicalPlanNode>) {
        // It is set once, by the function that makes both.
        let _ = self.scheduler.set(scheduler.clone());
    }
}

/// Whether a stage has, or may have before Ballista hears of the loss, all its results, some of them on an executor.
fn results_on(stage: &ExecutionStage, executor: &str) -> bool {
    let (mut done, mut under_way) = (false, false);
    for task in stage.task_infos().unwrap_or_default() {
        match &task.task_status {
            Status::Successful(SuccessfulTask { executor_id, .. }) => done |= executor_id == executor,
            Status::Running(RunningTask { executor_id }) => under_way |= executor_id == executor,
            Status::Failed(_) => {}
        }
    }
    match stage {
        ExecutionStage::Successful(_) => done,
        // What is under way on the lost executor keeps the stage from ending.
        ExecutionStage::Running(_) => done && !under_way,
        _ => false,
    }
}

#[async_trait]
impl ClusterState for LostExecutors {
    async fn init(&self) -> Result<()> {
        self.inner.init().await
    }

    async fn bind_schedulable_tasks(
        &self,
        distribution: TaskDistributionPolicy,
        active_jobs: Arc<HashMap<JobId, JobInfoCache>>,
        executors: Option<HashSet<String>>,
    ) -> Result<Vec<BoundTask>> {
        // Every job comes by here before any of its tasks runs.
        *self.jobs.lock().unwrap_or_else(PoisonError::into_inner) =
            active_jobs.iter().map(|(id, job)| (id.clone(), Arc::downgrade(&job.execution_graph))).collect();
        self.inner.bind_schedulable_tasks(distribution, active_jobs, executors).await
    }

    async fn remove_executor(&self, executor_id: &str) -> Result<()> {
        // First of all, so that nothing it still says counts.
        self.inner.remove_executor(executor_id).await?;
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (id, graph) in jobs {
            let Some(graph) = graph.upgrade() else { continue };
            let lost = graph.read().await.stages().values().any(|stage| results_on(stage, executor_id));
            if let (true, Some(scheduler)) = (lost, self.scheduler.get()) {
                scheduler.cancel_job(id).await?;
            }
        }
        Ok(())
    }

    async fn unbind_tasks(&self, executor_slots: Vec<ExecutorSlot>) -> Result<()> {
        self.inner.unbind_tasks(executor_slots).await
    }

    async fn register_executor(&self, metadata: ExecutorMetadata, spec: ExecutorData) -> Result<()> {
        self.inner.register_executor(metadata, spec).await
    }

    async fn save_executor_metadata(&self, metadata: ExecutorMetadata) -> Result<()> {
        self.inner.save_executor_metadata(metadata).await
    }

    async fn get_executor_metadata(&self, executor_id: &str) -> Result<ExecutorMetadata> {
        self.inner.get_executor_metadata(executor_id).await
    }

    async fn registered_executor_metadata(&self) -> Vec<ExecutorMetadata> {
        self.inner.registered_executor_metadata().await
    }

    async fn save_executor_heartbeat(&self, heartbeat: ExecutorHeartbeat) -> Result<()> {
        self.inner.save_executor_heartbeat(heartbeat).await
    }

    fn executor_heartbeats(&self) -> HashMap<String, ExecutorHeartbeat> {
        self.inner.executor_heartbeats()
    }

    fn get_executor_heartbeat(&self, executor_id: &str) -> Option<ExecutorHeartbeat> {
        self.inner.get_executor_heartbeat(executor_id)
    }

    async fn cluster_state_events(&self) -> Result<ClusterStateEventStream> {
        self.inner.cluster_state_events().await
    }
}

//! Outcome of the models and tests: results, metrics, and the error of a failed build.

use super::build::Run;
use super::publish;
use super::results::run_results_json;
use crate::error::{BuildFailures, MartBuilderError, NodeFailure};
use cardlake_aws::metrics::{self, Metric, Subject};
use cardlake_core::paths;
use cardlake_dbt::{Compiled, Node, Status};

impl Run<'_> {
    /// Stores `run_results.json` for `result:` selections of the next build.
    pub(super) async fn store_results(&self) -> Result<(), MartBuilderError> {
        let results = run_results_json(self.manifest, &self.state, &Compiled::new());
        let bytes = publish::bytes(&results)?;
        let bucket = &self.context.silver_bucket;
        Ok(self.context.files.put(bucket, paths::LAST_RUN_RESULTS, bytes).await?)
    }

    /// Records the numbers of nodes by status.
    pub(super) fn record_metrics(&self) {
        let count = |status| self.state.count(status);
        let figures = [
            (Metric::ModelsBuilt, count(Status::Success)),
            (Metric::BuildErrors, count(Status::Error)),
            (Metric::TestsPassed, count(Status::Pass)),
            (Metric::TestsFailed, count(Status::Fail) + count(Status::Warn)),
        ];
        metrics::record(&Subject::All, &figures);
    }

    /// Stores the compiled SQL of failed nodes for operators.
    pub(super) async fn store_compiled(&self) -> Result<(), MartBuilderError> {
        for (id, state) in &self.state.nodes {
            let Some(node) = self.manifest.nodes.get(id).filter(|_| state.status.is_failure()) else {
                continue;
            };
            if let Ok(sql) = self.manifest.compile(node, self.is_incremental(node)) {
                let key = self.compiled_key(node);
                self.context
                    .files
                    .put(&self.context.silver_bucket, &key, format!("{sql}\n").into_bytes())
                    .await?;
            }
        }
        Ok(())
    }

    fn compiled_key(&self, node: &Node) -> String {
        paths::compiled_sql(&self.state.run_id, &node.compiled_path())
    }
}

/// The error of a failed build.
pub(crate) fn failure(run: &Run<'_>) -> MartBuilderError {
    match run.state.failure.clone() {
        Some((statement, error)) => MartBuilderError::Statement { statement, error },
        None => MartBuilderError::BuildFailed(failures(run)),
    }
}

fn failures(run: &Run<'_>) -> BuildFailures {
    let failed = run.state.nodes.iter().filter(|(_, state)| state.status.is_failure());
    let failed = failed.filter_map(|(id, state)| {
        let node = run.manifest.nodes.get(id)?;
        let message = state.message.as_deref().unwrap_or("no reason given");
        Some(NodeFailure {
            kind: node.resource_type(),
            name: node.name.clone(),
            file: node.file.clone(),
            message: message.to_owned(),
            compiled: run.compiled_key(node),
        })
    });
    BuildFailures {
        failed: failed.collect(),
        skipped: run.state.count(Status::Skipped),
        bucket: run.context.silver_bucket.clone(),
    }
}

//! How a build ended, and what an operator needs to know of it.

use super::Run;
use crate::artifacts::{Compiled, run_results_json};
use crate::error::MartBuilderError;
use crate::manifest::Node;
use crate::state::Status;
use cardlake_aws::metrics::{self, Metric, Subject};
use cardlake_core::paths;

impl Run<'_> {
    /// Remembers how every node ended, so that the next build can do again what failed.
    pub(super) async fn keep_results(&self) -> Result<(), MartBuilderError> {
        let results = run_results_json(self.manifest, &self.state, &Compiled::new());
        let bytes = super::publish::bytes(&results)?;
        let bucket = &self.context.silver_bucket;
        Ok(self.context.files.put(bucket, paths::LAST_RUN_RESULTS, bytes).await?)
    }

    /// How many nodes ended well, and how many did not.
    pub(super) fn measure(&self) {
        let count = |status| self.state.count(status);
        let figures = [
            (Metric::ModelsBuilt, count(Status::Success)),
            (Metric::BuildErrors, count(Status::Error)),
            (Metric::TestsPassed, count(Status::Pass)),
            (Metric::TestsFailed, count(Status::Fail) + count(Status::Warn)),
        ];
        metrics::record(&Subject::All, &figures);
    }

    /// Writes the SQL of what failed where an operator can look at it.
    pub(super) async fn keep_compiled(&self) -> Result<(), MartBuilderError> {
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

    /// Why the build failed.
    pub(crate) fn failure(&self) -> MartBuilderError {
        match self.state.failure.clone() {
            Some((statement, error)) => MartBuilderError::Statement { statement, error },
            None => MartBuilderError::BuildFailed {
                failures: self.failures(),
            },
        }
    }

    /// One sentence for each model or test that failed.
    fn failures(&self) -> Vec<String> {
        let failed = self.state.nodes.iter().filter(|(_, state)| state.status.is_failure());
        let mut sentences: Vec<_> = failed
            .filter_map(|(id, state)| {
                let node = self.manifest.nodes.get(id)?;
                let kind = node.resource_type();
                Some(format!(
                    "{kind} {} ({}) failed: {}; compiled SQL: s3://{}/{}",
                    node.name,
                    node.file,
                    state.message.as_deref().unwrap_or("no reason given"),
                    self.context.silver_bucket,
                    self.compiled_key(node)
                ))
            })
            .collect();
        let skipped = self.state.count(Status::Skipped);
        if skipped > 0 {
            sentences.push(format!("{skipped} models and tests that depend on them were skipped"));
        }
        sentences
    }

    /// One sentence for each test of severity warn that failed.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let warned = self
            .state
            .nodes
            .iter()
            .filter(|(_, state)| state.status == Status::Warn);
        warned
            .filter_map(|(id, state)| {
                let node = self.manifest.nodes.get(id)?;
                let message = state.message.as_deref().unwrap_or_default();
                Some(format!("test {} ({}): {message}", node.name, node.file))
            })
            .collect()
    }
}

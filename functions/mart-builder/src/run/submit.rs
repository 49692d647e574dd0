//! Submitting what has become ready: a model in a transaction of its own, tests many at a time.

use super::Run;
use crate::data_tests;
use crate::error::MartBuilderError;
use crate::manifest::{ModelNode, Node};
use crate::materialize::{Build, Existing, is_incremental, probe};
use crate::state::{Batch, Status};
use cardlake_aws::data_api::DataApiErrorKind;

/// Submissions under way at once.
const MAX_RUNNING: usize = 8;
/// Tests in one statement: enough to spare requests, few enough to run side by side.
const MAX_TESTS: usize = 20;
/// Bytes of queries in one statement of tests, well below the service's 100 KB.
const MAX_TEST_BYTES: usize = 60_000;

impl Run<'_> {
    /// Fills the free places, models first: others wait for them.
    pub(super) async fn submit_ready(&mut self) -> Result<(), MartBuilderError> {
        let ready = self.ready();
        for node in ready.iter().copied() {
            if self.state.running.len() >= MAX_RUNNING {
                return Ok(());
            }
            if let Some(model) = node.model() {
                let probe = self.lacks_columns(node, model);
                let statements = if probe {
                    self.probe_statements(node, model)
                } else {
                    self.model_statements(node, model)
                };
                match statements {
                    Ok(statements) => self.start(&[&node.id], statements, probe).await?,
                    Err(problem) => self.set(&node.id, Status::Error, problem),
                }
            }
        }
        let mut tests = Vec::new();
        for node in ready.into_iter().filter(|node| node.test().is_some()) {
            let stored_in = node.test().and_then(|test| Some((test, test.stored_in.as_ref()?)));
            match (self.manifest.compile(node, false), stored_in) {
                (Ok(_), Some(_)) if self.state.running.len() >= MAX_RUNNING => {}
                (Ok(query), Some((test, table))) => {
                    let statements = data_tests::storing(&query, &test.config, table);
                    self.start(&[&node.id], statements, false).await?;
                }
                (Ok(query), None) => tests.push((node, query)),
                (Err(problem), _) => self.set(&node.id, Status::Error, problem.to_string()),
            }
        }
        let mut tests = tests.as_slice();
        while !tests.is_empty() && self.state.running.len() < MAX_RUNNING {
            let (batch, rest) = tests.split_at(self.batch_size(tests));
            tests = rest;
            let ids: Vec<_> = batch.iter().map(|(node, _)| node.id.as_str()).collect();
            let queries = batch
                .iter()
                .filter_map(|(node, query)| Some((query.clone(), &node.test()?.config)));
            let statement = data_tests::statement(&queries.collect::<Vec<_>>());
            self.start(&ids, vec![statement], false).await?;
        }
        Ok(())
    }

    /// How many of the tests go into the next statement; at least one.
    fn batch_size(&self, tests: &[(&Node, String)]) -> usize {
        let is_retry = |node: &Node| self.state.nodes.get(&node.id).is_some_and(|state| state.attempts > 0);
        if tests.first().is_some_and(|(node, _)| is_retry(node)) {
            return 1;
        }
        let mut bytes = 0;
        let fitting = tests.iter().take(MAX_TESTS).take_while(|(node, query)| {
            bytes += query.len() + 200;
            bytes <= MAX_TEST_BYTES && !is_retry(node)
        });
        fitting.count().max(1)
    }

    pub(super) fn existing(&self, model: &ModelNode) -> Option<&Existing> {
        let key = format!("{}.{}", model.relation.schema, model.relation.identifier);
        self.state.existing.get(&key.to_lowercase())
    }

    pub(super) fn is_incremental(&self, node: &Node) -> bool {
        node.model()
            .is_some_and(|model| is_incremental(&model.config, self.existing(model), self.state.full_refresh))
    }

    /// What asks for the columns of a model's query; the error is a sentence for the operator.
    fn probe_statements(&self, node: &Node, model: &ModelNode) -> Result<Vec<String>, String> {
        let query = self.manifest.compile(node, self.is_incremental(node));
        let query = query.map_err(|error| error.to_string())?;
        Ok(probe(&model.relation, without_end(&query)))
    }

    /// Hooks and materialization; the error is a sentence for the operator.
    fn model_statements(&self, node: &Node, model: &ModelNode) -> Result<Vec<String>, String> {
        let incremental = self.is_incremental(node);
        let hooks = |hooks: &[String]| -> Result<Vec<String>, String> {
            let mut statements = Vec::new();
            for hook in hooks {
                let rendered = self.manifest.render(node, hook, incremental);
                let sql = rendered.map_err(|error| error.to_string())?.text;
                let sql = sql.trim_end_matches(';').trim();
                if !sql.is_empty() {
                    statements.push(sql.to_owned());
                }
            }
            Ok(statements)
        };
        let query = self
            .manifest
            .compile(node, incremental)
            .map_err(|error| error.to_string())?;
        let build = Build {
            config: &model.config,
            relation: &model.relation,
            existing: self.existing(model),
            incremental,
            batch_date: self.state.batch_date,
            columns: self
                .state
                .nodes
                .get(&node.id)
                .and_then(|state| state.columns.as_deref()),
            query: if node.is_seed() { &query } else { without_end(&query) },
        };
        let mut statements = hooks(&model.config.pre_hooks)?;
        statements.extend(build.statements()?);
        statements.extend(hooks(&model.config.post_hooks)?);
        Ok(statements)
    }

    async fn start(&mut self, ids: &[&str], statements: Vec<String>, probe: bool) -> Result<(), MartBuilderError> {
        let first = ids.first().copied().unwrap_or_default();
        let attempt = self.state.nodes.get(first).map_or(0, |node| node.attempts) + 1;
        let submitted = match ids {
            [id] if probe => self.submit(&format!("columns of {id}"), attempt, statements).await,
            [id] => self.submit(id, attempt, statements).await,
            _ => {
                let step = format!("{} tests from {first} to {}", ids.len(), ids.last().unwrap_or(&first));
                self.submit(&step, attempt, statements).await
            }
        };
        let statement = match submitted {
            Ok(statement) => statement,
            // A query that is too long is a mistake of the model, not of the service.
            Err(MartBuilderError::DataApi(error)) if error.kind == DataApiErrorKind::Limit => {
                for id in ids {
                    self.set(id, Status::Error, error.source.to_string());
                }
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        for id in ids {
            if let Some(node) = self.state.nodes.get_mut(*id) {
                node.status = Status::Running;
                node.attempts += 1;
            }
        }
        self.state.running.push(Batch {
            statement,
            nodes: ids.iter().map(|id| (*id).to_owned()).collect(),
            probe,
        });
        Ok(())
    }
}

/// A query without the semicolon that some write at its end.
fn without_end(query: &str) -> &str {
    query.trim_end_matches(';').trim_end()
}

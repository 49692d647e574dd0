//! Scheduling of a build: which nodes are ready, what to submit for them, and what an outcome means. No I/O.
//!
//! The caller owns the [`NodeStates`], submits each [`Task`] as one transaction and reports its outcome here. Nodes that
//! are ready may run concurrently.

use crate::data_tests;
use crate::graph::{Graph, Ids};
use crate::manifest::{Manifest, ModelNode, Node};
use crate::materialize::catalog::{self, probed_column};
use crate::materialize::{Build, Existing, Limits, is_incremental, wants_columns};
use crate::node_state::{NodeStates, Status};
use crate::result::Row;
use std::collections::BTreeMap;

/// How often a node is submitted if its transactions conflict with others.
pub const MAX_ATTEMPTS: u32 = 4;
/// Tests in one statement: many enough to save requests, few enough to run concurrently.
const MAX_TESTS: usize = 20;

/// What the statements of a build depend on besides the states of its nodes.
#[derive(Debug, Clone, Copy)]
pub struct Schedule<'a> {
    /// The project.
    pub manifest: &'a Manifest,
    /// Its dependencies.
    pub graph: &'a Graph,
    /// Relations that existed when the build began, by `schema.name`.
    pub existing: &'a BTreeMap<String, Existing>,
    /// Limits of a submission.
    pub limits: Limits,
}

/// Statements to run in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// For the list of statements.
    pub name: String,
    /// The nodes it builds or tests; several tests are in the order of the result's `test` column.
    pub nodes: Vec<String>,
    /// It returns the columns of the node's query and builds nothing.
    pub probe: bool,
    /// The statements, without semicolons at their ends.
    pub statements: Vec<String>,
}

impl<'a> Schedule<'a> {
    /// Statements to run before the first task: create the schemas, then list the relations and columns in them. The
    /// results of the last two are the arguments of [`crate::existing_relations`].
    #[must_use]
    pub fn inspection(manifest: &Manifest) -> Vec<String> {
        catalog::inspection(&manifest.schemas())
    }

    /// Skips the descendants of failed nodes, and completes ephemeral models that are ready.
    pub fn settle(&self, states: &mut NodeStates) {
        let selected: Ids = states.keys().cloned().collect();
        let failed = states.iter().filter(|(_, state)| state.status.is_failure());
        let failed: Vec<_> = failed.map(|(id, _)| id.clone()).collect();
        for failed in failed {
            for id in self.graph.dependants(&failed, &selected) {
                if let Some(state) = states.get_mut(&id).filter(|state| state.status == Status::Pending) {
                    state.status = Status::Skipped;
                    state.message = Some(format!("{failed} failed"));
                }
            }
        }
        loop {
            let ready = self.ready(states);
            let ephemeral: Vec<_> = ready.into_iter().filter(|node| node.is_ephemeral()).collect();
            if ephemeral.is_empty() {
                return;
            }
            for node in ephemeral {
                if let Some(state) = states.get_mut(&node.id) {
                    state.status = Status::Success;
                }
            }
        }
    }

    /// Pending nodes whose dependencies are done, in the order of their ids. Unselected nodes count as done.
    fn ready(&self, states: &NodeStates) -> Vec<&'a Node> {
        let is_good = |id: &String| states.get(id).is_none_or(|state| state.status.is_good());
        let pending = states.iter().filter(|(_, state)| state.status == Status::Pending);
        let ready = pending.filter(|(id, _)| {
            let waits = self.graph.waits_for.get(*id);
            waits.is_none_or(|waits| waits.iter().all(is_good))
        });
        ready.filter_map(|(id, _)| self.manifest.nodes.get(id)).collect()
    }

    /// Up to `free` tasks for nodes that are ready, models before tests. A node whose statements cannot be rendered becomes
    /// an error.
    pub fn tasks(&self, states: &mut NodeStates, free: usize) -> Vec<Task> {
        let ready = self.ready(states);
        let mut tasks = Vec::new();
        for node in ready.iter().copied() {
            if tasks.len() >= free {
                return tasks;
            }
            let Some(model) = node.model() else { continue };
            match self.model_task(states, node, model) {
                Ok(task) => tasks.push(task),
                Err(problem) => set_error(states, &node.id, problem),
            }
        }
        let mut queries = Vec::new();
        for node in ready {
            let Some(test) = node.test() else { continue };
            match (self.manifest.compile(node, false), &test.stored_in) {
                (Ok(_), Some(_)) if tasks.len() >= free => {}
                (Ok(query), Some(table)) => {
                    let statements = data_tests::storing(&query, &test.config, table);
                    tasks.push(Task::of(&node.id, false, statements));
                }
                (Ok(query), None) => queries.push((node, query)),
                (Err(problem), _) => set_error(states, &node.id, problem.to_string()),
            }
        }
        let mut queries = queries.as_slice();
        while !queries.is_empty() && tasks.len() < free {
            let (batch, rest) = queries.split_at(self.batch_size(states, queries));
            queries = rest;
            tasks.push(tests_task(batch));
        }
        tasks
    }

    /// How many of the tests go into the next statement; at least one.
    fn batch_size(&self, states: &NodeStates, tests: &[(&Node, String)]) -> usize {
        let is_retry = |node: &Node| states.get(&node.id).is_some_and(|state| state.attempts > 0);
        if tests.first().is_some_and(|(node, _)| is_retry(node)) {
            return 1;
        }
        let max_bytes = self.limits.statement_bytes / 5 * 3;
        let mut bytes = 0;
        let fitting = tests.iter().take(MAX_TESTS).take_while(|(node, query)| {
            bytes += query.len() + 200;
            bytes <= max_bytes && !is_retry(node)
        });
        fitting.count().max(1)
    }

    fn existing(&self, model: &ModelNode) -> Option<&'a Existing> {
        let key = catalog::key(&model.relation.schema, &model.relation.identifier);
        self.existing.get(&key.to_lowercase())
    }

    /// Whether `is_incremental()` is true for a node in this build.
    #[must_use]
    pub fn is_incremental(&self, node: &Node) -> bool {
        let full_refresh = self.manifest.invocation().full_refresh;
        node.model()
            .is_some_and(|model| is_incremental(&model.config, self.existing(model), full_refresh))
    }

    /// The next task of a model: a probe if its columns are required and unknown, else its hooks and materialisation. The
    /// error is a message.
    fn model_task(&self, states: &NodeStates, node: &Node, model: &ModelNode) -> Result<Task, String> {
        let incremental = self.is_incremental(node);
        let compiled = self.manifest.compile(node, incremental);
        let query = compiled.map_err(|error| error.to_string())?;
        let columns = states.get(&node.id).and_then(|state| state.columns.as_deref());
        if columns.is_none() && wants_columns(&model.config, self.existing(model), incremental) {
            let statements = catalog::probe(&model.relation, without_semicolon(&query));
            return Ok(Task::of(&node.id, true, statements));
        }
        let build = Build {
            config: &model.config,
            relation: &model.relation,
            existing: self.existing(model),
            incremental,
            batch_date: self.manifest.invocation().batch_date,
            columns,
            query: if node.is_seed() {
                &query
            } else {
                without_semicolon(&query)
            },
            limits: self.limits,
        };
        let mut statements = self.hooks(node, &model.config.pre_hooks, incremental)?;
        statements.extend(build.statements()?);
        statements.extend(self.hooks(node, &model.config.post_hooks, incremental)?);
        Ok(Task::of(&node.id, false, statements))
    }

    fn hooks(&self, node: &Node, hooks: &[String], incremental: bool) -> Result<Vec<String>, String> {
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
    }

    /// Whether the outcome of a task has a result to read.
    #[must_use]
    pub fn has_result(&self, nodes: &[String], probe: bool) -> bool {
        let is_model = |id: &String| self.manifest.nodes.get(id).is_some_and(|node| node.model().is_some());
        probe || !matches!(nodes, [id] if is_model(id))
    }

    /// Records a task that was committed. `result`: rows of the statement at [`Task::result_index`], empty if
    /// [`Self::has_result`] is false.
    pub fn succeeded(&self, states: &mut NodeStates, nodes: &[String], probe: bool, result: &[Row], seconds: f64) {
        if probe {
            probed(states, nodes, result, seconds);
        } else if self.has_result(nodes, probe) {
            self.tested(states, nodes, result, seconds);
        } else {
            for id in nodes {
                if let Some(state) = states.get_mut(id) {
                    state.status = Status::Success;
                    state.seconds += seconds;
                    state.message = None;
                }
            }
        }
    }

    fn tested(&self, states: &mut NodeStates, nodes: &[String], result: &[Row], seconds: f64) {
        for row in result {
            let [index, failures, should_warn, should_error] = row.as_slice() else {
                continue;
            };
            let id = index
                .integer()
                .and_then(|index| nodes.get(usize::try_from(index).ok()?));
            let Some(id) = id else { continue };
            let test = self.manifest.nodes.get(id).and_then(Node::test);
            let warn_only = test.is_some_and(|test| test.config.warn_only);
            let failures = failures
                .integer()
                .and_then(|count| u64::try_from(count).ok())
                .unwrap_or_default();
            let status = if !warn_only && should_error.boolean() == Some(true) {
                Status::Fail
            } else if should_warn.boolean() == Some(true) {
                Status::Warn
            } else {
                Status::Pass
            };
            if let Some(state) = states.get_mut(id) {
                state.status = status;
                state.failures = Some(failures);
                // The warehouse reports one duration for all tests of a statement.
                state.seconds = seconds / f64::from(u32::try_from(nodes.len()).unwrap_or(u32::MAX));
                state.message = (status != Status::Pass).then(|| {
                    let stored = test.and_then(|test| test.stored_in.as_ref());
                    let stored = stored.map(|table| format!(", see {}", table.sql())).unwrap_or_default();
                    format!("{failures} rows should not be there{stored}")
                });
            }
        }
        // A test without a row would stay running for ever.
        for id in nodes {
            if states.get(id).is_some_and(|state| state.status == Status::Running) {
                set_error(states, id, "the statement of the tests gave no row for it".to_owned());
            }
        }
    }
}

impl Task {
    fn of(id: &str, probe: bool, statements: Vec<String>) -> Self {
        Self {
            name: if probe {
                format!("columns of {id}")
            } else {
                id.to_owned()
            },
            nodes: vec![id.to_owned()],
            probe,
            statements,
        }
    }

    /// Which statement of a committed task returned the result to read; `None`: the only one.
    #[must_use]
    pub const fn result_index(probe: bool, statements: usize) -> Option<usize> {
        match (probe, statements) {
            // The last statement drops the probed table.
            (true, 2..) => Some(statements - 2),
            // A test with stored failures counts them last.
            (false, 2..) => Some(statements - 1),
            _ => None,
        }
    }

    /// Records that it was submitted.
    pub fn started(&self, states: &mut NodeStates) {
        for id in &self.nodes {
            if let Some(state) = states.get_mut(id) {
                state.status = Status::Running;
                state.attempts += 1;
            }
        }
    }

    /// Records that it cannot be submitted, for a reason that retrying does not change.
    pub fn refused(&self, states: &mut NodeStates, problem: &str) {
        for id in &self.nodes {
            set_error(states, id, problem.to_owned());
        }
    }
}

/// Records a task that was rolled back. Conflicts with other transactions are retried, and tests that shared a statement
/// run alone next time.
pub fn failed(states: &mut NodeStates, nodes: &[String], error: &str, is_conflict: bool, seconds: f64) {
    let shared = nodes.len() > 1;
    for id in nodes {
        let Some(state) = states.get_mut(id) else { continue };
        if shared || is_conflict && state.attempts < MAX_ATTEMPTS {
            tracing::warn!(node = id, error, "retry");
            state.status = Status::Pending;
        } else {
            state.status = Status::Error;
            state.seconds = seconds;
            state.message = Some(error.trim().to_owned());
        }
    }
}

fn probed(states: &mut NodeStates, nodes: &[String], result: &[Row], seconds: f64) {
    let columns: Vec<_> = result.iter().filter_map(|row| probed_column(row)).collect();
    for id in nodes {
        if let Some(state) = states.get_mut(id) {
            state.status = Status::Pending;
            state.seconds += seconds;
            state.columns = Some(columns.clone());
        }
    }
}

fn tests_task(tests: &[(&Node, String)]) -> Task {
    let nodes: Vec<_> = tests.iter().map(|(node, _)| node.id.clone()).collect();
    let queries = tests
        .iter()
        .filter_map(|(node, query)| Some((query.clone(), &node.test()?.config)));
    let statement = data_tests::statement(&queries.collect::<Vec<_>>());
    let name = match nodes.as_slice() {
        [first, .., last] => format!("{} tests from {first} to {last}", nodes.len()),
        only => only.concat(),
    };
    Task {
        name,
        nodes,
        probe: false,
        statements: vec![statement],
    }
}

fn set_error(states: &mut NodeStates, id: &str, message: String) {
    if let Some(state) = states.get_mut(id) {
        state.status = Status::Error;
        state.message = Some(message);
    }
}

fn without_semicolon(query: &str) -> &str {
    query.trim_end_matches(';').trim_end()
}

#[cfg(test)]
mod tests;

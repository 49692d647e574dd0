//! Runs a state machine: enters states, passes data through them, retries and catches.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::SecondsFormat;
use futures::FutureExt as _;
use futures::future::{BoxFuture, try_join_all};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::data::context::Context;
use crate::data::intrinsics::Expression;
use crate::data::payload::check_size;
use crate::data::timestamp::timestamp;
use crate::definition::machine::StateMachine;
use crate::definition::model::{Flow, Kind, State, Task, Wait};
use crate::execution::clock::Clock;
use crate::execution::engine::{Engine, FlowRunner, Scope, Visit};
use crate::execution::history::{self, Recorder};
use crate::execution::options::ExecutionOptions;
use crate::execution::outcome::{ExecutionResult, Outcome};
use crate::failure::{Failure, NO_CHOICE_MATCHED, TIMEOUT};
use crate::observer::Observer;
use crate::random::Random;
use crate::task::TaskInvoker;

/// The longest wait for a point in time: as many seconds as 31 bits hold, which is 68 years.
const MAX_WAIT: Duration = Duration::from_secs(0x7fff_ffff);

/// Runs `machine` to its end. Dropping the future abandons the execution and every task in it.
pub async fn execute(
    machine: &StateMachine,
    options: ExecutionOptions,
    invoker: &dyn TaskInvoker,
    observer: &dyn Observer,
) -> ExecutionResult {
    let engine = Engine {
        invoker,
        observer,
        clock: Clock::new(options.start_time, options.time_scale, options.skips_time),
        random: Random::new(options.seed),
        max_concurrency: options.max_concurrency.max(1),
        transitions: AtomicU64::new(0),
    };
    let recorder = Recorder::keeping();
    let result = engine.run_machine(machine, options, &recorder).await;
    let clock = &engine.clock;
    let (outcome, history) = match result {
        None => (
            Outcome::TimedOut,
            recorder.finish(clock, "ExecutionTimedOut", Value::Null),
        ),
        Some(Ok(output)) => {
            let details = history::payload("output", &output);
            (
                Outcome::Succeeded { output },
                recorder.finish(clock, "ExecutionSucceeded", details),
            )
        }
        Some(Err(failure)) => {
            let details = history::failure(&failure);
            let Failure {
                error, cause, state, ..
            } = failure;
            (
                Outcome::Failed { error, cause, state },
                recorder.finish(clock, "ExecutionFailed", details),
            )
        }
    };
    ExecutionResult {
        outcome,
        history,
        transitions: engine.transitions.into_inner(),
        end_time: engine.clock.now(),
    }
}

/// The output of a state, and the state that follows.
type Step = (Value, Option<String>);

impl FlowRunner for Engine<'_> {
    fn run_flow<'s>(&'s self, flow: &'s Flow, input: Value, scope: Scope<'s>) -> BoxFuture<'s, Result<Value, Failure>> {
        async move {
            check_size(&input, "the input of the execution")?;
            let (mut name, mut data) = (flow.start_at.clone(), input);
            loop {
                // Targets were checked when the definition was loaded.
                let state = flow
                    .states
                    .get(&name)
                    .ok_or_else(|| Failure::runtime(format!("no state `{name}`")))?;
                let path = format!("{}{name}", scope.prefix);
                let (output, next) = self
                    .run_state(state, data, &path, &scope)
                    .await
                    .map_err(|failure| failure.at(&path))?;
                data = output;
                match next {
                    Some(next) => name = next,
                    None => return Ok(data),
                }
            }
        }
        .boxed()
    }
}

impl Engine<'_> {
    /// `None` if the machine's own timeout passed.
    async fn run_machine(
        &self,
        machine: &StateMachine,
        options: ExecutionOptions,
        recorder: &Recorder,
    ) -> Option<Result<Value, Failure>> {
        if let Err(error) = machine.check_resources(|resource| self.invoker.supports(resource)) {
            return Some(Err(Failure::runtime(error.to_string())));
        }
        let ExecutionOptions {
            state_machine_name,
            name,
            start_time,
            input,
            ..
        } = options;
        let arn = |kind: &str, rest: &str| format!("arn:aws:states:us-east-1:000000000000:{kind}:{rest}");
        let context = Context {
            execution: Arc::new(json!({
                "Id": arn("execution", &format!("{state_machine_name}:{name}")),
                "Input": &input,
                "Name": name,
                "RedriveCount": 0,
                "RoleArn": "arn:aws:iam::000000000000:role/local",
                "StartTime": start_time.to_rfc3339_opts(SecondsFormat::Millis, true),
            })),
            state_machine: Arc::new(json!({
                "Id": arn("stateMachine", &state_machine_name),
                "Name": state_machine_name,
            })),
            ..Context::default()
        };
        let scope = Scope {
            context,
            prefix: String::new(),
            recorder,
        };
        let run = async {
            recorder.record(&self.clock, "ExecutionStarted", "", || {
                history::payload("input", &input)
            })?;
            self.run_flow(&machine.flow, input, scope).await
        };
        match machine.timeout_seconds {
            Some(seconds) => timeout(Duration::from_secs(seconds), run).await.ok(),
            None => Some(run.await),
        }
    }

    async fn run_state(&self, state: &State, input: Value, path: &str, scope: &Scope<'_>) -> Result<Step, Failure> {
        self.transitions.fetch_add(1, Ordering::Relaxed);
        let mut context = scope.context.clone();
        context.state = json!({ "Name": state.name, "EnteredTime": self.clock.now_text() });
        let mut visit = Visit {
            state,
            path,
            scope,
            context,
        };
        let type_name = state.kind.type_name();
        let entered = || history::payload("input", &input);
        scope
            .recorder
            .record(&self.clock, format!("{type_name}StateEntered"), path, entered)?;
        self.observer.state_entered(visit.event());
        let started = Instant::now();
        let mut caught = None;
        let result = match &state.kind {
            Kind::Task(_) | Kind::Map(_) | Kind::Parallel { .. } => {
                visit.context.state["RetryCount"] = Value::from(0);
                self.run_with_retries(&mut visit, input, &mut caught).await
            }
            _ => self.run_simple(&visit, input).await,
        };
        let result = result.and_then(|(output, next)| {
            check_size(&output, &format!("the output of the state `{}`", state.name))?;
            let exited = || history::payload("output", &output);
            scope
                .recorder
                .record(&self.clock, format!("{type_name}StateExited"), path, exited)?;
            Ok((output, next))
        });
        let failure = result.as_ref().err().or(caught.as_ref()).map(Failure::as_task_failure);
        self.observer
            .state_exited(visit.event(), started.elapsed(), failure.as_ref());
        result
    }

    /// The states that cannot be retried.
    async fn run_simple(&self, visit: &Visit<'_>, input: Value) -> Result<Step, Failure> {
        let Visit { state, context, .. } = visit;
        let effective = state.input_path.apply(&input, context, "InputPath")?;
        let mut next = state.next.clone();
        let output = match &state.kind {
            Kind::Choice { rules, default } => {
                next = None;
                for rule in rules {
                    if rule.condition.holds(&effective, context)? {
                        next = Some(rule.next.clone());
                        break;
                    }
                }
                next = next.or_else(|| default.clone());
                if next.is_none() {
                    return Err(Failure::new(
                        NO_CHOICE_MATCHED,
                        "no rule matched, and there is no Default",
                    ));
                }
                effective.into_owned()
            }
            Kind::Wait(wait) => {
                self.clock.sleep(self.wait_duration(wait, &effective, context)?).await;
                effective.into_owned()
            }
            Kind::Pass { result } => {
                let value = match (result, &state.parameters) {
                    (Some(result), _) => result.clone(),
                    (None, Some(template)) => template.evaluate(&effective, context, &self.random)?,
                    (None, None) => effective.into_owned(),
                };
                state.result_path.apply(input, value)?
            }
            Kind::Fail { error, cause } => {
                let text = |expression: &Option<Expression>, field| match expression {
                    None => Ok(String::new()),
                    Some(expression) => match expression.evaluate(&effective, context, &self.random, field)? {
                        Value::String(text) => Ok(text),
                        other => Err(Failure::runtime(format!("`{field}` must give a string, not {other}"))),
                    },
                };
                return Err(Failure::new(&text(error, "ErrorPath")?, text(cause, "CausePath")?));
            }
            _ => effective.into_owned(),
        };
        let output = state.output_path.apply(&output, context, "OutputPath")?.into_owned();
        Ok((output, next))
    }

    fn wait_duration(&self, wait: &Wait, input: &Value, context: &Context) -> Result<Duration, Failure> {
        match wait {
            Wait::Seconds(amount) => Ok(Duration::from_secs(amount.evaluate(input, context)?)),
            Wait::Until(expression) => {
                let value = expression.evaluate(input, context, &self.random, "TimestampPath")?;
                let until = value.as_str().and_then(timestamp).ok_or_else(|| {
                    Failure::runtime(format!(
                        "`TimestampPath` must give a timestamp such as 2026-01-15T02:00:00Z, not {value}"
                    ))
                })?;
                // A time that has passed is no wait.
                let wait = until
                    .signed_duration_since(self.clock.now())
                    .to_std()
                    .unwrap_or_default();
                if wait > MAX_WAIT {
                    return Err(Failure::runtime(format!("the wait until {value} is too long")));
                }
                Ok(wait)
            }
        }
    }

    /// The states that `Retry` and `Catch` guard. `caught` tells the error that a catcher took.
    async fn run_with_retries(
        &self,
        visit: &mut Visit<'_>,
        input: Value,
        caught: &mut Option<Failure>,
    ) -> Result<Step, Failure> {
        let state = visit.state;
        let mut attempts = vec![0_u32; state.retry.len()];
        let mut retries = 0_u32;
        loop {
            let failure = match self.attempt(visit, &input).await {
                Ok(output) => return Ok((output, state.next.clone())),
                Err(failure) => failure.at(visit.path),
            };
            // The first retrier that names the error decides, even if its attempts are used up.
            let retrier = state
                .retry
                .iter()
                .zip(&mut attempts)
                .find(|(retrier, _)| retrier.errors.matches(&failure));
            if let Some((retrier, used)) = retrier
                && *used < retrier.max_attempts
            {
                let delay = retrier.delay(*used, &self.random);
                *used += 1;
                retries += 1;
                self.transitions.fetch_add(1, Ordering::Relaxed);
                self.observer
                    .state_retried(visit.event(), &failure.as_task_failure(), retries, delay);
                self.clock.sleep(delay).await;
                visit.context.state["RetryCount"] = Value::from(retries);
                continue;
            }
            let Some(catcher) = state.catch.iter().find(|catcher| catcher.errors.matches(&failure)) else {
                return Err(failure);
            };
            let output = json!({ "Error": failure.error, "Cause": failure.cause });
            *caught = Some(failure);
            return Ok((catcher.result_path.apply(input, output)?, Some(catcher.next.clone())));
        }
    }

    /// One try of a task, a map or a parallel state, from its raw input to its output.
    async fn attempt(&self, visit: &Visit<'_>, input: &Value) -> Result<Value, Failure> {
        let Visit { state, context, .. } = visit;
        let effective = state.input_path.apply(input, context, "InputPath")?;
        let result = if let Kind::Map(map) = &state.kind {
            self.run_map(map, &effective, visit, self).await?
        } else {
            let payload = match &state.parameters {
                Some(template) => template.evaluate(&effective, context, &self.random)?,
                None => effective.into_owned(),
            };
            match &state.kind {
                Kind::Parallel { branches } => self.run_branches(branches, &payload, visit).await?,
                Kind::Task(task) => self.run_task(task, payload, input, visit).await?,
                _ => payload,
            }
        };
        check_size(&result, &format!("the result of the state `{}`", state.name))?;
        let selected = match &state.result_selector {
            Some(template) => template.evaluate(&result, context, &self.random)?,
            None => result,
        };
        let combined = state.result_path.apply(input.clone(), selected)?;
        Ok(state.output_path.apply(&combined, context, "OutputPath")?.into_owned())
    }

    async fn run_task(&self, task: &Task, payload: Value, input: &Value, visit: &Visit<'_>) -> Result<Value, Failure> {
        let Visit {
            state,
            path,
            scope,
            context,
        } = visit;
        check_size(&payload, &format!("the parameters of the state `{}`", state.name))?;
        let limit = match &task.timeout {
            Some(amount) => Some(Duration::from_secs(amount.evaluate(input, context)?)),
            None => None,
        };
        scope.recorder.record(
            &self.clock,
            "TaskScheduled",
            path,
            || json!({ "resource": task.resource }),
        )?;
        let invocation = self.invoker.invoke(&task.resource, payload);
        let result = match limit {
            None => invocation.await.map_err(Failure::from),
            Some(limit) => match timeout(limit, invocation).await {
                Ok(result) => result.map_err(Failure::from),
                // Step Functions gives no cause.
                Err(_) => Err(Failure::new(TIMEOUT, String::new())),
            },
        };
        let event = match &result {
            Ok(_) => "TaskSucceeded",
            Err(failure) if failure.error == TIMEOUT => "TaskTimedOut",
            Err(_) => "TaskFailed",
        };
        scope.recorder.record(&self.clock, event, path, || match &result {
            Ok(output) => history::payload("output", output),
            Err(failure) => history::failure(failure),
        })?;
        result
    }

    async fn run_branches(&self, branches: &[Flow], input: &Value, visit: &Visit<'_>) -> Result<Value, Failure> {
        let runs = branches.iter().enumerate().map(|(index, branch)| {
            let prefix = format!("{}[{index}]/", visit.path);
            self.run_flow(
                branch,
                input.clone(),
                Scope {
                    prefix,
                    ..visit.scope.clone()
                },
            )
        });
        let outputs = try_join_all(runs).await.map_err(|failure| Failure {
            from_branch: true,
            ..failure
        })?;
        Ok(Value::Array(outputs))
    }
}

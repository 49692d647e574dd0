//! `Map` states: inline ones, and distributed ones with an item reader, batches and tolerated failures.

use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use serde_json::{Map, Value, json};

use crate::data::context::Context;
use crate::data::payload::{MAX_PAYLOAD_BYTES, json_bytes};
use crate::definition::amount::Amount;
use crate::definition::model::{Batcher, Items, MapState, Percentage};
use crate::execution::engine::{Engine, FlowRunner, Scope, Visit};
use crate::execution::history::{self, Recorder};
use crate::failure::{EXCEED_TOLERATED_FAILURE_THRESHOLD, Failure, ITEM_READER_FAILED};
use crate::observer::MapProgress;

/// How many items of an inline map run at the same time, at most.
const INLINE_CONCURRENCY: u64 = 40;
/// How many children of a distributed map run at the same time, at most.
const DISTRIBUTED_CONCURRENCY: u64 = 10_000;
/// A longer item stands in a path by its index.
const MAX_PATH_LABEL_CHARACTERS: usize = 64;

/// How many items may fail.
struct Tolerance {
    count: Option<u64>,
    percentage: Option<f64>,
    total: usize,
}

impl Tolerance {
    fn exceeded(&self, failed: usize) -> bool {
        let failed_count = u64::try_from(failed).unwrap_or(u64::MAX);
        let by_count = self.count.is_some_and(|count| failed_count > count);
        // `usize` to `f64` loses nothing at the sizes a map can have.
        #[expect(clippy::cast_precision_loss, reason = "a map has far fewer than 2^52 items")]
        let share = failed as f64 * 100.0 / self.total.max(1) as f64;
        let by_percentage = self.percentage.is_some_and(|percentage| share > percentage);
        by_count || by_percentage || (failed > 0 && self.count.is_none() && self.percentage.is_none())
    }
}

impl Engine<'_> {
    /// Runs a map on its effective input, every item through `runner`; gives the array of results, in the order of the
    /// items.
    pub(crate) async fn run_map(
        &self,
        map: &MapState,
        input: &Value,
        visit: &Visit<'_>,
        runner: &dyn FlowRunner,
    ) -> Result<Value, Failure> {
        let items = self.read_items(map, input, visit).await?;
        let items = match &map.batcher {
            Some(batcher) => self.batches(map, batcher, items, input, visit)?,
            None => items,
        };
        let tolerance = self.tolerance(map, input, visit, items.len())?;
        let total = items.len();
        let mut progress = MapProgress {
            total,
            succeeded: 0,
            failed: 0,
        };
        self.observer.map_progressed(visit.event(), progress);
        let recorder = visit.scope.recorder;
        let event = if map.distributed {
            "MapRunStarted"
        } else {
            "MapStateStarted"
        };
        recorder.record(&self.clock, event, visit.path, || json!({ "length": total }))?;

        let limit = self.concurrency(map, input, visit)?;
        let mut waiting = items.into_iter().enumerate();
        let mut running = FuturesUnordered::new();
        let mut results = vec![Value::Null; total];
        let mut first_failure: Option<(usize, Failure)> = None;
        loop {
            while running.len() < limit
                && let Some((index, item)) = waiting.next()
            {
                let child = self.item_input(map, input, visit, index, &item)?;
                running.push(run_item(map, visit, runner, index, item, child));
            }
            let Some((index, result)) = running.next().await else {
                break;
            };
            match result {
                Ok(output) => {
                    progress.succeeded += 1;
                    if let Some(slot) = results.get_mut(index) {
                        *slot = output;
                    }
                }
                Err(failure) if !map.distributed => return Err(failure),
                Err(failure) => {
                    progress.failed += 1;
                    let (first_index, first) = first_failure.get_or_insert((index, failure));
                    if tolerance.exceeded(progress.failed) {
                        self.observer.map_progressed(visit.event(), progress);
                        let failure = Failure::new(
                            EXCEED_TOLERATED_FAILURE_THRESHOLD,
                            format!(
                                "the specified tolerated failure threshold was exceeded: {} of {total} items failed, \
                                 the first was item {first_index} with {}: {}",
                                progress.failed, first.error, first.cause
                            ),
                        );
                        recorder.record(&self.clock, "MapRunFailed", visit.path, || history::failure(&failure))?;
                        return Err(failure);
                    }
                }
            }
            self.observer.map_progressed(visit.event(), progress);
        }
        let event = if map.distributed {
            "MapRunSucceeded"
        } else {
            "MapStateSucceeded"
        };
        recorder.record(&self.clock, event, visit.path, || json!({ "failed": progress.failed }))?;
        Ok(Value::Array(results))
    }

    async fn read_items(&self, map: &MapState, input: &Value, visit: &Visit<'_>) -> Result<Vec<Value>, Failure> {
        match &map.items {
            Items::Path(path) => match path.require(input, &visit.context, "ItemsPath")? {
                Value::Array(items) => Ok(items),
                _ => Err(Failure::runtime(format!(
                    "`ItemsPath` must give an array: `{}` does not",
                    path.text()
                ))),
            },
            Items::ListObjects { parameters, max_items } => {
                let mut parameters = parameters.evaluate(input, &visit.context, &self.random)?;
                let mut text = |name: &str| match parameters.get_mut(name).map(Value::take) {
                    Some(Value::String(text)) => Ok(Some(text)),
                    None => Ok(None),
                    Some(_) => Err(Failure::runtime(format!(
                        "`{name}` of the item reader must be a string"
                    ))),
                };
                let bucket = text("Bucket")?
                    .ok_or_else(|| Failure::runtime("`Bucket` is missing in the parameters of the item reader"))?;
                let prefix = text("Prefix")?.unwrap_or_default();
                let max_items = match max_items {
                    Some(amount) => usize::try_from(amount.evaluate(input, &visit.context)?)
                        .ok()
                        .filter(|n| *n > 0),
                    None => None,
                };
                let listed = self
                    .invoker
                    .list_objects(&bucket, &prefix, max_items)
                    .await
                    .map_err(|failure| {
                        Failure::new(ITEM_READER_FAILED, format!("{}: {}", failure.error, failure.cause))
                    })?;
                Ok(listed
                    .into_iter()
                    .map(|item| json!({ "Key": item.key, "Size": item.size }))
                    .collect())
            }
        }
    }

    fn tolerance(&self, map: &MapState, input: &Value, visit: &Visit<'_>, total: usize) -> Result<Tolerance, Failure> {
        let count = map
            .tolerated_count
            .as_ref()
            .map(|amount| amount.evaluate(input, &visit.context))
            .transpose()?;
        let percentage = match &map.tolerated_percentage {
            None => None,
            Some(Percentage::Literal(percentage)) => Some(*percentage),
            Some(Percentage::Path(path)) => {
                let field = "ToleratedFailurePercentagePath";
                let value = path.require(input, &visit.context, field)?;
                let percentage = value.as_f64().filter(|percentage| (0.0..=100.0).contains(percentage));
                Some(percentage.ok_or_else(|| {
                    Failure::runtime(format!("`{field}` must give a number from 0 to 100, not {value}"))
                })?)
            }
        };
        Ok(Tolerance {
            count,
            percentage,
            total,
        })
    }

    fn concurrency(&self, map: &MapState, input: &Value, visit: &Visit<'_>) -> Result<usize, Failure> {
        let most = if map.distributed {
            DISTRIBUTED_CONCURRENCY
        } else {
            INLINE_CONCURRENCY
        };
        // 0 means no limit of the map's own.
        let own = match &map.max_concurrency {
            Some(amount) => Some(amount.evaluate(input, &visit.context)?).filter(|limit| *limit > 0),
            None => None,
        };
        let limit = own.map_or(most, |own| own.min(most));
        Ok(usize::try_from(limit).unwrap_or(usize::MAX).min(self.max_concurrency))
    }

    /// The input of one child: the item, or what the selector makes of it. Batches have been through it already.
    fn item_input(
        &self,
        map: &MapState,
        input: &Value,
        visit: &Visit<'_>,
        index: usize,
        item: &Value,
    ) -> Result<Value, Failure> {
        match &map.selector {
            Some(selector) if map.batcher.is_none() => {
                selector.evaluate(input, &visit.context.with_item(index, item.clone()), &self.random)
            }
            _ => Ok(item.clone()),
        }
    }

    fn batches(
        &self,
        map: &MapState,
        batcher: &Batcher,
        items: Vec<Value>,
        input: &Value,
        visit: &Visit<'_>,
    ) -> Result<Vec<Value>, Failure> {
        let evaluate = |amount: &Option<Amount>| -> Result<Option<usize>, Failure> {
            let number = amount
                .as_ref()
                .map(|amount| amount.evaluate(input, &visit.context))
                .transpose()?;
            Ok(number.map(|number| usize::try_from(number).unwrap_or(usize::MAX)))
        };
        let max_items = evaluate(&batcher.max_items)?.unwrap_or(usize::MAX).max(1);
        let max_bytes = evaluate(&batcher.max_bytes)?
            .unwrap_or(usize::MAX)
            .min(MAX_PAYLOAD_BYTES);
        let mut frame = Map::new();
        if let Some(template) = &batcher.batch_input {
            frame.insert(
                "BatchInput".to_owned(),
                template.evaluate(input, &visit.context, &self.random)?,
            );
        }
        frame.insert("Items".to_owned(), json!([]));
        let frame = Value::Object(frame);
        let empty_bytes = json_bytes(&frame);
        let batch = |items: Vec<Value>| {
            let mut frame = frame.clone();
            frame["Items"] = Value::Array(items);
            frame
        };

        let (mut batches, mut current, mut bytes) = (Vec::new(), Vec::new(), empty_bytes);
        for (index, item) in items.into_iter().enumerate() {
            let item = match &map.selector {
                Some(selector) => selector.evaluate(input, &visit.context.with_item(index, item), &self.random)?,
                None => item,
            };
            // One more for the comma.
            let added = json_bytes(&item) + 1;
            if !current.is_empty() && (current.len() == max_items || bytes + added > max_bytes) {
                batches.push(batch(std::mem::take(&mut current)));
                bytes = empty_bytes;
            }
            current.push(item);
            bytes += added;
        }
        if !current.is_empty() {
            batches.push(batch(current));
        }
        Ok(batches)
    }
}

/// Runs one child of a map.
async fn run_item(
    map: &MapState,
    visit: &Visit<'_>,
    runner: &dyn FlowRunner,
    index: usize,
    item: Value,
    child: Value,
) -> (usize, Result<Value, Failure>) {
    let prefix = format!("{}[{}]/", visit.path, path_label(index, &item));
    let context = visit.scope.context.with_item(index, item);
    let result = if map.distributed {
        // A child is an execution of its own: own name, input and history.
        let recorder = Recorder::counting();
        let mut execution = (*context.execution).clone();
        let label = map.label.as_deref().unwrap_or(&visit.state.name);
        for field in ["Id", "Name"] {
            if let Some(Value::String(text)) = execution.get_mut(field) {
                *text = format!("{text}/{label}:{index}");
            }
        }
        execution["Input"] = child.clone();
        let context = Context {
            execution: Arc::new(execution),
            ..context
        };
        runner
            .run_flow(
                &map.processor,
                child,
                Scope {
                    context,
                    prefix,
                    recorder: &recorder,
                },
            )
            .await
    } else {
        runner
            .run_flow(
                &map.processor,
                child,
                Scope {
                    context,
                    prefix,
                    recorder: visit.scope.recorder,
                },
            )
            .await
    };
    (index, result)
}

/// How an item stands in a path.
fn path_label(index: usize, item: &Value) -> String {
    match item {
        Value::String(text) if !text.is_empty() && text.chars().count() <= MAX_PATH_LABEL_CHARACTERS => text.clone(),
        _ => index.to_string(),
    }
}

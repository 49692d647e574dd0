//! Run records.

use crate::events::{BalanceOutput, ExecutionFacts, MartBuilderOutput, ValidatorOutput};
use crate::records::FORMAT_VERSION;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

/// Record of a run. All times come from the state machine, so that the same end of a run yields the same record. (serde cannot
/// reject unknown fields next to flattened ones.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// See [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Batch date.
    pub batch_date: NaiveDate,
    /// Run ID.
    pub run_id: String,
    /// Version of cardlake.
    #[serde(default)]
    pub version: String,
    /// Times and input of the execution.
    #[serde(default)]
    pub execution: ExecutionFacts,
    /// Stages reached, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageSeconds>,
    /// Estimated AWS cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_estimate: Option<CostEstimate>,
    /// Outcome.
    #[serde(flatten)]
    pub outcome: RunOutcome,
}

/// Measured Lambda usage per million rows, in GB-seconds. Source of this and the prices: docs/cost.md.
const GIGABYTE_SECONDS_PER_MILLION_ROWS: f64 = 10.9;
/// Price of a GB-second of Lambda on arm64, in USD.
const GIGABYTE_SECOND: f64 = 0.000_013_333_4;
/// Price of an RPU-second of Redshift Serverless, in USD.
const RPU_SECOND: f64 = 0.375 / 3600.0;
/// Minimum billing of a workgroup, in seconds.
const LEAST_WAREHOUSE_SECONDS: f64 = 60.0;
/// Default base capacity of the deployed workgroup.
const RPUS: f64 = 8.0;

/// Estimated cost of a successful run: measured Lambda usage per row, and the seconds of load and build at the base capacity.
/// Storage and requests are excluded; they cost cents per day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostEstimate {
    /// GB-seconds of Lambda.
    pub lambda_gigabyte_seconds: f64,
    /// RPU-seconds of Redshift Serverless.
    pub warehouse_rpu_seconds: f64,
    /// Total at list prices of us-east-1, in USD, rounded to a hundredth of a cent.
    pub usd: f64,
}

impl CostEstimate {
    fn new(books: &BalanceOutput, stages: &[StageSeconds]) -> Self {
        let rows: u64 = books.datasets.values().map(|books| books.counts.bronze_rows).sum();
        let warehouse = stages
            .iter()
            .filter(|stage| matches!(stage.name.as_str(), "load" | "build"));
        let seconds: f64 = warehouse.map(|stage| stage.seconds).sum();
        let lambda_gigabyte_seconds = rows as f64 / 1e6 * GIGABYTE_SECONDS_PER_MILLION_ROWS;
        let warehouse_rpu_seconds = RPUS * seconds.max(LEAST_WAREHOUSE_SECONDS);
        let usd = lambda_gigabyte_seconds * GIGABYTE_SECOND + warehouse_rpu_seconds * RPU_SECOND;
        Self {
            lambda_gigabyte_seconds,
            warehouse_rpu_seconds,
            usd: (usd * 1e4).round() / 1e4,
        }
    }
}

/// Duration of a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageSeconds {
    /// The stage, e.g. `transform`.
    pub name: String,
    /// Seconds until the next stage, including waits and retries.
    pub seconds: f64,
}

/// Time span of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageSpan {
    /// The stage, e.g. `transform`.
    pub name: String,
    /// Time at which the stage was entered.
    pub entered_at: DateTime<Utc>,
    /// Time at which the next stage or the last step was entered; `None` if unknown.
    pub ended_at: Option<DateTime<Utc>>,
}

impl ExecutionFacts {
    /// Stages reached by the execution, in order.
    #[must_use]
    pub fn spans(&self) -> Vec<StageSpan> {
        let mut entered: Vec<_> = self
            .entered
            .iter()
            .filter_map(|(name, time)| Some(((*time)?, name)))
            .collect();
        entered.sort();
        let ends = entered.iter().skip(1).map(|(time, _)| Some(*time));
        let ends: Vec<_> = ends.chain([self.ended_at]).collect();
        let spans = entered.into_iter().zip(ends);
        spans
            .map(|((entered_at, name), ended_at)| StageSpan {
                name: name.clone(),
                entered_at,
                ended_at,
            })
            .collect()
    }
}

/// Durations of the stages.
fn stages(execution: &ExecutionFacts) -> Vec<StageSeconds> {
    let spans = execution.spans().into_iter();
    spans
        .filter_map(|span| {
            Some(StageSeconds {
                seconds: (span.ended_at? - span.entered_at).num_milliseconds() as f64 / 1000.0,
                name: span.name,
            })
        })
        .collect()
}

/// Outcome of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum RunOutcome {
    /// Everything was built and published.
    Succeeded {
        /// Row counts of all layers, by dataset.
        books: BalanceOutput,
        /// Outputs of the validator.
        audits: Vec<ValidatorOutput>,
        /// Output of the mart builder's last tick.
        marts: MartBuilderOutput,
    },
    /// A stage failed.
    Failed(Failure),
}

impl RunOutcome {
    /// Short name of the outcome.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Succeeded { .. } => "succeeded",
            Self::Failed(_) => "failed",
        }
    }
}

impl RunRecord {
    /// Builds the record of a finished run.
    #[must_use]
    pub fn new(batch_date: NaiveDate, run_id: String, execution: ExecutionFacts, outcome: RunOutcome) -> Self {
        let stages = stages(&execution);
        Self {
            format_version: FORMAT_VERSION,
            batch_date,
            run_id,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cost_estimate: match &outcome {
                RunOutcome::Succeeded { books, .. } => Some(CostEstimate::new(books, &stages)),
                RunOutcome::Failed(_) => None,
            },
            stages,
            execution,
            outcome,
        }
    }
}

/// Reason of a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The failed state of the state machine.
    pub stage: String,
    /// The error name, e.g. `Cardlake.ExpectationFailed` or `States.Timeout`.
    pub error: String,
    /// Message.
    pub message: String,
    /// Advice.
    pub advice: String,
}

impl Failure {
    /// Message of an error without a cause. Step Functions reports none for a task that timed out.
    #[must_use]
    pub fn without_cause(error: &str) -> &'static str {
        // The execution of a day has the second name: the first is Step Functions' own.
        if matches!(error, "States.Timeout" | "Stage.Timeout") {
            "it took longer than the state machine lets it"
        } else {
            "no cause was given"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn stages_last_until_the_next_one_begins() {
        let at = |milliseconds| Some(DateTime::<Utc>::UNIX_EPOCH + TimeDelta::milliseconds(milliseconds));
        let execution = ExecutionFacts {
            ended_at: at(9000),
            entered: [
                ("transform".to_owned(), at(1000)),
                ("plan".to_owned(), at(0)),
                ("generate".to_owned(), None),
                ("load".to_owned(), at(3500)),
            ]
            .into(),
            ..ExecutionFacts::default()
        };
        let found: Vec<_> = stages(&execution)
            .into_iter()
            .map(|stage| (stage.name, stage.seconds))
            .collect();
        let expected = [("plan", 1.0), ("transform", 2.5), ("load", 5.5)];
        assert_eq!(found, expected.map(|(name, seconds)| (name.to_owned(), seconds)));
        assert_eq!(stages(&ExecutionFacts::default()), []);
    }

    #[test]
    fn the_warehouse_bills_a_minute_at_the_least() {
        let books = BalanceOutput {
            batch_date: "2026-01-15".parse().unwrap(),
            ..BalanceOutput::default()
        };
        let stage = |name: &str, seconds| StageSeconds {
            name: name.to_owned(),
            seconds,
        };
        let short = CostEstimate::new(
            &books,
            &[stage("load", 1.0), stage("build", 2.0), stage("transform", 900.0)],
        );
        assert_eq!((short.warehouse_rpu_seconds, short.usd), (480.0, 0.05));
        let long = CostEstimate::new(&books, &[stage("load", 60.0), stage("build", 60.0)]);
        assert_eq!((long.warehouse_rpu_seconds, long.usd), (960.0, 0.1));
    }
}

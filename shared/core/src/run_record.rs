//! The record of a run: what stays of it when the messages are gone.

use crate::events::{BalanceOutput, ExecutionFacts, MartBuilderOutput, ValidatorOutput};
use crate::records::FORMAT_VERSION;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

/// What became of a run. Its times are the state machine's: the same end of a run gives the same record. (serde cannot refuse unknown
/// fields beside flattened ones.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// See [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The day.
    pub batch_date: NaiveDate,
    /// Identifies the run.
    pub run_id: String,
    /// Version of cardlake.
    #[serde(default)]
    pub version: String,
    /// When it ran, and what it was asked for.
    #[serde(default)]
    pub execution: ExecutionFacts,
    /// The stages that it came to, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageSeconds>,
    /// What it costs in AWS, about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_estimate: Option<CostEstimate>,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: RunOutcome,
}

/// What a million rows take of Lambda, in GB-seconds, as measured. Source of this and the prices: docs/cost.md.
const GIGABYTE_SECONDS_PER_MILLION_ROWS: f64 = 10.9;
/// Price of a GB-second of Lambda on arm64, in USD.
const GIGABYTE_SECOND: f64 = 0.000_013_333_4;
/// Price of an RPU-second of Redshift Serverless, in USD.
const RPU_SECOND: f64 = 0.375 / 3600.0;
/// The least that a workgroup bills when it wakes, in seconds.
const LEAST_WAREHOUSE_SECONDS: f64 = 60.0;
/// Base capacity of the workgroup as it is deployed unless it is configured otherwise.
const RPUS: f64 = 8.0;

/// What a successful run costs, about: rows by what a million of them took of Lambda when it was measured, and the seconds
/// of load and build by the warehouse's smallest capacity. Storage and requests are left out: they are cents a day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostEstimate {
    /// GB-seconds of Lambda.
    pub lambda_gigabyte_seconds: f64,
    /// RPU-seconds of Redshift Serverless.
    pub warehouse_rpu_seconds: f64,
    /// Both together at list prices of us-east-1, in USD, to a hundredth of a cent.
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

/// How long a stage took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageSeconds {
    /// The stage, e.g. `transform`.
    pub name: String,
    /// Seconds to the next stage, waits and repetitions included.
    pub seconds: f64,
}

/// From when to when a stage was at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageSpan {
    /// The stage, e.g. `transform`.
    pub name: String,
    /// When the state machine came to it.
    pub entered_at: DateTime<Utc>,
    /// When it came to the next one, or to its last step; none: that is not known.
    pub ended_at: Option<DateTime<Utc>>,
}

impl ExecutionFacts {
    /// The stages that the execution came to, in order.
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

/// How long the stages took.
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

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum RunOutcome {
    /// Everything was built and published.
    Succeeded {
        /// The books.
        books: BalanceOutput,
        /// What the audits gave.
        audits: Vec<ValidatorOutput>,
        /// What the mart builder gave at its last tick.
        marts: MartBuilderOutput,
    },
    /// A stage failed.
    Failed(Failure),
}

impl RunOutcome {
    /// In one word.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Succeeded { .. } => "succeeded",
            Self::Failed(_) => "failed",
        }
    }
}

impl RunRecord {
    /// From the end of a run.
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

/// Why a run failed, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The failed state of the state machine.
    pub stage: String,
    /// The error name, e.g. `Cardlake.ExpectationFailed` or `States.Timeout`.
    pub error: String,
    /// What happened.
    pub message: String,
    /// Where to look, or what to do.
    pub advice: String,
}

impl Failure {
    /// What to say of an error that came without a cause. Step Functions gives none for a task that took too long.
    #[must_use]
    pub fn without_cause(error: &str) -> &'static str {
        if error == "States.Timeout" {
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
            datasets: Default::default(),
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

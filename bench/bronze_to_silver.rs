//! Transforms, reconciles and publishes days of transactions through the handlers and the local S3 server, and prints what
//! each step took, and last the rows of the table: `bronze_to_silver LAKE_DIR DAY...`.
//!
//! The bronze objects lie in `LAKE_DIR/s3/cardlake-bronze` already. Everything runs in this process, the S3 server
//! included, so that the process's time and memory are those of the whole.
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use cardlake::environment::{BRONZE, SILVER};
use cardlake_aws::clients::{Aws, Endpoints};
use cardlake_aws::runtime::Resources;
use cardlake_aws::storage::Storage;
use cardlake_core::config::Variables;
use cardlake_core::env;
use cardlake_core::events::{ReconcilerEvent, TransformerEvent};
use cardlake_core::paths::{self, parse_day};
use cardlake_local_s3::{self as s3_server, S3ServerOptions};
use cardlake_loopback::ServerCredentials;
use cardlake_reconciler as reconciler;
use cardlake_test_support::usage::{peak_kilobytes, processor_seconds};
use cardlake_transformer as transformer;
use std::collections::HashMap;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Instant;

const DATASET: &str = "transactions";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let lake = arguments.next().ok_or("usage: bronze_to_silver LAKE_DIR DAY...")?;
    let days = arguments
        .map(|day| parse_day(&day).ok_or(format!("{day}: not a date")))
        .collect::<Result<Vec<_>, _>>()?;
    let credentials = ServerCredentials {
        access_key_id: "cardlake".to_owned(),
        secret_access_key: "of this process alone".to_owned(),
    };
    let server = s3_server::start(S3ServerOptions {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        root: Path::new(&lake).join("s3"),
        buckets: [BRONZE, SILVER].map(str::to_owned).to_vec(),
        credentials: credentials.clone(),
        hook: None,
        created: None,
    })
    .await?;
    let keys = Credentials::new(
        credentials.access_key_id,
        credentials.secret_access_key,
        None,
        None,
        "bench",
    );
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .build();
    let endpoints = Endpoints {
        s3: Some(server.endpoint_url()),
        ..Endpoints::default()
    };
    let aws = Aws::new(sdk, endpoints);
    let variables: HashMap<String, String> = [
        (env::BRONZE_BUCKET, BRONZE),
        (env::SILVER_BUCKET, SILVER),
        (env::GOLD_BUCKET, "cardlake-gold"),
        // Transactions have nothing that is to be hidden: nobody asks for it.
        (env::TOKEN_KEY_SECRET, "token-keys"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let resources = |values| Resources::new(Variables::new(values), aws.clone(), cardlake_assets::embedded());
    let transform = transformer::Context::new(resources(variables.clone())).await?;
    let reconcile = reconciler::Context::new(resources(variables)).await?;
    let storage = Storage::new(aws.s3());

    let mut rows = 0;
    println!(
        "{:<12}{:<12}{:>8}{:>8}{:>10}",
        "day", "step", "wall s", "cpu s", "peak MB"
    );
    for day in days {
        let mut step = Step::start(day.to_string());
        for object in storage.list(BRONZE, &paths::bronze_prefix(DATASET, day)).await? {
            let event = TransformerEvent::of(object.key);
            transformer::handle(transformer::Event::Task(event), &transform).await?;
        }
        step.done("transform");
        let event = ReconcilerEvent::Reconcile {
            batch_date: day,
            dataset: DATASET.to_owned(),
            late_window_days: None,
        };
        let reconciler::Output::Reconcile(reconciled) = reconciler::handle(event, &reconcile).await? else {
            return Err("another action answered".into());
        };
        step.done("reconcile");
        let event = ReconcilerEvent::Publish {
            batch_date: day,
            dataset: DATASET.to_owned(),
            candidate: reconciled.candidate.clone(),
        };
        reconciler::handle(event, &reconcile).await?;
        step.done("publish");
        rows += reconciled.counts.silver_rows_added - reconciled.counts.replaced;
        println!(
            "{:<12}{:?}; {} files added, {} removed, {} bytes read, {} rewritten",
            "",
            reconciled.counts,
            reconciled.files_added,
            reconciled.files_removed,
            reconciled.bytes_read,
            reconciled.bytes_written
        );
    }
    println!("{rows}");
    server.shutdown().await;
    Ok(())
}

/// Measures steps, one after the other.
struct Step {
    day: String,
    started: Instant,
    processor: f64,
}

impl Step {
    fn start(day: String) -> Self {
        Self {
            day,
            started: Instant::now(),
            processor: processor_seconds(),
        }
    }

    fn done(&mut self, step: &str) {
        println!(
            "{:<12}{step:<12}{:>8.3}{:>8.2}{:>10}",
            self.day,
            self.started.elapsed().as_secs_f64(),
            processor_seconds() - self.processor,
            peak_kilobytes() / 1024
        );
        *self = Self::start(std::mem::take(&mut self.day));
    }
}

//! The preparation of the warehouse against the real local Redshift, which refuses to make a user twice.

use crate::load::Fixture;
use cardlake_core::error::with_causes;
use cardlake_core::events::{BootstrapEvent, BootstrapOutput, LoaderRequest};
use cardlake_loader::{Context, Output, handle};

async fn bootstrap(readers: &[&str], loader: &Context) -> BootstrapOutput {
    let event = LoaderRequest::Bootstrap(BootstrapEvent {
        loader: "IAMR:lake-loader".to_owned(),
        mart_builder: "IAMR:lake-mart-builder".to_owned(),
        readers: readers.iter().map(|reader| (*reader).to_owned()).collect(),
    });
    match handle(event, loader).await {
        Ok(Output::Bootstrap(output)) => output,
        Ok(other) => panic!("{other:?}"),
        Err(error) => panic!("{}", with_causes(&error)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_deployment_finds_everything_and_makes_nothing() {
    let fixture = Fixture::start().await;
    let loader = fixture.loader().await;
    let users = "select usename from pg_user where not usesuper order by 1";
    let members = "select usename from pg_user, pg_group \
                   where usesysid = any(grolist) and groname = 'cardlake_readers' order by 1";

    let first = bootstrap(&["bi", "IAM:kim"], &loader).await;
    assert_eq!(
        first.created_users,
        ["IAMR:lake-loader", "IAMR:lake-mart-builder", "bi", "IAM:kim"]
    );
    assert_eq!(
        fixture.sql(users).await,
        ["bi", "iam:kim", "iamr:lake-loader", "iamr:lake-mart-builder"]
    );
    assert_eq!(fixture.sql(members).await, ["bi", "iam:kim"]);
    let schemas = "select schema_name from svv_all_schemas where schema_name in ('raw', 'ops', 'analytics') order by 1";
    assert_eq!(fixture.sql(schemas).await, ["analytics", "ops", "raw"]);

    assert_eq!(bootstrap(&["bi", "IAM:kim"], &loader).await, BootstrapOutput::default());
    let third = bootstrap(&["IAM:kim"], &loader).await;
    assert_eq!(third.removed_readers, ["bi"]);
    assert_eq!(fixture.sql(members).await, ["iam:kim"]);
}

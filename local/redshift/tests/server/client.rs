//! What our own client puts into its requests, as the server understands it.

use cardlake_aws::data_api::{
    DataApi, DataApiErrorKind, MAX_BATCH_STATEMENTS, StatementState, Submission, Warehouse, client_token,
};
use cardlake_core::config::{WarehouseConfig, WarehouseTarget};
use std::time::Duration;

use crate::support::*;

fn config(target: WarehouseTarget) -> WarehouseConfig {
    WarehouseConfig {
        target,
        database: "cardlake".to_owned(),
        secret_arn: None,
        db_user: None,
        copy_role_arn: None,
    }
}

fn submission(token: &str, statements: &[&str]) -> Submission {
    Submission {
        name: "a load".to_owned(),
        token: client_token(&[token]),
        statements: statements.iter().map(|text| (*text).to_owned()).collect(),
    }
}

async fn finished(warehouse: &Warehouse, id: &str) -> StatementState {
    loop {
        match warehouse.poll(id).await.unwrap() {
            StatementState::Running => tokio::time::sleep(Duration::from_millis(2)).await,
            state => return state,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_and_workgroup_secret_and_iam_reach_the_service() {
    let fixture = Fixture::start().await;
    let workgroup = || WarehouseTarget::Workgroup("wg-1".to_owned());
    let cluster = || WarehouseTarget::Cluster("c-1".to_owned());
    let secret = Some(SECRET_NAME.to_owned());
    let configs = [
        config(workgroup()),
        WarehouseConfig {
            secret_arn: secret.clone(),
            ..config(workgroup())
        },
        config(cluster()),
        WarehouseConfig {
            db_user: Some("loader".to_owned()),
            ..config(cluster())
        },
        WarehouseConfig {
            secret_arn: secret,
            ..config(cluster())
        },
    ];
    for config in configs {
        for statements in [&["select 1"][..], &["select 1", "select 2"]] {
            let warehouse = Warehouse::new(fixture.client.clone(), config.clone());
            let token = format!("{config:?}{}", statements.len());
            let id = warehouse.submit(&submission(&token, statements)).await.unwrap();
            let described = fixture.client.describe_statement().id(&id).send().await.unwrap();
            let (workgroup, cluster) = match &config.target {
                WarehouseTarget::Workgroup(name) => (Some(name.as_str()), None),
                WarehouseTarget::Cluster(name) => (None, Some(name.as_str())),
            };
            assert_eq!(described.workgroup_name(), workgroup);
            assert_eq!(described.cluster_identifier(), cluster);
            assert_eq!(described.secret_arn(), config.secret_arn.as_deref());
            assert_eq!(described.db_user(), config.db_user.as_deref());
            assert_eq!(described.database(), Some("cardlake"));
            assert!(matches!(
                finished(&warehouse, &id).await,
                StatementState::Finished { .. }
            ));
            let listed = fixture
                .client
                .list_statements()
                .statement_name("a load")
                .send()
                .await
                .unwrap();
            assert!(listed.statements().iter().any(|statement| statement.id() == id));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_token_runs_nothing_again() {
    let fixture = Fixture::start().await;
    fixture.run("create table t (a int)").await;
    let warehouse = Warehouse::new(
        fixture.client.clone(),
        config(WarehouseTarget::Workgroup("wg-1".to_owned())),
    );
    let insert = submission("once", &["insert into t values (1)", "select count(*) from t"]);
    let id = warehouse.submit(&insert).await.unwrap();
    let StatementState::Finished { statements } = finished(&warehouse, &id).await else {
        panic!("it failed")
    };
    assert_eq!(statements[0].rows, Some(1));
    assert_eq!(warehouse.submit(&insert).await.unwrap(), id);
    assert_eq!(fixture.query("select count(*) from t").await, "1");
    let result = warehouse.results(&statements[1].id).await.unwrap();
    assert_eq!(result.count("t").unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_pages_of_a_result_come_together() {
    let fixture = Fixture::start().await;
    let warehouse = Warehouse::new(
        fixture.client.clone(),
        config(WarehouseTarget::Workgroup("wg-1".to_owned())),
    );
    fixture
        .run("create table digits as select 0 as d union all select 1 union all select 2 union all select 3")
        .await;
    fixture
        .run("create table wide as select repeat('x', 3000) as text, a.d as d from digits a, digits b, digits c, digits d, digits e")
        .await;
    let all = submission("pages", &["select text, d from wide"]);
    let id = warehouse.submit(&all).await.unwrap();
    finished(&warehouse, &id).await;
    let first = fixture.client.get_statement_result().id(&id).send().await.unwrap();
    assert!(first.next_token().is_some(), "more than one page");
    let result = warehouse.results(&id).await.unwrap();
    assert_eq!(
        (result.columns, result.rows.len()),
        (vec!["text".to_owned(), "d".to_owned()], 1024)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_sorted_by_what_helps() {
    let fixture = Fixture::start().await;
    let warehouse = Warehouse::new(
        fixture.client.clone(),
        config(WarehouseTarget::Workgroup("wg-1".to_owned())),
    );
    let unknown = "00000000-0000-0000-0000-000000000000";
    assert_eq!(
        warehouse.poll(unknown).await.unwrap_err().kind,
        DataApiErrorKind::NotFound
    );
    let too_many = vec!["select 1"; MAX_BATCH_STATEMENTS + 1];
    let error = warehouse.submit(&submission("many", &too_many)).await.unwrap_err();
    assert_eq!(error.kind, DataApiErrorKind::Limit);
    let secret = WarehouseConfig {
        secret_arn: Some("nobody".to_owned()),
        ..config(WarehouseTarget::Workgroup("wg-1".to_owned()))
    };
    let stranger = Warehouse::new(fixture.client.clone(), secret);
    let error = stranger.submit(&submission("secret", &["select 1"])).await.unwrap_err();
    assert_eq!(error.kind, DataApiErrorKind::Refused);
    let failing = submission("fails", &["select 1", "select 1/0", "select 2"]);
    let id = warehouse.submit(&failing).await.unwrap();
    let StatementState::Failed { failed, error, .. } = finished(&warehouse, &id).await else {
        panic!("it did not fail")
    };
    assert_eq!((failed, error.message.as_str()), (Some(1), "ERROR: Divide by zero"));
}

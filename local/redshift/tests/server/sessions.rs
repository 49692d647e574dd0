//! Sessions: temporary tables and transactions that outlive a request.

use aws_sdk_redshiftdata::types::StatusString;

use crate::support::*;

/// Opens a session with a first statement; its identifier, and that of the statement, which has ended.
async fn open(fixture: &Fixture, sql: &str) -> (String, String) {
    let first = fixture
        .client
        .execute_statement()
        .workgroup_name("local")
        .database("cardlake")
        .sql(sql)
        .session_keep_alive_seconds(60)
        .wait_time_seconds(30)
        .send()
        .await
        .unwrap();
    (first.session_id().unwrap().to_owned(), first.id().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_keeps_temporary_tables_and_its_transaction() {
    let fixture = Fixture::start().await;
    let (session, _) = open(&fixture, "create temp table stage (a int)").await;
    let next = |sql: &str| {
        fixture
            .client
            .execute_statement()
            .session_id(&session)
            .sql(sql)
            .wait_time_seconds(30)
            .send()
    };
    for sql in [
        "insert into stage values (1)",
        "begin",
        "insert into stage values (2)",
        "rollback",
    ] {
        let submitted = next(sql).await.unwrap();
        assert_eq!(submitted.status().unwrap().as_str(), "FINISHED", "{sql}");
    }
    let submitted = next("select count(*) from stage").await.unwrap();
    assert_eq!(fixture.rows(submitted.id().unwrap()).await, "1");
    assert_eq!(
        fixture.error("select * from stage").await,
        "ERROR: relation \"stage\" does not exist"
    );
    let sessions = fixture.client.list_sessions().send().await.unwrap();
    assert_eq!(sessions.sessions().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_ends_the_transaction_of_a_session() {
    let fixture = Fixture::start().await;
    let (session, _) = open(&fixture, "begin").await;
    let mut statuses = Vec::new();
    for sql in [
        "create table t (a int)",
        "select 1/0",
        "select 1",
        "rollback",
        "select 2",
    ] {
        let submitted = fixture
            .client
            .execute_statement()
            .session_id(&session)
            .sql(sql)
            .wait_time_seconds(30)
            .send()
            .await
            .unwrap();
        statuses.push(submitted.status().unwrap().as_str().to_owned());
    }
    assert_eq!(statuses, ["FINISHED", "FAILED", "FAILED", "FINISHED", "FINISHED"]);
    assert!(fixture.error("select * from t").await.contains("does not exist"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_takes_the_next_statement_as_soon_as_one_is_seen_to_have_ended() {
    let fixture = Fixture::start().await;
    let (session, mut id) = open(&fixture, "select 1").await;
    for number in 0..200 {
        // As a client that waits by asking, without a pause.
        let status = loop {
            let described = fixture.client.describe_statement().id(&id).send().await.unwrap();
            match described.status() {
                Some(StatusString::Submitted | StatusString::Picked | StatusString::Started) => {}
                ended => break ended.cloned(),
            }
        };
        assert_eq!(status, Some(StatusString::Finished), "{number}");
        let next = fixture
            .client
            .execute_statement()
            .session_id(&session)
            .sql("select 1")
            .send()
            .await;
        id = next
            .unwrap_or_else(|error| panic!("{number}: {error:?}"))
            .id()
            .unwrap()
            .to_owned();
    }
}

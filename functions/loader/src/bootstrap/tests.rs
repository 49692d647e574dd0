//! Preparation of a warehouse that keeps users and groups, and refuses to make one twice.

use super::*;
use crate::tests::FakeSilver;
use cardlake_aws::data_api::ResultSet;
use cardlake_core::contract::Contracts;
use cardlake_core::error::StageError;
use cardlake_test_support::fake_warehouse::{self, FakeWarehouse, Script};

/// Users and members of the group, and the other statements.
#[derive(Debug, Clone, Default)]
struct Users {
    users: BTreeSet<String>,
    group: Option<BTreeSet<String>>,
    others: Vec<String>,
}

impl Script for Users {
    fn execute(&mut self, statement: &str) -> Result<ResultSet, String> {
        let name = || statement.split('"').nth(1).unwrap().to_lowercase();
        let member = || statement.split('"').nth(3).unwrap().to_lowercase();
        let list = |names: Vec<&String>| ResultSet {
            columns: vec!["name".to_owned()],
            rows: names.into_iter().map(|name| vec![Value::Text(name.clone())]).collect(),
        };
        let group = READERS.to_owned();
        if statement == "select usename from pg_user" {
            return Ok(list(self.users.iter().collect()));
        } else if statement.starts_with("select groname") {
            return Ok(list(self.group.iter().map(|_| &group).collect()));
        } else if statement.starts_with("select usename from pg_user, pg_group") {
            return Ok(list(self.group.iter().flatten().collect()));
        } else if statement.starts_with("create user") {
            if !self.users.insert(name()) {
                return Err(format!("ERROR: user \"{}\" already exists", name()));
            }
        } else if statement.starts_with("create group") {
            if self.group.replace(BTreeSet::new()).is_some() {
                return Err("ERROR: group already exists".to_owned());
            }
        } else if statement.contains("add user") {
            self.group.as_mut().unwrap().insert(member());
        } else if statement.contains("drop user") {
            self.group.as_mut().unwrap().remove(&member());
        } else {
            self.others.push(statement.to_owned());
        }
        Ok(ResultSet::default())
    }
}

fn context(warehouse: &FakeWarehouse<Users>) -> Context {
    Context {
        contracts: Contracts::load(&cardlake_assets::embedded()).unwrap(),
        silver_bucket: "silver".to_owned(),
        copy_role_arn: None,
        database: "cards".to_owned(),
        silver: Box::new(FakeSilver::default()),
        warehouse: Box::new(warehouse.clone()),
        lease: None,
    }
}

fn event(readers: &[&str]) -> BootstrapEvent {
    BootstrapEvent {
        loader: "IAMR:lake-loader".to_owned(),
        mart_builder: "IAMR:lake-mart-builder".to_owned(),
        readers: readers.iter().map(|reader| (*reader).to_owned()).collect(),
    }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn what_is_missing_is_made_and_a_second_run_makes_nothing() {
    let warehouse = FakeWarehouse::<Users>::default();
    let context = context(&warehouse);
    let event = event(&["bi", "IAM:Kim", "BI"]);
    let made = bootstrap(&event, &context).await.unwrap();
    assert_eq!(
        made.created_users,
        ["IAMR:lake-loader", "IAMR:lake-mart-builder", "bi", "IAM:Kim"]
    );
    assert_eq!(made.added_readers, ["bi", "IAM:Kim"]);
    let first = std::mem::take(&mut warehouse.state().script.others);

    assert_eq!(bootstrap(&event, &context).await.unwrap(), BootstrapOutput::default());
    let state = warehouse.state();
    assert_eq!(state.script.others, first, "grants are repeated");
    assert_eq!(state.script.group, Some(names(&["bi", "iam:kim"])));
}

#[tokio::test]
async fn readers_who_are_not_named_any_more_leave_the_group_and_stay_users() {
    let warehouse = FakeWarehouse::<Users>::default();
    let context = context(&warehouse);
    bootstrap(&event(&["bi", "kim"]), &context).await.unwrap();
    let changed = bootstrap(&event(&["kim", "lee"]), &context).await.unwrap();
    assert_eq!(
        (
            &*changed.created_users,
            &*changed.added_readers,
            &*changed.removed_readers
        ),
        (&["lee".to_owned()][..], &["lee".to_owned()][..], &["bi".to_owned()][..])
    );
    let state = warehouse.state();
    assert_eq!(state.script.group, Some(names(&["kim", "lee"])));
    assert!(state.script.users.contains("bi"));
}

#[tokio::test]
async fn a_user_that_another_transaction_makes_in_between_is_looked_up_again() {
    let warehouse = FakeWarehouse::<Users>::default();
    warehouse.state().failures = vec![fake_warehouse::Failure::starting_with(
        "create user",
        "ERROR: user \"iamr:lake-loader\" already exists",
    )];
    warehouse.state().slow_polls = 1;
    with_attempts(&event(&[]), &context(&warehouse), Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(warehouse.state().submissions.len(), 4, "a look and a step, twice");
}

#[tokio::test]
async fn a_statement_that_is_refused_is_named() {
    let warehouse = FakeWarehouse::<Users>::default();
    warehouse.state().failures = vec![fake_warehouse::Failure::starting_with(
        "alter default",
        "ERROR: permission denied",
    )];
    let error = bootstrap(&event(&[]), &context(&warehouse)).await.unwrap_err();
    assert_eq!(error.kind().error_type(), "Cardlake.StatementFailed");
    assert!(error.to_string().starts_with("alter default privileges"), "{error}");
    assert!(warehouse.state().script.users.is_empty(), "nothing is made by halves");
}

#[test]
fn many_readers_take_several_transactions_users_first() {
    let readers: Vec<String> = (0..50).map(|number| format!("reader{number}")).collect();
    let event = BootstrapEvent { readers, ..event(&[]) };
    let (_, statements) = plan(&event, "cards", &State::default());
    assert!(statements.len() > 2 * MAX_BATCH_STATEMENTS);
    let last_user = statements
        .iter()
        .rposition(|text| text.starts_with("create user"))
        .unwrap();
    let first_grant = statements.iter().position(|text| text.starts_with("grant")).unwrap();
    assert!(last_user < first_grant);
}

#[test]
fn names_cannot_leave_their_quotes() {
    let event = event(&["a\"; drop schema raw; --"]);
    let (_, statements) = plan(&event, "cards", &State::default());
    let user = statements.iter().find(|text| text.contains("drop schema")).unwrap();
    assert_eq!(user, "create user \"a\"\"; drop schema raw; --\" password disable");
}

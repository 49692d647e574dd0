//! `cardlake up`, reached by clients of Redshift and PostgreSQL from their own packages.

use crate::harness::{project, python_script};

#[test]
fn clients_of_redshift_connect_read_write_and_reflect() {
    let binary = env!("CARGO_BIN_EXE_cardlake");
    let environment = ["target/python-redshift", "tests/redshift_clients/requirements.txt"];
    let outcome = python_script(&environment, "tests/redshift_clients/test_clients.py", &[binary]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("\nOK"), "{}", outcome.stderr);
}

#[test]
fn the_fixture_of_the_documentation_runs_tests_of_another_project() {
    let environment = ["target/python-redshift", "tests/redshift_clients/requirements.txt"];
    let document = project().join("docs/local-redshift.md");
    let arguments = [env!("CARGO_BIN_EXE_cardlake"), document.to_str().unwrap()];
    let outcome = python_script(&environment, "tests/redshift_clients/test_fixture.py", &arguments);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("\nOK"), "{}", outcome.stderr);
}

#[test]
fn dbt_redshift_builds_what_cardlake_builds() {
    let binary = env!("CARGO_BIN_EXE_cardlake");
    let environment = ["target/dbt-redshift", "tests/dbt_redshift/requirements.txt"];
    let warehouse = project().join("warehouse");
    let arguments = [binary, warehouse.to_str().unwrap()];
    let outcome = python_script(&environment, "tests/dbt_redshift/test_dbt_redshift.py", &arguments);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("\nOK"), "{}", outcome.stderr);
}

//! `cardlake up`, checked by clients that share no code with it: boto3 and the AWS CLI.

use crate::harness::python_script;

#[test]
fn boto3_and_the_aws_cli_go_through_every_operation() {
    let binary = env!("CARGO_BIN_EXE_cardlake");
    let environment = ["target/python-aws", "tests/data_api/requirements.txt"];
    let outcome = python_script(&environment, "tests/data_api/test_data_api.py", &[binary]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("\nOK"), "{}", outcome.stderr);
}

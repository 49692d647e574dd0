//! The IAM policies of `infra/policies` against what the stages ask for: no request without a permission, and no
//! permission that nothing asks for.

use super::*;
use crate::environment::{BRONZE, GOLD, SILVER, Servers, WAREHOUSE};
use cardlake_loopback::{Access, AccessLog};
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What a run here does not ask for, and why a role has it all the same: principal, action, beginning of the resource.
const EXCEPTIONS: &[(&str, &str, &str, &str)] = &[
    (
        "generator",
        "s3:AbortMultipartUpload",
        "",
        "an upload in parts that fails is taken back: the crate's own tests",
    ),
    (
        "generator",
        "kms:Decrypt",
        "",
        "S3 asks it of those who upload in parts, which objects of a few rows are not",
    ),
    (
        "validator",
        "s3:PutObject",
        "arn:aws:s3:::cardlake-silver/_quarantine/",
        "only of a batch that is stopped: tests/embedded/validation.rs",
    ),
    (
        "mart_builder",
        "s3:GetObject",
        "arn:aws:s3:::cardlake-silver/_warehouse/run_results.json",
        "only of a build that goes on from where the last one failed: tests/embedded/build.rs",
    ),
    (
        "notifier",
        "sns:Publish",
        "",
        "there is no topic on this machine: the crate's own tests publish to one",
    ),
    (
        "notifier",
        "s3:PutObject",
        "arn:aws:s3:::cardlake-silver/_notifications/",
        "those who were told are noted once somebody was told: the crate's own tests",
    ),
    (
        "notifier",
        "s3:GetObject",
        "arn:aws:s3:::cardlake-silver/_warehouse/lease.json",
        "only of a run that failed: run::fault_tests",
    ),
    (
        "notifier",
        "s3:DeleteObject",
        "",
        "only of a run that failed while it had the lease: run::fault_tests",
    ),
    (
        "notifier",
        "kms:Decrypt",
        "",
        "the list of those who were told is read back, and SNS asks it of those who publish to an encrypted topic",
    ),
    (
        BOOTSTRAP,
        "redshift-data:ExecuteStatement",
        "",
        "forty readers more and the last transaction has one statement: the crate's own tests",
    ),
    (
        WAREHOUSE,
        "s3:AbortMultipartUpload",
        "",
        "Redshift unloads large files in parts",
    ),
    (
        WAREHOUSE,
        "s3:GetBucketLocation",
        "",
        "Redshift looks for the region of the bucket before COPY and UNLOAD",
    ),
    (
        WAREHOUSE,
        "s3:GetEncryptionConfiguration",
        "arn:aws:s3:::cardlake-gold",
        "Redshift looks for the key of the bucket before UNLOAD with ENCRYPTED AUTO",
    ),
    (
        WAREHOUSE,
        "s3:GetObject",
        "arn:aws:s3:::cardlake-gold/",
        "Redshift asks it of those who unload (its guide: GET, LIST and PUT)",
    ),
    (
        WAREHOUSE,
        "s3:ListBucket",
        "arn:aws:s3:::cardlake-silver",
        "Redshift asks it of those who copy (its guide: LIST of the bucket, GET of the objects)",
    ),
];

const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/data";
const BRONZE_KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/bronze";
const TOKEN_KEYS: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:token-keys";
const PASSWORD: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:warehouse";
/// The loader with the administrator's password.
const BOOTSTRAP: &str = "warehouse_bootstrap";
const WORKGROUP: &str = "arn:aws:redshift-serverless:us-east-1:000000000000:workgroup/cardlake";
const DAYS: [&str; 2] = ["2026-01-13", "2026-01-14"];

/// An action on a resource: what a request needs, or what a statement allows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Permission {
    action: String,
    resource: String,
}

fn permission(action: impl Into<String>, resource: impl Into<String>) -> Permission {
    Permission {
        action: action.into(),
        resource: resource.into(),
    }
}

impl Permission {
    /// Whether this, of a policy, allows what a request needs. A `*` in a pattern stands for any text, slashes included.
    fn allows(&self, needed: &Self) -> bool {
        let (start, rest) = self.resource.split_once('*').unwrap_or((&self.resource, ""));
        let resource = match needed.resource.strip_prefix(start) {
            Some(found) if self.resource.contains('*') => found.len() >= rest.len() && found.ends_with(rest),
            Some(found) => found.is_empty(),
            None => false,
        };
        assert!(!rest.contains('*'), "{}: one star at most", self.resource);
        self.action == needed.action && resource
    }
}

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn text(path: &str) -> String {
    std::fs::read_to_string(project(path)).unwrap()
}

/// What a policy allows, with the names of this machine in the place of its placeholders.
fn policy(file: &str) -> BTreeSet<Permission> {
    let datasets = std::fs::read_dir(project("contracts")).unwrap();
    let tables: Vec<String> = datasets
        .map(|file| {
            let path = file.unwrap().path();
            format!(
                "arn:aws:s3:::{SILVER}/{}/*",
                path.file_stem().unwrap().to_string_lossy()
            )
        })
        .collect();
    let mut text = text(&format!("infra/policies/{file}.json.tftpl"));
    for (name, value) in [
        ("bronze_bucket_arn", &*format!("arn:aws:s3:::{BRONZE}")),
        ("silver_bucket_arn", &format!("arn:aws:s3:::{SILVER}")),
        ("gold_bucket_arn", &format!("arn:aws:s3:::{GOLD}")),
        ("silver_tables", &json!(tables).to_string()),
        ("kms_key_arn", KEY),
        ("bronze_kms_key_arn", BRONZE_KEY),
        ("region", "us-east-1"),
        ("token_key_secret_arn", TOKEN_KEYS),
        ("warehouse_secret_arn", PASSWORD),
        ("notification_topic_arn", "topic"),
        ("warehouse_arn", WORKGROUP),
        ("own_user_id", "${aws:userid}"),
        ("function_arns", "[\"functions\"]"),
        ("daily_state_machine_arn", "daily"),
        ("daily_execution_arn", "executions"),
        ("step_functions_rule_arn", "rule"),
    ] {
        text = text.replace(&format!("${{{name}}}"), value);
    }
    let document: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}\n{text}"));
    let list = |value: &Value| match value {
        Value::Array(items) => items.iter().map(|item| item.as_str().unwrap().to_owned()).collect(),
        other => vec![other.as_str().unwrap().to_owned()],
    };
    let mut allowed = BTreeSet::new();
    for statement in document["Statement"].as_array().unwrap() {
        assert_eq!(statement["Effect"], "Allow");
        let resources = list(&statement["Resource"]);
        let sid = statement["Sid"].as_str().unwrap();
        assert_eq!(resources == ["*"], sid.ends_with("WhichHaveNoArn"), "{file}: {sid}");
        for action in list(&statement["Action"]) {
            assert!(!action.contains('*'), "{file}: {action}");
            allowed.extend(resources.iter().map(|resource| permission(&*action, resource)));
        }
    }
    allowed
}

/// What a request needs. Objects are encrypted with the key of their bucket, the secret with that of all but bronze.
fn needs(access: &Access) -> Vec<Permission> {
    let arn = format!("arn:aws:s3:::{}", access.resource);
    let bucket = format!("arn:aws:s3:::{}", access.resource.split('/').next().unwrap_or_default());
    let key = if bucket.ends_with(BRONZE) { BRONZE_KEY } else { KEY };
    match (access.service, access.operation.as_str()) {
        ("s3", "GetObject" | "HeadObject") if access.found => {
            vec![permission("s3:GetObject", arn), permission("kms:Decrypt", key)]
        }
        // Who may not list is told 403, not 404.
        ("s3", "GetObject" | "HeadObject") => {
            vec![permission("s3:GetObject", arn), permission("s3:ListBucket", bucket)]
        }
        ("s3", "PutObject") => vec![permission("s3:PutObject", arn), permission("kms:GenerateDataKey", key)],
        ("s3", "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload") => vec![
            permission("s3:PutObject", arn),
            permission("kms:GenerateDataKey", key),
            permission("kms:Decrypt", key),
        ],
        ("s3", "DeleteObject") => vec![permission("s3:DeleteObject", arn)],
        // Its objects are in the body of the request: the test notes them one by one.
        ("s3", "DeleteObjects") => vec![],
        ("s3", "ListObjectsV2") => vec![permission("s3:ListBucket", bucket)],
        ("secretsmanager", "GetSecretValue") => vec![
            permission("secretsmanager:GetSecretValue", TOKEN_KEYS),
            permission("kms:Decrypt", KEY),
        ],
        ("redshift-data", "BatchExecuteStatement") if access.principal == BOOTSTRAP => vec![
            permission("redshift-data:BatchExecuteStatement", WORKGROUP),
            permission("secretsmanager:GetSecretValue", PASSWORD),
            permission("kms:Decrypt", KEY),
        ],
        ("redshift-data", operation @ ("ExecuteStatement" | "BatchExecuteStatement")) => vec![
            permission(format!("redshift-data:{operation}"), WORKGROUP),
            permission("redshift-serverless:GetCredentials", WORKGROUP),
        ],
        ("redshift-data", operation) => vec![permission(format!("redshift-data:{operation}"), "*")],
        other => panic!("which permission does {other:?} need?"),
    }
}

/// A file of transactions; the last row of it is broken if asked for.
fn transactions(rows: std::ops::Range<u32>, amount: u32, broken: bool) -> Vec<u8> {
    let mut text =
        "transaction_id,customer_id,card_id,merchant_id,txn_ts,amount,currency,mcc,status,is_refund,channel\n"
            .to_owned();
    for row in rows {
        writeln!(
            text,
            "{row:08x}-0000-4000-8000-000000000000,CUS{:04},{row:08x}-0000-4000-9000-000000000000,MER0001,\
             2026-01-13 10:00:{:02},{amount}.50,KRW,5411,approved,false,online",
            row % 7,
            row % 60
        )
        .unwrap();
    }
    if broken {
        text.push_str("not-an-id,CUS0001,,MER0001,2026-01-13 10:00:00,1,KRW,5411,approved,false,online\n");
    }
    text.into_bytes()
}

fn keys(environment: &Environment) -> BTreeSet<String> {
    fn below(folder: &Path, root: &Path, keys: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                below(&path, root, keys);
            } else {
                keys.insert(path.strip_prefix(root).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    let root = environment.object_path(SILVER, "");
    let mut keys = BTreeSet::new();
    below(&root, &root, &mut keys);
    keys
}

/// Makes the objects of silver two days older than they are.
fn make_older(environment: &Environment, keys: &BTreeSet<String>) {
    for key in keys {
        let file = std::fs::File::options()
            .append(true)
            .open(environment.object_path(SILVER, key))
            .unwrap();
        let modified = file.metadata().unwrap().modified().unwrap();
        file.set_modified(modified - std::time::Duration::from_secs(2 * 24 * 3600))
            .unwrap();
    }
}

/// Days with made-up rows, corrections of them, a file delivered anew, and a vacuum: everything that stages do to a lake.
async fn everything(environment: &Environment, log: &AccessLog) {
    let invoker = StageInvoker::new(environment).await.unwrap();
    let administrator = cardlake_loader::Context::new(environment.resources_of(BOOTSTRAP))
        .await
        .unwrap();
    let users = serde_json::from_str(&text("tests/events/loader-bootstrap.json")).unwrap();
    cardlake_loader::handle(users, &administrator).await.unwrap();
    let put =
        |key: String, bytes: Vec<u8>| async move { environment.storage().put(BRONZE, &key, bytes).await.unwrap() };
    let file = |day: &str| format!("transactions/ingest_date={day}/a.csv");
    put(file(DAYS[0]), transactions(0..60, 1, true)).await;
    put(file(DAYS[1]), transactions(30..90, 2, false)).await;
    let generate = json!({"rows": 200, "seed": 7, "corrupt_rate": 0.0});
    // The file that is delivered anew has no broken row any more: what is in the quarantine of it goes.
    let runs = [
        (DAYS[0], generate, None),
        (DAYS[1], Value::Null, None),
        (DAYS[0], Value::Null, Some(transactions(0..80, 1, false))),
        (DAYS[1], Value::Null, None),
    ];
    for (day, generate, anew) in runs {
        if let Some(bytes) = anew {
            put(file(day), bytes).await;
        }
        let input = json!({"batch_date": day, "generate": generate});
        let outcome = run_day(environment, day.parse().unwrap(), input, &Progress::new(false, 1)).await;
        assert_eq!(outcome.unwrap().failure, None, "{day}");
    }
    let gone =
        json!({"key": "transactions/ingest_date=2026-01-13/gone.csv", "reprocess": false, "late_window_days": null});
    invoker.invoke_function("transformer", gone).await.unwrap_err();

    let before = keys(environment);
    make_older(environment, &before);
    let vacuum = json!({"action": "vacuum", "retention_days": 1, "dry_run": false});
    invoker.invoke_function("reconciler", vacuum).await.unwrap();
    for key in before.difference(&keys(environment)) {
        log.record(Access {
            principal: "reconciler".to_owned(),
            service: "s3",
            operation: "DeleteObject".to_owned(),
            resource: format!("{SILVER}/{key}"),
            found: true,
        });
    }
}

/// The policies of each principal.
fn roles() -> Vec<(&'static str, Vec<&'static str>)> {
    let login = "options/warehouse-workgroup";
    vec![
        ("generator", vec!["generator"]),
        ("transformer", vec!["transformer"]),
        ("reconciler", vec!["reconciler"]),
        ("validator", vec!["validator"]),
        ("loader", vec!["loader", login]),
        ("mart_builder", vec!["mart-builder", login]),
        (BOOTSTRAP, vec!["warehouse-bootstrap", "options/warehouse-secret"]),
        ("notifier", vec!["notifier"]),
        (WAREHOUSE, vec!["services/copy-and-unload"]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_may_do_what_stages_do_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let log = AccessLog::default();
    let servers = Servers {
        log: Some(log.clone()),
        ..Servers::default()
    };
    let environment = Environment::open_with(folder.path(), servers).await;
    let environment = environment.unwrap();
    everything(&environment, &log).await;
    columns_of_the_catalogue_are_those_of_gold(&environment);
    environment.close().await.unwrap();

    let accesses = log.accesses();
    let mut mistakes = Vec::new();
    for (principal, files) in roles() {
        let allowed: BTreeSet<Permission> = files.into_iter().flat_map(policy).collect();
        let asked = accesses.iter().filter(|access| access.principal == principal);
        let needed: BTreeSet<Permission> = asked.flat_map(needs).collect();
        assert!(!needed.is_empty(), "{principal} asked for nothing");
        for missing in needed
            .iter()
            .filter(|needed| !allowed.iter().any(|one| one.allows(needed)))
        {
            mistakes.push(format!("{principal} needs {} on {}", missing.action, missing.resource));
        }
        for unused in allowed
            .iter()
            .filter(|one| !needed.iter().any(|needed| one.allows(needed)))
        {
            let excepted = EXCEPTIONS.iter().any(|(who, action, resource, _)| {
                *who == principal && *action == unused.action && unused.resource.starts_with(resource)
            });
            // One dataset is enough: which ones there are is the contracts' matter.
            let of_another_dataset = unused.resource.starts_with(&format!("arn:aws:s3:::{SILVER}/"))
                && allowed.iter().any(|one| {
                    one.action == unused.action && one.resource.ends_with("/transactions/*") && one != unused
                })
                && !unused.resource.contains("/_");
            if !excepted && !of_another_dataset {
                mistakes.push(format!(
                    "{principal} never uses {} on {}",
                    unused.action, unused.resource
                ));
            }
        }
    }
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

/// The catalogue's columns of the marts are written down by hand: they have to be those of the files.
fn columns_of_the_catalogue_are_those_of_gold(environment: &Environment) {
    let catalogue: BTreeMap<String, Vec<BTreeMap<String, String>>> =
        serde_saphyr::from_str(&text("infra/marts.yaml")).unwrap();
    let gold = environment.object_path(GOLD, "");
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(&gold).unwrap() {
        let mart = entry.unwrap().file_name().into_string().unwrap();
        let folder = gold.join(&mart).join(format!("batch_date={}", DAYS[0]));
        if !folder.is_dir() {
            continue;
        }
        let file = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
        let file = std::fs::File::open(file).unwrap();
        let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let columns: Vec<(String, String)> = reader
            .schema()
            .fields()
            .iter()
            .map(|field| (field.name().clone(), glue_type(field.data_type())))
            .collect();
        let written = catalogue
            .get(&mart)
            .unwrap_or_else(|| panic!("{mart} is not in infra/marts.yaml"));
        let written: Vec<(String, String)> = written
            .iter()
            .map(|column| (column["name"].clone(), column["type"].clone()))
            .collect();
        assert_eq!(written, columns, "{mart}");
        found.insert(mart);
    }
    assert_eq!(found, catalogue.into_keys().collect());
}

fn glue_type(kind: &arrow::datatypes::DataType) -> String {
    use arrow::datatypes::DataType;
    match kind {
        DataType::Utf8 => "string".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::Int32 => "int".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        other => panic!("what is {other} in the catalogue?"),
    }
}

/// Every `Resource` below a value of a state machine.
fn resources(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str().filter(|_| name == "Resource") {
                    Some(resource) => {
                        found.insert(resource.trim_start_matches("arn:aws:states:::").to_owned());
                    }
                    None => resources(member, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| resources(item, found)),
        _ => {}
    }
}

#[test]
fn state_machines_may_do_what_their_states_do_and_nothing_else() {
    for machine in ["daily", "backfill"] {
        let definition: Value = serde_json::from_str(&text(&format!("statemachine/{machine}.asl.json"))).unwrap();
        let mut found = BTreeSet::new();
        resources(&definition, &mut found);
        let follow = [
            "states:StartExecution",
            "states:DescribeExecution",
            "states:StopExecution",
        ];
        let needed: BTreeSet<String> = found
            .iter()
            .flat_map(|resource| match resource.as_str() {
                "lambda:invoke" => vec!["lambda:InvokeFunction"],
                // Only a distributed map reads its items, and it runs each of them as an execution of the machine.
                "s3:listObjectsV2" => [&["s3:ListBucket"], &follow[..]].concat(),
                // Waiting for the end of an execution takes a rule that Step Functions makes.
                "states:startExecution.sync:2" => {
                    let rule = ["events:DescribeRule", "events:PutRule", "events:PutTargets"];
                    [&follow[..], &rule].concat()
                }
                other => panic!("which permissions does {other} need?"),
            })
            .map(str::to_owned)
            .collect();
        let allowed = policy(&format!("services/{machine}"));
        let allowed: BTreeSet<String> = allowed.into_iter().map(|one| one.action).collect();
        assert_eq!(allowed, needed, "{machine}");
    }
}

#[test]
fn functions_and_operators_get_every_setting_that_there_is() {
    let names = |text: &str| -> BTreeSet<String> {
        let pattern = regex::Regex::new(r"CARDLAKE_[A-Z_]+").unwrap();
        pattern.find_iter(text).map(|name| name.as_str().to_owned()).collect()
    };
    let mut known = names(&text("shared/core/src/env.rs"));
    // The files are in the functions' binaries.
    assert!(known.remove("CARDLAKE_ASSETS_DIR"));
    let mut given = BTreeSet::new();
    for file in ["functions.tf", "warehouse.tf", "outputs.tf"] {
        given.extend(names(&text(&format!("infra/{file}"))));
    }
    assert_eq!(given, known);
}

//! SQL cases with the results that Redshift's public documentation gives, and the table of them in the project's docs.

use std::fmt::Write as _;
use std::path::Path;

use aws_sdk_redshiftdata::types::StatusString;
use serde::Deserialize;

use crate::support::*;

const DOCUMENTATION: &str = "https://docs.aws.amazon.com/redshift/latest/dg/";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Topic {
    topic: String,
    /// Page of the database developer guide.
    source: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// Statements to run before.
    #[serde(default)]
    setup: Vec<String>,
    sql: String,
    /// The names of the columns, with bars between, if they matter.
    columns: Option<String>,
    /// Each name is followed by the type.
    #[serde(default)]
    types: bool,
    /// The rows, values between bars, `∅` for NULL; `*64` for any 64 characters. None if the columns alone matter.
    rows: Option<Vec<String>>,
    /// A part of the error instead.
    error: Option<String>,
}

fn files() -> Vec<(String, Vec<Topic>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let topics = serde_saphyr::from_str(&text)
                .map_err(|error| format!("{name}: {error}"))
                .unwrap();
            (name, topics)
        })
        .collect();
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}

impl Fixture {
    /// The names of the columns of a result, with their types if asked for.
    async fn columns(&self, id: &str, types: bool) -> String {
        let result = self.client.get_statement_result().id(id).send().await.unwrap();
        let columns = result.column_metadata().iter().map(|column| {
            let name = column.label().unwrap_or_default();
            let kind = column.type_name().unwrap_or_default();
            match (types, kind) {
                (false, _) => name.to_owned(),
                (true, "numeric") => format!("{name} numeric({},{})", column.precision(), column.scale()),
                (true, _) => format!("{name} {kind}"),
            }
        });
        columns.collect::<Vec<_>>().join("|")
    }

    /// Why a case does not come out as documented.
    async fn check(&self, case: &Case) -> Result<(), String> {
        for statement in &case.setup {
            let done = self.describe(statement).await;
            if done.status() != Some(&StatusString::Finished) {
                return Err(format!("{statement}: {}", done.error().unwrap_or_default()));
            }
        }
        let done = self.describe(&case.sql).await;
        let error = done.error().unwrap_or_default();
        if let Some(wanted) = &case.error {
            let refused = done.status() == Some(&StatusString::Failed) && error.contains(wanted.as_str());
            return refused
                .then_some(())
                .ok_or_else(|| format!("{}: '{wanted}' expected, got '{error}'", case.sql));
        }
        if done.status() != Some(&StatusString::Finished) {
            return Err(format!("{}: {error}", case.sql));
        }
        if case.columns.is_none() && case.rows.is_none() {
            return Err(format!("{}: the case expects nothing", case.sql));
        }
        if let Some(wanted) = &case.columns {
            let columns = self.columns(done.id(), case.types).await;
            if columns != *wanted {
                return Err(format!("{}: columns {wanted} expected, got {columns}", case.sql));
            }
        }
        let Some(wanted) = &case.rows else { return Ok(()) };
        let wanted = wanted.join("\n");
        let rows = self.rows(done.id()).await;
        let same = match wanted.strip_prefix('*') {
            Some(length) => rows.chars().count().to_string() == length,
            None => rows == wanted,
        };
        same.then_some(())
            .ok_or_else(|| format!("{}: expected\n{wanted}\ngot\n{rows}", case.sql))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_give_what_the_documentation_of_redshift_says() {
    let fixture = Fixture::start().await;
    let mut failures = Vec::new();
    for (file, topics) in files() {
        for topic in topics {
            for case in &topic.cases {
                if let Err(failure) = fixture.check(case).await {
                    failures.push(format!("{file}, {}: {failure}", topic.topic));
                }
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} cases:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn the_docs_list_every_topic_that_is_checked() {
    let mut table = "| | topics with cases, and their pages |\n|---|---|\n".to_owned();
    for (file, topics) in files() {
        let links = topics
            .iter()
            .map(|topic| format!("[{}]({DOCUMENTATION}{})", topic.topic, topic.source));
        let links: Vec<_> = links.collect();
        writeln!(table, "| {file} | {} |", links.join(", ")).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/local-redshift.md");
    let page = std::fs::read_to_string(path).unwrap();
    assert!(
        page.contains(&table),
        "docs/local-redshift.md needs this table:\n{table}"
    );
}

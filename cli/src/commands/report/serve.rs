//! The page over HTTP on loopback, with answers for its details and questions.
//!
//! ```text
//! GET  /              the page, made anew from the warehouse
//! POST /api/detail    rows of a detail under the page's filters
//! POST /api/question  rows of a SELECT of the reader's
//! POST /api/panel     a question as a panel: saved, or given back as a file
//! ```
//!
//! Requests are answered one after the other, and each opens the lake for itself: between them, any other command may have
//! it. While another command has it, its servers answer.

use super::guard::guard;
use super::lake::{Lake, QueryError, ask, dashboard_files, dashboard_folder};
use super::save::save;
use crate::access::Access;
use crate::environment::DATABASE;
use crate::error::CliError;
use crate::interrupt;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use cardlake_loopback::PATIENCE;
use cardlake_redshift_sql::Command;
use cardlake_report::{Dashboard, Draft, Filters, Query, Table, Value};
use hyper_util::service::TowerToHyperService;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

/// After this time a query is cancelled.
const LIMIT: Duration = Duration::from_secs(30);
/// How often a request is tried while other processes have the lake.
const ATTEMPTS: usize = 3;
/// Rows that a question shows.
const MOST_ROWS: usize = 1000;

/// The data directory, and whose turn it is to open it.
struct Server {
    data_dir: PathBuf,
    turn: Mutex<()>,
}

/// What is asked for cannot be given, and why.
struct Refused(StatusCode, String);

impl From<CliError> for Refused {
    fn from(error: CliError) -> Self {
        Self(StatusCode::SERVICE_UNAVAILABLE, error.description())
    }
}

impl From<QueryError> for Refused {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Query(problem) => wrong(problem.trim()),
            QueryError::Warehouse(error) => CliError::caused("ask the warehouse", &error).into(),
        }
    }
}

fn wrong(problem: &(impl ToString + ?Sized)) -> Refused {
    Refused(StatusCode::BAD_REQUEST, problem.to_string())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DetailRequest {
    detail: String,
    filters: Filters,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuestionRequest {
    sql: String,
}

/// Rows of a question.
#[derive(Debug, PartialEq, Serialize)]
struct Rows {
    columns: Vec<String>,
    rows: Vec<Vec<serde_json::Value>>,
    is_cut: bool,
}

/// Serves the page until the process is asked to end.
pub(super) async fn serve(listener: TcpListener, data_dir: PathBuf) {
    let ended = async {
        // Without a signal there is nothing to wait for.
        let _ = interrupt::requested().await;
    };
    let service = TowerToHyperService::new(router(data_dir));
    cardlake_loopback::serve(listener, service, PATIENCE, ended).await;
}

fn router(data_dir: PathBuf) -> Router {
    let server = Arc::new(Server {
        data_dir,
        turn: Mutex::new(()),
    });
    Router::new()
        .route("/", get(page))
        .route("/api/detail", post(detail))
        .route("/api/question", post(question))
        .route("/api/panel", post(panel))
        .with_state(server)
        .layer(middleware::from_fn(guard))
}

async fn page(State(server): State<Arc<Server>>) -> Response {
    let page = with_lake(server, async |access, lake| {
        let live = lake.live(access);
        Ok(lake.page(access, Some(&live)).await?)
    });
    match page.await {
        Ok(page) => {
            let headers = [
                (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
                (
                    header::CONTENT_SECURITY_POLICY,
                    format!("{}; frame-ancestors 'none'", page.policy),
                ),
                (header::CACHE_CONTROL, "no-store".to_owned()),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
            ];
            (headers, page.html).into_response()
        }
        Err(Refused(status, problem)) => (status, format!("{problem}\n")).into_response(),
    }
}

async fn detail(State(server): State<Arc<Server>>, body: Bytes) -> Response {
    let answer = async {
        let request: DetailRequest = serde_json::from_slice(&body).map_err(|error| wrong(&error))?;
        with_lake(server, async move |access, lake| {
            let relation = |name: &str| lake.relation(name);
            let dashboard = &lake.dashboard;
            let query = dashboard.detail_query(&request.detail, &request.filters, lake.batch_date, &relation);
            let table = ask(&query.map_err(|error| wrong(&error))?, &access.warehouse()?, LIMIT).await?;
            dashboard
                .detail_rows(&request.detail, &table)
                .map_err(|error| wrong(&error))
        })
        .await
    };
    json_response(answer.await)
}

async fn question(State(server): State<Arc<Server>>, body: Bytes) -> Response {
    let answer = async {
        let request: QuestionRequest = serde_json::from_slice(&body).map_err(|error| wrong(&error))?;
        with_lake(server, async move |access, lake| {
            let query = Dashboard::question(&request.sql, lake.batch_date, &|name| lake.relation(name));
            let query = only_reads(query.map_err(|error| wrong(&error))?)?;
            Ok(rows(ask(&query, &access.warehouse()?, LIMIT).await?))
        })
        .await
    };
    json_response(answer.await)
}

async fn panel(State(server): State<Arc<Server>>, body: Bytes) -> Response {
    let answer = async {
        let draft: Draft = serde_json::from_slice(&body).map_err(|error| wrong(&error))?;
        with_lake(server, async move |access, _| {
            let saved = draft.add_to(&dashboard_files(access)?).map_err(|error| wrong(&error))?;
            let Some(folder) = dashboard_folder(access) else {
                return Ok(json!({
                    "file": saved.panel_file,
                    "yaml": saved.panel,
                    "why": "The dashboard is part of the cardlake command. Put this file into warehouse/dashboard/ of a \
                            copy of the project, add it to panels in page.yml, and set CARDLAKE_ASSETS_DIR to that copy.",
                }));
            };
            save(&folder, &saved).map_err(|error| Refused(StatusCode::CONFLICT, error.description()))?;
            Ok(json!({ "saved": folder.join(&saved.panel_file) }))
        })
        .await
    };
    json_response(answer.await)
}

/// Opens the lake for one request. It is closed again even if the client does not wait for the answer.
///
/// The servers of another process end with it: then the request is answered anew, for this process may have the lake now.
async fn with_lake<T: Send + 'static>(
    server: Arc<Server>,
    answer: impl AsyncFn(&Access, &Lake) -> Result<T, Refused> + Send + 'static,
) -> Result<T, Refused> {
    // On a thread of its own, as the futures of closures that borrow cannot be sent between threads.
    let runtime = tokio::runtime::Handle::current();
    let task = tokio::task::spawn_blocking(move || {
        runtime.block_on(async {
            let _turn = server.turn.lock().await;
            let mut attempts = 1..=ATTEMPTS;
            loop {
                let is_last = attempts.next() == Some(ATTEMPTS);
                let access = Access::open(&server.data_dir).await?;
                let is_of_another = access.holder().is_some();
                let answered = async {
                    let lake = Lake::read(&access).await?;
                    answer(&access, &lake).await
                };
                let answered = answered.await;
                access.close().await?;
                match answered {
                    Err(Refused(StatusCode::SERVICE_UNAVAILABLE, _)) if is_of_another && !is_last => {}
                    answered => return answered,
                }
            }
        })
    });
    let failed = |error| {
        Refused(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("the request failed: {error}"),
        )
    };
    task.await.map_err(failed)?
}

/// The query if it is one SELECT.
fn only_reads(query: Query) -> Result<Query, Refused> {
    let sql = query.sql.as_ref().map_err(wrong)?;
    let statements = cardlake_redshift_sql::statements(sql, &BTreeMap::new(), &mut BTreeSet::new());
    match statements.map_err(|error| wrong(&error))?.as_slice() {
        [statement] => match cardlake_redshift_sql::translate(statement, DATABASE).map_err(|error| wrong(&error))? {
            Command::Query(_) => Ok(query),
            _ => Err(wrong("a question is a SELECT: it changes nothing")),
        },
        statements => Err(wrong(&format!(
            "a question is one SELECT; these are {} statements",
            statements.len()
        ))),
    }
}

fn rows(table: Table) -> Rows {
    let value = |value| match value {
        Value::Null => serde_json::Value::Null,
        Value::Integer(number) => number.into(),
        Value::Double(number) => number.into(),
        Value::Boolean(truth) => truth.into(),
        Value::Text(text) => text.into(),
    };
    let is_cut = table.rows.len() > MOST_ROWS;
    let rows = table.rows.into_iter().take(MOST_ROWS);
    Rows {
        columns: table.columns,
        rows: rows.map(|row| row.into_iter().map(value).collect()).collect(),
        is_cut,
    }
}

fn json_response(answer: Result<impl Serialize, Refused>) -> Response {
    let (status, text) = match answer {
        Ok(answer) => match serde_json::to_string(&answer) {
            Ok(text) => (StatusCode::OK, text),
            Err(error) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                json!({ "error": error.to_string() }).to_string(),
            ),
        },
        Err(Refused(status, problem)) => (status, json!({ "error": problem }).to_string()),
    };
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(sql: &str) -> Result<(), String> {
        let query = Query {
            name: "question".to_owned(),
            sql: Ok(sql.to_owned()),
        };
        only_reads(query).map(|_| ()).map_err(|Refused(_, problem)| problem)
    }

    #[test]
    fn a_question_only_reads() {
        assert_eq!(question("-- one\nwith a as (select 1) select * from a;"), Ok(()));
        for statement in [
            "delete from a",
            "select 1; drop table a",
            "create table b as select 1",
            "select 1 as n into b",
            "explain select 1",
            "unload ('select 1') to 's3://b/k' iam_role default",
            "set search_path to raw",
            "selec 1",
            "",
        ] {
            assert!(question(statement).is_err(), "{statement}");
        }
    }

    #[test]
    fn rows_over_the_limit_are_cut_and_it_is_told() {
        let table = |rows| Table {
            columns: vec!["n".to_owned()],
            rows: vec![vec![Value::Integer(1)]; rows],
        };
        let (all, cut) = (rows(table(MOST_ROWS)), rows(table(MOST_ROWS + 1)));
        assert!(!all.is_cut && cut.is_cut);
        assert_eq!((all.rows.len(), cut.rows.len()), (MOST_ROWS, MOST_ROWS));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn requests_that_pass_the_guard_reach_the_lake() {
        let (listener, address) = cardlake_loopback::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        // A folder without a lake: what gets as far as that is told so.
        let folder = tempfile::tempdir().unwrap();
        tokio::spawn(serve(listener, folder.path().to_owned()));
        let client = reqwest::Client::new();
        let url = |path: &str| format!("http://{address}{path}");
        let page = client.get(url("/")).send().await.unwrap();
        assert_eq!(page.status(), 503);
        assert!(page.text().await.unwrap().contains("there is no warehouse in"));
        assert_eq!(client.get(url("/../secret")).send().await.unwrap().status(), 404);
        let other = client
            .get(url("/"))
            .header("host", "evil.example")
            .send()
            .await
            .unwrap();
        assert_eq!(other.status(), 421);
        for (path, body) in [
            (
                "/api/detail",
                r#"{"detail": "a", "filters": {"from": "2026-01-01", "to": "2026-01-02"}}"#,
            ),
            ("/api/question", r#"{"sql": "select 1"}"#),
            (
                "/api/panel",
                r#"{"id": "a", "title": "a", "sql": "select 1", "columns": []}"#,
            ),
        ] {
            assert_eq!(client.get(url(path)).send().await.unwrap().status(), 405, "{path}");
            let ask = |body: &str, kind: &str| {
                let request = client.post(url(path)).header("content-type", kind);
                request.body(body.to_owned()).send()
            };
            assert_eq!(ask(body, "text/plain").await.unwrap().status(), 415, "{path}");
            assert_eq!(ask("{}", "application/json").await.unwrap().status(), 400, "{path}");
            let asked = ask(body, "application/json").await.unwrap();
            assert_eq!(asked.status(), 503, "{path}");
            assert_eq!(asked.headers().get("access-control-allow-origin"), None);
            assert!(asked.text().await.unwrap().contains("there is no warehouse in"));
        }
    }
}

//! `cardlake report`: the dashboard of the last successful run, as a file or in a browser.

use crate::access::Access;
use crate::arguments::ReportArgs;
use crate::commands::sql::LOOK_EVERY;
use crate::environment::SILVER;
use crate::error::{CliError, printed};
use crate::interrupt;
use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use cardlake_aws::data_api::{DataApiError, Warehouse, client_token};
use cardlake_aws::run_records;
use cardlake_core::assets::AssetFolder;
use cardlake_core::run_record::RunOutcome;
use cardlake_dbt::{CompiledProject, ProjectFile};
use cardlake_loopback as loopback;
use cardlake_mart_builder::compile::{Request, compile};
use cardlake_mart_builder::dashboard::{self, EARLIER_RUNS, Page, PanelQuery, RunFacts};
use cardlake_report::{Answer, Query, Relation};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use tokio::net::TcpListener;

/// The page itself and nothing else: a dashboard has no scripts and no references to other servers.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// Writes the page; serves or opens it on request. A panel that fails is a warning.
///
/// # Errors
/// There is no lake yet, no run has succeeded, the file cannot be written, or the port is in use.
pub(crate) async fn report(args: ReportArgs) -> Result<ExitCode, CliError> {
    let access = Access::open(&args.data.data_dir).await?;
    let page = page(&access).await;
    access.close().await?;
    let Page { html: page, warnings } = page?;
    for warning in warnings {
        // Standard error may be closed; the page is written all the same.
        let _ = writeln!(std::io::stderr(), "warning: {warning}");
    }
    let path = args.out.unwrap_or_else(|| args.data.data_dir.join("report.html"));
    let writing = |error: std::io::Error| CliError::caused(&format!("write {}", path.display()), &error).writing(&path);
    tokio::fs::write(&path, &page).await.map_err(writing)?;
    printed(writeln!(std::io::stdout(), "{}", path.display()))?;
    if args.serve {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
        let listening = |error| CliError::caused("serve the report", &error);
        let (listener, address) = loopback::listen(address).await.map_err(listening)?;
        let url = format!("http://{address}/");
        // Standard error may be closed; the server goes on.
        let _ = writeln!(std::io::stderr(), "serving {url}, Ctrl-C stops");
        if args.open {
            open(&url)?;
        }
        serve(listener, page).await?;
    } else if args.open {
        let absolute = std::path::absolute(&path).map_err(writing)?;
        open(&absolute.to_string_lossy())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs the queries of the panels and renders the page with what the last successful run left.
async fn page(access: &Access) -> Result<Page, CliError> {
    let records = run_records::last(access.storage(), SILVER, EARLIER_RUNS).await;
    let records = records.map_err(|error| CliError::caused("read the run records", &error))?;
    let succeeded = records.iter().find_map(|record| match &record.outcome {
        RunOutcome::Succeeded { books, audits, marts } => Some((record.batch_date, books, audits, marts)),
        RunOutcome::Failed(_) => None,
    });
    let Some((batch_date, books, audits, build)) = succeeded else {
        return Err(CliError::failed("no run has succeeded yet").hint("start one with `cardlake run`"));
    };
    let files = access.assets().list(AssetFolder::Warehouse);
    let files = files
        .map_err(|error| CliError::caused("read the project", &error))?
        .into_iter();
    let files: Vec<_> = files.map(|asset| ProjectFile::new(asset.path, asset.text)).collect();
    let dashboard = dashboard::definitions(&files).map_err(|error| CliError::caused("read the dashboard", &error))?;
    let request = Request {
        batch_date,
        ..Request::default()
    };
    let project = compile(&files, &request).map_err(|error| CliError::caused("compile the project", &error))?;
    let queries = dashboard.queries(batch_date, &|name| relation(&project, name));
    let answers = answers(queries, &access.warehouse()?).await;
    let answers = answers.map_err(|error| CliError::caused("ask the warehouse", &error))?;
    let facts = RunFacts {
        batch_date,
        books,
        audits,
        build,
        runs: &records,
        lineage: &project.lineage,
    };
    dashboard::page(&dashboard, &answers, &facts).map_err(|error| CliError::caused("render the report", &error))
}

/// Runs the queries side by side.
async fn answers(queries: Vec<Query>, warehouse: &Warehouse) -> Result<Vec<Answer>, DataApiError> {
    let mut submitted = Vec::with_capacity(queries.len());
    for query in queries {
        let token = client_token(&[&uuid::Uuid::new_v4().to_string()]);
        let name = format!("cardlake report {}", query.name);
        let panel = PanelQuery::submit(&query, name, token, warehouse).await?;
        submitted.push((query, panel));
    }
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    let mut answers = Vec::with_capacity(submitted.len());
    for (query, panel) in submitted {
        let result = loop {
            match panel.result(warehouse).await? {
                Some(result) => break result,
                None => ticks.tick().await,
            };
        };
        answers.push(Answer {
            name: query.name,
            sql: query.sql.ok(),
            result,
        });
    }
    Ok(answers)
}

/// The relation of a model, as the project's manifest says.
fn relation(project: &CompiledProject, model: &str) -> Relation {
    let nodes = project.manifest["nodes"].as_object();
    let mut nodes = nodes.into_iter().flat_map(|nodes| nodes.values());
    let node = nodes.find(|node| node["name"] == model && node["resource_type"] != "test");
    let relation = node.and_then(|node| node["relation_name"].as_str());
    relation.map_or(Relation::Unknown, |sql| Relation::Known(sql.to_owned()))
}

fn open(what: &str) -> Result<(), CliError> {
    open::that_detached(what)
        .map_err(|error| CliError::caused("open a browser", &error).hint(format!("open {what} yourself")))
}

async fn serve(listener: TcpListener, page: String) -> Result<(), CliError> {
    let answer = move |asked: HeaderMap| {
        let headers = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
            (header::CACHE_CONTROL, "no-store"),
        ];
        let page = page.clone();
        async move {
            // A page of another site whose name resolves to this address may not read it: the browser tells the name.
            if names_this_machine(&asked) {
                (headers, page).into_response()
            } else {
                (StatusCode::MISDIRECTED_REQUEST, "open the page as http://127.0.0.1\n").into_response()
            }
        }
    };
    let router = Router::new().route("/", get(answer));
    let ended = async {
        // Without a signal there is nothing to wait for.
        let _ = interrupt::requested().await;
    };
    let serving = axum::serve(listener, router).with_graceful_shutdown(ended).await;
    serving.map_err(|error| CliError::caused("serve the report", &error))
}

/// Whether a request is for this machine by its own name.
fn names_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let name = host.map(|host| match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    });
    name.is_some_and(|name| matches!(name, "127.0.0.1" | "localhost" | "[::1]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_page_is_served_and_may_load_nothing() {
        let (listener, address) = loopback::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        tokio::spawn(serve(listener, "<p>page</p>".to_owned()));
        let answer = reqwest::get(format!("http://{address}/")).await.unwrap();
        assert_eq!(answer.headers()["content-security-policy"], CONTENT_SECURITY_POLICY);
        assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
        assert_eq!(answer.text().await.unwrap(), "<p>page</p>");
        let other = reqwest::get(format!("http://{address}/../secret")).await.unwrap();
        assert_eq!(other.status(), 404);
        let client = reqwest::Client::new();
        for (host, status) in [
            ("localhost:1", 200),
            ("[::1]", 200),
            ("evil.example", 421),
            ("127.0.0.1.evil.example:80", 421),
        ] {
            let answer = client
                .get(format!("http://{address}/"))
                .header("host", host)
                .send()
                .await;
            assert_eq!(answer.unwrap().status(), status, "{host}");
        }
    }
}

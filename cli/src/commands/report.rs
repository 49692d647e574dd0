//! `cardlake report`: the dashboard of the last run, as a file or in a browser.

use crate::arguments::ReportArgs;
use crate::commands::build::compiled;
use crate::commands::sql::ask;
use crate::environment::{Environment, SILVER};
use crate::error::{CliError, printed};
use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use cardlake_aws::data_api::Value;
use cardlake_aws::run_records;
use cardlake_core::run_record::RunOutcome;
use cardlake_core::sql::{identifier, literal};
use cardlake_loopback as loopback;
use cardlake_mart_builder::TARGET_SCHEMA;
use cardlake_mart_builder::compile::Request;
use cardlake_mart_builder::dashboard::{Answer, Dashboard, EARLIER_RUNS, queries};
use std::collections::BTreeSet;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use tokio::net::TcpListener;

/// Nothing but the page itself: a dashboard needs no scripts and nobody else's servers.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// Makes the page; shows it if asked to.
///
/// # Errors
/// There is no lake yet, no run has succeeded, the file cannot be written, or the port is in use.
pub(crate) async fn report(args: ReportArgs) -> Result<ExitCode, CliError> {
    let environment = Environment::open_existing(&args.data.data_dir).await?;
    let page = page(&environment).await;
    environment.close().await?;
    let page = page?;
    let path = args.out.unwrap_or_else(|| args.data.data_dir.join("report.html"));
    let writing = |error: std::io::Error| CliError::caused(&format!("write {}", path.display()), &error).writing(&path);
    tokio::fs::write(&path, &page).await.map_err(writing)?;
    printed(writeln!(std::io::stdout(), "{}", path.display()))?;
    if args.serve {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
        let listening = |error| CliError::caused("serve the report", &error);
        let (listener, address) = loopback::listen(address).await.map_err(listening)?;
        let url = format!("http://{address}/");
        // Whoever reads standard error may have ended; the server goes on.
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

/// Asks the warehouse, adds what the runs left, and puts the page together.
async fn page(environment: &Environment) -> Result<String, CliError> {
    let records = run_records::last(environment.storage(), SILVER, EARLIER_RUNS).await;
    let records = records.map_err(|error| CliError::caused("read the run records", &error))?;
    let succeeded = records.iter().find_map(|record| match &record.outcome {
        RunOutcome::Succeeded { books, audits, marts } => Some((record.batch_date, books, audits, marts)),
        RunOutcome::Failed(_) => None,
    });
    let Some((batch_date, books, audits, build)) = succeeded else {
        return Err(CliError::failed("no run has succeeded yet").hint("start one with `cardlake run`"));
    };
    let relations = format!(
        "select table_name from information_schema.tables where table_schema = {}",
        literal(TARGET_SCHEMA)
    );
    let warehouse = environment.warehouse()?;
    let relations = ask(&warehouse, &relations).await?.rows;
    let relations: BTreeSet<String> = relations.iter().flatten().map(Value::display).collect();
    let known = |model: &str| {
        let relation = format!("{}.{}", identifier(TARGET_SCHEMA), identifier(model));
        relations.contains(model).then_some(relation)
    };
    let mut answers = Vec::new();
    for (panel, sql) in queries(known) {
        let rows = ask(&warehouse, &sql).await?.rows;
        answers.push(Answer {
            panel: panel.to_owned(),
            sql,
            rows,
        });
    }
    let request = Request {
        batch_date,
        ..Request::default()
    };
    let lineage = compiled(None, &request)?.lineage;
    let dashboard = Dashboard::new(batch_date, &answers, books, audits, build, &records).with_lineage(lineage);
    dashboard
        .html()
        .map_err(|error| CliError::caused("make the report", &error))
}

fn open(what: &str) -> Result<(), CliError> {
    open::that_detached(what)
        .map_err(|error| CliError::caused("open a browser", &error).hint(format!("open {what} yourself")))
}

async fn serve(listener: TcpListener, page: String) -> Result<(), CliError> {
    let answer = move || {
        let headers = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
            (header::CACHE_CONTROL, "no-store"),
        ];
        let page = page.clone();
        async move { (headers, page).into_response() }
    };
    let router = Router::new().route("/", get(answer));
    let ended = async {
        // Without a signal there is nothing to wait for.
        let _ = tokio::signal::ctrl_c().await;
    };
    let serving = axum::serve(listener, router).with_graceful_shutdown(ended).await;
    serving.map_err(|error| CliError::caused("serve the report", &error))
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
    }
}

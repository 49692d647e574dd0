//! `cardlake report`: the dashboard of the last successful run, as a file or in a browser.

mod guard;
mod lake;
mod save;
mod serve;

use crate::access::Access;
use crate::arguments::ReportArgs;
use crate::error::{CliError, printed};
use cardlake_loopback as loopback;
use cardlake_mart_builder::dashboard::Page;
use lake::Lake;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

/// Writes the page; serves or opens it on request. A panel that fails is a warning.
///
/// # Errors
/// There is no lake yet, no run has succeeded, the file cannot be written, or the port is in use.
pub(crate) async fn report(args: ReportArgs) -> Result<ExitCode, CliError> {
    let access = Access::open(&args.data.data_dir).await?;
    let page = async { Lake::read(&access).await?.page(&access, None).await }.await;
    access.close().await?;
    let Page { html, warnings, .. } = page?;
    for warning in warnings {
        // Standard error may be closed; the page is written all the same.
        let _ = writeln!(std::io::stderr(), "warning: {warning}");
    }
    let data_dir = args.data.data_dir;
    let path = args.out.unwrap_or_else(|| data_dir.join("report.html"));
    let writing = |error: std::io::Error| CliError::caused(&format!("write {}", path.display()), &error).writing(&path);
    tokio::fs::write(&path, &html).await.map_err(writing)?;
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
        serve::serve(listener, data_dir).await;
    } else if args.open {
        let absolute = std::path::absolute(&path).map_err(writing)?;
        open(&absolute.to_string_lossy())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn open(what: &str) -> Result<(), CliError> {
    open::that_detached(what)
        .map_err(|error| CliError::caused("open a browser", &error).hint(format!("open {what} yourself")))
}

//! `cardlake up`: the stand-ins for AWS, kept open for other programs.

use crate::arguments::UpArgs;
use crate::environment::{Environment, RedshiftPort, Servers};
use crate::error::{CliError, printed};
use crate::interrupt::Interrupt;
use crate::invoker::StageInvoker;
use crate::s3_events;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::mpsc::unbounded_channel;

/// The port of Redshift's clients, unless another one is asked for.
const REDSHIFT_PORT: u16 = 5439;

/// The settings of the stages begin so.
const SETTING: &str = "CARDLAKE_";

/// Starts the servers, prints what reaches them, and serves until Ctrl-C or a request to end.
///
/// # Errors
/// A port is in use, another process has the folder open, or a statement does not stop at the end.
pub(crate) async fn up(args: UpArgs) -> Result<ExitCode, CliError> {
    let waiting = |error: std::io::Error| CliError::caused("wait for Ctrl-C", &error);
    let mut interrupt = Interrupt::listen().map_err(waiting)?;
    let (announce, created) = unbounded_channel();
    let servers = Servers {
        s3_port: args.s3_port,
        s3_endpoint: args.s3_endpoint,
        secrets_port: args.secrets_port,
        redshift_data_port: args.redshift_data_port,
        redshift_port: Some(RedshiftPort {
            port: args.redshift_port.unwrap_or(REDSHIFT_PORT),
            or_any: args.redshift_port.is_none(),
        }),
        s3_created: args.transform.then_some(announce),
        no_lake: args.empty,
        ..Servers::default()
    };
    // Removed with all that is in it when it goes.
    let temporary = args.empty.then(tempfile::tempdir).transpose();
    let temporary = temporary.map_err(|error| CliError::caused("make a temporary folder", &error))?;
    let folder = temporary
        .as_ref()
        .map_or(args.data.data_dir.as_path(), |folder| folder.path());
    let environment = Environment::open_with(folder, servers).await?;
    if args.transform {
        let invoker = Arc::new(StageInvoker::new(&environment).await?);
        let invoke = move |event| {
            let invoker = Arc::clone(&invoker);
            async move { invoker.invoke_function("transformer", event).await }
        };
        let dead_letters = folder.join("dead-letters");
        tokio::spawn(s3_events::deliver(
            created,
            dead_letters,
            s3_events::RETRY_AFTER,
            invoke,
        ));
    }
    let mut exports = environment.exports();
    if args.empty {
        exports.retain(|(name, _)| !name.starts_with(SETTING));
    }
    printed(print(&exports, args.json))?;
    // Whoever reads the standard output may have ended; the servers go on.
    let _ = writeln!(std::io::stderr(), "serving {}, Ctrl-C stops", folder.display());
    if let Some(port) = environment
        .redshift_port()
        .filter(|port| args.redshift_port.is_none() && *port != REDSHIFT_PORT)
    {
        let _ = writeln!(
            std::io::stderr(),
            "port {REDSHIFT_PORT} is taken: Redshift's clients connect to port {port} (PGPORT)"
        );
    }
    interrupt.requested().await;
    environment.close().await?;
    Ok(ExitCode::SUCCESS)
}

fn print(exports: &[(String, String)], json: bool) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        let object: BTreeMap<_, _> = exports.iter().map(|(name, value)| (name, value)).collect();
        writeln!(out, "{}", serde_json::to_string(&object)?)?;
    } else {
        for (name, value) in exports {
            writeln!(out, "export {name}={}", quoted(value))?;
        }
    }
    out.flush()
}

/// A value as a POSIX shell reads it back.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for value in ["", "http://127.0.0.1:1", "it's $HOME `x` \"y\""] {
            let script = format!("printf %s {}", quoted(value));
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
        }
    }
}

//! Structured logs.

use tracing_subscriber::EnvFilter;

/// The Delta kernel logs every log file that it reads, and logs an error for a table without a log. Its failures are
/// returned to the caller, which reports them.
pub const DEFAULT_FILTER: &str = "info,delta_kernel=off";

/// Sends log lines to standard error (in Lambda: to CloudWatch), as JSON when `AWS_LAMBDA_LOG_FORMAT` is `JSON`. The
/// level comes from `AWS_LAMBDA_LOG_LEVEL`, else `RUST_LOG`, else [`DEFAULT_FILTER`]. A second call does nothing.
pub fn initialize() {
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL").or_else(|_| std::env::var("RUST_LOG"));
    let filter = EnvFilter::try_new(level.as_deref().unwrap_or(DEFAULT_FILTER))
        .unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let json = std::env::var("AWS_LAMBDA_LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    // An error means that a subscriber is installed already, which is fine.
    let _ = if json {
        builder.json().without_time().try_init()
    } else {
        builder.with_ansi(false).try_init()
    };
}

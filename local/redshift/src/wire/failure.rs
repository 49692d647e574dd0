//! Errors of statements as messages of the protocol.

use cardlake_redshift_sql::SqlError;
use pgwire::error::{ErrorInfo, PgWireError};

/// An error as the client sees it.
pub(super) fn failure(error: &SqlError) -> PgWireError {
    PgWireError::UserError(Box::new(error_info(error)))
}

fn error_info(error: &SqlError) -> ErrorInfo {
    let text = error.to_string();
    let message = text.strip_prefix("ERROR: ").unwrap_or(&text);
    ErrorInfo::new("ERROR".to_owned(), error.state().to_owned(), message.to_owned())
}

//! Storage of the build's state: a document in silver under the run's id.

use crate::context::Context;
use crate::error::{CursorError, MartBuilderError};
use crate::state::{BuildState, FORMAT_VERSION};

/// The stored state, if any.
pub(crate) async fn load(context: &Context, key: &str) -> Result<Option<BuildState>, MartBuilderError> {
    let Some(bytes) = context.files.get(&context.silver_bucket, key).await? else {
        return Ok(None);
    };
    let state: BuildState = serde_json::from_slice(&bytes).map_err(|source| CursorError::MalformedState {
        bucket: context.silver_bucket.clone(),
        key: key.to_owned(),
        source,
    })?;
    if state.format_version != FORMAT_VERSION {
        let (found, expected) = (state.format_version, FORMAT_VERSION);
        return Err(CursorError::FormatVersion { found, expected }.into());
    }
    Ok(Some(state))
}

/// Replaces the stored state.
pub(crate) async fn save(context: &Context, key: &str, state: &BuildState) -> Result<(), MartBuilderError> {
    let bytes = serde_json::to_vec(state).map_err(|error| MartBuilderError::Internal {
        what: "the state",
        cause: error.to_string(),
    })?;
    Ok(context.files.put(&context.silver_bucket, key, bytes).await?)
}

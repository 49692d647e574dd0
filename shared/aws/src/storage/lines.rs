//! Objects of lines, read one by one.

use super::{Storage, StorageError};
use std::ops::ControlFlow;

impl Storage {
    /// Calls `visit` with every line of an object, without its end, until it breaks; memory holds the longest line. Blank lines
    /// are left out.
    ///
    /// # Errors
    /// Any failure, a missing object included; or that of `visit`.
    pub async fn lines<E: From<StorageError>>(
        &self,
        bucket: &str,
        key: &str,
        mut visit: impl FnMut(&[u8]) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        let (_, mut body) = self.stream(bucket, key).await?;
        let mut line: Vec<u8> = Vec::new();
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|error| StorageError::interrupted(bucket, key, error))?;
            let mut rest: &[u8] = &piece;
            while let Some((end, after)) = split_line(rest) {
                line.extend_from_slice(end);
                if !line.is_empty() && visit(&line)?.is_break() {
                    return Ok(());
                }
                line.clear();
                rest = after;
            }
            line.extend_from_slice(rest);
        }
        if !line.is_empty() {
            // Whether there is more makes no difference at the end.
            let _ = visit(&line)?;
        }
        Ok(())
    }
}

/// Splits off the text before the first line end.
fn split_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| *byte == b'\n')?;
    Some((&text[..end], &text[end + 1..]))
}

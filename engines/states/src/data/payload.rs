//! The size of payloads and its quota.

use serde_json::Value;

use crate::failure::{DATA_LIMIT_EXCEEDED, Failure};

/// The quota for the input and output of a state, in bytes of UTF-8 JSON.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 262_144;

/// Fails if `value` is larger than a payload may be.
pub(crate) fn check_size(value: &Value, what: &str) -> Result<(), Failure> {
    let bytes = json_bytes(value);
    if bytes <= MAX_PAYLOAD_BYTES {
        return Ok(());
    }
    let cause = format!("{what} has {bytes} bytes, more than the {MAX_PAYLOAD_BYTES} that Step Functions allows");
    Err(Failure::new(DATA_LIMIT_EXCEEDED, cause))
}

/// The length of `value` as compact JSON.
pub(crate) fn json_bytes(value: &Value) -> usize {
    /// Counts and forgets.
    struct Counter(usize);

    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let mut counter = Counter(0);
    match serde_json::to_writer(&mut counter, value) {
        Ok(()) => counter.0,
        Err(_) => usize::MAX,
    }
}

//! Object records: the result of an object for later stages, and the marker of completed work.

use crate::pipeline::Summary;
use cardlake_aws::storage::ObjectMeta;
use cardlake_core::contract::Contract;
use cardlake_core::paths::BronzeKey;
use cardlake_core::records::{FORMAT_VERSION, ObjectRecord, QuarantineFile, SourceObject, TextBytes};
use sha2::{Digest, Sha256};

/// Version of the transformation. Increment it whenever the same object would yield different data files.
const TRANSFORM_VERSION: u32 = 3;

/// The rules applied to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RuleSet {
    /// Identifier of the rules.
    pub(crate) id: String,
    /// Days for which late rows are accepted; `None` if the dataset has no event time.
    pub(crate) late_window_days: Option<u32>,
}

impl RuleSet {
    /// Uses the requested late window, or the contract's, but not less than that of `before`, the record of an earlier attempt on
    /// the same content: a run never drops a row that was accepted before.
    ///
    /// `control` identifies the object's control totals: with others the object may be rejected, or no longer.
    pub(crate) fn new(
        contract: &Contract,
        requested: Option<u32>,
        before: Option<&ObjectRecord>,
        control: Option<&str>,
    ) -> Self {
        let late_window_days = contract.event_time.as_ref().and_then(|event_time| {
            let days = requested.unwrap_or(event_time.late_window_days);
            Some(days).max(before.and_then(|record| record.late_window_days))
        });
        let mut text = format!("{TRANSFORM_VERSION}\n{}\n{late_window_days:?}\n", contract.fingerprint);
        if let Some(control) = control {
            text.push_str(control);
        }
        Self {
            id: hex::encode(Sha256::digest(text.as_bytes())),
            late_window_days,
        }
    }
}

/// The source object.
fn source(meta: &ObjectMeta) -> SourceObject {
    SourceObject {
        key: meta.key.clone(),
        etag: meta.etag.clone(),
        size: meta.size,
        last_modified: meta.last_modified,
    }
}

/// Record of a transformed object.
pub(crate) fn transformed(key: &BronzeKey, meta: &ObjectMeta, rules: RuleSet, summary: Summary) -> ObjectRecord {
    let Summary {
        counts,
        text,
        files,
        drift,
        quarantine,
        ..
    } = summary;
    ObjectRecord {
        format_version: FORMAT_VERSION,
        dataset: key.dataset.clone(),
        ingest_date: key.ingest_date,
        source: source(meta),
        rules: rules.id,
        late_window_days: rules.late_window_days,
        counts,
        text: Some(text),
        files,
        drift,
        quarantine: (quarantine.rows > 0).then(|| QuarantineFile {
            key: key.quarantine(),
            reasons: quarantine.reasons,
        }),
        rejection: None,
    }
}

/// Record of a rejected object with so many bytes of text, if they are known.
pub(crate) fn rejected(
    key: &BronzeKey,
    meta: &ObjectMeta,
    rules: RuleSet,
    reason: String,
    bytes: Option<u64>,
) -> ObjectRecord {
    ObjectRecord {
        rejection: Some(reason),
        text: bytes.map(|read| TextBytes {
            read,
            ..TextBytes::default()
        }),
        ..transformed(key, meta, rules, Summary::default())
    }
}

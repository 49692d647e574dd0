//! The object record: what the transformer leaves for the stages behind it, and by which it knows its own work again.

use crate::pipeline::Summary;
use cardlake_aws::storage::ObjectMeta;
use cardlake_core::contract::Contract;
use cardlake_core::paths::BronzeKey;
use cardlake_core::records::{FORMAT_VERSION, ObjectRecord, QuarantineFile, SourceObject};
use sha2::{Digest, Sha256};

/// Version of what this crate makes of a row. It has to change whenever the same object would give other data files.
pub const TRANSFORM_VERSION: u32 = 1;

/// The rules that an object is transformed by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Identifies them.
    pub id: String,
    /// Days for which late rows are let in; none when the dataset knows no event time.
    pub late_window_days: Option<u32>,
}

impl Rules {
    /// With the late window as wanted, or as the contract has it, but no fewer days than in `before`, the record of an
    /// earlier attempt on the same object: a run never takes a row back.
    #[must_use]
    pub fn new(contract: &Contract, wanted: Option<u32>, before: Option<&ObjectRecord>) -> Self {
        let late_window_days = contract.event_time.as_ref().and_then(|event_time| {
            let days = wanted.unwrap_or(event_time.late_window_days);
            Some(days).max(before.and_then(|record| record.late_window_days))
        });
        let text = format!("{TRANSFORM_VERSION}\n{}\n{late_window_days:?}\n", contract.fingerprint);
        Self {
            id: hex::encode(Sha256::digest(text.as_bytes())),
            late_window_days,
        }
    }
}

/// The object as the record names it.
#[must_use]
pub fn source(meta: &ObjectMeta) -> SourceObject {
    SourceObject {
        key: meta.key.clone(),
        etag: meta.etag.clone(),
        size: meta.size,
        last_modified: meta.last_modified,
    }
}

/// The record of an object that was read.
#[must_use]
pub fn transformed(key: &BronzeKey, meta: &ObjectMeta, rules: Rules, summary: Summary) -> ObjectRecord {
    let Summary {
        counts,
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
        files,
        drift,
        quarantine: (quarantine.rows > 0).then(|| QuarantineFile {
            key: key.quarantine(),
            reasons: quarantine.reasons,
        }),
        rejection: None,
    }
}

/// The record of an object that cannot be read at all.
#[must_use]
pub fn rejected(key: &BronzeKey, meta: &ObjectMeta, rules: Rules, reason: String) -> ObjectRecord {
    ObjectRecord {
        rejection: Some(reason),
        ..transformed(key, meta, rules, Summary::default())
    }
}

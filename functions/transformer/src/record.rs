//! The object record: what the transformer leaves for the stages behind it, and by which it knows its own work again.

use crate::pipeline::Summary;
use cardlake_shared::contract::Contract;
use cardlake_shared::paths::BronzeKey;
use cardlake_shared::records::{FORMAT_VERSION, ObjectRecord, QuarantineFile, SourceObject};
use cardlake_shared::storage::ObjectMeta;
use sha2::{Digest, Sha256};

/// Version of what this crate makes of a row. It has to change whenever the same object would give other data files.
pub const TRANSFORM_VERSION: u32 = 1;

/// Identifies the rules that an object is transformed by.
#[must_use]
pub fn rules(contract: &Contract, late_window_days: Option<u32>) -> String {
    let window = contract
        .event_time
        .as_ref()
        .map(|event_time| late_window_days.unwrap_or(event_time.late_window_days));
    let text = format!("{TRANSFORM_VERSION}\n{}\n{window:?}\n", contract.fingerprint);
    hex::encode(Sha256::digest(text.as_bytes()))
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
pub fn transformed(key: &BronzeKey, meta: &ObjectMeta, rules: String, summary: Summary) -> ObjectRecord {
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
        rules,
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
pub fn rejected(key: &BronzeKey, meta: &ObjectMeta, rules: String, reason: String) -> ObjectRecord {
    ObjectRecord {
        rejection: Some(reason),
        ..transformed(key, meta, rules, Summary::default())
    }
}

//! How much one object may ask for, whatever its sender wrote into it.

use super::model::ContractError;
use super::odcs::SchemaObject;
use super::place::{Place, custom};

/// Limits on one bronze object. One that passes the limit of its columns, its expansion or its quarantine is rejected; a record
/// that passes the limit of records is quarantined alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectLimits {
    /// Largest number of columns of a CSV header or a Parquet file (`maxColumns`).
    pub max_columns: u32,
    /// Largest number of bytes of a record (`maxRecordBytes`).
    pub max_record_bytes: u32,
    /// Bytes of text that a byte of the object may become (`maxExpansion`). See [`ObjectLimits::text_bytes`].
    pub max_expansion: u32,
    /// Largest number of bytes of the quarantine of an object (`maxQuarantineBytes`).
    pub max_quarantine_bytes: u64,
}

/// Bytes of text that any object may have: what is small does no harm, however well it is compressed.
const ALWAYS_ALLOWED_BYTES: u64 = 64 << 20;

impl Default for ObjectLimits {
    /// Redshift has 1,600 columns at most; transactions compress to a tenth, and repeated ones to a fiftieth.
    fn default() -> Self {
        Self {
            max_columns: 2_000,
            max_record_bytes: 10 << 20,
            max_expansion: 200,
            max_quarantine_bytes: 1 << 30,
        }
    }
}

impl ObjectLimits {
    /// Largest number of bytes of text of an object of `size` bytes: 64 MiB, or its size times the expansion.
    #[must_use]
    pub fn text_bytes(&self, size: u64) -> u64 {
        size.saturating_mul(self.max_expansion.into()).max(ALWAYS_ALLOWED_BYTES)
    }
}

/// The limits of a table.
pub(super) fn object_limits(place: &Place<'_>, table: &SchemaObject) -> Result<ObjectLimits, ContractError> {
    let mut limits = ObjectLimits::default();
    let Some(value) = custom(&table.custom_properties, "limits") else {
        return Ok(limits);
    };
    let fields = value.as_object().ok_or_else(|| {
        let problem = format!("'{value}' is not a map, e.g. {{maxExpansion: 500}}");
        place.wrong("limits", problem)
    })?;
    for (name, value) in fields {
        let place_of = format!("limits.{name}");
        let within = |least: u64, most: u64| {
            let number = value.as_u64().filter(|number| (least..=most).contains(number));
            number.ok_or_else(|| place.wrong(&place_of, format!("{value} is not a number from {least} to {most}")))
        };
        // The bounds are within 32 bits, so that no number is cut.
        match name.as_str() {
            "maxColumns" => limits.max_columns = within(1, 10_000)? as u32,
            // Records are told apart in blocks of a mebibyte, some of which are held at once.
            "maxRecordBytes" => limits.max_record_bytes = within(1 << 20, 64 << 20)? as u32,
            "maxExpansion" => limits.max_expansion = within(1, 1_000_000)? as u32,
            "maxQuarantineBytes" => limits.max_quarantine_bytes = within(1 << 20, 1 << 40)?,
            _ => {
                let allowed = "maxColumns, maxRecordBytes, maxExpansion, maxQuarantineBytes";
                return Err(place.wrong(&place_of, format!("is unknown: allowed are {allowed}")));
            }
        }
    }
    Ok(limits)
}

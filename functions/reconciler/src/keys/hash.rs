//! Hashes of keys, for the key filters. They are stored, so what they are made of must stay the same.

use super::{KeyColumns, KeyEncoding, KeyReader, parse_uuid};
use crate::error::ReconcilerError;
use crate::remote::RemoteFile;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

/// Bits of a hash. Among 1,000 million keys and 3 million new ones, about ten are taken for one another in vain.
pub(crate) const HASH_BITS: u32 = 48;

impl KeyColumns {
    /// What the hashes are made of; hashes of different descriptions do not compare.
    pub(crate) fn description(&self) -> String {
        let encoding = match self.encoding {
            KeyEncoding::Uuid => "uuid",
            KeyEncoding::Text => "text",
            KeyEncoding::Rows => "texts",
        };
        format!("xxh3-{HASH_BITS} {encoding} {}", self.names.join(","))
    }
}

/// Calls `visit` with the hashes of a file's keys, in the order of its rows, a batch at a time. Blocks; to be called in a tokio
/// runtime.
///
/// # Errors
/// The file cannot be read, or its keys are not what the contract says; or the error of `visit`.
pub(crate) fn hashes(
    file: &RemoteFile,
    columns: &KeyColumns,
    buffer_bytes: u64,
    mut visit: impl FnMut(&[u64]) -> Result<(), ReconcilerError>,
) -> Result<(), ReconcilerError> {
    let mut reader = KeyReader::open(file, columns, buffer_bytes, false)?;
    let mut batch = Vec::new();
    while let Some(arrays) = reader.next_arrays()? {
        batch.clear();
        match columns.encoding {
            KeyEncoding::Uuid => {
                for text in reader.texts(&arrays[0])? {
                    let number = text.and_then(|text| parse_uuid(text.as_bytes()));
                    let number = number.ok_or_else(|| file.corrupt("a key is not a UUID in lower case".to_owned()))?;
                    batch.push(xxh3_64(&number.to_be_bytes()));
                }
            }
            KeyEncoding::Text => {
                let texts = reader.texts(&arrays[0])?;
                batch.extend((0..texts.len()).map(|row| xxh3_64(texts.value(row).as_bytes())));
            }
            KeyEncoding::Rows => hash_rows(file, &arrays, &mut batch)?,
        }
        for hash in &mut batch {
            *hash >>= u64::BITS - HASH_BITS;
        }
        visit(&batch)?;
    }
    Ok(())
}

/// Of several columns: their texts with their lengths, since Arrow's row format may change.
fn hash_rows(file: &RemoteFile, arrays: &[ArrayRef], hashes: &mut Vec<u64>) -> Result<(), ReconcilerError> {
    let texts = arrays.iter().map(|array| cast(array, &DataType::Utf8));
    let texts: Vec<ArrayRef> = texts
        .collect::<Result<_, _>>()
        .map_err(|error| file.corrupt(format!("the key cannot be compared: {error}")))?;
    for row in 0..texts.first().map_or(0, Array::len) {
        let mut hash = Xxh3Default::new();
        for column in &texts {
            let text = column.as_string::<i32>().value(row);
            hash.update(&(text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        }
        hashes.push(hash.digest());
    }
    Ok(())
}

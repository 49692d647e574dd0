//! Format of a file: by its name, or by its first bytes if the name does not tell.

use cardlake_core::events::{Compression, FileFormat};

/// Format of a bronze file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputFormat {
    /// Comma-separated values, in the dialect of the contract.
    Csv,
    /// JSON objects: one in each line, one after the other, or in an array.
    Json,
    /// Apache Parquet.
    Parquet,
    /// Whichever of these the content is.
    Detected,
}

impl From<FileFormat> for InputFormat {
    fn from(format: FileFormat) -> Self {
        match format {
            FileFormat::Csv => Self::Csv,
            FileFormat::Jsonl => Self::Json,
        }
    }
}

/// First bytes of a Parquet file.
pub(crate) const PARQUET_MAGIC: &[u8] = b"PAR1";

/// Format and compression of an object by its name, in any case; `None` for other extensions. A name without an extension, or
/// with `.txt`, leaves the format to the content.
#[must_use]
pub fn format_of(name: &str) -> Option<(InputFormat, Compression)> {
    let lower = name.to_ascii_lowercase();
    let (stem, compression) = match lower.rsplit_once('.') {
        Some((stem, "gz")) => (stem, Compression::Gz),
        Some((stem, "zst")) => (stem, Compression::Zst),
        _ => (lower.as_str(), Compression::None),
    };
    let file = stem.rsplit('/').next().unwrap_or(stem);
    let format = match file.rsplit_once('.') {
        Some((_, "csv")) => InputFormat::Csv,
        Some((_, "json" | "jsonl" | "ndjson")) => InputFormat::Json,
        Some((_, "parquet")) => InputFormat::Parquet,
        Some((_, "txt")) => InputFormat::Detected,
        Some(_) => return None,
        // By convention, such names are not data.
        None if file.is_empty() || file.starts_with('_') => return None,
        None => InputFormat::Detected,
    };
    Some((format, compression))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_determine_format_and_compression() {
        for (name, format, compression) in [
            ("a/b.csv", InputFormat::Csv, Compression::None),
            ("B.CSV", InputFormat::Csv, Compression::None),
            ("b.jsonl.gz", InputFormat::Json, Compression::Gz),
            ("b.json", InputFormat::Json, Compression::None),
            ("b.ndjson", InputFormat::Json, Compression::None),
            ("b.csv.zst", InputFormat::Csv, Compression::Zst),
            ("part-0.parquet", InputFormat::Parquet, Compression::None),
            ("v1.2/part-0", InputFormat::Detected, Compression::None),
            ("part-0.gz", InputFormat::Detected, Compression::Gz),
            ("b.txt", InputFormat::Detected, Compression::None),
        ] {
            assert_eq!(format_of(name), Some((format, compression)), "{name}");
        }
        for name in [
            "b.xml",
            "b.csv.bz2",
            "b.csv.md5",
            "_SUCCESS",
            "a/",
            ".csv.crc",
            "b.csv.zip",
        ] {
            assert_eq!(format_of(name), None, "{name}");
        }
    }
}

//! What an object of the bronze bucket is: input of a dataset, a file beside the data, or unknown.
//!
//! Decided from the key and the contracts alone, and only here: plan, transformer, reconciler and `cardlake run --input` all
//! call [`classify`] or [`file_kind`], so that no stage waits for an object that another one leaves out. An object that is
//! not read is named in the run, with its reason.
//!
//! | name | what it is |
//! |---|---|
//! | `*.csv`, `*.jsonl`, `*.ndjson`, `*.json`, `*.parquet` in any case, also `.gz`, `.zst` | input |
//! | no extension (`part-00000`), `*.txt`, also `.gz`, `.zst` | input; its content tells the format |
//! | `<object>.control.json` | control totals of an object |
//! | a part begins with `_` or `.` (`_SUCCESS`, `_temporary/x.csv`) | hidden, left out |
//! | `*.md5`, `*.sha256`, …, `manifest.json`, `*.manifest`, `*.done`, … | sidecar or marker, left out |
//! | `*.tmp`, `*.part`, `*.inprogress`, … | unfinished upload, left out |
//! | anything else | unknown, left out, and a warning of the run |

use crate::contract::{Contract, Contracts};
use crate::events::{Compression, FileFormat};
use crate::paths::BronzeKey;
use std::sync::Arc;

/// End of the name of a file with the control totals of the object before it.
pub const CONTROL_SUFFIX: &str = ".control.json";

/// Reason of a path that writers hide from readers by convention.
const HIDDEN: &str = "a hidden or staging path: a part begins with '_' or '.'";

/// Extensions of checksums and signatures of other files.
const CHECKSUMS: [&str; 10] = [
    "md5", "md5sum", "sha1", "sha256", "sha512", "crc", "crc32", "crc32c", "sig", "asc",
];
/// Extensions of files that say that other files are complete.
const MARKERS: [&str; 9] = [
    "done", "ok", "ready", "complete", "success", "trigger", "trg", "flag", "eof",
];
/// Extensions of uploads that are not finished.
const UNFINISHED: [&str; 8] = [
    "tmp",
    "temp",
    "part",
    "partial",
    "filepart",
    "inprogress",
    "crdownload",
    "swp",
];

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
pub const PARQUET_MAGIC: &[u8] = b"PAR1";
/// First bytes of an Avro file.
pub const AVRO_MAGIC: &[u8] = b"Obj\x01";

/// How to read an input; what the name leaves open, the content decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding {
    /// Format.
    pub format: InputFormat,
    /// Compression; `None` for a name without an extension.
    pub compression: Option<Compression>,
}

/// What a file is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// Rows of a dataset.
    Input(Encoding),
    /// Control totals of another object.
    Control,
    /// Not data by convention; the reason completes "it is …".
    Ignored(&'static str),
    /// Nothing is known about it; the reason completes "it is …".
    Unknown(&'static str),
}

/// What an object of the bronze bucket is.
#[derive(Debug, Clone)]
pub enum BronzeObject<'c> {
    /// Rows of a dataset with a contract.
    Input {
        /// Parts of its key.
        key: BronzeKey,
        /// The contract of its dataset.
        contract: &'c Arc<Contract>,
        /// How to read it.
        encoding: Encoding,
    },
    /// Control totals of the object with this key, which the contract asks for.
    Control(BronzeKey),
    /// Not input; the reason is a noun phrase.
    NotInput {
        /// Why it is not read.
        reason: &'static str,
        /// Whether it may be data that somebody expects to be read: a warning of the run.
        suspicious: bool,
    },
}

/// What the object with this key is.
#[must_use]
pub fn classify<'c>(key: &str, contracts: &'c Contracts) -> BronzeObject<'c> {
    let not_input = |reason, suspicious| BronzeObject::NotInput { reason, suspicious };
    if key.ends_with('/') {
        return not_input("a folder marker", false);
    }
    if let FileKind::Ignored(reason) = file_kind(key) {
        return not_input(reason, false);
    }
    let Some((dataset, _)) = key.split_once('/') else {
        return not_input(
            "an object outside of every folder <dataset>/ingest_date=YYYY-MM-DD",
            true,
        );
    };
    let Ok(contract) = contracts.get(dataset) else {
        return not_input("an object of a dataset without a contract", true);
    };
    let Some(key) = BronzeKey::parse(key) else {
        return not_input(
            "an object outside of the folders ingest_date=YYYY-MM-DD of its dataset",
            true,
        );
    };
    match file_kind(&key.name) {
        FileKind::Input(encoding) => BronzeObject::Input {
            key,
            contract,
            encoding,
        },
        FileKind::Control if contract.control_totals.is_some() => BronzeObject::Control(BronzeKey {
            name: key.name[..key.name.len() - CONTROL_SUFFIX.len()].to_owned(),
            ..key
        }),
        FileKind::Control => not_input("a file of control totals, which the contract does not ask for", false),
        FileKind::Ignored(reason) => not_input(reason, false),
        FileKind::Unknown(reason) => not_input(reason, true),
    }
}

/// Whether a folder, a key that ends in `/`, is that of a day of some dataset.
#[must_use]
pub fn is_day_folder(folder: &str) -> bool {
    folder.matches('/').count() == 2 && BronzeKey::parse(&format!("{folder}x")).is_some()
}

/// The reason that nothing in this folder, a key that ends in `/`, is read, if its name alone tells.
#[must_use]
pub fn hidden_folder(folder: &str) -> Option<&'static str> {
    match file_kind(folder.trim_end_matches('/')) {
        FileKind::Ignored(HIDDEN) => Some(HIDDEN),
        _ => None,
    }
}

/// What a file is, by its path below the folder of a dataset and day, or below an input folder.
#[must_use]
pub fn file_kind(path: &str) -> FileKind {
    if path.split('/').any(|part| part.starts_with(['_', '.'])) {
        return FileKind::Ignored(HIDDEN);
    }
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    if name.ends_with("_$folder$") {
        return FileKind::Ignored("a folder marker");
    }
    if name.ends_with(CONTROL_SUFFIX) {
        return FileKind::Control;
    }
    if name == "manifest.json" || name.ends_with(".manifest.json") {
        return FileKind::Ignored("a manifest of other files");
    }
    if let Some((format, compression)) = format_of(&name) {
        return FileKind::Input(Encoding {
            format,
            compression: Some(compression),
        });
    }
    let (stem, compression) = compression_of(&name);
    match stem.rsplit_once('.').map(|(_, extension)| extension) {
        None => FileKind::Input(Encoding {
            format: InputFormat::Detected,
            compression,
        }),
        Some("manifest") => FileKind::Ignored("a manifest of other files"),
        Some(extension) if CHECKSUMS.contains(&extension) => FileKind::Ignored("a checksum or signature of a file"),
        Some(extension) if MARKERS.contains(&extension) => FileKind::Ignored("a marker of a finished delivery"),
        Some(extension) if UNFINISHED.contains(&extension) => FileKind::Ignored("an unfinished upload"),
        Some("avro") => FileKind::Unknown("an Avro file, which is not read: deliver Parquet, JSON lines or CSV"),
        Some(_) => FileKind::Unknown(
            "a file of another type than .csv, .jsonl, .ndjson, .json, .parquet and .txt, with or without .gz or .zst",
        ),
    }
}

/// Format and compression by the end of a name, in any case; `None` if the name does not tell the format.
#[must_use]
pub fn format_of(name: &str) -> Option<(InputFormat, Compression)> {
    let name = name.to_ascii_lowercase();
    let (stem, compression) = compression_of(&name);
    let format = match stem.rsplit_once('.')?.1 {
        "csv" => InputFormat::Csv,
        "jsonl" | "ndjson" | "json" => InputFormat::Json,
        "parquet" => InputFormat::Parquet,
        "txt" => InputFormat::Detected,
        _ => return None,
    };
    // A name with a format and nothing more is not compressed.
    Some((format, compression.unwrap_or(Compression::None)))
}

/// A name in lower case without the extension of its compression, and that compression.
fn compression_of(name: &str) -> (&str, Option<Compression>) {
    if let Some(stem) = name.strip_suffix(".gz") {
        (stem, Some(Compression::Gz))
    } else if let Some(stem) = name.strip_suffix(".zst") {
        (stem, Some(Compression::Zst))
    } else {
        (name, None)
    }
}

/// Compression by the first bytes of an object.
#[must_use]
pub fn compression_of_content(start: &[u8]) -> Compression {
    if start.starts_with(&[0x1f, 0x8b]) {
        Compression::Gz
    } else if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        Compression::Zst
    } else {
        Compression::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_determine_format_and_compression() {
        for (name, expected) in [
            ("a/b.csv", (InputFormat::Csv, Compression::None)),
            ("b.CSV", (InputFormat::Csv, Compression::None)),
            ("b.Csv.GZ", (InputFormat::Csv, Compression::Gz)),
            ("b.jsonl.gz", (InputFormat::Json, Compression::Gz)),
            ("b.ndjson", (InputFormat::Json, Compression::None)),
            ("b.json.zst", (InputFormat::Json, Compression::Zst)),
            ("b.csv.zst", (InputFormat::Csv, Compression::Zst)),
            ("part-0.parquet", (InputFormat::Parquet, Compression::None)),
            ("b.txt", (InputFormat::Detected, Compression::None)),
        ] {
            assert_eq!(format_of(name), Some(expected), "{name}");
        }
        for name in ["b.xml", "b.gz", "csv", "b.csv.bz2", "_SUCCESS"] {
            assert_eq!(format_of(name), None, "{name}");
        }
    }

    #[test]
    fn markers_sidecars_and_staging_paths_are_ignored() {
        for name in [
            "_SUCCESS",
            "_temporary/0/part-0.csv",
            "x/_committed_1",
            ".staging/x.csv",
            ".x.csv.crc",
            "x.csv.md5",
            "x.csv.SHA256",
            "manifest.json",
            "x.manifest",
            "x.manifest.json",
            "x.csv.done",
            "x.csv.tmp",
            "sub_$folder$",
        ] {
            assert!(matches!(file_kind(name), FileKind::Ignored(_)), "{name}");
        }
        assert_eq!(file_kind("a/x.csv.gz.control.json"), FileKind::Control);
    }

    #[test]
    fn a_day_is_a_folder_of_a_dataset() {
        assert!(is_day_folder("cards/ingest_date=2026-01-15/"));
        for folder in [
            "cards/ingest_date=2026-1-15/",
            "cards/ingest-date=2026-01-15/",
            "cards/2026-01-15/",
            "ingest_date=2026-01-15/",
            "cards/ingest_date=2026-01-15/x/",
        ] {
            assert!(!is_day_folder(folder), "{folder}");
        }
        assert!(hidden_folder("cards/_staging/").is_some() && hidden_folder("cards/ingest_date=x/").is_none());
    }

    #[test]
    fn other_files_are_unknown() {
        assert!(matches!(file_kind("x.AVRO"), FileKind::Unknown(reason) if reason.starts_with("an Avro file")));
        for name in ["x.xlsx", "x.csv.zip", "x.csv.bz2", "x.csv (1)", "x.csv.1", "x.json.bak"] {
            assert!(matches!(file_kind(name), FileKind::Unknown(_)), "{name}");
        }
    }

    #[test]
    fn files_without_an_extension_are_told_by_their_content() {
        let open = |compression| {
            FileKind::Input(Encoding {
                format: InputFormat::Detected,
                compression,
            })
        };
        assert_eq!(file_kind("stream-1-2026-01-15-00-00-00"), open(None));
        assert_eq!(file_kind("stream-1.gz"), open(Some(Compression::Gz)));
        assert_eq!(compression_of_content(&[0x1f, 0x8b, 8]), Compression::Gz);
        assert_eq!(compression_of_content(b"\x28\xb5\x2f\xfdx"), Compression::Zst);
        assert_eq!(compression_of_content(b"a,b"), Compression::None);
    }
}

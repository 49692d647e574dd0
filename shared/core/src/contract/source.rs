//! How the files of a dataset are written: dialect, encoding, spellings of null, time.

use chrono_tz::Tz;

/// Dialect of the dataset's CSV files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CsvDialect {
    /// Separates fields.
    pub delimiter: u8,
    /// Encloses fields that hold delimiters, quotes or line ends; doubled inside.
    pub quote: u8,
    /// Takes the meaning from a following quote, delimiter, line end or escape.
    pub escape: Option<u8>,
    /// Begins a line that is no row.
    pub comment: Option<u8>,
    /// Lines before the header.
    pub skip_rows: u32,
}

impl Default for CsvDialect {
    /// RFC 4180.
    fn default() -> Self {
        Self {
            delimiter: b',',
            quote: b'"',
            escape: None,
            comment: None,
            skip_rows: 0,
        }
    }
}

/// Encoding of the dataset's text files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TextEncoding {
    /// UTF-8.
    #[default]
    Utf8,
    /// UTF-16 with the low byte first.
    Utf16Le,
    /// UTF-16 with the high byte first.
    Utf16Be,
    /// Windows-1252, which contains ISO 8859-1 (Latin-1).
    Windows1252,
    /// CP949 (Unified Hangul Code), which contains EUC-KR.
    Cp949,
}

impl TextEncoding {
    /// Names in contracts.
    pub(super) const NAMES: [(&'static str, Self); 9] = [
        ("utf-8", Self::Utf8),
        ("utf-16", Self::Utf16Le),
        ("utf-16le", Self::Utf16Le),
        ("utf-16be", Self::Utf16Be),
        ("iso-8859-1", Self::Windows1252),
        ("latin-1", Self::Windows1252),
        ("windows-1252", Self::Windows1252),
        ("cp949", Self::Cp949),
        ("euc-kr", Self::Cp949),
    ];
}

/// How the values of a timestamp column are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TimestampFormat {
    /// `YYYY-MM-DD HH:MM[:SS[.f]]`, with or without an offset.
    #[default]
    Iso,
    /// Seconds since 1970-01-01 UTC.
    EpochSeconds,
    /// Milliseconds since 1970-01-01 UTC.
    EpochMillis,
}

impl TimestampFormat {
    /// Names in contracts.
    pub(super) const NAMES: [(&'static str, Self); 3] = [
        ("iso", Self::Iso),
        ("epoch_seconds", Self::EpochSeconds),
        ("epoch_millis", Self::EpochMillis),
    ];
}

/// How the files of a dataset are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SourceFormat {
    /// Dialect of CSV files.
    pub csv: CsvDialect,
    /// Encoding of text files without a byte order mark.
    pub encoding: TextEncoding,
    /// Zone of times without an offset, and of the days of event times; `None` is UTC.
    pub time_zone: Option<Tz>,
}

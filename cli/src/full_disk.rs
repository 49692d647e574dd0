//! A disk without room: how it shows, whoever meets it, and what a person is told.
//!
//! The S3 server, DuckDB and the stages each meet it in their own way, and by the time that it reaches the command it is
//! a text. The words of the operating system are in all of them, and that is what is looked for.

use crate::error::CliError;
use std::io;
use std::path::{Path, PathBuf};

/// What a day of a million rows takes, raw files, tables and warehouse together.
pub(crate) const SPACE_OF_A_DAY: &str = "a day of a million rows takes about 1 GB";

/// What the operating system says, and DuckDB of its temporary files.
const SIGNS: [&str; 4] = [
    "No space left on device",
    "Disk quota exceeded",
    TOO_LARGE,
    "max_temp_directory_size",
];
/// A limit of the file system or of the shell: for whoever writes no better than a full disk.
const TOO_LARGE: &str = "File too large";
/// As the stages speak of the folder of their temporary files.
const TEMPORARY: &str = "temporary disk";

/// Whether a file could not be written for lack of room.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// Whether a message tells of a lack of room.
pub(crate) fn is_told(message: &str) -> bool {
    SIGNS.iter().any(|sign| message.contains(sign))
}

/// Free space for people.
pub(crate) fn free_space(folder: &Path) -> io::Result<String> {
    let bytes = fs4::available_space(folder)? as f64;
    Ok(if bytes < 1e9 {
        format!("{:.1} MB free", bytes / 1e6)
    } else {
        format!("{:.1} GB free", bytes / 1e9)
    })
}

/// The error as it is, or, when a lack of room is behind it, with what to do about that.
pub(crate) fn explained(error: CliError, data_dir: Option<&Path>) -> CliError {
    let message = error.message();
    if !is_told(message) {
        return error;
    }
    let (place, advice) = if message.contains(TOO_LARGE) {
        let advice = "the file system or `ulimit -f` limits the size of a file: name a folder without that limit";
        ("a file gets too large".to_owned(), advice.to_owned())
    } else if message.contains(TEMPORARY) {
        let place = format!("no room is left in {}", told(&std::env::temp_dir()));
        (
            place,
            "make some, or set TMPDIR to a folder on a larger disk".to_owned(),
        )
    } else if let Some(folder) = data_dir.filter(|folder| names(message, folder)) {
        let place = format!("no room is left in {}", told(folder));
        let advice =
            format!("make some, or move the folder to a larger disk and name it with --data-dir; {SPACE_OF_A_DAY}");
        (place, advice)
    } else {
        let advice = "make some, or name a folder on a larger disk".to_owned();
        ("no room is left".to_owned(), advice)
    };
    error.because(&place).hint(format!(
        "{advice}; then run the same command again, it goes on from there"
    ))
}

/// The folder, and how much it has left.
fn told(folder: &Path) -> String {
    let free = free_space(folder).map(|free| format!(" ({free})"));
    format!("{}{}", folder.display(), free.unwrap_or_default())
}

/// Whether the message speaks of something in the folder, in whichever way its path is written.
fn names(message: &str, folder: &Path) -> bool {
    let written = [
        Ok(folder.to_owned()),
        std::path::absolute(folder),
        folder.canonicalize(),
    ];
    let is_in = |path: &PathBuf| message.contains(&*path.to_string_lossy());
    written.iter().flatten().any(is_in)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told_of(message: &str, data_dir: &str) -> String {
        explained(CliError::failed(message), Some(Path::new(data_dir))).to_string()
    }

    #[test]
    fn the_kinds_of_the_system_and_their_words_are_the_same() {
        // ENOSPC, EFBIG and EDQUOT as Linux numbers them.
        for number in [28, 27, 122] {
            let error = io::Error::from_raw_os_error(number);
            assert!(is_full(&error) && is_told(&error.to_string()), "{error}");
        }
        let denied = io::Error::from_raw_os_error(13);
        assert!(!is_full(&denied) && !is_told(&denied.to_string()));
    }

    #[test]
    fn whoever_has_no_room_is_told_where_and_what_to_do() {
        let data = told_of(
            "cannot write /tmp/a.part: No space left on device (os error 28)",
            "/tmp",
        );
        assert!(data.starts_with("error: no room is left in /tmp ("), "{data}");
        assert!(data.contains("B free): cannot write /tmp/a.part"), "{data}");
        assert!(data.contains("--data-dir"), "{data}");
        let temporary = told_of("the temporary disk fails or is full: No space left on device", "/tmp");
        assert!(
            temporary.contains("TMPDIR") && !temporary.contains("--data-dir"),
            "{temporary}"
        );
        let elsewhere = told_of("cannot write /other/report.html: No space left on device", "/tmp");
        assert!(!elsewhere.contains("--data-dir"), "{elsewhere}");
        let limited = told_of("cannot write /tmp/a.part: File too large (os error 27)", "/tmp");
        assert!(limited.contains("ulimit -f"), "{limited}");
        assert_eq!(told_of("no such table", "/tmp"), "error: no such table");
    }
}

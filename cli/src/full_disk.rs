//! Explains failures for lack of disk space: where there is none, and what to do.

use crate::error::CliError;
use crate::shortage::Place;
use cardlake_loopback::NoSpace;
use std::io;
use std::path::Path;

/// Disk usage of a day of a million rows: raw files, tables and warehouse together.
pub(crate) const SPACE_OF_A_DAY: &str = "a day of a million rows takes about 1 GB";

/// Free space, human-readable.
pub(crate) fn free_space(folder: &Path) -> io::Result<String> {
    let bytes = fs4::available_space(folder)? as f64;
    Ok(if bytes < 1e9 {
        format!("{:.1} MB free", bytes / 1e6)
    } else {
        format!("{:.1} GB free", bytes / 1e9)
    })
}

/// The error with its cause and a hint if a lack of space is behind it; otherwise unchanged.
pub(crate) fn explained(error: CliError, data_dir: Option<&Path>) -> CliError {
    let Some(shortage) = error.shortage() else {
        return error;
    };
    let (place, advice) = match (&shortage.reason, &shortage.place) {
        (NoSpace::FileTooLarge, _) => {
            let advice = "the file system or `ulimit -f` limits the size of a file: name a folder without that limit";
            ("a file gets too large".to_owned(), advice.to_owned())
        }
        (NoSpace::DiskFull, Place::Temporary) => {
            let place = format!("no room is left in {}", with_free_space(&std::env::temp_dir()));
            (
                place,
                "make some, or set TMPDIR to a folder on a larger disk".to_owned(),
            )
        }
        (NoSpace::DiskFull, Place::Path(path)) if data_dir.is_some_and(|folder| is_below(path, folder)) => {
            let place = format!(
                "no room is left in {}",
                data_dir.map(with_free_space).unwrap_or_default()
            );
            let advice =
                format!("make some, or move the folder to a larger disk and name it with --data-dir; {SPACE_OF_A_DAY}");
            (place, advice)
        }
        (NoSpace::DiskFull, Place::Path(_) | Place::Unknown) => {
            let advice = "make some, or name a folder on a larger disk".to_owned();
            ("no room is left".to_owned(), advice)
        }
    };
    error.because(&place).hint(format!(
        "{advice}; then run the same command again, it goes on from there"
    ))
}

/// The folder and its free space.
fn with_free_space(folder: &Path) -> String {
    let free = free_space(folder).map(|free| format!(" ({free})"));
    format!("{}{}", folder.display(), free.unwrap_or_default())
}

/// Whether a path is the folder or below it, however both are written.
fn is_below(path: &Path, folder: &Path) -> bool {
    let absolute = |path: &Path| {
        let existing = path
            .ancestors()
            .find_map(|part| Some((part, part.canonicalize().ok()?)));
        match existing {
            Some((part, canonical)) => path.strip_prefix(part).map(|rest| canonical.join(rest)).ok(),
            None => std::path::absolute(path).ok(),
        }
        .unwrap_or_else(|| path.to_owned())
    };
    absolute(path).starts_with(absolute(folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shortage::Shortage;

    /// The message of a failure with this place and error number.
    fn message(place: Place, number: i32) -> String {
        let error = CliError::caused("write /tmp/a.part", &io::Error::from_raw_os_error(number));
        let error = match place {
            Place::Path(path) => error.writing(&path),
            Place::Temporary => CliError::failed("a stage failed").short_of_space(Some(Shortage {
                reason: NoSpace::DiskFull,
                place,
            })),
            Place::Unknown => error,
        };
        explained(error, Some(Path::new("/tmp"))).to_string()
    }

    #[test]
    fn the_message_names_the_place_and_the_remedy() {
        const FULL: i32 = 28;
        const TOO_LARGE: i32 = 27;
        const DENIED: i32 = 13;
        for path in ["/tmp", "/tmp/a.part", "/tmp/not/yet"] {
            let data = message(Place::Path(path.into()), FULL);
            assert!(data.starts_with("error: no room is left in /tmp ("), "{data}");
            assert!(data.contains("B free): cannot write /tmp/a.part"), "{data}");
            assert!(data.contains("--data-dir"), "{data}");
        }
        let temporary = message(Place::Temporary, FULL);
        assert!(
            temporary.contains("TMPDIR") && !temporary.contains("--data-dir"),
            "{temporary}"
        );
        for elsewhere in [Place::Path("/other/report.html".into()), Place::Unknown] {
            let elsewhere = message(elsewhere, FULL);
            assert!(
                elsewhere.starts_with("error: no room is left: cannot write"),
                "{elsewhere}"
            );
            assert!(!elsewhere.contains("--data-dir"), "{elsewhere}");
        }
        let limited = message(Place::Path("/tmp".into()), TOO_LARGE);
        assert!(limited.contains("ulimit -f"), "{limited}");
        let denied = message(Place::Path("/tmp".into()), DENIED);
        assert!(denied.starts_with("error: cannot write"), "{denied}");
    }
}

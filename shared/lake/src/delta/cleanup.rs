//! Cleanup of the log: which of its files no reader needs any more. No I/O.

use std::collections::BTreeSet;

/// Of the files of a log (names in the folder, and whether they are older than the retention), those that only versions before the
/// retention need.
///
/// The newest checkpoint before the retention stays, with all that follows it: every version that was the newest one within the
/// retention can be read from it. Without such a checkpoint all files stay. So do files of unknown names.
#[must_use]
pub fn obsolete_log_files<'n>(files: &[(&'n str, bool)]) -> Vec<&'n str> {
    let checkpoints: BTreeSet<u64> = files
        .iter()
        .filter(|(_, is_past)| *is_past)
        .filter_map(|(name, _)| version_of(name, |rest| rest == ".checkpoint.parquet"))
        .collect();
    let Some(last) = checkpoints.last() else {
        return Vec::new();
    };
    let is_known = |rest: &str| {
        let is_checkpoint = rest.starts_with(".checkpoint.") && rest.ends_with(".parquet");
        is_checkpoint || matches!(rest, ".json" | ".crc")
    };
    let is_obsolete = |name: &str| version_of(name, is_known).is_some_and(|version| version < *last);
    let obsolete = files.iter().filter(|(name, is_past)| *is_past && is_obsolete(name));
    obsolete.map(|(name, _)| *name).collect()
}

/// The version that a name begins with, if what follows it is as wanted.
fn version_of(name: &str, is_wanted: impl Fn(&str) -> bool) -> Option<u64> {
    let (version, rest) = name.split_at_checked(20)?;
    let is_number = version.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && is_wanted(rest)).then(|| version.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(version: u64) -> String {
        format!("{version:020}.json")
    }

    fn checkpoint(version: u64) -> String {
        format!("{version:020}.checkpoint.parquet")
    }

    #[test]
    fn what_follows_the_last_old_checkpoint_stays() {
        let names: Vec<(String, bool)> = (0..30)
            .map(|version| (commit(version), version < 25))
            .chain([(checkpoint(9), true), (checkpoint(19), true), (checkpoint(29), false)])
            .chain([("_last_checkpoint".to_owned(), true), ("notes.json".to_owned(), true)])
            .chain([(format!("{:020}.crc", 7), true), (format!("{:020}.tmp", 7), true)])
            .collect();
        let files: Vec<(&str, bool)> = names.iter().map(|(name, is_past)| (name.as_str(), *is_past)).collect();
        let mut expected: Vec<String> = (0..19).map(commit).collect();
        expected.extend([checkpoint(9), format!("{:020}.crc", 7)]);
        assert_eq!(obsolete_log_files(&files), expected);
    }

    #[test]
    fn a_log_without_an_old_checkpoint_stays_whole() {
        let names: Vec<String> = (0..30).map(commit).chain([checkpoint(29)]).collect();
        let files: Vec<(&str, bool)> = names.iter().map(|name| (name.as_str(), !name.contains("29"))).collect();
        assert!(obsolete_log_files(&files).is_empty());
    }
}

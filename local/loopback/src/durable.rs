//! What survives a power cut: contents are on the disk before a name points to them, and names before anybody is told.
//!
//! A file system may write a rename to the disk before the data of the renamed file, and keeps both in memory for seconds. So
//! the order is: write aside, sync the file, rename, sync the folder. Files and folders are for their owner alone.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Puts the names in a folder on the disk: files that were created, renamed, linked or removed there.
///
/// # Errors
/// The folder is gone, or the disk does not take it.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(or_here(folder))?.sync_all()
}

/// Creates a folder and those above it that are missing, for the owner alone (mode 0700), and puts their names on the disk.
///
/// # Errors
/// As [`fs::create_dir_all`]; `NotFound` if another process removes one of the folders at the same time.
pub fn create_folders(folder: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|folder| is_missing(folder)).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    missing.into_iter().filter_map(Path::parent).try_for_each(sync_folder)
}

/// Creates a file for its owner alone (mode 0600); it must not exist.
///
/// # Errors
/// As [`File::create_new`].
pub fn create_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Gives `path` a new content, by way of the file `aside` in the same file system: whenever the power goes, the file has the old
/// content or the new one. What an earlier attempt left in `aside` is replaced.
///
/// # Errors
/// A file cannot be written.
pub fn replace_file(path: &Path, aside: &Path, content: &[u8]) -> io::Result<()> {
    match fs::remove_file(aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = create_file(aside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(aside, path)?;
    sync_folder(path.parent().unwrap_or(Path::new("")))
}

fn is_missing(folder: &Path) -> bool {
    !folder.as_os_str().is_empty() && !folder.exists()
}

/// The folder of a relative path of one part has no name.
fn or_here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn files_and_folders_are_for_their_owner_alone() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        create_folders(&folder).unwrap();
        create_folders(&folder).unwrap();
        let file = folder.join("file");
        replace_file(&file, &folder.join("aside"), b"old").unwrap();
        // Of an attempt that was killed.
        fs::write(folder.join("aside"), "torn").unwrap();
        replace_file(&file, &folder.join("aside"), b"new").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!((mode(&file), mode(&folder)), (0o600, 0o700));
        assert_eq!(mode(&root.path().join("a")), 0o700);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn a_file_in_the_way_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(create_folders(&file.join("below")).is_err());
        assert!(create_folders(&file).is_err());
        assert_eq!(create_file(&file).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }
}

//! Saving a question as a panel: a new file, and a line more in the page's.

use crate::error::CliError;
use cardlake_report::Saved;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Writes both files: each is there as a whole or not at all, and a file that exists is not replaced by the panel.
///
/// # Errors
/// There is such a file, or the folder cannot be written; then nothing has changed.
pub(super) fn save(folder: &Path, saved: &Saved) -> Result<(), CliError> {
    let panel = folder.join(&saved.panel_file);
    create(&panel, &saved.panel).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            CliError::failed(format!("there is a {} already: choose another name", panel.display()))
        } else {
            CliError::caused(&format!("write {}", panel.display()), &error)
        }
    })?;
    let page = folder.join(&saved.page_file);
    replace(&page, &saved.page).map_err(|error| {
        // A panel that the page does not list is an error of the dashboard. What remains is named by the next build.
        let _ = fs::remove_file(&panel);
        CliError::caused(&format!("write {}", page.display()), &error)
    })
}

/// Creates a file that must not exist.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let aside = aside(path)?;
    let created = write(&aside, text).and_then(|_| fs::hard_link(&aside, path));
    let removed = fs::remove_file(&aside);
    created?;
    removed
}

/// Replaces a file; its permissions stay.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let aside = aside(path)?;
    let written = write(&aside, text)
        .and_then(|file| file.set_permissions(fs::metadata(path)?.permissions()))
        .and_then(|()| fs::rename(&aside, path));
    if written.is_err() {
        // The error that matters is the first one.
        let _ = fs::remove_file(&aside);
    }
    written
}

/// A hidden file beside another one: projects are read without hidden files.
fn aside(path: &Path) -> io::Result<std::path::PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    Ok(path.with_file_name(format!(".{}.{}", name.to_string_lossy(), uuid::Uuid::new_v4())))
}

fn write(path: &Path, text: &str) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(panel_file: &str) -> Saved {
        Saved {
            panel_file: panel_file.to_owned(),
            panel: "title: new\n".to_owned(),
            page_file: "page.yml".to_owned(),
            page: "panels: [a, new]\n".to_owned(),
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_panel_is_added_and_none_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("page.yml"), "panels: [a]\n").unwrap();
        fs::write(path("a.yml"), "title: old\n").unwrap();
        save(folder.path(), &saved("new.yml")).unwrap();
        assert_eq!(fs::read_to_string(path("new.yml")).unwrap(), "title: new\n");
        assert_eq!(fs::read_to_string(path("page.yml")).unwrap(), "panels: [a, new]\n");
        assert_eq!(names(folder.path()), ["a.yml", "new.yml", "page.yml"]);

        let error = save(folder.path(), &saved("a.yml")).unwrap_err().to_string();
        assert!(error.contains("a.yml already"), "{error}");
        assert_eq!(fs::read_to_string(path("a.yml")).unwrap(), "title: old\n");
        assert_eq!(names(folder.path()), ["a.yml", "new.yml", "page.yml"]);
    }

    #[test]
    fn a_page_that_cannot_be_written_leaves_no_panel() {
        let folder = tempfile::tempdir().unwrap();
        // There is no page.yml whose permissions could be kept.
        let error = save(folder.path(), &saved("new.yml")).unwrap_err().to_string();
        assert!(error.contains("page.yml"), "{error}");
        assert_eq!(names(folder.path()), [""; 0]);
    }
}

//! The files of a dbt project in a folder of this machine.

use cardlake_core::assets::{Asset, AssetError};
use std::path::Path;

/// What a project is made of, by extension.
const EXTENSIONS: [&str; 6] = ["sql", "yml", "yaml", "md", "csv", "py"];
/// What dbt writes there itself.
const NOT_WRITTEN_BY_HAND: [&str; 4] = ["target", "logs", "dbt_packages", "dbt_internal_packages"];

/// All files of a project, sorted by path, with paths from its folder. What is hidden, what dbt has written and what is of
/// another kind is left out.
///
/// # Errors
/// A folder or file that cannot be read, or a file that is not UTF-8 text.
pub fn read(folder: &Path) -> Result<Vec<Asset>, AssetError> {
    let mut found = Vec::new();
    visit(folder, "", &mut found)?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn visit(folder: &Path, prefix: &str, found: &mut Vec<Asset>) -> Result<(), AssetError> {
    let failed = |path: &Path, source| AssetError::Read {
        path: path.display().to_string(),
        source,
    };
    for entry in std::fs::read_dir(folder).map_err(|source| failed(folder, source))? {
        let path = entry.map_err(|source| failed(folder, source))?.path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            if !(prefix.is_empty() && NOT_WRITTEN_BY_HAND.contains(&name.as_str())) {
                visit(&path, &format!("{prefix}{name}/"), found)?;
            }
        } else if name
            .rsplit_once('.')
            .is_some_and(|(_, extension)| EXTENSIONS.contains(&extension))
        {
            let bytes = std::fs::read(&path).map_err(|source| failed(&path, source))?;
            let text = String::from_utf8(bytes).map_err(|_| AssetError::NotText {
                path: path.display().to_string(),
            })?;
            let path = format!("{prefix}{name}");
            found.push(Asset { path, text });
        }
    }
    Ok(())
}

//! The project files of this build, embedded: contracts, expectation suites, the dbt project, the state machines.
//!
//! A leaf that only binaries (and tests) depend on, so that an edited file recompiles no library.

use cardlake_core::assets::{Asset, AssetError, AssetFolder, Assets};
use include_dir::{Dir, include_dir};

static CONTRACTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../contracts");
static EXPECTATIONS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../expectations");
static WAREHOUSE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../warehouse");
static STATE_MACHINES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../statemachine");

/// The embedded project files.
#[must_use]
pub const fn embedded() -> Assets {
    Assets::Embedded(files)
}

fn files(folder: AssetFolder) -> Result<Vec<Asset>, AssetError> {
    let root = match folder {
        AssetFolder::Contracts => &CONTRACTS,
        AssetFolder::Expectations => &EXPECTATIONS,
        AssetFolder::Warehouse => &WAREHOUSE,
        AssetFolder::StateMachines => &STATE_MACHINES,
    };
    let mut found = Vec::new();
    collect(root, &mut found)?;
    Ok(found)
}

fn collect(dir: &Dir<'static>, found: &mut Vec<Asset>) -> Result<(), AssetError> {
    for file in dir.files() {
        let path = file.path().to_string_lossy().replace('\\', "/");
        let text = file
            .contents_utf8()
            .ok_or_else(|| AssetError::NotText { path: path.clone() })?;
        found.push(Asset {
            text: text.to_owned(),
            path,
        });
    }
    dir.dirs().try_for_each(|inner| collect(inner, found))
}

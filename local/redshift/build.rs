//! Provides libduckdb to the linker, and to the tests of this package and the binaries that link it.
//!
//! Input: `DUCKDB_LIB_DIR`, the folder of the library (`.cargo/config.toml` has a default inside the repository). If it
//! holds no library, `scripts/fetch-duckdb.sh` downloads one. Output: an rpath to the folder, so that tests run without
//! `LD_LIBRARY_PATH`, and the folder as metadata, since the rpath of a binary has to come from the build script of its own
//! package. Failure: the build stops with instructions if there is no library.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const SCRIPT: &str = "../../scripts/fetch-duckdb.sh";

fn main() -> ExitCode {
    println!("cargo::rerun-if-env-changed=DUCKDB_LIB_DIR");
    println!("cargo::rerun-if-changed={SCRIPT}");
    match library_folder() {
        Ok(folder) => {
            println!("cargo::rerun-if-changed={}", folder.join(library_name()).display());
            println!("cargo::rustc-link-arg=-Wl,-rpath,{}", folder.display());
            println!("cargo::metadata=FOLDER={}", folder.display());
            ExitCode::SUCCESS
        }
        Err(message) => {
            println!("cargo::error={}", message.replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}

fn library_folder() -> Result<PathBuf, String> {
    let folder = env::var_os("DUCKDB_LIB_DIR").map(PathBuf::from).ok_or(
        "DUCKDB_LIB_DIR is not set: build from inside the repository, whose .cargo/config.toml gives a default, or set it \
         to the folder that holds libduckdb",
    )?;
    if !folder.join(library_name()).is_file() {
        fetch(&folder)?;
    }
    folder
        .canonicalize()
        .map_err(|error| format!("DUCKDB_LIB_DIR={} cannot be read: {error}", folder.display()))
}

fn fetch(folder: &Path) -> Result<(), String> {
    let output =
        Command::new("sh").arg(SCRIPT).arg(folder).output().map_err(|error| {
            format!("{SCRIPT} could not be started: {error}; install libduckdb and set DUCKDB_LIB_DIR")
        })?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!(
            "{SCRIPT} failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ))
    }
}

fn library_name() -> &'static str {
    if target_os() == "macos" {
        "libduckdb.dylib"
    } else {
        "libduckdb.so"
    }
}

fn target_os() -> String {
    env::var("CARGO_CFG_TARGET_OS").unwrap_or_default()
}

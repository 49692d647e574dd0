//! Makes libduckdb available to the linker and to the binaries of this package.
//!
//! Input: `DUCKDB_LIB_DIR`, the folder of the library (`.cargo/config.toml` gives a default inside the repository).
//! When no library is in there, `scripts/fetch-duckdb.sh` puts one in. Output: an rpath to that folder, so that the
//! binary and the tests run without `LD_LIBRARY_PATH`. Fails the build, with what to do, when no library can be had.

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
            // A binary that is copied elsewhere together with its library finds it beside itself.
            let origin = if target_os() == "macos" {
                "@executable_path"
            } else {
                "$ORIGIN"
            };
            println!("cargo::rustc-link-arg=-Wl,-rpath,{origin}");
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

//! Lets the binaries of this package find libduckdb at run time, without `LD_LIBRARY_PATH`.
//!
//! Input: the folder of the library, from the build script of `cardlake-local-redshift`. Output: rpaths for a binary that is
//! installed together with its library, in one folder or as `bin/` and `lib/` (the Python wheel), and one to that folder.

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build.rs");
    let Ok(folder) = env::var("DEP_CARDLAKE_DUCKDB_FOLDER") else {
        println!("cargo::error=cardlake-local-redshift, which finds libduckdb, is not a dependency");
        return ExitCode::FAILURE;
    };
    let is_macos = env::var("CARGO_CFG_TARGET_OS").is_ok_and(|name| name == "macos");
    let beside = if is_macos { "@executable_path" } else { "$ORIGIN" };
    for place in [beside, &format!("{beside}/../lib"), &folder] {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{place}");
    }
    ExitCode::SUCCESS
}

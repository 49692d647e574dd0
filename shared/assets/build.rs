//! Rebuilds this crate when a file is added to a folder that it embeds: `include_dir!` itself only sees changed files.

fn main() {
    for folder in ["contracts", "expectations", "warehouse", "statemachine"] {
        println!("cargo::rerun-if-changed=../../{folder}");
    }
}

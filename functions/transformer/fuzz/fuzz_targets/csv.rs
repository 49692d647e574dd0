//! Any bytes as a csv file: no panic, no row lost, the same result whatever the block size.
#![no_main]

#[path = "../../tests/support/pipe.rs"]
mod pipe;

use cardlake_core::events::FileFormat;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| pipe::survive(text, FileFormat::Csv));

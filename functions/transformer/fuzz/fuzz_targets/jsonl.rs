//! Any bytes as a jsonl file.
#![no_main]

use cardlake_core::events::FileFormat;
use cardlake_transformer_fuzz::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| check(text, FileFormat::Jsonl));

//! Replays the corpus of the fuzz targets.

use crate::support::survive;
use cardlake_core::events::FileFormat;
use std::path::Path;

fn replay(folder: &str, format: FileFormat) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("transformer/fuzz/corpus")
        .join(folder);
    let files = std::fs::read_dir(&folder).unwrap();
    let mut texts: Vec<Vec<u8>> = files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
    assert!(texts.len() > 10, "{}", folder.display());
    texts.sort();
    for text in &texts {
        survive(text, format);
        // Every file truncated at several positions, too.
        for end in (0..text.len()).step_by(7) {
            survive(&text[..end], format);
        }
    }
}

#[test]
fn every_csv_file_of_the_corpus_keeps_its_rows() {
    replay("csv", FileFormat::Csv);
}

#[test]
fn every_json_lines_file_of_the_corpus_keeps_its_rows() {
    replay("jsonl", FileFormat::Jsonl);
}

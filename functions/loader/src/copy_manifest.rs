//! COPY manifests. Pure: no I/O.

use crate::silver::SilverFile;
use serde::Serialize;

#[derive(Serialize)]
struct Manifest {
    entries: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    url: String,
    mandatory: bool,
    meta: Meta,
}

/// Required for Parquet.
#[derive(Serialize)]
struct Meta {
    content_length: u64,
}

/// The manifest of the given files of a dataset, sorted by path: the same files give the same bytes.
pub(crate) fn manifest(bucket: &str, dataset: &str, files: &[SilverFile]) -> String {
    let mut files: Vec<_> = files.iter().collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let entries = files.into_iter().map(|file| Entry {
        url: format!("s3://{bucket}/{dataset}/{}", file.path),
        mandatory: true,
        meta: Meta {
            content_length: file.size,
        },
    });
    let manifest = Manifest {
        entries: entries.collect(),
    };
    // Strings and numbers always have a JSON form.
    serde_json::to_string(&manifest).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_lists_every_file_with_its_size_in_a_fixed_order() {
        let file = |path: &str, size| SilverFile {
            path: path.to_owned(),
            size,
            rows: 1,
            partition: Default::default(),
        };
        let text = manifest("silver", "cards", &[file("b.parquet", 2), file("a.parquet", 1)]);
        insta::assert_snapshot!(text, @r#"{"entries":[{"url":"s3://silver/cards/a.parquet","mandatory":true,"meta":{"content_length":1}},{"url":"s3://silver/cards/b.parquet","mandatory":true,"meta":{"content_length":2}}]}"#);
    }
}

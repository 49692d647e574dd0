//! COPY manifests. Pure: no I/O.

use crate::error::LoaderError;
use crate::silver_file::SilverFile;
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
pub(crate) fn copy_manifest(bucket: &str, dataset: &str, files: &[SilverFile]) -> Result<String, LoaderError> {
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
    serde_json::to_string(&manifest).map_err(|source| LoaderError::Manifest {
        dataset: dataset.to_owned(),
        source,
    })
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
        let text = copy_manifest("silver", "cards", &[file("b.parquet", 2), file("a.parquet", 1)]).unwrap();
        insta::assert_snapshot!(text, @r#"{"entries":[{"url":"s3://silver/cards/a.parquet","mandatory":true,"meta":{"content_length":1}},{"url":"s3://silver/cards/b.parquet","mandatory":true,"meta":{"content_length":2}}]}"#);
    }
}

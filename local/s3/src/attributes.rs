//! What an object has besides its bytes: content type, encoding, metadata, tags. Kept beside the buckets, not in them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cardlake_loopback::durable;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::error::{Result, at};
use crate::tags::Tags;

/// The folder of the attributes, beside the buckets.
pub(crate) const FOLDER: &str = ".attributes";
/// The content type of an object that was written without one.
pub(crate) const DEFAULT_CONTENT_TYPE: &str = "application/octet-stream";

/// The headers that come back as they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Attributes {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_disposition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache_control: Option<String>,
    /// `x-amz-meta-…`, without that prefix.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tags: Tags,
    /// In hexadecimal digits, if it is the ETag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) md5: Option<String>,
    /// Bytes of each part of a multipart upload, if there were several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) parts: Vec<u64>,
}

/// Attributes and the content they were written with: they do not pass on to what another program puts there.
#[derive(Serialize, Deserialize)]
struct Saved {
    key: String,
    tag: String,
    attributes: Attributes,
}

fn path(root: &Path, bucket: &str, key: &str) -> PathBuf {
    // A key can be longer than the name of a file.
    root.join(FOLDER)
        .join(bucket)
        .join(format!("{}.json", hex::encode(Sha256::digest(key))))
}

impl Attributes {
    /// The attributes without those that say nothing.
    pub(crate) fn normalised(mut self) -> Self {
        self.content_type = self
            .content_type
            .filter(|content_type| content_type != DEFAULT_CONTENT_TYPE);
        // `aws-chunked` describes the request, not the object.
        self.content_encoding = self.content_encoding.and_then(|encoding| {
            let kept: Vec<&str> = encoding
                .split(',')
                .map(str::trim)
                .filter(|name| *name != "aws-chunked")
                .collect();
            if kept.iter().all(|name| name.is_empty()) {
                None
            } else {
                Some(kept.join(", "))
            }
        });
        self
    }

    /// Reads the attributes of the object with this content; none if it has none.
    pub(crate) fn load(root: &Path, bucket: &str, key: &str, tag: &str) -> Result<Self> {
        let path = path(root, bucket, key);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            read => read.map_err(at("read", &path))?,
        };
        let saved: Saved = serde_json::from_slice(&text).map_err(|error| at("read", &path)(error.into()))?;
        Ok(if saved.tag == tag {
            saved.attributes
        } else {
            Self::default()
        })
    }

    /// Replaces the attributes of an object; removes them if there are none.
    pub(crate) fn save(&self, root: &Path, bucket: &str, key: &str, tag: &str) -> Result<()> {
        let path = path(root, bucket, key);
        if *self == Self::default() {
            return match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at("delete", &path)(error)),
                _ => Ok(()),
            };
        }
        let folder = path.parent().unwrap_or(root);
        durable::create_folders(folder).map_err(at("create the folder", folder))?;
        let saved = Saved {
            key: key.to_owned(),
            tag: tag.to_owned(),
            attributes: self.clone(),
        };
        let text = serde_json::to_vec(&saved).map_err(|error| at("write", &path)(error.into()))?;
        let aside = folder.join(format!("{}.part", Uuid::new_v4()));
        durable::replace_file(&path, &aside, &text).map_err(at("write", &path))
    }
}

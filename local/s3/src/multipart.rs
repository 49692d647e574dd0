//! Multipart uploads: parts are files in a folder of their own until they are put together.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;

use cardlake_loopback::durable;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::attributes::Attributes;
use crate::error::{Result, StoreError, at};
use crate::store::{Condition, Finished, ObjectInfo, Store};

/// The smallest part that is not the last one, in bytes.
const MIN_PART_BYTES: u64 = 5 * 1024 * 1024;
/// How much is copied at a time, in bytes.
const COPY_BYTES: usize = 1 << 18;
/// The name of the file that says what the upload is for.
const MANIFEST: &str = "upload.json";

/// What an upload will become.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    bucket: String,
    key: String,
    attributes: Attributes,
}

impl Store {
    fn upload_folder(&self, id: &str) -> Result<PathBuf> {
        // Only what `start_multipart` made can be meant, never a path.
        let id = Uuid::parse_str(id).map_err(|_| StoreError::NoSuchUpload(id.to_owned()))?;
        Ok(self.uploads().join(id.to_string()))
    }

    fn manifest(&self, bucket: &str, key: &str, id: &str) -> Result<(PathBuf, Manifest)> {
        let folder = self.upload_folder(id)?;
        let path = folder.join(MANIFEST);
        let text = fs::read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StoreError::NoSuchUpload(id.to_owned()),
            _ => at("read", &path)(error),
        })?;
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| at("read", &path)(error.into()))?;
        if manifest.bucket != bucket || manifest.key != key {
            return Err(StoreError::NoSuchUpload(id.to_owned()));
        }
        Ok((folder, manifest))
    }

    /// Starts an upload and gives its identifier.
    pub(crate) fn start_multipart(&self, bucket: &str, key: &str, attributes: Attributes) -> Result<String> {
        self.bucket(bucket)?;
        let id = Uuid::new_v4().to_string();
        let folder = self.upload_folder(&id)?;
        durable::create_folders(&folder).map_err(at("create the folder", &folder))?;
        let path = folder.join(MANIFEST);
        let manifest = Manifest {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            attributes,
        };
        let text = serde_json::to_vec(&manifest).map_err(|error| at("write", &path)(error.into()))?;
        fs::write(&path, text).map_err(at("write", &path))?;
        Ok(id)
    }

    /// Keeps a part, in place of an earlier one with its number; gives its tag.
    pub(crate) fn add_part(&self, bucket: &str, key: &str, id: &str, number: i32, part: Finished) -> Result<String> {
        let (folder, _) = self.manifest(bucket, key, id)?;
        let tag = part.tag.clone();
        // The name carries the tag, so that completing does not have to read the part twice.
        let path = folder.join(format!("{number:05}.{tag}"));
        fs::rename(&part.path, &path).map_err(at("write", &path))?;
        part.keep();
        Ok(tag)
    }

    /// Puts the parts together, in the order given, and makes the object.
    pub(crate) fn complete_multipart(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
        parts: &[(i32, String)],
        condition: &Condition,
    ) -> Result<ObjectInfo> {
        let (folder, manifest) = self.manifest(bucket, key, id)?;
        if parts.is_sorted_by(|(left, _), (right, _)| left < right) && !parts.is_empty() {
            let finished = self.join_parts(&folder, parts)?;
            let info = self.commit(bucket, key, finished, condition, &manifest.attributes)?;
            fs::remove_dir_all(&folder).map_err(at("delete the folder", &folder))?;
            Ok(info)
        } else {
            Err(StoreError::InvalidPartOrder)
        }
    }

    fn join_parts(&self, folder: &std::path::Path, parts: &[(i32, String)]) -> Result<Finished> {
        let mut upload = self.start_upload()?;
        let mut buffer = vec![0; COPY_BYTES];
        for (index, (number, tag)) in parts.iter().enumerate() {
            // A tag from outside must not lead elsewhere.
            if tag.contains(['/', '\\']) {
                return Err(StoreError::InvalidPart(*number));
            }
            let path = folder.join(format!("{number:05}.{tag}"));
            let mut file = File::open(&path).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => StoreError::InvalidPart(*number),
                _ => at("open", &path)(error),
            })?;
            let length = file.metadata().map_err(at("examine", &path))?.len();
            if length < MIN_PART_BYTES && index + 1 < parts.len() {
                return Err(StoreError::EntityTooSmall(*number));
            }
            loop {
                let count = file.read(&mut buffer).map_err(at("read", &path))?;
                if count == 0 {
                    break;
                }
                upload.write(&buffer[..count])?;
            }
        }
        Ok(upload.finish())
    }

    /// Forgets an upload and its parts.
    pub(crate) fn abort_multipart(&self, bucket: &str, key: &str, id: &str) -> Result<()> {
        let (folder, _) = self.manifest(bucket, key, id)?;
        fs::remove_dir_all(&folder).map_err(at("delete the folder", &folder))
    }
}

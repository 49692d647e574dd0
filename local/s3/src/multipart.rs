//! Multipart uploads: parts are files in a folder of their own until they are put together.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cardlake_loopback::durable;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::attributes::Attributes;
use crate::checksums::Digests;
use crate::error::{Result, StoreError, at};
use crate::store::{Condition, Finished, ObjectInfo, Store};

/// The smallest part that is not the last one, in bytes.
const MIN_PART_BYTES: u64 = 5 * 1024 * 1024;
/// How much is copied at a time, in bytes.
const COPY_BYTES: usize = 1 << 18;
/// The name of the file that says what the upload is for.
const MANIFEST: &str = "upload.json";

/// A part that was uploaded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UploadedPart {
    pub(crate) number: i32,
    /// Without quotes.
    pub(crate) tag: String,
    /// Bytes.
    pub(crate) length: u64,
    pub(crate) modified: SystemTime,
}

/// An upload that is neither complete nor aborted.
#[derive(Debug)]
pub(crate) struct StartedUpload {
    pub(crate) key: String,
    pub(crate) id: String,
    pub(crate) started: SystemTime,
}

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
        // Whole or absent: uploads are listed meanwhile.
        durable::replace_file(&path, &folder.join("manifest.part"), &text).map_err(at("write", &path))?;
        Ok(id)
    }

    /// Keeps a part, in place of an earlier one with its number; gives its tag.
    pub(crate) fn add_part(&self, bucket: &str, key: &str, id: &str, number: i32, part: Finished) -> Result<String> {
        let (folder, _) = self.manifest(bucket, key, id)?;
        let tag = part.tag.clone();
        // The name carries the tag, so that completing does not have to read the part twice.
        let path = folder.join(format!("{number:05}.{tag}"));
        // Two parts of one number at the same time would each remove the other.
        let _guard = self.lock(&folder);
        fs::rename(&part.path, &path).map_err(at("write", &path))?;
        part.keep();
        for (earlier, other) in part_files(&folder)? {
            if earlier == number && other != tag {
                let path = folder.join(format!("{earlier:05}.{other}"));
                fs::remove_file(&path).map_err(at("delete", &path))?;
            }
        }
        Ok(tag)
    }

    /// The parts of an upload, by number.
    pub(crate) fn parts(&self, bucket: &str, key: &str, id: &str) -> Result<Vec<UploadedPart>> {
        let (folder, _) = self.manifest(bucket, key, id)?;
        let _guard = self.lock(&folder);
        let mut parts = Vec::new();
        for (number, tag) in part_files(&folder)? {
            let path = folder.join(format!("{number:05}.{tag}"));
            let metadata = fs::metadata(&path).map_err(at("examine", &path))?;
            parts.push(UploadedPart {
                number,
                tag,
                length: metadata.len(),
                modified: metadata.modified().map_err(at("examine", &path))?,
            });
        }
        parts.sort_unstable_by_key(|part| part.number);
        Ok(parts)
    }

    /// The uploads to a bucket, in no order.
    pub(crate) fn started_uploads(&self, bucket: &str) -> Result<Vec<StartedUpload>> {
        self.bucket(bucket)?;
        let folder = self.uploads();
        let mut uploads = Vec::new();
        for entry in fs::read_dir(&folder).map_err(at("read the folder", &folder))? {
            let entry = entry.map_err(at("read the folder", &folder))?;
            let path = entry.path().join(MANIFEST);
            // A file, or an upload that has ended meanwhile.
            let (Ok(id), Ok(text)) = (entry.file_name().into_string(), fs::read(&path)) else {
                continue;
            };
            let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| at("read", &path)(error.into()))?;
            if manifest.bucket == bucket {
                let metadata = fs::metadata(&path).map_err(at("examine", &path))?;
                uploads.push(StartedUpload {
                    key: manifest.key,
                    id,
                    started: metadata.modified().map_err(at("examine", &path))?,
                });
            }
        }
        Ok(uploads)
    }

    /// Puts the parts together, in the order given; [`Store::commit_joined`] makes the object.
    pub(crate) fn join_multipart(
        &self,
        (bucket, key): (&str, &str),
        id: &str,
        parts: &[(i32, String)],
        digests: Digests,
    ) -> Result<Joined> {
        let (folder, manifest) = self.manifest(bucket, key, id)?;
        if !parts.is_sorted_by(|(left, _), (right, _)| left < right) || parts.is_empty() {
            return Err(StoreError::InvalidPartOrder);
        }
        let (finished, lengths) = self.join_parts(&folder, parts, digests)?;
        let mut attributes = manifest.attributes;
        if lengths.len() > 1 {
            attributes.parts = lengths;
        }
        Ok(Joined {
            finished,
            attributes,
            folder,
        })
    }

    /// Makes the object of parts that were put together.
    pub(crate) fn commit_joined(
        &self,
        bucket: &str,
        key: &str,
        joined: Joined,
        condition: &Condition,
    ) -> Result<ObjectInfo> {
        let Joined {
            finished,
            attributes,
            folder,
        } = joined;
        let info = self.commit(bucket, key, finished, condition, &attributes)?;
        fs::remove_dir_all(&folder).map_err(at("delete the folder", &folder))?;
        Ok(info)
    }

    fn join_parts(&self, folder: &Path, parts: &[(i32, String)], digests: Digests) -> Result<(Finished, Vec<u64>)> {
        let mut upload = self.start_upload(digests)?;
        let mut lengths = Vec::with_capacity(parts.len());
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
            lengths.push(length);
            loop {
                let count = file.read(&mut buffer).map_err(at("read", &path))?;
                if count == 0 {
                    break;
                }
                upload.write(&buffer[..count])?;
            }
        }
        Ok((upload.finish(), lengths))
    }

    /// Forgets an upload and its parts.
    pub(crate) fn abort_multipart(&self, bucket: &str, key: &str, id: &str) -> Result<()> {
        let (folder, _) = self.manifest(bucket, key, id)?;
        fs::remove_dir_all(&folder).map_err(at("delete the folder", &folder))
    }
}

/// The parts of an upload, put together, but no object yet.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) finished: Finished,
    attributes: Attributes,
    folder: PathBuf,
}

/// Number and tag of the files in the folder of an upload.
fn part_files(folder: &Path) -> Result<Vec<(i32, String)>> {
    let mut parts = Vec::new();
    for entry in fs::read_dir(folder).map_err(at("read the folder", folder))? {
        let name = entry.map_err(at("read the folder", folder))?.file_name();
        // All others are the manifest.
        let part = name.to_str().and_then(|name| name.split_once('.'));
        if let Some((number, tag)) = part
            && let Ok(number) = number.parse()
        {
            parts.push((number, tag.to_owned()));
        }
    }
    Ok(parts)
}

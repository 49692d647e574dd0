//! Objects as plain files: what a bucket does, without the protocol. Every method blocks.
//!
//! Layout below the root: `<bucket>/<key>` holds exactly the bytes of the object, so any program that reads folders
//! reads the lake. All else lives in folders whose names no bucket can have: `.uploads` (files being written, parts of
//! multipart uploads), `.keys` (objects whose keys cannot be paths) and `.attributes` (content type, metadata and the
//! like of the objects that have any, and the journal of the tags).
//!
//! Guarantee: an object appears whole or not at all, also when the process is killed: it is written to `.uploads` and
//! then renamed, or linked where it must not exist yet, which the file system does for one writer only, whatever
//! process it is in. The same holds for a power cut: the bytes are on the disk before the name points to them, and the
//! name is before the write is answered.

use std::fs::{self, File, Metadata};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use cardlake_loopback::{NoSpaceLog, durable};
use uuid::Uuid;

use crate::attributes::{self, Attributes};
use crate::checksums::{Checksums, Digests};
use crate::error::{Result, StoreError, at};
use crate::etag::{self, Fingerprint, TagBuilder, TagCache, default_checksum};
use crate::keys;
use crate::tags::Tags;

/// The folder of files that are not objects yet.
const UPLOADS: &str = ".uploads";
/// The journal of the tags, in the folder of the attributes.
const TAGS: &str = "tags";
/// Writes of the same key go one after the other; this many different ones at the same time.
const LOCKS: usize = 64;
/// The longest key S3 takes, in bytes.
const MAX_KEY_BYTES: usize = 1_024;
/// How often a write starts over because its folder vanished: a delete removes folders that it emptied.
const MAX_FOLDER_RACES: usize = 100;
/// Files in `.uploads` that are older belong to a process that died.
const ABANDONED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// When a write may happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    Always,
    /// The key must not exist: `If-None-Match: *`.
    Absent,
    /// The key must exist: `If-Match: *`.
    Present,
    /// The key must have this tag: `If-Match: "…"`.
    Tag(String),
}

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObjectInfo {
    /// Bytes.
    pub(crate) length: u64,
    pub(crate) modified: SystemTime,
    /// Of the content, without quotes.
    pub(crate) tag: String,
    /// In hexadecimal digits, if the object was written so that its ETag is the MD5.
    pub(crate) md5: Option<String>,
    /// Of its bytes.
    pub(crate) checksums: Checksums,
}

impl ObjectInfo {
    /// The ETag, without quotes.
    pub(crate) fn etag(&self) -> &str {
        self.md5.as_deref().unwrap_or(&self.tag)
    }

    fn new(fingerprint: Fingerprint, metadata: &Metadata, path: &Path) -> Result<Self> {
        Ok(Self {
            length: metadata.len(),
            modified: metadata.modified().map_err(at("examine", path))?,
            checksums: fingerprint.checksums(),
            md5: fingerprint.md5,
            tag: fingerprint.tag,
        })
    }
}

/// A file in `.uploads`; dropping it removes the file.
#[derive(Debug)]
pub(crate) struct Upload {
    path: PathBuf,
    file: File,
    tag: TagBuilder,
    digests: Digests,
    guard: RemoveOnDrop,
}

/// An upload that is complete.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) path: PathBuf,
    file: File,
    /// Without quotes.
    pub(crate) tag: String,
    /// If it was asked for.
    pub(crate) md5: Option<[u8; 16]>,
    /// Those that were asked for.
    pub(crate) checksums: Checksums,
    guard: RemoveOnDrop,
}

impl Finished {
    /// The checksums that were asked for, and that of the tag.
    pub(crate) fn all_checksums(&self) -> Checksums {
        self.checksums
            .clone()
            .into_iter()
            .chain(default_checksum(&self.tag))
            .collect()
    }

    /// The file has been renamed: there is nothing to remove.
    pub(crate) fn keep(mut self) {
        self.guard.0 = None;
    }
}

#[derive(Debug)]
struct RemoveOnDrop(Option<PathBuf>);

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            // Nobody is left to tell; what stays is swept at a later start.
            let _ = fs::remove_file(path);
        }
    }
}

/// The buckets below a root folder.
#[derive(Debug)]
pub(crate) struct Store {
    root: PathBuf,
    locks: Vec<Mutex<()>>,
    /// Held for writing while folders are made: nobody answers for an object in a folder that is not on the disk yet.
    folders: RwLock<()>,
    tags: TagCache,
    no_space: NoSpaceLog,
}

impl Store {
    /// Opens the root folder, makes what is missing, and sweeps away what a dead process left in `.uploads`.
    pub(crate) fn open(root: &Path, buckets: &[String]) -> Result<Self> {
        let (uploads, attributes) = (root.join(UPLOADS), root.join(attributes::FOLDER));
        for folder in buckets
            .iter()
            .map(|bucket| root.join(bucket))
            .chain([uploads.clone(), attributes.clone()])
        {
            durable::create_folders(&folder).map_err(at("create the folder", &folder))?;
        }
        sweep(&uploads).map_err(at("sweep the folder", &uploads))?;
        let locks = std::iter::repeat_with(Mutex::default).take(LOCKS).collect();
        Ok(Self {
            root: root.to_owned(),
            locks,
            folders: RwLock::default(),
            tags: TagCache::open(&attributes.join(TAGS)),
            no_space: NoSpaceLog::default(),
        })
    }

    /// Records an error that is a lack of space, and passes it on.
    pub(crate) fn recorded(&self, error: StoreError) -> StoreError {
        if let Some(reason) = error.no_space() {
            self.no_space.record(reason);
        }
        error
    }

    pub(crate) fn no_space(&self) -> &NoSpaceLog {
        &self.no_space
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn uploads(&self) -> PathBuf {
        self.root.join(UPLOADS)
    }

    pub(crate) fn bucket(&self, bucket: &str) -> Result<PathBuf> {
        let path = self.root.join(bucket);
        let is_bucket = !bucket.is_empty() && !bucket.starts_with('.') && !bucket.contains(['/', '\\']);
        if is_bucket && path.is_dir() {
            Ok(path)
        } else {
            Err(StoreError::NoSuchBucket(bucket.to_owned()))
        }
    }

    /// The buckets in alphabetical order, with the time they were last changed.
    pub(crate) fn buckets(&self) -> Result<Vec<(String, SystemTime)>> {
        let mut buckets = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(at("read the folder", &self.root))? {
            let entry = entry.map_err(at("read the folder", &self.root))?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if let Ok(metadata) = entry.metadata()
                && metadata.is_dir()
                && !name.starts_with('.')
            {
                buckets.push((name, metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH)));
            }
        }
        buckets.sort_unstable();
        Ok(buckets)
    }

    pub(crate) fn create_bucket(&self, bucket: &str) -> Result<()> {
        let path = self.root.join(bucket);
        fs::create_dir(&path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => StoreError::BucketExists(bucket.to_owned()),
            _ => at("create the bucket", &path)(error),
        })?;
        sync_existing(&self.root)
    }

    pub(crate) fn delete_bucket(&self, bucket: &str) -> Result<()> {
        let path = self.bucket(bucket)?;
        let aside = keys::folder(&self.root, bucket);
        let others = keys::list(&self.root, bucket, "").map_err(at("list the folder", &aside))?;
        if !others.is_empty() {
            return Err(StoreError::BucketNotEmpty(bucket.to_owned()));
        }
        fs::remove_dir(&path).map_err(|error| match error.kind() {
            io::ErrorKind::DirectoryNotEmpty => StoreError::BucketNotEmpty(bucket.to_owned()),
            _ => at("delete the bucket", &path)(error),
        })
    }

    /// Where the object is, or would be.
    fn object_path(&self, bucket: &str, key: &str) -> Result<PathBuf> {
        let bucket_path = self.bucket(bucket)?;
        if key.len() > MAX_KEY_BYTES {
            return Err(StoreError::KeyTooLong(key.len()));
        }
        let aside = keys::path(&self.root, bucket, key);
        // An object stays aside once it is there, also when the key that was in its way is gone.
        Ok(if !keys::is_path(key) || aside.exists() {
            aside
        } else {
            bucket_path.join(key)
        })
    }

    /// Holds back other writers of the same thing.
    pub(crate) fn lock(&self, thing: &impl Hash) -> MutexGuard<'_, ()> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(thing);
        let index = usize::try_from(hash % LOCKS as u64).unwrap_or(0);
        self.locks[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens an object for reading, at its start. What is read is this version, even if it is replaced meanwhile.
    pub(crate) fn read(&self, bucket: &str, key: &str) -> Result<(File, ObjectInfo)> {
        let path = self.object_path(bucket, key)?;
        self.read_path(&path, bucket, key)
    }

    /// Like [`Store::read`], for an entry of a listing.
    pub(crate) fn read_path(&self, path: &Path, bucket: &str, key: &str) -> Result<(File, ObjectInfo)> {
        let mut file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => StoreError::NoSuchKey(key.to_owned()),
            _ => at("open", path)(error),
        })?;
        let metadata = file.metadata().map_err(at("examine", path))?;
        if !metadata.is_file() {
            return Err(StoreError::NoSuchKey(key.to_owned()));
        }
        let fingerprint = match self.tags.known(path, &metadata) {
            Some(known) => known,
            None => {
                let tag = etag::of_file(&mut file).map_err(at("read", path))?;
                let md5 = Attributes::load(&self.root, bucket, key, &tag)?.md5;
                let fingerprint = Fingerprint::new(tag, md5, Checksums::new());
                self.tags.remember(path, &metadata, &fingerprint);
                fingerprint
            }
        };
        let info = ObjectInfo::new(fingerprint, &metadata, path)?;
        Ok((file, info))
    }

    /// Starts to write a file that is no object yet.
    pub(crate) fn start_upload(&self, digests: Digests) -> Result<Upload> {
        let path = self.uploads().join(format!("{}.part", Uuid::new_v4()));
        let file = durable::create_file(&path).map_err(at("create", &path))?;
        Ok(Upload {
            guard: RemoveOnDrop(Some(path.clone())),
            path,
            file,
            tag: TagBuilder::new(),
            digests,
        })
    }

    /// Makes the object out of a complete upload, if the condition holds.
    pub(crate) fn commit(
        &self,
        bucket: &str,
        key: &str,
        finished: Finished,
        condition: &Condition,
        attributes: &Attributes,
    ) -> Result<ObjectInfo> {
        finished.file.sync_data().map_err(at("write", &finished.path))?;
        let _guard = self.lock(&(bucket, key));
        let mut path = self.object_path(bucket, key)?;
        self.check(&path, (bucket, key), condition)?;
        let absent = *condition == Condition::Absent;
        if !self.place(&finished.path, &path, absent)? {
            path = keys::path(&self.root, bucket, key);
            if !self.place(&finished.path, &path, absent)? {
                return Err(at("write", &path)(io::ErrorKind::NotADirectory.into()));
            }
        }
        let metadata = fs::metadata(&path).map_err(at("examine", &path))?;
        let md5 = attributes.md5.clone();
        let fingerprint = Fingerprint::new(finished.tag.clone(), md5, finished.checksums.clone());
        attributes.save(&self.root, bucket, key, &finished.tag)?;
        self.tags.remember(&path, &metadata, &fingerprint);
        let info = ObjectInfo::new(fingerprint, &metadata, &path)?;
        if !absent {
            finished.keep();
        }
        Ok(info)
    }

    /// Moves `from` to `to`, making folders on the way; `absent` asks that `to` does not exist, atomically, and leaves
    /// `from` where it is. Gives whether `to` can be: a part of it may be another object, or it may be a folder itself.
    fn place(&self, from: &Path, to: &Path, absent: bool) -> Result<bool> {
        let folder = to.parent().unwrap_or(to);
        for _ in 0..MAX_FOLDER_RACES {
            match self.make_folders(folder) {
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists
                    ) =>
                {
                    return Ok(false);
                }
                // Another writer, or a delete, was quicker.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                created => created.map_err(at("create the folder", folder))?,
            }
            let placed = if absent {
                fs::hard_link(from, to)
            } else {
                fs::rename(from, to)
            };
            match placed {
                Ok(()) => return sync_existing(folder).map(|()| true),
                Err(_) if to.is_dir() => return Ok(false),
                Err(error) if absent && error.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(StoreError::PreconditionFailed);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(at("write", to)(error)),
            }
        }
        Err(at("write", to)(io::Error::from(io::ErrorKind::NotFound)))
    }

    fn make_folders(&self, folder: &Path) -> io::Result<()> {
        {
            let _made = self.folders.read().unwrap_or_else(PoisonError::into_inner);
            if folder.is_dir() {
                return Ok(());
            }
        }
        let _making = self.folders.write().unwrap_or_else(PoisonError::into_inner);
        durable::create_folders(folder)
    }

    fn check(&self, path: &Path, (bucket, key): (&str, &str), condition: &Condition) -> Result<()> {
        let holds = match condition {
            Condition::Always => true,
            // Decided by the file system when the file is put in its place.
            Condition::Absent => true,
            Condition::Present => self.read_path(path, bucket, key).is_ok(),
            Condition::Tag(tag) => self.read_path(path, bucket, key)?.1.etag() == tag,
        };
        if holds {
            Ok(())
        } else {
            Err(StoreError::PreconditionFailed)
        }
    }

    /// Removes an object, and the folders that hold nothing any more. An object that does not exist is no error.
    ///
    /// Gives the folder whose names have changed, for [`Store::sync`].
    pub(crate) fn delete(&self, bucket: &str, key: &str, condition: &Condition) -> Result<Option<PathBuf>> {
        let _guard = self.lock(&(bucket, key));
        let path = self.object_path(bucket, key)?;
        self.check(&path, (bucket, key), condition)?;
        if path.is_dir() {
            return Ok(None);
        }
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => return Err(at("delete", &path)(error)),
        }
        Attributes::default().save(&self.root, bucket, key, "")?;
        let kept = [self.bucket(bucket)?, self.root.join(keys::FOLDER)];
        let mut folders = path.ancestors().skip(1);
        let changed = folders.find(|folder| kept.iter().any(|kept| kept == folder) || fs::remove_dir(folder).is_err());
        Ok(changed.map(Path::to_owned))
    }

    /// Replaces the tags of an object.
    pub(crate) fn tag(&self, bucket: &str, key: &str, tags: Tags) -> Result<()> {
        let _guard = self.lock(&(bucket, key));
        let (_, info) = self.read(bucket, key)?;
        let mut attributes = Attributes::load(&self.root, bucket, key, &info.tag)?;
        attributes.tags = tags;
        attributes.save(&self.root, bucket, key, &info.tag)
    }

    /// Puts on the disk what deletes have changed.
    pub(crate) fn sync(&self, folders: impl IntoIterator<Item = PathBuf>) -> Result<()> {
        folders.into_iter().try_for_each(|folder| sync_existing(&folder))
    }
}

/// Puts the names in a folder on the disk, unless a delete has taken the folder, too.
fn sync_existing(folder: &Path) -> Result<()> {
    match durable::sync_folder(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at("write", folder)(error)),
        _ => Ok(()),
    }
}

/// Removes what is old in `.uploads`.
fn sweep(uploads: &Path) -> io::Result<()> {
    for entry in fs::read_dir(uploads)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let age = metadata.modified()?.elapsed().unwrap_or_default();
        if age > ABANDONED_AFTER {
            let path = entry.path();
            if metadata.is_dir() {
                fs::remove_dir_all(path)?;
            } else {
                fs::remove_file(path)?;
            }
        }
    }
    Ok(())
}

impl Upload {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.tag.update(bytes);
        self.digests.update(bytes);
        self.file.write_all(bytes).map_err(at("write", &self.path))
    }

    pub(crate) fn finish(self) -> Finished {
        let tag = self.tag.finish();
        let (md5, checksums) = self.digests.finish();
        Finished {
            md5,
            checksums,
            path: self.path,
            file: self.file,
            tag,
            guard: self.guard,
        }
    }
}

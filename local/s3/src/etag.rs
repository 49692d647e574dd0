//! Entity tags that follow from the content.
//!
//! The tag is the CRC-64/NVME of the bytes, the checksum that S3 itself keeps by default, and their number. It is not
//! an MD5, which would cost over a second per gigabyte; on AWS the tags of objects with KMS encryption and of multipart
//! uploads are no MD5 either, and the hyphen tells clients so. Because it follows from the content, it is the same
//! after a restart, and a file that another program wrote has one too. It is the ETag of all objects but those that a
//! client other than the lake's own has written in one piece: theirs is the MD5 that many clients look for.
//!
//! Tags are remembered with the version of the file they belong to, in memory and in a journal beside the buckets, so
//! that a listing after a restart does not read the whole lake, along with the checksums that came with the content. The
//! journal may be lost or damaged: a tag that is not in it is computed again, and of the checksums the CRC-64/NVME stays.

use std::collections::HashMap;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use s3s::crypto::{Checksum, Crc64Nvme};

use crate::checksums::{Algorithm, Checksums};

/// How much is read at a time, in bytes.
const READ_BYTES: usize = 1 << 18;
/// How many tags are remembered. Forgetting them all costs reading the files once more.
const MAX_REMEMBERED: usize = 262_144;
/// The journal is written anew when it is opened with this many lines per tag.
const MAX_LINES_PER_TAG: usize = 4;

/// What the journal calls the digest that is an ETag.
const MD5: &str = "MD5";

/// Computes a tag while the bytes pass by.
pub(crate) struct TagBuilder {
    checksum: Crc64Nvme,
    length: u64,
}

impl std::fmt::Debug for TagBuilder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("TagBuilder")
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

impl TagBuilder {
    pub(crate) fn new() -> Self {
        Self {
            checksum: Crc64Nvme::new(),
            length: 0,
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.checksum.update(bytes);
        self.length += bytes.len() as u64;
    }

    /// The tag without quotes.
    pub(crate) fn finish(self) -> String {
        format!("{}-{:x}", hex::encode(self.checksum.finalize()), self.length)
    }
}

/// A tag, and the checksums of the content, that of the tag among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// Without quotes.
    pub(crate) tag: String,
    /// In hexadecimal digits, if it is the ETag.
    pub(crate) md5: Option<String>,
    checksums: Checksums,
}

impl Fingerprint {
    pub(crate) fn new(tag: String, md5: Option<String>, checksums: Checksums) -> Self {
        Self { tag, md5, checksums }
    }

    /// The checksums that were asked for when the content was written, else the one that S3 keeps by default.
    pub(crate) fn checksums(&self) -> Checksums {
        if self.checksums.is_empty() {
            default_checksum(&self.tag).into_iter().collect()
        } else {
            self.checksums.clone()
        }
    }

    /// A word of the journal: the tag, then each checksum behind a comma.
    fn to_word(&self) -> String {
        let mut word = self.tag.clone();
        if let Some(md5) = &self.md5 {
            word.push_str(&format!(",{MD5}:{md5}"));
        }
        for (algorithm, value) in &self.checksums {
            word.push_str(&format!(",{}:{value}", algorithm.name()));
        }
        word
    }

    fn from_word(word: &str) -> Self {
        let mut parts = word.split(',');
        let mut found = Self::new(parts.next().unwrap_or_default().to_owned(), None, Checksums::new());
        for (name, value) in parts.filter_map(|part| part.split_once(':')) {
            if name == MD5 {
                found.md5 = Some(value.to_owned());
            } else if let Some(algorithm) = Algorithm::of_name(name) {
                found.checksums.insert(algorithm, value.to_owned());
            }
        }
        found
    }
}

/// The CRC-64/NVME in a tag.
pub(crate) fn default_checksum(tag: &str) -> Option<(Algorithm, String)> {
    let (checksum, _) = tag.split_once('-')?;
    let bytes = hex::decode(checksum).ok()?;
    Some((Algorithm::Crc64Nvme, STANDARD.encode(bytes)))
}

/// Which version of a file a tag belongs to: a changed file differs in at least one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    inode: u64,
    seconds: i64,
    nanoseconds: i64,
    length: u64,
}

impl Version {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            seconds: metadata.mtime(),
            nanoseconds: metadata.mtime_nsec(),
            length: metadata.len(),
        }
    }
}

impl Version {
    /// A line of the journal. The path comes last, because it may hold blanks.
    fn to_line(self, fingerprint: &Fingerprint, path: &str) -> String {
        let word = fingerprint.to_word();
        let Self {
            inode,
            seconds,
            nanoseconds,
            length,
        } = self;
        format!("{inode} {seconds} {nanoseconds} {length} {word} {path}\n")
    }

    fn from_line(line: &str) -> Option<(Self, Fingerprint, &str)> {
        let mut fields = line.splitn(6, ' ');
        let version = Self {
            inode: fields.next()?.parse().ok()?,
            seconds: fields.next()?.parse().ok()?,
            nanoseconds: fields.next()?.parse().ok()?,
            length: fields.next()?.parse().ok()?,
        };
        Some((version, Fingerprint::from_word(fields.next()?), fields.next()?))
    }
}

/// The tags of files that did not change since they were computed.
#[derive(Debug)]
pub(crate) struct TagCache(Mutex<Remembered>);

#[derive(Debug)]
struct Remembered {
    tags: HashMap<PathBuf, (Version, Fingerprint)>,
    /// `None` if it cannot be written: the tags are then remembered in memory alone.
    journal: Option<File>,
}

impl TagCache {
    /// Opens the journal at `path`, or starts one.
    pub(crate) fn open(path: &Path) -> Self {
        let (tags, lines) = load(path);
        let compact = lines > tags.len().saturating_mul(MAX_LINES_PER_TAG) + MAX_LINES_PER_TAG;
        let journal = if compact { rewrite(path, &tags) } else { Ok(()) }
            .and_then(|()| OpenOptions::new().append(true).create(true).open(path))
            .inspect_err(|error| tracing::warn!(%error, path = %path.display(), "tags are not kept for the next start"))
            .ok();
        Self(Mutex::new(Remembered { tags, journal }))
    }

    pub(crate) fn remember(&self, path: &Path, metadata: &Metadata, fingerprint: &Fingerprint) {
        let version = Version::of(metadata);
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Remembered { tags, journal } = &mut *guard;
        if tags.len() >= MAX_REMEMBERED {
            tags.clear();
        }
        if let (Some(file), Some(name)) = (journal.as_mut(), path.to_str().filter(|name| !name.contains('\n'))) {
            // One write per line, so that lines of two processes do not mix.
            if let Err(error) = file.write_all(version.to_line(fingerprint, name).as_bytes()) {
                tracing::warn!(%error, "tags are not kept for the next start");
                *journal = None;
            }
        }
        tags.insert(path.to_owned(), (version, fingerprint.clone()));
    }

    /// What is known of the file at `path`; `None` if it is new or was changed by another program.
    pub(crate) fn known(&self, path: &Path, metadata: &Metadata) -> Option<Fingerprint> {
        let guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (version, fingerprint) = guard.tags.get(path)?;
        (*version == Version::of(metadata)).then(|| fingerprint.clone())
    }
}

/// The tag of an open file: reads it to its end, and leaves the position at the start.
pub(crate) fn of_file(file: &mut File) -> io::Result<String> {
    let mut builder = TagBuilder::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => builder.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(builder.finish())
}

/// The tags in a journal, and its number of lines. A line that cannot be read counts, and no more.
fn load(path: &Path) -> (HashMap<PathBuf, (Version, Fingerprint)>, usize) {
    let (mut tags, mut lines) = (HashMap::new(), 0);
    let Ok(file) = File::open(path) else {
        return (tags, lines);
    };
    for line in BufReader::new(file).split(b'\n').map_while(Result::ok) {
        lines += 1;
        if let Some((version, fingerprint, name)) = std::str::from_utf8(&line).ok().and_then(Version::from_line)
            && (tags.len() < MAX_REMEMBERED || tags.contains_key(Path::new(name)))
        {
            tags.insert(PathBuf::from(name), (version, fingerprint));
        }
    }
    (tags, lines)
}

/// Writes the journal anew, with one line per tag.
fn rewrite(path: &Path, tags: &HashMap<PathBuf, (Version, Fingerprint)>) -> io::Result<()> {
    let temporary = path.with_extension("part");
    let mut file = io::BufWriter::new(File::create(&temporary)?);
    for (path, (version, fingerprint)) in tags {
        if let Some(name) = path.to_str() {
            file.write_all(version.to_line(fingerprint, name).as_bytes())?;
        }
    }
    file.into_inner().map_err(io::IntoInnerError::into_error)?;
    fs::rename(temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tag of the file: remembered, or of what it holds.
    fn tag(cache: &TagCache, path: &Path) -> String {
        let mut file = File::open(path).unwrap();
        let metadata = file.metadata().unwrap();
        if let Some(known) = cache.known(path, &metadata) {
            return known.tag;
        }
        let tag = of_file(&mut file).unwrap();
        assert_eq!(file.stream_position().unwrap(), 0);
        cache.remember(path, &metadata, &as_remembered(&tag));
        tag
    }

    fn as_remembered(tag: &str) -> Fingerprint {
        Fingerprint::new(tag.to_owned(), None, Checksums::new())
    }

    #[test]
    fn the_tag_is_checksum_and_length() {
        let mut builder = TagBuilder::new();
        builder.update(b"1234");
        builder.update(b"56789");
        // The check value of CRC-64/NVME.
        assert_eq!(builder.finish(), "ae8b14860a799888-9");
    }

    #[test]
    fn a_file_that_another_program_changes_gets_a_new_tag() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let cache = TagCache::open(&folder.path().join("journal"));
        fs::write(&path, "one").unwrap();
        let first = tag(&cache, &path);
        fs::write(&path, "three").unwrap();
        assert_ne!(tag(&cache, &path), first);
        fs::write(&path, "one").unwrap();
        assert_eq!(tag(&TagCache::open(&folder.path().join("other")), &path), first);
    }

    #[test]
    fn a_journal_tells_the_tags_after_a_restart_without_reading_the_files() {
        let folder = tempfile::tempdir().unwrap();
        let (path, journal) = (folder.path().join("a b=1"), folder.path().join("journal"));
        fs::write(&path, "content").unwrap();
        TagCache::open(&journal).remember(&path, &fs::metadata(&path).unwrap(), &as_remembered("as-remembered"));
        assert_eq!(tag(&TagCache::open(&journal), &path), "as-remembered");
    }

    #[test]
    fn a_journal_keeps_the_checksums_that_came_with_the_content() {
        let folder = tempfile::tempdir().unwrap();
        let (path, journal) = (folder.path().join("a"), folder.path().join("journal"));
        fs::write(&path, "123456789").unwrap();
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!(TagCache::open(&journal).known(&path, &metadata), None);
        // The check values of CRC-64/NVME, MD5 and CRC-32.
        let came = Checksums::from([(Algorithm::Crc32, "y/Q5Jg==".to_owned())]);
        let md5 = Some("25f9e794323b453885f5181f1b624d0b".to_owned());
        for (md5, checksums) in [(md5, came), (None, Checksums::new())] {
            let fingerprint = Fingerprint::new("ae8b14860a799888-9".to_owned(), md5, checksums);
            TagCache::open(&journal).remember(&path, &metadata, &fingerprint);
            assert_eq!(TagCache::open(&journal).known(&path, &metadata), Some(fingerprint));
        }
        let default = as_remembered("ae8b14860a799888-9").checksums();
        assert_eq!(
            default,
            Checksums::from([(Algorithm::Crc64Nvme, "rosUhgp5mIg=".to_owned())])
        );
    }

    #[test]
    fn a_damaged_journal_costs_time_only() {
        let folder = tempfile::tempdir().unwrap();
        let (path, journal) = (folder.path().join("file"), folder.path().join("journal"));
        fs::write(&path, "123456789").unwrap();
        fs::write(&journal, b"\xff\xff\n1 2 3\n\n7 8").unwrap();
        assert_eq!(tag(&TagCache::open(&journal), &path), "ae8b14860a799888-9");
        // What was appended behind the damage is found again.
        TagCache::open(&journal).remember(&path, &fs::metadata(&path).unwrap(), &as_remembered("as-remembered"));
        assert_eq!(tag(&TagCache::open(&journal), &path), "as-remembered");
    }

    #[test]
    fn a_journal_does_not_grow_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let (path, journal) = (folder.path().join("file"), folder.path().join("journal"));
        fs::write(&path, "content").unwrap();
        let cache = TagCache::open(&journal);
        for n in 0..100 {
            cache.remember(
                &path,
                &fs::metadata(&path).unwrap(),
                &as_remembered(&format!("tag-{n}")),
            );
        }
        assert_eq!(tag(&TagCache::open(&journal), &path), "tag-99");
        assert_eq!(fs::read_to_string(&journal).unwrap().lines().count(), 1);
    }
}

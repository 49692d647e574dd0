//! What the comparison finds on its way: little is held in memory, much goes to temporary files.
//!
//! Everything is written once and read once, in the same order, so that memory stays the same whatever the number of rows.

use crate::merge::{Cursor, Member};
use crate::provenance::Provenance;
use std::collections::HashMap;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Result, Seek, SeekFrom, Write};
use std::sync::Arc;
use tempfile::SpooledTempFile;

/// Bytes that one spool holds in memory before it goes to a file.
const HELD_BYTES: usize = 1 << 20;
/// Bytes of a reader's buffer.
const BUFFER_BYTES: usize = 64 * 1024;

fn spool() -> BufWriter<SpooledTempFile> {
    BufWriter::new(SpooledTempFile::new(HELD_BYTES))
}

fn rewound(spool: BufWriter<SpooledTempFile>) -> Result<BufReader<SpooledTempFile>> {
    let mut file = spool.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.rewind()?;
    Ok(BufReader::with_capacity(BUFFER_BYTES, file))
}

fn read<const N: usize>(reader: &mut impl Read) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// As [`read`]; nothing at the end.
fn read_first<const N: usize>(reader: &mut impl Read) -> Result<Option<[u8; N]>> {
    match read(reader) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn write_member(to: &mut impl Write, member: Member) -> Result<()> {
    to.write_all(&member.file.to_le_bytes())?;
    to.write_all(&member.row.to_le_bytes())
}

fn read_member(from: &mut impl Read) -> Result<Member> {
    Ok(Member {
        file: u32::from_le_bytes(read(from)?),
        row: u64::from_le_bytes(read(from)?),
    })
}

/// The rows of each shared key, in the order of the keys.
pub(crate) struct Groups(BufWriter<SpooledTempFile>);

impl Groups {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self(spool())
    }

    /// Adds the rows of the next key.
    ///
    /// # Errors
    /// The temporary file cannot be written.
    pub(crate) fn add(&mut self, members: &[Member]) -> Result<()> {
        self.0.write_all(&(members.len() as u32).to_le_bytes())?;
        members.iter().try_for_each(|member| write_member(&mut self.0, *member))
    }

    /// To read them from the first one on.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub(crate) fn into_reader(self) -> Result<GroupReader> {
        rewound(self.0).map(GroupReader)
    }
}

/// Reads [`Groups`].
pub(crate) struct GroupReader(BufReader<SpooledTempFile>);

impl GroupReader {
    /// Puts the rows of the next key into `members`; false at the end.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub(crate) fn next(&mut self, members: &mut Vec<Member>) -> Result<bool> {
        members.clear();
        let Some(count) = read_first(&mut self.0)? else {
            return Ok(false);
        };
        for _ in 0..u32::from_le_bytes(count) {
            members.push(read_member(&mut self.0)?);
        }
        Ok(true)
    }
}

/// Bytes of one provenance: object, day, three numbers, flag and hash.
const PROVENANCE_BYTES: u64 = 4 + 4 + 3 * 8 + 1 + 8;

/// The provenance of rows of one file.
pub(crate) struct Provenances {
    spool: BufWriter<SpooledTempFile>,
    /// Bronze objects of the rows.
    objects: Vec<Arc<str>>,
    /// Their places in it: in a merged file, rows of many objects take turns.
    places: HashMap<Arc<str>, u32>,
}

impl Provenances {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self {
            spool: spool(),
            objects: Vec::new(),
            places: HashMap::new(),
        }
    }

    /// Adds the next one.
    ///
    /// # Errors
    /// The temporary file cannot be written.
    pub(crate) fn add(&mut self, provenance: &Provenance) -> Result<()> {
        let object = match self.places.get(&provenance.source_object) {
            Some(place) => *place,
            None => {
                let place = self.objects.len() as u32;
                self.objects.push(Arc::clone(&provenance.source_object));
                self.places.insert(Arc::clone(&provenance.source_object), place);
                place
            }
        };
        self.spool.write_all(&object.to_le_bytes())?;
        self.spool.write_all(&provenance.ingest_date.to_le_bytes())?;
        for number in [provenance.event_time, provenance.ingest_time, provenance.source_row] {
            self.spool.write_all(&number.to_le_bytes())?;
        }
        self.spool.write_all(&[u8::from(provenance.row_hash.is_some())])?;
        self.spool
            // Read back only if the flag before it is set.
            .write_all(&provenance.row_hash.unwrap_or_default().to_le_bytes())
    }

    /// To read them from the first one on.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub(crate) fn into_reader(self) -> Result<ProvenanceReader> {
        Ok(ProvenanceReader {
            reader: rewound(self.spool)?,
            objects: self.objects,
        })
    }
}

/// Reads [`Provenances`].
pub(crate) struct ProvenanceReader {
    reader: BufReader<SpooledTempFile>,
    objects: Vec<Arc<str>>,
}

impl ProvenanceReader {
    /// The one at this position, from 0. Not to be mixed with [`Self::next`].
    ///
    /// # Errors
    /// There is none, or the temporary file cannot be read.
    pub(crate) fn at(&mut self, index: u64) -> Result<Provenance> {
        let mut bytes = [0; PROVENANCE_BYTES as usize];
        // Past the buffer, which would be filled for one of them.
        let file = self.reader.get_mut();
        file.seek(SeekFrom::Start(index * PROVENANCE_BYTES))?;
        file.read_exact(&mut bytes)?;
        parse(&mut bytes.as_slice(), &self.objects)
    }

    /// The next one.
    ///
    /// # Errors
    /// There is none, or the temporary file cannot be read.
    pub(crate) fn next(&mut self) -> Result<Provenance> {
        parse(&mut self.reader, &self.objects)
    }
}

fn parse(from: &mut impl Read, objects: &[Arc<str>]) -> Result<Provenance> {
    let object = u32::from_le_bytes(read(from)?) as usize;
    let source_object = objects.get(object).ok_or(ErrorKind::InvalidData)?;
    let source_object = Arc::clone(source_object);
    let ingest_date = i32::from_le_bytes(read(from)?);
    let mut number = || read(from).map(i64::from_le_bytes);
    let (event_time, ingest_time, source_row) = (number()?, number()?, number()?);
    let has_hash = read(from)? == [1];
    let hash = i64::from_le_bytes(read(from)?);
    Ok(Provenance {
        ingest_date,
        event_time,
        source_object,
        ingest_time,
        source_row,
        row_hash: has_hash.then_some(hash),
    })
}

/// Rows of several files by their keys.
pub(crate) struct RunWriter(BufWriter<SpooledTempFile>);

impl RunWriter {
    /// Without a row.
    pub(crate) fn new() -> Self {
        Self(spool())
    }

    /// Adds the row with the next key, as [`Cursor`] gives it.
    ///
    /// # Errors
    /// The temporary file cannot be written.
    pub(crate) fn add(&mut self, prefix: u128, suffix: &[u8], member: Member) -> Result<()> {
        self.0.write_all(&prefix.to_le_bytes())?;
        write_member(&mut self.0, member)?;
        self.0.write_all(&(suffix.len() as u32).to_le_bytes())?;
        self.0.write_all(suffix)
    }

    /// At the first row.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub(crate) fn into_cursor(self) -> Result<RunCursor> {
        let mut cursor = RunCursor {
            reader: rewound(self.0)?,
            prefix: None,
            suffix: Vec::new(),
            member: Member { file: 0, row: 0 },
        };
        cursor.advance()?;
        Ok(cursor)
    }
}

/// A position in the rows of a [`RunWriter`].
pub(crate) struct RunCursor {
    reader: BufReader<SpooledTempFile>,
    prefix: Option<u128>,
    suffix: Vec<u8>,
    member: Member,
}

impl Cursor for RunCursor {
    type Error = std::io::Error;

    fn prefix(&self) -> Option<u128> {
        self.prefix
    }

    fn suffix(&self) -> &[u8] {
        &self.suffix
    }

    fn member(&self) -> Member {
        self.member
    }

    fn advance(&mut self) -> Result<()> {
        self.suffix.clear();
        self.prefix = read_first(&mut self.reader)?.map(u128::from_le_bytes);
        if self.prefix.is_some() {
            self.member = read_member(&mut self.reader)?;
            let length = u32::from_le_bytes(read(&mut self.reader)?);
            self.suffix.resize(length as usize, 0);
            self.reader.read_exact(&mut self.suffix)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_in_the_same_order() {
        let mut groups = Groups::new();
        let members: Vec<Member> = (0..100_000_u64)
            .map(|row| Member {
                file: (row % 7) as u32,
                row: row << 20,
            })
            .collect();
        for group in members.chunks(3) {
            groups.add(group).unwrap();
        }
        let mut reader = groups.into_reader().unwrap();
        let (mut group, mut all) = (Vec::new(), Vec::new());
        while reader.next(&mut group).unwrap() {
            all.extend_from_slice(&group);
        }
        assert!(all == members, "more than is held in memory");
    }

    #[test]
    fn a_provenance_is_the_same_after_reading() {
        let provenance = |row: i64| Provenance {
            ingest_date: 20_000 - row as i32,
            event_time: if row % 2 == 0 { i64::MIN } else { row },
            source_object: Arc::from(format!("object {}", row % 3)),
            ingest_time: row * 3,
            source_row: row,
            row_hash: (row % 5 > 0).then_some(-row),
        };
        let mut provenances = Provenances::new();
        (0..50).for_each(|row| provenances.add(&provenance(row)).unwrap());
        let mut reader = provenances.into_reader().unwrap();
        for row in 0..50 {
            let read = reader.next().unwrap();
            assert!(read.is_same_delivery(&provenance(row)));
        }
        assert!(reader.next().is_err());
        for row in [7, 0, 49, 8] {
            assert!(reader.at(row).unwrap().is_same_delivery(&provenance(row as i64)));
        }
        assert!(reader.at(50).is_err());
    }

    #[test]
    fn a_run_gives_its_keys_and_ends() {
        let mut run = RunWriter::new();
        for row in 0..3 {
            run.add(u128::from(row), &[b'x'; 20][..row as usize], Member { file: 9, row })
                .unwrap();
        }
        let mut cursor = run.into_cursor().unwrap();
        for row in 0..3 {
            assert_eq!(cursor.prefix(), Some(u128::from(row)));
            assert_eq!(cursor.suffix().len(), row as usize);
            assert_eq!(cursor.member(), Member { file: 9, row });
            cursor.advance().unwrap();
        }
        assert_eq!(cursor.prefix(), None);
        cursor.advance().unwrap();
        assert_eq!(cursor.prefix(), None);
    }
}

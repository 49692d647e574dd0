//! From sorted rows to data files: one for each partition, sorted by key, the same bytes for the same rows.

use crate::builder::{Column as RowColumn, Pool, Rows, Values};
use crate::plan::{Fill, Kind, Plan};
use crate::values::{MICROS_PER_DAY, uuid_text};
use cardlake_core::contract::ColumnType;
use cardlake_lake::parquet::pages::{Chunk, ChunkEncoder, Coding, Dictionary, MAXIMUM_DICTIONARY_BYTES};
use cardlake_lake::parquet::{PAGE_ROWS, file_properties, plain_coding};
use parquet::arrow::ArrowSchemaConverter;
use parquet::basic::Type as PhysicalType;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnDescPtr, SchemaDescriptor};
use std::sync::Arc;

/// Most rows of a row group.
const ROW_GROUP_ROWS: usize = 1 << 20;
/// More than an encoded value usually takes. Memory that is asked for and not touched costs nothing; growing costs copies.
const VALUE_BYTES: usize = 6;
/// Rows that are looked at to see whether UUIDs repeat.
const SAMPLE_ROWS: usize = 4096;

/// How all files of a plan are written.
pub struct FileFormat {
    schema: SchemaDescriptor,
    properties: WriterPropertiesPtr,
}

impl FileFormat {
    /// From the columns of the contract.
    ///
    /// # Errors
    /// A type that Parquet does not have.
    pub fn new(plan: &Plan) -> Result<Self> {
        let schema = ArrowSchemaConverter::new().convert(&plan.contract.file_schema())?;
        Ok(Self {
            schema,
            properties: Arc::new(file_properties(&plan.contract)),
        })
    }

    /// One file of the given rows, in that order, and its metadata.
    ///
    /// # Errors
    /// A page or file that the format cannot hold.
    pub fn encode(
        &self,
        plan: &Plan,
        rows: &Rows,
        order: &[u32],
        encoder: &mut ChunkEncoder,
    ) -> Result<(Vec<u8>, ParquetMetaData)> {
        let root = self.schema.root_schema_ptr();
        let mut content = Vec::with_capacity(order.len() * self.schema.num_columns() * VALUE_BYTES);
        let mut file = SerializedFileWriter::new(&mut content, root, Arc::clone(&self.properties))?;
        for order in order.chunks(ROW_GROUP_ROWS) {
            let mut group = file.next_row_group()?;
            for ((column, fill), description) in plan.files.iter().zip(self.schema.columns()) {
                let task = Task {
                    plan,
                    rows,
                    order,
                    description,
                    coding: plain_coding(&plan.contract, column),
                };
                let chunk = task.encode(column.column_type, *fill, encoder)?;
                encoder.append(chunk, &mut group)?;
            }
            group.close()?;
        }
        let metadata = file.close()?;
        Ok((content, metadata))
    }
}

/// One column of one row group.
struct Task<'a> {
    plan: &'a Plan,
    rows: &'a Rows,
    order: &'a [u32],
    description: &'a ColumnDescPtr,
    /// How pages without a dictionary are compressed.
    coding: Coding,
}

impl Task<'_> {
    fn encode(&self, column_type: ColumnType, fill: Fill, encoder: &mut ChunkEncoder) -> Result<Chunk> {
        let object = &self.plan.object;
        match fill {
            Fill::Source(index) => self.source(self.column(index)?, index, column_type, encoder),
            Fill::Extra => match &self.rows.extra {
                Some(column) => self.values(column, &[], column_type, encoder),
                None => Err(defect("there is no extra column")),
            },
            Fill::Lookup(index) => self.lookup(index, encoder),
            Fill::LastFour(index) => match &self.column(index)?.values {
                Values::Text(codes, pool) => {
                    let texts = (0..pool.len() as u32).map(|code| pool.last_four(code).map(|digits| digits.to_vec()));
                    self.mapped(
                        self.column(index)?,
                        |row| codes.get(row).copied().unwrap_or(0),
                        texts,
                        encoder,
                    )
                }
                _ => Err(defect("the card number is not text")),
            },
            Fill::DateOf(index) => {
                let value = |micros: i64| micros.div_euclid(MICROS_PER_DAY);
                self.longs(self.column(index)?, value, true, encoder)
            }
            Fill::DaysLate(index) => {
                let ingest_day = i64::from(object.ingest_date.to_epoch_days());
                let value = |micros: i64| ingest_day - micros.div_euclid(MICROS_PER_DAY);
                self.longs(self.column(index)?, value, true, encoder)
            }
            Fill::IngestDate => self.constant(&self.long_bytes(object.ingest_date.to_epoch_days().into()), encoder),
            Fill::IngestTimestamp => self.constant(&self.long_bytes(object.ingest_micros), encoder),
            Fill::SourceObject => self.constant(&byte_array(object.key.as_bytes()), encoder),
            Fill::SourceRow => self.plain(&self.rows.places, &[], encoder, write_words),
            Fill::RowHash => self.plain(&self.rows.hashes, &[], encoder, write_words),
        }
    }

    fn column(&self, index: usize) -> Result<&RowColumn> {
        self.rows
            .columns
            .get(index)
            .ok_or_else(|| defect("there is no such column"))
    }

    fn source(
        &self,
        column: &RowColumn,
        index: usize,
        column_type: ColumnType,
        encoder: &mut ChunkEncoder,
    ) -> Result<Chunk> {
        let words: Vec<&[u8]> = match self.plan.sources.get(index).map(|source| &source.kind) {
            Some(Kind::Code(words)) => words.iter().map(|word| word.text.as_bytes()).collect(),
            _ => Vec::new(),
        };
        self.values(column, &words, column_type, encoder)
    }

    fn values(
        &self,
        column: &RowColumn,
        words: &[&[u8]],
        column_type: ColumnType,
        encoder: &mut ChunkEncoder,
    ) -> Result<Chunk> {
        match &column.values {
            Values::Uuid(values) => self.uuids(column, values, encoder),
            Values::Code(codes) => {
                let texts = words.iter().map(|word| Some(word.to_vec()));
                self.mapped(
                    column,
                    |row| codes.get(row).copied().unwrap_or(0).into(),
                    texts,
                    encoder,
                )
            }
            Values::Text(codes, pool) => self.texts(column, codes, pool, encoder),
            Values::Long(_) => {
                let few = matches!(column_type, ColumnType::Date);
                self.longs(column, |value| value, few, encoder)
            }
            Values::Wide(values) => {
                let width = self.description.type_length().max(0) as usize;
                self.plain(values, &self.nulls(column), encoder, |values, page| {
                    for value in values {
                        let bytes = value.to_be_bytes();
                        page.extend_from_slice(bytes.get(bytes.len().saturating_sub(width)..).unwrap_or_default());
                    }
                })
            }
            Values::Double(values) => self.plain(values, &self.nulls(column), encoder, |values, page| {
                write_fixed(values, page, f64::to_le_bytes);
            }),
            Values::Boolean(values) => self.booleans(column, values, encoder),
        }
    }

    /// Nulls of the column in the order of the file; empty when there is none.
    fn nulls(&self, column: &RowColumn) -> Vec<bool> {
        if column.nulls.is_empty() {
            return Vec::new();
        }
        let nulls: Vec<bool> = self.order.iter().map(|row| column.is_null(*row as usize)).collect();
        if nulls.contains(&true) { nulls } else { Vec::new() }
    }

    /// A value as the physical type of the column.
    fn long_bytes(&self, value: i64) -> Vec<u8> {
        match self.description.physical_type() {
            PhysicalType::INT32 => (value as i32).to_le_bytes().to_vec(),
            _ => value.to_le_bytes().to_vec(),
        }
    }

    /// The same value in every row.
    fn constant(&self, value: &[u8], encoder: &mut ChunkEncoder) -> Result<Chunk> {
        let dictionary = Dictionary {
            values: value.to_vec(),
            count: 1,
            indices: vec![0; self.order.len()],
        };
        encoder.dictionary(self.description.clone(), self.order.len(), &[], &dictionary)
    }

    /// Whole numbers and what is held like them; with a dictionary when `few` different ones are to be expected.
    fn longs(
        &self,
        column: &RowColumn,
        map: impl Fn(i64) -> i64,
        few: bool,
        encoder: &mut ChunkEncoder,
    ) -> Result<Chunk> {
        let Values::Long(values) = &column.values else {
            return Err(defect("the column does not hold whole numbers"));
        };
        let nulls = self.nulls(column);
        let value = |row: u32| map(values.get(row as usize).copied().unwrap_or(0));
        if few {
            let mut seen: Vec<i64> = Vec::new();
            let mut last = 0;
            let mut indices = Vec::with_capacity(self.order.len());
            for row in self.present(&nulls) {
                let value = value(row);
                if seen.get(last) != Some(&value) {
                    last = seen.iter().position(|other| *other == value).unwrap_or_else(|| {
                        seen.push(value);
                        seen.len() - 1
                    });
                    if seen.len() > 256 {
                        break;
                    }
                }
                indices.push(last as u32);
            }
            if seen.len() <= 256 {
                let dictionary = Dictionary {
                    values: seen.iter().flat_map(|value| self.long_bytes(*value)).collect(),
                    count: seen.len() as u32,
                    indices,
                };
                return encoder.dictionary(self.description.clone(), self.order.len(), &nulls, &dictionary);
            }
        }
        let narrow = self.description.physical_type() == PhysicalType::INT32;
        self.plain(values, &nulls, encoder, |values, page| {
            if narrow {
                write_fixed(values, page, |value| (map(value) as i32).to_le_bytes());
            } else {
                write_fixed(values, page, |value| map(value).to_le_bytes());
            }
        })
    }

    fn booleans(&self, column: &RowColumn, values: &[bool], encoder: &mut ChunkEncoder) -> Result<Chunk> {
        let nulls = self.nulls(column);
        self.plain(values, &nulls, encoder, |values, page| {
            let byte = |bits: &[bool]| {
                (0..)
                    .zip(bits)
                    .fold(0, |byte, (bit, value)| byte | u8::from(*value) << bit)
            };
            page.extend(values.chunks(8).map(byte));
        })
    }

    fn uuids(&self, column: &RowColumn, values: &[u128], encoder: &mut ChunkEncoder) -> Result<Chunk> {
        let nulls = self.nulls(column);
        let value = |row: u32| values.get(row as usize).copied().unwrap_or(0);
        if repeats(self.present(&nulls).take(SAMPLE_ROWS).map(value)) {
            let mut places = std::collections::HashMap::new();
            let mut dictionary = Dictionary {
                values: Vec::new(),
                count: 0,
                indices: Vec::with_capacity(self.order.len()),
            };
            for row in self.present(&nulls) {
                let value = value(row);
                let index = *places.entry(value).or_insert_with(|| {
                    dictionary.values.extend_from_slice(&uuid_value(value));
                    dictionary.count += 1;
                    dictionary.count - 1
                });
                dictionary.indices.push(index);
                if dictionary.values.len() > MAXIMUM_DICTIONARY_BYTES {
                    break;
                }
            }
            if dictionary.values.len() <= MAXIMUM_DICTIONARY_BYTES {
                return encoder.dictionary(self.description.clone(), self.order.len(), &nulls, &dictionary);
            }
        }
        self.plain(values, &nulls, encoder, |values, page| {
            write_fixed(values, page, uuid_value);
        })
    }

    fn texts(&self, column: &RowColumn, codes: &[u32], pool: &Pool, encoder: &mut ChunkEncoder) -> Result<Chunk> {
        let nulls = self.nulls(column);
        let code = |row: u32| codes.get(row as usize).copied().unwrap_or(0);
        // Places in the dictionary by code, in the order of first occurrence: codes depend on which worker saw a text first.
        let mut places = vec![u32::MAX; pool.len()];
        let mut dictionary = Dictionary {
            values: Vec::new(),
            count: 0,
            indices: Vec::with_capacity(self.order.len()),
        };
        for row in self.present(&nulls) {
            let code = code(row);
            if let Some(place) = places.get_mut(code as usize) {
                if *place == u32::MAX {
                    *place = dictionary.count;
                    dictionary.count += 1;
                    dictionary.values.extend_from_slice(&byte_array(pool.text(code)));
                }
                dictionary.indices.push(*place);
            }
            let many =
                dictionary.count as usize > SAMPLE_ROWS && dictionary.count as usize > dictionary.indices.len() / 2;
            if many || dictionary.values.len() > MAXIMUM_DICTIONARY_BYTES {
                return self.plain(codes, &nulls, encoder, |codes, page| {
                    for code in codes {
                        let text = pool.text(*code);
                        page.extend_from_slice(&(text.len() as u32).to_le_bytes());
                        page.extend_from_slice(text);
                    }
                });
            }
        }
        encoder.dictionary(self.description.clone(), self.order.len(), &nulls, &dictionary)
    }

    fn lookup(&self, index: usize, encoder: &mut ChunkEncoder) -> Result<Chunk> {
        let lookup = self
            .plan
            .lookups
            .get(index)
            .ok_or_else(|| defect("there is no such lookup"))?;
        let column = self.column(lookup.from)?;
        let result = |text: &[u8]| {
            let text = std::str::from_utf8(text).unwrap_or_default();
            lookup.values.get(text).map(|value| value.clone().into_bytes())
        };
        match (
            &column.values,
            self.plan.sources.get(lookup.from).map(|source| &source.kind),
        ) {
            (Values::Code(codes), Some(Kind::Code(words))) => {
                let texts = words.iter().map(|word| result(word.text.as_bytes()));
                self.mapped(
                    column,
                    |row| codes.get(row).copied().unwrap_or(0).into(),
                    texts,
                    encoder,
                )
            }
            (Values::Text(codes, pool), _) => {
                let texts = (0..pool.len() as u32).map(|code| result(pool.text(code)));
                self.mapped(column, |row| codes.get(row).copied().unwrap_or(0), texts, encoder)
            }
            _ => Err(defect("the column looked at is not text")),
        }
    }

    /// Texts by code, where two codes may have the same text and some none.
    fn mapped(
        &self,
        column: &RowColumn,
        code: impl Fn(usize) -> u32,
        texts: impl Iterator<Item = Option<Vec<u8>>>,
        encoder: &mut ChunkEncoder,
    ) -> Result<Chunk> {
        let texts: Vec<Option<Vec<u8>>> = texts.collect();
        let mut places = vec![None; texts.len()];
        let mut dictionary = Dictionary {
            values: Vec::new(),
            count: 0,
            indices: Vec::with_capacity(self.order.len()),
        };
        let mut seen: std::collections::HashMap<&[u8], u32> = std::collections::HashMap::new();
        let mut nulls = vec![false; self.order.len()];
        for (row, null) in self.order.iter().zip(&mut nulls) {
            let code = code(*row as usize) as usize;
            let text = texts
                .get(code)
                .and_then(Option::as_deref)
                .filter(|_| !column.is_null(*row as usize));
            match (text, places.get_mut(code)) {
                (Some(text), Some(place)) => {
                    let index = *place.get_or_insert_with(|| {
                        *seen.entry(text).or_insert_with(|| {
                            dictionary.values.extend_from_slice(&byte_array(text));
                            dictionary.count += 1;
                            dictionary.count - 1
                        })
                    });
                    dictionary.indices.push(index);
                }
                _ => *null = true,
            }
        }
        encoder.dictionary(self.description.clone(), self.order.len(), &nulls, &dictionary)
    }

    /// A chunk without a dictionary. The values of a page are brought together before they are written: rows lie in the
    /// order of the object, and loads that wait for nothing else overlap.
    fn plain<T: Copy + Default>(
        &self,
        values: &[T],
        nulls: &[bool],
        encoder: &mut ChunkEncoder,
        mut write: impl FnMut(&[T], &mut Vec<u8>),
    ) -> Result<Chunk> {
        let description = self.description.clone();
        let value = |row: &u32| values.get(*row as usize).copied().unwrap_or_default();
        let mut gathered = Vec::with_capacity(PAGE_ROWS);
        encoder.plain(description, self.order.len(), nulls, self.coding, |range, page| {
            gathered.clear();
            if nulls.is_empty() {
                gathered.extend(self.order.get(range).unwrap_or_default().iter().map(value));
            } else {
                let present = self.range(range, nulls).filter(|(_, null)| !null);
                gathered.extend(present.map(|(row, _)| value(&row)));
            }
            write(&gathered, page);
        })
    }

    /// Rows of a part of the file, and whether they are null.
    fn range<'s>(&'s self, range: std::ops::Range<usize>, nulls: &'s [bool]) -> impl Iterator<Item = (u32, bool)> + 's {
        let rows = self.order.get(range.clone()).unwrap_or_default();
        let nulls = nulls
            .get(range)
            .unwrap_or_default()
            .iter()
            .copied()
            .chain(std::iter::repeat(false));
        rows.iter().copied().zip(nulls)
    }

    /// Rows that are not null.
    fn present<'s>(&'s self, nulls: &'s [bool]) -> impl Iterator<Item = u32> + 's {
        self.range(0..self.order.len(), nulls)
            .filter(|(_, null)| !null)
            .map(|(row, _)| row)
    }
}

/// Whether at least half of the values occurred before.
fn repeats(values: impl Iterator<Item = u128>) -> bool {
    let mut seen = std::collections::HashSet::new();
    let (mut count, mut again) = (0_usize, 0_usize);
    for value in values {
        count += 1;
        again += usize::from(!seen.insert(value));
    }
    again * 2 >= count && count > 0
}

/// Appends values of one width.
fn write_fixed<T: Copy, const WIDTH: usize>(values: &[T], page: &mut Vec<u8>, bytes: impl Fn(T) -> [u8; WIDTH]) {
    let start = page.len();
    page.resize(start + values.len() * WIDTH, 0);
    let (places, _) = page.get_mut(start..).unwrap_or_default().as_chunks_mut();
    for (place, value) in places.iter_mut().zip(values) {
        *place = bytes(*value);
    }
}

fn write_words(values: &[u64], page: &mut Vec<u8>) {
    write_fixed(values, page, u64::to_le_bytes);
}

/// A UUID as a value of a page.
fn uuid_value(value: u128) -> [u8; 40] {
    let mut bytes = [0; 40];
    bytes[..4].copy_from_slice(&36_u32.to_le_bytes());
    bytes[4..].copy_from_slice(&uuid_text(value));
    bytes
}

fn byte_array(text: &[u8]) -> Vec<u8> {
    let mut bytes = (text.len() as u32).to_le_bytes().to_vec();
    bytes.extend_from_slice(text);
    bytes
}

fn defect(problem: &str) -> ParquetError {
    ParquetError::General(problem.to_owned())
}

//! Encodes sorted rows as Parquet: one data file per partition, with the same bytes for the same rows.

use crate::columns::{ColumnValues, ColumnarRows, TypedColumn};
use crate::invariant::BrokenInvariant;
use crate::plan::{Fill, TransformPlan};
use crate::text_pool::TextPool;
use crate::values::uuid_text;
use crate::zone::day;
use cardlake_core::contract::ColumnType;
use cardlake_lake::parquet::pages::{Chunk, ChunkEncoder, CompressionStrategy, Dictionary, MAXIMUM_DICTIONARY_BYTES};
use cardlake_lake::parquet::{PAGE_ROWS, file_properties, plain_compression};
use parquet::arrow::ArrowSchemaConverter;
use parquet::basic::Type as PhysicalType;
use parquet::errors::Result;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnDescPtr, SchemaDescriptor};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Maximum rows of a row group.
const ROW_GROUP_ROWS: usize = 1 << 20;
/// Reserved bytes per value, more than an encoded value usually takes: untouched memory is free, growing copies.
const VALUE_BYTES: usize = 6;
/// Rows sampled to detect repeated values.
const SAMPLE_ROWS: usize = 4096;

/// Encodes the data files of a plan.
pub(crate) struct FileEncoder {
    schema: SchemaDescriptor,
    properties: WriterPropertiesPtr,
}

impl FileEncoder {
    /// Derives the schema from the contract.
    ///
    /// # Errors
    /// A type that Parquet does not support.
    pub(crate) fn new(plan: &TransformPlan) -> Result<Self> {
        let schema = ArrowSchemaConverter::new().convert(&plan.contract.file_schema())?;
        Ok(Self {
            schema,
            properties: Arc::new(file_properties(&plan.contract)),
        })
    }

    /// Encodes one file of the given rows, in that order; returns its bytes and metadata.
    ///
    /// # Errors
    /// The file exceeds the limits of the format, or the rows do not belong to the plan.
    pub(crate) fn encode(
        &self,
        plan: &TransformPlan,
        rows: &ColumnarRows,
        order: &[u32],
        encoder: &mut ChunkEncoder,
    ) -> Result<(Vec<u8>, ParquetMetaData)> {
        let root = self.schema.root_schema_ptr();
        let mut content = Vec::with_capacity(order.len() * self.schema.num_columns() * VALUE_BYTES);
        let mut file = SerializedFileWriter::new(&mut content, root, Arc::clone(&self.properties))?;
        for order in order.chunks(ROW_GROUP_ROWS) {
            let mut group = file.next_row_group()?;
            for ((column, fill), description) in plan.files.iter().zip(self.schema.columns()) {
                let task = ColumnTask {
                    plan,
                    rows,
                    order,
                    description,
                    compression: plain_compression(&plan.contract, column),
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
struct ColumnTask<'a> {
    plan: &'a TransformPlan,
    rows: &'a ColumnarRows,
    order: &'a [u32],
    description: &'a ColumnDescPtr,
    /// Compression of pages without a dictionary.
    compression: CompressionStrategy,
}

impl ColumnTask<'_> {
    fn encode(&self, column_type: ColumnType, fill: Fill, encoder: &mut ChunkEncoder) -> Result<Chunk> {
        let object = &self.plan.object;
        let zone = self.plan.contract.source.time_zone;
        match fill {
            Fill::Source(index) => self.values(self.column(index), column_type, encoder),
            Fill::Extra => match &self.rows.extra {
                Some(column) => self.values(column, column_type, encoder),
                None => Err(BrokenInvariant("rows have an extra column if the plan has").into()),
            },
            Fill::Lookup(index) => self.lookup(index, encoder),
            Fill::LastFour(index) => {
                let column = self.column(index);
                let ColumnValues::Text(codes, pool) = &column.values else {
                    return Err(BrokenInvariant("a card number is text").into());
                };
                let digits = |code| {
                    let digits = pool.last_four(code).map(|digits| Some(digits.to_vec()));
                    digits.ok_or(BrokenInvariant("a card number has its last four digits"))
                };
                let texts = (0..pool.len() as u32).map(digits).collect::<Result<Vec<_>, _>>()?;
                self.mapped(column, |row| codes[row], &texts, encoder)
            }
            Fill::DateOf(index) => {
                let value = |micros: i64| day(zone, micros);
                self.longs(self.column(index), value, true, encoder)
            }
            Fill::DaysLate(index) => {
                let ingest_day = i64::from(object.ingest_date.to_epoch_days());
                let value = |micros: i64| ingest_day - day(zone, micros);
                self.longs(self.column(index), value, true, encoder)
            }
            Fill::IngestDate => self.constant(&self.long_bytes(object.ingest_date.to_epoch_days().into()), encoder),
            Fill::IngestTimestamp => self.constant(&self.long_bytes(object.ingest_micros), encoder),
            Fill::SourceObject => self.constant(&byte_array(object.key.as_bytes()), encoder),
            Fill::SourceRow => self.plain(&self.rows.positions, &[], encoder, write_words),
            Fill::RowHash => self.plain(&self.rows.hashes, &[], encoder, write_words),
        }
    }

    fn column(&self, index: usize) -> &TypedColumn {
        &self.rows.columns[index]
    }

    fn values(&self, column: &TypedColumn, column_type: ColumnType, encoder: &mut ChunkEncoder) -> Result<Chunk> {
        match &column.values {
            ColumnValues::Uuid(values) => self.uuids(column, values, encoder),
            ColumnValues::Code(codes, allowed) => {
                let texts: Vec<_> = allowed
                    .iter()
                    .map(|text| Some(text.text.clone().into_bytes()))
                    .collect();
                self.mapped(column, |row| codes[row].into(), &texts, encoder)
            }
            ColumnValues::Text(codes, pool) => self.texts(column, codes, pool, encoder),
            ColumnValues::Long(_) => {
                let few = matches!(column_type, ColumnType::Date);
                self.longs(column, |value| value, few, encoder)
            }
            ColumnValues::Wide(values) => {
                let width = usize::try_from(self.description.type_length()).ok();
                let first_byte = width
                    .and_then(|width| size_of::<i128>().checked_sub(width))
                    .ok_or(BrokenInvariant("a decimal has at most 16 bytes"))?;
                self.plain(values, &self.nulls(column), encoder, |values, page| {
                    for value in values {
                        page.extend_from_slice(&value.to_be_bytes()[first_byte..]);
                    }
                })
            }
            ColumnValues::Double(values) => self.plain(values, &self.nulls(column), encoder, |values, page| {
                write_fixed(values, page, f64::to_le_bytes);
            }),
            ColumnValues::Boolean(values) => self.booleans(column, values, encoder),
        }
    }

    /// Nulls of the column in file order; empty if there is none.
    fn nulls(&self, column: &TypedColumn) -> Vec<bool> {
        if column.nulls.is_empty() {
            return Vec::new();
        }
        let nulls: Vec<bool> = self.order.iter().map(|row| column.is_null(*row as usize)).collect();
        if nulls.contains(&true) { nulls } else { Vec::new() }
    }

    /// A value in the column's physical type. Values of INT32 columns fit: they were validated, or are days.
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

    /// Values stored as 64 bits, with a dictionary if `few` distinct values are expected.
    fn longs(
        &self,
        column: &TypedColumn,
        map: impl Fn(i64) -> i64,
        few: bool,
        encoder: &mut ChunkEncoder,
    ) -> Result<Chunk> {
        let ColumnValues::Long(values) = &column.values else {
            return Err(BrokenInvariant("integers, dates and timestamps are stored as 64 bits").into());
        };
        let nulls = self.nulls(column);
        let value = |row: u32| map(values[row as usize]);
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

    fn booleans(&self, column: &TypedColumn, values: &[bool], encoder: &mut ChunkEncoder) -> Result<Chunk> {
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

    fn uuids(&self, column: &TypedColumn, values: &[u128], encoder: &mut ChunkEncoder) -> Result<Chunk> {
        let nulls = self.nulls(column);
        let value = |row: u32| values[row as usize];
        if repeats(self.present(&nulls).take(SAMPLE_ROWS).map(value)) {
            let mut index_of = HashMap::new();
            let mut dictionary = Dictionary {
                values: Vec::new(),
                count: 0,
                indices: Vec::with_capacity(self.order.len()),
            };
            for row in self.present(&nulls) {
                let value = value(row);
                let index = *index_of.entry(value).or_insert_with(|| {
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

    fn texts(&self, column: &TypedColumn, codes: &[u32], pool: &TextPool, encoder: &mut ChunkEncoder) -> Result<Chunk> {
        let nulls = self.nulls(column);
        // Dictionary index by code, in order of first occurrence: codes depend on which worker saw a text first.
        let mut index_of = vec![u32::MAX; pool.len()];
        let mut dictionary = Dictionary {
            values: Vec::new(),
            count: 0,
            indices: Vec::with_capacity(self.order.len()),
        };
        for row in self.present(&nulls) {
            let code = codes[row as usize];
            let index = &mut index_of[code as usize];
            if *index == u32::MAX {
                *index = dictionary.count;
                dictionary.count += 1;
                dictionary.values.extend_from_slice(&byte_array(pool.text(code)));
            }
            dictionary.indices.push(*index);
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
        let lookup = &self.plan.lookups[index];
        let column = self.column(lookup.from);
        let result = |text: &str| lookup.values.get(text).map(|value| value.clone().into_bytes());
        match &column.values {
            ColumnValues::Code(codes, allowed) => {
                let texts: Vec<_> = allowed.iter().map(|text| result(&text.text)).collect();
                self.mapped(column, |row| codes[row].into(), &texts, encoder)
            }
            ColumnValues::Text(codes, pool) => {
                let text = |code| {
                    let text = std::str::from_utf8(pool.text(code));
                    Ok(result(text.map_err(|_| BrokenInvariant("stored texts are UTF-8"))?))
                };
                let texts = (0..pool.len() as u32)
                    .map(text)
                    .collect::<Result<Vec<_>, BrokenInvariant>>()?;
                self.mapped(column, |row| codes[row], &texts, encoder)
            }
            _ => Err(BrokenInvariant("a lookup is by text").into()),
        }
    }

    /// Texts by code. Several codes may have the same text; a code without a text is null.
    fn mapped(
        &self,
        column: &TypedColumn,
        code: impl Fn(usize) -> u32,
        texts: &[Option<Vec<u8>>],
        encoder: &mut ChunkEncoder,
    ) -> Result<Chunk> {
        let mut index_of = vec![None; texts.len()];
        let mut dictionary = Dictionary {
            values: Vec::new(),
            count: 0,
            indices: Vec::with_capacity(self.order.len()),
        };
        let mut seen: HashMap<&[u8], u32> = HashMap::new();
        let mut nulls = vec![false; self.order.len()];
        for (row, null) in self.order.iter().zip(&mut nulls) {
            let row = *row as usize;
            if column.is_null(row) {
                *null = true;
                continue;
            }
            let code = code(row) as usize;
            let Some(text) = &texts[code] else {
                *null = true;
                continue;
            };
            let index = *index_of[code].get_or_insert_with(|| {
                *seen.entry(text).or_insert_with(|| {
                    dictionary.values.extend_from_slice(&byte_array(text));
                    dictionary.count += 1;
                    dictionary.count - 1
                })
            });
            dictionary.indices.push(index);
        }
        encoder.dictionary(self.description.clone(), self.order.len(), &nulls, &dictionary)
    }

    /// A chunk without a dictionary. The values of a page are gathered before they are written: rows are in object order, and
    /// independent loads overlap.
    fn plain<T: Copy>(
        &self,
        values: &[T],
        nulls: &[bool],
        encoder: &mut ChunkEncoder,
        mut write: impl FnMut(&[T], &mut Vec<u8>),
    ) -> Result<Chunk> {
        let description = self.description.clone();
        let value = |row: &u32| values[*row as usize];
        let mut gathered = Vec::with_capacity(PAGE_ROWS);
        encoder.plain(description, self.order.len(), nulls, self.compression, |range, page| {
            gathered.clear();
            if nulls.is_empty() {
                gathered.extend(self.order[range].iter().map(value));
            } else {
                let present = self.range(range, nulls).filter(|(_, null)| !null);
                gathered.extend(present.map(|(row, _)| value(&row)));
            }
            write(&gathered, page);
        })
    }

    /// Rows of a range of the file, and whether they are null.
    fn range<'s>(&'s self, range: std::ops::Range<usize>, nulls: &'s [bool]) -> impl Iterator<Item = (u32, bool)> + 's {
        let rows = self.order[range.clone()].iter().copied();
        let nulls = if nulls.is_empty() { nulls } else { &nulls[range] };
        rows.zip(nulls.iter().copied().chain(std::iter::repeat(false)))
    }

    /// Rows that are not null.
    fn present<'s>(&'s self, nulls: &'s [bool]) -> impl Iterator<Item = u32> + 's {
        self.range(0..self.order.len(), nulls)
            .filter(|(_, null)| !null)
            .map(|(row, _)| row)
    }
}

/// Whether at least half of the values are repeats.
fn repeats(values: impl Iterator<Item = u128>) -> bool {
    let mut seen = HashSet::new();
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
    let (chunks, _) = page[start..].as_chunks_mut();
    for (chunk, value) in chunks.iter_mut().zip(values) {
        *chunk = bytes(*value);
    }
}

fn write_words(values: &[u64], page: &mut Vec<u8>) {
    write_fixed(values, page, u64::to_le_bytes);
}

/// A UUID in plain encoding.
fn uuid_value(value: u128) -> [u8; 40] {
    let mut bytes = [0; 40];
    bytes[..4].copy_from_slice(&36_u32.to_le_bytes());
    bytes[4..].copy_from_slice(&uuid_text(value));
    bytes
}

/// A byte array in plain encoding.
fn byte_array(text: &[u8]) -> Vec<u8> {
    let mut bytes = (text.len() as u32).to_le_bytes().to_vec();
    bytes.extend_from_slice(text);
    bytes
}

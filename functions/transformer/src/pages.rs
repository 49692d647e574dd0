//! Parquet column chunks, page by page, from values that are typed and, where it pays, coded already.
//!
//! The `parquet` crate's Arrow writer would look every text up in a hash table once more; here texts have codes since they
//! were read, so a dictionary costs a table lookup for each row. Pages are of version 1, plain or with a dictionary, compressed
//! with Zstandard at level 1: what every reader takes, Redshift's COPY included. The crate writes headers and footer.

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, EncodingMask, PageType, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, PageEncodingStats};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

/// Rows of a data page: two thirds of a megabyte of UUIDs.
pub const PAGE_ROWS: usize = 16 << 10;
/// Most bytes of a dictionary.
pub const MAXIMUM_DICTIONARY_BYTES: usize = 1 << 20;
/// Zstandard level: higher ones cost far more time than they save space on data like this.
const LEVEL: i32 = 1;
/// Groups of eight values in one bit-packed run, so that its header is one byte.
const RUN_GROUPS: usize = 63;

/// An encoded column chunk.
pub struct Chunk {
    /// Its pages.
    pub bytes: Bytes,
    /// What the footer says of it.
    pub close: ColumnCloseResult,
}

/// Encodes column chunks, one after another.
pub struct ChunkEncoder {
    compressor: zstd::bulk::Compressor<'static>,
    /// The page in the making.
    page: Vec<u8>,
}

/// A column chunk in the making.
struct Pages<'e> {
    encoder: &'e mut ChunkEncoder,
    sink: TrackedWrite<Vec<u8>>,
    compressed: bool,
    uncompressed_size: i64,
    compressed_size: i64,
    encodings: EncodingMask,
    statistics: Vec<PageEncodingStats>,
    dictionary_offset: Option<i64>,
    data_offset: Option<i64>,
}

/// Codes of the values of a dictionary chunk.
pub struct Dictionary {
    /// The distinct values, plainly encoded.
    pub values: Vec<u8>,
    /// Their number.
    pub count: u32,
    /// For every value of the chunk that is not null its place in `values`.
    pub indices: Vec<u32>,
}

impl ChunkEncoder {
    /// Takes memory for one page and the compressor.
    ///
    /// # Errors
    /// The compressor cannot be had.
    pub fn new() -> Result<Self> {
        Ok(Self {
            compressor: zstd::bulk::Compressor::new(LEVEL).map_err(|error| ParquetError::External(Box::new(error)))?,
            page: Vec::new(),
        })
    }

    /// A chunk of `rows` values, plainly encoded: `write` appends those that are not null of a range of rows.
    /// `nulls` is empty when there is none. `compressed` is false for values that have no pattern.
    ///
    /// # Errors
    /// A page larger than the format allows.
    pub fn plain(
        &mut self,
        column: ColumnDescPtr,
        rows: usize,
        nulls: &[bool],
        statistics: Option<Statistics>,
        compressed: bool,
        mut write: impl FnMut(std::ops::Range<usize>, &mut Vec<u8>),
    ) -> Result<Chunk> {
        let mut pages = Pages::new(self, compressed);
        for start in (0..rows).step_by(PAGE_ROWS) {
            let range = start..rows.min(start + PAGE_ROWS);
            pages.start_page(range.clone(), nulls);
            write(range.clone(), &mut pages.encoder.page);
            pages.end_data_page(range.len(), Encoding::PLAIN)?;
        }
        pages.finish(column, rows, statistics)
    }

    /// A chunk of `rows` values with a dictionary.
    ///
    /// # Errors
    /// A page larger than the format allows.
    pub fn dictionary(
        &mut self,
        column: ColumnDescPtr,
        rows: usize,
        nulls: &[bool],
        statistics: Option<Statistics>,
        dictionary: &Dictionary,
    ) -> Result<Chunk> {
        if dictionary.count == 0 {
            // Not every reader takes an empty dictionary.
            return self.plain(column, rows, nulls, statistics, true, |_, _| {});
        }
        let mut pages = Pages::new(self, true);
        pages.encoder.page.clear();
        pages.encoder.page.extend_from_slice(&dictionary.values);
        pages.end_dictionary_page(dictionary.count)?;
        let width = u32::BITS - dictionary.count.saturating_sub(1).leading_zeros();
        let mut next = 0;
        for start in (0..rows).step_by(PAGE_ROWS) {
            let range = start..rows.min(start + PAGE_ROWS);
            let absent = nulls
                .get(range.clone())
                .unwrap_or_default()
                .iter()
                .filter(|null| **null)
                .count();
            let present = range.len() - absent;
            pages.start_page(range.clone(), nulls);
            let indices = dictionary.indices.get(next..next + present).unwrap_or_default();
            next += present;
            pages.encoder.page.push(width as u8);
            write_hybrid(indices, width, &mut pages.encoder.page);
            pages.end_data_page(range.len(), Encoding::RLE_DICTIONARY)?;
        }
        pages.finish(column, rows, statistics)
    }
}

impl<'e> Pages<'e> {
    fn new(encoder: &'e mut ChunkEncoder, compressed: bool) -> Self {
        Self {
            encoder,
            sink: TrackedWrite::new(Vec::new()),
            compressed,
            uncompressed_size: 0,
            compressed_size: 0,
            encodings: EncodingMask::default(),
            statistics: Vec::new(),
            dictionary_offset: None,
            data_offset: None,
        }
    }

    /// Starts a data page with its definition levels.
    fn start_page(&mut self, range: std::ops::Range<usize>, nulls: &[bool]) {
        let page = &mut self.encoder.page;
        page.clear();
        page.extend_from_slice(&[0; 4]);
        match nulls.get(range.clone()) {
            Some(nulls) if nulls.contains(&true) => {
                let levels: Vec<u32> = nulls.iter().map(|null| u32::from(!*null)).collect();
                write_hybrid(&levels, 1, page);
            }
            _ => write_run(range.len(), 1, 1, page),
        }
        let length = (page.len() - 4) as u32;
        if let Some(place) = page.first_chunk_mut() {
            *place = length.to_le_bytes();
        }
    }

    fn end_data_page(&mut self, values: usize, encoding: Encoding) -> Result<()> {
        self.encodings.insert(Encoding::RLE);
        self.write(PageType::DATA_PAGE, encoding, |buf| Page::DataPage {
            buf,
            num_values: values as u32,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        })
    }

    fn end_dictionary_page(&mut self, values: u32) -> Result<()> {
        self.write(PageType::DICTIONARY_PAGE, Encoding::PLAIN, |buf| Page::DictionaryPage {
            buf,
            num_values: values,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        })
    }

    fn write(&mut self, page_type: PageType, encoding: Encoding, page: impl FnOnce(Bytes) -> Page) -> Result<()> {
        let size = self.encoder.page.len();
        let bytes = if self.compressed {
            let compressed = self.encoder.compressor.compress(&self.encoder.page);
            compressed.map_err(|error| ParquetError::External(Box::new(error)))?
        } else {
            self.encoder.page.clone()
        };
        let spec =
            SerializedPageWriter::new(&mut self.sink).write_page(CompressedPage::new(page(bytes.into()), size))?;
        self.uncompressed_size += spec.uncompressed_size as i64;
        self.compressed_size += spec.compressed_size as i64;
        let offset = match page_type {
            PageType::DICTIONARY_PAGE => &mut self.dictionary_offset,
            _ => &mut self.data_offset,
        };
        offset.get_or_insert(spec.offset as i64);
        self.encodings.insert(encoding);
        match self.statistics.last_mut() {
            Some(last) if last.page_type == page_type && last.encoding == encoding => last.count += 1,
            _ => self.statistics.push(PageEncodingStats {
                page_type,
                encoding,
                count: 1,
            }),
        }
        Ok(())
    }

    fn finish(self, column: ColumnDescPtr, rows: usize, statistics: Option<Statistics>) -> Result<Chunk> {
        let compression = if self.compressed {
            Compression::ZSTD(ZstdLevel::try_new(LEVEL)?)
        } else {
            Compression::UNCOMPRESSED
        };
        let mut builder = ColumnChunkMetaData::builder(column)
            .set_compression(compression)
            .set_encodings_mask(self.encodings)
            .set_page_encoding_stats(self.statistics)
            .set_total_compressed_size(self.compressed_size)
            .set_total_uncompressed_size(self.uncompressed_size)
            .set_num_values(rows as i64)
            .set_data_page_offset(self.data_offset.unwrap_or(0))
            .set_dictionary_page_offset(self.dictionary_offset);
        if let Some(statistics) = statistics {
            builder = builder.set_statistics(statistics);
        }
        let bytes = self.sink.into_inner()?;
        Ok(Chunk {
            close: ColumnCloseResult {
                bytes_written: bytes.len() as u64,
                rows_written: rows as u64,
                metadata: builder.build()?,
                bloom_filter: None,
                column_index: None,
                offset_index: None,
            },
            bytes: bytes.into(),
        })
    }
}

/// Appends numbers of `width` bits in the format's RLE / bit-packing hybrid: one run if all are equal, else bit-packed.
fn write_hybrid(values: &[u32], width: u32, page: &mut Vec<u8>) {
    match values.split_first() {
        None => {}
        Some((first, rest)) if rest.iter().all(|value| value == first) => write_run(values.len(), *first, width, page),
        Some(_) => {
            for run in values.chunks(RUN_GROUPS * 8) {
                write_bit_packed(run, width, page);
            }
        }
    }
}

/// Appends `count` times the same number.
fn write_run(count: usize, value: u32, width: u32, page: &mut Vec<u8>) {
    write_varint((count as u64) << 1, page);
    let bytes = width.div_ceil(8) as usize;
    page.extend(value.to_le_bytes().iter().take(bytes));
}

/// Appends at most [`RUN_GROUPS`] groups of eight numbers, the last one filled up with zeros.
fn write_bit_packed(values: &[u32], width: u32, page: &mut Vec<u8>) {
    let groups = values.len().div_ceil(8);
    write_varint((groups as u64) << 1 | 1, page);
    let end = page.len() + groups * width as usize;
    let (mut pending, mut bits) = (0_u64, 0);
    for value in values {
        pending |= u64::from(*value) << bits;
        bits += width;
        if bits >= 32 {
            page.extend_from_slice(&(pending as u32).to_le_bytes());
            pending >>= 32;
            bits -= 32;
        }
    }
    page.extend_from_slice(&pending.to_le_bytes());
    page.resize(end, 0);
}

fn write_varint(mut value: u64, page: &mut Vec<u8>) {
    while value >= 0x80 {
        page.push(value as u8 | 0x80);
        value >>= 7;
    }
    page.push(value as u8);
}

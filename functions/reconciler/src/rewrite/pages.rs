//! Drops rows of a file page by page, without decoding the remaining values.
//!
//! Decoding a file to Arrow and encoding it again costs several times what its bytes do: texts are copied one by one and
//! looked up in a hash table to find the dictionary that was there before. Here a dictionary is carried over as it is,
//! and of a page the values of the rows that stay are copied in stretches. That needs files as this project writes them
//! (pages of version 1, plain or with a dictionary, flat columns, the contract's schema); [`rewrite_pages`] declines others.

use crate::content::Content;
use crate::prefetch::PrefetchBuffers;
use crate::remote::RemoteFile;
use crate::rows::RowSet;
use cardlake_core::contract::{Column, Contract};
use cardlake_lake::parquet::pages::{
    Chunk, ChunkEncoder, ChunkWriter, CompressionStrategy, MAXIMUM_DICTIONARY_BYTES, read_hybrid,
};
use cardlake_lake::parquet::{file_properties, plain_compression};
use parquet::arrow::ArrowSchemaConverter;
use parquet::basic::{Compression, Encoding, Type as PhysicalType};
use parquet::column::page::{Page, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnDescPtr;
use std::sync::Arc;

/// The content and metadata of a file without the dropped rows; `None` if the file has another layout.
///
/// # Errors
/// The file cannot be read, or a page contradicts itself.
pub(crate) fn rewrite_pages(
    contract: &Contract,
    file: &RemoteFile,
    buffers: PrefetchBuffers,
    dropped: &RowSet,
) -> Result<Option<(Content, ParquetMetaData)>> {
    let parquet = file.parquet();
    let schema = ArrowSchemaConverter::new().convert(&contract.file_schema())?;
    let present = parquet.file_metadata().schema_descr();
    let flat = present
        .columns()
        .iter()
        .all(|column| column.max_rep_level() == 0 && column.max_def_level() <= 1);
    if !flat || schema.root_schema().get_fields() != present.root_schema().get_fields() {
        return Ok(None);
    }
    let buffers = Arc::new(buffers);
    let mut content = Content::for_size(file.size())?;
    let mut writer = SerializedFileWriter::new(
        &mut content,
        schema.root_schema_ptr(),
        Arc::new(file_properties(contract)),
    )?;
    let mut encoder = ChunkEncoder::new()?;
    let mut first_row = 0;
    for group in parquet.row_groups() {
        let rows = Rows::of(group, first_row, dropped)?;
        first_row += rows.stay.len() as u64;
        if !rows.stay.contains(&true) {
            continue;
        }
        let mut group_writer = writer.next_row_group()?;
        let columns = group
            .columns()
            .iter()
            .zip(contract.file_columns())
            .zip(schema.columns());
        for ((chunk, column), description) in columns {
            let pages = SerializedPageReader::new(Arc::clone(&buffers), chunk, rows.stay.len(), None)?;
            let task = Task {
                rows: &rows,
                description,
                coding: coding(contract, column, chunk),
            };
            let Some(chunk) = task.filter(pages, &mut encoder)? else {
                return Ok(None);
            };
            encoder.append(chunk, &mut group_writer)?;
        }
        group_writer.close()?;
    }
    let metadata = writer.close()?;
    Ok(Some((content, metadata)))
}

/// As the pages were compressed.
fn coding(contract: &Contract, column: &Column, chunk: &ColumnChunkMetaData) -> CompressionStrategy {
    if chunk.compression() == Compression::UNCOMPRESSED {
        CompressionStrategy::None
    } else if chunk.dictionary_page_offset().is_some() {
        CompressionStrategy::Matches
    } else {
        plain_compression(contract, column)
    }
}

/// Rows of a row group.
struct Rows {
    /// Which of them stay.
    stay: Vec<bool>,
}

impl Rows {
    fn of(group: &RowGroupMetaData, first_row: u64, dropped: &RowSet) -> Result<Self> {
        let count = u64::try_from(group.num_rows()).map_err(|_| damaged("the number of rows"))?;
        let stay = (first_row..first_row + count)
            .map(|row| !dropped.contains(row))
            .collect();
        Ok(Self { stay })
    }
}

/// The dictionary of a chunk.
struct Dictionary {
    values: bytes::Bytes,
    count: u32,
    /// Values that rows which stay refer to.
    used: Vec<bool>,
}

/// One column of one row group.
struct Task<'a> {
    rows: &'a Rows,
    description: &'a ColumnDescPtr,
    coding: CompressionStrategy,
}

impl Task<'_> {
    /// The chunk of the rows that stay; `None` if it has a page of another layout.
    fn filter(&self, mut pages: impl PageReader, encoder: &mut ChunkEncoder) -> Result<Option<Chunk>> {
        let mut chunk = encoder.chunk(self.description.clone(), self.coding)?;
        let mut dictionary: Option<Dictionary> = None;
        let mut next_row = 0;
        while let Some(page) = pages.get_next_page()? {
            match page {
                Page::DictionaryPage {
                    buf,
                    num_values,
                    encoding: Encoding::PLAIN | Encoding::PLAIN_DICTIONARY,
                    ..
                } if buf.len() <= 2 * MAXIMUM_DICTIONARY_BYTES => {
                    chunk.dictionary_page(&buf, num_values)?;
                    dictionary = Some(Dictionary {
                        used: vec![false; num_values as usize],
                        values: buf,
                        count: num_values,
                    });
                }
                Page::DataPage {
                    buf,
                    num_values,
                    encoding,
                    def_level_encoding: Encoding::RLE,
                    ..
                } => {
                    let end = next_row + num_values as usize;
                    let stay = self
                        .rows
                        .stay
                        .get(next_row..end)
                        .ok_or_else(|| damaged("the rows of a page"))?;
                    next_row = end;
                    let page = self.split(&buf, stay)?;
                    match (encoding, &mut dictionary) {
                        (Encoding::PLAIN, _) => self.plain(&page, &mut chunk)?,
                        (Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY, Some(dictionary)) => {
                            indices(&page, dictionary, &mut chunk)?;
                        }
                        _ => return Ok(None),
                    }
                }
                _ => return Ok(None),
            }
        }
        if next_row != self.rows.stay.len() {
            return Err(damaged("the number of rows"));
        }
        if let Some(dictionary) = &dictionary {
            chunk.occurs(&self.used_values(dictionary)?);
        }
        chunk.finish().map(Some)
    }

    /// Tells levels and values of a data page apart.
    fn split<'p>(&self, page: &'p [u8], stay: &[bool]) -> Result<SplitPage<'p>> {
        let kept = stay.iter().filter(|stay| **stay).count();
        let mut split = SplitPage {
            values: page,
            rows: kept,
            nulls: Vec::new(),
            stay: stay.to_vec(),
        };
        if self.description.max_def_level() == 0 {
            return Ok(split);
        }
        let (length, rest) = page.split_first_chunk().ok_or_else(|| damaged("a page"))?;
        let (levels, values) = rest
            .split_at_checked(u32::from_le_bytes(*length) as usize)
            .ok_or_else(|| damaged("a page"))?;
        split.values = values;
        let levels = read_hybrid(levels, 1, stay.len()).ok_or_else(|| damaged("the levels of a page"))?;
        if levels.contains(&0) {
            let kept = levels.iter().zip(stay).filter(|(_, stay)| **stay);
            split.nulls = kept.map(|(level, _)| *level == 0).collect();
            let present = levels.iter().zip(stay).filter(|(level, _)| **level == 1);
            split.stay = present.map(|(_, stay)| *stay).collect();
        }
        Ok(split)
    }

    fn plain(&self, page: &SplitPage<'_>, chunk: &mut ChunkWriter<'_>) -> Result<()> {
        if page.rows == 0 {
            return Ok(());
        }
        let stretches = match self.width()? {
            Width::Fixed(width) => page.fixed_stretches(width),
            Width::Text => page.text_stretches(),
            Width::Bit => return page.bits(chunk),
        };
        let stretches = stretches.ok_or_else(|| damaged("the values of a page"))?;
        chunk.plain_page(page.rows, &page.nulls, |to| {
            for stretch in stretches {
                to.extend_from_slice(stretch);
            }
        })
    }

    fn width(&self) -> Result<Width> {
        Ok(match self.description.physical_type() {
            PhysicalType::BOOLEAN => Width::Bit,
            PhysicalType::INT32 | PhysicalType::FLOAT => Width::Fixed(4),
            PhysicalType::INT64 | PhysicalType::DOUBLE => Width::Fixed(8),
            PhysicalType::INT96 => Width::Fixed(12),
            PhysicalType::BYTE_ARRAY => Width::Text,
            PhysicalType::FIXED_LEN_BYTE_ARRAY => {
                let length = usize::try_from(self.description.type_length());
                Width::Fixed(length.map_err(|_| damaged("the length of a type"))?)
            }
        })
    }

    /// The values of the dictionary that are still in use, plainly encoded.
    fn used_values(&self, dictionary: &Dictionary) -> Result<Vec<u8>> {
        let page = SplitPage {
            values: &dictionary.values,
            rows: 0,
            nulls: Vec::new(),
            stay: dictionary.used.clone(),
        };
        let stretches = match self.width()? {
            Width::Fixed(width) => page.fixed_stretches(width),
            Width::Text => page.text_stretches(),
            Width::Bit => None,
        };
        Ok(stretches.ok_or_else(|| damaged("a dictionary"))?.concat())
    }
}

/// How much of a page a value takes.
enum Width {
    Fixed(usize),
    Text,
    Bit,
}

/// A data page without its levels.
struct SplitPage<'p> {
    values: &'p [u8],
    /// Rows that stay.
    rows: usize,
    /// Which of them are null; empty when none is.
    nulls: Vec<bool>,
    /// Which of the values stay.
    stay: Vec<bool>,
}

impl<'p> SplitPage<'p> {
    /// The values that stay, neighbours together.
    fn fixed_stretches(&self, width: usize) -> Option<Vec<&'p [u8]>> {
        let mut stretches = Vec::new();
        let mut next = 0;
        for stretch in self.stay.chunk_by(|a, b| a == b) {
            let start = next;
            next += stretch.len();
            if stretch.first() == Some(&true) {
                stretches.push(self.values.get(start.checked_mul(width)?..next.checked_mul(width)?)?);
            }
        }
        Some(stretches)
    }

    fn text_stretches(&self) -> Option<Vec<&'p [u8]>> {
        let mut stretches = Vec::new();
        let mut next = 0;
        for stretch in self.stay.chunk_by(|a, b| a == b) {
            let start = next;
            for _ in stretch {
                let length = self.values.get(next..)?.first_chunk()?;
                next = next.checked_add(4)?.checked_add(u32::from_le_bytes(*length) as usize)?;
            }
            if stretch.first() == Some(&true) {
                stretches.push(self.values.get(start..next)?);
            }
        }
        Some(stretches)
    }

    /// Values of one bit each.
    fn bits(&self, chunk: &mut ChunkWriter<'_>) -> Result<()> {
        if self.values.len() * 8 < self.stay.len() {
            return Err(damaged("the values of a page"));
        }
        let bits = self
            .values
            .iter()
            .flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1));
        let kept: Vec<u8> = bits
            .zip(&self.stay)
            .filter(|(_, stay)| **stay)
            .map(|(bit, _)| bit)
            .collect();
        chunk.plain_page(self.rows, &self.nulls, |to| {
            let byte = |bits: &[u8]| (0..).zip(bits).fold(0, |byte, (index, bit)| byte | bit << index);
            to.extend(kept.chunks(8).map(byte));
        })
    }
}

/// A page of dictionary indices.
fn indices(page: &SplitPage<'_>, dictionary: &mut Dictionary, chunk: &mut ChunkWriter<'_>) -> Result<()> {
    if page.rows == 0 {
        return Ok(());
    }
    let (width, packed) = match page.values.split_first() {
        Some((width, packed)) => (u32::from(*width), packed),
        // A page of nulls has no values; otherwise reading them fails.
        None => (0, page.values),
    };
    let all = read_hybrid(packed, width, page.stay.len()).ok_or_else(|| damaged("the values of a page"))?;
    let kept: Vec<u32> = all
        .into_iter()
        .zip(&page.stay)
        .filter(|(_, stay)| **stay)
        .map(|(index, _)| index)
        .collect();
    for index in &kept {
        let used = dictionary.used.get_mut(*index as usize);
        *used.ok_or_else(|| damaged("the values of a page"))? = true;
    }
    chunk.index_page(page.rows, &page.nulls, &kept, dictionary.count)
}

fn damaged(what: &str) -> ParquetError {
    ParquetError::General(format!("{what} cannot be read: the file is damaged"))
}

//! A table for tests.

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use cardlake_expectations::{Batches, Source};
use futures::StreamExt;

/// One batch in memory.
pub struct Memory {
    schema: SchemaRef,
    batch: RecordBatch,
}

impl Source for Memory {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn rows(&self) -> u64 {
        self.batch.num_rows() as u64
    }

    fn scan(&self, columns: &[String]) -> Batches<'_> {
        let places: Vec<usize> = columns.iter().map(|name| self.schema.index_of(name).unwrap()).collect();
        let batch = self.batch.project(&places).unwrap();
        futures::stream::once(async { Ok(batch) }).boxed()
    }
}

/// A table of these columns, all of which may hold nulls.
pub fn table(columns: Vec<(&str, ArrayRef)>) -> Memory {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)));
    let batch = batch.unwrap();
    Memory {
        schema: batch.schema(),
        batch,
    }
}

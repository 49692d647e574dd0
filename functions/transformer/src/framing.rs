//! Where records end, by format: shared by the blocks, which are cut behind a record, and by the workers, which read them.
//!
//! The end of a record depends on the text from its start on and on nothing else, so that both find the same.

use crate::csv::CsvLayout;
use crate::csv_record::RecordEnd;
use crate::json_record::{NextRecord, next_record};
use memchr::{memchr, memrchr};
use std::sync::Arc;

/// How records are told apart.
#[derive(Debug, Clone)]
pub(crate) enum Framing {
    /// A record is a line.
    Lines,
    /// CSV: line ends in quotes belong to the record.
    Csv(Arc<CsvLayout>),
    /// JSON objects, wherever they begin and end.
    JsonObjects(OpenArrays),
}

/// Brackets between the records of a JSON file.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OpenArrays {
    /// Opening ones minus closing ones.
    balance: i64,
    /// Whether a malformed record may have taken some.
    malformed: bool,
}

impl Framing {
    /// End of the last complete record of a text, of which `scanned` is the end of the records found before. `at_end`: the file
    /// ends with the text. `at_limit`: a record that has not ended by now is too long.
    pub(crate) fn last_end(&mut self, text: &[u8], scanned: &mut usize, at_end: bool, at_limit: bool) -> usize {
        match self {
            Self::Lines => return memrchr(b'\n', text).map_or(0, |at| at + 1),
            Self::Csv(layout) => {
                let records = &layout.records;
                if memchr(records.syntax.quote, text).is_none() && records.syntax.escape.is_none() {
                    return memrchr(b'\n', text).map_or(0, |at| at + 1);
                }
                while *scanned < text.len() {
                    // Behind a record that ends, the next may go on in the next block.
                    let is_final = at_end || (at_limit && *scanned == 0);
                    match records.record_end(text, *scanned, is_final) {
                        RecordEnd::At(end) | RecordEnd::Malformed(end, _) => *scanned = end,
                        RecordEnd::Beyond => break,
                    }
                }
            }
            Self::JsonObjects(arrays) => loop {
                match next_record(text, *scanned, at_end) {
                    NextRecord::Found {
                        start,
                        end,
                        well_formed,
                    } => {
                        arrays.add(&text[*scanned..start]);
                        arrays.malformed |= !well_formed;
                        *scanned = end;
                    }
                    NextRecord::None => {
                        arrays.add(&text[*scanned..]);
                        *scanned = text.len();
                        break;
                    }
                    NextRecord::Beyond => break,
                }
            },
        }
        *scanned
    }

    /// Whether a record of a text of complete records ends at this line end. `at_end`: the file ends with the text.
    pub(crate) fn is_end(&self, text: &[u8], line_end: usize, at_end: bool) -> bool {
        let Self::Csv(layout) = self else {
            return matches!(self, Self::Lines);
        };
        let records = &layout.records;
        if memchr(records.syntax.quote, &text[..line_end]).is_none() && records.syntax.escape.is_none() {
            return true;
        }
        let mut position = 0;
        while position < line_end {
            match records.record_end(text, position, at_end) {
                RecordEnd::At(end) | RecordEnd::Malformed(end, _) => position = end,
                RecordEnd::Beyond => return false,
            }
        }
        position == line_end
    }

    /// Whether the file ends within an array.
    pub(crate) const fn ends_in_array(&self) -> bool {
        matches!(self, Self::JsonObjects(arrays) if arrays.balance > 0 && !arrays.malformed)
    }
}

impl OpenArrays {
    fn add(&mut self, separators: &[u8]) {
        for byte in separators {
            self.balance += match byte {
                b'[' => 1,
                b']' => -1,
                _ => 0,
            };
        }
    }
}

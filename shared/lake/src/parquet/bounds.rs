//! Minimum and maximum of a column chunk, from the plain encoding of its values.

use parquet::basic::Type as PhysicalType;
use parquet::data_type::ByteArray;
use parquet::file::statistics::Statistics;

/// Maximum length of a text bound in bytes: longer ones enlarge the footer and prune nothing.
const LONGEST_TEXT: usize = 256;

/// The bounds seen so far.
#[derive(Debug)]
pub(super) enum Bounds {
    /// INT32: dates and short integers.
    Short(Option<(i32, i32)>),
    /// INT64: integers, decimals of up to 18 digits, timestamps.
    Long(Option<(i64, i64)>),
    /// BYTE_ARRAY: texts, in the order of their bytes.
    Text(Option<(Vec<u8>, Vec<u8>)>),
    /// A type without bounds.
    None,
}

impl Bounds {
    pub(super) const fn new(physical_type: PhysicalType) -> Self {
        match physical_type {
            PhysicalType::INT32 => Self::Short(None),
            PhysicalType::INT64 => Self::Long(None),
            PhysicalType::BYTE_ARRAY => Self::Text(None),
            _ => Self::None,
        }
    }

    /// Includes values in plain encoding.
    pub(super) fn add(&mut self, plain: &[u8]) {
        match self {
            Self::Short(bounds) => widen(
                bounds,
                plain.as_chunks().0.iter().map(|bytes| i32::from_le_bytes(*bytes)),
            ),
            Self::Long(bounds) => widen(
                bounds,
                plain.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)),
            ),
            Self::Text(bounds) => {
                let (mut least, mut greatest) = match bounds {
                    Some((least, greatest)) => (Some(least.as_slice()), Some(greatest.as_slice())),
                    None => (None, None),
                };
                for text in PlainTexts(plain) {
                    if least.is_none_or(|least| text < least) {
                        least = Some(text);
                    }
                    if greatest.is_none_or(|greatest| text > greatest) {
                        greatest = Some(text);
                    }
                }
                if let (Some(least), Some(greatest)) = (least, greatest) {
                    *bounds = Some((least.to_vec(), greatest.to_vec()));
                }
            }
            Self::None => {}
        }
    }

    /// Statistics for the footer; `None` for a type without bounds.
    pub(super) fn statistics(self, nulls: u64) -> Option<Statistics> {
        let nulls = Some(nulls);
        Some(match self {
            Self::Short(bounds) => {
                let (min, max) = bounds.unzip();
                Statistics::int32(min, max, None, nulls, false)
            }
            Self::Long(bounds) => {
                let (min, max) = bounds.unzip();
                Statistics::int64(min, max, None, nulls, false)
            }
            Self::Text(bounds) => {
                let short = |text: &Vec<u8>| text.len() <= LONGEST_TEXT;
                let (min, max) = bounds.filter(|(min, max)| short(min) && short(max)).unzip();
                Statistics::byte_array(min.map(ByteArray::from), max.map(ByteArray::from), None, nulls, false)
            }
            Self::None => return None,
        })
    }
}

fn widen<T: Ord + Copy>(bounds: &mut Option<(T, T)>, values: impl Iterator<Item = T>) {
    for value in values {
        *bounds = Some(match *bounds {
            None => (value, value),
            Some((least, greatest)) => (least.min(value), greatest.max(value)),
        });
    }
}

/// Texts of a BYTE_ARRAY page: a length of four bytes and that many bytes each. Ends at the first truncated one.
#[derive(Debug, Clone)]
pub struct PlainTexts<'a>(pub &'a [u8]);

impl<'a> Iterator for PlainTexts<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk()?;
        let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        self.0 = rest;
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(texts: &[&str]) -> Vec<u8> {
        let parts = texts.iter().map(|text| {
            let length = u32::try_from(text.len()).unwrap().to_le_bytes();
            [&length, text.as_bytes()].concat()
        });
        parts.collect::<Vec<_>>().concat()
    }

    #[test]
    fn bounds_grow_from_page_to_page() {
        let mut bounds = Bounds::new(PhysicalType::INT64);
        bounds.add(&[3_i64.to_le_bytes(), (-7_i64).to_le_bytes()].concat());
        bounds.add(&[]);
        bounds.add(&5_i64.to_le_bytes());
        assert_eq!(
            bounds.statistics(2),
            Some(Statistics::int64(Some(-7), Some(5), None, Some(2), false))
        );
        let mut bounds = Bounds::new(PhysicalType::BYTE_ARRAY);
        bounds.add(&plain(&["b", "ba"]));
        bounds.add(&plain(&["", "z"]));
        let text = |text: &str| Some(ByteArray::from(text));
        assert_eq!(
            bounds.statistics(0),
            Some(Statistics::byte_array(text(""), text("z"), None, Some(0), false))
        );
    }

    #[test]
    fn a_long_text_is_no_bound() {
        let mut bounds = Bounds::new(PhysicalType::BYTE_ARRAY);
        bounds.add(&plain(&["a", &"b".repeat(LONGEST_TEXT + 1)]));
        assert_eq!(
            bounds.statistics(1),
            Some(Statistics::byte_array(None, None, None, Some(1), false))
        );
    }

    #[test]
    fn texts_end_where_the_page_is_cut_off() {
        let page = plain(&["one", "two"]);
        assert_eq!(PlainTexts(&page).collect::<Vec<_>>(), [b"one", b"two"]);
        assert_eq!(PlainTexts(&page[..page.len() - 1]).collect::<Vec<_>>(), [b"one"]);
        assert_eq!(PlainTexts(&page[..2]).count(), 0);
    }
}

//! Limits on what an object may ask for, from its contract.

use std::io::{Error, Read, Result, Write};

/// An object passes a limit of its contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LimitExceeded {
    /// It has more text than its size explains.
    #[error("its text has more than {bytes} bytes, which is beyond limits.maxExpansion of the contract")]
    Expansion {
        /// The largest number of bytes.
        bytes: u64,
    },
    /// Too much of it is quarantined.
    #[error(
        "its quarantined rows take more than {bytes} bytes, which is limits.maxQuarantineBytes of the contract; is it a file of \
         this dataset?"
    )]
    Quarantine {
        /// The largest number of bytes.
        bytes: u64,
    },
    /// It has too many columns.
    #[error("it has {columns} columns, which is beyond limits.maxColumns of the contract ({most})")]
    Columns {
        /// Its columns.
        columns: usize,
        /// The largest number of columns.
        most: u32,
    },
}

impl LimitExceeded {
    /// Fails if there are more columns than the contract allows.
    pub(crate) const fn columns(columns: usize, most: u32) -> std::result::Result<(), Self> {
        if columns > most as usize {
            return Err(Self::Columns { columns, most });
        }
        Ok(())
    }

    /// The limit that made reading or writing fail.
    pub(crate) fn of(error: &Error) -> Option<Self> {
        error.get_ref()?.downcast_ref::<Self>().copied()
    }
}

/// Reads or writes so many bytes and fails at the next one.
pub(crate) struct Limited<S> {
    stream: S,
    left: u64,
    exceeded: LimitExceeded,
}

impl<S> Limited<S> {
    /// Text of an object.
    pub(crate) const fn text(stream: S, bytes: u64) -> Self {
        let exceeded = LimitExceeded::Expansion { bytes };
        Self {
            stream,
            left: bytes,
            exceeded,
        }
    }

    /// The quarantine of an object.
    pub(crate) const fn quarantine(stream: S, bytes: u64) -> Self {
        let exceeded = LimitExceeded::Quarantine { bytes };
        Self {
            stream,
            left: bytes,
            exceeded,
        }
    }

    fn take(&mut self, bytes: usize) -> Result<usize> {
        self.left = self
            .left
            .checked_sub(bytes as u64)
            .ok_or_else(|| Error::other(self.exceeded))?;
        Ok(bytes)
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.stream.read(buffer)?;
        self.take(read)
    }
}

impl<W: Write> Write for Limited<W> {
    fn write(&mut self, buffer: &[u8]) -> Result<usize> {
        self.take(buffer.len())?;
        self.stream.write_all(buffer)?;
        Ok(buffer.len())
    }

    fn flush(&mut self) -> Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_as_the_limit_is_read_and_not_a_byte_more() {
        let mut text = Vec::new();
        Limited::text(&b"abc"[..], 3).read_to_end(&mut text).unwrap();
        assert_eq!(text, b"abc");
        let error = Limited::text(&b"abcd"[..], 3).read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(LimitExceeded::of(&error), Some(LimitExceeded::Expansion { bytes: 3 }));
        assert_eq!(LimitExceeded::of(&Error::other("something else")), None);
        assert_eq!(LimitExceeded::of(&std::io::ErrorKind::UnexpectedEof.into()), None);
    }

    #[test]
    fn as_much_as_the_limit_is_written_and_not_a_byte_more() {
        let mut written = Vec::new();
        let mut quarantine = Limited::quarantine(&mut written, 4);
        quarantine.write_all(b"ab").unwrap();
        quarantine.write_all(b"cd").unwrap();
        let error = quarantine.write_all(b"e").unwrap_err();
        assert_eq!(LimitExceeded::of(&error), Some(LimitExceeded::Quarantine { bytes: 4 }));
        assert_eq!(written, b"abcd");
    }
}

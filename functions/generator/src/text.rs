//! Formats values into byte buffers without allocating.

/// Two lowercase hexadecimal digits of each byte.
static HEX: [[u8; 2]; 256] = hex();
/// Two decimal digits of each number below 100.
static DECIMAL: [[u8; 2]; 100] = decimal();

const fn hex() -> [[u8; 2]; 256] {
    let digits = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    table
}

const fn decimal() -> [[u8; 2]; 100] {
    let mut table = [[0; 2]; 100];
    let mut number = 0;
    while number < 100 {
        table[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    table
}

/// A UUID as 8-4-4-4-12 lowercase hexadecimal digits.
///
/// A table lookup takes 11 ns; `uuid::fmt::Hyphenated::encode_lower` takes 31 ns (at `opt-level = "s"`: 40 and 200 ns).
#[inline]
pub(crate) fn uuid(value: u128) -> [u8; 36] {
    let mut text = [b'-'; 36];
    let mut at = 0;
    for (index, byte) in value.to_be_bytes().into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            at += 1;
        }
        text[at..at + 2].copy_from_slice(&HEX[usize::from(byte)]);
        at += 2;
    }
    text
}

/// A second of the day as `HH:MM:SS`.
#[inline]
pub(crate) fn time(second: u32) -> [u8; 8] {
    let [hour, minute, second] = [second / 3600 % 24, second / 60 % 60, second % 60].map(|part| DECIMAL[part as usize]);
    [hour[0], hour[1], b':', minute[0], minute[1], b':', second[0], second[1]]
}

/// An integer in decimal digits.
#[inline]
pub(crate) fn push_number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    while value >= 100 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&DECIMAL[(value % 100) as usize]);
        value /= 100;
    }
    if value >= 10 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&DECIMAL[value as usize]);
    } else {
        at -= 1;
        digits[at] = b'0' + value as u8;
    }
    out.extend_from_slice(&digits[at..]);
}

/// Hundredths as a decimal number with two fractional digits.
#[inline]
pub(crate) fn push_amount(out: &mut Vec<u8>, hundredths: u64) {
    push_number(out, hundredths / 100);
    let [tens, ones] = DECIMAL[(hundredths % 100) as usize];
    out.extend_from_slice(&[b'.', tens, ones]);
}

/// A JSON string with its quotes.
pub(crate) fn push_json_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut copied = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte > 0x1F && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[copied..at]);
        copied = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            _ => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&HEX[usize::from(byte)]);
            }
        }
    }
    out.extend_from_slice(&bytes[copied..]);
    out.push(b'"');
}

/// A CSV field (RFC 4180), quoted if it contains a comma, a quote or a line break.
pub(crate) fn push_csv_field(out: &mut Vec<u8>, text: &str) {
    if !text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_written_as_the_uuid_crate_writes_them() {
        for value in [0, u128::MAX, 0x0123_4567_89ab_cdef_0011_2233_4455_6677] {
            assert_eq!(
                std::str::from_utf8(&uuid(value)).unwrap(),
                uuid::Uuid::from_u128(value).to_string()
            );
        }
    }

    #[test]
    fn numbers_and_amounts_have_no_leading_zeros() {
        for value in [0, 7, 10, 99, 100, 101, 12_345, u64::MAX] {
            let mut out = Vec::new();
            push_number(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
        }
        for (hundredths, expected) in [(0, "0.00"), (5, "0.05"), (3_468_307, "34683.07"), (100, "1.00")] {
            let mut out = Vec::new();
            push_amount(&mut out, hundredths);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn times_have_two_digits_each() {
        assert_eq!(&time(0), b"00:00:00");
        assert_eq!(&time(86_399), b"23:59:59");
    }

    #[test]
    fn awkward_texts_are_quoted_as_the_formats_want() {
        let awkward = "Kim \"Q\", Söhne\n김 \\ \u{1}";
        let (mut json, mut csv) = (Vec::new(), Vec::new());
        push_json_string(&mut json, awkward);
        push_csv_field(&mut csv, awkward);
        assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), awkward);
        assert_eq!(String::from_utf8(csv).unwrap(), "\"Kim \"\"Q\"\", Söhne\n김 \\ \u{1}\"");
    }
}

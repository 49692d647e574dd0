use super::*;
use chrono::DateTime;
use proptest::prelude::*;

#[test]
fn uuids_are_read_in_either_case_and_written_in_lower_case() {
    let value = uuid(b"2AF9B1E0-f999-4c3e-9440-3b73e12502f7").unwrap();
    assert_eq!(value, 0x2af9_b1e0_f999_4c3e_9440_3b73_e125_02f7);
    assert_eq!(&uuid_text(value), b"2af9b1e0-f999-4c3e-9440-3b73e12502f7");
}

#[test]
fn what_is_no_uuid_is_refused() {
    for text in [
        "",
        "2af9b1e0f9994c3e94403b73e12502f7",
        "2af9b1e0-f999-4c3e-9440-3b73e12502f",
        "2af9b1e0-f999-4c3e-9440-3b73e12502f77",
        "2af9b1e0-f999-4c3e-9440_3b73e12502f7",
        "2af9b1e0-f99g-4c3e-9440-3b73e12502f7",
        "{2af9b1e0-f999-4c3e-9440-3b73e1250}",
    ] {
        assert_eq!(uuid(text.as_bytes()), None, "{text}");
    }
    // Every byte that is no hexadecimal digit, in every place.
    let good = *b"2af9b1e0-f999-4c3e-9440-3b73e12502f7";
    for place in (0..36).filter(|place| ![8, 13, 18, 23].contains(place)) {
        for byte in 0..=255_u8 {
            let mut text = good;
            text[place] = byte;
            assert_eq!(uuid(&text).is_some(), byte.is_ascii_hexdigit(), "{byte:#x} at {place}");
        }
    }
}

#[test]
fn decimals_are_exact_or_refused() {
    let check = |text: &str, expected: Result<i128, Rule>| assert_eq!(decimal(text, 18, 2), expected, "{text}");
    check("14391.55", Ok(1_439_155));
    check("0", Ok(0));
    check("-0.5", Ok(-50));
    check("+7", Ok(700));
    check(".5", Ok(50));
    check("5.", Ok(500));
    check("1.500", Ok(150));
    check("000000000000000000000001.10", Ok(110));
    check("9999999999999999.99", Ok(999_999_999_999_999_999));
    check("10000000000000000", Err(Rule::Range));
    check("1.005", Err(Rule::Scale));
    check("1e3", Err(Rule::Scientific));
    check("-1.5E+3", Err(Rule::Scientific));
    for text in [
        "", ".", "-", "NaN", "Infinity", "1,000", "1.2.3", "12a", "0x10", "e5", "1e", "１",
    ] {
        check(text, Err(Rule::NotNumber));
    }
}

#[test]
fn integers_keep_their_width() {
    assert_eq!(integer("-32768", 16), Ok(-32768));
    assert_eq!(integer("32768", 16), Err(Rule::Range));
    assert_eq!(integer("9223372036854775807", 64), Ok(i64::MAX));
    assert_eq!(integer("9223372036854775808", 64), Err(Rule::Range));
    assert_eq!(integer("1.0", 32), Ok(1));
    assert_eq!(integer("1.5", 32), Err(Rule::NotInteger));
}

#[test]
fn doubles_are_finite() {
    assert_eq!(double("1e3"), Ok(1000.0));
    assert_eq!(double("-0").map(f64::to_bits), Ok(0));
    for text in ["NaN", "inf", "1e999", "x"] {
        assert_eq!(double(text), Err(Rule::NotNumber), "{text}");
    }
}

#[test]
fn booleans_have_ten_spellings() {
    for text in ["true", "T", "1", "Y", "yes", "TRUE"] {
        assert_eq!(boolean(text.as_bytes()), Some(true), "{text}");
    }
    for text in ["false", "f", "0", "N", "No", "False"] {
        assert_eq!(boolean(text.as_bytes()), Some(false), "{text}");
    }
    for text in ["", "2", "ja", "truee"] {
        assert_eq!(boolean(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn timestamps_of_every_form_come_out_in_utc() {
    let noon = 1_768_305_600_000_000;
    for (text, micros) in [
        ("2026-01-13 12:00:00", noon),
        ("2026-01-13T12:00:00", noon),
        ("2026-01-13T12:00:00Z", noon),
        ("2026-01-13t12:00:00z", noon),
        ("2026-01-13T21:00:00+09:00", noon),
        ("2026-01-13 21:00:00+09", noon),
        ("2026-01-13T06:30:00-0530", noon),
        ("2026-01-14T00:00:00+12:00", noon),
        ("2026-01-13 12:00:00 UTC", noon),
        ("2026-01-13 12:00:00utc", noon),
        ("2026-01-13 12:00", noon),
        ("2026-01-13T12:00Z", noon),
        ("2026-01-13T21:00+09:00", noon),
        ("2026-01-13 12:00:00.5", noon + 500_000),
        ("2026-01-13 12:00:00.123456", noon + 123_456),
        ("2026-01-13 12:00:00.123456789Z", noon + 123_456),
        ("1969-12-31 23:59:59.999999", -1),
    ] {
        assert_eq!(timestamp(text.as_bytes()), Ok(micros), "{text}");
    }
}

#[test]
fn wrong_timestamps_say_why() {
    for (text, rule) in [
        ("2026-01-13", Rule::NotTimestamp),
        ("1768305600", Rule::NotTimestamp),
        ("2026/01/13 12:00:00", Rule::NotTimestamp),
        ("2026-01-13_12:00:00", Rule::NotTimestamp),
        ("2026-01-13 12:00:00.", Rule::NotTimestamp),
        ("2026-01-13 12:00:00.1234567890", Rule::NotTimestamp),
        ("2026-01-13 12:00:00 KST", Rule::NotTimestamp),
        ("2026-01-13 12", Rule::NotTimestamp),
        ("2026-01-13 12:0", Rule::NotTimestamp),
        ("2026-01-13 24:00", Rule::NoSuchTime),
        ("2026-01-13 12:00:00+24:00", Rule::NotTimestamp),
        ("2026-01-13 12:00:00+", Rule::NotTimestamp),
        ("2026-02-29 12:00:00", Rule::NoSuchDay),
        ("2026-13-01 12:00:00", Rule::NoSuchDay),
        ("0000-01-01 12:00:00", Rule::NoSuchDay),
        ("2026-01-13 24:00:00", Rule::NoSuchTime),
        ("2026-01-13 23:59:60", Rule::NoSuchTime),
    ] {
        assert_eq!(timestamp(text.as_bytes()), Err(rule), "{text}");
    }
    assert_eq!(timestamp(b"2024-02-29 12:00:00"), Ok(1_709_208_000_000_000));
}

#[test]
fn epochs_are_exact() {
    let noon = 1_768_305_600_000_000;
    assert_eq!(epoch("1768305600", 0), Ok(noon));
    assert_eq!(epoch("1768305600.25", 0), Ok(noon + 250_000));
    assert_eq!(epoch("1768305600001", 3), Ok(noon + 1000));
    assert_eq!(epoch("-1", 0), Ok(-1_000_000));
    // Milliseconds in a column of seconds.
    assert_eq!(epoch("1768305600001", 0), Err(Rule::NoSuchDay));
    for text in ["1.7683056e9", "2026-01-13", "x", "1768305600.0000001"] {
        assert_eq!(epoch(text, 0), Err(Rule::NotTimestamp), "{text}");
    }
}

#[test]
fn email_addresses_have_a_name_and_a_domain() {
    for text in ["a@b.co", "kim.min-su+x@mail.example.org"] {
        assert!(is_email(text), "{text}");
    }
    for text in ["", "a", "@b.co", "a@b", "a@.co", "a@b.", "a@b@c.co", "a b@c.co"] {
        assert!(!is_email(text), "{text}");
    }
}

proptest! {
    #[test]
    fn a_uuid_survives_the_round_trip(value: u128) {
        prop_assert_eq!(uuid(&uuid_text(value)), Some(value));
        let text = uuid_text(value).to_ascii_uppercase();
        prop_assert_eq!(uuid(&text), Some(value));
    }

    #[test]
    fn the_fast_decimal_agrees_with_the_exact_one(text in "[-+]?[0-9]{0,20}([.][0-9]{0,4})?[e]?", scale in 0_u8..4) {
        if let Some(value) = plain_decimal(text.as_bytes(), usize::from(scale)) {
            // The fast one may give more digits than the precision holds: its caller checks the range.
            prop_assert_eq!(decimal(&text, 38, scale), Ok(i128::from(value)));
        }
    }

    #[test]
    fn timestamps_agree_with_chrono(seconds in -60_000_000_000_i64..250_000_000_000, micros in 0_u32..1_000_000, offset in -86_340_i32..86_340) {
        let instant = DateTime::from_timestamp(seconds, micros * 1000).unwrap();
        let zone = chrono::FixedOffset::east_opt(offset / 60 * 60).unwrap();
        let text = instant.with_timezone(&zone).to_rfc3339();
        prop_assert_eq!(timestamp(text.as_bytes()), Ok(instant.timestamp_micros()), "{}", text);
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in ".{0,40}") {
        let _ = (uuid(text.as_bytes()), timestamp(text.as_bytes()), date(text.as_bytes()), boolean(text.as_bytes()));
        let _ = (decimal(&text, 18, 2), integer(&text, 64), double(&text), is_email(&text));
        let _ = plain_decimal(text.as_bytes(), 2);
    }
}

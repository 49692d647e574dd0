//! Tags of objects: at most ten, as S3 limits them
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html>).

use std::collections::BTreeMap;

use hyper::StatusCode;
use percent_encoding::percent_decode_str;
use s3s::dto::{Tag, TagSet, Tagging};
use s3s::{S3Error, S3ErrorCode, S3Result};

use crate::error::custom;

const MOST_TAGS: usize = 10;
/// UTF-16 units of a key and of a value.
const LONGEST: (usize, usize) = (128, 256);

/// By key.
pub(crate) type Tags = BTreeMap<String, String>;

/// The tags of the header `x-amz-tagging`, a query string.
///
/// # Errors
/// It is none, or has too many or too long ones.
pub(crate) fn of_header(header: Option<&str>) -> S3Result<Tags> {
    let pairs = header.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    checked(pairs.map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decoded(key)?, decoded(value)?))
    }))
}

/// The tags of a request's body.
///
/// # Errors
/// As [`of_header`].
pub(crate) fn of_body(tagging: Tagging) -> S3Result<Tags> {
    checked(tagging.tag_set.into_iter().map(|tag| match (tag.key, tag.value) {
        (Some(key), Some(value)) => Ok((key, value)),
        _ => Err(invalid("A tag needs a key and a value.")),
    }))
}

pub(crate) fn output(tags: Tags) -> TagSet {
    let tag = |(key, value)| Tag {
        key: Some(key),
        value: Some(value),
    };
    tags.into_iter().map(tag).collect()
}

fn checked(pairs: impl Iterator<Item = S3Result<(String, String)>>) -> S3Result<Tags> {
    let mut tags = Tags::new();
    for pair in pairs {
        let (key, value) = pair?;
        let length = |text: &str| text.encode_utf16().count();
        if key.is_empty() || length(&key) > LONGEST.0 {
            return Err(invalid("The TagKey you have provided is invalid"));
        }
        if length(&value) > LONGEST.1 {
            return Err(invalid("The TagValue you have provided is invalid"));
        }
        if tags.insert(key, value).is_some() {
            return Err(invalid("Cannot provide multiple Tags with the same key"));
        }
    }
    if tags.len() > MOST_TAGS {
        return Err(custom(
            "BadRequest",
            StatusCode::BAD_REQUEST,
            "Object tags cannot be greater than 10",
        ));
    }
    Ok(tags)
}

fn decoded(text: &str) -> S3Result<String> {
    let text = text.replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8();
    decoded
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| invalid("The tagging header is not UTF-8"))
}

fn invalid(message: &'static str) -> S3Error {
    S3Error::with_message(S3ErrorCode::InvalidTag, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_query_string() {
        let tags = of_header(Some("a=1&b+c=x%2By&d=")).unwrap();
        let expected = [("a", "1"), ("b c", "x+y"), ("d", "")];
        assert_eq!(
            tags,
            expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
        );
        assert!(of_header(None).unwrap().is_empty());
        for refused in [
            "a=1&a=2",
            "=1",
            "a=%ff",
            &format!("{}=1", "k".repeat(129)),
            &format!("k={}", "v".repeat(257)),
        ] {
            assert_eq!(
                *of_header(Some(refused)).unwrap_err().code(),
                S3ErrorCode::InvalidTag,
                "{refused}"
            );
        }
        let eleven: Vec<String> = (0..11).map(|n| format!("k{n}=v")).collect();
        assert_eq!(
            of_header(Some(&eleven.join("&"))).unwrap_err().code().as_str(),
            "BadRequest"
        );
    }
}

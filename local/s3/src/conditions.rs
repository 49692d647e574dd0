//! Preconditions of requests: `If-Match` and its siblings.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use s3s::dto::{ETagCondition, Timestamp};
use s3s::{S3Error, S3ErrorCode, S3Result};

use crate::store::{Condition, ObjectInfo};

/// The condition of a write. What S3 does not offer is refused: a condition that is ignored would lose data.
pub(crate) fn write_condition(
    if_match: Option<ETagCondition>,
    if_none_match: Option<ETagCondition>,
) -> S3Result<Condition> {
    match (if_match, if_none_match) {
        (None, None) => Ok(Condition::Always),
        (None, Some(ETagCondition::Any)) => Ok(Condition::Absent),
        (Some(ETagCondition::Any), None) => Ok(Condition::Present),
        (Some(ETagCondition::ETag(tag)), None) => Ok(Condition::Tag(tag.value().to_owned())),
        (None, Some(ETagCondition::ETag(_))) => Err(S3Error::with_message(
            S3ErrorCode::NotImplemented,
            "a write takes `If-None-Match: *` only",
        )),
        (Some(_), Some(_)) => Err(S3Error::with_message(
            S3ErrorCode::NotImplemented,
            "a write takes one condition, not two",
        )),
    }
}

/// The conditions of a read.
#[derive(Debug, Default)]
pub(crate) struct ReadConditions {
    /// `If-Match`
    pub(crate) tag_matches: Option<ETagCondition>,
    /// `If-None-Match`
    pub(crate) tag_differs: Option<ETagCondition>,
    /// `If-Modified-Since`
    pub(crate) modified_since: Option<Timestamp>,
    /// `If-Unmodified-Since`
    pub(crate) unmodified_since: Option<Timestamp>,
}

impl ReadConditions {
    /// Fails with 412, or with 304 where the client has the object already. A condition on the tag wins over one on the
    /// time, as RFC 9110 asks.
    pub(crate) fn check(&self, info: &ObjectInfo) -> S3Result<()> {
        self.check_with(info, S3ErrorCode::NotModified)
    }

    /// The same for the source of a copy, which knows 412 only.
    pub(crate) fn check_copy(&self, info: &ObjectInfo) -> S3Result<()> {
        self.check_with(info, S3ErrorCode::PreconditionFailed)
    }

    fn check_with(&self, info: &ObjectInfo, unchanged: S3ErrorCode) -> S3Result<()> {
        let matches = |condition: &ETagCondition| match condition {
            ETagCondition::Any => true,
            ETagCondition::ETag(tag) => tag.value() == info.etag(),
        };
        let modified = || Timestamp::from(whole_seconds(info.modified));
        let fulfilled = match (&self.tag_matches, &self.unmodified_since) {
            (Some(condition), _) => matches(condition),
            (None, Some(time)) => modified() <= *time,
            (None, None) => true,
        };
        if !fulfilled {
            return Err(S3ErrorCode::PreconditionFailed.into());
        }
        let changed = match (&self.tag_differs, &self.modified_since) {
            (Some(condition), _) => !matches(condition),
            (None, Some(time)) => modified() > *time,
            (None, None) => true,
        };
        if changed { Ok(()) } else { Err(unchanged.into()) }
    }
}

/// Headers have no fractions of a second: without them, an object would be younger than its own `Last-Modified`.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    UNIX_EPOCH + Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use s3s::dto::ETag;

    use super::*;

    fn tag(tag: &str) -> Option<ETagCondition> {
        Some(ETagCondition::ETag(ETag::Strong(tag.to_owned())))
    }

    fn at(seconds: u64) -> Option<Timestamp> {
        Some(Timestamp::from(UNIX_EPOCH + Duration::from_secs(seconds)))
    }

    fn info() -> ObjectInfo {
        ObjectInfo {
            length: 1,
            modified: UNIX_EPOCH + Duration::from_millis(100_500),
            tag: "mine".to_owned(),
            md5: None,
            checksums: Default::default(),
        }
    }

    #[test]
    fn reads_answer_412_304_or_go_on() {
        let none = ReadConditions::default;
        for (conditions, expected) in [
            (none(), None),
            (
                ReadConditions {
                    tag_matches: tag("mine"),
                    ..none()
                },
                None,
            ),
            (
                ReadConditions {
                    tag_matches: tag("other"),
                    ..none()
                },
                Some(S3ErrorCode::PreconditionFailed),
            ),
            (
                ReadConditions {
                    tag_differs: tag("mine"),
                    ..none()
                },
                Some(S3ErrorCode::NotModified),
            ),
            (
                ReadConditions {
                    tag_differs: Some(ETagCondition::Any),
                    ..none()
                },
                Some(S3ErrorCode::NotModified),
            ),
            (
                ReadConditions {
                    tag_differs: tag("other"),
                    ..none()
                },
                None,
            ),
            (
                ReadConditions {
                    unmodified_since: at(100),
                    ..none()
                },
                None,
            ),
            (
                ReadConditions {
                    unmodified_since: at(99),
                    ..none()
                },
                Some(S3ErrorCode::PreconditionFailed),
            ),
            (
                ReadConditions {
                    modified_since: at(100),
                    ..none()
                },
                Some(S3ErrorCode::NotModified),
            ),
            (
                ReadConditions {
                    modified_since: at(99),
                    ..none()
                },
                None,
            ),
            (
                ReadConditions {
                    tag_matches: tag("mine"),
                    unmodified_since: at(1),
                    ..none()
                },
                None,
            ),
            (
                ReadConditions {
                    tag_differs: tag("other"),
                    modified_since: at(200),
                    ..none()
                },
                None,
            ),
        ] {
            let code = conditions.check(&info()).err().map(|error| error.code().clone());
            assert_eq!(code, expected, "{conditions:?}");
        }
        let copy = ReadConditions {
            tag_differs: tag("mine"),
            ..none()
        }
        .check_copy(&info())
        .unwrap_err();
        assert_eq!(*copy.code(), S3ErrorCode::PreconditionFailed);
    }

    #[test]
    fn writes_take_the_conditions_that_s3_has() {
        assert_eq!(write_condition(None, None).unwrap(), Condition::Always);
        assert_eq!(
            write_condition(None, Some(ETagCondition::Any)).unwrap(),
            Condition::Absent
        );
        assert_eq!(write_condition(tag("a"), None).unwrap(), Condition::Tag("a".to_owned()));
        for refused in [
            write_condition(None, tag("a")),
            write_condition(tag("a"), Some(ETagCondition::Any)),
        ] {
            assert_eq!(*refused.unwrap_err().code(), S3ErrorCode::NotImplemented);
        }
    }
}

//! Checksums that a client sends with a body, in a header or behind it: compared with the bytes that arrived, and kept.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::{Checksum, ChecksumType};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result, TrailingHeaders};

/// An algorithm of S3's checksums, beside the CRC-64/NVME that every tag has ([`crate::etag`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// As in `x-amz-sdk-checksum-algorithm`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// Bytes of a checksum.
    fn length(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

/// Checksums in base64, as on the wire.
pub(crate) type Checksums = BTreeMap<Algorithm, String>;

/// Checksums as the protocol's types have them.
pub(crate) fn output(checksums: &Checksums) -> Checksum {
    let of = |algorithm| checksums.get(&algorithm).cloned();
    Checksum {
        checksum_crc32: of(Algorithm::Crc32),
        checksum_crc32c: of(Algorithm::Crc32c),
        checksum_crc64nvme: of(Algorithm::Crc64Nvme),
        checksum_sha1: of(Algorithm::Sha1),
        checksum_sha256: of(Algorithm::Sha256),
        checksum_type: (!checksums.is_empty()).then(|| ChecksumType::from_static(ChecksumType::FULL_OBJECT)),
    }
}

/// What a request says of its body.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    md5: Option<Vec<u8>>,
    values: Checksums,
    /// Algorithms whose checksum comes behind the body.
    trailers: BTreeSet<Algorithm>,
    trailer: Option<TrailingHeaders>,
    /// The algorithm that the client names, with or without a value.
    named: Option<Algorithm>,
    /// Whether the ETag will be the MD5.
    etag: bool,
}

/// In the user agents of the lake's own clients, the application's name as the SDKs write it. They do not look for an MD5 in
/// an ETag, and it would cost them over a second per gigabyte.
const OWN_CLIENT: &str = "app/cardlake";

impl Claims {
    /// # Errors
    /// A value is not one of its algorithm, or there are several.
    pub(crate) fn of<T>(request: &S3Request<T>) -> S3Result<Self> {
        let header = |name: &str| text(&request.headers, name);
        let md5 = header("content-md5").map(|value| {
            let digest = STANDARD.decode(value).ok().filter(|digest| digest.len() == 16);
            digest.ok_or_else(|| {
                S3Error::with_message(
                    S3ErrorCode::InvalidDigest,
                    "The Content-MD5 you specified is not valid.",
                )
            })
        });
        let promised = header("x-amz-trailer").unwrap_or_default();
        let promised = |algorithm: &Algorithm| promised.split(',').any(|name| name.trim() == algorithm.header());
        let claims = Self {
            md5: md5.transpose()?,
            values: values(&request.headers)?,
            trailers: Algorithm::ALL.into_iter().filter(promised).collect(),
            trailer: request.trailing_headers.clone(),
            named: header("x-amz-sdk-checksum-algorithm").and_then(Algorithm::of_name),
            etag: false,
        };
        if claims.values.len() + claims.trailers.len() > 1 {
            return Err(S3Error::with_message(
                S3ErrorCode::InvalidRequest,
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
            ));
        }
        Ok(claims)
    }

    /// Nothing to compare; the checksum of `algorithm` is computed.
    pub(crate) fn none(algorithm: Option<Algorithm>) -> Self {
        Self {
            named: algorithm,
            ..Self::default()
        }
    }

    /// The same for an object in one piece, by the headers of the request: clients look for its MD5 in the ETag.
    pub(crate) fn with_etag(self, headers: &HeaderMap) -> Self {
        let own = text(headers, "user-agent").is_some_and(|agent| agent.split(' ').any(|word| word == OWN_CLIENT));
        Self { etag: !own, ..self }
    }

    /// What has to be computed while the body passes by.
    pub(crate) fn digests(&self) -> Digests {
        let algorithms = self.values.keys().chain(&self.trailers).chain(&self.named);
        let mut digests = Digests {
            md5: (self.etag || self.md5.is_some()).then(Md5::new),
            ..Digests::default()
        };
        for algorithm in algorithms {
            let hasher = &mut digests.hasher;
            match algorithm {
                Algorithm::Crc32 => hasher.crc32 = Some(Default::default()),
                Algorithm::Crc32c => hasher.crc32c = Some(Default::default()),
                // Every tag has it.
                Algorithm::Crc64Nvme => {}
                Algorithm::Sha1 => hasher.sha1 = Some(Default::default()),
                Algorithm::Sha256 => hasher.sha256 = Some(Default::default()),
            }
        }
        digests
    }

    /// Compares what was said with what arrived; to be called when the whole body has.
    ///
    /// # Errors
    /// They differ, or a promised trailer is missing.
    pub(crate) fn check(self, md5: Option<[u8; 16]>, computed: &Checksums) -> S3Result<()> {
        let mismatch = |name: &str| {
            let message = format!("The {name} you specified did not match the calculated checksum.");
            Err(S3Error::with_message(S3ErrorCode::BadDigest, message))
        };
        if self
            .md5
            .as_deref()
            .is_some_and(|said| md5.is_none_or(|md5| md5 != said))
        {
            return Err(S3Error::with_message(
                S3ErrorCode::BadDigest,
                "The Content-MD5 you specified did not match what we received.",
            ));
        }
        let mut said = self.values;
        if !self.trailers.is_empty() {
            let trailer = self.trailer.and_then(|trailer| trailer.take()).unwrap_or_default();
            said.extend(values(&trailer)?);
        }
        if let Some(missing) = self.trailers.iter().find(|algorithm| !said.contains_key(algorithm)) {
            let message = format!("the trailer {} is missing", missing.header());
            return Err(S3Error::with_message(S3ErrorCode::InvalidRequest, message));
        }
        match said
            .iter()
            .find(|(algorithm, value)| computed.get(algorithm) != Some(value))
        {
            Some((algorithm, _)) => mismatch(algorithm.name()),
            None => Ok(()),
        }
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn values(headers: &HeaderMap) -> S3Result<Checksums> {
    let mut values = Checksums::new();
    for algorithm in Algorithm::ALL {
        let Some(value) = text(headers, algorithm.header()) else {
            continue;
        };
        let is_one = STANDARD
            .decode(value)
            .is_ok_and(|bytes| bytes.len() == algorithm.length());
        if !is_one {
            let message = format!("Value for {} header is invalid.", algorithm.header());
            return Err(S3Error::with_message(S3ErrorCode::InvalidRequest, message));
        }
        values.insert(algorithm, value.to_owned());
    }
    Ok(values)
}

/// Computes checksums while the bytes pass by.
#[derive(Default)]
pub(crate) struct Digests {
    md5: Option<Md5>,
    hasher: ChecksumHasher,
}

impl fmt::Debug for Digests {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Digests").finish_non_exhaustive()
    }
}

impl Digests {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        self.hasher.update(bytes);
    }

    /// The MD5, if it was asked for, and the checksums.
    pub(crate) fn finish(self) -> (Option<[u8; 16]>, Checksums) {
        let computed = self.hasher.finalize();
        let checksums = [
            (Algorithm::Crc32, computed.checksum_crc32),
            (Algorithm::Crc32c, computed.checksum_crc32c),
            (Algorithm::Sha1, computed.checksum_sha1),
            (Algorithm::Sha256, computed.checksum_sha256),
        ];
        let checksums = checksums
            .into_iter()
            .filter_map(|(algorithm, value)| Some((algorithm, value?)))
            .collect();
        (self.md5.map(Md5::finalize), checksums)
    }
}

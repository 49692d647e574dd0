//! An S3 server on the loopback interface, with its buckets as plain folders.
//!
//! Input: the AWS SDKs' S3 requests, path style, signed with the server's credentials (SigV4; `s3s` parses requests and
//! checks signatures). Output: S3's answers. The objects are the files `<root>/<bucket>/<key>`, byte for byte, so that
//! any program that reads folders (a Delta reader, a CSV viewer) reads the lake without the server, and the files it
//! adds or changes are objects immediately. Objects whose keys cannot be paths are kept aside (`keys`).
//!
//! Guarantee: objects are whole or absent; of any number of writers with `If-None-Match: *` exactly one succeeds, also
//! across processes, and of those with the same `If-Match` exactly one; listings are complete, in S3's order, and never
//! show a file that is being written. ETags follow from the content and survive a restart.
//!
//! Failure: errors carry S3's codes. A connection breaks rather than deliver a part of an object as the whole.
//!
//! The file store is our own instead of the `s3s-fs` crate, because that crate keeps a side file for every object beside
//! the buckets, named by the Base64 of the key (which fails for keys over about 160 bytes), never removes them (a file
//! that another program wrote has the ETag of its predecessor), checks conditions and writes in two steps (two writers
//! can both win), lists by reading the whole bucket, ignores continuation tokens, reads in steps of 4 KiB and computes
//! an MD5 of all that is written.
//!
//! Not here: versions, access control lists, encryption, checksums of checksums of parts, and keys that differ in case
//! only on a file system that does not tell them apart.

mod acl;
mod attributes;
mod checksums;
mod conditions;
mod created;
mod error;
mod etag;
mod keys;
mod listing;
mod multipart;
mod pages;
mod server;
mod service;
mod store;
mod tags;
mod transfer;
mod work;

pub use created::CreatedObject;
pub use server::{S3Server, S3ServerError, S3ServerOptions, start};

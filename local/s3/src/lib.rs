//! S3 over a folder, on loopback.

//! Secrets Manager over a file, on loopback.

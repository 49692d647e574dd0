//! The Redshift Data API over DuckDB, on loopback.

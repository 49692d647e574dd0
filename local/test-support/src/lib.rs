//! Loopback lake, fake warehouse, sample days and browser, for tests only.

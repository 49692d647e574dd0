//! Great Expectations suites over any Arrow source.

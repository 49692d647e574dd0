//! Panels as data to one self-contained page.

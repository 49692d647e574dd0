//! Relations that queries name.

/// A relation that a query names with `ref`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relation {
    /// Its SQL, quoted where needed.
    Known(String),
    /// It exists, but not in what the page is about: panels that need it are left out.
    LeftOut,
    /// There is none of that name: panels that need it fail.
    Unknown,
}

//! JSON data on its way through the states: selected by paths, computed by functions and templates, limited in size.

pub(crate) mod context;
pub(crate) mod intrinsics;
pub(crate) mod paths;
pub(crate) mod payload;
mod steps;
pub(crate) mod template;
pub(crate) mod timestamp;

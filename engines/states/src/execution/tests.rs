//! Tests that run whole definitions.

mod conformance;
mod history;
mod maps;
mod states;
mod support;

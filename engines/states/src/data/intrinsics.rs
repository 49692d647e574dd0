//! Intrinsic functions: `States.Format('…', $.x)` and its seventeen siblings.

mod error;
mod expression;
mod functions;

pub(crate) use error::IntrinsicError;
pub(crate) use expression::Expression;

#[cfg(test)]
mod tests;

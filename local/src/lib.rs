//! The whole pipeline on one machine: emulators of the services it uses, and the command that drives them.
pub mod step_functions;

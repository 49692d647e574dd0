//! The whole pipeline on one machine: emulators of the services it uses, and the command that drives them.

pub mod loopback;
pub mod redshift;
pub mod s3_server;
pub mod secrets_server;
pub mod sigv4;
pub mod step_functions;

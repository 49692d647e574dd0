//! A request to end: Ctrl-C (SIGINT), or what `kill`, service managers and containers send (SIGTERM).

use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens for requests; from its creation on, they do not end the process by themselves.
pub(crate) struct Interrupt {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupt {
    /// # Errors
    /// The system does not let the process listen.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next request.
    pub(crate) async fn requested(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Waits for a request.
///
/// # Errors
/// As [`Interrupt::listen`].
pub(crate) async fn requested() -> io::Result<()> {
    Interrupt::listen()?.requested().await;
    Ok(())
}

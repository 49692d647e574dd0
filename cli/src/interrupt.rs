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

/// Lets writes beyond `ulimit -f` fail with an error that is reported, instead of ending the process without a word.
///
/// # Errors
/// As [`Interrupt::listen`].
pub(crate) fn report_large_files() -> io::Result<()> {
    /// SIGXFSZ on Linux and macOS; the standard library has no name for it.
    const FILE_SIZE_EXCEEDED: i32 = 25;
    // The handler stays when what listens to it is dropped.
    signal(SignalKind::from_raw(FILE_SIZE_EXCEEDED)).map(drop)
}

/// Waits for a request.
///
/// # Errors
/// As [`Interrupt::listen`].
pub(crate) async fn requested() -> io::Result<()> {
    Interrupt::listen()?.requested().await;
    Ok(())
}

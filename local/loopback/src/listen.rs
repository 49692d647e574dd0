//! Opens ports of the local servers, on the loopback interface only.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;
use tokio::net::TcpListener;

/// Why a local server cannot listen.
#[derive(Debug, Error)]
pub enum ListenError {
    /// The address can be reached from other machines.
    #[error("{0} is not a loopback address: the local servers hold data and test credentials, use 127.0.0.1 or ::1")]
    NotLoopback(SocketAddr),
    /// The operating system refuses, most often because the port is in use.
    #[error("cannot listen on {address}: {source}; choose another port, or 0 for any free one")]
    Bind {
        /// The requested address.
        address: SocketAddr,
        /// The reason.
        source: io::Error,
    },
}

/// Listens on `address`, which must be a loopback address; port 0 takes any free port.
///
/// # Errors
/// The address is not loopback, or the port cannot be opened.
pub async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ListenError> {
    if !address.ip().is_loopback() {
        return Err(ListenError::NotLoopback(address));
    }
    let bind = |source| ListenError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(bind)?;
    let local = listener.local_addr().map_err(bind)?;
    Ok((listener, local))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_that_others_can_reach_are_refused() {
        for address in ["0.0.0.0:0", "192.168.1.5:0", "[::]:0"] {
            let refused = listen(address.parse().unwrap()).await;
            assert!(matches!(refused, Err(ListenError::NotLoopback(_))), "{address}");
        }
    }

    #[tokio::test]
    async fn a_taken_port_is_an_error_with_the_address() {
        let (_listener, address) = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let error = listen(address).await.unwrap_err();
        assert!(
            error.to_string().starts_with(&format!("cannot listen on {address}: ")),
            "{error}"
        );
    }
}

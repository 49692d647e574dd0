//! The wire of PostgreSQL: clients of Redshift and of PostgreSQL connect as they do to a cluster.
//!
//! Input: connections to a loopback port, by the simple or the extended protocol, with TLS or without. Output: the same results
//! and errors as through the Data API, with PostgreSQL's types and SQLSTATEs.
//!
//! A connection has a session of its own, with its transaction and temporary tables. Statements run on blocking threads; rows
//! reach the client while they are made, and a statement waits for a client that does not read. A request to cancel, or the end of
//! the server, interrupts what runs.
//!
//! The layers: `handler` (the messages of a client), `authentication`, `connection` (a session and the statement that it runs), `relay`
//! (rows on their way), `encode` and `parameters` (values).

mod authentication;
mod connection;
mod encode;
mod failure;
mod handler;
mod parameters;
mod relay;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cardlake_loopback::listen;
use pgwire::api::PgWireServerHandlers;
use pgwire::api::auth::StartupHandler;
use pgwire::api::cancel::CancelHandler;
use pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use pgwire::tokio::{TlsAcceptor, process_socket};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::engine::Engine;
use crate::error::RedshiftError;
use crate::options::WireOptions;
use authentication::Authentication;
use connection::Connections;
use handler::Handler;

/// A running server of the wire. Dropping it stops listening.
#[derive(Debug)]
pub(crate) struct WireServer {
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    listener: JoinHandle<()>,
    connections: Arc<Connections>,
}

/// Takes the port.
///
/// Fails if the address is not on the loopback interface or is taken.
pub(crate) async fn bind(options: &WireOptions) -> Result<(TcpListener, SocketAddr), RedshiftError> {
    Ok(match listen(options.listen).await {
        Err(_) if options.or_any_port => listen(SocketAddr::new(options.listen.ip(), 0)).await?,
        opened => opened?,
    })
}

/// Starts to serve on a port that was taken.
///
/// Fails if no certificate can be made.
pub(crate) fn start(
    options: WireOptions,
    (listener, addr): (TcpListener, SocketAddr),
    engine: &Arc<Engine>,
) -> Result<WireServer, RedshiftError> {
    let tls = tls::acceptor()?;
    let connections = Arc::new(Connections::default());
    let handlers = Handlers {
        handler: Arc::new(Handler),
        authentication: Arc::new(Authentication::new(options, engine, &connections)),
        connections: Arc::clone(&connections),
    };
    let (stop, stopped) = oneshot::channel();
    let listener = tokio::spawn(serve(listener, tls, handlers, stopped));
    tracing::debug!(%addr, "the wire of the redshift is listening");
    Ok(WireServer {
        addr,
        stop,
        listener,
        connections,
    })
}

impl WireServer {
    /// The address that the server listens on.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Closes all connections and interrupts their statements; `false` if one did not stop in time.
    pub(crate) async fn shut_down(self, timeout: Duration) -> bool {
        let _ = self.stop.send(());
        let stopped = self.connections.close(timeout).await;
        let _ = self.listener.await;
        stopped
    }
}

/// Accepts connections until it is told to stop, which ends them, too.
async fn serve(listener: TcpListener, tls: TlsAcceptor, handlers: Handlers, mut stopped: oneshot::Receiver<()>) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    clients.spawn(process_socket(socket, Some(tls.clone()), handlers.clone()));
                }
                Err(error) => {
                    // Most often there are too many open files: others have to end first.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(ended) = clients.join_next() => {
                if let Ok(Err(error)) = ended {
                    tracing::debug!(%error, "a connection was lost");
                }
            }
        }
    }
    clients.shutdown().await;
}

#[derive(Clone)]
struct Handlers {
    handler: Arc<Handler>,
    authentication: Arc<Authentication>,
    connections: Arc<Connections>,
}

impl PgWireServerHandlers for Handlers {
    fn simple_query_handler(&self) -> Arc<impl SimpleQueryHandler> {
        Arc::clone(&self.handler)
    }

    fn extended_query_handler(&self) -> Arc<impl ExtendedQueryHandler> {
        Arc::clone(&self.handler)
    }

    fn startup_handler(&self) -> Arc<impl StartupHandler> {
        Arc::clone(&self.authentication)
    }

    fn cancel_handler(&self) -> Arc<impl CancelHandler> {
        Arc::clone(&self.connections)
    }
}

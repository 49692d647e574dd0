//! Serves HTTP to clients that may stop in the middle of a request.

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{HttpService, Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep_until};

/// How long a client may take for the head of a request, and for the next piece of its body. A connection without a request is
/// closed after the same time.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How long to wait before accepting again when that fails: most often the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stopped`, then finishes the requests that have begun. Dropping the future cuts all connections.
///
/// A client that stops in the middle of a request loses its connection after `patience`, which is [`PATIENCE`] but in tests; how long
/// an answer takes is not limited.
pub async fn serve<S, B>(listener: TcpListener, service: S, patience: Duration, stopped: impl Future<Output = ()>)
where
    S: Service<Request<PatientBody>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (stop, stopping) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut stopped = pin!(stopped);
    loop {
        let stream = tokio::select! {
            () = &mut stopped => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        while connections.try_join_next().is_some() {}
        let service = service.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            service.call(request.map(|body| PatientBody::new(body, patience)))
        });
        connections.spawn(connection(stream, service, stopping.clone(), patience));
    }
    drop((listener, stop));
    while connections.join_next().await.is_some() {}
}

/// Answers the requests of a connection. That it breaks is the client's matter.
async fn connection<S>(stream: TcpStream, service: S, mut stopping: watch::Receiver<()>, patience: Duration)
where
    S: HttpService<Incoming>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::ResBody: 'static,
    <S::ResBody as Body>::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // Small answers must not wait for the next packet; a connection that cannot have this is slower.
    let _ = stream.set_nodelay(true);
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(patience);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = connection.as_mut() => return,
        // The sender is dropped when the server stops.
        _ = stopping.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// The body of a request. It fails if its next piece takes too long.
#[derive(Debug)]
pub struct PatientBody {
    body: Incoming,
    patience: Duration,
    /// Made by the first piece that is waited for.
    timer: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
}

impl PatientBody {
    const fn new(body: Incoming, patience: Duration) -> Self {
        Self {
            body,
            patience,
            timer: None,
            is_waiting: false,
        }
    }

    fn poll_timer(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let end = || Instant::now() + self.patience;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end())));
        if !self.is_waiting {
            timer.as_mut().reset(end());
            self.is_waiting = true;
        }
        timer.as_mut().poll(context)
    }
}

impl Body for PatientBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.is_waiting = false;
            return Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)));
        }
        ready!(this.poll_timer(context));
        let seconds = this.patience.as_secs();
        let late = format!("the client sent nothing of its request for {seconds} seconds");
        Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::TimedOut, late))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen;
    use std::convert::Infallible;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::oneshot;

    const SHORT: Duration = Duration::from_millis(300);

    /// Answers with the length of the body, or with why it could not be read.
    async fn length(request: Request<PatientBody>) -> Result<Response<String>, Infallible> {
        let mut body = request.into_body();
        let mut bytes = 0;
        while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            match frame {
                Ok(frame) => bytes += frame.data_ref().map_or(0, Bytes::len),
                Err(error) => return Ok(Response::new(error.to_string())),
            }
        }
        Ok(Response::new(format!("{bytes} bytes")))
    }

    struct Server {
        address: std::net::SocketAddr,
        stop: oneshot::Sender<()>,
        task: tokio::task::JoinHandle<()>,
    }

    async fn server() -> Server {
        let (listener, address) = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async {
            let _ = stopped.await;
        };
        let task = tokio::spawn(serve(listener, service_fn(length), SHORT, stopped));
        Server { address, stop, task }
    }

    /// What a client hears until the server closes the connection.
    async fn heard(server: &Server, pieces: &[&str], pause: Duration) -> String {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        for piece in pieces {
            stream.write_all(piece.as_bytes()).await.unwrap();
            tokio::time::sleep(pause).await;
        }
        let mut answer = String::new();
        let closed = tokio::time::timeout(Duration::from_secs(20), stream.read_to_string(&mut answer)).await;
        closed.expect("the server closes the connection").unwrap();
        answer
    }

    #[tokio::test]
    async fn half_a_request_ends_its_connection() {
        let server = server().await;
        let none = Duration::ZERO;
        assert_eq!(heard(&server, &[], none).await, "", "no request at all");
        assert_eq!(heard(&server, &["P"], none).await, "");
        let head = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n";
        assert!(!heard(&server, &[head], none).await.contains("bytes"), "half a head");
        let cut = heard(&server, &[head, "\r\nabc"], none).await;
        assert!(
            cut.ends_with("the client sent nothing of its request for 0 seconds"),
            "{cut}"
        );
    }

    #[tokio::test]
    async fn a_slow_request_is_answered_as_long_as_it_goes_on() {
        let server = server().await;
        let head = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 6\r\n\r\n";
        // Longer than the patience in all, and shorter for each piece.
        let pieces = [&[head] as &[&str], &["a"; 6]].concat();
        let answer = heard(&server, &pieces, SHORT / 4).await;
        assert!(answer.ends_with("6 bytes"), "{answer}");
    }

    #[tokio::test]
    async fn a_request_that_has_begun_is_answered_before_the_server_ends() {
        let server = server().await;
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let head = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\na";
        stream.write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(SHORT / 3).await;
        server.stop.send(()).unwrap();
        stream.write_all(b"b").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("2 bytes"), "{answer}");
        server.task.await.unwrap();
    }
}

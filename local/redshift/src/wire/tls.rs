//! TLS with a certificate that the server makes for itself when it starts.
//!
//! It is for clients that ask for TLS. There is nothing that could vouch for it: a client that verifies the certificate has to
//! connect without TLS, which does not leave the machine either.

use std::sync::Arc;

use pgwire::tokio::TlsAcceptor;
use pgwire::tokio::tokio_rustls::rustls::ServerConfig;
use pgwire::tokio::tokio_rustls::rustls::crypto::aws_lc_rs;
use pgwire::tokio::tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use crate::error::RedshiftError;

/// The protocol's name in a handshake without a request before it, by PostgreSQL 17.
const PROTOCOL: &[u8] = b"postgresql";

/// Makes a certificate and what accepts connections with it.
pub(super) fn acceptor() -> Result<TlsAcceptor, RedshiftError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| RedshiftError::Certificate { source };
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names).map_err(|error| failed(error.into()))?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.into()))?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .map_err(|error| failed(error.into()))?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

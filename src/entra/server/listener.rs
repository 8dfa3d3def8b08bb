//! A listener on loopback with a runtime of its own, so that blocking programs can hold one.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use tokio::runtime::Runtime;

use super::{router, tls};
use crate::crypto::KeyFailure;
use crate::crypto::cert::CertificateError;
use crate::entra::Entra;

/// How long a client may take for the head of a request.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// How long requests may take to finish once the server stops.
const GRACE: Duration = Duration::from_millis(500);

/// Why a listener did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The mock has a known password, so it listens on loopback alone.
    #[error("{0} is not a loopback address")]
    NotLoopback(SocketAddr),
    /// Another process listens there.
    #[error("{0} is taken by another process")]
    AddressTaken(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {kind}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        kind: std::io::ErrorKind,
    },
    /// No thread or runtime could be started.
    #[error("cannot start a runtime: {0}")]
    Runtime(std::io::ErrorKind),
    /// The listener's key could not be made.
    #[error(transparent)]
    Key(#[from] KeyFailure),
    /// The listener's certificate could not be made.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// TLS refused key or certificate.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// A running listener; it stops when it is dropped.
pub struct Server {
    address: SocketAddr,
    ca_pem: String,
    handle: Handle<SocketAddr>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on a loopback address; port 0 picks a free one. Accepts as soon as this returns.
    pub fn start(entra: Arc<Entra>, listen: SocketAddr) -> Result<Self, StartError> {
        if !listen.ip().is_loopback() {
            return Err(StartError::NotLoopback(listen));
        }
        let (listener, address) = bind(listen)?;
        let config = tls::config(&entra.keys().tls, entra.now())?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("whfb-entra")
            .enable_all()
            .build()
            .map_err(|error| StartError::Runtime(error.kind()))?;
        let ca_pem = entra.ca_pem();
        let handle = Handle::new();
        let stopper = handle.clone();
        let thread = std::thread::Builder::new()
            .name("whfb-entra-listener".to_owned())
            .spawn(move || serve(&runtime, listener, config, stopper, entra))
            .map_err(|error| StartError::Runtime(error.kind()))?;
        Ok(Self { address, ca_pem, handle, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The authority that a client must trust, PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Stops: requests under way get half a second. Returns when the port is free.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.handle.graceful_shutdown(Some(GRACE));
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(target: "whfb::entra", "the listener's thread panicked");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

pub(super) fn bind(listen: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let fault = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AddrInUse => StartError::AddressTaken(listen),
        kind => StartError::Listen { address: listen, kind },
    };
    let listener = TcpListener::bind(listen).map_err(fault)?;
    listener.set_nonblocking(true).map_err(fault)?;
    let address = listener.local_addr().map_err(fault)?;
    Ok((listener, address))
}

fn serve(
    runtime: &Runtime,
    listener: TcpListener,
    config: Arc<rustls::ServerConfig>,
    handle: Handle<SocketAddr>,
    entra: Arc<Entra>,
) {
    let served = runtime.block_on(async {
        let mut server = axum_server::from_tcp_rustls(listener, RustlsConfig::from_config(config))?
            .handle(handle)
            .first_request_timeout(HEAD_TIME);
        server.http_builder().http1().header_read_timeout(HEAD_TIME);
        server.serve(router(entra).into_make_service()).await
    });
    if let Err(error) = served {
        tracing::error!(target: "whfb::entra", %error, "the listener ended");
    }
}

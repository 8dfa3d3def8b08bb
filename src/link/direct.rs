//! A link straight into the router of an Entra in this process: the same decisions, no socket and no TLS.

use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};

use super::{Link, LinkError};
use crate::entra::server::InProcess;
use crate::entra::{Entra, OpenError, Options};
use crate::wire::http::{Reply, Request};

/// Why a link of this kind could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DirectError {
    /// The system gives no runtime.
    #[error("no runtime: {0}")]
    Runtime(std::io::Error),
    /// The Entra cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// An Entra and the runtime that its directory needs.
///
/// Blocking: it must not be used from within another asynchronous runtime.
pub struct Direct {
    entra: Arc<Entra>,
    router: InProcess,
    runtime: Runtime,
}

impl Direct {
    /// Opens an Entra of its own.
    ///
    /// # Errors
    /// Those of [`Entra::open`], or that the system gives no runtime.
    pub fn open(options: Options) -> Result<Self, DirectError> {
        // A worker of its own: what one call leaves behind, as a connection on its way back to the directory's pool, goes on
        // while nobody calls, and a server in front of the same Entra does not wait for it.
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("whfb-direct")
            .enable_all()
            .build()
            .map_err(DirectError::Runtime)?;
        let entra = Arc::new(runtime.block_on(Entra::open(options))?);
        let router = InProcess::new(Arc::clone(&entra));
        Ok(Self { entra, router, runtime })
    }

    /// The Entra behind the link; a [`Server`](crate::entra::server::Server) may stand in front of it too.
    pub fn entra(&self) -> &Arc<Entra> {
        &self.entra
    }

    /// Waits for something that the Entra does.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }
}

impl Drop for Direct {
    /// Leaves a database file whole, without a write-ahead log beside it.
    fn drop(&mut self) {
        self.runtime.block_on(self.entra.close());
    }
}

impl Link for Direct {
    fn send(&self, request: &Request) -> Result<Reply, LinkError> {
        let answer = self.runtime.block_on(self.router.answer(request));
        let reply = answer.map_err(|error| LinkError::Malformed(error.to_string()))?;
        tracing::debug!(target: "whfb::link", "{request:?} -> {reply:?}");
        Ok(reply)
    }
}

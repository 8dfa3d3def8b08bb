//! How a device reaches an Entra: the one place where the two wings meet.
//!
//! A [`Link`] carries one request and brings one reply. [`drive`] runs a device's flow over a link; it is the only loop
//! that joins the two.

#[cfg(feature = "entra")]
mod direct;
mod drive;
#[cfg(feature = "entra")]
mod http;

#[cfg(feature = "entra")]
pub use direct::{Direct, DirectError};
pub use drive::{Halt, drive};
#[cfg(feature = "entra")]
pub use http::Http;

use crate::device::flow::Miss;
use crate::wire::http::{Reply, Request};

/// Carries a request to an Entra and brings the reply. Every call is bounded in time.
pub trait Link {
    /// Sends `request` and waits for the reply; a status that is no success is a reply, not an error.
    fn send(&self, request: &Request) -> Result<Reply, LinkError>;
}

/// The request did not arrive, or its reply did not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// No connection, or it ended.
    #[error("{host} cannot be reached: {reason}")]
    Unreachable {
        /// The host that was asked for.
        host: String,
        /// Why.
        reason: String,
    },
    /// The server's certificate is not one that the lab CA vouches for.
    #[error("the TLS handshake with {host} failed: {reason}")]
    Tls {
        /// The host that was asked for.
        host: String,
        /// Why.
        reason: String,
    },
    /// No reply within the bound.
    #[error("{host} did not answer in time")]
    Timeout {
        /// The host that was asked for.
        host: String,
    },
    /// The request cannot be put on the wire.
    #[error("the request is malformed: {0}")]
    Malformed(String),
}

impl LinkError {
    /// Whether the server is away, or what is there is none.
    pub fn miss(&self) -> Miss {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } => Miss::Away,
            Self::Tls { .. } | Self::Malformed(_) => Miss::Broken,
        }
    }
}

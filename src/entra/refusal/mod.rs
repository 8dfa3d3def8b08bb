//! Everything that the server refuses, and the one table from a refusal to its answer on the wire.
//!
//! A [`Refusal`] says that the client is wrong; [`Broken`] says that the machine or this crate is.

mod faults;
mod table;

use crate::base::{Aadsts, Hresult};
use crate::crypto::cert::CertificateError;
use crate::crypto::{InvalidKey, KeyFailure};

use super::directory::DirectoryError;

pub use table::Refusal;

/// How an answer is worded, which depends on the service that was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// The token service: an OAuth error body with an AADSTS number.
    Oauth {
        /// `error`.
        error: &'static str,
        /// The number in `error_codes`.
        number: Aadsts,
    },
    /// Key registration: MS-KPP ErrorDetails with Entra's nested form beside it.
    Key {
        /// What a Windows device shows for it.
        hresult: Hresult,
    },
    /// Device join and discovery: the MS-DVRJ error body.
    Join {
        /// What a Windows device shows for it, where one is documented.
        hresult: Option<Hresult>,
    },
    /// Microsoft Graph: an OData error body, the refusal's name before its text.
    Graph {
        /// `error.code`, one of Graph's.
        code: &'static str,
    },
    /// A service of the lab, or no service at all.
    Lab,
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// HTTP status.
    pub status: u16,
    /// How it is worded.
    pub dialect: Dialect,
    /// The text, ours.
    pub text: &'static str,
}

/// The machine, or this crate, is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Broken {
    /// The database failed.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// A key of the tenant could not be used.
    #[error(transparent)]
    Key(#[from] KeyFailure),
    /// A certificate could not be issued.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A public key could not be used.
    #[error(transparent)]
    Public(#[from] InvalidKey),
    /// A token or message could not be written.
    #[error("a message could not be encoded")]
    Encoding,
}

/// Why a request has no good answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The client is wrong.
    #[error("refused: {}", .0.name())]
    Refused(Refusal),
    /// We are.
    #[error(transparent)]
    Broken(#[from] Broken),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

macro_rules! broken_from {
    ($($kind:ty),*) => {
        $(impl From<$kind> for Failure {
            fn from(error: $kind) -> Self {
                Self::Broken(error.into())
            }
        })*
    };
}

broken_from!(DirectoryError, KeyFailure, CertificateError, InvalidKey);

#[cfg(test)]
mod tests;

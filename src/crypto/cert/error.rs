//! What can be wrong with certificates, requests and revocation lists, one name each.

use super::{LARGEST_CERTIFICATE, MOST_EXTENSIONS};

/// What is wrong with a certificate, a request or a revocation list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CertificateError {
    /// Longer than this crate reads.
    #[error("{length} bytes are more than the {most} that are read")]
    TooLarge {
        /// How long it is.
        length: usize,
        /// How long it may be; [`LARGEST_CERTIFICATE`] for a certificate.
        most: usize,
    },
    /// Bytes follow it. What an EK certificate has behind it in a TPM is for [`super::Certificate::from_nv`].
    #[error("{count} bytes follow it")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// It ends before its lengths say so.
    #[error("it ends in the middle")]
    Truncated,
    /// BER perhaps, and not DER: a length or a number that is not minimal, an indefinite length, a default that is spelt out.
    #[error("it is not DER")]
    NotDer,
    /// DER, of another structure.
    #[error("it has not the structure of a certificate")]
    Structure,
    /// A time that is none, lies before 1970 or has not the form of RFC 5280 section 4.1.2.5.
    #[error("a time in it cannot be read")]
    Time,
    /// More than [`MOST_EXTENSIONS`] extensions.
    #[error("it has more than {MOST_EXTENSIONS} extensions")]
    TooManyExtensions,
    /// A revocation list that does not say when the next one comes, so that an old one could not be told from a new one.
    #[error("the revocation list has no nextUpdate")]
    NoNextUpdate,
    /// A key of a kind that this crate's own keys never have, where one of those is needed.
    #[error("the key is neither RSA nor P-256")]
    Key,
    /// The signature does not verify, or its algorithm is none of ours.
    #[error("the signature does not verify")]
    Signature,
    /// The private key could not sign.
    #[error("signing the certificate failed")]
    Signing,
    /// A text or number does not fit its field.
    #[error("a field of the certificate cannot be encoded")]
    Field,
}

impl CertificateError {
    pub(super) fn too_large(length: usize) -> Self {
        Self::TooLarge { length, most: LARGEST_CERTIFICATE }
    }
}

/// Why a certificate or a revocation list is not signed by an issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureFault {
    /// A digest for which collisions can be made.
    #[error("signed with {algorithm}, which anybody can forge")]
    Weak {
        /// The algorithm's name in its standard.
        algorithm: &'static str,
    },
    /// An algorithm that is not known here.
    #[error("signed with the unknown algorithm {algorithm}")]
    Unknown {
        /// Its object identifier.
        algorithm: super::oid::ObjectIdentifier,
    },
    /// The algorithm's parameters are not those that its standard gives it (RFC 4055, RFC 5758).
    #[error("the parameters of the signature algorithm {algorithm} are not as they must be")]
    Parameters {
        /// The algorithm's object identifier.
        algorithm: super::oid::ObjectIdentifier,
    },
    /// The signature names another algorithm than what was signed does.
    #[error("two signature algorithms are named")]
    AlgorithmsDiffer,
    /// The issuer's key is none of RSA with 2048 to 8192 bits, P-256, P-384 and P-521, or is no key at all.
    #[error("the issuer's key is none that signatures can be checked with")]
    Key,
    /// The signature does not verify under the issuer's key.
    #[error("the signature does not verify")]
    Invalid,
}

//! Why there is no path, one name each.

use super::LONGEST_PATH;
use crate::base::Timestamp;
use crate::wire::encoding::hex;

/// Why there is no path. The names are those of certificates: the subject, or `(empty)`. Key identifiers and serial numbers are
/// hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ChainFault {
    /// Neither intermediates nor roots hold a certificate with the issuer's name, or those that do have other keys.
    #[error("issuer not found: {issuer}{}", with_key(key_id.as_deref()))]
    IssuerNotFound {
        /// The name that was looked for.
        issuer: String,
        /// The identifier of its key, if the certificate says which.
        key_id: Option<String>,
    },
    /// Certificates of that name are there, and the signature is by none of them.
    #[error("not signed by the key of {issuer}")]
    Signature {
        /// The issuer's name.
        issuer: String,
    },
    /// The issuer signed with MD5 or SHA-1, for which collisions can be made.
    #[error("{issuer} signed with {algorithm}, which anybody can forge")]
    WeakSignature {
        /// The issuer's name.
        issuer: String,
        /// The algorithm's name.
        algorithm: &'static str,
    },
    /// The issuer signed with an algorithm that is not known here.
    #[error("{issuer} signed with the unknown algorithm {algorithm}")]
    UnknownAlgorithm {
        /// The issuer's name.
        issuer: String,
        /// The algorithm's object identifier.
        algorithm: String,
    },
    /// The parameters of the signature algorithm are not those that its standard gives it.
    #[error("{issuer} signed with odd parameters of {algorithm}")]
    AlgorithmParameters {
        /// The issuer's name.
        issuer: String,
        /// The algorithm's object identifier.
        algorithm: String,
    },
    /// The certificate names two signature algorithms (RFC 5280 section 4.1.1.2).
    #[error("{subject} names two signature algorithms")]
    AlgorithmsDiffer {
        /// The name of the certificate.
        subject: String,
    },
    /// The issuer's key is none of RSA with 2048 to 8192 bits, P-256, P-384 and P-521.
    #[error("the key of {issuer} is none that signatures can be checked with")]
    IssuerKey {
        /// The issuer's name.
        issuer: String,
    },
    /// A self-issued certificate that is not among the roots.
    #[error("{subject} is its own issuer and not among the trusted roots")]
    UntrustedRoot {
        /// Its name.
        subject: String,
    },
    /// The issuers lead back to a certificate that is already in the path.
    #[error("the issuers run in a circle at {issuer}")]
    Loop {
        /// The issuer that came twice.
        issuer: String,
    },
    /// A certificate is not yet valid.
    #[error("{} is valid from {from} only", named(subject))]
    NotYetValid {
        /// Its name.
        subject: String,
        /// Its first instant.
        from: Timestamp,
    },
    /// A certificate is no longer valid.
    #[error("{} was valid until {to}", named(subject))]
    Expired {
        /// Its name.
        subject: String,
        /// Its last instant.
        to: Timestamp,
    },
    /// The issuer's certificate does not say CA:TRUE.
    #[error("{issuer} is no certificate authority")]
    NotAnAuthority {
        /// The issuer's name.
        issuer: String,
    },
    /// The issuer's key usage lacks keyCertSign.
    #[error("{issuer} may not sign certificates")]
    MayNotSign {
        /// The issuer's name.
        issuer: String,
    },
    /// More intermediates than the issuer's path length allows.
    #[error("{issuer} allows {allowed} intermediates below it")]
    PathLength {
        /// The issuer's name.
        issuer: String,
        /// Its `pathLenConstraint`.
        allowed: u8,
    },
    /// A critical extension that is not known here.
    #[error("{subject} has the unknown critical extension {extension}")]
    UnknownCritical {
        /// The name of the certificate.
        subject: String,
        /// The extension's object identifier.
        extension: String,
    },
    /// An extension is there twice.
    #[error("{subject} has an extension twice")]
    RepeatedExtension {
        /// The name of the certificate.
        subject: String,
    },
    /// An extension or a time cannot be read.
    #[error("a field of {subject} cannot be read")]
    Unreadable {
        /// The name of the certificate.
        subject: String,
    },
    /// The issuer's revocation list names the certificate.
    #[error("{}, serial number {serial}, is revoked since {since}", named(subject))]
    Revoked {
        /// The name of the certificate.
        subject: String,
        /// Its serial number.
        serial: String,
        /// When it was revoked, as the list says.
        since: Timestamp,
    },
    /// A revocation list of that name is not signed by the issuer.
    #[error("the revocation list of {issuer} is not signed by its key")]
    CrlSignature {
        /// The issuer's name.
        issuer: String,
    },
    /// The next revocation list should have come already.
    #[error("the revocation list of {issuer} was good until {next_update}")]
    CrlStale {
        /// The issuer's name.
        issuer: String,
        /// When the next one was due.
        next_update: Timestamp,
    },
    /// The revocation list was issued later than the time that is asked for.
    #[error("the revocation list of {issuer} is good from {this_update} only")]
    CrlNotYetValid {
        /// The issuer's name.
        issuer: String,
        /// When it was issued.
        this_update: Timestamp,
    },
    /// The revocation list has an extension without whose meaning it cannot be used: a critical one that is not known here, or one
    /// by which it is not the whole list of its issuer's certificates (issuingDistributionPoint, deltaCRLIndicator,
    /// certificateIssuer).
    #[error("the revocation list of {issuer} has the extension {extension}, which is not understood")]
    CrlUnknownCritical {
        /// The issuer's name.
        issuer: String,
        /// The extension's object identifier.
        extension: String,
    },
    /// There is a revocation list of that name, and the issuer's key usage lacks cRLSign.
    #[error("{issuer} may not sign revocation lists")]
    MayNotSignCrls {
        /// The issuer's name.
        issuer: String,
    },
    /// No path within [`LONGEST_PATH`] certificates, or too many candidates.
    #[error("no path within {LONGEST_PATH} certificates")]
    TooLong,
}

/// The certificate of an attestation key has no subject (WebAuthn section 8.3.1).
fn named(subject: &str) -> &str {
    if subject == "(empty)" { "a certificate without a subject" } else { subject }
}

fn with_key(key_id: Option<&str>) -> String {
    key_id.map_or_else(String::new, |id| format!(", with the key {id}"))
}

/// Hexadecimal digits of a key identifier or serial number: no more than of 64 bytes, so that a message stays short.
pub(super) fn identifier(bytes: &[u8]) -> String {
    match bytes.split_at_checked(64) {
        Some((shown, rest)) if !rest.is_empty() => format!("{}..", hex(shown)),
        _ => hex(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_cut_after_64_bytes_and_says_so() {
        assert_eq!(identifier(&[0x0a, 0xf0]), "0af0");
        assert_eq!(identifier(&[7; 64]), "07".repeat(64));
        assert_eq!(identifier(&[7; 65]), "07".repeat(64) + "..");
    }
}

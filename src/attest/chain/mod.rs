//! Certificate paths from a leaf to a root that is trusted (RFC 5280 section 6, as far as TPM certificates need it).
//!
//! Not looked at: revocation, name constraints (refused where critical, as every extension that is not known here) and
//! policy mapping.

use crate::base::Timestamp;
use crate::crypto::cert::oid::ObjectIdentifier;
use crate::crypto::cert::{Certificate, oid};

/// The longest path, leaf and root included.
pub const LONGEST_PATH: usize = 8;
/// How many candidates for an issuer are tried in all. Ends the search through certificates made to have many paths.
const MOST_TRIES: usize = 64;
/// Critical extensions whose meaning is checked here or in the profiles.
const KNOWN: &[ObjectIdentifier] = &[
    oid::BASIC_CONSTRAINTS,
    oid::KEY_USAGE,
    oid::EXTENDED_KEY_USAGE,
    oid::SUBJECT_ALT_NAME,
    oid::CERTIFICATE_POLICIES,
    oid::SUBJECT_DIRECTORY_ATTRIBUTES,
];

/// Why there is no path. The names are those of certificates: the subject, or `(empty)`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ChainFault {
    /// Neither intermediates nor roots hold a certificate with the issuer's name.
    #[error("issuer not found: {issuer}")]
    IssuerNotFound {
        /// The name that was looked for.
        issuer: String,
    },
    /// Certificates of that name are there, and the signature is by none of them.
    #[error("not signed by the key of {issuer}")]
    Signature {
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
    #[error("{subject} is valid from {from} only")]
    NotYetValid {
        /// Its name.
        subject: String,
        /// Its first instant.
        from: Timestamp,
    },
    /// A certificate is no longer valid.
    #[error("{subject} was valid until {to}")]
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
    /// No path within [`LONGEST_PATH`] certificates, or too many candidates.
    #[error("no path within {LONGEST_PATH} certificates")]
    TooLong,
}

/// Finds a path from `leaf` through `intermediates` to one of `roots`, every certificate valid at `at`: leaf first, root last.
///
/// Without a path, the fault is that of the attempt which came farthest.
pub fn build_path<'a>(
    leaf: &'a Certificate,
    intermediates: &'a [Certificate],
    roots: &'a [Certificate],
    at: Timestamp,
) -> Result<Vec<&'a Certificate>, ChainFault> {
    judge_member(leaf, at)?;
    let mut search = Search { intermediates, roots, at, tries: 0, farthest: None };
    let mut path = vec![leaf];
    if search.extend(&mut path) {
        return Ok(path);
    }
    Err(search.farthest.map_or(ChainFault::TooLong, |(_, fault)| fault))
}

struct Search<'a> {
    intermediates: &'a [Certificate],
    roots: &'a [Certificate],
    at: Timestamp,
    tries: usize,
    /// The fault to report, with how far its attempt came.
    farthest: Option<((usize, bool), ChainFault)>,
}

impl<'a> Search<'a> {
    /// Extends the path to a root; on failure the path is as before.
    fn extend(&mut self, path: &mut Vec<&'a Certificate>) -> bool {
        let Some(last) = path.last().copied() else { return false };
        if path.len() >= LONGEST_PATH {
            self.note(path.len(), true, ChainFault::TooLong);
            return false;
        }
        let issuer = last.issuer();
        let (roots, intermediates) = (self.roots, self.intermediates);
        let named = roots.iter().map(|each| (each, true)).chain(intermediates.iter().map(|each| (each, false)));
        let mut found = false;
        for (candidate, is_root) in named.filter(|(each, _)| each.subject() == issuer) {
            found = true;
            if path.contains(&candidate) {
                let own = candidate == last && !is_root;
                self.note(path.len(), true, if own { untrusted(last) } else { circle(last) });
                continue;
            }
            self.tries += 1;
            if self.tries > MOST_TRIES {
                self.note(usize::MAX, true, ChainFault::TooLong);
                return false;
            }
            if let Err(fault) = self.judge_issuer(candidate, last, path.len()) {
                let belongs = !matches!(fault, ChainFault::Signature { .. });
                self.note(path.len(), belongs, fault);
                continue;
            }
            path.push(candidate);
            if is_root || self.extend(path) {
                return true;
            }
            path.pop();
        }
        if !found {
            let own = last.subject() == issuer;
            let missing = ChainFault::IssuerNotFound { issuer: issuer.to_string() };
            self.note(path.len(), true, if own { untrusted(last) } else { missing });
        }
        false
    }

    /// `below` is the number of certificates in the path so far: the leaf and the intermediates under this issuer.
    fn judge_issuer(&self, issuer: &Certificate, subject: &Certificate, below: usize) -> Result<(), ChainFault> {
        let name = || issuer.subject().to_string();
        let unreadable = |_| ChainFault::Unreadable { subject: name() };
        subject.verify_signed_by(issuer.public()).map_err(|_| ChainFault::Signature { issuer: name() })?;
        judge_member(issuer, self.at)?;
        if !issuer.is_v3() || issuer.is_authority().map_err(unreadable)? != Some(true) {
            return Err(ChainFault::NotAnAuthority { issuer: name() });
        }
        if issuer.may_sign_certificates().map_err(unreadable)? == Some(false) {
            return Err(ChainFault::MayNotSign { issuer: name() });
        }
        match issuer.path_length().map_err(unreadable)? {
            Some(allowed) if below > usize::from(allowed) + 1 => {
                Err(ChainFault::PathLength { issuer: name(), allowed })
            }
            _ => Ok(()),
        }
    }

    /// Keeps the fault of the attempt that came farthest. At the same place, a candidate that did sign says more than one that
    /// only bears the name; between equals the first one stays.
    fn note(&mut self, length: usize, belongs: bool, fault: ChainFault) {
        let distance = (length, belongs);
        if self.farthest.as_ref().is_none_or(|(best, _)| distance > *best) {
            self.farthest = Some((distance, fault));
        }
    }
}

fn untrusted(own_issuer: &Certificate) -> ChainFault {
    ChainFault::UntrustedRoot { subject: own_issuer.subject().to_string() }
}

fn circle(last: &Certificate) -> ChainFault {
    ChainFault::Loop { issuer: last.issuer().to_string() }
}

/// What every certificate of a path must fulfil, the leaf and the root too.
fn judge_member(certificate: &Certificate, at: Timestamp) -> Result<(), ChainFault> {
    let subject = || certificate.subject().to_string();
    let validity = certificate.validity().map_err(|_| ChainFault::Unreadable { subject: subject() })?;
    if at < validity.from {
        return Err(ChainFault::NotYetValid { subject: subject(), from: validity.from });
    }
    if at > validity.to {
        return Err(ChainFault::Expired { subject: subject(), to: validity.to });
    }
    if certificate.repeats_an_extension() {
        return Err(ChainFault::RepeatedExtension { subject: subject() });
    }
    match certificate.critical_extensions().into_iter().find(|each| !KNOWN.contains(each)) {
        Some(extension) => Err(ChainFault::UnknownCritical { subject: subject(), extension: extension.to_string() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;

//! Certificate paths from a leaf to a root that is trusted (RFC 5280 section 6, as far as TPM certificates need it).
//!
//! Not looked at: name constraints (refused where critical, as every extension that is not known here) and policy mapping.
//! Revocation is looked at for issuers whose list is given; the roots are trusted as they are.

mod fault;
mod revocation;

use crate::base::Timestamp;
use crate::crypto::cert::oid::ObjectIdentifier;
use crate::crypto::cert::{Certificate, RevocationList, SignatureFault, oid};

pub use fault::ChainFault;
use fault::identifier;

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

/// What a verifier trusts: the roots, and what it knows about certificates that were taken back.
#[derive(Debug, Clone, Copy)]
pub struct Anchors<'a> {
    /// The trusted roots. What their own signatures are made with does not matter.
    pub roots: &'a [Certificate],
    /// Revocation lists, of any issuers in any order. Certificates of an issuer without one are not checked for revocation.
    pub crls: &'a [RevocationList],
}

/// Finds a path from `leaf` through `intermediates` to one of the roots, every certificate valid at `at`: leaf first, root last.
///
/// Without a path, the fault is that of the attempt which came farthest.
pub fn build_path<'a>(
    leaf: &'a Certificate,
    intermediates: &'a [Certificate],
    anchors: &Anchors<'a>,
    at: Timestamp,
) -> Result<Vec<&'a Certificate>, ChainFault> {
    judge_member(leaf, at)?;
    let mut search = Search { intermediates, anchors: *anchors, at, tries: 0, farthest: None };
    let mut path = Vec::with_capacity(LONGEST_PATH);
    path.push(leaf);
    if search.extend(&mut path) {
        return Ok(path);
    }
    Err(search.farthest.map_or(ChainFault::TooLong, |(_, fault)| fault))
}

struct Search<'a> {
    intermediates: &'a [Certificate],
    anchors: Anchors<'a>,
    at: Timestamp,
    tries: usize,
    /// The fault to report, with how far its attempt came.
    farthest: Option<((usize, bool), ChainFault)>,
}

/// How a candidate's key identifier and the one that is looked for agree.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyId {
    /// They are the same, or one of them is not given.
    Fits,
    /// They differ; it is tried all the same, and last: identifiers are hints (RFC 4158 section 3.5.12).
    Differs,
}

impl<'a> Search<'a> {
    /// Extends the path to a root; on failure the path is as before.
    fn extend(&mut self, path: &mut Vec<&'a Certificate>) -> bool {
        let Some(last) = path.last().copied() else { return false };
        if path.len() >= LONGEST_PATH {
            self.note(path.len(), true, ChainFault::TooLong);
            return false;
        }
        let wanted = last.authority_key_id();
        let mut found = false;
        for pass in [KeyId::Fits, KeyId::Differs] {
            let (roots, intermediates) = (self.anchors.roots, self.intermediates);
            let all = roots.iter().map(|each| (each, true)).chain(intermediates.iter().map(|each| (each, false)));
            let named = all.filter(|(each, _)| each.subject_der() == last.issuer_der());
            for (candidate, is_root) in named.filter(|(each, _)| key_id(wanted, each) == pass) {
                match self.step(path, candidate, is_root) {
                    Step::Arrived => return true,
                    Step::GivenUp => return false,
                    Step::NotTheSigner if pass == KeyId::Differs => {}
                    Step::NotTheSigner | Step::DeadEnd => found = true,
                }
            }
        }
        if !found {
            self.note(path.len(), true, missing(last));
        }
        false
    }

    /// Tries one certificate that bears the issuer's name.
    fn step(&mut self, path: &mut Vec<&'a Certificate>, candidate: &'a Certificate, is_root: bool) -> Step {
        let Some(last) = path.last().copied() else { return Step::GivenUp };
        if path.contains(&candidate) {
            let own = candidate == last && !is_root;
            self.note(path.len(), true, if own { untrusted(last) } else { circle(last) });
            return Step::DeadEnd;
        }
        self.tries += 1;
        if self.tries > MOST_TRIES {
            self.note(usize::MAX, true, ChainFault::TooLong);
            return Step::GivenUp;
        }
        match self.judge_issuer(candidate, last, path.len()) {
            Err(fault @ ChainFault::Signature { .. }) => {
                // Where another key is looked for, that one is missing.
                if key_id(last.authority_key_id(), candidate) == KeyId::Fits {
                    self.note(path.len(), false, fault);
                }
                return Step::NotTheSigner;
            }
            Err(fault) => {
                self.note(path.len(), true, fault);
                return Step::DeadEnd;
            }
            Ok(()) => {}
        }
        path.push(candidate);
        if is_root || self.extend(path) {
            return Step::Arrived;
        }
        path.pop();
        // Where the tries are used up, the next candidate says so.
        Step::DeadEnd
    }

    /// `below` is the number of certificates in the path so far: the leaf and the intermediates under this issuer.
    fn judge_issuer(&self, issuer: &Certificate, subject: &Certificate, below: usize) -> Result<(), ChainFault> {
        let name = || issuer.subject().to_string();
        let unreadable = |_| ChainFault::Unreadable { subject: name() };
        subject.verify_issued_by(issuer).map_err(|fault| signature(fault, subject, issuer))?;
        judge_member(issuer, self.at)?;
        if !issuer.is_v3() || issuer.is_authority().map_err(unreadable)? != Some(true) {
            return Err(ChainFault::NotAnAuthority { issuer: name() });
        }
        if issuer.may_sign_certificates().map_err(unreadable)? == Some(false) {
            return Err(ChainFault::MayNotSign { issuer: name() });
        }
        match issuer.path_length().map_err(unreadable)? {
            Some(allowed) if below > usize::from(allowed) + 1 => {
                return Err(ChainFault::PathLength { issuer: name(), allowed });
            }
            _ => {}
        }
        revocation::check(subject, issuer, &self.anchors, self.at)
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

/// How far one candidate led.
enum Step {
    /// To a root.
    Arrived,
    /// Nowhere: it did sign, or it is in the path already.
    DeadEnd,
    /// Nowhere: it bears the name and did not sign.
    NotTheSigner,
    /// Too much was tried.
    GivenUp,
}

fn key_id(wanted: Option<&[u8]>, candidate: &Certificate) -> KeyId {
    let differ = wanted.zip(candidate.subject_key_id()).is_some_and(|(wanted, own)| wanted != own);
    if differ { KeyId::Differs } else { KeyId::Fits }
}

fn signature(fault: SignatureFault, subject: &Certificate, issuer: &Certificate) -> ChainFault {
    let issuer = issuer.subject().to_string();
    match fault {
        SignatureFault::Weak { algorithm } => ChainFault::WeakSignature { issuer, algorithm },
        SignatureFault::Unknown { algorithm } => {
            ChainFault::UnknownAlgorithm { issuer, algorithm: algorithm.to_string() }
        }
        SignatureFault::Parameters { algorithm } => {
            ChainFault::AlgorithmParameters { issuer, algorithm: algorithm.to_string() }
        }
        SignatureFault::AlgorithmsDiffer => ChainFault::AlgorithmsDiffer { subject: subject.subject().to_string() },
        SignatureFault::Key => ChainFault::IssuerKey { issuer },
        _ => ChainFault::Signature { issuer },
    }
}

fn untrusted(own_issuer: &Certificate) -> ChainFault {
    ChainFault::UntrustedRoot { subject: own_issuer.subject().to_string() }
}

fn circle(last: &Certificate) -> ChainFault {
    ChainFault::Loop { issuer: last.issuer().to_string() }
}

/// Nobody who could have signed is there.
fn missing(last: &Certificate) -> ChainFault {
    if last.subject_der() == last.issuer_der() {
        return untrusted(last);
    }
    ChainFault::IssuerNotFound { issuer: last.issuer().to_string(), key_id: last.authority_key_id().map(identifier) }
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
    match certificate.unknown_critical(KNOWN) {
        Some(extension) => Err(ChainFault::UnknownCritical { subject: subject(), extension: extension.to_string() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;

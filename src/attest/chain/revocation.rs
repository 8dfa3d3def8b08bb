//! Whether an issuer has taken a certificate back (RFC 5280 section 6.3, for whole lists by the issuer itself).

use super::fault::identifier;
use super::{Anchors, ChainFault};
use crate::base::Timestamp;
use crate::crypto::cert::{Certificate, RevocationList};

/// Asks every list of that issuer which was given; without one, nothing is known and nothing is wrong.
///
/// One list that is good and does not name the certificate is enough; one that names it outweighs all others.
pub(super) fn check(
    subject: &Certificate,
    issuer: &Certificate,
    anchors: &Anchors<'_>,
    at: Timestamp,
) -> Result<(), ChainFault> {
    let mut asked: Option<Result<(), ChainFault>> = None;
    for list in anchors.crls.iter().filter(|list| list.issuer_der() == issuer.subject_der()) {
        match ask(list, subject, issuer, at) {
            Some(Err(revoked @ ChainFault::Revoked { .. })) => return Err(revoked),
            Some(Ok(())) => asked = Some(Ok(())),
            Some(fault) => asked = asked.or(Some(fault)),
            None => {}
        }
    }
    asked.unwrap_or(Ok(()))
}

/// `None` if the list is that of a namesake: another key signed it, and its key identifier says so.
fn ask(
    list: &RevocationList,
    subject: &Certificate,
    issuer: &Certificate,
    at: Timestamp,
) -> Option<Result<(), ChainFault>> {
    let name = || issuer.subject().to_string();
    if list.verify_issued_by(issuer).is_err() {
        let others = list.authority_key_id().zip(issuer.subject_key_id()).is_some_and(|(list, own)| list != own);
        return (!others).then(|| Err(ChainFault::CrlSignature { issuer: name() }));
    }
    Some(judge(list, subject, issuer, at))
}

/// Judges a list that the issuer signed.
fn judge(list: &RevocationList, subject: &Certificate, issuer: &Certificate, at: Timestamp) -> Result<(), ChainFault> {
    let name = || issuer.subject().to_string();
    let unreadable = |_| ChainFault::Unreadable { subject: name() };
    if issuer.may_sign_crls().map_err(unreadable)? == Some(false) {
        return Err(ChainFault::MayNotSignCrls { issuer: name() });
    }
    if let Some(extension) = list.not_understood() {
        return Err(ChainFault::CrlUnknownCritical { issuer: name(), extension: extension.to_string() });
    }
    let revoked = |since| ChainFault::Revoked {
        subject: subject.subject().to_string(),
        serial: identifier(subject.serial()),
        since,
    };
    let since = list.revoked(subject.serial());
    // However old the list is: what is revoked stays so.
    if let Some(since) = since.filter(|since| *since <= at) {
        return Err(revoked(since));
    }
    if at < list.this_update() {
        return Err(ChainFault::CrlNotYetValid { issuer: name(), this_update: list.this_update() });
    }
    if at > list.next_update() {
        return Err(ChainFault::CrlStale { issuer: name(), next_update: list.next_update() });
    }
    since.map_or(Ok(()), |since| Err(revoked(since)))
}

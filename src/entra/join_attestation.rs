//! What a device says at its join about the TPM of its transport key.
//!
//! What Windows sends there is not public, so the encoding is the lab's own ([`JoinRequest`]). Whether `AttestationData` is true of
//! the transport key is not judged yet; that it can be read is.

use crate::attest::{Check, Expectation, Freshness, Outcome, Statement, verify};
use crate::crypto::PublicKey;
use crate::wire::encoding::from_base64;
use crate::wire::join::JoinRequest;

use super::Entra;
use super::refusal::Refusal;
use super::rules::JoinAttestation;
use super::verdict::policy;

/// The checks of a statement that are about the attestation key's certificate alone.
const OF_THE_CERTIFICATE: [Check; 11] = [
    Check::Certificates,
    Check::AikVersion,
    Check::AikSubject,
    Check::AikAlternativeName,
    Check::AikExtendedKeyUsage,
    Check::AikAuthority,
    Check::AikStrength,
    Check::Chain,
    Check::Assurance,
    Check::Vendor,
    Check::Virtual,
];

/// Judges what is there; a device that says nothing joins as ever. `AikCertificate` is one certificate: the tenant's attestation
/// authority has nobody between itself and an attestation key.
pub(crate) fn judge(entra: &Entra, request: &JoinRequest, transport: &PublicKey) -> Result<(), Refusal> {
    if entra.rules().join_attestation == JoinAttestation::Ignore {
        return Ok(());
    }
    match (&request.aik_certificate, &request.attestation_data) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(Refusal::JoinAttestationAlone),
        (Some(certificate), data) => {
            judge_certificate(entra, certificate, transport)?;
            data.as_deref().map_or(Ok(()), readable)
        }
    }
}

/// The verifier's own checks, over a statement of which nothing else is there.
fn judge_certificate(entra: &Entra, certificate: &str, transport: &PublicKey) -> Result<(), Refusal> {
    let der = from_base64(certificate).map_err(|_| Refusal::JoinAikCertificateMalformed)?;
    let statement = Statement { aik_chain: vec![der], ..Statement::default() };
    let policy = policy(entra.rules());
    let report = verify(
        &statement,
        &Expectation {
            freshness: Freshness::Off,
            relying_party: None,
            key: Some(transport),
            roots: std::slice::from_ref(entra.keys().aik.certificate()),
            vendors: entra.vendor_roots(),
            at: entra.now(),
            policy: &policy,
        },
    );
    let mut findings = report.findings().iter().filter(|finding| OF_THE_CERTIFICATE.contains(&finding.check));
    findings
        .find_map(|finding| match &finding.outcome {
            Outcome::Failed(fault) => Some(Refusal::of_join(finding.check, fault)),
            _ => None,
        })
        .map_or(Ok(()), Err)
}

fn readable(data: &str) -> Result<(), Refusal> {
    from_base64(data).map(drop).map_err(|_| Refusal::JoinAttestationMalformed)
}

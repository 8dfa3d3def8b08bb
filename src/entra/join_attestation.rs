//! What a device says at its join about the TPM of its transport key.
//!
//! What Windows sends there is not public, so the encoding is the lab's own ([`JoinRequest`]).

use crate::attest::form::read_kast;
use crate::attest::{Check, Expectation, Finding, Freshness, Outcome, Statement, verify};
use crate::crypto::PublicKey;
use crate::crypto::digest::sha256;
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

/// Judges what is there; a device that says nothing joins as ever. Whatever cannot be read is refused first, then the certificate
/// is judged, then the statement.
///
/// `AikCertificate` is one certificate: the tenant's attestation authority has nobody between itself and an attestation key.
pub(crate) fn judge(entra: &Entra, request: &JoinRequest, transport: &PublicKey) -> Result<(), Refusal> {
    if entra.rules().join_attestation == JoinAttestation::Ignore {
        return Ok(());
    }
    let certificate = match (&request.aik_certificate, &request.attestation_data) {
        (None, None) => return Ok(()),
        (None, Some(_)) => return Err(Refusal::JoinAttestationAlone),
        (Some(certificate), _) => from_base64(certificate).map_err(|_| Refusal::JoinAikCertificateMalformed)?,
    };
    let statement = match &request.attestation_data {
        None => Statement { aik_chain: vec![certificate], ..Statement::default() },
        Some(data) => read(data, certificate)?,
    };
    // It was read as base64 before, when the certification request was.
    let bound = sha256(&from_base64(&request.certificate_request.data).unwrap_or_default());
    let findings = findings(entra, &statement, transport, &bound);
    let (certificate, others): (Vec<_>, Vec<_>) =
        findings.iter().partition(|finding| OF_THE_CERTIFICATE.contains(&finding.check));
    first_fault(&certificate)?;
    if request.attestation_data.is_some() { first_fault(&others) } else { Ok(()) }
}

fn read(data: &str, certificate: Vec<u8>) -> Result<Statement, Refusal> {
    let kast = from_base64(data).map_err(|_| Refusal::JoinAttestationMalformed)?;
    let presented = read_kast(&kast, &[certificate]).map_err(|_| Refusal::JoinAttestationMalformed)?;
    Ok(presented.statement)
}

/// Every finding of the verifier; without a statement those on the certificate alone mean something.
fn findings(entra: &Entra, statement: &Statement, transport: &PublicKey, bound: &[u8]) -> Vec<Finding> {
    let policy = policy(entra.rules());
    let report = verify(
        statement,
        &Expectation {
            freshness: Freshness::Exactly { nonce: "", extra_data: bound },
            relying_party: None,
            key: Some(transport),
            roots: std::slice::from_ref(entra.keys().aik.certificate()),
            vendors: entra.vendor_roots(),
            crls: &[],
            at: entra.now(),
            policy: &policy,
        },
    );
    report.findings().to_vec()
}

fn first_fault(findings: &[&Finding]) -> Result<(), Refusal> {
    let fault = findings.iter().find_map(|finding| match &finding.outcome {
        Outcome::Failed(fault) => Some((finding.check, fault)),
        _ => None,
    });
    let Some((check, fault)) = fault else { return Ok(()) };
    tracing::debug!(target: "whfb::entra", ?check, %fault, "the attestation of a join does not hold");
    Err(Refusal::of_join(check, fault))
}

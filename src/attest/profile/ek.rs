//! The endorsement key's certificate (TCG EK Credential Profile for TPM 2.0, section 3.2; protocol.md 6.7).

use super::TpmIdentity;
use crate::attest::chain::{Anchors, ChainFault, build_path};
use crate::base::{Random, Timestamp};
use crate::crypto::PublicKey;
use crate::crypto::cert::{Authority, Certificate, CertificateError, Extension, Leaf, Name, Validity, oid};

/// Issues an endorsement key's certificate as a TPM vendor does.
pub fn ek_certificate(
    vendor: &Authority,
    ek: &PublicKey,
    tpm: &TpmIdentity,
    validity: Validity,
    rng: &mut dyn Random,
) -> Result<Certificate, CertificateError> {
    let mut extensions = ek_extensions(ek, tpm)?;
    extensions.push(vendor.key_identifier()?);
    vendor.issue(&Leaf { subject: Name::empty(), public: ek, validity, extensions }, rng)
}

pub(crate) fn ek_extensions(ek: &PublicKey, tpm: &TpmIdentity) -> Result<Vec<Extension>, CertificateError> {
    let key_usage = match ek {
        PublicKey::Rsa(_) => Extension::key_usage_encipherment()?,
        PublicKey::P256(_) => Extension::key_usage_agreement()?,
    };
    Ok(vec![
        Extension::directory_name(&tpm.to_name()?)?,
        Extension::basic_constraints(false)?,
        key_usage,
        Extension::extended_key_usage(false, &[oid::EK_CERTIFICATE])?,
        // TPM 2.0 library specification, level 0, revision 1.64.
        Extension::tpm_specification(0, 164)?,
    ])
}

/// Why a certificate is not that of an endorsement key which may be trusted, in the order of the checks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EkFault {
    /// The certificate is for another key than the TPM showed.
    #[error("the EK certificate is for another key")]
    Key,
    /// Not an X.509 version 3 certificate.
    #[error("the EK certificate is not version 3")]
    Version,
    /// No `subjectAltName` with a directory name; or it is not critical beside an empty subject.
    #[error("the EK certificate has no subjectAltName as the profile wants it")]
    AlternativeName,
    /// `subjectAltName` lacks manufacturer, model or version.
    #[error("the EK certificate does not say which TPM it is for")]
    Identity,
    /// CA:TRUE, or no `basicConstraints`.
    #[error("the EK certificate is not marked CA:FALSE")]
    Authority,
    /// The key usage lacks keyEncipherment (RSA) or keyAgreement (P-256).
    #[error("the EK certificate's key usage does not fit its key")]
    KeyUsage,
    /// The extended key usage lacks tcg-kp-EKCertificate.
    #[error("the EK certificate lacks the extended key usage 2.23.133.8.1")]
    ExtendedKeyUsage,
    /// No path to a trusted root.
    #[error(transparent)]
    Chain(ChainFault),
}

/// Judges the certificate that a TPM shows for its endorsement key, before a credential is made for that key: the key, the
/// profile, then the path to `roots` at `at`. Answers which TPM it is.
pub fn judge_ek(
    certificate: &Certificate,
    intermediates: &[Certificate],
    ek: &PublicKey,
    roots: &[Certificate],
    at: Timestamp,
) -> Result<TpmIdentity, EkFault> {
    if certificate.public() != Ok(ek) {
        return Err(EkFault::Key);
    }
    let identity = ek_identity(certificate)?;
    build_path(certificate, intermediates, &Anchors { roots, crls: &[] }, at).map_err(EkFault::Chain)?;
    Ok(identity)
}

/// Judges the profile alone, and answers which TPM the certificate is for.
pub(crate) fn ek_identity(certificate: &Certificate) -> Result<TpmIdentity, EkFault> {
    if !certificate.is_v3() {
        return Err(EkFault::Version);
    }
    let name = certificate.san_directory_name().ok().flatten().ok_or(EkFault::AlternativeName)?;
    if certificate.subject().is_empty() && certificate.criticality(oid::SUBJECT_ALT_NAME) != Some(true) {
        return Err(EkFault::AlternativeName);
    }
    let identity = TpmIdentity::from_name(&name).ok_or(EkFault::Identity)?;
    if certificate.is_authority() != Ok(Some(false)) {
        return Err(EkFault::Authority);
    }
    let fits = certificate.key_uses().ok().flatten().is_some_and(|uses| match certificate.public() {
        Ok(PublicKey::Rsa(_)) => uses.encipherment,
        // P-256, or a larger curve.
        _ => uses.agreement,
    });
    if !fits {
        return Err(EkFault::KeyUsage);
    }
    if !certificate.extended_key_usage().is_ok_and(|usages| usages.contains(&oid::EK_CERTIFICATE)) {
        return Err(EkFault::ExtendedKeyUsage);
    }
    Ok(identity)
}

//! The attestation identity key's certificate (TCG AIK profile as WebAuthn section 8.3.1 sums it up; protocol.md 6.6).

use super::TpmIdentity;
use crate::base::Random;
use crate::crypto::PublicKey;
use crate::crypto::cert::{Authority, Certificate, CertificateError, Extension, Leaf, Name, Validity, oid};
use crate::wire::tpm::{ALG_SHA256, Attributes, Public, Scheme, Symmetric, TpmFormat};

/// Issues an attestation key's certificate, after the key was shown by credential activation to live beside an endorsement key.
///
/// `verified_ek` says whether that endorsement key had a certificate with a path to a trusted root; it decides the policy:
/// 1.3.6.1.4.1.311.21.31 if so, .32 otherwise (the choice of policies is \[inferred\] from AD CS).
pub fn aik_certificate(
    authority: &Authority,
    aik: &PublicKey,
    tpm: &TpmIdentity,
    verified_ek: bool,
    validity: Validity,
    rng: &mut dyn Random,
) -> Result<Certificate, CertificateError> {
    let mut extensions = aik_extensions(tpm, verified_ek)?;
    extensions.push(authority.key_identifier()?);
    authority.issue(&Leaf { subject: Name::empty(), public: aik, validity, extensions }, rng)
}

pub(crate) fn aik_extensions(tpm: &TpmIdentity, verified_ek: bool) -> Result<Vec<Extension>, CertificateError> {
    let policy = if verified_ek { oid::POLICY_EK_CERTIFICATE } else { oid::POLICY_EK_UNVERIFIED };
    Ok(vec![
        Extension::directory_name(&tpm.to_name()?)?,
        Extension::basic_constraints(false)?,
        Extension::key_usage_signature()?,
        Extension::extended_key_usage(false, &[oid::AIK_CERTIFICATE])?,
        Extension::policy(policy)?,
    ])
}

/// The TPM that an attestation key's certificate names: a critical `subjectAltName` with a directory name of manufacturer,
/// model and version; `None` for anything else.
pub(crate) fn tpm_of(certificate: &Certificate) -> Option<TpmIdentity> {
    if certificate.criticality(oid::SUBJECT_ALT_NAME) != Some(true) {
        return None;
    }
    certificate.san_directory_name().ok().flatten().as_ref().and_then(TpmIdentity::from_name)
}

/// Whether the issuer verified the endorsement key's certificate, by the certificate's policies; `None` if they do not say.
/// Where both are asserted the stronger holds, as AD CS adds policies up.
pub(crate) fn ek_was_verified(certificate: &Certificate) -> Option<bool> {
    let policies = certificate.policies().ok()?;
    if policies.contains(&oid::POLICY_EK_CERTIFICATE) {
        return Some(true);
    }
    policies.contains(&oid::POLICY_EK_UNVERIFIED).then_some(false)
}

/// Why a public area is not that of an attestation key, in the order of the checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AikFault {
    /// fixedTPM, fixedParent or sensitiveDataOrigin is missing: the key may live elsewhere too.
    #[error("the attestation key could leave its TPM, or came from outside")]
    NotBoundToTpm,
    /// Not restricted: it would sign a forged attestation.
    #[error("the attestation key is not restricted")]
    NotRestricted,
    /// It does not sign, or also decrypts.
    #[error("the attestation key is no pure signing key")]
    NotSigning,
    /// The scheme is not RSASSA or ECDSA with SHA-256.
    #[error("the attestation key's scheme is not RSASSA or ECDSA with SHA-256")]
    Scheme,
    /// Neither RSA-2048 with exponent 65537 nor P-256.
    #[error("the attestation key is neither RSA-2048 nor P-256")]
    Strength,
    /// The public value is no key.
    #[error(transparent)]
    Public(TpmFormat),
}

/// Judges the public area of a key that wants an attestation key's certificate, and answers the key. That it lives in a TPM
/// follows only from a credential activated under the Name of these very bytes ([`crate::attest::make_credential`]).
pub fn judge_aik(public: &Public) -> Result<PublicKey, AikFault> {
    let has = |attribute| public.attributes.contains(attribute);
    if !(has(Attributes::FIXED_TPM) && has(Attributes::FIXED_PARENT) && has(Attributes::SENSITIVE_DATA_ORIGIN)) {
        return Err(AikFault::NotBoundToTpm);
    }
    if !has(Attributes::RESTRICTED) {
        return Err(AikFault::NotRestricted);
    }
    if !has(Attributes::SIGN) || has(Attributes::DECRYPT) {
        return Err(AikFault::NotSigning);
    }
    let key = public.to_public_key().map_err(AikFault::Public)?;
    let scheme = match key {
        PublicKey::Rsa(_) => Scheme::Rsassa(ALG_SHA256),
        PublicKey::P256(_) => Scheme::Ecdsa(ALG_SHA256),
    };
    if public.scheme != scheme || public.symmetric != Symmetric::Null {
        return Err(AikFault::Scheme);
    }
    if super::is_strong(&key) { Ok(key) } else { Err(AikFault::Strength) }
}

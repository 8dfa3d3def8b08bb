//! What the checks find wrong: one name per way to fail.

use super::chain::ChainFault;
#[cfg(doc)]
use super::check::Check;
use super::profile::{AikFault, EkFault};
use crate::crypto::cert::CertificateError;
use crate::wire::tpm::TpmFormat;

/// What a check found wrong: one name per way to fail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Fault {
    /// [`Check::PublicArea`].
    #[error("the public area is malformed: {0}")]
    PublicMalformed(TpmFormat),
    /// [`Check::CertifyInfo`].
    #[error("the certify information is malformed: {0}")]
    CertifyInfoMalformed(TpmFormat),
    /// [`Check::Magic`].
    #[error("the certify information was not made by a TPM")]
    NotGeneratedByTpm,
    /// [`Check::Type`].
    #[error("the attestation is not a certification")]
    NotACertification,
    /// [`Check::Nonce`].
    #[error("the statement was made for another nonce")]
    OtherNonce,
    /// [`Check::RelyingParty`]: the client data are not of `webauthn.create`.
    #[error("the client data are of another operation")]
    OtherOperation,
    /// [`Check::RelyingParty`].
    #[error("the credential was made for another origin")]
    OtherOrigin,
    /// [`Check::RelyingParty`].
    #[error("the credential was made for another relying party")]
    OtherRelyingParty,
    /// [`Check::ExtraData`].
    #[error("extraData does not bind this nonce and this key")]
    ExtraDataDiffers,
    /// [`Check::Clock`].
    #[error("the TPM's clock is not safe: it may have reported a greater time before")]
    ClockNotSafe,
    /// [`Check::Name`].
    #[error("the certified Name is not that of the public area")]
    NameDiffers,
    /// [`Check::QualifiedName`].
    #[error("the certified key is not right below the storage key")]
    QualifiedNameDiffers,
    /// [`Check::QualifiedName`]: what the statement says is no Name of a storage key.
    #[error("the storage key's Name is no SHA-256 Name")]
    StorageNameMalformed,
    /// [`Check::SubjectKey`].
    #[error("the statement is about another key")]
    OtherKey,
    /// [`Check::FixedTpm`].
    #[error("the key may leave its TPM")]
    NotFixedTpm,
    /// [`Check::FixedParent`].
    #[error("the key may be duplicated")]
    NotFixedParent,
    /// [`Check::SensitiveDataOrigin`].
    #[error("the key was not made by the TPM")]
    NotMadeByTpm,
    /// [`Check::NotRestricted`].
    #[error("the key is restricted")]
    Restricted,
    /// [`Check::AuthPolicy`].
    #[error("the authorization policy is not that of the Windows provider")]
    OtherPolicy,
    /// [`Check::Attributes`].
    #[error("the attributes are not those of the Windows template")]
    OtherAttributes,
    /// [`Check::Scheme`].
    #[error("the key is bound to a scheme or a symmetric algorithm")]
    OtherScheme,
    /// [`Check::Strength`].
    #[error("the key is neither RSA-2048 with exponent 65537 nor P-256")]
    WrongStrength,
    /// [`Check::Roca`].
    #[error("the key has the fingerprint of CVE-2017-15361 (ROCA)")]
    Roca,
    /// [`Check::Certificates`]: there is none.
    #[error("no certificate of an attestation key")]
    NoCertificate,
    /// [`Check::Certificates`]: more than a path may have.
    #[error("{count} certificates")]
    TooManyCertificates {
        /// How many.
        count: usize,
    },
    /// [`Check::Certificates`]: one cannot be read.
    #[error("certificate {index} cannot be read: {why}")]
    CertificateMalformed {
        /// Which, from 0.
        index: usize,
        /// Why.
        why: CertificateError,
    },
    /// [`Check::Algorithm`].
    #[error("the algorithm is not one of the attestation key's kind")]
    AlgorithmOfOtherKind,
    /// [`Check::Algorithm`].
    #[error("the signature is over SHA-1")]
    AlgorithmWeak,
    /// [`Check::Signature`].
    #[error("the signature is not by the attestation key")]
    SignatureInvalid,
    /// [`Check::AikTemplate`], [`Check::AikCreation`]: it should have come along.
    #[error("the attestation key's public area is missing")]
    AikPublicMissing,
    /// [`Check::AikTemplate`].
    #[error("the attestation key's public area is malformed: {0}")]
    AikPublicMalformed(TpmFormat),
    /// [`Check::AikTemplate`].
    #[error("the attestation key's public area is that of another key than the certificate's")]
    AikPublicOfOtherKey,
    /// [`Check::AikTemplate`].
    #[error("{0}")]
    AikUnfit(AikFault),
    /// [`Check::QualifiedSigner`].
    #[error("the signer is not the attestation key below that storage key")]
    SignerDiffers,
    /// [`Check::AikCreation`].
    #[error("the attestation of the attestation key's creation is malformed: {0}")]
    CreationMalformed(TpmFormat),
    /// [`Check::AikCreation`].
    #[error("the attestation of the attestation key's creation was not made by a TPM")]
    CreationNotGeneratedByTpm,
    /// [`Check::AikCreation`].
    #[error("what should attest the attestation key's creation is of another type")]
    NotACreation,
    /// [`Check::AikCreation`].
    #[error("the creation of another key is attested")]
    CreationOfOtherKey,
    /// [`Check::AikCreation`].
    #[error("the creation data are others than those attested")]
    CreationDataDiffers,
    /// [`Check::AikCreation`].
    #[error("the creation is not attested by the attestation key")]
    CreationSignatureInvalid,
    /// [`Check::AikVersion`].
    #[error("the AIK certificate is not version 3")]
    AikNotVersion3,
    /// [`Check::AikSubject`].
    #[error("the AIK certificate has a subject")]
    AikSubjectNotEmpty,
    /// [`Check::AikAlternativeName`].
    #[error("the AIK certificate has no critical subjectAltName that names a TPM")]
    AikNamesNoTpm,
    /// [`Check::AikExtendedKeyUsage`].
    #[error("the AIK certificate lacks the extended key usage 2.23.133.8.3")]
    AikWrongUsage,
    /// [`Check::AikAuthority`].
    #[error("the AIK certificate is not marked CA:FALSE")]
    AikIsAuthority,
    /// [`Check::AikAaguid`].
    #[error("the AIK certificate is of another authenticator model")]
    OtherAaguid,
    /// [`Check::AikStrength`].
    #[error("the attestation key is neither RSA-2048 with exponent 65537 nor P-256")]
    AikWeak,
    /// [`Check::AikStrength`].
    #[error("the attestation key has the fingerprint of CVE-2017-15361 (ROCA)")]
    AikRoca,
    /// [`Check::Chain`].
    #[error("no path to a trusted root: {0}")]
    Untrusted(ChainFault),
    /// [`Check::Chain`]: it is not part of the path, so nobody vouches for it.
    #[error("certificate {index} does not belong to the path")]
    StrayCertificate {
        /// Which, from 0.
        index: usize,
    },
    /// [`Check::Assurance`].
    #[error("the AIK certificate does not say how the EK was verified")]
    NoAssurance,
    /// [`Check::EkCertificates`]: it should have come along.
    #[error("the endorsement key's certificate is missing")]
    EkCertificateMissing,
    /// [`Check::EkCertificates`]: more than a path may have.
    #[error("{count} certificates of the endorsement key")]
    TooManyEkCertificates {
        /// How many.
        count: usize,
    },
    /// [`Check::EkCertificates`]: one cannot be read.
    #[error("certificate {index} of the endorsement key cannot be read: {why}")]
    EkCertificateMalformed {
        /// Which, from 0.
        index: usize,
        /// Why.
        why: CertificateError,
    },
    /// [`Check::EkProfile`].
    #[error("{0}")]
    EkUnfit(EkFault),
    /// [`Check::EkRoca`].
    #[error("the endorsement key has the fingerprint of CVE-2017-15361 (ROCA)")]
    EkRoca,
    /// [`Check::EkChain`].
    #[error("no path from the endorsement key to a trusted vendor: {0}")]
    EkUntrusted(ChainFault),
    /// [`Check::EkChain`]: it is not part of the path, so nobody vouches for it.
    #[error("certificate {index} of the endorsement key does not belong to the path")]
    StrayEkCertificate {
        /// Which, from 0.
        index: usize,
    },
    /// [`Check::SameTpm`].
    #[error("the two certificates name different TPMs")]
    OtherTpm,
    /// [`Check::Vendor`].
    #[error("the TPM is of a vendor that is not taken")]
    OtherVendor,
    /// [`Check::Model`].
    #[error("the TPM is of a model that is not taken")]
    OtherModel,
    /// [`Check::Firmware`].
    #[error("the TPM's firmware is too old")]
    OldFirmware,
    /// [`Check::Virtual`].
    #[error("the TPM is software beside a virtual machine")]
    VirtualTpm,
}

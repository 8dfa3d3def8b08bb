//! The checks of a statement in their order, and the one fault that each of them finds.

use super::chain::ChainFault;
use crate::wire::tpm::TpmFormat;

macro_rules! checks {
    ($($(#[$doc:meta])* $name:ident, $section:literal;)*) => {
        /// One check of a statement. They run in this order, and all of them run: a check whose subject could not be read is
        /// reported as blocked.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
        #[serde(rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum Check {
            $($(#[$doc])* #[doc = concat!("\n\nSource: ", $section, ".")] $name,)*
        }

        impl Check {
            /// Every check, in order.
            pub const ALL: &[Check] = &[$(Check::$name),*];

            /// Where the check is specified.
            pub fn section(self) -> &'static str {
                match self {
                    $(Self::$name => $section,)*
                }
            }
        }
    };
}

checks! {
    /// The public area is a whole `TPMT_PUBLIC` of an RSA or P-256 key, and nothing follows it.
    PublicArea, "TPM 2.0 Part 2, 12.2.4";
    /// The certify information is a whole `TPMS_ATTEST`, and nothing follows it.
    CertifyInfo, "TPM 2.0 Part 2, 10.12.12";
    /// Its magic is TPM_GENERATED_VALUE.
    Magic, "TPM 2.0 Part 2, 6.2; WebAuthn 8.3";
    /// Its type is TPM_ST_ATTEST_CERTIFY.
    Type, "TPM 2.0 Part 2, 6.9; WebAuthn 8.3";
    /// The statement names the nonce that the verifier gave out.
    Nonce, "this crate's registration member";
    /// `extraData` binds the nonce and the key as it is registered.
    ExtraData, "TPM 2.0 Part 3, 18.2; this crate's registration member";
    /// The certified Name is that of the public area.
    Name, "TPM 2.0 Part 1, 16; WebAuthn 8.3";
    /// The public area holds the key that is being registered.
    SubjectKey, "WebAuthn 8.3";
    /// fixedTPM: no copy can exist in another TPM.
    FixedTpm, "TPM 2.0 Part 2, 8.3 (TPMA_OBJECT)";
    /// fixedParent: no duplication under another parent.
    FixedParent, "TPM 2.0 Part 2, 8.3 (TPMA_OBJECT)";
    /// sensitiveDataOrigin: the TPM made the private part, nobody imported it.
    SensitiveDataOrigin, "TPM 2.0 Part 2, 8.3 (TPMA_OBJECT)";
    /// Not restricted: a restricted key does not sign what a sign-in needs.
    NotRestricted, "TPM 2.0 Part 2, 8.3 (TPMA_OBJECT)";
    /// The authorization policy is the PolicyOR of the Windows provider.
    AuthPolicy, "key policy of the Windows platform crypto provider (PCP tool kit)";
    /// The attributes are exactly 0x00060472. That the sign-in key has the template of the public sample is \[inferred\].
    Attributes, "public Windows Hello samples of WebAuthn, inferred for sign-in keys";
    /// Symmetric algorithm and scheme are NULL; \[inferred\] like the attributes.
    Scheme, "public Windows Hello samples of WebAuthn, inferred for sign-in keys";
    /// RSA-2048 with exponent 65537, or P-256.
    Strength, "MS-ADTS 2.2.20.5.1";
    /// The chain holds one to eight certificates that can be read.
    Certificates, "RFC 5280 4.1";
    /// The attestation key's signature over the certify information, RSASSA or ECDSA with SHA-256.
    Signature, "TPM 2.0 Part 3, 18.2; WebAuthn 8.3";
    /// The attestation key's certificate is version 3.
    AikVersion, "WebAuthn 8.3.1";
    /// Its subject is empty.
    AikSubject, "WebAuthn 8.3.1";
    /// Its critical `subjectAltName` names the TPM in a directory name.
    AikAlternativeName, "WebAuthn 8.3.1; TCG EK Credential Profile 3.2.9";
    /// Its extended key usage holds tcg-kp-AIKCertificate, 2.23.133.8.3.
    AikExtendedKeyUsage, "WebAuthn 8.3.1";
    /// It is marked CA:FALSE.
    AikAuthority, "WebAuthn 8.3.1";
    /// It has a path to a trusted root, every certificate valid at the given time.
    Chain, "RFC 5280 6";
    /// Its policies say how the endorsement key was verified.
    Assurance, "AD CS key attestation, 1.3.6.1.4.1.311.21.31 and .32, inferred for Entra";
}

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
    /// [`Check::ExtraData`].
    #[error("extraData does not bind this nonce and this key")]
    ExtraDataDiffers,
    /// [`Check::Name`].
    #[error("the certified Name is not that of the public area")]
    NameDiffers,
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
    #[error("certificate {index} cannot be read")]
    CertificateMalformed {
        /// Which, from 0.
        index: usize,
    },
    /// [`Check::Signature`].
    #[error("the signature is not by the attestation key")]
    SignatureInvalid,
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
    /// [`Check::Chain`].
    #[error("no path to a trusted root: {0}")]
    Untrusted(ChainFault),
    /// [`Check::Assurance`].
    #[error("the AIK certificate does not say how the EK was verified")]
    NoAssurance,
}

//! From the faults of the lower floors to refusals.

use super::{Broken, Refusal};
use crate::attest::{AikFault, ChainFault, Check, EkFault, Fault, Outcome, Report};
use crate::entra::tokens::TokenFault;
use crate::wire::blob::BlobFault;
use crate::wire::jws::JwsFault;
use crate::wire::kpp::KeyRequestFault;

impl From<JwsFault> for Broken {
    /// Only our own tokens come here: what clients send is refused by name where it is read.
    fn from(_: JwsFault) -> Self {
        Self::Encoding
    }
}

impl Refusal {
    /// A token fault at device join.
    pub(crate) fn join_token(fault: TokenFault) -> Self {
        match fault {
            TokenFault::Malformed => Self::JoinTokenMalformed,
            TokenFault::Signature => Self::JoinTokenSignature,
            TokenFault::Issuer => Self::JoinTokenIssuer,
            TokenFault::Tenant => Self::JoinTokenTenant,
            TokenFault::Audience => Self::JoinTokenAudience,
            TokenFault::NotYetValid => Self::JoinTokenEarly,
            TokenFault::Expired => Self::JoinTokenExpired,
        }
    }

    /// A token fault at key registration.
    pub(crate) fn key_token(fault: TokenFault) -> Self {
        match fault {
            TokenFault::Malformed => Self::KeyTokenMalformed,
            TokenFault::Signature => Self::KeyTokenSignature,
            TokenFault::Issuer => Self::KeyTokenIssuer,
            TokenFault::Tenant => Self::KeyTokenTenant,
            TokenFault::Audience => Self::KeyTokenAudience,
            TokenFault::NotYetValid => Self::KeyTokenEarly,
            TokenFault::Expired => Self::KeyTokenExpired,
        }
    }

    /// A token fault at Graph.
    pub(crate) fn graph_token(fault: TokenFault) -> Self {
        match fault {
            TokenFault::Malformed => Self::GraphTokenMalformed,
            TokenFault::Signature => Self::GraphTokenSignature,
            TokenFault::Issuer => Self::GraphTokenIssuer,
            TokenFault::Tenant => Self::GraphTokenTenant,
            TokenFault::Audience => Self::GraphTokenAudience,
            TokenFault::NotYetValid => Self::GraphTokenEarly,
            TokenFault::Expired => Self::GraphTokenExpired,
        }
    }
}

impl From<KeyRequestFault> for Refusal {
    fn from(fault: KeyRequestFault) -> Self {
        match fault {
            KeyRequestFault::NotJson => Self::KeyBodyNotJson,
            KeyRequestFault::Absent => Self::KngcAbsent,
            KeyRequestFault::NotString => Self::KngcNotString,
            KeyRequestFault::Base64Url => Self::KngcBase64Url,
            KeyRequestFault::NotBase64 => Self::KngcNotBase64,
            KeyRequestFault::Blob(blob) => match blob {
                BlobFault::Empty => Self::KngcEmpty,
                BlobFault::Truncated => Self::KngcTruncated,
                BlobFault::Magic => Self::KngcMagic,
                BlobFault::Primes => Self::KngcPrimes,
                BlobFault::Lengths => Self::KngcLengths,
                BlobFault::BitLength => Self::KngcBitLength,
                BlobFault::Numbers(_) => Self::KngcNumbers,
            },
            KeyRequestFault::Attestation => Self::KeyAttestationMalformed,
        }
    }
}

impl From<&Report> for Refusal {
    /// The first check that failed.
    fn from(report: &Report) -> Self {
        let failed = report.findings().iter().find_map(|finding| match &finding.outcome {
            Outcome::Failed(fault) => Some((finding.check, fault)),
            _ => None,
        });
        match failed {
            Some((_, Fault::Untrusted(ChainFault::Expired { .. }))) => Self::AttestationAikExpired,
            Some((check, _)) => of_check(check),
            // Where every check passes, the level is what the assurance says; nothing else could be none.
            None => Self::AttestationAssurance,
        }
    }
}

impl Refusal {
    /// A fault of what a device shows at its join.
    pub(crate) fn of_join(check: Check, fault: &Fault) -> Self {
        match (check, fault) {
            (_, Fault::Untrusted(ChainFault::Expired { .. })) => Self::JoinAikExpired,
            (Check::AikVersion, _) => Self::JoinAikVersion,
            (Check::AikSubject, _) => Self::JoinAikSubject,
            (Check::AikAlternativeName, _) => Self::JoinAikAlternativeName,
            (Check::AikExtendedKeyUsage, _) => Self::JoinAikExtendedKeyUsage,
            (Check::AikAuthority, _) => Self::JoinAikAuthority,
            (Check::AikStrength, _) => Self::JoinAikStrength,
            (Check::Chain, _) => Self::JoinAikChain,
            (Check::Assurance, _) => Self::JoinAikAssurance,
            (Check::Vendor, _) => Self::JoinAikVendor,
            (Check::Virtual, _) => Self::JoinAikVirtual,
            (Check::Certificates, _) => Self::JoinAikCertificateMalformed,
            (Check::ExtraData, _) => Self::JoinAttestationExtraData,
            (Check::SubjectKey, _) => Self::JoinAttestationSubjectKey,
            (Check::Signature, _) => Self::JoinAttestationSignature,
            _ => Self::JoinAttestationInvalid,
        }
    }
}

pub(super) fn of_check(check: Check) -> Refusal {
    match check {
        Check::PublicArea => Refusal::AttestationPublicArea,
        Check::CertifyInfo => Refusal::AttestationCertifyInfo,
        Check::Magic => Refusal::AttestationMagic,
        Check::Type => Refusal::AttestationType,
        // The server expects the very nonce that the statement names, after it has recognized it as one of its own.
        Check::Nonce => Refusal::AttestationNonceForeign,
        Check::ExtraData => Refusal::AttestationExtraData,
        Check::Name => Refusal::AttestationName,
        Check::SubjectKey => Refusal::AttestationSubjectKey,
        Check::FixedTpm => Refusal::AttestationFixedTpm,
        Check::FixedParent => Refusal::AttestationFixedParent,
        Check::SensitiveDataOrigin => Refusal::AttestationSensitiveDataOrigin,
        Check::NotRestricted => Refusal::AttestationNotRestricted,
        Check::AuthPolicy => Refusal::AttestationAuthPolicy,
        Check::Attributes => Refusal::AttestationAttributes,
        Check::Scheme => Refusal::AttestationScheme,
        Check::Strength => Refusal::AttestationStrength,
        Check::Certificates => Refusal::AttestationCertificates,
        Check::Signature => Refusal::AttestationSignature,
        Check::AikVersion => Refusal::AttestationAikVersion,
        Check::AikSubject => Refusal::AttestationAikSubject,
        Check::AikAlternativeName => Refusal::AttestationAikAlternativeName,
        Check::AikExtendedKeyUsage => Refusal::AttestationAikExtendedKeyUsage,
        Check::AikAuthority => Refusal::AttestationAikAuthority,
        Check::QualifiedName => Refusal::AttestationQualifiedName,
        Check::AikTemplate => Refusal::AttestationAikTemplate,
        Check::QualifiedSigner => Refusal::AttestationQualifiedSigner,
        Check::AikStrength => Refusal::AttestationAikStrength,
        Check::Chain => Refusal::AttestationChain,
        Check::Vendor => Refusal::AttestationVendor,
        Check::Virtual => Refusal::AttestationVirtual,
        Check::Assurance => Refusal::AttestationAssurance,
        // What these look at does not travel in a registration yet, or no rule asks for it.
        Check::RelyingParty
        | Check::Clock
        | Check::Roca
        | Check::Algorithm
        | Check::AikCreation
        | Check::AikAaguid
        | Check::EkCertificates
        | Check::EkProfile
        | Check::EkRoca
        | Check::EkChain
        | Check::SameTpm
        | Check::Model
        | Check::Firmware => Refusal::AttestationLevelTooLow,
    }
}

impl From<AikFault> for Refusal {
    fn from(fault: AikFault) -> Self {
        match fault {
            AikFault::NotBoundToTpm => Self::AikNotBoundToTpm,
            AikFault::NotRestricted => Self::AikNotRestricted,
            AikFault::NotSigning => Self::AikNotSigning,
            AikFault::Scheme => Self::AikScheme,
            AikFault::Strength => Self::AikStrength,
            AikFault::Public(_) => Self::AikPublicMalformed,
        }
    }
}

impl From<EkFault> for Refusal {
    fn from(fault: EkFault) -> Self {
        match fault {
            EkFault::Key => Self::EkCertificateOtherKey,
            EkFault::Version => Self::EkCertificateVersion,
            EkFault::AlternativeName => Self::EkCertificateAlternativeName,
            EkFault::Identity => Self::EkCertificateIdentity,
            EkFault::Authority => Self::EkCertificateAuthority,
            EkFault::KeyUsage => Self::EkCertificateKeyUsage,
            EkFault::ExtendedKeyUsage => Self::EkCertificateExtendedKeyUsage,
            EkFault::Chain(ChainFault::Expired { .. }) => Self::EkCertificateExpired,
            EkFault::Chain(_) => Self::EkCertificateUntrusted,
        }
    }
}

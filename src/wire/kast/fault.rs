//! What is wrong with a KeyAttestationStatement or with what is inside.

use std::fmt;

use crate::wire::tpm::TpmFormat;

/// A structure with a beginning and an end of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Container {
    /// The KeyAttestationStatement, `KAST`.
    Statement,
    /// `idBinding`.
    IdBinding,
    /// `keyAttestation`, `KADS`.
    KeyAttestation,
    /// The key blob of the Platform Crypto Provider, `PCPM`.
    KeyBlob,
    /// The list of policy digests in a key blob.
    PolicyDigests,
}

/// What has a length before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// `idBinding` of the statement.
    IdBinding,
    /// `keyAttestation` of the statement.
    KeyAttestation,
    /// `aikOpaque` of the statement.
    AikOpaque,
    /// `keyAttest` of the key attestation.
    KeyAttest,
    /// The signature of the key attestation.
    Signature,
    /// `keyBlob` of the key attestation.
    KeyBlob,
    /// The attestation key's public area in the binding.
    AikPublic,
    /// The creation data in the binding.
    CreationData,
    /// The creation's `TPMS_ATTEST` in the binding.
    Attest,
    /// `TPM2B_PUBLIC` of the key blob.
    Public,
    /// `TPM2B_PRIVATE` of the key blob.
    Private,
    /// Migration public of the key blob.
    MigrationPublic,
    /// Migration private of the key blob.
    MigrationPrivate,
    /// The list of policy digests of the key blob.
    PolicyDigests,
    /// One digest of that list.
    PolicyDigest,
    /// PCR binding of the key blob.
    PcrBinding,
    /// PCR digest of the key blob.
    PcrDigest,
    /// Encrypted secret of the key blob.
    EncryptedSecret,
    /// TPM 1.2 hostage blob of the key blob.
    Tpm12Hostage,
}

/// Why bytes are none of the structures of a KeyAttestationStatement. Each structure is read from its front, so the first
/// fault is the one that is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum KastFormat {
    /// The input ends inside a header or a length.
    #[error("{container} ends inside a field of its header")]
    Truncated {
        /// Of which structure.
        container: Container,
    },
    /// The magic is another one.
    #[error("the magic of {container} is {found:#010x}")]
    Magic {
        /// Of which structure.
        container: Container,
        /// The number that is there, little-endian.
        found: u32,
    },
    /// The statement's version is not 1.
    #[error("the statement is of version {0}, not 1")]
    Version(u32),
    /// The platform is neither TPM 1.2 nor TPM 2.0.
    #[error("{container} is of platform {found}, neither 1 (TPM 1.2) nor 2 (TPM 2.0)")]
    Platform {
        /// Of which structure.
        container: Container,
        /// The number that is there.
        found: u32,
    },
    /// The statement and the key attestation in it are of two platforms.
    #[error("the key attestation is of another platform than the statement around it")]
    PlatformDiffers,
    /// The structure inside is laid out so for TPM 2.0 alone.
    #[error("{container} is read for TPM 2.0 alone")]
    NotTpm20 {
        /// Which structure.
        container: Container,
    },
    /// The header says that it has another size than it has.
    #[error("the header of {container} says that it has {found} bytes")]
    HeaderSize {
        /// Of which structure.
        container: Container,
        /// The size that is there.
        found: u32,
    },
    /// The key blob is not one of a TPM 2.0, whose layout is the only one known here.
    #[error("the key blob is of type {0}, not 2 (TPM 2.0)")]
    PcpType(u32),
    /// A length says more than what is left.
    #[error("{part} says that it has {length} bytes where {left} are left")]
    Length {
        /// Which part.
        part: Part,
        /// The length that is there.
        length: u32,
        /// What is left of the structure around it.
        left: usize,
    },
    /// Bytes follow the structure.
    #[error("{count} bytes follow {container}")]
    TrailingBytes {
        /// Which structure.
        container: Container,
        /// How many.
        count: usize,
    },
    /// A part that is one `TPM2B` has no room for its length.
    #[error("{part} is no TPM2B: it has {holds} bytes")]
    NotTpm2b {
        /// Which part.
        part: Part,
        /// How many bytes it has.
        holds: usize,
    },
    /// A part that is one `TPM2B` has another length than the `TPM2B` says.
    #[error("the TPM2B in {part} says {says} bytes where {holds} are")]
    Tpm2b {
        /// Which part.
        part: Part,
        /// What the inner length says.
        says: u16,
        /// What there is.
        holds: usize,
    },
    /// More policy digests than there is room for.
    #[error("{count} policy digests in {left} bytes")]
    DigestCount {
        /// The count that is there.
        count: u32,
        /// What is left for them.
        left: usize,
    },
    /// A part is longer than it can be.
    #[error("{part} has {length} bytes where at most {limit} are possible")]
    TooLong {
        /// Which part.
        part: Part,
        /// Its length.
        length: usize,
        /// The most that is possible.
        limit: usize,
    },
    /// The signature in `idBinding` is no `TPMT_SIGNATURE` of an attestation key.
    #[error("the signature in idBinding: {0}")]
    Signature(TpmFormat),
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Statement => "the statement (KAST)",
            Self::IdBinding => "idBinding",
            Self::KeyAttestation => "the key attestation (KADS)",
            Self::KeyBlob => "the key blob (PCPM)",
            Self::PolicyDigests => "the list of policy digests",
        })
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IdBinding => "idBinding",
            Self::KeyAttestation => "keyAttestation",
            Self::AikOpaque => "aikOpaque",
            Self::KeyAttest => "keyAttest",
            Self::Signature => "the signature",
            Self::KeyBlob => "keyBlob",
            Self::AikPublic => "the attestation key's public area",
            Self::CreationData => "the creation data",
            Self::Attest => "the creation attestation",
            Self::Public => "the public area",
            Self::Private => "the private area",
            Self::MigrationPublic => "the migration public area",
            Self::MigrationPrivate => "the migration private area",
            Self::PolicyDigests => "the list of policy digests",
            Self::PolicyDigest => "a policy digest",
            Self::PcrBinding => "the PCR binding",
            Self::PcrDigest => "the PCR digest",
            Self::EncryptedSecret => "the encrypted secret",
            Self::Tpm12Hostage => "the TPM 1.2 hostage blob",
        })
    }
}

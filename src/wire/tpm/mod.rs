//! TPM 2.0 structures that travel: public areas, attestations and credentials (TPM 2.0 Part 2), all big-endian.
//!
//! Only what this crate's keys need: RSA and P-256, name algorithm SHA-256. Everything else is refused by name. A reader
//! takes a whole structure: bytes that follow it are an error, and what was read writes back to the same bytes.

mod attest;
mod attributes;
mod public;
mod reader;
mod signature;

use reader::{Reader, put_sized};

use crate::crypto::digest::{sha256, sha256_of};

pub use attest::{ATTEST_CERTIFY, ATTEST_CREATION, Attest, Attested, ClockInfo, GENERATED};
pub use attributes::Attributes;
pub use public::{Public, PublicKind, Scheme, Symmetric};
pub use signature::{TpmSignature, TpmSignatureAlgorithm};

/// `TPM_ALG_RSA` (TPM 2.0 Part 2, section 6.3, as all of these).
pub const ALG_RSA: u16 = 0x0001;
/// `TPM_ALG_SHA1`.
pub const ALG_SHA1: u16 = 0x0004;
/// `TPM_ALG_AES`.
pub const ALG_AES: u16 = 0x0006;
/// `TPM_ALG_SHA256`.
pub const ALG_SHA256: u16 = 0x000b;
/// `TPM_ALG_SHA384`.
pub const ALG_SHA384: u16 = 0x000c;
/// `TPM_ALG_SHA512`.
pub const ALG_SHA512: u16 = 0x000d;
/// `TPM_ALG_NULL`.
pub const ALG_NULL: u16 = 0x0010;
/// `TPM_ALG_RSASSA`.
pub const ALG_RSASSA: u16 = 0x0014;
/// `TPM_ALG_RSAES`.
pub const ALG_RSAES: u16 = 0x0015;
/// `TPM_ALG_RSAPSS`.
pub const ALG_RSAPSS: u16 = 0x0016;
/// `TPM_ALG_OAEP`.
pub const ALG_OAEP: u16 = 0x0017;
/// `TPM_ALG_ECDSA`.
pub const ALG_ECDSA: u16 = 0x0018;
/// `TPM_ALG_ECDH`.
pub const ALG_ECDH: u16 = 0x0019;
/// `TPM_ALG_ECC`.
pub const ALG_ECC: u16 = 0x0023;
/// `TPM_ALG_CFB`.
pub const ALG_CFB: u16 = 0x0043;
/// `TPM_ECC_NIST_P256` (section 6.4).
pub const CURVE_NIST_P256: u16 = 0x0003;

/// The authorization policy of every key of the Windows provider since Windows 10: PolicyOR over its five branches
/// (protocol.md 6.3; recomputed by a TPM, tpm.md 7).
pub const WINDOWS_POLICY: [u8; 32] = [
    0x9d, 0xff, 0xcb, 0xf3, 0x6c, 0x38, 0x3a, 0xe6, 0x99, 0xfb, 0x98, 0x68, 0xdc, 0x6d, 0xcb, 0x89, 0xd7, 0x15, 0x38,
    0x84, 0xbe, 0x28, 0x03, 0x92, 0x2c, 0x12, 0x41, 0x58, 0xbf, 0xad, 0x22, 0xae,
];

/// `TPM_RH_OWNER` (section 7.4).
const OWNER_HIERARCHY: u32 = 0x4000_0001;
/// The longest digest of any TPM algorithm, SHA-512, with its algorithm identifier: a Name, `TPM2B_DATA`.
const NAME_LIMIT: u16 = 66;

/// Why bytes are no TPM structure that this crate knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TpmFormat {
    /// The input ends inside a field.
    #[error("the structure ends too early")]
    Truncated,
    /// Bytes follow the structure.
    #[error("{count} bytes follow the structure")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// A length field says more than its field may hold.
    #[error("a length of {length} where at most {limit} is possible")]
    LengthTooBig {
        /// The length found.
        length: usize,
        /// The most that the field may hold.
        limit: u16,
    },
    /// The object is neither RSA nor ECC.
    #[error("object type {0:#06x} is neither RSA nor ECC")]
    UnknownAlgorithm(u16),
    /// The name algorithm is not SHA-256.
    #[error("name algorithm {0:#06x} is not SHA-256")]
    NotSha256(u16),
    /// The symmetric algorithm or its mode is neither NULL nor AES-CFB.
    #[error("symmetric algorithm or mode {0:#06x} is not known")]
    UnknownSymmetric(u16),
    /// The signing or encryption scheme is not known, or is of the other key type.
    #[error("scheme {0:#06x} is not known for this key type")]
    UnknownScheme(u16),
    /// The curve is not P-256.
    #[error("curve {0:#06x} is not P-256")]
    UnknownCurve(u16),
    /// The key derivation scheme of an ECC key is not NULL.
    #[error("key derivation scheme {0:#06x} is not NULL")]
    UnknownKdf(u16),
    /// A flag is neither 0 nor 1.
    #[error("a flag is {0}, neither 0 nor 1")]
    NotAFlag(u8),
    /// Reserved attribute bits are set.
    #[error("reserved attribute bits {0:#010x} are set")]
    ReservedBits(u32),
    /// The signature is neither RSASSA nor ECDSA.
    #[error("signature algorithm {0:#06x} is neither RSASSA nor ECDSA")]
    UnknownSignature(u16),
    /// The hash of a signature is none of SHA-1 and SHA-2.
    #[error("hash {0:#06x} is not known")]
    UnknownHash(u16),
    /// An ECDSA signature that is to be written is not `r || s` of P-256.
    #[error("an ECDSA signature of {0} bytes where r || s has 64")]
    SignatureLength(usize),
    /// The key's numbers do not fit its parameters: no modulus of that size, or no point on the curve.
    #[error("the public value is no key of the size or curve that is named beside it")]
    NotAKey,
}

/// The Name of an object or an NV index: `TPM_ALG_SHA256` and the digest of its `TPMT_PUBLIC` or `TPMS_NV_PUBLIC` (TPM 2.0
/// Part 1, section 16).
pub fn name_of(public: &[u8]) -> Vec<u8> {
    let mut name = ALG_SHA256.to_be_bytes().to_vec();
    name.extend_from_slice(&sha256(public));
    name
}

/// The qualified Name of a primary key of the owner hierarchy (TPM 2.0 Part 1, section 26.5): a hierarchy's is its handle.
pub fn owner_qualified_name(name: &[u8]) -> Vec<u8> {
    qualified_name(&OWNER_HIERARCHY.to_be_bytes(), name)
}

/// The qualified Name of an object: `TPM_ALG_SHA256` and the digest of its parent's qualified Name and its own Name.
pub fn qualified_name(parent: &[u8], name: &[u8]) -> Vec<u8> {
    let mut qualified = ALG_SHA256.to_be_bytes().to_vec();
    qualified.extend_from_slice(&sha256_of(&[parent, name]));
    qualified
}

/// Puts a `TPM2B` around bytes.
pub fn to_tpm2b(bytes: &[u8]) -> Result<Vec<u8>, TpmFormat> {
    let mut out = Vec::with_capacity(bytes.len() + 2);
    put_sized(&mut out, bytes, u16::MAX)?;
    Ok(out)
}

/// Takes a whole `TPM2B` apart; its length must be that of the bytes which follow it.
pub fn from_tpm2b(bytes: &[u8]) -> Result<&[u8], TpmFormat> {
    let mut reader = Reader::new(bytes);
    let contents = reader.sized(u16::MAX)?;
    reader.finish()?;
    Ok(contents)
}

/// Takes a `TPM2B` from the front and returns its contents and what follows.
pub fn split_tpm2b(bytes: &[u8]) -> Result<(&[u8], &[u8]), TpmFormat> {
    let mut reader = Reader::new(bytes);
    let contents = reader.sized(u16::MAX)?;
    Ok((contents, reader.rest()))
}

/// What a credential activation is given: the two structures of `TPM2_MakeCredential` (TPM 2.0 Part 3, section 12.6).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// The contents of the `TPM2B_ID_OBJECT`: `TPM2B` HMAC, then the encrypted identity.
    #[serde(with = "crate::wire::base64_bytes")]
    pub blob: Vec<u8>,
    /// The contents of the `TPM2B_ENCRYPTED_SECRET`.
    #[serde(with = "crate::wire::base64_bytes")]
    pub secret: Vec<u8>,
}

#[cfg(test)]
mod tests;

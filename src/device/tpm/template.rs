//! What the objects of this crate look like before the TPM makes them: one function per row of the object table.

use tpm2_protocol::TpmResult;
use tpm2_protocol::data::{
    Tpm2bDigest, Tpm2bEccParameter, Tpm2bPublicKeyRsa, TpmAlgId, TpmEccCurve, TpmaObject, TpmsEccParms, TpmsEccPoint,
    TpmsKeyedhashParms, TpmsRsaParms, TpmsSchemeHash, TpmtEccScheme, TpmtKdfScheme, TpmtKeyedhashScheme, TpmtPublic,
    TpmtRsaScheme, TpmtSymDef, TpmuAsymScheme, TpmuKeyedhashScheme, TpmuPublicId, TpmuPublicParms, TpmuSymKeyBits,
    TpmuSymMode,
};

use super::marshal::{Malformed, decode_public, encode};
use super::{KeyKind, Usage, policy};
use crate::crypto::PublicKey;
use crate::wire::tpm::Public;

/// fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, decrypt. Without noDA even a create below it
/// fails in lockout (measured on swtpm 0.7.1).
pub(super) const STORAGE: u32 = 0x0003_0472;
/// fixedTPM, fixedParent, sensitiveDataOrigin, adminWithPolicy, restricted, decrypt (TCG EK Credential Profile, B.3).
const ENDORSEMENT: u32 = 0x0003_00B2;
/// fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, sign.
const ATTESTATION: u32 = 0x0005_0472;
/// fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, decrypt, sign.
const GENERAL: u32 = 0x0006_0472;
/// fixedTPM, fixedParent, userWithAuth: a wrong authorization is counted.
const SEALED_COUNTED: u32 = 0x0000_0052;
/// The same with noDA, for data without authorization.
const SEALED_OPEN: u32 = 0x0000_0452;

/// The two primaries and what they are made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Primary {
    /// A storage root key.
    Storage(KeyKind),
    /// An endorsement key: template L-1 or L-2.
    Endorsement(KeyKind),
}

impl Primary {
    /// Its `TPMT_PUBLIC`, with a unique field of zeros as the TCG templates demand.
    pub(super) fn template(self) -> Result<Vec<u8>, Malformed> {
        built(match self {
            Self::Storage(KeyKind::Rsa2048) => rsa(STORAGE, &[], aes_128_cfb(), null_rsa(), &[0; 256]),
            Self::Storage(KeyKind::P256) => p256(STORAGE, &[], aes_128_cfb(), null_ecc(), &[0; 32]),
            Self::Endorsement(KeyKind::Rsa2048) => {
                rsa(ENDORSEMENT, &policy::endorsement_policy(), aes_128_cfb(), null_rsa(), &[0; 256])
            }
            Self::Endorsement(KeyKind::P256) => {
                p256(ENDORSEMENT, &policy::endorsement_policy(), aes_128_cfb(), null_ecc(), &[0; 32])
            }
        })
    }

    /// Whether `public` is what this template makes: equal in all but the key itself.
    pub(super) fn fits(self, public: &[u8]) -> bool {
        let Ok(template) = self.template().and_then(|bytes| decode_public(&bytes)) else { return false };
        decode_public(public).is_ok_and(|public| TpmtPublic { unique: template.unique.clone(), ..public } == template)
    }
}

/// A key below the storage root key. The unique field is empty: the TPM fills it.
pub(super) fn key(kind: KeyKind, usage: Usage) -> Result<Vec<u8>, Malformed> {
    let policy = policy::key_policy();
    let sha256 = TpmsSchemeHash { hash_alg: TpmAlgId::Sha256 };
    built(match (kind, usage) {
        (KeyKind::Rsa2048, Usage::General) => rsa(GENERAL, &policy, no_cipher(), null_rsa(), &[]),
        (KeyKind::P256, Usage::General) => p256(GENERAL, &policy, no_cipher(), null_ecc(), &[]),
        (KeyKind::Rsa2048, Usage::Attestation) => {
            let scheme = TpmtRsaScheme { scheme: TpmAlgId::Rsassa, details: TpmuAsymScheme::Hash(sha256) };
            rsa(ATTESTATION, &policy, no_cipher(), scheme, &[])
        }
        (KeyKind::P256, Usage::Attestation) => {
            let scheme = TpmtEccScheme { scheme: TpmAlgId::Ecdsa, details: TpmuAsymScheme::Hash(sha256) };
            p256(ATTESTATION, &policy, no_cipher(), scheme, &[])
        }
    })
}

/// Sealed data.
pub(super) fn sealed(counted: bool) -> Result<Vec<u8>, Malformed> {
    let attributes = if counted { SEALED_COUNTED } else { SEALED_OPEN };
    let scheme = TpmtKeyedhashScheme { scheme: TpmAlgId::Null, details: TpmuKeyedhashScheme::Null };
    built(public(
        TpmAlgId::KeyedHash,
        attributes,
        &[],
        TpmuPublicParms::KeyedHash(TpmsKeyedhashParms { scheme }),
        TpmuPublicId::KeyedHash(Tpm2bDigest::new()),
    ))
}

/// The key inside a `TPMT_PUBLIC`.
pub(super) fn public_key(bytes: &[u8]) -> Result<PublicKey, Malformed> {
    Public::from_bytes(bytes).and_then(|public| public.to_public_key()).map_err(|_| Malformed)
}

/// Half a P-256 signature in 32 bytes; a TPM may leave leading zeros out.
pub(super) fn left_padded(bytes: &[u8]) -> Result<[u8; 32], Malformed> {
    let mut padded = [0; 32];
    let start = padded.len().checked_sub(bytes.len()).ok_or(Malformed)?;
    padded.get_mut(start..).ok_or(Malformed)?.copy_from_slice(bytes);
    Ok(padded)
}

fn built(public: TpmResult<TpmtPublic>) -> Result<Vec<u8>, Malformed> {
    encode(&public.map_err(|_| Malformed)?)
}

fn public(
    object_type: TpmAlgId,
    attributes: u32,
    policy: &[u8],
    parameters: TpmuPublicParms,
    unique: TpmuPublicId,
) -> TpmResult<TpmtPublic> {
    Ok(TpmtPublic {
        object_type,
        name_alg: TpmAlgId::Sha256,
        object_attributes: TpmaObject::from_bits_truncate(attributes),
        auth_policy: Tpm2bDigest::try_from(policy)?,
        parameters,
        unique,
    })
}

fn rsa(
    attributes: u32,
    policy: &[u8],
    symmetric: TpmtSymDef,
    scheme: TpmtRsaScheme,
    unique: &[u8],
) -> TpmResult<TpmtPublic> {
    let parameters = TpmsRsaParms { symmetric, scheme, key_bits: 2048.into(), exponent: 0.into() };
    let unique = TpmuPublicId::Rsa(Tpm2bPublicKeyRsa::try_from(unique)?);
    public(TpmAlgId::Rsa, attributes, policy, TpmuPublicParms::Rsa(parameters), unique)
}

fn p256(
    attributes: u32,
    policy: &[u8],
    symmetric: TpmtSymDef,
    scheme: TpmtEccScheme,
    unique: &[u8],
) -> TpmResult<TpmtPublic> {
    let parameters = TpmsEccParms { symmetric, scheme, curve_id: TpmEccCurve::NistP256, kdf: TpmtKdfScheme::default() };
    let coordinate = Tpm2bEccParameter::try_from(unique)?;
    let unique = TpmuPublicId::Ecc(TpmsEccPoint { x: coordinate, y: coordinate });
    public(TpmAlgId::Ecc, attributes, policy, TpmuPublicParms::Ecc(parameters), unique)
}

fn aes_128_cfb() -> TpmtSymDef {
    TpmtSymDef {
        algorithm: TpmAlgId::Aes,
        key_bits: TpmuSymKeyBits::Aes(128.into()),
        mode: TpmuSymMode::Aes(TpmAlgId::Cfb),
    }
}

fn no_cipher() -> TpmtSymDef {
    TpmtSymDef { algorithm: TpmAlgId::Null, key_bits: TpmuSymKeyBits::Null, mode: TpmuSymMode::Null }
}

fn null_rsa() -> TpmtRsaScheme {
    TpmtRsaScheme::default()
}

fn null_ecc() -> TpmtEccScheme {
    TpmtEccScheme::default()
}

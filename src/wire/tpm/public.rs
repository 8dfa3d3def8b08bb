//! `TPMT_PUBLIC` (TPM 2.0 Part 2, section 12.2.4).

use super::reader::{Reader, put_sized};
use super::*;
use crate::crypto::{EcPublic, PublicKey, RsaPublic};

/// The longest digest, SHA-512.
const DIGEST_LIMIT: u16 = 64;
/// RSA-4096.
const MODULUS_LIMIT: u16 = 512;
const COORDINATE_LIMIT: u16 = 32;
/// What an exponent field of 0 means (section 12.2.3.5).
const DEFAULT_EXPONENT: u32 = 65_537;

/// The public area of an asymmetric key whose name algorithm is SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Public {
    /// `objectAttributes`.
    pub attributes: Attributes,
    /// `authPolicy`: empty, or a digest.
    pub auth_policy: Vec<u8>,
    /// The symmetric algorithm with which a storage key protects its children.
    pub symmetric: Symmetric,
    /// The only scheme that the key works with, or none in particular.
    pub scheme: Scheme,
    /// Kind, size and public value.
    pub kind: PublicKind,
}

/// `TPMT_SYM_DEF_OBJECT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symmetric {
    /// `TPM_ALG_NULL`.
    Null,
    /// AES in CFB mode.
    AesCfb {
        /// Key length in bits.
        bits: u16,
    },
}

/// `TPMT_RSA_SCHEME` or `TPMT_ECC_SCHEME`; the number is the hash algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// None in particular.
    Null,
    /// RSASSA-PKCS1-v1_5.
    Rsassa(u16),
    /// RSASSA-PSS.
    Rsapss(u16),
    /// RSAES-PKCS1-v1_5.
    Rsaes,
    /// RSAES-OAEP.
    Oaep(u16),
    /// ECDSA.
    Ecdsa(u16),
    /// ECDH.
    Ecdh(u16),
}

/// The kind of a key with `parameters` and `unique`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKind {
    /// RSA.
    Rsa {
        /// `keyBits`.
        bits: u16,
        /// `exponent`; 0 means 65537.
        exponent: u32,
        /// `unique`, big-endian.
        modulus: Vec<u8>,
    },
    /// NIST P-256 without key derivation scheme.
    P256 {
        /// `unique.x`, big-endian; leading zeros may be missing.
        x: Vec<u8>,
        /// `unique.y`, big-endian; leading zeros may be missing.
        y: Vec<u8>,
    },
}

impl Public {
    /// The public area that a TPM gives a key of the Windows provider with these attributes: the Windows policy, symmetric
    /// and scheme NULL, exponent 0 for 65537. A software key in this dress is what a forger shows.
    ///
    /// [`TpmFormat::NotAKey`] for a modulus or an exponent that its field cannot hold.
    pub fn windows(key: &PublicKey, attributes: Attributes) -> Result<Self, TpmFormat> {
        let kind = match key {
            PublicKey::Rsa(rsa) => PublicKind::Rsa {
                bits: u16::try_from(rsa.bits()).map_err(|_| TpmFormat::NotAKey)?,
                exponent: exponent_field(rsa.exponent())?,
                modulus: rsa.modulus().to_vec(),
            },
            PublicKey::P256(ec) => PublicKind::P256 { x: ec.x.to_vec(), y: ec.y.to_vec() },
        };
        let auth_policy = WINDOWS_POLICY.to_vec();
        Ok(Self { attributes, auth_policy, symmetric: Symmetric::Null, scheme: Scheme::Null, kind })
    }

    /// Reads a whole `TPMT_PUBLIC`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TpmFormat> {
        let mut reader = Reader::new(bytes);
        let algorithm = reader.u16()?;
        if algorithm != ALG_RSA && algorithm != ALG_ECC {
            return Err(TpmFormat::UnknownAlgorithm(algorithm));
        }
        let name_algorithm = reader.u16()?;
        if name_algorithm != ALG_SHA256 {
            return Err(TpmFormat::NotSha256(name_algorithm));
        }
        let attributes = Attributes(reader.u32()?);
        if attributes.reserved() != 0 {
            return Err(TpmFormat::ReservedBits(attributes.reserved()));
        }
        let auth_policy = reader.sized(DIGEST_LIMIT)?;
        let symmetric = Symmetric::read(&mut reader)?;
        let scheme = Scheme::read(&mut reader, algorithm)?;
        let kind = PublicKind::read(&mut reader, algorithm)?;
        reader.finish()?;
        Ok(Self { attributes, auth_policy: auth_policy.to_vec(), symmetric, scheme, kind })
    }

    /// Writes the `TPMT_PUBLIC`. Fails where a field is longer than a TPM could hold.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TpmFormat> {
        let mut out = Vec::with_capacity(320);
        let algorithm = match self.kind {
            PublicKind::Rsa { .. } => ALG_RSA,
            PublicKind::P256 { .. } => ALG_ECC,
        };
        out.extend_from_slice(&algorithm.to_be_bytes());
        out.extend_from_slice(&ALG_SHA256.to_be_bytes());
        out.extend_from_slice(&self.attributes.0.to_be_bytes());
        put_sized(&mut out, &self.auth_policy, DIGEST_LIMIT)?;
        self.symmetric.write(&mut out);
        self.scheme.write(&mut out);
        self.kind.write(&mut out)?;
        Ok(out)
    }

    /// The key itself. [`TpmFormat::NotAKey`] for a template or a value off the curve.
    pub fn to_public_key(&self) -> Result<PublicKey, TpmFormat> {
        match &self.kind {
            PublicKind::Rsa { bits, exponent, modulus } => {
                let exponent = if *exponent == 0 { DEFAULT_EXPONENT } else { *exponent }.to_be_bytes();
                let zeros = exponent.iter().take_while(|byte| **byte == 0).count();
                let key = RsaPublic::new(modulus, &exponent[zeros..]).map_err(|_| TpmFormat::NotAKey)?;
                if key.bits() != usize::from(*bits) {
                    return Err(TpmFormat::NotAKey);
                }
                Ok(PublicKey::Rsa(key))
            }
            PublicKind::P256 { x, y } => {
                let mut point = [0u8; 65];
                point[0] = 4;
                place(&mut point[1..33], x)?;
                place(&mut point[33..], y)?;
                EcPublic::from_point(&point).map(PublicKey::P256).map_err(|_| TpmFormat::NotAKey)
            }
        }
    }

    /// Its Name.
    pub fn name(&self) -> Result<Vec<u8>, TpmFormat> {
        self.to_bytes().map(|bytes| name_of(&bytes))
    }
}

/// An exponent of at most four bytes; 65537 is written as 0.
fn exponent_field(exponent: &[u8]) -> Result<u32, TpmFormat> {
    let mut field = [0u8; 4];
    place(&mut field, exponent)?;
    match u32::from_be_bytes(field) {
        DEFAULT_EXPONENT => Ok(0),
        other => Ok(other),
    }
}

/// Right-aligns a number.
fn place(field: &mut [u8], value: &[u8]) -> Result<(), TpmFormat> {
    let start = field.len().checked_sub(value.len()).ok_or(TpmFormat::NotAKey)?;
    field[start..].copy_from_slice(value);
    Ok(())
}

impl Symmetric {
    fn read(reader: &mut Reader<'_>) -> Result<Self, TpmFormat> {
        match reader.u16()? {
            ALG_NULL => Ok(Self::Null),
            ALG_AES => {
                let bits = reader.u16()?;
                match reader.u16()? {
                    ALG_CFB => Ok(Self::AesCfb { bits }),
                    mode => Err(TpmFormat::UnknownSymmetric(mode)),
                }
            }
            other => Err(TpmFormat::UnknownSymmetric(other)),
        }
    }

    fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(&ALG_NULL.to_be_bytes()),
            Self::AesCfb { bits } => {
                for field in [ALG_AES, bits, ALG_CFB] {
                    out.extend_from_slice(&field.to_be_bytes());
                }
            }
        }
    }
}

impl Scheme {
    fn read(reader: &mut Reader<'_>, key: u16) -> Result<Self, TpmFormat> {
        match (key, reader.u16()?) {
            (_, ALG_NULL) => Ok(Self::Null),
            (ALG_RSA, ALG_RSASSA) => reader.u16().map(Self::Rsassa),
            (ALG_RSA, ALG_RSAPSS) => reader.u16().map(Self::Rsapss),
            (ALG_RSA, ALG_RSAES) => Ok(Self::Rsaes),
            (ALG_RSA, ALG_OAEP) => reader.u16().map(Self::Oaep),
            (ALG_ECC, ALG_ECDSA) => reader.u16().map(Self::Ecdsa),
            (ALG_ECC, ALG_ECDH) => reader.u16().map(Self::Ecdh),
            (_, other) => Err(TpmFormat::UnknownScheme(other)),
        }
    }

    fn write(self, out: &mut Vec<u8>) {
        let (scheme, hash) = match self {
            Self::Null => (ALG_NULL, None),
            Self::Rsassa(hash) => (ALG_RSASSA, Some(hash)),
            Self::Rsapss(hash) => (ALG_RSAPSS, Some(hash)),
            Self::Rsaes => (ALG_RSAES, None),
            Self::Oaep(hash) => (ALG_OAEP, Some(hash)),
            Self::Ecdsa(hash) => (ALG_ECDSA, Some(hash)),
            Self::Ecdh(hash) => (ALG_ECDH, Some(hash)),
        };
        out.extend_from_slice(&scheme.to_be_bytes());
        out.extend(hash.iter().flat_map(|hash| hash.to_be_bytes()));
    }
}

impl PublicKind {
    fn read(reader: &mut Reader<'_>, algorithm: u16) -> Result<Self, TpmFormat> {
        if algorithm == ALG_RSA {
            let (bits, exponent) = (reader.u16()?, reader.u32()?);
            return Ok(Self::Rsa { bits, exponent, modulus: reader.sized(MODULUS_LIMIT)?.to_vec() });
        }
        match reader.u16()? {
            CURVE_NIST_P256 => {}
            other => return Err(TpmFormat::UnknownCurve(other)),
        }
        match reader.u16()? {
            ALG_NULL => {}
            other => return Err(TpmFormat::UnknownKdf(other)),
        }
        let (x, y) = (reader.sized(COORDINATE_LIMIT)?, reader.sized(COORDINATE_LIMIT)?);
        Ok(Self::P256 { x: x.to_vec(), y: y.to_vec() })
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), TpmFormat> {
        match self {
            Self::Rsa { bits, exponent, modulus } => {
                out.extend_from_slice(&bits.to_be_bytes());
                out.extend_from_slice(&exponent.to_be_bytes());
                put_sized(out, modulus, MODULUS_LIMIT)
            }
            Self::P256 { x, y } => {
                out.extend_from_slice(&CURVE_NIST_P256.to_be_bytes());
                out.extend_from_slice(&ALG_NULL.to_be_bytes());
                put_sized(out, x, COORDINATE_LIMIT)?;
                put_sized(out, y, COORDINATE_LIMIT)
            }
        }
    }
}

//! Algorithms and keys by their COSE names (RFC 9053, RFC 8230, RFC 8812).

use ciborium::Value;

use super::WebauthnFormat;
use super::cbor::{self, Members, label};
use super::fault::{CborFormat, Map};
use crate::crypto::digest::{sha1, sha256};
use crate::crypto::{EcPublic, PublicKey, RsaPublic};

/// A signature algorithm of an attestation or of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CoseAlgorithm {
    /// -257: RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// -7: ECDSA with SHA-256; here on P-256 alone.
    Es256,
    /// -65535: RSASSA-PKCS1-v1_5 with SHA-1, which older Windows attests with.
    Rs1,
}

impl CoseAlgorithm {
    /// Every algorithm that is read.
    pub const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::Rs1];

    /// The number on the wire.
    pub fn id(self) -> i64 {
        match self {
            Self::Rs256 => -257,
            Self::Es256 => -7,
            Self::Rs1 => -65_535,
        }
    }

    /// The one that a key signs with by itself: RS256 or ES256.
    pub fn of_key(key: &PublicKey) -> Self {
        match key {
            PublicKey::Rsa(_) => Self::Rs256,
            PublicKey::P256(_) => Self::Es256,
        }
    }

    /// The digest with the hash of the algorithm, which is also that of `extraData` (WebAuthn section 8.3).
    pub fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Rs256 | Self::Es256 => sha256(data).to_vec(),
            Self::Rs1 => sha1(data).to_vec(),
        }
    }

    pub(super) fn read(id: i128) -> Result<Self, WebauthnFormat> {
        Self::ALL.into_iter().find(|each| i128::from(each.id()) == id).ok_or(WebauthnFormat::Algorithm(id))
    }
}

/// Key types (RFC 9053 section 7, RFC 8230 section 4).
const EC2: i64 = 2;
const RSA: i64 = 3;
const P256: i64 = 1;
/// Labels by place: -1 to -3 mean `n`, `e`, nothing for RSA and `crv`, `x`, `y` for EC2.
const LABELS: [i64; 5] = [1, 3, -1, -2, -3];

/// A credential's public key with its algorithm (WebAuthn section 6.5.1.1): no other member, in CTAP2's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoseKey {
    algorithm: CoseAlgorithm,
    key: PublicKey,
}

impl CoseKey {
    /// A key with the algorithm that it signs with, RS256 or ES256.
    pub fn of(key: &PublicKey) -> Self {
        Self { algorithm: CoseAlgorithm::of_key(key), key: key.clone() }
    }

    /// Its algorithm. RS1 is read under an RSA key, and never made.
    pub fn algorithm(&self) -> CoseAlgorithm {
        self.algorithm
    }

    /// The key itself.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Reads a whole `COSE_Key`.
    ///
    /// # Errors
    /// The first fault: CBOR, members, key type, algorithm, numbers, order.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WebauthnFormat> {
        match Self::first(bytes)? {
            (key, []) => Ok(key),
            (_, rest) => Err(cbor(CborFormat::TrailingBytes(rest.len()))),
        }
    }

    /// The key at the front, and what follows it.
    pub(super) fn first(bytes: &[u8]) -> Result<(Self, &[u8]), WebauthnFormat> {
        let (value, rest) = cbor::first(bytes).map_err(cbor)?;
        let key = Self::read(value)?;
        if key.to_bytes() != bytes.strip_suffix(rest).unwrap_or_default() {
            return Err(WebauthnFormat::KeyOrder);
        }
        Ok((key, rest))
    }

    fn read(value: Value) -> Result<Self, WebauthnFormat> {
        const NAMES: [&str; 5] = ["kty", "alg", "-1", "-2", "-3"];
        let mut members = Members::by_label(Map::CoseKey, value, LABELS, NAMES)?;
        let kind = members.integer("kty")?;
        let algorithm = CoseAlgorithm::read(members.integer("alg")?)?;
        let fits = |fits: bool| if fits { Ok(()) } else { Err(WebauthnFormat::KeyAlgorithm(algorithm.id())) };
        let key = if kind == i128::from(RSA) {
            fits(algorithm != CoseAlgorithm::Es256)?;
            read_rsa(members)?
        } else if kind == i128::from(EC2) {
            fits(algorithm == CoseAlgorithm::Es256)?;
            read_p256(members)?
        } else {
            return Err(WebauthnFormat::KeyType(kind));
        };
        Ok(Self { algorithm, key })
    }

    /// Writes the `COSE_Key`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let algorithm = label(3, self.algorithm.id().into());
        let members = match &self.key {
            PublicKey::Rsa(rsa) => {
                vec![label(1, RSA.into()), algorithm, label(-1, rsa.modulus().into()), label(-2, rsa.exponent().into())]
            }
            PublicKey::P256(ec) => vec![
                label(1, EC2.into()),
                algorithm,
                label(-1, P256.into()),
                label(-2, ec.x[..].into()),
                label(-3, ec.y[..].into()),
            ],
        };
        cbor::write(&Value::Map(members))
    }
}

fn cbor(fault: CborFormat) -> WebauthnFormat {
    WebauthnFormat::Cbor { map: Map::CoseKey, fault }
}

fn read_rsa(mut members: Members<5>) -> Result<PublicKey, WebauthnFormat> {
    if let Some(name) = members.has("-3") {
        return Err(WebauthnFormat::Unknown { map: Map::CoseKey, name: name.into() });
    }
    let (modulus, exponent) = (members.bytes("-1")?, members.bytes("-2")?);
    RsaPublic::new(&modulus, &exponent).map(PublicKey::Rsa).map_err(|_| WebauthnFormat::NotAKey)
}

fn read_p256(mut members: Members<5>) -> Result<PublicKey, WebauthnFormat> {
    let curve = members.integer("-1")?;
    if curve != i128::from(P256) {
        return Err(WebauthnFormat::Curve(curve));
    }
    let mut point = [4u8; 65];
    for (member, name, place) in [("-2", "x", 1..33), ("-3", "y", 33..65)] {
        let value = members.bytes(member)?;
        let fault = WebauthnFormat::Coordinate { member: name, length: value.len() };
        let value: [u8; 32] = value.try_into().map_err(|_| fault)?;
        point[place].copy_from_slice(&value);
    }
    EcPublic::from_point(&point).map(PublicKey::P256).map_err(|_| WebauthnFormat::NotAKey)
}

//! Public keys and what they verify.

use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use aws_lc_rs::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use rsa::pkcs1::RsaPublicKey as RsaPublicKeyDer;
use x509_cert::der::asn1::{BitString, ObjectIdentifier, UintRef};
use x509_cert::der::{Any, Decode as _, Encode as _};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const PRIME256V1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// An RSA public key; both numbers big-endian without leading zeros.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RsaPublic {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

/// A public key on P-256; both coordinates 32 bytes big-endian.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EcPublic {
    /// The x coordinate.
    pub x: [u8; 32],
    /// The y coordinate.
    pub y: [u8; 32],
}

/// A public key of a kind that this crate knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PublicKey {
    /// RSA.
    Rsa(RsaPublic),
    /// NIST P-256.
    P256(EcPublic),
}

/// Signature algorithms over SHA-256, and the one over SHA-1 that old statements carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RsaSha256,
    /// RSASSA-PKCS1-v1_5 with SHA-1, which proves little: only for whoever asks for it by name.
    RsaSha1,
    /// ECDSA on P-256 with SHA-256; the signature is `r || s`, 64 bytes.
    EcdsaSha256Fixed,
    /// ECDSA on P-256 with SHA-256; the signature is DER.
    EcdsaSha256Asn1,
}

/// The bytes are no public key that this crate knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum InvalidKey {
    /// A number is empty, zero or has leading zeros.
    #[error("a number of the key is empty, zero or has leading zeros")]
    Number,
    /// The modulus is even, so it is no RSA modulus.
    #[error("the modulus is even")]
    EvenModulus,
    /// The exponent is even, 1 or longer than 256 bits: it would encrypt nothing, or only keep a verifier busy.
    #[error("the exponent is even, 1 or longer than 256 bits")]
    Exponent,
    /// The structure is not a SubjectPublicKeyInfo of a known algorithm.
    #[error("not an RSA or P-256 public key")]
    Structure,
    /// The key cannot encrypt: it is not RSA, or of an unusable size.
    #[error("the key cannot encrypt")]
    CannotEncrypt,
}

/// The signature does not verify under this key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct SignatureInvalid;

impl RsaPublic {
    /// Takes modulus and exponent, big-endian and minimal.
    pub fn new(modulus: &[u8], exponent: &[u8]) -> Result<Self, InvalidKey> {
        for number in [modulus, exponent] {
            if number.first().is_none_or(|first| *first == 0) {
                return Err(InvalidKey::Number);
            }
        }
        if modulus.last().is_some_and(|last| last % 2 == 0) {
            return Err(InvalidKey::EvenModulus);
        }
        // FIPS 186-5, appendix A.1.1; its lower bound of 2^16 is a verifier's choice.
        if exponent == [1] || exponent.len() > 32 || exponent.last().is_some_and(|last| last % 2 == 0) {
            return Err(InvalidKey::Exponent);
        }
        Ok(Self { modulus: modulus.to_vec(), exponent: exponent.to_vec() })
    }

    /// The modulus, big-endian, minimal.
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// The exponent, big-endian, minimal.
    pub fn exponent(&self) -> &[u8] {
        &self.exponent
    }

    /// Length of the modulus in bits.
    pub fn bits(&self) -> usize {
        let top = self.modulus.first().map_or(0, |first| first.leading_zeros() as usize);
        self.modulus.len() * 8 - top
    }

    /// RSA-OAEP with SHA-1 in both places and no label: how Entra wraps session keys (JWE `RSA-OAEP`).
    pub fn encrypt_oaep_sha1(&self, plaintext: &[u8]) -> Result<Vec<u8>, InvalidKey> {
        self.encrypt(&OAEP_SHA1_MGF1SHA1, plaintext, None)
    }

    /// RSA-OAEP with SHA-256 in both places and a label (TPM 2.0 Part 1, annex B.4): the NUL that ends the label is added.
    pub fn encrypt_oaep_sha256(&self, plaintext: &[u8], label: &str) -> Result<Vec<u8>, InvalidKey> {
        let mut terminated = label.as_bytes().to_vec();
        terminated.push(0);
        self.encrypt(&OAEP_SHA256_MGF1SHA256, plaintext, Some(&terminated))
    }

    fn encrypt(
        &self,
        algorithm: &'static aws_lc_rs::rsa::OaepAlgorithm,
        plaintext: &[u8],
        label: Option<&[u8]>,
    ) -> Result<Vec<u8>, InvalidKey> {
        let spki = PublicKey::Rsa(self.clone()).to_spki();
        let key = PublicEncryptingKey::from_der(&spki)
            .ok()
            .and_then(|key| OaepPublicEncryptingKey::new(key).ok())
            .ok_or(InvalidKey::CannotEncrypt)?;
        let mut ciphertext = vec![0; key.ciphertext_size()];
        let length =
            key.encrypt(algorithm, plaintext, &mut ciphertext, label).map_err(|_| InvalidKey::CannotEncrypt)?.len();
        ciphertext.truncate(length);
        Ok(ciphertext)
    }
}

impl EcPublic {
    /// The uncompressed point, `04 || x || y`.
    pub fn to_point(&self) -> [u8; 65] {
        let mut point = [4u8; 65];
        point[1..33].copy_from_slice(&self.x);
        point[33..].copy_from_slice(&self.y);
        point
    }

    /// Reads an uncompressed point that lies on the curve.
    pub fn from_point(point: &[u8]) -> Result<Self, InvalidKey> {
        p256::PublicKey::from_sec1_bytes(point).map_err(|_| InvalidKey::Structure)?;
        let rest = point.strip_prefix(&[4]).ok_or(InvalidKey::Structure)?;
        let (x, y) = rest.split_first_chunk::<32>().ok_or(InvalidKey::Structure)?;
        Ok(Self { x: *x, y: y.try_into().map_err(|_| InvalidKey::Structure)? })
    }
}

impl PublicKey {
    /// The `SubjectPublicKeyInfo` (RFC 5280 section 4.1), DER.
    #[expect(clippy::expect_used, reason = "a few hundred bytes always fit a DER length")]
    pub fn to_spki(&self) -> Vec<u8> {
        self.spki().and_then(|spki| spki.to_der()).expect("a public key is short enough for DER")
    }

    fn spki(&self) -> Result<SubjectPublicKeyInfoOwned, x509_cert::der::Error> {
        let (oid, parameters, key) = match self {
            Self::Rsa(rsa) => {
                let der = RsaPublicKeyDer {
                    modulus: UintRef::new(&rsa.modulus)?,
                    public_exponent: UintRef::new(&rsa.exponent)?,
                }
                .to_der()?;
                (RSA_ENCRYPTION, Any::null(), der)
            }
            Self::P256(ec) => (EC_PUBLIC_KEY, Any::encode_from(&PRIME256V1)?, ec.to_point().to_vec()),
        };
        Ok(SubjectPublicKeyInfoOwned {
            algorithm: AlgorithmIdentifierOwned { oid, parameters: Some(parameters) },
            subject_public_key: BitString::from_bytes(&key)?,
        })
    }

    /// Reads a `SubjectPublicKeyInfo`; trailing bytes are refused.
    pub fn from_spki(der: &[u8]) -> Result<Self, InvalidKey> {
        let spki = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| InvalidKey::Structure)?;
        let key = spki.subject_public_key.as_bytes().ok_or(InvalidKey::Structure)?;
        match spki.algorithm.oid {
            RSA_ENCRYPTION => {
                let numbers = RsaPublicKeyDer::from_der(key).map_err(|_| InvalidKey::Structure)?;
                RsaPublic::new(numbers.modulus.as_bytes(), numbers.public_exponent.as_bytes()).map(Self::Rsa)
            }
            EC_PUBLIC_KEY => {
                let curve = spki.algorithm.parameters.and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
                if curve != Some(PRIME256V1) {
                    return Err(InvalidKey::Structure);
                }
                EcPublic::from_point(key).map(Self::P256)
            }
            _ => Err(InvalidKey::Structure),
        }
    }

    /// Verifies `signature` over `message`. A key of the other kind fails like a wrong signature.
    pub fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureInvalid> {
        match (self, algorithm) {
            (Self::Rsa(rsa), SignatureAlgorithm::RsaSha256) => {
                RsaPublicKeyComponents { n: &rsa.modulus, e: &rsa.exponent }.verify(
                    &signature::RSA_PKCS1_2048_8192_SHA256,
                    message,
                    signature,
                )
            }
            (Self::Rsa(rsa), SignatureAlgorithm::RsaSha1) => {
                RsaPublicKeyComponents { n: &rsa.modulus, e: &rsa.exponent }.verify(
                    &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
                    message,
                    signature,
                )
            }
            (Self::P256(ec), SignatureAlgorithm::EcdsaSha256Fixed) => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, ec.to_point()).verify(message, signature)
            }
            (Self::P256(ec), SignatureAlgorithm::EcdsaSha256Asn1) => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_ASN1, ec.to_point()).verify(message, signature)
            }
            _ => return Err(SignatureInvalid),
        }
        .map_err(|_| SignatureInvalid)
    }

    /// The RSA key, if it is one.
    pub fn rsa(&self) -> Option<&RsaPublic> {
        match self {
            Self::Rsa(rsa) => Some(rsa),
            Self::P256(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SigningKey;

    #[test]
    fn a_key_survives_its_spki() {
        for key in [SigningKey::generate_rsa(), SigningKey::generate_p256()] {
            let public = key.unwrap().public().clone();
            assert_eq!(PublicKey::from_spki(&public.to_spki()), Ok(public));
        }
    }

    #[test]
    fn refuses_numbers_that_are_no_rsa_key() {
        assert_eq!(RsaPublic::new(&[], &[3]), Err(InvalidKey::Number));
        assert_eq!(RsaPublic::new(&[0, 5], &[3]), Err(InvalidKey::Number));
        assert_eq!(RsaPublic::new(&[5], &[]), Err(InvalidKey::Number));
        assert_eq!(RsaPublic::new(&[4], &[3]), Err(InvalidKey::EvenModulus));
        for exponent in [&[1][..], &[2], &[1, 0, 0], &[1; 33]] {
            assert_eq!(RsaPublic::new(&[5], exponent), Err(InvalidKey::Exponent));
        }
        assert!(RsaPublic::new(&[5], &[1; 32]).is_ok());
    }

    #[test]
    fn refuses_a_point_off_the_curve_and_every_prefix_of_an_spki() {
        assert_eq!(EcPublic::from_point(&[4; 65]), Err(InvalidKey::Structure));
        let spki = SigningKey::generate_p256().unwrap().public().to_spki();
        for length in 0..spki.len() {
            assert!(PublicKey::from_spki(&spki[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn a_signature_of_the_other_algorithm_fails() {
        let key = SigningKey::generate_rsa().unwrap();
        let signature = key.sign(b"message").unwrap();
        assert_eq!(key.public().verify(SignatureAlgorithm::RsaSha256, b"message", &signature), Ok(()));
        assert!(key.public().verify(SignatureAlgorithm::RsaSha256, b"other", &signature).is_err());
        assert!(key.public().verify(SignatureAlgorithm::EcdsaSha256Asn1, b"message", &signature).is_err());
    }
}

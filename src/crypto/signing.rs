//! The keys that the lab's servers and certificate authorities sign with.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{self, EcdsaKeyPair, KeyPair as _};

use super::{EcPublic, InvalidKey, PublicKey, SignatureAlgorithm};
use crate::base::{ExposeSecret as _, SecretSlice, secret_slice};

/// A private key held by a server of the lab: RSA-2048 or P-256, signing over SHA-256.
///
/// Its randomness is the library's own, which takes no argument: a server key is never part of a reproducible run.
pub struct SigningKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
}

/// The library could not make, read or use a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFailure {
    /// Key generation failed.
    #[error("key generation failed")]
    Generation,
    /// The stored key is damaged or of another kind.
    #[error("the stored private key is damaged or of another kind")]
    Stored,
    /// Signing failed.
    #[error("signing failed")]
    Signing,
}

impl SigningKey {
    /// Makes an RSA-2048 key.
    pub fn generate_rsa() -> Result<Self, KeyFailure> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyFailure::Generation)?;
        Self::from_rsa(pair)
    }

    /// Makes a P-256 key.
    pub fn generate_p256() -> Result<Self, KeyFailure> {
        let pair =
            EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|_| KeyFailure::Generation)?;
        Self::from_p256(pair)
    }

    /// Reads what [`Self::to_pkcs8`] wrote.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyFailure> {
        if let Ok(pair) = RsaKeyPair::from_pkcs8(der) {
            return Self::from_rsa(pair);
        }
        let pair = EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P256_SHA256_ASN1_SIGNING, der)
            .map_err(|_| KeyFailure::Stored)?;
        Self::from_p256(pair)
    }

    /// The key as PKCS#8, DER.
    pub fn to_pkcs8(&self) -> Result<SecretSlice<u8>, KeyFailure> {
        let der = match &self.pair {
            Pair::Rsa(pair) => pair.as_der().map(|der: aws_lc_rs::encoding::Pkcs8V1Der<'_>| der.as_ref().to_vec()),
            Pair::P256(pair) => pair.to_pkcs8v1().map(|document| document.as_ref().to_vec()),
        };
        der.map(secret_slice).map_err(|_| KeyFailure::Stored)
    }

    fn from_rsa(pair: RsaKeyPair) -> Result<Self, KeyFailure> {
        let public = public_of_rsa(&pair).map_err(|_| KeyFailure::Stored)?;
        Ok(Self { pair: Pair::Rsa(pair), public })
    }

    fn from_p256(pair: EcdsaKeyPair) -> Result<Self, KeyFailure> {
        let public = EcPublic::from_point(pair.public_key().as_ref()).map_err(|_| KeyFailure::Stored)?;
        Ok(Self { pair: Pair::P256(pair), public: PublicKey::P256(public) })
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// What [`Self::sign`] makes: RSASSA-PKCS1-v1_5, or ECDSA in DER.
    pub fn algorithm(&self) -> SignatureAlgorithm {
        match self.pair {
            Pair::Rsa(_) => SignatureAlgorithm::RsaSha256,
            Pair::P256(_) => SignatureAlgorithm::EcdsaSha256Asn1,
        }
    }

    /// Signs `message` over its SHA-256.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyFailure> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&signature::RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .map_err(|_| KeyFailure::Signing)?;
                Ok(signature)
            }
            Pair::P256(pair) => pair
                .sign(&random, message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| KeyFailure::Signing),
        }
    }
}

fn public_of_rsa(pair: &RsaKeyPair) -> Result<PublicKey, InvalidKey> {
    let public = pair.public_key();
    super::RsaPublic::new(
        public.modulus().big_endian_without_leading_zero(),
        public.exponent().big_endian_without_leading_zero(),
    )
    .map(PublicKey::Rsa)
}

impl Clone for SigningKey {
    /// Goes through PKCS#8, as the library's pairs cannot be copied.
    #[expect(clippy::expect_used, reason = "a key that was made or read once is written and read again")]
    fn clone(&self) -> Self {
        let der = self.to_pkcs8().expect("a live key has a PKCS#8 form");
        Self::from_pkcs8(der.expose_secret()).expect("its own PKCS#8 form is readable")
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("algorithm", &self.algorithm()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_pkcs8() {
        for key in [SigningKey::generate_rsa().unwrap(), SigningKey::generate_p256().unwrap()] {
            let again = SigningKey::from_pkcs8(key.to_pkcs8().unwrap().expose_secret()).unwrap();
            assert_eq!(again.public(), key.public());
            let signature = again.sign(b"m").unwrap();
            assert_eq!(key.public().verify(key.algorithm(), b"m", &signature), Ok(()));
        }
    }

    #[test]
    fn refuses_bytes_that_are_no_key() {
        assert_eq!(SigningKey::from_pkcs8(b"no key").err(), Some(KeyFailure::Stored));
    }
}

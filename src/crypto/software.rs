//! Keys of a device without a TPM.

use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use rsa::rand_core::CryptoRngCore;
use rsa::traits::PublicKeyParts as _;
use rsa::{Oaep, Pkcs1v15Sign, RsaPrivateKey};
use sha1::Sha1;
use sha2::Sha256;

use super::{EcPublic, PublicKey, RsaPublic};
use crate::base::{Secret32, SecretSlice, secret_slice};

/// A private key in the memory of this process.
///
/// RUSTSEC-2023-0071 (timing of RSA private operations) is accepted: the key is a lab's, and whoever could time it could
/// read it.
#[derive(Clone)]
pub enum SoftwareKey {
    /// RSA-2048.
    Rsa(Box<RsaPrivateKey>),
    /// NIST P-256.
    P256(p256::ecdsa::SigningKey),
}

/// What a software key cannot do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SoftwareKeyError {
    /// Key generation failed.
    #[error("key generation failed")]
    Generation,
    /// The stored key is damaged or of another kind.
    #[error("the stored private key is damaged or of another kind")]
    Stored,
    /// Signing failed.
    #[error("signing failed")]
    Signing,
    /// The ciphertext is not for this key.
    #[error("decryption failed")]
    Decryption,
}

impl SoftwareKey {
    /// Makes an RSA-2048 key.
    pub fn generate_rsa(rng: &mut impl CryptoRngCore) -> Result<Self, SoftwareKeyError> {
        let key = RsaPrivateKey::new(rng, 2048).map_err(|_| SoftwareKeyError::Generation)?;
        Ok(Self::Rsa(Box::new(key)))
    }

    /// Makes a P-256 key.
    pub fn generate_p256(rng: &mut impl CryptoRngCore) -> Self {
        Self::P256(p256::ecdsa::SigningKey::random(rng))
    }

    /// Reads what [`Self::to_pkcs8`] wrote.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, SoftwareKeyError> {
        if let Ok(key) = RsaPrivateKey::from_pkcs8_der(der) {
            return Ok(Self::Rsa(Box::new(key)));
        }
        p256::ecdsa::SigningKey::from_pkcs8_der(der).map(Self::P256).map_err(|_| SoftwareKeyError::Stored)
    }

    /// The key as PKCS#8, DER.
    pub fn to_pkcs8(&self) -> Result<SecretSlice<u8>, SoftwareKeyError> {
        let document = match self {
            Self::Rsa(key) => key.to_pkcs8_der().map_err(|_| SoftwareKeyError::Stored)?,
            Self::P256(key) => key.to_pkcs8_der().map_err(|_| SoftwareKeyError::Stored)?,
        };
        Ok(secret_slice(document.as_bytes().to_vec()))
    }

    /// The public half.
    pub fn public(&self) -> Result<PublicKey, SoftwareKeyError> {
        match self {
            Self::Rsa(key) => RsaPublic::new(&key.n().to_bytes_be(), &key.e().to_bytes_be()).map(PublicKey::Rsa),
            Self::P256(key) => {
                EcPublic::from_point(key.verifying_key().to_encoded_point(false).as_bytes()).map(PublicKey::P256)
            }
        }
        .map_err(|_| SoftwareKeyError::Stored)
    }

    /// Signs a SHA-256 digest: RSASSA-PKCS1-v1_5 (256 bytes) or ECDSA (`r || s`, 64 bytes).
    pub fn sign(&self, digest: &[u8; 32], rng: &mut impl CryptoRngCore) -> Result<Vec<u8>, SoftwareKeyError> {
        match self {
            Self::Rsa(key) => {
                key.sign_with_rng(rng, Pkcs1v15Sign::new::<Sha256>(), digest).map_err(|_| SoftwareKeyError::Signing)
            }
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature =
                    key.sign_prehash(digest).map_err(|_| SoftwareKeyError::Signing)?;
                Ok(signature.to_bytes().to_vec())
            }
        }
    }

    /// RSA-OAEP decryption with SHA-1 and no label: how Entra wraps a session key.
    pub fn decrypt_oaep_sha1(
        &self,
        ciphertext: &[u8],
        rng: &mut impl CryptoRngCore,
    ) -> Result<SecretSlice<u8>, SoftwareKeyError> {
        let Self::Rsa(key) = self else { return Err(SoftwareKeyError::Decryption) };
        key.decrypt_blinded(rng, Oaep::new::<Sha1>(), ciphertext)
            .map(secret_slice)
            .map_err(|_| SoftwareKeyError::Decryption)
    }

    /// RSA-OAEP decryption with SHA-256 and a label, to which the NUL at its end is added: what a TPM does with the secret of
    /// a credential (TPM 2.0 Part 1, annex B.4).
    pub fn decrypt_oaep_sha256(
        &self,
        ciphertext: &[u8],
        label: &str,
        rng: &mut impl CryptoRngCore,
    ) -> Result<SecretSlice<u8>, SoftwareKeyError> {
        let Self::Rsa(key) = self else { return Err(SoftwareKeyError::Decryption) };
        key.decrypt_blinded(rng, Oaep::new_with_label::<Sha256, _>(format!("{label}\0")), ciphertext)
            .map(secret_slice)
            .map_err(|_| SoftwareKeyError::Decryption)
    }

    /// The x coordinate of the point that this P-256 key shares with `peer`.
    pub fn agree(&self, peer: &EcPublic) -> Result<Secret32, SoftwareKeyError> {
        let Self::P256(key) = self else { return Err(SoftwareKeyError::Decryption) };
        let peer = p256::PublicKey::from_sec1_bytes(&peer.to_point()).map_err(|_| SoftwareKeyError::Decryption)?;
        let shared = p256::ecdh::diffie_hellman(key.as_nonzero_scalar(), peer.as_affine());
        let z: [u8; 32] = (*shared.raw_secret_bytes()).into();
        Ok(Secret32::new(Box::new(z)))
    }
}

impl std::fmt::Debug for SoftwareKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Rsa(_) => "SoftwareKey(RSA-2048)",
            Self::P256(_) => "SoftwareKey(P-256)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{ExposeSecret as _, OsRng};
    use crate::crypto::{SignatureAlgorithm, digest::sha256};

    #[test]
    fn what_a_software_key_signs_the_other_library_verifies() {
        let rsa = SoftwareKey::generate_rsa(&mut OsRng).unwrap();
        let p256 = SoftwareKey::generate_p256(&mut OsRng);
        for (key, algorithm) in [(rsa, SignatureAlgorithm::RsaSha256), (p256, SignatureAlgorithm::EcdsaSha256Fixed)] {
            let again = SoftwareKey::from_pkcs8(key.to_pkcs8().unwrap().expose_secret()).unwrap();
            let signature = again.sign(&sha256(b"message"), &mut OsRng).unwrap();
            assert_eq!(key.public().unwrap().verify(algorithm, b"message", &signature), Ok(()));
        }
    }

    #[test]
    fn opens_what_was_wrapped_for_it_and_nothing_else() {
        let key = SoftwareKey::generate_rsa(&mut OsRng).unwrap();
        let public = key.public().unwrap();
        let wrapped = public.rsa().unwrap().encrypt_oaep_sha1(&[9; 32]).unwrap();
        assert_eq!(key.decrypt_oaep_sha1(&wrapped, &mut OsRng).unwrap().expose_secret(), [9; 32]);
        let labelled = public.rsa().unwrap().encrypt_oaep_sha256(&[9; 32], "IDENTITY").unwrap();
        assert_eq!(key.decrypt_oaep_sha1(&labelled, &mut OsRng).err(), Some(SoftwareKeyError::Decryption));
    }
}

//! Symmetric encryption: CFB for TPM parameters, CBC for Entra's replies, GCM for everything at rest.

use aes::{Aes128, Aes256};
use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _, Nonce};
use cbc::cipher::{BlockDecryptMut as _, BlockEncryptMut as _, KeyIvInit as _, block_padding::Pkcs7};
use cfb_mode::cipher::AsyncStreamCipher as _;
use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use crate::base::{Random, Secret32, SecretSlice, random_bytes, secret_slice};

/// The ciphertext was changed, or the key is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("decryption failed: wrong key or changed data")]
pub struct DecryptionFailed;

/// AES-128-CFB encryption in place (TPM 2.0 Part 1, section 21.3).
pub fn cfb_encrypt(key: &[u8; 16], iv: &[u8; 16], data: &mut [u8]) {
    cfb_mode::Encryptor::<Aes128>::new(key.into(), iv.into()).encrypt(data);
}

/// AES-128-CFB decryption in place.
pub fn cfb_decrypt(key: &[u8; 16], iv: &[u8; 16], data: &mut [u8]) {
    cfb_mode::Decryptor::<Aes128>::new(key.into(), iv.into()).decrypt(data);
}

/// AES-256-CBC with PKCS#7 padding.
pub fn cbc_encrypt(key: &Secret32, iv: &[u8; 16], data: &[u8]) -> Vec<u8> {
    cbc::Encryptor::<Aes256>::new(key.expose_secret().into(), iv.into()).encrypt_padded_vec_mut::<Pkcs7>(data)
}

/// Undoes [`cbc_encrypt`]; refuses bad padding and lengths that are no multiple of 16.
pub fn cbc_decrypt(key: &Secret32, iv: &[u8; 16], data: &[u8]) -> Result<Vec<u8>, DecryptionFailed> {
    cbc::Decryptor::<Aes256>::new(key.expose_secret().into(), iv.into())
        .decrypt_padded_vec_mut::<Pkcs7>(data)
        .map_err(|_| DecryptionFailed)
}

/// AES-256-GCM; the 16-byte tag follows the ciphertext.
#[expect(clippy::expect_used, reason = "GCM fails only beyond 64 GiB, which memory does not hold here")]
pub fn gcm_encrypt(key: &Secret32, nonce: &[u8; 12], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    Aes256Gcm::new(key.expose_secret().into())
        .encrypt(Nonce::from_slice(nonce), Payload { msg: plaintext, aad })
        .expect("plaintext is shorter than 64 GiB")
}

/// Undoes [`gcm_encrypt`].
pub fn gcm_decrypt(
    key: &Secret32,
    nonce: &[u8; 12],
    aad: &[u8],
    ciphertext: &[u8],
) -> Result<SecretSlice<u8>, DecryptionFailed> {
    Aes256Gcm::new(key.expose_secret().into())
        .decrypt(Nonce::from_slice(nonce), Payload { msg: ciphertext, aad })
        .map(secret_slice)
        .map_err(|_| DecryptionFailed)
}

/// Seals `plaintext` at rest: `nonce (12) || ciphertext || tag (16)`. `purpose` is bound in and must match at [`open`].
pub fn seal(key: &Secret32, purpose: &str, plaintext: &[u8], rng: &mut dyn Random) -> Vec<u8> {
    let nonce: [u8; 12] = random_bytes(rng);
    let mut sealed = nonce.to_vec();
    sealed.extend(gcm_encrypt(key, &nonce, purpose.as_bytes(), plaintext));
    sealed
}

/// Opens what [`seal`] made for the same purpose.
pub fn open(key: &Secret32, purpose: &str, sealed: &[u8]) -> Result<SecretSlice<u8>, DecryptionFailed> {
    let (nonce, ciphertext) = sealed.split_first_chunk::<12>().ok_or(DecryptionFailed)?;
    gcm_decrypt(key, nonce, purpose.as_bytes(), ciphertext)
}

/// Draws a fresh 32-byte secret.
pub fn random_secret(rng: &mut dyn Random) -> Secret32 {
    let bytes = Zeroizing::new(random_bytes::<32>(rng));
    Secret32::new(Box::new(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::OsRng;

    #[test]
    fn what_was_sealed_opens_only_with_its_key_and_purpose() {
        let (key, other) = (random_secret(&mut OsRng), random_secret(&mut OsRng));
        let sealed = seal(&key, "prt", b"secret", &mut OsRng);
        assert_eq!(open(&key, "prt", &sealed).unwrap().expose_secret(), b"secret");
        assert_eq!(open(&other, "prt", &sealed).err(), Some(DecryptionFailed));
        assert_eq!(open(&key, "key", &sealed).err(), Some(DecryptionFailed));
        for length in 0..sealed.len() {
            assert!(open(&key, "prt", &sealed[..length]).is_err(), "{length} bytes opened");
        }
    }

    #[test]
    fn cbc_refuses_lengths_and_padding_that_are_wrong() {
        let key = random_secret(&mut OsRng);
        let data = cbc_encrypt(&key, &[7; 16], b"{\"token_type\":\"Bearer\"}");
        assert_eq!(cbc_decrypt(&key, &[7; 16], &data).unwrap(), b"{\"token_type\":\"Bearer\"}");
        assert!(cbc_decrypt(&key, &[7; 16], &data[..data.len() - 1]).is_err());
        assert!(cbc_decrypt(&key, &[7; 16], &[]).is_err());
    }

    #[test]
    fn cfb_is_its_own_inverse_pair() {
        let mut data = *b"an authorization value";
        cfb_encrypt(&[1; 16], &[2; 16], &mut data);
        assert_ne!(&data, b"an authorization value");
        cfb_decrypt(&[1; 16], &[2; 16], &mut data);
        assert_eq!(&data, b"an authorization value");
    }
}

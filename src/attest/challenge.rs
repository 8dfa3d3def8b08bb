//! Credential protection without a TPM (TPM 2.0 Part 1, section 24): a secret that only the TPM with this endorsement key
//! gives back, and only while it holds an object with this Name.

use zeroize::Zeroizing;

use crate::base::{ExposeSecret as _, Random, SecretSlice, random_bytes};
use crate::crypto::cipher::cfb_encrypt;
use crate::crypto::digest::hmac_sha256;
use crate::crypto::kdf::{kdfa, kdfe};
use crate::crypto::{EcPublic, PublicKey, RsaPublic, agree_once};
use crate::wire::tpm::{Credential, to_tpm2b};

/// Label of the seed's transport (TPM 2.0 Part 1, section 24 and annexes B and C).
const IDENTITY: &str = "IDENTITY";
/// The longest secret: a digest of the endorsement key's name algorithm, SHA-256.
pub const SECRET_LIMIT: usize = 32;

/// Why no credential could be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChallengeError {
    /// The endorsement key is neither RSA-2048 nor P-256.
    #[error("the endorsement key is neither RSA-2048 nor P-256")]
    Endorsement,
    /// The secret is empty or longer than [`SECRET_LIMIT`].
    #[error("the secret of a credential has 1 to 32 bytes")]
    SecretLength,
    /// The Name is not `000b || SHA-256`, 34 bytes.
    #[error("the attestation key's Name is not a SHA-256 Name")]
    Name,
}

/// Makes what `TPM2_MakeCredential` makes, for an endorsement key of the TCG templates L-1 (RSA-2048) or L-2 (P-256), whose
/// name algorithm is SHA-256 and whose symmetric algorithm is AES-128-CFB.
///
/// `aik_name` is the Name of the attestation key, 34 bytes; `secret` has at most [`SECRET_LIMIT`] bytes.
pub fn make_credential(
    ek: &PublicKey,
    aik_name: &[u8],
    secret: &SecretSlice<u8>,
    rng: &mut dyn Random,
) -> Result<Credential, ChallengeError> {
    let secret = secret.expose_secret();
    if secret.is_empty() || secret.len() > SECRET_LIMIT {
        return Err(ChallengeError::SecretLength);
    }
    if aik_name.len() != 34 || !aik_name.starts_with(&[0x00, 0x0b]) {
        return Err(ChallengeError::Name);
    }
    let (seed, encrypted_seed) = match ek {
        PublicKey::Rsa(rsa) => wrap_seed(rsa, rng)?,
        PublicKey::P256(ec) => share_seed(ec, rng)?,
    };
    Ok(Credential { blob: protect(&seed, aik_name, secret)?, secret: encrypted_seed })
}

type Seed = Zeroizing<Vec<u8>>;

/// RSA: a random seed under OAEP with SHA-256 (annex B).
fn wrap_seed(ek: &RsaPublic, rng: &mut dyn Random) -> Result<(Seed, Vec<u8>), ChallengeError> {
    if ek.bits() != 2048 {
        return Err(ChallengeError::Endorsement);
    }
    let seed = Zeroizing::new(random_bytes::<32>(rng).to_vec());
    let encrypted = ek.encrypt_oaep_sha256(&seed, IDENTITY).map_err(|_| ChallengeError::Endorsement)?;
    Ok((seed, encrypted))
}

/// P-256: the seed follows from an ephemeral key, whose public point is sent as a `TPMS_ECC_POINT` (annex C).
fn share_seed(ek: &EcPublic, rng: &mut dyn Random) -> Result<(Seed, Vec<u8>), ChallengeError> {
    let (ephemeral, z) = agree_once(ek, rng).map_err(|_| ChallengeError::Endorsement)?;
    let seed = Zeroizing::new(kdfe(z.expose_secret(), IDENTITY, &ephemeral.x, &ek.x, 256));
    let mut point = sized(&ephemeral.x)?;
    point.extend(sized(&ephemeral.y)?);
    Ok((seed, point))
}

/// Encrypts the secret and binds the result to the Name (section 24): `TPM2B` HMAC, then the encrypted `TPM2B`.
fn protect(seed: &[u8], name: &[u8], secret: &[u8]) -> Result<Vec<u8>, ChallengeError> {
    let storage = Zeroizing::new(kdfa(seed, "STORAGE", name, &[], 128));
    let key = storage.first_chunk::<16>().ok_or(ChallengeError::SecretLength)?;
    let mut identity = sized(secret)?;
    cfb_encrypt(key, &[0; 16], &mut identity);
    let integrity = Zeroizing::new(kdfa(seed, "INTEGRITY", &[], &[], 256));
    let mut blob = sized(&hmac_sha256(&integrity, &[&identity, name]))?;
    blob.extend(identity);
    Ok(blob)
}

/// Everything here is a few dozen bytes, so the length always fits.
fn sized(bytes: &[u8]) -> Result<Vec<u8>, ChallengeError> {
    to_tpm2b(bytes).map_err(|_| ChallengeError::SecretLength)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{OsRng, secret_slice};
    use crate::crypto::SoftwareKey;
    use crate::crypto::cipher::cfb_decrypt;
    use crate::wire::tpm::{from_tpm2b, name_of, split_tpm2b};

    /// What the TPM's side does, from the two structures and the Name of the object that it holds.
    fn activate(ek: &SoftwareKey, name: &[u8], credential: &Credential) -> Option<Vec<u8>> {
        let seed = match ek {
            SoftwareKey::Rsa(_) => {
                ek.decrypt_oaep_sha256(&credential.secret, "IDENTITY", &mut OsRng).ok()?.expose_secret().to_vec()
            }
            SoftwareKey::P256(_) => {
                let (x, rest) = split_tpm2b(&credential.secret).ok()?;
                let peer = EcPublic { x: x.try_into().ok()?, y: from_tpm2b(rest).ok()?.try_into().ok()? };
                let PublicKey::P256(own) = ek.public().ok()? else { return None };
                kdfe(ek.agree(&peer).ok()?.expose_secret(), "IDENTITY", &peer.x, &own.x, 256)
            }
        };
        let (mac, identity) = split_tpm2b(&credential.blob).ok()?;
        if hmac_sha256(&kdfa(&seed, "INTEGRITY", &[], &[], 256), &[identity, name]) != mac {
            return None;
        }
        let mut plain = identity.to_vec();
        cfb_decrypt(&kdfa(&seed, "STORAGE", name, &[], 128).try_into().ok()?, &[0; 16], &mut plain);
        from_tpm2b(&plain).ok().map(<[u8]>::to_vec)
    }

    #[test]
    fn only_the_named_object_beside_that_endorsement_key_gets_the_secret() {
        let secret = secret_slice(vec![0x5a; 32]);
        let name = name_of(b"attestation key");
        let pair = |rsa: bool| match rsa {
            true => SoftwareKey::generate_rsa(&mut OsRng).unwrap(),
            false => SoftwareKey::generate_p256(&mut OsRng),
        };
        for rsa in [true, false] {
            let (ek, other) = (pair(rsa), pair(rsa));
            let credential = make_credential(&ek.public().unwrap(), &name, &secret, &mut OsRng).unwrap();
            assert_eq!(activate(&ek, &name, &credential).as_deref(), Some(&[0x5a; 32][..]));
            assert_eq!(activate(&ek, &name_of(b"software key"), &credential), None);
            assert_eq!(activate(&other, &name, &credential), None);
            assert_eq!(credential.blob.len(), 2 + 32 + 2 + 32);
        }
    }

    #[test]
    fn refuses_secrets_names_and_keys_that_no_tpm_takes() {
        let ek = SoftwareKey::generate_p256(&mut OsRng).public().unwrap();
        let name = name_of(b"key");
        let made = |ek: &PublicKey, name: &[u8], length: usize| {
            make_credential(ek, name, &secret_slice(vec![1; length]), &mut OsRng).err()
        };
        assert_eq!(made(&ek, &name, 0), Some(ChallengeError::SecretLength));
        assert_eq!(made(&ek, &name, 33), Some(ChallengeError::SecretLength));
        assert_eq!(made(&ek, &name[..33], 32), Some(ChallengeError::Name));
        assert_eq!(made(&ek, &[4; 34], 32), Some(ChallengeError::Name));
        let off = PublicKey::P256(EcPublic { x: [1; 32], y: [1; 32] });
        assert_eq!(made(&off, &name, 32), Some(ChallengeError::Endorsement));
        let small = PublicKey::Rsa(RsaPublic::new(&[0xff; 128], &[1, 0, 1]).unwrap());
        assert_eq!(made(&small, &name, 32), Some(ChallengeError::Endorsement));
    }
}

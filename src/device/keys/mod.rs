//! Hardware or software key behind one face.
//!
//! A key of the TPM is a blob that only this TPM loads. A software key is PKCS#8 under AES-256-GCM: device and
//! transport key under the machine key, the user key under the container's sign secret. The machine key is a file of
//! the device directory, the counterpart of the key that Windows' data protection uses for the machine: it keeps a
//! copied record from being useful without the file beside it, and protects from nobody who can read the directory.

use crate::base::{ExposeSecret as _, Hresult, Random, Secret32, SecretSlice, secret_slice};
use crate::crypto::{PublicKey, RsaPublic, SoftwareKey, SoftwareKeyError, cipher};
use crate::device::hardware::Provider;
use crate::device::tpm::{Gate, KeyBlob, KeyKind, RawSignature, SealedBlob, Tpm, TpmError, Usage, with_key};
use crate::wire::base64_bytes;
use crate::wire::tpm::Public;

/// What a key is for; bound into the software form, so that stored keys cannot be exchanged for one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Signs the join request and every request of the broker.
    Device,
    /// Unwraps session keys.
    Transport,
    /// Signs in a user.
    User,
}

impl Role {
    fn purpose(self) -> &'static str {
        match self {
            Self::Device => "whfb device key",
            Self::Transport => "whfb transport key",
            Self::User => "whfb user key",
        }
    }
}

/// A key pair as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StoredKey {
    /// What it is for.
    pub role: Role,
    /// The public half as `SubjectPublicKeyInfo`, DER.
    #[serde(with = "base64_bytes")]
    pub spki: Vec<u8>,
    material: Material,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Material {
    Tpm(KeyBlob),
    Software(SealedKey),
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct SealedKey(#[serde(with = "base64_bytes")] Vec<u8>);

/// Bytes at rest that only this device reads.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Protected {
    /// The key, sealed by the TPM; absent when the machine key is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<SealedBlob>,
    #[serde(with = "base64_bytes")]
    sealed: Vec<u8>,
}

/// What has to be known to use a key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lock<'a> {
    /// Nothing but being on this device.
    Device,
    /// A secret of 32 bytes.
    Secret(&'a Secret32),
}

/// Why a key could not be made or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The TPM refused or is gone.
    #[error(transparent)]
    Tpm(#[from] TpmError),
    /// A software key failed.
    #[error(transparent)]
    Software(#[from] SoftwareKeyError),
    /// The key lives in a TPM and the device has none now.
    #[error("the key lives in a TPM, and there is none")]
    NoTpm,
    /// The stored form does not open: another machine key, another secret, or damage.
    #[error("the stored key does not open: another secret, or damaged")]
    Sealed,
    /// The public half is not an RSA key.
    #[error("the public half of the key is not an RSA key")]
    Public,
    /// A statement over too many bytes.
    #[error("a statement is made over at most 32 bytes, and not over {0}")]
    ExtraData(usize),
}

impl KeyError {
    /// The code that a Windows device shows for it.
    pub fn hresult(&self) -> Hresult {
        match self {
            Self::Tpm(error) => error.hresult(),
            Self::Software(_) => Hresult::NTE_FAIL,
            Self::NoTpm => Hresult::TBS_E_TPM_NOT_FOUND,
            Self::Sealed | Self::Public => Hresult::NTE_BAD_DATA,
            Self::ExtraData(_) => Hresult::NTE_INVALID_PARAMETER,
        }
    }
}

impl StoredKey {
    /// Where it lives.
    pub fn provider(&self) -> Provider {
        match self.material {
            Material::Tpm(_) => Provider::Hardware,
            Material::Software(_) => Provider::Software,
        }
    }

    /// The public half.
    pub fn public(&self) -> Result<RsaPublic, KeyError> {
        let key = PublicKey::from_spki(&self.spki).map_err(|_| KeyError::Public)?;
        key.rsa().cloned().ok_or(KeyError::Public)
    }

    /// The TPM's blob, if the key lives there.
    pub(crate) fn tpm_blob(&self) -> Option<&KeyBlob> {
        match &self.material {
            Material::Tpm(blob) => Some(blob),
            Material::Software(_) => None,
        }
    }
}

/// Everything that makes and uses keys: the TPM at hand, the machine key, randomness.
pub struct KeyStore<'a> {
    /// The TPM, if the device has one that answers.
    pub tpm: Option<&'a mut (dyn Tpm + 'static)>,
    /// Whether the device has a TPM that is not ready.
    pub not_ready: bool,
    /// The machine key; drawn when the first software key needs it.
    pub machine_key: &'a mut Option<Secret32>,
    /// Where secrets come from.
    pub rng: &'a mut (dyn Random + 'static),
}

impl<'a> KeyStore<'a> {
    pub(crate) fn tpm(&mut self) -> Result<&mut (dyn Tpm + 'static), KeyError> {
        let absent = match self.not_ready {
            true => KeyError::Tpm(TpmError::NotReady("a hierarchy that is needed is disabled")),
            false => KeyError::NoTpm,
        };
        self.tpm.as_deref_mut().ok_or(absent)
    }

    fn machine_key(&mut self) -> &Secret32 {
        let rng = &mut *self.rng;
        self.machine_key.get_or_insert_with(|| cipher::random_secret(rng))
    }

    /// Makes an RSA-2048 key. Nothing is kept but what is returned.
    pub(crate) fn create(&mut self, provider: Provider, role: Role, lock: Lock<'_>) -> Result<StoredKey, KeyError> {
        match provider {
            Provider::Hardware => {
                let blob = self.tpm()?.create(KeyKind::Rsa2048, Usage::General, lock.authorization())?;
                let public = public_of_blob(&blob)?;
                Ok(StoredKey { role, spki: public.to_spki(), material: Material::Tpm(blob) })
            }
            Provider::Software => {
                let key = SoftwareKey::generate_rsa(&mut self.rng)?;
                let spki = key.public()?.to_spki();
                let der = key.to_pkcs8()?;
                let sealed = self.seal_software(role.purpose(), lock, der.expose_secret());
                Ok(StoredKey { role, spki, material: Material::Software(SealedKey(sealed)) })
            }
        }
    }

    /// Takes over a key that the TPM made in advance under the authorization value `old`. The old blob stays good under the
    /// old value, which the caller therefore wipes.
    pub(crate) fn claim(
        &mut self,
        blob: &KeyBlob,
        old: &Secret32,
        role: Role,
        new: &Secret32,
    ) -> Result<StoredKey, KeyError> {
        let public = public_of_blob(blob)?;
        let claimed = with_key(self.tpm()?, blob, |tpm, key| tpm.change_auth(key, &blob.public, old, new))?;
        Ok(StoredKey { role, spki: public.to_spki(), material: Material::Tpm(claimed) })
    }

    /// RSASSA-PKCS1-v1_5 over a SHA-256 digest.
    pub(crate) fn sign(&mut self, key: &StoredKey, lock: Lock<'_>, digest: &[u8; 32]) -> Result<Vec<u8>, KeyError> {
        match &key.material {
            Material::Tpm(blob) => {
                let signature =
                    with_key(self.tpm()?, blob, |tpm, handle| tpm.sign(handle, lock.authorization(), digest))?;
                Ok(signature_bytes(signature))
            }
            Material::Software(sealed) => {
                let software = self.open_software(key.role, lock, sealed)?;
                Ok(software.sign(digest, &mut self.rng)?)
            }
        }
    }

    /// RSA-OAEP with SHA-1 and no label.
    pub(crate) fn decrypt(
        &mut self,
        key: &StoredKey,
        lock: Lock<'_>,
        ciphertext: &[u8],
    ) -> Result<SecretSlice<u8>, KeyError> {
        match &key.material {
            Material::Tpm(blob) => {
                Ok(with_key(self.tpm()?, blob, |tpm, handle| tpm.decrypt(handle, lock.authorization(), ciphertext))?)
            }
            Material::Software(sealed) => {
                let software = self.open_software(key.role, lock, sealed)?;
                Ok(software.decrypt_oaep_sha1(ciphertext, &mut self.rng)?)
            }
        }
    }

    /// Protects `plaintext` for this device: under a fresh key that the TPM seals, or under the machine key.
    pub(crate) fn protect(
        &mut self,
        provider: Provider,
        purpose: &str,
        plaintext: &[u8],
    ) -> Result<Protected, KeyError> {
        let Provider::Hardware = provider else {
            return Ok(Protected { key: None, sealed: self.seal_software(purpose, Lock::Device, plaintext) });
        };
        let key = cipher::random_secret(self.rng);
        let bytes = secret_slice(key.expose_secret().to_vec());
        let blob = self.tpm()?.seal(&bytes, Gate::Open)?;
        Ok(Protected { key: Some(blob), sealed: cipher::seal(&key, purpose, plaintext, self.rng) })
    }

    /// Undoes [`Self::protect`].
    pub(crate) fn reveal(&mut self, purpose: &str, protected: &Protected) -> Result<SecretSlice<u8>, KeyError> {
        let opened = match &protected.key {
            None => cipher::open(self.machine_key(), purpose, &protected.sealed),
            Some(blob) => {
                let bytes = self.tpm()?.unseal(blob, Gate::Open)?;
                let key = secret32(bytes.expose_secret()).ok_or(KeyError::Sealed)?;
                cipher::open(&key, purpose, &protected.sealed)
            }
        };
        opened.map_err(|_| KeyError::Sealed)
    }

    fn seal_software(&mut self, purpose: &str, lock: Lock<'_>, plaintext: &[u8]) -> Vec<u8> {
        match lock {
            Lock::Secret(secret) => cipher::seal(secret, purpose, plaintext, self.rng),
            Lock::Device => {
                let rng = &mut *self.rng;
                let key = self.machine_key.get_or_insert_with(|| cipher::random_secret(rng));
                cipher::seal(key, purpose, plaintext, rng)
            }
        }
    }

    fn open_software(&mut self, role: Role, lock: Lock<'_>, sealed: &SealedKey) -> Result<SoftwareKey, KeyError> {
        let opened = match lock {
            Lock::Secret(secret) => cipher::open(secret, role.purpose(), &sealed.0),
            Lock::Device => cipher::open(self.machine_key(), role.purpose(), &sealed.0),
        };
        let der = opened.map_err(|_| KeyError::Sealed)?;
        Ok(SoftwareKey::from_pkcs8(der.expose_secret())?)
    }
}

impl Lock<'_> {
    fn authorization(&self) -> Option<&Secret32> {
        match self {
            Self::Device => None,
            Self::Secret(secret) => Some(secret),
        }
    }
}

/// Copies 32 bytes into a secret; `None` for any other length.
pub(crate) fn secret32(bytes: &[u8]) -> Option<Secret32> {
    let bytes: &[u8; 32] = bytes.try_into().ok()?;
    Some(Secret32::init_with_mut(|secret: &mut [u8; 32]| secret.copy_from_slice(bytes)))
}

pub(crate) fn public_of_blob(blob: &KeyBlob) -> Result<PublicKey, KeyError> {
    Public::from_bytes(&blob.public).and_then(|public| public.to_public_key()).map_err(|_| KeyError::Public)
}

pub(crate) fn signature_bytes(signature: RawSignature) -> Vec<u8> {
    match signature {
        RawSignature::Rsa(bytes) => bytes,
        RawSignature::P256(bytes) => bytes.to_vec(),
    }
}

#[cfg(test)]
mod tests;

//! The Hello container: one user's keys on one device, behind protectors.
//!
//! Every protector wraps the same three secrets; the sign secret authorizes the user key. Therefore a change of the PIN
//! rewrites one protector and no key, and revokes nothing: a kept copy of the old protector opens with the old PIN,
//! and a leaked sign secret stays good until a new key is made.

pub mod pool;
mod protector;
mod secrets;

use pool::PooledKey;
pub(crate) use protector::PinProtector;
pub(crate) use secrets::Secrets;

use crate::base::{Hresult, Secret32, SecretString, Timestamp, Uuid, random_guid};
use crate::device::hardware::Provider;
use crate::device::keys::{KeyError, KeyStore, Lock, Role, StoredKey};
use crate::device::pin::AcceptedPin;
use crate::device::tpm::CertifyAuthority;

/// A user's container, complete: it is stored only once its key is registered.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Container {
    /// Its GUID.
    pub id: Uuid,
    /// When it was made.
    pub created: Timestamp,
    protector: PinProtector,
    /// The key that signs the user in.
    pub user_key: UserKey,
}

/// The registered key of a container.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UserKey {
    /// The key pair.
    pub key: StoredKey,
    /// The GUID that the server gave it (`kid` of its answer, `NgcKeyId` of dsregcmd).
    pub key_id: Uuid,
    /// Base64 of the SHA-256 of the key's RSA1 blob: what an assertion names it by.
    pub kid: String,
    /// What the server made of the key's statement, in its words; `None` when it said nothing.
    pub attestation: Option<String>,
    /// When the server registered it.
    pub registered: Timestamp,
}

/// A container whose key is not registered yet. Dropping it leaves nothing behind: keys are blobs.
#[derive(Debug)]
pub(crate) struct Draft {
    id: Uuid,
    created: Timestamp,
    protector: PinProtector,
    pub(crate) key: StoredKey,
}

/// How many wrong authorizations a TPM has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Counter {
    /// Counted so far.
    pub count: u32,
    /// At which the TPM locks.
    pub max: u32,
}

/// Why a container did not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnlockFault {
    /// The PIN is wrong. A TPM counts it; software does not.
    #[error("wrong PIN{}", words(.0))]
    WrongPin(Option<Counter>),
    /// The TPM takes no PIN now, not even the right one.
    #[error("the TPM is locked out{}", words(.0))]
    LockedOut(Option<Counter>),
    /// Something else failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

fn words(counter: &Option<Counter>) -> String {
    counter.map_or_else(String::new, |Counter { count, max }| format!("; the TPM has counted {count} of {max}"))
}

impl UnlockFault {
    /// The code that a Windows device shows for it.
    pub fn hresult(&self) -> Hresult {
        match self {
            Self::WrongPin(_) => Hresult::NTE_INCORRECT_PASSWORD,
            Self::LockedOut(_) => Hresult::NTE_AUTHENTICATION_IGNORED,
            Self::Key(error) => error.hresult(),
        }
    }
}

impl Draft {
    /// Makes the secrets, the PIN protector and the user key.
    pub(crate) fn create(
        keys: &mut KeyStore<'_>,
        provider: Provider,
        pin: &AcceptedPin,
        now: Timestamp,
    ) -> Result<Self, KeyError> {
        Self::around(keys, provider, pin, now, |keys, secret| keys.create(provider, Role::User, Lock::Secret(secret)))
    }

    /// The same with a user key that was made in advance, whose authorization value becomes the sign secret.
    pub(crate) fn claim(
        keys: &mut KeyStore<'_>,
        pooled: PooledKey,
        pin: &AcceptedPin,
        now: Timestamp,
    ) -> Result<Self, KeyError> {
        Self::around(keys, Provider::Hardware, pin, now, |keys, secret| {
            keys.claim(&pooled.blob, &pooled.auth, Role::User, secret)
        })
    }

    fn around(
        keys: &mut KeyStore<'_>,
        provider: Provider,
        pin: &AcceptedPin,
        now: Timestamp,
        user_key: impl FnOnce(&mut KeyStore<'_>, &Secret32) -> Result<StoredKey, KeyError>,
    ) -> Result<Self, KeyError> {
        let secrets = Secrets::draw(keys.rng);
        let protector = PinProtector::create(keys, provider, pin.text(), &secrets)?;
        let key = user_key(keys, &secrets.sign_pin)?;
        Ok(Self { id: random_guid(keys.rng), created: now, protector, key })
    }

    /// The container, once the server has given the key an id.
    pub(crate) fn registered(
        self,
        key_id: Uuid,
        kid: String,
        attestation: Option<String>,
        now: Timestamp,
    ) -> Container {
        let user_key = UserKey { key: self.key, key_id, kid, attestation, registered: now };
        Container { id: self.id, created: self.created, protector: self.protector, user_key }
    }
}

impl Container {
    /// Where its key lives.
    pub fn provider(&self) -> Provider {
        self.user_key.key.provider()
    }

    /// Opens it with the PIN. On a TPM a wrong PIN costs one try.
    pub(crate) fn unlock(&self, keys: &mut KeyStore<'_>, pin: &SecretString) -> Result<Unlocked<'_>, UnlockFault> {
        let secrets = self.protector.open(keys, pin)?;
        Ok(Unlocked { key: &self.user_key, secrets })
    }
}

/// An open container: its key can be used until this is dropped, lockout or not.
#[derive(Debug)]
pub(crate) struct Unlocked<'c> {
    key: &'c UserKey,
    secrets: Secrets,
}

impl Unlocked<'_> {
    /// Signs a SHA-256 digest with the user key.
    pub(crate) fn sign(&self, keys: &mut KeyStore<'_>, digest: &[u8; 32]) -> Result<Vec<u8>, KeyError> {
        keys.sign(&self.key.key, Lock::Secret(&self.secrets.sign_pin), digest)
    }

    /// The user key's own authorization to be certified.
    pub(crate) fn certify_authority(&self) -> CertifyAuthority<'_> {
        CertifyAuthority::Value(&self.secrets.sign_pin)
    }
}

#[cfg(test)]
mod tests;

//! The three secrets that every protector of a container wraps.

use crate::base::{ExposeSecret as _, Random, Secret32, SecretSlice, secret_slice};
use crate::crypto::cipher;
use crate::device::keys::{KeyError, secret32};

/// What a protector gives back: 96 bytes in three parts, wiped on drop.
#[derive(Debug)]
pub(crate) struct Secrets {
    /// Unlocks what other parts of Windows keep in the container; nothing of ours yet.
    pub(crate) external_pin: Secret32,
    /// Authorizes keys that decrypt; nothing of ours yet.
    pub(crate) decrypt_pin: Secret32,
    /// Authorizes the user key.
    pub(crate) sign_pin: Secret32,
}

impl Secrets {
    pub(crate) fn draw(rng: &mut dyn Random) -> Self {
        Self {
            external_pin: cipher::random_secret(rng),
            decrypt_pin: cipher::random_secret(rng),
            sign_pin: cipher::random_secret(rng),
        }
    }

    pub(crate) fn to_bytes(&self) -> SecretSlice<u8> {
        let parts = [&self.external_pin, &self.decrypt_pin, &self.sign_pin];
        // Sized at once, so that no half-filled buffer is left behind unwiped by a reallocation.
        let mut bytes = Vec::with_capacity(96);
        parts.into_iter().for_each(|part| bytes.extend_from_slice(part.expose_secret()));
        secret_slice(bytes)
    }

    pub(crate) fn from_bytes(bytes: &SecretSlice<u8>) -> Result<Self, KeyError> {
        let mut parts = bytes.expose_secret().chunks(32).map(secret32);
        let mut next = || parts.next().flatten().ok_or(KeyError::Sealed);
        let secrets = Self { external_pin: next()?, decrypt_pin: next()?, sign_pin: next()? };
        if parts.next().is_some() { Err(KeyError::Sealed) } else { Ok(secrets) }
    }
}
